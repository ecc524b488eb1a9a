//! Races: who starts, and the referee's list of those without a time.

use alloc::{collections::BTreeMap, string::String, vec::Vec};

use tallyline_keys::PublicKey;

use super::{Basis, Gaps, by_id, progress::missed};
use crate::{
    model::{Body, Drill, DrillNo, EntryId, Method, RuleNo, ShooterNo, SquadNo},
    rules::{
        scorebook::{Missed, OutKind},
        standings::{listed, ranked_drills},
    },
};

/// One run of a race: whether it is official follows from [`Roster::phase`].
///
/// [`Roster::phase`]: crate::rules::Roster::phase
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Race {
    /// The run.
    pub drill: DrillNo,
    /// Who starts, by start number: everybody but those who withdrew.
    pub starts: Vec<Start>,
    /// Who has no time, and why: DNS, DNF, DSQ; each by start number.
    pub referee: Vec<RefereeLine>,
    /// What is missing of this run.
    pub gaps: Gaps,
}

/// One line of a start list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Start {
    /// The start number.
    pub bib: ShooterNo,
    /// The squad, which is the group that starts together.
    pub squad: SquadNo,
    /// The division, as its place in the structure.
    pub division: usize,
}

/// One line of the referee's list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefereeLine {
    /// The start number.
    pub bib: ShooterNo,
    /// Why there is no time.
    pub why: Missed,
    /// The rule it rests on.
    pub rule: Option<RuleNo>,
    /// What was noted.
    pub note: String,
    /// The entry that says so and its author; `None`: the jury decided it about an incident.
    pub said: Option<(EntryId, PublicKey)>,
    /// When, by the author's clock, in milliseconds from the event's epoch.
    pub at_ms: Option<i64>,
}

/// Returns every run of a race: where no drill is one, every drill with ranked runs.
pub fn race(basis: Basis<'_>) -> Vec<Race> {
    let runs: Vec<&Drill> = ranked_drills(basis.roster).collect();
    let races = runs.iter().any(|it| it.method == Method::Run);
    let gaps = Gaps::of(basis.roster, basis.book);
    let wanted = runs.iter().filter(|it| !races || it.method == Method::Run);
    wanted.map(|run| one(basis, run.no, &gaps)).collect()
}

fn one(basis: Basis<'_>, drill: DrillNo, gaps: &Gaps) -> Race {
    let (roster, book) = (basis.roster, basis.book);
    let entries = by_id(basis.lines);
    let starts: Vec<Start> = listed(roster, book)
        .iter()
        .map(|it| Start {
            bib: it.shooter.no,
            squad: it.shooter.squad,
            division: it.shooter.division,
        })
        .collect();
    let mut lines: BTreeMap<(u8, ShooterNo), RefereeLine> = BTreeMap::new();
    for start in &starts {
        let out = book.out(start.bib);
        let dq = out.filter(|it| it.kind == OutKind::Disqualified);
        let why = match dq {
            Some(_) => Missed::StageDq,
            None => match missed(book, drill, start.bib) {
                Some(why) => why,
                None => continue,
            },
        };
        let slot = book.slot(drill, start.bib).map(|slot| slot.entry);
        let entry = dq.map(|it| it.entry).or(slot);
        let line = entry.and_then(|entry| entries.get(&entry));
        let mut status = None;
        if let Some(line) = line
            && let Body::Status(it) = line.body
        {
            status = Some((line, it));
        }
        lines.insert(
            (order(why), start.bib),
            RefereeLine {
                bib: start.bib,
                why,
                rule: status.and_then(|(_, it)| it.rule),
                note: status.map_or_else(String::new, |(_, it)| it.note.clone()),
                said: status.map(|(line, _)| (line.id, line.author)),
                at_ms: status.map(|(line, _)| line.at_ms),
            },
        );
    }
    let here = |list: &[(DrillNo, ShooterNo)]| {
        let here = list.iter().filter(|(no, _)| *no == drill);
        here.copied().collect()
    };
    Race {
        drill,
        starts,
        referee: lines.into_values().collect(),
        gaps: Gaps {
            missing: here(&gaps.missing),
            undecided: here(&gaps.undecided),
        },
    }
}

/// The list's own order: who did not start stands first.
fn order(why: Missed) -> u8 {
    match why {
        Missed::Dns => 0,
        Missed::Dnf => 1,
        Missed::StageDq => 2,
    }
}
