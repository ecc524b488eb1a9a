//! One look for all tables, and text that is safe to print.
//!
//! Layer: node, cli, show.

use comfy_table::presets::NOTHING;
use comfy_table::{Cell, CellAlignment, Table, TableComponent};

use crate::config::Screen;

/// How a column stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

use Side::{Left, Right};

/// A table that is being filled.
pub(super) struct Sheet {
    table: Table,
    sides: Vec<Side>,
}

impl Sheet {
    /// Begins a table; a heading that ends in a space stands over words, others over numbers.
    pub(super) fn new(screen: Screen, headings: &[(&str, Side)]) -> Self {
        let mut table = Table::new();
        table.load_preset(NOTHING);
        let line = if screen.utf8 { '\u{2500}' } else { '-' };
        table.set_style(TableComponent::HeaderLines, line);
        table.set_style(TableComponent::MiddleHeaderIntersections, line);
        let sides: Vec<Side> = headings.iter().map(|&(_, side)| side).collect();
        table.set_header(headings.iter().map(|&(heading, side)| cell(heading, side)));
        Self { table, sides }
    }

    /// Adds a line; there is one text for each heading.
    pub(super) fn row<const N: usize>(&mut self, texts: [String; N]) {
        let cells = texts
            .into_iter()
            .zip(&self.sides)
            .map(|(text, &side)| cell(text, side));
        self.table.add_row(cells);
    }

    /// Adds a line; there is one text for each heading.
    pub(super) fn line(&mut self, texts: Vec<String>) {
        let cells = texts.into_iter().zip(&self.sides);
        self.table
            .add_row(cells.map(|(text, &side)| cell(text, side)));
    }

    /// Returns the text of the table, each line ended and without trailing spaces.
    pub(super) fn text(mut self) -> String {
        for column in self.table.column_iter_mut() {
            column.set_padding((0, 1));
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
