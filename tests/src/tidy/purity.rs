//! What is absent from the pure packages: the standard library, clocks, hash maps, floats.

use super::{
    Finding, Tree,
    lexer::{Kind, Token, tokens},
};

/// The two packages that run anywhere; `keys` has one door to `std`, behind its feature.
const PURE: [&str; 2] = ["keys/src/", "proto/src/"];

/// Where `keys` meets rustls; compiled only with the feature `std`.
const DOOR: &str = "keys/src/tls";

/// Names whose use makes a result depend on the machine, the moment or the run.
const IMPURE: [(&str, &str); 9] = [
    ("HashMap", "its order differs from run to run; use BTreeMap"),
    ("HashSet", "its order differs from run to run; use BTreeSet"),
    ("Instant", "the time is told, never asked"),
    ("SystemTime", "the time is told, never asked"),
    ("f32", "scores are integers"),
    ("f64", "scores are integers"),
    ("thread_local", "there are no threads here"),
    ("Mutex", "there are no threads here"),
    ("getrandom", "randomness is told, never drawn"),
];

/// Checks that `keys` and `proto` stay `no_std` and name nothing impure.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for start in PURE {
        let path = format!("{start}lib.rs");
        let root = tree.text(&path).map(tokens).unwrap_or_default();
        if !says(&root, &["#", "!", "[", "no_std", "]"]) {
            findings.push(Finding::new(&path, 0, "must say #![no_std]"));
        }
    }
    let pure =
        |path: &str| PURE.iter().any(|start| path.starts_with(start)) && !path.starts_with(DOOR);
    for file in tree.rust().filter(|file| pure(&file.path)) {
        let tokens = tokens(&file.text);
        findings.extend(impure(&file.path, &tokens));
        findings.extend(standard_library(&file.path, &tokens));
    }
    findings
}

/// Finds impure names and floating-point numbers.
fn impure(path: &str, tokens: &[Token<'_>]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for token in tokens {
        if let Some((name, why)) = IMPURE.iter().find(|(name, _)| token.is_word(name)) {
            findings.push(Finding::new(path, token.line, format!("{name}: {why}")));
        }
        if token.kind == Kind::Number && is_float(token.text) {
            let text = format!("{}: scores are integers", token.text);
            findings.push(Finding::new(path, token.line, text));
        }
    }
    findings
}

/// Finds `std::` and an `extern crate std` that is not behind the feature or a test.
fn standard_library(path: &str, tokens: &[Token<'_>]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        if !token.is_word("std") {
            continue;
        }
        let before = tokens.get(..at).unwrap_or_default();
        let after = tokens.get(at + 1);
        let named = after.is_some_and(|next| next.is_sign("::"));
        let brought = before.last().is_some_and(|last| last.is_word("crate"));
        if is_test_file(path) || inside_tests(before) {
            continue;
        }
        if named {
            findings.push(Finding::new(path, token.line, "std is not known here"));
        }
        if brought && !behind_a_door(before) {
            findings.push(Finding::new(
                path,
                token.line,
                "std is brought in for everybody",
            ));
        }
    }
    findings
}

/// Returns whether a number is a float: `1.5`, `1e3`, `2f64`, but not `0xE5`.
fn is_float(number: &str) -> bool {
    let hex = number.starts_with("0x");
    number.contains('.')
        || (!hex
            && (number.contains(['e', 'E']) || number.ends_with("f32") || number.ends_with("f64")))
            && !number.ends_with("size")
}

/// Returns whether an `extern crate` is preceded by `#[cfg(feature = "std")]` or `#[cfg(test)]`.
fn behind_a_door(before: &[Token<'_>]) -> bool {
    let start = before.len().saturating_sub(12);
    let near = before.get(start..).unwrap_or_default();
    let feature = says(
        near,
        &[
            "cfg", "(", "feature", "=", "\"std\"", ")", "]", "extern", "crate",
        ],
    );
    feature || says(near, &["cfg", "(", "test", ")", "]", "extern", "crate"])
}

/// Returns whether the text before lies in a file's test module.
fn inside_tests(before: &[Token<'_>]) -> bool {
    says(
        before,
        &["#", "[", "cfg", "(", "test", ")", "]", "mod", "tests", "{"],
    )
}

/// Returns whether the whole file is compiled for tests only.
fn is_test_file(path: &str) -> bool {
    path.ends_with("/tests.rs") || path.contains("/tests/")
}

/// Returns whether these tokens stand somewhere one after the other.
fn says(tokens: &[Token<'_>], phrase: &[&str]) -> bool {
    tokens.windows(phrase.len()).any(|window| {
        window
            .iter()
            .zip(phrase)
            .all(|(token, text)| token.text == *text)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: &str = "#![no_std]\n#[cfg(feature = \"std\")]\nextern crate std;";

    fn check_one(path: &str, source: &str, expected: usize) {
        let tree = Tree::of(&[
            ("keys/src/lib.rs", ROOT),
            ("proto/src/lib.rs", "#![no_std]"),
            (path, source),
        ]);
        let found = check(&tree);
        assert_eq!(found.len(), expected, "{path}: {source}: {found:?}");
    }

    #[test]
    fn impure_names_are_found_in_code_and_not_in_comments() {
        check_one(
            "proto/src/rules/a.rs",
            "use alloc::collections::BTreeMap; // not HashMap, not 1.5",
            0,
        );
        check_one("proto/src/rules/a.rs", "use hashbrown::HashMap;", 1);
        check_one("proto/src/rules/a.rs", "let ratio: f64 = 0.5;", 2);
        check_one(
            "proto/src/rules/a.rs",
            "let pair = x.0.1; let e = 0xE5; let n = 1usize; for i in 1..5 {}",
            0,
        );
        check_one("proto/src/rules/a.rs", "let n = 1e3;", 1);
        check_one("keys/src/device.rs", "let now = Instant::now();", 1);
        check_one("keys/src/tls.rs", "use std::sync::Mutex;", 0);
        check_one("node/src/clock.rs", "use std::time::Instant;", 0);
    }

    #[test]
    fn the_standard_library_is_found_unless_behind_its_door() {
        check_one("proto/src/log/a.rs", "use std::vec::Vec;", 1);
        check_one(
            "proto/src/log/a.rs",
            "#[cfg(test)] mod tests { extern crate std; use std::fs; }",
            0,
        );
        check_one("proto/src/log/a.rs", "#[cfg(test)] extern crate std;", 0);
        check_one("proto/src/log/a.rs", "extern crate std;", 1);
        let without = Tree::of(&[
            ("keys/src/lib.rs", "//! #![no_std]"),
            ("proto/src/lib.rs", "#![no_std]"),
        ]);
        assert_eq!(
            check(&without).len(),
            1,
            "a comment does not make a package no_std"
        );
    }
}
