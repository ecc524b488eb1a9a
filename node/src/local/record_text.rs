//! What entries say, in the words and the notation in which people type them.
//!
//! Layer: node, local.

use tallyline_proto::model::{Body, Hits};
use tallyline_proto::replica::EntryView;
use tallyline_proto::wire::decode_statement;

use super::protocol::{
    ApproveData, ChronoData, GearResult, Record, ScoreData, ScoreVoid, StatusRecord, StatusWhat,
};
use super::{convert, said, words};
use crate::calendar;

/// Characters of an entry's UUID that people are shown; enough to name it within an event.
pub(crate) const ENTRY_CHARS: usize = 13;

/// Writes an entry as a line of the score log: UTC, device, stage, shooter, what it says, how it is
/// read at this moment, its id; with tabs between.
pub fn score_line(entry: &EntryView) -> String {
    let what = body(&entry.body);
    let about = entry.subject;
    let stage = about.and_then(|it| it.drill);
    let fields = [
        calendar::utc(entry.at_unix_ms),
        entry.label.clone(),
        stage.map_or_else(|| "-".to_owned(), |no| format!("stage {no}")),
        about.map_or_else(|| "-".to_owned(), |it| format!("shooter {}", it.shooter)),
        what,
        words::verdict(entry.verdict).0.to_owned(),
        entry.id.to_string(),
    ];
    let plain = |letter: char| if letter.is_control() { '?' } else { letter };
    let fields = fields.map(|field| field.chars().map(plain).collect::<String>());
    fields.join("\t")
}

/// Says what the body of an entry records, or does to another one.
fn body(body: &Body) -> String {
    let other = match body {
        Body::Void(it) => return void(&convert::void(it)),
        Body::Approve(it) => return approve(&convert::approve(it)),
        Body::Score(_) | Body::Status(_) | Body::Chrono(_) | Body::Point(_) | Body::SetScore(_) => {
            return what(convert::record(body).as_ref(), None, None);
        }
        Body::Incident(_) => "incident",
        Body::Report(_) => "report of an incident",
        Body::JuryDecision(_) => "decision of the jury",
        Body::Record(_) => "record",
        Body::Statement(bytes) => {
            let said = decode_statement(bytes);
            said.map_or("of a later version", |it| said::kind(&it))
        }
        Body::Seal => "end of the log",
        Body::Unknown => "a kind of entry that this version does not know",
    };
    other.to_owned()
}

/// Says what an entry records, or what it does to another one.
pub(crate) fn what(
    record: Option<&Record>,
    void: Option<&ScoreVoid>,
    approve: Option<&ApproveData>,
) -> String {
    match (record, void, approve) {
        (Some(it), ..) => self::record(it),
        (None, Some(it), _) => self::void(it),
        (None, None, Some(it)) => self::approve(it),
        (None, None, None) => "a kind of entry that this version does not know".to_owned(),
    }
}

/// Says what was recorded.
pub(crate) fn record(record: &Record) -> String {
    match record {
        Record::Score(it) => score(it),
        Record::Chrono(it) => chrono(it),
        Record::Status(it) => status(it),
        Record::Point(it) => format!("point {} of set {}", it.number, it.set),
        Record::Set(it) => format!("set {}: {} to {}", it.set, it.own, it.other),
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
    let mut parts = Vec::new();
    if !times.is_empty() {
        parts.push(format!("{} s", times.join("+")));
    }
    let hits: Vec<String> = score.targets.iter().map(|&it| target_text(it)).collect();
    if !hits.is_empty() {
        parts.push(hits.join(" "));
    }
    let steel = score.steel;
    if (steel.hit, steel.miss, steel.no_penalty_miss, steel.no_shoot) != (0, 0, 0, 0) {
        let mut text = format!("steel {}/{}", steel.hit, steel.miss);
        if (steel.no_penalty_miss, steel.no_shoot) != (0, 0) {
            let (no_penalty_miss, no_shoot) = (steel.no_penalty_miss, steel.no_shoot);
            text = format!("{text}/{no_penalty_miss}/{no_shoot}");
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
    if status.attempt != 0 {
        text = format!("{text}, attempt {}", status.attempt);
    }
    if let Some(rule) = status.rule {
        text = format!("{text}, rule {rule}");
    }
    if !status.note.is_empty() {
        text = format!("{text}, \"{}\"", status.note);
    }
    text
}

fn void(void: &ScoreVoid) -> String {
    let short: String = void.entry.chars().take(ENTRY_CHARS).collect();
    let reason = word(&void.reason);
    let mut text = format!("void of {short}: {reason}");
    if !void.note.is_empty() {
        text = format!("{text}, \"{}\"", void.note);
    }
    text
}

/// Returns the word by which JSON and commands know a value.
pub(crate) fn word<T: serde::Serialize>(value: &T) -> String {
    let value = serde_json::to_value(value).ok();
    let text = value.as_ref().and_then(serde_json::Value::as_str);
    text.unwrap_or_default().to_owned()
}

/// Writes packed counts the way they are typed; what does not fit is shown as a number.
pub(crate) fn target_text(packed: u32) -> String {
    let Some(hits) = Hits::from_bits(packed) else {
        return format!("?{packed}");
    };
    let target = hits.target();
    let counts = [
        (target.a, 'A'),
        (target.b, 'B'),
        (target.c, 'C'),
        (target.d, 'D'),
        (target.miss, 'M'),
        (target.no_penalty_miss, 'P'),
        (target.no_shoot, 'N'),
    ];
    let mut text = String::new();
    for (count, letter) in counts {
        match count {
            0 => {}
            1 => text.push(letter),
            _ => text.extend([count.to_string(), letter.to_string()]),
        }
    }
    if text.is_empty() {
        "0".to_owned()
    } else {
        text
    }
}

/// Writes hundredths as seconds with two decimals.
pub(crate) fn centis_text(centis: u32) -> String {
    format!("{}.{:02}", centis / 100, centis % 100)
}

/// Writes tenths as grains with one decimal.
pub(crate) fn decigrains_text(decigrains: u32) -> String {
    format!("{}.{}", decigrains / 10, decigrains % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A score without a time read ` s, 5A`.
    #[test]
    fn a_score_says_what_was_entered_and_nothing_else() {
        let untimed = ScoreData {
            targets: vec![5],
            ..ScoreData::default()
        };
        assert_eq!(score(&untimed), "5A");
        let timed = ScoreData {
            time_cs: vec![4_292],
            ..untimed
        };
        assert_eq!(score(&timed), "42.92 s, 5A");
    }
}
