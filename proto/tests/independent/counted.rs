//! Which of the facts count: what is undone does not; of a slot the highest attempt does.

use std::collections::BTreeSet;

use super::facts::{Event, Fact, Num, Paper, Power, Said, Shot, Stage, Way, Why};
use super::runs::string_limit;

/// What fills a slot.
#[derive(Clone, Debug)]
pub(crate) struct Filled<'a> {
    pub(crate) result: Outcome<'a>,
    /// Whether another fact of this attempt says something else.
    pub(crate) doubtful: bool,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Outcome<'a> {
    Shot(&'a Shot),
    NoRun(Why),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Attendance {
    In,
    Disqualified,
    Withdrawn,
}

/// An event, read: the facts that nothing undoes, the one that ranks first first.
#[derive(Debug)]
pub(crate) struct Reading<'a> {
    pub(crate) event: &'a Event,
    pub(crate) standing: Vec<&'a Fact>,
}

impl<'a> Reading<'a> {
    pub(crate) fn of(event: &'a Event) -> Self {
        let mut undone = BTreeSet::new();
        for fact in &event.facts {
            if let Said::Undo(place) = &fact.said {
                undone.insert(*place);
            }
        }
        let facts = event.facts.iter().enumerate();
        let left = facts.filter(|(place, _)| !undone.contains(place));
        let mut standing: Vec<&Fact> = left.map(|(_, fact)| fact).collect();
        // Within a device the order of writing; the sort keeps it.
        standing.sort_by_key(|fact| fact.device);
        Self { event, standing }
    }

    pub(crate) fn slot(&self, stage: u32, who: u32) -> Option<Filled<'a>> {
        let mut runs: Vec<(Num, Outcome<'a>)> = Vec::new();
        for fact in &self.standing {
            if let Said::Shot(shot) = &fact.said
                && (shot.stage, shot.who) == (stage, who)
                && fits(self.event, self.event.stage(stage), shot)
            {
                runs.push((shot.attempt, Outcome::Shot(shot)));
            }
            if let Said::NoRun {
                stage: at,
                who: whose,
                why,
            } = &fact.said
                && (*at, *whose) == (stage, who)
            {
                runs.push((0, Outcome::NoRun(*why)));
            }
        }
        let highest = runs.iter().map(|(attempt, _)| *attempt).max()?;
        let mut of_it = runs.iter().filter(|(attempt, _)| *attempt == highest);
        let (_, result) = of_it.next()?;
        Some(Filled {
            result: *result,
            doubtful: of_it.any(|(_, other)| !same(result, other)),
        })
    }

    pub(crate) fn attendance(&self, who: u32) -> Attendance {
        let mut outs = Vec::new();
        for fact in &self.standing {
            if let Said::Out {
                who: whose,
                withdrawn,
                ..
            } = &fact.said
                && *whose == who
            {
                outs.push(*withdrawn);
            }
        }
        if outs.contains(&false) {
            Attendance::Disqualified
        } else if outs.contains(&true) {
            Attendance::Withdrawn
        } else {
            Attendance::In
        }
    }

    /// Whose finished readings differ, with the chronograph that is shown: the first by rank.
    pub(crate) fn doubtful_readings(&self) -> Vec<(u32, u32)> {
        let mut doubtful = Vec::new();
        for person in &self.event.people {
            let mut finished = self.standing.iter().filter_map(|fact| {
                let Said::Reading {
                    stage,
                    who,
                    weights,
                    speeds,
                } = &fact.said
                else {
                    return None;
                };
                measured(weights, speeds).filter(|_| *who == person.no)?;
                Some((*stage, weights, speeds))
            });
            let Some((stage, weights, speeds)) = finished.next() else {
                continue;
            };
            let differs = finished.any(|(_, w, s)| (w, s) != (weights, speeds));
            if differs && self.attendance(person.no) == Attendance::In {
                doubtful.push((stage, person.no));
            }
        }
        doubtful
    }

    /// The power factor that counts: the declared one, unless the chronograph says less.
    pub(crate) fn power(&self, who: u32) -> Power {
        let person = self.event.people.iter().find(|it| it.no == who);
        let person = person.expect("a known person");
        let mut readings = Vec::new();
        for fact in &self.standing {
            if let Said::Reading {
                who: whose,
                weights,
                speeds,
                ..
            } = &fact.said
                && *whose == who
            {
                readings.extend(measured(weights, speeds));
            }
        }
        let floors = self.event.divisions[person.division];
        let mut reached = person.declared;
        // A division that knows no Major makes Minor of it.
        if floors.major.is_none() && floors.minor.is_some() {
            reached = reached.min(Power::Minor);
        }
        // An unfinished reading says nothing; of two finished ones the first by rank counts.
        let Some(&measured) = readings.first() else {
            return reached;
        };
        if reached == Power::Major && floors.major.is_some_and(|floor| measured < floor) {
            reached = Power::Minor;
        }
        let passes_major = floors.major.is_some_and(|floor| floor <= measured);
        if floors.minor.is_some_and(|floor| measured < floor) && !passes_major {
            reached = Power::Subminor;
        }
        reached
    }
}

/// The heaviest bullet times the mean of the three fastest, by 1,000, rounded down.
fn measured(weights: &[Num], speeds: &[Num]) -> Option<Num> {
    let heaviest = weights.iter().max()?;
    let mut left = speeds.to_vec();
    let mut sum = 0;
    for _ in 0..3 {
        let fastest = *left.iter().max()?;
        let place = left.iter().position(|it| *it == fastest)?;
        left.remove(place);
        sum += fastest;
    }
    Some(heaviest * sum / 30_000)
}

fn same(one: &Outcome<'_>, other: &Outcome<'_>) -> bool {
    match (one, other) {
        (Outcome::Shot(one), Outcome::Shot(other)) => {
            let sorted = |shot: &Shot| {
                let mut shot = shot.clone();
                shot.penalties.sort_unstable();
                shot
            };
            sorted(one) == sorted(other)
        }
        (Outcome::NoRun(one), Outcome::NoRun(other)) => one == other,
        (Outcome::Shot(_), Outcome::NoRun(_)) | (Outcome::NoRun(_), Outcome::Shot(_)) => false,
    }
}

/// Whether a run has what its stage asks for. An incomplete one is a draft and counts nowhere.
fn fits(event: &Event, stage: &Stage, shot: &Shot) -> bool {
    let by_target = stage.way == Way::TimePlus && shot.papers.is_empty();
    let papers = if by_target && !shot.points_down.is_empty() {
        [stage.papers.len(), shot.times.len()].contains(&shot.points_down.len())
    } else {
        let whole = |(paper, required): (&Paper, &Num)| {
            paper.a + paper.b + paper.c + paper.d + paper.miss + paper.free_miss == *required
        };
        shot.papers.len() == stage.papers.len() && shot.papers.iter().zip(&stage.papers).all(whole)
    };
    let steel = shot.steel.down + shot.steel.standing + shot.steel.free_standing == stage.steel;
    let may_be_untimed = matches!(
        stage.way,
        Way::FixedTime
            | Way::Rings
            | Way::HitValues
            | Way::ParDropped
            | Way::ParCosts
            | Way::ParPass
    );
    let strings = Num::try_from(shot.times.len()).expect("few strings");
    let times = if may_be_untimed {
        strings == 0 || strings == stage.strings
    } else {
        let limited = string_limit(event, stage) != 0;
        let given = |(place, time): (usize, &Num)| {
            let stopped = shot.faults.get(place).is_some_and(|it| it.unfinished);
            0 < *time || stopped && limited
        };
        strings == stage.strings && shot.times.iter().enumerate().all(given)
    };
    let rings = Num::try_from(shot.rings.len()).expect("few shots");
    let rings = stage.way != Way::Rings || rings == stage.shots;
    papers && steel && times && rings
}
