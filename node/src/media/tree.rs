//! What a blob is checked by, piece by piece: the hashes of its groups of 16 KiB.
//!
//! BLAKE3 is a tree, and a group is a whole branch of it: from the groups' hashes follows the hash of
//! the blob, so whoever holds a list that does needs no other piece to check one. Bytes in, verdicts
//! out; knows no file and no network. Layer: node, lowest of `media`.
//!
//! Source: PROTOCOL R-MEDIA-1.

use std::fmt;
use std::io::{self, Read};

use blake3::Hasher;
use blake3::hazmat::{HasherExt as _, Mode, merge_subtrees_non_root, merge_subtrees_root};

use crate::root::{hex, unhex};

/// Bytes that are checked together: what a slow link brings in a second, and a list of 2 KiB for each
/// MiB.
pub const GROUP_BYTES: u64 = 16 * 1024;

/// Bytes of a blob, at most: a quarter of an hour of a phone's clip, and a list of 2 MiB.
pub const BLOB_BYTES_MAX: u64 = 1024 * 1024 * 1024;

/// Bytes of one hash.
pub(super) const HASH_BYTES: usize = 32;

/// The name of a blob: BLAKE3 of its bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlobHash(pub [u8; HASH_BYTES]);

/// The hashes of all groups of one blob, which are known to give its hash.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Tree {
    len: u64,
    groups: Vec<[u8; HASH_BYTES]>,
}

impl BlobHash {
    /// Reads 64 hex digits.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = unhex(text)?;
        bytes.try_into().ok().map(Self)
    }
}

impl fmt::Display for BlobHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for BlobHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BlobHash({self})")
    }
}

impl fmt::Debug for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tree")
            .field("len", &self.len)
            .field("groups", &self.groups.len())
            .finish()
    }
}

/// Returns how many groups a blob of so many bytes has.
pub(super) fn groups_of(len: u64) -> u32 {
    u32::try_from(len.div_ceil(GROUP_BYTES)).unwrap_or(u32::MAX)
}

/// Returns where a group begins, and how many bytes it has.
pub(super) fn span(len: u64, group: u32) -> (u64, usize) {
    let at = u64::from(group).saturating_mul(GROUP_BYTES);
    let bytes = len.saturating_sub(at).min(GROUP_BYTES);
    (at, usize::try_from(bytes).unwrap_or_default())
}

impl Tree {
    /// Reads a blob to its end; returns its hash with its tree. Of more than `at_most` bytes nothing
    /// is said.
    ///
    /// # Errors
    /// What the reader said, or that there is nothing or too much.
    pub(super) fn of(reader: &mut impl Read, at_most: u64) -> io::Result<(BlobHash, Self)> {
        let mut groups = Vec::new();
        let mut whole = Hasher::new();
        let mut len: u64 = 0;
        let mut group = Vec::new();
        loop {
            group.clear();
            reader.by_ref().take(GROUP_BYTES).read_to_end(&mut group)?;
            if group.is_empty() {
                break;
            }
            whole.update(&group);
            groups.push(branch(len, &group));
            len = len.saturating_add(u64::try_from(group.len()).unwrap_or(u64::MAX));
            if at_most < len {
                return Err(io::Error::new(io::ErrorKind::FileTooLarge, "too large"));
            }
        }
        let hash = BlobHash(*whole.finalize().as_bytes());
        match groups.as_mut_slice() {
            [] => return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "empty")),
            // One group is no branch: its hash is the blob's.
            [only] => *only = hash.0,
            [..] => {}
        }
        Ok((hash, Self { len, groups }))
    }

    /// Reads the list of a blob's groups; `None` if the blob's hash does not follow from it.
    pub(super) fn parse(hash: BlobHash, len: u64, list: &[u8]) -> Option<Self> {
        let (groups, rest) = list.as_chunks::<HASH_BYTES>();
        let count = usize::try_from(groups_of(len)).ok()?;
        let fits = (1..=BLOB_BYTES_MAX).contains(&len) && groups.len() == count;
        (fits && rest.is_empty() && root(groups) == hash.0).then(|| Self {
            len,
            groups: groups.to_vec(),
        })
    }

    /// Returns the list as bytes.
    pub(super) fn list(&self) -> Vec<u8> {
        self.groups.concat()
    }

    /// Returns how many bytes the blob has.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// Returns how many groups the blob has.
    pub(super) fn groups(&self) -> u32 {
        groups_of(self.len)
    }

    /// Tells whether these bytes are that group.
    pub(super) fn holds(&self, group: u32, bytes: &[u8]) -> bool {
        let (at, length) = span(self.len, group);
        let index = usize::try_from(group).unwrap_or(usize::MAX);
        let Some(expected) = self.groups.get(index) else {
            return false;
        };
        if bytes.len() != length {
            return false;
        }
        let found = if self.groups.len() == 1 {
            *blake3::hash(bytes).as_bytes()
        } else {
            branch(at, bytes)
        };
        found == *expected
    }
}

/// Hashes one group that is not the whole blob.
fn branch(at: u64, bytes: &[u8]) -> [u8; HASH_BYTES] {
    let mut hasher = Hasher::new();
    hasher.set_input_offset(at);
    hasher.update(bytes);
    hasher.finalize_non_root()
}

/// Returns the hash of the blob with these groups; that of nothing is nothing.
fn root(groups: &[[u8; HASH_BYTES]]) -> [u8; HASH_BYTES] {
    match groups {
        [] => [0; HASH_BYTES],
        [only] => *only,
        [..] => {
            let (left, right) = halves(groups);
            *merge_subtrees_root(&inner(left), &inner(right), Mode::Hash).as_bytes()
        }
    }
}

/// Returns the hash of a branch; as deep as the groups have bits, at most 16.
fn inner(groups: &[[u8; HASH_BYTES]]) -> [u8; HASH_BYTES] {
    match groups {
        [] => [0; HASH_BYTES],
        [only] => *only,
        [..] => {
            let (left, right) = halves(groups);
            merge_subtrees_non_root(&inner(left), &inner(right), Mode::Hash)
        }
    }
}

/// Splits as BLAKE3 does: the left branch is the largest full one that leaves something over.
fn halves(groups: &[[u8; HASH_BYTES]]) -> (&[[u8; HASH_BYTES]], &[[u8; HASH_BYTES]]) {
    let left = groups.len().div_ceil(2).next_power_of_two();
    groups.split_at_checked(left).unwrap_or((groups, &[]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(len: u64) -> Vec<u8> {
        (0..len)
            .map(|at| u8::try_from((at * 7 + at / 251) % 256).unwrap())
            .collect()
    }

    #[test]
    fn the_hash_of_a_blob_follows_from_its_groups_at_every_length() {
        let group = GROUP_BYTES;
        for len in [
            1,
            1_023,
            group - 1,
            group,
            group + 1,
            2 * group,
            3 * group - 5,
            4 * group,
            5 * group + 1,
            7 * group,
            8 * group + 1,
            33 * group + 17,
        ] {
            let blob = bytes(len);
            let (hash, tree) = Tree::of(&mut blob.as_slice(), len).unwrap();
            assert_eq!(hash.0, *blake3::hash(&blob).as_bytes(), "{len} bytes");
            assert_eq!(Tree::parse(hash, len, &tree.list()), Some(tree.clone()));
            for no in 0..tree.groups() {
                let (at, length) = span(len, no);
                let at = usize::try_from(at).unwrap();
                let mut piece = blob[at..at + length].to_vec();
                assert!(tree.holds(no, &piece), "group {no} of {len}");
                piece[length / 2] ^= 1;
                assert!(!tree.holds(no, &piece), "another byte in group {no}");
                assert!(!tree.holds(no, &piece[1..]), "a short group");
                assert!(!tree.holds(no + 1, &blob[at..at + length]), "elsewhere");
            }
        }
    }

    #[test]
    fn a_list_that_does_not_give_the_hash_is_refused() {
        let blob = bytes(5 * GROUP_BYTES);
        let (hash, tree) = Tree::of(&mut blob.as_slice(), u64::MAX).unwrap();
        let list = tree.list();
        let len = tree.len();
        let mut other = list.clone();
        other[40] ^= 1;
        let mut swapped = list.clone();
        swapped.rotate_left(HASH_BYTES);
        for (list, len, why) in [
            (other, len, "another hash"),
            (swapped, len, "another order"),
            (list[HASH_BYTES..].to_vec(), len, "one too few"),
            ([list.clone(), vec![0; 32]].concat(), len, "one too many"),
            ([list.clone(), vec![0]].concat(), len, "a byte more"),
            (list.clone(), len + GROUP_BYTES, "another length"),
            (Vec::new(), 0, "nothing"),
            (list, BLOB_BYTES_MAX + 1, "too large"),
        ] {
            assert_eq!(Tree::parse(hash, len, &list), None, "{why}");
        }
    }

    #[test]
    fn nothing_and_too_much_are_no_blobs() {
        assert!(Tree::of(&mut [].as_slice(), 10).is_err(), "empty");
        assert!(Tree::of(&mut [0; 11].as_slice(), 10).is_err(), "too large");
        assert!(Tree::of(&mut [0; 10].as_slice(), 10).is_ok(), "just right");
    }
}
