//! Datagrams that go through something else than UDP, as a socket that QUIC cannot tell from one.
//!
//! Where UDP is stopped, each datagram is one message of a `WebSocket`. QUIC, its TLS with device keys, its
//! limits and everything above stay as they are. This is the socket: it leads what QUIC sends to the
//! tunnel of its address, and what comes out of any tunnel to QUIC. Knows neither HTTP nor what is in a
//! datagram. Layer: below `endpoint`.
//!
//! Source: PROTOCOL R-FALL-1, R-FALL-3, R-FALL-4.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use futures_util::{Sink, SinkExt as _, Stream, StreamExt as _};
use quinn::udp::{RecvMeta, Transmit};
use quinn::{AsyncUdpSocket, UdpPoller};
use thiserror::Error;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::limits::{
    TUNNEL_IDLE_TIME, TUNNEL_QUEUE_MAX, TUNNEL_WRITE_TIME, TUNNELLED_BYTES_MAX, TUNNELS_INBOX_MAX,
    TUNNELS_MAX, TUNNELS_PER_ADDRESS_MAX,
};
use super::links::canonical;

/// All tunnels of a node; copies are the same.
#[derive(Clone)]
pub(super) struct Tunnels(Arc<Socket>);

/// One tunnel: its place is free again when it is dropped.
pub struct Tunnel {
    socket: Arc<Socket>,
    address: SocketAddr,
    local: Option<IpAddr>,
    queue: mpsc::Receiver<Vec<u8>>,
}

/// What came through the thing that a tunnel goes through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// A datagram.
    Datagram(Vec<u8>),
    /// Something that keeps the thing itself going.
    Nothing,
    /// Its end, or what no honest peer sends.
    End,
}

/// Why a tunnel is not opened.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum NoTunnel {
    /// This node takes none.
    #[error("this node takes no tunnels")]
    Closed,
    /// There are too many.
    #[error("too many tunnels; try again in a minute")]
    Crowded,
    /// There are too many from its address.
    #[error("too many tunnels from one address; try again in a minute")]
    CrowdedAddress,
}

/// A datagram with where it came from, and the own address it came to.
struct Arrived {
    from: SocketAddr,
    local: Option<IpAddr>,
    bytes: Vec<u8>,
}

/// What QUIC takes for a UDP socket.
struct Socket {
    routes: Mutex<Routes>,
    entrance: mpsc::Sender<Arrived>,
    inbox: Mutex<mpsc::Receiver<Arrived>>,
}

/// Where each address' datagrams go.
#[derive(Default)]
struct Routes {
    queues: BTreeMap<SocketAddr, mpsc::Sender<Vec<u8>>>,
    counts: BTreeMap<IpAddr, usize>,
}

/// A socket that takes everything at once: what finds no room is lost, as on a network.
#[derive(Debug)]
struct Writable;

impl Tunnels {
    /// Makes the socket, without tunnels.
    pub(super) fn new() -> Self {
        let (entrance, inbox) = mpsc::channel(TUNNELS_INBOX_MAX);
        Self(Arc::new(Socket {
            routes: Mutex::default(),
            entrance,
            inbox: Mutex::new(inbox),
        }))
    }

    /// Returns what QUIC takes for a UDP socket.
    pub(super) fn socket(&self) -> Arc<dyn AsyncUdpSocket> {
        self.0.clone()
    }

    /// Opens a tunnel to whoever is at `address`, which reached this device at `local`.
    ///
    /// # Errors
    /// [`NoTunnel`] if there are too many.
    pub(super) fn open(
        &self,
        address: SocketAddr,
        local: Option<IpAddr>,
    ) -> Result<Tunnel, NoTunnel> {
        let address = mapped(address);
        let (sender, queue) = mpsc::channel(TUNNEL_QUEUE_MAX);
        let mut routes = self.0.routes();
        if TUNNELS_MAX <= routes.queues.len() || routes.queues.contains_key(&address) {
            return Err(NoTunnel::Crowded);
        }
        let count = routes.counts.entry(address.ip()).or_default();
        if TUNNELS_PER_ADDRESS_MAX <= *count {
            return Err(NoTunnel::CrowdedAddress);
        }
        *count = count.saturating_add(1);
        routes.queues.insert(address, sender);
        drop(routes);
        Ok(Tunnel {
            socket: Arc::clone(&self.0),
            address,
            local,
            queue,
        })
    }
}

impl Tunnel {
    /// Carries datagrams both ways until either end is over, the far end brings none for 30 s or does
    /// not take one within 10 s, or one comes that is too large.
    pub async fn carry(
        mut self,
        incoming: impl Stream<Item = Arrival> + Send,
        outgoing: impl Sink<Vec<u8>> + Send,
    ) {
        let (mut incoming, mut outgoing) = (pin!(incoming), pin!(outgoing));
        let (socket, address, local) = (Arc::clone(&self.socket), self.address, self.local);
        // Two halves, neither of which waits for the other: both ends may have much to say at once.
        let taken = async {
            loop {
                match timeout(TUNNEL_IDLE_TIME, next_datagram(&mut incoming)).await {
                    Ok(Some(bytes)) => socket.take_in(address, local, bytes),
                    Ok(None) | Err(_) => return,
                }
            }
        };
        let given = async {
            while let Some(bytes) = self.queue.recv().await {
                match timeout(TUNNEL_WRITE_TIME, outgoing.send(bytes)).await {
                    Ok(Ok(())) => {}
                    Ok(Err(_)) | Err(_) => return,
                }
            }
        };
        tokio::select! {
            () = taken => {}
            () = given => {}
        }
        // Without effect if the far end is gone.
        drop(timeout(TUNNEL_WRITE_TIME, outgoing.close()).await);
    }
}

/// Waits for a datagram; `None` is the end of the tunnel.
async fn next_datagram(incoming: &mut (impl Stream<Item = Arrival> + Unpin)) -> Option<Vec<u8>> {
    loop {
        match incoming.next().await? {
            Arrival::Datagram(bytes) if bytes.len() <= TUNNELLED_BYTES_MAX => return Some(bytes),
            Arrival::Nothing => {}
            Arrival::Datagram(_) | Arrival::End => return None,
        }
    }
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        let mut routes = self.socket.routes();
        routes.queues.remove(&self.address);
        let ip = self.address.ip();
        if let Some(count) = routes.counts.get_mut(&ip) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                routes.counts.remove(&ip);
            }
        }
    }
}

impl Socket {
    fn routes(&self) -> std::sync::MutexGuard<'_, Routes> {
        // Every change under the lock leaves the table whole, so a panic elsewhere spoils nothing.
        self.routes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives QUIC a datagram that came out of a tunnel, if there is room.
    fn take_in(&self, from: SocketAddr, local: Option<IpAddr>, bytes: Vec<u8>) {
        // What finds no room is lost, as in a full socket.
        drop(self.entrance.try_send(Arrived { from, local, bytes }));
    }
}

impl AsyncUdpSocket for Socket {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        Box::pin(Writable)
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        let address = mapped(transmit.destination);
        if let Some(queue) = self.routes().queues.get(&address) {
            // As above; nobody is there any more if it is closed.
            drop(queue.try_send(transmit.contents.to_vec()));
        }
        Ok(())
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        let mut inbox = self.inbox.lock().unwrap_or_else(PoisonError::into_inner);
        let mut taken = 0;
        for (buf, meta) in bufs.iter_mut().zip(meta.iter_mut()) {
            let Poll::Ready(Some(arrived)) = inbox.poll_recv(cx) else {
                break;
            };
            let length = arrived.bytes.len().min(buf.len());
            for (to, byte) in buf.iter_mut().zip(&arrived.bytes) {
                *to = *byte;
            }
            *meta = RecvMeta {
                addr: arrived.from,
                len: length,
                stride: length,
                ecn: None,
                dst_ip: arrived.local,
            };
            taken += 1;
        }
        if taken == 0 {
            return Poll::Pending;
        }
        Poll::Ready(Ok(taken))
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        // Of both families, so that QUIC dials either.
        Ok(SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)))
    }

    fn may_fragment(&self) -> bool {
        false
    }
}

impl UdpPoller for Writable {
    fn poll_writable(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl fmt::Debug for Tunnel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Tunnel")
            .field(&canonical(self.address))
            .finish()
    }
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.routes().queues.len();
        f.debug_struct("Socket").field("tunnels", &count).finish()
    }
}

/// Writes an address as QUIC does on a socket of both families.
fn mapped(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) => Ipv4Addr::to_ipv6_mapped(&ip),
        IpAddr::V6(ip) => ip,
    };
    SocketAddr::from((ip, address.port()))
}

#[cfg(test)]
mod tests {
    use futures_util::{sink, stream};

    use super::*;

    fn address(last: u8, port: u16) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, last], port))
    }

    fn arrived(tunnels: &Tunnels) -> usize {
        tunnels.0.inbox.lock().unwrap().len()
    }

    /// Source: PROTOCOL R-FALL-4.
    #[test]
    fn one_address_has_only_so_many_tunnels_and_all_together_too() {
        let tunnels = Tunnels::new();
        let open = |last, port| tunnels.open(address(last, port), None);
        let each = u16::try_from(TUNNELS_PER_ADDRESS_MAX).unwrap();
        let mut held: Vec<_> = (0..each).map(|port| open(1, port).unwrap()).collect();
        assert_eq!(open(1, each).unwrap_err(), NoTunnel::CrowdedAddress);
        held.push(open(2, 0).unwrap());
        assert_eq!(open(2, 0).unwrap_err(), NoTunnel::Crowded, "taken");
        held.remove(0);
        held.push(open(1, each).unwrap());
        for last in 3..=255 {
            held.extend((0..each).map_while(|port| open(last, port).ok()));
        }
        assert_eq!(held.len(), TUNNELS_MAX);
        assert_eq!(open(255, 9_999).unwrap_err(), NoTunnel::Crowded);
        held.clear();
        let routes = tunnels.0.routes();
        assert!(routes.queues.is_empty() && routes.counts.is_empty());
    }

    /// Source: PROTOCOL R-FALL-3.
    #[tokio::test]
    async fn what_is_too_large_ends_a_tunnel_and_what_came_before_it_has_arrived() {
        let tunnels = Tunnels::new();
        let datagram = |bytes| Arrival::Datagram(vec![0; bytes]);
        let incoming = [
            datagram(TUNNELLED_BYTES_MAX),
            Arrival::Nothing,
            datagram(TUNNELLED_BYTES_MAX + 1),
            datagram(1),
        ];
        let tunnel = tunnels.open(address(1, 1), None).unwrap();
        tunnel.carry(stream::iter(incoming), sink::drain()).await;
        assert_eq!(arrived(&tunnels), 1);
        let tunnel = tunnels.open(address(1, 1), None).unwrap();
        let incoming = [datagram(1), Arrival::End, datagram(1)];
        tunnel.carry(stream::iter(incoming), sink::drain()).await;
        assert_eq!(arrived(&tunnels), 2);
    }

    /// Time is the test's own and passes when nobody has anything to do.
    #[tokio::test(start_paused = true)]
    async fn a_tunnel_that_brings_nothing_or_takes_nothing_ends() {
        let tunnels = Tunnels::new();
        let begun = tokio::time::Instant::now();
        let tunnel = tunnels.open(address(1, 1), None).unwrap();
        tunnel.carry(stream::pending(), sink::drain()).await;
        assert_eq!(begun.elapsed(), TUNNEL_IDLE_TIME);
        // Signs of life of the thing that it goes through are none of the tunnel.
        let tunnel = tunnels.open(address(1, 1), None).unwrap();
        let alive = stream::repeat(Arrival::Nothing).then(async |it| {
            tokio::time::sleep(TUNNEL_WRITE_TIME).await;
            it
        });
        tunnel.carry(alive, sink::drain()).await;
        assert!(begun.elapsed() < 3 * TUNNEL_IDLE_TIME);
        let tunnel = tunnels.open(address(1, 1), None).unwrap();
        for _ in 0..2 * TUNNEL_QUEUE_MAX {
            let transmit = Transmit {
                destination: address(1, 1),
                ecn: None,
                contents: &[1],
                segment_size: None,
                src_ip: None,
            };
            tunnels.0.try_send(&transmit).unwrap();
        }
        assert_eq!(tunnel.queue.len(), TUNNEL_QUEUE_MAX, "the others are lost");
        let begun = tokio::time::Instant::now();
        let full = sink::unfold((), async |(), _: Vec<u8>| {
            std::future::pending::<Result<(), ()>>().await
        });
        tunnel.carry(stream::pending(), full).await;
        assert!(begun.elapsed() < TUNNEL_IDLE_TIME);
        assert!(tunnels.0.routes().queues.is_empty());
    }
}
