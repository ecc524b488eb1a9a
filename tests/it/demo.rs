//! The demo: real processes replay a whole match while things go wrong, and agree.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use tallyline_tests::process::{Outcome, run};

/// Seconds of the run: long enough that cuts, kill and swap fall into the middle of writing.
const SECONDS: &str = "25";

/// Runs the demo and returns the last line that it printed, with how it ended.
fn demo(folder: &Path, more: &[&str]) -> (Value, Outcome) {
    let args: Vec<&str> = ["demo", "--json"].iter().chain(more).copied().collect();
    let outcome = run(folder, &args);
    let last = outcome.stdout.lines().last().unwrap_or_default();
    let verdict = serde_json::from_str(last).unwrap_or(Value::Null);
    (verdict, outcome)
}

fn check(verdict: &Value, outcome: &Outcome, expected: &[(&str, Value)]) {
    for (key, value) in expected {
        assert_eq!(
            verdict[key], *value,
            "{key} of {verdict}\n{}",
            outcome.stderr
        );
    }
    assert_eq!(outcome.exit, 0, "{verdict}\n{}", outcome.stderr);
    assert_eq!(outcome.stdout.lines().count(), 1, "{}", outcome.stdout);
}

/// S0-04, R-01 and, at entry, R-02: nine tablets, a gateway and a cloud; five tablets are cut off
/// and come back, one is killed, one is replaced by another device, and the 8 writes outside any
/// grant are refused.
#[test]
fn the_real_match_equals_the_official_results_on_every_node_whatever_goes_wrong() {
    let folder = tempfile::tempdir().expect("a folder");
    let (verdict, outcome) = demo(folder.path(), &["--seconds", SECONDS, "--seed", "3"]);
    let expected = [
        ("nodes", json!(11)),
        ("nodes_equal", json!(11)),
        ("stage_rows", json!(6_160)),
        ("stage_rows_equal", json!(6_160)),
        ("match_rows", json!(440)),
        ("match_rows_equal", json!(440)),
        ("dq_rows", json!(210)),
        ("dq_rows_equal", json!(210)),
        ("entries", json!(3_676)),
        ("saved", json!(3_571)),
        (
            "refused_by_code",
            json!({"E02": 8, "E03": 30, "E06": 1, "E11": 8}),
        ),
        ("late", json!(0)),
        ("quarantined", json!(0)),
        ("in_cloud", json!(3_676)),
        ("all_in_cloud", json!(true)),
        ("cut_off", json!(5)),
        ("killed", json!(1)),
        ("lost_by_kill", json!(0)),
        ("swapped", json!(1)),
        ("ok", json!(true)),
    ];
    check(&verdict, &outcome, &expected);
    let links = &verdict["links_by_source"];
    assert_eq!(
        links["uplink"], 1,
        "{links}: only the gateway knows the cloud"
    );
    assert!(verdict["wire_bytes_per_entry"].is_number(), "{verdict}");
}

/// A match of two devices without grants and results: each device gets what it writes most about,
/// and the nodes' standings are compared with each other.
#[test]
fn any_match_of_the_same_shape_is_replayed_and_the_nodes_compared_with_each_other() {
    let folder = tempfile::tempdir().expect("a folder");
    write_match(folder.path());
    let data = folder.path().display().to_string();
    let (verdict, outcome) = demo(folder.path(), &["--seconds", "3", "--data", &data]);
    let expected = [
        ("nodes", json!(4)),
        ("nodes_equal", json!(4)),
        // 4 shooters on 2 stages, in their division and combined.
        ("stage_rows", json!(16)),
        ("stage_rows_equal", json!(16)),
        ("match_rows", json!(8)),
        ("match_rows_equal", json!(8)),
        ("entries", json!(8)),
        // The second device writes once about the first one's squad: the owner does it.
        ("refused_by_code", json!({"E02": 1})),
        ("in_cloud", json!(8)),
        ("killed", json!(1)),
        ("lost_by_kill", json!(0)),
        ("ok", json!(true)),
    ];
    check(&verdict, &outcome, &expected);
}

#[test]
fn a_folder_without_a_match_is_named_and_nothing_is_started() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().display().to_string();
    let outcome = run(folder.path(), &["demo", "--data", &data]);
    assert_eq!(outcome.exit, 2, "{}", outcome.stderr);
    assert!(outcome.stderr.contains("event.json"), "{}", outcome.stderr);
}

/// Writes a match of two squads, each with its own device, except for one line.
fn write_match(folder: &Path) {
    let shooters: Vec<Value> = (1..=4)
        .map(|no| {
            json!({"shooter": no, "label": format!("Shooter {no}"), "division": "Open",
                "power_factor": "MINOR", "squad": (no + 1) / 2, "categories": []})
        })
        .collect();
    let stage = |no: u32| {
        json!({"stage": no, "name": format!("Stage {no}"), "scoring": "Comstock", "strings": 1,
            "target_shots": [2], "steel": 0})
    };
    let event = json!({
        "event": "Small", "level": "L1", "date": "2026-04-18", "divisions": ["Open"],
        "division_power_factors": {"Open": {"minor": 125, "major": 160}},
        "rules": {"procedurals": [], "dqs": [], "dnfs": []},
        "stages": [stage(1), stage(2)], "shooters": shooters
    });
    fs::write(folder.join("event.json"), event.to_string()).expect("written");
    let mut log = String::new();
    for n in 0..8_u32 {
        let (shooter, drill) = (n % 4 + 1, n / 4 + 1);
        // The last line of squad 1 comes from the other squad's device.
        let device = if shooter <= 2 && n != 5 { "A" } else { "B" };
        let line = json!({"n": n, "t_ms": 1_776_500_000_000_u64 + u64::from(n) * 1_000,
            "device": device, "stage": drill, "shooter": shooter, "time_cs": [500 + n],
            "targets": [2], "kind": "first"});
        writeln!(log, "{line}").expect("written");
    }
    fs::write(folder.join("log.jsonl"), log).expect("written");
}
