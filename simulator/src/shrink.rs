//! Finds the smallest schedule that still fails: delta debugging over what happens, then a
//! smaller venue, a shorter day and a calm network.
//!
//! Every candidate is run, so the number of runs is bounded. Nothing is guessed: what comes out
//! was seen to fail.

use std::collections::BTreeMap;

use crate::plan::{Act, Happening, Plan, Weather};
use crate::venue::DeviceNo;

/// Devices below which no venue is made: the owner and one more.
const DEVICES_MIN: usize = 2;

/// A day is not made shorter than this: one minute, so that everybody has met.
const LENGTH_MIN_MS: u64 = 60_000;

/// What stays after the last happening when the day is made shorter, in ms.
const TAIL_MS: u64 = 1_000;

/// What came out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shrunk {
    /// The smallest plan that was seen to fail.
    pub plan: Plan,
    /// Runs that were made.
    pub runs: u32,
    /// Whether nothing smaller is left to try; if not, the runs were used up.
    pub complete: bool,
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Runs so far.
    pub runs: u32,
    /// Happenings of the smallest failing plan so far.
    pub happenings: usize,
    /// Devices of it.
    pub devices: usize,
    /// Its length in ms.
    pub length_ms: u64,
}

/// Finds the smallest plan for which `fails` holds, in at most `runs_max` runs; `None`: the plan
/// itself does not fail.
///
/// `fails` must tell whether the same promise breaks, and the same each time.
pub fn shrink(
    plan: &Plan,
    runs_max: u32,
    fails: &mut dyn FnMut(&Plan) -> bool,
    tell: &mut dyn FnMut(Progress),
) -> Option<Shrunk> {
    let mut search = Search {
        best: plan.clone(),
        runs: 0,
        runs_max,
        tried: BTreeMap::new(),
        fails,
        tell,
    };
    if !search.holds(plan) {
        return None;
    }
    search.all();
    Some(Shrunk {
        complete: search.runs < runs_max,
        runs: search.runs,
        plan: search.best,
    })
}

/// The smallest failing plan so far, and what was tried.
struct Search<'a> {
    best: Plan,
    runs: u32,
    runs_max: u32,
    /// By the hash of the plan, so that none is run twice.
    tried: BTreeMap<[u8; 32], bool>,
    fails: &'a mut dyn FnMut(&Plan) -> bool,
    tell: &'a mut dyn FnMut(Progress),
}

impl Search<'_> {
    /// Tries everything again until nothing helps.
    fn all(&mut self) {
        loop {
            let before = self.best.clone();
            self.happenings();
            self.devices();
            self.length();
            self.weather();
            self.match_size();
            if self.best == before || self.spent() {
                return;
            }
        }
    }

    /// Leaves out ever smaller pieces of the schedule, down to single happenings.
    fn happenings(&mut self) {
        let mut piece = self.best.happenings.len().div_ceil(2);
        while piece > 0 && !self.spent() {
            // From the end: what came after the failure goes first, and in large pieces.
            let mut end = self.best.happenings.len();
            while end > 0 {
                let start = end.saturating_sub(piece);
                let mut plan = self.best.clone();
                plan.happenings.drain(start..end);
                self.take_if_it_fails(plan);
                end = start;
            }
            piece /= 2;
        }
    }

    /// Takes devices away, the highest numbers first: half of them, then one at a time.
    fn devices(&mut self) {
        let half = self.best.devices.div_ceil(2).max(DEVICES_MIN);
        self.take_if_it_fails(with_devices(&self.best, half));
        while self.best.devices > DEVICES_MIN && !self.spent() {
            let fewer = with_devices(&self.best, self.best.devices - 1);
            if !self.take_if_it_fails(fewer) {
                return;
            }
        }
    }

    /// Ends the day right after the last happening, or halves what is left.
    fn length(&mut self) {
        let last_ms = self.best.happenings.last().map_or(0, |last| last.at_ms);
        let shortest = last_ms.saturating_add(TAIL_MS).max(LENGTH_MIN_MS);
        let mut length_ms = shortest;
        while length_ms < self.best.length_ms && !self.spent() {
            let plan = Plan {
                length_ms,
                ..self.best.clone()
            };
            if self.take_if_it_fails(plan) {
                return;
            }
            length_ms = length_ms.saturating_mul(2);
        }
    }

    /// Calms the network: all at once, else each of its evils alone.
    fn weather(&mut self) {
        let now = self.best.weather;
        let calm = Weather::CALM;
        let candidates = [
            calm,
            Weather {
                loss_permille: 0,
                burst: 1,
                ..now
            },
            Weather {
                duplicate_permille: 0,
                ..now
            },
            Weather {
                delay_ms_min: calm.delay_ms_min,
                delay_ms_max: calm.delay_ms_max,
                ..now
            },
        ];
        for weather in candidates {
            if self.best.weather != calm {
                let plan = Plan {
                    weather,
                    ..self.best.clone()
                };
                self.take_if_it_fails(plan);
            }
        }
    }

    /// Takes drills and shooters away that nothing happens with.
    fn match_size(&mut self) {
        let acts = || self.best.happenings.iter().map(|it| &it.act);
        let drills = acts().filter_map(drill_of).max().unwrap_or(1);
        let shooters = acts().flat_map(shooters_of).max().unwrap_or(1);
        let smaller = Plan {
            drills: drills.clamp(1, self.best.drills.max(1)),
            shooters: shooters.clamp(1, self.best.shooters.max(1)),
            ..self.best.clone()
        };
        self.take_if_it_fails(smaller);
    }

    /// Runs a candidate that differs; keeps it if it fails, and returns whether it did.
    fn take_if_it_fails(&mut self, plan: Plan) -> bool {
        if plan == self.best || !self.holds(&plan) {
            return false;
        }
        self.best = plan;
        self.report();
        true
    }

    /// Runs a plan unless it was run before or the runs are used up.
    fn holds(&mut self, plan: &Plan) -> bool {
        let text = serde_json::to_vec(plan).unwrap_or_default();
        let hash = *blake3::hash(&text).as_bytes();
        if let Some(&known) = self.tried.get(&hash) {
            return known;
        }
        if self.spent() {
            return false;
        }
        self.runs += 1;
        let fails = (self.fails)(plan);
        self.tried.insert(hash, fails);
        self.report();
        fails
    }

    fn spent(&self) -> bool {
        self.runs >= self.runs_max
    }

    fn report(&mut self) {
        (self.tell)(Progress {
            runs: self.runs,
            happenings: self.best.happenings.len(),
            devices: self.best.devices,
            length_ms: self.best.length_ms,
        });
    }
}

/// Returns a plan without the devices from a number on, and without what they did.
fn with_devices(plan: &Plan, devices: usize) -> Plan {
    let inside = |it: &Happening| {
        within(&it.act, devices).map(|act| Happening {
            at_ms: it.at_ms,
            act,
        })
    };
    Plan {
        devices,
        happenings: plan.happenings.iter().filter_map(inside).collect(),
        ..plan.clone()
    }
}

/// Returns an act without the devices from a number on; `None` if it is about one of them.
fn within(act: &Act, devices: usize) -> Option<Act> {
    let inside = |it: &DeviceNo| *it < devices;
    match act {
        Act::Partition { groups } => {
            let groups = groups
                .iter()
                .map(|group| group.iter().copied().filter(inside).collect())
                .filter(|group: &Vec<DeviceNo>| !group.is_empty());
            Some(Act::Partition {
                groups: groups.collect(),
            })
        }
        Act::Chain { devices: chain } => Some(Act::Chain {
            devices: chain.iter().copied().filter(inside).collect(),
        }),
        Act::Handover { from, to, .. } | Act::OneWay { from, to } => {
            (inside(from) && inside(to)).then(|| act.clone())
        }
        Act::Score { device, .. }
        | Act::Correct { device, .. }
        | Act::Void { device, .. }
        | Act::WrongShooter { device, .. }
        | Act::Disqualify { device, .. }
        | Act::Approve { device, .. }
        | Act::Jury { device }
        | Act::Incident { device, .. }
        | Act::Report { device, .. }
        | Act::Decide { device, .. }
        | Act::Record { device, .. }
        | Act::Kill { device, .. }
        | Act::KillAt { device, .. }
        | Act::Start { device }
        | Act::Pause { device, .. }
        | Act::Lose { device }
        | Act::LyingSync { device, .. }
        | Act::FlipBit { device }
        | Act::Backup { device }
        | Act::RollBack { device }
        | Act::FullDisk { device, .. }
        | Act::DeadDisk { device }
        | Act::SlowDisk { device, .. }
        | Act::Misreport { device }
        | Act::Clone { device }
        | Act::Flap { device, .. }
        | Act::Address { device }
        | Act::Internet { device, .. }
        | Act::Clock { device, .. }
        | Act::Lie { device, .. } => inside(device).then(|| act.clone()),
        Act::LateShooter { .. }
        | Act::Move { .. }
        | Act::Phase { .. }
        | Act::EraseShooter { .. }
        | Act::EraseParticipant { .. }
        | Act::RestoreOwner
        | Act::Isolation
        | Act::Rejoin
        | Act::NoMulticast { .. }
        | Act::Weather { .. }
        | Act::Cloud { .. }
        | Act::SlowCloud { .. }
        | Act::CloudReplies { .. }
        | Act::CloudBackup
        | Act::CloudRollBack => Some(act.clone()),
    }
}

/// Returns the number that a field of an act has, if the act has the field.
fn field(act: &Act, name: &str) -> Option<u32> {
    let value = serde_json::to_value(act).ok()?;
    value.get(name)?.as_u64()?.try_into().ok()
}

/// Returns the drill that an act is about.
fn drill_of(act: &Act) -> Option<u32> {
    field(act, "drill")
}

/// Returns the shooters that an act is about.
fn shooters_of(act: &Act) -> Vec<u32> {
    let names: &[&str] = if matches!(act, Act::WrongShooter { .. }) {
        &["from", "to"]
    } else {
        &["shooter"]
    };
    names.iter().filter_map(|name| field(act, name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A day with a kill of device 3 at 30 min and a rejoin at 50 min among much else.
    fn day() -> Plan {
        let mut happenings: Vec<Happening> = (0..40)
            .map(|no| Happening {
                at_ms: no * 120_000,
                act: Act::Score {
                    device: 1,
                    drill: 2,
                    shooter: 5,
                    centis: 1_000,
                    a: 4,
                },
            })
            .collect();
        let partition = Act::Partition {
            groups: vec![vec![0, 1, 6], vec![2, 7]],
        };
        let others = [
            (20, partition),
            (
                30,
                Act::Kill {
                    device: 3,
                    power: true,
                },
            ),
            (35, Act::FlipBit { device: 7 }),
            (50, Act::Rejoin),
        ];
        happenings.extend(others.map(|(minute, act)| Happening {
            at_ms: minute * 60_000,
            act,
        }));
        happenings.sort_by_key(|it| it.at_ms);
        Plan {
            seed: 7,
            profile: "storm".to_owned(),
            devices: 9,
            drills: 6,
            shooters: 24,
            length_ms: 6 * 3_600_000,
            weather: Weather::STORM,
            happenings,
        }
    }

    fn has(plan: &Plan, name: &str) -> bool {
        plan.happenings.iter().any(|it| it.act.name() == name)
    }

    fn names(plan: &Plan) -> Vec<String> {
        plan.happenings.iter().map(|it| it.act.name()).collect()
    }

    #[test]
    fn the_pair_that_fails_is_found_and_everything_else_goes() {
        let mut fails = |plan: &Plan| has(plan, "kill") && has(plan, "rejoin");
        let shrunk = shrink(&day(), 1_000, &mut fails, &mut |_| ()).expect("the day fails");
        assert_eq!(names(&shrunk.plan), ["kill", "rejoin"]);
        assert_eq!(shrunk.plan.devices, 4, "device 3 is needed");
        assert_eq!(shrunk.plan.weather, Weather::CALM);
        assert_eq!(shrunk.plan.length_ms, 50 * 60_000 + TAIL_MS);
        assert_eq!((shrunk.plan.drills, shrunk.plan.shooters), (1, 1));
        assert_eq!(shrunk.plan.seed, 7, "chance stays the same");
        assert!(shrunk.complete, "{} runs were enough", shrunk.runs);
    }

    #[test]
    fn what_the_failure_needs_stays() {
        let mut fails = |plan: &Plan| {
            let scores = names(plan).iter().filter(|it| *it == "score").count();
            scores >= 3 && plan.devices >= 5 && plan.weather.loss_permille > 0
        };
        let shrunk = shrink(&day(), 1_000, &mut fails, &mut |_| ()).expect("the day fails");
        assert_eq!(names(&shrunk.plan), ["score"; 3]);
        assert_eq!(shrunk.plan.devices, 5);
        assert_eq!((shrunk.plan.drills, shrunk.plan.shooters), (2, 5));
        let weather = shrunk.plan.weather;
        assert_eq!((weather.loss_permille, weather.delay_ms_max), (300, 1));
    }

    #[test]
    fn a_plan_that_does_not_fail_is_told_apart() {
        assert_eq!(
            shrink(&day(), 1_000, &mut |_| false, &mut |_| ()),
            None,
            "nothing to shrink"
        );
    }

    #[test]
    fn the_runs_are_bounded_and_the_best_so_far_is_returned() {
        let mut runs = 0;
        let mut fails = |plan: &Plan| {
            runs += 1;
            has(plan, "kill")
        };
        let shrunk = shrink(&day(), 5, &mut fails, &mut |_| ()).expect("the day fails");
        assert_eq!((runs, shrunk.runs, shrunk.complete), (5, 5, false));
        assert!(has(&shrunk.plan, "kill"), "what is returned fails");
        assert!(shrunk.plan.happenings.len() < 44, "something went");
    }

    #[test]
    fn no_plan_is_run_twice() {
        let mut seen = Vec::new();
        let mut fails = |plan: &Plan| {
            assert!(!seen.contains(plan), "{plan:?} was run before");
            seen.push(plan.clone());
            has(plan, "kill") && has(plan, "partition")
        };
        shrink(&day(), 1_000, &mut fails, &mut |_| ()).expect("the day fails");
    }

    #[test]
    fn devices_leave_groups_and_what_is_about_them_goes() {
        let plan = with_devices(&day(), 3);
        let groups = plan.happenings.iter().find_map(|it| {
            if let Act::Partition { groups } = &it.act {
                Some(groups.clone())
            } else {
                None
            }
        });
        assert_eq!(groups, Some(vec![vec![0, 1], vec![2]]));
        assert!(!has(&plan, "kill") && !has(&plan, "flip-bit"), "they left");
        assert!(has(&plan, "rejoin") && has(&plan, "score"), "they stay");
    }
}
