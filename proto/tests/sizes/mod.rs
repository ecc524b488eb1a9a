//! How many bytes the real match takes: each score alone, as a live push, and the event itself.

use std::collections::BTreeMap;

use serde_json::Value;
use tallyline_keys::{DeviceKey, Signature};
use tallyline_proto::{
    model::{
        Approvals, Body, Drill, DrillNo, Entry, GrantId, Hash, Incarnation, LogName, Manifest,
        Shooter, ShooterNo, Structure,
    },
    wire::{Frame, LogRef, Push, encode_entry, encode_frame, encode_manifest, encode_structure},
};

use super::{body, data, event, rules, structure, text};

/// Largest score entry of the real match, in bytes, its time and approvals included.
const SCORE_BYTES_MAX: usize = 81;

/// Largest mean of them, in bytes.
const SCORE_BYTES_MEAN_MAX: usize = 45;

/// Largest live push of one score, in bytes: entry, log, sequence, signature and lengths.
const SIGNED_BYTES_MAX: usize = 204;

/// Largest event, in bytes: drills, shooters, rules and what founds it.
const EVENT_BYTES_MAX: usize = 50_000;

/// Encodes every score of the match as its device wrote it: with the officials' approvals, and
/// with the time since the entry before in the device's log.
fn scores() -> Vec<Vec<u8>> {
    let event = event();
    let (rule_list, codes) = rules(&event);
    let epoch_ms = i64::try_from(structure(&event, rule_list).epoch_ms).expect("in this century");
    let mut last_ms: BTreeMap<String, i64> = BTreeMap::new();
    let mut encoded = Vec::new();
    for line in data("wasa2018/log.jsonl.gz").lines() {
        let line: Value = serde_json::from_str(line).expect("valid JSON");
        let at_ms = line["t_ms"].as_i64().expect("a time");
        let before_ms = last_ms.insert(text(&line, "device").to_owned(), at_ms);
        if line["kind"] == "cleared" {
            continue;
        }
        let Body::Score(mut score) = body(&line, &codes) else {
            continue;
        };
        let relative = |name: &str| line[name].as_i64().map(|ok_ms| ok_ms - at_ms);
        score.approvals = Approvals {
            ro_ms: relative("ro_signed_ms"),
            shooter_ms: relative("shooter_signed_ms"),
        };
        let entry = Entry {
            at_delta_ms: at_ms - before_ms.unwrap_or(epoch_ms),
            revision: 1,
            succession: Vec::new(),
            body: Body::Score(score),
        };
        encoded.push(encode_entry(&entry, None));
    }
    encoded
}

/// Encodes the live push of one entry, with the frame's length before it.
fn pushed(entry: &[u8], by: LogRef) -> usize {
    let frame = encode_frame(&Frame::Push(Push {
        log: by,
        // As many bytes as the sequence of any real entry takes.
        from: 10_000,
        entries: vec![entry.to_vec()],
        signature: Signature::from_bytes([0xff; 64]),
    }));
    let length_bytes = if frame.len() < 128 { 1 } else { 2 };
    length_bytes + frame.len()
}

/// Founds an event from a structure and returns the sizes of structure and manifest in bytes.
fn event_bytes(structure: Structure) -> (usize, usize) {
    let structure_bytes = encode_structure(&structure).len();
    let manifest = encode_manifest(&Manifest {
        rules_version: 1,
        name: "x".repeat(64),
        nonce: [0xff; 16],
        owner: DeviceKey::from_seed([1; 32]).public(),
        recovery: vec![DeviceKey::from_seed([2; 32]).public()],
        cloud: vec![DeviceKey::from_seed([3; 32]).public()],
        discovery_key: [0xff; 16],
        structure,
    });
    (structure_bytes, manifest.len())
}

/// The real event's rules and divisions with 20 drills and 30 shooters, all names as long as they
/// may be.
fn large_of_its_kind() -> Structure {
    let event = event();
    let (rule_list, _) = rules(&event);
    let real = structure(&event, rule_list);
    let drills = (1..=20).map(|no| Drill {
        no: DrillNo(no),
        name: "x".repeat(64),
        required_hits: vec![2; 32],
        ..real.drills[0].clone()
    });
    let shooters = (1..=30).map(|no| Shooter {
        no: ShooterNo(no),
        label: "x".repeat(64),
        ..real.shooters[0].clone()
    });
    Structure {
        drills: drills.collect(),
        shooters: shooters.collect(),
        ..real
    }
}

#[test]
fn s0_08_scores_and_events_are_small() {
    let scores = scores();
    let total: usize = scores.iter().map(Vec::len).sum();
    let largest = scores.iter().map(Vec::len).max().expect("thousands");
    println!(
        "{} scores of the real match: mean {}.{:02} B, largest {largest} B",
        scores.len(),
        total / scores.len(),
        total * 100 / scores.len() % 100
    );
    assert!(
        largest <= SCORE_BYTES_MAX,
        "the largest score has {largest} B"
    );
    assert!(
        total <= SCORE_BYTES_MEAN_MAX * scores.len(),
        "{total} B of {} scores",
        scores.len()
    );

    let log = LogName {
        grant: GrantId(Hash([0xa5; 32])),
        incarnation: Incarnation(u64::MAX),
    };
    let most = |by| {
        scores
            .iter()
            .map(|entry| pushed(entry, by))
            .max()
            .expect("thousands")
    };
    let (tagged, named) = (most(LogRef::Tag([0xff; 5])), most(LogRef::Name(log)));
    println!("a signed score on the wire: at most {tagged} B, the first of its log {named} B");
    assert!(
        tagged.max(named) <= SIGNED_BYTES_MAX,
        "{tagged} B, {named} B"
    );

    let event = event();
    let (rule_list, _) = rules(&event);
    for (what, structure) in [
        ("the real event", structure(&event, rule_list)),
        (
            "20 drills and 30 shooters with the longest names",
            large_of_its_kind(),
        ),
    ] {
        let (structure, manifest) = event_bytes(structure);
        println!("{what}: structure {structure} B, manifest {manifest} B");
        assert!(manifest < EVENT_BYTES_MAX, "{what}: {manifest} B");
    }
}
