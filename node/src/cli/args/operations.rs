//! Arguments of the verbs that look after a node over the day and after it.
//!
//! Layer: node, cli.

use std::path::PathBuf;

use super::token::Token;
use clap::{Args, Subcommand, ValueEnum};

use crate::alerts::rules::FreeMin;
use crate::config::RawConfig;

#[derive(Debug, Args)]
pub(in crate::cli) struct SyncNow {
    /// Wait until everything here is in the cloud, at most so long; exit code 3 if it is not then.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(in crate::cli) wait: Option<u64>,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Download {
    /// How long a running node may take to fetch what is missing, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(0..=86_400))]
    pub(in crate::cli) wait: u64,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct ClearArgs {
    /// Clear although this device made keys of sealed texts: others have them, or nobody needs them.
    #[arg(long)]
    pub(in crate::cli) forget_keys: bool,
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum CloudVerb {
    /// Write everything of this cloud into one file; a running node goes on.
    Backup(CloudBackup),
    /// Take a backup into a root without an event.
    Restore {
        /// The file that `cloud backup` wrote.
        file: PathBuf,
    },
    /// Fill a cloud that lost its store from the devices that hold its event.
    Rebuild(CloudRebuildArgs),
    /// Make, change, list or remove accounts of people who ask over HTTP, and print a token.
    Token(Token),
    /// Make a key one of this cloud's nodes: prints the warrant that the node accepts.
    Warrant {
        /// The fingerprint that `tallyline init` printed on the node.
        key: String,
    },
    /// Make this root one of a cloud's nodes, with the warrant that the cloud made for its key.
    Accept {
        /// The warrant.
        warrant: String,
    },
}

impl CloudVerb {
    /// Adds what the verb says of the configuration.
    pub(in crate::cli) fn flags(&self, flags: RawConfig) -> RawConfig {
        let Self::Token(token) = self else {
            return flags;
        };
        RawConfig {
            store: token.store.clone(),
            ..flags
        }
    }
}

#[derive(Debug, Args)]
pub(in crate::cli) struct CloudBackup {
    /// A file that is not there yet, or a folder in which one is made.
    #[arg(value_name = "FILE|DIR")]
    pub(in crate::cli) target: PathBuf,
    /// Put the cloud's key into the file: whoever has the file is the cloud then.
    #[arg(long)]
    pub(in crate::cli) with_key: bool,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct CloudRebuildArgs {
    /// From the devices that connect, and those of --from.
    #[arg(long, required = true)]
    pub(in crate::cli) from_peers: bool,
    /// Device to dial, host:port; repeat for more.
    #[arg(long, value_name = "ADDRESS")]
    pub(in crate::cli) from: Vec<String>,
    /// How long to wait until everything is here, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 120, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(in crate::cli) wait: u64,
}

/// How `check` tells what it found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum CheckFormat {
    /// Lines for people.
    Text,
    /// One JSON object.
    Json,
    /// One line as monitoring plugins write it.
    Nagios,
    /// Prometheus' text format, for its textfile collector.
    Prometheus,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct CheckArgs {
    /// How to tell it.
    #[arg(long, value_enum, default_value_t = CheckFormat::Text)]
    pub(in crate::cli) format: CheckFormat,
    /// Longest that an entry may wait for the cloud, in seconds [default: 3600, or as configured].
    #[arg(long, value_name = "SECONDS")]
    pub(in crate::cli) max_lag: Option<u64>,
    /// How much of the disk must be free: 10%, 500MB or bytes [default: 10 % and 500 MB].
    #[arg(long, value_name = "SIZE", value_parser = free_min)]
    pub(in crate::cli) min_free: Option<FreeMin>,
    /// Longest that a device may be silent during an open event, in seconds [default: 900].
    #[arg(long, value_name = "SECONDS")]
    pub(in crate::cli) max_silent: Option<u64>,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Support {
    /// The file to write [default: tallyline-support-DATE.tar.gz here].
    pub(in crate::cli) file: Option<PathBuf>,
    /// Write nothing, and show everything that would be in it.
    #[arg(long, conflicts_with = "file")]
    pub(in crate::cli) dry_run: bool,
}

fn free_min(text: &str) -> Result<FreeMin, String> {
    let read = text.parse();
    read.map_err(|()| "write 10%, 500MB, 2GB or a number of bytes".to_owned())
}
