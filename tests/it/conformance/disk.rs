//! A disk that takes nothing more, under a real process.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;

use serde_json::{Value, json};
use tallyline_tests::process::{Process, binary};

use crate::netns::{DEADLINE, LOOK, call, now};

/// A node that may be told that its files may not grow or change beyond a place.
struct Bounded {
    child: Child,
}

impl Bounded {
    /// Starts a node that survives the system's signal for a file that is too large.
    fn start(root: &Path) -> Self {
        let mut command = Command::new("sh");
        command.args(["-c", "trap '' XFSZ; exec \"$@\"", "sh"]);
        command.arg(binary()).arg("--root").arg(root);
        command.args(["run", "--no-mdns", "--listen", "127.0.0.1:0"]);
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let node = Self {
            child: command.spawn().unwrap(),
        };
        until("the node answers", || {
            call(root, &json!({"verb": "node"})).is_some()
        });
        node
    }

    /// Sets how far the node's files reach, in bytes: beyond it every write is an error.
    fn limit(&self, bytes: &str) {
        let mut command = Command::new("prlimit");
        command.args(["--pid", &self.child.id().to_string()]);
        command.arg(format!("--fsize={bytes}:unlimited"));
        assert!(command.status().unwrap().success(), "the limit is {bytes}");
    }
}

impl Drop for Bounded {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begin = now();
    while !holds() {
        assert!(
            begin.elapsed() < DEADLINE,
            "not within {DEADLINE:?}: {what}"
        );
        thread::park_timeout(LOOK);
    }
}

fn found(root: &Path) {
    let shooters: Vec<Value> = (1..=9)
        .map(|shooter| {
            json!({"shooter": shooter, "label": format!("S{shooter}"), "division": "Open",
                "power_factor": "MINOR", "squad": 1})
        })
        .collect();
    let structure = json!({
        "event": "Full", "date": "2026-04-18", "divisions": ["Open"],
        "division_power_factors": {"Open": {"minor": 125, "major": 160}}, "rules": {},
        "stages": [{"stage": 1, "name": "One", "scoring": "Comstock", "target_shots": [2]}],
        "shooters": shooters
    });
    ask(
        root,
        &json!({"verb": "event-create", "structure": structure.to_string()}),
    );
    ask(root, &json!({"verb": "event-lock"}));
}

fn ask(root: &Path, request: &Value) -> Value {
    let answer = call(root, request).unwrap();
    assert!(answer.get("ok").is_some(), "{request}: {answer}");
    answer["ok"].clone()
}

fn score(shooter: u32) -> Value {
    json!({"verb": "score-add", "record": {"score": {"drill": 1, "shooter": shooter,
        "time_cs": [500 + shooter], "targets": [2]}}})
}

/// What was answered "saved" before is there when the disk takes writes again, also in a store that
/// was opened afresh; what was answered "not saved" may be entered again.
#[test]
fn a_full_disk_is_an_error_and_costs_nothing_that_was_saved() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("owner");
    Process::init(&root, "owner", "device").unwrap();
    let node = Bounded::start(&root);
    found(&root);
    for shooter in 1..=3 {
        ask(&root, &score(shooter));
    }
    node.limit("4096");
    for _ in 0..3 {
        let answer = call(&root, &score(4)).unwrap();
        assert_eq!(answer["error"]["code"], "not_saved", "{answer}");
    }
    let status = ask(&root, &json!({"verb": "status"}));
    assert!(status.to_string().contains("Not saving"), "{status}");
    node.limit("unlimited");
    // The store is opened again by itself; until then the answer is still "not saved".
    until("scores are saved again", || {
        let answer = call(&root, &score(5)).unwrap();
        answer.get("ok").is_some()
    });
    let check = |what: &str| {
        let list = ask(&root, &json!({"verb": "score-list"}));
        let entries = list["entries"].as_array().unwrap();
        for shooter in [1, 2, 3, 5] {
            let there = |it: &&Value| it["record"]["score"]["shooter"] == shooter;
            assert_eq!(entries.iter().filter(there).count(), 1, "{what}: {list}");
        }
        let verified = ask(&root, &json!({"verb": "verify"}));
        assert_eq!(verified["problems"], json!([]), "{what}: {verified}");
    };
    check("in the same process");
    drop(node);
    let _node = Bounded::start(&root);
    check("after a kill");
}
