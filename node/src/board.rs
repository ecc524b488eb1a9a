//! Which board this is: what a card or folder that was moved elsewhere is known by.
//!
//! A device's key belongs to one device. A memory card that is put into another Pi, or a folder
//! that is copied to another computer, takes the key along, and then two devices may sign as one.
//! The key's file therefore says on which board it was made, as a hash with a salt, so that it
//! does not tell the serial number to whoever finds it. This stops accidents. It stops no thief:
//! who can write the file can also write the mark; against thieves there is the passphrase.
//!
//! Where the board's files lie is an argument of the functions, for tests. The shipped program
//! always asks the system, and no variable or flag changes that. Layer: node, below `root`.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use crate::entropy::{self, EntropyError};
use crate::root::{hex, unhex};

/// Sets marks of boards apart from every other hash.
const CONTEXT: &str = "tallyline v1 board";

/// Bytes of a mark's salt.
const SALT_BYTES: usize = 16;

/// Most bytes that are read of a file that names the board: `/proc/cpuinfo` of 64 cores.
const FILE_BYTES_MAX: u64 = 256 * 1024;

/// What is written of a board that names itself nowhere.
const NONE: &str = "none";

/// Finds out which board this is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Board {
    root: PathBuf,
}

/// What a key's file says of the board it was made on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BoardMark(String);

impl Board {
    /// The board that this program runs on.
    pub fn of_system() -> Self {
        Self::below(Path::new("/"))
    }

    /// A board whose files lie below a folder.
    pub fn below(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
        }
    }

    /// Makes a mark of this board with a fresh salt.
    ///
    /// # Errors
    /// If there is no randomness.
    pub fn mark(&self) -> Result<BoardMark, EntropyError> {
        Ok(BoardMark(match self.name() {
            None => NONE.to_owned(),
            Some(name) => mark_of(&entropy::bytes::<SALT_BYTES>()?, &name),
        }))
    }

    /// Tells whether a mark is one of this board. A mark of a board without a name fits any.
    pub fn fits(&self, mark: &BoardMark) -> bool {
        let salt = mark.0.split_once(' ').and_then(|(salt, _)| unhex(salt));
        match (salt, self.name()) {
            (None, _) => mark.0 == NONE,
            (Some(_), None) => false,
            (Some(salt), Some(name)) => mark_of(&salt, &name) == mark.0,
        }
    }

    /// Returns what the board is called. A Pi's serial number comes first, because it stays with
    /// the board when the card moves; `/etc/machine-id` lies on the card, and knows copies only.
    fn name(&self) -> Option<String> {
        self.file("proc/device-tree/serial-number")
            .or_else(|| serial_line(&self.file("proc/cpuinfo")?))
            .map(|serial| format!("serial {serial}"))
            .or_else(|| Some(format!("machine {}", self.file("etc/machine-id")?)))
    }

    /// Reads a file's text without the zero that ends it; `None` if there is nothing in it.
    fn file(&self, path: &str) -> Option<String> {
        let mut text = String::new();
        let file = File::open(self.root.join(path)).ok()?;
        file.take(FILE_BYTES_MAX).read_to_string(&mut text).ok()?;
        let text = text.trim_matches(|c: char| c == '\0' || c.is_whitespace());
        (!text.is_empty()).then(|| text.to_owned())
    }
}

impl BoardMark {
    /// Reads a mark; `None` if it is none.
    pub fn parse(text: &str) -> Option<Self> {
        let whole = match text.split_once(' ') {
            None => text == NONE,
            Some((salt, hash)) => {
                unhex(salt).is_some_and(|it| it.len() == SALT_BYTES)
                    && unhex(hash).is_some_and(|it| it.len() == blake3::OUT_LEN)
            }
        };
        whole.then(|| Self(text.to_owned()))
    }

    /// Returns it as it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Finds the serial number in `/proc/cpuinfo`, where older systems of a Pi have it.
fn serial_line(text: &str) -> Option<String> {
    let value = text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        (name.trim() == "Serial").then(|| value.trim().to_owned())
    })?;
    // All zeros is a board that has none.
    value.bytes().any(|digit| digit != b'0').then_some(value)
}

fn mark_of(salt: &[u8], name: &str) -> String {
    let mut hasher = blake3::Hasher::new_derive_key(CONTEXT);
    hasher.update(salt).update(name.as_bytes());
    format!("{} {}", hex(salt), hex(hasher.finalize().as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// A folder with files that name a board.
    fn board(files: &[(&str, &str)]) -> (tempfile::TempDir, Board) {
        let dir = tempfile::tempdir().expect("a folder");
        for (path, text) in files {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().expect("a folder")).expect("folders");
            fs::write(path, text).expect("writes");
        }
        let board = Board::below(dir.path());
        (dir, board)
    }

    const PI: (&str, &str) = ("proc/device-tree/serial-number", "10000000abcdef01\0");
    const CARD: (&str, &str) = ("etc/machine-id", "0123456789abcdef0123456789abcdef\n");

    #[test]
    fn a_card_that_moves_to_another_pi_is_noticed() {
        let (_one, here) = board(&[PI, CARD]);
        let mark = here.mark().expect("a mark");
        assert!(here.fits(&mark), "at home");
        let other = ("proc/device-tree/serial-number", "10000000abcdef02\0");
        let (_other, there) = board(&[other, CARD]);
        assert!(!there.fits(&mark), "the same card in another board");
        let (_pc, pc) = board(&[CARD]);
        assert!(!pc.fits(&mark), "in a board without a serial number");
    }

    #[test]
    fn a_copy_on_another_computer_is_noticed() {
        let (_one, here) = board(&[CARD]);
        let mark = here.mark().expect("a mark");
        assert!(here.fits(&mark));
        let (_other, there) = board(&[("etc/machine-id", "f".repeat(32).as_str())]);
        assert!(!there.fits(&mark), "another installation");
        let (_none, nameless) = board(&[]);
        assert!(!nameless.fits(&mark), "cannot be told to be the same");
        let unknown = nameless.mark().expect("a mark");
        assert!(
            here.fits(&unknown) && nameless.fits(&unknown),
            "nothing to compare"
        );
    }

    #[test]
    fn the_serial_number_of_older_pis_is_in_cpuinfo() {
        let info = |serial: &str| format!("processor\t: 0\nSerial\t\t: {serial}\nModel : Pi\n");
        let (_one, here) = board(&[("proc/cpuinfo", &info("00000000deadbeef")), CARD]);
        let (_two, there) = board(&[("proc/cpuinfo", &info("00000000deadbee0")), CARD]);
        let mark = here.mark().expect("a mark");
        assert!(here.fits(&mark) && !there.fits(&mark));
        let (_zero, zero) = board(&[("proc/cpuinfo", &info("0000000000000000")), CARD]);
        let (_card, card) = board(&[CARD]);
        assert!(
            card.fits(&zero.mark().expect("a mark")),
            "zeros are no name"
        );
    }

    #[test]
    fn a_mark_tells_nothing_of_the_serial_number_and_reads_back() {
        let (_dir, here) = board(&[PI]);
        let mark = here.mark().expect("a mark");
        assert!(!mark.as_str().contains("abcdef01"));
        assert_ne!(mark, here.mark().expect("another"), "each has its own salt");
        assert_eq!(BoardMark::parse(mark.as_str()), Some(mark));
        assert_eq!(
            BoardMark::parse("none").map(|it| it.as_str().len()),
            Some(4)
        );
        for text in ["", "nothing", "00 11", "zz zz"] {
            assert_eq!(BoardMark::parse(text), None, "{text}");
        }
    }
}
