//! The committed code under `src/wire/generated.rs` is what the schema generates.
//!
//! No `protoc` is needed: protox compiles the schema in Rust. Run with `UPDATE_GENERATED=1` after
//! a change of the schema.
#![cfg(test)]

use std::{fs, path::Path};

#[test]
fn the_committed_code_is_what_the_schema_generates() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let schema = root.join("schema");
    let files = ["structure", "log", "control", "sync"]
        .map(|name| schema.join(format!("tallyline/v1/{name}.proto")));
    let set = protox::compile(files, [&schema]).expect("the schema compiles");
    let out = tempfile_dir();
    prost_build::Config::new()
        .btree_map(["."])
        .out_dir(&out)
        .compile_fds(set)
        .expect("the schema generates");
    let fresh = fs::read_to_string(out.join("tallyline.v1.rs")).expect("code was generated");
    fs::remove_dir_all(&out).expect("the scratch folder goes away");
    let committed = root.join("src/wire/generated.rs");
    if std::env::var_os("UPDATE_GENERATED").is_some() {
        fs::write(&committed, &fresh).expect("the generated code is written");
    }
    let held = fs::read_to_string(&committed).expect("generated code is committed");
    assert!(
        held == fresh,
        "src/wire/generated.rs is stale: run with UPDATE_GENERATED=1"
    );
}

fn tempfile_dir() -> std::path::PathBuf {
    let dir = std::env::temp_dir().join(format!("tallyline-generated-{}", std::process::id()));
    fs::create_dir_all(&dir).expect("a scratch folder is made");
    dir
}
