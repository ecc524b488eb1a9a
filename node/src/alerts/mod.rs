//! What a node tells people by itself: once when something is wrong, and once when it is over.
//!
//! * `rules`: what is wrong, by the node's figures; also for `tallyline check`.
//! * `told`: what was told and what waits, kept in a file of the root.
//! * `many`: the events of a cloud, each on its own.
//! * `kept`: where a cloud keeps what was told of them, and whose turn it is.
//! * `outlets`: webhook, ntfy, mail, log.
//!
//! A delivery that fails is tried again with growing waits; nothing here ever holds up a score.
//! Layer: node, above `local`.

mod kept;
mod many;
mod outlets;
pub mod rules;
mod told;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout};

use crate::local::Answers;
use crate::local::protocol::{Answer, Call, Nothing, Request, VitalsData};

use self::outlets::{DELIVERY_TIME, Outlet, Unusable};
use self::rules::{Limits, Rule, Trouble};

pub use self::kept::{Asked, FileKeeper, Heard, Keep, Keeper, Kept};
pub use self::many::{Cloud, keep_many};
pub use self::told::{Message, OpenTrouble, Teller, Told, Turn};

/// Milliseconds between two looks: an alert that comes seconds later is as good.
const LOOK_MS: u64 = 5_000;

/// Milliseconds of the first and the longest wait before a delivery is tried again.
const RETRY_MS: (u64, u64) = (1_000, 10 * 60_000);

/// Milliseconds after which a message that nobody took is forgotten: a day.
const MESSAGE_MS_MAX: i64 = 24 * 60 * 60_000;

/// Longest password file in bytes that is read.
const PASSWORD_BYTES_MAX: u64 = 1024;

/// Between two looks at the events of a cloud, in the default: of a thousand events, too, the answers are
/// there by then.
const LOOK_EVERY: Duration = Duration::from_secs(30);

/// What is open of a node now, for whoever asks; copies show the same.
#[derive(Clone, Debug, Default)]
pub struct OpenNow(Arc<Mutex<Vec<OpenTrouble>>>);

/// What was told and is not over; copies show the same.
#[derive(Clone, Default)]
pub struct Ledger {
    /// Of the node.
    pub node: OpenNow,
    /// Of each event of a cloud; `None`: the node has one event, and what is wrong with it stands above.
    pub events: Option<Arc<dyn Keeper>>,
}

/// Where alerts go, as a person configured it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Address to which JSON is posted.
    pub webhook: Option<String>,
    /// Address of a topic of ntfy.
    pub ntfy: Option<String>,
    /// Mail server, `smtp://host:25` or `smtps://user@host`.
    pub smtp: Option<String>,
    /// Who writes.
    pub from: Option<String>,
    /// Who is written to.
    pub to: Vec<String>,
    /// File with the password for the mail server.
    pub password_file: Option<PathBuf>,
    /// From when on something is wrong.
    pub limits: Limits,
    /// Between two looks at the events of a cloud.
    pub look_every: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            webhook: None,
            ntfy: None,
            smtp: None,
            from: None,
            to: Vec::new(),
            password_file: None,
            limits: Limits::default(),
            look_every: LOOK_EVERY,
        }
    }
}

impl fmt::Debug for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ledger")
            .field("node", &self.node)
            .finish_non_exhaustive()
    }
}

impl OpenNow {
    /// Returns what is open.
    pub fn get(&self) -> Vec<OpenTrouble> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn set(&self, open: Vec<OpenTrouble>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = open;
    }
}

/// One outlet, and when it is tried next.
#[derive(Debug)]
struct Way {
    outlet: Outlet,
    wait_ms: u64,
    next_ms: u64,
}

/// Looks after a node with one event until it stops.
pub async fn keep(
    clerk: impl Answers,
    (dir, settings, shown): (PathBuf, Settings, OpenNow),
    mut stopped: watch::Receiver<bool>,
) {
    let mut ways = ways(&settings);
    let mut told = load(&dir).await;
    let start = Instant::now();
    while !*stopped.borrow() {
        let before = told.clone();
        if let Some(vitals) = vitals(&clerk).await {
            look(&mut told, &vitals, &settings.limits);
            told.forget_before(vitals.now_unix_ms.saturating_sub(MESSAGE_MS_MAX));
        }
        if told != before {
            save(&told, &dir).await;
        }
        shown.set(told.open_now());
        let before = told.clone();
        let now_ms = crate::clock::millis(start.elapsed());
        let deliveries = deliver(&mut told, &mut ways, now_ms, None);
        tokio::select! {
            () = deliveries => {}
            _ = stopped.wait_for(|stop| *stop) => {}
        }
        if told != before {
            save(&told, &dir).await;
        }
        let end = stopped.wait_for(|stop| *stop);
        if timeout(Duration::from_millis(LOOK_MS), end).await.is_ok() {
            return;
        }
    }
}

/// Compares the figures with what was told.
fn look(told: &mut Told, vitals: &VitalsData, limits: &Limits) {
    let mut troubles = rules::troubles(vitals, limits);
    troubles.extend(still_silent(told, vitals));
    let teller = Teller {
        node: &vitals.label,
        event: vitals.event.as_deref(),
        event_id: None,
        now_unix_ms: vitals.now_unix_ms,
    };
    told.look(&troubles, teller);
}

/// Returns the silent devices that were told of and were not heard since this node started: a
/// restart does not make them speak.
fn still_silent(told: &Told, vitals: &VitalsData) -> Vec<Trouble> {
    let unheard = vitals
        .devices
        .iter()
        .filter(|it| vitals.open && it.silent_ms.is_none());
    let trouble = |key: &str| Trouble {
        rule: Rule::Silent,
        about: key.to_owned(),
        grade: rules::Grade::Warning,
        text: String::new(),
    };
    let troubles = unheard.map(|it| trouble(&it.key));
    troubles.filter(|it| told.is_open(it)).collect()
}

async fn vitals(clerk: &impl Answers) -> Option<VitalsData> {
    let answer = clerk.answer(Call::from(Request::Vitals(Nothing {}))).await;
    match answer {
        Answer::Ok(_) => answer.data().ok(),
        Answer::Error(_) => None,
    }
}

/// Hands every outlet what it does not have, as far as it takes it; after `last` nothing is begun.
async fn deliver(told: &mut Told, ways: &mut [Way], now_ms: u64, last: Option<Instant>) {
    let names: Vec<&'static str> = ways.iter().map(|it| it.outlet.name()).collect();
    for way in ways {
        if now_ms < way.next_ms {
            continue;
        }
        let name = way.outlet.name();
        while let Some(message) = told.next_for(name).cloned() {
            if last.is_some_and(|last| last < Instant::now()) {
                return;
            }
            match way.outlet.deliver(&message).await {
                Ok(()) => {
                    way.wait_ms = RETRY_MS.0;
                    told.delivered(name, &names);
                }
                Err(why) => {
                    tracing::warn!(
                        outlet = name,
                        why,
                        "an alert was not delivered; tried again"
                    );
                    way.next_ms = now_ms.saturating_add(way.wait_ms);
                    way.wait_ms = way.wait_ms.saturating_mul(2).min(RETRY_MS.1);
                    break;
                }
            }
        }
    }
}

async fn load(dir: &Path) -> Told {
    let dir = dir.to_owned();
    let loaded = spawn_blocking(move || Told::load(&dir)).await;
    loaded.unwrap_or_default()
}

async fn save(told: &Told, dir: &Path) {
    let (dir, kept) = (dir.to_owned(), told.clone());
    let saved = spawn_blocking(move || kept.save(&dir)).await;
    if let Ok(Err(error)) = saved {
        tracing::warn!(%error, "alerts are not written down; a restart may repeat them");
    }
}

/// Makes the outlets; one that cannot be used is said in the log and left out.
fn ways(settings: &Settings) -> Vec<Way> {
    let webhook = settings.webhook.as_deref().map(Outlet::webhook);
    let ntfy = settings.ntfy.as_deref().map(Outlet::ntfy);
    let mail = settings
        .smtp
        .as_deref()
        .map(|server| mail(server, settings));
    let made = [Some(Ok(Outlet::Log)), webhook, ntfy, mail];
    let mut ways = Vec::new();
    for outlet in made.into_iter().flatten() {
        match outlet {
            Ok(outlet) => ways.push(Way {
                outlet,
                wait_ms: RETRY_MS.0,
                next_ms: 0,
            }),
            Err(Unusable(why)) => tracing::error!(why, "an outlet of alerts cannot be used"),
        }
    }
    ways
}

fn mail(server: &str, settings: &Settings) -> Result<Outlet, Unusable> {
    let from = settings.from.as_deref().unwrap_or_default();
    let password = settings
        .password_file
        .as_deref()
        .map(password)
        .transpose()?;
    Outlet::mail(server, (from, &settings.to), password)
}

/// Reads the first line of the password's file.
fn password(path: &Path) -> Result<String, Unusable> {
    let bad = |why: String| Unusable(format!("{}: {why}", path.display()));
    let length = std::fs::metadata(path)
        .map_err(|error| bad(error.to_string()))?
        .len();
    if PASSWORD_BYTES_MAX < length {
        return Err(bad(format!("{length} bytes are no password")));
    }
    let text = std::fs::read_to_string(path).map_err(|error| bad(error.to_string()))?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests;
