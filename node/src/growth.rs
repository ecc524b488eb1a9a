//! Tells whoever shows an event that it grew: a number that rises with each entry that comes to lie
//! on disk.
//!
//! Nobody is woken twice for what is read once: a slow reader sees the newest number and no queue
//! grows behind it. Layer: node, above `driver`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tallyline_proto::replica::{Notice, PeerId, Reason, Ticket};
use tokio::sync::watch;

use crate::driver::Link;

/// Where the next event's numbers begin: an event that was put away and is active again has other ones
/// than before, and what was made of it is not taken for new.
static NEXT: AtomicU64 = AtomicU64::new(0);

/// Numbers of one event at a time: more often none grows.
const NUMBERS: u64 = 1 << 32;

/// How often an event grew, from some number on; copies are the same number.
#[derive(Clone, Debug)]
pub struct Growth(Arc<watch::Sender<u64>>);

/// A link that counts on the way to the network.
struct Counted {
    link: Arc<dyn Link>,
    growth: Growth,
}

impl Default for Growth {
    fn default() -> Self {
        let first = NEXT.fetch_add(NUMBERS, Ordering::Relaxed);
        Self(Arc::new(watch::Sender::new(first)))
    }
}

impl Growth {
    /// Returns a link that counts what grew and passes everything on.
    pub fn watch(&self, link: Arc<dyn Link>) -> Arc<dyn Link> {
        let growth = self.clone();
        Arc::new(Counted { link, growth })
    }

    /// Returns how often the event grew.
    pub fn now(&self) -> u64 {
        *self.0.borrow()
    }

    /// Returns what wakes when the event grew.
    pub fn seen(&self) -> watch::Receiver<u64> {
        self.0.subscribe()
    }

    /// Returns whether somebody waits for it to grow.
    pub fn is_watched(&self) -> bool {
        0 < self.0.receiver_count()
    }

    /// Says that the event grew, or may be another one than it was, or is put away.
    pub fn rise(&self) {
        self.0.send_modify(|times| *times = times.wrapping_add(1));
    }
}

impl Link for Counted {
    fn send(&self, peer: PeerId, frame: Vec<u8>) {
        self.link.send(peer, frame);
    }

    fn close(&self, peer: PeerId, reason: Reason) {
        self.link.close(peer, reason);
    }

    fn notice(&self, notice: &Notice) {
        if matches!(notice, Notice::Grew { .. } | Notice::Members(_)) {
            self.growth.rise();
        }
        self.link.notice(notice);
    }

    fn reset(&self) {
        // What was shown may not have been kept.
        self.growth.rise();
        self.link.reset();
    }

    fn joining(&self, ticket: Option<&Ticket>) {
        self.link.joining(ticket);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::driver::NoLink;

    #[test]
    fn whatever_grew_is_seen_once() {
        let growth = Growth::default();
        let link = growth.watch(Arc::new(NoLink));
        let before = growth.now();
        let mut seen = growth.seen();
        let fresh = |seen: &watch::Receiver<u64>| seen.has_changed().expect("a sender");
        assert!(!fresh(&seen));
        link.notice(&Notice::Grew { entries: 3 });
        link.notice(&Notice::Grew { entries: 1 });
        let both = (*seen.borrow_and_update(), growth.now());
        assert_eq!(both, (before + 2, before + 2));
        assert!(!fresh(&seen), "seen");
        link.reset();
        assert!(fresh(&seen), "the store was opened again");
    }

    /// An event that was put away and is active again would have been taken for one that did not grow.
    #[test]
    fn an_event_that_is_active_again_has_other_numbers() {
        let (before, again) = (Growth::default(), Growth::default());
        before.rise();
        again.rise();
        assert_ne!(before.now(), again.now());
        assert!(!again.is_watched());
        let seen = again.seen();
        assert!(again.is_watched());
        drop(seen);
        assert!(!again.is_watched());
    }
}
