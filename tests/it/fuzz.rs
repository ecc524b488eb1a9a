//! The committed corpora, replayed: what campaigns found stays tried. `tests/fuzz` looks for more.

use std::{collections::BTreeSet, fs};

use tallyline_tests::{
    fuzz::{TARGETS, corpus, seeds},
    tidy::{Tree, repository_root},
};

/// Most bytes of one committed input: it stays in every clone for ever.
const INPUT_BYTES_MAX: usize = 16 * 1024;

/// Most bytes of all committed inputs together, for the same reason.
const ALL_BYTES_MAX: usize = 350 * 1024;

/// Least inputs of a corpus that deserves the name.
const INPUTS_MIN: usize = 10;

/// Runs every input of one target; its name is printed first, so that a failure names it.
fn replay(target: &str) {
    let (_, run) = TARGETS
        .iter()
        .find(|(name, _)| *name == target)
        .expect("a target");
    let inputs = corpus::inputs(target).expect("the corpus is committed");
    assert!(
        INPUTS_MIN <= inputs.len(),
        "{} inputs in {}",
        inputs.len(),
        corpus::folder(target).display()
    );
    for (name, bytes) in inputs {
        println!("{target}/{name}, {} bytes", bytes.len());
        run(&bytes);
    }
}

#[test]
fn frames_of_strangers_members_and_liars_do_no_harm() {
    replay("frame");
}

#[test]
fn entries_of_any_bytes_are_read_or_refused_and_count_alike_in_any_order() {
    replay("entry");
}

#[test]
fn statements_in_two_orders_give_one_authority_and_the_same_verdicts() {
    replay("control");
}

#[test]
fn tickets_and_fingerprints_of_any_bytes_are_read_or_refused() {
    replay("ticket");
}

#[test]
fn mdns_records_of_anybody_fill_a_bounded_table_and_call_nobody_twice() {
    replay("mdns");
}

#[test]
fn bundle_files_of_any_bytes_are_taken_in_as_far_as_they_hold() {
    replay("bundle");
}

#[test]
fn structure_files_of_any_text_are_founded_as_they_say_or_refused() {
    replay("structure");
}

#[test]
fn exports_of_the_app_of_any_bytes_are_read_whole_or_refused() {
    replay("psc");
}

#[test]
fn interchange_files_of_any_bytes_are_read_whole_or_refused() {
    replay("miff");
}

#[test]
fn text_reports_of_any_bytes_are_written_as_they_were_read_or_refused() {
    replay("text_report");
}

#[test]
fn registration_lists_of_any_bytes_are_previewed_or_refused() {
    replay("registration");
}

/// With `UPDATE_CORPUS` set they are written into the corpora, for a campaign to begin with.
#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "whoever begins a campaign says so in the environment, as for golden vectors"
)]
fn golden_vectors_are_where_campaigns_begin() {
    let update = std::env::var_os("UPDATE_CORPUS").is_some();
    for (target, run) in TARGETS {
        let seeds = seeds::of(target);
        assert!(!seeds.is_empty(), "{target} begins with nothing");
        for (place, (name, bytes)) in seeds.into_iter().enumerate() {
            println!("{target}: {name}, {} bytes", bytes.len());
            run(&bytes);
            if update {
                let folder = corpus::folder(target);
                fs::create_dir_all(&folder).expect("a folder is made");
                fs::write(folder.join(format!("seed-{place}")), bytes).expect("a seed is written");
            }
        }
    }
}

#[test]
fn corpora_are_small() {
    let mut all = 0;
    for (target, _) in TARGETS {
        for (name, bytes) in corpus::inputs(target).expect("the corpus is committed") {
            assert!(bytes.len() <= INPUT_BYTES_MAX, "{target}/{name} is large");
            all += bytes.len();
        }
    }
    assert!(all <= ALL_BYTES_MAX, "{all} bytes in all corpora");
}

/// The fuzzer's package, the campaign of `tests/run` and the replays here name the same targets.
#[test]
fn every_target_has_a_binary_a_campaign_and_a_corpus() {
    let tree = Tree::read(&repository_root()).expect("the repository can be read");
    let targets: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    let manifest: toml::Table = tree
        .text("tests/fuzz/Cargo.toml")
        .and_then(|text| text.parse().ok())
        .expect("the fuzzer's manifest is TOML");
    let bins = manifest.get("bin").and_then(toml::Value::as_array);
    let names = bins.into_iter().flatten().filter_map(|it| it.get("name"));
    let bins: BTreeSet<String> = names
        .filter_map(|it| it.as_str().map(str::to_owned))
        .collect();
    assert_eq!(bins, targets, "binaries");
    let files = tree.files().iter().map(|file| file.path.as_str());
    let named = |path: &str, before: &str, after: &str| -> Option<String> {
        Some(path.strip_prefix(before)?.strip_suffix(after)?.to_owned())
    };
    let sources: BTreeSet<String> = files
        .clone()
        .filter_map(|path| named(path, "tests/fuzz/fuzz_targets/", ".rs"))
        .collect();
    assert_eq!(sources, targets, "sources");
    let corpora: BTreeSet<String> = files
        .filter_map(|path| path.strip_prefix("tests/fuzz/corpus/")?.split_once('/'))
        .map(|(target, _)| target.to_owned())
        .collect();
    assert_eq!(corpora, targets, "corpora");
    let run = tree.text("tests/run").unwrap_or_default();
    let list = run
        .lines()
        .find_map(|line| named(line, "FUZZ_TARGETS=(", ")"));
    let list: BTreeSet<String> = list
        .unwrap_or_default()
        .split(' ')
        .map(str::to_owned)
        .collect();
    assert_eq!(list, targets, "the campaign of tests/run");
}
