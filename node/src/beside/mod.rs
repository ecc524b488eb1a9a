//! Files beside the store, for people and rule books: nothing is ever read from them that counts.
//!
//! * `score_log`: every entry as a line of plain text, written after it is on disk.
//! * `exchanges`: when this device and another one held the same, when the cloud signed for more,
//!   and when the node started.
//!
//! Both are written by tasks of their own: neither a slow nor a full disk delays a score, and a
//! failure is told and does no harm. Layer: node, above `driver`.

mod exchanges;
mod score_log;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use tallyline_keys::PublicKey;
use tallyline_proto::model::LogName;
use tallyline_proto::replica::{
    EntryView, LogRead, Notice, Now, PeerId, Reason, Replica, Ticket, Unread,
};
use tokio::sync::{Notify, watch};
use tokio::task::spawn_blocking;
use tokio::time::{Duration, sleep, timeout};

use crate::clock::Clock;
use crate::driver::{Driver, Link};

pub use exchanges::{Exchange, ExchangeKind};

use exchanges::{Exchanges, Last};
use score_log::ScoreLog;

/// Most entries that are turned into lines at once: what a step of the loop is held up for.
const ENTRIES_MAX: usize = 500;

/// Least milliseconds between two looks for new entries: under a burst they come in one piece.
const LOOK_MS: u64 = 500;

/// Milliseconds without a new entry after which the place in the score log is written down; lines
/// since the last time are found again by their ids.
const PLACE_MS: u64 = 10_000;

/// Milliseconds between two looks at whether a minute is over.
const MINUTE_LOOK_MS: u64 = 10_000;

/// The files beside one store; copies are the same files.
#[derive(Clone, Debug, Default)]
pub struct Beside(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    /// Where they lie; `None`: nowhere.
    dir: Option<PathBuf>,
    /// Whether the score log is written; `None`: no node runs.
    score_log: Option<bool>,
    exchanges: Mutex<Exchanges>,
    /// Why the score log could not be written the last time.
    fault: Mutex<Option<String>>,
    /// Wakes whoever writes the score log.
    grew: Notify,
    /// Wakes whoever writes exchanges down.
    exchanged: Notify,
}

/// A link that sees what the loop says on the way to the network.
struct Onlooker {
    link: Arc<dyn Link>,
    beside: Beside,
    clock: Clock,
}

impl Beside {
    /// Returns the files of a running node.
    pub fn of_node(dir: &Path, score_log: bool) -> Self {
        Self(Arc::new(Shared {
            dir: Some(dir.to_owned()),
            score_log: Some(score_log),
            ..Shared::default()
        }))
    }

    /// Returns the files of a root on which no node runs.
    pub fn at_rest(dir: &Path) -> Self {
        let beside = Self(Arc::new(Shared {
            dir: Some(dir.to_owned()),
            ..Shared::default()
        }));
        let last = Last::of(&exchanges::read(dir));
        beside.lock_exchanges().remember(last);
        beside
    }

    /// Returns when this device and another one said last that they hold the same, in Unix
    /// milliseconds by this device's clock.
    pub fn last_sync(&self, key: &PublicKey) -> Option<i64> {
        self.lock_exchanges().last().sync(key)
    }

    /// Returns when a cloud signed last that it holds more, in Unix milliseconds.
    pub fn last_upload(&self) -> Option<i64> {
        self.lock_exchanges().last().upload()
    }

    /// Returns whether the score log is written; `None`: no node runs.
    pub fn score_log(&self) -> Option<bool> {
        self.0.score_log
    }

    /// Returns why the score log could not be written the last time.
    pub fn fault(&self) -> Option<String> {
        let fault = self.0.fault.lock();
        fault.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads all exchanges that are known, in order of time.
    pub fn exchanges(&self) -> Vec<Exchange> {
        let mut all = self
            .0
            .dir
            .as_deref()
            .map(exchanges::read)
            .unwrap_or_default();
        let held = self.0.exchanges.lock();
        all.extend(held.unwrap_or_else(PoisonError::into_inner).open());
        all.sort_by_key(|it| it.at_unix_ms);
        all
    }

    /// Returns a link that notes what is of interest here and passes everything on.
    pub fn watch(&self, link: Arc<dyn Link>, clock: Clock) -> Arc<dyn Link> {
        let beside = self.clone();
        Arc::new(Onlooker {
            link,
            beside,
            clock,
        })
    }

    /// Writes both files until the node stops, and what is left then. `line` makes the line of an
    /// entry.
    pub async fn keep(
        self,
        driver: Driver,
        clock: Clock,
        stopped: watch::Receiver<bool>,
        line: fn(&EntryView) -> String,
    ) {
        let Some(dir) = self.0.dir.clone() else {
            return;
        };
        let exchanges = self.keep_exchanges(&dir, &clock, stopped.clone());
        if self.0.score_log == Some(true) {
            let score_log = self.keep_score_log(&dir, driver, stopped, line);
            tokio::join!(exchanges, score_log);
        } else {
            exchanges.await;
        }
    }

    fn note(&self, notice: &Notice, clock: &Clock) {
        let noted = match notice {
            Notice::Grew { .. } => {
                self.0.grew.notify_one();
                false
            }
            Notice::Agreed { key, entries } => {
                self.lock_exchanges()
                    .note(ExchangeKind::Sync, key, *entries, clock.now())
            }
            Notice::Receipted { writers } => {
                let now = clock.now();
                let mut exchanges = self.lock_exchanges();
                let mut due = false;
                for (key, entries) in writers {
                    due |= exchanges.note(ExchangeKind::Upload, key, *entries, now);
                }
                due
            }
            Notice::Members(_)
            | Notice::Discover { .. }
            | Notice::Guests(_)
            | Notice::Call { .. }
            | Notice::Refused { .. } => false,
        };
        if noted {
            self.0.exchanged.notify_one();
        }
    }

    fn lock_exchanges(&self) -> std::sync::MutexGuard<'_, Exchanges> {
        let held = self.0.exchanges.lock();
        held.unwrap_or_else(PoisonError::into_inner)
    }

    async fn keep_exchanges(&self, dir: &Path, clock: &Clock, mut stopped: watch::Receiver<bool>) {
        let score_log = self.0.score_log == Some(true);
        let read = {
            let dir = dir.to_owned();
            spawn_blocking(move || Last::of(&exchanges::read(&dir))).await
        };
        self.lock_exchanges().remember(read.unwrap_or_default());
        self.lock_exchanges().start(score_log, clock.now());
        loop {
            let ends = *stopped.borrow();
            let lines = self.lock_exchanges().due(clock.now(), ends);
            if !lines.is_empty() {
                let dir = dir.to_owned();
                let written = spawn_blocking(move || exchanges::write(&dir, &lines)).await;
                if let Ok(Err(error)) = written {
                    tracing::warn!(%error, "exchanges with other devices are not written down");
                }
            }
            if ends {
                return;
            }
            let woken = async {
                tokio::select! {
                    () = self.0.exchanged.notified() => {}
                    _ = stopped.wait_for(|stop| *stop) => {}
                }
            };
            // A wait that is over is as good: a minute may have ended.
            timeout(Duration::from_millis(MINUTE_LOOK_MS), woken)
                .await
                .ok();
        }
    }

    async fn keep_score_log(
        &self,
        dir: &Path,
        driver: Driver,
        mut stopped: watch::Receiver<bool>,
        line: fn(&EntryView) -> String,
    ) {
        let dir = dir.to_owned();
        let Ok(mut log) = spawn_blocking(move || ScoreLog::open(&dir)).await else {
            return;
        };
        let mut quiet = false;
        loop {
            let ends = *stopped.borrow();
            while let Some(unread) = unread(&log, &driver).await {
                let written = on_disk(log, move |log| log.write(&unread, line)).await;
                let Some((back, result)) = written else {
                    return;
                };
                log = back;
                let failed = result.is_err();
                self.tell(result.err());
                if failed {
                    break;
                }
            }
            if ends || quiet {
                let Some((back, result)) = on_disk(log, ScoreLog::write_place).await else {
                    return;
                };
                log = back;
                self.tell(result.err());
            }
            if ends {
                return;
            }
            let waits = log.is_ahead() || self.fault().is_some();
            quiet = tokio::select! {
                () = self.0.grew.notified() => false,
                _ = stopped.wait_for(|stop| *stop) => false,
                () = sleep(Duration::from_millis(PLACE_MS)), if waits => true,
            };
            // Under a burst entries come in one piece; the end does not wait.
            let look = Duration::from_millis(LOOK_MS);
            if timeout(look, stopped.wait_for(|stop| *stop)).await.is_ok() {
                quiet = false;
            }
        }
    }

    /// Notes whether the score log could be written; told in the log once, in `status` as long as
    /// it lasts.
    fn tell(&self, error: Option<io::Error>) {
        let mut fault = self.0.fault.lock().unwrap_or_else(PoisonError::into_inner);
        let text = error.map(|error| error.to_string());
        if let Some(text) = text.as_ref().filter(|_| fault.is_none()) {
            tracing::warn!(
                why = text,
                "the score log cannot be written; scores are safe"
            );
        }
        *fault = text;
    }
}

impl Link for Onlooker {
    fn send(&self, peer: PeerId, frame: Vec<u8>) {
        self.link.send(peer, frame);
    }

    fn close(&self, peer: PeerId, reason: Reason) {
        self.link.close(peer, reason);
    }

    fn notice(&self, notice: &Notice) {
        self.beside.note(notice, &self.clock);
        self.link.notice(notice);
    }

    fn reset(&self) {
        self.link.reset();
    }

    fn joining(&self, ticket: Option<&Ticket>) {
        self.link.joining(ticket);
    }
}

/// Asks the loop for entries that are not in the score log yet; `None` if there are none.
async fn unread(log: &ScoreLog, driver: &Driver) -> Option<Vec<Unread>> {
    let places = log.places().clone();
    let look = move |replica: &mut Replica, _: Now| replica.unread(&places, ENTRIES_MAX);
    let unread = driver.query(look).await.ok()?;
    (!unread.is_empty()).then_some(unread)
}

/// Does something with the score log where waiting for the disk holds nobody up; `None` if that
/// ended by a fault of the program.
async fn on_disk(
    mut log: ScoreLog,
    work: impl FnOnce(&mut ScoreLog) -> io::Result<()> + Send + 'static,
) -> Option<(ScoreLog, io::Result<()>)> {
    let done = spawn_blocking(move || {
        let result = work(&mut log);
        (log, result)
    });
    done.await.ok()
}

/// How far the score log is, by log.
type Places = BTreeMap<LogName, LogRead>;

#[cfg(test)]
mod tests;
