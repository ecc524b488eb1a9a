//! How an entry stands by the statements and the proofs of forks alone.
//!
//! Source: PROTOCOL R-READ-1.

use tallyline_keys::{
    PublicKey,
    planted::{Fault, is},
};

use super::Ledger;
use crate::{
    log::authority::{Cuts, Grant, Owner},
    model::{
        About, CloseReason, Decision, DrillNo, GrantId, Hash, LogName, RevokeReason, Roles, SquadNo,
    },
    rules::{self, Standing},
    wire::log_short_id,
};

impl rules::Authority for Ledger {
    fn standing(&self, log: &LogName, seq: u64, about: Option<About>) -> Standing {
        self.judged(log, seq, || match self.authority.grants().get(&log.grant) {
            Some(grant) => self.under_a_grant(grant, log, seq, about),
            None => self.under_no_grant(log, seq, about),
        })
    }

    fn record_standing(&self, log: &LogName, seq: u64) -> Standing {
        self.judged(log, seq, || match self.authority.grants().get(&log.grant) {
            Some(grant) => self.under_a_grant(grant, log, seq, None),
            None => self.record_under_no_grant(log, seq),
        })
    }

    fn is_owner(&self, key: &PublicKey) -> bool {
        *key == self.authority.owner()
    }

    fn reign(&self, key: &PublicKey, log: &LogName, seq: u64) -> Option<usize> {
        let owners = self.authority.owners().iter().enumerate();
        let mut owners = owners.filter(|(_, owner)| owner.key == *key).rev();
        let owned = |owner: &Owner| {
            self.owned_at(owner, log, seq) && !self.is_within(&owner.since, log, seq)
        };
        owners.find(|(_, owner)| owned(owner)).map(|(no, _)| no)
    }

    fn is_jury(&self, key: &PublicKey) -> bool {
        let member = self.authority.known(key);
        member.is_some_and(|it| it.roles.contains(Roles::JURY))
    }

    fn precedence(&self, log: &LogName) -> (u32, u32) {
        let depth = self
            .authority
            .grants()
            .get(&log.grant)
            .map_or(0, |grant| grant.depth);
        let depth = if is(Fault::ArrivalDecides) { 0 } else { depth };
        (depth, self.successions.get(log).copied().unwrap_or(0))
    }
}

impl Ledger {
    /// Says how an entry stands: what the owner decided and forks come before what its log says.
    fn judged(&self, log: &LogName, seq: u64, by_its_log: impl Fn() -> Standing) -> Standing {
        if let Some(decided) = self.decided(log, seq) {
            return decided;
        }
        if self.forks.get(log).is_some_and(|fork| fork.from <= seq) {
            return Standing::Disputed;
        }
        let standing = by_its_log();
        if standing == Standing::Live && self.is_after_the_close(log, seq) {
            return Standing::Late;
        }
        standing
    }

    /// Returns what the owner decided about an entry, if the log here is the one decided about: of
    /// several decisions the last one. Of a log that not everybody takes, nothing can be decided.
    fn decided(&self, log: &LogName, seq: u64) -> Option<Standing> {
        if !self.is_common(log) {
            return None;
        }
        let adoptions = self.authority.adoptions(log).iter().rev();
        let mut adoptions = adoptions.map(|it| it.adopt);
        let adopt = adoptions.find(|it| {
            (it.from..=it.to).contains(&seq) && self.is_settled_at(log, (it.to, it.hash))
        })?;
        Some(match adopt.decision {
            Decision::Count => Standing::Live,
            Decision::Reject => Standing::Rejected,
        })
    }

    fn under_a_grant(
        &self,
        grant: &Grant,
        log: &LogName,
        seq: u64,
        about: Option<About>,
    ) -> Standing {
        let squads = about.map(|about| self.squads_of(about.shooter));
        if let (Some(about), Some(squads)) = (about, &squads)
            && !covers(grant, about, squads)
        {
            return Standing::Quarantined;
        }
        let Some(end) = &grant.end else {
            return match (about, &squads) {
                (Some(about), Some(squads)) if !self.holds(log.grant, about.drill, squads) => {
                    Standing::Late
                }
                _ => Standing::Live,
            };
        };
        let cut = end.cuts.get(&log.incarnation);
        if cut.is_some_and(|&cut| self.agrees(log, cut) == Some(false)) {
            return Standing::Disputed;
        }
        if cut.is_some_and(|&(height, _)| seq <= height) || is(Fault::CutIgnored) {
            return Standing::Live;
        }
        match end.reason {
            CloseReason::Handover | CloseReason::Dead => Standing::Late,
            CloseReason::Expired | CloseReason::Stolen => Standing::Quarantined,
        }
    }

    /// An owner may write anywhere as long as it is the owner. Whoever came by a spare card writes
    /// before anybody granted it anything; a grant that comes later lets these entries count where
    /// the slot is free.
    fn under_no_grant(&self, log: &LogName, seq: u64, about: Option<About>) -> Standing {
        let Some(key) = self.authority.writer(log.grant) else {
            return Standing::Quarantined;
        };
        let mut owners = self.authority.owners().iter().filter(|it| it.key == key);
        if owners.any(|owner| self.owned_at(owner, log, seq)) {
            return Standing::Live;
        }
        if let Some(revocation) = self.authority.revoked(&key)
            && revocation.reason != RevokeReason::Retired
            && !self.is_within(&revocation.cuts, log, seq)
        {
            return Standing::Quarantined;
        }
        if self.granted_since(&key, about) {
            return Standing::Late;
        }
        let member = self.authority.known(&key);
        if member.is_some_and(|member| member.roles.contains(Roles::SPARE)) {
            Standing::Unassigned
        } else {
            Standing::Quarantined
        }
    }

    /// Every member that may score records what no cell covers under its own Admit: live as long as
    /// it is a member, up to the cut at which it ceased to be one. A spare card that somebody found
    /// speaks for nobody until it was granted something.
    ///
    /// Source: PROTOCOL R-RECORD-3.
    fn record_under_no_grant(&self, log: &LogName, seq: u64) -> Standing {
        let otherwise = self.under_no_grant(log, seq, None);
        let Some(key) = self.authority.writer(log.grant) else {
            return otherwise;
        };
        let may = self.authority.known(&key).is_some_and(|member| {
            member.roles.contains(Roles::SCORER) && !member.roles.contains(Roles::SPARE)
        });
        if !may {
            return otherwise;
        }
        match self.authority.revoked(&key) {
            None => Standing::Live,
            Some(it) if self.is_within(&it.cuts, log, seq) => Standing::Live,
            Some(it) if it.reason == RevokeReason::Retired => Standing::Late,
            Some(_) => otherwise,
        }
    }

    fn owned_at(&self, owner: &Owner, log: &LogName, seq: u64) -> bool {
        owner
            .until
            .as_ref()
            .is_none_or(|cuts| self.is_within(cuts, log, seq))
    }

    fn is_within(&self, cuts: &Cuts, log: &LogName, seq: u64) -> bool {
        cuts.get(&(log.grant, log.incarnation))
            .is_some_and(|&cut| seq <= cut.0 && self.agrees(log, cut) != Some(false))
    }

    /// Returns whether a key was granted a cell by a grant that did not end in distrust.
    fn granted_since(&self, key: &PublicKey, about: Option<About>) -> bool {
        let squads = about.map(|about| self.squads_of(about.shooter));
        let mut grants = self.authority.grants().values();
        grants.any(|grant| {
            let trusted = grant
                .end
                .as_ref()
                .is_none_or(|end| matches!(end.reason, CloseReason::Handover | CloseReason::Dead));
            let covered = match (about, &squads) {
                (Some(about), Some(squads)) => covers(grant, about, squads),
                _ => true,
            };
            grant.key == *key && trusted && covered
        })
    }

    /// Returns whether an entry stands past where its log ended when the owner closed the event.
    fn is_after_the_close(&self, log: &LogName, seq: u64) -> bool {
        self.authority.closing().is_some_and(|closing| {
            let end = closing.ends.get(&log_short_id(log));
            end.is_none_or(|&(height, _)| height < seq)
        })
    }

    /// Says whether a grant is the live one of a cell; of a whole match (a drill of `None`), of
    /// any drill.
    fn holds(&self, grant: GrantId, drill: Option<DrillNo>, squads: &[SquadNo]) -> bool {
        if let Some(drill) = drill {
            return self.authority.is_live_for(grant, drill, squads);
        }
        let mut drills = self.authority.roster().structure().drills.iter();
        drills.any(|drill| self.authority.is_live_for(grant, drill.no, squads))
    }

    /// Says whether a log agrees with a cut: `None` if it is shorter than the cut, or forked before
    /// it.
    fn agrees(&self, name: &LogName, (height, hash): (u64, Hash)) -> Option<bool> {
        Some(self.common_chain_at(name, height)? == hash)
    }
}

fn covers(grant: &Grant, about: About, squads: &[SquadNo]) -> bool {
    squads
        .iter()
        .any(|&squad| grant.cells.covers(about.drill, squad))
}
