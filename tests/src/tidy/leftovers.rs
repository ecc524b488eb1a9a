//! What must not stay behind: markers of unfinished work, tests that do not run, names of one
//! machine or of a package registry's host.

use super::{
    File, Finding, Tree,
    lexer::{Token, tokens},
    lines,
};

/// Words that say "not finished"; cut in two so that this file does not find itself.
const MARKERS: [&str; 3] = [
    concat!("FIX", "ME"),
    concat!("TO", "DO"),
    concat!("X", "XX"),
];

/// Texts that tie a file to one machine or to one registry, cut in two for the same reason.
const LOCAL: [(&str, &str); 7] = [
    (concat!("/wo", "rk/"), "a path of one machine"),
    (concat!("/ro", "ot/"), "a path of one machine"),
    (concat!("crates", ".io"), "a registry's host"),
    (concat!("pypi", ".org"), "a registry's host"),
    (concat!("npmjs", ".com"), "a registry's host"),
    (concat!("npmjs", ".org"), "a registry's host"),
    (concat!("deb.", "debian.org"), "a registry's host"),
];

/// Lock files name the registry of each package; they are written by Cargo.
const LOCK_FILE: &str = "Cargo.lock";

/// Inputs of fuzz targets: any bytes, among which any word may stand.
const CORPUS: &str = "tests/fuzz/corpus/";

/// Returns the files that people write.
fn written(tree: &Tree) -> impl Iterator<Item = &File> {
    let made = |path: &str| path.ends_with(LOCK_FILE) || path.starts_with(CORPUS);
    tree.files().iter().filter(move |file| !made(&file.path))
}

/// Checks that no unfinished work and no test that does not run is left.
pub fn check_unfinished(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in written(tree) {
        for (line, text) in lines(&file.text) {
            for marker in MARKERS.iter().filter(|marker| has_word(text, marker)) {
                let text = format!("{marker}: finish it, or write it down as an issue");
                findings.push(Finding::new(&file.path, line, text));
            }
        }
    }
    for file in tree.rust() {
        for window in tokens(&file.text).windows(3) {
            let [first, second, third] = window else {
                continue;
            };
            if let Some(text) = unfinished(first, second, third) {
                findings.push(Finding::new(&file.path, first.line, text));
            }
        }
    }
    findings
}

fn unfinished(first: &Token<'_>, second: &Token<'_>, third: &Token<'_>) -> Option<&'static str> {
    let calls = second.is_sign("!") && third.is_sign("(");
    if calls && (first.is_word("todo") || first.is_word("unimplemented")) {
        return Some("a part is missing");
    }
    let marks = first.is_sign("#") && second.is_sign("[");
    if marks && third.is_word("ignore") {
        return Some("a test that does not run proves nothing");
    }
    (marks && third.is_word("should_panic")).then_some("a test asserts what it expects")
}

/// Checks that no file names a path of one machine or the host of a registry.
pub fn check_local_names(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in written(tree) {
        for (line, text) in lines(&file.text) {
            for (name, what) in LOCAL.iter().filter(|(name, _)| text.contains(name)) {
                findings.push(Finding::new(&file.path, line, format!("{name} is {what}")));
            }
        }
    }
    findings
}

/// Returns whether the word stands in the text and is not part of a longer one.
fn has_word(text: &str, word: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word).any(|(at, _)| {
        let before = text.get(..at).and_then(|text| text.chars().next_back());
        let after = text
            .get(at + word.len()..)
            .and_then(|text| text.chars().next());
        !before.is_some_and(part) && !after.is_some_and(part)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(check: fn(&Tree) -> Vec<Finding>, path: &str, text: &str) -> usize {
        check(&Tree::of(&[(path, text)])).len()
    }

    #[test]
    fn unfinished_work_is_found() {
        let marker = format!("// {}: later", concat!("FIX", "ME"));
        assert_eq!(
            count(check_unfinished, "node/src/a.rs", &marker),
            1,
            "a marker in code"
        );
        let marker = format!("- {} write this", concat!("TO", "DO"));
        assert_eq!(
            count(check_unfinished, "docs/a.md", &marker),
            1,
            "a marker in a document"
        );
        assert_eq!(
            count(check_unfinished, "docs/a.md", "MASTODON"),
            0,
            "part of a word"
        );
        assert_eq!(
            count(check_unfinished, "a.rs", "fn f() { todo!() }"),
            1,
            "a missing part"
        );
        assert_eq!(
            count(check_unfinished, "a.rs", "#[test] #[ignore] fn f() {}"),
            1,
            "does not run"
        );
        assert_eq!(
            count(check_unfinished, "a.rs", "// todo!() in a comment"),
            0,
            "no code"
        );
    }

    #[test]
    fn names_of_one_machine_and_of_registries_are_found() {
        let path = format!("see {}someone/notes", concat!("/ro", "ot/"));
        assert_eq!(
            count(check_local_names, "README.md", &path),
            1,
            "a machine's path"
        );
        let host = format!("https://{}/x", concat!("crates", ".io"));
        assert_eq!(count(check_local_names, "docs/a.md", &host), 1, "a host");
        assert_eq!(
            count(check_local_names, "Cargo.lock", &host),
            0,
            "Cargo writes it there"
        );
        let input = "tests/fuzz/corpus/ticket/a";
        assert_eq!(count(check_local_names, input, &host), 0, "any bytes");
        assert_eq!(
            count(check_local_names, "README.md", "homework/ and /rooted/"),
            0,
            "another word"
        );
    }
}
