//! When this device and another one held the same, and when the cloud signed for more.
//!
//! One line an exchange, but at most one a minute for each device and kind, which tells how many
//! there were: under steady writing devices agree every few seconds. Layer: node, beside.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use tallyline_keys::PublicKey;
use tallyline_proto::replica::Now;

use crate::root::{hex, unhex};

/// The file; the one before it has `.1` behind its name.
const FILE: &str = "sync.journal";

/// Bytes of the file above which a new one is begun: some 60,000 lines, a week of ten devices.
const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// Milliseconds within which exchanges of one kind with one device are one line.
const MINUTE_MS: u64 = 60_000;

/// Devices of which exchanges are held for the next line; the members of the largest event.
const DEVICES_MAX: usize = 4096;

/// First bytes of a key that name a device.
type Short = [u8; 8];

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ExchangeKind {
    /// This device and the other one told each other that they hold the same.
    Sync,
    /// A receipt of the cloud covers more entries of the device than before.
    Upload,
    /// The node started.
    Start {
        /// Whether it writes the score log.
        score_log: bool,
    },
}

/// One line of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// When the last of them was, in Unix milliseconds by this device's clock.
    pub at_unix_ms: i64,
    /// What happened.
    pub kind: ExchangeKind,
    /// With whom, or for whom: the first bytes of a key.
    with: Short,
    /// How many entries both held, or the cloud.
    pub entries: u64,
    /// How often since the line before.
    pub times: u32,
}

/// Exchanges that are not written down yet.
#[derive(Debug, Default)]
pub(super) struct Exchanges {
    due: Vec<Exchange>,
    open: BTreeMap<(ExchangeKind, Short), Open>,
    last: Last,
}

/// When exchanges were last, of each device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Last {
    syncs: BTreeMap<Short, i64>,
    upload: Option<i64>,
}

impl Last {
    /// Returns what lines tell.
    pub(super) fn of(lines: &[Exchange]) -> Self {
        let mut last = Self::default();
        for line in lines {
            last.note(line);
        }
        last
    }

    fn note(&mut self, exchange: &Exchange) {
        let at = exchange.at_unix_ms;
        match exchange.kind {
            ExchangeKind::Sync => {
                if self.syncs.len() < DEVICES_MAX || self.syncs.contains_key(&exchange.with) {
                    let known = self.syncs.entry(exchange.with).or_insert(at);
                    *known = at.max(*known);
                }
            }
            ExchangeKind::Upload => self.upload = self.upload.max(Some(at)),
            ExchangeKind::Start { .. } => {}
        }
    }

    /// Returns when this device and another one said last that they hold the same.
    pub(super) fn sync(&self, key: &PublicKey) -> Option<i64> {
        self.syncs.get(&short(key)).copied()
    }

    /// Returns when a cloud signed last that it holds more.
    pub(super) fn upload(&self) -> Option<i64> {
        self.upload
    }
}

/// Exchanges of one kind with one device since its last line.
#[derive(Clone, Copy, Debug)]
struct Open {
    /// When the last line was written, monotonic.
    line_mono_ms: u64,
    /// What the next line says; 0 times: nothing.
    next: Exchange,
}

impl Exchange {
    /// Returns whether it is about this device.
    pub fn is_with(&self, key: &PublicKey) -> bool {
        let kind = !matches!(self.kind, ExchangeKind::Start { .. });
        kind && self.with == short(key)
    }

    fn line(&self) -> String {
        let (kind, with) = match self.kind {
            ExchangeKind::Sync => ("sync", hex(&self.with)),
            ExchangeKind::Upload => ("upload", hex(&self.with)),
            ExchangeKind::Start { score_log: true } => ("start", "score-log-on".to_owned()),
            ExchangeKind::Start { score_log: false } => ("start", "score-log-off".to_owned()),
        };
        let (at, entries, times) = (self.at_unix_ms, self.entries, self.times);
        format!("{at} {kind} {with} {entries} {times}\n")
    }

    /// Reads a line; `None` if it is none, for example the half of one after a power cut.
    fn parse(line: &str) -> Option<Self> {
        let mut words = line.split(' ');
        let at_unix_ms = words.next()?.parse().ok()?;
        let (kind, with) = (words.next()?, words.next()?);
        let entries = words.next()?.parse().ok()?;
        let times = words.next()?.parse().ok()?;
        let kind = match (kind, with) {
            ("sync", _) => ExchangeKind::Sync,
            ("upload", _) => ExchangeKind::Upload,
            ("start", "score-log-on") => ExchangeKind::Start { score_log: true },
            ("start", "score-log-off") => ExchangeKind::Start { score_log: false },
            _ => return None,
        };
        let with = match kind {
            ExchangeKind::Start { .. } => Short::default(),
            ExchangeKind::Sync | ExchangeKind::Upload => unhex(with)?.try_into().ok()?,
        };
        words.next().is_none().then_some(Self {
            at_unix_ms,
            kind,
            with,
            entries,
            times,
        })
    }
}

impl Exchanges {
    /// Notes that the node started.
    pub(super) fn start(&mut self, score_log: bool, now: Now) {
        self.due.push(Exchange {
            at_unix_ms: unix_ms(now),
            kind: ExchangeKind::Start { score_log },
            with: Short::default(),
            entries: 0,
            times: 1,
        });
    }

    /// Notes an exchange; returns whether a line is due.
    pub(super) fn note(
        &mut self,
        kind: ExchangeKind,
        key: &PublicKey,
        entries: u64,
        now: Now,
    ) -> bool {
        let with = short(key);
        let fresh = Exchange {
            at_unix_ms: unix_ms(now),
            kind,
            with,
            entries,
            times: 1,
        };
        self.last.note(&fresh);
        if let Some(open) = self.open.get_mut(&(kind, with)) {
            open.next = Exchange {
                times: open.next.times.saturating_add(1),
                ..fresh
            };
            return MINUTE_MS <= now.mono_ms.saturating_sub(open.line_mono_ms);
        }
        if self.open.len() < DEVICES_MAX {
            let next = Exchange { times: 0, ..fresh };
            let line_mono_ms = now.mono_ms;
            self.open.insert((kind, with), Open { line_mono_ms, next });
        }
        self.due.push(fresh);
        true
    }

    /// Takes the lines that are to be written: those whose minute is over, or `all`.
    pub(super) fn due(&mut self, now: Now, all: bool) -> Vec<Exchange> {
        for open in self.open.values_mut() {
            let over = MINUTE_MS <= now.mono_ms.saturating_sub(open.line_mono_ms);
            if 0 < open.next.times && (over || all) {
                self.due.push(open.next);
                open.next.times = 0;
                open.line_mono_ms = now.mono_ms;
            }
        }
        std::mem::take(&mut self.due)
    }

    /// Takes what earlier runs of the node wrote down.
    pub(super) fn remember(&mut self, last: Last) {
        let fresh = std::mem::replace(&mut self.last, last);
        for (with, at) in fresh.syncs {
            self.last.syncs.insert(with, at);
        }
        self.last.upload = self.last.upload.max(fresh.upload);
    }

    /// Returns when exchanges were last.
    pub(super) fn last(&self) -> &Last {
        &self.last
    }

    /// Returns what is not written down yet.
    pub(super) fn open(&self) -> impl Iterator<Item = Exchange> + '_ {
        let open = self.open.values().map(|it| it.next);
        let open = open.filter(|it| 0 < it.times);
        self.due.iter().copied().chain(open)
    }
}

/// Appends lines to the file of a root.
pub(super) fn write(dir: &Path, lines: &[Exchange]) -> io::Result<()> {
    let path = dir.join(FILE);
    if fs::metadata(&path).is_ok_and(|it| FILE_BYTES_MAX <= it.len()) {
        fs::rename(&path, before(dir))?;
    }
    let mut file = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(&path)?;
    let text: String = lines.iter().map(Exchange::line).collect();
    file.write_all(text.as_bytes())
}

/// Reads all lines of a root, the oldest first; what cannot be read is left out.
pub(super) fn read(dir: &Path) -> Vec<Exchange> {
    let texts = [before(dir), dir.join(FILE)].map(fs::read_to_string);
    let texts = texts.iter().flatten();
    texts
        .flat_map(|text| text.lines())
        .filter_map(Exchange::parse)
        .collect()
}

fn before(dir: &Path) -> PathBuf {
    dir.join(format!("{FILE}.1"))
}

fn short(key: &PublicKey) -> Short {
    key.as_bytes().first_chunk().copied().unwrap_or_default()
}

fn unix_ms(now: Now) -> i64 {
    i64::try_from(now.wall_ms).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use tallyline_keys::DeviceKey;

    use super::*;

    fn at(ms: u64) -> Now {
        Now {
            mono_ms: ms,
            wall_ms: 1_532_500_000_000 + ms,
        }
    }

    fn key(seed: u8) -> PublicKey {
        DeviceKey::from_seed([seed; 32]).public()
    }

    #[test]
    fn the_first_exchange_is_a_line_and_those_of_a_minute_are_the_next() {
        let mut exchanges = Exchanges::default();
        let sync = ExchangeKind::Sync;
        assert!(exchanges.note(sync, &key(1), 5, at(0)), "the first");
        assert!(!exchanges.note(sync, &key(1), 6, at(10)), "within a minute");
        assert!(!exchanges.note(sync, &key(1), 7, at(20)), "within a minute");
        assert!(exchanges.note(sync, &key(2), 7, at(20)), "another device");
        assert!(
            exchanges.note(ExchangeKind::Upload, &key(1), 7, at(30)),
            "another kind"
        );
        let count: u32 = exchanges.open().map(|it| it.times).sum();
        assert_eq!(count, 5, "nothing is forgotten");
        let times =
            |lines: Vec<Exchange>| -> Vec<u32> { lines.iter().map(|it| it.times).collect() };
        assert_eq!(times(exchanges.due(at(40), false)), [1, 1, 1]);
        assert!(exchanges.due(at(50), false).is_empty(), "not yet");
        assert_eq!(times(exchanges.due(at(60_000), false)), [2]);
        assert!(
            !exchanges.note(sync, &key(1), 9, at(60_001)),
            "a new minute"
        );
        assert_eq!(
            times(exchanges.due(at(60_002), true)),
            [1],
            "all at the end"
        );
        assert_eq!(exchanges.open().count(), 0);
    }

    #[test]
    fn lines_are_read_as_they_were_written_and_half_lines_are_left_out() {
        let dir = tempfile::tempdir().unwrap();
        let mut exchanges = Exchanges::default();
        exchanges.start(true, at(0));
        exchanges.note(ExchangeKind::Sync, &key(1), 5, at(1));
        exchanges.note(ExchangeKind::Upload, &key(2), 4, at(2));
        let lines = exchanges.due(at(3), true);
        write(dir.path(), &lines).unwrap();
        assert_eq!(read(dir.path()), lines);
        assert!(lines[1].is_with(&key(1)), "named by its key");
        assert!(!lines[0].is_with(&key(1)), "a start is with nobody");
        let path = dir.path().join(FILE);
        let text = fs::read_to_string(&path).unwrap();
        fs::write(
            &path,
            format!("{text}1532500000004 sync 00112233\n7 x y 1 1\n1 sync 00 1 1\nrubbish\n"),
        )
        .unwrap();
        assert_eq!(read(dir.path()), lines, "nothing but whole lines");
        assert_eq!(read(&dir.path().join("none")), []);
    }

    #[test]
    fn a_long_file_is_put_aside_once() {
        let dir = tempfile::tempdir().unwrap();
        let mut exchanges = Exchanges::default();
        exchanges.note(ExchangeKind::Sync, &key(1), 5, at(1));
        let lines = exchanges.due(at(3), true);
        write(dir.path(), &lines).unwrap();
        let long = OpenOptions::new()
            .write(true)
            .open(dir.path().join(FILE))
            .unwrap();
        long.set_len(FILE_BYTES_MAX).unwrap();
        write(dir.path(), &lines).unwrap();
        assert_eq!(read(dir.path()).len(), 2, "both files are read");
        assert!(before(dir.path()).exists(), "put aside");
    }
}
