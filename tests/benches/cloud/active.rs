//! Active events of one node: what each costs in memory, and what all cost when nothing happens.
//!
//! The events hold nothing but their manifests, so the figure is the floor: what an event has recorded
//! comes on top. The binary is the one that is there, of whichever profile. Layer: benches.

use std::fs;
use std::time::Duration;

use serde_json::Value;
use tallyline::clock::Clock;
use tallyline_proto::wire::{decode_manifest, encode_manifest, event_id};
use tallyline_tests::process::{Launch, Process};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::runtime::Builder;

use super::spectators::{done, made, memory, structure, text_at};

/// Events that are made active.
const EVENTS: u16 = 500;

/// Files that the node may open: a store for each event, and some.
const FILES: &str = "--nofile=4000:4000";

/// How long the idle node is watched.
const IDLE: Duration = Duration::from_secs(20);

/// Ticks of the kernel's clock a second, as /proc counts CPU time on Linux.
const TICKS: u64 = 100;

pub(crate) fn bench() {
    let folder = tempfile::tempdir().expect("a folder");
    let root = |name: &str| folder.path().join(name);
    let key = made(&root("cloud"), "cloud");
    made(&root("owner"), "device");
    let file = folder.path().join("event.json");
    fs::write(&file, structure()).expect("a file");
    let file = file.display().to_string();
    let create = ["event", "create", "--structure", &file, "--cloud-key", &key];
    done(&root("owner"), &create);
    let manifest = fs::read(root("owner").join("event.manifest")).expect("a manifest");
    let first = decode_manifest(&manifest).expect("a manifest");
    let events = root("cloud").join("events");
    fs::create_dir_all(&events).expect("a folder");
    let mut uuids = Vec::new();
    for number in 0..EVENTS {
        let mut manifest = first.clone();
        manifest
            .nonce
            .split_at_mut(2)
            .0
            .copy_from_slice(&number.to_be_bytes());
        let bytes = encode_manifest(&manifest);
        let uuid = event_id(&bytes).uuid().to_string();
        fs::write(events.join(format!("{uuid}.manifest")), bytes).expect("a file");
        uuids.push(uuid);
    }
    let loopback = "127.0.0.1:0";
    let most = (EVENTS + 10).to_string();
    let (listen, serve) = (["--listen", loopback], ["--http", loopback]);
    let args = [
        &["--no-mdns"][..],
        &listen,
        &serve,
        &["--active-events", &most],
    ]
    .concat();
    let node = Process::launch(&Launch {
        root: &root("cloud"),
        args: &args,
        log: &root("cloud.log"),
        before: &["prlimit", FILES],
    });
    watch(&node.expect("the node starts"), &uuids);
}

fn watch(node: &Process, uuids: &[String]) {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a thread");
    let address = text_at(node.ready(), "/http/0");
    let clock = Clock::start();
    let (before, start) = (memory(node), clock.instant());
    for uuid in uuids {
        runtime.block_on(ask(&address, uuid));
    }
    let (after, took) = (memory(node), start.elapsed());
    let threads = fs::read_dir(format!("/proc/{}/task", node.id())).map_or(0, Iterator::count);
    println!(
        "active: {EVENTS} events without entries were opened in {took:.1?}; {threads} threads; the \
         node's memory went from {} to {} KiB, {} KiB an event",
        before / 1024,
        after / 1024,
        after.saturating_sub(before) / 1024 / usize::from(EVENTS)
    );
    let (spent, start) = (cpu_ticks(node), clock.instant());
    // Nothing happens meanwhile: that is what is measured.
    std::thread::park_timeout(IDLE);
    let spent = cpu_ticks(node).saturating_sub(spent) * 1_000 / TICKS;
    println!(
        "active: idle, they took {spent} ms of CPU in {:.1?}; memory then {} KiB",
        start.elapsed(),
        memory(node) / 1024
    );
}

/// Asks for an event, which makes it active.
async fn ask(address: &str, uuid: &str) {
    let mut stream = TcpStream::connect(address).await.expect("the node");
    // Each asks from an address of its own: one address may not ask so fast.
    let number = uuid
        .bytes()
        .fold(0_u32, |sum, byte| sum.wrapping_mul(31) + u32::from(byte));
    let from = number.to_be_bytes();
    let ask = format!(
        "GET /api/events/{uuid} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\
         X-Forwarded-For: 10.{}.{}.{}\r\n\r\n",
        from[1], from[2], from[3]
    );
    stream.write_all(ask.as_bytes()).await.expect("the node");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.expect("an answer");
    let text = String::from_utf8_lossy(&answer);
    assert!(text.starts_with("HTTP/1.1 200"), "{text}");
    let body = text
        .split_once("\r\n\r\n")
        .map(|it| it.1)
        .unwrap_or_default();
    let told: Value = serde_json::from_str(body).expect("JSON");
    assert_eq!(
        text_at(&told, "/event"),
        uuid,
        "the event that was asked for"
    );
}

/// Returns the CPU time that a process has taken, in ticks.
fn cpu_ticks(node: &Process) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{}/stat", node.id())).unwrap_or_default();
    // What stands before may hold spaces.
    let rest = stat.rsplit_once(") ").map(|it| it.1).unwrap_or_default();
    let fields = rest.split(' ').skip(11).take(2);
    fields.filter_map(|it| it.parse::<u64>().ok()).sum()
}
