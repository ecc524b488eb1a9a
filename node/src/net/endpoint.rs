//! TLS and handshakes on the node's sockets: the doors of the house.
//!
//! Knows how a connection is made and not what it is for. Layer: above `links`, below `hub`.
//!
//! Source: PROTOCOL R-NET-1 (limits), R-TLS-1.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use quinn::crypto::{CryptoError, HmacKey};
use quinn::{
    AsyncUdpSocket, ClientConfig, Connection, ConnectionError, ConnectionId, ConnectionIdGenerator,
    Endpoint, EndpointConfig, IdleTimeout, Incoming, ServerConfig, TimeSource, TransportConfig,
    ValidationTokenConfig, VarInt,
};
use tallyline_keys::DeviceKey;
use tallyline_keys::tls::{self, Expected, Identity};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tracing::debug;

use super::conversation;
use super::hub::{Hub, too_large};
use super::limits::{
    CONNECTION_WINDOW_BYTES, DIAL_STAGGER, DIAL_TIME, HANDSHAKE_SOURCES_MAX, HANDSHAKE_TIME,
    HANDSHAKES_BURST, HANDSHAKES_PER_SECOND, IDLE_TIME, INCOMING_BYTES_MAX, KEEP_ALIVE,
    STREAM_WINDOW_BYTES, STREAMS_MAX,
};
use super::links::{Shared, Way, canonical};
use super::tunnel::{NoTunnel, Tunnel, Tunnels};
use super::{Ground, NetError, Over, Scope};
use crate::entropy;
use crate::security::{Cause, Who};

/// Sets the key of stateless resets apart from every other use of the device's seed.
const RESET_CONTEXT: &str = "tallyline v1 quic stateless reset";

/// The server name that QUIC's interface asks for; it is never sent.
const NO_NAME: &str = "tallyline";

/// Bytes of a connection id: the length that QUIC's libraries use.
const CONNECTION_ID_BYTES: usize = 8;

/// Bytes of the connection id that a dialler makes up: the most that QUIC allows, as its libraries
/// use.
const FIRST_DESTINATION_BYTES: usize = 20;

/// What an error names when the socket itself does not know its address.
const NOWHERE: SocketAddr = SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), 0);

/// The open sockets and what handshakes are made with.
pub(super) struct Doors {
    endpoints: Vec<Endpoint>,
    /// The one whose datagrams go through tunnels.
    tunnelled: Option<(Tunnels, Endpoint)>,
    identity: Identity,
    transport: Arc<TransportConfig>,
}

/// What tunnels are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tunnelling {
    /// There are none.
    No,
    /// This device reaches its cloud through one.
    Dials,
    /// This cloud is reached through them.
    Takes,
}

/// Why nobody was reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Missed {
    /// In words for a log, why the last attempt failed.
    pub(super) why: String,
    /// Whether nobody answered at all, at one address at least, and nobody refused.
    pub(super) silent: bool,
}

/// Counts handshakes of each source address, so that one device cannot keep all others out.
#[derive(Debug, Default)]
struct Throttle {
    buckets: BTreeMap<IpAddr, Bucket>,
}

/// Handshakes that one address may still start, in thousandths.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    thousandths: u64,
    at_ms: u64,
}

/// Signs the resets of connections that this process does not know, with a key that outlives
/// it: a peer learns at once that the node was restarted instead of waiting in silence.
struct ResetKey([u8; 32]);

/// Draws connection ids at random and recognises none as foreign, for the same reason.
#[derive(Debug)]
struct ConnectionIds;

/// Tells QUIC how old a proof of address is; a device's wall clock may jump meanwhile.
struct Uptime(Instant);

impl Doors {
    /// Opens an endpoint on every socket, and one for tunnels if there may be some.
    ///
    /// # Errors
    /// A [`NetError`] that says what to do.
    pub(super) fn open(
        key: &DeviceKey,
        ground: &Ground,
        links: &Shared,
        tunnels: Tunnelling,
    ) -> Result<Self, NetError> {
        let identity = match &ground.provider {
            Some(provider) => Identity::with_provider(key, provider.clone())?,
            None => Identity::new(key)?,
        };
        let transport = Arc::new(transport()?);
        let server = server(&identity, ground, links, &transport)?;
        let open = |socket: Arc<dyn AsyncUdpSocket>, server: Option<ServerConfig>| {
            let address = socket.local_addr();
            let endpoint = Endpoint::new_with_abstract_socket(
                endpoint_config(key)?,
                server,
                socket,
                ground.runtime.clone(),
            );
            endpoint.map_err(|cause| NetError::Listen {
                address: address.unwrap_or(NOWHERE),
                cause,
            })
        };
        let sockets = ground.sockets.iter().cloned();
        let endpoints = sockets.map(|socket| open(socket, Some(server.clone())));
        let endpoints = endpoints.collect::<Result<_, _>>()?;
        let tunnelled = |server| {
            let tunnels = Tunnels::new();
            let endpoint = open(tunnels.socket(), server)?;
            Ok::<_, NetError>((tunnels, endpoint))
        };
        let tunnelled = match tunnels {
            Tunnelling::No => None,
            Tunnelling::Dials => Some(tunnelled(None)?),
            Tunnelling::Takes => Some(tunnelled(Some(server))?),
        };
        Ok(Self {
            endpoints,
            tunnelled,
            identity,
            transport,
        })
    }

    /// Returns the sockets.
    pub(super) fn endpoints(&self) -> &[Endpoint] {
        &self.endpoints
    }

    /// Returns the addresses that the sockets are bound to.
    pub(super) fn local_addresses(&self) -> impl Iterator<Item = SocketAddr> {
        self.endpoints
            .iter()
            .filter_map(|door| door.local_addr().ok())
    }

    /// Returns the port that peers are told: the first socket's.
    pub(super) fn port(&self) -> u16 {
        self.local_addresses()
            .next()
            .map_or(0, |address| address.port())
    }

    /// Returns the endpoint whose datagrams go through tunnels, if there may be some.
    pub(super) fn tunnelled(&self) -> Option<&Endpoint> {
        self.tunnelled.as_ref().map(|(_, endpoint)| endpoint)
    }

    /// Opens a tunnel to whoever is at `address`, which reached this device at `local`.
    ///
    /// # Errors
    /// [`NoTunnel`] if there may be none, or no more.
    pub(super) fn open_tunnel(
        &self,
        address: SocketAddr,
        local: Option<IpAddr>,
    ) -> Result<Tunnel, NoTunnel> {
        let (tunnels, _) = self.tunnelled.as_ref().ok_or(NoTunnel::Closed)?;
        tunnels.open(address, local)
    }

    /// Dials through the tunnel to an address.
    ///
    /// # Errors
    /// Why nobody was reached.
    pub(super) async fn dial_through(
        &self,
        address: SocketAddr,
        expected: &Expected,
    ) -> Result<Connection, Missed> {
        let config = self.client(expected).map_err(Missed::of)?;
        let endpoint = self
            .tunnelled()
            .ok_or_else(|| Missed::of(NoTunnel::Closed))?;
        attempt(endpoint, config, address).await
    }

    /// Dials the addresses of one peer, best first; the first good handshake wins.
    ///
    /// # Errors
    /// Why nobody was reached.
    pub(super) async fn dial(
        &self,
        addresses: &[SocketAddr],
        expected: &Expected,
    ) -> Result<Connection, Missed> {
        let config = self.client(expected).map_err(Missed::of)?;
        let mut attempts = JoinSet::new();
        let mut stagger = std::time::Duration::ZERO;
        for address in addresses {
            let Some(endpoint) = self.endpoint_for(address) else {
                continue;
            };
            let (endpoint, config, address) = (endpoint.clone(), config.clone(), *address);
            attempts.spawn(async move {
                sleep(stagger).await;
                attempt(&endpoint, config, address).await
            });
            stagger += DIAL_STAGGER;
        }
        let (mut silent, mut refused) = (false, false);
        let mut why = String::from("no socket of this device reaches its addresses");
        while let Some(done) = attempts.join_next().await {
            match done {
                Ok(Ok(connection)) => return Ok(connection),
                Ok(Err(missed)) => {
                    silent |= missed.silent;
                    refused |= !missed.silent;
                    why = missed.why;
                }
                Err(error) => why = error.to_string(),
            }
        }
        let silent = silent && !refused;
        Err(Missed { why, silent })
    }

    /// Makes the configuration of one dial.
    fn client(&self, expected: &Expected) -> Result<ClientConfig, NetError> {
        let tls = tls::client_config(&self.identity, expected.clone())?;
        let crypto = QuicClientConfig::try_from(tls).map_err(too_large)?;
        let mut config = ClientConfig::new(Arc::new(crypto));
        config.transport_config(self.transport.clone());
        config.initial_dst_cid_provider(Arc::new(first_destination));
        Ok(config)
    }

    /// Returns a socket that can reach an address.
    fn endpoint_for(&self, address: &SocketAddr) -> Option<&Endpoint> {
        let reaches = |endpoint: &&Endpoint| {
            endpoint.local_addr().is_ok_and(|local| {
                let dual = local.ip() == IpAddr::V6(Ipv6Addr::UNSPECIFIED);
                let same = local.is_ipv4() == address.is_ipv4();
                let loopback = local.ip().is_loopback() == address.ip().is_loopback();
                dual || (same && (loopback || local.ip().is_unspecified()))
            })
        };
        self.endpoints.iter().find(reaches)
    }
}

impl Missed {
    /// Makes one of a fault on this side, or a refusal on the other.
    fn of(why: impl fmt::Display) -> Self {
        Self {
            why: why.to_string(),
            silent: false,
        }
    }
}

impl Throttle {
    /// Takes one handshake from an address' bucket; `false` if it is empty.
    fn takes(&mut self, source: IpAddr, now_ms: u64) -> bool {
        if self.buckets.len() >= HANDSHAKE_SOURCES_MAX {
            let full = |bucket: &Bucket| bucket.now(now_ms) == HANDSHAKES_BURST * 1_000;
            self.buckets.retain(|_, bucket| !full(bucket));
        }
        if self.buckets.len() >= HANDSHAKE_SOURCES_MAX && !self.buckets.contains_key(&source) {
            return false;
        }
        let bucket = self.buckets.entry(source).or_insert(Bucket {
            thousandths: HANDSHAKES_BURST * 1_000,
            at_ms: now_ms,
        });
        let left = bucket.now(now_ms);
        bucket.at_ms = now_ms;
        bucket.thousandths = left.saturating_sub(1_000);
        left >= 1_000
    }
}

impl Bucket {
    /// Returns what is in the bucket, in thousandths.
    fn now(&self, now_ms: u64) -> u64 {
        let grown = now_ms.saturating_sub(self.at_ms) * HANDSHAKES_PER_SECOND;
        (self.thousandths + grown).min(HANDSHAKES_BURST * 1_000)
    }
}

impl HmacKey for ResetKey {
    fn sign(&self, data: &[u8], signature_out: &mut [u8]) {
        let hash = blake3::keyed_hash(&self.0, data);
        for (place, byte) in signature_out.iter_mut().zip(hash.as_bytes()) {
            *place = *byte;
        }
    }

    fn signature_len(&self) -> usize {
        blake3::OUT_LEN
    }

    fn verify(&self, data: &[u8], signature: &[u8]) -> Result<(), CryptoError> {
        let signature = <[u8; blake3::OUT_LEN]>::try_from(signature).map_err(|_| CryptoError)?;
        // Comparing `Hash` values takes constant time; comparing arrays does not.
        if blake3::keyed_hash(&self.0, data) == blake3::Hash::from_bytes(signature) {
            Ok(())
        } else {
            Err(CryptoError)
        }
    }
}

impl ConnectionIdGenerator for ConnectionIds {
    fn generate_cid(&mut self) -> ConnectionId {
        // Without randomness ids repeat and connections fail; TLS would not work either.
        let id: [u8; CONNECTION_ID_BYTES] = entropy::bytes().unwrap_or_default();
        ConnectionId::new(&id)
    }

    fn cid_len(&self) -> usize {
        CONNECTION_ID_BYTES
    }

    fn cid_lifetime(&self) -> Option<std::time::Duration> {
        None
    }
}

impl TimeSource for Uptime {
    fn now(&self) -> SystemTime {
        UNIX_EPOCH + self.0.elapsed()
    }
}

impl fmt::Debug for Doors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let addresses: Vec<_> = self.local_addresses().collect();
        f.debug_tuple("Doors").field(&addresses).finish()
    }
}

/// Answers whoever dials one socket, until it is closed.
pub(super) async fn accept(hub: Arc<Hub>, endpoint: Endpoint, over: Over) {
    let pending = Arc::new(AtomicUsize::new(0));
    let mut throttle = Throttle::default();
    let most = hub.links().lock().most;
    while let Some(incoming) = endpoint.accept().await {
        let waiting = pending.load(Ordering::Relaxed);
        let source = canonical(incoming.remote_address());
        let who = Who::at(source, incoming.remote_address_validated());
        if hub.paused(Scope::All) {
            incoming.refuse();
        } else if waiting >= most.incoming {
            let text = "too many handshakes are under way; one was refused";
            hub.note(Cause::Crowded, who, text);
            incoming.refuse();
        } else if waiting >= most.retry_above && incoming.may_retry() {
            let text = "many handshakes at once; each sender has to prove its address";
            hub.note(Cause::AddressUnproven, who, text);
            // Only the sender of an invented address cannot answer this.
            if incoming.retry().is_err() {
                debug!("a retry was not possible");
            }
        } else if !is_local(&incoming) && !throttle.takes(source.ip(), hub.now_ms()) {
            let text = "one address begins more handshakes than it may; they are not answered";
            hub.note(Cause::TooManyHandshakes, who, text);
            // In silence: the peer tries again by itself, and a refusal would cost a packet.
            incoming.ignore();
        } else {
            pending.fetch_add(1, Ordering::Relaxed);
            hub.spawn(answer(hub.clone(), (incoming, over), pending.clone()));
        }
    }
}

/// Finishes one handshake that a peer began; the connection runs by itself.
async fn answer(hub: Arc<Hub>, (incoming, over): (Incoming, Over), pending: Arc<AtomicUsize>) {
    let local = is_local(&incoming);
    let who = Who::at(canonical(incoming.remote_address()), true);
    let handshake = timeout(HANDSHAKE_TIME, incoming.into_future()).await;
    pending.fetch_sub(1, Ordering::Relaxed);
    match handshake {
        Ok(Ok(connection)) => {
            let way = Way {
                dialled: None,
                pinned: false,
                target: None,
                over,
            };
            hub.converse(conversation::run(hub.clone(), connection, way));
        }
        // This side or the peer refused; what was dropped on the way is no refusal. From here
        // itself comes who dials its own address by mistake.
        Ok(Err(error @ ConnectionError::TransportError(_))) if !local => {
            hub.note(Cause::HandshakeFailed, who, &error.to_string());
        }
        Ok(Err(error)) => debug!(%error, "a handshake failed"),
        Err(_) => {
            // Nobody finished it, so nobody proved the address.
            let who = Who {
                proven: false,
                ..who
            };
            let text = "a handshake was not finished within 5 s";
            hub.note(Cause::HandshakeSlow, who, text);
        }
    }
}

/// Tells whether a handshake comes from this very device.
///
/// Such handshakes are not counted: whoever can send from here needs no connection to do harm,
/// and a whole venue may run on one machine. A network cannot forge it, because a packet from
/// outside with the receiver's own address is dropped by the operating system.
fn is_local(incoming: &Incoming) -> bool {
    let remote = incoming.remote_address().ip().to_canonical();
    let local = incoming.local_ip().map(|ip| ip.to_canonical());
    remote.is_loopback() || local == Some(remote)
}

/// Dials one address.
async fn attempt(
    endpoint: &Endpoint,
    config: ClientConfig,
    address: SocketAddr,
) -> Result<Connection, Missed> {
    let connecting = endpoint.connect_with(config, address, NO_NAME);
    let connecting = connecting.map_err(|error| Missed::of(format!("{address}: {error}")))?;
    match timeout(DIAL_TIME, connecting).await {
        Ok(Ok(connection)) => Ok(connection),
        Ok(Err(error)) => Err(Missed::of(format!("{address}: {error}"))),
        Err(_) => Err(Missed {
            why: format!("{address}: no answer in {} s", DIAL_TIME.as_secs()),
            silent: true,
        }),
    }
}

/// Makes the socket's configuration.
fn endpoint_config(key: &DeviceKey) -> Result<EndpointConfig, NetError> {
    let reset_key = blake3::derive_key(RESET_CONTEXT, key.seed());
    let mut config = EndpointConfig::new(Arc::new(ResetKey(reset_key)));
    config
        .cid_generator(|| Box::new(ConnectionIds))
        .rng_seed(Some(entropy::bytes()?));
    Ok(config)
}

/// Draws the connection id that a dialler makes up for a peer that has not named its own yet.
fn first_destination() -> ConnectionId {
    // Without randomness TLS fails right after this.
    let id: [u8; FIRST_DESTINATION_BYTES] = entropy::bytes().unwrap_or_default();
    ConnectionId::new(&id)
}

/// Makes the configuration of a listener.
fn server(
    identity: &Identity,
    ground: &Ground,
    links: &Shared,
    transport: &Arc<TransportConfig>,
) -> Result<ServerConfig, NetError> {
    let tls = tls::server_config(identity, Arc::new(links.clone()))?;
    let crypto = QuicServerConfig::try_from(tls).map_err(too_large)?;
    let crypto = Arc::new(crypto);
    let mut config = match &ground.token_key {
        Some(key) => ServerConfig::new(crypto, key.clone()),
        None => ServerConfig::with_crypto(crypto),
    };
    let most = links.lock().most;
    let mut tokens = ValidationTokenConfig::default();
    tokens.sent(0);
    config
        .transport_config(transport.clone())
        .time_source(Arc::new(Uptime(Instant::now())))
        .validation_token_config(tokens)
        .max_incoming(most.incoming)
        .incoming_buffer_size(INCOMING_BYTES_MAX)
        .incoming_buffer_size_total(most.incoming_bytes);
    Ok(config)
}

/// Makes what both sides of every connection use.
fn transport() -> Result<TransportConfig, NetError> {
    let mut config = TransportConfig::default();
    config
        .max_concurrent_bidi_streams(VarInt::from_u32(STREAMS_MAX))
        .max_concurrent_uni_streams(VarInt::from_u32(0))
        .stream_receive_window(VarInt::from_u32(STREAM_WINDOW_BYTES))
        .receive_window(VarInt::from_u32(CONNECTION_WINDOW_BYTES))
        .send_window(u64::from(CONNECTION_WINDOW_BYTES))
        .datagram_receive_buffer_size(None)
        .max_idle_timeout(Some(IdleTimeout::try_from(IDLE_TIME).map_err(too_large)?))
        .keep_alive_interval(Some(KEEP_ALIVE))
        // Probes cost 5 KB a connection, and scores are smaller than one packet.
        .mtu_discovery_config(None)
        // Some network cards and phones advertise it and then send nothing.
        .enable_segmentation_offload(false);
    Ok(config)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn one_address_may_start_eight_handshakes_and_then_four_a_second() {
        let mut throttle = Throttle::default();
        let source = IpAddr::from([10, 0, 0, 1]);
        let taken = |throttle: &mut Throttle, now_ms| {
            (0..20).filter(|_| throttle.takes(source, now_ms)).count()
        };
        assert_eq!(taken(&mut throttle, 0), 8, "burst");
        assert_eq!(taken(&mut throttle, 1_000), 4, "one second later");
        assert_eq!(taken(&mut throttle, 60_000), 8, "never more than the burst");
        assert!(
            throttle.takes(IpAddr::from([10, 0, 0, 2]), 60_000),
            "others"
        );
    }

    #[test]
    fn a_flood_of_addresses_is_counted_in_bounded_room() {
        let mut throttle = Throttle::default();
        for source in 0..10_000_u32 {
            throttle.takes(IpAddr::from(Ipv4Addr::from(source)), 0);
        }
        assert_eq!(throttle.buckets.len(), HANDSHAKE_SOURCES_MAX, "bounded");
        assert!(throttle.takes(IpAddr::from([10, 0, 0, 1]), 1_000), "later");
    }

    #[test]
    fn resets_are_signed_with_the_same_key_after_a_restart() {
        let key = ResetKey([7; 32]);
        let mut token = [0; 16];
        let mut again = [0; 16];
        key.sign(b"id", &mut token);
        ResetKey([7; 32]).sign(b"id", &mut again);
        assert_eq!(token, again, "the first 16 bytes");
        let mut whole = [0; blake3::OUT_LEN];
        key.sign(b"id", &mut whole);
        assert!(key.verify(b"id", &whole).is_ok(), "own");
        assert!(key.verify(b"other", &whole).is_err(), "other id");
        assert!(key.verify(b"id", &token).is_err(), "short");
    }
}
