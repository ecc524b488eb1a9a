//! A store in memory, without a file below it: every commit is whole, or fails when told to.

use tallyline_proto::{
    model::LogName,
    replica::{Disk, Stored, StoredLog, Write},
};

/// A disk in memory.
#[derive(Clone, Debug, Default)]
pub struct MemoryDisk {
    stored: Stored,
    commits: u64,
    fail_next: bool,
    cells: Vec<(Vec<u8>, u8)>,
    forks: Vec<LogName>,
}

/// The disk was told to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DiskFailed;

impl MemoryDisk {
    /// Makes a disk that holds something already.
    pub fn holding(stored: Stored) -> Self {
        Self {
            stored,
            ..Self::default()
        }
    }

    /// Returns everything on it, as after a restart.
    pub fn stored(&self) -> Stored {
        self.stored.clone()
    }

    /// Returns the number of transactions so far.
    pub fn commits(&self) -> u64 {
        self.commits
    }

    /// Makes the next commit fail.
    pub fn fail_next(&mut self) {
        self.fail_next = true;
    }

    fn log(&mut self, name: LogName) -> Option<&mut StoredLog> {
        if !self.stored.logs.iter().any(|log| log.name == name) {
            self.stored.logs.push(StoredLog {
                name,
                entries: Vec::new(),
                heads: Vec::new(),
            });
        }
        self.stored.logs.iter_mut().find(|log| log.name == name)
    }

    fn apply(&mut self, write: &Write) {
        match write {
            Write::Manifest(bytes) => self.stored.manifest = Some(bytes.clone()),
            Write::Ticket(ticket) => self.stored.ticket.clone_from(ticket),
            Write::Entries {
                log,
                first,
                entries,
            } => {
                let Some(log) = self.log(*log) else { return };
                let held = u64::try_from(log.entries.len()).unwrap_or(u64::MAX);
                assert_eq!(
                    held.saturating_add(1),
                    *first,
                    "entries are written without a gap"
                );
                log.entries.extend(entries.iter().cloned());
            }
            Write::Head {
                log,
                height,
                signature,
            } => {
                let Some(log) = self.log(*log) else { return };
                log.heads.retain(|(held, _)| held != height);
                log.heads.push((*height, *signature));
                log.heads.sort_unstable_by_key(|(height, _)| *height);
            }
            Write::DropHead { log, height } => {
                if let Some(log) = self.log(*log) {
                    log.heads.retain(|(held, _)| held != height);
                }
            }
            Write::Cell { key, kind, bytes } => {
                let slot = (key.as_bytes().to_vec(), *kind);
                if let Some(place) = self.cells.iter().position(|held| *held == slot) {
                    if let Some(held) = self.stored.cells.get_mut(place) {
                        held.clone_from(bytes);
                    }
                } else {
                    self.cells.push(slot);
                    self.stored.cells.push(bytes.clone());
                }
            }
            Write::Fork { log, bytes } => {
                if let Some(place) = self.forks.iter().position(|held| held == log) {
                    if let Some(held) = self.stored.forks.get_mut(place) {
                        held.clone_from(bytes);
                    }
                } else {
                    self.forks.push(*log);
                    self.stored.forks.push(bytes.clone());
                }
            }
            Write::Invite { id, bytes } => {
                self.stored.invites.retain(|(held, _)| held != id);
                if let Some(bytes) = bytes {
                    self.stored.invites.push((*id, bytes.clone()));
                }
            }
        }
    }
}

impl Disk for MemoryDisk {
    type Error = DiskFailed;

    fn commit(&mut self, writes: &[Write]) -> Result<(), DiskFailed> {
        if core::mem::take(&mut self.fail_next) {
            return Err(DiskFailed);
        }
        self.commits = self.commits.saturating_add(1);
        for write in writes {
            self.apply(write);
        }
        Ok(())
    }
}
