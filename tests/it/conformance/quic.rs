//! Connections between real nodes, over a network that does its worst.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Instant;

use serde_json::{Value, json};
use tallyline_tests::process::Process;
use tallyline_tests::relay::{Relay, Trouble};

use crate::netns::{DEADLINE, Fault, LOOK, Lab, NOWHERE, address as address_of, now};

/// Scores that travel through a relay, in each direction.
const SCORES: u32 = 60;

const ARGS: [&str; 3] = ["--no-mdns", "--listen", "127.0.0.1:0"];

fn structure() -> String {
    let shooters: Vec<Value> = (1..=2 * SCORES)
        .map(|shooter| {
            json!({"shooter": shooter, "label": format!("S{shooter}"), "division": "Open",
                "power_factor": "MINOR", "squad": 1 + shooter / (SCORES + 1)})
        })
        .collect();
    json!({
        "event": "Relayed", "date": "2026-04-18", "divisions": ["Open"],
        "division_power_factors": {"Open": {"minor": 125, "major": 160}}, "rules": {},
        "stages": [{"stage": 1, "name": "One", "scoring": "Comstock", "target_shots": [2]}],
        "shooters": shooters
    })
    .to_string()
}

fn address(node: &Process) -> SocketAddr {
    let address = node.ready()["addresses"][0].as_str().unwrap();
    address.parse().unwrap()
}

fn add(node: &Process, shooter: u32) {
    let record = json!({"score": {"drill": 1, "shooter": shooter, "time_cs": [500 + shooter],
        "targets": [2]}});
    node.ask(&json!({"verb": "score-add", "record": record}))
        .unwrap();
}

fn status(node: &Process) -> Value {
    node.ask(&json!({"verb": "status"})).unwrap()
}

/// Waits until a condition holds.
fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begin: Instant = now();
    while !holds() {
        assert!(
            begin.elapsed() < DEADLINE,
            "not within {DEADLINE:?}: {what}"
        );
        thread::park_timeout(LOOK);
    }
}

/// Two nodes that know each other only through a relay: the owner, and a tablet that dials it.
fn behind_a_relay(folder: &Path, trouble: Trouble, seed: u64) -> (Process, Process, Relay) {
    let [owner_root, tablet_root] = ["owner", "tablet"].map(|name| folder.join(name));
    Process::init(&owner_root, "owner", "device").unwrap();
    Process::init(&tablet_root, "tablet", "device").unwrap();
    let owner = Process::start(&owner_root, &ARGS).unwrap();
    let relay = Relay::start(address(&owner), trouble, seed).unwrap();
    let door = relay.address().to_string();
    let tablet = Process::start(&tablet_root, &[&ARGS[..], &["--peer", &door]].concat()).unwrap();
    owner
        .ask(&json!({"verb": "event-create", "structure": structure()}))
        .unwrap();
    owner.ask(&json!({"verb": "event-lock"})).unwrap();
    let invite = json!({"verb": "invite", "label": "tablet", "addresses": [door]});
    let ticket = owner.ask(&invite).unwrap();
    tablet
        .ask(&json!({"verb": "join", "ticket": ticket["ticket"]}))
        .unwrap();
    until("the tablet is a member", || {
        status(&tablet)["node"]["phase"] == "member"
    });
    let opens = json!([{"to": "tablet", "squads": [2]}, {"to": "owner", "squads": [1]}]);
    owner
        .ask(&json!({"verb": "grant", "opens": opens}))
        .unwrap();
    until_equal(&owner, &tablet);
    (owner, tablet, relay)
}

fn until_equal(one: &Process, other: &Process) {
    until("both hold the same", || {
        status(one)["state_digest"] == status(other)["state_digest"]
    });
}

/// Lets both write, and checks that everything arrived and nothing was refused on the way.
fn both_write(owner: &Process, tablet: &Process) {
    for score in 1..=SCORES {
        add(owner, score);
        add(tablet, SCORES + score);
    }
    until_equal(owner, tablet);
    for node in [owner, tablet] {
        let list = node.ask(&json!({"verb": "score-list"})).unwrap();
        let entries = list["entries"].as_array().unwrap();
        assert_eq!(
            entries.len(),
            usize::try_from(2 * SCORES).unwrap(),
            "each score once"
        );
        assert!(entries.iter().all(|it| it["verdict"] == "counts"), "{list}");
        let verified = node.ask(&json!({"verb": "verify"})).unwrap();
        assert_eq!(verified["problems"], json!([]), "{verified}");
    }
}

/// Returns how often a node refused a frame for one of these reasons.
fn refused(node: &Process, reasons: &[&str]) -> u64 {
    let status = status(node);
    let refused = status["refused"].as_array().unwrap().iter();
    refused
        .filter(|it| reasons.contains(&it["reason"].as_str().unwrap()))
        .map(|it| it["count"].as_u64().unwrap())
        .sum()
}

/// A gap would be a frame that overtook another or was lost inside a living connection.
#[test]
fn frames_of_a_connection_arrive_whole_and_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let trouble = Trouble {
        drop: 15,
        repeat: 15,
        hold: 15,
        flip: 0,
    };
    let (owner, tablet, relay) = behind_a_relay(folder.path(), trouble, 1);
    both_write(&owner, &tablet);
    let counts = relay.counts();
    for count in [&counts.dropped, &counts.repeated, &counts.held] {
        assert!(0 < count.load(Ordering::Relaxed), "{counts:?}");
    }
    for node in [&owner, &tablet] {
        let found = refused(node, &["gap", "malformed", "too_large", "bad_signature"]);
        assert_eq!(found, 0, "{}", status(node)["refused"]);
    }
    eprintln!("through a relay: {counts:?}");
}

/// A flipped bit that passed QUIC would be a malformed frame or a signature that does not hold.
#[test]
fn a_damaged_datagram_never_reaches_the_driver() {
    let folder = tempfile::tempdir().unwrap();
    let trouble = Trouble {
        flip: 20,
        ..Trouble::default()
    };
    let (owner, tablet, relay) = behind_a_relay(folder.path(), trouble, 2);
    both_write(&owner, &tablet);
    let flipped = relay.counts().flipped.load(Ordering::Relaxed);
    assert!(20 < flipped, "only {flipped} datagrams were damaged");
    for node in [&owner, &tablet] {
        let refused = status(node)["refused"].clone();
        assert_eq!(refused, json!([]), "{flipped} damaged datagrams");
    }
}

#[test]
fn loss_in_one_direction_ends_the_connection_on_both_sides() {
    let Some(mut lab) = Lab::of(2) else { return };
    for number in 1..=2 {
        lab.start(number, &[]);
    }
    lab.found(NOWHERE);
    lab.until_meshed();
    lab.fault(Fault::OneWay(1, 2));
    lab.until("both sides give up", DEADLINE, |lab| {
        lab.sources(1).is_empty() && lab.sources(2).is_empty()
    });
    lab.score(1);
    lab.score(2);
    lab.heal();
    lab.until_equal(DEADLINE);
}

/// What waits in a connection goes with it; the next conversation sends it again.
#[test]
fn what_was_queued_goes_with_the_connection() {
    let Some(mut lab) = Lab::of(2) else { return };
    for number in 1..=2 {
        lab.start(number, &[]);
    }
    lab.found(NOWHERE);
    lab.until_meshed();
    lab.fault(Fault::OneWay(1, 2));
    for _ in 0..3 {
        lab.score(1);
    }
    // The way is open again only when nobody is left to send what was queued.
    lab.kill(1);
    lab.heal();
    lab.until("device 2 gives the connection up", DEADLINE, |lab| {
        lab.sources(2).is_empty()
    });
    assert_eq!(lab.scores(2), 0, "what was queued went with the connection");
    lab.start(1, &[]);
    lab.until_equal(DEADLINE);
    assert_eq!(lab.scores(2), 3, "everything came with the next one");
}

#[test]
fn remembered_addresses_work_where_multicast_is_blocked() {
    let Some(mut lab) = Lab::of(2) else { return };
    for number in 1..=2 {
        lab.start(number, &[]);
    }
    lab.found(NOWHERE);
    lab.until_meshed();
    // Addresses are written down half a second after they changed.
    let file = lab.root(1).join("peers.json");
    lab.until("addresses are remembered", DEADLINE, |_| {
        std::fs::read_to_string(&file).is_ok_and(|text| text.contains("10.77.0.2"))
    });
    lab.fault(Fault::NoMulticast);
    for number in 1..=2 {
        lab.kill(number);
    }
    lab.start(1, &[]);
    lab.start(2, &[]);
    lab.until_meshed();
    assert_eq!(lab.dialled_by(), ["remembered"], "how they met again");
}

#[test]
fn a_new_address_is_found_within_seconds() {
    let Some(mut lab) = Lab::of(2) else { return };
    for number in 1..=2 {
        lab.start(number, &[]);
    }
    lab.found(NOWHERE);
    lab.until_meshed();
    let mut old = address_of(2);
    for place in [102, 202] {
        let new = address_of(place);
        lab.renumber(2, &old, &new);
        old = new;
        lab.score(1);
        lab.score(2);
        lab.until_equal(DEADLINE);
    }
    assert_eq!((lab.scores(1), lab.scores(2)), (4, 4), "all scores on both");
}
