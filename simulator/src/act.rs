//! What people do and what goes wrong, carried out on a world.

mod beyond;

use std::collections::BTreeMap;

use tallyline_proto::{
    model::{
        About, Agreed, Body, CloseReason, Entrant, EntryId, GrantId, Open, PowerFactor,
        RosterChange, Shooter, ShooterEdit, ShooterNo, SquadNo, Status, StatusKind, VoidReason,
    },
    replica::{Command, EntryFilter, EntryView, Reply},
    rules::Verdict,
    wire::{self, Frame, LogRef, decode_frame},
};

use crate::{
    Device, Platter, World,
    device::{Doom, Power},
    disk::Ending,
    network::pair,
    plan::{Act, Why},
    score,
    trace::Kind as Line,
    venue::DeviceNo,
    world::Timer,
};

/// The owner's number: the first device.
const OWNER: DeviceNo = 0;

impl World {
    /// Carries out one thing.
    pub(crate) fn act(&mut self, act: &Act) {
        let words = act.to_string();
        self.trace.say(self.now_ms(), None, Line::Act, &words);
        if act.is_fault() {
            self.count(&act.name());
        }
        match act {
            Act::Score { .. }
            | Act::Correct { .. }
            | Act::Void { .. }
            | Act::WrongShooter { .. }
            | Act::Disqualify { .. }
            | Act::LateShooter { .. }
            | Act::Move { .. }
            | Act::Handover { .. } => self.people(act),
            Act::Approve { .. }
            | Act::Phase { .. }
            | Act::Jury { .. }
            | Act::Incident { .. }
            | Act::Report { .. }
            | Act::Decide { .. }
            | Act::Record { .. }
            | Act::EraseShooter { .. }
            | Act::EraseParticipant { .. } => self.beyond(act),
            Act::Kill { .. }
            | Act::KillAt { .. }
            | Act::Start { .. }
            | Act::Pause { .. }
            | Act::Lose { .. }
            | Act::RestoreOwner
            | Act::Clone { .. } => self.process(act),
            Act::LyingSync { .. }
            | Act::FlipBit { .. }
            | Act::Backup { .. }
            | Act::RollBack { .. }
            | Act::FullDisk { .. }
            | Act::DeadDisk { .. }
            | Act::SlowDisk { .. }
            | Act::Misreport { .. }
            | Act::CloudBackup
            | Act::CloudRollBack => self.card(act),
            Act::Partition { .. }
            | Act::Chain { .. }
            | Act::OneWay { .. }
            | Act::Isolation
            | Act::Rejoin
            | Act::Flap { .. }
            | Act::Address { .. }
            | Act::NoMulticast { .. }
            | Act::Weather { .. }
            | Act::Internet { .. }
            | Act::Cloud { .. }
            | Act::SlowCloud { .. }
            | Act::CloudReplies { .. } => self.air(act),
            Act::Clock { device, off_ms } => {
                if let Some(it) = self.devices.get_mut(*device) {
                    it.clock_off_ms = *off_ms;
                }
            }
            Act::Lie { device, lie } => self.lie(*device, *lie),
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "`act` has sorted them")]
    fn people(&mut self, act: &Act) {
        match *act {
            Act::Score {
                device,
                drill,
                shooter,
                centis,
                a,
            } => self.enter(device, score(drill, shooter, centis, a), None),
            Act::Correct {
                device,
                drill,
                shooter,
                centis,
            } => {
                let newest = self.newest(device, drill, shooter);
                let replaces = newest.map(|view| (view.id, VoidReason::Time));
                self.enter(device, score(drill, shooter, centis, 2), replaces);
            }
            Act::Void {
                device,
                drill,
                shooter,
            } => {
                if let Some(view) = self.newest(device, drill, shooter) {
                    self.void_entry(device, view.id, VoidReason::Hits);
                }
            }
            Act::WrongShooter {
                device,
                drill,
                from,
                to,
            } => {
                if let Some(view) = self.newest(device, drill, from)
                    && let Body::Score(mut it) = view.body
                {
                    it.shooter = ShooterNo(to);
                    let replaces = Some((view.id, VoidReason::WrongShooter));
                    self.enter(device, Body::Score(it), replaces);
                }
            }
            Act::Disqualify { device, shooter } => {
                let body = status(shooter, StatusKind::MatchDq);
                self.enter(device, body, None);
            }
            Act::LateShooter { squad } => self.late_shooter(squad),
            Act::Move { shooter, squad } => {
                let edit = ShooterEdit {
                    shooter: ShooterNo(shooter),
                    squad: Some(SquadNo(squad)),
                    division: None,
                    power_factor: None,
                    categories: None,
                    entrant: None,
                    label: None,
                };
                let owner = self.owner();
                self.tell(owner, Command::Roster(RosterChange::Edit(edit)));
            }
            Act::Handover { from, to, why } => self.hand_over(from, to, why),
            _ => {}
        }
    }

    /// Returns the device that owns the event now: the newest one with the owner's key that is not
    /// lost.
    pub(crate) fn owner(&self) -> DeviceNo {
        let key = self.devices.get(OWNER).map(Device::key);
        let mut all = self.devices.iter().enumerate().rev();
        let found = all.find(|(_, it)| it.power != Power::Gone && Some(it.key()) == key);
        found.map_or(OWNER, |(no, _)| no)
    }

    /// Gives a command and counts what became of it.
    pub(crate) fn tell(&mut self, device: DeviceNo, command: Command) -> Option<Reply> {
        let reply = self.command(device, command);
        match &reply {
            Some(Reply::Saved(ids)) => {
                let count = u64::try_from(ids.len()).unwrap_or(u64::MAX);
                self.saved = self.saved.saturating_add(count);
            }
            Some(Reply::Recorded { fresh, .. }) => {
                self.saved = self.saved.saturating_add(u64::from(*fresh));
            }
            Some(Reply::Refused(_)) | None => self.refused = self.refused.saturating_add(1),
            Some(
                Reply::Founded(_)
                | Reply::Joining
                | Reply::Locked
                | Reply::Invited(_)
                | Reply::Called(_)
                | Reply::Cancelled(_)
                | Reply::Waiting
                | Reply::Confirmed
                | Reply::Admitted
                | Reply::Assigned(_)
                | Reply::Revised(_)
                | Reply::Revoked
                | Reply::Consented
                | Reply::Asking
                | Reply::Transferred(_)
                | Reply::Decided(_)
                | Reply::ScoringOver
                | Reply::Closed
                | Reply::Erased { .. }
                | Reply::Imported { .. },
            ) => {}
        }
        let words = match &reply {
            Some(reply) => format!("{reply:?}"),
            None => "no answer".to_owned(),
        };
        self.trace
            .say(self.now_ms(), Some(device), Line::Seen, &words);
        reply
    }

    /// An RO enters something.
    pub(crate) fn enter(
        &mut self,
        device: DeviceNo,
        body: Body,
        replaces: Option<(EntryId, VoidReason)>,
    ) {
        let command = Command::Record {
            body,
            replaces,
            confirmed: true,
            revision: None,
            wall_ms: None,
            agreed: Agreed::BOTH,
        };
        self.tell(device, command);
    }

    fn void_entry(&mut self, device: DeviceNo, entry: EntryId, reason: VoidReason) {
        let command = Command::Void {
            entry,
            reason,
            note: String::new(),
            wall_ms: None,
            agreed: Agreed::BOTH,
        };
        self.tell(device, command);
    }

    /// Returns the last score of a slot that a device shows and that is not voided.
    pub(crate) fn newest(
        &mut self,
        device: DeviceNo,
        drill: u32,
        shooter: u32,
    ) -> Option<EntryView> {
        let it = self.devices.get_mut(device).filter(|it| it.runs())?;
        let filter = EntryFilter {
            drill: Some(tallyline_proto::model::DrillNo(drill)),
            shooter: Some(ShooterNo(shooter)),
            ..EntryFilter::default()
        };
        let views = it.replica.entries(&filter);
        views.into_iter().rev().find(|view| {
            matches!(view.body, Body::Score(_)) && !matches!(view.verdict, Verdict::Voided(_))
        })
    }

    fn late_shooter(&mut self, squad: u32) {
        let owner = self.owner();
        // A number given after the lock is random, as the command line gives it.
        let no = self.random().between(1 << 20, (1 << 28) - 1);
        let no = u32::try_from(no).unwrap_or(u32::MAX);
        let shooter = Shooter {
            no: ShooterNo(no),
            label: format!("Late {no}"),
            division: 0,
            power_factor: PowerFactor::Minor,
            squad: SquadNo(squad),
            categories: Vec::new(),
            entrant: Entrant::default(),
        };
        self.tell(owner, Command::Roster(RosterChange::Add(shooter)));
    }

    /// Returns the open grants of a device, as the owner's device shows them.
    pub(crate) fn open_grants(
        &self,
        owner: DeviceNo,
        of: DeviceNo,
    ) -> Vec<(GrantId, tallyline_proto::model::CellSet)> {
        let (Some(it), Some(key)) = (
            self.devices.get(owner),
            self.devices.get(of).map(Device::key),
        ) else {
            return Vec::new();
        };
        let grants = it.replica.grants().into_iter();
        grants
            .filter(|grant| grant.key == key && grant.closed.is_none())
            .map(|grant| (grant.id, grant.cells))
            .collect()
    }

    fn hand_over(&mut self, from: DeviceNo, to: DeviceNo, why: Why) {
        let owner = self.owner();
        let grants = self.open_grants(owner, from);
        let Some(key) = self.devices.get(to).map(Device::key) else {
            return;
        };
        if grants.is_empty() {
            return;
        }
        let opens = grants
            .iter()
            .map(|(_, cells)| Open {
                key,
                cells: cells.clone(),
                until_ms: None,
            })
            .collect();
        let command = Command::Assign {
            closing: grants.into_iter().map(|(id, _)| id).collect(),
            reason: match why {
                Why::Handover => CloseReason::Handover,
                Why::Dead => CloseReason::Dead,
                Why::Stolen => CloseReason::Stolen,
            },
            opens,
        };
        self.tell(owner, command);
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "`act` has sorted them")]
    fn process(&mut self, act: &Act) {
        match *act {
            Act::Kill { device, power } if self.lives(device) => {
                self.end(device, ending(power));
            }
            Act::KillAt {
                device,
                step,
                after,
                power,
            } => {
                if let Some(it) = self.devices.get_mut(device) {
                    it.doom = Some(Doom {
                        step,
                        after,
                        ending: ending(power),
                    });
                }
            }
            Act::Start { device } => self.start(device),
            Act::Pause { device, ms } => {
                if let Some(it) = self.devices.get_mut(device)
                    && it.power == Power::On
                {
                    it.power = Power::Asleep;
                    self.topology.down.insert(device);
                    self.topology_changed();
                    self.later(ms, Timer::Wake(device));
                }
            }
            Act::Lose { device } => self.lose(device),
            Act::RestoreOwner => {
                let owner = self.owner();
                self.lose(owner);
                self.restore_key_of(owner);
            }
            Act::Clone { device } => {
                self.clone_of(device);
            }
            _ => {}
        }
    }

    fn lives(&self, device: DeviceNo) -> bool {
        let it = self.devices.get(device);
        it.is_some_and(|it| matches!(it.power, Power::On | Power::Asleep | Power::NoStore))
    }

    /// A device is lost for good.
    pub(crate) fn lose(&mut self, device: DeviceNo) {
        self.end(device, Ending::Kill);
        if let Some(it) = self.devices.get_mut(device) {
            it.power = Power::Gone;
        }
        let now_ms = self.now_ms();
        if let Some(card) = self.oracle.card_mut(device) {
            card.gone = true;
            card.shrank_ms = Some(now_ms);
        }
    }

    /// Makes a new device with the key of another one and an empty store that knows the event.
    pub(crate) fn restore_key_of(&mut self, device: DeviceNo) -> DeviceNo {
        let Some(it) = self.devices.get(device) else {
            return device;
        };
        let (seed, manifest) = (it.key_seed(), it.manifest.clone());
        let label = it.label.clone();
        let platter = Platter::new(self.random().next_u64());
        let no = self.add_with(&label, seed, platter);
        if let Some(it) = self.devices.get_mut(no) {
            it.manifest = manifest;
        }
        // Started again: now the manifest beside the store is found.
        self.end(no, Ending::Kill);
        self.start(no);
        no
    }

    /// Makes a second device of a copy of another one's card.
    pub(crate) fn clone_of(&mut self, device: DeviceNo) -> DeviceNo {
        let Some(it) = self.devices.get(device) else {
            return device;
        };
        let (seed, label, manifest) = (it.key_seed(), it.label.clone(), it.manifest.clone());
        let image = it.platter.image();
        let platter = Platter::from_image(self.random().next_u64(), image);
        let no = self.add_with(&label, seed, platter);
        if let Some(it) = self.devices.get_mut(no) {
            it.manifest = manifest;
        }
        if self.topology.offline.contains(&device) {
            self.topology.offline.insert(no);
        }
        self.topology_changed();
        no
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "`act` has sorted them")]
    fn card(&mut self, act: &Act) {
        let now_ms = self.now_ms();
        match *act {
            Act::LyingSync { device, permille } => {
                self.unreliable(device);
                self.with_platter(device, |platter| platter.lying_sync(permille));
            }
            Act::FlipBit { device } => {
                self.unreliable(device);
                self.restart_with(device, |platter| {
                    platter.flip_bit();
                });
            }
            Act::Backup { device } => self.keep_image(device),
            Act::RollBack { device } => self.roll_back(device),
            Act::FullDisk { device, full } => {
                self.with_platter(device, |platter| {
                    let capacity = if full { 0 } else { u64::MAX };
                    platter.capacity(capacity);
                });
            }
            Act::DeadDisk { device } => {
                self.unreliable(device);
                self.with_platter(device, Platter::die);
                if let Some(card) = self.oracle.card_mut(device) {
                    card.gone = true;
                    card.shrank_ms = Some(now_ms);
                }
            }
            Act::SlowDisk { device, ms } => {
                self.with_platter(device, |platter| platter.slow(0..=ms));
            }
            Act::Misreport { device } => {
                self.with_platter(device, Platter::misreport_next_commit);
            }
            Act::CloudBackup => {
                for cloud in self.clouds() {
                    self.keep_image(cloud);
                }
            }
            Act::CloudRollBack => {
                for cloud in self.clouds() {
                    self.roll_back(cloud);
                }
            }
            _ => {}
        }
    }

    /// Keeps a copy of a device's card, for a later rollback.
    pub fn keep_image(&mut self, device: DeviceNo) {
        if let Some(it) = self.devices.get_mut(device) {
            it.backup = Some(it.platter.image());
        }
    }

    /// Puts a device's card back to the copy that was kept, and starts the device anew if it ran.
    pub fn roll_back(&mut self, device: DeviceNo) {
        let Some(image) = self.devices.get(device).and_then(|it| it.backup.clone()) else {
            return;
        };
        self.unreliable(device);
        self.restart_with(device, |platter| platter.replace(image));
    }

    /// Ends a device, does something to its card, and starts it again.
    fn restart_with(&mut self, device: DeviceNo, work: impl FnOnce(&Platter)) {
        let was_on = self.lives(device);
        self.end(device, Ending::Kill);
        self.with_platter(device, work);
        if was_on {
            self.start(device);
        }
    }

    fn with_platter(&mut self, device: DeviceNo, work: impl FnOnce(&Platter)) {
        if let Some(it) = self.devices.get(device) {
            work(&it.platter);
        }
    }

    fn unreliable(&mut self, device: DeviceNo) {
        if let Some(card) = self.oracle.card_mut(device) {
            card.unreliable = true;
        }
    }

    pub(crate) fn clouds(&self) -> Vec<DeviceNo> {
        self.topology.clouds.iter().copied().collect()
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "`act` has sorted them")]
    fn air(&mut self, act: &Act) {
        match act {
            Act::Partition { groups } => self.partition(groups),
            Act::Chain { devices } => {
                let neighbours = devices.iter().zip(devices.iter().skip(1));
                let pairs = neighbours.map(|(one, other)| pair(*one, *other));
                self.topology.chain = Some(pairs.collect());
            }
            Act::OneWay { from, to } => {
                self.topology.one_way.insert((*from, *to));
            }
            Act::Isolation => self.topology.isolated = true,
            Act::Rejoin => self.rejoin(),
            Act::Flap {
                device,
                up_ms,
                down_ms,
                cycles,
            } => {
                self.later(
                    0,
                    Timer::Flap {
                        device: *device,
                        up: false,
                        up_ms: *up_ms,
                        down_ms: *down_ms,
                        left: *cycles,
                    },
                );
            }
            Act::Address { device } => self.new_address(*device),
            Act::NoMulticast { blocked } => self.topology.no_multicast = *blocked,
            Act::Weather { weather } => self.network.weather = *weather,
            Act::Internet { device, on } => {
                if *on {
                    self.topology.offline.remove(device);
                } else {
                    self.topology.offline.insert(*device);
                }
            }
            Act::Cloud { up } => self.topology.cloud_down = !up,
            Act::SlowCloud { ms } => self.network.slow_cloud_ms = *ms,
            Act::CloudReplies {
                lost_permille,
                repeated_permille,
            } => self.network.cloud_replies = (*lost_permille, *repeated_permille),
            _ => {}
        }
        self.topology_changed();
    }

    /// Lets only devices of the same group reach each other.
    pub(crate) fn partition(&mut self, groups: &[Vec<DeviceNo>]) {
        let mut of = BTreeMap::new();
        for (group, devices) in groups.iter().enumerate() {
            for device in devices {
                of.insert(*device, group);
            }
        }
        self.topology.groups = Some(of);
    }

    /// Everybody at the venue reaches everybody again.
    pub(crate) fn rejoin(&mut self) {
        self.topology.groups = None;
        self.topology.chain = None;
        self.topology.one_way.clear();
        self.topology.isolated = false;
    }

    /// A device gets another address: its connections break and are made anew once it is found.
    ///
    /// Conformance: `conformance::a_new_address_is_found_within_seconds`.
    fn new_address(&mut self, device: DeviceNo) {
        self.topology.down.insert(device);
        self.topology_changed();
        self.drop_links(device);
        if self.devices.get(device).is_some_and(Device::runs) {
            self.topology.down.remove(&device);
        }
    }

    /// Everything that can heal heals: the last phase of every run.
    pub(crate) fn heal_everything(&mut self) {
        self.rejoin();
        self.topology.cut.clear();
        self.topology.offline.clear();
        self.topology.cloud_down = false;
        self.topology.no_multicast = false;
        self.network.slow_cloud_ms = 0;
        self.network.cloud_replies = (0, 0);
        self.network.weather = crate::Weather::CALM;
        for device in 0..self.devices.len() {
            self.with_platter(device, |platter| {
                platter.capacity(u64::MAX);
                platter.slow(0..=0);
                platter.lying_sync(0);
            });
            let Some(it) = self.devices.get_mut(device) else {
                continue;
            };
            it.doom = None;
            match it.power {
                Power::Asleep => {
                    it.power = Power::On;
                    self.topology.down.remove(&device);
                }
                Power::Off | Power::NoStore => self.start(device),
                Power::On => {
                    self.topology.down.remove(&device);
                }
                Power::Gone => {}
            }
        }
        self.forget_faults_to_come();
        self.topology_changed();
    }
}

/// Returns a status of a shooter for the whole match.
pub(crate) fn status(shooter: u32, kind: StatusKind) -> Body {
    Body::Status(Status {
        about: About {
            drill: None,
            shooter: ShooterNo(shooter),
        },
        kind,
        rule: None,
        attempt: 0,
        note: String::new(),
    })
}

fn ending(power: bool) -> Ending {
    if power {
        Ending::PowerCut
    } else {
        Ending::Kill
    }
}

/// Returns a frame in words for a line of a trace.
pub(crate) fn frame_words(bytes: &[u8]) -> String {
    let logs = |logs: &[(wire::LogTag, u64)]| {
        let words: Vec<String> = logs
            .iter()
            .map(|(tag, height)| format!("{tag:?}:{height}"))
            .collect();
        words.join(",")
    };
    match decode_frame(bytes) {
        Err(error) => format!("garbage bytes={} ({error})", bytes.len()),
        Ok(None) => format!("unknown bytes={}", bytes.len()),
        Ok(Some(frame)) => match frame {
            Frame::Hello(it) => {
                let state = crate::world::short(&it.state);
                format!("hello state={state} answer={}", it.answer)
            }
            Frame::Vector(it) => format!("vector logs={} {}", it.logs.len(), logs(&it.logs)),
            Frame::Push(it) => {
                let log = match it.log {
                    LogRef::Tag(tag) => format!("{tag:?}"),
                    LogRef::Name(name) => format!("{:016x}", name.incarnation.0),
                };
                format!(
                    "push log={log} from={} entries={}",
                    it.from,
                    it.entries.len()
                )
            }
            Frame::Have(it) => format!("have {}", logs(&it)),
            Frame::Want(it) => format!("want {}", logs(&it)),
            Frame::Cells(it) => format!("cells count={}", it.len()),
            Frame::Fork(it) => format!("fork log={:016x}", it.log.incarnation.0),
            Frame::Present(_) => "present".to_owned(),
            Frame::Join(it) => format!("join label={:?}", it.label),
            Frame::Welcome(_) => "welcome".to_owned(),
            Frame::Claim(_) => "claim".to_owned(),
            Frame::Commit(it) => format!("commit label={:?}", it.label),
            Frame::Reveal(_) => "reveal".to_owned(),
            Frame::Refused(why) => format!("refused why={why}"),
            Frame::Ask(it) => format!("ask {:?}", it.wish),
            Frame::Denied(it) => format!("denied {:?}", it.why),
            Frame::KeyAsk(it) => format!("key-ask n={}", it.ids().len()),
            Frame::Keys(it) => format!("keys n={}", it.keys.len()),
            Frame::Warrant(_) => "warrant".to_owned(),
        },
    }
}
