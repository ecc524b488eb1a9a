//! One value of a JSON text together with its file and place, so that every complaint names them.
//!
//! Tolerant of how programs write a value (`"3"` for 3, 0 for false), strict about what it is.
//! Layer: files, above `complaint`.

use std::ops::RangeInclusive;

use serde_json::{Map, Value};

use super::complaint::{Complaint, shortened};
use super::decimal;

/// Largest JSON text that is read, in bytes: a World Shoot has some 48,000 scores of about 1 KB.
pub(super) const TEXT_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Most values in one text; each takes some 80 bytes of memory while it is read.
const VALUES_MAX: usize = 4_000_000;
/// Most items of one list; far above any match.
pub(super) const ITEMS_MAX: usize = 100_000;

/// Reads bytes as one JSON text.
///
/// # Errors
///
/// A [`Complaint`] with the line and column if it is no JSON, too large or not UTF-8.
pub(super) fn json(file: &str, bytes: &[u8]) -> Result<Value, Complaint> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if TEXT_BYTES_MAX < bytes.len() {
        let advice = format!(
            "{} bytes are more than the {TEXT_BYTES_MAX} that are read",
            bytes.len()
        );
        return Err(Complaint::new(file, "", "", &advice));
    }
    let text = utf8(file, bytes)?;
    let values = bytes
        .iter()
        .filter(|byte| matches!(byte, b',' | b'[' | b'{'))
        .count();
    if VALUES_MAX < values {
        let advice = format!("{values} values are more than the {VALUES_MAX} that are read");
        return Err(Complaint::new(file, "", "", &advice));
    }
    serde_json::from_str(text).map_err(|error| {
        let place = format!("line {}, column {}", error.line(), error.column());
        let said = error.to_string();
        let said = said.split(" at line ").next().unwrap_or(&said);
        let advice = format!("this is not JSON: {said}; export the match again");
        Complaint::new(file, &place, "", &advice)
    })
}

/// Reads bytes as UTF-8.
///
/// # Errors
///
/// A [`Complaint`] with the line of the first byte that is none.
pub(super) fn utf8<'a>(file: &str, bytes: &'a [u8]) -> Result<&'a str, Complaint> {
    str::from_utf8(bytes).map_err(|error| {
        let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
        let line = before.split(|&byte| byte == b'\n').count();
        let bad = bytes.get(error.valid_up_to()).copied().unwrap_or_default();
        Complaint::new(
            file,
            &format!("line {line}"),
            &format!("byte 0x{bad:02x}"),
            "this is no UTF-8; save the file as UTF-8",
        )
    })
}

/// A value and the way to it, such as `match_stages[2].stage_scoretype`.
#[derive(Clone, Debug)]
pub(super) struct At<'a> {
    file: &'a str,
    value: &'a Value,
    place: String,
}

impl<'a> At<'a> {
    pub(super) fn root(file: &'a str, value: &'a Value) -> Self {
        Self {
            file,
            value,
            place: String::new(),
        }
    }

    /// Returns the member, which must be there.
    pub(super) fn field(&self, key: &str) -> Result<Self, Complaint> {
        match self.members()?.get(key) {
            Some(value) => Ok(self.member(key, value)),
            None => Err(self.missing(key)),
        }
    }

    /// Reads the member if it is there and not null.
    pub(super) fn optional<T>(
        &self,
        key: &str,
        read: impl FnOnce(&Self) -> Result<T, Complaint>,
    ) -> Result<Option<T>, Complaint> {
        match self.members()?.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => read(&self.member(key, value)).map(Some),
        }
    }

    /// Reads the member, or takes the default if it is not there.
    pub(super) fn or_default<T: Default>(
        &self,
        key: &str,
        read: impl FnOnce(&Self) -> Result<T, Complaint>,
    ) -> Result<T, Complaint> {
        self.optional(key, read).map(Option::unwrap_or_default)
    }

    /// Returns the items of a list of at most `max`.
    pub(super) fn items(&self, max: usize) -> Result<Vec<Self>, Complaint> {
        let Some(list) = self.value.as_array() else {
            return Err(self.complaint("write a list in brackets here"));
        };
        if max < list.len() {
            let advice = format!("{} items are more than the {max} that are read", list.len());
            return Err(Complaint::new(self.file, &self.place, "", &advice));
        }
        let item = |(index, value)| Self {
            file: self.file,
            value,
            place: format!("{}[{index}]", self.place),
        };
        Ok(list.iter().enumerate().map(item).collect())
    }

    /// Reads each item of a list of at most `max`; the first bad one ends it.
    pub(super) fn list<T>(
        &self,
        max: usize,
        read: impl Fn(&Self) -> Result<T, Complaint>,
    ) -> Result<Vec<T>, Complaint> {
        self.items(max)?.iter().map(read).collect()
    }

    /// Returns the members of an object with their names.
    pub(super) fn object(&self) -> Result<Vec<(&'a str, Self)>, Complaint> {
        Ok(self
            .members()?
            .iter()
            .map(|(key, value)| (key.as_str(), self.member(key, value)))
            .collect())
    }

    /// Returns whether this is an empty list, object or text, or null.
    pub(super) fn is_nothing(&self) -> bool {
        match self.value {
            Value::Null => true,
            Value::String(text) => text.is_empty(),
            Value::Array(list) => list.is_empty(),
            Value::Object(members) => members.is_empty(),
            Value::Bool(_) | Value::Number(_) => false,
        }
    }

    /// Returns the text if this is one.
    pub(super) fn as_text(&self) -> Option<&'a str> {
        self.value.as_str()
    }

    /// Reads a text of at most `bytes_max` bytes, which may be empty; a number is taken as written.
    pub(super) fn text(&self, bytes_max: usize) -> Result<String, Complaint> {
        let text = match self.value {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => {
                return Err(self.complaint("write a text in quotes here"));
            }
        };
        if bytes_max < text.len() {
            let advice = format!("{} bytes are more than {bytes_max}", text.len());
            return Err(self.complaint(&advice));
        }
        Ok(text)
    }

    /// Reads a text of 1 to `bytes_max` bytes.
    pub(super) fn name(&self, bytes_max: usize) -> Result<String, Complaint> {
        let text = self.text(bytes_max)?;
        if text.trim().is_empty() {
            return Err(self.complaint("this must not be empty"));
        }
        Ok(text)
    }

    /// Reads true, false, 1 or 0.
    pub(super) fn flag(&self) -> Result<bool, Complaint> {
        let number = self.value.as_u64();
        match (self.value.as_bool(), number) {
            (Some(flag), _) => Ok(flag),
            (None, Some(0)) => Ok(false),
            (None, Some(1)) => Ok(true),
            (None, _) => Err(self.complaint("use true or false")),
        }
    }

    /// Reads a whole number of the range; `"3"` and `3.0` are 3.
    pub(super) fn whole(&self, range: RangeInclusive<i64>) -> Result<i64, Complaint> {
        let number = self.number_text().and_then(|text| decimal::exact(&text, 0));
        number
            .filter(|number| range.contains(number))
            .ok_or_else(|| {
                let (first, last) = range.into_inner();
                self.complaint(&format!("write a whole number, {first} to {last}"))
            })
    }

    /// Reads a whole number from 0 to `max`.
    pub(super) fn count(&self, max: u32) -> Result<u32, Complaint> {
        let number = self.whole(0..=i64::from(max))?;
        Ok(u32::try_from(number).unwrap_or(max))
    }

    /// Reads a decimal number of the range as a count of its last digit, halves away from zero.
    pub(super) fn decimal(
        &self,
        decimals: u32,
        range: RangeInclusive<i64>,
    ) -> Result<i64, Complaint> {
        let number = self
            .number_text()
            .and_then(|text| decimal::rounded(&text, decimals));
        number
            .filter(|number| range.contains(number))
            .ok_or_else(|| {
                let (first, last) = range.into_inner();
                let (first, last) = (
                    decimal::text(first, decimals),
                    decimal::text(last, decimals),
                );
                self.complaint(&format!("write a number, {first} to {last}"))
            })
    }

    /// Says where the value is, what it is, and what to do.
    pub(super) fn complaint(&self, advice: &str) -> Complaint {
        let found = match self.value {
            Value::Array(list) => format!("a list of {}", list.len()),
            Value::Object(members) => format!("an object of {}", members.len()),
            Value::String(text) => format!("\"{}\"", shortened(text)),
            Value::Null | Value::Bool(_) | Value::Number(_) => self.value.to_string(),
        };
        Complaint::new(self.file, self.place(), &found, advice)
    }

    /// Says something about a member.
    pub(super) fn about(&self, key: &str, advice: &str) -> Complaint {
        self.field(key)
            .map_or_else(|missing| missing, |it| it.complaint(advice))
    }

    /// Says that a member is not there.
    pub(super) fn missing(&self, key: &str) -> Complaint {
        let advice = format!("\"{key}\" is missing");
        Complaint::new(self.file, self.place(), "", &advice)
    }

    fn number_text(&self) -> Option<String> {
        match self.value {
            Value::Number(number) => Some(number.to_string()),
            Value::String(text) => Some(text.clone()),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        }
    }

    fn members(&self) -> Result<&'a Map<String, Value>, Complaint> {
        self.value
            .as_object()
            .ok_or_else(|| self.complaint("write an object in braces here"))
    }

    fn member(&self, key: &str, value: &'a Value) -> Self {
        let key = shortened(key);
        let place = if self.place.is_empty() {
            key
        } else {
            format!("{}.{key}", self.place)
        };
        Self {
            file: self.file,
            value,
            place,
        }
    }

    fn place(&self) -> &str {
        if self.place.is_empty() {
            "the whole"
        } else {
            &self.place
        }
    }
}
