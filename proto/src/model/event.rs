//! An event and its structure: what is fixed before the first score.

use alloc::{string::String, vec::Vec};

use tallyline_keys::PublicKey;

use super::{DrillNo, RuleNo, ShooterNo, SquadNo};

/// The root of an event; the event id is the hash of its encoded bytes.
///
/// Source: PROTOCOL R-EVENT-1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// Which reading rules count this event; a node without them stores and relays only.
    pub rules_version: u32,
    /// What people call the event, 1 to 64 bytes.
    pub name: String,
    /// Random bytes, so that two events with one name differ.
    pub nonce: [u8; 16],
    /// The key whose statements rule the event.
    pub owner: PublicKey,
    /// Keys that may recover the event when the owner's device is gone.
    pub recovery: Vec<PublicKey>,
    /// Keys whose receipts prove that an entry is in the cloud.
    pub cloud: Vec<PublicKey>,
    /// Keys the tag by which members find each other on a network.
    pub discovery_key: [u8; 16],
    /// Drills, shooters, rules: locked before the first score.
    pub structure: Structure,
}

/// Drills, roster and configuration of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Structure {
    /// Unix time in milliseconds from which entry times count.
    pub epoch_ms: u64,
    /// Minutes east of UTC, -720 to 840; for screens only.
    pub zone_min: i32,
    /// The level of the match as its organisers call it ("L3"); may be empty.
    pub level: String,
    /// How the event is scored.
    pub ruleset: Ruleset,
    /// Divisions; a shooter names one by its place here, from 0.
    pub divisions: Vec<Division>,
    /// Drills in order of number.
    pub drills: Vec<Drill>,
    /// Shooters in order of number.
    pub shooters: Vec<Shooter>,
    /// Rules that penalties and statuses name.
    pub rules: Vec<Rule>,
}

/// How an event is scored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ruleset {
    /// Whose rule book holds.
    pub discipline: Discipline,
    /// Decimals to which a hit factor is rounded before ratios are taken; `None` is unrounded.
    pub hf_decimals: Option<u32>,
}

/// Whose rule book holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Discipline {
    /// International Practical Shooting Confederation: ratios from unrounded hit factors.
    Ipsc,
    /// United States Practical Shooting Association: hit factors rounded to 4 decimals first.
    Uspsa,
}

/// An equipment class; ranking is for each division.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Division {
    /// The name as the rule book has it.
    pub name: String,
    /// Least power factor for Minor; `None`: no chronograph rule.
    pub minor_floor: Option<u32>,
    /// Least power factor for Major; `None`: the division knows no Major.
    pub major_floor: Option<u32>,
}

/// One exercise with targets and a scoring method; shooters call it a stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drill {
    /// Its number, from 1.
    pub no: DrillNo,
    /// Its name, 1 to 64 bytes.
    pub name: String,
    /// How it is scored.
    pub method: Method,
    /// Timed attempts, 1 to 16; 0 for the chronograph.
    pub strings: u32,
    /// Hits that count on each paper target, 1 to 15 each.
    pub required_hits: Vec<u8>,
    /// Number of steel targets, 0 to 255.
    pub steel: u8,
    /// Whether no-shoot targets stand on the drill.
    pub no_shoots: NoShoots,
}

/// How a drill is scored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Method {
    /// Free time, free shots, the best hits count; hit factor = net points / time.
    Comstock,
    /// Power factor is measured; no points.
    Chrono,
    /// Limited time and shots; net points are the result.
    FixedTime,
    /// Free time, limited shots; extra shots and hits cost a procedural each.
    VirginiaCount,
}

/// Whether no-shoot targets stand on a drill.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NoShoots {
    /// The structure does not say; no-shoot hits are taken.
    NotSaid,
    /// There are none; a no-shoot hit is refused (E08).
    Absent,
    /// There are some.
    Present,
}

/// One competitor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shooter {
    /// The number by which entries name the shooter, from 1.
    pub no: ShooterNo,
    /// What screens print, 1 to 64 bytes.
    pub label: String,
    /// Place of the division in [`Structure::divisions`].
    pub division: usize,
    /// The declared power factor.
    pub power_factor: PowerFactor,
    /// The squad the shooter moves with.
    pub squad: SquadNo,
    /// Lady, Junior, Senior and so on.
    pub categories: Vec<String>,
}

/// Declared or measured power of ammunition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PowerFactor {
    /// Below the division's floor: zero everywhere.
    Subminor,
    /// C and B count 3, D counts 1.
    Minor,
    /// C and B count 4, D counts 2.
    Major,
}

/// One rule that penalties and statuses name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Its number, 1 to 2^24 - 1.
    pub no: RuleNo,
    /// What it is about.
    pub kind: RuleKind,
    /// Number and words as in the rule book.
    pub text: String,
    /// Its short code in the file the event came from; may be empty.
    pub code: String,
}

/// What a rule is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RuleKind {
    /// A penalty counted on a score.
    Procedural,
    /// Disqualification from the match.
    Dq,
    /// A drill not fired or not finished.
    Dnf,
    /// A warning without points.
    Warning,
}
