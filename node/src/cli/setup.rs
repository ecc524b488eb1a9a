//! Verbs that need no node to answer: make one, run one, show many.
//!
//! Layer: node, cli.

use std::io::IsTerminal as _;

use serde_json::json;
use tracing_subscriber::EnvFilter;

use super::args::{DemoArgs, Init, Run};
use super::failure::Failure;
use super::session::{DONE, Session, say};
use crate::board::Board;
use crate::config::RawConfig;
use crate::demo;
use crate::entropy;
use crate::local::protocol::exits;
use crate::node::{self, Ready};
use crate::root::{Passphrase, PassphraseSource, Root, RootError, hex};

impl Run {
    /// Puts what was typed for `run` beside what was typed for every verb.
    pub(super) fn flags(self, flags: RawConfig) -> RawConfig {
        let list = |list: Vec<String>| (!list.is_empty()).then_some(list);
        RawConfig {
            mode: self.mode.map(|mode| mode.name().to_owned()),
            listen: list(self.listen),
            http: list(self.http),
            peers: list(self.peer),
            mdns: self.no_mdns.then(|| "false".to_owned()),
            cloud: self.cloud,
            cloud_key: self.cloud_key,
            fallback: self.fallback,
            score_log: self.score_log,
            metered: self.metered,
            media_quota: self.media_quota,
            store: self.store,
            blobs: self.blobs,
            hints: self.hints,
            active_events: self.active_events,
            spectators: self.spectators,
            ..flags
        }
    }
}

/// Makes the root a node.
pub(super) fn init(args: &Init, session: &Session) -> Result<u8, Failure> {
    if args.adopt_board {
        return adopt_board(session);
    }
    let label = match &args.label {
        Some(label) => label.clone(),
        // Two devices that nobody named are still told apart.
        None => format!(
            "{}-{}",
            args.mode,
            hex(&entropy::bytes::<2>().map_err(RootError::from)?)
        ),
    };
    let passphrase = if args.passphrase {
        Some(new_passphrase(session)?)
    } else {
        None
    };
    let made = (label.as_str(), args.mode);
    let root = Root::create_sealed(&session.config.root, made, passphrase.as_ref())?;
    let key = root.key();
    if session.json {
        let told = json!({
            "schema": "tallyline.init/1",
            "root": root.dir().display().to_string(),
            "label": root.label(),
            "mode": root.mode().name(),
            "key": key.fingerprint(),
            "key_short": key.short(),
            "key_hex": hex(key.as_bytes()),
        });
        session.write(&format!("{told}\n"))?;
    } else {
        session.write(&format!(
            "root   {}\nlabel  {}\nmode   {}\nkey    {}\n",
            root.dir().display(),
            root.label(),
            root.mode(),
            key.fingerprint(),
        ))?;
        say(
            "This device has its key; it never leaves the root. Next: `tallyline event create` on \
             the owner's device, `tallyline join TICKET` on the others.",
        );
    }
    Ok(DONE)
}

/// Takes the key of a card that moved to this board.
fn adopt_board(session: &Session) -> Result<u8, Failure> {
    let dir = &session.config.root;
    Root::adopt_board(dir, &Board::of_system())?;
    say(&format!(
        "The key in {} may sign on this board from now on, and on no other.",
        dir.display()
    ));
    Ok(DONE)
}

/// Gets the passphrase of a fresh key; a typed one is asked for twice.
fn new_passphrase(session: &Session) -> Result<Passphrase, Failure> {
    let source = &session.config.passphrase;
    let missing = || {
        Failure::usage(
            "a passphrase needs a terminal, or a file named with --passphrase-file; nothing was \
             changed",
        )
    };
    let passphrase = source.get("New passphrase")?.ok_or_else(missing)?;
    if *source == PassphraseSource::Terminal {
        let again = source.get("Once more")?.ok_or_else(missing)?;
        if !passphrase.same_as(&again) {
            return Err(Failure::usage(
                "the two passphrases differ; nothing was changed; try again",
            ));
        }
    }
    Ok(passphrase)
}

/// Runs the node until it is told to end; with `--json` one line says where it is reached.
pub(super) fn run(session: &Session) -> Result<u8, Failure> {
    log(session)?;
    node::run(&session.config, |ready| {
        let told = if session.json {
            session.write(&ready_json(ready))
        } else {
            Ok(())
        };
        if let Err(failure) = told {
            say(&failure.text);
        }
        say(&ready_text(ready, session));
    })?;
    Ok(DONE)
}

/// Shows a real match over real processes.
pub(super) fn demo(args: DemoArgs, session: &Session) -> Result<u8, Failure> {
    let args = DemoArgs {
        json: session.json,
        ..args
    };
    let outcome = demo::run(&args)?;
    session.write(&format!("{}\n", outcome.text.trim_end()))?;
    Ok(outcome.exit)
}

/// Sends what the node logs to the standard error.
fn log(session: &Session) -> Result<(), Failure> {
    let log = &session.config.log;
    let filter = EnvFilter::try_new(log).map_err(|error| {
        Failure::usage(format!(
            "--log is \"{log}\": {error}; write a level such as info or debug, or one for each \
             module such as info,tallyline::net=debug"
        ))
    })?;
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(session.config.screen.color && std::io::stderr().is_terminal());
    subscriber
        .try_init()
        .map_err(|error| Failure::new("log", exits::FAILURE, format!("no log: {error}")))
}

fn ready_json(ready: &Ready) -> String {
    let addresses: Vec<String> = ready.addresses.iter().map(ToString::to_string).collect();
    let told = json!({
        "schema": "tallyline.ready/1",
        "label": ready.label,
        "mode": ready.mode.name(),
        "key": ready.key.fingerprint(),
        "addresses": addresses,
        "http": ready.http.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "https": ready.https.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "socket": ready.socket.display().to_string(),
    });
    format!("{told}\n")
}

fn ready_text(ready: &Ready, session: &Session) -> String {
    let addresses: Vec<String> = ready.addresses.iter().map(ToString::to_string).collect();
    let http: Vec<String> = ready
        .http
        .iter()
        .map(|it| format!("http://{it}/"))
        .collect();
    let board = if http.is_empty() {
        String::new()
    } else {
        format!(" The board is at {}.", http.join(", "))
    };
    format!(
        "{} runs as {} at {}; `tallyline status --root {}` tells where the scores are.{board}",
        ready.label,
        ready.mode,
        addresses.join(", "),
        session.config.root.display()
    )
}
