//! Reports and the score log, on real nodes with a cloud: what they say is what happened.

use std::fs;
use std::path::Path;

use serde_json::Value;
use tallyline_tests::process::Process;

use crate::range::{AGREE_MAX, ALONE, Range, address, agree, status, until};

/// What each line of the score log ends with: verdict and id.
fn ids(root: &Path) -> Vec<String> {
    let text = fs::read_to_string(root.join("score.log")).unwrap_or_default();
    let ids = text.lines().filter_map(|line| line.rsplit('\t').next());
    ids.map(str::to_owned).collect()
}

fn entries(node: &Process) -> usize {
    let count = status(node)["totals"]["entries"].as_u64().unwrap();
    usize::try_from(count).unwrap()
}

/// Waits until the score log of a node has every entry, each once.
fn complete(node: &Process) {
    until("the score log is complete", AGREE_MAX, || {
        ids(node.root()).len() == entries(node)
    });
    let mut ids = ids(node.root());
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), entries(node), "no line twice");
}

fn row<'a>(report: &'a Value, label: &str) -> &'a Value {
    let rows = report["rows"].as_array().unwrap();
    let row = rows.iter().find(|it| it["label"] == label);
    row.unwrap_or_else(|| panic!("no row of {label}: {report}"))
}

/// A range with a cloud, the owner's device that knows the way to it, and a tablet.
fn range_with_cloud() -> (Range, [Process; 3]) {
    let range = Range::new();
    let told = range.read("cloud", &["init", "--label", "Cloud", "--mode", "cloud"]);
    let key = told["key"].as_str().unwrap().to_owned();
    let cloud = range.start("cloud", &[]);
    range.done("owner", &["init", "--label", "Owner"]);
    range.found("owner", &["--cloud-key", &key]);
    range.done("owner", &["event", "lock"]);
    let at = address(&cloud);
    let uplink = ["--cloud", &at, "--cloud-key", &key];
    let args = [&ALONE[..], &uplink].concat();
    let owner = Process::start(&range.root("owner"), &args).unwrap();
    let tablet = range.join("tablet", "scorer", &[&owner]);
    range.grant("1", "tablet");
    (range, [cloud, owner, tablet])
}

#[test]
fn compliance_counts_the_exchanges_and_uploads_that_happened() {
    let (range, [cloud, owner, tablet]) = range_with_cloud();
    until("the tablet may write", AGREE_MAX, || {
        range.run("tablet", &crate::range::score("1", "1")).exit == 0
    });
    agree(&owner, &tablet);
    agree(&owner, &cloud);
    let compliance = ["report", "compliance"];
    // Nodes that hold the same have yet to tell each other so.
    let mut report = Value::Null;
    until("all met, and everything is in the cloud", AGREE_MAX, || {
        report = range.read("owner", &compliance);
        let rows = report["rows"].as_array().unwrap();
        let of = |label: &str| rows.iter().find(|it| it["label"] == label);
        let (Some(owner), Some(tablet)) = (of("Owner"), of("tablet")) else {
            return false;
        };
        let covered = tablet["in_cloud"] == tablet["entries"];
        let count = |row: &Value, what: &str| row[what].as_u64().unwrap();
        covered
            && 1 <= count(tablet, "uploads")
            && [owner, tablet].iter().all(|it| 1 <= count(it, "copies"))
            && 1 <= count(tablet, "syncs")
            && count(tablet, "syncs") < count(owner, "syncs")
    });
    assert_eq!(report["schema"], "tallyline.report-compliance/1");
    let (owners, tablets) = (row(&report, "Owner"), row(&report, "tablet"));
    for own in [owners, tablets] {
        assert!(!own["sync_times"].as_array().unwrap().is_empty(), "{own}");
    }
    assert_eq!(
        (&owners["score_log"], &tablets["score_log"]),
        (&Value::Bool(true), &Value::Null),
        "known of this root alone"
    );
    assert_eq!(report["complete"], false, "6 exchanges are asked for");
    assert_eq!(range.run("owner", &compliance).exit, 3, "something lacks");
    assert!(!report["heads"].as_array().unwrap().is_empty(), "{report}");

    // What was counted outlives the node.
    for node in [tablet, owner, cloud] {
        node.stop().unwrap();
    }
    let at_rest = range.read("owner", &compliance);
    let rested = row(&at_rest, "tablet");
    assert!(
        rested["syncs"].as_u64() >= tablets["syncs"].as_u64(),
        "{at_rest}"
    );
    assert_eq!(rested["in_cloud"], tablets["in_cloud"], "{at_rest}");
    let day = tablets["date"].as_str().unwrap();
    let told = range.read("owner", &["report", "compliance", "--date", "1999-01-01"]);
    assert_eq!(told["rows"].as_array().unwrap().len(), 0, "another day");
    assert_eq!(told["complete"], false, "{told}");
    for report in ["day", "compliance"] {
        let told = range.run("owner", &["report", report, "--date", "1999-01-01"]);
        assert_eq!(told.exit, 3, "{told:?}");
        let nothing = "nothing was written on 1999-01-01";
        assert!(told.stdout.contains(nothing), "{told:?}");
    }
    let told = range.read("owner", &["report", "day", "--date", day]);
    assert_eq!(told["date"], day);
    range.refused(
        "owner",
        &["report", "day", "--date", "yesterday"],
        (2, "bad_value"),
        "is no day",
    );
}

#[test]
fn the_score_log_has_every_entry_once_whatever_happens_to_the_node() {
    let range = Range::founded();
    let owner = range.start("owner", &[]);
    let tablet = range.join("tablet", "scorer", &[&owner]);
    range.grant("1", "tablet");
    until("the tablet may write", AGREE_MAX, || {
        range.run("tablet", &crate::range::score("1", "1")).exit == 0
    });
    agree(&owner, &tablet);
    complete(&owner);
    complete(&tablet);
    let text = fs::read_to_string(owner.root().join("score.log")).unwrap();
    let line = text.lines().find(|it| it.contains("shooter 1")).unwrap();
    let fields: Vec<&str> = line.split('\t').collect();
    assert_eq!(fields[1..4], ["tablet", "stage 1", "shooter 1"], "{line}");
    assert_eq!(
        fields[4..6],
        ["12.34 s, 2A AC, steel 1/0", "counts"],
        "{line}"
    );
    assert_eq!(status(&owner)["score_log"], true);

    // Killed, written to while no node runs, started again.
    owner.kill().unwrap();
    range.score("owner", "2", "3");
    let owner = range.start("owner", &[&tablet]);
    agree(&owner, &tablet);
    complete(&owner);
    complete(&tablet);
    tablet.stop().unwrap();
    owner.stop().unwrap();

    // Switched off, and on again: it catches up.
    let off = [&ALONE[..], &["--score-log", "off"]].concat();
    let quiet = Process::start(&range.root("owner"), &off).unwrap();
    let before = ids(quiet.root()).len();
    range.score("owner", "2", "1");
    assert_eq!(status(&quiet)["score_log"], false);
    quiet.stop().unwrap();
    assert_eq!(
        ids(&range.root("owner")).len(),
        before,
        "nothing is written"
    );
    let owner = range.start("owner", &[]);
    complete(&owner);
    assert_eq!(ids(owner.root()).len(), before + 1);
}

#[test]
fn reports_tell_what_was_recorded_corrected_and_is_missing() {
    let range = Range::founded();
    let wrong = range.score("owner", "1", "1");
    range.done("owner", &["score", "move", &wrong, "--shooter", "2"]);
    range.done(
        "owner",
        &["score", "add", "--drill", "2", "--shooter", "3", "--dnf"],
    );
    let dq = ["roster", "edit", "1", "--class", "GM", "--team", "Reds"];
    range.done("owner", &dq);

    let sheet = range.read("owner", &["report", "sheet", "1"]);
    let version = &sheet["stages"][0]["versions"][0];
    assert_eq!(version["verdict"], "voided", "{sheet}");
    assert_eq!(version["replaced_by"]["shooter"], 2, "{sheet}");
    assert_eq!(version["voids"][0]["reason"], "wrong-shooter", "{sheet}");
    let audit = range.read("owner", &["report", "audit"]);
    assert_eq!(audit["voids"][0]["instead"]["shooter"], 2, "{audit}");
    let progress = range.read("owner", &["report", "progress"]);
    let cells = progress["cells"].as_array().unwrap();
    let cell = |drill: u32, squad: u32| {
        cells
            .iter()
            .find(|it| it["drill"] == drill && it["squad"] == squad)
    };
    assert_eq!(cell(1, 1).unwrap()["missing"], serde_json::json!([1]));
    assert_eq!(cell(2, 2).unwrap()["dnf"], serde_json::json!([3]));
    let missing = range.run("owner", &["report", "missing"]);
    assert_eq!(missing.exit, 3, "{missing:?}");
    assert!(missing.stdout.contains("not complete"), "{missing:?}");
    for report in ["penalties", "chrono", "day", "court", "race"] {
        let outcome = range.run("owner", &["report", report]);
        assert_eq!(outcome.exit, 0, "{report}: {outcome:?}");
        let outcome = range.run("owner", &["report", report, "--csv"]);
        assert_eq!(outcome.exit, 0, "{report}: {outcome:?}");
    }
    let parts = range.read("owner", &["standings", "--class", "GM"]);
    assert_eq!(parts["parts"][0]["rows"][0]["shooter"], 1, "{parts}");
    let teams = range.read("owner", &["standings", "--teams"]);
    assert_eq!(teams["teams"][0]["rows"][0]["team"], "Reds", "{teams}");
    assert_eq!(teams["teams"][0]["rows"][0]["short"], true, "{teams}");

    range.done("owner", &["event", "phase", "provisional"]);
    let told = range.run("owner", &["standings"]);
    assert!(told.stdout.contains("provisional until "), "{told:?}");
    assert!(told.stdout.contains("heads Owner "), "{told:?}");

    let last = ["event", "phase", "final"];
    let why = "can be contested until";
    range.refused("owner", &last, (6, "E12"), why);
    range.refused("owner", &last, (6, "E12"), "something is missing");
    range.done("owner", &["event", "phase", "final", "--confirm"]);
    let told = range.run("owner", &["standings"]);
    assert!(told.stdout.contains("final since "), "{told:?}");
    for change in [
        &["roster", "edit", "1", "--class", "A"][..],
        &["event", "amend", "--stage", "1", "--steel", "3"],
        &crate::range::score("2", "1"),
    ] {
        range.refused("owner", change, (6, "E12"), "results are final since");
    }
    range.done("owner", &["event", "phase", "scoring"]);
    range.done("owner", &["roster", "edit", "1", "--class", "A"]);
}
