//! The folder, the key, the process.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::{Finding, Running};
use crate::root::{Root, RootError};

/// Permission bits with which others than the owner may write.
const OTHERS_WRITE: u32 = 0o022;

/// Looks at the folder: whoever may write into it may put another key there.
pub(super) fn folder(dir: &Path) -> Finding {
    let what = "folder";
    let mode = match fs::metadata(dir) {
        Ok(metadata) => metadata.permissions().mode() & 0o777,
        Err(error) => {
            let fix = "name the right folder with --root, or make a node with `tallyline init`";
            return Finding::wrong(what, format!("{}: {error}", dir.display()), fix);
        }
    };
    if mode & OTHERS_WRITE == 0 {
        return Finding::fine(what, dir.display().to_string());
    }
    Finding::wrong(
        what,
        format!(
            "others on this machine may write into {} (mode {mode:03o})",
            dir.display()
        ),
        format!("run `chmod 700 {}`", dir.display()),
    )
}

/// Looks at the device's key.
pub(super) fn key(dir: &Path) -> Finding {
    let what = "key";
    match Root::open(dir) {
        Ok(root) => Finding::fine(
            what,
            format!(
                "{} ({}), readable by its owner only",
                root.label(),
                root.key().short()
            ),
        ),
        Err(RootError::Missing { dir }) => Finding::wrong(
            what,
            format!("there is no node in {}", dir.display()),
            format!(
                "make one with `tallyline init --root {}`, or name another folder",
                dir.display()
            ),
        ),
        Err(RootError::KeyReadable { path, mode }) => Finding::wrong(
            what,
            format!("others on this machine can read the device's key (mode {mode:03o})"),
            format!(
                "run `chmod 600 {}`; if somebody may have copied it, set the device up anew",
                path.display()
            ),
        ),
        Err(RootError::Malformed {
            path,
            what: why,
            advice,
        }) => Finding::wrong(
            what,
            format!("{} cannot be used: {why}", path.display()),
            advice,
        ),
        Err(RootError::OtherBoard { .. }) => Finding::wrong(
            what,
            "the key was made on another board: the memory card was moved, or the folder copied",
            format!(
                "set this device up anew and have the owner invite it; only if the card was moved \
                 for good, run `tallyline init --adopt-board --root {}`",
                dir.display()
            ),
        ),
        Err(RootError::KeyMissing { .. }) => Finding::wrong(
            what,
            "the device's key is missing",
            "move the folder aside, set the device up anew, and have the owner invite it",
        ),
        Err(RootError::Sealed { .. }) => Finding::note(
            what,
            "the key is sealed with a passphrase",
            "nothing to do: the running node was given it",
        ),
        Err(
            error @ (RootError::Exists { .. }
            | RootError::InUse { .. }
            | RootError::Label { .. }
            | RootError::WrongPassphrase { .. }
            | RootError::Passphrase { .. }
            | RootError::NoMemory
            | RootError::Io { .. }
            | RootError::Entropy(_)),
        ) => Finding::wrong(
            what,
            error.to_string(),
            "check that the folder is yours and that the disk works",
        ),
    }
}

/// Looks at the process that uses the folder.
pub(super) fn process(dir: &Path, running: &Running) -> Finding {
    let what = "node";
    match running {
        Running::Yes(told) => {
            let pid = told.status.node.pid.unwrap_or_default();
            Finding::fine(what, format!("running (pid {pid})"))
        }
        Running::Mute(why) => Finding::wrong(
            what,
            format!("a node runs and does not tell how it does: {why}"),
            "stop it with `tallyline stop` and start it with this version",
        ),
        Running::No => match Root::open(dir).and_then(|root| root.lock()) {
            Err(RootError::InUse { pid, .. }) => {
                let pid = pid.map_or_else(String::new, |pid| format!(" (pid {pid})"));
                Finding::wrong(
                    what,
                    format!("another tallyline{pid} holds the folder and does not answer"),
                    "wait until it has started, or end that process",
                )
            }
            Ok(_) | Err(_) => Finding::note(
                what,
                "no node runs on this folder: nothing is sent or received",
                "start it with `tallyline run`",
            ),
        },
    }
}
