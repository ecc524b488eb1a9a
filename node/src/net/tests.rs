//! Several networks in one process, on loopback, with an ear instead of a driver.

use std::sync::{Mutex, OnceLock, Weak};
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use super::limits::{FRAME_BYTES_MAX, QUEUE_FRAMES_MAX, STRANGERS_MAX};
use super::*;
use tallyline_keys::tls::Expected;

/// How long anything in here may take: far more than it should, less than a person waits.
const DEADLINE: Duration = Duration::from_secs(20);

/// What every ear says when a peer comes up.
const HELLO: &[u8] = b"hello";

#[derive(Debug, Default)]
struct Heard {
    up: Vec<(PeerId, PublicKey, [u8; 32])>,
    down: Vec<PeerId>,
    frames: Vec<(PeerId, Vec<u8>)>,
}

/// Hears what a driver would hear, and greets.
struct Ear {
    heard: Mutex<Heard>,
    link: OnceLock<Weak<dyn Link>>,
}

/// Hands an ear to a network.
struct Listening(Arc<Ear>);

struct Node {
    net: Net,
    ear: Arc<Ear>,
    key: PublicKey,
}

impl Inlet for Listening {
    fn input(&self, input: Input) -> Pin<Box<dyn Future<Output = Result<(), Deaf>> + Send + '_>> {
        let mut heard = self.0.heard.lock().unwrap();
        match input {
            Input::PeerUp {
                peer,
                key,
                exporter,
            } => {
                heard.up.push((peer, key, exporter));
                drop(heard);
                let link = self.0.link.get().unwrap().upgrade();
                if let Some(link) = link {
                    link.send(peer, HELLO.to_vec());
                }
            }
            Input::PeerDown { peer } => heard.down.push(peer),
            Input::Frame { peer, bytes } => heard.frames.push((peer, bytes)),
            Input::Command { .. } | Input::Tick => {}
        }
        Box::pin(async { Ok(()) })
    }
}

fn key(seed: u8) -> Arc<DeviceKey> {
    Arc::new(DeviceKey::from_seed([seed; 32]))
}

fn config(seed: u8) -> NetConfig {
    NetConfig {
        key: key(seed),
        listen: vec!["127.0.0.1:0".parse().unwrap()],
        peers: Vec::new(),
        mdns: false,
        mdns_port: MDNS_PORT,
        uplink: None,
        mode: Mode::Device,
        memory: None,
    }
}

impl Node {
    fn start(config: NetConfig) -> Self {
        let key = config.key.public();
        let net = Net::start(config).unwrap();
        let ear = Arc::new(Ear {
            heard: Mutex::default(),
            link: OnceLock::new(),
        });
        ear.link.set(Arc::downgrade(&net.link())).unwrap();
        net.attach(Listening(ear.clone()));
        Self { net, ear, key }
    }

    /// Starts a node that dials others.
    fn dialling(seed: u8, others: &[&Self]) -> Self {
        let peers = others.iter().map(|other| other.address().to_string());
        let peers = peers.collect();
        Self::start(NetConfig {
            peers,
            ..config(seed)
        })
    }

    fn address(&self) -> SocketAddr {
        self.net.addresses()[0]
    }

    fn admit(&self, others: &[&Self]) {
        let mut keys: Vec<_> = others.iter().map(|other| other.key).collect();
        keys.push(self.key);
        self.net.link().notice(&Notice::Members(keys));
    }

    fn keys(&self) -> Vec<PublicKey> {
        let mut keys: Vec<_> = self.net.links().iter().map(|link| link.key).collect();
        keys.sort_unstable();
        keys
    }

    fn is_linked(&self, other: &Self) -> bool {
        self.keys() == [other.key]
    }

    fn ups(&self) -> usize {
        self.ear.heard.lock().unwrap().up.len()
    }

    fn downs(&self) -> usize {
        self.ear.heard.lock().unwrap().down.len()
    }

    fn frames(&self) -> usize {
        self.ear.heard.lock().unwrap().frames.len()
    }
}

/// Waits until a condition holds.
async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !holds() {
        assert!(Instant::now() < deadline, "not in time: {what}");
        sleep(Duration::from_millis(5)).await;
    }
}

/// Starts two nodes that know each other, the first dialling the second.
async fn pair() -> (Node, Node) {
    let two = Node::start(config(2));
    let one = Node::dialling(1, &[&two]);
    one.admit(&[&two]);
    two.admit(&[&one]);
    until("linked", || one.is_linked(&two) && two.is_linked(&one)).await;
    (one, two)
}

async fn close(nodes: &[&Node]) {
    for node in nodes {
        node.net.close().await;
    }
}

/// Shakes hands as `seed` and leaves the rest to the caller.
async fn raw(seed: u8, to: &Node) -> (Node, quinn::Connection) {
    let node = Node::start(config(seed));
    let doors = node.net.hub.doors();
    let dialled = doors.dial(&[to.address()], &Expected::Key(to.key)).await;
    (node, dialled.unwrap())
}

/// Waits until a connection ends, and returns what the other side says.
async fn why(connection: &quinn::Connection) -> String {
    let ended = timeout(DEADLINE, connection.closed()).await.unwrap();
    if let quinn::ConnectionError::ApplicationClosed(close) = ended {
        String::from_utf8(close.reason.to_vec()).unwrap()
    } else {
        ended.to_string()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_static_peer_is_dialled_and_frames_go_both_ways() {
    let (one, two) = pair().await;
    until("hellos", || one.frames() == 1 && two.frames() == 1).await;
    let exporter = |node: &Node| node.ear.heard.lock().unwrap().up[0].2;
    assert_eq!(exporter(&one), exporter(&two), "both export the same");
    let (there, back) = (&one.net.links()[0], &two.net.links()[0]);
    assert_eq!(
        (there.source, there.dialled),
        (Source::Static, true),
        "dialler"
    );
    assert_eq!(
        (back.source, back.dialled),
        (Source::Inbound, false),
        "dialled"
    );
    for length in [0, 1, 1_000, FRAME_BYTES_MAX] {
        one.net.link().send(there.peer, vec![3; length]);
    }
    until("four frames", || two.frames() == 5).await;
    let lengths: Vec<_> = {
        let heard = two.ear.heard.lock().unwrap();
        heard.frames.iter().map(|(_, bytes)| bytes.len()).collect()
    };
    assert_eq!(lengths, [5, 0, 1, 1_000, FRAME_BYTES_MAX], "in order");
    let sent = one.net.traffic();
    let bytes = u64::try_from(5 + 1_001 + FRAME_BYTES_MAX + 1 + 1 + 1 + 2 + 3).unwrap();
    assert_eq!(sent.frames_sent, 5, "frames");
    assert_eq!(sent.frame_bytes_sent, bytes, "with lengths");
    assert_eq!(
        two.net.traffic().frame_bytes_received,
        bytes,
        "the same there"
    );
    assert!(sent.udp_bytes_sent > bytes, "QUIC costs something");
    close(&[&one, &two]).await;
    assert_eq!(two.downs(), two.ups(), "every peer that came up goes down");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_peers_that_dial_each_other_keep_one_link() {
    let one = Node::start(config(1));
    let two = Node::dialling(2, &[&one]);
    one.net.hub.configure(&[two.address().to_string()]);
    one.admit(&[&two]);
    two.admit(&[&one]);
    until("linked", || one.is_linked(&two) && two.is_linked(&one)).await;
    let dialled = |node: &Node| node.net.links()[0].dialled;
    assert_ne!(
        dialled(&one),
        dialled(&two),
        "the same connection on both sides"
    );
    assert_eq!(one.ups() - one.downs(), 1, "the core sees one");
    close(&[&one, &two]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_devices_with_one_key_are_both_served() {
    let two = Node::start(config(2));
    let (one, clone) = (Node::dialling(1, &[&two]), Node::dialling(1, &[&two]));
    two.admit(&[&one]);
    one.admit(&[&two]);
    clone.admit(&[&two]);
    until("both", || two.keys() == [one.key, one.key]).await;
    until("both hear", || one.is_linked(&two) && clone.is_linked(&two)).await;
    assert_eq!(two.downs(), 0, "nobody was kicked out");
    close(&[&one, &clone, &two]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stranger_has_five_seconds() {
    let two = Node::start(config(2));
    let one = Node::dialling(1, &[&two]);
    one.admit(&[&two]);
    let began = Instant::now();
    until("up", || two.ups() == 1).await;
    until("down", || two.downs() == 1).await;
    let stayed = began.elapsed();
    assert!(stayed >= Duration::from_secs(5), "{stayed:?}");
    assert!(stayed < Duration::from_secs(9), "{stayed:?}");
    close(&[&one, &two]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stranger_that_is_admitted_meanwhile_stays() {
    let two = Node::start(config(2));
    let one = Node::dialling(1, &[&two]);
    one.admit(&[&two]);
    until("up", || two.ups() == 1).await;
    two.admit(&[&one]);
    let later = Instant::now() + Duration::from_secs(6);
    until("six seconds", || Instant::now() >= later).await;
    assert_eq!(two.downs(), 0, "still there");
    close(&[&one, &two]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stranger_has_sixty_four_kibibytes() {
    let two = Node::start(config(2));
    let (one, connection) = raw(1, &two).await;
    let (mut send, _receive) = connection.open_bi().await.unwrap();
    let frame = framing::framed(&[1; 1_000]).unwrap();
    let began = Instant::now();
    while send.write_all(&frame).await.is_ok() {}
    assert_eq!(why(&connection).await, "stranger", "said");
    assert!(
        began.elapsed() < Duration::from_secs(4),
        "before the five seconds"
    );
    assert!(two.frames() <= 65, "{} frames", two.frames());
    close(&[&one, &two]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eight_strangers_are_served_and_a_member_still_gets_in() {
    let two = Node::start(config(2));
    let strangers: Vec<_> = (10..22).map(|seed| Node::dialling(seed, &[&two])).collect();
    for stranger in &strangers {
        stranger.admit(&[&two]);
    }
    until("eight", || two.net.links().len() == STRANGERS_MAX).await;
    let one = Node::dialling(1, &[&two]);
    two.admit(&[&one]);
    one.admit(&[&two]);
    until("the member", || two.keys().contains(&one.key)).await;
    assert!(
        two.net.links().len() <= STRANGERS_MAX + 1,
        "eight and the member"
    );
    close(&strangers.iter().chain([&one, &two]).collect::<Vec<_>>()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_frames_end_their_connection_and_no_other() {
    let (one, two) = pair().await;
    for (seed, bytes) in [
        (10, &[0x81, 0x80, 0x04][..]),
        (11, &[0xff, 0xff, 0xff, 0xff, 0x0f]),
        (12, &[0x80, 0x00]),
    ] {
        let (bad, connection) = raw(seed, &two).await;
        let (mut send, _receive) = connection.open_bi().await.unwrap();
        send.write_all(bytes).await.unwrap();
        assert_eq!(why(&connection).await, "broken", "{bytes:x?}");
        close(&[&bad]).await;
    }
    assert!(one.is_linked(&two), "the others talk on");
    one.net.link().send(one.net.links()[0].peer, vec![9]);
    until("a frame", || two.frames() == 2).await;
    close(&[&one, &two]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_sixteen_streams_are_granted() {
    let two = Node::start(config(2));
    let (one, connection) = raw(1, &two).await;
    let mut streams = Vec::new();
    while let Ok(stream) = timeout(Duration::from_millis(500), connection.open_bi()).await {
        streams.push(stream.unwrap());
        assert!(streams.len() <= 16, "too many");
    }
    assert_eq!(streams.len(), 16, "granted");
    let uni = timeout(Duration::from_millis(100), connection.open_uni()).await;
    assert!(uni.is_err(), "no unidirectional streams");
    assert_eq!(connection.max_datagram_size(), None, "no datagrams");
    close(&[&one, &two]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_does_not_read_is_dropped_without_blocking_anybody() {
    let two = Node::start(config(2));
    let (one, connection) = raw(1, &two).await;
    two.admit(&[&one]);
    let (mut send, _never_read) = connection.open_bi().await.unwrap();
    send.write_all(&framing::framed(HELLO).unwrap())
        .await
        .unwrap();
    until("up", || two.is_linked(&one)).await;
    let peer = two.net.links()[0].peer;
    for _ in 0..2 * QUEUE_FRAMES_MAX {
        two.net.link().send(peer, vec![0; FRAME_BYTES_MAX]);
    }
    // The one datagram that says why may be lost on the way to a peer that does not read; what it
    // sends afterwards is then answered by a reset.
    let said = why(&connection).await;
    assert!(said == "unread" || said == "reset by peer", "{said}");
    until("down", || two.downs() == 1).await;
    close(&[&one, &two]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_sent_before_a_close_still_arrives() {
    let (one, two) = pair().await;
    let peer = one.net.links()[0].peer;
    one.net.link().send(peer, vec![1; 60_000]);
    one.net.link().send(peer, vec![2]);
    one.net.link().close(peer, Reason::Demerits);
    until("the last frame", || {
        let heard = two.ear.heard.lock().unwrap();
        heard.frames.iter().any(|(_, bytes)| bytes == &[2])
    })
    .await;
    until("closed", || two.downs() == 1 && one.downs() == 1).await;
    close(&[&one, &two]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn aeroplane_mode_drops_everything_and_resume_brings_it_back() {
    let (one, two) = pair().await;
    two.net.pause(Scope::All);
    until("dropped", || {
        one.net.links().is_empty() && two.net.links().is_empty()
    })
    .await;
    let ups = two.ups();
    let later = Instant::now() + Duration::from_secs(2);
    until("two seconds", || Instant::now() >= later).await;
    assert_eq!(two.ups(), ups, "nobody gets in");
    two.net.resume(Scope::All);
    until("back", || one.is_linked(&two) && two.is_linked(&one)).await;
    close(&[&one, &two]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revoked_device_is_closed_at_once() {
    let (one, two) = pair().await;
    let began = Instant::now();
    two.admit(&[]);
    until("closed", || one.downs() > 0).await;
    assert!(began.elapsed() < Duration::from_secs(1), "within a second");
    close(&[&one, &two]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_conversations_begin_anew_after_a_reset() {
    let (one, two) = pair().await;
    two.net.link().reset();
    until("again", || {
        one.ups() >= 2 && one.is_linked(&two) && two.is_linked(&one)
    })
    .await;
    close(&[&one, &two]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restarted_peer_takes_its_port_again_and_is_back_within_seconds() {
    let dir = tempfile::tempdir().unwrap();
    let kept = |seed| NetConfig {
        listen: Vec::new(),
        memory: Some(dir.path().join(format!("{seed}.json"))),
        ..config(seed)
    };
    let two = Node::start(kept(2));
    let peers = vec![format!("127.0.0.1:{}", two.address().port())];
    let one = Node::start(NetConfig { peers, ..kept(1) });
    one.admit(&[&two]);
    two.admit(&[&one]);
    until("linked", || one.is_linked(&two) && two.is_linked(&one)).await;
    let port = two.address().port();
    until("kept", || {
        memory::load(&dir.path().join("2.json")).peers.len() == 1
    })
    .await;
    two.net.close().await;
    until("gone", || one.net.links().is_empty()).await;
    drop(two);
    until("the port is free", || {
        std::net::UdpSocket::bind(("::", port)).is_ok()
    })
    .await;
    let two = Node::start(kept(2));
    assert_eq!(two.address().port(), port, "the same port");
    let began = Instant::now();
    two.admit(&[&one]);
    until("linked again", || {
        one.is_linked(&two) && two.is_linked(&one)
    })
    .await;
    assert!(
        began.elapsed() < Duration::from_secs(3),
        "{:?}",
        began.elapsed()
    );
    close(&[&one, &two]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_joiner_dials_nobody_but_its_inviter() {
    let owner = Node::start(config(1));
    let other = Node::start(config(2));
    let joiner = Node::dialling(3, &[&other]);
    let ticket = Ticket {
        event: tallyline_proto::model::EventId(tallyline_proto::model::Hash([7; 32])),
        inviter: owner.key,
        secret: [1; 16],
        discovery_key: [2; 16],
        addresses: vec!["nonsense".into(), owner.address().to_string()],
    };
    joiner.net.joining(Some(&ticket));
    until("linked", || {
        joiner.is_linked(&owner) && owner.is_linked(&joiner)
    })
    .await;
    assert_eq!(
        joiner.net.links()[0].source,
        Source::Ticket,
        "how it was found"
    );
    assert_eq!(other.ups(), 0, "nobody else");
    owner.admit(&[&joiner, &other]);
    other.admit(&[&owner, &joiner]);
    joiner.admit(&[&owner, &other]);
    until("the others too", || joiner.keys().len() == 2).await;
    close(&[&owner, &other, &joiner]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_uplink_talks_to_the_pinned_cloud_alone_and_can_be_paused() {
    let cloud = Node::start(NetConfig {
        mode: Mode::Cloud,
        ..config(9)
    });
    let uplink = |key| {
        let address = cloud.address().to_string();
        Some(Uplink { address, key })
    };
    let gateway = Node::start(NetConfig {
        uplink: uplink(cloud.key),
        ..config(1)
    });
    let misled = Node::start(NetConfig {
        uplink: uplink(gateway.key),
        ..config(2)
    });
    until("linked", || {
        gateway.is_linked(&cloud) && cloud.is_linked(&gateway)
    })
    .await;
    assert_eq!(
        gateway.net.links()[0].source,
        Source::Uplink,
        "how it was found"
    );
    assert!(!cloud.keys().contains(&misled.key), "wrong key pinned");
    cloud.admit(&[&gateway]);
    gateway.net.pause(Scope::Cloud);
    until("paused", || gateway.net.links().is_empty()).await;
    assert!(gateway.net.paused(Scope::Cloud), "paused");
    assert!(!gateway.net.paused(Scope::All), "only the cloud");
    gateway.net.resume(Scope::Cloud);
    until("back", || {
        gateway.is_linked(&cloud) && cloud.is_linked(&gateway)
    })
    .await;
    close(&[&gateway, &misled, &cloud]).await;
}

/// Collects first datagrams of handshakes, each of its own connection.
async fn first_flights(count: usize) -> Vec<Vec<u8>> {
    let sink = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let target = sink.local_addr().unwrap();
    let node = Node::start(config(30));
    let mut dials = tokio::task::JoinSet::new();
    for _ in 0..count {
        let (hub, pinned) = (node.net.hub.clone(), Expected::Key(node.key));
        dials.spawn(async move { hub.doors().dial(&[target], &pinned).await });
    }
    let mut flights = std::collections::BTreeMap::new();
    let mut buffer = [0; 2_048];
    while flights.len() < count {
        let length = timeout(DEADLINE, sink.recv(&mut buffer))
            .await
            .unwrap()
            .unwrap();
        // A long header: flags, version, length of the destination's id, the id.
        flights.insert(buffer[6..14].to_vec(), buffer[..length].to_vec());
    }
    dials.shutdown().await;
    close(&[&node]).await;
    flights.into_values().collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_from_invented_addresses_keeps_no_member_out() {
    let flights = first_flights(200).await;
    let two = Node::start(config(2));
    for (source, flight) in flights.iter().enumerate() {
        let source = [127, 0, 1, u8::try_from(source).unwrap()];
        let socket = std::net::UdpSocket::bind(SocketAddr::from((source, 0))).unwrap();
        socket.send_to(flight, two.address()).unwrap();
    }
    let one = Node::dialling(1, &[&two]);
    two.admit(&[&one]);
    one.admit(&[&two]);
    let began = Instant::now();
    until("the member is in", || {
        two.is_linked(&one) && one.is_linked(&two)
    })
    .await;
    assert!(
        began.elapsed() < Duration::from_secs(3),
        "{:?}",
        began.elapsed()
    );
    let begun = two.net.hub.endpoints()[0].stats().accepted_handshakes;
    assert!(
        begun <= 20,
        "{begun} handshakes begun; the others had to prove their address"
    );
    close(&[&one, &two]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_taken_port_is_named() {
    let one = Node::start(config(1));
    let taken = one.address();
    let listen = vec![taken];
    let error = Net::start(NetConfig {
        listen,
        ..config(2)
    })
    .unwrap_err();
    assert!(
        matches!(error, NetError::PortTaken(address) if address == taken),
        "{error}"
    );
    assert!(
        error.to_string().contains(&taken.port().to_string()),
        "{error}"
    );
    close(&[&one]).await;
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
