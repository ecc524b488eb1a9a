//! Statements about keys in bytes: revocation, consent, transfer and recovery.

use super::{cut_in, cut_out, label};
use crate::{
    model::{Consent, GrantId, Hash, LogCut, Revoke, RevokeReason, Transfer},
    wire::{WireError, event::key, event::number, fixed, generated as pb},
};
use tallyline_keys::Signature;

pub(super) fn revoke_out(it: &Revoke) -> pb::Revoke {
    pb::Revoke {
        key: it.key.as_bytes().to_vec(),
        reason: match it.reason {
            RevokeReason::Retired => pb::RevokeReason::Retired,
            RevokeReason::Lost => pb::RevokeReason::Lost,
            RevokeReason::Stolen => pb::RevokeReason::Stolen,
            RevokeReason::Misuse => pb::RevokeReason::Misuse,
        }
        .into(),
        cuts: it.cuts.iter().map(log_cut_out).collect(),
    }
}

pub(super) fn revoke_in(it: &pb::Revoke) -> Result<Revoke, WireError> {
    Ok(Revoke {
        key: key(&it.key, "revoked key")?,
        reason: match pb::RevokeReason::try_from(it.reason) {
            Ok(pb::RevokeReason::Retired) => RevokeReason::Retired,
            Ok(pb::RevokeReason::Lost) => RevokeReason::Lost,
            Ok(pb::RevokeReason::Stolen) => RevokeReason::Stolen,
            Ok(pb::RevokeReason::Misuse) => RevokeReason::Misuse,
            Ok(pb::RevokeReason::Unspecified) | Err(_) => {
                return Err(WireError::Invalid("reason of a revocation"));
            }
        },
        cuts: log_cuts_in(&it.cuts)?,
    })
}

pub(super) fn consent_out(it: &Consent) -> pb::Consent {
    pb::Consent {
        owner: it.owner.as_bytes().to_vec(),
        epoch: it.epoch,
        signature: it.signature.as_bytes().to_vec(),
    }
}

pub(super) fn consent_in(it: &pb::Consent) -> Result<Consent, WireError> {
    Ok(Consent {
        owner: key(&it.owner, "owner")?,
        epoch: number(it.epoch, "number of the owner")?,
        signature: Signature::from_bytes(fixed(&it.signature, "consent")?),
    })
}

pub(super) fn transfer_out(it: &Transfer) -> pb::Transfer {
    pb::Transfer {
        owner: it.owner.as_bytes().to_vec(),
        to: it.to.as_bytes().to_vec(),
        label: it.label.clone(),
        epoch: it.epoch,
        cuts: it.cuts.iter().map(log_cut_out).collect(),
        consent: it.consent.as_bytes().to_vec(),
    }
}

pub(super) fn transfer_in(it: pb::Transfer) -> Result<Transfer, WireError> {
    Ok(Transfer {
        owner: key(&it.owner, "owner")?,
        to: key(&it.to, "owner to be")?,
        label: label(it.label)?,
        epoch: number(it.epoch, "number of the owner")?,
        cuts: log_cuts_in(&it.cuts)?,
        consent: Signature::from_bytes(fixed(&it.consent, "consent")?),
    })
}

fn log_cut_out(it: &LogCut) -> pb::LogCut {
    pb::LogCut {
        grant: it.grant.0.0.to_vec(),
        cut: Some(cut_out(&it.cut)),
    }
}

fn log_cuts_in(cuts: &[pb::LogCut]) -> Result<alloc::vec::Vec<LogCut>, WireError> {
    cuts.iter()
        .map(|it| {
            let cut = it.cut.as_ref().ok_or(WireError::Invalid("cut"))?;
            Ok(LogCut {
                grant: GrantId(Hash(fixed(&it.grant, "grant of a cut")?)),
                cut: cut_in(cut)?,
            })
        })
        .collect()
}
