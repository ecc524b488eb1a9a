//! The events of a cloud node: which are active, each with a loop of its own.
//!
//! An event becomes active when a device speaks of it or somebody asks about it, and is put away
//! again when nobody has for a while; so a node holds as many in memory as are being played, and no
//! more than it may. Layer: node, cloud.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tallyline_keys::PublicKey;
use tallyline_proto::model::{EventId, Ticket};
use tallyline_proto::replica::{Notice, PeerId, Reason};
use tallyline_proto::wire::{event_id, event_tag};
use tokio::sync::watch;
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::sleep;
use uuid::Uuid;

use super::alerting::Alerting;
use super::bus::Bus;
use super::founding::Founded;
use super::nobody;
use super::people::People;
use super::shelf::Shelf;
use crate::api::{Active, Open};
use crate::beside::Beside;
use crate::clock::Clock;
use crate::driver::{Driver, DriverThread, Link, Stopped, Unanswered, Unstarted};
use crate::figures::Figures;
use crate::growth::Growth;
use crate::local::protocol::{self, Answer, Call, Problem, Request, codes, exits};
use crate::local::{Answers, Clerk, Here, Network, names};
use crate::media::{self, Depot, Fetcher, Media, Metered};
use crate::net::{Net, Side, SidePeer, Sides};
use crate::root::events::Shelved;
use crate::root::{Mode, Root, RootLock};
use crate::store::StoreError;

/// Milliseconds without a connection or a question after which an event is put away.
const IDLE_MS: u64 = 5 * 60 * 1_000;

/// Time between two looks for events that may be put away.
const SWEEP_TIME: Duration = Duration::from_secs(15);

/// How long a list of the events is kept, in milliseconds.
const LISTED_MS: u64 = 1_000;

/// The events of a cloud node; copies are the same events.
#[derive(Clone)]
pub struct Events(Arc<Shared>);

/// What the events are made with.
pub struct Around {
    /// Who the node is.
    pub root: Arc<Root>,
    /// Where the events are kept.
    pub shelf: Shelf,
    /// Its connections.
    pub net: Arc<Net>,
    /// What tells the time.
    pub clock: Clock,
    /// What the answers need of the network.
    pub network: Arc<dyn Network>,
    /// Who answers.
    pub here: Here,
    /// Set when somebody asks the node to end.
    pub stop: Arc<watch::Sender<bool>>,
    /// How other nodes hear of changes.
    pub bus: Bus,
    /// What the node counts.
    pub figures: Figures,
    /// Where the nodes keep pictures and clips together.
    pub depot: Option<Depot>,
    /// Events that are active at once, at most.
    pub active_max: usize,
    /// Keeps other processes away from the root.
    pub lock: RootLock,
}

struct Shared {
    around: Around,
    slots: Mutex<BTreeMap<EventId, Arc<Slot>>>,
    /// Members of every event that was active since the start: those of one that was put away are
    /// no strangers when they come back.
    members: Mutex<BTreeMap<EventId, BTreeSet<PublicKey>>>,
    founded: Mutex<Founded>,
    /// New events that this node took up since its start.
    taken: AtomicU64,
    /// The list of events that was read last.
    listed: tokio::sync::Mutex<Option<Listed>>,
    /// Loops of events that were put away, on their way to their end.
    ending: Mutex<JoinSet<()>>,
    /// Answers what is about no event.
    nobody: Clerk,
}

/// A list of the events, as it was a moment ago.
struct Listed {
    at_ms: u64,
    /// How many events this node had taken up.
    taken: u64,
    events: Arc<Vec<Shelved>>,
}

/// The place of an event that is active, or about to be.
struct Slot {
    held: tokio::sync::Mutex<Option<Held>>,
    seen: Mutex<Seen>,
}

/// Who uses an event, and when somebody did last.
#[derive(Default)]
struct Seen {
    peers: BTreeSet<PeerId>,
    used_ms: u64,
}

/// An active event.
struct Held {
    driver: Driver,
    thread: DriverThread,
    open: Open,
    media: Arc<media::Server>,
    /// Ends the fetching of its media when it is dropped.
    _fetches: watch::Sender<bool>,
}

/// The link of one event's loop: to its own peers alone.
struct EventLink {
    events: std::sync::Weak<Shared>,
    event: EventId,
    net: Arc<Net>,
    bus: Bus,
    media: Media,
}

impl Events {
    /// Makes the events of a node; none is active yet. Needs the runtime that they live in.
    ///
    /// # Errors
    ///
    /// If there is no memory, or no randomness, for the loop of no event.
    pub fn new(around: Around) -> Result<Self, StoreError> {
        let nobody = nobody::clerk(&around)?;
        Ok(Self(Arc::new(Shared {
            around,
            slots: Mutex::default(),
            members: Mutex::default(),
            founded: Mutex::default(),
            taken: AtomicU64::new(0),
            listed: tokio::sync::Mutex::default(),
            ending: Mutex::default(),
            nobody,
        })))
    }

    /// Returns where the events are kept.
    pub(super) fn shelf(&self) -> &Shelf {
        &self.0.around.shelf
    }

    /// Returns what the nodes know of people that share the events' database; `None`: files of this
    /// node alone.
    pub fn people(&self) -> Option<People> {
        match self.shelf() {
            Shelf::Folder(_) => None,
            Shelf::Database(database) => Some(People::new(database.clone())),
        }
    }

    /// Returns where it is kept what the nodes tell about the events; `None`: in a file of this one alone.
    pub fn alerting(&self) -> Option<Alerting> {
        match self.shelf() {
            Shelf::Folder(_) => None,
            Shelf::Database(database) => {
                let node = self.root().key().fingerprint();
                Some(Alerting::new(database.clone(), node))
            }
        }
    }

    /// Returns who the node is.
    pub(super) fn root(&self) -> &Root {
        &self.0.around.root
    }

    /// Returns the way to the peers.
    pub(super) fn net(&self) -> &Arc<Net> {
        &self.0.around.net
    }

    /// Lets a connection in: makes its event active, and up to date with what other nodes did.
    ///
    /// # Errors
    ///
    /// Why not, for a log.
    pub(super) async fn enter(&self, event: EventId, peer: PeerId) -> Result<Driver, String> {
        let opened = self.open(event, Some(peer)).await;
        if opened.is_err() {
            self.left(event, peer);
        }
        opened.map(|(driver, _)| driver)
    }

    /// Notes that a connection ended.
    pub(super) fn left(&self, event: EventId, peer: PeerId) {
        let now_ms = self.now_ms();
        if let Some(slot) = lock(&self.0.slots).get(&event) {
            let mut seen = slot.seen();
            seen.peers.remove(&peer);
            seen.used_ms = now_ms;
        }
    }

    /// Takes a new event up that a device brings, unless there were too many within an hour. One that
    /// another connection, or another node, has brought meanwhile is none.
    ///
    /// # Errors
    ///
    /// Why not, for a log.
    pub(super) async fn take(&self, manifest: Vec<u8>, by: PublicKey) -> Result<EventId, String> {
        let tag = event_tag(event_id(&manifest));
        if let Ok(Some(event)) = self.shelf().find(tag).await {
            return Ok(event);
        }
        let mut links = self.net().links().into_iter();
        let link = links.find(|link| link.key == by);
        let address = link.map(|it| it.address.ip());
        let counted = lock(&self.0.founded).count(self.now_ms(), by, address);
        if !counted {
            return Err("too many new events within an hour".to_owned());
        }
        let taken = self.shelf().take(manifest).await;
        self.0.taken.fetch_add(1, Ordering::Relaxed);
        taken.map_err(|error| error.to_string())
    }

    /// Takes in what other nodes have added to an event, if it is active here; returns whether nothing is
    /// left to be taken in.
    pub(super) async fn catch_up(&self, event: Uuid) -> bool {
        let slot = {
            let slots = lock(&self.0.slots);
            let found = slots.iter().find(|(id, _)| id.uuid() == event);
            found.map(|(_, slot)| Arc::clone(slot))
        };
        let Some(slot) = slot else { return true };
        let driver = slot
            .held
            .lock()
            .await
            .as_ref()
            .map(|held| held.driver.clone());
        let Some(driver) = driver else { return true };
        let caught_up = driver.catch_up().await.is_ok();
        if !caught_up {
            tracing::debug!("an event was put away, or read again, while it was caught up with");
        }
        caught_up
    }

    /// Returns the UUIDs of the active events.
    pub(super) fn active(&self) -> Vec<Uuid> {
        lock(&self.0.slots).keys().map(EventId::uuid).collect()
    }

    /// Returns the active events by UUID; `None` for one whose place is busy just now.
    pub(super) fn opened(&self) -> Active {
        let slots = lock(&self.0.slots);
        let opened = slots
            .iter()
            .map(|(event, slot)| (event.uuid().to_string(), slot.open()));
        opened.collect()
    }

    /// Returns who answers for each active event, for whoever looks after them: a look does not keep one
    /// active. One whose place is busy just now is left out.
    pub fn looked_after(&self) -> Vec<(Uuid, Clerk)> {
        let slots = lock(&self.0.slots);
        let clerks = slots
            .iter()
            .filter_map(|(event, slot)| Some((event.uuid(), slot.open()?.clerk)));
        clerks.collect()
    }

    /// Returns who answers what is about the node and no event.
    pub fn nobodys_clerk(&self) -> Clerk {
        self.0.nobody.clone()
    }

    /// Returns who answers for an event: the one that is named, or the only one.
    ///
    /// # Errors
    ///
    /// If there is no such event, several are meant, or it cannot be opened.
    pub async fn clerk(&self, named: Option<&str>) -> Result<Clerk, Problem> {
        Ok(self.served(named).await?.clerk)
    }

    /// As [`Self::clerk`], with what HTTP needs besides.
    ///
    /// # Errors
    ///
    /// As [`Self::clerk`].
    pub(super) async fn served(&self, named: Option<&str>) -> Result<Open, Problem> {
        let event = self.meant(named).await?;
        let opened = self.open(event, None).await;
        let (_, open) = opened.map_err(|why| {
            Problem::new(
                codes::BAD_STORE,
                exits::STORAGE,
                format!("the event cannot be opened: {why}; nothing was changed; try again"),
            )
        })?;
        Ok(open)
    }

    /// Returns who answers what is about no event.
    pub(super) fn nobody(&self) -> Open {
        Open {
            clerk: self.0.nobody.clone(),
            growth: Growth::default(),
            uuid: String::new(),
            public: false,
        }
    }

    /// Lists the events by name, at most ten thousand. The list is kept for a moment: whoever asks
    /// for it again and again does not ask the store each time.
    ///
    /// # Errors
    ///
    /// If the store does not answer.
    pub async fn list(&self) -> Result<Arc<Vec<Shelved>>, Problem> {
        // Who comes meanwhile waits for this one's answer.
        let mut kept = self.0.listed.lock().await;
        let now_ms = self.now_ms();
        let taken = self.0.taken.load(Ordering::Relaxed);
        if let Some(it) = &*kept
            && now_ms.saturating_sub(it.at_ms) < LISTED_MS
            && it.taken == taken
        {
            return Ok(Arc::clone(&it.events));
        }
        let listed = self
            .shelf()
            .list()
            .await
            .map_err(|error| not_found(&error))?;
        let events = Arc::new(listed);
        *kept = Some(Listed {
            at_ms: now_ms,
            taken,
            events: Arc::clone(&events),
        });
        Ok(events)
    }

    async fn meant(&self, named: Option<&str>) -> Result<EventId, Problem> {
        if let Some(uuid) = named.and_then(|text| Uuid::parse_str(text).ok()) {
            // The way of programs, which know the whole UUID: the others are not looked through.
            let known = self.shelf().named(uuid).await;
            if let Ok(Some(event)) = known {
                return Ok(event);
            }
        }
        let meant = self.shelf().meant(named, names::MEANT_MAX).await;
        names::only(&meant.map_err(|error| not_found(&error))?, named)
    }

    /// Puts events away that nobody uses, again and again. Whoever is streamed to uses one.
    pub async fn keep_tidy(self) {
        loop {
            sleep(SWEEP_TIME).await;
            let now_ms = self.now_ms();
            let idle: Vec<EventId> = {
                let slots = lock(&self.0.slots);
                let idle = slots.iter().filter(|(_, slot)| {
                    let watched = slot.open().is_some_and(|it| it.growth.is_watched());
                    let seen = slot.seen();
                    let unused = IDLE_MS <= now_ms.saturating_sub(seen.used_ms);
                    !watched && seen.peers.is_empty() && unused
                });
                idle.map(|(event, _)| *event).collect()
            };
            for event in idle {
                self.put_away(event);
            }
        }
    }

    /// Ends every event's loop: what they were given before is committed.
    pub async fn close(&self) {
        let slots: Vec<Arc<Slot>> = {
            let mut slots = lock(&self.0.slots);
            std::mem::take(&mut *slots).into_values().collect()
        };
        for slot in slots {
            let held = slot.held.lock().await.take();
            if let Some(held) = held {
                end(held).await;
            }
        }
        let mut ending = std::mem::take(&mut *lock(&self.0.ending));
        while ending.join_next().await.is_some() {}
    }

    /// Makes an event active, if it is not, and up to date for a connection; returns its loop and who
    /// answers for it.
    async fn open(&self, event: EventId, peer: Option<PeerId>) -> Result<(Driver, Open), String> {
        loop {
            let slot = self.slot(event, peer);
            let mut held = slot.held.lock().await;
            if !self.is_place_of(event, &slot) {
                // It was put away in this moment.
                continue;
            }
            if let Some(held) = &*held {
                match held.ready(peer.is_some()).await {
                    Ok(()) => return Ok((held.driver.clone(), held.open.clone())),
                    // It opens its store again by itself; a fresh loop could not either.
                    Err(shut @ Unanswered::Shut(_)) => return Err(shut.to_string()),
                    Err(Unanswered::Stopped(_)) => {}
                }
            }
            if let Some(ended) = held.take() {
                end(ended).await;
            }
            self.make_room(event)?;
            let fresh = self.start(event).await?;
            let opened = (fresh.driver.clone(), fresh.open.clone());
            *held = Some(fresh);
            return Ok(opened);
        }
    }

    /// Starts the loop of an event.
    async fn start(&self, event: EventId) -> Result<Held, String> {
        let around = &self.0.around;
        let origin = around
            .shelf
            .origin(event, &around.root, around.clock.clone());
        let growth = Growth::default();
        let media = around.here.media.of_another_event();
        let link: Arc<dyn Link> = Arc::new(EventLink {
            events: Arc::downgrade(&self.0),
            event,
            net: Arc::clone(&around.net),
            bus: around.bus.clone(),
            media: media.clone(),
        });
        // With whom it was complete is known as long as the event is active, and in no file.
        let beside = Beside::default();
        let link = growth.watch(beside.watch(link, around.clock.clone()));
        let link = around.figures.watch(link);
        let started = spawn_blocking(move || Driver::start_on(origin, link)).await;
        let (driver, thread) = match started {
            Ok(Ok(started)) => started,
            Ok(Err(Unstarted::Store(error))) => return Err(error.to_string()),
            Ok(Err(Unstarted::System(error))) => return Err(error.to_string()),
            Err(error) => return Err(error.to_string()),
        };
        let driver = driver.counting(around.figures.clone());
        let here = Here {
            media: media.clone(),
            beside,
            ..around.here.clone()
        };
        let (network, stop) = (Arc::clone(&around.network), Arc::clone(&around.stop));
        let clerk = Clerk::new(driver.clone(), network, here, stop);
        // Nothing leaves a cloud over a link that costs by the byte.
        let (net, settings) = (&around.net, (Mode::Cloud, Metered::No));
        let server = media::Server::new(media.clone(), net, Metered::No);
        let (fetches, ended) = watch::channel(false);
        if let Some(depot) = &around.depot {
            net.run_beside(depot.fetch(media.clone(), ended.clone()));
        }
        let fetcher = Fetcher::new(media, Arc::clone(net), driver.clone(), settings);
        net.run_beside(fetcher.run(ended));
        let open = Open {
            clerk,
            growth,
            uuid: event.uuid().to_string(),
            public: true,
        };
        Ok(Held {
            driver,
            thread,
            open,
            media: Arc::new(server),
            _fetches: fetches,
        })
    }

    /// Returns who answers about the media of the event that a connection is about.
    async fn media_of(&self, peer: PeerId) -> Option<Arc<media::Server>> {
        let slot = {
            let slots = lock(&self.0.slots);
            let mut slots = slots.values();
            slots
                .find(|slot| slot.seen().peers.contains(&peer))
                .map(Arc::clone)?
        };
        let held = slot.held.lock().await;
        held.as_ref().map(|held| Arc::clone(&held.media))
    }

    /// Puts events away that nobody is connected with, if there are more than there may be: those
    /// first that were not used for longest.
    fn make_room(&self, but: EventId) -> Result<(), String> {
        let mut idle: Vec<(u64, EventId)> = {
            let slots = lock(&self.0.slots);
            let idle = slots.iter().filter(|(event, _)| **event != but);
            let idle = idle.map(|(event, slot)| (slot.seen().used_ms, *event));
            idle.collect()
        };
        idle.sort_unstable_by(|left, right| right.cmp(left));
        while self.0.around.active_max < lock(&self.0.slots).len() {
            let Some((_, event)) = idle.pop() else {
                lock(&self.0.slots).remove(&but);
                return Err("as many events are active as this node may hold".to_owned());
            };
            self.put_away(event);
        }
        Ok(())
    }

    /// Ends the loop of an event that nobody is connected with and nobody is about to use; its last
    /// commits go on behind.
    fn put_away(&self, event: EventId) {
        let mut slots = lock(&self.0.slots);
        let Some(slot) = slots.get(&event).map(Arc::clone) else {
            return;
        };
        let Ok(mut held) = slot.held.try_lock() else {
            return;
        };
        if !slot.seen().peers.is_empty() {
            return;
        }
        slots.remove(&event);
        if let Some(held) = held.take() {
            let mut ending = lock(&self.0.ending);
            while ending.try_join_next().is_some() {}
            ending.spawn(end(held));
        }
    }

    /// Tells whether a slot is the one of its event.
    fn is_place_of(&self, event: EventId, slot: &Arc<Slot>) -> bool {
        lock(&self.0.slots)
            .get(&event)
            .is_some_and(|it| Arc::ptr_eq(it, slot))
    }

    /// Returns the place of an event, used from now on, by a connection perhaps.
    fn slot(&self, event: EventId, peer: Option<PeerId>) -> Arc<Slot> {
        let now_ms = self.now_ms();
        let mut slots = lock(&self.0.slots);
        let slot = slots.entry(event).or_insert_with(|| {
            Arc::new(Slot {
                held: tokio::sync::Mutex::new(None),
                seen: Mutex::default(),
            })
        });
        let mut seen = slot.seen();
        seen.used_ms = now_ms;
        seen.peers.extend(peer);
        drop(seen);
        Arc::clone(slot)
    }

    fn now_ms(&self) -> u64 {
        self.0.around.clock.now().mono_ms
    }
}

impl Shared {
    /// Tells the network who is a member of an event from here on.
    fn members(&self, event: EventId, keys: &[PublicKey]) {
        let mut members = lock(&self.members);
        let (come, gone) = change(&mut members, event, keys);
        self.around.net.change_members(&come, &gone);
    }

    /// Returns the connections about an event.
    fn peers(&self, event: EventId) -> Vec<PeerId> {
        let slots = lock(&self.slots);
        let slot = slots.get(&event);
        slot.map(|slot| slot.seen().peers.iter().copied().collect())
            .unwrap_or_default()
    }
}

impl Held {
    /// Returns once its loop can be asked. For a connection it is brought up to date first: what is in
    /// memory is a cache of what is committed, and the Hello must not say less. Whoever only looks
    /// sees what hints have brought; thousands who look are not to ask the database each time.
    async fn ready(&self, for_a_connection: bool) -> Result<(), Unanswered> {
        if for_a_connection {
            self.driver.catch_up().await
        } else if self.driver.is_running() {
            Ok(())
        } else {
            Err(Stopped.into())
        }
    }
}

impl Slot {
    /// Returns the event, if it is active and nobody is busy with its place.
    fn open(&self) -> Option<Open> {
        Some(self.held.try_lock().ok()?.as_ref()?.open.clone())
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        lock(&self.seen)
    }
}

impl Link for EventLink {
    fn send(&self, peer: PeerId, frame: Vec<u8>) {
        self.net.link().send(peer, frame);
    }

    fn close(&self, peer: PeerId, reason: Reason) {
        self.net.link().close(peer, reason);
    }

    fn notice(&self, notice: &Notice) {
        match notice {
            Notice::Members(keys) => {
                if let Some(events) = self.events.upgrade() {
                    events.members(self.event, keys);
                }
            }
            Notice::Grew { .. } => {
                self.media.news();
                self.bus.publish(self.event.uuid());
            }
            Notice::Refused { .. } => self.net.link().notice(notice),
            // A cloud is found by its address, calls nobody and waits for nobody.
            Notice::Discover { .. }
            | Notice::Guests(_)
            | Notice::Call { .. }
            | Notice::Agreed { .. }
            | Notice::Receipted { .. } => {}
        }
    }

    fn reset(&self) {
        if let Some(events) = self.events.upgrade() {
            self.net.reset(&events.peers(self.event));
        }
    }

    fn joining(&self, _ticket: Option<&Ticket>) {}
}

impl Sides for Events {
    fn answer(
        &self,
        peer: SidePeer,
        side: Side,
    ) -> Pin<Box<dyn Future<Output = Option<String>> + Send + '_>> {
        Box::pin(async move {
            match self.media_of(peer.peer).await {
                Some(server) => server.answer(peer, side).await,
                None => None,
            }
        })
    }
}

impl Answers for Events {
    async fn answer(&self, call: Call) -> Answer {
        if nobody::about_the_node(&call.request) {
            return self.0.nobody.answer(call).await;
        }
        if let Request::EventList(_) = call.request {
            return match self.list().await {
                Ok(listed) => {
                    let listed = listed.iter().map(|it| (it.name.clone(), it.event));
                    Answer::ok(&protocol::Events::of(listed))
                }
                Err(problem) => Answer::Error(problem),
            };
        }
        match self.clerk(call.event.as_deref()).await {
            Ok(clerk) => clerk.answer(call).await,
            // A cloud without any event answers as a device without one; and how the node does can be
            // said without naming one of several.
            Err(problem)
                if (problem.code == codes::NO_EVENT && call.request.reads())
                    || (problem.code == codes::WHICH_EVENT
                        && nobody::may_be_any(&call.request)) =>
            {
                self.0.nobody.answer(call).await
            }
            Err(problem) => Answer::Error(problem),
        }
    }
}

/// Says that the store does not answer which events there are.
fn not_found(error: &StoreError) -> Problem {
    Problem::new(
        codes::BAD_STORE,
        exits::STORAGE,
        format!("the events cannot be looked up: {error}; nothing was changed; try again"),
    )
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events")
            .field("shelf", &self.0.around.shelf)
            .field("active", &lock(&self.0.slots).len())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Around {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Around")
            .field("shelf", &self.shelf)
            .field("bus", &self.bus)
            .field("active_max", &self.active_max)
            .finish_non_exhaustive()
    }
}

/// Notes the members of an event; returns who is a member now, and who is of no event any more.
fn change(
    members: &mut BTreeMap<EventId, BTreeSet<PublicKey>>,
    event: EventId,
    keys: &[PublicKey],
) -> (Vec<PublicKey>, Vec<PublicKey>) {
    let now: BTreeSet<PublicKey> = keys.iter().copied().collect();
    let before = members.insert(event, now.clone()).unwrap_or_default();
    let come = now.difference(&before).copied().collect();
    let elsewhere = |key: &PublicKey| members.values().any(|it| it.contains(key));
    let gone = before.difference(&now).filter(|key| !elsewhere(key));
    let gone = gone.copied().collect();
    (come, gone)
}

/// Ends a loop and waits for its thread. Who is streamed to learns that there is nothing more here.
async fn end(held: Held) {
    held.driver.stop().await;
    held.driver.ended().await;
    held.open.growth.rise();
    let joined = spawn_blocking(move || held.thread.join()).await;
    if let Ok(Err(fault)) = joined {
        tracing::error!(fault, "an event's loop ended by a fault");
    }
}

/// Locks what no panic leaves half-changed.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use tallyline_keys::DeviceKey;
    use tallyline_proto::model::Hash;

    use super::*;

    /// Whoever founds an event may admit and revoke anybody's key in it.
    #[test]
    fn who_is_a_member_of_another_event_is_not_gone() {
        let event = |number: u8| EventId(Hash([number; 32]));
        let [own, other] = [1, 2].map(|it| DeviceKey::from_seed([it; 32]).public());
        let mut members = BTreeMap::new();
        assert_eq!(change(&mut members, event(1), &[own]).0, [own]);
        assert_eq!(change(&mut members, event(2), &[own, other]).1, []);
        assert_eq!(change(&mut members, event(2), &[]).1, [other]);
        assert_eq!(change(&mut members, event(1), &[]).1, [own]);
    }
}
