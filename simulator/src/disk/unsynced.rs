//! What would undo the changes that no sync has confirmed.
//!
//! Bytes before each change lie one behind the other in one buffer that keeps its room, so that a
//! commit allocates nothing here once the disk has run for a moment.

use std::io;

use crate::Random;

use super::{SECTOR_BYTES, out_of_range};

/// The changes since the last honest sync, oldest first.
#[derive(Default)]
pub(super) struct Unsynced {
    changes: Vec<Change>,
    /// The bytes that the changes replaced; each change knows its part.
    before: Vec<u8>,
}

struct Change {
    kind: Kind,
    /// Where this change's bytes begin in `before`; they reach to the next change's.
    before: usize,
}

#[derive(Clone, Copy)]
enum Kind {
    /// A write inside the file: where, and how many bytes.
    Write(usize, usize),
    /// The file's length: from, to.
    Length(usize, usize),
}

/// One change that the disk may keep or lose as a whole.
#[derive(Clone, Copy)]
enum Piece {
    /// Part of one sector: where, and its bytes' place in the buffer.
    Sector(usize, usize, usize),
    Length(usize),
}

impl Unsynced {
    /// Everything is durable.
    pub(super) fn clear(&mut self) {
        self.changes.clear();
        self.before.clear();
    }

    /// Writes bytes; the file grows if they reach beyond its end.
    pub(super) fn write(
        &mut self,
        content: &mut Vec<u8>,
        offset: u64,
        bytes: &[u8],
    ) -> io::Result<()> {
        let start = usize::try_from(offset).map_err(|_| out_of_range())?;
        let end = start.checked_add(bytes.len()).ok_or_else(out_of_range)?;
        if content.len() < end {
            self.resize(content, end);
        }
        let place = content.get_mut(start..end).ok_or_else(out_of_range)?;
        self.changes.push(Change {
            kind: Kind::Write(start, bytes.len()),
            before: self.before.len(),
        });
        self.before.extend_from_slice(place);
        place.copy_from_slice(bytes);
        Ok(())
    }

    /// Changes the file's length; new bytes are zero.
    pub(super) fn set_length(&mut self, content: &mut Vec<u8>, length: u64) -> io::Result<()> {
        let length = usize::try_from(length).map_err(|_| out_of_range())?;
        self.resize(content, length);
        Ok(())
    }

    fn resize(&mut self, content: &mut Vec<u8>, length: usize) {
        self.changes.push(Change {
            kind: Kind::Length(content.len(), length),
            before: self.before.len(),
        });
        if let Some(lost) = content.get(length..) {
            self.before.extend_from_slice(lost);
        }
        content.resize(length, 0);
    }

    /// Takes all changes back and lets each of their pieces happen with probability one half, in
    /// random order; what is left is durable.
    pub(super) fn tear(&mut self, content: &mut Vec<u8>, random: &mut Random) {
        let (mut pieces, bytes) = self.undo(content);
        while !pieces.is_empty() {
            let chosen = random.below(u64::try_from(pieces.len()).unwrap_or(u64::MAX));
            let piece = pieces.swap_remove(usize::try_from(chosen).unwrap_or(0));
            if random.below(2) == 0 {
                apply(content, piece, &bytes);
            }
        }
        self.clear();
    }

    /// Takes all changes back; returns them in pieces, with their bytes.
    fn undo(&mut self, content: &mut Vec<u8>) -> (Vec<Piece>, Vec<u8>) {
        let mut pieces = Vec::with_capacity(self.changes.len());
        let mut bytes = Vec::with_capacity(self.before.len());
        while let Some(Change { kind, before }) = self.changes.pop() {
            let replaced = self.before.get(before..).unwrap_or_default();
            match kind {
                Kind::Write(start, length) => {
                    // Later changes are taken back already: here lies what this one wrote.
                    let Some(place) = content.get_mut(start..start + length) else {
                        continue;
                    };
                    split(&mut pieces, start, bytes.len(), length);
                    bytes.extend_from_slice(place);
                    place.copy_from_slice(replaced);
                }
                Kind::Length(from, to) => {
                    pieces.push(Piece::Length(to));
                    content.truncate(from.min(to));
                    content.extend_from_slice(replaced);
                }
            }
            self.before.truncate(before);
        }
        (pieces, bytes)
    }
}

/// Splits a write where the disk's sectors end.
fn split(pieces: &mut Vec<Piece>, start: usize, mut from: usize, length: usize) {
    let sector = usize::try_from(SECTOR_BYTES).unwrap_or(usize::MAX);
    let (mut at, end) = (start, start + length);
    while at < end {
        let next = ((at / sector + 1) * sector).min(end);
        pieces.push(Piece::Sector(at, from, from + (next - at)));
        from += next - at;
        at = next;
    }
}

fn apply(content: &mut Vec<u8>, piece: Piece, bytes: &[u8]) {
    match piece {
        Piece::Length(length) => content.resize(length, 0),
        Piece::Sector(at, from, to) => {
            let Some(bytes) = bytes.get(from..to) else {
                return;
            };
            let end = at + bytes.len();
            if content.len() < end {
                content.resize(end, 0);
            }
            if let Some(place) = content.get_mut(at..end) {
                place.copy_from_slice(bytes);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the unsynced takes back is the durable state byte for byte, whatever was done to it.
    #[test]
    fn taking_back_gives_the_synced_state_exactly() {
        for seed in 0..200 {
            let mut random = Random::new(seed);
            let mut content: Vec<u8> = (0..20_000).map(|_| random.bytes::<1>()[0]).collect();
            let durable = content.clone();
            let mut unsynced = Unsynced::default();
            for _ in 0..30 {
                if random.chance(300) {
                    unsynced
                        .set_length(&mut content, random.below(40_000))
                        .expect("resizes");
                } else {
                    let length = usize::try_from(random.below(5000)).expect("fits");
                    let value = random.bytes::<1>()[0];
                    unsynced
                        .write(&mut content, random.below(30_000), &vec![value; length])
                        .expect("writes");
                }
            }
            unsynced.undo(&mut content);
            assert!(content == durable, "seed {seed}");
        }
    }
}
