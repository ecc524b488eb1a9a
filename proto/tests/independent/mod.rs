//! A second calculation of scores and tables, for the tests alone: slow, plain, and written from
//! the text of the rules.
//!
//! It shares nothing with the package under test. It imports none of it, not even its numbers: an
//! event comes in as the plain facts of [`facts`], fractions are its own ([`ratio`]), and a place is
//! one more than the number of people who are better ([`tables`]). A mistake would have to be made
//! twice, in two shapes, to stay unseen. `disciplines/bridge.rs` tells one event to both sides.

pub(crate) mod counted;
pub(crate) mod courts;
pub(crate) mod facts;
pub(crate) mod overall;
pub(crate) mod ratio;
pub(crate) mod runs;
pub(crate) mod sports;
pub(crate) mod tables;
