//! The sockets that HTTP is spoken on: as many connections as the node can hold, and a few for each
//! address.
//!
//! Layer: node, api.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::num::NonZeroU16;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, Sleep, sleep, timeout};

use super::Api;
use crate::root::Mode;

/// Most spectators that a node at a venue streams to at once: a Pi's memory, and its radio.
const STREAMS_MAX_VENUE: u16 = 64;

/// Most spectators that a node in the cloud streams to at once; beyond, they ask for the board.
const STREAMS_MAX_CLOUD: u16 = 4096;

/// Connections for each stream at a venue: its own, and pages that are being read.
const CONNECTIONS_A_STREAM_VENUE: usize = 3;

/// The same in the cloud; what stands before it has a limit of its own.
const CONNECTIONS_A_STREAM_CLOUD: usize = 2;

/// Most connections of one address to a node at a venue: three tabs of a browser with six each.
const ADDRESS_MAX: usize = 18;

/// Which part of its streams a cloud's node gives to one address: a club's house, or the phones behind one
/// address of a provider, take what they need, and one client does not take all of it.
const ADDRESS_PART_CLOUD: usize = 16;

/// Least streams of one address to a cloud's node, however few it has: a club's house.
const ADDRESS_LEAST_CLOUD: usize = 64;

/// Milliseconds after which a client that takes nothing is gone: three signs of life of a stream.
#[cfg(any(target_os = "linux", target_os = "android"))]
const SILENT_MS: u32 = 60_000;

/// How long a connection may say nothing and be told nothing: a browser keeps one it does not need
/// for minutes, and a place is wanted by somebody else. Streams have signs of life; no answer takes
/// so long.
const IDLE_TIME: Duration = Duration::from_secs(90);

/// How long requests that are under way may take when the node ends; streams end at once.
const END_TIME: Duration = Duration::from_secs(5);

/// How many may be connected and streamed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crowd {
    /// Streams of spectators.
    pub(super) streams: usize,
    /// Connections, the streams' included.
    connections: usize,
    /// Connections of one address.
    each: usize,
    /// Streams of one address.
    pub(super) streams_each: usize,
    /// Whether it stands on the internet: a server on the same machine brings everybody, and a house
    /// has a whole /64 of the new addresses.
    on_internet: bool,
}

/// Sockets that listen, before anybody is served.
#[derive(Debug)]
pub struct Door {
    listeners: Vec<TcpListener>,
    addresses: Vec<SocketAddr>,
}

/// An address that cannot be listened on.
#[derive(Debug, Error)]
#[error(
    "{what} cannot be served at {address} ({error}); nothing was changed; correct {flag}, or stop \
     what else listens there"
)]
pub struct ListenError {
    what: &'static str,
    flag: &'static str,
    address: SocketAddr,
    error: io::Error,
}

impl Crowd {
    /// Returns how many suit a mode, or as many as were asked for.
    pub fn of(mode: Mode, spectators: Option<NonZeroU16>) -> Self {
        let asked = |usual: u16| usize::from(spectators.map_or(usual, NonZeroU16::get));
        match mode {
            Mode::Cloud => {
                let streams = asked(STREAMS_MAX_CLOUD);
                let part = streams / ADDRESS_PART_CLOUD;
                let streams_each = part.max(ADDRESS_LEAST_CLOUD).min(streams);
                Self {
                    streams,
                    connections: streams.saturating_mul(CONNECTIONS_A_STREAM_CLOUD),
                    each: streams_each.saturating_mul(CONNECTIONS_A_STREAM_CLOUD),
                    streams_each,
                    on_internet: true,
                }
            }
            Mode::Device | Mode::Gateway => {
                let streams = asked(STREAMS_MAX_VENUE);
                Self {
                    streams,
                    connections: streams.saturating_mul(CONNECTIONS_A_STREAM_VENUE),
                    each: ADDRESS_MAX,
                    // Its connections are few enough.
                    streams_each: streams,
                    on_internet: false,
                }
            }
        }
    }

    /// Returns as what an address is counted; `None`: it is not. At a venue all phones share one /64, so
    /// there each is one.
    pub(super) fn counted(&self, ip: IpAddr) -> Option<IpAddr> {
        match ip.to_canonical() {
            ip if !self.on_internet => Some(ip),
            ip if ip.is_loopback() => None,
            IpAddr::V4(ip) => Some(ip.into()),
            IpAddr::V6(ip) => {
                let [a, b, c, d, ..] = ip.segments();
                Some(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into())
            }
        }
    }
}

impl ListenError {
    /// HTTP has no address.
    fn http(address: SocketAddr, error: io::Error) -> Self {
        Self {
            what: "HTTP",
            flag: "--http",
            address,
            error,
        }
    }

    /// Devices that no UDP gets through to have none.
    pub(super) fn uplink(address: SocketAddr, error: io::Error) -> Self {
        Self {
            what: "the uplink over HTTPS",
            flag: "--fallback",
            address,
            error,
        }
    }
}

/// Listens on addresses; returns the listeners, and where each of them is.
pub(super) async fn bind(
    addresses: &[SocketAddr],
    failed: fn(SocketAddr, io::Error) -> ListenError,
) -> Result<(Vec<TcpListener>, Vec<SocketAddr>), ListenError> {
    let (mut listeners, mut bound) = (Vec::new(), Vec::new());
    for &address in addresses {
        let failed = |error| failed(address, error);
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        bound.push(listener.local_addr().map_err(failed)?);
        listeners.push(listener);
    }
    Ok((listeners, bound))
}

impl Door {
    /// Listens on addresses; none is none. Needs a running tokio runtime.
    ///
    /// # Errors
    ///
    /// [`ListenError`] of the first address that is taken or not the machine's.
    pub async fn open(addresses: &[SocketAddr]) -> Result<Self, ListenError> {
        let (listeners, addresses) = bind(addresses, ListenError::http).await?;
        Ok(Self {
            listeners,
            addresses,
        })
    }

    /// Returns where it listens.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Serves until `stopped` is set, and what is under way then.
    pub async fn serve(self, api: &Api, stopped: watch::Receiver<bool>) {
        let crowd = api.0.parts.crowd;
        let places = Arc::new(Semaphore::new(crowd.connections));
        let held = Arc::new(Addresses::new(crowd.each));
        let mut serving = JoinSet::new();
        for listener in self.listeners {
            let limited = Limited {
                listener,
                crowd,
                places: Arc::clone(&places),
                held: Arc::clone(&held),
            };
            let router = api.router();
            let service = router.into_make_service_with_connect_info::<Peer>();
            let mut told = stopped.clone();
            let end = async move {
                // An error says that whoever could tell is gone, which is an end, too.
                told.wait_for(|stop| *stop).await.ok();
            };
            let mut late = stopped.clone();
            serving.spawn(async move {
                let serve = axum::serve(limited, service).with_graceful_shutdown(end);
                let serve = async move { serve.await.ok() };
                let late = async move {
                    late.wait_for(|stop| *stop).await.ok();
                    sleep(END_TIME).await;
                };
                tokio::select! {
                    _ = serve => {}
                    () = late => tracing::warn!("a client did not take its answer in time"),
                }
            });
        }
        while serving.join_next().await.is_some() {}
    }
}

/// Where a connection comes from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer(pub(super) SocketAddr);

impl Connected<IncomingStream<'_, Limited>> for Peer {
    fn connect_info(stream: IncomingStream<'_, Limited>) -> Self {
        Self(*stream.remote_addr())
    }
}

/// How many connections or streams each address has.
pub(super) struct Addresses {
    each: usize,
    counts: Mutex<BTreeMap<IpAddr, usize>>,
}

/// One connection's or stream's place among those of its address; given back when it is dropped.
pub(super) struct Place {
    address: IpAddr,
    held: Arc<Addresses>,
}

/// A listener that lets in as many as there are places for.
pub(super) struct Limited {
    listener: TcpListener,
    crowd: Crowd,
    places: Arc<Semaphore>,
    held: Arc<Addresses>,
}

/// A connection with its place; given back when it is dropped.
pub(super) struct Placed {
    stream: TcpStream,
    idle: Pin<Box<Sleep>>,
    _place: OwnedSemaphorePermit,
    _each: Option<Place>,
}

impl Addresses {
    /// Counts from nothing; `each` is how many connections one address may have.
    pub(super) fn new(each: usize) -> Self {
        Self {
            each,
            counts: Mutex::default(),
        }
    }
}

impl Place {
    /// Takes a place for a connection of an address, if it has one left.
    pub(super) fn take(held: &Arc<Addresses>, address: IpAddr) -> Option<Self> {
        let mut counts = held.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(address).or_default();
        let fits = *count < held.each;
        fits.then(|| {
            *count = count.saturating_add(1);
            Self {
                address,
                held: Arc::clone(held),
            }
        })
    }
}

impl Placed {
    /// Notes that something went in or out.
    fn live(&mut self) {
        self.idle.as_mut().reset(Instant::now() + IDLE_TIME);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self
            .held
            .counts
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.address) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                counts.remove(&self.address);
            }
        }
    }
}

impl Listener for Limited {
    type Io = Placed;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Placed, SocketAddr) {
        loop {
            let Ok(place) = Arc::clone(&self.places).acquire_owned().await else {
                // The semaphore is never closed.
                std::future::pending::<()>().await;
                continue;
            };
            match self.listener.accept().await {
                Ok((stream, address)) => {
                    let ip = self.crowd.counted(address.ip());
                    let each = ip.map(|ip| Place::take(&self.held, ip));
                    if matches!(each, Some(None)) {
                        tracing::debug!(%address, "too many connections of one address");
                        continue;
                    }
                    end_when_silent(&stream);
                    let placed = Placed {
                        stream,
                        idle: Box::pin(sleep(IDLE_TIME)),
                        _place: place,
                        _each: each.flatten(),
                    };
                    return (placed, address);
                }
                // Out of file descriptors: some client will end; the node goes on.
                Err(error) => {
                    tracing::warn!(%error, "a client could not be let in");
                    timeout(Duration::from_millis(100), std::future::pending::<()>())
                        .await
                        .ok();
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// Has the system end a connection whose other end takes nothing any more: a phone in a pocket says
/// no goodbye, and would hold its place for a quarter of an hour.
fn end_when_silent(stream: &TcpStream) {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    if let Err(error) = rustix::net::sockopt::set_tcp_user_timeout(stream, SILENT_MS) {
        tracing::debug!(%error, "a silent client is noticed late");
    }
}

impl AsyncRead for Placed {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        if read.is_ready() {
            self.live();
        } else if self.idle.as_mut().poll(context).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        read
    }
}

impl AsyncWrite for Placed {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        if written.is_ready() {
            self.live();
        } else if self.idle.as_mut().poll(context).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    #[test]
    fn a_crowd_is_as_large_as_was_asked_for() {
        let venue = Crowd::of(Mode::Gateway, None);
        assert_eq!(
            (venue.streams, venue.connections, venue.each),
            (64, 192, 18)
        );
        let cloud = Crowd::of(Mode::Cloud, None);
        assert_eq!(
            (cloud.streams, cloud.connections, cloud.each),
            (4096, 8192, 512)
        );
        let large = Crowd::of(Mode::Cloud, NonZeroU16::new(10_000));
        assert_eq!((large.streams, large.connections), (10_000, 20_000));
        for (asked, each) in [(1, 1), (100, 64), (4096, 256), (10_000, 625)] {
            let crowd = Crowd::of(Mode::Cloud, NonZeroU16::new(asked));
            assert_eq!(crowd.streams_each, each, "{asked}");
        }
    }

    /// Nobody takes all streams of a cloud's node; who stands before it brings everybody's.
    #[test]
    fn a_house_has_a_part_of_a_clouds_streams() {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let cloud = Crowd::of(Mode::Cloud, NonZeroU16::new(100));
        let held = Arc::new(Addresses::new(cloud.streams_each));
        let take = |text: &str| Place::take(&held, cloud.counted(ip(text)).unwrap());
        let mut places: Vec<Place> = (0..64)
            .map(|at| take(&format!("2001:db8:1:2::{at:x}")).unwrap())
            .collect();
        assert!(take("2001:db8:1:2:ffff::1").is_none(), "the same house");
        assert!(take("2001:db8:1:3::1").is_some(), "another one");
        assert!(take("192.0.2.1").is_some() && take("::ffff:192.0.2.1").is_some());
        places.pop();
        assert!(take("2001:db8:1:2::1").is_some());
        for here in ["127.0.0.1", "::1", "::ffff:127.0.0.1"] {
            assert_eq!(cloud.counted(ip(here)), None, "{here}");
        }
        let venue = Crowd::of(Mode::Gateway, None);
        assert_eq!(venue.counted(ip("fe80::1")), Some(ip("fe80::1")));
        assert_eq!(venue.counted(ip("::ffff:10.0.0.1")), Some(ip("10.0.0.1")));
    }

    /// Time is the test's own and passes when nobody has anything to do.
    #[tokio::test(start_paused = true)]
    async fn a_connection_that_is_idle_ends_and_gives_its_place_back() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let places = Arc::new(Semaphore::new(1));
        let held = Arc::new(Addresses::new(1));
        let mut limited = Limited {
            listener,
            crowd: Crowd::of(Mode::Gateway, None),
            places: Arc::clone(&places),
            held: Arc::clone(&held),
        };
        let client = TcpStream::connect(address).await.unwrap();
        let (mut placed, _) = limited.accept().await;
        assert_eq!(places.available_permits(), 0);
        placed.write_all(b"alive").await.unwrap();
        let error = placed.read_u8().await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        drop(placed);
        assert_eq!(places.available_permits(), 1);
        assert!(held.counts.lock().unwrap().is_empty());
        drop(client);
    }
}
