//! The cases, by topic: each gives one bad input to real nodes and says what it saw.

pub mod authority;
pub mod framing;
pub mod logs;
pub mod signatures;
pub mod tls;
pub mod words;
