//! `event create`: the event, and the cards that outlive its owner's device.
//!
//! Layer: node, cli.

use std::path::Path;

use zeroize::Zeroizing;

use super::args::EventCreate;
use super::enrol::write_secret;
use super::failure::Failure;
use super::session::{DONE, Session, say};
use super::venue::structure_text;
use crate::card_page::card_page;
use crate::local::protocol::{self, Founded, Request};
use tallyline_proto::wire::card_from_text;

/// Creates the event; recovery cards are told and written once, and kept nowhere.
pub(super) fn create(args: EventCreate, session: &Session) -> Result<u8, Failure> {
    let structure = structure_text(&args.structure)?;
    if let Some(file) = &args.cards_file {
        try_cards_file(file)?;
    }
    let request = protocol::EventCreate {
        name: args.name,
        structure,
        cloud_keys: args.cloud_key,
        recovery_cards: args.recovery_cards.unwrap_or(0),
    };
    let founded = session.show::<Founded>(Request::EventCreate(request), text)?;
    if let Some(file) = &args.cards_file {
        write_page(file, &founded)?;
    }
    if !session.json {
        say(&format!(
            "\"{}\" exists and this device owns it. Next: `tallyline invite` for each device, \
             `tallyline grant` for who scores what, `tallyline event lock` before the first \
             score.",
            founded.name
        ));
        warn_of_cards(&founded);
    }
    Ok(DONE)
}

/// Tries a file for cards before anything is founded: a card that cannot be printed is lost for
/// good.
pub(super) fn try_cards_file(file: &Path) -> Result<(), Failure> {
    write_secret(file, b"").map_err(|error| {
        Failure::file(format!(
            "{} cannot be written: {error}; nothing was changed; correct --cards-file",
            file.display()
        ))
    })
}

/// Tells the cards of an event that was founded otherwise, each in a line.
pub(super) fn tell_cards(founded: &Founded, session: &Session) -> Result<(), Failure> {
    for card in &founded.cards {
        session.write(&format!("{card}\n"))?;
    }
    warn_of_cards(founded);
    Ok(())
}

fn warn_of_cards(founded: &Founded) {
    if !founded.cards.is_empty() {
        say(
            "The recovery cards are shown this once and kept nowhere. Print them, lock them away, \
             and delete the file: whoever holds one can take the event over.",
        );
    }
}

/// The UUID alone in the first line, for programs; a line for each card.
fn text(founded: &Founded) -> String {
    let mut text = format!("{}\n", founded.event);
    for card in &founded.cards {
        text.push_str(card);
        text.push('\n');
    }
    text
}

/// Writes the page to be printed.
pub(super) fn write_page(file: &Path, founded: &Founded) -> Result<(), Failure> {
    let cards: Vec<_> = founded
        .cards
        .iter()
        .filter_map(|text| card_from_text(text).ok())
        .collect();
    let page = Zeroizing::new(card_page(&cards, &founded.name));
    write_secret(file, page.as_bytes()).map_err(|error| {
        Failure::file(format!(
            "{} could not be written: {error}; the event exists; copy the cards from the lines \
             above, they are shown this once",
            file.display()
        ))
    })
}
