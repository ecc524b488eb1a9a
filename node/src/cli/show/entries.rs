//! Entries: what was recorded, by whom, and how it is read.
//!
//! Layer: node, cli, show.

use crate::config::Screen;
use crate::local::protocol::{
    ApproveData, ChronoData, Entries, EntryInfo, GearResult, Record, ScoreData, ScoreVoid,
    StatusRecord, StatusWhat,
};

use super::super::notation::{centis_text, decigrains_text, target_text};
use super::table::{Sheet, Side::Left, Side::Right};
use super::{add, when};

/// Digits of an entry's UUID that a table shows; enough to name it within an event.
const ENTRY_CHARS: usize = 13;

/// Shows entries, one a line.
pub(in crate::cli) fn entries(data: &Entries, screen: Screen) -> String {
    let headings = [
        ("STAGE", Right),
        ("SHOOTER", Right),
        ("WHAT", Left),
        ("READING", Left),
        ("BY", Left),
        ("RECORDED", Left),
        ("COPIES", Right),
        ("CLOUD", Left),
        ("ENTRY", Left),
    ];
    let mut sheet = Sheet::new(screen, &headings);
    for entry in &data.entries {
        let (stage, shooter) = about(entry);
        sheet.row([
            stage.map_or("-".to_owned(), |number| number.to_string()),
            shooter.map_or("-".to_owned(), |number| number.to_string()),
            what(entry),
            entry.verdict_text.clone(),
            entry.label.clone(),
            when::utc(entry.at_unix_ms),
            entry.copies.to_string(),
            if entry.in_cloud { "yes" } else { "no" }.to_owned(),
            entry.entry.chars().take(ENTRY_CHARS).collect(),
        ]);
    }
    sheet.text()
}

fn about(entry: &EntryInfo) -> (Option<u32>, Option<u32>) {
    match &entry.record {
        Some(Record::Score(score)) => (Some(score.drill), Some(score.shooter)),
        Some(Record::Chrono(chrono)) => (Some(chrono.drill), Some(chrono.shooter)),
        Some(Record::Status(status)) => (status.drill, Some(status.shooter)),
        Some(Record::Point(point)) => (Some(point.drill), Some(point.side)),
        Some(Record::Set(set)) => (Some(set.drill), Some(set.side)),
        None => (None, None),
    }
}

fn what(entry: &EntryInfo) -> String {
    match (&entry.record, &entry.void, &entry.approve) {
        (Some(Record::Score(it)), ..) => score(it),
        (Some(Record::Chrono(it)), ..) => chrono(it),
        (Some(Record::Status(it)), ..) => status(it),
        (Some(Record::Point(it)), ..) => format!("point {} of set {}", it.number, it.set),
        (Some(Record::Set(it)), ..) => format!("set {}: {} to {}", it.set, it.own, it.other),
        (None, Some(it), _) => void(it),
        (None, None, Some(it)) => approve(it),
        (None, None, None) => "a kind of entry that this version does not know".to_owned(),
    }
}

fn approve(approve: &ApproveData) -> String {
    let short: String = approve.entry.chars().take(ENTRY_CHARS).collect();
    let who = match (approve.ro, approve.shooter) {
        (true, true) => "RO and shooter",
        (true, false) => "the RO",
        (false, true) => "the shooter",
        (false, false) => "nobody",
    };
    format!("approval of {short} by {who}")
}

fn score(score: &ScoreData) -> String {
    let times: Vec<String> = score.time_cs.iter().map(|&it| centis_text(it)).collect();
    let mut parts = vec![format!("{} s", times.join("+"))];
    let hits: Vec<String> = score.targets.iter().map(|&it| target_text(it)).collect();
    if !hits.is_empty() {
        parts.push(hits.join(" "));
    }
    let steel = score.steel;
    if (steel.hit, steel.miss, steel.no_penalty_miss, steel.no_shoot) != (0, 0, 0, 0) {
        let mut text = format!("steel {}/{}", steel.hit, steel.miss);
        if (steel.no_penalty_miss, steel.no_shoot) != (0, 0) {
            add(
                &mut text,
                format_args!("/{}/{}", steel.no_penalty_miss, steel.no_shoot),
            );
        }
        parts.push(text);
    }
    for penalty in &score.penalties {
        parts.push(format!("penalty {}x{}", penalty.rule, penalty.count));
    }
    if !score.marks_text().is_empty() {
        parts.push(score.marks_text());
    }
    let extras = [
        (score.attempt, "attempt"),
        (score.late_shots, "late shots"),
        (score.extra_shots, "extra shots"),
        (score.extra_hits, "extra hits"),
    ];
    parts.extend(
        extras
            .iter()
            .filter(|it| it.0 != 0)
            .map(|(n, name)| format!("{name} {n}")),
    );
    parts.join(", ")
}

fn chrono(chrono: &ChronoData) -> String {
    let mut parts = vec!["chrono".to_owned()];
    for &weight in &chrono.weights_decigrains {
        parts.push(format!("{} gr", decigrains_text(weight)));
    }
    let speeds: Vec<String> = chrono.speeds_fps.iter().map(u32::to_string).collect();
    if !speeds.is_empty() {
        parts.push(format!("{} fps", speeds.join(" ")));
    }
    match chrono.gear {
        Some(GearResult::Pass) => parts.push("gear pass".to_owned()),
        Some(GearResult::Fail) => parts.push("gear fail".to_owned()),
        None => {}
    }
    parts.join(", ")
}

fn status(status: &StatusRecord) -> String {
    let mut text = match status.kind {
        StatusWhat::Dnf => "DNF",
        StatusWhat::MatchDq => "match DQ",
        StatusWhat::Withdrawn => "withdrawn",
        StatusWhat::Dns => "DNS",
        StatusWhat::StageDq => "stage DQ",
        StatusWhat::Warning => "warning",
    }
    .to_owned();
    if let Some(rule) = status.rule {
        add(&mut text, format_args!(", rule {rule}"));
    }
    if !status.note.is_empty() {
        add(&mut text, format_args!(", \"{}\"", status.note));
    }
    text
}

fn void(void: &ScoreVoid) -> String {
    let short: String = void.entry.chars().take(ENTRY_CHARS).collect();
    let reason = serde_json::to_value(void.reason);
    let reason = reason
        .ok()
        .and_then(|it| it.as_str().map(str::to_owned))
        .unwrap_or_default();
    let mut text = format!("void of {short}: {reason}");
    if !void.note.is_empty() {
        add(&mut text, format_args!(", \"{}\"", void.note));
    }
    text
}
