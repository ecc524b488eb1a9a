//! What may be typed: every verb with its arguments.

use std::path::PathBuf;

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Parser, Subcommand, ValueEnum};

/// Fewest and most devices at a venue.
const DEVICES: std::ops::RangeInclusive<i64> = 2..=64;

/// Longest day in hours: a week.
const HOURS_MAX: u64 = 168;

/// Runs tried by `shrink` when nothing else is said: minutes, not hours.
const SHRINK_RUNS: u32 = 2_000;

/// The world that lies: runs the real core through days at a venue where everything goes wrong,
/// and checks what the product promises.
#[derive(Debug, Parser)]
#[command(
    name = "tallyline-sim",
    version,
    arg_required_else_help = true,
    after_help = "The same seed gives the same run, on every machine. A run that fails leaves a \
                  recording behind: `replay` shows what happened, `shrink` finds the smallest \
                  schedule that still fails.\n\n\
                  Exit codes: 0 everything held (replay: the run is the same, whether it failed \
                  or not); 1 an invariant broke (replay: the run is another one; shrink: the \
                  failure does not come back); 2 wrong usage, or a file that cannot be read or \
                  written."
)]
pub(super) struct Cli {
    /// Plant this mistake in the product first; `list planted` names them.
    #[cfg(feature = "planted")]
    #[arg(long, global = true, value_name = "NAME")]
    pub(super) plant: Option<String>,
    #[command(subcommand)]
    pub(super) verb: Verb,
}

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Run seeds: one with everything that happens, many with a line each.
    Run(Run),
    /// Run a recording again, with every input, state and message, and compare.
    Replay(Replay),
    /// Find the smallest schedule that breaks the same invariant as a recording.
    Shrink(Shrink),
    /// Say what can be run and what is checked.
    List {
        /// Only this part.
        #[arg(value_enum)]
        part: Option<Part>,
    },
    /// Plant each mistake in turn, and show which check finds it.
    #[cfg(feature = "planted")]
    Faults(Faults),
}

#[cfg(feature = "planted")]
#[derive(Debug, Args)]
pub(super) struct Faults {
    /// Only this one; `list planted` names them.
    #[arg(long, value_name = "NAME")]
    pub(super) only: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct Run {
    /// First seed.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(super) seed: u64,
    /// How many seeds, counted up from the first.
    #[arg(long, value_name = "M", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) count: u64,
    /// Devices at the venue, 2 to 64 [default: as the seed draws].
    #[arg(long, value_name = "D", value_parser = clap::value_parser!(u16).range(DEVICES))]
    pub(super) devices: Option<u16>,
    /// Hours of virtual time until everything heals, 1 to 168 [default: as the seed draws].
    #[arg(long, value_name = "H", value_parser = clap::value_parser!(u64).range(1..=HOURS_MAX))]
    pub(super) hours: Option<u64>,
    /// Play one named scenario instead of a drawn day; `list scenarios` names them.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["profile", "devices", "hours", "tier"], value_parser = NonEmptyStringValueParser::new())]
    pub(super) scenario: Option<String>,
    /// Draw only days of this kind; `list profiles` names them [default: as the seed draws].
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    pub(super) profile: Option<String>,
    /// Worlds that run side by side [default: one for each core].
    #[arg(long, value_name = "J", value_parser = clap::value_parser!(u16).range(1..=1_024))]
    pub(super) jobs: Option<u16>,
    /// Folder for summary.json, junit.xml, report/index.html and recordings; made if missing.
    #[arg(long, value_name = "DIR")]
    pub(super) out: Option<PathBuf>,
    /// What runs: the core alone, or with the real network code over simulated datagrams.
    #[arg(long, value_enum, default_value_t = Tier::Core, value_name = "TIER")]
    pub(super) tier: Tier,
}

#[derive(Debug, Args)]
pub(super) struct Replay {
    /// The recording.
    pub(super) file: PathBuf,
    /// Stop at this virtual time, such as 03:12 or 03:12:44; the hash is not compared then.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(super) until: Option<u64>,
}

#[derive(Debug, Args)]
pub(super) struct Shrink {
    /// The recording of a run that failed.
    pub(super) file: PathBuf,
    /// Where the recording of the smallest schedule goes [default: FILE with .min before the end].
    #[arg(long, value_name = "FILE")]
    pub(super) out: Option<PathBuf>,
    /// Most runs to try.
    #[arg(long, value_name = "N", default_value_t = SHRINK_RUNS, value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) runs: u32,
}

/// Which code runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Tier {
    /// The core under virtual time; network and disk are simulated.
    Core,
    /// Real QUIC, TLS, framing and driver over simulated datagrams; slower.
    Wire,
}

/// A part of what `list` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Part {
    /// Named scenarios.
    Scenarios,
    /// Kinds of days that a seed can draw.
    Profiles,
    /// What people do and what goes wrong.
    Faults,
    /// What is checked.
    Invariants,
    /// Mistakes that can be planted to test the checks.
    Planted,
    /// What the columns of a run's lines mean.
    Columns,
}

/// Reads a virtual time, `03:12` or `03:12:44` or `03:12:44.120`, in ms.
fn time(text: &str) -> Result<u64, String> {
    let wrong = || format!("{text} is no time such as 03:12, 03:12:44 or 03:12:44.120");
    let (whole, rest) = text.split_once('.').unwrap_or((text, "0"));
    let number = |part: &str| {
        let digits = part.bytes().all(|byte| byte.is_ascii_digit());
        part.parse::<u64>()
            .ok()
            .filter(|_| digits)
            .ok_or_else(wrong)
    };
    let parts: Vec<u64> = whole.split(':').map(number).collect::<Result<_, _>>()?;
    let (hours, minutes, seconds) = match *parts.as_slice() {
        [hours, minutes] => (hours, minutes, 0),
        [hours, minutes, seconds] => (hours, minutes, seconds),
        _ => return Err(wrong()),
    };
    let digits = number(rest)?;
    if minutes > 59 || seconds > 59 || rest.len() > 3 {
        return Err(wrong());
    }
    let ms = match rest.len() {
        1 => digits * 100,
        2 => digits * 10,
        _ => digits,
    };
    hours
        .checked_mul(3_600_000)
        .and_then(|it| it.checked_add(minutes * 60_000 + seconds * 1_000 + ms))
        .ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_arguments_are_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_time_is_read_as_a_line_shows_it() {
        let check = |text: &str, ms: Option<u64>| assert_eq!(time(text).ok(), ms, "{text}");
        check("00:00", Some(0));
        check("03:12", Some(11_520_000));
        check("03:12:44", Some(11_564_000));
        check("03:12:44.120", Some(11_564_120));
        check("03:12:44.5", Some(11_564_500));
        check("120:00", Some(432_000_000));
        check("3", None);
        check("03:60", None);
        check("03:12:60", None);
        check("03:-1", None);
        check("03:+1", None);
        check("03:12:44.1234", None);
        check("03:12:44:1", None);
        check("", None);
        check("99999999999999999:00", None);
    }

    #[test]
    fn a_scenario_is_not_mixed_with_a_drawn_day() {
        let check = |words: &str, fits: bool| {
            let args = words.split(' ');
            assert_eq!(Cli::try_parse_from(args).is_ok(), fits, "{words}");
        };
        check("s run", true);
        check("s run --seed 7 --count 20 --devices 9 --hours 2", true);
        check("s run --scenario handover --seed 4", true);
        check("s run --scenario handover --profile storm", false);
        check("s run --scenario handover --devices 4", false);
        check("s run --devices 1", false);
        check("s run --devices 65", false);
        check("s run --hours 0", false);
        check("s run --count 0", false);
        check("s run --tier wire", true);
        check("s run --tier real", false);
        check("s replay", false);
        check("s list planted", true);
        check("s list everything", false);
    }
}
