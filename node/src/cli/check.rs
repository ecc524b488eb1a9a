//! `check`: one look for monitoring, with the exit codes of its plugins.
//!
//! Layer: node, cli.

use serde_json::json;

use super::args::{CheckArgs, CheckFormat};
use super::failure::Failure;
use super::session::{Session, clean_lines};
use super::show::add;
use crate::alerts::rules::{self, Grade, Limits, Rule, Trouble};
use crate::local::protocol::{Answer, Nothing, Request, VitalsData};
use crate::metrics::{self, Metric};

/// Exit codes as monitoring plugins have them.
const OK: u8 = 0;
/// Somebody should look.
const WARNING: u8 = 1;
/// Scores are not saved, or not taken.
const CRITICAL: u8 = 2;
/// Nobody knows.
const UNKNOWN: u8 = 3;

/// Looks once, and tells it in the wanted format.
pub(super) fn check(args: &CheckArgs, session: &Session) -> Result<u8, Failure> {
    let format = if session.json {
        CheckFormat::Json
    } else {
        args.format
    };
    let asked = session.ask(Request::Vitals(Nothing {}));
    let vitals = asked.and_then(|it| Answer::Ok(it).data::<VitalsData>().map_err(Failure::from));
    let vitals = match vitals {
        Ok(vitals) => vitals,
        Err(failure) if format == CheckFormat::Nagios => {
            let line = failure.text.lines().next().unwrap_or_default();
            session.write(&format!("TALLYLINE UNKNOWN - {}\n", clean_lines(line)))?;
            return Ok(UNKNOWN);
        }
        Err(failure) => {
            return Err(Failure {
                exit: UNKNOWN,
                ..failure
            });
        }
    };
    let limits = limits(args, session.config.alerts.limits);
    let troubles = troubles(&vitals, &limits);
    let worst = troubles.iter().map(|it| it.grade).max();
    session.write(&match format {
        CheckFormat::Text => text(&vitals, &troubles),
        CheckFormat::Json => json(&vitals, &troubles, worst),
        CheckFormat::Nagios => nagios(&vitals, &troubles, (worst, &limits)),
        CheckFormat::Prometheus => prometheus(&vitals),
    })?;
    Ok(match worst {
        None => OK,
        Some(Grade::Warning) => WARNING,
        Some(Grade::Critical) => CRITICAL,
    })
}

fn limits(args: &CheckArgs, usual: Limits) -> Limits {
    let ms =
        |seconds: Option<u64>, usual: u64| seconds.map_or(usual, |it| it.saturating_mul(1_000));
    Limits {
        lag_ms: ms(args.max_lag, usual.lag_ms),
        free: args.min_free.unwrap_or(usual.free),
        silent_ms: ms(args.max_silent, usual.silent_ms),
        sync_ms: usual.sync_ms,
    }
}

/// A node that does not run saves and carries nothing.
fn troubles(vitals: &VitalsData, limits: &Limits) -> Vec<Trouble> {
    let mut troubles = rules::troubles(vitals, limits);
    if !vitals.running {
        let text = "No node runs on this root: nothing is sent or received. Start it with \
                    `tallyline run`.";
        troubles.insert(
            0,
            Trouble {
                rule: Rule::Store,
                about: String::new(),
                grade: Grade::Critical,
                text: text.to_owned(),
            },
        );
    }
    troubles
}

fn word(grade: Option<Grade>) -> &'static str {
    match grade {
        None => "ok",
        Some(Grade::Warning) => "warning",
        Some(Grade::Critical) => "critical",
    }
}

fn text(vitals: &VitalsData, troubles: &[Trouble]) -> String {
    let mut text = String::new();
    for (rule, grade) in rules::by_rule(troubles) {
        add(
            &mut text,
            format_args!("{:<9} {}\n", word(grade), rule.name()),
        );
        for trouble in troubles.iter().filter(|it| it.rule == rule) {
            add(
                &mut text,
                format_args!("          {}\n", clean_lines(&trouble.text)),
            );
        }
    }
    add(
        &mut text,
        format_args!("{} entries, {} pending\n", vitals.entries, vitals.pending),
    );
    text
}

fn json(vitals: &VitalsData, troubles: &[Trouble], worst: Option<Grade>) -> String {
    let told = |it: &Trouble| {
        json!({
            "rule": it.rule.name(), "about": it.about, "state": word(Some(it.grade)),
            "text": it.text,
        })
    };
    let told: Vec<_> = troubles.iter().map(told).collect();
    let value = json!({
        "schema": "tallyline.check/1", "state": word(worst), "troubles": told, "vitals": vitals,
    });
    format!("{value}\n")
}

/// One line, with figures behind a bar as plugins write them.
fn nagios(
    vitals: &VitalsData,
    troubles: &[Trouble],
    (worst, limits): (Option<Grade>, &Limits),
) -> String {
    let state = word(worst).to_ascii_uppercase();
    let why = match troubles {
        [] => format!("{} entries, {} pending", vitals.entries, vitals.pending),
        [first, more @ ..] => {
            let text = first.text.replace(['|', '\n'], " ");
            if more.is_empty() {
                text
            } else {
                format!("{text} (and {} more)", more.len())
            }
        }
    };
    let free = vitals.free_bytes.unwrap_or_default();
    format!(
        "TALLYLINE {state} - {} | lag={}s;{} pending={} entries={} free={free}B reviews={}\n",
        clean_lines(&why),
        rules::lag_ms(vitals) / 1_000,
        limits.lag_ms / 1_000,
        vitals.pending,
        vitals.entries,
        vitals.reviews,
    )
}

/// The figures that one look knows; a running node tells all of them over HTTP.
fn prometheus(vitals: &VitalsData) -> String {
    let mut text = String::new();
    let mut one = |metric: &Metric, labels: &str, value: String| {
        let head = format!(
            "# HELP {0} {1}\n# TYPE {0} {2}\n",
            metric.name,
            metric.help,
            metric.kind.name()
        );
        if !text.contains(&head) {
            text.push_str(&head);
        }
        add(&mut text, format_args!("{}{labels} {value}\n", metric.name));
    };
    let (version, commit) = (&vitals.version, metrics::COMMIT);
    let version = format!("{{version=\"{version}\",commit=\"{commit}\"}}");
    one(&metrics::BUILD_INFO, &version, "1".to_owned());
    one(&metrics::ENTRIES, "", vitals.entries.to_string());
    let pending = &metrics::ENTRIES_PENDING;
    one(pending, "{stage=\"here\"}", vitals.only_here.to_string());
    one(pending, "{stage=\"cloud\"}", vitals.pending.to_string());
    one(&metrics::CLOUD_ACK_LAG, "", seconds(rules::lag_ms(vitals)));
    one(&metrics::CONFLICTS_OPEN, "", vitals.reviews.to_string());
    if let (Some(free), Some(size)) = (vitals.free_bytes, vitals.disk_bytes) {
        one(&metrics::STORAGE_FREE, "", free.to_string());
        one(&metrics::STORAGE_SIZE, "", size.to_string());
    }
    one(&metrics::STORE_SIZE, "", vitals.store_bytes.to_string());
    let connected = vitals.devices.iter().filter(|it| it.connected).count();
    let away = vitals.devices.len().saturating_sub(connected);
    one(
        &metrics::PEERS,
        "{state=\"connected\"}",
        connected.to_string(),
    );
    one(&metrics::PEERS, "{state=\"away\"}", away.to_string());
    let failing = vitals.devices.iter().filter_map(rules::failing_ms);
    let failing = seconds(failing.max().unwrap_or(0));
    one(&metrics::SYNC_FAILING, "", failing);
    // After the close nobody has to be heard.
    let devices = vitals.devices.iter();
    let wanted = devices.filter(|it| vitals.open && !it.cloud);
    if let Some(silent) = wanted.filter_map(|it| it.silent_ms).max() {
        let now_ms = u64::try_from(vitals.now_unix_ms).unwrap_or(0);
        one(
            &metrics::LAST_CONTACT,
            "",
            seconds(now_ms.saturating_sub(silent)),
        );
    }
    let clocks = vitals.devices.iter().filter_map(|it| it.clock_ahead_ms);
    if let Some(off) = clocks.max_by_key(|it| it.unsigned_abs()) {
        let sign = if off < 0 { "-" } else { "" };
        one(
            &metrics::CLOCK_OFFSET,
            "",
            format!("{sign}{}", seconds(off.unsigned_abs())),
        );
    }
    text
}

fn seconds(ms: u64) -> String {
    format!("{}.{:03}", ms / 1_000, ms % 1_000)
}
