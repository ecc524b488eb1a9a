//! Bytes to model and back, and every size cap (layer L1).
//!
//! The only place that knows protobuf. What was received is never encoded again: callers keep the
//! exact bytes and use these functions to *look* at them. Decoding never panics, whatever the
//! bytes, and refuses sizes before it allocates for them.

mod ask;
mod bundle;
mod card;
mod cell;
mod entry;
mod event;
mod frame;
mod hash;
mod seal;
mod statement;
mod text;
mod ticket;

#[allow(
    missing_docs,
    missing_debug_implementations,
    unreachable_pub,
    unnameable_types,
    clippy::all,
    clippy::pedantic,
    clippy::allow_attributes,
    clippy::as_conversions,
    reason = "generated from the schema; a test holds it to it"
)]
#[rustfmt::skip]
mod generated;

pub use ask::{Ask, AskId, CLAIM_MINUTES_MAX, Denial, Denied, LENT_LOGS_MAX, Wish};
pub use bundle::{BUNDLE_BYTES_MAX, decode_bundle, encode_bundle};
pub use card::{card_from_text, card_to_text, card_words, decode_card, encode_card};
pub use cell::{
    Cell, CellKind, SignedCell, cell_frames, decode_cell, decode_cell_of, encode_cell, sign_cell,
};
pub use entry::{body_reads_back, decode_entry, encode_entry, unknown_entry};
pub use event::{decode_manifest, encode_manifest, encode_structure};
pub use frame::{
    Claim, Commit, Fork, Frame, Hello, Join, LogRef, Push, Vector, decode_fork, decode_frame,
    encode_fork, encode_frame, join_entries, split_entries,
};
pub use hash::{
    LogTag, entry_id, event_id, event_tag, grant_id, hash, log_short_id, log_tag, record_key,
    statement_id, structure_hash,
};
pub use seal::{
    KEY_ROW_BYTES, KEYS_ASKED_MAX, KEYS_GIVEN_MAX, KeyAsk, KeyRow, Keys, Origin, Share, decode_key,
    encode_key, open_sealed, seal_text,
};
pub use statement::{
    SignedStatement, decode_signed, decode_statement, encode_signed, read_back, sign_statement,
};
pub use text::{TextFlaw, TextKind, TextProblem};
pub use ticket::{
    decode_offer, decode_ticket, encode_offer, encode_ticket, invite_id, offer_from_text,
    offer_to_text, ticket_from_text, ticket_to_text,
};

use core::fmt;

/// Longest entry that is not a statement, in bytes. A score has 43 on average and 81 at most, so
/// this bounds a liar, not a match.
pub const ENTRY_BYTES_MAX: usize = 1024;

/// Longest statement entry, in bytes: an Assign that closes a hundred grants with a cut each.
pub const STATEMENT_BYTES_MAX: usize = 24 * 1024;

/// Longest manifest, in bytes: 50 KB of structure and its frame.
pub const MANIFEST_BYTES_MAX: usize = 51_200;

/// Longest frame, in bytes: what a stranger may make us hold.
pub const FRAME_BYTES_MAX: usize = 64 * 1024;

/// Most entries in one chunk: bounds what one lost signature costs.
pub const CHUNK_ENTRIES_MAX: usize = 256;

/// Most bytes of entries in one chunk; leaves room for the rest of a frame.
pub const CHUNK_BYTES_MAX: usize = 48 * 1024;

/// Most cells in one frame: two of each of 32 devices.
pub const CELLS_MAX: usize = 64;

/// Most logs in one vector: what fits into a frame with room to spare.
pub const VECTOR_LOGS_MAX: usize = 4096;

/// Why bytes are not what they should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WireError {
    /// The bytes are no such message.
    Malformed,
    /// A field is missing or outside its range; the text names it.
    Invalid(&'static str),
    /// A size is above its limit; the text names it.
    TooLarge(&'static str),
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed => f.write_str("the bytes are no such message"),
            Self::Invalid(field) => write!(f, "{field} is missing or outside its range"),
            Self::TooLarge(field) => write!(f, "{field} is larger than allowed"),
        }
    }
}

impl core::error::Error for WireError {}

/// Copies a field of fixed size.
pub(crate) fn fixed<const N: usize>(
    bytes: &[u8],
    field: &'static str,
) -> Result<[u8; N], WireError> {
    bytes.try_into().map_err(|_| WireError::Invalid(field))
}
