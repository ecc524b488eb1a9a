//! The files of a cloud's events in its root: for each a store, and its manifest beside it.
//!
//! A device has one event, whose store lies in the root itself. Layer: node, root.

use std::fs;
use std::path::{Path, PathBuf};

use tallyline_proto::model::EventId;
use tallyline_proto::wire::{decode_manifest, event_id};

use super::{Mode, Root};

/// The folder of a root in which a cloud's events lie.
const FOLDER: &str = "events";

/// An event of a cloud, as its manifest tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shelved {
    /// Its id.
    pub event: EventId,
    /// What people call it.
    pub name: String,
}

impl Shelved {
    /// Reads a manifest; `None` if it is none.
    pub fn of(manifest: &[u8]) -> Option<Self> {
        let read = decode_manifest(manifest).ok()?;
        Some(Self {
            event: event_id(manifest),
            name: read.name,
        })
    }

    /// Tells whether this event is meant by its name, or by its UUID or the beginning of it.
    pub fn is_meant(&self, text: &str) -> bool {
        let lower = text.to_lowercase();
        let uuid = self.event.uuid().to_string();
        self.name.to_lowercase() == lower || (4 <= lower.len() && uuid.starts_with(&lower))
    }
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
