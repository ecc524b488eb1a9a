//! Control statements in bytes: signed each by itself, so that one can be proven alone.

mod decision;
mod ownership;

use alloc::{string::String, vec::Vec};

use prost::Message as _;
use tallyline_keys::{DeviceKey, PublicKey, Purpose, Signature};

use super::{
    STATEMENT_BYTES_MAX, WireError,
    entry::{person_in, person_out},
    event::{
        NAME_BYTES_MAX, entrant_in, entrant_out, key, number, power_factor_in, power_factor_out,
        shooter_in, shooter_out, text,
    },
    fixed, generated as pb, statement_id,
};
use crate::model::{
    Admit, Assign, CellSet, Close, CloseReason, Cut, DrillNo, Erase, EventId, GrantId, Hash,
    Incarnation, Lock, Open, Roles, RosterChange, ShooterEdit, ShooterNo, SquadNo, Statement,
};

/// Longest label of a device, in bytes.
pub(super) const LABEL_BYTES_MAX: usize = 32;

/// A statement as it travels: exact body, signer, signature over event and body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedStatement {
    /// Exact bytes of the statement.
    pub body: Vec<u8>,
    /// Who signed it.
    pub signer: PublicKey,
    /// Over event and body.
    pub signature: Signature,
}

impl SignedStatement {
    /// Returns the statement's name.
    pub fn id(&self, event: EventId) -> Hash {
        statement_id(event, &self.signer, &self.body)
    }

    /// Returns whether the signature holds for this event.
    pub fn holds(&self, event: EventId) -> bool {
        self.signer
            .verify(Purpose::Statement, &event.0.0, &self.body, &self.signature)
            .is_ok()
    }
}

/// Signs a statement.
pub fn sign_statement(key: &DeviceKey, event: EventId, statement: &Statement) -> SignedStatement {
    let body = pb::Statement {
        kind: Some(kind_out(statement)),
    }
    .encode_to_vec();
    let signature = key.sign(Purpose::Statement, &event.0.0, &body);
    SignedStatement {
        body,
        signer: key.public(),
        signature,
    }
}

/// Says whether a statement reads back as it was meant: no list is empty where empty means all,
/// no text is too long, numbers are in order.
///
/// # Errors
/// With what does not hold.
pub fn read_back(statement: &Statement) -> Result<(), WireError> {
    let body = pb::Statement {
        kind: Some(kind_out(statement)),
    }
    .encode_to_vec();
    // Signer and signature take 100 bytes beside the body, the entry's own fields some more.
    if STATEMENT_BYTES_MAX < body.len().saturating_add(256) {
        return Err(WireError::TooLarge("statement"));
    }
    if decode_statement(&body)? == *statement {
        Ok(())
    } else {
        Err(WireError::Invalid("a list or a number"))
    }
}

/// Encodes a signed statement.
pub fn encode_signed(signed: &SignedStatement) -> Vec<u8> {
    pb::Signed {
        body: signed.body.clone(),
        signer: signed.signer.as_bytes().to_vec(),
        signature: signed.signature.as_bytes().to_vec(),
    }
    .encode_to_vec()
}

/// Reads a signed statement; its signature is not checked yet.
///
/// # Errors
/// If the bytes are no signed statement, its key is weak, or it is too long.
///
/// Source: PROTOCOL R-CONTROL-1.
pub fn decode_signed(bytes: &[u8]) -> Result<SignedStatement, WireError> {
    if STATEMENT_BYTES_MAX < bytes.len() {
        return Err(WireError::TooLarge("statement"));
    }
    let it = pb::Signed::decode(bytes).map_err(|_| WireError::Malformed)?;
    Ok(SignedStatement {
        body: it.body,
        signer: key(&it.signer, "signer")?,
        signature: Signature::from_bytes(fixed(&it.signature, "signature")?),
    })
}

/// Reads a statement's body.
///
/// # Errors
/// If the bytes are no statement this version knows, or a value is outside its range.
pub fn decode_statement(body: &[u8]) -> Result<Statement, WireError> {
    let it = pb::Statement::decode(body).map_err(|_| WireError::Malformed)?;
    Ok(
        match it.kind.ok_or(WireError::Invalid("kind of statement"))? {
            pb::statement::Kind::Admit(it) => Statement::Admit(Admit {
                key: key(&it.key, "admitted key")?,
                roles: Roles(it.roles),
                label: label(it.label)?,
            }),
            pb::statement::Kind::Assign(it) => Statement::Assign(Assign {
                closes: it.closes.iter().map(close_in).collect::<Result<_, _>>()?,
                opens: it
                    .opens
                    .into_iter()
                    .map(open_in)
                    .collect::<Result<_, _>>()?,
                under: if it.under.is_empty() {
                    None
                } else {
                    Some(GrantId(Hash(fixed(&it.under, "grant of a desk")?)))
                },
            }),
            pb::statement::Kind::Roster(it) => Statement::Roster(roster_in(it)?),
            pb::statement::Kind::Lock(it) => Statement::Lock(Lock {
                structure: Hash(fixed(&it.structure, "structure hash")?),
            }),
            pb::statement::Kind::Revoke(it) => Statement::Revoke(ownership::revoke_in(&it)?),
            pb::statement::Kind::Consent(it) => Statement::Consent(ownership::consent_in(&it)?),
            pb::statement::Kind::Transfer(it) => Statement::Transfer(ownership::transfer_in(it)?),
            pb::statement::Kind::Recover(it) => Statement::Recover(ownership::transfer_in(it)?),
            pb::statement::Kind::Adopt(it) => Statement::Adopt(decision::adopt_in(&it)?),
            pb::statement::Kind::Amend(it) => Statement::Amend(decision::amend_in(it)?),
            pb::statement::Kind::LastCall(_) => Statement::LastCall,
            pb::statement::Kind::EventClose(it) => {
                Statement::EventClose(decision::event_close_in(&it)?)
            }
            pb::statement::Kind::Phase(it) => Statement::Phase(decision::phase_in(it)?),
            pb::statement::Kind::Erase(it) => Statement::Erase(Erase {
                person: person_in(it.shooter, &it.person)?,
            }),
        },
    )
}

/// Refuses an empty label, one above 32 bytes, and one with control or direction marks, which
/// could make one device look like another.
pub(super) fn label(label: String) -> Result<String, WireError> {
    let label = text(label, LABEL_BYTES_MAX, "label")?;
    let bad = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if label.chars().any(bad) {
        Err(WireError::Invalid("label"))
    } else {
        Ok(label)
    }
}

fn kind_out(statement: &Statement) -> pb::statement::Kind {
    match statement {
        Statement::Admit(it) => pb::statement::Kind::Admit(pb::Admit {
            key: it.key.as_bytes().to_vec(),
            roles: it.roles.0,
            label: it.label.clone(),
        }),
        Statement::Assign(it) => pb::statement::Kind::Assign(pb::Assign {
            closes: it.closes.iter().map(close_out).collect(),
            opens: it.opens.iter().map(open_out).collect(),
            under: it.under.map_or_else(Vec::new, |grant| grant.0.0.to_vec()),
        }),
        Statement::Roster(it) => pb::statement::Kind::Roster(pb::RosterChange {
            change: Some(match it {
                RosterChange::Add(shooter) => pb::roster_change::Change::Add(shooter_out(shooter)),
                RosterChange::Edit(edit) => pb::roster_change::Change::Edit(edit_out(edit)),
            }),
        }),
        Statement::Lock(it) => pb::statement::Kind::Lock(pb::Lock {
            structure: it.structure.0.to_vec(),
        }),
        Statement::Revoke(it) => pb::statement::Kind::Revoke(ownership::revoke_out(it)),
        Statement::Consent(it) => pb::statement::Kind::Consent(ownership::consent_out(it)),
        Statement::Transfer(it) => pb::statement::Kind::Transfer(ownership::transfer_out(it)),
        Statement::Recover(it) => pb::statement::Kind::Recover(ownership::transfer_out(it)),
        Statement::Adopt(it) => pb::statement::Kind::Adopt(decision::adopt_out(it)),
        Statement::Amend(it) => pb::statement::Kind::Amend(decision::amend_out(it)),
        Statement::LastCall => pb::statement::Kind::LastCall(pb::LastCall {}),
        Statement::EventClose(it) => pb::statement::Kind::EventClose(decision::event_close_out(it)),
        Statement::Phase(it) => pb::statement::Kind::Phase(decision::phase_out(it)),
        Statement::Erase(it) => {
            let (shooter, person) = person_out(it.person);
            pb::statement::Kind::Erase(pb::Erase { shooter, person })
        }
    }
}

fn close_out(close: &Close) -> pb::Close {
    pb::Close {
        grant: close.grant.0.0.to_vec(),
        cuts: close.cuts.iter().map(cut_out).collect(),
        reason: match close.reason {
            CloseReason::Handover => pb::CloseReason::Handover,
            CloseReason::Dead => pb::CloseReason::Dead,
            CloseReason::Expired => pb::CloseReason::Expired,
            CloseReason::Stolen => pb::CloseReason::Stolen,
        }
        .into(),
    }
}

fn cut_out(cut: &Cut) -> pb::Cut {
    pb::Cut {
        incarnation: cut.incarnation.0,
        height: cut.height,
        hash: cut.hash.0.to_vec(),
        signature: cut.signature.as_bytes().to_vec(),
    }
}

fn open_out(open: &Open) -> pb::Open {
    let drills = open
        .cells
        .drills
        .iter()
        .flatten()
        .map(|drill| drill.0)
        .collect();
    let squads = open
        .cells
        .squads
        .iter()
        .flatten()
        .map(|squad| squad.0)
        .collect();
    pb::Open {
        key: open.key.as_bytes().to_vec(),
        drills,
        squads,
        until_ms: open.until_ms.unwrap_or(0),
    }
}

fn edit_out(edit: &ShooterEdit) -> pb::ShooterEdit {
    let division = edit.division.and_then(|it| u32::try_from(it).ok());
    pb::ShooterEdit {
        shooter: edit.shooter.0,
        squad: edit.squad.map_or(0, |squad| squad.0),
        division_plus_one: division.map_or(0, |it| it.saturating_add(1)),
        power_factor: edit
            .power_factor
            .map_or(pb::PowerFactor::Unspecified, power_factor_out)
            .into(),
        label: edit.label.clone().unwrap_or_default(),
        categories: edit.categories.as_ref().map(|names| pb::Categories {
            names: names.clone(),
        }),
        entrant: edit.entrant.as_ref().map(entrant_out),
    }
}

fn close_in(it: &pb::Close) -> Result<Close, WireError> {
    Ok(Close {
        grant: GrantId(Hash(fixed(&it.grant, "closed grant")?)),
        cuts: it.cuts.iter().map(cut_in).collect::<Result<_, _>>()?,
        reason: match pb::CloseReason::try_from(it.reason) {
            Ok(pb::CloseReason::Handover) => CloseReason::Handover,
            Ok(pb::CloseReason::Dead) => CloseReason::Dead,
            Ok(pb::CloseReason::Expired) => CloseReason::Expired,
            Ok(pb::CloseReason::Stolen) => CloseReason::Stolen,
            Ok(pb::CloseReason::Unspecified) | Err(_) => {
                return Err(WireError::Invalid("reason of a close"));
            }
        },
    })
}

fn cut_in(it: &pb::Cut) -> Result<Cut, WireError> {
    Ok(Cut {
        incarnation: Incarnation(it.incarnation),
        height: it.height,
        hash: Hash(fixed(&it.hash, "hash of a cut")?),
        signature: Signature::from_bytes(fixed(&it.signature, "signature of a cut")?),
    })
}

fn open_in(it: pb::Open) -> Result<Open, WireError> {
    let drills: Vec<DrillNo> = it.drills.into_iter().map(DrillNo).collect();
    let squads: Vec<SquadNo> = it.squads.into_iter().map(SquadNo).collect();
    if !drills.is_sorted_by(|one, next| one < next) || !squads.is_sorted_by(|one, next| one < next)
    {
        return Err(WireError::Invalid("order of a grant's cells"));
    }
    Ok(Open {
        key: key(&it.key, "key of a grant")?,
        cells: CellSet {
            drills: (!drills.is_empty()).then_some(drills),
            squads: (!squads.is_empty()).then_some(squads),
        },
        until_ms: (it.until_ms != 0).then_some(it.until_ms),
    })
}

fn roster_in(it: pb::RosterChange) -> Result<RosterChange, WireError> {
    Ok(
        match it.change.ok_or(WireError::Invalid("roster change"))? {
            pb::roster_change::Change::Add(shooter) => RosterChange::Add(shooter_in(shooter)?),
            pb::roster_change::Change::Edit(it) => RosterChange::Edit(ShooterEdit {
                shooter: ShooterNo(number(it.shooter, "shooter")?),
                squad: (it.squad != 0).then_some(SquadNo(it.squad)),
                division: match it.division_plus_one.checked_sub(1) {
                    None => None,
                    Some(place) => {
                        Some(usize::try_from(place).map_err(|_| WireError::Invalid("division"))?)
                    }
                },
                power_factor: power_factor_in(it.power_factor)?,
                label: if it.label.is_empty() {
                    None
                } else {
                    Some(text(it.label, NAME_BYTES_MAX, "shooter label")?)
                },
                categories: it.categories.map(|it| it.names),
                entrant: it.entrant.map(entrant_in).transpose()?,
            }),
        },
    )
}
