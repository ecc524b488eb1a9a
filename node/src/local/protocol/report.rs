//! The data of `report`: one shape for each report, all with the same head.
//!
//! Layer: node, local.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{AgreedData, GearResult, PhaseWord, Power, Record, RuleInfo, VoidWhy};

/// Arguments of `report`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReportQuery {
    /// Which report.
    pub report: ReportKind,
    /// Whose sheet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shooter: Option<u32>,
    /// Which day, `YYYY-MM-DD` in the event's zone; `None`: every day, and for `day` the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date: Option<String>,
}

/// Which report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReportKind {
    /// Everything about one shooter. Answer: [`SheetReport`].
    Sheet,
    /// How far each squad is on each stage. Answer: [`ProgressReport`].
    Progress,
    /// Penalties, and who is out. Answer: [`PenaltiesReport`].
    Penalties,
    /// The chronograph's list. Answer: [`ChronoReport`].
    Chrono,
    /// Every void. Answer: [`AuditReport`].
    Audit,
    /// What is missing, and from whom it has to come. Answer: [`MissingReport`].
    Missing,
    /// What happened on one day. Answer: [`DayReport`].
    Day,
    /// Exchanges, copies, uploads and the score log of each device and day.
    /// Answer: [`ComplianceReport`].
    Compliance,
    /// Court matches. Answer: [`CourtReport`].
    Court,
    /// Start lists and referee's lists of races. Answer: [`RaceReport`].
    Race,
}

/// What every table says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReportHead {
    /// `tallyline.report-KIND/1`.
    pub schema: String,
    /// The event's name.
    pub name: String,
    /// Where the event stands.
    pub phase: PhaseInfo,
    /// Minutes east of UTC of the event; days and times of tables are in this zone.
    pub zone_min: i32,
    /// Whether nothing is missing.
    pub complete: bool,
    /// What is missing or needs a decision, one sentence each; at most 100.
    pub missing: Vec<String>,
    /// Digest of the logs it was made from, hex: equal on two nodes with the same entries.
    pub state_digest: String,
    /// The end of each log it was made from.
    pub heads: Vec<HeadInfo>,
}

/// Where an event stands, for those who read its results.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PhaseInfo {
    /// Whether scores are taken, results can be contested, or results stand.
    pub phase: PhaseWord,
    /// Until when results can be contested, in Unix milliseconds by the owner's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review_ends_ms: Option<u64>,
    /// Since when results stand, in Unix milliseconds by the owner's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since_ms: Option<u64>,
}

/// The end of one log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HeadInfo {
    /// The writer's name.
    pub label: String,
    /// UUID of its grant.
    pub grant: String,
    /// Its incarnation, 16 hex digits.
    pub incarnation: String,
    /// How many entries it has.
    pub height: u64,
    /// The first 8 hex digits of the chain hash after the last of them.
    pub chain: String,
}

/// Answer of `report sheet`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SheetReport {
    /// `tallyline.report-sheet/1`, and what every table says of itself.
    #[serde(flatten)]
    pub head: ReportHead,
    /// The shooter's number.
    pub shooter: u32,
    /// The shooter's name.
    pub label: String,
    /// The division's name.
    pub division: String,
    /// The squad's number.
    pub squad: u32,
    /// The declared power factor.
    pub declared: Power,
    /// The one that counts.
    pub power_factor: Power,
    /// Grade of skill; may be empty.
    pub class: String,
    /// Team; may be empty.
    pub team: String,
    /// Lady, Junior, Senior and so on.
    pub categories: Vec<String>,
    /// The stages in order.
    pub stages: Vec<SheetStage>,
    /// What is about the whole match: DQ, withdrawal, warnings.
    pub versions: Vec<SheetVersion>,
    /// The places in the match: in the division, then among all.
    pub overall: Vec<SheetPlace>,
    /// What the chronograph says, when it said something.
    pub chrono: Option<ChronoRow>,
    /// The rules that the versions name.
    #[serde(default)]
    pub rules: Vec<RuleInfo>,
}

/// A shooter's result on one stage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SheetStage {
    /// The stage's number.
    pub drill: u32,
    /// The stage's name.
    pub name: String,
    /// Whether something counts.
    pub filled: bool,
    /// Why there is no run: `dnf`, `dns` or `stage-dq`.
    pub missed: Option<String>,
    /// Whether a person must decide between several entries.
    pub needs_decision: bool,
    /// The attempt that counts, from 0.
    pub attempt: u32,
    /// Points before penalties.
    pub points: Option<u32>,
    /// Penalty points.
    pub penalties: Option<u32>,
    /// Time in seconds, two decimals, with what faults add where time is the result.
    pub time: Option<String>,
    /// Hit factor, four decimals.
    pub hit_factor: Option<String>,
    /// Places: in the division, then among all.
    pub places: Vec<SheetPlace>,
    /// All versions, in the order of their authors' clocks.
    pub versions: Vec<SheetVersion>,
}

/// A shooter's place in one table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SheetPlace {
    /// The division's name, or "Combined".
    pub division: String,
    /// The place, from 1.
    pub place: u32,
    /// Whether disqualified from the match; the numbers below are `None` then.
    pub dq: bool,
    /// Stage points or match points, four decimals.
    pub points: Option<String>,
    /// Time in seconds where a match adds times.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
    /// Percent of the best.
    pub percent: Option<String>,
}

/// One version of a result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SheetVersion {
    /// The entry.
    pub entry: String,
    /// Its author's name.
    pub label: String,
    /// Unix time in milliseconds as the author's clock had it.
    pub at_unix_ms: i64,
    /// What was recorded.
    pub record: Option<Record>,
    /// How it is read, one word.
    pub verdict: String,
    /// The same in words.
    pub verdict_text: String,
    /// The entry in whose place it stands; of another shooter or stage if it was moved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instead_of: Option<ReferenceInfo>,
    /// The entry that stands in its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaced_by: Option<ReferenceInfo>,
    /// When the RO approved, in Unix milliseconds, on the score itself or afterwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ro_ok_unix_ms: Option<i64>,
    /// When the shooter approved, in Unix milliseconds, on the score itself or afterwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shooter_ok_unix_ms: Option<i64>,
    /// Every void of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub voids: Vec<VoidRow>,
}

/// An entry by its name, and what it is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReferenceInfo {
    /// The entry.
    pub entry: String,
    /// Its author's name.
    pub label: String,
    /// Unix time in milliseconds as the author's clock had it.
    pub at_unix_ms: i64,
    /// The stage, if it is about one.
    pub drill: Option<u32>,
    /// The shooter, if it is about one.
    pub shooter: Option<u32>,
    /// What it says, in words.
    pub what: String,
}

/// Answer of `report progress`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProgressReport {
    /// `tallyline.report-progress/1`, and what every table says of itself.
    #[serde(flatten)]
    pub head: ReportHead,
    /// The squads in order.
    pub squads: Vec<u32>,
    /// One for each stage and squad, by stage and then squad.
    pub cells: Vec<ProgressCell>,
}

/// How far one squad is on one stage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProgressCell {
    /// The stage's number.
    pub drill: u32,
    /// The squad's number.
    pub squad: u32,
    /// Its shooters in the match.
    pub total: u32,
    /// Those with a result, a missed run included.
    pub done: u32,
    /// Those without a result.
    pub missing: Vec<u32>,
    /// Those who did not fire or finish.
    pub dnf: Vec<u32>,
    /// Those who did not start.
    pub dns: Vec<u32>,
    /// Those disqualified from the stage.
    pub stage_dq: Vec<u32>,
    /// Those about whose result a person must decide.
    pub undecided: Vec<u32>,
}

/// Answer of `report penalties`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PenaltiesReport {
    /// `tallyline.report-penalties/1`, and what every table says of itself.
    #[serde(flatten)]
    pub head: ReportHead,
    /// Penalties of runs that count, by stage and shooter.
    pub penalties: Vec<PenaltyRow>,
    /// Disqualified, withdrawn, warned.
    pub out: Vec<OutRow>,
}

/// One broken rule of one run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PenaltyRow {
    /// The stage's number.
    pub drill: u32,
    /// The shooter's number.
    pub shooter: u32,
    /// The shooter's name.
    pub label: String,
    /// The rule's number in the event's list; a jury may add time without naming one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<u32>,
    /// Number and words as in the rule book.
    pub rule_text: String,
    /// How often.
    pub count: u8,
    /// What all of it costs: `20` points, or seconds such as `3.00 s`.
    pub cost: String,
    /// The author's name.
    pub by: String,
    /// Unix time in milliseconds as the author's clock had it.
    pub at_unix_ms: i64,
    /// The entry.
    pub entry: String,
}

/// One shooter who is out, or was warned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OutRow {
    /// `match-dq`, `stage-dq`, `withdrawn` or `warning`.
    pub kind: String,
    /// The shooter's number.
    pub shooter: u32,
    /// The shooter's name.
    pub label: String,
    /// Where it happened.
    pub drill: Option<u32>,
    /// The rule's number in the event's list.
    pub rule: Option<u32>,
    /// Number and words as in the rule book; may be empty.
    pub rule_text: String,
    /// What was noted; may be empty.
    pub note: String,
    /// The author's name.
    pub by: String,
    /// Unix time in milliseconds as the author's clock had it.
    pub at_unix_ms: i64,
    /// The entry.
    pub entry: String,
}

/// Answer of `report chrono`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChronoReport {
    /// `tallyline.report-chrono/1`, and what every table says of itself.
    #[serde(flatten)]
    pub head: ReportHead,
    /// How many have a finished reading.
    pub measured: u64,
    /// Everybody with a reading or a gear check, by number.
    pub rows: Vec<ChronoRow>,
}

/// What the chronograph says of one shooter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChronoRow {
    /// The shooter's number.
    pub shooter: u32,
    /// The shooter's name.
    pub label: String,
    /// The division's name.
    pub division: String,
    /// What was declared.
    pub declared: Power,
    /// The measured power factor; `None`: the reading is not finished.
    pub measured: Option<u32>,
    /// What counts.
    pub power_factor: Power,
    /// Weighed bullets in tenths of a grain.
    pub weights_decigrains: Vec<u32>,
    /// Measured speeds in feet a second.
    pub speeds_fps: Vec<u32>,
    /// The gear check, when one was made.
    pub gear: Option<GearResult>,
    /// Whether another reading says something else.
    pub needs_decision: bool,
    /// The author's name.
    pub by: String,
    /// Unix time in milliseconds as the author's clock had it.
    pub at_unix_ms: i64,
    /// The entry.
    pub entry: String,
}

/// Answer of `report audit`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditReport {
    /// `tallyline.report-audit/1`, and what every table says of itself.
    #[serde(flatten)]
    pub head: ReportHead,
    /// The voids in the order of their authors' clocks.
    pub voids: Vec<VoidRow>,
}

/// One void.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct VoidRow {
    /// The void.
    pub entry: String,
    /// Who voided.
    pub by: String,
    /// Unix time in milliseconds as its author's clock had it.
    pub at_unix_ms: i64,
    /// Why.
    pub reason: VoidWhy,
    /// Who agreed.
    pub agreed: AgreedData,
    /// What was noted; may be empty.
    pub note: String,
    /// How the void itself is read, one word: `counts`, or why it does not.
    pub verdict: String,
    /// The entry it names.
    pub target: String,
    /// What that one said, when it is here.
    pub was: Option<ReferenceInfo>,
    /// What stands instead.
    pub instead: Option<ReferenceInfo>,
}

/// Answer of `report missing`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MissingReport {
    /// `tallyline.report-missing/1`, and what every table says of itself.
    #[serde(flatten)]
    pub head: ReportHead,
    /// One for each stage and squad with somebody missing or undecided.
    pub cells: Vec<MissingCell>,
    /// Logs of which more is known to exist than is here.
    pub logs: Vec<MissingLog>,
}

/// A stage and squad in which results are missing or undecided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MissingCell {
    /// The stage's number.
    pub drill: u32,
    /// The squad's number.
    pub squad: u32,
    /// Those without a result.
    pub missing: Vec<u32>,
    /// Those about whose result a person must decide.
    pub undecided: Vec<u32>,
    /// Who may write there now; `None`: only the owner.
    pub device: Option<String>,
    /// Milliseconds since that device was last heard directly; `None`: not since this start.
    pub last_heard_ms: Option<u64>,
}

/// A log of which entries are not here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MissingLog {
    /// The writer's name.
    pub label: String,
    /// What it holds, in words.
    pub partition: String,
    /// Entries here.
    pub height: u64,
    /// Entries known to exist.
    pub head_known: u64,
    /// Milliseconds since the writer was last heard directly; `None`: not since this start.
    pub last_heard_ms: Option<u64>,
}

/// Answer of `report day`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DayReport {
    /// `tallyline.report-day/1`, and what every table says of itself.
    #[serde(flatten)]
    pub head: ReportHead,
    /// The day in the event's zone.
    pub date: String,
    /// All days on which something was written.
    pub days: Vec<String>,
    /// What each device wrote on that day.
    pub devices: Vec<DayDevice>,
    /// What each stage got on that day.
    pub stages: Vec<DayStage>,
    /// Who went out or was warned on that day.
    pub out: Vec<OutRow>,
}

/// What one device wrote on one day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DayDevice {
    /// Its name.
    pub label: String,
    /// Its fingerprint.
    pub key: String,
    /// All its entries of the day, statements included.
    pub entries: u64,
    /// Of these, scores.
    pub scores: u64,
    /// Of these, voids.
    pub voids: u64,
    /// Unix time in milliseconds of the first, by its clock.
    pub first_unix_ms: i64,
    /// Unix time in milliseconds of the last, by its clock.
    pub last_unix_ms: i64,
    /// The stages it wrote about.
    pub drills: Vec<u32>,
    /// The squads it wrote about.
    pub squads: Vec<u32>,
}

/// What one stage got on one day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DayStage {
    /// The stage's number.
    pub drill: u32,
    /// The stage's name.
    pub name: String,
    /// Results of that day that count.
    pub done: u64,
    /// Of these, missed runs.
    pub missed: u64,
    /// Voids of entries of this stage.
    pub voids: u64,
}

/// Answer of `report compliance`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ComplianceReport {
    /// `tallyline.report-compliance/1`, and what every table says of itself.
    #[serde(flatten)]
    pub head: ReportHead,
    /// The rule it is made for.
    pub rule: String,
    /// What is counted as what, and what this device cannot know, one sentence each.
    pub counted: Vec<String>,
    /// One for each day and device, by day and name.
    pub rows: Vec<ComplianceRow>,
}

/// One device on one day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ComplianceRow {
    /// The day in the event's zone.
    pub date: String,
    /// The device's name.
    pub label: String,
    /// Its fingerprint.
    pub key: String,
    /// Whether it is the device that answers.
    pub this: bool,
    /// Entries it wrote on that day.
    pub entries: u64,
    /// Completed exchanges: of this device with anybody, of others with this device.
    pub syncs: u64,
    /// When, in Unix milliseconds by this device's clock: the start of each minute with one.
    pub sync_times: Vec<i64>,
    /// Least number of other devices that hold any entry of it, of all days.
    pub copies: u32,
    /// Entries of that day that are in the cloud.
    pub in_cloud: u64,
    /// How often the cloud signed for more of its entries.
    pub uploads: u64,
    /// When, in Unix milliseconds by this device's clock: the start of each minute with one.
    pub upload_times: Vec<i64>,
    /// Whether its score log was on all the time; `None`: not known here.
    pub score_log: Option<bool>,
    /// What is not as the rule asks, one sentence each; empty: all is.
    pub lacks: Vec<String>,
}

/// Answer of `report court`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CourtReport {
    /// `tallyline.report-court/1`, and what every table says of itself.
    #[serde(flatten)]
    pub head: ReportHead,
    /// The matches in order of their numbers.
    pub matches: Vec<CourtMatch>,
    /// Everybody who plays, the best first.
    pub rows: Vec<CourtRow>,
}

/// One match on a court.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CourtMatch {
    /// Its number.
    pub drill: u32,
    /// Its name.
    pub name: String,
    /// One side's number.
    pub a: u32,
    /// One side's name.
    pub a_label: String,
    /// The other side's number.
    pub b: u32,
    /// The other side's name.
    pub b_label: String,
    /// Points of both sides in each set.
    pub sets: Vec<(u32, u32)>,
    /// Sets won by both sides.
    pub won: (u32, u32),
    /// The winner's number; `None`: not decided.
    pub winner: Option<u32>,
}

/// What one side won.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CourtRow {
    /// The place, from 1.
    pub place: u32,
    /// The side's number.
    pub shooter: u32,
    /// The side's name.
    pub label: String,
    /// Decided matches.
    pub played: u32,
    /// Won matches.
    pub won: u32,
    /// Sets won less sets lost.
    pub sets: i64,
    /// Points won less points lost.
    pub points: i64,
}

/// Answer of `report race`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RaceReport {
    /// `tallyline.report-race/1`, and what every table says of itself.
    #[serde(flatten)]
    pub head: ReportHead,
    /// Whether results stand: `unofficial` until they are final, then `official`.
    pub state: String,
    /// The runs in order.
    pub runs: Vec<RaceRun>,
}

/// One run of a race.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RaceRun {
    /// The run's number.
    pub drill: u32,
    /// The run's name.
    pub name: String,
    /// Who starts, by start number.
    pub starts: Vec<RaceStart>,
    /// Who has no time, and why.
    pub no_time: Vec<NoTimeRow>,
}

/// One line of a start list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RaceStart {
    /// The start number.
    pub bib: u32,
    /// Who.
    pub label: String,
    /// The division's name.
    pub division: String,
    /// The group that starts together.
    pub squad: u32,
}

/// One line of the referee's list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NoTimeRow {
    /// `dns`, `dnf` or `dsq`.
    pub kind: String,
    /// The start number.
    pub bib: u32,
    /// Who.
    pub label: String,
    /// The rule's number in the event's list.
    pub rule: Option<u32>,
    /// Number and words as in the rule book; may be empty.
    pub rule_text: String,
    /// What was noted; may be empty.
    pub note: String,
    /// The author's name.
    pub by: Option<String>,
    /// Unix time in milliseconds as the author's clock had it.
    pub at_unix_ms: Option<i64>,
}
