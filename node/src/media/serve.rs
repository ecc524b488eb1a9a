//! Answering a member that asks about blobs or fetches one.
//!
//! Gives only what the event names, whole blobs only, one group after the other, and rests while
//! frames wait. Layer: node, media, above `shelf`.
//!
//! Source: PROTOCOL R-MEDIA-3, R-MEDIA-4, R-MEDIA-6.

use std::collections::BTreeSet;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tallyline_proto::replica::PeerId;
use tokio::io::AsyncWriteExt as _;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::task::spawn_blocking;
use tokio::time::{Duration, sleep, timeout};
use tracing::debug;

use super::error::MediaError;
use super::shelf::{Blob, Media, Presence};
use super::wants::Metered;
use super::wire::{Give, HERE, NOT_HERE, NOT_NOW, Question, Sized, Unread};
use crate::net::{Net, Side, SidePeer, Sides};

/// Blobs that are given at once, to all peers together: more would only share the same disk and radio.
const GIVES_MAX: usize = 4;

/// How long a question may take to come: it is at most 2.5 KiB.
const QUESTION_TIME: Duration = Duration::from_secs(10);

/// How long a member may need to show that it is one: as long as the core lets it.
const MEMBER_TIME: Duration = Duration::from_secs(5);

/// How long one group may take to leave: 16 KiB at half a KiB a second.
const GROUP_TIME: Duration = Duration::from_secs(30);

/// How long giving rests before it looks again whether frames wait.
const REST: Duration = Duration::from_millis(20);

/// Answers members about a node's media.
#[derive(Debug)]
pub struct Server {
    media: Media,
    net: Weak<Net>,
    metered: Metered,
    gives: Semaphore,
    /// Connections on which something is given now: one blob at a time on each.
    given: Mutex<BTreeSet<PeerId>>,
}

/// The one blob that is given on a connection; others wait until this is dropped.
struct Turn<'a> {
    server: &'a Server,
    peer: PeerId,
    _place: SemaphorePermit<'a>,
}

/// Why giving ended before its end.
enum Ended {
    /// The stream broke, or the peer does not read.
    Gone,
    /// The blob was damaged on this disk.
    Damaged(MediaError),
}

impl Server {
    /// Makes who answers from a node's media over its network.
    pub fn new(media: Media, net: &Arc<Net>, metered: Metered) -> Self {
        Self {
            media,
            net: Arc::downgrade(net),
            metered,
            gives: Semaphore::new(GIVES_MAX),
            given: Mutex::default(),
        }
    }

    /// Answers on one stream; returns what no honest peer does.
    async fn reply(&self, peer: SidePeer, mut side: Side) -> Option<String> {
        let read = timeout(QUESTION_TIME, Question::read(&mut side.reader)).await;
        let question = match read {
            Ok(Ok(question)) => question,
            Ok(Err(Unread::Malformed(what))) => {
                return Some(format!("a malformed question about media: {what}"));
            }
            // A later version asks what this one does not know.
            Ok(Err(Unread::Unknown(_) | Unread::Broken(_))) | Err(_) => return None,
        };
        let is_cloud = self.knows(peer).await?;
        let peer = SidePeer {
            uplink: is_cloud && peer.uplink,
            ..peer
        };
        match question {
            Question::Ask(blobs) => self.tell(peer, &blobs, &mut side).await,
            Question::Give(give) => {
                if let Err(Ended::Damaged(error)) = self.give(peer, &give, &mut side).await {
                    debug!(%error, "a blob was not given");
                }
            }
            Question::Tell(blobs) => self.hear(peer, blobs),
        }
        // Also a peer that went away meanwhile has been answered.
        drop(timeout(GROUP_TIME, side.writer.shutdown()).await);
        None
    }

    /// Waits until the core has seen that a peer is a member of the event; tells whether it is its
    /// cloud. `None`: it is no member.
    async fn knows(&self, peer: SidePeer) -> Option<bool> {
        let mut looks = self.media.looks();
        let known = async {
            loop {
                looks.borrow_and_update();
                let circle = self.media.tidings().circle.get(&peer.peer).copied();
                if circle.is_some() {
                    return circle;
                }
                self.media.news();
                if looks.changed().await.is_err() {
                    return None;
                }
            }
        };
        timeout(MEMBER_TIME, known).await.ok().flatten()
    }

    /// Says which of these are here.
    async fn tell(&self, peer: SidePeer, blobs: &[Sized], side: &mut Side) {
        let answer: Vec<u8> = blobs
            .iter()
            .map(|(hash, len)| match self.may_give(peer, (*hash, *len)) {
                Some(true) => HERE,
                Some(false) => NOT_NOW,
                None => NOT_HERE,
            })
            .collect();
        drop(timeout(GROUP_TIME, side.writer.write_all(&answer)).await);
    }

    /// Notes what a peer says it has.
    fn hear(&self, peer: SidePeer, blobs: Vec<Sized>) {
        let mut tidings = self.media.tidings();
        if peer.uplink {
            let hashes = blobs.iter().map(|(hash, _)| *hash);
            let named: Vec<_> = hashes
                .filter(|hash| tidings.named.iter().any(|it| it.hash == *hash))
                .collect();
            tidings.in_cloud.extend(named);
        }
        tidings.tell(peer.peer, blobs);
        drop(tidings);
        self.media.news();
    }

    /// Tells whether a blob may be given to a peer now; `None` if it is not here or nobody names it.
    fn may_give(&self, peer: SidePeer, (hash, len): Sized) -> Option<bool> {
        if self.media.presence(hash) != (Presence::Whole { len }) {
            return None;
        }
        let tidings = self.media.tidings();
        let named = tidings.names(hash, len)?;
        let costs = peer.uplink && self.metered.is_metered(peer.mobile);
        Some(named.is_picture() || !costs)
    }

    /// Takes a place for a connection, if there is one: whoever does not read holds no more than that.
    fn turn(&self, peer: SidePeer) -> Option<Turn<'_>> {
        let place = self.gives.try_acquire().ok()?;
        let mut given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
        given.insert(peer.peer).then(|| Turn {
            server: self,
            peer: peer.peer,
            _place: place,
        })
    }

    /// Gives groups of a blob.
    async fn give(&self, peer: SidePeer, give: &Give, side: &mut Side) -> Result<(), Ended> {
        let turn = self.turn(peer);
        let may = self.may_give(peer, (give.hash, give.len));
        if may.is_none() || turn.is_none() || may == Some(false) {
            let answer = if may.is_none() { NOT_HERE } else { NOT_NOW };
            return send(side, &[answer]).await;
        }
        let (media, hash) = (self.media.clone(), give.hash);
        let opened = spawn_blocking(move || media.open(hash)).await;
        let Ok(Ok(mut blob)) = opened else {
            return send(side, &[NOT_HERE]).await;
        };
        send(side, &[HERE]).await?;
        if give.list {
            send(side, &blob.list()).await?;
        }
        for group in give.from..give.from.saturating_add(give.count) {
            self.rest().await;
            let (back, bytes) = read(blob, group).await?;
            blob = back;
            send(side, &bytes).await?;
            let sent = u64::try_from(bytes.len()).unwrap_or_default();
            let mut tidings = self.media.tidings();
            tidings.sent = tidings.sent.saturating_add(sent);
        }
        Ok(())
    }

    /// Waits while frames wait: scores go first.
    async fn rest(&self) {
        while self.net.upgrade().is_some_and(|net| net.frames_wait()) {
            sleep(REST).await;
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let given = self.server.given.lock();
        given
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&self.peer);
    }
}

impl Sides for Server {
    fn answer(
        &self,
        peer: SidePeer,
        side: Side,
    ) -> Pin<Box<dyn Future<Output = Option<String>> + Send + '_>> {
        Box::pin(self.reply(peer, side))
    }
}

/// Reads one group on a thread that may wait.
async fn read(mut blob: Blob, group: u32) -> Result<(Blob, Vec<u8>), Ended> {
    let read = spawn_blocking(move || {
        let bytes = blob.group(group).map(<[u8]>::to_vec);
        bytes.map(|bytes| (blob, bytes))
    });
    match read.await {
        Ok(read) => read.map_err(Ended::Damaged),
        Err(_) => Err(Ended::Gone),
    }
}

/// Sends bytes, as long as the peer reads.
async fn send(side: &mut Side, bytes: &[u8]) -> Result<(), Ended> {
    // The list of a large blob has 2 MiB; the time is for each group's worth of it.
    for piece in bytes.chunks(16 * 1024) {
        match timeout(GROUP_TIME, side.writer.write_all(piece)).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) | Err(_) => return Err(Ended::Gone),
        }
    }
    Ok(())
}
