//! Tells whoever shows an event that it grew: a number that rises with each entry that comes to lie
//! on disk.
//!
//! Nobody is woken twice for what is read once: a slow reader sees the newest number and no queue
//! grows behind it. Layer: node, above `driver`.

use std::sync::Arc;

use tallyline_proto::replica::{Notice, PeerId, Reason, Ticket};
use tokio::sync::watch;

use crate::driver::Link;

/// How often an event grew since its node started; copies are the same number.
#[derive(Clone, Debug)]
pub struct Growth(Arc<watch::Sender<u64>>);

/// A link that counts on the way to the network.
struct Counted {
    link: Arc<dyn Link>,
    growth: Growth,
}

impl Default for Growth {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(0)))
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

    /// Says that the event grew, or may be another one than it was.
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
        let mut seen = growth.seen();
        let fresh = |seen: &watch::Receiver<u64>| seen.has_changed().expect("a sender");
        assert!(!fresh(&seen));
        link.notice(&Notice::Grew { entries: 3 });
        link.notice(&Notice::Grew { entries: 1 });
        assert_eq!((*seen.borrow_and_update(), growth.now()), (2, 2));
        assert!(!fresh(&seen), "seen");
        link.reset();
        assert!(fresh(&seen), "the store was opened again");
    }
}
