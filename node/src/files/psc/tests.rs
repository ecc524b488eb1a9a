//! Tests of the app's export.

use std::io::{Cursor, Write as _};

use serde_json::{Value, json};
use zip::write::SimpleFileOptions;

use super::super::match_file::{ForeignId, Hits, PowerFactor, Scoring, TargetHits};
use super::super::samples;
use super::*;

/// A definition as small as it can be, with some of what older versions of the app wrote.
fn small() -> (Value, Value) {
    let definition = json!({
        "match_id": "M1", "match_name": "club", "match_date": "2018-07-25", "match_type": "uspsa_p",
        "match_subtype": "ipsc", "match_cats": ["Open"], "match_divisionpfs": {"PCC": {"minor": 125}},
        "match_procs": [{"uuid": "EQRTwQ", "name": "10.2.7"}],
        "match_stages": [{"stage_uuid": "S1", "stage_number": 1, "stage_name": "one",
            "stage_scoretype": "Comstock", "stage_noshoots": true, "stage_poppers": 1,
            "stage_targets": [{"target_reqshots": 2}, {"target_reqshots": 2, "target_deleted": true}]}],
        "match_shooters": [{"sh_uid": "P1", "sh_fn": "A", "sh_ln": "B", "sh_dvp": "Open",
            "sh_pf": "MAJOR", "sh_ctgs": "[\"Lady\"]", "sh_sqd": 7, "unknown": {"x": [1]}},
            {"sh_uuid": "P2", "sh_fn": "C", "sh_ln": "D", "sh_dvp": "Standard", "sh_pf": "minor",
            "sh_gen": "FEMALE", "sh_age": "SUPSNR", "sh_sqd": 0, "sh_dq": 1}],
    });
    let scores = json!({
        "match_id": "M1",
        "match_scores": [{"stage_number": "1", "stage_uuid": "S1", "stage_stagescores": [
            {"shtr": "P1", "mod": "2018-07-25 13:19:05.671", "str": [12.34], "ts": [257],
             "poph": 1, "popm": 0, "proc_cnts": [{"EQRTwQ": 2}],
             "meta": [{"k": "ss", "v": "eJw", "t": "2018-07-25 13:19:04.000"}]},
        ]}],
        "match_scores_history": {"S1": {"P1": [
            {"mod": "2018-07-25 13:18:00.000", "str": [12.43], "ts": [2]},
            {"mod": "2018-07-25 13:17:00.000", "str": [13], "ts": [1_048_577]},
        ]}},
    });
    (definition, scores)
}

fn read(definition: &Value, scores: &Value) -> Result<Loaded<MatchFile>, Complaints> {
    let (definition, scores) = (definition.to_string(), scores.to_string());
    read_texts(definition.as_bytes(), Some(scores.as_bytes()), None)
}

/// Reads the small match with one value put somewhere and compares the complaint.
fn check(place: &str, value: Value, expected: &str) {
    let (mut definition, mut scores) = small();
    let root = if place.starts_with("/match_scores") {
        &mut scores
    } else {
        &mut definition
    };
    let (parent, key) = place.rsplit_once('/').expect("a pointer");
    match root.pointer_mut(parent).expect("there") {
        Value::Object(members) => {
            members.insert(key.to_owned(), value);
        }
        Value::Array(list) => list[key.parse::<usize>().expect("a place")] = value,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => panic!("{parent}"),
    }
    let said = read(&definition, &scores).map_or_else(|errors| errors, |it| it.warnings);
    assert!(
        said.to_string().contains(expected),
        "{place}: {said} lacks {expected:?}"
    );
}

#[test]
fn a_small_match_is_read_with_its_older_versions_in_order() {
    let (definition, scores) = small();
    let Loaded { value, warnings } = read(&definition, &scores).expect("readable");
    assert_eq!(
        value.date.map(|date| date.to_string()).as_deref(),
        Some("2018-07-25")
    );
    assert_eq!(value.stages[0].targets, [2], "a deleted target is none");
    assert_eq!(value.stages[0].scoring, Scoring::Comstock);
    assert_eq!(value.shooters[0].categories, ["Lady"]);
    assert_eq!(value.shooters[0].power_factor, PowerFactor::Major);
    assert_eq!(value.shooters[1].categories, ["Lady", "Super Senior"]);
    assert_eq!(value.shooters[1].squad, None);
    assert_eq!(value.shooters[1].dq.as_deref(), Some(""));
    let times: Vec<_> = value
        .scores
        .iter()
        .map(|score| (score.superseded, score.string_centis[0]))
        .collect();
    assert_eq!(times, [(true, 1300), (true, 1243), (false, 1234)]);
    let last = &value.scores[2];
    assert_eq!(last.stage, ForeignId::new("S1"));
    assert_eq!(last.procedurals, 2, "the sum over the rules");
    assert_eq!(last.approval.shooter_ms, Some(1_532_524_744_000));
    let expected = TargetHits {
        a: 1,
        c: 1,
        ..TargetHits::default()
    };
    assert_eq!(last.hits, Hits::PerTarget(vec![expected]));
    let said = warnings.to_string();
    assert!(
        said.contains("\"Standard\" of a shooter is not in match_cats"),
        "{said}"
    );
    assert_eq!(warnings.len(), 1, "{said}");
}

#[test]
fn each_bad_value_is_named_with_its_file_place_and_what_to_do() {
    check(
        "/match_id",
        json!(null),
        "match_def.json: match_id: found null; write a text",
    );
    check(
        "/match_name",
        json!("  "),
        "match_name: found \"  \"; this must not be empty",
    );
    check(
        "/match_date",
        json!("soon"),
        "match_date: found \"soon\"; is no date",
    );
    check(
        "/match_stages",
        json!(3),
        "match_stages: found 3; write a list in brackets here",
    );
    check(
        "/match_stages/0",
        json!(3),
        "match_stages[0]: found 3; write an object",
    );
    check(
        "/match_stages/0/stage_number",
        json!(1.5),
        "write a whole number, 0 to 1000000",
    );
    check(
        "/match_stages/0/stage_uuid",
        json!(""),
        "match_stages[0].stage_uuid",
    );
    check(
        "/match_stages/0/stage_targets/0/target_reqshots",
        json!(-1),
        "0 to 255",
    );
    check(
        "/match_shooters/1/sh_uuid",
        json!("P1"),
        "the id P1 is there twice",
    );
    check(
        "/match_shooters/0/sh_pf",
        json!("LARGE"),
        "is no power factor that is known here",
    );
    check(
        "/match_shooters/0/sh_ctgs",
        json!("[\"La"),
        "is no list of names; it is left out",
    );
    check(
        "/match_shooters/0/sh_del",
        json!("yes"),
        "sh_del: found \"yes\"; use true or false",
    );
}

#[test]
fn each_bad_value_of_a_score_is_named_with_its_place() {
    let score = "/match_scores/0/stage_stagescores/0";
    for (key, value, expected) in [
        (
            "shtr",
            json!("P9"),
            "stage_stagescores[0].shtr: found \"P9\"; there is no such shooter",
        ),
        (
            "str",
            json!([-1]),
            "str[0]: found -1; write a number, 0.00 to 86400.00",
        ),
        (
            "str",
            json!([1e300]),
            "str[0]: found 1e+300; write a number",
        ),
        ("str", json!(["x"]), "str[0]: found \"x\"; write a number"),
        ("str", json!(12.34), "str: found 12.34; write a list"),
        (
            "ts",
            json!([268_435_456]),
            "write a whole number, 0 to 268435455",
        ),
        (
            "ts",
            json!([1, 1]),
            "has 2, but there are 1 paper targets of the stage",
        ),
        (
            "ts",
            json!([[1]]),
            "ts[0]: found a list of 1; write a whole number",
        ),
        (
            "poph",
            json!({"a": 1}),
            "poph: found an object of 1; write a whole number",
        ),
        (
            "mod",
            json!("today"),
            "mod: found \"today\"; write a moment such as",
        ),
        (
            "proc_cnts",
            json!([{"EQRTwQ": "many"}]),
            "proc_cnts[0].EQRTwQ",
        ),
        ("dnf", json!(2), "dnf: found 2; use true or false"),
    ] {
        check(&format!("{score}/{key}"), value, expected);
    }
}

#[test]
fn scores_of_nobody_and_lists_that_do_not_fit_are_named() {
    check(
        "/match_scores/0/stage_stagescores/0/pens",
        json!([1]),
        "has 1, but there are 0 match_penalties",
    );
    check(
        "/match_scores/0/stage_uuid",
        json!("S9"),
        "there is no such stage in match_def.json",
    );
    check(
        "/match_scores_history",
        json!({"S9": {}}),
        "older versions of a stage that is not",
    );
    check(
        "/match_scores_history",
        json!({"S1": {"P9": []}}),
        "older versions of a shooter who",
    );
    check(
        "/match_scores_history",
        json!([1]),
        "match_scores_history: found a list of 1",
    );
}

#[test]
fn scores_of_another_match_are_refused() {
    let (definition, mut scores) = small();
    scores["match_id"] = json!("M2");
    let said = read(&definition, &scores).unwrap_err().to_string();
    assert!(said.contains("scores of another match"), "{said}");
}

#[test]
fn of_two_scores_in_one_slot_the_one_saved_later_counts() {
    let (definition, mut scores) = small();
    let list = &mut scores["match_scores"][0]["stage_stagescores"];
    let mut second = list[0].clone();
    second["mod"] = json!("2018-07-25 13:19:05.670");
    second["str"] = json!([9.99]);
    list.as_array_mut().expect("a list").push(second);
    let read = read(&definition, &scores).expect("readable");
    assert!(
        read.warnings
            .to_string()
            .contains("has two scores on the stage")
    );
    let times: Vec<_> = read
        .value
        .scores
        .iter()
        .map(|score| (score.superseded, score.string_centis[0]))
        .collect();
    assert_eq!(
        times,
        [(true, 1300), (true, 1243), (true, 999), (false, 1234)]
    );
}

#[test]
fn all_bad_places_are_told_at_once_and_few_are_shown() {
    let (mut definition, scores) = small();
    definition["match_stages"] = json!(vec![json!({}); 500]);
    let complaints = read(&definition, &scores).unwrap_err();
    assert_eq!(complaints.len(), 500);
    let said = complaints.to_string();
    assert_eq!(said.lines().count(), 11, "{said}");
    assert!(said.ends_with("and 490 more"), "{said}");
}

#[test]
fn every_sample_survives_the_zip_and_gives_the_same_bytes() {
    for it in samples::all() {
        let bytes = write_psc(&it).expect("writable");
        assert_eq!(bytes, write_psc(&it).expect("writable"), "{}", it.name);
        let read = read_psc(&bytes).expect("readable");
        assert_eq!(read.warnings.to_string(), "", "{}", it.name);
        assert_eq!(read.value, it, "{}", it.name);
    }
}

#[test]
fn a_folder_and_a_zip_of_a_folder_are_read_alike() {
    let it = samples::ipsc();
    let texts = texts(&it).expect("writable");
    let files = [
        ("club/stage1.jpg", &b"\xff\xd8"[..]),
        ("club/match_def.json", texts.definition.as_bytes()),
        ("club/match_scores.json", texts.scores.as_bytes()),
    ];
    assert_eq!(read_folder(files).expect("readable").value, it);
    assert_eq!(read_psc(&zipped(&files)).expect("readable").value, it);
    let twice = [files[1], ("other/match_def.json", b"{}".as_slice())];
    let said = read_folder(twice).unwrap_err().to_string();
    assert!(said.contains("is there twice"), "{said}");
    let said = read_psc(&zipped(&twice)).unwrap_err().to_string();
    assert!(said.contains("is there twice"), "{said}");
    let said = read_folder([files[0]]).unwrap_err().to_string();
    assert!(said.contains("match_def.json: is missing"), "{said}");
}

#[test]
fn a_match_without_scores_is_read_with_a_warning() {
    let (definition, _) = small();
    let read = read_texts(definition.to_string().as_bytes(), None, None).expect("readable");
    assert!(read.value.scores.is_empty());
    assert!(
        read.warnings
            .to_string()
            .contains("the match has no scores yet")
    );
}

#[test]
fn older_versions_may_stand_in_a_text_of_their_own() {
    let (definition, mut scores) = small();
    let history = json!({"match_scores_history": scores["match_scores_history"].take()});
    let texts = [definition, scores, history].map(|it| it.to_string());
    let [definition, scores, history] = texts.each_ref().map(String::as_bytes);
    let read = read_texts(definition, Some(scores), Some(history)).expect("readable");
    assert_eq!(read.value.scores.len(), 3);
}

#[test]
fn sums_of_hits_and_too_many_hits_cannot_be_written() {
    let mut it = samples::ipsc();
    it.scores[0].hits = Hits::Sums(TargetHits::default());
    it.scores[1].hits = Hits::PerTarget(vec![TargetHits {
        a: 16,
        ..TargetHits::default()
    }]);
    let complaints = write_psc(&it).unwrap_err();
    assert_eq!(complaints.len(), 2, "{complaints}");
}

/// As large as the real match: 3,600 scores, and an older version of each tenth.
#[test]
fn a_large_match_survives_and_stays_small() {
    let small = samples::ipsc();
    let mut it = MatchFile {
        stages: Vec::new(),
        shooters: Vec::new(),
        scores: Vec::new(),
        ..small.clone()
    };
    for number in 1..=240 {
        let mut shooter = small.shooters[0].clone();
        shooter.id = ForeignId::new(&format!("P{number}"));
        it.shooters.push(shooter);
    }
    for number in 1..=15 {
        let mut stage = small.stages[0].clone();
        (stage.id, stage.number) = (ForeignId::new(&format!("S{number}")), number);
        for (place, shooter) in it.shooters.iter().enumerate() {
            for version in &small.scores[..2] {
                let mut score = version.clone();
                (score.stage, score.shooter) = (stage.id.clone(), shooter.id.clone());
                if !score.superseded || place % 10 == 0 {
                    it.scores.push(score);
                }
            }
        }
        it.stages.push(stage);
    }
    let bytes = write_psc(&it).expect("writable");
    let texts = texts(&it).expect("writable");
    println!("{} bytes of {}", bytes.len(), texts.scores.len());
    assert!(bytes.len() < 300_000, "{} bytes", bytes.len());
    assert_eq!(read_psc(&bytes).expect("readable").value, it);
}

fn zipped(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        zip.start_file(*name, SimpleFileOptions::default())
            .expect("started");
        zip.write_all(bytes).expect("written");
    }
    zip.finish().expect("finished").into_inner()
}

#[test]
fn hostile_containers_are_named() {
    let whole = write_psc(&samples::idpa()).expect("writable");
    let (definition, _) = small();
    let definition = definition.to_string();
    let deep = "[".repeat(100_000);
    let spaces = vec![b' '; super::super::at::TEXT_BYTES_MAX + 1];
    let commas = format!("[{}0]", "0,".repeat(4_000_001));
    let cases: [(&str, Vec<u8>, &str); 12] = [
        ("empty", Vec::new(), "no whole zip"),
        ("json", definition.into_bytes(), "no whole zip"),
        ("half", whole[..whole.len() / 2].to_vec(), "no whole zip"),
        (
            "slip",
            zipped(&[("../match_def.json", b"{}")]),
            "leads outside",
        ),
        (
            "slip",
            zipped(&[("..\\match_def.json", b"{}")]),
            "leads outside",
        ),
        ("slip", zipped(&[("/etc/passwd", b"{}")]), "leads outside"),
        (
            "no definition",
            zipped(&[("a.txt", b"{}")]),
            "match_def.json: is missing",
        ),
        (
            "bomb",
            zipped(&[("match_def.json", &spaces)]),
            "unpacked at most",
        ),
        (
            "many",
            zipped(&[("match_def.json", commas.as_bytes())]),
            "values are more than",
        ),
        (
            "deep",
            zipped(&[("match_def.json", deep.as_bytes())]),
            "recursion limit",
        ),
        (
            "text",
            zipped(&[("match_def.json", b"{\n\"a\": \xff}")]),
            "line 2: found byte 0xff",
        ),
        (
            "nan",
            zipped(&[("match_def.json", b"{\n\"a\": NaN}")]),
            "line 2, column 6",
        ),
    ];
    for (what, bytes, expected) in cases {
        let said = read_psc(&bytes).unwrap_err().to_string();
        assert!(said.contains(expected), "{what}: {said}");
    }
}

#[test]
fn a_damaged_byte_anywhere_never_panics() {
    let whole = write_psc(&samples::ipsc()).expect("writable");
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x55;
        if let Err(complaints) = read_psc(&bytes) {
            assert!(!complaints.to_string().is_empty(), "byte {at}");
        }
    }
}
