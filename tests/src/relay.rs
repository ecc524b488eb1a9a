//! A bad network between two nodes on one machine: a relay for datagrams that drops, repeats,
//! holds back and damages some of them, by a seed, or lets only so many bytes a second through.
//!
//! A node that dials the relay talks to the node behind it; both know each other by the relay's
//! addresses only.

use std::collections::VecDeque;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// How long the relay waits for a datagram before it sends on what it held back.
const HOLD_MAX: Duration = Duration::from_millis(20);

/// Largest datagram.
const DATAGRAM_BYTES_MAX: usize = 65_536;

/// What happens to datagrams, each of 100.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Trouble {
    /// Dropped.
    pub drop: u64,
    /// Sent twice.
    pub repeat: u64,
    /// Held back until others have overtaken it.
    pub hold: u64,
    /// Sent with one bit flipped.
    pub flip: u64,
}

/// What happened to datagrams so far, in both directions.
#[derive(Debug, Default)]
pub struct Counts {
    /// Arrived at the relay.
    pub arrived: AtomicU64,
    /// Dropped.
    pub dropped: AtomicU64,
    /// Sent twice.
    pub repeated: AtomicU64,
    /// Held back until others had overtaken it.
    pub held: AtomicU64,
    /// Sent with one bit flipped.
    pub flipped: AtomicU64,
}

/// A relay in front of one node; ends when it is dropped.
#[derive(Debug)]
pub struct Relay {
    address: SocketAddr,
    counts: Arc<Counts>,
    pace: Arc<AtomicU64>,
    ended: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

/// One direction of a relay.
struct Lane {
    from: Arc<UdpSocket>,
    to: Arc<UdpSocket>,
    /// The dialler's address: learned on the way in, used on the way back.
    dialler: Arc<Mutex<Option<SocketAddr>>>,
    /// The node behind the relay; `None` on the way back.
    node: Option<SocketAddr>,
    trouble: Trouble,
    chance: Chance,
    held: VecDeque<Vec<u8>>,
    counts: Arc<Counts>,
    /// Most bytes a second; 0: as many as come.
    pace: Arc<AtomicU64>,
}

/// Random numbers that a seed fixes (`SplitMix64`).
struct Chance(u64);

impl Relay {
    /// Starts a relay on a free port of this machine in front of a node.
    ///
    /// # Errors
    /// If the system gives no socket.
    pub fn start(node: SocketAddr, trouble: Trouble, seed: u64) -> io::Result<Self> {
        let front = socket()?;
        let back = socket()?;
        let address = front.local_addr()?;
        let counts = Arc::new(Counts::default());
        let pace = Arc::new(AtomicU64::new(0));
        let ended = Arc::new(AtomicBool::new(false));
        let dialler = Arc::new(Mutex::new(None));
        let lane = |from: &Arc<UdpSocket>, to: &Arc<UdpSocket>, node, seed| Lane {
            from: Arc::clone(from),
            to: Arc::clone(to),
            dialler: Arc::clone(&dialler),
            node,
            trouble,
            chance: Chance(seed),
            held: VecDeque::new(),
            counts: Arc::clone(&counts),
            pace: Arc::clone(&pace),
        };
        let lanes = [
            lane(&front, &back, Some(node), seed),
            lane(&back, &front, None, seed ^ 1),
        ];
        let threads = lanes
            .map(|mut lane| {
                let ended = Arc::clone(&ended);
                thread::spawn(move || lane.carry(&ended))
            })
            .into();
        Ok(Self {
            address,
            counts,
            pace,
            ended,
            threads,
        })
    }

    /// Returns where the relay is dialled.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Lets at most so many bytes a second through in each direction from here on, as a slow link does:
    /// what comes faster waits, and is lost where too much waits. 0: as many as come.
    pub fn pace(&self, bytes_per_second: u64) {
        self.pace.store(bytes_per_second, Ordering::Relaxed);
    }

    /// Returns what happened so far.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            // A panic of the thread has been printed already.
            drop(thread.join());
        }
    }
}

impl Lane {
    /// Carries datagrams until the relay ends.
    fn carry(&mut self, ended: &AtomicBool) {
        let mut buffer = vec![0; DATAGRAM_BYTES_MAX];
        while !ended.load(Ordering::Relaxed) {
            match self.from.recv_from(&mut buffer) {
                Ok((length, sender)) => {
                    if self.node.is_some() {
                        *self.dialler.lock().unwrap_or_else(PoisonError::into_inner) = Some(sender);
                    }
                    let bytes = buffer.get(..length).unwrap_or_default().to_vec();
                    self.pass(bytes);
                }
                // Nothing came for a while: nobody is left to overtake what is held.
                Err(_) => self.send_held(),
            }
        }
    }

    fn pass(&mut self, mut bytes: Vec<u8>) {
        note(&self.counts.arrived);
        if self.chance.hits(self.trouble.drop) {
            return note(&self.counts.dropped);
        }
        if self.chance.hits(self.trouble.flip) {
            note(&self.counts.flipped);
            let bit = self.chance.below(8);
            let place = self.chance.below(bytes.len());
            if let Some(byte) = bytes.get_mut(place) {
                *byte ^= 1 << bit;
            }
        }
        if self.chance.hits(self.trouble.hold) {
            note(&self.counts.held);
            self.held.push_back(bytes);
            return;
        }
        self.send(&bytes);
        if self.chance.hits(self.trouble.repeat) {
            note(&self.counts.repeated);
            self.send(&bytes);
        }
        if self.chance.hits(50) {
            self.send_held();
        }
    }

    /// Sends what was held back, the newest first.
    fn send_held(&mut self) {
        while let Some(bytes) = self.held.pop_back() {
            self.send(&bytes);
        }
    }

    fn send(&self, bytes: &[u8]) {
        self.take_time(bytes.len());
        let dialler = *self.dialler.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(address) = self.node.or(dialler) {
            // A datagram that cannot be sent is lost, as on any network.
            drop(self.to.send_to(bytes, address));
        }
    }

    /// Takes as long as the link needs for so many bytes.
    fn take_time(&self, length: usize) {
        let nanos = u64::try_from(length).unwrap_or(u64::MAX);
        let nanos = nanos.saturating_mul(1_000_000_000);
        let pace = self.pace.load(Ordering::Relaxed);
        if let Some(nanos) = nanos.checked_div(pace) {
            thread::park_timeout(Duration::from_nanos(nanos));
        }
    }
}

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Returns true so many times of 100.
    fn hits(&mut self, of_100: u64) -> bool {
        self.next() % 100 < of_100
    }

    fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound).unwrap_or(u64::MAX).max(1);
        usize::try_from(self.next() % bound).unwrap_or_default()
    }
}

fn socket() -> io::Result<Arc<UdpSocket>> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    socket.set_read_timeout(Some(HOLD_MAX))?;
    Ok(Arc::new(socket))
}

fn note(count: &AtomicU64) {
    count.fetch_add(1, Ordering::Relaxed);
}
