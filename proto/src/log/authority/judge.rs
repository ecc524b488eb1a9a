//! Judging all statements of an event as a set.
//!
//! Who owns the event and whose keys are revoked is settled first, from the owners' statements
//! alone. What then follows only ever adds: a statement that is not valid yet is tried again until
//! no further one comes into force, so that the order of arrival plays no part.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    string::String,
    vec::Vec,
};

use tallyline_keys::PublicKey;

use super::{
    Adoption, Authority, ChainAt, Closing, Cuts, End, Grant, Member, Owner, Revocation, Said,
    owners::{cuts, owners},
};
use crate::{
    model::{
        Admit, Assign, CloseReason, Decision, EventClose, EventId, GrantId, Hash, Incarnation,
        LogName, Manifest, Person, Revoke, Roles, Statement,
    },
    rules::Roster,
    wire::{encode_structure, grant_id, structure_hash},
};

/// In whose name a statement is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Voice {
    /// An owner's, up to where it was the owner.
    Owner,
    /// A member's, in its own log under its Admit.
    Member(Roles),
}

/// What a deputy may make of a device: it makes no further deputies.
///
/// Source: PROTOCOL R-CONTROL-10.
pub const DEPUTY_ADMITS: Roles =
    Roles(Roles::SCORER.0 | Roles::RELAY.0 | Roles::GATEWAY.0 | Roles::VIEWER.0);

impl Authority {
    /// Judges all statements of an event; their order does not matter.
    ///
    /// Statements that a log's writer did not sign itself must have been checked by their own
    /// signatures; `order` of one owner's logs is by the number of predecessors that they name.
    ///
    /// Source: PROTOCOL R-CONTROL-3.
    pub fn judge(
        event: EventId,
        manifest: &Manifest,
        said: &[&Said],
        chain_at: ChainAt<'_>,
    ) -> Self {
        let (owners, now) = owners(event, manifest, said);
        let heard = in_force(&owners, said, chain_at);
        let mut authority = Self {
            event,
            structure: structure_hash(&encode_structure(&manifest.structure)),
            members: BTreeMap::new(),
            former: BTreeMap::new(),
            admits: BTreeMap::new(),
            revoked: revocations(&now.key, &heard),
            owners,
            now,
            grants: BTreeMap::new(),
            adoptions: BTreeMap::new(),
            roster: Roster::of(manifest),
            last_call: None,
            closing: None,
            erased: BTreeSet::new(),
            invalid: Vec::new(),
        };
        authority.admit_by_manifest(manifest);
        let by_owners: BTreeSet<(LogName, u64)> = heard.iter().map(|it| (it.log, it.seq)).collect();
        let by_others = said.iter().copied();
        let by_others = by_others.filter(|it| !by_owners.contains(&(it.log, it.seq)));
        let mut waiting: Vec<(bool, &Said)> = heard.iter().map(|it| (true, *it)).collect();
        waiting.extend(by_others.map(|it| (false, it)));
        let mut count = usize::MAX;
        while waiting.len() < count {
            count = waiting.len();
            waiting.retain(|&(owns, it)| !authority.hear(owns, it, chain_at));
        }
        authority.invalid = waiting.iter().map(|(_, it)| it.id).collect();
        authority.revoke_grants();
        authority.name_the_owner();
        authority
    }

    fn admit_by_manifest(&mut self, manifest: &Manifest) {
        let control = GrantId::control(self.event);
        let mut add = |key: &PublicKey, label: &str, roles| {
            self.members.entry(*key).or_insert(Member {
                label: label.into(),
                roles,
                admit: control,
            });
        };
        if let [only] = self.owners.as_slice() {
            add(&only.key, "owner", Roles::OWNER);
        }
        for key in &manifest.cloud {
            add(key, "cloud", Roles::CLOUD);
        }
    }

    /// Judges one statement, and says whether it came into force; one that did not changed nothing,
    /// and may when what it rests on has.
    fn hear(&mut self, by_an_owner: bool, said: &Said, chain_at: ChainAt<'_>) -> bool {
        let Some(statement) = &said.statement else {
            return false;
        };
        let voice = if by_an_owner {
            Voice::Owner
        } else {
            match self.voice(said, chain_at) {
                Some(roles) => Voice::Member(roles),
                // How the event passed on was judged before everything else.
                None => return self.made_an_owner(said.id),
            }
        };
        match (statement, voice) {
            (Statement::Admit(admit), voice) => self.admit(said.id, admit, voice),
            (Statement::Assign(assign), voice) => self.assign(said, assign, voice),
            (Statement::Consent(consent), _) => super::verify_consent(
                self.event,
                &consent.owner,
                &said.signer,
                consent.epoch,
                &consent.signature,
            ),
            (Statement::Transfer(_) | Statement::Recover(_), _) => self.made_an_owner(said.id),
            (_, Voice::Member(_)) => false,
            (Statement::Roster(change), Voice::Owner) => {
                self.roster.apply(change);
                true
            }
            (Statement::Amend(amend), Voice::Owner) => {
                self.roster.amend(&amend.change);
                true
            }
            (Statement::Lock(lock), Voice::Owner) => {
                let fits = lock.structure == self.structure;
                if fits {
                    self.roster.lock();
                }
                fits
            }
            (Statement::Revoke(revoke), Voice::Owner) => self.revoked.contains_key(&revoke.key),
            (Statement::Adopt(adopt), Voice::Owner) => {
                let adoption = Adoption {
                    adopt: *adopt,
                    statement: said.id,
                };
                self.adoptions.entry(adopt.log).or_default().push(adoption);
                true
            }
            (Statement::LastCall, Voice::Owner) => {
                self.last_call.get_or_insert(said.id);
                true
            }
            (Statement::EventClose(close), Voice::Owner) => {
                self.close_event(said.id, close);
                true
            }
            (Statement::Phase(change), Voice::Owner) => {
                self.roster.begin(change.phase);
                true
            }
            (Statement::Erase(erase), Voice::Owner) => {
                self.erased.insert(erase.person);
                if let Person::Shooter(no) = erase.person {
                    self.roster.erase(no);
                }
                true
            }
        }
    }

    fn made_an_owner(&self, statement: Hash) -> bool {
        let control = GrantId(statement);
        self.owners.iter().any(|owner| owner.control == control)
    }

    /// Returns the roles with which a member speaks in its own log, up to where it was trusted.
    fn voice(&self, said: &Said, chain_at: ChainAt<'_>) -> Option<Roles> {
        let key = self.admits.get(&said.log.grant)?;
        if *key != said.signer || *key != said.writer {
            return None;
        }
        if let Some(revocation) = self.revoked.get(key)
            && !is_before(&revocation.cuts, said, chain_at)
        {
            return None;
        }
        self.members.get(key).map(|member| member.roles)
    }

    fn admit(&mut self, id: Hash, admit: &Admit, voice: Voice) -> bool {
        if let Voice::Member(roles) = voice
            && (!roles.contains(Roles::DEPUTY) || !DEPUTY_ADMITS.contains(admit.roles))
        {
            return false;
        }
        self.admits.insert(GrantId(id), admit.key);
        let by_manifest = GrantId::control(self.event);
        let member = self.members.entry(admit.key).or_insert_with(|| Member {
            label: admit.label.clone(),
            roles: Roles::default(),
            admit: GrantId(id),
        });
        if member.admit == by_manifest {
            member.admit = GrantId(id);
            member.label.clone_from(&admit.label);
        }
        member.roles = member.roles.with(admit.roles);
        !self.revoked.contains_key(&admit.key)
    }

    fn assign(&mut self, said: &Said, assign: &Assign, voice: Voice) -> bool {
        let may = match voice {
            Voice::Owner => assign.under.is_none(),
            Voice::Member(roles) => match assign.under {
                None => roles.contains(Roles::DEPUTY) && self.takes_over(assign),
                Some(desk) => roles.contains(Roles::DESK) && self.lends(&said.signer, desk, assign),
            },
        };
        let Some(depth) = self.depth_of(assign).filter(|_| may) else {
            return false;
        };
        if !assign.opens.iter().all(|open| self.may_score(&open.key)) {
            return false;
        }
        for close in &assign.closes {
            let cuts = close
                .cuts
                .iter()
                .map(|cut| (cut.incarnation, (cut.height, cut.hash)));
            if let Some(grant) = self.grants.get_mut(&close.grant) {
                end(grant, close.reason, cuts.collect(), said.id);
            }
        }
        for (place, open) in (0..).zip(&assign.opens) {
            let grant = Grant {
                key: open.key,
                cells: open.cells.clone(),
                depth,
                under: assign.under,
                until_ms: open.until_ms,
                by: said.signer,
                statement: said.id,
                end: None,
            };
            self.grants.insert(grant_id(said.id, place), grant);
        }
        true
    }

    /// Returns the depth of what an Assign opens, if all that it rests on is there.
    fn depth_of(&self, assign: &Assign) -> Option<u32> {
        let closed = assign.closes.iter().map(|close| close.grant);
        let deepest = closed.chain(assign.under).try_fold(0_u32, |deepest, id| {
            let grant = self.grants.get(&id)?;
            Some(deepest.max(grant.depth))
        });
        Some(deepest?.saturating_add(1))
    }

    fn may_score(&self, key: &PublicKey) -> bool {
        let member = self.members.get(key);
        member.is_some_and(|member| member.roles.contains(Roles::SCORER))
    }

    /// Returns whether an Assign only takes over what it closes, as a deputy may.
    fn takes_over(&self, assign: &Assign) -> bool {
        let closed = || {
            let closed = assign.closes.iter();
            closed.filter_map(|close| self.grants.get(&close.grant))
        };
        !assign.closes.is_empty()
            && assign
                .opens
                .iter()
                .all(|open| closed().any(|grant| grant.cells.holds(&open.cells)))
    }

    /// Returns whether an Assign lends cells of a desk's own grant, or takes them back.
    fn lends(&self, signer: &PublicKey, desk: GrantId, assign: &Assign) -> bool {
        let Some(own) = self.grants.get(&desk).filter(|own| own.key == *signer) else {
            return false;
        };
        let lent = |close: &crate::model::Close| {
            let grant = self.grants.get(&close.grant);
            grant.is_some_and(|grant| grant.under == Some(desk))
        };
        assign.closes.iter().all(lent)
            && assign.opens.iter().all(|open| own.cells.holds(&open.cells))
    }

    fn close_event(&mut self, id: Hash, close: &EventClose) {
        let closing = self.closing.get_or_insert_with(|| Closing {
            statement: id,
            ..Closing::default()
        });
        for end in &close.ends {
            let at = (end.height, end.hash);
            let held = closing.ends.entry(end.log).or_insert(at);
            *held = at.max(*held);
        }
        closing.lost.extend(&close.lost);
    }

    /// Ends the grants of revoked keys at the cuts of the revocation.
    fn revoke_grants(&mut self) {
        for (key, revocation) in &self.revoked {
            let of_key = self.grants.iter_mut().filter(|(_, it)| it.key == *key);
            for (id, grant) in of_key {
                let reason = revocation.reason.close_reason();
                end(
                    grant,
                    reason,
                    cuts_of(&revocation.cuts, *id),
                    revocation.statement,
                );
            }
            if let Some(member) = self.members.remove(key) {
                self.former.insert(*key, member);
            }
        }
    }

    /// Gives the role of the owner to the owner now, and takes it from everybody else.
    fn name_the_owner(&mut self) {
        let owner = self.owner();
        for (key, member) in &mut self.members {
            member.roles = if *key == owner {
                member.roles.with(Roles::OWNER)
            } else {
                member.roles.without(Roles::OWNER)
            };
        }
        let control = GrantId::control(self.event);
        self.members.entry(owner).or_insert_with(|| Member {
            label: String::from("owner"),
            roles: Roles::OWNER,
            admit: control,
        });
    }
}

/// Returns the statements of owners that stand before each of them stopped being the owner, or that
/// a later one adopted, in the order in which they are judged.
fn in_force<'a>(owners: &[Owner], said: &[&'a Said], chain_at: ChainAt<'_>) -> Vec<&'a Said> {
    let mut by_owner: Vec<Vec<&Said>> = Vec::new();
    let mut adopted = Cuts::new();
    for owner in owners.iter().rev() {
        let of_owner = said.iter().copied().filter(|it| {
            let own = it.log.grant == owner.control && it.signer == owner.key;
            own && owner.until.as_ref().is_none_or(|cuts| {
                is_before(cuts, it, chain_at) || is_before(&adopted, it, chain_at)
            })
        });
        let of_owner: Vec<&Said> = of_owner.collect();
        for it in &of_owner {
            if let Some(Statement::Adopt(adopt)) = &it.statement
                && adopt.decision == Decision::Count
            {
                let at = (adopt.to, adopt.hash);
                let name = (adopt.log.grant, adopt.log.incarnation);
                let held = adopted.entry(name).or_insert(at);
                *held = at.max(*held);
            }
        }
        by_owner.push(of_owner);
    }
    by_owner.into_iter().rev().flatten().collect()
}

/// Returns whether a statement stands up to where its log is undisputed, and the log agrees there.
fn is_before(cuts: &Cuts, said: &Said, chain_at: ChainAt<'_>) -> bool {
    let cut = cuts.get(&(said.log.grant, said.log.incarnation));
    cut.is_some_and(|&(height, hash)| {
        said.seq <= height && chain_at(&said.log, height).is_none_or(|held| held == hash)
    })
}

/// Returns whose keys are revoked. The key of the owner now cannot be: it could not be undone.
///
/// Source: PROTOCOL R-CONTROL-11.
fn revocations(owner: &PublicKey, heard: &[&Said]) -> BTreeMap<PublicKey, Revocation> {
    let mut revoked = BTreeMap::new();
    for said in heard {
        if let Some(Statement::Revoke(revoke)) = &said.statement
            && revoke.key != *owner
        {
            revoke_once_more(&mut revoked, said.id, revoke);
        }
    }
    revoked
}

fn revoke_once_more(
    revoked: &mut BTreeMap<PublicKey, Revocation>,
    statement: Hash,
    revoke: &Revoke,
) {
    let fresh = Revocation {
        reason: revoke.reason,
        cuts: cuts(&revoke.cuts),
        statement,
    };
    let Some(held) = revoked.get_mut(&revoke.key) else {
        revoked.insert(revoke.key, fresh);
        return;
    };
    if (held.reason, fresh.statement) < (fresh.reason, held.statement) {
        held.reason = fresh.reason;
        held.statement = fresh.statement;
    }
    lower(&mut held.cuts, &fresh.cuts);
}

/// Ends a grant; if it has ended before, the gravest reason and the lowest cuts hold, so that the
/// order of the two statements does not matter.
///
/// Source: PROTOCOL R-CONTROL-5.
fn end(
    grant: &mut Grant,
    reason: CloseReason,
    cuts: BTreeMap<Incarnation, (u64, Hash)>,
    statement: Hash,
) {
    let Some(held) = &mut grant.end else {
        grant.end = Some(End {
            reason,
            cuts,
            statement,
        });
        return;
    };
    if (held.reason, statement) < (reason, held.statement) {
        held.reason = reason;
        held.statement = statement;
    }
    lower(&mut held.cuts, &cuts);
}

/// Keeps of two sets of cuts the lower one of each log; a log that one of them does not name is
/// cut at 0.
fn lower<K: Ord>(held: &mut BTreeMap<K, (u64, Hash)>, other: &BTreeMap<K, (u64, Hash)>) {
    held.retain(|log, cut| match other.get(log) {
        Some(other) => {
            *cut = (*cut).min(*other);
            true
        }
        None => false,
    });
}

/// Returns the cuts of one grant's logs.
fn cuts_of(cuts: &Cuts, grant: GrantId) -> BTreeMap<Incarnation, (u64, Hash)> {
    let from = (grant, Incarnation(0));
    let to = (grant, Incarnation(u64::MAX));
    cuts.range(from..=to)
        .map(|(&(_, incarnation), &at)| (incarnation, at))
        .collect()
}
