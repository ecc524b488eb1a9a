//! The rules of the house, on the real tree. What each rule is and how it can fail stands in
//! `tests/src/tidy/`.

use tallyline_tests::tidy::{self, Finding, Tree};

/// Runs one rule on the repository and shows everything it found.
fn holds(rule: fn(&Tree) -> Vec<Finding>) {
    let tree = Tree::read(&tidy::repository_root()).expect("the repository can be read");
    let found: Vec<String> = rule(&tree).iter().map(Finding::to_string).collect();
    assert!(
        found.is_empty(),
        "{} findings:\n{}\n",
        found.len(),
        found.join("\n")
    );
}

#[test]
fn packages_import_lower_ones_only() {
    holds(tidy::layers::check_packages);
}

#[test]
fn modules_of_proto_import_lower_ones_only() {
    holds(tidy::layers::check_modules);
}

#[test]
fn a_package_from_outside_is_named_in_its_one_home() {
    holds(tidy::layers::check_owners);
}

#[test]
fn a_package_from_outside_has_a_written_reason() {
    holds(tidy::dependencies::check);
}

#[test]
fn keys_and_proto_know_no_std_no_clock_and_no_float() {
    holds(tidy::purity::check);
}

#[test]
fn sources_are_short_and_no_file_is_a_blob() {
    holds(tidy::sizes::check);
}

#[test]
fn clippy_files_agree_on_thresholds() {
    holds(tidy::thresholds::check);
}

#[test]
fn nothing_is_left_unfinished_or_ignored() {
    holds(tidy::leftovers::check_unfinished);
}

#[test]
fn no_file_names_one_machine_or_a_registry_host() {
    holds(tidy::leftovers::check_local_names);
}

#[test]
fn names_use_the_words_of_the_glossary() {
    holds(tidy::words::check);
}

#[test]
fn requirements_and_code_cite_each_other() {
    holds(tidy::citations::check);
}

#[test]
fn links_between_documents_lead_somewhere() {
    holds(tidy::links::check);
}

#[test]
fn the_code_map_names_every_module() {
    holds(tidy::code_map::check_map);
}

#[test]
fn every_source_says_what_it_is_for() {
    holds(tidy::code_map::check_headings);
}

/// Acceptance row S1-05.
#[test]
fn no_code_merges_scores() {
    holds(tidy::absent::check_merging);
}

/// Acceptance row S1-06.
#[test]
fn nothing_ships_that_only_a_server_needs() {
    holds(tidy::absent::check_server_only);
}

#[test]
fn every_acceptance_row_has_a_test() {
    holds(tidy::acceptance::check);
}
