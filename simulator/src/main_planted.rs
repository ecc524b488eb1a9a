//! The binary in which mistakes can be planted: the same command line, built with that feature.

use std::process::ExitCode;

fn main() -> ExitCode {
    tallyline_simulator::cli::run(std::env::args_os())
}
