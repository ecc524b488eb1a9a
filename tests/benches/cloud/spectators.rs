//! Spectators: ten thousand streams of one node, what they cost in memory, and how long a score is
//! on its way to all of them.
//!
//! The score is recorded on the owner's device, which carries it to the cloud's node, which tells
//! everybody; node, device and spectators share the machine. As behind a TLS server, all streams come
//! from one address and say for whom they are. Layer: benches.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::{Value, json};
use tallyline::clock::Clock;
use tallyline_tests::process::{Launch, Process, run};
use tallyline_tests::system::skipped;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::runtime::Builder;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::timeout;

/// Streams that are opened.
const STREAMS: usize = 10_000;

/// Files that the node and this program may open: a socket for each stream, and some.
const FILES: u64 = 12_000;

/// Streams that are being opened at a time: fewer than wait at a listener.
const OPENING: usize = 200;

/// Scores that are told.
const SCORES: u32 = 5;

/// How long anything may take.
const LIMIT: Duration = Duration::from_mins(2);

/// A message that tells a score.
const NEWS: &[u8] = b"event: news";

/// What begins every stream.
const HELLO: &[u8] = b"event: hello";

/// What streams tell: that they have begun, or that a score is there.
type Told = mpsc::Sender<Instant>;

/// An owner's device and the cloud that it carries to.
struct Cloud {
    owner: Process,
    node: Process,
    // Goes last: the roots lie in it.
    _folder: tempfile::TempDir,
}

pub(crate) fn bench() {
    let limit = getrlimit(Resource::Nofile);
    if limit.maximum.is_some_and(|most| most < FILES) {
        skipped("this process may not open as many files as there are spectators");
        return;
    }
    let raised = Rlimit {
        current: Some(FILES),
        ..limit
    };
    setrlimit(Resource::Nofile, raised).expect("it is below the hard limit");
    let cloud = Cloud::start();
    let runtime = Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("threads");
    runtime.block_on(watch(&cloud));
}

async fn watch(cloud: &Cloud) {
    let address = text_at(cloud.node.ready(), "/http/0");
    let clock = Clock::start();
    let before = memory(&cloud.node);
    let start = clock.instant();
    let (told, mut hears) = mpsc::channel(STREAMS);
    let begun = Arc::new(AtomicUsize::new(0));
    let turns = Arc::new(Semaphore::new(OPENING));
    let mut streams = JoinSet::new();
    for number in 0..STREAMS {
        let turn = Arc::clone(&turns);
        let stream = Stream {
            address: address.clone(),
            number,
            told: told.clone(),
            begun: Arc::clone(&begun),
            clock: clock.clone(),
        };
        streams.spawn(async move { stream.read(&turn).await });
    }
    let all = async {
        for _ in 0..STREAMS {
            hears.recv().await.expect("streams");
        }
    };
    if timeout(LIMIT, all).await.is_err() {
        println!(
            "spectators: only {} of {STREAMS} streams were opened within {LIMIT:?}",
            begun.load(Ordering::Relaxed)
        );
        return;
    }
    let after = memory(&cloud.node);
    println!(
        "spectators: {STREAMS} streams opened in {:.1?}; the node's memory went from {} to {} KiB, \
         {} bytes a stream",
        start.elapsed(),
        before / 1024,
        after / 1024,
        after.saturating_sub(before) / STREAMS
    );
    for number in 1..=SCORES {
        tell(cloud, &clock, number, &mut hears).await;
    }
    let told = memory(&cloud.node);
    println!(
        "spectators: after {SCORES} scores the node's memory was {} KiB, {} bytes a stream",
        told / 1024,
        told.saturating_sub(before) / STREAMS
    );
}

/// Records a score and tells when how many streams have it.
async fn tell(cloud: &Cloud, clock: &Clock, number: u32, hears: &mut mpsc::Receiver<Instant>) {
    let record = json!({ "score": {
        "drill": 1, "shooter": number, "time_cs": [1234], "targets": [2, 257], "steel": { "hit": 1 },
    } });
    let start = clock.instant();
    let add = json!({ "verb": "score-add", "record": record, "confirmed": true });
    cloud.owner.ask(&add).expect("it is saved");
    let mut times = Vec::new();
    let all = async {
        for _ in 0..STREAMS {
            let at = hears.recv().await.expect("streams");
            times.push(at.duration_since(start));
        }
    };
    if timeout(LIMIT, all).await.is_err() {
        println!(
            "spectators: score {number} reached {} of {STREAMS} within {LIMIT:?}",
            times.len()
        );
        return;
    }
    times.sort_unstable();
    let at = |of_hundred: usize| {
        let place = (times.len() * of_hundred / 100).min(times.len() - 1);
        times.get(place).copied().unwrap_or_default().as_millis()
    };
    println!(
        "spectators: score {number} was with the first after {} ms, half {} ms, 99 % {} ms, the last \
         {} ms",
        at(0),
        at(50),
        at(99),
        at(100)
    );
}

/// One spectator.
struct Stream {
    address: String,
    number: usize,
    told: Told,
    begun: Arc<AtomicUsize>,
    clock: Clock,
}

impl Stream {
    /// Opens the stream and says when it has begun and when a score came, for as long as it goes on.
    async fn read(self, turns: &Semaphore) {
        let turn = turns.acquire().await.expect("turns");
        let mut stream = TcpStream::connect(&self.address).await.expect("the node");
        let ask = format!(
            "GET /api/events/-/stream HTTP/1.1\r\nHost: {}\r\nX-Forwarded-For: 10.{}.{}.{}\r\n\r\n",
            self.address,
            self.number >> 16 & 255,
            self.number >> 8 & 255,
            self.number & 255
        );
        stream.write_all(ask.as_bytes()).await.expect("the node");
        let mut turn = Some(turn);
        let mut tail: Vec<u8> = Vec::new();
        let mut buffer = [0; 2048];
        loop {
            let count = stream.read(&mut buffer).await.expect("the node goes on");
            assert_ne!(count, 0, "the node ended a stream: {tail:?}");
            let at = self.clock.instant();
            tail.extend(buffer.iter().take(count));
            let hello = turn.is_some() && find(&tail, HELLO).is_some();
            if hello {
                turn = None;
                self.begun.fetch_add(1, Ordering::Relaxed);
                self.told.send(at).await.ok();
            }
            while let Some(place) = find(&tail, NEWS) {
                tail.drain(..place + NEWS.len());
                self.told.send(at).await.ok();
            }
            // The beginning of what looks for its end stays.
            let over = tail.len().saturating_sub(NEWS.len());
            if turn.is_none() {
                tail.drain(..over);
                tail.shrink_to(64);
            }
        }
    }
}

impl Cloud {
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let root = |name: &str| folder.path().join(name);
        let key = made(&root("cloud"), "cloud");
        made(&root("owner"), "device");
        let file = folder.path().join("event.json");
        fs::write(&file, structure()).expect("a file");
        let file = file.display().to_string();
        let create = ["event", "create", "--structure", &file, "--cloud-key", &key];
        done(&root("owner"), &create);
        done(&root("owner"), &["event", "lock"]);
        let spectators = STREAMS.to_string();
        let loopback = "127.0.0.1:0";
        let files = format!("--nofile={FILES}:{FILES}");
        let args = [
            "--no-mdns",
            "--listen",
            loopback,
            "--http",
            loopback,
            "--spectators",
            &spectators,
        ];
        let node = Process::launch(&Launch {
            root: &root("cloud"),
            args: &args,
            log: &root("cloud.log"),
            before: &["prlimit", &files],
        });
        let node = node.expect("the node starts");
        let address = text_at(node.ready(), "/addresses/0");
        let uplink = [
            "--no-mdns",
            "--listen",
            loopback,
            "--cloud",
            &address,
            "--cloud-key",
            &key,
        ];
        let owner = Process::start(&root("owner"), &uplink).expect("the owner starts");
        let clock = Clock::start();
        let start = clock.instant();
        let light = || {
            text_at(
                &owner.ask(&json!({ "verb": "status" })).expect("status"),
                "/light",
            )
        };
        while light() != "in-the-cloud" {
            assert!(start.elapsed() < LIMIT, "the event reaches the cloud");
            std::thread::park_timeout(Duration::from_millis(20));
        }
        Self {
            owner,
            node,
            _folder: folder,
        }
    }
}

/// Makes a root and returns its key.
pub(crate) fn made(root: &Path, mode: &str) -> String {
    let told = done(root, &["init", "--label", mode, "--mode", mode, "--json"]);
    text_at(&serde_json::from_str(&told).expect("JSON"), "/key")
}

/// Returns a text of an answer.
pub(crate) fn text_at(answer: &Value, place: &str) -> String {
    let found = answer.pointer(place).and_then(Value::as_str);
    found.expect(place).to_owned()
}

pub(crate) fn done(root: &Path, args: &[&str]) -> String {
    let outcome = run(root, args);
    assert_eq!(outcome.exit, 0, "{args:?}: {outcome:?}");
    outcome.stdout
}

pub(crate) fn structure() -> String {
    let shooters: Vec<_> = (1..=SCORES)
        .map(|number| {
            json!({ "shooter": number, "label": format!("Shooter {number}"), "division": "Open",
                    "power_factor": "MAJOR", "squad": 1 })
        })
        .collect();
    json!({
        "event": "Spring Match", "date": "2026-05-09", "divisions": ["Open"],
        "division_power_factors": { "Open": { "minor": 125, "major": 160 } },
        "stages": [{ "stage": 1, "name": "Stage 1", "scoring": "Comstock",
                     "target_shots": [2, 2], "steel": 1 }],
        "shooters": shooters,
    })
    .to_string()
}

/// Returns the bytes of memory that a node has.
pub(crate) fn memory(node: &Process) -> usize {
    let status = fs::read_to_string(format!("/proc/{}/status", node.id())).unwrap_or_default();
    let line = status.lines().find_map(|it| it.strip_prefix("VmRSS:"));
    let kib = line.and_then(|it| it.trim().strip_suffix("kB")?.trim().parse::<usize>().ok());
    kib.unwrap_or_default() * 1024
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|it| it == what)
}
