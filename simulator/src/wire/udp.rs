//! A simulated UDP network below the real QUIC: mailboxes, faults, and a trace of every datagram.
//!
//! A datagram lies in the mailbox of its address until its time has come; what overtakes what
//! follows from drawn delays. Corrupted datagrams are delivered: that nothing of them gets through
//! is QUIC's work. Which addresses reach which is told by cuts, each in one direction.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use quinn::udp::{RecvMeta, Transmit};
use quinn::{AsyncUdpSocket, UdpPoller};
use tokio::time::{Instant, Sleep, sleep_until};

use super::trace::Trace;
use crate::Random;

/// Datagrams that wait for one address, at most: what a socket buffer of the operating system holds.
const MAILBOX_MAX: usize = 512;

/// How bad the network is; chances are of 1,000 datagrams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Weather {
    /// Bursts of losses that begin.
    pub(super) loss_permille: u64,
    /// Longest burst, in datagrams.
    pub(super) burst_max: u64,
    /// Datagrams that arrive twice.
    pub(super) duplicate_permille: u64,
    /// Datagrams of which bits flip on the way.
    pub(super) corrupt_permille: u64,
    /// Shortest and longest way, in ms.
    pub(super) delay_ms: (u64, u64),
    /// Bytes of the largest datagram that passes.
    pub(super) mtu: usize,
}

impl Weather {
    /// A quiet LAN.
    pub(super) const CALM: Self = Self {
        loss_permille: 0,
        burst_max: 1,
        duplicate_permille: 0,
        corrupt_permille: 0,
        delay_ms: (1, 1),
        mtu: 1_500,
    };

    /// A full field with one access point.
    pub(super) const ROUGH: Self = Self {
        loss_permille: 10,
        burst_max: 6,
        duplicate_permille: 10,
        corrupt_permille: 5,
        delay_ms: (1, 40),
        mtu: 1_500,
    };

    /// A thunderstorm: every fourth datagram is lost, and large ones never arrive.
    pub(super) const STORM: Self = Self {
        loss_permille: 70,
        burst_max: 8,
        duplicate_permille: 50,
        corrupt_permille: 40,
        delay_ms: (5, 250),
        mtu: 1_200,
    };
}

/// The network; copies are the same one.
#[derive(Clone)]
pub(super) struct Ether(Arc<Mutex<State>>);

struct State {
    random: Random,
    start: Instant,
    weather: Weather,
    cuts: BTreeSet<(IpAddr, IpAddr)>,
    mailboxes: BTreeMap<SocketAddr, Mailbox>,
    bursts: BTreeMap<(SocketAddr, SocketAddr), u64>,
    sequence: u64,
    figures: Figures,
    trace: Trace,
}

/// What was sent so far.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Figures {
    /// Datagrams that were sent.
    pub(super) datagrams: u64,
    /// Their bytes of UDP payload.
    pub(super) bytes: u64,
    /// Bytes of the largest one.
    pub(super) largest: usize,
}

/// What lies at one address, by the time of delivery and the order of sending.
#[derive(Default)]
struct Mailbox {
    due: BTreeMap<(u64, u64), (SocketAddr, Vec<u8>)>,
    waker: Option<Waker>,
}

/// One simulated socket; it can be moved to another address and unplugged.
pub(super) struct Socket {
    ether: Ether,
    address: Mutex<Option<SocketAddr>>,
    last: SocketAddr,
    timer: Mutex<Pin<Box<Sleep>>>,
}

/// A socket that takes everything at once.
#[derive(Debug)]
struct Writable;

impl Ether {
    /// Makes a network in a runtime.
    pub(super) fn new(seed: u64, weather: Weather, trace: Trace) -> Self {
        Self(Arc::new(Mutex::new(State {
            random: Random::stream(seed, "wire network"),
            start: Instant::now(),
            weather,
            cuts: BTreeSet::new(),
            mailboxes: BTreeMap::new(),
            bursts: BTreeMap::new(),
            sequence: 0,
            figures: Figures::default(),
            trace,
        })))
    }

    /// Opens a socket at an address that nobody has.
    pub(super) fn bind(&self, address: SocketAddr) -> Arc<Socket> {
        self.with(|state| state.mailboxes.insert(address, Mailbox::default()));
        Arc::new(Socket {
            ether: self.clone(),
            address: Mutex::new(Some(address)),
            last: address,
            timer: Mutex::new(Box::pin(sleep_until(Instant::now()))),
        })
    }

    /// Sets how bad the network is.
    pub(super) fn set_weather(&self, weather: Weather) {
        self.with(|state| state.weather = weather);
    }

    /// Replaces the cuts: whatever goes from the first to the second address of one is lost.
    pub(super) fn set_cuts(&self, cuts: BTreeSet<(IpAddr, IpAddr)>) {
        self.with(|state| state.cuts = cuts);
    }

    /// Tells whether datagrams get from one address to the other.
    pub(super) fn reaches(&self, from: IpAddr, to: IpAddr) -> bool {
        self.with(|state| !state.cuts.contains(&(from, to)))
    }

    /// Returns what was sent so far.
    pub(super) fn figures(&self) -> Figures {
        self.with(|state| state.figures)
    }

    fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl State {
    fn now_ms(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Takes one datagram on its way, whatever becomes of it.
    fn send(&mut self, from: SocketAddr, to: SocketAddr, bytes: &[u8]) {
        self.figures.datagrams += 1;
        self.figures.bytes += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.figures.largest = self.figures.largest.max(bytes.len());
        let fate = self.fate(from, to, bytes.len());
        if let Some(lost) = fate {
            self.tell((from, to), bytes, lost, 0);
            return;
        }
        let copies = if self.random.chance(self.weather.duplicate_permille) {
            self.trace.count("datagram-duplicated");
            2
        } else {
            1
        };
        for _ in 0..copies {
            let mut bytes = bytes.to_vec();
            let fate = if self.random.chance(self.weather.corrupt_permille) {
                self.corrupt(&mut bytes);
                "datagram-corrupted"
            } else {
                "sent"
            };
            let (least, most) = self.weather.delay_ms;
            let delay_ms = self.random.between(least, most);
            self.tell((from, to), &bytes, fate, delay_ms);
            self.put(from, to, delay_ms, bytes);
        }
    }

    /// Decides whether a datagram is lost, and by what.
    fn fate(&mut self, from: SocketAddr, to: SocketAddr, length: usize) -> Option<&'static str> {
        let left = self.bursts.entry((from, to)).or_insert(0);
        if 0 < *left {
            *left -= 1;
            return Some("datagram-lost");
        }
        if self.random.chance(self.weather.loss_permille) {
            *left = self.random.below(self.weather.burst_max);
            return Some("datagram-lost");
        }
        if self.cuts.contains(&(from.ip(), to.ip())) {
            return Some("datagram-cut");
        }
        if self.weather.mtu < length {
            return Some("datagram-too-large");
        }
        None
    }

    /// Turns one to three bits around.
    fn corrupt(&mut self, bytes: &mut [u8]) {
        for _ in 0..self.random.between(1, 3) {
            let length = u64::try_from(bytes.len()).unwrap_or(1);
            let place = usize::try_from(self.random.below(length)).unwrap_or(0);
            let bit = self.random.below(8);
            if let Some(byte) = bytes.get_mut(place) {
                *byte ^= 1 << bit;
            }
        }
    }

    /// Puts a datagram into its mailbox; where nobody listens, it is gone.
    fn put(&mut self, from: SocketAddr, to: SocketAddr, delay_ms: u64, bytes: Vec<u8>) {
        let at_ms = self.now_ms() + delay_ms;
        self.sequence += 1;
        let Some(mailbox) = self.mailboxes.get_mut(&to) else {
            self.trace.count("datagram-to-nobody");
            return;
        };
        if MAILBOX_MAX <= mailbox.due.len() {
            self.trace.count("datagram-no-room");
            return;
        }
        mailbox.due.insert((at_ms, self.sequence), (from, bytes));
        if let Some(waker) = mailbox.waker.take() {
            waker.wake();
        }
    }

    fn tell(
        &self,
        (from, to): (SocketAddr, SocketAddr),
        bytes: &[u8],
        fate: &'static str,
        delay_ms: u64,
    ) {
        if fate != "sent" {
            self.trace.count(fate);
        }
        let ends = format!("{from} > {to} {fate} {delay_ms}");
        self.trace.note(&[ends.as_bytes(), bytes], || {
            let hash = blake3::hash(bytes).to_hex();
            let short: String = hash.chars().take(8).collect();
            format!(
                "udp {from} > {to}  {:>4} B  {fate} {delay_ms} ms  {short}",
                bytes.len()
            )
        });
    }
}

impl Socket {
    /// Moves the socket to another address: a phone that got a new lease.
    pub(super) fn move_to(&self, address: SocketAddr) {
        let mut own = self.address.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(old) = own.replace(address) else {
            *own = None;
            return;
        };
        self.ether.with(|state| {
            let waker = state.mailboxes.remove(&old).and_then(|it| it.waker);
            let mailbox = Mailbox {
                waker,
                ..Mailbox::default()
            };
            state.mailboxes.insert(address, mailbox);
        });
    }

    /// Unplugs the socket for ever: the process is gone.
    pub(super) fn unplug(&self) {
        let mut own = self.address.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(address) = own.take() {
            self.ether.with(|state| state.mailboxes.remove(&address));
        }
    }

    fn address(&self) -> Option<SocketAddr> {
        *self.address.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes what is due, or says when something will be; `None` is "not now".
    fn take(
        &self,
        address: SocketAddr,
        waker: &Waker,
        (bufs, meta): (&mut [IoSliceMut<'_>], &mut [RecvMeta]),
    ) -> Result<usize, Option<Instant>> {
        self.ether.with(|state| {
            let (start, now_ms) = (state.start, state.now_ms());
            let mailbox = state.mailboxes.get_mut(&address).ok_or(None)?;
            let mut taken = 0;
            for (buf, meta) in bufs.iter_mut().zip(meta.iter_mut()) {
                let Some(first) = mailbox.due.first_entry() else {
                    break;
                };
                if now_ms < first.key().0 {
                    break;
                }
                let (from, bytes) = first.remove();
                let room = buf.len().min(bytes.len());
                for (to, byte) in buf.iter_mut().zip(&bytes) {
                    *to = *byte;
                }
                *meta = RecvMeta {
                    addr: from,
                    len: room,
                    stride: room,
                    ecn: None,
                    dst_ip: Some(address.ip()),
                };
                taken += 1;
            }
            if 0 < taken {
                return Ok(taken);
            }
            mailbox.waker = Some(waker.clone());
            let next_ms = mailbox.due.keys().next().map(|(at_ms, _)| *at_ms);
            Err(next_ms.map(|at_ms| start + Duration::from_millis(at_ms)))
        })
    }
}

impl AsyncUdpSocket for Socket {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        Box::pin(Writable)
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        let Some(from) = self.address() else {
            return Ok(());
        };
        let size = transmit.segment_size.unwrap_or(transmit.contents.len());
        self.ether.with(|state| {
            for bytes in transmit.contents.chunks(size.max(1)) {
                state.send(from, transmit.destination, bytes);
            }
        });
        Ok(())
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        loop {
            let Some(address) = self.address() else {
                return Poll::Pending;
            };
            let next = match self.take(address, cx.waker(), (&mut *bufs, &mut *meta)) {
                Ok(taken) => return Poll::Ready(Ok(taken)),
                Err(None) => return Poll::Pending,
                Err(Some(next)) => next,
            };
            let mut timer = self.timer.lock().unwrap_or_else(PoisonError::into_inner);
            timer.as_mut().reset(next);
            if timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.address().unwrap_or(self.last))
    }
}

impl UdpPoller for Writable {
    fn poll_writable(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Socket").field(&self.address()).finish()
    }
}

impl fmt::Debug for Ether {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Ether").field(&self.figures()).finish()
    }
}
