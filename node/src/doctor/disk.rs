//! The store, free space, and how long a save waits.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;

use super::{Finding, Running, megabytes};
use crate::clock::Clock;
use crate::root::room::free_bytes;
use crate::root::{Root, damaged_stores};
use crate::store::Store;

/// The file that the disk is tried with; removed afterwards.
const SCRATCH_FILE: &str = "doctor.scratch";

/// Bytes of one trial: a page of the store.
const TRIAL_BYTES: usize = 4 * 1024;

/// How many trials; the middle one is told.
const TRIALS: u32 = 5;

/// Milliseconds above which a wait for the disk is worth knowing: a save waits three times, and
/// more than a second is felt.
const SLOW_MS: u64 = 350;

/// Milliseconds above which a wait for the disk holds up scoring.
const STUCK_MS: u64 = 2_000;

/// Bytes that must be free for others' entries to be taken.
const ENOUGH_BYTES: u64 = 128 * 1024 * 1024;

/// Looks at everything about the disk.
pub(super) fn examine(dir: &Path, running: &Running) -> Vec<Finding> {
    let mut findings = vec![store(dir, running)];
    findings.extend(damaged(&damaged_stores(dir)));
    findings.push(space(free_bytes(dir)));
    findings.push(wait(trial(dir)));
    findings
}

/// Looks at the store: a running node says whether it saves, another one is read.
fn store(dir: &Path, running: &Running) -> Finding {
    let what = "store";
    if let Running::Yes(told) = running {
        return match &told.health.trouble {
            None => Finding::fine(what, "open, and the last save was kept"),
            Some(why) => Finding::wrong(
                what,
                format!("nothing is saved: {why}"),
                "make room or check the disk; what was saved before is safe",
            ),
        };
    }
    let Ok(root) = Root::open(dir) else {
        return Finding::note(what, "not looked at: the key comes first", "");
    };
    let paths = root.store_paths();
    if paths.is_empty() {
        return Finding::fine(what, "none yet; the node makes it");
    }
    let Ok(_lock) = root.lock() else {
        return Finding::note(what, "not looked at: another process has it open", "");
    };
    let mut entries = 0_usize;
    for path in &paths {
        match Store::open_copy(path).and_then(|store| store.load()) {
            Ok(stored) => {
                let logs = stored.logs.iter();
                entries += logs.map(|log| log.entries.len()).sum::<usize>();
            }
            Err(error) => {
                return Finding::wrong(
                    what,
                    format!("{} cannot be read: {error}", path.display()),
                    "start the node: it moves a damaged store aside and fetches the content from \
                     others",
                );
            }
        }
    }
    Finding::fine(what, format!("opens; {entries} entries"))
}

/// Looks for damaged stores that were moved aside.
fn damaged(names: &[String]) -> Option<Finding> {
    (!names.is_empty()).then(|| {
        Finding::note(
            "damaged stores",
            format!("moved aside: {}", names.join(", ")),
            "replace the card or disk after the event; then the files may go",
        )
    })
}

/// Looks at free space.
pub(super) fn space(free: Option<u64>) -> Finding {
    let what = "free space";
    match free {
        None => Finding::note(what, "the disk does not say how much it has left", ""),
        Some(free) if free < ENOUGH_BYTES => Finding::wrong(
            what,
            format!(
                "{} left: entries of other devices are not taken below {}",
                megabytes(free),
                megabytes(ENOUGH_BYTES)
            ),
            "remove photos, videos or programs from this device",
        ),
        Some(free) => Finding::fine(what, format!("{} left", megabytes(free))),
    }
}

/// Looks at how long one wait for the disk takes.
pub(super) fn wait(trial: io::Result<u64>) -> Finding {
    let what = "disk";
    let fix = "close what writes to the disk; if it stays slow, use another card";
    match trial {
        Err(error) => Finding::wrong(
            what,
            format!("a file in the folder cannot be written: {error}"),
            "check that the folder is yours and that the disk works and has room",
        ),
        Ok(ms) if STUCK_MS <= ms => {
            Finding::wrong(what, format!("one wait for it takes {ms} ms"), fix)
        }
        Ok(ms) if SLOW_MS <= ms => {
            Finding::note(what, format!("slow: one wait for it takes {ms} ms"), fix)
        }
        Ok(ms) => Finding::fine(what, format!("one wait for it takes {ms} ms")),
    }
}

/// Writes and waits for the disk a few times; returns the middle wait in milliseconds.
fn trial(dir: &Path) -> io::Result<u64> {
    let path = dir.join(SCRATCH_FILE);
    let waits = waits(&path);
    // Also what was begun is taken away.
    let removed = fs::remove_file(&path);
    let mut waits = waits?;
    removed?;
    waits.sort_unstable();
    Ok(waits.get(waits.len() / 2).copied().unwrap_or_default())
}

fn waits(path: &Path) -> io::Result<Vec<u64>> {
    let clock = Clock::start();
    let mut file = File::create(path)?;
    let page = [0; TRIAL_BYTES];
    let mut wait = || {
        let before_ms = clock.now().mono_ms;
        file.write_all(&page)?;
        file.sync_data()?;
        Ok(clock.now().mono_ms.saturating_sub(before_ms))
    };
    (0..TRIALS).map(|_| wait()).collect()
}
