//! What is asked and told about scores: records, voids, approvals, moves, phases.
//!
//! Layer: node, local, protocol.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{is_false, is_zero};

/// Arguments of `score-add`:
/// `{"verb":"score-add","record":{"score":{"drill":2,"shooter":175,..}},"confirmed":true}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ScoreAdd {
    /// What to record.
    pub record: Record,
    /// The entry it replaces, which is voided in the same commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaces: Option<Replaces>,
    /// Whether the person confirmed an unlikely time (E06), or a filled place (E09).
    #[serde(default)]
    pub confirmed: bool,
    /// The structure revision the person saw; `None` is the node's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<u32>,
    /// Unix time in milliseconds at which it was recorded; `None` is now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wall_ms: Option<u64>,
}

/// The entry that a record replaces.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Replaces {
    /// The entry.
    pub entry: String,
    /// Why it does not count.
    pub reason: VoidWhy,
    /// Who agreed, if the entry was approved.
    #[serde(default, skip_serializing_if = "AgreedData::is_nobody")]
    pub agreed: AgreedData,
}

/// A score, a chronograph reading or a status; the one key of the object tells which.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Record {
    /// A shooter's result on a drill.
    Score(ScoreData),
    /// A chronograph reading.
    Chrono(ChronoData),
    /// DNF, DNS, stage DQ, match DQ, withdrawal, warning.
    Status(StatusRecord),
    /// A point of a court match.
    Point(PointData),
    /// A set of a court match.
    Set(SetData),
}

/// A point of a court match.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PointData {
    /// The match's number.
    pub drill: u32,
    /// The side that won it, as a shooter's number.
    pub side: u32,
    /// The set, from 1.
    pub set: u32,
    /// Which point of the set, from 1.
    pub number: u32,
}

/// A set of a court match.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetData {
    /// The match's number.
    pub drill: u32,
    /// The side whose points come first, as a shooter's number.
    pub side: u32,
    /// The set, from 1.
    pub set: u32,
    /// Points of that side.
    pub own: u32,
    /// Points of the other one.
    pub other: u32,
}

/// Faults of one string.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FaultsData {
    /// Plates that were not hit.
    #[serde(default)]
    pub missed: u8,
    /// Procedurals.
    #[serde(default)]
    pub procedurals: u8,
    /// Procedurals for movement.
    #[serde(default)]
    pub movement: u8,
    /// Whether the stop plate was not hit, or the string not completed.
    #[serde(default)]
    pub unfinished: bool,
}

/// Who agreed that an approved score is changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AgreedData {
    /// The shooter.
    #[serde(default)]
    pub shooter: bool,
    /// The RO who took the score.
    #[serde(default)]
    pub ro: bool,
}

impl AgreedData {
    /// Returns whether nobody agreed.
    pub fn is_nobody(&self) -> bool {
        !self.shooter && !self.ro
    }
}

/// Arguments of `score-approve`; also how an approval is told in a history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ApproveData {
    /// The entry.
    pub entry: String,
    /// Whether the RO agrees.
    #[serde(default)]
    pub ro: bool,
    /// Whether the shooter agrees.
    #[serde(default)]
    pub shooter: bool,
    /// Unix time in milliseconds at which it was approved; `None` is now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wall_ms: Option<u64>,
}

/// A shooter's result on a drill.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ScoreData {
    /// The drill's number.
    pub drill: u32,
    /// The shooter's number.
    pub shooter: u32,
    /// 0 for the first attempt, 1 and up for reshoots.
    #[serde(default)]
    pub attempt: u32,
    /// Time of each string in hundredths of a second.
    #[serde(default)]
    pub time_cs: Vec<u32>,
    /// One number for each paper target: seven counts of 4 bits from bit 0, in the order A, B, C,
    /// D, no-shoot, miss, no-penalty miss.
    #[serde(default)]
    pub targets: Vec<u32>,
    /// Steel targets.
    #[serde(default)]
    pub steel: SteelData,
    /// Procedural penalties, each rule once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub penalties: Vec<PenaltyData>,
    /// The RO's approval in milliseconds relative to the recording (before it: negative).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ro_ok_ms: Option<i64>,
    /// The shooter's approval in milliseconds relative to the recording (before it: negative).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shooter_ok_ms: Option<i64>,
    /// Shots after the time limit (Fixed Time).
    #[serde(default)]
    pub late_shots: u32,
    /// Shots above the allowed number (Virginia Count).
    #[serde(default)]
    pub extra_shots: u32,
    /// Hits above the required number (Virginia Count).
    #[serde(default)]
    pub extra_hits: u32,
    /// Ring of each shot, 0 to 10; 11 is an X.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rings: Vec<u8>,
    /// Points down of each target, where hits are not recorded one by one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub points_down: Vec<u32>,
    /// Hits in the X zone of paper targets.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub xs: u32,
    /// Faults of each string.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub string_faults: Vec<FaultsData>,
    /// Whether the time came from a timer.
    #[serde(default, skip_serializing_if = "is_false")]
    pub timer: bool,
    /// The entry in whose place this one stands; told, never asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instead_of: Option<String>,
}

impl ScoreData {
    /// Returns what only some methods record, in words; empty where there is nothing.
    pub fn marks_text(&self) -> String {
        let mut parts = Vec::new();
        if !self.rings.is_empty() {
            let rings = self.rings.iter().map(|&ring| match ring {
                11 => "X".to_owned(),
                ring => ring.to_string(),
            });
            parts.push(format!("rings {}", rings.collect::<Vec<_>>().join(" ")));
        }
        if !self.points_down.is_empty() {
            let down: Vec<String> = self.points_down.iter().map(u32::to_string).collect();
            parts.push(format!("down {}", down.join(" ")));
        }
        if self.xs != 0 {
            parts.push(format!("{} X", self.xs));
        }
        let faults = self.string_faults.iter().zip(1..);
        for (fault, string) in faults.filter(|(fault, _)| **fault != FaultsData::default()) {
            parts.push(format!("string {string}: {}", fault.text()));
        }
        if self.timer {
            parts.push("from a timer".to_owned());
        }
        parts.join(", ")
    }
}

impl FaultsData {
    fn text(self) -> String {
        let counts = [
            (self.missed, "missed"),
            (self.procedurals, "procedural"),
            (self.movement, "movement"),
        ];
        let counts = counts.iter().filter(|(count, _)| *count != 0);
        let mut parts: Vec<String> = counts.map(|(n, what)| format!("{n} {what}")).collect();
        if self.unfinished {
            parts.push("not finished".to_owned());
        }
        parts.join(" ")
    }
}

/// Steel targets of a drill, each count 0 to 255.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SteelData {
    /// Down.
    #[serde(default)]
    pub hit: u8,
    /// Standing, with a penalty each.
    #[serde(default)]
    pub miss: u8,
    /// Standing, without a penalty.
    #[serde(default)]
    pub no_penalty_miss: u8,
    /// No-shoot steel that fell.
    #[serde(default)]
    pub no_shoot: u8,
}

/// How often a procedural rule was broken in one score.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PenaltyData {
    /// The rule's number in the event's rule list.
    pub rule: u32,
    /// How often, 1 to 255.
    pub count: u8,
}

/// A chronograph reading of one shooter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChronoData {
    /// The chronograph's drill.
    pub drill: u32,
    /// The shooter's number.
    pub shooter: u32,
    /// Weighed bullets in tenths of a grain.
    #[serde(default)]
    pub weights_decigrains: Vec<u32>,
    /// Measured speeds in feet a second.
    #[serde(default)]
    pub speeds_fps: Vec<u32>,
    /// The gear check, when one was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gear: Option<GearResult>,
}

/// Result of a gear check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum GearResult {
    /// Within the division's rules.
    Pass,
    /// Not within them.
    Fail,
}

/// A status of a shooter on a drill or for the whole match.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StatusRecord {
    /// The shooter's number.
    pub shooter: u32,
    /// The drill; `None` is the whole match. A DNF needs one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drill: Option<u32>,
    /// Which status.
    pub kind: StatusWhat,
    /// Of DNF, DNS and stage DQ: 0 for the first attempt, 1 and up for reshoots.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub attempt: u32,
    /// The number of the rule it rests on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<u32>,
    /// A short note, at most 120 bytes.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}

/// Which status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum StatusWhat {
    /// Did not fire or finish the drill.
    Dnf,
    /// Disqualified from the match.
    MatchDq,
    /// Left the match.
    Withdrawn,
    /// Did not start the drill.
    Dns,
    /// Disqualified from the drill.
    StageDq,
    /// A warning: listed, costs nothing.
    Warning,
}

/// Arguments of `score-void`; also how a void is told in a history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ScoreVoid {
    /// The entry that does not count.
    pub entry: String,
    /// Why.
    pub reason: VoidWhy,
    /// Who agreed, if the entry was approved.
    #[serde(default, skip_serializing_if = "AgreedData::is_nobody")]
    pub agreed: AgreedData,
    /// A short note, at most 120 bytes.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
    /// Unix time in milliseconds at which it was voided; `None` is now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wall_ms: Option<u64>,
}

/// Arguments of `event-phase`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventPhase {
    /// What holds from here on.
    pub phase: PhaseWord,
    /// How long provisional results can be contested, in minutes; `None`: as the ruleset says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review_minutes: Option<u32>,
    /// Whether results become final although the review is not over or something is missing.
    #[serde(default)]
    pub confirmed: bool,
    /// Why, at most 120 bytes.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}

/// Where an event stands.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum PhaseWord {
    /// Scores are taken.
    #[default]
    Scoring,
    /// Results are posted and can be contested.
    Provisional,
    /// Results stand.
    Final,
}

/// Arguments of `score-move`: the same run for another shooter, or on another drill.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScoreMove {
    /// The entry that is moved.
    pub entry: String,
    /// Who shot it; `None` stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shooter: Option<u32>,
    /// Where it was shot; `None` stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drill: Option<u32>,
    /// Who agreed, if the entry was approved.
    #[serde(default, skip_serializing_if = "AgreedData::is_nobody")]
    pub agreed: AgreedData,
    /// Whether the person confirmed that it goes where another score stands (E09).
    #[serde(default, skip_serializing_if = "is_false")]
    pub confirmed: bool,
}

/// Why an entry does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum VoidWhy {
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
