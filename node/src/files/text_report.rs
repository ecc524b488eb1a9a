//! The text report with results: `$PRACTISCORE 1.682 RESULTS`, then lines that begin with a letter.
//!
//! `$` tells about the report, `Z` its version, `A` the match; `D`, `F` and `H` name the columns of
//! the shooters (`E`), stages (`G`) and scores (`I`) below them. Columns are found by name, never
//! by place; what has no meaning here is kept as text, so that a report is written as it was read.
//! Hits are sums with steel among them, and a double popper's miss is inside the misses. Steel
//! Challenge reports have other tags and are not read.

mod convert;
mod read;
mod row;
mod write;

use std::collections::BTreeMap;

use super::match_file::TargetHits;

pub use read::read_text_report;

/// A whole report.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct TextReport {
    /// What stands behind the first `$`: `PRACTISCORE 1.682 RESULTS`.
    pub heading: String,
    /// What stands behind each further `$`, such as `INFO Region:USPSA`.
    pub info: Vec<String>,
    /// The report's version (`Z`).
    pub version: String,
    /// The match (`A`): name, club, date.
    pub title: Vec<String>,
    /// Shooters.
    pub shooters: Section<ReportShooter>,
    /// Stages.
    pub stages: Section<ReportStage>,
    /// Scores.
    pub scores: Section<ReportScore>,
}

impl TextReport {
    /// Returns what an `INFO` line says: `Region` in `INFO Region:USPSA`.
    pub fn info(&self, key: &str) -> Option<&str> {
        self.info.iter().find_map(|line| {
            let (name, value) = line.strip_prefix("INFO ")?.split_once(':')?;
            (name.trim() == key).then(|| value.trim())
        })
    }
}

/// Rows under the names of their columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section<R> {
    /// The names of the columns in order.
    pub columns: Vec<String>,
    /// The rows.
    pub rows: Vec<R>,
}

impl<R> Default for Section<R> {
    fn default() -> Self {
        Self {
            columns: Vec::new(),
            rows: Vec::new(),
        }
    }
}

/// A line of the shooters.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct ReportShooter {
    /// Number in the match (`Comp`).
    pub number: u32,
    /// Number with the association (`USPSA`).
    pub member: String,
    /// First name.
    pub first_name: String,
    /// Last name.
    pub last_name: String,
    /// Disqualified (`DQPistol`).
    pub dq: bool,
    /// Class.
    pub class: String,
    /// Division.
    pub division: String,
    /// Match points in ten-thousandths.
    pub match_points_e4: Option<i64>,
    /// Place in the division.
    pub place: Option<u32>,
    /// Power factor.
    pub power_factor: String,
    /// The columns without a field, by name.
    pub other: BTreeMap<String, String>,
}

/// A line of the stages.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct ReportStage {
    /// Number of the stage.
    pub number: u32,
    /// Kind of gun.
    pub gun: String,
    /// Rounds that must be fired at least.
    pub min_rounds: u32,
    /// Most points that can be made.
    pub max_points: u32,
    /// Whether it is a classifier.
    pub classifier: bool,
    /// The classifier's number.
    pub classifier_no: String,
    /// Name.
    pub name: String,
    /// Way of scoring.
    pub scoring: String,
    /// Timed strings (`TimesRun`).
    pub strings: u32,
    /// The columns without a field, by name.
    pub other: BTreeMap<String, String>,
}

/// A line of the scores.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct ReportScore {
    /// Kind of gun.
    pub gun: String,
    /// Number of the stage.
    pub stage: u32,
    /// Number of the shooter.
    pub shooter: u32,
    /// Disqualified.
    pub dq: bool,
    /// Not fired or not finished.
    pub dnf: bool,
    /// Hits, steel among them.
    pub hits: TargetHits,
    /// Procedurals.
    pub procedurals: u32,
    /// Double poppers.
    pub double_poppers: u32,
    /// Misses on double poppers, which are inside the misses, too.
    pub double_popper_misses: u32,
    /// Shots after the par time.
    pub late_shots: u32,
    /// Shots beyond the number allowed.
    pub extra_shots: u32,
    /// Hits beyond the number allowed.
    pub extra_hits: u32,
    /// Further penalty points.
    pub additional_penalty: i64,
    /// All penalty points.
    pub total_penalty: i64,
    /// The strings `T1` to `T5` in hundredths of a second.
    pub string_centis: [i64; 5],
    /// The time in hundredths of a second.
    pub time_centis: i64,
    /// Points without penalties.
    pub raw_points: i64,
    /// Points that count.
    pub total_points: i64,
    /// Hit factor in ten-thousandths.
    pub hit_factor_e4: i64,
    /// Stage points in ten-thousandths.
    pub stage_points_e4: i64,
    /// Place on the stage.
    pub place: Option<u32>,
    /// The columns without a field, by name.
    pub other: BTreeMap<String, String>,
}

/// Returns whether a text begins as a report does.
pub fn is_text_report(head: &[u8]) -> bool {
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    head.trim_ascii_start()
        .to_ascii_uppercase()
        .starts_with(b"$PRACTISCORE")
}

#[cfg(test)]
mod tests;
