//! The reports, and what they take.
//!
//! Layer: node, cli.

use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum ReportVerb {
    /// Everything about one shooter: results with all versions, places, chronograph.
    Sheet(Sheet),
    /// How far each squad is on each stage.
    Progress(Plain),
    /// Penalties of runs that count; who is disqualified, withdrawn, warned.
    Penalties(Plain),
    /// The chronograph: declared, measured, and what counts.
    Chrono(Plain),
    /// Every void: by whom, when, why, who agreed, and what stands instead.
    Audit(Plain),
    /// What is missing and from whom; exit code 0 when nothing is.
    Missing(Plain),
    /// What each device and stage did on a day.
    Day(OneDay),
    /// Exchanges, copies, uploads and score log of each device and day, as the rule book asks;
    /// exit code 0 when it has what it asks for.
    Compliance(OneDay),
    /// Court matches: sets, points, winners.
    Court(Plain),
    /// Races: start lists, and the referee's lists of those without a time.
    Race(Plain),
}

/// What every report takes.
#[derive(Debug, Args)]
pub(in crate::cli) struct Plain {
    /// Write comma-separated values.
    #[arg(long, conflicts_with = "json")]
    pub(in crate::cli) csv: bool,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Sheet {
    /// The shooter's number.
    pub(in crate::cli) shooter: u32,
    #[command(flatten)]
    pub(in crate::cli) plain: Plain,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct OneDay {
    /// The day in the event's zone, such as 2026-05-09 [default: the last one; for compliance all].
    #[arg(long, value_name = "DATE")]
    pub(in crate::cli) date: Option<String>,
    #[command(flatten)]
    pub(in crate::cli) plain: Plain,
}
