//! A device whose card was changed: what it said of the old one is no copy any more.

use tallyline_proto::{
    replica::{Command, EntryFilter, Founding, Input},
    sync::VERSION,
    wire::{Frame, Hello, encode_frame},
};

use crate::{
    DeviceNo,
    plan::Weather,
    small_event::{score, small_structure},
    world::World,
};

/// How long the two devices have to agree, in ms.
const AGREE_MS: u64 = 60_000;

/// Returns how many copies a device shows of its score: once another device has it, and after that
/// device named another store. `None` if it comes to nothing before.
///
/// Source: PROTOCOL R-CELL-3.
pub(super) fn copies() -> Option<(u32, u32)> {
    let mut world = World::new(1, Weather::CALM);
    let founding = Founding {
        name: "Cards".to_owned(),
        nonce: [1; 16],
        discovery_key: [2; 16],
        cloud: Vec::new(),
        recovery: Vec::new(),
        structure: small_structure(1, 1, 1),
        label: "owner".to_owned(),
    };
    let all = world.venue(founding, 1);
    let &[owner, tablet] = all.as_slice() else {
        return None;
    };
    let body = score(1, 1, 1_000, 3);
    let saved = Command::Record {
        body,
        replaces: None,
        agreed: tallyline_proto::model::Agreed::BOTH,
        confirmed: false,
        revision: None,
        wall_ms: None,
    };
    world.command(owner, saved)?;
    let agreed = world.run_until(AGREE_MS, |world| shown(world, owner) == Some(1));
    agreed.ok()?;
    let before = shown(&mut world, owner)?;

    let event = world.invite(owner).event;
    let (&event_tag, _) = event.0.0.split_first_chunk()?;
    let other_store = Frame::Hello(Hello {
        version: VERSION,
        event_tag,
        state: [0; 16],
        store: 0,
        answer: false,
        receipts: 0,
        clock_ms: 0,
    });
    let peer = world.peer_id(owner, tablet)?;
    let bytes = encode_frame(&other_store);
    world.input(owner, Input::Frame { peer, bytes });
    Some((before, shown(&mut world, owner)?))
}

/// Returns how many copies a device shows of the only score.
fn shown(world: &mut World, device: DeviceNo) -> Option<u32> {
    let all = EntryFilter::default();
    let replica = &mut world.devices.get_mut(device)?.replica;
    let entries = replica.entries(&all);
    entries.last().map(|it| it.copies)
}
