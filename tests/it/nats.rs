//! A NATS server of a test's own, on free ports of loopback; it keeps nothing on disk.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::netns::must_run;
use crate::range::{AGREE_MAX, until};

/// Where Debian keeps the server, and where else it may be.
const PROGRAMS: [&str; 3] = [
    "/usr/sbin/nats-server",
    "/usr/bin/nats-server",
    "/usr/local/bin/nats-server",
];

/// A server; it is killed when it is dropped.
#[derive(Debug)]
pub(crate) struct Nats {
    program: &'static str,
    port: u16,
    /// Where it tells about itself.
    monitor: u16,
    running: Option<Child>,
}

impl Nats {
    /// Starts a server; `None` (said loudly) where NATS is not installed.
    ///
    /// # Panics
    /// If it has to be here and is not.
    pub(crate) fn start() -> Option<Self> {
        let Some(program) = PROGRAMS.into_iter().find(|it| Path::new(it).exists()) else {
            assert!(
                !must_run(),
                "nats-server is not installed, and here its test must not be skipped"
            );
            eprintln!("SKIPPED: nats-server is not installed; tests/run installs it on Debian");
            return None;
        };
        let mut server = Self {
            program,
            port: free_port(),
            monitor: free_port(),
            running: None,
        };
        server.up();
        Some(server)
    }

    /// Returns its address.
    pub(crate) fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// Starts it again where it was stopped.
    pub(crate) fn up(&mut self) {
        let (port, monitor) = (self.port.to_string(), self.monitor.to_string());
        let args = ["-a", "127.0.0.1", "-p", &port, "-m", &monitor];
        let mut command = Command::new(self.program);
        command.args(args).env_clear().stdin(Stdio::null());
        command.stdout(Stdio::null()).stderr(Stdio::null());
        self.running = Some(command.spawn().unwrap());
        until("the NATS server answers", AGREE_MAX, || {
            self.told("/varz").is_some()
        });
    }

    /// Kills it.
    pub(crate) fn kill(&mut self) {
        if let Some(mut running) = self.running.take() {
            running.kill().unwrap();
            running.wait().unwrap();
        }
    }

    /// Waits until so many connections hear hints.
    pub(crate) fn is_heard_by(&self, count: usize) {
        until("the nodes hear hints", AGREE_MAX, || {
            let told = self.told("/connz?subs=1").unwrap_or_default();
            let connections = told["connections"].as_array();
            let hears = |it: &&Value| it["subscriptions_list"][0] == "tallyline.hints";
            connections.is_some_and(|all| all.iter().filter(hears).count() == count)
        });
    }

    fn told(&self, path: &str) -> Option<Value> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.monitor)).ok()?;
        let ask = format!("GET {path} HTTP/1.0\r\nHost: nats\r\n\r\n");
        stream.write_all(ask.as_bytes()).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let (_, body) = answer.split_once("\r\n\r\n")?;
        serde_json::from_str(body).ok()
    }
}

impl Drop for Nats {
    fn drop(&mut self) {
        if let Some(running) = &mut self.running
            && running.kill().is_ok()
        {
            drop(running.wait());
        }
    }
}

fn free_port() -> u16 {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    socket.local_addr().unwrap().port()
}
