//! The venue: real processes of this same binary, each on its own root.
//!
//! Everything that is started here is ended here, whatever happens: processes when they are
//! dropped, then their folder. Talks to them over their command sockets only. Layer: node, demo.

use std::collections::BTreeMap;
use std::fs::{DirBuilder, File};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::de::DeserializeOwned;
use tokio::time::{Instant, sleep};

use super::DemoError;
use crate::entropy;
use crate::local::client::{AsyncClient, CallError};
use crate::local::protocol::{
    Answer, Call, NodeInfo, Nothing, Problem, Request, StatusData, WireBytes,
};
use crate::root::{Mode, Root, hex};

/// How often a condition is looked at again while somebody waits for it.
pub(super) const LOOK: Duration = Duration::from_millis(50);

/// How long anything may take that takes a second at most on a slow machine.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// Lines of a process's log that are shown when it fails.
const TAIL_LINES: usize = 12;

/// All processes, and the folder with their roots.
#[derive(Debug)]
pub(super) struct Venue {
    binary: PathBuf,
    nodes: Mutex<BTreeMap<String, Node>>,
    ended: Mutex<WireBytes>,
    // Dropped after the processes.
    folder: Folder,
}

/// One process.
#[derive(Debug)]
struct Node {
    process: Process,
    args: Vec<String>,
}

/// A started process, which is killed when dropped.
#[derive(Debug)]
struct Process(Child);

/// A folder that is removed when dropped, unless it is to be kept.
#[derive(Debug)]
struct Folder {
    path: PathBuf,
    keep: bool,
}

/// A connection to one node that is made again when it is lost.
#[derive(Debug)]
pub(super) struct Caller {
    dir: PathBuf,
    /// The node's label.
    pub(super) label: String,
    client: Option<AsyncClient>,
}

impl Venue {
    /// Makes the folder for the roots.
    ///
    /// # Errors
    ///
    /// [`DemoError::Machine`] if the machine refuses.
    pub(super) fn open(keep: bool) -> Result<Self, DemoError> {
        let binary =
            std::env::current_exe().map_err(|error| machine("find this program", &error))?;
        let drawn = entropy::bytes::<4>().map_err(|error| DemoError::Machine(error.to_string()))?;
        let path = std::env::temp_dir().join(format!("tallyline-demo-{}", hex(&drawn)));
        DirBuilder::new()
            .mode(0o700)
            .create(&path)
            .map_err(|error| machine("make a folder for the roots", &error))?;
        Ok(Self {
            binary,
            nodes: Mutex::default(),
            ended: Mutex::default(),
            folder: Folder { path, keep },
        })
    }

    /// Makes a root and returns its fingerprint.
    ///
    /// # Errors
    ///
    /// What the root said.
    pub(super) fn init(&self, label: &str, mode: Mode) -> Result<String, DemoError> {
        let root = Root::create(&self.dir(label), label, mode)
            .map_err(|error| DemoError::Machine(error.to_string()))?;
        Ok(root.key().fingerprint())
    }

    /// Starts the node of a root with arguments of `run`, and waits until it answers.
    ///
    /// # Errors
    ///
    /// [`DemoError::Node`] with the end of its log.
    pub(super) async fn start(
        &self,
        label: &str,
        args: Vec<String>,
    ) -> Result<NodeInfo, DemoError> {
        let process = self.spawn(label, &args)?;
        self.nodes()
            .insert(label.to_owned(), Node { process, args });
        let deadline = Instant::now() + PATIENCE;
        let mut caller = self.caller(label);
        loop {
            if let Ok(info) = caller.get::<NodeInfo>(Request::Node(Nothing {})).await {
                return Ok(info);
            }
            if self.has_ended(label) || deadline < Instant::now() {
                return Err(self.failure(label, "it does not answer"));
            }
            sleep(LOOK).await;
        }
    }

    /// Starts a node again as it was started before.
    ///
    /// # Errors
    ///
    /// As [`Venue::start`].
    pub(super) async fn start_again(&self, label: &str) -> Result<NodeInfo, DemoError> {
        let args = self
            .nodes()
            .get(label)
            .map(|node| node.args.clone())
            .unwrap_or_default();
        self.start(label, args).await
    }

    /// Kills a process as a dead battery would.
    pub(super) fn kill(&self, label: &str) {
        if let Some(node) = self.nodes().get_mut(label) {
            node.process.end();
        }
    }

    /// Takes a node away for good, after it ended by itself; its bytes stay counted.
    ///
    /// # Errors
    ///
    /// [`DemoError::Node`] if it does not answer.
    pub(super) async fn retire(&self, label: &str) -> Result<(), DemoError> {
        self.count_bytes(label).await?;
        self.stop(label).await?;
        self.nodes().remove(label);
        Ok(())
    }

    /// Asks a node to end, and waits until it has.
    ///
    /// # Errors
    ///
    /// [`DemoError::Node`] if it does not end.
    pub(super) async fn stop(&self, label: &str) -> Result<(), DemoError> {
        let mut caller = self.caller(label);
        if caller.ask(Request::Stop(Nothing {})).await.is_err() && !self.has_ended(label) {
            return Err(self.failure(label, "it does not answer"));
        }
        let deadline = Instant::now() + PATIENCE;
        while !self.has_ended(label) {
            if deadline < Instant::now() {
                return Err(self.failure(label, "it does not end"));
            }
            sleep(LOOK).await;
        }
        Ok(())
    }

    /// Keeps what a process sent so far, before it ends and counts from zero again.
    ///
    /// # Errors
    ///
    /// [`DemoError::Node`] if it does not answer.
    pub(super) async fn count_bytes(&self, label: &str) -> Result<(), DemoError> {
        let status = self.status(label).await?;
        add(
            &mut self.ended.lock().unwrap_or_else(PoisonError::into_inner),
            status.wire,
        );
        Ok(())
    }

    /// Returns what processes sent that are gone.
    pub(super) fn bytes_of_ended(&self) -> WireBytes {
        *self.ended.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks a node for its status.
    ///
    /// # Errors
    ///
    /// [`DemoError::Node`] if it does not answer.
    pub(super) async fn status(&self, label: &str) -> Result<StatusData, DemoError> {
        self.get(label, Request::Status(Nothing {})).await
    }

    /// Asks a node for data over a fresh connection.
    ///
    /// # Errors
    ///
    /// [`DemoError::Node`] if it does not answer, [`DemoError::Refused`] if it refuses.
    pub(super) async fn get<T: DeserializeOwned>(
        &self,
        label: &str,
        request: Request,
    ) -> Result<T, DemoError> {
        match self.caller(label).get(request).await {
            Ok(data) => Ok(data),
            Err(Trouble::Lost(error)) => Err(self.failure(label, &error.to_string())),
            Err(Trouble::Refused(problem)) => Err(DemoError::Refused {
                label: label.to_owned(),
                problem,
            }),
        }
    }

    /// Returns a connection to a node.
    pub(super) fn caller(&self, label: &str) -> Caller {
        Caller {
            dir: self.dir(label),
            label: label.to_owned(),
            client: None,
        }
    }

    /// Returns the labels of all nodes, in order.
    pub(super) fn labels(&self) -> Vec<String> {
        self.nodes().keys().cloned().collect()
    }

    /// Returns the folder with all roots and logs.
    pub(super) fn path(&self) -> &Path {
        &self.folder.path
    }

    /// Says that a node failed, with the end of its log.
    pub(super) fn failure(&self, label: &str, what: &str) -> DemoError {
        let log = std::fs::read_to_string(self.log(label)).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        let tail = lines.len().saturating_sub(TAIL_LINES);
        DemoError::Node {
            label: label.to_owned(),
            what: what.to_owned(),
            log: lines.get(tail..).unwrap_or_default().join("\n"),
        }
    }

    fn spawn(&self, label: &str, args: &[String]) -> Result<Process, DemoError> {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.log(label))
            .map_err(|error| machine("write a log", &error))?;
        let child = Command::new(&self.binary)
            .arg("run")
            .arg("--root")
            .arg(self.dir(label))
            .args(["--log", "warn"])
            .args(args)
            // What the person at this terminal configured is not meant for these nodes.
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .map_err(|error| machine("start a process", &error))?;
        Ok(Process(child))
    }

    fn has_ended(&self, label: &str) -> bool {
        self.nodes()
            .get_mut(label)
            .is_none_or(|node| node.process.has_ended())
    }

    fn nodes(&self) -> MutexGuard<'_, BTreeMap<String, Node>> {
        self.nodes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn dir(&self, label: &str) -> PathBuf {
        self.folder.path.join(label)
    }

    fn log(&self, label: &str) -> PathBuf {
        self.folder.path.join(format!("{label}.log"))
    }
}

/// Why a call gave no data.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The connection was lost, or there is no process.
    Lost(CallError),
    /// The node refused.
    Refused(Problem),
}

impl Caller {
    /// Asks and waits for the answer.
    ///
    /// # Errors
    ///
    /// [`CallError`] if there is none; the next call connects again.
    pub(super) async fn ask(&mut self, request: Request) -> Result<Answer, CallError> {
        let mut client = match self.client.take() {
            Some(client) => client,
            None => AsyncClient::connect(&self.dir).await?,
        };
        let answer = client.call(&Call::from(request)).await?;
        // A connection whose answer was not awaited to its end is not used again.
        self.client = Some(client);
        Ok(answer)
    }

    /// Asks for data.
    ///
    /// # Errors
    ///
    /// [`Trouble`] if there is none.
    pub(super) async fn get<T: DeserializeOwned>(
        &mut self,
        request: Request,
    ) -> Result<T, Trouble> {
        let answer = self.ask(request).await.map_err(Trouble::Lost)?;
        answer.data().map_err(Trouble::Refused)
    }
}

impl Process {
    fn has_ended(&mut self) -> bool {
        self.0.try_wait().is_ok_and(|status| status.is_some())
    }

    fn end(&mut self) {
        // Both fail only if the process has ended already, which is what is wanted.
        if self.0.kill().is_ok() && self.0.wait().is_ok() {}
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // There is nobody to tell; the folder lies where such folders are cleared away.
        if !self.keep && std::fs::remove_dir_all(&self.path).is_err() {}
    }
}

/// Adds bytes to bytes.
pub(super) fn add(sum: &mut WireBytes, other: WireBytes) {
    sum.frames_sent_bytes += other.frames_sent_bytes;
    sum.frames_received_bytes += other.frames_received_bytes;
    sum.udp_sent_bytes += other.udp_sent_bytes;
    sum.udp_received_bytes += other.udp_received_bytes;
}

fn machine(what: &str, error: &std::io::Error) -> DemoError {
    DemoError::Machine(format!(
        "this machine does not let the demo {what}: {error}"
    ))
}
