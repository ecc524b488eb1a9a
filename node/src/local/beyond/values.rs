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
        fields.push((field.no, value(field, json)?));
    }
    fields.sort_by_key(|(no, _)| *no);
    Ok(fields)
}

fn value(field: &Field, json: &Json) -> Result<Value, Problem> {
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
        // The core seals it on its way into the log.
        return Ok(Value::Text(text));
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
    fn a_sealed_field_is_a_text_and_names_are_the_kind_s() {
        let kinds = tallyline_proto::rules::kinds::camp();
        let participant = kinds
            .iter()
            .find(|it| it.name == "participant")
            .expect("one");
        let said = |name: &str| BTreeMap::from([(name.to_owned(), Json::from("555123"))]);
        let read = fields(participant, &said("contact")).expect("reads");
        assert!(matches!(read.as_slice(), [(_, Value::Text(text))] if text == "555123"));
        let read = fields(participant, &said("name")).expect("reads");
        assert!(matches!(read.as_slice(), [(_, Value::Number(555_123))]));
        let problem = fields(participant, &said("shoe")).expect_err("unknown");
        assert!(problem.text.contains("name, born"), "{problem}");
    }
}
