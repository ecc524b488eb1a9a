//! Puts the commit into the program, so that a run can be repeated by whoever reads its first line.
//!
//! Reads git's own files and starts no program: a tree without git builds, and says `unknown`.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// Hex digits of a commit that people read.
const DIGITS: usize = 12;

fn main() -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "cargo:rerun-if-changed=build.rs")?;
    let package = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let mut read = Vec::new();
    let commit = package
        .parent()
        .and_then(git_folder)
        .and_then(|git| commit(&git, &mut read));
    for path in read {
        writeln!(out, "cargo:rerun-if-changed={}", path.display())?;
    }
    let commit: String = commit
        .unwrap_or_else(|| "unknown".to_owned())
        .chars()
        .take(DIGITS)
        .collect();
    writeln!(out, "cargo:rustc-env=TALLYLINE_SIM_COMMIT={commit}")
}

/// Returns git's folder of a tree: `.git`, or where the file `.git` of a second tree points to.
fn git_folder(tree: &Path) -> Option<PathBuf> {
    let git = tree.join(".git");
    if git.is_dir() {
        return Some(git);
    }
    let text = fs::read_to_string(&git).ok()?;
    Some(tree.join(text.strip_prefix("gitdir:")?.trim()))
}

/// Returns the commit that is checked out; what was read for it must be watched.
fn commit(git: &Path, read: &mut Vec<PathBuf>) -> Option<String> {
    let head = text(&git.join("HEAD"), read)?;
    let Some(name) = head.trim().strip_prefix("ref:").map(str::trim) else {
        return Some(head.trim().to_owned());
    };
    let shared = fs::read_to_string(git.join("commondir")).ok();
    let shared = shared.map_or_else(|| git.to_owned(), |folder| git.join(folder.trim()));
    if let Some(commit) = text(&shared.join(name), read) {
        return Some(commit.trim().to_owned());
    }
    let packed = text(&shared.join("packed-refs"), read)?;
    let line = packed
        .lines()
        .find(|line| line.split(' ').nth(1) == Some(name))?;
    line.split(' ').next().map(str::to_owned)
}

/// Reads a file, and notes it only if it is there: watching a missing one builds every time.
fn text(path: &Path, read: &mut Vec<PathBuf>) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    read.push(path.to_owned());
    Some(text)
}
