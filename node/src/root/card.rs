//! A device that takes the key of a card as its own.
//!
//! Layer: node, root.

use std::fs;
use std::path::PathBuf;

use super::key::KeyFile;
use super::{PassphraseSource, Root, RootError, io_error, read_key, sync_dir, write_key};
use crate::board::Board;

/// Most keys that are kept beside the one in use; a root takes a card once or twice.
const KEPT_MAX: u32 = 100;

impl Root {
    /// Takes another key as the device's own; the one before is kept beside it. Whether the device
    /// is still nobody is for the caller to know: a key that has signed must not be given up. Where
    /// the key before needs a passphrase, this one needs the same.
    ///
    /// # Errors
    ///
    /// [`RootError::InUse`], [`RootError::WrongPassphrase`], or what the disk said; the key before is
    /// in use then.
    pub fn take_key(self, seed: &[u8; 32], source: &PassphraseSource) -> Result<Self, RootError> {
        let lock = self.lock()?;
        let before = read_key(self.dir())?;
        let passphrase = if before.is_sealed() {
            source.get("Passphrase again, for the card's key")?
        } else {
            None
        };
        Self::open_key(
            self.dir(),
            &before,
            passphrase.as_ref(),
            &Board::of_system(),
        )?;
        let path = self.dir().join("device.key");
        let kept = self.kept_key_path();
        fs::copy(&path, &kept).map_err(|error| io_error(&kept, "written", error))?;
        let key = KeyFile::new(seed, passphrase.as_ref(), Board::of_system().mark()?)?;
        write_key(self.dir(), &key)?;
        sync_dir(self.dir())?;
        drop(lock);
        Self::open_key(self.dir(), &key, passphrase.as_ref(), &Board::of_system())
    }

    /// Returns a name for the key before that no file has.
    fn kept_key_path(&self) -> PathBuf {
        let path = |number: u32| self.dir().join(format!("device.key.before-{number}"));
        let free = (1..KEPT_MAX).map(path).find(|path| !path.exists());
        free.unwrap_or_else(|| path(KEPT_MAX))
    }
}
