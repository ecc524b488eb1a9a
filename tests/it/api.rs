//! A node over HTTP: real processes, asked as browsers, phones and monitors ask.

mod blobs;
mod described;
mod devices;
mod figures;
pub(crate) mod http;
mod limits;
mod nodes;
mod office;
mod pages;
mod people;
mod race;
mod spectators;

use serde_json::{Value, json};
use tallyline_tests::process::Process;

use crate::range::Range;
use http::Web;

/// A range whose owner's node serves HTTP.
struct Served {
    range: Range,
    node: Process,
    web: Web,
}

impl Served {
    fn founded() -> Self {
        Self::of(Range::founded())
    }

    /// Serves what the owner of a range founded.
    fn of(range: Range) -> Self {
        let node = start(&range, "owner");
        let web = Web::of(&node);
        Self { range, node, web }
    }

    /// Starts the node again.
    fn again(self) -> Self {
        self.node.kill().unwrap();
        let node = start(&self.range, "owner");
        let web = Web::of(&node);
        Self {
            node,
            web,
            range: self.range,
        }
    }

    /// Makes an account with a role, and returns the web as it sees it.
    fn somebody(&self, name: &str, role: &str) -> Web {
        self.web.with(&token(&self.range, name, role))
    }
}

/// Starts a device's node that serves HTTP.
fn start(range: &Range, name: &str) -> Process {
    let args = [
        "--no-mdns",
        "--listen",
        "127.0.0.1:0",
        "--http",
        "127.0.0.1:0",
    ];
    Process::start(&range.root(name), &args).unwrap()
}

/// Makes an account on the owner's node and returns its token.
fn token(range: &Range, name: &str, role: &str) -> String {
    range.done("owner", &["cloud", "token", name, "--role", role])
}

/// A score as it is sent.
pub(crate) fn score(drill: u32, shooter: u32) -> Value {
    json!({ "record": { "score": {
        "drill": drill, "shooter": shooter, "time_cs": [1234], "targets": [2, 257],
        "steel": { "hit": 1 },
    } } })
}

const SCORES: &str = "/api/events/-/scores";
