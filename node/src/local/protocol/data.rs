//! The data of answers, one type for each shape.
//!
//! Plain values, nothing but names and units. Layer: node, local.

use serde::{Deserialize, Serialize};
use tallyline_proto::model::EventId;
use utoipa::ToSchema;

use super::{
    ApproveData, CloseWhy, CloudData, HeadInfo, KindInfo, LastSync, LentInfo, MediaInfo, PhaseInfo,
    PlaceInfo, Record, RevokeWhy, RosterAdd, ScoreVoid,
};

/// Answer of a verb that has nothing to tell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Done {
    /// `tallyline.done/1`.
    pub schema: String,
    /// What happened, for a person.
    pub text: String,
}

impl Done {
    /// Says what happened.
    pub fn said(text: impl Into<String>) -> Self {
        Self {
            schema: "tallyline.done/1".to_owned(),
            text: text.into(),
        }
    }
}

/// Who answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NodeInfo {
    /// `tallyline.node/1`.
    pub schema: String,
    /// The program's version.
    pub version: String,
    /// The process; `None` when no node runs and the store was read directly.
    pub pid: Option<u32>,
    /// `device`, `gateway` or `cloud`.
    pub mode: String,
    /// What the device is called.
    pub label: String,
    /// The device's fingerprint.
    pub key: String,
    /// `blank`, `joining` or `member`.
    pub phase: String,
    /// The event's UUID, when there is one.
    pub event: Option<String>,
    /// Addresses (`ip:port`) at which other devices can reach this node, best first.
    pub addresses: Vec<String>,
}

/// Answer of `event-create`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Founded {
    /// `tallyline.founded/1`.
    pub schema: String,
    /// The event's UUID.
    pub event: String,
    /// The event's full id in hex.
    pub event_id: String,
    /// Its name.
    pub name: String,
    /// Texts of the recovery cards that were asked for: told once, kept nowhere.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cards: Vec<String>,
}

/// Answer of `event-show`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EventInfo {
    /// `tallyline.event/1`.
    pub schema: String,
    /// The event's UUID.
    pub event: String,
    /// The event's full id in hex.
    pub event_id: String,
    /// Its name.
    pub name: String,
    /// Its level ("L3"); may be empty.
    pub level: String,
    /// The owner's fingerprint.
    pub owner: String,
    /// Fingerprints whose receipts count as the cloud's.
    pub cloud: Vec<String>,
    /// `ipsc` or `uspsa`.
    pub ruleset: String,
    /// Whether the structure is locked.
    pub locked: bool,
    /// Where the event stands.
    #[serde(default)]
    pub phase: PhaseInfo,
    /// Since when it is closed, in Unix milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_unix_ms: Option<i64>,
    /// Minutes east of UTC of the range.
    #[serde(default)]
    pub zone_min: i32,
    /// The structure's revision, from 1.
    pub revision: u32,
    /// Names of the divisions.
    pub divisions: Vec<String>,
    /// The squads, in order.
    pub squads: Vec<u32>,
    /// The drills, in order.
    pub drills: Vec<DrillInfo>,
    /// The shooters, in order of number.
    pub shooters: Vec<RosterAdd>,
    /// The rules that penalties and statuses name.
    pub rules: Vec<RuleInfo>,
    /// Where something can happen, for incidents.
    pub places: Vec<PlaceInfo>,
    /// Kinds of records beyond scores.
    pub kinds: Vec<KindInfo>,
}

/// One drill.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DrillInfo {
    /// Its number.
    pub drill: u32,
    /// Its name.
    pub name: String,
    /// `comstock`, `chrono`, `fixed-time` or `virginia`.
    pub method: String,
    /// Timed strings.
    pub strings: u32,
    /// Hits that count on each paper target.
    pub required_hits: Vec<u8>,
    /// Steel targets.
    pub steel: u8,
    /// Its pictures, and how much of each is here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pictures: Vec<MediaInfo>,
}

/// One rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RuleInfo {
    /// Its number.
    pub rule: u32,
    /// `procedural`, `dq`, `dnf` or `warning`.
    pub kind: String,
    /// Number and words as in the rule book.
    pub text: String,
    /// Its code in the structure file; may be empty.
    pub code: String,
}

/// Answer of `devices`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Devices {
    /// `tallyline.devices/1`.
    pub schema: String,
    /// The members, then those who were members and are revoked.
    pub devices: Vec<DeviceInfo>,
}

/// One member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeviceInfo {
    /// Its name.
    pub label: String,
    /// Its fingerprint.
    pub key: String,
    /// Of `owner`, `scorer`, `relay`, `gateway`, `viewer`, `cloud`, `deputy`, `desk`, `spare`.
    pub roles: Vec<String>,
    /// The four words of its join: the device's own screen shows the same ones. Known on the two
    /// devices that took part, until their nodes end.
    #[serde(default)]
    pub words: Option<String>,
    /// Whether it is the node that answers.
    pub this: bool,
    /// Whether a connection with it is up.
    pub connected: bool,
    /// Milliseconds since it was last heard directly; `None`: not since this node started.
    pub last_heard_ms: Option<u64>,
    /// How far its clock is ahead of this device's, in milliseconds; below 0: behind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock_ahead_ms: Option<i64>,
    /// Why its key was revoked; `None`: it is a member.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked: Option<RevokeWhy>,
}

/// Answer of `grants`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Grants {
    /// `tallyline.grants/1`.
    pub schema: String,
    /// The grants.
    pub grants: Vec<GrantInfo>,
}

/// One grant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GrantInfo {
    /// Its UUID.
    pub grant: String,
    /// The writer's name.
    pub label: String,
    /// The writer's fingerprint.
    pub key: String,
    /// Drill numbers; `None` is every drill.
    pub drills: Option<Vec<u32>>,
    /// Squad numbers; `None` is every squad.
    pub squads: Option<Vec<u32>>,
    /// 1 plus the deepest grant it closed.
    pub depth: u32,
    /// Why it was closed; `None`: it is open.
    pub closed: Option<CloseWhy>,
    /// By which desk it was lent and until when; `None`: it was granted for good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lent: Option<LentInfo>,
}

/// Answer of `grant` and `handover`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Assigned {
    /// `tallyline.assigned/1`.
    pub schema: String,
    /// UUIDs of the opened grants, in the order asked for.
    pub grants: Vec<String>,
}

/// Answer of `roster-add` and `roster-edit`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revised {
    /// `tallyline.revised/1`.
    pub schema: String,
    /// The structure's revision from here on.
    pub revision: u32,
    /// The shooter's number.
    pub shooter: u32,
}

/// Answer of `score-add` and `score-void`: it is on disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Saved {
    /// `tallyline.saved/1`.
    pub schema: String,
    /// UUIDs of the entries in the order written (a void before what replaces it).
    pub entries: Vec<String>,
    /// What to look at although it is saved, such as a run like another shooter's (E10).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// Answer of `score-list` and `score-history`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entries {
    /// `tallyline.entries/1`.
    pub schema: String,
    /// The entries, in order of drill, shooter, recorded time, log, sequence.
    pub entries: Vec<EntryInfo>,
}

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EntryInfo {
    /// Its UUID.
    pub entry: String,
    /// The author's name.
    pub label: String,
    /// The author's fingerprint.
    pub key: String,
    /// UUID of the grant of its log.
    pub grant: String,
    /// Incarnation of its log, 16 hex digits.
    pub incarnation: String,
    /// Its sequence there, from 1.
    pub seq: u64,
    /// Unix time in milliseconds as the author's clock had it; shown, never judged.
    pub at_unix_ms: i64,
    /// The record, when it is one.
    pub record: Option<Record>,
    /// The void, when it is one.
    pub void: Option<ScoreVoid>,
    /// The approval, when it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approve: Option<ApproveData>,
    /// How it is read: one word (`counts`, `late`, `voided`, `quarantined`, ..).
    pub verdict: String,
    /// The same in words for a person, with who and why.
    pub verdict_text: String,
    /// The void that applies to it, when one does.
    pub voided_by: Option<String>,
    /// Other devices that hold it.
    pub copies: u32,
    /// Whether a receipt of the cloud covers it.
    pub in_cloud: bool,
}

/// Answer of `standings`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StandingsData {
    /// `tallyline.standings/1`.
    pub schema: String,
    /// The event's name.
    pub name: String,
    /// Whether every shooter has a result on every drill and nothing needs a decision.
    pub complete: bool,
    /// What is missing or needs a decision, one sentence each; at most 100.
    pub missing: Vec<String>,
    /// Digest of the logs it was computed from, hex: equal on two nodes with the same entries.
    pub state_digest: String,
    /// Where the event stands.
    #[serde(default)]
    pub phase: PhaseInfo,
    /// Minutes east of UTC of the event, for its phase's times.
    #[serde(default)]
    pub zone_min: i32,
    /// The end of each log it was computed from.
    #[serde(default)]
    pub heads: Vec<HeadInfo>,
    /// What a match adds: `stage-points`, `time`, `points` or `wins`.
    #[serde(default)]
    pub adds: String,
    /// Tables of drills.
    pub stages: Vec<StageTable>,
    /// Tables of the match.
    pub matches: Vec<MatchTable>,
    /// Tables of classes or categories.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<PartTable>,
    /// Tables of teams.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub teams: Vec<TeamTable>,
}

/// Results of a class or category in one division.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PartTable {
    /// `class` or `category`.
    pub by: String,
    /// Which one.
    pub part: String,
    /// The division's name, or "Combined".
    pub division: String,
    /// The division's rows of these shooters, with places among themselves.
    pub rows: Vec<MatchRow>,
}

/// Results of the teams in one division.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TeamTable {
    /// The division's name, or "Combined".
    pub division: String,
    /// How many members of a team count.
    pub counts: u32,
    /// The rows by place.
    pub rows: Vec<TeamRow>,
}

/// One team's result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TeamRow {
    /// The place, from 1; equal teams share one.
    pub place: u32,
    /// Its name.
    pub team: String,
    /// Match points of those who count, four decimals; `None` where times are added.
    pub match_points: Option<String>,
    /// Times of those who count in seconds; `None` where points are added.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub match_time: Option<String>,
    /// Shooters who count, the best first.
    pub counted: Vec<u32>,
    /// Members who do not.
    pub others: Vec<u32>,
    /// Whether fewer members count than a team has.
    pub short: bool,
}

/// Results of one drill in one division.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StageTable {
    /// The drill's number.
    pub drill: u32,
    /// The drill's name.
    pub name: String,
    /// The division's name, or "Combined".
    pub division: String,
    /// What ranks: `hit-factor`, `points` or `time`.
    #[serde(default)]
    pub measure: String,
    /// The rows, by place; disqualified shooters last.
    pub rows: Vec<StageRow>,
}

/// One shooter's result on one drill.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StageRow {
    /// The place, from 1; equal results share one, the disqualified go on below.
    pub place: Option<u32>,
    /// The shooter's number.
    pub shooter: u32,
    /// The shooter's name.
    pub label: String,
    /// Whether disqualified from the match; the numbers below are `None` then.
    pub dq: bool,
    /// Points before penalties.
    pub points: Option<u32>,
    /// Penalty points.
    pub penalties: Option<u32>,
    /// Time in seconds, two decimals.
    pub time: Option<String>,
    /// Hit factor, four decimals.
    pub hit_factor: Option<String>,
    /// Stage points, four decimals.
    pub stage_points: Option<String>,
    /// Percent of the best, two decimals.
    pub stage_percent: Option<String>,
    /// Time in seconds with what faults add, where time ranks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total_time: Option<String>,
    /// X's, where there are some.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub xs: Option<u32>,
    /// Why there is no run: `dnf`, `dns` or `stage-dq`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missed: Option<String>,
}

/// Results of the match in one division.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MatchTable {
    /// The division's name, or "Combined".
    pub division: String,
    /// The rows, by place; disqualified shooters last.
    pub rows: Vec<MatchRow>,
}

/// One shooter's result in the match.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MatchRow {
    /// The place, from 1; equal results share one, the disqualified go on below.
    pub place: Option<u32>,
    /// The shooter's number.
    pub shooter: u32,
    /// The shooter's name.
    pub label: String,
    /// Whether disqualified from the match; the numbers below are `None` then.
    pub dq: bool,
    /// Match points, four decimals.
    pub match_points: Option<String>,
    /// Percent of the best, four decimals.
    pub match_percent: Option<String>,
    /// Time in seconds, where a match adds times.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub match_time: Option<String>,
    /// X's, where there are some.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub xs: Option<u32>,
    /// Why the shooter is not ranked, where a match adds times: `dnf`, `dns` or `stage-dq`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unranked: Option<String>,
}

/// Answer of `status`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StatusData {
    /// `tallyline.status/1`.
    pub schema: String,
    /// Who answers.
    pub node: NodeInfo,
    /// The event's name, when there is one.
    pub name: Option<String>,
    /// Whether the structure is locked.
    pub locked: bool,
    /// The name of the owner's device, when there is an event.
    #[serde(default)]
    pub owner: Option<String>,
    /// Unix time in milliseconds of the last call, by the owner's clock; `None`: not said.
    #[serde(default)]
    pub called_unix_ms: Option<i64>,
    /// Unix time in milliseconds at which the event was closed; `None`: it is open.
    #[serde(default)]
    pub closed_unix_ms: Option<i64>,
    /// One of `nothing`, `only-here`, `at-the-range`, `in-the-cloud`, `trouble`.
    pub light: String,
    /// The light in words: "3 only on this device", "All 41 in the cloud".
    pub summary: String,
    /// Everything else a person should know, one sentence each.
    pub remarks: Vec<String>,
    /// Where the entries are.
    pub totals: Totals,
    /// How the entries are read.
    pub readings: Readings,
    /// The cells that desks have lent and not taken back.
    #[serde(default)]
    pub claims: Vec<GrantInfo>,
    /// One line for each log.
    pub logs: Vec<LogStatus>,
    /// The members.
    pub devices: Vec<DeviceInfo>,
    /// The connections that are up.
    pub links: Vec<LinkStatus>,
    /// Whether connections are paused: `none`, `cloud` or `all`.
    pub paused: String,
    /// The cloud that this node carries entries to; `None` if it carries none, or does not run.
    #[serde(default)]
    pub cloud: Option<CloudData>,
    /// Whether the running node writes the plain-text score log; `None`: no node runs.
    #[serde(default)]
    pub score_log: Option<bool>,
    /// With whom an exchange was complete last, and when.
    #[serde(default)]
    pub last_sync: Option<LastSync>,
    /// When the cloud signed last that it holds more, in Unix milliseconds.
    #[serde(default)]
    pub last_upload_unix_ms: Option<i64>,
    /// How often peers' frames were refused, by reason.
    pub refused: Vec<Refused>,
    /// Bytes over the network since the start.
    pub wire: WireBytes,
    /// Digest of all logs, hex: equal on two nodes that hold the same.
    pub state_digest: String,
}

/// Answer to `event-list`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Events {
    /// `tallyline.events/1`.
    pub schema: String,
    /// The events, by name.
    pub events: Vec<EventLine>,
}

impl Events {
    /// Lists events by name and id.
    pub fn of(events: impl IntoIterator<Item = (String, EventId)>) -> Self {
        let line = |(name, event): (String, EventId)| EventLine {
            name,
            event: event.uuid().to_string(),
        };
        Self {
            schema: "tallyline.events/1".to_owned(),
            events: events.into_iter().map(line).collect(),
        }
    }
}

/// An event that a node holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventLine {
    /// What people call it.
    pub name: String,
    /// Its UUID.
    pub event: String,
}

/// Where the entries are, counted over all logs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Totals {
    /// Entries here, all on disk.
    pub entries: u64,
    /// Entries that are only here.
    pub only_here: u64,
    /// Entries that a receipt of the cloud covers.
    pub in_cloud: u64,
    /// Entries that are known to exist and are not here.
    pub missing_here: u64,
    /// Of the entries here, those of the owner's control log.
    pub control: u64,
    /// Of the entries in the cloud, those of the owner's control log.
    pub control_in_cloud: u64,
}

/// How the entries are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Readings {
    /// Records that count.
    pub counted: u64,
    /// Of the records, those past a cut without mistrust (whether they count or not).
    pub late: u64,
    /// Records that do not count until the owner adopts them.
    pub quarantined: u64,
    /// Records written with a spare card before anybody granted their cells.
    #[serde(default)]
    pub unassigned: u64,
    /// Records that the owner rejected.
    #[serde(default)]
    pub rejected: u64,
    /// Records past a fork.
    pub disputed: u64,
    /// Records that a void took out.
    pub voided: u64,
    /// Slots that need a decision.
    pub undecided: u64,
    /// Entries of kinds that this version does not know.
    pub unknown: u64,
}

/// One log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "facts that do not depend on each other"
)]
pub struct LogStatus {
    /// The writer's name.
    pub label: String,
    /// The writer's fingerprint.
    pub key: String,
    /// UUID of its grant.
    pub grant: String,
    /// Its incarnation, 16 hex digits.
    pub incarnation: String,
    /// What it holds, for a person: "control", "stages 1-3, all squads".
    pub partition: String,
    /// Whether it is the owner's control log.
    pub control: bool,
    /// Whether its grant is open.
    pub open: bool,
    /// Entries here.
    pub height: u64,
    /// The highest head that any device signed for or announced.
    pub head_known: u64,
    /// Other devices that hold all that is known here.
    pub copies: u32,
    /// Least number of other devices that hold any entry of it.
    pub least_copies: u32,
    /// Height in the cloud by its signed receipts.
    pub cloud: u64,
    /// Whether it forked.
    pub forked: bool,
    /// Whether every device takes it; else its writer is named only behind the fork of another log,
    /// and it counts nowhere.
    pub common: bool,
    /// Milliseconds since the writer was last heard directly; `None`: not since this start.
    pub last_heard_ms: Option<u64>,
    /// The line in words for a person.
    pub text: String,
}

/// One connection that is up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LinkStatus {
    /// The peer's name, when it is a member.
    pub label: Option<String>,
    /// The peer's fingerprint.
    pub key: String,
    /// How it was found: `mdns`, `static`, `remembered`, `ticket`, `uplink`, `inbound`.
    pub source: String,
    /// Whether this node dialled; count links by their dialler's source.
    pub dialled: bool,
    /// Its address.
    pub address: String,
    /// What it goes over: `udp` or `https`.
    #[serde(default)]
    pub over: String,
    /// Milliseconds since it is up.
    pub connected_ms: u64,
    /// Round trip in milliseconds.
    pub rtt_ms: u64,
    /// Protocol frames over this connection, in bytes.
    pub frames_sent_bytes: u64,
    /// Protocol frames over this connection, in bytes.
    pub frames_received_bytes: u64,
    /// UDP payload of this connection, in bytes.
    pub udp_sent_bytes: u64,
    /// UDP payload of this connection, in bytes.
    pub udp_received_bytes: u64,
}

/// How often frames were refused for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Refused {
    /// The reason's stable name.
    pub reason: String,
    /// How often.
    pub count: u64,
}

/// Bytes over the network since the node started, ended connections included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WireBytes {
    /// Protocol frames without QUIC and UDP.
    pub frames_sent_bytes: u64,
    /// Protocol frames without QUIC and UDP.
    pub frames_received_bytes: u64,
    /// UDP payload.
    pub udp_sent_bytes: u64,
    /// UDP payload.
    pub udp_received_bytes: u64,
}

/// Answer of `verify`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verified {
    /// `tallyline.verify/1`.
    pub schema: String,
    /// Whether everything holds.
    pub ok: bool,
    /// Logs checked.
    pub logs: u64,
    /// Entries whose hashes were computed again.
    pub entries: u64,
    /// Signatures checked.
    pub signatures: u64,
    /// What does not hold, one sentence each.
    pub problems: Vec<String>,
}

/// Answer of `export`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exported {
    /// `tallyline.bundle/1`.
    pub schema: String,
    /// The bundle's bytes, hex.
    pub bundle: String,
}

/// Answer of `import`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Imported {
    /// `tallyline.imported/1`.
    pub schema: String,
    /// Entries that were not here before.
    pub fresh: u64,
    /// Entries that were.
    pub known: u64,
    /// Chunks that were not taken in because a hash or signature does not hold.
    pub refused: u64,
}
