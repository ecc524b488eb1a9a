//! Records that are computed from others.

use alloc::{collections::BTreeMap, vec::Vec};

use uuid::Uuid;

use super::{RecordState, Shown, State, same_content};
use crate::{
    model::{Derive, FieldNo, Kind, KindNo, Policy, Record, Value},
    rules::Roster,
};

/// Computes the records of a derived kind.
pub(super) fn of(
    roster: &Roster,
    kind: &Kind,
    derive: Derive,
    kinds: &BTreeMap<KindNo, BTreeMap<Uuid, RecordState>>,
) -> BTreeMap<Uuid, RecordState> {
    let source = match derive {
        Derive::Sum { kind, .. } | Derive::Count { kind } => roster.kind(kind),
    };
    let records = source.map(|source| records(kind, derive, source, kinds));
    records.unwrap_or_default()
}

/// Computes the records of a derived kind: one for each record of the kind that its records hang
/// on, named as that one, with one number.
///
/// Source: PROTOCOL R-RECORD-4.
fn records(
    kind: &Kind,
    derive: Derive,
    source: &Kind,
    kinds: &BTreeMap<KindNo, BTreeMap<Uuid, RecordState>>,
) -> BTreeMap<Uuid, RecordState> {
    let (Some(parent), Some(field)) = (kind.parents.first(), kind.fields.first()) else {
        return BTreeMap::new();
    };
    let grows = source.policy == Policy::Append;
    let standing = |no: &KindNo| {
        let records = kinds.get(no).into_iter().flat_map(BTreeMap::values);
        records.filter(|it| it.applied() && !it.gone)
    };
    let mut sums: BTreeMap<Uuid, i128> = standing(parent).map(|it| (it.key, 0)).collect();
    for record in standing(&source.no) {
        let worth = match derive {
            Derive::Sum { field, .. } => sum(record, field, grows),
            Derive::Count { .. } => 1,
        };
        for parent in &record.parents {
            if let Some(sum) = sums.get_mut(parent) {
                *sum = sum.saturating_add(worth);
            }
        }
    }
    let record = |(key, sum): (Uuid, i128)| {
        // What is beyond 64 bits is no sum of points any more.
        let sum = sum.clamp(i64::MIN.into(), i64::MAX.into());
        let value = Value::Number(i64::try_from(sum).unwrap_or(i64::MAX));
        let state = RecordState {
            kind: kind.no,
            key,
            parents: Vec::from([key]),
            state: State::Applied,
            fields: BTreeMap::from([(field.no, Shown { value, from: None })]),
            gone: false,
            ended: 0,
            counter: 0,
            versions: Vec::new(),
            asks: Vec::new(),
            doubled: Vec::new(),
        };
        (key, state)
    };
    sums.into_iter().map(record).collect()
}

/// Adds up a field of a record: of one that only grows, every line of it that nobody took back, of
/// equal creations one.
fn sum(record: &RecordState, field: FieldNo, grows: bool) -> i128 {
    let number = |value: &Value| match value {
        Value::Number(number) => i128::from(*number),
        Value::Text(_) | Value::Sealed(_) => 0,
    };
    if !grows {
        let shown = record.fields.get(&field);
        return shown.map_or(0, |it| number(&it.value));
    }
    let mut creations: Vec<&Record> = Vec::new();
    let mut sum: i128 = 0;
    for version in record.living() {
        let says = &version.says;
        if says.creates {
            // One command that reached two devices.
            if creations.iter().any(|it| same_content(it, says)) {
                continue;
            }
            creations.push(says);
        }
        let said = says.fields.iter().filter(|(no, _)| *no == field);
        sum = said.fold(sum, |sum, (_, value)| sum.saturating_add(number(value)));
    }
    sum
}
