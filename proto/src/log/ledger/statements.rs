//! The statements in the logs: gathered as logs grow, judged anew when one of them has more.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};

use tallyline_keys::PublicKey;

use super::Ledger;
use crate::{
    log::authority::{Authority, Said, passes},
    model::{Body, EventId, GrantId, Hash, LogName, Manifest, Roles, Statement},
    wire::{SignedStatement, decode_entry, decode_signed, decode_statement, grant_id},
};

impl Ledger {
    /// Returns whether a log holds statements: it is sent before others, and what it says is judged.
    pub fn speaks(&self, name: &LogName) -> bool {
        let from = (*name, 0);
        let to = (*name, u64::MAX);
        self.said.range(from..=to).next().is_some()
    }

    /// Returns a statement that is held in some log, by its name.
    pub fn statement(&self, id: Hash) -> Option<(&Said, &[u8])> {
        let place = self.statements.get(&id)?;
        let said = self.said.get(place)?;
        let record = self.logs.get(&said.log)?.record(said.seq)?;
        if let Body::Statement(bytes) = &record.entry.body {
            Some((said, bytes))
        } else {
            None
        }
    }

    /// Returns all statements held, in the order of logs and sequences.
    pub fn said(&self) -> impl Iterator<Item = &Said> {
        self.said.values()
    }

    /// Returns the key that writes a log: the one that its grant is known to belong to, or that its
    /// first entry proves.
    ///
    /// A grant that a thief made with the owner's key is void once the event is recovered, and some
    /// nodes took entries under it before they knew. All must hold the same in the end, so such
    /// entries are taken later, too; they count nowhere.
    pub(super) fn writer_of(&self, name: &LogName) -> Option<PublicKey> {
        let held = || self.logs.get(name).map(crate::log::Log::writer);
        let spoken_for = || self.spoken_for.get(&name.grant).copied();
        self.authority
            .writer(name.grant)
            .or_else(spoken_for)
            .or_else(held)
    }

    /// Returns the key that writes a log of a store, which may rest on statements that do not hold
    /// any more.
    pub(super) fn writer_once(&self, name: &LogName, first: Option<&Vec<u8>>) -> Option<PublicKey> {
        let named = || self.named.get(&name.grant).copied();
        let proven = || founder(self.event, &self.manifest, name, first?);
        self.writer_of(name).or_else(named).or_else(proven)
    }

    /// Takes note of a statement at a place of a log.
    ///
    /// The head's signature covers these bytes; where the log's writer signed the statement, too,
    /// the statement's own signature, made to be shown alone, needs no second check.
    pub(super) fn note_statement(
        &mut self,
        name: LogName,
        seq: u64,
        writer: PublicKey,
        bytes: &[u8],
    ) {
        let Ok(signed) = decode_signed(bytes) else {
            return;
        };
        if signed.signer != writer && !signed.holds(self.event) {
            return;
        }
        let id = signed.id(self.event);
        let statement = decode_statement(&signed.body).ok();
        if let Some(statement) = &statement {
            self.named.extend(names(id, statement));
        }
        self.statements.entry(id).or_insert((name, seq));
        let said = Said {
            log: name,
            seq,
            writer,
            signer: signed.signer,
            id,
            statement,
        };
        self.said.insert((name, seq), said);
    }

    /// Takes note of whose key an entry names, if it holds a statement.
    pub(super) fn note_names(&mut self, log: &LogName, entry: &[u8]) {
        if let Ok(entry) = decode_entry(entry, log)
            && let Body::Statement(bytes) = entry.body
            && let Ok(signed) = decode_signed(&bytes)
            && let Ok(statement) = decode_statement(&signed.body)
        {
            self.named.extend(names(signed.id(self.event), &statement));
        }
    }

    /// Judges all statements anew: one may come into force late, when what it rests on arrives.
    ///
    /// Source: PROTOCOL R-CONTROL-3.
    pub(super) fn judge_all(&mut self) {
        self.everything_changed();
        // What stands behind a fork differs from node to node and says nothing.
        let before_a_fork = |it: &&Said| {
            let fork = self.forks.get(&it.log);
            fork.is_none_or(|fork| it.seq < fork.from)
        };
        let mut said: Vec<&Said> = self.said.values().filter(before_a_fork).collect();
        said.sort_by_key(|it| (self.successions.get(&it.log).copied(), it.log, it.seq));
        let chain_at = |name: &LogName, height: u64| self.common_chain_at(name, height);
        self.authority = Authority::judge(self.event, &self.manifest, &said, &chain_at);
        self.spoken_for = self.named_by_speakers(|_, _| true);
        self.common = self.named_by_speakers(|named, said| {
            let is_common = named.contains_key(&said.log.grant) || self.founds(said);
            is_common && said.seq <= self.settled(&said.log)
        });
        self.digest.take();
    }

    /// Returns whether a statement is the recovery that proves who writes its log.
    fn founds(&self, said: &Said) -> bool {
        let Some(Statement::Recover(passing)) = &said.statement else {
            return false;
        };
        said.seq == 1
            && said.log.grant == GrantId(said.id)
            && self.manifest.recovery.contains(&said.signer)
            && passes(self.event, passing)
    }

    /// Returns whether every node that hears what this one does takes this log, too: its grant is
    /// named where all nodes read the same. Behind a fork of a log of statements others may be
    /// named, and only whoever holds that branch takes their logs.
    ///
    /// Source: PROTOCOL R-LOG-4.
    pub fn is_common(&self, name: &LogName) -> bool {
        self.common.contains_key(&name.grant) || self.authority.writer(name.grant).is_some()
    }

    /// Returns the log of statements in which the grant of a log that is not common is named, if it
    /// is here: behind a fork, where others may read something else.
    pub fn named_behind_a_fork(&self, name: &LogName) -> Option<LogName> {
        let said = self.said.values().find(|said| {
            let statement = said.statement.iter();
            let mut named = statement.flat_map(|it| names(said.id, it));
            named.any(|(grant, _)| grant == name.grant)
        });
        said.map(|said| said.log).filter(|_| !self.is_common(name))
    }

    /// Returns whose key each statement names for logs under it that was made by somebody who speaks
    /// for the event, or once did: owners, and whom they ever made a deputy or a desk. Whether the
    /// statement is in force plays no part, so that what was taken stays what everybody takes; nobody
    /// else can name a key. Statements are read that `is_read` allows, given what is named so far.
    fn named_by_speakers(
        &self,
        is_read: impl Fn(&BTreeMap<GrantId, PublicKey>, &Said) -> bool,
    ) -> BTreeMap<GrantId, PublicKey> {
        let mut named = BTreeMap::from([(GrantId::control(self.event), self.manifest.owner)]);
        let mut speakers = BTreeSet::from([self.manifest.owner]);
        speakers.extend(&self.manifest.recovery);
        let mut count = 0;
        while count < speakers.len().saturating_add(named.len()) {
            count = speakers.len().saturating_add(named.len());
            for said in self.said.values() {
                if let Some(statement) = &said.statement
                    && speakers.contains(&said.signer)
                    && is_read(&named, said)
                {
                    named.extend(names(said.id, statement));
                    speakers.extend(speaker(statement));
                }
            }
        }
        named
    }
}

/// Returns whose key a statement names for logs under it.
fn names(id: Hash, statement: &Statement) -> Vec<(GrantId, PublicKey)> {
    match statement {
        Statement::Admit(admit) => Vec::from([(GrantId(id), admit.key)]),
        Statement::Assign(assign) => {
            let opens = (0..).zip(&assign.opens);
            opens
                .map(|(place, open)| (grant_id(id, place), open.key))
                .collect()
        }
        Statement::Transfer(passing) | Statement::Recover(passing) => {
            Vec::from([(GrantId(id), passing.to)])
        }
        Statement::Roster(_)
        | Statement::Lock(_)
        | Statement::Revoke(_)
        | Statement::Consent(_)
        | Statement::Adopt(_)
        | Statement::Amend(_)
        | Statement::LastCall
        | Statement::EventClose(_)
        | Statement::Phase(_)
        | Statement::Erase(_) => Vec::new(),
    }
}

/// Returns the key that a statement lets speak for the event.
fn speaker(statement: &Statement) -> Option<PublicKey> {
    match statement {
        Statement::Admit(admit) => {
            let speaks = [Roles::DEPUTY, Roles::DESK].map(|role| admit.roles.contains(role));
            speaks.contains(&true).then_some(admit.key)
        }
        Statement::Transfer(passing) | Statement::Recover(passing) => Some(passing.to),
        Statement::Assign(_)
        | Statement::Roster(_)
        | Statement::Lock(_)
        | Statement::Revoke(_)
        | Statement::Consent(_)
        | Statement::Adopt(_)
        | Statement::Amend(_)
        | Statement::LastCall
        | Statement::EventClose(_)
        | Statement::Phase(_)
        | Statement::Erase(_) => None,
    }
}

/// Returns the key that writes a log which founds itself: its first entry is the recovery after
/// which the log's grant is named.
///
/// Source: PROTOCOL R-LOG-1, R-CONTROL-13.
pub(super) fn founder(
    event: EventId,
    manifest: &Manifest,
    name: &LogName,
    first: &[u8],
) -> Option<PublicKey> {
    let entry = decode_entry(first, name).ok()?;
    let Body::Statement(bytes) = &entry.body else {
        return None;
    };
    let signed = decode_signed(bytes).ok()?;
    (signed.id(event) == name.grant.0)
        .then(|| recovers(event, manifest, &signed))
        .flatten()
}

/// Returns the key to which a statement gives the event, if a recovery card signed it.
pub(crate) fn recovers(
    event: EventId,
    manifest: &Manifest,
    signed: &SignedStatement,
) -> Option<PublicKey> {
    let Ok(Statement::Recover(passing)) = decode_statement(&signed.body) else {
        return None;
    };
    let holds = manifest.recovery.contains(&signed.signer)
        && signed.holds(event)
        && passes(event, &passing);
    holds.then_some(passing.to)
}
