//! Bytes of protocol frames with QUIC's own beside them: two nodes on loopback, one cold.
//!
//! Frames are counted with their length prefixes, QUIC as the payload of its UDP packets in both
//! directions, handshake, acknowledgements and path probes included. Layer: benches.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use criterion::{Criterion, SamplingMode};
use tallyline::clock::Clock;
use tallyline::driver::{Driver, DriverThread};
use tallyline::net::{MDNS_PORT, Net, NetConfig, Traffic};
use tallyline::root::{self, Mode, Root};
use tallyline::store::Store;
use tallyline_proto::log::Log;
use tallyline_proto::model::{Agreed, Body, EntryId, VoidReason};
use tallyline_proto::replica::{Command, Disk as _, EntryFilter, Reply};
use tallyline_proto::rules::Verdict;
use tallyline_proto::wire::{Frame, LogRef, decode_bundle};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};
use tokio::time::{sleep, timeout};

use crate::figures::measure;
use crate::wasa::{OWNER, Wasa};

/// How long anything in here may take: far more than it should.
const DEADLINE: Duration = Duration::from_secs(30);

/// How often the other node is asked whether it has caught up.
const ASK: Duration = Duration::from_millis(1);

/// How long both must have been silent before bytes are counted: longer than it takes until a
/// round is closed with a Hello.
const SILENCE: Duration = Duration::from_secs(3);

/// Scores that are voided and entered again, one after the other: two live entries each.
const LIVE: usize = 20;

/// Pairs whose bytes are counted.
const PAIRS: u32 = 5;

/// A node with its network on loopback.
struct Node {
    net: Net,
    driver: Driver,
    thread: Option<DriverThread>,
    // Goes last: the store lies in it.
    _dir: TempDir,
}

/// The owner's device with the whole match, and a device that knows the members and no score.
/// Both end when they are dropped.
struct Pair<'a> {
    runtime: &'a Runtime,
    wasa: Wasa,
    owner: Node,
    cold: Node,
}

pub(crate) fn bench(criterion: &mut Criterion) {
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    let mut group = criterion.benchmark_group("wire");
    group.sample_size(10).sampling_mode(SamplingMode::Flat);
    let time = measure(
        &mut group,
        "a cold copy of the match over QUIC",
        || Pair::start(&runtime),
        |pair| {
            runtime.block_on(pair.meet());
            pair
        },
    );
    group.finish();
    if let Some(time) = time {
        println!(
            "a cold copy of the match over QUIC, from the first dial until durable: {:.2?}",
            time.median
        );
        count(&runtime);
    }
}

/// Counts bytes over a few pairs: who hears the other's Hello first is chance.
fn count(runtime: &Runtime) {
    let mut colds = Vec::new();
    for turn in 1..=PAIRS {
        let pair = Pair::start(runtime);
        let before = pair.owner.net.traffic();
        let met = runtime.block_on(async {
            pair.meet().await;
            pair.silence().await
        });
        let payload = pair.payload(Held::Before);
        colds.push((Bytes::between(before, met), payload));
        if turn == PAIRS {
            let written = runtime.block_on(async {
                for (entry, body) in pair.scores().await {
                    pair.write_again(entry, body).await;
                }
                pair.silence().await
            });
            let payload = pair.payload(Held::Since);
            println!(
                "live, {payload}: {}",
                Bytes::between(met, written).over(&payload)
            );
        }
    }
    colds.sort_by_key(|(bytes, _)| bytes.frames);
    for (which, cold) in [("fewest", colds.first()), ("most", colds.last())] {
        let Some((bytes, payload)) = cold else {
            continue;
        };
        println!(
            "cold copy, {which} of {PAIRS}, {payload}: {}",
            bytes.over(payload)
        );
    }
}

/// Which entries of the owner are meant.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Held {
    /// The scores of the match.
    Before,
    /// What was written while the pair was connected.
    Since,
}

/// Entries and their own bytes.
struct Payload {
    entries: u64,
    bytes: u64,
}

/// Bytes both ways.
struct Bytes {
    frames: u64,
    udp: u64,
}

impl Bytes {
    fn between(from: Traffic, to: Traffic) -> Self {
        let frames = |it: &Traffic| it.frame_bytes_sent + it.frame_bytes_received;
        let udp = |it: &Traffic| it.udp_bytes_sent + it.udp_bytes_received;
        Self {
            frames: frames(&to) - frames(&from),
            udp: udp(&to) - udp(&from),
        }
    }

    fn over(&self, payload: &Payload) -> String {
        let entries = payload.entries.max(1);
        let an_entry = |whole: u64| {
            let tenths = 10 * whole.saturating_sub(payload.bytes) / entries;
            format!(
                "{}.{} B an entry over the payload",
                tenths / 10,
                tenths % 10
            )
        };
        format!(
            "protocol frames {} B, {}; QUIC and all {} B, {}",
            self.frames,
            an_entry(self.frames),
            self.udp,
            an_entry(self.udp)
        )
    }
}

impl fmt::Display for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} entries of {} B", self.entries, self.bytes)
    }
}

impl<'a> Pair<'a> {
    /// Starts both; they are not connected yet.
    fn start(runtime: &'a Runtime) -> Self {
        let dirs =
            [0; 2].map(|_| tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder"));
        let [owner_dir, cold_dir] = dirs;
        let made = Root::create(&owner_dir.path().join("root"), "owner", Mode::Device)
            .expect("a fresh root");
        let cold = Root::create(&cold_dir.path().join("root"), "cold", Mode::Device)
            .expect("a fresh root");
        let wasa = Wasa::read(&[cold.key()]);
        // The match was signed with a key of the bench's.
        let seed = root::hex(wasa.key(OWNER).seed());
        std::fs::write(made.dir().join("device.key"), seed).expect("there is room");
        let owner = Root::open(made.dir()).expect("it was made");
        fill(&owner, &wasa, |_| true);
        fill(&cold, &wasa, |it| wasa.is_control(it));
        let _entered = runtime.enter();
        let cold = Node::start(cold, cold_dir, Vec::new());
        let address = cold.net.addresses().first().expect("loopback").to_string();
        let owner = Node::start(owner, owner_dir, vec![address]);
        Self {
            runtime,
            wasa,
            owner,
            cold,
        }
    }

    /// Connects both and waits until they hold the same on disk.
    async fn meet(&self) {
        self.cold.net.attach(self.cold.driver.clone());
        self.owner.net.attach(self.owner.driver.clone());
        self.equal().await;
    }

    async fn equal(&self) {
        let both = async {
            loop {
                if self.owner.digest().await == self.cold.digest().await {
                    return;
                }
                sleep(ASK).await;
            }
        };
        timeout(DEADLINE, both)
            .await
            .expect("they become equal in time");
    }

    /// Waits until no frame has gone either way for a while, and returns all bytes so far.
    async fn silence(&self) -> Traffic {
        let silent = async {
            loop {
                let before = self.owner.net.traffic();
                sleep(SILENCE).await;
                let after = self.owner.net.traffic();
                let frames = |it: &Traffic| it.frames_sent + it.frames_received;
                if frames(&before) == frames(&after) {
                    return after;
                }
            }
        };
        timeout(DEADLINE, silent)
            .await
            .expect("they fall silent in time")
    }

    /// Returns scores that count.
    async fn scores(&self) -> Vec<(EntryId, Body)> {
        let entries = self.owner.driver.query(|replica, _| {
            let entries = replica.entries(&EntryFilter::default()).into_iter();
            entries
                .filter(|it| it.verdict == Verdict::Counted && matches!(it.body, Body::Score(_)))
                .take(LIVE)
                .map(|it| (it.id, it.body))
                .collect()
        });
        entries.await.expect("it runs")
    }

    /// Voids a score and enters it again, each as a live entry of its own.
    async fn write_again(&self, entry: EntryId, body: Body) {
        let void = Command::Void {
            entry,
            reason: VoidReason::Test,
            note: String::new(),
            wall_ms: None,
            agreed: Agreed::default(),
        };
        let record = Command::Record {
            body,
            replaces: None,
            confirmed: true,
            revision: None,
            wall_ms: None,
            agreed: Agreed::default(),
        };
        for command in [void, record] {
            let reply = self.owner.driver.command(command).await.expect("it runs");
            assert!(matches!(reply, Reply::Saved(_)), "{reply:?}");
            self.equal().await;
        }
    }

    /// Counts entries of the owner that the cold device lacked.
    fn payload(&self, held: Held) -> Payload {
        let bundle = self.owner.driver.query(|replica, _| replica.bundle());
        let bundle = self.runtime.block_on(bundle).expect("it runs");
        let mut payload = Payload {
            entries: 0,
            bytes: 0,
        };
        for frame in decode_bundle(&bundle).expect("it is a bundle") {
            let Frame::Push(push) = frame else { continue };
            let LogRef::Name(name) = push.log else {
                continue;
            };
            let before = self.wasa.ledger.logs().contains_key(&name);
            let held_here = if before { Held::Before } else { Held::Since };
            if held == held_here && !self.wasa.ledger.is_control(name.grant) {
                for entry in push.entries {
                    payload.entries += 1;
                    payload.bytes += u64::try_from(entry.len()).expect("a small entry");
                }
            }
        }
        payload
    }
}

impl Drop for Pair<'_> {
    fn drop(&mut self) {
        let runtime = self.runtime;
        for node in [&mut self.owner, &mut self.cold] {
            runtime.block_on(async {
                node.net.close().await;
                node.driver.stop().await;
            });
            let thread = node.thread.take().expect("it is taken once");
            thread.join().expect("it ends well");
        }
    }
}

impl Node {
    /// Starts a node; needs a runtime around it.
    fn start(root: Root, dir: TempDir, peers: Vec<String>) -> Self {
        let config = NetConfig {
            key: Arc::new(root.device_key()),
            listen: vec!["127.0.0.1:0".parse().expect("an address")],
            peers,
            mdns: false,
            mdns_port: MDNS_PORT,
            uplink: None,
            fallback: false,
            mode: Mode::Device,
            memory: None,
        };
        let net = Net::start(config).expect("loopback is there");
        let (driver, thread) = Driver::start(root, net.link(), Clock::start()).expect("it starts");
        Self {
            net,
            driver,
            thread: Some(thread),
            _dir: dir,
        }
    }

    async fn digest(&self) -> [u8; 32] {
        self.driver
            .query(|replica, _| replica.state_digest())
            .await
            .expect("it runs")
    }
}

/// Puts a part of the match on a root's disk.
fn fill(root: &Root, wasa: &Wasa, wanted: impl Fn(&Log) -> bool) {
    let mut store = Store::open(&root.store_path()).expect("a fresh store");
    store.commit(&wasa.writes(wanted)).expect("there is room");
}
