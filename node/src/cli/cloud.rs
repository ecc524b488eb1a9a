//! A root after a race, and a cloud that is kept, restored or filled again.
//!
//! Layer: node, cli.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::args::{ClearArgs, CloudBackup, CloudRebuildArgs, CloudVerb};
use super::failure::Failure;
use super::session::{DONE, Session, say};
use super::{token, warrant};
use crate::clock::Clock;
use crate::local::protocol::{
    Answer, CloudRebuild, Done, EventInfo, Events, Exported, NodeInfo, Nothing, Request,
    StatusData, codes, exits,
};
use crate::root::events::is_meant;
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

/// Waits until a cloud that lost its store holds all that the devices hold that it meets: of the event
/// that is named, or of every event that it has by then.
fn rebuild(args: CloudRebuildArgs, session: &Session) -> Result<u8, Failure> {
    let begun_unix_ms = i64::try_from(Clock::start().now().wall_ms).unwrap_or(i64::MAX);
    let request = Request::CloudRebuild(CloudRebuild { from: args.from });
    // It is the node that dials; the event may not be there yet.
    let done: Done = Answer::Ok(session.ask_of(None, request)?).data()?;
    if !session.json {
        say(&done.text);
    }
    let clock = Clock::start();
    let limit_ms = args.wait.saturating_mul(1_000);
    let mut whole = BTreeMap::new();
    loop {
        let seen = look(session, begun_unix_ms, &mut whole)?;
        if seen.lacking.is_none() && !whole.is_empty() {
            break;
        }
        if limit_ms <= clock.now().mono_ms {
            let totals = seen.lacking.map(|status| status.totals);
            let (entries, missing) = totals.map_or((0, 0), |it| (it.entries, it.missing_here));
            return Err(Failure::new(
                "timed_out",
                exits::TIMEOUT,
                format!(
                    "not everything is here after {} s: {entries} entries are, {missing} more are \
                     known, and {} events are whole; what is here is saved; let a device with the \
                     event connect, or name one with --from",
                    args.wait,
                    whole.len()
                ),
            ));
        }
        // Another process cannot wake this one: it looks again after a while.
        std::thread::park_timeout(ASK_EVERY);
    }
    for (value, status) in whole.into_values() {
        if session.json {
            session.write(&format!("{value}\n"))?;
        } else {
            let from = status.last_sync.map_or_else(String::new, |it| it.label);
            let name = status.name.unwrap_or_default();
            say(&format!(
                "{} entries of {name:?} are here again, the same as on {from}. Its receipts tell the \
                 devices.",
                status.totals.entries
            ));
        }
    }
    Ok(DONE)
}

/// What a look at a cloud that is filled again found.
struct Seen {
    /// The first event that lacks something.
    lacking: Option<StatusData>,
}

/// Looks at the events that were not whole before; one that is stays so: nobody takes entries away.
fn look(
    session: &Session,
    begun_unix_ms: i64,
    whole: &mut BTreeMap<String, (Value, StatusData)>,
) -> Result<Seen, Failure> {
    let listed = session.ask_of(None, Request::EventList(Nothing {}))?;
    let listed: Events = Answer::Ok(listed).data()?;
    let named = session.event.as_deref();
    let mut seen = Seen { lacking: None };
    for line in listed.events {
        let means = |text: &str| is_meant((&line.name, &line.event), text);
        if whole.contains_key(&line.event) || named.is_some_and(|text| !means(text)) {
            continue;
        }
        let value = session.ask_of(Some(line.event.clone()), Request::Status(Nothing {}))?;
        let status: StatusData = Answer::Ok(value.clone()).data()?;
        let met = status.last_sync.as_ref();
        let met = met.is_some_and(|it| begun_unix_ms <= it.at_unix_ms);
        if met && status.totals.missing_here == 0 {
            whole.insert(line.event, (value, status));
        } else if seen.lacking.is_none() {
            seen.lacking = Some(status);
        }
    }
    Ok(seen)
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
