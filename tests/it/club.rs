//! A club's match, from the file that the club has to the files that it sends on: real nodes, and
//! the command line as people type it.

use std::fs;

use serde_json::Value;
use tallyline::files::match_file::MatchFile;
use tallyline::files::psc::{read_psc, write_psc};
use tallyline::files::samples;

use crate::range::{Range, agree};

/// Everything that the tables say, without the digest of the logs.
fn tables(range: &Range, name: &str) -> Value {
    let mut told = range.read(name, &["standings", "--all"]);
    let told = told.as_object_mut().unwrap();
    for key in ["state_digest", "name"] {
        told.remove(key);
    }
    Value::Object(told.clone())
}

/// The match before anybody shot.
fn planned() -> MatchFile {
    let mut it = samples::ipsc();
    it.scores.clear();
    for shooter in &mut it.shooters {
        shooter.dq = None;
    }
    it
}

fn score<'a>(shooter: &'a str, time: &'a str) -> Vec<&'a str> {
    let what = ["score", "add", "--drill", "1", "--shooter", shooter];
    [
        &what[..],
        &["--time", time, "--hits", "2A AC A", "--steel", "2"],
    ]
    .concat()
}

#[test]
#[expect(
    clippy::too_many_lines,
    reason = "one day of a club, from morning to evening"
)]
fn a_club_match_made_from_a_psc_is_scored_on_three_devices_and_exported_again() {
    let range = Range::new();
    range.init("owner");
    let file = range.path("match.psc");
    fs::write(&file, write_psc(&planned()).unwrap()).unwrap();
    let seen = range.run("owner", &["import", &file, "--dry-run"]);
    assert_eq!(seen.exit, 0, "{seen:?}");
    assert!(seen.stdout.contains("shooters  3 new"), "{seen:?}");
    assert!(seen.stderr.contains("Nothing written."), "{seen:?}");
    range.done("owner", &["import", &file]);
    let again = range.run("owner", &["import", &file]);
    assert!(again.stderr.contains("0 added, 0 changed."), "{again:?}");
    range.done("owner", &["event", "lock"]);
    let owner = range.start("owner", &[]);
    let first = range.join("Tablet 1", "scorer", &[&owner]);
    let second = range.join("Tablet 2", "scorer", &[&owner, &first]);
    range.grant("1", "Tablet 1");
    range.grant("2", "Tablet 2");
    for node in [&first, &second] {
        agree(&owner, node);
    }
    let wrong = range.done("Tablet 1", &score("1", "12.34"));
    let more = ["--replaces", &wrong, "--reason", "time"];
    range.done("Tablet 1", &[&score("1", "12.43")[..], &more].concat());
    range.done("Tablet 2", &score("2", "9.87"));
    range.done("owner", &score("4", "10.50"));
    let fps = [
        "--chrono",
        "--weight",
        "145.1",
        "--fps",
        "855,853,861",
        "--gear",
        "pass",
    ];
    let reading = ["score", "add", "--drill", "2", "--shooter", "1"];
    range.done("Tablet 1", &[&reading[..], &fps].concat());
    for node in [&first, &second] {
        agree(&owner, node);
    }
    let expected = tables(&range, "owner");
    assert_eq!(tables(&range, "Tablet 2"), expected);

    let out = |ending: &str| range.path(&format!("out.{ending}"));
    for ending in ["psc", "miff", "txt", "csv", "jsonl", "tally"] {
        range.done("Tablet 2", &["export", &out(ending)]);
    }
    // Anybody checks the bundle: there is no root and no node.
    let checked = range.read("nowhere", &["verify", &out("tally")]);
    assert_eq!(checked["ok"], true, "{checked}");
    assert!(!range.root("nowhere").exists(), "verify made a root");
    let mut altered = fs::read(out("tally")).unwrap();
    let middle = altered.len() / 2;
    altered[middle] ^= 1;
    fs::write(out("bad"), &altered).unwrap();
    let bad = range.run("nowhere", &["verify", &out("bad")]);
    assert_eq!(bad.exit, 7, "{bad:?}");
    fs::write(out("cut"), &altered[..middle]).unwrap();
    let cut = range.run("nowhere", &["verify", &out("cut")]);
    assert_eq!(cut.exit, 7, "{cut:?}");
    assert!(cut.stdout.contains("the file ends here"), "{cut:?}");

    check_files(&range, &out);
    for (name, ending) in [
        ("from-psc", "psc"),
        ("from-miff", "miff"),
        ("from-report", "txt"),
    ] {
        range.init(name);
        range.done(name, &["import", &out(ending), "--scores"]);
        let read = tables(&range, name);
        assert_eq!(read["matches"], expected["matches"], "{name}");
        assert_eq!(read["stages"], expected["stages"], "{name}");
        // Nothing is there twice.
        let before = range.read(name, &["score", "history"]);
        range.done(name, &["import", &out(ending), "--scores"]);
        assert_eq!(range.read(name, &["score", "history"]), before, "{name}");
    }
    range.init("from-bundle");
    range.done("from-bundle", &["import", &out("tally")]);
    assert_eq!(tables(&range, "from-bundle"), expected);
    range.refused(
        "Tablet 1",
        &["import", &out("psc")],
        (6, "E02"),
        "owner's device",
    );
}

/// What is in the files besides the results.
fn check_files(range: &Range, out: &dyn Fn(&str) -> String) {
    let psc = read_psc(&fs::read(out("psc")).unwrap()).unwrap().value;
    let first = psc.shooters.iter().find(|it| it.number == Some(1)).unwrap();
    let versions: Vec<_> = psc
        .scores
        .iter()
        .filter(|it| it.shooter == first.id && it.chrono.is_none())
        .map(|it| {
            (
                it.superseded,
                it.string_centis.clone(),
                it.device.name.clone(),
            )
        })
        .collect();
    let tablet = "Tablet 1".to_owned();
    let both = [
        (true, vec![1234], tablet.clone()),
        (false, vec![1243], tablet),
    ];
    assert_eq!(versions, both);
    let report = fs::read_to_string(out("txt")).unwrap();
    assert!(report.starts_with("$PRACTISCORE"), "{report}");
    let csv = fs::read_to_string(out("csv")).unwrap();
    assert_eq!(
        csv,
        range.run("owner", &["standings", "--all", "--csv"]).stdout
    );
    let lines = fs::read_to_string(out("jsonl")).unwrap();
    let entries: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(entries.len(), 6, "{lines}");
    let voided = entries.iter().find(|it| it["verdict"] == "voided").unwrap();
    let replaced = |it: &&Value| it["record"]["score"]["instead_of"] == voided["entry"];
    assert_eq!(entries.iter().filter(replaced).count(), 1, "{lines}");
    for entry in &entries {
        assert_eq!(entry["schema"], "tallyline.entry/1", "{entry}");
        for key in ["entry", "grant", "incarnation", "seq", "verdict", "label"] {
            assert!(!entry[key].is_null(), "{entry} lacks {key}");
        }
    }
}

#[test]
fn a_file_that_cannot_be_taken_in_is_told_with_its_place() {
    let range = Range::founded();
    let list = range.path("list.csv");
    fs::write(
        &list,
        "First Name,Last Name,Member #,Div\nJohn,Doe,A1,LTD10X\n",
    )
    .unwrap();
    let import = ["import", &list];
    range.refused(
        "owner",
        &import,
        (2, "bad_file"),
        "fix line 2 or pass --skip-problems",
    );
    let seen = range.run("owner", &["roster", "import", &list, "--dry-run"]);
    assert!(
        seen.stdout.contains("division \"LTD10X\" unknown"),
        "{seen:?}"
    );
    let report = range.path("report.txt");
    fs::write(&report, "$PRACTISCORE 1 RESULTS\nD Comp\nE x\n$END").unwrap();
    let place = "line 3, column \"Comp\"";
    range.refused_in_words("owner", &["import", &report], 2, place);
    let bundle = range.path("stick.tally");
    range.done("owner", &["export", &bundle]);
    range.refused_in_words(
        "owner",
        &["import", &bundle, "--scores"],
        2,
        "leave the options out",
    );
}
