//! What officials held against shooters: penalties, warnings, disqualifications, withdrawals.

use alloc::{string::String, vec::Vec};

use tallyline_keys::PublicKey;

use super::{Basis, Gaps, by_id, counts};
use crate::{
    model::{Body, DrillNo, EntryId, RuleNo, ShooterNo, StatusKind},
    rules::scoring::{Cost, RuleBook},
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
    /// Which rule.
    pub rule: RuleNo,
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

/// Returns the penalties of all runs that count, of shooters in the match.
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
            rule: penalty.rule,
            count: penalty.count,
            cost: rules.cost_of(stage, *penalty),
            entry: line.id,
            by: line.author,
            at_ms: line.at_ms,
        }));
    }
    PenaltyList {
        lines,
        gaps: Gaps::of(roster, book),
    }
}

/// Returns who is out of the match or a drill, and who was warned.
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
    let mut lines: Vec<OutLine> = lines.collect();
    lines.sort_by_key(|it| (it.why, it.shooter, it.drill, it.at_ms, it.entry));
    OutList {
        lines,
        gaps: Gaps::of(basis.roster, book),
    }
}
