//! What is told of a file: counts, what a person has to look at, a preview.
//!
//! Layer: node, local.

use std::fmt::Write as _;

use super::super::protocol::{FileImport, FileImported, ImportRow, RowCounts, ScoreCounts};
use crate::exchange::changes::{Row, RowKind};
use crate::exchange::records::RecordPlan;
use crate::files::complaint::Complaints;
use crate::files::registration::{Colours, Listing, PeopleBook, Person, Preview, Verdict};

/// A colour of a terminal.
#[derive(Clone, Copy)]
enum Paint {
    Green,
    Yellow,
    Red,
    Plain,
}

/// Tells of a match file.
pub(super) fn of_match(
    name: &str,
    rows: &[Row],
    records: Option<&RecordPlan>,
    asked: &FileImport,
) -> FileImported {
    let mut counts = RowCounts::default();
    for row in rows {
        let count = match row.kind {
            RowKind::New => &mut counts.new,
            RowKind::Unchanged => &mut counts.unchanged,
            RowKind::Changed => &mut counts.changed,
            RowKind::Duplicate => &mut counts.duplicates,
            RowKind::Problem => &mut counts.problems,
        };
        *count = count.saturating_add(1);
    }
    let scores = records.map(score_counts);
    let telling = rows
        .iter()
        .filter_map(|row| {
            let kind = match row.kind {
                RowKind::New | RowKind::Unchanged => return None,
                RowKind::Changed => "changed",
                RowKind::Duplicate => "duplicate",
                RowKind::Problem => "problem",
            };
            Some(import_row(kind, &row.what, &row.text))
        })
        .chain(
            records
                .iter()
                .flat_map(|records| &records.problems)
                .map(|text| import_row("problem", "score", text)),
        )
        .collect();
    let mut told = FileImported {
        schema: "tallyline.file-import/1".to_owned(),
        name: name.to_owned(),
        rows: counts,
        scores,
        telling,
        conflicts: records.map_or(Vec::new(), |records| records.conflicts.clone()),
        ..FileImported::default()
    };
    told.stopped = stopped(&told, asked);
    told.text = text(&told, rows, asked.colours);
    told
}

fn score_counts(records: &RecordPlan) -> ScoreCounts {
    let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    ScoreCounts {
        new: count(records.fresh),
        unchanged: count(records.unchanged),
        conflicts: count(records.conflicts.len()),
        problems: count(records.problems.len()),
        drafts: count(records.drafts),
        entries: 0,
    }
}

fn import_row(kind: &str, what: &str, text: &str) -> ImportRow {
    ImportRow {
        kind: kind.to_owned(),
        what: what.to_owned(),
        text: text.to_owned(),
    }
}

/// Says what has to be mended before anything is written.
fn stopped(told: &FileImported, asked: &FileImport) -> Option<String> {
    let first = told.telling.iter().find(|row| row.kind == "problem")?;
    (!asked.skip_problems).then(|| {
        let what = match first.what.as_str() {
            "score" => first.text.clone(),
            what => what.to_owned(),
        };
        format!("fix {what} or pass --skip-problems")
    })
}

fn text(told: &FileImported, rows: &[Row], colours: bool) -> String {
    let mut text = format!("{}\n", plain(&told.name));
    for (title, kind) in [
        ("stages", "stage"),
        ("rules", "rule"),
        ("shooters", "shooter"),
    ] {
        let own = rows.iter().filter(|row| row.what.starts_with(kind));
        let mut counts = [0_u64; 5];
        let [new, unchanged, changed, duplicates, problems] = &mut counts;
        for row in own {
            let count = match row.kind {
                RowKind::New => &mut *new,
                RowKind::Unchanged => &mut *unchanged,
                RowKind::Changed => &mut *changed,
                RowKind::Duplicate => &mut *duplicates,
                RowKind::Problem => &mut *problems,
            };
            *count = count.saturating_add(1);
        }
        let [new, unchanged, changed, duplicates, problems] = counts;
        summary(
            &mut text,
            title,
            &[
                (new, "new", Paint::Green),
                (unchanged, "unchanged", Paint::Plain),
                (changed, "changed", Paint::Plain),
                (duplicates, "possible duplicates", Paint::Yellow),
                (problems, "problems", Paint::Red),
            ],
            colours,
        );
    }
    if let Some(scores) = &told.scores {
        summary(
            &mut text,
            "scores",
            &[
                (scores.new, "new", Paint::Green),
                (scores.unchanged, "unchanged", Paint::Plain),
                (scores.conflicts, "that differ", Paint::Yellow),
                (scores.problems, "problems", Paint::Red),
                (scores.drafts, "unfinished drafts left out", Paint::Plain),
            ],
            colours,
        );
    }
    for row in &told.telling {
        let (word, paint) = match row.kind.as_str() {
            "duplicate" => ("possible duplicate", Paint::Yellow),
            "problem" => ("problem", Paint::Red),
            _ => ("changed", Paint::Plain),
        };
        let word = painted(&format!("{word:20}"), paint, colours);
        // Writing into a string cannot fail.
        let _done = writeln!(text, "  {:14}{word}{}", row.what, plain(&row.text));
    }
    for conflict in &told.conflicts {
        let word = painted(&format!("{:20}", "differs"), Paint::Yellow, colours);
        let _done = writeln!(text, "  {:14}{word}{}", "score", plain(conflict));
    }
    text
}

fn summary(text: &mut String, title: &str, parts: &[(u64, &str, Paint)], colours: bool) {
    let told: Vec<String> = parts
        .iter()
        .filter(|(count, ..)| 0 < *count)
        .map(|(count, word, paint)| painted(&format!("{count} {word}"), *paint, colours))
        .collect();
    if !told.is_empty() {
        // Writing into a string cannot fail.
        let _done = writeln!(text, "  {title:10}{}", told.join(", "));
    }
}

/// Leaves out what would move a terminal's cursor.
fn plain(text: &str) -> String {
    let plain = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    text.chars().map(plain).collect()
}

fn painted(text: &str, paint: Paint, colours: bool) -> String {
    let code = match paint {
        Paint::Plain => return text.to_owned(),
        Paint::Green => 32,
        Paint::Yellow => 33,
        Paint::Red => 31,
    };
    if colours {
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    } else {
        text.to_owned()
    }
}

/// Adds what of the file was left out.
pub(super) fn remarks(told: &mut FileImported, lists: [&Complaints; 2]) {
    for list in lists {
        told.remarks.extend(list.iter().map(ToString::to_string));
        let more = list.len().saturating_sub(list.iter().len());
        if 0 < more {
            told.remarks.push(format!("and {more} more"));
        }
    }
}

/// Tells of a registration list.
pub(super) fn of_list(
    name: String,
    preview: &Preview,
    book: &PeopleBook,
    asked: &FileImport,
) -> FileImported {
    let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    let [new, unchanged, changed, duplicates, problems] = preview.counts().map(count);
    let there = |place: usize| {
        let person = book.people.get(place);
        person.map_or(String::new(), Person::shown)
    };
    let telling = preview.rows.iter().filter_map(|row| {
        let (kind, text) = match &row.verdict {
            Verdict::New | Verdict::Unchanged(_) => return None,
            Verdict::Changed(place, changes) => {
                let words = changes.iter();
                let words = words.map(|it| format!("{} {} -> {}", it.field, it.from, it.to));
                let words: Vec<String> = words.collect();
                (
                    "changed",
                    format!("{}: {}", there(*place), words.join(", ")),
                )
            }
            Verdict::Duplicate(place, doubt) => {
                ("duplicate", format!("{}: {}", there(*place), doubt.words()))
            }
            Verdict::Twice(line, doubt) => (
                "duplicate",
                format!("line {line}, {}: {}", row.person.shown(), doubt.words()),
            ),
            Verdict::Problem(problems) => ("problem", problems.join("; ")),
        };
        Some(import_row(kind, &format!("line {}", row.line), &text))
    });
    let mut told = FileImported {
        schema: "tallyline.file-import/1".to_owned(),
        name,
        rows: RowCounts {
            new,
            unchanged,
            changed,
            duplicates,
            problems,
        },
        telling: telling.collect(),
        ..FileImported::default()
    };
    told.stopped = stopped(&told, asked);
    let colours = if asked.colours {
        Colours::On
    } else {
        Colours::Off
    };
    told.text = preview.text(book, Listing::Telling, colours);
    if 0 < duplicates && !asked.add_duplicates {
        told.remarks.push(
            "possible duplicates are not added; --add-duplicates adds them, `roster edit` changes \
             who is there"
                .to_owned(),
        );
    }
    told
}
