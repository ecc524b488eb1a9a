//! Says in words what views say in numbers; never a guess.
//!
//! Layer: node, local.

use tallyline_proto::model::CellSet;
use tallyline_proto::replica::{Conflicts, GrantView, LogView};
use tallyline_proto::rules::Verdict;

use super::protocol::{CloseWhy, RevokeWhy, Totals};
use super::record_text::ENTRY_CHARS;

/// Returns the light and its words.
pub(super) fn light(logs: &[LogView], totals: &Totals) -> (&'static str, String) {
    if logs.iter().any(|log| log.forked) {
        return (
            "trouble",
            "A log has two versions: the owner has to decide".to_owned(),
        );
    }
    if totals.entries == 0 {
        return ("nothing", "Nothing to send".to_owned());
    }
    if totals.in_cloud == totals.entries {
        return (
            "in-the-cloud",
            format!("All {} in the cloud", totals.entries),
        );
    }
    if 0 < totals.only_here {
        return (
            "only-here",
            format!("{} only on this device", totals.only_here),
        );
    }
    let copies = logs
        .iter()
        .filter(|log| 0 < log.height)
        .map(|log| log.least_copies)
        .min()
        .unwrap_or_default();
    let words = format!(
        "Safe at the range ({}), cloud later",
        count(u64::from(copies), "copy", "copies")
    );
    ("at-the-range", words)
}

/// Returns what else a person should know.
pub(super) fn remarks(logs: &[LogView], totals: &Totals) -> Vec<String> {
    let mut remarks = Vec::new();
    if 0 < totals.in_cloud && totals.in_cloud < totals.entries {
        remarks.push(format!(
            "{} of {} in the cloud.",
            totals.in_cloud, totals.entries
        ));
    }
    for log in logs {
        let missing = log.head_known.saturating_sub(log.height);
        if 0 < missing {
            remarks.push(format!(
                "{} of {} exist and are not here yet.",
                count(missing, "entry", "entries"),
                log.label
            ));
        }
        if log.forked {
            remarks.push(format!(
                "{} wrote two versions of one entry: both are kept, the owner has to decide.",
                log.label
            ));
        }
        if !log.common {
            remarks.push(format!(
                "{} was named on one of two versions of a log: not every device takes its entries, and \
                 they count nowhere until the owner chose that version.",
                log.label
            ));
        }
    }
    remarks
}

/// Says what needs a person beyond slots of scores, which have a place of their own.
pub(super) fn need_a_person(conflicts: &Conflicts) -> Vec<String> {
    let mut remarks = Vec::new();
    let things = conflicts
        .records
        .len()
        .saturating_add(conflicts.reviews.len());
    if 0 < things {
        let things = u64::try_from(things).unwrap_or(u64::MAX);
        remarks.push(format!(
            "{} a person: `tallyline conflicts list`.",
            count(
                things,
                "incident or record needs",
                "incidents and records need"
            )
        ));
    }
    for alert in &conflicts.alerts {
        remarks.push(format!(
            "ALERT: {} of them came within an hour.",
            alert.items
        ));
    }
    remarks
}

/// Writes bytes as people read them.
pub(super) fn megabytes(bytes: u64) -> String {
    format!("{} MB", bytes / 1_000_000)
}

/// Says that the disk takes nothing.
pub(super) fn not_saving(reason: &str) -> String {
    format!("Not saving: {reason}. What was saved before is safe; make room or check the disk")
}

/// Says that damaged stores were moved aside.
pub(super) fn damaged(names: &[String]) -> String {
    format!(
        "The store was damaged and moved aside ({}); its content comes back from other devices \
         as far as they have it. Replace the card or disk after the event.",
        names.join(", ")
    )
}

/// Tells what a log holds.
pub(super) fn partition(log: &LogView) -> String {
    match (&log.cells, log.control) {
        (Some(cells), _) => self::cells(cells),
        (None, true) => "control".to_owned(),
        (None, false) => "own".to_owned(),
    }
}

/// Tells a set of cells.
pub(super) fn cells(cells: &CellSet) -> String {
    let drills = cells
        .drills
        .as_ref()
        .map(|all| all.iter().map(|it| it.0).collect::<Vec<u32>>());
    let squads = cells
        .squads
        .as_ref()
        .map(|all| all.iter().map(|it| it.0).collect::<Vec<u32>>());
    format!(
        "{}, {}",
        numbers("stage", drills.as_deref()),
        numbers("squad", squads.as_deref())
    )
}

/// Returns what people say of a device whose key was revoked.
pub(super) fn revoked(reason: RevokeWhy) -> &'static str {
    match reason {
        RevokeWhy::Retired => "retired",
        RevokeWhy::Lost => "lost",
        RevokeWhy::Stolen => "stolen",
        RevokeWhy::Misuse => "misused",
    }
}

/// Returns why a grant was closed.
pub(super) fn closed(reason: CloseWhy) -> &'static str {
    match reason {
        CloseWhy::Handover => "handover",
        CloseWhy::Dead => "device dead",
        CloseWhy::Expired => "given back",
        CloseWhy::Stolen => "device stolen",
    }
}

/// Says what follows when a key is revoked, one sentence each.
pub(super) fn what_follows(label: &str, reason: RevokeWhy, grants: &[GrantView]) -> Vec<String> {
    let word = revoked(reason);
    let mut follows = vec![
        format!("{label} is revoked ({word}), for good: its key is never admitted again."),
        "Every device ends its connections with it as soon as it hears of this.".to_owned(),
        if reason == RevokeWhy::Retired {
            "What it wrote and nobody has yet is late: it counts where the slot is free.".to_owned()
        } else {
            "What it wrote and nobody has yet is quarantined: it counts only if you adopt it \
             (`tallyline adopt`)."
                .to_owned()
        },
    ];
    for grant in grants {
        follows.push(format!(
            "{} belong to nobody now: `tallyline grant {} --to DEVICE` gives them to another one.",
            cells(&grant.cells),
            flags(&grant.cells)
        ));
    }
    follows
}

/// Writes cells as the arguments of `grant`.
fn flags(cells: &CellSet) -> String {
    let list = |numbers: Option<Vec<u32>>| match numbers {
        None => "all".to_owned(),
        Some(numbers) => {
            let texts: Vec<String> = numbers.iter().map(ToString::to_string).collect();
            texts.join(",")
        }
    };
    let drills = cells.drills.as_ref();
    let squads = cells.squads.as_ref();
    format!(
        "--drills {} --squads {}",
        list(drills.map(|all| all.iter().map(|it| it.0).collect())),
        list(squads.map(|all| all.iter().map(|it| it.0).collect()))
    )
}

/// Tells a log in one sentence.
pub(super) fn log(log: &LogView) -> String {
    let here = if log.height < log.head_known {
        format!("{} of {} here", log.height, log.head_known)
    } else {
        format!("{} here", log.height)
    };
    let copies = match log.copies {
        0 if log.least_copies == 0 => "some only on this device".to_owned(),
        0 => "all on at least one other device".to_owned(),
        copies => format!(
            "all on {}",
            count(u64::from(copies), "other device", "other devices")
        ),
    };
    let cloud = if log.height <= log.cloud {
        "all in the cloud".to_owned()
    } else if log.cloud == 0 {
        "none in the cloud".to_owned()
    } else {
        format!("{} in the cloud", log.cloud)
    };
    if log.height == 0 {
        here
    } else {
        format!("{here}, {copies}, {cloud}")
    }
}

/// Returns a verdict's word, its sentence, and the entry that it refers to.
pub(super) fn verdict(verdict: Verdict) -> (&'static str, String, Option<String>) {
    let (word, text, other) = match verdict {
        Verdict::Counted => ("counts", "counts", None),
        Verdict::CountedLate => (
            "late",
            "late, and counts: nothing else fills its place",
            None,
        ),
        Verdict::Duplicate(other) => (
            "duplicate",
            "says the same as another entry, which counts",
            Some(other),
        ),
        Verdict::LowerAttempt(other) => (
            "lower-attempt",
            "an entry of a higher attempt counts",
            Some(other),
        ),
        Verdict::NeedsDecision(other) => (
            "needs-decision",
            "another entry says something else: void one of the two",
            Some(other),
        ),
        Verdict::LateBeaten(other) => (
            "late-beaten",
            "late, and another entry fills its place",
            Some(other),
        ),
        Verdict::Quarantined => (
            "quarantined",
            "outside its author's grant: does not count until the owner adopts it",
            None,
        ),
        Verdict::Unassigned => (
            "unassigned",
            "written with a spare card: counts once somebody grants its cells to this device",
            None,
        ),
        Verdict::Rejected => ("rejected", "the owner decided that it does not count", None),
        Verdict::Disputed => (
            "disputed",
            "its log has two versions from here on: the owner has to decide",
            None,
        ),
        Verdict::Voided(other) => ("voided", "voided", Some(other)),
        Verdict::Unfit(code) => {
            return (
                "unfit",
                format!("does not fit the structure or its author's rights ({code})"),
                None,
            );
        }
        Verdict::Waiting => ("waiting", "names something that is not here yet", None),
        Verdict::Statement => ("statement", "a statement, or the end of a log", None),
        Verdict::Unknown => (
            "unknown",
            "a kind of entry of a later version: kept and relayed",
            None,
        ),
    };
    let other = other.map(|id| id.to_string());
    let text = match &other {
        Some(other) => {
            let short: String = other.chars().take(ENTRY_CHARS).collect();
            format!("{text} ({short})")
        }
        None => text.to_owned(),
    };
    (word, text, other)
}

/// Counts in words: "1 copy", "2 copies".
pub(super) fn count(number: u64, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

fn numbers(word: &str, numbers: Option<&[u32]>) -> String {
    match numbers {
        None => format!("all {word}s"),
        Some([one]) => format!("{word} {one}"),
        Some(many) => {
            let texts: Vec<String> = many.iter().map(ToString::to_string).collect();
            format!("{word}s {}", texts.join(" "))
        }
    }
}

#[cfg(test)]
mod tests;
