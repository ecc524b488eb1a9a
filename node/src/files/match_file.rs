//! A match as the sport's own files tell it, whatever the format: what the readers give and the
//! writers take.
//!
//! Holds what the files say and judges nothing; the event's model is made from it elsewhere. All
//! numbers are exact: times in hundredths of a second, values in hundredths. Moments are Unix
//! milliseconds, UTC; no file tells the range's time zone. Layer: files.

use std::fmt;

use uuid::Uuid;

use super::moment::Date;

/// Namespace of the UUIDs that are made from the ids of other programs; drawn once, for ever.
pub const FOREIGN_NAMESPACE: Uuid = Uuid::from_u128(0x6f0e_9b52_47c1_5d0b_9e33_1c5a_7d2f_8a64);

/// The id that another program gave a thing: a UUID, or any text such as `EQRTwQ`.
///
/// A UUID counts as equal however it is written; any other text is compared letter by letter.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Default, Hash)]
pub struct ForeignId(String);

impl ForeignId {
    /// Takes an id as a file has it. Programs write the same UUID in large and small letters, so
    /// it is kept in small ones with hyphens.
    pub fn new(text: &str) -> Self {
        let text = text.trim();
        let hyphenated = || Uuid::try_parse(text).map(|id| id.hyphenated().to_string());
        match text.len() {
            32 | 36 => Self(hyphenated().unwrap_or_else(|_| text.to_owned())),
            _ => Self(text.to_owned()),
        }
    }

    /// Returns the id as text.
    pub fn text(&self) -> &str {
        &self.0
    }

    /// Returns the UUID that names the thing with us: version 5, so that the same file read twice
    /// gives the same one.
    pub fn uuid(&self) -> Uuid {
        Uuid::new_v5(&FOREIGN_NAMESPACE, self.0.as_bytes())
    }
}

impl fmt::Display for ForeignId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A whole match.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct MatchFile {
    /// The match's id.
    pub id: ForeignId,
    /// Whether the file has no ids, and all of them were made of numbers and names.
    pub made_ids: bool,
    /// The match's name.
    pub name: String,
    /// The first day.
    pub date: Option<Date>,
    /// The level as the organisers call it, such as `L3`.
    pub level: String,
    /// The kind of match as the app calls it: `uspsa_p`, `idpa`, `sc`, `timeplus`, ...
    pub kind: String,
    /// The kind below it: `ipsc`, `uspsa`, `SCSA`, ...
    pub subkind: String,
    /// Divisions in the order of the file.
    pub divisions: Vec<Division>,
    /// Classes (skill grades) in the order of the file.
    pub classes: Vec<String>,
    /// Categories in the order of the file.
    pub categories: Vec<String>,
    /// Rules: procedurals, DQs, DNFs, then penalties and bonuses in seconds.
    pub rules: Vec<Rule>,
    /// Hundredths of a second for each point down; IDPA's is 100, before 2017 it was 50.
    pub point_down_centis: Option<i64>,
    /// Points down for each missed steel target.
    pub steel_miss_points_down: Option<u32>,
    /// Stages in the order of the file.
    pub stages: Vec<Stage>,
    /// Shooters in the order of the file.
    pub shooters: Vec<Shooter>,
    /// All versions of all scores, by stage in the order of `stages`; the versions of one slot
    /// follow each other, older ones first.
    pub scores: Vec<Score>,
    /// Dated notes.
    pub notes: Vec<Note>,
}

/// The sport of a match, as far as its file tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sport {
    /// Hit factor, ratios of unrounded hit factors.
    Ipsc,
    /// Hit factor, ratios of hit factors with 4 decimals.
    Uspsa,
    /// Time plus points down.
    Idpa,
    /// Sum of the best strings.
    SteelChallenge,
    /// Time plus penalties, with X bonuses.
    Icore,
    /// Time plus penalties.
    TimePlus,
    /// None that is known here.
    Other,
}

impl MatchFile {
    /// Returns the sport that `kind` and `subkind` name.
    pub fn sport(&self) -> Sport {
        let kind = self.kind.to_ascii_lowercase();
        let subkind = self.subkind.to_ascii_lowercase();
        match (kind.as_str(), subkind.as_str()) {
            (_, "icore") | ("icore", _) => Sport::Icore,
            ("idpa", _) | (_, "idpa") => Sport::Idpa,
            ("sc" | "scsa" | "steelchallenge", _) | (_, "scsa") => Sport::SteelChallenge,
            ("uspsa" | "uspsa_p", "ipsc") | ("ipsc", _) => Sport::Ipsc,
            ("uspsa" | "uspsa_p", _) | (_, "uspsa") => Sport::Uspsa,
            ("timeplus" | "tp" | "time_plus", _) => Sport::TimePlus,
            (_, _) => Sport::Other,
        }
    }

    /// Returns the stage with this id.
    pub fn stage(&self, id: &ForeignId) -> Option<&Stage> {
        self.stages.iter().find(|stage| stage.id == *id)
    }

    /// Returns the shooter with this id.
    pub fn shooter(&self, id: &ForeignId) -> Option<&Shooter> {
        self.shooters.iter().find(|shooter| shooter.id == *id)
    }

    /// Returns the rules of one kind, in the order in which scores count them by place.
    pub fn rules_of(&self, kind: RuleKind) -> impl Iterator<Item = &Rule> {
        self.rules.iter().filter(move |rule| rule.kind == kind)
    }
}

/// A division.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Division {
    /// Its name or short form.
    pub name: String,
    /// Least power factor for Minor.
    pub minor_floor: Option<u32>,
    /// Least power factor for Major; a division without one knows no Major.
    pub major_floor: Option<u32>,
}

/// What a rule is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleKind {
    /// A penalty of ten points, or what the sport gives.
    Procedural,
    /// A warning without points.
    Warning,
    /// A disqualification.
    Dq,
    /// A reason for not shooting a stage.
    Dnf,
    /// Seconds added for each count.
    Penalty,
    /// Seconds taken off for each count.
    Bonus,
}

/// A rule that scores may name or count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The rule's id; a penalty without one has its text.
    pub id: ForeignId,
    /// What it is for.
    pub kind: RuleKind,
    /// Its number and text.
    pub text: String,
    /// What one count is worth: hundredths of a second for penalties and bonuses.
    pub value_centis: Option<i64>,
    /// It counts at most once on a stage.
    pub once: bool,
}

/// How a stage is scored.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum Scoring {
    /// Free time, free shots, hit factor.
    #[default]
    Comstock,
    /// Free time, limited shots, hit factor.
    VirginiaCount,
    /// Limited time and shots, net points.
    FixedTime,
    /// The power factor is measured.
    Chrono,
    /// IDPA: time plus points down.
    PointsDown,
    /// Time plus penalties.
    TimePlus,
    /// Steel Challenge: the best strings.
    SteelChallenge,
    /// Another one, by the name in the file.
    Other(String),
}

/// A stage.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Stage {
    /// The stage's id.
    pub id: ForeignId,
    /// Its number.
    pub number: u32,
    /// Its name.
    pub name: String,
    /// How it is scored.
    pub scoring: Scoring,
    /// Timed strings.
    pub strings: u32,
    /// Required hits on each paper target.
    pub targets: Vec<u8>,
    /// Steel targets.
    pub steel: u32,
    /// Whether there are no-shoots, if the file says.
    pub no_shoots: Option<bool>,
    /// Most points that can be made, if the file says.
    pub max_points: Option<u32>,
    /// The classifier's number; empty for a classifier without one.
    pub classifier: Option<String>,
    /// Longest time that one string counts, in hundredths of a second.
    pub max_string_centis: Option<u32>,
    /// The worst string does not count.
    pub drop_worst: bool,
    /// The stage was taken out of the match.
    pub deleted: bool,
    /// The written stage briefing.
    pub briefing: String,
}

impl Stage {
    /// Returns the rounds that must be fired at least.
    pub fn required_hits(&self) -> u32 {
        let paper: u32 = self.targets.iter().map(|&hits| u32::from(hits)).sum();
        paper.saturating_add(self.steel)
    }
}

/// A shooter's power factor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum PowerFactor {
    /// The file does not say, or the sport has none.
    #[default]
    NotSaid,
    /// Major.
    Major,
    /// Minor.
    Minor,
    /// Below Minor: no points.
    Subminor,
}

impl PowerFactor {
    /// Reads the word for it in any case of letters.
    pub(super) fn parse(text: &str) -> Option<Self> {
        match text.trim().to_ascii_lowercase().as_str() {
            "" | "none" | "n/a" => Some(Self::NotSaid),
            "major" | "maj" => Some(Self::Major),
            "minor" | "min" => Some(Self::Minor),
            "subminor" | "sub-minor" | "sub minor" | "sub" => Some(Self::Subminor),
            _ => None,
        }
    }

    /// Returns the word for it, with a capital.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::NotSaid => "",
            Self::Major => "Major",
            Self::Minor => "Minor",
            Self::Subminor => "Subminor",
        }
    }
}

/// A shooter. Mail and phone are never taken over.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Shooter {
    /// The shooter's id.
    pub id: ForeignId,
    /// The shooter's number in the match.
    pub number: Option<u32>,
    /// First name.
    pub first_name: String,
    /// Last name.
    pub last_name: String,
    /// Number with the sport's association.
    pub member: String,
    /// Division by its name in `divisions`.
    pub division: String,
    /// Class.
    pub class: String,
    /// Power factor.
    pub power_factor: PowerFactor,
    /// Squad; `None` if there is none yet.
    pub squad: Option<u32>,
    /// Categories.
    pub categories: Vec<String>,
    /// Team.
    pub team: String,
    /// Region or country.
    pub region: String,
    /// Disqualified from the match, with the rule's text if the file has it.
    pub dq: Option<String>,
    /// Taken off the roster; scores stay in the file.
    pub deleted: bool,
    /// Joined on the day.
    pub walk_in: bool,
}

/// Hits on one paper target, or on all of them together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct TargetHits {
    /// A hits.
    pub a: u32,
    /// B hits.
    pub b: u32,
    /// C hits.
    pub c: u32,
    /// D hits.
    pub d: u32,
    /// Hits on no-shoots.
    pub no_shoots: u32,
    /// Misses.
    pub misses: u32,
    /// Misses without a penalty.
    pub no_penalty_misses: u32,
}

impl TargetHits {
    /// Returns the counts in the order A, B, C, D, NS, M, NPM.
    pub fn counts(&self) -> [u32; 7] {
        let Self {
            a,
            b,
            c,
            d,
            no_shoots,
            misses,
            no_penalty_misses,
        } = *self;
        [a, b, c, d, no_shoots, misses, no_penalty_misses]
    }

    /// Takes counts in the order A, B, C, D, NS, M, NPM.
    pub fn of_counts([a, b, c, d, no_shoots, misses, no_penalty_misses]: [u32; 7]) -> Self {
        Self {
            a,
            b,
            c,
            d,
            no_shoots,
            misses,
            no_penalty_misses,
        }
    }

    /// Returns the sum of all hits in a list and in this one.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        let mut sum = self.counts();
        for (to, from) in sum.iter_mut().zip(other.counts()) {
            *to = to.saturating_add(from);
        }
        Self::of_counts(sum)
    }
}

/// The hits of a score, as finely as the file has them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hits {
    /// Target by target; steel is apart.
    PerTarget(Vec<TargetHits>),
    /// Only sums, steel among them: text reports and MIFF files of other programs.
    Sums(TargetHits),
}

impl Default for Hits {
    fn default() -> Self {
        Self::PerTarget(Vec::new())
    }
}

/// Steel targets of a score.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Steel {
    /// Steel that fell.
    pub hit: u32,
    /// Steel that stood.
    pub missed: u32,
    /// Steel that stood without a penalty.
    pub no_penalty_missed: u32,
    /// Hits on steel no-shoots.
    pub no_shoots: u32,
}

/// What a chronograph stage measured.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Chrono {
    /// Bullet weights in hundredths of a grain.
    pub weights_centigr: Vec<i64>,
    /// Velocities in hundredths of feet a second.
    pub velocities_centifps: Vec<i64>,
    /// What the check of the gear said, such as `Pass`.
    pub gear: String,
}

/// A disqualification from one stage.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct StageDq {
    /// The rules it names.
    pub rules: Vec<ForeignId>,
    /// What was written about it.
    pub details: String,
}

/// The device that wrote a score last.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Device {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
}

/// Who affirmed a score, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Approval {
    /// The app's own mark.
    pub marked: Option<bool>,
    /// When the shooter signed.
    pub shooter_ms: Option<i64>,
    /// When the range officer signed.
    pub ro_ms: Option<i64>,
}

/// What Virginia Count and Fixed Time count besides hits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Extra {
    /// Shots after the par time.
    pub late_shots: u32,
    /// Shots beyond the number allowed.
    pub shots: u32,
    /// Hits beyond the number allowed.
    pub hits: u32,
}

/// One version of one score.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Score {
    /// The stage.
    pub stage: ForeignId,
    /// The shooter.
    pub shooter: ForeignId,
    /// An older version that another one replaced.
    pub superseded: bool,
    /// The strings in hundredths of a second.
    pub string_centis: Vec<u32>,
    /// Hits on paper.
    pub hits: Hits,
    /// Steel.
    pub steel: Steel,
    /// Procedurals, all rules together.
    pub procedurals: u32,
    /// Procedurals by rule, as far as the rule is told.
    pub procedurals_by_rule: Vec<(ForeignId, u32)>,
    /// Further penalty points.
    pub penalty_points: u32,
    /// Late shots, extra shots and extra hits.
    pub extra: Extra,
    /// Points down of each target.
    pub points_down: Vec<u32>,
    /// Counts of the penalties, in the order of the match's rules of that kind.
    pub penalties: Vec<u32>,
    /// Counts of the bonuses, in the order of the match's rules of that kind.
    pub bonuses: Vec<u32>,
    /// Counts of the penalties string by string.
    pub string_penalties: Vec<Vec<u32>>,
    /// What the chronograph measured.
    pub chrono: Option<Chrono>,
    /// The stage was not fired or not finished.
    pub dnf: bool,
    /// Why not.
    pub dnf_rules: Vec<ForeignId>,
    /// A disqualification from the stage.
    pub stage_dq: Option<StageDq>,
    /// Points as the file has them; never used for results.
    pub raw_points: Option<i64>,
    /// When it was saved.
    pub saved_at_ms: Option<i64>,
    /// Who affirmed it.
    pub approval: Approval,
    /// The device that saved it.
    pub device: Device,
    /// Where it came from, such as "From Shooter ..." or "Stage edited".
    pub origin: String,
    /// Why there is a penalty, in words.
    pub note: String,
}

impl Score {
    /// Returns whether anything was hit, on paper or steel.
    pub fn has_hits(&self) -> bool {
        let hits = |it: &TargetHits| it.a != 0 || it.b != 0 || it.c != 0 || it.d != 0;
        let paper = match &self.hits {
            Hits::PerTarget(targets) => targets.iter().any(hits),
            Hits::Sums(sums) => hits(sums),
        };
        paper || self.steel.hit != 0
    }
}

/// A dated note.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Note {
    /// When.
    pub at_ms: Option<i64>,
    /// What.
    pub text: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_the_same_however_a_uuid_is_written_and_letters_count_elsewhere() {
        let small = ForeignId::new("a6977f3d-10fb-af03-7d89-a8204c43a926");
        let large = ForeignId::new(" A6977F3D-10FB-AF03-7D89-A8204C43A926 ");
        let plain = ForeignId::new("a6977f3d10fbaf037d89a8204c43a926");
        assert_eq!((&small, &small), (&large, &plain));
        assert_ne!(
            ForeignId::new("xdnYz1").uuid(),
            ForeignId::new("xdNYz1").uuid()
        );
        assert_eq!(small.uuid().get_version_num(), 5);
        assert_eq!(
            ForeignId::new("EQRTwQ").uuid().to_string(),
            "d2614b27-c066-5e94-8ed3-e8f01448d164",
            "the same for ever"
        );
    }

    #[test]
    fn kinds_name_their_sport() {
        let cases = [
            ("uspsa_p", "ipsc", Sport::Ipsc),
            ("uspsa_p", "uspsa", Sport::Uspsa),
            ("uspsa_p", "", Sport::Uspsa),
            ("idpa", "", Sport::Idpa),
            ("sc", "SCSA", Sport::SteelChallenge),
            ("timeplus", "none", Sport::TimePlus),
            ("timeplus", "icore", Sport::Icore),
            ("pr", "", Sport::Other),
        ];
        for (kind, subkind, expected) in cases {
            let it = MatchFile {
                kind: kind.to_owned(),
                subkind: subkind.to_owned(),
                ..MatchFile::default()
            };
            assert_eq!(it.sport(), expected, "{kind} {subkind}");
        }
    }
}
