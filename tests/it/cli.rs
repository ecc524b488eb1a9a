//! The command line as people use it: the real binary, its messages and its exit codes.
//!
//! Bad input gets one clear message with the cause and what to do, the documented exit code, and
//! changes nothing.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::UdpSocket;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

/// How long two devices on one machine may take to meet: far above what they need.
const MEET_MAX: Duration = Duration::from_mins(1);

/// A folder with the roots of some devices.
struct Desk {
    folder: TempDir,
}

/// What a command left behind.
#[derive(Debug)]
struct Outcome {
    exit: i32,
    stdout: String,
    stderr: String,
}

/// A node that runs; killed when the test is done with it.
struct Running {
    child: Child,
    ready: Value,
}

impl Desk {
    /// A folder with one device, `owner`, that has founded the small event.
    fn founded() -> Self {
        let desk = Self::blank();
        desk.structure(&structure());
        desk.done(
            "owner",
            &["event", "create", "--structure", &desk.path("event.json")],
        );
        desk.done("owner", &["event", "lock"]);
        desk
    }

    /// A folder with one device, `owner`, without an event.
    fn blank() -> Self {
        let desk = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        desk.done("owner", &["init", "--label", "Owner"]);
        desk
    }

    fn structure(&self, content: &Value) {
        fs::write(self.folder.path().join("event.json"), content.to_string()).unwrap();
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    /// Prepares a command on a root, with nothing of the tester's own configuration.
    fn command(&self, root: &str, args: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command
            .env_clear()
            .env("HOME", self.folder.path())
            .stdin(Stdio::null());
        command
            .arg("--root")
            .arg(self.folder.path().join(root))
            .args(args);
        command
    }

    fn run(&self, root: &str, args: &[&str]) -> Outcome {
        let output = self.command(root, args).output().unwrap();
        Outcome {
            exit: output.status.code().unwrap(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Runs a command that has to work and returns its data.
    fn done(&self, root: &str, args: &[&str]) -> String {
        let outcome = self.run(root, args);
        assert_eq!(outcome.exit, 0, "{args:?}: {outcome:?}");
        outcome.stdout.trim().to_owned()
    }

    /// Runs a reading verb with `--json`; `status` may end with 3, it is read all the same.
    fn read(&self, root: &str, args: &[&str]) -> Value {
        let outcome = self.run(root, &[args, &["--json"]].concat());
        serde_json::from_str(&outcome.stdout).unwrap_or_else(|_| panic!("{args:?}: {outcome:?}"))
    }

    /// Runs a command that has to be refused: checks exit code, code and text of its one message,
    /// for people and for programs, and that nothing on the disk changed.
    fn refused(&self, root: &str, args: &[&str], (exit, code): (i32, &str), text: &str) {
        let before = self.state(root);
        let outcome = self.run(root, args);
        assert_eq!(outcome.exit, exit, "{args:?}: {outcome:?}");
        assert!(
            outcome.stderr.contains(text),
            "{args:?}: {outcome:?} lacks {text:?}"
        );
        assert_eq!(
            outcome.stdout, "",
            "{args:?}: a refused command has no data"
        );

        let outcome = self.run(root, &[args, &["--json"]].concat());
        assert_eq!(outcome.exit, exit, "{args:?}: {outcome:?}");
        assert_eq!(
            outcome.stdout, "",
            "{args:?}: a refused command has no data"
        );
        let told: Value = serde_json::from_str(outcome.stderr.trim()).unwrap();
        assert_eq!(told["error"]["code"], code, "{told}");
        assert_eq!(told["error"]["exit"], exit, "{told}");
        assert!(
            told["error"]["text"].as_str().unwrap().contains(text),
            "{told}"
        );
        assert!(self.state(root) == before, "{args:?} changed the root");
    }

    /// What a root holds: its files, and of the store what is in it, since opening a store may
    /// touch its bytes.
    fn state(&self, root: &str) -> Vec<(PathBuf, Vec<u8>)> {
        let Ok(folder) = fs::read_dir(self.folder.path().join(root)) else {
            return Vec::new();
        };
        let kept = |path: &PathBuf| {
            // What a running node writes beside its store, for people, under its own name or
            // under that of the file that takes its place.
            let beside = [
                "node.lock",
                "peers.",
                "score.log",
                "sync.journal",
                "alerts.",
            ];
            let name = path.file_name().unwrap().to_string_lossy();
            path.is_file() && !beside.iter().any(|prefix| name.starts_with(prefix))
        };
        let paths = folder.map(|file| file.unwrap().path()).filter(kept);
        let mut files: Vec<(PathBuf, Vec<u8>)> = paths
            .map(|path| (path.clone(), fs::read(&path).unwrap()))
            .collect();
        let status = self.run(root, &["status", "--json"]).stdout;
        if let Ok(status) = serde_json::from_str::<Value>(&status) {
            files.retain(|(path, _)| !path.ends_with("node.redb"));
            files.push((
                PathBuf::new(),
                status["state_digest"].to_string().into_bytes(),
            ));
        }
        files.sort();
        files
    }

    /// Starts the node of a root and waits until it answers.
    fn start(&self, root: &str) -> Running {
        let run = [
            "run",
            "--json",
            "--no-mdns",
            "--listen",
            "127.0.0.1:0",
            "--log",
            "warn",
        ];
        let mut child = self
            .command(root, &run)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        Running {
            child,
            ready: serde_json::from_str(&line).unwrap(),
        }
    }
}

impl Running {
    fn address(&self) -> String {
        self.ready["addresses"][0].as_str().unwrap().to_owned()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Whoever was stopped by command is gone already.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// The binary that was built beside this test.
fn binary() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let profile = test.parent().and_then(Path::parent).unwrap();
    let binary = profile.join("tallyline");
    assert!(
        binary.exists(),
        "build it first: cargo build --release -p tallyline"
    );
    binary
}

fn structure() -> Value {
    json!({
        "event": "Spring Match", "date": "2026-05-09", "divisions": ["Open"],
        "division_power_factors": { "Open": { "minor": 125, "major": 160 } },
        "rules": { "procedurals": [{ "name": "10.2.7 Failure to engage target" }] },
        "stages": [{ "stage": 1, "name": "French visit", "scoring": "Comstock",
                     "target_shots": [2, 2], "steel": 1 }],
        "shooters": [
            { "shooter": 1, "label": "Shooter 001", "division": "Open", "power_factor": "MAJOR",
              "squad": 1 },
            { "shooter": 2, "label": "Shooter 002", "division": "Open", "power_factor": "MINOR",
              "squad": 2 }],
    })
}

/// Asks again and again until the answer is as wanted; each asking takes a process, so this does
/// not spin.
#[expect(
    clippy::disallowed_methods,
    reason = "a deadline of the test, not of the product"
)]
fn wait_for<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(
            start.elapsed() < MEET_MAX,
            "{what} did not happen within {MEET_MAX:?}"
        );
    }
}

const SCORE: [&str; 10] = [
    "score", "add", "--drill", "1", "--time", "12.34", "--hits", "2A AC", "--steel", "1",
];

fn score(shooter: &'static str) -> Vec<&'static str> {
    [&SCORE[..], &["--shooter", shooter]].concat()
}

#[test]
fn an_owner_alone_founds_scores_corrects_and_reads_without_a_running_node() {
    let desk = Desk::founded();
    let first = desk.done("owner", &score("1"));
    let correct = [
        &[
            "score",
            "add",
            "--drill",
            "1",
            "--shooter",
            "1",
            "--time",
            "12.34",
        ][..],
        &[
            "--hits",
            "2A AM",
            "--steel",
            "1",
            "--replaces",
            first.get(..8).unwrap(),
            "--reason",
            "hits",
        ],
    ];
    let entries = desk.done("owner", &correct.concat());
    assert_eq!(
        entries.lines().count(),
        2,
        "a void and what replaces it: {entries}"
    );

    let list = desk.read("owner", &["score", "list", "--shooter", "1"]);
    assert_eq!(list["entries"].as_array().unwrap().len(), 1, "{list}");
    assert_eq!(list["schema"], "tallyline.entries/1");
    let history = desk.done("owner", &["score", "history"]);
    assert!(history.contains("void of "), "{history}");
    assert!(history.contains("hits"), "{history}");

    let standings = desk.done("owner", &["standings", "--stage", "1", "--csv"]);
    assert!(
        standings.contains("1,Open,1,1,0,20,10,12.34,0.8104,25.0000,100.00"),
        "{standings}"
    );
    let standings = desk.done("owner", &["standings"]);
    assert!(
        standings.contains("not complete:"),
        "shooter 2 is missing: {standings}"
    );
    assert_eq!(
        desk.run("owner", &["status"]).exit,
        3,
        "nothing of it is in the cloud"
    );
    assert!(
        desk.done("owner", &["verify"])
            .starts_with("Everything holds")
    );

    desk.done("owner", &["roster", "edit", "2", "--squad", "1"]);
    let show = desk.read("owner", &["event", "show"]);
    assert_eq!(
        (&show["shooters"][1]["squad"], &show["revision"]),
        (&json!(1), &json!(2))
    );
}

#[test]
fn a_bundle_carries_everything_to_another_device() {
    let desk = Desk::founded();
    desk.done("owner", &score("1"));
    desk.done("owner", &["export", &desk.path("stick.tally")]);
    let again = desk.run("owner", &["import", &desk.path("stick.tally")]);
    assert_eq!(again.exit, 0, "{again:?}");
    assert!(again.stderr.contains("0 entries taken in"), "{again:?}");
    fs::write(desk.folder.path().join("other"), "no bundle").unwrap();
    let other = desk.run("owner", &["import", &desk.path("other")]);
    assert_ne!(other.exit, 0, "{other:?}");
    let missing = desk.run("owner", &["import", &desk.path("missing")]);
    assert_eq!(missing.exit, 1, "{missing:?}");
    assert!(missing.stderr.contains("cannot be read"), "{missing:?}");
}

#[test]
fn two_devices_meet_by_a_ticket_and_score_by_commands_alone() {
    let desk = Desk::founded();
    desk.done("tablet", &["init", "--label", "Tablet"]);
    let owner = desk.start("owner");
    let tablet = desk.start("tablet");
    assert_eq!(owner.ready["schema"], "tallyline.ready/1");

    let address = owner.address();
    let ticket = desk.done(
        "owner",
        &["invite", "--label", "Tablet 3", "--address", &address],
    );
    desk.done("tablet", &["join", &ticket]);
    wait_for("admission", || {
        let status = desk.read("tablet", &["status"]);
        (status["node"]["phase"] == "member" && status["locked"] == true).then_some(())
    });
    desk.refused("tablet", &score("1"), (6, "E02"), "E02");
    let open = [
        "grant", "--drills", "all", "--squads", "1", "--to", "Tablet 3",
    ];
    let grant = desk.done("owner", &open);
    desk.refused(
        "owner",
        &["grant", "--drills", "1", "--squads", "1", "--to", "Owner"],
        (4, "E15"),
        "E15",
    );
    wait_for("the grant's arrival", || {
        let grants = desk.read("tablet", &["grant", "list"]);
        (grants["grants"][0]["grant"] == json!(grant)).then_some(())
    });
    let entry = desk.done("tablet", &score("1"));
    desk.refused("tablet", &score("2"), (6, "E02"), "squad");
    wait_for("the score's arrival", || {
        let list = desk.read("owner", &["score", "list", "--device", "Tablet 3"]);
        (list["entries"][0]["entry"] == json!(entry)).then_some(())
    });
    wait_for("the copy's receipt", || {
        let list = desk.read("tablet", &["score", "list"]);
        (list["entries"][0]["copies"] == 1).then_some(())
    });
    desk.done(
        "owner",
        &[
            "handover",
            grant.get(..8).unwrap(),
            "--to",
            "Owner",
            "--reason",
            "dead",
        ],
    );
    assert_eq!(
        desk.read("owner", &["grants"])["grants"][0]["closed"],
        "dead"
    );

    desk.done("tablet", &["sync", "pause"]);
    assert_eq!(desk.read("tablet", &["status"])["paused"], "all");
    desk.done("tablet", &["sync", "resume"]);
    for (root, mut node) in [("owner", owner), ("tablet", tablet)] {
        desk.done(root, &["stop"]);
        assert!(node.child.wait().unwrap().success(), "{root} ends well");
        desk.refused(root, &["stop"], (5, "not_running"), "no node runs on");
    }
}

#[test]
fn an_unknown_event_shooter_device_grant_or_entry_is_named() {
    let desk = Desk::founded();
    let event = ["--event", "Autumn Match", "score", "list"];
    desk.refused(
        "owner",
        &event,
        (1, "unknown_event"),
        "this root holds \"Spring Match\"",
    );
    let event = [&["--event", "Autumn Match"][..], &score("1")].concat();
    desk.refused(
        "owner",
        &event,
        (1, "unknown_event"),
        "this root holds \"Spring Match\"",
    );
    desk.refused(
        "owner",
        &score("9"),
        (1, "E01"),
        "E01 shooter 9 is not on the roster",
    );
    let to = [
        "grant", "--drills", "all", "--squads", "1", "--to", "Tablet 9",
    ];
    desk.refused("owner", &to, (1, "unknown_device"), "Tablet 9");
    let handover = ["handover", "0badc0de", "--to", "Owner"];
    desk.refused("owner", &handover, (1, "unknown_grant"), "0badc0de");
    let void = ["score", "void", "0badc0de", "--reason", "test"];
    desk.refused("owner", &void, (1, "unknown_entry"), "0badc0de");
    let drill = ["standings", "--stage", "9"];
    desk.refused("owner", &drill, (1, "E01"), "9");
    let division = ["standings", "--division", "Opne"];
    desk.refused("owner", &division, (1, "unknown_division"), "Open");
}

#[test]
fn a_malformed_ticket_joins_nothing() {
    let desk = Desk::blank();
    desk.refused(
        "owner",
        &["join", "hello"],
        (2, "bad_ticket"),
        "begins with TALLYLINE1-",
    );
    let invites = Desk::founded();
    let ticket = invites.done("owner", &["invite", "--address", "127.0.0.1:4433"]);
    let bent = ticket.replacen("TALLYLINE1-", "TALLYLINE1-A", 1);
    desk.refused(
        "owner",
        &["join", &bent],
        (2, "bad_ticket"),
        "nothing was changed",
    );
    let short = ticket.get(..ticket.len() - 4).unwrap();
    desk.refused(
        "owner",
        &["join", short],
        (2, "bad_ticket"),
        "nothing was changed",
    );
}

#[test]
fn a_bad_structure_file_founds_nothing_and_names_each_bad_place() {
    let desk = Desk::blank();
    let mut bad = structure();
    bad["stages"][0]["scoring"] = json!("Comstok");
    bad["shooters"][1]["division"] = json!("Opne");
    desk.structure(&bad);
    let file = desk.path("event.json");
    let create = ["event", "create", "--structure", &file];
    let place = "stages[0].scoring: found \"Comstok\"; use Comstock, Virginia, Fixed Time, Chrono,";
    desk.refused("owner", &create, (2, "bad_structure"), place);
    desk.refused(
        "owner",
        &create,
        (2, "bad_structure"),
        "shooters[1].division: found \"Opne\"",
    );
    desk.refused(
        "owner",
        &["event", "create", "--structure", "/nowhere"],
        (1, "bad_file"),
        "the structure file /nowhere cannot be read",
    );
    desk.refused("owner", &["event", "show"], (1, "no_event"), "event");
}

#[test]
fn a_root_in_use_is_named_with_its_process() {
    let desk = Desk::founded();
    let node = desk.start("owner");
    let pid = format!("(pid {})", node.child.id());
    let run = ["run", "--no-mdns", "--listen", "127.0.0.1:0"];
    desk.refused("owner", &run, (5, "in_use"), &pid);
    // Without its socket the node cannot be asked, and its store must not be touched.
    fs::remove_file(desk.folder.path().join("owner/node.sock")).unwrap();
    let outcome = desk.run("owner", &["status"]);
    assert_eq!(outcome.exit, 5, "{outcome:?}");
    assert!(outcome.stderr.contains(&pid), "{outcome:?}");
    let outcome = desk.run("owner", &score("1"));
    assert_eq!(outcome.exit, 5, "{outcome:?}");
}

#[test]
fn an_unreadable_store_is_reported_and_left_as_it_is() {
    let desk = Desk::founded();
    let store = desk.folder.path().join("owner/node.redb");
    fs::write(&store, "this is no store").unwrap();
    for verb in ["status", "verify", "devices"] {
        desk.refused("owner", &[verb], (7, "bad_store"), "cannot be read");
    }
    assert_eq!(fs::read(&store).unwrap(), b"this is no store");
}

#[test]
fn a_taken_port_is_named() {
    let desk = Desk::founded();
    let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let run = ["run", "--no-mdns", "--listen", &address];
    let port = format!("UDP port {} is taken", taken.local_addr().unwrap().port());
    desk.refused("owner", &run, (5, "port_taken"), &port);
}

#[test]
fn a_missing_root_a_second_init_and_a_readable_key_are_refused() {
    let desk = Desk::blank();
    desk.refused(
        "nobody",
        &["status"],
        (1, "no_root"),
        "tallyline init --root",
    );
    desk.refused(
        "owner",
        &["init"],
        (2, "bad_value"),
        "already holds the node \"Owner\"",
    );
    let key = desk.folder.path().join("owner/device.key");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    desk.refused("owner", &["status"], (7, "bad_root"), "chmod 600");
}

#[test]
fn wrong_usage_and_a_bad_configuration_end_with_2() {
    let desk = Desk::founded();
    desk.refused(
        "owner",
        &[
            "score",
            "add",
            "--drill",
            "1",
            "--shooter",
            "1",
            "--time",
            "1.234",
        ],
        (2, "usage"),
        "at most two decimals",
    );
    desk.refused(
        "owner",
        &["standings", "--stages", "1"],
        (2, "usage"),
        "--stages",
    );
    let hits = [
        "score",
        "add",
        "--drill",
        "1",
        "--shooter",
        "1",
        "--time",
        "1",
        "--hits",
        "2E",
    ];
    desk.refused("owner", &hits, (2, "usage"), "\"2E\" is no target");
    fs::write(desk.folder.path().join("config.toml"), "rooot = \"x\"").unwrap();
    let config = desk.path("config.toml");
    desk.refused(
        "owner",
        &["--config", &config, "status"],
        (2, "bad_config"),
        "\"root\"",
    );
    let missing = desk.path("missing.toml");
    desk.refused(
        "owner",
        &["--config", &missing, "status"],
        (2, "bad_config"),
        "cannot be read",
    );
    desk.refused(
        "owner",
        &["run", "--listen", "4433"],
        (2, "bad_config"),
        "ip:port",
    );
    desk.refused(
        "owner",
        &["run", "--cloud", "a:1"],
        (2, "bad_config"),
        "cloud_key is not",
    );
}

#[test]
fn an_incomplete_score_is_refused_with_its_rule_and_place() {
    let desk = Desk::founded();
    let add = |rest: &[&'static str]| {
        [
            &["score", "add", "--drill", "1", "--shooter", "1"][..],
            rest,
        ]
        .concat()
    };
    let hits = add(&["--time", "12", "--hits", "2A A", "--steel", "1"]);
    desk.refused("owner", &hits, (1, "E03"), "target 2");
    let targets = add(&["--time", "12", "--hits", "2A", "--steel", "1"]);
    desk.refused("owner", &targets, (1, "E04"), "2 paper targets");
    let steel = add(&["--time", "12", "--hits", "2A 2A", "--steel", "2"]);
    desk.refused("owner", &steel, (1, "E05"), "steel");
    let time = add(&["--hits", "2A 2A", "--steel", "1"]);
    desk.refused("owner", &time, (1, "E06"), "time");
}
