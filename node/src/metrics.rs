//! The names of all metrics, and what they mean: the one list from which they are exported, and
//! which rules and boards are checked against.
//!
//! Names are those of Prometheus: base units, `_total` for what only grows. No event and no device
//! is a label, so that a cloud with many events stays small. Layer: node, below everything.

/// How a metric behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricKind {
    /// Only grows while the process runs.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts observations in buckets.
    Histogram,
}

/// One metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// How it behaves.
    pub kind: MetricKind,
    /// Its labels; empty for none.
    pub labels: &'static [&'static str],
    /// What it means, in one sentence.
    pub help: &'static str,
}

impl Metric {
    /// Returns its name without what a registry of `prometheus-client` adds by itself.
    pub fn short(&self) -> &'static str {
        let name = self.name.strip_prefix("tallyline_").unwrap_or(self.name);
        name.strip_suffix("_total").unwrap_or(name)
    }

    /// Returns its help without the full stop, which such a registry adds, too.
    pub fn help(&self) -> &'static str {
        self.help.strip_suffix('.').unwrap_or(self.help)
    }
}

impl MetricKind {
    /// Returns the word of the text format.
    pub fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

const fn counter(
    name: &'static str,
    labels: &'static [&'static str],
    help: &'static str,
) -> Metric {
    let kind = MetricKind::Counter;
    Metric {
        name,
        kind,
        labels,
        help,
    }
}

const fn gauge(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Metric {
    let kind = MetricKind::Gauge;
    Metric {
        name,
        kind,
        labels,
        help,
    }
}

const fn histogram(name: &'static str, help: &'static str) -> Metric {
    let kind = MetricKind::Histogram;
    Metric {
        name,
        kind,
        labels: &[],
        help,
    }
}

/// Exchanges with other devices, by how they ended.
pub const SYNC_ATTEMPTS: Metric = counter(
    "tallyline_sync_attempts_total",
    &["result"],
    "Connections with other devices that ended, or on which both held the same; result is ok, or why not.",
);
/// How long an exchange takes.
pub const SYNC_DURATION: Metric = histogram(
    "tallyline_sync_duration_seconds",
    "Time from a connection until both devices hold the same.",
);
/// Since when no exchange with a device goes well.
pub const SYNC_FAILING: Metric = gauge(
    "tallyline_sync_failing_seconds",
    &[],
    "Time for which all exchanges with a device failed, five at least, of the device with the longest; else 0.",
);
/// Entries that came twice and count once.
pub const DUPLICATES: Metric = counter(
    "tallyline_duplicates_total",
    &["layer"],
    "What came twice and counts once, of all that is or was here; layer is uuid, fingerprint or dedup_key.",
);
/// Entries that count twice: there are none.
pub const DUPLICATES_CREATED: Metric = counter(
    "tallyline_duplicates_created_total",
    &[],
    "What was counted twice; anything but 0 is a fault of the program.",
);
/// What ever needed a person.
pub const CONFLICTS: Metric = counter(
    "tallyline_conflicts_total",
    &["kind"],
    "What needed a person at a look since the node started; kind is record, review or slot.",
);
/// What needs a person now.
pub const CONFLICTS_OPEN: Metric =
    gauge("tallyline_conflicts_open", &[], "What needs a person now.");
/// How long the oldest entry waits for the cloud.
pub const CLOUD_ACK_LAG: Metric = gauge(
    "tallyline_cloud_ack_lag_seconds",
    &[],
    "Age of the oldest entry here that no receipt of the cloud covers.",
);
/// How long nobody was connected.
pub const OFFLINE: Metric = gauge(
    "tallyline_offline_seconds",
    &[],
    "Time since this node was connected with anybody.",
);
/// How long a save waits for the disk.
pub const APPEND_LATENCY: Metric = histogram(
    "tallyline_append_latency_seconds",
    "Time from a command until it is on disk.",
);
/// Saves that failed.
pub const APPEND_ERRORS: Metric = counter(
    "tallyline_append_errors_total",
    &[],
    "Saves that failed; nothing of them was kept, and the person was told.",
);
/// What the disk has left.
pub const STORAGE_FREE: Metric = gauge(
    "tallyline_storage_free_bytes",
    &[],
    "Bytes that the disk under the root has left.",
);
/// The whole disk.
pub const STORAGE_SIZE: Metric = gauge(
    "tallyline_storage_size_bytes",
    &[],
    "Bytes of the disk under the root.",
);
/// The store's file.
pub const STORE_SIZE: Metric = gauge(
    "tallyline_store_size_bytes",
    &[],
    "Bytes of the store's file, or of a cloud's files or database.",
);
/// Entries here.
pub const ENTRIES: Metric = gauge("tallyline_entries", &[], "Entries here, all on disk.");
/// Entries that are not where they should be.
pub const ENTRIES_PENDING: Metric = gauge(
    "tallyline_entries_pending",
    &["stage"],
    "Entries that are only here (stage here), or in no cloud (stage cloud).",
);
/// When the device that was silent longest was heard.
pub const LAST_CONTACT: Metric = gauge(
    "tallyline_device_last_contact_timestamp_seconds",
    &[],
    "Unix time at which the device that is silent longest was heard last.",
);
/// How far the clock of another device is off.
pub const CLOCK_OFFSET: Metric = gauge(
    "tallyline_clock_offset_seconds",
    &[],
    "How far the clock of the device that differs most is ahead of this one's.",
);
/// The commit that the program was made from, where `TALLYLINE_COMMIT` said it when it was made.
pub const COMMIT: &str = match option_env!("TALLYLINE_COMMIT") {
    Some(commit) => commit,
    None => "unknown",
};

/// Which program it is.
pub const BUILD_INFO: Metric = gauge(
    "tallyline_build_info",
    &["version", "commit"],
    "1; the labels say which program it is.",
);
/// Other devices.
pub const PEERS: Metric = gauge(
    "tallyline_peers",
    &["state"],
    "Other devices of the event; state is connected or away.",
);
/// Bytes of pictures and clips.
pub const BLOB_BYTES: Metric = counter(
    "tallyline_blob_bytes_total",
    &["direction"],
    "Bytes of pictures and clips; direction is sent or received.",
);

/// All of them.
pub const ALL: [Metric; 21] = [
    SYNC_ATTEMPTS,
    SYNC_DURATION,
    SYNC_FAILING,
    DUPLICATES,
    DUPLICATES_CREATED,
    CONFLICTS,
    CONFLICTS_OPEN,
    CLOUD_ACK_LAG,
    OFFLINE,
    APPEND_LATENCY,
    APPEND_ERRORS,
    STORAGE_FREE,
    STORAGE_SIZE,
    STORE_SIZE,
    ENTRIES,
    ENTRIES_PENDING,
    LAST_CONTACT,
    CLOCK_OFFSET,
    BUILD_INFO,
    PEERS,
    BLOB_BYTES,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_as_prometheus_wants_them() {
        for (at, metric) in ALL.iter().enumerate() {
            assert!(metric.name.starts_with("tallyline_"), "{metric:?}");
            assert!(metric.help.ends_with('.'), "{metric:?}");
            let grows = metric.kind == MetricKind::Counter;
            assert_eq!(metric.name.ends_with("_total"), grows, "{metric:?}");
            let again = ALL.iter().skip(at + 1).any(|it| it.name == metric.name);
            assert!(!again, "{metric:?} is there twice");
        }
    }
}
