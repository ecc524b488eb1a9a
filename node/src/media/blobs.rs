//! Where whole blobs are: a folder.
//!
//! Behind a trait, because a cloud may keep them elsewhere. What is in here was checked before it
//! came and is checked again when it is read. Layer: node, media.

use std::fmt;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use super::part::{forget, sync_dir};
use super::tree::BlobHash;

/// A place for whole blobs.
pub trait Blobs: fmt::Debug + Send + Sync {
    /// Lists all with their bytes.
    ///
    /// # Errors
    /// What the place said.
    fn list(&self) -> io::Result<Vec<(BlobHash, u64)>>;

    /// Takes over a file that is known to be this blob and on the disk; the blob is there after a
    /// power cut, or the file is where it was.
    ///
    /// # Errors
    /// What the place said; the file is still there.
    fn keep(&self, hash: BlobHash, file: &Path) -> io::Result<()>;

    /// Reads bytes of a blob, all or none.
    ///
    /// # Errors
    /// What the place said.
    fn read_at(&self, hash: BlobHash, at: u64, bytes: &mut [u8]) -> io::Result<()>;

    /// Takes a blob out that was found to be damaged, and keeps it for a person to look at.
    ///
    /// # Errors
    /// What the place said.
    fn set_aside(&self, hash: BlobHash) -> io::Result<()>;
}

/// Blobs in a folder, each a file with its hash for a name.
#[derive(Clone, Debug)]
pub struct Folder {
    dir: PathBuf,
}

impl Folder {
    /// Takes this folder, which need not be there as long as there is no blob.
    pub fn at(dir: &Path) -> Self {
        Self {
            dir: dir.to_owned(),
        }
    }

    fn file(&self, hash: BlobHash) -> PathBuf {
        self.dir.join(hash.to_string())
    }
}

impl Blobs for Folder {
    fn list(&self) -> io::Result<Vec<(BlobHash, u64)>> {
        let entries = match fs::read_dir(&self.dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut all = Vec::new();
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name();
            if let Some(hash) = name.to_str().and_then(BlobHash::parse) {
                all.push((hash, entry.metadata()?.len()));
            }
        }
        Ok(all)
    }

    fn keep(&self, hash: BlobHash, file: &Path) -> io::Result<()> {
        fs::rename(file, self.file(hash))?;
        sync_dir(&self.dir)?;
        forget(&self.file(hash).with_extension("damaged"))
    }

    fn read_at(&self, hash: BlobHash, at: u64, bytes: &mut [u8]) -> io::Result<()> {
        File::open(self.file(hash))?.read_exact_at(bytes, at)
    }

    fn set_aside(&self, hash: BlobHash) -> io::Result<()> {
        let file = self.file(hash);
        fs::rename(&file, file.with_extension("damaged"))
    }
}
