//! Forks: a log with two signed entries at one sequence, its proof, and the branch that the owner
//! chose.

use core::cmp::Reverse;

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

/// Most pieces of chosen branches that are kept until the rest is here: a log of 10,000 scores in
/// chunks, and half as much again. With each that comes, all of them are checked.
const LOOSE_PIECES_MAX: usize = 64;

/// A branch of a fork, as far as its pieces are here one after another.
struct Branch {
    /// The first begins at the fork or before it.
    pieces: Vec<Chunk>,
    /// Sequence of its last entry.
    end: u64,
    /// The chain hash there.
    chain: Chain,
    /// The last choice of the owner that it passes through; 0 if none.
    agreed: u64,
}

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
        self.everything_changed();
        if self.speaks(&fork.log) {
            self.judge_all();
        }
        Taken::Forked(Box::new(fork))
    }

    /// Returns heights past its fork, rising, at which the owner chose the branch of a log, with the
    /// chain hash there; of several at one height the last.
    ///
    /// Source: PROTOCOL R-CHAIN-8.
    pub fn choices(&self, name: &LogName) -> BTreeMap<u64, Hash> {
        let Some(fork) = self.forks.get(name) else {
            return BTreeMap::new();
        };
        let adoptions = self.authority.adoptions(name).iter();
        adoptions
            .map(|it| it.adopt)
            .filter(|it| it.decision == Decision::Count && fork.from <= it.to)
            .map(|it| (it.to, it.hash))
            .collect()
    }

    /// Returns up to which sequence all nodes hold the same of a log that forked: up to the fork, or
    /// to the last choice of the owner through which the branch here passes.
    pub(super) fn settled(&self, name: &LogName) -> u64 {
        let Some(fork) = self.forks.get(name) else {
            return u64::MAX;
        };
        let log = self.logs.get(name);
        let chain_at = |height| log.and_then(|log| log.chain_at(height));
        agreed(&self.choices(name), chain_at).unwrap_or(fork.from.saturating_sub(1))
    }

    /// Returns up to where all nodes hold the same of a log, as far as it is here: its height and the
    /// chain hash after it. Of a log that did not fork it is its end.
    pub fn settled_head(&self, name: &LogName) -> Option<(u64, Hash)> {
        let log = self.logs.get(name)?;
        let height = log.height().min(self.settled(name));
        Some((height, log.chain_at(height)?.0))
    }

    /// Returns up to where the owner has chosen a branch of a forked log, and whether the log here is
    /// that branch so far; `None` if nothing is chosen.
    pub(super) fn chosen(&self, name: &LogName) -> Option<(u64, bool)> {
        let (&to, _) = self.choices(name).last_key_value()?;
        Some((to, self.settled(name) == to))
    }

    /// Returns the chain hash of a log at a height where it is the same on all nodes: behind a fork
    /// it differs from node to node.
    pub(super) fn common_chain_at(&self, name: &LogName, height: u64) -> Option<Hash> {
        let forked = self.forks.get(name).is_some_and(|it| it.from <= height);
        let log = self.logs.get(name).filter(|_| !forked)?;
        Some(log.chain_at(height)?.0)
    }

    /// Returns whether a log has a chain hash at a height, on this node and on all others once they
    /// hold what this one does.
    pub(super) fn is_settled_at(&self, name: &LogName, (height, hash): (u64, Hash)) -> bool {
        let held = self.logs.get(name).and_then(|log| log.chain_at(height));
        height <= self.settled(name) && held.is_some_and(|it| it.0 == hash)
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
        let sent = Chunk {
            from,
            entries: entries.to_vec(),
            signature: *signature,
        };
        if from <= fork.from && log.chain_at(from.saturating_sub(1)).is_none() {
            return Err(Refusal::Gap);
        }
        let before = from.saturating_sub(1);
        let choices = self.choices(&name);
        if self
            .head_after(log, log.chain_at(before), &sent)
            .is_some_and(|chain| {
                log.chain_at(sent.end()) == Some(chain) || strays(log, before, &choices)
            })
        {
            return Ok(Taken::ForkKnown);
        }
        let mut pieces = self.branches(&name);
        if !pieces.contains(&sent) {
            pieces.push(sent.clone());
        }
        let grown = self.join(log, &choices, pieces);
        let has = |branch: &Branch| branch.pieces.contains(&sent);
        let fits = grown.iter().any(has);
        let settled = self.settled(&name);
        let common = settled.min(log.height());
        let whole = grown.iter().any(|it| settled < it.agreed && has(it));
        if fits {
            self.keep_loose(name, sent);
        }
        if whole {
            Ok(Taken::BranchWhole)
        } else if fits || from <= fork.from {
            Ok(Taken::ForkKnown)
        } else {
            Err(Refusal::OtherBranch(common))
        }
    }

    /// Keeps a piece of the chosen branch until the rest is here. What a liar can fill is small; then
    /// everything is sent again.
    fn keep_loose(&mut self, name: LogName, piece: Chunk) {
        let kept = self.loose.get(&name);
        if kept.is_some_and(|kept| kept.contains(&piece)) {
            return;
        }
        if LOOSE_PIECES_MAX <= self.loose.values().flatten().count() {
            self.loose.clear();
        }
        self.loose.entry(name).or_default().push(piece);
    }

    /// Puts the chosen branches in the place of others, where they are whole: in proofs, among what
    /// was displaced before, or in what peers sent. Returns what changed, as if a peer had sent it.
    ///
    /// Source: PROTOCOL R-CHAIN-8.
    pub fn settle_forks(&mut self) -> Vec<(LogName, Chunk, Growth)> {
        let mut settled = Vec::new();
        for name in self
            .other_branches()
            .map(|(name, _)| name)
            .collect::<Vec<_>>()
        {
            for piece in self.chosen_branch(&name).unwrap_or_default() {
                if let Some(growth) = self.settle(name, &piece) {
                    settled.push((name, piece, growth));
                }
            }
            if self.chosen(&name).is_some_and(|(_, held)| held) {
                self.loose.remove(&name);
            }
        }
        settled
    }

    /// Returns the pieces of the chosen branch of a log, if they reach a further choice than what is
    /// here.
    fn chosen_branch(&self, name: &LogName) -> Option<Vec<Chunk>> {
        let fresh_log = Log::new(self.event, *name, self.writer_of(name)?);
        let log = self.logs.get(name).unwrap_or(&fresh_log);
        let grown = self.join(log, &self.choices(name), self.branches(name));
        let further = grown
            .into_iter()
            .filter(|it| self.settled(name) < it.agreed);
        let furthest = further.min_by_key(|it| (Reverse(it.agreed), it.pieces.len()));
        furthest.map(|it| it.pieces)
    }

    /// Puts one piece of the chosen branch where it belongs; those before it are there.
    fn settle(&mut self, name: LogName, piece: &Chunk) -> Option<Growth> {
        let log = self.logs.get(&name);
        let here = |seq: u64| log.and_then(|log| log.record(seq)).map(|it| &it.bytes);
        let mut placed = (piece.from..).zip(&piece.entries);
        let (seq, _) = placed.find(|(seq, bytes)| here(*seq) != Some(*bytes))?;
        if here(seq).is_some() {
            let skip = usize::try_from(seq.saturating_sub(piece.from)).unwrap_or(usize::MAX);
            let fresh = piece.entries.get(skip..).unwrap_or_default();
            return Some(self.replace(name, seq, fresh, &piece.signature));
        }
        let taken = self.take_following(name, piece.from, &piece.entries, &piece.signature);
        match taken {
            Ok(Taken::Grown(growth)) => Some(growth),
            Ok(Taken::Known | Taken::Forked(_) | Taken::ForkKnown | Taken::BranchWhole)
            | Err(_) => None,
        }
    }

    /// Joins pieces of branches, each to those before it whose end it is signed after, as long as
    /// they agree with what the owner chose.
    fn join(
        &self,
        log: &Log,
        choices: &BTreeMap<u64, Hash>,
        mut pieces: Vec<Chunk>,
    ) -> Vec<Branch> {
        pieces.sort_by_key(|piece| piece.from);
        let mut grown: Vec<Branch> = Vec::new();
        for piece in pieces {
            let before = piece.from.saturating_sub(1);
            let here = log
                .chain_at(before)
                .filter(|_| !strays(log, before, choices));
            let root = here.map(|chain| Branch {
                pieces: Vec::new(),
                end: before,
                chain,
                agreed: 0,
            });
            let open = grown.iter().filter(|it| it.end == before);
            let joined = open.chain(&root).find_map(|base| {
                let chain = self.head_after(log, Some(base.chain), &piece)?;
                Some((base, chain))
            });
            let Some((base, chain)) = joined else {
                continue;
            };
            let chains = chains_of(base.chain, &piece);
            let passed: BTreeMap<u64, Hash> = choices
                .range(piece.from..=piece.end())
                .map(|(&to, &hash)| (to, hash))
                .collect();
            let agreed = agreed(&passed, |height| chains.get(&height).copied());
            if agreed != passed.last_key_value().map(|(&to, _)| to) {
                continue;
            }
            let mut pieces = base.pieces.clone();
            pieces.push(piece.clone());
            grown.push(Branch {
                pieces,
                end: piece.end(),
                chain,
                agreed: agreed.unwrap_or(base.agreed),
            });
        }
        grown
    }

    /// Returns the forked logs of which the owner chose a branch that is not here, or not as far, with
    /// the height from which on it is wanted.
    pub fn other_branches(&self) -> impl Iterator<Item = (LogName, u64)> + '_ {
        self.forks
            .keys()
            .filter(|name| self.chosen(name).is_some_and(|(_, held)| !held))
            .map(|name| {
                let height = self.logs.get(name).map_or(0, Log::height);
                (*name, height.min(self.settled(name)))
            })
    }

    /// Returns the branches of forks that are kept beside the logs.
    pub fn displaced(&self) -> &BTreeMap<LogName, Vec<Chunk>> {
        &self.displaced
    }

    /// Puts a branch back that the store kept beside a log. What it says is not in force; but other
    /// logs were taken because of it, and who writes those must be known to read them back.
    pub fn restore_displaced(&mut self, name: LogName, chunk: Chunk) {
        for entry in &chunk.entries {
            self.note_names(&name, entry);
        }
        self.displaced.entry(name).or_default().push(chunk);
    }

    /// Returns every piece of a branch that is here beside the log.
    fn branches(&self, name: &LogName) -> Vec<Chunk> {
        let kept = [self.displaced.get(name), self.loose.get(name)];
        let mut pieces: Vec<Chunk> = kept.into_iter().flatten().flatten().cloned().collect();
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
        pieces
    }

    /// Returns the chain hash after a piece, if the log's writer signed it as what follows `before`.
    fn head_after(&self, log: &Log, before: Option<Chain>, piece: &Chunk) -> Option<Chain> {
        let chain = piece
            .entries
            .iter()
            .fold(before?, |chain, it| chain.link(it));
        let head = (piece.end(), chain);
        let writer = log.writer();
        verify_head(&writer, self.event, log.name(), head, &piece.signature).then_some(chain)
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
        let unsaid = self.forget_from(&name, seq);
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
        if unsaid {
            self.judge_all();
        }
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

/// Returns the last of the choices, which are rising, up to which a branch passes through all of them.
fn agreed(choices: &BTreeMap<u64, Hash>, chain_at: impl Fn(u64) -> Option<Chain>) -> Option<u64> {
    let passes = |&(&to, hash): &(&u64, &Hash)| chain_at(to).is_some_and(|chain| chain.0 == *hash);
    let passed = choices.iter().take_while(passes).last();
    passed.map(|(&to, _)| to)
}

/// Returns whether the branch here has left the chosen one at or before a height: nothing that
/// follows is wanted. Before that it may be a part of the chosen one.
fn strays(log: &Log, height: u64, choices: &BTreeMap<u64, Hash>) -> bool {
    let mut before = choices.range(..=height);
    before.any(|(&to, hash)| log.chain_at(to).is_some_and(|it| it.0 != *hash))
}

/// Returns the chain hashes at each entry of a piece.
fn chains_of(before: Chain, piece: &Chunk) -> BTreeMap<u64, Chain> {
    let chains = piece.entries.iter().scan(before, |chain, bytes| {
        *chain = chain.link(bytes);
        Some(*chain)
    });
    (piece.from..).zip(chains).collect()
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
