//! Leads each connection of a cloud node to the event that it is about.
//!
//! TLS says only who the peer is; its Hello says which event. Until then what it sends is kept, within
//! narrow bounds. A Hello about an event that the cloud does not have is answered as a device without
//! an event would; if the manifest that follows names this cloud, the event is taken up.
//!
//! Source: PROTOCOL R-CLOUD-1. Layer: node, cloud.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tallyline_keys::PublicKey;
use tallyline_proto::model::EventId;
use tallyline_proto::replica::{Input, PeerId, REFUSED_EVENT, Reason};
use tallyline_proto::wire::{Frame, decode_frame, decode_manifest, encode_frame, event_tag};

use tokio::time::sleep;

use super::events::Events;
use crate::driver::Driver;
use crate::net::{Deaf, Inlet};

/// Frames of a peer that are kept until it has said which event it speaks of, at most: a device's
/// own Admit with what makes its signer a deputy.
const WAITING_MAX: usize = 8;

/// How long a connection may be silent before it is asked for its event.
const SILENCE: Duration = Duration::from_secs(1);

/// Leads connections to events.
#[derive(Clone, Debug)]
pub struct Reception {
    events: Events,
    guests: Arc<Mutex<BTreeMap<PeerId, Guest>>>,
}

/// Where a connection is.
#[derive(Debug)]
enum Guest {
    /// It has not said which event it speaks of.
    Waiting(Waiting),
    /// It is about this event.
    Led(EventId, Driver),
}

/// A connection that has not said which event it speaks of.
#[derive(Clone, Debug)]
struct Waiting {
    key: PublicKey,
    exporter: [u8; 32],
    frames: Vec<Vec<u8>>,
    /// The event that it spoke of and that is not here.
    unknown: Option<[u8; 8]>,
    /// Whether it was asked for its event.
    asked: bool,
}

/// What is to be done with a frame of a connection that waits.
enum Step {
    /// It was kept, or says nothing.
    Stay,
    /// It names an event.
    Named([u8; 8]),
    /// It brings an event that this cloud is to take up.
    Brought(Vec<u8>, PublicKey),
    /// It has to go.
    Go(&'static str),
}

impl Reception {
    /// Leads to these events.
    pub fn new(events: Events) -> Self {
        Self {
            events,
            guests: Arc::default(),
        }
    }

    async fn take(&self, input: Input) -> Result<(), Deaf> {
        match input {
            Input::PeerUp {
                peer,
                key,
                exporter,
            } => {
                let waiting = Waiting {
                    key,
                    exporter,
                    frames: Vec::new(),
                    unknown: None,
                    asked: false,
                };
                self.lock().insert(peer, Guest::Waiting(waiting));
                // Before the peer says anything: it has to know that this is the cloud.
                if let Some(warrant) = self.events.root().warrant() {
                    let frame = encode_frame(&Frame::Warrant(warrant.clone()));
                    self.events.net().link().send(peer, frame);
                }
                Ok(())
            }
            Input::PeerDown { peer } => {
                let guest = self.lock().remove(&peer);
                if let Some(Guest::Led(event, driver)) = guest {
                    // A loop that has ended knows of no connections.
                    driver.input(Input::PeerDown { peer }).await.ok();
                    self.events.left(event, peer);
                }
                Ok(())
            }
            Input::Frame { peer, bytes } => {
                self.frame(peer, bytes).await;
                Ok(())
            }
            // Not for a network to say.
            Input::Command { .. } | Input::Room { .. } | Input::Tick => Ok(()),
        }
    }

    async fn frame(&self, peer: PeerId, bytes: Vec<u8>) {
        let led = match self.lock().get(&peer) {
            Some(Guest::Led(_, driver)) => Some(driver.clone()),
            Some(Guest::Waiting(_)) | None => None,
        };
        if let Some(driver) = led {
            if driver.input(Input::Frame { peer, bytes }).await.is_err() {
                self.send_away(peer, "its event was put away");
            }
            return;
        }
        match self.hear(peer, bytes) {
            Step::Stay => {}
            Step::Named(tag) => self.lead(peer, tag).await,
            Step::Brought(manifest, by) => match self.events.take(manifest, by).await {
                Ok(event) => {
                    tracing::info!(event = %event.uuid(), "a new event is taken up");
                    self.enter(peer, event).await;
                }
                Err(why) => self.send_away(peer, &why),
            },
            Step::Go(why) => self.send_away(peer, why),
        }
    }

    /// Takes a frame of a connection that has not said which event it speaks of.
    fn hear(&self, peer: PeerId, bytes: Vec<u8>) -> Step {
        let mut guests = self.lock();
        let Some(Guest::Waiting(waiting)) = guests.get_mut(&peer) else {
            return Step::Stay;
        };
        let Ok(frame) = decode_frame(&bytes) else {
            return Step::Go("a frame that is none");
        };
        if let Some(Frame::Hello(hello)) = &frame {
            let tag = hello.event_tag;
            waiting.frames.push(bytes);
            return Step::Named(tag);
        }
        if let Some(Frame::Welcome(manifest)) = &frame
            && (waiting.asked || waiting.unknown.is_some())
        {
            let key = self.events.root().speaks_for();
            let read = decode_manifest(manifest);
            let brought = tallyline_proto::wire::event_id(manifest);
            return match read {
                Ok(read)
                    if read.cloud.contains(&key)
                        && waiting.unknown.is_none_or(|tag| event_tag(brought) == tag) =>
                {
                    waiting.frames.clear();
                    Step::Brought(manifest.clone(), waiting.key)
                }
                Ok(_) => Step::Go("an event that does not name this cloud"),
                Err(_) => Step::Go("a manifest that cannot be read"),
            };
        }
        if WAITING_MAX <= waiting.frames.len() {
            return Step::Go("it does not say which event it speaks of");
        }
        waiting.frames.push(bytes);
        Step::Stay
    }

    /// Leads a connection to the event that its Hello names, or asks for the event.
    async fn lead(&self, peer: PeerId, tag: [u8; 8]) {
        match self.events.shelf().find(tag).await {
            Ok(Some(event)) => self.enter(peer, event).await,
            Ok(None) => {
                if let Some(Guest::Waiting(waiting)) = self.lock().get_mut(&peer) {
                    waiting.unknown = Some(tag);
                    waiting.asked = true;
                    waiting.frames.clear();
                }
                let refused = encode_frame(&Frame::Refused(REFUSED_EVENT));
                self.events.net().link().send(peer, refused);
            }
            Err(error) => self.send_away(peer, &error.to_string()),
        }
    }

    /// Hands a connection over to its event, with what it has sent.
    async fn enter(&self, peer: PeerId, event: EventId) {
        let driver = match self.events.enter(event, peer).await {
            Ok(driver) => driver,
            Err(why) => return self.send_away(peer, &why),
        };
        let waiting = {
            let mut guests = self.lock();
            match guests.insert(peer, Guest::Led(event, driver.clone())) {
                Some(Guest::Waiting(waiting)) => waiting,
                // It ended meanwhile.
                Some(Guest::Led(..)) | None => {
                    guests.remove(&peer);
                    drop(guests);
                    return self.events.left(event, peer);
                }
            }
        };
        let up = Input::PeerUp {
            peer,
            key: waiting.key,
            exporter: waiting.exporter,
        };
        let mut inputs = vec![up];
        let frames = waiting.frames.into_iter();
        inputs.extend(frames.map(|bytes| Input::Frame { peer, bytes }));
        for input in inputs {
            if driver.input(input).await.is_err() {
                return self.send_away(peer, "its event was put away");
            }
        }
    }

    /// Asks who says nothing for its event, again and again: a cloud that lost its events dials devices,
    /// and a device that was dialled waits for a word.
    ///
    /// Source: PROTOCOL R-SYNC-10.
    pub async fn ask_the_silent(self) {
        loop {
            sleep(SILENCE).await;
            let mut silent = Vec::new();
            for (peer, guest) in self.lock().iter_mut() {
                if let Guest::Waiting(waiting) = guest
                    && waiting.frames.is_empty()
                    && waiting.unknown.is_none()
                {
                    waiting.asked = true;
                    silent.push(*peer);
                }
            }
            for peer in silent {
                let refused = encode_frame(&Frame::Refused(REFUSED_EVENT));
                self.events.net().link().send(peer, refused);
            }
        }
    }

    fn send_away(&self, peer: PeerId, why: &str) {
        tracing::info!(peer = peer.0, why, "a connection is sent away");
        self.events.net().link().close(peer, Reason::OtherEvent);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<PeerId, Guest>> {
        self.guests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inlet for Reception {
    fn input(&self, input: Input) -> Pin<Box<dyn Future<Output = Result<(), Deaf>> + Send + '_>> {
        Box::pin(self.take(input))
    }
}
