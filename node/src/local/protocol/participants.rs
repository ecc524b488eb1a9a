//! Requests and answers about people and what is under seal about them.
//!
//! Layer: node, local.

use serde::{Deserialize, Serialize};

/// Arguments of `participant-show` and `participant-erase`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ParticipantQuery {
    /// A shooter's number, or a record's UUID or the beginning of one.
    pub person: String,
}

/// Answer of `participant-list`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Participants {
    /// `tallyline.participants/1`.
    pub schema: String,
    /// Shooters by number, then records.
    pub participants: Vec<Participant>,
}

/// A person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Participant {
    /// A shooter's number, or a record's UUID.
    pub person: String,
    /// `shooter` or `record`.
    pub what: String,
    /// What screens print; `None` for a record.
    pub label: Option<String>,
    /// Whether the person was erased.
    pub erased: bool,
    /// Sealed texts about the person that are here.
    pub texts: u64,
    /// How many of them this device reads.
    pub readable: u64,
    /// Keys of the person that are here.
    pub keys: u64,
}

/// Answer of `participant-show`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParticipantInfo {
    /// `tallyline.participant/1`.
    pub schema: String,
    /// Who.
    pub participant: Participant,
    /// What is under seal.
    pub texts: Vec<SealedInfo>,
    /// The event's time zone in minutes east of UTC.
    pub zone_min: i32,
}

/// A sealed text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedInfo {
    /// UUID of the entry that holds it.
    pub entry: String,
    /// What its author is called.
    pub author: String,
    /// Unix milliseconds as its author's clock had it.
    pub at_unix_ms: i64,
    /// The kind of record, or `incident`.
    pub kind: String,
    /// The field of the record; empty for an incident.
    pub field: String,
    /// Who reads it, besides the owner.
    pub readers: Vec<String>,
    /// One of `open`, `not-for-this-device`, `erased`, `key-missing`, `broken`.
    pub state: String,
    /// What it says, if it is open.
    pub text: Option<String>,
}

/// Answer of `participant-erase`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Erased {
    /// `tallyline.erased/1`.
    pub schema: String,
    /// Who.
    pub person: String,
    /// Keys that were destroyed on this device.
    pub keys: u64,
}
