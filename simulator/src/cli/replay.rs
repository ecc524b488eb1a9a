//! The verb `replay`: a recording run again, with everything, and compared.

use std::path::Path;

use super::args::Replay;
use super::output::{print, say, thousands};
use super::{BROKE, HELD, engine};
use crate::oracle::Violation;
use crate::plan::clock;
use crate::recording::{COMMIT, Recording, is_happening, line_ms};
use crate::run::Options;
use crate::trace::{COLUMN_KEY, Detail};

/// Runs a recording again; prints everything, and says whether it is the same run.
pub(super) fn replay(args: &Replay) -> Result<u8, String> {
    let recording = open(&args.file)?;
    let header = &recording.header;
    let run = engine::again(
        header,
        &Options {
            detail: Detail::Everything,
            until_ms: args.until,
            ..Options::default()
        },
    );
    print([format!(
        "tallyline-sim replay of seed {} commit {}",
        header.seed, header.commit
    )])?;
    print([COLUMN_KEY])?;
    let shown = |line: &&String| {
        args.until
            .is_none_or(|until| line_ms(line).is_none_or(|at| at <= until))
    };
    print(run.lines.iter().filter(shown))?;

    if let Some(divergence) = recording.diverges(&run.lines, args.until) {
        say(&divergence.to_string());
        return Ok(BROKE);
    }
    let same = run.lines.iter().filter(shown);
    let same = thousands(
        same.filter(|it| is_happening(it))
            .count()
            .try_into()
            .unwrap_or(u64::MAX),
    );
    if let Some(until) = args.until {
        let until = clock(until);
        say(&format!(
            "the same {same} lines until {until}; the hash covers the whole run and was not compared"
        ));
        return Ok(HELD);
    }
    if run.outcome.trace != header.trace {
        say(&format!(
            "the same {same} lines, but another hash: what is not in the recording differs\n  \
             recorded  {}\n  now       {}",
            header.trace, run.outcome.trace
        ));
        return Ok(BROKE);
    }
    say(&format!(
        "the same {same} lines, the same hash; {}",
        verdict(&run.outcome.violations)
    ));
    Ok(HELD)
}

/// Reads a recording, and says so if another build made it.
pub(super) fn open(file: &Path) -> Result<Recording, String> {
    let recording = Recording::open(file).map_err(|why| format!("{}: {why}", file.display()))?;
    let header = &recording.header;
    if header.tier != "core" {
        return Err(format!(
            "{}: was recorded with --tier {}, which has no schedule: run its seed again with \
             `tallyline-sim run --seed {} --tier {}`",
            file.display(),
            header.tier,
            header.seed,
            header.tier
        ));
    }
    if header.commit != COMMIT {
        say(&format!(
            "recorded by commit {}, this program is of commit {COMMIT}: the run may be another one",
            header.commit
        ));
    }
    Ok(recording)
}

fn verdict(violations: &[Violation]) -> String {
    match violations {
        [] => "everything held, as recorded".to_owned(),
        [first, rest @ ..] => {
            let more = match rest.len() {
                0 => String::new(),
                more => format!(" (and {more} more)"),
            };
            format!(
                "the failure is reproduced: {} at {}: {}{more}",
                first.invariant,
                clock(first.at_ms),
                first.what
            )
        }
    }
}
