//! Looks for what is wrong with a device, and says what to do: `tallyline doctor`.
//!
//! Each check is a small function over what was seen of one thing and returns a [`Finding`]: how
//! it is, in one line why, in one line what to do. What only a running node knows is asked over its
//! socket; without one the root itself is looked at. Changes nothing but a scratch file that it
//! removes. Layer: node, above `local`, below `cli`.
//!
//! | file | what it looks at |
//! | --- | --- |
//! | `device` | the folder, the key, the process |
//! | `disk` | the store, free space, how long a save waits |
//! | `time` | the clock |
//! | `network` | interfaces, port, mDNS, peers, cloud |
//! | `event` | the event and this device's part in it, and whom the node turned away |

mod device;
mod disk;
mod event;
mod network;
mod time;

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::clock::Clock;
use crate::local::client::{self, CallError};
use crate::local::offline;
use crate::local::protocol::{
    Answer, Call, HealthData, Nothing, Problem, Request, SecurityData, StatusData,
};
use crate::root::PassphraseSource;

/// How one thing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// As it should be.
    Fine,
    /// Worth knowing; scoring goes on.
    Note,
    /// Not right; somebody has to act.
    Wrong,
}

/// What was found about one thing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The thing, in a word or two.
    pub what: String,
    /// How it is.
    pub state: State,
    /// Why, in one line.
    pub cause: String,
    /// What to do, in one line; empty if nothing is to be done.
    pub fix: String,
}

/// Everything that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// `tallyline.doctor/1`.
    pub schema: String,
    /// Whether nothing is wrong.
    pub well: bool,
    /// One for each thing.
    pub findings: Vec<Finding>,
}

/// The node that runs on a root, or why there is none.
enum Running {
    /// It answers.
    Yes(Box<Told>),
    /// None runs.
    No,
    /// One runs and does not answer, or not as this version knows.
    Mute(String),
}

/// What a running node tells.
struct Told {
    status: StatusData,
    health: HealthData,
    security: SecurityData,
}

impl Finding {
    /// All is well with it.
    fn fine(what: &str, cause: impl Into<String>) -> Self {
        Self::new(what, State::Fine, cause, "")
    }

    /// Worth knowing.
    fn note(what: &str, cause: impl Into<String>, fix: impl Into<String>) -> Self {
        Self::new(what, State::Note, cause, fix)
    }

    /// Not right.
    fn wrong(what: &str, cause: impl Into<String>, fix: impl Into<String>) -> Self {
        Self::new(what, State::Wrong, cause, fix)
    }

    fn new(what: &str, state: State, cause: impl Into<String>, fix: impl Into<String>) -> Self {
        Self {
            what: what.to_owned(),
            state,
            cause: cause.into(),
            fix: fix.into(),
        }
    }
}

/// Looks at everything about the device whose root this is.
pub fn examine(dir: &Path) -> Report {
    let running = ask(dir);
    let mut findings = vec![
        device::folder(dir),
        device::key(dir),
        device::process(dir, &running),
    ];
    findings.extend(disk::examine(dir, &running));
    let now_ms = Clock::start().now().wall_ms;
    findings.push(time::clock(now_ms));
    findings.push(network::interfaces());
    let status = match &running {
        Running::Yes(told) => {
            findings.extend(time::others(now_ms, told.health.latest.as_ref()));
            findings.extend(network::examine(&told.health, &told.status));
            findings.push(event::refusals(&told.security));
            findings.extend(told.security.clones.iter().map(event::clone));
            Some(told.status.clone())
        }
        Running::No => {
            let ask = call(Request::Status(Nothing {}));
            data(offline::answer(dir, &PassphraseSource::Nowhere, ask)).ok()
        }
        Running::Mute(_) => None,
    };
    findings.extend(status.iter().map(event::membership));
    Report {
        schema: "tallyline.doctor/1".to_owned(),
        well: findings.iter().all(|it| it.state != State::Wrong),
        findings,
    }
}

/// Asks the running node for everything it tells.
fn ask(dir: &Path) -> Running {
    match told(dir) {
        Ok(told) => Running::Yes(Box::new(told)),
        Err(Silence::NotRunning) => Running::No,
        Err(Silence::Problem(text)) => Running::Mute(text),
    }
}

/// Why a node told nothing.
enum Silence {
    NotRunning,
    Problem(String),
}

fn told(dir: &Path) -> Result<Told, Silence> {
    Ok(Told {
        status: fetch(dir, Request::Status(Nothing {}))?,
        health: fetch(dir, Request::Health(Nothing {}))?,
        security: fetch(dir, Request::Security(Nothing {}))?,
    })
}

fn fetch<T: for<'de> Deserialize<'de>>(dir: &Path, request: Request) -> Result<T, Silence> {
    match client::call(dir, &call(request)) {
        Ok(answer) => data(answer).map_err(|problem| Silence::Problem(problem.text)),
        Err(CallError::NotRunning { .. }) => Err(Silence::NotRunning),
        Err(error @ CallError::Lost { .. }) => Err(Silence::Problem(error.to_string())),
    }
}

fn call(request: Request) -> Call {
    Call::from(request)
}

fn data<T: for<'de> Deserialize<'de>>(answer: Answer) -> Result<T, Problem> {
    answer.data()
}

/// Writes bytes as people read them.
fn megabytes(bytes: u64) -> String {
    format!("{} MB", bytes / 1_000_000)
}

#[cfg(test)]
mod tests;
