//! How large a file may be: source that one person can hold in mind, and no blobs in the history.

use super::{Finding, Tree, lines};

/// A file of more lines is two things; the longest a reader scrolls through without losing it.
const SOURCE_LINES_MAX: usize = 800;

/// A larger file would stay in every clone for ever; the match data fits below it, compressed.
const FILE_BYTES_MAX: u64 = 256 * 1024;

/// Files above the line limit and the lines they may have. The list only shrinks: an entry that
/// is not needed is a finding too.
const LONG_FILES: [(&str, usize); 0] = [];

/// Checks the length of sources written by hand and the size of every file.
pub fn check(tree: &Tree) -> Vec<Finding> {
    check_with(tree, &LONG_FILES)
}

fn check_with(tree: &Tree, long: &[(&str, usize)]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree
        .files()
        .iter()
        .filter(|file| file.bytes > FILE_BYTES_MAX)
    {
        let text = format!("{} bytes, at most {FILE_BYTES_MAX}", file.bytes);
        findings.push(Finding::new(&file.path, 0, text));
    }
    for file in tree.rust() {
        let limit = long
            .iter()
            .find(|(path, _)| *path == file.path)
            .map(|(_, limit)| *limit);
        let count = lines(&file.text).count();
        if count > limit.unwrap_or(SOURCE_LINES_MAX) {
            let text = format!(
                "{count} lines, at most {}",
                limit.unwrap_or(SOURCE_LINES_MAX)
            );
            findings.push(Finding::new(&file.path, 0, text));
        }
        if limit.is_some() && count <= SOURCE_LINES_MAX {
            findings.push(Finding::new(
                &file.path,
                0,
                "is short again: take it off the list",
            ));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_sources_and_large_files_are_found_and_the_list_only_shrinks() {
        let long = "x\n".repeat(SOURCE_LINES_MAX + 1);
        let blob = "x".repeat(300_000);
        let tree = Tree::of(&[
            ("node/src/a.rs", &long),
            ("node/src/b.rs", "x\n"),
            ("proto/src/wire/generated.rs", &long),
            ("docs/picture.svg", &blob),
        ]);
        assert_eq!(check_with(&tree, &[]).len(), 2, "a long source and a blob");
        assert_eq!(
            check_with(&tree, &[("node/src/a.rs", 900)]).len(),
            1,
            "listed"
        );
        assert_eq!(
            check_with(&tree, &[("node/src/b.rs", 900)]).len(),
            3,
            "listed in vain"
        );
    }
}
