//! The protocol of Tallyline: what is recorded, who may record it, and how devices agree.
//!
//! This package is the pure core that phones, nodes, cloud and simulator share. It does no I/O,
//! reads no clock, draws no randomness, knows no threads and no floats; time, entropy and bytes
//! are told to it. Layers import downwards only:
//!
//! | layer | module | what it is |
//! | --- | --- | --- |
//! | L0 | [`model`] | ids, structure, scores, statements: valid by construction, no bytes |
//! | L1 | [`wire`] | bytes to model and back, size caps |
//! | L1 | [`rules`] | what counts: validation, scoring, scorebook, standings |
//! | L2 | [`log`] | entries in hash chains, authority, fork proofs |
//! | L3 | [`sync`] | one conversation with one peer about one event |
//! | L4 | [`replica`] | `step(now, inputs) -> Effects`: the whole node without a world |
#![no_std]
#![warn(clippy::float_arithmetic, clippy::arithmetic_side_effects)]

extern crate alloc;

pub mod log;
pub mod model;
pub mod replica;
pub mod rules;
pub mod sync;
pub mod wire;

pub use tallyline_keys::planted;
