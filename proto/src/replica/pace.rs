//! How fast one peer may make this device check signatures: a bucket of checks for each connection.
//!
//! A signature costs its sender one number and its receiver a tenth of a millisecond on a Pi. What
//! comes faster is not looked at and no error: it comes again with the next round, and a chunk of
//! 256 entries needs one check, so that catching up never comes near.
//!
//! Source: PROTOCOL R-SYNC-13.

use super::{Notice, PeerId, Reason, Replica};
use crate::wire::Frame;

/// Checks that a peer may ask for each second in the long run: half of what a Pi can do.
const CHECKS_PER_SECOND: u64 = 500;

/// Checks that a peer may ask for at once: a push for each of half the logs that a vector may name.
const CHECKS_BURST: u64 = 2_000;

/// Keys of sealed texts that are hashed or looked up in the time of one check.
const KEYS_OF_A_CHECK: usize = 64;

/// Least time between two notices about one peer, in ms: all are counted, and one tells it.
const TELL_MS: u64 = 1_000;

/// The checks that are left to one peer, in thousandths.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    thousandths: u64,
    at_ms: u64,
    tell_at_ms: u64,
}

impl Pace {
    /// Begins with a full bucket.
    pub(super) fn new(now_ms: u64) -> Self {
        Self {
            thousandths: CHECKS_BURST * 1_000,
            at_ms: now_ms,
            tell_at_ms: 0,
        }
    }

    /// Takes so many checks out of the bucket, all or none.
    fn takes(&mut self, checks: u64, now_ms: u64) -> bool {
        let grown = now_ms
            .saturating_sub(self.at_ms)
            .saturating_mul(CHECKS_PER_SECOND);
        self.at_ms = now_ms.max(self.at_ms);
        self.thousandths = self
            .thousandths
            .saturating_add(grown)
            .min(CHECKS_BURST * 1_000);
        let left = self.thousandths.checked_sub(checks.saturating_mul(1_000));
        self.thousandths = left.unwrap_or(self.thousandths);
        left.is_some()
    }

    /// Tells whether the next refusal is to be told.
    fn tells(&mut self, now_ms: u64) -> bool {
        let due = self.tell_at_ms <= now_ms;
        if due {
            self.tell_at_ms = now_ms.saturating_add(TELL_MS);
        }
        due
    }
}

impl Replica {
    /// Returns whether a frame may be looked at; one that would need more checks than its peer has
    /// left is counted and dropped.
    ///
    /// Source: PROTOCOL R-SYNC-13.
    pub(super) fn keeps_pace(&mut self, peer: PeerId, frame: &Frame) -> bool {
        let now_ms = self.now.mono_ms;
        let Some(it) = self.peers.get_mut(&peer) else {
            return true;
        };
        if it.pace.takes(checks(frame), now_ms) {
            return true;
        }
        self.tell_pace(peer, "more signatures than are checked for one peer");
        false
    }

    /// Counts what came faster than it is looked at, and tells the shell now and then.
    pub(super) fn tell_pace(&mut self, peer: PeerId, text: &str) {
        let now_ms = self.now.mono_ms;
        let count = self.refusals.entry(Reason::Pace).or_insert(0);
        *count = count.saturating_add(1);
        let it = self.peers.get_mut(&peer);
        if it.is_some_and(|it| it.pace.tells(now_ms)) {
            self.out.released.notices.push(Notice::Refused {
                peer,
                reason: Reason::Pace,
                text: text.into(),
            });
        }
    }
}

/// Returns how many checks so many keys of sealed texts are worth.
fn of(keys: usize) -> u64 {
    u64::try_from(keys.div_ceil(KEYS_OF_A_CHECK).max(1)).unwrap_or(u64::MAX)
}

/// Returns how many signatures a frame asks to be checked, at most.
fn checks(frame: &Frame) -> u64 {
    match frame {
        Frame::Push(_) | Frame::Present(_) | Frame::Warrant(_) => 1,
        Frame::Fork(_) => 2,
        Frame::Cells(cells) => u64::try_from(cells.len()).unwrap_or(u64::MAX),
        // No signature, but so many hashes or look-ups cost as much as one.
        Frame::KeyAsk(ask) => of(ask.ids().len()),
        Frame::Keys(keys) => of(keys.keys.len()),
        Frame::Hello(_)
        | Frame::Vector(_)
        | Frame::Have(_)
        | Frame::Want(_)
        | Frame::Join(_)
        | Frame::Welcome(_)
        | Frame::Refused(_)
        | Frame::Claim(_)
        | Frame::Commit(_)
        | Frame::Reveal(_)
        | Frame::Ask(_)
        | Frame::Denied(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(pace: &mut Pace, now_ms: u64) -> usize {
        (0..10_000).filter(|_| pace.takes(1, now_ms)).count()
    }

    #[test]
    fn two_thousand_checks_at_once_and_five_hundred_a_second() {
        let mut pace = Pace::new(7);
        assert_eq!(taken(&mut pace, 7), 2_000, "burst");
        assert_eq!(taken(&mut pace, 1_007), 500, "one second later");
        assert_eq!(taken(&mut pace, 1_009), 1, "two milliseconds later");
        assert_eq!(taken(&mut pace, 1_000_000), 2_000, "never more");
        assert_eq!(taken(&mut pace, 5), 0, "a clock that falls gives nothing");
    }

    #[test]
    fn a_frame_of_many_checks_is_taken_whole_or_not_at_all() {
        let mut pace = Pace::new(0);
        assert!(pace.takes(1_990, 0), "within");
        assert!(!pace.takes(64, 0), "too many");
        assert!(pace.takes(10, 0), "nothing was taken for it");
    }

    #[test]
    fn a_flood_is_told_once_a_second() {
        let mut pace = Pace::new(0);
        let told = (0..5_000).filter(|&now_ms| pace.tells(now_ms)).count();
        assert_eq!(told, 5, "in five seconds");
    }
}
