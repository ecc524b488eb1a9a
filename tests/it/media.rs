//! Pictures and clips on real nodes: they come in a second phase, whatever breaks, and scores do not
//! wait for them.
//!
//! `cargo test --release -p tallyline-tests --test it media:: -- --nocapture` shows the figures.

mod liar;

use std::fs;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::{Value, json};
use tallyline_tests::process::Process;
use tallyline_tests::relay::{Relay, Trouble};

use crate::range::{AGREE_MAX, ALONE, Range, address, agree, status, until};

/// How long media may take on a loaded machine with a program that is not optimised.
pub(crate) const MEDIA_MAX: Duration = Duration::from_mins(3);

/// Bytes that are checked together.
const GROUP_BYTES: u64 = 16 * 1024;

/// Bytes of a clip.
const CLIP_BYTES: usize = 16 * 1024 * 1024;

/// Bytes a second of a link over which a clip is under way for as long as anybody needs to break it off
/// in the middle, or to send some scores meanwhile: 16 s at least.
const SLOW: u64 = 1024 * 1024;

/// Returns bytes that look like a file of this kind, different for each number.
pub(crate) fn bytes(start: &[u8], no: u64, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    let mut hasher = blake3::Hasher::new();
    hasher.update(&no.to_le_bytes());
    hasher.finalize_xof().fill(&mut bytes);
    bytes[..start.len()].copy_from_slice(start);
    bytes
}

pub(crate) const JPEG: &[u8] = b"\xff\xd8\xff\xe0";
pub(crate) const MP4: &[u8] = b"\x00\x00\x00\x20ftypisom";

pub(crate) fn hash(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex().to_string()
}

/// How a structure names a picture.
pub(crate) fn named(bytes: &[u8]) -> Value {
    json!({ "hash": hash(bytes), "bytes": bytes.len(), "mime": "image/jpeg" })
}

/// An event with these pictures, as many a stage as it may have; its last stage is a race.
pub(crate) fn structure(pictures: &[Vec<u8>]) -> Value {
    let mut stages: Vec<Value> = pictures
        .chunks(8)
        .zip(1..)
        .map(|(pictures, no)| {
            json!({ "stage": no, "name": format!("Stage {no}"), "scoring": "Comstock",
                    "target_shots": [2, 2], "steel": 1,
                    "pictures": pictures.iter().map(|it| named(it)).collect::<Vec<_>>() })
        })
        .collect();
    stages.push(json!({ "stage": 9, "name": "Run", "scoring": "run" }));
    json!({
        "event": "Spring Match", "date": "2026-05-09", "divisions": ["Open"],
        "stages": stages, "places": ["Gate 12"],
        "shooters": [{ "shooter": 1, "label": "Shooter 1", "division": "Open",
                       "power_factor": "MINOR", "squad": 1 }],
    })
}

/// Returns how a node lists a file; `Null` if it does not.
pub(crate) fn file(node: &Process, hash: &str) -> Value {
    let list = list(node);
    let media = list["media"].as_array().unwrap();
    let found = media.iter().find(|it| it["hash"] == hash);
    found.cloned().unwrap_or_default()
}

fn list(node: &Process) -> Value {
    node.ask(&json!({ "verb": "media-list" })).unwrap()
}

fn is_here(node: &Process, hash: &str) -> bool {
    file(node, hash)["state"] == "here"
}

/// Records an incident with a report that names a file; returns the incident.
fn reported(range: &Range, device: &str, clip: &str) -> String {
    let add = [
        "incident", "add", "--race", "9", "--bib", "1", "--place", "1",
    ];
    let incident = range.done(device, &add);
    let report = ["incident", "report", &incident, "--text", "see the clip"];
    range.done(device, &[&report[..], &["--media", clip]].concat());
    incident
}

/// Starts the owner's node, and that of a gate that knows no other way to it than over a slow link.
fn behind_a_relay(range: &Range) -> (Process, Relay, Process) {
    let owner = range.start("owner", &[]);
    let door = address(&owner).parse().unwrap();
    let relay = Relay::start(door, Trouble::default(), 1).unwrap();
    relay.pace(SLOW);
    let gate = start_behind(range, &relay);
    agree(&owner, &gate);
    (owner, relay, gate)
}

fn start_behind(range: &Range, relay: &Relay) -> Process {
    let door = relay.address().to_string();
    range.start_with("gate", &[], &["--peer", &door])
}

/// Acceptance row S0-10.
#[test]
fn s0_10_fourteen_pictures_are_fetched_apart_and_scoring_works_while_none_is_there() {
    let sizes = (0..14).map(|no| 142_000 + 7_770 * no);
    let pictures: Vec<Vec<u8>> = (0..)
        .zip(sizes)
        .map(|(no, size)| bytes(JPEG, no, size))
        .collect();
    let range = Range::founded_from(&structure(&pictures));
    let owner = range.start("owner", &[]);
    let tablet = range.join("tablet", "scorer", &[&owner]);
    range.done(
        "owner",
        &[
            "grant", "--drills", "all", "--squads", "all", "--to", "tablet",
        ],
    );
    agree(&owner, &tablet);

    // Nobody has a picture yet.
    let remarks = status(&tablet)["remarks"].to_string();
    assert!(remarks.contains("Pictures pending: 14."), "{remarks}");
    let event = range.read("tablet", &["event", "show"]);
    assert_eq!(
        event["drills"][0]["pictures"][7]["state"], "pending",
        "{event}"
    );
    range.score("tablet", "1", "1");
    agree(&owner, &tablet);

    for (no, picture) in pictures.iter().enumerate() {
        let path = range.path(&format!("{no}.jpg"));
        fs::write(&path, picture).unwrap();
        assert_eq!(range.done("owner", &["media", "add", &path]), hash(picture));
        // Scores go their way meanwhile.
        if no % 4 == 0 {
            let attempt = ["--attempt", &(no / 4 + 1).to_string()].map(str::to_owned);
            let mut score = crate::range::score("1", "1");
            score.extend(attempt.iter().map(String::as_str));
            range.done("tablet", &score);
        }
    }
    until("all pictures are on the tablet", MEDIA_MAX, || {
        pictures.iter().all(|it| is_here(&tablet, &hash(it)))
    });
    agree(&owner, &tablet);
    let told = list(&tablet);
    let whole: usize = pictures.iter().map(Vec::len).sum();
    assert_eq!(told["fetched"], whole, "each byte once");
    assert_eq!(told["media"][0]["wanted"], true, "{told}");
    range.shown("tablet", &["media", "list"]);

    // They are on the disk: without a network and after a restart.
    owner.stop().unwrap();
    tablet.stop().unwrap();
    let out = range.path("out.jpg");
    let beginning: String = hash(&pictures[13]).chars().take(12).collect();
    range.done("tablet", &["media", "get", &beginning, &out]);
    assert_eq!(fs::read(&out).unwrap(), pictures[13]);
    let again = range.run("tablet", &["media", "get", &hash(&pictures[13]), &out]);
    assert_eq!(
        again.exit, 1,
        "a file that is there is not written over: {again:?}"
    );
}

/// Acceptance row S2-16, invariant I17.
#[test]
fn s2_16_a_report_is_shown_while_its_video_is_pending_and_a_break_costs_one_group() {
    let range = Range::founded_from(&structure(&[]));
    range.apart("gate", "scorer");
    let (owner, relay, gate) = behind_a_relay(&range);
    let clip = bytes(MP4, 1, CLIP_BYTES);
    let path = range.path("clip.mp4");
    fs::write(&path, &clip).unwrap();
    let incident = reported(&range, "gate", &path);

    // The report is there at once, and says that its video is not.
    until("the report is at the owner's", AGREE_MAX, || {
        let shown = range.run("owner", &["incident", "show", &incident]).stdout;
        shown.contains("see the clip")
    });
    let shown = range.shown("owner", &["incident", "show", &incident]);
    assert!(shown.contains("video/mp4"), "{shown}");
    assert!(shown.contains("video pending"), "{shown}");

    // The sender dies in the middle.
    let percent = || file(&owner, &hash(&clip))["percent"].as_u64().unwrap();
    until("some of the clip is there", MEDIA_MAX, || 10 <= percent());
    assert_ne!(relay.counts().arrived.load(Ordering::Relaxed), 0);
    gate.kill().unwrap();
    let broken_at = percent();
    assert!(broken_at < 90, "broken off at {broken_at} %");
    assert!(!is_here(&owner, &hash(&clip)), "half a video is none");
    let fetched = || list(&owner)["fetched"].as_u64().unwrap();
    let before = fetched();
    let get = json!({ "verb": "media-get", "hash": hash(&clip), "file": range.path("half.mp4") });
    let got = owner.ask(&get).unwrap();
    assert_eq!(got["state"], "pending", "{got}");
    assert!(
        !fs::exists(range.path("half.mp4")).unwrap(),
        "nothing is written"
    );

    // It comes back at another port and dials the owner, over a better link.
    relay.pace(0);
    let gate = start_behind(&range, &relay);
    until("the clip is there", MEDIA_MAX, || {
        is_here(&owner, &hash(&clip))
    });
    let (all, length) = (fetched(), u64::try_from(clip.len()).unwrap());
    println!(
        "broken off at {broken_at} %, {before} bytes; {} bytes came twice",
        all - length
    );
    assert!(all <= length + GROUP_BYTES, "{all} bytes for {length}");
    let shown = range.shown("owner", &["incident", "show", &incident]);
    assert!(shown.contains("bytes: here"), "{shown}");

    // The receiver dies: what was on its disk is not fetched again.
    let second = bytes(MP4, 2, CLIP_BYTES);
    fs::write(&path, &second).unwrap();
    relay.pace(SLOW);
    reported(&range, "gate", &path);
    let pending = |node: &Process| {
        let percent = file(node, &hash(&second))["percent"].as_u64();
        percent.unwrap_or_default()
    };
    until("some of the second clip is there", MEDIA_MAX, || {
        20 <= pending(&owner)
    });
    owner.kill().unwrap();
    let owner = range.start("owner", &[&gate]);
    let kept = pending(&owner);
    until("the second clip is there", MEDIA_MAX, || {
        is_here(&owner, &hash(&second))
    });
    let again = list(&owner)["fetched"].as_u64().unwrap();
    println!("the receiver died with {kept} % on its disk; then {again} bytes came");
    let rest = length * (100 - kept) / 100 + GROUP_BYTES;
    assert!(5 <= kept && again <= rest, "{again} bytes, {kept} % kept");
    let out = range.path("out.mp4");
    range.done("owner", &["media", "get", &hash(&second), &out]);
    assert!(fs::read(&out).unwrap() == second, "byte by byte");
}

/// Invariant I17: scores overtake a clip that is under way.
#[test]
fn a_clip_under_way_delays_no_score() {
    let range = Range::founded_from(&structure(&[bytes(JPEG, 9, 20_000)]));
    range.apart("gate", "scorer");
    let grant = ["grant", "--drills", "1", "--squads", "all", "--to", "gate"];
    range.done("owner", &grant);
    range.carry("owner", "gate");
    let (owner, relay, gate) = behind_a_relay(&range);
    let clip = bytes(MP4, 10, CLIP_BYTES);
    let path = range.path("clip.mp4");
    fs::write(&path, &clip).unwrap();
    reported(&range, "gate", &path);
    let percent = || file(&owner, &hash(&clip))["percent"].as_u64();
    until("some of the clip is there", MEDIA_MAX, || {
        percent().is_some_and(|it| 2 <= it)
    });
    let entries = |node: &Process| status(node)["totals"]["entries"].clone();
    for attempt in 0..5 {
        let attempt = attempt.to_string();
        let more = ["--attempt", &attempt];
        range.done(
            "gate",
            &[&crate::range::score("1", "1")[..], &more].concat(),
        );
        let here = entries(&gate);
        until("the score is at the owner's", AGREE_MAX, || {
            entries(&owner) == here
        });
    }
    let then = percent().unwrap();
    println!("five scores were there when the clip was at {then} %");
    assert!(then < 100, "they did not wait for it");
    relay.pace(0);
    until("the clip is there", MEDIA_MAX, || {
        is_here(&owner, &hash(&clip))
    });
}

/// Acceptance row S2-17.
#[test]
fn s2_17_a_report_goes_ahead_to_the_cloud_and_its_file_only_over_a_link_that_is_free() {
    let range = Range::new();
    let told = range.read("cloud", &["init", "--label", "Cloud", "--mode", "cloud"]);
    let key = told["key"].as_str().unwrap().to_owned();
    let picture = bytes(JPEG, 3, 150_000);
    let file_of_event = range.path("race.json");
    fs::write(
        &file_of_event,
        structure(std::slice::from_ref(&picture)).to_string(),
    )
    .unwrap();
    range.done("owner", &["init", "--label", "Owner"]);
    let create = ["event", "create", "--structure", &file_of_event];
    range.done("owner", &[&create[..], &["--cloud-key", &key]].concat());
    range.done("owner", &["event", "lock"]);
    let cloud = range.start("cloud", &[]);
    let at = address(&cloud);
    let uplink = ["--cloud", &at, "--cloud-key", &key];
    let start = |metered: &str| {
        let args = [&ALONE[..], &uplink, &["--metered", metered]].concat();
        Process::start(&range.root("owner"), &args).unwrap()
    };
    let owner = start("true");

    let path = range.path("picture.jpg");
    fs::write(&path, &picture).unwrap();
    range.done("owner", &["media", "add", &path]);
    let clip = bytes(MP4, 4, 300_000);
    fs::write(&path, &clip).unwrap();
    let incident = reported(&range, "owner", &path);

    // The report and the picture of the drill arrive; the clip waits.
    until("the report is in the cloud", AGREE_MAX, || {
        !file(&cloud, &hash(&clip)).is_null()
    });
    until("the picture is in the cloud", MEDIA_MAX, || {
        is_here(&cloud, &hash(&picture))
    });
    until("the owner knows that", MEDIA_MAX, || {
        file(&owner, &hash(&picture))["in_cloud"] == true
    });
    assert_eq!(file(&cloud, &hash(&clip))["percent"], 0, "nothing of it");
    assert_eq!(file(&owner, &hash(&clip))["in_cloud"], false);
    let shown = range.shown("cloud", &["incident", "show", &incident]);
    assert!(shown.contains("video pending"), "{shown}");

    // On a link that costs nothing it follows, and its hash is checked.
    owner.stop().unwrap();
    let owner = start("false");
    until("the clip is in the cloud", MEDIA_MAX, || {
        is_here(&cloud, &hash(&clip))
    });
    until("the owner knows that", MEDIA_MAX, || {
        file(&owner, &hash(&clip))["in_cloud"] == true
    });
    let out = range.path("out.mp4");
    range.done("cloud", &["media", "get", &hash(&clip), &out]);
    assert_eq!(hash(&fs::read(&out).unwrap()), hash(&clip));
    range.shown("owner", &["media", "list"]);
}

#[test]
fn a_full_quota_refuses_files_and_never_a_score_or_a_report() {
    let pictures = [bytes(JPEG, 5, 150_000), bytes(JPEG, 6, 200_000)];
    let range = Range::founded_from(&structure(&pictures));
    let owner = range.start("owner", &[]);
    for (no, picture) in pictures.iter().enumerate() {
        let path = range.path(&format!("{no}.jpg"));
        fs::write(&path, picture).unwrap();
        range.done("owner", &["media", "add", &path]);
    }
    range.init("tablet");
    let at = address(&owner);
    let args = [&ALONE[..], &["--peer", &at, "--media-quota", "180000"]].concat();
    let tablet = Process::start(&range.root("tablet"), &args).unwrap();
    let ticket = range.done("owner", &["invite", "--label", "tablet"]);
    range.done("tablet", &["join", &ticket]);
    until("what fits is there", MEDIA_MAX, || {
        is_here(&tablet, &hash(&pictures[0]))
    });
    let told = list(&tablet);
    assert_eq!(
        (&told["used"], &told["quota"]),
        (&json!(150_000), &json!(180_000))
    );
    assert_eq!(
        file(&tablet, &hash(&pictures[1]))["percent"],
        0,
        "does not fit"
    );

    let path = range.path("clip.mp4");
    fs::write(&path, bytes(MP4, 7, 40_000)).unwrap();
    range.refused(
        "tablet",
        &["media", "add", &path],
        (7, "media_quota"),
        "quota",
    );
    let add = [
        "incident", "add", "--race", "9", "--bib", "1", "--place", "1",
    ];
    let incident = range.done("tablet", &add);
    let report = ["incident", "report", &incident, "--text", "no room"];
    range.refused(
        "tablet",
        &[&report[..], &["--media", &path]].concat(),
        (7, "media_quota"),
        "nothing was changed",
    );
    range.done("tablet", &report);
    range.done(
        "owner",
        &[
            "grant", "--drills", "1", "--squads", "all", "--to", "tablet",
        ],
    );
    agree(&owner, &tablet);
    range.score("tablet", "1", "1");
    agree(&owner, &tablet);
}

#[test]
fn a_phone_fetches_no_clips_of_others_until_somebody_asks_for_one() {
    let range = Range::founded_from(&structure(&[]));
    let owner = range.start("owner", &[]);
    let phone = range.join("phone", "scorer", &[&owner]);
    let gateway = {
        let told = range.read(
            "gateway",
            &["init", "--label", "gateway", "--mode", "gateway"],
        );
        assert_eq!(told["mode"], "gateway");
        let node = range.start("gateway", &[&owner]);
        let ticket = range.done(
            "owner",
            &["invite", "--label", "gateway", "--role", "gateway"],
        );
        range.done("gateway", &["join", &ticket]);
        node
    };
    let clip = bytes(MP4, 8, 100_000);
    let path = range.path("clip.mp4");
    fs::write(&path, &clip).unwrap();
    reported(&range, "owner", &path);
    until("the gateway has it", MEDIA_MAX, || {
        is_here(&gateway, &hash(&clip))
    });
    agree(&owner, &phone);
    let told = file(&phone, &hash(&clip));
    assert_eq!(
        (&told["wanted"], &told["percent"]),
        (&json!(false), &json!(0))
    );
    let remarks = status(&phone)["remarks"].to_string();
    assert!(!remarks.contains("pending"), "by design: {remarks}");
    let asked = range.run("phone", &["media", "get", &hash(&clip)]);
    assert_eq!(asked.exit, 3, "pending: {asked:?}");
    until("the phone has it", MEDIA_MAX, || {
        is_here(&phone, &hash(&clip))
    });
}
