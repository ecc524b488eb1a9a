//! The cases, by topic: each gives one bad input to real nodes and says what it saw.

pub(super) mod authority;
pub(super) mod discovery;
pub(super) mod disk;
pub(super) mod framing;
pub(super) mod logs;
pub(super) mod ownership;
pub(super) mod quota;
pub(super) mod receipts;
pub(super) mod signatures;
pub(super) mod structure;
pub(super) mod tls;
pub(super) mod words;
