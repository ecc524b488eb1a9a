//! Questions to the person at the terminal.
//!
//! Layer: node, cli.

use std::io::{self, BufRead as _, IsTerminal as _, Read as _};

use super::failure::Failure;
use super::session::say;

/// How long an answer to a question may be: yes or no.
const YES_BYTES_MAX: u64 = 64;

/// Returns whether somebody sits at a terminal.
pub(super) fn can_be_asked() -> bool {
    io::stdin().is_terminal()
}

/// Asks a question; anything but yes is no.
pub(super) fn yes(question: &str) -> Result<bool, Failure> {
    say(&format!("{question} [y/N]"));
    let mut answer = String::new();
    let input = io::stdin().lock();
    input
        .take(YES_BYTES_MAX)
        .read_line(&mut answer)
        .map_err(|error| Failure::file(format!("no answer could be read: {error}")))?;
    Ok(["y", "yes"].contains(&answer.trim().to_ascii_lowercase().as_str()))
}
