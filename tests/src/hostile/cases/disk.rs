//! Inputs 50 to 52: a disk that is full or damaged, and key files that are not what they should be.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use tallyline_proto::wire::{Frame, log_tag};

use crate::hostile::Outcome;
use crate::hostile::lies::Forged;
use crate::hostile::venue::{ARGS, Venue};
use crate::hostile::wait::{DEADLINE, ensure, until};
use crate::process::{Broken, Process, run};

/// Lets a node survive the system's signal for a file that is too large.
const WITHOUT_SIGNAL: [&str; 4] = ["sh", "-c", "trap '' XFSZ; exec \"$@\"", "sh"];

/// Size of the pages of a store.
const PAGE: usize = 4_096;

/// One way in which a card can spoil a store.
type Damage = (&'static str, fn(&mut Vec<u8>));

/// Ways in which a card can spoil a store.
const DAMAGES: [Damage; 4] = [
    ("truncated", |store| store.truncate(store.len() / 2)),
    ("zero length", Vec::clear),
    ("one bit in each page", |store| {
        store.iter_mut().step_by(PAGE).for_each(|byte| *byte ^= 4);
    }),
    ("another format", |store| {
        store.iter_mut().take(64).for_each(|byte| *byte = 0xff);
    }),
];

/// Input 50.
pub fn full_disk() -> Result<Outcome, Broken> {
    let mut venue = Venue::start()?;
    venue.restart_tablet(&WITHOUT_SIGNAL, |_| Ok(()))?;
    let known = venue.owner.known()?;
    let grant = known.grant(&venue.liar.public())?;
    let mut log = Forged::begin(&venue.liar, known.event(), grant, 50);
    log.score(1, 11, 700);
    let push = Frame::Push(log.push());
    limit(venue.tablet.id(), "4096")?;
    let mut link = venue.to_tablet()?;
    link.say(&push)?;
    until("the tablet says that its disk is full", DEADLINE, || {
        let status = venue.tablet.status()?;
        Ok(status.to_string().contains("Not saving"))
    })?;
    let tag = log_tag(&log.log);
    let acknowledged = |frame: &Frame| match frame {
        Frame::Have(logs) => logs.contains(&(tag, 1)).then_some(()),
        _ => None,
    };
    let early = link.look(acknowledged);
    ensure(early.is_none(), || {
        "acknowledged and not on disk".to_owned()
    })?;
    limit(venue.tablet.id(), "unlimited")?;
    let mut link = venue.to_tablet()?;
    link.say(&push)?;
    link.hear("the acknowledgement", acknowledged)?;
    venue.owner.until_verdicts(11, &["counts"])?;
    venue.until_equal()?;
    venue.done("no acknowledgement while the disk is full, the light says so; with room again: taken and passed on")
}

/// Input 51.
pub fn damaged_store() -> Result<Outcome, Broken> {
    let mut venue = Venue::start()?;
    venue.tablet.score(2, 2)?;
    venue.until_equal()?;
    let mut names = Vec::new();
    for (name, spoil) in DAMAGES {
        let entries = venue.owner.entries()?;
        venue.restart_tablet(&[], |root| {
            let path = root.join("node.redb");
            let mut store = fs::read(&path).map_err(Broken::of)?;
            spoil(&mut store);
            fs::write(&path, store).map_err(Broken::of)
        })?;
        venue.until_equal()?;
        venue.tablet.until_entries(entries)?;
        names.push(name);
    }
    let aside = aside(venue.tablet.root())?;
    ensure(3 <= aside, || format!("{aside} stores were moved aside"))?;
    let second = run(venue.tablet.root(), &["run"]);
    ensure(second.exit != 0 && second.stderr.contains("in use"), || {
        format!("a second process: {second:?}")
    })?;
    venue.done(format!(
        "{}: {aside} moved aside, everything fetched again; a second process ends with a message",
        names.join(", ")
    ))
}

/// Input 52.
pub fn bad_key_files() -> Result<Outcome, Broken> {
    let venue = Venue::start()?;
    let root = venue.folder().join("third");
    Process::init(&root, "third", "device")?;
    let path = root.join("device.key");
    let key = fs::read(&path).map_err(Broken::of)?;
    let mode =
        |mode| fs::set_permissions(&path, fs::Permissions::from_mode(mode)).map_err(Broken::of);
    mode(0o644)?;
    let readable = run(&root, &[&["run"], &ARGS[..]].concat());
    ensure(
        readable.exit != 0 && readable.stderr.contains("chmod 600"),
        || format!("readable: {readable:?}"),
    )?;
    mode(0o600)?;
    fs::write(&path, "not a seed").map_err(Broken::of)?;
    let rubbish = run(&root, &[&["run"], &ARGS[..]].concat());
    ensure(rubbish.exit != 0 && rubbish.stderr.contains("seed"), || {
        format!("rubbish: {rubbish:?}")
    })?;
    fs::write(&path, &key).map_err(Broken::of)?;
    fs::remove_file(&path).map_err(Broken::of)?;
    let missing = run(&root, &[&["run"], &ARGS[..]].concat());
    ensure(
        missing.exit != 0 && missing.stderr.contains("tallyline init"),
        || format!("missing: {missing:?}"),
    )?;
    venue.done("readable by others, rubbish, missing: the node does not start, and says what to do")
}

/// Bounds how far a process' files reach: beyond it every write is an error.
fn limit(process: u32, bytes: &str) -> Result<(), Broken> {
    let mut command = Command::new("prlimit");
    command.args(["--pid", &process.to_string()]);
    command.arg(format!("--fsize={bytes}:unlimited"));
    let status = command.status().map_err(Broken::of)?;
    ensure(status.success(), || format!("prlimit: {status}"))
}

/// Counts the stores that were moved aside in a root.
fn aside(root: &Path) -> Result<usize, Broken> {
    let files = fs::read_dir(root).map_err(Broken::of)?;
    let names = files.filter_map(|file| file.ok()?.file_name().into_string().ok());
    Ok(names.filter(|name| name.contains("damaged")).count())
}
