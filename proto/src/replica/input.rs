//! Everything that can happen to a replica.

use alloc::{boxed::Box, string::String, vec::Vec};
use core::fmt;

use tallyline_keys::{DeviceKey, PublicKey, Warrant};

use super::Selection;
use crate::model::{
    Agreed, Amend, Body, CloseReason, Decision, DrillNo, EntryId, GrantId, LogName, Open, Person,
    PhaseChange, RevokeReason, Roles, RosterChange, SquadNo, Structure, Ticket, VoidReason,
};
use crate::wire::KeyRow;

/// Who this node is; told once, at the start.
#[derive(Debug)]
pub struct Identity {
    /// The device's key.
    pub key: DeviceKey,
    /// Random id of this store, drawn when the store was made: copies count only for it.
    pub store: u64,
    /// What the device calls itself when it asks to join, 1 to 32 bytes.
    pub label: String,
    /// Whether this node takes up an event whose manifest names its key as a cloud key.
    pub cloud: bool,
    /// Of a cloud's node with a key of its own: the cloud's word for it.
    pub warrant: Option<Warrant>,
}

impl Identity {
    /// Returns the key as which a cloud speaks: its own, or that of the cloud whose node it is.
    pub(super) fn speaks_for(&self) -> PublicKey {
        let warrant = self.warrant.as_ref();
        warrant.map_or_else(|| self.key.public(), |warrant| warrant.cloud)
    }
}

/// The time, told and never asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Now {
    /// Milliseconds that only grow, from any start.
    pub mono_ms: u64,
    /// Unix time in milliseconds as the device believes it; shown, never judged.
    pub wall_ms: u64,
}

/// One connection to one peer; never reused by a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerId(pub u64);

/// One request of a local client; the reply carries it back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// Something that happened.
#[derive(Debug)]
pub enum Input {
    /// A local client asks for something.
    Command {
        /// Comes back with the reply.
        request: RequestId,
        /// What it asks.
        command: Box<Command>,
    },
    /// A connection was made and the peer's key proven by TLS.
    PeerUp {
        /// The connection.
        peer: PeerId,
        /// The proven key.
        key: PublicKey,
        /// 32 bytes of TLS exporter, the same on both sides.
        exporter: [u8; 32],
    },
    /// A connection ended.
    PeerDown {
        /// The connection.
        peer: PeerId,
    },
    /// One frame arrived whole, without its length prefix.
    Frame {
        /// The connection.
        peer: PeerId,
        /// The frame's bytes, at most 64 KiB.
        bytes: Vec<u8>,
    },
    /// The disk was measured.
    Room {
        /// Bytes that it has left for this device.
        free_bytes: u64,
    },
    /// Time passed; wanted every 50 to 250 ms.
    Tick,
}

/// Random bytes of which keys are made; they are never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Seed(pub [u8; 32]);

impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seed(..)")
    }
}

/// What a person asks for.
#[derive(Clone, Debug)]
pub enum Command {
    /// Creates an event with this device as owner.
    Found(Founding),
    /// Asks to be admitted to an event.
    Join(Ticket),
    /// Locks the structure; scores are taken from then on.
    Lock,
    /// Opens an invite that one device may use once.
    Invite {
        /// 16 random bytes.
        secret: [u8; 16],
        /// What the device will be allowed.
        roles: Roles,
        /// The device's name; `None` lets it name itself.
        label: Option<String>,
        /// How long it is open by this device's own count, in ms: a minute to a day.
        window_ms: u64,
    },
    /// Brings a device in, or into, by other ways than a ticket.
    Enrol(Enrolling),
    /// Admits a key directly.
    Admit {
        /// The key.
        key: PublicKey,
        /// What it may do.
        roles: Roles,
        /// Its name, 1 to 32 bytes.
        label: String,
    },
    /// Closes grants at the heads known here and opens others, all at once.
    Assign {
        /// Grants to close.
        closing: Vec<GrantId>,
        /// Why they are closed.
        reason: CloseReason,
        /// Grants to open.
        opens: Vec<Open>,
    },
    /// Asks a desk for one cell, or gives one back.
    Claim(Claiming),
    /// Changes the roster.
    Roster(RosterChange),
    /// Changes a drill, or adds a drill or a rule.
    Amend(Amend),
    /// Takes the membership of a key away, for good.
    Revoke {
        /// Whose.
        key: PublicKey,
        /// Why.
        reason: RevokeReason,
        /// The entry before which its log is cut; `None`: at the head known here.
        before: Option<EntryId>,
    },
    /// Says that this device is ready to become the owner.
    Consent,
    /// Gives the event to a member that consented.
    Transfer(PublicKey),
    /// Makes this device the owner by a recovery card.
    Recover {
        /// The card's seed.
        seed: [u8; 32],
        /// Why the old owner's device is revoked; `None`: it stays a member.
        reason: Option<RevokeReason>,
        /// The first statement of the old owner that is void; `None`: all known here stay.
        before: Option<EntryId>,
    },
    /// Counts or rejects entries, whatever they would be by themselves.
    Adopt {
        /// Which.
        selection: Selection,
        /// What is decided.
        decision: Decision,
    },
    /// Says that scoring is over: writers seal their logs.
    LastCall,
    /// Closes the event.
    CloseEvent {
        /// Devices whose last entries nobody waits for.
        lost: Vec<PublicKey>,
    },
    /// Records a score, a chronograph reading, a status, an incident, a report, a decision or a
    /// version of a record.
    Record {
        /// What to record.
        body: Body,
        /// The entry it replaces, which is voided in the same breath.
        replaces: Option<(EntryId, VoidReason)>,
        /// Who agreed that the replaced entry is changed, if that was approved.
        agreed: Agreed,
        /// Whether the person confirmed an unlikely time (E06), or what is recorded already (E09).
        confirmed: bool,
        /// The structure revision the person saw; `None` is this device's.
        revision: Option<u32>,
        /// Unix time in milliseconds at which it was recorded; `None` is now.
        wall_ms: Option<u64>,
    },
    /// Records as [`Command::Record`] does, and seals every text that a kind of record declares
    /// sealed, and what was seen of an incident.
    RecordSealed {
        /// 32 random bytes, of which keys are made where there are none.
        seed: Seed,
        /// A [`Command::Record`].
        record: Box<Self>,
    },
    /// Voids an entry.
    Void {
        /// The entry.
        entry: EntryId,
        /// Why.
        reason: VoidReason,
        /// Who agreed, if the entry was approved.
        agreed: Agreed,
        /// A short note, at most 120 bytes.
        note: String,
        /// Unix time in milliseconds at which it was voided; `None` is now.
        wall_ms: Option<u64>,
    },
    /// Destroys every key of a person's sealed texts, on every device that hears of it.
    Erase(Person),
    /// Says that RO or shooter agree with an entry.
    Approve {
        /// The entry.
        entry: EntryId,
        /// Whether the RO agrees.
        ro: bool,
        /// Whether the shooter agrees.
        shooter: bool,
        /// Unix time in milliseconds at which they did; `None` is now.
        wall_ms: Option<u64>,
    },
    /// Posts provisional results, declares them final, or opens the event again.
    Phase(PhaseChange),
    /// Takes in a bundle made by [`super::Replica::bundle`].
    Import(Vec<u8>),
}

/// What a person asks for about single cells that a desk lends.
#[derive(Clone, Copy, Debug)]
pub enum Claiming {
    /// Asks a desk for one cell; for one that is lent to this device already, for more time.
    Borrow {
        /// The drill.
        drill: DrillNo,
        /// The squad.
        squad: SquadNo,
        /// For how many minutes, 1 to 240.
        minutes: u32,
    },
    /// Gives a cell back to the desk that lent it.
    GiveBack {
        /// The drill.
        drill: DrillNo,
        /// The squad.
        squad: SquadNo,
    },
}

/// What a person asks for about joins, besides [`Command::Invite`] and [`Command::Join`].
#[derive(Clone, Debug)]
pub enum Enrolling {
    /// Shows an offer: whoever proves its nonce may bring this device into an event.
    Offer {
        /// 16 random bytes.
        nonce: [u8; 16],
    },
    /// Invites the one device that shows an offer, and dials it.
    Call {
        /// The device's key.
        key: PublicKey,
        /// The nonce of its offer.
        nonce: [u8; 16],
        /// Where it is, `ip:port`.
        addresses: Vec<String>,
        /// What the device will be allowed.
        roles: Roles,
        /// The device's name; `None` lets it name itself.
        label: Option<String>,
        /// How long the invite is open, in ms: a minute to a day.
        window_ms: u64,
    },
    /// Closes open invites.
    Cancel {
        /// Which one; `None`: all of them.
        id: Option<[u8; 16]>,
    },
    /// Waits on the new device until digits can be compared.
    PairAsDevice {
        /// 16 random bytes.
        seed: [u8; 16],
    },
    /// Looks on the owner's device for the one that waits.
    PairAsOwner {
        /// 16 random bytes.
        seed: [u8; 16],
        /// Where it is, `ip:port`, as its screen shows; empty: it has to dial this device.
        addresses: Vec<String>,
        /// What the device will be allowed.
        roles: Roles,
        /// The device's name; `None` lets it name itself.
        label: Option<String>,
    },
    /// Says what the other screen shows.
    PairConfirm {
        /// The digits there; `None`: they differ.
        digits: Option<u32>,
    },
}

/// What an event is founded from.
#[derive(Clone, Debug)]
pub struct Founding {
    /// What people call it, 1 to 64 bytes.
    pub name: String,
    /// 16 random bytes.
    pub nonce: [u8; 16],
    /// 16 random bytes that key the discovery tag.
    pub discovery_key: [u8; 16],
    /// Keys whose receipts count as the cloud's.
    pub cloud: Vec<PublicKey>,
    /// Recovery keys.
    pub recovery: Vec<PublicKey>,
    /// Drills, shooters, rules.
    pub structure: Structure,
    /// What the owner's device is called, 1 to 32 bytes.
    pub label: String,
}

/// Everything a store holds about its event, read once at the start.
#[derive(Clone, Debug, Default)]
pub struct Stored {
    /// The manifest's exact bytes.
    pub manifest: Option<Vec<u8>>,
    /// The ticket of a join that is under way.
    pub ticket: Option<Vec<u8>>,
    /// All logs.
    pub logs: Vec<StoredLog>,
    /// Signed cells, exact bytes.
    pub cells: Vec<Vec<u8>>,
    /// Fork proofs, exact bytes.
    pub forks: Vec<Vec<u8>>,
    /// Pieces of branches of forks that are not the one held as the log: pushes by name, exact bytes.
    pub displaced: Vec<Vec<u8>>,
    /// Open invites: id and exact bytes.
    pub invites: Vec<([u8; 16], Vec<u8>)>,
    /// Keys of sealed texts.
    pub keys: Vec<KeyRow>,
}

/// One log as it is stored.
#[derive(Clone, Debug)]
pub struct StoredLog {
    /// Its name.
    pub name: LogName,
    /// Exact entry bytes by sequence, from 1 without gaps.
    pub entries: Vec<Vec<u8>>,
    /// Head signatures by height, in order; the last one is at the log's height.
    pub heads: Vec<(u64, [u8; 64])>,
}
