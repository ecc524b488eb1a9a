//! How a device proves that it is a member to one that does not know it yet.
//!
//! A statement carries its own signature, so a chain of them stands by itself: the owner made
//! somebody a deputy, the deputy admitted this device. Whoever holds the manifest can follow it.
//!
//! Source: PROTOCOL R-SYNC-10.

use alloc::{collections::BTreeMap, vec::Vec};

use tallyline_keys::{PublicKey, Warrant};

use super::{
    PeerId, Reason, Replica,
    core::State,
    member::Member,
    peer::{INTRODUCE_MS, Peer, REFUSED_STRANGER},
};
use crate::{
    log::{DEPUTY_ADMITS, Ledger, passes, recovers},
    model::{GrantId, Roles, Statement},
    wire::{Frame, SignedStatement, decode_signed, decode_statement},
};

/// Most statements of a proof: the event passed on twice since the peer last heard, to somebody who
/// made a deputy, who admitted the device.
const PROOF_MAX: usize = 4;

impl Replica {
    /// A peer shows a statement of its proof; with the one about itself it is a member, though the
    /// statements have not arrived in their logs yet.
    pub(super) fn on_present(&mut self, peer: PeerId, bytes: &[u8]) {
        let State::Member(member) = &self.state else {
            return;
        };
        let Some(it) = self.peers.get_mut(&peer) else {
            return;
        };
        if it.is_member {
            // Whoever shows its Admit does not know this device, unless it has said Hello, which
            // only members hear; two that do not know each other have both shown theirs already.
            if it.talk.store().is_none() {
                present(member, &self.identity.key.public(), it, self.now.mono_ms);
            }
            return;
        }
        let signed = decode_signed(bytes).ok();
        let proven = signed.and_then(|signed| vouches(&member.ledger, &signed, &it.vouched));
        match proven {
            Some((key, _)) if key == it.key => {
                it.is_member = true;
                self.hear_early_hellos();
            }
            Some((key, roles)) if it.vouched.len() < PROOF_MAX => {
                it.vouched.insert(key, roles);
            }
            Some(_) | None => {
                let text = "a proof of membership that does not hold";
                self.refuse(peer, Reason::BadSignature, text.into());
            }
        }
    }
}

impl Replica {
    /// A peer shows that it is a node of a cloud; of the event's cloud it is heard as the cloud itself
    /// would be.
    ///
    /// Source: PROTOCOL R-CLOUD-3.
    pub(super) fn on_warrant(&mut self, peer: PeerId, warrant: &Warrant) {
        let State::Member(member) = &self.state else {
            return;
        };
        let Some(it) = self.peers.get_mut(&peer) else {
            return;
        };
        if !member.is_cloud(&warrant.cloud) {
            return;
        }
        if warrant.verify(&it.key).is_err() {
            let text = "a warrant that the cloud did not sign for this key";
            self.refuse(peer, Reason::BadProof, text.into());
            return;
        }
        it.cloud = Some(warrant.cloud);
        it.is_member = true;
        self.hear_early_hellos();
    }
}

/// Shows a peer why this device is a member: its Admit, and before it what makes its signer one who
/// may admit. Without any (the owner and the cloud are known by the manifest, and a fresh store after
/// damage holds no statements yet) it asks for the peer's.
///
/// At most once a second: two devices that cannot convince each other do not talk without end.
pub(super) fn present(member: &Member, own: &PublicKey, it: &mut Peer, now_ms: u64) {
    if now_ms < it.introduce_at_ms {
        return;
    }
    it.introduce_at_ms = now_ms.saturating_add(INTRODUCE_MS);
    let proof = proof_of(&member.ledger, own);
    if proof.is_empty() {
        it.outbox.push(Frame::Refused(REFUSED_STRANGER));
    }
    it.outbox.extend(proof.into_iter().map(Frame::Present));
}

/// Returns the exact bytes of the statements that make a key a member, the one that rests on
/// nothing but the manifest first.
///
/// Source: PROTOCOL R-SYNC-10.
fn proof_of(ledger: &Ledger, key: &PublicKey) -> Vec<Vec<u8>> {
    let mut proof = Vec::new();
    let mut wanted = (*key, Roles::default());
    for _ in 0..PROOF_MAX {
        let Some((signer, bytes)) = made_by(ledger, &wanted.0, wanted.1) else {
            break;
        };
        proof.push(bytes);
        if signer == ledger.manifest().owner || ledger.manifest().recovery.contains(&signer) {
            break;
        }
        // Whoever is no owner admitted it as a deputy, and has to be shown as one.
        wanted = (signer, Roles::DEPUTY);
    }
    proof.reverse();
    proof
}

/// Returns the statement that made a key an owner, or a member with these roles, and who signed it.
fn made_by(ledger: &Ledger, key: &PublicKey, roles: Roles) -> Option<(PublicKey, Vec<u8>)> {
    let authority = ledger.authority();
    let owner = authority.owners().iter().rev().find(|it| it.key == *key);
    let admits = || {
        ledger.said().find(|said| {
            let names = matches!(&said.statement, Some(Statement::Admit(admit))
                if admit.key == *key && admit.roles.contains(roles));
            names && authority.admitted(GrantId(said.id)).is_some()
        })
    };
    let made = match owner {
        Some(owner) => owner.control.0,
        None => admits()?.id,
    };
    let (said, bytes) = ledger.statement(made)?;
    Some((said.signer, bytes.to_vec()))
}

/// Returns whom a statement makes a member of the event, and with what right to admit others, if
/// `vouched` or this device's own knowledge lets its signer say so.
fn vouches(
    ledger: &Ledger,
    signed: &SignedStatement,
    vouched: &BTreeMap<PublicKey, Roles>,
) -> Option<(PublicKey, Roles)> {
    if let Some(owner) = recovers(ledger.event(), ledger.manifest(), signed) {
        return Some((owner, Roles::OWNER));
    }
    let authority = ledger.authority();
    let roles_of = |key: &PublicKey| {
        let known = authority.members().get(key).map(|member| member.roles);
        vouched.get(key).copied().or(known).unwrap_or_default()
    };
    let signer = roles_of(&signed.signer);
    let owner = signer.contains(Roles::OWNER);
    match decode_statement(&signed.body).ok()? {
        Statement::Admit(admit) => {
            let deputy = signer.contains(Roles::DEPUTY) && DEPUTY_ADMITS.contains(admit.roles);
            let may = (owner || deputy) && authority.revoked(&admit.key).is_none();
            (may && signed.holds(ledger.event())).then_some((admit.key, admit.roles))
        }
        Statement::Transfer(passing) => {
            let may = owner && passing.owner == signed.signer && passes(ledger.event(), &passing);
            (may && signed.holds(ledger.event())).then_some((passing.to, Roles::OWNER))
        }
        Statement::Assign(_)
        | Statement::Roster(_)
        | Statement::Lock(_)
        | Statement::Revoke(_)
        | Statement::Consent(_)
        | Statement::Recover(_)
        | Statement::Adopt(_)
        | Statement::Amend(_)
        | Statement::LastCall
        | Statement::EventClose(_)
        | Statement::Phase(_)
        | Statement::Erase(_) => None,
    }
}
