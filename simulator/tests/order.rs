//! The same set of entries in any order and any batching gives the same standings.
#![cfg(test)]

use tallyline_keys::DeviceKey;
use tallyline_proto::{
    log::{Chain, sign_head},
    model::{
        Agreed, Body, CloseReason, Entry, EventId, GrantId, Incarnation, LogName, Open, Void,
        VoidReason,
    },
    replica::{Command, Founding, Input, Reply},
    rules::{Standings, scorebook::Totals},
    wire::{Frame, LogRef, Push, decode_bundle, encode_entry, encode_frame, entry_id},
};
use tallyline_simulator::{DeviceNo, Random, Weather, World, cells, score, small_structure};

/// What one device wrote under one grant.
struct Log {
    key: [u8; 32],
    name: LogName,
    entries: Vec<Vec<u8>>,
}

/// An event with two tablets, of whom the second took over from the first, and logs with scores,
/// corrections, duplicates, conflicts, late entries and entries outside the grant.
fn world() -> (World, DeviceNo, EventId, Vec<Log>) {
    let mut world = World::new(3, Weather::CALM);
    let founding = Founding {
        name: "Order".to_owned(),
        nonce: [1; 16],
        discovery_key: [2; 16],
        cloud: Vec::new(),
        recovery: Vec::new(),
        structure: small_structure(4, 24, 6),
        label: "owner".to_owned(),
    };
    let all = world.venue(founding, 2);
    world.run_for(10_000);
    let event = world.devices[all[0]].replica.event().expect("an event").0;
    let keys = [
        world.devices[all[1]].stolen_key(),
        world.devices[all[2]].stolen_key(),
    ];
    let first = assign(&mut world, all[0], &[], &keys[0]);
    let mut logs = vec![scores(&keys[0], first, 1, 0)];
    let cut = 9;
    takes(&mut world, (all[0], all[1]), push(event, &logs[0], 0, cut));
    let second = assign(&mut world, all[0], &[first], &keys[1]);
    logs.push(scores(&keys[1], second, 2, 3));
    (world, all[0], event, logs)
}

fn assign(world: &mut World, owner: DeviceNo, closing: &[GrantId], key: &DeviceKey) -> GrantId {
    let opens = vec![Open {
        key: key.public(),
        cells: cells(&[], &[1, 2]),
        until_ms: None,
    }];
    let command = Command::Assign {
        closing: closing.to_vec(),
        reason: CloseReason::Handover,
        opens,
    };
    match world.command(owner, command) {
        Some(Reply::Assigned(grants)) => grants[0],
        other => panic!("assigned: {other:?}"),
    }
}

fn scores(key: &DeviceKey, grant: GrantId, incarnation: u64, shift: u32) -> Log {
    let name = LogName {
        grant,
        incarnation: Incarnation(incarnation),
    };
    let mut bodies: Vec<Body> = Vec::new();
    for shooter in 1..=12 {
        // Some are the same on both tablets, some differ, one is outside the grant.
        let time = if shooter % 3 == 0 {
            1500
        } else {
            1000 + shooter + shift
        };
        bodies.push(score(1, shooter, time, 3));
    }
    bodies.push(score(2, 20, 1700, 4));
    let void = Void {
        entry: entry_id(&name, 4),
        reason: VoidReason::Time,
        note: String::new(),
        agreed: Agreed::BOTH,
    };
    bodies.push(Body::Void(void));
    bodies.push(score(1, 4, 999 + shift, 4));
    let entries = bodies
        .into_iter()
        .map(|body| {
            encode_entry(
                &Entry {
                    at_delta_ms: 9,
                    revision: 1,
                    succession: vec![],
                    body,
                },
                None,
            )
        })
        .collect();
    Log {
        key: *key.seed(),
        name,
        entries,
    }
}

/// A chunk of a log, signed at its end.
fn push(event: EventId, log: &Log, from: usize, to: usize) -> Push {
    let key = DeviceKey::from_seed(log.key);
    let start = Chain::start(event, &log.name, &key.public());
    let chain = log.entries[..to]
        .iter()
        .fold(start, |chain, bytes| chain.link(bytes));
    let height = u64::try_from(to).expect("small");
    let signature = sign_head(&key, event, &log.name, (height, chain));
    Push {
        log: LogRef::Name(log.name),
        from: u64::try_from(from).expect("small") + 1,
        entries: log.entries[from..to].to_vec(),
        signature,
    }
}

fn takes(world: &mut World, (to, from): (DeviceNo, DeviceNo), push: Push) {
    let peer = world.peer_id(to, from).expect("connected");
    let bytes = encode_frame(&Frame::Push(push));
    world.input(to, Input::Frame { peer, bytes });
}

/// Feeds the control log and both logs to a fresh reader, in chunks and an order that chance
/// decides; what does not follow yet is offered again, as a peer would.
fn read(bundle: &[u8], event: EventId, logs: &[Log], random: &mut Random) -> ([u8; 32], Totals) {
    let mut world = World::new(random.next_u64(), Weather::CALM);
    let reader = world.add("reader", false);
    let mut frames = decode_bundle(bundle).expect("a bundle");
    frames.retain(|frame| match frame {
        Frame::Push(push) => {
            matches!(push.log, LogRef::Name(name) if name.grant == GrantId::control(event))
        }
        Frame::Welcome(_) => true,
        Frame::Hello(_)
        | Frame::Vector(_)
        | Frame::Have(_)
        | Frame::Want(_)
        | Frame::Cells(_)
        | Frame::Fork(_)
        | Frame::Present(_)
        | Frame::Join(_)
        | Frame::Refused(_)
        | Frame::Claim(_)
        | Frame::Commit(_)
        | Frame::Reveal(_)
        | Frame::Ask(_)
        | Frame::Denied(_)
        | Frame::KeyAsk(_)
        | Frame::Keys(_)
        | Frame::Warrant(_) => false,
    });
    let control = tallyline_proto::wire::encode_bundle(&frames);
    let mut waiting: Vec<Push> = Vec::new();
    for log in logs {
        let mut from = 0;
        while from < log.entries.len() {
            let length = usize::try_from(random.between(1, 7)).expect("small");
            let to = (from + length).min(log.entries.len());
            waiting.push(push(event, log, from, to));
            from = to;
        }
    }
    let mut control = Some(control);
    while !waiting.is_empty() || control.is_some() {
        if random.chance(200)
            && let Some(control) = control.take()
        {
            let reply = world.command(reader, Command::Import(control));
            assert!(
                matches!(reply, Some(Reply::Imported { refused: 0, .. })),
                "{reply:?}"
            );
        }
        if waiting.is_empty() {
            continue;
        }
        let place = usize::try_from(random.below(u64::try_from(waiting.len()).expect("small")))
            .expect("small");
        let one = waiting.swap_remove(place);
        let frames = [frames[0].clone(), Frame::Push(one.clone())];
        let bundle = tallyline_proto::wire::encode_bundle(&frames);
        match world.command(reader, Command::Import(bundle)) {
            Some(Reply::Imported { refused: 0, .. }) => {
                if random.chance(100) {
                    world.kill(reader);
                }
            }
            Some(Reply::Imported { .. }) => waiting.push(one),
            other => panic!("{other:?}"),
        }
    }
    let replica = &mut world.devices[reader].replica;
    let book = replica.book().expect("an event");
    let standings = Standings::compute(replica.roster().expect("an event"), &book);
    (standings.digest(), book.totals())
}

#[test]
fn any_order_and_any_batching_give_the_same_standings() {
    let (world, owner, event, logs) = world();
    let bundle = world.devices[owner].replica.bundle();
    let mut random = Random::new(11);
    let expected = read(&bundle, event, &logs, &mut random);
    let totals = expected.1;
    assert!(
        0 < totals.counted_late && 0 < totals.quarantined,
        "the case is rich: {totals:?}"
    );
    assert!(
        0 < totals.duplicates && 0 < totals.late_beaten,
        "the case is rich: {totals:?}"
    );
    for seed in 0..300 {
        let mut random = Random::new(seed);
        assert_eq!(
            read(&bundle, event, &logs, &mut random),
            expected,
            "seed {seed}"
        );
    }
}
