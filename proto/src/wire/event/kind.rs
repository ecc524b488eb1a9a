//! Places and kinds of records in bytes.

use alloc::vec::Vec;

use super::{NAME_BYTES_MAX, number, text};
use crate::{
    model::{Derive, Field, FieldNo, Kind, KindNo, Place, PlaceNo, Policy, Roles, Writers},
    wire::{WireError, generated as pb},
};

/// Longest name of a kind, a field or a status, in bytes.
const WORD_BYTES_MAX: usize = 32;
/// Most parents, fields, statuses of a kind: what a person still fills in.
const LIST_MAX: usize = 32;

pub(in crate::wire) fn place_out(place: &Place) -> pb::Place {
    pb::Place {
        no: place.no.0,
        name: place.name.clone(),
    }
}

pub(in crate::wire) fn place_in(it: pb::Place) -> Result<Place, WireError> {
    Ok(Place {
        no: PlaceNo(number(it.no, "place number")?),
        name: text(it.name, NAME_BYTES_MAX, "place name")?,
    })
}

pub(in crate::wire) fn kind_out(kind: &Kind) -> pb::Kind {
    let (policy, statuses, derive) = match &kind.policy {
        Policy::Append => (pb::Policy::Append, Vec::new(), None),
        Policy::FieldLevel => (pb::Policy::FieldLevel, Vec::new(), None),
        Policy::LastWrite => (pb::Policy::LastWrite, Vec::new(), None),
        Policy::CreateWins => (pb::Policy::CreateWins, Vec::new(), None),
        Policy::Derived(derive) => (pb::Policy::Derived, Vec::new(), Some(derive_out(*derive))),
        Policy::Escalation(statuses) => (pb::Policy::Escalation, statuses.clone(), None),
        Policy::Ask => (pb::Policy::Ask, Vec::new(), None),
    };
    pb::Kind {
        no: kind.no.0,
        name: kind.name.clone(),
        parents: kind.parents.iter().map(|it| it.0).collect(),
        policy: policy.into(),
        statuses,
        derive,
        writers: match kind.writers {
            Writers::Members => pb::Writers::Members,
            Writers::Owner => pb::Writers::Owner,
            Writers::Nobody => pb::Writers::Nobody,
        }
        .into(),
        readers: kind.readers.0,
        fields: kind
            .fields
            .iter()
            .map(|field| pb::Field {
                no: field.no.0,
                name: field.name.clone(),
                sealed: field.sealed,
            })
            .collect(),
        unique: kind.unique.iter().map(|it| it.0).collect(),
    }
}

/// Reads a kind. That its parents have lower numbers makes every chain of parents end.
pub(in crate::wire) fn kind_in(it: pb::Kind) -> Result<Kind, WireError> {
    let no = number(it.no, "kind number")?;
    if LIST_MAX < it.parents.len() || LIST_MAX < it.fields.len() || LIST_MAX < it.statuses.len() {
        return Err(WireError::TooLarge("kind of record"));
    }
    if it.parents.iter().any(|&parent| parent == 0 || no <= parent) {
        return Err(WireError::Invalid("parent of a kind"));
    }
    let fields: Vec<Field> = it
        .fields
        .into_iter()
        .map(field_in)
        .collect::<Result<_, _>>()?;
    if !fields.is_sorted_by(|one, next| one.no < next.no) {
        return Err(WireError::Invalid("order of field numbers"));
    }
    let known = |no: &u32| {
        fields
            .iter()
            .any(|field| field.no.0 == *no && !field.sealed)
    };
    if !it.unique.iter().all(known) {
        return Err(WireError::Invalid("field that names a record"));
    }
    let policy = match pb::Policy::try_from(it.policy) {
        Ok(pb::Policy::Append) => Policy::Append,
        Ok(pb::Policy::FieldLevel) => Policy::FieldLevel,
        Ok(pb::Policy::LastWrite) => Policy::LastWrite,
        Ok(pb::Policy::CreateWins) => Policy::CreateWins,
        Ok(pb::Policy::Derived) => Policy::Derived(derive_in(
            it.derive.ok_or(WireError::Invalid("derived kind"))?,
        )?),
        Ok(pb::Policy::Escalation) if !it.statuses.is_empty() => Policy::Escalation(
            it.statuses
                .into_iter()
                .map(|status| text(status, WORD_BYTES_MAX, "status of a kind"))
                .collect::<Result<_, _>>()?,
        ),
        Ok(pb::Policy::Ask) => Policy::Ask,
        Ok(pb::Policy::Escalation | pb::Policy::Unspecified) | Err(_) => {
            return Err(WireError::Invalid("policy of a kind"));
        }
    };
    Ok(Kind {
        no: KindNo(no),
        name: text(it.name, WORD_BYTES_MAX, "kind name")?,
        parents: it.parents.into_iter().map(KindNo).collect(),
        policy,
        writers: match pb::Writers::try_from(it.writers) {
            Ok(pb::Writers::Members) => Writers::Members,
            Ok(pb::Writers::Owner) => Writers::Owner,
            Ok(pb::Writers::Nobody) => Writers::Nobody,
            Err(_) => return Err(WireError::Invalid("writers of a kind")),
        },
        readers: Roles(it.readers),
        fields,
        unique: it.unique.into_iter().map(FieldNo).collect(),
    })
}

fn field_in(it: pb::Field) -> Result<Field, WireError> {
    Ok(Field {
        no: FieldNo(number(it.no, "field number")?),
        name: text(it.name, WORD_BYTES_MAX, "field name")?,
        sealed: it.sealed,
    })
}

fn derive_out(derive: Derive) -> pb::Derive {
    match derive {
        Derive::Sum { kind, field } => pb::Derive {
            kind: kind.0,
            field: field.0,
        },
        Derive::Count { kind } => pb::Derive {
            kind: kind.0,
            field: 0,
        },
    }
}

fn derive_in(it: pb::Derive) -> Result<Derive, WireError> {
    let kind = KindNo(number(it.kind, "kind that is derived from")?);
    Ok(match it.field {
        0 => Derive::Count { kind },
        field => Derive::Sum {
            kind,
            field: FieldNo(field),
        },
    })
}
