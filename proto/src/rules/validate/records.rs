//! Whether a record fits its kind: what it hangs on, what it names, what it says.

use alloc::{format, vec::Vec};

use crate::{
    model::{FieldNo, Kind, Policy, Record, Value},
    rules::mistake::{Code, Mistake},
};

/// Checks a record against its kind.
///
/// # Errors
/// E01 when it hangs on another number of records than its kind, says something in a field that
/// the kind has not, in the clear where the kind seals or the other way round, leaves out what
/// names it, or has a status that the kind does not know.
pub(super) fn check(kind: &Kind, record: &Record) -> Result<(), Mistake> {
    let name = &kind.name;
    let (expected, given) = (kind.parents.len(), record.parents.len());
    if expected != given {
        return Err(wrong(format!(
            "a record of kind {name} hangs on {expected} others, {given} are named. Name each one."
        )));
    }
    for (no, value) in &record.fields {
        let Some(field) = kind.fields.iter().find(|field| field.no == *no) else {
            let known: Vec<&str> = kind.fields.iter().map(|it| it.name.as_str()).collect();
            return Err(wrong(format!(
                "kind {name} has no field {no}. It has {}.",
                known.join(", ")
            )));
        };
        let sealed = matches!(value, Value::Sealed(_));
        if sealed != field.sealed {
            let how = if field.sealed {
                "sealed, and is never written in the clear"
            } else {
                "not sealed, so that everybody can read it"
            };
            return Err(wrong(format!(
                "field {} of kind {name} is {how}.",
                field.name
            )));
        }
    }
    let says = |no: FieldNo| record.fields.iter().find(|(it, _)| *it == no);
    if record.creates
        && let Some(missing) = kind.unique.iter().find(|no| says(**no).is_none())
    {
        let field = kind.fields.iter().find(|field| field.no == *missing);
        let field = field.map_or("", |field| field.name.as_str());
        return Err(wrong(format!(
            "a record of kind {name} is named by its {field}. Enter it."
        )));
    }
    let Policy::Escalation(statuses) = &kind.policy else {
        return Ok(());
    };
    let status = kind.fields.first().and_then(|field| says(field.no));
    match status {
        Some((_, Value::Text(status))) if statuses.contains(status) => Ok(()),
        None => Ok(()),
        Some((_, Value::Text(_) | Value::Number(_) | Value::Sealed(_))) => Err(wrong(format!(
            "a record of kind {name} is one of {}. Choose one of them.",
            statuses.join(", ")
        ))),
    }
}

fn wrong(text: alloc::string::String) -> Mistake {
    Mistake::new(Code::E01, text)
}
