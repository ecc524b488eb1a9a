//! A venue's network on one machine: a switch and devices in network namespaces, real nodes in
//! them, and the faults of a real network.
//!
//! Every device has two cables: one to the venue's switch, and one, at first unplugged, to the
//! internet, where clouds are and where devices do not see each other.
//!
//! Needs root, iproute2 and nftables. Everything is named after the process, and what a killed
//! test run left behind is removed by the next one.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

pub(crate) use tallyline_tests::system::{is_root, must_run};

/// How long anything may take that should take seconds.
pub(crate) const DEADLINE: Duration = Duration::from_mins(1);

/// Time between two looks at a condition.
pub(crate) const LOOK: Duration = Duration::from_millis(50);

/// An address where nobody is (RFC 5737): a ticket with it leads nowhere.
pub(crate) const NOWHERE: &str = "192.0.2.1:9";

/// Start of the names of all namespaces; the process id follows.
const PREFIX: &str = "tally-";

/// What the switch does to what passes it.
#[derive(Clone, Copy)]
pub(crate) enum Fault {
    /// Drops everything from and to a device, while its link stays up.
    Cut(usize),
    /// Drops everything that the first sends to the second.
    OneWay(usize, usize),
    /// Drops so many of 100 packets, whoever sends them.
    Loss(u8),
    /// Drops mDNS from everybody.
    NoMulticast,
    /// Drops mDNS from one device: it hears and is not heard.
    Mute(usize),
}

/// A switch and some devices.
pub(crate) struct Lab {
    folder: TempDir,
    switch: String,
    devices: Vec<Device>,
    /// Where the cloud is and which key it has, for devices that are added after it.
    pub(crate) cloud: Option<(String, String)>,
    /// What the recovery card of the event says, for a scenario.
    pub(crate) recovery_card: Option<String>,
    /// What the switch drops for a scenario.
    pub(crate) drops: Vec<String>,
}

/// One device with its namespace, its root and, when it runs, its node.
struct Device {
    namespace: String,
    root: PathBuf,
    args: Vec<String>,
    node: Option<Child>,
}

impl Lab {
    /// Builds a network of so many devices; `None` (said loudly) where that is not possible.
    pub(crate) fn of(devices: usize) -> Option<Self> {
        let mut lab = Self::empty()?;
        for number in 1..=devices {
            lab.plug_in(&label(number), "device");
        }
        Some(lab)
    }

    /// Builds a network without devices; `None` (said loudly) where that is not possible.
    pub(crate) fn empty() -> Option<Self> {
        if let Some(why) = missing() {
            assert!(
                !must_run(),
                "{why}, and here these tests must not be skipped"
            );
            eprintln!("SKIPPED: {why}; run as root with iproute2 and nftables installed");
            return None;
        }
        clean_up();
        let process = std::process::id();
        let switch = format!("{PREFIX}{process}-switch");
        ip(&format!("netns add {switch}"));
        ip(&format!(
            "-n {switch} link add br0 type bridge mcast_snooping 0"
        ));
        ip(&format!("-n {switch} link set br0 up"));
        ip(&format!("-n {switch} link add br1 type bridge"));
        ip(&format!("-n {switch} link set br1 up"));
        Some(Self {
            folder: tempfile::tempdir().unwrap(),
            switch,
            devices: Vec::new(),
            cloud: None,
            recovery_card: None,
            drops: Vec::new(),
        })
    }

    /// Starts the node of a device, numbered from 1, and waits until it answers.
    pub(crate) fn start(&mut self, number: usize, args: &[&str]) {
        self.devices[number - 1].args = args.iter().map(|&it| it.to_owned()).collect();
        self.launch(number);
        let root = self.root(number).to_owned();
        self.until("a node answers", DEADLINE, |_| {
            call(&root, &json!({"verb": "node"})).is_some()
        });
    }

    /// Starts the node of a device as it was started the last time, and waits for nothing.
    pub(crate) fn launch(&mut self, number: usize) {
        let device = &mut self.devices[number - 1];
        let mut log = fs::File::options();
        let log = log.create(true).append(true);
        let log = log.open(device.root.join("stderr.log")).unwrap();
        let mut command = Command::new("ip");
        command
            .args(["netns", "exec", &device.namespace])
            .arg(binary());
        command
            .arg("--root")
            .arg(&device.root)
            .args(["--log", "info", "run"])
            .args(&device.args);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        device.node = Some(command.spawn().unwrap());
    }

    /// Ends the node of a device as a power cut would.
    pub(crate) fn kill(&mut self, number: usize) {
        let mut node = self.devices[number - 1].node.take().unwrap();
        node.kill().unwrap();
        node.wait().unwrap();
    }

    /// Sets with which arguments a device is launched.
    pub(crate) fn set_args(&mut self, number: usize, args: &[String]) {
        self.devices[number - 1].args = args.to_vec();
    }

    /// Returns with which arguments a device is launched.
    pub(crate) fn args(&self, number: usize) -> Vec<String> {
        self.devices[number - 1].args.clone()
    }

    /// Returns whether a device has a node that was not killed.
    pub(crate) fn is_on(&self, number: usize) -> bool {
        self.devices[number - 1].node.is_some()
    }

    /// Returns the root of a device.
    pub(crate) fn root(&self, number: usize) -> &Path {
        &self.devices[number - 1].root
    }

    /// Founds an event on device 1 and lets all others join by a ticket with this address.
    pub(crate) fn found(&mut self, address: &str) {
        let structure = json!({
            "event": "Lan Match", "date": "2026-04-18", "divisions": ["Open"],
            "division_power_factors": { "Open": { "minor": 125, "major": 160 } },
            "rules": {},
            "stages": [{ "stage": 1, "name": "One", "scoring": "Comstock", "target_shots": [2] }],
            "shooters": (1..=9).map(|shooter| json!({
                "shooter": shooter, "label": format!("Shooter {shooter}"), "division": "Open",
                "power_factor": "MINOR", "squad": shooter,
            })).collect::<Vec<_>>(),
        });
        self.ask(
            1,
            &json!({"verb": "event-create", "structure": structure.to_string()}),
        );
        self.ask(1, &json!({"verb": "event-lock"}));
        for number in 2..=self.devices.len() {
            let invite = json!({"verb": "invite", "addresses": [address]});
            let ticket = self.ask(1, &invite)["ticket"].clone();
            self.ask(number, &json!({"verb": "join", "ticket": ticket}));
        }
        self.until("all are members", DEADLINE, |lab| {
            lab.numbers()
                .all(|number| lab.status(number)["node"]["phase"] == "member")
        });
        let opens: Vec<_> = self
            .numbers()
            .map(|number| json!({"to": label(number), "squads": [number]}))
            .collect();
        self.ask(1, &json!({"verb": "grant", "opens": opens}));
        self.until_equal(DEADLINE);
    }

    /// Writes a score on a device, whose squad has its number.
    pub(crate) fn score(&self, number: usize) {
        let score = json!({"drill": 1, "shooter": number, "time_cs": [500], "targets": [2]});
        let record = json!({ "score": score });
        self.ask(
            number,
            &json!({"verb": "score-add", "record": record, "confirmed": true}),
        );
    }

    /// Returns how many scores a device holds, equal ones counted each.
    pub(crate) fn scores(&self, number: usize) -> usize {
        let history = self.ask(number, &json!({"verb": "score-history"}));
        history["entries"].as_array().unwrap().len()
    }

    /// Puts a fault into the switch, replacing the one before.
    pub(crate) fn fault(&self, fault: Fault) {
        self.drop_what(&match fault {
            Fault::Cut(number) => format!("iifname \"p{number}\" drop\noifname \"p{number}\" drop"),
            Fault::OneWay(from, to) => format!("iifname \"p{from}\" oifname \"p{to}\" drop"),
            Fault::Loss(percent) => format!("numgen random mod 100 < {percent} drop"),
            Fault::NoMulticast => "udp dport 5353 drop".to_owned(),
            Fault::Mute(number) => format!("iifname \"p{number}\" udp dport 5353 drop"),
        });
    }

    /// Puts rules into the switch, replacing those before.
    pub(crate) fn drop_what(&self, rules: &str) {
        self.heal();
        let table = format!(
            "table bridge lab {{\nchain forward {{\ntype filter hook forward priority 0\n\
             policy accept\n{rules}\n}}\n}}\n"
        );
        self.nft(&table);
    }

    /// Takes every fault out of the switch.
    pub(crate) fn heal(&self) {
        // Declared first, so that there is one to delete.
        self.nft("table bridge lab\ndelete table bridge lab\n");
    }

    /// Plugs a device's cable to the venue in or out.
    pub(crate) fn cable(&self, number: usize, plugged: bool) {
        self.set_link(number, "eth0", plugged);
    }

    /// Plugs a device's cable to the internet in or out.
    pub(crate) fn internet_cable(&self, number: usize, plugged: bool) {
        self.set_link(number, "eth1", plugged);
    }

    fn set_link(&self, number: usize, link: &str, up: bool) {
        let namespace = &self.devices[number - 1].namespace;
        let state = if up { "up" } else { "down" };
        ip(&format!("-n {namespace} link set {link} {state}"));
    }

    /// Gives a device another address at the venue, as a new lease does.
    pub(crate) fn renumber(&self, number: usize, from: &str, to: &str) {
        let namespace = &self.devices[number - 1].namespace;
        ip(&format!("-n {namespace} addr del {from}/24 dev eth0"));
        ip(&format!("-n {namespace} addr add {to}/24 dev eth0"));
    }

    /// Isolates a device as access points do: isolated ones do not see each other.
    pub(crate) fn isolate(&self, number: usize) {
        self.isolate_port(&format!("p{number}"));
    }

    fn isolate_port(&self, port: &str) {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.switch, "bridge", "link", "set"]);
        command.args(["dev", port, "isolated", "on"]);
        assert!(command.status().unwrap().success(), "{port} is isolated");
    }

    /// Asks a node for its status.
    pub(crate) fn status(&self, number: usize) -> Value {
        self.ask(number, &json!({"verb": "status"}))
    }

    /// Returns how a node says that its links were found: one word for each.
    pub(crate) fn sources(&self, number: usize) -> Vec<String> {
        let status = self.status(number);
        let links = status["links"].as_array().unwrap().iter();
        links
            .map(|link| link["source"].as_str().unwrap().to_owned())
            .collect()
    }

    /// Returns how the diallers of all links say that they were found, sorted.
    pub(crate) fn dialled_by(&self) -> Vec<String> {
        let mut sources = Vec::new();
        for number in self.numbers() {
            let status = self.status(number);
            let links = status["links"].as_array().unwrap().iter();
            let dialled = links.filter(|link| link["dialled"] == true);
            sources.extend(dialled.map(|link| link["source"].as_str().unwrap().to_owned()));
        }
        sources.sort();
        sources
    }

    /// Waits until every device is linked once with every other.
    pub(crate) fn until_meshed(&self) {
        let others = self.devices.len() - 1;
        self.until("all are linked once", DEADLINE, |lab| {
            lab.numbers()
                .all(|number| lab.sources(number).len() == others)
        });
    }

    /// Waits until all nodes hold the same, and returns how long it took.
    pub(crate) fn until_equal(&self, deadline: Duration) -> Duration {
        let digest = |number| self.status(number)["state_digest"].clone();
        self.until("all hold the same", deadline, |lab| {
            lab.numbers().all(|number| digest(number) == digest(1))
        })
    }

    /// Waits until a condition holds, and returns how long it took.
    pub(crate) fn until(
        &self,
        what: &str,
        deadline: Duration,
        mut holds: impl FnMut(&Self) -> bool,
    ) -> Duration {
        let start = now();
        while !holds(self) {
            assert!(
                start.elapsed() < deadline,
                "not within {deadline:?}: {what}\n{}",
                self.logs()
            );
            thread::park_timeout(LOOK);
        }
        start.elapsed()
    }

    /// Asks a running node for something that must work.
    pub(crate) fn ask(&self, number: usize, request: &Value) -> Value {
        let answer = call(self.root(number), request);
        let answer = answer.unwrap_or_else(|| panic!("no answer to {request}"));
        assert!(answer.get("ok").is_some(), "{request}: {answer}");
        answer["ok"].clone()
    }

    /// Adds a device: a namespace, cables to the switch and to the internet (of which a cloud has
    /// the second alone), addresses, a root. Returns its number.
    pub(crate) fn plug_in(&mut self, label: &str, mode: &str) -> usize {
        let number = self.devices.len() + 1;
        let switch = &self.switch;
        let namespace = format!("{PREFIX}{}-{number}", std::process::id());
        let root = self.folder.path().join(number.to_string());
        ip(&format!("netns add {namespace}"));
        ip(&format!("-n {namespace} link set lo up"));
        let cable = |port: &str, bridge: &str, link: &str, address: &str| {
            ip(&format!(
                "-n {switch} link add {port} type veth peer name {link} netns {namespace}"
            ));
            ip(&format!("-n {switch} link set {port} master {bridge} up"));
            ip(&format!("-n {namespace} addr add {address}/24 dev {link}"));
        };
        let port = format!("i{number}");
        cable(&port, "br1", "eth1", &internet_address(number));
        if mode == "cloud" {
            ip(&format!("-n {namespace} link set eth1 up"));
        } else {
            self.isolate_port(&port);
            cable(&format!("p{number}"), "br0", "eth0", &address(number));
            ip(&format!("-n {namespace} link set eth0 up"));
        }
        let mut init = Command::new(binary());
        init.arg("--root")
            .arg(&root)
            .args(["init", "--label", label, "--mode", mode]);
        let init = init.output().unwrap();
        assert!(
            init.status.success(),
            "{}",
            String::from_utf8_lossy(&init.stderr)
        );
        self.devices.push(Device {
            namespace,
            root,
            args: Vec::new(),
            node: None,
        });
        number
    }

    /// Gives the switch's packet filter a rule set.
    fn nft(&self, rules: &str) {
        let mut command = Command::new("ip");
        command
            .args(["netns", "exec", &self.switch, "nft", "-f", "-"])
            .stdin(Stdio::piped());
        let mut nft = command.spawn().unwrap();
        nft.stdin
            .take()
            .unwrap()
            .write_all(rules.as_bytes())
            .unwrap();
        assert!(nft.wait().unwrap().success(), "nft refused:\n{rules}");
    }

    /// Returns the numbers of all devices.
    pub(crate) fn numbers(&self) -> std::ops::RangeInclusive<usize> {
        1..=self.devices.len()
    }

    /// Returns what all nodes logged, for a failure.
    pub(crate) fn logs(&self) -> String {
        let log = |device: &Device| {
            let path = device.root.join("stderr.log");
            format!(
                "{}:\n{}\n",
                path.display(),
                fs::read_to_string(&path).unwrap_or_default()
            )
        };
        self.devices.iter().map(log).collect()
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        for device in &mut self.devices {
            if let Some(node) = &mut device.node {
                drop(node.kill());
                drop(node.wait());
            }
            remove(&device.namespace);
        }
        remove(&self.switch);
    }
}

/// Returns the address of a device.
pub(crate) fn address(number: usize) -> String {
    format!("10.77.0.{number}")
}

/// Returns the address of a device on the internet.
pub(crate) fn internet_address(number: usize) -> String {
    format!("10.78.0.{number}")
}

/// Returns what a device is called.
fn label(number: usize) -> String {
    format!("Device {number}")
}

/// Sends one request to a node; `None` if it does not answer.
pub(crate) fn call(root: &Path, request: &Value) -> Option<Value> {
    let mut stream = UnixStream::connect(root.join("node.sock")).ok()?;
    stream.set_read_timeout(Some(DEADLINE)).ok()?;
    stream.write_all(format!("{request}\n").as_bytes()).ok()?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).ok()?;
    serde_json::from_str(&line).ok()
}

/// Tells why there can be no lab here.
fn missing() -> Option<String> {
    let works = |program: &str, args: &[&str]| {
        let mut command = Command::new(program);
        let status = command
            .args(args)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        status.is_ok_and(|status| status.success())
    };
    if !is_root() {
        return Some("network namespaces need root".to_owned());
    }
    for (program, version) in [("ip", "-V"), ("bridge", "-V"), ("nft", "-v")] {
        if !works(program, &[version]) {
            return Some(format!("`{program}` is not installed"));
        }
    }
    None
}

/// Removes the namespaces of test runs that were killed.
fn clean_up() {
    let listed = Command::new("ip").args(["netns", "list"]).output().unwrap();
    for line in String::from_utf8_lossy(&listed.stdout).lines() {
        let name = line.split(' ').next().unwrap_or_default();
        let process = name
            .strip_prefix(PREFIX)
            .and_then(|rest| rest.split('-').next());
        if process.is_some_and(|process| !Path::new("/proc").join(process).exists()) {
            remove(name);
        }
    }
}

fn remove(namespace: &str) {
    drop(
        Command::new("ip")
            .args(["netns", "del", namespace])
            .status(),
    );
}

fn ip(args: &str) {
    let output = Command::new("ip").args(args.split(' ')).output().unwrap();
    assert!(
        output.status.success(),
        "ip {args}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Returns the program under test, which lies beside the tests.
fn binary() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let binary = test
        .parent()
        .and_then(Path::parent)
        .unwrap()
        .join("tallyline");
    assert!(
        binary.exists(),
        "build it first: cargo build --release -p tallyline"
    );
    binary
}

#[expect(
    clippy::disallowed_methods,
    reason = "deadlines of a test that waits for real processes"
)]
pub(crate) fn now() -> Instant {
    Instant::now()
}
