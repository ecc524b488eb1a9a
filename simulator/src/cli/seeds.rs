//! The verb `run`: one seed with everything that happens, or many with a line each.

use std::fs;
use std::path::{Path, PathBuf};

use indicatif::{ProgressBar, ProgressStyle};

use super::args::{Run as Args, Tier};
use super::campaign::{cores, in_order};
use super::engine::Subject;
use super::output::{print, say, span, tenths, thousands};
use super::stopwatch::{Stopwatch, cpu_ms};
use super::{BROKE, HELD};
use crate::day::{PROFILES, Wish};
use crate::outcome::Outcome;
use crate::plan::clock;
use crate::recording::COMMIT;
use crate::report::{self, Campaign, Chosen, Totals, held};
use crate::run::{Options, Run};
use crate::scenario;
use crate::trace::{COLUMN_KEY, Detail};
use crate::wire;

/// What the columns mean when each seed has one line; printed before them.
const SEED_KEY: &str = "\
# column 1: seed
# column 2: profile or scenario
# column 3: devices at the end, clouds and copies included
# column 4: virtual time, hours:minutes:seconds.milliseconds
# column 5: entries that exist at the end
# column 6: faults, planned and by chance
# column 7: how long after the last fault all honest devices agreed
# column 8: looks at a screen / entries shown safe that were not
# column 9: the first 16 hex digits of the trace's hash
# column 10: held, or the invariants that broke";

/// What the columns of a line of the second tier mean.
const WIRE_KEY: &str = "\
# column 1: virtual time, hours:minutes:seconds.milliseconds since the start
# column 2: what happened, in words";

/// Failing seeds of which recordings are written: enough to see a pattern.
const RECORDINGS_MAX: usize = 20;

/// Violations that are printed for a failing seed.
const VIOLATIONS_MAX: usize = 5;

/// Longest day of the second tier, in minutes.
const WIRE_MINUTES_MAX: u64 = 600;

/// Most tablets of the second tier.
const WIRE_TABLETS_MAX: usize = 16;

/// What `run` is to do.
struct Task<'a> {
    args: &'a Args,
    subject: Subject,
    jobs: usize,
    command: String,
}

/// Runs the seeds; prints, records and reports.
pub(super) fn run(args: &Args) -> Result<u8, String> {
    let task = Task {
        subject: subject(args)?,
        jobs: args.jobs.map_or_else(cores, usize::from),
        command: command(args),
        args,
    };
    let last = args
        .seed
        .checked_add(args.count)
        .ok_or("seeds end at 18446744073709551615: give a smaller --seed or --count")?;
    let range = format!("seed {}..{last}", args.seed);
    print([format!("tallyline-sim {range} commit {COMMIT}")])?;
    if let Some(folder) = &args.out {
        fs::create_dir_all(folder).map_err(|error| unwritable(folder, &error))?;
    }
    let watch = Stopwatch::start();
    let outcomes = if args.count == 1 {
        vec![task.one()?]
    } else {
        task.many(&watch)?
    };
    let campaign = Campaign {
        commit: COMMIT.to_owned(),
        tier: tier(args.tier).to_owned(),
        command: task.command.clone(),
        wall_ms: watch.wall_ms(),
        cpu_ms: cpu_ms(),
        jobs: task
            .jobs
            .min(usize::try_from(args.count).unwrap_or(usize::MAX)),
    };
    let totals = Totals::of(&outcomes);
    print(closing(&totals, &campaign))?;
    task.failures(&outcomes)?;
    if let Some(folder) = &args.out {
        task.report(folder, &campaign, &outcomes)?;
    }
    Ok(if totals.failed == 0 { HELD } else { BROKE })
}

impl Task<'_> {
    /// Runs the one seed, prints what happens, and records it if it failed or a folder is given.
    fn one(&self) -> Result<Outcome, String> {
        let seed = self.args.seed;
        let run = self.subject.run(seed, &happenings());
        print([match self.args.tier {
            Tier::Core => COLUMN_KEY,
            Tier::Wire => WIRE_KEY,
        }])?;
        print(&run.lines)?;
        print([SEED_KEY.to_owned(), line(&run.outcome)])?;
        let outcome = run.outcome.clone();
        if self.args.out.is_some() || !held(&outcome) {
            self.record(seed, run)?;
        }
        Ok(outcome)
    }

    /// Runs all seeds, a line each.
    fn many(&self, watch: &Stopwatch) -> Result<Vec<Outcome>, String> {
        print([SEED_KEY])?;
        let bar = ProgressBar::new(self.args.count);
        let style = ProgressStyle::with_template("{wide_bar} {pos}/{len}  {msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        let mut outcomes = Vec::new();
        let (mut failed, mut virtual_ms) = (0_u64, 0_u128);
        let job = |place: u64| {
            let seed = self.args.seed.saturating_add(place);
            self.subject.run(seed, &Options::default()).outcome
        };
        in_order(self.args.count, self.jobs, job, |outcome| {
            bar.suspend(|| print([line(&outcome)]))?;
            failed += u64::from(!held(&outcome));
            virtual_ms += u128::from(outcome.virtual_ms);
            bar.inc(1);
            let wall = watch.wall().as_millis();
            bar.set_message(format!(
                "{failed} failed, {} seeds/s, {} simulated hours/s",
                tenths(u128::from(bar.position()) * 1_000, wall),
                tenths(virtual_ms, wall * 3_600)
            ));
            outcomes.push(outcome);
            Ok::<(), String>(())
        })?;
        bar.finish_and_clear();
        Ok(outcomes)
    }

    /// Says what broke in each failing seed, where its recording is and what to do with it.
    fn failures(&self, outcomes: &[Outcome]) -> Result<(), String> {
        let failed: Vec<&Outcome> = outcomes.iter().filter(|it| !held(it)).collect();
        for outcome in failed.iter().take(RECORDINGS_MAX) {
            let mut lines = vec![String::new(), format!("seed {} broke:", outcome.seed)];
            let shown = outcome.violations.iter().take(VIOLATIONS_MAX);
            lines.extend(
                shown.map(|it| format!("  {}  {}  {}", clock(it.at_ms), it.invariant, it.what)),
            );
            if let Some(more) = outcome.violations.len().checked_sub(VIOLATIONS_MAX)
                && more > 0
            {
                lines.push(format!("  and {more} more"));
            }
            if outcome.false_safe > 0 {
                let count = thousands(outcome.false_safe);
                lines.push(format!(
                    "  {count} times an entry was shown safe that was not"
                ));
            }
            if outcomes.len() > 1 {
                self.record_again(outcome)?;
            }
            lines.extend(self.again(outcome).iter().map(|it| format!("again:  {it}")));
            print(lines)?;
        }
        if let Some(more) = failed.len().checked_sub(RECORDINGS_MAX)
            && more > 0
        {
            print([format!(
                "\n{more} more seeds broke, which were not recorded"
            )])?;
        }
        Ok(())
    }

    /// Runs a failing seed again for its lines; a run must be the same each time.
    fn record_again(&self, before: &Outcome) -> Result<(), String> {
        let run = self.subject.run(before.seed, &happenings());
        if run.outcome.trace != before.trace {
            say(&format!(
                "seed {} is another run the second time: {} and then {}",
                before.seed, before.trace, run.outcome.trace
            ));
        }
        self.record(before.seed, run)
    }

    fn record(&self, seed: u64, run: Run) -> Result<(), String> {
        let file = self.file(seed);
        let recording = self.subject.recording(seed, run);
        recording
            .save(&file)
            .map_err(|error| unwritable(&file, &error))
    }

    /// Returns where the recording of a seed is.
    fn file(&self, seed: u64) -> PathBuf {
        match &self.args.out {
            Some(folder) => folder.join(format!("seed-{seed}.jsonl")),
            None => PathBuf::from(format!("tallyline-sim-{seed}.jsonl")),
        }
    }

    /// Returns the commands that show a run again.
    fn again(&self, outcome: &Outcome) -> Vec<String> {
        if held(outcome) || self.args.tier == Tier::Wire {
            return vec![format!(
                "tallyline-sim run --seed {}{}",
                outcome.seed,
                wishes(self.args)
            )];
        }
        let file = self.file(outcome.seed);
        let mut commands = vec![format!("tallyline-sim replay {}", file.display())];
        if matches!(self.subject, Subject::Day(_)) {
            commands.push(format!("tallyline-sim shrink {}", file.display()));
        }
        commands
    }

    /// Writes the report, with samples of the run that it looks at.
    fn report(
        &self,
        folder: &Path,
        campaign: &Campaign,
        outcomes: &[Outcome],
    ) -> Result<(), String> {
        let sampled = report::choose(outcomes).map(|outcome| {
            let options = Options {
                samples: true,
                ..Options::default()
            };
            let samples = self.subject.run(outcome.seed, &options).outcome;
            // Taking samples looks at screens; the figures are those of the run itself.
            Outcome {
                samples: samples.samples,
                timeline: samples.timeline,
                labels: samples.labels,
                ..outcome.clone()
            }
        });
        let schedule = sampled.as_ref().and_then(|it| self.subject.plan(it.seed));
        let again = sampled
            .as_ref()
            .map(|it| self.again(it))
            .unwrap_or_default();
        let chosen = sampled.as_ref().map(|outcome| Chosen {
            outcome,
            plan: schedule.as_ref(),
            again: &again,
        });
        let repeat = |outcome: &Outcome| self.again(outcome).join("; ");
        report::save(folder, campaign, outcomes, chosen.as_ref(), &repeat)
            .map_err(|error| unwritable(folder, &error))?;
        let page = folder.join("report").join("index.html");
        say(&format!("report:  {}", page.display()));
        Ok(())
    }
}

fn happenings() -> Options {
    Options {
        detail: Detail::Happenings,
        ..Options::default()
    }
}

fn unwritable(path: &Path, error: &std::io::Error) -> String {
    format!("{}: cannot be written: {error}", path.display())
}

/// Finds out what is to run; a name that is not there is a mistake, with those that are.
fn subject(args: &Args) -> Result<Subject, String> {
    if args.tier == Tier::Wire {
        return field(args);
    }
    if let Some(name) = &args.scenario {
        named("scenario", name, scenario::names().map(|it| it.0))?;
        return Ok(Subject::Scenario(name.clone()));
    }
    if let Some(name) = &args.profile {
        named("profile", name, PROFILES.iter().map(|it| it.0))?;
    }
    Ok(Subject::Day(Wish {
        devices: args.devices.map(usize::from),
        hours: args.hours,
        profile: args.profile.clone(),
    }))
}

/// Makes the day of the second tier; its kinds of days are its own.
fn field(args: &Args) -> Result<Subject, String> {
    const PROFILES: [(&str, wire::Profile); 3] = [
        ("calm", wire::Profile::Calm),
        ("corrupt", wire::Profile::Corrupt),
        ("faults", wire::Profile::Faults),
    ];
    let mut day = wire::Options::SHORT_DAY;
    if let Some(name) = &args.profile {
        named("profile", name, PROFILES.iter().map(|it| it.0))?;
        let found = PROFILES.iter().find(|it| it.0 == name);
        day.profile = found.map_or(day.profile, |it| it.1);
    }
    if let Some(hours) = args.hours {
        day.minutes = hours.saturating_mul(60).min(WIRE_MINUTES_MAX);
    }
    if let Some(devices) = args.devices {
        day.tablets = usize::from(devices).saturating_sub(1).min(WIRE_TABLETS_MAX);
    }
    Ok(Subject::Wire(day))
}

fn named(kind: &str, name: &str, names: impl Iterator<Item = &'static str>) -> Result<(), String> {
    let names: Vec<&str> = names.collect();
    if names.contains(&name) {
        return Ok(());
    }
    let names = names.join(", ");
    Err(format!("there is no {kind} {name}; there are: {names}"))
}

fn tier(tier: Tier) -> &'static str {
    match tier {
        Tier::Core => "core",
        Tier::Wire => "wire",
    }
}

/// Writes the command that does all of it again.
fn command(args: &Args) -> String {
    let count = match args.count {
        1 => String::new(),
        count => format!(" --count {count}"),
    };
    format!(
        "tallyline-sim run --seed {}{count}{}",
        args.seed,
        wishes(args)
    )
}

/// Writes what was wished for besides seeds.
fn wishes(args: &Args) -> String {
    let options = [
        ("devices", args.devices.map(|it| it.to_string())),
        ("hours", args.hours.map(|it| it.to_string())),
        ("scenario", args.scenario.clone()),
        ("profile", args.profile.clone()),
        (
            "tier",
            (args.tier != Tier::Core).then(|| tier(args.tier).to_owned()),
        ),
    ];
    let given = options.into_iter();
    let given = given.filter_map(|(name, it)| it.map(|it| format!(" --{name} {it}")));
    given.collect()
}

/// Writes a seed's line.
fn line(outcome: &Outcome) -> String {
    let faults: u64 = outcome.faults.values().sum();
    let looks = format!("{}/{}", outcome.looks, outcome.false_safe);
    // A scenario waits for agreement where it needs it, and has no last fault.
    let none = if held(outcome) { "-" } else { "never" };
    let converged = outcome.converged_ms.map_or_else(|| none.to_owned(), span);
    let trace: String = outcome.trace.chars().take(16).collect();
    let mut broken: Vec<&str> = outcome
        .violations
        .iter()
        .map(|it| it.invariant.as_str())
        .collect();
    broken.sort_unstable();
    broken.dedup();
    let verdict = match (held(outcome), broken.as_slice()) {
        (true, _) => "held".to_owned(),
        (false, []) => "BROKE false-safe".to_owned(),
        (false, broken) => format!("BROKE {}", broken.join(" ")),
    };
    format!(
        "{:>6}  {:<12} {:>3}  {}  {:>6}  {:>8}  {converged:>12}  {looks:>9}  {trace:<16}  {verdict}",
        outcome.seed,
        outcome.profile,
        outcome.devices,
        clock(outcome.virtual_ms),
        outcome.entries,
        faults,
    )
}

/// Writes the table of faults.
fn fault_table(totals: &Totals) -> Vec<String> {
    let mut lines = vec![String::new(), "faults by kind:".to_owned()];
    lines.push(format!("  {:<22} {:>14} {:>9}", "kind", "count", "seeds"));
    for (kind, fault) in totals.faults_by_count() {
        let (count, runs) = (thousands(fault.count), thousands(fault.runs));
        lines.push(format!("  {kind:<22} {count:>14} {runs:>9}"));
    }
    let faults = thousands(totals.fault_count());
    lines.push(format!("  {:<22} {faults:>14}", "all"));
    lines
}

/// Writes the totals.
fn closing(totals: &Totals, campaign: &Campaign) -> Vec<String> {
    let mut lines = fault_table(totals);
    lines.push(String::new());
    let mut row = |name: &str, value: String| lines.push(format!("{name:<16} {value}"));
    row(
        "seeds",
        format!(
            "{}, failed {}",
            thousands(totals.runs),
            thousands(totals.failed)
        ),
    );
    let hour = 3_600_000;
    row(
        "simulated",
        format!(
            "{} hours, {} device-hours",
            tenths(totals.virtual_ms.into(), hour),
            tenths(totals.device_ms.into(), hour)
        ),
    );
    row(
        "entries",
        format!(
            "{}, saved {}, refused {}",
            thousands(totals.entries),
            thousands(totals.saved),
            thousands(totals.refused)
        ),
    );
    row(
        "frames",
        format!(
            "{}, {} bytes",
            thousands(totals.frames),
            thousands(totals.bytes)
        ),
    );
    row(
        "looks",
        format!(
            "{}, shown safe {}, false safe {}",
            thousands(totals.looks),
            thousands(totals.shown_safe),
            thousands(totals.false_safe)
        ),
    );
    let wall = u128::from(campaign.wall_ms);
    let cpu = campaign.cpu_ms.unwrap_or(campaign.wall_ms);
    row(
        "cost",
        format!(
            "{} s wall, {} s CPU, {} worlds side by side",
            tenths(wall, 1_000),
            tenths(cpu.into(), 1_000),
            campaign.jobs
        ),
    );
    row(
        "speed",
        format!(
            "{} seeds a second of CPU, {} simulated hours a second of wall",
            hundredths(u128::from(totals.runs) * 1_000, cpu.into()),
            tenths(totals.virtual_ms.into(), wall * 3_600)
        ),
    );
    lines
}

/// Writes a quotient with two digits after the point; `-` if there is nothing to divide by.
fn hundredths(number: u128, by: u128) -> String {
    match (number * 100).checked_div(by) {
        Some(it) => format!("{}.{:02}", it / 100, it % 100),
        None => "-".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oracle::Violation;

    #[test]
    fn a_seed_s_line_has_the_columns_that_the_key_names() {
        let mut outcome = Outcome {
            seed: 17,
            profile: "storm".to_owned(),
            devices: 9,
            virtual_ms: 11_564_120,
            entries: 1_234,
            converged_ms: Some(12_340),
            looks: 8_100,
            trace: "0123456789abcdef".repeat(4),
            faults: [("kill".to_owned(), 3), ("frame-lost".to_owned(), 453)].into(),
            ..Outcome::default()
        };
        assert_eq!(
            line(&outcome),
            "    17  storm          9  03:12:44.120    1234       456        12.3 s     8100/0  0123456789abcdef  held"
        );
        for invariant in ["I5", "I1", "I5"] {
            outcome.violations.push(Violation {
                invariant: invariant.to_owned(),
                at_ms: 0,
                what: String::new(),
            });
        }
        outcome.converged_ms = None;
        let text = line(&outcome);
        assert!(text.ends_with("BROKE I1 I5"), "{text}");
        assert!(text.contains("never"), "{text}");
    }

    #[test]
    fn the_speed_has_two_digits() {
        assert_eq!(hundredths(1_000, 300), "3.33");
        assert_eq!(hundredths(1, 100), "0.01");
        assert_eq!(hundredths(1, 0), "-");
    }
}
