//! What officials owe: missing results, the day, and what the rule book asks of paperless matches.
//!
//! Layer: node, local.

use std::collections::{BTreeMap, BTreeSet};

use tallyline_keys::PublicKey;
use tallyline_proto::model::{Body, DrillNo, LogName, SquadNo};
use tallyline_proto::replica::GrantView;
use tallyline_proto::rules::{Line, Verdict, results};

use super::super::protocol::{
    ComplianceReport, ComplianceRow, DayDevice, DayReport, DayStage, MissingCell, MissingLog,
    MissingReport,
};
use super::super::{standings, words};
use super::{Page, numbers, tables};
use crate::beside::{Exchange, ExchangeKind};
use crate::calendar;

/// The rule that asks for exchanges and uploads of a match without paper.
const RULE: &str = "USPSA 9.11.2.1";
/// Exchanges that it asks of each device and day.
const SYNCS_MIN: u64 = 6;
/// Uploads that it asks of each device and day.
const UPLOADS_MIN: u64 = 3;
/// Milliseconds of a minute.
const MINUTE_MS: i64 = 60_000;

pub(super) fn missing(page: &Page<'_>) -> MissingReport {
    let progress = results::progress(page.basis.roster, page.basis.book);
    let open = progress.cells.iter().filter(|it| !it.is_complete());
    let cells = open.map(|cell| {
        let holder = holder(&page.seen.grants, cell.drill, cell.squad);
        MissingCell {
            drill: cell.drill.0,
            squad: cell.squad.0,
            missing: numbers(&cell.missing),
            undecided: numbers(&cell.undecided),
            device: holder.map(|it| it.label.clone()),
            last_heard_ms: holder.and_then(|it| last_heard_ms(page, &it.key)),
        }
    });
    let cells = cells.collect();
    let behind = page.seen.logs.iter();
    let logs: Vec<MissingLog> = behind
        .filter(|log| log.height < log.head_known)
        .map(|log| MissingLog {
            label: log.label.clone(),
            partition: words::partition(log),
            height: log.height,
            head_known: log.head_known,
            last_heard_ms: last_heard_ms(page, &log.author),
        })
        .collect();
    let mut missing = page.gaps(&progress.gaps);
    missing.extend(logs.iter().map(|log| {
        let count = log.head_known.saturating_sub(log.height);
        let entries = words::count(count, "entry", "entries");
        format!("{entries} of {} exist and are not here yet.", log.label)
    }));
    missing.truncate(standings::MISSING_MAX);
    MissingReport {
        head: page.head("missing", missing),
        cells,
        logs,
    }
}

/// Returns who may write a cell now: of a grant and what was lent out of it, the latter.
fn holder(grants: &[GrantView], drill: DrillNo, squad: SquadNo) -> Option<&GrantView> {
    let open = grants
        .iter()
        .filter(|it| it.closed.is_none() && it.cells.covers(Some(drill), squad));
    open.max_by_key(|it| (it.lent.is_some(), it.depth))
}

fn last_heard_ms(page: &Page<'_>, key: &PublicKey) -> Option<u64> {
    let device = page.seen.devices.iter().find(|it| it.key == *key)?;
    if device.this {
        Some(0)
    } else {
        device.last_heard_ms
    }
}

pub(super) fn day(page: &Page<'_>) -> DayReport {
    let lines = page.basis.lines;
    let days: BTreeSet<String> = lines.iter().map(|it| page.day(it.at_ms)).collect();
    let asked = page.seen.query.date.clone();
    let date = asked
        .or_else(|| days.last().cloned())
        .unwrap_or_else(|| today(page));
    let own: Vec<&Line<'_>> = lines
        .iter()
        .filter(|it| page.day(it.at_ms) == date)
        .collect();
    let mut devices: BTreeMap<PublicKey, Vec<&Line<'_>>> = BTreeMap::new();
    for &line in &own {
        devices.entry(line.author).or_default().push(line);
    }
    let mut devices: Vec<DayDevice> = devices
        .iter()
        .map(|(key, lines)| day_device(page, key, lines))
        .collect();
    devices.sort_by(|one, next| (&one.label, &one.key).cmp(&(&next.label, &next.key)));
    let gaps = results::Gaps::of(page.basis.roster, page.basis.book);
    let out = results::out_list(page.basis).lines;
    let out = out.iter().filter(|it| page.day(it.at_ms) == date);
    let mut missing = page.gaps(&gaps);
    if devices.is_empty() {
        missing.splice(..0, nothing_written(page));
    }
    DayReport {
        head: page.head("day", missing),
        date: date.clone(),
        days: days.into_iter().collect(),
        devices,
        stages: day_stages(page, &own),
        out: out.map(|it| tables::out_row(page, it)).collect(),
    }
}

/// Says of a day that was asked for that there is nothing of it.
fn nothing_written(page: &Page<'_>) -> Option<String> {
    let date = page.seen.query.date.as_ref();
    date.map(|date| format!("nothing was written on {date}"))
}

fn today(page: &Page<'_>) -> String {
    let now = i64::try_from(page.seen.now.wall_ms).unwrap_or(i64::MAX);
    calendar::day(now, page.zone_min())
}

fn day_device(page: &Page<'_>, key: &PublicKey, lines: &[&Line<'_>]) -> DayDevice {
    let count = |wanted: fn(&Body) -> bool| {
        let count = lines.iter().filter(|it| wanted(it.body)).count();
        u64::try_from(count).unwrap_or(u64::MAX)
    };
    let times = lines.iter().map(|it| page.unix_ms(it.at_ms));
    let abouts = lines.iter().filter_map(|it| it.body.about());
    let drills: BTreeSet<u32> = abouts.clone().filter_map(|it| Some(it.drill?.0)).collect();
    let shooters = abouts.filter_map(|it| page.basis.roster.shooter(it.shooter));
    let squads: BTreeSet<u32> = shooters.map(|it| it.squad.0).collect();
    DayDevice {
        label: page.device(key),
        key: key.fingerprint(),
        entries: count(|_| true),
        scores: count(|it| matches!(it, Body::Score(_))),
        voids: count(|it| matches!(it, Body::Void(_))),
        first_unix_ms: times.clone().min().unwrap_or(0),
        last_unix_ms: times.max().unwrap_or(0),
        drills: drills.into_iter().collect(),
        squads: squads.into_iter().collect(),
    }
}

fn day_stages(page: &Page<'_>, lines: &[&Line<'_>]) -> Vec<DayStage> {
    let mut stages: BTreeMap<DrillNo, DayStage> = BTreeMap::new();
    for line in lines {
        let about = match line.body.target() {
            Some(target) => page.bodies.get(&target).and_then(|it| it.about()),
            None => line.body.about(),
        };
        let Some(drill) = about.and_then(|it| it.drill) else {
            continue;
        };
        let stage = stages.entry(drill).or_insert_with(|| DayStage {
            drill: drill.0,
            name: page.drill(drill),
            done: 0,
            missed: 0,
            voids: 0,
        });
        let counts = matches!(
            page.basis.book.verdict(line.id),
            Some(Verdict::Counted | Verdict::CountedLate)
        );
        let missed = matches!(line.body, Body::Status(_)) && counts;
        let done = missed || (matches!(line.body, Body::Score(_) | Body::Chrono(_)) && counts);
        let voids = matches!(line.body, Body::Void(_)) && counts;
        stage.done = stage.done.saturating_add(u64::from(done));
        stage.missed = stage.missed.saturating_add(u64::from(missed));
        stage.voids = stage.voids.saturating_add(u64::from(voids));
    }
    stages.into_values().collect()
}

/// What is known of one device on one day.
#[derive(Default)]
struct Duty {
    entries: u64,
    in_cloud: u64,
    syncs: u64,
    sync_times: BTreeSet<i64>,
    uploads: u64,
    upload_times: BTreeSet<i64>,
}

pub(super) fn compliance(page: &Page<'_>) -> ComplianceReport {
    let exchanges = page.seen.beside.exchanges();
    let duties = duties(page, &exchanges);
    let wanted = |date: &String| page.seen.query.date.as_ref().is_none_or(|it| it == date);
    let mut rows: Vec<ComplianceRow> = duties
        .iter()
        .filter(|((date, _), _)| wanted(date))
        .map(|((date, key), duty)| row(page, (date, key), duty, &exchanges))
        .collect();
    rows.sort_by(|one, next| {
        (&one.date, &one.label, &one.key).cmp(&(&next.date, &next.label, &next.key))
    });
    let lacking = rows.iter().flat_map(|row| {
        let lacks = row.lacks.iter();
        lacks.map(|it| format!("{}, {}: {it}", row.date, row.label))
    });
    let mut lacking: Vec<String> = lacking.take(standings::MISSING_MAX).collect();
    if rows.is_empty() {
        lacking.extend(nothing_written(page));
    }
    ComplianceReport {
        head: page.head("compliance", lacking),
        rule: RULE.to_owned(),
        counted: counted(page),
        rows,
    }
}

fn counted(page: &Page<'_>) -> Vec<String> {
    let label = page.device(&page.seen.own);
    let mut counted = vec![
        format!(
            "An exchange counts when {label} and another device told each other that both hold \
             the same entries. Of other devices only their exchanges with {label} are known here: \
             run this report on each of them for all of theirs."
        ),
        "An upload counts when a receipt signed by the cloud covers more of a device's entries \
         than before, whoever carried them there."
            .to_owned(),
        "Copies are the devices other than this one that said they hold a device's entries."
            .to_owned(),
        format!("The score log is known of {label} alone: of this root, since its last start."),
        "Days are those of the event's zone by the clocks of the devices.".to_owned(),
    ];
    if !page.seen.has_cloud {
        counted.push("The event names no cloud, so there is nothing that signs.".to_owned());
    }
    counted
}

fn duties(page: &Page<'_>, exchanges: &[Exchange]) -> BTreeMap<(String, PublicKey), Duty> {
    let mut duties: BTreeMap<(String, PublicKey), Duty> = BTreeMap::new();
    let covered: BTreeMap<LogName, u64> = page
        .seen
        .logs
        .iter()
        .map(|log| (log.name, log.cloud))
        .collect();
    for line in page.basis.lines {
        let duty = duties.entry((page.day(line.at_ms), line.author));
        let duty = duty.or_default();
        let in_cloud = covered
            .get(&line.log)
            .is_some_and(|&height| line.seq <= height);
        duty.entries = duty.entries.saturating_add(1);
        duty.in_cloud = duty.in_cloud.saturating_add(u64::from(in_cloud));
    }
    for exchange in exchanges {
        let date = calendar::day(exchange.at_unix_ms, page.zone_min());
        let minute = exchange
            .at_unix_ms
            .div_euclid(MINUTE_MS)
            .saturating_mul(MINUTE_MS);
        let with = page
            .seen
            .devices
            .iter()
            .find(|it| exchange.is_with(&it.key));
        let with = with.map(|it| it.key);
        let own = (exchange.kind == ExchangeKind::Sync).then_some(page.seen.own);
        for key in with.into_iter().chain(own) {
            let duty = duties.entry((date.clone(), key)).or_default();
            let times = u64::from(exchange.times);
            match exchange.kind {
                ExchangeKind::Sync => {
                    duty.syncs = duty.syncs.saturating_add(times);
                    duty.sync_times.insert(minute);
                }
                ExchangeKind::Upload => {
                    duty.uploads = duty.uploads.saturating_add(times);
                    duty.upload_times.insert(minute);
                }
                ExchangeKind::Start { .. } => {}
            }
        }
    }
    duties.retain(|_, duty| 0 < duty.entries || 0 < duty.syncs || 0 < duty.uploads);
    duties
}

fn row(
    page: &Page<'_>,
    (date, key): (&str, &PublicKey),
    duty: &Duty,
    exchanges: &[Exchange],
) -> ComplianceRow {
    let this = *key == page.seen.own;
    let logs = page.seen.logs.iter();
    let logs = logs.filter(|log| log.author == *key && 0 < log.height);
    let score_log = if this {
        score_log(page, date, exchanges)
    } else {
        None
    };
    let mut row = ComplianceRow {
        date: date.to_owned(),
        label: page.device(key),
        key: key.fingerprint(),
        this,
        entries: duty.entries,
        syncs: duty.syncs,
        sync_times: duty.sync_times.iter().copied().collect(),
        copies: logs.map(|log| log.least_copies).min().unwrap_or(0),
        in_cloud: duty.in_cloud,
        uploads: duty.uploads,
        upload_times: duty.upload_times.iter().copied().collect(),
        score_log,
        lacks: Vec::new(),
    };
    // Who wrote nothing that day has nothing to hand over.
    if 0 < row.entries {
        row.lacks = lacks(&row);
    }
    row
}

fn lacks(row: &ComplianceRow) -> Vec<String> {
    let mut lacks = Vec::new();
    if row.syncs < SYNCS_MIN {
        lacks.push(format!("{} of {SYNCS_MIN} exchanges.", row.syncs));
    }
    if row.uploads < UPLOADS_MIN {
        lacks.push(format!("{} of {UPLOADS_MIN} uploads.", row.uploads));
    }
    let open = row.entries.saturating_sub(row.in_cloud);
    if 0 < open {
        let entries = words::count(open, "entry is", "entries are");
        lacks.push(format!("{entries} not in the cloud."));
    }
    if row.copies == 0 {
        lacks.push("Some entries have no copy on another device.".to_owned());
    }
    if row.score_log == Some(false) {
        lacks.push("The score log was off.".to_owned());
    }
    lacks
}

/// Returns whether the score log was on whenever the node of this root ran on a day; `None` if no
/// start is known.
fn score_log(page: &Page<'_>, date: &str, exchanges: &[Exchange]) -> Option<bool> {
    let starts = exchanges.iter().filter_map(|it| match it.kind {
        ExchangeKind::Start { score_log } => {
            Some((calendar::day(it.at_unix_ms, page.zone_min()), score_log))
        }
        ExchangeKind::Sync | ExchangeKind::Upload => None,
    });
    let starts: Vec<(String, bool)> = starts.filter(|(day, _)| day.as_str() <= date).collect();
    let before = starts.iter().rev().find(|(day, _)| day.as_str() < date);
    let mut on_the_day = starts.iter().filter(|(day, _)| day == date);
    let on = on_the_day.clone().all(|(_, on)| *on);
    match (on_the_day.next(), before) {
        (Some(_), _) => Some(on),
        (None, Some((_, on))) => Some(*on),
        (None, None) => None,
    }
}
