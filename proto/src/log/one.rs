//! One log: entries, their chain, and the head signatures kept for it.

use alloc::{collections::BTreeMap, vec::Vec};

use tallyline_keys::{
    PublicKey, Signature,
    planted::{Fault, is},
};

use super::{chain::Chain, verify_head};
use crate::{
    model::{Entry, EventId, LogName},
    wire::{
        CHUNK_BYTES_MAX, CHUNK_ENTRIES_MAX, LogTag, decode_entry, encode_entry, log_tag,
        unknown_entry,
    },
};

/// One entry as it is kept.
#[derive(Clone, Debug)]
pub struct Record {
    /// Exact bytes.
    pub bytes: Vec<u8>,
    /// Chain hash after this entry.
    pub chain: Chain,
    /// Milliseconds from the event's epoch, by the author's clock.
    pub at_ms: i64,
    /// What it says.
    pub entry: Entry,
}

/// Entries that end in a signed head, ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// Sequence of the first entry.
    pub from: u64,
    /// Exact bytes.
    pub entries: Vec<Vec<u8>>,
    /// The head after the last one.
    pub signature: Signature,
}

impl Chunk {
    /// Returns the sequence of the last entry.
    pub fn end(&self) -> u64 {
        let count = u64::try_from(self.entries.len()).unwrap_or(u64::MAX);
        self.from.saturating_add(count).saturating_sub(1)
    }
}

/// What became of entries that somebody sent.
#[derive(Clone, Debug)]
pub(super) enum Check {
    /// They follow what is here; the first of them has this sequence.
    Fresh(u64, Vec<Record>),
    /// All of them are here already.
    Known,
    /// They begin past the end of what is here.
    Gap,
    /// The signature does not hold.
    BadSignature,
    /// They are signed and differ from what is here, from this sequence on.
    Fork(u64),
}

/// One log.
#[derive(Clone, Debug)]
pub struct Log {
    name: LogName,
    tag: LogTag,
    writer: PublicKey,
    start: Chain,
    records: Vec<Record>,
    heads: BTreeMap<u64, Signature>,
    bytes: u64,
}

impl Log {
    /// Makes a log without entries.
    pub fn new(event: EventId, name: LogName, writer: PublicKey) -> Self {
        let start = Chain::start(event, &name, &writer);
        Self {
            name,
            tag: log_tag(&name),
            writer,
            start,
            records: Vec::new(),
            heads: BTreeMap::new(),
            bytes: 0,
        }
    }

    /// Returns its name.
    pub fn name(&self) -> &LogName {
        &self.name
    }

    /// Returns the tag that names it inside a conversation.
    pub fn tag(&self) -> LogTag {
        self.tag
    }

    /// Returns the key that writes it.
    pub fn writer(&self) -> PublicKey {
        self.writer
    }

    /// Returns the number of entries; all are covered by a signature after a step.
    pub fn height(&self) -> u64 {
        u64::try_from(self.records.len()).unwrap_or(u64::MAX)
    }

    /// Returns the chain hash after the entry at `seq`; 0 is the start.
    pub fn chain_at(&self, seq: u64) -> Option<Chain> {
        match seq.checked_sub(1) {
            None => Some(self.start),
            Some(place) => self
                .records
                .get(usize::try_from(place).ok()?)
                .map(|record| record.chain),
        }
    }

    /// Returns how many bytes its entries have.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Returns the chain hash at its end.
    pub fn chain(&self) -> Chain {
        self.records
            .last()
            .map_or(self.start, |record| record.chain)
    }

    /// Returns the entry at `seq`, from 1.
    pub fn record(&self, seq: u64) -> Option<&Record> {
        self.records.get(usize::try_from(seq.checked_sub(1)?).ok()?)
    }

    /// Returns all entries with their sequences, in order.
    pub fn records(&self) -> impl Iterator<Item = (u64, &Record)> {
        (1..).zip(&self.records)
    }

    /// Returns the kept head signatures by height.
    pub fn heads(&self) -> &BTreeMap<u64, Signature> {
        &self.heads
    }

    /// Returns the time of its last entry, or the epoch's 0.
    pub fn last_at_ms(&self) -> i64 {
        self.records.last().map_or(0, |record| record.at_ms)
    }

    /// Links one more entry; the caller adds the signature before anything leaves the device.
    pub fn push(&mut self, bytes: Vec<u8>) {
        let record = self.next_record(self.chain(), self.last_at_ms(), bytes);
        self.extend(Vec::from([record]));
    }

    /// Appends entries that [`Log::check`] found to follow.
    pub(super) fn extend(&mut self, records: Vec<Record>) {
        self.bytes = self.bytes.saturating_add(size_of_records(&records));
        self.records.extend(records);
    }

    /// Takes entries in the place of those held from `seq` on.
    pub(super) fn replace_from(&mut self, seq: u64, entries: &[Vec<u8>]) {
        let keep = usize::try_from(seq.saturating_sub(1)).unwrap_or(usize::MAX);
        let gone = self.records.get(keep..).map_or(0, size_of_records);
        self.bytes = self.bytes.saturating_sub(gone);
        self.records.truncate(keep);
        self.heads.retain(|&height, _| height < seq);
        for bytes in entries {
            self.push(bytes.clone());
        }
    }

    /// Keeps a head signature and returns the heights whose signatures became superfluous: at
    /// least one stays for each 256 entries or 48 KB, so that any node can end a chunk at one.
    ///
    /// Source: PROTOCOL R-CHAIN-5.
    pub fn keep_head(&mut self, height: u64, signature: Signature) -> Vec<u64> {
        self.heads.insert(height, signature);
        let mut before = self.heads.range(..height).rev().map(|(&height, _)| height);
        let Some(previous) = before.next() else {
            return Vec::new();
        };
        let anchor = before.next().unwrap_or(0);
        if self.fits_one_chunk(anchor, height) {
            self.heads.remove(&previous);
            return Vec::from([previous]);
        }
        Vec::new()
    }

    /// Puts a stored head signature back.
    pub(super) fn restore_head(&mut self, height: u64, signature: Signature) {
        self.heads.insert(height, signature);
    }

    /// Returns the entries from `from` to the furthest signed head that one chunk can hold.
    pub fn chunk(&self, from: u64) -> Option<Chunk> {
        let before = from.checked_sub(1)?;
        let (&end, &signature) = self
            .heads
            .range(from..)
            .take_while(|&(&height, _)| self.fits_one_chunk(before, height))
            .last()?;
        let entries = self
            .slice(before, end)?
            .iter()
            .map(|it| it.bytes.clone())
            .collect();
        Some(Chunk {
            from,
            entries,
            signature,
        })
    }

    /// Returns the entries from `from` to the nearest signed head: the least that proves them.
    pub(super) fn nearest_chunk(&self, from: u64) -> Option<Chunk> {
        let before = from.checked_sub(1)?;
        let (&end, &signature) = self.heads.range(from..).next()?;
        let entries = self.slice(before, end)?.iter();
        let entries = entries.map(|it| it.bytes.clone()).collect();
        Some(Chunk {
            from,
            entries,
            signature,
        })
    }

    /// Returns whether one more entry of this size can stand under one signature with those that
    /// are not signed for yet.
    pub(super) fn chunk_holds(&self, bytes: usize) -> bool {
        let signed = self.heads.last_key_value().map_or(0, |(&height, _)| height);
        let run = self.slice(signed, self.height()).unwrap_or_default();
        let size = run
            .iter()
            .fold(bytes, |sum, it| sum.saturating_add(it.bytes.len()));
        run.is_empty() || (run.len() < CHUNK_ENTRIES_MAX && size <= CHUNK_BYTES_MAX)
    }

    /// Says what entries are that somebody sent: it recomputes the chain and checks one signature.
    ///
    /// Source: PROTOCOL R-CHAIN-4.
    pub(super) fn check(
        &self,
        event: EventId,
        from: u64,
        entries: &[Vec<u8>],
        signature: &Signature,
    ) -> Check {
        let before = from.checked_sub(1).and_then(|before| self.chain_at(before));
        let jumps = before.is_none() && is(Fault::GapAccepted);
        let Some(mut chain) = before.or(jumps.then(|| self.chain())) else {
            return Check::Gap;
        };
        let mut fork = None;
        let mut at_ms = self.last_at_ms();
        let mut fresh = Vec::new();
        for (seq, bytes) in (from..).zip(entries) {
            match self.record(seq) {
                Some(held) if fork.is_none() && held.bytes == *bytes => chain = held.chain,
                Some(_) => {
                    fork = fork.or(Some(seq));
                    chain = chain.link(bytes);
                }
                None => {
                    let bytes = received(bytes, &self.name);
                    let record = self.next_record(chain, at_ms, bytes);
                    chain = record.chain;
                    at_ms = record.at_ms;
                    fresh.push(record);
                }
            }
        }
        let count = u64::try_from(entries.len()).unwrap_or(u64::MAX);
        let end = from.saturating_add(count).saturating_sub(1);
        if fork.is_none() && fresh.is_empty() {
            return Check::Known;
        }
        let unchecked = jumps || is(Fault::HeadNotChecked);
        let head = (end, chain);
        if !unchecked && !verify_head(&self.writer, event, &self.name, head, signature) {
            return Check::BadSignature;
        }
        match fork {
            Some(seq) => Check::Fork(seq),
            None => Check::Fresh(self.height().saturating_add(1), fresh),
        }
    }

    fn next_record(&self, chain: Chain, at_ms: i64, bytes: Vec<u8>) -> Record {
        let entry = decode_entry(&bytes, &self.name).unwrap_or_else(|_| unknown_entry());
        Record {
            chain: chain.link(&bytes),
            at_ms: at_ms.saturating_add(entry.at_delta_ms),
            entry,
            bytes,
        }
    }

    /// Returns whether the entries after `before` up to `end` fit into one chunk.
    fn fits_one_chunk(&self, before: u64, end: u64) -> bool {
        self.slice(before, end).is_some_and(|records| {
            let size = records
                .iter()
                .fold(0_usize, |sum, it| sum.saturating_add(it.bytes.len()));
            records.len() <= CHUNK_ENTRIES_MAX && (size <= CHUNK_BYTES_MAX || records.len() == 1)
        })
    }

    fn slice(&self, before: u64, end: u64) -> Option<&[Record]> {
        self.records
            .get(usize::try_from(before).ok()?..usize::try_from(end).ok()?)
    }
}

/// Returns what somebody sent as it is hashed and kept: exactly as it came.
fn received(bytes: &[u8], log: &LogName) -> Vec<u8> {
    if is(Fault::Reencode)
        && let Ok(entry) = decode_entry(bytes, log)
    {
        return encode_entry(&entry, None);
    }
    bytes.to_vec()
}

/// Returns how many bytes records have as entries.
fn size_of_records(records: &[Record]) -> u64 {
    sum_of(records.iter().map(|it| it.bytes.len()))
}

/// Adds lengths.
pub(super) fn sum_of(lengths: impl Iterator<Item = usize>) -> u64 {
    let sum = lengths.fold(0_usize, usize::saturating_add);
    u64::try_from(sum).unwrap_or(u64::MAX)
}
