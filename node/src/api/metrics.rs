//! Figures for Prometheus: a registry for each node, filled when it is asked.
//!
//! No event and no device is a label in the cloud, where there are too many; at a venue devices are,
//! because somebody has to go and look for one. Layer: node, api.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::AtomicU64;

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
use super::health::{behind, look};
use crate::local::protocol::{HealthData, StatusData};
use crate::root::Mode;

/// One label, whose name depends on the figure.
type Labels = Vec<(&'static str, String)>;

type Gauges = Family<Labels, Gauge>;

/// A number with a point, such as seconds.
type Decimals = Family<Labels, Gauge<f64, AtomicU64>>;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    class: &'static str,
}

/// The figures of a node.
pub(super) struct Metrics {
    registry: Mutex<Registry>,
    answered: Family<Answered, Counter>,
    entries: Gauges,
    peers: Gauges,
    conflicts: Gauge,
    streams: Gauge,
    free: Gauge,
    refused: Gauges,
    wire: Gauges,
    contact: Decimals,
    offset: Decimals,
    behind: Gauge<f64, AtomicU64>,
}

impl Metrics {
    pub(super) fn new() -> Self {
        let mut registry = Registry::with_prefix("tallyline");
        let build = [("version", env!("CARGO_PKG_VERSION"))].to_vec();
        registry.register("build", "What runs", Info::new(build));
        let it = Self {
            answered: Family::default(),
            entries: Gauges::default(),
            peers: Gauges::default(),
            conflicts: Gauge::default(),
            streams: Gauge::default(),
            free: Gauge::default(),
            refused: Gauges::default(),
            wire: Gauges::default(),
            contact: Decimals::default(),
            offset: Decimals::default(),
            behind: Gauge::default(),
            registry: Mutex::default(),
        };
        let mut gauge = |name: &str, help: &str, gauge: &Gauge| {
            registry.register(name, help, gauge.clone());
        };
        gauge("conflicts_open", "What needs a person", &it.conflicts);
        gauge(
            "http_streams",
            "Spectators that are streamed to",
            &it.streams,
        );
        gauge("storage_free_bytes", "What the disk has left", &it.free);
        let mut gauges = |name: &str, help: &str, gauges: &Gauges| {
            registry.register(name, help, gauges.clone());
        };
        gauges(
            "entries_pending",
            "Entries only here, or not in the cloud",
            &it.entries,
        );
        gauges("peers", "Members, by whether a connection is up", &it.peers);
        gauges(
            "frames_refused",
            "Frames of peers refused since the start",
            &it.refused,
        );
        gauges(
            "wire_bytes",
            "Bytes over the network since the start",
            &it.wire,
        );
        let contact = "device_last_contact_timestamp_seconds";
        registry.register(contact, "When a device was heard last", it.contact.clone());
        let offset = "clock_offset_seconds";
        registry.register(
            offset,
            "How far a device's clock is ahead",
            it.offset.clone(),
        );
        let lag = "sync_lag_seconds";
        registry.register(
            lag,
            "For how long entries are missing somewhere",
            it.behind.clone(),
        );
        let answered = "http_answers";
        registry.register(answered, "Answers by class of status", it.answered.clone());
        Self {
            registry: Mutex::new(registry),
            ..it
        }
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

    fn fill(&self, status: &StatusData, health: &HealthData) {
        let totals = &status.totals;
        let waiting = totals.entries.saturating_sub(totals.in_cloud);
        set(&self.entries, ("stage", "here"), totals.only_here);
        set(&self.entries, ("stage", "cloud"), waiting);
        set(&self.entries, ("stage", "missing"), totals.missing_here);
        let others = status
            .devices
            .iter()
            .filter(|it| !it.this && it.revoked.is_none());
        let up = others.clone().filter(|it| it.connected).count();
        set(
            &self.peers,
            ("state", "connected"),
            u64::try_from(up).unwrap_or(u64::MAX),
        );
        let down = others.count().saturating_sub(up);
        set(
            &self.peers,
            ("state", "away"),
            u64::try_from(down).unwrap_or(u64::MAX),
        );
        let readings = &status.readings;
        let open = readings.undecided.saturating_add(readings.disputed);
        self.conflicts
            .set(whole(open.saturating_add(readings.quarantined)));
        self.free.set(health.free_bytes.map_or(-1, whole));
        for refused in &status.refused {
            set(&self.refused, ("reason", &refused.reason), refused.count);
        }
        set(
            &self.wire,
            ("direction", "sent"),
            status.wire.udp_sent_bytes,
        );
        set(
            &self.wire,
            ("direction", "received"),
            status.wire.udp_received_bytes,
        );
    }

    fn fill_devices(&self, status: &StatusData, now_ms: u64) {
        self.contact.clear();
        self.offset.clear();
        for device in status
            .devices
            .iter()
            .filter(|it| !it.this && it.revoked.is_none())
        {
            let labels = vec![("device", device.label.clone())];
            if let Some(ago_ms) = device.last_heard_ms {
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
    let mut lag_ms = 0;
    if let Ok(open) = ask.api.0.parts.events.find(None).await {
        let (status, health) = look(&open).await?;
        metrics.fill(&status, &health);
        lag_ms = ask.api.note_behind(behind(&status, &health));
        if ask.api.0.parts.mode != Mode::Cloud {
            metrics.fill_devices(&status, ask.api.now_ms());
        }
    }
    metrics.behind.set(seconds(whole(lag_ms)));
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
