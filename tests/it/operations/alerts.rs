//! Alerts of a real node to a listener: once, recovered once, and nothing again after a restart.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, sync_channel};

use serde_json::Value;
use tallyline_tests::process::{Launch, Process};

use crate::range::{AGREE_MAX, ALONE, Range, until};

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
}

/// Starts a node whose disk must have so much left.
fn start(range: &Range, listener: &Listener, min_free: &str) -> Process {
    let config = range.path("config.toml");
    let text = format!(
        "alert_webhook = \"{}\"\nalert_min_free = \"{min_free}\"\n",
        listener.url
    );
    std::fs::write(&config, text).unwrap();
    let args = [&ALONE[..], &["--config", &config]].concat();
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
