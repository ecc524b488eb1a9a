//! Logs as their writers, honest or not, know them: extended, forked, and signed.

use tallyline_keys::Signature;
use tallyline_proto::{
    log::{Log, sign_head},
    model::{GrantId, Incarnation, LogName, Predecessor},
};

use super::{
    bytes::Bytes,
    said::{Known, founding_entry, other_entry, statement_entry},
    venue::{OWNER, STRANGER, device, public, venue},
};

/// Most incarnations of one log that are drawn.
const INCARNATIONS: u64 = 3;

/// One branch of a log; a forked log has several of one name.
#[derive(Clone, Debug)]
pub(super) struct Branch {
    /// What its writer wrote.
    pub(super) log: Log,
    /// Who writes it.
    pub(super) who: u8,
}

impl Branch {
    /// Returns what stands from a sequence on, signed by a device.
    fn chunk(&self, from: u64, signer: u8) -> Chunk {
        let entries = self.log.records().filter(|(seq, _)| from <= *seq);
        let end = (self.log.height(), self.log.chain());
        Chunk {
            log: *self.log.name(),
            from,
            entries: entries.map(|(_, it)| it.bytes.clone()).collect(),
            signature: sign_head(device(signer), venue().event, self.log.name(), end),
        }
    }
}

/// Entries that end in a signature, as they are sent.
#[derive(Clone, Debug)]
pub(super) struct Chunk {
    /// Their log.
    pub(super) log: LogName,
    /// Sequence of the first.
    pub(super) from: u64,
    /// Exact bytes.
    pub(super) entries: Vec<Vec<u8>>,
    /// The head after the last.
    pub(super) signature: Signature,
}

/// All branches that were written, and what is known of them.
#[derive(Debug, Default)]
pub(super) struct Writers {
    /// Every branch.
    pub(super) branches: Vec<Branch>,
    /// What statements and entries may name.
    pub(super) known: Known,
}

impl Writers {
    /// Takes up what somebody has written already.
    pub(super) fn take_up(&mut self, name: LogName, who: u8, entries: &[Vec<u8>]) {
        let mut log = Log::new(venue().event, name, public(who));
        for entry in entries {
            self.known.hear(&name, entry);
            log.push(entry.clone());
        }
        self.known.ends_at(&log);
        self.branches.push(Branch { log, who });
    }

    /// Takes up what lies in the store of the owner's device, and returns it as it is sent.
    pub(super) fn take_up_venue(&mut self) -> Vec<Chunk> {
        let control = GrantId::control(venue().event);
        let mut logs = venue().owner.stored().logs;
        logs.sort_by_key(|log| log.name.grant != control);
        let taken = logs.into_iter().filter_map(|log| {
            let who = self.known.writer(log.name.grant)?;
            self.take_up(log.name, who, &log.entries);
            self.branches.last().map(|it| it.chunk(1, who))
        });
        taken.collect()
    }

    /// Writes the next entries of the owner's control log, of a granted one, of a fork, of the log
    /// of somebody else who makes statements, or of one that a recovery founds, as drawn.
    pub(super) fn write(&mut self, bytes: &mut Bytes<'_>) -> Option<Chunk> {
        let place = match bytes.below(9) {
            0..=2 => self.log(GrantId::control(venue().event), OWNER, bytes),
            3 | 4 => {
                let (grant, who) = *bytes.pick(&self.known.grants)?;
                self.log(grant, who, bytes)
            }
            5 => self.fork(bytes)?,
            6 | 7 => {
                let (grant, who) = *bytes.pick(&self.known.voices)?;
                self.log(grant, who, bytes)
            }
            _ => {
                let (grant, who, entry) = founding_entry(bytes, &mut self.known);
                let place = self.log(grant, who, bytes);
                let log = &mut self.branches.get_mut(place)?.log;
                log.push(entry);
                let from = log.height();
                return self.extend(place, from, bytes);
            }
        };
        let from = self.branches.get(place)?.log.height() + 1;
        self.extend(place, from, bytes)
    }

    /// Finds or begins a log of one of a few incarnations.
    fn log(&mut self, grant: GrantId, who: u8, bytes: &mut Bytes<'_>) -> usize {
        let incarnation = Incarnation(100 + u64::from(bytes.byte()) % INCARNATIONS);
        let name = LogName { grant, incarnation };
        let held = self.branches.iter().position(|it| *it.log.name() == name);
        held.unwrap_or_else(|| {
            let log = Log::new(venue().event, name, public(who));
            self.branches.push(Branch { log, who });
            self.branches.len() - 1
        })
    }

    /// Begins a second branch of a log after some of its entries.
    fn fork(&mut self, bytes: &mut Bytes<'_>) -> Option<usize> {
        let branch = bytes.pick(&self.branches)?.clone();
        let keep = bytes.below(branch.log.records().count() + 1);
        let mut log = Log::new(venue().event, *branch.log.name(), branch.log.writer());
        for (_, record) in branch.log.records().take(keep) {
            log.push(record.bytes.clone());
        }
        self.branches.push(Branch { log, ..branch });
        Some(self.branches.len() - 1)
    }

    /// Writes one to three entries and signs what is new from a sequence on; now and then somebody
    /// else signs.
    fn extend(&mut self, place: usize, from: u64, bytes: &mut Bytes<'_>) -> Option<Chunk> {
        let succession = self.succession(place, bytes);
        let branch = self.branches.get_mut(place)?;
        let grant = branch.log.name().grant;
        let speaks = !self.known.grants.iter().any(|(it, _)| *it == grant);
        for nth in 0..=bytes.below(3) {
            let before = if nth == 0 {
                succession.clone()
            } else {
                Vec::new()
            };
            let entry = if speaks && bytes.byte() < 200 {
                statement_entry(bytes, &mut self.known, branch.who, before)
            } else {
                other_entry(bytes, &self.known)
            };
            branch.log.push(entry);
        }
        let signer = if bytes.byte() == 255 {
            STRANGER
        } else {
            branch.who
        };
        self.known.ends_at(&branch.log);
        Some(branch.chunk(from, signer))
    }

    /// Names the other incarnations of a log that begins, as an honest writer does; now and then
    /// it says nothing.
    fn succession(&self, place: usize, bytes: &mut Bytes<'_>) -> Vec<Predecessor> {
        let Some(own) = self.branches.get(place) else {
            return Vec::new();
        };
        if own.log.height() != 0 || bytes.byte() == 255 {
            return Vec::new();
        }
        let same = |it: &&Branch| {
            let (name, own) = (it.log.name(), own.log.name());
            name.grant == own.grant && name.incarnation != own.incarnation
        };
        let named = |it: &Branch| Predecessor {
            incarnation: it.log.name().incarnation,
            height: it.log.height(),
            hash: it.log.chain().0,
        };
        self.branches.iter().filter(same).map(named).collect()
    }
}
