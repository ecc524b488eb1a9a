//! What may count, read from the signed statements by the oracle itself.
//!
//! A second, simpler reading of the grants than the product's: it judges only what is beyond doubt
//! (grants that were closed at most once), so that it needs no tie rules.

use std::collections::BTreeMap;

use tallyline_proto::{
    model::{Body, Close, CloseReason, GrantId, SquadNo, Statement},
    replica::{EntryFilter, EntryView, GrantView, Replica},
    rules::Verdict,
    wire::{decode_signed, decode_statement},
};

use super::Oracle;
use crate::venue::DeviceNo;

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
        let closes = closes(&views);
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
            let covers = |grant: &GrantView| {
                grant.key == view.author
                    && squads
                        .iter()
                        .any(|squad| grant.cells.covers(Some(score.drill), *squad))
            };
            let standing = match grants.get(&view.log.grant) {
                Some(grant) if covers(grant) => of_grant(view, closes.get(&view.log.grant)),
                Some(_) => Standing::Outside,
                None if view.author == owner => Standing::Doubtful,
                None => Standing::Outside,
            };
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

/// Returns all closings by grant, from the statements.
fn closes(views: &[EntryView]) -> BTreeMap<GrantId, Vec<Close>> {
    let mut closes: BTreeMap<GrantId, Vec<Close>> = BTreeMap::new();
    for view in views {
        let Body::Statement(bytes) = &view.body else {
            continue;
        };
        let Ok(signed) = decode_signed(bytes) else {
            continue;
        };
        if let Ok(Statement::Assign(assign)) = decode_statement(&signed.body) {
            for close in assign.closes {
                closes.entry(close.grant).or_default().push(close);
            }
        }
    }
    closes
}

fn of_grant(view: &EntryView, closes: Option<&Vec<Close>>) -> Standing {
    match closes.map(Vec::as_slice) {
        None | Some([]) => Standing::Live,
        Some([close]) => {
            let cut = close
                .cuts
                .iter()
                .find(|cut| cut.incarnation == view.log.incarnation)
                .map_or(0, |cut| cut.height);
            if view.seq <= cut {
                Standing::Live
            } else if close.reason == CloseReason::Stolen {
                Standing::Stolen
            } else {
                Standing::Late
            }
        }
        Some(_) => Standing::Doubtful,
    }
}
