//! Floods: first packets of QUIC from many addresses, handshakes by strangers, random frames.
//!
//! Each runs in a thread of its own until it is ended, at a rate and for a time that are bounded.
//! Layer: above `initial` and `peer`, below the cases.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tallyline_keys::DeviceKey;
use tallyline_simulator::Random;

use super::initial::{Answer, Hand, honest_hello};
use super::multicast::Forgery;
use super::namespace::{ATTACKER, MDNS};
use super::papers::Papers;
use super::peer::{End, Peer};
use super::wait::{DEADLINE, now, until};
use crate::process::Broken;

/// Addresses of this machine that a flood comes from.
const SOURCES: u8 = 32;

/// Largest datagram that a node sends.
const DATAGRAM_BYTES_MAX: usize = 2_048;

/// How long an answer to one first packet may take.
const ANSWER_MAX: Duration = Duration::from_secs(5);

/// Bytes of a handshake that QUIC keeps at most while others before them are missing.
const HELLO_BYTES_MAX: u64 = 16 * 1_024;

/// Pieces of one byte in one packet: what fits.
const CRUMBS_IN_PACKET: usize = 110;

/// Forged devices between two short rests, so that a socket's buffer does not lose most of them.
const AT_ONCE: u32 = 50;

/// A short rest: 5,000 devices a second at most.
const REST: Duration = Duration::from_millis(10);

/// Forged devices between two looks whether the flood is to end.
const FORGERIES_BETWEEN_LOOKS: u32 = 500;

/// First packets that are being sent.
#[derive(Debug)]
pub struct Initials {
    thread: JoinHandle<Result<Sent, Broken>>,
    packets: Arc<AtomicU64>,
}

/// What a flood of first packets came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// Packets sent.
    pub packets: u64,
    /// Of them, answered by the wish for a proof of the address.
    pub retries: u64,
}

/// Strangers that keep connecting.
#[derive(Debug)]
pub struct Strangers {
    threads: Vec<JoinHandle<u64>>,
    ended: Arc<AtomicBool>,
}

/// Devices that are announced and do not exist.
#[derive(Debug)]
pub struct Forgeries {
    thread: JoinHandle<Result<u64, Broken>>,
    ended: Arc<AtomicBool>,
}

impl Initials {
    /// Sends honest first packets of dialls that nobody goes on with, at a rate a second, for a
    /// time, from many addresses of this machine.
    ///
    /// # Errors
    /// If the system gives no sockets.
    pub fn start(to: SocketAddr, rate: u32, time: Duration) -> Result<Self, Broken> {
        let sockets: io::Result<Vec<UdpSocket>> = (2..2 + SOURCES).map(source).collect();
        let sockets = sockets.map_err(Broken::of)?;
        let packets = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&packets);
        let thread = thread::spawn(move || send_all(&sockets, to, (rate, time), &count));
        Ok(Self { thread, packets })
    }

    /// Waits until so many packets were sent.
    ///
    /// # Errors
    /// If they are not in time.
    pub fn until(&self, packets: u64) -> Result<Duration, Broken> {
        until("the flood is in full spate", DEADLINE, || {
            Ok(packets <= self.packets.load(Ordering::Relaxed))
        })
    }

    /// Waits for the end of the flood's time, and says what it came to.
    ///
    /// # Errors
    /// If it failed.
    pub fn over(self) -> Result<Sent, Broken> {
        joined(self.thread)?
    }
}

impl Strangers {
    /// Lets strangers connect again and again, from many addresses of this machine: some say
    /// nothing, some send frames of random bytes.
    ///
    /// # Errors
    /// If the system gives no sockets.
    pub fn start(to: SocketAddr, threads: u8) -> Result<Self, Broken> {
        let ended = Arc::new(AtomicBool::new(false));
        let mut running = Vec::new();
        for number in 0..threads {
            let peer = Peer::at(Ipv4Addr::new(127, 0, 1, 1 + number).into())?;
            let end = Arc::clone(&ended);
            running.push(thread::spawn(move || connect_on(&peer, to, number, &end)));
        }
        Ok(Self {
            threads: running,
            ended,
        })
    }

    /// Ends the flood, and says how many connections it made.
    ///
    /// # Errors
    /// If it failed.
    pub fn end(self) -> Result<u64, Broken> {
        self.ended.store(true, Ordering::Relaxed);
        self.threads.into_iter().map(joined).sum()
    }
}

impl Forgeries {
    /// Announces devices of an event that nobody knows, again and again: thousands a second, each
    /// with a tag that no member would compute.
    pub fn start(mouth: UdpSocket) -> Self {
        let ended = Arc::new(AtomicBool::new(false));
        let end = Arc::clone(&ended);
        let thread = thread::spawn(move || {
            let mut sent = 0_u64;
            for seed in 0.. {
                if end.load(Ordering::Relaxed) {
                    break;
                }
                let key = Random::new(seed).bytes();
                sent += u64::from(announce(&mouth, &key, FORGERIES_BETWEEN_LOOKS, seed)?);
            }
            Ok(sent)
        });
        Self { thread, ended }
    }

    /// Ends the flood, and says how many devices it announced.
    ///
    /// # Errors
    /// If it failed.
    pub fn end(self) -> Result<u64, Broken> {
        self.ended.store(true, Ordering::Relaxed);
        joined(self.thread)?
    }
}

/// Announces devices by mDNS under an event's discovery key, each at a place where nobody is.
///
/// # Errors
/// If the system refuses to send.
pub fn announce(mouth: &UdpSocket, key: &[u8; 16], count: u32, seed: u64) -> Result<u32, Broken> {
    let mut random = Random::new(seed);
    for number in 1..=count {
        let forgery = Forgery {
            instance: format!("{:016x}", random.next_u64()),
            host: format!("{:016x}", random.next_u64()),
            address: ATTACKER,
            port: u16::try_from(random.below(60_000)).unwrap_or_default() + 1_024,
            salt: random.next_u64(),
        };
        let sent = mouth.send_to(&forgery.packet(key), MDNS);
        sent.map_err(Broken::of)?;
        if number % AT_ONCE == 0 {
            thread::park_timeout(REST);
        }
    }
    Ok(count)
}

/// Sends one first packet and returns what comes back.
///
/// # Errors
/// If nothing comes back in time.
pub fn ask(to: SocketAddr, hand: &Hand, packet: &[u8]) -> Result<Answer, Broken> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).map_err(Broken::of)?;
    socket
        .set_read_timeout(Some(ANSWER_MAX))
        .map_err(Broken::of)?;
    socket.send_to(packet, to).map_err(Broken::of)?;
    let mut buffer = [0; DATAGRAM_BYTES_MAX];
    let (length, _) = socket.recv_from(&mut buffer).map_err(Broken::of)?;
    Ok(hand.read(buffer.get(..length).unwrap_or_default()))
}

/// Sends every second byte of a handshake, each in a piece of its own, the last ones first, as far
/// as QUIC keeps them. Returns how many packets that took.
///
/// # Errors
/// If the system refuses to send.
pub fn crumble(to: SocketAddr, hand: &Hand) -> Result<u32, Broken> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).map_err(Broken::of)?;
    let places: Vec<u64> = (1..HELLO_BYTES_MAX).step_by(2).collect();
    let mut packets = 0;
    for some in places.rchunks(CRUMBS_IN_PACKET) {
        let pieces: Vec<(u64, &[u8])> = some.iter().rev().map(|at| (*at, &[1][..])).collect();
        let packet = hand.packet(packets, &pieces)?;
        socket.send_to(&packet, to).map_err(Broken::of)?;
        packets += 1;
    }
    Ok(packets)
}

fn send_all(
    sockets: &[UdpSocket],
    to: SocketAddr,
    (rate, time): (u32, Duration),
    count: &AtomicU64,
) -> Result<Sent, Broken> {
    let begin = now();
    let mut sent = Sent::default();
    let mut buffer = [0; DATAGRAM_BYTES_MAX];
    for (number, socket) in (0_u64..).zip(sockets.iter().cycle()) {
        let due = Duration::from_secs(number) / rate;
        if time < due {
            break;
        }
        while let Some(early) = due.checked_sub(begin.elapsed()).filter(|it| !it.is_zero()) {
            thread::park_timeout(early);
        }
        let hand = Hand::of(number);
        let packet = hand.packet(0, &[(0, &honest_hello(&hand)?)])?;
        // A full buffer loses a packet of a flood, which is no loss.
        sent.packets += u64::from(socket.send_to(&packet, to).is_ok());
        count.store(sent.packets, Ordering::Relaxed);
        while let Ok((length, _)) = socket.recv_from(&mut buffer) {
            let answer = hand.read(buffer.get(..length).unwrap_or_default());
            sent.retries += u64::from(answer == Answer::Retry);
        }
    }
    Ok(sent)
}

/// Connects as one stranger after the other until it is told to end.
fn connect_on(peer: &Peer, to: SocketAddr, number: u8, ended: &AtomicBool) -> u64 {
    let mut random = Random::new(u64::from(number));
    let mut made = 0;
    while !ended.load(Ordering::Relaxed) {
        let key = DeviceKey::from_seed(random.bytes());
        match peer.dial(to, &key, &Papers::Right) {
            Ok(mut link) => {
                made += 1;
                for _ in 0..16 {
                    let bytes = random.bytes::<64>();
                    if link.frame(&bytes).is_err() {
                        break;
                    }
                }
                link.close();
            }
            Err(End::Code(_) | End::Tls(_) | End::Other(_)) => thread::yield_now(),
        }
    }
    made
}

fn source(number: u8) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind((Ipv4Addr::new(127, 0, 0, number), 0))?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

fn joined<T>(thread: JoinHandle<T>) -> Result<T, Broken> {
    let done = thread.join();
    done.map_err(|_| Broken::new("a flood's thread panicked"))
}
