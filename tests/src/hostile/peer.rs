//! A peer that can do everything wrong: it dials or listens over QUIC, and puts on the stream
//! whatever bytes it likes.
//!
//! Blocking on the outside: a case says one thing after the other. What the other side sends is read
//! all the time, so that it never waits. Layer: above `papers`, below `venue`.

use std::collections::VecDeque;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use quinn::crypto::rustls::QuicServerConfig;
use quinn::{
    Connection, ConnectionError, Endpoint, RecvStream, SendStream, TransportConfig, VarInt,
};
use rustls::pki_types::CertificateDer;
use tallyline_keys::{DeviceKey, JOIN_EXPORTER_LABEL};
use tallyline_proto::wire::{FRAME_BYTES_MAX, Frame, decode_frame, encode_frame};
use tokio::runtime::Runtime;
use tokio::time::timeout;

use super::papers::{self, Papers};
use super::wait::{DEADLINE, until_some};
use crate::process::Broken;

/// Frames that are kept until a case looks at them; the oldest go first.
const INBOX_FRAMES_MAX: usize = 8_192;

/// How long one send may take: a node that takes nothing any more is a finding, not a wait.
const SEND_MAX: Duration = Duration::from_secs(10);

/// A socket of a liar, and the threads behind it.
pub struct Peer {
    runtime: Arc<Runtime>,
    endpoint: Endpoint,
}

/// One connection with one stream.
pub struct Link {
    runtime: Arc<Runtime>,
    connection: Connection,
    send: SendStream,
    inbox: Arc<Mutex<VecDeque<Frame>>>,
}

/// How a connection ended, as the other side said or as it was noticed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// By the protocol's own code (R-NET-2).
    Code(u64),
    /// By an alert of TLS.
    Tls(u64),
    /// By QUIC itself, or in silence.
    Other(String),
}

impl Peer {
    /// Opens a socket on loopback that dials.
    ///
    /// # Errors
    /// If the system gives no socket.
    pub fn new() -> Result<Self, Broken> {
        Self::at(IpAddr::V4(Ipv4Addr::LOCALHOST))
    }

    /// Opens a socket on an address of this machine that dials.
    ///
    /// # Errors
    /// If the system gives no socket.
    pub fn at(address: IpAddr) -> Result<Self, Broken> {
        let runtime = runtime()?;
        let endpoint = {
            let _inside = runtime.enter();
            Endpoint::client(SocketAddr::new(address, 0)).map_err(Broken::of)?
        };
        Ok(Self { runtime, endpoint })
    }

    /// Opens a socket on loopback that lets everybody in, as the device with this key.
    ///
    /// # Errors
    /// If the system gives no socket.
    pub fn listening(key: &DeviceKey) -> Result<Self, Broken> {
        Self::listening_at(IpAddr::V4(Ipv4Addr::LOCALHOST), key)
    }

    /// Opens a socket on an address that lets everybody in, as the device with this key.
    ///
    /// # Errors
    /// If the system gives no socket.
    pub fn listening_at(address: IpAddr, key: &DeviceKey) -> Result<Self, Broken> {
        let crypto = QuicServerConfig::try_from(papers::listener(key)?).map_err(Broken::of)?;
        let mut config = quinn::ServerConfig::with_crypto(Arc::new(crypto));
        config.transport_config(Arc::new(transport()));
        let runtime = runtime()?;
        let endpoint = {
            let _inside = runtime.enter();
            Endpoint::server(config, SocketAddr::new(address, 0)).map_err(Broken::of)?
        };
        Ok(Self { runtime, endpoint })
    }

    /// Returns where it listens.
    ///
    /// # Errors
    /// If the socket is gone.
    pub fn address(&self) -> Result<SocketAddr, Broken> {
        self.endpoint.local_addr().map_err(Broken::of)
    }

    /// Dials with these papers and opens the one stream.
    ///
    /// # Errors
    /// How the connection ended, if it did so at once.
    pub fn dial(&self, to: SocketAddr, key: &DeviceKey, papers: &Papers) -> Result<Link, End> {
        let connection = self.connect(to, key, papers)?;
        let streams = self.runtime.block_on(connection.open_bi());
        let streams = streams.map_err(End::of)?;
        Ok(self.talk(connection, streams))
    }

    /// Dials with these papers and opens nothing.
    ///
    /// # Errors
    /// How the connection ended, if it did so at once.
    pub fn connect(
        &self,
        to: SocketAddr,
        key: &DeviceKey,
        papers: &Papers,
    ) -> Result<Connection, End> {
        let mut config = papers::dialler(papers, key).map_err(End::broken)?;
        config.transport_config(Arc::new(transport()));
        self.connect_with(to, config)
    }

    /// Dials with a configuration of the caller's and opens nothing.
    ///
    /// # Errors
    /// How the connection ended, if it did so at once.
    pub fn connect_with(
        &self,
        to: SocketAddr,
        config: quinn::ClientConfig,
    ) -> Result<Connection, End> {
        self.runtime.block_on(async {
            let connecting = self.endpoint.connect_with(config, to, "tallyline");
            let connecting = connecting.map_err(End::broken)?;
            match timeout(DEADLINE, connecting).await {
                Ok(connected) => connected.map_err(End::of),
                Err(_) => Err(End::Other("no answer".to_owned())),
            }
        })
    }

    /// Dials until a node takes the stream and says something.
    ///
    /// # Errors
    /// How the connection ended.
    pub fn meet(&self, to: SocketAddr, key: &DeviceKey) -> Result<Link, Broken> {
        let mut link = self.dial(to, key, &Papers::Right).map_err(Broken::of)?;
        link.raw(&[1, u8::MAX])?;
        Ok(link)
    }

    /// Waits until somebody dials and opens the stream.
    ///
    /// # Errors
    /// If nobody does in time.
    pub fn accept(&self) -> Result<Link, Broken> {
        let first = async {
            loop {
                let incoming = self.endpoint.accept().await?;
                let Ok(connection) = incoming.await else {
                    continue;
                };
                if let Ok(streams) = connection.accept_bi().await {
                    return Some((connection, streams));
                }
            }
        };
        let accepted = self
            .runtime
            .block_on(async { timeout(DEADLINE, first).await });
        match accepted {
            Ok(Some((connection, streams))) => Ok(self.talk(connection, streams)),
            Ok(None) | Err(_) => Err(Broken::new("nobody dialled the liar")),
        }
    }

    /// Runs something of QUIC on the liar's own threads.
    pub fn block_on<T>(&self, what: impl Future<Output = T>) -> T {
        self.runtime.block_on(what)
    }

    /// Returns the socket.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    fn talk(&self, connection: Connection, (send, receive): (SendStream, RecvStream)) -> Link {
        let inbox = Arc::new(Mutex::new(VecDeque::new()));
        self.runtime.spawn(hear(receive, Arc::clone(&inbox)));
        Link {
            runtime: Arc::clone(&self.runtime),
            connection,
            send,
            inbox,
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.endpoint.close(VarInt::from_u32(0), b"");
        self.runtime
            .block_on(async { drop(timeout(SEND_MAX, self.endpoint.wait_idle()).await) });
    }
}

impl Link {
    /// Sends a frame as the protocol has it.
    ///
    /// # Errors
    /// If the connection is gone.
    pub fn say(&mut self, frame: &Frame) -> Result<(), Broken> {
        self.frame(&encode_frame(frame))
    }

    /// Sends bytes as one frame, with their length before them.
    ///
    /// # Errors
    /// If the connection is gone.
    pub fn frame(&mut self, bytes: &[u8]) -> Result<(), Broken> {
        let mut framed = Vec::with_capacity(bytes.len() + 5);
        super::bytes::varint(u64::try_from(bytes.len()).unwrap_or(u64::MAX), &mut framed);
        framed.extend_from_slice(bytes);
        self.raw(&framed)
    }

    /// Sends bytes as they are.
    ///
    /// # Errors
    /// If the connection is gone.
    pub fn raw(&mut self, bytes: &[u8]) -> Result<(), Broken> {
        let send = &mut self.send;
        let sent = async { timeout(SEND_MAX, send.write_all(bytes)).await };
        match self.runtime.block_on(sent) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(Broken::new(format!("{error}: {:?}", self.ended()))),
            Err(_) => Err(Broken::new("the node takes no bytes any more")),
        }
    }

    /// Ends the stream where it stands.
    pub fn finish(&mut self) {
        // A stream that is gone already has ended, too.
        drop(self.send.finish());
    }

    /// Takes the next frame that the case can use, and drops those before it.
    ///
    /// # Errors
    /// If none comes in time, or the connection ends before.
    pub fn hear<T>(
        &self,
        what: &str,
        mut take: impl FnMut(&Frame) -> Option<T>,
    ) -> Result<T, Broken> {
        until_some(what, DEADLINE, || {
            match (self.look(&mut take), self.ended()) {
                (Some(taken), _) => Ok(Some(taken)),
                (None, None) => Ok(None),
                (None, Some(end)) => {
                    Err(Broken::new(format!("{what}: the connection ended: {end}")))
                }
            }
        })
    }

    /// Looks through what has come so far, and drops it up to what the case can use.
    pub fn look<T>(&self, mut take: impl FnMut(&Frame) -> Option<T>) -> Option<T> {
        let mut inbox = self.inbox.lock().unwrap_or_else(PoisonError::into_inner);
        std::iter::from_fn(|| inbox.pop_front()).find_map(|frame| take(&frame))
    }

    /// Returns whether the other side said something that no case has looked at.
    pub fn heard(&self) -> bool {
        let inbox = self.inbox.lock().unwrap_or_else(PoisonError::into_inner);
        !inbox.is_empty()
    }

    /// Returns how the connection ended; `None`: it is up.
    pub fn ended(&self) -> Option<End> {
        self.connection.close_reason().map(End::of)
    }

    /// Waits until the other side ends the connection.
    ///
    /// # Errors
    /// If it does not in time.
    pub fn end_within(&self, deadline: Duration) -> Result<End, Broken> {
        until_some(
            "the node ends the connection",
            deadline,
            || Ok(self.ended()),
        )
    }

    /// Returns the connection.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Returns the certificate that the other side showed.
    pub fn certificate(&self) -> Option<CertificateDer<'static>> {
        let identity = self.connection.peer_identity()?;
        let chain = identity.downcast::<Vec<CertificateDer<'static>>>().ok()?;
        chain.first().cloned()
    }

    /// Returns what proofs of an invite are bound to on this connection.
    ///
    /// # Errors
    /// If TLS gives none.
    pub fn exporter(&self) -> Result<[u8; 32], Broken> {
        let mut exporter = [0; 32];
        let exported =
            self.connection
                .export_keying_material(&mut exporter, JOIN_EXPORTER_LABEL, b"");
        exported.map_err(|error| Broken::new(format!("{error:?}")))?;
        Ok(exporter)
    }

    /// Ends the connection.
    pub fn close(&self) {
        self.connection.close(VarInt::from_u32(0), b"");
    }
}

impl End {
    fn of(error: ConnectionError) -> Self {
        match error {
            ConnectionError::ApplicationClosed(close) => Self::Code(close.error_code.into_inner()),
            ConnectionError::ConnectionClosed(close) => match u64::from(close.error_code) {
                alert @ 0x100..0x200 => Self::Tls(alert - 0x100),
                _ => Self::Other(close.to_string()),
            },
            other @ (ConnectionError::VersionMismatch
            | ConnectionError::TransportError(_)
            | ConnectionError::Reset
            | ConnectionError::TimedOut
            | ConnectionError::LocallyClosed
            | ConnectionError::CidsExhausted) => Self::Other(other.to_string()),
        }
    }

    fn broken(error: impl fmt::Display) -> Self {
        Self::Other(error.to_string())
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "closed with code {code}"),
            Self::Tls(alert) => write!(f, "refused by TLS alert {alert}"),
            Self::Other(text) => f.write_str(text),
        }
    }
}

impl fmt::Debug for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Peer").finish_non_exhaustive()
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").finish_non_exhaustive()
    }
}

/// Reads frames until the stream ends.
async fn hear(mut stream: RecvStream, inbox: Arc<Mutex<VecDeque<Frame>>>) {
    while let Some(bytes) = next_frame(&mut stream).await {
        if let Ok(Some(frame)) = decode_frame(&bytes) {
            let mut inbox = inbox.lock().unwrap_or_else(PoisonError::into_inner);
            if inbox.len() == INBOX_FRAMES_MAX {
                inbox.pop_front();
            }
            inbox.push_back(frame);
        }
    }
}

async fn next_frame(stream: &mut RecvStream) -> Option<Vec<u8>> {
    let mut length = 0_usize;
    for shift in [0_u32, 7, 14] {
        let mut byte = [0];
        stream.read_exact(&mut byte).await.ok()?;
        let [byte] = byte;
        length |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            break;
        }
    }
    if FRAME_BYTES_MAX < length {
        return None;
    }
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes).await.ok()?;
    Some(bytes)
}

/// What a liar's side of a connection allows: no bound of its own stands in the way.
fn transport() -> TransportConfig {
    let mut config = TransportConfig::default();
    config
        .keep_alive_interval(Some(Duration::from_secs(2)))
        .mtu_discovery_config(None)
        .enable_segmentation_offload(false);
    config
}

fn runtime() -> Result<Arc<Runtime>, Broken> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build();
    runtime.map(Arc::new).map_err(Broken::of)
}
