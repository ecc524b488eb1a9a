//! Where the scores are, and whether the store holds.
//!
//! Layer: node, cli, show.

use crate::config::Screen;
use crate::exchange::check::CheckReport;
use crate::local::protocol::{LogStatus, StatusData, Verified, WireBytes};

use super::table::{Sheet, Side::Left, Side::Right, clean};
use super::{add, count, event, when};

/// Shows the light, the logs, the connections and what was refused.
pub(in crate::cli) fn status(data: &StatusData, screen: Screen) -> String {
    let node = &data.node;
    let event = match &data.name {
        None => "no event yet".to_owned(),
        Some(name) if data.locked => format!("{name} (locked)"),
        Some(name) => format!("{name} (not locked yet)"),
    };
    let running = if node.pid.is_some() {
        "running"
    } else {
        "not running, read from the store"
    };
    let event = match (data.called_unix_ms, data.closed_unix_ms) {
        (_, Some(at)) => format!("{event}, closed {}", when::utc(at)),
        (Some(at), None) => format!("{event}, last call {}", when::utc(at)),
        (None, None) => event,
    };
    let mut text = format!(
        "{}   this device: {}, {}, {running}\n",
        clean(&event),
        clean(&node.label),
        clean(&node.mode)
    );
    text.push_str(&paint(&data.summary, &data.light, screen));
    text.push('\n');
    match data.paused.as_str() {
        "all" => text.push_str("Connections are paused; `tallyline sync resume` connects again.\n"),
        "cloud" => text.push_str(
            "The link to the cloud is paused; `tallyline sync resume --cloud` connects again.\n",
        ),
        _ => {}
    }
    text.push_str(&super::last_success(data));
    if let Some(owner) = &data.owner {
        add(&mut text, format_args!("The owner is {}.\n", clean(owner)));
    }
    for remark in &data.remarks {
        text.push_str(&clean(remark));
        text.push('\n');
    }
    if !data.claims.is_empty() {
        text.push('\n');
        text.push_str(&event::lent(&data.claims, screen));
    }
    if !data.logs.is_empty() {
        text.push('\n');
        text.push_str(&logs(data, screen));
    }
    if !data.links.is_empty() {
        text.push('\n');
        text.push_str(&links(data, screen));
    }
    text.push_str(&footer(data));
    text
}

/// Says whether everything holds, or what does not.
pub(in crate::cli) fn verified(data: &Verified) -> String {
    let checked = format!(
        "{} in {}, {} checked",
        count(data.entries, "entry", "entries"),
        count(data.logs, "log", "logs"),
        count(data.signatures, "signature", "signatures")
    );
    if data.ok {
        return format!("Everything holds: {checked}.\n");
    }
    let mut text = format!("Not everything holds: {checked}.\n");
    for problem in &data.problems {
        add(&mut text, format_args!("  {}\n", clean(problem)));
    }
    text
}

/// Tells what a bundle file holds and whether it holds.
pub(in crate::cli) fn checked(report: &CheckReport) -> String {
    let checked = format!(
        "{} in {}, {} checked",
        count(report.entries, "entry", "entries"),
        count(report.logs, "log", "logs"),
        count(report.signatures, "signature", "signatures")
    );
    let mut text = format!(
        "event      {} ({})\nowner      {}\n",
        clean(&report.name),
        report.event,
        report.owner
    );
    if report.ok {
        add(&mut text, format_args!("Everything holds: {checked}.\n"));
    } else {
        add(
            &mut text,
            format_args!("Not everything holds: {checked}.\n"),
        );
    }
    for fork in &report.forks {
        add(
            &mut text,
            format_args!("  {} (with its proof)\n", clean(fork)),
        );
    }
    for problem in &report.problems {
        add(&mut text, format_args!("  {}\n", clean(problem)));
    }
    for remark in &report.remarks {
        add(&mut text, format_args!("  {}\n", clean(remark)));
    }
    add(
        &mut text,
        format_args!("standings  {}\n", report.standings_digest),
    );
    text
}

/// Colours the summary as its light.
fn paint(summary: &str, light: &str, screen: Screen) -> String {
    let summary = clean(summary);
    let color = match light {
        "only-here" => "33",
        "at-the-range" => "34",
        "in-the-cloud" => "32",
        "trouble" => "31",
        _ => "0",
    };
    if screen.color {
        format!("\u{1b}[{color}m{summary}\u{1b}[0m")
    } else {
        summary
    }
}

fn logs(data: &StatusData, screen: Screen) -> String {
    let headings = [
        ("WRITER", Left),
        ("PARTITION", Left),
        ("HERE", Right),
        ("THEIR HEAD", Right),
        ("COPIES", Right),
        ("CLOUD", Right),
        ("LAST SEEN", Left),
        ("", Left),
    ];
    let mut sheet = Sheet::new(screen, &headings);
    for log in &data.logs {
        let head = match log.head_known.saturating_sub(log.height) {
            0 => log.head_known.to_string(),
            behind => format!("{} ({behind} behind)", log.head_known),
        };
        sheet.row([
            log.label.clone(),
            log.partition.clone(),
            log.height.to_string(),
            head,
            log.copies.to_string(),
            log.cloud.to_string(),
            last_seen(log, data),
            log.text.clone(),
        ]);
    }
    sheet.text()
}

fn last_seen(log: &LogStatus, data: &StatusData) -> String {
    match log.last_heard_ms {
        _ if log.key == data.node.key => "this device".to_owned(),
        Some(ms) => when::ago(ms),
        None => "-".to_owned(),
    }
}

fn links(data: &StatusData, screen: Screen) -> String {
    let headings = [
        ("CONNECTED", Left),
        ("FOUND BY", Left),
        ("ADDRESS", Left),
        ("FOR", Right),
        ("ROUND TRIP", Right),
        ("SENT", Right),
        ("RECEIVED", Right),
    ];
    let mut sheet = Sheet::new(screen, &headings);
    for link in &data.links {
        sheet.row([
            link.label
                .clone()
                .unwrap_or_else(|| "a device that is not admitted".to_owned()),
            if link.over == "https" {
                format!("{} over HTTPS", link.source)
            } else {
                link.source.clone()
            },
            link.address.clone(),
            when::span(link.connected_ms),
            format!("{} ms", link.rtt_ms),
            format!("{} B", link.frames_sent_bytes),
            format!("{} B", link.frames_received_bytes),
        ]);
    }
    sheet.text()
}

fn footer(data: &StatusData) -> String {
    let mut text = String::new();
    let readings = data.readings;
    let unread = [
        (readings.late, "late"),
        (readings.quarantined, "quarantined"),
        (readings.unassigned, "unassigned"),
        (readings.rejected, "rejected"),
        (readings.disputed, "disputed"),
        (readings.voided, "voided"),
        (readings.undecided, "undecided"),
        (readings.unknown, "of a later version"),
    ];
    let mut parts = vec![format!("{} counted", readings.counted)];
    parts.extend(
        unread
            .iter()
            .filter(|it| it.0 != 0)
            .map(|(n, name)| format!("{n} {name}")),
    );
    if data.totals.entries != 0 {
        add(
            &mut text,
            format_args!("\nentries   {}\n", parts.join(", ")),
        );
    }
    if !data.refused.is_empty() {
        let parts = data
            .refused
            .iter()
            .map(|it| format!("{} {}", it.count, it.reason));
        let refused = parts.collect::<Vec<_>>().join(", ");
        add(&mut text, format_args!("refused   {}\n", clean(&refused)));
    }
    let WireBytes {
        frames_sent_bytes,
        frames_received_bytes,
        udp_sent_bytes,
        udp_received_bytes,
    } = data.wire;
    match data.score_log {
        Some(true) => text.push_str("score log on\n"),
        Some(false) => text.push_str("score log off\n"),
        None => {}
    }
    if udp_sent_bytes != 0 || udp_received_bytes != 0 {
        add(
            &mut text,
            format_args!(
                "bytes     sent {frames_sent_bytes}, received {frames_received_bytes} in frames; \
             {udp_sent_bytes} and {udp_received_bytes} in UDP\n"
            ),
        );
    }
    text
}
