//! An event and its structure: what is fixed before the first score.

use alloc::{string::String, vec::Vec};

use tallyline_keys::PublicKey;

use uuid::Uuid;

use super::{DrillNo, Kind, Media, Place, RuleNo, Ruleset, ShooterNo, SquadNo};

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
    /// Where something can happen; empty but for races.
    pub places: Vec<Place>,
    /// Kinds of records beyond scores.
    pub kinds: Vec<Kind>,
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
    /// What only some methods need.
    pub terms: Terms,
}

/// What only some methods need to know of a drill; 0 and empty mean that it says nothing.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Terms {
    /// Name in the file or list the drill came from.
    pub id: Option<Uuid>,
    /// The written briefing, at most 1,000 bytes.
    pub briefing: String,
    /// The par time in hundredths of a second.
    pub par_centis: u32,
    /// What happens above the par time; only [`Method::ParTime`] asks.
    pub overtime: Overtime,
    /// Longest time of a string in hundredths of a second; what is above counts as this.
    pub string_max_centis: u32,
    /// How many of the slowest strings do not count.
    pub drop_worst: u32,
    /// What a hit on each target is worth, in order of targets; a target that is not named is worth
    /// 1 ([`Method::HitValues`]).
    pub values: Vec<u32>,
    /// Shots that are scored ([`Method::Precision`]) or allowed ([`Method::VirginiaCount`]).
    pub shots: u32,
    /// The range in meters or yards, as the event counts.
    pub range: u32,
    /// Whether it decides between equal results of a match.
    pub tie_breaker: bool,
    /// What the winner of a stage gets where a match of timed stages adds stage points.
    pub stage_points: u32,
    /// Who plays, and how long ([`Method::Court`]).
    pub court: Option<Court>,
    /// Within how many milliseconds of the first report others of the same bib and place are about
    /// the same thing ([`Terms::incident_window_ms`]); 0: not said.
    pub incident_window_ms: u32,
    /// Pictures of the drill, at most 8, fetched apart and ahead.
    pub pictures: Vec<Media>,
}

impl Terms {
    /// The window where a race names none: two officials who saw one thing note it within half a
    /// minute.
    const INCIDENT_WINDOW_MS: u32 = 30_000;

    /// Returns within how many milliseconds of the first report others are about the same thing.
    ///
    /// Source: PROTOCOL R-INCIDENT-3.
    pub fn incident_window_ms(&self) -> u32 {
        match self.incident_window_ms {
            0 => Self::INCIDENT_WINDOW_MS,
            named => named,
        }
    }
}

/// What a shot above the par time is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Overtime {
    /// It does not count.
    #[default]
    NotCounted,
    /// It counts, and costs the value of a full hit.
    Costs,
    /// The drill is passed or failed: every hit, no shot above par.
    PassFail,
    /// The time counts as far as the par.
    Capped,
}

/// A match on a court.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Court {
    /// One side, a shooter (a team) of the roster.
    pub a: ShooterNo,
    /// The other side.
    pub b: ShooterNo,
    /// Sets that win the match, 1 to 5.
    pub sets_to_win: u32,
    /// Points that win a set.
    pub points: u32,
    /// Points that win the last possible set.
    pub points_last: u32,
    /// Least lead that wins a set.
    pub lead: u32,
    /// A set ends here whatever the lead; 0: never.
    pub cap: u32,
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
    /// Time, and time for what was hit badly or not at all.
    TimePlus,
    /// The best strings against steel, each up to its limit.
    BestStrings,
    /// Rings and X's.
    Precision,
    /// Each hit is worth what its target is worth.
    HitValues,
    /// A time limit; [`Terms::overtime`] says what it does.
    ParTime,
    /// A timed run of a race.
    Run,
    /// A match on a court: points and sets.
    Court,
}

impl Method {
    /// All of them, in order.
    pub const ALL: [Self; 11] = [
        Self::Comstock,
        Self::Chrono,
        Self::FixedTime,
        Self::VirginiaCount,
        Self::TimePlus,
        Self::BestStrings,
        Self::Precision,
        Self::HitValues,
        Self::ParTime,
        Self::Run,
        Self::Court,
    ];

    /// Returns the name by which files and commands know it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Comstock => "comstock",
            Self::Chrono => "chrono",
            Self::FixedTime => "fixed-time",
            Self::VirginiaCount => "virginia",
            Self::TimePlus => "time-plus",
            Self::BestStrings => "best-strings",
            Self::Precision => "precision",
            Self::HitValues => "hit-values",
            Self::ParTime => "par-time",
            Self::Run => "run",
            Self::Court => "court",
        }
    }

    /// Returns whether a drill of this method may have no strings.
    pub fn may_be_untimed(self) -> bool {
        matches!(
            self,
            Self::Chrono | Self::Precision | Self::HitValues | Self::Court
        )
    }
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
    /// What the shooter registered with.
    pub entrant: Entrant,
}

/// What a shooter registered with; empty where the event does not ask.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Entrant {
    /// Name in the file or list the shooter came from.
    pub id: Option<Uuid>,
    /// Member number of the club or federation, at most 32 bytes.
    pub member: String,
    /// Grade of skill (U, D, C, B, A, M, GM), at most 16 bytes.
    pub class: String,
    /// Team, at most 64 bytes.
    pub team: String,
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
    /// What breaking it once costs: hundredths of a second where time is counted, points elsewhere;
    /// below 0 is a bonus. `None`: what the ruleset says.
    pub value: Option<i32>,
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
