//! Who may import whom: packages by their manifests, the modules of `proto` by their paths, and
//! which folder alone knows a given package.

use std::iter;

use super::{
    File, Finding, Tree,
    lexer::{Kind, Token, tokens},
};

/// The packages of the workspace by folder: name, and the packages of ours it may depend on.
const PACKAGES: [(&str, &str, &[&str]); 5] = [
    ("keys", "tallyline-keys", &[]),
    ("proto", "tallyline-proto", &["tallyline-keys"]),
    ("node", "tallyline", &["tallyline-keys", "tallyline-proto"]),
    (
        "simulator",
        "tallyline-simulator",
        &["tallyline-keys", "tallyline-proto", "tallyline"],
    ),
    (
        "tests",
        "tallyline-tests",
        &[
            "tallyline-keys",
            "tallyline-proto",
            "tallyline",
            "tallyline-simulator",
        ],
    ),
];

/// The modules of `proto` and the ones each may import.
const MODULES: [(&str, &[&str]); 7] = [
    ("model", &[]),
    ("wire", &["model"]),
    ("rules", &["model"]),
    ("log", &["model", "wire", "rules"]),
    ("sync", &["model", "wire", "rules", "log"]),
    ("replica", &["model", "wire", "rules", "log", "sync"]),
    (
        "trace",
        &["model", "wire", "rules", "log", "sync", "replica"],
    ),
];

/// Packages that only some files may name, so that each could be replaced in one place.
const OWNERS: [(&str, &[&str]); 12] = [
    ("ed25519_dalek", &["keys/src/device", "keys/src/sign"]),
    ("rcgen", &["keys/src/tls", "tests/src/hostile/"]),
    ("prost", &["proto/src/wire/", "proto/tests/"]),
    ("redb", &["node/src/store"]),
    ("sqlx", &["node/src/store", "tests/it/", "tests/benches/"]),
    ("async_nats", &["node/src/cloud/nats"]),
    (
        "quinn",
        &["node/src/net", "simulator/src/wire/", "tests/src/hostile/"],
    ),
    ("mdns_sd", &["node/src/net"]),
    ("axum", &["node/src/api"]),
    (
        "tokio_rustls",
        &["node/src/net/fallback", "node/src/api/uplink"],
    ),
    ("tokio_tungstenite", &["node/src/net/fallback"]),
    ("object_store", &["node/src/media/depot"]),
];

/// Checks that packages depend on lower ones only, and on nothing from outside a registry.
pub fn check_packages(tree: &Tree) -> Vec<Finding> {
    PACKAGES
        .iter()
        .flat_map(|package| check_package(tree, *package))
        .collect()
}

fn check_package(tree: &Tree, package: (&str, &str, &[&str])) -> Vec<Finding> {
    let (folder, name, allowed) = package;
    let path = format!("{folder}/Cargo.toml");
    let Some(text) = tree.text(&path) else {
        return vec![Finding::new(&path, 0, "the package is missing")];
    };
    let Ok(manifest) = text.parse::<toml::Table>() else {
        return vec![Finding::new(&path, 0, "is not valid TOML")];
    };
    let mut findings = Vec::new();
    let found = manifest
        .get("package")
        .and_then(|package| package.get("name"));
    if found.and_then(toml::Value::as_str) != Some(name) {
        findings.push(Finding::new(
            &path,
            0,
            format!("the package is to be named {name}"),
        ));
    }
    for (dependency, source) in dependencies(&manifest) {
        let ours = dependency.starts_with("tallyline");
        if ours && !allowed.contains(&dependency) {
            findings.push(Finding::new(
                &path,
                0,
                format!("{name} may not import {dependency}"),
            ));
        }
        if source.get("git").is_some() {
            findings.push(Finding::new(
                &path,
                0,
                format!("{dependency} comes from git"),
            ));
        }
    }
    findings
}

/// Returns every dependency of a manifest: ordinary, for tests, for builds, for one target.
fn dependencies(manifest: &toml::Table) -> Vec<(&str, &toml::Value)> {
    let targets = manifest.get("target").and_then(toml::Value::as_table);
    let per_target = targets
        .into_iter()
        .flatten()
        .filter_map(|(_, value)| value.as_table());
    iter::once(manifest)
        .chain(per_target)
        .flat_map(|table| {
            let kinds = ["dependencies", "dev-dependencies", "build-dependencies"];
            kinds
                .into_iter()
                .filter_map(|kind| table.get(kind))
                .filter_map(toml::Value::as_table)
        })
        .flatten()
        .map(|(name, source)| {
            let real = source.get("package").and_then(toml::Value::as_str);
            (real.unwrap_or(name), source)
        })
        .collect()
}

/// Checks that each module of `proto` imports lower ones only, tests included.
pub fn check_modules(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.rust() {
        let Some(inside) = file.path.strip_prefix("proto/src/") else {
            continue;
        };
        if inside == "lib.rs" {
            continue;
        }
        let home = module_path(inside);
        let Some(own) = home.first().copied() else {
            continue;
        };
        let Some((_, allowed)) = MODULES.iter().find(|(name, _)| *name == own) else {
            let text = format!("module {own} has no layer: name it in the layer test");
            findings.push(Finding::new(&file.path, 0, text));
            continue;
        };
        findings.extend(check_module(file, &home, allowed));
    }
    findings
}

fn check_module(file: &File, home: &[&str], allowed: &[&str]) -> Vec<Finding> {
    let tokens = tokens(&file.text);
    let own = home.first().copied().unwrap_or_default();
    let mut findings = Vec::new();
    for (line, path) in crate_paths(&tokens, home) {
        let Some(first) = path.first().copied() else {
            continue;
        };
        let known = MODULES.iter().any(|(name, _)| *name == first);
        if first == "*" || (known && first != own && !allowed.contains(&first)) {
            findings.push(Finding::new(
                &file.path,
                line,
                format!("{own} may not import {first}"),
            ));
        }
    }
    let by_path = tokens.windows(3).filter(|window| {
        matches!(window, [a, b, c] if a.is_sign("#") && b.is_sign("[") && c.is_word("path"))
    });
    for token in by_path.filter_map(<[Token<'_>]>::first) {
        findings.push(Finding::new(
            &file.path,
            token.line,
            "a module is where its name says",
        ));
    }
    findings
}

/// Returns the module that a file below `src` is.
fn module_path(inside: &str) -> Vec<&str> {
    let path = inside.strip_suffix(".rs").unwrap_or(inside);
    path.strip_suffix("/mod")
        .unwrap_or(path)
        .split('/')
        .collect()
}

/// Returns every path that starts at the root of the crate, by `crate` or by enough `super`, with
/// the line it stands on.
fn crate_paths<'a>(tokens: &[Token<'a>], home: &[&'a str]) -> Vec<(usize, Vec<&'a str>)> {
    let mut found = Vec::new();
    let mut blocks: Vec<Option<&str>> = Vec::new();
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        let before = at.checked_sub(1).and_then(|before| tokens.get(before));
        let starts = !before.is_some_and(|before| before.is_sign("::"));
        let goes_on = tokens.get(at + 1).is_some_and(|next| next.is_sign("::"));
        if starts && goes_on && (token.is_word("crate") || token.is_word("super")) {
            let inner = blocks.iter().flatten().copied();
            let here: Vec<&str> = home.iter().copied().chain(inner).collect();
            let base = if token.is_word("crate") {
                Vec::new()
            } else {
                here
            };
            let start = if token.is_word("crate") { at + 2 } else { at };
            let mut paths = Vec::new();
            at = read_path(tokens, start, base, &mut paths).max(at + 1);
            found.extend(paths.into_iter().map(|path| (token.line, path)));
            continue;
        }
        if token.is_sign("{") {
            blocks.push(inline_module(tokens, at));
        } else if token.is_sign("}") {
            blocks.pop();
        }
        at += 1;
    }
    found
}

/// Returns the name of the module whose block opens at `at`, if one does.
fn inline_module<'a>(tokens: &[Token<'a>], at: usize) -> Option<&'a str> {
    let name = tokens.get(at.checked_sub(1)?)?;
    let keyword = tokens.get(at.checked_sub(2)?)?;
    (keyword.is_word("mod") && name.kind == Kind::Word).then_some(name.text)
}

/// Reads one path or use tree from `at`, appends what it names, and returns the place behind it.
fn read_path<'a>(
    tokens: &[Token<'a>],
    at: usize,
    mut base: Vec<&'a str>,
    paths: &mut Vec<Vec<&'a str>>,
) -> usize {
    let mut at = at;
    while let Some(token) = tokens.get(at) {
        if token.is_sign("{") {
            return read_group(tokens, at + 1, &base, paths);
        }
        at += 1;
        if token.is_word("super") {
            base.pop();
        } else if token.kind == Kind::Word || token.is_sign("*") {
            if !token.is_word("self") {
                base.push(token.text);
            }
        } else {
            at -= 1;
            break;
        }
        if !tokens.get(at).is_some_and(|next| next.is_sign("::")) {
            break;
        }
        at += 1;
    }
    paths.push(base);
    at
}

/// Reads the items of a use tree's braces and returns the place behind the closing one.
fn read_group<'a>(
    tokens: &[Token<'a>],
    at: usize,
    base: &[&'a str],
    paths: &mut Vec<Vec<&'a str>>,
) -> usize {
    let mut at = at;
    while let Some(token) = tokens.get(at) {
        if token.is_sign("}") {
            return at + 1;
        }
        let begins = token.kind == Kind::Word || token.is_sign("*");
        if token.is_word("as") {
            at += 2;
        } else if begins {
            at = read_path(tokens, at, base.to_vec(), paths).max(at + 1);
        } else {
            at += 1;
        }
    }
    at
}

/// Checks that packages with one home are named nowhere else.
pub fn check_owners(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let product = ["keys/", "proto/", "node/src/", "simulator/"];
    let files = tree
        .rust()
        .filter(|file| product.iter().any(|start| file.path.starts_with(start)));
    for file in files {
        for token in tokens(&file.text) {
            let owner = OWNERS.iter().find(|(package, _)| token.is_word(package));
            let Some((package, homes)) = owner else {
                continue;
            };
            if !homes.iter().any(|home| file.path.starts_with(home)) {
                let text = format!("only {} may name {package}", homes.join(", "));
                findings.push(Finding::new(&file.path, token.line, text));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifests(keys: &str, proto: &str) -> Tree {
        let manifest = |name: &str, rest: &str| format!("[package]\nname = \"{name}\"\n{rest}");
        Tree::of(&[
            ("keys/Cargo.toml", &manifest("tallyline-keys", keys)),
            ("proto/Cargo.toml", &manifest("tallyline-proto", proto)),
            ("node/Cargo.toml", &manifest("tallyline", "")),
            ("simulator/Cargo.toml", &manifest("tallyline-simulator", "")),
            ("tests/Cargo.toml", &manifest("tallyline-tests", "")),
        ])
    }

    #[test]
    fn a_package_that_imports_upwards_is_found() {
        let down = "[dependencies]\ntallyline-keys.workspace = true";
        assert_eq!(
            check_packages(&manifests("", down)),
            [],
            "downwards is fine"
        );
        let up = "[dev-dependencies]\ntallyline-proto = { path = \"../proto\" }";
        assert_eq!(
            check_packages(&manifests(up, down)).len(),
            1,
            "also for tests"
        );
        let renamed = "[target.'cfg(unix)'.dependencies]\np = { package = \"tallyline\", path = \"../node\" }";
        assert_eq!(
            check_packages(&manifests("", renamed)).len(),
            1,
            "also under another name"
        );
        let git = "[dependencies]\nblake3 = { git = \"somewhere\" }";
        assert_eq!(
            check_packages(&manifests(git, "")).len(),
            1,
            "git is no registry"
        );
        assert_eq!(
            check_packages(&Tree::default()).len(),
            5,
            "a missing package is noticed"
        );
    }

    fn check(path: &str, source: &str, expected: &[&str]) {
        let found = check_modules(&Tree::of(&[(path, source)]));
        let texts: Vec<&str> = found.iter().map(|finding| finding.text.as_str()).collect();
        assert_eq!(texts, expected, "{path}: {source}");
    }

    #[test]
    fn a_module_that_imports_upwards_is_found_however_it_is_written() {
        check("proto/src/rules/mod.rs", "use crate::model::Score;", &[]);
        check(
            "proto/src/rules/mod.rs",
            "use crate::wire::Frame;",
            &["rules may not import wire"],
        );
        check(
            "proto/src/model/ids.rs",
            "use crate::{model::{A, B}, log::C};",
            &["model may not import log"],
        );
        check(
            "proto/src/wire/mod.rs",
            "fn f() { crate::rules::book(); }",
            &["wire may not import rules"],
        );
        check(
            "proto/src/wire/frame.rs",
            "use super::super::rules::X;",
            &["wire may not import rules"],
        );
        check(
            "proto/src/wire/frame.rs",
            "use super::super::{model::Y, sync as s};",
            &["wire may not import sync"],
        );
        check(
            "proto/src/wire/frame.rs",
            "use super::{super::rules::X};",
            &["wire may not import rules"],
        );
        check(
            "proto/src/log/mod.rs",
            "mod t { use super::super::replica::R; }",
            &["log may not import replica"],
        );
        check("proto/src/log/mod.rs", "mod t { use super::sync; }", &[]);
        check(
            "proto/src/log/mod.rs",
            "use crate::*;",
            &["log may not import *"],
        );
        check(
            "proto/src/log/mod.rs",
            "// use crate::replica::R;\nlet s = \"crate::sync::S\";",
            &[],
        );
        check(
            "proto/src/log/mod.rs",
            "#[path = \"x.rs\"] mod x;",
            &["a module is where its name says"],
        );
        check(
            "proto/src/extra.rs",
            "",
            &["module extra has no layer: name it in the layer test"],
        );
    }

    #[test]
    fn a_package_named_outside_its_home_is_found() {
        let planted = Tree::of(&[
            ("node/src/store/mod.rs", "use redb::Database;"),
            (
                "node/src/driver.rs",
                "fn f() -> redb::Error {}\nuse quinn::Endpoint;",
            ),
            ("proto/src/log/chain.rs", "use prost::Message as _;"),
            ("proto/src/wire/generated.rs", "use prost::Message;"),
        ]);
        let lines: Vec<usize> = check_owners(&planted)
            .iter()
            .map(|finding| finding.line)
            .collect();
        assert_eq!(lines, [1, 2, 1], "driver names two, log names one");
    }
}
