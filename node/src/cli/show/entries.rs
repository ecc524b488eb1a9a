//! Entries: what was recorded, by whom, and how it is read.
//!
//! Layer: node, cli, show.

use crate::config::Screen;
use crate::local::protocol::{Entries, EntryInfo, Record};
use crate::local::record_text::{self, ENTRY_CHARS};

use super::table::{Sheet, Side::Left, Side::Right};
use super::when;

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
    record_text::what(
        entry.record.as_ref(),
        entry.void.as_ref(),
        entry.approve.as_ref(),
    )
}
