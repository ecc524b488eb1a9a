//! What a desk does: lends single cells of its own grants, and takes them back.
//!
//! What is lent stands in the ledger alone, so that a desk that starts again knows it. Only the desk
//! looks at the time that a grant carries, and at no clock but its own.

use alloc::vec::Vec;

use tallyline_keys::PublicKey;

use super::{PeerId, Replica, command::close, core::State, member::Member};
use crate::{
    log::{Authority, CONTROL_ENTRIES_MAX, Grant, Log},
    model::{
        Assign, CellSet, Close, CloseReason, DrillNo, GrantId, Incarnation, LogName, Open, Roles,
        SquadNo, Statement,
    },
    wire::{Ask, AskId, CLAIM_MINUTES_MAX, Denial, Denied, Frame, LENT_LOGS_MAX, Wish},
};

/// Milliseconds of a minute.
const MINUTE_MS: u64 = 60_000;

/// Most cells that one device is lent at a time: what an official runs between.
const LENT_TO_ONE_MAX: usize = 8;

/// Most cells that a desk lends at a time: eight devices with all that they may have.
const LENT_MAX: usize = 64;

/// Statements of its own that a desk keeps for closing, of those that others take of it: one for
/// each cell that it can have lent, and as many for its owner's affairs.
const SAID_RESERVE: u64 = 128;

/// Time after which one more Ask of a device is heard, in ms: each may cost a statement that
/// everybody keeps for ever.
const ASK_EVERY_MS: u64 = 10_000;

/// Asks of one device that are heard at once.
const ASKS_BURST: u64 = 8;

/// What a desk remembers of a device that asked, until it ends.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asker {
    last: AskId,
    said: Said,
    /// When all that it asked would be paid for: how far this lies ahead tells how fast it asks.
    paid_at_ms: u64,
}

/// What a desk said to an Ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Said {
    /// Yes: the statement tells it.
    Yes,
    /// No.
    No(Denial),
    /// Nothing yet: entries that the asker wrote are not here.
    Waits,
}

/// How an Ask is heard.
enum Heard {
    /// Another time.
    Again(Said),
    /// For the first time.
    New,
    /// Sooner than it may be.
    TooSoon,
}

impl Asker {
    /// Takes note of an Ask. Frames may be repeated and overtake each other: in one start of the
    /// asker only a higher number is new.
    fn hear(held: Option<Self>, id: AskId, now_ms: u64) -> (Heard, Option<Self>) {
        if let Some(held) = held
            && held.last.start == id.start
            && id.number <= held.last.number
        {
            let said = if held.last == id {
                held.said
            } else {
                Said::Yes
            };
            return (Heard::Again(said), Some(held));
        }
        let paid_at_ms = held.map_or(0, |it| it.paid_at_ms).max(now_ms);
        if now_ms.saturating_add(ASK_EVERY_MS.saturating_mul(ASKS_BURST - 1)) < paid_at_ms {
            return (Heard::TooSoon, held);
        }
        let heard = Self {
            last: id,
            said: Said::Waits,
            paid_at_ms: paid_at_ms.saturating_add(ASK_EVERY_MS),
        };
        (Heard::New, Some(heard))
    }
}

impl Replica {
    /// Lends a cell, takes one back, or says why not.
    ///
    /// Source: PROTOCOL R-CLAIM-2, R-CLAIM-5.
    pub(super) fn on_ask(&mut self, peer: PeerId, ask: &Ask) {
        let now_ms = self.now.mono_ms;
        let Some(key) = self.peers.get(&peer).map(|it| it.key) else {
            return;
        };
        let State::Member(member) = &mut self.state else {
            return;
        };
        let held = member.askers.get(&key).copied();
        let (heard, asker) = Asker::hear(held, ask.id, now_ms);
        if let Some(asker) = asker {
            member.askers.insert(key, asker);
        }
        let said = match heard {
            Heard::Again(Said::Waits) | Heard::New => self.consider(key, &ask.wish),
            Heard::Again(said) => said,
            Heard::TooSoon => {
                self.tell_pace(peer, "cells are asked for faster than one in 10 s");
                return;
            }
        };
        let State::Member(member) = &mut self.state else {
            return;
        };
        if let Some(asker) = member.askers.get_mut(&key)
            && asker.last == ask.id
        {
            asker.said = said;
        }
        if let (Said::No(why), Some(it)) = (said, self.peers.get_mut(&peer)) {
            it.outbox.push(Frame::Denied(Denied { id: ask.id, why }));
        }
    }

    fn consider(&mut self, key: PublicKey, wish: &Wish) -> Said {
        self.take_back_what_is_over();
        let own = self.key();
        let Some(member) = self.member() else {
            return Said::No(Denial::NotADesk);
        };
        let statement = match wish {
            Wish::Borrow {
                drill,
                squad,
                minutes,
            } => {
                let time = (self.now.wall_ms, *minutes);
                member.lend(&own, &key, (*drill, *squad), time)
            }
            Wish::GiveBack { grant, logs } => match member.given_back(&own, &key, *grant) {
                Ok(true) if member.holds_all(*grant, logs) => Ok(member.taking_back(&own, *grant)),
                Ok(true) => return Said::Waits,
                // It is closed: the asker has not heard of it yet.
                Ok(false) => return Said::Yes,
                Err(why) => Err(why),
            },
        };
        match statement.map(|it| self.state_that(&it)) {
            Ok(Ok(_)) => Said::Yes,
            Ok(Err(_)) => Said::No(Denial::TooMany),
            Err(why) => Said::No(why),
        }
    }

    /// Closes what this device lent and whose time is over by its own clock.
    ///
    /// Source: PROTOCOL R-CLAIM-4.
    pub(super) fn take_back_what_is_over(&mut self) {
        let own = self.key();
        let wall_ms = self.now.wall_ms;
        let Some(member) = self.member() else {
            return;
        };
        let lent = member.lent_by(&own);
        let over = lent.filter(|(_, grant)| grant.until_ms.is_some_and(|it| it <= wall_ms));
        let over: Vec<GrantId> = over.map(|(id, _)| id).collect();
        for grant in over {
            let State::Member(member) = &mut self.state else {
                return;
            };
            let statement = member.taking_back(&own, grant);
            member.taken_back.insert(grant);
            if self.state_that(&statement).is_err() {
                return;
            }
        }
    }

    /// Returns when the time of something that this device lent is over, as monotonic time in ms.
    pub(super) fn lent_due_ms(&self) -> Option<u64> {
        let own = self.key();
        let member = self.member()?;
        if CONTROL_ENTRIES_MAX <= member.said_under(&own) {
            return None;
        }
        let until_ms = member.lent_by(&own).filter_map(|(_, it)| it.until_ms).min();
        let left_ms = until_ms?.saturating_sub(self.now.wall_ms);
        Some(self.now.mono_ms.saturating_add(left_ms))
    }
}

impl Member {
    /// Returns the open grants that a device lent and may close.
    fn lent_by<'a>(&'a self, own: &'a PublicKey) -> impl Iterator<Item = (GrantId, &'a Grant)> {
        let authority = self.ledger.authority();
        let is_member = authority.members().contains_key(own);
        let lent = move |grant: &Grant| is_member && grant.by == *own && grant.under.is_some();
        let open = authority.open().filter(move |(_, grant)| lent(grant));
        open.filter(|(id, _)| !self.taken_back.contains(id))
    }

    /// Lays out the statement that lends a cell until the later of two times: that asked for, and
    /// that of what the asker is lent already, which ends here.
    ///
    /// Source: PROTOCOL R-CLAIM-2, R-CLAIM-3.
    fn lend(
        &self,
        own: &PublicKey,
        key: &PublicKey,
        (drill, squad): (DrillNo, SquadNo),
        (wall_ms, minutes): (u64, u32),
    ) -> Result<Statement, Denial> {
        let authority = self.ledger.authority();
        if !is_desk(authority, own) {
            return Err(Denial::NotADesk);
        }
        if authority.last_call().is_some() {
            return Err(Denial::ScoringOver);
        }
        let cells = one_cell(drill, squad);
        let desk = authority.roster().drill(drill);
        let desk = desk.and_then(|_| own_grant(authority, own, &cells));
        let desk = desk.ok_or(Denial::NotItsCell)?;
        let is_lent = |grant: &Grant| grant.key == *key && grant.under == Some(desk);
        let others = authority.overlapping(&cells);
        let others = others.filter(|(_, grant)| grant.key != *own && !is_lent(grant));
        if let Some((_, grant)) = others.max_by_key(|(_, grant)| grant.depth) {
            return Err(Denial::Held {
                holder: grant.key,
                until_ms: grant.until_ms,
            });
        }
        let scorer = authority.members().get(key);
        if !scorer.is_some_and(|it| it.roles.contains(Roles::SCORER)) {
            return Err(Denial::MayNotScore);
        }
        let renewed = authority.overlapping(&cells);
        let renewed: Vec<_> = renewed.filter(|(_, grant)| is_lent(grant)).collect();
        if self.lends_enough(own, key, renewed.is_empty()) {
            return Err(Denial::TooMany);
        }
        let after = |minutes: u32| wall_ms.saturating_add(MINUTE_MS.saturating_mul(minutes.into()));
        let before = renewed.iter().filter_map(|(_, grant)| grant.until_ms).max();
        // A clock that was set back since must not make a claim longer than any may be.
        let before = before.unwrap_or(0).min(after(CLAIM_MINUTES_MAX));
        let closes = renewed
            .iter()
            .map(|(id, _)| self.lent_close(*id, CloseReason::Handover));
        Ok(Statement::Assign(Assign {
            closes: closes.collect(),
            opens: Vec::from([Open {
                key: *key,
                cells,
                until_ms: Some(after(minutes).max(before)),
            }]),
            under: Some(desk),
        }))
    }

    /// Returns whether no more is lent, to this device or at all.
    ///
    /// Source: PROTOCOL R-CLAIM-5.
    fn lends_enough(&self, own: &PublicKey, key: &PublicKey, one_more: bool) -> bool {
        if CONTROL_ENTRIES_MAX <= self.said_under(own).saturating_add(SAID_RESERVE) {
            return true;
        }
        let to_one = self.lent_by(own).filter(|(_, it)| it.key == *key).count();
        one_more && (LENT_TO_ONE_MAX <= to_one || LENT_MAX <= self.lent_by(own).count())
    }

    /// Returns whether a grant that is given back is still open, if it was lent to who gives it.
    fn given_back(&self, own: &PublicKey, key: &PublicKey, grant: GrantId) -> Result<bool, Denial> {
        let authority = self.ledger.authority();
        let lent = |it: &&Grant| it.by == *own && it.under.is_some() && it.key == *key;
        let held = authority.grants().get(&grant).filter(lent);
        Ok(held.ok_or(Denial::NotLent)?.end.is_none())
    }

    /// Returns whether everything that a writer says it wrote under a grant is here.
    fn holds_all(&self, grant: GrantId, logs: &[(Incarnation, u64)]) -> bool {
        logs.iter().all(|&(incarnation, height)| {
            let name = LogName { grant, incarnation };
            let held = self.ledger.logs().get(&name).map_or(0, Log::height);
            height <= held
        })
    }

    /// Lays out the statement that closes what was lent, with what is here as its end.
    ///
    /// Source: PROTOCOL R-CLAIM-4.
    fn taking_back(&self, own: &PublicKey, grant: GrantId) -> Statement {
        let authority = self.ledger.authority();
        let lent = authority.grants().get(&grant);
        // A desk that became the owner speaks as the owner.
        let owns = authority.owner() == *own;
        Statement::Assign(Assign {
            closes: Vec::from([self.lent_close(grant, CloseReason::Expired)]),
            opens: Vec::new(),
            under: lent.and_then(|it| it.under).filter(|_| !owns),
        })
    }

    /// Closes a lent grant. Of more logs than a statement holds the longest are named: somebody who
    /// starts that often must not be able to keep the cell.
    fn lent_close(&self, grant: GrantId, reason: CloseReason) -> Close {
        let mut close = close(&self.ledger, grant, reason);
        close
            .cuts
            .sort_by_key(|cut| (core::cmp::Reverse(cut.height), cut.incarnation));
        close.cuts.truncate(LENT_LOGS_MAX);
        close.cuts.sort_by_key(|cut| cut.incarnation);
        close
    }
}

/// Returns the set of one cell.
pub(super) fn one_cell(drill: DrillNo, squad: SquadNo) -> CellSet {
    CellSet {
        drills: Some(Vec::from([drill])),
        squads: Some(Vec::from([squad])),
    }
}

/// Returns whether a device lends: it is a desk, and not the owner, whose grants are its own.
pub(super) fn is_desk(authority: &Authority, key: &PublicKey) -> bool {
    let desk = authority.members().get(key);
    desk.is_some_and(|it| it.roles.contains(Roles::DESK)) && authority.owner() != *key
}

/// Returns the open grant, not itself lent, by which a device holds cells.
pub(super) fn own_grant(
    authority: &Authority,
    key: &PublicKey,
    cells: &CellSet,
) -> Option<GrantId> {
    let own = authority
        .open()
        .filter(|(_, grant)| grant.key == *key && grant.under.is_none());
    own.filter(|(_, grant)| grant.cells.holds(cells))
        .max_by_key(|(_, grant)| grant.depth)
        .map(|(id, _)| id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(start: u64, number: u32) -> AskId {
        AskId { start, number }
    }

    /// R-CLAIM-5: a device is heard eight times at once, then once in ten seconds.
    #[test]
    fn a_device_that_asks_too_fast_is_not_heard() {
        let mut held = None;
        let mut heard = |number, now_ms| {
            let (heard, asker) = Asker::hear(held, id(1, number), now_ms);
            held = asker;
            matches!(heard, Heard::New)
        };
        let at_once = (1..=20).filter(|&number| heard(number, 5)).count();
        assert_eq!(at_once, 8, "at once");
        assert!(!heard(21, 10_004), "not yet");
        assert!(heard(21, 10_005), "ten seconds later");
        assert!(!heard(22, 10_006), "and no more");
    }

    /// R-CLAIM-1: what comes twice, or late, is not done twice.
    #[test]
    fn an_ask_that_comes_again_is_no_new_one() {
        let (_, held) = Asker::hear(None, id(1, 2), 0);
        let again = |id| matches!(Asker::hear(held, id, 1).0, Heard::Again(_));
        assert!(again(id(1, 2)), "the same");
        assert!(again(id(1, 1)), "one before it");
        assert!(!again(id(1, 3)), "the next one");
        assert!(!again(id(9, 1)), "of another start");
    }
}
