//! Acceptance rows about who may write, and that nothing that was written goes away.

use serde_json::{Value, json};

use crate::range::{Range, score};

/// Returns all versions of all scores, each with how it is read.
fn versions(range: &Range, device: &str) -> Vec<(String, String)> {
    let told = range.read(device, &["score", "history"]);
    let entries = told["entries"].as_array().unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let pair = |it: &Value| (text(&it["entry"]), text(&it["verdict"]));
    entries.iter().map(pair).collect()
}

#[test]
fn s0_03_only_the_instructor_writes_and_a_student_s_device_reads() {
    let range = Range::founded();
    range.apart("student", "viewer");
    range.score("owner", "1", "1");
    range.carry("owner", "student");
    let csv = ["standings", "--stage", "1", "--csv"];
    assert_eq!(range.done("student", &csv), range.done("owner", &csv));
    range.refused("student", &score("1", "2"), (6, "E02"), "may not score");
    let lock = ["event", "amend", "--stage", "1", "--steel", "2"];
    range.refused("student", &lock, (6, "E02"), "only the event's owner");
}

/// What a device signs outside its grant all the same is shown and not counted.
#[test]
fn s0_05_an_ro_who_writes_for_a_squad_that_is_not_granted_is_refused_with_e02() {
    let range = Range::founded();
    range.apart("RO", "scorer");
    range.grant("1", "RO");
    range.carry("owner", "RO");
    range.score("RO", "1", "1");
    range.refused("RO", &score("1", "3"), (6, "E02"), "squad 1");
    assert_eq!(versions(&range, "RO").len(), 1, "only what it may");
}

#[test]
fn s0_06_the_owner_overrides_a_score_and_its_own_counts_everywhere() {
    let range = Range::founded();
    range.apart("RO", "scorer");
    range.grant("all", "RO");
    range.carry("owner", "RO");
    let wrong = range.score("RO", "1", "1");
    range.carry("RO", "owner");
    let replaces = ["--replaces", &wrong, "--reason", "arbitration"];
    let told = range.done("owner", &[&score("1", "1")[..], &replaces].concat());
    let right = told.lines().last().unwrap();
    range.carry("owner", "RO");
    for device in ["owner", "RO"] {
        assert_eq!(range.verdict(device, &wrong), "voided", "on {device}");
        assert_eq!(range.verdict(device, right), "counts", "on {device}");
    }
}

#[test]
fn s0_07_a_shooter_s_device_that_reports_itself_is_refused_and_nothing_is_relayed() {
    let range = Range::founded();
    range.apart("shooter", "viewer");
    range.grant("all", "Owner");
    range.carry("owner", "shooter");
    range.refused("shooter", &score("1", "1"), (6, "E02"), "may not score");
    assert_eq!(range.carry("shooter", "owner"), 0, "nothing came along");
    assert_eq!(versions(&range, "owner"), [], "nothing is there");
}

#[test]
fn s0_12_nothing_changes_or_deletes_an_entry_and_the_file_shows_all_versions() {
    let range = Range::founded();
    let first = range.score("owner", "1", "1");
    let replaces = ["--replaces", &first, "--reason", "time"];
    let told = range.done("owner", &[&score("1", "1")[..], &replaces].concat());
    let second = told.lines().last().unwrap().to_owned();
    range.done("owner", &["score", "void", &second, "--reason", "test"]);
    let before = versions(&range, "owner");
    assert_eq!(before.len(), 4, "two scores and two voids: {before:?}");
    range.init("reader");
    range.carry("owner", "reader");
    assert_eq!(versions(&range, "reader"), before, "in the file, too");
    range.done("reader", &["verify"]);
    let twice = ["score", "void", &first, "--reason", "test"];
    range.refused("owner", &twice, (6, "E13"), "was voided");
    range.score("owner", "1", "1");
    let after = versions(&range, "owner");
    assert_eq!(
        after.len(),
        5,
        "one more score is one more entry: {after:?}"
    );
    for (entry, _) in before {
        let stays = after.iter().any(|(it, _)| *it == entry);
        assert!(stays, "{entry} went away: {after:?}");
    }
}

#[test]
fn s0_18_the_same_owner_goes_on_the_next_day_where_it_ended() {
    let range = Range::founded();
    let node = range.start("owner", &[]);
    let saturday = range.score("owner", "1", "1");
    node.stop().unwrap();
    let node = range.start("owner", &[]);
    let sunday = range.score("owner", "2", "1");
    node.stop().unwrap();
    for entry in [&saturday, &sunday] {
        assert_eq!(range.verdict("owner", entry), "counts");
    }
    range.done("owner", &["verify"]);
}

#[test]
fn s0_20_a_shooter_in_two_events_at_once_has_scores_apart() {
    let (spring, summer) = (Range::founded(), Range::founded());
    let entry = spring.score("owner", "1", "1");
    summer.score("owner", "2", "1");
    let (one, two) = (versions(&spring, "owner"), versions(&summer, "owner"));
    assert_eq!((one.len(), two.len()), (1, 1));
    let file = spring.path("spring.tally");
    spring.done("owner", &["export", &file]);
    let import = ["import", &file];
    summer.refused("owner", &import, (7, "E16"), "another event");
    assert_eq!(summer.verdict("owner", &entry), "not here");
    let event = json!(spring.read("owner", &["event", "show"])["event"]);
    assert_ne!(event, summer.read("owner", &["event", "show"])["event"]);
}
