//! Writes a report in the layout in which it was read.

use std::fmt::Write as _;

use csv::{Terminator, WriterBuilder};

use super::row::Row;
use super::{Section, TextReport};

impl TextReport {
    /// Writes the report: the same lines for the same report.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        for line in std::iter::once(&self.heading).chain(&self.info) {
            line_of(&mut text, "$", line);
        }
        line_of(&mut text, "Z ", &self.version);
        line_of(&mut text, "A ", &joined(&self.title));
        section(&mut text, ["D ", "E "], &self.shooters);
        section(&mut text, ["F ", "G "], &self.stages);
        section(&mut text, ["H ", "I "], &self.scores);
        // As the app ends it: without a line's end.
        text.push_str("$END");
        text
    }
}

fn section<R: Row>(text: &mut String, [head, tag]: [&str; 2], section: &Section<R>) {
    if section.columns.is_empty() {
        return;
    }
    line_of(text, head, &joined(&section.columns));
    for row in &section.rows {
        let cells: Vec<String> = section
            .columns
            .iter()
            .map(|column| row.cell(column))
            .collect();
        line_of(text, tag, &joined(&cells));
    }
}

/// Writes one line; what would break it is written as a space.
fn line_of(text: &mut String, tag: &str, rest: &str) {
    let rest = rest.replace(['\n', '\r'], " ");
    // Writing into a string cannot fail.
    let _done = writeln!(text, "{tag}{rest}");
}

fn joined(cells: &[String]) -> String {
    let mut writer = WriterBuilder::new()
        .has_headers(false)
        .terminator(Terminator::Any(b'\n'))
        .from_writer(Vec::new());
    let bytes = writer
        .write_record(cells)
        .ok()
        .and_then(|()| writer.into_inner().ok());
    let line = String::from_utf8(bytes.unwrap_or_default()).unwrap_or_default();
    line.trim_end_matches('\n').to_owned()
}
