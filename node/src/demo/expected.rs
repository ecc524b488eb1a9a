//! Results to compare with, and the comparing: values as text, places within a tie.
//!
//! The reference numbers equal results on; the product lets them share a place, so a place is
//! right if it lies within the shared ones. Layer: node, demo.

use std::collections::BTreeMap;

use super::DemoError;
use super::data::bad;
use crate::local::protocol::{MatchRow, StageRow, StandingsData};

/// Results of a match by drill, division and shooter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Expected {
    stages: BTreeMap<StageKey, Row>,
    matches: BTreeMap<MatchKey, Row>,
}

type StageKey = (u32, String, u32);
type MatchKey = (String, u32);

/// One row: the place, whether disqualified, and the other columns as text.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Row {
    place: u32,
    dq: bool,
    values: Vec<String>,
    /// How many rows share the place.
    shared: u32,
}

/// How many rows there are and how many a node has equal; the disqualified apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Equal {
    /// Rows of drills, and how many are equal.
    pub(super) stages: Count,
    /// Rows of the match, and how many are equal.
    pub(super) matches: Count,
    /// Rows of the disqualified, in drills and match, and how many are equal.
    pub(super) dq: Count,
    /// Rows of the node that nobody expects.
    pub(super) beyond: u64,
}

/// Rows, and how many of them are equal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Count {
    /// Rows.
    pub(super) rows: u64,
    /// Equal ones.
    pub(super) equal: u64,
}

impl Expected {
    /// Reads the two result files.
    ///
    /// # Errors
    ///
    /// [`DemoError::Data`] if they have other columns.
    pub(super) fn read(stages: &[u8], overall: &[u8]) -> Result<Self, DemoError> {
        let mut expected = Self::default();
        for record in csv::Reader::from_reader(stages).records() {
            let record = record.map_err(|error| bad("expected_stages.csv", error.to_string()))?;
            let (Some(drill), Some(division), Some((shooter, row))) =
                (number(&record, 0), record.get(1), row(&record, 2))
            else {
                return Err(bad("expected_stages.csv", format!("{record:?} is no row")));
            };
            expected
                .stages
                .insert((drill, division.to_owned(), shooter), row);
        }
        for record in csv::Reader::from_reader(overall).records() {
            let record = record.map_err(|error| bad("expected_overall.csv", error.to_string()))?;
            let (Some(division), Some((shooter, row))) = (record.get(0), row(&record, 1)) else {
                return Err(bad("expected_overall.csv", format!("{record:?} is no row")));
            };
            expected.matches.insert((division.to_owned(), shooter), row);
        }
        Ok(expected)
    }

    /// Takes a node's standings.
    pub(super) fn of(standings: &StandingsData) -> Self {
        let mut expected = Self::default();
        for table in &standings.stages {
            for row in &table.rows {
                let key = (table.drill, table.division.clone(), row.shooter);
                let shared = shared(&table.rows, |it| it.place, row.place);
                expected.stages.insert(key, stage_row(row, shared));
            }
        }
        for table in &standings.matches {
            for row in &table.rows {
                let shared = shared(&table.rows, |it| it.place, row.place);
                let key = (table.division.clone(), row.shooter);
                expected.matches.insert(key, match_row(row, shared));
            }
        }
        expected
    }

    /// Counts the rows that a node has equal.
    pub(super) fn compare(&self, node: &Self) -> Equal {
        let mut equal = Equal::default();
        for (key, row) in &self.stages {
            let is_equal = node.stages.get(key).is_some_and(|it| it.equals(row));
            if row.dq {
                &mut equal.dq
            } else {
                &mut equal.stages
            }
            .add(is_equal);
        }
        for (key, row) in &self.matches {
            let is_equal = node.matches.get(key).is_some_and(|it| it.equals(row));
            if row.dq {
                &mut equal.dq
            } else {
                &mut equal.matches
            }
            .add(is_equal);
        }
        let beyond = node
            .stages
            .keys()
            .filter(|key| !self.stages.contains_key(key))
            .count()
            + node
                .matches
                .keys()
                .filter(|key| !self.matches.contains_key(key))
                .count();
        equal.beyond = u64::try_from(beyond).unwrap_or(u64::MAX);
        equal
    }

    /// Names the first row that a node has otherwise, for a person.
    pub(super) fn first_other(&self, node: &Self) -> Option<String> {
        let stage = self.stages.iter().find_map(|(key, row)| {
            let held = node.stages.get(key);
            (!held.is_some_and(|it| it.equals(row)))
                .then(|| format!("{key:?}: {held:?}, expected {row:?}"))
        });
        stage.or_else(|| {
            self.matches.iter().find_map(|(key, row)| {
                let held = node.matches.get(key);
                (!held.is_some_and(|it| it.equals(row)))
                    .then(|| format!("{key:?}: {held:?}, expected {row:?}"))
            })
        })
    }
}

impl Equal {
    /// Returns whether every row is equal and there is none beyond.
    pub(super) fn is_whole(&self) -> bool {
        let whole = |count: Count| count.rows == count.equal;
        whole(self.stages) && whole(self.matches) && whole(self.dq) && self.beyond == 0
    }
}

impl Count {
    fn add(&mut self, is_equal: bool) {
        self.rows += 1;
        self.equal += u64::from(is_equal);
    }
}

impl Row {
    /// Returns whether this row of a node is the expected one.
    fn equals(&self, expected: &Self) -> bool {
        let places = self.place..self.place.saturating_add(self.shared);
        self.dq == expected.dq
            && self.values == expected.values
            && (self.place == expected.place || places.contains(&expected.place))
    }
}

/// Reads place, shooter, `dq` and the rest of a record, from a column on.
fn row(record: &csv::StringRecord, from: usize) -> Option<(u32, Row)> {
    let place = number(record, from)?;
    let shooter = number(record, from + 1)?;
    let dq = record.get(from + 2)? == "1";
    let values = record.iter().skip(from + 3).map(str::to_owned).collect();
    Some((
        shooter,
        Row {
            place,
            dq,
            values,
            shared: 1,
        },
    ))
}

fn number(record: &csv::StringRecord, column: usize) -> Option<u32> {
    record.get(column)?.parse().ok()
}

fn stage_row(row: &StageRow, shared: u32) -> Row {
    let number = |it: Option<u32>| it.map_or_else(String::new, |it| it.to_string());
    let text = |it: &Option<String>| it.clone().unwrap_or_default();
    let values = vec![
        number(row.points),
        number(row.penalties),
        text(&row.time),
        text(&row.hit_factor),
        text(&row.stage_points),
        text(&row.stage_percent),
    ];
    Row {
        place: row.place.unwrap_or_default(),
        dq: row.dq,
        values,
        shared,
    }
}

fn match_row(row: &MatchRow, shared: u32) -> Row {
    let text = |it: &Option<String>| it.clone().unwrap_or_default();
    let values = vec![text(&row.match_points), text(&row.match_percent)];
    Row {
        place: row.place.unwrap_or_default(),
        dq: row.dq,
        values,
        shared,
    }
}

/// Counts the rows of a table with the same place.
fn shared<T>(rows: &[T], place_of: impl Fn(&T) -> Option<u32>, place: Option<u32>) -> u32 {
    let count = rows.iter().filter(|row| place_of(row) == place).count();
    u32::try_from(count).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(place: u32, shared: u32, value: &str) -> Row {
        Row {
            place,
            dq: false,
            values: vec![value.to_owned()],
            shared,
        }
    }

    #[test]
    fn a_place_within_a_tie_is_right_and_a_value_must_be_the_same_text() {
        let held = row(3, 2, "6.7920");
        for (expected, is_equal) in [
            (row(3, 1, "6.7920"), true),
            (row(4, 1, "6.7920"), true),
            (row(5, 1, "6.7920"), false),
            (row(2, 1, "6.7920"), false),
            (row(3, 1, "6.792"), false),
        ] {
            assert_eq!(held.equals(&expected), is_equal, "{expected:?}");
        }
    }

    #[test]
    fn missing_rows_and_rows_beyond_are_seen() {
        let stages = b"stage,division,place,shooter,dq,points\n1,Open,1,20,0,112\n1,Open,2,21,1,\n";
        let overall = b"division,place,shooter,dq,match_points\nOpen,1,20,0,5.0000\n";
        let expected = Expected::read(stages, overall).expect("reads");
        let whole = expected.compare(&expected);
        assert!(whole.is_whole(), "{whole:?}");
        let counts = (whole.stages.rows, whole.matches.rows, whole.dq.rows);
        assert_eq!(counts, (1, 1, 1));
        let nothing = expected.compare(&Expected::default());
        assert!(!nothing.is_whole(), "{nothing:?}");
        let beyond = Expected::default().compare(&expected);
        assert_eq!(beyond.beyond, 3);
        assert!(!beyond.is_whole(), "{beyond:?}");
    }
}
