//! Helpers that the system tests share.

pub mod process;
pub mod tidy;
