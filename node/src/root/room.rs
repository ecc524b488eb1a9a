//! How much the disk under a root has left, and a reserve that is given up when it has nothing.
//!
//! A full card must not stop the officer: the reserve is a file that holds room for the device's own
//! entries, and when a commit finds none, the file goes and the next commit has it. Others' entries
//! are refused long before (R-STORE-5), so nobody else uses it up. Layer: node, below `driver`.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use rustix::fs::{FallocateFlags, fallocate, statvfs};

/// The reserve's file.
const RESERVE_FILE: &str = "node.reserve";

/// Bytes of the reserve: some ten thousand entries of one device, and what redb adds to its file
/// at once.
pub const RESERVE_BYTES: u64 = 8 * 1024 * 1024;

/// Bytes that must be free before the reserve is made: it must not be what fills a disk.
const MAKE_ABOVE_BYTES: u64 = 4 * RESERVE_BYTES;

/// Bytes free below which the reserve is given up before a commit fails: a commit writes some 30 KB,
/// and between two looks there may be many.
const GIVE_UP_BELOW_BYTES: u64 = 1024 * 1024;

/// Bytes written at once where the disk cannot be asked for room.
const PIECE_BYTES: usize = 64 * 1024;

/// The disk under a root.
#[derive(Clone, Debug)]
pub struct Room {
    dir: PathBuf,
}

impl Room {
    /// Looks after the disk under a folder.
    pub fn under(dir: &Path) -> Self {
        Self {
            dir: dir.to_owned(),
        }
    }

    /// Returns how many bytes the disk has left for this device; `None` if it does not say. Gives
    /// the reserve up where there is nothing else left.
    pub fn measure(&self) -> Option<u64> {
        let free_bytes = free_bytes(&self.dir)?;
        if free_bytes < GIVE_UP_BELOW_BYTES && self.give_up() {
            return self::free_bytes(&self.dir);
        }
        Some(free_bytes)
    }

    /// Makes the reserve if there is none and the disk has plenty left.
    pub fn provide(&self, free_bytes: u64) {
        if MAKE_ABOVE_BYTES <= free_bytes
            && !self.has_reserve()
            && let Err(error) = self.make()
        {
            tracing::warn!(%error, "there is no reserve for a full disk");
        }
    }

    /// Gives the reserve up, so that the next commit has room; tells whether there was one.
    pub fn give_up(&self) -> bool {
        let given = fs::remove_file(self.path()).is_ok();
        if given {
            tracing::warn!(
                bytes = RESERVE_BYTES,
                "the disk is full; the reserve is given up for this device's own entries"
            );
        }
        given
    }

    /// Tells whether the reserve is there.
    pub fn has_reserve(&self) -> bool {
        let metadata = fs::metadata(self.path());
        metadata.is_ok_and(|metadata| RESERVE_BYTES <= metadata.len())
    }

    fn make(&self) -> io::Result<()> {
        let mut file = File::create(self.path())?;
        let asked = fallocate(&file, FallocateFlags::empty(), 0, RESERVE_BYTES);
        // A file that is only long holds no room.
        if asked.is_err() {
            let piece = vec![0; PIECE_BYTES];
            let mut written = 0;
            while written < RESERVE_BYTES {
                file.write_all(&piece)?;
                written += u64::try_from(PIECE_BYTES).unwrap_or(RESERVE_BYTES);
            }
        }
        file.sync_all()
    }

    fn path(&self) -> PathBuf {
        self.dir.join(RESERVE_FILE)
    }
}

/// Returns how many bytes a disk has left for whoever is not its administrator; `None` if it does
/// not say.
pub fn free_bytes(dir: &Path) -> Option<u64> {
    match statvfs(dir) {
        Ok(disk) => Some(disk.f_bavail.saturating_mul(disk.f_frsize)),
        Err(error) => {
            tracing::debug!(%error, "the disk does not say how much it has left");
            None
        }
    }
}

/// Returns how many bytes the whole disk has; `None` if it does not say.
pub fn disk_bytes(dir: &Path) -> Option<u64> {
    let disk = statvfs(dir).ok()?;
    Some(disk.f_blocks.saturating_mul(disk.f_frsize))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use super::*;

    #[test]
    fn the_reserve_holds_real_room_and_is_given_up_once() {
        let dir = tempfile::tempdir().unwrap();
        let room = Room::under(dir.path());
        let free_bytes = room.measure().unwrap();
        room.provide(free_bytes);
        assert!(MAKE_ABOVE_BYTES <= free_bytes, "tests need some room");
        assert!(room.has_reserve(), "made");
        let metadata = fs::metadata(room.path()).unwrap();
        assert!(RESERVE_BYTES <= 512 * metadata.blocks(), "not sparse");
        assert!(room.give_up(), "there was one");
        assert!(!room.give_up(), "there is none");
        room.provide(MAKE_ABOVE_BYTES - 1);
        assert!(!room.has_reserve(), "too little left for it");
        room.provide(MAKE_ABOVE_BYTES);
        assert!(room.has_reserve(), "made again when there is room");
    }

    #[test]
    fn a_folder_that_is_not_there_has_no_room_to_tell() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(free_bytes(&dir.path().join("none")), None);
    }
}
