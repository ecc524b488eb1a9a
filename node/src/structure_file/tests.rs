//! Tests of the structure file's reader.

use super::*;
use tallyline_proto::model::{Method, Overtime, Terms, Tie};

const SMALL: &str = r#"{
  "event": "club", "date": "2018-07-25",
  "division_power_factors": {"Open": {"minor": 125, "major": 160}, "Production": {"minor": 125}},
  "divisions": ["Open", "Production"],
  "rules": {
    "procedurals": [{"uuid": "EQRTwQ", "name": "10.2.7 Failure to engage target"},
                    {"uuid": "zLG6ev", "name": "8.7.3 Warning", "warn": true}],
    "dqs": [{"uuid": "CzfrxQ", "name": "10.5.5 Sweeping"}],
    "dnfs": [{"uuid": "R4cPM8", "name": "6.6.1 Not present at the stage"}]
  },
  "stages": [
    {"stage": 2, "name": "Chrono", "scoring": "Chrono"},
    {"stage": 1, "name": "French visit", "scoring": "Comstock", "strings": 1,
     "target_shots": [2, 2], "steel": 3, "no_shoots": false}
  ],
  "shooters": [
    {"shooter": 2, "label": "Shooter 002", "division": "Production", "power_factor": "MINOR",
     "squad": 7, "categories": ["Lady"], "deleted": true, "dq": true, "age": "unknown field"},
    {"shooter": 1, "label": "Shooter 001", "division": "Open", "power_factor": "MAJOR", "squad": 1}
  ]
}"#;

/// Reads the small file with one piece of text exchanged and compares the problem.
fn check(from: &str, to: &str, expected: &str) {
    assert!(SMALL.contains(from), "the small file has no {from}");
    let problem = StructureFile::parse(&SMALL.replacen(from, to, 1))
        .unwrap_err()
        .to_string();
    assert!(problem.contains(expected), "{problem:?} lacks {expected:?}");
}

#[test]
fn a_small_file_is_read_whole() {
    let file = StructureFile::parse(SMALL).unwrap();
    assert_eq!(file.name, "club");
    let structure = file.structure;
    assert_eq!(structure.epoch_ms, 1_532_476_800_000);
    assert_eq!(structure.ruleset, Ruleset::of(Discipline::Ipsc));
    assert_eq!(structure.divisions[0].major_floor, Some(160));
    assert_eq!(structure.divisions[1].major_floor, None);
    let drills: Vec<u32> = structure.drills.iter().map(|drill| drill.no.0).collect();
    assert_eq!(drills, [1, 2], "in order of number");
    assert_eq!(structure.drills[0].required_hits, [2, 2]);
    assert_eq!(structure.drills[0].no_shoots, NoShoots::Absent);
    assert_eq!(
        (structure.drills[1].method, structure.drills[1].strings),
        (Method::Chrono, 0)
    );
    let shooters: Vec<u32> = structure
        .shooters
        .iter()
        .map(|shooter| shooter.no.0)
        .collect();
    assert_eq!(shooters, [1, 2], "in order of number");
    assert_eq!(structure.shooters[1].division, 1);
    assert_eq!(structure.shooters[1].categories, ["Lady"]);
}

#[test]
fn rules_are_numbered_from_1_over_the_three_lists() {
    let rules = StructureFile::parse(SMALL).unwrap().structure.rules;
    let seen: Vec<_> = rules
        .iter()
        .map(|it| (it.no.0, it.kind, it.code.as_str()))
        .collect();
    assert_eq!(
        seen,
        [
            (1, RuleKind::Procedural, "EQRTwQ"),
            (2, RuleKind::Warning, "zLG6ev"),
            (3, RuleKind::Dq, "CzfrxQ"),
            (4, RuleKind::Dnf, "R4cPM8"),
        ]
    );
}

#[test]
fn ruleset_and_zone_are_read() {
    let text = SMALL.replacen('{', r#"{"ruleset": "USPSA", "zone_min": 180,"#, 1);
    let structure = StructureFile::parse(&text).unwrap().structure;
    let uspsa = Ruleset::of(Discipline::Uspsa);
    assert_eq!(structure.ruleset, uspsa);
    assert_eq!(structure.epoch_ms, 1_532_476_800_000 - 3 * 3_600_000);
}

#[test]
fn a_bad_stage_is_named_with_its_place_and_what_to_do() {
    check(
        r#""Comstock""#,
        r#""Comstok""#,
        "stages[1].scoring: found \"Comstok\"; use Comstock,",
    );
    check(
        "[2, 2]",
        "[2, 16]",
        "stages[1].target_shots[1]: found 16; write a whole number, 1 to 15",
    );
    check(
        "[2, 2]",
        "7",
        "stages[1].target_shots: found 7; write a list in brackets",
    );
    check(
        r#""steel": 3"#,
        r#""steel": 256"#,
        "stages[1].steel: found 256",
    );
    check(r#""steel": 3"#, r#""steel": -1"#, "whole number, 0 to 255");
    check(
        r#""strings": 1"#,
        r#""strings": 0"#,
        "stages[1].strings: found 0; a stage that is shot",
    );
    check(
        r#""stage": 2"#,
        r#""stage": 1"#,
        "stages: stage 1 is there twice",
    );
}

#[test]
fn a_bad_shooter_is_named_with_its_place_and_what_to_do() {
    check(
        r#""MINOR""#,
        r#""MAJOR""#,
        "shooters[0].power_factor: found \"MAJOR\"; Production has a floor for Minor and none for Major",
    );
    check(
        r#""shooter": 2"#,
        r#""shooter": 1"#,
        "shooters: shooter 1 is there twice",
    );
    check(
        r#""shooter": 2"#,
        r#""shooter": 0"#,
        "shooters[0].shooter: found 0",
    );
    check(
        r#""shooter": 2,"#,
        "",
        "shooters[0]: \"shooter\" is missing",
    );
    check(
        r#"division": "Open""#,
        r#"division": "Opne""#,
        "use one of the file's divisions: Open,",
    );
    check(
        r#""MINOR""#,
        r#""MIN""#,
        "shooters[0].power_factor: found \"MIN\"; use MAJOR",
    );
    check(
        r#""Shooter 002""#,
        r#""""#,
        "shooters[0].label: found \"\"; this must not be empty",
    );
    check(
        r#""squad": 7"#,
        r#""squad": "7""#,
        "shooters[0].squad: found \"7\"; write a whole",
    );
}

#[test]
fn a_bad_head_or_rule_is_named_with_its_place_and_what_to_do() {
    check(
        "2018-07-25",
        "2018-02-30",
        "date: found \"2018-02-30\"; write the first day as YYYY",
    );
    check(
        "2018-07-25",
        "25.7.2018",
        "write the first day as YYYY-MM-DD",
    );
    check(
        r#""Open": {"minor": 125, "major": 160}"#,
        r#""Opn": {}"#,
        "\"Opn\" is not in divisions",
    );
    check(
        r#""10.5.5 Sweeping""#,
        "null",
        "rules.dqs[0].name: found null; write a text",
    );
    check(r#""event": "club""#, r#""event": """#, "event: found \"\"");
    check(r#""event""#, r#""evnt""#, "the file: \"event\" is missing");
    check(
        r#"{"uuid": "CzfrxQ", "#,
        "{, ",
        "this is not JSON: key must be a string at line 8",
    );
}

#[test]
fn all_bad_places_are_told_at_once_and_at_most_ten() {
    let two = SMALL.replacen("Comstock", "?", 1).replacen("MINOR", "?", 1);
    assert_eq!(
        StructureFile::parse(&two)
            .unwrap_err()
            .to_string()
            .lines()
            .count(),
        2
    );
    let many = SMALL.replacen("[2, 2]", "[2]", 1).replacen(
        r#""stages": ["#,
        &format!(r#""stages": [{}"#, "1,".repeat(12)),
        1,
    );
    let problems = StructureFile::parse(&many).unwrap_err().to_string();
    assert_eq!(problems.lines().count(), 11);
    assert!(problems.ends_with("and 2 more"), "{problems}");
}

#[test]
fn days_are_counted_by_the_calendar() {
    let check = |year, month, date, expected| {
        assert_eq!(
            days_since_1970(year, month, date),
            expected,
            "{year}-{month}-{date}"
        );
    };
    check(1970, 1, 1, Some(0));
    check(2000, 2, 29, Some(11_016));
    check(2026, 11, 21, Some(20_778));
    check(2100, 2, 29, None);
    check(2018, 13, 1, None);
    check(2018, 0, 1, None);
    check(1969, 12, 31, None);
}

/// A file with 2,000 divisions that no shooter was in filled the screen with their names, ten times;
/// one with a long name of a division did the same by itself.
#[test]
fn complaints_are_short_whatever_the_file_holds() {
    let many: Vec<String> = (0..2_000).map(|no| format!("\"Division {no}\"")).collect();
    let many = format!("[{}]", many.join(", "));
    check(r#"["Open", "Production"]"#, &many, "and 1988 more");
    let long = "x".repeat(5_000);
    for (from, to) in [
        (r#""Open": {"#, format!("\"{long}\": {{")),
        (
            r#""minor": 125, "major""#,
            format!("\"{long}\": 1, \"minor\": -1, \"major\""),
        ),
        (r#"["Open", "Production"]"#, many),
    ] {
        let problems = StructureFile::parse(&SMALL.replacen(from, &to, 1)).unwrap_err();
        let said = problems.to_string();
        assert!(said.len() < 2_000, "{} bytes for {from}", said.len());
    }
}

/// A stage of each method, and rulesets with numbers of their own.
#[test]
fn stages_of_every_method_and_own_numbers_are_read() {
    let text = r#"{
        "event": "Everything", "date": "2026-05-09",
        "ruleset": {"discipline": "idpa", "down": 0.5, "steel_miss": 10, "zones": [0, 1, 1, 3],
                    "percent_decimals": 3, "ties": ["stage wins", "tie-stage"], "sum": "time"},
        "divisions": ["SSP"],
        "rules": {"procedurals": [{"name": "PE", "seconds": 3}, {"name": "Bonus", "seconds": "-1.50"},
                                  {"name": "Late", "points": 5}]},
        "stages": [
            {"stage": 1, "name": "A", "scoring": "time plus", "target_shots": [2], "briefing": "Go."},
            {"stage": 2, "name": "B", "scoring": "steel", "strings": 5, "string_limit": 30.0,
             "drop_worst": 1, "tie_breaker": true},
            {"stage": 3, "name": "C", "scoring": "precision", "shots": 10, "range": 50},
            {"stage": 4, "name": "D", "scoring": "prs", "target_shots": [1, 1], "values": [1, 2]},
            {"stage": 5, "name": "E", "scoring": "par-time", "par": "6.00", "overtime": "pass fail"},
            {"stage": 6, "name": "F", "scoring": "run"},
            {"stage": 7, "name": "G", "scoring": "court",
             "court": {"a": 1, "b": 2, "sets_to_win": 2, "points": 21, "lead": 2, "cap": 30}}
        ],
        "shooters": [
            {"shooter": 1, "label": "One", "division": "SSP", "power_factor": "MINOR", "squad": 1,
             "member": "A1", "class": "MM", "team": "Reds"},
            {"shooter": 2, "label": "Two", "division": "SSP", "power_factor": "MINOR", "squad": 1}
        ]
    }"#;
    let structure = StructureFile::parse(text).unwrap().structure;
    let ruleset = &structure.ruleset;
    assert_eq!(ruleset.times.down_centis, 50);
    assert_eq!(ruleset.times.steel_miss, 10);
    assert_eq!(ruleset.ties, [Tie::StageWins, Tie::TieStage]);
    let values: Vec<Option<i32>> = structure.rules.iter().map(|it| it.value).collect();
    assert_eq!(values, [Some(300), Some(-150), Some(5)]);
    let methods: Vec<&str> = structure.drills.iter().map(|it| it.method.name()).collect();
    assert_eq!(
        methods,
        [
            "time-plus",
            "best-strings",
            "precision",
            "hit-values",
            "par-time",
            "run",
            "court"
        ]
    );
    let strings: Vec<u32> = structure.drills.iter().map(|it| it.strings).collect();
    assert_eq!(strings, [1, 5, 1, 1, 1, 1, 0], "one where nothing is said");
    let terms: Vec<&Terms> = structure.drills.iter().map(|it| &it.terms).collect();
    assert_eq!(terms[0].briefing, "Go.");
    assert_eq!(
        (terms[1].string_max_centis, terms[1].drop_worst),
        (3_000, 1)
    );
    assert_eq!((terms[2].shots, terms[2].range), (10, 50));
    assert_eq!(terms[3].values, [1, 2]);
    assert_eq!(
        (terms[4].par_centis, terms[4].overtime),
        (600, Overtime::PassFail)
    );
    assert_eq!(
        terms[6].court.map(|it| (it.points_last, it.cap)),
        Some((21, 30))
    );
    let entrant = &structure.shooters[0].entrant;
    assert_eq!(
        (entrant.member.as_str(), entrant.class.as_str()),
        ("A1", "MM")
    );
}

#[test]
fn what_a_method_needs_is_asked_for() {
    check(
        r#""scoring": "Comstock""#,
        r#""scoring": "precision""#,
        "a precision stage says how many \"shots\" are scored",
    );
    check(
        r#""scoring": "Comstock""#,
        r#""scoring": "Comstock", "par": 1.234"#,
        "stages[1].par: found 1.234; write seconds with at most two decimals",
    );
    check(
        r#""scoring": "Comstock""#,
        r#""scoring": "court""#,
        "a stage scored as court, and no other, says \"court\"",
    );
}

#[test]
fn pictures_of_a_stage_are_read_as_media_add_tells_them() {
    let hash = "0f".repeat(32);
    let text = SMALL.replacen(
        r#""steel": 3,"#,
        &format!(
            r#""steel": 3, "pictures": [{{"hash": "{hash}", "bytes": 142000, "mime": "image/jpeg"}}],"#
        ),
        1,
    );
    let file = StructureFile::parse(&text).unwrap();
    let pictures = &file.structure.drills[0].terms.pictures;
    assert_eq!(pictures.len(), 1);
    assert_eq!(pictures[0].hash, [0x0f; 32]);
    assert_eq!(pictures[0].bytes, 142_000);
    check(
        r#""steel": 3,"#,
        r#""steel": 3, "pictures": [{"hash": "0f", "bytes": 1, "mime": "image/png"}],"#,
        "pictures[0].hash: found \"0f\"; write the 64 hex digits",
    );
    check(
        r#""steel": 3,"#,
        &format!(
            r#""steel": 3, "pictures": [{{"hash": "{hash}", "bytes": 0, "mime": "image/png"}}],"#
        ),
        "pictures[0].bytes",
    );
}
