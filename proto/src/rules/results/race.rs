//! Races: who starts, and the referee's list of those without a time.

use alloc::{collections::BTreeMap, string::String, vec::Vec};

use tallyline_keys::PublicKey;

use uuid::Uuid;

use super::{Basis, Gaps, by_id, counts};
use crate::{
    model::{Body, Drill, DrillNo, EntryId, Method, RuleNo, Ruling, ShooterNo, SquadNo},
    rules::{
        Line,
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
    pub no_time: Vec<NoTime>,
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
pub struct NoTime {
    /// The start number.
    pub bib: ShooterNo,
    /// Why there is no time.
    pub why: Missed,
    /// The rule it rests on.
    pub rule: Option<RuleNo>,
    /// What was noted.
    pub note: String,
    /// The entry that says so and its author; `None`: it is not among the entries that were read.
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
    let decided = decided(basis, drill);
    let mut lines: BTreeMap<(u8, ShooterNo), NoTime> = BTreeMap::new();
    for start in &starts {
        let out = book.out(start.bib);
        let dq = out.filter(|it| it.kind == OutKind::Disqualified);
        let why = match dq {
            Some(_) => Missed::StageDq,
            None => match book.missed(drill, start.bib) {
                Some(why) => why,
                None => continue,
            },
        };
        let slot = book.slot(drill, start.bib).map(|slot| slot.entry);
        let entry = dq.map(|it| it.entry).or(slot);
        let line = entry.and_then(|entry| entries.get(&entry)).copied();
        let said = line.and_then(Said::of_status);
        let said = said.or_else(|| decided.get(&start.bib).copied());
        lines.insert(
            (order(why), start.bib),
            NoTime {
                bib: start.bib,
                why,
                rule: said.and_then(|it| it.rule),
                note: said.map_or_else(String::new, |it| it.note.into()),
                said: said.map(|it| (it.line.id, it.line.author)),
                at_ms: said.map(|it| it.line.at_ms),
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
        no_time: lines.into_values().collect(),
        gaps: Gaps {
            missing: here(&gaps.missing),
            undecided: here(&gaps.undecided),
        },
    }
}

/// What an entry says about somebody without a time.
#[derive(Clone, Copy)]
struct Said<'a> {
    line: &'a Line<'a>,
    rule: Option<RuleNo>,
    note: &'a str,
}

impl<'a> Said<'a> {
    fn of_status(line: &'a Line<'a>) -> Option<Self> {
        let Body::Status(status) = line.body else {
            return None;
        };
        Some(Self {
            line,
            rule: status.rule,
            note: &status.note,
        })
    }
}

/// Returns by which decision of the jury a start number is disqualified from a run; of several the
/// last one by the clocks of their authors, for there is but one ruling.
fn decided<'a>(basis: Basis<'a>, drill: DrillNo) -> BTreeMap<ShooterNo, Said<'a>> {
    let mut bibs: BTreeMap<Uuid, ShooterNo> = BTreeMap::new();
    for line in basis.lines {
        if let Body::Incident(incident) = line.body
            && incident.race == drill
        {
            bibs.insert(incident.id, incident.bib);
        }
    }
    let mut decided: BTreeMap<ShooterNo, Said<'a>> = BTreeMap::new();
    for line in basis.lines {
        if let Body::JuryDecision(decision) = line.body
            && decision.ruling == Ruling::Dsq
            && counts(basis.book, line.id)
            && let Some(&bib) = bibs.get(&decision.incident)
            && decided
                .get(&bib)
                .is_none_or(|held| held.line.at_ms <= line.at_ms)
        {
            let said = Said {
                line,
                rule: decision.rule,
                note: &decision.note,
            };
            decided.insert(bib, said);
        }
    }
    decided
}

/// The list's own order: who did not start stands first.
fn order(why: Missed) -> u8 {
    match why {
        Missed::Dns => 0,
        Missed::Dnf => 1,
        Missed::StageDq => 2,
    }
}
