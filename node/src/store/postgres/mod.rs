//! An event in PostgreSQL, shared by any number of cloud nodes.
//!
//! A node's memory is a cache of what is committed here. Every transaction about an event begins by
//! raising the event's revision, whose row is the lock: transactions about one event follow each
//! other, those about others do not wait. A usual batch is one statement, which takes the lock and
//! writes everything if nobody else has written since (`at_once`). What a node commits is added at
//! most once by (log, sequence): what another node has added meanwhile is compared byte for byte,
//! and whoever finds something else there than it remembers is [`StoreError::Behind`] and reads the
//! event again.
//! Nothing is ever notified inside such a transaction (`cloud::bus`).
//!
//! Source: PROTOCOL R-CLOUD-5.
//!
//! The loop that commits is no asynchronous task and waits for the database as it would for a disk.
//!
//! | file | what it is |
//! | --- | --- |
//! | `migrations` | the tables |
//! | `commit` | one transaction of writes |
//! | `at_once` | the usual one, in one statement |
//! | `read` | reading an event, or what others have added |
//! | `named` | finding events by what people call them |
//! | `people` | accounts, logins, plans, and what signs tokens |
//! | `requests` | claims of matches, and answers that may be wanted again |
//! | `alerting` | whose turn it is to tell what is wrong with an event |
//!
//! Layer: node, store.

mod alerting;
mod at_once;
mod commit;
mod named;
mod people;
mod read;
mod requests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use sqlx::error::DatabaseError;
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::postgres::{PgConnectOptions, PgListener, PgPool, PgPoolOptions};
use tallyline_proto::model::{EventId, Hash, LogName};
use tallyline_proto::replica::{Disk, Stored, Write};
use tallyline_proto::wire::event_tag;
use tokio::runtime::Handle;
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use super::{EventStore, News, StoreError};
use crate::entropy;

pub use alerting::{HeardRow, KeepRow, ToldRow};
pub use people::{AccountRow, LoginRow, Rotated, TokenKeyRow};
pub use requests::{AnswerRow, AnswerTurn, ClaimGiven, ClaimRow, ClaimTaken};

/// Connections of one node: more only wait for each other's disk, and three nodes with as many
/// stay below PostgreSQL's own default of 100.
const CONNECTIONS_MAX: u32 = 24;

/// How long a commit waits for a free connection, or for the database to be there again, before it
/// is answered "not saved".
const ACQUIRE_TIME: Duration = Duration::from_secs(5);

/// How long anything that is asked of the database may take altogether: more than it may take by the
/// database's own limit, so that this one ends only what the database does not answer at all.
const ANSWER_TIME: Duration = Duration::from_secs(40);

/// What the database is told of each connection; an engine that knows none of it ignores it.
///
/// A node that vanishes in the middle of a transaction holds its event's row for no longer than
/// `idle_in_transaction_session_timeout`: the other nodes wait for it.
const SESSION: [(&str, &str); 3] = [
    ("statement_timeout", "30s"),
    ("lock_timeout", "10s"),
    ("idle_in_transaction_session_timeout", "10s"),
];

/// How often a transaction is tried that the database ended so that another one can go on.
const TRIES_MAX: u32 = 8;

/// Wait before a transaction is tried again; doubles with each try.
const RETRY_REST: Duration = Duration::from_millis(5);

/// What was done again so far.
static RETRIES: AtomicU64 = AtomicU64::new(0);

/// The tables, in the order in which they came about.
static MIGRATIONS: Migrator = sqlx::migrate!("src/store/postgres/migrations");

/// A database that holds events.
#[derive(Clone, Debug)]
pub struct Database {
    pool: PgPool,
    handle: Handle,
}

/// What differs between PostgreSQL and the engines that speak like it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Engine {
    /// Whether migrations take an advisory lock; CockroachDB has none.
    pub advisory_locks: bool,
}

/// Hears what is notified on a channel.
#[derive(Debug)]
pub struct Listener(PgListener);

/// One event in a database.
#[derive(Debug)]
pub struct PostgresStore {
    database: Database,
    event: Uuid,
    id: u64,
    known: Known,
}

/// Where an event is in a database, and which store of it is meant.
#[derive(Clone, Copy, Debug)]
struct Place {
    event: Uuid,
    store: i64,
}

/// What this process has read or written of an event, so that it is not written again.
#[derive(Debug, Default)]
struct Known {
    /// The revision up to which everything is known.
    rev: i64,
    logs: BTreeMap<LogName, KnownLog>,
    heads: BTreeSet<(LogName, u64)>,
    cells: BTreeMap<(Vec<u8>, i16), Vec<u8>>,
    forks: BTreeMap<Vec<u8>, Vec<u8>>,
    /// Head signatures that could go, until enough of them are worth a transaction.
    drops: Vec<(LogName, u64)>,
}

/// What this process has read or written of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct KnownLog {
    /// Its number in the database.
    ordinal: i32,
    height: u64,
    branch: i32,
}

/// An event that a database holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Its id.
    pub event: EventId,
    /// The manifest's exact bytes.
    pub manifest: Vec<u8>,
    /// Grows with every change.
    pub rev: i64,
}

impl Default for Engine {
    fn default() -> Self {
        Self {
            advisory_locks: true,
        }
    }
}

impl Database {
    /// Connects, and brings the tables and what is in them up to this version. `handle` runs what the database does.
    ///
    /// # Errors
    ///
    /// [`StoreError::Disk`] if the address is none or the database does not answer,
    /// [`StoreError::Newer`] if a later version of the program has changed the tables.
    pub async fn connect(url: &str, engine: Engine) -> Result<Self, StoreError> {
        let options: PgConnectOptions = url.parse().map_err(|error: sqlx::Error| disk(&error))?;
        let options = options.application_name("tallyline").options(SESSION);
        let pool = PgPoolOptions::new()
            .max_connections(CONNECTIONS_MAX)
            .acquire_timeout(ACQUIRE_TIME)
            // A database that was away is said by whoever could not save meanwhile.
            .acquire_slow_threshold(ACQUIRE_TIME)
            .connect_with(options)
            .await
            .map_err(|error| disk(&error))?;
        let mut migrator = Migrator {
            migrations: MIGRATIONS.migrations.clone(),
            ..Migrator::DEFAULT
        };
        migrator.set_locking(engine.advisory_locks);
        if let Err(error) = migrator.run(&pool).await {
            if let MigrateError::VersionMissing(version) = error {
                let known = MIGRATIONS.iter().map(|it| it.version).max();
                let number = |it: i64| u32::try_from(it).unwrap_or(u32::MAX);
                return Err(StoreError::Newer {
                    found: number(version),
                    known: number(known.unwrap_or(0)),
                });
            }
            return Err(StoreError::Disk(error.to_string()));
        }
        let database = Self {
            pool,
            handle: Handle::current(),
        };
        database.name_events().await?;
        Ok(database)
    }

    /// Returns the connections, for whoever keeps other things beside the events.
    pub fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// Opens an event, or makes its place.
    ///
    /// # Errors
    ///
    /// What the database said.
    pub async fn open(&self, event: EventId) -> Result<PostgresStore, StoreError> {
        let fresh = entropy::number()?.cast_signed();
        let uuid = event.uuid();
        let made = "insert into event (event_id, id, tag, store) values ($1, $2, $3, $4) \
                    on conflict (event_id) do nothing";
        retried(async || {
            let made = sqlx::query(made).bind(uuid).bind(event.0.0.as_slice());
            let made = made.bind(event_tag(event).as_slice()).bind(fresh);
            made.execute(&self.pool).await
        })
        .await?;
        let held = "select store, id from event where event_id = $1";
        let (id, held): (i64, Vec<u8>) = retried(async || {
            let held = sqlx::query_as(held).bind(uuid);
            held.fetch_one(&self.pool).await
        })
        .await?;
        if held != event.0.0 {
            // Two ids that begin alike would need 2^61 events.
            return Err(StoreError::Damaged(format!(
                "the place of event {uuid} holds another one"
            )));
        }
        Ok(PostgresStore {
            database: self.clone(),
            event: uuid,
            id: id.cast_unsigned(),
            known: Known::default(),
        })
    }

    /// As [`Self::open`], for a thread that runs no asynchronous tasks.
    ///
    /// # Errors
    ///
    /// What the database said.
    pub fn open_now(&self, event: EventId) -> Result<PostgresStore, StoreError> {
        let database = self.clone();
        self.wait(async move { database.open(event).await })
    }

    /// Returns the events whose id begins with a Hello's tag.
    ///
    /// # Errors
    ///
    /// What the database said.
    pub async fn find(&self, tag: [u8; 8]) -> Result<Vec<Kept>, StoreError> {
        let find = "select id, manifest, rev from event where tag = $1 and manifest is not null";
        let rows: Vec<(Vec<u8>, Vec<u8>, i64)> = retried(async || {
            let found = sqlx::query_as(find).bind(tag.as_slice());
            found.fetch_all(&self.pool).await
        })
        .await?;
        rows.into_iter().map(kept).collect()
    }

    /// Returns the revisions of some events, for whoever looks whether another node changed them.
    ///
    /// # Errors
    ///
    /// What the database said.
    pub async fn revisions(&self, events: &[Uuid]) -> Result<BTreeMap<Uuid, i64>, StoreError> {
        let revisions = "select event_id, rev from event where event_id = any($1)";
        let rows: Vec<(Uuid, i64)> = retried(async || {
            let asked = sqlx::query_as(revisions).bind(events);
            asked.fetch_all(&self.pool).await
        })
        .await?;
        Ok(rows.into_iter().collect())
    }

    /// Returns how many bytes the database takes; `None` from an engine that does not say.
    ///
    /// # Errors
    ///
    /// That it does not answer.
    pub async fn bytes(&self) -> Result<Option<u64>, StoreError> {
        let asked = sqlx::query_as("select pg_database_size(current_database())");
        let bytes: Result<(i64,), _> = asked.fetch_one(&self.pool).await;
        match bytes {
            Ok((bytes,)) => Ok(u64::try_from(bytes).ok()),
            Err(error) if is_unknown(&error) => Ok(None),
            Err(error) => Err(disk(&error)),
        }
    }

    /// Notifies whoever listens on a channel.
    ///
    /// # Errors
    ///
    /// What the database said; nobody was notified then.
    pub async fn notify(&self, channel: &str, payload: &str) -> Result<(), StoreError> {
        let sent = sqlx::query("select pg_notify($1, $2)")
            .bind(channel)
            .bind(payload)
            .execute(&self.pool)
            .await;
        sent.map(drop).map_err(|error| disk(&error))
    }

    /// Listens on a channel, on a connection of its own.
    ///
    /// # Errors
    ///
    /// What the database said.
    pub async fn listen(&self, channel: &str) -> Result<Listener, StoreError> {
        // A pool of one: a connection that listens for ever is none of those that save.
        let own = PgPoolOptions::new()
            .max_connections(1)
            .acquire_timeout(ACQUIRE_TIME)
            .connect_lazy_with((*self.pool.connect_options()).clone());
        let listener = PgListener::connect_with(&own).await;
        let mut listener = listener.map_err(|error| disk(&error))?;
        let listening = listener.listen(channel).await;
        listening.map_err(|error| disk(&error))?;
        Ok(Listener(listener))
    }

    /// Runs something on the database and holds up the calling thread until it is done, as a disk
    /// would. Not to be called from an asynchronous task.
    fn wait<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, StoreError>> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (sender, receiver) = mpsc::sync_channel(1);
        self.handle.spawn(async move {
            let done = timeout(ANSWER_TIME, work).await;
            // Who waits may be gone at the end of the process.
            drop(sender.send(done.unwrap_or_else(|_| Err(silent()))));
        });
        receiver
            .recv()
            .map_err(|_| StoreError::Disk("the process is ending".to_owned()))?
    }
}

impl Listener {
    /// Waits for the next notification and returns what it says.
    ///
    /// # Errors
    ///
    /// What the database said.
    pub async fn next(&mut self) -> Result<String, StoreError> {
        let heard = self.0.recv().await.map_err(|error| disk(&error))?;
        Ok(heard.payload().to_owned())
    }
}

impl EventStore for PostgresStore {
    fn id(&self) -> u64 {
        self.id
    }

    fn load(&mut self) -> Result<Stored, StoreError> {
        let (pool, event) = (self.database.pool.clone(), self.event);
        let (stored, known) = self.database.wait(read::load(pool, event))?;
        self.known = known;
        Ok(stored)
    }

    fn close(&mut self) {
        // Connections belong to the pool; what is known is read again.
        self.known = Known::default();
    }

    fn news(&mut self) -> Result<Option<News>, StoreError> {
        let (pool, place) = (self.database.pool.clone(), self.place());
        let (rev, logs) = (self.known.rev, self.known.logs.clone());
        let added = self.database.wait(read::added(pool, place, rev, logs));
        let added = added.map_err(|error| self.noticed(error))?;
        Ok(added.and_then(|added| self.known.take(added)))
    }

    fn renew(&mut self) -> Result<(), StoreError> {
        let (pool, place) = (self.database.pool.clone(), self.place());
        let fresh = entropy::number()?;
        self.database.wait(async move {
            let renewed = retried(async || {
                // Whoever was faster has drawn one already.
                let renew = "update event set store = $3, rev = rev + 1 \
                     where event_id = $1 and store = $2";
                sqlx::query(renew)
                    .bind(place.event)
                    .bind(place.store)
                    .bind(fresh.cast_signed())
                    .execute(&pool)
                    .await
            });
            renewed.await.map(drop)
        })
    }
}

impl PostgresStore {
    fn place(&self) -> Place {
        Place {
            event: self.event,
            store: self.id.cast_signed(),
        }
    }

    /// Finds out, when something else is there than this process remembers, whether the database was
    /// put back to an older state: then it is another store, so that devices can tell its receipts
    /// from those before.
    fn noticed(&mut self, error: StoreError) -> StoreError {
        if !matches!(error, StoreError::Behind) {
            return error;
        }
        let (pool, place) = (self.database.pool.clone(), self.place());
        let (rev, logs) = (self.known.rev, self.known.logs.clone());
        let fell = self.database.wait(read::fell_back(pool, place, rev, logs));
        let renewed = fell.and_then(|fell| if fell { self.renew() } else { Ok(()) });
        match renewed {
            Ok(()) => error,
            Err(failed) => failed,
        }
    }
}

impl Disk for PostgresStore {
    type Error = StoreError;

    fn commit(&mut self, writes: &[Write]) -> Result<(), StoreError> {
        let batch = commit::Batch::of(writes, &self.known);
        if batch.is_empty() {
            self.known.drops = batch.into_left();
            return Ok(());
        }
        let (pool, place) = (self.database.pool.clone(), self.place());
        let logs = batch.logs().into_iter();
        let logs = logs
            .map(|log| (log, self.known.logs.get(&log).copied()))
            .collect();
        let work = commit::commit(pool, place, batch, (self.known.rev, logs));
        let done = self.database.wait(work);
        let (batch, done) = done.map_err(|error| self.noticed(error))?;
        self.known.written(&batch, done);
        Ok(())
    }
}

fn kept((id, manifest, rev): (Vec<u8>, Vec<u8>, i64)) -> Result<Kept, StoreError> {
    let id = <[u8; 32]>::try_from(id)
        .map_err(|_| StoreError::Damaged("an event's id has another length".to_owned()))?;
    Ok(Kept {
        event: EventId(Hash(id)),
        manifest,
        rev,
    })
}

/// Sorts the database's errors: nothing of them is the event's.
fn disk(error: &sqlx::Error) -> StoreError {
    let full = error
        .as_database_error()
        .and_then(DatabaseError::code)
        .is_some_and(|code| code == "53100");
    if full {
        return StoreError::Full;
    }
    StoreError::Disk(error.to_string())
}

/// Says that nothing at all came back: whether it was done is known when the database is there again.
fn silent() -> StoreError {
    StoreError::Disk("the database does not answer".to_owned())
}

/// Tells whether the database ended a transaction for another's sake, so that the same one may be
/// tried again: serialization failure, deadlock.
fn may_retry(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(DatabaseError::code);
    code.is_some_and(|code| code == "40001" || code == "40P01")
}

/// Tells whether a row with the same key was there already.
fn is_taken(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(DatabaseError::code);
    code.is_some_and(|code| code == "23505")
}

/// Tells whether an engine has no such function, or this user may not call it.
fn is_unknown(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(DatabaseError::code);
    code.is_some_and(|code| code == "42883" || code == "42501" || code == "0A000")
}

/// Why something on the database failed.
enum Failure {
    Database(sqlx::Error),
    Store(StoreError),
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Returns how often this process did something again that the database had ended for another's
/// sake.
pub fn retries() -> u64 {
    RETRIES.load(Ordering::Relaxed)
}

/// Does something that may be done again from the beginning, again if the database ended it for
/// another's sake.
async fn retried<T, F>(attempt: impl Fn() -> F) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, sqlx::Error>>,
{
    retried_work(async || Ok(attempt().await?)).await
}

/// As [`retried`], of what may find out more than the database says.
async fn retried_work<T, F>(attempt: impl Fn() -> F) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, Failure>>,
{
    let mut tries: u32 = 0;
    loop {
        tries += 1;
        let Ok(done) = timeout(ANSWER_TIME, attempt()).await else {
            return Err(silent());
        };
        match done {
            Ok(done) => return Ok(done),
            Err(Failure::Database(error)) if may_retry(&error) && tries < TRIES_MAX => {
                RETRIES.fetch_add(1, Ordering::Relaxed);
                // Whoever it gave way to is given time to end.
                sleep(RETRY_REST * (1 << (tries - 1))).await;
            }
            Err(Failure::Database(error)) => return Err(disk(&error)),
            Err(Failure::Store(error)) => return Err(error),
        }
    }
}
