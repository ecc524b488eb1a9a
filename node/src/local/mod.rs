//! The command socket of a node: what goes over it, who serves it, who calls it.
//!
//! * [`protocol`]: the JSON shapes, the contract with the command line and the demonstration.
//! * [`client`]: calls a running node over its socket.
//! * [`news`]: what is new since somebody looked.
//! * [`tally`]: what monitors count over an event's entries.
//! * [`offline`]: the same requests on a root while no node runs.
//! * [`Clerk`]: what a request does. [`Server`]: the socket.
//!
//! Layer: node, above `driver`.

mod answers;
mod beyond;
mod claims;
mod clerk;
pub mod client;
mod convert;
mod enrol;
mod exchange;
#[cfg(test)]
pub(crate) mod fixture;
mod health;
mod media;
pub(crate) mod names;
pub mod news;
pub mod offline;
mod participants;
mod plan;
pub mod protocol;
pub(crate) mod record_text;
mod report;
mod said;
mod server;
mod standings;
pub(crate) mod statement;
pub mod tally;
mod vitals;
mod words;

pub use clerk::{Alarm, Clerk, Condition, Here, Network, NoNetwork};
pub use record_text::score_line;
pub use server::{Answers, ServeError, Server};
pub use tally::Tally;
