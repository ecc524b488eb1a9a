//! Clearing a root after a race.

use std::fs;
use std::time::Duration;

use serde_json::Value;
use tallyline_tests::process::{Process, run};

use super::{Clouded, copy, files, vitals};
use crate::range::{AGREE_MAX, ALONE, Range, until};

#[test]
fn s2_19_a_root_is_cleared_when_the_cloud_has_every_entry_and_a_bundle_stays() {
    let clouded = Clouded::founded();
    let range = &clouded.range;
    range.refused(
        "owner",
        &["clear"],
        (3, "not_safe"),
        "not everything is in the cloud",
    );
    assert!(
        files(&range.root("owner").join("archive")).is_empty(),
        "no bundle"
    );
    let pair = clouded.start();
    range.refused("owner", &["clear"], (5, "in_use"), "tallyline stop");
    pair.uploaded();
    pair.stop();
    let key = fs::read(range.root("owner").join("device.key")).unwrap();
    let standings = range.done("owner", &["standings", "--all", "--csv"]);

    range.refused(
        "owner",
        &["clear", "--event", "Other"],
        (1, "unknown_event"),
        "Spring Match",
    );
    let cleared = range.read("owner", &["clear"]);
    assert_eq!(cleared["event"], "Spring Match", "{cleared}");
    let status = range.read("owner", &["status"]);
    assert_eq!(status["node"]["phase"], "blank", "{status}");
    assert_eq!(
        fs::read(range.root("owner").join("device.key")).unwrap(),
        key
    );
    range.refused("owner", &["clear"], (1, "no_event"), "nothing to clear");
    // The cloud does not let go on its own word.
    range.refused("cloud", &["clear"], (3, "not_safe"), "the event's cloud");

    // The bundle is whole: another device has the same standings of it.
    let bundle = cleared["bundle"].as_str().unwrap();
    let verified = range.read("owner", &["verify", bundle]);
    assert_eq!(verified["ok"], true, "{verified}");
    assert_eq!(verified["entries"], cleared["entries"], "{verified}");
    range.init("reader");
    range.done("reader", &["import", bundle]);
    assert_eq!(
        range.done("reader", &["standings", "--all", "--csv"]),
        standings
    );

    // The device is free for the next event.
    range.found("owner", &[]);
}

#[test]
fn an_entry_that_came_after_the_receipt_keeps_the_root() {
    let clouded = Clouded::founded();
    clouded.upload();
    clouded.one_more();
    let range = &clouded.range;
    range.refused(
        "owner",
        &["clear"],
        (3, "not_safe"),
        "not everything is in the cloud",
    );
    assert_eq!(range.read("owner", &["status"])["node"]["phase"], "member");
}

#[test]
fn without_a_cloud_nobody_has_signed_for_anything() {
    let range = Range::founded();
    range.refused("owner", &["clear"], (3, "not_safe"), "has no cloud");
}

/// A cloud that was restored from an old backup signs for less with its new store than it did before:
/// nothing is let go of until it was filled again.
#[test]
fn a_cloud_that_was_restored_from_an_old_backup_keeps_the_root() {
    let clouded = Clouded::founded();
    clouded.upload();
    let range = &clouded.range;
    let backup = range.path("old.backup");
    range.done("cloud", &["cloud", "backup", &backup, "--with-key"]);
    clouded.one_more();
    clouded.upload();
    range.done("again", &["cloud", "restore", &backup]);
    // It signs for what it has; the owner's device hears of it on a stick.
    let args = [&ALONE[..], &["--mode", "cloud"]].concat();
    let again = Process::start(&range.root("again"), &args).unwrap();
    let signed = range.path("signed.tally");
    let stored = range.root("signed");
    until("the owner's device hears of it", AGREE_MAX, || {
        range.done("again", &["export", &signed]);
        // Tried on a copy, until the receipt is in the bundle.
        fs::remove_dir_all(&stored).ok();
        copy(&range.root("owner"), &stored);
        range.done("signed", &["import", &signed]);
        range.read("signed", &["status"])["light"] != "in-the-cloud"
    });
    range.done("owner", &["import", &signed]);
    range.refused(
        "owner",
        &["clear"],
        (3, "not_safe"),
        "not everything is in the cloud",
    );

    let owner = clouded.start_carrier("owner", &again);
    until("it is filled again", AGREE_MAX, || {
        crate::range::status(&owner)["light"] == "in-the-cloud"
    });
    owner.stop().unwrap();
    again.stop().unwrap();
    range.done("owner", &["clear"]);
}

/// `clear` is killed at moments that nobody chose: the root has the event as before, or the bundle
/// has it, whole.
#[test]
fn a_kill_at_any_moment_of_a_clear_loses_nothing() {
    let clouded = Clouded::founded();
    clouded.upload();
    let range = &clouded.range;
    let entries = range.read("owner", &["status"])["totals"]["entries"].clone();
    let (mut kept, mut cleared) = (0, 0);
    for number in 0..16_u64 {
        let name = format!("copy-{number}");
        let root = range.root(&name);
        copy(&range.root("owner"), &root);
        kill_after(&root, Duration::from_micros(number * number * 700));
        let status = range.read(&name, &["status"]);
        if status["node"]["phase"] == "member" {
            kept += 1;
            assert_eq!(status["totals"]["entries"], entries, "{status}");
            assert_eq!(range.read(&name, &["verify"])["ok"], true);
        } else {
            cleared += 1;
            whole_bundle(range, &name, &entries);
        }
        // The next try ends what was begun, or does it once more.
        let again = range.run(&name, &["clear"]);
        assert!(matches!(again.exit, 0 | 1), "{again:?}");
        whole_bundle(range, &name, &entries);
    }
    eprintln!("{kept} kept the event, {cleared} were cleared");
    assert!(0 < kept, "none was killed early");
}

fn kill_after(root: &std::path::Path, after: Duration) {
    let binary = tallyline_tests::process::binary();
    let mut child = std::process::Command::new(binary)
        .arg("--root")
        .arg(root)
        .arg("clear")
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    // Not waiting for anything: the point is to hit a moment nobody chose.
    std::thread::park_timeout(after);
    child.kill().unwrap();
    child.wait().unwrap();
}

/// Every bundle that has its name is whole.
fn whole_bundle(range: &Range, name: &str, entries: &Value) {
    let folder = range.root(name).join("archive");
    let bundles: Vec<String> = files(&folder);
    let bundles = bundles
        .iter()
        .filter(|it| it.strip_suffix(".tally").is_some());
    let mut count = 0;
    for bundle in bundles {
        let path = folder.join(bundle);
        let outcome = run(
            &range.root(name),
            &["--json", "verify", path.to_str().unwrap()],
        );
        let told: Value = serde_json::from_str(&outcome.stdout).unwrap();
        assert_eq!(
            (&told["ok"], &told["entries"]),
            (&true.into(), entries),
            "{told}"
        );
        count += 1;
    }
    assert!(0 < count, "no bundle of {name}");
}

/// A manifest that went before its store comes back: nothing was cleared.
#[test]
fn what_a_kill_between_two_removals_leaves_is_the_event() {
    let clouded = Clouded::founded();
    clouded.upload();
    let root = clouded.range.root("owner");
    fs::remove_file(root.join("event.manifest")).unwrap();
    let node = Process::start(&root, &ALONE).unwrap();
    assert_eq!(vitals(&node)["pending"], 0);
    node.stop().unwrap();
    assert!(root.join("event.manifest").exists(), "written again");
    clouded.range.done("owner", &["clear"]);
}

/// S2-18: what waits for the cloud is never dropped for want of room: nothing but `clear` takes an
/// entry away, and that refuses.
#[test]
fn s2_18_a_disk_that_is_nearly_full_is_told_and_nothing_that_waits_is_dropped() {
    let clouded = Clouded::founded();
    let range = &clouded.range;
    let args = ["check", "--min-free", "100%", "--max-lag", "999999"];
    let node = Process::start(&range.root("owner"), &ALONE).unwrap();
    let told = range.run("owner", &args);
    assert_eq!(told.exit, 1, "{told:?}");
    assert!(told.stdout.contains("warning   disk"), "{told:?}");
    assert!(
        told.stdout
            .contains("nothing that waits for the cloud is dropped"),
        "{told:?}"
    );
    let figures = vitals(&node);
    assert_eq!(figures["pending"], figures["entries"], "{figures}");
    node.stop().unwrap();
    range.refused(
        "owner",
        &["clear"],
        (3, "not_safe"),
        "not everything is in the cloud",
    );
}
