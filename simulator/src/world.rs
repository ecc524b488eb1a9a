//! Devices, links and virtual time.

use std::collections::{BTreeMap, BTreeSet};

use tallyline_proto::{
    model::Roles,
    replica::{Command, Founding, Input, Notice, Now, PeerId, Released, Reply, RequestId, Ticket},
};

use crate::{
    Device, MemoryDisk, Random,
    network::{Flying, Network, Weather},
};

/// A device's place in the world.
pub type DeviceNo = usize;

/// How soon a connection that a device closed is dialled again, in ms.
const REDIAL_MS: u64 = 1_000;

/// How often devices are told that time passes, in ms.
const TICK_MS: u64 = 50;

/// Devices, links and virtual time.
#[derive(Debug)]
pub struct World {
    /// The devices, in the order they were added.
    pub devices: Vec<Device>,
    random: Random,
    network: Network,
    now_ms: u64,
    next_peer: u64,
    links: BTreeMap<(DeviceNo, DeviceNo), (PeerId, PeerId)>,
    ends: BTreeMap<PeerId, (DeviceNo, PeerId)>,
    cut: BTreeSet<(DeviceNo, DeviceNo)>,
    redial: BTreeMap<(DeviceNo, DeviceNo), u64>,
}

impl World {
    /// Makes an empty world.
    pub fn new(seed: u64, weather: Weather) -> Self {
        Self {
            devices: Vec::new(),
            random: Random::new(seed),
            network: Network::new(weather),
            now_ms: 1,
            next_peer: 1,
            links: BTreeMap::new(),
            ends: BTreeMap::new(),
            cut: BTreeSet::new(),
            redial: BTreeMap::new(),
        }
    }

    /// Returns the stream of chance, for people.
    pub fn random(&mut self) -> &mut Random {
        &mut self.random
    }

    /// Returns the virtual time in ms since the world began.
    pub fn now_ms(&self) -> u64 {
        self.now_ms
    }

    /// Returns bytes and frames sent so far, with length prefixes, lost ones too.
    pub fn traffic(&self) -> (u64, u64) {
        (self.network.bytes, self.network.frames)
    }

    /// Returns how many of those bytes were frames with presence and receipt cells.
    pub fn cell_bytes(&self) -> u64 {
        self.network.cell_bytes
    }

    /// Changes the weather.
    pub fn set_weather(&mut self, weather: Weather) {
        self.network.weather = weather;
    }

    /// Adds a device.
    ///
    /// # Panics
    /// Never: an empty disk always opens.
    pub fn add(&mut self, label: &str, cloud: bool) -> DeviceNo {
        let device = Device::new(label, cloud, &mut self.random);
        assert!(device.is_ok(), "an empty disk opens");
        self.devices.extend(device);
        self.devices.len().saturating_sub(1)
    }

    /// Adds a device whose key and disk are given.
    ///
    /// # Panics
    /// If what the disk holds does not hold.
    pub fn add_with(&mut self, label: &str, seed: [u8; 32], disk: MemoryDisk) -> DeviceNo {
        let device = Device::from_disk(label, false, (seed, disk), &mut self.random);
        assert!(device.is_ok(), "the disk opens: {device:?}");
        self.devices.extend(device);
        self.devices.len().saturating_sub(1)
    }

    /// Makes a venue: an owner with a locked event, and `others` devices admitted as scorers, all
    /// connected with each other.
    ///
    /// # Panics
    /// If the event cannot be founded or a device cannot join.
    pub fn venue(&mut self, founding: Founding, others: usize) -> Vec<DeviceNo> {
        let owner = self.add("owner", false);
        let reply = self.command(owner, Command::Found(founding));
        assert!(
            matches!(reply, Some(Reply::Founded(_))),
            "the event is founded: {reply:?}"
        );
        let reply = self.command(owner, Command::Lock);
        assert_eq!(reply, Some(Reply::Locked), "the event is locked");
        let mut all = vec![owner];
        for no in 0..others {
            let device = self.add(&format!("tablet-{}", no.saturating_add(1)), false);
            let ticket = self.invite(owner);
            let reply = self.command(device, Command::Join(ticket));
            assert_eq!(reply, Some(Reply::Joining), "the ticket is taken");
            all.push(device);
        }
        self.connect_all(&all);
        all
    }

    /// Opens an invite for a scorer.
    ///
    /// # Panics
    /// If the owner refuses.
    pub fn invite(&mut self, owner: DeviceNo) -> Ticket {
        let secret = self.random.bytes();
        let roles = Roles::SCORER.with(Roles::RELAY);
        let reply = self.command(
            owner,
            Command::Invite {
                secret,
                roles,
                label: None,
            },
        );
        let Some(Reply::Invited(ticket)) = reply else {
            unreachable!("the owner invites: {reply:?}")
        };
        ticket
    }

    /// Gives a command to a device and returns its answer; `None`: the commit failed.
    pub fn command(&mut self, device: DeviceNo, command: Command) -> Option<Reply> {
        let request = RequestId(self.random.next_u64());
        let input = Input::Command {
            request,
            command: Box::new(command),
        };
        let released = self.step(device, vec![input]);
        let reply = released.replies.iter().find(|(id, _)| *id == request);
        let reply = reply.map(|(_, reply)| reply.clone());
        self.release(device, released);
        reply
    }

    /// Connects two devices, unless the link is cut.
    pub fn connect(&mut self, one: DeviceNo, other: DeviceNo) {
        let pair = pair(one, other);
        if one == other || self.links.contains_key(&pair) || self.cut.contains(&pair) {
            return;
        }
        let (left, right) = (
            PeerId(self.next_peer),
            PeerId(self.next_peer.saturating_add(1)),
        );
        self.next_peer = self.next_peer.saturating_add(2);
        self.links.insert(pair, (left, right));
        self.ends.insert(left, (pair.1, right));
        self.ends.insert(right, (pair.0, left));
        let exporter = self.random.bytes();
        let keys = (
            self.devices.get(pair.0).map(Device::key),
            self.devices.get(pair.1).map(Device::key),
        );
        let (Some(left_key), Some(right_key)) = keys else {
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
        self.cut.insert(pair(one, other));
        self.disconnect(one, other);
    }

    /// Heals all links and connects every device with every other.
    pub fn heal(&mut self) {
        self.cut.clear();
        let all: Vec<DeviceNo> = (0..self.devices.len()).collect();
        self.connect_all(&all);
    }

    /// Kills a device's process and starts it again: connections end, the disk stays.
    pub fn kill(&mut self, device: DeviceNo) {
        let others: Vec<DeviceNo> = (0..self.devices.len()).collect();
        for other in others {
            self.disconnect(device, other);
        }
        if let Some(it) = self.devices.get_mut(device) {
            it.restart(&mut self.random);
        }
    }

    /// Lets time pass until a condition holds.
    ///
    /// # Errors
    /// With the virtual time if it does not hold within `limit_ms`.
    pub fn run_until(
        &mut self,
        limit_ms: u64,
        mut done: impl FnMut(&mut Self) -> bool,
    ) -> Result<u64, u64> {
        let begin_ms = self.now_ms;
        while !done(self) {
            if limit_ms <= self.now_ms.saturating_sub(begin_ms) {
                return Err(self.now_ms);
            }
            self.advance();
        }
        Ok(self.now_ms.saturating_sub(begin_ms))
    }

    /// Lets time pass.
    pub fn run_for(&mut self, ms: u64) {
        let end_ms = self.now_ms.saturating_add(ms);
        while self.now_ms < end_ms {
            self.advance();
        }
    }

    /// Returns whether all devices hold the same logs and show the same standings.
    pub fn converged(&mut self, devices: &[DeviceNo]) -> bool {
        let mut digests = BTreeSet::new();
        for &no in devices {
            let Some(device) = self.devices.get_mut(no) else {
                return false;
            };
            digests.insert(device.replica.state_digest());
        }
        digests.len() == 1 && !digests.contains(&[0; 32])
    }

    /// Hands an input to a device and sends what it releases.
    pub fn input(&mut self, device: DeviceNo, input: Input) {
        self.inputs(device, vec![input]);
    }

    /// Hands many inputs to a device in one step.
    pub fn inputs(&mut self, device: DeviceNo, inputs: Vec<Input>) {
        let released = self.step(device, inputs);
        self.release(device, released);
    }

    /// Returns the connection by which `from` speaks to `to`.
    pub fn peer_id(&self, from: DeviceNo, to: DeviceNo) -> Option<PeerId> {
        let &(left, right) = self.links.get(&pair(from, to))?;
        Some(if from < to { left } else { right })
    }

    fn advance(&mut self) {
        let next_tick = (self.now_ms / TICK_MS)
            .saturating_add(1)
            .saturating_mul(TICK_MS);
        let next = self
            .network
            .next_ms()
            .map_or(next_tick, |at| at.clamp(self.now_ms, next_tick));
        self.now_ms = next;
        let due: Vec<_> = self
            .redial
            .iter()
            .filter(|(_, at_ms)| **at_ms <= next)
            .map(|(it, _)| *it)
            .collect();
        for (one, other) in due {
            self.redial.remove(&(one, other));
            self.connect(one, other);
        }
        let mut inputs: BTreeMap<DeviceNo, Vec<Input>> = BTreeMap::new();
        for Flying { to, peer, bytes } in self.network.arrived(next) {
            if self.ends.contains_key(&peer) {
                inputs
                    .entry(to)
                    .or_default()
                    .push(Input::Frame { peer, bytes });
            }
        }
        if next == next_tick {
            for device in 0..self.devices.len() {
                inputs.entry(device).or_default().push(Input::Tick);
            }
        }
        for (device, inputs) in inputs {
            let released = self.step(device, inputs);
            self.release(device, released);
        }
    }

    fn step(&mut self, device: DeviceNo, inputs: Vec<Input>) -> Released {
        let Some(it) = self.devices.get_mut(device) else {
            return Released::default();
        };
        let wall_ms = 1_532_476_800_000_u64.saturating_add(self.now_ms);
        let wall_ms = wall_ms.saturating_add_signed(it.clock_off_ms);
        let now = Now {
            mono_ms: self.now_ms,
            wall_ms,
        };
        it.step(now, inputs, &mut self.random)
    }

    fn release(&mut self, device: DeviceNo, released: Released) {
        for (peer, bytes) in released.frames {
            let Some(&(to, theirs)) = self.ends.get(&peer) else {
                continue;
            };
            let frame = Flying {
                to,
                peer: theirs,
                bytes,
            };
            self.network.send(self.now_ms, &mut self.random, &frame);
        }
        for notice in released.notices {
            if let (Notice::Refused { reason, text, .. }, Some(it)) =
                (notice, self.devices.get_mut(device))
            {
                it.refusals.push(format!("{}: {text}", reason.name()));
            }
        }
        for (peer, _) in released.closes {
            if let Some(&(other, _)) = self.ends.get(&peer) {
                self.disconnect(device, other);
                let at_ms = self.now_ms.saturating_add(REDIAL_MS);
                self.redial.insert(pair(device, other), at_ms);
            }
        }
    }

    fn disconnect(&mut self, one: DeviceNo, other: DeviceNo) {
        let pair = pair(one, other);
        let Some((left, right)) = self.links.remove(&pair) else {
            return;
        };
        for peer in [left, right] {
            self.ends.remove(&peer);
            self.network.forget(peer);
        }
        self.input(pair.0, Input::PeerDown { peer: left });
        self.input(pair.1, Input::PeerDown { peer: right });
    }
}

fn pair(one: DeviceNo, other: DeviceNo) -> (DeviceNo, DeviceNo) {
    (one.min(other), one.max(other))
}
