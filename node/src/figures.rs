//! What a node counts while it runs, for all of its events: exchanges with other devices, and how long a
//! save takes.
//!
//! Counted where it happens and shown by `api::metrics`; a node has its own, so that several in one
//! process do not mix. Layer: node, above `driver`.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use tallyline_keys::PublicKey;
use tallyline_proto::replica::{Input, Notice, PeerId, Reason, Ticket};
use tokio::time::Instant;

use crate::driver::{CommandFailed, Link};
use crate::metrics::{APPEND_ERRORS, APPEND_LATENCY, SYNC_ATTEMPTS, SYNC_DURATION};

/// Seconds up to which exchanges are counted together: a neighbour on the same network, up to a weekend
/// over a slow uplink; the rule's limit of five minutes is one of them.
const SYNC_SECONDS: [f64; 11] = [
    0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 60.0, 120.0, 300.0, 1_200.0, 3_600.0,
];

/// Seconds up to which saves are counted together: a good disk, up to one that is about to die.
const APPEND_SECONDS: [f64; 9] = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0];

/// Devices whose exchanges failed that are told apart; of more the one that failed longest ago goes.
const FAILING_MAX: usize = 1_024;

/// After how long without another failure a device counts no longer as one whose exchanges fail: it is
/// away then, and dialled again within ten seconds when it is not.
const FAILING_FRESH: Duration = Duration::from_mins(5);

/// What a node counts; copies count together.
#[derive(Clone, Default)]
pub struct Figures(Arc<Counted>);

struct Counted {
    attempts: Family<Ended, Counter>,
    exchanged: Histogram,
    appended: Histogram,
    append_errors: Counter,
    /// Connections on which both devices do not hold the same yet.
    open: Mutex<BTreeMap<PeerId, (PublicKey, Instant)>>,
    /// Devices with which no exchange went well since one failed.
    failing: Mutex<BTreeMap<PublicKey, Failed>>,
}

/// Exchanges with one device that failed, without one between them that went well.
#[derive(Clone, Copy, Debug)]
struct Failed {
    times: u64,
    first: Instant,
    last: Instant,
    why: &'static str,
}

/// How exchanges with one device fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failing {
    /// How often in a row.
    pub times: u64,
    /// Since when, in milliseconds from now.
    pub for_ms: u64,
    /// How the last one ended.
    pub why: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Ended {
    result: &'static str,
}

/// A link that counts on the way to the network.
struct Counting {
    link: Arc<dyn Link>,
    figures: Figures,
}

impl Default for Counted {
    fn default() -> Self {
        Self {
            attempts: Family::default(),
            exchanged: Histogram::new(SYNC_SECONDS),
            appended: Histogram::new(APPEND_SECONDS),
            append_errors: Counter::default(),
            open: Mutex::default(),
            failing: Mutex::default(),
        }
    }
}

impl Figures {
    /// Returns a link that counts how exchanges end, and passes everything on.
    pub fn watch(&self, link: Arc<dyn Link>) -> Arc<dyn Link> {
        let figures = self.clone();
        Arc::new(Counting { link, figures })
    }

    /// Shows what is counted.
    pub fn register(&self, registry: &mut Registry) {
        let it = &self.0;
        // An exchange that went well is counted from the beginning, so that its rate is known.
        drop(it.attempts.get_or_create(&Ended { result: OK }));
        let (name, help) = (SYNC_ATTEMPTS.short(), SYNC_ATTEMPTS.help());
        registry.register(name, help, it.attempts.clone());
        let (name, help) = (SYNC_DURATION.short(), SYNC_DURATION.help());
        registry.register(name, help, it.exchanged.clone());
        let (name, help) = (APPEND_LATENCY.short(), APPEND_LATENCY.help());
        registry.register(name, help, it.appended.clone());
        let (name, help) = (APPEND_ERRORS.short(), APPEND_ERRORS.help());
        registry.register(name, help, it.append_errors.clone());
    }

    /// Notes what happens to a connection.
    pub(crate) fn input(&self, input: &Input) {
        match input {
            Input::PeerUp { peer, key, .. } => {
                self.open().insert(*peer, (*key, Instant::now()));
            }
            Input::PeerDown { peer } => self.ended(*peer, "cut"),
            Input::Command { .. } | Input::Frame { .. } | Input::Room { .. } | Input::Tick => {}
        }
    }

    /// Returns how exchanges with a device fail, if they do now.
    pub fn failing(&self, key: &PublicKey) -> Option<Failing> {
        let failing = self.failed();
        let failed = failing.get(key)?;
        (failed.last.elapsed() < FAILING_FRESH).then(|| Failing {
            times: failed.times,
            for_ms: crate::clock::millis(failed.first.elapsed()),
            why: failed.why,
        })
    }

    /// Notes how a command ended that came so long ago.
    pub(crate) fn saved<T>(&self, took: Duration, done: &Result<T, CommandFailed>) {
        match done {
            Ok(_) => self.0.appended.observe(took.as_secs_f64()),
            Err(CommandFailed::NotSaved(_)) => {
                self.0.append_errors.inc();
            }
            Err(CommandFailed::Stopped(_)) => {}
        }
    }

    fn notice(&self, notice: &Notice) {
        let Notice::Agreed { key, .. } = notice else {
            return;
        };
        let mut open = self.open();
        let agreed = open.iter().find(|(_, (of, _))| of == key);
        let agreed = agreed.map(|(peer, (_, begun))| (*peer, *begun));
        if let Some((peer, begun)) = agreed {
            open.remove(&peer);
            self.0.exchanged.observe(begun.elapsed().as_secs_f64());
            self.count(OK);
            self.failed().remove(key);
        }
    }

    /// Notes that a connection ended; one on which both held the same was counted before.
    fn ended(&self, peer: PeerId, result: &'static str) {
        let ended = self.open().remove(&peer);
        if let Some((key, _)) = ended {
            self.count(result);
            self.note_failed(key, result);
        }
    }

    fn note_failed(&self, key: PublicKey, why: &'static str) {
        let now = Instant::now();
        let mut failing = self.failed();
        if FAILING_MAX <= failing.len() && !failing.contains_key(&key) {
            let oldest = failing.iter().min_by_key(|(_, it)| it.last);
            if let Some(oldest) = oldest.map(|(key, _)| *key) {
                failing.remove(&oldest);
            }
        }
        let fresh = Failed {
            times: 0,
            first: now,
            last: now,
            why,
        };
        let failed = failing.entry(key).or_insert(fresh);
        if FAILING_FRESH <= now.duration_since(failed.last) {
            // It was away meanwhile.
            *failed = fresh;
        }
        failed.times = failed.times.saturating_add(1);
        (failed.last, failed.why) = (now, why);
    }

    fn failed(&self) -> MutexGuard<'_, BTreeMap<PublicKey, Failed>> {
        self.0
            .failing
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn count(&self, result: &'static str) {
        self.0.attempts.get_or_create(&Ended { result }).inc();
    }

    fn open(&self) -> MutexGuard<'_, BTreeMap<PeerId, (PublicKey, Instant)>> {
        self.0.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What an exchange is called after which both devices held the same.
const OK: &str = "ok";

impl Link for Counting {
    fn send(&self, peer: PeerId, frame: Vec<u8>) {
        self.link.send(peer, frame);
    }

    fn close(&self, peer: PeerId, reason: Reason) {
        if reason == Reason::Duplicate {
            // The exchange goes on over another connection with the same device.
            self.figures.open().remove(&peer);
        }
        self.figures.ended(peer, reason.name());
        self.link.close(peer, reason);
    }

    fn notice(&self, notice: &Notice) {
        self.figures.notice(notice);
        self.link.notice(notice);
    }

    fn reset(&self) {
        self.link.reset();
    }

    fn joining(&self, ticket: Option<&Ticket>) {
        self.link.joining(ticket);
    }
}

impl fmt::Debug for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Figures")
            .field("open", &self.open().len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::text::encode;
    use tallyline_keys::DeviceKey;

    use super::*;
    use crate::driver::NoLink;

    fn shown(figures: &Figures) -> String {
        let mut registry = Registry::with_prefix("tallyline");
        figures.register(&mut registry);
        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        text
    }

    #[test]
    fn an_exchange_is_counted_once_by_how_it_ended() {
        let figures = Figures::default();
        let link = figures.watch(Arc::new(NoLink));
        let key = |seed| DeviceKey::from_seed([seed; 32]).public();
        let up = |peer, seed| {
            figures.input(&Input::PeerUp {
                peer: PeerId(peer),
                key: key(seed),
                exporter: [0; 32],
            });
        };
        let down = |peer| figures.input(&Input::PeerDown { peer: PeerId(peer) });
        let agreed = |seed| {
            let (key, entries) = (key(seed), 1);
            link.notice(&Notice::Agreed { key, entries });
        };
        assert!(shown(&figures).contains("sync_attempts_total{result=\"ok\"} 0"));
        up(1, 1);
        agreed(1);
        agreed(1);
        down(1);
        up(2, 2);
        down(2);
        up(3, 3);
        link.close(PeerId(3), Reason::BadSignature);
        down(3);
        up(4, 4);
        up(5, 4);
        link.close(PeerId(4), Reason::Duplicate);
        agreed(4);
        let text = shown(&figures);
        for line in [
            "tallyline_sync_attempts_total{result=\"ok\"} 2\n",
            "tallyline_sync_attempts_total{result=\"cut\"} 1\n",
            "tallyline_sync_attempts_total{result=\"bad_signature\"} 1\n",
            "tallyline_sync_duration_seconds_count 2\n",
        ] {
            assert!(text.contains(line), "{line} is not in {text}");
        }
        assert!(!text.contains("duplicate"), "{text}");
    }

    #[tokio::test(start_paused = true)]
    async fn exchanges_that_fail_in_a_row_are_told_until_one_goes_well() {
        let figures = Figures::default();
        let link = figures.watch(Arc::new(NoLink));
        let key = DeviceKey::from_seed([1; 32]).public();
        let up = |peer| {
            figures.input(&Input::PeerUp {
                peer: PeerId(peer),
                key,
                exporter: [0; 32],
            });
        };
        for peer in 0..3 {
            up(peer);
            link.close(PeerId(peer), Reason::BadSignature);
            tokio::time::advance(Duration::from_secs(10)).await;
        }
        let failing = figures.failing(&key);
        let expected = Failing {
            times: 3,
            for_ms: 30_000,
            why: "bad_signature",
        };
        assert_eq!(failing, Some(expected));
        up(4);
        link.notice(&Notice::Agreed { key, entries: 1 });
        assert_eq!(figures.failing(&key), None, "one went well");
        up(5);
        figures.input(&Input::PeerDown { peer: PeerId(5) });
        assert_eq!(figures.failing(&key).map(|it| it.times), Some(1));
        tokio::time::advance(FAILING_FRESH).await;
        assert_eq!(figures.failing(&key), None, "it is away");
        up(6);
        figures.input(&Input::PeerDown { peer: PeerId(6) });
        assert_eq!(figures.failing(&key).map(|it| it.times), Some(1), "anew");
    }

    #[test]
    fn a_save_is_counted_with_its_time_or_as_an_error() {
        let figures = Figures::default();
        figures.saved(Duration::from_millis(20), &Ok(()));
        let failed = CommandFailed::NotSaved("full".to_owned());
        figures.saved::<()>(Duration::ZERO, &Err(failed));
        let text = shown(&figures);
        for line in [
            "tallyline_append_latency_seconds_count 1\n",
            "tallyline_append_latency_seconds_bucket{le=\"0.01\"} 0\n",
            "tallyline_append_latency_seconds_bucket{le=\"0.03\"} 1\n",
            "tallyline_append_errors_total 1\n",
        ] {
            assert!(text.contains(line), "{line} is not in {text}");
        }
    }
}
