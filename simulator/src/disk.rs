//! The disk that lies: one simulated block device below the real store.
//!
//! A [`Platter`] holds what its files hold now, and beside it only what would undo the changes
//! that no sync has confirmed: so a sync costs nothing, and a power cut costs what it undoes. What
//! a disk may do wrong is asked for, never drawn by the disk itself, but where it strikes is drawn
//! from the disk's own seed: the same seed and the same requests give the same bytes.
//!
//! The crash model: a **kill** ends the process and keeps every written byte, for the operating
//! system has them. A **power cut** also takes back what was not synced: each write falls apart at
//! sectors of 512 bytes, each sector and each change of length survives with probability one half,
//! and the survivors arrive in random order.

use std::fmt;
use std::io;
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, PoisonError};

use tallyline::store::{StorageBackend, Store, StoreError};
use tallyline_proto::replica::{Disk as _, Stored, Write};

use crate::Random;
use unsynced::Unsynced;

mod unsynced;

/// Bytes that a disk writes at once or not at all.
const SECTOR_BYTES: u64 = 512;

/// Bytes of the block that [`Platter::misdirect`] puts in the wrong place: a page of the store.
const BLOCK_BYTES: u64 = 4096;

/// Syncs of one commit of the store: the pages with the new root, then the switch to it. A unit
/// test counts them.
const COMMIT_SYNCS: u64 = 2;

/// One simulated block device with one file; copies of the handle are the same device.
#[derive(Clone)]
pub struct Platter(Arc<Mutex<State>>);

/// What one process has open of a [`Platter`]; dead for ever once that process is gone.
///
/// Conformance: `cli::a_root_in_use_is_named_with_its_process`: no two processes have one open.
#[derive(Clone)]
pub struct Handle {
    platter: Platter,
    life: u64,
}

/// How a process ends without being asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The process is killed: by a person, by the system for its memory, by a fault.
    Kill,
    /// The device loses its power.
    PowerCut,
}

/// When exactly a process ends: see [`Platter::crash_at`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crash {
    /// Just before the n-th coming operation, counted from 1: it does not happen.
    Before(u64, Ending),
    /// Just after the n-th coming operation, counted from 1: it happens and nobody hears of it.
    After(u64, Ending),
}

/// What happened on a [`Platter`] since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Writes, syncs and changes of length that were asked for.
    pub operations: u64,
    /// Syncs that were asked for, lies included.
    pub syncs: u64,
    /// Syncs that said Ok and did nothing.
    pub lies: u64,
    /// Bytes written.
    pub bytes_written: u64,
    /// Power cuts.
    pub power_cuts: u64,
    /// Kills.
    pub kills: u64,
    /// Operations that were refused because of [`Platter::capacity`].
    pub refused_full: u64,
}

struct State {
    content: Vec<u8>,
    unsynced: Unsynced,
    random: Random,
    counters: Counters,
    /// Number of the process that may use the disk; handles of earlier ones are dead.
    life: u64,
    /// Whether nobody may use it, because the process is gone and the next has not begun.
    gone: bool,
    dead: bool,
    crash: Option<Crash>,
    failure: Option<(u64, io::ErrorKind)>,
    read_failure: Option<(u64, io::ErrorKind)>,
    /// Which coming sync works and reports an error.
    misreport: Option<u64>,
    lying_permille: u64,
    capacity: u64,
    slow_ms: RangeInclusive<u64>,
    delay_ms: u64,
}

/// What is asked of the disk.
#[derive(Clone, Copy)]
enum Operation<'a> {
    Write(u64, &'a [u8]),
    Length(u64),
    Sync,
}

impl Platter {
    /// Makes an empty device.
    pub fn new(seed: u64) -> Self {
        Self::from_image(seed, Vec::new())
    }

    /// Makes a device with a content: the card of another device, or a copy of one.
    pub fn from_image(seed: u64, image: Vec<u8>) -> Self {
        Self(Arc::new(Mutex::new(State {
            content: image,
            unsynced: Unsynced::default(),
            random: Random::new(seed),
            counters: Counters::default(),
            life: 0,
            gone: false,
            dead: false,
            crash: None,
            failure: None,
            read_failure: None,
            misreport: None,
            lying_permille: 0,
            capacity: u64::MAX,
            slow_ms: 0..=0,
            delay_ms: 0,
        })))
    }

    /// Returns the file's length in bytes.
    pub fn length(&self) -> u64 {
        self.with(|state| state.length())
    }

    /// Returns a copy of everything that a reader sees now, synced or not: a backup, or the card
    /// that somebody clones.
    pub fn image(&self) -> Vec<u8> {
        self.with(|state| state.content.clone())
    }

    /// Puts another content in the place of the present one, durably: a backup is restored, or
    /// the card falls back to an older state. The process must not be running: it is killed.
    pub fn replace(&self, image: Vec<u8>) {
        self.with(|state| {
            state.end(Ending::Kill);
            state.content = image;
            state.unsynced.clear();
        });
    }

    /// Begins the next process' use of the disk.
    ///
    /// # Errors
    ///
    /// The process is gone and [`Self::revive`] was not called yet.
    pub fn attach(&self) -> io::Result<Handle> {
        self.with(|state| {
            if state.gone {
                Err(gone())
            } else {
                Ok(state.life)
            }
        })
        .map(|life| Handle {
            platter: self.clone(),
            life,
        })
    }

    /// Ends the process: every later operation of its handles fails for ever. What was written
    /// stays, for the operating system has it.
    ///
    /// Conformance: `kill::every_score_that_was_answered_saved_survives_every_kill`, real processes
    /// on a real file.
    pub fn kill(&self) {
        self.with(|state| state.end(Ending::Kill));
    }

    /// Cuts the power: the process ends, and what was not synced survives in part, torn at sectors
    /// of 512 bytes and in any order.
    ///
    /// Conformance: no test on real hardware; that nothing synced is lost is what disks promise,
    /// and [`Self::lying_sync`] is for those that do not keep it.
    pub fn power_cut(&self) {
        self.with(|state| state.end(Ending::PowerCut));
    }

    /// Starts the device again after a kill or a power cut; a disk that died stays dead. An
    /// armed crash that has not struck stays armed.
    pub fn revive(&self) {
        self.with(|state| state.gone = false);
    }

    /// Returns whether the process is gone: killed or without power, and not revived.
    pub fn is_gone(&self) -> bool {
        self.with(|state| state.gone)
    }

    /// Arms a crash at a coming write, sync or change of length; replaces one that waits.
    pub fn crash_at(&self, crash: Crash) {
        self.with(|state| state.crash = Some(crash));
    }

    /// Cuts the power after so many more operations.
    pub fn cut_after(&self, operations: u64) {
        self.crash_at(Crash::Before(
            operations.saturating_add(1),
            Ending::PowerCut,
        ));
    }

    /// Takes back a crash or a failure that has not struck; returns whether there was one.
    pub fn disarm(&self) -> bool {
        self.with(|state| {
            let crash = state.crash.take().is_some();
            let failure = state.failure.take().is_some();
            let read_failure = state.read_failure.take().is_some();
            let misreport = state.misreport.take().is_some();
            crash || failure || read_failure || misreport
        })
    }

    /// Makes so many of 1,000 syncs say Ok and do nothing, 0 to 1,000: a cheap card that answers
    /// from its cache. What such a sync lied about is lost at a power cut only, and safe after the
    /// next honest sync.
    pub fn lying_sync(&self, permille: u64) {
        self.with(|state| state.lying_permille = permille.min(1000));
    }

    /// Bounds the bytes that the disk takes; beyond them it says that it is full. A full disk
    /// refuses also inside the file, for a file may promise more than the disk has. `u64::MAX`
    /// gives the room back.
    ///
    /// Conformance: `conformance::a_full_disk_is_an_error_and_costs_nothing_that_was_saved`.
    pub fn capacity(&self, bytes: u64) {
        self.with(|state| state.capacity = bytes);
    }

    /// Makes the n-th coming write, sync or change of length fail, counted from 1, without any
    /// effect: a loose contact, a bad block.
    pub fn fail(&self, nth: u64, kind: io::ErrorKind) {
        self.with(|state| state.failure = Some((nth.max(1), kind)));
    }

    /// Makes the n-th coming read fail, counted from 1: a block that cannot be read any more.
    pub fn fail_read(&self, nth: u64, kind: io::ErrorKind) {
        self.with(|state| state.read_failure = Some((nth.max(1), kind)));
    }

    /// Ends the disk: every operation fails for ever, as on a worn-out card.
    pub fn die(&self) {
        self.with(|state| state.dead = true);
    }

    /// Makes every sync take a while, in virtual milliseconds: a card that tidies itself up.
    /// [`Self::take_delay_ms`] tells how long the process was held up.
    pub fn slow(&self, ms: RangeInclusive<u64>) {
        self.with(|state| state.slow_ms = ms);
    }

    /// Returns the virtual milliseconds that syncs took since the last call.
    pub fn take_delay_ms(&self) -> u64 {
        self.with(|state| std::mem::take(&mut state.delay_ms))
    }

    /// Turns one random bit of the content around, durably: decay, a cosmic ray. Returns the
    /// byte's place; `None` if the disk is empty.
    pub fn flip_bit(&self) -> Option<u64> {
        self.with(|state| {
            let place = state.draw_below(state.length())?;
            let bit = state.random.below(8);
            let byte = state.content.get_mut(usize::try_from(place).ok()?)?;
            *byte ^= 1_u8 << bit;
            Some(place)
        })
    }

    /// Puts the content of one random block of 4,096 bytes over another, durably: a write that the
    /// card's controller sent to the wrong place. Returns both blocks' places, from and to; `None`
    /// if there are not two of them.
    pub fn misdirect(&self) -> Option<(u64, u64)> {
        self.with(|state| {
            let blocks = state.length() / BLOCK_BYTES;
            let from = state.draw_below(blocks)?;
            let other = state.draw_below(blocks.checked_sub(1)?)?;
            let to = if other < from { other } else { other + 1 };
            let (from, to) = (from * BLOCK_BYTES, to * BLOCK_BYTES);
            let start = usize::try_from(from).ok()?;
            let end = usize::try_from(from + BLOCK_BYTES).ok()?;
            state
                .content
                .copy_within(start..end, usize::try_from(to).ok()?);
            Some((from, to))
        })
    }

    /// Makes the next commit of a store report an error although everything of it is on disk: the
    /// answer of the last sync is lost on its way.
    pub fn misreport_next_commit(&self) {
        self.misreport_sync(COMMIT_SYNCS);
    }

    /// Makes the n-th coming sync work and report an error, counted from 1.
    pub fn misreport_sync(&self, nth: u64) {
        self.with(|state| state.misreport = Some(nth.max(1)));
    }

    /// Returns what happened so far.
    pub fn counters(&self) -> Counters {
        self.with(|state| state.counters)
    }

    fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Opens or makes the store of a device; a fresh one gets `fresh_id`.
///
/// A power cut in the middle of making one leaves a file that is refused as damaged. A node never
/// meets it, because it names a store's file only when it is whole; here [`Platter::replace`] with
/// nothing is the answer, as to a store that is moved aside.
///
/// # Errors
///
/// What the store says; [`StoreError::Disk`] if the process is gone.
pub fn open_store(platter: &Platter, fresh_id: u64) -> Result<Store, StoreError> {
    let handle = platter
        .attach()
        .map_err(|error| StoreError::Disk(error.to_string()))?;
    Store::with_backend(handle, fresh_id)
}

/// Makes a card whose store holds something already.
///
/// # Panics
/// If what it is to hold cannot be committed: an empty card takes everything.
pub fn card_holding(seed: u64, stored: &Stored) -> Platter {
    let platter = Platter::new(seed);
    let mut writes: Vec<Write> = stored
        .manifest
        .iter()
        .cloned()
        .map(Write::Manifest)
        .collect();
    for log in &stored.logs {
        writes.push(Write::Entries {
            log: log.name,
            first: 1,
            entries: log.entries.clone(),
        });
        writes.extend(log.heads.iter().map(|&(height, signature)| Write::Head {
            log: log.name,
            height,
            signature,
        }));
    }
    let committed = open_store(&platter, seed).and_then(|mut store| store.commit(&writes));
    assert!(committed.is_ok(), "an empty card takes it: {committed:?}");
    platter
}

/// Kills the process that has a store open: what the store would still write when it is closed in
/// order does not reach the disk. [`Platter::revive`] starts the device again.
pub fn kill_store(store: Store, platter: &Platter) {
    platter.kill();
    drop(store);
}

impl State {
    fn length(&self) -> u64 {
        u64::try_from(self.content.len()).unwrap_or(u64::MAX)
    }

    fn draw_below(&mut self, bound: u64) -> Option<u64> {
        (0 < bound).then(|| self.random.below(bound))
    }

    /// Ends the process that uses the disk, if one does.
    fn end(&mut self, ending: Ending) {
        match ending {
            Ending::Kill => self.counters.kills += 1,
            Ending::PowerCut => {
                self.counters.power_cuts += 1;
                self.unsynced.tear(&mut self.content, &mut self.random);
            }
        }
        self.life += 1;
        self.gone = true;
    }

    /// Does one operation with everything that may go wrong with it.
    fn operate(&mut self, operation: Operation<'_>) -> io::Result<()> {
        self.counters.operations += 1;
        let crash = self.strikes();
        if let Some(Crash::Before(_, ending)) = crash {
            self.end(ending);
            return Err(gone());
        }
        let outcome = match strikes(&mut self.failure) {
            Some(kind) => Err(kind.into()),
            None => self.change(operation),
        };
        if let Some(Crash::After(_, ending)) = crash {
            self.end(ending);
            return Err(gone());
        }
        outcome
    }

    /// Counts the armed crash down; returns it when its operation has come.
    fn strikes(&mut self) -> Option<Crash> {
        let (Crash::Before(nth, _) | Crash::After(nth, _)) = self.crash.as_mut()?;
        *nth = nth.saturating_sub(1);
        if *nth == 0 { self.crash.take() } else { None }
    }

    fn change(&mut self, operation: Operation<'_>) -> io::Result<()> {
        match operation {
            Operation::Write(offset, bytes) => {
                let length = u64::try_from(bytes.len()).map_err(|_| out_of_range())?;
                let end = offset.checked_add(length).ok_or_else(out_of_range)?;
                self.room(end)?;
                self.counters.bytes_written += length;
                self.unsynced.write(&mut self.content, offset, bytes)
            }
            Operation::Length(length) => {
                self.room(length)?;
                self.unsynced.set_length(&mut self.content, length)
            }
            Operation::Sync => self.sync(),
        }
    }

    fn room(&mut self, end: u64) -> io::Result<()> {
        if self.capacity < end {
            self.counters.refused_full += 1;
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        self.counters.syncs += 1;
        if self.slow_ms != (0..=0) {
            let (low, high) = self.slow_ms.clone().into_inner();
            self.delay_ms += self.random.between(low, high);
        }
        if 0 < self.lying_permille && self.random.chance(self.lying_permille) {
            self.counters.lies += 1;
            return Ok(());
        }
        self.unsynced.clear();
        let mut misreport = self.misreport.map(|nth| (nth, io::ErrorKind::Other));
        let reported = strikes(&mut misreport);
        self.misreport = misreport.map(|(nth, _)| nth);
        match reported {
            Some(_) => Err(io::Error::other("the answer of the disk was lost")),
            None => Ok(()),
        }
    }

    fn read(&mut self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        if let Some(kind) = strikes(&mut self.read_failure) {
            return Err(kind.into());
        }
        let start = usize::try_from(offset).map_err(|_| out_of_range())?;
        let end = start.checked_add(out.len()).ok_or_else(out_of_range)?;
        let bytes = self.content.get(start..end).ok_or_else(out_of_range)?;
        out.copy_from_slice(bytes);
        Ok(())
    }
}

/// Counts an armed failure down; returns what it says when its turn has come.
fn strikes(failure: &mut Option<(u64, io::ErrorKind)>) -> Option<io::ErrorKind> {
    let (nth, kind) = failure.as_mut()?;
    *nth = nth.saturating_sub(1);
    if *nth == 0 {
        let kind = *kind;
        *failure = None;
        return Some(kind);
    }
    None
}

fn gone() -> io::Error {
    io::Error::other("the process is gone")
}

fn out_of_range() -> io::Error {
    io::ErrorKind::UnexpectedEof.into()
}

impl Handle {
    fn with<T>(&self, work: impl FnOnce(&mut State) -> io::Result<T>) -> io::Result<T> {
        self.platter.with(|state| {
            if state.gone || state.life != self.life {
                return Err(gone());
            }
            if state.dead {
                return Err(io::Error::other("the disk is dead"));
            }
            work(state)
        })
    }
}

impl StorageBackend for Handle {
    fn len(&self) -> io::Result<u64> {
        self.with(|state| Ok(state.length()))
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.with(|state| state.read(offset, out))
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.with(|state| state.operate(Operation::Length(length)))
    }

    fn sync_data(&self) -> io::Result<()> {
        self.with(|state| state.operate(Operation::Sync))
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.with(|state| state.operate(Operation::Write(offset, data)))
    }
}

impl fmt::Debug for Platter {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (length, counters) = self.with(|state| (state.length(), state.counters));
        out.debug_struct("Platter")
            .field("length", &length)
            .field("counters", &counters)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Handle")
            .field("platter", &self.platter)
            .field("life", &self.life)
            .finish()
    }
}

#[cfg(test)]
mod tests;
