//! The replica's writes on disk: the only module that knows redb, and below it PostgreSQL.
//!
//! An [`EventStore`] keeps one event. On a device and in a club's cloud it is a [`Store`], one file;
//! several cloud nodes share a [`postgres`] database.
//!
//! One commit is one transaction and one wait for the disk, with redb's two-phase commit: the
//! one-phase commit silently rolled back on damaged media. A file that does not open, panics redb
//! or does not hold together is a normal state of cheap cards: it is moved aside and the content
//! comes back from peers. After any error a handle is dead and has to be opened again, because
//! redb refuses everything after the first failed write even when the disk has room again.
//! Never compacts: a cut in the middle of it is not worth the few bytes.
//!
//! Knows nothing of what the bytes mean. Layer: node, below `driver`.

mod event_store;
mod layout;
mod load;
pub mod postgres;
mod scrub;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Once;

pub use event_store::{EventStore, News};
pub use redb::StorageBackend;
pub use redb::backends::InMemoryBackend;
use redb::{
    Builder, Database, Durability, ReadableDatabase as _, ReadableTable as _, Table,
    WriteTransaction,
};
use tallyline_keys::planted::{Fault, is};
use tallyline_proto::model::LogName;
use tallyline_proto::replica::{Disk, Stored, Write};
use thiserror::Error;

use crate::entropy::{self, EntropyError};
use crate::failpoint::{Site, misreports, pass};
use crate::root;

use self::load::load;
use self::scrub::{MARK, Scrubber};

/// redb's page cache: an event is a few MB and lives in memory anyway; a Pi has little to spare.
const CACHE_BYTES: usize = 8 * 1024 * 1024;

/// Largest file that is read into memory for a reading command: an event has at most 64 MiB and
/// redb keeps up to half of a file free.
const COPY_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// How many damaged files are kept; the device that damages more needs another card.
const DAMAGED_MAX: u32 = 999;

/// An open store.
#[derive(Debug)]
pub struct Store {
    /// `None` after a failure: redb refuses everything then.
    db: Option<Database>,
    id: u64,
    ordinals: BTreeMap<LogName, u32>,
    scrubber: Scrubber,
}

/// Why a store cannot be opened, read or written.
#[derive(Debug, Error)]
pub enum StoreError {
    /// Another process has the file open.
    #[error("the store is in use by another process")]
    InUse,
    /// The content does not hold; opening again will not help.
    #[error("the store is damaged: {0}")]
    Damaged(String),
    /// The disk is full.
    #[error("the disk is full")]
    Full,
    /// The disk failed.
    #[error("the disk failed: {0}")]
    Disk(String),
    /// An earlier write failed; the handle is to be opened again.
    #[error("the store has to be opened again after an earlier failure")]
    Dead,
    /// Another process wrote something else than this one remembers; the event is read again.
    #[error("another node has changed the event meanwhile; it is read again")]
    Behind,
    /// A later version of the program wrote it: what this one does not know it would not keep.
    #[error("a later version of the program wrote it (layout {found}; this one knows {known})")]
    Newer {
        /// The layout that the store says.
        found: u32,
        /// The layout that this program knows.
        known: u32,
    },
    /// No randomness for the id of a fresh store.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
}

impl Store {
    /// Opens the store at a path, or makes it.
    ///
    /// # Errors
    ///
    /// [`StoreError::Damaged`] if the content does not hold, otherwise what the disk said.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        pass(Site::BeforeOpen);
        let store = if path.exists() {
            if fs::metadata(path).map_err(|error| disk(&error))?.len() == 0 {
                return Err(StoreError::Damaged("the file is empty".to_owned()));
            }
            refuse_newer(path)?;
            Self::of_file(OpenOptions::new().read(true).write(true).open(path))?
        } else {
            Self::make(path)?
        };
        pass(Site::AfterOpen);
        Ok(store)
    }

    /// Makes the store under another name, which it loses when it is whole: what a power cut
    /// leaves of a store that never was is no damaged store.
    fn make(path: &Path) -> Result<Self, StoreError> {
        let mut fresh = path.as_os_str().to_owned();
        fresh.push(".fresh");
        let fresh = PathBuf::from(fresh);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(true);
        let store = Self::of_file(options.mode(0o600).open(&fresh))?;
        pass(Site::BeforeName);
        fs::rename(&fresh, path).map_err(|error| disk(&error))?;
        if let Some(dir) = path.parent() {
            root::sync_dir(dir).map_err(|error| StoreError::Disk(error.to_string()))?;
        }
        Ok(store)
    }

    fn of_file(file: io::Result<File>) -> Result<Self, StoreError> {
        let file = file.map_err(|error| disk(&error))?;
        let beside = file.try_clone().map_err(|error| disk(&error))?;
        let mark = entropy::bytes()?;
        let store = Self::guarded(
            || builder().create_file(file).map_err(sort),
            entropy::number,
            mark,
            Some(beside),
        )?;
        store.scrub();
        Ok(store)
    }

    /// Opens the store at a path; one that is damaged is moved aside and a fresh one is made.
    /// Returns the path of the one moved aside, too.
    ///
    /// # Errors
    ///
    /// What the disk said; [`StoreError::InUse`] if another process has the file open.
    pub fn open_or_set_aside(path: &Path) -> Result<(Self, Option<PathBuf>), StoreError> {
        match Self::open(path) {
            Ok(store) => Ok((store, None)),
            Err(StoreError::Damaged(what)) => {
                let aside = set_aside(path)?;
                tracing::error!(
                    what,
                    aside = %aside.display(),
                    "the store is damaged and was moved aside; a fresh one fetches the content from peers"
                );
                Ok((Self::open(path)?, Some(aside)))
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

    /// Opens a copy in memory of the store at a path: reading changes nothing on disk, not even
    /// the repair after a crash. The caller sees to it that no process writes meanwhile.
    ///
    /// # Errors
    ///
    /// [`StoreError::Damaged`] if the content does not hold, otherwise what the disk said.
    pub fn open_copy(path: &Path) -> Result<Self, StoreError> {
        let length = fs::metadata(path).map_err(|error| disk(&error))?.len();
        if length == 0 || COPY_BYTES_MAX < length {
            return Err(StoreError::Damaged(format!("the file has {length} bytes")));
        }
        let content = fs::read(path).map_err(|error| disk(&error))?;
        let memory = InMemoryBackend::new();
        let fill = memory
            .set_len(length)
            .and_then(|()| memory.write(0, &content));
        fill.map_err(|error| disk(&error))?;
        Self::guarded(
            || builder().create_with_backend(memory).map_err(sort),
            entropy::number,
            [0; MARK],
            None,
        )
    }

    /// Opens the store on any backend, or makes one with the id `fresh_id`: tests cut its power,
    /// and the simulator draws every id from its seed. The id of a store that is there stays.
    ///
    /// # Errors
    ///
    /// As [`Self::open`].
    pub fn with_backend(backend: impl StorageBackend, fresh_id: u64) -> Result<Self, StoreError> {
        Self::guarded(
            || builder().create_with_backend(backend).map_err(sort),
            || Ok(fresh_id),
            [0; MARK],
            None,
        )
    }

    /// Returns the random id of this store, drawn when it was made.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Reads everything about the event.
    ///
    /// # Errors
    ///
    /// [`StoreError::Damaged`] if the content does not hold, otherwise what the disk said.
    pub fn load(&self) -> Result<Stored, StoreError> {
        guard(|| {
            let read = self
                .db
                .as_ref()
                .ok_or(StoreError::Dead)?
                .begin_read()
                .map_err(sort)?;
            load(&read, &self.ordinals)
        })
    }

    /// Lets go of the file, so that it can be opened again or moved; everything fails afterwards.
    pub fn close(&mut self) {
        let Some(db) = self.db.take() else { return };
        pass(Site::BeforeClose);
        // Letting go writes, and on a damaged file that panics too; there is nothing to save.
        let closed = guard(|| {
            drop(db);
            Ok(())
        });
        if closed.is_err() {
            tracing::warn!("the store's file is damaged: it could not be closed in order");
        }
        pass(Site::AfterClose);
    }

    fn guarded(
        open: impl FnOnce() -> Result<Database, StoreError>,
        fresh_id: impl FnOnce() -> Result<u64, EntropyError>,
        fresh_mark: [u8; MARK],
        beside: Option<File>,
    ) -> Result<Self, StoreError> {
        let db = guard(open)?;
        // A store from here on: it lets go of the file safely whatever the next lines find.
        let mut store = Self {
            db: Some(db),
            id: 0,
            ordinals: BTreeMap::new(),
            scrubber: Scrubber::new(fresh_mark, beside),
        };
        let db = store.db.as_mut().ok_or(StoreError::Dead)?;
        let scrubber = &mut store.scrubber;
        (store.id, store.ordinals) = guard(|| {
            check(db)?;
            let id = found_or_read(db, fresh_id)?;
            scrubber.read_mark(db)?;
            Ok((id, read_ordinals(db)?))
        })?;
        Ok(store)
    }

    /// Wipes what is left in the file of keys that are not in the store any more. What fails is said
    /// and tried again at the next opening: the keys are gone for everything that reads the store.
    fn scrub(&self) {
        let Some(db) = &self.db else { return };
        if let Err(error) = guard(|| self.scrubber.wipe(db)) {
            tracing::warn!(%error, "bytes of destroyed keys may still lie in the store's file");
        }
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.close();
    }
}

impl EventStore for Store {
    fn id(&self) -> u64 {
        self.id
    }

    fn load(&mut self) -> Result<Stored, StoreError> {
        Self::load(self)
    }

    fn renew(&mut self) -> Result<(), StoreError> {
        let db = self.db.as_ref().ok_or(StoreError::Dead)?;
        let id = entropy::number()?;
        guard(|| {
            let write = begin(db)?;
            {
                let mut tables = Tables::open(&write)?;
                let id = Some(id.to_be_bytes().to_vec());
                put_meta(&mut tables.meta, layout::STORE, id.as_ref())?;
            }
            write.commit().map_err(sort)
        })?;
        self.id = id;
        Ok(())
    }

    fn close(&mut self) {
        Self::close(self);
    }
}

impl Disk for Store {
    type Error = StoreError;

    fn commit(&mut self, writes: &[Write]) -> Result<(), StoreError> {
        let db = self.db.as_ref().ok_or(StoreError::Dead)?;
        match guard(|| commit(db, &self.ordinals, &self.scrubber, writes)) {
            Ok(fresh) => {
                self.ordinals.extend(fresh);
                let forgets = |write: &Write| matches!(write, Write::ForgetKey { .. });
                if writes.iter().any(forgets) {
                    self.scrub();
                }
                Ok(())
            }
            Err(error) => {
                self.close();
                Err(error)
            }
        }
    }
}

/// Moves a damaged store aside, so that a fresh one can be made; returns where it lies.
///
/// # Errors
///
/// What the disk said.
pub fn set_aside(path: &Path) -> Result<PathBuf, StoreError> {
    for number in 1..=DAMAGED_MAX {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".damaged-{number}"));
        let aside = PathBuf::from(name);
        if aside.exists() {
            continue;
        }
        pass(Site::BeforeSetAside);
        fs::rename(path, &aside).map_err(|error| disk(&error))?;
        pass(Site::AfterSetAside);
        if let Some(dir) = path.parent() {
            root::sync_dir(dir).map_err(|error| StoreError::Disk(error.to_string()))?;
        }
        return Ok(aside);
    }
    Err(StoreError::Disk(format!(
        "there are {DAMAGED_MAX} damaged stores beside {}; replace the card or disk",
        path.display()
    )))
}

fn builder() -> Builder {
    let mut builder = Database::builder();
    builder.set_cache_size(CACHE_BYTES);
    builder
}

/// Runs a piece of work on redb; a panic inside it is damage, because redb asserts on pages.
fn guard<T>(work: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
    quiet_panics();
    GUARDED.set(true);
    // After a panic the handle is dropped or marked dead, so nothing half-done is seen again.
    let outcome = catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
        Err(StoreError::Damaged(
            "reading it failed inside the storage library".to_owned(),
        ))
    });
    GUARDED.set(false);
    outcome
}

thread_local! {
    /// Whether this thread is inside [`guard`], where a panic is an answer and no accident.
    static GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// Keeps a panic inside [`guard`] from the terminal: the error that it becomes has the words.
fn quiet_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let loud = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if GUARDED.get() {
                tracing::debug!(%info, "the storage library gave up on a damaged store");
            } else {
                loud(info);
            }
        }));
    });
}

/// Checks every page against its checksum. After an ending in order redb looks at none of them,
/// and a changed key would be read as a row that is not there: invites, cells and the manifest
/// have no chain that finds the gap. An event is a few MB, so this takes milliseconds.
fn check(db: &mut Database) -> Result<(), StoreError> {
    if db.check_integrity().map_err(sort)? {
        return Ok(());
    }
    // It says that it has repaired something: by falling back to an older state, perhaps.
    Err(StoreError::Damaged(
        "its pages do not match their checksums".to_owned(),
    ))
}

/// Begins a write with the settings that every write of this store has.
fn begin(db: &Database) -> Result<WriteTransaction, StoreError> {
    let mut write = db.begin_write().map_err(sort)?;
    if is(Fault::NoSync) {
        write.set_durability(Durability::None).map_err(sort)?;
    }
    write.set_two_phase_commit(true);
    write.set_quick_repair(false);
    Ok(write)
}

/// Makes all tables and the id where they are missing, which is one transaction.
fn found_or_read(
    db: &Database,
    fresh_id: impl FnOnce() -> Result<u64, EntropyError>,
) -> Result<u64, StoreError> {
    let read = db.begin_read().map_err(sort)?;
    match read.open_table(layout::META) {
        Ok(meta) => {
            check_version(&meta)?;
            let id = meta.get(layout::STORE).map_err(sort)?;
            let id = id.and_then(|bytes| <[u8; 8]>::try_from(bytes.value()).ok());
            return id
                .map(u64::from_be_bytes)
                .ok_or_else(|| StoreError::Damaged("it has no id".to_owned()));
        }
        Err(redb::TableError::TableDoesNotExist(_)) => {}
        Err(error) => return Err(sort(error)),
    }
    let id = fresh_id()?;
    let write = begin(db)?;
    {
        let mut tables = Tables::open(&write)?;
        tables
            .meta
            .insert(layout::STORE, id.to_be_bytes().as_slice())
            .map_err(sort)?;
        let version = layout::SCHEMA.to_be_bytes();
        put_meta(&mut tables.meta, layout::VERSION, Some(&version.to_vec()))?;
    }
    write.commit().map_err(sort)?;
    Ok(id)
}

/// Refuses a store of a later layout before anything opens it for writing, which touches its bytes.
/// What cannot be read so (after a crash, damaged, in use) is told by the opening itself.
fn refuse_newer(path: &Path) -> Result<(), StoreError> {
    let version = guard(|| {
        let db = builder().open_read_only(path).map_err(sort)?;
        let read = db.begin_read().map_err(sort)?;
        let meta = read.open_table(layout::META).map_err(sort)?;
        check_version(&meta)
    });
    match version {
        Err(newer @ StoreError::Newer { .. }) => Err(newer),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Makes sure that this program knows the store's layout. One without a version was written before
/// there was one, and has the first.
fn check_version(
    meta: &impl redb::ReadableTable<&'static [u8], &'static [u8]>,
) -> Result<(), StoreError> {
    let Some(version) = meta.get(layout::VERSION).map_err(sort)? else {
        return Ok(());
    };
    let found = <[u8; 4]>::try_from(version.value()).map(u32::from_be_bytes);
    let found = found.map_err(|_| StoreError::Damaged("its version is none".to_owned()))?;
    if layout::SCHEMA < found {
        return Err(StoreError::Newer {
            found,
            known: layout::SCHEMA,
        });
    }
    Ok(())
}

fn read_ordinals(db: &Database) -> Result<BTreeMap<LogName, u32>, StoreError> {
    let read = db.begin_read().map_err(sort)?;
    let table = read.open_table(layout::LOGS).map_err(sort)?;
    let mut ordinals = BTreeMap::new();
    for row in table.iter().map_err(sort)? {
        let (ordinal, name) = row.map_err(sort)?;
        let name = layout::read_log_name(name.value());
        if ordinals
            .insert(name, u32::from_be_bytes(*ordinal.value()))
            .is_some()
        {
            return Err(StoreError::Damaged("a log has two ordinals".to_owned()));
        }
    }
    Ok(ordinals)
}

/// All tables, open in one transaction.
struct Tables<'t> {
    meta: Table<'t, &'static [u8], &'static [u8]>,
    logs: Table<'t, &'static [u8; 4], &'static [u8; 40]>,
    entries: Table<'t, &'static [u8; 12], &'static [u8]>,
    heads: Table<'t, &'static [u8; 12], &'static [u8; 64]>,
    cells: Table<'t, &'static [u8; 33], &'static [u8]>,
    forks: Table<'t, &'static [u8; 40], &'static [u8]>,
    displaced: Table<'t, &'static [u8; 56], &'static [u8]>,
    invites: Table<'t, &'static [u8; 16], &'static [u8]>,
    keys: Table<'t, &'static [u8; 8], &'static [u8]>,
}

impl<'t> Tables<'t> {
    fn open(write: &'t WriteTransaction) -> Result<Self, StoreError> {
        Ok(Self {
            meta: write.open_table(layout::META).map_err(sort)?,
            logs: write.open_table(layout::LOGS).map_err(sort)?,
            entries: write.open_table(layout::ENTRIES).map_err(sort)?,
            heads: write.open_table(layout::HEADS).map_err(sort)?,
            cells: write.open_table(layout::CELLS).map_err(sort)?,
            forks: write.open_table(layout::FORKS).map_err(sort)?,
            displaced: write.open_table(layout::DISPLACED).map_err(sort)?,
            invites: write.open_table(layout::INVITES).map_err(sort)?,
            keys: write.open_table(layout::KEYS).map_err(sort)?,
        })
    }

    fn apply(
        &mut self,
        ordinals: &mut Ordinals<'_>,
        scrubber: &Scrubber,
        write: &Write,
    ) -> Result<(), StoreError> {
        match write {
            Write::Manifest(bytes) => put_meta(&mut self.meta, layout::MANIFEST, Some(bytes)),
            Write::Ticket(bytes) => put_meta(&mut self.meta, layout::TICKET, bytes.as_ref()),
            Write::Entries {
                log,
                first,
                entries,
            } => {
                let ordinal = ordinals.of(&mut self.logs, log)?;
                self.append(ordinal, *first, entries)
            }
            Write::Head {
                log,
                height,
                signature,
            } => {
                let ordinal = ordinals.of(&mut self.logs, log)?;
                let key = layout::place(ordinal, *height);
                self.heads.insert(&key, signature).map(drop).map_err(sort)
            }
            Write::DropHead { log, height } => {
                let ordinal = ordinals.of(&mut self.logs, log)?;
                self.heads
                    .remove(&layout::place(ordinal, *height))
                    .map(drop)
                    .map_err(sort)
            }
            Write::Cell { key, kind, bytes } => {
                let key = layout::cell(key.as_bytes(), *kind);
                self.cells
                    .insert(&key, bytes.as_slice())
                    .map(drop)
                    .map_err(sort)
            }
            Write::Fork { log, bytes } => {
                let key = layout::log_name(log);
                self.forks
                    .insert(&key, bytes.as_slice())
                    .map(drop)
                    .map_err(sort)
            }
            Write::Displace { log, from, bytes } => {
                let ordinal = ordinals.of(&mut self.logs, log)?;
                self.displace(ordinal, *from)?;
                let key = layout::displaced(log, bytes);
                self.displaced
                    .insert(&key, bytes.as_slice())
                    .map(drop)
                    .map_err(sort)
            }
            Write::Invite {
                id,
                bytes: Some(bytes),
            } => self
                .invites
                .insert(id, bytes.as_slice())
                .map(drop)
                .map_err(sort),
            Write::Invite { id, bytes: None } => self.invites.remove(id).map(drop).map_err(sort),
            Write::Key { id, row } => {
                put_meta(&mut self.meta, layout::MARK, Some(&scrubber.kept_mark()))?;
                let row = scrubber.marked(row);
                self.keys
                    .insert(&id.0, row.as_slice())
                    .map(drop)
                    .map_err(sort)
            }
            Write::ForgetKey { id } => self.keys.remove(&id.0).map(drop).map_err(sort),
        }
    }

    /// Takes the entries from a sequence on out of a log; what they say is kept beside it.
    fn displace(&mut self, ordinal: u32, from: u64) -> Result<(), StoreError> {
        let from = layout::place(ordinal, from);
        let to = layout::place(ordinal, u64::MAX);
        self.entries
            .retain_in::<&[u8; 12], _>(&from..=&to, |_, _| false)
            .map_err(sort)
    }

    fn append(&mut self, ordinal: u32, first: u64, entries: &[Vec<u8>]) -> Result<(), StoreError> {
        for (seq, entry) in (first..).zip(entries) {
            let before = self
                .entries
                .insert(&layout::place(ordinal, seq), entry.as_slice())
                .map_err(sort)?;
            // A log only grows: an entry that changes under its sequence is a fault of the
            // program, and a failed commit is the safe answer to it.
            let differs = before.is_some_and(|before| before.value() != entry.as_slice());
            if differs && !is(Fault::LastWriteWins) {
                return Err(StoreError::Disk(format!(
                    "entry {seq} of log {ordinal} would be overwritten; this is a fault of the program"
                )));
            }
            pass(Site::BetweenEntries);
        }
        Ok(())
    }
}

/// The logs' ordinals while a transaction gives out more of them.
struct Ordinals<'a> {
    known: &'a BTreeMap<LogName, u32>,
    fresh: BTreeMap<LogName, u32>,
    next: u32,
}

impl Ordinals<'_> {
    fn of(
        &mut self,
        logs: &mut Table<'_, &'static [u8; 4], &'static [u8; 40]>,
        name: &LogName,
    ) -> Result<u32, StoreError> {
        if let Some(ordinal) = self.known.get(name).or_else(|| self.fresh.get(name)) {
            return Ok(*ordinal);
        }
        let ordinal = self.next;
        self.next = ordinal
            .checked_add(1)
            .ok_or_else(|| StoreError::Disk("the store has too many logs".to_owned()))?;
        logs.insert(&ordinal.to_be_bytes(), &layout::log_name(name))
            .map_err(sort)?;
        self.fresh.insert(*name, ordinal);
        Ok(ordinal)
    }
}

/// Commits all writes in one transaction; returns the logs that are new to the store.
fn commit(
    db: &Database,
    known: &BTreeMap<LogName, u32>,
    scrubber: &Scrubber,
    writes: &[Write],
) -> Result<BTreeMap<LogName, u32>, StoreError> {
    let next = known
        .values()
        .max()
        .map_or(0, |&last| last.saturating_add(1));
    let mut ordinals = Ordinals {
        known,
        fresh: BTreeMap::new(),
        next,
    };
    pass(Site::BeforeBegin);
    let transaction = begin(db)?;
    {
        let mut tables = Tables::open(&transaction)?;
        for write in writes {
            tables.apply(&mut ordinals, scrubber, write)?;
        }
    }
    pass(Site::BeforeCommit);
    transaction.commit().map_err(sort)?;
    if misreports(Site::AfterCommit) {
        return Err(StoreError::Disk(
            "nobody knows whether it is saved".to_owned(),
        ));
    }
    Ok(ordinals.fresh)
}

fn put_meta(
    meta: &mut Table<'_, &'static [u8], &'static [u8]>,
    key: &'static [u8],
    bytes: Option<&Vec<u8>>,
) -> Result<(), StoreError> {
    match bytes {
        Some(bytes) => meta.insert(key, bytes.as_slice()).map(drop).map_err(sort),
        None => meta.remove(key).map(drop).map_err(sort),
    }
}

/// Sorts redb's errors by what is to be done: another process, a damaged file, a failing disk.
fn sort(error: impl Into<redb::Error>) -> StoreError {
    match error.into() {
        redb::Error::DatabaseAlreadyOpen => StoreError::InUse,
        redb::Error::Io(error) => disk(&error),
        redb::Error::PreviousIo | redb::Error::DatabaseClosed => StoreError::Dead,
        damage @ (redb::Error::Corrupted(_)
        | redb::Error::RepairAborted
        | redb::Error::UpgradeRequired(_)
        | redb::Error::TableTypeMismatch { .. }
        | redb::Error::TypeDefinitionChanged { .. }
        | redb::Error::TableIsMultimap(_)
        | redb::Error::TableDoesNotExist(_)) => StoreError::Damaged(damage.to_string()),
        failure @ (redb::Error::InvalidSavepoint
        | redb::Error::ImmediateDurabilityRequired
        | redb::Error::PersistentSavepointModified
        | redb::Error::PersistentSavepointExists
        | redb::Error::EphemeralSavepointExists
        | redb::Error::TransactionInProgress
        | redb::Error::TransactionPoisoned
        | redb::Error::ValueTooLarge(_)
        | redb::Error::UnorderedKey
        | redb::Error::TableIsNotMultimap(_)
        | redb::Error::TableExists(_)
        | redb::Error::TableAlreadyOpen(..)
        | redb::Error::Unsupported
        | redb::Error::LockPoisoned(_)
        | redb::Error::ReadTransactionStillInUse(_)
        | _) => StoreError::Disk(failure.to_string()),
    }
}

fn disk(error: &io::Error) -> StoreError {
    let kind = error.kind();
    if matches!(
        kind,
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    ) {
        StoreError::Full
    } else if matches!(
        kind,
        io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof
    ) {
        // What redb says about a file that is shorter than it should be or none of its own.
        StoreError::Damaged(error.to_string())
    } else {
        StoreError::Disk(error.to_string())
    }
}

#[cfg(test)]
pub(crate) mod bounded;
#[cfg(test)]
mod tests;
