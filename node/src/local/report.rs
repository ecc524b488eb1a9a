//! The reports: what was seen in the loop, and the head that every table carries.
//!
//! Layer: node, local.

mod duty;
mod sheet;
mod tables;

use std::collections::BTreeMap;
use std::sync::Arc;

use tallyline_keys::PublicKey;
use tallyline_proto::model::{
    Body, DrillNo, EntryId, LogName, Phase as EventPhase, RuleNo, ShooterNo,
};
use tallyline_proto::replica::{DeviceView, GrantView, HeadView, LogView, Now, Replica};
use tallyline_proto::rules::results::{Basis, Gaps, Reference, Undone};
use tallyline_proto::rules::{Line, Roster, Scorebook, Standings};

use super::protocol::{
    Answer, HeadInfo, PhaseInfo, PhaseWord, Problem, ReferenceInfo, ReportHead, ReportKind,
    ReportQuery, VoidRow, codes, exits,
};
use super::{convert, names, record_text, standings, words};
use crate::beside::Beside;
use crate::calendar;
use crate::root::hex;

/// Bytes of a chain hash that a table shows: enough to see that two devices differ.
const CHAIN_BYTES: usize = 4;

/// Everything that a report is made from.
pub(super) struct Seen {
    query: ReportQuery,
    name: String,
    own: PublicKey,
    now: Now,
    roster: Roster,
    book: Arc<Scorebook>,
    standings: Arc<Standings>,
    state_digest: [u8; 32],
    heads: Vec<HeadView>,
    logs: Vec<LogView>,
    devices: Vec<DeviceView>,
    grants: Vec<GrantView>,
    has_cloud: bool,
    labels: BTreeMap<PublicKey, String>,
    lines: Vec<Owned>,
    beside: Beside,
}

/// An entry that owns what it says.
struct Owned {
    id: EntryId,
    log: LogName,
    seq: u64,
    author: PublicKey,
    at_ms: i64,
    revision: u32,
    body: Body,
}

impl Owned {
    fn line(&self) -> Line<'_> {
        Line {
            id: self.id,
            log: self.log,
            seq: self.seq,
            author: self.author,
            at_ms: self.at_ms,
            revision: self.revision,
            body: &self.body,
        }
    }
}

/// Looks at the replica for a report.
pub(super) fn look(
    replica: &mut Replica,
    now: Now,
    query: ReportQuery,
    beside: Beside,
) -> Result<Seen, Problem> {
    let (name, has_cloud) = match replica.event() {
        Some((_, manifest)) => (manifest.name.clone(), !manifest.cloud.is_empty()),
        None => return Err(names::no_event()),
    };
    if let Some(date) = query.date.as_ref().filter(|it| !calendar::is_day(it)) {
        return Err(Problem::new(
            codes::BAD_VALUE,
            exits::USAGE,
            format!("{date:?} is no day; write it as 2026-05-09"),
        ));
    }
    let (book, standings) = (replica.book(), replica.standings());
    let roster = replica.roster().cloned();
    let (Some(book), Some(standings), Some(roster)) = (book, standings, roster) else {
        return Err(names::no_event());
    };
    let devices = replica.devices(now);
    let mut labels: BTreeMap<PublicKey, String> = BTreeMap::new();
    for device in &devices {
        labels.insert(device.key, device.label.clone());
    }
    let lines = replica.lines().into_iter().map(|line| Owned {
        id: line.id,
        log: line.log,
        seq: line.seq,
        author: line.author,
        at_ms: line.at_ms,
        revision: line.revision,
        body: line.body.clone(),
    });
    let lines = lines.collect();
    Ok(Seen {
        query,
        name,
        own: replica.key(),
        now,
        roster,
        book,
        standings,
        state_digest: replica.state_digest(),
        heads: replica.heads(),
        logs: replica.logs(),
        devices,
        grants: replica.grants(),
        has_cloud,
        labels,
        lines,
        beside,
    })
}

/// Makes the report.
pub(super) fn answer(seen: &Seen) -> Answer {
    let lines: Vec<Line<'_>> = seen.lines.iter().map(Owned::line).collect();
    let basis = Basis {
        roster: &seen.roster,
        book: &seen.book,
        lines: &lines,
    };
    let page = Page::new(seen, basis);
    match seen.query.report {
        ReportKind::Sheet => match sheet::sheet(&page) {
            Ok(sheet) => Answer::ok(&sheet),
            Err(problem) => Answer::Error(problem),
        },
        ReportKind::Progress => Answer::ok(&tables::progress(&page)),
        ReportKind::Penalties => Answer::ok(&tables::penalties(&page)),
        ReportKind::Chrono => Answer::ok(&tables::chrono(&page)),
        ReportKind::Audit => Answer::ok(&tables::audit(&page)),
        ReportKind::Missing => Answer::ok(&duty::missing(&page)),
        ReportKind::Day => Answer::ok(&duty::day(&page)),
        ReportKind::Compliance => Answer::ok(&duty::compliance(&page)),
        ReportKind::Court => Answer::ok(&tables::court(&page)),
        ReportKind::Race => Answer::ok(&tables::race(&page)),
    }
}

/// Tells where an event stands.
pub(super) fn phase(roster: &Roster) -> PhaseInfo {
    match roster.phase() {
        EventPhase::Scoring => PhaseInfo::default(),
        EventPhase::Provisional { review_ends_ms } => PhaseInfo {
            phase: PhaseWord::Provisional,
            review_ends_ms: Some(review_ends_ms),
            since_ms: None,
        },
        EventPhase::Final { since_ms } => PhaseInfo {
            phase: PhaseWord::Final,
            review_ends_ms: None,
            since_ms: Some(since_ms),
        },
    }
}

/// Tells the ends of logs.
pub(super) fn heads(heads: &[HeadView]) -> Vec<HeadInfo> {
    let heads = heads.iter().filter(|it| it.common && 0 < it.height);
    let info = |head: &HeadView| HeadInfo {
        label: head.label.clone(),
        grant: head.log.grant.uuid().to_string(),
        incarnation: format!("{:016x}", head.log.incarnation.0),
        height: head.height,
        chain: head
            .chain
            .0
            .first_chunk::<CHAIN_BYTES>()
            .map_or_else(String::new, |short| hex(short)),
    };
    heads.map(info).collect()
}

/// A report in the making: what it is made from, and words for it.
struct Page<'a> {
    seen: &'a Seen,
    basis: Basis<'a>,
    bodies: BTreeMap<EntryId, &'a Body>,
}

impl<'a> Page<'a> {
    fn new(seen: &'a Seen, basis: Basis<'a>) -> Self {
        Self {
            seen,
            basis,
            bodies: basis.lines.iter().map(|it| (it.id, it.body)).collect(),
        }
    }

    /// Returns what a table says of itself; it is complete if nothing is missing.
    fn head(&self, kind: &str, missing: Vec<String>) -> ReportHead {
        let seen = self.seen;
        ReportHead {
            schema: format!("tallyline.report-{kind}/1"),
            name: seen.name.clone(),
            phase: phase(&seen.roster),
            zone_min: self.zone_min(),
            complete: missing.is_empty(),
            missing,
            state_digest: hex(&seen.state_digest),
            heads: heads(&seen.heads),
        }
    }

    fn gaps(&self, gaps: &Gaps) -> Vec<String> {
        let gaps = (gaps.missing.as_slice(), gaps.undecided.as_slice());
        standings::missing(&self.seen.roster, gaps, None)
    }

    fn zone_min(&self) -> i32 {
        self.seen.roster.structure().zone_min
    }

    fn unix_ms(&self, at_ms: i64) -> i64 {
        let epoch_ms = i64::try_from(self.seen.roster.structure().epoch_ms).unwrap_or(0);
        epoch_ms.saturating_add(at_ms)
    }

    /// Returns the day of a time since the event's epoch, in the event's zone.
    fn day(&self, at_ms: i64) -> String {
        calendar::day(self.unix_ms(at_ms), self.zone_min())
    }

    fn device(&self, key: &PublicKey) -> String {
        let label = self.seen.labels.get(key).cloned();
        label.unwrap_or_else(|| key.short())
    }

    fn shooter(&self, no: ShooterNo) -> String {
        let shooter = self.seen.roster.shooter(no);
        shooter.map_or_else(String::new, |it| it.label.clone())
    }

    fn division(&self, place: usize) -> String {
        let divisions = &self.seen.roster.structure().divisions;
        let division = divisions.get(place);
        division.map_or_else(String::new, |it| it.name.clone())
    }

    fn drill(&self, no: DrillNo) -> String {
        let drill = self.seen.roster.drill(no);
        drill.map_or_else(String::new, |it| it.name.clone())
    }

    fn rule(&self, no: Option<RuleNo>) -> String {
        let rule = no.and_then(|no| self.seen.roster.rule(no));
        rule.map_or_else(String::new, |it| it.text.clone())
    }

    fn what(&self, entry: EntryId) -> String {
        let record = self.bodies.get(&entry).copied().and_then(convert::record);
        let record = record.as_ref().map(record_text::record);
        record.unwrap_or_else(|| "an entry of another kind".to_owned())
    }

    fn reference(&self, it: &Reference) -> ReferenceInfo {
        ReferenceInfo {
            entry: it.entry.to_string(),
            label: self.device(&it.by),
            at_unix_ms: self.unix_ms(it.at_ms),
            drill: it.about.and_then(|about| about.drill).map(|no| no.0),
            shooter: it.about.map(|about| about.shooter.0),
            what: self.what(it.entry),
        }
    }

    fn undone(&self, it: &Undone) -> VoidRow {
        VoidRow {
            entry: it.void.to_string(),
            by: self.device(&it.by),
            at_unix_ms: self.unix_ms(it.at_ms),
            reason: convert::void_why(it.reason),
            agreed: convert::agreed_data(it.agreed),
            note: it.note.clone(),
            verdict: words::verdict(it.verdict).0.to_owned(),
            target: it.target.to_string(),
            was: it.was.map(|was| self.reference(&was)),
            instead: it.instead.map(|instead| self.reference(&instead)),
        }
    }
}

/// Returns the numbers of shooters.
fn numbers(shooters: &[ShooterNo]) -> Vec<u32> {
    shooters.iter().map(|it| it.0).collect()
}
