//! What officials held against shooters: penalties, warnings, disqualifications, withdrawals.

use alloc::{collections::BTreeMap, string::String, vec::Vec};

use tallyline_keys::PublicKey;

use super::{Basis, Gaps, by_id, counts};
use crate::{
    model::{Body, DrillNo, EntryId, RuleNo, Ruling, ShooterNo, StatusKind},
    rules::{
        Line,
        incidents::{Choice, Group},
        scoring::{Cost, RuleBook},
    },
};

/// All penalties of runs that count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PenaltyList {
    /// By drill, shooter and rule.
    pub lines: Vec<PenaltyLine>,
    /// What is missing: a run that is not here may bring more.
    pub gaps: Gaps,
}

/// A rule that was broken in a run that counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PenaltyLine {
    /// Where.
    pub drill: DrillNo,
    /// Who.
    pub shooter: ShooterNo,
    /// Which rule; a jury may add time without naming one.
    pub rule: Option<RuleNo>,
    /// How often.
    pub count: u8,
    /// What all of it costs.
    pub cost: Cost,
    /// The entry that says so.
    pub entry: EntryId,
    /// The key that wrote it.
    pub by: PublicKey,
    /// When, by its author's clock, in milliseconds from the event's epoch.
    pub at_ms: i64,
}

/// Who is out of the match or a drill, or was warned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutList {
    /// The disqualified, then from a drill, the withdrawn, the warned; each by shooter.
    pub lines: Vec<OutLine>,
    /// What is missing.
    pub gaps: Gaps,
}

/// One shooter who is out or was warned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutLine {
    /// Who.
    pub shooter: ShooterNo,
    /// What was said.
    pub why: OutWhy,
    /// Where it happened.
    pub drill: Option<DrillNo>,
    /// The rule it rests on.
    pub rule: Option<RuleNo>,
    /// What was noted.
    pub note: String,
    /// The entry that says so.
    pub entry: EntryId,
    /// The key that wrote it.
    pub by: PublicKey,
    /// When, by its author's clock, in milliseconds from the event's epoch.
    pub at_ms: i64,
}

/// What was said of a shooter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum OutWhy {
    /// Disqualified from the match.
    MatchDq,
    /// Disqualified from a drill.
    StageDq,
    /// Left the match.
    Withdrawn,
    /// Warned.
    Warning,
}

/// Returns the penalties of all runs that count, and what the jury added to them, of shooters in the
/// match.
pub fn penalty_list(basis: Basis<'_>) -> PenaltyList {
    let (roster, book) = (basis.roster, basis.book);
    let entries = by_id(basis.lines);
    let rules = RuleBook::of(roster.structure());
    let mut lines = Vec::new();
    for (&(drill, shooter), slot) in book.slots() {
        let (Some(line), Some(stage)) = (entries.get(&slot.entry), roster.drill(drill)) else {
            continue;
        };
        let Body::Score(score) = line.body else {
            continue;
        };
        if book.out(shooter).is_some() {
            continue;
        }
        let mut penalties = score.penalties.clone();
        penalties.sort_unstable();
        lines.extend(penalties.iter().map(|penalty| PenaltyLine {
            drill,
            shooter,
            rule: Some(penalty.rule),
            count: penalty.count,
            cost: rules.cost_of(stage, *penalty),
            entry: line.id,
            by: line.author,
            at_ms: line.at_ms,
        }));
    }
    for (group, line, ruling) in settled(basis, &entries) {
        let Ruling::Time(centis) = ruling.says else {
            continue;
        };
        if book.out(group.bib).is_none() {
            lines.push(PenaltyLine {
                drill: group.race,
                shooter: group.bib,
                rule: ruling.rule,
                count: 1,
                cost: Cost::Centis(i64::from(centis)),
                entry: line.id,
                by: line.author,
                at_ms: line.at_ms,
            });
        }
    }
    lines.sort_by_key(|it| (it.drill, it.shooter, it.rule, it.at_ms, it.entry));
    PenaltyList {
        lines,
        gaps: Gaps::of(roster, book),
    }
}

/// What the jury settled about a group of incidents.
struct Settled {
    says: Ruling,
    rule: Option<RuleNo>,
}

/// Returns what the jury settled, with the entries that say so.
fn settled<'a>(
    basis: Basis<'a>,
    entries: &BTreeMap<EntryId, &'a Line<'a>>,
) -> Vec<(&'a Group, &'a Line<'a>, Settled)> {
    let groups = basis.book.incidents().groups().iter();
    let settled = groups.filter_map(|group| match group.choice {
        Choice::Settled {
            entry,
            ruling,
            rule,
            by: _,
        } => {
            let line = entries.get(&entry)?;
            Some((group, *line, Settled { says: ruling, rule }))
        }
        Choice::Open | Choice::Differing { .. } => None,
    });
    settled.collect()
}

/// Returns who the jury took out of a run, or warned.
fn ruled_out(basis: Basis<'_>) -> Vec<OutLine> {
    let entries = by_id(basis.lines);
    let ruled = settled(basis, &entries).into_iter();
    let lines = ruled.filter_map(|(group, line, ruling)| {
        let why = match ruling.says {
            Ruling::Dsq => OutWhy::StageDq,
            Ruling::Warning => OutWhy::Warning,
            Ruling::None | Ruling::Time(_) => return None,
        };
        let Body::JuryDecision(decision) = line.body else {
            return None;
        };
        Some(OutLine {
            shooter: group.bib,
            why,
            drill: Some(group.race),
            rule: ruling.rule,
            note: decision.note.clone(),
            entry: line.id,
            by: line.author,
            at_ms: line.at_ms,
        })
    });
    lines.collect()
}

/// Returns who is out of the match or a drill, and who was warned, by officials or by the jury.
pub fn out_list(basis: Basis<'_>) -> OutList {
    let book = basis.book;
    let lines = basis.lines.iter().filter_map(|line| {
        let Body::Status(status) = line.body else {
            return None;
        };
        let why = match status.kind {
            StatusKind::MatchDq => OutWhy::MatchDq,
            StatusKind::StageDq => OutWhy::StageDq,
            StatusKind::Withdrawn => OutWhy::Withdrawn,
            StatusKind::Warning => OutWhy::Warning,
            StatusKind::Dnf | StatusKind::Dns => return None,
        };
        counts(book, line.id).then(|| OutLine {
            shooter: status.about.shooter,
            why,
            drill: status.about.drill,
            rule: status.rule,
            note: status.note.clone(),
            entry: line.id,
            by: line.author,
            at_ms: line.at_ms,
        })
    });
    let mut lines: Vec<OutLine> = lines.chain(ruled_out(basis)).collect();
    lines.sort_by_key(|it| (it.why, it.shooter, it.drill, it.at_ms, it.entry));
    OutList {
        lines,
        gaps: Gaps::of(basis.roster, book),
    }
}
