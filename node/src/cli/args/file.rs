//! What may be typed for files: import, export, verify.
//!
//! Layer: node, cli.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// A kind of file that is taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum ImportAs {
    /// Everything of an event, signed; as `export` writes it.
    Bundle,
    /// A `PractiScore` export: a .psc file, or its folder.
    Psc,
    /// MIFF, the Match Interchange File Format.
    Miff,
    /// A text report with results ("$PRACTISCORE ...").
    Report,
    /// A list of people as CSV.
    Registration,
}

/// A kind of file that is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum ExportAs {
    /// Everything, signed: for another device, and for `verify`.
    Bundle,
    /// A `PractiScore` export.
    Psc,
    /// MIFF, the Match Interchange File Format.
    Miff,
    /// The USPSA text report with results.
    Report,
    /// All tables, as `standings --all --csv`.
    Csv,
    /// One entry a line, all versions.
    Jsonl,
}

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "flags that people type")]
pub(in crate::cli) struct Import {
    /// The file; or the folder of an unpacked .psc.
    pub(in crate::cli) file: PathBuf,
    /// What it is [default: told by its content].
    #[arg(long = "as", value_name = "KIND")]
    pub(in crate::cli) kind: Option<ImportAs>,
    /// Show what would happen, and write nothing.
    #[arg(long)]
    pub(in crate::cli) dry_run: bool,
    /// Take in what holds of a damaged bundle, where there is no other copy.
    #[arg(long)]
    pub(in crate::cli) rescue: bool,
    /// Record scores, DNFs, DQs and withdrawals of a match file, too; an event that it founds is
    /// locked for them.
    #[arg(long)]
    pub(in crate::cli) scores: bool,
    /// Leave out what has a problem, instead of stopping.
    #[arg(long)]
    pub(in crate::cli) skip_problems: bool,
    /// Add people of a list who may be there already.
    #[arg(long)]
    pub(in crate::cli) add_duplicates: bool,
    /// Profile that keeps what the columns of a list mean [default: registration].
    #[arg(long, value_name = "NAME")]
    pub(in crate::cli) profile: Option<String>,
    /// Division of those for whom the file names none.
    #[arg(long, value_name = "DIVISION")]
    pub(in crate::cli) division: Option<String>,
    /// Name of the event that a match file founds [default: the file's own].
    #[arg(long)]
    pub(in crate::cli) name: Option<String>,
    /// Minutes east of UTC of the range where a match file founds an event; files do not tell.
    #[arg(long, value_name = "MINUTES", default_value_t = 0, allow_negative_numbers = true, value_parser = clap::value_parser!(i32).range(-720..=840))]
    pub(in crate::cli) zone_min: i32,
    /// Fingerprint of a key whose receipts count as the cloud's; repeat for more.
    #[arg(long, value_name = "KEY")]
    pub(in crate::cli) cloud_key: Vec<String>,
    /// Recovery keys to draw and print as cards, 1 to 3, for the event that a match file founds.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=3))]
    pub(in crate::cli) recovery_cards: Option<u32>,
    /// Printable page (SVG) with the cards, a file that is not there yet; only you may read it.
    #[arg(long, value_name = "FILE", requires = "recovery_cards")]
    pub(in crate::cli) cards_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Export {
    /// The file; `-` is the standard output.
    pub(in crate::cli) file: PathBuf,
    /// What is written [default: by the file's ending: .psc, .miff, .txt, .csv, .jsonl; else a
    /// bundle].
    #[arg(long = "as", value_name = "KIND")]
    pub(in crate::cli) kind: Option<ExportAs>,
}
