//! A real process dies at every moment at which it can make a difference, twice in a row, while
//! scores are written on both devices and synced between them.
//!
//! The owner's node runs all the time. The tablet's runs as the laboratory's binary, which kills
//! itself the n-th time it passes a site: n grows until a whole life passes without effect. After
//! each death the shipped binary opens what is left: everything that was answered "saved" is
//! there once, and both devices agree.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tallyline::failpoint::Site;
use tallyline_tests::process::{Process, Started, binary};
use tempfile::TempDir;

/// How long two nodes on one machine may take to agree: far above what they need.
const AGREE_MAX: Duration = Duration::from_mins(1);
/// Between two looks at whether they agree.
const LOOK: Duration = Duration::from_millis(5);
/// Scores of the tablet in one life; the owner writes one for every second of them.
const SCORES: u32 = 4;
/// Stages and shooters: enough slots for all lives.
const STAGES: u32 = 30;
const SHOOTERS: u32 = 500;
/// The turns at which a push strikes; a campaign tries all of them.
const TURNS_OF_A_PUSH: [u32; 5] = [1, 2, 3, 5, 8];
/// More turns than a life has of anything.
const TURNS_MAX: u32 = 200;
/// How often a campaign does everything.
const ROUNDS: u32 = 20;
/// The signal that ends everything.
const KILLED: i32 = 9;

const ARGS: [&str; 3] = ["--no-mdns", "--listen", "127.0.0.1:0"];

/// How a process gets to a site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// It starts, scores, syncs and stops.
    Life,
    /// A device without a store joins.
    Join,
    /// Its store is damaged.
    Damaged,
    /// A commit fails.
    Failure,
}

fn way(site: Site) -> Way {
    match site {
        Site::BeforeOpen
        | Site::AfterOpen
        | Site::BeforeBegin
        | Site::BetweenEntries
        | Site::BeforeCommit
        | Site::AfterCommit
        | Site::BeforeRelease
        | Site::BeforeReply
        | Site::AfterReply
        | Site::AfterRelease
        | Site::BeforeSend
        | Site::AfterSend
        | Site::BeforeAnswer
        | Site::AfterAnswer
        | Site::BeforeClose
        | Site::AfterClose => Way::Life,
        Site::BeforeName | Site::BeforeKeepManifest | Site::AfterKeepManifest => Way::Join,
        Site::BeforeSetAside | Site::AfterSetAside => Way::Damaged,
        Site::BeforeReopen | Site::AfterReopen => Way::Failure,
    }
}

fn structure() -> String {
    let stages: Vec<Value> = (1..=STAGES)
        .map(|stage| {
            json!({"stage": stage, "name": format!("Stage {stage}"), "scoring": "Comstock",
                "strings": 1, "target_shots": [2, 2], "steel": 0})
        })
        .collect();
    let shooters: Vec<Value> = (1..=SHOOTERS)
        .map(|shooter| {
            json!({"shooter": shooter, "label": format!("S{shooter}"), "division": "Open",
                "power_factor": "MINOR", "squad": 1 + shooter % 20, "categories": []})
        })
        .collect();
    json!({
        "event": "Failpoints", "level": "L1", "date": "2026-04-18", "divisions": ["Open"],
        "division_power_factors": {"Open": {"minor": 125, "major": 160}},
        "rules": {"procedurals": [], "dqs": [], "dnfs": []},
        "stages": stages, "shooters": shooters
    })
    .to_string()
}

/// The n-th score of all; each has its own slot and says what no other says.
fn score(number: u32) -> Value {
    json!({"score": {
        "drill": 1 + number % STAGES, "shooter": 1 + number / STAGES, "attempt": 0,
        "time_cs": [1000 + number], "targets": [2, 0x101], "steel": {"hit": 0, "miss": 0,
        "no_penalty_miss": 0, "no_shoot": 0}, "late_shots": 0, "extra_shots": 0, "extra_hits": 0
    }})
}

/// What a request for a score came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answered {
    Saved,
    NotSaved,
    /// The process was gone before it answered.
    Nothing,
}

struct Venue {
    folder: TempDir,
    owner: Process,
    next: u32,
    fresh: u32,
    /// What was answered "saved": the entry's id, and what it says.
    saved: BTreeMap<String, Value>,
    counts: Counts,
}

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    lives: u32,
    deaths: u32,
    not_saved: u32,
    unanswered: u32,
    /// Scores that were entered again and accepted after an answer "not saved".
    entered_again: u32,
}

impl Venue {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let owner_root = folder.path().join("owner");
        Process::init(&owner_root, "owner", "device").expect("init");
        let owner = Process::start(&owner_root, &ARGS).expect("the owner starts");
        let create = json!({"verb": "event-create", "structure": structure()});
        owner.ask(&create).expect("founded");
        owner.ask(&json!({"verb": "event-lock"})).expect("locked");
        let venue = Self {
            folder,
            owner,
            next: 0,
            fresh: 0,
            saved: BTreeMap::new(),
            counts: Counts::default(),
        };
        let root = venue.tablet();
        let ticket = venue.init(&root, "tablet");
        let tablet = Process::start(&root, &ARGS).expect("the tablet starts");
        tablet.ask(&ticket).expect("joining");
        assert!(venue.agree(&tablet), "the tablet died");
        let grant = json!({"verb": "grant", "opens": [{"to": "tablet"}]});
        venue.owner.ask(&grant).expect("granted");
        assert!(venue.agree(&tablet), "the tablet died");
        tablet.stop().expect("it stops");
        venue
    }

    fn tablet(&self) -> PathBuf {
        self.folder.path().join("tablet")
    }

    /// Makes the root of a device; returns the request with which it joins.
    fn init(&self, root: &Path, label: &str) -> Value {
        Process::init(root, label, "device").expect("init");
        let invite = json!({"verb": "invite", "label": label});
        let ticket = self.owner.ask(&invite).expect("invited");
        json!({"verb": "join", "ticket": ticket["ticket"]})
    }

    fn args(&self) -> Vec<String> {
        let address = self.owner.ready()["addresses"][0].as_str();
        let mut args = ARGS.map(str::to_owned).to_vec();
        args.extend(["--peer".to_owned(), address.expect("an address").to_owned()]);
        args
    }

    /// Starts the shipped binary, which finds nothing wrong.
    fn start(&self, root: &Path) -> Process {
        let args = self.args();
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        Process::start(root, &args).expect("it starts whatever happened before")
    }

    fn start_lab(&mut self, root: &Path, failpoints: &str) -> Started {
        self.counts.lives += 1;
        let args = self.args();
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        Process::start_lab(root, &args, failpoints).expect("the laboratory's binary is built")
    }

    /// Waits until the owner and a device hold the same logs; returns whether the device lives.
    #[expect(clippy::disallowed_methods, reason = "a test's own deadline")]
    fn agree(&self, device: &Process) -> bool {
        let begin = Instant::now();
        loop {
            let Some(theirs) = digest(device) else {
                return false;
            };
            let ours = digest(&self.owner).expect("the owner lives");
            // A device that has not joined yet has none.
            if ours == theirs && ours != "null" {
                return true;
            }
            assert!(
                begin.elapsed() < AGREE_MAX,
                "{ours} and {theirs} stay apart"
            );
            thread::park_timeout(LOOK);
        }
    }

    /// Asks a device to save the n-th score.
    fn add(&mut self, device: Option<&Process>, number: u32) -> Answered {
        let device = device.unwrap_or(&self.owner);
        let record = score(number);
        let request = json!({"verb": "score-add", "record": record});
        let Ok(answer) = device.connect().and_then(|mut it| it.ask(&request)) else {
            self.counts.unanswered += 1;
            return Answered::Nothing;
        };
        if let Some(id) = answer["ok"]["entries"][0].as_str() {
            self.saved.insert(id.to_owned(), record);
            return Answered::Saved;
        }
        assert_eq!(answer["error"]["code"], "not_saved", "{answer}");
        self.counts.not_saved += 1;
        Answered::NotSaved
    }

    fn number(&mut self) -> u32 {
        let number = self.next;
        self.next += 1;
        assert!(number < STAGES * SHOOTERS, "more slots are needed");
        number
    }

    /// Scores on both devices and syncs; returns whether the tablet lives to the end of it.
    fn work(&mut self, tablet: &Process) -> bool {
        for turn in 0..SCORES {
            let number = self.number();
            match self.add(Some(tablet), number) {
                Answered::Saved => {}
                Answered::NotSaved => self.again(tablet, number),
                Answered::Nothing => return false,
            }
            if turn % 2 == 1 {
                let number = self.number();
                assert_eq!(self.add(None, number), Answered::Saved, "the owner's disk");
            }
        }
        self.agree(tablet)
    }

    /// Enters a score again that was answered "not saved": it is saved now, or it is found to be
    /// there already. Either way [`Self::check`] finds it once.
    fn again(&mut self, tablet: &Process, number: u32) {
        let request = json!({"verb": "score-add", "record": score(number)});
        let Ok(answer) = tablet.connect().and_then(|mut it| it.ask(&request)) else {
            return;
        };
        match answer["ok"]["entries"][0].as_str() {
            Some(id) => {
                self.saved.insert(id.to_owned(), score(number));
                self.counts.entered_again += 1;
            }
            None => assert!(answer["error"].to_string().contains("E09"), "{answer}"),
        }
    }

    /// One life of the laboratory's binary; returns whether it died.
    fn life(&mut self, root: &Path, failpoints: &str, join: Option<&Value>) -> bool {
        let process = match self.start_lab(root, failpoints) {
            Started::Ready(process) => process,
            Started::Ended(status) => return self.died(status),
        };
        let lives = if let Some(join) = join {
            // It may have joined before it died the last time.
            drop(process.ask(join));
            self.agree(&process)
        } else {
            // A store that was lost has to come back before the device knows what it may write.
            let lost = failpoints.contains("set-aside");
            (!lost || self.agree(&process)) && self.work(&process)
        };
        if lives {
            // The answer is lost if it dies now.
            drop(process.ask(&json!({"verb": "stop"})));
        }
        let status = process.ended().expect("ours");
        if status.success() {
            assert!(lives, "{failpoints}: it stopped by itself");
            return false;
        }
        self.died(status)
    }

    fn died(&mut self, status: ExitStatus) -> bool {
        assert_eq!(status.signal(), Some(KILLED), "it ended with {status}");
        self.counts.deaths += 1;
        true
    }

    /// Lets a device die at the n-th passing of a site, and at the next one again; returns whether
    /// it died the first time.
    fn strike(&mut self, site: Site, turn: u32) -> bool {
        let way = way(site);
        let root = match way {
            Way::Life | Way::Damaged | Way::Failure => self.tablet(),
            Way::Join => {
                self.fresh += 1;
                self.folder.path().join(format!("fresh-{}", self.fresh))
            }
        };
        let join = (way == Way::Join).then(|| self.init(&root, &format!("fresh {}", self.fresh)));
        if way == Way::Damaged {
            damage(&root);
        }
        let plan = |turn: u32| {
            let name = site.name();
            if way == Way::Failure {
                format!("after-commit:{turn}:misreport,{name}:1:kill")
            } else {
                format!("{name}:{turn}:kill")
            }
        };
        let died = self.life(&root, &plan(turn), join.as_ref());
        if died {
            self.life(&root, &plan(1), join.as_ref());
        }
        self.check(&root, join.as_ref());
        died
    }

    /// Starts the shipped binary on what is left and compares it with what was answered.
    fn check(&self, root: &Path, join: Option<&Value>) {
        let device = self.start(root);
        if let Some(join) = join {
            drop(device.ask(join));
        }
        assert!(self.agree(&device), "it died");
        for node in [&device, &self.owner] {
            let list = node.ask(&json!({"verb": "score-list"})).expect("a list");
            let others = compare(&list, &self.saved);
            assert!(
                others <= self.counts.entered_again,
                "{others} entries that nobody made"
            );
            let report = node.ask(&json!({"verb": "verify"})).expect("a report");
            assert_eq!(report["ok"], true, "{report}");
        }
        // A kill here and a stop there: the next life finds either.
        if self.next.is_multiple_of(2) {
            device.kill().expect("ours");
        } else {
            device.stop().expect("it stops");
        }
    }

    /// Strikes at all turns until a life passes without effect.
    fn exhaust(&mut self, site: Site, turns: impl IntoIterator<Item = u32>) -> u32 {
        let mut struck = 0;
        for turn in turns {
            if !self.strike(site, turn) {
                break;
            }
            struck += 1;
        }
        assert!(0 < struck, "{}: no life passes here", site.name());
        struck
    }
}

/// Finds everything that was saved, and nothing counted twice. Returns how many entries do not
/// count.
fn compare(list: &Value, saved: &BTreeMap<String, Value>) -> u32 {
    let entries = list["entries"].as_array().expect("entries");
    let mut counting = BTreeMap::new();
    let mut found = BTreeMap::new();
    let mut others = 0;
    for entry in entries {
        let record = &entry["record"];
        if entry["verdict"] == "counts" {
            let other = counting.insert(slot(record), record);
            assert!(other.is_none(), "{other:?} and {entry} both count");
        } else {
            // Only what was entered again after an answer "not saved".
            assert_eq!(entry["verdict"], "duplicate", "{entry}");
            others += 1;
        }
        found.insert(entry["entry"].as_str().expect("an id"), record);
    }
    for (id, record) in saved {
        assert_eq!(found.get(id.as_str()), Some(&record), "{id} is lost");
        let counts = counting.get(&slot(record));
        assert_eq!(counts, Some(&record), "{id} does not count");
    }
    others
}

fn slot(record: &Value) -> (Option<u64>, Option<u64>) {
    let score = &record["score"];
    (score["drill"].as_u64(), score["shooter"].as_u64())
}

/// Returns a device's digest of all logs; `None` if it is gone.
fn digest(node: &Process) -> Option<String> {
    let request = json!({"verb": "standings"});
    let answer = node.connect().and_then(|mut it| it.ask(&request)).ok()?;
    Some(answer["ok"]["state_digest"].to_string())
}

fn damage(root: &Path) {
    let path = root.join("node.redb");
    let mut content = fs::read(&path).expect("a store");
    content.truncate(content.len() / 2);
    for byte in content.iter_mut().take(4096) {
        *byte ^= 0x5a;
    }
    fs::write(&path, content).expect("the store is damaged");
}

#[test]
fn a_process_may_die_at_every_moment_and_twice_in_a_row() {
    let mut venue = Venue::new();
    for site in Site::ALL {
        let struck = venue.exhaust(site, TURNS_OF_A_PUSH);
        println!("{}: {struck} turns, {:?}", site.name(), venue.counts);
    }
    println!("{:?}, {} saved, none lost", venue.counts, venue.saved.len());
}

#[test]
fn campaign_of_every_turn_of_every_site() {
    for round in 1..=ROUNDS {
        let mut venue = Venue::new();
        for site in Site::ALL {
            let turns = match way(site) {
                Way::Life | Way::Failure => TURNS_MAX,
                // A life has one of each.
                Way::Join | Way::Damaged => 2,
            };
            let struck = venue.exhaust(site, 1..=turns);
            println!("round {round}: {}: {struck} turns", site.name());
        }
        let saved = venue.saved.len();
        println!(
            "round {round}: {:?}, {saved} saved, none lost",
            venue.counts
        );
    }
}

#[test]
fn a_commit_that_reports_an_error_and_is_on_disk_counts_once() {
    let mut venue = Venue::new();
    let root = venue.tablet();
    for turn in 1..=6 {
        let failpoints = format!("after-commit:{turn}:misreport");
        let died = venue.life(&root, &failpoints, None);
        assert!(!died, "a failed commit ends nothing");
        venue.check(&root, None);
    }
    assert!(0 < venue.counts.not_saved, "no command was answered so");
    println!("{:?}, {} saved", venue.counts, venue.saved.len());
}

#[test]
fn the_shipped_binary_has_no_failpoints() {
    let holds = |name: &str| {
        let program = fs::read(binary().with_file_name(name)).expect("it is built");
        program
            .windows(b"TALLYLINE_FAILPOINT".len())
            .any(|it| it == b"TALLYLINE_FAILPOINT")
    };
    assert!(!holds("tallyline"), "the shipped binary can be told to die");
    assert!(holds("tallyline-lab"), "the laboratory's binary cannot");
}
