//! How a row of each section is read from its cells and written into them, column by column.

use std::collections::BTreeMap;

use super::super::complaint::Complaint;
use super::super::decimal;
use super::super::match_file::TargetHits;
use super::{ReportScore, ReportShooter, ReportStage};

/// Largest number of a time, points or count that is read, in its smallest unit.
const NUMBER_MAX: i64 = 1_000_000_000_000;
/// What complaints call the file.
pub(super) const REPORT: &str = "the text report";

/// A row that knows its columns.
pub(super) trait Row: Sized {
    /// Whether a line that ends early was cut: what is missing would count as nothing.
    const WHOLE: bool;

    /// Reads a row.
    fn read(cells: Cells<'_>) -> Result<Self, Complaint>;

    /// Returns what stands in a column.
    fn cell(&self, column: &str) -> String;
}

/// The cells of one line by the names of their columns; what is taken is gone.
pub(super) struct Cells<'a> {
    line: usize,
    cells: BTreeMap<&'a str, String>,
}

impl<'a> Cells<'a> {
    /// Puts cells under their columns; a line may end early, and may not be too long.
    pub(super) fn new(
        line: usize,
        columns: &'a [String],
        cells: Vec<String>,
    ) -> Result<Self, Complaint> {
        if columns.len() < cells.len() {
            let place = format!("line {line}");
            let found = format!("{} cells", cells.len());
            let advice = format!(
                "there are {} columns; put a name with a comma in quotes",
                columns.len()
            );
            return Err(Complaint::new(REPORT, &place, &found, &advice));
        }
        let rest = std::iter::repeat_with(String::new);
        Ok(Self {
            line,
            cells: columns
                .iter()
                .map(String::as_str)
                .zip(cells.into_iter().chain(rest))
                .collect(),
        })
    }

    fn text(&mut self, column: &str) -> String {
        self.cells.remove(column).unwrap_or_default()
    }

    fn flag(&mut self, column: &str) -> Result<bool, Complaint> {
        let text = self.text(column);
        match text.trim().to_ascii_lowercase().as_str() {
            "yes" => Ok(true),
            "no" | "" => Ok(false),
            _ => Err(self.complaint(column, &text, "use Yes or No")),
        }
    }

    /// Reads a number that must be there.
    fn no(&mut self, column: &str) -> Result<u32, Complaint> {
        match self.place(column)? {
            Some(number) => Ok(number),
            None => Err(self.complaint(column, "", "a number is missing here")),
        }
    }

    /// Reads a number that may be missing.
    fn place(&mut self, column: &str) -> Result<Option<u32>, Complaint> {
        let text = self.text(column);
        if text.trim().is_empty() {
            return Ok(None);
        }
        let number = decimal::exact(&text, 0).and_then(|number| u32::try_from(number).ok());
        number
            .map(Some)
            .ok_or_else(|| self.complaint(column, &text, "write a whole number"))
    }

    fn count(&mut self, column: &str) -> Result<u32, Complaint> {
        self.place(column).map(Option::unwrap_or_default)
    }

    /// Reads a decimal number that may be missing, as a count of its last digit.
    fn number(&mut self, column: &str, decimals: u32) -> Result<Option<i64>, Complaint> {
        let text = self.text(column);
        if text.trim().is_empty() {
            return Ok(None);
        }
        let number = decimal::rounded(&text, decimals);
        number
            .filter(|number| number.abs() <= NUMBER_MAX)
            .map(Some)
            .ok_or_else(|| self.complaint(column, &text, "write a number"))
    }

    fn number_or_0(&mut self, column: &str, decimals: u32) -> Result<i64, Complaint> {
        self.number(column, decimals).map(Option::unwrap_or_default)
    }

    /// Reads a time that may be missing, in hundredths of a second.
    fn time(&mut self, column: &str) -> Result<i64, Complaint> {
        let centis = self.number_or_0(column, 2)?;
        if centis < 0 {
            let found = decimal::text(centis, 2);
            return Err(self.complaint(column, &found, "a time is not negative"));
        }
        Ok(centis)
    }

    /// Returns what was not taken.
    fn rest(self) -> BTreeMap<String, String> {
        let owned = |(column, text): (&str, String)| (column.to_owned(), text);
        self.cells.into_iter().map(owned).collect()
    }

    fn complaint(&self, column: &str, found: &str, advice: &str) -> Complaint {
        let place = format!("line {}, column \"{column}\"", self.line);
        let found = if found.is_empty() {
            String::new()
        } else {
            format!("\"{found}\"")
        };
        Complaint::new(REPORT, &place, &found, advice)
    }
}

fn yes(flag: bool) -> String {
    (if flag { "Yes" } else { "No" }).to_owned()
}

fn some<T: ToString>(value: Option<T>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

fn other(row: &BTreeMap<String, String>, column: &str) -> String {
    row.get(column).cloned().unwrap_or_default()
}

impl Row for ReportShooter {
    const WHOLE: bool = false;

    fn read(mut cells: Cells<'_>) -> Result<Self, Complaint> {
        Ok(Self {
            number: cells.no("Comp")?,
            member: cells.text("USPSA"),
            first_name: cells.text("FirstName"),
            last_name: cells.text("LastName"),
            dq: cells.flag("DQPistol")?,
            class: cells.text("Class"),
            division: cells.text("Division"),
            match_points_e4: cells.number("Match Points", 4)?,
            place: cells.place("Place Overall")?,
            power_factor: cells.text("Power Factor"),
            other: cells.rest(),
        })
    }

    fn cell(&self, column: &str) -> String {
        match column {
            "Comp" => self.number.to_string(),
            "USPSA" => self.member.clone(),
            "FirstName" => self.first_name.clone(),
            "LastName" => self.last_name.clone(),
            "DQPistol" => yes(self.dq),
            "Class" => self.class.clone(),
            "Division" => self.division.clone(),
            "Match Points" => some(self.match_points_e4.map(|points| decimal::text(points, 4))),
            "Place Overall" => some(self.place),
            "Power Factor" => self.power_factor.clone(),
            column => other(&self.other, column),
        }
    }
}

impl Row for ReportStage {
    const WHOLE: bool = false;

    fn read(mut cells: Cells<'_>) -> Result<Self, Complaint> {
        Ok(Self {
            number: cells.no("Number")?,
            gun: cells.text("Guntype"),
            min_rounds: cells.count("Minimum Rounds")?,
            max_points: cells.count("Maximum Points")?,
            classifier: cells.flag("Classifier")?,
            classifier_no: cells.text("Classifier_No"),
            name: cells.text("Stage_name"),
            scoring: cells.text("ScoringType"),
            strings: cells.count("TimesRun")?,
            other: cells.rest(),
        })
    }

    fn cell(&self, column: &str) -> String {
        match column {
            "Number" => self.number.to_string(),
            "Guntype" => self.gun.clone(),
            "Minimum Rounds" => self.min_rounds.to_string(),
            "Maximum Points" => self.max_points.to_string(),
            "Classifier" => yes(self.classifier),
            "Classifier_No" => self.classifier_no.clone(),
            "Stage_name" => self.name.clone(),
            "ScoringType" => self.scoring.clone(),
            "TimesRun" => self.strings.to_string(),
            column => other(&self.other, column),
        }
    }
}

impl Row for ReportScore {
    const WHOLE: bool = true;

    fn read(mut cells: Cells<'_>) -> Result<Self, Complaint> {
        let mut string_centis = [0; 5];
        for (centis, no) in string_centis.iter_mut().zip(1..) {
            *centis = cells.time(&format!("T{no}"))?;
        }
        Ok(Self {
            gun: cells.text("Gun"),
            stage: cells.no("Stage")?,
            shooter: cells.no("Comp")?,
            dq: cells.flag("DQ")?,
            dnf: cells.flag("DNF")?,
            hits: TargetHits {
                a: cells.count("A")?,
                b: cells.count("B")?,
                c: cells.count("C")?,
                d: cells.count("D")?,
                no_shoots: cells.count("No Shoot")?,
                misses: cells.count("Miss")?,
                no_penalty_misses: cells.count("No Penalty Miss")?,
            },
            procedurals: cells.count("Procedural")?,
            double_poppers: cells.count("Double Poppers")?,
            double_popper_misses: cells.count("Double Popper Miss")?,
            late_shots: cells.count("Late Shot")?,
            extra_shots: cells.count("Extra Shot")?,
            extra_hits: cells.count("Extra Hit")?,
            additional_penalty: cells.number_or_0("Additional Penalty", 0)?,
            total_penalty: cells.number_or_0("Total Penalty", 0)?,
            string_centis,
            time_centis: cells.time("Time")?,
            raw_points: cells.number_or_0("Raw Points", 0)?,
            total_points: cells.number_or_0("Total Points", 0)?,
            hit_factor_e4: cells.number_or_0("Hit Factor", 4)?,
            stage_points_e4: cells.number_or_0("Stage Points", 4)?,
            place: cells.place("Stage Place")?,
            other: cells.rest(),
        })
    }

    fn cell(&self, column: &str) -> String {
        let [t1, t2, t3, t4, t5] = self.string_centis;
        match column {
            "Gun" => self.gun.clone(),
            "Stage" => self.stage.to_string(),
            "Comp" => self.shooter.to_string(),
            "DQ" => yes(self.dq),
            "DNF" => yes(self.dnf),
            "A" => self.hits.a.to_string(),
            "B" => self.hits.b.to_string(),
            "C" => self.hits.c.to_string(),
            "D" => self.hits.d.to_string(),
            "Miss" => self.hits.misses.to_string(),
            "No Shoot" => self.hits.no_shoots.to_string(),
            "No Penalty Miss" => self.hits.no_penalty_misses.to_string(),
            "Procedural" => self.procedurals.to_string(),
            "Double Poppers" => self.double_poppers.to_string(),
            "Double Popper Miss" => self.double_popper_misses.to_string(),
            "Late Shot" => self.late_shots.to_string(),
            "Extra Shot" => self.extra_shots.to_string(),
            "Extra Hit" => self.extra_hits.to_string(),
            "Additional Penalty" => self.additional_penalty.to_string(),
            "Total Penalty" => self.total_penalty.to_string(),
            "T1" => decimal::short_text(t1, 2),
            "T2" => decimal::short_text(t2, 2),
            "T3" => decimal::short_text(t3, 2),
            "T4" => decimal::short_text(t4, 2),
            "T5" => decimal::short_text(t5, 2),
            "Time" => decimal::text(self.time_centis, 2),
            "Raw Points" => self.raw_points.to_string(),
            "Total Points" => self.total_points.to_string(),
            "Hit Factor" => decimal::text(self.hit_factor_e4, 4),
            "Stage Points" => decimal::text(self.stage_points_e4, 4),
            "Stage Place" => some(self.place),
            column => other(&self.other, column),
        }
    }
}
