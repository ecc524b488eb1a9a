//! The speed of a node on the real match: receiving, standings, start, verification, wire.
//!
//! Each group prints its figures beside the target of docs/BENCHMARKS.md; both sides of a ratio
//! are measured in the same run. A missed target is said and fails nothing: times depend on the
//! machine, and only tests decide what is right. Layer: benches, above everything of `tallyline`.
#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a bench prints its figures, and has nobody to hand an error to"
)]

mod figures;
mod receive;
mod standings;
mod start;
mod verify;
mod wasa;
mod wire;

use criterion::Criterion;

use crate::wasa::Wasa;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let wasa = Wasa::read(&[]);
    println!("{wasa}");
    standings::bench(&mut criterion, &wasa);
    verify::bench(&mut criterion, &wasa);
    receive::bench(&mut criterion, &wasa);
    start::bench(&mut criterion);
    wire::bench(&mut criterion);
    criterion.final_summary();
}
