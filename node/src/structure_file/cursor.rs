//! One value of a JSON text together with its place, so that every problem names where it is.
//!
//! Knows JSON and nothing of events. Layer: below `structure_file`.

use std::ops::RangeInclusive;

use serde_json::Value;

/// Longest piece of a bad value that a problem repeats, in characters.
const SHOWN_CHARS_MAX: usize = 40;
/// Largest number an entry names; what joins after the lock draws its number up to here.
const NO_MAX: u64 = (1 << 28) - 1;

/// A value and the way to it, such as `stages[2].scoring`.
#[derive(Clone)]
pub(super) struct At<'a> {
    value: &'a Value,
    place: String,
}

impl<'a> At<'a> {
    pub(super) fn root(value: &'a Value) -> Self {
        Self {
            value,
            place: String::new(),
        }
    }

    /// Returns the member, which must be there.
    pub(super) fn field(&self, key: &str) -> Result<Self, String> {
        match self.members()?.get(key) {
            Some(value) => Ok(self.member(key, value)),
            None => Err(format!("{}: \"{key}\" is missing", self.place())),
        }
    }

    /// Reads the member if it is there and not null.
    pub(super) fn optional<T>(
        &self,
        key: &str,
        read: impl FnOnce(&Self) -> Result<T, String>,
    ) -> Result<Option<T>, String> {
        match self.members()?.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => read(&self.member(key, value)).map(Some),
        }
    }

    /// Returns the items of a list of at most `max`.
    pub(super) fn items(&self, max: usize) -> Result<Vec<Self>, String> {
        let Some(list) = self.value.as_array() else {
            return Err(self.problem("write a list in brackets here"));
        };
        if max < list.len() {
            let (place, found) = (self.place(), list.len());
            return Err(format!(
                "{place}: {found} items are more than the {max} that are read"
            ));
        }
        let item = |(index, value)| Self {
            value,
            place: format!("{}[{index}]", self.place),
        };
        Ok(list.iter().enumerate().map(item).collect())
    }

    /// Returns the members of an object with their names.
    pub(super) fn object(&self) -> Result<Vec<(String, Self)>, String> {
        let members = self.members()?.iter();
        Ok(members
            .map(|(key, value)| (key.clone(), self.member(key, value)))
            .collect())
    }

    /// Returns whether it is a text.
    pub(super) fn is_text(&self) -> bool {
        self.value.is_string()
    }

    pub(super) fn text(&self) -> Result<&'a str, String> {
        self.value
            .as_str()
            .ok_or_else(|| self.problem("write a text in quotes here"))
    }

    /// Reads a text that may be empty.
    pub(super) fn any_text(&self) -> Result<String, String> {
        self.text().map(str::to_owned)
    }

    /// Reads a text of 1 to `bytes_max` bytes.
    pub(super) fn name(&self, bytes_max: usize) -> Result<String, String> {
        let text = self.text()?;
        if text.trim().is_empty() {
            return Err(self.problem("this must not be empty"));
        }
        if bytes_max < text.len() {
            let found = text.len();
            return Err(self.problem(&format!("{found} bytes are more than {bytes_max}")));
        }
        Ok(text.to_owned())
    }

    pub(super) fn flag(&self) -> Result<bool, String> {
        self.value
            .as_bool()
            .ok_or_else(|| self.problem("use true or false"))
    }

    /// Reads the number by which entries name a thing.
    pub(super) fn no(&self) -> Result<u32, String> {
        self.number(1..=NO_MAX)
    }

    /// Reads a whole number of the range, which must end below 2^32.
    pub(super) fn number(&self, range: RangeInclusive<u64>) -> Result<u32, String> {
        let number = self.value.as_u64().filter(|number| range.contains(number));
        number
            .and_then(|number| u32::try_from(number).ok())
            .ok_or_else(|| {
                let (first, last) = range.into_inner();
                self.problem(&format!("write a whole number, {first} to {last}"))
            })
    }

    /// Reads a whole number of the range, which may begin below zero.
    pub(super) fn signed(&self, range: RangeInclusive<i32>) -> Result<i32, String> {
        let number = self
            .value
            .as_i64()
            .and_then(|number| i32::try_from(number).ok());
        number
            .filter(|number| range.contains(number))
            .ok_or_else(|| {
                let (first, last) = range.into_inner();
                self.problem(&format!("write a whole number, {first} to {last}"))
            })
    }

    /// Reads seconds with at most two decimals, as a number or a text, in hundredths.
    pub(super) fn centis(&self) -> Result<u32, String> {
        let centis = self.signed_centis()?;
        u32::try_from(centis).map_err(|_| self.problem("write seconds that are not below 0"))
    }

    /// Reads seconds with at most two decimals that may be below 0, in hundredths.
    pub(super) fn signed_centis(&self) -> Result<i32, String> {
        let text = match self.value {
            Value::Number(number) => number.to_string(),
            Value::String(text) => text.clone(),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => String::new(),
        };
        hundredths(&text)
            .ok_or_else(|| self.problem("write seconds with at most two decimals, such as 5.30"))
    }

    /// Says where the value is, what it is, and what to do.
    pub(super) fn problem(&self, advice: &str) -> String {
        let found = shortened(&self.value.to_string());
        format!("{}: found {found}; {advice}", self.place())
    }

    fn members(&self) -> Result<&'a serde_json::Map<String, Value>, String> {
        self.value
            .as_object()
            .ok_or_else(|| self.problem("write an object in braces here"))
    }

    fn member(&self, key: &str, value: &'a Value) -> Self {
        let key = shortened(key);
        let place = if self.place.is_empty() {
            key
        } else {
            format!("{}.{key}", self.place)
        };
        Self { value, place }
    }

    fn place(&self) -> &str {
        if self.place.is_empty() {
            "the file"
        } else {
            &self.place
        }
    }
}

/// Reads a decimal number with at most two decimals; up to 10,000 seconds.
fn hundredths(text: &str) -> Option<i32> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text),
    };
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || 5 < whole.len() || !is_number(whole) || !is_number(part) {
        return None;
    }
    // JSON writes 6.0 and 6.00 alike, and zeros after the second decimal say nothing.
    let part = part.trim_end_matches('0');
    if 2 < part.len() {
        return None;
    }
    let whole: i32 = whole.parse().ok()?;
    let part: i32 = format!("{part:0<2}").parse().ok()?;
    whole.checked_mul(100)?.checked_add(part)?.checked_mul(sign)
}

/// Returns a piece of the file as complaints repeat it: its beginning, if it is long.
pub(super) fn shortened(text: &str) -> String {
    let mut short: String = text.chars().take(SHOWN_CHARS_MAX).collect();
    if short.len() < text.len() {
        short.push_str("...");
    }
    short
}
