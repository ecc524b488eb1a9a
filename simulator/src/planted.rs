//! Mistakes on purpose: the test of the tests.
//!
//! For each [`Fault`] that can be planted in the product this says which invariant is to find it
//! and on what kind of day; [`catch`] plants it, runs the seeds of that kind from 1 on, and returns
//! the first that finds it. A fault that no seed finds is a hole in the oracle, not in this table.
//!
//! Only the program `tallyline-sim-planted` can plant anything (feature `planted`); everybody can
//! read the list.

use tallyline_keys::planted::Fault;

#[cfg(feature = "planted")]
pub use run::{Caught, catch, table, without};

/// Hours that people score on a day with a planted fault: the faults show early or never.
const HOURS: u64 = 3;

/// Devices at such a venue, the owner included.
pub const DEVICES: usize = 5;

/// A fault, and how it is to be found.
#[derive(Clone, Copy, Debug)]
pub struct Planted {
    /// The fault.
    pub fault: Fault,
    /// What the command line calls it.
    pub name: &'static str,
    /// What it breaks, in a sentence.
    pub what: &'static str,
    /// The invariants that may find it, the expected one first.
    pub invariants: &'static [&'static str],
    /// What finds it.
    pub finder: Finder,
    /// Hours that people score.
    pub hours: u64,
    /// Most seeds until it must be found, at most 200.
    pub seeds_max: u64,
}

/// What finds a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finder {
    /// The days of a profile.
    Day(&'static str),
    /// The days of a profile, each lived twice: once with all clocks right.
    Clocks(&'static str),
    /// Two TLS handshakes of the same devices: nothing below TLS runs in the simulator.
    Handshake,
    /// A device that says it has another store now. No day finds it: a fresh store is filled again
    /// within seconds, while nobody can know yet that the old one is gone.
    OtherStore,
}

/// Every fault that can be planted.
pub const ALL: [Planted; 26] = [
    Planted {
        fault: Fault::VoidTwice,
        name: "void-twice",
        what: "a second void of one entry undoes the score that replaced it, too",
        invariants: &["I10"],
        finder: Finder::Day("calm"),
        hours: HOURS,
        seeds_max: 50,
    },
    Planted {
        fault: Fault::AckBeforeCommit,
        name: "ack-before-commit",
        what: "entries of others are acknowledged one step before they are committed",
        invariants: &["I2", "I7"],
        finder: Finder::Day("calm"),
        hours: HOURS,
        seeds_max: 5,
    },
    Planted {
        fault: Fault::PromiseBeforeCommit,
        name: "promise-before-commit",
        what: "a failed commit is answered as saved",
        invariants: &["I1", "I2"],
        finder: Finder::Day("cards"),
        hours: HOURS,
        seeds_max: 50,
    },
    Planted {
        fault: Fault::NoSync,
        name: "no-sync",
        what: "a commit returns before it is synced",
        invariants: &["I1"],
        finder: Finder::Day("kills"),
        hours: HOURS,
        seeds_max: 20,
    },
    Planted {
        fault: Fault::NoIncarnation,
        name: "no-incarnation",
        what: "a device writes under the same incarnation after every start",
        invariants: &["I4"],
        finder: Finder::Day("devices"),
        hours: HOURS,
        seeds_max: 50,
    },
    Planted {
        fault: Fault::CutIgnored,
        name: "cut-ignored",
        what: "what is past the cut of a closed grant counts as if it were before",
        invariants: &["I9"],
        finder: Finder::Day("everything"),
        hours: HOURS,
        seeds_max: 50,
    },
    Planted {
        fault: Fault::ReceiptUnsigned,
        name: "receipt-unsigned",
        what: "a receipt is believed without a look at its signature",
        invariants: &["I8"],
        finder: Finder::Day("liar"),
        hours: HOURS,
        seeds_max: 50,
    },
    Planted {
        fault: Fault::LaxSignature,
        name: "lax-signature",
        what: "points of small order are taken in signatures",
        invariants: &["I3"],
        finder: Finder::Day("liar"),
        hours: HOURS,
        seeds_max: 50,
    },
    Planted {
        fault: Fault::LastWriteWins,
        name: "last-write-wins",
        what: "another entry at a held sequence replaces the one held",
        invariants: &["I3"],
        finder: Finder::Day("liar"),
        hours: HOURS,
        seeds_max: 50,
    },
    Planted {
        fault: Fault::ResumeFromOne,
        name: "resume-from-one",
        what: "a peer is sent from entry 1 on what it said it holds",
        invariants: &["I7"],
        finder: Finder::Day("calm"),
        hours: HOURS,
        seeds_max: 5,
    },
    Planted {
        fault: Fault::NeverResend,
        name: "never-resend",
        what: "a lost push is never repeated: no closing Hello, no Want",
        invariants: &["I5"],
        finder: Finder::Day("storm"),
        hours: HOURS,
        seeds_max: 50,
    },
    Planted {
        fault: Fault::LostLastEntry,
        name: "lost-last-entry",
        what: "of others' logs the last entry is not passed on",
        invariants: &["I5"],
        finder: Finder::Day("kills"),
        hours: HOURS,
        seeds_max: 20,
    },
    Planted {
        fault: Fault::ArrivalDecides,
        name: "arrival-decides",
        what: "of entries for one slot the log that arrived first ranks first",
        invariants: &["I6"],
        finder: Finder::Day("devices"),
        hours: HOURS,
        seeds_max: 100,
    },
    Planted {
        fault: Fault::Reencode,
        name: "reencode",
        what: "received entries are encoded again before they are hashed",
        invariants: &["I5"],
        finder: Finder::Day("calm"),
        hours: 1,
        seeds_max: 10,
    },
    Planted {
        fault: Fault::ClockInVerdict,
        name: "clock-in-verdict",
        what: "of entries for one slot the one with the earlier time of day is shown",
        invariants: &["I15"],
        finder: Finder::Clocks("clocks"),
        hours: HOURS,
        seeds_max: 100,
    },
    Planted {
        fault: Fault::GapAccepted,
        name: "gap-accepted",
        what: "entries that begin past the end of what is held are appended",
        invariants: &["I3", "I1", "I5"],
        finder: Finder::Day("liar"),
        hours: HOURS,
        seeds_max: 50,
    },
    Planted {
        fault: Fault::QuotaOff,
        name: "quota-off",
        what: "an admitted device fills the others' cards",
        invariants: &["I12"],
        finder: Finder::Day("liar"),
        hours: HOURS,
        seeds_max: 50,
    },
    Planted {
        fault: Fault::ForgetFork,
        name: "forget-fork",
        what: "proofs of forks are not read back at the start",
        invariants: &["I11"],
        finder: Finder::Day("liar"),
        hours: HOURS,
        seeds_max: 100,
    },
    Planted {
        fault: Fault::ResumptionOn,
        name: "resumption-on",
        what: "a TLS session is resumed without a look at the peer's certificate",
        invariants: &["handshake"],
        finder: Finder::Handshake,
        hours: HOURS,
        seeds_max: 1,
    },
    Planted {
        fault: Fault::CopiesOfOldStore,
        name: "copies-of-old-store",
        what: "heights of a store that a device no longer has still count as copies",
        invariants: &["copies"],
        finder: Finder::OtherStore,
        hours: HOURS,
        seeds_max: 1,
    },
    Planted {
        fault: Fault::HeadNotChecked,
        name: "head-not-checked",
        what: "a chunk is taken without a look at its signature",
        invariants: &["I3"],
        finder: Finder::Day("liar"),
        hours: HOURS,
        seeds_max: 50,
    },
    Planted {
        fault: Fault::DuplicateCounts,
        name: "duplicate-counts",
        what: "a score that was entered again counts twice",
        invariants: &["I16"],
        finder: Finder::Day("devices"),
        hours: HOURS,
        seeds_max: 20,
    },
    Planted {
        fault: Fault::LateBeatsLive,
        name: "late-beats-live",
        what: "a late entry competes with a live one on equal terms",
        invariants: &["I9", "I10"],
        finder: Finder::Day("everything"),
        hours: HOURS,
        seeds_max: 100,
    },
    Planted {
        fault: Fault::StaleBook,
        name: "stale-book",
        what: "what counts is not computed anew when the ledger grows",
        invariants: &["I6"],
        finder: Finder::Day("calm"),
        hours: HOURS,
        seeds_max: 5,
    },
    Planted {
        fault: Fault::KeysToAnybody,
        name: "keys-to-anybody",
        what: "keys of sealed texts are given to members who may not read them",
        invariants: &["I17"],
        finder: Finder::Day("calm"),
        hours: HOURS,
        seeds_max: 5,
    },
    Planted {
        fault: Fault::EraseKeepsKeys,
        name: "erase-keeps-keys",
        what: "what is sealed of somebody who was erased can still be read",
        invariants: &["I17"],
        finder: Finder::Day("calm"),
        hours: HOURS,
        seeds_max: 20,
    },
];

impl Planted {
    /// Returns the command that shows it.
    pub fn command(&self) -> String {
        format!("tallyline-sim-planted faults --only {}", self.name)
    }
}

/// Returns the fault with this name.
pub fn find(name: &str) -> Option<&'static Planted> {
    ALL.iter().find(|it| it.name == name)
}

#[cfg(feature = "planted")]
mod handshake;
#[cfg(feature = "planted")]
mod other_store;
#[cfg(feature = "planted")]
mod run;
