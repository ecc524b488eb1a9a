//! What the network stands on: sockets, timers and chance, of the operating system or simulated.
//!
//! Everything above is the same code in a real venue and in a simulated one. Layer: below
//! `endpoint`.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;

use quinn::crypto::HandshakeTokenKey;
use quinn::{AsyncUdpSocket, Runtime, TokioRuntime};
use rustls::crypto::CryptoProvider;
use tokio::sync::mpsc;

use super::links::canonical;
use super::{NetError, Sighting};

/// What the network stands on. A node uses `Ground::of_system`; a simulation brings its own.
pub struct Ground {
    /// At least one socket; peers are told the first one's port.
    pub sockets: Vec<Arc<dyn AsyncUdpSocket>>,
    /// Timers and tasks of QUIC.
    pub runtime: Arc<dyn Runtime>,
    /// Cryptography of TLS, of which only Ed25519 signatures are used; `None` is ring.
    pub provider: Option<CryptoProvider>,
    /// Seals the proofs of address that diallers carry back; `None` draws a key.
    pub token_key: Option<Arc<dyn HandshakeTokenKey>>,
    /// A source of discovery beside mDNS and the configuration.
    pub sightings: Option<mpsc::Receiver<Sighting>>,
}

impl Ground {
    /// Binds sockets of the operating system to `listen`; empty is every address, on `port` if it
    /// is free.
    ///
    /// # Errors
    /// A [`NetError`] that says what to do.
    pub(super) fn of_system(listen: &[SocketAddr], port: Option<u16>) -> Result<Self, NetError> {
        let bound = if listen.is_empty() {
            vec![anywhere(port)?]
        } else {
            let bound = listen.iter().map(|address| bind(*address));
            bound.collect::<Result<_, _>>()?
        };
        let runtime = Arc::new(TokioRuntime);
        let sockets = bound.into_iter().map(|(address, socket)| {
            let wrapped = runtime.wrap_udp_socket(socket);
            wrapped.map_err(|cause| NetError::Listen { address, cause })
        });
        Ok(Self {
            sockets: sockets.collect::<Result<_, _>>()?,
            runtime: runtime.clone(),
            provider: None,
            token_key: None,
            sightings: None,
        })
    }
}

impl fmt::Debug for Ground {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ground")
            .field("sockets", &self.sockets)
            .field("runtime", &self.runtime)
            .finish_non_exhaustive()
    }
}

/// Binds a socket to every address of this device: on the given port, or else on any.
fn anywhere(port: Option<u16>) -> Result<(SocketAddr, UdpSocket), NetError> {
    let every = |port| {
        [
            SocketAddr::from((Ipv6Addr::UNSPECIFIED, port)),
            SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)),
        ]
    };
    // IPv4 alone is the second choice, for systems that have no IPv6.
    let again = port.into_iter().flat_map(every);
    for address in again {
        if let Ok(bound) = bind(address) {
            return Ok(bound);
        }
    }
    let [dual, v4] = every(0);
    bind(dual).or_else(|_| bind(v4))
}

/// Binds one socket.
fn bind(address: SocketAddr) -> Result<(SocketAddr, UdpSocket), NetError> {
    let socket = UdpSocket::bind(address).map_err(|cause| {
        if cause.kind() == io::ErrorKind::AddrInUse {
            NetError::PortTaken(address)
        } else {
            NetError::Listen { address, cause }
        }
    })?;
    Ok((canonical(address), socket))
}
