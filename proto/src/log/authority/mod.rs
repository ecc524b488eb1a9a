//! Who may write what: all statements of an event, judged as a set.
//!
//! Judged in an order that every node computes alike; never by arrival, never by a clock. First it
//! is settled who owns the event ([`owners`]), then every statement is judged ([`judge`]).

mod judge;
mod owners;

use alloc::{
    collections::{BTreeMap, BTreeSet},
    string::String,
    vec::Vec,
};

use tallyline_keys::PublicKey;

pub use judge::DEPUTY_ADMITS;
pub(crate) use owners::passes;
pub use owners::{Cuts, OWNERS_MAX, Owner, sign_consent, verify_consent};

use crate::{
    model::{
        Adopt, CellSet, CloseReason, DrillNo, EventId, GrantId, Hash, Incarnation, LogName,
        Manifest, Person, RevokeReason, Roles, SquadNo, Statement,
    },
    rules::Roster,
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
    /// 1 plus the deepest grant that the same Assign closed or lends from.
    pub depth: u32,
    /// The desk's grant out of which the cells are lent.
    pub under: Option<GrantId>,
    /// Until when a desk lends them, in ms of Unix time by the desk's clock; only shown.
    pub until_ms: Option<u64>,
    /// Who opened it.
    pub by: PublicKey,
    /// The statement that opened it.
    pub statement: Hash,
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
    /// The statement that gave the reason.
    pub statement: Hash,
}

/// How a key ceased to be a member, for good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revocation {
    /// Why; the gravest reason if it was revoked more than once.
    pub reason: RevokeReason,
    /// Up to where its logs are undisputed, the lowest if several; 0 for logs that are not named.
    pub cuts: Cuts,
    /// The statement that gave the reason.
    pub statement: Hash,
}

/// How the event was closed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Closing {
    /// Heights and chain hashes that are in time, by short id of the log; the highest if several.
    pub ends: BTreeMap<[u8; 16], (u64, Hash)>,
    /// Devices whose last entries the owner gave up waiting for.
    pub lost: Vec<PublicKey>,
    /// The first statement that closed it.
    pub statement: Hash,
}

/// An adoption with the statement that says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Adoption {
    /// What is decided.
    pub adopt: Adopt,
    /// The statement.
    pub statement: Hash,
}

/// A statement with the place where it stands.
#[derive(Clone, Debug)]
pub struct Said {
    /// The log.
    pub log: LogName,
    /// Sequence there, from 1.
    pub seq: u64,
    /// Who writes the log.
    pub writer: PublicKey,
    /// Who signed the statement.
    pub signer: PublicKey,
    /// The statement's name.
    pub id: Hash,
    /// What it says; `None` for a kind of a later version.
    pub statement: Option<Statement>,
}

/// What a judge asks about logs: the chain hash of one at a height, if it is held so far.
pub type ChainAt<'a> = &'a dyn Fn(&LogName, u64) -> Option<Hash>;

/// All statements of an event, judged.
#[derive(Clone, Debug)]
pub struct Authority {
    event: EventId,
    /// In their order; the last one is the owner now.
    owners: Vec<Owner>,
    now: Owner,
    structure: Hash,
    members: BTreeMap<PublicKey, Member>,
    former: BTreeMap<PublicKey, Member>,
    admits: BTreeMap<GrantId, PublicKey>,
    revoked: BTreeMap<PublicKey, Revocation>,
    grants: BTreeMap<GrantId, Grant>,
    adoptions: BTreeMap<LogName, Vec<Adoption>>,
    roster: Roster,
    last_call: Option<Hash>,
    closing: Option<Closing>,
    erased: BTreeSet<Person>,
    invalid: Vec<Hash>,
}

impl Authority {
    /// Begins with what the manifest alone says: the owner, the cloud, the structure.
    pub fn new(event: EventId, manifest: &Manifest) -> Self {
        Self::judge(event, manifest, &[], &|_, _| None)
    }

    /// Returns the key of the owner now.
    pub fn owner(&self) -> PublicKey {
        self.now.key
    }

    /// Returns the grant of the control logs that the owner writes now.
    pub fn control(&self) -> GrantId {
        self.now.control
    }

    /// Returns all owners in their order; the last one is the owner now.
    pub fn owners(&self) -> &[Owner] {
        &self.owners
    }

    /// Returns whether a grant names control logs, of the owner now or of one before.
    pub fn is_control(&self, grant: GrantId) -> bool {
        self.owners.iter().any(|owner| owner.control == grant)
    }

    /// Returns the members by key.
    pub fn members(&self) -> &BTreeMap<PublicKey, Member> {
        &self.members
    }

    /// Returns those who were members, by key.
    pub fn former(&self) -> &BTreeMap<PublicKey, Member> {
        &self.former
    }

    /// Returns a device that is or was a member.
    pub fn known(&self, key: &PublicKey) -> Option<&Member> {
        self.members.get(key).or_else(|| self.former.get(key))
    }

    /// Returns how a key was revoked, if it was.
    pub fn revoked(&self, key: &PublicKey) -> Option<&Revocation> {
        self.revoked.get(key)
    }

    /// Returns all grants by id.
    pub fn grants(&self) -> &BTreeMap<GrantId, Grant> {
        &self.grants
    }

    /// Returns the owner's decisions about a log, in the order in which they were made.
    pub fn adoptions(&self, log: &LogName) -> &[Adoption] {
        self.adoptions.get(log).map_or(&[], Vec::as_slice)
    }

    /// Returns the roster as the statements leave it.
    pub fn roster(&self) -> &Roster {
        &self.roster
    }

    /// Returns the statement by which the owner said that scoring is over.
    pub fn last_call(&self) -> Option<Hash> {
        self.last_call
    }

    /// Returns how the event was closed, if it was.
    pub fn closing(&self) -> Option<&Closing> {
        self.closing.as_ref()
    }

    /// Returns the people whose sealed texts are never to be read again.
    ///
    /// Source: PROTOCOL R-SEAL-5.
    pub fn erased(&self) -> &BTreeSet<Person> {
        &self.erased
    }

    /// Returns the ids of statements that are not valid; they are kept as evidence.
    pub fn invalid(&self) -> &[Hash] {
        &self.invalid
    }

    /// Returns the key that may write logs under `grant`: an owner for its control log, else who
    /// was admitted or granted.
    pub fn writer(&self, grant: GrantId) -> Option<PublicKey> {
        let owner = self.owners.iter().find(|owner| owner.control == grant);
        owner
            .map(|owner| owner.key)
            .or_else(|| self.grants.get(&grant).map(|grant| grant.key))
            .or_else(|| self.admits.get(&grant).copied())
    }

    /// Returns the key that an Admit in force names.
    pub fn admitted(&self, admit: GrantId) -> Option<PublicKey> {
        self.admits.get(&admit).copied()
    }

    /// Returns the open grant that is live for a cell: of those that cover it the deepest, then
    /// one that an owner opened, then the one with the lowest id. A drill of `None` asks for any.
    ///
    /// Source: PROTOCOL R-CONTROL-6.
    pub fn live_for<'a>(
        &'a self,
        drill: Option<DrillNo>,
        squads: &'a [SquadNo],
    ) -> Option<(GrantId, &'a Grant)> {
        self.covering(drill, squads).min_by_key(|(id, grant)| {
            let depth = u32::MAX.saturating_sub(grant.depth);
            (depth, !self.by_an_owner(grant), *id)
        })
    }

    fn by_an_owner(&self, grant: &Grant) -> bool {
        self.owners.iter().any(|owner| owner.key == grant.by)
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
        self.open()
            .filter(move |(_, grant)| squads.iter().any(|&squad| grant.cells.covers(drill, squad)))
    }

    /// Returns the open grants that share a cell with `cells`.
    pub fn overlapping<'a>(
        &'a self,
        cells: &'a CellSet,
    ) -> impl Iterator<Item = (GrantId, &'a Grant)> + 'a {
        self.open()
            .filter(move |(_, grant)| grant.cells.overlaps(cells))
    }

    /// Returns the open grants; what a desk lends is open only as long as its own grant is.
    pub fn open(&self) -> impl Iterator<Item = (GrantId, &Grant)> + '_ {
        let lent = |grant: &Grant| {
            grant.under.is_none_or(|desk| {
                let desk = self.grants.get(&desk);
                desk.is_some_and(|desk| desk.end.is_none())
            })
        };
        self.grants
            .iter()
            .filter(move |(_, grant)| grant.end.is_none() && lent(grant))
            .map(|(id, grant)| (*id, grant))
    }
}
