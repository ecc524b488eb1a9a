//! Streams beside the frames: other things that two members say, when nothing else is to be said.
//!
//! Each is opened for one question and closed after its answer. They have a lower priority than the
//! frames' stream, a window of their own, and nothing of them is accepted from a device that is no
//! member. What is said on them is `media`'s affair. Layer: above `hub`, beside `conversation`.
//!
//! Source: PROTOCOL R-MEDIA-2, R-MEDIA-4.

use std::fmt;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;

use quinn::{Connection, RecvStream, SendStream, VarInt};
use tallyline_keys::PublicKey;
use tallyline_proto::replica::PeerId;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tracing::debug;

use super::Net;
use super::hub::Hub;
use super::limits::{SIDE_OPEN_TIME, SIDES_MAX};
use super::links::{Ending, Held, Links};
use crate::security::Cause;

/// Below the frames' stream, which has 0.
const PRIORITY: i32 = -1;

/// Error code of a stream that is not taken.
const REFUSED: VarInt = VarInt::from_u32(1);

/// How the names of interfaces to mobile networks begin, as Linux and Android name them.
const MOBILE: [&str; 5] = ["wwan", "wwp", "ppp", "rmnet", "ccmni"];

/// A member at the other end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SidePeer {
    /// The connection.
    pub peer: PeerId,
    /// The member's key.
    pub key: PublicKey,
    /// Whether it is the cloud that this device carries entries to.
    pub uplink: bool,
    /// Whether the connection goes over a mobile network, as far as can be told.
    pub mobile: bool,
}

/// One stream beside the frames.
pub struct Side {
    /// What the peer says.
    pub reader: Box<dyn AsyncRead + Send + Unpin>,
    /// What the peer is told; shut down at the end.
    pub writer: Box<dyn AsyncWrite + Send + Unpin>,
}

/// Somebody who answers on streams that members open.
pub trait Sides: Send + Sync + 'static {
    /// Answers on one stream. Returns what the member did that no honest one does.
    fn answer(
        &self,
        peer: SidePeer,
        side: Side,
    ) -> Pin<Box<dyn Future<Output = Option<String>> + Send + '_>>;
}

impl fmt::Debug for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Side")
    }
}

impl Side {
    fn new((send, receive): (SendStream, RecvStream)) -> Self {
        if send.set_priority(PRIORITY).is_err() {
            debug!("a stream was closed before it began");
        }
        Self {
            reader: Box::new(receive),
            writer: Box::new(send),
        }
    }
}

impl Net {
    /// Names who answers on streams beside the frames; once, before [`Net::attach`].
    pub fn attach_sides(&self, sides: Arc<dyn Sides>) {
        if self.hub.sides.set(sides).is_err() {
            debug!("there is already somebody who answers");
        }
    }

    /// Returns all members that are connected and have spoken.
    pub fn side_peers(&self) -> Vec<SidePeer> {
        let links = self.hub.links().lock();
        let held = links.peers().filter(|(_, held)| held.is_up());
        held.filter_map(|(peer, held)| links.side_peer(peer, held))
            .collect()
    }

    /// Opens a stream beside the frames; `None` if the peer is gone or has too many of them.
    pub async fn open_side(&self, peer: PeerId) -> Option<Side> {
        let connection = self.hub.links().lock().get(peer)?.connection().clone();
        let opened = timeout(SIDE_OPEN_TIME, connection.open_bi()).await;
        Some(Side::new(opened.ok()?.ok()?))
    }

    /// Tells whether frames wait to be sent to anybody: whatever else there is can wait.
    pub fn frames_wait(&self) -> bool {
        self.hub.links().lock().iter().any(Held::is_behind)
    }

    /// Waits until entries came, or somebody connected. For one who waits.
    pub async fn side_news(&self) {
        self.hub.news.notified().await;
    }

    /// Ends a connection whose peer did beside the frames what no honest one does, and holds it
    /// against its key.
    ///
    /// Source: PROTOCOL R-MEDIA-7.
    pub fn side_broken(&self, peer: PeerId, what: &str) {
        self.hub.side_broken(peer, what);
    }
}

/// Answers on every stream that a member opens beside the frames, a few at a time, until the
/// connection ends.
pub(super) async fn accept(hub: Arc<Hub>, connection: Connection, peer: PeerId) {
    let places = Arc::new(Semaphore::new(SIDES_MAX));
    // What is not accepted yet is bounded by QUIC itself (`STREAMS_MAX`).
    while let Ok(place) = places.clone().acquire_owned().await {
        let Ok(streams) = connection.accept_bi().await else {
            return;
        };
        let (Some(sides), Some(from)) = (hub.sides.get().cloned(), hub.side_peer(peer)) else {
            refuse(streams);
            continue;
        };
        let answering = hub.clone();
        hub.converse(async move {
            if let Some(what) = sides.answer(from, Side::new(streams)).await {
                answering.side_broken(peer, &what);
            }
            drop(place);
        });
    }
}

/// Says on a stream that nothing is said on it.
fn refuse((mut send, mut receive): (SendStream, RecvStream)) {
    // Without effect where the peer closed it before.
    drop(send.reset(REFUSED));
    drop(receive.stop(REFUSED));
}

impl Links {
    /// Returns a peer for what is said beside the frames; `None` if it is no member and does not stand
    /// where the cloud is. Whether it is the cloud's, the core knows.
    fn side_peer(&self, peer: PeerId, held: &Held) -> Option<SidePeer> {
        let uplink = self.is_to_cloud(held);
        (uplink || self.members.contains(&held.key)).then(|| SidePeer {
            peer,
            key: held.key,
            uplink,
            mobile: uplink && is_mobile(held.connection().local_ip()),
        })
    }
}

impl Hub {
    /// Returns a connected peer if it is a member.
    fn side_peer(&self, peer: PeerId) -> Option<SidePeer> {
        let links = self.links().lock();
        links.side_peer(peer, links.get(peer)?)
    }

    fn side_broken(&self, peer: PeerId, what: &str) {
        let now_ms = self.now_ms();
        let mut links = self.links().lock();
        let Some(held) = links.get(peer) else {
            return;
        };
        held.close(Ending::Broken);
        let who = held.who();
        links.security.note(now_ms, Cause::Broken, who, what);
        links.strike(peer, now_ms);
    }
}

/// Tells whether an address of this device is one in a mobile network.
fn is_mobile(local: Option<IpAddr>) -> bool {
    let Some(local) = local.map(|ip| ip.to_canonical()) else {
        return false;
    };
    let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
    let mut own = interfaces.iter().filter(|it| it.ip() == local);
    own.any(|it| MOBILE.iter().any(|start| it.name.starts_with(start)))
}
