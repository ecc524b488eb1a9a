//! Incidents of a race, reports about them, and what the jury decides.

use alloc::{string::String, vec::Vec};

use uuid::Uuid;

use super::{DrillNo, PlaceNo, RuleNo, ShooterNo, Text};

/// Where something can happen: a gate, a section, a line; chosen from a list, so that two reports
/// of one place match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its number.
    pub no: PlaceNo,
    /// What people call it, 1 to 64 bytes.
    pub name: String,
}

/// Something that an official saw. Never merged: what two officials report is grouped in a view.
///
/// Source: PROTOCOL R-INCIDENT-1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incident {
    /// Its identity, drawn by the first writer.
    pub id: Uuid,
    /// The race: the run it happened in.
    pub race: DrillNo,
    /// The start number.
    pub bib: ShooterNo,
    /// Where.
    pub place: PlaceNo,
    /// How long before the entry's own time it happened, in milliseconds by the reporting device's
    /// clock.
    pub before_ms: i64,
    /// The rule it may have broken.
    pub rule: Option<RuleNo>,
    /// What was seen.
    pub text: Option<Text>,
}

/// What somebody adds to an incident.
///
/// Source: PROTOCOL R-INCIDENT-4.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Its identity.
    pub id: Uuid,
    /// The incident it belongs to; waits for it (E20).
    pub incident: Uuid,
    /// What was seen.
    pub text: Option<Text>,
    /// Pictures and clips, fetched apart.
    pub media: Vec<Media>,
}

/// A picture or clip, named by its content.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Media {
    /// BLAKE3 of its bytes.
    pub hash: [u8; 32],
    /// Its size in bytes.
    pub bytes: u64,
    /// What it is, at most 64 bytes: `image/jpeg`.
    pub mime: String,
}

/// What the jury decides about an incident, and with it about its group.
///
/// Source: PROTOCOL R-INCIDENT-5.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JuryDecision {
    /// The incident.
    pub incident: Uuid,
    /// What is decided.
    pub ruling: Ruling,
    /// The rule it rests on.
    pub rule: Option<RuleNo>,
    /// A short note, at most 120 bytes.
    pub note: String,
}

/// What a jury can decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ruling {
    /// Nothing follows.
    None,
    /// A warning, listed.
    Warning,
    /// Time is added, in hundredths of a second.
    Time(u32),
    /// Disqualified from the race.
    Dsq,
}
