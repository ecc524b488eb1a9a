//! What may be typed about pictures and clips.
//!
//! Layer: node, cli, args.

use std::path::PathBuf;

use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum MediaVerb {
    /// Take a picture or clip in and print its hash, by which the structure names it.
    ///
    /// `incident report --media FILE` does this by itself.
    Add {
        /// The file.
        file: PathBuf,
    },
    /// List what the event names and what is here: how much of it, and whether the cloud has it.
    List,
    /// Copy a picture or clip into a file; one that is not here yet is fetched from then on.
    Get {
        /// Its hash, or the beginning of it.
        hash: String,
        /// The file to write; it must not be there.
        file: Option<PathBuf>,
    },
}
