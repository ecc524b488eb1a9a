//! What an entry says: a score, a status, a void, an approval, a reading, a record, a statement.

use alloc::{string::String, vec::Vec};

use super::{
    DrillNo, EntryId, Hash, Incarnation, Incident, JuryDecision, Record, Report, RuleNo, ShooterNo,
};

/// One record of a log, without its position.
///
/// Source: PROTOCOL R-ENTRY-1, R-ENTRY-3.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Milliseconds to the entry before in the log; for the first one, to the event's epoch.
    pub at_delta_ms: i64,
    /// The structure revision the author had, from 1.
    pub revision: u32,
    /// The author's earlier logs under the same grant; only in a log's first entry.
    pub succession: Vec<Predecessor>,
    /// What it says.
    pub body: Body,
}

/// An earlier log of the same author under the same grant.
///
/// Source: PROTOCOL R-ENTRY-5.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Predecessor {
    /// Its incarnation.
    pub incarnation: Incarnation,
    /// Its height when the later log began.
    pub height: u64,
    /// Its chain hash at that height.
    pub hash: Hash,
}

/// What an entry says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// A shooter's result on a drill.
    Score(Score),
    /// DNF, DNS, stage DQ, match DQ, withdrawal, warning.
    Status(Status),
    /// A correction: an earlier entry does not count.
    Void(Void),
    /// A chronograph reading.
    Chrono(Chrono),
    /// RO or shooter agree with an entry after it was saved.
    Approve(Approve),
    /// A point of a court match.
    Point(Point),
    /// How a set of a court match ended.
    SetScore(SetScore),
    /// Something that an official of a race saw.
    Incident(Incident),
    /// What somebody adds to an incident.
    Report(Report),
    /// What the jury decides about an incident.
    JuryDecision(JuryDecision),
    /// A version of a record beyond scores.
    Record(Record),
    /// A signed control statement, exact bytes; judged by `log`, not here.
    Statement(Vec<u8>),
    /// The writer's last word under its grant: after the owner's last call it writes no more.
    Seal,
    /// A kind of entry of a later version: stored and relayed, never counted.
    Unknown,
}

impl Body {
    /// Returns what an entry is about, as far as authority goes: a cell, or for what takes a shooter
    /// out of the match, his whole match. `None` for what is about another entry, or has no place in
    /// the scorebook.
    pub fn about(&self) -> Option<About> {
        let cell = |drill, shooter| {
            Some(About {
                drill: Some(drill),
                shooter,
            })
        };
        match self {
            Self::Score(it) => cell(it.drill, it.shooter),
            Self::Chrono(it) => cell(it.drill, it.shooter),
            Self::Point(it) => cell(it.drill, it.side),
            Self::SetScore(it) => cell(it.drill, it.side),
            Self::Status(it) => Some(match it.kind {
                StatusKind::MatchDq | StatusKind::Withdrawn => About {
                    drill: None,
                    shooter: it.about.shooter,
                },
                StatusKind::Dnf | StatusKind::Dns | StatusKind::StageDq | StatusKind::Warning => {
                    it.about
                }
            }),
            Self::Void(_)
            | Self::Approve(_)
            | Self::Incident(_)
            | Self::Report(_)
            | Self::JuryDecision(_)
            | Self::Record(_)
            | Self::Statement(_)
            | Self::Seal
            | Self::Unknown => None,
        }
    }

    /// Returns the entry that this one is about: what a void undoes, what an approval agrees with.
    pub fn target(&self) -> Option<EntryId> {
        match self {
            Self::Void(void) => Some(void.entry),
            Self::Approve(approve) => Some(approve.entry),
            Self::Score(_)
            | Self::Status(_)
            | Self::Chrono(_)
            | Self::Point(_)
            | Self::SetScore(_)
            | Self::Incident(_)
            | Self::Report(_)
            | Self::JuryDecision(_)
            | Self::Record(_)
            | Self::Statement(_)
            | Self::Seal
            | Self::Unknown => None,
        }
    }
}

impl SetScore {
    /// Returns whether another one says the same from the other side.
    pub fn mirrors(&self, other: &Self) -> bool {
        self.drill == other.drill
            && self.set == other.set
            && self.side != other.side
            && self.own == other.other
            && self.other == other.own
    }
}

/// What an entry is about: a cell of the event's grid, or a shooter's whole match.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct About {
    /// The drill; `None` is the whole match.
    pub drill: Option<DrillNo>,
    /// The shooter.
    pub shooter: ShooterNo,
}

/// A shooter's result on a drill.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Score {
    /// The drill.
    pub drill: DrillNo,
    /// The shooter.
    pub shooter: ShooterNo,
    /// 0 for the first attempt, 1 and up for reshoots.
    pub attempt: u32,
    /// Time of each string in hundredths of a second.
    pub time_centis: Vec<u32>,
    /// Hits on each paper target.
    pub hits: Vec<Hits>,
    /// Steel targets.
    pub steel: Steel,
    /// Procedural penalties, each rule once.
    pub penalties: Vec<Penalty>,
    /// When RO and shooter approved.
    pub approvals: Approvals,
    /// Shots after the time limit (Fixed Time).
    pub late_shots: u32,
    /// Shots above the allowed number (Virginia Count).
    pub extra_shots: u32,
    /// Hits above the required number (Virginia Count).
    pub extra_hits: u32,
    /// What only some methods record.
    pub marks: Marks,
    /// The entry in whose place this one stands: a correction, or a move to another shooter.
    pub instead_of: Option<EntryId>,
}

/// What only some methods record of a run.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Marks {
    /// Ring of each shot in order, 0 to 10; 11 is an X, which counts 10.
    pub rings: Vec<u8>,
    /// Points down of each target, where hits are not recorded one by one.
    pub points_down: Vec<u32>,
    /// Hits in the X zone of paper targets.
    pub xs: u32,
    /// Faults of each string, in order of strings; empty: none.
    pub string_faults: Vec<StringFaults>,
    /// Where the time came from.
    pub time_source: TimeSource,
}

/// Faults of one string.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct StringFaults {
    /// Plates that were not hit.
    pub missed: u8,
    /// Procedurals.
    pub procedurals: u8,
    /// Procedurals for movement.
    pub movement: u8,
    /// Whether the stop plate was not hit, or the string not completed.
    pub unfinished: bool,
}

/// Where a time came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum TimeSource {
    /// A person typed it.
    #[default]
    Typed,
    /// A timer sent it.
    Timer,
}

impl Score {
    /// Returns a first attempt at which nothing was recorded yet.
    pub fn blank(drill: DrillNo, shooter: ShooterNo) -> Self {
        Self {
            drill,
            shooter,
            attempt: 0,
            time_centis: Vec::new(),
            hits: Vec::new(),
            steel: Steel::default(),
            penalties: Vec::new(),
            approvals: Approvals::default(),
            late_shots: 0,
            extra_shots: 0,
            extra_hits: 0,
            marks: Marks::default(),
            instead_of: None,
        }
    }
}

/// RO or shooter agree with an entry after it was saved.
///
/// Source: PROTOCOL R-READ-7.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Approve {
    /// The entry.
    pub entry: EntryId,
    /// Who agreed, and when.
    pub approvals: Approvals,
}

/// A point of a court match.
///
/// Source: PROTOCOL R-SCORE-16.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Point {
    /// The match.
    pub drill: DrillNo,
    /// The side that won it.
    pub side: ShooterNo,
    /// The set, from 1.
    pub set: u32,
    /// Which point of the set it is, from 1: the same number twice is one point.
    pub number: u32,
}

/// How a set of a court match ended, or stands, where points are not recorded one by one.
///
/// Source: PROTOCOL R-SCORE-16.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SetScore {
    /// The match.
    pub drill: DrillNo,
    /// The side whose points come first.
    pub side: ShooterNo,
    /// The set, from 1.
    pub set: u32,
    /// Points of that side.
    pub own: u32,
    /// Points of the other one.
    pub other: u32,
}

/// Hits on one paper target: seven counts of 0 to 15, packed 4 bits each from bit 0 in the order
/// A, B, C, D, no-shoot, miss, no-penalty miss.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Hits(u32);

/// The seven counts of a paper target, each 0 to 15.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Target {
    /// Hits in the A zone.
    pub a: u8,
    /// Hits in the B zone.
    pub b: u8,
    /// Hits in the C zone.
    pub c: u8,
    /// Hits in the D zone.
    pub d: u8,
    /// Hits on the no-shoot that covers this target.
    pub no_shoot: u8,
    /// Misses.
    pub miss: u8,
    /// Misses that cost nothing.
    pub no_penalty_miss: u8,
}

impl Hits {
    /// Returns the packed counts, or `None` if a bit above the seven counts is set.
    pub fn from_bits(bits: u32) -> Option<Self> {
        (bits >> 28 == 0).then_some(Self(bits))
    }

    /// Returns the packed counts.
    pub fn bits(self) -> u32 {
        self.0
    }

    /// Packs seven counts, or returns `None` if one is above 15.
    pub fn pack(target: Target) -> Option<Self> {
        let counts = [
            target.a,
            target.b,
            target.c,
            target.d,
            target.no_shoot,
            target.miss,
            target.no_penalty_miss,
        ];
        if counts.iter().any(|&count| 15 < count) {
            return None;
        }
        let bits = counts
            .iter()
            .rev()
            .fold(0, |bits, &count| bits << 4 | u32::from(count));
        Some(Self(bits))
    }

    /// Unpacks the seven counts.
    pub fn target(self) -> Target {
        let count = |place: u32| (self.0.wrapping_shr(place) & 15).to_le_bytes()[0];
        Target {
            a: count(0),
            b: count(4),
            c: count(8),
            d: count(12),
            no_shoot: count(16),
            miss: count(20),
            no_penalty_miss: count(24),
        }
    }
}

/// Steel targets of a drill, each count 0 to 255.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Steel {
    /// Down.
    pub hit: u8,
    /// Standing, with a penalty each.
    pub miss: u8,
    /// Standing, without a penalty.
    pub no_penalty_miss: u8,
    /// No-shoot steel that fell.
    pub no_shoot: u8,
}

/// How often a procedural rule was broken in one score.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Penalty {
    /// The rule.
    pub rule: RuleNo,
    /// How often, 1 to 255.
    pub count: u8,
}

/// When RO and shooter approved, in milliseconds relative to the entry's own time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Approvals {
    /// The RO's approval.
    pub ro_ms: Option<i64>,
    /// The shooter's approval.
    pub shooter_ms: Option<i64>,
}

/// A status of a shooter on a drill or for the whole match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// Whom it is about, and where. DNF, DNS and stage DQ name a drill; the others the whole match,
    /// though a match DQ or a warning may name the drill where it happened.
    pub about: About,
    /// Which status.
    pub kind: StatusKind,
    /// Of DNF, DNS and stage DQ: 0 for the first attempt, 1 and up for reshoots.
    pub attempt: u32,
    /// The rule it rests on.
    pub rule: Option<RuleNo>,
    /// A short note, at most 120 bytes.
    pub note: String,
}

/// Which status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum StatusKind {
    /// Did not fire or finish the drill: zero.
    Dnf,
    /// Disqualified from the match: every drill zero, scores kept.
    MatchDq,
    /// Left the match: not listed, scores kept.
    Withdrawn,
    /// Did not start the drill: zero.
    Dns,
    /// Disqualified from the drill (DSQ of a race): zero.
    StageDq,
    /// A warning: listed, costs nothing.
    Warning,
}

/// A correction: the entry it names does not count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Void {
    /// The entry that does not count.
    pub entry: EntryId,
    /// Why.
    pub reason: VoidReason,
    /// Who agreed that an approved score is changed.
    pub agreed: Agreed,
    /// A short note, at most 120 bytes.
    pub note: String,
}

/// Who agreed that an approved score is changed.
///
/// Source: rule book 9.7.4; PROTOCOL R-READ-7.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Agreed {
    /// The shooter.
    pub shooter: bool,
    /// The RO who took the score.
    pub ro: bool,
}

impl Agreed {
    /// Both.
    pub const BOTH: Self = Self {
        shooter: true,
        ro: true,
    };
}

/// Why an entry does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum VoidReason {
    /// Saved for another shooter than the one who shot.
    WrongShooter,
    /// Saved on another drill.
    WrongDrill,
    /// Hits were wrong.
    Hits,
    /// The time was wrong.
    Time,
    /// Penalties were wrong.
    Penalty,
    /// An official ordered a reshoot.
    Reshoot,
    /// Entered twice.
    Duplicate,
    /// The drill was changed.
    Definition,
    /// Decided by arbitration.
    Arbitration,
    /// A trial entry.
    Test,
}

/// A chronograph reading of one shooter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chrono {
    /// The chronograph's drill.
    pub drill: DrillNo,
    /// The shooter.
    pub shooter: ShooterNo,
    /// Weighed bullets in tenths of a grain; the heaviest counts.
    pub weights_decigrains: Vec<u32>,
    /// Measured speeds in feet a second; the three fastest count.
    pub speeds_fps: Vec<u32>,
    /// The gear check, when one was made.
    pub gear: Option<Gear>,
}

/// Result of a gear check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Gear {
    /// Within the division's rules.
    Pass,
    /// Not within them.
    Fail,
}
