//! All logs of one event, the statements in them, and the proofs of forks.

mod changed;
mod forks;
mod standing;
mod statements;

use core::cell::OnceCell;

use alloc::{
    boxed::Box,
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};

use tallyline_keys::{
    DeviceKey, PublicKey, Signature,
    planted::{Fault, is},
};

pub use changed::Changed;
pub(crate) use statements::recovers;

use self::forks::prove;
use super::{
    Authority, Chunk, Log, Said,
    chain::{sign_head, verify_head},
    one::{Check, sum_of},
};
use crate::{
    model::{
        Body, EntryId, EventId, GrantId, Hash, Incarnation, LogName, Manifest, Predecessor,
        ShooterNo, SquadNo,
    },
    rules::Line,
    wire::{Fork, LogTag, entry_id, hash, log_short_id, log_tag},
};

/// Most statements in the logs of one owner, or of one who stands in for the owner: a real five-day
/// match needed 353.
pub const CONTROL_ENTRIES_MAX: u64 = 4_096;

/// Most entries of one log: ten times the busiest device of a real five-day match.
pub const LOG_ENTRIES_MAX: u64 = 10_000;

/// Most entries that one device's key writes: a thief fills this much and no more.
pub const DEVICE_ENTRIES_MAX: u64 = 20_000;

/// Most entries of one event: what a phone holds in memory without effort.
pub const EVENT_ENTRIES_MAX: u64 = 100_000;

/// Most bytes of entries that one device's key writes: twice what 20,000 scores of 204 bytes have. A
/// thief fills this much, and not the whole of what an event may have.
pub const DEVICE_BYTES_MAX: u64 = 8 * 1024 * 1024;

/// Most bytes of entries of one event: with keys and signatures its store and its bundle stay below
/// 64 MiB.
pub const EVENT_BYTES_MAX: u64 = 48 * 1024 * 1024;

/// Most logs under one grant; beyond, the owner is warned and others' logs are refused.
pub const INCARNATIONS_MAX: usize = 512;

/// Most earlier logs that a first entry names: what one entry can hold.
const PREDECESSORS_MAX: usize = 400;

/// What a change added.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Growth {
    /// Sequence of the first added entry.
    pub first: u64,
    /// How many entries.
    pub count: u64,
    /// Heights whose head signatures became superfluous.
    pub dropped_heads: Vec<u64>,
    /// What the entries took the place of: the branch of a fork that the owner did not choose. It
    /// is kept beside the log.
    pub displaced: Vec<Chunk>,
}

/// What became of a chunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taken {
    /// Entries were added.
    Grown(Growth),
    /// All of it was here already.
    Known,
    /// The log forked; this is the proof, and it was not known or is lower than the one held.
    Forked(Box<Fork>),
    /// The log forked, and a proof at least as low is held.
    ForkKnown,
    /// The log forked, and the branch that the owner chose is whole with this: `settle_forks` puts
    /// it in place.
    BranchWhole,
}

/// Why a chunk was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Refusal {
    /// It begins past the end of what is here.
    Gap,
    /// The signature does not hold.
    BadSignature,
    /// Nobody is known who may write this log.
    UnknownGrant,
    /// A quota is used up.
    Quota,
    /// The log forked and the owner chose the branch that is not here: it is wanted from this height
    /// on.
    OtherBranch(u64),
}

/// All logs of one event.
#[derive(Debug)]
pub struct Ledger {
    event: EventId,
    manifest: Manifest,
    logs: BTreeMap<LogName, Log>,
    tags: BTreeMap<LogTag, BTreeSet<LogName>>,
    short_ids: BTreeMap<[u8; 16], LogName>,
    index: BTreeMap<EntryId, (LogName, u64)>,
    about: BTreeMap<ShooterNo, Vec<(LogName, u64)>>,
    answers: BTreeMap<EntryId, Vec<(LogName, u64)>>,
    forks: BTreeMap<LogName, Fork>,
    /// Branches of forks that are not the one held as the log.
    displaced: BTreeMap<LogName, Vec<Chunk>>,
    /// Pieces of branches that the owner may have chosen: what peers sent until the whole is here.
    loose: BTreeMap<LogName, Vec<Chunk>>,
    successions: BTreeMap<LogName, u32>,
    authority: Authority,
    /// Statements by place.
    said: BTreeMap<(LogName, u64), Said>,
    /// Places of statements by name.
    statements: BTreeMap<Hash, (LogName, u64)>,
    /// Whose key a statement names for logs under it, whether or not it is in force.
    named: BTreeMap<GrantId, PublicKey>,
    /// The same by statements of those who speak for the event, or once did: whose logs are taken,
    /// though they may count nowhere.
    spoken_for: BTreeMap<GrantId, PublicKey>,
    /// The same by those of them that all nodes read alike: whose logs everybody takes.
    common: BTreeMap<GrantId, PublicKey>,
    entries: u64,
    /// What was added since the scorebook was last read.
    changed: Changed,
    /// The state digest, until a log or a fork changes: every frame of a step asks for it.
    digest: OnceCell<Hash>,
}

impl Ledger {
    /// Makes an empty ledger for an event.
    pub fn new(event: EventId, manifest: Manifest) -> Self {
        Self {
            authority: Authority::new(event, &manifest),
            event,
            manifest,
            logs: BTreeMap::new(),
            tags: BTreeMap::new(),
            short_ids: BTreeMap::new(),
            index: BTreeMap::new(),
            about: BTreeMap::new(),
            answers: BTreeMap::new(),
            forks: BTreeMap::new(),
            displaced: BTreeMap::new(),
            loose: BTreeMap::new(),
            successions: BTreeMap::new(),
            said: BTreeMap::new(),
            statements: BTreeMap::new(),
            named: BTreeMap::new(),
            spoken_for: BTreeMap::new(),
            common: BTreeMap::new(),
            entries: 0,
            changed: Changed::Everything,
            digest: OnceCell::new(),
        }
    }

    /// Returns the event.
    pub fn event(&self) -> EventId {
        self.event
    }

    /// Returns the manifest.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Returns the owner's statements, judged.
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// Returns all logs by name.
    pub fn logs(&self) -> &BTreeMap<LogName, Log> {
        &self.logs
    }

    /// Returns the logs that every node takes, by name: what two nodes compare.
    pub fn common_logs(&self) -> impl Iterator<Item = (&LogName, &Log)> + '_ {
        self.logs.iter().filter(|(name, _)| self.is_common(name))
    }

    /// Returns the proofs of forks by log.
    pub fn forks(&self) -> &BTreeMap<LogName, Fork> {
        &self.forks
    }

    /// Returns the number of entries in all logs.
    pub fn entries(&self) -> u64 {
        self.entries
    }

    /// Returns the logs that a tag may mean; more than one is a clash.
    pub fn by_tag(&self, tag: &LogTag) -> impl Iterator<Item = &LogName> + '_ {
        self.tags.get(tag).into_iter().flatten()
    }

    /// Returns how many bytes all entries have.
    fn bytes(&self) -> u64 {
        let logs = self.logs.values();
        logs.fold(0, |sum, log| sum.saturating_add(log.bytes()))
    }

    /// Returns the log that a short id names.
    pub fn by_short_id(&self, id: &[u8; 16]) -> Option<&Log> {
        self.logs.get(self.short_ids.get(id)?)
    }

    /// Returns where an entry stands.
    pub fn find(&self, entry: EntryId) -> Option<(LogName, u64)> {
        self.index.get(&entry).copied()
    }

    /// Returns whether `grant` names control logs, of the owner now or of one before.
    pub fn is_control(&self, grant: GrantId) -> bool {
        self.authority.is_control(grant)
    }

    /// Takes entries that somebody sent: one signature is checked, nothing is re-encoded.
    ///
    /// # Errors
    /// If they do not follow, are not signed by the log's writer, or a quota is used up.
    pub fn take(
        &mut self,
        name: LogName,
        from: u64,
        entries: &[Vec<u8>],
        signature: &Signature,
    ) -> Result<Taken, Refusal> {
        if self.forks.contains_key(&name) && self.is_past_a_fork(&name, from, entries.len()) {
            return self.take_forked(name, from, entries, signature);
        }
        self.take_following(name, from, entries, signature)
    }

    fn is_past_a_fork(&self, name: &LogName, from: u64, count: usize) -> bool {
        let height = self.logs.get(name).map_or(0, Log::height);
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        let end = from.saturating_add(count).saturating_sub(1);
        self.forks.get(name).is_some_and(|fork| {
            let behind = fork.from <= from && fork.from <= height.saturating_add(1);
            behind || (fork.from <= end && self.chosen(name).is_some())
        })
    }

    /// Takes entries that follow what is here, or show that the log forked.
    fn take_following(
        &mut self,
        name: LogName,
        from: u64,
        entries: &[Vec<u8>],
        signature: &Signature,
    ) -> Result<Taken, Refusal> {
        let writer = self
            .writer_of(&name)
            .or_else(|| self.founded(&name, from, entries))
            .ok_or(Refusal::UnknownGrant)?;
        self.quota(&name, writer, from, entries)?;
        let event = self.event;
        let held = self.logs.get(&name);
        let fresh_log;
        let log = if let Some(log) = held {
            log
        } else {
            fresh_log = Log::new(event, name, writer);
            &fresh_log
        };
        match log.check(event, from, entries, signature) {
            Check::Known => Ok(Taken::Known),
            Check::Gap => Err(Refusal::Gap),
            Check::BadSignature => Err(Refusal::BadSignature),
            Check::Fork(seq) if is(Fault::LastWriteWins) => {
                let skip = usize::try_from(seq.saturating_sub(from)).unwrap_or(usize::MAX);
                let fresh = entries.get(skip..).unwrap_or_default();
                let log = self.log_mut(name, writer);
                log.replace_from(seq, fresh);
                let dropped_heads = log.keep_head(log.height(), *signature);
                self.note(name, seq);
                self.everything_changed();
                Ok(Taken::Grown(Growth {
                    first: seq,
                    count: u64::try_from(fresh.len()).unwrap_or(u64::MAX),
                    dropped_heads,
                    displaced: Vec::new(),
                }))
            }
            Check::Fork(seq) => {
                let proof = prove(log, seq, from, entries, signature).ok_or(Refusal::Gap)?;
                Ok(self.keep_fork(proof))
            }
            Check::Fresh(first, records) => {
                let count = u64::try_from(records.len()).unwrap_or(u64::MAX);
                let log = self.log_mut(name, writer);
                log.extend(records);
                let end = log.height();
                let dropped_heads = log.keep_head(end, *signature);
                self.note(name, first);
                Ok(Taken::Grown(Growth {
                    first,
                    count,
                    dropped_heads,
                    displaced: Vec::new(),
                }))
            }
        }
    }

    /// Returns the writer of a log that is not known yet and whose first entry proves it.
    fn founded(&self, name: &LogName, from: u64, entries: &[Vec<u8>]) -> Option<PublicKey> {
        let first = entries.first().filter(|_| from == 1)?;
        statements::founder(self.event, &self.manifest, name, first)
    }

    /// Returns whether a log of a store can be read back: its writer is known by the statements read
    /// so far, or proven by its first entry.
    pub fn knows(&self, name: &LogName, entries: &[Vec<u8>]) -> bool {
        self.writer_once(name, entries.first()).is_some()
    }

    /// Appends an entry of this device. It is signed for by [`Ledger::sign`] before the step ends.
    pub fn append(&mut self, name: LogName, writer: PublicKey, bytes: Vec<u8>) -> (EntryId, u64) {
        let log = self.log_mut(name, writer);
        log.push(bytes);
        let seq = log.height();
        self.note(name, seq);
        (entry_id(&name, seq), seq)
    }

    /// Returns whether one more entry of this size can stand under one signature with those that
    /// are not signed for yet, so that every chunk can end at a signed head.
    ///
    /// Source: PROTOCOL R-CHAIN-6.
    pub fn chunk_holds(&self, name: &LogName, bytes: usize) -> bool {
        self.logs.get(name).is_none_or(|log| log.chunk_holds(bytes))
    }

    /// Signs a log's end and returns the signature and the heights whose signatures became
    /// superfluous.
    pub fn sign(&mut self, name: &LogName, key: &DeviceKey) -> Option<(u64, Signature, Vec<u64>)> {
        let event = self.event;
        let log = self.logs.get_mut(name)?;
        let (height, chain) = (log.height(), log.chain());
        let signature = sign_head(key, event, name, (height, chain));
        let dropped = log.keep_head(height, signature);
        Some((height, signature, dropped))
    }

    /// Reads a stored log back. Its newest head is checked, so that damage shows at the start.
    ///
    /// # Errors
    /// With the height of the damaged head, if a signature is missing or does not hold.
    ///
    /// Source: PROTOCOL R-STORE-4.
    pub fn restore(
        &mut self,
        name: LogName,
        entries: Vec<Vec<u8>>,
        heads: &[(u64, [u8; 64])],
    ) -> Result<(), u64> {
        let first = entries.first();
        let writer = self.writer_once(&name, first).ok_or(0_u64)?;
        let event = self.event;
        let log = self.log_mut(name, writer);
        for bytes in entries {
            log.push(bytes);
        }
        let height = log.height();
        let chain = log.chain();
        for &(at, signature) in heads {
            let signature = Signature::from_bytes(signature);
            let holds = at != height || verify_head(&writer, event, &name, (at, chain), &signature);
            if height < at || !holds {
                return Err(at);
            }
            log.restore_head(at, signature);
        }
        if heads.last().is_none_or(|&(at, _)| at != height) {
            return Err(height);
        }
        self.note(name, 1);
        Ok(())
    }

    /// Returns all entries as the reading rules see them, in the order of log names.
    pub fn lines(&self) -> impl Iterator<Item = Line<'_>> {
        self.logs
            .values()
            .flat_map(|log| log.records().map(move |(seq, it)| line(log, seq, it)))
    }

    /// Returns one entry as the reading rules see it.
    pub fn line(&self, name: &LogName, seq: u64) -> Option<Line<'_>> {
        let log = self.logs.get(name)?;
        Some(line(log, seq, log.record(seq)?))
    }

    /// Returns the entries that name a shooter, the voids and the approvals of them: all that decides what
    /// counts for this shooter.
    pub fn lines_about(&self, shooter: ShooterNo) -> Vec<Line<'_>> {
        let places = self.about.get(&shooter).into_iter().flatten();
        let mut lines: Vec<Line<'_>> = places
            .filter_map(|(name, seq)| self.line(name, *seq))
            .collect();
        let answers: Vec<Line<'_>> = lines
            .iter()
            .filter_map(|line| self.answers.get(&line.id))
            .flatten()
            .filter_map(|(name, seq)| self.line(name, *seq))
            .collect();
        lines.extend(answers);
        lines
    }

    /// Returns a digest that is equal on two nodes if and only if they hold the same common logs. Of
    /// a forked log only the proof counts, since its branches differ from node to node.
    ///
    /// Source: PROTOCOL R-SYNC-2.
    pub fn state_digest(&self) -> Hash {
        *self.digest.get_or_init(|| self.compute_digest())
    }

    fn compute_digest(&self) -> Hash {
        let mut bytes = Vec::with_capacity(self.logs.len().saturating_mul(80));
        // Whoever hears of a fork at the first entry before it has any takes none: the proof alone
        // stands for the log then, as it does where entries came first.
        let names: BTreeSet<&LogName> = self.logs.keys().chain(self.forks.keys()).collect();
        for name in names.into_iter().filter(|name| self.is_common(name)) {
            let log = self.logs.get(name);
            bytes.extend_from_slice(&name.grant.0.0);
            bytes.extend_from_slice(&name.incarnation.0.to_le_bytes());
            if let Some(fork) = self.forks.get(name) {
                // What is settled all nodes hold alike; how far this one has come counts.
                let head = self.settled_head(name);
                let common = head.map_or(0, |(height, _)| height);
                bytes.extend_from_slice(&common.to_le_bytes());
                bytes.extend_from_slice(&fork.from.to_le_bytes());
                bytes.extend_from_slice(&fork.prefix.0);
                if let Some((_, chain)) = head.filter(|_| fork.from <= common) {
                    bytes.extend_from_slice(&chain.0);
                }
            } else if let Some(log) = log {
                bytes.extend_from_slice(&log.height().to_le_bytes());
                bytes.extend_from_slice(&log.chain().0.0);
            }
        }
        hash("state", &[&bytes])
    }

    /// Returns the logs that `key` may write under `grant` and that are here, with their heads, as
    /// the first entry of a further incarnation names them.
    pub fn predecessors(&self, grant: GrantId, but: Incarnation) -> Vec<Predecessor> {
        self.logs_of(grant)
            .filter(|log| log.name().incarnation != but)
            .take(PREDECESSORS_MAX)
            .map(|log| Predecessor {
                incarnation: log.name().incarnation,
                height: log.height(),
                hash: log.chain().0,
            })
            .collect()
    }

    /// Returns the logs under one grant.
    pub fn logs_of(&self, grant: GrantId) -> impl Iterator<Item = &Log> + '_ {
        let from = LogName {
            grant,
            incarnation: Incarnation(0),
        };
        let to = LogName {
            grant,
            incarnation: Incarnation(u64::MAX),
        };
        self.logs.range(from..=to).map(|(_, log)| log)
    }

    /// Returns the squads that an entry about a shooter may be written for: every squad the
    /// shooter was ever in, so that a change of squads makes no earlier entry foreign.
    pub fn squads_of(&self, shooter: ShooterNo) -> Vec<SquadNo> {
        self.authority.roster().squads_ever(shooter).collect()
    }

    fn quota(
        &self,
        name: &LogName,
        writer: PublicKey,
        from: u64,
        entries: &[Vec<u8>],
    ) -> Result<(), Refusal> {
        let count = u64::try_from(entries.len()).unwrap_or(u64::MAX);
        let end = from.saturating_add(count).saturating_sub(1);
        let held = self.logs.get(name).map_or(0, Log::height);
        let fresh = end.saturating_sub(held);
        if is(Fault::QuotaOff) {
            return Ok(());
        }
        if name.grant == self.authority.control() {
            // The owner's statements say what all the rest is worth: nobody else crowds them out.
            let said = self.logs_of(name.grant);
            let said = said.fold(fresh, |sum, log| sum.saturating_add(log.height()));
            return if said <= CONTROL_ENTRIES_MAX {
                Ok(())
            } else {
                Err(Refusal::Quota)
            };
        }
        let skip = usize::try_from(count.saturating_sub(fresh)).unwrap_or(usize::MAX);
        let fresh_bytes = sum_of(entries.iter().skip(skip).map(Vec::len));
        let of_writer = self.logs.values().filter(|log| log.writer() == writer);
        let (entries, bytes) = of_writer.fold((fresh, fresh_bytes), |(entries, bytes), log| {
            let entries = entries.saturating_add(log.height());
            (entries, bytes.saturating_add(log.bytes()))
        });
        if LOG_ENTRIES_MAX < end
            || DEVICE_ENTRIES_MAX < entries
            || DEVICE_BYTES_MAX < bytes
            || EVENT_ENTRIES_MAX < self.entries.saturating_add(fresh)
            || EVENT_BYTES_MAX < self.bytes().saturating_add(fresh_bytes)
            || (held == 0 && INCARNATIONS_MAX <= self.logs_of(name.grant).count())
        {
            return Err(Refusal::Quota);
        }
        Ok(())
    }

    fn log_mut(&mut self, name: LogName, writer: PublicKey) -> &mut Log {
        let event = self.event;
        self.digest.take();
        self.logs.entry(name).or_insert_with(|| {
            self.tags.entry(log_tag(&name)).or_default().insert(name);
            self.short_ids.insert(log_short_id(&name), name);
            Log::new(event, name, writer)
        })
    }

    /// Brings indexes and authority up to date with a log that grew from `first` on.
    fn note(&mut self, name: LogName, first: u64) {
        let Some(log) = self.logs.get(&name) else {
            return;
        };
        let mut statements = Vec::new();
        for seq in first..=log.height() {
            let Some(record) = log.record(seq) else {
                continue;
            };
            self.entries = self.entries.saturating_add(1);
            self.index.insert(entry_id(&name, seq), (name, seq));
            if seq == 1 {
                let before = if is(Fault::ArrivalDecides) {
                    self.logs.len()
                } else {
                    record.entry.succession.len()
                };
                let before = u32::try_from(before).unwrap_or(u32::MAX);
                self.successions.insert(name, before);
            }
            if let Some(target) = record.entry.body.target() {
                self.answers.entry(target).or_default().push((name, seq));
            }
            if let Some(about) = record.entry.body.about() {
                self.about
                    .entry(about.shooter)
                    .or_default()
                    .push((name, seq));
            }
            if let Body::Statement(bytes) = &record.entry.body {
                statements.push((seq, log.writer(), bytes.clone()));
            }
        }
        // An adoption or a cut may name what has only now arrived in a log that speaks.
        let judge = !statements.is_empty() || self.speaks(&name);
        for (seq, writer, bytes) in statements {
            self.note_statement(name, seq, writer, &bytes);
        }
        if judge {
            self.judge_all();
        } else {
            self.added(name, first);
        }
    }

    /// Takes the entries of a log from `seq` on out of all indexes; others come in their place.
    /// Returns whether there were statements among them.
    fn forget_from(&mut self, name: &LogName, seq: u64) -> bool {
        let Some(log) = self.logs.get(name) else {
            return false;
        };
        let height = log.height();
        self.changed = Changed::Everything;
        self.entries = self
            .entries
            .saturating_sub(height.saturating_add(1).saturating_sub(seq));
        let mut forgotten = BTreeSet::new();
        for at in seq..=height {
            self.index.remove(&entry_id(name, at));
            forgotten.extend(self.said.remove(&(*name, at)).map(|said| said.id));
        }
        self.statements.retain(|id, _| !forgotten.contains(id));
        // The same statement may stand elsewhere, too.
        for (place, said) in &self.said {
            if forgotten.contains(&said.id) {
                self.statements.entry(said.id).or_insert(*place);
            }
        }
        let stays = |place: &(LogName, u64)| place.0 != *name || place.1 < seq;
        self.about.values_mut().for_each(|it| it.retain(stays));
        self.answers.values_mut().for_each(|it| it.retain(stays));
        !forgotten.is_empty()
    }
}

fn line<'a>(log: &Log, seq: u64, record: &'a super::Record) -> Line<'a> {
    Line {
        id: entry_id(log.name(), seq),
        log: *log.name(),
        seq,
        author: log.writer(),
        at_ms: record.at_ms,
        revision: record.entry.revision,
        body: &record.entry.body,
    }
}
