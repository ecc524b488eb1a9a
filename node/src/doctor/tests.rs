use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;

use super::*;
use crate::local::protocol::{CauseCount, CloneData, LatestData, MdnsData};
use crate::root::{Mode, Root};

fn state(report: &Report, what: &str) -> State {
    let finding = report.findings.iter().find(|it| it.what == what);
    finding.map_or_else(|| panic!("nothing about {what}"), |it| it.state)
}

#[test]
fn a_fresh_device_without_a_node_is_well() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("root");
    Root::create(&root, "Tablet 1", Mode::Device).unwrap();
    let report = examine(&root);
    assert!(report.well, "{:?}", report.findings);
    assert_eq!(state(&report, "key"), State::Fine, "key");
    assert_eq!(state(&report, "node"), State::Note, "it does not run");
    assert_eq!(state(&report, "event"), State::Note, "none yet");
    assert!(!root.join("doctor.scratch").exists(), "cleaned up");
}

#[test]
fn what_is_wrong_with_the_folder_and_the_key_is_named_with_its_fix() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("root");
    let missing = examine(&root);
    assert!(!missing.well, "no folder");
    assert_eq!(state(&missing, "folder"), State::Wrong, "no folder");
    assert_eq!(state(&missing, "key"), State::Wrong, "no key");

    Root::create(&root, "Tablet 1", Mode::Device).unwrap();
    let key = root.join("device.key");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    fs::set_permissions(&root, fs::Permissions::from_mode(0o777)).unwrap();
    let report = examine(&root);
    assert!(!report.well, "both are wrong");
    let fixes = report.findings.iter().filter(|it| it.state == State::Wrong);
    let fixes: Vec<_> = fixes.map(|it| it.fix.as_str()).collect();
    assert!(fixes.iter().any(|it| it.contains("chmod 700")), "{fixes:?}");
    assert!(fixes.iter().any(|it| it.contains("chmod 600")), "{fixes:?}");
}

#[test]
fn a_damaged_store_is_found_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("root");
    Root::create(&root, "Tablet 1", Mode::Device).unwrap();
    fs::write(root.join("node.redb"), b"nothing of redb's").unwrap();
    let report = examine(&root);
    assert_eq!(state(&report, "store"), State::Wrong, "damaged");
    assert!(root.join("node.redb").exists(), "nothing was changed");
}

#[test]
fn a_root_in_use_by_a_process_that_does_not_answer_is_wrong() {
    let dir = tempfile::tempdir().unwrap();
    let root = Root::create(&dir.path().join("root"), "Tablet 1", Mode::Device).unwrap();
    let _lock = root.lock().unwrap();
    assert_eq!(state(&examine(root.dir()), "node"), State::Wrong);
}

#[test]
fn a_disk_is_judged_by_its_room_and_its_waits() {
    for (free, expected) in [
        (None, State::Note),
        (Some(0), State::Wrong),
        (Some(128 * 1024 * 1024 - 1), State::Wrong),
        (Some(128 * 1024 * 1024), State::Fine),
    ] {
        assert_eq!(disk::space(free).state, expected, "{free:?}");
    }
    for (wait, expected) in [
        (Ok(0), State::Fine),
        (Ok(350), State::Note),
        (Ok(2_000), State::Wrong),
        (Err(io::Error::other("dead")), State::Wrong),
    ] {
        let words = format!("{wait:?}");
        assert_eq!(disk::wait(wait).state, expected, "{words}");
    }
}

#[test]
fn a_clock_is_wrong_before_the_program_was_made_and_behind_others_entries() {
    assert_eq!(time::clock(0).state, State::Wrong, "1970");
    let now_ms = 1_800_000_000_000;
    assert_eq!(time::clock(now_ms).state, State::Fine, "2027");
    let latest = |at_unix_ms| {
        let label = "Tablet 3".to_owned();
        time::others(now_ms, Some(&LatestData { label, at_unix_ms }))
    };
    let now = i64::try_from(now_ms).unwrap();
    assert_eq!(latest(now + 60_000), None, "a minute is nothing");
    assert_eq!(latest(now - 86_400_000), None, "yesterday's entry");
    let ahead = latest(now + 2 * 3_600_000).unwrap();
    assert!(ahead.cause.contains("Tablet 3"), "{}", ahead.cause);
    assert!(ahead.cause.contains("120 min"), "{}", ahead.cause);
    assert_eq!(time::others(now_ms, None), None, "nobody to compare with");
}

#[test]
fn networks_refusals_and_clones_are_told() {
    assert_eq!(network::reach(&[]).state, State::Note, "no network");
    let status = |phase: &str| -> StatusData {
        serde_json::from_value(serde_json::json!({
            "schema": "", "name": null, "locked": false, "light": "", "summary": "",
            "remarks": [], "logs": [], "devices": [], "links": [], "paused": "none",
            "refused": [], "state_digest": "", "totals": {
                "entries": 0, "only_here": 0, "in_cloud": 0, "missing_here": 0, "control": 0,
                "control_in_cloud": 0 },
            "readings": { "counted": 0, "late": 0, "quarantined": 0, "disputed": 0, "voided": 0,
                "undecided": 0, "unknown": 0 },
            "wire": { "frames_sent_bytes": 0, "frames_received_bytes": 0, "udp_sent_bytes": 0,
                "udp_received_bytes": 0 },
            "node": { "schema": "", "version": "", "pid": 1, "mode": "device", "label": "",
                "key": "", "phase": phase, "event": null, "addresses": [] },
        }))
        .unwrap()
    };
    let mdns = |announcing, fault: Option<&str>| MdnsData {
        announcing,
        candidates: 3,
        starts: 1,
        fault: fault.map(str::to_owned),
    };
    let found = |it: Option<MdnsData>, phase| network::mdns(it.as_ref(), &status(phase)).state;
    assert_eq!(found(None, "member"), State::Note, "off");
    assert_eq!(found(Some(mdns(true, None)), "member"), State::Fine, "on");
    assert_eq!(found(Some(mdns(false, None)), "blank"), State::Fine, "none");
    let broken = Some(mdns(true, Some("no socket")));
    assert_eq!(found(broken, "member"), State::Wrong, "broken");
    assert_eq!(
        event::membership(&status("member")).state,
        State::Wrong,
        "it is not among the devices"
    );
    let clone = CloneData {
        label: Some("Tablet 3".to_owned()),
        key: String::new(),
        addresses: vec!["10.0.0.1:1".to_owned(), "10.0.0.2:1".to_owned()],
        ago_ms: 0,
    };
    assert_eq!(event::clone(&clone).state, State::Wrong, "a clone");
    let mut security = SecurityData {
        schema: String::new(),
        counts: Vec::new(),
        lines: Vec::new(),
        clones: Vec::new(),
    };
    assert_eq!(event::refusals(&security).state, State::Fine, "none");
    security.counts.push(CauseCount {
        cause: "bad_signature".to_owned(),
        count: 3,
    });
    let told = event::refusals(&security);
    assert_eq!(told.state, State::Note, "worth knowing");
    assert!(told.cause.contains("3 bad_signature"), "{}", told.cause);
}
