//! Inputs 48 and 49: structures that are not what they say, and kinds of frames that do not exist.

use serde_json::json;
use tallyline_keys::DeviceKey;
use tallyline_proto::model::{EventId, GrantId, Hash, Lock, Statement, Ticket};
use tallyline_proto::wire::{Frame, MANIFEST_BYTES_MAX, event_id, ticket_to_text};

use crate::hostile::Outcome;
use crate::hostile::lies::{Forged, stated};
use crate::hostile::peer::Peer;
use crate::hostile::venue::{ARGS, Node, Venue};
use crate::hostile::wait::{DEADLINE, ensure, until};
use crate::process::Broken;

/// Input 48.
pub(crate) fn other_structures() -> Result<Outcome, Broken> {
    let venue = Venue::start()?;
    let known = venue.owner.known()?;
    let event = known.event();
    let owner = venue.owner.stolen_key()?;
    let Some(Frame::Welcome(manifest)) = known.frames.first() else {
        return Err(Broken::new("no manifest"));
    };
    ensure(event_id(manifest) == event, || {
        "another manifest".to_owned()
    })?;
    let inviter = DeviceKey::from_seed([0x48; 32]);
    let door = Peer::listening(&inviter)?;
    let newcomer = Node::create(venue.folder(), "newcomer", &ARGS)?;
    let ticket = Ticket {
        event: EventId(Hash([7; 32])),
        inviter: inviter.public(),
        secret: [1; 16],
        discovery_key: [2; 16],
        addresses: vec![door.address()?.to_string()],
    };
    newcomer.ask(&json!({"verb": "join", "ticket": ticket_to_text(&ticket)}))?;
    let mut link = door.accept()?;
    link.hear("a Join", |frame| {
        matches!(frame, Frame::Join(_)).then_some(())
    })?;
    link.say(&Frame::Welcome(manifest.clone()))?;
    link.say(&Frame::Welcome(vec![0; MANIFEST_BYTES_MAX + 1]))?;
    Venue::until_refused(&newcomer, "other_event", 1)?;
    Venue::until_refused(&newcomer, "malformed", 1)?;
    let status = newcomer.status()?;
    let phase = status.pointer("/node/phase").cloned().unwrap_or_default();
    ensure(phase == json!("joining"), || format!("it is {phase}"))?;
    newcomer.stop()?;

    let before = venue.owner.ask(&json!({"verb": "event-show"}))?;
    let entries = venue.owner.entries()?;
    let lock = Statement::Lock(Lock {
        structure: Hash([6; 32]),
    });
    let mut control = Forged::begin(&owner, event, GrantId::control(event), 48);
    let push = control.add(stated(&owner, event, &lock)).push();
    let mut liar = venue.to_owner()?;
    liar.say(&Frame::Push(push))?;
    liar.say(&Frame::Welcome(manifest.clone()))?;
    venue.tablet.until_entries(entries + 1)?;
    let after = venue.owner.ask(&json!({"verb": "event-show"}))?;
    ensure(before == after, || "the structure changed".to_owned())?;
    venue.done(
        "another hash: other_event; 51,201 B: malformed, still joining; a Lock of another \
         structure: kept, no effect",
    )
}

/// Input 49.
pub(crate) fn media_as_frames() -> Result<Outcome, Broken> {
    let venue = Venue::start()?;
    let (entries, bytes) = (venue.owner.entries()?, venue.owner.root_bytes()?);
    let before = venue.owner.number("/wire/frames_received_bytes")?;
    let mut link = venue.to_owner()?;
    for kind in [77, 100, 255] {
        for _ in 0..10 {
            link.frame(&[&[kind][..], &vec![0xab; 60 * 1024]].concat())?;
        }
    }
    until("all of it arrived", DEADLINE, || {
        Ok(before + 30 * 60 * 1024 <= venue.owner.number("/wire/frames_received_bytes")?)
    })?;
    ensure(link.ended().is_none(), || "the connection ended".to_owned())?;
    ensure(venue.owner.refused_at_all()? == 0, || {
        "something was refused".to_owned()
    })?;
    ensure(venue.owner.entries()? == entries, || {
        "something was stored".to_owned()
    })?;
    let grown = venue.owner.root_bytes()?.saturating_sub(bytes);
    ensure(grown < 60 * 1024, || format!("{grown} B more on disk"))?;
    venue.done("30 frames of unknown kinds of 60 KiB skipped, nothing stored")
}
