//! The second, slower tier: the real network code of several nodes over a simulated UDP socket.
//!
//! QUIC, TLS, framing, discovery's table, dialling, driver and store are the node's own; only the
//! socket, the card, the clock and chance are simulated. One thread, virtual time, every random
//! number from the seed: the same seed gives the same bytes in the same order, and so the same
//! trace.
//!
//! | file | what it is |
//! | --- | --- |
//! | `udp` | the network: mailboxes and faults |
//! | `crypto` | real TLS cryptography with seeded chance |
//! | `tasks` | QUIC's tasks of one process |
//! | `watch` | compares what drivers send and are handed |
//! | `device` | one device |
//! | `field` | all devices, who reaches whom, and what must hold |
//! | `day` | what people do and what goes wrong |
//! | `trace` | hash, figures, lines |

mod crypto;
mod day;
mod device;
mod field;
mod tasks;
mod trace;
mod udp;
mod watch;

use std::collections::BTreeMap;

use tallyline::entropy;

/// What a day on the field is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// A quiet LAN: nothing is lost, processes are stopped and started in order.
    Calm,
    /// Every fifth datagram is corrupted, and nothing else goes wrong.
    Corrupt,
    /// Losses in bursts, partitions, one-way links, kills, power cuts, full disks, storms, new
    /// addresses, and internet that comes and goes.
    Faults,
}

/// What is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Virtual minutes during which people score and faults happen; 1 to 600.
    pub minutes: u64,
    /// Tablets beside the owner's device, 1 to 16; the cloud comes on top.
    pub tablets: usize,
    /// What the day is like.
    pub profile: Profile,
    /// Whether two strangers try to get in: one that knows the manifest, one with a used ticket.
    pub strangers: bool,
    /// Whether lines for a person are kept.
    pub lines: bool,
}

/// What came out of one run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// The seed.
    pub seed: u64,
    /// BLAKE3 of everything that happened: equal for equal seeds and options.
    pub trace: [u8; 32],
    /// Virtual time that passed, in ms.
    pub virtual_ms: u64,
    /// How long after the last fault all devices agreed, in ms; `None`: never.
    pub converged_ms: Option<u64>,
    /// How long after the last fault every device showed every entry as safe in the cloud, in ms;
    /// `None`: never.
    pub safe_ms: Option<u64>,
    /// Datagrams that were sent.
    pub datagrams: u64,
    /// Their bytes of UDP payload.
    pub bytes: u64,
    /// Bytes of the largest one.
    pub largest_datagram: usize,
    /// Key agreements of TLS that were completed since everybody was a member: one on each side of
    /// a handshake.
    pub agreements: u64,
    /// Signatures of peers that were verified since everybody was a member: one on each side of a
    /// handshake, unless it was resumed, which must never happen.
    pub verifications: u64,
    /// Peers that drivers were told of, counted on each side.
    pub peers_up: u64,
    /// Frames that drivers were handed.
    pub frames: u64,
    /// Entries that people were told are saved.
    pub saved: u64,
    /// Commands that were refused or failed.
    pub refused: u64,
    /// Entries seen on screens, over all looks.
    pub looked_at: u64,
    /// Entries shown with a copy elsewhere or in the cloud, over all looks.
    pub shown_safe: u64,
    /// What went wrong on purpose or was refused, by kind.
    pub faults: BTreeMap<&'static str, u64>,
    /// What broke; empty: everything held.
    pub violations: Vec<String>,
    /// What happened, for a person; empty unless asked for.
    pub lines: Vec<String>,
}

impl Options {
    /// A short day of four devices and a cloud with everything that can go wrong.
    pub const SHORT_DAY: Self = Self {
        minutes: 20,
        tablets: 3,
        profile: Profile::Faults,
        strangers: false,
        lines: false,
    };
}

/// Runs one day of a seed; nothing outside of it decides about anything in it.
pub fn run(seed: u64, options: Options) -> Outcome {
    let _guard = entropy::seed_this_thread(seed);
    crypto::reset_counts();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build();
    match runtime {
        Ok(runtime) => runtime.block_on(day::live(seed, options)),
        Err(error) => Outcome {
            seed,
            violations: vec![format!("the system gives no runtime: {error}")],
            ..Outcome::default()
        },
    }
}
