//! The uplink over HTTPS, for devices that no UDP gets through to: on the port number of QUIC, by TCP.
//!
//! Two routes: a signed nonce, which proves that the cloud itself answers, and a `WebSocket` whose messages
//! are the datagrams of QUIC. Nobody is known here and nothing is asked: who may say what is judged inside,
//! by QUIC's own TLS and by the core. So all of this has to be bounded before anybody is known. Layer:
//! node, api.
//!
//! Source: PROTOCOL R-FALL-2, R-FALL-3, R-FALL-4.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::extract::connect_info::Connected;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{ConnectInfo, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use axum::routing::get;
use axum::serve::{IncomingStream, Listener};
use futures_util::{SinkExt as _, StreamExt as _, future};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use tallyline_keys::tls::{Identity, SetupError, outer_server_config};
use tallyline_keys::{DeviceKey, Warrant};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Sleep, sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::ask::json as answer;
use super::codes;
use super::failure::Failure;
use super::gate::origin;
use super::health::{self, ProbeQuery};
use super::listen::{Addresses, ListenError, Place, bind};
use crate::clock::Clock;
use crate::net::{
    Arrival, Net, NoTunnel, PROBE_PATH, TUNNELLED_BYTES_MAX, TUNNELS_MAX, TUNNELS_PER_ADDRESS_MAX,
    Tunnel, UPLINK_PATH,
};
use crate::root::Mode;

/// Most connections beside the tunnels: probes, and handshakes that are under way.
const OTHERS_MAX: usize = 256;

/// Most connections of one address: its tunnels, and half as many that come and go.
const ADDRESS_MAX: usize = TUNNELS_PER_ADDRESS_MAX + TUNNELS_PER_ADDRESS_MAX / 2;

/// Connections of one address that may begin at once: as many as it may have.
const BEGUN_BURST: NonZeroU32 = NonZeroU32::MIN.saturating_add(95);

/// Connections of one address that may begin each second in the long run: a hall full of gateways is back
/// within seconds, and a flood costs less than a percent of a core.
const BEGUN_PER_SECOND: NonZeroU32 = NonZeroU32::MIN.saturating_add(7);

/// Addresses above which those that are not in a hurry are forgotten.
const PACED_MAX: usize = 4_096;

/// How long the outer TLS may take.
const TLS_TIME: Duration = Duration::from_secs(5);

/// How long a connection may be none that carries datagrams: a probe takes under a second.
const ASKING_TIME: Duration = Duration::from_secs(10);

/// Connections whose TLS is done and that wait to be served, at most.
const SECURED_MAX: usize = 16;

/// How long nobody is let in after the system refused: some client ends meanwhile.
const REST_TIME: Duration = Duration::from_millis(100);

/// Seconds after which a device that found no place should come again.
const RETRY_SECONDS: &str = "60";

/// Sockets that listen for devices which no UDP gets through to, before anybody is served.
#[derive(Debug, Default)]
pub struct UplinkDoor {
    listeners: Vec<TcpListener>,
    addresses: Vec<SocketAddr>,
}

/// What devices are answered with.
#[derive(Clone)]
pub struct Uplinks {
    /// The network that the datagrams are for.
    pub net: Arc<Net>,
    /// The node's key: it answers probes.
    pub key: Arc<DeviceKey>,
    /// What makes the key one of the cloud's, if it is not the cloud's own.
    pub warrant: Option<Warrant>,
    /// The time.
    pub clock: Clock,
    /// Set when the node ends: tunnels end with it.
    pub stopped: watch::Receiver<bool>,
}

/// Where a connection comes from, and what became of it.
#[derive(Clone, Debug)]
struct Caller {
    address: SocketAddr,
    local: Option<IpAddr>,
    carries: Arc<AtomicBool>,
}

/// Connections whose TLS is done.
struct Secured {
    ready: mpsc::Receiver<(Shielded, Caller)>,
    address: SocketAddr,
}

/// A connection that ends unless it soon carries datagrams; its place is free again when it is dropped.
struct Shielded {
    stream: TlsStream<TcpStream>,
    until: Pin<Box<Sleep>>,
    carries: Arc<AtomicBool>,
    _places: Places,
}

/// A place among all connections, and one among those of its address unless it is this machine's.
struct Places {
    _all: OwnedSemaphorePermit,
    _each: Option<Place>,
}

/// How fast connections of one address begin: a handshake costs more than a look at who is there.
struct Pace(DefaultKeyedRateLimiter<IpAddr>);

/// What lets connections in.
#[derive(Clone)]
struct Porter {
    tls: TlsAcceptor,
    all: Arc<Semaphore>,
    each: Arc<Addresses>,
    pace: Arc<Pace>,
    ready: mpsc::Sender<(Shielded, Caller)>,
}

impl UplinkDoor {
    /// Listens on addresses; none is none. Needs a running tokio runtime.
    ///
    /// # Errors
    ///
    /// [`ListenError`] of the first address that is taken or not the machine's.
    pub async fn open(addresses: &[SocketAddr]) -> Result<Self, ListenError> {
        let (listeners, addresses) = bind(addresses, ListenError::uplink).await?;
        Ok(Self {
            listeners,
            addresses,
        })
    }

    /// Returns where it listens.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Serves until the node ends.
    ///
    /// # Errors
    ///
    /// [`SetupError`] if this build cannot speak TLS.
    pub async fn serve(self, uplinks: Uplinks) -> Result<(), SetupError> {
        let Some(&address) = self.addresses.first() else {
            return Ok(());
        };
        let tls = outer_server_config(&Identity::new(&uplinks.key)?)?;
        let (ready, secured) = mpsc::channel(SECURED_MAX);
        let porter = Porter {
            tls: TlsAcceptor::from(Arc::new(tls)),
            all: Arc::new(Semaphore::new(TUNNELS_MAX + OTHERS_MAX)),
            each: Arc::new(Addresses::new(ADDRESS_MAX)),
            pace: Arc::default(),
            ready,
        };
        let mut letting_in = JoinSet::new();
        for listener in self.listeners {
            letting_in.spawn(porter.clone().let_in(listener));
        }
        let mut stopped = uplinks.stopped.clone();
        let router = Router::new()
            .route(PROBE_PATH, get(probe))
            .route(UPLINK_PATH, get(uplink))
            .with_state(uplinks);
        let service = router.into_make_service_with_connect_info::<Caller>();
        let listener = Secured {
            ready: secured,
            address,
        };
        let serving = async move { axum::serve(listener, service).await };
        tokio::select! {
            _ = serving => {}
            // An error says that whoever could tell is gone, which is an end, too.
            _ = stopped.wait_for(|stop| *stop) => {}
        }
        letting_in.shutdown().await;
        Ok(())
    }
}

impl Porter {
    /// Lets connections in, as many as there are places for, until it is aborted.
    async fn let_in(self, listener: TcpListener) {
        let mut securing = JoinSet::new();
        loop {
            while securing.try_join_next().is_some() {}
            let Ok(all) = Arc::clone(&self.all).acquire_owned().await else {
                return;
            };
            let (stream, address) = match listener.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "a device could not be let in over HTTPS");
                    sleep(REST_TIME).await;
                    continue;
                }
            };
            let ip = address.ip().to_canonical();
            let Ok(each) = self.place(ip) else {
                tracing::debug!(%ip, "too many connections of one address");
                continue;
            };
            let places = Places {
                _all: all,
                _each: each,
            };
            securing.spawn(self.clone().secure(stream, address, places));
        }
    }

    /// Takes a place for a connection of an address, if it may have one more now. A proxy on this machine
    /// stands for everybody and needs none; its tunnels are counted by who is behind it.
    fn place(&self, ip: IpAddr) -> Result<Option<Place>, NoTunnel> {
        if ip.is_loopback() {
            return Ok(None);
        }
        let place = self.pace.lets(ip).then(|| Place::take(&self.each, ip));
        match place.flatten() {
            Some(place) => Ok(Some(place)),
            None => Err(NoTunnel::CrowdedAddress),
        }
    }

    /// Does the outer handshake, and hands the connection on.
    async fn secure(self, stream: TcpStream, address: SocketAddr, places: Places) {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "small datagrams are sent late");
        }
        let local = stream.local_addr().ok().map(|it| it.ip());
        let Ok(Ok(stream)) = timeout(TLS_TIME, self.tls.accept(stream)).await else {
            return;
        };
        let carries = Arc::new(AtomicBool::new(false));
        let caller = Caller {
            address,
            local,
            carries: Arc::clone(&carries),
        };
        let shielded = Shielded {
            stream,
            until: Box::pin(sleep(ASKING_TIME)),
            carries,
            _places: places,
        };
        // Nobody takes it any more when the node ends.
        self.ready.send((shielded, caller)).await.ok();
    }
}

impl Default for Pace {
    fn default() -> Self {
        let quota = Quota::per_second(BEGUN_PER_SECOND).allow_burst(BEGUN_BURST);
        Self(RateLimiter::dashmap(quota))
    }
}

impl Pace {
    /// Counts one connection of an address; `false` if it is one too many.
    fn lets(&self, ip: IpAddr) -> bool {
        if PACED_MAX < self.0.len() {
            self.0.retain_recent();
        }
        self.0.check_key(&ip).is_ok()
    }
}

/// Says who answers, and signs the asker's nonce: once for each connection, which is paid for by its
/// handshake.
async fn probe(
    State(uplinks): State<Uplinks>,
    Query(query): Query<ProbeQuery>,
) -> Result<Response, Failure> {
    let identity = (&*uplinks.key, uplinks.warrant.as_ref(), Mode::Cloud);
    let told = health::signed(identity, &query, uplinks.clock.now().wall_ms)?;
    let mut answer = answer(&told);
    let close = HeaderValue::from_static("close");
    answer.headers_mut().insert(header::CONNECTION, close);
    Ok(answer)
}

/// Opens a tunnel.
async fn uplink(
    State(uplinks): State<Uplinks>,
    ConnectInfo(caller): ConnectInfo<Caller>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Result<Response, Failure> {
    let ip = origin(caller.address.ip(), &headers);
    let address = SocketAddr::new(ip, caller.address.port());
    let tunnel = uplinks.net.open_tunnel(address, caller.local);
    let tunnel = tunnel.map_err(no_tunnel)?;
    caller.carries.store(true, Ordering::Relaxed);
    let upgrade = upgrade
        .read_buffer_size(8 * TUNNELLED_BYTES_MAX)
        .write_buffer_size(0)
        .max_write_buffer_size(8 * TUNNELLED_BYTES_MAX)
        .max_message_size(TUNNELLED_BYTES_MAX)
        .max_frame_size(TUNNELLED_BYTES_MAX);
    Ok(upgrade.on_upgrade(move |socket| carry(socket, tunnel, uplinks.stopped)))
}

fn no_tunnel(why: NoTunnel) -> Failure {
    let status = match why {
        NoTunnel::CrowdedAddress => StatusCode::TOO_MANY_REQUESTS,
        NoTunnel::Closed | NoTunnel::Crowded => StatusCode::SERVICE_UNAVAILABLE,
    };
    Failure::new(status, codes::TUNNELS_FULL, why.to_string())
        .header(header::RETRY_AFTER, HeaderValue::from_static(RETRY_SECONDS))
}

/// Carries datagrams both ways until either end is over or the node ends.
async fn carry(socket: WebSocket, tunnel: Tunnel, mut stopped: watch::Receiver<bool>) {
    let (sink, stream) = socket.split();
    let incoming = stream.map(|came| match came {
        Ok(Message::Binary(bytes)) => Arrival::Datagram(bytes.into()),
        Ok(Message::Ping(_) | Message::Pong(_)) => Arrival::Nothing,
        Ok(Message::Text(_) | Message::Close(_)) | Err(_) => Arrival::End,
    });
    let outgoing =
        sink.with(|bytes: Vec<u8>| future::ok::<_, axum::Error>(Message::Binary(bytes.into())));
    tokio::select! {
        () = tunnel.carry(incoming, outgoing) => {}
        _ = stopped.wait_for(|stop| *stop) => {}
    }
}

impl Connected<IncomingStream<'_, Secured>> for Caller {
    fn connect_info(stream: IncomingStream<'_, Secured>) -> Self {
        stream.remote_addr().clone()
    }
}

impl Listener for Secured {
    type Io = Shielded;
    type Addr = Caller;

    async fn accept(&mut self) -> (Shielded, Caller) {
        match self.ready.recv().await {
            Some(ready) => ready,
            // The porters are gone, and so is the node in a moment.
            None => future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<Caller> {
        Ok(Caller {
            address: self.address,
            local: None,
            carries: Arc::default(),
        })
    }
}

impl AsyncRead for Shielded {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let carries = self.carries.load(Ordering::Relaxed);
        if !carries && self.until.as_mut().poll(context).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Shielded {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

impl std::fmt::Debug for Uplinks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Uplinks")
            .field("net", &self.net)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Source: PROTOCOL R-FALL-4.
    #[test]
    fn one_address_begins_only_so_many_connections_and_others_are_not_meant() {
        let pace = Pace::default();
        let ip = |last| IpAddr::from([192, 0, 2, last]);
        let begun = (0..1_000).filter(|_| pace.lets(ip(1))).count();
        let burst = usize::try_from(BEGUN_BURST.get()).unwrap();
        assert!((burst..2 * burst).contains(&begun), "{begun}");
        assert!(pace.lets(ip(2)));
    }
}
