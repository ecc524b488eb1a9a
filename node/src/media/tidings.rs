//! What is known about blobs besides their bytes: who names them, and what others said of them.
//!
//! Plain data behind `shelf`'s lock. Layer: node, media.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use tallyline_proto::replica::PeerId;
use tokio::sync::{Notify, watch};

use super::shelf::Media;
use super::tree::BlobHash;
use super::wants::{Greed, Named};
use super::wire::{ASKED_MAX, Sized};

/// Blobs that a person asked for, at most; the list of an event's media is looked through each time.
const PINNED_MAX: usize = 256;

/// Blobs that somebody waits for at once, at most.
const HURRIED_MAX: usize = 64;

/// Peers of which it is kept what they said, until somebody looks: as many as there are connections.
const TELLERS_MAX: usize = 64;

/// One event's view of the media.
#[derive(Debug)]
pub(super) struct OfEvent {
    pub(super) tidings: Mutex<Tidings>,
    /// Counts looks at the event.
    looks: watch::Sender<u64>,
    /// Asks for the next look.
    news: Notify,
    /// Counts what somebody waits for.
    hurries: watch::Sender<u64>,
}

/// What a look at an event sees.
#[derive(Debug)]
pub(super) struct EventLook {
    pub(super) named: Vec<Named>,
    pub(super) greed: Greed,
    pub(super) circle: Vec<(PeerId, bool)>,
}

/// What is known.
#[derive(Debug, Default)]
pub(super) struct Tidings {
    /// What the event names.
    pub(super) named: Vec<Named>,
    /// What of it this node fetches.
    pub(super) greed: Greed,
    /// Connections about the event whose peers are members, and whether they are its cloud.
    pub(super) circle: BTreeMap<PeerId, bool>,
    /// Blobs that the cloud said it has.
    pub(super) in_cloud: BTreeSet<BlobHash>,
    /// Blobs that a person of this device asked for.
    pub(super) pinned: BTreeSet<BlobHash>,
    /// Blobs that somebody waits for, who was told so.
    pub(super) hurried: BTreeSet<Sized>,
    /// Blobs that peers said they have since somebody looked last.
    pub(super) told: BTreeMap<PeerId, BTreeSet<Sized>>,
    /// Bytes of groups that came since the start, those that came twice too.
    pub(super) fetched: u64,
    /// Bytes of groups that were sent since the start.
    pub(super) sent: u64,
}

impl Tidings {
    /// Tells whether the event names a blob of this length.
    pub(super) fn names(&self, hash: BlobHash, len: u64) -> Option<&Named> {
        self.named
            .iter()
            .find(|it| it.hash == hash && it.len == len)
    }
}

impl Default for OfEvent {
    fn default() -> Self {
        Self {
            tidings: Mutex::default(),
            looks: watch::Sender::new(0),
            news: Notify::new(),
            hurries: watch::Sender::new(0),
        }
    }
}

impl Tidings {
    /// Notes what a peer says it has; what the event does not name is left out.
    pub(super) fn tell(&mut self, peer: PeerId, blobs: Vec<Sized>) {
        let mut named = blobs;
        named.retain(|(hash, len)| self.names(*hash, *len).is_some());
        if self.told.len() < TELLERS_MAX || self.told.contains_key(&peer) {
            let told = self.told.entry(peer).or_default();
            let room = (4 * ASKED_MAX).saturating_sub(told.len());
            told.extend(named.into_iter().take(room));
        }
    }
}

impl Media {
    /// Notes what a look at the event saw.
    pub(super) fn learn(&self, seen: EventLook) {
        {
            let mut tidings = self.tidings();
            tidings.named = seen.named;
            tidings.greed = seen.greed;
            tidings.circle = seen.circle.into_iter().collect();
        }
        self.1
            .looks
            .send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Has somebody look at the event: entries came, or somebody connected.
    pub fn news(&self) {
        self.1.news.notify_one();
    }

    /// Waits for [`Media::news`].
    pub(super) async fn wait_for_news(&self) {
        self.1.news.notified().await;
    }

    /// Returns what changes with each look at the event.
    pub(super) fn looks(&self) -> watch::Receiver<u64> {
        self.1.looks.subscribe()
    }

    /// Has a blob that the event names fetched before all others from where the nodes of a cloud keep
    /// theirs together, because somebody waits for it; `false`: there is no such place.
    pub fn hurry(&self, hash: BlobHash, len: u64) -> bool {
        if self.1.hurries.receiver_count() == 0 {
            return false;
        }
        {
            let mut tidings = self.tidings();
            if tidings.hurried.len() < HURRIED_MAX {
                tidings.hurried.insert((hash, len));
            }
        }
        self.1
            .hurries
            .send_modify(|count| *count = count.wrapping_add(1));
        true
    }

    /// Returns what changes with each [`Media::hurry`].
    pub(super) fn hurries(&self) -> watch::Receiver<u64> {
        self.1.hurries.subscribe()
    }

    /// Asks for a blob that this node would not fetch by itself, until the process ends.
    pub fn pin(&self, hash: BlobHash) {
        let mut tidings = self.tidings();
        if tidings.pinned.len() < PINNED_MAX {
            tidings.pinned.insert(hash);
        }
    }

    /// Tells whether this node fetches what somebody names.
    pub fn wants(&self, named: &Named) -> bool {
        let tidings = self.tidings();
        tidings.greed.wants(named) || tidings.pinned.contains(&named.hash)
    }

    /// Tells whether the cloud said that it has a blob.
    pub fn is_in_cloud(&self, hash: BlobHash) -> bool {
        self.tidings().in_cloud.contains(&hash)
    }

    /// Counts bytes of blobs that came or went over HTTP.
    pub fn count(&self, fetched: u64, sent: u64) {
        let mut tidings = self.tidings();
        tidings.fetched = tidings.fetched.saturating_add(fetched);
        tidings.sent = tidings.sent.saturating_add(sent);
    }

    /// Returns the bytes of blobs that came and went since the start.
    pub fn moved(&self) -> (u64, u64) {
        let tidings = self.tidings();
        (tidings.fetched, tidings.sent)
    }
}
