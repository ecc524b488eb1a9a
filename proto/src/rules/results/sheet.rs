//! A shooter's sheet: every result with all versions of it.

use alloc::{collections::BTreeMap, vec::Vec};

use tallyline_keys::PublicKey;

use super::{Basis, ChronoLine, Gaps, OutLine, Undone, audit, by_id, chrono_list, out_list};
use crate::{
    model::{About, Approvals, Body, DrillNo, EntryId, Ruling, ShooterNo},
    rules::{
        Line, Standings, Verdict,
        scorebook::Slot,
        standings::{Group, MatchRow, StageRow},
    },
};

/// Everything about one shooter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShooterSheet {
    /// Who.
    pub shooter: ShooterNo,
    /// One for each drill of the event, in order.
    pub drills: Vec<SheetDrill>,
    /// What is about the whole match: disqualified, withdrawn, warned.
    pub versions: Vec<Version>,
    /// Of these, what counts.
    pub out: Vec<OutLine>,
    /// What the chronograph says.
    pub chrono: Option<ChronoLine>,
    /// The place in the match: in the division, then among all.
    pub overall: Vec<(Group, MatchRow)>,
    /// What is missing of this shooter.
    pub gaps: Gaps,
}

/// A shooter on one drill.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SheetDrill {
    /// The drill.
    pub drill: DrillNo,
    /// What counts.
    pub slot: Option<Slot>,
    /// What the jury decided.
    pub ruling: Option<Ruling>,
    /// The place: in the division, then among all.
    pub placed: Vec<(Group, StageRow)>,
    /// All versions in the order of their authors' clocks; voids and approvals stand beside what
    /// they are about.
    pub versions: Vec<Version>,
}

/// One version of a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// The entry.
    pub entry: EntryId,
    /// The key that wrote it.
    pub by: PublicKey,
    /// When, by its author's clock, in milliseconds from the event's epoch.
    pub at_ms: i64,
    /// What it says.
    pub body: Body,
    /// How it is read.
    pub verdict: Verdict,
    /// The entry in whose place this one stands, and what that was about: of another shooter or
    /// drill if it was moved.
    pub instead_of: Option<Reference>,
    /// The entry that stands in the place of this one.
    pub replaced_by: Option<Reference>,
    /// Every void of it, those that do not count included.
    pub voids: Vec<Undone>,
    /// Who agreed after it was saved.
    pub approvals: Vec<Approval>,
}

/// An entry by its name, and what it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reference {
    /// The entry.
    pub entry: EntryId,
    /// The key that wrote it.
    pub by: PublicKey,
    /// When, by its author's clock, in milliseconds from the event's epoch.
    pub at_ms: i64,
    /// What it is about, if it is about a shooter.
    pub about: Option<About>,
}

/// An approval in an entry of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Approval {
    /// The entry.
    pub entry: EntryId,
    /// The key that wrote it.
    pub by: PublicKey,
    /// When it was written, by its author's clock, in milliseconds from the event's epoch.
    pub at_ms: i64,
    /// Who agreed, in milliseconds relative to that time.
    pub approvals: Approvals,
    /// How it is read.
    pub verdict: Verdict,
}

impl Reference {
    pub(super) fn of(line: &Line<'_>) -> Self {
        Self {
            entry: line.id,
            by: line.author,
            at_ms: line.at_ms,
            about: line.body.about(),
        }
    }
}

/// Returns the sheet of a shooter; `None` if the event has no such shooter.
pub fn shooter_sheet(
    basis: Basis<'_>,
    standings: &Standings,
    shooter: ShooterNo,
) -> Option<ShooterSheet> {
    let (roster, book) = (basis.roster, basis.book);
    let division = roster.shooter(shooter)?.division;
    let mut versions = versions(basis, shooter);
    let groups = [Group::Division(division), Group::Combined];
    let drills = roster.structure().drills.iter().map(|drill| SheetDrill {
        drill: drill.no,
        slot: book.slot(drill.no, shooter).cloned(),
        ruling: book.ruling(drill.no, shooter),
        placed: groups
            .iter()
            .filter_map(|&group| {
                let rows = &standings.stage(drill.no, group)?.rows;
                let row = rows.iter().find(|row| row.shooter == shooter)?;
                Some((group, row.clone()))
            })
            .collect(),
        versions: versions.remove(&Some(drill.no)).unwrap_or_default(),
    });
    let drills = drills.collect();
    let overall = groups.iter().filter_map(|&group| {
        let rows = &standings.overall(group)?.rows;
        let row = rows.iter().find(|row| row.shooter == shooter)?;
        Some((group, *row))
    });
    let own = out_list(basis).lines.into_iter();
    let chrono = chrono_list(basis).lines.into_iter();
    Some(ShooterSheet {
        shooter,
        drills,
        // What is about a drill that the event does not have is shown, too.
        versions: versions.into_values().flatten().collect(),
        out: own.filter(|it| it.shooter == shooter).collect(),
        chrono: chrono.into_iter().find(|it| it.shooter == shooter),
        overall: overall.collect(),
        gaps: Gaps::of(roster, book).about(shooter),
    })
}

/// Returns all versions about a shooter by drill.
fn versions(basis: Basis<'_>, shooter: ShooterNo) -> BTreeMap<Option<DrillNo>, Vec<Version>> {
    let book = basis.book;
    let verdict = |entry| book.verdict(entry).unwrap_or(Verdict::Unknown);
    let entries = by_id(basis.lines);
    let replacements = replacements(basis.lines);
    let mut voids: BTreeMap<EntryId, Vec<Undone>> = BTreeMap::new();
    for undone in audit(basis).lines {
        voids.entry(undone.target).or_default().push(undone);
    }
    let mut approvals: BTreeMap<EntryId, Vec<Approval>> = BTreeMap::new();
    for line in basis.lines {
        if let Body::Approve(approve) = line.body {
            approvals.entry(approve.entry).or_default().push(Approval {
                entry: line.id,
                by: line.author,
                at_ms: line.at_ms,
                approvals: approve.approvals,
                verdict: verdict(line.id),
            });
        }
    }
    let mut versions: BTreeMap<Option<DrillNo>, Vec<Version>> = BTreeMap::new();
    for line in basis.lines {
        let Some(about) = line.body.about().filter(|it| it.shooter == shooter) else {
            continue;
        };
        let replaced = instead_of(line.body).and_then(|entry| entries.get(&entry));
        let mut agreed = approvals.remove(&line.id).unwrap_or_default();
        agreed.sort_by_key(|it| (it.at_ms, it.entry));
        versions.entry(about.drill).or_default().push(Version {
            entry: line.id,
            by: line.author,
            at_ms: line.at_ms,
            body: line.body.clone(),
            verdict: verdict(line.id),
            instead_of: replaced.map(|it| Reference::of(it)),
            replaced_by: replacements.get(&line.id).map(|it| Reference::of(it)),
            voids: voids.remove(&line.id).unwrap_or_default(),
            approvals: agreed,
        });
    }
    for list in versions.values_mut() {
        list.sort_by_key(|it| (it.at_ms, it.entry));
    }
    versions
}

/// Returns for each entry the one that says it stands in its place; of several the first by clock.
pub(super) fn replacements<'a>(lines: &'a [Line<'a>]) -> BTreeMap<EntryId, &'a Line<'a>> {
    let mut replacements: BTreeMap<EntryId, &Line<'_>> = BTreeMap::new();
    for line in lines {
        let Some(entry) = instead_of(line.body) else {
            continue;
        };
        let age = |it: &Line<'_>| (it.at_ms, it.id);
        let held = replacements.entry(entry).or_insert(line);
        if age(line) < age(held) {
            *held = line;
        }
    }
    replacements
}

fn instead_of(body: &Body) -> Option<EntryId> {
    if let Body::Score(score) = body {
        score.instead_of
    } else {
        None
    }
}
