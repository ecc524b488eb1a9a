//! What came out of one run: verdict, figures, and samples over time for the report.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::oracle::Violation;

/// What came out of one run.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Outcome {
    /// The seed.
    pub seed: u64,
    /// The profile that the seed drew, or the scenario's name.
    pub profile: String,
    /// Devices at the end, clouds and copies included.
    pub devices: usize,
    /// Virtual time that passed, in ms.
    pub virtual_ms: u64,
    /// BLAKE3 of everything that happened, in hex: equal for equal seeds.
    pub trace: String,
    /// Digest of the owner's standings at the end, in hex; `None`: it shows none.
    #[serde(default)]
    pub standings: Option<String>,
    /// What broke; empty: everything held.
    pub violations: Vec<Violation>,
    /// Scores and other entries that ROs were told are saved.
    pub saved: u64,
    /// Commands that a device refused or did not answer.
    pub refused: u64,
    /// Entries that exist at the end, all logs together.
    pub entries: u64,
    /// How long after the last fault all honest devices agreed, in ms; `None`: never.
    pub converged_ms: Option<u64>,
    /// Faults by kind (the names of [`crate::plan::Act`], and of what the network and disks did by
    /// chance, such as `frame-lost`).
    pub faults: BTreeMap<String, u64>,
    /// Frames and their bytes, sent by all devices.
    pub frames: u64,
    /// Bytes of all frames, with their length prefixes.
    pub bytes: u64,
    /// Times that a device's screen was looked at.
    pub looks: u64,
    /// Entries shown with a copy elsewhere or in the cloud, over all looks.
    pub shown_safe: u64,
    /// Of those, how many were not: must be 0.
    pub false_safe: u64,
    /// Labels of the devices, by number.
    pub labels: Vec<String>,
    /// The venue over time; empty unless samples were asked for.
    pub samples: Vec<Sample>,
    /// What happened, for the timeline: time in ms, text. Empty unless samples were asked for.
    pub timeline: Vec<(u64, String)>,
}

/// The venue at one moment.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Sample {
    /// Virtual time in ms since the event was locked.
    pub at_ms: u64,
    /// Entries that exist: the union of what all devices hold.
    pub entries: u64,
    /// Entries that every running honest device holds.
    pub everywhere: u64,
    /// Entries in the cloud.
    pub cloud: u64,
    /// Entries by the number of devices (clouds included) that hold them: place 0 is one device,
    /// place 1 two; the last place is "that many or more".
    pub copies: Vec<u64>,
    /// Every device, by number.
    pub devices: Vec<DeviceSample>,
}

/// One device at one moment.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct DeviceSample {
    /// Whether its process runs and is awake.
    pub running: bool,
    /// The lowest number of those it can reach, itself included: equal numbers are one group.
    pub group: usize,
    /// Entries that it holds.
    pub holds: u64,
    /// Bytes of frames that it has sent so far.
    pub bytes_sent: u64,
    /// Of its own entries: how many there are.
    pub own: u64,
    /// How many it shows with a copy elsewhere or in the cloud.
    pub own_shown_safe: u64,
    /// How many of its own really have one.
    pub own_really_safe: u64,
}

impl Outcome {
    /// Returns whether everything held.
    pub fn passed(&self) -> bool {
        self.violations.is_empty()
    }
}
