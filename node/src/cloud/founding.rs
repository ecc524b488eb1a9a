//! How many new events a cloud node takes up, and of whom.
//!
//! Whoever knows a cloud's key can found events for it. One that does so without end is held up by
//! itself: by its key, and by its address, since keys cost nothing. Layer: node, cloud.

use std::net::IpAddr;

use tallyline_keys::PublicKey;

/// New events of one device within an hour, at most: a device holds one event at a time.
const OF_A_KEY_MAX: usize = 100;

/// New events from one address within an hour, at most: a club behind one router, or a gateway that
/// fills a cloud again.
const OF_AN_ADDRESS_MAX: usize = 1_000;

/// New events within an hour, at most: twice as many as a busy weekend has in all.
const FOUNDED_MAX: usize = 20_000;

/// What that is counted over, in milliseconds.
const FOUNDED_MS: u64 = 60 * 60 * 1_000;

/// The new events of the last hour.
#[derive(Debug, Default)]
pub(super) struct Founded(Vec<One>);

/// A new event: when it came, and from whom.
#[derive(Debug)]
struct One {
    at_ms: u64,
    key: PublicKey,
    address: Option<IpAddr>,
}

impl Founded {
    /// Counts a new event; `false`: there were too many, and it is not to be taken up.
    pub(super) fn count(&mut self, now_ms: u64, key: PublicKey, address: Option<IpAddr>) -> bool {
        self.0
            .retain(|one| now_ms.saturating_sub(one.at_ms) < FOUNDED_MS);
        let of_the_key = self.0.iter().filter(|one| one.key == key).count();
        let from_there = self.0.iter();
        let from_there = from_there.filter(|one| address.is_some() && one.address == address);
        if FOUNDED_MAX <= self.0.len()
            || OF_A_KEY_MAX <= of_the_key
            || OF_AN_ADDRESS_MAX <= from_there.count()
        {
            return false;
        }
        self.0.push(One {
            at_ms: now_ms,
            key,
            address,
        });
        true
    }
}

#[cfg(test)]
mod tests {
    use tallyline_keys::DeviceKey;

    use super::*;

    fn key(number: u16) -> PublicKey {
        let mut seed = [0; 32];
        seed.split_at_mut(2)
            .0
            .copy_from_slice(&number.to_be_bytes());
        DeviceKey::from_seed(seed).public()
    }

    #[test]
    fn who_founds_without_end_holds_up_nobody_else() {
        let mut founded = Founded::default();
        let at = |number: u8| Some(IpAddr::from([192, 0, 2, number]));
        let taken = (0..2_000).filter(|_| founded.count(0, key(1), at(1)));
        assert_eq!(taken.count(), OF_A_KEY_MAX, "of one device");
        let keys: Vec<PublicKey> = (2..40).map(key).collect();
        let many = (0..2_000).zip(keys.iter().cycle());
        let taken = many.filter(|(_, key)| founded.count(1, **key, at(1)));
        assert_eq!(
            taken.count(),
            OF_AN_ADDRESS_MAX - OF_A_KEY_MAX,
            "from there"
        );
        assert!(founded.count(1, key(50), at(2)), "somebody else");
        assert!(
            founded.count(1, key(51), None),
            "through what has no address"
        );
        assert!(!founded.count(FOUNDED_MS - 1, key(1), at(3)));
        assert!(founded.count(FOUNDED_MS, key(1), at(1)), "an hour later");
    }
}
