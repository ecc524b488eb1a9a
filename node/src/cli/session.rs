//! One command on one root: asks the node, and writes what it answers.
//!
//! Data goes to the standard output, messages to the standard error, so that a program that
//! reads the one never meets the other. Layer: node, cli.

use std::io::{self, ErrorKind, Write as _};

use serde::Deserialize;
use serde_json::Value;

use super::failure::Failure;
use crate::config::Config;
use crate::local::offline;
use crate::local::protocol::{Answer, Call, Request};

/// The exit code of a command that did what was asked.
pub(super) const DONE: u8 = 0;

/// One command on one root.
#[derive(Debug)]
pub(super) struct Session {
    /// What is configured.
    pub(super) config: Config,
    /// The event that is meant, when one was named.
    pub(super) event: Option<String>,
    /// Whether data and errors are JSON.
    pub(super) json: bool,
}

impl Session {
    /// Has the request answered by the running node, or from the root when none runs.
    pub(super) fn ask(&self, request: Request) -> Result<Value, Failure> {
        self.ask_of(self.event.clone(), request)
    }

    /// As [`Self::ask`], of another event than the one that was named, if any was.
    pub(super) fn ask_of(&self, event: Option<String>, request: Request) -> Result<Value, Failure> {
        let call = Call { event, request };
        match offline::call(&self.config.root, &self.config.passphrase, call) {
            Answer::Ok(value) => Ok(value),
            Answer::Error(problem) => Err(problem.into()),
        }
    }

    /// Asks for data.
    pub(super) fn data<T: for<'de> Deserialize<'de>>(
        &self,
        request: Request,
    ) -> Result<T, Failure> {
        Ok(Answer::Ok(self.ask(request)?).data()?)
    }

    /// Asks and writes the answer: as JSON, or as `text` makes it; returns it for the exit code.
    pub(super) fn show<T: for<'de> Deserialize<'de>>(
        &self,
        request: Request,
        text: impl FnOnce(&T) -> String,
    ) -> Result<T, Failure> {
        let value = self.ask(request)?;
        let line = self.json.then(|| format!("{value}\n"));
        let data: T = Answer::Ok(value).data()?;
        self.write(&line.unwrap_or_else(|| text(&data)))?;
        Ok(data)
    }

    /// Asks, writes the answer's data, and says beside it what a person may do with it.
    pub(super) fn tell<T: for<'de> Deserialize<'de>>(
        &self,
        request: Request,
        text: impl FnOnce(&T) -> String,
        message: impl FnOnce(&T) -> String,
    ) -> Result<u8, Failure> {
        let data = self.show(request, text)?;
        if !self.json {
            say(&message(&data));
        }
        Ok(DONE)
    }

    /// Writes data to the standard output.
    pub(super) fn write(&self, text: &str) -> Result<(), Failure> {
        self.write_bytes(text.as_bytes())
    }

    /// Writes bytes to the standard output; whoever stopped reading has what it wanted.
    #[expect(
        clippy::unused_self,
        reason = "output belongs to the session that asked"
    )]
    pub(super) fn write_bytes(&self, bytes: &[u8]) -> Result<(), Failure> {
        let mut out = io::stdout().lock();
        match out.write_all(bytes).and_then(|()| out.flush()) {
            Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Failure::file(format!(
                "the output could not be written: {error}"
            ))),
            Err(_) | Ok(()) => Ok(()),
        }
    }
}

/// Writes a message to the standard error; there is nobody to tell when that fails.
pub(super) fn say(message: &str) {
    let line = format!("{}\n", clean_lines(message));
    io::stderr().lock().write_all(line.as_bytes()).ok();
}

/// Takes away what a terminal would obey instead of show: messages quote files and other devices.
pub(super) fn clean_lines(text: &str) -> String {
    let shown = |letter: char| {
        if letter.is_control() && letter != '\n' {
            '\u{fffd}'
        } else {
            letter
        }
    };
    text.chars().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A match's name with an escape sequence cleared the screen of whoever imported the file.
    #[test]
    fn a_message_says_nothing_to_the_terminal() {
        assert_eq!(clean_lines("a\u{1b}[2Jb\r\nc"), "a\u{fffd}[2Jb\u{fffd}\nc");
    }
}
