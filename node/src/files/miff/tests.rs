//! Tests of the interchange format.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use super::super::match_file::{Hits, RuleKind, Scoring, TargetHits};
use super::super::samples;
use super::*;

fn packed(text: &str) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::new(1));
    packer.write_all(text.as_bytes()).expect("packed");
    packer.finish().expect("packed")
}

fn unpacked(bytes: &[u8]) -> Value {
    let text = unpack(bytes).expect("gzip");
    serde_json::from_slice(&text).expect("JSON")
}

/// A file as another program writes it: the specification's own fields and nothing else.
fn foreign() -> Value {
    json!({"format": "miff", "version": "1.1", "match": {
        "name": "Local", "date": "2024-06-01", "sport": "uspsa", "level": {"name": "Level I"},
        "stages": [{"id": 1, "name": "Stage 1", "maxPoints": 120, "scoring": {"type": "hitFactor"}}],
        "shooters": [{"id": 1, "firstName": "J", "lastName": "S", "memberNumber": "A1",
            "powerFactor": "Major", "division": "Open", "female": true,
            "scores": {"1": {"time": 12.45, "targetEvents": {"A": 8, "C": 2, "M": 0},
                             "penaltyEvents": {"Procedural": 1, "Coaching": 2}}},
            "supersededScores": {"1": [{"time": 12.67, "penaltyEvents": {}, "targets": [
                {"targetNumber": "T1", "events": {"A": 7}}, {"targetNumber": "T2", "events": {"C": 3}},
            ]}]}}],
    }})
}

#[test]
fn every_sample_survives_and_gives_the_same_bytes() {
    for it in samples::all() {
        let bytes = write_miff(&it).expect("writable");
        assert_eq!(bytes, write_miff(&it).expect("writable"), "{}", it.name);
        let read = read_miff(&bytes).expect("readable");
        assert_eq!(read.warnings.to_string(), "", "{}", it.name);
        assert_eq!(read.value, it, "{}", it.name);
    }
}

#[test]
fn the_fields_of_the_format_are_there_for_other_programs() {
    let value = unpacked(&write_miff(&samples::ipsc()).expect("writable"));
    assert_eq!(
        (&value["format"], &value["version"]),
        (&json!("miff"), &json!("1.0"))
    );
    let shooter = &value["match"]["shooters"][0];
    assert_eq!(shooter["powerFactor"], "Major");
    let score = &shooter["scores"]["1"];
    assert_eq!(score["time"], 12.43);
    assert_eq!(
        score["targetEvents"],
        json!({"A": 4, "C": 1, "NS": 1, "M": 2}),
        "with steel"
    );
    assert_eq!(score["penaltyEvents"], json!({"Procedural": 1}));
    assert_eq!(shooter["supersededScores"]["1"][0]["time"], 12.34);
    let value = unpacked(&write_miff(&samples::idpa()).expect("writable"));
    let score = &value["match"]["shooters"][0]["scores"]["1"];
    assert_eq!(score["time"], 16.0);
    assert_eq!(score["stringTimes"], json!([10.25, 5.75]));
    assert_eq!(score["targetEvents"], json!({"-1": 3}));
    assert_eq!(score["penaltyEvents"], json!({"PE": 1, "Steel miss": 1}));
    let value = unpacked(&write_miff(&samples::steel_challenge()).expect("writable"));
    let score = &value["match"]["shooters"][0]["scores"]["1"];
    assert_eq!(score["time"], 14.85, "the worst string is dropped");
}

#[test]
fn a_file_of_another_program_is_read_with_sums() {
    let read = read_miff(&packed(&foreign().to_string())).expect("readable");
    assert_eq!(read.warnings.to_string(), "");
    let it = read.value;
    assert_eq!(it.scores.len(), 2);
    assert_eq!(
        it.scores[0].hits,
        Hits::Sums(TargetHits {
            a: 7,
            c: 3,
            ..TargetHits::default()
        })
    );
    assert!(
        it.scores[0].superseded && !it.scores[1].superseded,
        "older ones first"
    );
    assert_eq!(it.scores[1].string_centis, [1245]);
    assert_eq!(it.scores[1].procedurals, 1);
    let rules: Vec<_> = it
        .rules_of(RuleKind::Penalty)
        .map(|rule| rule.text.as_str())
        .collect();
    assert_eq!(
        (rules, it.scores[1].penalties.as_slice()),
        (vec!["Coaching"], &[2][..])
    );
    assert_eq!(it.stages[0].scoring, Scoring::Comstock);
    assert_eq!(it.shooters[0].categories, ["Lady"]);
    assert_eq!(it.divisions[0].name, "Open");
    let again = read_miff(&write_miff(&it).expect("writable")).expect("readable");
    assert_eq!(again.value.scores.len(), 2);
}

#[test]
fn what_another_program_changed_wins_with_a_warning() {
    let mut value = unpacked(&write_miff(&samples::ipsc()).expect("writable"));
    value["match"]["shooters"][0]["scores"]["1"]["targetEvents"]["A"] = json!(5);
    let read = read_miff(&packed(&value.to_string())).expect("readable");
    assert!(
        read.warnings
            .to_string()
            .contains("was changed by another program")
    );
    let score = read
        .value
        .scores
        .iter()
        .find(|score| !score.superseded)
        .expect("a score");
    let Hits::Sums(sums) = score.hits else {
        panic!("sums");
    };
    assert_eq!(sums.a, 5);
}

/// Reads a file of another program with one value put somewhere and compares the complaint.
fn check(place: &str, value: Value, expected: &str) {
    let mut file = foreign();
    let (parent, key) = place.rsplit_once('/').expect("a pointer");
    let parent = file.pointer_mut(parent).expect("there");
    parent[key] = value;
    let said = read_miff(&packed(&file.to_string()))
        .map_or_else(|errors| errors, |it| it.warnings)
        .to_string();
    assert!(said.contains(expected), "{place}: {said}");
}

#[test]
fn each_bad_value_is_named_with_its_place_and_what_to_do() {
    let cases = [
        (
            "/format",
            json!("riff"),
            "format: found \"riff\"; this is another format",
        ),
        (
            "/version",
            json!("2.0"),
            "version: found \"2.0\"; versions 1.0",
        ),
        (
            "/match",
            json!([]),
            "match: found a list of 0; write an object",
        ),
        (
            "/match/date",
            json!("May"),
            "match.date: found \"May\"; write a date",
        ),
        (
            "/match/stages",
            json!({}),
            "match.stages: found an object of 0; write a list",
        ),
        (
            "/match/stages/0/scoring/type",
            json!("x"),
            "use hitFactor, timePlus",
        ),
        (
            "/match/shooters/0/powerFactor",
            json!("Huge"),
            "use Major, Minor, Subminor",
        ),
        (
            "/match/shooters/0/scores/1/time",
            json!(-1),
            "scores.1.time: found -1; write a number",
        ),
        (
            "/match/shooters/0/scores/1/time",
            json!(1e300),
            "write a number, 0.00 to 86400.00",
        ),
        (
            "/match/shooters/0/scores/1/targetEvents/A",
            json!(1.5),
            "write a whole number",
        ),
        (
            "/match/shooters/0/scores/9",
            json!({}),
            "scores.9: found an object of 0; there is no stage",
        ),
        (
            "/match/shooters/0/scores/1/modified",
            json!("now"),
            "write a moment such as",
        ),
        (
            "/match/shooters/0/scores/1/finalTimeOverride",
            json!(3),
            "holds only totals",
        ),
    ];
    for (place, value, expected) in cases {
        check(place, value, expected);
    }
}

#[test]
fn hostile_files_are_named() {
    let whole = write_miff(&samples::uspsa()).expect("writable");
    let bomb = packed(&" ".repeat(TEXT_BYTES_MAX + 1));
    let cases: [(&str, &[u8], &str); 6] = [
        ("empty", b"", "this is no gzip"),
        ("plain", b"{\"format\": \"miff\"}", "this is no gzip"),
        ("half", &whole[..whole.len() / 2], "is damaged"),
        ("bomb", &bomb, "unpacked at most"),
        ("deep", &packed(&"[".repeat(10_000)), "recursion limit"),
        (
            "number",
            &packed("7"),
            "the whole: found 7; write an object",
        ),
    ];
    for (what, bytes, expected) in cases {
        let said = read_miff(bytes).unwrap_err().to_string();
        assert!(said.contains(expected), "{what}: {said}");
    }
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x55;
        if let Err(complaints) = read_miff(&bytes) {
            assert!(!complaints.to_string().is_empty(), "byte {at}");
        }
    }
}

#[test]
fn a_match_that_the_format_has_no_place_for_is_refused() {
    let mut it = samples::ipsc();
    it.date = None;
    it.shooters[0].number = None;
    it.shooters[1].number = it.shooters[2].number;
    it.stages[1].number = 1;
    let complaints = write_miff(&it).unwrap_err();
    assert_eq!(complaints.len(), 4, "{complaints}");
}
