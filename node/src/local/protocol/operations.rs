//! How a node does over the day: exchanges, what waits for the cloud, and whether the device may go
//! where there is no network.
//!
//! Layer: node, local.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::CloudData;

/// Answer of `vitals`: the figures by which a node is judged, for `check`, alerts and metrics.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent facts that are judged one by one"
)]
pub struct VitalsData {
    /// `tallyline.vitals/1`.
    pub schema: String,
    /// Unix time in milliseconds by this device's clock.
    pub now_unix_ms: i64,
    /// The program's version.
    pub version: String,
    /// Whether a node runs; else the figures are from the store.
    pub running: bool,
    /// What the node is for.
    pub mode: String,
    /// What the device is called.
    pub label: String,
    /// The event's name, when there is one.
    pub event: Option<String>,
    /// Whether scores are taken: the structure is locked and the event not closed.
    pub open: bool,
    /// Entries here, all on disk.
    pub entries: u64,
    /// Entries that are only here.
    pub only_here: u64,
    /// Whether the event has a cloud.
    pub has_cloud: bool,
    /// Entries that no receipt of a cloud covers; 0 if the event has none.
    pub pending: u64,
    /// When the oldest of these was written, in Unix milliseconds by its author's clock.
    pub pending_since_unix_ms: Option<i64>,
    /// The cloud that this node carries entries to; `None` if it carries none, or does not run.
    pub cloud: Option<CloudData>,
    /// When a receipt of the cloud came last, in Unix milliseconds.
    pub last_upload_unix_ms: Option<i64>,
    /// Bytes that the disk has left; `None` if it does not say.
    pub free_bytes: Option<u64>,
    /// Bytes of the whole disk.
    pub disk_bytes: Option<u64>,
    /// Bytes of the store's file.
    pub store_bytes: u64,
    /// Why the disk takes nothing, if the last commit failed.
    pub trouble: Option<String>,
    /// How many damaged stores were moved aside.
    pub damaged: u64,
    /// What needs a person now.
    pub reviews: u64,
    /// When the last burst of reviews ended (more than ten within an hour), in Unix milliseconds.
    pub burst_unix_ms: Option<i64>,
    /// The other members that were ever met.
    pub devices: Vec<DeviceVitals>,
}

/// Another member, as it is heard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceVitals {
    /// What it is called.
    pub label: String,
    /// The first group of its fingerprint.
    pub key: String,
    /// Whether a connection with it is up.
    pub connected: bool,
    /// Whether it is a cloud: one that is not heard is no device that fell silent.
    pub cloud: bool,
    /// Milliseconds since it was heard directly; `None`: not since the node started.
    pub silent_ms: Option<u64>,
    /// How far its clock is ahead, in milliseconds; below 0: behind.
    pub clock_ahead_ms: Option<i64>,
    /// When both said that they hold the same, in Unix milliseconds.
    pub last_sync_unix_ms: Option<i64>,
    /// How exchanges with it fail; `None`: the last one went well, or none was tried of late.
    #[serde(default)]
    pub failing: Option<FailingVitals>,
}

/// Exchanges with a device that failed, without one between them that went well.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailingVitals {
    /// How often in a row.
    pub times: u64,
    /// Since when, in milliseconds from now.
    pub for_ms: u64,
    /// How the last one ended: `cut`, or why it was refused.
    pub why: String,
}

/// When an exchange with another device was complete last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LastSync {
    /// What the device is called.
    pub label: String,
    /// Its key's fingerprint.
    pub key: String,
    /// When both said that they hold the same, in Unix milliseconds.
    pub at_unix_ms: i64,
}

/// Answer of `event-ready`: whether everything is here that a day without a network needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadyData {
    /// `tallyline.ready/1`.
    pub schema: String,
    /// Whether nothing is missing.
    pub ready: bool,
    /// The event's name, when there is one.
    pub event: Option<String>,
    /// What is needed, in the words of the discipline.
    pub lines: Vec<ReadyLine>,
}

/// One kind of thing that is needed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadyLine {
    /// What it is: `races`, `athletes`, `statements`.
    pub what: String,
    /// How many are here.
    pub here: u64,
    /// How many there are, as far as is known.
    pub all: u64,
    /// What to do when some are missing; empty when none are.
    pub fix: String,
}

/// Arguments of `cloud-rebuild`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CloudRebuild {
    /// Devices (`host:port`) that are dialled; whoever dials this node is heard without.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub from: Vec<String>,
}
