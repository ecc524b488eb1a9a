//! The answers about the day of a node: its figures, and whether it is ready to be without a network.
//!
//! Layer: node, local.

use std::fs;
use std::path::Path;

use tallyline_proto::model::{Discipline, Roles};
use tallyline_proto::replica::{DeviceView, Now, Opened, Replica};
use tallyline_proto::rules::Roster;

use super::answers::Around;
use super::media;
use super::protocol::{DeviceVitals, FailingVitals, LastSync, ReadyData, ReadyLine, VitalsData};
use crate::beside::Beside;
use crate::media::Media;
use crate::root::room::{disk_bytes, free_bytes};

/// Tells the figures by which a node is judged.
pub(super) fn vitals(replica: &mut Replica, now: Now, around: &Around) -> VitalsData {
    let conflicts = replica.conflicts();
    let devices = replica.devices(now);
    let manifest = replica.event().map(|(_, manifest)| manifest);
    let has_cloud = manifest.is_some_and(|it| !it.cloud.is_empty());
    let event = manifest.map(|it| it.name.clone());
    let locked = replica.roster().is_some_and(Roster::locked);
    let holds = replica.cloud_holds();
    let pending = holds.iter().map(|it| it.height.saturating_sub(it.receipt));
    let pending: u64 = if has_cloud { pending.sum() } else { 0 };
    let alone = holds.iter();
    let alone = alone.map(|it| it.height.saturating_sub(it.elsewhere));
    let waiting = holds.iter().filter(|_| has_cloud);
    VitalsData {
        schema: "tallyline.vitals/1".to_owned(),
        now_unix_ms: i64::try_from(now.wall_ms).unwrap_or(i64::MAX),
        version: around.node.version.clone(),
        running: around.node.pid.is_some(),
        mode: around.node.mode.clone(),
        label: around.node.label.clone(),
        event,
        open: locked && replica.event_end().closed_unix_ms.is_none(),
        entries: holds.iter().map(|it| it.height).sum(),
        only_here: alone.sum(),
        has_cloud,
        pending,
        pending_since_unix_ms: waiting.filter_map(|it| it.waits_since_unix_ms).min(),
        cloud: around.cloud.clone(),
        last_upload_unix_ms: around.beside.last_upload(),
        free_bytes: free_bytes(&around.dir),
        disk_bytes: disk_bytes(&around.dir),
        store_bytes: store_bytes(&around.dir),
        trouble: around.trouble.clone(),
        damaged: count(around.damaged.len()),
        reviews: count(conflicts.count()),
        burst_unix_ms: conflicts.alerts.iter().map(|it| it.to_ms).max(),
        devices: devices
            .iter()
            .filter(|it| !it.this && it.met && it.revoked.is_none())
            .map(|it| device(it, around))
            .collect(),
    }
}

fn device(view: &DeviceView, around: &Around) -> DeviceVitals {
    let failing = around.figures.failing(&view.key);
    DeviceVitals {
        label: view.label.clone(),
        key: view.key.short(),
        connected: view.connected,
        cloud: view.roles.contains(Roles::CLOUD),
        silent_ms: if view.connected {
            Some(0)
        } else {
            view.last_heard_ms
        },
        clock_ahead_ms: view.clock_ahead_ms,
        last_sync_unix_ms: around.beside.last_sync(&view.key),
        failing: failing.map(|it| FailingVitals {
            times: it.times,
            for_ms: it.for_ms,
            why: it.why.to_owned(),
        }),
    }
}

/// Returns with which member an exchange was complete last.
pub(super) fn last_sync(devices: &[DeviceView], beside: &Beside) -> Option<LastSync> {
    let others = devices.iter().filter(|it| !it.this);
    let known = others.filter_map(|it| Some((beside.last_sync(&it.key)?, it)));
    let (at_unix_ms, device) = known.max_by_key(|(at, _)| *at)?;
    Some(LastSync {
        label: device.label.clone(),
        key: device.key.fingerprint(),
        at_unix_ms,
    })
}

fn store_bytes(dir: &Path) -> u64 {
    fs::metadata(dir.join("node.redb")).map_or(0, |it| it.len())
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

/// Tells whether everything is here that a day without a network needs.
pub(super) fn ready(replica: &mut Replica, media: &Media) -> ReadyData {
    let event = replica.event().map(|(_, manifest)| manifest.name.clone());
    let mut lines = vec![line(
        "competition",
        (u64::from(event.is_some()), 1),
        "join the event (`tallyline join`), or take in a bundle",
    )];
    if event.is_some() {
        lines.extend(structure_lines(replica));
        lines.extend(picture_line(replica, media));
        lines.extend(known_lines(replica));
    }
    ReadyData {
        schema: "tallyline.ready/1".to_owned(),
        ready: lines.iter().all(|it| it.all <= it.here),
        event,
        lines,
    }
}

/// The structure is one piece: whoever has the event has all of it, at the revision of the
/// statements that are here.
fn structure_lines(replica: &Replica) -> Vec<ReadyLine> {
    let Some(roster) = replica.roster() else {
        let fix = "install the version that the owner uses";
        return vec![line("rules", (0, 1), fix)];
    };
    let structure = roster.structure();
    let race = structure.ruleset.discipline == Discipline::Ski;
    let (drills, people) = if race {
        ("races", "athletes")
    } else {
        ("stages", "shooters")
    };
    let whole = |what: &str, number: usize| line(what, (count(number), count(number)), "");
    let fix = "ask the owner to finish the event's structure";
    let some = |what: &str, number: usize| line(what, (count(number), count(number.max(1))), fix);
    let mut lines = vec![
        some(drills, structure.drills.len()),
        some(people, structure.shooters.len()),
    ];
    if race {
        lines.push(whole("bibs", structure.shooters.len()));
        lines.push(some("places", structure.places.len()));
    } else if !structure.places.is_empty() {
        lines.push(whole("places", structure.places.len()));
    }
    if !structure.kinds.is_empty() {
        lines.push(whole("kinds of records", structure.kinds.len()));
    }
    let lock = "wait until the owner has locked the structure (`tallyline event lock`)";
    lines.push(line("lock", (u64::from(roster.locked()), 1), lock));
    lines
}

/// Pictures of drills, which every device fetches ahead; nothing where the structure names none.
fn picture_line(replica: &mut Replica, media: &Media) -> Option<ReadyLine> {
    let (here, all) = media::pictures(replica, media);
    let fix = "meet a device that has them (`tallyline sync now`); `tallyline media list` tells how \
               far each is";
    (0 < all).then(|| line("pictures", (here, all), fix))
}

/// What others are known to have written: statements first, since roster and grants rest on them.
fn known_lines(replica: &Replica) -> Vec<ReadyLine> {
    let meet = "meet the owner's device, or any other that has them (`tallyline sync now`)";
    let (mut statements, mut entries) = ((0, 0), (0, 0));
    for log in replica.logs() {
        let sums = if log.control {
            &mut statements
        } else {
            &mut entries
        };
        sums.0 = u64::saturating_add(sums.0, log.height);
        sums.1 = u64::saturating_add(sums.1, log.head_known);
    }
    let mut lines = vec![
        // An event has one statement at least: the owner's own Admit.
        line("statements", (statements.0, statements.1.max(1)), meet),
        line("entries", entries, meet),
    ];
    let own = replica.key();
    let member = u64::from(replica.members().contains(&own));
    let fix = "have the owner admit this device (`tallyline invite`)";
    lines.push(line("membership", (member, 1), fix));
    let (readable, wanted) = keys(replica);
    if 0 < wanted {
        let fix = "meet the owner's device: it has the keys of sealed texts";
        lines.push(line("keys", (readable, wanted), fix));
    }
    lines
}

/// Counts the people of whom this device reads sealed texts, and those of whom it should.
fn keys(replica: &Replica) -> (u64, u64) {
    let (mut readable, mut wanted): (u64, u64) = (0, 0);
    for person in replica.persons().into_iter().filter(|it| 0 < it.texts) {
        let texts = replica.sealed_texts(person.person);
        let lacks = texts.iter().any(|it| it.opened == Opened::KeyMissing);
        let reads = texts.iter().any(|it| matches!(it.opened, Opened::Text(_)));
        wanted = wanted.saturating_add(u64::from(lacks || reads));
        readable = readable.saturating_add(u64::from(reads && !lacks));
    }
    (readable, wanted)
}

fn line(what: &str, (here, all): (u64, u64), fix: &str) -> ReadyLine {
    let fix = if here < all { fix } else { "" };
    ReadyLine {
        what: what.to_owned(),
        here,
        all,
        fix: fix.to_owned(),
    }
}
