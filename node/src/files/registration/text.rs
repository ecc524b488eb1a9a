//! The preview as people read it.

use std::fmt::Write as _;

use super::super::complaint::shortened;
use super::preview::{PeopleBook, Preview, Row, Verdict};

/// Width of the column with what a row is.
const KIND_WIDTH: usize = 22;
/// Width of the column with who it is about.
const WHO_WIDTH: usize = 28;

/// Whether the text has colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colours {
    /// Green for new, yellow for possible duplicates, red for problems.
    On,
    /// None: no terminal, or the reader wants none.
    Off,
}

/// Which rows are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listing {
    /// Those that a person has to look at: changed, possible duplicates, problems.
    Telling,
    /// All.
    All,
}

/// A colour of a terminal.
#[derive(Clone, Copy)]
enum Paint {
    Green,
    Yellow,
    Red,
    Plain,
}

impl Preview {
    /// Returns how many rows are new, unchanged, changed, possible duplicates and problems.
    pub fn counts(&self) -> [usize; 5] {
        let mut counts = [0_usize; 5];
        let [new, unchanged, changed, duplicates, problems] = &mut counts;
        for row in &self.rows {
            let count = match row.verdict {
                Verdict::New => &mut *new,
                Verdict::Unchanged(_) => &mut *unchanged,
                Verdict::Changed(..) => &mut *changed,
                Verdict::Duplicate(..) | Verdict::Twice(..) => &mut *duplicates,
                Verdict::Problem(_) => &mut *problems,
            };
            *count = count.saturating_add(1);
        }
        counts
    }

    /// Returns the lines of the rows with problems.
    pub fn problem_lines(&self) -> Vec<u64> {
        let bad = |row: &&Row| matches!(row.verdict, Verdict::Problem(_));
        self.rows.iter().filter(bad).map(|row| row.line).collect()
    }

    /// Writes the preview: the columns, a line of counts, and the rows that are listed.
    pub fn text(&self, book: &PeopleBook, listing: Listing, colours: Colours) -> String {
        let mut text = format!("{}\n{}\n", self.mapping, self.summary(colours));
        for row in &self.rows {
            let quiet = matches!(row.verdict, Verdict::New | Verdict::Unchanged(_));
            if listing == Listing::All || !quiet {
                line(&mut text, row, book, colours);
            }
        }
        text
    }

    fn summary(&self, colours: Colours) -> String {
        let [new, unchanged, changed, duplicates, problems] = self.counts();
        let several = |count: usize, word: &str| {
            let end = if count == 1 { "" } else { "s" };
            format!("{count} {word}{end}")
        };
        let parts = [
            (new, format!("{new} new"), Paint::Green),
            (unchanged, format!("{unchanged} unchanged"), Paint::Plain),
            (changed, format!("{changed} changed"), Paint::Plain),
            (
                duplicates,
                several(duplicates, "possible duplicate"),
                Paint::Yellow,
            ),
            (problems, several(problems, "problem"), Paint::Red),
        ];
        let told: Vec<String> = parts
            .into_iter()
            .filter(|(count, ..)| 0 < *count)
            .map(|(_, words, paint)| painted(&words, paint, colours))
            .collect();
        let rows = several(self.rows.len(), "row");
        if told.is_empty() {
            rows
        } else {
            format!("{rows}: {}", told.join(", "))
        }
    }
}

fn line(text: &mut String, row: &Row, book: &PeopleBook, colours: Colours) {
    let there = |place: usize| {
        let person = book.people.get(place);
        person
            .map(|person| shortened(&person.shown()))
            .unwrap_or_default()
    };
    let own = || shortened(&row.person.shown());
    let (kind, paint, who, why) = match &row.verdict {
        Verdict::New => ("new", Paint::Green, own(), String::new()),
        Verdict::Unchanged(place) => ("unchanged", Paint::Plain, there(*place), String::new()),
        Verdict::Changed(place, changes) => {
            let told: Vec<String> = changes
                .iter()
                .map(|change| {
                    let from = if change.from.is_empty() {
                        "none"
                    } else {
                        &change.from
                    };
                    format!(
                        "{} {} -> {}",
                        change.field,
                        shortened(from),
                        shortened(&change.to)
                    )
                })
                .collect();
            ("changed", Paint::Plain, there(*place), told.join(", "))
        }
        Verdict::Duplicate(place, doubt) => (
            "possible duplicate of",
            Paint::Yellow,
            there(*place),
            doubt.words().to_owned(),
        ),
        Verdict::Twice(line, doubt) => (
            "possible duplicate of",
            Paint::Yellow,
            format!("line {line}, {}", own()),
            doubt.words().to_owned(),
        ),
        Verdict::Problem(problems) => ("problem", Paint::Red, String::new(), problems.join("; ")),
    };
    let kind = painted(&format!("{kind:KIND_WIDTH$}"), paint, colours);
    let rest = match (who.is_empty(), why.is_empty()) {
        (true, _) => why,
        (false, true) => who,
        (false, false) => format!("{who:WHO_WIDTH$}  {why}"),
    };
    // Writing into a string cannot fail.
    let _done = writeln!(
        text,
        "{}",
        format!("  line {:<4}{kind} {rest}", row.line).trim_end()
    );
}

fn painted(text: &str, paint: Paint, colours: Colours) -> String {
    let code = match (colours, paint) {
        (Colours::Off, _) | (Colours::On, Paint::Plain) => return text.to_owned(),
        (Colours::On, Paint::Green) => 32,
        (Colours::On, Paint::Yellow) => 33,
        (Colours::On, Paint::Red) => 31,
    };
    format!("\u{1b}[{code}m{text}\u{1b}[0m")
}
