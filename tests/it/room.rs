//! A disk that becomes full under a running node: a small one of its own, in memory.
//!
//! Needs root, because it mounts; it takes the disk away again, also when it fails.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use tallyline_tests::process::{Process, Socket, run};
use tempfile::TempDir;

/// Bytes of the disk: room for a store and the reserve, and too little for others' entries.
const DISK_BYTES: u64 = 48 * 1024 * 1024;

/// A small disk; taken away when it is dropped.
struct Disk {
    dir: TempDir,
}

impl Disk {
    /// Mounts a disk; `None` (said loudly) without the right to.
    fn mount() -> Option<Self> {
        let id = Command::new("id").arg("-u").output();
        if !id.is_ok_and(|id| id.stdout.trim_ascii() == b"0") {
            eprintln!("SKIPPED: mounting a disk needs root");
            return None;
        }
        let dir = tempfile::tempdir().unwrap();
        let size = format!("size={DISK_BYTES},mode=700");
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &size, "tallyline-room"])
            .arg(dir.path())
            .status()
            .unwrap();
        assert!(mount.success(), "mounted");
        Some(Self { dir })
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Writes into a file until nothing more fits.
    fn fill(&self) -> PathBuf {
        let path = self.path().join("film.mp4");
        let mut file = File::create(&path).unwrap();
        for piece in [1024 * 1024, 4096, 1] {
            let bytes = vec![7; piece];
            while file.write_all(&bytes).is_ok() {}
        }
        path
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: a node that was killed a moment ago may still hold it.
        let mut umount = Command::new("umount");
        drop(umount.arg("-l").arg(self.dir.path()).status());
    }
}

fn score(socket: &mut Socket, shooter: u32, time: u32) -> Value {
    let record = json!({"status": {"shooter": shooter, "kind": "dnf", "drill": 1 + time % 10}});
    let request = json!({"verb": "score-add", "record": record, "confirmed": true});
    socket.ask(&request).unwrap()
}

/// R-STORE-5.
#[test]
fn an_officers_own_entries_are_saved_on_a_full_disk_from_the_reserve() {
    let Some(disk) = Disk::mount() else { return };
    let root = disk.path().join("root");
    Process::init(&root, "tablet", "device").unwrap();
    let args = ["--listen", "127.0.0.1:0", "--no-mdns"];
    let node = Process::start(&root, &args).unwrap();
    let structure = include_str!("../data/wasa2018/event.json");
    node.ask(&json!({"verb": "event-create", "structure": structure}))
        .unwrap();
    node.ask(&json!({"verb": "event-lock"})).unwrap();
    let reserve = root.join("node.reserve");
    wait_until("the reserve is made", || reserve.exists());

    let film = disk.fill();
    let mut socket = node.connect().unwrap();
    let mut saved = 0;
    let mut failed = 0;
    for number in 0..200 {
        let answer = score(&mut socket, 1 + number / 10, number);
        if answer.get("ok").is_some() {
            saved += 1;
        } else {
            assert_eq!(answer["error"]["code"], "not_saved", "{answer}");
            failed += 1;
        }
    }
    eprintln!("{saved} saved, {failed} not, before the reserve was freed");
    assert!(failed <= 2, "{failed} of 200 were not saved");
    assert!(!reserve.exists(), "the reserve was given up");

    let status = node.ask(&json!({"verb": "status"})).unwrap();
    let remarks = status["remarks"].to_string();
    assert!(remarks.contains("The disk has only"), "{remarks}");
    assert_ne!(status["light"], "trouble", "it saves");
    let doctor = run(&root, &["doctor"]);
    assert_eq!(doctor.exit, 1, "{doctor:?}");
    assert!(doctor.stdout.contains("free space"), "{doctor:?}");

    fs::remove_file(film).unwrap();
    wait_until("the reserve is made again", || reserve.exists());
    node.kill().unwrap();
    let node = Process::start(&root, &args).unwrap();
    let entries = node.ask(&json!({"verb": "score-list"})).unwrap();
    let entries = entries["entries"].as_array().unwrap().len();
    assert_eq!(entries, saved, "all that was called saved is there");
    node.stop().unwrap();
}

/// Looks again and again until something holds, at most a minute.
fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = crate::netns::now() + crate::netns::DEADLINE;
    while !holds() {
        assert!(crate::netns::now() < deadline, "not in time: {what}");
        std::thread::park_timeout(crate::netns::LOOK);
    }
}
