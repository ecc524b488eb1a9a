//! Acceptance rows that one person alone can try: real binary, no network, no peers.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use tallyline_tests::match_data as data;
use tallyline_tests::process::{Process, run};

/// Nobody to find, no port to fight for.
const ALONE: [&str; 3] = ["--no-mdns", "--listen", "127.0.0.1:0"];

/// Runs a command that must succeed and returns what it printed.
fn tallyline(root: &Path, args: &[&str]) -> String {
    let done = run(root, args);
    assert_eq!(done.exit, 0, "{args:?}: {}", done.stderr);
    done.stdout
}

fn small_event(folder: &Path) -> String {
    let shooters: Vec<Value> = (1..=4)
        .map(|no| {
            json!({"shooter": no, "label": format!("Shooter {no}"), "division": "Open",
                "power_factor": "MINOR", "squad": 1, "categories": []})
        })
        .collect();
    let structure = json!({
        "event": "Club evening", "level": "L1", "date": "2026-04-18", "divisions": ["Open"],
        "division_power_factors": {"Open": {"minor": 125, "major": 160}},
        "rules": {"procedurals": [], "dqs": [], "dnfs": []},
        "stages": [{"stage": 1, "name": "One", "scoring": "Comstock", "strings": 1,
            "target_shots": [2, 2], "steel": 1}],
        "shooters": shooters
    });
    let path = folder.join("structure.json");
    fs::write(&path, structure.to_string()).expect("the file is written");
    path.display().to_string()
}

fn found(root: &Path, structure: &str) {
    tallyline(root, &["init", "--label", "owner"]);
    tallyline(root, &["event", "create", "--structure", structure]);
    tallyline(root, &["event", "lock"]);
}

#[test]
fn s0_01_a_solo_shooter_saves_ranks_and_exports_on_one_device() {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path().join("solo");
    found(&root, &small_event(folder.path()));
    let add = [
        "score",
        "add",
        "--drill",
        "1",
        "--shooter",
        "1",
        "--time",
        "5.00",
    ];
    tallyline(
        &root,
        &[&add[..], &["--hits", "2A AC", "--steel", "1"]].concat(),
    );
    let csv = tallyline(
        &root,
        &["standings", "--stage", "1", "--division", "Open", "--csv"],
    );
    // 5 + 5 + 5 + 3 and 5 for the steel in 5.00 s.
    assert!(
        csv.contains("1,Open,1,1,0,23,0,5.00,4.6000,25.0000,100.00"),
        "{csv}"
    );
    let bundle = root.join("match.tally").display().to_string();
    tallyline(&root, &["export", &bundle]);
    let reader = folder.path().join("reader");
    tallyline(&reader, &["init", "--label", "reader"]);
    tallyline(&reader, &["import", &bundle]);
    let same = tallyline(
        &reader,
        &["standings", "--stage", "1", "--division", "Open", "--csv"],
    );
    assert_eq!(csv, same, "the export holds everything");
}

#[test]
fn s0_02_the_owner_of_a_small_group_enters_for_all() {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path().join("owner");
    found(&root, &small_event(folder.path()));
    let node = Process::start(&root, &ALONE).expect("the node starts");
    for shooter in 1..=4 {
        let record = json!({"score": {"drill": 1, "shooter": shooter, "time_cs": [400 + shooter],
            "targets": [2, 2], "steel": {"hit": 1, "miss": 0, "no_penalty_miss": 0, "no_shoot": 0}}});
        node.ask(&json!({"verb": "score-add", "record": record}))
            .expect("saved");
    }
    let answer = node
        .ask(&json!({"verb": "standings", "all": true}))
        .expect("standings");
    assert_eq!(answer["complete"], json!(true), "{answer}");
    let rows = answer["matches"][0]["rows"].as_array().expect("rows");
    let order: Vec<&Value> = rows.iter().map(|row| &row["shooter"]).collect();
    assert_eq!(order, [&json!(1), &json!(2), &json!(3), &json!(4)]);
    node.stop().expect("it stops");
}

#[test]
fn s0_09_a_device_with_the_definition_works_without_a_network_and_one_without_says_what_is_missing()
{
    let folder = tempfile::tempdir().expect("a folder");
    let owner = folder.path().join("owner");
    found(&owner, &small_event(folder.path()));
    let bundle = folder.path().join("match.tally").display().to_string();
    tallyline(&owner, &["export", &bundle]);
    let reader = folder.path().join("reader");
    tallyline(&reader, &["init", "--label", "reader"]);
    let before = run(&reader, &["standings"]);
    assert_ne!(
        before.exit, 0,
        "there is nothing to show: {}",
        before.stdout
    );
    assert!(before.stderr.contains("no event"), "{}", before.stderr);
    assert!(
        before.stderr.contains("join"),
        "it says what to do: {}",
        before.stderr
    );
    tallyline(&reader, &["import", &bundle]);
    let show = tallyline(&reader, &["event", "show", "--json"]);
    assert!(show.contains("Club evening"), "{show}");
    tallyline(&reader, &["standings", "--stage", "1"]);
}

/// The numbers of the real match's rules by their codes.
pub(crate) fn rules(event: &Value) -> BTreeMap<String, u32> {
    let lists = ["procedurals", "dqs", "dnfs"];
    let codes = lists
        .iter()
        .flat_map(|list| event["rules"][list].as_array().expect("a list"));
    let codes = codes.map(|rule| rule["uuid"].as_str().expect("a code").to_owned());
    codes.zip(1..).collect()
}

/// What one line of the match log comes to when the owner alone enters the final state of it.
pub(crate) fn records(line: &Value, rules: &BTreeMap<String, u32>) -> Vec<Value> {
    let (drill, shooter) = (&line["stage"], &line["shooter"]);
    let rule = |codes: &Value| {
        let code = codes
            .as_array()
            .and_then(|codes| codes.last())
            .and_then(Value::as_str);
        code.and_then(|code| rules.get(code)).copied()
    };
    let status = |kind: &str, rule: Option<u32>| json!({"status": {"shooter": shooter, "drill": drill, "kind": kind, "rule": rule}});
    let required = line["targets"].as_array().map_or(0, Vec::len);
    let fired = !line["time_cs"].as_array().is_none_or(Vec::is_empty)
        || line["targets"]
            .as_array()
            .is_some_and(|it| it.iter().any(|hits| hits != 0));
    let mut records = Vec::new();
    if line["dnf"] == json!(true) {
        records.push(status("dnf", rule(&line["dnf_rules"])));
    } else if drill == &json!(15) {
        let readings = |name: &str, scale: f64| -> Vec<Value> {
            let list = line[name].as_array().cloned().unwrap_or_default();
            let scaled = list
                .iter()
                .filter_map(Value::as_f64)
                .map(|it| (it * scale).round());
            scaled
                .map(|it| serde_json::from_str(&format!("{it:.0}")).expect("a number"))
                .collect()
        };
        records.push(
            json!({"chrono": {"drill": drill, "shooter": shooter, "gear": "pass",
            "weights_decigrains": readings("bullet_gr", 10.0),
            "speeds_fps": readings("velocities_fps", 1.0)}}),
        );
    } else if required != 0 && fired && line["time_cs"] != json!([]) {
        let penalties: Vec<Value> = line["procedurals"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|it| json!({"rule": rules[it["rule"].as_str().expect("a code")], "count": it["count"]}))
            .collect();
        records.push(json!({"score": {"drill": drill, "shooter": shooter,
            "time_cs": line["time_cs"], "targets": line["targets"],
            "steel": {"hit": line["steel_hit"], "miss": line["steel_miss"],
                "no_penalty_miss": 0, "no_shoot": line["steel_noshoot"]},
            "penalties": penalties}}));
    } else if line["dq_rules"] == json!([]) {
        records.push(status("dnf", None));
    }
    if line["dq_rules"] != json!([]) {
        records.push(status("match-dq", rule(&line["dq_rules"])));
    }
    records
}

/// The reference gives tied rows consecutive places; here they share one.
pub(crate) fn same_rows(ours: &str, expected: &str, key: usize, place: usize) -> usize {
    let rows = |text: &str| -> BTreeMap<Vec<String>, Vec<String>> {
        text.lines()
            .skip(1)
            .map(|line| {
                let cells: Vec<String> = line.split(',').map(str::to_owned).collect();
                let name = cells
                    .iter()
                    .take(key)
                    .cloned()
                    .chain([cells[place + 1].clone()]);
                (name.collect(), cells)
            })
            .collect()
    };
    let (ours, expected) = (rows(ours), rows(expected));
    assert_eq!(ours.len(), expected.len(), "as many rows");
    let mut equal = 0;
    for (name, row) in &expected {
        let mine = ours
            .get(name)
            .unwrap_or_else(|| panic!("no row for {name:?}"));
        assert_eq!(mine[place + 1..], row[place + 1..], "{name:?}");
        let (shared, given): (u32, u32) = (
            mine[place].parse().expect("a place"),
            row[place].parse().expect("a place"),
        );
        let tied = ours
            .values()
            .filter(|it| it[..key] == mine[..key] && it[place] == mine[place]);
        let tied = u32::try_from(tied.count()).expect("few");
        assert!(
            shared <= given && given < shared + tied,
            "{name:?}: place {shared}, {given}"
        );
        equal += 1;
    }
    equal
}

#[test]
fn s1_01_a_whole_match_is_validated_and_scored_offline_as_the_expected_files_say() {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path().join("owner");
    let structure = folder.path().join("event.json");
    let event = data("event.json");
    fs::write(&structure, &event).expect("the file is written");
    found(&root, &structure.display().to_string());
    let event: Value = serde_json::from_str(&event).expect("the event is JSON");
    let rules = rules(&event);

    let node = Process::start(&root, &ALONE).expect("the node starts");
    let mut socket = node.connect().expect("it listens");
    let mut refused: BTreeMap<String, u32> = BTreeMap::new();
    let mut ask = |record: &Value| {
        let answer = socket
            .ask(&json!({"verb": "score-add", "record": record, "confirmed": true}))
            .expect("an answer");
        if let Some(code) = answer["error"]["code"].as_str() {
            *refused.entry(code.to_owned()).or_insert(0) += 1;
        }
    };
    for line in data("log.jsonl.gz").lines() {
        let line: Value = serde_json::from_str(line).expect("a line is JSON");
        if line["superseded"] == json!(false) {
            records(&line, &rules).iter().for_each(&mut ask);
        }
    }
    for shooter in event["shooters"].as_array().expect("shooters") {
        if shooter["deleted"] == json!(true) {
            ask(&json!({"status": {"shooter": shooter["shooter"], "kind": "withdrawn"}}));
        }
    }
    assert!(
        refused.is_empty(),
        "the final state of a real match is valid: {refused:?}"
    );
    equals_the_expected_files(&tallyline(&root, &["standings", "--all", "--csv"]));
    node.stop().expect("it stops");
}

/// Compares all standings of the real match, as `standings --all --csv` tells them, row by row.
pub(crate) fn equals_the_expected_files(csv: &str) {
    let (stages, matches) = csv.split_at(csv.find("division,place,shooter").expect("two tables"));
    // The line before the second table's header begins with "stage,", which holds that text too.
    let (stages, matches) = if stages.trim().is_empty() || stages.ends_with("stage,") {
        let second = csv.rfind("\ndivision,place").expect("two tables") + 1;
        csv.split_at(second)
    } else {
        (stages, matches)
    };
    let equal = same_rows(stages.trim(), data("expected_stages.csv.gz").trim(), 2, 2);
    assert_eq!(equal, 6160 + 196, "every stage row, disqualified ones too");
    let equal = same_rows(matches.trim(), data("expected_overall.csv").trim(), 1, 1);
    assert_eq!(equal, 440 + 14, "every match row");
}
