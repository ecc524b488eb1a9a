//! What all tasks of the network share: the table of connections, the sockets, the driver's ear.
//!
//! Starts and ends tasks; decides nothing that [`Links`] can decide. Layer: above `links` and
//! `endpoint`, below everything that runs.

use std::collections::BTreeSet;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use quinn::Endpoint;
use tallyline_keys::PublicKey;
use tallyline_keys::tls::Expected;
use tallyline_proto::replica::{Input, Notice, PeerId, Reason, Ticket};
use tokio::sync::{Notify, watch};
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::{Instant, sleep, timeout};
use tracing::{debug, info};

use super::discovery::{TargetId, best_first};
use super::endpoint::Doors;
use super::framing::FrameError;
use super::limits::{ADDRESSES_MAX, GOODBYE_TIME, MEMORY_REST, STOP_TIME};
use super::links::{Ending, Held, Host, Links, Outgoing, Passage, Shared};
use super::mdns::{Search, Verifier};
use super::memory::{self, Memory};
use super::{Deaf, Inlet, LinkInfo, NetConfig, NetError, Scope, Sides, Traffic, Trouble};
use crate::clock::millis;
use crate::entropy;
use crate::root::Mode;
use crate::security::{Cause, Who};

/// What all tasks of the network share.
pub(super) struct Hub {
    links: Shared,
    doors: Doors,
    mode: Mode,
    start: Instant,
    memory: Option<PathBuf>,
    inlet: OnceLock<Arc<dyn Inlet>>,
    search: watch::Sender<Search>,
    verifier: Verifier,
    /// Wakes the supervisor of dials.
    dials: Notify,
    /// Wakes the uplink out of its wait.
    uplink: Notify,
    /// Why the cloud was not reached at the last try.
    trouble: Mutex<Option<Trouble>>,
    /// Wakes whoever writes the file of peers.
    memory_changed: Notify,
    /// Who answers on streams beside the frames.
    pub(super) sides: OnceLock<Arc<dyn Sides>>,
    /// Wakes who looks for media: entries came, or somebody connected.
    pub(super) news: Notify,
    tasks: Mutex<JoinSet<()>>,
    conversations: Mutex<JoinSet<()>>,
}

impl Hub {
    /// Puts everything together; no task runs yet.
    pub(super) fn start(config: &NetConfig, doors: Doors, links: Shared) -> Arc<Self> {
        let start = links.lock().start;
        links.lock().cloud = config.uplink.as_ref().map(|uplink| uplink.key);
        Arc::new(Self {
            links,
            doors,
            mode: config.mode,
            start,
            memory: config.memory.clone(),
            inlet: OnceLock::new(),
            search: watch::Sender::new(Search::default()),
            verifier: Verifier::default(),
            dials: Notify::new(),
            uplink: Notify::new(),
            trouble: Mutex::new(None),
            memory_changed: Notify::new(),
            sides: OnceLock::new(),
            news: Notify::new(),
            tasks: Mutex::new(JoinSet::new()),
            conversations: Mutex::new(JoinSet::new()),
        })
    }

    /// Takes the driver's ear, once.
    ///
    /// # Errors
    /// [`Deaf`] if there is one already.
    pub(super) fn attach(&self, inlet: Arc<dyn Inlet>) -> Result<(), Deaf> {
        self.inlet.set(inlet).map_err(|_| Deaf)
    }

    /// Gives the driver one input.
    ///
    /// # Errors
    /// [`Deaf`] if the driver stopped or was never there.
    pub(super) async fn input(&self, input: Input) -> Result<(), Deaf> {
        match self.inlet.get() {
            Some(inlet) => inlet.input(input).await,
            None => Err(Deaf),
        }
    }

    /// Runs a task that is aborted at the end.
    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        spawn_into(&self.tasks, task);
    }

    /// Runs a task of one connection, which ends by itself when the connection does.
    pub(super) fn converse<T>(&self, task: impl Future<Output = T> + Send + 'static) {
        let task = async { drop(task.await) };
        spawn_into(&self.conversations, task);
    }

    /// Returns milliseconds since the start, on the runtime's clock, which tests can hold.
    pub(super) fn now_ms(&self) -> u64 {
        millis(self.start.elapsed())
    }

    /// Returns the table of connections.
    pub(super) fn links(&self) -> &Shared {
        &self.links
    }

    /// Returns sockets and TLS.
    pub(super) fn doors(&self) -> &Doors {
        &self.doors
    }

    /// Returns the sockets.
    pub(super) fn endpoints(&self) -> &[Endpoint] {
        self.doors.endpoints()
    }

    /// Returns the port that peers are told.
    pub(super) fn port(&self) -> u16 {
        self.doors.port()
    }

    /// Waits until something may be due to be dialled.
    pub(super) async fn dials_wake(&self) {
        self.dials.notified().await;
    }

    /// Waits until the uplink should be tried at once.
    pub(super) async fn uplink_wake(&self) {
        self.uplink.notified().await;
    }

    /// Notes why the cloud was not reached.
    pub(super) fn note_trouble(&self, trouble: Trouble) {
        *self.trouble() = Some(trouble);
    }

    /// Returns why the cloud was not reached at the last try, behind its lock.
    pub(super) fn trouble(&self) -> MutexGuard<'_, Option<Trouble>> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns what mDNS should do.
    pub(super) fn search(&self) -> watch::Receiver<Search> {
        self.search.subscribe()
    }

    /// Returns the place where mDNS can be asked whether a peer is still there.
    pub(super) fn verifier(&self) -> Verifier {
        self.verifier.clone()
    }

    /// Returns whom a dial of this place may reach; `None` if it must not be dialled.
    pub(super) fn expected(&self, target: &TargetId) -> Option<Expected> {
        let links = self.links.lock();
        if let Some(Host::Inviter(inviter)) = links.host {
            return Some(Expected::Key(inviter));
        }
        match target {
            TargetId::Ticket => None,
            TargetId::Known(key) | TargetId::Called(Some(key)) => Some(Expected::Key(*key)),
            TargetId::Static(_) | TargetId::Mdns(_) | TargetId::Called(None) => {
                Some(Expected::Admitted(Arc::new(self.links.clone())))
            }
        }
    }

    /// Tells mDNS how urgent the search is, and the supervisor to look again.
    pub(super) fn changed(&self) {
        let hungry = self.links.lock().is_hungry();
        self.search.send_if_modified(|search| {
            let changed = search.hungry != hungry;
            search.hungry = hungry;
            changed
        });
        self.dials.notify_one();
    }

    /// Notes that a peer spoke for the first time.
    pub(super) fn is_up(&self, peer: PeerId) {
        let now_ms = self.now_ms();
        {
            let mut links = self.links.lock();
            links.spoke(peer, now_ms);
            if links.get(peer).is_some_and(|held| links.is_to_cloud(held)) {
                *self.trouble() = None;
            }
        }
        info!(peer = peer.0, "a peer is connected");
        self.news.notify_one();
        self.remember();
        self.changed();
    }

    /// Notes that a connection ended; its peer is looked for again.
    pub(super) fn ended(&self, peer: PeerId) {
        let now_ms = self.now_ms();
        let lost = {
            let mut links = self.links.lock();
            let Some(held) = links.end(peer) else {
                return;
            };
            look_again(&mut links, &held, now_ms)
        };
        if let Some(name) = lost {
            self.verifier.verify(name);
        }
        self.changed();
    }

    /// Ends one connection after everything before it was sent.
    pub(super) fn end(&self, peer: PeerId, ending: Ending) {
        let now_ms = self.now_ms();
        debug!(peer = peer.0, why = ending.name(), "ending a connection");
        // First: once the connection may end, nobody knows its key any more.
        if ending == Ending::Refused(Reason::Demerits) {
            self.links.lock().strike(peer, now_ms);
        }
        self.put(peer, Outgoing::End(ending));
    }

    /// Ends the oldest of too many connections with one key, at once: one without a stream has
    /// nobody who would deliver its last frames, and one key must not fill the table with such.
    pub(super) fn evict(&self, peer: PeerId) {
        if let Some(held) = self.links.lock().get(peer) {
            held.close(Ending::Duplicate);
        }
    }

    /// Ends a connection whose stream cannot be read on. A length that no honest peer writes is
    /// held against its key.
    pub(super) fn broke(&self, peer: PeerId, error: &FrameError) {
        let now_ms = self.now_ms();
        let mut links = self.links.lock();
        let Some(held) = links.get(peer) else {
            return;
        };
        held.close(Ending::Broken);
        let (cause, who) = (Cause::Broken, held.who());
        links.security.note(now_ms, cause, who, &error.to_string());
        match error {
            FrameError::TooLarge | FrameError::Malformed => links.strike(peer, now_ms),
            // Slow links and dead peers do that.
            FrameError::Truncated | FrameError::Slow | FrameError::Lost(_) => {}
        }
    }

    /// Tells whether a device that is not admitted sent more than it may.
    pub(super) fn is_over(&self, peer: PeerId, bytes: u64) -> bool {
        let links = self.links.lock();
        let over = links.is_over(peer, bytes);
        if let Some(held) = links.get(peer).filter(|_| over) {
            let cause = Cause::Refused(Reason::Stranger);
            let text = "a device that is not admitted sent more than 64 KiB";
            links.security.note(self.now_ms(), cause, held.who(), text);
        }
        over
    }

    /// Ends every connection, because the store was opened again and tells the members anew.
    pub(super) fn begin_anew(&self) {
        self.links.lock().expect_anew();
        self.end_all(Ending::Reset);
    }

    /// Ends some connections, whose conversations begin anew.
    pub(super) fn reset_some(&self, peers: &[PeerId]) {
        let links = self.links.lock();
        for held in peers.iter().filter_map(|peer| links.get(*peer)) {
            held.close(Ending::Reset);
        }
    }

    /// Writes into the security log.
    pub(super) fn note(&self, cause: Cause, who: Who, text: &str) {
        let security = self.links.lock().security.clone();
        security.note(self.now_ms(), cause, who, text);
    }

    /// Ends every connection at once.
    pub(super) fn end_all(&self, ending: Ending) {
        for held in self.links.lock().iter() {
            held.close(ending);
        }
    }

    /// Puts a frame into a peer's queue.
    pub(super) fn send_frame(&self, peer: PeerId, frame: Vec<u8>) {
        self.put(peer, Outgoing::Frame(frame));
    }

    /// Puts something into a peer's queue without waiting.
    fn put(&self, peer: PeerId, out: Outgoing) {
        let links = self.links.lock();
        if let Some(held) = links.get(peer)
            && held.put(out)
        {
            let text = "the peer does not read what it is sent; the connection was ended";
            let security = &links.security;
            security.note(self.now_ms(), Cause::Unread, held.who(), text);
        }
    }

    /// Takes in what the core says.
    pub(super) fn take_notice(&self, notice: &Notice) {
        match notice {
            Notice::Members(keys) => self.replace_members(keys),
            Notice::Discover { discovery_key } => {
                self.search.send_modify(|search| {
                    search.announce = Some(*discovery_key);
                    search.seek.insert(*discovery_key);
                });
                self.dials.notify_one();
            }
            Notice::Grew { .. } => self.news.notify_one(),
            Notice::Agreed { .. } | Notice::Receipted { .. } => {}
            Notice::Guests(waited_for) => self.links.lock().guests = *waited_for,
            Notice::Call { key, addresses } => {
                let mut addresses: Vec<SocketAddr> =
                    addresses.iter().filter_map(|it| it.parse().ok()).collect();
                best_first(&mut addresses);
                self.links.lock().targets.called(*key, addresses);
                self.changed();
            }
            Notice::Refused { peer, reason, text } => {
                let who = self.links.lock().get(*peer).map(Held::who);
                self.note(Cause::Refused(*reason), who.unwrap_or_default(), text);
            }
        }
    }

    /// Begins or ends a join, or the wait of a card's device for its event.
    pub(super) fn join(&self, ticket: Option<&Ticket>) {
        let inviter = ticket.map(|ticket| {
            let mut addresses: Vec<SocketAddr> = ticket
                .addresses
                .iter()
                .filter_map(|address| address.parse().ok())
                .collect();
            best_first(&mut addresses);
            (ticket.inviter, addresses)
        });
        self.links.lock().wait_for(inviter);
        if let Some(ticket) = ticket {
            self.search.send_modify(|search| {
                search.seek.insert(ticket.discovery_key);
            });
        }
        self.changed();
    }

    /// Adds the peers of the configuration.
    pub(super) fn configure(&self, peers: &[String]) {
        let mut links = self.links.lock();
        for place in peers {
            links.targets.configured(place.clone());
        }
    }

    /// Adds the peers of the last start.
    pub(super) fn remember_all(&self, memory: Memory) {
        let mut links = self.links.lock();
        for (key, addresses) in memory.peers {
            for address in addresses.into_iter().rev() {
                links.targets.remember(key, address);
            }
        }
    }

    /// Drops and refuses connections.
    pub(super) fn pause(&self, scope: Scope) {
        let mut links = self.links.lock();
        links.set(scope, Passage::Paused);
        for held in links.iter() {
            if scope == Scope::All || links.is_to_cloud(held) {
                held.close(Ending::Paused);
            }
        }
    }

    /// Lets connections be made again, at once.
    pub(super) fn resume(&self, scope: Scope) {
        let now_ms = self.now_ms();
        {
            let mut links = self.links.lock();
            links.set(scope, Passage::Open);
            links.targets.hurry(now_ms);
        }
        self.uplink.notify_one();
        self.changed();
    }

    /// Makes every dial due, the cloud's too.
    pub(super) fn hurry(&self) {
        let now_ms = self.now_ms();
        self.links.lock().targets.hurry(now_ms);
        self.uplink.notify_one();
        self.changed();
    }

    /// Dials places whose device may hand an event over, until this device is a member.
    pub(super) fn seek_event(&self, from: &[String]) {
        self.configure(from);
        self.links.lock().seek_host();
        self.hurry();
    }

    /// Tells whether connections of this scope are paused.
    pub(super) fn paused(&self, scope: Scope) -> bool {
        self.links.lock().is_paused(scope)
    }

    /// Returns every connection on which the peer has spoken.
    pub(super) fn infos(&self) -> Vec<LinkInfo> {
        self.links.lock().infos(self.now_ms())
    }

    /// Returns all traffic since the start.
    pub(super) fn traffic(&self) -> Traffic {
        self.links.lock().traffic()
    }

    /// Returns addresses at which peers may reach this device.
    pub(super) fn addresses(&self) -> Vec<SocketAddr> {
        let mut addresses = BTreeSet::new();
        for local in self.doors.local_addresses() {
            if !local.ip().is_unspecified() {
                addresses.insert(local);
                continue;
            }
            let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
            let ips = interfaces.iter().map(if_addrs::Interface::ip);
            let usable = ips.filter(|ip| match ip {
                std::net::IpAddr::V4(_) => true,
                // A link-local address means nothing without the reader's own interface.
                std::net::IpAddr::V6(ip) => local.is_ipv6() && !ip.is_unicast_link_local(),
            });
            addresses.extend(usable.map(|ip| SocketAddr::new(ip, local.port())));
        }
        let mut addresses: Vec<_> = addresses.into_iter().collect();
        best_first(&mut addresses);
        addresses.truncate(ADDRESSES_MAX);
        addresses
    }

    /// Writes port and remembered addresses to their file whenever they change, for ever.
    pub(super) async fn keep_memory(self: Arc<Self>) {
        loop {
            self.write_memory().await;
            self.memory_changed.notified().await;
            // A venue that starts at once changes it a dozen times within a second.
            sleep(MEMORY_REST).await;
        }
    }

    /// Writes port and remembered addresses to their file, on a thread that may wait.
    async fn write_memory(&self) {
        let Some(path) = self.memory.clone() else {
            return;
        };
        let peers = {
            let links = self.links.lock();
            let known = links.targets.remembered();
            known
                .map(|(key, addresses)| (key, addresses.to_vec()))
                .collect()
        };
        let memory = Memory {
            port: Some(self.port()),
            peers,
        };
        if spawn_blocking(move || memory::save(&path, &memory))
            .await
            .is_err()
        {
            debug!("the file of peers was not written");
        }
    }

    /// Ends all tasks where they stand.
    pub(super) fn abandon(&self) {
        self.links.lock().stopping = true;
        take(&self.tasks).abort_all();
        take(&self.conversations).abort_all();
    }

    /// Says goodbye and waits for all tasks, a bounded time.
    pub(super) async fn close(&self) {
        {
            let mut links = self.links.lock();
            links.stopping = true;
            for held in links.iter() {
                held.close(Ending::Stopping);
            }
        }
        take(&self.tasks).shutdown().await;
        self.verifier.stop().await;
        let mut conversations = take(&self.conversations);
        let all_ended = timeout(STOP_TIME, async {
            while conversations.join_next().await.is_some() {}
        });
        if all_ended.await.is_err() {
            conversations.shutdown().await;
        }
        let endpoints = || self.endpoints().iter().chain(self.doors.tunnelled());
        for endpoint in endpoints() {
            endpoint.close(Ending::Stopping.code(), Ending::Stopping.name().as_bytes());
        }
        for endpoint in endpoints() {
            if timeout(GOODBYE_TIME, endpoint.wait_idle()).await.is_err() {
                debug!("connections linger");
            }
        }
    }

    /// Replaces the members; who is one from here on is dialled at once.
    fn replace_members(&self, keys: &[PublicKey]) {
        let now_ms = self.now_ms();
        {
            let mut links = self.links.lock();
            links.replace_members(keys.iter().copied(), now_ms);
            if links.host.is_none() {
                links.targets.inviter(None);
            }
            links.targets.hurry(now_ms);
        }
        self.remember();
        self.changed();
    }

    /// Adds members of some events of many and takes others away.
    pub(super) fn change_members(&self, come: &[PublicKey], gone: &[PublicKey]) {
        self.links.lock().change_members(come, gone);
    }

    /// Remembers where members are reached, in memory and on disk.
    fn remember(&self) {
        // The cloud cannot dial into a venue.
        if self.mode != Mode::Cloud && self.links.lock().remember() {
            self.memory_changed.notify_one();
        }
    }
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub")
            .field("port", &self.port())
            .field("mode", &self.mode)
            .finish_non_exhaustive()
    }
}

/// Makes a lost peer due again; returns its mDNS name to be verified.
fn look_again(links: &mut Links, held: &Held, now_ms: u64) -> Option<String> {
    if let Some(target) = held.way.target.as_ref().filter(|_| !held.is_up()) {
        links.targets.failed(target, now_ms, luck());
        return None;
    }
    if links.has(&held.key) || !held.is_up() {
        return None;
    }
    info!("a peer is gone; it is looked for");
    links.targets.lost(&held.key, now_ms, luck());
    links.targets.mdns_name(&held.key).map(ToOwned::to_owned)
}

/// Draws a number to spread waits by; without randomness all wait alike, which is only slower.
pub(super) fn luck() -> u64 {
    entropy::number().unwrap_or_default()
}

/// Runs a task in a set, and forgets those of the set that ended.
fn spawn_into(set: &Mutex<JoinSet<()>>, task: impl Future<Output = ()> + Send + 'static) {
    let mut set = set.lock().unwrap_or_else(PoisonError::into_inner);
    while set.try_join_next().is_some() {}
    set.spawn(task);
}

/// Takes all tasks out of a set.
fn take(set: &Mutex<JoinSet<()>>) -> JoinSet<()> {
    std::mem::take(&mut *set.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Turns a refusal of QUIC's limits into this layer's error.
pub(super) fn too_large<E>(_: E) -> NetError {
    NetError::Limits
}
