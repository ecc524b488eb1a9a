//! How an event is scored, as data: rounding, values of hits and faults, what a match adds up, ties.
//!
//! [`Ruleset::of`] is what each discipline's rule book says; an event may bring its own numbers. The
//! numbers of an edition never change, so that an event which names a discipline and an edition
//! alone reads alike for ever.

use alloc::{vec, vec::Vec};

/// How an event is scored.
///
/// Source: PROTOCOL R-SCORE-8.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ruleset {
    /// Whose rule book holds.
    pub discipline: Discipline,
    /// Decimals to which a hit factor is rounded before ratios are taken; `None` is unrounded.
    pub hf_decimals: Option<u32>,
    /// What a match adds up.
    pub sum: Sum,
    /// Decimals of a percentage of the winner in match tables, 2 to 4.
    pub percent_decimals: u32,
    /// What hits and faults are worth where points are counted.
    pub points: HitPoints,
    /// What hits and faults cost where time is counted.
    pub times: FaultTimes,
    /// Above a par time a shot on static targets still counts up to here, in hundredths of a second.
    pub grace_centis: u32,
    /// How equal results of a match are told apart, in this order; what is left shares a place.
    pub ties: Vec<Tie>,
    /// How many shooters of a team count, the best ones; 0: the event has no team results.
    pub team_counts: u32,
    /// How long results can be contested after they were posted, in minutes.
    pub review_minutes: u32,
}

/// Whose rule book holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Discipline {
    /// International Practical Shooting Confederation: ratios from unrounded hit factors.
    Ipsc,
    /// United States Practical Shooting Association: hit factors rounded to 4 decimals first.
    Uspsa,
    /// International Defensive Pistol Association: time plus points down.
    Idpa,
    /// Steel Challenge: best strings against five steel targets.
    SteelChallenge,
    /// Matches with several firearms: time plus penalties.
    MultiGun,
    /// International Confederation of Revolver Enthusiasts: time plus.
    Icore,
    /// Single Action Shooting Society: time plus.
    Sass,
    /// Precision rifle series and NRL22: points by target.
    Prs,
    /// Bullseye: rings and X's.
    Precision,
    /// Training drills, each with the method it names.
    Drills,
    /// Ski races: the time of two runs.
    Ski,
    /// Court matches: points and sets.
    Court,
}

impl Discipline {
    /// All of them, in order.
    pub const ALL: [Self; 12] = [
        Self::Ipsc,
        Self::Uspsa,
        Self::Idpa,
        Self::SteelChallenge,
        Self::MultiGun,
        Self::Icore,
        Self::Sass,
        Self::Prs,
        Self::Precision,
        Self::Drills,
        Self::Ski,
        Self::Court,
    ];

    /// Returns the name by which files and commands know it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ipsc => "ipsc",
            Self::Uspsa => "uspsa",
            Self::Idpa => "idpa",
            Self::SteelChallenge => "steel-challenge",
            Self::MultiGun => "multi-gun",
            Self::Icore => "icore",
            Self::Sass => "sass",
            Self::Prs => "prs",
            Self::Precision => "precision",
            Self::Drills => "drills",
            Self::Ski => "ski",
            Self::Court => "court",
        }
    }
}

/// What a match adds up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sum {
    /// Stage points: a share of the stage's maximum by the best of the group. Highest first.
    StagePoints,
    /// Times of all stages. Lowest first.
    Time,
    /// Points of all stages as they are. Highest first.
    Points,
    /// Won matches, then sets, then points, of a court.
    Wins,
}

/// What hits and faults are worth where points are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HitPoints {
    /// A hit in the A zone, and a steel target that fell.
    pub full: u32,
    /// A hit in the B or C zone, for Major.
    pub c_major: u32,
    /// A hit in the D zone, for Major.
    pub d_major: u32,
    /// A hit in the B or C zone, for Minor.
    pub c_minor: u32,
    /// A hit in the D zone, for Minor.
    pub d_minor: u32,
    /// What a miss, a no-shoot hit, a procedural, and an extra shot or hit cost.
    pub penalty: u32,
    /// What a shot after the time limit costs.
    pub late_shot: u32,
}

/// What hits and faults cost where time is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FaultTimes {
    /// One point down, in hundredths of a second.
    pub down_centis: u32,
    /// Points down of a hit in the zones A, B, C and D.
    pub zones: [u32; 4],
    /// Points down of a miss on paper.
    pub miss: u32,
    /// Points down of a steel target that stands.
    pub steel_miss: u32,
    /// A hit on a no-shoot, in hundredths of a second.
    pub no_shoot_centis: u32,
    /// What one X takes off, in hundredths of a second.
    pub x_bonus_centis: u32,
    /// A procedural whose rule names no time, in hundredths of a second.
    pub procedural_centis: u32,
    /// A missed plate of a string, in hundredths of a second.
    pub plate_centis: u32,
    /// A procedural of a string, in hundredths of a second.
    pub string_procedural_centis: u32,
    /// A procedural for movement in a string, in hundredths of a second.
    pub movement_centis: u32,
    /// The longest that one of the best strings counts where its drill names no limit, in hundredths
    /// of a second; 0: as long as it took.
    pub string_max_centis: u32,
}

/// How equal results of a match are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tie {
    /// More X's.
    Xs,
    /// The higher score at the longest range.
    LongestRange,
    /// More X's at the longest range.
    LongestRangeXs,
    /// Fewer misses.
    FewestMisses,
    /// Fewer hits of the lowest value, then of the next, and so on.
    FewestLow,
    /// The higher last shot, then the one before, and so on.
    InverseOrder,
    /// More stages won.
    StageWins,
    /// The better result on the stages marked as tie-breakers.
    TieStage,
}

/// What practical shooting counts.
const PRACTICAL: HitPoints = HitPoints {
    full: 5,
    c_major: 4,
    d_major: 2,
    c_minor: 3,
    d_minor: 1,
    penalty: 10,
    late_shot: 5,
};

/// What Steel Challenge adds to a string, and nothing else.
const PLATES: FaultTimes = FaultTimes {
    down_centis: 100,
    zones: [0; 4],
    miss: 0,
    steel_miss: 0,
    no_shoot_centis: 0,
    x_bonus_centis: 0,
    procedural_centis: 300,
    plate_centis: 300,
    string_procedural_centis: 300,
    movement_centis: 400,
    string_max_centis: 0,
};

impl Ruleset {
    /// Returns what the first edition of a discipline's numbers said: no limit for the strings of
    /// Steel Challenge, and no time for what is missed in a drill.
    ///
    /// Source: PROTOCOL R-SCORE-8.
    pub fn first_edition(discipline: Discipline) -> Self {
        let book = Self::of(discipline);
        let times = match discipline {
            Discipline::SteelChallenge | Discipline::Drills => PLATES,
            Discipline::Ipsc
            | Discipline::Uspsa
            | Discipline::Idpa
            | Discipline::MultiGun
            | Discipline::Icore
            | Discipline::Sass
            | Discipline::Prs
            | Discipline::Precision
            | Discipline::Ski
            | Discipline::Court => book.times,
        };
        Self { times, ..book }
    }

    /// Returns what the rule book of a discipline says.
    ///
    /// Source: rule books of the disciplines as docs/RULES.md lists them.
    #[expect(clippy::too_many_lines, reason = "one arm for each rule book")]
    pub fn of(discipline: Discipline) -> Self {
        let practical = Self {
            discipline,
            hf_decimals: None,
            sum: Sum::StagePoints,
            percent_decimals: 4,
            points: PRACTICAL,
            times: PLATES,
            grace_centis: 30,
            ties: Vec::new(),
            team_counts: 3,
            review_minutes: 60,
        };
        let timed = |zones, miss, steel_miss, no_shoot_centis, procedural_centis| Self {
            sum: Sum::Time,
            times: FaultTimes {
                zones,
                miss,
                steel_miss,
                no_shoot_centis,
                procedural_centis,
                ..PLATES
            },
            ..practical.clone()
        };
        match discipline {
            Discipline::Ipsc => practical,
            Discipline::Uspsa => Self {
                hf_decimals: Some(4),
                ..practical
            },
            Discipline::Idpa => timed([0, 1, 1, 3], 5, 5, 500, 300),
            Discipline::SteelChallenge => Self {
                ties: vec![Tie::StageWins, Tie::TieStage],
                times: FaultTimes {
                    string_max_centis: 3_000,
                    ..PLATES
                },
                ..timed([0; 4], 0, 0, 0, 300)
            },
            Discipline::MultiGun => timed([0; 4], 10, 10, 500, 500),
            Discipline::Icore => timed([0, 1, 2, 5], 5, 5, 500, 500),
            Discipline::Sass => timed([0; 4], 5, 5, 500, 1_000),
            Discipline::Prs => Self {
                sum: Sum::Points,
                percent_decimals: 2,
                ties: vec![Tie::TieStage],
                ..practical
            },
            Discipline::Precision => Self {
                sum: Sum::Points,
                percent_decimals: 2,
                ties: vec![
                    Tie::Xs,
                    Tie::LongestRange,
                    Tie::LongestRangeXs,
                    Tie::FewestMisses,
                    Tie::FewestLow,
                    Tie::InverseOrder,
                ],
                ..practical
            },
            Discipline::Drills => Self {
                sum: Sum::Points,
                percent_decimals: 2,
                team_counts: 0,
                ..timed([0, 1, 1, 3], 5, 5, 500, 300)
            },
            Discipline::Ski => Self {
                sum: Sum::Time,
                team_counts: 0,
                review_minutes: 15,
                ..practical
            },
            Discipline::Court => Self {
                sum: Sum::Wins,
                team_counts: 0,
                review_minutes: 0,
                ..practical
            },
        }
    }
}
