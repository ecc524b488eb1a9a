//! The list of the chronograph: what was declared, measured, and follows.

use alloc::{collections::BTreeMap, vec::Vec};

use tallyline_keys::PublicKey;

use super::{Basis, by_id, counts};
use crate::{
    model::{Body, Chrono, EntryId, Gear, Method, PowerFactor, ShooterNo},
    rules::{
        scoring::measured_power,
        standings::{Listed, listed},
    },
};

/// Who was measured, and who was not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChronoList {
    /// Everybody with a reading or a gear check that counts, by number.
    pub lines: Vec<ChronoLine>,
    /// Shooters in the match without a finished reading, by number; empty if the event has no
    /// chronograph.
    pub unmeasured: Vec<ShooterNo>,
}

/// What the chronograph says about one shooter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChronoLine {
    /// Who.
    pub shooter: ShooterNo,
    /// What the shooter declared.
    pub declared: PowerFactor,
    /// The measured power factor; `None`: the reading is not finished.
    pub measured: Option<u32>,
    /// What counts. Subminor is a match without points.
    pub effective: PowerFactor,
    /// Weighed bullets in tenths of a grain.
    pub weights_decigrains: Vec<u32>,
    /// Measured speeds in feet a second.
    pub speeds_fps: Vec<u32>,
    /// The gear check, when one was made.
    pub gear: Option<Gear>,
    /// Whether another reading says something else.
    pub needs_decision: bool,
    /// The entry that is shown.
    pub entry: EntryId,
    /// The key that wrote it.
    pub by: PublicKey,
    /// When, by its author's clock, in milliseconds from the event's epoch.
    pub at_ms: i64,
}

impl ChronoList {
    /// Returns whether everybody was measured and nobody has to decide anything.
    pub fn is_complete(&self) -> bool {
        self.unmeasured.is_empty() && !self.lines.iter().any(|it| it.needs_decision)
    }

    /// Returns how many have a finished reading.
    pub fn measured(&self) -> usize {
        let lines = self.lines.iter();
        lines.filter(|it| it.measured.is_some()).count()
    }
}

/// Returns what the chronograph says.
pub fn chrono_list(basis: Basis<'_>) -> ChronoList {
    let (roster, book) = (basis.roster, basis.book);
    let entries = by_id(basis.lines);
    let mut shown: BTreeMap<ShooterNo, Shown<'_>> = BTreeMap::new();
    for line in basis.lines {
        if let Body::Chrono(chrono) = line.body
            && measured_power(chrono).is_none()
            && counts(book, line.id)
        {
            let it = (line.id, line.author, line.at_ms);
            shown.insert(chrono.shooter, (it, chrono, None));
        }
    }
    // A finished reading stands before a mere check of the gear.
    for (&shooter, reading) in book.readings() {
        let line = entries.get(&reading.entry);
        if let Some((line, Body::Chrono(chrono))) = line.map(|line| (line, line.body)) {
            let gear = chrono.gear;
            let checked = shown.get(&shooter).and_then(|(_, it, _)| it.gear);
            let it = (line.id, line.author, line.at_ms);
            shown.insert(shooter, (it, chrono, gear.or(checked)));
        }
    }
    let lines = shown.into_iter().filter_map(|(no, (said, chrono, gear))| {
        let shooter = roster.shooter(no)?;
        let reading = book.readings().get(&no);
        let (entry, by, at_ms) = said;
        Some(ChronoLine {
            shooter: no,
            declared: shooter.power_factor,
            measured: reading.map(|it| it.power),
            effective: book.power_factor(roster, no),
            weights_decigrains: chrono.weights_decigrains.clone(),
            speeds_fps: chrono.speeds_fps.clone(),
            gear: gear.or(chrono.gear),
            needs_decision: reading.is_some_and(|it| it.needs_decision),
            entry,
            by,
            at_ms,
        })
    });
    let drills = &roster.structure().drills;
    let measures = drills.iter().any(|drill| drill.method == Method::Chrono);
    let unmeasured = listed(roster, book)
        .iter()
        .filter_map(Listed::in_the_match)
        .filter(|no| measures && !book.readings().contains_key(no))
        .collect();
    ChronoList {
        lines: lines.collect(),
        unmeasured,
    }
}

/// Entry, author and time; what was read; a gear check of another entry.
type Shown<'a> = ((EntryId, PublicKey, i64), &'a Chrono, Option<Gear>);
