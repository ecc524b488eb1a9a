//! Several networks in one process, on loopback, with an ear instead of a driver.

mod floods;
mod hostile;
mod limits;
// Beside the module that alone may use the words of its library.
#[path = "mdns/forged.rs"]
mod mdns;

use std::sync::{Mutex, OnceLock, Weak};
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use super::limits::{FRAME_BYTES_MAX, QUEUE_FRAMES_MAX, STRANGERS_MAX};
use super::*;
use crate::security::Cause;
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
            Input::Command { .. } | Input::Room { .. } | Input::Tick => {}
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
        fallback: false,
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

    fn noted(&self, cause: Cause) -> u64 {
        let seen = self.net.security();
        seen.counts.get(&cause).copied().unwrap_or_default()
    }

    /// Returns the keys that the security log names for a cause.
    fn named(&self, cause: Cause) -> Vec<PublicKey> {
        let lines = self.net.security().lines.into_iter();
        let lines = lines.filter(|line| line.cause == cause);
        lines.filter_map(|line| line.who.key).collect()
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

/// Waits until a connection ends, and returns the code with which the other side ended it.
async fn code(connection: &quinn::Connection) -> u64 {
    let ended = timeout(DEADLINE, connection.closed()).await.unwrap();
    let quinn::ConnectionError::ApplicationClosed(close) = ended else {
        panic!("ended otherwise: {ended}");
    };
    close.error_code.into_inner()
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
    // A second connection that has not spoken is in no list, and the core knows of it for a moment.
    until("the core sees one", || one.ups() - one.downs() == 1).await;
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

/// R-CARD-4: the device of a spare card is admitted already, and takes the event from anybody.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_device_of_a_card_dials_whoever_it_finds() {
    let officer = Node::start(config(2));
    let fresh = Node::dialling(3, &[&officer]);
    let event = tallyline_proto::model::EventId(tallyline_proto::model::Hash([7; 32]));
    fresh
        .net
        .joining(Some(&Ticket::of_card(fresh.key, event, [2; 16])));
    officer.admit(&[&fresh]);
    until("linked", || {
        fresh.is_linked(&officer) && officer.is_linked(&fresh)
    })
    .await;
    close(&[&officer, &fresh]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_uplink_reaches_whoever_is_at_the_clouds_address_and_can_be_paused() {
    let cloud = Node::start(NetConfig {
        mode: Mode::Cloud,
        ..config(9)
    });
    // A node of the cloud has a key of its own: whether it speaks for the cloud is the core's to judge, by
    // its warrant (R-CLOUD-3).
    let gateway = Node::start(NetConfig {
        uplink: Some(Uplink {
            addresses: vec![cloud.address().to_string()],
            key: key(8).public(),
        }),
        ..config(1)
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
    close(&[&gateway, &cloud]).await;
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
