//! The acceptance rows of this version: each is in docs/TESTING.md with the name of a test.

use std::collections::BTreeSet;

use super::{
    Finding, Tree,
    lexer::{Kind, tokens},
    lines,
};

/// Where the table is.
const TESTING: &str = "docs/TESTING.md";

/// The rows that this version promises.
const ROWS: [&str; 87] = [
    "S0-01", "S0-02", "S0-03", "S0-04", "S0-05", "S0-06", "S0-07", "S0-08", "S0-09", "S0-10",
    "S0-11", "S0-12", "S0-13", "S0-14", "S0-15", "S0-16", "S0-17", "S0-18", "S0-19", "S0-20",
    "S0-21", "S1-01", "S1-02", "S1-05", "S1-06", "S2-01", "S2-02", "S2-03", "S2-04", "S2-05",
    "S2-06", "S2-07", "S2-08", "S2-09", "S2-10", "S2-11", "S2-12", "S2-13", "S2-14", "S2-15",
    "S2-16", "S2-17", "S2-18", "S2-19", "S2-20", "S2-21", "S2-22", "S2-23", "S2-24", "S3-01",
    "S3-02", "S3-03", "S3-04", "S3-05", "S3-06", "S3-07", "S3-08", "S3-09", "S3-10", "S3-11",
    "S3-12", "S3-13", "S3-14", "S3-15", "S3-16", "S3-17", "S3-18", "S3-19", "S4-01", "S4-02",
    "S4-03", "S4-04", "S4-05", "S4-06", "S4-07", "S4-08", "S4-09", "S4-10", "S4-11", "S4-12",
    "S4-13", "S4-14", "S4-17", "S4-18", "S4-19", "R-01", "R-02",
];

/// Checks that each row is in the table and that the tests it names exist.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let Some(text) = tree.text(TESTING) else {
        return vec![Finding::new(TESTING, 0, "the document is missing")];
    };
    let functions = functions(tree);
    let mut findings = Vec::new();
    for row in ROWS {
        let start = format!("| {row} |");
        let Some((line, cells)) = lines(text).find(|(_, line)| line.starts_with(&start)) else {
            findings.push(Finding::new(TESTING, 0, format!("row {row} is missing")));
            continue;
        };
        let last = cells
            .trim_end_matches(['|', ' '])
            .rsplit('|')
            .next()
            .unwrap_or_default();
        let named: Vec<&str> = last.split('`').skip(1).step_by(2).collect();
        if named.is_empty() {
            findings.push(Finding::new(
                TESTING,
                line,
                format!("row {row} names no test"),
            ));
        }
        for name in named.iter().filter(|name| !exists(&functions, tree, name)) {
            findings.push(Finding::new(
                TESTING,
                line,
                format!("{row}: there is no test {name}"),
            ));
        }
    }
    findings
}

/// Returns whether the last part of a test's name is a function, or the whole a tracked file.
fn exists(functions: &BTreeSet<&str>, tree: &Tree, name: &str) -> bool {
    let function = name.rsplit("::").next().unwrap_or(name);
    functions.contains(function) || tree.contains(name)
}

/// Returns the names of all functions.
fn functions(tree: &Tree) -> BTreeSet<&str> {
    let mut found = BTreeSet::new();
    for file in tree.rust() {
        for pair in tokens(&file.text).windows(2) {
            if let [keyword, name] = pair
                && keyword.is_word("fn")
                && name.kind == Kind::Word
            {
                found.insert(name.text);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_without_a_real_test_are_found() {
        let good: String = ROWS
            .map(|row| format!("| {row} | what | `it::a_test_that_is` |\n"))
            .concat();
        let source = ("tests/it/a.rs", "#[test]\nfn a_test_that_is() {}");
        assert_eq!(
            check(&Tree::of(&[(TESTING, &good), source])),
            [],
            "all rows have a test"
        );
        let gone = good.replace("| S0-02 | what | `it::a_test_that_is` |\n", "");
        assert_eq!(
            check(&Tree::of(&[(TESTING, &gone), source])).len(),
            1,
            "a row is missing"
        );
        let bare = good.replace(
            "| S0-02 | what | `it::a_test_that_is` |",
            "| S0-02 | what | later |",
        );
        assert_eq!(
            check(&Tree::of(&[(TESTING, &bare), source])).len(),
            1,
            "a row names none"
        );
        assert_eq!(
            check(&Tree::of(&[(TESTING, &good)])).len(),
            ROWS.len(),
            "no such test"
        );
    }
}
