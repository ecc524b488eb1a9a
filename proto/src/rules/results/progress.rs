//! The progress grid: how far each squad is on each drill.

use alloc::{collections::BTreeMap, vec::Vec};

use super::Gaps;
use crate::{
    model::{DrillNo, ShooterNo, SquadNo},
    rules::{
        Roster, Scorebook,
        scorebook::Missed,
        standings::{listed, ranked_drills},
    },
};

/// How far the event is, drill by squad.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The drills whose runs are ranked, in order.
    pub drills: Vec<DrillNo>,
    /// The squads in order.
    pub squads: Vec<SquadNo>,
    /// One for each drill and squad, by drill and then squad.
    pub cells: Vec<ProgressCell>,
    /// What is missing.
    pub gaps: Gaps,
}

/// How far one squad is on one drill. Shooters count in the squad they are in now; who is out of
/// the match does not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProgressCell {
    /// The drill.
    pub drill: DrillNo,
    /// The squad.
    pub squad: SquadNo,
    /// Its shooters in the match.
    pub total: u32,
    /// Those with a result, a missed run included.
    pub done: u32,
    /// Those without a result.
    pub missing: Vec<ShooterNo>,
    /// Those who did not fire or finish.
    pub dnf: Vec<ShooterNo>,
    /// Those who did not start.
    pub dns: Vec<ShooterNo>,
    /// Those disqualified from the drill.
    pub stage_dq: Vec<ShooterNo>,
    /// Those about whose result a person must decide.
    pub undecided: Vec<ShooterNo>,
}

impl ProgressCell {
    fn new(drill: DrillNo, squad: SquadNo) -> Self {
        Self {
            drill,
            squad,
            total: 0,
            done: 0,
            missing: Vec::new(),
            dnf: Vec::new(),
            dns: Vec::new(),
            stage_dq: Vec::new(),
            undecided: Vec::new(),
        }
    }

    /// Returns whether everybody has a result and nobody has to decide anything.
    pub fn is_complete(&self) -> bool {
        self.missing.is_empty() && self.undecided.is_empty()
    }

    fn take(&mut self, shooter: ShooterNo, book: &Scorebook) {
        self.total = self.total.saturating_add(1);
        if !book.has_result(self.drill, shooter) {
            self.missing.push(shooter);
            return;
        }
        self.done = self.done.saturating_add(1);
        if book.needs_decision(self.drill, shooter) {
            self.undecided.push(shooter);
        }
        match book.missed(self.drill, shooter) {
            Some(Missed::Dnf) => self.dnf.push(shooter),
            Some(Missed::Dns) => self.dns.push(shooter),
            Some(Missed::StageDq) => self.stage_dq.push(shooter),
            None => {}
        }
    }
}

/// Returns how far the event is.
pub fn progress(roster: &Roster, book: &Scorebook) -> Progress {
    let squads = roster.squads();
    let drills: Vec<DrillNo> = ranked_drills(roster).map(|drill| drill.no).collect();
    let mut cells: BTreeMap<(DrillNo, SquadNo), ProgressCell> = BTreeMap::new();
    for &drill in &drills {
        for &squad in &squads {
            cells.insert((drill, squad), ProgressCell::new(drill, squad));
        }
    }
    for it in listed(roster, book) {
        let Some(shooter) = it.in_the_match() else {
            continue;
        };
        for &drill in &drills {
            if let Some(cell) = cells.get_mut(&(drill, it.shooter.squad)) {
                cell.take(shooter, book);
            }
        }
    }
    Progress {
        drills,
        squads,
        cells: cells.into_values().collect(),
        gaps: Gaps::of(roster, book),
    }
}
