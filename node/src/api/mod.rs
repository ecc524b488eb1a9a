//! The HTTP face of a node: one router for spectators, officials, third parties and monitors, the
//! same at a venue and in the cloud.
//!
//! It turns a request into a [`Call`](crate::local::protocol::Call), asks the
//! [`Clerk`](crate::local::Clerk) that the command line asks, and writes its answer as HTTP. It
//! decides who may ask what, how often, and what a cache may keep; it decides nothing about scores.
//! Only this module knows HTTP, and it knows neither redb nor QUIC.
//!
//! | module | what it is |
//! | --- | --- |
//! | `routes` | the one table: path, who may, how often, how large; router and `OpenAPI` come from it |
//! | `gate` | what each request passes before its handler: route, person, limits, body, repetition |
//! | `access` | roles and scopes, one table; what a device's key opens |
//! | `limits` | how often, and the headers that tell it |
//! | `once` | `Idempotency-Key`: the same request again gets the same answer |
//! | `shared` | claims and answers that several nodes have to know, or one keeps in memory |
//! | `tokens`, `accounts`, `auth` | who somebody is |
//! | `events` | which events this process serves |
//! | `board`, `stream`, `page` | what spectators see |
//! | `health`, `metrics`, `looks` | what monitors ask |
//! | `scores`, `claims`, `plans`, `office`, `exchange`, `blobs` | what officials and third parties ask |
//! | `failure` | `application/problem+json` |
//! | `listen` | sockets, bounded |
//! | `uplink` | the uplink over HTTPS, for devices that no UDP gets through to |
//!
//! Layer: node, above `local`; only `node` and `cli` are above.

mod access;
mod accounts;
mod alerts;
mod ask;
mod auth;
mod blobs;
mod board;
mod claims;
mod codes;
mod events;
mod exchange;
mod failure;
mod gate;
mod health;
mod kept;
mod limits;
mod listen;
mod looks;
mod metrics;
mod office;
mod once;
mod openapi;
mod page;
mod plans;
mod routes;
mod scores;
mod shared;
mod stream;
mod tokens;
mod uplink;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tallyline_keys::{DeviceKey, Warrant};
use tokio::sync::{OwnedMutexGuard, Semaphore, watch};
use tokio::task::JoinSet;

use crate::alerts::Ledger;
use crate::clock::Clock;
use crate::figures::Figures;
use crate::root::Mode;

pub use access::{NoRole, Role, Scope};
pub use accounts::{
    AGAIN_MS, Account, Accounts, FAMILIES_MAX, Family, FileAccounts, Held, Rotation,
};
pub use auth::check_password;
pub use events::{Active, Asked, EventLine, Events, OneEvent, Open};
pub use exchange::forget_incoming;
pub use failure::Failure;
pub use listen::{Crowd, Door, ListenError};
pub use openapi::describe;
pub use shared::{CLAIMS_MAX, ClaimedMatch, Gave, InMemory, Kept, Shared, Took, Turn, What};
pub use tokens::{Claims as TokenClaims, KEYS_MAX, TokenKeys, Tokens, Use as TokenUse};
pub use uplink::{UplinkDoor, Uplinks};

/// Most pictures and clips that are read at a time: they are the last in line for the disk and the
/// radio of a venue.
const READERS_MAX_VENUE: usize = 16;

/// As [`READERS_MAX_VENUE`], in the cloud.
const READERS_MAX_CLOUD: usize = 512;

/// Most parts of pictures and clips that are taken in at a time, of 1 MiB each.
const PARTS_MAX: usize = 64;

/// Most files that are taken in at a time: each may hold 64 MiB of memory.
const FILES_MAX: usize = 2;

/// Milliseconds after which the keys of tokens are read again, which another process may have renewed.
const KEYS_OLD_MS: u64 = 60_000;

/// As [`KEYS_OLD_MS`], where a token names a key that is not known: anybody can make such tokens up.
const KEYS_YOUNG_MS: u64 = 1_000;

/// What the router is made of.
pub struct Parts {
    /// The events that are served.
    pub events: Arc<dyn Events>,
    /// Who may log in.
    pub accounts: Arc<dyn Accounts>,
    /// What has to be known of requests beyond the request.
    pub shared: Arc<dyn Shared>,
    /// What signs tokens.
    pub tokens: Tokens,
    /// The device's key: it answers probes.
    pub key: Arc<DeviceKey>,
    /// What makes the key one of a cloud's, if something does.
    pub warrant: Option<Warrant>,
    /// What the node is for.
    pub mode: Mode,
    /// How many may be connected and streamed to.
    pub crowd: Crowd,
    /// A folder for files on their way in and for the documents of users.
    pub dir: PathBuf,
    /// The time.
    pub clock: Clock,
    /// What the node counts while it runs.
    pub figures: Figures,
    /// What was told and is not over.
    pub alerts: Ledger,
    /// Set when the node ends: streams end with it.
    pub stopped: watch::Receiver<bool>,
}

/// The router's state; copies are the same.
#[derive(Clone)]
pub struct Api(Arc<Inner>);

struct Inner {
    parts: Parts,
    limits: limits::Limits,
    once: once::Once,
    kept: kept::Kept,
    metrics: metrics::Metrics,
    streams: Arc<Semaphore>,
    /// How many streams each address has.
    streams_each: Arc<listen::Addresses>,
    latest: stream::Latest,
    /// Places for large bodies.
    files: Arc<Semaphore>,
    looks: looks::Looks,
    /// Requests that go on when nobody waits for their answer any more.
    begun: Mutex<JoinSet<()>>,
    /// Places for parts of pictures and clips on their way in.
    pieces: Arc<Semaphore>,
    /// Places for who reads pictures and clips.
    readers: Arc<Semaphore>,
    /// One write of an event at a time that has looked before it writes.
    turns: Mutex<BTreeMap<String, Arc<tokio::sync::Mutex<()>>>>,
    /// When the keys of tokens were read last, in milliseconds of the clock.
    keys_read_ms: tokio::sync::Mutex<u64>,
    /// Challenges that devices have signed.
    signed: auth::Signed,
    /// Devices that were members of an event a moment ago.
    seen: gate::Seen,
}

impl Api {
    /// Makes the router's state.
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(Inner {
            limits: limits::Limits::new(),
            once: once::Once::default(),
            kept: kept::Kept::default(),
            metrics: metrics::Metrics::new(&parts.figures),
            streams: Arc::new(Semaphore::new(parts.crowd.streams)),
            streams_each: Arc::new(listen::Addresses::new(parts.crowd.streams_each)),
            pieces: Arc::new(Semaphore::new(PARTS_MAX)),
            readers: Arc::new(Semaphore::new(readers_max(parts.mode))),
            latest: stream::Latest::default(),
            files: Arc::new(Semaphore::new(FILES_MAX)),
            looks: looks::Looks::default(),
            begun: Mutex::default(),
            turns: Mutex::default(),
            keys_read_ms: tokio::sync::Mutex::new(parts.clock.now().mono_ms),
            signed: auth::Signed::default(),
            seen: gate::Seen::default(),
            parts,
        }))
    }

    /// Returns the router.
    pub fn router(&self) -> axum::Router {
        routes::router(self)
    }

    /// Waits until what was begun is done: whoever sends it again is answered what was saved.
    pub async fn finish(&self) {
        let mut begun = std::mem::take(&mut *self.lock_begun());
        while begun.join_next().await.is_some() {}
    }

    /// Does something that goes on when nobody waits for it any more.
    fn begin(&self, work: impl Future<Output = ()> + Send + 'static) {
        let mut begun = self.lock_begun();
        while begun.try_join_next().is_some() {}
        begun.spawn(work);
    }

    fn lock_begun(&self) -> MutexGuard<'_, JoinSet<()>> {
        self.0.begun.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the turn to look at an event and then to write, until what is returned is dropped.
    async fn turn_of(&self, event: &str) -> OwnedMutexGuard<()> {
        let turn = {
            let mut turns = self.0.turns.lock().unwrap_or_else(PoisonError::into_inner);
            turns.retain(|_, turn| 1 < Arc::strong_count(turn));
            Arc::clone(turns.entry(event.to_owned()).or_default())
        };
        turn.lock_owned().await
    }

    /// Reads the keys of tokens again, if that was long ago, or `unknown` says that a token names
    /// another one. What was read stays where they cannot be read.
    async fn look_for_keys(&self, unknown: bool) {
        let Ok(mut read_ms) = self.0.keys_read_ms.try_lock() else {
            return;
        };
        let now_ms = self.0.parts.clock.now().mono_ms;
        let old_ms = if unknown { KEYS_YOUNG_MS } else { KEYS_OLD_MS };
        if now_ms.saturating_sub(*read_ms) < old_ms {
            return;
        }
        *read_ms = now_ms;
        let parts = &self.0.parts;
        let taken = match parts.accounts.token_keys().await {
            Ok(keys) => parts.tokens.take(&keys).map_err(|error| error.to_string()),
            Err(problem) => Err(problem.text),
        };
        if let Err(why) = taken {
            tracing::warn!(
                why,
                "the keys of tokens were not read again; those of before stay"
            );
        }
    }

    fn now_ms(&self) -> u64 {
        self.0.parts.clock.now().wall_ms
    }

    /// Returns milliseconds that only grow.
    fn mono_ms(&self) -> u64 {
        self.0.parts.clock.now().mono_ms
    }
}

/// Returns how many pictures and clips are read at a time at most.
fn readers_max(mode: Mode) -> usize {
    match mode {
        Mode::Cloud => READERS_MAX_CLOUD,
        Mode::Device | Mode::Gateway => READERS_MAX_VENUE,
    }
}

impl std::fmt::Debug for Api {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Api")
            .field("dir", &self.0.parts.dir)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Parts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parts")
            .field("mode", &self.mode)
            .field("dir", &self.dir)
            .finish_non_exhaustive()
    }
}
