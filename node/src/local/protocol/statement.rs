//! Requests about who owns the event, who stands in, and what counts; and their answers.
//!
//! Plain values, nothing but names and units. Layer: node, local.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{GrantInfo, Role};

/// What a device is for: one role, or several together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum RoleList {
    /// One role.
    One(Role),
    /// Several; their rights add up.
    Many(Vec<Role>),
}

/// Why a key is revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RevokeWhy {
    /// The device is not needed any more; what arrives past its cuts is late.
    Retired,
    /// The device, or a card, is lost; what arrives past its cuts is quarantined.
    Lost,
    /// The device was stolen; what arrives past its cuts is quarantined.
    Stolen,
    /// The device was misused; what arrives past its cuts is quarantined.
    Misuse,
}

/// Arguments of `revoke`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Revoke {
    /// The device.
    pub device: String,
    /// Why.
    pub reason: RevokeWhy,
    /// The entry before which its log is cut; `None`: at the end known here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
}

/// Arguments of `transfer`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Transfer {
    /// The device that becomes the owner's.
    pub to: String,
}

/// Arguments of `recover`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recover {
    /// What the recovery card says; a secret.
    pub card: String,
    /// Why the old owner's device is revoked; `None`: it died, and stays a member.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<RevokeWhy>,
    /// The first statement of the old owner that is void; `None`: all known here stay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
}

/// Arguments of `adopt` and `adoptable`: single entries, or all that is held back of a device, or
/// a branch of a log that forked. What is named adds up to nothing: the request is refused.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Adopt {
    /// Single entries.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub entries: Vec<String>,
    /// The device whose quarantined, unassigned and disputed entries are meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// The log that forked: grant and incarnation with a hyphen between, as `score history` has
    /// them in `grant` and `incarnation`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<String>,
    /// Which branch of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<Branch>,
    /// Whether they are rejected; else they count.
    #[serde(default)]
    pub reject: bool,
}

/// A branch of a log that forked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Branch {
    /// The one that is held here.
    Here,
    /// The other one, as far as the proof of the fork holds it.
    Other,
}

/// Arguments of `event-amend`: exactly one of `drill` and `rule`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventAmend {
    /// A drill to change or to add.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drill: Option<DrillChange>,
    /// A rule to add.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<NewRule>,
    /// Why, at most 120 bytes.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}

/// What changes for a drill; what is `None` stays, and in a new drill is as in a structure file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DrillChange {
    /// Its number; one that the event does not have adds a drill.
    pub drill: u32,
    /// Its name, 1 to 64 bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// How it is scored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<MethodWord>,
    /// Timed strings, 1 to 16.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strings: Option<u32>,
    /// Hits that count on each paper target, 1 to 15 each.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub required_hits: Option<Vec<u8>>,
    /// Steel targets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steel: Option<u8>,
    /// Whether no-shoot targets stand on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub no_shoots: Option<bool>,
    /// The par time in hundredths of a second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub par_cs: Option<u32>,
    /// Longest time of a string in hundredths of a second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub string_limit_cs: Option<u32>,
    /// How many of the slowest strings do not count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drop_worst: Option<u32>,
    /// Shots that are scored or allowed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shots: Option<u32>,
    /// What a hit on each target is worth.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub values: Option<Vec<u32>>,
}

/// How a drill is scored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MethodWord {
    /// Free time, free shots, the best hits count.
    Comstock,
    /// Free time, limited shots.
    Virginia,
    /// Limited time and shots.
    FixedTime,
    /// Power factor is measured.
    Chrono,
    /// Time, and time for what was hit badly.
    TimePlus,
    /// The best strings against steel.
    BestStrings,
    /// Rings and X's.
    Precision,
    /// Each hit is worth what its target is worth.
    HitValues,
    /// A time limit.
    ParTime,
    /// A timed run of a race.
    Run,
}

/// A rule to add; it gets the next free number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewRule {
    /// Number and words as in the rule book.
    pub text: String,
    /// What it is about.
    pub kind: RuleWord,
    /// A short code; may be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub code: String,
    /// What breaking it once costs: hundredths of a second where time is counted, points elsewhere; a
    /// bonus is below 0. `None`: what the ruleset says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<i32>,
}

/// What a rule is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RuleWord {
    /// A penalty counted on a score.
    Procedural,
    /// Disqualification from the match.
    Dq,
    /// A drill not fired or not finished.
    Dnf,
    /// A warning without points.
    Warning,
}

/// Arguments of `event-close` and `event-chase`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventClose {
    /// Devices whose last entries nobody waits for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lost: Vec<String>,
}

/// Which statements to list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatementsQuery {
    /// Only those that are not in force.
    #[serde(default)]
    pub invalid: bool,
}

/// Arguments of `cards-spare`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CardsSpare {
    /// What the card is called; several get a number behind it.
    pub label: String,
    /// How many, 1 to 20.
    pub count: u32,
}

/// Arguments of `cards-revoke`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CardsRevoke {
    /// What the card is called.
    pub label: String,
}

/// Answer of `revoke` and `cards-revoke`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revoked {
    /// `tallyline.revoked/1`.
    pub schema: String,
    /// The device's name.
    pub label: String,
    /// Its fingerprint.
    pub key: String,
    /// Why.
    pub reason: RevokeWhy,
    /// The grants that ended with it: their cells belong to nobody now.
    pub grants: Vec<GrantInfo>,
    /// What follows, one sentence each.
    pub follows: Vec<String>,
}

/// Answer of `adopt`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Decided {
    /// `tallyline.decided/1`.
    pub schema: String,
    /// How many entries the decision is about.
    pub entries: u64,
    /// Whether they are rejected; else they count.
    pub reject: bool,
}

/// Answer of `event-amend`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Amended {
    /// `tallyline.amended/1`.
    pub schema: String,
    /// The structure's revision from here on.
    pub revision: u32,
    /// The drill that was changed or added.
    pub drill: Option<u32>,
    /// The rule that was added.
    pub rule: Option<u32>,
}

/// Answer of `event-chase`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chased {
    /// `tallyline.chased/1`.
    pub schema: String,
    /// Whether the last call was said: nobody seals before.
    pub called: bool,
    /// Whom and what the end of the event waits for; empty: it can be closed.
    pub chased: Vec<ChaseInfo>,
}

/// Somebody or something that the end of the event waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChaseInfo {
    /// The device's name.
    pub label: String,
    /// Its fingerprint.
    pub key: String,
    /// What is missing, and what to do.
    pub what: String,
}

/// Answer of `event-statements`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Statements {
    /// `tallyline.statements/1`.
    pub schema: String,
    /// The statements, in the order of their authors' clocks.
    pub statements: Vec<StatementInfo>,
}

/// Arguments of `why`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WhyQuery {
    /// A device, or the UUID (or its beginning) of an entry or a grant.
    pub name: String,
}

/// Answer of `why`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WhyData {
    /// `tallyline.why/1`.
    pub schema: String,
    /// One paragraph.
    pub text: String,
    /// The statements that decide it, the one that says most first.
    pub statements: Vec<StatementInfo>,
}

/// One statement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StatementInfo {
    /// UUID of the entry that holds it: what `--before` takes.
    pub entry: String,
    /// What the signer is called.
    pub label: String,
    /// The signer's fingerprint.
    pub key: String,
    /// Unix time in milliseconds as its author's clock had it; shown, never judged.
    pub at_unix_ms: i64,
    /// Which statement, one word.
    pub kind: String,
    /// What it says, for a person.
    pub text: String,
    /// Whether it is in force; if not, it is kept as evidence.
    pub in_force: bool,
}

/// Answer of `cards-spare`: told this once and kept nowhere.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpareCards {
    /// `tallyline.spare-cards/1`.
    pub schema: String,
    /// The cards.
    pub cards: Vec<SpareCard>,
}

/// A card that was just drawn.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpareCard {
    /// What it is called.
    pub label: String,
    /// The fingerprint of its key.
    pub key: String,
    /// What is printed; a secret.
    pub card: String,
}

/// Answer of `cards-list`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cards {
    /// `tallyline.cards/1`.
    pub schema: String,
    /// The spare cards.
    pub cards: Vec<CardInfo>,
}

/// One spare card.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CardInfo {
    /// What it is called.
    pub label: String,
    /// The fingerprint of its key.
    pub key: String,
    /// `unused`, `in-use` or `revoked`.
    pub state: String,
}

impl Default for RoleList {
    fn default() -> Self {
        Self::One(Role::default())
    }
}

impl RoleList {
    /// Returns the roles.
    pub fn as_slice(&self) -> &[Role] {
        match self {
            Self::One(role) => std::slice::from_ref(role),
            Self::Many(roles) => roles,
        }
    }
}

impl std::fmt::Debug for Recover {
    /// Shows everything but the secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recover")
            .field("reason", &self.reason)
            .field("before", &self.before)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for SpareCards {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(&self.cards).finish()
    }
}

impl std::fmt::Debug for SpareCard {
    /// Shows everything but the secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SpareCard")
            .field("label", &self.label)
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}
