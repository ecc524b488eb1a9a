//! The binary: hands its arguments to the command line and ends with its exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    tallyline_simulator::cli::run(std::env::args_os())
}
