//! What may be typed about scores.
//!
//! Layer: node, cli, args.

use clap::{ArgGroup, Args, Subcommand};

use super::{void_why, word};
use crate::cli::notation::{self, PenaltyText, RuleText, SteelText};
use crate::local::protocol::{AgreedData, GearResult, VoidWhy};

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum ScoreVerb {
    /// Record a score, a chronograph reading, a DNF, a DQ or a withdrawal.
    Add(Box<ScoreAdd>),
    /// Take an entry out of the count; nothing is deleted.
    Void(ScoreVoid),
    /// Move a score to the shooter who shot it, or to the stage it was shot on: void and new entry
    /// in one, linked.
    Move(ScoreMove),
    /// Record a point of a court match.
    Point(PointArgs),
    /// Record how a set of a court match ended.
    Set(SetArgs),
    /// List the entries that stand.
    List(Entries),
    /// List all versions, voided ones and voids included.
    History(Entries),
}

#[derive(Debug, Args)]
#[command(
    after_help = "Hits are one word for each paper target: letters A B C D, M miss, N no-shoot, \
                  P no-penalty miss, with a count before a letter when it is not 1: AC, 2A, A1M, \
                  2AN; 0 is a target without anything; 6x2A is 2A six times.",
    group = ArgGroup::new("status")
        .args(["dnf", "dns", "stage_dq", "dq", "warning", "withdrawn"]),
    group = ArgGroup::new("reading").multiple(true).args(["chrono", "weight", "fps", "gear"])
        .conflicts_with_all(["run", "status"]),
    group = ArgGroup::new("run").multiple(true)
        .args(["time", "hits", "steel", "penalty", "late_shots", "extra_shots", "extra_hits",
               "rings", "down", "xs", "faults", "timer"])
        .conflicts_with_all(["status"])
)]
pub(in crate::cli) struct ScoreAdd {
    /// The stage's number; may be missing only for a DQ or a withdrawal.
    #[arg(long, visible_alias = "stage", required_unless_present_any = ["dq", "withdrawn", "warning"])]
    pub(in crate::cli) drill: Option<u32>,
    /// The shooter's number.
    #[arg(long)]
    pub(in crate::cli) shooter: u32,
    /// Time in seconds, such as 42.92; once for each string.
    #[arg(long, value_name = "SECONDS", value_parser = notation::centis)]
    pub(in crate::cli) time: Vec<u32>,
    /// Hits of all paper targets, such as "2A AC A1M".
    #[arg(long, num_args = 1.., value_name = "TARGETS")]
    pub(in crate::cli) hits: Vec<String>,
    /// Steel: HIT[/MISS[/NO-PENALTY-MISS[/NO-SHOOT]]], such as 6 or 5/1.
    #[arg(long)]
    pub(in crate::cli) steel: Option<SteelText>,
    /// Procedural penalty: number of its rule in `event show`, such as 1 or 1x3; repeat for more.
    #[arg(long, value_name = "RULE[xN]")]
    pub(in crate::cli) penalty: Vec<PenaltyText>,
    /// 0 for the first attempt, 1 and up for reshoots.
    #[arg(long, default_value_t = 0, conflicts_with_all = ["reading", "dq", "warning", "withdrawn"])]
    pub(in crate::cli) attempt: u32,
    /// Shots after the time limit (Fixed Time).
    #[arg(long, default_value_t = 0)]
    pub(in crate::cli) late_shots: u32,
    /// Shots above the allowed number (Virginia Count).
    #[arg(long, default_value_t = 0)]
    pub(in crate::cli) extra_shots: u32,
    /// Hits above the required number (Virginia Count).
    #[arg(long, default_value_t = 0)]
    pub(in crate::cli) extra_hits: u32,
    /// The shooter did not fire or finish the stage; with the number of the rule if there is one.
    #[arg(long, num_args = 0..=1, default_missing_value = "none", value_name = "RULE")]
    pub(in crate::cli) dnf: Option<RuleText>,
    #[command(flatten)]
    pub(in crate::cli) marks: MarksArgs,
    /// The shooter did not start the stage; with the number of the rule if there is one.
    #[arg(long, num_args = 0..=1, default_missing_value = "none", value_name = "RULE")]
    pub(in crate::cli) dns: Option<RuleText>,
    /// The shooter is disqualified from the stage; with the number of the rule if there is one.
    #[arg(long, num_args = 0..=1, default_missing_value = "none", value_name = "RULE")]
    pub(in crate::cli) stage_dq: Option<RuleText>,
    /// The shooter is warned; with the number of the rule if there is one.
    #[arg(long, num_args = 0..=1, default_missing_value = "none", value_name = "RULE")]
    pub(in crate::cli) warning: Option<RuleText>,
    /// The shooter is disqualified from the match; with the number of the rule.
    #[arg(long, value_name = "RULE")]
    pub(in crate::cli) dq: Option<u32>,
    /// The shooter leaves the match.
    #[arg(long)]
    pub(in crate::cli) withdrawn: bool,
    /// A note on a DNF, DQ or withdrawal, at most 120 bytes.
    #[arg(long, requires = "status")]
    pub(in crate::cli) note: Option<String>,
    #[command(flatten)]
    pub(in crate::cli) chrono: ChronoArgs,
    #[command(flatten)]
    pub(in crate::cli) entry: EntryArgs,
}

/// What only some methods record.
#[derive(Debug, Args)]
pub(in crate::cli) struct MarksArgs {
    /// Ring of each shot, such as "X 10 9 9 0" (Precision).
    #[arg(long, num_args = 1.., value_name = "RINGS")]
    pub(in crate::cli) rings: Vec<String>,
    /// Points down of each target, such as 3,0,1 (Time Plus).
    #[arg(long, value_delimiter = ',', value_name = "POINTS")]
    pub(in crate::cli) down: Vec<u32>,
    /// Hits in the X zone (Time Plus).
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub(in crate::cli) xs: u32,
    /// Faults of each string: - for none, 2M missed plates, 1P procedural, 1V movement, U not
    /// finished, such as "- 1M U" (best strings).
    #[arg(long, value_name = "FAULTS", allow_hyphen_values = true)]
    pub(in crate::cli) faults: Vec<String>,
    /// The time came from a timer.
    #[arg(long)]
    pub(in crate::cli) timer: bool,
}

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("to").required(true).multiple(true).args(["shooter", "drill"]))]
pub(in crate::cli) struct ScoreMove {
    /// The entry: its UUID or the beginning of it.
    pub(in crate::cli) entry: String,
    /// Who shot it.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    pub(in crate::cli) shooter: Option<u32>,
    /// Where it was shot.
    #[arg(long, visible_alias = "stage", value_parser = clap::value_parser!(u32).range(1..))]
    pub(in crate::cli) drill: Option<u32>,
    /// Who agreed, if the score was approved.
    #[arg(long, value_name = "WHO", default_value = "nobody", value_parser = word::<Who>(&["ro", "shooter", "both", "nobody"]))]
    pub(in crate::cli) agreed: Who,
    /// Confirm that it is to stand beside the score that is there.
    #[arg(long)]
    pub(in crate::cli) confirm: bool,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct PointArgs {
    /// The match's number.
    #[arg(long, visible_alias = "match")]
    pub(in crate::cli) drill: u32,
    /// The side that won the point, by its number.
    #[arg(long)]
    pub(in crate::cli) side: u32,
    /// The set.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    pub(in crate::cli) set: u32,
    /// Which point of the set.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    pub(in crate::cli) number: u32,
    #[command(flatten)]
    pub(in crate::cli) entry: EntryArgs,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct SetArgs {
    /// The match's number.
    #[arg(long, visible_alias = "match")]
    pub(in crate::cli) drill: u32,
    /// The side whose points come first, by its number.
    #[arg(long)]
    pub(in crate::cli) side: u32,
    /// The set.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    pub(in crate::cli) set: u32,
    /// Points of that side.
    #[arg(long)]
    pub(in crate::cli) own: u32,
    /// Points of the other one.
    #[arg(long)]
    pub(in crate::cli) other: u32,
    #[command(flatten)]
    pub(in crate::cli) entry: EntryArgs,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Approve {
    /// The entry: its UUID or the beginning of it.
    pub(in crate::cli) entry: String,
    /// Who agrees with it.
    #[arg(long, value_name = "WHO", value_parser = word::<Who>(&["ro", "shooter", "both"]))]
    pub(in crate::cli) by: Who,
}

/// RO, shooter, both or nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(in crate::cli) enum Who {
    Ro,
    Shooter,
    Both,
    Nobody,
}

impl Who {
    /// Returns both as flags.
    pub(in crate::cli) fn data(self) -> AgreedData {
        AgreedData {
            shooter: matches!(self, Self::Shooter | Self::Both),
            ro: matches!(self, Self::Ro | Self::Both),
        }
    }
}

/// A chronograph reading.
#[derive(Debug, Args)]
pub(in crate::cli) struct ChronoArgs {
    /// Record a chronograph reading.
    #[arg(long)]
    pub(in crate::cli) chrono: bool,
    /// Weighed bullet in grains, such as 180.0; repeat for more.
    #[arg(long, value_name = "GRAINS", requires = "chrono", value_parser = notation::decigrains)]
    pub(in crate::cli) weight: Vec<u32>,
    /// Measured speeds in feet a second, such as 963,958,961.
    #[arg(long, requires = "chrono", value_delimiter = ',')]
    pub(in crate::cli) fps: Vec<u32>,
    /// Result of the gear check.
    #[arg(long, requires = "chrono", value_parser = word::<GearResult>(&["pass", "fail"]))]
    pub(in crate::cli) gear: Option<GearResult>,
}

/// What every recorded entry takes.
#[derive(Clone, Debug, Args)]
pub(in crate::cli) struct EntryArgs {
    /// Entry that this one replaces: it is voided in the same commit.
    #[arg(long, value_name = "ENTRY", requires = "reason")]
    pub(in crate::cli) replaces: Option<String>,
    /// Why the replaced entry does not count.
    #[arg(long, requires = "replaces", value_parser = void_why())]
    pub(in crate::cli) reason: Option<VoidWhy>,
    /// Who agreed, if the replaced entry was approved.
    #[arg(long, value_name = "WHO", default_value = "nobody", value_parser = word::<Who>(&["ro", "shooter", "both", "nobody"]))]
    pub(in crate::cli) agreed: Who,
    /// Confirm an unlikely time, or that it is to stand beside what fills its place.
    #[arg(long)]
    pub(in crate::cli) confirm: bool,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct ScoreVoid {
    /// The entry: its UUID or the beginning of it.
    pub(in crate::cli) entry: String,
    /// Why it does not count.
    #[arg(long, value_parser = void_why())]
    pub(in crate::cli) reason: VoidWhy,
    /// Who agreed, if the entry was approved.
    #[arg(long, value_name = "WHO", default_value = "nobody", value_parser = word::<Who>(&["ro", "shooter", "both", "nobody"]))]
    pub(in crate::cli) agreed: Who,
    /// A short note, at most 120 bytes.
    #[arg(long, default_value = "")]
    pub(in crate::cli) note: String,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Entries {
    /// Only this stage.
    #[arg(long, visible_alias = "stage")]
    pub(in crate::cli) drill: Option<u32>,
    /// Only this shooter.
    #[arg(long)]
    pub(in crate::cli) shooter: Option<u32>,
    /// Only what this device wrote.
    #[arg(long)]
    pub(in crate::cli) device: Option<String>,
    /// Only this entry.
    #[arg(long)]
    pub(in crate::cli) entry: Option<String>,
}
