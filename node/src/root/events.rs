//! The files of a cloud's events in its root: for each a store, and its manifest beside it.
//!
//! A device has one event, whose store lies in the root itself. Layer: node, root.

use std::fs;
use std::path::{Path, PathBuf};

use tallyline_proto::model::EventId;
use tallyline_proto::wire::{decode_manifest, event_id};
use uuid::Uuid;

use super::{Mode, Root};

/// The folder of a root in which a cloud's events lie.
const FOLDER: &str = "events";

/// Fewest characters that name an event by the beginning of its UUID.
const BEGINNING_CHARS_MIN: usize = 4;

/// A UUID as it is written.
const PATTERN: &str = "00000000-0000-0000-0000-000000000000";

/// Its characters.
const UUID_CHARS: usize = PATTERN.len();

/// An event of a cloud, as its manifest tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shelved {
    /// Its id.
    pub event: EventId,
    /// What people call it.
    pub name: String,
    /// The same in small letters, by which it is found.
    pub called: String,
}

impl Shelved {
    /// Reads a manifest; `None` if it is none.
    pub fn of(manifest: &[u8]) -> Option<Self> {
        let read = decode_manifest(manifest).ok()?;
        Some(Self::new(event_id(manifest), read.name))
    }

    /// Names an event.
    pub fn new(event: EventId, name: String) -> Self {
        let called = called(&name);
        Self {
            event,
            name,
            called,
        }
    }

    /// Tells whether this event is meant by its name, or by its UUID or the beginning of it.
    pub fn is_meant(&self, text: &str) -> bool {
        let lower = called(text);
        self.called == lower || begins(&self.event.uuid().to_string(), &lower)
    }
}

/// Tells whether the event of a name and a UUID is meant, as [`Shelved::is_meant`] does.
pub fn is_meant((name, uuid): (&str, &str), text: &str) -> bool {
    let lower = called(text);
    called(name) == lower || begins(uuid, &lower)
}

fn begins(uuid: &str, lower: &str) -> bool {
    BEGINNING_CHARS_MIN <= lower.len() && uuid.starts_with(lower)
}

/// Returns a name as events are found by.
pub fn called(name: &str) -> String {
    name.to_lowercase()
}

/// Returns the first and the last UUID that begin as a text does; `None` if none does, or if it is
/// too short to mean one.
pub fn beginning(text: &str) -> Option<(Uuid, Uuid)> {
    let lower = called(text);
    if lower.len() < BEGINNING_CHARS_MIN || UUID_CHARS < lower.len() {
        return None;
    }
    let filled = |digit: &str| {
        let rest = PATTERN.get(lower.len()..)?.replace('0', digit);
        // Only the hyphened form is one of which a beginning is meant.
        Uuid::try_parse(&format!("{lower}{rest}")).ok()
    };
    let (first, last) = (filled("0")?, filled("f")?);
    first
        .to_string()
        .starts_with(&lower)
        .then_some((first, last))
}

impl Root {
    /// Returns the files in which this root keeps events: one of a device, any number of a cloud.
    pub fn store_paths(&self) -> Vec<PathBuf> {
        let mut paths = vec![self.store_path()];
        if self.mode() == Mode::Cloud {
            let listed = list(self.dir());
            paths.extend(listed.iter().map(|it| store(self.dir(), it.event)));
        }
        paths.retain(|path| path.exists());
        paths
    }
}

/// Returns the folder of a root in which a cloud's events lie.
pub fn folder(root: &Path) -> PathBuf {
    root.join(FOLDER)
}

/// Returns where the store of a cloud's event lies.
pub fn store(root: &Path, event: EventId) -> PathBuf {
    folder(root).join(format!("{}.redb", event.uuid()))
}

/// Returns where the manifest of a cloud's event lies.
pub fn manifest(root: &Path, event: EventId) -> PathBuf {
    folder(root).join(format!("{}.manifest", event.uuid()))
}

/// Returns how many bytes the events of a cloud's root take.
pub fn bytes(root: &Path) -> u64 {
    let files = fs::read_dir(folder(root)).into_iter().flatten();
    let sizes = files.filter_map(|file| Some(file.ok()?.metadata().ok()?.len()));
    sizes.sum()
}

/// Lists the events of a cloud's root by name. What is no manifest is left out, and said.
pub fn list(root: &Path) -> Vec<Shelved> {
    let Ok(files) = fs::read_dir(folder(root)) else {
        return Vec::new();
    };
    let mut listed = Vec::new();
    for path in files.filter_map(|file| Some(file.ok()?.path())) {
        if path.extension().is_none_or(|it| it != "manifest") {
            continue;
        }
        match fs::read(&path).ok().and_then(|bytes| Shelved::of(&bytes)) {
            Some(shelved) => listed.push(shelved),
            None => {
                tracing::error!(path = %path.display(), "this is no manifest; its event is left out");
            }
        }
    }
    listed.sort_by(|left, right| left.name.cmp(&right.name));
    listed
}

#[cfg(test)]
mod tests {
    use tallyline_proto::model::Hash;

    use super::*;

    #[test]
    fn an_event_is_found_by_its_name_and_by_how_its_uuid_begins() {
        let event = EventId(Hash([0xab; 32]));
        let shelved = Shelved::new(event, "Sp\u{00e4}te Runde".to_owned());
        let uuid = event.uuid().to_string();
        let beginning_of = |count: usize| uuid.get(..count).unwrap_or_default().to_uppercase();
        for text in [
            "SP\u{00c4}TE RUNDE",
            &beginning_of(4),
            &beginning_of(9),
            &uuid,
        ] {
            assert!(shelved.is_meant(text), "{text}");
        }
        for count in [4, 8, 9, 14, 35, 36] {
            let (first, last) = beginning(&beginning_of(count)).unwrap();
            assert!(first <= event.uuid() && event.uuid() <= last, "{count}");
            assert!(
                first
                    .to_string()
                    .starts_with(&beginning_of(count).to_lowercase())
            );
        }
        for text in [
            "",
            "abc",
            "spring",
            "abababab0",
            "abab-abab",
            &"a".repeat(37),
        ] {
            assert_eq!(beginning(text), None, "{text}");
        }
        assert!(!shelved.is_meant("abc") && !shelved.is_meant("Runde"));
    }
}
