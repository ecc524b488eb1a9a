//! A disk in memory that holds what a replica wrote, and checks that logs have no gap.

use std::collections::{BTreeMap, BTreeSet};

use tallyline_keys::PublicKey;
use tallyline_proto::{
    model::{KeyId, LogName},
    replica::{Disk, Stored, StoredLog, Write},
    wire::KeyRow,
};

/// What was written.
#[derive(Clone, Debug, Default)]
pub(super) struct Memory {
    manifest: Option<Vec<u8>>,
    ticket: Option<Vec<u8>>,
    logs: BTreeMap<LogName, Vec<Vec<u8>>>,
    heads: BTreeMap<LogName, BTreeMap<u64, [u8; 64]>>,
    cells: BTreeMap<(PublicKey, u8), Vec<u8>>,
    forks: BTreeMap<LogName, Vec<u8>>,
    displaced: BTreeSet<Vec<u8>>,
    invites: BTreeMap<[u8; 16], Vec<u8>>,
    keys: BTreeMap<KeyId, KeyRow>,
}

impl Memory {
    /// Returns everything as a start reads it.
    pub(super) fn stored(&self) -> Stored {
        let log = |(name, entries): (&LogName, &Vec<Vec<u8>>)| StoredLog {
            name: *name,
            entries: entries.clone(),
            heads: self
                .heads
                .get(name)
                .into_iter()
                .flatten()
                .map(copied)
                .collect(),
        };
        Stored {
            manifest: self.manifest.clone(),
            ticket: self.ticket.clone(),
            logs: self.logs.iter().map(log).collect(),
            cells: self.cells.values().cloned().collect(),
            forks: self.forks.values().cloned().collect(),
            displaced: self.displaced.iter().cloned().collect(),
            invites: self
                .invites
                .iter()
                .map(|(id, it)| (*id, it.clone()))
                .collect(),
            keys: self.keys.values().cloned().collect(),
        }
    }

    /// Returns the number of entries in all logs.
    pub(super) fn entries(&self) -> usize {
        self.logs.values().map(Vec::len).sum()
    }

    /// Returns the manifest's bytes.
    pub(super) fn manifest(&self) -> Option<&[u8]> {
        self.manifest.as_deref()
    }

    fn write(&mut self, write: &Write) {
        match write.clone() {
            Write::Manifest(bytes) => self.manifest = Some(bytes),
            Write::Ticket(bytes) => self.ticket = bytes,
            Write::Entries {
                log,
                first,
                entries,
            } => {
                let held = self.logs.entry(log).or_default();
                let next = u64::try_from(held.len()).map_or(0, |held| held + 1);
                assert_eq!(first, next, "a log has no gap and nothing is overwritten");
                held.extend(entries);
            }
            Write::Head {
                log,
                height,
                signature,
            } => {
                self.heads.entry(log).or_default().insert(height, signature);
            }
            Write::DropHead { log, height } => {
                let dropped = self.heads.entry(log).or_default().remove(&height);
                assert!(dropped.is_some(), "a head is dropped that was never kept");
            }
            Write::Cell { key, kind, bytes } => {
                self.cells.insert((key, kind), bytes);
            }
            Write::Fork { log, bytes } => {
                self.forks.insert(log, bytes);
            }
            Write::Displace { log, from, bytes } => {
                let keep = usize::try_from(from - 1).unwrap_or(usize::MAX);
                self.logs.entry(log).or_default().truncate(keep);
                self.displaced.insert(bytes);
            }
            Write::Key { id, row } => {
                self.keys.insert(id, row);
            }
            Write::ForgetKey { id } => {
                self.keys.remove(&id);
            }
            Write::Invite { id, bytes } => match bytes {
                Some(bytes) => {
                    self.invites.insert(id, bytes);
                }
                None => {
                    self.invites.remove(&id);
                }
            },
        }
    }
}

impl Disk for Memory {
    type Error = std::convert::Infallible;

    fn commit(&mut self, writes: &[Write]) -> Result<(), Self::Error> {
        for write in writes {
            self.write(write);
        }
        Ok(())
    }
}

fn copied((height, signature): (&u64, &[u8; 64])) -> (u64, [u8; 64]) {
    (*height, *signature)
}
