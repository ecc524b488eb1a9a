//! Connections to other devices: QUIC, discovery, the uplink to the cloud.
//!
//! Dumb bounded pipes: frames go from a connection to the driver and back, and nothing in here
//! knows what a frame says, who may write what, or what a score is. Who may connect is told by
//! [`Notice::Members`]. Layer: node, above `driver`'s contract, below `node`.
//!
//! | file | what it is |
//! | --- | --- |
//! | `limits` | every bound with its reason |
//! | `framing` | frames on a stream |
//! | `discovery` | places to dial, from any source |
//! | `mdns` | announcing this device and browsing for others; `mdns/hearsay` tries it without a network |
//! | `links` | connections: who may stay |
//! | `rivals` | which of two connections with one key goes, and when it is a clone's |
//! | `barred` | keys that are refused for a while |
//! | `endpoint` | TLS and handshakes on sockets |
//! | `ground` | where sockets, timers and chance come from |
//! | `conversation` | one connection from its handshake to its end |
//! | `dial` | the supervisor that dials what is due |
//! | `uplink` | the one connection to the cloud |
//! | `fallback` | the cloud over HTTPS, where no UDP gets through |
//! | `tunnel` | datagrams through something else than UDP, as a socket |
//! | `side` | streams beside the frames, for media |
//! | `memory` | port and addresses kept from one start to the next |
//! | `hub` | what all of them share |

mod barred;
mod conversation;
mod dial;
mod discovery;
mod endpoint;
mod fallback;
mod framing;
mod ground;
mod hub;
mod limits;
mod links;
mod mdns;
mod memory;
mod rivals;
mod side;
mod tunnel;
mod uplink;

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;
use tallyline_keys::tls::SetupError;
use tallyline_keys::{DeviceKey, PublicKey};
use tallyline_proto::replica::{Input, Notice, PeerId, Reason, Ticket};
use thiserror::Error;
use tokio::sync::mpsc;

use crate::driver::{Driver, Link};
use crate::entropy::EntropyError;
use crate::root::Mode;
use crate::security::{self, Cause, Who};

use self::endpoint::{Doors, Tunnelling};
use self::hub::Hub;
use self::links::Ending;
use self::mdns::Mdns;

pub use self::discovery::Sighting;
pub use self::ground::Ground;
pub use self::limits::{
    ADDRESS_REST_MS, ADDRESSES_MAX, CANDIDATES_MAX, TUNNELLED_BYTES_MAX, TUNNELS_MAX,
    TUNNELS_PER_ADDRESS_MAX,
};
pub use self::mdns::{Hearsay, Record};
pub use self::side::{Side, SidePeer, Sides};
pub use self::tunnel::{Arrival, NoTunnel, Tunnel};
pub use self::uplink::Trouble;

/// The port of mDNS (RFC 6762); tests use another one.
pub const MDNS_PORT: u16 = 5353;

/// Where a node is asked over HTTP whether it is itself.
pub const PROBE_PATH: &str = "/api/v1/sync/health";

/// Where a cloud node takes the datagrams of devices that no UDP gets through to.
///
/// Source: PROTOCOL R-FALL-3.
pub const UPLINK_PATH: &str = "/api/v1/sync/uplink";

/// Everything the network is told at its start.
#[derive(Debug)]
pub struct NetConfig {
    /// The device's key.
    pub key: Arc<DeviceKey>,
    /// Addresses to listen on; empty is all of them, on the port of the last start if it is free.
    pub listen: Vec<SocketAddr>,
    /// Peers that are dialled whatever discovery says, as `host:port`.
    pub peers: Vec<String>,
    /// Whether this device announces itself and browses by mDNS; the cloud never does.
    pub mdns: bool,
    /// The port of mDNS, [`MDNS_PORT`] outside tests.
    pub mdns_port: u16,
    /// The cloud, for whoever carries entries there.
    pub uplink: Option<Uplink>,
    /// Whether the cloud is tried over HTTPS where no UDP gets through; in the cloud: whether such
    /// devices are taken.
    pub fallback: bool,
    /// What the node is for.
    pub mode: Mode,
    /// File that keeps port and addresses of peers from one start to the next.
    pub memory: Option<PathBuf>,
}

/// Where the cloud is, and who it must be.
#[derive(Clone, Debug)]
pub struct Uplink {
    /// `host:port` of each of its nodes that are known, best first.
    pub addresses: Vec<String>,
    /// Its key; nobody else is talked to at those addresses.
    pub key: PublicKey,
}

/// Which connections are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Every connection.
    All,
    /// Only the uplink.
    Cloud,
}

/// How a link was found. In the order in which a peer known in several ways is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// Announced by mDNS.
    Mdns,
    /// Named in the configuration.
    Static,
    /// Named in a ticket.
    Ticket,
    /// Named by a device that is to be enrolled.
    Called,
    /// The cloud.
    Uplink,
    /// Connected before, at the same address.
    Remembered,
    /// It dialled this device, which knew no way to it.
    Inbound,
}

/// What the datagrams of a connection go over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Over {
    /// UDP.
    #[default]
    Udp,
    /// HTTPS: messages of a `WebSocket`, where no UDP gets through.
    Https,
}

/// How the link to the cloud does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloudLink {
    /// The cloud's `host:port`.
    pub address: String,
    /// What the connection goes over; `None` if there is none.
    pub over: Option<Over>,
    /// Why there was none at the last try.
    pub trouble: Option<Trouble>,
}

/// One connection, for status and figures.
#[derive(Clone, Copy, Debug)]
pub struct LinkInfo {
    /// The connection.
    pub peer: PeerId,
    /// The peer's key.
    pub key: PublicKey,
    /// How it was found; the dialler knows, the other side says how it would have found it.
    pub source: Source,
    /// Whether this device dialled. Count links by their dialler's source.
    pub dialled: bool,
    /// The peer's address.
    pub address: SocketAddr,
    /// What it goes over.
    pub over: Over,
    /// Milliseconds since the handshake.
    pub connected_ms: u64,
    /// Round trip time in milliseconds, as QUIC estimates it.
    pub rtt_ms: u64,
    /// Bytes both ways.
    pub traffic: Traffic,
}

/// How mDNS does on this device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MdnsHealth {
    /// Whether this device is announced.
    pub announcing: bool,
    /// Places that others announced and that are kept, at most 128.
    pub candidates: usize,
    /// How often its daemon was started: once, and once more after each end or flood.
    pub starts: u64,
    /// What does not work, if something does not.
    pub fault: Option<String>,
}

/// Two devices that use one key at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CloneAlarm {
    /// The key.
    pub key: PublicKey,
    /// Where the two are.
    pub addresses: (SocketAddr, SocketAddr),
    /// When both were heard last, in milliseconds of [`Net::uptime_ms`].
    pub last_ms: u64,
}

/// Bytes both ways, of one connection or of all since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Traffic {
    /// Frames sent.
    pub frames_sent: u64,
    /// Frames received.
    pub frames_received: u64,
    /// Bytes of frames sent, with their lengths, without QUIC and UDP.
    pub frame_bytes_sent: u64,
    /// Bytes of frames received, with their lengths, without QUIC and UDP.
    pub frame_bytes_received: u64,
    /// Bytes of UDP payload sent: handshakes, acknowledgements and keep-alives included.
    pub udp_bytes_sent: u64,
    /// Bytes of UDP payload received.
    pub udp_bytes_received: u64,
}

/// The driver's mouth, as the network sees it.
pub trait Inlet: Send + Sync + 'static {
    /// Gives one input, waiting while the driver is busy.
    ///
    /// # Errors
    /// [`Deaf`] once the driver takes no inputs any more.
    fn input(&self, input: Input) -> Pin<Box<dyn Future<Output = Result<(), Deaf>> + Send + '_>>;
}

/// The driver takes no inputs any more.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("the node is stopping")]
pub struct Deaf;

/// Why the network cannot be started.
#[derive(Debug, Error)]
pub enum NetError {
    /// Somebody else has the port.
    #[error(
        "UDP port {} is taken by another program, so no peer could reach this node; nothing was \
         changed; stop that program or choose another address with --listen", .0.port()
    )]
    PortTaken(SocketAddr),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {cause}; nothing was changed; choose another --listen")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the operating system says.
        cause: io::Error,
    },
    /// TLS cannot be set up.
    #[error("{0}")]
    Tls(#[from] SetupError),
    /// There are no random numbers.
    #[error("{0}")]
    Entropy(#[from] EntropyError),
    /// A bound of this program does not fit into QUIC.
    #[error("this build's limits do not fit into QUIC; install another build")]
    Limits,
}

/// The network of one node.
pub struct Net {
    hub: Arc<Hub>,
    peers: Vec<String>,
    mdns: Option<u16>,
    sightings: Mutex<Option<mpsc::Receiver<Sighting>>>,
    uplink: Option<Uplink>,
}

impl Net {
    /// Opens the sockets; nobody is accepted or dialled before [`Net::attach`].
    ///
    /// Call it inside a tokio runtime.
    ///
    /// # Errors
    /// A [`NetError`] that says what to do.
    pub fn start(config: NetConfig) -> Result<Self, NetError> {
        let remembered = config
            .memory
            .as_deref()
            .map(memory::load)
            .unwrap_or_default();
        let ground = Ground::of_system(&config.listen, remembered.port)?;
        let net = Self::start_on(config, ground)?;
        net.hub.remember_all(remembered);
        Ok(net)
    }

    /// As [`Net::start`], on sockets, timers and chance of the caller's; `listen` does nothing
    /// then, and what the last start remembered is not read.
    ///
    /// # Errors
    /// A [`NetError`] that says what to do.
    pub fn start_on(config: NetConfig, ground: Ground) -> Result<Self, NetError> {
        let most = match config.mode {
            Mode::Cloud => limits::IN_THE_CLOUD,
            Mode::Device | Mode::Gateway => limits::AT_A_VENUE,
        };
        let links = links::Links::shared(config.key.public(), most);
        let tunnels = match (config.fallback, config.mode) {
            (false, _) => Tunnelling::No,
            (true, Mode::Cloud) => Tunnelling::Takes,
            (true, Mode::Device | Mode::Gateway) => Tunnelling::Dials,
        };
        let doors = Doors::open(&config.key, &ground, &links, tunnels)?;
        let hub = Hub::start(&config, doors, links);
        Ok(Self {
            hub,
            peers: config.peers,
            // Devices reach the cloud through their uplink, never by chance.
            mdns: (config.mdns && config.mode != Mode::Cloud).then_some(config.mdns_port),
            sightings: Mutex::new(ground.sightings),
            uplink: config.uplink,
        })
    }

    /// Begins accepting and dialling; everything that arrives goes to the driver.
    pub fn attach(&self, driver: impl Inlet) {
        let hub = &self.hub;
        if hub.attach(Arc::new(driver)).is_err() {
            return;
        }
        for endpoint in hub.endpoints() {
            hub.spawn(endpoint::accept(hub.clone(), endpoint.clone(), Over::Udp));
        }
        if let Some(endpoint) = hub.doors().tunnelled() {
            // A device's waits in vain: it has no configuration of a listener.
            hub.spawn(endpoint::accept(hub.clone(), endpoint.clone(), Over::Https));
        }
        hub.configure(&self.peers);
        hub.spawn(hub.clone().keep_memory());
        hub.spawn(dial::supervise(hub.clone()));
        if let Some(port) = self.mdns {
            let (mouth, verifier) = (hub.clone(), hub.verifier());
            let alarm = Box::new(move |cause, text: &str| {
                mouth.note(cause, Who::default(), text);
            });
            let mdns = Mdns::new(port, hub.port(), hub.search(), verifier, alarm);
            hub.spawn(dial::follow(hub.clone(), mdns));
        }
        let sightings = &mut *self
            .sightings
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(sightings) = sightings.take() {
            hub.spawn(dial::follow(hub.clone(), sightings));
        }
        if let Some(uplink) = self.uplink.clone() {
            hub.spawn(uplink::keep(hub.clone(), uplink));
        }
    }

    /// Returns the way out, for the driver.
    pub fn link(&self) -> Arc<dyn Link> {
        self.hub.clone()
    }

    /// Adds members and takes others away: for a process that has them of many events. Who is a member
    /// of none any more is a stranger; what it has to do with an event, the event's replica ends.
    pub fn change_members(&self, come: &[PublicKey], gone: &[PublicKey]) {
        self.hub.change_members(come, gone);
    }

    /// Ends connections whose conversations have to begin anew.
    pub fn reset(&self, peers: &[PeerId]) {
        self.hub.reset_some(peers);
    }

    /// Runs something that is aborted when the network ends.
    pub(crate) fn run_beside(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.hub.spawn(task);
    }

    /// Returns every connection on which the peer has spoken.
    pub fn links(&self) -> Vec<LinkInfo> {
        self.hub.infos()
    }

    /// Returns all bytes since the start, ended connections included.
    pub fn traffic(&self) -> Traffic {
        self.hub.traffic()
    }

    /// Returns who was turned away since the start, in the time of [`Net::uptime_ms`].
    pub fn security(&self) -> security::Seen {
        self.hub.links().lock().security.seen()
    }

    /// Returns the devices that were seen to share a key with another one.
    pub fn clones(&self) -> Vec<CloneAlarm> {
        self.hub.links().lock().clones()
    }

    /// Returns how mDNS does; `None` if it is not used.
    pub fn mdns(&self) -> Option<MdnsHealth> {
        self.mdns?;
        let mut health = self.hub.verifier().health();
        health.candidates = self.hub.links().lock().targets.candidates().count();
        Some(health)
    }

    /// Returns how the link to the cloud does that this device carries entries to; `None` if there is
    /// no such cloud.
    pub fn cloud(&self) -> Option<CloudLink> {
        let uplink = self.uplink.as_ref()?;
        let mut links = self.links().into_iter();
        let link = links.find(|link| link.key == uplink.key || link.source == Source::Uplink);
        Some(CloudLink {
            address: uplink.addresses.join(", "),
            over: link.map(|link| link.over),
            trouble: *self.hub.trouble(),
        })
    }

    /// Opens a tunnel for a device that reached this cloud node by something else than UDP, from
    /// `address` at the own address `local`.
    ///
    /// # Errors
    /// [`NoTunnel`] if this node takes none, or no more.
    pub fn open_tunnel(
        &self,
        address: SocketAddr,
        local: Option<IpAddr>,
    ) -> Result<Tunnel, NoTunnel> {
        let opened = self.hub.doors().open_tunnel(address, local);
        if let Err(why @ (NoTunnel::Crowded | NoTunnel::CrowdedAddress)) = opened {
            self.hub
                .note(Cause::Crowded, Who::at(address, true), &why.to_string());
        }
        opened
    }

    /// Returns the addresses that the sockets are bound to, unspecified ones as they are.
    pub fn bound(&self) -> Vec<SocketAddr> {
        self.hub.doors().local_addresses().collect()
    }

    /// Returns the time since the start in milliseconds, on the runtime's clock.
    pub fn uptime_ms(&self) -> u64 {
        self.hub.now_ms()
    }

    /// Drops connections and refuses others until [`Net::resume`]: aeroplane mode.
    pub fn pause(&self, scope: Scope) {
        self.hub.pause(scope);
    }

    /// Ends [`Net::pause`] of the same scope; everybody is dialled at once.
    pub fn resume(&self, scope: Scope) {
        self.hub.resume(scope);
    }

    /// Dials everybody who is not connected at once, the cloud too.
    pub fn hurry(&self) {
        self.hub.hurry();
    }

    /// Lets whoever has an event hand it over, and dials these `host:port`, until this device is a
    /// member: what a cloud that lost its store waits for.
    pub fn seek_event(&self, from: &[String]) {
        self.hub.seek_event(from);
    }

    /// Tells what is paused: every connection, the uplink.
    pub fn paused(&self, scope: Scope) -> bool {
        self.hub.paused(scope)
    }

    /// Returns addresses at which peers may reach this node: at most 8, loopback last.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.hub.addresses()
    }

    /// Begins a join: until this device is a member, only the inviter is dialled; with the ticket of a
    /// card, whoever is found. `None` ends it.
    pub fn joining(&self, ticket: Option<&Ticket>) {
        self.hub.join(ticket);
    }

    /// Ends all tasks where they stand and says nothing to anybody, as the end of the process
    /// would: a simulated device loses its power.
    pub fn abandon(&self) {
        self.hub.abandon();
    }

    /// Says goodbye to everybody and waits until all tasks have ended.
    pub async fn close(&self) {
        self.hub.close().await;
    }
}

impl fmt::Debug for Net {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Net")
            .field("hub", &self.hub)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Mdns => "mdns",
            Self::Static => "static",
            Self::Ticket => "ticket",
            Self::Called => "called",
            Self::Uplink => "uplink",
            Self::Remembered => "remembered",
            Self::Inbound => "inbound",
        })
    }
}

impl fmt::Display for Over {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Udp => "udp",
            Self::Https => "https",
        })
    }
}

impl Traffic {
    /// Adds other traffic to this.
    pub fn add(&mut self, other: &Self) {
        self.frames_sent += other.frames_sent;
        self.frames_received += other.frames_received;
        self.frame_bytes_sent += other.frame_bytes_sent;
        self.frame_bytes_received += other.frame_bytes_received;
        self.udp_bytes_sent += other.udp_bytes_sent;
        self.udp_bytes_received += other.udp_bytes_received;
    }
}

impl Inlet for Driver {
    fn input(&self, input: Input) -> Pin<Box<dyn Future<Output = Result<(), Deaf>> + Send + '_>> {
        Box::pin(async move { Self::input(self, input).await.map_err(|_| Deaf) })
    }
}

impl Link for Hub {
    fn send(&self, peer: PeerId, frame: Vec<u8>) {
        self.send_frame(peer, frame);
    }

    fn close(&self, peer: PeerId, reason: Reason) {
        self.end(peer, Ending::Refused(reason));
    }

    fn notice(&self, notice: &Notice) {
        self.take_notice(notice);
    }

    fn reset(&self) {
        self.begin_anew();
    }

    fn joining(&self, ticket: Option<&Ticket>) {
        self.join(ticket);
    }
}

#[cfg(test)]
mod tests;
