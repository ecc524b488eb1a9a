//! What may count, read from the signed statements by the oracle itself.
//!
//! A second, simpler reading of the grants than the product's: it judges only what is beyond doubt
//! (grants that were closed at most once, cells that one open grant covers, events of one owner,
//! entries about which the owner decided nothing), so that it needs no tie rules.

use std::collections::BTreeMap;

use tallyline_keys::PublicKey;
use tallyline_proto::{
    model::{Adopt, Body, Close, CloseReason, Cut, DrillNo, GrantId, LogCut, SquadNo, Statement},
    replica::{EntryFilter, EntryView, GrantView, Replica},
    rules::Verdict,
    wire::{decode_signed, decode_statement},
};

use super::Oracle;
use crate::venue::DeviceNo;

/// What all statements say together.
#[derive(Debug, Default)]
struct Said {
    /// Every end of a grant by an Assign.
    closes: BTreeMap<GrantId, Vec<Close>>,
    /// Every end of a key: why its grants end with it, and at which cuts.
    revokes: Vec<(PublicKey, CloseReason, Vec<LogCut>)>,
    /// Who else than the owner of the manifest ever was to own the event.
    owners: Vec<PublicKey>,
    adopts: Vec<Adopt>,
    closed: bool,
}

/// What the statements say about one entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    Live,
    Late,
    Stolen,
    Outside,
    Doubtful,
}

impl Oracle {
    /// I9: nothing counts without a valid grant, nothing after a theft, and late never displaces
    /// live.
    pub(crate) fn judge_authority(&mut self, device: DeviceNo, now_ms: u64, replica: &mut Replica) {
        let views = replica.entries(&EntryFilter::default());
        let said = said(&views);
        let grants: BTreeMap<GrantId, GrantView> = replica
            .grants()
            .into_iter()
            .map(|grant| (grant.id, grant))
            .collect();
        let Some(owner) = replica.event().map(|(_, manifest)| manifest.owner) else {
            return;
        };
        let mut live: BTreeMap<(u32, u32), u32> = BTreeMap::new();
        let mut late = Vec::new();
        for view in &views {
            let Body::Score(score) = &view.body else {
                continue;
            };
            let roster = replica.roster();
            let squads: Vec<SquadNo> = roster
                .into_iter()
                .flat_map(|roster| roster.squads_ever(score.shooter))
                .collect();
            let standing = said.standing(view, (score.drill, &squads), &grants, owner);
            let place = (score.drill.0, score.shooter.0);
            let stands = !matches!(
                view.verdict,
                Verdict::Voided(_) | Verdict::Unfit(_) | Verdict::Disputed
            );
            if standing == Standing::Live && stands {
                let highest = live.entry(place).or_insert(score.attempt);
                *highest = score.attempt.max(*highest);
            }
            if view.verdict == Verdict::CountedLate {
                late.push((place, score.attempt, view.id));
            }
            let counts = matches!(view.verdict, Verdict::Counted | Verdict::CountedLate);
            let wrong = match standing {
                Standing::Outside | Standing::Stolen => counts,
                Standing::Late => view.verdict == Verdict::Counted,
                Standing::Live | Standing::Doubtful => false,
            };
            if wrong {
                let what = format!(
                    "device {device} reads {} as {:?} although it is {standing:?}",
                    view.id, view.verdict
                );
                self.broken("I9", now_ms, what);
            }
        }
        for (place, _, id) in late {
            if live.contains_key(&place) {
                let what = format!("on device {device} late {id} counts where a live entry stands");
                self.broken("I9", now_ms, what);
            }
        }
    }
}

/// Reads all statements.
fn said(views: &[EntryView]) -> Said {
    let mut said = Said::default();
    for view in views {
        let Body::Statement(bytes) = &view.body else {
            continue;
        };
        let signed = decode_signed(bytes);
        let statement = signed.ok().and_then(|it| decode_statement(&it.body).ok());
        if let Some(statement) = statement {
            said.hear(statement);
        }
    }
    said
}

impl Said {
    fn hear(&mut self, statement: Statement) {
        match statement {
            Statement::Assign(assign) => {
                for close in assign.closes {
                    self.closes.entry(close.grant).or_default().push(close);
                }
            }
            Statement::Revoke(it) => {
                let reason = it.reason.close_reason();
                self.revokes.push((it.key, reason, it.cuts));
            }
            Statement::Transfer(it) | Statement::Recover(it) => self.owners.push(it.to),
            Statement::Adopt(it) => self.adopts.push(it),
            Statement::EventClose(_) => self.closed = true,
            Statement::Admit(_)
            | Statement::Roster(_)
            | Statement::Lock(_)
            | Statement::Consent(_)
            | Statement::Amend(_)
            | Statement::LastCall
            | Statement::Phase(_)
            | Statement::Erase(_) => {}
        }
    }

    /// Returns how an entry about a cell stands, by any of the shooter's squads.
    fn standing(
        &self,
        view: &EntryView,
        (drill, squads): (DrillNo, &[SquadNo]),
        grants: &BTreeMap<GrantId, GrantView>,
        owner: PublicKey,
    ) -> Standing {
        let covers = |grant: &GrantView| {
            let mut squads = squads.iter();
            squads.any(|squad| grant.cells.covers(Some(drill), *squad))
        };
        let open = |grant: &GrantView| grant.closed.is_none();
        let own = |grant: &GrantView| grant.key == view.author && covers(grant);
        let standing = match grants.get(&view.log.grant) {
            Some(grant) if own(grant) => of_grant(view, grant, self),
            Some(_) => Standing::Outside,
            None if view.author == owner || self.owners.contains(&view.author) => {
                Standing::Doubtful
            }
            // Written with a spare card before its holder was granted the cell.
            None if grants.values().any(own) => Standing::Late,
            None => Standing::Outside,
        };
        let rivals = || {
            let mut all = grants.values();
            all.any(|grant| open(grant) && grant.id != view.log.grant && covers(grant))
        };
        let rival = grants.get(&view.log.grant).is_some_and(open) && rivals();
        let doubtful = standing == Standing::Live && (rival || self.closed);
        if doubtful || self.decides(view) {
            return Standing::Doubtful;
        }
        standing
    }

    /// Returns whether the owner decided about an entry.
    fn decides(&self, view: &EntryView) -> bool {
        let mut adopts = self.adopts.iter();
        adopts.any(|it| it.log == view.log && (it.from..=it.to).contains(&view.seq))
    }

    /// Returns how a grant ended, by Assigns and with its key.
    fn ends(&self, grant: &GrantView) -> Vec<(CloseReason, Vec<Cut>)> {
        let closes = self.closes.get(&grant.id).into_iter().flatten();
        let closes = closes.map(|it| (it.reason, it.cuts.clone()));
        let of_key = self.revokes.iter().filter(|it| it.0 == grant.key);
        let revokes = of_key.map(|(_, reason, cuts)| {
            let of_grant = cuts.iter().filter(|it| it.grant == grant.id);
            (*reason, of_grant.map(|it| it.cut).collect())
        });
        closes.chain(revokes).collect()
    }
}

/// Once the event passed on, an end may be the word of somebody who had no right to it any more.
fn of_grant(view: &EntryView, grant: &GrantView, said: &Said) -> Standing {
    match said.ends(grant).as_slice() {
        [] => Standing::Live,
        [(reason, cuts)] if said.owners.is_empty() => {
            let cut = cuts
                .iter()
                .find(|cut| cut.incarnation == view.log.incarnation)
                .map_or(0, |cut| cut.height);
            if view.seq <= cut {
                Standing::Live
            } else if *reason == CloseReason::Stolen {
                Standing::Stolen
            } else {
                Standing::Late
            }
        }
        [_, ..] => Standing::Doubtful,
    }
}
