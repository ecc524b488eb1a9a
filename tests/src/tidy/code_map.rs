//! The code map of docs/ARCHITECTURE.md and the sources: each module right below a package's
//! `src` is named there, and each source begins by saying what it is for.

use std::collections::BTreeSet;

use super::{Finding, Tree};

/// Where the code map is.
const ARCHITECTURE: &str = "docs/ARCHITECTURE.md";

/// Folders whose direct children the map must name.
const ROOTS: [&str; 5] = [
    "keys/src/",
    "proto/src/",
    "node/src/",
    "simulator/src/",
    "tests/src/",
];

/// Checks that the map names every top module, as `name` in backticks in the package's section.
pub fn check_map(tree: &Tree) -> Vec<Finding> {
    let Some(map) = tree.text(ARCHITECTURE) else {
        return vec![Finding::new(
            ARCHITECTURE,
            0,
            "the architecture's document is missing",
        )];
    };
    let mut findings = Vec::new();
    for root in ROOTS {
        let section = section(map, root.split('/').next().unwrap_or_default());
        let modules: BTreeSet<&str> = tree
            .rust()
            .filter_map(|file| file.path.strip_prefix(root))
            .filter_map(|path| path.split('/').next())
            .map(|name| name.strip_suffix(".rs").unwrap_or(name))
            .filter(|name| *name != "lib")
            .collect();
        for module in modules.into_iter().filter(|name| !names(section, name)) {
            let text = format!("the code map does not name {root}{module}");
            findings.push(Finding::new(ARCHITECTURE, 0, text));
        }
    }
    findings
}

/// Returns the part of the map under the heading of a package: "### keys/ ...".
fn section<'a>(map: &'a str, package: &str) -> &'a str {
    let heading = format!("\n### {package}/");
    let Some((_, rest)) = map.split_once(&heading) else {
        return "";
    };
    rest.split("\n#").next().unwrap_or(rest)
}

/// Returns whether a section names a module, alone or as a folder.
fn names(section: &str, module: &str) -> bool {
    ["`", ".rs`", "/`"]
        .iter()
        .any(|end| section.contains(&format!("`{module}{end}")))
}

/// Checks that every source outside test files begins with a module comment.
pub fn check_headings(tree: &Tree) -> Vec<Finding> {
    let test_file = |path: &str| path.ends_with("/tests.rs") || path.contains("/tests/");
    tree.rust()
        .filter(|file| !test_file(&file.path) && !file.text.starts_with("//!"))
        .map(|file| {
            let text = "begins without //!: what it is for, what it may not know, its layer";
            Finding::new(&file.path, 1, text)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_that_the_map_does_not_name_is_found() {
        let map =
            "# A\n### keys/ who\n| `device` | x |\n### proto/ what\n| `wire/` | `sign` |\n## B\n";
        let tree = Tree::of(&[
            (ARCHITECTURE, map),
            ("keys/src/lib.rs", ""),
            ("keys/src/device/tests.rs", ""),
            ("keys/src/sign.rs", ""),
            ("proto/src/wire/mod.rs", ""),
        ]);
        let found = check_map(&tree);
        assert_eq!(
            found.len(),
            1,
            "sign is named under another package: {found:?}"
        );
        assert_eq!(check_map(&Tree::default()).len(), 1, "no document");
    }

    #[test]
    fn a_source_without_a_module_comment_is_found() {
        let tree = Tree::of(&[
            ("node/src/a.rs", "use x;"),
            ("node/src/b.rs", "//! What it is for.\n"),
            ("node/src/b/tests.rs", "use super::*;"),
        ]);
        assert_eq!(check_headings(&tree).len(), 1, "only the first");
    }
}
