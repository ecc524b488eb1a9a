//! What a replica shows: plain values for command line, screens and tests.

use alloc::{string::String, vec::Vec};

use tallyline_keys::PublicKey;

use crate::model::{
    About, Body, CellSet, CloseReason, DrillNo, EntryId, GrantId, Hash, KeyId, LogName, Person,
    RevokeReason, Roles, ShooterNo, SquadNo, Statement,
};
use crate::rules::Verdict;
use crate::wire::Denial;

/// How far a node is with its event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// No event yet.
    Blank,
    /// Has a ticket, is not admitted yet.
    Joining,
    /// Knows the event.
    Member,
}

/// How far joins are, on either side.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EnrolView {
    /// The words of this device's own join, since this start.
    pub words: Option<[u8; 4]>,
    /// Why the last join did not go on.
    pub join_end: Option<JoinEnd>,
    /// The offer that this device shows.
    pub offer: Option<OfferView>,
    /// Six digits, under way or just over.
    pub pairing: Option<PairingView>,
    /// Open invites, by id.
    pub invites: Vec<InviteView>,
    /// Invites that ended since this start, the latest last.
    pub ended: Vec<([u8; 16], InviteEnd)>,
}

/// One open invite.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InviteView {
    /// Its id.
    pub id: [u8; 16],
    /// What the device will be called; `None`: it names itself.
    pub label: Option<String>,
    /// What the device will be allowed.
    pub roles: Roles,
    /// The only key that may use it; `None`: whoever holds the ticket.
    pub only: Option<PublicKey>,
    /// What is left of its time, in ms.
    pub left_ms: u64,
}

/// What became of an invite.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InviteEnd {
    /// A device used it.
    Used {
        /// The device's key.
        key: PublicKey,
        /// What it is called.
        label: String,
        /// The words that its screen shows, too.
        words: [u8; 4],
    },
    /// Its time is over.
    Over,
    /// A person cancelled it.
    Cancelled,
}

/// Why a join did not go on; a person has to begin again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JoinEnd {
    /// The inviter says that the invite was used, is over, or was cancelled.
    InviteOver,
    /// Nobody came for this device's offer in time.
    OfferOver,
    /// The digits differed, or nobody confirmed them in time.
    PairingFailed,
}

/// The offer that a device shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OfferView {
    /// What is left of its time, in ms.
    pub left_ms: u64,
}

/// How far a pairing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PairPhase {
    /// Nobody has answered yet, or nonces are being exchanged.
    Waiting,
    /// Both screens show the digits.
    Comparing,
    /// A person confirmed them here.
    Confirmed,
    /// A person said that they differ, here or there.
    Denied,
    /// The connection ended, the time is over, or the peer broke the rules.
    Failed,
}

/// Six digits on two screens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PairingView {
    /// How far it is.
    pub phase: PairPhase,
    /// The device at the other end: key and what it calls itself.
    pub with: Option<(PublicKey, String)>,
    /// The digits, below 1,000,000; shown with six places.
    pub digits: Option<u32>,
    /// What is left of the time for it, in ms.
    pub left_ms: u64,
}

/// One log as `status` tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent facts that screens show side by side"
)]
pub struct LogView {
    /// Its name.
    pub name: LogName,
    /// The writer's key.
    pub author: PublicKey,
    /// What the writer is called.
    pub label: String,
    /// The cells of its grant; `None` for the control log and for logs under an Admit.
    pub cells: Option<CellSet>,
    /// Whether this is the owner's control log.
    pub control: bool,
    /// Whether its grant is still open (logs under an Admit: always).
    pub open: bool,
    /// Entries here, all durable and signed for.
    pub height: u64,
    /// The highest height that any device has signed for or announced.
    pub head_known: u64,
    /// Other devices that hold the whole height known here.
    pub copies: u32,
    /// Least number of other devices that hold any entry of it: 0 if one exists only here.
    pub least_copies: u32,
    /// Height in the cloud by its signed receipts.
    pub cloud: u64,
    /// Whether the log forked; entries past the fork are disputed.
    pub forked: bool,
    /// Whether every device takes it; else its writer is named only behind the fork of another log,
    /// and it counts nowhere.
    pub common: bool,
}

/// One member, or one that was a member, as `devices` and `status` tell it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "three independent facts that screens show side by side"
)]
pub struct DeviceView {
    /// Its key.
    pub key: PublicKey,
    /// Its name.
    pub label: String,
    /// What it may do.
    pub roles: Roles,
    /// Whether this is the node that answers.
    pub this: bool,
    /// Whether a connection with it is up.
    pub connected: bool,
    /// Monotonic milliseconds since it was last heard directly; `None`: not since this start.
    pub last_heard_ms: Option<u64>,
    /// How far its clock is ahead of this device's, in ms, as it last told directly; below 0: behind.
    pub clock_ahead_ms: Option<i64>,
    /// Whether anything of it was ever seen here: it wrote, or said what it holds. A spare card
    /// that nobody took up was never met.
    pub met: bool,
    /// Why its key was revoked; `None`: it is a member.
    pub revoked: Option<RevokeReason>,
}

/// One statement as `event statements` tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatementView {
    /// The entry that holds it.
    pub entry: EntryId,
    /// The entry's log.
    pub log: LogName,
    /// The entry's sequence there.
    pub seq: u64,
    /// Who signed it.
    pub signer: PublicKey,
    /// What the signer is called.
    pub label: String,
    /// Unix time in milliseconds as its author's clock had it.
    pub at_unix_ms: i64,
    /// Whether it is in force; if not, it is kept as evidence.
    pub in_force: bool,
    /// What it says; `None`: a kind of a later version.
    pub statement: Option<Statement>,
}

/// How far the end of an event is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EventEnd {
    /// Unix time in milliseconds of the last call, by the owner's clock; `None`: not said.
    pub called_unix_ms: Option<i64>,
    /// Unix time in milliseconds at which the event was closed; `None`: it is open.
    pub closed_unix_ms: Option<i64>,
}

/// One grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantView {
    /// Its id.
    pub id: GrantId,
    /// Who may write.
    pub key: PublicKey,
    /// What that device is called.
    pub label: String,
    /// The cells.
    pub cells: CellSet,
    /// 1 plus the deepest grant it closed.
    pub depth: u32,
    /// Why it was closed; `None`: it is open.
    pub closed: Option<CloseReason>,
    /// What a desk lent: by whom and until when.
    pub lent: Option<LentView>,
}

/// How a desk lent a grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LentView {
    /// The desk.
    pub desk: PublicKey,
    /// What the desk is called.
    pub label: String,
    /// Until when, in Unix time in milliseconds by the desk's clock; `None`: not said.
    pub until_ms: Option<u64>,
}

/// What this device asked of a desk last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AskView {
    /// The desk.
    pub desk: PublicKey,
    /// What the desk is called.
    pub label: String,
    /// The drill of the cell.
    pub drill: DrillNo,
    /// The squad of the cell.
    pub squad: SquadNo,
    /// What became of it.
    pub phase: AskPhase,
}

/// What became of an Ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AskPhase {
    /// No answer yet.
    Waiting,
    /// The cell was lent, by this grant.
    Lent(GrantId),
    /// The cell was given back.
    GivenBack,
    /// The desk said no.
    Denied(Denial),
    /// The desk did not answer in time, or cannot be reached.
    Unanswered,
}

/// What a sealed text is on this device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opened {
    /// What it says.
    Text(String),
    /// This device has none of the roles that read it.
    NotForThisDevice,
    /// The person was erased: nobody is to read it again.
    Erased,
    /// This device may read it; the key has not come here.
    KeyMissing,
    /// The key is here, and it is not what this key sealed about this person.
    Broken,
}

/// A key of sealed texts that is here; nothing of the key itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyView {
    /// Its name.
    pub id: KeyId,
    /// Whom its texts are about.
    pub person: Person,
    /// Who may read them, besides the owner.
    pub readers: Roles,
    /// Whether this device made it.
    pub made: bool,
}

/// Which entries to list; every field narrows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EntryFilter {
    /// Only this drill.
    pub drill: Option<DrillNo>,
    /// Only this shooter.
    pub shooter: Option<ShooterNo>,
    /// Only this author.
    pub author: Option<PublicKey>,
    /// Only this entry.
    pub entry: Option<EntryId>,
}

/// One entry as `score list` and `score history` tell it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryView {
    /// Its id.
    pub id: EntryId,
    /// Its log.
    pub log: LogName,
    /// Its sequence.
    pub seq: u64,
    /// Its author's key.
    pub author: PublicKey,
    /// What its author is called.
    pub label: String,
    /// Unix time in milliseconds as the author's clock had it.
    pub at_unix_ms: i64,
    /// What it says.
    pub body: Body,
    /// What it is about; of a void or an approval, what the entry it names is about.
    pub subject: Option<About>,
    /// How it is read.
    pub verdict: Verdict,
    /// Other devices that hold it.
    pub copies: u32,
    /// Whether a cloud receipt covers it.
    pub in_cloud: bool,
}

/// The end of one log: what tables were made from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeadView {
    /// The log.
    pub log: LogName,
    /// Its author's key.
    pub author: PublicKey,
    /// What its author is called.
    pub label: String,
    /// Whether this is the owner's control log.
    pub control: bool,
    /// Whether it counts: see [`LogView::common`].
    pub common: bool,
    /// How many entries it has; of a forked log, as many as all nodes hold alike.
    pub height: u64,
    /// The chain hash after the last of them.
    pub chain: Hash,
}

/// How far somebody read a log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogRead {
    /// How many entries.
    pub height: u64,
    /// The chain hash after the last of them.
    pub chain: Hash,
}

/// What of one log somebody has not read yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unread {
    /// The log.
    pub log: LogName,
    /// The entries in order; empty if a log became shorter than what was read of it.
    pub entries: Vec<EntryView>,
    /// Whether the log is another one than what was read: the owner chose the other branch of its
    /// fork, and the entries begin there.
    pub replaced: bool,
    /// How far it is read with these.
    pub read: LogRead,
}

/// What `verify` found; it checks every hash and every kept signature again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VerifyReport {
    /// Logs checked.
    pub logs: u64,
    /// Entries whose hashes were recomputed.
    pub entries: u64,
    /// Signatures checked: heads, statements, cells.
    pub signatures: u64,
    /// Names and reasons of what does not hold; empty: everything holds.
    pub problems: Vec<String>,
}
