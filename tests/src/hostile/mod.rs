//! A hostile peer against real nodes: everything that a stranger, a liar or a broken card may give
//! a node, and what has to come of it.
//!
//! Each case starts its own venue of real processes, does one wrong thing, and looks at what is to
//! be seen from outside: what the nodes hold and count, how they end the connection, that they live,
//! stay small, and that an honest pair goes on. [`table`] lists all of them; the tests in
//! `tests/it/hostile` and the program `tallyline-hostile` run the same functions.
//!
//! | module | what it is |
//! | --- | --- |
//! | `wait` | conditions with deadlines |
//! | `bytes` | bytes that no encoder of ours writes |
//! | `papers` | what a peer shows in TLS |
//! | `peer` | a QUIC peer that puts on the stream what it likes |
//! | `initial` | first packets of QUIC made by hand |
//! | `flood` | much of it at once |
//! | `namespace`, `multicast` | a network of its own, and records of mDNS made by hand |
//! | `lies` | logs, statements and cells that a liar signs |
//! | `venue` | real nodes with one liar among them |
//! | `cases` | the cases, by topic |
//! | `table` | the list of all cases, and how it is printed |

pub mod bytes;
pub mod cases;
pub mod flood;
pub mod initial;
pub mod lies;
pub mod multicast;
pub mod namespace;
pub mod papers;
pub mod peer;
pub mod table;
pub mod venue;
pub mod wait;

use crate::process::Broken;

/// What a case saw, when everything was as expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It ran.
    Seen(Observed),
    /// It needs more than this machine has, and did not run.
    Skipped(String),
}

/// What a case saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observed {
    /// In words.
    pub text: String,
    /// What it cost the nodes.
    pub figures: Figures,
}

/// What a case cost the nodes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// The most memory that any node ever used, in KiB.
    pub peak_kib: u64,
    /// The most files that any node had open at the end.
    pub files: u64,
    /// How long an honest pair took to exchange a score afterwards, in ms.
    pub honest_ms: u64,
}

/// One case: what it sees, or what is not as expected.
pub type Run = fn() -> Result<Outcome, Broken>;
