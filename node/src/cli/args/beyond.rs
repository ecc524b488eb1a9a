//! What may be typed about incidents, records and conflicts.
//!
//! Layer: node, cli, args.

use std::path::PathBuf;

use clap::{ArgGroup, Args, Subcommand};

use crate::cli::notation;

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum IncidentVerb {
    /// Record what was seen.
    Add(IncidentAdd),
    /// List incidents in their groups: what is about the same thing.
    List(IncidentList),
    /// Show a group with everything that was said about it.
    Show {
        /// The incident: its UUID or the beginning of it.
        incident: String,
    },
    /// Add a report to an incident.
    Report(IncidentReport),
}

#[derive(Debug, Args)]
pub(in crate::cli) struct IncidentAdd {
    /// The race: the number of a stage.
    #[arg(long, visible_alias = "stage", value_name = "N")]
    pub(in crate::cli) race: u32,
    /// The start number.
    #[arg(long, visible_alias = "shooter", value_name = "N")]
    pub(in crate::cli) bib: u32,
    /// Where: number or name of a place in `event show`.
    #[arg(long)]
    pub(in crate::cli) place: String,
    /// How many seconds ago it happened.
    #[arg(long, value_name = "SECONDS", default_value = "0", value_parser = notation::centis)]
    pub(in crate::cli) ago: u32,
    /// Number of the rule it may have broken.
    #[arg(long, value_name = "N")]
    pub(in crate::cli) rule: Option<u32>,
    /// What was seen, at most 200 bytes.
    #[arg(long)]
    pub(in crate::cli) text: Option<String>,
    /// Its UUID; the same one again is written once [default: drawn].
    #[arg(long, value_name = "UUID")]
    pub(in crate::cli) id: Option<String>,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct IncidentList {
    /// Only this race.
    #[arg(long, visible_alias = "stage", value_name = "N")]
    pub(in crate::cli) race: Option<u32>,
    /// Only this start number.
    #[arg(long, visible_alias = "shooter", value_name = "N")]
    pub(in crate::cli) bib: Option<u32>,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct IncidentReport {
    /// The incident: its UUID or the beginning of it; a whole one may not be here yet.
    pub(in crate::cli) incident: String,
    /// What was seen, at most 200 bytes.
    #[arg(long)]
    pub(in crate::cli) text: Option<String>,
    /// A picture or clip; repeat for more, at most 8. The report goes ahead, the file follows.
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) media: Vec<PathBuf>,
    /// Its UUID; the same one again is written once [default: drawn].
    #[arg(long, value_name = "UUID")]
    pub(in crate::cli) id: Option<String>,
}

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("ruling").required(true).args(["none", "warning", "time", "dsq"]))]
#[expect(clippy::struct_excessive_bools, reason = "flags that people type")]
pub(in crate::cli) struct Decide {
    /// The incident: its UUID or the beginning of it; a whole one may not be here yet.
    pub(in crate::cli) incident: String,
    /// Nothing follows.
    #[arg(long)]
    pub(in crate::cli) none: bool,
    /// A warning, listed.
    #[arg(long)]
    pub(in crate::cli) warning: bool,
    /// Time is added, in seconds, such as 5 or 2.50.
    #[arg(long, value_name = "SECONDS", value_parser = notation::centis)]
    pub(in crate::cli) time: Option<u32>,
    /// Disqualified from the race.
    #[arg(long)]
    pub(in crate::cli) dsq: bool,
    /// Number of the rule it rests on.
    #[arg(long, value_name = "N")]
    pub(in crate::cli) rule: Option<u32>,
    /// A short note, at most 120 bytes.
    #[arg(long, default_value = "")]
    pub(in crate::cli) note: String,
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum RecordVerb {
    /// List the kinds of records of the event.
    Kinds,
    /// Write a new record.
    Add(RecordAdd),
    /// Change a record, or take it back; what is not named stays.
    Set(RecordSet),
    /// List the records of a kind.
    List(RecordList),
    /// Show a record with every version of it.
    Show {
        /// The kind: its name or number.
        kind: String,
        /// The record: its UUID or the beginning of it.
        record: String,
    },
}

#[derive(Debug, Args)]
pub(in crate::cli) struct RecordAdd {
    /// The kind: its name or number.
    pub(in crate::cli) kind: String,
    /// What it says: name=Mia born=2015.
    #[arg(value_name = "FIELD=VALUE", value_parser = notation::field)]
    pub(in crate::cli) fields: Vec<(String, String)>,
    /// A record it hangs on, by UUID or the beginning of it; repeat in the order of `record kinds`.
    #[arg(long, value_name = "RECORD")]
    pub(in crate::cli) on: Vec<String>,
    /// Its UUID [default: drawn, or made of what names it].
    #[arg(long, value_name = "UUID")]
    pub(in crate::cli) key: Option<String>,
    /// Confirm that it happened, although it is recorded already.
    #[arg(long)]
    pub(in crate::cli) confirm: bool,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct RecordSet {
    /// The kind: its name or number.
    pub(in crate::cli) kind: String,
    /// The record: its UUID or the beginning of it.
    pub(in crate::cli) record: String,
    /// What changes: name=Mia born=2015.
    #[arg(value_name = "FIELD=VALUE", value_parser = notation::field, required_unless_present_any = ["gone", "on"])]
    pub(in crate::cli) fields: Vec<(String, String)>,
    /// A record it hangs on from here on; repeat in the order of `record kinds`.
    #[arg(long, value_name = "RECORD")]
    pub(in crate::cli) on: Vec<String>,
    /// Take the record back; it stays in the history.
    #[arg(long)]
    pub(in crate::cli) gone: bool,
    /// Take it back although entries of others about it are not here yet.
    #[arg(long)]
    pub(in crate::cli) confirm: bool,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct RecordList {
    /// The kind: its name or number.
    pub(in crate::cli) kind: String,
    /// Only what hangs on this record: its UUID or the beginning of it.
    #[arg(long, value_name = "RECORD")]
    pub(in crate::cli) on: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum ConflictsVerb {
    /// List everything that needs a person: what may have been done twice first.
    List,
    /// Show one of them with the entries that differ.
    Show {
        /// What the list names, or the beginning of it.
        name: String,
    },
}
