//! Arguments of the verbs about who may ask a node over HTTP.
//!
//! Layer: node, cli.

use std::path::PathBuf;

use clap::Args;

use crate::api::Role;

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("other").args(["list", "remove", "new_key"]))]
#[expect(clippy::struct_excessive_bools, reason = "flags that people type")]
pub(in super::super) struct Token {
    /// Who; without a name, --list or --new-key.
    #[arg(required_unless_present_any = ["list", "new_key"])]
    pub(in super::super) name: Option<String>,
    /// What the person may: owner, co-owner, ro, referee, var, admin, coach, media or spectator;
    /// repeat for more. Without one an account that is there keeps its roles.
    #[arg(long, value_name = "ROLE", conflicts_with = "other")]
    pub(in super::super) role: Vec<Role>,
    /// File whose first line becomes the password [default: as it was; a fresh account has none].
    #[arg(long, value_name = "FILE", conflicts_with = "other")]
    pub(in super::super) password_file: Option<PathBuf>,
    /// For how many hours the token holds, 1 to 96 [default: 24].
    #[arg(long, value_name = "HOURS", conflicts_with = "other",
          value_parser = clap::value_parser!(u64).range(1..=96))]
    pub(in super::super) hours: Option<u64>,
    /// List the accounts.
    #[arg(long, conflicts_with = "name")]
    pub(in super::super) list: bool,
    /// Remove the account; its tokens are void at once.
    #[arg(long)]
    pub(in super::super) remove: bool,
    /// Draw a fresh key for tokens, for a node that is started afterwards.
    #[arg(long, conflicts_with = "name")]
    pub(in super::super) new_key: bool,
    /// The database that the cloud's nodes share, as they run with it [default: files in the root].
    #[arg(long, value_name = "URL")]
    pub(in super::super) store: Option<String>,
}
