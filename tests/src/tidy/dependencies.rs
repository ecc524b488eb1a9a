//! Packages from outside and the reasons for them: every one in the root manifest has a line in
//! docs/decisions/, and every package of ours takes its version from there.

use super::{Finding, Tree};

/// Where the reasons are.
const DECISIONS: &str = "docs/decisions/";

/// Checks that no package from outside is used without a written reason.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let manifest = tree
        .text("Cargo.toml")
        .and_then(|text| text.parse::<toml::Table>().ok());
    let Some(manifest) = manifest else {
        return vec![Finding::new(
            "Cargo.toml",
            0,
            "is missing or not valid TOML",
        )];
    };
    let workspace = manifest.get("workspace").and_then(toml::Value::as_table);
    let listed = workspace.and_then(|workspace| workspace.get("dependencies"));
    let Some(listed) = listed.and_then(toml::Value::as_table) else {
        return vec![Finding::new(
            "Cargo.toml",
            0,
            "has no [workspace.dependencies]",
        )];
    };
    let reasons: Vec<&str> = tree
        .markdown()
        .filter(|file| file.path.starts_with(DECISIONS))
        .map(|file| file.text.as_str())
        .collect();
    listed
        .keys()
        .filter(|name| !name.starts_with("tallyline"))
        .filter(|name| {
            !reasons
                .iter()
                .any(|text| text.contains(&format!("`{name}`")))
        })
        .map(|name| {
            Finding::new(
                "Cargo.toml",
                0,
                format!("{name} has no line in {DECISIONS}"),
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_without_a_reason_is_found() {
        let manifest = "[workspace.dependencies]\ntallyline = \"1\"\nredb = \"4\"\nrand = \"1\"";
        let tree = Tree::of(&[
            ("Cargo.toml", manifest),
            ("docs/decisions/0001-a.md", "`redb`: the store"),
            ("README.md", "`rand` is mentioned elsewhere"),
        ]);
        let found: Vec<String> = check(&tree)
            .into_iter()
            .map(|finding| finding.text)
            .collect();
        assert_eq!(found, ["rand has no line in docs/decisions/"], "one");
        assert_eq!(check(&Tree::default()).len(), 1, "no manifest");
    }
}
