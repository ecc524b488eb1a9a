//! One conversation with one peer about one event (layer L3).
//!
//! Both sides run the same code. A conversation begins with a Hello of each side; equal digests
//! end it. Otherwise each says by a vector what it holds, and pushes what the other lacks. While
//! the connection stays up, what this device writes is pushed as it is committed; what it heard is
//! announced, and whoever still lacks it asks. Any frame may be lost, repeated or reordered: a
//! Hello is repeated until both sides have seen an equal one.

mod conversation;

pub use conversation::{Conversation, Heard, Here, Refused, hello};

/// Version of the protocol that a Hello names.
///
/// Source: PROTOCOL R-VERSION-1.
pub const VERSION: u32 = 1;
