//! What an event shows besides its standings: parts of a division, teams, a shooter's sheet, the
//! progress grid, penalties, who is out, the chronograph, the audit of voids, courts and races.
//!
//! All of it is a view of a roster, a scorebook and the entries behind it, equal on two devices
//! with the same entries. Each says whether it is complete, or what is missing.

mod audit;
mod chrono;
mod courts;
mod faults;
mod parts;
mod progress;
mod race;
mod sheet;
mod teams;

pub use audit::{Audit, Undone, audit};
pub use chrono::{ChronoLine, ChronoList, chrono_list};
pub use courts::{CourtRow, CourtTable, court_table};
pub use faults::{OutLine, OutList, OutWhy, PenaltyLine, PenaltyList, out_list, penalty_list};
pub use parts::{PartTable, Parts, by_category, by_class};
pub use progress::{Progress, ProgressCell, progress};
pub use race::{NoTime, Race, Start, race};
pub use sheet::{Approval, Reference, SheetDrill, ShooterSheet, Version, shooter_sheet};
pub use teams::{TeamRow, TeamTable, Teams, by_team};

use alloc::{collections::BTreeMap, vec::Vec};

use super::{
    Line, Roster, Scorebook, Verdict,
    standings::{Listed, listed, open_courts, ranked_drills, undecided},
};
use crate::model::{DrillNo, EntryId, ShooterNo};

/// What results are made from.
#[derive(Clone, Copy, Debug)]
pub struct Basis<'a> {
    /// The structure with all changes.
    pub roster: &'a Roster,
    /// What counts.
    pub book: &'a Scorebook,
    /// The entries that were read.
    pub lines: &'a [Line<'a>],
}

/// What is missing from results.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Gaps {
    /// Slots without a result of shooters who are in the match, and both sides of courts without a
    /// winner, by drill and shooter.
    pub missing: Vec<(DrillNo, ShooterNo)>,
    /// Where a person must decide about a shooter in the match, the chronograph and courts included,
    /// by drill and shooter.
    pub undecided: Vec<(DrillNo, ShooterNo)>,
}

impl Gaps {
    /// Returns what is missing from the whole event.
    pub fn of(roster: &Roster, book: &Scorebook) -> Self {
        let listed = listed(roster, book);
        let mut missing = open_courts(roster, book, &listed);
        for drill in ranked_drills(roster) {
            let shooters = listed.iter().filter_map(Listed::in_the_match);
            let without = shooters.filter(|&shooter| !book.has_result(drill.no, shooter));
            missing.extend(without.map(|shooter| (drill.no, shooter)));
        }
        missing.sort_unstable();
        Self {
            missing,
            undecided: undecided(book, &listed),
        }
    }

    /// Returns what of it is about one shooter.
    #[must_use]
    pub fn about(&self, shooter: ShooterNo) -> Self {
        let own = |list: &[(DrillNo, ShooterNo)]| {
            let own = list.iter().filter(|(_, no)| *no == shooter);
            own.copied().collect()
        };
        Self {
            missing: own(&self.missing),
            undecided: own(&self.undecided),
        }
    }

    /// Returns whether nothing is missing and nobody has to decide anything.
    pub fn is_complete(&self) -> bool {
        self.missing.is_empty() && self.undecided.is_empty()
    }
}

/// Returns the entries by their ids.
fn by_id<'a>(lines: &'a [Line<'a>]) -> BTreeMap<EntryId, &'a Line<'a>> {
    lines.iter().map(|line| (line.id, line)).collect()
}

/// Returns whether an entry takes effect.
fn counts(book: &Scorebook, entry: EntryId) -> bool {
    matches!(
        book.verdict(entry),
        Some(Verdict::Counted | Verdict::CountedLate)
    )
}

#[cfg(test)]
mod tests;
