//! A store that is damaged costs nothing that another device has.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tallyline_tests::process::Process;

/// How long two nodes on one machine may take to agree: far above what they need.
const AGREE_MAX: Duration = Duration::from_mins(1);

const ARGS: [&str; 3] = ["--no-mdns", "--listen", "127.0.0.1:0"];

fn structure() -> String {
    let shooters: Vec<Value> = (1..=9)
        .map(|no| {
            json!({"shooter": no, "label": format!("S{no}"), "division": "Open",
                "power_factor": "MINOR", "squad": 1, "categories": []})
        })
        .collect();
    json!({
        "event": "Damage", "level": "L1", "date": "2026-04-18", "divisions": ["Open"],
        "division_power_factors": {"Open": {"minor": 125, "major": 160}},
        "rules": {"procedurals": [], "dqs": [], "dnfs": []},
        "stages": [{"stage": 1, "name": "One", "scoring": "Comstock", "strings": 1,
            "target_shots": [2, 2], "steel": 0}],
        "shooters": shooters
    })
    .to_string()
}

fn digest(node: &Process) -> String {
    let answer = node.ask(&json!({"verb": "standings"}));
    answer.map_or_else(|_| String::new(), |it| it["state_digest"].to_string())
}

/// Starts a node that is told where the other one listens.
fn start_beside(root: &Path, other: &Process) -> Process {
    let address = other.ready()["addresses"][0].as_str().expect("an address");
    let args = [&ARGS[..], &["--peer", address]].concat();
    Process::start(root, &args).expect("it starts all the same")
}

/// Waits until two nodes hold the same logs.
#[expect(clippy::disallowed_methods, reason = "a test's own deadline")]
fn agree(one: &Process, other: &Process) {
    let begin = Instant::now();
    loop {
        let (left, right) = (digest(one), digest(other));
        if !left.is_empty() && left == right {
            return;
        }
        assert!(begin.elapsed() < AGREE_MAX, "{left} and {right} stay apart");
        thread::yield_now();
    }
}

fn add(node: &Process, shooter: u32) -> Value {
    let record = json!({"score": {"drill": 1, "shooter": shooter, "time_cs": [500 + shooter],
        "targets": [2, 2], "steel": {"hit": 0, "miss": 0, "no_penalty_miss": 0, "no_shoot": 0}}});
    node.ask(&json!({"verb": "score-add", "record": record}))
        .expect("saved")
}

fn damage(root: &Path) {
    let path = root.join("node.redb");
    let mut content = fs::read(&path).expect("a store");
    content.truncate(content.len() / 2);
    for byte in content.iter_mut().take(4096) {
        *byte ^= 0x5a;
    }
    fs::write(&path, content).expect("the store is damaged");
}

#[test]
fn a_damaged_store_is_moved_aside_and_filled_again_from_other_devices() {
    let folder = tempfile::tempdir().expect("a folder");
    let [owner_root, tablet_root] = ["owner", "tablet"].map(|name| folder.path().join(name));
    Process::init(&owner_root, "owner", "device").expect("init");
    Process::init(&tablet_root, "tablet", "device").expect("init");
    let owner = Process::start(&owner_root, &ARGS).expect("the owner starts");
    owner
        .ask(&json!({"verb": "event-create", "structure": structure()}))
        .expect("founded");
    owner.ask(&json!({"verb": "event-lock"})).expect("locked");
    let ticket = owner
        .ask(&json!({"verb": "invite", "label": "tablet"}))
        .expect("invited");
    let tablet = Process::start(&tablet_root, &ARGS).expect("the tablet starts");
    tablet
        .ask(&json!({"verb": "join", "ticket": ticket["ticket"]}))
        .expect("joining");
    agree(&owner, &tablet);
    owner
        .ask(&json!({"verb": "grant", "opens": [{"to": "tablet"}]}))
        .expect("granted");
    agree(&owner, &tablet);
    for shooter in 1..=5 {
        add(&tablet, shooter);
    }
    agree(&owner, &tablet);

    tablet.kill().expect("killed");
    damage(&tablet_root);
    let tablet = start_beside(&tablet_root, &owner);
    agree(&owner, &tablet);
    let list = tablet.ask(&json!({"verb": "score-list"})).expect("a list");
    assert_eq!(list["entries"].as_array().map(Vec::len), Some(5), "{list}");
    // It goes on where it was, in a log of its own, and nothing is signed twice.
    add(&tablet, 6);
    agree(&owner, &tablet);
    let status = tablet.ask(&json!({"verb": "status"})).expect("a status");
    assert!(
        status.to_string().contains("moved aside"),
        "it says so: {status}"
    );

    // The owner's own store as well: the tablet has all of it.
    owner.kill().expect("killed");
    damage(&owner_root);
    let owner = start_beside(&owner_root, &tablet);
    agree(&owner, &tablet);
    add(&owner, 7);
    agree(&owner, &tablet);
    let verified = owner.ask(&json!({"verb": "verify"})).expect("verified");
    assert_eq!(verified["problems"], json!([]), "{verified}");
    tablet.stop().expect("it stops");
    owner.stop().expect("it stops");
}
