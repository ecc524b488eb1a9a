//! The figures of many runs together, and `summary.json`.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::outcome::Outcome;

/// One fault's count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct FaultCount {
    /// How often it happened, over all runs.
    pub count: u64,
    /// In how many runs.
    pub runs: u64,
}

/// The figures of many runs together.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// Runs.
    pub runs: u64,
    /// Runs in which something broke.
    pub failed: u64,
    /// Virtual time of all runs, in ms.
    pub virtual_ms: u64,
    /// Virtual time of all devices of all runs, in ms.
    pub device_ms: u64,
    /// Entries that ROs were told are saved.
    pub saved: u64,
    /// Commands that were refused or not answered.
    pub refused: u64,
    /// Entries that existed at the end.
    pub entries: u64,
    /// Frames.
    pub frames: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Times that a screen was looked at.
    pub looks: u64,
    /// Entries shown safe, over all looks.
    pub shown_safe: u64,
    /// Of those, how many were not: must be 0.
    pub false_safe: u64,
    /// Faults by kind.
    pub faults: BTreeMap<String, FaultCount>,
}

/// How the runs came about, and what they cost.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Campaign {
    /// The commit that the program was built from.
    pub commit: String,
    /// Which code ran: `core` or `wire`.
    pub tier: String,
    /// The command that repeats all of it.
    pub command: String,
    /// Wall time in ms.
    pub wall_ms: u64,
    /// CPU time of the process in ms; `None` where the system does not tell.
    pub cpu_ms: Option<u64>,
    /// Worlds that ran side by side.
    pub jobs: usize,
}

/// What `summary.json` holds.
#[derive(Debug, Serialize)]
struct Summary<'a> {
    tallyline_sim: u32,
    passed: bool,
    #[serde(flatten)]
    campaign: &'a Campaign,
    totals: &'a Totals,
    outcomes: &'a [Outcome],
}

/// Returns whether everything held in a run: no promise broke, and no score was shown safe that
/// was not.
pub fn held(outcome: &Outcome) -> bool {
    outcome.passed() && outcome.false_safe == 0
}

impl Totals {
    /// Adds up.
    pub fn of(outcomes: &[Outcome]) -> Self {
        let mut totals = Self::default();
        for outcome in outcomes {
            totals.add(outcome);
        }
        totals
    }

    /// Returns how many faults there were, of every kind.
    pub fn fault_count(&self) -> u64 {
        self.faults.values().map(|fault| fault.count).sum()
    }

    /// Returns the faults, the most frequent first.
    pub fn faults_by_count(&self) -> Vec<(&str, FaultCount)> {
        let mut faults: Vec<_> = self.faults.iter().map(|(k, v)| (k.as_str(), *v)).collect();
        faults.sort_by(|(a, x), (b, y)| y.count.cmp(&x.count).then_with(|| a.cmp(b)));
        faults
    }

    fn add(&mut self, outcome: &Outcome) {
        let devices = u64::try_from(outcome.devices).unwrap_or(u64::MAX);
        self.runs += 1;
        self.failed += u64::from(!held(outcome));
        self.virtual_ms += outcome.virtual_ms;
        self.device_ms += outcome.virtual_ms.saturating_mul(devices);
        self.saved += outcome.saved;
        self.refused += outcome.refused;
        self.entries += outcome.entries;
        self.frames += outcome.frames;
        self.bytes += outcome.bytes;
        self.looks += outcome.looks;
        self.shown_safe += outcome.shown_safe;
        self.false_safe += outcome.false_safe;
        for (kind, count) in outcome.faults.iter().filter(|(_, count)| **count > 0) {
            let fault = self.faults.entry(kind.clone()).or_default();
            fault.count += count;
            fault.runs += 1;
        }
    }
}

/// Writes `summary.json`: how, the totals, and every outcome.
///
/// # Errors
/// If a value cannot be written as JSON.
pub(super) fn json(
    campaign: &Campaign,
    totals: &Totals,
    outcomes: &[Outcome],
) -> serde_json::Result<String> {
    serde_json::to_string_pretty(&Summary {
        tallyline_sim: crate::recording::VERSION,
        passed: totals.failed == 0,
        campaign,
        totals,
        outcomes,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oracle::Violation;

    fn outcome(devices: usize, kinds: &[(&str, u64)]) -> Outcome {
        Outcome {
            devices,
            virtual_ms: 3_600_000,
            entries: 5,
            faults: kinds
                .iter()
                .map(|(kind, n)| ((*kind).to_owned(), *n))
                .collect(),
            ..Outcome::default()
        }
    }

    #[test]
    fn runs_add_up() {
        let mut broken = outcome(3, &[("kill", 2), ("pause", 0)]);
        broken.violations.push(Violation {
            invariant: "I1".to_owned(),
            at_ms: 1,
            what: "gone".to_owned(),
        });
        let totals = Totals::of(&[outcome(2, &[("kill", 1), ("frame-lost", 9)]), broken]);
        assert_eq!((totals.runs, totals.failed, totals.entries), (2, 1, 10));
        assert_eq!(totals.device_ms, 5 * 3_600_000);
        assert_eq!(totals.fault_count(), 12);
        let faults = totals.faults_by_count();
        assert_eq!(
            faults.iter().map(|it| it.0).collect::<Vec<_>>(),
            ["frame-lost", "kill"]
        );
        assert_eq!(faults[1].1, FaultCount { count: 3, runs: 2 });
    }

    #[test]
    fn a_score_that_was_wrongly_shown_safe_is_a_failure_by_itself() {
        let mut outcome = outcome(2, &[]);
        assert!(held(&outcome), "nothing broke");
        outcome.false_safe = 1;
        assert!(!held(&outcome), "one was shown safe and was not");
        assert_eq!(Totals::of(&[outcome]).failed, 1);
    }

    #[test]
    fn the_summary_is_json_with_every_outcome() {
        let outcomes = [outcome(2, &[("kill", 1)]), outcome(3, &[])];
        let totals = Totals::of(&outcomes);
        let text = json(&Campaign::default(), &totals, &outcomes).expect("it is JSON");
        let value: serde_json::Value = serde_json::from_str(&text).expect("it is JSON");
        assert_eq!(value["passed"], true);
        assert_eq!(value["totals"]["faults"]["kill"]["count"], 1);
        assert_eq!(value["outcomes"].as_array().map(Vec::len), Some(2));
    }
}
