//! The verb `shrink`: the smallest schedule that breaks the same invariant.

use std::path::{Path, PathBuf};

use indicatif::{ProgressBar, ProgressStyle};

use super::args::Shrink;
use super::engine::{self, Subject};
use super::output::{print, say, thousands};
use super::replay::open;
use super::{BROKE, HELD};
use crate::day::Wish;
use crate::plan::{Plan, clock};
use crate::recording::Recording;
use crate::run::Options;
use crate::shrink::{Progress, Shrunk, shrink as smallest};
use crate::trace::Detail;

/// Shrinks the plan of a recording; prints the schedule and writes its recording.
pub(super) fn shrink(args: &Shrink) -> Result<u8, String> {
    let file = args.file.display();
    let recording = open(&args.file)?;
    let header = &recording.header;
    let plan = header.plan.as_ref().ok_or_else(|| {
        format!("{file}: a scenario is played as it is written, there is nothing to leave out")
    })?;
    let broken = header.violations.first().ok_or_else(|| {
        format!("{file}: everything held in this run, there is no failure to keep")
    })?;

    let invariant = broken.invariant.as_str();
    let Some(shrunk) = search(plan, invariant, args.runs) else {
        say(&format!(
            "{invariant} does not break when the recording runs again: it was another program, or \
             the run is not deterministic; `tallyline-sim replay {file}` tells"
        ));
        return Ok(BROKE);
    };
    let out = args.out.clone().unwrap_or_else(|| beside(&args.file));
    let smallest = record(&shrunk.plan);
    smallest
        .save(&out)
        .map_err(|error| format!("{}: cannot be written: {error}", out.display()))?;
    print(schedule(plan, &shrunk, &smallest))?;
    say(&format!("again:  tallyline-sim replay {}", out.display()));
    Ok(HELD)
}

fn search(plan: &Plan, invariant: &str, runs: u32) -> Option<Shrunk> {
    let bar = ProgressBar::new(runs.into());
    let style = ProgressStyle::with_template("{spinner} {pos} of at most {len} runs  {msg}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    let mut fails = |plan: &Plan| {
        let run = engine::schedule(plan, &Options::default());
        let mut broken = run.outcome.violations.iter();
        broken.any(|it| it.invariant == invariant)
    };
    let mut tell = |progress: Progress| {
        bar.set_position(progress.runs.into());
        bar.set_message(format!(
            "{invariant} still breaks with {} happenings, {} devices, {}",
            progress.happenings,
            progress.devices,
            clock(progress.length_ms)
        ));
    };
    let shrunk = smallest(plan, runs, &mut fails, &mut tell);
    bar.finish_and_clear();
    shrunk
}

/// Runs the smallest plan once more, for its lines.
fn record(plan: &Plan) -> Recording {
    let options = Options {
        detail: Detail::Happenings,
        ..Options::default()
    };
    let run = engine::schedule(plan, &options);
    let mut recording = Subject::Day(Wish::default()).recording(plan.seed, run);
    recording.header.plan = Some(plan.clone());
    recording
}

/// Writes the schedule as a person reads it.
fn schedule(before: &Plan, shrunk: &Shrunk, recording: &Recording) -> Vec<String> {
    let plan = &shrunk.plan;
    let weather = serde_json::to_string(&plan.weather).unwrap_or_default();
    let runs = thousands(shrunk.runs.into());
    let mut lines = vec![
        format!(
            "# seed {}: {} happenings, before {}; {} devices, before {}; {runs} runs",
            plan.seed,
            plan.happenings.len(),
            before.happenings.len(),
            plan.devices,
            before.devices,
        ),
        format!(
            "# {} of faults and people, {} drills, {} shooters, network {weather}",
            clock(plan.length_ms),
            plan.drills,
            plan.shooters
        ),
    ];
    if !shrunk.complete {
        lines.push("# the runs were used up: --runs with more may find a smaller one".to_owned());
    }
    lines.extend(plan.happenings.iter().map(ToString::to_string));
    let broken = recording.header.violations.iter();
    lines.extend(broken.map(|it| {
        format!(
            "{}  => {} breaks: {}",
            clock(it.at_ms),
            it.invariant,
            it.what
        )
    }));
    lines
}

/// Returns where the recording goes when nobody says: `seed-7.jsonl` becomes `seed-7.min.jsonl`.
fn beside(file: &Path) -> PathBuf {
    match file.extension() {
        Some(end) => file.with_extension(format!("min.{}", end.to_string_lossy())),
        None => file.with_extension("min"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_recording_lies_beside_the_first() {
        let check = |file: &str, expected: &str| {
            assert_eq!(beside(Path::new(file)), Path::new(expected));
        };
        check("out/seed-7.jsonl", "out/seed-7.min.jsonl");
        check("seed-7", "seed-7.min");
    }
}
