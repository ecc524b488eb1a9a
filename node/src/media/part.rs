//! A blob that is not whole yet: what of it is on disk, and what is missing.
//!
//! | file | content |
//! | --- | --- |
//! | `HASH.part` | the bytes, each group at its place |
//! | `HASH.tree` | the hashes of all groups ([`Tree`]) |
//! | `HASH.have` | the length in 8 bytes, little end first, and one bit for each group that is here |
//! | `HASH` | the whole blob |
//!
//! The bits are written last, after what they speak of is on the disk, and only ever set: whatever half
//! of them a power cut leaves is true. A bit that lies all the same (a damaged disk) is found at the
//! end, when all groups are read and checked again, before the blob gets its name. Layer: node, media.
//!
//! Source: PROTOCOL R-MEDIA-9.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::blobs::Blobs;
use super::tree::{BlobHash, GROUP_BYTES, Tree, groups_of, span};

/// Groups after which what came is brought to the disk: 256 KiB are fetched again after a power cut,
/// and the score that is saved meanwhile waits for no more than these.
const SAVE_GROUPS: u32 = 16;

/// Bytes of the length before the bits.
const LENGTH_BYTES: usize = 8;

/// A blob under way.
#[derive(Debug)]
pub(super) struct Part {
    dir: PathBuf,
    hash: BlobHash,
    tree: Tree,
    data: File,
    bits: Bits,
    unsaved: u32,
}

/// Which groups are here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Bits {
    len: u64,
    bytes: Vec<u8>,
}

/// What became of a part.
#[derive(Debug)]
pub(super) enum Finished {
    /// The blob is whole and has its name.
    Whole,
    /// Some groups are not here, or were not what they should be and are to be fetched again.
    Lacking(Box<Part>),
}

/// Why a group is not taken.
#[derive(Debug)]
pub(super) enum NotTaken {
    /// These bytes are not that group.
    Wrong,
    /// The disk failed.
    Disk(io::Error),
}

/// Returns the file of a blob with this ending.
pub(super) fn path(dir: &Path, hash: BlobHash, ending: &str) -> PathBuf {
    dir.join(format!("{hash}{ending}"))
}

/// Ending of the bytes of a part.
pub(super) const PART: &str = ".part";
/// Ending of the list of groups.
pub(super) const TREE: &str = ".tree";
/// Ending of the bits.
pub(super) const HAVE: &str = ".have";

impl Part {
    /// Begins a blob of which nothing is here.
    ///
    /// # Errors
    /// What the disk said.
    pub(super) fn begin(dir: &Path, hash: BlobHash, tree: Tree) -> io::Result<Self> {
        write_tree(dir, hash, &tree)?;
        let data = open(&path(dir, hash, PART), true)?;
        data.set_len(tree.len())?;
        data.sync_all()?;
        let bits = Bits::none(tree.len());
        let part = Self {
            dir: dir.to_owned(),
            hash,
            tree,
            data,
            bits,
            unsaved: 0,
        };
        part.write_bits()?;
        sync_dir(dir)?;
        Ok(part)
    }

    /// Goes on with a blob that was begun; `None` if there is none, or nothing of use.
    ///
    /// # Errors
    /// What the disk said.
    pub(super) fn resume(dir: &Path, hash: BlobHash) -> io::Result<Option<Self>> {
        let Some(mut bits) = Bits::read(&path(dir, hash, HAVE))? else {
            return Ok(None);
        };
        let Some(tree) = read_tree(dir, hash, bits.len)? else {
            return Ok(None);
        };
        let data = match open(&path(dir, hash, PART), false) {
            Ok(data) => data,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let there = data.metadata()?.len();
        if there != tree.len() {
            for group in 0..tree.groups() {
                let (at, length) = span(tree.len(), group);
                let end = at.saturating_add(u64::try_from(length).unwrap_or(u64::MAX));
                if there < end {
                    bits.clear(group);
                }
            }
            data.set_len(tree.len())?;
        }
        Ok(Some(Self {
            dir: dir.to_owned(),
            hash,
            tree,
            data,
            bits,
            unsaved: 0,
        }))
    }

    /// Returns which groups are here.
    pub(super) fn bits(&self) -> &Bits {
        &self.bits
    }

    /// Checks a group and keeps it. Every now and then brings all to the disk.
    ///
    /// # Errors
    /// [`NotTaken`]; nothing of the group is kept then.
    pub(super) fn take(&mut self, group: u32, bytes: &[u8]) -> Result<(), NotTaken> {
        if !self.tree.holds(group, bytes) {
            return Err(NotTaken::Wrong);
        }
        let (at, _) = span(self.tree.len(), group);
        self.data.write_all_at(bytes, at).map_err(NotTaken::Disk)?;
        self.bits.set(group);
        self.unsaved = self.unsaved.saturating_add(1);
        if SAVE_GROUPS <= self.unsaved {
            self.save().map_err(NotTaken::Disk)?;
        }
        Ok(())
    }

    /// Brings what came to the disk: the bytes, and then the bits.
    ///
    /// # Errors
    /// What the disk said.
    pub(super) fn save(&mut self) -> io::Result<()> {
        self.data.sync_data()?;
        self.write_bits()?;
        self.unsaved = 0;
        Ok(())
    }

    /// Reads all groups again and gives the blob to those that are whole if every one is what it
    /// should be.
    ///
    /// # Errors
    /// What the disk said; what is here stays.
    pub(super) fn finish(mut self, blobs: &dyn Blobs) -> io::Result<Finished> {
        if self.bits.missing().is_some() {
            self.save()?;
            return Ok(Finished::Lacking(Box::new(self)));
        }
        self.save()?;
        let mut bad: u32 = 0;
        for group in 0..self.tree.groups() {
            let (at, length) = span(self.tree.len(), group);
            let mut bytes = vec![0; length];
            let read = self.data.read_exact_at(&mut bytes, at);
            if read.is_err() || !self.tree.holds(group, &bytes) {
                self.bits.clear(group);
                bad = bad.saturating_add(1);
            }
        }
        if 0 < bad {
            tracing::warn!(hash = %self.hash, groups = bad, "damaged on disk; fetched again");
            self.write_bits()?;
            return Ok(Finished::Lacking(Box::new(self)));
        }
        blobs.keep(self.hash, &path(&self.dir, self.hash, PART))?;
        forget(&path(&self.dir, self.hash, HAVE))?;
        Ok(Finished::Whole)
    }

    fn write_bits(&self) -> io::Result<()> {
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path(&self.dir, self.hash, HAVE))?;
        file.write_all_at(&self.bits.to_bytes(), 0)?;
        file.sync_data()
    }
}

impl Bits {
    /// Returns the bits of a blob of which nothing is here.
    pub(super) fn none(len: u64) -> Self {
        let bytes = usize::try_from(groups_of(len).div_ceil(8)).unwrap_or_default();
        Self {
            len,
            bytes: vec![0; bytes],
        }
    }

    /// Reads the file of a part; `None` if there is none, or it is cut short.
    pub(super) fn read(path: &Path) -> io::Result<Option<Self>> {
        let bytes = match fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let Some((length, bits)) = bytes.split_first_chunk::<LENGTH_BYTES>() else {
            return Ok(None);
        };
        let len = u64::from_le_bytes(*length);
        let mut read = Self::none(len.min(super::tree::BLOB_BYTES_MAX));
        if read.len != len || read.bytes.len() != bits.len() {
            return Ok(None);
        }
        read.bytes.copy_from_slice(bits);
        Ok(Some(read))
    }

    fn to_bytes(&self) -> Vec<u8> {
        [&self.len.to_le_bytes()[..], &self.bytes].concat()
    }

    /// Returns how many bytes the whole blob has.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// Returns how many bytes are here.
    pub(super) fn here(&self) -> u64 {
        let groups = (0..groups_of(self.len)).filter(|&group| self.has(group));
        groups
            .map(|group| u64::try_from(span(self.len, group).1).unwrap_or(GROUP_BYTES))
            .sum()
    }

    /// Returns the first group that is missing and how many follow each other, it included.
    pub(super) fn missing(&self) -> Option<(u32, u32)> {
        let all = groups_of(self.len);
        let first = (0..all).find(|&group| !self.has(group))?;
        let end = (first..all).find(|&group| self.has(group)).unwrap_or(all);
        Some((first, end.saturating_sub(first)))
    }

    fn has(&self, group: u32) -> bool {
        let (byte, bit) = place(group);
        self.bytes.get(byte).is_some_and(|it| it & bit != 0)
    }

    fn set(&mut self, group: u32) {
        let (byte, bit) = place(group);
        if let Some(it) = self.bytes.get_mut(byte) {
            *it |= bit;
        }
    }

    fn clear(&mut self, group: u32) {
        let (byte, bit) = place(group);
        if let Some(it) = self.bytes.get_mut(byte) {
            *it &= !bit;
        }
    }
}

/// Returns the byte and the bit of a group.
fn place(group: u32) -> (usize, u8) {
    let byte = usize::try_from(group / 8).unwrap_or(usize::MAX);
    (byte, 1 << (group % 8))
}

/// Writes the list of a blob's groups, whole or not at all.
pub(super) fn write_tree(dir: &Path, hash: BlobHash, tree: &Tree) -> io::Result<()> {
    let fresh = path(dir, hash, ".tree.new");
    let mut file = open(&fresh, true)?;
    file.write_all(&tree.list())?;
    file.sync_all()?;
    fs::rename(fresh, path(dir, hash, TREE))
}

/// Reads the list of a blob's groups; `None` if there is none, or the hash does not follow from it.
pub(super) fn read_tree(dir: &Path, hash: BlobHash, len: u64) -> io::Result<Option<Tree>> {
    match fs::read(path(dir, hash, TREE)) {
        Ok(list) => Ok(Tree::parse(hash, len, &list)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Opens a file that only this user may read, for both ways.
pub(super) fn open(path: &Path, fresh: bool) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(fresh)
        .truncate(fresh)
        .mode(0o600)
        .open(path)
}

/// Removes a file that may be gone already.
pub(super) fn forget(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Err(_) | Ok(()) => Ok(()),
    }
}

/// Brings names of files to the disk.
pub(super) fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileExt as _;

    use super::super::blobs::Folder;
    use super::*;

    const LEN: u64 = 40 * GROUP_BYTES + 77;

    struct Bench {
        dir: tempfile::TempDir,
        blob: Vec<u8>,
        hash: BlobHash,
        tree: Tree,
    }

    impl Bench {
        fn new() -> Self {
            let blob: Vec<u8> = (0..LEN).map(|at| u8::try_from(at % 249).unwrap()).collect();
            let (hash, tree) = Tree::of(&mut blob.as_slice(), LEN).unwrap();
            let dir = tempfile::tempdir().unwrap();
            Self {
                dir,
                blob,
                hash,
                tree,
            }
        }

        fn begin(&self) -> Part {
            Part::begin(self.dir.path(), self.hash, self.tree.clone()).unwrap()
        }

        fn resume(&self) -> Option<Part> {
            Part::resume(self.dir.path(), self.hash).unwrap()
        }

        fn group(&self, group: u32) -> &[u8] {
            let (at, length) = span(LEN, group);
            let at = usize::try_from(at).unwrap();
            &self.blob[at..at + length]
        }

        fn fill(&self, part: &mut Part) {
            while let Some((first, _)) = part.bits.missing() {
                part.take(first, self.group(first)).unwrap();
            }
        }

        fn file(&self, ending: &str) -> PathBuf {
            path(self.dir.path(), self.hash, ending)
        }

        fn folder(&self) -> Folder {
            Folder::at(self.dir.path())
        }

        fn is_whole(&self) -> bool {
            fs::read(self.file("")).is_ok_and(|it| it == self.blob)
        }
    }

    #[test]
    fn groups_may_come_in_any_order_and_the_blob_appears_with_the_last() {
        let bench = Bench::new();
        let mut part = bench.begin();
        for group in (0..bench.tree.groups()).rev() {
            assert!(!bench.file("").exists(), "before group {group}");
            part.take(group, bench.group(group)).unwrap();
        }
        assert!(matches!(
            part.finish(&bench.folder()).unwrap(),
            Finished::Whole
        ));
        assert!(bench.is_whole(), "byte by byte");
        assert!(!bench.file(HAVE).exists() && !bench.file(PART).exists());
    }

    #[test]
    fn wrong_bytes_are_never_kept() {
        let bench = Bench::new();
        let mut part = bench.begin();
        let mut wrong = bench.group(3).to_vec();
        wrong[9] ^= 1;
        assert!(matches!(part.take(3, &wrong), Err(NotTaken::Wrong)));
        assert!(matches!(part.take(4, bench.group(3)), Err(NotTaken::Wrong)));
        assert!(matches!(part.take(999, b""), Err(NotTaken::Wrong)));
        assert_eq!(part.bits.here(), 0);
        assert!(matches!(
            part.finish(&bench.folder()).unwrap(),
            Finished::Lacking(_)
        ));
        assert!(!bench.file("").exists(), "nothing appears");
    }

    /// A crash at each step of a part's life: what is claimed afterwards is on the disk.
    #[test]
    fn no_crash_makes_a_part_claim_what_is_not_there() {
        // The list is written and nothing else.
        let bench = Bench::new();
        write_tree(bench.dir.path(), bench.hash, &bench.tree).unwrap();
        assert!(bench.resume().is_none(), "begun anew");
        // The data file is there, the bits are not.
        open(&bench.file(PART), true).unwrap();
        assert!(bench.resume().is_none(), "begun anew");
        // Bytes came, the bits were not written: they come again.
        let mut part = bench.begin();
        part.take(0, bench.group(0)).unwrap();
        drop(part);
        assert_eq!(bench.resume().unwrap().bits.missing(), Some((0, 41)));
        // After a save nothing of what was saved comes again.
        let mut part = bench.resume().unwrap();
        for group in 0..SAVE_GROUPS + 3 {
            part.take(group, bench.group(group)).unwrap();
        }
        drop(part);
        let part = bench.resume().unwrap();
        assert_eq!(part.bits.missing(), Some((SAVE_GROUPS, 41 - SAVE_GROUPS)));
        drop(part);
        // All is there, the name is not given.
        let mut part = bench.resume().unwrap();
        bench.fill(&mut part);
        part.save().unwrap();
        drop(part);
        let part = bench.resume().unwrap();
        assert_eq!(part.bits.missing(), None);
        assert!(!bench.file("").exists(), "not yet");
        assert!(matches!(
            part.finish(&bench.folder()).unwrap(),
            Finished::Whole
        ));
        assert!(bench.is_whole());
        // The name is given, the bits are still there.
        fs::write(bench.file(HAVE), Bits::none(LEN).to_bytes()).unwrap();
        assert!(bench.resume().is_none(), "there is no part any more");
        assert!(bench.is_whole());
    }

    #[test]
    fn torn_or_lost_files_of_a_part_mean_fetching_again_and_nothing_worse() {
        let bench = Bench::new();
        let mut part = bench.begin();
        for group in 0..20 {
            part.take(group, bench.group(group)).unwrap();
        }
        part.save().unwrap();
        drop(part);
        let bits = fs::read(bench.file(HAVE)).unwrap();
        for cut in 0..bits.len() {
            fs::write(bench.file(HAVE), &bits[..cut]).unwrap();
            assert!(bench.resume().is_none(), "bits cut at {cut}");
        }
        fs::write(bench.file(HAVE), &bits).unwrap();
        // The data file lost its end: what lay there is not claimed.
        let data = open(&bench.file(PART), false).unwrap();
        data.set_len(5 * GROUP_BYTES + 3).unwrap();
        assert_eq!(bench.resume().unwrap().bits.missing(), Some((5, 36)));
        // The list is another one's.
        let list = fs::read(bench.file(TREE)).unwrap();
        fs::write(bench.file(TREE), &list[32..]).unwrap();
        assert!(bench.resume().is_none(), "begun anew");
        fs::write(bench.file(TREE), list).unwrap();
        fs::remove_file(bench.file(PART)).unwrap();
        assert!(bench.resume().is_none(), "begun anew");
    }

    #[test]
    fn a_data_file_that_was_damaged_on_disk_is_found_before_the_blob_appears() {
        let bench = Bench::new();
        let mut part = bench.begin();
        bench.fill(&mut part);
        part.save().unwrap();
        let data = open(&bench.file(PART), false).unwrap();
        data.write_all_at(b"rot", 7 * GROUP_BYTES + 5).unwrap();
        let Finished::Lacking(mut part) = part.finish(&bench.folder()).unwrap() else {
            panic!("it appeared");
        };
        assert!(!bench.file("").exists(), "a wrong hash never appears");
        assert_eq!(part.bits.missing(), Some((7, 1)), "this group alone");
        part.take(7, bench.group(7)).unwrap();
        assert!(matches!(
            part.finish(&bench.folder()).unwrap(),
            Finished::Whole
        ));
        assert!(bench.is_whole());
    }
}
