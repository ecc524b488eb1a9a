//! What helps to find a fault, in one file: without names, keys, addresses or anything that people
//! wrote.
//!
//! Figures and states are kept as they are. Of texts only those that stand under a field whose words
//! are the program's own; every other text becomes a short hash with a key that is drawn for this
//! file and kept nowhere, so that equal things are still seen to be equal. What is left out cannot
//! leak: a new field of an answer is hashed until somebody lists it here. Layer: node, upkeep.

use std::fs;
use std::io::{Cursor, Write as _};
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Map, Value, json};

use super::durable;
use crate::entropy;
use crate::local::protocol::{Problem, codes, exits};
use crate::root::hex;

/// Fields whose texts are the program's own words.
const OWN_WORDS: [&str; 15] = [
    "alert", "arch", "code", "light", "mode", "os", "paused", "phase", "reason", "roles", "schema",
    "source", "state", "version", "what",
];

/// Longest word of the program's own, in bytes.
const WORD_CHARS_MAX: usize = 32;

/// Hex digits of a hash: equal by chance once in four billion.
const HASH_DIGITS: usize = 8;

/// How deep values inside each other are followed: answers are flat.
const DEPTH_MAX: usize = 16;

/// One file of the bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Its name.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// Takes everything out of answers that says who or where.
#[derive(Clone, Debug)]
pub struct Redaction([u8; 32]);

impl Redaction {
    /// Draws the key of the hashes.
    ///
    /// # Errors
    ///
    /// If there is no randomness.
    pub fn draw() -> Result<Self, Problem> {
        Ok(Self(entropy::bytes()?))
    }

    /// Returns a value without anything that says who or where.
    pub fn value(&self, value: &Value) -> Value {
        self.at(value, "", DEPTH_MAX)
    }

    fn at(&self, value: &Value, field: &str, depth: usize) -> Value {
        let Some(depth) = depth.checked_sub(1) else {
            return Value::Null;
        };
        match value {
            Value::Null | Value::Bool(_) => value.clone(),
            Value::Number(_) => value.clone(),
            Value::String(text) if OWN_WORDS.contains(&field) && is_word(text) => value.clone(),
            Value::String(text) => Value::String(self.hash(text)),
            Value::Array(items) => items.iter().map(|it| self.at(it, field, depth)).collect(),
            Value::Object(fields) => {
                let fields = fields.iter();
                let kept = fields.map(|(name, it)| (name.clone(), self.at(it, name, depth)));
                Value::Object(kept.collect::<Map<_, _>>())
            }
        }
    }

    /// Returns the hash of a text; an empty one stays empty.
    pub fn hash(&self, text: &str) -> String {
        if text.is_empty() {
            return String::new();
        }
        let hash = hex(blake3::keyed_hash(&self.0, text.as_bytes()).as_bytes());
        let digits: String = hash.chars().take(HASH_DIGITS).collect();
        format!("#{digits}")
    }
}

/// Returns whether a text may be one of the program's words.
fn is_word(text: &str) -> bool {
    let letter = |it: char| it.is_ascii_lowercase() || it.is_ascii_digit() || " -_./".contains(it);
    text.len() <= WORD_CHARS_MAX && text.chars().all(letter)
}

/// Returns an answer as a piece.
pub fn piece(name: &str, value: &Value, redaction: &Redaction) -> Piece {
    let value = redaction.value(value);
    let text = serde_json::to_string_pretty(&value).unwrap_or_default();
    Piece {
        name: name.to_owned(),
        text: format!("{text}\n"),
    }
}

/// Tells which files of ours a root has, and how long they are; of others only how many.
pub fn files(dir: &Path) -> Value {
    let known = [
        "alerts.json",
        "device.key",
        "device.toml",
        "event.manifest",
        "node.lock",
        "node.redb",
        "node.reserve",
        "node.sock",
        "peers.json",
        "score.log",
        "score.log.place",
        "sync.journal",
        "archive",
        "accounts",
    ];
    let (mut ours, mut others) = (Map::new(), 0_u64);
    for file in fs::read_dir(dir).into_iter().flatten().flatten() {
        let name = file.file_name().to_string_lossy().into_owned();
        if known.contains(&name.as_str()) {
            let bytes = file.metadata().map_or(0, |it| it.len());
            ours.insert(name, json!(bytes));
        } else {
            others = others.saturating_add(1);
        }
    }
    json!({"bytes": ours, "others": others})
}

/// Packs the pieces; only the caller's user may read the file, and none is written over.
///
/// # Errors
///
/// If the file is there, or what the disk said.
pub fn write(path: &Path, pieces: &[Piece]) -> Result<u64, Problem> {
    let bad = |error: std::io::Error| {
        let text = format!(
            "{} could not be written: {error}; nothing was changed; choose another name",
            path.display()
        );
        Problem::new(codes::BAD_FILE, exits::FAILURE, text)
    };
    let bytes = pack(pieces).map_err(bad)?;
    durable::create(path, &bytes).map_err(bad)?;
    Ok(u64::try_from(bytes.len()).unwrap_or(u64::MAX))
}

fn pack(pieces: &[Piece]) -> std::io::Result<Vec<u8>> {
    let mut builder = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::default()));
    for piece in pieces {
        let mut header = tar::Header::new_gnu();
        header.set_size(u64::try_from(piece.text.len()).unwrap_or(u64::MAX));
        header.set_mode(0o600);
        builder.append_data(&mut header, &piece.name, Cursor::new(&piece.text))?;
    }
    let mut packed = builder.into_inner()?;
    packed.flush()?;
    packed.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_figures_and_our_own_words_stay() {
        let redaction = Redaction([7; 32]);
        let value = json!({
            "light": "in-the-cloud", "name": "Spring Match", "mode": "Bo's phone",
            "devices": [{"label": "Tablet 3 (Bo)", "key": "19k225qv", "silent_ms": 7},
                        {"label": "Tablet 3 (Bo)", "connected": true}],
            "summary": "3 only on Tablet 3", "what": "ann@example.org", "later_field": "Ann",
        });
        let told = redaction.value(&value);
        let text = told.to_string();
        for secret in ["Bo", "Tablet", "Spring", "19k2", "ann", "Ann"] {
            assert!(!text.contains(secret), "{secret}: {text}");
        }
        assert_eq!(told["light"], "in-the-cloud");
        assert_eq!(told["devices"][0]["silent_ms"], 7);
        assert_eq!(
            told["devices"][0]["label"], told["devices"][1]["label"],
            "equal"
        );
        let other = Redaction([8; 32]).value(&value);
        assert_ne!(told["name"], other["name"], "nobody tries names against it");
    }
}
