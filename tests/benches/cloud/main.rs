//! What a cloud takes in and tells on: entries into PostgreSQL, a score to ten thousand spectators; and
//! what it costs to hold events.
//!
//! Each prints its figures beside the target of docs/BENCHMARKS.md; both sides of a ratio are
//! measured in the same run. A missed target is said and fails nothing. Needs the release binary of
//! the node beside it and PostgreSQL; what is missing is said. Layer: benches, above everything.
#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a bench prints its figures, and has nobody to hand an error to"
)]

mod active;
mod ingest;
mod spectators;

fn main() {
    let wanted: Vec<String> = std::env::args()
        .skip(1)
        .filter(|it| !it.starts_with('-'))
        .collect();
    let wants = |name: &str| wanted.is_empty() || wanted.iter().any(|it| it == name);
    if wants("active") {
        active::bench();
    }
    if wants("ingest") {
        ingest::bench();
    }
    if wants("spectators") {
        spectators::bench();
    }
}
