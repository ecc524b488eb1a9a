//! `tallyline doctor` and the security log, with real nodes.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::{Value, json};
use tallyline_tests::process::{Outcome, Process, run};

/// Addresses of a node that only tests reach.
const LOOPBACK: [&str; 3] = ["--listen", "127.0.0.1:0", "--no-mdns"];

fn device(dir: &Path, label: &str) -> std::path::PathBuf {
    let root = dir.join(label);
    Process::init(&root, label, "device").unwrap();
    root
}

/// Runs doctor and returns its exit code and what it found, by what it is about.
fn examine(root: &Path) -> (i32, Value) {
    let Outcome { exit, stdout, .. } = run(root, &["--json", "doctor"]);
    (exit, serde_json::from_str(&stdout).unwrap())
}

fn finding<'a>(report: &'a Value, what: &str) -> &'a Value {
    let findings = report["findings"].as_array().unwrap();
    let found = findings.iter().find(|it| it["what"] == what);
    found.unwrap_or_else(|| panic!("nothing about {what}: {report}"))
}

#[test]
fn a_device_is_well_with_and_without_a_running_node() {
    let dir = tempfile::tempdir().unwrap();
    let root = device(dir.path(), "tablet");
    let (exit, report) = examine(&root);
    assert_eq!((exit, &report["well"]), (0, &json!(true)), "{report}");
    assert_eq!(finding(&report, "node")["state"], "note", "does not run");

    let node = Process::start(&root, &LOOPBACK).unwrap();
    let (exit, report) = examine(&root);
    assert_eq!(exit, 0, "{report}");
    for what in ["key", "node", "store", "clock", "port", "refusals"] {
        assert_eq!(finding(&report, what)["state"], "fine", "{what}: {report}");
    }
    assert_eq!(finding(&report, "mdns")["state"], "note", "it is off");
    let text = run(&root, &["doctor"]);
    assert_eq!(text.exit, 0, "{text:?}");
    assert!(text.stdout.contains("Nothing is wrong."), "{text:?}");
    node.stop().unwrap();
}

#[test]
fn what_is_wrong_has_a_cause_a_fix_and_an_exit_code() {
    let dir = tempfile::tempdir().unwrap();
    let root = device(dir.path(), "tablet");
    let key = root.join("device.key");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    let (exit, report) = examine(&root);
    assert_eq!((exit, &report["well"]), (1, &json!(false)), "{report}");
    let key = finding(&report, "key");
    assert_eq!(key["state"], "wrong", "{key}");
    let fix = key["fix"].as_str().unwrap();
    assert!(fix.starts_with("run `chmod 600"), "{fix}");
    let text = run(&root, &["doctor"]);
    assert_eq!(text.exit, 1, "{text:?}");
    assert!(text.stdout.contains("-> run `chmod 600"), "{text:?}");
}

#[test]
fn the_security_log_tells_who_was_turned_away() {
    let dir = tempfile::tempdir().unwrap();
    let (one, two) = (device(dir.path(), "one"), device(dir.path(), "two"));
    let none = run(&one, &["doctor", "--security"]);
    assert_eq!(none.exit, 5, "it needs a running node: {none:?}");

    let node = Process::start(&one, &LOOPBACK).unwrap();
    let structure = include_str!("../data/wasa2018/event.json");
    let create = json!({"verb": "event-create", "structure": structure});
    node.ask(&create).unwrap();
    let address = node.ready()["addresses"][0].as_str().unwrap().to_owned();
    let [listen, loopback, no_mdns] = LOOPBACK;
    let args = [listen, loopback, no_mdns, "--peer", &address];
    let other = Process::start(&two, &args).unwrap();
    // A device with an event of its own dials the other one. Neither knows the other, and whose time for a
    // proof is over first turns the other away.
    other.ask(&create).unwrap();
    let turned_away = || {
        let mut both = [(&node, &one), (&other, &two)].into_iter();
        both.find_map(|(node, root)| {
            let log = node.ask(&json!({"verb": "security"})).unwrap();
            let lines = log["lines"].as_array().unwrap().clone();
            let line = lines.into_iter().find(|it| it["key"].is_string())?;
            Some((root.clone(), line))
        })
    };
    let (root, line) = wait_for(turned_away);
    assert!(line["cause"].is_string(), "{line}");
    assert!(
        line["address"].as_str().unwrap().starts_with("127."),
        "{line}"
    );
    let text = run(&root, &["doctor", "--security"]);
    assert_eq!(text.exit, 0, "{text:?}");
    let key = line["key"].as_str().unwrap();
    let short = key.split('-').next().unwrap();
    assert!(text.stdout.contains(short), "{text:?}");
    let (_, report) = examine(&root);
    assert_eq!(finding(&report, "refusals")["state"], "note", "{report}");
    other.stop().unwrap();
    node.stop().unwrap();
}

/// Looks again and again until there is something, at most a minute.
fn wait_for<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = crate::netns::now() + crate::netns::DEADLINE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(crate::netns::now() < deadline, "not in time");
        std::thread::park_timeout(crate::netns::LOOK);
    }
}
