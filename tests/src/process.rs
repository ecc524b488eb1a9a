//! Real node processes: each with its own root, asked over its own command socket.

use std::ffi::OsStr;
use std::fmt;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

/// How long an answer may take on a loaded machine.
const ANSWER_MAX: Duration = Duration::from_mins(1);

/// Where the system's own programs are.
const PROGRAMS: &str = "/usr/sbin:/usr/bin:/sbin:/bin";

/// A node process; killed when it is dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    root: PathBuf,
    ready: Value,
}

/// How a node is started whose errors are for a file, perhaps through another program.
#[derive(Clone, Copy, Debug)]
pub struct Launch<'a> {
    /// Its root.
    pub root: &'a Path,
    /// Arguments after `run`.
    pub args: &'a [&'a str],
    /// Where what it says on the error stream is appended.
    pub log: &'a Path,
    /// What replaces itself by the node when it has prepared its surroundings, with its arguments;
    /// empty for nothing.
    pub before: &'a [&'a str],
}

/// One connection to a node's command socket.
#[derive(Debug)]
pub struct Socket(BufReader<UnixStream>);

/// What became of a node that may die while it starts.
#[derive(Debug)]
pub enum Started {
    /// It answers.
    Ready(Process),
    /// It ended before.
    Ended(ExitStatus),
}

/// Why a node did not answer as a test needs it.
#[derive(Debug)]
pub struct Broken(String);

impl Process {
    /// Makes a node's root.
    ///
    /// # Errors
    /// If `tallyline init` fails.
    pub fn init(root: &Path, label: &str, mode: &str) -> Result<(), Broken> {
        let args = ["init", "--label", label, "--mode", mode];
        let outcome = command(root, args).output().map_err(Broken::of)?;
        if outcome.status.success() {
            Ok(())
        } else {
            Err(Broken(
                String::from_utf8_lossy(&outcome.stderr).into_owned(),
            ))
        }
    }

    /// Starts a node and waits until it answers.
    ///
    /// # Errors
    /// If it ends before it is ready.
    pub fn start(root: &Path, args: &[&str]) -> Result<Self, Broken> {
        let mut process = Self::begin(Self::spawn(root, args)?, root);
        let line = process.first_line()?;
        process.ready = serde_json::from_str(&line)
            .map_err(|error| Broken(format!("ended before it was ready: {line:?} {error}")))?;
        Ok(process)
    }

    /// Starts a node as a launch says and waits until it answers.
    ///
    /// # Errors
    /// If it ends before it is ready.
    pub fn launch(launch: &Launch<'_>) -> Result<Self, Broken> {
        let run = ["--json", "run"].iter().chain(launch.args);
        let mut command = match launch.before {
            [] => prepare(&binary(), launch.root, run),
            [program, args @ ..] => {
                let mut command = Command::new(program);
                command.args(args).arg(binary());
                let mut command = prepared(command, launch.root, run);
                command.env("PATH", PROGRAMS);
                command
            }
        };
        let log = File::options().create(true).append(true).open(launch.log);
        command.stderr(log.map_err(Broken::of)?);
        let mut process = Self::begin(Self::spawn_prepared(command)?, launch.root);
        let line = process.first_line()?;
        process.ready = serde_json::from_str(&line)
            .map_err(|error| Broken(format!("ended before it was ready: {line:?} {error}")))?;
        Ok(process)
    }

    /// Starts the laboratory's binary, which dies where `failpoints` says, and waits until it
    /// answers or is dead.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn start_lab(root: &Path, args: &[&str], failpoints: &str) -> Result<Started, Broken> {
        let mut command = prepare(
            &binary().with_file_name("tallyline-lab"),
            root,
            ["--json", "run"].iter().chain(args),
        );
        command.env("TALLYLINE_FAILPOINT", failpoints);
        let mut process = Self::begin(Self::spawn_prepared(command)?, root);
        let line = process.first_line()?;
        if let Ok(ready) = serde_json::from_str(&line) {
            process.ready = ready;
            return Ok(Started::Ready(process));
        }
        process.ended().map(Started::Ended)
    }

    fn begin(child: Child, root: &Path) -> Self {
        Self {
            child,
            root: root.to_owned(),
            ready: Value::Null,
        }
    }

    /// Reads what the node says when it is ready; nothing if it ends before.
    fn first_line(&mut self) -> Result<String, Broken> {
        let stdout = self.child.stdout.take();
        let stdout = stdout.ok_or_else(|| Broken("no output".to_owned()))?;
        let mut line = String::new();
        BufReader::new(stdout)
            .read_line(&mut line)
            .map_err(Broken::of)?;
        Ok(line)
    }

    /// Waits for the end of a node that dies or stops by itself.
    ///
    /// # Errors
    /// If it is not ours to wait for.
    pub fn ended(mut self) -> Result<ExitStatus, Broken> {
        self.child.wait().map_err(Broken::of)
    }

    /// Starts a node and kills it before it is ready, wherever it is then.
    ///
    /// # Errors
    /// If it cannot be started or killed.
    pub fn start_and_kill(root: &Path, args: &[&str], after: Duration) -> Result<(), Broken> {
        let mut child = Self::spawn(root, args)?;
        // Not waiting for anything: the point is to hit a moment nobody chose.
        std::thread::park_timeout(after);
        child.kill().map_err(Broken::of)?;
        child.wait().map_err(Broken::of)?;
        Ok(())
    }

    fn spawn(root: &Path, args: &[&str]) -> Result<Child, Broken> {
        Self::spawn_prepared(command(root, ["--json", "run"].iter().chain(args)))
    }

    /// Spawns what has its errors where a test looks for them, or with everybody else's.
    fn spawn_prepared(mut command: Command) -> Result<Child, Broken> {
        let spawned = command.stdout(Stdio::piped()).spawn();
        spawned.map_err(Broken::of)
    }

    /// Returns the process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Returns the folder with everything the node owns.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Returns what the node said about itself when it was ready.
    pub fn ready(&self) -> &Value {
        &self.ready
    }

    /// Connects to the command socket.
    ///
    /// # Errors
    /// If nobody listens.
    pub fn connect(&self) -> Result<Socket, Broken> {
        Socket::connect(&self.root)
    }

    /// Asks once, and takes the data out of the answer.
    ///
    /// # Errors
    /// If there is no answer, or the answer is a problem.
    pub fn ask(&self, request: &Value) -> Result<Value, Broken> {
        let mut answer = self.connect()?.ask(request)?;
        match answer.get_mut("ok") {
            Some(data) => Ok(data.take()),
            None => Err(Broken(format!("{request}: {answer}"))),
        }
    }

    /// Kills the process as a power cut would, and waits until it is gone.
    ///
    /// # Errors
    /// If it is not ours to kill.
    pub fn kill(mut self) -> Result<(), Broken> {
        self.end()
    }

    /// As [`Process::kill`], for a process that somebody else keeps.
    ///
    /// # Errors
    /// If it is not ours to kill.
    pub fn end(&mut self) -> Result<(), Broken> {
        self.child.kill().map_err(Broken::of)?;
        self.child.wait().map(drop).map_err(Broken::of)
    }

    /// Tells the node to stop and waits for its end.
    ///
    /// # Errors
    /// If it does not end well.
    pub fn stop(mut self) -> Result<(), Broken> {
        self.ask(&json!({"verb": "stop"}))?;
        let status = self.child.wait().map_err(Broken::of)?;
        if status.success() {
            Ok(())
        } else {
            Err(Broken(format!("ended with {status}")))
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already; then there is nothing to kill.
        if self.child.kill().is_ok() {
            drop(self.child.wait());
        }
    }
}

impl Socket {
    /// Connects to the command socket of a root.
    ///
    /// # Errors
    /// If nobody listens.
    pub fn connect(root: &Path) -> Result<Self, Broken> {
        let stream = UnixStream::connect(root.join("node.sock")).map_err(Broken::of)?;
        stream
            .set_read_timeout(Some(ANSWER_MAX))
            .map_err(Broken::of)?;
        Ok(Self(BufReader::new(stream)))
    }

    /// Asks, and returns the answer as it is: an object with `ok` or `error`.
    ///
    /// # Errors
    /// If the connection ends before a whole answer is there.
    pub fn ask(&mut self, request: &Value) -> Result<Value, Broken> {
        let line = format!("{request}\n");
        self.0
            .get_mut()
            .write_all(line.as_bytes())
            .map_err(Broken::of)?;
        let mut answer = String::new();
        self.0.read_line(&mut answer).map_err(Broken::of)?;
        serde_json::from_str(&answer).map_err(Broken::of)
    }
}

impl Broken {
    /// Says what is wrong.
    pub fn new(what: impl Into<String>) -> Self {
        Self(what.into())
    }

    /// Says what something else said.
    pub fn of(cause: impl fmt::Display) -> Self {
        Self(cause.to_string())
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Broken {}

/// Returns the path of the real binary, which `tests/run` builds before the tests: beside this
/// program, or beside the folder of a test's own executable.
pub fn binary() -> PathBuf {
    let own = std::env::current_exe().unwrap_or_default();
    let mut folders = own.ancestors().skip(1).take(2);
    let found = folders.find_map(|folder| {
        let path = folder.join("tallyline");
        path.is_file().then_some(path)
    });
    found.unwrap_or_else(|| PathBuf::from("target/release/tallyline"))
}

/// Prepares a command on a root, with nothing of the tester's own configuration.
fn command(root: &Path, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Command {
    prepare(&binary(), root, args)
}

fn prepare(
    binary: &Path,
    root: &Path,
    args: impl IntoIterator<Item = impl AsRef<OsStr>>,
) -> Command {
    prepared(Command::new(binary), root, args)
}

fn prepared(
    mut command: Command,
    root: &Path,
    args: impl IntoIterator<Item = impl AsRef<OsStr>>,
) -> Command {
    command.env_clear().env("HOME", root).stdin(Stdio::null());
    command.arg("--root").arg(root).args(args);
    command
}

/// What a command left behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Its exit status; -1 if it did not end by itself.
    pub exit: i32,
    /// What it printed.
    pub stdout: String,
    /// What it said.
    pub stderr: String,
}

/// Runs a command on a root and waits for its end.
///
pub fn run(root: &Path, args: &[&str]) -> Outcome {
    match command(root, args).output() {
        Ok(done) => Outcome {
            exit: done.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&done.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&done.stderr).into_owned(),
        },
        Err(error) => Outcome {
            exit: -1,
            stdout: String::new(),
            stderr: format!("{}: {error}", binary().display()),
        },
    }
}
