//! Kill -9 at any moment of a burst of scores: what was answered "saved" is there afterwards.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tallyline_tests::process::{Process, Socket};

/// Kills during a burst.
const KILLS: u64 = 60;
/// Clients that score at the same time, so that commits hold more than one score.
const WRITERS: u32 = 4;
/// Stages and shooters: enough slots for all bursts.
const STAGES: u32 = 30;
const SHOOTERS: u32 = 200;
/// How long a burst may take to its kill: far above what it needs.
const BURST_MAX: Duration = Duration::from_secs(30);
/// Alone in its own process: nobody to find, no port to fight for.
const ARGS: [&str; 3] = ["--no-mdns", "--listen", "127.0.0.1:0"];

/// What was answered "saved": the entry's id, and what it says.
type Saved = Mutex<BTreeMap<String, Value>>;

fn structure() -> Value {
    let stages: Vec<Value> = (1..=STAGES)
        .map(|stage| {
            json!({"stage": stage, "name": format!("Stage {stage}"), "scoring": "Comstock",
                "strings": 1, "target_shots": [2, 2], "steel": 0})
        })
        .collect();
    let shooters: Vec<Value> = (1..=SHOOTERS)
        .map(|shooter| {
            json!({"shooter": shooter, "label": format!("S{shooter}"), "division": "Open",
                "power_factor": "MINOR", "squad": 1 + shooter % 20, "categories": []})
        })
        .collect();
    json!({
        "event": "Burst", "level": "L1", "date": "2026-04-18", "divisions": ["Open"],
        "division_power_factors": {"Open": {"minor": 125, "major": 160}},
        "rules": {"procedurals": [], "dqs": [], "dnfs": []},
        "stages": stages, "shooters": shooters
    })
}

/// The n-th score of all bursts; each has its own slot.
fn score(number: u32) -> Value {
    json!({"score": {
        "drill": 1 + number % STAGES, "shooter": 1 + number / STAGES, "attempt": 0,
        "time_cs": [1000 + number], "targets": [2, 0x101], "steel": {"hit": 0, "miss": 0,
        "no_penalty_miss": 0, "no_shoot": 0}, "late_shots": 0, "extra_shots": 0, "extra_hits": 0
    }})
}

/// Scores until the node is gone.
fn write(root: &Path, next: &AtomicU32, count: &AtomicU64, saved: &Saved) {
    let Ok(mut socket) = Socket::connect(root) else {
        return;
    };
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        assert!(number < STAGES * SHOOTERS, "more slots are needed");
        let record = score(number);
        let request = json!({"verb": "score-add", "record": record.clone()});
        let Ok(answer) = socket.ask(&request) else {
            return;
        };
        let id = answer["ok"]["entries"][0]
            .as_str()
            .unwrap_or_else(|| panic!("{answer}"));
        let mut saved = saved.lock().unwrap_or_else(PoisonError::into_inner);
        saved.insert(id.to_owned(), record);
        count.fetch_add(1, Ordering::Relaxed);
    }
}

/// Lets clients score until so many are saved, and kills the node in the middle of it.
#[expect(clippy::disallowed_methods, reason = "a test's own deadline")]
fn burst(node: Process, root: &Path, next: &AtomicU32, saved: &Saved, goal: u64) {
    let count = AtomicU64::new(0);
    thread::scope(|scope| {
        for _ in 0..WRITERS {
            scope.spawn(|| write(root, next, &count, saved));
        }
        let start = Instant::now();
        while count.load(Ordering::Relaxed) < goal {
            assert!(
                start.elapsed() < BURST_MAX,
                "only {count:?} of {goal} were saved"
            );
            thread::park_timeout(Duration::from_micros(200));
        }
        node.kill().unwrap();
    });
}

/// Compares what is there with what was answered; returns how many entries there are.
fn check(node: &Process, saved: &Saved) -> usize {
    let list = node.ask(&json!({"verb": "score-list"})).unwrap();
    let found: BTreeMap<&str, &Value> = list["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| (entry["entry"].as_str().unwrap(), entry))
        .collect();
    let saved = saved.lock().unwrap_or_else(PoisonError::into_inner);
    for (id, record) in saved.iter() {
        let entry = found
            .get(id.as_str())
            .unwrap_or_else(|| panic!("{id} {record} is lost"));
        assert_eq!(&entry["record"], record, "{id} changed");
        assert_eq!(entry["verdict"], "counts", "{id} does not count");
    }
    found.len()
}

#[test]
fn every_score_that_was_answered_saved_survives_every_kill() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("owner");
    Process::init(&root, "Owner", "device").unwrap();
    let (next, saved) = (AtomicU32::new(0), Saved::default());
    let mut node = Process::start(&root, &ARGS).unwrap();
    let create = json!({"verb": "event-create", "structure": structure().to_string()});
    node.ask(&create).unwrap();
    node.ask(&json!({"verb": "event-lock"})).unwrap();

    for kill in 0..KILLS {
        // Between 1 and 47 saved scores: another moment of a commit each time.
        burst(node, &root, &next, &saved, 1 + kill * 31 % 47);
        if kill % 5 == 0 {
            let after = Duration::from_millis(kill);
            Process::start_and_kill(&root, &ARGS, after).unwrap();
        }
        node = Process::start(&root, &ARGS).unwrap();
        check(&node, &saved);
    }
    let there = check(&node, &saved);
    let answered = saved.lock().unwrap_or_else(PoisonError::into_inner).len();
    // A score whose answer the kill swallowed may be there too: one for each writer and kill.
    assert!(
        there <= answered + usize::try_from(KILLS * u64::from(WRITERS)).unwrap(),
        "{there}"
    );
    let report = node.ask(&json!({"verb": "verify"})).unwrap();
    assert_eq!(report["ok"], true, "{report}");
    println!("{KILLS} kills, {answered} scores answered saved, {there} found, none lost");
    node.stop().unwrap();
}
