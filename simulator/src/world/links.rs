//! Connections: made by hand or by themselves, silent, ended.

use tallyline_proto::replica::{Input, PeerId};

use super::{Meeting, Timer, World};
use crate::{Device, network::pair, trace::Kind as Line, venue::DeviceNo};

/// How soon devices that can reach each other are connected, in ms: least and most.
///
/// Conformance: `lan::a_link_that_was_silent_for_a_while_heals_by_itself`.
const DIAL_MS: (u64, u64) = (100, 3_000);

/// How long a connection lives in silence, in ms: least and most.
///
/// Conformance: `lan::a_link_that_was_silent_for_a_while_heals_by_itself`.
const IDLE_MS: (u64, u64) = (10_000, 30_000);

/// One connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Link {
    pub(super) ends: (PeerId, PeerId),
    pub(super) since_ms: u64,
    pub(super) silent: bool,
}

impl World {
    /// Connects two devices, unless the link is cut.
    pub fn connect(&mut self, one: DeviceNo, other: DeviceNo) {
        let pair = pair(one, other);
        let runs = |no: DeviceNo| self.devices.get(no).is_some_and(Device::runs);
        if one == other
            || self.links.contains_key(&pair)
            || !self.topology.both_hear(one, other)
            || !runs(one)
            || !runs(other)
        {
            return;
        }
        let (left, right) = (
            PeerId(self.next_peer),
            PeerId(self.next_peer.saturating_add(1)),
        );
        self.next_peer = self.next_peer.saturating_add(2);
        let link = Link {
            ends: (left, right),
            since_ms: self.now_ms,
            silent: false,
        };
        self.links.insert(pair, link);
        self.ends.insert(left, (pair.1, right));
        self.ends.insert(right, (pair.0, left));
        self.topology.met.insert(pair);
        self.note_link(pair, "up");
        let exporter = self.random.bytes();
        let key = |no: DeviceNo| self.devices.get(no).map(Device::key);
        let (Some(left_key), Some(right_key)) = (key(pair.0), key(pair.1)) else {
            return;
        };
        self.input(
            pair.0,
            Input::PeerUp {
                peer: left,
                key: right_key,
                exporter,
            },
        );
        self.input(
            pair.1,
            Input::PeerUp {
                peer: right,
                key: left_key,
                exporter,
            },
        );
    }

    /// Connects every device of a list with every other.
    pub fn connect_all(&mut self, devices: &[DeviceNo]) {
        for (place, &one) in devices.iter().enumerate() {
            for &other in devices.iter().skip(place.saturating_add(1)) {
                self.connect(one, other);
            }
        }
    }

    /// Cuts a link until [`World::heal`].
    pub fn cut(&mut self, one: DeviceNo, other: DeviceNo) {
        self.topology.cut.insert(pair(one, other));
        self.disconnect(one, other);
    }

    /// Heals all links and connects every device with every other.
    pub fn heal(&mut self) {
        self.topology.cut.clear();
        let all: Vec<DeviceNo> = (0..self.devices.len()).collect();
        self.connect_all(&all);
    }

    /// Returns the connection by which `from` speaks to `to`.
    pub fn peer_id(&self, from: DeviceNo, to: DeviceNo) -> Option<PeerId> {
        let (left, right) = self.links.get(&pair(from, to))?.ends;
        Some(if from < to { left } else { right })
    }

    /// Returns since when two devices have been connected, in world time.
    pub(crate) fn linked_since(&self, one: DeviceNo, other: DeviceNo) -> Option<u64> {
        self.links.get(&pair(one, other)).map(|link| link.since_ms)
    }

    /// Returns the connections of a device, each with the peer's number.
    pub(crate) fn peers_of(&self, device: DeviceNo) -> Vec<(PeerId, DeviceNo)> {
        (0..self.devices.len())
            .filter(|other| *other != device)
            .filter_map(|other| Some((self.peer_id(device, other)?, other)))
            .collect()
    }

    /// Brings links up to date after anything about who reaches whom changed.
    pub(crate) fn topology_changed(&mut self) {
        let count = self.devices.len();
        for one in 0..count {
            for other in one.saturating_add(1)..count {
                self.check_pair(one, other);
            }
        }
    }

    pub(super) fn check_pair(&mut self, one: DeviceNo, other: DeviceNo) {
        let hear = self.topology.both_hear(one, other);
        let now_ms = self.now_ms;
        if let Some(link) = self.links.get_mut(&(one, other)) {
            if hear && link.silent {
                link.silent = false;
                self.network.resume(now_ms, one, other);
                self.network.resume(now_ms, other, one);
            } else if !hear && !link.silent {
                link.silent = true;
                let first = link.ends.0;
                let wait_ms = self.random.between(IDLE_MS.0, IDLE_MS.1);
                self.later(wait_ms, Timer::Silent(one, other, first));
            }
            return;
        }
        let key = |no: DeviceNo| self.devices.get(no).map(Device::key);
        let wanted = self.meeting == Meeting::ByItself
            && hear
            && key(one) != key(other)
            && self.topology.finds(one, other)
            && self.dialling.insert((one, other));
        if wanted {
            let wait_ms = self.random.between(DIAL_MS.0, DIAL_MS.1);
            self.later(wait_ms, Timer::Dial(one, other));
        }
    }

    pub(super) fn disconnect(&mut self, one: DeviceNo, other: DeviceNo) {
        let pair = pair(one, other);
        let Some(link) = self.links.remove(&pair) else {
            return;
        };
        let (left, right) = link.ends;
        self.ends.remove(&left);
        self.ends.remove(&right);
        self.network.forget([left, right]);
        self.oracle.unlinked([left, right]);
        self.note_link(pair, "down");
        self.input(pair.0, Input::PeerDown { peer: left });
        self.input(pair.1, Input::PeerDown { peer: right });
        self.check_pair(pair.0, pair.1);
    }

    pub(crate) fn drop_links(&mut self, device: DeviceNo) {
        for other in 0..self.devices.len() {
            self.disconnect(device, other);
        }
    }

    fn note_link(&mut self, (one, other): (DeviceNo, DeviceNo), what: &str) {
        let words = format!("{what} #{other}");
        self.trace.say(self.now_ms, Some(one), Line::Link, &words);
    }
}
