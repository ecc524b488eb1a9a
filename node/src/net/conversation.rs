//! One connection from its handshake to its end: a reader, a writer, one stream.
//!
//! The dialler opens the one stream, and the peer counts as connected when its first frame has
//! arrived: TLS tells a dialler that it was refused only after its own handshake. The side that
//! was dialled tells the driver of the peer when the stream opens, so a duplicate that its
//! dialler drops at once never reaches the core. Layer: above `hub`.

use std::sync::Arc;

use quinn::{Connection, RecvStream, SendStream};
use rustls::pki_types::CertificateDer;
use tallyline_keys::tls::peer_key;
use tallyline_keys::{JOIN_EXPORTER_LABEL, PublicKey};
use tallyline_proto::replica::{Input, PeerId};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tracing::{debug, warn};

use super::framing::{FrameReader, framed};
use super::hub::Hub;
use super::limits::FAREWELL_TIME;
use super::links::{Begun, Counts, Ending, Outgoing, Way, canonical};
use super::side;
use crate::failpoint::{Site, pass};
use crate::security::{Cause, Who};

/// Runs one connection to its end. Returns whether the peer ever spoke.
pub(super) async fn run(hub: Arc<Hub>, connection: Connection, way: Way) -> bool {
    let dialled = way.dialled.is_some();
    let begun = match begin(&hub, &connection, way) {
        Ok(begun) => begun,
        Err(ending) => {
            debug!(why = ending.name(), "a connection was refused");
            note_refused(&hub, &connection, ending);
            ending.close(&connection);
            return false;
        }
    };
    let (key, begun) = begun;
    if let Some(evicted) = begun.evicted {
        hub.evict(evicted);
    }
    let peer = begun.peer;
    let spoke = match streams(&connection, dialled).await {
        Some(streams) => talk(&hub, &connection, (key, begun), streams).await,
        None => false,
    };
    hub.ended(peer);
    spoke
}

/// Enters the connection into the table, if its key is known and may be here.
fn begin(hub: &Hub, connection: &Connection, way: Way) -> Result<(PublicKey, Begun), Ending> {
    let key = key_of(connection).ok_or(Ending::Broken)?;
    let target = way.target.clone();
    let now_ms = hub.now_ms();
    let mut links = hub.links().lock();
    let begun = links.begin(connection, key, way, now_ms);
    if let (Err(ending), Some(target)) = (&begun, &target) {
        // Whoever answered is known by now, even if the connection is not wanted.
        if matches!(ending, Ending::Duplicate | Ending::Oneself) {
            links.targets.answered(target, key);
        }
        links.targets.failed(target, now_ms, super::hub::luck());
    }
    Ok((key, begun?))
}

/// Writes into the security log who was refused after its handshake, unless that is everyday.
fn note_refused(hub: &Hub, connection: &Connection, ending: Ending) {
    let (cause, text) = match ending {
        Ending::Crowded => (Cause::Crowded, "no room for another connection"),
        Ending::Barred => (
            Cause::Barred,
            "it came back before its ten minutes were over",
        ),
        Ending::Revoked => (Cause::Revoked, "it came back and is no member any more"),
        Ending::Refused(_)
        | Ending::Stranger
        | Ending::Duplicate
        | Ending::Oneself
        | Ending::Unread
        | Ending::Broken
        | Ending::Paused
        | Ending::Reset
        | Ending::Stopping => return,
    };
    let address = canonical(connection.remote_address());
    let who = match key_of(connection) {
        Some(key) => Who::peer(key, address),
        None => Who::at(address, true),
    };
    hub.note(cause, who, text);
}

/// Opens the one stream, or waits until the dialler has.
async fn streams(connection: &Connection, dialled: bool) -> Option<(SendStream, RecvStream)> {
    let streams = if dialled {
        connection.open_bi().await
    } else {
        connection.accept_bi().await
    };
    streams.ok()
}

/// Carries frames both ways until the connection ends. Returns whether the peer ever spoke.
async fn talk(
    hub: &Arc<Hub>,
    connection: &Connection,
    (key, begun): (PublicKey, Begun),
    (send, receive): (SendStream, RecvStream),
) -> bool {
    let peer = begun.peer;
    let mut exporter = [0; 32];
    let exported = connection.export_keying_material(&mut exporter, JOIN_EXPORTER_LABEL, b"");
    if exported.is_err() {
        Ending::Broken.close(connection);
        return false;
    }
    let up = Input::PeerUp {
        peer,
        key,
        exporter,
    };
    if hub.input(up).await.is_err() {
        Ending::Stopping.close(connection);
        return false;
    }
    let counts = begun.counts.clone();
    hub.converse(write(connection.clone(), send, begun.queue, counts));
    if hub.sides.get().is_some() {
        hub.converse(side::accept(hub.clone(), connection.clone(), peer));
    }
    let spoke = read(
        hub,
        connection,
        FrameReader::new(receive),
        (peer, &begun.counts),
    )
    .await;
    if hub.input(Input::PeerDown { peer }).await.is_err() {
        debug!("the driver stopped before a peer did");
    }
    spoke
}

/// Gives the driver every frame until the stream ends. Returns whether there was one.
async fn read(
    hub: &Hub,
    connection: &Connection,
    mut frames: FrameReader<RecvStream>,
    (peer, counts): (PeerId, &Counts),
) -> bool {
    let mut spoke = false;
    loop {
        let bytes = match frames.next().await {
            Ok(Some(bytes)) => bytes,
            Ok(None) => break,
            Err(error) => {
                if connection.close_reason().is_none() {
                    hub.broke(peer, &error);
                }
                break;
            }
        };
        let received = counts.received(bytes.len());
        if hub.is_over(peer, received) {
            Ending::Stranger.close(connection);
            break;
        }
        if !spoke {
            spoke = true;
            hub.is_up(peer);
        }
        if hub.input(Input::Frame { peer, bytes }).await.is_err() {
            Ending::Stopping.close(connection);
            break;
        }
    }
    // Without effect if the connection ended before, for whatever reason.
    Ending::Broken.close(connection);
    spoke
}

/// Sends what is put into the queue, until it ends.
async fn write(
    connection: Connection,
    mut stream: SendStream,
    mut queue: mpsc::Receiver<Outgoing>,
    counts: Arc<Counts>,
) {
    loop {
        // Neither holds anything that is lost when the other one wins.
        let out = tokio::select! {
            biased;
            out = queue.recv() => out,
            _ = connection.closed() => None,
        };
        let Some(out) = out else {
            return;
        };
        let frame = match out {
            Outgoing::Frame(frame) => frame,
            Outgoing::End(ending) => {
                farewell(stream).await;
                ending.close(&connection);
                return;
            }
        };
        let Some(bytes) = framed(&frame) else {
            warn!(bytes = frame.len(), "a frame is too large to be sent");
            Ending::Broken.close(&connection);
            return;
        };
        pass(Site::BeforeSend);
        if stream.write_all(&bytes).await.is_err() {
            return;
        }
        pass(Site::AfterSend);
        counts.sent(bytes.len());
    }
}

/// Waits a bounded time until the peer has everything that was sent.
async fn farewell(mut stream: SendStream) {
    if stream.finish().is_ok() && timeout(FAREWELL_TIME, stream.stopped()).await.is_err() {
        debug!("a peer did not take its last frames in time");
    }
}

/// Returns the key that the peer proved in the handshake.
fn key_of(connection: &Connection) -> Option<PublicKey> {
    let identity = connection.peer_identity()?;
    let chain = identity.downcast::<Vec<CertificateDer<'static>>>().ok()?;
    peer_key(chain.first()?).ok()
}
