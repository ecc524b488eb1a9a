//! What a replica wants to happen: writes that lie open, and what they seal.

use alloc::{string::String, vec::Vec};

use tallyline_keys::{
    PublicKey,
    planted::{Fault, is},
};
use uuid::Uuid;

use crate::model::{EntryId, EventId, GrantId, KeyId, LogName, Ticket};
use crate::rules::Mistake;
use crate::wire::KeyRow;

use super::{PeerId, RequestId};

/// One change of the store. All writes of one step are one transaction.
///
/// Source: PROTOCOL R-STORE-2.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Write {
    /// Keeps the manifest's exact bytes.
    Manifest(Vec<u8>),
    /// Keeps the ticket of a join under way; `None` forgets it.
    Ticket(Option<Vec<u8>>),
    /// Appends entries to a log; `first` is the sequence of the first one, from 1.
    Entries {
        /// The log.
        log: LogName,
        /// Sequence of the first entry.
        first: u64,
        /// Exact bytes of each.
        entries: Vec<Vec<u8>>,
    },
    /// Keeps a head signature.
    Head {
        /// The log.
        log: LogName,
        /// The height it signs.
        height: u64,
        /// The signature.
        signature: [u8; 64],
    },
    /// Forgets a head signature that newer ones make superfluous.
    DropHead {
        /// The log.
        log: LogName,
        /// The height it signed.
        height: u64,
    },
    /// Keeps the newest cell of a device and kind, replacing the one before.
    Cell {
        /// The signer's key.
        key: PublicKey,
        /// 1 presence, 2 receipt.
        kind: u8,
        /// Exact bytes.
        bytes: Vec<u8>,
    },
    /// Keeps the fork proof of a log, replacing the one before.
    Fork {
        /// The log.
        log: LogName,
        /// Exact bytes.
        bytes: Vec<u8>,
    },
    /// Takes the entries of a log from `from` on out of it, since the owner chose another branch of
    /// its fork, and keeps a piece of them beside it.
    Displace {
        /// The log.
        log: LogName,
        /// Sequence from which on the log is another one.
        from: u64,
        /// The piece: a push by name, exact bytes.
        bytes: Vec<u8>,
    },
    /// Keeps an open invite; `None` burns it.
    Invite {
        /// Its id.
        id: [u8; 16],
        /// Exact bytes.
        bytes: Option<Vec<u8>>,
    },
    /// Keeps a key of sealed texts.
    Key {
        /// Its name.
        id: KeyId,
        /// The key and what it is for.
        row: KeyRow,
    },
    /// Destroys a key of sealed texts.
    ForgetKey {
        /// Its name.
        id: KeyId,
    },
}

/// A place that keeps writes: redb in the node, memory or a lying disk in tests.
pub trait Disk {
    /// Why a commit failed.
    type Error;

    /// Commits all writes in one transaction and returns after they are on disk.
    ///
    /// # Errors
    /// If the writes are not on disk, or it is not certain that they are.
    fn commit(&mut self, writes: &[Write]) -> Result<(), Self::Error>;
}

/// What one step wants: writes, and what may leave the device once they are on disk.
#[derive(Debug)]
#[must_use = "effects that are not persisted are lost"]
pub struct Effects {
    pub(super) writes: Vec<Write>,
    pub(super) sealed: Released,
}

impl Effects {
    /// Returns the writes, for tests and traces.
    pub fn writes(&self) -> &[Write] {
        &self.writes
    }

    /// Commits the writes and opens the seal: the only way to a [`Released`]. Without writes the
    /// disk is not touched.
    ///
    /// # Errors
    /// If the disk failed: nothing is released, and the replica must be dropped and read again.
    ///
    /// Source: PROTOCOL R-STORE-1.
    pub fn persist<D: Disk>(self, disk: &mut D) -> Result<Released, NotSaved<D::Error>> {
        if self.writes.is_empty() {
            return Ok(self.sealed);
        }
        match disk.commit(&self.writes) {
            Ok(()) => Ok(self.sealed),
            Err(error) => {
                if is(Fault::PromiseBeforeCommit) {
                    return Ok(self.sealed);
                }
                let requests = self.sealed.replies.into_iter().map(|(id, _)| id).collect();
                Err(NotSaved { error, requests })
            }
        }
    }
}

/// A commit that failed or whose outcome is uncertain.
///
/// Source: PROTOCOL R-STORE-3.
#[derive(Debug)]
pub struct NotSaved<E> {
    /// What the disk said.
    pub error: E,
    /// The requests that must be answered "not saved".
    pub requests: Vec<RequestId>,
}

/// What may leave the device after the commit.
#[derive(Debug, Default)]
pub struct Released {
    /// Frames to send, in this order, without length prefix.
    pub frames: Vec<(PeerId, Vec<u8>)>,
    /// Answers to local clients.
    pub replies: Vec<(RequestId, Reply)>,
    /// Connections to close, with the reason.
    pub closes: Vec<(PeerId, Reason)>,
    /// What the shell may want to know.
    pub notices: Vec<Notice>,
}

/// The answer to a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// The event exists.
    Founded(EventId),
    /// The ticket is kept; the device asks for admission whenever it meets the inviter.
    Joining,
    /// The structure is locked.
    Locked,
    /// An invite is open; addresses are for the shell to fill in.
    Invited(Ticket),
    /// An invite is open for one device, which is being dialled; by this id.
    Called([u8; 16]),
    /// So many invites were cancelled.
    Cancelled(usize),
    /// This device waits for the other one.
    Waiting,
    /// The digits are the same; the rest follows by itself.
    Confirmed,
    /// The key is admitted.
    Admitted,
    /// Grants were opened (ids in the order asked for) and closed.
    Assigned(Vec<GrantId>),
    /// A desk is being asked; [`super::Replica::asking`] tells what it says.
    Asking,
    /// The key is no member any more.
    Revoked,
    /// The owner may transfer the event to this device.
    Consented,
    /// The event belongs to this key.
    Transferred(PublicKey),
    /// So many entries were decided about.
    Decided(u64),
    /// Scoring is over: writers seal their logs.
    ScoringOver,
    /// The event is closed.
    Closed,
    /// The roster or the structure stands at this revision.
    Revised(u32),
    /// The person's sealed texts are never to be read again; so many keys were destroyed here.
    Erased {
        /// How many.
        keys: u64,
    },
    /// Entries are saved, in the order written (a void before what replaces it).
    Saved(Vec<EntryId>),
    /// What no cell covers is recorded.
    Recorded {
        /// What names it: the id of an incident or report, of a decision that of its incident, the
        /// key of a record.
        id: Uuid,
        /// The entry that says it.
        entry: EntryId,
        /// Whether the entry was written now; else it was here and says the same.
        fresh: bool,
    },
    /// A bundle was taken in.
    Imported {
        /// Entries that were not here before.
        fresh: u64,
        /// Entries that were.
        known: u64,
        /// Chunks that were refused because a hash or signature does not hold.
        refused: u64,
    },
    /// A person has to act; nothing was changed.
    Refused(Mistake),
}

/// Why a frame or connection was refused; each has a counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// The bytes are no frame.
    Malformed,
    /// A frame or batch is above its limit.
    TooLarge,
    /// The peer talks about another event.
    OtherEvent,
    /// The peer speaks another version of the protocol.
    OtherVersion,
    /// A signature does not hold.
    BadSignature,
    /// Entries do not follow what is here.
    Gap,
    /// A log names a grant that is not known here.
    UnknownGrant,
    /// A log has two different entries at one sequence.
    Fork,
    /// The peer is not a member.
    Stranger,
    /// The peer's key was revoked.
    Revoked,
    /// The proof of an invite does not hold.
    BadProof,
    /// A quota is used up.
    Quota,
    /// The conversation is replaced by another connection with the same peer.
    Duplicate,
    /// Too many errors within a minute.
    Demerits,
    /// More signatures than are checked for one peer.
    Pace,
    /// The disk has too little left.
    Room,
    /// A key of sealed texts was not asked for, or is of a person who was erased.
    Key,
}

impl Reason {
    /// Returns the reason's stable name, as counters and logs show it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::TooLarge => "too_large",
            Self::OtherEvent => "other_event",
            Self::OtherVersion => "other_version",
            Self::BadSignature => "bad_signature",
            Self::Gap => "gap",
            Self::UnknownGrant => "unknown_grant",
            Self::Fork => "fork",
            Self::Stranger => "stranger",
            Self::Revoked => "revoked",
            Self::BadProof => "bad_proof",
            Self::Quota => "quota",
            Self::Duplicate => "duplicate",
            Self::Demerits => "demerits",
            Self::Pace => "pace",
            Self::Room => "room",
            Self::Key => "key",
        }
    }
}

/// Something the shell may want to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// The set of members changed: TLS admits exactly these.
    Members(Vec<PublicKey>),
    /// The event is known from here on: discovery may begin with this key.
    Discover {
        /// Keys the discovery tag.
        discovery_key: [u8; 16],
    },
    /// Whether strangers are waited for, and may stay longer than others.
    Guests(bool),
    /// A device that is no member yet is to be dialled; without addresses not any more.
    Call {
        /// Its key; `None`: whoever answers there.
        key: Option<PublicKey>,
        /// Where it is, `ip:port`.
        addresses: Vec<String>,
    },
    /// Entries were taken in or written.
    Grew {
        /// How many.
        entries: u64,
    },
    /// A member said that it holds exactly what this device holds: the exchange with it is complete.
    Agreed {
        /// The member.
        key: PublicKey,
        /// How many entries both hold.
        entries: u64,
    },
    /// A cloud signed that it holds more of what these devices wrote than it was known to.
    Receipted {
        /// Each writer with how many of its entries the cloud holds.
        writers: Vec<(PublicKey, u64)>,
    },
    /// A peer's frame was refused.
    Refused {
        /// The connection.
        peer: PeerId,
        /// Why.
        reason: Reason,
        /// What exactly, for the security log.
        text: String,
    },
}
