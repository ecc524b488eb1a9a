//! Links between documents: each relative one leads to a tracked file or folder.

use super::{Finding, Tree, lines};

/// Checks every relative link of every Markdown file.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.markdown() {
        let folder = file.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let mut in_code = false;
        for (line, text) in lines(&file.text) {
            if text.trim_start().starts_with("```") {
                in_code = !in_code;
            }
            if in_code {
                continue;
            }
            for target in targets(text) {
                let leads = resolve(folder, target).is_some_and(|path| exists(tree, &path));
                if !leads {
                    findings.push(Finding::new(
                        &file.path,
                        line,
                        format!("{target} leads nowhere"),
                    ));
                }
            }
        }
    }
    findings
}

/// Returns the relative targets of the links in a line, without their anchors.
fn targets(text: &str) -> impl Iterator<Item = &str> {
    text.split("](").skip(1).filter_map(|rest| {
        let target = rest.split([')', ' ']).next()?;
        let outside = target.contains("://") || target.starts_with("mailto:");
        let path = target.split('#').next()?;
        (!outside && !path.is_empty()).then_some(path)
    })
}

/// Returns the path from the root of the repository; `None` leads out of it.
fn resolve(folder: &str, target: &str) -> Option<String> {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

/// Returns whether a path is there; the root itself is.
fn exists(tree: &Tree, path: &str) -> bool {
    path.is_empty() || tree.contains(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_that_lead_nowhere_are_found() {
        let text = "\
[a](ARCHITECTURE.md#map) [b](../proto/src) [c](https://example.org/x) [d](#here) [e](../)
[f](MISSING.md) [g](../../outside.md)
```
[h](not-a-link.md)
```
";
        let tree = Tree::of(&[
            ("docs/TESTING.md", text),
            ("docs/ARCHITECTURE.md", ""),
            ("proto/src/lib.rs", ""),
        ]);
        let found: Vec<String> = check(&tree)
            .into_iter()
            .map(|finding| finding.text)
            .collect();
        assert_eq!(
            found,
            ["MISSING.md leads nowhere", "../../outside.md leads nowhere"],
            "two"
        );
    }
}
