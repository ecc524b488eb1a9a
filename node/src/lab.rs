//! The laboratory's binary: the same program with failpoints; never shipped.

use std::process::ExitCode;

fn main() -> ExitCode {
    tallyline::cli::run(std::env::args_os())
}
