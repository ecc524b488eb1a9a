//! Why media are not read or taken, in words and by a stable code.
//!
//! Layer: node, media.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use super::tree::{BLOB_BYTES_MAX, BlobHash};

/// Why media are not read or taken.
#[derive(Debug, Error)]
pub enum MediaError {
    /// There is no such blob here.
    #[error("the file {0} is not on this device; it comes when a device that has it is connected")]
    Absent(BlobHash),
    /// The blob was damaged on this device's disk.
    #[error(
        "the file {0} was damaged on this device's disk and is set aside; it is fetched again from a \
         device that has it; check the disk"
    )]
    Damaged(BlobHash),
    /// The quota is used up.
    #[error(
        "no room: {len} bytes and the {used} that are here are more than the media quota of {quota}; \
         nothing was changed; raise media_quota in the configuration"
    )]
    Quota {
        /// Bytes of what was to come in.
        len: u64,
        /// Bytes of what is here.
        used: u64,
        /// Bytes of all.
        quota: u64,
    },
    /// The disk is nearly full.
    #[error(
        "no room: the disk has {free} bytes free, and {len} for a file would leave less than scores \
         need; nothing was changed; make room on the disk"
    )]
    Room {
        /// Bytes of what was to come in.
        len: u64,
        /// Bytes free.
        free: u64,
    },
    /// The length is none of a blob.
    #[error("{len} bytes are no picture or clip; 1 to {BLOB_BYTES_MAX} are taken")]
    Length {
        /// The bytes.
        len: u64,
    },
    /// The bytes do not give the hash.
    #[error(
        "the bytes that came are not the file {expected}: their hash is {found}; nothing is kept; send \
         it again from the start"
    )]
    Wrong {
        /// The hash that was named.
        expected: BlobHash,
        /// The hash of what came.
        found: BlobHash,
    },
    /// The bytes do not follow what came before.
    #[error("bytes from {at} on do not follow the {next} that came; go on from there")]
    Gap {
        /// Where they would be.
        at: u64,
        /// Where the next ones belong.
        next: u64,
    },
    /// Somebody else writes the same blob.
    #[error("the file {0} is being taken in already; try again when that is done")]
    Busy(BlobHash),
    /// The file cannot be used.
    #[error("{}: {cause}; nothing was changed", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        cause: io::Error,
    },
    /// The disk failed.
    #[error("the media folder cannot be used: {0}; scores are not concerned; check the disk")]
    Disk(#[from] io::Error),
}

impl MediaError {
    /// Returns the stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Absent(_) => "media_absent",
            Self::Damaged(_) => "media_damaged",
            Self::Quota { .. } => "media_quota",
            Self::Room { .. } => "media_room",
            Self::Length { .. } => "media_length",
            Self::Wrong { .. } => "media_wrong",
            Self::Gap { .. } => "media_gap",
            Self::Busy(_) => "media_busy",
            Self::File { .. } => "bad_file",
            Self::Disk(_) => "media_disk",
        }
    }
}
