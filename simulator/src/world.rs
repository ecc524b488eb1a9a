//! Devices, links and virtual time.
//!
//! One thread, one queue of what is due. Whatever happens goes through here: frames arrive, timers
//! fire, people act ([`act`](crate::act) knows how), and the [`Oracle`] sees all of it.

mod links;

use std::collections::{BTreeMap, BTreeSet};

use tallyline::store::StoreError;
use tallyline_proto::{
    model::Roles,
    replica::{Command, Founding, Input, Notice, Now, PeerId, Released, Reply, RequestId, Ticket},
};

use crate::{
    Device, Platter, Random,
    device::{Opened, Power, Turn},
    disk::Ending,
    network::{Flying, Network, Topology, Traffic, Way, pair},
    oracle::{Oracle, Sight},
    plan::Weather,
    trace::{Detail, Kind as Line, Trace},
    venue::{DeviceNo, Kind},
};

/// Unix time in ms at which a world begins, for clocks that are right.
const EPOCH_MS: u64 = 1_532_476_800_000;

/// How often a device's loop looks at the time when nothing else happens, in ms.
const TICK_MS: u64 = 50;

/// Most inputs of one turn, as in the node.
const BATCH_MAX: usize = 256;

/// Most inputs that wait for a device; a real connection slows its peer down instead.
const INBOX_MAX: usize = 4096;

/// How soon a connection that a device closed is dialled again, in ms.
const REDIAL_MS: u64 = 1_000;

/// First and longest wait before a failed store is opened again, in ms, as in the node's driver.
const REOPEN_MS: (u64, u64) = (50, 5_000);

/// Whether devices meet by themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meeting {
    /// Only when [`World::connect`] says so.
    ByHand,
    /// Whoever can reach somebody connects, as discovery does it.
    ByItself,
}

/// Something that is due at a time.
#[derive(Debug)]
pub(crate) enum Timer {
    /// Two devices try to connect.
    Dial(DeviceNo, DeviceNo),
    /// A connection has been silent for too long, unless it was heard again.
    Silent(DeviceNo, DeviceNo, PeerId),
    /// A device is switched on.
    Start(DeviceNo),
    /// A device wakes up.
    Wake(DeviceNo),
    /// A failed store is opened again, for the n-th time.
    Reopen(DeviceNo, u32),
    /// A slow commit is done: what it sealed leaves the device, unless its process died meanwhile.
    Release(DeviceNo, u64, Box<Released>),
    /// A device's network goes up or down, and so often again.
    Flap {
        device: DeviceNo,
        up: bool,
        up_ms: u64,
        down_ms: u64,
        left: u32,
    },
}

/// Devices, links and virtual time.
#[derive(Debug)]
pub struct World {
    /// The devices, in the order they were added.
    pub devices: Vec<Device>,
    pub(crate) oracle: Oracle,
    pub(crate) trace: Trace,
    pub(crate) topology: Topology,
    pub(crate) network: Network,
    pub(crate) faults: BTreeMap<String, u64>,
    pub(crate) traffic: Vec<Traffic>,
    pub(crate) saved: u64,
    pub(crate) refused: u64,
    pub(crate) liars: crate::liar::Liars,
    /// The seed of the recovery card of the event that a scenario founded.
    pub(crate) recovery_card: [u8; 32],
    meeting: Meeting,
    random: Random,
    now_ms: u64,
    next_peer: u64,
    links: BTreeMap<(DeviceNo, DeviceNo), links::Link>,
    ends: BTreeMap<PeerId, (DeviceNo, PeerId)>,
    timers: BTreeMap<(u64, u64), Timer>,
    next_timer: u64,
    dialling: BTreeSet<(DeviceNo, DeviceNo)>,
}

impl World {
    /// Makes an empty world whose devices are connected by hand.
    pub fn new(seed: u64, weather: Weather) -> Self {
        Self::with(seed, weather, Meeting::ByHand, Detail::Hash)
    }

    /// Makes an empty world.
    pub fn with(seed: u64, weather: Weather, meeting: Meeting, detail: Detail) -> Self {
        Self {
            devices: Vec::new(),
            oracle: Oracle::default(),
            trace: Trace::new(detail),
            topology: Topology::default(),
            network: Network::new(seed, weather),
            faults: BTreeMap::new(),
            traffic: Vec::new(),
            saved: 0,
            refused: 0,
            liars: crate::liar::Liars::default(),
            recovery_card: [0; 32],
            meeting,
            random: Random::new(seed),
            now_ms: 1,
            next_peer: 1,
            links: BTreeMap::new(),
            ends: BTreeMap::new(),
            timers: BTreeMap::new(),
            next_timer: 0,
            dialling: BTreeSet::new(),
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

    /// Returns what the oracle found wrong so far.
    pub fn violations(&self) -> &[crate::oracle::Violation] {
        self.oracle.violations()
    }

    /// Returns bytes and frames sent so far, with length prefixes, lost ones too.
    pub fn traffic(&self) -> (u64, u64) {
        let sum = |of: fn(&Traffic) -> u64| self.traffic.iter().map(of).sum();
        (sum(|it| it.bytes), sum(|it| it.frames))
    }

    /// Returns how many of those bytes were frames with presence and receipt cells.
    pub fn cell_bytes(&self) -> u64 {
        self.traffic.iter().map(|it| it.cell_bytes).sum()
    }

    /// Changes the weather.
    pub fn set_weather(&mut self, weather: Weather) {
        self.network.weather = weather;
    }

    /// Counts a fault.
    pub(crate) fn count(&mut self, fault: &str) {
        let count = self.faults.entry(fault.to_owned()).or_insert(0);
        *count = count.saturating_add(1);
    }

    /// Adds a device.
    ///
    /// # Panics
    /// Never: an empty disk always opens.
    pub fn add(&mut self, label: &str, cloud: bool) -> DeviceNo {
        let kind = if cloud { Kind::Cloud } else { Kind::Tablet };
        let device = Device::new(label, kind, &mut self.random);
        self.take_in(device)
    }

    /// Adds a device whose key and card are given.
    ///
    /// # Panics
    /// If what the card holds does not hold.
    pub fn add_with(&mut self, label: &str, seed: [u8; 32], platter: Platter) -> DeviceNo {
        let device = Device::with_card(label, Kind::Tablet, (seed, platter), &mut self.random);
        self.take_in(device)
    }

    fn take_in(&mut self, device: Result<Device, StoreError>) -> DeviceNo {
        assert!(device.is_ok(), "the card opens: {device:?}");
        let no = self.devices.len();
        if let Ok(mut device) = device {
            device.started_ms = self.now_ms;
            if device.kind == Kind::Cloud {
                self.topology.clouds.insert(no);
            }
            let sight = Sight::of(&device.replica);
            self.oracle.opened(no, self.now_ms, &sight, true);
            if let Some(card) = self.oracle.card_mut(no) {
                card.cloud = device.kind == Kind::Cloud;
            }
            self.devices.push(device);
            self.traffic.push(Traffic::default());
        }
        self.topology_changed();
        no
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
        self.invite_as(owner, Roles::SCORER.with(Roles::RELAY))
    }

    /// Opens an invite for a device with some roles.
    pub(crate) fn invite_as(&mut self, owner: DeviceNo, roles: Roles) -> Ticket {
        let secret = self.random.bytes();
        let reply = self.command(
            owner,
            Command::Invite {
                secret,
                roles,
                label: None,
                window_ms: 24 * 60 * 60_000,
            },
        );
        let Some(Reply::Invited(ticket)) = reply else {
            unreachable!("the owner invites: {reply:?}")
        };
        ticket
    }

    /// Admits a device by its key, as the owner admits a spare card, and makes the ticket with which it
    /// asks whoever it meets.
    pub(crate) fn draw_card(&mut self, owner: DeviceNo, device: DeviceNo, roles: Roles) -> Ticket {
        let found = self
            .devices
            .get(device)
            .map(|it| (it.key(), it.label().to_owned()));
        let about = self.devices.get(owner).and_then(|it| it.replica.event());
        let (Some((key, label)), Some((event, manifest))) = (found, about) else {
            unreachable!("both are here, and there is an event")
        };
        let ticket = Ticket::of_card(key, event, manifest.discovery_key);
        let reply = self.command(owner, Command::Admit { key, roles, label });
        assert_eq!(reply, Some(Reply::Admitted), "the card is admitted");
        ticket
    }

    /// Gives a command to a device and returns its answer; `None`: it does not run, its commit
    /// failed, or it died over it.
    pub fn command(&mut self, device: DeviceNo, command: Command) -> Option<Reply> {
        if !self.devices.get(device).is_some_and(Device::runs) {
            return None;
        }
        let request = RequestId(self.random.next_u64());
        let input = Input::Command {
            request,
            command: Box::new(command),
        };
        let mut answer = None;
        self.turn(device, vec![input], |released| {
            let reply = released.replies.iter().find(|(id, _)| *id == request);
            answer = reply.map(|(_, reply)| reply.clone());
        });
        answer
    }

    /// Kills a device's process and starts it again: connections end, the disk stays.
    pub fn kill(&mut self, device: DeviceNo) {
        self.end(device, Ending::Kill);
        self.start(device);
    }

    /// Ends a device's process at once; it stays off.
    pub(crate) fn end(&mut self, device: DeviceNo, ending: Ending) {
        if let Some(it) = self.devices.get_mut(device) {
            it.end(ending);
        }
        let words = format!("off {ending:?}");
        self.trace
            .say(self.now_ms, Some(device), Line::Process, &words);
        self.topology.down.insert(device);
        self.drop_links(device);
        self.topology_changed();
    }

    /// Starts a device that is off, or opens its failed store again.
    pub(crate) fn start(&mut self, device: DeviceNo) {
        self.open(device, 0);
    }

    fn open(&mut self, device: DeviceNo, failures: u32) {
        let now_ms = self.now_ms;
        let Some(it) = self.devices.get_mut(device) else {
            return;
        };
        if matches!(it.power, Power::On | Power::Asleep | Power::Gone) {
            return;
        }
        match it.open(now_ms, &mut self.random) {
            Ok(opened) => {
                let sight = Sight::of(&it.replica);
                let digest = it.replica.state_digest();
                self.oracle
                    .opened(device, now_ms, &sight, opened == Opened::SetAside);
                self.oracle.keys(device, now_ms, &it.replica);
                self.trace
                    .note((now_ms, Some(device)), Line::Process, &digest, || {
                        format!("on {opened:?}")
                    });
                if opened == Opened::SetAside {
                    self.count("store-set-aside");
                }
                self.topology.down.remove(&device);
                self.topology_changed();
            }
            Err(error) => {
                let words = format!("the store does not open: {error}");
                self.trace.say(now_ms, Some(device), Line::Process, &words);
                if let Some(it) = self.devices.get_mut(device) {
                    it.power = Power::NoStore;
                }
                self.reopen_later(device, failures.saturating_add(1));
            }
        }
    }

    fn reopen_later(&mut self, device: DeviceNo, failures: u32) {
        let wait_ms = REOPEN_MS
            .0
            .saturating_mul(1 << failures.min(16))
            .min(REOPEN_MS.1);
        self.later(wait_ms, Timer::Reopen(device, failures));
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
        let end_ms = begin_ms.saturating_add(limit_ms);
        while !done(self) {
            if end_ms <= self.now_ms {
                return Err(self.now_ms);
            }
            self.advance(end_ms);
        }
        Ok(self.now_ms.saturating_sub(begin_ms))
    }

    /// Lets time pass.
    pub fn run_for(&mut self, ms: u64) {
        self.run_to(self.now_ms.saturating_add(ms));
    }

    /// Lets time pass up to a moment.
    pub(crate) fn run_to(&mut self, end_ms: u64) {
        while self.now_ms < end_ms {
            self.advance(end_ms);
        }
    }

    /// Returns whether all devices hold the same logs and show the same standings.
    pub fn converged(&mut self, devices: &[DeviceNo]) -> bool {
        let mut digests = BTreeSet::new();
        for &no in devices {
            let Some(device) = self.devices.get(no) else {
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
        if self.devices.get(device).is_some_and(Device::runs) {
            self.turn(device, inputs, |_| ());
        } else if let Some(it) = self.devices.get_mut(device)
            && it.power == Power::Asleep
        {
            it.inbox.extend(inputs);
        }
    }

    /// Sends a frame of a device that lies, past its core.
    pub(crate) fn send_forged(&mut self, device: DeviceNo, peer: PeerId, bytes: Vec<u8>) {
        self.send(device, peer, bytes);
    }

    /// Returns the time as a device has it.
    pub(crate) fn now_of(&self, device: DeviceNo) -> Now {
        let (started_ms, off_ms) = self
            .devices
            .get(device)
            .map_or((0, 0), |it| (it.started_ms, it.clock_off_ms));
        let wall_ms = EPOCH_MS
            .saturating_add(self.now_ms)
            .saturating_add_signed(off_ms);
        Now {
            mono_ms: self.now_ms.saturating_sub(started_ms),
            wall_ms,
        }
    }

    /// Fires something after a while.
    pub(crate) fn later(&mut self, wait_ms: u64, timer: Timer) {
        self.next_timer = self.next_timer.saturating_add(1);
        let at_ms = self.now_ms.saturating_add(wait_ms);
        self.timers.insert((at_ms, self.next_timer), timer);
    }

    /// Goes on to the next moment at which something happens, at most to `end_ms`.
    fn advance(&mut self, end_ms: u64) {
        let timer = self.timers.first_key_value().map(|((at_ms, _), _)| *at_ms);
        let ticks = self.devices.iter().filter(|it| it.runs());
        let tick = ticks
            .filter_map(|it| Some(it.tick_at_ms?.max(it.busy_until_ms)))
            .min();
        let awake = self.devices.iter().filter(|it| it.runs());
        let waiting = awake
            .filter(|it| !it.inbox.is_empty())
            .map(|it| it.busy_until_ms)
            .min();
        let next = [self.network.next_ms(), timer, tick, waiting];
        let next = next.into_iter().flatten().min().unwrap_or(end_ms);
        self.now_ms = next.clamp(self.now_ms, end_ms);
        self.fire();
        for Flying {
            to, peer, bytes, ..
        } in self.network.arrived(self.now_ms)
        {
            if self.ends.contains_key(&peer)
                && let Some(it) = self.devices.get_mut(to)
                && it.inbox.len() < INBOX_MAX
            {
                it.inbox.push(Input::Frame { peer, bytes });
            }
        }
        for device in 0..self.devices.len() {
            self.work(device);
        }
    }

    /// Lets a device work on what waits for it.
    fn work(&mut self, device: DeviceNo) {
        let now_ms = self.now_ms;
        let Some(it) = self.devices.get_mut(device) else {
            return;
        };
        if !it.runs() || now_ms < it.busy_until_ms {
            return;
        }
        let mut inputs = std::mem::take(&mut it.inbox);
        if BATCH_MAX < inputs.len() {
            it.inbox = inputs.split_off(BATCH_MAX);
        }
        if it.tick_at_ms.is_some_and(|at_ms| at_ms <= now_ms) {
            inputs.push(Input::Tick);
        }
        if !inputs.is_empty() {
            self.turn(device, inputs, |_| ());
        }
    }

    fn fire(&mut self) {
        let later = self.timers.split_off(&(self.now_ms.saturating_add(1), 0));
        let due = std::mem::replace(&mut self.timers, later);
        for timer in due.into_values() {
            self.fire_one(timer);
        }
    }

    fn fire_one(&mut self, timer: Timer) {
        match timer {
            Timer::Dial(one, other) => {
                self.dialling.remove(&(one, other));
                if self.meeting == Meeting::ByHand || self.topology.finds(one, other) {
                    self.connect(one, other);
                }
            }
            Timer::Silent(one, other, first) => {
                let silent = self.links.get(&(one, other));
                if silent.is_some_and(|link| link.silent && link.ends.0 == first) {
                    self.disconnect(one, other);
                }
            }
            Timer::Start(device) => self.start(device),
            Timer::Wake(device) => {
                if let Some(it) = self.devices.get_mut(device)
                    && it.power == Power::Asleep
                {
                    it.power = Power::On;
                    self.topology.down.remove(&device);
                    self.topology_changed();
                }
            }
            Timer::Reopen(device, failures) => {
                let waits = self.devices.get(device);
                if waits.is_some_and(|it| it.power == Power::NoStore) {
                    self.open(device, failures);
                }
            }
            Timer::Release(device, started_ms, released) => {
                let same = self.devices.get(device);
                if same.is_some_and(|it| it.runs() && it.started_ms == started_ms) {
                    self.release(device, *released);
                }
            }
            Timer::Flap {
                device,
                up,
                up_ms,
                down_ms,
                left,
            } => {
                let runs = self.devices.get(device).is_some_and(Device::runs);
                if up && runs {
                    self.topology.down.remove(&device);
                } else {
                    self.topology.down.insert(device);
                }
                self.topology_changed();
                if !up || 0 < left {
                    let wait_ms = if up { up_ms } else { down_ms };
                    let left = left.saturating_sub(u64::from(up).try_into().unwrap_or(1));
                    self.later(
                        wait_ms,
                        Timer::Flap {
                            device,
                            up: !up,
                            up_ms,
                            down_ms,
                            left,
                        },
                    );
                }
            }
        }
    }

    /// One turn of a device's loop, and what follows from it.
    fn turn(
        &mut self,
        device: DeviceNo,
        inputs: Vec<Input>,
        look: impl FnOnce(&Released),
    ) -> Option<()> {
        let now = self.now_of(device);
        let now_ms = self.now_ms;
        for input in &inputs {
            self.trace.note(
                (now_ms, Some(device)),
                Line::In,
                &input_bytes(input),
                || input_words(input),
            );
            if let Input::Frame { peer, bytes } = input {
                self.oracle.heard(*peer, bytes);
            }
        }
        let it = self.devices.get_mut(device)?;
        let turn = it.turn(now, inputs);
        match turn {
            Turn::Released(released, written) => {
                self.after_commit(device, &written);
                look(&released);
                self.oracle.answered(device, now_ms, &released.replies);
                let it = self.devices.get_mut(device)?;
                // What a person asks for while the disk still works on the last commit waits for it.
                let free_ms = it.busy_until_ms.max(now_ms);
                it.busy_until_ms = free_ms.saturating_add(it.platter.take_delay_ms());
                let held_up_ms = it.busy_until_ms.saturating_sub(now_ms);
                if held_up_ms == 0 {
                    self.release(device, released);
                } else {
                    let started_ms = it.started_ms;
                    self.later(
                        held_up_ms,
                        Timer::Release(device, started_ms, Box::new(released)),
                    );
                }
            }
            Turn::NotSaved(why) => {
                let words = format!("not saved: {why}");
                self.trace.say(now_ms, Some(device), Line::Process, &words);
                self.count("commit-failed");
                self.topology.down.insert(device);
                self.drop_links(device);
                self.topology_changed();
                self.open(device, 0);
            }
            Turn::Died(released, written) => {
                if let Some(written) = written {
                    self.after_commit(device, &written);
                }
                self.oracle.answered(device, now_ms, &released.replies);
                self.release(device, released);
                self.trace
                    .say(now_ms, Some(device), Line::Process, "died at a commit");
                self.topology.down.insert(device);
                self.drop_links(device);
                self.topology_changed();
                let wait_ms = self.random.between(500, 60_000);
                self.later(wait_ms, Timer::Start(device));
            }
        }
        self.plan_tick(device);
        Some(())
    }

    fn after_commit(&mut self, device: DeviceNo, written: &[tallyline_proto::replica::Write]) {
        if written.is_empty() {
            return;
        }
        let now_ms = self.now_ms;
        self.oracle.committed(device, now_ms, written);
        if let Some(it) = self.devices.get(device) {
            self.oracle.keys(device, now_ms, &it.replica);
        }
        let digest = self
            .devices
            .get(device)
            .map_or([0; 32], |it| it.replica.state_digest());
        self.trace
            .note((now_ms, Some(device)), Line::Disk, &digest, || {
                format!("writes={} state={}", written.len(), short(&digest))
            });
    }

    /// Notes when the device has something to do by itself.
    fn plan_tick(&mut self, device: DeviceNo) {
        let now_ms = self.now_ms;
        let Some(it) = self.devices.get_mut(device) else {
            return;
        };
        let next_ms = (now_ms / TICK_MS).saturating_add(1).saturating_mul(TICK_MS);
        let due = it.replica.due_ms();
        it.tick_at_ms = due.map(|due_ms| {
            let at_ms = it.started_ms.saturating_add(due_ms);
            at_ms.div_ceil(TICK_MS).saturating_mul(TICK_MS).max(next_ms)
        });
    }

    fn release(&mut self, device: DeviceNo, released: Released) {
        for (peer, bytes) in released.frames {
            if self
                .liars
                .withholds(device, &bytes, self.devices.get(device))
            {
                continue;
            }
            self.send(device, peer, bytes);
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
                if self.dialling.insert(pair(device, other)) {
                    let (one, other) = pair(device, other);
                    self.later(REDIAL_MS, Timer::Dial(one, other));
                }
            }
        }
    }

    fn send(&mut self, device: DeviceNo, peer: PeerId, bytes: Vec<u8>) {
        let Some(&(to, theirs)) = self.ends.get(&peer) else {
            return;
        };
        let now_ms = self.now_ms;
        self.trace
            .note((now_ms, Some(device)), Line::Out, &bytes, || {
                format!("to=#{to} {}", crate::act::frame_words(&bytes))
            });
        let is_cell = self.oracle.sent(device, now_ms, (peer, to), &bytes);
        if let Some(traffic) = self.traffic.get_mut(device) {
            traffic.note(bytes.len(), is_cell);
        }
        let way = if !self.topology.hears(device, to) {
            Way::Cut
        } else if self.topology.clouds.contains(&device) {
            Way::FromCloud
        } else {
            Way::Open
        };
        let frame = Flying {
            from: device,
            to,
            peer: theirs,
            bytes,
        };
        self.network.send(now_ms, frame, way);
    }

    /// Takes back flaps that are still under way; switching on and waking up goes on.
    pub(crate) fn forget_faults_to_come(&mut self) {
        self.timers
            .retain(|_, timer| !matches!(timer, Timer::Flap { .. }));
    }
}

fn input_bytes(input: &Input) -> Vec<u8> {
    match input {
        Input::Frame { peer, bytes } => [&peer.0.to_le_bytes()[..], bytes].concat(),
        Input::PeerUp { peer, .. } => [&b"up"[..], &peer.0.to_le_bytes()].concat(),
        Input::PeerDown { peer } => [&b"down"[..], &peer.0.to_le_bytes()].concat(),
        Input::Command { command, .. } => format!("{command:?}").into_bytes(),
        Input::Room { free_bytes } => [&b"room"[..], &free_bytes.to_le_bytes()].concat(),
        Input::Tick => b"tick".to_vec(),
    }
}

fn input_words(input: &Input) -> String {
    match input {
        Input::Frame { peer, bytes } => {
            format!("peer={} {}", peer.0, crate::act::frame_words(bytes))
        }
        Input::PeerUp { peer, key, .. } => format!("peer-up peer={} key={}", peer.0, key.short()),
        Input::PeerDown { peer } => format!("peer-down peer={}", peer.0),
        Input::Command { command, .. } => format!("command {command:?}"),
        Input::Room { free_bytes } => format!("room free={free_bytes}"),
        Input::Tick => "tick".to_owned(),
    }
}

/// Returns the beginning of a digest as lines show it.
pub(crate) fn short(digest: &[u8]) -> String {
    let start = digest.iter().take(4);
    let number = start.fold(0_u32, |sum, byte| (sum << 8) | u32::from(*byte));
    format!("{number:08x}")
}
