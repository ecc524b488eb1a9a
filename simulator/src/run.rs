//! A whole run: a venue is founded, a plan carried out, everything heals, and the oracle judges.

use std::collections::{BTreeMap, BTreeSet};

use tallyline_keys::PublicKey;
use tallyline_proto::{
    model::{CloseReason, KeyId, LogName, Open},
    replica::{Command, Founding, KeyView, Phase, Reply},
    rules::Standings,
};

use crate::{
    Device, Meeting, Random, Weather, World, cells,
    oracle::{Look, Sight, Violation, may_read},
    outcome::{DeviceSample, Outcome, Sample},
    plan::{Act, Plan},
    small_event, small_founding,
    trace::{Detail, Kind as Line},
    venue::DeviceNo,
};

/// How long after the last fault all honest devices must agree, in ms of virtual time.
///
/// Source: PROTOCOL R-SYNC-8 (a lost frame is repaired within 60 s), and 30 s for a connection
/// that went silent to be given up.
pub const AGREE_MS: u64 = 120_000;

/// How often everybody looks at the screen, in ms.
const LOOK_MS: u64 = 30 * 60_000;

/// How often a sample is taken for the report, in ms.
const SAMPLE_MS: u64 = 5 * 60_000;

/// Places of [`Sample::copies`]: an entry on eight devices is as safe as it gets.
const COPIES_PLACES: usize = 8;

/// How long the founding of the venue may take, in ms of virtual time.
const FOUNDING_MS: u64 = 600_000;

/// The profile whose days are lived a second time with right clocks.
const CLOCKS: &str = "clocks";

/// What is wanted of a run besides its verdict.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Which lines are written.
    pub detail: Detail,
    /// Whether samples and a timeline are taken for the report.
    pub samples: bool,
    /// Virtual time in ms at which to stop without a verdict; `None`: to the end.
    pub until_ms: Option<u64>,
    /// Invariants of which a break ends the run at the next happening.
    pub stop_at: &'static [&'static str],
}

impl Default for Options {
    fn default() -> Self {
        Self {
            detail: Detail::Hash,
            samples: false,
            until_ms: None,
            stop_at: &[],
        }
    }
}

/// A run that is over.
#[derive(Clone, Debug)]
pub struct Run {
    /// Verdict and figures.
    pub outcome: Outcome,
    /// The lines that were wanted.
    pub lines: Vec<String>,
}

/// Carries out a plan. The same plan gives the same outcome.
///
/// A day of wrong clocks is lived twice, the second time with right ones: the standings must be the
/// same.
pub fn run(plan: &Plan, options: &Options) -> Run {
    let mut run = live(plan, options);
    if plan.profile == CLOCKS && options.until_ms.is_none() && run.outcome.passed() {
        let mut right = plan.clone();
        right
            .happenings
            .retain(|it| !matches!(it.act, Act::Clock { .. }));
        let with_right_clocks = live(&right, &Options::default()).outcome.standings;
        if run.outcome.standings != with_right_clocks {
            run.outcome.violations.push(Violation {
                invariant: "I15".to_owned(),
                at_ms: plan.length_ms,
                what: "with right clocks the day ends with other standings".to_owned(),
            });
        }
    }
    run
}

/// Lives a plan once.
fn live(plan: &Plan, options: &Options) -> Run {
    let mut stage = Stage::found(plan, *options);
    for happening in &plan.happenings {
        if plan.length_ms < happening.at_ms || stage.until(happening.at_ms) {
            break;
        }
        if stage.has_found() {
            return stage.conclude();
        }
        stage.carry_out(&happening.act);
    }
    if !stage.until(plan.length_ms) {
        stage.heal_and_judge();
    }
    stage.conclude()
}

/// A venue while a plan is carried out.
struct Stage<'a> {
    world: World,
    plan: &'a Plan,
    options: Options,
    zero_ms: u64,
    next_look_ms: u64,
    next_sample_ms: u64,
    eyes: Random,
    converged_ms: Option<u64>,
    samples: Vec<Sample>,
    timeline: Vec<(u64, String)>,
}

impl<'a> Stage<'a> {
    /// Founds the venue: a cloud, an owner with a locked event, tablets with a grant each.
    fn found(plan: &'a Plan, options: Options) -> Self {
        let mut world = World::with(plan.seed, Weather::CALM, Meeting::ByItself, options.detail);
        let devices = plan.devices.max(2);
        found_venue(&mut world, devices, (plan.drills, plan.shooters));
        world.network.weather = plan.weather;
        let zero_ms = world.now_ms();
        world.oracle.set_zero(zero_ms);
        world.trace.set_zero(zero_ms);
        Self {
            world,
            plan,
            options,
            zero_ms,
            next_look_ms: LOOK_MS,
            next_sample_ms: 0,
            eyes: Random::stream(plan.seed, "eyes"),
            converged_ms: None,
            samples: Vec::new(),
            timeline: Vec::new(),
        }
    }

    /// Returns whether what the run is to stop at broke.
    fn has_found(&self) -> bool {
        let mut violations = self.world.oracle.violations().iter();
        violations.any(|it| self.options.stop_at.contains(&it.invariant.as_str()))
    }

    fn carry_out(&mut self, act: &Act) {
        if self.options.samples {
            let at_ms = self.world.now_ms().saturating_sub(self.zero_ms);
            self.timeline.push((at_ms, act.to_string()));
        }
        self.world.act(act);
        if let Act::Score { device, .. } | Act::Correct { device, .. } = act
            && self.eyes.chance(125)
        {
            self.world.look(*device);
        }
    }

    /// Lets time pass up to a moment of the plan; returns whether the run is to stop here.
    fn until(&mut self, at_ms: u64) -> bool {
        let wanted_ms = self.options.until_ms.unwrap_or(u64::MAX);
        let end_ms = at_ms.min(wanted_ms);
        loop {
            let next_ms = if self.options.samples {
                self.next_look_ms.min(self.next_sample_ms)
            } else {
                self.next_look_ms
            };
            if end_ms <= next_ms {
                break;
            }
            self.world.run_to(self.zero_ms.saturating_add(next_ms));
            if self.next_sample_ms <= next_ms && self.options.samples {
                self.next_sample_ms = next_ms.saturating_add(SAMPLE_MS);
                self.sample(next_ms);
            }
            if self.next_look_ms <= next_ms {
                self.next_look_ms = next_ms.saturating_add(LOOK_MS);
                self.world.look_everywhere();
            }
        }
        self.world.run_to(self.zero_ms.saturating_add(end_ms));
        wanted_ms <= at_ms
    }

    /// The second phase: everything that can heal heals, then all must agree in time, and nothing
    /// may be lost.
    fn heal_and_judge(&mut self) {
        let healed_ms = self.world.now_ms();
        self.world
            .trace
            .say(healed_ms, None, Line::Oracle, "everything heals");
        self.world.heal_everything();
        let agreed = self
            .world
            .run_until(AGREE_MS, |world| world.all_agree().is_ok());
        if let Ok(took_ms) = agreed {
            self.converged_ms = Some(took_ms);
        } else {
            let why = self.world.all_agree().err().unwrap_or_default();
            let now_ms = self.world.now_ms();
            self.world.oracle.broken("I5", now_ms, why);
        }
        if self.options.samples {
            let at_ms = self.world.now_ms().saturating_sub(self.zero_ms);
            self.sample(at_ms);
        }
        self.world.look_everywhere();
        self.world.judge_the_end();
    }

    fn sample(&mut self, at_ms: u64) {
        let sample = self.world.sample(at_ms);
        self.samples.push(sample);
    }

    fn conclude(mut self) -> Run {
        let world = &mut self.world;
        let owner = world.owner();
        let standings = world.standings_digest(owner);
        let standings = standings.map(|it| blake3::Hash::from(it).to_string());
        let (bytes, frames) = world.traffic();
        let losses = world.network.losses;
        let mut faults = std::mem::take(&mut world.faults);
        for (name, count) in [
            ("frame-lost", losses.lost),
            ("frame-resent", losses.resent),
            ("frame-repeated", losses.repeated),
            ("frame-overtaken", losses.overtaken),
            (
                "sync-lied",
                world
                    .devices
                    .iter()
                    .map(|it| it.platter.counters().lies)
                    .sum(),
            ),
            (
                "power-cut",
                world
                    .devices
                    .iter()
                    .map(|it| it.platter.counters().power_cuts)
                    .sum(),
            ),
        ] {
            if 0 < count {
                faults.insert(name.to_owned(), count);
            }
        }
        let violations = world.oracle.violations().to_vec();
        for it in &violations {
            let words = format!("{} {}", it.invariant, it.what);
            let at_ms = self.zero_ms.saturating_add(it.at_ms);
            world.trace.say(at_ms, None, Line::Oracle, &words);
        }
        let outcome = Outcome {
            seed: self.plan.seed,
            profile: self.plan.profile.clone(),
            devices: world.devices.len(),
            virtual_ms: world.now_ms().saturating_sub(self.zero_ms),
            trace: world.trace.hash(),
            standings,
            violations,
            saved: world.saved,
            refused: world.refused,
            entries: u64::try_from(world.oracle.entries()).unwrap_or(u64::MAX),
            converged_ms: self.converged_ms,
            faults,
            frames,
            bytes,
            looks: world.oracle.looks,
            shown_safe: world.oracle.shown_safe,
            false_safe: world.oracle.false_safe,
            labels: world.devices.iter().map(|it| it.label.clone()).collect(),
            samples: self.samples,
            timeline: self.timeline,
        };
        Run {
            outcome,
            lines: world.trace.take_lines(),
        }
    }
}

/// Founds a venue whose devices meet by themselves: device 0 owns the event, the next ones are
/// tablets with a squad or more each, the last is the cloud.
///
/// # Panics
/// If in calm weather an event cannot be founded: a fault of the product that no seed is needed for.
pub(crate) fn found_venue(world: &mut World, devices: usize, (drills, shooters): (u32, u32)) {
    let mut all: Vec<DeviceNo> = Vec::new();
    for no in 0..devices {
        let label = if no == 0 {
            "owner".to_owned()
        } else {
            format!("tablet-{no}")
        };
        all.push(world.add(&label, false));
    }
    let cloud = world.add("cloud", true);
    let tablets = u32::try_from(devices.saturating_sub(1)).unwrap_or(1).max(1);
    let squad_size = shooters.div_ceil(tablets).max(1);
    let structure = small_event(drills, shooters, squad_size);
    let founding = Founding {
        name: "Simulated match".to_owned(),
        cloud: world
            .devices
            .get(cloud)
            .map(Device::key)
            .into_iter()
            .collect(),
        ..small_founding(world.random(), structure)
    };
    let founded = world.command(0, Command::Found(founding));
    assert!(
        matches!(founded, Some(Reply::Founded(_))),
        "the event is founded: {founded:?}"
    );
    let locked = world.command(0, Command::Lock);
    assert_eq!(locked, Some(Reply::Locked), "the event is locked");
    for &no in all.iter().skip(1) {
        let ticket = world.invite(0);
        let reply = world.command(no, Command::Join(ticket));
        assert_eq!(reply, Some(Reply::Joining), "the ticket is taken");
    }
    let joined = world.run_until(FOUNDING_MS, |world| {
        let mut venue = all.iter().filter_map(|no| world.devices.get(*no));
        venue.all(|it| it.replica.phase() == Phase::Member)
    });
    assert!(joined.is_ok(), "everybody joins");
    let opens = all.iter().skip(1).zip(1_u32..);
    let opens = opens
        .filter_map(|(no, squad)| {
            Some(Open {
                key: world.devices.get(*no)?.key(),
                cells: cells(&[], &[squad]),
                until_ms: None,
            })
        })
        .collect();
    let assigned = world.command(
        0,
        Command::Assign {
            closing: Vec::new(),
            reason: CloseReason::Handover,
            opens,
        },
    );
    assert!(
        matches!(assigned, Some(Reply::Assigned(_))),
        "the grants are opened: {assigned:?}"
    );
    let agreed = world.run_until(FOUNDING_MS, |world| world.all_agree().is_ok());
    assert!(agreed.is_ok(), "everybody agrees: {:?}", world.all_agree());
}

impl World {
    /// Lets somebody look at a device's screen, if it runs.
    pub(crate) fn look(&mut self, device: DeviceNo) -> (u64, u64, u64) {
        let linked_since = (0..self.devices.len())
            .map(|other| self.linked_since(device, other))
            .collect();
        let now_ms = self.now_ms();
        match self.devices.get_mut(device) {
            Some(it) if it.runs() => self.oracle.look(Look {
                device,
                now_ms,
                replica: &mut it.replica,
                linked_since,
            }),
            _ => (0, 0, 0),
        }
    }

    /// Lets somebody look at every screen.
    pub(crate) fn look_everywhere(&mut self) {
        for device in 0..self.devices.len() {
            self.look(device);
            self.judge_lies(device);
        }
    }

    /// Returns whether every honest device that may read a text holds the key that another one has.
    fn keys_are_read(&self) -> Result<(), String> {
        let honest = self.honest();
        let replicas = honest.iter().filter_map(|no| self.devices.get(*no));
        let held: Vec<(PublicKey, Vec<KeyView>)> =
            replicas.map(|it| (it.key(), it.replica.keys())).collect();
        for (no, (key, own)) in honest.iter().zip(&held) {
            let Some(it) = self.devices.get(*no) else {
                continue;
            };
            let own: BTreeSet<KeyId> = own.iter().map(|it| it.id).collect();
            let others = held.iter().filter(|(other, _)| other != key);
            let missing = others
                .flat_map(|(_, keys)| keys)
                .find(|key| !own.contains(&key.id) && may_read(&it.replica, key.readers));
            if let Some(missing) = missing {
                return Err(format!("device {no} may read and lacks {missing:?}"));
            }
        }
        Ok(())
    }

    /// Returns the devices that tell the truth and run.
    fn honest(&self) -> Vec<DeviceNo> {
        (0..self.devices.len())
            .filter(|no| self.devices.get(*no).is_some_and(Device::runs))
            .filter(|no| {
                self.oracle
                    .card(*no)
                    .is_some_and(|card| !card.liar && !card.gone)
            })
            .collect()
    }

    /// Returns whether all honest devices hold the same logs and every key that they may hold and
    /// somebody else has, and all know that the cloud has them.
    ///
    /// # Errors
    /// What differs.
    pub(crate) fn all_agree(&self) -> Result<(), String> {
        let honest = self.honest();
        let mut first: Option<(DeviceNo, [u8; 32])> = None;
        for no in honest {
            let Some(it) = self.devices.get(no) else {
                continue;
            };
            let digest = it.replica.state_digest();
            match first {
                None => first = Some((no, digest)),
                Some((other, held)) if held != digest => {
                    return Err(format!(
                        "devices {other} and {no} hold different logs: {}",
                        self.difference(other, no)
                    ));
                }
                Some(_) => {}
            }
        }
        self.keys_are_read()?;
        for no in self.honest() {
            let Some(it) = self.devices.get(no) else {
                continue;
            };
            if it.kind == crate::venue::Kind::Cloud {
                continue;
            }
            for log in it.replica.logs() {
                if log.cloud < log.height && !log.forked {
                    return Err(format!(
                        "device {no} knows {} of {} entries of {}'s log {:016x} to be in the cloud",
                        log.cloud, log.height, log.label, log.name.incarnation.0
                    ));
                }
            }
        }
        Ok(())
    }

    fn difference(&self, one: DeviceNo, other: DeviceNo) -> String {
        let heights = |no: DeviceNo| {
            let sight = self.devices.get(no).map(|it| Sight::of(&it.replica));
            sight.unwrap_or_default().heights
        };
        let (left, right) = (heights(one), heights(other));
        let mut words = Vec::new();
        for name in left.keys().chain(right.keys()) {
            let (mine, theirs) = (left.get(name), right.get(name));
            if mine != theirs {
                let line = format!("{:016x} {mine:?}/{theirs:?}", name.incarnation.0);
                if !words.contains(&line) {
                    words.push(line);
                }
            }
        }
        if words.is_empty() {
            "equal heights, other content".to_owned()
        } else {
            words.join(", ")
        }
    }

    /// Judges what is there after everything healed.
    pub(crate) fn judge_the_end(&mut self) {
        let now_ms = self.now_ms();
        let mut held: BTreeMap<LogName, u64> = BTreeMap::new();
        let honest = self.honest();
        for no in &honest {
            let Some(it) = self.devices.get_mut(*no) else {
                continue;
            };
            for (log, height) in Sight::of(&it.replica).heights {
                let best = held.entry(log).or_insert(0);
                *best = height.max(*best);
            }
            let problems = it.replica.verify().problems;
            let problems: Vec<_> = problems
                .into_iter()
                .filter(|it| !it.contains("forked"))
                .collect();
            if let Some(problem) = problems.first() {
                let what = format!("device {no} holds what does not verify: {problem}");
                self.oracle.broken("I3", now_ms, what);
            }
        }
        for no in &honest {
            self.judge_lies(*no);
        }
        self.oracle.nothing_lost(now_ms, &held);
        if let Some(&no) = honest.first()
            && let Some(it) = self.devices.get_mut(no)
        {
            self.oracle.judge_authority(no, now_ms, &mut it.replica);
        }
    }

    /// Returns the standings of a device, without a name of an entry or a time: what two runs with
    /// other clocks must have in common.
    pub(crate) fn standings_digest(&mut self, device: DeviceNo) -> Option<[u8; 32]> {
        let it = self.devices.get_mut(device)?;
        let book = it.replica.book()?;
        let roster = it.replica.roster()?;
        Some(Standings::compute(roster, &book).digest())
    }

    /// Looks at the venue from outside.
    pub(crate) fn sample(&mut self, at_ms: u64) -> Sample {
        let mut holders: BTreeMap<LogName, Vec<u64>> = BTreeMap::new();
        let mut union: BTreeMap<LogName, u64> = BTreeMap::new();
        let count = self.devices.len();
        let mut everywhere: Option<BTreeMap<LogName, u64>> = None;
        let mut cloud = 0;
        for no in 0..count {
            let Some(card) = self.oracle.card(no).filter(|card| !card.gone) else {
                continue;
            };
            for (log, height) in card.heights() {
                holders.entry(*log).or_default().push(*height);
                let best = union.entry(*log).or_insert(0);
                *best = (*height).max(*best);
            }
            if card.cloud {
                cloud = card.heights().values().sum::<u64>().max(cloud);
            }
            let runs = self.devices.get(no).is_some_and(Device::runs);
            if runs && !card.liar {
                let mine = card.heights();
                everywhere = Some(match everywhere {
                    None => mine.clone(),
                    Some(all) => all
                        .into_iter()
                        .map(|(log, height)| {
                            (log, height.min(mine.get(&log).copied().unwrap_or(0)))
                        })
                        .collect(),
                });
            }
        }
        let mut copies = vec![0_u64; COPIES_PLACES];
        for heights in holders.values_mut() {
            heights.sort_unstable_by(|one, next| next.cmp(one));
            // Between two heights every entry has as many holders as devices reach so far.
            for (place, height) in heights.iter().enumerate() {
                let next = heights.get(place.saturating_add(1)).copied().unwrap_or(0);
                let slot = place.min(COPIES_PLACES.saturating_sub(1));
                if let Some(sum) = copies.get_mut(slot) {
                    *sum = sum.saturating_add(height.saturating_sub(next));
                }
            }
        }
        let devices = (0..count).map(|no| self.device_sample(no)).collect();
        Sample {
            at_ms,
            entries: union.values().sum(),
            everywhere: everywhere.map_or(0, |all| all.values().sum()),
            cloud,
            copies,
            devices,
        }
    }

    fn device_sample(&mut self, no: DeviceNo) -> DeviceSample {
        let (own, own_shown_safe, own_really_safe) = self.look(no);
        let reached = (0..self.devices.len())
            .find(|other| *other == no || self.topology.both_hear(*other, no));
        let bytes = self.traffic.get(no).map_or(0, |it| it.bytes);
        let holds = self
            .oracle
            .card(no)
            .map_or(0, |card| card.heights().values().sum());
        DeviceSample {
            running: self.devices.get(no).is_some_and(Device::runs),
            group: reached.unwrap_or(no),
            holds,
            bytes_sent: bytes,
            own,
            own_shown_safe,
            own_really_safe,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::day::{Wish, draw};

    #[test]
    fn the_same_seed_gives_the_same_day_and_another_seed_another() {
        let wish = Wish {
            hours: Some(2),
            ..Wish::default()
        };
        let trace = |seed| run(&draw(seed, &wish), &Options::default()).outcome.trace;
        let mut traces = BTreeSet::new();
        for seed in 1..=6 {
            assert_eq!(trace(seed), trace(seed), "seed {seed}");
            traces.insert(trace(seed));
        }
        assert_eq!(traces.len(), 6, "six days");
    }

    #[test]
    fn what_is_written_out_changes_nothing() {
        let wish = Wish {
            hours: Some(1),
            profile: Some("everything".to_owned()),
            ..Wish::default()
        };
        let plan = draw(3, &wish);
        let hashed = run(&plan, &Options::default()).outcome;
        let everything = Options {
            detail: Detail::Everything,
            samples: true,
            ..Options::default()
        };
        let written = run(&plan, &everything);
        assert_eq!(hashed.trace, written.outcome.trace, "the hash");
        assert!(!written.lines.is_empty(), "there are lines");
        assert!(!written.outcome.samples.is_empty(), "there are samples");
    }
}
