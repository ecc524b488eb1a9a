//! Reports as tables and as comma-separated values, and what stands below every table.
//!
//! Layer: node, cli, show.

mod duty;
mod tables;

use crate::config::Screen;
use crate::local::protocol::{
    HeadInfo, PhaseInfo, PhaseWord, ReportHead, SheetPlace, SheetVersion,
};

use super::table::{Sheet, Side, Side::Left, Side::Right, clean};
use super::{add, when};

/// Characters of a line below a table; what most terminals have room for.
const LINE_CHARS: usize = 96;

/// Logs whose ends are shown below a table; `--json` tells all.
const HEADS_MAX: usize = 12;

/// A report that can be written.
pub(in crate::cli) trait Report {
    /// Returns what the report says of itself.
    fn head(&self) -> &ReportHead;

    /// Returns the lines above its tables.
    fn title(&self) -> String;

    /// Returns its tables.
    fn tables(&self) -> Vec<Block>;

    /// Returns its tables for programs that read comma-separated values.
    fn values(&self) -> Vec<Block> {
        self.tables()
    }

    /// Returns the lines below its tables.
    fn notes(&self) -> Vec<String> {
        Vec::new()
    }
}

/// One table.
pub(in crate::cli) struct Block {
    title: String,
    columns: Vec<(String, Side)>,
    rows: Vec<Vec<String>>,
}

impl Block {
    fn new(title: impl Into<String>, columns: &[(&str, Side)]) -> Self {
        let columns = columns.iter();
        Self {
            title: title.into(),
            columns: columns.map(|&(it, side)| (it.to_owned(), side)).collect(),
            rows: Vec::new(),
        }
    }

    fn row<const N: usize>(&mut self, texts: [String; N]) {
        self.rows.push(texts.into());
    }

    fn text(&self, screen: Screen) -> String {
        let columns = self.columns.iter();
        let columns: Vec<(&str, Side)> = columns.map(|(it, side)| (it.as_str(), *side)).collect();
        let mut sheet = Sheet::new(screen, &columns);
        for row in &self.rows {
            sheet.line(row.clone());
        }
        sheet.text()
    }
}

/// Writes a report for people.
pub(in crate::cli) fn report_text<T: Report>(report: &T, screen: Screen) -> String {
    let mut text = report.title();
    text.push('\n');
    for block in report.tables().iter().filter(|it| !it.rows.is_empty()) {
        if !block.title.is_empty() {
            add(&mut text, format_args!("{}\n", clean(&block.title)));
        }
        text.push_str(&block.text(screen));
        text.push('\n');
    }
    for note in report.notes() {
        let columns = screen.columns.map_or(usize::MAX, usize::from);
        text.push_str(&broken(&clean(&note), columns));
    }
    text.push_str(&report_footer(report));
    text
}

/// Says whether a report is complete, and what it was made from: below its tables, and beside its
/// comma-separated values, which have no place for it.
pub(in crate::cli) fn report_footer<T: Report>(report: &T) -> String {
    let head = report.head();
    let mut text = completeness(head.complete, &head.missing);
    text.push_str(&source(
        &head.state_digest,
        (&head.phase, head.zone_min),
        &head.heads,
    ));
    text
}

/// Writes the tables of a report as comma-separated values, an empty line between two.
pub(in crate::cli) fn report_csv<T: Report>(report: &T) -> Result<String, csv::Error> {
    let mut texts = Vec::new();
    for block in report.values() {
        let mut writer = csv::Writer::from_writer(Vec::new());
        let names = block.columns.iter();
        writer.write_record(names.map(|(name, _)| name.to_lowercase().replace(' ', "_")))?;
        for row in &block.rows {
            writer.write_record(row)?;
        }
        texts.push(super::standings::finish(writer)?);
    }
    Ok(texts.join("\n"))
}

/// Says "complete", or names what is missing.
pub(super) fn completeness(complete: bool, missing: &[String]) -> String {
    if complete {
        return "complete\n".to_owned();
    }
    let mut text = "not complete:\n".to_owned();
    for line in missing {
        add(&mut text, format_args!("  {}\n", clean(line)));
    }
    text
}

/// Says what a table was made from, and whether it stands: two devices whose lines agree show the
/// same.
pub(super) fn source(
    state_digest: &str,
    (phase, zone_min): (&PhaseInfo, i32),
    heads: &[HeadInfo],
) -> String {
    let digest: String = state_digest.chars().take(8).collect();
    let mut text = format!("state {digest}\n");
    let at = |ms: Option<u64>| when::local(ms.unwrap_or_default(), zone_min);
    match phase.phase {
        PhaseWord::Scoring => {}
        PhaseWord::Provisional => {
            let until = at(phase.review_ends_ms);
            add(&mut text, format_args!("provisional until {until}\n"));
        }
        PhaseWord::Final => {
            let since = at(phase.since_ms);
            add(&mut text, format_args!("final since {since}\n"));
        }
    }
    if heads.is_empty() {
        return text;
    }
    let shown = heads.iter().take(HEADS_MAX);
    let mut parts: Vec<String> = shown
        .map(|it| format!("{} {} {}", clean(&it.label), it.height, it.chain))
        .collect();
    let more = heads.len().saturating_sub(HEADS_MAX);
    if 0 < more {
        parts.push(format!("{more} more (--json)"));
    }
    text.push_str(&wrapped("heads", &parts));
    text
}

/// Breaks a text between words into lines of a bounded length.
fn broken(text: &str, chars_max: usize) -> String {
    let mut lines = String::new();
    let mut length = 0_usize;
    for word in text.split(' ') {
        let chars = word.chars().count();
        if length != 0 && chars_max <= length.saturating_add(chars) {
            lines.push('\n');
            length = 0;
        } else if length != 0 {
            lines.push(' ');
            length = length.saturating_add(1);
        }
        lines.push_str(word);
        length = length.saturating_add(chars);
    }
    lines.push('\n');
    lines
}

/// Writes a word and parts after it in lines of a bounded length.
fn wrapped(word: &str, parts: &[String]) -> String {
    let mut text = word.to_owned();
    let mut length = word.len();
    for (nth, part) in parts.iter().enumerate() {
        let comma = if nth == 0 { " " } else { ", " };
        let chars = part.chars().count();
        if nth != 0 && LINE_CHARS < length.saturating_add(chars) {
            add(&mut text, format_args!(",\n  {part}"));
            length = chars;
        } else {
            add(&mut text, format_args!("{comma}{part}"));
            length = length.saturating_add(chars).saturating_add(2);
        }
    }
    text.push('\n');
    text
}

/// Writes numbers with spaces between.
fn list(numbers: &[u32]) -> String {
    let texts: Vec<String> = numbers.iter().map(u32::to_string).collect();
    texts.join(" ")
}

fn optional<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(String::new, |it| it.to_string())
}

/// Writes a place, or why there is none.
fn place(it: &SheetPlace) -> String {
    if it.dq {
        "DQ".to_owned()
    } else {
        format!("{} {}", it.place, it.division)
    }
}

/// Says who approved a version and when.
fn approvals(it: &SheetVersion) -> String {
    let ro = it.ro_ok_unix_ms;
    let shooter = it.shooter_ok_unix_ms;
    let said = |who: &str, at: Option<i64>| at.map(|at| format!("{who} {}", when::utc(at)));
    let parts: Vec<String> = [said("RO", ro), said("shooter", shooter)]
        .into_iter()
        .flatten()
        .collect();
    parts.join(", ")
}

#[cfg(test)]
mod tests;
