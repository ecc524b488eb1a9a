//! The start of a node that holds the whole match: inside a process, and as a process.
//!
//! Source: docs/BENCHMARKS.md, under 1 s. Layer: benches.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use criterion::{Criterion, SamplingMode};
use tallyline::clock::Clock;
use tallyline::driver::{Driver, DriverThread, NoLink};
use tallyline::root::{Mode, Root};
use tallyline::store::Store;
use tallyline_proto::replica::Disk as _;
use tallyline_proto::rules::Standings;
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

use crate::figures::{measure, verdict};
use crate::wasa::Wasa;

/// Longest time from the start to the first answer.
const TARGET: Duration = Duration::from_secs(1);

/// A node that runs inside this process; ends when it is dropped.
struct Inside<'a> {
    runtime: &'a Runtime,
    driver: Driver,
    thread: Option<DriverThread>,
}

/// A node that runs as a process; ends when it is dropped.
struct Outside(Child);

pub(crate) fn bench(criterion: &mut Criterion) {
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
    let root = full_root(&dir);
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let mut group = criterion.benchmark_group("start");
    group.sample_size(20).sampling_mode(SamplingMode::Flat);
    let inside = measure(
        &mut group,
        "store, replica and first standings",
        || (),
        |()| Inside::start(&root, &runtime),
    );
    let outside = measure(
        &mut group,
        "a process until it answers",
        || (),
        |()| Outside::start(&root),
    );
    group.finish();
    if let Some(time) = inside {
        let time = time.median;
        let verdict = verdict(time < TARGET);
        println!(
            "node start on the full match, store, replica and first standings: {time:.2?} \
             (under 1 s: {verdict})"
        );
    }
    if let Some(time) = outside {
        let time = time.median;
        let verdict = verdict(time < TARGET);
        println!(
            "node start on the full match, a process until it answers: {time:.2?} (under 1 s: \
             {verdict})"
        );
    }
}

/// Makes a root whose store holds the whole match and whose device is a member.
fn full_root(dir: &TempDir) -> PathBuf {
    let path = dir.path().join("root");
    let root = Root::create(&path, "gateway", Mode::Gateway).expect("a fresh root");
    let wasa = Wasa::read(&[root.key()]);
    let mut store = Store::open(&root.store_path()).expect("a fresh store");
    store.commit(&wasa.writes(|_| true)).expect("there is room");
    path
}

impl<'a> Inside<'a> {
    /// Returns once the node has answered with the first standings.
    fn start(root: &Path, runtime: &'a Runtime) -> Self {
        let root = Root::open(root).expect("it was made");
        let (driver, thread) =
            Driver::start(root, Arc::new(NoLink), Clock::start()).expect("it starts");
        let standings = runtime.block_on(driver.query(|replica, _| {
            let book = replica.book()?;
            Some(Standings::compute(replica.roster()?, &book))
        }));
        let standings = standings.expect("it runs").expect("it has an event");
        assert!(standings.is_complete(), "the whole match is there");
        Self {
            runtime,
            driver,
            thread: Some(thread),
        }
    }
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.runtime.block_on(self.driver.stop());
        let thread = self.thread.take().expect("it is taken once");
        thread.join().expect("it ends well");
    }
}

impl Outside {
    /// Returns once the node says that its command socket answers.
    fn start(root: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_tallyline"))
            .args([
                "run",
                "--json",
                "--no-mdns",
                "--listen",
                "127.0.0.1:0",
                "--root",
            ])
            .arg(root)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the binary is built with the bench");
        let stdout = child.stdout.take().expect("it is piped");
        let mut line = String::new();
        BufReader::new(stdout)
            .read_line(&mut line)
            .expect("it says where it is reached");
        assert!(line.contains("tallyline.ready/1"), "it is ready: {line:?}");
        Self(child)
    }
}

impl Drop for Outside {
    fn drop(&mut self) {
        self.0.kill().expect("it runs");
        self.0.wait().expect("it was started here");
    }
}
