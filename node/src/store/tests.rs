#![expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    reason = "counts of a test fit every width"
)]

use std::fs;

use tallyline_keys::{DeviceKey, PublicKey};
use tallyline_proto::model::{GrantId, Hash, Incarnation};

use super::power::{Power, Random};
use super::*;

/// What happens to a file.
type Damage = fn(&mut Vec<u8>);

fn name(grant: u8, incarnation: u64) -> LogName {
    LogName {
        grant: GrantId(Hash([grant; 32])),
        incarnation: Incarnation(incarnation),
    }
}

fn entries(log: LogName, first: u64, count: u64) -> Write {
    let entries = (first..first + count).map(|seq| entry(log, seq)).collect();
    Write::Entries {
        log,
        first,
        entries,
    }
}

/// The bytes of an entry follow from its place, so that any mix-up shows.
fn entry(log: LogName, seq: u64) -> Vec<u8> {
    let mut bytes = vec![log.grant.0.0[0], log.incarnation.0 as u8];
    bytes.extend(seq.to_le_bytes());
    bytes.resize(10 + (seq % 150) as usize, seq as u8);
    bytes
}

fn find(stored: &Stored, log: LogName) -> StoredLog {
    let found = stored.logs.iter().find(|it| it.name == log).cloned();
    found.unwrap_or(StoredLog {
        name: log,
        entries: Vec::new(),
        heads: Vec::new(),
    })
}

/// One of each kind of write, and two of some.
fn first_writes(a: LogName, b: LogName, key: PublicKey) -> Vec<Write> {
    vec![
        Write::Manifest(b"manifest".to_vec()),
        Write::Ticket(Some(b"ticket".to_vec())),
        entries(a, 1, 3),
        entries(b, 1, 1),
        Write::Head {
            log: a,
            height: 2,
            signature: [2; 64],
        },
        Write::Head {
            log: a,
            height: 3,
            signature: [3; 64],
        },
        Write::Head {
            log: b,
            height: 1,
            signature: [1; 64],
        },
        Write::Cell {
            key,
            kind: 1,
            bytes: b"old".to_vec(),
        },
        Write::Cell {
            key,
            kind: 2,
            bytes: b"receipt".to_vec(),
        },
        Write::Fork {
            log: a,
            bytes: b"fork".to_vec(),
        },
        Write::Invite {
            id: [4; 16],
            bytes: Some(b"open".to_vec()),
        },
        Write::Invite {
            id: [5; 16],
            bytes: Some(b"used".to_vec()),
        },
    ]
}

/// Writes that replace, forget or go on with what the first ones made.
fn second_writes(a: LogName, key: PublicKey) -> Vec<Write> {
    vec![
        entries(a, 4, 2),
        Write::DropHead { log: a, height: 2 },
        Write::Cell {
            key,
            kind: 1,
            bytes: b"new".to_vec(),
        },
        Write::Invite {
            id: [5; 16],
            bytes: None,
        },
        Write::Ticket(None),
    ]
}

#[test]
fn every_write_is_read_back_after_reopening() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("node.redb");
    let (a, b) = (name(1, 7), name(2, u64::MAX));
    let key = DeviceKey::from_seed([3; 32]).public();
    let mut store = Store::open(&path).expect("opens");
    let id = store.id();
    store.commit(&first_writes(a, b, key)).expect("commits");
    store.commit(&second_writes(a, key)).expect("commits");
    drop(store);

    let store = Store::open(&path).expect("opens again");
    assert_eq!(store.id(), id, "the same store");
    let stored = store.load().expect("loads");
    assert_eq!(stored.manifest.as_deref(), Some(b"manifest".as_slice()));
    assert_eq!(stored.ticket, None);
    assert_eq!(stored.logs.len(), 2);
    let log = find(&stored, a);
    assert_eq!(
        log.entries,
        (1..=5).map(|seq| entry(a, seq)).collect::<Vec<_>>()
    );
    assert_eq!(log.heads, [(3, [3; 64])]);
    assert_eq!(find(&stored, b).heads, [(1, [1; 64])]);
    assert_eq!(stored.cells, [b"new".to_vec(), b"receipt".to_vec()]);
    assert_eq!(stored.forks, [b"fork".to_vec()]);
    assert_eq!(stored.invites, [([4; 16], b"open".to_vec())]);
}

#[test]
fn an_entry_is_never_overwritten() {
    let mut store = Store::with_backend(Power::new(1)).expect("opens");
    let log = name(1, 1);
    store.commit(&[entries(log, 1, 2)]).expect("commits");
    store
        .commit(&[entries(log, 2, 1)])
        .expect("the same bytes again are harmless");
    let other = Write::Entries {
        log,
        first: 2,
        entries: vec![b"other".to_vec()],
    };
    store.commit(&[other]).expect_err("refuses");
    assert!(
        matches!(store.commit(&[entries(log, 3, 1)]), Err(StoreError::Dead)),
        "goes on"
    );
}

#[test]
fn a_gap_in_a_log_is_damage() {
    let mut store = Store::with_backend(Power::new(1)).expect("opens");
    store.commit(&[entries(name(1, 1), 2, 1)]).expect("commits");
    assert!(matches!(store.load(), Err(StoreError::Damaged(_))), "loads");
}

#[test]
fn a_file_is_open_once() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("node.redb");
    let first = Store::open(&path).expect("opens");
    assert!(
        matches!(Store::open(&path), Err(StoreError::InUse)),
        "opens twice"
    );
    drop(first);
    Store::open(&path).expect("opens");
}

#[test]
fn a_copy_reads_without_touching_the_file() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("node.redb");
    let mut store = Store::open(&path).expect("opens");
    store.commit(&[entries(name(1, 1), 1, 9)]).expect("commits");
    // Copied while it is open: what a killed process leaves behind.
    let left = dir.path().join("left.redb");
    fs::copy(&path, &left).expect("copies");
    let before = fs::read(&left).expect("reads");
    let copy = Store::open_copy(&left).expect("opens");
    assert_eq!(copy.id(), store.id());
    assert_eq!(
        find(&copy.load().expect("loads"), name(1, 1)).entries.len(),
        9
    );
    assert_eq!(fs::read(&left).expect("reads"), before, "the file changed");
}

#[test]
fn a_damaged_file_is_moved_aside_and_a_fresh_store_is_another_store() {
    let damages: [(&str, Damage); 5] = [
        ("empty", Vec::clear),
        ("truncated", |bytes| bytes.truncate(1000)),
        ("half", |bytes| bytes.truncate(bytes.len() / 2)),
        ("first bit flipped", |bytes| bytes[0] ^= 1),
        ("header overwritten", |bytes| bytes[..4096].fill(0xa5)),
    ];
    for (what, damage) in damages {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("node.redb");
        let mut store = Store::open(&path).expect("opens");
        store
            .commit(&[entries(name(1, 1), 1, 200)])
            .expect("commits");
        let id = store.id();
        drop(store);
        let mut bytes = fs::read(&path).expect("reads");
        damage(&mut bytes);
        fs::write(&path, &bytes).expect("writes");

        let (store, aside) = Store::open_or_set_aside(&path).expect(what);
        let aside = aside.unwrap_or_else(|| panic!("{what}: not moved aside"));
        assert!(
            aside.ends_with("node.redb.damaged-1"),
            "{what}: {}",
            aside.display()
        );
        assert_eq!(
            fs::read(&aside).expect("reads"),
            bytes,
            "{what}: kept as it was"
        );
        assert_ne!(store.id(), id, "{what}: the same id");
        assert!(
            store.load().expect("loads").logs.is_empty(),
            "{what}: not empty"
        );
    }
}

#[test]
fn any_flipped_bit_is_harmless_or_damage_and_never_wrong_content() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("node.redb");
    let log = name(1, 1);
    let mut store = Store::open(&path).expect("opens");
    for seq in 1..=40 {
        store.commit(&[entries(log, seq, 1)]).expect("commits");
    }
    drop(store);
    let whole = fs::read(&path).expect("reads");
    let mut random = Random::new(7);
    for _ in 0..60 {
        let mut bytes = whole.clone();
        // The header and the first pages: everything that decides how the rest is read.
        let place = random.below(40_000.min(bytes.len() as u64)) as usize;
        bytes[place] ^= 1 << random.below(8);
        fs::write(&path, &bytes).expect("writes");
        let Ok(store) = Store::open_copy(&path) else {
            continue;
        };
        let Ok(stored) = store.load() else { continue };
        for (seq, found) in (1..).zip(find(&stored, log).entries) {
            // A flipped bit inside an entry is found by the log's hash chain; its length and its
            // place are what the store answers for.
            assert!(found.len() <= 4096, "byte {place}: entry {seq}");
        }
    }
}

/// One life of a store on a disk whose power goes: commits until it does, then comes back.
fn cut_once(power: &Power, random: &mut Random, acknowledged: &mut [(LogName, u64); 3]) {
    power.cut_after(20 + random.below(180));
    let mut in_flight = None;
    if let Ok(mut store) = Store::with_backend(power.clone()) {
        loop {
            let mut writes = Vec::new();
            let mut after = *acknowledged;
            for (log, height) in &mut after {
                let count = random.below(4);
                writes.push(entries(*log, *height + 1, count));
                *height += count;
                writes.push(Write::Head {
                    log: *log,
                    height: *height,
                    signature: [9; 64],
                });
            }
            if store.commit(&writes).is_err() {
                in_flight = Some(after);
                break;
            }
            *acknowledged = after;
        }
    }
    power.restore();
    let stored = Store::with_backend(power.clone())
        .expect("opens")
        .load()
        .expect("loads");
    let heights = acknowledged.map(|(log, _)| (log, find(&stored, log).entries.len() as u64));
    // All acknowledged, and of the transaction in flight everything or nothing.
    assert!(
        heights == *acknowledged || Some(heights) == in_flight,
        "found {heights:?}, acknowledged {acknowledged:?}, in flight {in_flight:?}"
    );
    for (log, height) in heights {
        let found = find(&stored, log);
        assert_eq!(
            found.entries,
            (1..=height).map(|seq| entry(log, seq)).collect::<Vec<_>>()
        );
        assert!(
            found.heads.last().is_none_or(|(at, _)| *at == height),
            "head of {log:?}"
        );
    }
    *acknowledged = heights;
}

/// Conformance with the model of a disk: honest sync, nothing else.
#[test]
fn no_power_cut_loses_an_acknowledged_commit_or_leaves_half_of_one() {
    for seed in 0..60 {
        let power = Power::new(seed);
        let mut random = Random::new(!seed);
        let mut acknowledged = [(name(1, 1), 0), (name(2, 1), 0), (name(1, 2), 0)];
        for _ in 0..5 {
            cut_once(&power, &mut random, &mut acknowledged);
        }
    }
}

#[test]
fn a_full_disk_fails_the_commit_and_loses_nothing() {
    let power = Power::new(3);
    let log = name(1, 1);
    let mut store = Store::with_backend(power.clone()).expect("opens");
    power.bound(power.length());
    let mut height = 0;
    let error = loop {
        match store.commit(&[entries(log, height + 1, 50)]) {
            Ok(()) => height += 50,
            Err(error) => break error,
        }
        assert!(height < 1_000_000, "the disk never fills");
    };
    assert!(matches!(error, StoreError::Full), "{error}");
    power.bound(u64::MAX);
    // The handle stays dead although the disk has room.
    assert!(
        matches!(
            store.commit(&[entries(log, height + 1, 1)]),
            Err(StoreError::Dead)
        ),
        "lives"
    );
    drop(store);
    let mut store = Store::with_backend(power).expect("opens again");
    let found = find(&store.load().expect("loads"), log).entries.len() as u64;
    assert_eq!(found, height);
    store
        .commit(&[entries(log, height + 1, 50)])
        .expect("commits again");
}
