//! The cloud over HTTPS, for networks that let no UDP through: is it there, and a tunnel to it.
//!
//! Two questions before anything is carried: does the cloud itself answer, which a signed nonce proves
//! and a captive portal's page does not, and are web sockets let through. Who is really at the other end
//! of the tunnel is proven inside of it, as over UDP. Layer: beside `dial`.
//!
//! Source: PROTOCOL R-FALL-1, R-FALL-2.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use futures_util::stream::FuturesUnordered;
use futures_util::{SinkExt as _, StreamExt as _, future};
use rustls::pki_types::ServerName;
use serde::Deserialize;
use tallyline_keys::tls::outer_client_config;
use tallyline_keys::{PROBE_NONCE_BYTES, PublicKey, Signature, Warrant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{WebSocketStream, client_async_with_config};
use tracing::debug;

use super::limits::{
    GOODBYE_TIME, HTTPS_STEP_TIME, HTTPS_TIME, PROBE_BYTES_MAX, TUNNELLED_BYTES_MAX,
};
use super::tunnel::{Arrival, Tunnel};
use super::{PROBE_PATH, Trouble, UPLINK_PATH};
use crate::entropy;
use crate::root::{hex, unhex};

/// A way to the cloud that UDP is not needed for.
pub(super) struct Opened {
    /// Where the cloud is.
    pub(super) address: SocketAddr,
    /// The own address, which tells the network that is used.
    pub(super) local: Option<std::net::IpAddr>,
    socket: WebSocketStream<TlsStream<TcpStream>>,
}

/// Each `host:port` of the cloud as it was configured, with the addresses found for it.
pub(super) type Places = Vec<(String, Vec<SocketAddr>)>;

/// What a node says to a probe.
#[derive(Deserialize)]
struct Told {
    key: String,
    #[serde(default)]
    warrant: Option<String>,
    server_time: u64,
    nonce: String,
    signature: String,
}

/// Where HTTPS is asked for.
#[derive(Clone)]
struct Place<'a> {
    /// `host:port`, as it was configured.
    whole: &'a str,
    name: ServerName<'static>,
    tls: TlsConnector,
}

/// Finds a way to the cloud over HTTPS: the first that opens. All addresses are asked at a time, so
/// that no dead one holds up another.
///
/// # Errors
/// What is in the way at the address that told the most.
pub(super) async fn open(cloud: &PublicKey, places: &Places) -> Result<Opened, Trouble> {
    let asked = places.iter().filter_map(|(whole, addresses)| {
        let place = place(whole)?;
        Some(
            addresses
                .iter()
                .map(move |address| (place.clone(), *address)),
        )
    });
    let mut ways: FuturesUnordered<_> = asked
        .flatten()
        .map(async |(place, address)| (address, reach(&place, cloud, address).await))
        .collect();
    let mut trouble = Trouble::Silent;
    let first = async {
        while let Some((address, way)) = ways.next().await {
            match way {
                Ok(opened) => return Some(opened),
                Err(met) => {
                    debug!(%address, ?met, "the cloud was not reached over HTTPS");
                    trouble = trouble.or(met);
                }
            }
        }
        None
    };
    let opened = timeout(HTTPS_TIME, first).await.ok().flatten();
    opened.ok_or(trouble)
}

/// Takes a configured address apart.
fn place(whole: &str) -> Option<Place<'_>> {
    let (host, _) = whole.rsplit_once(':')?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let config = outer_client_config().ok()?;
    Some(Place {
        whole,
        name: ServerName::try_from(host.to_owned()).ok()?,
        tls: TlsConnector::from(Arc::new(config)),
    })
}

/// Asks one address who is there, and opens a tunnel if it is the cloud.
async fn reach(
    place: &Place<'_>,
    cloud: &PublicKey,
    address: SocketAddr,
) -> Result<Opened, Trouble> {
    probe(secured(place, address).await?, place, cloud).await?;
    let stream = secured(place, address).await?;
    let local = stream.get_ref().0.local_addr().ok().map(|it| it.ip());
    let request = format!("wss://{}{UPLINK_PATH}", place.whole);
    let config = WebSocketConfig::default()
        .read_buffer_size(8 * TUNNELLED_BYTES_MAX)
        .write_buffer_size(0)
        .max_write_buffer_size(8 * TUNNELLED_BYTES_MAX)
        .max_message_size(Some(TUNNELLED_BYTES_MAX))
        .max_frame_size(Some(TUNNELLED_BYTES_MAX));
    let upgrade = client_async_with_config(request, stream, Some(config));
    match timeout(HTTPS_STEP_TIME, upgrade).await {
        Ok(Ok((socket, _))) => Ok(Opened {
            address,
            local,
            socket,
        }),
        Ok(Err(error)) => {
            debug!(%error, "no WebSocket");
            Err(Trouble::NoTunnel)
        }
        Err(_) => Err(Trouble::NoTunnel),
    }
}

/// Connects by TCP and TLS.
async fn secured(place: &Place<'_>, address: SocketAddr) -> Result<TlsStream<TcpStream>, Trouble> {
    let connected = timeout(HTTPS_STEP_TIME, TcpStream::connect(address)).await;
    let Ok(Ok(stream)) = connected else {
        return Err(Trouble::Silent);
    };
    if let Err(error) = stream.set_nodelay(true) {
        debug!(%error, "small datagrams are sent late");
    }
    match timeout(
        HTTPS_STEP_TIME,
        place.tls.connect(place.name.clone(), stream),
    )
    .await
    {
        Ok(Ok(stream)) => Ok(stream),
        // Somebody answers, and not in TLS: a portal's page as plain text.
        Ok(Err(error)) if error.kind() == io::ErrorKind::InvalidData => Err(Trouble::CaptivePortal),
        Ok(Err(_)) | Err(_) => Err(Trouble::Silent),
    }
}

/// Finds out whether the cloud itself answers.
async fn probe(
    mut stream: TlsStream<TcpStream>,
    place: &Place<'_>,
    cloud: &PublicKey,
) -> Result<(), Trouble> {
    let nonce: [u8; PROBE_NONCE_BYTES] = entropy::bytes().map_err(|_| Trouble::Silent)?;
    // In HTTP/1.0 the answer ends with the connection, and needs no parser.
    let request = format!(
        "GET {PROBE_PATH}?nonce={} HTTP/1.0\r\nHost: {}\r\nAccept: application/json\r\n\r\n",
        hex(&nonce),
        place.whole
    );
    let asked = async {
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        let mut bounded = stream.take(PROBE_BYTES_MAX);
        match bounded.read_to_end(&mut answer).await {
            // Many end a connection without saying so first.
            Ok(_) | Err(_) if !answer.is_empty() => Ok(answer),
            Ok(_) => Err(io::ErrorKind::UnexpectedEof.into()),
            Err(error) => Err(error),
        }
    };
    match timeout(HTTPS_STEP_TIME, asked).await {
        Ok(Ok(answer)) => judge(&answer, &nonce, cloud),
        Ok(Err(_)) | Err(_) => Err(Trouble::Silent),
    }
}

/// Judges an answer by its signature alone: a portal answers everything, with any status.
fn judge(answer: &[u8], nonce: &[u8; PROBE_NONCE_BYTES], cloud: &PublicKey) -> Result<(), Trouble> {
    let told = told(answer).filter(|told| told.nonce == hex(nonce));
    let told = told.and_then(|told| Some((PublicKey::parse(&told.key).ok()?, told)));
    let Some((key, told)) = told else {
        return Err(Trouble::CaptivePortal);
    };
    let signed = signature(&told.signature)
        .is_some_and(|it| key.verify_probe(nonce, told.server_time, &it).is_ok());
    if !signed {
        return Err(Trouble::CaptivePortal);
    }
    let warrant = told
        .warrant
        .as_deref()
        .and_then(signature)
        .map(|signature| Warrant {
            cloud: *cloud,
            signature,
        });
    if key == *cloud || warrant.is_some_and(|warrant| warrant.verify(&key).is_ok()) {
        Ok(())
    } else {
        Err(Trouble::OtherNode)
    }
}

/// Reads the body of an answer.
fn told(answer: &[u8]) -> Option<Told> {
    let end = answer.windows(4).position(|it| it == b"\r\n\r\n")?;
    serde_json::from_slice(answer.get(end + 4..)?).ok()
}

fn signature(text: &str) -> Option<Signature> {
    let bytes = unhex(text)?;
    Some(Signature::from_bytes(bytes.try_into().ok()?))
}

impl Opened {
    /// Carries datagrams both ways until the far end is over, or for a moment longer than `stop` is
    /// held: the last goodbye has to get out.
    pub(super) async fn carry(self, tunnel: Tunnel, stop: oneshot::Receiver<()>) {
        let (sink, stream) = self.socket.split();
        let incoming = stream.map(|came| match came {
            Ok(Message::Binary(bytes)) => Arrival::Datagram(bytes.into()),
            Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_)) => Arrival::Nothing,
            Ok(Message::Text(_) | Message::Close(_)) | Err(_) => Arrival::End,
        });
        let outgoing = sink.with(|bytes: Vec<u8>| {
            future::ok::<_, tokio_tungstenite::tungstenite::Error>(Message::binary(bytes))
        });
        let over = async {
            // Never sent to: it ends when whoever holds the other end drops it.
            drop(stop.await);
            sleep(GOODBYE_TIME).await;
        };
        tokio::select! {
            () = tunnel.carry(incoming, outgoing) => {}
            () = over => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use tallyline_keys::DeviceKey;

    use super::*;

    const NONCE: [u8; PROBE_NONCE_BYTES] = [7; PROBE_NONCE_BYTES];

    fn answer(node: &DeviceKey, nonce: &[u8; PROBE_NONCE_BYTES], warrant: &str) -> Vec<u8> {
        let signature = hex(node.answer_probe(nonce, 5).as_bytes());
        let body = serde_json::json!({
            "schema": "tallyline.probe/1", "key": node.public().fingerprint(), "server_time": 5,
            "nonce": hex(nonce), "signature": signature, "warrant": warrant,
        });
        format!("HTTP/1.0 200 OK\r\ncontent-type: application/json\r\n\r\n{body}").into_bytes()
    }

    /// Source: PROTOCOL R-FALL-2.
    #[test]
    fn only_what_the_cloud_or_a_node_with_its_warrant_signed_is_believed() {
        let [cloud, node, other] = [1, 2, 3].map(|seed| DeviceKey::from_seed([seed; 32]));
        let key = cloud.public();
        let judged = |answer: &[u8]| judge(answer, &NONCE, &key);
        assert_eq!(judged(&answer(&cloud, &NONCE, "")), Ok(()));
        let warrant = hex(Warrant::sign(&cloud, &node.public()).signature.as_bytes());
        assert_eq!(judged(&answer(&node, &NONCE, &warrant)), Ok(()));
        let theirs = hex(Warrant::sign(&other, &node.public()).signature.as_bytes());
        for warrant in ["", "00", theirs.as_str()] {
            let verdict = judged(&answer(&node, &NONCE, warrant));
            assert_eq!(verdict, Err(Trouble::OtherNode), "{warrant}");
        }
        let portal = Err(Trouble::CaptivePortal);
        assert_eq!(
            judged(&answer(&cloud, &[8; 16], "")),
            portal,
            "an old answer"
        );
        for page in [
            "HTTP/1.1 200 OK\r\n\r\n<html>Welcome! Please sign in.</html>",
            "HTTP/1.1 302 Found\r\nLocation: http://portal/\r\n\r\n",
            "HTTP/1.1 200 OK\r\n\r\n{\"ok\":true}",
            "",
        ] {
            assert_eq!(judged(page.as_bytes()), portal, "{page}");
        }
    }

    #[test]
    fn a_configured_address_is_taken_apart() {
        for whole in ["cloud.example:443", "192.0.2.1:4433", "[2001:db8::1]:443"] {
            assert!(place(whole).is_some(), "{whole}");
        }
        assert!(place("no port").is_none());
    }
}
