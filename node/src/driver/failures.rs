//! Why the loop does not start, save or answer.
//!
//! Layer: node, driver.

use std::path::PathBuf;

use thiserror::Error;

use crate::entropy::EntropyError;
use crate::root::RootError;
use crate::store::StoreError;

/// The loop has ended.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("the node is ending; nothing was changed; start it again and repeat the command")]
pub struct Stopped;

/// Why a question has no answer.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Unanswered {
    /// The store failed and cannot be opened again yet: what was in memory is not what is on disk.
    #[error(
        "the store cannot be read: {0}; what was saved is safe; check the disk or the database, \
         then ask again"
    )]
    Shut(String),
    /// The loop has ended.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

/// Why a command has no reply.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum CommandFailed {
    /// The disk failed.
    #[error(
        "not saved: {0}; what was saved before is safe; make room or check the disk, \
         then enter it again"
    )]
    NotSaved(String),
    /// The loop has ended.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

/// Why the loop does not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// The root cannot be used.
    #[error(transparent)]
    Root(#[from] RootError),
    /// The store was written by a later version of the program.
    #[error(
        "the store {} is newer than this program: {error}; nothing was changed; install the version \
         that wrote it, or a later one", path.display()
    )]
    Newer {
        /// The store's file.
        path: PathBuf,
        /// What it said.
        error: StoreError,
    },
    /// The store cannot be opened.
    #[error(
        "the store {} cannot be opened: {error}; nothing was changed; check that the folder is \
         yours and that the disk works", path.display()
    )]
    Store {
        /// The store's file.
        path: PathBuf,
        /// What it said.
        error: StoreError,
    },
    /// The system gave no thread or timer.
    #[error("the node's main loop cannot start ({0}); nothing was changed; try again")]
    System(std::io::Error),
    /// No randomness.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
}

/// Why the loop of an origin does not start.
#[derive(Debug)]
pub(crate) enum Unstarted {
    /// What the store said.
    Store(StoreError),
    /// The system gave no thread or timer.
    System(std::io::Error),
}
