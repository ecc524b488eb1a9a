//! Where a cloud keeps its events: a folder with a file for each, or a database.
//!
//! Knows which events there are and how each is opened; not who is connected. Layer: node, cloud.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use tallyline_proto::model::EventId;
use tallyline_proto::replica::{Disk as _, Identity, Write};
use tallyline_proto::wire::{decode_manifest, event_id, event_tag};
use tokio::task::spawn_blocking;
use uuid::Uuid;

use crate::clock::Clock;
use crate::driver::{Content, Home, Opener, Origin};
use crate::root::events::{self, Shelved};
use crate::root::room::Room;
use crate::root::{self, Root, RootError};
use crate::store::postgres::Database;
use crate::store::{self, EventStore as _, Store, StoreError};

/// Events that are listed, at most: a busy year of one cloud. The others are found by name.
const LISTED_MAX: u32 = 10_000;

/// Where the events of a cloud are kept.
#[derive(Clone, Debug)]
pub enum Shelf {
    /// Files of one machine.
    Folder(Folder),
    /// A database that several nodes share.
    Database(Database),
}

/// Events as files: for each a store, and its manifest beside it.
#[derive(Clone, Debug)]
pub struct Folder {
    root: PathBuf,
    /// The events by what a Hello names them by.
    known: Arc<Mutex<BTreeMap<[u8; 8], Shelved>>>,
}

/// What a cloud keeps of one event outside of its store.
struct ShelvedHome {
    node: Arc<Root>,
    /// The manifest's file; a database has it in a table.
    manifest: Option<PathBuf>,
    room: Option<Room>,
}

impl Shelf {
    /// Returns the event that a Hello names, if it is kept.
    ///
    /// # Errors
    ///
    /// What the database said.
    pub(super) async fn find(&self, tag: [u8; 8]) -> Result<Option<EventId>, StoreError> {
        match self {
            Self::Folder(folder) => Ok(folder.known().get(&tag).map(|it| it.event)),
            Self::Database(database) => {
                let kept = database.find(tag).await?;
                Ok(kept.first().map(|kept| kept.event))
            }
        }
    }

    /// Returns the event of a UUID, if it is kept.
    ///
    /// # Errors
    ///
    /// What the database said.
    pub(super) async fn named(&self, uuid: Uuid) -> Result<Option<EventId>, StoreError> {
        match self {
            Self::Folder(folder) => {
                let known = folder.known();
                let events = known.values().map(|it| it.event);
                Ok(events.into_iter().find(|event| event.uuid() == uuid))
            }
            Self::Database(database) => database.named(uuid).await,
        }
    }

    /// Returns the events that are kept, at most [`LISTED_MAX`], by name.
    ///
    /// # Errors
    ///
    /// What the database said.
    pub(super) async fn list(&self) -> Result<Vec<Shelved>, StoreError> {
        let mut listed = match self {
            Self::Folder(folder) => folder.known().values().cloned().collect(),
            Self::Database(database) => database.list(LISTED_MAX).await?,
        };
        listed.sort_by(|left: &Shelved, right| left.name.cmp(&right.name));
        Ok(listed)
    }

    /// Returns the events that a text means, at most `limit`; without a text any.
    ///
    /// # Errors
    ///
    /// What the database said.
    pub(super) async fn meant(
        &self,
        text: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Shelved>, StoreError> {
        match self {
            Self::Folder(folder) => {
                let known = folder.known();
                let meant = known
                    .values()
                    .filter(|it| text.is_none_or(|text| it.is_meant(text)));
                let limit = usize::try_from(limit).unwrap_or(usize::MAX);
                Ok(meant.take(limit).cloned().collect())
            }
            Self::Database(database) => database.meant(text, limit).await,
        }
    }

    /// Returns how many bytes the events take; `None` where the database does not say.
    ///
    /// # Errors
    ///
    /// What the store said.
    pub(super) async fn bytes(&self) -> Result<Option<u64>, StoreError> {
        match self {
            Self::Folder(folder) => {
                let root = folder.root.clone();
                let bytes = spawn_blocking(move || events::bytes(&root)).await;
                Ok(bytes.ok())
            }
            Self::Database(database) => database.bytes().await,
        }
    }

    /// Makes the place of an event, so that it is found again.
    ///
    /// # Errors
    ///
    /// What the store said; nothing is kept then.
    pub(super) async fn take(&self, manifest: Vec<u8>) -> Result<EventId, StoreError> {
        let event = event_id(&manifest);
        match self {
            Self::Folder(folder) => {
                let folder = folder.clone();
                spawn_blocking(move || folder.take(event, &manifest))
                    .await
                    .map_err(|error| StoreError::Disk(error.to_string()))??;
            }
            Self::Database(database) => {
                let mut store = database.open(event).await?;
                spawn_blocking(move || {
                    // Another node may have made it a moment ago.
                    let stored = store.load()?;
                    if stored.manifest.is_none() {
                        store.commit(&[Write::Manifest(manifest)])?;
                    }
                    Ok::<(), StoreError>(())
                })
                .await
                .map_err(|error| StoreError::Disk(error.to_string()))??;
            }
        }
        Ok(event)
    }

    /// Returns what the loop of an event is made from.
    pub(super) fn origin(&self, event: EventId, node: &Arc<Root>, clock: Clock) -> Origin {
        let (manifest, room, opener): (_, _, Opener) = match self {
            Self::Folder(folder) => {
                let path = events::store(&folder.root, event);
                let opener = move |content| {
                    if content == Content::SetAside {
                        store::set_aside(&path)?;
                    }
                    Store::open_or_set_aside(&path).map(|(store, _)| store.into())
                };
                let room = Room::under(&folder.root);
                (
                    Some(events::manifest(&folder.root, event)),
                    Some(room),
                    Box::new(opener),
                )
            }
            Self::Database(database) => {
                let database = database.clone();
                let opener = move |content| match content {
                    Content::Keep => database.open_now(event).map(Into::into),
                    Content::SetAside => Err(StoreError::Disk(
                        "what the database holds of the event cannot be read; restore it from a \
                         backup, or rebuild it from the devices"
                            .to_owned(),
                    )),
                };
                (None, None, Box::new(opener))
            }
        };
        let home = ShelvedHome {
            node: Arc::clone(node),
            manifest,
            room,
        };
        Origin {
            home: Box::new(home),
            clock,
            opener,
        }
    }
}

impl Folder {
    /// Opens the events of a root. A root of an earlier version has one event, in the place of a
    /// device's; it is moved to the others.
    ///
    /// # Errors
    ///
    /// What the disk said.
    pub fn open(root: &Path) -> Result<Self, RootError> {
        let folder = Self {
            root: root.to_owned(),
            known: Arc::default(),
        };
        let dir = events::folder(root);
        fs::create_dir_all(&dir).map_err(|error| root::io_error(&dir, "made", error))?;
        folder.move_single()?;
        for shelved in events::list(root) {
            folder.note(shelved);
        }
        Ok(folder)
    }

    fn move_single(&self) -> Result<(), RootError> {
        let single = self.root.join(root::STORE_FILE);
        if !single.exists() {
            return Ok(());
        }
        let stored = Store::open_copy(&single).and_then(|store| store.load());
        let manifest = match stored {
            Ok(stored) => stored.manifest,
            Err(error) => {
                tracing::error!(%error, path = %single.display(), "the store cannot be read and stays where it is");
                return Ok(());
            }
        };
        let Some(manifest) = manifest else {
            return Ok(());
        };
        let event = event_id(&manifest);
        root::replace_file(&events::manifest(&self.root, event), &manifest)?;
        let to = events::store(&self.root, event);
        fs::rename(&single, &to).map_err(|error| root::io_error(&to, "made", error))?;
        root::sync_dir(&events::folder(&self.root))?;
        root::sync_dir(&self.root)
    }

    fn take(&self, event: EventId, manifest: &[u8]) -> Result<(), StoreError> {
        root::replace_file(&events::manifest(&self.root, event), manifest)
            .map_err(|error| StoreError::Disk(error.to_string()))?;
        // The next start would leave out what cannot be read.
        if let Some(shelved) = Shelved::of(manifest) {
            self.note(shelved);
        }
        Ok(())
    }

    fn note(&self, shelved: Shelved) {
        self.known().insert(event_tag(shelved.event), shelved);
    }

    fn known(&self) -> std::sync::MutexGuard<'_, BTreeMap<[u8; 8], Shelved>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Home for ShelvedHome {
    fn identity(&self, store: u64) -> Identity {
        self.node.identity(store)
    }

    fn keep_manifest(&self, manifest: &[u8]) -> Result<(), RootError> {
        match &self.manifest {
            Some(path) if !path.exists() => root::replace_file(path, manifest),
            Some(_) | None => Ok(()),
        }
    }

    fn kept_manifest(&self) -> Option<Vec<u8>> {
        let manifest = fs::read(self.manifest.as_ref()?).ok()?;
        decode_manifest(&manifest).is_ok().then_some(manifest)
    }

    fn room(&self) -> Option<&Room> {
        self.room.as_ref()
    }
}
