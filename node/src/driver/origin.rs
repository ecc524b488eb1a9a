//! What a loop is made from: who the device is, its clock and its store.
//!
//! In a node all of it lies in the root's folder; a simulated device has it in memory.
//!
//! Layer: node, driver.

use tallyline_proto::replica::Identity;

use super::{Mode, Root, RootError, RootLock};
use crate::clock::Clock;
use crate::root::room::Room;
use crate::store::{self, EventStore, Store, StoreError};

/// Opens the loop's store, at the start and after every failure.
pub type Opener = Box<dyn FnMut(Content) -> Result<Box<dyn EventStore>, StoreError> + Send>;

/// What is to be done with a store's content before it is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// It is opened as it is.
    Keep,
    /// It does not hold; it is moved aside and a fresh store is made.
    SetAside,
}

/// What a device keeps outside its store.
pub trait Home: Send + Sync {
    /// Returns who the node is, for a store with this id.
    fn identity(&self, store: u64) -> Identity;

    /// Keeps the event's manifest where a damaged store cannot take it along.
    ///
    /// # Errors
    ///
    /// What the disk said; the store has the manifest all the same.
    fn keep_manifest(&self, manifest: &[u8]) -> Result<(), RootError>;

    /// Returns the manifest that was kept, if it can be read.
    fn kept_manifest(&self) -> Option<Vec<u8>>;

    /// Returns the disk that may become full; `None` where nobody measures it.
    fn room(&self) -> Option<&Room> {
        None
    }
}

/// Who the node is, and where it keeps what; a replica is made of it after every opening.
pub struct Origin {
    /// What the device keeps outside its store.
    pub home: Box<dyn Home>,
    /// What tells the time.
    pub clock: Clock,
    /// Opens the store.
    pub opener: Opener,
}

/// A folder that no other process uses meanwhile.
struct Locked {
    root: Root,
    room: Room,
    _lock: RootLock,
}

impl Origin {
    /// Locks the root of a node.
    pub(super) fn on_disk(root: Root, clock: Clock) -> Result<Self, RootError> {
        root.may_sign()?;
        let lock = root.lock()?;
        let path = root.store_path();
        let opener: Opener = Box::new(move |content| {
            if content == Content::SetAside {
                store::set_aside(&path)?;
            }
            Store::open_or_set_aside(&path).map(|(store, _)| store.into())
        });
        let room = Room::under(root.dir());
        let home = Locked {
            root,
            room,
            _lock: lock,
        };
        Ok(Self {
            home: Box::new(home),
            clock,
            opener,
        })
    }
}

impl std::fmt::Debug for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Origin")
            .field("clock", &self.clock)
            .finish_non_exhaustive()
    }
}

impl Home for Root {
    fn identity(&self, store: u64) -> Identity {
        Identity {
            key: self.device_key(),
            store,
            label: self.label().to_owned(),
            cloud: self.mode() == Mode::Cloud,
            warrant: self.warrant().cloned(),
        }
    }

    fn keep_manifest(&self, manifest: &[u8]) -> Result<(), RootError> {
        Self::keep_manifest(self, manifest)
    }

    fn kept_manifest(&self) -> Option<Vec<u8>> {
        Self::kept_manifest(self)
    }
}

impl Home for Locked {
    fn identity(&self, store: u64) -> Identity {
        self.root.identity(store)
    }

    fn keep_manifest(&self, manifest: &[u8]) -> Result<(), RootError> {
        self.root.keep_manifest(manifest)
    }

    fn kept_manifest(&self) -> Option<Vec<u8>> {
        self.root.kept_manifest()
    }

    fn room(&self) -> Option<&Room> {
        Some(&self.room)
    }
}
