#![expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    reason = "counts of a test fit every width"
)]

use std::fs;

use tallyline_keys::{DeviceKey, PublicKey};
use tallyline_proto::model::{
    EventId, GrantId, Hash, Incarnation, KeyId, Person, Roles, ShooterNo,
};
use tallyline_proto::replica::StoredLog;
use tallyline_proto::wire::{KeyRow, Origin, Share, encode_key};

use super::bounded::Bounded;
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
    let mut store = Store::with_backend(Bounded::new(), 1).expect("opens");
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
    let mut store = Store::with_backend(Bounded::new(), 1).expect("opens");
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

/// In a file that was closed in order redb looks at no checksum by itself. The simulator's disks
/// flip bits of files in every state.
#[test]
fn any_flipped_bit_is_harmless_or_damage_and_never_wrong_content() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("node.redb");
    let log = name(1, 1);
    let mut store = Store::open(&path).expect("opens");
    store
        .commit(&first_writes(
            log,
            name(2, 1),
            DeviceKey::from_seed([3; 32]).public(),
        ))
        .expect("commits");
    for seq in 4..=40 {
        store.commit(&[entries(log, seq, 1)]).expect("commits");
    }
    let stored = format!("{:?}", store.load().expect("loads"));
    drop(store);
    let whole = fs::read(&path).expect("reads");
    let mut damaged = 0;
    // The header and the first pages: everything that decides how the rest is read.
    for place in (0..40_000.min(whole.len())).step_by(211) {
        let mut bytes = whole.clone();
        bytes[place] ^= 1 << (place % 8);
        fs::write(&path, &bytes).expect("writes");
        match Store::open_copy(&path).and_then(|store| store.load()) {
            Ok(found) => assert!(
                format!("{found:?}") == stored,
                "byte {place} changed the content"
            ),
            Err(StoreError::Damaged(_)) => damaged += 1,
            Err(error) => panic!("byte {place}: {error}"),
        }
    }
    assert!(0 < damaged, "no flip was found");
}

#[test]
fn what_is_left_of_making_a_store_is_no_damage() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("node.redb");
    let left = dir.path().join("node.redb.fresh");
    fs::write(&left, b"half of a header").expect("writes");
    let (store, aside) = Store::open_or_set_aside(&path).expect("opens");
    assert_eq!(aside, None);
    assert!(path.exists() && !left.exists(), "it has its name");
    let id = store.id();
    drop(store);
    assert_eq!(Store::open(&path).expect("opens").id(), id);
}

/// A key of sealed texts, and what a store keeps of it.
fn sealing_key(number: u8) -> (KeyId, KeyRow, [u8; 32]) {
    let event = EventId(Hash([9; 32]));
    let person = Person::Shooter(ShooterNo(u32::from(number) + 1));
    let share = Share::make(event, person, Roles::MEDIC, &[number; 32]);
    let secret = *share.key.as_bytes();
    (share.id(event), encode_key(&share, Origin::Made), secret)
}

fn holds(path: &Path, bytes: &[u8]) -> bool {
    let content = fs::read(path).expect("reads");
    content.windows(bytes.len()).any(|it| it == bytes)
}

/// R-SEAL-5: a destroyed key is not in the file any more, wherever redb had put it; all else is.
#[test]
fn a_destroyed_key_is_wiped_from_the_file() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("node.redb");
    let mut store = Store::open(&path).expect("opens");
    let (a, b) = (name(1, 7), name(2, 8));
    let device = DeviceKey::from_seed([3; 32]).public();
    store.commit(&first_writes(a, b, device)).expect("commits");
    // Many commits, so that pages are copied and freed again and again.
    for number in 0..60 {
        let (id, row, _) = sealing_key(number);
        let writes = [Write::Key { id, row }, entries(a, 4 + u64::from(number), 1)];
        store.commit(&writes).expect("commits");
    }
    assert!(holds(&path, &sealing_key(7).2), "kept as it is");
    for number in (0..60).filter(|it| it % 3 == 0) {
        let id = sealing_key(number).0;
        store.commit(&[Write::ForgetKey { id }]).expect("commits");
    }
    let check = |path: &Path| {
        for number in 0..60 {
            let (_, _, secret) = sealing_key(number);
            assert_eq!(holds(path, &secret), number % 3 != 0, "key {number}");
        }
    };
    check(&path);
    drop(store);
    check(&path);
    // Opening checks every page against its checksum.
    let store = Store::open(&path).expect("no page in use was changed");
    let stored = store.load().expect("loads");
    assert_eq!(stored.keys.len(), 40);
    assert!(stored.keys.contains(&sealing_key(7).1));
    assert_eq!(find(&stored, a).entries.len(), 63);
    drop(store);
    let mut store = Store::open(&path).expect("opens");
    let forget = (0..60).map(|number| Write::ForgetKey {
        id: sealing_key(number).0,
    });
    let forget: Vec<Write> = forget.collect();
    store.commit(&forget).expect("commits");
    store.commit(&[entries(a, 64, 3)]).expect("goes on");
    drop(store);
    for number in 0..60 {
        assert!(!holds(&path, &sealing_key(number).2), "key {number}");
    }
    let store = Store::open(&path).expect("opens");
    let stored = store.load().expect("loads");
    assert!(stored.keys.is_empty());
    assert_eq!(find(&stored, a).entries.len(), 66);
}

/// A process that died between the commit and the wiping left keys in the file: the next opening
/// wipes them.
#[test]
fn what_a_crash_left_of_a_key_is_wiped_at_the_next_opening() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("node.redb");
    let mut store = Store::open(&path).expect("opens");
    for number in 0..60 {
        let (id, row, _) = sealing_key(number);
        store.commit(&[Write::Key { id, row }]).expect("commits");
    }
    // As a store without its file beside it: nobody wipes.
    store.scrubber = Scrubber::new([0; MARK], None);
    let forget = (0..60).filter(|it| it % 3 == 0);
    let forget: Vec<Write> = forget
        .map(|number| Write::ForgetKey {
            id: sealing_key(number).0,
        })
        .collect();
    store.commit(&forget).expect("commits");
    drop(store);
    let left = || {
        let gone = (0..60).filter(|it| it % 3 == 0);
        gone.filter(|number| holds(&path, &sealing_key(*number).2))
            .count()
    };
    assert!(0 < left(), "redb frees pages as they are");
    drop(Store::open(&path).expect("opens"));
    assert_eq!(left(), 0);
    let store = Store::open(&path).expect("no page in use was changed");
    assert_eq!(store.load().expect("loads").keys.len(), 40);
}

/// A store of the version before sealed texts has no table of keys.
#[test]
fn a_store_without_keys_opens_and_takes_them() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("node.redb");
    drop(Store::open(&path).expect("opens"));
    let db = builder().create(&path).expect("opens");
    let write = db.begin_write().expect("begins");
    assert!(write.delete_table(layout::KEYS).expect("deletes"));
    write.commit().expect("commits");
    drop(db);
    let mut store = Store::open(&path).expect("opens");
    assert!(store.load().expect("loads").keys.is_empty());
    let (id, row, _) = sealing_key(1);
    let write = Write::Key {
        id,
        row: row.clone(),
    };
    store.commit(&[write]).expect("commits");
    drop(store);
    let store = Store::open(&path).expect("opens");
    assert_eq!(store.load().expect("loads").keys, [row]);
}

/// Writes the number of a layout into a store.
fn say_version(path: &Path, version: &[u8]) {
    let db = builder().create(path).expect("opens");
    let write = db.begin_write().expect("begins");
    {
        let mut meta = write.open_table(layout::META).expect("opens");
        let said = meta.insert(layout::VERSION, version);
        said.map(drop).expect("says");
    }
    write.commit().expect("commits");
}

/// What this program does not know it would not keep.
#[test]
fn a_store_of_a_later_layout_is_refused_and_left_as_it_is() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("node.redb");
    let mut store = Store::open(&path).expect("opens");
    store.commit(&[entries(name(1, 1), 1, 3)]).expect("commits");
    drop(store);
    let later = layout::SCHEMA + 1;
    say_version(&path, &later.to_be_bytes());
    let bytes = fs::read(&path).expect("reads");
    for _ in 0..2 {
        let error = Store::open_or_set_aside(&path).expect_err("opened");
        assert!(
            matches!(error, StoreError::Newer { found, .. } if found == later),
            "{error}"
        );
        let error = Store::open_copy(&path).expect_err("opened");
        assert!(matches!(error, StoreError::Newer { .. }), "{error}");
    }
    assert!(
        fs::read(&path).expect("reads") == bytes,
        "something changed"
    );
    assert_eq!(
        fs::read_dir(dir.path()).expect("lists").count(),
        1,
        "nothing beside it"
    );
    say_version(&path, &layout::SCHEMA.to_be_bytes());
    let store = Store::open(&path).expect("the layout that this program writes");
    assert_eq!(
        find(&store.load().expect("loads"), name(1, 1))
            .entries
            .len(),
        3
    );
}

#[test]
fn a_store_without_a_version_is_of_the_first_layout() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("node.redb");
    drop(Store::open(&path).expect("opens"));
    let db = builder().create(&path).expect("opens");
    let write = db.begin_write().expect("begins");
    {
        let mut meta = write.open_table(layout::META).expect("opens");
        let said = meta.remove(layout::VERSION).expect("removes");
        assert!(said.is_some(), "a fresh store says it");
    }
    write.commit().expect("commits");
    drop(db);
    drop(Store::open(&path).expect("opens"));
}
