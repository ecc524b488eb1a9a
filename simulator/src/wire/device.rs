//! One device of the field: a real node without a folder, on a simulated card and socket.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tallyline::clock::{Clock, WallClock};
use tallyline::driver::{Content, Driver, Home, Opener, Origin, read_event};
use tallyline::entropy;
use tallyline::net::{Ground, MDNS_PORT, Net, NetConfig, NetError, Sighting, Uplink};
use tallyline::root::{Mode, RootError};
use tallyline::store::StoreError;
use tallyline_keys::{DeviceKey, PublicKey};
use tallyline_proto::model::Incarnation;
use tallyline_proto::replica::{Command, Identity, Now, Replica, Reply};
use thiserror::Error;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::crypto;
use super::tasks::Tasks;
use super::udp::{Ether, Socket};
use super::watch::{Ear, Mouth, Watch, Who};
use crate::venue::{DeviceNo, Kind};
use crate::{Platter, open_store};

/// Sightings that wait for a device, at most.
const SIGHTINGS_MAX: usize = 64;

/// How long a person waits for an answer; a node that needs longer hangs.
const PATIENCE: Duration = Duration::from_mins(1);

/// How long a person waits who was told that the disk fails: questions wait until the store is
/// open again.
const PATIENCE_IN_TROUBLE: Duration = Duration::from_secs(2);

/// A device, running or not.
#[derive(Debug)]
pub(super) struct Device {
    pub(super) no: DeviceNo,
    pub(super) label: String,
    pub(super) kind: Kind,
    pub(super) key: PublicKey,
    pub(super) address: SocketAddr,
    pub(super) card: Platter,
    pub(super) wall: WallClock,
    pub(super) uplink: Option<Uplink>,
    pub(super) manifest: Manifest,
    /// How often it was started.
    pub(super) life: u64,
    pub(super) process: Option<Process>,
    seed: [u8; 32],
}

/// The manifest that lies beside the store.
#[derive(Clone, Debug, Default)]
pub(super) struct Manifest(Arc<Mutex<Option<Vec<u8>>>>);

/// A process that runs.
#[derive(Debug)]
pub(super) struct Process {
    pub(super) net: Net,
    pub(super) driver: Driver,
    pub(super) socket: Arc<Socket>,
    pub(super) sightings: mpsc::Sender<Sighting>,
    tasks: Arc<Tasks>,
}

/// What the loop needs of the device.
struct Keeper {
    seed: [u8; 32],
    label: String,
    kind: Kind,
    manifest: Manifest,
}

/// Why a process does not start.
#[derive(Debug, Error)]
pub(super) enum NotStarted {
    /// The card does not give its store.
    #[error("no store: {0}")]
    Disk(#[from] StoreError),
    /// The network does not start.
    #[error("no network: {0}")]
    Net(#[from] NetError),
}

/// Why a command was not answered.
#[derive(Debug)]
pub(super) enum Unanswered {
    /// Nobody is there, or the disk failed: nothing is promised.
    Failed,
    /// The node hangs.
    Hangs,
}

impl Device {
    /// Makes a device that is off.
    pub(super) fn new(no: DeviceNo, label: &str, kind: Kind, address: SocketAddr) -> Option<Self> {
        let seed = entropy::bytes::<32>().ok()?;
        Some(Self {
            no,
            label: label.to_owned(),
            kind,
            key: DeviceKey::from_seed(seed).public(),
            address,
            card: Platter::new(entropy::number().ok()?),
            wall: WallClock::default(),
            uplink: None,
            manifest: Manifest::default(),
            life: 0,
            process: None,
            seed,
        })
    }

    /// Returns the name under which this process announces itself.
    pub(super) fn name(&self) -> String {
        format!("{}-{}", self.no, self.life)
    }

    /// Starts its process.
    pub(super) fn start(&mut self, ether: &Ether, watch: &Watch) -> Result<(), NotStarted> {
        self.card.revive();
        self.life += 1;
        let tasks = Arc::new(Tasks::default());
        let socket = ether.bind(self.address);
        let (sightings, seen) = mpsc::channel(SIGHTINGS_MAX);
        let ground = Ground {
            sockets: vec![socket.clone()],
            runtime: tasks.clone(),
            provider: Some(crypto::provider()),
            token_key: Some(crypto::token_key(&self.seed)),
            sightings: Some(seen),
        };
        let net = Net::start_on(self.net_config(), ground)?;
        let who = Who {
            no: self.no,
            key: self.key,
            life: self.life,
        };
        let mouth = Mouth {
            watch: watch.clone(),
            who,
            link: net.link(),
        };
        let prepared = Driver::prepare(self.origin(), Arc::new(mouth));
        let (driver, work) = prepared.inspect_err(|_| socket.unplug())?;
        tasks.run(work);
        net.attach(Ear {
            watch: watch.clone(),
            who,
            driver: driver.clone(),
        });
        self.process = Some(Process {
            net,
            driver,
            socket,
            sightings,
            tasks,
        });
        Ok(())
    }

    /// Ends its process at once; what was not synced is lost with `power`.
    pub(super) async fn kill(&mut self, power: bool) {
        if power {
            self.card.power_cut();
        } else {
            self.card.kill();
        }
        if let Some(process) = self.process.take() {
            process.socket.unplug();
            process.net.abandon();
            process.tasks.end().await;
        }
    }

    /// Ends its process as a person would.
    pub(super) async fn stop(&mut self) {
        if let Some(process) = self.process.take() {
            process.net.close().await;
            process.driver.stop().await;
            process.driver.ended().await;
            process.socket.unplug();
            process.tasks.end().await;
        }
    }

    /// Moves it to another address, in the middle of whatever it does.
    pub(super) fn move_to(&mut self, address: SocketAddr) {
        self.address = address;
        if let Some(process) = &self.process {
            process.socket.move_to(address);
        }
    }

    /// Asks its node for something.
    pub(super) async fn command(&self, command: Command) -> Result<Reply, Unanswered> {
        let process = self.process.as_ref().ok_or(Unanswered::Failed)?;
        let answer = timeout(PATIENCE, process.driver.command(command)).await;
        answer
            .map_err(|_| Unanswered::Hangs)?
            .map_err(|_| Unanswered::Failed)
    }

    /// Looks at its node; what its card holds if it does not run.
    pub(super) async fn look<T: Send + 'static>(
        &self,
        look: impl FnOnce(&mut Replica, Now) -> T + Send + 'static,
    ) -> Result<T, Unanswered> {
        let Some(process) = &self.process else {
            let mut replica = self.on_card().map_err(|_| Unanswered::Failed)?;
            let now = Now {
                mono_ms: 0,
                wall_ms: 0,
            };
            return Ok(look(&mut replica, now));
        };
        let patience = match process.driver.trouble() {
            None => PATIENCE,
            Some(_) => PATIENCE_IN_TROUBLE,
        };
        match timeout(patience, process.driver.query(look)).await {
            Ok(answer) => answer.map_err(|_| Unanswered::Failed),
            Err(_) if process.driver.trouble().is_some() => Err(Unanswered::Failed),
            Err(_) => Err(Unanswered::Hangs),
        }
    }

    /// Reads what its card holds, on a copy.
    fn on_card(&self) -> Result<Replica, StoreError> {
        let copy = Platter::from_image(0, self.card.image());
        let mut store = open_store(&copy, 0)?;
        let keeper = self.keeper();
        read_event(
            &mut store,
            |id| keeper.identity(id),
            || None,
            Incarnation(0),
        )
    }

    fn keeper(&self) -> Keeper {
        Keeper {
            seed: self.seed,
            label: self.label.clone(),
            kind: self.kind,
            manifest: self.manifest.clone(),
        }
    }

    fn origin(&self) -> Origin {
        let card = self.card.clone();
        let opener: Opener = Box::new(move |content| match content {
            Content::Keep => open_store(&card, entropy::number()?).map(Into::into),
            // No card is damaged here, so this is the store's fault.
            Content::SetAside => Err(StoreError::Damaged("the card was sound".to_owned())),
        });
        Origin {
            home: Box::new(self.keeper()),
            clock: Clock::of_runtime(self.wall.clone()),
            opener,
        }
    }

    fn net_config(&self) -> NetConfig {
        NetConfig {
            key: Arc::new(DeviceKey::from_seed(self.seed)),
            listen: Vec::new(),
            peers: Vec::new(),
            mdns: false,
            mdns_port: MDNS_PORT,
            uplink: self.uplink.clone(),
            fallback: false,
            mode: match self.kind {
                Kind::Tablet => Mode::Device,
                Kind::Cloud => Mode::Cloud,
            },
            memory: None,
        }
    }
}

impl Manifest {
    /// Returns the manifest.
    pub(super) fn get(&self) -> Option<Vec<u8>> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Puts another one in its place.
    pub(super) fn set(&self, manifest: Option<Vec<u8>>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = manifest;
    }
}

impl Home for Keeper {
    fn identity(&self, store: u64) -> Identity {
        Identity {
            key: DeviceKey::from_seed(self.seed),
            store,
            label: self.label.clone(),
            cloud: self.kind == Kind::Cloud,
            warrant: None,
        }
    }

    fn keep_manifest(&self, manifest: &[u8]) -> Result<(), RootError> {
        self.manifest.set(Some(manifest.to_vec()));
        Ok(())
    }

    fn kept_manifest(&self) -> Option<Vec<u8>> {
        self.manifest.get()
    }
}
