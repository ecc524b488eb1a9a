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
        let names = kind.unique.contains(&field.no);
        fields.push((field.no, value(field, json, names)?));
    }
    fields.sort_by_key(|(no, _)| *no);
    Ok(fields)
}

fn value(field: &Field, json: &Json, names: bool) -> Result<Value, Problem> {
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
    Ok(if names { naming(&text) } else { plain(text) })
}

/// What names a record is one and the same however it was typed: blanks around it are none of it, and
/// a day is the number of its digits.
fn naming(text: &str) -> Value {
    let text = text.trim();
    day(text).map_or_else(|| plain(text.to_owned()), Value::Number)
}

/// Reads a day as people write it, year first: `2026-05-23` is 20260523.
fn day(text: &str) -> Option<i64> {
    let parts = ['-', '/', '.'].into_iter().find_map(|mark| {
        let parts: Vec<&str> = text.split(mark).collect();
        <[&str; 3]>::try_from(parts).ok()
    });
    let [year, month, day] = parts?;
    let digits = |part: &str| part.bytes().all(|it| it.is_ascii_digit());
    if year.len() != 4 || ![year, month, day].into_iter().all(digits) {
        return None;
    }
    let (year, month, day): (i64, i64, i64) =
        (year.parse().ok()?, month.parse().ok()?, day.parse().ok()?);
    let is_day = (1..=12).contains(&month) && (1..=31).contains(&day);
    // Four digits, and two of each: no sum is above 99,991,231.
    is_day.then(|| {
        year.saturating_mul(10_000)
            .saturating_add(month.saturating_mul(100))
            .saturating_add(day)
    })
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
    fn what_names_a_record_is_one_however_it_is_typed() {
        for text in [
            "2026-05-23",
            " 2026-5-23 ",
            "2026/05/23",
            "2026.05.23",
            "20260523",
        ] {
            assert_eq!(naming(text), Value::Number(20_260_523), "{text}");
        }
        for text in [
            "2026-13-01",
            "2026-05-32",
            "26-05-23",
            "a-b-c",
            "1-2",
            "2026-+5-23",
        ] {
            assert_eq!(naming(text), Value::Text(text.to_owned()));
        }
        assert_eq!(naming(" Knots "), Value::Text("Knots".to_owned()));
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
