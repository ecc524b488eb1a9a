//! How a cloud keeps its events.
//!
//! Layer: node, config.

use std::num::NonZeroU16;
use std::str::FromStr;

use super::{ConfigError, Environment, Layers, Switch};
use crate::cloud::Hints;
use crate::media::DepotPlace;
use crate::store::postgres::Engine;

/// Events that a cloud node holds in memory at once unless something else is asked for: at some 2 MB
/// each half a GB, and a loop's thread each.
const ACTIVE_EVENTS_DEFAULT: usize = 256;

/// How a cloud keeps its events.
#[derive(Clone, PartialEq, Eq)]
pub struct EventsConfig {
    /// The database that its nodes share; `None`: files in the root.
    pub database: Option<String>,
    /// Where its nodes keep pictures and clips together; `None`: each keeps its own.
    pub blobs: Option<DepotPlace>,
    /// How the nodes of a database hear of each other.
    pub hints: Hints,
    /// What the database's engine can do.
    pub engine: Engine,
    /// Events that are in memory at once, at most.
    pub active_max: usize,
}

/// Puts together how a cloud keeps its events.
pub(super) fn events(layers: &Layers, env: &Environment) -> Result<EventsConfig, ConfigError> {
    let store_advice =
        "write postgres://user@host:5432/database, or leave it out for files in the root";
    let database = layers.read::<DatabaseUrl>("store", store_advice, |raw| raw.store.clone())?;
    let blobs_advice = "write a folder, or s3://BUCKET/PREFIX";
    let mut blobs = layers.read("blobs", blobs_advice, |raw| raw.blobs.clone())?;
    if let Some(DepotPlace::Bucket { settings, .. }) = &mut blobs {
        *settings = env.beginning_with("AWS_");
    }
    let locks = layers.read::<Switch>("advisory_locks", "use true or false", |raw| {
        raw.advisory_locks.clone()
    })?;
    let active_advice = "write how many, 1 to 10000";
    let active = layers.read::<NonZeroU16>("active_events", active_advice, |raw| {
        raw.active_events.clone()
    })?;
    Ok(EventsConfig {
        database: database.map(|it| it.0),
        blobs,
        hints: layers
            .read("hints", "use notify or poll", |raw| raw.hints.clone())?
            .unwrap_or(Hints::Notify),
        engine: Engine {
            advisory_locks: locks.is_none_or(|it| it.0),
        },
        active_max: active.map_or(ACTIVE_EVENTS_DEFAULT, |it| usize::from(it.get())),
    })
}

/// The address of a database.
struct DatabaseUrl(String);

impl FromStr for DatabaseUrl {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let known = ["postgres://", "postgresql://"];
        let fits = known.iter().any(|scheme| text.starts_with(scheme));
        fits.then(|| Self(text.to_owned())).ok_or(())
    }
}

impl std::fmt::Debug for EventsConfig {
    /// Shows nothing of the database's address, which may hold a password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EventsConfig")
            .field("database", &self.database.is_some())
            .field("blobs", &self.blobs)
            .field("hints", &self.hints)
            .field("engine", &self.engine)
            .field("active_max", &self.active_max)
            .finish()
    }
}
