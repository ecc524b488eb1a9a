//! What this version says it does without: two acceptance rows that are kept by not writing code.

use super::{
    Finding, Tree,
    lexer::{Kind, tokens},
    words::parts,
};

/// Where scores are kept, moved and counted. There, two versions are never made into a third.
const SCORES: [&str; 4] = [
    "proto/src/",
    "node/src/store",
    "node/src/driver",
    "simulator/src/",
];

/// Words of code that makes one version out of two.
const MERGING: [&str; 4] = ["merge", "merged", "crdt", "reconcile"];

/// What ships to every device.
const SHIPPED: [&str; 4] = ["keys/src/", "proto/src/", "node/src/", "simulator/src/"];

/// Words of code that belongs on somebody's server.
const SERVER_ONLY: [&str; 6] = [
    "billing",
    "invoice",
    "payment",
    "subscription",
    "tenant",
    "impersonate",
];

/// What other people's packages are to be called by, and where.
const FOREIGN: [(&str, &str); 1] = [
    // A client of NATS bounds what it has heard by this name.
    ("node/src/cloud/nats", "subscription_capacity"),
];

/// Checks that no code merges scores (acceptance row S1-05): conflicts are designed out.
pub fn check_merging(tree: &Tree) -> Vec<Finding> {
    find(
        tree,
        &SCORES,
        &MERGING,
        "scores are never merged: void, and record again",
    )
}

/// Checks that nothing ships that only a server needs (acceptance row S1-06).
pub fn check_server_only(tree: &Tree) -> Vec<Finding> {
    find(tree, &SHIPPED, &SERVER_ONLY, "does not ship to devices")
}

fn find(tree: &Tree, places: &[&str], words: &[&str], why: &str) -> Vec<Finding> {
    let here = |path: &str| places.iter().any(|place| path.starts_with(place));
    let mut findings = Vec::new();
    for file in tree.rust().filter(|file| here(&file.path)) {
        for token in tokens(&file.text)
            .iter()
            .filter(|token| token.kind == Kind::Word)
        {
            let foreign = FOREIGN
                .iter()
                .any(|(place, name)| file.path.starts_with(place) && token.is_word(name));
            if !foreign
                && parts(token.text)
                    .iter()
                    .any(|part| words.contains(&part.as_str()))
            {
                let text = format!("{}: {why}", token.text);
                findings.push(Finding::new(&file.path, token.line, text));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_that_merges_scores_is_found_and_a_merged_configuration_is_not() {
        let tree = Tree::of(&[
            ("proto/src/rules/a.rs", "fn merge_scores() {}"),
            ("proto/src/rules/b.rs", "// we never merge\nfn emerge() {}"),
            ("node/src/config.rs", "fn merged() {}"),
        ]);
        assert_eq!(check_merging(&tree).len(), 1, "one function");
    }

    #[test]
    fn code_for_a_server_is_found() {
        let tree = Tree::of(&[
            ("node/src/cloud.rs", "struct InvoiceSender;"),
            ("tests/src/a.rs", "struct Invoice;"),
        ]);
        assert_eq!(check_server_only(&tree).len(), 1, "one type that ships");
    }
}
