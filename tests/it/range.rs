//! A shooting range with some devices: real processes, and the command line as people type it.
//! Devices that are not to meet carry bundles, which makes the order certain.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tallyline_tests::process::{Outcome, Process, run};

/// How long devices on one machine may take to meet and agree: far above what they need.
pub(crate) const AGREE_MAX: Duration = Duration::from_mins(1);

/// What every node of these tests is started with.
pub(crate) const ALONE: [&str; 3] = ["--no-mdns", "--listen", "127.0.0.1:0"];

/// The file of the text on the recovery card.
const CARD: &str = "recovery.card";

/// A folder with the roots of some devices.
pub(crate) struct Range {
    folder: tempfile::TempDir,
}

impl Range {
    /// A range without devices.
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// A range whose device `owner`, called Owner, founded and locked the event.
    pub(crate) fn founded() -> Self {
        let range = Self::new();
        range.done("owner", &["init", "--label", "Owner"]);
        let told = range.found("owner", &["--recovery-cards", "1"]);
        fs::write(range.path(CARD), told.lines().last().unwrap()).unwrap();
        range.done("owner", &["event", "lock"]);
        range
    }

    /// A range whose device `owner` founded and locked an event of this structure.
    pub(crate) fn founded_from(structure: &Value) -> Self {
        let range = Self::new();
        range.done("owner", &["init", "--label", "Owner"]);
        let file = range.path("other.json");
        fs::write(&file, structure.to_string()).unwrap();
        range.done("owner", &["event", "create", "--structure", &file]);
        range.done("owner", &["event", "lock"]);
        range
    }

    /// Runs a reading verb as a person types it and prints what he reads.
    pub(crate) fn shown(&self, name: &str, args: &[&str]) -> String {
        let outcome = self.run(name, args);
        println!("{name}$ tallyline {}", args.join(" "));
        println!("{}{}", outcome.stdout, outcome.stderr);
        outcome.stdout
    }

    /// Founds the event on a device that is there; returns what the command tells.
    pub(crate) fn found(&self, name: &str, more: &[&str]) -> String {
        let file = self.structure_file();
        let create = ["event", "create", "--structure", &file];
        self.done(name, &[&create, more].concat())
    }

    /// Writes the structure file of the event and returns its path.
    pub(crate) fn structure_file(&self) -> String {
        let file = self.path("event.json");
        fs::write(&file, structure().to_string()).unwrap();
        file
    }

    /// Returns the folder of a device.
    pub(crate) fn root(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Returns the path of a file or device.
    pub(crate) fn path(&self, name: &str) -> String {
        self.root(name).to_str().unwrap().to_owned()
    }

    /// Runs a command on a device.
    pub(crate) fn run(&self, name: &str, args: &[&str]) -> Outcome {
        run(&self.root(name), args)
    }

    /// Runs a command that has to work and returns its data.
    pub(crate) fn done(&self, name: &str, args: &[&str]) -> String {
        let outcome = self.run(name, args);
        assert_eq!(outcome.exit, 0, "{args:?}: {outcome:?}");
        outcome.stdout.trim().to_owned()
    }

    /// Runs a reading verb with `--json`; `status` may end with 3, it is read all the same.
    pub(crate) fn read(&self, name: &str, args: &[&str]) -> Value {
        let outcome = self.run(name, &[args, &["--json"]].concat());
        serde_json::from_str(&outcome.stdout).unwrap_or_else(|_| panic!("{args:?}: {outcome:?}"))
    }

    /// Runs a command that has to be refused with a code and a text.
    pub(crate) fn refused(&self, name: &str, args: &[&str], (exit, code): (i32, &str), text: &str) {
        let outcome = self.run(name, &[args, &["--json"]].concat());
        assert_eq!(outcome.exit, exit, "{args:?}: {outcome:?}");
        let problem: Value = serde_json::from_str(&outcome.stderr).unwrap();
        assert_eq!(problem["error"]["code"], code, "{args:?}: {outcome:?}");
        assert!(
            outcome.stderr.contains(text),
            "{args:?}: {outcome:?} lacks {text:?}"
        );
    }

    /// Runs a command as a person types it that has to be refused with a text on the standard error,
    /// and no data.
    pub(crate) fn refused_in_words(&self, name: &str, args: &[&str], exit: i32, text: &str) {
        let outcome = self.run(name, args);
        assert_eq!(outcome.exit, exit, "{args:?}: {outcome:?}");
        assert!(
            outcome.stderr.contains(text),
            "{args:?}: {outcome:?} lacks {text:?}"
        );
        assert_eq!(outcome.stdout, "", "{args:?}: no data");
    }

    /// Makes a device and returns its key.
    pub(crate) fn init(&self, name: &str) -> String {
        let told = self.read(name, &["init", "--label", name]);
        told["key"].as_str().unwrap().to_owned()
    }

    /// Makes a device that is a member and knows it from a bundle, and meets nobody.
    pub(crate) fn apart(&self, name: &str, role: &str) {
        let key = self.init(name);
        let admit = ["admit", &key, "--label", name, "--role", role];
        self.done("owner", &admit);
        self.carry("owner", name);
    }

    /// Grants squads of all stages to a device.
    pub(crate) fn grant(&self, squads: &str, to: &str) -> String {
        let grant = ["grant", "--drills", "all", "--squads", squads, "--to", to];
        self.done("owner", &grant)
    }

    /// Carries everything from one device to another on a stick; returns how much was fresh there.
    pub(crate) fn carry(&self, from: &str, to: &str) -> u64 {
        let file = self.path("stick.tally");
        self.done(from, &["export", &file]);
        let told = self.read(to, &["import", &file]);
        assert_eq!(told["refused"], 0, "from {from} to {to}: {told}");
        told["fresh"].as_u64().unwrap()
    }

    /// Records a score of a shooter and returns its entry.
    pub(crate) fn score(&self, name: &str, stage: &str, shooter: &str) -> String {
        self.done(name, &score(stage, shooter))
    }

    /// Returns how an entry is read on a device, in one word.
    pub(crate) fn verdict(&self, name: &str, entry: &str) -> String {
        let told = self.read(name, &["score", "history", "--entry", entry]);
        // The voids that apply to it are listed with it.
        let entries = told["entries"].as_array().unwrap();
        let found = entries.iter().find(|it| it["entry"] == entry);
        let verdict = found.and_then(|it| it["verdict"].as_str());
        verdict.unwrap_or("not here").to_owned()
    }

    /// Makes a device and starts it.
    pub(crate) fn device(&self, name: &str) -> Process {
        self.init(name);
        self.start(name, &[])
    }

    /// Starts the node of a device, which dials the peers.
    pub(crate) fn start(&self, name: &str, peers: &[&Process]) -> Process {
        self.start_with(name, peers, &[])
    }

    /// As [`Self::start`], with more that it is started with.
    pub(crate) fn start_with(&self, name: &str, peers: &[&Process], more: &[&str]) -> Process {
        let addresses: Vec<String> = peers.iter().map(|it| address(it)).collect();
        let mut args = ALONE.to_vec();
        for address in &addresses {
            args.extend(["--peer", address]);
        }
        args.extend(more);
        Process::start(&self.root(name), &args).unwrap()
    }

    /// Makes a device, starts it, and lets it join with a ticket of the owner, who runs.
    pub(crate) fn join(&self, name: &str, role: &str, peers: &[&Process]) -> Process {
        self.join_with(name, role, peers, &[])
    }

    /// As [`Self::join`], with more that its node is started with.
    pub(crate) fn join_with(
        &self,
        name: &str,
        role: &str,
        peers: &[&Process],
        more: &[&str],
    ) -> Process {
        self.invited("owner", (name, role), peers, more)
    }

    /// As [`Self::join`], with an owner of another name.
    pub(crate) fn join_from(&self, owner: &str, name: &str, node: &Process) -> Process {
        self.invited(owner, (name, "scorer"), &[node], &[])
    }

    fn invited(
        &self,
        owner: &str,
        (name, role): (&str, &str),
        peers: &[&Process],
        more: &[&str],
    ) -> Process {
        self.init(name);
        let node = self.start_with(name, peers, more);
        let invite = ["invite", "--label", name, "--role", role];
        let ticket = self.done(owner, &invite);
        self.done(name, &["join", &ticket]);
        until(&format!("{name} joins"), AGREE_MAX, || {
            status(&node)["node"]["phase"] == "member"
                && devices(&node).iter().any(|it| it["this"] == true)
        });
        node
    }

    /// What is printed on the recovery card.
    pub(crate) fn card(&self) -> String {
        fs::read_to_string(self.path(CARD)).unwrap()
    }
}

/// What is declared of the event of [`Range::founded`].
pub(crate) fn structure() -> Value {
    let shooter = |no: u32, squad: u32| {
        json!({ "shooter": no, "label": format!("Shooter {no}"), "division": "Open",
                "power_factor": "MAJOR", "squad": squad })
    };
    let stage = |no: u32| {
        json!({ "stage": no, "name": format!("Stage {no}"), "scoring": "Comstock",
                "target_shots": [2, 2], "steel": 1 })
    };
    json!({
        "event": "Spring Match", "date": "2026-05-09", "divisions": ["Open"],
        "division_power_factors": { "Open": { "minor": 125, "major": 160 } },
        "rules": { "procedurals": [{ "name": "10.2.7 Failure to engage target" }] },
        "stages": [stage(1), stage(2)],
        "shooters": [shooter(1, 1), shooter(2, 1), shooter(3, 2)],
    })
}

/// What is typed to record a score.
pub(crate) fn score<'a>(stage: &'a str, shooter: &'a str) -> Vec<&'a str> {
    let what = ["score", "add", "--drill", stage, "--shooter", shooter];
    let result = ["--time", "12.34", "--hits", "2A AC", "--steel", "1"];
    [what, result].concat()
}

pub(crate) fn address(node: &Process) -> String {
    let addresses = node.ready()["addresses"].as_array().unwrap();
    addresses[0].as_str().unwrap().to_owned()
}

/// Returns what a node says of its scores.
pub(crate) fn status(node: &Process) -> Value {
    node.ask(&json!({ "verb": "status" })).unwrap()
}

/// Returns the devices as a node lists them.
pub(crate) fn devices(node: &Process) -> Vec<Value> {
    let told = node.ask(&json!({ "verb": "devices" })).unwrap();
    told["devices"].as_array().unwrap().clone()
}

/// Returns the roles of a device.
pub(crate) fn roles<'a>(devices: &'a [Value], label: &str) -> Vec<&'a str> {
    let device = devices.iter().find(|it| it["label"] == label).unwrap();
    let roles = device["roles"].as_array().unwrap();
    roles.iter().filter_map(Value::as_str).collect()
}

/// Waits until two nodes hold the same.
pub(crate) fn agree(one: &Process, other: &Process) {
    until("they agree", AGREE_MAX, || {
        status(one)["state_digest"] == status(other)["state_digest"]
    });
}

/// Asks again and again until it is so, at the latest after `limit`.
pub(crate) fn until(what: &str, limit: Duration, mut is_so: impl FnMut() -> bool) {
    wait_for(what, limit, || is_so().then_some(()));
}

/// Asks again and again until there is an answer, at the latest after `limit`.
#[expect(
    clippy::disallowed_methods,
    reason = "a deadline of the test, not of the product"
)]
pub(crate) fn wait_for<T>(what: &str, limit: Duration, mut ask: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        let asked = start.elapsed();
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(asked < limit, "{what}: not within {limit:?}");
        std::thread::park_timeout(Duration::from_millis(10));
    }
}
