//! Where campaigns begin: the protocol's golden vectors and what people write, as inputs of each
//! target.

use std::{fs, path::Path};

use serde_json::Value;

/// Returns the first inputs of a target, each with a name.
///
/// # Panics
/// If a file of golden vectors is missing or cannot be read.
pub fn of(target: &str) -> Vec<(String, Vec<u8>)> {
    match target {
        "frame" => vectors(&["frames", "refused_frames"], frame),
        "entry" => vectors(&["entries", "refused_entries"], entry),
        "ticket" => vectors(&["ticket", "refused_files"], <[u8]>::to_vec),
        "bundle" => vectors(&["bundle", "event", "refused_files"], bundle),
        "structure" => vec![("event".to_owned(), STRUCTURE.to_vec())],
        "control" => [programs(40, 8), lotteries(64, 256)].concat(),
        _ => programs(12, 16),
    }
}

/// A small file with every field that has a meaning.
const STRUCTURE: &[u8] = br#"{"event":"Trial","level":"L1","date":"2018-07-25","zone_min":120,
"ruleset":"ipsc","divisions":["Open","Production"],
"division_power_factors":{"Open":{"minor":125,"major":160},"Production":{"minor":125}},
"rules":{"procedurals":[{"uuid":"a","name":"Line"}],"dqs":[{"uuid":"b","name":"Muzzle"}],
"dnfs":[{"uuid":"c","name":"DNF"}]},
"stages":[{"stage":1,"name":"Bridge","scoring":"Comstock","strings":1,"target_shots":[2,2],
"steel":2,"no_shoots":true},{"stage":2,"name":"Chrono","scoring":"Chrono"}],
"shooters":[{"shooter":1,"label":"A","division":"Open","power_factor":"MAJOR","squad":1,
"categories":["Lady"]},{"shooter":2,"label":"B","division":"Production",
"power_factor":"MINOR","squad":1}]}"#;

/// Reads golden vectors: hexadecimal ones as their bytes, others as their text.
fn vectors(files: &[&str], wrap: fn(&[u8]) -> Vec<u8>) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../proto/tests/vectors/v1");
    let mut seeds = Vec::new();
    for file in files {
        let text = fs::read_to_string(folder.join(format!("{file}.json"))).unwrap_or_default();
        let values: Value = serde_json::from_str(&text).unwrap_or_default();
        assert!(values.is_object(), "{file}.json holds golden vectors");
        for (name, value) in values.as_object().into_iter().flatten() {
            let text = value.as_str().unwrap_or_default();
            let bytes = unhex(text).unwrap_or_else(|| text.as_bytes().to_vec());
            seeds.push((format!("{file}: {name}"), wrap(&bytes)));
        }
    }
    seeds
}

/// A raw frame that a tablet says to the owner's device.
fn frame(bytes: &[u8]) -> Vec<u8> {
    [&[0, 1, 0, 0][..], &length(bytes), bytes].concat()
}

/// A raw entry of a tablet.
fn entry(bytes: &[u8]) -> Vec<u8> {
    [&[2, 0, 0][..], &length(bytes), bytes].concat()
}

/// A raw file, taken in on a device without an event.
fn bundle(bytes: &[u8]) -> Vec<u8> {
    [&[0, 0][..], bytes].concat()
}

/// Programs of mixed bytes, of growing length: where a target draws everything, any will do.
fn programs(count: u8, step: usize) -> Vec<(String, Vec<u8>)> {
    let program = |nth: u8| {
        let mixed = (0..step * usize::from(nth)).map(|place| {
            let [low, ..] = place.wrapping_mul(167).to_le_bytes();
            low.wrapping_mul(nth) >> 1
        });
        (format!("program {nth}"), mixed.collect())
    };
    (1..=count).map(program).collect()
}

/// Programs of bytes as chance draws them, the same each time: between them they say everything.
fn lotteries(count: u64, length: usize) -> Vec<(String, Vec<u8>)> {
    let program = |nth: u64| {
        let mut state = nth;
        let bytes = (0..length).map(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let [.., high] = state.to_le_bytes();
            high
        });
        (format!("lottery {nth}"), bytes.collect())
    };
    (1..=count).map(program).collect()
}

fn length(bytes: &[u8]) -> [u8; 2] {
    u16::try_from(bytes.len()).unwrap_or(u16::MAX).to_le_bytes()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes().chunks(2);
    digits
        .map(|pair| match str::from_utf8(pair) {
            Ok(pair) if pair.len() == 2 => u8::from_str_radix(pair, 16).ok(),
            _ => None,
        })
        .collect()
}
