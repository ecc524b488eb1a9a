//! The page for people: one file, which asks nobody for anything.
//!
//! The template, its style and its script are part of the program; the data is put in as JSON.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::series::{State, Stretch, differences, stretches, thinned, too_many};
use super::summary::{Campaign, Totals, held};
use crate::outcome::{Outcome, Sample};
use crate::plan::Plan;

const TEMPLATE: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");
/// Tables and what stands above them.
const SCRIPT: &str = include_str!("page.js");
/// The pictures of one run.
const CHARTS: &str = include_str!("charts.js");

/// Upper ends of the places of the convergence picture, in ms.
const CONVERGENCE_MS: [u64; 11] = [
    500, 1_000, 2_000, 5_000, 10_000, 20_000, 30_000, 60_000, 120_000, 300_000, 600_000,
];

/// Seeds that the table lists; with more, those that failed and the first others.
const ROWS_MAX: usize = 2_000;

/// Lines of the list of what happened.
const TIMELINE_MAX: usize = 1_200;

/// Characters of a text that the page shows.
const TEXT_MAX: usize = 240;

/// Violations of the chosen run.
const VIOLATIONS_MAX: usize = 40;

/// Samples of lanes, which are exact to this share of the run.
const LANE_POINTS: usize = 720;

/// The run that the page looks at more closely; its outcome has samples.
#[derive(Clone, Copy, Debug)]
pub struct Chosen<'a> {
    /// What came out.
    pub outcome: &'a Outcome,
    /// Its plan; `None` for what is no drawn day.
    pub plan: Option<&'a Plan>,
    /// Commands that show it again, one each.
    pub again: &'a [String],
}

/// Makes the page.
///
/// # Errors
/// If a value cannot be written as JSON.
pub fn page(
    campaign: &Campaign,
    outcomes: &[Outcome],
    chosen: Option<&Chosen<'_>>,
) -> serde_json::Result<String> {
    let totals = Totals::of(outcomes);
    let data = json!({
        "campaign": campaign,
        "totals": totals,
        "faults": totals
            .faults_by_count()
            .iter()
            .map(|(kind, it)| json!([kind, it.count, it.runs]))
            .collect::<Vec<_>>(),
        "convergence": convergence(outcomes),
        "profiles": profiles(outcomes),
        "rows": rows(outcomes),
        "run": chosen.map(run),
    });
    // No text of a run can end the script element that it is in.
    let data = serde_json::to_string(&data)?.replace('<', "\\u003c");
    Ok(TEMPLATE
        .replace("/*style*/", STYLE)
        .replace("/*charts*/", CHARTS)
        .replace("/*script*/", SCRIPT)
        .replace("/*data*/", &data))
}

/// Counts runs by how long they took to agree.
fn convergence(outcomes: &[Outcome]) -> Value {
    let mut counts = vec![0_u64; CONVERGENCE_MS.len() + 1];
    let mut never = 0_u64;
    for outcome in outcomes {
        let Some(ms) = outcome.converged_ms else {
            // A scenario that held waited for agreement itself.
            never += u64::from(!held(outcome));
            continue;
        };
        let place = CONVERGENCE_MS.partition_point(|end| *end < ms);
        if let Some(count) = counts.get_mut(place) {
            *count += 1;
        }
    }
    let mut all: Vec<u64> = outcomes.iter().filter_map(|it| it.converged_ms).collect();
    json!({
        "edges": CONVERGENCE_MS,
        "counts": counts,
        "never": never,
        "median": quantile(&mut all, 50),
        "p99": quantile(&mut all, 99),
        "worst": all.last(),
    })
}

/// Returns the smallest value that so many of 100 do not exceed; sorts the values.
fn quantile(values: &mut [u64], percent: usize) -> Option<u64> {
    values.sort_unstable();
    let place = (values.len() * percent).div_ceil(100);
    values.get(place.saturating_sub(1)).copied()
}

/// Tells each profile's figures.
fn profiles(outcomes: &[Outcome]) -> Vec<Value> {
    let mut by_name: BTreeMap<&str, Vec<&Outcome>> = BTreeMap::new();
    for outcome in outcomes {
        by_name.entry(&outcome.profile).or_default().push(outcome);
    }
    let one = |(name, of): (&str, Vec<&Outcome>)| {
        let mut converged: Vec<u64> = of.iter().filter_map(|it| it.converged_ms).collect();
        json!([
            name,
            of.len(),
            of.iter().filter(|it| !held(it)).count(),
            of.iter().map(|it| it.devices).max(),
            of.iter().map(|it| it.virtual_ms).sum::<u64>(),
            of.iter().map(|it| it.entries).sum::<u64>(),
            of.iter().map(|it| fault_count(it)).sum::<u64>(),
            quantile(&mut converged, 50),
            converged.last(),
        ])
    };
    by_name.into_iter().map(one).collect()
}

/// Lists the seeds: those that failed first to stay, then the first others, in their order.
fn rows(outcomes: &[Outcome]) -> Vec<Value> {
    let failed = outcomes.iter().filter(|it| !held(it)).count();
    let mut others = ROWS_MAX.saturating_sub(failed);
    let mut failures = ROWS_MAX;
    let mut rows = Vec::new();
    for outcome in outcomes {
        let room = if held(outcome) {
            &mut others
        } else {
            &mut failures
        };
        if *room > 0 {
            *room -= 1;
            rows.push(row(outcome));
        }
    }
    rows
}

fn row(outcome: &Outcome) -> Value {
    let why = outcome.violations.first().map_or_else(String::new, |it| {
        format!("{}: {}", it.invariant, shortened(&it.what))
    });
    json!([
        // As text: the numbers of a browser end at 2^53.
        outcome.seed.to_string(),
        outcome.profile,
        outcome.devices,
        outcome.virtual_ms,
        outcome.entries,
        fault_count(outcome),
        outcome.converged_ms,
        outcome.looks,
        outcome.false_safe,
        outcome.trace.chars().take(16).collect::<String>(),
        u8::from(held(outcome)),
        why,
        outcome.violations.len(),
    ])
}

fn fault_count(outcome: &Outcome) -> u64 {
    outcome.faults.values().sum()
}

/// Tells everything about the chosen run.
fn run(chosen: &Chosen<'_>) -> Value {
    let outcome = chosen.outcome;
    let violations = outcome.violations.iter().take(VIOLATIONS_MAX);
    let mut value = json!({
        "seed": outcome.seed.to_string(),
        "profile": outcome.profile,
        "held": held(outcome),
        "devices": outcome.devices,
        "virtual_ms": outcome.virtual_ms,
        "heals_ms": chosen.plan.map(|plan| plan.length_ms),
        "converged_ms": outcome.converged_ms,
        "entries": outcome.entries,
        "saved": outcome.saved,
        "refused": outcome.refused,
        "frames": outcome.frames,
        "bytes": outcome.bytes,
        "looks": outcome.looks,
        "shown_safe": outcome.shown_safe,
        "false_safe": outcome.false_safe,
        "trace": outcome.trace,
        "labels": outcome.labels,
        "again": chosen.again,
        "violation_count": outcome.violations.len(),
        "violations": violations
            .map(|it| json!([it.at_ms, it.invariant, shortened(&it.what)]))
            .collect::<Vec<_>>(),
        "happened_count": happened(chosen).len(),
        "happened": listed(happened(chosen)),
    });
    if let (Some(value), Value::Object(samples)) = (value.as_object_mut(), samples(outcome)) {
        value.extend(samples);
    }
    value
}

/// Tells the venue over time.
fn samples(outcome: &Outcome) -> Value {
    let devices = |it: &Sample| it.devices.len();
    let devices = outcome.samples.iter().map(devices).max().unwrap_or(0);
    let few = thinned(&outcome.samples, if devices > 32 { 120 } else { 240 });
    let fine = thinned(&outcome.samples, LANE_POINTS);
    let levels = few.iter().map(|it| it.copies.len()).max().unwrap_or(0);
    let line = |read: &dyn Fn(&Sample) -> u64| differences(few.iter().map(read));
    let of_device = |no: usize| {
        let of = |read: &dyn Fn(&crate::outcome::DeviceSample) -> u64| {
            line(&|it| it.devices.get(no).map_or(0, read))
        };
        let lies = outcome.samples.iter().filter_map(|it| it.devices.get(no));
        json!({
            "bytes": of(&|it| it.bytes_sent),
            "own": of(&|it| it.own),
            "shown": of(&|it| it.own_shown_safe),
            "really": of(&|it| it.own_really_safe),
            "holds": of(&|it| it.holds),
            "worst": lies.map(too_many).max(),
            "lane": stretches(&fine, no)
                .iter()
                .map(lane)
                .collect::<Vec<_>>(),
        })
    };
    json!({
        "at": line(&|it| it.at_ms),
        "exist": line(&|it| it.entries),
        "everywhere": line(&|it| it.everywhere),
        "cloud": line(&|it| it.cloud),
        "copies": (0..levels)
            .map(|level| line(&|it| it.copies.get(level).copied().unwrap_or(0)))
            .collect::<Vec<_>>(),
        "each": (0..devices).map(of_device).collect::<Vec<_>>(),
    })
}

/// Tells a stretch of a lane as the script reads it.
fn lane(stretch: &Stretch) -> Value {
    let state = match stretch.state {
        State::Off => 0,
        State::Together => 1,
        State::Alone => 2,
    };
    json!([stretch.at_ms, stretch.group, state])
}

/// Returns what happened: as the run told it, else as it was planned.
fn happened(chosen: &Chosen<'_>) -> Vec<(u64, String)> {
    if !chosen.outcome.timeline.is_empty() {
        return chosen.outcome.timeline.clone();
    }
    let plan = chosen.plan.into_iter();
    plan.flat_map(|plan| &plan.happenings)
        .map(|it| (it.at_ms, it.act.to_string()))
        .collect()
}

/// Cuts a list that is too long: what people enter all day goes first, faults stay.
fn listed(mut happened: Vec<(u64, String)>) -> Vec<Value> {
    const DAILY: [&str; 3] = ["score ", "correct ", "void "];
    let daily = |text: &str| DAILY.iter().any(|word| text.starts_with(word));
    let mut spare = happened.len().saturating_sub(TIMELINE_MAX);
    happened.retain(|(_, text)| {
        let stays = spare == 0 || !daily(text);
        spare -= usize::from(!stays);
        stays
    });
    happened.truncate(TIMELINE_MAX);
    happened
        .iter()
        .map(|(at, text)| json!([at, shortened(text)]))
        .collect()
}

/// Returns a text that is not too long for the page.
fn shortened(text: &str) -> String {
    if text.chars().count() <= TEXT_MAX {
        return text.to_owned();
    }
    let start: String = text.chars().take(TEXT_MAX).collect();
    format!("{start} ...")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oracle::Violation;
    use crate::outcome::DeviceSample;

    fn outcome(seed: u64, converged_ms: Option<u64>) -> Outcome {
        Outcome {
            seed,
            profile: "storm".to_owned(),
            devices: 8,
            virtual_ms: 6 * 3_600_000,
            trace: "0123456789abcdef".repeat(4),
            entries: 1_800,
            converged_ms,
            looks: 40_000,
            faults: [("frame-lost".to_owned(), 90_000), ("kill".to_owned(), 12)].into(),
            ..Outcome::default()
        }
    }

    fn sampled(devices: u64) -> Outcome {
        let device = |at: u64, no: u64| DeviceSample {
            running: !(at + no).is_multiple_of(97),
            group: usize::try_from(at / 60 % (no + 1)).expect("it is small"),
            holds: at * 3,
            bytes_sent: at * (900 + no * 37) + at * at % 991,
            own: at / 2,
            own_shown_safe: at / 3,
            own_really_safe: at / 3 + at % 5,
        };
        let sample = |at: u64| Sample {
            at_ms: at * 30_000,
            entries: at * 3,
            everywhere: at * 2,
            cloud: at,
            copies: vec![at % 7, at % 5, at, at * 2],
            devices: (0..devices).map(|no| device(at, no)).collect(),
        };
        let score = |no: u64| {
            (
                no * 9_000,
                format!("score device={} drill=3 shooter=17", no % 9),
            )
        };
        Outcome {
            samples: (0..1_440).map(sample).collect(),
            timeline: (0..4_000).map(score).collect(),
            labels: (0..devices).map(|no| format!("tablet-{no}")).collect(),
            ..outcome(7, Some(4_000))
        }
    }

    fn chosen<'a>(outcome: &'a Outcome, again: &'a [String]) -> Chosen<'a> {
        Chosen {
            outcome,
            plan: None,
            again,
        }
    }

    fn data(page: &str) -> Value {
        let (_, rest) = page
            .split_once("<script type=\"application/json\" id=\"data\">")
            .expect("the page has data");
        let (data, _) = rest.split_once("</script>").expect("the data ends");
        serde_json::from_str(data).expect("the data is JSON")
    }

    #[test]
    fn the_page_asks_nobody_for_anything() {
        let outcome = sampled(9);
        let page = page(
            &Campaign::default(),
            std::slice::from_ref(&outcome),
            Some(&chosen(&outcome, &[])),
        )
        .expect("it is JSON");
        for word in [
            "http", "//cdn", "@import", "fetch(", "src=", "<link", "/*data*/",
        ] {
            assert!(!page.contains(word), "the page contains {word}");
        }
        let outside = page.split("url(").skip(1).find(|it| !it.starts_with('#'));
        assert_eq!(outside, None, "pictures refer to the page itself only");
        assert_eq!(page.matches("</html>").count(), 1, "it is one page");
    }

    #[test]
    fn no_text_of_a_run_ends_the_data() {
        let mut bad = outcome(u64::MAX, None);
        bad.profile = "</script><script>alert(1)</script><!--".to_owned();
        bad.violations.push(Violation {
            invariant: "I3".to_owned(),
            at_ms: 5,
            what: "</ScRiPt> & \"quoted\"".to_owned(),
        });
        let page = page(
            &Campaign::default(),
            std::slice::from_ref(&bad),
            Some(&chosen(&bad, &[])),
        )
        .expect("it is JSON");
        assert!(!page.contains("alert(1)</script>"), "it is escaped");
        let data = data(&page);
        assert_eq!(data["rows"][0][1], bad.profile.as_str());
        assert_eq!(data["rows"][0][0], "18446744073709551615");
        assert_eq!(data["run"]["violations"][0][2], "</ScRiPt> & \"quoted\"");
    }

    #[test]
    fn a_page_of_200_seeds_and_many_devices_stays_small() {
        let outcomes: Vec<Outcome> = (0..200)
            .map(|seed| outcome(seed, Some(seed * 77)))
            .collect();
        let run = sampled(30);
        let page = page(&Campaign::default(), &outcomes, Some(&chosen(&run, &[])));
        let size = page.expect("it is JSON").len();
        assert!(size < 300_000, "the page has {size} bytes");
    }

    #[test]
    fn runs_are_counted_by_the_time_they_took_to_agree() {
        let times = [Some(0), Some(500), Some(501), Some(9_999_999), None];
        let mut outcomes: Vec<Outcome> = times.map(|ms| outcome(1, ms)).into();
        outcomes.push(outcome(2, None));
        outcomes[4].false_safe = 1;
        let value = convergence(&outcomes);
        assert_eq!(value["counts"], json!([2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]));
        assert_eq!(
            (&value["never"], &value["worst"]),
            (&json!(1), &json!(9_999_999))
        );
        assert_eq!(value["median"], 500);
    }

    #[test]
    fn a_long_list_keeps_the_faults() {
        let mut happened: Vec<(u64, String)> = (0..3_000)
            .map(|at| (at, format!("score device={at}")))
            .collect();
        happened.push((3_001, "kill device=3".to_owned()));
        let rows = listed(happened);
        assert_eq!(rows.len(), TIMELINE_MAX);
        assert_eq!(rows.last(), Some(&json!([3_001, "kill device=3"])));
    }

    #[test]
    fn seeds_that_failed_are_never_left_out_of_the_table() {
        let mut outcomes: Vec<Outcome> = (0..2_500).map(|seed| outcome(seed, None)).collect();
        outcomes.last_mut().expect("there are many").false_safe = 1;
        let rows = rows(&outcomes);
        assert_eq!(rows.len(), ROWS_MAX);
        assert_eq!(rows.last().map(|row| &row[0]), Some(&json!("2499")));
    }
}
