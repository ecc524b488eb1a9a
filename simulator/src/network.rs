//! A network that loses, repeats, delays and reorders frames, and cuts devices off from each other.
//!
//! Two kinds of weather. *Ordered*, as QUIC delivers frames: in order and whole, a lost packet only
//! costs time, and what cannot be delivered waits until the connection ends. *Unordered* is harsher
//! than any real connection: every frame may be lost for good, repeated and overtaken, because no
//! frame's loss may do harm (PROTOCOL R-SYNC-12). In neither is a frame damaged: QUIC drops what is.
//!
//! Conformance: `conformance::a_damaged_datagram_never_reaches_the_driver`.

use std::collections::{BTreeMap, BTreeSet};

use tallyline_proto::replica::PeerId;

use crate::{Random, plan::Weather, venue::DeviceNo};

/// First wait of QUIC before a lost packet is sent again, in ms; it doubles.
const RESEND_MS: u64 = 200;

/// Longest such wait, in ms.
const RESEND_MS_MAX: u64 = 3_200;

/// Frames that wait for a link that is cut, in one direction; a real connection's windows hold
/// about as much.
const HELD_MAX: usize = 256;

/// A frame on its way.
#[derive(Clone, Debug)]
pub(crate) struct Flying {
    pub(crate) from: DeviceNo,
    pub(crate) to: DeviceNo,
    pub(crate) peer: PeerId,
    pub(crate) bytes: Vec<u8>,
}

/// How the way between two devices is at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// Free.
    Open,
    /// Free, and a cloud's answer takes it.
    FromCloud,
    /// Nothing arrives.
    Cut,
}

/// What chance did to frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Losses {
    /// Lost for good.
    pub lost: u64,
    /// Lost and sent again.
    pub resent: u64,
    /// Arrived twice.
    pub repeated: u64,
    /// Overtook an earlier one.
    pub overtaken: u64,
}

/// Bytes and frames that devices sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Traffic {
    pub(crate) bytes: u64,
    pub(crate) frames: u64,
    pub(crate) cell_bytes: u64,
}

impl Traffic {
    /// Counts a frame; its length prefix counts, as on a real stream.
    pub(crate) fn note(&mut self, length: usize, is_cell: bool) {
        let length = u64::try_from(length).unwrap_or(u64::MAX);
        let prefix = match length {
            0..128 => 1,
            128..16_384 => 2,
            _ => 3,
        };
        let bytes = length.saturating_add(prefix);
        self.frames = self.frames.saturating_add(1);
        self.bytes = self.bytes.saturating_add(bytes);
        if is_cell {
            self.cell_bytes = self.cell_bytes.saturating_add(bytes);
        }
    }
}

/// One direction between two devices.
#[derive(Debug)]
struct Lane {
    random: Random,
    burst_left: u64,
    last_arrival_ms: u64,
    held: Vec<Flying>,
}

/// Frames on their way, by time of arrival.
#[derive(Debug)]
pub(crate) struct Network {
    pub(crate) weather: Weather,
    /// Longest extra way of a frame from a cloud, in ms.
    pub(crate) slow_cloud_ms: u64,
    /// Of 1,000 frames from a cloud: lost, repeated.
    pub(crate) cloud_replies: (u64, u64),
    pub(crate) losses: Losses,
    seed: u64,
    lanes: BTreeMap<(DeviceNo, DeviceNo), Lane>,
    flying: BTreeMap<(u64, u64), Flying>,
    sent: u64,
}

impl Network {
    pub(crate) fn new(seed: u64, weather: Weather) -> Self {
        Self {
            weather,
            slow_cloud_ms: 0,
            cloud_replies: (0, 0),
            losses: Losses::default(),
            seed,
            lanes: BTreeMap::new(),
            flying: BTreeMap::new(),
            sent: 0,
        }
    }

    /// Sends a frame.
    pub(crate) fn send(&mut self, now_ms: u64, frame: Flying, way: Way) {
        let weather = self.weather;
        if way == Way::Cut {
            if weather.ordered {
                let lane = self.lane(frame.from, frame.to);
                if lane.held.len() < HELD_MAX {
                    lane.held.push(frame);
                }
            } else {
                self.losses.lost = self.losses.lost.saturating_add(1);
            }
            return;
        }
        let (cloud_loss, cloud_repeat) = self.cloud_replies;
        let slow_ms = self.slow_cloud_ms;
        let lane = self.lane(frame.from, frame.to);
        let mut delay_ms = lane
            .random
            .between(weather.delay_ms_min, weather.delay_ms_max);
        let mut lost = lane.loses(weather);
        let mut repeated = lane.random.chance(weather.duplicate_permille);
        if way == Way::FromCloud {
            lost |= lane.random.chance(cloud_loss);
            repeated |= lane.random.chance(cloud_repeat);
            delay_ms = delay_ms.saturating_add(lane.random.between(0, slow_ms));
        }
        if weather.ordered {
            self.send_in_order(now_ms, frame, delay_ms, lost);
            return;
        }
        if lost {
            self.losses.lost = self.losses.lost.saturating_add(1);
        } else {
            self.fly(now_ms.saturating_add(delay_ms), frame.clone());
        }
        if repeated {
            let again_ms = delay_ms.saturating_mul(2).saturating_add(1);
            self.losses.repeated = self.losses.repeated.saturating_add(1);
            self.fly(now_ms.saturating_add(again_ms), frame);
        }
    }

    /// The way between two devices is free again: what waited goes on.
    ///
    /// Conformance: `lan::a_short_cut_is_survived_by_the_connection_itself`.
    pub(crate) fn resume(&mut self, now_ms: u64, from: DeviceNo, to: DeviceNo) {
        let held = match self.lanes.get_mut(&(from, to)) {
            Some(lane) => std::mem::take(&mut lane.held),
            None => return,
        };
        for frame in held {
            self.send(now_ms, frame, Way::Open);
        }
    }

    /// Takes the frames that have arrived by now.
    pub(crate) fn arrived(&mut self, now_ms: u64) -> Vec<Flying> {
        let later = self.flying.split_off(&(now_ms.saturating_add(1), 0));
        std::mem::replace(&mut self.flying, later)
            .into_values()
            .collect()
    }

    /// Returns when the next frame arrives.
    pub(crate) fn next_ms(&self) -> Option<u64> {
        self.flying.first_key_value().map(|((at_ms, _), _)| *at_ms)
    }

    /// Forgets frames of a connection that ended.
    ///
    /// Conformance: `conformance::what_was_queued_goes_with_the_connection`.
    pub(crate) fn forget(&mut self, ends: [PeerId; 2]) {
        self.flying.retain(|_, frame| !ends.contains(&frame.peer));
        for lane in self.lanes.values_mut() {
            lane.held.retain(|frame| !ends.contains(&frame.peer));
        }
    }

    /// QUIC's way: a lost packet comes again after a wait that doubles, and nothing overtakes it.
    ///
    /// Conformance: `conformance::frames_of_a_connection_arrive_whole_and_in_order`.
    fn send_in_order(&mut self, now_ms: u64, frame: Flying, delay_ms: u64, lost: bool) {
        let weather = self.weather;
        let lane = self.lane(frame.from, frame.to);
        let mut at_ms = now_ms.saturating_add(delay_ms);
        let mut wait_ms = RESEND_MS;
        let mut missing = lost;
        let mut resent = 0_u64;
        while missing {
            at_ms = at_ms.saturating_add(wait_ms);
            wait_ms = wait_ms.saturating_mul(2).min(RESEND_MS_MAX);
            resent = resent.saturating_add(1);
            missing = lane.loses(weather);
        }
        at_ms = at_ms.max(lane.last_arrival_ms);
        lane.last_arrival_ms = at_ms;
        self.losses.resent = self.losses.resent.saturating_add(resent);
        self.fly(at_ms, frame);
    }

    fn fly(&mut self, at_ms: u64, frame: Flying) {
        let lane = self.lane(frame.from, frame.to);
        let overtakes = at_ms < lane.last_arrival_ms;
        lane.last_arrival_ms = at_ms.max(lane.last_arrival_ms);
        self.losses.overtaken = self.losses.overtaken.saturating_add(u64::from(overtakes));
        self.sent = self.sent.saturating_add(1);
        self.flying.insert((at_ms, self.sent), frame);
    }

    /// Each direction has chance of its own, so that leaving one thing out of a plan changes little
    /// elsewhere.
    fn lane(&mut self, from: DeviceNo, to: DeviceNo) -> &mut Lane {
        let seed = self.seed;
        self.lanes.entry((from, to)).or_insert_with(|| Lane {
            random: Random::stream(seed, &format!("lane {from} {to}")),
            burst_left: 0,
            last_arrival_ms: 0,
            held: Vec::new(),
        })
    }
}

impl Lane {
    /// Draws whether a frame is lost: losses come in bursts, good times between them.
    fn loses(&mut self, weather: Weather) -> bool {
        if let Some(left) = self.burst_left.checked_sub(1) {
            self.burst_left = left;
            return true;
        }
        let burst = weather.burst.max(1);
        // A burst begins so seldom that the share of lost frames is the one wanted.
        let good = 1000_u64.saturating_sub(weather.loss_permille).max(1);
        let begins = weather.loss_permille.saturating_mul(1_000_000) / burst / good;
        if begins <= self.random.below(1_000_000) {
            return false;
        }
        let length = self
            .random
            .between(1, burst.saturating_mul(2).saturating_sub(1));
        self.burst_left = length.saturating_sub(1);
        true
    }
}

/// Who reaches whom.
#[expect(
    clippy::struct_excessive_bools,
    reason = "three things of the air that happen independently of each other"
)]
#[derive(Clone, Debug, Default)]
pub(crate) struct Topology {
    /// The group of each device that is in one; `None`: all are together.
    pub(crate) groups: Option<BTreeMap<DeviceNo, usize>>,
    /// Pairs that see each other in a chain; `None`: no chain.
    pub(crate) chain: Option<BTreeSet<(DeviceNo, DeviceNo)>>,
    /// What the first sends to the second is lost.
    ///
    /// Conformance: `conformance::loss_in_one_direction_ends_the_connection_on_both_sides`.
    pub(crate) one_way: BTreeSet<(DeviceNo, DeviceNo)>,
    /// Pairs that a test cut.
    pub(crate) cut: BTreeSet<(DeviceNo, DeviceNo)>,
    /// Whether the access point lets nobody reach anybody.
    pub(crate) isolated: bool,
    /// Devices whose network is down, that sleep, or that are off.
    pub(crate) down: BTreeSet<DeviceNo>,
    /// Clouds.
    pub(crate) clouds: BTreeSet<DeviceNo>,
    /// Whether the clouds are up.
    pub(crate) cloud_down: bool,
    /// Devices without internet.
    pub(crate) offline: BTreeSet<DeviceNo>,
    /// Whether discovery is blocked.
    ///
    /// Conformance: `lan::nodes_converge_through_static_peers_where_multicast_is_blocked`.
    pub(crate) no_multicast: bool,
    /// Pairs that have been connected before: they remember each other's addresses.
    ///
    /// Conformance: `conformance::remembered_addresses_work_where_multicast_is_blocked`.
    pub(crate) met: BTreeSet<(DeviceNo, DeviceNo)>,
}

impl Topology {
    /// Returns whether what one device sends arrives at another.
    pub(crate) fn hears(&self, from: DeviceNo, to: DeviceNo) -> bool {
        if self.down.contains(&from) || self.down.contains(&to) {
            return false;
        }
        if self.cut.contains(&pair(from, to)) || self.one_way.contains(&(from, to)) {
            return false;
        }
        let clouds = [from, to].map(|no| self.clouds.contains(&no));
        if clouds != [false, false] {
            let online = [from, to]
                .iter()
                .all(|no| self.clouds.contains(no) || !self.offline.contains(no));
            return online && !self.cloud_down;
        }
        let grouped = self.groups.as_ref().is_none_or(|groups| {
            let (one, other) = (groups.get(&from), groups.get(&to));
            one.is_some() && one == other
        });
        let chained = self
            .chain
            .as_ref()
            .is_none_or(|chain| chain.contains(&pair(from, to)));
        grouped && chained && !self.isolated
    }

    /// Returns whether a connection between two devices can live.
    pub(crate) fn both_hear(&self, one: DeviceNo, other: DeviceNo) -> bool {
        self.hears(one, other) && self.hears(other, one)
    }

    /// Returns whether one of them would find the other.
    pub(crate) fn finds(&self, one: DeviceNo, other: DeviceNo) -> bool {
        let cloud = self.clouds.contains(&one) || self.clouds.contains(&other);
        cloud || !self.no_multicast || self.met.contains(&pair(one, other))
    }
}

/// Returns both devices in the order of their numbers.
pub(crate) fn pair(one: DeviceNo, other: DeviceNo) -> (DeviceNo, DeviceNo) {
    (one.min(other), one.max(other))
}
