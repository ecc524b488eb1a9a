//! Which line waits for which, and what goes wrong on purpose: all fixed before the first write.
//!
//! A line waits for earlier lines of other devices only, so no two can wait for each other.
//! Source: the order in which officials of one match really worked. Layer: node, demo; pure.

use std::collections::{BTreeMap, BTreeSet};

use super::data::{Line, Match};

/// Shortest and longest time that a tablet is cut off, in lines that it writes meanwhile.
const CUT_LINES: (usize, usize) = (4, 40);

/// Most times that a tablet is cut off.
const CUTS_MAX: usize = 5;

/// What is known of a line before it is written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Planned {
    /// The shift it lies in.
    pub(super) shift: usize,
    /// Whether the device's grants of the shift cover its cell.
    pub(super) covered: bool,
    /// Places of earlier lines of the shift, of other devices or entered by the owner, that must
    /// be answered first.
    pub(super) after: Vec<usize>,
    /// Of these, the ones whose entries must have arrived at the device.
    pub(super) arrived: Vec<usize>,
    /// Whether nothing can hold it up and nobody else must act.
    pub(super) quiet: bool,
}

/// Something that goes wrong on purpose, before a line is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fault {
    /// The tablet loses all connections.
    CutOff,
    /// The tablet gets them back.
    Back,
    /// The tablet's process is killed while it saves.
    Kill,
    /// The tablet is replaced by another device.
    Swap,
}

/// Faults by the place of the line before which they happen.
pub(super) type Faults = BTreeMap<usize, Vec<Fault>>;

/// Random numbers that a seed fixes (`SplitMix64`).
#[derive(Debug)]
struct Luck(u64);

/// Lines of one tablet in one shift that follow each other and are all quiet.
type Run = Vec<usize>;

/// Plans every line of a match, in the order of the match.
pub(super) fn plan(data: &Match) -> Vec<Planned> {
    let mut planned: Vec<Planned> = Vec::new();
    let mut slots: BTreeMap<(u32, u32), Vec<usize>> = BTreeMap::new();
    let mut shooters: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    let mut dqs: BTreeMap<u32, usize> = BTreeMap::new();
    for (place, line) in data.lines.iter().enumerate() {
        let slot = slots.entry((line.drill, line.shooter)).or_default();
        let shooter = shooters.entry(line.shooter).or_default();
        let dq = dqs.get(&line.shooter).copied();
        let shift = data.shift_at(line.t_ms);
        let same_shift = |it: &usize| planned.get(*it).is_some_and(|it| it.shift == shift);
        let by_other = |it: &usize| {
            data.lines
                .get(*it)
                .is_some_and(|it| it.device != line.device)
                || planned.get(*it).is_some_and(|it| !it.covered)
                || dq.is_some_and(|dq| dq < *it)
        };
        // What stands in the slot, and the disqualification, must be here to be seen.
        let arrived: BTreeSet<usize> = slot
            .iter()
            .copied()
            .chain(dq)
            .filter(same_shift)
            .filter(by_other)
            .collect();
        let mut after = arrived.clone();
        if !line.dq_rules.is_empty() {
            // Otherwise one of them would be refused because of this one.
            after.extend(shooter.iter().copied().filter(same_shift).filter(by_other));
        }
        let covered = line.device == data.owner || covered(data, shift, line);
        planned.push(Planned {
            shift,
            covered,
            quiet: covered && after.is_empty() && dq.is_none() && line.dq_rules.is_empty(),
            after: after.into_iter().collect(),
            arrived: arrived.into_iter().collect(),
        });
        if !line.dq_rules.is_empty() {
            dqs.entry(line.shooter).or_insert(place);
        }
        slot.push(place);
        shooter.push(place);
    }
    planned
}

/// Chooses by the seed which tablets are cut off, killed and swapped, and when.
///
/// Only in quiet stretches, so that nobody waits for a tablet that cannot answer.
pub(super) fn faults(data: &Match, planned: &[Planned], seed: u64) -> Faults {
    let mut luck = Luck(seed);
    let mut faults = Faults::new();
    let mut runs = quiet_runs(data, planned);
    luck.shuffle(&mut runs);
    let mut struck: BTreeSet<&str> = BTreeSet::new();
    let mut cuts = 0;
    let mut wanted = vec![Fault::Swap, Fault::Kill];
    for run in runs {
        let Some(line) = run.first().and_then(|place| data.lines.get(*place)) else {
            continue;
        };
        // Each tablet has one misfortune, so that more of them have one.
        if struck.contains(line.device.as_str()) {
            continue;
        }
        let Some(start) = run.get(luck.below(run.len() / 2)).copied() else {
            continue;
        };
        if let Some(fault) = wanted.pop() {
            faults.entry(start).or_default().push(fault);
        } else if cuts < CUTS_MAX && CUT_LINES.0 < run.len() {
            let rest: Vec<usize> = run.iter().copied().filter(|it| start < *it).collect();
            let most = CUT_LINES.1.min(rest.len());
            let length = CUT_LINES.0.min(most) + luck.below(1 + most.saturating_sub(CUT_LINES.0));
            let Some(end) = rest.get(length.saturating_sub(1)).copied() else {
                continue;
            };
            faults.entry(start).or_default().push(Fault::CutOff);
            faults.entry(end).or_default().push(Fault::Back);
            cuts += 1;
        } else {
            continue;
        }
        struck.insert(&line.device);
    }
    faults
}

fn covered(data: &Match, shift: usize, line: &Line) -> bool {
    let (Some(shift), Some(squad)) = (data.shifts.get(shift), data.squad(line.shooter)) else {
        return false;
    };
    let mut shares = shift
        .grants
        .iter()
        .filter(|share| share.device == line.device);
    shares.any(|share| share.covers(line.drill, squad))
}

/// Finds the quiet stretches of the tablets other than the owner's, at least two lines long.
fn quiet_runs(data: &Match, planned: &[Planned]) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for device in data.devices.iter().filter(|it| **it != data.owner) {
        let mut run = Run::new();
        let mut shift = 0;
        for (place, (line, plan)) in data.lines.iter().zip(planned).enumerate() {
            if line.device != *device {
                continue;
            }
            if !plan.quiet || plan.shift != shift {
                runs.push(std::mem::take(&mut run));
                shift = plan.shift;
            }
            if plan.quiet {
                run.push(place);
            }
        }
        runs.push(run);
    }
    runs.retain(|run| 2 <= run.len());
    // Long ones come in the busy shifts, where a fault is seen.
    let longest = runs.iter().map(Vec::len).max().unwrap_or_default();
    let long = longest.min(2 * CUT_LINES.1) / 2;
    runs.retain(|run| long <= run.len());
    runs
}

impl Luck {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Draws a number below a bound; 0 if the bound is 0.
    fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound).unwrap_or(u64::MAX).max(1);
        usize::try_from(self.next() % bound).unwrap_or_default()
    }

    fn shuffle<T>(&mut self, list: &mut [T]) {
        for last in (1..list.len()).rev() {
            list.swap(last, self.below(last + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eight_lines_lie_outside_their_devices_grants() {
        let data = Match::built_in().expect("reads");
        let planned = plan(&data);
        let outside: Vec<u64> = data
            .lines
            .iter()
            .zip(&planned)
            .filter(|(_, plan)| !plan.covered)
            .map(|(line, _)| line.n)
            .collect();
        assert_eq!(outside, [1, 197, 198, 199, 915, 965, 990, 997]);
    }

    #[test]
    fn lines_wait_for_earlier_lines_of_the_shift_only() {
        let data = Match::built_in().expect("reads");
        let planned = plan(&data);
        let mut waiting = 0;
        for (place, plan) in planned.iter().enumerate() {
            assert!(plan.after.iter().all(|it| *it < place), "{place}: {plan:?}");
            assert!(
                plan.arrived.iter().all(|it| plan.after.contains(it)),
                "{place}: {plan:?}"
            );
            let same = |it: &usize| planned[*it].shift == plan.shift;
            assert!(plan.after.iter().all(same), "{place}: {plan:?}");
            waiting += usize::from(!plan.after.is_empty());
        }
        // Of these, 25 wait for another device's line and the others for what the owner entered
        // in their place.
        assert!((25..60).contains(&waiting), "{waiting}");
    }

    #[test]
    fn faults_strike_quiet_stretches_and_every_cut_heals_in_its_shift() {
        let data = Match::built_in().expect("reads");
        let planned = plan(&data);
        for seed in 0..200 {
            let faults = faults(&data, &planned, seed);
            let mut open: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
            let mut counts: BTreeMap<Fault, usize> = BTreeMap::new();
            for (place, here) in &faults {
                let line = &data.lines[*place];
                assert!(planned[*place].quiet, "seed {seed}: line {}", line.n);
                assert_ne!(line.device, data.owner, "seed {seed}");
                for fault in here {
                    *counts.entry(*fault).or_default() += 1;
                    match fault {
                        Fault::CutOff => {
                            open.insert(&line.device, (*place, planned[*place].shift));
                        }
                        Fault::Back => {
                            let (from, shift) = open.remove(line.device.as_str()).expect("cut off");
                            assert_eq!(shift, planned[*place].shift, "seed {seed}");
                            let own =
                                (from..*place).filter(|it| data.lines[*it].device == line.device);
                            for place in own {
                                assert!(planned[place].quiet, "seed {seed}: {place}");
                            }
                        }
                        Fault::Kill | Fault::Swap => {}
                    }
                }
            }
            assert!(open.is_empty(), "seed {seed}: {open:?}");
            let count = |fault| counts.get(&fault).copied().unwrap_or_default();
            assert_eq!(
                (count(Fault::Kill), count(Fault::Swap)),
                (1, 1),
                "seed {seed}"
            );
            assert!(2 <= count(Fault::CutOff), "seed {seed}: {counts:?}");
        }
    }
}
