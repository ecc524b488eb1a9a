//! A real match over real processes.
//!
//! Starts tablets, a gateway and a cloud as processes of this same binary, replays every write of
//! a match through their command sockets while things go wrong on purpose, and asks each of them
//! for its standings at the end. Knows nodes only by `local::protocol`. Layer: node, below `cli`.
//!
//! | file | what it is |
//! | --- | --- |
//! | `data` | the match: inside the binary, or a folder |
//! | `table` | what each kind of write becomes, and the totals that must come out |
//! | `plan` | which line waits for which; what goes wrong, by the seed |
//! | `venue` | the processes |
//! | `setup` | event, members, connections |
//! | `replay` | shifts, grants, the order of everything |
//! | `tablet` | one tablet's lines, and its misfortunes |
//! | `expected` | results to compare with |
//! | `verdict` | what came out |
//! | `screen` | what a person sees meanwhile |

#[cfg(test)]
pub(crate) mod as_file;
mod data;
mod expected;
mod plan;
mod replay;
mod screen;
mod setup;
mod table;
mod tablet;
mod venue;
mod verdict;

use std::io;
use std::sync::Arc;

use thiserror::Error;
use tokio::signal::unix::{SignalKind, signal};

use crate::cli::DemoArgs;
use crate::clock::Clock;
use crate::local::protocol::{Problem, exits};

use data::Match;
use replay::Demo;
use verdict::Verdict;

/// Threads of the demo itself; the machine's cores are for the nodes.
const WORKERS: usize = 2;

/// What came out, to be written by the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The verdict for a person, several lines; or one line of JSON.
    pub text: String,
    /// The exit code: 0 only if everything is as it must be.
    pub exit: u8,
}

/// Why there is no verdict. Every process that was started has been ended.
#[derive(Debug, Error)]
pub enum DemoError {
    /// The match cannot be read.
    #[error("the match cannot be replayed: {file}: {what}; nothing was started; correct the file")]
    Data {
        /// The file.
        file: &'static str,
        /// What is wrong with it.
        what: String,
    },
    /// The machine refuses something.
    #[error("the demo did not run: {0}; everything it started has been ended")]
    Machine(String),
    /// A node failed.
    #[error(
        "the demo stopped: {label} failed: {what}; everything it started has been ended; \
         run it again with --keep to look at the nodes' folders; the end of its log:\n{log}"
    )]
    Node {
        /// Which.
        label: String,
        /// How.
        what: String,
        /// The end of its log.
        log: String,
    },
    /// A node refused something that it must do.
    #[error(
        "the demo stopped: {label} refused what it must do: {problem}; everything that was started \
         has been ended"
    )]
    Refused {
        /// Which.
        label: String,
        /// What it said.
        problem: Problem,
    },
    /// A write got an answer that the table does not allow.
    #[error(
        "the demo stopped: write {n} of the match was answered {answer} on {label} ({text}), which \
         nothing in the match explains; everything that was started has been ended"
    )]
    Unexpected {
        /// The write's number.
        n: u64,
        /// Who answered.
        label: String,
        /// The answer's code.
        answer: String,
        /// Its text.
        text: String,
    },
    /// Something did not happen in time.
    #[error(
        "the demo stopped: {what} did not happen in {seconds} s; everything that was started has been ended"
    )]
    Timeout {
        /// What.
        what: String,
        /// How long it was waited for.
        seconds: u64,
    },
    /// A person ended it.
    #[error("the demo was interrupted; everything it started has been ended")]
    Interrupted,
}

impl DemoError {
    /// Returns the exit code of a command that ends with this error.
    pub fn exit(&self) -> u8 {
        match self {
            Self::Data { .. } => exits::USAGE,
            Self::Machine(_) | Self::Unexpected { .. } | Self::Refused { .. } => exits::FAILURE,
            Self::Node { .. } => exits::UNREACHABLE,
            Self::Timeout { .. } => exits::TIMEOUT,
            Self::Interrupted => 130,
        }
    }
}

/// Replays a match and returns the verdict. What happens meanwhile goes to the standard error.
///
/// # Errors
///
/// [`DemoError`] if it does not come to a verdict.
pub fn run(args: &DemoArgs) -> Result<Outcome, DemoError> {
    let clock = Clock::start();
    let data = match &args.data {
        Some(dir) => Match::folder(dir)?,
        None => Match::built_in()?,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .enable_all()
        .build()
        .map_err(|error| system(&error))?;
    let demo = Arc::new(Demo::new(data, args, clock)?);
    let verdict = runtime.block_on(until_interrupted(replay::all(&demo)));
    // Ends every task, so that nothing is started while the venue is taken down.
    drop(runtime);
    demo.screen.end();
    let verdict = verdict?;
    let text = if args.json {
        verdict.json()
    } else {
        verdict.text()
    };
    Ok(Outcome {
        text,
        exit: verdict.exit(),
    })
}

/// Runs the demo to its end, or to the signal that ends it.
async fn until_interrupted(
    demo: impl Future<Output = Result<Verdict, DemoError>>,
) -> Result<Verdict, DemoError> {
    let mut interrupt = signal(SignalKind::interrupt()).map_err(|error| system(&error))?;
    let mut terminate = signal(SignalKind::terminate()).map_err(|error| system(&error))?;
    tokio::select! {
        verdict = demo => verdict,
        _ = interrupt.recv() => Err(DemoError::Interrupted),
        _ = terminate.recv() => Err(DemoError::Interrupted),
    }
}

fn system(error: &io::Error) -> DemoError {
    DemoError::Machine(error.to_string())
}
