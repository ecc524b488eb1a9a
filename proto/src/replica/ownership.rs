//! What people say about keys: revocation, transfer of ownership, recovery.

use alloc::{format, string::String, vec::Vec};

use tallyline_keys::{DeviceKey, PublicKey, Signature};

use super::{Replica, Reply, command::sayable, core::State, member::Member};
use crate::{
    log::{Ledger, Log, OWNERS_MAX, sign_consent, sign_head},
    model::{
        Admit, Body, Consent, Cut, EntryId, EventId, GrantId, LogCut, Revoke, RevokeReason, Roles,
        Statement, Transfer,
    },
    rules::{Code, Mistake},
    wire::{encode_signed, sign_statement, statement_id},
};

/// Most logs of the owner to be that a statement of its ownership names: starts of its process in
/// which it said something under its Admit. They leave room for those of the old owner.
const CUTS_BEFORE_MAX: usize = 32;

impl Replica {
    /// Takes the membership of a key away, for good, with its logs cut at the heads known here.
    /// With `before`, the log of that entry is cut before it: what a thief wrote.
    ///
    /// Source: PROTOCOL R-CONTROL-11.
    pub(super) fn revoke(
        &mut self,
        key: PublicKey,
        reason: RevokeReason,
        before: Option<EntryId>,
    ) -> Result<Reply, Mistake> {
        let member = self.own_event()?;
        let authority = member.ledger.authority();
        let label = member.label(&key);
        if authority.owner() == key {
            let text = "the owner's own device cannot be revoked. Transfer the event first, or use a \
                        recovery card on another device.";
            return Err(Mistake::new(Code::E02, text.into()));
        }
        if member.ledger.manifest().cloud.contains(&key) {
            let text =
                format!("{label} is the event's cloud; its key is part of the event itself.");
            return Err(Mistake::new(Code::E02, text));
        }
        if authority.known(&key).is_none() {
            let text = format!("{label} was never admitted. See `tallyline devices`.");
            return Err(Mistake::new(Code::E01, text));
        }
        if authority
            .revoked(&key)
            .is_some_and(|held| reason <= held.reason)
        {
            let text = format!("{label} is revoked already.");
            return Err(Mistake::new(Code::E15, text));
        }
        let cuts = cuts_of(&member.ledger, &key, before)?;
        self.state_that(&Statement::Revoke(Revoke { key, reason, cuts }))?;
        Ok(Reply::Revoked)
    }

    /// Says that this device is ready to become the owner.
    ///
    /// Source: PROTOCOL R-CONTROL-12.
    pub(super) fn consent(&mut self) -> Result<Reply, Mistake> {
        let own = self.key();
        let member = self.event_or_mistake()?;
        let authority = member.ledger.authority();
        if authority.owner() == own {
            let text = "this device owns the event already.";
            return Err(Mistake::new(Code::E02, text.into()));
        }
        let (owner, epoch) = (authority.owner(), next_epoch(member)?);
        let signature = sign_consent(&self.identity.key, member.ledger.event(), &owner, epoch);
        self.state_that(&Statement::Consent(Consent {
            owner,
            epoch,
            signature,
        }))?;
        Ok(Reply::Consented)
    }

    /// Gives the event to a member that consented.
    ///
    /// Source: PROTOCOL R-CONTROL-12.
    pub(super) fn transfer(&mut self, to: PublicKey) -> Result<Reply, Mistake> {
        let own = self.key();
        let member = self.own_event()?;
        let label = member.label(&to);
        let Some(consent) = consent_of(member, &to) else {
            let text = format!(
                "{label} has not agreed yet. Run `tallyline transfer --accept` there; when both \
                 devices are connected, do this again."
            );
            return Err(Mistake::new(Code::E14, text));
        };
        let (owner, epoch) = (own, next_epoch(member)?);
        let mut cuts = self.own_cuts()?;
        let member = self.own_event()?;
        let said = longest(under_no_grant(&member.ledger, &to));
        cuts.extend(said.into_iter().filter_map(|log| cut(log, None)));
        self.state_that(&Statement::Transfer(Transfer {
            owner,
            to,
            label,
            epoch,
            cuts,
            consent,
        }))?;
        Ok(Reply::Transferred(to))
    }

    /// Makes this device the owner by a recovery card. With a reason, the old owner's device is
    /// revoked in the same breath; with `before`, what it said from that statement on is void.
    ///
    /// Source: PROTOCOL R-CONTROL-13.
    pub(super) fn recover(
        &mut self,
        seed: &[u8; 32],
        reason: Option<RevokeReason>,
        before: Option<EntryId>,
    ) -> Result<Reply, Mistake> {
        let own = self.key();
        let card = DeviceKey::from_seed(*seed);
        let member = self.event_or_mistake()?;
        let manifest = member.ledger.manifest();
        if !manifest.recovery.contains(&card.public()) {
            let text = format!(
                "this card recovers another event, not \"{}\". Nothing was changed.",
                manifest.name
            );
            return Err(Mistake::new(Code::E02, text));
        }
        let owner = member.ledger.authority().owner();
        if owner == own {
            let text = "this device owns the event already.";
            return Err(Mistake::new(Code::E02, text.into()));
        }
        if member.ledger.authority().revoked(&own).is_some() {
            let text = "this device was revoked. Use the card on another one.";
            return Err(Mistake::new(Code::E02, text.into()));
        }
        let event = member.ledger.event();
        let epoch = next_epoch(member)?;
        let label = self.identity.label.clone();
        let mut cuts = owner_cuts(&member.ledger, &owner, before)?;
        let said = longest(under_no_grant(&member.ledger, &own));
        cuts.extend(self.cut_at_ends(event, &said));
        let statement = Statement::Recover(Transfer {
            owner,
            to: own,
            label: label.clone(),
            epoch,
            cuts,
            consent: sign_consent(&self.identity.key, event, &owner, epoch),
        });
        sayable(&statement)?;
        let signed = sign_statement(&card, event, &statement);
        let grant = GrantId(statement_id(event, &card.public(), &signed.body));
        self.append(grant, Body::Statement(encode_signed(&signed)), None, None);
        if let Some(reason) = reason {
            let member = self.own_event()?;
            let cuts = cuts_of(&member.ledger, &owner, before)?;
            let key = owner;
            self.state_that(&Statement::Revoke(Revoke { key, reason, cuts }))?;
        }
        if self.event_or_mistake()?.admit_of(&own).is_none() {
            let roles = Roles::SCORER.with(Roles::RELAY);
            let key = own;
            self.state_that(&Statement::Admit(Admit { key, roles, label }))?;
        }
        Ok(Reply::Transferred(own))
    }

    /// Cuts this device's own logs under no grant at their very ends, signed for or not yet.
    fn own_cuts(&self) -> Result<Vec<LogCut>, Mistake> {
        let own = self.key();
        let member = self.event_or_mistake()?;
        let logs: Vec<&Log> = under_no_grant(&member.ledger, &own).collect();
        Ok(self.cut_at_ends(member.ledger.event(), &logs))
    }

    /// Cuts logs of this device at their very ends, signed for or not yet.
    fn cut_at_ends(&self, event: EventId, logs: &[&Log]) -> Vec<LogCut> {
        let cuts = logs.iter().map(|log| {
            let (height, chain) = (log.height(), log.chain());
            let signature = sign_head(&self.identity.key, event, log.name(), (height, chain));
            LogCut {
                grant: log.name().grant,
                cut: Cut {
                    incarnation: log.name().incarnation,
                    height,
                    hash: chain.0,
                    signature,
                },
            }
        });
        cuts.collect()
    }

    /// Returns the event of a member that may make statements of its own: the owner, or one with a
    /// role that stands in for it.
    pub(super) fn speaking_for(&mut self, role: Roles) -> Result<&mut Member, Mistake> {
        let own = self.identity.key.public();
        let stands_in = self.member().is_some_and(|member| {
            let members = member.ledger.authority().members();
            members.get(&own).is_some_and(|it| it.roles.contains(role))
        });
        if !stands_in {
            return self.own_event();
        }
        match &mut self.state {
            State::Member(member) => Ok(member),
            State::Blank | State::Joining(_) => Err(super::command::no_event()),
        }
    }
}

fn next_epoch(member: &Member) -> Result<u32, Mistake> {
    let owners = member.ledger.authority().owners().len();
    let epoch = u32::try_from(owners).unwrap_or(u32::MAX);
    if OWNERS_MAX < epoch {
        let text = format!("the event has had {OWNERS_MAX} owners; it can have no further one.");
        return Err(Mistake::new(Code::E21, text));
    }
    Ok(epoch)
}

/// Returns the consent of a member to become the next owner.
fn consent_of(member: &Member, to: &PublicKey) -> Option<Signature> {
    let owner = member.ledger.authority().owner();
    let epoch = next_epoch(member).ok()?;
    member.ledger.said().find_map(|said| match &said.statement {
        Some(Statement::Consent(it)) => {
            let fits = said.signer == *to && it.owner == owner && it.epoch == epoch;
            fits.then_some(it.signature)
        }
        Some(_) | None => None,
    })
}

/// Returns the logs that a key wrote under no grant: control logs, and those under its Admits.
fn under_no_grant<'a>(ledger: &'a Ledger, key: &'a PublicKey) -> impl Iterator<Item = &'a Log> {
    let grants = ledger.authority().grants();
    let logs = ledger.logs().values();
    logs.filter(move |log| log.writer() == *key && !grants.contains_key(&log.name().grant))
}

/// Returns the longest logs of somebody who is to own the event: what is said in them so far was not
/// said as the owner.
///
/// Source: PROTOCOL R-CONTROL-19.
fn longest<'a>(logs: impl Iterator<Item = &'a Log>) -> Vec<&'a Log> {
    let mut logs: Vec<&Log> = logs.collect();
    logs.sort_by_key(|log| core::cmp::Reverse(log.height()));
    logs.truncate(CUTS_BEFORE_MAX);
    logs
}

/// Cuts the logs of an owner under no grant at the heads known here.
fn owner_cuts(
    ledger: &Ledger,
    owner: &PublicKey,
    before: Option<EntryId>,
) -> Result<Vec<LogCut>, Mistake> {
    let stop = stop_of(ledger, owner, before)?;
    Ok(under_no_grant(ledger, owner)
        .filter_map(|log| cut(log, stop))
        .collect())
}

/// Cuts all logs of a key at the heads known here.
fn cuts_of(
    ledger: &Ledger,
    key: &PublicKey,
    before: Option<EntryId>,
) -> Result<Vec<LogCut>, Mistake> {
    let stop = stop_of(ledger, key, before)?;
    let of_key = ledger.logs().values().filter(|log| log.writer() == *key);
    Ok(of_key.filter_map(|log| cut(log, stop)).collect())
}

/// Where one log of a key is cut earlier than at its end.
type Stop = Option<(crate::model::LogName, u64)>;

fn stop_of(ledger: &Ledger, key: &PublicKey, before: Option<EntryId>) -> Result<Stop, Mistake> {
    let Some(entry) = before else {
        return Ok(None);
    };
    let (log, seq) = ledger
        .find(entry)
        .ok_or_else(|| Mistake::void_missing(&entry))?;
    if ledger.logs().get(&log).is_none_or(|it| it.writer() != *key) {
        let text =
            format!("entry {entry} was written by another device. See `tallyline score history`.");
        return Err(Mistake::new(Code::E13, text));
    }
    Ok(Some((log, seq.saturating_sub(1))))
}

/// Cuts a log at its end, or where it is to be cut earlier; the evidence is the writer's head that
/// covers the cut.
fn cut(log: &Log, stop: Stop) -> Option<LogCut> {
    let end = *log.heads().last_key_value()?.0;
    let height = match stop {
        Some((name, height)) if name == *log.name() => height.min(end),
        Some(_) | None => end,
    };
    let (_, &signature) = log.heads().range(height..).next()?;
    Some(LogCut {
        grant: log.name().grant,
        cut: Cut {
            incarnation: log.name().incarnation,
            height,
            hash: log.chain_at(height)?.0,
            signature,
        },
    })
}

/// What people call a reason, in sentences.
pub(super) fn reason_words(reason: RevokeReason) -> String {
    match reason {
        RevokeReason::Retired => "retired",
        RevokeReason::Lost => "lost",
        RevokeReason::Stolen => "stolen",
        RevokeReason::Misuse => "misused",
    }
    .into()
}
