//! Tables as CSV text, lines ended as RFC 4180 has it.

use core::fmt;

use super::{Group, Standings};
use crate::rules::{Fixed2, Roster};

/// All stage tables as CSV: see [`Standings::stages_csv`].
#[derive(Clone, Copy, Debug)]
pub struct StagesCsv<'a> {
    standings: &'a Standings,
    roster: &'a Roster,
}

/// All match tables as CSV: see [`Standings::overall_csv`].
#[derive(Clone, Copy, Debug)]
pub struct OverallCsv<'a> {
    standings: &'a Standings,
    roster: &'a Roster,
}

impl Standings {
    /// Returns all stage tables as CSV text, with one header line.
    pub fn stages_csv<'a>(&'a self, roster: &'a Roster) -> StagesCsv<'a> {
        StagesCsv {
            standings: self,
            roster,
        }
    }

    /// Returns all match tables as CSV text, with one header line.
    pub fn overall_csv<'a>(&'a self, roster: &'a Roster) -> OverallCsv<'a> {
        OverallCsv {
            standings: self,
            roster,
        }
    }
}

impl fmt::Display for StagesCsv<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("stage,division,place,shooter,dq,points,penalties,time,hit_factor,")?;
        f.write_str("stage_points,stage_percent\r\n")?;
        for table in &self.standings.stages {
            let group = Name(table.group.name(self.roster));
            for row in &table.rows {
                write!(f, "{},{group},{},{},", table.drill, row.place, row.shooter)?;
                match &row.result {
                    None => f.write_str("1,,,,,,\r\n")?,
                    Some(result) => write!(
                        f,
                        "0,{},{},{},{},{},{}\r\n",
                        result.tally.points,
                        result.tally.penalties,
                        Fixed2::from(result.tally.time_centis),
                        result.hit_factor,
                        result.stage_points,
                        result.percent,
                    )?,
                }
            }
        }
        Ok(())
    }
}

impl fmt::Display for OverallCsv<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("division,place,shooter,dq,match_points,match_percent\r\n")?;
        for table in &self.standings.overall {
            let group = Name(table.group.name(self.roster));
            for row in &table.rows {
                write!(f, "{group},{},{},", row.place, row.shooter)?;
                match &row.result {
                    None => f.write_str("1,,\r\n")?,
                    Some(result) => write!(f, "0,{},{}\r\n", result.points, result.percent)?,
                }
            }
        }
        Ok(())
    }
}

impl Group {
    /// Returns the division's name, or "Combined".
    pub fn name(self, roster: &Roster) -> &str {
        match self {
            Self::Division(place) => roster
                .structure()
                .divisions
                .get(place)
                .map_or("", |it| it.name.as_str()),
            Self::Combined => "Combined",
        }
    }
}

/// A field that may hold a comma, a quote or a line end.
struct Name<'a>(&'a str);

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.0.contains([',', '"', '\r', '\n']) {
            return f.write_str(self.0);
        }
        f.write_str("\"")?;
        for (nth, part) in self.0.split('"').enumerate() {
            if nth != 0 {
                f.write_str("\"\"")?;
            }
            f.write_str(part)?;
        }
        f.write_str("\"")
    }
}
