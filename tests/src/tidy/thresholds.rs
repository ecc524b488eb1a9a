//! A `clippy.toml` in a package replaces the one of the root, so all must repeat its thresholds.

use super::{Finding, Tree};

/// The packages whose clippy file adds bans of its own.
const OWN_FILES: [&str; 3] = [
    "keys/clippy.toml",
    "proto/clippy.toml",
    "simulator/clippy.toml",
];

/// Functions longer than this do more than one thing; clippy's `too_many_lines` holds it.
const FUNCTION_LINES_MAX: i64 = 70;

/// Types that the pure packages and the simulator may not name.
const BANNED_TYPES: [&str; 4] = [
    "std::collections::HashMap",
    "std::collections::HashSet",
    "std::time::Instant",
    "std::time::SystemTime",
];

/// Checks that the thresholds of all clippy files are the root's, and that the bans are there.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let Some(root) = parse(tree, "clippy.toml") else {
        return vec![Finding::new(
            "clippy.toml",
            0,
            "is missing or not valid TOML",
        )];
    };
    let mut findings = Vec::new();
    let lines = root
        .get("too-many-lines-threshold")
        .and_then(toml::Value::as_integer);
    if lines != Some(FUNCTION_LINES_MAX) {
        let text = format!("too-many-lines-threshold is to be {FUNCTION_LINES_MAX}");
        findings.push(Finding::new("clippy.toml", 0, text));
    }
    for path in OWN_FILES {
        let Some(own) = parse(tree, path) else {
            findings.push(Finding::new(path, 0, "is missing or not valid TOML"));
            continue;
        };
        findings.extend(differences(path, &root, &own));
        findings.extend(missing_bans(path, &own));
    }
    findings
}

/// Names every threshold that one file has and the other has not, or not with the same value.
fn differences(path: &str, root: &toml::Table, own: &toml::Table) -> Vec<Finding> {
    let names = thresholds(root).chain(thresholds(own).filter(|name| !root.contains_key(*name)));
    names
        .filter(|name| root.get(*name) != own.get(*name))
        .map(|name| Finding::new(path, 0, format!("{name} differs from the root's")))
        .collect()
}

/// Returns the names of all settings that are one value, not a list of bans.
fn thresholds(table: &toml::Table) -> impl Iterator<Item = &str> {
    table
        .iter()
        .filter(|(_, value)| !value.is_array())
        .map(|(name, _)| name.as_str())
}

fn missing_bans(path: &str, own: &toml::Table) -> Vec<Finding> {
    let banned = own.get("disallowed-types").and_then(toml::Value::as_array);
    let banned: Vec<&str> = banned
        .into_iter()
        .flatten()
        .filter_map(|ban| ban.get("path").and_then(toml::Value::as_str))
        .collect();
    BANNED_TYPES
        .iter()
        .filter(|name| !banned.contains(*name))
        .map(|name| Finding::new(path, 0, format!("{name} is not banned")))
        .collect()
}

fn parse(tree: &Tree, path: &str) -> Option<toml::Table> {
    tree.text(path)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: &str = "too-many-lines-threshold = 70\nallow-unwrap-in-tests = true";

    fn tree(keys: &str) -> Tree {
        let types = BANNED_TYPES
            .map(|name| format!("{{ path = \"{name}\" }}"))
            .join(", ");
        let good = format!("{ROOT}\ndisallowed-types = [{types}]");
        let keys = format!("{keys}\ndisallowed-types = [{types}]");
        Tree::of(&[
            ("clippy.toml", ROOT),
            ("keys/clippy.toml", &keys),
            ("proto/clippy.toml", &good),
            ("simulator/clippy.toml", &good),
        ])
    }

    #[test]
    fn thresholds_that_differ_are_found() {
        assert_eq!(check(&tree(ROOT)), [], "equal ones are fine");
        let other = ROOT.replace("70", "700");
        assert_eq!(check(&tree(&other)).len(), 1, "another value");
        assert_eq!(
            check(&tree("too-many-lines-threshold = 70")).len(),
            1,
            "one left out"
        );
        assert_eq!(
            check(&tree(&format!("{ROOT}\nmax-struct-bools = 9"))).len(),
            1,
            "one more"
        );
    }

    #[test]
    fn missing_files_and_bans_are_found() {
        assert_eq!(check(&Tree::default()).len(), 1, "no root file");
        assert_eq!(
            check(&Tree::of(&[("clippy.toml", ROOT)])).len(),
            3,
            "no package files"
        );
        let bare = Tree::of(&[
            ("clippy.toml", ROOT),
            ("keys/clippy.toml", ROOT),
            ("proto/clippy.toml", ROOT),
            ("simulator/clippy.toml", ROOT),
        ]);
        assert_eq!(
            check(&bare).len(),
            12,
            "four bans are missing in each of three"
        );
    }
}
