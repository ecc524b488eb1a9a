//! The cases, by topic: each gives one bad input to real nodes and says what it saw.

pub mod authority;
pub mod discovery;
pub mod disk;
pub mod framing;
pub mod logs;
pub mod quota;
pub mod receipts;
pub mod signatures;
pub mod structure;
pub mod tls;
pub mod words;
