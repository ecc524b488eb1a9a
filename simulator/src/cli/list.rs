//! The verb `list`: what can be run, what goes wrong, and what is checked.

use super::args::Part;
use super::output::print;
use super::{HELD, words};
use crate::day::PROFILES;
use crate::oracle::INVARIANTS;
use crate::planted;
use crate::scenario;
use crate::trace::COLUMN_KEY;

/// Columns of names before the words.
const NAME: usize = 30;

/// Prints one part, or all.
pub(super) fn list(part: Option<Part>) -> Result<u8, String> {
    const ALL: [Part; 6] = [
        Part::Scenarios,
        Part::Profiles,
        Part::Faults,
        Part::Invariants,
        Part::Planted,
        Part::Columns,
    ];
    let parts = part.map_or_else(|| ALL.to_vec(), |part| vec![part]);
    let mut lines = Vec::new();
    for (place, part) in parts.into_iter().enumerate() {
        if place > 0 {
            lines.push(String::new());
        }
        lines.extend(one(part));
    }
    print(lines)?;
    Ok(HELD)
}

fn one(part: Part) -> Vec<String> {
    match part {
        Part::Scenarios => rows("scenarios (run --scenario NAME)", scenario::names()),
        Part::Profiles => rows("profiles (run --profile NAME)", PROFILES),
        Part::Faults => {
            let mut lines = rows("what people do and what goes wrong, by plan", words::ACTS);
            lines.extend(rows("what goes wrong by chance", words::CHANCE));
            lines
        }
        Part::Invariants => rows("invariants, checked in every run", INVARIANTS),
        Part::Planted => rows(
            "mistakes that can be planted to test the checks (tallyline-sim-planted)",
            planted::ALL.iter().map(|it| (it.name, it.what)),
        ),
        Part::Columns => {
            let key = COLUMN_KEY.lines().map(|line| line.trim_start_matches("# "));
            std::iter::once("columns of a run's lines:".to_owned())
                .chain(key.map(|line| format!("  {line}")))
                .collect()
        }
    }
}

fn rows<'a>(title: &str, rows: impl IntoIterator<Item = (&'a str, &'a str)>) -> Vec<String> {
    let row = |(name, what): (&str, &str)| {
        let what = what.split_whitespace().collect::<Vec<_>>().join(" ");
        format!("  {name:<NAME$} {what}")
    };
    let title = format!("{title}:");
    std::iter::once(title)
        .chain(rows.into_iter().map(row))
        .collect()
}
