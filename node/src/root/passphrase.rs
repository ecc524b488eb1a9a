//! The passphrase of a sealed key: from a file, or typed on the terminal without being shown.
//!
//! Never an argument and never a variable's value: other programs on the machine see those.
//! Layer: node, root.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

use super::RootError;

/// Shortest passphrase in bytes: below, a list of everything is tried in a day.
const BYTES_MIN: usize = 8;

/// Longest passphrase in bytes.
const BYTES_MAX: usize = 1024;

/// A passphrase; wiped from memory when dropped.
#[derive(Clone)]
pub struct Passphrase(Zeroizing<String>);

/// Where a passphrase comes from when a key needs one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum PassphraseSource {
    /// Nowhere: a sealed key stays shut.
    #[default]
    Nowhere,
    /// The first line of a file; `/dev/fd/N` is an open descriptor.
    File(PathBuf),
    /// Somebody types it.
    Terminal,
}

impl Passphrase {
    /// Takes a passphrase, if it is long enough.
    ///
    /// # Errors
    /// [`RootError::Passphrase`].
    pub fn new(text: &str) -> Result<Self, RootError> {
        let text = Zeroizing::new(text.to_owned());
        if (BYTES_MIN..=BYTES_MAX).contains(&text.len()) {
            Ok(Self(text))
        } else {
            Err(RootError::Passphrase {
                what: format!(
                    "it has {} bytes, and needs {BYTES_MIN} to {BYTES_MAX}",
                    text.len()
                ),
            })
        }
    }

    /// Tells whether both are the same.
    pub fn same_as(&self, other: &Self) -> bool {
        // Hashes compare in constant time; texts do not.
        blake3::hash(self.as_bytes()) == blake3::hash(other.as_bytes())
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl std::fmt::Debug for Passphrase {
    /// Shows nothing of the secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Passphrase")
    }
}

impl PassphraseSource {
    /// Gets the passphrase; `None` if there is nowhere to get it from.
    ///
    /// # Errors
    /// [`RootError::Passphrase`] if a file cannot be read or a terminal is not there.
    pub fn get(&self, question: &str) -> Result<Option<Passphrase>, RootError> {
        match self {
            Self::Nowhere => Ok(None),
            Self::File(path) => from_file(path).map(Some),
            Self::Terminal => typed(question).map(Some),
        }
    }
}

/// Reads the first line of a file that nobody else can read.
fn from_file(path: &Path) -> Result<Passphrase, RootError> {
    let bad = |what: String| RootError::Passphrase {
        what: format!("{}: {what}", path.display()),
    };
    let file = File::open(path).map_err(|error| bad(error.to_string()))?;
    let about = file.metadata().map_err(|error| bad(error.to_string()))?;
    if about.is_file() && about.permissions().mode() & 0o077 != 0 {
        return Err(bad(format!(
            "others on this machine can read it; run `chmod 600 {}`",
            path.display()
        )));
    }
    Passphrase::new(&first_line(file).map_err(|error| bad(error.to_string()))?)
}

fn first_line(from: impl io::Read) -> io::Result<Zeroizing<String>> {
    let mut line = Zeroizing::new(String::new());
    let limit = u64::try_from(BYTES_MAX + 2).unwrap_or(u64::MAX);
    BufReader::new(from.take(limit)).read_line(&mut line)?;
    let length = line.trim_end_matches(['\r', '\n']).len();
    line.truncate(length);
    Ok(line)
}

/// Asks on the terminal, which does not show what is typed.
fn typed(question: &str) -> Result<Passphrase, RootError> {
    let line = hidden_line(question).map_err(|error| RootError::Passphrase {
        what: format!("it cannot be asked for ({error}); name a file with --passphrase-file"),
    })?;
    Passphrase::new(&line)
}

fn hidden_line(question: &str) -> io::Result<Zeroizing<String>> {
    let mut terminal = File::options().read(true).write(true).open("/dev/tty")?;
    terminal.write_all(format!("{question}: ").as_bytes())?;
    let before = tcgetattr(&terminal)?;
    let mut hidden = before.clone();
    hidden.local_modes.remove(LocalModes::ECHO);
    tcsetattr(&terminal, OptionalActions::Flush, &hidden)?;
    let line = first_line(&terminal);
    // Whatever was read, the terminal shows letters again.
    tcsetattr(&terminal, OptionalActions::Flush, &before)?;
    terminal.write_all(b"\n")?;
    line
}
