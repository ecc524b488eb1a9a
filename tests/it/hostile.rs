//! Every bad input of the table against real nodes, one test each, and floods.

mod authority;
mod connections;
mod floods;
mod frames;
mod logs;
mod machines;
mod signatures;
mod words;

use std::fs;
use std::path::Path;

use tallyline_tests::hostile::Outcome;
use tallyline_tests::hostile::table::{self, CASES};

/// Runs one input of the table.
fn check(number: u8) {
    let case = table::find(number).expect("it is in the table");
    match (case.run)() {
        Ok(Outcome::Seen(seen)) => eprintln!("{}", seen.text),
        Ok(Outcome::Skipped(why)) => {
            assert!(!crate::netns::must_run(), "{why}, and here it must run");
            eprintln!("SKIPPED: {why}");
        }
        Err(broken) => panic!(
            "input {number}, {}\nexpected: {}\nobserved: {broken}",
            case.input, case.expected
        ),
    }
}

#[test]
fn every_input_of_the_table_has_a_test_of_its_number() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("it/hostile");
    let mut tests = String::new();
    for file in fs::read_dir(folder).expect("the folder of the tests") {
        tests += &fs::read_to_string(file.expect("a file").path()).expect("a text");
    }
    for case in CASES {
        let name = format!("fn input_{:02}_", case.number);
        assert_eq!(tests.matches(&name).count(), 1, "{name} of {}", case.input);
        assert!(tests.contains(&format!("check({})", case.number)), "{name}");
    }
    assert!(
        CASES.is_sorted_by(|one, next| one.number < next.number),
        "in order"
    );
}
