//! People and what is under seal about them.
//!
//! Layer: node, cli, show.

use super::add;
use super::local_time;
use super::table::{Sheet, Side::Left, Side::Right, clean};
use crate::config::Screen;
use crate::local::protocol::{Participant, ParticipantInfo, Participants, SealedInfo};

/// Shows the people of an event.
pub(in crate::cli) fn participants(data: &Participants, screen: Screen) -> String {
    let headings = [
        ("PERSON", Left),
        ("NAME", Left),
        ("SEALED", Right),
        ("READABLE", Right),
        ("KEYS", Right),
        ("", Left),
    ];
    let mut sheet = Sheet::new(screen, &headings);
    for it in &data.participants {
        sheet.row([
            it.person.clone(),
            it.label.clone().unwrap_or_else(|| "-".to_owned()),
            it.texts.to_string(),
            it.readable.to_string(),
            it.keys.to_string(),
            erased(it),
        ]);
    }
    sheet.text()
}

/// Shows what is under seal about a person.
pub(in crate::cli) fn participant(data: &ParticipantInfo, screen: Screen) -> String {
    let it = &data.participant;
    let mut text = String::new();
    let label = it.label.as_deref().unwrap_or(&it.what);
    let name = clean(label);
    add(
        &mut text,
        format_args!("{} {name} {}", it.person, erased(it)),
    );
    text.truncate(text.trim_end().len());
    text.push('\n');
    if data.texts.is_empty() {
        text.push_str("Nothing is under seal.\n");
        return text;
    }
    let headings = [
        ("WHEN", Left),
        ("BY", Left),
        ("WHERE", Left),
        ("FOR", Left),
        ("TEXT", Left),
    ];
    let mut sheet = Sheet::new(screen, &headings);
    for sealed in &data.texts {
        let at_ms = u64::try_from(sealed.at_unix_ms).unwrap_or(0);
        let place = [sealed.kind.as_str(), sealed.field.as_str()];
        let place: Vec<&str> = place.into_iter().filter(|it| !it.is_empty()).collect();
        sheet.row([
            local_time(at_ms, data.zone_min),
            sealed.author.clone(),
            place.join("/"),
            readers(sealed),
            opened(sealed),
        ]);
    }
    text.push_str(&sheet.text());
    text
}

fn erased(it: &Participant) -> String {
    if it.erased { "[erased]" } else { "" }.to_owned()
}

fn readers(sealed: &SealedInfo) -> String {
    if sealed.readers.is_empty() {
        "owner".to_owned()
    } else {
        sealed.readers.join(",")
    }
}

fn opened(sealed: &SealedInfo) -> String {
    match (sealed.state.as_str(), &sealed.text) {
        ("open", Some(text)) => text.clone(),
        ("erased", _) => "[erased]".to_owned(),
        ("key-missing", _) => "[key not here yet]".to_owned(),
        ("broken", _) => "[does not open]".to_owned(),
        _ => "[not for this device]".to_owned(),
    }
}
