//! All devices of a simulated field: who reaches whom, who hears of whom, and what must hold.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tallyline::net::{Sighting, Uplink};
use tallyline::store::StoreError;
use tallyline_proto::model::{Agreed, Body, EntryId, Roles, Ticket};
use tallyline_proto::replica::{Command, EntryFilter, Founding, Phase, Replica, Reply};
use tallyline_proto::rules::Standings;
use tokio::time::{Instant, sleep, sleep_until};

use super::device::{Device, NotStarted, Unanswered};
use super::trace::Trace;
use super::udp::{Ether, Weather};
use super::watch::Watch;
use crate::venue::{DeviceNo, Kind};
use crate::{Random, small_structure};

/// Drills of the event.
pub(super) const DRILLS: u32 = 4;

/// Shooters in a squad; every tablet has one squad.
pub(super) const SQUAD: u32 = 8;

/// How often a device that answers nothing yet is asked again, in ms.
const POLL_MS: u64 = 250;

/// How long an announcement lives in the others' caches after its process ended, in ms.
const ANNOUNCEMENT_MS: u64 = 120_000;

/// The port of every device.
const PORT: u16 = 4433;

/// Unix time in ms at which the clocks start.
const EPOCH_MS: u64 = 1_532_476_800_000;

/// All devices and the network between them.
pub(super) struct Field {
    pub(super) devices: Vec<Device>,
    pub(super) ether: Ether,
    pub(super) trace: Trace,
    pub(super) random: Random,
    pub(super) tally: Tally,
    /// Groups of a partition, by device; equal numbers reach each other.
    pub(super) groups: BTreeMap<DeviceNo, u64>,
    /// Links of which one direction is cut.
    pub(super) one_way: BTreeSet<(DeviceNo, DeviceNo)>,
    /// Devices that have internet at the moment.
    pub(super) online: BTreeSet<DeviceNo>,
    /// Who wrote what into a slot last, and was told that it is saved.
    slots: BTreeMap<(u32, u32), (DeviceNo, EntryId)>,
    saved: Vec<(DeviceNo, EntryId)>,
    ended: Vec<(u64, String)>,
    watch: Watch,
    addresses: u8,
}

/// What was counted.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    pub(super) refused: u64,
    pub(super) looked_at: u64,
    pub(super) shown_safe: u64,
}

/// What came of a start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Started {
    /// The process runs.
    Runs,
    /// The power went while it started, or the disk is full.
    No,
}

/// What one device shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    digest: [u8; 32],
    standings: Option<[u8; 32]>,
    entries: BTreeMap<EntryId, Shown>,
}

/// How one entry is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Shown {
    copies: u32,
    in_cloud: bool,
}

impl Field {
    /// Makes an empty field in a runtime.
    pub(super) fn new(seed: u64, weather: Weather, lines: bool) -> Self {
        let trace = Trace::new(lines);
        Self {
            devices: Vec::new(),
            ether: Ether::new(seed, weather, trace.clone()),
            watch: Watch::new(trace.clone()),
            trace,
            random: Random::stream(seed, "wire day"),
            tally: Tally::default(),
            groups: BTreeMap::new(),
            one_way: BTreeSet::new(),
            online: BTreeSet::new(),
            slots: BTreeMap::new(),
            saved: Vec::new(),
            ended: Vec::new(),
            addresses: 0,
        }
    }

    /// Returns peers and frames that drivers were told of.
    pub(super) fn counts(&self) -> (u64, u64) {
        self.watch.counts()
    }

    /// Returns how many entries people were told are saved.
    pub(super) fn saved(&self) -> u64 {
        u64::try_from(self.saved.len()).unwrap_or(u64::MAX)
    }

    /// Adds a device and starts it.
    pub(super) fn add(&mut self, label: &str, kind: Kind) -> Result<DeviceNo, String> {
        let no = self.devices.len();
        let address = match kind {
            Kind::Tablet => self.free_address(),
            Kind::Cloud => SocketAddr::from(([203, 0, 113, 1], PORT)),
        };
        let device = Device::new(no, label, kind, address).ok_or("no randomness")?;
        device.wall.set(EPOCH_MS);
        self.devices.push(device);
        self.start(no)?;
        Ok(no)
    }

    /// Gives a device a way to the cloud; it is used from the next start on.
    pub(super) fn uplink(&mut self, no: DeviceNo, cloud: DeviceNo) {
        let uplink = self.devices.get(cloud).map(|cloud| Uplink {
            addresses: vec![cloud.address.to_string()],
            key: cloud.key,
        });
        if let Some(device) = self.devices.get_mut(no) {
            device.uplink = uplink;
        }
        self.online.insert(no);
    }

    /// Returns an address in the field that nobody had before.
    pub(super) fn free_address(&mut self) -> SocketAddr {
        self.addresses = self.addresses.wrapping_add(1).max(1);
        SocketAddr::from(([10, 0, 0, self.addresses], PORT))
    }

    /// Starts a device that is off; its screen shows what it was told is saved.
    pub(super) fn start(&mut self, no: DeviceNo) -> Result<Started, String> {
        self.trace.say(&format!("#{no} starts"));
        let device = self.devices.get_mut(no).ok_or("no such device")?;
        if let Err(why) = device.start(&self.ether, &self.watch) {
            // Its power may go while it starts, and nothing starts on a full disk.
            self.trace.say(&why.to_string());
            return match why {
                NotStarted::Disk(StoreError::Full) => Ok(Started::No),
                NotStarted::Disk(_) if device.card.is_gone() => Ok(Started::No),
                NotStarted::Disk(_) | NotStarted::Net(_) => Err(why.to_string()),
            };
        }
        self.weave();
        self.announce();
        Ok(Started::Runs)
    }

    /// Kills a device, with its power or without.
    pub(super) async fn kill(&mut self, no: DeviceNo, power: bool) {
        self.trace.say(&format!("#{no} killed, power {power}"));
        if let Some(device) = self.devices.get_mut(no) {
            let name = device.name();
            device.kill(power).await;
            self.ended
                .push((self.trace.now_ms() + ANNOUNCEMENT_MS, name));
        }
    }

    /// Stops a device in order; its goodbye reaches whom it reaches.
    pub(super) async fn stop(&mut self, no: DeviceNo) {
        self.trace.say(&format!("#{no} stopped"));
        if let Some(device) = self.devices.get_mut(no) {
            let name = device.name();
            device.stop().await;
            self.ended.push((self.trace.now_ms(), name));
        }
    }

    /// Gives a device a new address.
    pub(super) fn readdress(&mut self, no: DeviceNo) {
        let address = self.free_address();
        self.trace.say(&format!("#{no} moves to {address}"));
        if let Some(device) = self.devices.get_mut(no) {
            device.move_to(address);
        }
        self.weave();
    }

    /// Sets the cuts that follow from partition, one-way links and internet.
    pub(super) fn weave(&self) {
        let mut cuts = BTreeSet::new();
        for from in &self.devices {
            for to in &self.devices {
                if from.no != to.no && !self.passes(from, to) {
                    cuts.insert((from.address.ip(), to.address.ip()));
                }
            }
        }
        self.ether.set_cuts(cuts);
    }

    fn passes(&self, from: &Device, to: &Device) -> bool {
        if self.one_way.contains(&(from.no, to.no)) {
            return false;
        }
        match (from.kind, to.kind) {
            (Kind::Cloud, _) => self.online.contains(&to.no),
            (_, Kind::Cloud) => self.online.contains(&from.no),
            (Kind::Tablet, Kind::Tablet) => self.groups.get(&from.no) == self.groups.get(&to.no),
        }
    }

    /// Lets every device hear of every other one whose multicast reaches it.
    pub(super) fn announce(&mut self) {
        let now_ms = self.trace.now_ms();
        let gone = self.ended.extract_if(.., |(at_ms, _)| *at_ms <= now_ms);
        let gone: Vec<String> = gone.map(|(_, name)| name).collect();
        for hearer in &self.devices {
            let Some(process) = hearer
                .process
                .as_ref()
                .filter(|_| hearer.kind == Kind::Tablet)
            else {
                continue;
            };
            let seen = self.devices.iter().filter(|it| self.hears(hearer, it));
            let seen = seen.map(|it| Sighting::Seen {
                name: it.name(),
                addresses: vec![it.address],
            });
            let gone = gone
                .iter()
                .map(|name| Sighting::Gone { name: name.clone() });
            for sighting in seen.chain(gone) {
                // A full queue drops it; the next announcement comes soon.
                drop(process.sightings.try_send(sighting));
            }
        }
    }

    fn hears(&self, hearer: &Device, other: &Device) -> bool {
        let way: (IpAddr, IpAddr) = (other.address.ip(), hearer.address.ip());
        hearer.no != other.no
            && other.kind == Kind::Tablet
            && other.process.is_some()
            && self.ether.reaches(way.0, way.1)
    }

    /// Founds the event on the first device, with these clouds, and locks it.
    pub(super) async fn found(&mut self, clouds: &[DeviceNo], squads: u32) -> Result<(), String> {
        let cloud = clouds.iter().filter_map(|no| self.devices.get(*no));
        let founding = Founding {
            name: "Simulated".to_owned(),
            nonce: self.random.bytes(),
            discovery_key: self.random.bytes(),
            cloud: cloud.map(|it| it.key).collect(),
            recovery: Vec::new(),
            structure: small_structure(DRILLS, SQUAD * squads, SQUAD),
            label: "Owner".to_owned(),
        };
        self.must(0, Command::Found(founding)).await?;
        self.must(0, Command::Lock).await?;
        Ok(())
    }

    /// Opens an invite on the first device.
    pub(super) async fn invite(&mut self) -> Result<Ticket, String> {
        let command = Command::Invite {
            secret: self.random.bytes(),
            roles: Roles::SCORER,
            label: None,
            window_ms: 24 * 60 * 60_000,
        };
        let Reply::Invited(mut ticket) = self.must(0, command).await? else {
            return Err("an invite was answered with something else".to_owned());
        };
        let owner = self.devices.first().map(|it| it.address.to_string());
        ticket.addresses = owner.into_iter().collect();
        Ok(ticket)
    }

    /// Lets a device join with a ticket and waits until it is a member.
    pub(super) async fn join(
        &mut self,
        no: DeviceNo,
        ticket: Ticket,
        patience: Duration,
    ) -> Result<(), String> {
        self.must(no, Command::Join(ticket)).await?;
        let deadline = Instant::now() + patience;
        while Instant::now() < deadline {
            let device = self.devices.get(no).ok_or("no such device")?;
            if let Ok(Phase::Member) = device.look(|replica, _| replica.phase()).await {
                return Ok(());
            }
            sleep(Duration::from_millis(POLL_MS)).await;
        }
        Err(format!(
            "device {no} was not admitted in {} s",
            patience.as_secs()
        ))
    }

    /// Asks a device for what cannot fail here.
    pub(super) async fn must(&mut self, no: DeviceNo, command: Command) -> Result<Reply, String> {
        let device = self.devices.get(no).ok_or("no such device")?;
        match device.command(command).await {
            Ok(Reply::Refused(mistake)) => Err(format!("device {no} refused: {mistake:?}")),
            Ok(reply) => Ok(reply),
            Err(why) => Err(format!("device {no}: {why:?}")),
        }
    }

    /// Records a score at a device; what it says about it is remembered and held against it.
    pub(super) async fn record(&mut self, no: DeviceNo, slot: (u32, u32), body: Body) {
        let own = self.slots.get(&slot).filter(|(writer, _)| *writer == no);
        let replaces = own.map(|(_, id)| (*id, tallyline_proto::model::VoidReason::Time));
        let command = Command::Record {
            body,
            replaces,
            confirmed: true,
            revision: None,
            wall_ms: None,
            agreed: Agreed::BOTH,
        };
        let Some(device) = self.devices.get(no) else {
            return;
        };
        match device.command(command).await {
            Ok(Reply::Saved(ids)) => {
                self.trace.say(&format!("#{no} saved {ids:?}"));
                if let Some(id) = ids.last() {
                    self.slots.insert(slot, (no, *id));
                }
                self.saved.extend(ids.into_iter().map(|id| (no, id)));
            }
            Ok(reply) => {
                self.trace.say(&format!("#{no} answers {reply:?}"));
                self.tally.refused += 1;
            }
            Err(Unanswered::Failed) => self.tally.refused += 1,
            Err(Unanswered::Hangs) => {
                self.trace
                    .violation(format!("device {no} does not answer a command"));
            }
        }
    }

    /// Looks at a device's screen, and whether what it shows as safe is where it says.
    pub(super) async fn check_screen(&mut self, no: DeviceNo) {
        let Some(seen) = self.see(no).await else {
            return;
        };
        self.has_saved(no, &seen);
        let mut elsewhere = BTreeMap::new();
        for other in (0..self.devices.len()).filter(|other| *other != no) {
            if let Some(held) = self.see(other).await {
                elsewhere.insert(other, held);
            }
        }
        if elsewhere.len() + 1 < self.devices.len() {
            // Somebody's disk does not answer at the moment, so nothing can be proven.
            return;
        }
        for (id, shown) in &seen.entries {
            self.tally.looked_at += 1;
            let holders = elsewhere
                .iter()
                .filter(|(_, held)| held.entries.contains_key(id));
            let holders: Vec<DeviceNo> = holders.map(|(other, _)| *other).collect();
            let is_cloud = |other: &DeviceNo| {
                self.devices
                    .get(*other)
                    .is_some_and(|it| it.kind == Kind::Cloud)
            };
            if 0 < shown.copies || shown.in_cloud {
                self.tally.shown_safe += 1;
            }
            if usize::try_from(shown.copies).is_ok_and(|copies| holders.len() < copies) {
                self.trace.violation(format!(
                    "device {no} shows {} copies of {id}, and {holders:?} hold it",
                    shown.copies
                ));
            }
            let at_cloud = is_cloud(&no) || holders.iter().any(is_cloud);
            if shown.in_cloud && !at_cloud {
                self.trace
                    .violation(format!("device {no} shows {id} in the cloud; it is not"));
            }
        }
    }

    /// Checks that a device still has what it said it saved.
    pub(super) fn has_saved(&self, no: DeviceNo, seen: &Seen) {
        for (writer, id) in &self.saved {
            if *writer == no && !seen.entries.contains_key(id) {
                self.trace
                    .violation(format!("device {no} lost {id}, which it said is saved"));
            }
        }
    }

    /// Returns what a device shows, or its card holds; `None` if its disk does not answer.
    pub(super) async fn see(&self, no: DeviceNo) -> Option<Seen> {
        let device = self.devices.get(no)?;
        match device.look(|replica, _| see(replica)).await {
            Ok(seen) => Some(seen),
            Err(Unanswered::Failed) => None,
            Err(Unanswered::Hangs) => {
                self.trace
                    .violation(format!("device {no} does not answer a question"));
                None
            }
        }
    }

    /// Returns whether these devices hold the same and show the same standings, and all of them
    /// everything that was ever said to be saved.
    pub(super) async fn agree(&self, devices: &[DeviceNo]) -> Option<Vec<Seen>> {
        let mut all = Vec::new();
        for no in devices {
            all.push(self.see(*no).await?);
        }
        let first = all.first()?;
        let same = |seen: &&Seen| {
            seen.digest == first.digest
                && seen.standings == first.standings
                && seen.standings.is_some()
        };
        let whole = self
            .saved
            .iter()
            .all(|(_, id)| first.entries.contains_key(id));
        (whole && all.iter().filter(same).count() == all.len()).then_some(all)
    }

    /// Waits until a virtual time since the start, in ms.
    pub(super) async fn until(&self, at_ms: u64) {
        let left_ms = at_ms.saturating_sub(self.trace.now_ms());
        sleep_until(Instant::now() + Duration::from_millis(left_ms)).await;
    }
}

impl Seen {
    /// Tells whether every entry is shown as safe in the cloud.
    pub(super) fn all_in_cloud(&self) -> bool {
        self.entries.values().all(|it| it.in_cloud)
    }

    /// Returns how many entries are shown.
    pub(super) fn count(&self) -> usize {
        self.entries.len()
    }
}

fn see(replica: &mut Replica) -> Seen {
    let book = replica.book();
    let standings = match (replica.roster(), book) {
        (Some(roster), Some(book)) => Some(Standings::compute(roster, &book).digest()),
        (None, _) | (_, None) => None,
    };
    let entries = replica.entries(&EntryFilter::default());
    let shown = entries.into_iter().map(|it| {
        let shown = Shown {
            copies: it.copies,
            in_cloud: it.in_cloud,
        };
        (it.id, shown)
    });
    Seen {
        digest: replica.state_digest(),
        standings,
        entries: shown.collect(),
    }
}
