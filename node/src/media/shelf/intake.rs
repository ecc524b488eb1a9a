//! Blobs that come in from their start to their end: sent by somebody who names them or not, or copied
//! from a file.
//!
//! Nothing of them is shown before all is hashed. Layer: node, media.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use super::super::error::MediaError;
use super::super::part;
use super::super::tree::{BLOB_BYTES_MAX, BlobHash, Tree};
use super::{Media, Presence, Whose};

/// Bytes copied at once.
const COPY_BYTES: usize = 64 * 1024;

/// A file that was taken in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Added {
    /// The blob.
    pub hash: BlobHash,
    /// Its bytes.
    pub len: u64,
    /// What it is, by its first bytes: `image/jpeg`.
    pub mime: &'static str,
    /// Whether it was here before.
    pub known: bool,
}

/// A blob that somebody sends from its start to its end; what came stays for the next time.
#[derive(Debug)]
pub struct Intake {
    media: Media,
    hash: BlobHash,
    len: u64,
    next: u64,
    file: File,
}

/// A blob that somebody sends who does not know its hash; nothing stays of it after a break.
#[derive(Debug)]
pub struct Nameless {
    media: Media,
    len: u64,
    file: File,
    path: PathBuf,
    /// Stands for it among what was promised room.
    place: BlobHash,
}

impl Media {
    /// Begins to take in a blob from its start, or goes on where an earlier try ended
    /// ([`Intake::next`]).
    ///
    /// # Errors
    /// [`MediaError`]: no room, somebody else does it, or what the disk said.
    pub fn begin(&self, hash: BlobHash, len: u64) -> Result<Intake, MediaError> {
        self.intake(hash, len, Whose::Own)
    }

    /// As [`Media::begin`], for what a person of this device adds or what others made.
    ///
    /// # Errors
    /// As [`Media::begin`].
    pub(in super::super) fn intake(
        &self,
        hash: BlobHash,
        len: u64,
        whose: Whose,
    ) -> Result<Intake, MediaError> {
        self.reserve(hash, len, whose)?;
        let path = part::path(&self.0.dir, hash, ".new");
        let opened = self.made().and_then(|()| {
            let mut file = fs::OpenOptions::new();
            file.read(true).write(true).create(true).truncate(false);
            file.mode(0o600).open(&path)
        });
        let next = opened.and_then(|file| {
            let there = file.metadata()?.len();
            if len < there {
                file.set_len(0)?;
                return Ok((file, 0));
            }
            Ok((file, there))
        });
        match next {
            Ok((file, next)) => Ok(Intake {
                media: self.clone(),
                hash,
                len,
                next,
                file,
            }),
            Err(error) => {
                self.held().intakes.remove(&hash);
                Err(error.into())
            }
        }
    }

    /// Begins to take in a blob of at most so many bytes whose hash nobody knows yet.
    ///
    /// # Errors
    /// [`MediaError`]: no room, or what the disk said.
    pub fn begin_nameless(&self, at_most: u64) -> Result<Nameless, MediaError> {
        let no = self.0.copies.fetch_add(1, Ordering::Relaxed);
        let place = BlobHash(*blake3::hash(&no.to_le_bytes()).as_bytes());
        self.reserve(place, at_most, Whose::Own)?;
        let path = self.0.dir.join(format!("add-{no}.new"));
        match self.made().and_then(|()| part::open(&path, true)) {
            Ok(file) => Ok(Nameless {
                media: self.clone(),
                len: 0,
                file,
                path,
                place,
            }),
            Err(error) => {
                self.held().intakes.remove(&place);
                Err(error.into())
            }
        }
    }

    /// Takes in a file of this device.
    ///
    /// # Errors
    /// [`MediaError`]: the file cannot be read, no room, or what the disk said.
    pub fn add(&self, path: &Path) -> Result<Added, MediaError> {
        let bad = |cause| MediaError::File {
            path: path.to_owned(),
            cause,
        };
        let mut source = File::open(path).map_err(bad)?;
        let metadata = source.metadata().map_err(bad)?;
        if !metadata.is_file() {
            let cause = io::Error::new(io::ErrorKind::InvalidInput, "this is no file");
            return Err(bad(cause));
        }
        let mut fresh = self.begin_nameless(metadata.len())?;
        let mut bytes = vec![0; COPY_BYTES];
        loop {
            let count = source.read(&mut bytes).map_err(bad)?;
            if count == 0 {
                return fresh.finish();
            }
            // A file that grows meanwhile is refused: it is not finished.
            fresh.write(bytes.get(..count).unwrap_or_default())?;
        }
    }

    /// Promises room to whoever writes a blob from its start.
    fn reserve(&self, hash: BlobHash, len: u64, whose: Whose) -> Result<(), MediaError> {
        if len == 0 {
            return Err(MediaError::Length { len });
        }
        let mut held = self.held();
        if held.intakes.contains_key(&hash) {
            return Err(MediaError::Busy(hash));
        }
        let again = held.parts.remove(&hash).map_or(0, |(here, _)| here);
        if let Err(error) = self.fits(len, held.used(), whose) {
            if 0 < again {
                held.parts.insert(hash, (again, len));
            }
            return Err(error);
        }
        held.intakes.insert(hash, len);
        Ok(())
    }
}

impl Intake {
    /// Returns where the next bytes belong: what came before stays after a break.
    pub fn next(&self) -> u64 {
        self.next
    }

    /// Takes bytes that follow what came.
    ///
    /// # Errors
    /// [`MediaError::Gap`] if they do not, [`MediaError::Length`] if they are more than was said, or
    /// what the disk said.
    pub fn write_at(&mut self, at: u64, bytes: &[u8]) -> Result<(), MediaError> {
        if at != self.next {
            let next = self.next;
            return Err(MediaError::Gap { at, next });
        }
        let len = at.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        if self.len < len {
            return Err(MediaError::Length { len });
        }
        self.file.write_all_at(bytes, at)?;
        self.next = len;
        Ok(())
    }

    /// Brings what came to the disk, for whoever goes on later; returns where that is.
    ///
    /// # Errors
    /// What the disk said.
    pub fn pause(self) -> Result<u64, MediaError> {
        self.file.sync_data()?;
        Ok(self.next)
    }

    /// Checks the whole and gives it its name.
    ///
    /// # Errors
    /// [`MediaError::Gap`] if bytes are missing, [`MediaError::Wrong`] if it is another blob: nothing
    /// is kept then.
    pub fn finish(self) -> Result<(), MediaError> {
        if self.next < self.len {
            return Err(MediaError::Gap {
                at: self.len,
                next: self.next,
            });
        }
        self.file.sync_all()?;
        let path = part::path(&self.media.0.dir, self.hash, ".new");
        let mut read = io::BufReader::with_capacity(COPY_BYTES, File::open(&path)?);
        let (found, tree) = Tree::of(&mut read, BLOB_BYTES_MAX)?;
        if found != self.hash {
            part::forget(&path)?;
            return Err(MediaError::Wrong {
                expected: self.hash,
                found,
            });
        }
        self.media.settle(self.hash, &tree, &path)
    }
}

impl Drop for Intake {
    fn drop(&mut self) {
        let mut held = self.media.held();
        held.intakes.remove(&self.hash);
        // What came stays, and takes room, until the rest comes or a week is over.
        let kept = part::path(&self.media.0.dir, self.hash, ".new").exists();
        if kept && !held.whole.contains_key(&self.hash) {
            held.parts.insert(self.hash, (self.next, self.len));
        }
    }
}

impl Nameless {
    /// Takes bytes that follow what came.
    ///
    /// # Errors
    /// [`MediaError::Length`] if they are more than room was promised for, or what the disk said.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), MediaError> {
        let more = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let len = self.len.saturating_add(more);
        let promised = self.media.held().intakes.get(&self.place).copied();
        if promised.unwrap_or_default() < len {
            return Err(MediaError::Length { len });
        }
        self.file.write_all_at(bytes, self.len)?;
        self.len = len;
        Ok(())
    }

    /// Hashes what came and gives it its name.
    ///
    /// # Errors
    /// [`MediaError::Length`] if nothing came, or what the disk said.
    pub fn finish(self) -> Result<Added, MediaError> {
        let len = self.len;
        if len == 0 {
            return Err(MediaError::Length { len });
        }
        self.file.sync_all()?;
        let mut read = io::BufReader::with_capacity(COPY_BYTES, File::open(&self.path)?);
        let (hash, tree) = Tree::of(&mut read, BLOB_BYTES_MAX)?;
        let known = matches!(self.media.presence(hash), Presence::Whole { .. });
        if !known {
            self.media.settle(hash, &tree, &self.path)?;
        }
        Ok(Added {
            hash,
            len,
            mime: self.media.mime(hash),
            known,
        })
    }
}

impl Drop for Nameless {
    fn drop(&mut self) {
        self.media.held().intakes.remove(&self.place);
        // It has its name by now, or it is not wanted.
        if let Err(error) = part::forget(&self.path) {
            tracing::warn!(%error, "what was not taken in is still there");
        }
    }
}
