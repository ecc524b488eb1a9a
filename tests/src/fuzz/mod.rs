//! What hostile bytes must not do: one function a target, for the fuzzer and for ordinary tests.
//!
//! Each `run` takes any bytes, reads them as a small program where that finds more than raw bytes
//! would, and panics if something that must hold does not. libFuzzer calls it from `tests/fuzz`;
//! `tests/it/fuzz.rs` replays what campaigns found. Layer: tests; it knows everything below.
//!
//! | file | what it tries |
//! | --- | --- |
//! | `frame` | frames of strangers and members, lies included, fed to a real replica |
//! | `entry` | entries, and what the rules make of them |
//! | `control` | statements in two orders of arrival: one authority, the same verdicts |
//! | `ticket` | tickets as bytes and as text, fingerprints |
//! | `mdns` | records of the local network and the table of places to dial |
//! | `bundle` | bundle files, damaged, shortened and put together anew |
//! | `structure` | the file an event is created from |
//! | `psc`, `miff`, `text_report`, `registration` | the sport's own files |
//! | `bytes`, `branch`, `said`, `builders`, `venue`, `memory` | what they share |
//! | `corpus`, `seeds` | the inputs that are kept, and those that campaigns begin with |

mod branch;
mod builders;
pub mod bundle;
mod bytes;
pub mod control;
pub mod corpus;
pub mod entry;
pub mod frame;
pub mod mdns;
mod memory;
pub mod miff;
pub mod psc;
pub mod registration;
mod said;
pub mod seeds;
pub mod structure;
pub mod text_report;
pub mod ticket;
mod venue;

/// A target: its name, which is the corpus's folder, too, and what it runs.
pub type Target = (&'static str, fn(&[u8]));

/// All targets. `tests/fuzz` has a binary for each; a test compares the two.
pub const TARGETS: [Target; 11] = [
    ("frame", frame::run),
    ("entry", entry::run),
    ("control", control::run),
    ("ticket", ticket::run),
    ("mdns", mdns::run),
    ("bundle", bundle::run),
    ("structure", structure::run),
    ("psc", psc::run),
    ("miff", miff::run),
    ("text_report", text_report::run),
    ("registration", registration::run),
];
