//! The answers about a running node itself: how it does, and whom it turned away.
//!
//! Layer: node, local.

use std::collections::BTreeMap;

use tallyline_keys::PublicKey;
use tallyline_proto::replica::{EntryFilter, Now, Replica};
use tallyline_proto::rules::Mistake;

use super::clerk::{Alarm, Condition};
use super::protocol::{
    CauseCount, CloneData, CloudData, HealthData, LatestData, SecurityData, SecurityLine,
};
use super::words::megabytes;
use crate::security::{Line, Seen};

/// Tells how a node does.
pub(super) fn health(
    replica: &mut Replica,
    now: Now,
    condition: Condition,
    trouble: Option<String>,
) -> HealthData {
    let labels = labels(replica, now);
    HealthData {
        schema: "tallyline.health/1".to_owned(),
        addresses: condition.addresses,
        mdns: condition.mdns,
        cloud: condition.cloud,
        https: condition.https,
        free_bytes: replica.free_bytes(),
        short_of_room: replica.is_short_of_room(),
        trouble,
        latest: latest(replica),
        clones: clones(&condition.clones, &labels),
    }
}

/// Tells whom a node turned away; `seen` is in milliseconds that end now.
pub(super) fn security(
    replica: &Replica,
    now: Now,
    (seen, uptime_ms): (Seen, u64),
    alarms: &[Alarm],
) -> SecurityData {
    let labels = labels(replica, now);
    let counts = seen.counts.iter().map(|(cause, count)| CauseCount {
        cause: cause.name().to_owned(),
        count: *count,
    });
    let at_unix_ms = |at_ms: u64| now.wall_ms.saturating_sub(uptime_ms.saturating_sub(at_ms));
    let line = |line: &Line| SecurityLine {
        at_unix_ms: at_unix_ms(line.first_ms),
        times: line.times,
        cause: line.cause.name().to_owned(),
        label: line.who.key.and_then(|key| labels.get(&key).cloned()),
        key: line.who.key.map(|key| key.fingerprint()),
        address: line.who.address.map(|address| address.to_string()),
        proven: line.who.proven,
        text: line.text.clone(),
    };
    SecurityData {
        schema: "tallyline.security/1".to_owned(),
        counts: counts.collect(),
        lines: seen.lines.iter().map(line).collect(),
        clones: clones(alarms, &labels),
    }
}

/// How far two clocks may differ before people are told, in milliseconds: times of day on two screens
/// still match.
const CLOCK_MS_MAX: u64 = 120_000;

/// Returns what a person should know besides where the scores are.
pub(super) fn remarks(
    replica: &Replica,
    now: Now,
    alarms: &[Alarm],
    cloud: Option<&CloudData>,
) -> Vec<String> {
    let mut remarks = Vec::new();
    remarks.extend(cloud.and_then(uplink));
    if let Some(free_bytes) = replica.free_bytes()
        && replica.is_short_of_room()
    {
        remarks.push(format!(
            "The disk has only {} left: entries of other devices are not taken any more, your own \
             are. Make room.",
            megabytes(free_bytes)
        ));
    }
    let lost = replica.lost_by_the_cloud();
    if 0 < lost {
        remarks.push(format!(
            "The cloud holds {lost} entries less than it signed for: it was put back to an older \
             state. They are sent to it again; keep every device until the light says \"in the \
             cloud\" again."
        ));
    }
    for device in replica.devices(now) {
        if let Some(ahead_ms) = device.clock_ahead_ms
            && CLOCK_MS_MAX < ahead_ms.unsigned_abs()
        {
            remarks.push(Mistake::clock(&device.label, ahead_ms).to_string());
        }
    }
    let labels = labels(replica, now);
    for alarm in clones(alarms, &labels) {
        remarks.push(format!(
            "Two devices use the key of {} at the same time ({}): one is a copy. Take both out of \
             service and set them up anew.",
            alarm.label.as_deref().unwrap_or("a stranger"),
            alarm.addresses.join(", ")
        ));
    }
    remarks
}

/// Says how the link to the cloud does, if it is not as usual.
fn uplink(cloud: &CloudData) -> Option<String> {
    let address = &cloud.address;
    if cloud.over.as_deref() == Some("https") {
        return Some(format!(
            "The cloud ({address}) is reached over HTTPS, because this network lets no UDP through; \
             UDP is tried again now and then."
        ));
    }
    // Being without internet is everyday at a range; what a person can mend is not.
    let why = cloud.why.as_ref().filter(|why| why.needs_a_person)?;
    let (text, fix) = (&why.text, &why.fix);
    Some(format!(
        "The cloud ({address}) is not reached: {text}. What to do: {fix}."
    ))
}

fn labels(replica: &Replica, now: Now) -> BTreeMap<PublicKey, String> {
    let devices = replica.devices(now).into_iter();
    devices.map(|device| (device.key, device.label)).collect()
}

fn clones(alarms: &[Alarm], labels: &BTreeMap<PublicKey, String>) -> Vec<CloneData> {
    let clone = |alarm: &Alarm| CloneData {
        label: labels.get(&alarm.key).cloned(),
        key: alarm.key.fingerprint(),
        addresses: alarm.addresses.clone(),
        ago_ms: alarm.ago_ms,
    };
    alarms.iter().map(clone).collect()
}

/// Returns the entry of another device with the latest time: one from the future shows that two
/// clocks differ.
fn latest(replica: &mut Replica) -> Option<LatestData> {
    let own = replica.key();
    let entries = replica.entries(&EntryFilter::default());
    let others = entries.iter().filter(|entry| entry.author != own);
    let latest = others.max_by_key(|entry| entry.at_unix_ms)?;
    Some(LatestData {
        label: latest.label.clone(),
        at_unix_ms: latest.at_unix_ms,
    })
}
