//! What the simulator assumes of disks, QUIC and mDNS, held against the real ones.
//!
//! Each assumption is written where the simulator makes it, and names its test in a line that
//! begins with the word Conformance; the last test keeps both lists equal. What another module
//! shows already is only named. Not to be had on one machine: that what was not synced may be lost
//! with the power.

mod disk;
mod quic;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// How a comment names its test.
const MARK: &str = "Conformance: ";

/// How a comment says that there can be none.
const NO_TEST: &str = "no test";

/// Returns all Rust files below a folder.
fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|it| it == "rs") {
            files.push(path);
        }
    }
    files
}

/// Returns the names of the tests in a file of `tests/it`, after that of the module which `main.rs`
/// names.
fn tests_in(root: &Path, file: &Path) -> BTreeSet<String> {
    let module = file.strip_prefix(root).unwrap().with_extension("");
    let module = module.iter().next().unwrap().to_str().unwrap();
    let text = fs::read_to_string(file).unwrap();
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let mut names = BTreeSet::new();
    for (place, line) in lines.iter().enumerate() {
        let name = line
            .strip_prefix("fn ")
            .and_then(|rest| rest.split('(').next());
        let before = lines[..place].iter().rev();
        let is_test = before
            .take_while(|it| it.starts_with("#[") || it.starts_with("//"))
            .any(|it| *it == "#[test]");
        if let (Some(name), true) = (name, is_test) {
            names.insert(format!("{module}::{name}"));
        }
    }
    names
}

#[test]
fn every_assumption_names_its_test_and_every_test_an_assumption() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let it = here.join("it");
    let tests: BTreeSet<String> = rust_files(&it)
        .iter()
        .flat_map(|file| tests_in(&it, file))
        .collect();
    let simulator = here.join("../simulator/src");
    let mut named = BTreeSet::new();
    for file in rust_files(&simulator) {
        let text = fs::read_to_string(&file).unwrap();
        for (_, line) in text.lines().filter_map(|line| line.split_once(MARK)) {
            if line.starts_with(NO_TEST) {
                continue;
            }
            let name = line.split('`').nth(1).unwrap_or(line).to_owned();
            assert!(
                tests.contains(&name),
                "{}: there is no test {name}",
                file.display()
            );
            named.insert(name);
        }
    }
    let own = tests.iter().filter(|it| it.starts_with("conformance::"));
    for name in own {
        let is_this =
            name.ends_with("::every_assumption_names_its_test_and_every_test_an_assumption");
        assert!(
            is_this || named.contains(name),
            "{name}: no assumption of the simulator names it"
        );
    }
}
