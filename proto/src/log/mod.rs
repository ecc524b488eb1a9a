//! Entries in hash chains, and who may write them (layer L2).
//!
//! A signature is checked here, once, at the edge; everything above trusts what a [`Ledger`]
//! holds. A ledger never forgets an entry and never changes one.

mod authority;
mod chain;
mod ledger;
mod one;

pub use authority::{Authority, End, Grant, Member};
pub use chain::{Chain, sign_head, verify_head};
pub(crate) use ledger::about;
pub use ledger::{
    DEVICE_ENTRIES_MAX, EVENT_ENTRIES_MAX, Growth, INCARNATIONS_MAX, LOG_ENTRIES_MAX, Ledger,
    Refusal, Taken,
};
pub use one::{Chunk, Log, Record};
