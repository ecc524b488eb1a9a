//! Who owns the event: the owner of the manifest, and everybody to whom it passed.
//!
//! Found before any other statement is judged, since only the statements of owners, up to where
//! each of them stopped being the owner, say who may do what.

use alloc::{collections::BTreeMap, vec::Vec};

use tallyline_keys::{DeviceKey, PublicKey, Purpose, Signature};

use super::Said;
use crate::model::{EventId, GrantId, Hash, Incarnation, LogCut, Manifest, Statement, Transfer};

/// Most owners of one event: one a day of a long season.
pub const OWNERS_MAX: u32 = 64;

/// Heights and chain hashes up to which logs are undisputed, by grant and incarnation.
pub type Cuts = BTreeMap<(GrantId, Incarnation), (u64, Hash)>;

/// One owner of the event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The owner's key.
    pub key: PublicKey,
    /// The grant of this owner's control logs: the event, or the statement that made it the owner.
    pub control: GrantId,
    /// Up to where it had written what it wrote before it was the owner.
    pub since: Cuts,
    /// Up to where its logs are undisputed; `None`: it is the owner now.
    pub until: Option<Cuts>,
}

/// Signs that a key is ready to become the owner with number `epoch` after `owner`.
///
/// Source: PROTOCOL R-CONTROL-12.
pub fn sign_consent(key: &DeviceKey, event: EventId, owner: &PublicKey, epoch: u32) -> Signature {
    let body = consent_body(owner, &key.public(), epoch);
    key.sign(Purpose::Consent, &event.0.0, &body)
}

/// Returns whether a consent holds.
///
/// Source: PROTOCOL R-CONTROL-12.
pub fn verify_consent(
    event: EventId,
    owner: &PublicKey,
    to: &PublicKey,
    epoch: u32,
    signature: &Signature,
) -> bool {
    let body = consent_body(owner, to, epoch);
    to.verify(Purpose::Consent, &event.0.0, &body, signature)
        .is_ok()
}

/// Lays out what a consent signs: old owner 32, new owner 32, number of the new owner 4.
fn consent_body(owner: &PublicKey, to: &PublicKey, epoch: u32) -> Vec<u8> {
    [
        owner.as_bytes().as_slice(),
        to.as_bytes(),
        &epoch.to_le_bytes(),
    ]
    .concat()
}

/// Returns all owners in their order, and the last one by itself: the owner now.
///
/// Source: PROTOCOL R-CONTROL-12, R-CONTROL-13.
pub(super) fn owners(event: EventId, manifest: &Manifest, said: &[&Said]) -> (Vec<Owner>, Owner) {
    let mut owners = Vec::new();
    let mut now = Owner {
        key: manifest.owner,
        control: GrantId::control(event),
        since: Cuts::new(),
        until: None,
    };
    for epoch in 1..=OWNERS_MAX {
        let Some((next, passing)) = successor(event, manifest, said, &now, epoch) else {
            break;
        };
        let named = cuts(&passing.cuts);
        now.until = Some(named.clone());
        owners.push(now);
        now = Owner {
            key: passing.to,
            control: GrantId(next),
            since: named,
            until: None,
        };
    }
    owners.push(now.clone());
    (owners, now)
}

/// Returns the statement by which the event passed on from `owner`, if it did: a recovery before a
/// transfer, of several the one with the lowest id.
fn successor<'a>(
    event: EventId,
    manifest: &Manifest,
    said: &[&'a Said],
    owner: &Owner,
    epoch: u32,
) -> Option<(Hash, &'a Transfer)> {
    let candidates = said.iter().copied().filter_map(|it| {
        let (recovers, passing) = match &it.statement {
            Some(Statement::Transfer(passing)) => (false, passing),
            Some(Statement::Recover(passing)) => (true, passing),
            Some(_) | None => return None,
        };
        let names_us = passing.epoch == epoch && passing.owner == owner.key;
        let may = if recovers {
            // Elsewhere it might stand in a log that not everybody takes.
            let founds = it.log.grant == GrantId(it.id) && it.seq == 1;
            founds && manifest.recovery.contains(&it.signer)
        } else {
            it.signer == owner.key && it.log.grant == owner.control
        };
        let holds = names_us && may && passes(event, passing);
        holds.then_some((!recovers, it.id, passing))
    });
    candidates
        .min_by_key(|&(transfers, id, _)| (transfers, id))
        .map(|(_, id, passing)| (id, passing))
}

/// Returns whether the new owner agreed, and is another one.
pub(crate) fn passes(event: EventId, it: &Transfer) -> bool {
    it.to != it.owner && verify_consent(event, &it.owner, &it.to, it.epoch, &it.consent)
}

/// Lays cuts out by log; of two for one log the lower holds.
pub(super) fn cuts(cuts: &[LogCut]) -> Cuts {
    let mut by_log = Cuts::new();
    for it in cuts {
        let at = (it.cut.height, it.cut.hash);
        let held = by_log.entry((it.grant, it.cut.incarnation)).or_insert(at);
        *held = at.min(*held);
    }
    by_log
}
