//! Forks: a log with two signed entries at one sequence, its proof, and the branch that the owner
//! chose.

use alloc::{boxed::Box, collections::BTreeMap, vec::Vec};

use tallyline_keys::Signature;

use super::{Growth, Ledger, Refusal, Taken};
use crate::{
    log::{
        Chunk, Log,
        chain::{Chain, verify_head},
    },
    model::{Decision, Hash, LogName},
    wire::{self, Fork, hash},
};

impl Ledger {
    /// Keeps a fork proof if it holds and is lower than the one held, and says what became of it.
    ///
    /// # Errors
    /// If nobody is known who may write the log, or a branch is not signed by its writer.
    ///
    /// Source: PROTOCOL R-CHAIN-7.
    pub fn take_fork(&mut self, fork: &Fork) -> Result<Taken, Refusal> {
        let writer = self.writer_of(&fork.log).ok_or(Refusal::UnknownGrant)?;
        let holds = |entries: &[Vec<u8>], signature: &Signature| {
            let chain = entries
                .iter()
                .fold(Chain(fork.prefix), |chain, it| chain.link(it));
            let count = u64::try_from(entries.len()).unwrap_or(u64::MAX);
            let height = fork.from.saturating_add(count).saturating_sub(1);
            verify_head(&writer, self.event, &fork.log, (height, chain), signature)
        };
        let (left, right) = (branch_hash(&fork.left), branch_hash(&fork.right));
        if left < right
            && holds(&fork.left, &fork.left_signature)
            && holds(&fork.right, &fork.right_signature)
        {
            return Ok(self.keep_fork(fork.clone()));
        }
        Err(Refusal::BadSignature)
    }

    pub(super) fn keep_fork(&mut self, fork: Fork) -> Taken {
        let held = self.forks.get(&fork.log);
        if held.is_some_and(|held| fork_rank(held) <= fork_rank(&fork)) {
            return Taken::ForkKnown;
        }
        self.forks.insert(fork.log, fork.clone());
        self.digest.take();
        if self.speaks(&fork.log) {
            self.judge_all();
        }
        Taken::Forked(Box::new(fork))
    }

    /// Returns up to where the owner has chosen a branch of a forked log, and whether the log here is
    /// that branch so far; `None` if nothing is chosen.
    ///
    /// Source: PROTOCOL R-CHAIN-8.
    pub(super) fn chosen(&self, name: &LogName) -> Option<(u64, bool)> {
        let fork = self.forks.get(name)?;
        let chosen = self.choices(name, fork).map(|(to, _)| to).max()?;
        let held = self.logs.get(name).is_some_and(|log| {
            let mut told = self
                .choices(name, fork)
                .filter_map(|(to, hash)| Some(log.chain_at(to)?.0 == hash))
                .peekable();
            told.peek().is_some() && told.all(|agrees| agrees)
        });
        Some((chosen, held))
    }

    /// Returns heights and hashes past a fork at which the owner chose a branch.
    fn choices<'a>(
        &'a self,
        name: &LogName,
        fork: &'a Fork,
    ) -> impl Iterator<Item = (u64, Hash)> + 'a {
        let adoptions = self.authority.adoptions(name).iter();
        adoptions
            .map(|it| it.adopt)
            .filter(|it| it.decision == Decision::Count && fork.from <= it.to)
            .map(|it| (it.to, it.hash))
    }

    /// Returns up to which sequence all nodes hold the same of a log that forked: up to the fork, or
    /// to where the owner chose, if the chosen branch is the one here.
    pub(super) fn settled(&self, name: &LogName) -> u64 {
        let Some(fork) = self.forks.get(name) else {
            return u64::MAX;
        };
        match self.chosen(name) {
            Some((to, true)) => to,
            Some((_, false)) | None => fork.from.saturating_sub(1),
        }
    }

    /// Takes entries of a log that forked. As long as nothing is chosen, everything past the fork
    /// says nothing new; then the chosen branch takes the place of the other one, which stays in
    /// the proof.
    ///
    /// Source: PROTOCOL R-CHAIN-8.
    pub(super) fn take_forked(
        &mut self,
        name: LogName,
        from: u64,
        entries: &[Vec<u8>],
        signature: &Signature,
    ) -> Result<Taken, Refusal> {
        let Some((to, held)) = self.chosen(&name) else {
            return Ok(Taken::ForkKnown);
        };
        let Some(fork) = self.forks.get(&name).cloned() else {
            return Ok(Taken::ForkKnown);
        };
        let writer = self.writer_of(&name).ok_or(Refusal::UnknownGrant)?;
        let fresh_log = Log::new(self.event, name, writer);
        let log = self.logs.get(&name).unwrap_or(&fresh_log);
        let count = u64::try_from(entries.len()).unwrap_or(u64::MAX);
        let end = from.saturating_add(count).saturating_sub(1);
        if held {
            return if to < end && log.height() < end {
                Ok(Taken::ForkKnown)
            } else {
                self.take_following(name, from, entries, signature)
            };
        }
        if fork.from < from {
            let common = fork.from.saturating_sub(1).min(log.height());
            return Err(Refusal::OtherBranch(common));
        }
        let choices: Vec<(u64, Hash)> = self.choices(&name, &fork).collect();
        if log.height().saturating_add(1) < from {
            return Err(Refusal::Gap);
        }
        if !leads_to(log, from, entries, &choices) || !self.signed(log, (from, entries), signature)
        {
            return Ok(Taken::ForkKnown);
        }
        if log.height() < fork.from {
            // Nothing past the fork is here that another branch could displace.
            return self.take_following(name, from, entries, signature);
        }
        let skip = usize::try_from(fork.from.saturating_sub(from)).unwrap_or(usize::MAX);
        let fresh = entries.get(skip..).unwrap_or_default();
        let growth = self.replace(name, fork.from, fresh, signature);
        Ok(Taken::Grown(growth))
    }

    /// Puts the chosen branches in the place of others, where they are here: in proofs, or among what
    /// was displaced before. Returns what changed, as if a peer had sent it.
    ///
    /// Source: PROTOCOL R-CHAIN-8.
    pub fn settle_forks(&mut self) -> Vec<(LogName, Chunk, Growth)> {
        let mut settled = Vec::new();
        for name in self
            .other_branches()
            .map(|(name, _)| name)
            .collect::<Vec<_>>()
        {
            for chunk in self.branches(&name) {
                let taken = self.take_forked(name, chunk.from, &chunk.entries, &chunk.signature);
                if let Ok(Taken::Grown(growth)) = taken {
                    settled.push((name, chunk, growth));
                }
            }
        }
        settled
    }

    /// Returns the forked logs of which the owner chose a branch that is not the one here, with the
    /// height from which on it is wanted.
    pub fn other_branches(&self) -> impl Iterator<Item = (LogName, u64)> + '_ {
        self.forks
            .iter()
            .filter_map(|(name, fork)| match self.chosen(name) {
                Some((_, false)) => {
                    let height = self.logs.get(name).map_or(0, Log::height);
                    Some((*name, height.min(fork.from.saturating_sub(1))))
                }
                Some((_, true)) | None => None,
            })
    }

    /// Returns the branches of forks that are kept beside the logs.
    pub fn displaced(&self) -> &BTreeMap<LogName, Vec<Chunk>> {
        &self.displaced
    }

    /// Puts a branch back that the store kept beside a log.
    pub fn restore_displaced(&mut self, name: LogName, chunk: Chunk) {
        self.displaced.entry(name).or_default().push(chunk);
    }

    /// Returns every piece of a branch that is here beside the log, in the order of sequences.
    fn branches(&self, name: &LogName) -> Vec<Chunk> {
        let mut pieces = self.displaced.get(name).cloned().unwrap_or_default();
        if let Some(fork) = self.forks.get(name) {
            let branches = [
                (&fork.left, fork.left_signature),
                (&fork.right, fork.right_signature),
            ];
            pieces.extend(branches.map(|(entries, signature)| Chunk {
                from: fork.from,
                entries: entries.clone(),
                signature,
            }));
        }
        pieces.sort_by_key(|chunk| chunk.from);
        pieces
    }

    /// Returns whether a chunk that begins at or before what is here is signed by the log's writer.
    fn signed(&self, log: &Log, (from, entries): (u64, &[Vec<u8>]), signature: &Signature) -> bool {
        let before = from.checked_sub(1).and_then(|before| log.chain_at(before));
        before.is_some_and(|before| {
            let chain = entries.iter().fold(before, |chain, it| chain.link(it));
            let count = u64::try_from(entries.len()).unwrap_or(u64::MAX);
            let height = from.saturating_add(count).saturating_sub(1);
            let head = (height, chain);
            verify_head(&log.writer(), self.event, log.name(), head, signature)
        })
    }

    /// Puts entries in the place of those held from `seq` on, which are kept beside the log.
    fn replace(
        &mut self,
        name: LogName,
        seq: u64,
        entries: &[Vec<u8>],
        signature: &Signature,
    ) -> Growth {
        let displaced = self
            .logs
            .get(&name)
            .map(|log| pieces(log, seq))
            .unwrap_or_default();
        let kept = self.displaced.entry(name).or_default();
        for piece in &displaced {
            if !kept.contains(piece) {
                kept.push(piece.clone());
            }
        }
        self.forget_from(&name, seq);
        let mut dropped_heads = Vec::new();
        if let Some(log) = self.logs.get_mut(&name) {
            dropped_heads.extend(log.heads().range(seq..).map(|(&height, _)| height));
            log.replace_from(seq, entries);
            let end = log.height();
            dropped_heads.extend(log.keep_head(end, *signature));
            dropped_heads.retain(|&height| height != end);
        }
        self.digest.take();
        self.note(name, seq);
        Growth {
            first: seq,
            count: u64::try_from(entries.len()).unwrap_or(u64::MAX),
            dropped_heads,
            displaced,
        }
    }
}

/// Returns the entries of a log from `from` on in pieces that each end in a signed head.
fn pieces(log: &Log, mut from: u64) -> Vec<Chunk> {
    let mut pieces = Vec::new();
    while let Some(chunk) = log.chunk(from) {
        let count = u64::try_from(chunk.entries.len()).unwrap_or(u64::MAX);
        from = from.saturating_add(count);
        pieces.push(chunk);
    }
    pieces
}

/// Returns whether a chunk passes through a choice of the owner.
fn leads_to(log: &Log, from: u64, entries: &[Vec<u8>], choices: &[(u64, Hash)]) -> bool {
    let Some(before) = from.checked_sub(1).and_then(|before| log.chain_at(before)) else {
        return false;
    };
    let chains = entries.iter().scan(before, |chain, bytes| {
        *chain = chain.link(bytes);
        Some(chain.0)
    });
    (from..).zip(chains).any(|at| choices.contains(&at))
}

/// Builds the proof of a fork at `seq` from what is here and what was sent.
pub(super) fn prove(
    log: &Log,
    seq: u64,
    from: u64,
    entries: &[Vec<u8>],
    signature: &Signature,
) -> Option<Fork> {
    let prefix = log.chain_at(seq.checked_sub(1)?)?.0;
    let skip = usize::try_from(seq.checked_sub(from)?).ok()?;
    let theirs = entries.get(skip..)?.to_vec();
    let Chunk {
        entries: ours,
        signature: our_signature,
        ..
    } = log.nearest_chunk(seq)?;
    let ours_first = branch_hash(&ours) < branch_hash(&theirs);
    let (left, left_signature, right, right_signature) = if ours_first {
        (ours, our_signature, theirs, *signature)
    } else {
        (theirs, *signature, ours, our_signature)
    };
    Some(Fork {
        log: *log.name(),
        from: seq,
        prefix,
        left,
        left_signature,
        right,
        right_signature,
    })
}

fn branch_hash(entries: &[Vec<u8>]) -> Hash {
    hash("entry", &[entries.first().map_or(&[][..], Vec::as_slice)])
}

/// Orders proofs of one log: the lowest divergence wins, ties by hash, so that every node keeps
/// the same.
///
/// Source: PROTOCOL R-CHAIN-7.
fn fork_rank(fork: &Fork) -> (u64, Hash) {
    (fork.from, hash("fork", &[&wire::encode_fork(fork)]))
}
