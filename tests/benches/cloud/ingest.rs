//! Ingest: entries as they come from devices through the event store, against the same rows by plain
//! `insert` statements.
//!
//! Both write batches of 100 to tables of the same shape with the same keys, each batch durable
//! before the next, by as many writers. The store's also lock the event, look at the head, check what
//! is there and keep a head's signature. Layer: benches.

use std::thread;
use std::time::Duration;

use sqlx::PgPool;
use tallyline::clock::Clock;
use tallyline::store::EventStore as _;
use tallyline::store::postgres::{Database, Engine, PostgresStore};
use tallyline_proto::model::{EventId, GrantId, Hash, Incarnation, LogName};
use tallyline_proto::replica::{Disk as _, Write};
use tallyline_tests::postgres::Postgres;
use tokio::runtime::{Builder, Handle, Runtime};

/// Entries of one batch.
const BATCH: u64 = 100;

/// Logs of an event, as the real match has.
const LOGS: u8 = 30;

/// Batches of each log.
const BATCHES: u64 = 4;

/// Rounds; both sides take turns, and their medians are compared.
const ROUNDS: u8 = 7;

/// Writers at a time, each with an event of its own.
const WRITERS: [u8; 2] = [1, 8];

/// The least that the store's rate may be of the plain one.
const TARGET: f64 = 0.5;

/// A table as the entries', without anything beside it.
const PLAIN: &str = "create table plain (like entry including all)";

pub(crate) fn bench() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let runtime = Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("threads");
    let url = server.url();
    let database = Database::connect(&url, Engine::default());
    let database = runtime.block_on(database).expect("a database");
    let plain = sqlx::query(PLAIN).execute(database.pool());
    runtime.block_on(plain).expect("a table");
    for writers in WRITERS {
        compare(&runtime, &database, writers);
    }
}

fn compare(runtime: &Runtime, database: &Database, writers: u8) {
    let (mut stored, mut plain) = (Vec::new(), Vec::new());
    let mut number = writers.wrapping_mul(16);
    for _ in 0..ROUNDS {
        let mut events = Vec::new();
        for _ in 0..writers {
            number = number.wrapping_add(1);
            events.push(number);
        }
        stored.push(measure(&events, |number| {
            let opened = database.open(event(writers, number));
            let store = runtime.block_on(opened).expect("an event");
            move || store_all(store)
        }));
        plain.push(measure(&events, |number| {
            let (pool, handle) = (database.pool().clone(), runtime.handle().clone());
            let event = event(writers, number);
            move || insert_all(&handle, &pool, event)
        }));
    }
    let count = f64::from(LOGS) * f64::from(writers) * as_f64(BATCH * BATCHES);
    let rate = |mut times: Vec<Duration>| {
        times.sort_unstable();
        let median = times.get(times.len() / 2).copied();
        count / median.unwrap_or_default().as_secs_f64()
    };
    let (stored, plain) = (rate(stored), rate(plain));
    let ratio = stored / plain;
    let verdict = if TARGET <= ratio {
        "target met"
    } else {
        "TARGET MISSED"
    };
    println!(
        "ingest, {writers} writers, batches of {BATCH}: {stored:.0} entries/s through the event \
         store, {plain:.0} entries/s by plain inserts, ratio {ratio:.2} (at least {TARGET}: {verdict})"
    );
}

/// Runs what is prepared for each event on a thread of its own, and returns how long all took.
fn measure<W: FnOnce() + Send>(events: &[u8], prepare: impl Fn(u8) -> W) -> Duration {
    let work: Vec<W> = events.iter().map(|it| prepare(*it)).collect();
    let clock = Clock::start();
    let start = clock.instant();
    thread::scope(|scope| {
        for work in work {
            scope.spawn(work);
        }
    });
    start.elapsed()
}

fn store_all(mut store: PostgresStore) {
    store.load().expect("an empty event");
    for (log, first) in batches() {
        let entries = (first..first + BATCH).map(|seq| entry(log, seq)).collect();
        let name = LogName {
            grant: GrantId(Hash([log; 32])),
            incarnation: Incarnation(u64::from(log)),
        };
        let writes = [
            Write::Entries {
                log: name,
                first,
                entries,
            },
            Write::Head {
                log: name,
                height: first + BATCH - 1,
                signature: [log; 64],
            },
        ];
        store.commit(&writes).expect("it is saved");
    }
}

fn insert_all(handle: &Handle, pool: &PgPool, event: EventId) {
    let insert = "insert into plain (event_id, log, seq, bytes) \
                  select $1, * from unnest($2::integer[], $3::bigint[], $4::bytea[])";
    for (log, first) in batches() {
        let seqs = first..first + BATCH;
        let logs: Vec<i32> = seqs.clone().map(|_| i32::from(log)).collect();
        let bytes: Vec<Vec<u8>> = seqs.clone().map(|seq| entry(log, seq)).collect();
        let seqs: Vec<i64> = seqs.map(u64::cast_signed).collect();
        let query = sqlx::query(insert).bind(event.uuid()).bind(logs);
        let query = query.bind(seqs).bind(bytes);
        handle.block_on(query.execute(pool)).expect("it is saved");
    }
}

/// Returns the batches as they come: every device in turn.
fn batches() -> impl Iterator<Item = (u8, u64)> {
    (0..BATCHES).flat_map(|turn| (1..=LOGS).map(move |log| (log, turn * BATCH + 1)))
}

/// As long as the entries of the real match, 23 to 54 bytes and 38.5 on average.
fn entry(log: u8, seq: u64) -> Vec<u8> {
    let mut bytes = seq.to_le_bytes().to_vec();
    bytes.resize(usize::try_from(23 + (seq * 7) % 32).unwrap_or(38), log);
    bytes
}

fn event(writers: u8, number: u8) -> EventId {
    let mut id = [number; 32];
    if let Some(first) = id.first_mut() {
        *first = writers;
    }
    EventId(Hash(id))
}

fn as_f64(count: u64) -> f64 {
    u32::try_from(count).map_or(f64::INFINITY, f64::from)
}
