//! The command socket of a node: what goes over it, who serves it, who calls it.
//!
//! * `protocol`: the JSON shapes, the contract with the command line and the demonstration.
//! * `client`: calls a node over its socket.
//!
//! Layer: node, above `driver`.

pub mod protocol;
