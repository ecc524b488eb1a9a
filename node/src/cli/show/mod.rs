//! Answers as people read them: tables and sentences, plain text.
//!
//! Each function turns one answer of `local::protocol` into text; nothing is computed that the
//! node did not say. Labels come from other devices, so control characters never reach the
//! terminal. Layer: node, cli.

mod beyond;
mod doctor;
mod enrol;
mod entries;
mod event;
mod media;
mod operations;
mod participants;
mod report;
mod standings;
mod statement;
mod status;
mod table;
mod when;

use std::fmt;

pub(super) use beyond::{conflicts, incident, incidents, kinds, record, records};
pub(super) use doctor::{report, security};
pub(super) use enrol::{invites, joined, plain};
pub(super) use entries::entries;
pub(super) use event::{claims, devices, event, events, grants, until};
pub(super) use media::media;
pub(super) use operations::{cloud, last_success, ready};
pub(super) use participants::{participant, participants};
pub(super) use report::{Report, report_csv, report_footer, report_text};
pub(super) use standings::{standings, standings_csv, standings_footer};
pub(super) use statement::{cards, chased, spare_cards, statements, why};
pub(super) use status::{checked, status, verified};
pub(super) use when::local as local_time;

/// Adds a piece to a text, which never fails.
pub(super) fn add(text: &mut String, piece: fmt::Arguments<'_>) {
    text.push_str(&piece.to_string());
}

/// Writes a count with its noun: `1 entry`, `3 entries`.
pub(super) fn count(number: u64, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// Writes one text a line.
pub(super) fn lines(texts: &[String]) -> String {
    texts
        .iter()
        .flat_map(|text| [text.as_str(), "\n"])
        .collect()
}

/// Writes numbers the way they are typed: `1-3,7`, or `all`.
fn numbers(list: Option<&[u32]>) -> String {
    let Some(list) = list else {
        return "all".to_owned();
    };
    let mut parts: Vec<(u32, u32)> = Vec::new();
    for &number in list {
        match parts.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(number) => *last = number,
            Some(_) | None => parts.push((number, number)),
        }
    }
    let part = |&(first, last): &(u32, u32)| {
        if first == last {
            first.to_string()
        } else {
            format!("{first}-{last}")
        }
    };
    parts.iter().map(part).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests;
