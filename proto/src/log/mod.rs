//! Entries in hash chains, and who may write them (layer L2).
//!
//! A signature is checked here, once, at the edge; everything above trusts what a [`Ledger`]
//! holds. A ledger never forgets an entry and never changes one.

mod authority;
mod chain;
mod ledger;
mod one;

pub(crate) use authority::passes;
pub use authority::{
    Adoption, Authority, ChainAt, Closing, Cuts, DEPUTY_ADMITS, End, Grant, Member, OWNERS_MAX,
    Owner, Revocation, Said, sign_consent, verify_consent,
};
pub use chain::{Chain, sign_head, verify_head};
pub(crate) use ledger::recovers;
pub use ledger::{
    CONTROL_ENTRIES_MAX, Changed, DEVICE_BYTES_MAX, DEVICE_ENTRIES_MAX, EVENT_BYTES_MAX,
    EVENT_ENTRIES_MAX, Growth, INCARNATIONS_MAX, LOG_ENTRIES_MAX, Ledger, Refusal, Taken,
};
pub use one::{Chunk, Log, Record};
