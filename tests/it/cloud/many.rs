//! More events than a node may hold at once: they are put away, and there again for whoever asks.

use std::fs;

use serde_json::json;
use tallyline::store::postgres::{Database, Engine};
use tallyline_proto::model::EventId;
use tallyline_proto::replica::{Disk as _, Write};
use tallyline_proto::wire::{decode_manifest, encode_manifest, event_id};
use tallyline_tests::process::Process;

use super::{cloud, is_in_the_cloud};
use crate::api::http::Web;
use crate::postgres::Postgres;
use crate::range::{AGREE_MAX, Range, address, status, until};

/// How many events there are.
const EVENTS: u8 = 40;

/// How many of them a node may hold at once.
const ACTIVE: usize = 8;

/// Makes manifests of events like the one of a device, with names and ids of their own.
fn manifests(range: &Range, owner: &str) -> Vec<(String, EventId, Vec<u8>)> {
    let bytes = fs::read(range.root(owner).join("event.manifest")).unwrap();
    let first = decode_manifest(&bytes).unwrap();
    let others = (0..EVENTS).map(|number| {
        let mut manifest = first.clone();
        manifest.name = format!("Evening-{number}");
        manifest.nonce = [number; 16];
        let bytes = encode_manifest(&manifest);
        (manifest.name, event_id(&bytes), bytes)
    });
    others.collect()
}

/// Counts the loops of events that run in a node: each has a thread of its own.
fn loops(node: &Process) -> usize {
    let tasks = fs::read_dir(format!("/proc/{}/task", node.id())).unwrap();
    let names = tasks.filter_map(|it| fs::read_to_string(it.ok()?.path().join("comm")).ok());
    names.filter(|name| name.trim() == "driver").count()
}

/// Asks a node for every event by UUID and by name: each is there, and few are held.
fn all_are_there(node: &Process, events: &[(String, EventId, Vec<u8>)]) {
    let web = Web::of(node);
    let mut most = 0;
    for (number, (name, event, _)) in events.iter().enumerate() {
        let uuid = event.uuid().to_string();
        // Each is asked for by somebody else: one address may not ask so often.
        let from = format!("10.0.0.{number}");
        let get = |path: &str| web.ask("GET", path, &[("X-Forwarded-For", &from)], b"");
        for asked in [
            uuid.as_str(),
            name.as_str(),
            &name.to_uppercase(),
            uuid.get(..13).unwrap(),
        ] {
            let told = get(&format!("/api/events/{asked}")).good();
            assert_eq!(told["event"], uuid, "{asked}: {told}");
            assert_eq!(told["name"], *name);
        }
        most = most.max(loops(node));
    }
    // Those that were put away end behind, a moment later.
    assert!(most <= ACTIVE * 2, "{most} loops at once");
    until("no more are held than may be", AGREE_MAX, || {
        loops(node) <= ACTIVE
    });
    let listed = web.get("/api/events").good();
    assert!(usize::from(EVENTS) <= listed["events"].as_array().unwrap().len());
    // How the node does costs no look at each of them.
    web.get("/api/v1/sync/health").good();
    web.get("/api/events/-").problem(400, "which_event");
    web.get("/api/events/evening").problem(404, "unknown_event");
}

/// A club's cloud keeps 41 events in files and holds eight of them at once.
#[test]
fn more_events_than_a_node_may_hold_are_there_for_whoever_asks() {
    let range = Range::new();
    let key = cloud(&range, "cloud");
    range.done("owner", &["init", "--label", "Owner"]);
    range.found("owner", &["--cloud-key", &key]);
    range.done("owner", &["event", "lock"]);
    range.score("owner", "1", "1");
    let events = manifests(&range, "owner");
    let folder = range.root("cloud").join("events");
    fs::create_dir_all(&folder).unwrap();
    for (_, event, bytes) in &events {
        fs::write(folder.join(format!("{}.manifest", event.uuid())), bytes).unwrap();
    }
    let active = ACTIVE.to_string();
    let node = range.start_with(
        "cloud",
        &[],
        &["--http", "127.0.0.1:0", "--active-events", &active],
    );
    let uplink = ["--cloud", &address(&node), "--cloud-key", &key];
    let owner = range.start_with("owner", &[], &uplink);
    until("all is in the cloud", AGREE_MAX, || is_in_the_cloud(&owner));
    all_are_there(&node, &events);

    // The one that a device is connected with is never put away, and what it brings arrives.
    range.score("owner", "1", "2");
    until("the score arrives", AGREE_MAX, || is_in_the_cloud(&owner));
    let entries = status(&owner)["totals"]["entries"].clone();
    owner.stop().unwrap();
    all_are_there(&node, &events);
    let told = range.read("cloud", &["status", "--event", "Spring Match"]);
    assert_eq!(
        told["totals"]["entries"], entries,
        "it was put away, and is there again"
    );
}

/// The same with a database: names are columns there, and those of rows from before are filled in.
#[test]
fn a_database_of_many_events_finds_each_by_its_name() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let range = Range::new();
    let key = cloud(&range, "cloud");
    range.done("owner", &["init", "--label", "Owner"]);
    range.found("owner", &["--cloud-key", &key]);
    let events = manifests(&range, "owner");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let url = server.url();
    for (_, event, bytes) in &events {
        let opened = runtime.block_on(async {
            let database = Database::connect(&url, Engine::default()).await?;
            database.open(*event).await
        });
        let manifest = Write::Manifest(bytes.clone());
        opened.unwrap().commit(&[manifest]).unwrap();
    }
    // As a version that knew no names left them.
    super::sql(
        &server,
        "update event set name = null, called = null where tag < '\\x80'",
    );
    let active = ACTIVE.to_string();
    let more = [
        "--store",
        &url,
        "--http",
        "127.0.0.1:0",
        "--active-events",
        &active,
    ];
    let node = range.start_with("cloud", &[], &more);
    all_are_there(&node, &events);
    let unnamed = "select count(*) from event where name is null";
    assert_eq!(super::numbers(&server, unnamed), [0]);
}

/// A node that is full says so, keeps those that it serves, and takes the next one when one goes.
#[test]
fn a_node_that_holds_as_many_events_as_it_may_takes_another_when_one_goes() {
    let range = Range::new();
    let key = cloud(&range, "cloud");
    let node = range.start_with(
        "cloud",
        &[],
        &["--http", "127.0.0.1:0", "--active-events", "2"],
    );
    let uplink = ["--cloud", &address(&node), "--cloud-key", &key];
    let mut owners = Vec::new();
    for name in ["spring", "autumn", "winter"] {
        range.done(name, &["init", "--label", name]);
        range.found(name, &["--name", name, "--cloud-key", &key]);
        range.done(name, &["event", "lock"]);
    }
    for name in ["spring", "autumn"] {
        let owner = range.start_with(name, &[], &uplink);
        until("all is in the cloud", AGREE_MAX, || is_in_the_cloud(&owner));
        owners.push(owner);
    }
    let winter = range.start_with("winter", &[], &uplink);
    let (web, mut asked) = (Web::of(&node), 0);
    until("the third event is known and not held", AGREE_MAX, || {
        let name = format!("10.1.0.{}", asked % 250);
        asked += 1;
        let from = [("X-Forwarded-For", name.as_str())];
        let told = web.ask("GET", "/api/events/winter", &from, b"").json();
        told.to_string()
            .contains("as many events are active as this node may hold")
    });
    assert!(!is_in_the_cloud(&winter));
    for (name, owner) in ["spring", "autumn"].iter().zip(&owners) {
        range.score(name, "1", "1");
        until("the others go on", AGREE_MAX, || is_in_the_cloud(owner));
    }
    owners.pop().unwrap().stop().unwrap();
    until("there is room", AGREE_MAX, || is_in_the_cloud(&winter));
    let told = node.ask(&json!({ "verb": "event-list" })).unwrap();
    assert_eq!(told["events"].as_array().unwrap().len(), 3);
}
