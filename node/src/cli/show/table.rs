//! One look for all tables, and text that is safe to print.
//!
//! Layer: node, cli, show.

use comfy_table::presets::NOTHING;
use comfy_table::{
    Cell, CellAlignment, ColumnConstraint, ContentArrangement, Table, TableComponent, Width,
};

use crate::config::Screen;
use crate::local::record_text::ENTRY_CHARS;

/// How a column stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

use Side::{Left, Right};

/// Characters below which a column of words is not narrowed: an entry's short id is whole.
const WORDS_CHARS_MIN: usize = ENTRY_CHARS;

/// A table that is being filled.
pub(super) struct Sheet {
    table: Table,
    sides: Vec<Side>,
    /// How far each column can be narrowed: to its longest word or number.
    least: Vec<usize>,
    columns: Option<u16>,
}

impl Sheet {
    /// Begins a table with its headings; on a terminal that is narrower than the table, cells are
    /// broken between words.
    pub(super) fn new(screen: Screen, headings: &[(&str, Side)]) -> Self {
        let mut table = Table::new();
        table.load_preset(NOTHING);
        let line = if screen.utf8 { '\u{2500}' } else { '-' };
        table.set_style(TableComponent::HeaderLines, line);
        table.set_style(TableComponent::MiddleHeaderIntersections, line);
        let sides: Vec<Side> = headings.iter().map(|&(_, side)| side).collect();
        table.set_header(headings.iter().map(|&(heading, side)| cell(heading, side)));
        let mut sheet = Self {
            table,
            least: vec![0; sides.len()],
            sides,
            columns: screen.columns,
        };
        let texts: Vec<&str> = headings.iter().map(|&(heading, _)| heading).collect();
        sheet.measure(&texts);
        sheet
    }

    /// Adds a line; there is one text for each heading.
    pub(super) fn row<const N: usize>(&mut self, texts: [String; N]) {
        self.line(texts.into());
    }

    /// Adds a line; there is one text for each heading.
    pub(super) fn line(&mut self, texts: Vec<String>) {
        self.measure(&texts.iter().map(String::as_str).collect::<Vec<_>>());
        let cells = texts.into_iter().zip(&self.sides);
        self.table
            .add_row(cells.map(|(text, &side)| cell(text, side)));
    }

    fn measure(&mut self, texts: &[&str]) {
        for ((least, side), text) in self.least.iter_mut().zip(&self.sides).zip(texts) {
            let words = text.split_whitespace().map(|word| word.chars().count());
            let longest = words.max().unwrap_or(0);
            *least = (*least).max(match side {
                Left => longest.min(WORDS_CHARS_MIN),
                Right => longest,
            });
        }
    }

    /// Returns how wide each column is to be where the terminal has no room for all of them: what is
    /// left beside their longest words goes to the narrowest first. Nothing, if there is room.
    fn widths(&self) -> Vec<u16> {
        let natural = self.table.column_max_content_widths();
        let sum = |widths: &[u16]| widths.iter().copied().map(usize::from).sum::<usize>();
        let Some(columns) = self.columns.map(usize::from) else {
            return Vec::new();
        };
        // Two spaces stand between columns, and one where room is short.
        let gaps = natural.len().saturating_sub(1);
        if sum(&natural).saturating_add(gaps.saturating_mul(2)) < columns {
            return Vec::new();
        }
        let room = columns.saturating_sub(gaps);
        let least = self.least.iter().zip(&natural);
        let mut widths: Vec<u16> = least
            .map(|(&least, &natural)| u16::try_from(least).unwrap_or(u16::MAX).min(natural))
            .collect();
        while sum(&widths) < room {
            let narrow = widths.iter_mut().zip(&natural);
            let narrow = narrow.filter(|(width, natural)| **width < **natural);
            let Some((width, _)) = narrow.min_by_key(|(width, _)| **width) else {
                break;
            };
            *width = width.saturating_add(1);
        }
        widths
    }

    /// Returns the text of the table, each line ended and without trailing spaces.
    pub(super) fn text(mut self) -> String {
        let widths = self.widths();
        for (place, column) in self.table.column_iter_mut().enumerate() {
            column.set_padding((0, 1));
            if let Some(&width) = widths.get(place) {
                column.set_padding((0, 0));
                column.set_constraint(ColumnConstraint::Absolute(Width::Fixed(width)));
            }
        }
        if let Some(columns) = self.columns.filter(|_| !widths.is_empty()) {
            self.table
                .set_content_arrangement(ContentArrangement::Dynamic)
                .set_width(columns);
        }
        let mut text = String::new();
        for line in self.table.lines() {
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

/// Takes away what a terminal would obey instead of show.
pub(super) fn clean(text: &str) -> String {
    text.chars()
        .map(|letter| if letter.is_control() { '?' } else { letter })
        .collect()
}

fn cell(text: impl AsRef<str>, side: Side) -> Cell {
    let alignment = match side {
        Left => CellAlignment::Left,
        Right => CellAlignment::Right,
    };
    Cell::new(clean(text.as_ref())).set_alignment(alignment)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(columns: Option<u16>) -> String {
        let screen = Screen {
            color: false,
            utf8: false,
            columns,
        };
        let headings = [("STAGE POINTS", Right), ("WHAT", Left), ("ENTRY", Left)];
        let mut sheet = Sheet::new(screen, &headings);
        let hits = "2A 2A AC 2C AD 2A AC AM 2A AC 2C AD 2A AC AM 2A AC 2C AD 2A AC AM";
        sheet.row([
            "123.4567".to_owned(),
            hits.to_owned(),
            "0190a1b2-c3d4".to_owned(),
        ]);
        sheet.text()
    }

    /// Reports of 100 to 250 characters were broken by the terminal, in the middle of everything.
    #[test]
    fn a_table_is_as_wide_as_the_terminal() {
        for columns in [40, 60, 80] {
            let text = table(Some(columns));
            for line in text.lines() {
                assert!(line.len() <= usize::from(columns), "{columns}: {text}");
            }
            assert!(text.contains("123.4567"), "{text}");
        }
        assert_eq!(table(None).lines().count(), 3, "files have no width");
        assert_eq!(table(Some(200)), table(None), "there is room");
    }
}
