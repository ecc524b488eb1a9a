//! Taking the event out of a root after a race: only when the cloud has all of it, and with a bundle
//! kept.
//!
//! The order makes a kill at any moment harmless: the bundle is written, waited for and read back
//! first; then the manifest beside the store goes, which a store that is there writes again; the
//! store goes last. Layer: node, upkeep.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tallyline_proto::replica::{CloudHold, Replica};
use tallyline_proto::wire::BUNDLE_BYTES_MAX;

use super::durable;
use crate::calendar;
use crate::clock::Clock;
use crate::exchange::check::check_bundle;
use crate::local::offline;
use crate::local::protocol::{Problem, codes, exits};
use crate::root::{MANIFEST_FILE, PassphraseSource, Root};

/// The folder of a root in which bundles of cleared events stay.
const FOLDER: &str = "archive";

/// Bytes of a file's name that come from the event's.
const NAME_CHARS_MAX: usize = 48;

/// Bundles of one event and day: whoever needs more looks at what keeps going wrong.
const SAME_NAME_MAX: u32 = 99;

/// Logs that one message names.
const LOGS_SHOWN: usize = 8;

/// What was cleared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cleared {
    /// `tallyline.cleared/1`.
    pub schema: String,
    /// The event's name.
    pub event: String,
    /// The event's UUID.
    pub event_uuid: String,
    /// How many entries.
    pub entries: u64,
    /// The bundle that was kept.
    pub bundle: String,
    /// Its bytes.
    pub bytes: u64,
    /// Keys of sealed texts that this device made and that went with the store.
    pub keys: u64,
}

/// Whether keys of sealed texts may go that perhaps nobody else has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keys {
    /// They stay, and the event with them.
    Keep,
    /// A person said that they may go.
    Forget,
}

/// Clears the root, on which no node may run.
///
/// # Errors
///
/// Why not, with what is missing; nothing is cleared then.
pub fn clear(
    dir: &Path,
    source: &PassphraseSource,
    event: Option<&str>,
    keys: Keys,
) -> Result<Cleared, Problem> {
    let root = Root::open_with(dir, source)?;
    // Held to the end: nobody writes between the look and the removal.
    let _lock = root.lock()?;
    let replica = offline::replica(&root, event)?;
    may_clear(&replica, keys)?;
    let cleared = keep(&root, &replica)?;
    remove(&root)?;
    Ok(cleared)
}

/// Makes sure that nothing would be lost: every entry here is in a cloud, in the store that it named
/// last, and no key of sealed texts goes that nobody else may have.
///
/// A cloud that was put back to an older state, by a restored backup or under the id of its store, says so by a
/// receipt of a fresh store, below what its old one signed for (R-CLOUD-6); until its peers filled it
/// again, nothing is cleared, also after a restart.
/// What this device cannot know is that it is so when nobody told it. That is why a bundle stays.
///
/// # Errors
///
/// What is missing, and what to do.
pub fn may_clear(replica: &Replica, keys: Keys) -> Result<(), Problem> {
    let Some((_, manifest)) = replica.event() else {
        return Err(Problem::new(
            codes::NO_EVENT,
            exits::FAILURE,
            "there is no event in this root; there is nothing to clear",
        ));
    };
    if manifest.cloud.is_empty() {
        return Err(not_safe(
            "this event has no cloud, so nobody has signed for its entries; export a bundle \
             (`tallyline export`) and use another root for the next event",
        ));
    }
    if manifest.cloud.contains(&replica.key()) {
        return Err(not_safe(
            "this node is the event's cloud: the devices rely on what it signed for; use another \
             root for the next event",
        ));
    }
    let holds = replica.cloud_holds();
    if let Some(fork) = holds.iter().find(|it| it.forked) {
        return Err(Problem::new(
            codes::NOT_SAFE,
            exits::CONFLICT,
            format!(
                "nothing was cleared: a log of {} forked, and its branches are evidence that no \
                 bundle carries; keep this root",
                fork.label
            ),
        ));
    }
    let lost: Vec<&CloudHold> = holds.iter().filter(|it| it.is_lost()).collect();
    if !lost.is_empty() {
        return Err(not_safe(&format!(
            "the cloud has less than it signed for ({}): it lost its store; let this device fill \
             it again (`tallyline run`), then clear",
            told(&lost, |it| format!("{} of {}", it.held, it.receipt))
        )));
    }
    let pending: Vec<&CloudHold> = holds.iter().filter(|it| !it.is_whole()).collect();
    if !pending.is_empty() {
        return Err(not_safe(&format!(
            "not everything is in the cloud ({}); bring this device where it has internet, or near \
             a gateway, until `tallyline status` says so",
            told(&pending, |it| format!("{} of {}", it.held, it.height))
        )));
    }
    let made = replica.keys_made();
    if 0 < made && keys == Keys::Keep {
        return Err(not_safe(&format!(
            "this device made {made} keys of sealed texts, and the cloud has none of them: meet \
             the owner's device once more, so that it has them, and then say --forget-keys"
        )));
    }
    Ok(())
}

fn not_safe(why: &str) -> Problem {
    let text = format!("nothing was cleared: {why}");
    Problem::new(codes::NOT_SAFE, exits::PENDING, text)
}

/// Names logs by their writers.
fn told(holds: &[&CloudHold], how: impl Fn(&CloudHold) -> String) -> String {
    let shown = holds.iter().take(LOGS_SHOWN);
    let mut texts: Vec<String> = shown
        .map(|it| format!("{}: {}", it.label, how(it)))
        .collect();
    let more = holds.len().saturating_sub(LOGS_SHOWN);
    if 0 < more {
        texts.push(format!("{more} more"));
    }
    texts.join(", ")
}

/// Keeps everything as a bundle in the root, reads it back, and checks it by itself.
fn keep(root: &Root, replica: &Replica) -> Result<Cleared, Problem> {
    let (id, name) = match replica.event() {
        Some((id, manifest)) => (id, manifest.name.clone()),
        None => return Err(not_safe("there is no event")),
    };
    let folder = root.dir().join(FOLDER);
    let mut builder = DirBuilder::new();
    let made = builder.recursive(true).mode(0o700).create(&folder);
    made.map_err(|error| not_kept(&folder, &error))?;
    let bundle = replica.bundle();
    let unix_ms = i64::try_from(Clock::start().now().wall_ms).unwrap_or(i64::MAX);
    let stem = format!("{}-{}", plain(&name), calendar::day(unix_ms, 0));
    let path = fresh(&folder, &stem)?;
    durable::create(&path, &bundle).map_err(|error| not_kept(&path, &error))?;
    crate::root::sync_dir(root.dir())?;
    let entries: u64 = replica.cloud_holds().iter().map(|it| it.height).sum();
    check(&path, &bundle, entries)?;
    Ok(Cleared {
        schema: "tallyline.cleared/1".to_owned(),
        event: name,
        event_uuid: id.uuid().to_string(),
        entries,
        bundle: path.display().to_string(),
        bytes: u64::try_from(bundle.len()).unwrap_or(u64::MAX),
        keys: u64::try_from(replica.keys_made()).unwrap_or(u64::MAX),
    })
}

/// Reads the bundle back from the disk: what it holds is what the store held.
fn check(path: &Path, bundle: &[u8], entries: u64) -> Result<(), Problem> {
    let limit = u64::try_from(BUNDLE_BYTES_MAX).unwrap_or(u64::MAX);
    let read = durable::read(path, limit).map_err(|error| not_kept(path, &error))?;
    let held = check_bundle(&read).ok();
    let whole = held.is_some_and(|it| it.ok && it.entries == entries);
    if read == bundle && whole {
        return Ok(());
    }
    Err(Problem::new(
        codes::NOT_SAFE,
        exits::STORAGE,
        format!(
            "nothing was cleared: the bundle {} does not hold what the store holds; run \
             `tallyline verify`, and check the disk",
            path.display()
        ),
    ))
}

/// Takes the event out of the root. The store goes last: as long as it is there, nothing was cleared.
fn remove(root: &Root) -> Result<(), Problem> {
    for path in [root.dir().join(MANIFEST_FILE), root.store_path()] {
        durable::remove(&path).map_err(|error| {
            Problem::new(
                codes::BAD_ROOT,
                exits::STORAGE,
                format!(
                    "{} cannot be removed: {error}; the bundle is kept and nothing is lost; check \
                     that the folder is yours",
                    path.display()
                ),
            )
        })?;
    }
    Ok(())
}

fn fresh(folder: &Path, stem: &str) -> Result<PathBuf, Problem> {
    let names = (1..=SAME_NAME_MAX).map(|number| match number {
        1 => format!("{stem}.tally"),
        _ => format!("{stem}-{number}.tally"),
    });
    let mut paths = names.map(|name| folder.join(name));
    paths.find(|path| !path.exists()).ok_or_else(|| {
        not_safe(&format!(
            "there are {SAME_NAME_MAX} bundles of this event and day in {}; move some away",
            folder.display()
        ))
    })
}

/// Returns what of a name every file system takes.
fn plain(name: &str) -> String {
    let letter = |letter: char| {
        if letter.is_ascii_alphanumeric() {
            letter.to_ascii_lowercase()
        } else {
            '-'
        }
    };
    let letters: String = name.chars().take(NAME_CHARS_MAX).map(letter).collect();
    let parts: Vec<&str> = letters.split('-').filter(|it| !it.is_empty()).collect();
    if parts.is_empty() {
        return "event".to_owned();
    }
    parts.join("-")
}

fn not_kept(path: &Path, error: &std::io::Error) -> Problem {
    Problem::new(
        codes::BAD_FILE,
        exits::STORAGE,
        format!(
            "nothing was cleared: the bundle {} cannot be kept: {error}; make room and try again",
            path.display()
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_every_file_system_takes() {
        for (name, expected) in [
            ("Spring Match 2026", "spring-match-2026"),
            ("../../etc", "etc"),
            ("Äpfel & Birnen", "pfel-birnen"),
            ("日本", "event"),
            ("", "event"),
        ] {
            assert_eq!(plain(name), expected, "{name}");
        }
        assert_eq!(plain(&"x".repeat(200)).len(), NAME_CHARS_MAX);
    }
}
