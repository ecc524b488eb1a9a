//! Alerts of real nodes to a listener: once, recovered once, and nothing again after a restart; of a cloud
//! once by all of its nodes.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use serde_json::Value;
use tallyline::alerts::{Keeper as _, Kept};
use tallyline::cloud::Alerting;
use tallyline::store::postgres::{Database, Engine};
use tallyline_proto::model::{EventId, Hash};
use tallyline_tests::process::{Launch, Process};

use crate::api::http::Web;
use crate::cloud::{cloud, is_in_the_cloud, node_of};
use crate::postgres::{Postgres, Stop};
use crate::range::{AGREE_MAX, ALONE, Range, address, until};

/// A listener that takes everything, on a thread of its own.
struct Listener {
    url: String,
    taken: Receiver<Value>,
}

impl Listener {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let (sender, taken) = sync_channel(64);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = BufReader::new(stream.unwrap());
                let mut length = 0;
                loop {
                    let mut line = String::new();
                    stream.read_line(&mut line).unwrap();
                    let line = line.to_ascii_lowercase();
                    if let Some(text) = line.strip_prefix("content-length:") {
                        length = text.trim().parse().unwrap();
                    }
                    if line.trim().is_empty() {
                        break;
                    }
                }
                let mut body = vec![0; length];
                stream.read_exact(&mut body).unwrap();
                let answer = b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n";
                stream.get_mut().write_all(answer).unwrap();
                let json = serde_json::from_slice(&body).unwrap();
                if sender.send(json).is_err() {
                    return;
                }
            }
        });
        Self { url, taken }
    }

    fn next(&self) -> Value {
        self.taken.recv_timeout(AGREE_MAX).unwrap()
    }

    /// Makes sure that nothing comes for so long.
    #[track_caller]
    fn is_quiet(&self, time: Duration) {
        let more = self.taken.recv_timeout(time);
        assert!(more.is_err(), "{more:?}");
    }
}

/// Writes the configuration of a cloud's node that looks at its events each second.
fn looks_often(range: &Range, listener: &Listener) -> String {
    let settings = format!(
        "alert_webhook = \"{}\"\nalert_look_seconds = \"1\"\nalert_min_free = \"0\"\n",
        listener.url
    );
    let config = range.path("cloud.toml");
    std::fs::write(&config, settings).unwrap();
    config
}

/// Starts a node whose disk must have so much left.
fn start(range: &Range, listener: &Listener, min_free: &str) -> Process {
    let config = range.path("config.toml");
    let text = format!(
        "alert_webhook = \"{}\"\nalert_min_free = \"{min_free}\"\n",
        listener.url
    );
    std::fs::write(&config, text).unwrap();
    let more = ["--config", &config, "--http", "127.0.0.1:0"];
    let args = [&ALONE[..], &more].concat();
    let launch = Launch {
        root: &range.root("owner"),
        args: &args,
        log: &range.root("log"),
        before: &[],
    };
    Process::launch(&launch).unwrap()
}

#[test]
fn a_nodes_alert_comes_once_recovers_once_and_survives_a_restart() {
    let range = Range::founded();
    let listener = Listener::start();
    let node = start(&range, &listener, "100%");
    let fired = listener.next();
    assert_eq!(
        (&fired["alert"], &fired["state"]),
        (&"disk".into(), &"fired".into()),
        "{fired}"
    );
    assert_eq!(fired["event"], "Spring Match", "{fired}");
    let token = range.done("owner", &["cloud", "token", "boss", "--role", "owner"]);
    for path in ["/api/v1/alerts", "/api/v1/alerts/node"] {
        let told = Web::of(&node).with(&token).get(path).good();
        let open = &told["alerts"][0];
        assert_eq!(open["rule"], "disk", "{path}: {told}");
        assert_eq!(open["since_unix_ms"], fired["since_unix_ms"], "{told}");
        assert_eq!(open["text"], fired["text"], "{told}");
    }
    // A kill between the delivery and its note would repeat it: at least once, like all deliveries.
    let noted = range.root("owner").join("alerts.json");
    until("the delivery is noted", AGREE_MAX, || {
        std::fs::read_to_string(&noted).is_ok_and(|it| it.contains("\"queue\":[]"))
    });
    // Killed and started again: it is told already. What is next is that it is over.
    node.kill().unwrap();
    let node = start(&range, &listener, "100%");
    node.stop().unwrap();
    let node = start(&range, &listener, "0");
    let over = listener.next();
    assert_eq!(
        (&over["alert"], &over["state"]),
        (&"disk".into(), &"recovered".into()),
        "{over}"
    );
    assert_eq!(over["since_unix_ms"], fired["since_unix_ms"], "{over}");
    node.stop().unwrap();
    assert!(listener.taken.try_recv().is_err(), "nothing else came");
}

/// How long a turn lasts at least that a dead node had, and a look besides.
const TURN_MAX: Duration = Duration::from_secs(36);

/// Two nodes of one cloud, each with an event that a device carries to it; both events are active at both.
struct Shared {
    range: Range,
    listener: Listener,
    server: Postgres,
    key: String,
    nodes: Vec<(&'static str, Process)>,
}

impl Shared {
    fn start() -> Option<Self> {
        let server = Postgres::start()?;
        let range = Range::new();
        let listener = Listener::start();
        let key = cloud(&range, "cloud");
        let config = looks_often(&range, &listener);
        let url = server.url();
        let more = [
            "--store",
            &url,
            "--config",
            &config,
            "--http",
            "127.0.0.1:0",
        ];
        let mut nodes = Vec::new();
        for name in ["first", "second"] {
            node_of(&range, "cloud", name);
            nodes.push((name, range.start_with(name, &[], &more)));
        }
        Some(Self {
            range,
            listener,
            server,
            key,
            nodes,
        })
    }

    fn carried_to(&self, node: usize, owner: &str) -> Process {
        let at = address(&self.nodes[node].1);
        let uplink = ["--cloud", &at, "--cloud-key", &self.key];
        let owner = self.range.start_with(owner, &[], &uplink);
        until("all is in the cloud", AGREE_MAX, || is_in_the_cloud(&owner));
        owner
    }

    /// Makes sure that each node answers over HTTP what any of them told.
    fn answers(&self, fired: &Value) {
        let url = self.server.url();
        let make = ["cloud", "token", "boss", "--role", "owner", "--store", &url];
        let token = self.range.done("first", &make);
        for (_, node) in &self.nodes {
            let web = Web::of(node).with(&token);
            let event = fired["event_id"].as_str().unwrap();
            let told = web.get(&format!("/api/v1/alerts?event={event}")).good();
            assert_eq!(told["event"], fired["event_id"], "{told}");
            assert_eq!(told["alerts"][0]["rule"], "reviews", "{told}");
            assert_eq!(told["alerts"][0]["grade"], "warning", "{told}");
            let quiet = web.get("/api/v1/alerts?event=Spring%20Match").good();
            assert_eq!(quiet["alerts"], Value::Array(Vec::new()), "{quiet}");
            let node = web.get("/api/v1/alerts/node").good();
            assert_eq!(node["alerts"], Value::Array(Vec::new()), "{node}");
        }
    }

    /// Takes the node away that is called so.
    fn take(&mut self, name: &Value) -> Process {
        let place = self.nodes.iter().position(|it| it.0 == *name);
        self.nodes.remove(place.expect("one of the two tells")).1
    }
}

/// Two devices say different things under one id; returns the entry of the second one.
fn clash(range: &Range, number: u32) -> String {
    let id = format!("0e1f3d5c-0000-4000-8000-0000000000{number:02}");
    let add = |device: &str, bib: &str| {
        let about = ["--race", "1", "--bib", bib, "--place", "2", "--id", &id];
        range.read(device, &[&["incident", "add"][..], &about].concat())
    };
    add("gate", "1");
    add("finish", "2")["entry"].as_str().unwrap().to_owned()
}

/// An event of which eleven things need a person; returns an entry of the last one.
fn burst(range: &Range, key: &str) -> String {
    range.done("owner", &["init", "--label", "Owner"]);
    let file = range.path("race.json");
    std::fs::write(&file, super::race().to_string()).unwrap();
    let create = ["event", "create", "--structure", &file, "--cloud-key", key];
    range.done("owner", &create);
    range.done("owner", &["event", "lock"]);
    range.apart("gate", "scorer");
    range.apart("finish", "scorer");
    let entries: Vec<String> = (1..=11).map(|number| clash(range, number)).collect();
    range.carry("gate", "owner");
    range.carry("finish", "owner");
    entries.into_iter().last().unwrap()
}

/// S2-21: of a cloud with several nodes and events, each alert is told once, says which event it is about,
/// and is over once; another node goes on where one died.
#[test]
fn two_nodes_tell_once_which_event_needs_a_person() {
    let Some(mut shared) = Shared::start() else {
        return;
    };
    let last = burst(&shared.range, &shared.key);
    let range = &shared.range;
    range.done("quiet", &["init", "--label", "Quiet"]);
    range.found("quiet", &["--cloud-key", &shared.key]);
    range.done("quiet", &["event", "lock"]);
    let owner = shared.carried_to(0, "owner");
    let quiet = shared.carried_to(1, "quiet");
    for (name, event) in [("first", "Spring Match"), ("second", "Verbier 2026")] {
        range.read(name, &["status", "--event", event]);
    }
    let fired = shared.listener.next();
    assert_eq!(
        (&fired["alert"], &fired["state"]),
        (&"reviews".into(), &"fired".into()),
        "{fired}"
    );
    assert_eq!(fired["event"], "Verbier 2026", "{fired}");
    assert_eq!(fired["event_id"].as_str().unwrap().len(), 36, "{fired}");
    shared.listener.is_quiet(Duration::from_secs(5));
    shared.answers(&fired);

    // The one that told it dies, and the database for a moment: the other one repeats nothing.
    shared.take(&fired["node"]).kill().unwrap();
    shared.server.stop(Stop::Immediate);
    shared.server.up();
    owner.stop().unwrap();
    shared.listener.is_quiet(TURN_MAX);
    let void = ["score", "void", &last, "--reason", "test"];
    shared.range.done("owner", &void);
    let owner = shared.carried_to(0, "owner");
    let over = shared.listener.next();
    assert_eq!(
        (&over["alert"], &over["state"]),
        (&"reviews".into(), &"recovered".into()),
        "{over}"
    );
    assert_eq!(over["event_id"], fired["event_id"], "{over}");
    assert_eq!(over["since_unix_ms"], fired["since_unix_ms"], "{over}");
    assert_ne!(over["node"], fired["node"], "{over}");
    shared.listener.is_quiet(Duration::from_secs(3));
    owner.stop().unwrap();
    quiet.kill().unwrap();
}

/// Who has the turn for an event is said by the database and its clock, and nobody writes over another one.
#[test]
fn turns_follow_each_other_and_nothing_that_waits_is_left() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(turns(&server.url()));
}

async fn turns(url: &str) {
    let database = Database::connect(url, Engine::default()).await.unwrap();
    let node = |name: &str| Alerting::new(database.clone(), name.to_owned());
    let (left, right) = (node("left"), node("right"));
    let event = |number: u8| EventId(Hash([number; 32])).uuid();
    let events = vec![event(1), event(2), event(3)];
    let told = |text: &str| Some(text.to_owned());
    let (long, short) = (Duration::from_mins(1), Duration::from_millis(1));
    let of = |taken: Vec<Kept>| {
        let has = |number: &u8| taken.iter().any(|it| it.0 == event(*number));
        assert!(taken.len() <= 3, "{taken:?}");
        (1..=3).filter(has).collect::<Vec<u8>>()
    };
    let some = events[..2].to_vec();
    assert_eq!(of(left.take(some.clone(), long).await.unwrap()), [1, 2]);
    let right_has = right.take(events.clone(), long).await.unwrap();
    assert_eq!(of(right_has), [3], "two are the other's");
    assert_eq!(of(left.take(some.clone(), short).await.unwrap()), [1, 2]);
    let rows = vec![(events[0], told("a"), true), (events[2], told("b"), true)];
    assert_eq!(
        left.keep(rows).await.unwrap(),
        events[..1],
        "one is its own"
    );
    assert_eq!(right.kept(events[0]).await.unwrap(), told("a"));
    assert_eq!(right.kept(events[2]).await.unwrap(), None);

    // What waits of a node that is gone is taken by whoever comes, whatever it asks for.
    let left_over = async {
        loop {
            let taken = right.take(vec![events[2]], long).await.unwrap();
            if taken.contains(&(events[0], told("a"))) {
                return taken;
            }
        }
    };
    let taken = tokio::time::timeout(AGREE_MAX, left_over).await;
    assert_eq!(of(taken.expect("its turn is over")), [1, 3]);
    let late = vec![(events[0], None, false)];
    assert!(left.keep(late).await.unwrap().is_empty(), "too late");
    right.end().await.unwrap();
    assert_eq!(
        of(left.take(events.clone(), long).await.unwrap()),
        [1, 2, 3]
    );

    let heard = |ago_ms| vec![(events[0], "abcd".to_owned(), ago_ms)];
    right.note_heard(heard(5_000)).await.unwrap();
    right.note_heard(heard(90_000)).await.unwrap();
    let known = left.heard(events.clone()).await.unwrap();
    assert_eq!(known.len(), 1, "{known:?}");
    assert!((5_000..60_000).contains(&known[0].2), "{known:?}");
    left.tidy().await.unwrap();
    let kept = left.kept(events[0]).await.unwrap();
    assert_eq!(kept, told("a"), "a week is not over");
}

/// An event of a cloud without a database that is put away does not begin again when it comes back.
#[test]
fn a_cloud_alone_tells_of_each_event_and_not_again_after_a_restart() {
    let range = Range::new();
    let listener = Listener::start();
    let key = cloud(&range, "cloud");
    let config = looks_often(&range, &listener);
    burst(&range, &key);
    let start = |at: &str| {
        let args = ["--no-mdns", "--listen", at, "--config", &config];
        Process::start(&range.root("cloud"), &args).unwrap()
    };
    let node = start("127.0.0.1:0");
    let uplink = ["--cloud", &address(&node), "--cloud-key", &key];
    let owner = range.start_with("owner", &[], &uplink);
    let fired = listener.next();
    assert_eq!(fired["alert"], "reviews", "{fired}");
    assert_eq!(fired["event"], "Verbier 2026", "{fired}");
    let noted = range.root("cloud").join("alerts-events.json");
    until("the delivery is noted", AGREE_MAX, || {
        std::fs::read_to_string(&noted).is_ok_and(|it| it.contains("\"waiting\":false"))
    });
    let at = address(&node);
    node.kill().unwrap();
    let node = start(&at);
    until("it is active again", AGREE_MAX, || is_in_the_cloud(&owner));
    range.read("cloud", &["status", "--event", "Verbier 2026"]);
    listener.is_quiet(Duration::from_secs(5));
    owner.stop().unwrap();
    node.stop().unwrap();
}
