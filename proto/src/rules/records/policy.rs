//! What each policy makes of the versions of one record.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    string::String,
    vec::Vec,
};

use tallyline_keys::PublicKey;
use uuid::Uuid;

use super::{RecordState, Shown, Version};
use crate::model::{EntryId, FieldNo, Kind, Policy, Record, Value};

/// Fills in what a record says. Its versions stand in order: rising counters, of equal ones the
/// first by rank last.
///
/// Source: PROTOCOL R-RECORD-4.
pub(super) fn apply(kind: &Kind, record: &mut RecordState) {
    match &kind.policy {
        Policy::Append | Policy::Derived(_) => append(record),
        Policy::FieldLevel => {
            for version in &record.versions {
                lay(&mut record.fields, version);
            }
        }
        Policy::LastWrite => whole(record),
        Policy::CreateWins => create_wins(record),
        Policy::Escalation(statuses) => {
            whole(record);
            if let Some(field) = kind.fields.first() {
                escalate(field.no, statuses, record);
            }
        }
        Policy::Ask => ask(record),
    }
    mark_shown(&kind.policy, record);
}

/// The first creation that nobody took back names what it is; every other version is one more line
/// beside it.
fn append(record: &mut RecordState) {
    record.ended = ended(&record.versions);
    record.gone = record.ended == record.versions.len();
    let from = if record.gone { 0 } else { record.ended };
    let mut living = record.versions.iter().skip(from);
    if let Some(first) = living.find(|it| it.says.creates) {
        lay(&mut record.fields, first);
    }
}

/// Counts the versions at the beginning that were taken back by somebody who knew all of them, the
/// one that says so among them. If the next one did not know as many, its writer may have known of no
/// taking back, and there was none.
///
/// Source: PROTOCOL R-RECORD-9.
fn ended(versions: &[Version]) -> usize {
    let next = |place: usize| place.saturating_add(1);
    let knew = |place: usize| place == versions.len() || knew_before(versions, place);
    let ends = |place: &usize| {
        let says = versions.get(*place).map(|it| &it.says);
        says.is_some_and(takes_back) && knew(*place) && knew(next(*place))
    };
    (0..versions.len()).rev().find(ends).map_or(0, next)
}

/// Returns whether a version takes a record back; one that creates it does not.
fn takes_back(says: &Record) -> bool {
    says.gone && !says.creates
}

/// Returns whether the writer of the last version knew all others.
fn knew_all(versions: &[Version]) -> bool {
    let last = versions.len().checked_sub(1);
    last.is_some_and(|last| knew_before(versions, last))
}

/// Returns whether the writer of a version knew all that stand before it: its counter is above their
/// number and above their counters.
fn knew_before(versions: &[Version], place: usize) -> bool {
    let counter = |place: usize| versions.get(place).map_or(0, |it| it.says.counter);
    let number = u64::try_from(place).unwrap_or(u64::MAX);
    let before = place.checked_sub(1).map_or(0, counter);
    number.max(before) < counter(place)
}

/// The last version as a whole.
fn whole(record: &mut RecordState) {
    if let Some(last) = record.versions.last() {
        lay(&mut record.fields, last);
    }
}

/// Creations stay whatever was taken back at the same time: a record is gone only if whoever took it
/// back knew every other version.
fn create_wins(record: &mut RecordState) {
    let creations = || record.versions.iter().filter(|it| it.says.creates);
    let changes = record.versions.iter().filter(|it| !it.says.creates);
    for version in creations().take(1).chain(changes) {
        lay(&mut record.fields, version);
    }
    let last = record.versions.last();
    record.gone = last.is_some_and(|it| takes_back(&it.says)) && knew_all(&record.versions);
}

/// The first field only rises: whoever knew less does not take back what somebody reached.
fn escalate(field: FieldNo, statuses: &[String], record: &mut RecordState) {
    let place = |value: &Value| {
        let Value::Text(status) = value else {
            return None;
        };
        statuses.iter().position(|it| it == status)
    };
    let said = record.versions.iter().filter_map(|it| {
        let (_, value) = it.says.fields.iter().find(|(no, _)| *no == field)?;
        Some((place(value)?, value, it.entry))
    });
    // Of equal ones the first one reached it.
    let highest = said.reduce(|held, next| if held.0 < next.0 { next } else { held });
    if let Some((_, value, entry)) = highest {
        let (value, from) = (value.clone(), Some(entry));
        record.fields.insert(field, Shown { value, from });
    }
}

/// Shows what everybody knew, and asks between versions whose writers knew nothing of each other.
/// A counter is above the number of versions that its writer knew, so the last version knew all
/// others exactly if its counter is above their number.
fn ask(record: &mut RecordState) {
    let Some(last) = record.versions.last() else {
        return;
    };
    if knew_all(&record.versions) {
        whole(record);
        return;
    }
    let agreed = agreed(&record.versions);
    let open = record.versions.iter().skip(agreed);
    // Of each writer the last word stands for what he wrote before.
    let mut words: BTreeMap<PublicKey, &Version> = BTreeMap::new();
    for version in open {
        words.insert(version.author, version);
    }
    let mut words: Vec<&Version> = words.into_values().collect();
    words.sort_unstable_by_key(|it| (it.says.counter, core::cmp::Reverse(it.rank)));
    if words.iter().all(|it| surely_same(&it.says, &last.says)) {
        whole(record);
        return;
    }
    let before = agreed.checked_sub(1);
    let before = before.and_then(|place| record.versions.get(place));
    record.asks = words.iter().map(|it| it.entry).collect();
    record.gone = before.is_some_and(|it| it.says.gone);
    if let Some(before) = before {
        lay(&mut record.fields, before);
    }
}

/// Counts the versions at the beginning that everybody knew who wrote after them: each counter is
/// there once, without a gap.
fn agreed(versions: &[Version]) -> usize {
    let mut count = 0;
    for (place, expected) in (0_usize..).zip(1_u64..) {
        let counter = |place: usize| versions.get(place).map(|it| it.says.counter);
        let alone = counter(place.saturating_add(1)) != Some(expected);
        if counter(place) != Some(expected) || !alone {
            break;
        }
        count = place.saturating_add(1);
    }
    count
}

/// Returns whether two versions say the same beyond doubt: what is sealed under two keys may not, and
/// is asked about.
fn surely_same(left: &Record, right: &Record) -> bool {
    left.fields == right.fields && left.gone == right.gone && left.parents == right.parents
}

/// Lays a version over others: a field has the value of the last one that names it.
fn lay(fields: &mut BTreeMap<FieldNo, Shown>, version: &Version) {
    for (field, value) in &version.says.fields {
        let (value, from) = (value.clone(), Some(version.entry));
        fields.insert(*field, Shown { value, from });
    }
}

fn mark_shown(policy: &Policy, record: &mut RecordState) {
    let from: BTreeSet<EntryId> = record.fields.values().filter_map(|it| it.from).collect();
    let asks = &record.asks;
    let every = *policy == Policy::Append;
    let creations = *policy == Policy::CreateWins;
    for version in &mut record.versions {
        version.shown = every
            || (creations && version.says.creates)
            || from.contains(&version.entry)
            || asks.contains(&version.entry);
    }
    // What took a record back says nothing else and is what holds.
    if record.gone
        && let Some(last) = record.versions.last_mut()
    {
        last.shown = true;
    }
}

/// Marks what may have been done twice: creations of one kind that hang on the same records and say
/// the same in the fields that name a record. Whoever saw all of them and wrote a further version
/// has looked at it.
///
/// Source: PROTOCOL R-RECORD-6.
pub(super) fn mark_doubles(kind: &Kind, records: &mut BTreeMap<Uuid, RecordState>) {
    if kind.unique.is_empty() {
        return;
    }
    let name = |it: &Record| {
        let value = |no: &FieldNo| {
            let found = it.fields.iter().find(|(field, _)| field == no);
            found.map(|(_, value)| value.clone())
        };
        let values: Vec<Option<Value>> = kind.unique.iter().map(value).collect();
        (it.parents.clone(), values)
    };
    let mut creations: BTreeMap<_, Vec<(u64, EntryId, Uuid)>> = BTreeMap::new();
    for record in records.values().filter(|it| !it.gone) {
        for it in record.living().filter(|it| it.says.creates) {
            let one = (it.says.counter, it.entry, record.key);
            creations.entry(name(&it.says)).or_default().push(one);
        }
    }
    for mut same in creations.into_values().filter(|it| 1 < it.len()) {
        same.sort_unstable();
        let entries: Vec<EntryId> = same.iter().map(|(_, entry, _)| *entry).collect();
        let keys: BTreeSet<Uuid> = same.iter().map(|(.., key)| *key).collect();
        let one = keys.len() == 1;
        if one
            && keys
                .iter()
                .all(|key| records.get(key).is_some_and(looked_at))
        {
            continue;
        }
        for key in keys {
            if let Some(record) = records.get_mut(&key) {
                record.doubled.clone_from(&entries);
            }
        }
    }
}

/// Returns whether the last version changes a record and its writer knew all others.
fn looked_at(record: &RecordState) -> bool {
    let last = record.versions.last();
    last.is_some_and(|it| !it.says.creates) && knew_all(&record.versions)
}
