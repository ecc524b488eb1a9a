//! Standings, as tables and as comma-separated values.
//!
//! Layer: node, cli, show.

use crate::config::Screen;
use crate::local::protocol::{MatchRow, StageTable, StandingsData, TeamTable};

use super::add;
use super::report::{completeness, source};
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
        text.push_str(&matched(&table.rows, &data.adds, screen));
        text.push('\n');
    }
    for table in &data.parts {
        add(
            &mut text,
            format_args!(
                "{}, {} {}, {}\n",
                clean(&data.name),
                table.by,
                clean(&table.part),
                clean(&table.division)
            ),
        );
        text.push_str(&matched(&table.rows, &data.adds, screen));
        text.push('\n');
    }
    for table in &data.teams {
        let (name, division) = (clean(&data.name), clean(&table.division));
        add(&mut text, format_args!("{name}, teams, {division}\n"));
        text.push_str(&teams(table, screen));
        text.push('\n');
    }
    text.push_str(&standings_footer(data));
    text
}

/// Says whether the tables are complete, and what they were made from: below them, and beside their
/// comma-separated values, which have no place for it.
pub(in crate::cli) fn standings_footer(data: &StandingsData) -> String {
    let mut text = completeness(data.complete, &data.missing);
    text.push_str(&source(
        &data.state_digest,
        (&data.phase, data.zone_min),
        &data.heads,
    ));
    text
}

/// Writes the columns of the match's own results, one block for each kind of table. Columns that
/// only some disciplines have are there only in events of these.
pub(in crate::cli) fn standings_csv(data: &StandingsData) -> Result<String, csv::Error> {
    let mut blocks = Vec::new();
    if !data.stages.is_empty() {
        blocks.push(stage_csv(&data.stages)?);
    }
    if !data.matches.is_empty() {
        let tables = data.matches.iter();
        let tables = tables.map(|it| (vec![it.division.clone()], it.rows.as_slice()));
        blocks.push(match_csv(&["division"], tables.collect(), &data.adds)?);
    }
    if let Some(first) = data.parts.first() {
        let names = ["division", first.by.as_str()];
        let tables = data.parts.iter();
        let tables = tables.map(|it| {
            (
                vec![it.division.clone(), it.part.clone()],
                it.rows.as_slice(),
            )
        });
        blocks.push(match_csv(&names, tables.collect(), &data.adds)?);
    }
    if !data.teams.is_empty() {
        blocks.push(team_csv(&data.teams)?);
    }
    Ok(blocks.join("\n"))
}

fn stage(table: &StageTable, screen: Screen) -> String {
    if table.measure == "time" {
        return timed_stage(table, screen);
    }
    let xs = table.rows.iter().any(|row| row.xs.is_some());
    let mut headings = vec![
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
    if xs {
        headings.push(("X", Right));
    }
    let mut sheet = Sheet::new(screen, &headings);
    for row in &table.rows {
        sheet.line(vec![
            place(row.place, row.dq, row.missed.as_deref()),
            row.shooter.to_string(),
            row.label.clone(),
            number(row.points),
            number(row.penalties),
            row.time.clone().unwrap_or_default(),
            row.hit_factor.clone().unwrap_or_default(),
            row.stage_points.clone().unwrap_or_default(),
            row.stage_percent.clone().unwrap_or_default(),
            number(row.xs),
        ]);
    }
    sheet.text()
}

/// Shows a drill on which time is the result.
fn timed_stage(table: &StageTable, screen: Screen) -> String {
    let headings = [
        ("PLACE", Right),
        ("SHOOTER", Right),
        ("LABEL", Left),
        ("TIME", Right),
        ("TOTAL TIME", Right),
        ("STAGE POINTS", Right),
        ("PERCENT", Right),
    ];
    let mut sheet = Sheet::new(screen, &headings);
    for row in &table.rows {
        // A missed run has no time, unless the drill gives it its longest one.
        let none = row.missed.is_some() && row.total_time.as_deref() == Some("0.00");
        let shown = |text: &Option<String>| {
            if none {
                String::new()
            } else {
                text.clone().unwrap_or_default()
            }
        };
        sheet.row([
            place(row.place, row.dq, row.missed.as_deref()),
            row.shooter.to_string(),
            row.label.clone(),
            shown(&row.time),
            shown(&row.total_time),
            row.stage_points.clone().unwrap_or_default(),
            row.stage_percent.clone().unwrap_or_default(),
        ]);
    }
    sheet.text()
}

fn matched(rows: &[MatchRow], adds: &str, screen: Screen) -> String {
    let xs = rows.iter().any(|row| row.xs.is_some());
    let result = match adds {
        "time" => "MATCH TIME",
        "wins" => "MATCHES WON",
        _ => "MATCH POINTS",
    };
    let mut headings = vec![
        ("PLACE", Right),
        ("SHOOTER", Right),
        ("LABEL", Left),
        (result, Right),
        ("PERCENT", Right),
    ];
    if xs {
        headings.push(("X", Right));
    }
    let mut sheet = Sheet::new(screen, &headings);
    for row in rows {
        let ranked = row.unranked.is_none();
        let result = if adds == "time" {
            &row.match_time
        } else {
            &row.match_points
        };
        let shown = |text: &Option<String>| text.clone().filter(|_| ranked).unwrap_or_default();
        sheet.line(vec![
            place(row.place, row.dq, row.unranked.as_deref()),
            row.shooter.to_string(),
            row.label.clone(),
            shown(result),
            shown(&row.match_percent),
            number(row.xs),
        ]);
    }
    sheet.text()
}

fn teams(table: &TeamTable, screen: Screen) -> String {
    let timed = table.rows.iter().any(|row| row.match_time.is_some());
    let headings = [
        ("PLACE", Right),
        ("TEAM", Left),
        (if timed { "MATCH TIME" } else { "MATCH POINTS" }, Right),
        ("COUNT", Left),
        ("OTHERS", Left),
        ("", Left),
    ];
    let mut sheet = Sheet::new(screen, &headings);
    for row in &table.rows {
        let result = row.match_time.as_ref().or(row.match_points.as_ref());
        sheet.row([
            row.place.to_string(),
            row.team.clone(),
            result.cloned().unwrap_or_default(),
            list(&row.counted),
            list(&row.others),
            if row.short {
                format!("{} of {} count", row.counted.len(), table.counts)
            } else {
                String::new()
            },
        ]);
    }
    sheet.text()
}

fn list(numbers: &[u32]) -> String {
    let texts: Vec<String> = numbers.iter().map(u32::to_string).collect();
    texts.join(" ")
}

/// Writes a place, or why there is none to speak of.
fn place(place: Option<u32>, dq: bool, missed: Option<&str>) -> String {
    if dq {
        return "DQ".to_owned();
    }
    match missed {
        Some("dnf") => "DNF".to_owned(),
        Some("dns") => "DNS".to_owned(),
        Some("stage-dq") => "SDQ".to_owned(),
        Some(_) | None => number(place),
    }
}

fn number(number: Option<u32>) -> String {
    number.map_or_else(String::new, |number| number.to_string())
}

fn stage_csv(tables: &[StageTable]) -> Result<String, csv::Error> {
    // A practical match keeps the columns of its published results, to the byte.
    let more = tables
        .iter()
        .any(|table| table.measure == "time" || table.rows.iter().any(|row| row.xs.is_some()));
    let mut writer = csv::Writer::from_writer(Vec::new());
    let mut names = vec![
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
    ];
    if more {
        names.extend(["total_time", "xs", "missed"]);
    }
    writer.write_record(names)?;
    for table in tables {
        for row in &table.rows {
            let mut fields = vec![
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
            ];
            if more {
                fields.push(row.total_time.clone().unwrap_or_default());
                fields.push(number(row.xs));
                fields.push(row.missed.clone().unwrap_or_default());
            }
            writer.write_record(fields)?;
        }
    }
    finish(writer)
}

fn match_csv(
    names: &[&str],
    tables: Vec<(Vec<String>, &[MatchRow])>,
    adds: &str,
) -> Result<String, csv::Error> {
    let timed = adds == "time";
    let xs = tables
        .iter()
        .any(|(_, rows)| rows.iter().any(|row| row.xs.is_some()));
    let mut writer = csv::Writer::from_writer(Vec::new());
    let mut heading = names.to_vec();
    heading.extend(["place", "shooter", "dq", "match_points", "match_percent"]);
    if timed {
        heading.extend(["match_time", "unranked"]);
    }
    if xs {
        heading.push("xs");
    }
    writer.write_record(heading)?;
    for (names, rows) in tables {
        for row in rows {
            let mut fields = names.clone();
            fields.extend([
                number(row.place),
                row.shooter.to_string(),
                u8::from(row.dq).to_string(),
                row.match_points.clone().unwrap_or_default(),
                row.match_percent.clone().unwrap_or_default(),
            ]);
            if timed {
                fields.push(row.match_time.clone().unwrap_or_default());
                fields.push(row.unranked.clone().unwrap_or_default());
            }
            if xs {
                fields.push(number(row.xs));
            }
            writer.write_record(fields)?;
        }
    }
    finish(writer)
}

fn team_csv(tables: &[TeamTable]) -> Result<String, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record([
        "division",
        "place",
        "team",
        "match_points",
        "match_time",
        "counted",
        "others",
        "short",
    ])?;
    for table in tables {
        for row in &table.rows {
            writer.write_record([
                table.division.clone(),
                row.place.to_string(),
                row.team.clone(),
                row.match_points.clone().unwrap_or_default(),
                row.match_time.clone().unwrap_or_default(),
                list(&row.counted),
                list(&row.others),
                u8::from(row.short).to_string(),
            ])?;
        }
    }
    finish(writer)
}

/// Returns what was written.
pub(super) fn finish(writer: csv::Writer<Vec<u8>>) -> Result<String, csv::Error> {
    let bytes = writer
        .into_inner()
        .map_err(|error| csv::Error::from(error.into_error()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
