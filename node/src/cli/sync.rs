//! Connections by hand: pause, resume, now; and whether a device is ready to be without a network.
//!
//! Layer: node, cli.

use std::time::Duration;

use serde_json::json;

use super::args::{Download, SyncNow, SyncScope, SyncVerb};
use super::failure::Failure;
use super::session::{DONE, Session, say};
use super::{done, show};
use crate::clock::Clock;
use crate::local::protocol::{
    self, Answer, Nothing, ReadyData, Request, StatusData, VitalsData, codes, exits,
};

/// Seconds for which `sync now` looks without `--wait`: connections are made within them.
const LOOK_SECONDS: u64 = 3;

/// How often a node is asked meanwhile.
const ASK_EVERY: Duration = Duration::from_millis(200);

/// Where a node's entries are, and what went over its connections.
struct Moment {
    status: StatusData,
    vitals: VitalsData,
}

impl Moment {
    fn now(session: &Session) -> Result<Self, Failure> {
        Ok(Self {
            status: Answer::Ok(session.ask(Request::Status(Nothing {}))?).data()?,
            vitals: Answer::Ok(session.ask(Request::Vitals(Nothing {}))?).data()?,
        })
    }

    /// Returns whether nothing is left to carry: to the cloud, or without one to another device.
    fn is_settled(&self) -> bool {
        let carried = if self.vitals.has_cloud {
            self.vitals.pending == 0
        } else {
            self.vitals.only_here == 0
        };
        carried && self.status.totals.missing_here == 0
    }
}

pub(super) fn sync(verb: &SyncVerb, session: &Session) -> Result<u8, Failure> {
    let scope = |scope: &SyncScope| protocol::Scope { cloud: scope.cloud };
    let request = match verb {
        SyncVerb::Pause(args) => Request::SyncPause(scope(args)),
        SyncVerb::Resume(args) => Request::SyncResume(scope(args)),
        SyncVerb::Now(args) => return now(args, session),
    };
    done(request, session)
}

/// Dials everybody, and tells what came of it.
fn now(args: &SyncNow, session: &Session) -> Result<u8, Failure> {
    let before = Moment::now(session)?;
    session.ask(Request::SyncNow(Nothing {}))?;
    let limit_ms = args.wait.unwrap_or(LOOK_SECONDS).saturating_mul(1_000);
    let clock = Clock::start();
    let after = loop {
        let after = Moment::now(session)?;
        if after.is_settled() || limit_ms <= clock.now().mono_ms {
            break after;
        }
        // Another process cannot wake this one: it looks again after a while.
        std::thread::park_timeout(ASK_EVERY);
    };
    tell(&before, &after, session)?;
    Ok(if args.wait.is_some() && !after.is_settled() {
        exits::PENDING
    } else {
        DONE
    })
}

fn tell(before: &Moment, after: &Moment, session: &Session) -> Result<(), Failure> {
    let grew =
        |pick: fn(&StatusData) -> u64| pick(&after.status).saturating_sub(pick(&before.status));
    let received = grew(|it| it.totals.entries);
    let uploaded = grew(|it| it.totals.in_cloud);
    let sent_bytes = grew(|it| it.wire.frames_sent_bytes);
    let received_bytes = grew(|it| it.wire.frames_received_bytes);
    let connected = after.vitals.devices.iter().filter(|it| it.connected);
    let connected = connected.count();
    if session.json {
        let told = json!({
            "schema": "tallyline.synced/1",
            "settled": after.is_settled(),
            "received": received,
            "uploaded": uploaded,
            "sent_bytes": sent_bytes,
            "received_bytes": received_bytes,
            "connected": connected,
            "pending": after.vitals.pending,
            "only_here": after.vitals.only_here,
            "missing_here": after.status.totals.missing_here,
            "last_sync": after.status.last_sync,
            "last_upload_unix_ms": after.status.last_upload_unix_ms,
            "cloud": after.status.cloud,
        });
        return session.write(&format!("{told}\n"));
    }
    let mut text = format!(
        "{received} entries received ({received_bytes} bytes), {uploaded} more in the cloud \
         ({sent_bytes} bytes sent); {connected} of {} devices connected\n{}\n",
        after.vitals.devices.len(),
        after.status.summary,
    );
    text.push_str(&show::cloud(&after.status));
    text.push_str(&show::last_success(&after.status));
    session.write(&text)
}

/// Tells whether everything is here that a day without a network needs; a running node fetches what
/// is missing first.
pub(super) fn download(args: &Download, session: &Session) -> Result<u8, Failure> {
    let fetches = match session.ask(Request::SyncNow(Nothing {})) {
        Ok(_) => true,
        // Without a network there is still something to look at.
        Err(why) if why.code == codes::NOT_RUNNING || why.code == codes::PAUSED => false,
        Err(why) => return Err(why),
    };
    let limit_ms = if fetches {
        args.wait.saturating_mul(1_000)
    } else {
        0
    };
    let clock = Clock::start();
    let (line, ready) = loop {
        let value = session.ask(Request::EventReady(Nothing {}))?;
        let line = format!("{value}\n");
        let ready: ReadyData = Answer::Ok(value).data()?;
        if ready.ready || limit_ms <= clock.now().mono_ms {
            break (line, ready);
        }
        std::thread::park_timeout(ASK_EVERY);
    };
    if session.json {
        session.write(&line)?;
    } else {
        session.write(&show::ready(&ready))?;
        if !fetches {
            say("No connection was tried: no node runs here, or a person paused it.");
        }
    }
    Ok(if ready.ready { DONE } else { exits::PENDING })
}
