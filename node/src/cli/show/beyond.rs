//! Incidents, records and conflicts.
//!
//! Layer: node, cli, show.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::config::Screen;
use crate::local::protocol::{
    ConflictInfo, Conflicts, DecisionInfo, IncidentGroup, IncidentInfo, Incidents, KindInfo,
    NotedInfo, OtherInfo, RecordInfo, Records, ReportInfo, RulingWord, ValueInfo,
};

use super::table::{Sheet, Side::Left, Side::Right, clean};
use super::{add, count, media, when};
use crate::local::record_text::centis_text;

/// Digits of a UUID that a table shows; enough to name it within an event.
const SHORT_CHARS: usize = 13;

/// Shows incidents, one group a line.
pub(in crate::cli) fn incidents(data: &Incidents, screen: Screen) -> String {
    let headings = [
        ("RACE", Right),
        ("BIB", Right),
        ("PLACE", Left),
        ("WHEN", Left),
        ("SEEN BY", Left),
        ("REPORTS", Right),
        ("DECISION", Left),
        ("INCIDENT", Left),
    ];
    let mut sheet = Sheet::new(screen, &headings);
    for group in &data.groups {
        let reports = group
            .incidents
            .iter()
            .map(|it| it.reports.len())
            .sum::<usize>();
        sheet.row([
            group.race.to_string(),
            group.bib.to_string(),
            clean(&group.place_name),
            local(group.at_unix_ms, data.zone_min),
            seen_by(group),
            reports.to_string(),
            decision(group),
            short(&group.group),
        ]);
    }
    sheet.text()
}

/// Shows groups with everything that was said about them.
pub(in crate::cli) fn incident(data: &Incidents) -> String {
    let mut text = String::new();
    for group in &data.groups {
        add(
            &mut text,
            format_args!(
                "race {}, bib {} ({}), {}: {}\n",
                group.race,
                group.bib,
                clean(&group.bib_label),
                clean(&group.place_name),
                decision(group)
            ),
        );
        for incident in &group.incidents {
            one_incident(&mut text, incident, data.zone_min);
        }
    }
    text
}

fn one_incident(text: &mut String, incident: &IncidentInfo, zone_min: i32) {
    add(
        text,
        format_args!(
            "  {}  {}  seen by {}: {}\n",
            incident.incident,
            local(incident.happened_unix_ms, zone_min),
            clean(&incident.noted.label),
            words(incident.text.as_deref(), incident.sealed)
        ),
    );
    if !incident.again.is_empty() {
        let again = u64::try_from(incident.again.len()).unwrap_or(u64::MAX);
        let again = count(again, "entry says", "entries say");
        add(text, format_args!("    {again} the same\n"));
    }
    for other in &incident.others {
        other_incident(text, other);
    }
    for ReportInfo {
        noted,
        text: says,
        sealed,
        media,
        ..
    } in &incident.reports
    {
        let says = words(says.as_deref(), *sealed);
        add(
            text,
            format_args!("    report of {}: {says}\n", clean(&noted.label)),
        );
        for file in media {
            let mime = clean(&file.mime);
            let state = media::state(file);
            add(
                text,
                format_args!("      {mime}, {} bytes: {state}\n", file.bytes),
            );
        }
    }
    for DecisionInfo {
        noted,
        ruling: word,
        time_cs,
        rule,
        note,
    } in &incident.decisions
    {
        let rule = rule.map_or_else(String::new, |rule| format!(", rule {rule}"));
        let note = if note.is_empty() {
            String::new()
        } else {
            format!(": {}", clean(note))
        };
        add(
            text,
            format_args!(
                "    {} decides {}{rule}{note}\n",
                clean(&noted.label),
                ruling(*word, *time_cs)
            ),
        );
    }
}

/// Shows what another entry says under the id of an incident.
fn other_incident(text: &mut String, other: &OtherInfo) {
    let rule = other
        .rule
        .map_or_else(String::new, |rule| format!(", rule {rule}"));
    add(
        text,
        format_args!(
            "    E19 entry {} of {} says: race {}, bib {}, {}{rule}: {}\n",
            short(&other.noted.entry),
            clean(&other.noted.label),
            other.race,
            other.bib,
            clean(&other.place_name),
            words(other.text.as_deref(), other.sealed)
        ),
    );
}

/// Shows the kinds of records of an event.
pub(in crate::cli) fn kinds(kinds: &[KindInfo], screen: Screen) -> String {
    let headings = [
        ("NO", Right),
        ("KIND", Left),
        ("ON", Left),
        ("VERSIONS", Left),
        ("WRITTEN BY", Left),
        ("FIELDS", Left),
    ];
    let mut sheet = Sheet::new(screen, &headings);
    for kind in kinds {
        let policy = if kind.statuses.is_empty() {
            kind.policy.clone()
        } else {
            format!("{} ({})", kind.policy, kind.statuses.join(" < "))
        };
        sheet.row([
            kind.kind.to_string(),
            clean(&kind.name),
            dash(&kind.on.join(", ")),
            clean(&policy),
            kind.writers.clone(),
            clean(&field_names(kind)),
        ]);
    }
    sheet.text()
}

/// Names the fields of a kind: what names a record with `!`, what is sealed with its readers.
fn field_names(kind: &KindInfo) -> String {
    let names = kind.fields.iter().map(|field| {
        let unique = kind.unique.contains(&field.name);
        let mark = if unique { "!" } else { "" };
        if field.sealed {
            format!("{}{mark} ({})", field.name, kind.readers.join(", "))
        } else {
            format!("{}{mark}", field.name)
        }
    });
    names.collect::<Vec<_>>().join(", ")
}

/// Shows the records of a kind, one a line.
pub(in crate::cli) fn records(data: &Records, screen: Screen) -> String {
    let headings = [
        ("STATE", Left),
        ("SAYS", Left),
        ("ON", Left),
        ("VERSIONS", Right),
        ("RECORD", Left),
    ];
    let mut sheet = Sheet::new(screen, &headings);
    for record in &data.records {
        let on: Vec<String> = record.on.iter().map(|key| short(key)).collect();
        sheet.row([
            state(record),
            says(&record.fields),
            dash(&on.join(", ")),
            record.versions.len().to_string(),
            short(&record.key),
        ]);
    }
    sheet.text()
}

/// Shows records with every version of them.
pub(in crate::cli) fn record(data: &Records, screen: Screen) -> String {
    let mut text = String::new();
    for record in &data.records {
        let name = clean(&data.kind.name);
        let line = format_args!("{name} {}: {}\n", record.key, state(record));
        add(&mut text, line);
        add(&mut text, format_args!("{}\n", says(&record.fields)));
        let headings = [
            ("COUNTER", Right),
            ("SAYS", Left),
            ("BY", Left),
            ("RECORDED", Left),
            ("IN THE VIEW", Left),
            ("COPIES", Right),
            ("CLOUD", Left),
            ("ENTRY", Left),
        ];
        let mut sheet = Sheet::new(screen, &headings);
        for version in &record.versions {
            let what = if version.gone {
                "taken back".to_owned()
            } else {
                says(&version.fields)
            };
            sheet.row([
                version.counter.to_string(),
                what,
                clean(&version.noted.label),
                when::utc(version.noted.at_unix_ms),
                yes(version.shown),
                version.noted.copies.to_string(),
                yes(version.noted.in_cloud),
                short(&version.noted.entry),
            ]);
        }
        text.push_str(&sheet.text());
    }
    text
}

/// Shows what needs a person, and who wrote the entries that differ.
pub(in crate::cli) fn conflicts(data: &Conflicts, screen: Screen) -> String {
    let mut text = String::new();
    for alert in &data.alerts {
        add(
            &mut text,
            format_args!(
                "ALERT: {} things within an hour need a person, since {}.\n",
                alert.items,
                when::utc(alert.from_unix_ms)
            ),
        );
    }
    if !data.conflicts.is_empty() {
        let headings = [
            ("WHAT", Left),
            ("BY", Left),
            ("NAME", Left),
            ("WHAT TO DO", Left),
        ];
        let mut sheet = Sheet::new(screen, &headings);
        for conflict in &data.conflicts {
            let by = conflict.entries.iter().map(label);
            sheet.row([
                conflict.what.clone(),
                dash(&by.collect::<Vec<_>>().join(", ")),
                short(&conflict.name),
                clean(&conflict.text),
            ]);
        }
        text.push_str(&sheet.text());
        for conflict in &data.conflicts {
            differing(&mut text, conflict);
        }
    }
    if 0 < data.waiting {
        let waiting = count(data.waiting, "entry waits", "entries wait");
        add(
            &mut text,
            format_args!("{waiting} for an incident that is not here yet (E20).\n"),
        );
    }
    text
}

/// Shows what each entry of a conflict says.
fn differing(text: &mut String, conflict: &ConflictInfo) {
    for (noted, said) in conflict.entries.iter().zip(&conflict.said) {
        add(
            text,
            format_args!(
                "{}: entry {} of {} says {}\n",
                short(&conflict.name),
                short(&noted.entry),
                clean(&noted.label),
                clean(said)
            ),
        );
    }
}

fn label(noted: &NotedInfo) -> String {
    clean(&noted.label)
}

fn seen_by(group: &IncidentGroup) -> String {
    let mut labels: Vec<String> = Vec::new();
    for incident in &group.incidents {
        let label = label(&incident.noted);
        if !labels.contains(&label) {
            labels.push(label);
        }
    }
    labels.join(", ")
}

fn decision(group: &IncidentGroup) -> String {
    match (&group.ruling, group.state.as_str()) {
        (Some(it), _) => format!("{} ({})", ruling(it.ruling, it.time_cs), it.by),
        (None, "differing") => "DIFFERING: owner or jury decides".to_owned(),
        (None, _) => "open".to_owned(),
    }
}

fn ruling(word: RulingWord, time_cs: u32) -> String {
    match word {
        RulingWord::None => "no consequence".to_owned(),
        RulingWord::Warning => "warning".to_owned(),
        RulingWord::Time => format!("+{} s", centis_text(time_cs)),
        RulingWord::Dsq => "DSQ".to_owned(),
    }
}

fn state(record: &RecordInfo) -> String {
    match record.state.as_str() {
        "possible-double" => format!("POSSIBLE DOUBLE ({}x)", record.doubled.len()),
        "ask" => format!("CHOOSE ({} versions)", record.asks.len()),
        "waiting" => format!("waits for {}", clean(&record.waits_for.join(", "))),
        "gone" => "taken back".to_owned(),
        _ => "applied".to_owned(),
    }
}

fn says(fields: &BTreeMap<String, ValueInfo>) -> String {
    let said = fields.iter().map(|(name, value)| {
        let value = match &value.value {
            Some(Value::String(text)) => clean(text),
            Some(other) => other.to_string(),
            None => "(sealed)".to_owned(),
        };
        format!("{}={value}", clean(name))
    });
    dash(&said.collect::<Vec<_>>().join(" "))
}

fn words(text: Option<&str>, sealed: bool) -> String {
    match text {
        Some(text) => clean(text),
        None if sealed => "(sealed)".to_owned(),
        None => "-".to_owned(),
    }
}

fn local(unix_ms: i64, zone_min: i32) -> String {
    when::local(u64::try_from(unix_ms).unwrap_or(0), zone_min)
}

fn short(name: &str) -> String {
    name.chars().take(SHORT_CHARS).collect()
}

fn dash(text: &str) -> String {
    if text.is_empty() {
        "-".to_owned()
    } else {
        clean(text)
    }
}

fn yes(flag: bool) -> String {
    if flag { "yes" } else { "no" }.to_owned()
}
