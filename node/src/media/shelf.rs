//! What is here of which blob, and how more comes in: the one door to a node's media.
//!
//! Blocking: callers with other work run it on a thread that may wait. Layer: node, media.
//!
//! Source: PROTOCOL R-MEDIA-8.

mod intake;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::blobs::{Blobs, Folder};
use super::error::MediaError;
use super::part::{self, Bits, Finished, HAVE, PART, Part, TREE};
use super::tidings::{OfEvent, Tidings};
use super::tree::{BLOB_BYTES_MAX, BlobHash, Tree, span};
use super::wants::{Named, mime_of};
use crate::root::room::free_bytes;

pub use self::intake::{Added, Intake, Nameless};

/// Bytes of all media of a node unless something else is configured: a match's pictures and an
/// afternoon's clips.
pub const QUOTA_DEFAULT: u64 = 2 * 1024 * 1024 * 1024;

/// Bytes that stay free when a person adds a file: the device's own entries have them.
const OWN_FREE_MIN: u64 = 16 * 1024 * 1024;

/// Bytes that stay free when a blob of others is fetched. Below 128 MiB a node takes no entries of
/// others (R-STORE-5), and media must not be what brings it there.
const OTHERS_FREE_MIN: u64 = 160 * 1024 * 1024;

/// Milliseconds after which what never became whole is removed: a match is over within a week.
const FORGOTTEN_MS: u64 = 7 * 24 * 60 * 60 * 1_000;

/// First bytes that tell what a file is.
const MIME_BYTES: u64 = 16;

/// A node's media, as one event sees them; cheap to clone.
#[derive(Clone, Debug)]
pub struct Media(Arc<Inner>, pub(super) Arc<OfEvent>);

#[derive(Debug)]
struct Inner {
    dir: PathBuf,
    blobs: Box<dyn Blobs>,
    quota: u64,
    held: Mutex<Held>,
    /// Names files that are copied.
    copies: AtomicU64,
    /// Counts blobs that became whole.
    grew: watch::Sender<u64>,
}

/// What is known to be on disk.
#[derive(Debug, Default)]
struct Held {
    read: bool,
    whole: BTreeMap<BlobHash, u64>,
    /// Bytes that are here, and of the whole.
    parts: BTreeMap<BlobHash, (u64, u64)>,
    /// Bytes promised to whoever writes just now.
    intakes: BTreeMap<BlobHash, u64>,
    /// Blobs that are being put together by groups.
    parting: BTreeSet<BlobHash>,
}

/// How much of a blob is here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// Nothing.
    Absent,
    /// Some of it.
    Pending {
        /// Bytes that are here.
        here: u64,
        /// Bytes of the whole.
        len: u64,
    },
    /// All of it, checked.
    Whole {
        /// Its bytes.
        len: u64,
    },
}

/// Which bytes must stay free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whose {
    /// What a person of this device adds.
    Own,
    /// What others made.
    Others,
}

/// A whole blob, open for reading; every group is checked as it is read.
#[derive(Debug)]
pub struct Blob {
    media: Media,
    hash: BlobHash,
    tree: Tree,
    /// The group that was read last.
    group: Option<(u32, Vec<u8>)>,
}

/// A blob that comes group by group; gives its place back when it is dropped.
#[derive(Debug)]
pub(super) struct Parting {
    media: Media,
    hash: BlobHash,
    part: Option<Part>,
}

impl Media {
    /// Returns the media of a root; its folder is looked at when something is asked for, and made
    /// when something comes in.
    pub fn of_root(root: &Path, quota: u64) -> Self {
        let dir = root.join("media");
        let blobs = Box::new(Folder::at(&dir));
        Self::with(dir, blobs, quota)
    }

    /// Returns media whose parts are in a folder and whose whole blobs are elsewhere.
    pub fn with(dir: PathBuf, blobs: Box<dyn Blobs>, quota: u64) -> Self {
        let inner = Arc::new(Inner {
            dir,
            blobs,
            quota,
            held: Mutex::default(),
            copies: AtomicU64::new(0),
            grew: watch::Sender::new(0),
        });
        Self(inner, Arc::default())
    }

    /// Returns the same media for another event of this node, which names what it names.
    #[must_use]
    pub fn of_another_event(&self) -> Self {
        Self(Arc::clone(&self.0), Arc::default())
    }

    /// Removes what a crash left, and what never became whole within a week.
    pub fn clean(&self, wall_ms: u64) {
        let Ok(entries) = fs::read_dir(&self.0.dir) else {
            return;
        };
        for entry in entries.flatten() {
            let path = entry.path();
            let name = entry.file_name();
            let (stem, ending) = name
                .to_str()
                .and_then(|it| it.split_once('.'))
                .unwrap_or_default();
            let age_ms = entry
                .metadata()
                .and_then(|it| it.modified())
                .ok()
                .and_then(|it| it.duration_since(std::time::UNIX_EPOCH).ok())
                .map_or(0, |it| wall_ms.saturating_sub(crate::clock::millis(it)));
            let whole = self.0.dir.join(stem).exists();
            let left = match ending {
                "part" | "have" => whole || FORGOTTEN_MS < age_ms,
                "new" => BlobHash::parse(stem).is_none() || whole || FORGOTTEN_MS < age_ms,
                "tree.new" => true,
                // The list of a whole blob spares reading it.
                "tree" => !whole && FORGOTTEN_MS < age_ms,
                _ => false,
            };
            if left && let Err(error) = part::forget(&path) {
                tracing::warn!(%error, path = %path.display(), "not removed");
            }
        }
    }

    /// Returns what the event said of a blob when it was looked at last: what names it, and as what.
    pub fn named_as(&self, hash: BlobHash) -> Vec<Named> {
        let tidings = self.tidings();
        let named = tidings.named.iter().filter(|it| it.hash == hash);
        named.cloned().collect()
    }

    /// Returns how much of a blob is here.
    pub fn presence(&self, hash: BlobHash) -> Presence {
        let held = self.held();
        match (held.whole.get(&hash), held.parts.get(&hash)) {
            (Some(&len), _) => Presence::Whole { len },
            (None, Some(&(here, len))) => Presence::Pending { here, len },
            (None, None) => Presence::Absent,
        }
    }

    /// Returns the bytes of all media here, and how many there may be.
    pub fn used(&self) -> (u64, u64) {
        (self.held().used(), self.0.quota)
    }

    /// Returns all whole blobs with their bytes.
    pub fn whole(&self) -> Vec<(BlobHash, u64)> {
        let held = self.held();
        held.whole.iter().map(|(hash, len)| (*hash, *len)).collect()
    }

    /// Tells what a whole blob is by its first bytes.
    pub fn mime(&self, hash: BlobHash) -> &'static str {
        let Presence::Whole { len } = self.presence(hash) else {
            return mime_of(&[]);
        };
        let mut first = vec![0; usize::try_from(len.min(MIME_BYTES)).unwrap_or_default()];
        match self.0.blobs.read_at(hash, 0, &mut first) {
            Ok(()) => mime_of(&first),
            Err(_) => mime_of(&[]),
        }
    }

    /// Returns what changes whenever a blob became whole.
    pub fn grew(&self) -> watch::Receiver<u64> {
        self.0.grew.subscribe()
    }

    /// Locks what is known about blobs. Never hold it across a wait.
    pub(super) fn tidings(&self) -> MutexGuard<'_, Tidings> {
        let tidings = self.1.tidings.lock();
        tidings.unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens a whole blob.
    ///
    /// # Errors
    /// [`MediaError::Absent`], or what the disk said.
    pub fn open(&self, hash: BlobHash) -> Result<Blob, MediaError> {
        let Presence::Whole { len } = self.presence(hash) else {
            return Err(MediaError::Absent(hash));
        };
        let tree = match part::read_tree(&self.0.dir, hash, len)? {
            Some(tree) => tree,
            None => self.read_tree_of(hash, len)?,
        };
        Ok(Blob {
            media: self.clone(),
            hash,
            tree,
            group: None,
        })
    }

    /// Returns the part of a blob, begun with a list that was checked or gone on with; `None` as long
    /// as nothing is here and `tree` is not known.
    ///
    /// # Errors
    /// [`MediaError`]: no room, somebody else does it, or what the disk said.
    pub(super) fn part(
        &self,
        hash: BlobHash,
        len: u64,
        tree: Option<Tree>,
    ) -> Result<Option<Parting>, MediaError> {
        let missing = match self.presence(hash) {
            Presence::Absent => len,
            Presence::Pending { here, .. } => len.saturating_sub(here),
            Presence::Whole { .. } => 0,
        };
        self.has_room(missing, Whose::Others)?;
        if !self.held().parting.insert(hash) {
            return Err(MediaError::Busy(hash));
        }
        let mut parting = Parting {
            media: self.clone(),
            hash,
            part: None,
        };
        self.made()?;
        let resumed = Part::resume(&self.0.dir, hash)?.filter(|it| it.bits().len() == len);
        parting.part = match (resumed, tree) {
            (Some(part), _) => Some(part),
            (None, Some(tree)) => Some(Part::begin(&self.0.dir, hash, tree)?),
            (None, None) => None,
        };
        Ok(parting.part.is_some().then_some(parting))
    }

    /// Tells whether so many bytes more may come in.
    ///
    /// # Errors
    /// [`MediaError`] that says what is short.
    pub(super) fn has_room(&self, len: u64, whose: Whose) -> Result<(), MediaError> {
        let used = self.held().used();
        self.fits(len, used, whose)
    }

    fn fits(&self, len: u64, used: u64, whose: Whose) -> Result<(), MediaError> {
        if BLOB_BYTES_MAX < len {
            return Err(MediaError::Length { len });
        }
        let quota = self.0.quota;
        if quota < used.saturating_add(len) {
            return Err(MediaError::Quota { len, used, quota });
        }
        let floor = match whose {
            Whose::Own => OWN_FREE_MIN,
            Whose::Others => OTHERS_FREE_MIN,
        };
        // The folder may not be there yet; the one around it is on the same disk.
        let around = self.0.dir.parent().unwrap_or(&self.0.dir);
        match free_bytes(around) {
            Some(free) if free < floor.saturating_add(len) => Err(MediaError::Room { len, free }),
            Some(_) | None => Ok(()),
        }
    }

    /// Gives a file that was hashed its place among the whole blobs.
    fn settle(&self, hash: BlobHash, tree: &Tree, file: &Path) -> Result<(), MediaError> {
        part::write_tree(&self.0.dir, hash, tree)?;
        self.0.blobs.keep(hash, file)?;
        self.is_whole(hash, tree.len());
        if !self.held().parting.contains(&hash) {
            part::forget(&part::path(&self.0.dir, hash, HAVE))?;
            part::forget(&part::path(&self.0.dir, hash, PART))?;
        }
        Ok(())
    }

    fn is_whole(&self, hash: BlobHash, len: u64) {
        {
            let mut held = self.held();
            held.parts.remove(&hash);
            held.whole.insert(hash, len);
        }
        self.0
            .grew
            .send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Makes the folder, which nobody else on the machine may read.
    fn made(&self) -> io::Result<()> {
        let mut builder = fs::DirBuilder::new();
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.recursive(true).create(&self.0.dir)
    }

    /// Makes the list of a whole blob anew, from its bytes.
    fn read_tree_of(&self, hash: BlobHash, len: u64) -> Result<Tree, MediaError> {
        let mut all = WholeReader {
            blobs: self.0.blobs.as_ref(),
            hash,
            len,
            at: 0,
        };
        match Tree::of(&mut all, BLOB_BYTES_MAX) {
            Ok((found, tree)) if found == hash => {
                part::write_tree(&self.0.dir, hash, &tree)?;
                Ok(tree)
            }
            Ok(_) | Err(_) => Err(self.damaged(hash)),
        }
    }

    /// Sets a damaged blob aside, so that it is fetched again.
    fn damaged(&self, hash: BlobHash) -> MediaError {
        tracing::error!(%hash, "a media file was damaged on this disk; it is set aside");
        if let Err(error) = self.0.blobs.set_aside(hash) {
            return error.into();
        }
        self.held().whole.remove(&hash);
        MediaError::Damaged(hash)
    }

    /// Locks what is known, reading the folder the first time. What cannot be read is not there.
    fn held(&self) -> MutexGuard<'_, Held> {
        let held = self.0.held.lock();
        let mut held = held.unwrap_or_else(PoisonError::into_inner);
        if !held.read {
            held.read = true;
            match self.0.blobs.list() {
                Ok(all) => held.whole.extend(all),
                Err(error) => tracing::warn!(%error, "the media folder cannot be read"),
            }
            held.parts = parts(&self.0.dir);
        }
        held
    }
}

impl Held {
    fn used(&self) -> u64 {
        let whole = self.whole.values();
        let parts = self.parts.values().map(|(here, _)| here);
        whole.chain(parts).chain(self.intakes.values()).sum()
    }
}

/// Reads which parts are in a folder.
fn parts(dir: &Path) -> BTreeMap<BlobHash, (u64, u64)> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let parts = entries.filter_map(|entry| {
        let name = entry.file_name();
        let name = name.to_str()?;
        if let Some(hash) = name.strip_suffix(".new").and_then(BlobHash::parse) {
            // How long it would be, nobody wrote down.
            let there = entry.metadata().ok()?.len();
            return Some((hash, (there, there)));
        }
        let hash = BlobHash::parse(name.strip_suffix(HAVE)?)?;
        let bits = Bits::read(&entry.path()).ok()??;
        dir.join(format!("{hash}{TREE}")).exists().then_some(())?;
        Some((hash, (bits.here(), bits.len())))
    });
    parts.collect()
}

/// Reads a whole blob from its start.
struct WholeReader<'a> {
    blobs: &'a dyn Blobs,
    hash: BlobHash,
    len: u64,
    at: u64,
}

impl io::Read for WholeReader<'_> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.len.saturating_sub(self.at)).unwrap_or(usize::MAX);
        let count = left.min(bytes.len());
        let Some(piece) = bytes.get_mut(..count) else {
            return Ok(0);
        };
        self.blobs.read_at(self.hash, self.at, piece)?;
        self.at = self
            .at
            .saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
        Ok(count)
    }
}

impl Blob {
    /// Returns its name.
    pub fn hash(&self) -> BlobHash {
        self.hash
    }

    /// Returns how many bytes it has.
    #[expect(clippy::len_without_is_empty, reason = "a blob has at least one byte")]
    pub fn len(&self) -> u64 {
        self.tree.len()
    }

    /// Reads bytes from a place on, as many as there are and fit; 0 at its end.
    ///
    /// # Errors
    /// [`MediaError::Damaged`] if the disk does not hold what it held; the blob is set aside then.
    pub fn read_at(&mut self, at: u64, bytes: &mut [u8]) -> Result<usize, MediaError> {
        let mut done: usize = 0;
        while let Some(rest) = bytes.get_mut(done..).filter(|it| !it.is_empty()) {
            let place = at.saturating_add(u64::try_from(done).unwrap_or(u64::MAX));
            if self.len() <= place {
                break;
            }
            let group = u32::try_from(place / super::GROUP_BYTES).unwrap_or(u32::MAX);
            let within = usize::try_from(place % super::GROUP_BYTES).unwrap_or_default();
            let piece = self.group(group)?.get(within..).unwrap_or_default();
            let count = piece.len().min(rest.len());
            for (to, from) in rest.iter_mut().zip(piece) {
                *to = *from;
            }
            done = done.saturating_add(count);
        }
        Ok(done)
    }

    /// Returns one group, checked.
    pub(super) fn group(&mut self, group: u32) -> Result<&[u8], MediaError> {
        if self.group.as_ref().is_none_or(|(no, _)| *no != group) {
            let (at, length) = span(self.len(), group);
            let mut bytes = vec![0; length];
            let read = self.media.0.blobs.read_at(self.hash, at, &mut bytes);
            if read.is_err() || !self.tree.holds(group, &bytes) {
                return Err(self.media.damaged(self.hash));
            }
            self.group = Some((group, bytes));
        }
        Ok(self
            .group
            .as_ref()
            .map_or(&[], |(_, bytes)| bytes.as_slice()))
    }

    /// Returns the list of groups.
    pub(super) fn list(&self) -> Vec<u8> {
        self.tree.list()
    }
}

impl Parting {
    /// Returns the first group that is missing and how many follow each other; `None` once all came.
    pub(super) fn missing(&self) -> Option<(u32, u32)> {
        self.part.as_ref().and_then(|it| it.bits().missing())
    }

    /// Checks a group and keeps it.
    ///
    /// # Errors
    /// [`part::NotTaken`].
    pub(super) fn take(&mut self, group: u32, bytes: &[u8]) -> Result<(), part::NotTaken> {
        match &mut self.part {
            Some(part) => part.take(group, bytes),
            None => Err(part::NotTaken::Wrong),
        }
    }

    /// Tells how far it is, without asking the disk.
    pub(super) fn note(&self) {
        if let Some(part) = &self.part {
            let bits = part.bits();
            let mut held = self.media.held();
            held.parts.insert(self.hash, (bits.here(), bits.len()));
        }
    }

    /// Brings all that came to the disk, and gives the blob its name if that is all of it. Tells
    /// whether it is.
    ///
    /// # Errors
    /// What the disk said; what is on it stays.
    pub(super) fn finish(mut self) -> io::Result<bool> {
        let Some(part) = self.part.take() else {
            return Ok(false);
        };
        let len = part.bits().len();
        match part.finish(self.media.0.blobs.as_ref())? {
            Finished::Whole => {
                self.media.is_whole(self.hash, len);
                Ok(true)
            }
            Finished::Lacking(part) => {
                self.part = Some(*part);
                self.note();
                Ok(false)
            }
        }
    }
}

impl Drop for Parting {
    fn drop(&mut self) {
        self.media.held().parting.remove(&self.hash);
    }
}

#[cfg(test)]
mod tests;
