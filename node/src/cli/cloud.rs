//! A root after a race, and a cloud that is kept, restored or filled again.
//!
//! Layer: node, cli.

use std::path::Path;
use std::time::Duration;

use serde::Serialize;

use super::args::{ClearArgs, CloudBackup, CloudRebuildArgs, CloudVerb};
use super::failure::Failure;
use super::session::{DONE, Session, say};
use super::{token, warrant};
use crate::clock::Clock;
use crate::local::protocol::{
    Answer, CloudRebuild, Done, EventInfo, Exported, NodeInfo, Nothing, Request, StatusData, codes,
    exits,
};
use crate::root::{Mode, unhex};
use crate::upkeep::backup::{self, About};
use crate::upkeep::clear::{self, Keys};

/// How often a node is asked while a person waits.
const ASK_EVERY: Duration = Duration::from_millis(200);

/// Takes the event out of the root.
pub(super) fn clear(args: &ClearArgs, session: &Session) -> Result<u8, Failure> {
    let keys = if args.forget_keys {
        Keys::Forget
    } else {
        Keys::Keep
    };
    let (config, event) = (&session.config, session.event.as_deref());
    let cleared = clear::clear(&config.root, &config.passphrase, event, keys)?;
    told(&cleared, session, &format!("{}\n", cleared.bundle))?;
    if !session.json {
        say(&format!(
            "Cleared: all {} entries of \"{}\" are in the cloud, and the bundle above has them, \
             too. This device has its key and no event; join the next one with `tallyline join`.",
            cleared.entries, cleared.event
        ));
    }
    Ok(DONE)
}

pub(super) fn cloud(verb: CloudVerb, session: &Session) -> Result<u8, Failure> {
    match verb {
        CloudVerb::Backup(args) => back_up(&args, session),
        CloudVerb::Restore { file } => restore(&file, session),
        CloudVerb::Rebuild(args) => rebuild(args, session),
        CloudVerb::Token(args) => token::token(args, session),
        CloudVerb::Warrant { key } => warrant::make(&key, session),
        CloudVerb::Accept { warrant } => warrant::accept(&warrant, session),
    }
}

/// Writes a backup. What the bundle holds is one moment of the node, which goes on.
fn back_up(args: &CloudBackup, session: &Session) -> Result<u8, Failure> {
    let node: NodeInfo = Answer::Ok(session.ask(Request::Node(Nothing {}))?).data()?;
    if node.mode != Mode::Cloud.name() {
        return Err(Failure::new(
            codes::NOT_THE_CLOUD,
            exits::USAGE,
            "this node is no cloud; nothing was written; `tallyline export FILE` writes all that \
             another device needs",
        ));
    }
    let event: EventInfo = Answer::Ok(session.ask(Request::EventShow(Nothing {}))?).data()?;
    let exported: Exported = Answer::Ok(session.ask(Request::Export(Nothing {}))?).data()?;
    let bundle = unhex(&exported.bundle).ok_or_else(|| Failure::file("the bundle is not hex"))?;
    let about = About::now(&node, event.event);
    let root = &session.config.root;
    let written = backup::write(root, (&about, bundle), args.with_key, &args.target)?;
    told(&written, session, &format!("{}\n", written.file))?;
    if !session.json {
        say(if args.with_key {
            "Backed up, with the cloud's key: lock the file away. Whoever has it can be the cloud."
        } else {
            "Backed up without the cloud's key: keep device.key and device.toml somewhere else, \
             or a restored cloud's receipts count nowhere."
        });
    }
    Ok(DONE)
}

fn restore(file: &Path, session: &Session) -> Result<u8, Failure> {
    let config = &session.config;
    let restored = backup::restore(&config.root, &config.passphrase, file)?;
    told(&restored, session, "")?;
    if !session.json {
        say(&format!(
            "Restored: {} entries. What came after the backup comes from the devices as they \
             connect. The old machine is never to run again with this key.",
            restored.count
        ));
    }
    Ok(DONE)
}

/// Waits until a cloud that lost its store holds all that the devices hold that it meets.
fn rebuild(args: CloudRebuildArgs, session: &Session) -> Result<u8, Failure> {
    let begun_unix_ms = i64::try_from(Clock::start().now().wall_ms).unwrap_or(i64::MAX);
    let request = Request::CloudRebuild(CloudRebuild { from: args.from });
    let done: Done = Answer::Ok(session.ask(request)?).data()?;
    if !session.json {
        say(&done.text);
    }
    let clock = Clock::start();
    let limit_ms = args.wait.saturating_mul(1_000);
    let (value, status) = loop {
        let value = session.ask(Request::Status(Nothing {}))?;
        let status: StatusData = Answer::Ok(value.clone()).data()?;
        let met = status.last_sync.as_ref();
        let met = met.is_some_and(|it| begun_unix_ms <= it.at_unix_ms);
        if met && status.totals.missing_here == 0 {
            break (value, status);
        }
        if limit_ms <= clock.now().mono_ms {
            return Err(Failure::new(
                "timed_out",
                exits::TIMEOUT,
                format!(
                    "not everything is here after {} s: {} entries are, {} more are known; what is \
                     here is saved; let a device with the event connect, or name one with --from",
                    args.wait, status.totals.entries, status.totals.missing_here
                ),
            ));
        }
        // Another process cannot wake this one: it looks again after a while.
        std::thread::park_timeout(ASK_EVERY);
    };
    if session.json {
        session.write(&format!("{value}\n"))?;
    } else {
        let from = status.last_sync.map_or_else(String::new, |it| it.label);
        say(&format!(
            "{} entries are here again, the same as on {from}. Its receipts tell the devices.",
            status.totals.entries
        ));
    }
    Ok(DONE)
}

/// Writes what was done as JSON, or as text.
fn told(what: &impl Serialize, session: &Session, text: &str) -> Result<(), Failure> {
    if !session.json {
        return session.write(text);
    }
    let line = serde_json::to_string(what);
    let line = line.map_err(|error| Failure::file(format!("no answer: {error}")))?;
    session.write(&format!("{line}\n"))
}
