//! Standings, as tables and as comma-separated values.
//!
//! Layer: node, cli, show.

use crate::config::Screen;
use crate::local::protocol::{MatchTable, StageTable, StandingsData};

use super::add;
use super::table::{Sheet, Side::Left, Side::Right, clean};

/// Shows every table, and says "complete" or what is missing.
pub(in crate::cli) fn standings(data: &StandingsData, screen: Screen) -> String {
    let mut text = String::new();
    // A division that nobody shot in is no table for people.
    for table in data.stages.iter().filter(|table| !table.rows.is_empty()) {
        let name = clean(&table.name);
        add(
            &mut text,
            format_args!("Stage {} {name}, {}\n", table.drill, clean(&table.division)),
        );
        text.push_str(&stage(table, screen));
        text.push('\n');
    }
    for table in data.matches.iter().filter(|table| !table.rows.is_empty()) {
        add(
            &mut text,
            format_args!("{}, {}\n", clean(&data.name), clean(&table.division)),
        );
        text.push_str(&matched(table, screen));
        text.push('\n');
    }
    if data.complete {
        text.push_str("complete");
    } else {
        text.push_str("not complete:");
        for line in &data.missing {
            text.push_str("\n  ");
            text.push_str(&clean(line));
        }
    }
    // Two devices whose lines agree show the same state.
    let digest: String = data.state_digest.chars().take(8).collect();
    add(&mut text, format_args!("\nstate {digest}\n"));
    text
}

/// Writes the columns of the match's own results, one block for stages and one for the match.
pub(in crate::cli) fn standings_csv(data: &StandingsData) -> Result<String, csv::Error> {
    let mut blocks = Vec::new();
    if !data.stages.is_empty() {
        blocks.push(stage_csv(&data.stages)?);
    }
    if !data.matches.is_empty() {
        blocks.push(match_csv(&data.matches)?);
    }
    Ok(blocks.join("\n"))
}

fn stage(table: &StageTable, screen: Screen) -> String {
    let headings = [
        ("PLACE", Right),
        ("SHOOTER", Right),
        ("LABEL", Left),
        ("POINTS", Right),
        ("PENALTIES", Right),
        ("TIME", Right),
        ("HIT FACTOR", Right),
        ("STAGE POINTS", Right),
        ("PERCENT", Right),
    ];
    let mut sheet = Sheet::new(screen, &headings);
    for row in &table.rows {
        sheet.row([
            place(row.place, row.dq),
            row.shooter.to_string(),
            row.label.clone(),
            number(row.points),
            number(row.penalties),
            row.time.clone().unwrap_or_default(),
            row.hit_factor.clone().unwrap_or_default(),
            row.stage_points.clone().unwrap_or_default(),
            row.stage_percent.clone().unwrap_or_default(),
        ]);
    }
    sheet.text()
}

fn matched(table: &MatchTable, screen: Screen) -> String {
    let headings = [
        ("PLACE", Right),
        ("SHOOTER", Right),
        ("LABEL", Left),
        ("MATCH POINTS", Right),
        ("PERCENT", Right),
    ];
    let mut sheet = Sheet::new(screen, &headings);
    for row in &table.rows {
        sheet.row([
            place(row.place, row.dq),
            row.shooter.to_string(),
            row.label.clone(),
            row.match_points.clone().unwrap_or_default(),
            row.match_percent.clone().unwrap_or_default(),
        ]);
    }
    sheet.text()
}

fn place(place: Option<u32>, dq: bool) -> String {
    if dq { "DQ".to_owned() } else { number(place) }
}

fn number(number: Option<u32>) -> String {
    number.map_or_else(String::new, |number| number.to_string())
}

fn stage_csv(tables: &[StageTable]) -> Result<String, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record([
        "stage",
        "division",
        "place",
        "shooter",
        "dq",
        "points",
        "penalties",
        "time",
        "hit_factor",
        "stage_points",
        "stage_percent",
    ])?;
    for table in tables {
        for row in &table.rows {
            writer.write_record([
                table.drill.to_string(),
                table.division.clone(),
                number(row.place),
                row.shooter.to_string(),
                u8::from(row.dq).to_string(),
                number(row.points),
                number(row.penalties),
                row.time.clone().unwrap_or_default(),
                row.hit_factor.clone().unwrap_or_default(),
                row.stage_points.clone().unwrap_or_default(),
                row.stage_percent.clone().unwrap_or_default(),
            ])?;
        }
    }
    finish(writer)
}

fn match_csv(tables: &[MatchTable]) -> Result<String, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record([
        "division",
        "place",
        "shooter",
        "dq",
        "match_points",
        "match_percent",
    ])?;
    for table in tables {
        for row in &table.rows {
            writer.write_record([
                table.division.clone(),
                number(row.place),
                row.shooter.to_string(),
                u8::from(row.dq).to_string(),
                row.match_points.clone().unwrap_or_default(),
                row.match_percent.clone().unwrap_or_default(),
            ])?;
        }
    }
    finish(writer)
}

fn finish(writer: csv::Writer<Vec<u8>>) -> Result<String, csv::Error> {
    let bytes = writer
        .into_inner()
        .map_err(|error| csv::Error::from(error.into_error()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
