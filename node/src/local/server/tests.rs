use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream as Plain;

use serde_json::{Value, json};

use super::*;
use crate::clock::Clock;
use crate::driver::{Driver, DriverThread, NoLink};
use crate::local::client::{self, Client};
use crate::local::fixture::STRUCTURE;
use crate::local::protocol::{
    Entries, EntriesQuery, EventCreate, NodeInfo, Nothing, Record, Request, Saved, ScoreAdd,
    ScoreData, StandingsData, StandingsQuery, StatusData, SteelData,
};
use crate::local::{Here, NoNetwork};
use crate::root::{Mode, Root};

/// A node without a network, with its socket.
struct Node {
    dir: tempfile::TempDir,
    thread: std::thread::JoinHandle<()>,
}

fn start() -> Node {
    let dir = tempfile::tempdir().expect("a folder");
    Root::create(dir.path(), "Tablet 1", Mode::Device).expect("creates");
    start_in(dir)
}

fn start_in(dir: tempfile::TempDir) -> Node {
    let path = dir.path().to_owned();
    let (ready, is_ready) = std::sync::mpsc::sync_channel(1);
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        let root = Root::open(&path).expect("opens");
        let here = Here::from(&root);
        let (driver, loop_thread): (Driver, DriverThread) =
            Driver::start(root, Arc::new(NoLink), Clock::start()).expect("starts");
        runtime.block_on(async {
            let server = Server::bind(&path).expect("binds");
            let (stop, stopped) = watch::channel(false);
            let clerk = Clerk::new(driver.clone(), Arc::new(NoNetwork), here, Arc::new(stop));
            ready.send(()).expect("somebody waits");
            server.serve(clerk, stopped).await;
            driver.stop().await;
        });
        drop(driver);
        loop_thread.join().expect("ends well");
    });
    is_ready.recv().expect("starts");
    Node { dir, thread }
}

impl Node {
    fn ask(&self, request: Request) -> Answer {
        client::call(self.dir.path(), &request.into()).expect("answers")
    }

    /// Sends a line as it is and reads one line.
    fn raw(&self, line: &[u8]) -> Value {
        let mut stream = Plain::connect(socket_path(self.dir.path())).expect("connects");
        // A line that is too long may be refused before all of it is taken.
        let sent = stream.write_all(line);
        let mut answer = String::new();
        BufReader::new(stream)
            .read_line(&mut answer)
            .expect("reads");
        serde_json::from_str(&answer)
            .unwrap_or_else(|error| panic!("{answer:?}: {error}, {sent:?}"))
    }

    fn stop(self) -> tempfile::TempDir {
        assert!(
            matches!(self.ask(Request::Stop(Nothing {})), Answer::Ok(_)),
            "does not stop"
        );
        self.thread.join().expect("ends well");
        self.dir
    }
}

fn create() -> Request {
    Request::EventCreate(EventCreate {
        name: None,
        structure: STRUCTURE.to_owned(),
        cloud_keys: Vec::new(),
        recovery_cards: 0,
    })
}

fn score(shooter: u32) -> Request {
    Request::ScoreAdd(ScoreAdd {
        record: Record::Score(ScoreData {
            drill: 1,
            shooter,
            time_cs: vec![1646],
            targets: vec![2, 2],
            steel: SteelData {
                hit: 1,
                ..SteelData::default()
            },
            ..ScoreData::default()
        }),
        replaces: None,
        confirmed: false,
        revision: None,
        wall_ms: None,
    })
}

#[test]
fn an_owner_founds_scores_and_reads_standings_over_the_socket() {
    let node = start();
    let info: NodeInfo = node.ask(Request::Node(Nothing {})).data().expect("a node");
    assert_eq!(
        (info.phase.as_str(), info.label.as_str()),
        ("blank", "Tablet 1")
    );
    assert!(matches!(node.ask(create()), Answer::Ok(_)), "not founded");
    assert!(
        matches!(node.ask(Request::EventLock(Nothing {})), Answer::Ok(_)),
        "not locked"
    );
    let mut client = Client::connect(node.dir.path()).expect("connects");
    for shooter in [1, 2] {
        let answer = client.call(&score(shooter).into()).expect("answers");
        let saved: Saved = answer.data().expect("saved");
        assert_eq!(saved.entries.len(), 1);
    }
    let refused = node
        .ask(score(9))
        .data::<Saved>()
        .expect_err("no such shooter");
    assert_eq!(refused.code, "E01");
    let list: Entries = node
        .ask(Request::ScoreList(EntriesQuery::default()))
        .data()
        .expect("a list");
    assert_eq!(list.entries.len(), 2);
    assert!(
        list.entries.iter().all(|it| it.verdict == "counts"),
        "{list:?}"
    );
    let standings: StandingsData = node
        .ask(Request::Standings(StandingsQuery::default()))
        .data()
        .expect("standings");
    assert_eq!(standings.matches.len(), 1);
    assert!(!standings.complete, "stage 2 is missing");
    let status: StatusData = node
        .ask(Request::Status(Nothing {}))
        .data()
        .expect("status");
    assert_eq!(status.readings.counted, 2);
    assert_eq!(status.light, "only-here");
    assert_eq!(status.totals.only_here, status.totals.entries);

    // The same answers from the store when nothing runs.
    let dir = node.stop();
    assert!(!socket_path(dir.path()).exists(), "the socket's file stays");
    let call = Request::ScoreList(EntriesQuery::default()).into();
    let offline: Entries =
        crate::local::offline::answer(dir.path(), &crate::root::PassphraseSource::Nowhere, call)
            .data()
            .expect("a list");
    assert_eq!(offline, list);
}

#[test]
fn a_line_that_is_no_request_is_answered_and_the_connection_goes_on() {
    let node = start();
    for line in [
        "",
        "{}",
        "[1]",
        "{\"verb\":\"fly\"}",
        "{\"verb\":\"join\"}",
        "{\"verb\":\"score-list\",\"dril\":2}",
    ] {
        let answer = node.raw(format!("{line}\n").as_bytes());
        assert_eq!(answer["error"]["code"], codes::BAD_REQUEST, "{line}");
        assert_eq!(answer["error"]["exit"], exits::USAGE, "{line}");
    }
    let mut stream = Plain::connect(socket_path(node.dir.path())).expect("connects");
    stream
        .write_all(b"nonsense\n{\"verb\":\"node\"}\n")
        .expect("sends");
    let lines: Vec<String> = BufReader::new(stream)
        .lines()
        .take(2)
        .map(|line| line.expect("reads"))
        .collect();
    assert!(lines[0].starts_with("{\"error\""), "{lines:?}");
    assert!(lines[1].starts_with("{\"ok\""), "{lines:?}");
    node.stop();
}

#[test]
fn a_line_that_is_too_long_is_refused() {
    let node = start();
    let answer = node.raw(&vec![b'x'; REQUEST_BYTES_MAX + 1]);
    assert_eq!(answer["error"]["code"], codes::BAD_REQUEST);
    node.stop();
}

#[test]
fn only_the_owner_of_the_root_may_talk_to_it() {
    let node = start();
    let mode = fs::metadata(socket_path(node.dir.path()))
        .expect("a socket")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    node.stop();
}

#[test]
fn a_socket_left_by_a_killed_node_is_replaced_and_a_living_one_is_not() {
    let dir = tempfile::tempdir().expect("a folder");
    Root::create(dir.path(), "Tablet 1", Mode::Device).expect("creates");
    // Bound and dropped without removing its file: what a kill leaves behind.
    drop(std::os::unix::net::UnixListener::bind(socket_path(dir.path())).expect("binds"));
    let node = start_in(dir);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let taken = runtime.block_on(async { Server::bind(node.dir.path()) });
    assert!(matches!(taken, Err(ServeError::Taken(_))), "{taken:?}");
    node.stop();
}

#[test]
fn another_event_is_refused_by_name() {
    let node = start();
    assert!(matches!(node.ask(create()), Answer::Ok(_)), "not founded");
    let ask = |event: &str| {
        let line = format!("{}\n", json!({"verb": "status", "event": event}));
        node.raw(line.as_bytes())
    };
    assert!(ask("spring match").get("ok").is_some(), "its own name");
    assert_eq!(ask("Autumn")["error"]["code"], codes::UNKNOWN_EVENT);
    node.stop();
}
