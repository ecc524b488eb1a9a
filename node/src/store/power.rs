//! A disk that lies still when the power goes: for tests of the store.
//!
//! What was not synced may be lost, reordered and torn at sectors of 512 bytes; what was synced
//! stays. A disk with a capacity refuses to grow beyond it. Deterministic by its seed.

#![expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    reason = "counts of a test fit every width"
)]

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use redb::StorageBackend;

/// Bytes that a disk writes at once or not at all.
const SECTOR_BYTES: usize = 512;

/// A disk; copies are the same disk.
#[derive(Clone, Debug)]
pub(crate) struct Power(Arc<Mutex<Platter>>);

#[derive(Debug)]
struct Platter {
    current: Vec<u8>,
    durable: Vec<u8>,
    pending: Vec<Change>,
    /// Operations until the power goes.
    left: u64,
    capacity: u64,
    random: Random,
}

#[derive(Clone, Debug)]
enum Change {
    Write(u64, Vec<u8>),
    Length(u64),
}

/// `SplitMix64`: a few lines that never change, so a seed means the same run for ever.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}

impl Power {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(Platter {
            current: Vec::new(),
            durable: Vec::new(),
            pending: Vec::new(),
            left: u64::MAX,
            capacity: u64::MAX,
            random: Random::new(seed),
        })))
    }

    /// Cuts the power after so many further operations.
    pub(crate) fn cut_after(&self, operations: u64) {
        self.with(|platter| platter.left = operations);
    }

    /// Bounds where the file may be written, in bytes.
    pub(crate) fn bound(&self, capacity: u64) {
        self.with(|platter| platter.capacity = capacity);
    }

    pub(crate) fn length(&self) -> u64 {
        self.with(|platter| platter.current.len() as u64)
    }

    /// Brings the power back: what was not synced is kept in part and in any order.
    pub(crate) fn restore(&self) {
        self.with(|platter| {
            let mut sectors = Vec::new();
            for change in std::mem::take(&mut platter.pending) {
                match change {
                    Change::Length(length) => sectors.push(Change::Length(length)),
                    Change::Write(offset, bytes) => {
                        for (place, sector) in bytes.chunks(SECTOR_BYTES).enumerate() {
                            let at = offset + (place * SECTOR_BYTES) as u64;
                            sectors.push(Change::Write(at, sector.to_vec()));
                        }
                    }
                }
            }
            while !sectors.is_empty() {
                let place = platter.random.below(sectors.len() as u64) as usize;
                let change = sectors.swap_remove(place);
                if platter.random.below(2) == 0 {
                    apply(&mut platter.durable, &change);
                }
            }
            platter.current = platter.durable.clone();
            platter.left = u64::MAX;
        });
    }

    fn with<T>(&self, work: impl FnOnce(&mut Platter) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Platter {
    fn tick(&mut self) -> io::Result<()> {
        match self.left.checked_sub(1) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => Err(io::Error::other("the power is gone")),
        }
    }

    fn change(&mut self, change: Change) {
        apply(&mut self.current, &change);
        self.pending.push(change);
    }
}

fn apply(bytes: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Length(length) => bytes.resize(*length as usize, 0),
        Change::Write(offset, content) => {
            let end = *offset as usize + content.len();
            if bytes.len() < end {
                bytes.resize(end, 0);
            }
            bytes[*offset as usize..end].copy_from_slice(content);
        }
    }
}

impl StorageBackend for Power {
    fn len(&self) -> io::Result<u64> {
        Ok(self.length())
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.with(|platter| {
            let start = offset as usize;
            let bytes = platter
                .current
                .get(start..start + out.len())
                .ok_or(io::ErrorKind::UnexpectedEof)?;
            out.copy_from_slice(bytes);
            Ok(())
        })
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.with(|platter| {
            platter.tick()?;
            if platter.capacity < length {
                return Err(io::ErrorKind::StorageFull.into());
            }
            platter.change(Change::Length(length));
            Ok(())
        })
    }

    fn sync_data(&self) -> io::Result<()> {
        self.with(|platter| {
            platter.tick()?;
            platter.durable = platter.current.clone();
            platter.pending.clear();
            Ok(())
        })
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.with(|platter| {
            platter.tick()?;
            // The card may have no room even for what the file's length promises.
            if platter.capacity < offset + data.len() as u64 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            platter.change(Change::Write(offset, data.to_vec()));
            Ok(())
        })
    }
}
