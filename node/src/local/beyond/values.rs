//! Values of a record's fields, between JSON and the core.
//!
//! Layer: node, local.

use std::collections::BTreeMap;

use serde_json::Value as Json;
use tallyline_proto::model::{Field, FieldNo, Kind, Value};

use super::super::protocol::{Problem, codes, exits};

/// Reads what a record says, by the names of its kind's fields.
pub(super) fn fields(
    kind: &Kind,
    said: &BTreeMap<String, Json>,
) -> Result<Vec<(FieldNo, Value)>, Problem> {
    let mut fields = Vec::new();
    for (name, json) in said {
        let field = kind
            .fields
            .iter()
            .find(|it| it.name.eq_ignore_ascii_case(name));
        let field = field.ok_or_else(|| {
            let known: Vec<&str> = kind.fields.iter().map(|it| it.name.as_str()).collect();
            bad(&format!(
                "a {} has no field {name:?}; nothing was changed; fields are: {}",
                kind.name,
                known.join(", ")
            ))
        })?;
        fields.push((field.no, value(kind, field, json)?));
    }
    fields.sort_by_key(|(no, _)| *no);
    Ok(fields)
}

fn value(kind: &Kind, field: &Field, json: &Json) -> Result<Value, Problem> {
    let text = match json {
        Json::String(text) => text.clone(),
        Json::Number(number) => number.to_string(),
        Json::Bool(flag) => flag.to_string(),
        Json::Null | Json::Array(_) | Json::Object(_) => {
            return Err(bad(&format!(
                "field {} is {json}; nothing was changed; write a text or a whole number",
                field.name
            )));
        }
    };
    if field.sealed {
        return seal_text(kind, field, &text);
    }
    Ok(plain(text))
}

/// What reads as a whole number is one, however it was typed: two devices that write about one day
/// name the same record.
fn plain(text: String) -> Value {
    match text.parse::<i64>() {
        Ok(number) if number.to_string() == text => Value::Number(number),
        Ok(_) | Err(_) => Value::Text(text),
    }
}

/// Seals a text for the readers of its kind. The one place where texts of sealed fields pass on
/// their way in.
fn seal_text(kind: &Kind, field: &Field, text: &str) -> Result<Value, Problem> {
    let _ = text;
    Err(bad(&format!(
        "sealed fields need the keys of their readers, which this version does not hold: field {} \
         of {} was not written, and nothing was changed",
        field.name, kind.name
    )))
}

/// Writes a value; what is sealed stays so.
pub(super) fn json(value: &Value) -> Option<Json> {
    match value {
        Value::Text(text) => Some(Json::from(text.clone())),
        Value::Number(number) => Some(Json::from(*number)),
        Value::Sealed(_) => None,
    }
}

fn bad(text: &str) -> Problem {
    Problem::new(codes::BAD_VALUE, exits::FAILURE, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_reads_as_a_whole_number_is_one_and_all_else_is_text() {
        for (text, expected) in [
            ("20261127", Value::Number(20_261_127)),
            ("-3", Value::Number(-3)),
            ("007", Value::Text("007".to_owned())),
            ("+3", Value::Text("+3".to_owned())),
            ("08:00", Value::Text("08:00".to_owned())),
            ("", Value::Text(String::new())),
        ] {
            assert_eq!(plain(text.to_owned()), expected, "{text}");
        }
    }

    #[test]
    fn a_sealed_field_is_never_written_in_the_clear() {
        let kinds = tallyline_proto::rules::kinds::camp();
        let participant = kinds
            .iter()
            .find(|it| it.name == "participant")
            .expect("one");
        let said = |name: &str| BTreeMap::from([(name.to_owned(), Json::from("555 123"))]);
        let problem = fields(participant, &said("contact")).expect_err("refused");
        assert!(problem.text.contains("sealed fields need"), "{problem}");
        assert!(fields(participant, &said("name")).is_ok());
        let problem = fields(participant, &said("shoe")).expect_err("unknown");
        assert!(problem.text.contains("name, born"), "{problem}");
    }
}
