//! Requests and answers about joins.
//!
//! Layer: node, local.

use serde::{Deserialize, Serialize};

use super::Role;

/// Arguments of `invite`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Invite {
    /// What the device will be allowed.
    #[serde(default)]
    pub role: Role,
    /// The device's name; `None` lets it name itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Addresses (`ip:port`) to put into the ticket; empty: the node's own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<String>,
    /// Minutes that the invite is open, 1 to 1440; `None`: 15.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minutes: Option<u32>,
}

/// Arguments of `invite-device`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InviteDevice {
    /// What the device shows: the text of its offer.
    pub device: String,
    /// What the device will be allowed.
    #[serde(default)]
    pub role: Role,
    /// The device's name; `None` lets it name itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Minutes that the device is waited for, 1 to 1440; `None`: 15.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minutes: Option<u32>,
}

/// Arguments of `invite-cancel`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InviteCancel {
    /// The invite's id in hex or the beginning of one; `None`: all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invite: Option<String>,
}

/// Arguments of `join`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Join {
    /// The ticket's text.
    pub ticket: String,
}

/// Arguments of `pair-owner`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PairOwner {
    /// Addresses (`ip:port`) of the new device, as its screen shows them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<String>,
    /// What the device will be allowed.
    #[serde(default)]
    pub role: Role,
    /// The device's name; `None` lets it name itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
}

/// Arguments of `pair-confirm`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PairConfirm {
    /// The six digits that the other screen shows; `None`: they differ.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digits: Option<String>,
}

/// Answer of `invite`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invited {
    /// `tallyline.invited/1`.
    pub schema: String,
    /// The ticket's text, for `join`.
    pub ticket: String,
    /// The addresses in it.
    pub addresses: Vec<String>,
    /// The invite's id in hex, for `invite-cancel`; no secret.
    #[serde(default)]
    pub invite: String,
    /// Minutes that it is open.
    #[serde(default)]
    pub minutes: u32,
}

/// Answer of `invite-device`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Called {
    /// `tallyline.called/1`.
    pub schema: String,
    /// The invite's id in hex.
    pub invite: String,
    /// The device's fingerprint, of which its screen shows the first group.
    pub key: String,
}

/// Answer of `join-offer`: what this device shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offered {
    /// `tallyline.offered/1`.
    pub schema: String,
    /// The text, for `invite --device`.
    pub device: String,
    /// The addresses in it.
    pub addresses: Vec<String>,
    /// This device's fingerprint.
    pub key: String,
}

/// Answer of `enrolment`: how far joins are, on either side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnrolInfo {
    /// `tallyline.enrolment/1`.
    pub schema: String,
    /// `blank`, `joining` or `member`.
    pub phase: String,
    /// Whether the owner's statement that admits this device has arrived here.
    pub admitted: bool,
    /// What this device is called: by the owner once it is admitted.
    pub label: String,
    /// The event's name, once it is known.
    pub event: Option<String>,
    /// What the owner's device is called, once it is known.
    pub owner: Option<String>,
    /// The four words of this device's own join, since the node started.
    pub words: Option<String>,
    /// Why the last join did not go on: `invite-over`, `offer-over` or `pairing-failed`.
    pub ended: Option<String>,
    /// Whether this device shows an offer that nobody has taken yet.
    pub offers: bool,
    /// Six digits, under way or just over.
    pub pairing: Option<PairingInfo>,
    /// Open invites.
    pub invites: Vec<InviteInfo>,
    /// Invites that ended since the node started, the latest last.
    pub over: Vec<InviteOver>,
}

/// Six digits on two screens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PairingInfo {
    /// `waiting`, `comparing`, `confirmed`, `denied` or `failed`.
    pub phase: String,
    /// The digits, once both screens show them.
    pub digits: Option<String>,
    /// What the other device calls itself.
    pub label: Option<String>,
    /// The other device's fingerprint.
    pub key: Option<String>,
}

/// One open invite.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InviteInfo {
    /// Its id in hex.
    pub invite: String,
    /// What the device will be called; `None`: it names itself.
    pub label: Option<String>,
    /// What it will be allowed.
    pub roles: Vec<String>,
    /// Fingerprint of the only device that may use it; `None`: whoever holds the ticket.
    pub only: Option<String>,
    /// Milliseconds left.
    pub left_ms: u64,
}

/// An invite that ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InviteOver {
    /// Its id in hex.
    pub invite: String,
    /// `used`, `over` or `cancelled`.
    pub end: String,
    /// What the device is called that used it.
    pub label: Option<String>,
    /// That device's fingerprint.
    pub key: Option<String>,
    /// The four words that its screen shows, too.
    pub words: Option<String>,
}
