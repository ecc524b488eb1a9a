//! The requirements of docs/PROTOCOL.md and the code that keeps them: ids such as `R-LOG-3`, each
//! defined once, each cited by a source or a test, and none cited that is not defined.

use std::collections::{BTreeMap, BTreeSet};

use super::{File, Finding, Tree, has_extension, lines};

/// Where requirements are defined.
const PROTOCOL: &str = "docs/PROTOCOL.md";

/// Requirements that no code cites. The list only shrinks: one that is cited, or is no longer
/// defined, is a finding.
const UNCITED: [&str; 0] = [];

/// Checks that requirements and code name each other.
pub fn check(tree: &Tree) -> Vec<Finding> {
    check_with(tree, &UNCITED)
}

fn check_with(tree: &Tree, uncited: &[&str]) -> Vec<Finding> {
    let Some(protocol) = tree.text(PROTOCOL) else {
        return vec![Finding::new(
            PROTOCOL,
            0,
            "the protocol's document is missing",
        )];
    };
    let (defined, mut findings) = definitions(protocol);
    if defined.is_empty() {
        findings.push(Finding::new(PROTOCOL, 0, "defines no requirement"));
    }
    let mut cited = BTreeSet::new();
    for file in tree.files().iter().filter(|file| cites(file)) {
        for (line, id) in
            lines(&file.text).flat_map(|(line, text)| ids(text).map(move |id| (line, id)))
        {
            if !defined.contains_key(id) {
                let text = format!("{id} is not defined in {PROTOCOL}");
                findings.push(Finding::new(&file.path, line, text));
            }
            if file.path != PROTOCOL {
                cited.insert(id);
            }
        }
    }
    for (id, line) in &defined {
        if !cited.contains(id) && !uncited.contains(id) {
            findings.push(Finding::new(
                PROTOCOL,
                *line,
                format!("{id} is cited by no code or test"),
            ));
        }
    }
    for id in uncited
        .iter()
        .filter(|id| cited.contains(*id) || !defined.contains_key(*id))
    {
        findings.push(Finding::new(
            PROTOCOL,
            0,
            format!("{id}: take it off the list of uncited"),
        ));
    }
    findings
}

/// Returns where each requirement is defined: at the beginning of a line, behind nothing but the
/// marks of a list, a table, a heading or bold type.
fn definitions(protocol: &str) -> (BTreeMap<&str, usize>, Vec<Finding>) {
    let mut defined = BTreeMap::new();
    let mut findings = Vec::new();
    for (line, text) in lines(protocol) {
        let text = text.trim_start_matches(['|', '*', '-', '#', '`', ' ', '[', '<']);
        let Some(id) = ids(text).next().filter(|id| text.starts_with(*id)) else {
            continue;
        };
        if defined.insert(id, line).is_some() {
            findings.push(Finding::new(
                PROTOCOL,
                line,
                format!("{id} is defined twice"),
            ));
        }
    }
    (defined, findings)
}

/// Returns whether ids in this file are citations: sources, schemas, and the document itself. The
/// examples in this folder are not.
fn cites(file: &File) -> bool {
    let code = has_extension(&file.path, "rs") || has_extension(&file.path, "proto");
    (code && !file.path.starts_with("tests/src/tidy/")) || file.path == PROTOCOL
}

/// Returns the ids in a text: `R-`, capital letters, `-`, digits.
fn ids(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices("R-").filter_map(|(at, _)| {
        let before = text.get(..at)?.chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || c == '-' || c == '_') {
            return None;
        }
        let rest = text.get(at + 2..)?;
        let letters = rest
            .find(|c: char| !c.is_ascii_uppercase())
            .unwrap_or(rest.len());
        let number = rest.get(letters..)?.strip_prefix('-')?;
        let digits = number
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(number.len());
        let whole = 2 + letters + 1 + digits;
        (letters > 0 && digits > 0)
            .then(|| text.get(at..at + whole))
            .flatten()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: &str = "**R-LOG-1** A log ...\n| R-LOG-2 | as R-LOG-1 says | x |\n";

    fn check_source(source: &str, uncited: &[&str], expected: &[&str]) {
        let tree = Tree::of(&[(PROTOCOL, DOCUMENT), ("proto/src/log/a.rs", source)]);
        let found = check_with(&tree, uncited);
        let texts: Vec<&str> = found.iter().map(|finding| finding.text.as_str()).collect();
        assert_eq!(texts, expected, "{source}");
    }

    #[test]
    fn requirements_and_citations_must_meet() {
        check_source("// Source: R-LOG-1, R-LOG-2.", &[], &[]);
        check_source("// R-LOG-1", &[], &["R-LOG-2 is cited by no code or test"]);
        check_source("// R-LOG-1", &["R-LOG-2"], &[]);
        check_source(
            "// R-LOG-1 R-LOG-2",
            &["R-LOG-2"],
            &["R-LOG-2: take it off the list of uncited"],
        );
        let unknown = "R-LOG-9 is not defined in docs/PROTOCOL.md";
        check_source("// R-LOG-1 R-LOG-2 R-LOG-9", &[], &[unknown]);
        check_source(
            "// R-LOG-1 R-LOG-2, and R-01 is an acceptance row, FOR-EVER-1 nothing",
            &[],
            &[],
        );
    }

    #[test]
    fn a_requirement_is_defined_once_and_the_document_exists() {
        let twice = format!("{DOCUMENT}- R-LOG-1 again\n");
        let tree = Tree::of(&[(PROTOCOL, &twice), ("a.rs", "// R-LOG-1 R-LOG-2")]);
        assert_eq!(check_with(&tree, &[]).len(), 1, "defined twice");
        assert_eq!(check_with(&Tree::default(), &[]).len(), 1, "no document");
        assert_eq!(
            check_with(&Tree::of(&[(PROTOCOL, "# Protocol")]), &[]).len(),
            1,
            "says nothing"
        );
    }
}
