//! What every store has to do, tried on each: the file of a device and a database of the cloud.
//!
//! Source: PROTOCOL R-STORE-1 to R-STORE-4, `replica::Disk`.

use std::path::PathBuf;

use tallyline::store::postgres::{Database, Engine, retries};
use tallyline::store::{EventStore, News, Store, StoreError};
use tallyline_keys::{DeviceKey, PublicKey};
use tallyline_proto::model::{
    EventId, GrantId, Hash, Incarnation, KeyId, LogName, Person, Roles, ShooterNo,
};
use tallyline_proto::replica::{Disk as _, Stored, StoredLog, Write};
use tallyline_proto::wire::{KeyRow, Origin, Share, encode_key};

use crate::postgres::{Postgres, Stop};

/// Where stores are opened: each opening is another process's.
enum Place {
    File(tempfile::TempDir),
    Database(Postgres, tokio::runtime::Runtime),
}

impl Place {
    fn file() -> Self {
        Self::File(tempfile::tempdir().unwrap())
    }

    fn database() -> Option<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        Some(Self::Database(Postgres::start()?, runtime))
    }

    /// Opens the store of an event; with a file there is one event.
    fn open_event(&self, event: EventId) -> Box<dyn EventStore> {
        match self {
            Self::File(dir) => Store::open(&path(dir)).unwrap().into(),
            Self::Database(server, runtime) => {
                let url = server.url();
                let opened = runtime.block_on(async move {
                    let database = Database::connect(&url, Engine::default()).await?;
                    database.open(event).await
                });
                opened.unwrap().into()
            }
        }
    }

    fn open(&self) -> Box<dyn EventStore> {
        let mut store = self.open_event(event(1));
        // As a node does: what is there is read before anything is written.
        store.load().unwrap();
        store
    }

    /// Opens what was written before and reads it.
    fn read(&self) -> (u64, Stored) {
        let mut store = self.open_event(event(1));
        (store.id(), store.load().unwrap())
    }
}

fn path(dir: &tempfile::TempDir) -> PathBuf {
    dir.path().join("node.redb")
}

fn event(number: u8) -> EventId {
    EventId(Hash([number; 32]))
}

fn name(grant: u8, incarnation: u64) -> LogName {
    LogName {
        grant: GrantId(Hash([grant; 32])),
        incarnation: Incarnation(incarnation),
    }
}

/// The bytes of an entry follow from its place, so that any mix-up shows.
fn entry(log: LogName, seq: u64) -> Vec<u8> {
    let mut bytes = vec![log.grant.0.0[0]];
    bytes.extend(log.incarnation.0.to_le_bytes());
    bytes.extend(seq.to_le_bytes());
    bytes.resize(17 + usize::try_from(seq % 150).unwrap(), 7);
    bytes
}

fn entries(log: LogName, first: u64, count: u64) -> Write {
    let entries = (first..first + count).map(|seq| entry(log, seq)).collect();
    Write::Entries {
        log,
        first,
        entries,
    }
}

fn head(log: LogName, height: u64) -> Write {
    Write::Head {
        log,
        height,
        signature: [u8::try_from(height % 251).unwrap(); 64],
    }
}

fn cell(key: PublicKey, kind: u8, bytes: &[u8]) -> Write {
    Write::Cell {
        key,
        kind,
        bytes: bytes.to_vec(),
    }
}

fn sealing_key(number: u8) -> (KeyId, KeyRow) {
    let person = Person::Shooter(ShooterNo(u32::from(number)));
    let share = Share::make(event(1), person, Roles::MEDIC, &[number; 32]);
    (share.id(event(1)), encode_key(&share, Origin::Given))
}

fn find(stored: &Stored, log: LogName) -> StoredLog {
    let found = stored.logs.iter().find(|it| it.name == log).cloned();
    found.unwrap_or(StoredLog {
        name: log,
        entries: Vec::new(),
        heads: Vec::new(),
    })
}

fn whole(log: LogName, count: u64) -> Vec<Vec<u8>> {
    (1..=count).map(|seq| entry(log, seq)).collect()
}

/// Everything that is asked of any store.
fn conforms(place: &Place) {
    reads_back_what_was_written(place);
    adds_and_never_overwrites(place);
    takes_a_branch_out(place);
    forgets_keys(place);
}

fn reads_back_what_was_written(place: &Place) {
    let (a, b) = (name(1, 7), name(2, u64::MAX));
    let key = DeviceKey::from_seed([3; 32]).public();
    let mut store = place.open();
    let id = store.id();
    store
        .commit(&[
            Write::Manifest(b"manifest".to_vec()),
            Write::Ticket(Some(b"ticket".to_vec())),
            entries(a, 1, 3),
            head(a, 2),
            head(a, 3),
            entries(b, 1, 1),
            head(b, 1),
            cell(key, 1, b"old"),
            cell(key, 2, b"receipt"),
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
        ])
        .unwrap();
    store
        .commit(&[
            entries(a, 4, 2),
            head(a, 5),
            Write::DropHead { log: a, height: 2 },
            Write::DropHead { log: a, height: 3 },
            Write::Invite {
                id: [5; 16],
                bytes: None,
            },
            Write::Ticket(None),
        ])
        .unwrap();
    drop(store);

    let (again, stored) = place.read();
    assert_eq!(again, id, "the same store");
    assert_eq!(stored.manifest.as_deref(), Some(b"manifest".as_slice()));
    assert_eq!(stored.ticket, None);
    assert_eq!(stored.logs.len(), 2);
    let log = find(&stored, a);
    assert_eq!(log.entries, whole(a, 5));
    assert_eq!(log.heads, [(5, [5; 64])], "what is superfluous is gone");
    assert_eq!(find(&stored, b).heads, [(1, [1; 64])]);
    assert_eq!(stored.cells, [b"old".to_vec(), b"receipt".to_vec()]);
    assert_eq!(stored.forks, [b"fork".to_vec()]);
    assert_eq!(stored.invites, [([4; 16], b"open".to_vec())]);
}

fn adds_and_never_overwrites(place: &Place) {
    let log = name(1, 7);
    let mut store = place.open();
    store
        .commit(&[entries(log, 4, 4), head(log, 7)])
        .expect("the same bytes again are harmless, and what follows is added");
    drop(store);
    let mut store = place.open();
    let other = Write::Entries {
        log,
        first: 8,
        entries: vec![b"right".to_vec()],
    };
    store.commit(&[other]).unwrap();
    drop(store);
    let (_, stored) = place.read();
    let mut expected = whole(log, 7);
    expected.push(b"right".to_vec());
    assert_eq!(find(&stored, log).entries, expected);
}

fn takes_a_branch_out(place: &Place) {
    let log = name(3, 1);
    let mut store = place.open();
    store.commit(&[entries(log, 1, 6), head(log, 6)]).unwrap();
    let replaced = Write::Entries {
        log,
        first: 4,
        entries: vec![b"the other branch".to_vec()],
    };
    store
        .commit(&[
            Write::Displace {
                log,
                from: 4,
                bytes: b"piece".to_vec(),
            },
            replaced,
            head(log, 4),
        ])
        .unwrap();
    drop(store);
    let (_, stored) = place.read();
    let mut expected = whole(log, 3);
    expected.push(b"the other branch".to_vec());
    assert_eq!(find(&stored, log).entries, expected);
    assert_eq!(stored.displaced, [b"piece".to_vec()]);
}

fn forgets_keys(place: &Place) {
    let ((kept, kept_row), (gone, gone_row)) = (sealing_key(1), sealing_key(2));
    let mut store = place.open();
    let keep = |id, row: &KeyRow| Write::Key {
        id,
        row: row.clone(),
    };
    store
        .commit(&[keep(kept, &kept_row), keep(gone, &gone_row)])
        .unwrap();
    store.commit(&[Write::ForgetKey { id: gone }]).unwrap();
    drop(store);
    let (_, stored) = place.read();
    assert_eq!(stored.keys.len(), 1);
    assert_eq!(stored.keys[0].as_bytes(), kept_row.as_bytes());
}

#[test]
fn a_file_keeps_an_event() {
    let place = Place::file();
    conforms(&place);
    let before = place.read().0;
    let mut store = place.open();
    store.renew().unwrap();
    drop(store);
    let (fresh, stored) = place.read();
    assert_ne!(fresh, before, "another store");
    assert!(!stored.logs.is_empty(), "with the same content");
}

#[test]
fn a_database_keeps_an_event_and_many_nodes_share_it() {
    let Some(place) = Place::database() else {
        return;
    };
    conforms(&place);
    events_do_not_mix(&place);
    two_nodes_add_the_same_and_each_its_own(&place);
    writing_about_a_log_hides_nothing_of_it(&place);
    what_another_node_added_is_news(&place);
    something_else_is_never_overwritten(&place);
    heads_end_every_chunk(&place);
    nodes_that_write_at_once_lose_nothing(&place);
    what_fell_back_is_read_again(&place);
    a_store_that_was_renewed_is_another_one(&place);
    a_restart_of_the_database_costs_one_commit(&place);
    what_the_database_ends_for_another_s_sake_is_tried_again(&place);
    a_later_version_of_the_tables_is_refused(&place);
}

fn events_do_not_mix(place: &Place) {
    let mut other = place.open_event(event(2));
    let (id, stored) = (other.id(), other.load().unwrap());
    assert!(
        stored.manifest.is_none() && stored.logs.is_empty(),
        "{stored:?}"
    );
    assert_ne!(id, place.read().0, "each event has a store of its own");
    other
        .commit(&[entries(name(1, 7), 1, 1), head(name(1, 7), 1)])
        .unwrap();
    assert_eq!(find(&place.read().1, name(1, 7)).entries.len(), 8);
}

fn two_nodes_add_the_same_and_each_its_own(place: &Place) {
    let log = name(4, 1);
    let (mut left, mut right) = (place.open(), place.open());
    left.commit(&[entries(log, 1, 5), head(log, 5)]).unwrap();
    // Its peer pushed the same again, and more.
    right.commit(&[entries(log, 1, 7), head(log, 7)]).unwrap();
    left.commit(&[entries(log, 6, 1), head(log, 6)]).unwrap();
    assert_eq!(find(&place.read().1, log).entries, whole(log, 7));
    assert!(left.news().unwrap().is_some(), "the other one's last entry");
    assert_eq!(left.news().unwrap(), None, "once");
}

/// What another node added to a log meanwhile is not missed by whoever writes about it.
fn writing_about_a_log_hides_nothing_of_it(place: &Place) {
    let log = name(20, 1);
    let (mut left, mut right) = (place.open(), place.open());
    left.commit(&[entries(log, 1, 2), head(log, 1), head(log, 2)])
        .unwrap();
    assert!(right.news().unwrap().is_some(), "two entries");
    right.commit(&[entries(log, 3, 1), head(log, 3)]).unwrap();
    let key = DeviceKey::from_seed([8; 32]).public();
    let drop_one = Write::DropHead { log, height: 1 };
    left.commit(&[cell(key, 1, b"presence"), drop_one]).unwrap();
    assert!(left.news().unwrap().is_some(), "the third entry");
    left.commit(&[entries(log, 4, 1), head(log, 4)]).unwrap();
    assert_eq!(find(&place.read().1, log).entries, whole(log, 4));
}

fn what_another_node_added_is_news(place: &Place) {
    let log = name(5, 1);
    let (mut left, mut right) = (place.open(), place.open());
    assert_eq!(right.news().unwrap(), None);
    left.commit(&[entries(log, 1, 3), head(log, 3)]).unwrap();
    assert_eq!(
        left.news().unwrap(),
        None,
        "what a node wrote itself is no news"
    );
    let Some(News(bundles)) = right.news().unwrap() else {
        panic!("nothing new");
    };
    assert_eq!(bundles.len(), 1);
    assert_eq!(right.news().unwrap(), None, "once");
    // Taking it in writes nothing a second time.
    right.commit(&[entries(log, 1, 3), head(log, 3)]).unwrap();
    assert_eq!(left.news().unwrap(), None);
    right.commit(&[entries(log, 4, 1), head(log, 4)]).unwrap();
    assert_eq!(find(&place.read().1, log).entries, whole(log, 4));
}

fn something_else_is_never_overwritten(place: &Place) {
    let log = name(6, 1);
    let (mut left, mut right) = (place.open(), place.open());
    left.commit(&[entries(log, 1, 2), head(log, 2)]).unwrap();
    let other = Write::Entries {
        log,
        first: 2,
        entries: vec![b"a lie".to_vec()],
    };
    let first = entries(log, 1, 1);
    let refused = right.commit(&[first, other]);
    assert!(matches!(refused, Err(StoreError::Behind)), "{refused:?}");
    assert_eq!(find(&place.read().1, log).entries, whole(log, 2));
}

/// Two nodes drop what each holds to be superfluous; still every chunk ends at a signature. There are
/// enough of them for a transaction to be worth it.
fn heads_end_every_chunk(place: &Place) {
    let log = name(7, 1);
    let (mut left, mut right) = (place.open(), place.open());
    for seq in (1..=1300).step_by(10) {
        left.commit(&[entries(log, seq, 10), head(log, seq + 9)])
            .unwrap();
        right.news().unwrap();
    }
    let drop_at = |height| Write::DropHead { log, height };
    let odd: Vec<Write> = (1..130).step_by(2).map(|it| drop_at(it * 10)).collect();
    let even: Vec<Write> = (2..130).step_by(2).map(|it| drop_at(it * 10)).collect();
    left.commit(&[vec![entries(log, 1301, 1), head(log, 1301)], odd].concat())
        .unwrap();
    right.news().unwrap();
    right
        .commit(&[vec![entries(log, 1302, 1), head(log, 1302)], even].concat())
        .unwrap();
    let heads = find(&place.read().1, log).heads;
    let mut before = 0;
    for (height, _) in &heads {
        assert!(height - before <= 48, "a gap up to {height}: {heads:?}");
        before = *height;
    }
    assert!(heads.len() < 40 && before == 1302, "{heads:?}");
}

/// Three nodes are brought the same log at once, as by several gateways, and each a log of its own:
/// whoever finds the event changed between does it step by step, and nothing is there twice.
fn nodes_that_write_at_once_lose_nothing(place: &Place) {
    let shared = name(23, 1);
    let own = |node| name(23, 2 + node);
    let rounds = 40;
    std::thread::scope(|scope| {
        for node in 0..3 {
            let mut store = place.open();
            scope.spawn(move || {
                let key = DeviceKey::from_seed([100 + u8::try_from(node).unwrap(); 32]);
                for round in 0..rounds {
                    let (first, height) = (round * 5 + 1, round * 5 + 5);
                    let batch = [
                        entries(shared, first, 5),
                        head(shared, height),
                        entries(own(node), first, 5),
                        head(own(node), height),
                        cell(key.public(), 1, &round.to_le_bytes()),
                    ];
                    while let Err(error) = store.commit(&batch) {
                        assert!(matches!(error, StoreError::Behind), "{error}");
                        store.load().unwrap();
                    }
                    // Now and then a node hears of the others first.
                    if round % 3 == node {
                        store.news().unwrap();
                    }
                }
            });
        }
    });
    let stored = place.read().1;
    for log in [shared, own(0), own(1), own(2)] {
        let log_there = find(&stored, log);
        assert_eq!(log_there.entries, whole(log, rounds * 5));
        let ends = log_there.heads.iter().map(|it| it.0);
        assert!(ends.eq((1..=rounds).map(|it| it * 5)), "each head once");
    }
}

/// A database from last night: who remembers more reads it again, and adds what it is sent.
fn what_fell_back_is_read_again(place: &Place) {
    let Place::Database(server, _) = place else {
        return;
    };
    let log = name(8, 1);
    let mut store = place.open();
    store.commit(&[entries(log, 1, 3), head(log, 3)]).unwrap();
    server.back_up();
    let mut store = place.open();
    store.commit(&[entries(log, 4, 3), head(log, 6)]).unwrap();
    let before = store.id();
    server.restore();
    assert_eq!(place.read().0, before, "the id is in the backup, too");
    // The first answer after the restart may be that the connection is gone.
    let mut behind = store.commit(&[entries(log, 7, 1), head(log, 7)]);
    if matches!(behind, Err(StoreError::Disk(_))) {
        behind = store.commit(&[entries(log, 7, 1), head(log, 7)]);
    }
    assert!(matches!(behind, Err(StoreError::Behind)), "{behind:?}");
    assert_ne!(place.read().0, before, "another store from then on");
    let mut store = place.open();
    assert_eq!(find(&store.load().unwrap(), log).entries, whole(log, 3));
    store.commit(&[entries(log, 4, 4), head(log, 7)]).unwrap();
    assert_eq!(find(&place.read().1, log).entries, whole(log, 7));
}

/// What one node renews is another store for all of them: none signs for the one before any more.
fn a_store_that_was_renewed_is_another_one(place: &Place) {
    let log = name(21, 1);
    let (mut left, mut right) = (place.open(), place.open());
    let before = left.id();
    left.renew().unwrap();
    right.renew().unwrap();
    let fresh = place.read().0;
    assert_ne!(fresh, before);
    let refused = right.commit(&[entries(log, 1, 1), head(log, 1)]);
    assert!(matches!(refused, Err(StoreError::Behind)), "{refused:?}");
    assert!(matches!(left.news(), Err(StoreError::Behind)));
    assert_eq!(place.read().0, fresh, "renewed once");
    assert!(find(&place.read().1, log).entries.is_empty());
}

/// Two nodes write about one event at once, where the database ends one of two such transactions
/// (40001), as CockroachDB does: everything is there once, and it has happened.
fn what_the_database_ends_for_another_s_sake_is_tried_again(place: &Place) {
    let Place::Database(server, runtime) = place else {
        return;
    };
    let serializable = "-c%20default_transaction_isolation%3Dserializable";
    let url = format!("{}?options={serializable}", server.url());
    let open = || {
        let opened = runtime.block_on(async {
            let database = Database::connect(&url, Engine::default()).await?;
            database.open(event(1)).await
        });
        let mut store = opened.unwrap();
        store.load().unwrap();
        store
    };
    let before = retries();
    let stores = [open(), open()];
    std::thread::scope(|scope| {
        for (incarnation, mut store) in (1..).zip(stores) {
            scope.spawn(move || {
                for seq in 1..=40 {
                    let log = name(22, incarnation);
                    store
                        .commit(&[entries(log, seq, 1), head(log, seq)])
                        .unwrap();
                }
            });
        }
    });
    let again = retries() - before;
    eprintln!("{again} transactions were tried again");
    assert!(0 < again, "nothing was ended for another's sake");
    for incarnation in 1..=2 {
        let log = name(22, incarnation);
        assert_eq!(find(&place.read().1, log).entries, whole(log, 40));
    }
}

fn a_restart_of_the_database_costs_one_commit(place: &Place) {
    let Place::Database(server, _) = place else {
        return;
    };
    let log = name(9, 1);
    let mut store = place.open();
    store.commit(&[entries(log, 1, 1), head(log, 1)]).unwrap();
    server.stop(Stop::Immediate);
    let failed = store.commit(&[entries(log, 2, 1), head(log, 2)]);
    assert!(matches!(failed, Err(StoreError::Disk(_))), "{failed:?}");
    server.up();
    store.close();
    assert_eq!(find(&store.load().unwrap(), log).entries, whole(log, 1));
    store.commit(&[entries(log, 2, 1), head(log, 2)]).unwrap();
    assert_eq!(find(&place.read().1, log).entries, whole(log, 2));
}

fn a_later_version_of_the_tables_is_refused(place: &Place) {
    let Place::Database(server, runtime) = place else {
        return;
    };
    let url = server.url();
    let refused = runtime.block_on(async move {
        let database = Database::connect(&url, Engine::default()).await?;
        let later = "insert into _sqlx_migrations \
             (version, description, success, checksum, execution_time) \
             values (9999, 'later', true, '\\x00', 0)";
        let inserted = sqlx::query(later).execute(database.pool()).await;
        inserted.expect("PostgreSQL takes it");
        Database::connect(&url, Engine::default()).await
    });
    assert!(
        matches!(refused, Err(StoreError::Newer { found: 9999, .. })),
        "{refused:?}"
    );
}
