//! The cloud: one process for many events, alone on its files or one of several on one database.
//!
//! A cloud is a peer that owns nothing but its own log. Each event has a loop of its own, as on a
//! device; here is what such a process has besides: which events are active, which connection is
//! about which of them, and how nodes that share a database hear of each other.
//!
//! | file | what it is |
//! | --- | --- |
//! | `shelf` | where the events are kept |
//! | `events` | which of them are active, and their loops |
//! | `reception` | leads each connection to its event |
//! | `founding` | how many events may be founded, and by whom |
//! | `nobody` | what is about none of them |
//! | `served` | the events as HTTP serves them |
//! | `alerting` | what nodes that share a database tell about its events, once together |
//! | `people` | what HTTP keeps of people and requests, in the database that nodes share |
//! | `bus` | hints between nodes of one database |
//! | `nats` | hints over a NATS server |
//!
//! Layer: node, above `net`, `driver` and `local`; below `node`.

mod alerting;
mod bus;
mod events;
mod founding;
mod nats;
mod nobody;
mod people;
mod reception;
mod served;
mod shelf;

use std::sync::Arc;

use thiserror::Error;
use tokio::sync::watch;

use crate::clock::Clock;
use crate::config::EventsConfig;
use crate::entropy::EntropyError;
use crate::figures::Figures;
use crate::local::{Here, Network};
use crate::media::{Depot, DepotError};
use crate::net::Net;
use crate::root::{Root, RootError};
use crate::store::StoreError;
use crate::store::postgres::Database;

pub use alerting::Alerting;
pub use bus::{Bus, Hints};
pub use events::{Around, Events};
pub use nats::NatsServer;
pub use people::People;
pub use reception::Reception;
pub use shelf::{Folder, Shelf};

/// What a node has around its events.
#[derive(Clone)]
pub struct Surroundings {
    /// Its connections.
    pub net: Arc<Net>,
    /// What tells the time.
    pub clock: Clock,
    /// What the answers need of the network.
    pub network: Arc<dyn Network>,
    /// Who answers.
    pub here: Here,
    /// What the node counts.
    pub figures: Figures,
    /// Set when somebody asks the node to end.
    pub stop: Arc<watch::Sender<bool>>,
}

/// Why a cloud does not start.
#[derive(Debug, Error)]
pub enum CloudError {
    /// The root cannot be used.
    #[error(transparent)]
    Root(#[from] RootError),
    /// The database cannot be used.
    #[error(
        "the database of --store cannot be used: {0}; nothing was changed; check its address, that \
         it runs and that the user may make tables"
    )]
    Database(StoreError),
    /// Pictures and clips cannot be kept there.
    #[error(
        "the place of --blobs cannot be used: {0}; nothing was changed; check its name and rights"
    )]
    Blobs(#[from] DepotError),
    /// The loop of no event does not start.
    #[error("the node cannot start: {0}; nothing was changed; try again")]
    Start(StoreError),
    /// No randomness.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
}

/// Opens the events of a cloud, none of which is active yet. What it does by itself goes on until the
/// network ends.
///
/// # Errors
///
/// [`CloudError`], with what to do.
pub async fn start(
    root: Root,
    config: &EventsConfig,
    around: Surroundings,
) -> Result<Events, CloudError> {
    let lock = root.lock()?;
    let (shelf, bus, hear) = match &config.database {
        None => (
            Shelf::Folder(Folder::open(root.dir())?),
            Bus::in_process(),
            None,
        ),
        Some(url) => {
            let database = Database::connect(url, config.engine).await;
            let database = database.map_err(CloudError::Database)?;
            let (bus, hear) = Bus::join(database.clone(), config.hints.clone(), config.look_every)?;
            (Shelf::Database(database), bus, Some(hear))
        }
    };
    let place = config.blobs.as_ref();
    let depot = place.map(|place| Depot::open(place, around.clock.clone()));
    let depot = depot.transpose()?;
    let (net, media) = (Arc::clone(&around.net), around.here.media.clone());
    let events = Events::new(Around {
        root: Arc::new(root),
        shelf,
        net: around.net,
        clock: around.clock,
        network: around.network,
        here: around.here,
        stop: around.stop,
        bus,
        figures: around.figures,
        depot: depot.clone(),
        active_max: config.active_max,
        lock,
    })
    .map_err(CloudError::Start)?;
    if let Some(hear) = hear {
        net.run_beside(hear(events.clone()));
    }
    if let Some(depot) = depot {
        net.run_beside(depot.keep(media));
    }
    net.run_beside(events.clone().keep_tidy());
    Ok(events)
}

impl std::fmt::Debug for Surroundings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Surroundings")
            .field("here", &self.here)
            .finish_non_exhaustive()
    }
}
