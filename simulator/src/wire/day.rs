//! A day on the simulated field: what people do, what goes wrong, and that it heals.

use std::time::Duration;

use tallyline_proto::model::{CloseReason, Open};
use tallyline_proto::replica::{Command, Phase};

use super::crypto;
use super::field::{DRILLS, Field, SQUAD, Started};
use super::udp::Weather;
use super::{Options, Outcome, Profile};
use crate::venue::{DeviceNo, Kind};
use crate::{Crash, Ending, cells, score};

/// How long a join by ticket may take while nothing else goes wrong.
const JOIN_TIME: Duration = Duration::from_secs(30);

/// How long after the last fault all devices must agree, in ms: silence ends a dead connection
/// within 15 s, a lost peer is dialled every 10 s at most, the cloud every 60 s.
const HEAL_MS: u64 = 90_000;

/// How long after that every screen must show every entry as safe in the cloud, in ms: presences
/// and receipts go round once a minute.
const SAFE_MS: u64 = 120_000;

/// How soon a device is switched on again that did not start, in ms.
const AGAIN_MS: u64 = 2_000;

/// How long before its end a bad day falls to pieces, in ms: longer than silence takes to end a
/// connection.
const LAST_MS: u64 = 45_000;

/// How often devices are compared while they heal, in ms.
const COMPARE_MS: u64 = 250;

/// What goes on at the moment, and until when, in ms since the start.
#[derive(Debug)]
struct Troubles {
    /// Devices that are off, and when they are switched on again.
    off: Vec<(DeviceNo, u64)>,
    /// Devices whose disk is full.
    full: Vec<(DeviceNo, u64)>,
    /// Devices without internet that had it.
    offline: Vec<(DeviceNo, u64)>,
    partition_ms: u64,
    one_way_ms: u64,
    storm_ms: u64,
    /// The weather between storms.
    fair: Weather,
    gateways: Vec<DeviceNo>,
}

/// Lives through one day.
pub(super) async fn live(seed: u64, options: Options) -> Outcome {
    let fair = match options.profile {
        Profile::Calm => Weather::CALM,
        Profile::Corrupt => Weather {
            corrupt_permille: 200,
            ..Weather::CALM
        },
        Profile::Faults => Weather::ROUGH,
    };
    let mut field = Field::new(seed, Weather::CALM, options.lines);
    let mut outcome = Outcome {
        seed,
        ..Outcome::default()
    };
    match set_up(&mut field, options).await {
        Ok(gateways) => pass(&mut field, options, (fair, gateways), &mut outcome).await,
        Err(why) => field.trace.violation(why),
    }
    for no in 0..field.devices.len() {
        field.stop(no).await;
    }
    finish(&field, outcome)
}

/// Founds the event and lets all tablets but the last one in.
async fn set_up(field: &mut Field, options: Options) -> Result<Vec<DeviceNo>, String> {
    field.add("Owner", Kind::Tablet)?;
    for no in 1..=options.tablets {
        field.add(&format!("Tablet {no}"), Kind::Tablet)?;
    }
    let cloud = field.add("Cloud", Kind::Cloud)?;
    let gateways = vec![0, 1];
    for gateway in &gateways {
        field.stop(*gateway).await;
        field.uplink(*gateway, cloud);
        field.start(*gateway)?;
    }
    let squads = u32::try_from(options.tablets).unwrap_or(1);
    field.found(&[cloud], squads).await?;
    for no in 1..options.tablets.max(2) {
        let ticket = field.invite().await?;
        field.join(no, ticket, JOIN_TIME).await?;
        grant(field, no).await?;
    }
    Ok(gateways)
}

/// Opens the grant of a tablet: every drill of its own squad.
async fn grant(field: &mut Field, no: DeviceNo) -> Result<(), String> {
    let squad = u32::try_from(no).unwrap_or(1);
    let key = field.devices.get(no).ok_or("no such device")?.key;
    let assign = Command::Assign {
        closing: Vec::new(),
        reason: CloseReason::Handover,
        opens: vec![Open {
            key,
            cells: cells(&[], &[squad]),
            until_ms: None,
        }],
    };
    field.must(0, assign).await.map(drop)
}

/// The day itself, its end, and what must have come of it.
async fn pass(
    field: &mut Field,
    options: Options,
    (fair, gateways): (Weather, Vec<DeviceNo>),
    outcome: &mut Outcome,
) {
    let mut troubles = Troubles::none(fair, gateways);
    field.ether.set_weather(fair);
    let strangers = if options.strangers {
        let strangers = let_strangers_try(field).await;
        strangers.unwrap_or_else(|why| {
            field.trace.violation(why);
            Vec::new()
        })
    } else {
        Vec::new()
    };
    let begin_ms = field.trace.now_ms();
    let end_ms = begin_ms + options.minutes * 60_000;
    if let Err(why) = late_join(field, options.tablets).await {
        field.trace.violation(why);
    }
    // Until here joiners dialled whoever they heard of and turned away from all but the inviter.
    crypto::reset_counts();
    let mut second = 0;
    while field.trace.now_ms() < end_ms {
        second += 1;
        let at_ms = begin_ms + second * 1_000 + field.random.below(1_000);
        field.until(at_ms).await;
        work(field, options.tablets).await;
        if second % 10 == 0 {
            field.announce();
        }
        if second % 15 == 0 {
            let no = field
                .random
                .below(u64::try_from(options.tablets + 2).unwrap_or(1));
            field.check_screen(usize::try_from(no).unwrap_or(0)).await;
        }
        if options.profile == Profile::Faults && end_ms < at_ms + LAST_MS {
            troubles.end_badly(field, options.tablets);
        }
        let broken = match options.profile {
            Profile::Faults => troubles.pass(field, options.tablets).await,
            Profile::Calm if second % 60 == 0 => restart(field, options.tablets).await,
            Profile::Calm | Profile::Corrupt => Ok(()),
        };
        if let Err(why) = broken {
            field.trace.violation(why);
        }
    }
    if let Err(why) = troubles.heal(field).await {
        field.trace.violation(why);
    }
    judge(field, &strangers, outcome).await;
}

/// The last tablet comes late and joins through the weather of the day.
async fn late_join(field: &mut Field, tablets: usize) -> Result<(), String> {
    if tablets < 2 {
        return Ok(());
    }
    let ticket = field.invite().await?;
    field.join(tablets, ticket, JOIN_TIME).await?;
    grant(field, tablets).await
}

/// An RO may enter a score.
async fn work(field: &mut Field, tablets: usize) {
    if !field.random.chance(250) {
        return;
    }
    let tablet = field.random.between(1, u64::try_from(tablets).unwrap_or(1));
    let squad = u32::try_from(tablet).unwrap_or(1);
    let drill = 1 + field.random.below(u64::from(DRILLS));
    let drill = u32::try_from(drill).unwrap_or(1);
    let place = u32::try_from(field.random.below(u64::from(SQUAD))).unwrap_or(0);
    let shooter = (squad - 1) * SQUAD + 1 + place;
    let centis = u32::try_from(field.random.between(800, 4_000)).unwrap_or(800);
    let a = u8::try_from(field.random.below(5)).unwrap_or(0);
    let no = usize::try_from(tablet).unwrap_or(1);
    field
        .record(no, (drill, shooter), score(drill, shooter, centis, a))
        .await;
}

/// A tablet is switched off in order and on again.
async fn restart(field: &mut Field, tablets: usize) -> Result<(), String> {
    let no = field.random.below(u64::try_from(tablets + 2).unwrap_or(1));
    let no = usize::try_from(no).unwrap_or(0);
    field.trace.count("restart");
    field.stop(no).await;
    field.start(no).map(drop)
}

/// Adds a device that knows the manifest, and one with a ticket that somebody used before.
async fn let_strangers_try(field: &mut Field) -> Result<Vec<DeviceNo>, String> {
    let manifest = field.devices.first().and_then(|owner| owner.manifest.get());
    let knowing = field.add("Knowing", Kind::Tablet)?;
    field.kill(knowing, false).await;
    if let Some(device) = field.devices.get(knowing) {
        device.manifest.set(manifest);
    }
    field.start(knowing)?;
    let late = field.add("Late", Kind::Tablet)?;
    let ticket = field.invite().await?;
    let first = field.add("First", Kind::Tablet)?;
    field.join(first, ticket.clone(), JOIN_TIME).await?;
    field.must(late, Command::Join(ticket)).await?;
    Ok(vec![knowing, late])
}

impl Troubles {
    fn none(fair: Weather, gateways: Vec<DeviceNo>) -> Self {
        Self {
            off: Vec::new(),
            full: Vec::new(),
            offline: Vec::new(),
            partition_ms: 0,
            one_way_ms: 0,
            storm_ms: 0,
            fair,
            gateways,
        }
    }

    /// One second of a bad day.
    async fn pass(&mut self, field: &mut Field, tablets: usize) -> Result<(), String> {
        self.mend(field, field.trace.now_ms()).await?;
        self.bury(field).await;
        if field.random.chance(40) {
            self.strike(field, tablets).await;
        }
        Ok(())
    }

    /// Ends what is over.
    async fn mend(&mut self, field: &mut Field, now_ms: u64) -> Result<(), String> {
        let due: Vec<_> = self
            .off
            .extract_if(.., |(_, at_ms)| *at_ms <= now_ms)
            .collect();
        for (no, _) in due {
            if field.start(no)? == Started::No {
                self.off.push((no, field.trace.now_ms() + AGAIN_MS));
                continue;
            }
            if let Some(seen) = field.see(no).await {
                field.has_saved(no, &seen);
            }
        }
        for (no, _) in self.full.extract_if(.., |(_, at_ms)| *at_ms <= now_ms) {
            field.trace.say(&format!("#{no} has room"));
            if let Some(device) = field.devices.get(no) {
                device.card.capacity(u64::MAX);
            }
        }
        for (no, _) in self.offline.extract_if(.., |(_, at_ms)| *at_ms <= now_ms) {
            field.online.insert(no);
        }
        if self.partition_ms <= now_ms {
            field.groups.clear();
            self.partition_ms = 0;
        }
        if self.one_way_ms <= now_ms {
            field.one_way.clear();
        }
        if self.storm_ms <= now_ms {
            field.ether.set_weather(self.fair);
        }
        field.weave();
        Ok(())
    }

    /// A device whose power went in the middle of a commit is off.
    async fn bury(&mut self, field: &mut Field) {
        for no in 0..field.devices.len() {
            let gone = field
                .devices
                .get(no)
                .is_some_and(|device| device.process.is_some() && device.card.is_gone());
            if gone {
                field.kill(no, false).await;
                let back_ms = field.trace.now_ms() + field.random.between(500, 30_000);
                self.off.push((no, back_ms));
            }
        }
    }

    /// Something goes wrong.
    async fn strike(&mut self, field: &mut Field, tablets: usize) {
        let now_ms = field.trace.now_ms();
        let until_ms = now_ms + field.random.between(3_000, 60_000);
        let devices = u64::try_from(tablets + 2).unwrap_or(1);
        let no = usize::try_from(field.random.below(devices)).unwrap_or(0);
        let lan = usize::try_from(field.random.below(devices - 1)).unwrap_or(0);
        let other = usize::try_from(field.random.below(devices - 1)).unwrap_or(0);
        match field.random.below(10) {
            0 if self.partition_ms != u64::MAX => {
                field.trace.count("partition");
                for device in 0..=tablets {
                    field.groups.insert(device, field.random.below(2));
                }
                self.partition_ms = self.partition_ms.max(until_ms);
            }
            1 if lan != other => {
                field.trace.count("one-way");
                field.one_way.insert((lan, other));
                self.one_way_ms = until_ms;
            }
            2 | 3 => self.switch_off(field, no, until_ms).await,
            4 => {
                field.trace.count("power-cut-in-commit");
                let nth = field.random.between(1, 12);
                if let Some(device) = field.devices.get(no) {
                    device.card.crash_at(Crash::After(nth, Ending::PowerCut));
                }
            }
            5 => {
                field.trace.count("new-address");
                field.readdress(lan);
            }
            6 => {
                field.trace.count("storm");
                field.ether.set_weather(Weather::STORM);
                self.storm_ms = until_ms;
            }
            7 => {
                field.trace.count("no-internet");
                let place = field.random.below(2);
                let gateway = usize::try_from(place).ok();
                if let Some(no) = gateway.and_then(|it| self.gateways.get(it)) {
                    field.online.remove(no);
                    self.offline.push((*no, until_ms));
                }
            }
            8 => {
                field.trace.count("full-disk");
                field.trace.say(&format!("#{no} is full"));
                if let Some(device) = field.devices.get(no) {
                    device.card.capacity(0);
                    self.full.push((no, until_ms));
                }
            }
            _ => {
                field.trace.count("wrong-clock");
                let wall_ms = field.random.below(4_000_000_000_000);
                if let Some(device) = field.devices.get(no) {
                    device.wall.set(wall_ms);
                }
            }
        }
        field.weave();
    }

    /// The day ends with a network in pieces: every second device is cut off, and nobody has
    /// internet, so that what has to heal is as much as can be.
    fn end_badly(&mut self, field: &mut Field, tablets: usize) {
        if self.partition_ms == u64::MAX {
            return;
        }
        field.trace.count("last-partition");
        for device in 0..=tablets {
            field
                .groups
                .insert(device, u64::try_from(device).unwrap_or(0) % 2);
        }
        self.partition_ms = u64::MAX;
        for no in std::mem::take(&mut field.online) {
            self.offline.push((no, u64::MAX));
        }
        field.weave();
    }

    /// A process ends, in one of three ways.
    async fn switch_off(&mut self, field: &mut Field, no: DeviceNo, until_ms: u64) {
        let runs = field.devices.get(no).is_some_and(|it| it.process.is_some());
        if !runs {
            return;
        }
        match field.random.below(3) {
            0 => {
                field.trace.count("stop");
                field.stop(no).await;
            }
            1 => {
                field.trace.count("kill");
                field.kill(no, false).await;
            }
            _ => {
                field.trace.count("power-cut");
                field.kill(no, true).await;
            }
        }
        self.off.push((no, until_ms));
    }

    /// Ends everything that goes wrong.
    async fn heal(&mut self, field: &mut Field) -> Result<(), String> {
        field.trace.say("everything heals");
        for device in &field.devices {
            // What has not struck by now must not strike while devices are compared.
            device.card.disarm();
        }
        self.bury(field).await;
        self.fair = Weather::CALM;
        self.storm_ms = 0;
        self.mend(field, u64::MAX).await?;
        field.ether.set_weather(Weather::CALM);
        field.announce();
        Ok(())
    }
}

/// Waits until everybody agrees, and until everything is shown as safe.
async fn judge(field: &mut Field, strangers: &[DeviceNo], outcome: &mut Outcome) {
    let healed_ms = field.trace.now_ms();
    let honest: Vec<DeviceNo> = (0..field.devices.len())
        .filter(|no| !strangers.contains(no))
        .collect();
    let mut agreed = None;
    while agreed.is_none() && field.trace.now_ms() < healed_ms + HEAL_MS {
        field.until(field.trace.now_ms() + COMPARE_MS).await;
        agreed = field.agree(&honest).await;
    }
    outcome.converged_ms = agreed.map(|_| field.trace.now_ms() - healed_ms);
    if outcome.converged_ms.is_none() {
        differences(field, &honest).await;
    }
    let mut announced_ms = field.trace.now_ms();
    while field.trace.now_ms() < healed_ms + HEAL_MS + SAFE_MS {
        let mut safe = true;
        for no in &honest {
            let cloud = field
                .devices
                .get(*no)
                .is_some_and(|it| it.kind == Kind::Cloud);
            safe &= cloud || field.see(*no).await.is_some_and(|it| it.all_in_cloud());
        }
        if safe {
            outcome.safe_ms = Some(field.trace.now_ms() - healed_ms);
            break;
        }
        field.until(field.trace.now_ms() + COMPARE_MS).await;
        if announced_ms + 10_000 <= field.trace.now_ms() {
            announced_ms = field.trace.now_ms();
            field.announce();
        }
    }
    if outcome.safe_ms.is_none() {
        let what = "not every screen shows every entry as safe in the cloud";
        field.trace.violation(what.to_owned());
    }
    for no in &honest {
        field.check_screen(*no).await;
        verify(field, *no).await;
    }
    for no in strangers {
        got_nothing(field, *no).await;
    }
}

/// Says who differs from the first device.
async fn differences(field: &mut Field, devices: &[DeviceNo]) {
    let mut words = Vec::new();
    for no in devices {
        let seen = field.see(*no).await;
        words.push(match seen {
            Some(seen) => format!("#{no} shows {} entries", seen.count()),
            None => format!("#{no} does not answer"),
        });
    }
    let saved = field.saved();
    field.trace.violation(format!(
        "no agreement within {HEAL_MS} ms: {}; {saved} were said to be saved",
        words.join(", ")
    ));
}

/// Checks every hash and signature of a device.
async fn verify(field: &Field, no: DeviceNo) {
    let Some(device) = field.devices.get(no) else {
        return;
    };
    if let Ok(report) = device.look(|replica, _| replica.verify()).await {
        for problem in report.problems {
            field.trace.violation(format!("device {no}: {problem}"));
        }
    }
}

/// Checks that a device that was never admitted has nothing of the event.
async fn got_nothing(field: &Field, no: DeviceNo) {
    let Some(device) = field.devices.get(no) else {
        return;
    };
    let got = device
        .look(|replica, _| {
            let entries: u64 = replica.logs().iter().map(|log| log.height).sum();
            (entries, replica.phase(), replica.members().len())
        })
        .await;
    let Ok((entries, phase, members)) = got else {
        field
            .trace
            .violation(format!("stranger {no} does not answer"));
        return;
    };
    field.trace.say(&format!(
        "#{no} is {phase:?} and has {entries} entries of {members} members"
    ));
    if 0 < entries || (phase == Phase::Member && device.manifest.get().is_none()) {
        field.trace.violation(format!(
            "stranger {no} is {phase:?} and got {entries} entries"
        ));
    }
}

fn finish(field: &Field, mut outcome: Outcome) -> Outcome {
    let figures = field.ether.figures();
    let (peers_up, frames) = field.counts();
    outcome.virtual_ms = field.trace.now_ms();
    outcome.datagrams = figures.datagrams;
    outcome.bytes = figures.bytes;
    outcome.largest_datagram = figures.largest;
    outcome.agreements = crypto::agreements();
    outcome.verifications = crypto::verifications();
    outcome.peers_up = peers_up;
    outcome.frames = frames;
    outcome.saved = field.saved();
    outcome.refused = field.tally.refused;
    outcome.looked_at = field.tally.looked_at;
    outcome.shown_safe = field.tally.shown_safe;
    (
        outcome.trace,
        outcome.lines,
        outcome.faults,
        outcome.violations,
    ) = field.trace.finish();
    outcome
}
