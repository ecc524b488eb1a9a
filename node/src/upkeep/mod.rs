//! What a person does with a root now and then: clear it after a race, back a cloud up and restore
//! it, pack what helps to find a fault.
//!
//! Nothing here is on a score's way. Each changes a root only while no node runs on it, and in an
//! order in which a process may be killed at any moment without a loss. Layer: node, above `local`,
//! below `cli`.
//!
//! | file | what it does |
//! | --- | --- |
//! | `clear` | takes the event out of a root when the cloud has all of it |
//! | `backup` | a cloud in one file, and back |
//! | `support` | a diagnostic bundle without names and secrets |
//! | `durable` | files that are there whole or not at all |

pub mod backup;
pub mod clear;
mod durable;
pub mod support;
