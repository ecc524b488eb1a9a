//! Who may write what: the set of the owner's statements, judged.
//!
//! Judged as a set, in an order that every node computes alike (incarnations of the control log by
//! succession, inside one by sequence); never by arrival, never by a clock.

use alloc::{collections::BTreeMap, string::String, vec::Vec};

use tallyline_keys::PublicKey;

use crate::{
    model::{
        Assign, CellSet, CloseReason, DrillNo, EventId, GrantId, Hash, Incarnation, Manifest,
        Roles, SquadNo, Statement,
    },
    rules::Roster,
    wire::{SignedStatement, decode_statement, encode_structure, grant_id, structure_hash},
};

/// A device of the event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// What people call it; the first Admit decides.
    pub label: String,
    /// The roles of all its Admits together.
    pub roles: Roles,
    /// The Admit under which it writes what no grant covers.
    pub admit: GrantId,
}

/// A grant that an Assign opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Who may write.
    pub key: PublicKey,
    /// Which cells.
    pub cells: CellSet,
    /// 1 plus the deepest grant that the same Assign closed.
    pub depth: u32,
    /// How it ended; `None`: it is open.
    pub end: Option<End>,
}

/// How a grant ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    /// Why; the gravest reason if several statements close it.
    pub reason: CloseReason,
    /// Undisputed height and the chain hash there, by incarnation; the lowest if several.
    pub cuts: BTreeMap<Incarnation, (u64, Hash)>,
}

/// The owner's statements, judged.
#[derive(Clone, Debug)]
pub struct Authority {
    event: EventId,
    owner: PublicKey,
    structure: Hash,
    members: BTreeMap<PublicKey, Member>,
    admits: BTreeMap<GrantId, PublicKey>,
    grants: BTreeMap<GrantId, Grant>,
    roster: Roster,
    invalid: Vec<Hash>,
}

impl Authority {
    /// Begins with what the manifest alone says: the owner, the cloud, the structure.
    pub fn new(event: EventId, manifest: &Manifest) -> Self {
        let mut members = BTreeMap::new();
        let mut add = |key: &PublicKey, label: &str, roles| {
            let admit = GrantId::control(event);
            members.entry(*key).or_insert(Member {
                label: label.into(),
                roles,
                admit,
            });
        };
        add(&manifest.owner, "owner", Roles::OWNER);
        for key in &manifest.cloud {
            add(key, "cloud", Roles::CLOUD);
        }
        Self {
            event,
            owner: manifest.owner,
            structure: structure_hash(&encode_structure(&manifest.structure)),
            members,
            admits: BTreeMap::new(),
            grants: BTreeMap::new(),
            roster: Roster::new(manifest.structure.clone()),
            invalid: Vec::new(),
        }
    }

    /// Judges one more statement whose signature holds, and says whether it came into force; one
    /// that did not changed nothing, and may when what it rests on has.
    pub fn judge(&mut self, signed: &SignedStatement) -> bool {
        signed.signer == self.owner
            && match decode_statement(&signed.body) {
                Ok(statement) => self.apply(signed.id(self.event), &statement),
                Err(_) => false,
            }
    }

    /// Notes statements that are not valid; they are kept as evidence.
    pub fn reject(&mut self, signed: &[SignedStatement]) {
        self.invalid = signed.iter().map(|it| it.id(self.event)).collect();
    }

    /// Returns the owner's key.
    pub fn owner(&self) -> PublicKey {
        self.owner
    }

    /// Returns the members by key.
    pub fn members(&self) -> &BTreeMap<PublicKey, Member> {
        &self.members
    }

    /// Returns all grants by id.
    pub fn grants(&self) -> &BTreeMap<GrantId, Grant> {
        &self.grants
    }

    /// Returns the roster as the statements leave it.
    pub fn roster(&self) -> &Roster {
        &self.roster
    }

    /// Returns the ids of statements that are not valid.
    pub fn invalid(&self) -> &[Hash] {
        &self.invalid
    }

    /// Returns the key that may write logs under `grant`: the owner for the control log, else who
    /// was admitted or granted.
    pub fn writer(&self, grant: GrantId) -> Option<PublicKey> {
        if grant == GrantId::control(self.event) {
            return Some(self.owner);
        }
        let granted = self.grants.get(&grant).map(|grant| grant.key);
        granted.or_else(|| self.admits.get(&grant).copied())
    }

    /// Returns the open grant that is live for a cell: of those that cover it the deepest, then
    /// the one with the lowest id. A drill of `None` asks for any.
    ///
    /// Source: PROTOCOL R-CONTROL-6.
    pub fn live_for<'a>(
        &'a self,
        drill: Option<DrillNo>,
        squads: &'a [SquadNo],
    ) -> Option<(GrantId, &'a Grant)> {
        self.covering(drill, squads)
            .min_by_key(|(id, grant)| (u32::MAX.saturating_sub(grant.depth), *id))
    }

    /// Returns whether a grant is the live one of a cell, for any one of the squads: a shooter who
    /// changed squads belongs to the writers of both.
    pub fn is_live_for(&self, grant: GrantId, drill: DrillNo, squads: &[SquadNo]) -> bool {
        squads.iter().any(|squad| {
            let live = self.live_for(Some(drill), core::slice::from_ref(squad));
            live.is_some_and(|(id, _)| id == grant)
        })
    }

    /// Returns the open grants that cover a cell with any of the squads.
    pub fn covering<'a>(
        &'a self,
        drill: Option<DrillNo>,
        squads: &'a [SquadNo],
    ) -> impl Iterator<Item = (GrantId, &'a Grant)> + 'a {
        self.grants
            .iter()
            .filter(move |(_, grant)| {
                grant.end.is_none() && squads.iter().any(|&squad| grant.cells.covers(drill, squad))
            })
            .map(|(id, grant)| (*id, grant))
    }

    /// Returns the open grants that share a cell with `cells`.
    pub fn overlapping<'a>(
        &'a self,
        cells: &'a CellSet,
    ) -> impl Iterator<Item = (GrantId, &'a Grant)> + 'a {
        self.grants
            .iter()
            .filter(move |(_, grant)| grant.end.is_none() && grant.cells.overlaps(cells))
            .map(|(id, grant)| (*id, grant))
    }

    fn apply(&mut self, id: Hash, statement: &Statement) -> bool {
        match statement {
            Statement::Admit(admit) => {
                self.admits.insert(GrantId(id), admit.key);
                let admitted_by_manifest = GrantId::control(self.event);
                let member = self.members.entry(admit.key).or_insert_with(|| Member {
                    label: admit.label.clone(),
                    roles: admit.roles,
                    admit: GrantId(id),
                });
                if member.admit == admitted_by_manifest {
                    member.admit = GrantId(id);
                    member.label.clone_from(&admit.label);
                }
                member.roles = member.roles.with(admit.roles);
                true
            }
            Statement::Assign(assign) => self.assign(id, assign),
            Statement::Roster(change) => {
                self.roster.apply(change);
                true
            }
            Statement::Lock(lock) => {
                let fits = lock.structure == self.structure;
                if fits {
                    self.roster.lock();
                }
                fits
            }
        }
    }

    fn assign(&mut self, id: Hash, assign: &Assign) -> bool {
        let mut deepest = 0;
        for close in &assign.closes {
            match self.grants.get(&close.grant) {
                Some(grant) => deepest = deepest.max(grant.depth),
                None => return false,
            }
        }
        let may_score = |key: &PublicKey| {
            self.members
                .get(key)
                .is_some_and(|member| member.roles.contains(Roles::SCORER))
        };
        if !assign.opens.iter().all(|open| may_score(&open.key)) {
            return false;
        }
        for close in &assign.closes {
            let cuts = close
                .cuts
                .iter()
                .map(|cut| (cut.incarnation, (cut.height, cut.hash)));
            if let Some(grant) = self.grants.get_mut(&close.grant) {
                end(grant, close.reason, cuts.collect());
            }
        }
        for (place, open) in (0..).zip(&assign.opens) {
            let grant = Grant {
                key: open.key,
                cells: open.cells.clone(),
                depth: deepest.saturating_add(1),
                end: None,
            };
            self.grants.insert(grant_id(id, place), grant);
        }
        true
    }
}

/// Ends a grant; if it has ended before, the gravest reason and the lowest cuts hold, so that the
/// order of the two statements does not matter.
///
/// Source: PROTOCOL R-CONTROL-5.
fn end(grant: &mut Grant, reason: CloseReason, cuts: BTreeMap<Incarnation, (u64, Hash)>) {
    let Some(held) = &mut grant.end else {
        grant.end = Some(End { reason, cuts });
        return;
    };
    held.reason = held.reason.max(reason);
    held.cuts
        .retain(|incarnation, cut| match cuts.get(incarnation) {
            Some(other) => {
                *cut = (*cut).min(*other);
                true
            }
            None => false,
        });
}
