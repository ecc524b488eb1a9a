//! Why a command did not do what was asked: one message, one exit code.
//!
//! Layer: node, cli.

use std::fmt;

use serde_json::json;

use crate::config::ConfigError;
use crate::local::protocol::{Problem, codes, exits};
use crate::root::RootError;

/// A command that failed; nothing was changed unless the text says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    /// A stable code for programs.
    pub(super) code: String,
    /// What happened, what is safe, what to do.
    pub(super) text: String,
    /// What the process ends with.
    pub(super) exit: u8,
}

impl Failure {
    pub(super) fn new(code: &str, exit: u8, text: impl Into<String>) -> Self {
        Self { code: code.to_owned(), text: text.into(), exit }
    }

    /// A value that was typed does not hold.
    pub(super) fn usage(text: impl Into<String>) -> Self {
        Self::new("usage", exits::USAGE, text)
    }

    /// A file that was named cannot be read or written.
    pub(super) fn file(text: impl Into<String>) -> Self {
        Self::new(codes::BAD_FILE, exits::FAILURE, text)
    }

    /// Returns the failure as the one JSON object that programs read from stderr.
    pub(super) fn json(&self) -> String {
        json!({ "error": { "code": self.code, "text": self.text, "exit": self.exit } }).to_string()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self { code: problem.code, text: problem.text, exit: problem.exit }
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::new("bad_config", exits::USAGE, error.to_string())
    }
}

impl From<RootError> for Failure {
    fn from(error: RootError) -> Self {
        let (code, exit) = match &error {
            RootError::Missing { .. } => ("no_root", exits::FAILURE),
            RootError::Exists { .. } => ("root_exists", exits::FAILURE),
            RootError::InUse { .. } => ("root_in_use", exits::FAILURE),
            RootError::KeyReadable { .. } => ("key_readable", exits::REFUSED),
            RootError::Malformed { .. } => ("bad_root", exits::STORAGE),
            RootError::Label { .. } => (codes::BAD_VALUE, exits::USAGE),
            RootError::Io { .. } => ("storage", exits::STORAGE),
            RootError::Entropy(_) => ("no_entropy", exits::FAILURE),
        };
        Self::new(code, exit, error.to_string())
    }
}
