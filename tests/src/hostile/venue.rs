//! A small venue of real nodes with one liar: an owner, an honest tablet, and an admitted device
//! whose key is in the liar's hands.
//!
//! Everything is on loopback, without mDNS. Layer: above `peer` and `lies`, below the cases.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use tallyline_keys::DeviceKey;
use tempfile::TempDir;

use super::lies::Known;
use super::namespace::Namespace;
use super::peer::{Link, Peer};
use super::wait::{DEADLINE, ensure, now, until};
use super::{Figures, Observed, Outcome};
use crate::process::{Broken, Launch, Process};

/// Most memory that a node may ever have used, in KiB (I12).
pub const RSS_KIB_MAX: u64 = 128 * 1024;

/// Most files that a node may have open (I12).
pub const FILES_MAX: u64 = 256;

/// How long an honest pair may take to exchange a score while or after somebody lies: far above
/// the fraction of a second that it takes.
pub const HONEST_MAX: Duration = Duration::from_secs(20);

/// Arguments of every node.
pub const ARGS: [&str; 3] = ["--no-mdns", "--listen", "127.0.0.1:0"];

/// Seeds of the keys that are in the liar's hands: the liar's own, and the cloud's.
const LIAR_SEED: [u8; 32] = [0x66; 32];
const CLOUD_SEED: [u8; 32] = [0x77; 32];

/// Shooters of the event: ten in each of six squads.
const SHOOTERS: u32 = 60;

/// Drills of the event.
const DRILLS: u32 = 2;

/// The squad that the tablet writes.
pub const TABLET_SQUAD: u32 = 1;

/// The squad that the liar writes; its shooters are 11 to 20.
pub const LIAR_SQUAD: u32 = 2;

/// The squad that the owner writes without a grant; its shooters are 51 to 60.
const OWNER_FIRST: u32 = 51;

/// One node and where it lives.
#[derive(Debug)]
pub struct Node {
    process: Process,
    root: PathBuf,
    log: PathBuf,
}

/// A venue.
#[derive(Debug)]
pub struct Venue {
    folder: TempDir,
    /// The node that founded the event.
    pub owner: Node,
    /// The honest other one.
    pub tablet: Node,
    /// The liar's key, admitted as a scorer.
    pub liar: DeviceKey,
    /// The cloud's key, whose receipts count; no cloud runs.
    pub cloud: DeviceKey,
    /// The liar's socket.
    pub peer: Peer,
    honest: u32,
}

impl Node {
    /// Makes a root and starts its node.
    ///
    /// # Errors
    /// If it does not start.
    pub fn create(folder: &Path, label: &str, args: &[&str]) -> Result<Self, Broken> {
        let root = folder.join(label);
        Process::init(&root, label, "device")?;
        Self::start(folder, label, args)
    }

    /// Starts the node of a root that is there.
    ///
    /// # Errors
    /// If it does not start.
    pub fn start(folder: &Path, label: &str, args: &[&str]) -> Result<Self, Broken> {
        Self::start_through(&[], folder, label, args)
    }

    /// Starts the node of a root that is there through another program.
    ///
    /// # Errors
    /// If it does not start.
    pub fn start_through(
        before: &[&str],
        folder: &Path,
        label: &str,
        args: &[&str],
    ) -> Result<Self, Broken> {
        let root = folder.join(label);
        let log = folder.join(format!("{label}.log"));
        let process = Process::launch(&Launch {
            root: &root,
            args,
            log: &log,
            before,
        })?;
        Ok(Self { process, root, log })
    }

    /// Returns where the node is dialled.
    ///
    /// # Errors
    /// If it does not say so.
    pub fn address(&self) -> Result<SocketAddr, Broken> {
        let address = self.process.ready().pointer("/addresses/0");
        let address = address.and_then(Value::as_str).unwrap_or_default();
        address.parse().map_err(Broken::of)
    }

    /// Returns the folder with everything the node owns.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Asks the node.
    ///
    /// # Errors
    /// If it refuses or does not answer.
    pub fn ask(&self, request: &Value) -> Result<Value, Broken> {
        self.process.ask(request)
    }

    /// Asks the node for something that it has to refuse, and returns what it says.
    ///
    /// # Errors
    /// If it does not refuse.
    pub fn refuses(&self, request: &Value) -> Result<String, Broken> {
        let answer = self.process.connect()?.ask(request)?;
        let text = answer.pointer("/error/text").and_then(Value::as_str);
        let text = text.map(str::to_owned);
        text.ok_or_else(|| Broken::new(format!("not refused: {request}: {answer}")))
    }

    /// Asks for the status.
    ///
    /// # Errors
    /// If the node does not answer.
    pub fn status(&self) -> Result<Value, Broken> {
        self.ask(&json!({"verb": "status"}))
    }

    /// Returns a number of the status by its path.
    ///
    /// # Errors
    /// If the node does not answer.
    pub fn number(&self, pointer: &str) -> Result<u64, Broken> {
        let status = self.status()?;
        let number = status.pointer(pointer).and_then(Value::as_u64);
        number.ok_or_else(|| Broken::new(format!("{pointer} is no number in {status}")))
    }

    /// Returns how often peers' frames were refused for a reason.
    ///
    /// # Errors
    /// If the node does not answer.
    pub fn refused(&self, reason: &str) -> Result<u64, Broken> {
        let status = self.status()?;
        let refused = status.get("refused").and_then(Value::as_array);
        let found = refused.and_then(|all| all.iter().find(|it| is(it, "reason", reason)));
        Ok(found
            .and_then(|it| it.get("count")?.as_u64())
            .unwrap_or_default())
    }

    /// Returns how often peers' frames were refused, for any reason.
    ///
    /// # Errors
    /// If the node does not answer.
    pub fn refused_at_all(&self) -> Result<u64, Broken> {
        let status = self.status()?;
        let refused = status.get("refused").and_then(Value::as_array);
        let counts = refused.into_iter().flatten();
        Ok(counts.filter_map(|it| it.get("count")?.as_u64()).sum())
    }

    /// Returns the labels of all members, sorted.
    ///
    /// # Errors
    /// If the node does not answer.
    pub fn members(&self) -> Result<Vec<String>, Broken> {
        let answer = self.ask(&json!({"verb": "devices"}))?;
        let devices = answer.get("devices").and_then(Value::as_array);
        let labels = devices.into_iter().flatten();
        let labels = labels.filter_map(|it| Some(it.get("label")?.as_str()?.to_owned()));
        let mut labels: Vec<String> = labels.collect();
        labels.sort_unstable();
        Ok(labels)
    }

    /// Returns all grants.
    ///
    /// # Errors
    /// If the node does not answer.
    pub fn grants(&self) -> Result<Vec<Value>, Broken> {
        let answer = self.ask(&json!({"verb": "grants"}))?;
        let grants = answer.get("grants").and_then(Value::as_array);
        Ok(grants.cloned().unwrap_or_default())
    }

    /// Waits until the node holds so many entries.
    ///
    /// # Errors
    /// If it does not in time.
    pub fn until_entries(&self, count: u64) -> Result<(), Broken> {
        let mut last = 0;
        let waited = until("the entries", DEADLINE, || {
            last = self.entries()?;
            Ok(last == count)
        });
        waited
            .map(drop)
            .map_err(|_| Broken::new(format!("{last} entries are held, not {count}")))
    }

    /// Returns how many entries the node holds.
    ///
    /// # Errors
    /// If the node does not answer.
    pub fn entries(&self) -> Result<u64, Broken> {
        self.number("/totals/entries")
    }

    /// Returns the node's links with a device, by its label.
    ///
    /// # Errors
    /// If the node does not answer.
    pub fn links(&self, label: &str) -> Result<usize, Broken> {
        let status = self.status()?;
        let links = status.get("links").and_then(Value::as_array);
        Ok(links.map_or(0, |all| {
            all.iter().filter(|it| is(it, "label", label)).count()
        }))
    }

    /// Returns all versions of scores about a shooter.
    ///
    /// # Errors
    /// If the node does not answer.
    pub fn history(&self, shooter: u32) -> Result<Vec<Value>, Broken> {
        let answer = self.ask(&json!({"verb": "score-history", "shooter": shooter}))?;
        let entries = answer.get("entries").and_then(Value::as_array);
        Ok(entries.cloned().unwrap_or_default())
    }

    /// Returns all versions of everything that a device wrote, by its label.
    ///
    /// # Errors
    /// If the node does not answer.
    pub fn written_by(&self, label: &str) -> Result<Vec<Value>, Broken> {
        let answer = self.ask(&json!({"verb": "score-history", "device": label}))?;
        let entries = answer.get("entries").and_then(Value::as_array);
        Ok(entries.cloned().unwrap_or_default())
    }

    /// Returns the verdicts on everything about a shooter, in words, sorted.
    ///
    /// # Errors
    /// If the node does not answer.
    pub fn verdicts(&self, shooter: u32) -> Result<Vec<String>, Broken> {
        let mut words: Vec<String> = self.history(shooter)?.iter().map(verdict).collect();
        words.sort_unstable();
        Ok(words)
    }

    /// Waits until the verdicts on everything about a shooter are these, sorted.
    ///
    /// # Errors
    /// If they are not in time.
    pub fn until_verdicts(&self, shooter: u32, expected: &[&str]) -> Result<(), Broken> {
        let mut last = Vec::new();
        let waited = until("the verdicts", DEADLINE, || {
            last = self.verdicts(shooter)?;
            Ok(last == expected)
        });
        waited.map_err(|_| {
            Broken::new(format!(
                "shooter {shooter} reads {last:?}, not {expected:?}"
            ))
        })?;
        Ok(())
    }

    /// Returns the digest of all that the node holds.
    ///
    /// # Errors
    /// If the node does not answer.
    pub fn digest(&self) -> Result<String, Broken> {
        let status = self.status()?;
        let digest = status.get("state_digest").and_then(Value::as_str);
        Ok(digest.unwrap_or_default().to_owned())
    }

    /// Reads all that the node holds.
    ///
    /// # Errors
    /// If the node does not answer, or its bundle cannot be read.
    pub fn known(&self) -> Result<Known, Broken> {
        let answer = self.ask(&json!({"verb": "export"}))?;
        let bundle = answer.get("bundle").and_then(Value::as_str);
        let bundle = bundle.and_then(tallyline::root::unhex);
        Known::read(&bundle.ok_or_else(|| Broken::new("no bundle"))?)
    }

    /// Returns the seed of the node's key, as a thief would read it from the card.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn stolen_key(&self) -> Result<DeviceKey, Broken> {
        let text = fs::read_to_string(self.root.join("device.key")).map_err(Broken::of)?;
        let seed = tallyline::root::unhex(text.lines().next().unwrap_or_default());
        let seed = seed.and_then(|seed| <[u8; 32]>::try_from(seed).ok());
        let seed = seed.ok_or_else(|| Broken::new("no seed in the key's file"))?;
        Ok(DeviceKey::from_seed(seed))
    }

    /// Returns a line of `/proc/PID/status` in its own unit.
    ///
    /// # Errors
    /// If the process is gone.
    pub fn proc_status(&self, name: &str) -> Result<u64, Broken> {
        let path = format!("/proc/{}/status", self.process.id());
        let text = fs::read_to_string(path).map_err(Broken::of)?;
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        let number = line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok());
        number.ok_or_else(|| Broken::new(format!("no {name} in /proc")))
    }

    /// Returns the most memory that the process ever used, in KiB.
    ///
    /// # Errors
    /// If the process is gone.
    pub fn peak_kib(&self) -> Result<u64, Broken> {
        self.proc_status("VmHWM")
    }

    /// Returns how many files the process has open.
    ///
    /// # Errors
    /// If the process is gone.
    pub fn files(&self) -> Result<u64, Broken> {
        let folder = fs::read_dir(format!("/proc/{}/fd", self.process.id()));
        let count = folder.map_err(Broken::of)?.count();
        u64::try_from(count).map_err(Broken::of)
    }

    /// Returns the bytes of all files in the root.
    ///
    /// # Errors
    /// If the folder cannot be read.
    pub fn root_bytes(&self) -> Result<u64, Broken> {
        let mut bytes = 0;
        for file in fs::read_dir(&self.root).map_err(Broken::of)? {
            let file = file.map_err(Broken::of)?;
            // Put by once, a few seconds after the start, for the day when the disk is full.
            if file.file_name() == "node.reserve" {
                continue;
            }
            bytes += file.metadata().map_err(Broken::of)?.len();
        }
        Ok(bytes)
    }

    /// Returns the process id.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Returns what the node said on its error stream.
    pub fn said(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Checks that the node answers, holds only what holds, and stayed within its bounds.
    ///
    /// # Errors
    /// If not.
    pub fn sound(&self, figures: &mut Figures) -> Result<(), Broken> {
        let verified = self.ask(&json!({"verb": "verify"}))?;
        let problems = verified.get("problems").and_then(Value::as_array);
        // A fork is the liar's doing: that it is named is right.
        let mut worse = problems.into_iter().flatten();
        let worse = worse.find(|it| !it.as_str().is_some_and(|it| it.ends_with(" forked")));
        ensure(problems.is_some() && worse.is_none(), || {
            format!("verify: {verified}")
        })?;
        let (peak, files) = (self.peak_kib()?, self.files()?);
        figures.peak_kib = figures.peak_kib.max(peak);
        figures.files = figures.files.max(files);
        ensure(peak <= RSS_KIB_MAX, || {
            format!("a node used {peak} KiB, at most {RSS_KIB_MAX} are allowed")
        })?;
        ensure(files <= FILES_MAX, || {
            format!("a node has {files} files open, at most {FILES_MAX} are allowed")
        })?;
        let panicked = self.said().contains("panicked");
        ensure(!panicked, || format!("a thread panicked:\n{}", self.said()))
    }

    /// Tells the node to stop and waits for its end.
    ///
    /// # Errors
    /// If it does not end well.
    pub fn stop(self) -> Result<(), Broken> {
        self.process.stop()
    }

    /// Saves a score.
    ///
    /// # Errors
    /// If it is not saved.
    pub fn score(&self, drill: u32, shooter: u32) -> Result<String, Broken> {
        let record = json!({"score": {"drill": drill, "shooter": shooter,
            "time_cs": [500 + shooter], "targets": [2, 2]}});
        let saved = self.ask(&json!({"verb": "score-add", "record": record}))?;
        let entry = saved.pointer("/entries/0").and_then(Value::as_str);
        let entry = entry.map(str::to_owned);
        entry.ok_or_else(|| Broken::new(format!("saved what? {saved}")))
    }

    /// Returns whether the node holds an entry, by its name.
    ///
    /// # Errors
    /// If the node does not answer.
    pub fn holds(&self, shooter: u32, entry: &str) -> Result<bool, Broken> {
        Ok(self
            .history(shooter)?
            .iter()
            .any(|it| is(it, "entry", entry)))
    }
}

impl Venue {
    /// Founds an event on two real nodes and admits the liar.
    ///
    /// # Errors
    /// If the nodes do not come to agree.
    pub fn start() -> Result<Self, Broken> {
        Self::start_with(&[])
    }

    /// Founds an event on two real nodes, the owner's with further arguments, and admits the liar.
    ///
    /// # Errors
    /// If the nodes do not come to agree.
    pub fn start_with(owner_args: &[&str]) -> Result<Self, Broken> {
        Self::start_through(&[], &[&ARGS[..], owner_args].concat(), &ARGS)
    }

    /// Founds an event on two real nodes that find each other by mDNS in a namespace, and admits
    /// the liar, who cannot reach them.
    ///
    /// # Errors
    /// If the nodes do not come to agree.
    pub fn start_in(namespace: &Namespace) -> Result<Self, Broken> {
        Self::start_through(&namespace.before(), &[], &[])
    }

    fn start_through(before: &[&str], owner: &[&str], tablet: &[&str]) -> Result<Self, Broken> {
        let folder = tempfile::tempdir().map_err(Broken::of)?;
        let start = |label: &str, args: &[&str]| {
            Process::init(&folder.path().join(label), label, "device")?;
            Node::start_through(before, folder.path(), label, args)
        };
        let owner = start("owner", owner)?;
        let tablet = start("tablet", tablet)?;
        let venue = Self {
            folder,
            owner,
            tablet,
            liar: DeviceKey::from_seed(LIAR_SEED),
            cloud: Self::cloud_key(),
            peer: Peer::new()?,
            honest: 0,
        };
        venue.found()?;
        Ok(venue)
    }

    /// Returns the cloud's key.
    pub fn cloud_key() -> DeviceKey {
        DeviceKey::from_seed(CLOUD_SEED)
    }

    fn found(&self) -> Result<(), Broken> {
        let cloud = self.cloud.public().fingerprint();
        self.owner.ask(&json!({"verb": "event-create",
            "structure": structure().to_string(), "cloud_keys": [cloud]}))?;
        self.owner.ask(&json!({"verb": "event-lock"}))?;
        let ticket = self
            .owner
            .ask(&json!({"verb": "invite", "label": "tablet"}))?;
        let join = json!({"verb": "join", "ticket": ticket.get("ticket")});
        self.tablet.ask(&join)?;
        let liar = self.liar.public().fingerprint();
        self.owner
            .ask(&json!({"verb": "admit", "key": liar, "role": "scorer", "label": "liar"}))?;
        until("the tablet is a member", DEADLINE, || {
            Ok(self.owner.links("tablet")? == 1 && self.tablet.links("owner")? == 1)
        })?;
        let opens = json!([{"to": "tablet", "squads": [TABLET_SQUAD]},
            {"to": "liar", "squads": [LIAR_SQUAD]}]);
        self.owner.ask(&json!({"verb": "grant", "opens": opens}))?;
        self.until_equal().map(drop)
    }

    /// Returns the folder of the venue.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Kills the tablet's node, does something to its root, and starts it again, through another
    /// program if that is said; it is told where the owner's node listens.
    ///
    /// # Errors
    /// If it does not start.
    pub fn restart_tablet(
        &mut self,
        before: &[&str],
        meanwhile: impl FnOnce(&Path) -> Result<(), Broken>,
    ) -> Result<(), Broken> {
        let owner = self.owner.address()?.to_string();
        let args = [&ARGS[..], &["--peer", owner.as_str()]].concat();
        self.start_tablet_again(before, &args, meanwhile)?;
        self.until_equal().map(drop)
    }

    /// As [`Venue::restart_tablet`], with mDNS and without a word about where the owner's node is.
    ///
    /// # Errors
    /// If it does not start.
    pub fn restart_tablet_alone(
        &mut self,
        before: &[&str],
        meanwhile: impl FnOnce(&Path) -> Result<(), Broken>,
    ) -> Result<(), Broken> {
        self.start_tablet_again(before, &[], meanwhile)
    }

    fn start_tablet_again(
        &mut self,
        before: &[&str],
        args: &[&str],
        meanwhile: impl FnOnce(&Path) -> Result<(), Broken>,
    ) -> Result<(), Broken> {
        self.tablet.process.end()?;
        meanwhile(&self.tablet.root)?;
        self.tablet = Node::start_through(before, self.folder.path(), "tablet", args)?;
        Ok(())
    }

    /// Lets the liar connect with the owner's node.
    ///
    /// # Errors
    /// If the node does not take the connection.
    pub fn to_owner(&self) -> Result<Link, Broken> {
        self.peer.meet(self.owner.address()?, &self.liar)
    }

    /// Lets the liar connect with the tablet.
    ///
    /// # Errors
    /// If the node does not take the connection.
    pub fn to_tablet(&self) -> Result<Link, Broken> {
        self.peer.meet(self.tablet.address()?, &self.liar)
    }

    /// Waits until both nodes hold the same.
    ///
    /// # Errors
    /// If they do not in time.
    pub fn until_equal(&self) -> Result<Duration, Broken> {
        until("both nodes hold the same", DEADLINE, || {
            Ok(self.owner.digest()? == self.tablet.digest()?)
        })
    }

    /// Lets owner and tablet each save a score that the other one then has.
    ///
    /// # Errors
    /// If that does not work in time.
    pub fn honest_exchange(&mut self) -> Result<Duration, Broken> {
        let begin = now();
        let drill = 1 + self.honest / 10 % DRILLS;
        let (one, two) = (1 + self.honest % 10, OWNER_FIRST + self.honest % 10);
        self.honest += 1;
        let from_tablet = self.tablet.score(drill, one)?;
        let from_owner = self.owner.score(drill, two)?;
        until("an honest pair exchanges a score", HONEST_MAX, || {
            Ok(self.owner.holds(one, &from_tablet)? && self.tablet.holds(two, &from_owner)?)
        })?;
        Ok(begin.elapsed())
    }

    /// Waits until both nodes have refused so many frames for a reason, or `node` alone.
    ///
    /// # Errors
    /// If it does not in time.
    pub fn until_refused(node: &Node, reason: &str, count: u64) -> Result<(), Broken> {
        let mut last = 0;
        let waited = until("the refusals", DEADLINE, || {
            last = node.refused(reason)?;
            Ok(count <= last)
        });
        waited
            .map_err(|_| Broken::new(format!("{reason} was counted {last} times, not {count}")))?;
        ensure(last == count, || {
            format!("{reason} was counted {last} times, not {count}")
        })
    }

    /// Ends a case: the nodes are sound and an honest pair exchanges a score.
    ///
    /// # Errors
    /// If not.
    pub fn done(mut self, text: impl Into<String>) -> Result<Outcome, Broken> {
        let mut figures = Figures::default();
        let honest = self.honest_exchange()?;
        figures.honest_ms = u64::try_from(honest.as_millis()).unwrap_or(u64::MAX);
        self.owner.sound(&mut figures)?;
        self.tablet.sound(&mut figures)?;
        Ok(Outcome::Seen(Observed {
            text: text.into(),
            figures,
        }))
    }
}

/// Returns the word of a verdict.
pub fn verdict(entry: &Value) -> String {
    let word = entry.get("verdict").and_then(Value::as_str);
    word.unwrap_or_default().to_owned()
}

/// Returns whether a field of an object is this text.
pub fn is(object: &Value, field: &str, text: &str) -> bool {
    object.get(field).and_then(Value::as_str) == Some(text)
}

/// Returns the structure file of the event.
pub fn structure() -> Value {
    let drills = (1..=DRILLS).map(|drill| {
        json!({"stage": drill, "name": format!("Stage {drill}"), "scoring": "Comstock",
            "target_shots": [2, 2]})
    });
    let shooters = (1..=SHOOTERS).map(|shooter| {
        json!({"shooter": shooter, "label": format!("Shooter {shooter:03}"), "division": "Open",
            "power_factor": "MINOR", "squad": shooter.div_ceil(10)})
    });
    json!({
        "event": "Hostile", "date": "2026-04-18", "divisions": ["Open"],
        "division_power_factors": {"Open": {"minor": 125, "major": 160}}, "rules": {},
        "stages": drills.collect::<Vec<_>>(), "shooters": shooters.collect::<Vec<_>>(),
    })
}
