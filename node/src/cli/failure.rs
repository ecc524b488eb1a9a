//! Why a command did not do what was asked: one message, one exit code.
//!
//! Layer: node, cli.

use std::fmt;

use serde_json::json;

use crate::cloud::CloudError;
use crate::config::ConfigError;
use crate::demo::DemoError;
use crate::local::ServeError;
use crate::local::protocol::{Problem, codes, exits};
use crate::net::NetError;
use crate::node::RunError;
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
        Self {
            code: code.to_owned(),
            text: text.into(),
            exit,
        }
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
        Self {
            code: problem.code,
            text: problem.text,
            exit: problem.exit,
        }
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::new("bad_config", exits::USAGE, error.to_string())
    }
}

impl From<RootError> for Failure {
    fn from(error: RootError) -> Self {
        Problem::from(error).into()
    }
}

impl From<RunError> for Failure {
    fn from(error: RunError) -> Self {
        let text = error.to_string();
        let (code, exit) = match error {
            RunError::Root(error) => return error.into(),
            RunError::Start(error) => return Problem::from(error).into(),
            RunError::Net(NetError::PortTaken(_)) => ("port_taken", exits::UNREACHABLE),
            RunError::Net(NetError::Listen { .. }) => ("bad_listen", exits::UNREACHABLE),
            RunError::Net(NetError::Tls(_) | NetError::Entropy(_) | NetError::Limits) => {
                ("no_network", exits::FAILURE)
            }
            RunError::Http(_) => ("bad_http", exits::UNREACHABLE),
            RunError::Serve(ServeError::Taken(_)) => (codes::IN_USE, exits::UNREACHABLE),
            RunError::Serve(ServeError::PathTooLong(_)) => (codes::BAD_VALUE, exits::USAGE),
            RunError::Serve(ServeError::Io { .. }) => (codes::BAD_ROOT, exits::STORAGE),
            RunError::Cloud(CloudError::Root(error)) => return error.into(),
            RunError::Cloud(CloudError::Database(_)) => ("no_database", exits::STORAGE),
            RunError::Cloud(CloudError::Blobs(_)) => ("no_depot", exits::STORAGE),
            RunError::Cloud(CloudError::Start(_) | CloudError::Entropy(_)) => {
                ("fault", exits::FAILURE)
            }
            RunError::System(_) | RunError::Fault(_) => ("fault", exits::FAILURE),
        };
        Self::new(code, exit, text)
    }
}

impl From<DemoError> for Failure {
    fn from(error: DemoError) -> Self {
        Self::new("demo", error.exit(), error.to_string())
    }
}
