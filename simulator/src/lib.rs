//! The world that lies: a deterministic venue for the real core.
//!
//! Runs any number of [`Replica`](tallyline_proto::replica::Replica)s in one thread under virtual
//! time. Only network, disk, clock and people are simulated; what is tested is the code that
//! ships. The same seed gives the same run.

mod device;
mod disk;
mod network;
mod random;
mod venue;
mod world;

pub use device::Device;
pub use disk::{DiskFailed, MemoryDisk};
pub use network::Weather;
pub use random::Random;
pub use venue::{cells, score, small_structure};
pub use world::{DeviceNo, World};
