//! The cloud is a peer: it takes up the event from a gateway, and its receipts travel back.
#![cfg(test)]

use tallyline_keys::DeviceKey;
use tallyline_proto::{
    model::{Agreed, Body, CloseReason, Open},
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

/// A cloud, an owner, a tablet with a grant for stage 1, a gateway with one for stage 2; nobody reaches
/// the cloud yet.
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
    let stages = [(all[1], 1), (all[2], 2)];
    let opens = stages.map(|(no, stage)| Open {
        key: world.devices[no].key(),
        cells: cells(&[stage], &[]),
        until_ms: None,
    });
    let command = Command::Assign {
        closing: vec![],
        reason: CloseReason::Handover,
        opens: opens.to_vec(),
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
    record_on(1, shooter, 1000 + shooter)
}

/// Scores a shooter on a stage, again if there is a score.
fn record_on(stage: u32, shooter: u32, time_centis: u32) -> Command {
    Command::Record {
        body: score(stage, shooter, time_centis, 3),
        replaces: None,
        confirmed: true,
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

/// Counts the scores on a device, and those that it knows to be in the cloud.
fn scores(world: &mut World, no: DeviceNo) -> (usize, usize) {
    let entries = world.devices[no].replica.entries(&EntryFilter::default());
    let scores = entries
        .iter()
        .filter(|it| matches!(it.body, Body::Score(_)));
    let there = scores.clone().filter(|it| it.in_cloud);
    (scores.count(), there.count())
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

/// Fifty entries, thirty of a tablet's log and twenty of the gateway's own, and how many of them the cloud
/// had when the network died; returns the bytes of logs that the next run took.
fn bytes_of_the_next_run(died_at: usize) -> u64 {
    let (mut world, cloud, all) = venue(Weather::CALM);
    let (owner, tablet, gateway) = (all[0], all[1], all[2]);
    let settle = |world: &mut World| {
        let converged = world.run_until(120_000, |world| world.converged(&all));
        converged.expect("converged");
        // Nobody says anything any more.
        world.run_for(20_000);
    };
    settle(&mut world);
    let save = |world: &mut World, device, command| {
        let reply = world.command(device, command);
        assert!(matches!(reply, Some(Reply::Saved(_))), "{reply:?}");
    };
    // The cloud takes the event up; from then on the uplink is there only when somebody connects it.
    world.connect(gateway, cloud);
    let taken_up = world.run_until(120_000, |world| world.converged(&[gateway, cloud]));
    taken_up.expect("the cloud has the event");
    world.cut(gateway, cloud);
    for no in 0..30 {
        save(&mut world, tablet, record_on(1, 1 + no % 24, 1_000 + no));
    }
    settle(&mut world);
    let connect = |world: &mut World| {
        world.heal();
        // Only the gateway has a way to the internet.
        world.cut(owner, cloud);
        world.cut(tablet, cloud);
    };
    if died_at == 30 {
        connect(&mut world);
        let there = world.run_until(60_000, |world| scores(world, cloud).0 == 30);
        there.expect("thirty");
        world.cut(gateway, cloud);
    }
    for shooter in 1..=20 {
        save(&mut world, gateway, record_on(2, shooter, 2_000 + shooter));
    }
    settle(&mut world);
    assert_eq!(scores(&mut world, cloud).0, died_at);
    let bytes_of_logs = |world: &World| world.traffic().0 - world.cell_bytes();
    let before = bytes_of_logs(&world);
    connect(&mut world);
    let there = world.run_until(60_000, |world| {
        scores(world, cloud).0 == 50 && scores(world, tablet).1 == 50
    });
    there.expect("fifty, and the tablet knows");
    let bytes = bytes_of_logs(&world) - before;
    world.run_for(60_000);
    assert_eq!(scores(&mut world, cloud).0, 50, "none twice");
    assert!(world.violations().is_empty(), "{:?}", world.violations());
    bytes
}

/// Acceptance row S2-13: the network dies when the cloud has 30 of 50, and the next run sends 20.
#[test]
fn s2_13_the_next_run_sends_what_the_cloud_does_not_have() {
    let (rest, all) = (bytes_of_the_next_run(30), bytes_of_the_next_run(0));
    println!("the next run took {rest} bytes; all fifty take {all}");
    // A chunk has one signature, and no entry is smaller than this.
    assert!(rest + 30 * 15 <= all, "thirty are not sent again");
}

/// Acceptance row S2-14: whatever dies between sending and noting that it was sent, what is sent again
/// counts once. Replies are lost, repeated and overtake each other.
#[test]
fn s2_14_what_is_sent_again_is_there_once() {
    let rough = Weather {
        loss_permille: 150,
        burst: 2,
        duplicate_permille: 300,
        delay_ms_min: 5,
        delay_ms_max: 2_000,
        ordered: false,
    };
    for weather in [Weather::CALM, rough] {
        let (mut world, cloud, all) = venue(weather);
        let (tablet, gateway) = (all[1], all[2]);
        world.connect(gateway, cloud);
        let turns = [gateway, cloud, tablet].into_iter().cycle();
        for (shooter, dies) in (1..=24).zip(turns) {
            let reply = world.command(tablet, record(shooter));
            assert!(matches!(reply, Some(Reply::Saved(_))), "{reply:?}");
            // One of them dies right after the other has it, and before it can note that.
            let expected = scores(&mut world, tablet).0;
            let arrived = world.run_until(120_000, |world| scores(world, cloud).0 == expected);
            arrived.expect("it is in the cloud");
            world.kill(dies);
            world.heal();
        }
        let known = |world: &mut World| {
            world.converged(&[cloud, tablet, gateway]) && scores(world, tablet).1 == 24
        };
        world.run_until(240_000, known).expect("everybody knows");
        assert_eq!(scores(&mut world, cloud).0, 24, "each once");
        assert!(world.violations().is_empty(), "{:?}", world.violations());
    }
}

/// Invariant I8: last night's backup is put back; nothing is lost and nothing is there twice.
#[test]
fn a_cloud_put_back_to_last_nights_backup_gets_everything_again() {
    let (mut world, cloud, all) = venue(Weather::CALM);
    let (tablet, gateway) = (all[1], all[2]);
    world.connect(gateway, cloud);
    let save = |world: &mut World, shooters: std::ops::RangeInclusive<u32>| {
        for shooter in shooters {
            let reply = world.command(tablet, record(shooter));
            assert!(matches!(reply, Some(Reply::Saved(_))), "{reply:?}");
        }
        let expected = scores(world, tablet).0;
        let known = |world: &mut World| scores(world, tablet).1 == expected;
        world.run_until(120_000, known).expect("receipts are back");
    };
    save(&mut world, 1..=10);
    world.keep_image(cloud);
    save(&mut world, 11..=24);
    world.roll_back(cloud);
    assert_eq!(scores(&mut world, cloud).0, 10, "it was put back");
    world.connect(gateway, cloud);
    let whole = |world: &mut World| scores(world, cloud).0 == 24;
    world.run_until(120_000, whole).expect("sent again");
    let settled = |world: &mut World| world.converged(&[cloud, tablet, gateway]);
    world.run_until(120_000, settled).expect("converged");
    world.run_for(60_000);
    assert_eq!(scores(&mut world, cloud).0, 24, "each once");
    assert_eq!(scores(&mut world, tablet).1, 24);
    for no in [tablet, gateway] {
        assert_eq!(world.devices[no].replica.lost_by_the_cloud(), 0, "{no}");
    }
}

/// Acceptance row S3-18: a device that was away for longer than any server keeps deltas gets everything,
/// and what it had not sent is not lost.
#[test]
fn s3_18_a_device_that_was_away_for_fifteen_days_gets_everything() {
    const DAY_MS: u64 = 24 * 60 * 60_000;
    let (mut world, cloud, all) = venue(Weather::CALM);
    let (owner, tablet, gateway) = (all[0], all[1], all[2]);
    world.connect(gateway, cloud);
    world.cut(tablet, owner);
    world.cut(tablet, gateway);
    world.cut(tablet, cloud);
    for shooter in 1..=5 {
        world.command(tablet, record(shooter));
    }
    let near = |world: &mut World| world.converged(&[owner, gateway, cloud]);
    world.run_until(120_000, near).expect("the others agree");
    for day in 0..15 {
        for no in 0..2 {
            world.command(gateway, record_on(2, 1 + day + no, 1_000 + day));
        }
        world.run_for(DAY_MS);
    }
    let missed = scores(&mut world, gateway).0;
    assert_eq!(scores(&mut world, tablet).0, 5, "it heard of nothing");
    world.heal();
    let whole = |world: &mut World| {
        world.converged(&[owner, tablet, gateway, cloud]) && scores(world, tablet).1 == missed + 5
    };
    world.run_until(120_000, whole).expect("it has everything");
    assert_eq!(scores(&mut world, tablet).0, missed + 5, "and lost nothing");
}
