//! The whole system, real: one integration binary, so that it links once.
//!
//! The modules are behind `cfg(test)` because clippy then knows that helpers in them are tests.

#[cfg(test)]
mod acceptance;
#[cfg(test)]
mod api;
#[cfg(test)]
mod camp;
#[cfg(test)]
mod claims;
#[cfg(test)]
mod cli;
#[cfg(test)]
mod cloud;
#[cfg(test)]
mod club;
#[cfg(test)]
mod conformance;
#[cfg(test)]
mod damage;
#[cfg(test)]
mod demo;
#[cfg(test)]
mod doctor;
#[cfg(test)]
mod enrol;
#[cfg(test)]
mod failpoints;
#[cfg(test)]
mod fallback;
#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod grants;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod kill;
#[cfg(test)]
mod lab;
#[cfg(test)]
mod lan;
#[cfg(test)]
mod media;
#[cfg(test)]
mod nats;
#[cfg(test)]
mod netns;
#[cfg(test)]
mod operations;
#[cfg(test)]
mod participants;
#[cfg(test)]
mod people;
#[cfg(test)]
mod postgres;
#[cfg(test)]
mod race;
#[cfg(test)]
mod range;
#[cfg(test)]
mod reports;
#[cfg(test)]
mod rights;
#[cfg(test)]
mod room;
#[cfg(test)]
mod statements;
#[cfg(test)]
mod stores;
#[cfg(test)]
mod tidy;
