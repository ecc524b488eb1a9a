//! Figures for Prometheus: a registry for each node, filled when it is asked from what `looks` adds up, and
//! from what `figures` counts where it happens.
//!
//! No event and no device is a label in the cloud, where there are too many; at a venue devices are,
//! because somebody has to go and look for one. Layer: node, api.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

use super::ask::Ask;
use super::failure::Failure;
use super::looks::Sums;
use crate::figures::Figures;
use crate::local::protocol::VitalsData;
use crate::metrics::{self, Metric};

/// One label, whose name depends on the figure.
type Labels = Vec<(&'static str, String)>;

type Gauges = Family<Labels, Gauge>;

/// A number with a point, such as seconds.
type Decimal = Gauge<f64, AtomicU64>;

type Decimals = Family<Labels, Decimal>;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    class: &'static str,
}

/// The figures of a node.
pub(super) struct Metrics {
    registry: Mutex<Registry>,
    answered: Family<Answered, Counter>,
    entries: Gauge,
    pending: Gauges,
    peers: Gauges,
    conflicts: Gauge,
    needed: Family<Labels, Counter>,
    doubles: Family<Labels, Counter>,
    counted_twice: Counter,
    moved: Family<Labels, Counter>,
    streams: Gauge,
    free: Gauges,
    size: Gauges,
    store: Gauges,
    refused: Gauges,
    wire: Gauges,
    contact: Decimals,
    offset: Decimals,
    failing: Decimal,
    behind: Decimal,
    ack_lag: Decimal,
    offline: Decimal,
}

/// Puts what fits a metric of the list into a registry.
fn put(registry: &mut Registry, metric: &Metric, shown: impl prometheus_client::registry::Metric) {
    registry.register(metric.short(), metric.help(), shown);
}

impl Metrics {
    pub(super) fn new(figures: &Figures) -> Self {
        let mut registry = Registry::with_prefix("tallyline");
        let build = vec![
            ("version", env!("CARGO_PKG_VERSION")),
            ("commit", metrics::COMMIT),
        ];
        registry.register("build", "What runs", Info::new(build));
        figures.register(&mut registry);
        let it = Self {
            answered: Family::default(),
            entries: Gauge::default(),
            pending: Gauges::default(),
            peers: Gauges::default(),
            conflicts: Gauge::default(),
            needed: Family::default(),
            doubles: Family::default(),
            counted_twice: Counter::default(),
            moved: Family::default(),
            streams: Gauge::default(),
            free: Gauges::default(),
            size: Gauges::default(),
            store: Gauges::default(),
            refused: Gauges::default(),
            wire: Gauges::default(),
            contact: Decimals::default(),
            offset: Decimals::default(),
            failing: Decimal::default(),
            behind: Decimal::default(),
            ack_lag: Decimal::default(),
            offline: Decimal::default(),
            registry: Mutex::default(),
        };
        it.register(&mut registry);
        Self {
            registry: Mutex::new(registry),
            ..it
        }
    }

    fn register(&self, registry: &mut Registry) {
        put(registry, &metrics::ENTRIES, self.entries.clone());
        put(registry, &metrics::ENTRIES_PENDING, self.pending.clone());
        put(registry, &metrics::PEERS, self.peers.clone());
        put(registry, &metrics::CONFLICTS_OPEN, self.conflicts.clone());
        put(registry, &metrics::CONFLICTS, self.needed.clone());
        put(registry, &metrics::DUPLICATES, self.doubles.clone());
        let twice = self.counted_twice.clone();
        put(registry, &metrics::DUPLICATES_CREATED, twice);
        put(registry, &metrics::BLOB_BYTES, self.moved.clone());
        put(registry, &metrics::STORAGE_FREE, self.free.clone());
        put(registry, &metrics::STORAGE_SIZE, self.size.clone());
        put(registry, &metrics::STORE_SIZE, self.store.clone());
        put(registry, &metrics::LAST_CONTACT, self.contact.clone());
        put(registry, &metrics::CLOCK_OFFSET, self.offset.clone());
        put(registry, &metrics::SYNC_FAILING, self.failing.clone());
        put(registry, &metrics::CLOUD_ACK_LAG, self.ack_lag.clone());
        put(registry, &metrics::OFFLINE, self.offline.clone());
        let streams = "Spectators that are streamed to";
        registry.register("http_streams", streams, self.streams.clone());
        let refused = "Frames of peers refused since the start";
        registry.register("frames_refused", refused, self.refused.clone());
        let wire = "Bytes over the network since the start";
        registry.register("wire_bytes", wire, self.wire.clone());
        let lag = "For how long entries are missing somewhere";
        registry.register("sync_lag_seconds", lag, self.behind.clone());
        let answered = "Answers by class of status";
        registry.register("http_answers", answered, self.answered.clone());
    }

    /// Counts an answer.
    pub(super) fn answered(&self, status: StatusCode) {
        let class = match status.as_u16() / 100 {
            1 => "1xx",
            2 => "2xx",
            3 => "3xx",
            4 => "4xx",
            _ => "5xx",
        };
        self.answered.get_or_create(&Answered { class }).inc();
    }

    fn fill(&self, sums: &Sums, now_ms: u64) {
        self.entries.set(whole(sums.entries));
        set(&self.pending, ("stage", "here"), sums.only_here);
        set(&self.pending, ("stage", "cloud"), sums.pending);
        set(&self.pending, ("stage", "missing"), sums.missing);
        set(&self.peers, ("state", "connected"), sums.connected);
        set(&self.peers, ("state", "away"), sums.away);
        self.conflicts.set(whole(sums.reviews));
        for (kind, count) in ["record", "review", "slot"].into_iter().zip(sums.needed) {
            count_to(&self.needed, ("kind", kind), count);
        }
        let doubles = &sums.doubles;
        for (layer, count) in [
            ("uuid", doubles.by_id),
            ("fingerprint", doubles.by_content),
            ("dedup_key", doubles.by_slot),
        ] {
            count_to(&self.doubles, ("layer", layer), count);
        }
        let twice = self.counted_twice.inner();
        twice.fetch_max(doubles.counted_twice, Ordering::Relaxed);
        count_to(&self.moved, ("direction", "received"), sums.moved.0);
        count_to(&self.moved, ("direction", "sent"), sums.moved.1);
        let (free, size) = sums.disk;
        set_known(&self.free, free);
        set_known(&self.size, size);
        set_known(&self.store, sums.store_bytes);
        for (reason, count) in &sums.refused {
            set(&self.refused, ("reason", reason), *count);
        }
        set(&self.wire, ("direction", "sent"), sums.wire.0);
        set(&self.wire, ("direction", "received"), sums.wire.1);
        self.failing.set(seconds(whole(sums.failing_ms)));
        self.behind.set(seconds(whole(sums.behind_ms)));
        self.ack_lag.set(seconds(whole(sums.ack_lag_ms)));
        self.offline.set(seconds(whole(sums.offline_ms)));
        self.contact.clear();
        self.offset.clear();
        if let Some(vitals) = &sums.venue {
            self.fill_devices(vitals, now_ms);
            return;
        }
        if let Some(silent_ms) = sums.silent_ms {
            let at = seconds(whole(now_ms.saturating_sub(silent_ms)));
            self.contact.get_or_create(&Labels::new()).set(at);
        }
        if let Some(ahead_ms) = sums.clock_ahead_ms {
            let ahead = seconds(ahead_ms);
            self.offset.get_or_create(&Labels::new()).set(ahead);
        }
    }

    /// Of a venue's devices each is named. After the close none has to be heard, and the cloud is no device
    /// that falls silent.
    fn fill_devices(&self, vitals: &VitalsData, now_ms: u64) {
        for device in &vitals.devices {
            let labels = vec![("device", device.label.clone())];
            let silent_ms = device.silent_ms.filter(|_| vitals.open && !device.cloud);
            if let Some(ago_ms) = silent_ms {
                let at = seconds(whole(now_ms.saturating_sub(ago_ms)));
                self.contact.get_or_create(&labels).set(at);
            }
            if let Some(ahead) = device.clock_ahead_ms {
                self.offset.get_or_create(&labels).set(seconds(ahead));
            }
        }
    }
}

/// Answers the figures.
pub(super) async fn metrics(ask: Ask) -> Result<Response, Failure> {
    let metrics = &ask.api.0.metrics;
    let sums = ask.api.look().await?;
    metrics.fill(&sums, ask.api.now_ms());
    let streams = ask.api.streams_open();
    metrics
        .streams
        .set(whole(u64::try_from(streams).unwrap_or(u64::MAX)));
    let mut text = String::new();
    let registry = metrics
        .registry
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    encode(&mut text, &registry).map_err(|error| Failure::fault(error.to_string()))?;
    drop(registry);
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok((
        [(header::CONTENT_TYPE, HeaderValue::from_static(kind))],
        text,
    )
        .into_response())
}

fn set(gauges: &Gauges, (name, value): (&'static str, &str), count: u64) {
    gauges
        .get_or_create(&vec![(name, value.to_owned())])
        .set(whole(count));
}

/// Sets a figure that may be unknown: it has no sample then, because any number would be taken for one.
fn set_known(gauges: &Gauges, count: Option<u64>) {
    gauges.clear();
    if let Some(count) = count {
        gauges.get_or_create(&Labels::new()).set(whole(count));
    }
}

/// Sets a counter to what was counted elsewhere; it never falls.
fn count_to(counters: &Family<Labels, Counter>, (name, value): (&'static str, &str), count: u64) {
    let labels = vec![(name, value.to_owned())];
    let counter = counters.get_or_create(&labels);
    counter.inner().fetch_max(count, Ordering::Relaxed);
}

fn whole(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[expect(
    clippy::cast_precision_loss,
    clippy::as_conversions,
    reason = "a figure for a graph: a millisecond in a thousand years is no loss"
)]
fn seconds(ms: i64) -> f64 {
    ms as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::local::protocol::DeviceVitals;

    fn shown(sums: &Sums) -> String {
        let metrics = Metrics::new(&Figures::default());
        metrics.fill(&Sums::default(), 0);
        metrics.fill(sums, 1_000_000);
        let mut text = String::new();
        encode(&mut text, &metrics.registry.lock().unwrap()).unwrap();
        text
    }

    fn device(label: &str, cloud: bool) -> DeviceVitals {
        DeviceVitals {
            label: label.to_owned(),
            key: "abcd".to_owned(),
            connected: false,
            cloud,
            silent_ms: Some(2_000),
            clock_ahead_ms: Some(5),
            last_sync_unix_ms: None,
            failing: None,
        }
    }

    #[test]
    fn a_disk_that_does_not_say_has_no_sample() {
        let free = "\ntallyline_storage_free_bytes";
        let unknown = shown(&Sums::default());
        assert!(!unknown.contains(free), "{unknown}");
        assert!(
            !unknown.contains("\ntallyline_store_size_bytes"),
            "{unknown}"
        );
        let known = shown(&Sums {
            disk: (Some(7), Some(9)),
            ..Sums::default()
        });
        assert!(known.contains(&format!("{free} 7\n")), "{known}");
    }

    #[test]
    fn after_the_close_nobody_has_to_be_heard() {
        let contact = "last_contact_timestamp_seconds{device=";
        let venue = |open| {
            let devices = vec![device("Tablet", false), device("Cloud", true)];
            let vitals = VitalsData {
                open,
                devices,
                ..VitalsData::default()
            };
            shown(&Sums {
                venue: Some(Box::new(vitals)),
                ..Sums::default()
            })
        };
        let open = venue(true);
        assert!(
            open.contains(&format!("{contact}\"Tablet\"}} 998")),
            "{open}"
        );
        assert!(!open.contains(&format!("{contact}\"Cloud\"")), "{open}");
        let closed = venue(false);
        assert!(!closed.contains(contact), "{closed}");
        assert!(closed.contains("clock_offset_seconds{device="), "{closed}");
    }
}
