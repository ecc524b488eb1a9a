//! One device of the venue: a key, a card, a clock that may be wrong, and the real node's heart.
//!
//! The loop is the node's own: gather, step, commit, release, on the real store over a simulated
//! block device. Only where the node would wait, virtual time passes.

use tallyline::{
    driver::read_event,
    store::{Store, StoreError},
};
use tallyline_keys::{DeviceKey, PublicKey};
use tallyline_proto::{
    model::Incarnation,
    replica::{Disk, Identity, Input, Now, Released, Replica, Write},
};

use crate::{
    Random,
    disk::{Crash, Ending, Platter, open_store},
    plan::Step,
    venue::Kind,
};

/// One device.
#[derive(Debug)]
pub struct Device {
    /// The real core; of a device that is off, as it was when it went off.
    pub replica: Replica,
    /// Its card.
    pub platter: Platter,
    /// How far its wall clock is off, in ms.
    pub clock_off_ms: i64,
    /// What was refused and why, as the security log has it.
    pub refusals: Vec<String>,
    pub(crate) label: String,
    pub(crate) kind: Kind,
    pub(crate) power: Power,
    pub(crate) inbox: Vec<Input>,
    /// World time at which the process started: its monotonic time begins there.
    pub(crate) started_ms: u64,
    /// World time until which the disk works on the last commit.
    pub(crate) busy_until_ms: u64,
    /// World time of the next tick that has something to do.
    pub(crate) tick_at_ms: Option<u64>,
    /// A kill that waits for its commit.
    pub(crate) doom: Option<Doom>,
    /// The card's content, kept for a rollback.
    pub(crate) backup: Option<Vec<u8>>,
    /// The manifest that lies beside the store.
    pub(crate) manifest: Option<Vec<u8>>,
    seed: [u8; 32],
    store: Option<Store>,
    commits: u64,
}

/// Whether a device runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Power {
    /// Its process runs.
    On,
    /// Its process runs; the store failed and is opened again after a while.
    NoStore,
    /// It sleeps.
    Asleep,
    /// It is off.
    Off,
    /// It is lost for good.
    Gone,
}

/// A kill that waits for its commit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Doom {
    pub(crate) step: Step,
    pub(crate) after: u32,
    pub(crate) ending: Ending,
}

/// What one turn of a device's loop came to.
#[derive(Debug)]
pub(crate) enum Turn {
    /// What the step wrote is on disk, and this leaves the device.
    Released(Released, Vec<Write>),
    /// The disk failed; nothing leaves the device, and the store has to be opened again. What was
    /// written may be on disk.
    NotSaved(String),
    /// The process died. What it had written before, and what it had released.
    Died(Released, Option<Vec<Write>>),
}

/// How a device came up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opened {
    /// With its store.
    AsItWas,
    /// The store was damaged: it was moved aside, and this is a fresh one.
    SetAside,
}

/// Remembers the writes that reached the disk.
struct Witness<'a> {
    store: &'a mut Store,
    written: Option<Vec<Write>>,
}

impl Disk for Witness<'_> {
    type Error = StoreError;

    fn commit(&mut self, writes: &[Write]) -> Result<(), StoreError> {
        self.store.commit(writes)?;
        self.written = Some(writes.to_vec());
        Ok(())
    }
}

impl Device {
    /// Makes a device with an empty card.
    pub(crate) fn new(label: &str, kind: Kind, random: &mut Random) -> Result<Self, StoreError> {
        let seed = random.bytes();
        let platter = Platter::new(random.next_u64());
        Self::with_card(label, kind, (seed, platter), random)
    }

    /// Makes a device with a key and a card of its own.
    pub(crate) fn with_card(
        label: &str,
        kind: Kind,
        (seed, platter): ([u8; 32], Platter),
        random: &mut Random,
    ) -> Result<Self, StoreError> {
        let mut store = open_store(&platter, random.next_u64())?;
        let replica = read_event(
            &mut store,
            |id| identity(seed, id, label, kind),
            || None,
            Incarnation(random.next_u64()),
        )?;
        Ok(Self {
            replica,
            platter,
            clock_off_ms: 0,
            refusals: Vec::new(),
            label: label.to_owned(),
            kind,
            power: Power::On,
            inbox: Vec::new(),
            started_ms: 0,
            busy_until_ms: 0,
            tick_at_ms: None,
            doom: None,
            backup: None,
            manifest: None,
            seed,
            store: Some(store),
            commits: 0,
        })
    }

    /// Returns its key.
    pub fn key(&self) -> PublicKey {
        self.replica.key()
    }

    /// Returns what people call it.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// Returns whether its process runs and is awake.
    pub fn runs(&self) -> bool {
        self.power == Power::On
    }

    /// Returns a copy of the device's key, as a thief would have it.
    pub fn stolen_key(&self) -> DeviceKey {
        DeviceKey::from_seed(self.seed)
    }

    /// Returns the seed of its key, for a device that gets the same one.
    pub(crate) fn key_seed(&self) -> [u8; 32] {
        self.seed
    }

    /// Returns the number of commits so far.
    pub fn commits(&self) -> u64 {
        self.commits
    }

    /// Gathers, steps, commits, releases: one turn of the loop.
    pub(crate) fn turn(&mut self, now: Now, inputs: Vec<Input>) -> Turn {
        let effects = self.replica.step(now, inputs);
        let writes = !effects.writes().is_empty();
        let doom = if writes { self.due_doom() } else { None };
        if let Some(doom) = doom {
            match doom.step {
                Step::BeforeCommit => {
                    self.end(doom.ending);
                    return Turn::Died(Released::default(), None);
                }
                Step::InCommit(operation) => {
                    let crash = Crash::Before(u64::from(operation.max(1)), doom.ending);
                    self.platter.crash_at(crash);
                }
                Step::AfterCommit | Step::AfterSend(_) => {}
            }
        }
        let Some(store) = self.store.as_mut() else {
            return Turn::NotSaved("the store is closed".to_owned());
        };
        let mut witness = Witness {
            store,
            written: None,
        };
        let outcome = effects.persist(&mut witness);
        let written = witness.written;
        if doom.is_some() {
            // A commit with fewer operations than the doom counts is not struck.
            self.platter.disarm();
        }
        match outcome {
            Ok(mut released) => {
                if writes {
                    self.commits = self.commits.saturating_add(1);
                }
                let written = written.unwrap_or_default();
                self.keep_manifest(&written);
                match doom.map(|doom| (doom.step, doom.ending)) {
                    Some((Step::AfterCommit, ending)) => {
                        self.end(ending);
                        Turn::Died(Released::default(), Some(written))
                    }
                    Some((Step::AfterSend(frames), ending)) => {
                        self.end(ending);
                        let frames = usize::try_from(frames).unwrap_or(usize::MAX);
                        released.frames.truncate(frames);
                        released.replies.clear();
                        released.closes.clear();
                        Turn::Died(released, Some(written))
                    }
                    Some((Step::InCommit(_) | Step::BeforeCommit, _)) | None => {
                        Turn::Released(released, written)
                    }
                }
            }
            Err(not_saved) => {
                if self.platter.is_gone() {
                    self.end(Ending::Kill);
                    return Turn::Died(Released::default(), None);
                }
                self.store = None;
                self.power = Power::NoStore;
                Turn::NotSaved(not_saved.error.to_string())
            }
        }
    }

    /// Ends the process at once.
    pub(crate) fn end(&mut self, ending: Ending) {
        match ending {
            Ending::Kill => self.platter.kill(),
            Ending::PowerCut => self.platter.power_cut(),
        }
        self.store = None;
        self.inbox.clear();
        self.doom = None;
        self.tick_at_ms = None;
        if self.power != Power::Gone {
            self.power = Power::Off;
        }
    }

    /// Starts the process, or opens the store again after it failed: reads everything from the card.
    /// A damaged store is moved aside.
    ///
    /// # Errors
    /// What the disk says; the device is then without a store.
    pub(crate) fn open(&mut self, now_ms: u64, random: &mut Random) -> Result<Opened, StoreError> {
        self.platter.revive();
        let mut opened = Opened::AsItWas;
        let (store, replica) = match self.read(random) {
            Err(StoreError::Damaged(_)) => {
                opened = Opened::SetAside;
                self.platter = Platter::new(random.next_u64());
                self.read(random)?
            }
            other => other?,
        };
        if self.power != Power::NoStore {
            self.started_ms = now_ms;
        }
        self.store = Some(store);
        self.replica = replica;
        self.power = Power::On;
        self.inbox.clear();
        self.busy_until_ms = 0;
        Ok(opened)
    }

    fn read(&self, random: &mut Random) -> Result<(Store, Replica), StoreError> {
        let mut store = open_store(&self.platter, random.next_u64())?;
        let (seed, kind) = (self.seed, self.kind);
        let replica = read_event(
            &mut store,
            |id| identity(seed, id, &self.label, kind),
            || self.manifest.clone(),
            Incarnation(random.next_u64()),
        )?;
        Ok((store, replica))
    }

    /// Keeps the manifest beside the store, as the node does.
    fn keep_manifest(&mut self, written: &[Write]) {
        for write in written {
            if let Write::Manifest(bytes) = write {
                self.manifest = Some(bytes.clone());
            }
        }
    }

    fn due_doom(&mut self) -> Option<Doom> {
        let doom = self.doom.as_mut()?;
        match doom.after.checked_sub(1) {
            Some(after) => {
                doom.after = after;
                None
            }
            None => self.doom.take(),
        }
    }
}

fn identity(seed: [u8; 32], store: u64, label: &str, kind: Kind) -> Identity {
    Identity {
        key: DeviceKey::from_seed(seed),
        store,
        label: label.to_owned(),
        cloud: kind == Kind::Cloud,
        warrant: None,
    }
}
