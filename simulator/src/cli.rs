//! The simulator's command line: runs seeds, repeats recordings, makes them small.
//!
//! What a program reads goes to the standard output, progress and messages to the standard error.

mod args;
mod campaign;
mod engine;
mod list;
mod output;
#[cfg(feature = "planted")]
mod planting;
mod replay;
mod seeds;
mod smallest;
mod stopwatch;
mod words;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser as _;

use args::{Cli, Verb};
use output::say;

/// Everything held, or the run is the recorded one.
const HELD: u8 = 0;
/// An invariant broke, or the run is not the recorded one.
const BROKE: u8 = 1;
/// Wrong usage, or a file that cannot be read or written.
const USAGE: u8 = 2;

/// Does what the arguments (the program's name first) ask for, and returns the exit code.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => return shown(&error),
    };
    let exit = begin(&cli).and_then(|()| dispatch(cli.verb));
    ExitCode::from(exit.unwrap_or_else(|mistake| {
        say(&format!("tallyline-sim: {mistake}"));
        USAGE
    }))
}

fn dispatch(verb: Verb) -> Result<u8, String> {
    match verb {
        Verb::Run(args) => seeds::run(&args),
        Verb::Replay(args) => replay::replay(&args),
        Verb::Shrink(args) => smallest::shrink(&args),
        Verb::List { part } => list::list(part),
        #[cfg(feature = "planted")]
        Verb::Faults(args) => planting::faults(&args),
    }
}

/// Plants the mistake that is asked for.
#[cfg(feature = "planted")]
fn begin(cli: &Cli) -> Result<(), String> {
    cli.plant.as_deref().map_or(Ok(()), planting::plant)
}

/// Nothing can be planted in this program.
#[cfg(not(feature = "planted"))]
#[expect(
    clippy::unnecessary_wraps,
    reason = "the other program can be asked for a mistake that is not there"
)]
fn begin(_cli: &Cli) -> Result<(), String> {
    Ok(())
}

/// Prints what the parser has to say: help on the standard output, mistakes on the other.
fn shown(error: &clap::Error) -> ExitCode {
    match error.print() {
        Ok(()) | Err(_) if error.exit_code() == 0 => ExitCode::SUCCESS,
        Ok(()) | Err(_) => ExitCode::from(USAGE),
    }
}
