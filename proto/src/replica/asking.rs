//! What a device does that wants a cell of a desk, or gives one back.

use alloc::{format, string::String, vec::Vec};

use tallyline_keys::PublicKey;

use super::{
    AskPhase, AskView, Claiming, PeerId, Replica, Reply,
    core::State,
    lending::{is_desk, one_cell, own_grant},
    member::Member,
};
use crate::{
    log::{Grant, Log},
    model::{CellSet, DrillNo, GrantId, Roles, SquadNo},
    rules::{Code, Mistake},
    wire::{Ask, AskId, CLAIM_MINUTES_MAX, Denied, Frame, LENT_LOGS_MAX, Wish},
};

/// How long a desk may take to answer, in ms: as long as a person waits in front of a shooter.
const ASK_MS: u64 = 30_000;

/// After which time an Ask without an answer is repeated, in ms.
const ASK_AGAIN_MS: u64 = 2_000;

/// What was asked of a desk last.
#[derive(Debug)]
pub(super) struct Asking {
    ask: Ask,
    desk: PublicKey,
    cell: (DrillNo, SquadNo),
    /// What was held of the cell before: a grant that is another one is the answer.
    before: Option<GrantId>,
    repeat_at_ms: u64,
    until_ms: u64,
    phase: AskPhase,
}

impl Replica {
    pub(super) fn claim(&mut self, claiming: Claiming) -> Result<Reply, Mistake> {
        match claiming {
            Claiming::Borrow {
                drill,
                squad,
                minutes,
            } => self.borrow(drill, squad, minutes),
            Claiming::GiveBack { drill, squad } => self.give_back(drill, squad),
        }
    }

    /// Asks a desk for a cell.
    ///
    /// Source: PROTOCOL R-CLAIM-1.
    fn borrow(&mut self, drill: DrillNo, squad: SquadNo, minutes: u32) -> Result<Reply, Mistake> {
        let own = self.key();
        let member = self.event_or_mistake()?;
        let cells = one_cell(drill, squad);
        member.may_borrow(&own, &cells, minutes)?;
        let authority = member.ledger.authority();
        if authority.roster().drill(drill).is_none() {
            let text = format!("the event has no stage {drill}. See `tallyline event show`.");
            return Err(Mistake::new(Code::E01, text));
        }
        let desk = member.desk_of(&cells)?;
        let before = member.lent_to(&own, &cells).map(|(id, _)| id);
        let wish = Wish::Borrow {
            drill,
            squad,
            minutes,
        };
        self.ask(desk, (drill, squad), before, wish)
    }

    /// Gives a cell back to the desk that lent it.
    ///
    /// Source: PROTOCOL R-CLAIM-1, R-CLAIM-4.
    fn give_back(&mut self, drill: DrillNo, squad: SquadNo) -> Result<Reply, Mistake> {
        let own = self.key();
        let member = self.event_or_mistake()?;
        let Some((grant, lent)) = member.lent_to(&own, &one_cell(drill, squad)) else {
            let text = format!(
                "no desk has lent stage {drill}, squad {squad} to this device. See `tallyline \
                 claim --list`."
            );
            return Err(Mistake::new(Code::E15, text));
        };
        let desk = lent.by;
        let logs = member.ledger.logs_of(grant);
        let mut logs: Vec<&Log> = logs.filter(|log| 0 < log.height()).collect();
        logs.sort_by_key(|log| core::cmp::Reverse(log.height()));
        let logs = logs.into_iter().take(LENT_LOGS_MAX);
        let logs = logs.map(|log| (log.name().incarnation, log.height()));
        let wish = Wish::GiveBack {
            grant,
            logs: logs.collect(),
        };
        self.ask(desk, (drill, squad), Some(grant), wish)
    }

    /// Begins to ask; what was asked before is not waited for any more.
    fn ask(
        &mut self,
        desk: PublicKey,
        cell: (DrillNo, SquadNo),
        before: Option<GrantId>,
        wish: Wish,
    ) -> Result<Reply, Mistake> {
        let (start, now_ms) = (self.incarnation.0, self.now.mono_ms);
        let State::Member(member) = &mut self.state else {
            return Err(super::command::no_event());
        };
        member.asked = member.asked.saturating_add(1);
        let number = member.asked;
        member.asking = Some(Asking {
            ask: Ask {
                id: AskId { start, number },
                wish,
            },
            desk,
            cell,
            before,
            repeat_at_ms: now_ms,
            until_ms: now_ms.saturating_add(ASK_MS),
            phase: AskPhase::Waiting,
        });
        Ok(Reply::Asking)
    }

    /// Sees whether the answer is here, and asks again until it is.
    pub(super) fn ask_again(&mut self) {
        let (own, now_ms) = (self.key(), self.now.mono_ms);
        let State::Member(member) = &mut self.state else {
            return;
        };
        let found = member.answer_to(&own);
        let Some(asking) = member.asking.as_mut().filter(|it| it.waits()) else {
            return;
        };
        if let Some(found) = found {
            asking.phase = found;
        } else if asking.until_ms <= now_ms {
            asking.phase = AskPhase::Unanswered;
        } else if asking.repeat_at_ms <= now_ms {
            let mut peers = self.peers.values_mut();
            if let Some(it) = peers.find(|it| it.is_member && it.key == asking.desk) {
                asking.repeat_at_ms = now_ms.saturating_add(ASK_AGAIN_MS);
                it.outbox.push(Frame::Ask(asking.ask.clone()));
            }
        }
    }

    /// The desk says no.
    ///
    /// Source: PROTOCOL R-CLAIM-2.
    pub(super) fn on_denied(&mut self, peer: PeerId, denied: Denied) {
        let key = self.peers.get(&peer).map(|it| it.key);
        let State::Member(member) = &mut self.state else {
            return;
        };
        let asking = member.asking.as_mut().filter(|it| it.waits());
        let fits = |it: &&mut Asking| it.ask.id == denied.id && key == Some(it.desk);
        if let Some(asking) = asking.filter(fits) {
            asking.phase = AskPhase::Denied(denied.why);
        }
    }

    /// Returns when an Ask is to be repeated or given up, as monotonic time in ms.
    pub(super) fn asking_due_ms(&self) -> Option<u64> {
        let asking = self.member()?.asking.as_ref().filter(|it| it.waits())?;
        let mut peers = self.peers.values();
        let reached = peers.any(|it| it.is_member && it.key == asking.desk);
        let repeat_at_ms = if reached {
            asking.repeat_at_ms
        } else {
            asking.until_ms
        };
        Some(repeat_at_ms.min(asking.until_ms))
    }

    /// Returns what was asked of a desk last, since this start.
    pub fn asking(&self) -> Option<AskView> {
        let member = self.member()?;
        let asking = member.asking.as_ref()?;
        Some(AskView {
            desk: asking.desk,
            label: member.label(&asking.desk),
            drill: asking.cell.0,
            squad: asking.cell.1,
            phase: asking.phase,
        })
    }
}

impl Asking {
    fn waits(&self) -> bool {
        self.phase == AskPhase::Waiting
    }
}

impl Member {
    /// Refuses to ask for what no desk would lend.
    fn may_borrow(&self, own: &PublicKey, cells: &CellSet, minutes: u32) -> Result<(), Mistake> {
        let authority = self.ledger.authority();
        if !(1..=CLAIM_MINUTES_MAX).contains(&minutes) {
            let text = format!(
                "a desk lends a cell for 1 to {CLAIM_MINUTES_MAX} minutes, not for {minutes}. Ask \
                 for less, and again when you need it longer."
            );
            return Err(Mistake::new(Code::E21, text));
        }
        if authority.last_call().is_some() {
            let text = "the owner has said that scoring is over; no desk lends anything any more.";
            return Err(Mistake::new(Code::E12, text.into()));
        }
        let scorer = authority.members().get(own);
        if !scorer.is_some_and(|it| it.roles.contains(Roles::SCORER)) {
            let text = "this device is not admitted as a scorer. Ask the owner for it.";
            return Err(Mistake::new(Code::E02, text.into()));
        }
        if own_grant(authority, own, cells).is_some() {
            let text = "this device holds the cell by a grant of its own; nothing has to be asked \
                        for.";
            return Err(Mistake::new(Code::E15, text.into()));
        }
        Ok(())
    }

    /// Returns the desk whose own grant holds cells.
    fn desk_of(&self, cells: &CellSet) -> Result<PublicKey, Mistake> {
        let authority = self.ledger.authority();
        let held = authority.overlapping(cells);
        let own = held.filter(|(_, grant)| grant.under.is_none());
        let (desks, others): (Vec<_>, Vec<_>) = own
            .map(|(_, grant)| grant)
            .partition(|grant| is_desk(authority, &grant.key));
        let deepest = desks.into_iter().max_by_key(|grant| grant.depth);
        deepest.map(|grant| grant.key).ok_or_else(|| {
            let holder = match others.first() {
                Some(grant) => {
                    format!("it belongs to {}, which is no desk", self.label(&grant.key))
                }
                None => String::from("nobody was granted it"),
            };
            let text =
                format!("no desk has this cell to lend: {holder}. Ask the owner for a grant.");
            Mistake::new(Code::E02, text)
        })
    }

    /// Returns the open grant by which a desk has lent exactly these cells to a device.
    fn lent_to(&self, key: &PublicKey, cells: &CellSet) -> Option<(GrantId, &Grant)> {
        let lent =
            |grant: &Grant| grant.under.is_some() && grant.key == *key && grant.cells == *cells;
        let mut open = self.ledger.authority().open();
        open.find(|(_, grant)| lent(grant))
    }

    /// Returns the answer to what was asked, if the ledger has it.
    fn answer_to(&self, own: &PublicKey) -> Option<AskPhase> {
        let asking = self.asking.as_ref().filter(|it| it.waits())?;
        match &asking.ask.wish {
            Wish::Borrow { drill, squad, .. } => {
                let (id, _) = self.lent_to(own, &one_cell(*drill, *squad))?;
                (Some(id) != asking.before).then_some(AskPhase::Lent(id))
            }
            Wish::GiveBack { grant, .. } => {
                let open = self.ledger.authority().open().any(|(id, _)| id == *grant);
                (!open).then_some(AskPhase::GivenBack)
            }
        }
    }
}
