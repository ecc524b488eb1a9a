//! The security log of a node: who was turned away, when and why; in memory, bounded.
//!
//! A flood must neither fill the memory nor wash everything else out of the log, so what the same
//! one does again within [`MERGE_MS`] is counted in the line that is there. Only a proven key or a
//! proven address is somebody: what an invented address did is nobody's, and one line for all of
//! them. Told the time, so that it reads no clock. Layer: node, below `net`.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tallyline_keys::PublicKey;
use tallyline_proto::replica::Reason;
use tracing::warn;

/// Lines kept, at most: a day of a noisy venue, in under 4 MB.
pub const LINES_MAX: usize = 10_000;

/// Milliseconds within which the same refusal of the same one is counted in one line: a flood of
/// a thousand a second makes six lines a minute.
pub const MERGE_MS: u64 = 10_000;

/// Bytes of one line's text, at most; the rest says nothing new, and a peer may choose it.
const TEXT_BYTES_MAX: usize = 240;

/// Why something was turned away, or an alarm was raised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// The core refused a frame or a connection.
    Refused(Reason),
    /// A handshake did not hold: another protocol, a key that is refused, a wrong signature.
    HandshakeFailed,
    /// A handshake was not finished in time.
    HandshakeSlow,
    /// One address began more handshakes than it may.
    TooManyHandshakes,
    /// Too many handshakes at once: their senders had to prove their addresses first.
    AddressUnproven,
    /// There are too many connections, or too many with strangers.
    Crowded,
    /// The stream cannot be read on.
    Broken,
    /// The peer does not read what it is sent.
    Unread,
    /// The key broke the rules again and again and is refused for a while.
    Barred,
    /// The key was a member and is one no longer.
    Revoked,
    /// mDNS announced more places than are kept.
    MdnsCapped,
    /// mDNS heard more records than it may keep, and was started afresh.
    MdnsFlood,
    /// Two devices use one key at the same time.
    Clone,
}

/// Whom a line is about, as far as that is proven.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Who {
    /// The key that the handshake proved.
    pub key: Option<PublicKey>,
    /// Where it came from.
    pub address: Option<SocketAddr>,
    /// Whether somebody is there who answers; otherwise the address may be invented.
    pub proven: bool,
}

/// One line of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// When it happened first, in milliseconds of the log's time.
    pub first_ms: u64,
    /// When it happened last.
    pub last_ms: u64,
    /// How often.
    pub times: u64,
    /// Why.
    pub cause: Cause,
    /// To whom.
    pub who: Who,
    /// What exactly, the first time.
    pub text: String,
}

/// The log; everything that turns somebody away writes into it.
#[derive(Debug, Default)]
pub struct SecurityLog(Mutex<Lines>);

/// A copy of the log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// The lines kept, the oldest first.
    pub lines: Vec<Line>,
    /// How often each cause was noted since the start, also where its lines are gone.
    pub counts: BTreeMap<Cause, u64>,
}

/// Whom repetitions are counted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Mark {
    Key(PublicKey),
    Address(IpAddr),
    Nobody,
}

#[derive(Debug, Default)]
struct Lines {
    lines: VecDeque<Line>,
    /// How many lines were dropped at the front.
    dropped: u64,
    /// The number of the newest line of each cause and mark that is still kept.
    newest: BTreeMap<(Cause, Mark), u64>,
    counts: BTreeMap<Cause, u64>,
}

impl Cause {
    /// Returns the stable name, as counters and logs show it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Refused(reason) => reason.name(),
            Self::HandshakeFailed => "handshake_failed",
            Self::HandshakeSlow => "handshake_slow",
            Self::TooManyHandshakes => "too_many_handshakes",
            Self::AddressUnproven => "address_unproven",
            Self::Crowded => "crowded",
            Self::Broken => "broken",
            Self::Unread => "unread",
            Self::Barred => "barred",
            Self::Revoked => "revoked",
            Self::MdnsCapped => "mdns_capped",
            Self::MdnsFlood => "mdns_flood",
            Self::Clone => "clone",
        }
    }
}

impl Who {
    /// Somebody whose key was proven.
    pub fn peer(key: PublicKey, address: SocketAddr) -> Self {
        Self {
            key: Some(key),
            address: Some(address),
            proven: true,
        }
    }

    /// Whoever is at an address; `proven` if the address answered.
    pub fn at(address: SocketAddr, proven: bool) -> Self {
        Self {
            key: None,
            address: Some(address),
            proven,
        }
    }

    fn mark(&self) -> Mark {
        match (self.key, self.address) {
            (Some(key), _) => Mark::Key(key),
            (None, Some(address)) if self.proven => Mark::Address(address.ip()),
            (None, _) => Mark::Nobody,
        }
    }
}

impl SecurityLog {
    /// Notes that something was turned away.
    pub fn note(&self, now_ms: u64, cause: Cause, who: Who, text: &str) {
        let fresh = self.lock().note(now_ms, cause, who, text);
        if fresh {
            let key = who.key.map(|key| key.fingerprint()).unwrap_or_default();
            let address = who.address.map(|it| it.to_string()).unwrap_or_default();
            let cause = cause.name();
            warn!(target: "tallyline::security", cause, key, address, "{text}");
        }
    }

    /// Returns what was noted.
    pub fn seen(&self) -> Seen {
        let lines = self.lock();
        Seen {
            lines: lines.lines.iter().cloned().collect(),
            counts: lines.counts.clone(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Lines> {
        // Every change under the lock leaves the lines whole, so a panic elsewhere spoils nothing.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lines {
    /// Notes one refusal; tells whether it is a line of its own.
    fn note(&mut self, now_ms: u64, cause: Cause, who: Who, text: &str) -> bool {
        let count = self.counts.entry(cause).or_insert(0);
        *count = count.saturating_add(1);
        let slot = (cause, who.mark());
        if let Some(number) = self.newest.get(&slot).copied()
            && let Some(line) = self.at(number)
            && now_ms.saturating_sub(line.first_ms) < MERGE_MS
        {
            line.times = line.times.saturating_add(1);
            line.last_ms = now_ms;
            return false;
        }
        if self.lines.len() == LINES_MAX {
            self.drop_oldest();
        }
        let number = self.dropped.saturating_add(length(&self.lines));
        self.newest.insert(slot, number);
        self.lines.push_back(Line {
            first_ms: now_ms,
            last_ms: now_ms,
            times: 1,
            cause,
            who,
            text: clipped(text),
        });
        true
    }

    /// Returns the line of a number, if it is kept.
    fn at(&mut self, number: u64) -> Option<&mut Line> {
        let place = number.checked_sub(self.dropped)?;
        self.lines.get_mut(usize::try_from(place).ok()?)
    }

    fn drop_oldest(&mut self) {
        if let Some(line) = self.lines.pop_front() {
            let slot = (line.cause, line.who.mark());
            if self.newest.get(&slot) == Some(&self.dropped) {
                self.newest.remove(&slot);
            }
            self.dropped = self.dropped.saturating_add(1);
        }
    }
}

fn length(lines: &VecDeque<Line>) -> u64 {
    u64::try_from(lines.len()).unwrap_or(u64::MAX)
}

/// Cuts a text at a letter's edge.
fn clipped(text: &str) -> String {
    let mut end = text.len().min(TEXT_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end = end.saturating_sub(1);
    }
    text.get(..end).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tallyline_keys::DeviceKey;

    fn peer(seed: u8) -> Who {
        let key = DeviceKey::from_seed([seed; 32]).public();
        Who::peer(key, SocketAddr::from(([10, 0, 0, seed], 1)))
    }

    #[test]
    fn what_one_peer_repeats_is_counted_in_one_line_for_ten_seconds() {
        let log = SecurityLog::default();
        for at_ms in [0, 1, 9_999, 10_000] {
            log.note(at_ms, Cause::Barred, peer(1), "again");
        }
        log.note(5, Cause::Barred, peer(2), "another");
        log.note(5, Cause::Broken, peer(1), "otherwise");
        let seen = log.seen();
        let lines: Vec<_> = seen
            .lines
            .iter()
            .map(|it| (it.first_ms, it.last_ms, it.times, it.text.as_str()))
            .collect();
        let expected = [
            (0, 9_999, 3, "again"),
            (10_000, 10_000, 1, "again"),
            (5, 5, 1, "another"),
            (5, 5, 1, "otherwise"),
        ];
        assert_eq!(lines, expected, "lines");
        assert_eq!(seen.counts[&Cause::Barred], 5, "every one is counted");
    }

    #[test]
    fn invented_addresses_share_one_line_and_proven_ones_do_not() {
        let log = SecurityLog::default();
        for number in 0..=255 {
            let address = SocketAddr::from(([10, 1, 0, number], 9));
            log.note(0, Cause::AddressUnproven, Who::at(address, false), "flood");
            log.note(0, Cause::HandshakeSlow, Who::at(address, true), "slow");
        }
        let seen = log.seen();
        assert_eq!(seen.lines.len(), 257, "one, and one for each");
        assert_eq!(seen.lines[0].times, 256, "all in one line");
    }

    #[test]
    fn only_the_last_ten_thousand_lines_are_kept_and_every_count() {
        let log = SecurityLog::default();
        for number in 0..25_000_u32 {
            let address = SocketAddr::from((std::net::Ipv4Addr::from(number), 9));
            log.note(7, Cause::HandshakeFailed, Who::at(address, true), "no");
        }
        let seen = log.seen();
        assert_eq!(seen.lines.len(), LINES_MAX, "bounded");
        assert_eq!(seen.counts[&Cause::HandshakeFailed], 25_000, "counted");
        assert_eq!(log.lock().newest.len(), LINES_MAX, "the index, too");
        let last = std::net::Ipv4Addr::from(24_999);
        let who = Who::at(SocketAddr::from((last, 1)), true);
        log.note(8, Cause::HandshakeFailed, who, "no");
        let seen = log.seen();
        assert_eq!(seen.lines.len(), LINES_MAX, "merged after the turn");
        assert_eq!(seen.lines.last().unwrap().times, 2, "into the newest");
    }

    #[test]
    fn a_long_text_is_cut_between_letters() {
        let log = SecurityLog::default();
        log.note(0, Cause::Broken, Who::default(), &"ä".repeat(1_000));
        log.note(
            0,
            Cause::Broken,
            peer(1),
            &format!("a{}", "ä".repeat(1_000)),
        );
        let lengths: Vec<_> = log.seen().lines.iter().map(|it| it.text.len()).collect();
        assert_eq!(lengths, [240, 239], "bytes");
    }
}
