//! The command line: what people type, and what they read.
//!
//! Turns verbs into requests of `local::protocol`, has a running node or the root answer them,
//! and writes the answers for people or as JSON. Decides nothing about scores. Layer: node, the
//! topmost besides `main`.

mod args;
mod beyond;
mod cards;
mod check;
mod claims;
mod cloud;
mod doctor;
mod enrol;
mod failure;
mod files;
mod found;
mod import;
mod media;
mod notation;
mod participants;
mod question;
mod report;
mod score;
mod session;
mod setup;
mod show;
mod statement;
mod support;
mod sync;
mod token;
mod venue;
mod warrant;

use std::ffi::OsString;
use std::io::IsTerminal as _;
use std::process::ExitCode;

use clap::Parser as _;

pub use args::DemoArgs;

use args::{Cli, Global, Verb};
use failure::Failure;
use session::{DONE, Session, say};

use crate::config::{Config, Environment, RawConfig};
use crate::local::protocol::{Done, Nothing, Request, exits};

/// Does what the arguments (the program's name first) ask for, and returns the exit code.
///
/// Data goes to the standard output, messages to the standard error.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args: Vec<OsString> = args.into_iter().collect();
    let json = args.iter().any(|arg| arg == "--json");
    let exit = match Cli::try_parse_from(&args) {
        Ok(cli) => dispatch(cli),
        Err(error) if json && error.use_stderr() => {
            Err(Failure::usage(error.render().to_string().trim()))
        }
        Err(error) => return shown(&error),
    };
    match exit {
        Ok(exit) => ExitCode::from(exit),
        Err(failure) => {
            let text = if json {
                failure.json()
            } else {
                format!("tallyline: {failure}")
            };
            say(&text);
            ExitCode::from(failure.exit)
        }
    }
}

/// Prints what the parser has to say: help on the standard output, mistakes on the other.
fn shown(error: &clap::Error) -> ExitCode {
    match error.print() {
        Ok(()) | Err(_) if error.exit_code() == 0 => ExitCode::SUCCESS,
        Ok(()) | Err(_) => ExitCode::from(exits::USAGE),
    }
}

fn dispatch(cli: Cli) -> Result<u8, Failure> {
    let Cli { global, verb } = cli;
    let flags = RawConfig {
        root: global.root.clone(),
        color: global.color.clone(),
        log: global.log.clone(),
        passphrase_file: global.passphrase_file.clone(),
        ..RawConfig::default()
    };
    match verb {
        Verb::Init(args) => setup::init(&args, &session(global, flags)?),
        Verb::Run(args) => {
            let flags = args.flags(flags);
            setup::run(&session(global, flags)?)
        }
        Verb::Demo(args) => setup::demo(args, &session(global, flags)?),
        Verb::Doctor(args) => doctor::doctor(&args, &session(global, flags)?),
        Verb::Clear(args) => cloud::clear(&args, &session(global, flags)?),
        Verb::Cloud(verb) => {
            let flags = verb.flags(flags);
            cloud::cloud(verb, &session(global, flags)?)
        }
        Verb::Check(args) => check::check(&args, &session(global, flags)?),
        Verb::Support(args) => support::support(&args, &session(global, flags)?),
        Verb::Event(_)
        | Verb::Invite(_)
        | Verb::Join(_)
        | Verb::Admit(_)
        | Verb::Devices
        | Verb::Grant(_)
        | Verb::Grants
        | Verb::Handover(_)
        | Verb::Claim(_)
        | Verb::Revoke(_)
        | Verb::Transfer(_)
        | Verb::Recover(_)
        | Verb::Adopt(_)
        | Verb::Cards(_)
        | Verb::Roster(_)
        | Verb::Participant(_)
        | Verb::Score(_)
        | Verb::Approve(_)
        | Verb::Amend(_)
        | Verb::Incident(_)
        | Verb::Media(_)
        | Verb::Decide(_)
        | Verb::Record(_)
        | Verb::Conflicts(_)
        | Verb::Standings(_)
        | Verb::Report(_)
        | Verb::Status
        | Verb::Verify { .. }
        | Verb::Why { .. }
        | Verb::Export(_)
        | Verb::Import(_)
        | Verb::Sync(_)
        | Verb::Stop => ask(verb, &session(global, flags)?),
    }
}

/// Does a verb that a node answers.
fn ask(verb: Verb, session: &Session) -> Result<u8, Failure> {
    match verb {
        Verb::Event(verb) => venue::event(verb, session),
        Verb::Invite(args) => enrol::invite(&args, session),
        Verb::Join(args) => enrol::join(&args, session),
        Verb::Admit(args) => venue::admit(args, session),
        Verb::Devices => venue::devices(session),
        Verb::Grant(args) => venue::grant(args, session),
        Verb::Grants => venue::grants(session),
        Verb::Handover(args) => venue::handover(args, session),
        Verb::Claim(args) => claims::claim(&args, session),
        Verb::Revoke(args) => statement::revoke(args, session),
        Verb::Why { name } => statement::why(name, session),
        Verb::Transfer(args) => statement::transfer(args, session),
        Verb::Recover(args) => statement::recover(&args, session),
        Verb::Adopt(args) => statement::adopt(args, session),
        Verb::Cards(verb) => cards::cards(verb, session),
        Verb::Roster(verb) => venue::roster(verb, session),
        Verb::Participant(verb) => participants::participant(verb, session),
        Verb::Score(verb) => score::score(verb, session),
        Verb::Approve(args) => score::approve(args, session),
        Verb::Amend(args) => statement::amend(*args, session),
        Verb::Incident(verb) => beyond::incident(verb, session),
        Verb::Media(verb) => media::media(verb, session),
        Verb::Decide(args) => beyond::decide(args, session),
        Verb::Record(verb) => beyond::record(verb, session),
        Verb::Conflicts(verb) => beyond::conflicts(verb, session),
        Verb::Standings(args) => score::standings(args, session),
        Verb::Report(verb) => report::report(verb, session),
        Verb::Status => venue::status(session),
        Verb::Verify { file: None } => venue::verify(session),
        Verb::Verify { file: Some(file) } => files::verify(&file, session),
        Verb::Export(args) => files::export(&args, session),
        Verb::Import(args) => import::import(*args, session),
        Verb::Sync(verb) => sync::sync(&verb, session),
        Verb::Stop => done(Request::Stop(Nothing {}), session),
        // These are done before a node is asked.
        Verb::Init(_)
        | Verb::Run(_)
        | Verb::Demo(_)
        | Verb::Doctor(_)
        | Verb::Clear(_)
        | Verb::Cloud(_)
        | Verb::Check(_)
        | Verb::Support(_) => Ok(DONE),
    }
}

/// Asks for something that has no data to tell.
fn done(request: Request, session: &Session) -> Result<u8, Failure> {
    session.tell::<Done>(request, |_| String::new(), |done| done.text.clone())
}

fn session(global: Global, flags: RawConfig) -> Result<Session, Failure> {
    let terminal = std::io::stdout().is_terminal();
    let env = Environment::of_process();
    let config = Config::load(flags, global.config.as_deref(), &env, terminal)?;
    Ok(Session {
        config,
        event: global.event,
        json: global.json,
    })
}

#[cfg(test)]
mod tests;
