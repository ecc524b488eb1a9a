//! mDNS on this machine's network, with forged, broken and flooding records.

use std::net::{IpAddr, Ipv4Addr, UdpSocket};

use mdns_sd::{ServiceDaemon, ServiceEvent};
use tallyline_keys::discovery_tag;

use super::super::limits::IDLE_TIME;
use super::super::mdns::SERVICE;
use super::*;

/// The discovery key of the event.
const EVENT: [u8; 16] = [1; 16];

/// Where mDNS sends to.
const GROUP: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 251);

/// Numbers of record types.
const A: u16 = 1;
const PTR: u16 = 12;
const HINFO: u16 = 13;
const TXT: u16 = 16;
const SRV: u16 = 33;

/// How many forged instances go into one packet.
const PER_PACKET: usize = 8;

/// Starts a node of the event that announces itself on a port of its own, away from 5353: neither
/// this machine's own devices nor other tests are heard.
fn announced(seed: u8, port: u16) -> Node {
    let node = Node::start(NetConfig {
        listen: Vec::new(),
        mdns: true,
        mdns_port: port,
        ..config(seed)
    });
    let discovery_key = EVENT;
    node.net.link().notice(&Notice::Discover { discovery_key });
    node
}

fn admit_all(nodes: &[&Node]) {
    for node in nodes {
        node.admit(nodes);
    }
}

async fn until_linked(one: &Node, two: &Node) {
    until("linked", || one.is_linked(two) && two.is_linked(one)).await;
}

/// Somebody on the network who sends whatever it likes.
struct Forger {
    sockets: Vec<UdpSocket>,
    port: u16,
}

impl Forger {
    fn on(port: u16) -> Self {
        let interfaces = if_addrs::get_if_addrs().unwrap();
        let ips = interfaces.iter().map(if_addrs::Interface::ip);
        let ips = ips.filter(IpAddr::is_ipv4);
        // A multicast leaves by the interface whose address its socket has.
        let sockets = ips.filter_map(|ip| UdpSocket::bind((ip, 0)).ok());
        Self {
            sockets: sockets.collect(),
            port,
        }
    }

    fn send(&self, packet: &[u8]) {
        for socket in &self.sockets {
            // Some interfaces take no multicast; one of them does.
            drop(socket.send_to(packet, (GROUP, self.port)));
        }
    }
}

/// An answer with so many records.
fn answer(records: &[Vec<u8>]) -> Vec<u8> {
    let count = u16::try_from(records.len()).unwrap().to_be_bytes();
    let mut packet = vec![0, 0, 0x84, 0, 0, 0, count[0], count[1], 0, 0, 0, 0];
    packet.extend(records.concat());
    packet
}

fn labels(name: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for label in name.trim_end_matches('.').split('.') {
        bytes.push(u8::try_from(label.len()).unwrap());
        bytes.extend_from_slice(label.as_bytes());
    }
    bytes.push(0);
    bytes
}

fn record(name: &[u8], kind: u16, ttl: u32, data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len()).unwrap();
    [
        name,
        &kind.to_be_bytes(),
        &1_u16.to_be_bytes(),
        &ttl.to_be_bytes(),
        &length.to_be_bytes(),
        data,
    ]
    .concat()
}

/// Everything that announces an instance with the event's tag, which anybody can copy.
fn instance(full: &str, host: &str, (ip, port): (Ipv4Addr, u16)) -> Vec<Vec<u8>> {
    let salt = [7; 8];
    let hex = |bytes: [u8; 8]| format!("{:016x}", u64::from_be_bytes(bytes));
    let texts = [
        "v=1".to_owned(),
        format!("s={}", hex(salt)),
        format!("t={}", hex(discovery_tag(&EVENT, &salt))),
    ];
    let mut txt = Vec::new();
    for text in texts {
        txt.push(u8::try_from(text.len()).unwrap());
        txt.extend_from_slice(text.as_bytes());
    }
    let srv = [&[0, 0, 0, 0][..], &port.to_be_bytes(), &labels(host)].concat();
    vec![
        record(&labels(SERVICE), PTR, 4_500, &labels(full)),
        record(&labels(full), SRV, 120, &srv),
        record(&labels(full), TXT, 4_500, &txt),
        record(&labels(host), A, 120, &ip.octets()),
    ]
}

fn invented(number: usize) -> Vec<Vec<u8>> {
    let full = format!("fake{number:05}.{SERVICE}");
    let host = format!("host{number:05}.local.");
    let low = u16::try_from(number % 50_000).unwrap();
    instance(&full, &host, (Ipv4Addr::new(127, 9, 9, 9), 10_000 + low))
}

/// Hears what is announced on a port, and waits for the first instance; returns its full name and
/// its texts.
async fn overheard(port: u16) -> (String, Vec<String>) {
    let daemon = ServiceDaemon::new_with_port(port).unwrap();
    let events = daemon.browse(SERVICE).unwrap();
    let found = loop {
        let event = timeout(DEADLINE, events.recv_async()).await.unwrap();
        if let ServiceEvent::ServiceResolved(found) = event.unwrap() {
            break found;
        }
    };
    let texts = found.get_properties().iter();
    let mut texts: Vec<_> = texts.map(|it| it.key().to_owned()).collect();
    texts.sort_unstable();
    daemon.shutdown().unwrap().recv_async().await.unwrap();
    (found.get_fullname().to_owned(), texts)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn peers_of_one_event_find_each_other_by_mdns_and_others_do_not() {
    let found_on = |seed| NetConfig {
        listen: Vec::new(),
        mdns: true,
        // Away from 5353, so that neither this machine's own devices nor other tests are heard.
        mdns_port: 15_353,
        ..config(seed)
    };
    let nodes = [1, 2, 3].map(|seed| Node::start(found_on(seed)));
    let [one, two, other] = &nodes;
    for (node, discovery_key) in [(one, [1; 16]), (two, [1; 16]), (other, [2; 16])] {
        node.admit(&[one, two, other]);
        node.net.link().notice(&Notice::Discover { discovery_key });
    }
    until("linked", || one.is_linked(two) && two.is_linked(one)).await;
    let sources: Vec<_> = [one, two]
        .iter()
        .flat_map(|node| node.net.links())
        .filter(|link| link.dialled)
        .map(|link| link.source)
        .collect();
    assert_eq!(sources, [Source::Mdns], "how the dialler found it");
    assert_eq!(other.ups(), 0, "another event's tag");
    close(&[one, two, other]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_says_nothing_but_version_salt_and_tag() {
    let node = announced(1, 15_361);
    node.admit(&[]);
    let (name, texts) = overheard(15_361).await;
    assert_eq!(texts, ["s", "t", "v"], "exactly three");
    let (instance, _) = name.split_once('.').unwrap();
    assert_eq!(instance.len(), 16, "a random name: {name}");
    close(&[&node]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_thousand_forged_instances_keep_nobody_apart_and_are_bounded() {
    let port = 15_362;
    let one = announced(1, port);
    one.admit(&[]);
    let forger = Forger::on(port);
    // Again and again, because a flood loses packets.
    let mut numbers = (0..5_000).cycle();
    let mut flood = || {
        let some: Vec<_> = numbers.by_ref().take(PER_PACKET).collect();
        let records: Vec<_> = some.into_iter().flat_map(invented).collect();
        forger.send(&answer(&records));
    };
    until("some were too many", || {
        flood();
        0 < one.noted(Cause::MdnsCapped)
    })
    .await;
    let two = announced(2, port);
    admit_all(&[&one, &two]);
    until("linked in spite of it", || {
        flood();
        one.is_linked(&two) && two.is_linked(&one)
    })
    .await;
    until("what is kept is bounded", || {
        flood();
        let mdns = one.net.mdns().unwrap();
        0 < one.noted(Cause::MdnsRestarted) && 1 < mdns.starts
    })
    .await;
    let mdns = one.net.mdns().unwrap();
    // Four of the forged ones, and the other device under the name of each of its starts.
    let starts = usize::try_from(two.net.mdns().unwrap().starts).unwrap();
    assert!(mdns.candidates <= 4 + starts, "{} places", mdns.candidates);
    let lines = one.net.security().lines.len();
    assert!(lines < 50, "a flood does not fill the log: {lines}");
    assert!(one.is_linked(&two), "the connection is kept");
    close(&[&one, &two]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forged_record_with_a_devices_own_name_leads_nobody_astray() {
    let port = 15_363;
    let one = announced(1, port);
    one.admit(&[]);
    let (name, _) = overheard(port).await;
    let forger = Forger::on(port);
    let evil = (Ipv4Addr::new(127, 9, 9, 9), 9);
    forger.send(&answer(&instance(&name, "evil.local.", evil)));
    let two = announced(2, port);
    admit_all(&[&one, &two]);
    until("linked in spite of it", || {
        forger.send(&answer(&instance(&name, "evil.local.", evil)));
        one.is_linked(&two) && two.is_linked(&one)
    })
    .await;
    close(&[&one, &two]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forged_goodbye_ends_no_connection() {
    let port = 15_364;
    let one = announced(1, port);
    one.admit(&[]);
    let (name, _) = overheard(port).await;
    let two = announced(2, port);
    admit_all(&[&one, &two]);
    until_linked(&one, &two).await;
    until("one link each", || {
        one.ups() - one.downs() == 1 && two.ups() - two.downs() == 1
    })
    .await;
    let ended = (one.downs(), two.downs());
    let forger = Forger::on(port);
    let goodbye = record(&labels(SERVICE), PTR, 0, &labels(&name));
    // Its own daemon would say at once that it is still there.
    let daemon = one.net.hub.verifier().daemon().unwrap();
    daemon.shutdown().unwrap().recv_async().await.unwrap();
    // Once: each further one would begin the record's last second anew.
    forger.send(&answer(&[goodbye]));
    let believed = || two.net.mdns().unwrap().candidates == 0;
    until("the goodbye is believed", believed).await;
    let later = Instant::now() + Duration::from_secs(3);
    until("time passes", || Instant::now() >= later).await;
    assert!(IDLE_TIME > Duration::from_secs(3), "silence would end it");
    assert_eq!((one.downs(), two.downs()), ended, "nobody went");
    close(&[&one, &two]).await;
}

/// Records that broke other programs: cut off, too long, looping, empty, much too large.
fn broken() -> Vec<Vec<u8>> {
    let name = labels(SERVICE);
    let mut cut = answer(&[record(&name, HINFO, 120, b"\x40cpu")]);
    cut.truncate(cut.len() - 2);
    let mut announced_more = answer(&[record(&name, HINFO, 120, &[200, 1])]);
    announced_more[7] = 200;
    let long: Vec<u8> = (0..5)
        .flat_map(|_| [&[60][..], &[b'a'; 60]].concat())
        .collect();
    let long = [&long[..], &[0]].concat();
    let looping = [0xc0, 12];
    vec![
        Vec::new(),
        vec![0xff; 12],
        cut,
        announced_more,
        answer(&[record(&long, PTR, 120, &name)]),
        answer(&[record(&name, PTR, 120, &long)]),
        answer(&[record(&looping, PTR, 120, &looping)]),
        answer(&[record(&name, TXT, 120, &vec![255; 8_000])]),
        answer(&[record(&name, SRV, 120, &[0; 3])]),
        answer(&[record(&name, A, 120, &[1])]),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn broken_records_are_survived() {
    let port = 15_365;
    let one = announced(1, port);
    one.admit(&[]);
    until("it is announced", || one.net.mdns().unwrap().announcing).await;
    let forger = Forger::on(port);
    let mut rounds = 0;
    until("everything broken is sent", || {
        for packet in broken() {
            forger.send(&packet);
        }
        rounds += 1;
        rounds == 20
    })
    .await;
    let two = announced(2, port);
    admit_all(&[&one, &two]);
    until_linked(&one, &two).await;
    let mdns = one.net.mdns().unwrap();
    assert_eq!((mdns.starts, mdns.fault), (1, None), "its thread lives");
    close(&[&one, &two]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn browsing_begins_afresh_when_its_channel_or_its_daemon_ends() {
    let port = 15_366;
    let one = announced(1, port);
    one.admit(&[]);
    until("it is announced", || one.net.mdns().unwrap().announcing).await;
    let daemon = one.net.hub.verifier().daemon().unwrap();
    daemon.stop_browse(SERVICE).unwrap();
    let two = announced(2, port);
    admit_all(&[&one, &two]);
    until_linked(&one, &two).await;
    close(&[&two]).await;
    until("two left", || one.net.links().is_empty()).await;

    daemon.shutdown().unwrap().recv_async().await.unwrap();
    until("another daemon", || one.net.mdns().unwrap().starts == 2).await;
    let three = announced(3, port);
    admit_all(&[&one, &three]);
    until_linked(&one, &three).await;
    close(&[&one, &three]).await;
}
