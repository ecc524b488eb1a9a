//! Exchanges by hand, and the morning's download.

use serde_json::{Value, json};

use super::Clouded;
use crate::media::{JPEG, bytes, structure};
use crate::range::{AGREE_MAX, Range, agree, status, until};

#[test]
fn s2_12_sync_now_carries_at_once_and_tells_the_last_success() {
    let clouded = Clouded::founded();
    let range = &clouded.range;
    range.refused("owner", &["sync", "now"], (5, "not_running"), "run");
    let pair = clouded.start();
    let told = range.read("owner", &["sync", "now", "--wait", "60"]);
    assert_eq!(
        (&told["settled"], &told["pending"]),
        (&json!(true), &json!(0)),
        "{told}"
    );
    assert!(told["last_upload_unix_ms"].is_i64(), "{told}");
    let shown = range.done("owner", &["sync", "now"]);
    assert!(shown.contains("last upload"), "{shown}");
    until("the exchange is noted", AGREE_MAX, || {
        status(&pair.owner)["last_sync"]["label"].is_string()
    });
    let shown = range.shown("owner", &["status"]);
    assert!(shown.contains("last exchange"), "{shown}");
    pair.owner.stop().unwrap();
    // The time outlives the node.
    let at_rest = range.read("owner", &["status"]);
    assert!(at_rest["last_sync"]["at_unix_ms"].is_i64(), "{at_rest}");
    assert!(at_rest["last_upload_unix_ms"].is_i64(), "{at_rest}");

    pair.cloud.stop().unwrap();
    clouded.one_more();
    let cloud = clouded.start_cloud();
    let owner = clouded.start_carrier("owner", &cloud);
    cloud.stop().unwrap();
    clouded.range.done("owner", &["sync", "pause"]);
    range.refused("owner", &["sync", "now"], (3, "paused"), "sync resume");
    range.done("owner", &["sync", "resume"]);
    owner.stop().unwrap();
}

#[test]
fn s2_12_what_still_waits_when_the_time_is_over_is_exit_code_3() {
    let clouded = Clouded::founded();
    let range = &clouded.range;
    let cloud = clouded.start_cloud();
    let owner = clouded.start_carrier("owner", &cloud);
    owner
        .ask(&json!({"verb": "sync-pause", "cloud": true}))
        .unwrap();
    cloud.stop().unwrap();
    owner
        .ask(&json!({"verb": "sync-resume", "cloud": true}))
        .unwrap();
    let mut args = crate::range::score("2", "1");
    args.extend(["--confirm", "--attempt", "1"]);
    range.done("owner", &args);
    let told = range.run("owner", &["sync", "now", "--wait", "1", "--json"]);
    assert_eq!(told.exit, 3, "{told:?}");
    let told: Value = serde_json::from_str(&told.stdout).unwrap();
    assert!(0 < told["pending"].as_u64().unwrap(), "{told}");
    owner.stop().unwrap();
}

fn line<'a>(told: &'a Value, what: &str) -> &'a Value {
    let lines = told["lines"].as_array().unwrap();
    let found = lines.iter().find(|it| it["what"] == what);
    found.unwrap_or_else(|| panic!("nothing about {what}: {told}"))
}

#[test]
fn s2_11_ready_for_offline_only_when_everything_is_here() {
    let range = Range::founded_from(&race());
    range.init("pi");
    let told = range.run("pi", &["event", "download"]);
    assert_eq!(told.exit, 3, "{told:?}");
    assert!(told.stdout.contains("competition        0/1"), "{told:?}");
    assert!(
        told.stdout.contains("Not ready for offline operation."),
        "{told:?}"
    );

    // Known from a bundle, and not admitted yet.
    range.carry("owner", "pi");
    let told = range.run("pi", &["event", "download", "--json"]);
    assert_eq!(told.exit, 3, "{told:?}");
    let told: Value = serde_json::from_str(&told.stdout).unwrap();
    assert_eq!(line(&told, "membership")["here"], 0, "{told}");

    let owner = range.start("owner", &[]);
    let pi = range.join("tablet", "scorer", &[&owner]);
    agree(&owner, &pi);
    let shown = range.shown("tablet", &["event", "download"]);
    for text in [
        "competition        1/1",
        "races              2/2",
        "athletes           3/3",
    ] {
        assert!(shown.contains(text), "{text}: {shown}");
    }
    assert!(shown.contains("bibs               3/3"), "{shown}");
    assert!(shown.contains("places             2/2"), "{shown}");
    assert!(
        shown.trim_end().ends_with("Ready for offline operation."),
        "{shown}"
    );
    pi.stop().unwrap();
    owner.stop().unwrap();
    let told = range.run("tablet", &["event", "download"]);
    assert_eq!(told.exit, 0, "it stays ready without anybody: {told:?}");
}

/// Acceptance row S0-10: pictures of stages are fetched ahead, and a device without them is not ready.
#[test]
fn s0_10_pictures_count_for_a_day_without_a_network() {
    let pictures: Vec<Vec<u8>> = (0..14).map(|no| bytes(JPEG, no, 20_000)).collect();
    let range = Range::founded_from(&structure(&pictures));
    let owner = range.start("owner", &[]);
    let tablet = range.join("tablet", "scorer", &[&owner]);
    agree(&owner, &tablet);
    let told = range.run("tablet", &["event", "download", "--wait", "0"]);
    assert_eq!(told.exit, 3, "{told:?}");
    for text in [
        "- pictures           0/14",
        "missing: pictures: meet a device that has them",
        "Not ready for offline operation.",
    ] {
        assert!(told.stdout.contains(text), "{text}: {told:?}");
    }
    let path = range.path("picture.jpg");
    for picture in &pictures {
        std::fs::write(&path, picture).unwrap();
        range.done("owner", &["media", "add", &path]);
    }
    let shown = range.shown("tablet", &["event", "download", "--wait", "60"]);
    assert!(shown.contains("  pictures           14/14"), "{shown}");
    tablet.stop().unwrap();
    let at_rest = range.read("tablet", &["event", "download"]);
    assert_eq!(line(&at_rest, "pictures")["here"], 14, "{at_rest}");
    assert_eq!(at_rest["ready"], true, "{at_rest}");
}

/// A device that heard how far the owner's log goes, and does not have all of it, is not ready.
#[test]
fn s2_11_a_device_that_lacks_statements_is_not_ready() {
    let range = Range::founded_from(&race());
    let owner = range.start("owner", &[]);
    let pi = range.join("pi", "scorer", &[&owner]);
    let third = range.join("third", "scorer", &[&owner]);
    agree(&owner, &pi);
    pi.stop().unwrap();
    // The third device carries the owner's newest statement in its presence, not in a bundle.
    range.done("owner", &["roster", "edit", "1", "--squad", "2"]);
    agree(&owner, &third);
    third.stop().unwrap();
    owner.stop().unwrap();
    assert_eq!(
        range.run("pi", &["event", "download"]).exit,
        0,
        "it cannot know"
    );
    range.carry("third", "pi");
    assert_eq!(
        range.run("pi", &["event", "download"]).exit,
        0,
        "now it has it"
    );
}

pub(crate) fn race() -> Value {
    let stage = |no: u32| json!({"stage": no, "name": format!("Race {no}"), "scoring": "run"});
    let shooter = |no: u32| {
        json!({"shooter": no, "label": format!("Athlete {no}"), "division": "Women",
               "power_factor": "MINOR", "squad": 1})
    };
    json!({
        "event": "Verbier 2026", "date": "2026-01-17", "ruleset": "ski",
        "divisions": ["Women"], "division_power_factors": {"Women": {"minor": 125}},
        "stages": [stage(1), stage(2)], "shooters": [shooter(1), shooter(2), shooter(3)],
        "places": ["Start", "Gate 12"],
    })
}
