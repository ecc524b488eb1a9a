//! `device.key`: the seed of the device's key, as it lies on the disk.
//!
//! | line | content |
//! | --- | --- |
//! | 1 | the seed in 64 hex digits; or `sealed1`, how it was sealed, and the sealed seed |
//! | 2 | `board`, and the mark of the board it was made on; missing in files of older versions |
//!
//! A sealed seed is encrypted (`ChaCha20-Poly1305`) under a key that `Argon2id` makes of the
//! passphrase: who has the file alone must guess, at 64 MiB and some tenths of a second for each
//! guess. Layer: node, root.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use argon2::{Algorithm, Argon2, Params, Version};
use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{ChaCha20Poly1305, Nonce};
use zeroize::Zeroizing;

use super::passphrase::Passphrase;
use super::{RootError, hex, io_error, unhex};
use crate::board::BoardMark;
use crate::entropy;

/// Longest file that is looked at: two lines of below 300 characters.
const FILE_BYTES_MAX: u64 = 1024;

/// How a sealed line begins.
const SEALED: &str = "sealed1";

/// How the line of the board begins.
const BOARD: &str = "board ";

/// Memory of `Argon2id` in KiB: what a Pi with 512 MiB spares, and what makes guessing dear.
const MEMORY_KIB: u32 = 64 * 1024;

/// Passes of `Argon2id`: about a second on a Pi 4.
const PASSES: u32 = 3;

/// Lanes of `Argon2id`: it runs on one core.
const LANES: u32 = 1;

/// Most memory in KiB that a file may ask for: a file that asks for more is no file of ours, and
/// must not bring the machine down.
const MEMORY_KIB_MAX: u32 = 256 * 1024;

/// Most passes that a file may ask for.
const PASSES_MAX: u32 = 16;

/// Most lanes that a file may ask for.
const LANES_MAX: u32 = 4;

/// What `device.key` holds.
pub(super) struct KeyFile {
    seed: SeedLine,
    /// The board it was made on, if the file says so.
    pub(super) board: Option<BoardMark>,
}

/// The seed as it is written.
enum SeedLine {
    Plain(Zeroizing<[u8; 32]>),
    Sealed(Sealed),
}

/// A seed that needs a passphrase.
struct Sealed {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
    salt: [u8; 16],
    nonce: [u8; 12],
    /// The encrypted seed and its tag.
    content: Vec<u8>,
}

impl KeyFile {
    /// Makes a file of a seed, sealed if there is a passphrase.
    pub(super) fn new(
        seed: &[u8; 32],
        passphrase: Option<&Passphrase>,
        board: BoardMark,
    ) -> Result<Self, RootError> {
        let seed = match passphrase {
            None => SeedLine::Plain(Zeroizing::new(*seed)),
            Some(passphrase) => SeedLine::Sealed(Sealed::seal(seed, passphrase)?),
        };
        Ok(Self {
            seed,
            board: Some(board),
        })
    }

    /// Reads the file, which nobody else may be able to read; `None` if there is none.
    ///
    /// # Errors
    /// [`RootError::KeyReadable`], [`RootError::Malformed`], or what the disk said.
    pub(super) fn read(path: &Path) -> Result<Option<Self>, RootError> {
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(io_error(path, "read", error)),
        };
        let about = file
            .metadata()
            .map_err(|error| io_error(path, "read", error))?;
        let mode = about.permissions().mode();
        if mode & 0o077 != 0 {
            return Err(RootError::KeyReadable {
                path: path.to_owned(),
                mode: mode & 0o777,
            });
        }
        let mut text = Zeroizing::new(String::new());
        file.take(FILE_BYTES_MAX)
            .read_to_string(&mut text)
            .map_err(|error| io_error(path, "read", error))?;
        Self::parse(&text)
            .map(Some)
            .ok_or_else(|| RootError::Malformed {
                path: path.to_owned(),
                what: "it is neither a seed of 64 hex digits nor a sealed one".to_owned(),
                advice: "put the right file back, or set the device up in a fresh folder and have \
                     it admitted anew",
            })
    }

    /// Reads the text of such a file.
    pub(super) fn of_text(text: &str) -> Option<Self> {
        Self::parse(text)
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let first = lines.next()?.trim();
        let seed = if let Some(rest) = first.strip_prefix(SEALED) {
            SeedLine::Sealed(Sealed::parse(rest)?)
        } else {
            let seed = Zeroizing::new(unhex(first)?);
            SeedLine::Plain(Zeroizing::new(seed.as_slice().try_into().ok()?))
        };
        let board = match lines.next() {
            None => None,
            Some(line) => Some(BoardMark::parse(line.strip_prefix(BOARD)?.trim())?),
        };
        Some(Self { seed, board })
    }

    /// Returns the file's text.
    pub(super) fn text(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(match &self.seed {
            SeedLine::Plain(seed) => hex(&seed[..]),
            SeedLine::Sealed(sealed) => sealed.text(),
        });
        text.push('\n');
        if let Some(board) = &self.board {
            text.push_str(BOARD);
            text.push_str(board.as_str());
            text.push('\n');
        }
        text
    }

    /// Tells whether a passphrase is needed.
    pub(super) fn is_sealed(&self) -> bool {
        matches!(self.seed, SeedLine::Sealed(_))
    }

    /// Returns the seed; `None` if the passphrase is missing or wrong.
    pub(super) fn seed(&self, passphrase: Option<&Passphrase>) -> Option<Zeroizing<[u8; 32]>> {
        match &self.seed {
            SeedLine::Plain(seed) => Some(seed.clone()),
            SeedLine::Sealed(sealed) => sealed.open(passphrase?),
        }
    }
}

impl Sealed {
    fn seal(seed: &[u8; 32], passphrase: &Passphrase) -> Result<Self, RootError> {
        let mut sealed = Self {
            memory_kib: MEMORY_KIB,
            passes: PASSES,
            lanes: LANES,
            salt: entropy::bytes()?,
            nonce: entropy::bytes()?,
            content: Vec::new(),
        };
        let content = sealed.cipher(passphrase).and_then(|cipher| {
            let about = sealed.about();
            let payload = Payload {
                msg: seed,
                aad: about.as_bytes(),
            };
            cipher.encrypt(&Nonce::from(sealed.nonce), payload).ok()
        });
        sealed.content = content.ok_or(RootError::NoMemory)?;
        Ok(sealed)
    }

    fn open(&self, passphrase: &Passphrase) -> Option<Zeroizing<[u8; 32]>> {
        let about = self.about();
        let payload = Payload {
            msg: &self.content,
            aad: about.as_bytes(),
        };
        let cipher = self.cipher(passphrase)?;
        let seed = cipher.decrypt(&Nonce::from(self.nonce), payload).ok()?;
        let seed = Zeroizing::new(seed);
        Some(Zeroizing::new(seed.as_slice().try_into().ok()?))
    }

    /// Makes the cipher of a passphrase; `None` if there is not memory enough.
    fn cipher(&self, passphrase: &Passphrase) -> Option<ChaCha20Poly1305> {
        let params = Params::new(self.memory_kib, self.passes, self.lanes, Some(32)).ok()?;
        let mut key = Zeroizing::new([0; 32]);
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into(passphrase.as_bytes(), &self.salt, &mut key[..])
            .ok()?;
        ChaCha20Poly1305::new_from_slice(&key[..]).ok()
    }

    /// Returns how it was sealed, as it is written and as the tag covers it.
    fn about(&self) -> String {
        let Self {
            memory_kib,
            passes,
            lanes,
            salt,
            nonce,
            content: _,
        } = self;
        format!(
            "{SEALED} argon2id {memory_kib} {passes} {lanes} {} {}",
            hex(salt),
            hex(nonce)
        )
    }

    fn text(&self) -> String {
        format!("{} {}", self.about(), hex(&self.content))
    }

    /// Reads what stands behind the first word.
    fn parse(text: &str) -> Option<Self> {
        let mut words = text.split_whitespace();
        if words.next()? != "argon2id" {
            return None;
        }
        let mut number = |most: u32| {
            let number: u32 = words.next()?.parse().ok()?;
            (1..=most).contains(&number).then_some(number)
        };
        let memory_kib = number(MEMORY_KIB_MAX)?;
        let passes = number(PASSES_MAX)?;
        let lanes = number(LANES_MAX)?;
        let salt = unhex(words.next()?)?.try_into().ok()?;
        let nonce = unhex(words.next()?)?.try_into().ok()?;
        let content = unhex(words.next()?)?;
        words.next().is_none().then_some(Self {
            memory_kib,
            passes,
            lanes,
            salt,
            nonce,
            content,
        })
    }
}
