//! The cloud where no UDP gets through: over HTTPS, past captive portals, and back to UDP.

use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::time::Duration;

use serde_json::{Value, json};
use tallyline_keys::{PROBE_NONCE_BYTES, PublicKey, Signature};
use tallyline_simulator::venue::{Event, Kind, Venue};
use tallyline_tests::process::Process;

use crate::cloud::{is_in_the_cloud, owner_on_its_way};
use crate::netns::{DEADLINE, Lab};
use crate::range::{AGREE_MAX, Range, address, status, until, wait_for};

mod client;
mod gate;

use client::Client;
use gate::{Gate, Tcp};

/// How long it may take until UDP is tried again by itself: the second time, on a loaded machine.
const AGAIN_MAX: Duration = Duration::from_secs(100);

/// A cloud that takes devices over HTTPS on a port of its own, and what its key is.
fn cloud(range: &Range, name: &str) -> (Process, String) {
    let told = range.read(name, &["init", "--label", name, "--mode", "cloud"]);
    let key = told["key"].as_str().unwrap().to_owned();
    (start(range, name), key)
}

fn start(range: &Range, name: &str) -> Process {
    range.start_with(name, &[], &["--fallback", "127.0.0.1:0"])
}

fn https(node: &Process) -> String {
    node.ready()["https"][0].as_str().unwrap().to_owned()
}

/// A device with an event of its own, that carries to a cloud with this key behind a gate.
fn owner(range: &Range, key: &str, gate: &Gate) -> Process {
    owner_on_its_way(range, &gate.address(), key)
}

/// A place that takes what comes, over UDP as over TCP, and never says a word; while it is held.
fn mute() -> (TcpListener, UdpSocket) {
    loop {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        if let Ok(socket) = UdpSocket::bind(listener.local_addr().unwrap()) {
            return (listener, socket);
        }
    }
}

fn is_over(node: &Process, over: &str) -> bool {
    status(node)["cloud"]["over"] == over
}

/// The cloud holds every entry of a device, and no other.
fn holds_the_same(range: &Range, cloud: &Process, device: &Process) {
    let here = status(device);
    let entries = &here["totals"]["entries"];
    let event = range.read("owner", &["event", "show"]);
    let name = event["name"].as_str().unwrap();
    let there = cloud
        .ask(&json!({ "verb": "status", "event": name }))
        .unwrap();
    assert_eq!(there["totals"]["entries"], *entries);
    assert_eq!(there["state_digest"], here["state_digest"]);
}

/// Source: PROTOCOL R-FALL-1, R-FALL-2.
#[test]
fn scores_reach_the_cloud_over_https_where_no_udp_gets_through() {
    let range = Range::new();
    // The node that runs has a key of its own and the cloud's warrant.
    let told = range.read("cloud", &["init", "--label", "Cloud", "--mode", "cloud"]);
    let key = told["key"].as_str().unwrap().to_owned();
    let told = range.read("node", &["init", "--label", "Node", "--mode", "cloud"]);
    let warrant = range.done(
        "cloud",
        &["cloud", "warrant", told["key"].as_str().unwrap()],
    );
    range.done("node", &["cloud", "accept", &warrant]);
    let node = start(&range, "node");
    let gate = Gate::to(&address(&node), &https(&node));
    // Asked one after another, these alone would take longer than one search may.
    let mutes = [mute(), mute(), mute(), mute()];
    let at = |(listener, _): &(TcpListener, _)| listener.local_addr().unwrap().to_string();
    let places = mutes.iter().map(at).chain([gate.address()]);
    let owner = owner_on_its_way(&range, &places.collect::<Vec<_>>().join(","), &key);
    range.score("owner", "1", "1");
    range.score("owner", "1", "2");
    until("all is in the cloud", AGREE_MAX, || is_in_the_cloud(&owner));
    holds_the_same(&range, &node, &owner);

    let told = status(&owner);
    assert_eq!(told["cloud"]["over"], "https");
    assert_eq!(told["cloud"]["connected"], true);
    let link = &told["links"][0];
    assert_eq!(
        (&link["over"], &link["source"]),
        (&json!("https"), &json!("uplink"))
    );
    assert_eq!(link["address"], json!(gate.address()), "where it really is");
    let shown = range.shown("owner", &["status"]);
    assert!(shown.contains("is reached over HTTPS"), "{shown}");
    assert!(shown.contains("uplink over HTTPS"), "{shown}");
    let shown = range.shown("owner", &["doctor"]);
    assert!(shown.contains("over HTTPS"), "{shown}");
    let shown = range.shown("owner", &["sync", "now"]);
    assert!(shown.contains("connected over HTTPS"), "{shown}");
    let shown = range.shown("node", &["doctor"]);
    assert!(shown.contains(&https(&node)), "{shown}");

    // The way is gone in the middle of it, and comes back.
    gate.set(Tcp::Closed);
    until("the loss is noticed", AGREE_MAX, || {
        status(&owner)["cloud"]["connected"] == false
    });
    range.score("owner", "2", "1");
    assert!(!is_in_the_cloud(&owner));
    gate.set(Tcp::Cloud);
    until("the rest is in the cloud", AGREE_MAX, || {
        is_in_the_cloud(&owner)
    });
    holds_the_same(&range, &node, &owner);

    // Another process of the cloud, and the same afterwards.
    let (udp, tcp) = (address(&node), https(&node));
    node.kill().unwrap();
    range.score("owner", "2", "2");
    let again = ["--no-mdns", "--listen", &udp, "--fallback", &tcp];
    let node = Process::start(&range.root("node"), &again).unwrap();
    until("all is in the cloud", AGREE_MAX, || is_in_the_cloud(&owner));
    assert!(is_over(&owner, "https"));
    holds_the_same(&range, &node, &owner);
    node.stop().unwrap();
    owner.stop().unwrap();
}

/// A switch that drops every UDP packet between two machines, and a cloud with its everyday settings.
///
/// Source: PROTOCOL R-FALL-1.
#[test]
fn a_switch_that_drops_all_udp_stops_no_score() {
    let Some(mut lab) = Lab::empty() else { return };
    lab.drop_what("ip protocol udp drop\nip6 nexthdr udp drop");
    let cloud = lab.add("Cloud", Kind::Cloud);
    let owner = lab.add("Owner", Kind::Tablet);
    for device in [cloud, owner] {
        lab.internet(device, true);
    }
    let event = Event {
        drills: 1,
        shooters: 4,
        squad_size: 4,
    };
    Venue::found(&mut lab, owner, event);
    let number = owner + 1;
    let score = |lab: &Lab, shooter: u32| {
        let score = json!({"drill": 1, "shooter": shooter, "time_cs": [500], "targets": [2, 2]});
        let record = json!({ "score": score });
        lab.ask(
            number,
            &json!({"verb": "score-add", "record": record, "confirmed": true}),
        );
    };
    score(&lab, 1);
    lab.until("the score is in the cloud", DEADLINE, |lab| {
        lab.status(number)["light"] == "in-the-cloud"
    });
    assert_eq!(lab.status(number)["cloud"]["over"], "https");
    lab.heal();
    lab.ask(number, &json!({ "verb": "sync-now" }));
    lab.until("over UDP", DEADLINE, |lab| {
        lab.status(number)["cloud"]["over"] == "udp"
    });
    score(&lab, 2);
    lab.until("both are in the cloud", DEADLINE, |lab| {
        lab.status(number)["light"] == "in-the-cloud"
    });
}

/// Source: PROTOCOL R-FALL-1.
#[test]
fn where_udp_works_again_it_is_used_again_and_https_when_it_stops() {
    let range = Range::new();
    let (node, key) = cloud(&range, "cloud");
    let gate = Gate::to(&address(&node), &https(&node));
    let owner = owner(&range, &key, &gate);
    until("over HTTPS", AGREE_MAX, || is_over(&owner, "https"));
    gate.let_udp(true);
    until("over UDP by itself", AGAIN_MAX, || is_over(&owner, "udp"));
    let told = status(&owner);
    assert!(!told["remarks"].to_string().contains("HTTPS"), "{told}");
    range.score("owner", "1", "1");
    until("all is in the cloud", AGREE_MAX, || is_in_the_cloud(&owner));
    gate.let_udp(false);
    until("over HTTPS again", AGREE_MAX, || is_over(&owner, "https"));
    range.score("owner", "1", "2");
    until("all is in the cloud", AGREE_MAX, || is_in_the_cloud(&owner));
    gate.let_udp(true);
    range.done("owner", &["sync", "now"]);
    until("over UDP when told", AGREE_MAX, || is_over(&owner, "udp"));
    holds_the_same(&range, &node, &owner);
}

/// Source: PROTOCOL R-FALL-2.
#[test]
fn a_captive_portal_is_not_taken_for_the_cloud_and_is_named() {
    let range = Range::new();
    let (node, key) = cloud(&range, "cloud");
    let (other, _) = cloud(&range, "other");
    let gate = Gate::to(&address(&node), &https(&node));
    gate.set(Tcp::Page(
        "HTTP/1.1 200 OK\r\n\r\n<html>Welcome! Please sign in.</html>",
    ));
    let owner = owner(&range, &key, &gate);
    range.score("owner", "1", "1");
    let reason = |reason: &str| {
        wait_for(reason, AGREE_MAX, || {
            let told = status(&owner);
            assert_eq!(told["cloud"]["connected"], false, "{told}");
            (told["cloud"]["why"]["reason"] == reason).then_some(told)
        })
    };
    let told = reason("captive-portal");
    assert!(
        told["remarks"].to_string().contains("captive portal"),
        "{told}"
    );
    assert_eq!(told["totals"]["in_cloud"], 0);
    let shown = range.shown("owner", &["doctor"]);
    assert!(
        shown.contains("captive-portal") && shown.contains("sign in"),
        "{shown}"
    );
    // Nobody is taken for one: it is the everyday case, and needs nobody.
    gate.set(Tcp::Closed);
    let told = reason("cloud-unreachable");
    assert!(!told["remarks"].to_string().contains("cloud"), "{told}");
    for page in [
        "HTTP/1.1 302 Found\r\nLocation: http://portal.example/\r\n\r\n",
        "HTTP/1.1 200 OK\r\n\r\n{\"schema\":\"tallyline.probe/1\",\"ok\":true}",
    ] {
        for tcp in [Tcp::SecurePage(page), Tcp::Page(page)] {
            gate.set(tcp);
            reason("captive-portal");
            gate.set(Tcp::Closed);
            reason("cloud-unreachable");
        }
    }
    // Another cloud signs, and is told apart from a page.
    gate.set(Tcp::Other(https(&other).parse().unwrap()));
    until("it is told apart", AGREE_MAX, || {
        let why = &status(&owner)["cloud"]["why"];
        why["text"]
            .as_str()
            .is_some_and(|it| it.contains("another node"))
    });
    assert_eq!(status(&owner)["totals"]["in_cloud"], 0);
    // Somebody signs in.
    gate.set(Tcp::Cloud);
    until("all is in the cloud", AGREE_MAX, || is_in_the_cloud(&owner));
    assert_eq!(status(&owner)["cloud"]["why"], Value::Null);
}

/// Source: PROTOCOL R-FALL-3, R-FALL-4.
#[test]
fn strangers_on_the_https_port_are_bounded_and_the_cloud_goes_on() {
    let range = Range::new();
    let (node, key) = cloud(&range, "cloud");
    let client = Client::of(&https(&node));

    // Who it is can be asked by anybody.
    let nonce = [3; PROBE_NONCE_BYTES];
    let told = client.probe(&"03".repeat(PROBE_NONCE_BYTES));
    let signature = told["signature"].as_str().unwrap();
    let bytes = tallyline::root::unhex(signature).unwrap();
    let signature = Signature::from_bytes(bytes.try_into().unwrap());
    let time = told["server_time"].as_u64().unwrap();
    let public = PublicKey::parse(&key).unwrap();
    public.verify_probe(&nonce, time, &signature).unwrap();
    assert_eq!(
        client.status("/api/v1/events"),
        404,
        "nothing else is there"
    );

    // What no datagram is ends a tunnel; what is one and means nothing does not.
    let mut tunnel = client.tunnel("198.51.100.1").unwrap();
    tunnel.send_binary(&[0; 1_500]);
    tunnel.send_binary(&[0xff; 20]);
    tunnel.is_open();
    tunnel.send_binary(&[0; 1_501]);
    tunnel.ends();
    let mut tunnel = client.tunnel("198.51.100.1").unwrap();
    tunnel.send_text("hello");
    tunnel.ends();

    // One address has so many; another one, and who comes without a proxy, still finds a place.
    let most = tallyline::net::TUNNELS_PER_ADDRESS_MAX;
    let held: Vec<_> = (0..most)
        .map(|_| client.tunnel("198.51.100.2").unwrap())
        .collect();
    assert_eq!(client.tunnel("198.51.100.2").unwrap_err(), 429);
    client.tunnel("198.51.100.3").unwrap().is_open();
    let told = node.ask(&json!({ "verb": "security" })).unwrap();
    let counts = told["counts"].as_array().unwrap();
    let crowded = counts.iter().find(|it| it["cause"] == "crowded").unwrap();
    assert_eq!(crowded["count"], 1, "{told}");
    let gate = Gate::to(&address(&node), &https(&node));
    let owner = owner(&range, &key, &gate);
    range.score("owner", "1", "1");
    until("all is in the cloud", AGREE_MAX, || is_in_the_cloud(&owner));
    assert!(is_over(&owner, "https"));

    // Places are free again when their tunnels are gone; who asks nothing is not waited for.
    drop(held);
    until("there is room", AGREE_MAX, || {
        client.tunnel("198.51.100.2").is_ok()
    });
    client.silent_end();
    node.stop().unwrap();
}

/// Source: PROTOCOL R-FALL-3.
#[test]
fn a_cloud_takes_https_on_the_port_number_of_udp_unless_it_is_told_otherwise() {
    let range = Range::new();
    range.read("cloud", &["init", "--label", "Cloud", "--mode", "cloud"]);
    // Another program's connection may have the number by chance; then UDP works alone.
    let node = wait_for("a number that is free", AGREE_MAX, || {
        let node = range.start("cloud", &[]);
        (node.ready()["https"][0] == node.ready()["addresses"][0]).then_some(node)
    });
    let told = Client::of(&https(&node)).probe(&"07".repeat(PROBE_NONCE_BYTES));
    assert_eq!(told["key"], node.ready()["key"]);
    node.stop().unwrap();
    let node = range.start_with("cloud", &[], &["--fallback", "off"]);
    assert_eq!(node.ready()["https"], json!([]));
    let shown = range.shown("cloud", &["doctor"]);
    assert!(shown.contains("over UDP alone"), "{shown}");
    node.stop().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = taken.local_addr().unwrap().to_string();
    let outcome = range.run(
        "cloud",
        &["run", "--fallback", &at, "--listen", "127.0.0.1:0"],
    );
    assert_eq!(outcome.exit, 5, "{outcome:?}");
    assert!(outcome.stderr.contains("correct --fallback"), "{outcome:?}");
    // A device at a venue takes nobody over TCP.
    range.done("owner", &["init", "--label", "Owner"]);
    let owner = range.start("owner", &[]);
    assert_eq!(owner.ready()["https"], json!([]));
}
