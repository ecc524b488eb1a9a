//! What the verbs run: a drawn day, a schedule, a named scenario, or real network code.

use std::panic::{self, AssertUnwindSafe};

use crate::day::{self, Wish};
use crate::oracle::Violation;
use crate::outcome::Outcome;
use crate::plan::Plan;
use crate::recording::{COMMIT, Header, Recording, VERSION};
use crate::run::{self, Options, Run};
use crate::scenario::{REAL_MATCH, SCENARIOS, real_match};
use crate::trace::Detail;
use crate::{Meeting, Weather, World, wire};

/// What the second tier's days and broken promises are called.
const WIRE: &str = "wire";

/// What kind of thing a seed makes.
#[derive(Clone, Debug)]
pub(super) enum Subject {
    /// A day that the seed draws.
    Day(Wish),
    /// A named scenario.
    Scenario(String),
    /// A day with the real network code.
    Wire(wire::Options),
}

impl Subject {
    /// Returns the plan of a seed, if it has one.
    pub(super) fn plan(&self, seed: u64) -> Option<Plan> {
        match self {
            Self::Day(wish) => Some(day::draw(seed, wish)),
            Self::Scenario(_) | Self::Wire(_) => None,
        }
    }

    /// Returns which code runs, as files name it.
    pub(super) fn tier(&self) -> &'static str {
        match self {
            Self::Day(_) | Self::Scenario(_) => "core",
            Self::Wire(_) => "wire",
        }
    }

    /// Runs a seed.
    pub(super) fn run(&self, seed: u64, options: &Options) -> Run {
        match self {
            Self::Day(wish) => schedule(&day::draw(seed, wish), options),
            Self::Scenario(name) => scenario(name, seed, options),
            Self::Wire(day) => guarded(seed, WIRE, || field(seed, *day, options)),
        }
    }

    /// Makes a recording of a run with the lines of what happened.
    pub(super) fn recording(&self, seed: u64, run: Run) -> Recording {
        let scenario = match self {
            Self::Day(_) | Self::Wire(_) => None,
            Self::Scenario(name) => Some(name.clone()),
        };
        Recording {
            header: Header {
                tallyline_sim: VERSION,
                commit: COMMIT.to_owned(),
                tier: self.tier().to_owned(),
                seed,
                scenario,
                plan: self.plan(seed),
                trace: run.outcome.trace,
                violations: run.outcome.violations,
            },
            lines: run.lines,
        }
    }
}

/// Runs a schedule.
pub(super) fn schedule(plan: &Plan, options: &Options) -> Run {
    guarded(plan.seed, &plan.profile, || run::run(plan, options))
}

/// Runs a named scenario.
pub(super) fn scenario(name: &str, seed: u64, options: &Options) -> Run {
    guarded(seed, name, || {
        played(name, seed, options)
            .unwrap_or_else(|| broken(seed, name, "no-scenario", format!("there is no {name}")))
    })
}

/// Runs a day with the real network code; what broke there has no number of its own.
fn field(seed: u64, mut day: wire::Options, options: &Options) -> Run {
    day.lines = options.detail > Detail::Hash;
    let tablets = day.tablets;
    let of = wire::run(seed, day);
    let broken = |what: String| Violation {
        invariant: WIRE.to_owned(),
        at_ms: 0,
        what,
    };
    let faults = of.faults.into_iter();
    let outcome = Outcome {
        seed,
        profile: WIRE.to_owned(),
        // The owner and the cloud come on top.
        devices: tablets.saturating_add(2),
        virtual_ms: of.virtual_ms,
        trace: blake3::Hash::from_bytes(of.trace).to_hex().to_string(),
        violations: of.violations.into_iter().map(broken).collect(),
        saved: of.saved,
        refused: of.refused,
        entries: of.saved,
        converged_ms: of.converged_ms,
        faults: faults.map(|(kind, n)| (kind.to_owned(), n)).collect(),
        frames: of.frames,
        bytes: of.bytes,
        looks: of.looked_at,
        shown_safe: of.shown_safe,
        ..Outcome::default()
    };
    Run {
        outcome,
        lines: of.lines,
    }
}

/// Frames lost for good, repeated and overtaken: worse than any real connection.
const ROUGH: Weather = Weather {
    loss_permille: 100,
    ..Weather::STORM
};

/// Plays a scenario on a world of its own; the seed draws the network as well.
fn played(name: &str, seed: u64, options: &Options) -> Option<Run> {
    let weather = if seed.is_multiple_of(2) {
        ROUGH
    } else {
        Weather::CALM
    };
    if name == REAL_MATCH.0 {
        return Some(whole_match(seed, weather));
    }
    let scenario = SCENARIOS.iter().find(|it| it.name == name)?;
    let mut world = World::with(seed, weather, Meeting::ByItself, options.detail);
    let played = (scenario.run)(&mut world);
    let mut violations = world.oracle.violations().to_vec();
    violations.extend(played.err().map(|what| Violation {
        invariant: "scenario".to_owned(),
        at_ms: world.now_ms(),
        what,
    }));
    let (bytes, frames) = world.traffic();
    let outcome = Outcome {
        seed,
        profile: name.to_owned(),
        devices: world.devices.len(),
        virtual_ms: world.now_ms(),
        trace: world.trace.hash(),
        violations,
        saved: world.saved,
        refused: world.refused,
        entries: u64::try_from(world.oracle.entries()).unwrap_or(u64::MAX),
        // The scenario itself waits until all agree.
        converged_ms: None,
        faults: std::mem::take(&mut world.faults),
        frames,
        bytes,
        looks: world.oracle.looks,
        shown_safe: world.oracle.shown_safe,
        false_safe: world.oracle.false_safe,
        labels: world.devices.iter().map(|it| it.label.clone()).collect(),
        ..Outcome::default()
    };
    Some(Run {
        outcome,
        lines: world.trace.take_lines(),
    })
}

/// Plays the real match; it compares every row itself.
fn whole_match(seed: u64, weather: Weather) -> Run {
    let played = real_match::real_match(seed, weather);
    let figures = played.as_ref().copied().unwrap_or_default();
    let violations = played.err().map(|what| Violation {
        invariant: "scenario".to_owned(),
        at_ms: 0,
        what,
    });
    let faults = [("cut", figures.cuts), ("kill", figures.kills)];
    let outcome = Outcome {
        seed,
        profile: REAL_MATCH.0.to_owned(),
        violations: violations.into_iter().collect(),
        saved: figures.saved,
        refused: figures.refused,
        entries: figures.saved,
        faults: faults.map(|(kind, n)| (kind.to_owned(), n)).into(),
        ..Outcome::default()
    };
    Run {
        outcome,
        lines: Vec::new(),
    }
}

/// Runs what a recording names.
pub(super) fn again(header: &Header, options: &Options) -> Run {
    match (&header.plan, &header.scenario) {
        (Some(plan), _) => schedule(plan, options),
        (None, Some(name)) => scenario(name, header.seed, options),
        (None, None) => broken(
            header.seed,
            "",
            "no-plan",
            "the recording names no plan and no scenario".to_owned(),
        ),
    }
}

/// Makes an assertion that failed in the code under test what it is: a promise that broke.
fn guarded(seed: u64, profile: &str, run: impl FnOnce() -> Run) -> Run {
    panic::catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|thrown| {
        let text = thrown
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| thrown.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "a panic without words".to_owned());
        broken(seed, profile, "panic", text)
    })
}

fn broken(seed: u64, profile: &str, invariant: &str, what: String) -> Run {
    let violation = Violation {
        invariant: invariant.to_owned(),
        at_ms: 0,
        what,
    };
    Run {
        outcome: Outcome {
            seed,
            profile: profile.to_owned(),
            violations: vec![violation],
            ..Outcome::default()
        },
        lines: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_of_the_code_under_test_is_a_promise_that_broke() {
        let run = guarded(9, "storm", || panic!("{} is gone", "x"));
        assert_eq!(
            (run.outcome.seed, run.outcome.profile.as_str()),
            (9, "storm")
        );
        let violation = &run.outcome.violations[0];
        assert_eq!(
            (violation.invariant.as_str(), violation.what.as_str()),
            ("panic", "x is gone")
        );
    }
}
