//! Power cuts at any moment of the real store's life, on a disk that keeps its promises and on
//! disks that do not.
//!
//! Each seed is one device: it commits what replicas commit, loses its power at an operation that
//! nobody chose, starts again, and loses it again while it repairs itself. What was acknowledged
//! is there afterwards, and of the commit in flight everything or nothing.
#![cfg(test)]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use tallyline::store::{Store, StoreError};
use tallyline_keys::{DeviceKey, PublicKey};
use tallyline_proto::model::{GrantId, Hash, Incarnation, KeyId, LogName};
use tallyline_proto::replica::{Disk as _, Stored, Write};
use tallyline_proto::wire::KeyRow;
use tallyline_simulator::{Crash, Ending, Platter, Random, kill_store, open_store};

/// Cuts of the test that every push runs: a few seconds.
const CUTS_OF_A_PUSH: u64 = 1_500;
/// Cuts of the campaign.
const CUTS_OF_A_CAMPAIGN: u64 = 20_000;
/// Lives of a device: a crash ends each.
const LIVES: u64 = 4;
/// Most commits of a life; who gets there closes the store in order, and the cut may strike then.
const COMMITS_MAX: u64 = 30;
/// Operations after which a crash strikes, at most: about as many as `COMMITS_MAX` commits do.
const OPERATIONS_MAX: u64 = 240;
/// Operations of an opening after which the second cut strikes, at most: a repair does about so
/// many.
const REPAIR_OPERATIONS_MAX: u64 = 9;
/// How many of 1,000 restarts lose their power again while they open the store.
const CUT_AGAIN_PERMILLE: u64 = 400;

/// What a store holds, or should.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Content {
    manifest: Option<Vec<u8>>,
    ticket: Option<Vec<u8>>,
    logs: BTreeMap<LogName, Log>,
    cells: BTreeMap<([u8; 32], u8), Vec<u8>>,
    forks: BTreeMap<LogName, Vec<u8>>,
    displaced: BTreeSet<Vec<u8>>,
    invites: BTreeMap<[u8; 16], Vec<u8>>,
    sealing: BTreeMap<KeyId, KeyRow>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Log {
    entries: Vec<Vec<u8>>,
    heads: BTreeMap<u64, [u8; 64]>,
}

impl Content {
    fn apply(&mut self, writes: &[Write]) {
        for write in writes {
            match write {
                Write::Manifest(bytes) => self.manifest = Some(bytes.clone()),
                Write::Ticket(ticket) => self.ticket.clone_from(ticket),
                Write::Entries { log, entries, .. } => {
                    let log = self.logs.entry(*log).or_default();
                    log.entries.extend(entries.iter().cloned());
                }
                Write::Head {
                    log,
                    height,
                    signature,
                } => {
                    let log = self.logs.entry(*log).or_default();
                    log.heads.insert(*height, *signature);
                }
                Write::DropHead { log, height } => {
                    self.logs.entry(*log).or_default().heads.remove(height);
                }
                Write::Cell { key, kind, bytes } => {
                    self.cells.insert((*key.as_bytes(), *kind), bytes.clone());
                }
                Write::Fork { log, bytes } => {
                    self.forks.insert(*log, bytes.clone());
                }
                Write::Displace { log, from, bytes } => {
                    let log = self.logs.entry(*log).or_default();
                    let keep = usize::try_from(from.saturating_sub(1)).unwrap_or(usize::MAX);
                    log.entries.truncate(keep);
                    self.displaced.insert(bytes.clone());
                }
                Write::Key { id, row } => drop(self.sealing.insert(*id, row.clone())),
                Write::ForgetKey { id } => drop(self.sealing.remove(id)),
                Write::Invite { id, bytes } => match bytes {
                    Some(bytes) => drop(self.invites.insert(*id, bytes.clone())),
                    None => drop(self.invites.remove(id)),
                },
            }
        }
    }

    /// Returns whether a store holds exactly this: no row more, none less, none changed.
    fn is(&self, stored: &Stored) -> bool {
        let logs = stored.logs.iter().map(|log| {
            let entries = log.entries.clone();
            let heads = log.heads.iter().copied().collect();
            (log.name, Log { entries, heads })
        });
        self.manifest == stored.manifest
            && self.ticket == stored.ticket
            && self.displaced == stored.displaced.iter().cloned().collect()
            && self.logs == logs.collect()
            && self.cells.values().eq(&stored.cells)
            && self.forks.values().eq(&stored.forks)
            && self.invites == stored.invites.iter().cloned().collect()
            && self.sealing.values().eq(&stored.keys)
    }

    /// Returns whether the rows are the right ones, whatever bytes are in them: what is changed
    /// inside an entry, a cell or a proof is found by its hash or signature.
    fn has_the_rows_of(&self, stored: &Stored) -> bool {
        let logs = stored.logs.iter().map(|log| (log.name, log.entries.len()));
        let mine = self
            .logs
            .iter()
            .map(|(name, log)| (*name, log.entries.len()));
        mine.collect::<BTreeMap<_, _>>() == logs.collect()
            && self.manifest.is_some() == stored.manifest.is_some()
            && self.cells.len() == stored.cells.len()
            && self.forks.len() == stored.forks.len()
            && self.invites.len() == stored.invites.len()
            && self.sealing.len() == stored.keys.len()
    }
}

/// A device with everything it was ever told is saved.
struct Device {
    platter: Platter,
    random: Random,
    keys: Vec<PublicKey>,
    /// The contents that were acknowledged, oldest first; never empty.
    acknowledged: Vec<Content>,
    /// What a commit without an answer would have made of the last of them.
    in_flight: Option<Content>,
    /// Whether its file was ever a store.
    born: bool,
    commits: u64,
}

/// What came of it all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Outcomes {
    devices: u64,
    commits: u64,
    kills: u64,
    cuts: u64,
    cuts_in_repair: u64,
    /// Found exactly as acknowledged, or with the commit in flight.
    whole: u64,
    with_in_flight: u64,
    /// Found as it once was, and nothing said so.
    older: u64,
    /// The right rows with changed bytes in them: hashes and signatures find these.
    changed: u64,
    /// Rows missing, or rows that nobody wrote.
    holes: u64,
    /// Refused, and moved aside by the node.
    refused: u64,
    /// Of these, by a panic inside the storage library.
    panics: u64,
    /// Cut before the store was ever open. A node gives a file its name only afterwards.
    unborn: u64,
}

impl fmt::Display for Outcomes {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "{} devices, {} commits, {} kills, {} power cuts ({} during a repair): \
             whole {}, whole with the commit in flight {}, rolled back {}, changed bytes {}, \
             holes {}, refused {} (by a panic {}), never made {}",
            self.devices,
            self.commits,
            self.kills,
            self.cuts,
            self.cuts_in_repair,
            self.whole,
            self.with_in_flight,
            self.older,
            self.changed,
            self.holes,
            self.refused,
            self.panics,
            self.unborn
        )
    }
}

fn log_name(random: &mut Random) -> LogName {
    LogName {
        grant: GrantId(Hash([u8::try_from(random.below(3)).expect("fits"); 32])),
        incarnation: Incarnation(random.below(2)),
    }
}

impl Device {
    fn new(seed: u64, keys: &[PublicKey]) -> Self {
        Self {
            platter: Platter::new(seed),
            random: Random::new(!seed),
            keys: keys.to_vec(),
            acknowledged: vec![Content::default()],
            in_flight: None,
            born: false,
            commits: 0,
        }
    }

    fn last(&self) -> &Content {
        self.acknowledged.last().expect("never empty")
    }

    fn bytes(&mut self, most: u64) -> Vec<u8> {
        let length = self.random.between(1, most);
        (0..length).map(|_| self.random.bytes::<1>()[0]).collect()
    }

    /// What a replica may commit in one step.
    fn writes(&mut self) -> Vec<Write> {
        let mut writes = Vec::new();
        let mut after = self.last().clone();
        for _ in 0..self.random.between(1, 4) {
            let log = log_name(&mut self.random);
            let held = after.logs.get(&log).map_or(0, |log| log.entries.len());
            let first = u64::try_from(held).expect("fits") + 1;
            let count = self.random.below(5);
            let more = vec![
                Write::Entries {
                    log,
                    first,
                    entries: (0..count).map(|_| self.bytes(300)).collect(),
                },
                Write::Head {
                    log,
                    height: first - 1 + count,
                    signature: self.random.bytes(),
                },
            ];
            after.apply(&more);
            writes.extend(more);
            let heads = &after.logs[&log].heads;
            if 2 < heads.len() && self.random.chance(700) {
                let height = *heads.keys().next().expect("has heads");
                writes.push(Write::DropHead { log, height });
            }
        }
        if self.random.chance(300) {
            let key = self.keys[usize::try_from(self.random.below(4)).expect("fits")];
            let kind = u8::try_from(self.random.below(3)).expect("fits");
            let bytes = self.bytes(900);
            writes.push(Write::Cell { key, kind, bytes });
        }
        self.rare_writes(&mut writes);
        writes
    }

    fn rare_writes(&mut self, writes: &mut Vec<Write>) {
        if self.random.chance(100) {
            let id = [u8::try_from(self.random.below(6)).expect("fits"); 16];
            let bytes = self.random.chance(600).then(|| self.bytes(200));
            writes.push(Write::Invite { id, bytes });
        }
        if self.random.chance(100) {
            let id = KeyId([u8::try_from(self.random.below(6)).expect("fits"); 8]);
            writes.push(if self.random.chance(600) {
                let row = KeyRow::from_bytes(&self.random.bytes::<57>()).expect("a row");
                Write::Key { id, row }
            } else {
                Write::ForgetKey { id }
            });
        }
        if self.random.chance(30) {
            let log = log_name(&mut self.random);
            let bytes = self.bytes(500);
            writes.push(Write::Fork { log, bytes });
        }
        if self.random.chance(30) {
            // A manifest has more bytes than a page.
            writes.push(Write::Manifest(self.bytes(20_000)));
        }
        if self.random.chance(50) {
            let ticket = self.random.chance(500).then(|| self.bytes(300));
            writes.push(Write::Ticket(ticket));
        }
    }

    fn open(&mut self) -> Result<Store, StoreError> {
        let opened = open_store(&self.platter, 1);
        self.born |= opened.is_ok();
        opened
    }

    /// Commits until the crash that is armed strikes, or the life is over and the store closed.
    fn live(&mut self) {
        let Ok(mut store) = self.open() else { return };
        for _ in 0..self.random.between(1, COMMITS_MAX) {
            let writes = self.writes();
            let mut after = self.last().clone();
            after.apply(&writes);
            if store.commit(&writes).is_err() {
                self.in_flight = Some(after);
                return;
            }
            self.commits += 1;
            self.acknowledged.push(after);
        }
    }

    /// One life to a crash at an operation that nobody chose.
    fn live_and_crash(&mut self) {
        let ending = if self.random.chance(100) {
            Ending::Kill
        } else {
            Ending::PowerCut
        };
        let nth = self.random.between(1, OPERATIONS_MAX);
        self.platter.crash_at(if self.random.chance(500) {
            Crash::Before(nth, ending)
        } else {
            Crash::After(nth, ending)
        });
        self.live();
        if !self.platter.is_gone() {
            // The store was closed before the crash: nothing is under way.
            self.platter.disarm();
            self.platter.power_cut();
        }
        self.platter.revive();
    }

    /// Opens the store, losing the power again on the way in some of the cases; returns how often
    /// it did, and what came of the last opening.
    fn start_again(&mut self) -> (u64, Result<Store, StoreError>) {
        let mut cuts = 0;
        if self.random.chance(CUT_AGAIN_PERMILLE) {
            for _ in 0..2 {
                self.platter
                    .cut_after(self.random.below(REPAIR_OPERATIONS_MAX));
                let opened = self.open();
                if !self.platter.is_gone() {
                    // The opening did fewer operations.
                    self.platter.disarm();
                    return (cuts, opened);
                }
                drop(opened);
                cuts += 1;
                self.platter.revive();
            }
        }
        (cuts, self.open())
    }

    /// Compares what is there with what was acknowledged, and goes on from there.
    fn judge(&mut self, opened: Result<Store, StoreError>, outcomes: &mut Outcomes) {
        let loaded = opened.and_then(|store| store.load());
        let in_flight = self.in_flight.take();
        let stored = match loaded {
            Ok(stored) => stored,
            Err(error) => {
                assert!(
                    matches!(error, StoreError::Damaged(_)),
                    "a damaged store says so, or it is never moved aside: {error}"
                );
                if self.born {
                    outcomes.refused += 1;
                    outcomes.panics +=
                        u64::from(error.to_string().contains("inside the storage library"));
                } else {
                    outcomes.unborn += 1;
                }
                self.set_aside();
                return;
            }
        };
        if self.last().is(&stored) {
            outcomes.whole += 1;
        } else if in_flight.as_ref().is_some_and(|it| it.is(&stored)) {
            outcomes.with_in_flight += 1;
            self.acknowledged.extend(in_flight);
        } else if let Some(at) = self.acknowledged.iter().position(|it| it.is(&stored)) {
            outcomes.older += 1;
            self.acknowledged.truncate(at + 1);
        } else {
            let rows = |it: &Content| it.has_the_rows_of(&stored);
            if self.acknowledged.iter().any(rows) || in_flight.as_ref().is_some_and(rows) {
                outcomes.changed += 1;
            } else {
                outcomes.holes += 1;
            }
            self.set_aside();
        }
    }

    /// What `open_or_set_aside` does with a file: a fresh one takes its place.
    fn set_aside(&mut self) {
        self.platter.replace(Vec::new());
        self.platter.revive();
        self.acknowledged = vec![Content::default()];
        self.in_flight = None;
        self.born = false;
    }

    fn count(&self, outcomes: &mut Outcomes) {
        let counters = self.platter.counters();
        outcomes.devices += 1;
        outcomes.commits += self.commits;
        outcomes.cuts += counters.power_cuts;
        outcomes.kills += counters.kills;
    }
}

fn keys() -> Vec<PublicKey> {
    (1..=4)
        .map(|seed| DeviceKey::from_seed([seed; 32]).public())
        .collect()
}

/// Devices with disks that are prepared in some way, until their power went so often.
fn cut(cuts: u64, prepare: impl Fn(&Platter)) -> Outcomes {
    let keys = keys();
    let mut outcomes = Outcomes::default();
    for seed in 0.. {
        let mut device = Device::new(seed, &keys);
        prepare(&device.platter);
        for _ in 0..LIVES {
            device.live_and_crash();
            let (again, opened) = device.start_again();
            outcomes.cuts_in_repair += again;
            device.judge(opened, &mut outcomes);
        }
        device.count(&mut outcomes);
        if cuts <= outcomes.cuts {
            break;
        }
    }
    outcomes
}

/// Devices whose content is damaged while they are off, in some way.
fn damage(devices: u64, strike: impl Fn(&Platter) -> bool) -> Outcomes {
    let keys = keys();
    let mut outcomes = Outcomes::default();
    for seed in 0..devices {
        let mut device = Device::new(seed, &keys);
        if device.random.chance(500) {
            device.live_and_crash();
        } else {
            device.live();
        }
        if !strike(&device.platter) {
            // It was cut before there was anything.
            continue;
        }
        let opened = device.open();
        device.judge(opened, &mut outcomes);
        device.count(&mut outcomes);
    }
    outcomes
}

fn assert_nothing_lost(what: &str, outcomes: &Outcomes) {
    println!("{what}: {outcomes}");
    let lost = (
        outcomes.older,
        outcomes.changed,
        outcomes.holes,
        outcomes.refused,
    );
    assert_eq!(lost, (0, 0, 0, 0), "an honest disk lost something");
    assert!(
        outcomes.cuts / 20 < outcomes.cuts_in_repair,
        "hardly any repair was interrupted"
    );
    assert!(
        0 < outcomes.with_in_flight,
        "no cut struck late in a commit"
    );
}

/// A disk that broke its promise may cost what it held, and it is known: the store is as it once
/// was, or refuses to open. Never is it open with a hole or with bytes that nobody wrote.
fn assert_nothing_wrong(what: &str, outcomes: &Outcomes) {
    println!("{what}: {outcomes}");
    assert_eq!(
        (outcomes.changed, outcomes.holes),
        (0, 0),
        "{what}: opened with a wrong content"
    );
    assert!(
        0 < outcomes.refused && outcomes.refused < outcomes.whole,
        "{what}: it did nothing, or too much"
    );
}

fn lies(cuts: u64) {
    for permille in [50, 500] {
        let outcomes = cut(cuts, |platter| platter.lying_sync(permille));
        assert_nothing_wrong(&format!("{permille} of 1,000 syncs lie"), &outcomes);
    }
}

fn decay(devices: u64) {
    let flips = damage(devices, |platter| platter.flip_bit().is_some());
    assert_nothing_wrong("a bit flips", &flips);
    let strays = damage(devices, |platter| platter.misdirect().is_some());
    assert_nothing_wrong("a write goes astray", &strays);
    for outcomes in [flips, strays] {
        // Two-phase commits leave nothing to fall back to by mistake.
        assert_eq!(outcomes.older, 0, "fell back without a word");
    }
}

/// Conformance with the model of a disk: honest sync, nothing else.
#[test]
fn no_power_cut_loses_an_acknowledged_commit_or_leaves_half_of_one() {
    assert_nothing_lost("honest syncs", &cut(CUTS_OF_A_PUSH, |_| {}));
}

#[test]
fn a_disk_that_lies_leaves_an_older_content_or_none_and_never_a_wrong_one() {
    lies(CUTS_OF_A_PUSH / 3);
}

#[test]
fn decay_and_stray_writes_are_found_when_the_store_is_opened() {
    decay(300);
}

/// The same, often enough for figures.
#[test]
fn campaign_of_power_cuts() {
    assert_nothing_lost("honest syncs", &cut(CUTS_OF_A_CAMPAIGN, |_| {}));
    lies(CUTS_OF_A_CAMPAIGN / 4);
    decay(CUTS_OF_A_CAMPAIGN / 4);
}

#[test]
fn a_seed_is_a_run() {
    assert_eq!(cut(60, |_| {}), cut(60, |_| {}));
}

#[test]
fn a_full_disk_is_not_saved_and_heals() {
    let mut device = Device::new(3, &keys());
    let mut store = device.open().expect("opens");
    device.platter.capacity(device.platter.length());
    let error = loop {
        let writes = device.writes();
        if let Err(error) = store.commit(&writes) {
            break error;
        }
        let mut after = device.last().clone();
        after.apply(&writes);
        device.acknowledged.push(after);
        assert!(device.acknowledged.len() < 100_000, "the disk never fills");
    };
    assert!(matches!(error, StoreError::Full), "{error}");
    device.platter.capacity(u64::MAX);
    // The handle stays dead although the disk has room.
    let writes = device.writes();
    let error = store.commit(&writes).expect_err("dead");
    assert!(matches!(error, StoreError::Dead), "{error}");
    drop(store);
    let mut store = device.open().expect("opens again");
    assert!(device.last().is(&store.load().expect("loads")), "lost");
    store.commit(&writes).expect("commits again");
}

/// After any of these the handle is dead, and what is opened again is what was acknowledged, or
/// that and the commit whose end nobody heard of.
#[test]
fn a_failing_disk_is_not_saved_and_what_was_saved_is_there() {
    for seed in 0..200 {
        let mut device = Device::new(seed, &keys());
        let mut store = device.open().expect("opens");
        if seed % 4 == 0 {
            device.platter.misreport_next_commit();
        } else {
            let kind = std::io::ErrorKind::TimedOut;
            device.platter.fail(device.random.between(1, 60), kind);
        }
        let error = loop {
            let writes = device.writes();
            let mut after = device.last().clone();
            after.apply(&writes);
            match store.commit(&writes) {
                Ok(()) => device.acknowledged.push(after),
                Err(error) => {
                    device.in_flight = Some(after);
                    break error;
                }
            }
        };
        assert!(matches!(error, StoreError::Disk(_)), "seed {seed}: {error}");
        if seed % 3 == 0 {
            kill_store(store, &device.platter);
            device.platter.revive();
        } else {
            drop(store);
        }
        let opened = device.open();
        let mut outcomes = Outcomes::default();
        device.judge(opened, &mut outcomes);
        let found = outcomes.whole + outcomes.with_in_flight;
        assert_eq!(found, 1, "seed {seed}: {outcomes}");
        if seed % 4 == 0 {
            assert_eq!(outcomes.with_in_flight, 1, "seed {seed}: misreported");
        }
    }
}

/// A store that is moved aside for a full disk or a read that failed once would be lost for
/// nothing.
#[test]
fn trouble_while_opening_is_no_damage() {
    let mut seen = BTreeMap::new();
    for seed in 0..400 {
        let mut device = Device::new(seed, &keys());
        device.live();
        device.live_and_crash();
        let platter = device.platter.clone();
        let nth = device.random.between(1, 12);
        let trouble = match seed % 4 {
            0 => {
                platter.capacity(0);
                "no room at all"
            }
            1 => {
                platter.capacity(platter.length());
                "no room to grow"
            }
            2 => {
                platter.fail(nth, std::io::ErrorKind::TimedOut);
                "a write fails"
            }
            _ => {
                platter.fail_read(nth, std::io::ErrorKind::TimedOut);
                "a read fails"
            }
        };
        let opened = device.open().and_then(|store| store.load());
        let outcome = match opened {
            Ok(_) => "opens",
            Err(StoreError::Full) => "full",
            Err(StoreError::Disk(_)) => "disk failed",
            Err(error) => panic!("seed {seed}, {trouble}: {error}"),
        };
        *seen.entry((trouble, outcome)).or_insert(0) += 1;
        platter.disarm();
        platter.capacity(u64::MAX);
        let opened = device.open();
        let mut outcomes = Outcomes::default();
        device.judge(opened, &mut outcomes);
        let found = outcomes.whole + outcomes.with_in_flight;
        assert_eq!(found, 1, "seed {seed}, {trouble}: {outcomes}");
    }
    println!("{seen:?}");
    assert!(3 < seen.len(), "nothing failed: {seen:?}");
}
