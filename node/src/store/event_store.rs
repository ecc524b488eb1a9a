//! What every place that keeps an event has to do.
//!
//! Layer: node, store.

use tallyline_proto::replica::{Disk, Stored, Write};

use super::{Store, StoreError, postgres::PostgresStore};

/// A place that keeps one event, and gives it back.
pub trait EventStore: Disk<Error = StoreError> + Send {
    /// Returns the random id of this store, drawn when it was made.
    fn id(&self) -> u64;

    /// Reads everything about the event.
    ///
    /// # Errors
    ///
    /// [`StoreError::Damaged`] if the content does not hold, otherwise what the store said.
    fn load(&mut self) -> Result<Stored, StoreError>;

    /// Draws a fresh id: what was put back to an older state is another store from then on. To be
    /// opened again afterwards.
    ///
    /// # Errors
    ///
    /// What the store said; the id is the one before then.
    fn renew(&mut self) -> Result<(), StoreError>;

    /// Lets go of what it holds, so that the event can be opened again; everything fails afterwards.
    fn close(&mut self);

    /// Returns what other processes have added since this one read or wrote last; `None` is
    /// nothing, as always where no other process may.
    ///
    /// # Errors
    ///
    /// [`StoreError::Behind`] if something else is there than this process remembers, otherwise what
    /// the store said.
    fn news(&mut self) -> Result<Option<News>, StoreError> {
        Ok(None)
    }
}

/// What other processes have added to an event: bundles, to be taken in as from a file. What they
/// say is in the store already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct News(pub Vec<Vec<u8>>);

impl From<Store> for Box<dyn EventStore> {
    fn from(store: Store) -> Self {
        Box::new(store)
    }
}

impl From<PostgresStore> for Box<dyn EventStore> {
    fn from(store: PostgresStore) -> Self {
        Box::new(store)
    }
}

impl Disk for Box<dyn EventStore> {
    type Error = StoreError;

    fn commit(&mut self, writes: &[Write]) -> Result<(), StoreError> {
        (**self).commit(writes)
    }
}
