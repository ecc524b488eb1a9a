//! What a running node tells about itself beside the scores: its network, its disk, and whom it
//! turned away.
//!
//! Layer: node, local.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Answer of `health`: what only a running node knows, for `tallyline doctor`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthData {
    /// `tallyline.health/1`.
    pub schema: String,
    /// Addresses at which other devices reach the node, best first.
    pub addresses: Vec<String>,
    /// How mDNS does; `None` if it is not used.
    pub mdns: Option<MdnsData>,
    /// The cloud that entries are carried to; `None` if none is configured.
    pub cloud: Option<CloudData>,
    /// Where a cloud takes devices that no UDP gets through to; `None` if it does not.
    #[serde(default)]
    pub https: Option<Vec<String>>,
    /// Bytes that the disk has left; `None` if it does not say.
    pub free_bytes: Option<u64>,
    /// Whether others' entries are refused for want of room.
    pub short_of_room: bool,
    /// Why the disk takes nothing, if the last commit failed.
    pub trouble: Option<String>,
    /// The entry of another device with the latest time.
    pub latest: Option<LatestData>,
    /// Devices that use one key at the same time.
    pub clones: Vec<CloneData>,
}

/// How mDNS does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MdnsData {
    /// Whether the node is announced.
    pub announcing: bool,
    /// Places that others announced.
    pub candidates: u64,
    /// How often it was started: once, and once more after each failure or flood.
    pub starts: u64,
    /// What does not work, if something does not.
    pub fault: Option<String>,
}

/// The cloud that entries are carried to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CloudData {
    /// Its `host:port`.
    pub address: String,
    /// Whether it is connected.
    pub connected: bool,
    /// What the connection goes over: `udp`, or `https` where no UDP gets through.
    #[serde(default)]
    pub over: Option<String>,
    /// Why it is not connected, as far as the last try tells.
    #[serde(default)]
    pub why: Option<WhyNot>,
}

/// Why something does not work, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WhyNot {
    /// The reason's stable name: `captive-portal` or `cloud-unreachable`.
    pub reason: String,
    /// What is in the way.
    pub text: String,
    /// What a person should do.
    pub fix: String,
    /// Whether only a person can change it; otherwise it may pass by itself.
    pub needs_a_person: bool,
}

/// The entry of another device with the latest time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LatestData {
    /// What the device is called.
    pub label: String,
    /// Unix time in milliseconds as its clock had it.
    pub at_unix_ms: i64,
}

/// Devices that use one key at the same time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CloneData {
    /// What the member is called whose key it is; `None` if it is none.
    pub label: Option<String>,
    /// The key's fingerprint.
    pub key: String,
    /// Where the two are.
    pub addresses: Vec<String>,
    /// Milliseconds since both were heard.
    pub ago_ms: u64,
}

/// Answer of `security`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecurityData {
    /// `tallyline.security/1`.
    pub schema: String,
    /// How often each cause was noted since the node started.
    pub counts: Vec<CauseCount>,
    /// The newest lines, the oldest first; at most 10,000.
    pub lines: Vec<SecurityLine>,
    /// Devices that use one key at the same time.
    pub clones: Vec<CloneData>,
}

/// How often something was turned away for one cause.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CauseCount {
    /// The cause's stable name.
    pub cause: String,
    /// How often.
    pub count: u64,
}

/// One line of the security log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecurityLine {
    /// Unix time in milliseconds at which it happened first, by this device's clock as it is now.
    pub at_unix_ms: u64,
    /// How often it happened until it was written anew.
    pub times: u64,
    /// The cause's stable name.
    pub cause: String,
    /// What the member is called; `None` if it is none or not known.
    pub label: Option<String>,
    /// The fingerprint of the key that was proven.
    pub key: Option<String>,
    /// Where it came from.
    pub address: Option<String>,
    /// Whether somebody is there; otherwise the address may be invented.
    pub proven: bool,
    /// What exactly.
    pub text: String,
}
