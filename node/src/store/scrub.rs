//! Wipes what the storage library leaves of keys that were destroyed.
//!
//! redb writes changed pages elsewhere and frees the old ones as they are: a key that is removed
//! lies in the file until something else needs its page. So each key is kept behind a mark of 16
//! random bytes that never leave the store, and after a commit that destroys keys, and at each
//! opening, the file is searched for the mark: a key behind it that is not in the table any more is
//! overwritten. No page in use has one, and of a page in use no byte is changed. What the memory
//! card's own controller keeps of overwritten bytes is out of reach.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

use redb::{Database, ReadableDatabase as _};
use tallyline_proto::wire::{KEY_ROW_BYTES, KeyRow};

use super::load::load_keys;
use super::{StoreError, disk, layout, sort};

/// Bytes of the mark.
pub(super) const MARK: usize = 16;

/// Bytes of the file that are looked at together.
const PIECE: usize = 1024 * 1024;

/// What a store needs to find destroyed keys in its file.
#[derive(Debug)]
pub(super) struct Scrubber {
    mark: [u8; MARK],
    /// The file once more; a store in memory, or below a simulated disk, has none.
    file: Option<File>,
}

impl Scrubber {
    /// Begins with a mark that was drawn in case the store has none.
    pub(super) fn new(mark: [u8; MARK], file: Option<File>) -> Self {
        Self { mark, file }
    }

    /// Takes the store's own mark, if it has one.
    pub(super) fn read_mark(&mut self, db: &Database) -> Result<(), StoreError> {
        let read = db.begin_read().map_err(sort)?;
        let meta = read.open_table(layout::META).map_err(sort)?;
        let kept = meta.get(layout::MARK).map_err(sort)?;
        let kept = kept.and_then(|kept| <[u8; MARK]>::try_from(kept.value()).ok());
        if let Some(kept) = kept {
            self.mark = turned(&kept);
        }
        Ok(())
    }

    /// Returns the mark as it is kept: turned over, so that it is not found where it is no key's.
    pub(super) fn kept_mark(&self) -> Vec<u8> {
        turned(&self.mark).to_vec()
    }

    /// Lays out a key behind the mark.
    pub(super) fn marked(&self, row: &KeyRow) -> Vec<u8> {
        [&self.mark[..], row.as_bytes()].concat()
    }

    /// Overwrites every key in the file that is not in the store any more.
    pub(super) fn wipe(&self, db: &Database) -> Result<(), StoreError> {
        let Some(file) = self.file.as_ref() else {
            return Ok(());
        };
        let read = db.begin_read().map_err(sort)?;
        let meta = read.open_table(layout::META).map_err(sort)?;
        if meta.get(layout::MARK).map_err(sort)?.is_none() {
            // Never kept a key.
            return Ok(());
        }
        let live = load_keys(&read)?;
        let live: BTreeSet<&[u8]> = live.iter().map(KeyRow::as_bytes).collect();
        self.wipe_file(file, &live).map_err(|error| disk(&error))
    }

    fn wipe_file(&self, file: &File, live: &BTreeSet<&[u8]>) -> io::Result<()> {
        let whole = MARK.saturating_add(KEY_ROW_BYTES);
        let end = file.metadata()?.len();
        let mut wiped = false;
        let mut piece = vec![0; PIECE.saturating_add(whole)];
        let mut at = 0;
        while at < end {
            let read = read_some(file, &mut piece, at)?;
            let bytes = piece.get(..read).unwrap_or_default();
            for (place, window) in bytes.windows(whole).enumerate() {
                let Some(row) = window.strip_prefix(&self.mark[..]) else {
                    continue;
                };
                if !live.contains(row) {
                    let place = at.saturating_add(u64::try_from(place).unwrap_or(u64::MAX));
                    file.write_all_at(&vec![0; whole], place)?;
                    wiped = true;
                }
            }
            at = at.saturating_add(u64::try_from(PIECE).unwrap_or(u64::MAX));
        }
        if wiped {
            file.sync_data()?;
        }
        Ok(())
    }
}

/// Takes the mark off a key.
pub(super) fn unmarked(value: &[u8]) -> Option<&[u8]> {
    value.get(MARK..)
}

fn turned(mark: &[u8; MARK]) -> [u8; MARK] {
    mark.map(|byte| !byte)
}

/// Fills a buffer as far as the file goes.
fn read_some(file: &File, buffer: &mut [u8], at: u64) -> io::Result<usize> {
    let mut filled = 0_usize;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        let from = at.saturating_add(u64::try_from(filled).unwrap_or(u64::MAX));
        match file.read_at(rest, from) {
            Ok(0) => break,
            Ok(count) => filled = filled.saturating_add(count),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
