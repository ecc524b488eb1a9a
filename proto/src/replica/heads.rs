//! What everything shown is made from: the end of each log, and the entries behind it.

use alloc::{collections::BTreeMap, vec::Vec};

use tallyline_keys::PublicKey;

use super::{
    EntryView, HeadView, LogRead, Notice, PeerId, Replica, Unread, core::State, member::Member,
};
use crate::{
    model::{About, Body, LogName},
    rules::{Line, Scorebook, Verdict},
    wire::{Hello, log_short_id},
};

impl Replica {
    /// Returns the end of every log that is here, the control logs first: two devices whose heads
    /// agree show the same tables. Of a forked log it is where all nodes hold the same.
    pub fn heads(&self) -> Vec<HeadView> {
        let Some(member) = self.member() else {
            return Vec::new();
        };
        let logs = member.ledger.logs().values();
        let mut heads: Vec<HeadView> = logs
            .filter_map(|log| {
                let (height, chain) = member.ledger.settled_head(log.name())?;
                Some(HeadView {
                    log: *log.name(),
                    author: log.writer(),
                    label: member.label(&log.writer()),
                    control: member.ledger.is_control(log.name().grant),
                    common: member.ledger.is_common(log.name()),
                    height,
                    chain,
                })
            })
            .collect();
        heads.sort_by(|one, next| {
            let order = |it: &HeadView| (!it.control, it.label.clone(), it.log);
            order(one).cmp(&order(next))
        });
        heads
    }

    /// Returns all entries as the reading rules see them, in the order of log names.
    pub fn lines(&self) -> Vec<Line<'_>> {
        let lines = self.member().map(|member| member.ledger.lines());
        lines.into_iter().flatten().collect()
    }

    /// Returns what of each log somebody has not read yet, at most `at_most` entries in all. Where a
    /// log is another one from a fork on, it begins there again.
    pub fn unread(&mut self, read: &BTreeMap<LogName, LogRead>, at_most: usize) -> Vec<Unread> {
        let own = self.key();
        let State::Member(member) = &mut self.state else {
            return Vec::new();
        };
        let logs = member.ledger.logs().values();
        let begun: Vec<(LogName, u64, bool)> = logs
            .filter_map(|log| {
                let name = *log.name();
                let held = read.get(&name).copied().unwrap_or_default();
                let fits = held.height == 0
                    || log
                        .chain_at(held.height)
                        .is_some_and(|it| it.0 == held.chain);
                let fork = member.ledger.forks().get(&name).map_or(1, |fork| fork.from);
                let from = if fits {
                    held.height
                } else {
                    held.height.min(fork.saturating_sub(1))
                };
                (!fits || from < log.height()).then_some((name, from, !fits))
            })
            .collect();
        if begun.is_empty() {
            return Vec::new();
        }
        let book = member.book();
        let mut left = at_most;
        let mut unread = Vec::new();
        for (log, before, replaced) in begun {
            let Some(one) = member.unread((&own, &book), log, (before, replaced), left) else {
                continue;
            };
            left = left.saturating_sub(one.entries.len());
            unread.push(one);
            if left == 0 {
                break;
            }
        }
        unread
    }

    /// Takes note that a peer said Hello; tells the shell when both sides hold the same.
    pub(super) fn compare_notes(&mut self, peer: PeerId, mine: &Hello) {
        let Some(it) = self.peers.get_mut(&peer).filter(|it| it.is_member) else {
            return;
        };
        if !it.talk.agrees_anew(mine) {
            return;
        }
        let key = it.key;
        let entries = self.member().map_or(0, |it| it.ledger.entries());
        let notice = Notice::Agreed { key, entries };
        self.out.released.notices.push(notice);
    }
}

impl Member {
    /// Returns the entries of one log after a height, at most so many.
    fn unread(
        &self,
        (own, book): (&PublicKey, &Scorebook),
        name: LogName,
        (before, replaced): (u64, bool),
        at_most: usize,
    ) -> Option<Unread> {
        let log = self.ledger.logs().get(&name)?;
        let count = u64::try_from(at_most).unwrap_or(u64::MAX);
        let end = log.height().min(before.saturating_add(count));
        let seqs = before.saturating_add(1)..=end;
        let lines = seqs.filter_map(|seq| self.ledger.line(&name, seq));
        Some(Unread {
            log: name,
            entries: lines
                .map(|line| self.entry_view(own, book, &line))
                .collect(),
            replaced,
            read: LogRead {
                height: end,
                chain: log.chain_at(end)?.0,
            },
        })
    }

    /// Returns what an entry is about, or what the one that it names is about.
    pub(super) fn subject(&self, body: &Body) -> Option<About> {
        let Some(target) = body.target() else {
            return body.about();
        };
        let (log, seq) = self.ledger.find(target)?;
        self.ledger.line(&log, seq)?.body.about()
    }

    /// Returns one entry as screens show it.
    pub(super) fn entry_view(
        &self,
        own: &PublicKey,
        book: &Scorebook,
        line: &Line<'_>,
    ) -> EntryView {
        let id = log_short_id(&line.log);
        EntryView {
            id: line.id,
            log: line.log,
            seq: line.seq,
            author: line.author,
            label: self.label(&line.author),
            at_unix_ms: self.unix_ms(line.at_ms),
            body: line.body.clone(),
            subject: self.subject(line.body),
            verdict: book.verdict(line.id).unwrap_or(Verdict::Unknown),
            copies: self.copies(own, &id, line.seq),
            in_cloud: line.seq <= self.in_cloud(&id),
        }
    }
}
