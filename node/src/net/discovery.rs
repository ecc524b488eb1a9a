//! Where peers may be: sightings from any source, and the table of places to dial.
//!
//! Does no I/O and reads no clock: it is told the time, in milliseconds that only grow. What a
//! source says is never trusted; the handshake decides who answers. Layer: below `hub`.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use tallyline_keys::PublicKey;
use tokio::sync::mpsc;

use super::Source;
use super::limits::{
    ADDRESS_REST_MS, ADDRESSES_MAX, CANDIDATES_MAX, REDIAL_MS, REMEMBERED_ADDRESSES_MAX,
    REMEMBERED_MAX, UNPROVEN_MS,
};

/// A source of sightings: mDNS, a list, what a phone's host app knows.
pub(super) trait Discovery: Send + 'static {
    /// Waits for the next sighting; `None` when the source has nothing to say ever again.
    fn next(&mut self) -> impl Future<Output = Option<Sighting>> + Send;
}

/// What a source of discovery reports. Never trusted: the handshake decides who answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sighting {
    /// A peer may be at one of these addresses.
    Seen {
        /// The source's own name for it.
        name: String,
        /// Addresses, best first.
        addresses: Vec<SocketAddr>,
    },
    /// The source believes that the peer left; a live connection knows better.
    Gone {
        /// The source's own name for it.
        name: String,
    },
}

/// Names one place to dial.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum TargetId {
    /// The inviter of the ticket.
    Ticket,
    /// A `host:port` from the configuration.
    Static(String),
    /// An instance that mDNS announced.
    Mdns(String),
    /// A peer that was connected before.
    Known(PublicKey),
    /// A device that is to be enrolled; without a key it is whoever answers there.
    Called(Option<PublicKey>),
}

/// One place to dial.
#[derive(Debug)]
pub(super) struct Target {
    /// Addresses, best first; empty for a [`TargetId::Static`], which is looked up each time.
    pub(super) addresses: Vec<SocketAddr>,
    /// Who answered there the last time, or must answer.
    pub(super) key: Option<PublicKey>,
    /// Whether a dial is under way.
    pub(super) dialling: bool,
    wait: Backoff,
    next_ms: u64,
}

/// Waits that grow from a first to a longest one, each drawn from its upper half.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Backoff {
    first_ms: u64,
    longest_ms: u64,
    attempts: u32,
}

/// All places to dial.
#[derive(Debug, Default)]
pub(super) struct Targets {
    targets: BTreeMap<TargetId, Target>,
    dialled_ms: BTreeMap<SocketAddr, u64>,
}

/// A dial to be made.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Due {
    /// What to dial.
    pub(super) target: TargetId,
    /// Addresses, best first; empty for a name that must be looked up.
    pub(super) addresses: Vec<SocketAddr>,
}

impl Discovery for mpsc::Receiver<Sighting> {
    async fn next(&mut self) -> Option<Sighting> {
        self.recv().await
    }
}

impl TargetId {
    /// Returns how a link is said to have been found when it was made there.
    pub(super) fn source(&self) -> Source {
        match self {
            Self::Ticket => Source::Ticket,
            Self::Static(_) => Source::Static,
            Self::Mdns(_) => Source::Mdns,
            Self::Known(_) => Source::Remembered,
            Self::Called(_) => Source::Called,
        }
    }

    /// Returns the first and the longest wait, in milliseconds.
    fn waits(&self) -> (u64, u64) {
        match self {
            Self::Mdns(_) => UNPROVEN_MS,
            Self::Ticket | Self::Static(_) | Self::Known(_) | Self::Called(_) => REDIAL_MS,
        }
    }
}

impl Backoff {
    /// Starts with waits from `first_ms` to `longest_ms`, both inclusive.
    pub(super) fn new((first_ms, longest_ms): (u64, u64)) -> Self {
        Self {
            first_ms,
            longest_ms,
            attempts: 0,
        }
    }

    /// Returns the next wait in milliseconds; `luck` is any random number.
    pub(super) fn next_ms(&mut self, luck: u64) -> u64 {
        let grown = self
            .first_ms
            .saturating_mul(1 << self.attempts.min(16))
            .min(self.longest_ms);
        self.attempts = self.attempts.saturating_add(1);
        let half = grown / 2;
        grown - half + luck % (half + 1)
    }

    /// Begins again with the first wait.
    pub(super) fn reset(&mut self) {
        self.attempts = 0;
    }
}

impl Targets {
    /// Takes in what mDNS saw; above the cap it takes the place of one that was dialled in vain, or
    /// is dropped. Returns whether it was taken.
    pub(super) fn seen(
        &mut self,
        name: String,
        mut addresses: Vec<SocketAddr>,
        now_ms: u64,
    ) -> bool {
        addresses.truncate(ADDRESSES_MAX);
        let id = TargetId::Mdns(name);
        if let Some(target) = self.targets.get_mut(&id) {
            if target.addresses != addresses {
                target.addresses = addresses;
                target.wait.reset();
                target.next_ms = now_ms;
            }
            return true;
        }
        let room = self.candidates().count() < CANDIDATES_MAX || self.forget_vain();
        if room {
            self.put(id, addresses, None);
        }
        room
    }

    /// Returns the places that mDNS announced.
    pub(super) fn candidates(&self) -> impl Iterator<Item = (&TargetId, &Target)> {
        let announced = |(id, _): &(&TargetId, &Target)| matches!(id, TargetId::Mdns(_));
        self.targets.iter().filter(announced)
    }

    /// Forgets the announced place that was dialled in vain most often; tells whether there was
    /// one. Invented places so make room for true ones, which answer.
    fn forget_vain(&mut self) -> bool {
        let vain = |target: &Target| {
            let attempts = target.wait.attempts;
            target.key.is_none() && !target.dialling && 0 < attempts
        };
        let candidates = self.candidates().filter(|(_, target)| vain(target));
        let most = candidates.max_by_key(|(_, target)| target.wait.attempts);
        let most = most.map(|(id, _)| id.clone());
        most.is_some_and(|id| self.targets.remove(&id).is_some())
    }

    /// Forgets what mDNS took back.
    pub(super) fn gone(&mut self, name: &str) {
        self.targets.remove(&TargetId::Mdns(name.to_owned()));
    }

    /// Adds a `host:port` from the configuration.
    pub(super) fn configured(&mut self, place: String) {
        self.put(TargetId::Static(place), Vec::new(), None);
    }

    /// Replaces the inviter to be dialled.
    pub(super) fn inviter(&mut self, inviter: Option<(PublicKey, Vec<SocketAddr>)>) {
        self.targets.remove(&TargetId::Ticket);
        if let Some((key, mut addresses)) = inviter {
            addresses.truncate(ADDRESSES_MAX);
            self.put(TargetId::Ticket, addresses, Some(key));
        }
    }

    /// Replaces where a device that is to be enrolled is dialled; without addresses not any more.
    pub(super) fn called(&mut self, key: Option<PublicKey>, mut addresses: Vec<SocketAddr>) {
        let id = TargetId::Called(key);
        self.targets.remove(&id);
        if !addresses.is_empty() {
            addresses.truncate(ADDRESSES_MAX);
            self.put(id, addresses, key);
        }
    }

    /// Remembers where a peer was reached, the latest address first.
    ///
    /// Returns whether that was news.
    pub(super) fn remember(&mut self, key: PublicKey, address: SocketAddr) -> bool {
        let id = TargetId::Known(key);
        if let Some(target) = self.targets.get_mut(&id) {
            if target.addresses.first() == Some(&address) {
                return false;
            }
            target.addresses.retain(|known| *known != address);
            target.addresses.insert(0, address);
            target.addresses.truncate(REMEMBERED_ADDRESSES_MAX);
            return true;
        }
        let known = self.remembered().count();
        if known >= REMEMBERED_MAX {
            return false;
        }
        self.put(id, vec![address], Some(key));
        true
    }

    /// Returns the remembered peers with their addresses.
    pub(super) fn remembered(&self) -> impl Iterator<Item = (PublicKey, &[SocketAddr])> {
        self.targets.iter().filter_map(|(id, target)| match id {
            TargetId::Known(key) => Some((*key, target.addresses.as_slice())),
            TargetId::Ticket | TargetId::Static(_) | TargetId::Mdns(_) | TargetId::Called(_) => {
                None
            }
        })
    }

    /// Notes who answered at a place.
    pub(super) fn answered(&mut self, id: &TargetId, key: PublicKey) {
        if let Some(target) = self.targets.get_mut(id) {
            target.key = Some(key);
        }
    }

    /// Notes that a dial ended without a connection, or with one that never worked.
    pub(super) fn failed(&mut self, id: &TargetId, now_ms: u64, luck: u64) {
        if let Some(target) = self.targets.get_mut(id) {
            target.dialling = false;
            target.next_ms = now_ms + target.wait.next_ms(luck);
        }
    }

    /// Notes that no dial under way has led anywhere.
    pub(super) fn failed_all(&mut self, now_ms: u64, luck: u64) {
        let dialling = |(id, target): (&TargetId, &Target)| target.dialling.then(|| id.clone());
        let under_way: Vec<TargetId> = self.targets.iter().filter_map(dialling).collect();
        for id in under_way {
            self.failed(&id, now_ms, luck);
        }
    }

    /// Returns how many places there are.
    pub(super) fn count(&self) -> usize {
        self.targets.len()
    }

    /// Notes that a connection works: all waits for its peer begin anew.
    pub(super) fn works(&mut self, key: &PublicKey) {
        for target in self.targets.values_mut() {
            if target.key == Some(*key) {
                target.dialling = false;
                target.wait.reset();
            }
        }
    }

    /// Notes that a peer's last connection ended: it is dialled again after a short wait.
    pub(super) fn lost(&mut self, key: &PublicKey, now_ms: u64, luck: u64) {
        for target in self.targets.values_mut() {
            if target.key == Some(*key) {
                target.dialling = false;
                target.wait.reset();
                target.next_ms = now_ms + target.wait.next_ms(luck);
            }
        }
    }

    /// Makes every place due at once: members changed, or the network came back.
    pub(super) fn hurry(&mut self, now_ms: u64) {
        self.dialled_ms.clear();
        for target in self.targets.values_mut() {
            target.wait.reset();
            target.next_ms = now_ms;
        }
    }

    /// Tells how this device itself would have found a peer that dialled it.
    pub(super) fn source_of(&self, key: &PublicKey, address: SocketAddr) -> Source {
        let at = |target: &Target| {
            target.key == Some(*key)
                || (target.key.is_none() && target.addresses.contains(&address))
        };
        let mut sources: Vec<_> = self
            .targets
            .iter()
            .filter(|(_, target)| at(target))
            .map(|(id, _)| id.source())
            .collect();
        sources.sort_unstable();
        sources.first().copied().unwrap_or(Source::Inbound)
    }

    /// Returns the mDNS name of a peer, if that is how it was found.
    pub(super) fn mdns_name(&self, key: &PublicKey) -> Option<&str> {
        self.targets.iter().find_map(|(id, target)| match id {
            TargetId::Mdns(name) if target.key == Some(*key) => Some(name.as_str()),
            TargetId::Mdns(_)
            | TargetId::Ticket
            | TargetId::Static(_)
            | TargetId::Known(_)
            | TargetId::Called(_) => None,
        })
    }

    /// Takes at most `room` dials that are due and wanted, and marks them as under way.
    pub(super) fn due(
        &mut self,
        now_ms: u64,
        room: usize,
        wanted: impl Fn(&TargetId, &Target) -> bool,
    ) -> Vec<Due> {
        self.dialled_ms
            .retain(|_, dialled_ms| now_ms < *dialled_ms + ADDRESS_REST_MS);
        let mut due = Vec::new();
        for (id, target) in &mut self.targets {
            if due.len() == room {
                break;
            }
            if target.dialling || now_ms < target.next_ms || !wanted(id, target) {
                continue;
            }
            let mut addresses = target.addresses.clone();
            if matches!(id, TargetId::Mdns(_)) {
                addresses.retain(|address| !self.dialled_ms.contains_key(address));
            }
            if addresses.is_empty() && !matches!(id, TargetId::Static(_)) {
                continue;
            }
            for address in &addresses {
                self.dialled_ms.insert(*address, now_ms);
            }
            target.dialling = true;
            let target = id.clone();
            due.push(Due { target, addresses });
        }
        due
    }

    /// Puts a place into the table, due at once.
    fn put(&mut self, id: TargetId, addresses: Vec<SocketAddr>, key: Option<PublicKey>) {
        let target = Target {
            addresses,
            key,
            dialling: false,
            wait: Backoff::new(id.waits()),
            next_ms: 0,
        };
        self.targets.insert(id, target);
    }
}

/// Sorts addresses so that the one most likely to work for most peers comes first.
///
/// Loopback comes last: it reaches a peer only on the same machine, and anywhere else this
/// device itself.
pub(super) fn best_first(addresses: &mut [SocketAddr]) {
    addresses.sort_by_key(|address| {
        let rank = match address.ip() {
            IpAddr::V4(ip) if ip.is_loopback() => 4,
            IpAddr::V6(ip) if ip.is_loopback() => 5,
            IpAddr::V4(ip) if ip.is_link_local() => 3,
            IpAddr::V6(ip) if ip.is_unicast_link_local() => 2,
            IpAddr::V6(_) => 1,
            IpAddr::V4(_) => 0,
        };
        (rank, *address)
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use tallyline_keys::DeviceKey;

    fn key(seed: u8) -> PublicKey {
        DeviceKey::from_seed([seed; 32]).public()
    }

    fn at(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn waits_grow_to_the_longest_and_begin_again() {
        let mut wait = Backoff::new((1_000, 10_000));
        let waits = |wait: &mut Backoff, luck| (0..6).map(|_| wait.next_ms(luck)).collect();
        let least: Vec<u64> = waits(&mut wait, 0);
        assert_eq!(least, [500, 1_000, 2_000, 4_000, 5_000, 5_000], "luck 0");
        wait.reset();
        let half = |full: u64| full / 2;
        assert_eq!(wait.next_ms(half(1_000)), 1_000, "most of the first");
        assert_eq!(wait.next_ms(half(2_000)), 2_000, "most of the second");
        let mut long = Backoff::new((1_000, 60_000));
        for _ in 0..100 {
            assert!(long.next_ms(u64::MAX) <= 60_000, "never longer");
        }
    }

    #[test]
    fn candidates_are_capped_and_known_ones_still_updated() {
        let mut targets = Targets::default();
        for port in 0..1_000_u16 {
            targets.seen(format!("n{port}"), vec![at(&format!("10.0.0.1:{port}"))], 0);
        }
        assert_eq!(targets.targets.len(), CANDIDATES_MAX, "capped");
        targets.seen("n0".into(), vec![at("10.0.0.9:1")], 5);
        let target = &targets.targets[&TargetId::Mdns("n0".into())];
        assert_eq!(target.addresses, [at("10.0.0.9:1")], "updated");
    }

    #[test]
    fn an_invented_place_that_did_not_answer_makes_room_for_another() {
        let mut targets = Targets::default();
        for port in 0..1_000_u16 {
            targets.seen(format!("n{port}"), vec![at(&format!("10.0.0.1:{port}"))], 0);
        }
        let honest = || ("honest".to_owned(), vec![at("10.0.0.9:1")]);
        let (name, addresses) = honest();
        assert!(!targets.seen(name, addresses, 0), "all may be true yet");
        for due in targets.due(0, 16, |_, _| true) {
            targets.failed(&due.target, 0, 0);
        }
        let (name, addresses) = honest();
        assert!(targets.seen(name, addresses, 1), "one was not");
        assert_eq!(targets.targets.len(), CANDIDATES_MAX, "capped all the same");
        let mut dials = targets.due(1, 1_000, |_, _| true).into_iter();
        assert!(
            dials.any(|due| due.target == TargetId::Mdns("honest".into())),
            "it is dialled"
        );
    }

    #[test]
    fn an_address_that_only_mdns_vouches_for_is_dialled_once_in_five_seconds() {
        let mut targets = Targets::default();
        targets.seen("a".into(), vec![at("10.0.0.1:1")], 0);
        targets.seen("b".into(), vec![at("10.0.0.1:1")], 0);
        let dials = |targets: &mut Targets, now_ms| targets.due(now_ms, 16, |_, _| true).len();
        assert_eq!(dials(&mut targets, 0), 1, "two names, one address");
        assert_eq!(dials(&mut targets, 4_999), 0, "at rest");
        assert_eq!(dials(&mut targets, 5_000), 1, "again");
    }

    #[test]
    fn a_lost_peer_is_dialled_again_within_a_second() {
        let mut targets = Targets::default();
        assert!(targets.remember(key(1), at("10.0.0.1:1")), "news");
        assert!(!targets.remember(key(1), at("10.0.0.1:1")), "no news");
        for now_ms in [0, 2_000, 9_000, 30_000] {
            let due = targets.due(now_ms, 16, |_, _| true);
            assert_eq!(due.len(), 1, "at {now_ms}");
            targets.failed(&TargetId::Known(key(1)), now_ms, u64::MAX);
        }
        targets.lost(&key(1), 60_000, u64::MAX);
        assert_eq!(targets.due(61_000, 16, |_, _| true).len(), 1, "soon");
    }

    #[test]
    fn the_latest_address_of_a_peer_comes_first_and_old_ones_are_forgotten() {
        let mut targets = Targets::default();
        for port in 1..=6 {
            targets.remember(key(1), at(&format!("10.0.0.1:{port}")));
        }
        targets.remember(key(1), at("10.0.0.1:4"));
        let known: Vec<_> = targets.remembered().collect();
        let expected = [4, 6, 5, 3].map(|port| at(&format!("10.0.0.1:{port}")));
        assert_eq!(known, [(key(1), &expected[..])], "four, the latest first");
    }

    #[test]
    fn an_inbound_link_is_named_after_the_best_way_this_device_knows() {
        let mut targets = Targets::default();
        let address = at("10.0.0.1:1");
        assert_eq!(targets.source_of(&key(1), address), Source::Inbound, "none");
        targets.remember(key(1), address);
        assert_eq!(
            targets.source_of(&key(1), address),
            Source::Remembered,
            "known"
        );
        targets.seen("a".into(), vec![address], 0);
        assert_eq!(targets.source_of(&key(1), address), Source::Mdns, "mdns");
    }

    #[test]
    fn loopback_comes_last() {
        let mut addresses = [
            "127.0.0.1:1",
            "[::1]:1",
            "[fe80::1]:1",
            "169.254.0.1:1",
            "[2001:db8::1]:1",
            "10.0.0.1:1",
        ]
        .map(at);
        best_first(&mut addresses);
        let expected = [
            "10.0.0.1:1",
            "[2001:db8::1]:1",
            "[fe80::1]:1",
            "169.254.0.1:1",
            "127.0.0.1:1",
            "[::1]:1",
        ]
        .map(at);
        assert_eq!(addresses, expected, "order");
    }
}
