//! A disk in memory that can be full: for tests of what the node does then. The disk that also
//! loses its power and lies is the simulator's.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use redb::StorageBackend;
use redb::backends::InMemoryBackend;

/// A disk; copies are the same disk.
#[derive(Clone, Debug)]
pub(crate) struct Bounded(Arc<(InMemoryBackend, AtomicU64)>);

impl Bounded {
    pub(crate) fn new() -> Self {
        Self(Arc::new((InMemoryBackend::new(), AtomicU64::new(u64::MAX))))
    }

    /// Bounds where the file may be written, in bytes.
    pub(crate) fn bound(&self, capacity: u64) {
        self.0.1.store(capacity, Ordering::Relaxed);
    }

    fn room(&self, end: u64) -> io::Result<()> {
        if self.0.1.load(Ordering::Relaxed) < end {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(())
    }
}

impl StorageBackend for Bounded {
    fn len(&self) -> io::Result<u64> {
        self.0.0.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.0.read(offset, out)
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.room(length)?;
        self.0.0.set_len(length)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.0.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        // The card may have no room even for what the file's length promises.
        self.room(offset.saturating_add(u64::try_from(data.len()).unwrap_or(u64::MAX)))?;
        self.0.0.write(offset, data)
    }
}
