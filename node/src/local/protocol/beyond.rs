//! Requests and answers beyond scores: incidents, records, and what needs a person.
//!
//! Incidents, reports and records are named by UUID or an unambiguous beginning. Layer: node, local.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::MediaInfo;

/// Arguments of `incident-add`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct IncidentAdd {
    /// The race: the number of a stage.
    pub race: u32,
    /// The start number.
    pub bib: u32,
    /// Where: number or name of a place of the event.
    pub place: String,
    /// How long before the recording it happened, in milliseconds.
    #[serde(default)]
    pub before_ms: i64,
    /// The number of the rule it may have broken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<u32>,
    /// What was seen, at most 200 bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Its UUID; `None`: the node draws one. The same id again is written once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Unix time in milliseconds at which it was recorded; `None` is now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wall_ms: Option<u64>,
}

/// Arguments of `incident-report`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct IncidentReport {
    /// The incident; a whole UUID may name one that is not here yet.
    pub incident: String,
    /// What was seen, at most 200 bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Pictures and clips, fetched apart.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub media: Vec<MediaData>,
    /// Its UUID; `None`: the node draws one. The same id again is written once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Unix time in milliseconds at which it was recorded; `None` is now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wall_ms: Option<u64>,
}

/// A picture or clip, named by its content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MediaData {
    /// BLAKE3 of its bytes in hex.
    pub hash: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// What it is: `image/jpeg`.
    pub mime: String,
}

/// Arguments of `decide`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Decide {
    /// The incident; a whole UUID may name one that is not here yet.
    pub incident: String,
    /// What is decided.
    pub ruling: RulingWord,
    /// Hundredths of a second that are added; only with `time`.
    #[serde(default)]
    pub time_cs: u32,
    /// The number of the rule it rests on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<u32>,
    /// A short note, at most 120 bytes.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
    /// Unix time in milliseconds at which it was decided; `None` is now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wall_ms: Option<u64>,
}

/// What a jury can decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RulingWord {
    /// Nothing follows.
    None,
    /// A warning, listed.
    Warning,
    /// Time is added.
    Time,
    /// Disqualified from the race.
    Dsq,
}

/// Which incidents to list; every field narrows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IncidentsQuery {
    /// Only this race.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub race: Option<u32>,
    /// Only this start number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bib: Option<u32>,
    /// Only the group of this incident.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident: Option<String>,
}

/// Arguments of `record-add` and `record-set`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordWrite {
    /// The kind: its name or number.
    pub kind: String,
    /// The record. `record-add`: its UUID; `None`: the node draws one, and a kind that is named by
    /// its fields needs none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The records it hangs on, in the order of the kind's parents; `record-set`: empty stays.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub on: Vec<String>,
    /// What it says, by the names of its fields: texts and whole numbers.
    #[serde(default)]
    pub fields: BTreeMap<String, Value>,
    /// Whether it is taken back.
    #[serde(default)]
    pub gone: bool,
    /// Whether the person confirmed what is recorded already (E09).
    #[serde(default)]
    pub confirmed: bool,
    /// Unix time in milliseconds at which it was recorded; `None` is now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wall_ms: Option<u64>,
}

/// Which records to list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordsQuery {
    /// The kind: its name or number.
    pub kind: String,
    /// Only this record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Only what hangs on this record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on: Option<String>,
}

/// Answer of verbs that record beyond scores.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Recorded {
    /// `tallyline.recorded/1`.
    pub schema: String,
    /// UUID of the incident, report or record; of a decision that of its incident.
    pub id: String,
    /// UUID of the entry that says it.
    pub entry: String,
    /// Whether it was here already; nothing was written then.
    pub known: bool,
}

/// Answer of `incidents`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Incidents {
    /// `tallyline.incidents/1`.
    pub schema: String,
    /// The event's time zone in minutes east of UTC.
    pub zone_min: i32,
    /// What belongs together, by race, bib, place and time.
    pub groups: Vec<IncidentGroup>,
}

/// Incidents that are about the same thing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IncidentGroup {
    /// UUID of the earliest of its incidents.
    pub group: String,
    /// The race.
    pub race: u32,
    /// The start number.
    pub bib: u32,
    /// What screens print for the start number.
    pub bib_label: String,
    /// The place's number.
    pub place: u32,
    /// The place's name.
    pub place_name: String,
    /// When the earliest happened, in Unix milliseconds by its reporter's clock.
    pub at_unix_ms: i64,
    /// One of `open`, `settled`, `differing`.
    pub state: String,
    /// What is settled.
    pub ruling: Option<RulingInfo>,
    /// All of them, by time.
    pub incidents: Vec<IncidentInfo>,
}

/// What is settled about a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RulingInfo {
    /// What is decided.
    pub ruling: RulingWord,
    /// Hundredths of a second that are added.
    pub time_cs: u32,
    /// The number of the rule it rests on.
    pub rule: Option<u32>,
    /// Whose word it is: `owner`, `jury` or `official`.
    pub by: String,
    /// The entry that says so.
    pub entry: String,
}

/// Who wrote an entry, when, and where it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NotedInfo {
    /// The entry.
    pub entry: String,
    /// What its author is called.
    pub label: String,
    /// Its author's fingerprint.
    pub key: String,
    /// When it was recorded, in Unix milliseconds by the author's clock.
    pub at_unix_ms: i64,
    /// Other devices that hold it.
    pub copies: u32,
    /// Whether a cloud receipt covers it.
    pub in_cloud: bool,
}

/// One incident.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IncidentInfo {
    /// Its UUID.
    pub incident: String,
    /// Who reported it.
    #[serde(flatten)]
    pub noted: NotedInfo,
    /// When it happened, in Unix milliseconds by the reporter's clock.
    pub happened_unix_ms: i64,
    /// The number of the rule it may have broken.
    pub rule: Option<u32>,
    /// What was seen; `None`: nothing is said, or this device does not read it.
    pub text: Option<String>,
    /// Whether the text is sealed.
    pub sealed: bool,
    /// Entries that say the same under its id.
    pub again: Vec<String>,
    /// What others say under its id (E19).
    pub others: Vec<OtherInfo>,
    /// Reports about it.
    pub reports: Vec<ReportInfo>,
    /// What was decided about it.
    pub decisions: Vec<DecisionInfo>,
}

/// What an entry says that has the id of an incident and is not the incident (E19).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OtherInfo {
    /// Who says it.
    #[serde(flatten)]
    pub noted: NotedInfo,
    /// The race.
    pub race: u32,
    /// The start number.
    pub bib: u32,
    /// The number of the place.
    pub place: u32,
    /// What the place is called.
    pub place_name: String,
    /// The number of the rule it may have broken.
    pub rule: Option<u32>,
    /// What was seen; `None`: nothing is said, or this device does not read it.
    pub text: Option<String>,
    /// Whether the text is sealed.
    pub sealed: bool,
}

/// One report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReportInfo {
    /// Its UUID.
    pub report: String,
    /// Who reported.
    #[serde(flatten)]
    pub noted: NotedInfo,
    /// What was seen; `None`: nothing is said, or this device does not read it.
    pub text: Option<String>,
    /// Whether the text is sealed.
    pub sealed: bool,
    /// Pictures and clips, and how much of each is here.
    pub media: Vec<MediaInfo>,
}

/// One decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DecisionInfo {
    /// Who decided.
    #[serde(flatten)]
    pub noted: NotedInfo,
    /// What is decided.
    pub ruling: RulingWord,
    /// Hundredths of a second that are added.
    pub time_cs: u32,
    /// The number of the rule it rests on.
    pub rule: Option<u32>,
    /// A short note.
    pub note: String,
}

/// Answer of `record-kinds`; also part of [`super::EventInfo`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kinds {
    /// `tallyline.kinds/1`.
    pub schema: String,
    /// The kinds, by number.
    pub kinds: Vec<KindInfo>,
}

/// One kind of record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KindInfo {
    /// Its number.
    pub kind: u32,
    /// Its name.
    pub name: String,
    /// Names of the kinds that its records hang on.
    pub on: Vec<String>,
    /// How versions are brought together: `append`, `field-level`, `last-write`, `create-wins`,
    /// `derived`, `escalation` or `ask`.
    pub policy: String,
    /// The statuses of an escalation, rising.
    pub statuses: Vec<String>,
    /// Who writes it: `members`, `owner` or `nobody`.
    pub writers: String,
    /// Roles that read its sealed fields, besides the owner.
    pub readers: Vec<String>,
    /// What it says.
    pub fields: Vec<FieldInfo>,
    /// Names of the fields that name a record together with what it hangs on.
    pub unique: Vec<String>,
}

/// One field of a kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FieldInfo {
    /// Its number.
    pub field: u32,
    /// Its name.
    pub name: String,
    /// Whether its values are sealed.
    pub sealed: bool,
}

/// A place of an event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PlaceInfo {
    /// Its number.
    pub place: u32,
    /// Its name.
    pub name: String,
}

/// Answer of `records`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Records {
    /// `tallyline.records/1`.
    pub schema: String,
    /// The kind.
    pub kind: KindInfo,
    /// The records: those that need a person first.
    pub records: Vec<RecordInfo>,
}

/// One record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RecordInfo {
    /// Its UUID.
    pub key: String,
    /// UUIDs of the records it hangs on.
    pub on: Vec<String>,
    /// One of `applied`, `waiting`, `ask`, `possible-double`, `gone`.
    pub state: String,
    /// What it waits for: kind and UUID.
    pub waits_for: Vec<String>,
    /// What it says, by the names of its fields.
    pub fields: BTreeMap<String, ValueInfo>,
    /// The highest counter of its versions.
    pub counter: u64,
    /// Every version, in order; the last one goes before the others.
    pub versions: Vec<VersionInfo>,
    /// Entries of which a person has to choose.
    pub asks: Vec<String>,
    /// Entries that may have recorded the same thing twice.
    pub doubled: Vec<String>,
}

/// A value of a field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ValueInfo {
    /// A text or a whole number; `None`: sealed, and not for this device.
    pub value: Option<Value>,
    /// Whether it is sealed.
    pub sealed: bool,
}

/// One version of a record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent facts that screens show side by side"
)]
pub struct VersionInfo {
    /// Who wrote it.
    #[serde(flatten)]
    pub noted: NotedInfo,
    /// Its counter.
    pub counter: u64,
    /// Whether it makes a new record.
    pub creates: bool,
    /// Whether it takes the record back.
    pub gone: bool,
    /// Whether something of it is in the view.
    pub shown: bool,
    /// What it says.
    pub fields: BTreeMap<String, ValueInfo>,
}

/// Answer of `conflicts`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Conflicts {
    /// `tallyline.conflicts/1`.
    pub schema: String,
    /// What needs a person: possible double doses first.
    pub conflicts: Vec<ConflictInfo>,
    /// Entries that wait for an incident that is not here yet.
    pub waiting: u64,
    /// Bursts of what needs a person.
    pub alerts: Vec<AlertInfo>,
}

/// One thing that needs a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConflictInfo {
    /// One of `possible-double`, `ask`, `same-id`, `decisions`, `slot`.
    pub what: String,
    /// What names it: UUID of the record, incident or shown entry.
    pub name: String,
    /// The stage or match of a `slot`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drill: Option<u32>,
    /// The shooter of a `slot`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shooter: Option<u32>,
    /// The kind of the records of an `ask` or a `possible-double`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// What is to be decided, and how.
    pub text: String,
    /// The entries that differ.
    pub entries: Vec<NotedInfo>,
    /// What each of them says, in words, where another list does not tell.
    pub said: Vec<String>,
}

/// A burst of what needs a person: more than 10 within an hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AlertInfo {
    /// When the first came, in Unix milliseconds.
    pub from_unix_ms: i64,
    /// When the last came, in Unix milliseconds.
    pub to_unix_ms: i64,
    /// How many.
    pub items: u64,
}
