//! Stands between the real network and the real driver of every device and compares both ends.
//!
//! The TLS exporter is the same on both sides of one connection and on no other, so it tells which
//! two ends belong together. What one driver is handed must be what the other one sent, byte for
//! byte, in order, without a gap.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use tallyline::driver::{Driver, Link};
use tallyline::net::{Deaf, Inlet};
use tallyline_keys::PublicKey;
use tallyline_proto::model::Ticket;
use tallyline_proto::replica::{Input, Notice, PeerId, Reason};

use super::trace::Trace;
use crate::venue::DeviceNo;

/// One direction of one connection: its exporter, and who sends.
type Direction = ([u8; 32], PublicKey);

/// What goes between networks and drivers; copies are the same watch.
#[derive(Clone, Debug)]
pub(super) struct Watch {
    state: Arc<Mutex<State>>,
    trace: Trace,
}

#[derive(Debug, Default)]
struct State {
    ends: BTreeMap<(Who, PeerId), End>,
    sent: BTreeMap<Direction, Vec<u64>>,
    taken: BTreeMap<Direction, usize>,
    ups: u64,
    frames: u64,
}

/// One process of one device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Who {
    /// The device.
    pub(super) no: DeviceNo,
    /// Its key.
    pub(super) key: PublicKey,
    /// Which of its processes.
    pub(super) life: u64,
}

/// One end of a connection.
#[derive(Clone, Copy, Debug)]
struct End {
    exporter: [u8; 32],
    peer: PublicKey,
}

/// Hears for a driver.
pub(super) struct Ear {
    pub(super) watch: Watch,
    pub(super) who: Who,
    pub(super) driver: Driver,
}

/// Speaks for a driver.
pub(super) struct Mouth {
    pub(super) watch: Watch,
    pub(super) who: Who,
    pub(super) link: Arc<dyn Link>,
}

impl Watch {
    /// Sees nothing yet.
    pub(super) fn new(trace: Trace) -> Self {
        Self {
            state: Arc::default(),
            trace,
        }
    }

    /// Returns how many peers came up, counted on each side, and how many frames drivers took.
    pub(super) fn counts(&self) -> (u64, u64) {
        self.with(|state| (state.ups, state.frames))
    }

    fn heard(&self, who: Who, input: &Input) {
        match input {
            Input::PeerUp {
                peer,
                key,
                exporter,
            } => {
                let end = End {
                    exporter: *exporter,
                    peer: *key,
                };
                self.with(|state| {
                    state.ups += 1;
                    state.ends.insert((who, *peer), end);
                });
                self.say(who, &format!("up {} {}", peer.0, key.short()));
            }
            Input::PeerDown { peer } => {
                self.with(|state| state.ends.remove(&(who, *peer)));
                self.say(who, &format!("down {}", peer.0));
            }
            Input::Frame { peer, bytes } => self.took(who, *peer, bytes),
            Input::Command { .. } | Input::Room { .. } | Input::Tick => {}
        }
    }

    /// Compares a frame that a driver is handed with what the other driver sent.
    fn took(&self, who: Who, peer: PeerId, bytes: &[u8]) {
        let hash = short_hash(bytes);
        let same = self.with(|state| {
            state.frames += 1;
            let end = state.ends.get(&(who, peer))?;
            let direction = (end.exporter, end.peer);
            let place = state.taken.entry(direction).or_insert(0);
            let sent = state.sent.get(&direction)?.get(*place).copied()?;
            *place += 1;
            Some(sent == hash)
        });
        self.say(who, &format!("in {} {} {hash:016x}", peer.0, bytes.len()));
        if same != Some(true) {
            self.trace.violation(format!(
                "device {} was handed a frame of {} bytes that its peer never sent there",
                who.no,
                bytes.len()
            ));
        }
    }

    fn sent(&self, who: Who, peer: PeerId, bytes: &[u8]) {
        let hash = short_hash(bytes);
        self.with(|state| {
            if let Some(end) = state.ends.get(&(who, peer)) {
                let direction = (end.exporter, who.key);
                state.sent.entry(direction).or_default().push(hash);
            }
        });
        self.say(who, &format!("out {} {} {hash:016x}", peer.0, bytes.len()));
    }

    /// Nobody lies here, so nobody may be caught at it.
    fn refused(&self, who: Who, reason: Reason, text: &str) {
        self.say(who, &format!("refused {} {text}", reason.name()));
        match reason {
            Reason::Malformed
            | Reason::TooLarge
            | Reason::OtherEvent
            | Reason::OtherVersion
            | Reason::BadSignature
            | Reason::Fork
            | Reason::Demerits
            | Reason::Pace => self.trace.violation(format!(
                "device {} refused an honest peer: {}: {text}",
                who.no,
                reason.name()
            )),
            Reason::Gap => self.trace.count("refused-gap"),
            Reason::UnknownGrant => self.trace.count("refused-unknown-grant"),
            Reason::Stranger => self.trace.count("refused-stranger"),
            Reason::Revoked => self.trace.count("refused-revoked"),
            Reason::BadProof => self.trace.count("refused-bad-proof"),
            Reason::Quota => self.trace.count("refused-quota"),
            Reason::Duplicate => self.trace.count("refused-duplicate"),
            Reason::Room => self.trace.count("refused-room"),
            Reason::Key => self.trace.count("refused-key"),
        }
    }

    fn say(&self, who: Who, what: &str) {
        self.trace.say(&format!("#{} {what}", who.no));
    }

    fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        work(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Inlet for Ear {
    fn input(&self, input: Input) -> Pin<Box<dyn Future<Output = Result<(), Deaf>> + Send + '_>> {
        self.watch.heard(self.who, &input);
        Box::pin(async move { self.driver.input(input).await.map_err(|_| Deaf) })
    }
}

impl Link for Mouth {
    fn send(&self, peer: PeerId, frame: Vec<u8>) {
        self.watch.sent(self.who, peer, &frame);
        self.link.send(peer, frame);
    }

    fn close(&self, peer: PeerId, reason: Reason) {
        let what = format!("close {} {}", peer.0, reason.name());
        self.watch.say(self.who, &what);
        self.link.close(peer, reason);
    }

    fn notice(&self, notice: &Notice) {
        match notice {
            Notice::Refused { reason, text, .. } => self.watch.refused(self.who, *reason, text),
            Notice::Members(members) => {
                let what = format!("members {}", members.len());
                self.watch.say(self.who, &what);
            }
            Notice::Discover { .. } => self.watch.say(self.who, "discover"),
            Notice::Guests(waited_for) => {
                self.watch.say(self.who, &format!("guests {waited_for}"));
            }
            Notice::Call { addresses, .. } => {
                self.watch
                    .say(self.who, &format!("call {}", addresses.len()));
            }
            Notice::Grew { entries } => self.watch.say(self.who, &format!("grew {entries}")),
            // Told again by what both devices hold.
            Notice::Agreed { .. } | Notice::Receipted { .. } => {}
        }
        self.link.notice(notice);
    }

    fn reset(&self) {
        self.watch.say(self.who, "reset");
        self.link.reset();
    }

    fn joining(&self, ticket: Option<&Ticket>) {
        let what = format!("joining {}", ticket.is_some());
        self.watch.say(self.who, &what);
        self.link.joining(ticket);
    }
}

fn short_hash(bytes: &[u8]) -> u64 {
    let mut short = [0; 8];
    blake3::Hasher::new()
        .update(bytes)
        .finalize_xof()
        .fill(&mut short);
    u64::from_le_bytes(short)
}
