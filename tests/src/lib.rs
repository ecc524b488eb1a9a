//! Helpers that the system tests share.

pub mod tidy;
