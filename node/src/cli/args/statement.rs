//! Arguments of the verbs about who owns the event, who stands in, and what counts.
//!
//! Layer: node, cli.

use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{ArgGroup, Args, Subcommand};
use serde::Deserialize as _;
use serde::de::value::{Error as WordError, StrDeserializer};

use super::super::notation::{self, ShotsText};
use super::word;
use crate::local::protocol::{Branch, MethodWord, RevokeWhy, RuleWord};

#[derive(Debug, Args)]
pub(in crate::cli) struct Revoke {
    /// The device: label, fingerprint or the beginning of one.
    pub(in crate::cli) device: String,
    /// Why: decides how entries that arrive afterwards are read.
    #[arg(long, value_parser = word::<RevokeWhy>(&["retired", "lost", "stolen", "misuse"]))]
    pub(in crate::cli) reason: RevokeWhy,
    /// Entry of the device from which on its log is not trusted [default: all known here is].
    #[arg(long, value_name = "ENTRY")]
    pub(in crate::cli) before: Option<String>,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Transfer {
    /// The device that becomes the owner's: label, fingerprint or the beginning of one.
    #[arg(required_unless_present = "accept", conflicts_with = "accept")]
    pub(in crate::cli) device: Option<String>,
    /// Say on the new device that it is ready.
    #[arg(long)]
    pub(in crate::cli) accept: bool,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Recover {
    /// What the card says; `-` reads it from the standard input, where no other program sees it.
    pub(in crate::cli) card: String,
    /// What became of the old owner's device: dead leaves it a member, all others revoke it.
    #[arg(long, default_value = "dead", value_parser = recover_why())]
    pub(in crate::cli) reason: RecoverWhy,
    /// First statement of the old owner that is void (`event statements`) [default: none is].
    #[arg(long, value_name = "ENTRY")]
    pub(in crate::cli) before: Option<String>,
}

/// What became of the owner's device; `None`: it died.
#[derive(Clone, Copy, Debug)]
pub(in crate::cli) struct RecoverWhy(pub(in crate::cli) Option<RevokeWhy>);

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("what").required(true).args(["entries", "device", "log"]))]
pub(in crate::cli) struct Adopt {
    /// Entries: their UUIDs or the beginnings of them.
    #[arg(value_name = "ENTRY")]
    pub(in crate::cli) entries: Vec<String>,
    /// All quarantined, unassigned and disputed entries of this device.
    #[arg(long)]
    pub(in crate::cli) device: Option<String>,
    /// A log that forked: its grant and incarnation with a hyphen between.
    #[arg(long, value_name = "GRANT-INCARNATION", requires = "branch")]
    pub(in crate::cli) log: Option<String>,
    /// Which of its two branches.
    #[arg(long, requires = "log", value_parser = word::<Branch>(&["here", "other"]))]
    pub(in crate::cli) branch: Option<Branch>,
    /// Take them out of the count instead.
    #[arg(long)]
    pub(in crate::cli) reject: bool,
    /// List what would be decided about, and decide nothing.
    #[arg(long)]
    pub(in crate::cli) dry_run: bool,
}

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("what").required(true).args(["stage", "rule"]))]
pub(in crate::cli) struct EventAmend {
    /// The stage's number; one that the event does not have adds a stage.
    #[arg(long, visible_alias = "drill", value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(in crate::cli) stage: Option<u32>,
    #[command(flatten)]
    pub(in crate::cli) change: StageChange,
    /// A rule to add: number and words as in the rule book.
    #[arg(long, value_name = "TEXT", requires = "kind")]
    pub(in crate::cli) rule: Option<String>,
    /// What the rule is about.
    #[arg(long, requires = "rule", value_parser = word::<RuleWord>(&["procedural", "dq", "dnf", "warning"]))]
    pub(in crate::cli) kind: Option<RuleWord>,
    /// What breaking the rule once costs, in seconds, such as 3 or -1.50.
    #[arg(long, requires = "rule", allow_hyphen_values = true, value_parser = notation::signed_centis)]
    pub(in crate::cli) seconds: Option<i32>,
    /// What breaking the rule once costs, in points.
    #[arg(long, requires = "rule", conflicts_with = "seconds", allow_hyphen_values = true,
          value_parser = clap::value_parser!(i32).range(-1_000..=1_000))]
    pub(in crate::cli) points: Option<i32>,
    /// The rule's short code.
    #[arg(long, requires = "rule")]
    pub(in crate::cli) code: Option<String>,
    /// Why, at most 120 bytes.
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub(in crate::cli) note: String,
}

/// What changes for a stage; what is not named stays.
#[derive(Debug, Args)]
pub(in crate::cli) struct StageChange {
    /// Its name, 1 to 64 bytes.
    #[arg(long, requires = "stage")]
    pub(in crate::cli) name: Option<String>,
    /// Hits that count on each paper target, such as 2,2,2; none for no paper.
    #[arg(long, requires = "stage", value_name = "HITS")]
    pub(in crate::cli) targets: Option<ShotsText>,
    /// Steel targets.
    #[arg(long, requires = "stage", value_name = "N")]
    pub(in crate::cli) steel: Option<u8>,
    /// Timed strings, 1 to 16.
    #[arg(long, requires = "stage", value_name = "N", value_parser = clap::value_parser!(u32).range(1..=16))]
    pub(in crate::cli) strings: Option<u32>,
    /// Whether there are no-shoot targets.
    #[arg(long, requires = "stage", value_name = "yes|no", value_parser = yes_or_no())]
    pub(in crate::cli) no_shoots: Option<bool>,
    /// How it is scored.
    #[arg(long, requires = "stage", value_parser = word::<MethodWord>(&[
        "comstock", "virginia", "fixed-time", "chrono", "time-plus", "best-strings", "precision",
        "hit-values", "par-time", "run",
    ]))]
    pub(in crate::cli) method: Option<MethodWord>,
    /// Its par time in seconds, such as 6.00.
    #[arg(long, requires = "stage", value_name = "SECONDS", value_parser = notation::centis)]
    pub(in crate::cli) par: Option<u32>,
    /// The longest a string counts, in seconds, such as 30.00.
    #[arg(long, requires = "stage", value_name = "SECONDS", value_parser = notation::centis)]
    pub(in crate::cli) string_limit: Option<u32>,
    /// How many of the slowest strings do not count.
    #[arg(long, requires = "stage", value_name = "N")]
    pub(in crate::cli) drop_worst: Option<u32>,
    /// Shots that are scored or allowed.
    #[arg(long, requires = "stage", value_name = "N")]
    pub(in crate::cli) shots: Option<u32>,
    /// What a hit on each target is worth, such as 1,1,2.
    #[arg(long, requires = "stage", value_name = "POINTS", value_delimiter = ',')]
    pub(in crate::cli) value: Vec<u32>,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct EventClose {
    /// How long to wait for devices that have not sealed, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 0, value_parser = clap::value_parser!(u64).range(0..=86_400))]
    pub(in crate::cli) wait: u64,
    /// Device whose last entries nobody waits for; repeat for more.
    #[arg(long, value_name = "DEVICE")]
    pub(in crate::cli) declare_lost: Vec<String>,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct EventStatements {
    /// Only those that are not in force.
    #[arg(long)]
    pub(in crate::cli) invalid: bool,
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum CardsVerb {
    /// Draw keys, admit them, and print their cards, this once.
    Spare(SpareCards),
    /// List the spare cards and whether each is used.
    List,
    /// Make this device the one of a spare card.
    Use(CardsUse),
    /// Revoke a spare card that is lost.
    Revoke {
        /// What the card is called.
        label: String,
    },
}

#[derive(Debug, Args)]
pub(in crate::cli) struct SpareCards {
    /// What the card is called; several get a number behind it.
    #[arg(long, default_value = "Spare")]
    pub(in crate::cli) label: String,
    /// How many, 1 to 20.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=20))]
    pub(in crate::cli) count: u32,
    /// Write the cards into a file that only you may read, instead of the standard output.
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct CardsUse {
    /// What the card says; `-` reads it from the standard input, where no other program sees it.
    pub(in crate::cli) card: String,
    /// A bundle of the event, from any device.
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) bundle: Option<PathBuf>,
}

fn recover_why() -> impl TypedValueParser<Value = RecoverWhy> {
    PossibleValuesParser::new(["dead", "lost", "stolen", "misuse", "retired"]).try_map(|text| {
        if text == "dead" {
            return Ok(RecoverWhy(None));
        }
        RevokeWhy::deserialize(StrDeserializer::<WordError>::new(&text))
            .map(|why| RecoverWhy(Some(why)))
    })
}

fn yes_or_no() -> impl TypedValueParser<Value = bool> {
    PossibleValuesParser::new(["yes", "no"]).map(|text| text == "yes")
}
