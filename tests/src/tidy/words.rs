//! The glossary's words: no name in the code uses one that docs/GLOSSARY.md says to avoid.

use std::collections::BTreeSet;

use super::{
    Finding, Tree,
    lexer::{Kind, tokens},
    lines,
};

/// Where the words are kept.
const GLOSSARY: &str = "docs/GLOSSARY.md";

/// Words that other people's packages use, and where we must call them as they are.
const FOREIGN: [(&str, &str); 11] = [
    // DNS service discovery registers and resolves services.
    ("node/src/net/mdns", "Service"),
    // The standard library's files and errors have permissions.
    ("node/src/", "Permission"),
    // axum makes services of routers.
    ("node/src/api/", "Service"),
    // A package is called so.
    ("node/src/api/stream", "Util"),
    ("node/src/cloud/nats", "Util"),
    ("node/src/api/uplink", "Util"),
    ("node/src/net/", "Util"),
    ("tests/it/fallback/client", "Util"),
    ("node/src/api/blobs", "Util"),
    // The zip package opens archives.
    ("node/src/files/", "Archive"),
    // The tar package, too.
    ("node/src/upkeep/backup", "Archive"),
];

/// Checks every name in the code against the column "avoid" of the glossary; a name is found once
/// in each file.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let Some(glossary) = tree.text(GLOSSARY) else {
        return vec![Finding::new(GLOSSARY, 0, "the glossary is missing")];
    };
    let avoided = avoided(glossary);
    if avoided.is_empty() {
        return vec![Finding::new(
            GLOSSARY,
            0,
            "has no table with a column \"avoid\"",
        )];
    }
    let mut findings = Vec::new();
    for file in tree.rust() {
        let here: Vec<&Avoided> = avoided
            .iter()
            .filter(|word| !is_foreign(&file.path, &word.name))
            .collect();
        let mut seen = BTreeSet::new();
        for token in tokens(&file.text)
            .iter()
            .filter(|token| token.kind == Kind::Word)
        {
            if !seen.insert(token.text) {
                continue;
            }
            let parts = parts(token.text);
            for word in here.iter().filter(|word| word.is_in(&parts)) {
                let text = format!(
                    "{}: say {} instead of {}",
                    token.text, word.instead, word.name
                );
                findings.push(Finding::new(&file.path, token.line, text));
            }
        }
    }
    findings
}

/// Returns whether a word to avoid is somebody else's in this file.
fn is_foreign(path: &str, word: &str) -> bool {
    FOREIGN
        .iter()
        .any(|(place, foreign)| path.starts_with(place) && word == *foreign)
}

/// A word to avoid, as the glossary has it.
#[derive(Debug, PartialEq, Eq)]
struct Avoided {
    name: String,
    parts: Vec<String>,
    instead: String,
}

impl Avoided {
    /// Returns whether the word stands in a name of these parts.
    fn is_in(&self, parts: &[String]) -> bool {
        parts
            .windows(self.parts.len())
            .any(|window| window == self.parts.as_slice())
    }
}

/// Reads the words to avoid: those in backticks in the last column of each row of a table whose
/// heading ends with "avoid".
fn avoided(glossary: &str) -> Vec<Avoided> {
    let mut found = Vec::new();
    let mut in_table = false;
    for (_, line) in lines(glossary) {
        let Some(row) = line
            .trim()
            .strip_prefix('|')
            .and_then(|row| row.strip_suffix('|'))
        else {
            in_table = false;
            continue;
        };
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let (Some(word), Some(avoid)) = (cells.first(), cells.last()) else {
            continue;
        };
        if avoid.eq_ignore_ascii_case("avoid") {
            in_table = true;
        } else if in_table {
            found.extend(backticked(avoid).map(|name| Avoided {
                name: name.to_owned(),
                parts: parts(name),
                instead: word.replace(['*', '`'], ""),
            }));
        }
    }
    found.retain(|word| !word.parts.is_empty());
    found
}

/// Returns what stands between pairs of backticks.
fn backticked(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// Splits a name into its lower-case parts: `PeerManager` and `peer_manager` are peer, manager.
pub(super) fn parts(name: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut low_before = false;
    let mut fresh = true;
    for c in name.chars() {
        if !c.is_alphanumeric() {
            fresh = true;
            continue;
        }
        if fresh || (c.is_uppercase() && low_before) {
            found.push(String::new());
        }
        if let Some(last) = found.last_mut() {
            last.extend(c.to_lowercase());
        }
        low_before = c.is_lowercase();
        fresh = false;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "\
| word | meaning | avoid |
| --- | --- | --- |
| **Event** | the competition | `CompetitionEvent`, `Tournament` |
| **driver** | the loop | a `Manager` of anything |
";

    fn check_source(source: &str, expected: usize) {
        let found = check(&Tree::of(&[(GLOSSARY, TABLE), ("node/src/a.rs", source)]));
        assert_eq!(found.len(), expected, "{source}: {found:?}");
    }

    #[test]
    fn avoided_words_are_found_in_names_however_they_are_written() {
        check_source("struct Event; // no Tournament, no manager", 0);
        check_source("struct Tournament;", 1);
        check_source("struct PeerManager; fn peer_manager() {}", 2);
        check_source("let competition_event = 1; struct CompetitionEvents;", 1);
        check_source("fn managers() {}", 0);
        check_source("let a = PeerManager; let b = PeerManager;", 1);
    }

    #[test]
    fn a_word_of_somebody_elses_package_is_allowed_where_it_is_called() {
        let table = format!("{TABLE}| **x** | y | `Service` |\n");
        let source = "fn daemon() -> ServiceDaemon {}";
        for (path, expected) in [("node/src/net/mdns.rs", 0), ("node/src/driver.rs", 1)] {
            let found = check(&Tree::of(&[(GLOSSARY, &table), (path, source)]));
            assert_eq!(found.len(), expected, "{path}");
        }
    }

    #[test]
    fn a_glossary_that_says_nothing_is_found() {
        assert_eq!(check(&Tree::default()).len(), 1, "no glossary");
        assert_eq!(
            check(&Tree::of(&[(GLOSSARY, "# Words\n")])).len(),
            1,
            "no table"
        );
    }

    #[test]
    fn a_row_gives_the_word_to_say_instead() {
        let found = avoided(TABLE);
        assert_eq!(found.len(), 3, "two and one: {found:?}");
        assert_eq!(
            found.last().map(|word| word.instead.as_str()),
            Some("driver"),
            "without stars"
        );
    }
}
