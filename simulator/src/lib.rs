//! The world that lies: a deterministic venue for the real core.
//!
//! Runs any number of [`Replica`](tallyline_proto::replica::Replica)s in one thread under virtual
//! time, each with the node's own store on a simulated block device. Only network, disk, clock and
//! people are simulated; what is tested is the code that ships. The same seed gives the same run.
//!
//! | module | what it is |
//! | --- | --- |
//! | [`world`](World), `device`, `network`, `disk`, `random` | devices, links, cards, chance and virtual time |
//! | [`plan`], `act` | what people do and what goes wrong, as data, and how it is carried out |
//! | [`day`] | draws a random day from a seed |
//! | [`liar`] | an admitted device that lies |
//! | [`planted`] | mistakes on purpose: the test of the tests |
//! | [`oracle`] | judges a run against the truth |
//! | [`mod@run`], [`outcome`], [`trace`] | a whole run: its verdict, its figures, its lines |
//! | [`venue`] | what scenarios do and see, here and with real processes |
//! | [`wire`] | the second tier: the real network code over a simulated UDP socket |

mod act;
pub mod cli;
pub mod day;
mod device;
mod disk;
pub mod liar;
mod network;
pub mod oracle;
pub mod outcome;
pub mod plan;
pub mod planted;
mod random;
pub mod recording;
pub mod report;
pub mod run;
pub mod scenario;
pub mod shrink;
mod simulated;
mod small_event;
pub mod trace;
pub mod venue;
pub mod wire;
mod world;

pub use device::Device;
pub use disk::{Counters, Crash, Ending, Handle, Platter, card_holding, kill_store, open_store};
pub use network::Losses;
pub use plan::Weather;
pub use random::Random;
pub use small_event::{PLACE, cells, score, small_event, small_founding, small_structure};
pub use venue::DeviceNo;
pub use world::{Meeting, World};
