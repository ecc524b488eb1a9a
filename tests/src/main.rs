//! Runs the hostile peer against real nodes and prints the table of all bad inputs.
//!
//! `tallyline-hostile [--only N]... [--json]`; the exit status is 1 if anything is not as expected.

use std::io::Write as _;
use std::process::ExitCode;

use tallyline_tests::hostile::Outcome;
use tallyline_tests::hostile::table::{self, CASES};

fn main() -> ExitCode {
    let mut only = Vec::new();
    let mut json = false;
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--json" => json = true,
            "--only" => match args.next().and_then(|number| number.parse::<u8>().ok()) {
                Some(number) => only.push(number),
                None => return usage(),
            },
            _ => return usage(),
        }
    }
    if only.iter().any(|number| table::find(*number).is_none()) {
        return usage();
    }
    run(&only, json)
}

/// Runs the cases and prints a line for each as soon as it is known.
fn run(only: &[u8], json: bool) -> ExitCode {
    let mut bad = 0_u32;
    let mut skipped = 0_u32;
    let mut total = 0_u32;
    if !json {
        print("| # | input | expected | observed | |\n| --- | --- | --- | --- | --- |");
    }
    for case in CASES {
        if !only.is_empty() && !only.contains(&case.number) {
            continue;
        }
        let outcome = (case.run)();
        total += 1;
        bad += u32::from(outcome.is_err());
        skipped += u32::from(matches!(outcome, Ok(Outcome::Skipped(_))));
        if json {
            print(&table::record(case, &outcome).to_string());
        } else {
            print(&table::line(case, &outcome));
        }
    }
    if !json {
        let ok = total - bad - skipped;
        print(&format!(
            "\n{ok} of {total} as expected, {bad} not, {skipped} skipped"
        ));
    }
    if bad == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn usage() -> ExitCode {
    let text = "usage: tallyline-hostile [--only N]... [--json]; N is a number of the table\n";
    // Nobody is there to read it; the exit status says it too.
    drop(std::io::stderr().write_all(text.as_bytes()));
    ExitCode::from(2)
}

fn print(line: &str) {
    // A reader that went away is no reason to stop: the exit status counts.
    drop(writeln!(std::io::stdout(), "{line}"));
}
