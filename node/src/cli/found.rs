//! `event create`: the event, and the cards that outlive its owner's device.
//!
//! Layer: node, cli.

use std::fs::{File, OpenOptions, remove_file};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::args::EventCreate;
use super::failure::Failure;
use super::session::{DONE, Session, say};
use super::venue::structure_text;
use crate::card_page::card_page;
use crate::local::protocol::{self, Founded, Request};
use tallyline_proto::wire::card_from_text;

/// The option that names the file for cards.
pub(super) const CARDS_FILE: &str = "--cards-file";

/// Creates the event; recovery cards are told and written once, and kept nowhere.
pub(super) fn create(args: EventCreate, session: &Session) -> Result<u8, Failure> {
    let structure = structure_text(&args.structure)?;
    let page = args
        .cards_file
        .as_deref()
        .map(|file| CardsFile::new(file, CARDS_FILE));
    let page = page.transpose()?;
    let request = protocol::EventCreate {
        name: args.name,
        structure,
        cloud_keys: args.cloud_key,
        recovery_cards: args.recovery_cards.unwrap_or(0),
    };
    let founded = session.show::<Founded>(Request::EventCreate(request), text)?;
    if let Some(page) = page {
        write_page(page, &founded)?;
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
pub(super) fn write_page(page: CardsFile, founded: &Founded) -> Result<(), Failure> {
    let cards: Vec<_> = founded
        .cards
        .iter()
        .filter_map(|text| card_from_text(text).ok())
        .collect();
    let text = Zeroizing::new(card_page(&cards, &founded.name));
    page.write(
        text.as_bytes(),
        "the event exists; copy the cards from the lines above, they are shown this once",
    )
}

/// A file for cards, made before anything is founded or admitted, since a card that cannot be
/// written is lost for good. It is gone again unless cards are written into it.
#[derive(Debug)]
pub(super) struct CardsFile {
    path: PathBuf,
    file: Option<File>,
}

impl CardsFile {
    /// Makes the file, which only its owner may read. One that is there may hold the only copy of
    /// other cards and is left as it is.
    pub(super) fn new(path: &Path, option: &str) -> Result<Self, Failure> {
        Self::refuse_existing(path, option)?;
        let open = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path);
        let file = open.map_err(|error| {
            Failure::file(format!(
                "{} cannot be written: {error}; nothing was changed; correct {option}",
                path.display()
            ))
        })?;
        Ok(Self {
            path: path.to_owned(),
            file: Some(file),
        })
    }

    /// Refuses a file that is there.
    pub(super) fn refuse_existing(path: &Path, option: &str) -> Result<(), Failure> {
        if path.symlink_metadata().is_err() {
            return Ok(());
        }
        Err(Failure::usage(format!(
            "{} is there already, and may hold the only copy of other cards; nothing was changed; \
             name another file with {option}",
            path.display()
        )))
    }

    /// Writes the cards; `saved` says what is safe if that fails, and what to do.
    pub(super) fn write(mut self, page: &[u8], saved: &str) -> Result<(), Failure> {
        let Some(file) = &mut self.file else {
            return Ok(());
        };
        let written = file.write_all(page).and_then(|()| file.sync_all());
        written.map_err(|error| {
            Failure::file(format!(
                "{} could not be written: {error}; {saved}",
                self.path.display()
            ))
        })?;
        self.file = None;
        Ok(())
    }
}

impl Drop for CardsFile {
    fn drop(&mut self) {
        if self.file.is_some() {
            // Empty, or half a page whose cards stand on the screen.
            remove_file(&self.path).ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// The only copy of the recovery cards was emptied by the next command that named its file.
    #[test]
    fn a_file_of_cards_that_is_there_stays_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("cards.svg");
        fs::write(&file, "the only copy").unwrap();
        let refused = CardsFile::new(&file, "--cards-file").unwrap_err();
        assert!(refused.text.contains("only copy"), "{refused}");
        assert_eq!(fs::read(&file).unwrap(), b"the only copy");
    }

    #[test]
    fn a_file_for_cards_that_were_never_drawn_is_gone_again() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("cards.svg");
        drop(CardsFile::new(&file, "--cards-file").unwrap());
        assert!(!file.exists(), "left behind");
        let page = CardsFile::new(&file, "--cards-file").unwrap();
        page.write(b"cards", "").unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"cards");
    }
}
