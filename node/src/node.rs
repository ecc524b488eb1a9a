//! All of it together: what `tallyline run` runs.
//!
//! Root, driver, network and command socket on one small tokio runtime, and their end in the
//! right order: nobody new is let in, connections say goodbye, the loop commits what it has.
//! Layer: node, top; only `cli` is above.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tallyline_keys::{DeviceKey, PublicKey, Warrant};
use thiserror::Error;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::task::spawn_blocking;

use crate::alerts::{self, Ledger, OpenNow};
use crate::api::{
    self, Accounts, Api, Crowd, Door, FileAccounts, InMemory, ListenError, OneEvent, Parts, Shared,
    Tokens, UplinkDoor, Uplinks,
};
use crate::beside::Beside;
use crate::clock::Clock;
use crate::cloud::{self, CloudError, Events, People, Reception};
use crate::config::{Config, Fallback};
use crate::driver::{Driver, DriverThread, StartError};
use crate::figures::Figures;
use crate::growth::Growth;
use crate::local::protocol::{CloudData, LinkStatus, MdnsData, Scope, WhyNot, WireBytes};
use crate::local::{Alarm, Clerk, Condition, Here, Network, ServeError, Server, score_line};
use crate::media::{self, Fetcher, Media, Metered};
use crate::net::{self, CloudLink, Net, NetConfig, NetError, Trouble};
use crate::root::{Mode, Root, RootError, socket_path};
use crate::security::Seen;

/// Threads of the runtime: connections and command sockets are light, and a Pi has few cores,
/// of which the loop has one.
const WORKERS: usize = 2;

/// Folder in the root with what HTTP keeps: accounts, the keys of tokens, plans.
pub const HTTP_DIR: &str = "http";

/// A node that runs: who it is and where it is reached.
#[derive(Clone, Debug)]
pub struct Ready {
    /// What the device is called.
    pub label: String,
    /// Its key.
    pub key: PublicKey,
    /// What it is for.
    pub mode: Mode,
    /// Addresses at which other devices reach it, best first.
    pub addresses: Vec<SocketAddr>,
    /// Where HTTP is served; empty if it is not.
    pub http: Vec<SocketAddr>,
    /// Where a cloud takes devices that no UDP gets through to; empty if it does not.
    pub https: Vec<SocketAddr>,
    /// The command socket.
    pub socket: PathBuf,
}

/// Why a node does not run, or ended badly.
#[derive(Debug, Error)]
pub enum RunError {
    /// The root cannot be used.
    #[error(transparent)]
    Root(#[from] RootError),
    /// The loop does not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The network does not start.
    #[error(transparent)]
    Net(#[from] NetError),
    /// There is no command socket.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// HTTP cannot be served.
    #[error(transparent)]
    Http(#[from] ListenError),
    /// The system gave no threads or signals.
    #[error("the node cannot start ({0}); nothing was changed; try again")]
    System(#[from] io::Error),
    /// The events of a cloud cannot be opened.
    #[error(transparent)]
    Cloud(#[from] CloudError),
    /// The loop ended by a fault.
    #[error("{0}")]
    Fault(String),
}

/// What the command socket sees of the network.
struct NetView(Arc<Net>, Vec<SocketAddr>);

/// Runs the node of a root until it is told to stop; `ready` is called once it answers.
///
/// # Errors
///
/// [`RunError`], with what to do.
pub fn run(config: &Config, ready: impl FnOnce(&Ready)) -> Result<(), RunError> {
    let root = Root::open_with(&config.root, &config.passphrase)?.with_mode(config.mode);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .enable_all()
        .build()?;
    let thread = runtime.block_on(live(root, config, ready))?;
    thread.map_or(Ok(()), |thread| thread.join().map_err(RunError::Fault))
}

/// The node's key, and what makes it one of a cloud's if it is.
type Identity = (Arc<DeviceKey>, Option<Warrant>);

/// Where others than members ask over TCP, and who answers them.
struct Outside {
    door: Door,
    crowd: Crowd,
    uplinks: UplinkDoor,
    identity: Identity,
}

/// What a node's answers and connections rest on: one event's loop, or a cloud's many.
enum Heart {
    One(Box<One>),
    Many(Events),
}

/// The one event of a device.
struct One {
    driver: Driver,
    thread: DriverThread,
    beside: Beside,
    growth: Growth,
}

/// The node's whole life; returns the loop's thread, which has ended or is about to.
async fn live(
    root: Root,
    config: &Config,
    ready: impl FnOnce(&Ready),
) -> Result<Option<DriverThread>, RunError> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let beside = match root.mode() {
        Mode::Cloud => Beside::default(),
        Mode::Device | Mode::Gateway => Beside::of_node(root.dir(), config.score_log),
    };
    let figures = Figures::default();
    let here = Here {
        beside: beside.clone(),
        figures: figures.clone(),
        media: Media::of_root(root.dir(), config.media_quota),
        ..Here::from(&root)
    };
    let key = root.key();
    let clock = Clock::start();

    // Tried before the port is bound, so that a root in use is named and not its port.
    root.may_sign()?;
    drop(root.lock()?);
    let door = Door::open(&config.http).await?;
    let net = Arc::new(Net::start(net_config(&root, config))?);
    let outside = Outside::open(door, &root, &net, config).await?;
    let (stop, stopped) = watch::channel(false);
    let stop = Arc::new(stop);
    let network: Arc<dyn Network> = Arc::new(NetView(Arc::clone(&net), outside.https()));
    let around = cloud::Surroundings {
        net: Arc::clone(&net),
        clock: clock.clone(),
        network: Arc::clone(&network),
        here: here.clone(),
        figures,
        stop: Arc::clone(&stop),
    };
    let heart = open(root, config, around.clone(), beside).await?;
    let server = match Server::bind(&here.dir) {
        Ok(server) => server,
        Err(error) => {
            end(&net, &heart).await;
            return Err(error.into());
        }
    };
    here.media.clean(clock.now().wall_ms);
    attach(&net, &heart, &here, (config.metered, stopped.clone()));
    ready(&Ready {
        label: here.label.clone(),
        key,
        mode: here.mode,
        addresses: net.addresses(),
        http: outside.door.addresses().to_vec(),
        https: outside.https(),
        socket: socket_path(&here.dir),
    });
    let watch = watch_for_end(
        &heart,
        &stop,
        stopped.clone(),
        (&mut interrupt, &mut terminate),
    );
    let settings = (config.alerts.clone(), stopped);
    tokio::join!(serve(&heart, server, around, outside, settings), watch);
    end(&net, &heart).await;
    Ok(match heart {
        Heart::One(one) => Some(one.thread),
        Heart::Many(_) => None,
    })
}

/// Answers on the command socket and over HTTP, writes the files beside the store and tells alerts,
/// until the node ends.
async fn serve(
    heart: &Heart,
    server: Server,
    around: cloud::Surroundings,
    outside: Outside,
    (settings, stopped): (alerts::Settings, watch::Receiver<bool>),
) {
    let cloud::Surroundings {
        clock,
        here,
        net,
        figures,
        ..
    } = around;
    let (dir, mode) = (here.dir.clone(), here.mode);
    let kept = (mode, outside.crowd, heart.people());
    let (asked, identity) = ((outside.door, dir.as_path(), kept), outside.identity);
    match heart {
        Heart::One(one) => {
            let clerk = Clerk::new(one.driver.clone(), around.network, here, around.stop);
            let events = Arc::new(OneEvent::new(clerk.clone(), one.growth.clone()));
            let ledger = Ledger::default();
            let kept = (dir.clone(), settings, ledger.node.clone());
            let told = (figures, ledger);
            let http = http(
                asked,
                events,
                (identity, clock.clone(), told),
                stopped.clone(),
            );
            let alerts = alerts::keep(clerk.clone(), kept, stopped.clone());
            let serve = server.serve(clerk, stopped.clone());
            let beside = one.beside.clone();
            let keep = beside.keep(one.driver.clone(), clock, stopped, score_line);
            tokio::join!(serve, keep, alerts, http);
        }
        Heart::Many(events) => {
            let all = Arc::new(events.clone());
            let uplinks = Uplinks {
                net,
                key: Arc::clone(&identity.0),
                warrant: identity.1.clone(),
                clock: clock.clone(),
                stopped: stopped.clone(),
            };
            let keeper = keeper(events, dir.clone(), clock.clone()).await;
            let https = uplinks_served(outside.uplinks, uplinks);
            let ledger = Ledger {
                node: OpenNow::default(),
                events: Some(Arc::clone(&keeper)),
            };
            let kept = (dir.clone(), settings, ledger.node.clone());
            let told = (figures, ledger);
            let http = http(asked, all, (identity, clock, told), stopped.clone());
            let cloud = alerts::Cloud {
                node: events.nobodys_clerk(),
                active: || events.looked_after(),
            };
            let alerts = alerts::keep_many(cloud, keeper, kept, stopped.clone());
            let serve = server.serve(events.clone(), stopped);
            tokio::join!(serve, alerts, http, https);
        }
    }
}

/// Opens what keeps what is told about a cloud's events.
async fn keeper(events: &Events, dir: PathBuf, clock: Clock) -> Arc<dyn alerts::Keeper> {
    if let Some(shared) = events.alerting() {
        return Arc::new(shared);
    }
    let loaded = spawn_blocking(move || alerts::FileKeeper::load(&dir, clock)).await;
    match loaded {
        Ok(keeper) => Arc::new(keeper),
        // The runtime is ending.
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

/// Serves HTTP until the node ends, if it was asked for. What HTTP keeps lies in a folder of its own,
/// which is not made before somebody asks for it, or in the database that nodes share.
async fn http(
    (door, dir, (mode, crowd, people)): (Door, &Path, (Mode, Crowd, Option<People>)),
    events: Arc<dyn api::Events>,
    ((key, warrant), clock, (figures, alerts)): (Identity, Clock, (Figures, Ledger)),
    stopped: watch::Receiver<bool>,
) {
    if door.addresses().is_empty() {
        return;
    }
    let dir = dir.join(HTTP_DIR);
    let (accounts, shared, tokens) = match keepers(&dir, people).await {
        Ok(opened) => opened,
        Err(why) => {
            tracing::error!(why, "HTTP is not served; scores are taken all the same");
            return;
        }
    };
    let api = Api::new(Parts {
        events,
        accounts,
        shared,
        tokens,
        key,
        warrant,
        mode,
        crowd,
        dir,
        clock,
        figures,
        alerts,
        stopped: stopped.clone(),
    });
    door.serve(&api, stopped).await;
    api.finish().await;
}

type Keepers = (Arc<dyn Accounts>, Arc<dyn Shared>, Tokens);

/// Opens what keeps people and their requests. The folder is for files on their way in, too.
async fn keepers(dir: &Path, people: Option<People>) -> Result<Keepers, String> {
    let files = FileAccounts::open(dir).map_err(|error| error.to_string())?;
    api::forget_incoming(dir).map_err(|error| error.to_string())?;
    let (accounts, shared): (Arc<dyn Accounts>, Arc<dyn Shared>) = match people {
        None => (Arc::new(files), Arc::new(InMemory::default())),
        Some(people) => {
            let people = Arc::new(people);
            (people.clone(), people)
        }
    };
    let keys = accounts
        .token_keys()
        .await
        .map_err(|problem| problem.text)?;
    let tokens = keys.ready().map_err(|error| error.to_string())?;
    Ok((accounts, shared, tokens))
}

/// Takes devices that no UDP gets through to, until the node ends.
async fn uplinks_served(door: UplinkDoor, uplinks: Uplinks) {
    if let Err(error) = door.serve(uplinks).await {
        tracing::error!(%error, "no device is taken over HTTPS; UDP works all the same");
    }
}

/// Opens what the node's answers and connections rest on.
async fn open(
    root: Root,
    config: &Config,
    around: cloud::Surroundings,
    beside: Beside,
) -> Result<Heart, RunError> {
    if root.mode() == Mode::Cloud {
        let events = cloud::start(root, &config.events, around).await?;
        return Ok(Heart::Many(events));
    }
    let growth = Growth::default();
    let link = growth.watch(beside.watch(around.net.link(), around.clock.clone()));
    let link = around.figures.watch(link);
    let (driver, thread) = Driver::start(root, link, around.clock)?;
    Ok(Heart::One(Box::new(One {
        driver: driver.counting(around.figures),
        thread,
        beside,
        growth,
    })))
}

/// Lets connections in: frames go to the heart, and what is said about media beside them to who answers
/// for it. A cloud's events fetch theirs by themselves.
fn attach(
    net: &Arc<Net>,
    heart: &Heart,
    here: &Here,
    (metered, stopped): (Metered, watch::Receiver<bool>),
) {
    match heart {
        Heart::One(one) => {
            let driver = &one.driver;
            let media = here.media.clone();
            net.attach_sides(Arc::new(media::Server::new(media.clone(), net, metered)));
            net.attach(driver.clone());
            let settings = (here.mode, metered);
            let fetcher = Fetcher::new(media, Arc::clone(net), driver.clone(), settings);
            net.run_beside(fetcher.run(stopped));
        }
        Heart::Many(events) => {
            net.attach_sides(Arc::new(events.clone()));
            let reception = Reception::new(events.clone());
            net.run_beside(reception.clone().ask_the_silent());
            net.attach(reception);
        }
    }
}

/// Sets `stop` when a signal comes or the loop ends by itself; returns once it is set.
async fn watch_for_end(
    heart: &Heart,
    stop: &watch::Sender<bool>,
    mut stopped: watch::Receiver<bool>,
    (interrupt, terminate): (&mut Signal, &mut Signal),
) {
    tokio::select! {
        biased;
        _ = stopped.wait_for(|stop| *stop) => tracing::info!("told to stop"),
        _ = interrupt.recv() => tracing::info!("interrupted"),
        _ = terminate.recv() => tracing::info!("terminated"),
        () = heart.ended() => tracing::error!("the main loop has ended"),
    }
    stop.send_replace(true);
}

/// Ends network and loops: what they were given before is committed.
async fn end(net: &Net, heart: &Heart) {
    net.close().await;
    match heart {
        Heart::One(one) => {
            one.driver.stop().await;
            one.driver.ended().await;
        }
        Heart::Many(events) => events.close().await,
    }
}

impl Outside {
    /// Listens for devices that no UDP gets through to, where a cloud is to do that.
    async fn open(
        door: Door,
        root: &Root,
        net: &Net,
        config: &Config,
    ) -> Result<Self, ListenError> {
        let uplinks = match (root.mode(), config.fallback) {
            (Mode::Device | Mode::Gateway, _) | (Mode::Cloud, Fallback::Off) => {
                UplinkDoor::default()
            }
            (Mode::Cloud, Fallback::At(address)) => UplinkDoor::open(&[address]).await?,
            (Mode::Cloud, Fallback::On) => match UplinkDoor::open(&net.bound()).await {
                Ok(door) => door,
                // Nobody asked for this address by name, and most devices need only UDP.
                Err(error) => {
                    tracing::warn!("{error}; devices reach this node over UDP alone");
                    UplinkDoor::default()
                }
            },
        };
        Ok(Self {
            door,
            crowd: Crowd::of(root.mode(), config.spectators),
            uplinks,
            identity: (Arc::new(root.device_key()), root.warrant().cloned()),
        })
    }

    /// Returns where a cloud takes devices that no UDP gets through to.
    fn https(&self) -> Vec<SocketAddr> {
        self.uplinks.addresses().to_vec()
    }
}

impl Heart {
    /// Returns what is known of people at all nodes of a database; `None`: what lies in the root.
    fn people(&self) -> Option<People> {
        match self {
            Self::One(_) => None,
            Self::Many(events) => events.people(),
        }
    }

    /// Waits until the one loop has ended; those of a cloud end one by one, and others go on.
    async fn ended(&self) {
        match self {
            Self::One(one) => one.driver.ended().await,
            Self::Many(_) => std::future::pending().await,
        }
    }
}

fn net_config(root: &Root, config: &Config) -> NetConfig {
    NetConfig {
        key: Arc::new(root.device_key()),
        listen: config.listen.clone(),
        peers: config.peers.clone(),
        mdns: config.mdns,
        mdns_port: net::MDNS_PORT,
        uplink: config.cloud.as_ref().map(|cloud| net::Uplink {
            addresses: cloud.addresses.clone(),
            key: cloud.key,
        }),
        fallback: config.fallback != Fallback::Off,
        mode: root.mode(),
        memory: Some(memory_path(root.dir())),
    }
}

/// Returns where a node keeps its port and the addresses of its peers.
fn memory_path(dir: &Path) -> PathBuf {
    dir.join("peers.json")
}

impl Network for NetView {
    fn condition(&self) -> Condition {
        let uptime_ms = self.0.uptime_ms();
        let clones = self.0.clones().into_iter().map(|it| Alarm {
            key: it.key,
            addresses: vec![it.addresses.0.to_string(), it.addresses.1.to_string()],
            ago_ms: uptime_ms.saturating_sub(it.last_ms),
        });
        Condition {
            addresses: self.addresses(),
            mdns: self.0.mdns().map(|it| MdnsData {
                announcing: it.announcing,
                candidates: u64::try_from(it.candidates).unwrap_or(u64::MAX),
                starts: it.starts,
                fault: it.fault,
            }),
            cloud: self.0.cloud().map(cloud_data),
            https: (!self.1.is_empty()).then(|| strings(&self.1)),
            clones: clones.collect(),
        }
    }

    fn security(&self) -> (Seen, u64) {
        (self.0.security(), self.0.uptime_ms())
    }

    fn addresses(&self) -> Vec<String> {
        strings(&self.0.addresses())
    }

    fn links(&self) -> Vec<LinkStatus> {
        self.0.links().iter().map(link_status).collect()
    }

    fn wire(&self) -> WireBytes {
        let traffic = self.0.traffic();
        WireBytes {
            frames_sent_bytes: traffic.frame_bytes_sent,
            frames_received_bytes: traffic.frame_bytes_received,
            udp_sent_bytes: traffic.udp_bytes_sent,
            udp_received_bytes: traffic.udp_bytes_received,
        }
    }

    fn pause(&self, scope: Scope) {
        self.0.pause(net_scope(scope));
    }

    fn resume(&self, scope: Scope) {
        self.0.resume(net_scope(scope));
    }

    fn hurry(&self) {
        self.0.hurry();
    }

    fn seek_event(&self, from: &[String]) {
        self.0.seek_event(from);
    }

    fn paused(&self) -> &'static str {
        if self.0.paused(net::Scope::All) {
            "all"
        } else if self.0.paused(net::Scope::Cloud) {
            "cloud"
        } else {
            "none"
        }
    }
}

fn strings(addresses: &[SocketAddr]) -> Vec<String> {
    addresses.iter().map(ToString::to_string).collect()
}

fn cloud_data(link: CloudLink) -> CloudData {
    let why = |trouble: Trouble| WhyNot {
        reason: trouble.reason().to_owned(),
        text: trouble.to_string(),
        fix: trouble.fix().to_owned(),
        needs_a_person: trouble != Trouble::Silent,
    };
    CloudData {
        address: link.address,
        connected: link.over.is_some(),
        over: link.over.map(|over| over.to_string()),
        why: link.trouble.filter(|_| link.over.is_none()).map(why),
    }
}

fn net_scope(scope: Scope) -> net::Scope {
    if scope.cloud {
        net::Scope::Cloud
    } else {
        net::Scope::All
    }
}

fn link_status(info: &net::LinkInfo) -> LinkStatus {
    LinkStatus {
        label: None,
        key: info.key.fingerprint(),
        source: info.source.to_string(),
        dialled: info.dialled,
        address: info.address.to_string(),
        over: info.over.to_string(),
        connected_ms: info.connected_ms,
        rtt_ms: info.rtt_ms,
        frames_sent_bytes: info.traffic.frame_bytes_sent,
        frames_received_bytes: info.traffic.frame_bytes_received,
        udp_sent_bytes: info.traffic.udp_bytes_sent,
        udp_received_bytes: info.traffic.udp_bytes_received,
    }
}
