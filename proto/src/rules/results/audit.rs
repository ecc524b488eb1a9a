//! The audit: every correction, with who, when, why, and what stands instead.

use alloc::{collections::BTreeMap, string::String, vec::Vec};

use tallyline_keys::PublicKey;

use super::{Basis, Reference, by_id, chrono_list, sheet::replacements};
use crate::{
    model::{About, Agreed, Body, EntryId, ShooterNo, StatusKind, VoidReason},
    rules::{Line, Scorebook, Verdict},
};

/// Every void of the event, in the order of their authors' clocks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audit {
    /// The voids, those that do not count included.
    pub lines: Vec<Undone>,
    /// Voided entries that are not here yet (E20).
    pub missing: Vec<EntryId>,
}

/// One void.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undone {
    /// The void.
    pub void: EntryId,
    /// The key that wrote it.
    pub by: PublicKey,
    /// When, by its author's clock, in milliseconds from the event's epoch.
    pub at_ms: i64,
    /// Why.
    pub reason: VoidReason,
    /// Who agreed.
    pub agreed: Agreed,
    /// What was noted.
    pub note: String,
    /// How the void itself is read.
    pub verdict: Verdict,
    /// The entry it names.
    pub target: EntryId,
    /// That entry, when it is here.
    pub was: Option<Reference>,
    /// What stands instead: the entry that says it replaces the target, else what fills its place.
    pub instead: Option<Reference>,
}

impl Audit {
    /// Returns whether every void's target is here.
    pub fn is_complete(&self) -> bool {
        self.missing.is_empty()
    }
}

/// Returns every void.
pub fn audit(basis: Basis<'_>) -> Audit {
    let book = basis.book;
    let entries = by_id(basis.lines);
    let replacements = replacements(basis.lines);
    let chrono = chrono_list(basis).lines.into_iter();
    let chrono: Readings = chrono.map(|it| (it.shooter, it.entry)).collect();
    let voids = basis.lines.iter().filter_map(|line| {
        let Body::Void(void) = line.body else {
            return None;
        };
        let target = entries.get(&void.entry).copied();
        let told = replacements.get(&void.entry).copied();
        let filled = target.and_then(|target| filling(book, &chrono, target));
        let instead = told.or_else(|| entries.get(&filled?).copied());
        Some(Undone {
            void: line.id,
            by: line.author,
            at_ms: line.at_ms,
            reason: void.reason,
            agreed: void.agreed,
            note: void.note.clone(),
            verdict: book.verdict(line.id).unwrap_or(Verdict::Unknown),
            target: void.entry,
            was: target.map(Reference::of),
            instead: instead.map(Reference::of),
        })
    });
    let mut lines: Vec<Undone> = voids.collect();
    lines.sort_by_key(|it| (it.at_ms, it.void));
    let waiting = lines.iter().filter(|it| it.was.is_none());
    let mut missing: Vec<EntryId> = waiting.map(|it| it.target).collect();
    missing.sort_unstable();
    missing.dedup();
    Audit { lines, missing }
}

/// The reading or gear check that is shown of each shooter.
type Readings = BTreeMap<ShooterNo, EntryId>;

/// Returns the entry that fills the place of one that was voided.
fn filling(book: &Scorebook, chrono: &Readings, target: &Line<'_>) -> Option<EntryId> {
    let About { drill, shooter } = target.body.about()?;
    let filling = match target.body {
        Body::Score(_) => book.slot(drill?, shooter).map(|slot| slot.entry),
        Body::Chrono(_) => chrono.get(&shooter).copied(),
        Body::Status(status) => match status.kind {
            StatusKind::Dnf | StatusKind::Dns | StatusKind::StageDq => {
                book.slot(drill?, shooter).map(|slot| slot.entry)
            }
            StatusKind::MatchDq | StatusKind::Withdrawn => book.out(shooter).map(|it| it.entry),
            StatusKind::Warning => None,
        },
        Body::Void(_)
        | Body::Approve(_)
        | Body::Point(_)
        | Body::SetScore(_)
        | Body::Incident(_)
        | Body::Report(_)
        | Body::JuryDecision(_)
        | Body::Record(_)
        | Body::Statement(_)
        | Body::Seal
        | Body::Unknown => None,
    };
    filling.filter(|entry| *entry != target.id)
}
