//! How a cloud keeps its events, and whether HTTPS stands in for UDP.
//!
//! Layer: node, config.

use std::net::SocketAddr;
use std::num::NonZeroU16;
use std::str::FromStr;
use std::time::Duration;

use super::{ConfigError, Environment, Layers, Switch};
use crate::cloud::Hints;
use crate::media::DepotPlace;
use crate::store::postgres::Engine;

/// Events that a cloud node holds in memory at once unless something else is asked for: at some 2 MB
/// each half a GB, and a loop's thread each.
const ACTIVE_EVENTS_DEFAULT: usize = 256;

/// How often a node may be told to look by itself: not so often that it keeps the database busy.
const EVERY: std::ops::RangeInclusive<Duration> =
    Duration::from_millis(100)..=Duration::from_hours(24);

/// How a cloud keeps its events.
#[derive(Clone, PartialEq, Eq)]
pub struct EventsConfig {
    /// The database that its nodes share; `None`: files in the root.
    pub database: Option<String>,
    /// Where its nodes keep pictures and clips together; `None`: each keeps its own.
    pub blobs: Option<DepotPlace>,
    /// How the nodes of a database hear of each other.
    pub hints: Hints,
    /// How often a node looks at the database by itself, whatever hints say; `None`: as often as the
    /// way of hints needs it.
    pub look_every: Option<Duration>,
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
    let hints_advice = "use notify, poll, or nats://host:4222 of a NATS server";
    let look_advice = "write a time from 100ms to 24h, such as 2s or 500ms";
    let look_every =
        layers.read::<Every>("look_every", look_advice, |raw| raw.look_every.clone())?;
    Ok(EventsConfig {
        database: database.map(|it| it.0),
        blobs,
        hints: layers
            .read("hints", hints_advice, |raw| raw.hints.clone())?
            .unwrap_or(Hints::Notify),
        look_every: look_every.map(|it| it.0),
        engine: Engine {
            advisory_locks: locks.is_none_or(|it| it.0),
        },
        active_max: active.map_or(ACTIVE_EVENTS_DEFAULT, |it| usize::from(it.get())),
    })
}

/// Whether HTTPS stands in where no UDP gets through, on the way to the cloud.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fallback {
    /// Yes; a cloud takes it on the port numbers that it listens on.
    #[default]
    On,
    /// Yes; a cloud takes it here.
    At(SocketAddr),
    /// No.
    Off,
}

impl FromStr for Fallback {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "on" | "true" => Ok(Self::On),
            "off" | "false" => Ok(Self::Off),
            _ => text.parse().map(Self::At).map_err(drop),
        }
    }
}

/// Reads whether HTTPS stands in.
pub(super) fn fallback(layers: &Layers) -> Result<Fallback, ConfigError> {
    let advice = "use on, off, or ip:port for a cloud, for example 0.0.0.0:443";
    let read = layers.read("fallback", advice, |raw| raw.fallback.clone())?;
    Ok(read.unwrap_or_default())
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

/// How often something is done.
struct Every(Duration);

impl FromStr for Every {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let end = text.find(|it: char| !it.is_ascii_digit()).ok_or(())?;
        let (number, unit) = text.split_at_checked(end).ok_or(())?;
        let unit_ms: u64 = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            _ => return Err(()),
        };
        let number: u64 = number.parse().map_err(|_| ())?;
        let every = Duration::from_millis(number.checked_mul(unit_ms).ok_or(())?);
        EVERY.contains(&every).then_some(Self(every)).ok_or(())
    }
}

impl std::fmt::Debug for EventsConfig {
    /// Shows nothing of the database's address, which may hold a password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EventsConfig")
            .field("database", &self.database.is_some())
            .field("blobs", &self.blobs)
            .field("hints", &self.hints)
            .field("look_every", &self.look_every)
            .field("engine", &self.engine)
            .field("active_max", &self.active_max)
            .finish()
    }
}
