//! Two nodes of one cloud that keep pictures and clips together.

use std::fs;

use serde_json::{Value, json};
use tallyline_tests::process::{Launch, Process};

use super::bucket::Bucket;
use super::{cloud, node_of};
use crate::api::http::Web;
use crate::media::{JPEG, MEDIA_MAX, MP4, bytes, file, hash, structure};
use crate::postgres::Postgres;
use crate::range::{AGREE_MAX, Range, address, until, wait_for};

/// Bytes that go to a bucket in parts.
const CLIP_BYTES: usize = 9 * 1024 * 1024;

/// A cloud on one database, and an owner's event with a picture.
struct Venue {
    range: Range,
    server: Postgres,
    key: String,
    picture: Vec<u8>,
}

impl Venue {
    fn founded() -> Option<Self> {
        let server = Postgres::start()?;
        let range = Range::new();
        let key = cloud(&range, "cloud");
        for name in ["first", "second"] {
            node_of(&range, "cloud", name);
        }
        let picture = bytes(JPEG, 21, 150_000);
        let path = range.path("race.json");
        let race = structure(std::slice::from_ref(&picture));
        fs::write(&path, race.to_string()).unwrap();
        range.done("owner", &["init", "--label", "Owner"]);
        let create = ["event", "create", "--structure", &path];
        range.done("owner", &[&create[..], &["--cloud-key", &key]].concat());
        range.done("owner", &["event", "lock"]);
        let path = range.path("picture.jpg");
        fs::write(&path, &picture).unwrap();
        range.done("owner", &["media", "add", &path]);
        Some(Self {
            range,
            server,
            key,
            picture,
        })
    }

    /// Starts a node of the cloud whose pictures and clips are there.
    fn node(&self, name: &str, blobs: &str, settings: &[String]) -> Process {
        let url = self.server.url();
        let mut args = vec!["--no-mdns", "--listen", "127.0.0.1:0"];
        args.extend(["--http", "127.0.0.1:0", "--store", &url, "--blobs", blobs]);
        let mut before = vec!["env"];
        before.extend(settings.iter().map(String::as_str));
        Process::launch(&Launch {
            root: &self.range.root(name),
            args: &args,
            log: &self.range.root(&format!("{name}.log")),
            before: &before,
        })
        .unwrap()
    }

    fn owner(&self, node: &Process) -> Process {
        let uplink = ["--cloud", &address(node), "--cloud-key", &self.key];
        self.range.start_with("owner", &[], &uplink)
    }

    /// Returns a node's HTTP as somebody sees it who decides about incidents.
    fn web(&self, name: &str, node: &Process) -> Web {
        let url = self.server.url();
        let make = ["cloud", "token", "vera", "--role", "var", "--store", &url];
        Web::of(node).with(&self.range.done(name, &make))
    }
}

impl Drop for Venue {
    /// Shows what the nodes said if the test fails: their folders vanish with it.
    fn drop(&mut self) {
        if std::thread::panicking() {
            for name in ["first.log", "second.log"] {
                let said = fs::read_to_string(self.range.root(name));
                println!("{name}:\n{}", said.unwrap_or_default());
            }
        }
    }
}

fn at(blob: &[u8]) -> String {
    format!("/api/v1/blobs/{}", hash(blob))
}

/// Where a depot keeps a blob.
fn kept(blob: &[u8]) -> String {
    let hash = hash(blob);
    let folder: String = hash.chars().take(2).collect();
    format!("{folder}/{hash}")
}

/// Reads a blob until it is there.
fn got(web: &Web, blob: &[u8]) -> Vec<u8> {
    let reply = wait_for("the other node has it", MEDIA_MAX, || {
        Some(web.get(&at(blob))).filter(|it| it.status == 200)
    });
    reply.body
}

#[test]
fn a_picture_sent_to_one_node_is_served_by_the_other_from_their_folder() {
    let Some(venue) = Venue::founded() else {
        return;
    };
    let blobs = venue.range.path("blobs");
    let first = venue.node("first", &blobs, &[]);
    let owner = venue.owner(&first);
    let clip = bytes(MP4, 22, 300_000);
    report(&venue, &owner, &clip);
    let (picture, is_named) = (&venue.picture, || file(&first, &hash(&clip)).is_object());
    until("the report is in the cloud", AGREE_MAX, is_named);

    let second = venue.node("second", &blobs, &[]);
    let (one, other) = (venue.web("first", &first), venue.web("second", &second));
    assert!(got(&other, picture) == *picture, "byte by byte");
    let there = fs::read(venue.range.root("blobs").join(kept(picture))).unwrap();
    assert!(there == *picture, "it lies there as it is");
    assert_eq!(file(&second, &hash(picture))["state"], "here");

    // A clip that is sent to the second one over HTTP, and to no device.
    let create = json!({ "hash": hash(&clip), "bytes": clip.len(), "mime": "video/mp4" });
    other.post("/api/v1/blobs", &create).good();
    let part = format!("{}/part?at=0", at(&clip));
    other.ask("PUT", &part, &[], &clip).good();
    other
        .ask("POST", &format!("{}/complete", at(&clip)), &[], b"")
        .good();
    assert!(got(&one, &clip) == clip, "byte by byte");
    until("the owner has it from its cloud", MEDIA_MAX, || {
        file(&owner, &hash(&clip))["state"] == "here"
    });

    // A node that lost its shelf finds everything there.
    second.stop().unwrap();
    fs::remove_dir_all(venue.range.root("second").join("media")).unwrap();
    first.stop().unwrap();
    owner.stop().unwrap();
    let second = venue.node("second", &blobs, &[]);
    let other = Web::of(&second);
    for blob in [&venue.picture, &clip] {
        let web = venue.web("second", &second);
        assert!(got(&web, blob) == *blob, "byte by byte");
    }
    assert_eq!(
        other.patient(&at(&clip)).status,
        401,
        "roles hold here, too"
    );
}

#[test]
fn a_bucket_is_as_good_as_a_folder_and_what_somebody_changed_there_never_appears() {
    let Some(venue) = Venue::founded() else {
        return;
    };
    let bucket = Bucket::start();
    let (place, settings) = ("s3://blobs/club/media", bucket.settings());
    let first = venue.node("first", place, &settings);
    let owner = venue.owner(&first);
    let clip = bytes(MP4, 23, CLIP_BYTES);
    let path = venue.range.path("clip.mp4");
    fs::write(&path, &clip).unwrap();
    venue.range.done("owner", &["media", "add", &path]);
    report(&venue, &owner, &clip);
    let object = |blob: &[u8]| format!("/blobs/club/media/{}", kept(blob));
    for blob in [&venue.picture, &clip] {
        until("it is in the bucket", MEDIA_MAX, || {
            bucket.get(&object(blob)).is_some_and(|it| it == *blob)
        });
    }
    assert_eq!(bucket.paths().len(), 2, "{:?}", bucket.paths());
    first.kill().unwrap();

    let mut bent = venue.picture.clone();
    bent[100_000] ^= 1;
    bucket.put(&object(&venue.picture), bent);
    let second = venue.node("second", place, &settings);
    let web = venue.web("second", &second);
    assert!(got(&web, &clip) == clip, "byte by byte");
    let refused = web.get(&at(&venue.picture));
    refused.problem(404, "media_pending");
    assert_eq!(file(&second, &hash(&venue.picture))["state"], "pending");
    bucket.put(&object(&venue.picture), venue.picture.clone());
    assert!(got(&web, &venue.picture) == venue.picture, "byte by byte");
    owner.stop().unwrap();
}

/// The owner reports an incident with a clip.
fn report(venue: &Venue, owner: &Process, clip: &[u8]) {
    let add = [
        "incident", "add", "--race", "9", "--bib", "1", "--place", "1",
    ];
    let incident = venue.range.done("owner", &add);
    let media: Value = json!({ "hash": hash(clip), "bytes": clip.len(), "mime": "video/mp4" });
    let report = json!({
        "verb": "incident-report", "incident": incident, "text": "see the clip", "media": [media],
    });
    owner.ask(&report).unwrap();
}
