//! Hints between cloud nodes that share a database: which events have changed.
//!
//! A hint is never more than a reason to look: whoever gets one reads what is committed, and whoever
//! loses one looks by itself soon after. Nothing is notified inside a transaction that adds entries,
//! since PostgreSQL lets those commit one after the other only; hints are gathered and sent after the
//! commits, over the database or a NATS server, and heard on a connection of their own.
//!
//! Layer: node, cloud.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use thiserror::Error;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use super::events::Events;
use super::nats::{self, Nats, NatsError, NatsServer};
use crate::entropy::{self, EntropyError};
use crate::store::StoreError;
use crate::store::postgres::{Database, Listener};

/// Least time between two notifications of one node: at most 20 a second, however many commits
/// there are.
const NOTIFY_REST: Duration = Duration::from_millis(50);

/// Time between two looks at what has changed where hints come, unless something else is asked for:
/// only what a lost one told waits so long.
const SAFETY_TIME: Duration = Duration::from_secs(2);

/// The same where no hints come: a spectator sees a score within a second.
const POLL_TIME: Duration = Duration::from_millis(500);

/// Wait before a lost connection for hints is made again; the looks go on meanwhile.
const RECONNECT_REST: Duration = Duration::from_secs(1);

/// How long is waited for the database, or for one event that takes in what is new: all others come
/// after it.
const ANSWER_TIME: Duration = Duration::from_secs(10);

/// Events that one hint names, at most: below PostgreSQL's limit of 8,000 bytes.
const NAMED_MAX: usize = 200;

/// The channel of the notifications.
const CHANNEL: &str = "tallyline";

/// How nodes of one database hear that an event has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hints {
    /// By PostgreSQL's own notifications, and by looking every two seconds.
    Notify,
    /// By a NATS server, and by looking every two seconds.
    Nats(NatsServer),
    /// By looking alone, for engines that cannot notify.
    Poll,
}

/// What a node says to the others. Copies say it on the same way.
#[derive(Clone)]
pub struct Bus(Arc<dyn FanOut>);

/// A way from node to node.
trait FanOut: Send + Sync {
    /// Says that an event has changed; never waits.
    fn publish(&self, event: Uuid);
    /// Tells the way's name.
    fn name(&self) -> &'static str;
}

/// There are no other nodes.
struct InProcess;

/// Others look by themselves.
struct Silent;

/// Events that have changed since the last hint.
struct Notices {
    changed: Mutex<BTreeSet<Uuid>>,
    some: Notify,
    /// Drawn at the start: a node does not hear itself.
    node: u64,
    name: &'static str,
}

/// What carries hints from node to node.
enum Carrier {
    Database(Database),
    Nats(Nats),
}

/// Hears what a carrier brings.
enum Ears {
    Database(Listener),
    Nats(nats::Ears),
}

/// Why a hint was neither said nor heard.
#[derive(Debug, Error)]
enum Lost {
    #[error(transparent)]
    Database(#[from] StoreError),
    #[error(transparent)]
    Nats(#[from] NatsError),
}

impl Bus {
    /// The bus of a node that shares nothing.
    pub fn in_process() -> Self {
        Self(Arc::new(InProcess))
    }

    /// Joins the nodes of a database, at which this one looks by itself every `look`; returns the bus,
    /// and what listens on it for as long as it is polled.
    ///
    /// # Errors
    ///
    /// If there is no randomness.
    pub(super) fn join(
        database: Database,
        hints: Hints,
        look: Option<Duration>,
    ) -> Result<(Self, impl FnOnce(Events) -> BoxedWork), EntropyError> {
        let (name, look) = match &hints {
            Hints::Notify => (Some("notify"), look.unwrap_or(SAFETY_TIME)),
            Hints::Nats(_) => (Some("nats"), look.unwrap_or(SAFETY_TIME)),
            Hints::Poll => (None, look.unwrap_or(POLL_TIME)),
        };
        let notices = match name {
            Some(name) => Some(Arc::new(Notices {
                changed: Mutex::default(),
                some: Notify::new(),
                node: entropy::number()?,
                name,
            })),
            None => None,
        };
        let bus = match &notices {
            Some(notices) => Self(Arc::<Notices>::clone(notices)),
            None => Self(Arc::new(Silent)),
        };
        let work = move |events: Events| -> BoxedWork {
            Box::pin(async move {
                let hinted = async {
                    if let Some(notices) = notices {
                        let carrier = Carrier::of(&hints, &database).await;
                        tokio::join!(notices.send(&carrier), notices.listen(&carrier, &events));
                    }
                };
                tokio::join!(hinted, look_again(&database, &events, look));
            })
        };
        Ok((bus, work))
    }

    /// Says that an event has changed.
    pub(super) fn publish(&self, event: Uuid) {
        self.0.publish(event);
    }
}

/// What a node does for its bus until it ends.
pub(super) type BoxedWork = std::pin::Pin<Box<dyn Future<Output = ()> + Send>>;

impl FanOut for InProcess {
    fn publish(&self, _event: Uuid) {}

    fn name(&self) -> &'static str {
        "in-process"
    }
}

impl FanOut for Silent {
    fn publish(&self, _event: Uuid) {}

    fn name(&self) -> &'static str {
        "poll"
    }
}

impl FanOut for Notices {
    fn publish(&self, event: Uuid) {
        self.lock().insert(event);
        self.some.notify_one();
    }

    fn name(&self) -> &'static str {
        self.name
    }
}

impl Carrier {
    /// Finds what carries hints, however long it takes.
    async fn of(hints: &Hints, database: &Database) -> Self {
        let Hints::Nats(server) = hints else {
            return Self::Database(database.clone());
        };
        loop {
            match Nats::connect(server).await {
                Ok(nats) => return Self::Nats(nats),
                Err(error) => tracing::warn!(%error, ?server, "hints are neither said nor heard"),
            }
            sleep(RECONNECT_REST).await;
        }
    }

    async fn say(&self, text: String) -> Result<(), Lost> {
        match self {
            Self::Database(database) => Ok(database.notify(CHANNEL, &text).await?),
            Self::Nats(nats) => Ok(nats.say(text).await?),
        }
    }

    async fn ears(&self) -> Result<Ears, Lost> {
        Ok(match self {
            Self::Database(database) => Ears::Database(database.listen(CHANNEL).await?),
            Self::Nats(nats) => Ears::Nats(nats.ears().await?),
        })
    }
}

impl Ears {
    async fn next(&mut self) -> Result<String, Lost> {
        Ok(match self {
            Self::Database(listener) => listener.next().await?,
            Self::Nats(ears) => ears.next().await?,
        })
    }
}

impl Notices {
    /// Sends what has changed, for ever.
    async fn send(&self, carrier: &Carrier) {
        loop {
            self.some.notified().await;
            loop {
                let named: Vec<Uuid> = {
                    let mut changed = self.lock();
                    let named: Vec<Uuid> = changed.iter().take(NAMED_MAX).copied().collect();
                    changed.retain(|event| !named.contains(event));
                    named
                };
                if named.is_empty() {
                    break;
                }
                let said = carrier.say(payload(self.node, &named)).await;
                if let Err(error) = said {
                    // The others look by themselves.
                    tracing::debug!(%error, "a hint was lost");
                }
                sleep(NOTIFY_REST).await;
            }
        }
    }

    /// Hears what other nodes have changed, for ever.
    async fn listen(&self, carrier: &Carrier, events: &Events) {
        loop {
            if let Err(error) = self.hear(carrier, events).await {
                tracing::debug!(%error, "hints are not heard; the database is looked at instead");
            }
            sleep(RECONNECT_REST).await;
        }
    }

    async fn hear(&self, carrier: &Carrier, events: &Events) -> Result<(), Lost> {
        let mut ears = carrier.ears().await?;
        loop {
            let heard = ears.next().await?;
            if let Some((node, named)) = read_payload(&heard)
                && node != self.node
            {
                for event in named {
                    catch_up(events, event).await;
                }
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeSet<Uuid>> {
        self.changed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Looks at the revisions of the active events, again and again.
async fn look_again(database: &Database, events: &Events, rest: Duration) {
    let mut seen: BTreeMap<Uuid, i64> = BTreeMap::new();
    loop {
        sleep(rest).await;
        let active = events.active();
        if active.is_empty() {
            continue;
        }
        // A database that is away holds this up no longer than anything else.
        let Ok(Ok(now)) = timeout(ANSWER_TIME, database.revisions(&active)).await else {
            continue;
        };
        seen.retain(|event, _| now.contains_key(event));
        for (event, rev) in now {
            if seen.get(&event) != Some(&rev) && catch_up(events, event).await {
                seen.insert(event, rev);
            }
        }
    }
}

/// Takes in what is new of one event, unless that takes so long that the others would wait for it.
async fn catch_up(events: &Events, event: Uuid) -> bool {
    timeout(ANSWER_TIME, events.catch_up(event))
        .await
        .unwrap_or(false)
}

/// Writes a notification: who sends it, and which events have changed.
fn payload(node: u64, named: &[Uuid]) -> String {
    let mut text = format!("{node:x}");
    for event in named {
        text.push(' ');
        text.push_str(&event.simple().to_string());
    }
    text
}

/// Reads a notification; what is none is nothing, and a name that is none is left out.
fn read_payload(text: &str) -> Option<(u64, Vec<Uuid>)> {
    let mut words = text.split(' ');
    let node = u64::from_str_radix(words.next()?, 16).ok()?;
    let named = words
        .take(NAMED_MAX)
        .filter_map(|word| Uuid::parse_str(word).ok());
    Some((node, named.collect()))
}

impl FromStr for Hints {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "notify" => Ok(Self::Notify),
            "poll" => Ok(Self::Poll),
            _ => match text.parse() {
                Ok(server) => Ok(Self::Nats(server)),
                Err(()) => Err(format!(
                    "{text:?} is no way for hints; use notify, poll or nats://host:4222"
                )),
            },
        }
    }
}

impl fmt::Debug for Bus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Bus").field(&self.0.name()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notification_names_who_sends_it_and_what_has_changed() {
        let named: Vec<Uuid> = (1..=200_u128).map(Uuid::from_u128).collect();
        assert_eq!(named.len(), NAMED_MAX);
        let text = payload(u64::MAX, &named);
        assert!(text.len() < 8_000, "{} bytes are too many", text.len());
        assert_eq!(read_payload(&text), Some((u64::MAX, named)));
    }

    #[test]
    fn a_way_is_read_and_shows_no_password() {
        let nats: Hints = "nats://tally:secret@bus.example".parse().unwrap();
        assert_eq!(format!("{nats:?}"), "Nats(nats://bus.example:4222)");
        assert_eq!("notify".parse(), Ok(Hints::Notify));
        for bad in ["nats", "nats://", "ws://bus.example", "bus.example:4222"] {
            assert!(bad.parse::<Hints>().is_err(), "{bad}");
        }
    }

    #[test]
    fn what_somebody_else_sends_is_nothing() {
        assert_eq!(read_payload(""), None);
        assert_eq!(read_payload("hello there"), None);
        assert_eq!(read_payload("7 x"), Some((7, Vec::new())));
    }
}
