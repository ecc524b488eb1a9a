//! Mistakes on purpose stay out of every normal build, and each of them is found.
#![cfg(test)]

use std::{collections::BTreeSet, fs, path::Path};

use tallyline_keys::planted::Fault;
use tallyline_simulator::planted::ALL;

/// The product's source, where hooks may stand.
const PRODUCT: [&str; 3] = ["keys/src", "proto/src", "node/src"];

/// Where the feature may be named: package, and the lines of its manifest that name it.
const MANIFESTS: [(&str, &[&str]); 6] = [
    ("keys", &["planted = []"]),
    ("proto", &[r#"planted = ["tallyline-keys/planted"]"#]),
    ("node", &[]),
    (
        "simulator",
        &[
            r#"planted = ["tallyline-proto/planted"]"#,
            r#"name = "tallyline-sim-planted""#,
            r#"path = "src/main_planted.rs""#,
            r#"required-features = ["planted"]"#,
        ],
    ),
    ("tests", &[]),
    (".", &[]),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the workspace")
}

/// Returns the text of every Rust file below a folder of the workspace, by path.
fn sources(folder: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|it| it == "rs") {
            let text = fs::read_to_string(&path).expect("text");
            found.push((path.display().to_string(), text));
        }
    }
    found
}

/// Returns the faults that a text asks for.
fn hooks(text: &str) -> BTreeSet<String> {
    let after = text.split("is(Fault::").skip(1);
    let name = |it: &str| it.chars().take_while(char::is_ascii_alphanumeric).collect();
    after.map(name).collect()
}

/// No default feature, no dependency and no profile names the feature: only the simulator's second
/// program has it.
#[test]
fn no_normal_build_turns_the_feature_on() {
    for (package, allowed) in MANIFESTS {
        let path = root().join(package).join("Cargo.toml");
        let text = fs::read_to_string(&path).expect("a manifest");
        let lines = text.lines().map(str::trim);
        let lines = lines.filter(|line| !line.starts_with('#') && line.contains("planted"));
        let lines: Vec<&str> = lines.collect();
        assert_eq!(lines, allowed, "{}", path.display());
        let default = text.lines().find(|line| line.starts_with("default ="));
        assert!(
            default.is_none_or(|line| line == "default = []"),
            "{package}: {default:?}"
        );
    }
}

/// Without the feature every hook is a constant.
#[cfg(not(feature = "planted"))]
#[test]
fn nothing_is_planted_in_a_normal_build() {
    const {
        let mut place = 0;
        while place < Fault::ALL.len() {
            #[expect(clippy::indexing_slicing, reason = "constant: the compiler checks it")]
            let fault = Fault::ALL[place];
            assert!(!tallyline_keys::planted::is(fault), "a constant");
            place += 1;
        }
    }
}

#[test]
fn every_fault_has_a_hook_and_a_line_in_the_table() {
    let mut hooked = BTreeSet::new();
    for folder in PRODUCT {
        for (_, text) in sources(&root().join(folder)) {
            hooked.extend(hooks(&text));
        }
    }
    let all: BTreeSet<String> = Fault::ALL.iter().map(|it| format!("{it:?}")).collect();
    assert_eq!(
        hooked, all,
        "each fault is asked for somewhere in the product"
    );
    let listed: BTreeSet<String> = ALL.iter().map(|it| format!("{:?}", it.fault)).collect();
    assert_eq!(listed, all, "each fault stands in the table");
    let names: BTreeSet<&str> = ALL.iter().map(|it| it.name).collect();
    assert_eq!(names.len(), ALL.len(), "no name stands for two");
    assert!(ALL.iter().all(|it| (1..=200).contains(&it.seeds_max)));
}

/// Every fault is found by what is to find it, and nothing is found where nothing is planted.
///
/// Source: PROTOCOL R-STORE-1, R-LOG-2, R-CONTROL-5, R-CELL-2, R-SIGN-2, R-CHAIN-4, R-CHAIN-7.
#[cfg(feature = "planted")]
#[test]
fn every_fault_is_found() {
    use tallyline_simulator::planted::{catch, without};

    let mut missed = Vec::new();
    for it in &ALL {
        match catch(it) {
            None => missed.push(format!("{} is found by nothing", it.name)),
            Some(caught) if !it.invariants.contains(&caught.invariant.as_str()) => {
                missed.push(format!("{} is found by {caught:?}", it.name));
            }
            Some(caught) => {
                if let Some(broken) = without(it, caught.seeds) {
                    missed.push(format!("without {}: {broken:?}", it.name));
                }
            }
        }
    }
    assert!(missed.is_empty(), "{missed:#?}");
}
