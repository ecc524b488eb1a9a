//! Connections of this device: who may stay, and which of two with one peer goes.
//!
//! Knows keys and times, not frames. Behind one lock that is never held across a wait. Layer:
//! below `hub`, above `discovery`.

mod members;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use quinn::{Connection, VarInt};
use tallyline_keys::PublicKey;
use tallyline_keys::tls::Admission;
use tallyline_proto::replica::{PeerId, Reason};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::barred::Barred;
use super::discovery::{TargetId, Targets};
use super::limits::{
    CLONES_MAX, FRESH_MS, GUEST_TIME, LINKS_PER_KEY_MAX, Most, STRANGER_BYTES_MAX, STRANGER_TIME,
};
use super::rivals::{Rival, Stage, clones, loser};
use super::{CloneAlarm, LinkInfo, Over, Scope, Source, Traffic};
use crate::clock::millis;
use crate::security::{Cause, SecurityLog, Who};

/// Why this side ends a connection. The peer is told the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// The core refused the peer.
    Refused(Reason),
    /// A device that is not admitted used up its time or its bytes.
    Stranger,
    /// Another connection with the same peer works.
    Duplicate,
    /// There are too many connections.
    Crowded,
    /// This device talked to itself.
    Oneself,
    /// The peer does not read what it is sent.
    Unread,
    /// The stream cannot be read on.
    Broken,
    /// A person paused the connections of this device.
    Paused,
    /// The store was opened again, so every conversation begins anew.
    Reset,
    /// The key was a member and is one no longer.
    Revoked,
    /// The key broke the rules again and again.
    Barred,
    /// The process stops.
    Stopping,
}

/// What is put into a connection's queue.
#[derive(Debug)]
pub(super) enum Outgoing {
    /// A frame without its length.
    Frame(Vec<u8>),
    /// The end, after everything before it was delivered.
    End(Ending),
}

/// Who may hand over the event that a device waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Host {
    /// The inviter of its ticket alone.
    Inviter(PublicKey),
    /// Anybody who has it: a spare card's key is admitted already.
    Anybody,
}

/// How a connection came about.
#[derive(Clone, Debug)]
pub(super) struct Way {
    /// How the peer was found; `None` for one that dialled this device.
    pub(super) dialled: Option<Source>,
    /// Whether this key was expected: the inviter, the cloud, or whoever has the event of a card.
    pub(super) pinned: bool,
    /// What was dialled, if it was in the table.
    pub(super) target: Option<TargetId>,
    /// What it goes over.
    pub(super) over: Over,
}

/// Frames counted on one connection.
#[derive(Debug, Default)]
pub(super) struct Counts {
    /// Frames sent.
    pub(super) frames_sent: AtomicU64,
    /// Frames received.
    pub(super) frames_received: AtomicU64,
    /// Bytes sent, with lengths.
    pub(super) bytes_sent: AtomicU64,
    /// Bytes received, with lengths.
    pub(super) bytes_received: AtomicU64,
}

/// One connection.
#[derive(Debug)]
pub(super) struct Held {
    /// The peer's key.
    pub(super) key: PublicKey,
    /// How it came about.
    pub(super) way: Way,
    source: Source,
    address: SocketAddr,
    since_ms: u64,
    /// When the peer spoke first.
    up_ms: Option<u64>,
    /// What a second connection made of this one, as long as there is one.
    doubt: Option<Doubt>,
    queue: mpsc::Sender<Outgoing>,
    connection: Connection,
    counts: Arc<Counts>,
}

/// Since when a second connection makes one doubtful, and what has been heard on it meanwhile.
#[derive(Clone, Copy, Debug)]
struct Doubt {
    since_ms: u64,
    /// Datagrams that had arrived when it began.
    before: u64,
    /// Datagrams that had arrived at the last look that found more of them.
    datagrams: u64,
    heard_ms: u64,
}

/// What is let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Passage {
    /// Everything.
    Open,
    /// Nothing: a person paused it.
    Paused,
}

/// All connections, and what decides about them.
#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "three independent facts about the node, none of which is a state of the others"
)]
pub(super) struct Links {
    own: PublicKey,
    /// How much of what there may be.
    pub(super) most: Most,
    /// When time begins, on the runtime's clock.
    pub(super) start: Instant,
    /// Who is admitted.
    pub(super) members: BTreeSet<PublicKey>,
    /// Who may hand over the event that this device waits for, while it does.
    pub(super) host: Option<Host>,
    /// The key of the cloud that this device carries entries to: the uplink alone dials it.
    pub(super) cloud: Option<PublicKey>,
    /// Every connection.
    pub(super) every: Passage,
    /// The uplink.
    pub(super) uplink: Passage,
    /// Whether strangers are waited for and may stay longer: a person compares two screens.
    pub(super) guests: bool,
    /// Whether the process stops.
    pub(super) stopping: bool,
    /// Places to dial.
    pub(super) targets: Targets,
    /// Where refusals are noted.
    pub(super) security: Arc<SecurityLog>,
    /// Keys that were members and are no longer.
    revoked: BTreeSet<PublicKey>,
    /// Whether the next members are those of another store, which revokes nobody.
    anew: bool,
    barred: Barred,
    clones: BTreeMap<PublicKey, CloneAlarm>,
    held: BTreeMap<PeerId, Held>,
    next_peer: u64,
    ended: Traffic,
}

/// The connections behind their lock; asked by TLS at every handshake.
#[derive(Clone, Debug)]
pub(super) struct Shared(Arc<Mutex<Links>>);

/// A connection that may begin.
#[derive(Debug)]
pub(super) struct Begun {
    /// Its name.
    pub(super) peer: PeerId,
    /// What is to be sent.
    pub(super) queue: mpsc::Receiver<Outgoing>,
    /// Where frames are counted.
    pub(super) counts: Arc<Counts>,
    /// An older connection of the same key that has to go for it.
    pub(super) evicted: Option<PeerId>,
}

impl Ending {
    /// Returns the stable name that the peer and the log see.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Refused(reason) => reason.name(),
            Self::Stranger => "stranger",
            Self::Duplicate => "duplicate",
            Self::Crowded => "crowded",
            Self::Oneself => "oneself",
            Self::Unread => "unread",
            Self::Broken => "broken",
            Self::Paused => "paused",
            Self::Reset => "reset",
            Self::Revoked => "revoked",
            Self::Barred => "barred",
            Self::Stopping => "stopping",
        }
    }

    /// Returns QUIC's application error code.
    ///
    /// Source: PROTOCOL R-NET-2.
    pub(super) fn code(self) -> VarInt {
        VarInt::from_u32(match self {
            Self::Stopping => 0,
            Self::Paused => 1,
            Self::Reset => 2,
            Self::Duplicate => 3,
            Self::Crowded => 4,
            Self::Oneself => 5,
            Self::Unread => 6,
            Self::Broken => 7,
            Self::Stranger => 8,
            Self::Refused(_) => 9,
            Self::Revoked => 10,
            Self::Barred => 11,
        })
    }

    /// Ends a connection at once.
    pub(super) fn close(self, connection: &Connection) {
        connection.close(self.code(), self.name().as_bytes());
    }
}

impl Counts {
    /// Counts one frame sent, with its length.
    pub(super) fn sent(&self, bytes: usize) {
        self.frames_sent.fetch_add(1, Ordering::Relaxed);
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.bytes_sent.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Counts one frame received; returns the bytes received so far.
    pub(super) fn received(&self, frame_bytes: usize) -> u64 {
        self.frames_received.fetch_add(1, Ordering::Relaxed);
        let prefix_bytes = match frame_bytes {
            0..0x80 => 1,
            0x80..0x4000 => 2,
            _ => 3,
        };
        let bytes = u64::try_from(frame_bytes + prefix_bytes).unwrap_or(u64::MAX);
        self.bytes_received.fetch_add(bytes, Ordering::Relaxed) + bytes
    }
}

impl Held {
    /// Puts something into the queue without waiting; a full queue ends the connection. Tells
    /// whether the queue was full of what the peer does not read.
    pub(super) fn put(&self, out: Outgoing) -> bool {
        match self.queue.try_send(out) {
            Ok(()) | Err(mpsc::error::TrySendError::Closed(_)) => false,
            Err(mpsc::error::TrySendError::Full(Outgoing::Frame(_))) => {
                Ending::Unread.close(&self.connection);
                true
            }
            Err(mpsc::error::TrySendError::Full(Outgoing::End(ending))) => {
                ending.close(&self.connection);
                true
            }
        }
    }

    /// Tells whether frames wait to be sent.
    pub(super) fn is_behind(&self) -> bool {
        self.queue.capacity() < self.queue.max_capacity()
    }

    /// Returns the connection.
    pub(super) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Ends the connection at once.
    pub(super) fn close(&self, ending: Ending) {
        ending.close(&self.connection);
    }

    /// Returns whom the security log names.
    pub(super) fn who(&self) -> Who {
        Who::peer(self.key, self.address)
    }

    /// Looks at the connection as one of several with its key.
    fn rival(&mut self, peer: PeerId, now_ms: u64) -> Rival {
        let datagrams = self.connection.stats().udp_rx.datagrams;
        let doubt = self.doubt.get_or_insert(Doubt {
            since_ms: now_ms,
            before: datagrams,
            datagrams,
            heard_ms: now_ms,
        });
        if doubt.datagrams < datagrams {
            doubt.datagrams = datagrams;
            doubt.heard_ms = now_ms;
        }
        Rival {
            peer,
            dialled: self.way.dialled.is_some(),
            stage: match self.up_ms {
                None => Stage::Silent,
                Some(up_ms) if now_ms < up_ms + FRESH_MS => Stage::Works,
                Some(_) if doubt.before < datagrams => Stage::Works,
                Some(_) => Stage::Spoke,
            },
            address: self.address,
            beside_ms: now_ms.saturating_sub(doubt.since_ms),
            silent_ms: now_ms.saturating_sub(doubt.heard_ms),
        }
    }

    /// Tells whether the peer has spoken.
    pub(super) fn is_up(&self) -> bool {
        self.up_ms.is_some()
    }

    /// Returns what was sent and received.
    fn traffic(&self) -> Traffic {
        let stats = self.connection.stats();
        Traffic {
            frames_sent: self.counts.frames_sent.load(Ordering::Relaxed),
            frames_received: self.counts.frames_received.load(Ordering::Relaxed),
            frame_bytes_sent: self.counts.bytes_sent.load(Ordering::Relaxed),
            frame_bytes_received: self.counts.bytes_received.load(Ordering::Relaxed),
            udp_bytes_sent: stats.udp_tx.bytes,
            udp_bytes_received: stats.udp_rx.bytes,
        }
    }
}

impl Links {
    /// Makes the empty table of a device, behind its lock.
    pub(super) fn shared(own: PublicKey, most: Most) -> Shared {
        Shared(Arc::new(Mutex::new(Self {
            own,
            most,
            start: Instant::now(),
            members: BTreeSet::new(),
            host: None,
            cloud: None,
            every: Passage::Open,
            uplink: Passage::Open,
            guests: false,
            stopping: false,
            targets: Targets::default(),
            security: Arc::default(),
            revoked: BTreeSet::new(),
            anew: false,
            barred: Barred::default(),
            clones: BTreeMap::new(),
            held: BTreeMap::new(),
            next_peer: 1,
            ended: Traffic::default(),
        })))
    }

    /// Takes in a connection whose handshake is complete.
    ///
    /// # Errors
    /// Why it must end at once.
    pub(super) fn begin(
        &mut self,
        connection: &Connection,
        key: PublicKey,
        way: Way,
        now_ms: u64,
    ) -> Result<Begun, Ending> {
        self.may_begin(&key, &way, now_ms)?;
        let evicted = self.surplus_of(&key);
        let peer = PeerId(self.next_peer);
        self.next_peer += 1;
        let (sender, queue) = mpsc::channel(super::limits::QUEUE_FRAMES_MAX);
        let counts = Arc::new(Counts::default());
        let address = canonical(connection.remote_address());
        if let Some(target) = &way.target {
            self.targets.answered(target, key);
        }
        let source = way
            .dialled
            .unwrap_or_else(|| self.targets.source_of(&key, address));
        let held = Held {
            key,
            way,
            source,
            address,
            since_ms: now_ms,
            up_ms: None,
            doubt: None,
            queue: sender,
            connection: connection.clone(),
            counts: counts.clone(),
        };
        self.held.insert(peer, held);
        Ok(Begun {
            peer,
            queue,
            counts,
            evicted,
        })
    }

    /// Notes that the peer spoke.
    pub(super) fn spoke(&mut self, peer: PeerId, now_ms: u64) {
        if let Some(held) = self.held.get_mut(&peer) {
            held.up_ms = Some(now_ms);
            self.targets.works(&held.key);
        }
    }

    /// Forgets a connection that ended and keeps its traffic.
    pub(super) fn end(&mut self, peer: PeerId) -> Option<Held> {
        let held = self.held.remove(&peer)?;
        self.ended.add(&held.traffic());
        Some(held)
    }

    /// Notes that the next members come from another store: a fresh one knows fewer, and nobody
    /// was revoked by that.
    pub(super) fn expect_anew(&mut self) {
        self.anew = true;
    }

    /// Notes that a peer's connection ends because its key broke the rules. After the third time
    /// the key is refused for a while, on all its connections.
    ///
    /// Source: PROTOCOL R-NET-3.
    pub(super) fn strike(&mut self, peer: PeerId, now_ms: u64) {
        let Some(held) = self.held.get(&peer) else {
            return;
        };
        if !self.barred.strike(held.key, now_ms) {
            return;
        }
        let text = "broke the rules three times within an hour; refused for ten minutes";
        self.security.note(now_ms, Cause::Barred, held.who(), text);
        let others = self.held.iter().filter(|(other, _)| **other != peer);
        for (_, other) in others.filter(|(_, other)| other.key == held.key) {
            other.close(Ending::Barred);
        }
    }

    /// Tells whether a key is refused for a while.
    pub(super) fn is_barred(&self, key: &PublicKey, now_ms: u64) -> bool {
        self.barred.has(key, now_ms)
    }

    /// Returns every clone that was seen since the start.
    pub(super) fn clones(&self) -> Vec<CloneAlarm> {
        self.clones.values().copied().collect()
    }

    /// Ends what may not stay: strangers whose time is up, duplicates that another outlives.
    pub(super) fn sweep(&mut self, now_ms: u64) {
        for held in self.held.values() {
            let age_ms = now_ms.saturating_sub(held.since_ms);
            let may_ms = millis(if self.guests {
                GUEST_TIME
            } else {
                STRANGER_TIME
            });
            if self.is_stranger(held) && age_ms >= may_ms {
                let cause = Cause::Refused(Reason::Stranger);
                let text = "no proof of membership in time; the connection was ended";
                self.security.note(now_ms, cause, held.who(), text);
                held.close(Ending::Stranger);
            }
        }
        let mut keys = BTreeSet::new();
        let mut twice = BTreeSet::new();
        for held in self.held.values() {
            if !keys.insert(held.key) {
                twice.insert(held.key);
            }
        }
        for held in self.held.values_mut() {
            if !twice.contains(&held.key) {
                held.doubt = None;
            }
        }
        for key in twice {
            self.settle(&key, now_ms);
        }
    }

    /// Tells whether connections of this scope are paused.
    pub(super) fn is_paused(&self, scope: Scope) -> bool {
        match scope {
            Scope::All => self.every == Passage::Paused,
            Scope::Cloud => self.every == Passage::Paused || self.uplink == Passage::Paused,
        }
    }

    /// Pauses connections of this scope, or opens them again.
    pub(super) fn set(&mut self, scope: Scope, passage: Passage) {
        match scope {
            Scope::All => self.every = passage,
            Scope::Cloud => self.uplink = passage,
        }
    }

    /// Begins or ends the wait for an event.
    ///
    /// Source: PROTOCOL R-JOIN-1, R-CARD-4.
    pub(super) fn wait_for(&mut self, ticket: Option<(PublicKey, Vec<SocketAddr>)>) {
        self.host = ticket.as_ref().map(|(inviter, _)| {
            if self.is_own(inviter) {
                Host::Anybody
            } else {
                Host::Inviter(*inviter)
            }
        });
        let inviter = ticket.filter(|(inviter, _)| !self.is_own(inviter));
        self.targets.inviter(inviter);
    }

    /// Lets whoever is reached hand an event over, unless this device is a member of one.
    pub(super) fn seek_host(&mut self) {
        if self.host.is_none() && !self.members.contains(&self.own) {
            self.host = Some(Host::Anybody);
        }
    }

    /// Tells whether a key is this device's.
    pub(super) fn is_own(&self, key: &PublicKey) -> bool {
        self.own == *key
    }

    /// Remembers where members are reached; tells whether that was news.
    pub(super) fn remember(&mut self) -> bool {
        let mut news = false;
        for held in self.held.values() {
            let roams = held.source == Source::Uplink || self.cloud == Some(held.key);
            if held.is_up() && !roams && self.members.contains(&held.key) {
                news |= self.targets.remember(held.key, held.address);
            }
        }
        news
    }

    /// Tells whether a peer is connected or about to be.
    pub(super) fn has(&self, key: &PublicKey) -> bool {
        self.held.values().any(|held| held.key == *key)
    }

    /// Tells whether members are missing, apart from this device.
    pub(super) fn is_hungry(&self) -> bool {
        // The cloud is reached through the uplink alone, by whichever of its nodes answers.
        let cloud = self.cloud;
        let others = self.members.iter();
        let others = others.filter(|key| **key != self.own && Some(**key) != cloud);
        let mut missing = others.filter(|key| !self.has(key));
        self.host.is_some() || missing.next().is_some()
    }

    /// Tells whether a device that is not admitted sent more than it may.
    pub(super) fn is_over(&self, peer: PeerId, bytes: u64) -> bool {
        let held = self.held.get(&peer);
        bytes > STRANGER_BYTES_MAX && held.is_some_and(|held| self.is_stranger(held))
    }

    /// Tells whether a connection is the one to the cloud.
    pub(super) fn is_to_cloud(&self, held: &Held) -> bool {
        held.source == Source::Uplink || self.cloud == Some(held.key)
    }

    /// Returns one connection.
    pub(super) fn get(&self, peer: PeerId) -> Option<&Held> {
        self.held.get(&peer)
    }

    /// Returns all connections.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Held> {
        self.held.values()
    }

    /// Returns all connections with their names.
    pub(super) fn peers(&self) -> impl Iterator<Item = (PeerId, &Held)> {
        self.held.iter().map(|(peer, held)| (*peer, held))
    }

    /// Returns all connections on which the peer has spoken.
    pub(super) fn infos(&self, now_ms: u64) -> Vec<LinkInfo> {
        let up = self.held.iter().filter(|(_, held)| held.up_ms.is_some());
        up.map(|(peer, held)| LinkInfo {
            peer: *peer,
            key: held.key,
            source: held.source,
            dialled: held.way.dialled.is_some(),
            address: held.address,
            over: held.way.over,
            connected_ms: now_ms.saturating_sub(held.since_ms),
            rtt_ms: millis(held.connection.rtt()),
            traffic: held.traffic(),
        })
        .collect()
    }

    /// Returns all traffic since the start.
    pub(super) fn traffic(&self) -> Traffic {
        let mut all = self.ended;
        for held in self.held.values() {
            all.add(&held.traffic());
        }
        all
    }

    /// Tells whether a handshake with this key may go on, and notes whom it refuses for good.
    fn admits(&self, key: &PublicKey) -> bool {
        if *key == self.own || self.every == Passage::Paused {
            return false;
        }
        let (cause, text) = if self.revoked.contains(key) {
            let text = "it came back and is no member any more";
            (Cause::Revoked, text)
        } else if self.members.contains(key) || self.strangers() < self.most.strangers {
            return true;
        } else {
            let text = "too many devices that are not admitted are connected";
            (Cause::Crowded, text)
        };
        let who = Who {
            key: Some(*key),
            ..Who::default()
        };
        let now_ms = millis(self.start.elapsed());
        self.security.note(now_ms, cause, who, text);
        false
    }

    /// Checks everything that a connection must pass after its handshake.
    fn may_begin(&self, key: &PublicKey, way: &Way, now_ms: u64) -> Result<(), Ending> {
        if self.stopping {
            return Err(Ending::Stopping);
        }
        // Whoever dialled: what is paused is talking to the cloud.
        let cloud = self.cloud == Some(*key) || way.dialled == Some(Source::Uplink);
        if self.is_paused(if cloud { Scope::Cloud } else { Scope::All }) {
            return Err(Ending::Paused);
        }
        if *key == self.own {
            return Err(Ending::Oneself);
        }
        if self.is_barred(key, now_ms) {
            return Err(Ending::Barred);
        }
        if self.revoked.contains(key) && !way.pinned {
            return Err(Ending::Revoked);
        }
        let stranger = !way.pinned && !self.members.contains(key);
        if self.held.len() >= self.most.links
            || (stranger && self.strangers() >= self.most.strangers)
        {
            return Err(Ending::Crowded);
        }
        let mut same = self.held.values().filter(|held| held.key == *key);
        let outlived = |held: &Held| {
            let fresh = held.up_ms.is_some_and(|up_ms| now_ms < up_ms + FRESH_MS);
            fresh && (held.way.dialled.is_some() || self.own > *key)
        };
        if way.dialled.is_some() && same.any(outlived) {
            return Err(Ending::Duplicate);
        }
        Ok(())
    }

    /// Returns the connection that has to go when one more of this key begins.
    fn surplus_of(&self, key: &PublicKey) -> Option<PeerId> {
        let mut same = self.held.iter().filter(|(_, held)| held.key == *key);
        let oldest = same.next()?;
        let others = same.count();
        (others + 1 >= LINKS_PER_KEY_MAX).then_some(*oldest.0)
    }

    /// Tells whether a connection is one of a device that is not admitted.
    fn is_stranger(&self, held: &Held) -> bool {
        !held.way.pinned && !self.members.contains(&held.key)
    }

    /// Counts the connections of devices that are not admitted.
    fn strangers(&self) -> usize {
        self.held
            .values()
            .filter(|held| self.is_stranger(held))
            .count()
    }

    /// Ends the connection that this side has to end, if one of several with a key is proven, and
    /// raises the alarm if two devices use the key.
    fn settle(&mut self, key: &PublicKey, now_ms: u64) {
        let same = self.held.iter_mut().filter(|(_, held)| held.key == *key);
        let rivals: Vec<_> = same.map(|(peer, held)| held.rival(*peer, now_ms)).collect();
        if let Some(addresses) = clones(&rivals) {
            self.alarm(key, addresses, now_ms);
        }
        let loser = loser(self.own > *key, &rivals);
        if let Some(held) = loser.and_then(|peer| self.held.get(&peer)) {
            held.close(Ending::Duplicate);
        }
    }

    /// Raises the alarm that two devices use one key, once for each pair of addresses.
    fn alarm(&mut self, key: &PublicKey, addresses: (SocketAddr, SocketAddr), now_ms: u64) {
        let known = self.clones.get_mut(key);
        if let Some(known) = known.filter(|known| known.addresses == addresses) {
            known.last_ms = now_ms;
            return;
        }
        if CLONES_MAX <= self.clones.len() && !self.clones.contains_key(key) {
            return;
        }
        let (one, other) = addresses;
        let text = format!("two devices use this key at the same time, at {one} and at {other}");
        self.security
            .note(now_ms, Cause::Clone, Who::peer(*key, other), &text);
        let alarm = CloneAlarm {
            key: *key,
            addresses,
            last_ms: now_ms,
        };
        self.clones.insert(*key, alarm);
    }
}

impl Shared {
    /// Locks the table. Never hold it across a wait.
    pub(super) fn lock(&self) -> MutexGuard<'_, Links> {
        // Every change under the lock leaves the table whole, so a panic elsewhere spoils nothing.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Admission for Shared {
    fn admits(&self, key: &PublicKey) -> bool {
        self.lock().admits(key)
    }
}

/// Returns an address as people write it: a mapped IPv4 address is an IPv4 address.
pub(super) fn canonical(address: SocketAddr) -> SocketAddr {
    match address.ip().to_canonical() {
        ip if ip == address.ip() => address,
        ip => SocketAddr::new(ip, address.port()),
    }
}
