//! Reads the lines of a report by their first letter.

use std::collections::BTreeSet;

use csv::ReaderBuilder;

use super::super::at::utf8;
use super::super::complaint::{Complaint, Complaints, Findings, Loaded};
use super::row::{Cells, REPORT, Row};
use super::{Section, TextReport};

/// Largest report that is read, in bytes; a World Shoot needs some 6 MB.
const REPORT_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Most columns of a section; the shooters of a multigun match have 40.
const COLUMNS_MAX: usize = 200;

/// Reads a text report.
///
/// # Errors
///
/// [`Complaints`] with line and column: no report, too large, no UTF-8, a row before the names of
/// its columns, a value that is none, a score of a stage or shooter that is not listed.
pub fn read_text_report(bytes: &[u8]) -> Result<Loaded<TextReport>, Complaints> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if REPORT_BYTES_MAX < bytes.len() {
        let found = format!("{} bytes", bytes.len());
        let advice = format!("at most {REPORT_BYTES_MAX} are read");
        return Err(Complaint::new(REPORT, "", &found, &advice).into());
    }
    let text = utf8(REPORT, bytes)?;
    let mut findings = Findings::default();
    let mut report = TextReport::default();
    let mut lines = (1..).zip(text.lines());
    let heading = lines.next().map(|(_, line)| line).unwrap_or_default();
    match heading.strip_prefix('$') {
        Some(heading) if heading.starts_with("PRACTISCORE") => {
            heading.clone_into(&mut report.heading);
        }
        Some(_) | None => {
            let advice = "a report begins with $PRACTISCORE; choose the text report with results";
            return Err(Complaint::new(REPORT, "line 1", heading, advice).into());
        }
    }
    let mut ended = false;
    for (number, line) in lines {
        if line == "$END" {
            ended = true;
        } else if let Err(complaint) = take(&mut report, number, line, &mut findings) {
            findings.errors.push(complaint);
        }
    }
    if !ended {
        let advice = "the last line $END is missing: the file was cut off; copy it again";
        findings
            .errors
            .push(Complaint::new(REPORT, "the end", "", advice));
    }
    known(&report, &mut findings);
    findings.finish(Some(report))
}

/// Takes one line in.
fn take(
    report: &mut TextReport,
    number: usize,
    line: &str,
    findings: &mut Findings,
) -> Result<(), Complaint> {
    if line.trim().is_empty() {
        return Ok(());
    }
    if let Some(info) = line.strip_prefix('$') {
        report.info.push(info.to_owned());
        return Ok(());
    }
    let (tag, rest) = line.split_once(' ').unwrap_or((line, ""));
    match tag {
        "Z" => rest.clone_into(&mut report.version),
        "A" => report.title = cells(rest),
        "D" => columns(&mut report.shooters, number, rest)?,
        "F" => columns(&mut report.stages, number, rest)?,
        "H" => columns(&mut report.scores, number, rest)?,
        "E" => row(&mut report.shooters, number, rest)?,
        "G" => row(&mut report.stages, number, rest)?,
        "I" => row(&mut report.scores, number, rest)?,
        _ => {
            let place = format!("line {number}");
            let advice = "has a tag without a meaning here; the line is left out";
            findings
                .warnings
                .push(Complaint::new(REPORT, &place, line, advice));
        }
    }
    Ok(())
}

fn columns<R>(section: &mut Section<R>, number: usize, rest: &str) -> Result<(), Complaint> {
    let place = format!("line {number}");
    let complaint = |found: &str, advice: &str| Complaint::new(REPORT, &place, found, advice);
    if !section.columns.is_empty() {
        let advice = "these columns were named before; a file holds one report";
        return Err(complaint("", advice));
    }
    let names = cells(rest);
    if COLUMNS_MAX < names.len() {
        let advice = format!("at most {COLUMNS_MAX} columns are read");
        return Err(complaint(&format!("{} columns", names.len()), &advice));
    }
    let mut seen = BTreeSet::new();
    if let Some(twice) = names.iter().find(|name| !seen.insert(name.as_str())) {
        return Err(complaint(twice, "two columns have this name"));
    }
    section.columns = names;
    Ok(())
}

fn row<R: Row>(section: &mut Section<R>, number: usize, rest: &str) -> Result<(), Complaint> {
    if section.columns.is_empty() {
        let place = format!("line {number}");
        let advice = "the line with the names of its columns is missing above it";
        return Err(Complaint::new(REPORT, &place, rest, advice));
    }
    let cells = cells(rest);
    // The last cell is empty in every line of the app.
    if R::WHOLE && cells.len().saturating_add(1) < section.columns.len() {
        let place = format!("line {number}");
        let found = format!("{} cells of {}", cells.len(), section.columns.len());
        let advice = "the line was cut off; copy the file again";
        return Err(Complaint::new(REPORT, &place, &found, advice));
    }
    let cells = Cells::new(number, &section.columns, cells)?;
    section.rows.push(R::read(cells)?);
    Ok(())
}

/// Splits the rest of a line into its cells.
fn cells(rest: &str) -> Vec<String> {
    let mut reader = ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .buffer_capacity(1024)
        .from_reader(rest.as_bytes());
    let record = reader.records().next().and_then(Result::ok);
    let cells = record
        .iter()
        .flat_map(|record| record.iter().map(str::to_owned));
    cells.collect()
}

/// Complains of scores whose stage or shooter is not listed, and of numbers that name two things.
fn known(report: &TextReport, findings: &mut Findings) {
    let mut stages = BTreeSet::new();
    let mut shooters = BTreeSet::new();
    let mut twice = Vec::new();
    let mut complain = |place: String, advice: &str| {
        findings
            .errors
            .push(Complaint::new(REPORT, &place, "", advice));
    };
    for stage in &report.stages.rows {
        if !stages.insert(stage.number) {
            complain(format!("stage {}", stage.number), "is there twice");
        }
    }
    for shooter in &report.shooters.rows {
        if !shooters.insert(shooter.number) {
            complain(format!("shooter {}", shooter.number), "is there twice");
        }
    }
    let mut slots = BTreeSet::new();
    for score in &report.scores.rows {
        let place = format!("score of shooter {}, stage {}", score.shooter, score.stage);
        if !stages.contains(&score.stage) {
            complain(place, "there is no such stage among the G lines");
        } else if !shooters.contains(&score.shooter) {
            complain(place, "there is no such shooter among the E lines");
        } else if !slots.insert((score.stage, score.shooter)) {
            let advice = "is there twice; the later line replaces the one before";
            twice.push(Complaint::new(REPORT, &place, "", advice));
        }
    }
    for complaint in twice {
        findings.warnings.push(complaint);
    }
}
