//! What goes over the Unix socket in a node's root: one JSON object a line, one answer a request.
//!
//! A request is [`Call`]: `{"verb":"score-list","drill":2,"event":"wasa"}`; `event` is optional
//! and only checked. An answer is [`Answer`]: `{"ok":{..}}` or
//! `{"error":{"code":"E02","text":"E02 this device may ..","exit":6}}`. Many requests may follow
//! each other on one connection; answers come in their order. A request line has at most
//! [`REQUEST_BYTES_MAX`] bytes. Data in `ok` names its shape in `schema`, which is stable within a
//! major version of the program.
//!
//! Devices are named by label, fingerprint or an unambiguous beginning of one; grants and entries
//! by UUID or an unambiguous beginning; the node resolves them. Hashes and bytes are lower-case
//! hex. Decimal numbers are strings with all their digits (`"6.7920"`), because scores are exact.
//!
//! Layer: node, local. Knows nothing of sockets or of how an answer is found.

mod beyond;
mod claims;
pub mod codes;
mod data;
mod enrol;
mod exchange;
mod health;
mod media;
mod operations;
mod participants;
mod report;
mod score;
mod statement;

pub use beyond::*;
pub use claims::*;
pub use data::*;
pub use enrol::*;
pub use exchange::*;
pub use health::*;
pub use media::*;
pub use operations::*;
pub use participants::*;
pub use report::*;
pub use score::*;
pub use statement::*;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// Longest request line in bytes: a structure file of 238 shooters has about 60 KB, so 1 MiB
/// leaves room for the largest event and still bounds what a local program can make a node hold.
pub const REQUEST_BYTES_MAX: usize = 1024 * 1024;

/// Longest answer line in bytes that a client reads: an exported event of 64 MiB in hex.
pub const ANSWER_BYTES_MAX: usize = 160 * 1024 * 1024;

/// One request line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Call {
    /// Name or UUID of the event that is meant; refused (`unknown_event`) if the node has another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<String>,
    /// What is asked.
    #[serde(flatten)]
    pub request: Request,
}

/// What a client asks for; `verb` names the variant in kebab-case.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "verb", rename_all = "kebab-case")]
pub enum Request {
    /// Asks who answers. Answer: [`NodeInfo`].
    Node(Nothing),
    /// Creates an event with this device as owner. Answer: [`Founded`].
    EventCreate(EventCreate),
    /// Shows the event with its roster. Answer: [`EventInfo`].
    EventShow(Nothing),
    /// Lists the events that the node holds. Answer: [`Events`].
    EventList(Nothing),
    /// Locks the structure; scores are taken from then on. Answer: [`Done`].
    EventLock(Nothing),
    /// Opens an invite that one device may use once. Answer: [`Invited`].
    Invite(Invite),
    /// Asks to be admitted with a ticket. Answer: [`Done`]; admission follows when the inviter is
    /// met (`status` tells the phase).
    Join(Join),
    /// Closes open invites. Answer: [`Done`].
    InviteCancel(InviteCancel),
    /// Invites the device that shows an offer, and dials it. Answer: [`Called`].
    InviteDevice(InviteDevice),
    /// Shows an offer, on a device without an event. Answer: [`Offered`].
    JoinOffer(Nothing),
    /// Waits for the owner's device, to compare digits. Answer: [`Done`].
    PairDevice(Nothing),
    /// Looks for the device that waits, to compare digits. Answer: [`Done`].
    PairOwner(PairOwner),
    /// Says which digits the other screen shows. Answer: [`Done`].
    PairConfirm(PairConfirm),
    /// Tells how far joins are. Answer: [`EnrolInfo`].
    Enrolment(Nothing),
    /// Admits a key without a ticket. Answer: [`Done`].
    Admit(Admit),
    /// Lists the members. Answer: [`Devices`].
    Devices(Nothing),
    /// Lists the grants. Answer: [`Grants`].
    Grants(Nothing),
    /// Opens grants and closes others, all at once. Answer: [`Assigned`].
    Grant(Grant),
    /// Closes a grant and opens the same cells for another device. Answer: [`Assigned`].
    Handover(Handover),
    /// Asks a desk for one cell. Answer: [`Done`]; [`Claims`] tells what becomes of it.
    Claim(Claim),
    /// Gives a cell back to the desk that lent it. Answer: [`Done`]; [`Claims`] tells when it is.
    ClaimRelease(ClaimRelease),
    /// Lists what desks have lent. Answer: [`Claims`].
    Claims(Nothing),
    /// Takes the membership of a key away, for good. Answer: [`Revoked`].
    Revoke(Revoke),
    /// Says that this device is ready to become the owner's. Answer: [`Done`].
    Consent(Nothing),
    /// Gives the event to a device that is ready. Answer: [`Done`].
    Transfer(Transfer),
    /// Makes this device the owner's by a recovery card. Answer: [`Done`].
    Recover(Recover),
    /// Counts or rejects entries, whatever they would be by themselves. Answer: [`Decided`].
    Adopt(Adopt),
    /// Lists the entries that `adopt` would decide about. Answer: [`Entries`].
    Adoptable(Adopt),
    /// Changes a drill, or adds a drill or a rule. Answer: [`Amended`].
    EventAmend(EventAmend),
    /// Says that scoring is over: devices seal their logs. Answer: [`Done`].
    EventLastCall(Nothing),
    /// Lists whom the end of the event waits for. Answer: [`Chased`].
    EventChase(EventClose),
    /// Closes the event; refused while somebody has to be waited for. Answer: [`Done`].
    EventClose(EventClose),
    /// Lists all statements held. Answer: [`Statements`].
    EventStatements(StatementsQuery),
    /// Says why an entry, a device or a grant is as it is.
    Why(WhyQuery),
    /// Draws keys for spare cards and admits them. Answer: [`SpareCards`].
    CardsSpare(CardsSpare),
    /// Lists the spare cards. Answer: [`Cards`].
    CardsList(Nothing),
    /// Revokes a spare card that is lost. Answer: [`Revoked`].
    CardsRevoke(CardsRevoke),
    /// Adds a shooter. Answer: [`Revised`].
    RosterAdd(RosterAdd),
    /// Changes a shooter's squad, division or power factor. Answer: [`Revised`].
    RosterEdit(RosterEdit),
    /// Lists the people of the event. Answer: [`Participants`].
    ParticipantList(Nothing),
    /// Shows what is under seal about a person, as far as this device reads it. Answer:
    /// [`ParticipantInfo`].
    ParticipantShow(ParticipantQuery),
    /// Destroys every key of a person's sealed texts. Answer: [`Erased`].
    ParticipantErase(ParticipantQuery),
    /// Records a score, a chronograph reading or a status. Answer: [`Saved`].
    ScoreAdd(ScoreAdd),
    /// Voids an entry. Answer: [`Saved`].
    ScoreVoid(ScoreVoid),
    /// Moves a score to another shooter or stage. Answer: [`Saved`].
    ScoreMove(ScoreMove),
    /// Says that RO or shooter agree with an entry. Answer: [`Saved`].
    Approve(ApproveData),
    /// Posts provisional results, declares them final, or opens the event again. Answer: [`Revised`].
    EventPhase(EventPhase),
    /// Lists the entries that stand (not voided). Answer: [`Entries`].
    ScoreList(EntriesQuery),
    /// Lists all versions, voided ones and voids included. Answer: [`Entries`].
    ScoreHistory(EntriesQuery),
    /// Records an incident of a race. Answer: [`Recorded`].
    IncidentAdd(IncidentAdd),
    /// Adds a report to an incident. Answer: [`Recorded`].
    IncidentReport(IncidentReport),
    /// Takes in a picture or clip. Answer: [`MediaAdded`].
    MediaAdd(MediaAdd),
    /// Lists pictures and clips. Answer: [`MediaList`].
    MediaList(Nothing),
    /// Copies a picture or clip into a file, or has it fetched. Answer: [`MediaGot`].
    MediaGet(MediaGet),
    /// Decides about an incident, and with it about its group. Answer: [`Recorded`].
    Decide(Decide),
    /// Lists incidents in their groups. Answer: [`Incidents`].
    Incidents(IncidentsQuery),
    /// Writes a new record. Answer: [`Recorded`].
    RecordAdd(RecordWrite),
    /// Changes a record, or takes it back. Answer: [`Recorded`].
    RecordSet(RecordWrite),
    /// Lists the records of a kind. Answer: [`Records`].
    Records(RecordsQuery),
    /// Lists the kinds of records. Answer: [`Kinds`].
    RecordKinds(Nothing),
    /// Lists what needs a person. Answer: [`Conflicts`].
    Conflicts(Nothing),
    /// Computes standings. Answer: [`StandingsData`].
    Standings(StandingsQuery),
    /// Makes a report; [`ReportKind`] tells the answer.
    Report(ReportQuery),
    /// Tells where the scores are. Answer: [`StatusData`].
    Status(Nothing),
    /// Checks every hash and signature again. Answer: [`Verified`].
    Verify(Nothing),
    /// Makes a bundle of everything. Answer: [`Exported`].
    Export(Nothing),
    /// Takes in a bundle file. Answer: [`Imported`].
    Import(Import),
    /// Tells what a match file or a registration list would change. Answer: [`FileImported`].
    FilePreview(FileImport),
    /// Takes in a match file or a registration list. Answer: [`FileImported`].
    FileImport(FileImport),
    /// Writes the event as a match file or a report. Answer: [`FileExported`].
    FileExport(FileExport),
    /// Drops and refuses connections until `sync-resume`. Answer: [`Done`].
    SyncPause(Scope),
    /// Connects again. Answer: [`Done`].
    SyncResume(Scope),
    /// Dials everybody at once. Answer: [`Done`]; [`VitalsData`] tells what becomes of it.
    SyncNow(Nothing),
    /// Tells the figures by which a node is judged. Answer: [`VitalsData`].
    Vitals(Nothing),
    /// Tells whether everything is here that a day without a network needs. Answer: [`ReadyData`].
    EventReady(Nothing),
    /// Lets a cloud without an event take it from whoever has it, and dials some. Answer: [`Done`].
    CloudRebuild(CloudRebuild),
    /// Tells how the running node does beside the scores. Answer: [`HealthData`].
    Health(Nothing),
    /// Tells whom the running node turned away. Answer: [`SecurityData`].
    Security(Nothing),
    /// Ends the node gracefully. Answer: [`Done`], before the socket closes.
    Stop(Nothing),
}

/// A request without arguments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

/// Arguments of `event-create`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventCreate {
    /// What people call the event; `None` is the structure file's own name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The text of a structure file (docs/CLI.md).
    pub structure: String,
    /// Fingerprints of keys whose receipts count as the cloud's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cloud_keys: Vec<String>,
    /// Recovery keys to draw, at most 3; their cards are told in the answer and nowhere else.
    #[serde(default)]
    pub recovery_cards: u32,
}

/// What a device is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Holds grants, writes scores, relays.
    #[default]
    Scorer,
    /// Relays, and carries entries to the cloud.
    Gateway,
    /// Reads.
    Viewer,
    /// As a scorer, and admits devices and hands partitions over while the owner is out of reach.
    Deputy,
    /// As a scorer, and lends single cells of its own grants for a time.
    Desk,
    /// Relays, and nothing else.
    Relay,
    /// As a scorer, and decides about incidents before all others but the owner.
    Jury,
    /// As a scorer, and reads what a kind of record shows to leaders.
    Leader,
    /// As a scorer, and reads medication.
    Medic,
}

/// Arguments of `admit`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Admit {
    /// The device's full fingerprint.
    pub key: String,
    /// What it is for.
    #[serde(default)]
    pub role: RoleList,
    /// Its name, 1 to 32 bytes.
    pub label: String,
}

/// Arguments of `grant`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    /// Grants to open; may be empty to close only.
    pub opens: Vec<GrantOpen>,
    /// Grants to close.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub closing: Vec<String>,
    /// Why they are closed.
    #[serde(default)]
    pub reason: CloseWhy,
}

/// One grant to open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GrantOpen {
    /// The device that may write.
    pub to: String,
    /// Drill numbers; `None` is every drill.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drills: Option<Vec<u32>>,
    /// Squad numbers; `None` is every squad.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub squads: Option<Vec<u32>>,
}

/// Why a grant is closed.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum CloseWhy {
    /// Change of writer; what arrives past the cut is late.
    #[default]
    Handover,
    /// The device died; what arrives past the cut is late.
    Dead,
    /// A claim was given back or its time was over; what arrives past the cut is quarantined.
    Expired,
    /// The device was stolen; what arrives past the cut is quarantined.
    Stolen,
}

/// Arguments of `handover`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Handover {
    /// The grant to close.
    pub grant: String,
    /// The device that takes its cells over.
    pub to: String,
    /// Why it is closed.
    #[serde(default)]
    pub reason: CloseWhy,
}

/// Declared power of ammunition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Power {
    /// Below the division's floor.
    Subminor,
    /// Minor.
    Minor,
    /// Major.
    Major,
}

/// Arguments of `roster-add`; also how `event-show` tells a shooter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RosterAdd {
    /// The shooter's number; `None` in a request: the next one before the lock, a random 28-bit
    /// one after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shooter: Option<u32>,
    /// What screens print, 1 to 64 bytes.
    pub label: String,
    /// The division's name.
    pub division: String,
    /// The declared power factor.
    pub power_factor: Power,
    /// The squad.
    pub squad: u32,
    /// Lady, Junior, Senior and so on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub categories: Vec<String>,
    /// Member number of the club or federation, at most 32 bytes.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub member: String,
    /// Grade of skill, at most 16 bytes.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub class: String,
    /// Team, at most 64 bytes.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub team: String,
}

/// Arguments of `roster-edit`; what is `None` stays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RosterEdit {
    /// Who.
    pub shooter: u32,
    /// The squad from here on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub squad: Option<u32>,
    /// The division's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub division: Option<String>,
    /// The declared power factor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub power_factor: Option<Power>,
    /// What screens print, 1 to 64 bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Lady, Junior, Senior and so on; all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub categories: Option<Vec<String>>,
    /// Member number of the club or federation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub member: Option<String>,
    /// Grade of skill.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    /// Team.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<String>,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_false(flag: &bool) -> bool {
    !*flag
}

/// Which entries to list; every field narrows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EntriesQuery {
    /// Only this drill.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drill: Option<u32>,
    /// Only this shooter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shooter: Option<u32>,
    /// Only what this device wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// Only this entry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry: Option<String>,
}

/// Which standings to compute. Without `drill` and `all`: the match.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "a filter for each thing asked"
)]
pub struct StandingsQuery {
    /// The tables of one drill instead of the match.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drill: Option<u32>,
    /// Only this division; "Combined" is all together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub division: Option<String>,
    /// Only the combined table.
    #[serde(default)]
    pub combined: bool,
    /// Every table there is: all drills and the match, all divisions and Combined.
    #[serde(default)]
    pub all: bool,
    /// The match tables of this class instead, of every one if empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    /// The match tables of this category instead, of every one if empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// The tables of teams instead.
    #[serde(default, skip_serializing_if = "is_false")]
    pub teams: bool,
}

/// Arguments of `import`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Import {
    /// Absolute path of a bundle file that the node can read, at most 64 MiB.
    pub path: String,
    /// Whether what holds of a damaged bundle is taken in.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub rescue: bool,
}

/// What `sync-pause` and `sync-resume` are about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scope {
    /// Only the link to the cloud; otherwise every connection.
    #[serde(default)]
    pub cloud: bool,
}

/// One answer line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// It worked; the data of the verb.
    Ok(Value),
    /// It did not; nothing was changed unless the text says so.
    Error(Problem),
}

/// Why a request was not fulfilled, in words a person can act on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// A stable code: `E01` to `E22` from the scoring rules, otherwise one of [`codes`].
    pub code: String,
    /// What happened, what is safe, what to do.
    pub text: String,
    /// The exit code that a command ends with (docs/CLI.md).
    pub exit: u8,
}

/// Exit codes of the command line, as [`Problem::exit`] carries them.
pub mod exits {
    /// Something failed.
    pub const FAILURE: u8 = 1;
    /// The command was used wrongly.
    pub const USAGE: u8 = 2;
    /// Pending, or not in sync.
    pub const PENDING: u8 = 3;
    /// A conflict needs a person.
    pub const CONFLICT: u8 = 4;
    /// Peer, node or cloud cannot be reached.
    pub const UNREACHABLE: u8 = 5;
    /// Not authorised, or refused.
    pub const REFUSED: u8 = 6;
    /// Storage or integrity.
    pub const STORAGE: u8 = 7;
    /// Another version is needed.
    pub const VERSION: u8 = 8;
    /// Timed out waiting.
    pub const TIMEOUT: u8 = 9;
}

impl Request {
    /// Returns whether only a running node can do this: it needs connections, or is about the
    /// process itself.
    pub fn needs_a_node(&self) -> bool {
        matches!(
            self,
            Self::Stop(_)
                | Self::SyncPause(_)
                | Self::SyncResume(_)
                | Self::SyncNow(_)
                | Self::CloudRebuild(_)
                | Self::InviteDevice(_)
                | Self::JoinOffer(_)
                | Self::PairDevice(_)
                | Self::PairOwner(_)
                | Self::PairConfirm(_)
                | Self::Claim(_)
                | Self::ClaimRelease(_)
        )
    }

    /// Returns whether the verb changes nothing, so that it also works on a store that is opened
    /// read-only while no node runs.
    #[expect(clippy::too_many_lines, reason = "one line for each verb")]
    pub fn reads(&self) -> bool {
        match self {
            Self::Node(_)
            | Self::EventShow(_)
            | Self::EventList(_)
            | Self::Devices(_)
            | Self::Grants(_)
            | Self::Claims(_)
            | Self::ParticipantList(_)
            | Self::ParticipantShow(_)
            | Self::ScoreList(_)
            | Self::ScoreHistory(_)
            | Self::Incidents(_)
            | Self::MediaList(_)
            | Self::Records(_)
            | Self::RecordKinds(_)
            | Self::Conflicts(_)
            | Self::Standings(_)
            | Self::Report(_)
            | Self::Status(_)
            | Self::Verify(_)
            | Self::Export(_)
            | Self::FilePreview(_)
            | Self::FileExport(_)
            | Self::Health(_)
            | Self::Security(_)
            | Self::Vitals(_)
            | Self::EventReady(_)
            | Self::Adoptable(_)
            | Self::EventChase(_)
            | Self::EventStatements(_)
            | Self::Why(_)
            | Self::CardsList(_)
            | Self::Enrolment(_) => true,
            Self::EventCreate(_)
            | Self::EventLock(_)
            | Self::Invite(_)
            | Self::Join(_)
            | Self::Admit(_)
            | Self::Grant(_)
            | Self::Handover(_)
            | Self::Claim(_)
            | Self::ClaimRelease(_)
            | Self::Revoke(_)
            | Self::Consent(_)
            | Self::Transfer(_)
            | Self::Recover(_)
            | Self::Adopt(_)
            | Self::EventAmend(_)
            | Self::EventLastCall(_)
            | Self::EventClose(_)
            | Self::CardsSpare(_)
            | Self::CardsRevoke(_)
            | Self::RosterAdd(_)
            | Self::RosterEdit(_)
            | Self::ParticipantErase(_)
            | Self::ScoreAdd(_)
            | Self::ScoreVoid(_)
            | Self::ScoreMove(_)
            | Self::IncidentAdd(_)
            | Self::IncidentReport(_)
            | Self::MediaAdd(_)
            | Self::MediaGet(_)
            | Self::Decide(_)
            | Self::RecordAdd(_)
            | Self::RecordSet(_)
            | Self::Approve(_)
            | Self::EventPhase(_)
            | Self::Import(_)
            | Self::FileImport(_)
            | Self::SyncPause(_)
            | Self::SyncResume(_)
            | Self::SyncNow(_)
            | Self::CloudRebuild(_)
            | Self::InviteCancel(_)
            | Self::InviteDevice(_)
            | Self::JoinOffer(_)
            | Self::PairDevice(_)
            | Self::PairOwner(_)
            | Self::PairConfirm(_)
            | Self::Stop(_) => false,
        }
    }
}

impl From<Request> for Call {
    fn from(request: Request) -> Self {
        Self {
            event: None,
            request,
        }
    }
}

impl Answer {
    /// Wraps the data of a verb.
    pub fn ok<T: Serialize>(data: &T) -> Self {
        match serde_json::to_value(data) {
            Ok(value) => Self::Ok(value),
            Err(error) => Self::Error(Problem::new(
                codes::BAD_VALUE,
                exits::FAILURE,
                format!(
                    "the answer could not be written as JSON: {error}; this is a fault of the program"
                ),
            )),
        }
    }

    /// Takes the data of a verb out of its answer.
    ///
    /// # Errors
    ///
    /// The answer's own problem, or one that says that the data has another shape (the node is of
    /// another version).
    pub fn data<T: for<'de> Deserialize<'de>>(self) -> Result<T, Problem> {
        match self {
            Self::Ok(value) => serde_json::from_value(value).map_err(|error| {
                Problem::new(
                    codes::UPDATE_NEEDED,
                    exits::VERSION,
                    format!(
                        "the node's answer has another shape than this program knows ({error}); \
                         stop the node and start it with the same version as this command"
                    ),
                )
            }),
            Self::Error(problem) => Err(problem),
        }
    }
}

impl Problem {
    /// Makes a problem.
    pub fn new(code: &str, exit: u8, text: impl Into<String>) -> Self {
        Self {
            code: code.to_owned(),
            text: text.into(),
            exit,
        }
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Problem {}

#[cfg(test)]
mod tests;
