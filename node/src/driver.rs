//! The heart of a node: one plain loop on its own thread.
//!
//! ```text
//! gather (up to 256 waiting inputs) -> step -> commit (one transaction, one fsync) -> release
//! ```
//!
//! Everything else in the process is a bounded pipe into this loop or out of it. Group commit
//! comes for free: what waits while the disk works is one transaction afterwards. If a commit
//! fails, nothing of the step leaves the device: its requests are answered "not saved", all
//! connections are closed, the replica is dropped and read again from the store, and a fresh
//! incarnation is drawn, so that nothing is ever signed twice.
//!
//! Knows neither QUIC nor JSON. Layer: node, above `store`.

mod failures;
mod origin;
mod work;

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use tallyline_keys::PublicKey;
use tallyline_proto::model::Incarnation;
use tallyline_proto::replica::{
    Command, Identity, Input, NotSaved, Notice, Now, PeerId, Reason, Released, Replica, Reply,
    RequestId, Write,
};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use crate::clock::Clock;
use crate::entropy;
use crate::failpoint::{Site, pass};
use crate::figures::Figures;
use crate::root::room::Room;
use crate::root::{Mode, Root, RootError, RootLock};
use crate::store::{EventStore, News, StoreError};

pub(crate) use self::failures::Unstarted;
pub use self::failures::{CommandFailed, StartError, Stopped, Unanswered};
pub use self::origin::{Content, Home, Opener, Origin};

use work::{Batch, Pending, Query, Work};

/// Most things that wait for the loop: a few connections' worth of frames; who finds the queue
/// full waits, so a fast peer is slowed down instead of filling the memory.
const QUEUE_MAX: usize = 1024;

/// Most things taken into one step: bounds how long the first of them waits for its commit.
const BATCH_MAX: usize = 256;

/// Least milliseconds between two ticks: the core wants one every 50 to 250 ms while it has something to
/// do by itself.
const TICK_MS: u64 = 100;

/// As [`TICK_MS`], while the core has nothing to do by itself: a phone sleeps, and a cloud holds thousands
/// of events that nobody plays.
const IDLE_TICK_MS: u64 = 1_000;

/// Milliseconds between two looks at what the disk has left: a camera app beside it fills at most
/// 100 MB meanwhile, and others' entries are refused from 128 MiB on.
const ROOM_MS: u64 = 5_000;

/// First wait in milliseconds before a failed store is opened again; doubles with each failure.
const REOPEN_FIRST_MS: u64 = 50;

/// Longest wait in milliseconds before a failed store is opened again: after somebody made room
/// on a full disk, an official waits no longer than this.
const REOPEN_LAST_MS: u64 = 5_000;

/// What the loop sends outwards; `net` implements it. Nothing here may block.
pub trait Link: Send + Sync {
    /// Sends one frame; a full queue closes that connection.
    fn send(&self, peer: PeerId, frame: Vec<u8>);
    /// Closes one connection.
    fn close(&self, peer: PeerId, reason: Reason);
    /// Tells what the network may want to know: members, discovery key, refusals.
    fn notice(&self, notice: &Notice);
    /// Closes all connections: the store was opened again and conversations begin anew.
    fn reset(&self);
    /// Tells whose admission is wanted: while a join is under way, only that key is dialled.
    fn joining(&self, ticket: Option<&tallyline_proto::model::Ticket>);
}

/// A link that leads nowhere, for commands without a running node.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoLink;

/// A handle on the loop; cheap to clone. The loop ends when it is told to stop, or when the last
/// handle is dropped.
#[derive(Clone, Debug)]
pub struct Driver {
    queue: mpsc::Sender<Work>,
    key: PublicKey,
    trouble: Trouble,
    figures: Figures,
}

/// Why the last commit failed, until one succeeds; shared by the loop and its handles.
type Trouble = Arc<Mutex<Option<String>>>;

/// The loop's thread, to be joined.
#[derive(Debug)]
pub struct DriverThread {
    thread: JoinHandle<()>,
}

/// Everything the loop works on.
struct Loop {
    origin: Origin,
    link: Arc<dyn Link>,
    queue: mpsc::Receiver<Work>,
    replica: Replica,
    store: Box<dyn EventStore>,
    pending: Pending,
    last_tick_ms: u64,
    room_at_ms: u64,
    failures: u32,
    trouble: Trouble,
}

/// Whether the loop goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    GoOn,
    End,
}

impl Driver {
    /// Locks the root, opens its store, reads the event and starts the loop on its own thread.
    ///
    /// A store that is damaged is moved aside and a fresh one is made.
    ///
    /// # Errors
    ///
    /// [`StartError`], with what to do.
    pub fn start(
        root: Root,
        link: Arc<dyn Link>,
        clock: Clock,
    ) -> Result<(Self, DriverThread), StartError> {
        let path = root.store_path();
        let origin = Origin::on_disk(root, clock)?;
        Self::start_on(origin, link).map_err(|error| match error {
            Unstarted::Store(error @ StoreError::Newer { .. }) => StartError::Newer { path, error },
            Unstarted::Store(error) => StartError::Store { path, error },
            Unstarted::System(error) => StartError::System(error),
        })
    }

    /// Starts the loop of an origin on a thread of its own.
    pub(crate) fn start_on(
        origin: Origin,
        link: Arc<dyn Link>,
    ) -> Result<(Self, DriverThread), Unstarted> {
        let (driver, work) = Self::prepare(origin, link).map_err(Unstarted::Store)?;
        let timers = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .map_err(Unstarted::System)?;
        let thread = std::thread::Builder::new()
            .name("driver".to_owned())
            .spawn(move || timers.block_on(work))
            .map_err(Unstarted::System)?;
        Ok((driver, DriverThread { thread }))
    }

    /// Opens the store and reads the event, and returns the loop as a future that its caller runs
    /// to its end: [`Self::start`] on a thread of its own, a simulated venue in its runtime. It
    /// needs timers, and it may hold up its thread while the disk works.
    ///
    /// # Errors
    ///
    /// What the store said.
    pub fn prepare(
        mut origin: Origin,
        link: Arc<dyn Link>,
    ) -> Result<(Self, impl Future<Output = ()> + Send + use<>), StoreError> {
        let (replica, store) = open(&mut origin)?;
        let (sender, queue) = mpsc::channel(QUEUE_MAX);
        let trouble = Trouble::default();
        let driver = Self {
            queue: sender,
            key: replica.key(),
            trouble: Arc::clone(&trouble),
            figures: Figures::default(),
        };
        let work = Loop {
            last_tick_ms: origin.clock.now().mono_ms,
            room_at_ms: 0,
            origin,
            link,
            queue,
            replica,
            store,
            pending: Pending::default(),
            failures: 0,
            trouble,
        };
        Ok((driver, work.run()))
    }

    /// Counts with the node's other figures what goes through this handle and its copies.
    #[must_use]
    pub fn counting(self, figures: Figures) -> Self {
        Self { figures, ..self }
    }

    /// Hands over something that happened; waits while the queue is full.
    ///
    /// # Errors
    ///
    /// [`Stopped`] if the loop has ended.
    pub async fn input(&self, input: Input) -> Result<(), Stopped> {
        self.figures.input(&input);
        self.queue
            .send(Work::Input(input))
            .await
            .map_err(|_| Stopped)
    }

    /// Asks for something and waits until it is on disk.
    ///
    /// # Errors
    ///
    /// [`CommandFailed::NotSaved`] if the disk failed: nothing of it is kept.
    pub async fn command(&self, command: Command) -> Result<Reply, CommandFailed> {
        let begun = Instant::now();
        let (answer, reply) = oneshot::channel();
        let work = Work::Command(Box::new(command), answer);
        self.queue.send(work).await.map_err(|_| Stopped)?;
        let done = reply.await.map_err(|_| Stopped)?;
        self.figures.saved(begun.elapsed(), &done);
        done
    }

    /// Asks for many things in this order, of which none needs another's reply, and waits until all
    /// are on disk: what waits while the disk works is one transaction.
    ///
    /// # Errors
    ///
    /// [`CommandFailed`] of the first that was not saved; those before it are on disk.
    pub async fn commands(&self, commands: Vec<Command>) -> Result<Vec<Reply>, CommandFailed> {
        let begun = Instant::now();
        let mut waiting = Vec::with_capacity(commands.len());
        for command in commands {
            let (answer, reply) = oneshot::channel();
            let work = Work::Command(Box::new(command), answer);
            self.queue.send(work).await.map_err(|_| Stopped)?;
            waiting.push(reply);
        }
        let mut replies = Vec::with_capacity(waiting.len());
        for reply in waiting {
            let done = reply.await.map_err(|_| Stopped)?;
            self.figures.saved(begun.elapsed(), &done);
            replies.push(done?);
        }
        Ok(replies)
    }

    /// Takes in what other processes have added to the event's store, and returns once it is here.
    ///
    /// # Errors
    ///
    /// [`Unanswered`] if the store is shut and could not be opened again, or the loop has ended.
    pub async fn catch_up(&self) -> Result<(), Unanswered> {
        let (answer, done) = oneshot::channel();
        self.queue
            .send(Work::CatchUp(answer))
            .await
            .map_err(|_| Stopped)?;
        done.await.map_err(|_| Stopped)?
    }

    /// Looks at the replica between two steps: everything it shows is on disk.
    ///
    /// # Errors
    ///
    /// [`Unanswered`] if the store is shut and could not be opened again, or the loop has ended.
    pub async fn query<T: Send + 'static>(
        &self,
        look: impl FnOnce(&mut Replica, Now) -> T + Send + 'static,
    ) -> Result<T, Unanswered> {
        let (answer, seen) = oneshot::channel();
        let look: Query = Box::new(move |open| {
            let told = match open {
                Ok((replica, now)) => Ok(look(replica, now)),
                Err(reason) => Err(Unanswered::Shut(reason.to_owned())),
            };
            // Who asked may have gone away meanwhile; the answer is dropped then.
            drop(answer.send(told));
        });
        self.queue
            .send(Work::Query(look))
            .await
            .map_err(|_| Stopped)?;
        seen.await.map_err(|_| Stopped)?
    }

    /// Ends the loop after what is already in the queue.
    pub async fn stop(&self) {
        // A loop that has ended needs no telling.
        drop(self.queue.send(Work::Stop).await);
    }

    /// Waits until the loop has ended.
    pub async fn ended(&self) {
        self.queue.closed().await;
    }

    /// Tells whether the loop takes anything.
    pub fn is_running(&self) -> bool {
        !self.queue.is_closed()
    }

    /// Returns why the disk takes nothing, if the last commit failed.
    pub fn trouble(&self) -> Option<String> {
        self.trouble
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Returns this device's key.
    pub fn key(&self) -> PublicKey {
        self.key
    }
}

impl DriverThread {
    /// Waits for the thread's end; `Err` if it ended by a fault of the program.
    ///
    /// # Errors
    ///
    /// The fault, in words.
    pub fn join(self) -> Result<(), String> {
        self.thread.join().map_err(|_| {
            "the node's main loop ended by a fault of the program; everything that was answered \
             as saved is safe; start the node again"
                .to_owned()
        })
    }
}

impl Link for NoLink {
    fn send(&self, _peer: PeerId, _frame: Vec<u8>) {}
    fn close(&self, _peer: PeerId, _reason: Reason) {}
    fn notice(&self, _notice: &Notice) {}
    fn reset(&self) {}
    fn joining(&self, _ticket: Option<&tallyline_proto::model::Ticket>) {}
}

impl Loop {
    async fn run(mut self) {
        self.announce();
        loop {
            let mut batch = self.gather().await;
            let caught_up = self.catch_up(&batch);
            let advanced = caught_up.and_then(|()| self.advance(&mut batch));
            let Err(reason) = advanced.and_then(|()| self.compare_with_receipts()) else {
                self.answer(&mut batch);
                if batch.turn == Turn::End {
                    return;
                }
                continue;
            };
            if batch.turn == Turn::End || self.recover(&mut batch, reason).await == Turn::End {
                return;
            }
        }
    }

    /// Waits for something to happen, at most until the next tick is due.
    async fn gather(&mut self) -> Batch {
        let wait_ms = self.tick_at_ms().saturating_sub(self.now().mono_ms);
        let wait = std::time::Duration::from_millis(wait_ms);
        let mut batch = receive(&mut self.queue, wait, &mut self.pending).await;
        let now = self.now();
        if TICK_MS <= now.mono_ms.saturating_sub(self.last_tick_ms) {
            self.last_tick_ms = now.mono_ms;
            batch.inputs.push(Input::Tick);
        }
        if self.room_at_ms <= now.mono_ms {
            let first = self.room_at_ms == 0;
            self.room_at_ms = now.mono_ms.saturating_add(ROOM_MS);
            batch.inputs.extend(self.measure(first));
        }
        batch
    }

    /// Returns when the next tick is due. What waits already comes with one, however soon that is.
    fn tick_at_ms(&self) -> u64 {
        let soonest = self.last_tick_ms.saturating_add(TICK_MS);
        if !self.queue.is_empty() {
            return soonest;
        }
        let latest = self.last_tick_ms.saturating_add(IDLE_TICK_MS);
        let due = self.replica.due_ms().unwrap_or(latest);
        due.clamp(soonest, latest)
    }

    /// Takes in what other processes have added, if that is asked for.
    fn catch_up(&mut self, batch: &Batch) -> Result<(), String> {
        if batch.catch_ups.is_empty() {
            return Ok(());
        }
        self.take_news()
    }

    /// A cloud whose store was put back to an older state holds less than receipts of that very store
    /// cover. What other nodes signed for is read first; if it is not that, the store is another one
    /// from here on, and its receipts say so to devices that nobody else tells.
    fn compare_with_receipts(&mut self) -> Result<(), String> {
        if !self.replica.is_below_its_receipts() {
            return Ok(());
        }
        self.take_news()?;
        if !self.replica.is_below_its_receipts() {
            return Ok(());
        }
        tracing::error!(
            "the store holds less than it signed for: it was put back to an older state, and gets \
             a fresh id; devices send again what lacks"
        );
        let renewed = self.store.renew();
        Err(self.lose(&renewed.err().unwrap_or(StoreError::Behind)))
    }

    fn take_news(&mut self) -> Result<(), String> {
        let mut waiting = match self.store.news() {
            Ok(Some(News(bundles))) => bundles,
            Ok(None) => return Ok(()),
            Err(error) => return Err(self.lose(&error)),
        };
        while !waiting.is_empty() {
            let (mut refused, mut progress) = (Vec::new(), false);
            for bundle in waiting {
                let command = Box::new(Command::Import(bundle.clone()));
                let request = RequestId::default();
                let inputs = vec![Input::Command { request, command }];
                let mut replies = self.step(inputs)?;
                match replies.pop() {
                    Some((_, Reply::Imported { refused: 0, .. })) => progress = true,
                    // It may rest on what stands in another bundle.
                    Some((_, Reply::Imported { fresh, .. })) => {
                        progress |= 0 < fresh;
                        refused.push(bundle);
                    }
                    _ => return Err(self.lose(&StoreError::Behind)),
                }
            }
            if !progress {
                return Err(self.lose(&StoreError::Behind));
            }
            waiting = refused;
        }
        // What was read again because another process was faster is no failure any more.
        if self
            .trouble
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .is_none()
        {
            self.failures = 0;
        }
        Ok(())
    }

    /// Measures the disk. Not at the first look, but from the second on there is to be a reserve: a
    /// command that opens the store for a moment leaves none behind.
    fn measure(&self, first: bool) -> Option<Input> {
        let room = self.origin.home.room()?;
        let free_bytes = room.measure()?;
        if !first {
            room.provide(free_bytes);
        }
        Some(Input::Room { free_bytes })
    }

    /// One step of the core with what waits, committed and released; or why it is not on disk.
    fn advance(&mut self, batch: &mut Batch) -> Result<(), String> {
        if batch.inputs.is_empty() {
            return Ok(());
        }
        let inputs = std::mem::take(&mut batch.inputs);
        for (request, reply) in self.step(inputs)? {
            pass(Site::BeforeReply);
            self.pending.answer(request, reply);
            pass(Site::AfterReply);
        }
        pass(Site::AfterRelease);
        Ok(())
    }

    /// One step of the core, committed and released but for the replies, which are returned.
    fn step(&mut self, inputs: Vec<Input>) -> Result<Vec<(RequestId, Reply)>, String> {
        let joined_before = self.replica.ticket().is_some();
        let now = self.now();
        let effects = self.replica.step(now, inputs);
        let wrote = !effects.writes().is_empty();
        let manifest = effects.writes().iter().find_map(|write| {
            if let Write::Manifest(manifest) = write {
                return Some(manifest.clone());
            }
            None
        });
        match effects.persist(&mut self.store) {
            Ok(released) => {
                if wrote && 0 < self.failures {
                    self.failures = 0;
                    self.set_trouble(None);
                }
                if let Some(manifest) = manifest {
                    keep(&self.origin, &manifest);
                }
                let replies = self.release(released);
                if joined_before != self.replica.ticket().is_some() {
                    self.link.joining(self.replica.ticket());
                }
                Ok(replies)
            }
            Err(NotSaved { error, requests: _ }) => Err(self.lose(&error)),
        }
    }

    /// Gives up what the replica was about to do and returns why. Also requests whose reply would have
    /// come with a later step wait in `pending`: their answers died with the replica.
    fn lose(&mut self, error: &StoreError) -> String {
        let mut reason = error.to_string();
        let room = self.origin.home.room();
        if matches!(error, StoreError::Full) && room.is_some_and(Room::give_up) {
            reason.push_str("; a reserve was freed for this device's own entries");
        }
        self.link.reset();
        // Nothing is wrong with a store in which another process was faster.
        if !matches!(error, StoreError::Behind) {
            self.set_trouble(Some(reason.clone()));
        }
        self.pending.fail_all(&reason);
        reason
    }

    /// Lets out what a commit has made true; the replies are the caller's to give.
    fn release(&mut self, released: Released) -> Vec<(RequestId, Reply)> {
        pass(Site::BeforeRelease);
        // Notices first: who is answered "admitted" can rely on TLS letting the device in.
        for notice in &released.notices {
            self.link.notice(notice);
        }
        for (peer, frame) in released.frames {
            self.link.send(peer, frame);
        }
        for (peer, reason) in released.closes {
            self.link.close(peer, reason);
        }
        released.replies
    }

    /// Answers the questions of a batch from what is on disk.
    fn answer(&mut self, batch: &mut Batch) {
        let now = self.now();
        for look in batch.queries.drain(..) {
            look(Ok((&mut self.replica, now)));
        }
        for answer in batch.catch_ups.drain(..) {
            // Who asked may have gone away meanwhile.
            answer.send(Ok(())).ok();
        }
    }

    /// Opens the store again after a failed commit, with growing waits; commands that come
    /// meanwhile are answered "not saved", frames are dropped (losing one is harmless), questions
    /// wait until the next try: a database may be away for hours.
    async fn recover(&mut self, batch: &mut Batch, mut reason: String) -> Turn {
        loop {
            tracing::error!(
                reason,
                failures = self.failures,
                "not saved; the store is opened again"
            );
            if self.pause(batch, &reason).await == Turn::End {
                return Turn::End;
            }
            self.failures = self.failures.saturating_add(1);
            match self.reopen() {
                Ok(()) => {
                    // Who connected while the store was shut was not heard: all begin anew.
                    self.link.reset();
                    self.announce();
                    self.answer(batch);
                    return Turn::GoOn;
                }
                Err(error) => {
                    reason = error.to_string();
                    self.set_trouble(Some(reason.clone()));
                    // Whoever asked during the try waits for no other one.
                    let during = self.refuse(batch, std::time::Duration::ZERO, &reason).await;
                    batch.refuse_askers(&reason);
                    if during == Turn::End {
                        return Turn::End;
                    }
                }
            }
        }
    }

    /// Waits before the next try; the first one comes at once, and who asks a question does not
    /// wait for the longer ones.
    async fn pause(&mut self, batch: &mut Batch, reason: &str) -> Turn {
        let mut left_ms = match self.failures.checked_sub(1) {
            None => return Turn::GoOn,
            Some(doublings) => REOPEN_FIRST_MS
                .saturating_mul(1 << doublings.min(16))
                .min(REOPEN_LAST_MS),
        };
        while 0 < left_ms {
            if !batch.queries.is_empty() || !batch.catch_ups.is_empty() {
                left_ms = left_ms.min(REOPEN_FIRST_MS);
            }
            let before_ms = self.now().mono_ms;
            let wait = std::time::Duration::from_millis(left_ms);
            if self.refuse(batch, wait, reason).await == Turn::End {
                return Turn::End;
            }
            left_ms = left_ms.saturating_sub(self.now().mono_ms.saturating_sub(before_ms));
        }
        Turn::GoOn
    }

    /// Receives what waits, or the first thing within `wait`, while the store is shut: commands are
    /// answered "not saved", who asks is kept.
    async fn refuse(&mut self, batch: &mut Batch, wait: std::time::Duration, reason: &str) -> Turn {
        let more = receive(&mut self.queue, wait, &mut self.pending).await;
        self.pending.fail_all(reason);
        let turn = more.turn;
        batch.keep_askers(more, QUEUE_MAX);
        turn
    }

    fn reopen(&mut self) -> Result<(), StoreError> {
        // redb locks the file: the dead handle has to go before the next one comes.
        self.store.close();
        pass(Site::BeforeReopen);
        let (replica, store) = open(&mut self.origin)?;
        pass(Site::AfterReopen);
        self.replica = replica;
        self.store = store;
        // The new replica does not know what the disk has left.
        self.room_at_ms = 0;
        Ok(())
    }

    /// Tells the link what it needs to admit and find peers.
    fn announce(&self) {
        self.link.notice(&Notice::Members(self.replica.members()));
        if let Some(discovery_key) = self.replica.discovery_key() {
            self.link.notice(&Notice::Discover { discovery_key });
        }
        self.link.joining(self.replica.ticket());
    }

    fn set_trouble(&self, reason: Option<String>) {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = reason;
    }

    fn now(&self) -> Now {
        self.origin.clock.now()
    }
}

/// Receives what waits, or the first thing within `wait`.
async fn receive(
    queue: &mut mpsc::Receiver<Work>,
    wait: std::time::Duration,
    pending: &mut Pending,
) -> Batch {
    let mut works = Vec::new();
    // Cancelling `recv_many` loses nothing: it takes either all at once or none.
    let received = tokio::time::timeout(wait, queue.recv_many(&mut works, BATCH_MAX)).await;
    // `Ok(0)` is the end of all handles.
    let turn = if received == Ok(0) {
        Turn::End
    } else {
        Turn::GoOn
    };
    pending.sort(works, turn)
}

/// Opens the store and reads the event from it; content that does not hold is moved aside once.
fn open(origin: &mut Origin) -> Result<(Replica, Box<dyn EventStore>), StoreError> {
    let mut store = (origin.opener)(Content::Keep)?;
    match read(origin, &mut store) {
        Ok(replica) => Ok((replica, store)),
        Err(StoreError::Damaged(what)) => {
            tracing::error!(
                what,
                "the store's content does not hold; it is moved aside, a fresh store fetches it from peers"
            );
            drop(store);
            let mut store = (origin.opener)(Content::SetAside)?;
            let replica = read(origin, &mut store)?;
            Ok((replica, store))
        }
        Err(
            error @ (StoreError::InUse
            | StoreError::Full
            | StoreError::Disk(_)
            | StoreError::Dead
            | StoreError::Behind
            | StoreError::Newer { .. }
            | StoreError::Entropy(_)),
        ) => Err(error),
    }
}

/// Makes a replica of what a store holds, with a fresh incarnation.
fn read(origin: &Origin, store: &mut Box<dyn EventStore>) -> Result<Replica, StoreError> {
    // A fresh incarnation at every opening: whatever the disk forgot, nothing is signed twice.
    let incarnation = Incarnation(entropy::number()?);
    let replica = read_event(
        &mut **store,
        |id| origin.home.identity(id),
        || origin.home.kept_manifest(),
        incarnation,
    )?;
    // A process that died between its commit and the keeping left none beside the store.
    if replica.event().is_some()
        && origin.home.kept_manifest().is_none()
        && let Some(manifest) = store.load()?.manifest
    {
        keep(origin, &manifest);
    }
    Ok(replica)
}

/// Keeps the manifest beside the store; without it a damaged store means joining again.
fn keep(origin: &Origin, manifest: &[u8]) {
    pass(Site::BeforeKeepManifest);
    if let Err(error) = origin.home.keep_manifest(manifest) {
        tracing::warn!(%error, "the manifest is in the store, but not beside it");
    }
    pass(Site::AfterKeepManifest);
}

/// Makes a replica of what a store holds. A fresh store of a device that had an event gets its
/// manifest back from `kept_manifest`, which is asked only then: the other devices have the
/// rest. `identity` is told the store's id; `incarnation` must never have been used before.
///
/// # Errors
///
/// [`StoreError::Damaged`] if the content does not hold, otherwise what the disk said.
pub fn read_event(
    store: &mut (impl EventStore + ?Sized),
    identity: impl FnOnce(u64) -> Identity,
    kept_manifest: impl FnOnce() -> Option<Vec<u8>>,
    incarnation: Incarnation,
) -> Result<Replica, StoreError> {
    let mut stored = store.load()?;
    if stored.manifest.is_none()
        && let Some(manifest) = kept_manifest()
    {
        tracing::warn!("the store is fresh; the event's entries are fetched from other devices");
        store.commit(&[Write::Ticket(None), Write::Manifest(manifest.clone())])?;
        stored.ticket = None;
        stored.manifest = Some(manifest);
    }
    Replica::open(identity(store.id()), stored, incarnation)
        .map_err(|damage| StoreError::Damaged(damage.to_string()))
}

#[cfg(test)]
mod tests;
