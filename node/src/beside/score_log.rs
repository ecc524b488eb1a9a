//! The plain-text score log: one line for each entry, own and received.
//!
//! A place for each log of entries is remembered, so that after a restart the log goes on where it
//! stood. Lines that were written after the place was remembered last are known by the entry's id at
//! their end, and not written again. Layer: node, beside.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use tallyline_proto::model::{GrantId, Hash, Incarnation, LogName};
use tallyline_proto::replica::{EntryView, LogRead, Unread};

use super::Places;
use crate::root::room::free_bytes;
use crate::root::{hex, unhex};

/// The file; older ones have `.1` and `.2` behind their names.
const FILE: &str = "score.log";

/// Where each log of entries stands in it.
const PLACE_FILE: &str = "score.log.place";

/// Bytes above which a new file is begun.
const FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Bytes at the end of the file in which ids are looked for at the start: more than what is written
/// between two times at which the place is remembered.
const TAIL_BYTES: u64 = 1024 * 1024;

/// Bytes that must be free on the disk: room for scores comes before their second copy as text.
const FREE_BYTES_MIN: u64 = 64 * 1024 * 1024;

/// The score log of one root.
#[derive(Clone, Debug)]
pub(super) struct ScoreLog {
    dir: PathBuf,
    places: Places,
    /// Entries that are in the file although the place does not say so.
    written: BTreeSet<String>,
    /// Whether the file holds more than the place on disk says.
    ahead: bool,
    /// Entries since the place was written.
    since_place: usize,
}

impl ScoreLog {
    /// Opens the log of a root where it stands; a root without one begins at its first entry.
    pub(super) fn open(dir: &Path) -> Self {
        let places = read_places(&dir.join(PLACE_FILE));
        // Without a place everything in the file has to be looked at.
        let tail = places.as_ref().map_or(u64::MAX, |_| TAIL_BYTES);
        let mut written = ids(&dir.join(FILE), tail);
        if places.is_none() {
            written.extend(ids(&older(dir, 1), tail));
            written.extend(ids(&older(dir, 2), tail));
        }
        Self {
            dir: dir.to_owned(),
            places: places.unwrap_or_default(),
            written,
            ahead: false,
            since_place: 0,
        }
    }

    /// Returns how far it is.
    pub(super) fn places(&self) -> &Places {
        &self.places
    }

    /// Returns whether the place on disk is behind.
    pub(super) fn is_ahead(&self) -> bool {
        self.ahead
    }

    /// Writes the lines of entries.
    ///
    /// # Errors
    ///
    /// What the disk said; the same entries are written the next time.
    pub(super) fn write(
        &mut self,
        unread: &[Unread],
        line: fn(&EntryView) -> String,
    ) -> io::Result<()> {
        if free_bytes(&self.dir).is_some_and(|free| free < FREE_BYTES_MIN) {
            return Err(io::Error::other(format!(
                "less than {} MiB are free",
                FREE_BYTES_MIN / (1024 * 1024)
            )));
        }
        let path = self.dir.join(FILE);
        if fs::metadata(&path).is_ok_and(|it| FILE_BYTES_MAX <= it.len()) {
            self.turn_over(&path)?;
        }
        let mut text = String::new();
        for one in unread {
            if one.replaced {
                let log = one.log.grant.uuid();
                let remark = "the owner chose its other version, which goes on here";
                text.extend(["# log ", &log.to_string(), ": ", remark, "\n"]);
            }
            for entry in &one.entries {
                if !self.written.contains(&entry.id.to_string()) {
                    text.push_str(&line(entry));
                    text.push('\n');
                }
            }
        }
        let mut file = OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(&path)?;
        file.write_all(text.as_bytes())?;
        for one in unread {
            self.places.insert(one.log, one.read);
            self.since_place = self.since_place.saturating_add(one.entries.len());
        }
        self.ahead = true;
        if super::ENTRIES_MAX <= self.since_place {
            self.write_place()?;
        }
        Ok(())
    }

    /// Writes down how far it is, once the lines before are on disk.
    ///
    /// # Errors
    ///
    /// What the disk said; lines since the last time are found again by their ids.
    pub(super) fn write_place(&mut self) -> io::Result<()> {
        if !self.ahead {
            return Ok(());
        }
        OpenOptions::new()
            .append(true)
            .open(self.dir.join(FILE))?
            .sync_data()?;
        let text: String = self.places.iter().map(place_line).collect();
        let (path, fresh) = (self.dir.join(PLACE_FILE), self.dir.join("score.log.fresh"));
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&fresh)?;
        file.write_all(text.as_bytes())?;
        file.sync_data()?;
        fs::rename(&fresh, &path)?;
        self.ahead = false;
        self.since_place = 0;
        Ok(())
    }

    /// Begins a new file; the oldest goes.
    fn turn_over(&mut self, path: &Path) -> io::Result<()> {
        self.write_place()?;
        if older(&self.dir, 1).exists() {
            fs::rename(older(&self.dir, 1), older(&self.dir, 2))?;
        }
        fs::rename(path, older(&self.dir, 1))
    }
}

/// Returns the ids at the ends of the last lines of a file.
fn ids(path: &Path, tail_bytes: u64) -> BTreeSet<String> {
    let text = tail(path, tail_bytes).unwrap_or_default();
    let ids = text.lines().filter_map(|line| line.rsplit('\t').next());
    ids.filter(|id| id.len() == 36).map(str::to_owned).collect()
}

fn tail(path: &Path, bytes: u64) -> io::Result<String> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(bytes)))?;
    let mut text = Vec::new();
    file.read_to_end(&mut text)?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

fn older(dir: &Path, nth: u8) -> PathBuf {
    dir.join(format!("{FILE}.{nth}"))
}

/// Grant, incarnation, height and chain hash of one log.
fn place_line((name, read): (&LogName, &LogRead)) -> String {
    format!(
        "{} {:016x} {} {}\n",
        hex(&name.grant.0.0),
        name.incarnation.0,
        read.height,
        hex(&read.chain.0)
    )
}

/// Reads the places; `None` if there are none, or a line is broken.
fn read_places(path: &Path) -> Option<Places> {
    let text = fs::read_to_string(path).ok()?;
    let mut places = BTreeMap::new();
    for line in text.lines() {
        let mut words = line.split(' ');
        let grant = GrantId(hash(words.next()?)?);
        let incarnation = Incarnation(u64::from_str_radix(words.next()?, 16).ok()?);
        let height = words.next()?.parse().ok()?;
        let chain = hash(words.next()?)?;
        places.insert(LogName { grant, incarnation }, LogRead { height, chain });
    }
    Some(places)
}

fn hash(text: &str) -> Option<Hash> {
    Some(Hash(unhex(text)?.try_into().ok()?))
}
