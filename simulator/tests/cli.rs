//! The program as people and machines use it: exit codes, outputs, recordings.
#![cfg(test)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

const HELD: Option<i32> = Some(0);
const BROKE: Option<i32> = Some(1);
const USAGE: Option<i32> = Some(2);

/// A day that is over soon.
const SHORT: [&str; 6] = ["--hours", "1", "--devices", "3", "--profile", "kills"];

fn sim(folder: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tallyline-sim"))
        .args(args)
        .current_dir(folder)
        .output()
        .expect("the program starts")
}

fn run(folder: &Path, args: &[&str]) -> Output {
    sim(folder, &[["run"].as_slice(), args, &SHORT].concat())
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn folder() -> TempDir {
    TempDir::new().expect("there is room for a folder")
}

/// Records a short day and returns the file's name.
fn recorded(folder: &Path) -> String {
    let output = run(folder, &["--seed", "5", "--out", "here"]);
    assert_eq!(
        output.status.code(),
        HELD,
        "{}{}",
        out(&output),
        err(&output)
    );
    "here/seed-5.jsonl".to_owned()
}

/// Changes a recording.
fn change(folder: &Path, file: &str, change: impl FnOnce(&mut Vec<String>)) {
    let path = folder.join(file);
    let text = fs::read_to_string(&path).expect("the recording is there");
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    change(&mut lines);
    fs::write(&path, lines.join("\n") + "\n").expect("the recording is written");
}

#[test]
fn mistakes_of_usage_are_told_apart_from_broken_promises() {
    let folder = folder();
    let check = |words: &str, says: &str| {
        let args: Vec<&str> = words.split(' ').collect();
        let output = sim(folder.path(), &args);
        assert_eq!(output.status.code(), USAGE, "{words}");
        assert!(
            err(&output).contains(says),
            "{words} says: {}",
            err(&output)
        );
        assert_eq!(out(&output), "", "{words} writes no data");
    };
    check("fly", "unrecognized subcommand");
    check("run --devices 1", "--devices");
    check(
        "run --profile sunny",
        "there is no profile sunny; there are: calm, storm",
    );
    check(
        "run --scenario nothing",
        "there is no scenario nothing; there are: ",
    );
    check(
        "run --tier wire --profile storm",
        "there is no profile storm; there are: calm, corrupt",
    );
    check("run --seed 18446744073709551615 --count 2", "seeds end at");
    check("replay no-such-file", "no-such-file: cannot be read");
    check("replay x --until noon", "noon is no time such as 03:12");
    check("shrink no-such-file", "no-such-file: cannot be read");
}

#[test]
fn help_and_version_are_no_mistakes() {
    let folder = folder();
    for words in [
        "--help",
        "--version",
        "run --help",
        "replay --help",
        "shrink --help",
        "list",
    ] {
        let args: Vec<&str> = words.split(' ').collect();
        let output = sim(folder.path(), &args);
        assert_eq!(output.status.code(), HELD, "{words}");
        assert!(!out(&output).is_empty(), "{words} says something");
    }
}

#[test]
fn the_list_names_what_can_be_run_and_what_is_checked() {
    let output = sim(folder().path(), &["list"]);
    let text = out(&output);
    for word in [
        "handover",
        "storm",
        "kill-at",
        "frame-lost",
        "I1 ",
        "ack-before-commit",
        "column 1",
    ] {
        assert!(text.contains(word), "{word} is missing in {text}");
    }
    let part = sim(folder().path(), &["list", "profiles"]);
    assert!(!out(&part).contains("kill-at"), "only the part is listed");
}

#[test]
fn a_seed_says_what_it_is_and_gives_the_same_run_each_time() {
    let folder = folder();
    let once = out(&run(folder.path(), &["--seed", "7"]));
    let first = once.lines().next().unwrap_or_default();
    assert!(
        first.starts_with("tallyline-sim seed 7..8 commit "),
        "{first}"
    );
    let run_lines = |text: &str| -> Vec<String> {
        // What it cost differs.
        let lines = text.lines().take_while(|line| !line.starts_with("cost"));
        lines.map(str::to_owned).collect()
    };
    assert!(run_lines(&once).len() > 30, "a day has many lines: {once}");
    let again = out(&run(folder.path(), &["--seed", "7"]));
    assert_eq!(run_lines(&once), run_lines(&again));
    let other = out(&run(folder.path(), &["--seed", "8"]));
    assert_ne!(run_lines(&once), run_lines(&other));
    let left = fs::read_dir(folder.path())
        .expect("the folder is there")
        .count();
    assert_eq!(left, 0, "a run that held leaves nothing behind");
}

#[test]
fn many_seeds_have_a_line_each_in_their_order() {
    let folder = folder();
    let output = run(
        folder.path(),
        &["--seed", "1", "--count", "6", "--jobs", "3"],
    );
    assert_eq!(output.status.code(), HELD, "{}", out(&output));
    let text = out(&output);
    let seeds = text.lines().filter(|line| line.ends_with("  held"));
    let seeds: Vec<&str> = seeds
        .filter_map(|it| it.split_whitespace().next())
        .collect();
    assert_eq!(seeds, ["1", "2", "3", "4", "5", "6"]);
    assert!(text.contains("seeds            6, failed 0"), "{text}");
    assert!(text.contains("false safe 0"), "{text}");
    let alone = run(
        folder.path(),
        &["--seed", "1", "--count", "6", "--jobs", "1"],
    );
    let before_cost = |text: &str| text.split("\ncost").next().map(str::to_owned);
    assert_eq!(
        before_cost(&out(&alone)),
        before_cost(&text),
        "jobs change nothing"
    );
}

#[test]
fn a_folder_gets_the_recording_and_the_report() {
    let folder = folder();
    recorded(folder.path());
    let read = |name: &str| fs::read_to_string(folder.path().join("here").join(name));
    let summary = read("summary.json").expect("the summary is there");
    let summary: serde_json::Value = serde_json::from_str(&summary).expect("it is JSON");
    assert_eq!(summary["passed"], true);
    assert_eq!(summary["totals"]["runs"], 1);
    assert_eq!(
        summary["command"],
        "tallyline-sim run --seed 5 --devices 3 --hours 1 --profile kills"
    );
    let junit = read("junit.xml").expect("the test cases are there");
    assert!(junit.contains("tests=\"1\" failures=\"0\""), "{junit}");
    let page = read("report/index.html").expect("the page is there");
    assert!(page.starts_with("<!DOCTYPE html>"), "it is a page");
    assert!(!page.contains("http"), "it asks nobody");
    assert!(page.contains("\"seed\":\"5\""), "it shows the seed");
}

#[test]
fn a_recording_is_replayed_line_by_line() {
    let folder = folder();
    let file = recorded(folder.path());
    let whole = sim(folder.path(), &["replay", &file]);
    assert_eq!(whole.status.code(), HELD, "{}", err(&whole));
    assert!(
        err(&whole).contains("the same hash; everything held"),
        "{}",
        err(&whole)
    );
    let until = sim(folder.path(), &["replay", &file, "--until", "00:20"]);
    assert_eq!(until.status.code(), HELD, "{}", err(&until));
    assert!(
        err(&until).contains("lines until 00:20:00.000"),
        "{}",
        err(&until)
    );
    let (whole, until) = (out(&whole).lines().count(), out(&until).lines().count());
    let recorded = fs::read_to_string(folder.path().join(&file)).expect("it is there");
    assert!(
        whole > recorded.lines().count(),
        "a replay shows more than was recorded"
    );
    assert!(until < whole, "{until} lines until 00:20, {whole} in all");
}

#[test]
fn a_recording_of_another_run_is_told() {
    let folder = folder();
    let file = recorded(folder.path());
    let mut wrong = 0;
    change(folder.path(), &file, |lines| {
        wrong = lines.len() / 2;
        lines[wrong] = lines[wrong].replacen(':', ":1", 1);
    });
    let output = sim(folder.path(), &["replay", &file]);
    assert_eq!(output.status.code(), BROKE, "{}", err(&output));
    let expected = format!("diverges at line {wrong}:\n  recorded  ");
    assert!(err(&output).contains(&expected), "{}", err(&output));

    let file = recorded(folder.path());
    change(folder.path(), &file, |lines| {
        let (start, end) = lines[0].split_once("\"trace\":\"").expect("a hash");
        lines[0] = format!("{start}\"trace\":\"0{end}");
    });
    let output = sim(folder.path(), &["replay", &file]);
    assert_eq!(output.status.code(), BROKE, "{}", err(&output));
    assert!(
        err(&output).contains("but another hash"),
        "{}",
        err(&output)
    );
}

#[test]
fn a_damaged_recording_is_named_with_its_line() {
    let folder = folder();
    let file = recorded(folder.path());
    change(folder.path(), &file, |lines| lines[2].truncate(5));
    for verb in ["replay", "shrink"] {
        let output = sim(folder.path(), &[verb, &file]);
        assert_eq!(output.status.code(), USAGE, "{verb}");
        let says = "here/seed-5.jsonl: line 3 is no line of a recording";
        assert!(err(&output).contains(says), "{verb}: {}", err(&output));
    }
}

#[test]
fn shrinking_needs_a_failure_that_comes_back() {
    let folder = folder();
    let file = recorded(folder.path());
    let output = sim(folder.path(), &["shrink", &file]);
    assert_eq!(output.status.code(), USAGE, "{}", err(&output));
    assert!(
        err(&output).contains("there is no failure to keep"),
        "{}",
        err(&output)
    );
    change(folder.path(), &file, |lines| {
        let broken = r#""violations":[{"invariant":"I1","at_ms":5,"what":"made up"}]"#;
        lines[0] = lines[0].replace(r#""violations":[]"#, broken);
    });
    let output = sim(folder.path(), &["shrink", &file]);
    assert_eq!(output.status.code(), BROKE, "{}", err(&output));
    assert!(
        err(&output).contains("I1 does not break"),
        "{}",
        err(&output)
    );
}
