//! Invites, and what a device shows once it is admitted.
//!
//! Layer: node, cli, show.

use crate::config::Screen;
use crate::local::protocol::EnrolInfo;

use super::table::{Sheet, Side::Left, clean};
use super::{add, when};

/// Shows open invites and those that ended since the node started.
pub(in crate::cli) fn invites(data: &EnrolInfo, screen: Screen) -> String {
    let headings = [
        ("INVITE", Left),
        ("DEVICE", Left),
        ("ROLES", Left),
        ("STATE", Left),
        ("WORDS", Left),
    ];
    let mut sheet = Sheet::new(screen, &headings);
    let short = |id: &str| id.get(..8).unwrap_or(id).to_owned();
    let none = || "-".to_owned();
    for invite in &data.invites {
        sheet.row([
            short(&invite.invite),
            invite.label.clone().unwrap_or_else(none),
            invite.roles.join(","),
            format!("open, {} left", when::span(invite.left_ms)),
            none(),
        ]);
    }
    for over in &data.over {
        sheet.row([
            short(&over.invite),
            over.label.clone().unwrap_or_else(none),
            none(),
            over.end.clone(),
            over.words.clone().unwrap_or_else(none),
        ]);
    }
    sheet.text()
}

/// Shows a device that is admitted what the owner's screen shows, too.
pub(in crate::cli) fn joined(data: &EnrolInfo) -> String {
    let unknown = || "-".to_owned();
    let lines = [
        ("device", data.label.clone()),
        ("event", data.event.clone().unwrap_or_else(unknown)),
        ("owner", data.owner.clone().unwrap_or_else(unknown)),
        ("words", data.words.clone().unwrap_or_else(unknown)),
    ];
    let mut text = String::new();
    for (name, value) in lines {
        add(&mut text, format_args!("{name:<7} {}\n", clean(&value)));
    }
    text
}

/// Takes out of a text what would move a terminal's cursor.
pub(in crate::cli) fn plain(text: &str) -> String {
    clean(text)
}
