//! Keys that are refused for a while because they broke the rules again and again.
//!
//! Never an address: behind one address may stand a whole venue. Told the time. Layer: below
//! `links`.
//!
//! Source: PROTOCOL R-NET-3.

use std::collections::BTreeMap;

use tallyline_keys::PublicKey;

use super::limits::{BARRED_KEYS_MAX, BARRED_MS, STRIKE_MS, STRIKES_MAX};

/// What is remembered of each key whose connections were ended for breaking the rules.
#[derive(Debug, Default)]
pub(super) struct Barred {
    keys: BTreeMap<PublicKey, Record>,
}

/// What is remembered of one key.
#[derive(Debug, Default)]
struct Record {
    /// When its connections were ended, in order.
    strikes_ms: Vec<u64>,
    /// Until when it is refused.
    until_ms: u64,
}

impl Barred {
    /// Notes that a connection of a key was ended because the key broke the rules; tells whether
    /// it is refused from here on.
    pub(super) fn strike(&mut self, key: PublicKey, now_ms: u64) -> bool {
        if !self.keys.contains_key(&key) {
            self.make_room(now_ms);
        }
        let record = self.keys.entry(key).or_default();
        record
            .strikes_ms
            .retain(|&at_ms| now_ms.saturating_sub(at_ms) < STRIKE_MS);
        record.strikes_ms.push(now_ms);
        if record.strikes_ms.len() < STRIKES_MAX {
            return false;
        }
        // Paid for: after the ten minutes it begins anew.
        record.strikes_ms.clear();
        record.until_ms = now_ms.saturating_add(BARRED_MS);
        true
    }

    /// Tells whether a key is refused now.
    pub(super) fn has(&self, key: &PublicKey, now_ms: u64) -> bool {
        let record = self.keys.get(key);
        record.is_some_and(|record| now_ms < record.until_ms)
    }

    /// Forgets what is over, and above the bound the one whose last deed is the oldest: anybody
    /// can draw keys without end, and drawing one more must not free another.
    fn make_room(&mut self, now_ms: u64) {
        if self.keys.len() < BARRED_KEYS_MAX {
            return;
        }
        self.keys.retain(|_, record| !record.is_over(now_ms));
        if self.keys.len() < BARRED_KEYS_MAX {
            return;
        }
        let oldest = self.keys.iter().min_by_key(|(_, record)| record.last_ms());
        if let Some((&key, _)) = oldest {
            self.keys.remove(&key);
        }
    }
}

impl Record {
    /// Returns when its key broke the rules last; a key that is refused now comes after all others.
    fn last_ms(&self) -> u64 {
        let strike = self.strikes_ms.last().copied().unwrap_or_default();
        strike.max(self.until_ms)
    }

    fn is_over(&self, now_ms: u64) -> bool {
        let recent = |&at_ms: &u64| now_ms.saturating_sub(at_ms) < STRIKE_MS;
        self.until_ms <= now_ms && !self.strikes_ms.iter().any(recent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tallyline_keys::DeviceKey;

    fn key(seed: u16) -> PublicKey {
        let mut bytes = [0; 32];
        bytes[..2].copy_from_slice(&seed.to_le_bytes());
        DeviceKey::from_seed(bytes).public()
    }

    #[test]
    fn the_third_time_within_an_hour_bars_a_key_for_ten_minutes() {
        let mut barred = Barred::default();
        let minute = 60_000;
        assert!(!barred.strike(key(1), 0), "first");
        assert!(!barred.strike(key(1), minute), "second");
        assert!(!barred.has(&key(1), minute), "not yet");
        assert!(barred.strike(key(1), 59 * minute), "third");
        assert!(barred.has(&key(1), 59 * minute), "from here on");
        assert!(barred.has(&key(1), 69 * minute - 1), "almost ten minutes");
        assert!(!barred.has(&key(1), 69 * minute), "over");
        assert!(!barred.strike(key(1), 69 * minute), "it begins anew");
        assert!(!barred.has(&key(2), 60 * minute), "others are not meant");
    }

    #[test]
    fn what_is_an_hour_ago_does_not_count() {
        let mut barred = Barred::default();
        let hour = STRIKE_MS;
        for at_ms in [0, hour / 2, hour, hour + hour / 2, 2 * hour] {
            assert!(!barred.strike(key(1), at_ms), "at {at_ms}");
        }
    }

    #[test]
    fn a_flood_of_keys_is_bounded_and_frees_nobody_who_is_barred() {
        let mut barred = Barred::default();
        for at_ms in 0..3 {
            barred.strike(key(0), at_ms);
        }
        for seed in 1..1_000 {
            barred.strike(key(seed), 10);
        }
        assert!(barred.keys.len() <= BARRED_KEYS_MAX, "bounded");
        assert!(barred.has(&key(0), 10), "still refused");
    }
}
