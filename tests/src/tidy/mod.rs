//! The rules of the house that no compiler checks: layers, purity, sizes, words, citations, links.
//!
//! Each module holds one rule as a function from the [`Tree`] of all tracked files to its
//! [`Finding`]s, and tries it on planted files, so that a rule that can no longer fail is noticed.
//! `tests/it/tidy.rs` runs them on the real tree. Layer: tests; it knows files and nothing of what
//! the program does.

pub mod absent;
pub mod acceptance;
pub mod citations;
pub mod code_map;
pub mod dependencies;
pub mod layers;
pub mod leftovers;
mod lexer;
pub mod links;
pub mod purity;
pub mod sizes;
pub mod thresholds;
pub mod words;

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
    process::Command,
};

/// One tracked file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its path from the root of the repository, with `/`.
    pub path: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// Its text; empty when it is not UTF-8.
    pub text: String,
}

/// All files of the repository that are tracked, or would be with the next `git add`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree {
    files: Vec<File>,
}

impl Tree {
    /// Reads the tree under `root`: what git lists, or without git every file outside `target`
    /// and hidden folders.
    ///
    /// # Errors
    /// If the folder or one of the listed files cannot be read.
    pub fn read(root: &Path) -> io::Result<Self> {
        let mut paths = listed_by_git(root).map_or_else(|| walk(root), Ok)?;
        paths.sort();
        paths.dedup();
        let mut files = Vec::with_capacity(paths.len());
        for path in paths {
            let full = root.join(&path);
            // A file that was deleted and not yet staged is listed and gone.
            if !full.is_file() {
                continue;
            }
            let bytes = fs::read(&full)?;
            let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
            let text = String::from_utf8(bytes).unwrap_or_default();
            files.push(File {
                path,
                bytes: size,
                text,
            });
        }
        Ok(Self { files })
    }

    /// Makes a tree of the given paths and texts; rules are tried on such trees.
    pub fn of(files: &[(&str, &str)]) -> Self {
        let file = |(path, text): &(&str, &str)| File {
            path: (*path).to_owned(),
            bytes: u64::try_from(text.len()).unwrap_or(u64::MAX),
            text: (*text).to_owned(),
        };
        Self {
            files: files.iter().map(file).collect(),
        }
    }

    /// Returns all files, sorted by path.
    pub fn files(&self) -> &[File] {
        &self.files
    }

    /// Returns the text of the file at exactly this path.
    pub fn text(&self, path: &str) -> Option<&str> {
        self.files
            .iter()
            .find(|file| file.path == path)
            .map(|file| file.text.as_str())
    }

    /// Returns whether a file or folder of this path is tracked.
    pub fn contains(&self, path: &str) -> bool {
        let folder = format!("{path}/");
        self.files
            .iter()
            .any(|file| file.path == path || file.path.starts_with(&folder))
    }

    /// Returns the Rust files written by hand: all but the generated code of the schema.
    pub fn rust(&self) -> impl Iterator<Item = &File> {
        self.files
            .iter()
            .filter(|file| has_extension(&file.path, "rs") && !is_generated(&file.path))
    }

    /// Returns the Markdown files.
    pub fn markdown(&self) -> impl Iterator<Item = &File> {
        self.files
            .iter()
            .filter(|file| has_extension(&file.path, "md"))
    }
}

/// One place that breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// The file, from the root of the repository.
    pub path: String,
    /// The line, from 1; 0 stands for the whole file.
    pub line: usize,
    /// What is wrong and what to do.
    pub text: String,
}

impl Finding {
    /// Makes a finding about one line, or about the whole file when `line` is 0.
    pub fn new(path: &str, line: usize, text: impl Into<String>) -> Self {
        Self {
            path: path.to_owned(),
            line,
            text: text.into(),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.path, self.text),
            line => write!(f, "{}:{line}: {}", self.path, self.text),
        }
    }
}

/// Returns the root of the repository that this package was built in.
pub fn repository_root() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap_or(package).to_path_buf()
}

/// Asks git for the tracked files and those that are neither tracked nor ignored.
fn listed_by_git(root: &Path) -> Option<Vec<String>> {
    let output = Command::new("git")
        .arg("-C")
        .arg(root)
        .args([
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ])
        .output()
        .ok()?;
    if !output.status.success() {
        return None;
    }
    let text = String::from_utf8(output.stdout).ok()?;
    let paths: Vec<String> = text
        .split('\0')
        .filter(|path| !path.is_empty())
        .map(str::to_owned)
        .collect();
    (!paths.is_empty()).then_some(paths)
}

/// Lists every file below `root` that is not in `target` or a hidden folder other than ours.
fn walk(root: &Path) -> io::Result<Vec<String>> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            let Ok(inside) = path.strip_prefix(root) else {
                continue;
            };
            let inside = inside.to_string_lossy().replace('\\', "/");
            if path.is_dir() {
                let ours = matches!(inside.as_str(), ".ci" | ".config");
                if inside != "target" && (ours || !inside.starts_with('.')) {
                    folders.push(path);
                }
            } else {
                found.push(inside);
            }
        }
    }
    Ok(found)
}

/// Returns whether the path ends with this extension.
fn has_extension(path: &str, extension: &str) -> bool {
    Path::new(path)
        .extension()
        .is_some_and(|found| found == extension)
}

/// Returns whether the file is made from the schema and checked by a test of its own.
fn is_generated(path: &str) -> bool {
    path.ends_with("/generated.rs")
}

/// Returns the numbered lines of a text, from 1.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    (1..).zip(text.lines())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_real_tree_is_read_with_sizes_and_texts() {
        let tree = Tree::read(&repository_root()).unwrap();
        let manifest = tree
            .text("Cargo.toml")
            .expect("the root manifest is tracked");
        assert!(
            manifest.contains("[workspace]"),
            "the root manifest is the workspace's"
        );
        assert!(
            tree.contains("tests/src"),
            "folders are found by the files in them"
        );
        assert!(
            !tree
                .files()
                .iter()
                .any(|file| file.path.starts_with("target/")),
            "no build output"
        );
    }

    #[test]
    fn walking_without_git_finds_the_same_manifest_and_no_build_output() {
        let paths = walk(&repository_root()).unwrap();
        assert!(
            paths.iter().any(|path| path == "tests/Cargo.toml"),
            "the walk goes into folders"
        );
        assert!(
            !paths.iter().any(|path| path.starts_with("target/")),
            "no build output"
        );
    }

    #[test]
    fn a_finding_names_file_and_line() {
        assert_eq!(
            Finding::new("a.rs", 3, "wrong").to_string(),
            "a.rs:3: wrong",
            "with a line"
        );
        assert_eq!(
            Finding::new("a.rs", 0, "wrong").to_string(),
            "a.rs: wrong",
            "whole file"
        );
    }
}
