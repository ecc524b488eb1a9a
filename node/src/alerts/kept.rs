//! Where a cloud keeps what was told of its events, and whose turn it is to tell: a file of a node alone, or
//! what nodes share.
//!
//! Layer: node, alerts.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;
use uuid::Uuid;

use crate::clock::Clock;
use crate::root::replace_file;

/// The file of a node alone.
const FILE: &str = "alerts-events.json";

/// Longest file that is read: what is held, most of it short.
const FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Events of which something is held; of more the oldest ones go. Nobody looks after as many.
const EVENTS_MAX: usize = 1_024;

/// Milliseconds after which an event is forgotten of which nothing was told: a week.
const FORGET_MS: u64 = 7 * 24 * 60 * 60 * 1_000;

/// What a keeper answers later; its error is what to say in a log.
pub type Asked<'a, T> = Pin<Box<dyn Future<Output = Result<T, String>> + Send + 'a>>;

/// An event, and what was told of it; `None`: nothing is open, and nothing waits.
pub type Kept = (Uuid, Option<String>);

/// As [`Kept`], with whether something of it waits for delivery.
pub type Keep = (Uuid, Option<String>, bool);

/// How many milliseconds ago a device of an event was heard.
pub type Heard = (Uuid, String, u64);

/// Keeps what was told of events, and says whose turn it is to tell.
pub trait Keeper: Send + Sync {
    /// Takes or prolongs the turn for events that nobody else has the turn for, for so long; besides for
    /// those of which something waits that nobody tells. Returns those whose turn is the asker's now.
    fn take(&self, events: Vec<Uuid>, turn: Duration) -> Asked<'_, Vec<Kept>>;

    /// Keeps what was told, where it is still the asker's turn; returns of which.
    fn keep(&self, rows: Vec<Keep>) -> Asked<'_, Vec<Uuid>>;

    /// Returns what was told of an event, by whoever told it.
    fn kept(&self, event: Uuid) -> Asked<'_, Option<String>>;

    /// Notes when devices were heard here of events whose turn is another node's.
    fn note_heard(&self, _rows: Vec<Heard>) -> Asked<'_, ()> {
        Box::pin(std::future::ready(Ok(())))
    }

    /// Returns when devices of events were heard elsewhere.
    fn heard(&self, _events: Vec<Uuid>) -> Asked<'_, Vec<Heard>> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }

    /// Forgets what is old.
    fn tidy(&self) -> Asked<'_, ()>;

    /// Ends the asker's turns.
    fn end(&self) -> Asked<'_, ()> {
        Box::pin(std::future::ready(Ok(())))
    }
}

/// Keeps it in a file of the root: every turn is this node's.
#[derive(Debug)]
pub struct FileKeeper {
    path: PathBuf,
    clock: Clock,
    /// By the events' UUIDs.
    held: Mutex<BTreeMap<String, Line>>,
}

/// What is held of an event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Line {
    at_unix_ms: u64,
    told: String,
    waiting: bool,
}

impl FileKeeper {
    /// Reads what a root holds; nothing if there is no file, or it cannot be read.
    pub fn load(dir: &Path, clock: Clock) -> Self {
        let path = dir.join(FILE);
        let small = fs::metadata(&path).is_ok_and(|it| it.len() <= FILE_BYTES_MAX);
        let text = fs::read_to_string(&path).ok().filter(|_| small);
        let held = text.and_then(|text| serde_json::from_str(&text).ok());
        Self {
            path,
            clock,
            held: Mutex::new(held.unwrap_or_default()),
        }
    }

    fn held(&self) -> MutexGuard<'_, BTreeMap<String, Line>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes down what is held.
    async fn write(&self) -> Result<(), String> {
        let path = self.path.clone();
        let text = serde_json::to_vec(&*self.held()).map_err(|error| error.to_string())?;
        let written = spawn_blocking(move || replace_file(&path, &text)).await;
        written
            .map_err(|error| error.to_string())?
            .map_err(|error| error.to_string())
    }
}

impl Keeper for FileKeeper {
    fn take(&self, events: Vec<Uuid>, _turn: Duration) -> Asked<'_, Vec<Kept>> {
        let held = self.held();
        let waiting = held.iter().filter(|(_, line)| line.waiting);
        let left = waiting.filter_map(|(event, _)| Uuid::parse_str(event).ok());
        let left: Vec<Uuid> = left.filter(|event| !events.contains(event)).collect();
        let told = |event: Uuid| {
            let line = held.get(&event.to_string());
            (event, line.map(|it| it.told.clone()))
        };
        let taken = events.into_iter().chain(left).map(told).collect();
        Box::pin(std::future::ready(Ok(taken)))
    }

    fn keep(&self, rows: Vec<Keep>) -> Asked<'_, Vec<Uuid>> {
        let at_unix_ms = self.clock.now().wall_ms;
        let events = rows.iter().map(|it| it.0).collect();
        let mut held = self.held();
        for (event, told, waiting) in rows {
            match told {
                None => drop(held.remove(&event.to_string())),
                Some(told) => {
                    let line = Line {
                        at_unix_ms,
                        told,
                        waiting,
                    };
                    held.insert(event.to_string(), line);
                }
            }
        }
        while EVENTS_MAX < held.len() {
            let oldest = held.iter().min_by_key(|(_, it)| it.at_unix_ms);
            let Some(event) = oldest.map(|(event, _)| event.clone()) else {
                break;
            };
            held.remove(&event);
        }
        drop(held);
        Box::pin(async move { self.write().await.map(|()| events) })
    }

    fn kept(&self, event: Uuid) -> Asked<'_, Option<String>> {
        let told = self
            .held()
            .get(&event.to_string())
            .map(|it| it.told.clone());
        Box::pin(std::future::ready(Ok(told)))
    }

    fn tidy(&self) -> Asked<'_, ()> {
        let now_unix_ms = self.clock.now().wall_ms;
        let mut held = self.held();
        let before = held.len();
        held.retain(|_, it| now_unix_ms.saturating_sub(it.at_unix_ms) < FORGET_MS);
        let fewer = held.len() < before;
        drop(held);
        Box::pin(async move { if fewer { self.write().await } else { Ok(()) } })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uuid(number: u128) -> Uuid {
        Uuid::from_u128(number)
    }

    #[tokio::test]
    async fn a_file_holds_what_was_told_and_no_more_than_it_may() {
        let dir = tempfile::tempdir().unwrap();
        let keeper = FileKeeper::load(dir.path(), Clock::start());
        let turn = Duration::from_mins(1);
        assert_eq!(
            keeper.take(vec![uuid(1)], turn).await,
            Ok(vec![(uuid(1), None)])
        );
        let told = |text: &str| Some(text.to_owned());
        let rows = vec![(uuid(1), told("a"), false), (uuid(2), told("b"), true)];
        assert_eq!(keeper.keep(rows).await, Ok(vec![uuid(1), uuid(2)]));

        let keeper = FileKeeper::load(dir.path(), Clock::start());
        assert_eq!(
            keeper.take(vec![uuid(1)], turn).await,
            Ok(vec![(uuid(1), told("a")), (uuid(2), told("b"))]),
            "what waits is taken although nobody asked"
        );
        assert_eq!(keeper.kept(uuid(2)).await, Ok(told("b")));
        keeper.keep(vec![(uuid(1), None, false)]).await.unwrap();
        assert_eq!(keeper.kept(uuid(1)).await, Ok(None));

        let many = (10..).take(EVENTS_MAX + 5);
        let many = many.map(|it| (uuid(it), told("c"), false)).collect();
        keeper.keep(many).await.unwrap();
        assert_eq!(keeper.held().len(), EVENTS_MAX);
        for line in keeper.held().values_mut() {
            line.at_unix_ms -= FORGET_MS + 1;
        }
        keeper.tidy().await.unwrap();
        assert_eq!(keeper.held().len(), 0);
        fs::write(dir.path().join(FILE), "{").unwrap();
        assert_eq!(
            FileKeeper::load(dir.path(), Clock::start()).held().len(),
            0,
            "half a file"
        );
    }
}
