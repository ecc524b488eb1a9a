//! What doctor found, and the security log.
//!
//! Layer: node, cli, show.

use crate::config::Screen;
use crate::doctor::{Report, State};
use crate::local::protocol::{SecurityData, SecurityLine};

use super::table::{Sheet, Side::Left, Side::Right, clean};
use super::{add, when};

/// Shows a line for each thing, and below it what to do where something is to be done.
pub(in crate::cli) fn report(report: &Report) -> String {
    let mut text = String::new();
    for finding in &report.findings {
        let state = match finding.state {
            State::Fine => "ok",
            State::Note => "note",
            State::Wrong => "WRONG",
        };
        let (what, cause) = (&finding.what, clean(&finding.cause));
        add(&mut text, format_args!("{state:<6} {what:<15} {cause}\n"));
        if !finding.fix.is_empty() {
            let fix = clean(&finding.fix);
            add(&mut text, format_args!("{:23}-> {fix}\n", ""));
        }
    }
    text.push_str(if report.well {
        "Nothing is wrong.\n"
    } else {
        "Something is wrong; each arrow says what to do.\n"
    });
    text
}

/// Shows whom the node turned away: how often for each cause, and the lines.
pub(in crate::cli) fn security(data: &SecurityData, screen: Screen) -> String {
    if data.counts.is_empty() {
        return "Nothing was turned away since the node started.\n".to_owned();
    }
    let mut counts = Sheet::new(screen, &[("CAUSE", Left), ("TIMES", Right)]);
    for count in &data.counts {
        counts.row([count.cause.clone(), count.count.to_string()]);
    }
    let headings = [
        ("SINCE", Left),
        ("TIMES", Right),
        ("CAUSE", Left),
        ("WHO", Left),
        ("ADDRESS", Left),
        ("WHAT", Left),
    ];
    let mut lines = Sheet::new(screen, &headings);
    for line in &data.lines {
        let at = i64::try_from(line.at_unix_ms).unwrap_or(i64::MAX);
        lines.row([
            when::utc(at),
            line.times.to_string(),
            line.cause.clone(),
            who(line),
            address(line),
            line.text.clone(),
        ]);
    }
    format!("{}\n{}", counts.text(), lines.text())
}

/// Names somebody: by label, by the beginning of the key, or not at all.
fn who(line: &SecurityLine) -> String {
    let key = line.key.as_deref().unwrap_or("-");
    let short = key.split('-').next().unwrap_or_default();
    let nobody = if short.is_empty() { "-" } else { short };
    line.label.clone().unwrap_or_else(|| nobody.to_owned())
}

fn address(line: &SecurityLine) -> String {
    match &line.address {
        Some(address) if line.proven => address.clone(),
        Some(address) => format!("{address} (not proven)"),
        None => "-".to_owned(),
    }
}
