//! A cloud that is backed up, restored, and filled again by its devices.

use std::fs;

use serde_json::json;
use tallyline::store::Store;
use tallyline_tests::process::Process;

use super::Clouded;
use crate::cloud::{cloud, node_of};
use crate::range::{AGREE_MAX, ALONE, Range, address, agree, status, until};

#[test]
fn a_lost_cloud_is_filled_again_from_its_peers() {
    let clouded = Clouded::founded();
    clouded.upload();
    let range = &clouded.range;
    let standings = range.done("owner", &["standings", "--all", "--csv"]);
    let cloud = range.root("cloud");
    for file in fs::read_dir(&cloud).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if !["device.key", "device.toml"].contains(&name.as_str()) {
            if path.is_dir() {
                fs::remove_dir_all(&path).unwrap();
            } else {
                fs::remove_file(&path).unwrap();
            }
        }
    }
    range.refused(
        "cloud",
        &["cloud", "rebuild", "--from-peers"],
        (5, "not_running"),
        "run",
    );
    let cloud = clouded.start_cloud();
    assert_eq!(status(&cloud)["node"]["phase"], "blank", "nothing is here");
    // The owner's device does not dial the cloud: the cloud dials it.
    let owner = Process::start(&range.root("owner"), &ALONE).unwrap();
    let place = address(&owner);
    let rebuild = [
        "cloud",
        "rebuild",
        "--from-peers",
        "--from",
        &place,
        "--wait",
        "60",
    ];
    let told = range.read("cloud", &rebuild);
    assert_eq!(told["node"]["phase"], "member", "{told}");
    assert_eq!(
        told["totals"]["entries"],
        status(&owner)["totals"]["entries"],
        "{told}"
    );
    agree(&owner, &cloud);
    owner.stop().unwrap();

    // Its receipts are back, by its new store: whoever waits for them sees them, and may clear.
    let owner = clouded.start_carrier("owner", &cloud);
    until("receipts are back", AGREE_MAX, || {
        status(&owner)["light"] == "in-the-cloud"
    });
    assert_eq!(
        range.done("cloud", &["standings", "--all", "--csv"]),
        standings
    );
    owner.stop().unwrap();
    cloud.stop().unwrap();
    assert_eq!(
        range.done("cloud", &["standings", "--all", "--csv"]),
        standings
    );
    range.done("owner", &["clear"]);
}

#[test]
fn a_rebuild_that_meets_nobody_says_so() {
    let clouded = Clouded::founded();
    let range = &clouded.range;
    let cloud = clouded.start_cloud();
    let rebuild = ["cloud", "rebuild", "--from-peers", "--wait", "1"];
    range.refused("cloud", &rebuild, (9, "timed_out"), "0 entries are");
    range.refused_in_words("cloud", &["cloud", "rebuild"], 2, "--from-peers");
    cloud.stop().unwrap();
    let owner = Process::start(&range.root("owner"), &ALONE).unwrap();
    range.refused(
        "owner",
        &rebuild,
        (2, "not_the_cloud"),
        "this node is no cloud",
    );
    owner.stop().unwrap();
}

#[test]
fn a_cloud_is_backed_up_while_it_runs_and_restored_as_another_store() {
    let clouded = Clouded::founded();
    let range = &clouded.range;
    let pair = clouded.start();
    pair.uploaded();
    let file = range.path("cloud.backup");
    let told = range.read("cloud", &["cloud", "backup", &file, "--with-key"]);
    assert_eq!(told["schema"], "tallyline.backed-up/1", "{told}");
    assert_eq!(status(&pair.cloud)["node"]["phase"], "member", "it goes on");
    range.refused(
        "cloud",
        &["cloud", "backup", &file],
        (1, "bad_file"),
        "exists",
    );
    range.refused(
        "owner",
        &["cloud", "backup", &file],
        (2, "not_the_cloud"),
        "export",
    );
    pair.stop();
    // Written after the backup: it comes from the device.
    clouded.one_more();

    // A store without its key is somebody's: nothing is put beside it.
    fs::create_dir(range.root("left")).unwrap();
    fs::write(range.root("left").join("node.redb"), "a store").unwrap();
    range.refused(
        "left",
        &["cloud", "restore", &file],
        (1, "has_event"),
        "without its key",
    );
    assert_eq!(fs::read_dir(range.root("left")).unwrap().count(), 1);

    let told = range.read("again", &["cloud", "restore", &file]);
    assert_eq!(told["with_key"], true, "{told}");
    let entries = range.read("again", &["status"])["totals"]["entries"].as_u64();
    assert_eq!(told["count"].as_u64(), entries, "{told}");
    range.refused(
        "again",
        &["cloud", "restore", &file],
        (1, "has_event"),
        "Spring Match",
    );
    let id = |name: &str| {
        // A restored event moves to the cloud's others at the next start.
        let mut path = range.root(name).join("node.redb");
        if !path.exists() {
            let folder = fs::read_dir(range.root(name).join("events")).unwrap();
            let mut paths = folder.map(|it| it.unwrap().path());
            path = paths.find(|it| it.extension().unwrap() == "redb").unwrap();
        }
        Store::open_copy(&path).unwrap().id()
    };
    assert_ne!(id("again"), id("cloud"), "it is another store");

    let args = [&ALONE[..], &["--mode", "cloud"]].concat();
    let again = Process::start(&range.root("again"), &args).unwrap();
    let owner = clouded.start_carrier("owner", &again);
    until("the restored cloud signs for all", AGREE_MAX, || {
        status(&owner)["light"] == "in-the-cloud"
    });
    agree(&owner, &again);
    let verified = again.ask(&json!({ "verb": "verify" })).unwrap();
    assert_eq!(verified["ok"], true, "nothing was signed twice: {verified}");
    owner.stop().unwrap();
    again.stop().unwrap();
    range.done("owner", &["clear"]);
}

#[test]
fn a_backup_that_does_not_fit_restores_nothing() {
    let clouded = Clouded::founded();
    clouded.upload();
    let range = &clouded.range;
    let (file, folder) = (range.path("plain.backup"), range.path("backups"));
    range.done("cloud", &["cloud", "backup", &file]);
    fs::create_dir(&folder).unwrap();
    let made = range.done("cloud", &["cloud", "backup", &folder]);
    assert!(made.starts_with(&folder), "{made}");

    let restore = ["cloud", "restore", &file];
    range.refused(
        "none",
        &restore,
        (6, "key_refused"),
        "put the cloud's old device.key",
    );
    assert!(
        !range.root("none").join("node.redb").exists(),
        "nothing was made"
    );
    range.read("stranger", &["init", "--mode", "cloud"]);
    range.refused(
        "stranger",
        &restore,
        (6, "not_the_cloud"),
        "none of the event's cloud",
    );

    let bytes = fs::read(&file).unwrap();
    let damaged = range.path("damaged.backup");
    let again = ["cloud", "restore", &damaged];
    let at = |text: &[u8]| bytes.windows(text.len()).position(|it| it == text).unwrap();
    // In what it is, in the event, and cut off.
    for (place, length) in [
        (at(b"tallyline.backup/1"), bytes.len()),
        (at(b"event.tally") + 600, bytes.len()),
        (0, bytes.len() / 2),
        (0, 10),
    ] {
        let mut bytes = bytes[..length].to_vec();
        bytes[place] ^= 1;
        fs::write(&damaged, bytes).unwrap();
        range.refused("none", &again, (7, "bad_file"), "damaged");
    }
    range.refused(
        "none",
        &["cloud", "restore", &range.path("gone")],
        (1, "bad_file"),
        "gone",
    );

    // With the key that was kept elsewhere it is the cloud again.
    let old = range.root("old");
    fs::create_dir(&old).unwrap();
    for name in ["device.key", "device.toml"] {
        fs::copy(range.root("cloud").join(name), old.join(name)).unwrap();
    }
    range.done("old", &restore);
    assert_eq!(range.read("old", &["status"])["node"]["phase"], "member");
}

/// A node that has a warrant is restored with its own key: its receipts count for the cloud's.
#[test]
fn a_backup_of_a_node_with_a_warrant_is_restored_with_that_node_s_key() {
    let range = Range::new();
    let key = cloud(&range, "kept-apart");
    node_of(&range, "kept-apart", "node");
    range.done("owner", &["init", "--label", "Owner"]);
    range.found("owner", &["--cloud-key", &key]);
    range.done("owner", &["event", "lock"]);
    let node = range.start("node", &[]);
    let uplink = ["--cloud", &address(&node), "--cloud-key", &key];
    let owner = range.start_with("owner", &[], &uplink);
    until("all is in the cloud", AGREE_MAX, || {
        status(&owner)["light"] == "in-the-cloud"
    });
    let (file, plain) = (range.path("node.backup"), range.path("plain.backup"));
    range.done("node", &["cloud", "backup", &file, "--with-key"]);
    range.done("node", &["cloud", "backup", &plain]);
    owner.stop().unwrap();
    node.stop().unwrap();
    range.score("owner", "1", "1");

    // Without a key in it, it goes where the node's key and warrant are.
    let roots = ["device.key", "device.toml", "cloud.warrant"];
    fs::create_dir(range.root("there")).unwrap();
    for name in roots {
        fs::copy(
            range.root("node").join(name),
            range.root("there").join(name),
        )
        .unwrap();
    }
    range.done("there", &["cloud", "restore", &plain]);
    // A node of another cloud is refused.
    cloud(&range, "other");
    node_of(&range, "other", "stranger");
    range.refused(
        "stranger",
        &["cloud", "restore", &file],
        (6, "not_the_cloud"),
        "is none of the event's cloud",
    );
    range.done("again", &["cloud", "restore", &file]);
    let again = range.start("again", &[]);
    let uplink = ["--cloud", &address(&again), "--cloud-key", &key];
    let owner = range.start_with("owner", &[], &uplink);
    until("the restored node signs for all", AGREE_MAX, || {
        status(&owner)["light"] == "in-the-cloud"
    });
    owner.stop().unwrap();
    range.done("owner", &["clear"]);
}

/// A cloud of several events that lost its store: the event that is waited for need not be there yet, and
/// others are no hindrance.
#[test]
fn a_rebuild_waits_for_the_event_that_is_named_or_for_all_that_came() {
    let range = Range::new();
    let key = cloud(&range, "cloud");
    let mut owners = Vec::new();
    for name in ["spring", "autumn"] {
        range.done(name, &["init", "--label", name]);
        range.found(name, &["--name", name, "--cloud-key", &key]);
        range.done(name, &["event", "lock"]);
        owners.push(range.start(name, &[]));
    }
    let node = range.start("cloud", &[]);
    let places: Vec<String> = owners.iter().map(address).collect();
    let rebuild = ["cloud", "rebuild", "--from-peers", "--wait", "60"];
    for (name, place) in ["spring", "autumn"].iter().zip(&places) {
        let told = range.read(
            "cloud",
            &[&rebuild[..], &["--from", place, "--event", name]].concat(),
        );
        assert_eq!(told["name"], *name, "{told}");
    }
    node.stop().unwrap();
    let node = range.start("cloud", &[]);
    let both = [&rebuild[..], &["--from", &places[0], "--from", &places[1]]].concat();
    range.done("cloud", &both);
    for (name, owner) in ["spring", "autumn"].iter().zip(&owners) {
        let told = range.read("cloud", &["status", "--event", name]);
        assert_eq!(
            told["state_digest"],
            status(owner)["state_digest"],
            "{name}"
        );
    }
    node.stop().unwrap();
}
