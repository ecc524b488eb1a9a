//! The cloud is a peer: it takes up the event from a gateway, and its receipts travel back.
#![cfg(test)]

use tallyline_keys::DeviceKey;
use tallyline_proto::{
    model::{Agreed, CloseReason, Open},
    replica::{Command, EntryFilter, Founding, Input, Now, Phase, Reason, Reply},
    wire::{Cell, CellKind, Frame, encode_cell, encode_frame, log_short_id, sign_cell},
};
use tallyline_simulator::{
    DeviceNo, Weather, World, cells, score, small_founding, small_structure,
};

const NOW: Now = Now {
    mono_ms: 0,
    wall_ms: 0,
};

/// A cloud, an owner, a tablet with a grant for all, a gateway; nobody reaches the cloud yet.
fn venue(weather: Weather) -> (World, DeviceNo, Vec<DeviceNo>) {
    let mut world = World::new(21, weather);
    let cloud = world.add("cloud", true);
    let founding = Founding {
        cloud: vec![world.devices[cloud].key()],
        ..small_founding(world.random(), small_structure(4, 24, 6))
    };
    let all = world.venue(founding, 2);
    let known = |world: &mut World| {
        all.iter()
            .all(|&no| world.devices[no].replica.devices(NOW).len() == 4)
    };
    world.run_until(120_000, known).expect("everybody joins");
    // Connections that were closed while a device was still joining are dialled again.
    world.run_for(3_000);
    let key = world.devices[all[1]].key();
    let opens = vec![Open {
        key,
        cells: cells(&[], &[]),
        until_ms: None,
    }];
    let command = Command::Assign {
        closing: vec![],
        reason: CloseReason::Handover,
        opens,
    };
    assert!(matches!(
        world.command(all[0], command),
        Some(Reply::Assigned(_))
    ));
    world
        .run_until(120_000, |world| world.converged(&all))
        .expect("converged");
    (world, cloud, all)
}

fn record(shooter: u32) -> Command {
    Command::Record {
        body: score(1, shooter, 1000 + shooter, 3),
        replaces: None,
        confirmed: false,
        revision: None,
        wall_ms: None,
        agreed: Agreed::BOTH,
    }
}

fn in_cloud(world: &mut World, no: DeviceNo) -> usize {
    let entries = world.devices[no].replica.entries(&EntryFilter::default());
    entries.iter().filter(|entry| entry.in_cloud).count()
}

fn total(world: &mut World, no: DeviceNo) -> usize {
    world.devices[no]
        .replica
        .entries(&EntryFilter::default())
        .len()
}

#[test]
fn an_ro_that_never_had_internet_sees_its_scores_in_the_cloud() {
    for weather in [Weather::CALM, Weather::STORM] {
        let (mut world, cloud, all) = venue(weather);
        let (tablet, gateway) = (all[1], all[2]);
        for shooter in 1..=24 {
            assert!(matches!(
                world.command(tablet, record(shooter)),
                Some(Reply::Saved(_))
            ));
        }
        world.run_for(20_000);
        assert_eq!(in_cloud(&mut world, tablet), 0, "nothing is claimed early");
        world.connect(gateway, cloud);
        let entries = total(&mut world, tablet);
        let everywhere = |world: &mut World| {
            all.iter()
                .all(|&no| in_cloud(world, no) == total(world, no))
        };
        world
            .run_until(120_000, everywhere)
            .expect("the receipt travels back to everybody");
        assert_eq!(in_cloud(&mut world, tablet), entries);
        assert!(
            world.converged(&[cloud, tablet]),
            "the cloud holds the same logs"
        );
        // A restart forgets nothing of it.
        world.kill(tablet);
        assert_eq!(in_cloud(&mut world, tablet), entries);
    }
}

#[test]
fn a_link_that_breaks_on_the_way_resumes_from_what_the_cloud_has() {
    let (mut world, cloud, all) = venue(Weather::CALM);
    for shooter in 1..=24 {
        world.command(all[1], record(shooter));
    }
    world.connect(all[2], cloud);
    world.run_for(2);
    world.cut(all[2], cloud);
    for _ in 0..3 {
        world.kill(cloud);
        world.heal();
        world.run_for(5);
    }
    world
        .run_until(120_000, |world| world.converged(&[cloud, all[1]]))
        .expect("converged");
    assert_eq!(
        total(&mut world, cloud),
        total(&mut world, all[1]),
        "every entry once"
    );
}

#[test]
fn a_receipt_that_no_cloud_key_signed_is_refused() {
    let (mut world, _, all) = venue(Weather::CALM);
    world.command(all[1], record(1));
    world
        .run_until(60_000, |world| world.converged(&all))
        .expect("converged");
    let event = world.devices[all[0]].replica.event().expect("an event").0;
    let logs = world.devices[all[1]]
        .replica
        .logs()
        .iter()
        .map(|log| (log_short_id(&log.name), log.height, [0; 8]))
        .collect();
    let cell = Cell {
        store: 1,
        counter: 1_000_000,
        wall_ms: 0,
        near: Vec::new(),
        kind: CellKind::Receipt(logs),
    };
    let liar: DeviceKey = world.devices[all[2]].stolen_key();
    let signed = sign_cell(&liar, event, cell);
    let bytes = encode_frame(&Frame::Cells(vec![encode_cell(&signed)]));
    let peer = world.peer_id(all[1], all[2]).expect("connected");
    world.input(all[1], Input::Frame { peer, bytes });
    assert_eq!(in_cloud(&mut world, all[1]), 0, "nothing is believed");
    let refusals = world.devices[all[1]].replica.refusals();
    assert_eq!(refusals.get(&Reason::BadSignature), Some(&1));
}

#[test]
fn a_cloud_takes_up_no_event_that_does_not_name_it() {
    let (mut world, _, all) = venue(Weather::CALM);
    let other = world.add("another cloud", true);
    world.connect(all[2], other);
    world.run_for(20_000);
    assert_eq!(world.devices[other].replica.phase(), Phase::Blank);
}

#[test]
fn copies_are_counted_from_what_others_have_on_disk() {
    let (mut world, _, all) = venue(Weather::CALM);
    world.cut(all[1], all[0]);
    world.cut(all[1], all[2]);
    let Some(Reply::Saved(saved)) = world.command(all[1], record(1)) else {
        panic!("saved")
    };
    let filter = EntryFilter {
        entry: Some(saved[0]),
        ..EntryFilter::default()
    };
    let copies = |world: &mut World| world.devices[all[1]].replica.entries(&filter)[0].copies;
    assert_eq!(copies(&mut world), 0, "it exists only here");
    world.heal();
    world
        .run_until(30_000, |world| copies(world) == 2)
        .expect("two other devices say that they have it");
}
