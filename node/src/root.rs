//! The folder that holds everything a node owns (`--root DIR`).
//!
//! | file | content |
//! | --- | --- |
//! | `device.key` | the 32-byte seed of the device's key, readable by nobody else, and the board it was made on (`key`) |
//! | `device.key.before-N` | the key before a card's key was taken up |
//! | `device.toml` | what the device is called and what it is for |
//! | `node.redb` | the store; its random id is inside it, so a fresh store is another store |
//! | `event.manifest` | which event this is, for a fresh store after damage |
//! | `node.redb.damaged-N` | stores that did not open, kept for a person to look at |
//! | `node.lock` | locked while a process uses the root; holds its process id |
//! | `node.sock` | the command socket of a running node |
//! | `peers.json` | port and addresses of peers, kept by `net` from one start to the next |
//!
//! Knows nothing of what is in the store. Layer: node, below `store`.

mod card;
pub mod events;
mod key;
mod passphrase;
pub mod room;
pub mod warrant;

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use tallyline_keys::{DeviceKey, PublicKey, Warrant};
use tallyline_proto::wire::decode_manifest;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::board::Board;
use crate::entropy::{self, EntropyError};

use self::key::KeyFile;

pub use self::passphrase::{Passphrase, PassphraseSource};

/// Longest label in bytes: what the protocol admits in an Admit statement.
pub const LABEL_BYTES_MAX: usize = 32;

/// The device's key.
const KEY_FILE: &str = "device.key";

/// What the device is called and what it is for.
const DEVICE_FILE: &str = "device.toml";

/// The store.
pub(crate) const STORE_FILE: &str = "node.redb";

/// Longest `device.toml` that is looked at: two short lines and room for comments.
const DEVICE_FILE_BYTES_MAX: u64 = 16 * 1024;

/// Longest `node.lock` that is looked at: a process id.
const LOCK_FILE_BYTES_MAX: u64 = 32;

/// The folder of one node, opened: key and label are read, the store is not touched.
pub struct Root {
    dir: PathBuf,
    key: DeviceKey,
    label: String,
    mode: Mode,
    /// Whether the key was made on this board, as far as can be told.
    at_home: bool,
    /// Of one of a cloud's nodes: the cloud's word for the key.
    warrant: Option<Warrant>,
}

/// Proof that no other process uses the root; ends when dropped.
#[derive(Debug)]
pub struct RootLock {
    // The lock belongs to the open file and goes with it, also when the process is killed.
    _file: File,
}

/// What a node is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// A phone, tablet or laptop of an official.
    Device,
    /// Carries entries to the cloud whenever it has internet.
    Gateway,
    /// The cloud itself.
    Cloud,
}

/// Why a root cannot be made or used.
#[derive(Debug, Error)]
pub enum RootError {
    /// There is no node in the folder.
    #[error(
        "there is no node in {}; nothing was changed; create one with `tallyline init --root {}` \
         or name another folder with --root", dir.display(), dir.display()
    )]
    Missing {
        /// The folder.
        dir: PathBuf,
    },
    /// A node is there already.
    #[error(
        "{} already holds the node {label:?} ({fingerprint}); it was not changed; \
         use it, or name another folder with --root", dir.display()
    )]
    Exists {
        /// The folder.
        dir: PathBuf,
        /// The name of the node there.
        label: String,
        /// The first group of its fingerprint.
        fingerprint: String,
    },
    /// Another process uses the root.
    #[error(
        "root {} is in use by another tallyline{}; nothing was changed; \
         stop that one with `tallyline stop --root {}`, or name another folder with --root",
        dir.display(), by(*pid), dir.display()
    )]
    InUse {
        /// The folder.
        dir: PathBuf,
        /// The process, when it could be read.
        pid: Option<u32>,
    },
    /// Others can read the device's key.
    #[error(
        "others on this machine can read the device's key (mode {mode:03o}); the node was not \
         started; run `chmod 600 {}`, and set the device up anew if somebody may have copied it",
        path.display()
    )]
    KeyReadable {
        /// The key's file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The key was made on another board.
    #[error(
        "the key in {} was made on another board: the memory card was moved, or the folder \
         copied; nothing was signed, for two devices with one key would contradict each other; \
         set this device up in a fresh folder (`tallyline init`) and have the owner invite it; \
         only if the card was moved for good and no other device has this key, run \
         `tallyline init --adopt-board --root {}`", dir.display(), dir.display()
    )]
    OtherBoard {
        /// The folder.
        dir: PathBuf,
    },
    /// The key's file is gone, and the rest is there.
    #[error(
        "the device's key is missing: there is no device.key in {}, only what it once signed; \
         nothing was changed, and what other devices hold is safe; move the folder aside, set \
         the device up anew with `tallyline init --root {}` and have the owner invite it",
        dir.display(), dir.display()
    )]
    KeyMissing {
        /// The folder.
        dir: PathBuf,
    },
    /// The key needs a passphrase.
    #[error(
        "the key in {} is sealed, and there is no passphrase; nothing was changed; run this on a \
         terminal, or name a file with --passphrase-file or TALLYLINE_PASSPHRASE_FILE",
        dir.display()
    )]
    Sealed {
        /// The folder.
        dir: PathBuf,
    },
    /// The passphrase opens nothing.
    #[error(
        "the passphrase does not open the key in {}; nothing was changed; try again; without it \
         the device must be set up anew and invited by the owner", dir.display()
    )]
    WrongPassphrase {
        /// The folder.
        dir: PathBuf,
    },
    /// A passphrase cannot be had, or is none.
    #[error("the passphrase cannot be used: {what}; nothing was changed")]
    Passphrase {
        /// What is wrong.
        what: String,
    },
    /// There is no memory for the passphrase's lock.
    #[error(
        "the key cannot be sealed: 64 MiB of memory are needed for it; nothing was changed; end \
         other programs and try again"
    )]
    NoMemory,
    /// A file does not hold what it should.
    #[error("{} cannot be used: {what}; nothing was changed; {advice}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: String,
        /// What to do.
        advice: &'static str,
    },
    /// The label is empty or too long.
    #[error(
        "the label {label:?} has {} bytes; a label has 1 to {LABEL_BYTES_MAX} bytes and no control \
         characters; nothing was changed; choose another one", label.len()
    )]
    Label {
        /// The label.
        label: String,
    },
    /// A file or folder cannot be read or written.
    #[error(
        "{} cannot be {doing} ({error}); nothing that was saved is lost; check that the folder is \
         yours and that the disk has room", path.display()
    )]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// `read` or `written`.
        doing: &'static str,
        /// What the system said.
        error: io::Error,
    },
    /// No randomness.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
}

/// What `device.toml` holds.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct DeviceFile {
    label: String,
    mode: Mode,
}

impl Root {
    /// Makes a node in a folder that is made too if needed: draws its key and writes its files.
    ///
    /// `label` has 1 to [`LABEL_BYTES_MAX`] bytes.
    ///
    /// # Errors
    ///
    /// [`RootError::Exists`] if a node is there, [`RootError::Label`], or what the disk said.
    pub fn create(dir: &Path, label: &str, mode: Mode) -> Result<Self, RootError> {
        Self::create_sealed(dir, (label, mode), None)
    }

    /// As [`Root::create`], with a key that needs a passphrase if there is one.
    ///
    /// # Errors
    ///
    /// As [`Root::create`]; [`RootError::NoMemory`] if the key cannot be sealed.
    pub fn create_sealed(
        dir: &Path,
        (label, mode): (&str, Mode),
        passphrase: Option<&Passphrase>,
    ) -> Result<Self, RootError> {
        check_label(label)?;
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(dir)
            .map_err(|error| io_error(dir, "written", error))?;
        if let Some(there) = KeyFile::read(&dir.join(KEY_FILE))? {
            return Err(RootError::Exists {
                dir: dir.to_owned(),
                label: read_device(&dir.join(DEVICE_FILE))?.label,
                fingerprint: there
                    .seed(passphrase)
                    .map_or_else(|| "sealed".to_owned(), |seed| public(&seed).short()),
            });
        }
        if dir.join(STORE_FILE).exists() {
            let dir = dir.to_owned();
            return Err(RootError::KeyMissing { dir });
        }
        let seed = Zeroizing::new(entropy::bytes::<32>()?);
        let key = KeyFile::new(&seed, passphrase, Board::of_system().mark()?)?;
        let file = DeviceFile {
            label: label.to_owned(),
            mode,
        };
        let text = toml::to_string(&file).map_err(|error| RootError::Malformed {
            path: dir.join(DEVICE_FILE),
            what: error.to_string(),
            advice: "choose another label",
        })?;
        // The key comes last: a folder with a key is a whole node.
        write_file(&dir.join(DEVICE_FILE), text.as_bytes(), 0o600)?;
        write_key(dir, &key)?;
        Self::open_key(dir, &key, passphrase, &Board::of_system())
    }

    /// Opens the node of a folder whose key needs no passphrase.
    ///
    /// # Errors
    ///
    /// [`RootError::Missing`], [`RootError::KeyMissing`], [`RootError::KeyReadable`],
    /// [`RootError::Sealed`], [`RootError::Malformed`], or what the disk said.
    pub fn open(dir: &Path) -> Result<Self, RootError> {
        Self::open_with(dir, &PassphraseSource::Nowhere)
    }

    /// Opens the node of a folder; a passphrase is asked for only if its key needs one.
    ///
    /// # Errors
    ///
    /// As [`Root::open`], and [`RootError::WrongPassphrase`].
    pub fn open_with(dir: &Path, source: &PassphraseSource) -> Result<Self, RootError> {
        Self::open_on(dir, source, &Board::of_system())
    }

    /// As [`Root::open_with`], on a board of the caller's: for tests.
    ///
    /// # Errors
    ///
    /// As [`Root::open_with`].
    pub fn open_on(
        dir: &Path,
        source: &PassphraseSource,
        board: &Board,
    ) -> Result<Self, RootError> {
        let key = read_key(dir)?;
        let passphrase = if key.is_sealed() {
            source.get(&format!("Passphrase of {}", dir.display()))?
        } else {
            None
        };
        Self::open_key(dir, &key, passphrase.as_ref(), board)
    }

    fn open_key(
        dir: &Path,
        key: &KeyFile,
        passphrase: Option<&Passphrase>,
        board: &Board,
    ) -> Result<Self, RootError> {
        let seed = key.seed(passphrase).ok_or_else(|| {
            let dir = dir.to_owned();
            match passphrase {
                None => RootError::Sealed { dir },
                Some(_) => RootError::WrongPassphrase { dir },
            }
        })?;
        let device = read_device(&dir.join(DEVICE_FILE))?;
        check_label(&device.label)?;
        let key_pair = DeviceKey::from_seed(*seed);
        Ok(Self {
            dir: dir.to_owned(),
            warrant: warrant::kept(dir, &key_pair.public())?,
            key: key_pair,
            label: device.label,
            mode: device.mode,
            at_home: key.board.as_ref().is_none_or(|mark| board.fits(mark)),
        })
    }

    /// Makes sure that the key may sign here: it was made on this board, or taken to it on purpose.
    ///
    /// # Errors
    ///
    /// [`RootError::OtherBoard`].
    pub fn may_sign(&self) -> Result<(), RootError> {
        if self.at_home {
            return Ok(());
        }
        Err(RootError::OtherBoard {
            dir: self.dir.clone(),
        })
    }

    /// Takes a key that was made on another board to this one: the person says that no other
    /// device has it.
    ///
    /// # Errors
    ///
    /// If there is no key, or what the disk said.
    pub fn adopt_board(dir: &Path, board: &Board) -> Result<(), RootError> {
        let mut key = read_key(dir)?;
        key.board = Some(board.mark()?);
        write_key(dir, &key)
    }

    /// Makes sure that no other process uses the root until the lock is dropped.
    ///
    /// # Errors
    ///
    /// [`RootError::InUse`], or what the disk said.
    pub fn lock(&self) -> Result<RootLock, RootError> {
        let path = self.dir.join("node.lock");
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(|error| io_error(&path, "written", error))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                // An unreadable process id only makes the message shorter.
                let pid = (&file)
                    .take(LOCK_FILE_BYTES_MAX)
                    .read_to_string(&mut text)
                    .ok()
                    .and_then(|_| text.trim().parse().ok());
                return Err(RootError::InUse {
                    dir: self.dir.clone(),
                    pid,
                });
            }
            Err(TryLockError::Error(error)) => return Err(io_error(&path, "written", error)),
        }
        // The process id only makes another process's message better: a full disk must not keep
        // an official from starting the node.
        if file.set_len(0).is_ok()
            && file
                .write_all(std::process::id().to_string().as_bytes())
                .is_err()
        {
            tracing::warn!(path = %path.display(), "the process id could not be written");
        }
        Ok(RootLock { _file: file })
    }

    /// Overrides what the node is for, for this run only; `None` leaves it.
    #[must_use]
    pub fn with_mode(mut self, mode: Option<Mode>) -> Self {
        self.mode = mode.unwrap_or(self.mode);
        self
    }

    /// Returns the device's key pair.
    pub fn device_key(&self) -> DeviceKey {
        DeviceKey::from_seed(*self.key.seed())
    }

    /// Returns the device's public key.
    pub fn key(&self) -> PublicKey {
        self.key.public()
    }

    /// Returns what the device is called.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// Returns what the node is for, as `init` fixed it.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Returns the cloud's word for the key, of one of its nodes.
    pub fn warrant(&self) -> Option<&Warrant> {
        self.warrant.as_ref()
    }

    /// Returns the key as which a cloud speaks: that of the cloud whose node this is, or its own.
    pub fn speaks_for(&self) -> PublicKey {
        let warrant = self.warrant.as_ref();
        warrant.map_or_else(|| self.key(), |warrant| warrant.cloud)
    }

    /// Returns the folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Keeps the event's manifest beside the store, so that a fresh store after damage knows which
    /// event to fetch from the other devices.
    ///
    /// # Errors
    ///
    /// What the disk said; the store has the manifest all the same.
    pub fn keep_manifest(&self, manifest: &[u8]) -> Result<(), RootError> {
        replace_file(&self.dir.join(MANIFEST_FILE), manifest)
    }

    /// Returns the manifest that [`Self::keep_manifest`] kept, if it can be read.
    pub fn kept_manifest(&self) -> Option<Vec<u8>> {
        let manifest = fs::read(self.dir.join(MANIFEST_FILE)).ok()?;
        decode_manifest(&manifest).is_ok().then_some(manifest)
    }

    /// Returns the path of the store.
    pub fn store_path(&self) -> PathBuf {
        self.dir.join(STORE_FILE)
    }
}

impl std::fmt::Debug for Root {
    /// Shows whose folder it is and nothing of the secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Root")
            .field("dir", &self.dir)
            .field("key", &self.key)
            .field("label", &self.label)
            .field("mode", &self.mode)
            .finish_non_exhaustive()
    }
}

impl Mode {
    /// Returns the mode's name as flags and files have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Device => "device",
            Self::Gateway => "gateway",
            Self::Cloud => "cloud",
        }
    }
}

impl std::fmt::Display for Mode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Mode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [Self::Device, Self::Gateway, Self::Cloud]
            .into_iter()
            .find(|mode| mode.name() == text)
            .ok_or_else(|| format!("{text:?} is no mode; use device, gateway or cloud"))
    }
}

/// Returns where the command socket of a root is.
pub fn socket_path(dir: &Path) -> PathBuf {
    dir.join("node.sock")
}

/// The event's manifest, kept beside the store.
const MANIFEST_FILE: &str = "event.manifest";

/// Lists the damaged stores that were moved aside in a root, by name.
pub fn damaged_stores(dir: &Path) -> Vec<String> {
    // A folder that cannot be read has louder problems than a missing remark.
    let folders = [dir.to_owned(), events::folder(dir)];
    let files = folders
        .iter()
        .filter_map(|it| fs::read_dir(it).ok())
        .flatten();
    let mut names: Vec<String> = files
        .filter_map(|file| file.ok()?.file_name().into_string().ok())
        .filter(|name| name.contains(".redb.damaged-"))
        .collect();
    names.sort_unstable();
    names
}

/// Makes the entries of a folder durable: a file that was made or renamed is there after a cut.
///
/// # Errors
///
/// What the disk said.
pub fn sync_dir(dir: &Path) -> Result<(), RootError> {
    File::open(dir)
        .and_then(|folder| folder.sync_all())
        .map_err(|error| io_error(dir, "written", error))
}

/// Writes bytes as lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    let digit = |half: u8| char::from_digit(u32::from(half), 16).unwrap_or('0');
    bytes
        .iter()
        .flat_map(|&byte| [digit(byte >> 4), digit(byte & 15)])
        .collect()
}

/// Reads lower- or upper-case hex; `None` if it is not an even number of hex digits.
pub fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text
        .chars()
        .map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
        .collect();
    let digits = digits?;
    let (pairs, rest) = digits.as_chunks::<2>();
    rest.is_empty()
        .then(|| pairs.iter().map(|[high, low]| high << 4 | low).collect())
}

/// Reads the key's file, or says why there is none.
fn read_key(dir: &Path) -> Result<KeyFile, RootError> {
    let missing = || {
        let dir = dir.to_owned();
        // A folder with a store was a whole node once.
        if dir.join(STORE_FILE).exists() {
            RootError::KeyMissing { dir }
        } else {
            RootError::Missing { dir }
        }
    };
    KeyFile::read(&dir.join(KEY_FILE))?.ok_or_else(missing)
}

/// Writes the key's file beside its place and renames it: there is never half a key.
fn write_key(dir: &Path, key: &KeyFile) -> Result<(), RootError> {
    replace_file(&dir.join(KEY_FILE), key.text().as_bytes())
}

fn read_device(path: &Path) -> Result<DeviceFile, RootError> {
    let file = File::open(path).map_err(|error| io_error(path, "read", error))?;
    let text = read_text(path, &file, DEVICE_FILE_BYTES_MAX)?;
    toml::from_str(&text).map_err(|error| RootError::Malformed {
        path: path.to_owned(),
        what: error.message().to_owned(),
        advice: "put `label = \"..\"` and `mode = \"device\"` into it",
    })
}

fn read_text(path: &Path, file: &File, bytes_max: u64) -> Result<String, RootError> {
    let mut text = String::new();
    file.take(bytes_max)
        .read_to_string(&mut text)
        .map_err(|error| io_error(path, "read", error))?;
    Ok(text)
}

/// Writes a file that only its owner reads beside its place and renames it: there is the old one or
/// the new one, never half of it.
///
/// # Errors
///
/// What the disk said.
pub(crate) fn replace_file(path: &Path, content: &[u8]) -> Result<(), RootError> {
    let mut fresh = path.as_os_str().to_owned();
    fresh.push(".fresh");
    let fresh = PathBuf::from(fresh);
    write_file(&fresh, content, 0o600)?;
    fs::rename(&fresh, path).map_err(|error| io_error(path, "written", error))?;
    path.parent().map_or(Ok(()), sync_dir)
}

fn write_file(path: &Path, content: &[u8], mode: u32) -> Result<(), RootError> {
    let write = || {
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(mode)
            .open(path)?;
        file.set_permissions(fs::Permissions::from_mode(mode))?;
        file.write_all(content)?;
        file.sync_all()
    };
    write().map_err(|error| io_error(path, "written", error))
}

fn check_label(label: &str) -> Result<(), RootError> {
    let fits = !label.trim().is_empty()
        && label.len() <= LABEL_BYTES_MAX
        && !label.chars().any(char::is_control);
    if fits {
        Ok(())
    } else {
        Err(RootError::Label {
            label: label.to_owned(),
        })
    }
}

pub(crate) fn io_error(path: &Path, doing: &'static str, error: io::Error) -> RootError {
    RootError::Io {
        path: path.to_owned(),
        doing,
        error,
    }
}

fn public(seed: &[u8; 32]) -> PublicKey {
    DeviceKey::from_seed(*seed).public()
}

fn by(pid: Option<u32>) -> String {
    pid.map_or_else(String::new, |pid| format!(" (pid {pid})"))
}

#[cfg(test)]
mod tests;
