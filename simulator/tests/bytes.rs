//! Bytes of protocol frames, counted exactly with their length prefixes, without QUIC and UDP.
//!
//! Source: the targets of PROTOCOL section 6 and docs/TESTING.md; each figure is printed.
#![cfg(test)]

use tallyline_keys::DeviceKey;
use tallyline_proto::{
    log::Ledger,
    model::{
        Admit, Agreed, Assign, Body, Entry, EventId, GrantId, Incarnation, LogName, Manifest, Open,
        Roles, Statement,
    },
    replica::{Stored, StoredLog},
    wire::{encode_entry, encode_manifest, encode_signed, event_id, grant_id, sign_statement},
};
use tallyline_simulator::{DeviceNo, Weather, World, card_holding, cells, small_structure};

const LOGS: u32 = 30;
const ENTRIES: u64 = 200;
const ENTRY_BYTES: usize = 150;
const OWNER: [u8; 32] = [1; 32];

fn writer_seed(no: u32) -> [u8; 32] {
    let mut seed = [7; 32];
    seed[..4].copy_from_slice(&no.to_le_bytes());
    seed
}

/// A ledger with the owner's statements for 30 writers, and the names of their logs.
fn event() -> (Vec<u8>, Ledger, Vec<LogName>) {
    let owner = DeviceKey::from_seed(OWNER);
    let manifest = Manifest {
        rules_version: 1,
        name: "Bytes".to_owned(),
        nonce: [3; 16],
        owner: owner.public(),
        recovery: Vec::new(),
        cloud: Vec::new(),
        discovery_key: [4; 16],
        structure: small_structure(LOGS, 10, 10),
    };
    let bytes = encode_manifest(&manifest);
    let event = event_id(&bytes);
    let mut ledger = Ledger::new(event, manifest);
    let writers: Vec<DeviceKey> = (0..LOGS)
        .map(|no| DeviceKey::from_seed(writer_seed(no)))
        .collect();
    let roles = Roles::SCORER.with(Roles::RELAY);
    for (no, writer) in writers.iter().enumerate() {
        let label = format!("tablet-{no}");
        let admit = Admit {
            key: writer.public(),
            roles,
            label,
        };
        state(&mut ledger, &owner, event, &Statement::Admit(admit));
    }
    let opens = (1..)
        .zip(&writers)
        .map(|(drill, writer)| Open {
            key: writer.public(),
            cells: cells(&[drill], &[]),
            until_ms: None,
        })
        .collect();
    let assign = Statement::Assign(Assign {
        closes: Vec::new(),
        opens,
        under: None,
    });
    let id = state(&mut ledger, &owner, event, &assign);
    let logs = (0..LOGS)
        .map(|no| LogName {
            grant: grant_id(id, no),
            incarnation: Incarnation(0x1234_5678_9abc_def0 ^ u64::from(no)),
        })
        .collect();
    (bytes, ledger, logs)
}

fn state(
    ledger: &mut Ledger,
    owner: &DeviceKey,
    event: EventId,
    statement: &Statement,
) -> tallyline_proto::model::Hash {
    let signed = sign_statement(owner, event, statement);
    let log = LogName {
        grant: GrantId::control(event),
        incarnation: Incarnation(1),
    };
    let body = Body::Statement(encode_signed(&signed));
    let entry = Entry {
        at_delta_ms: 5,
        revision: 1,
        succession: Vec::new(),
        body,
    };
    ledger.append(log, owner.public(), encode_entry(&entry, None));
    ledger.sign(&log, owner).expect("the log is there");
    signed.id(event)
}

fn fill(ledger: &mut Ledger, logs: &[LogName], count: u64) {
    for (no, log) in (0..).zip(logs) {
        let writer = DeviceKey::from_seed(writer_seed(no));
        for seq in 0..count {
            let mut bytes = vec![0xf8; ENTRY_BYTES];
            bytes[..8].copy_from_slice(&seq.to_le_bytes());
            ledger.append(*log, writer.public(), bytes);
        }
        ledger.sign(log, &writer).expect("the log is there");
    }
}

fn stored(manifest: &[u8], ledger: &Ledger) -> Stored {
    let logs = ledger
        .logs()
        .values()
        .map(|log| StoredLog {
            name: *log.name(),
            entries: log
                .records()
                .map(|(_, record)| record.bytes.clone())
                .collect(),
            heads: log
                .heads()
                .iter()
                .map(|(&height, it)| (height, *it.as_bytes()))
                .collect(),
        })
        .collect();
    Stored {
        manifest: Some(manifest.to_vec()),
        logs,
        ..Stored::default()
    }
}

/// Two devices with these disks, connected; runs until they are equal and silent.
fn meet(left: &Stored, right: &Stored) -> (u64, u64, World) {
    let mut world = World::new(5, Weather::CALM);
    let one = world.add_with("one", writer_seed(0), card_holding(1, left));
    let two = world.add_with("two", writer_seed(1), card_holding(2, right));
    world.connect(one, two);
    let ms = converge(&mut world, one, two);
    world.run_for(20_000);
    let (bytes, _) = world.traffic();
    let cells = world.cell_bytes();
    println!("presence cells, told apart: {cells} B");
    world.run_for(600_000);
    assert_eq!(world.traffic().0, bytes, "an idle pair sends nothing");
    (bytes - cells, ms, world)
}

fn converge(world: &mut World, one: DeviceNo, two: DeviceNo) -> u64 {
    world
        .run_until(60_000, |world| world.converged(&[one, two]))
        .expect("converged")
}

#[test]
fn a_hello_between_equal_nodes_is_at_most_60_bytes_each_way() {
    let (manifest, mut ledger, logs) = event();
    fill(&mut ledger, &logs, ENTRIES);
    let disk = stored(&manifest, &ledger);
    let (bytes, ..) = meet(&disk, &disk);
    println!("hello between equal nodes: {} B each way", bytes / 2);
    assert!(bytes <= 120, "{bytes} B");
}

#[test]
fn bulk_overhead_is_at_most_3_bytes_an_entry() {
    let (manifest, mut ledger, logs) = event();
    let empty = stored(&manifest, &ledger);
    fill(&mut ledger, &logs, ENTRIES);
    let (bytes, ..) = meet(&stored(&manifest, &ledger), &empty);
    let entries = u64::from(LOGS) * ENTRIES;
    let payload = entries * u64::try_from(ENTRY_BYTES).expect("small");
    let overhead = bytes - payload;
    println!(
        "bulk, {LOGS} logs x {ENTRIES} entries x {ENTRY_BYTES} B: {bytes} B, {}.{:02} B an entry over the payload",
        overhead / entries,
        overhead * 100 / entries % 100
    );
    assert!(
        overhead <= 3 * entries,
        "{overhead} B over {entries} entries"
    );
}

#[test]
fn one_missing_of_6001_takes_at_most_900_bytes_and_two_round_trips() {
    let (manifest, mut ledger, logs) = event();
    fill(&mut ledger, &logs, ENTRIES);
    let behind = stored(&manifest, &ledger);
    fill(&mut ledger, &logs[3..4], 0);
    let writer = DeviceKey::from_seed(writer_seed(3));
    ledger.append(logs[3], writer.public(), vec![0xf8; ENTRY_BYTES]);
    ledger.sign(&logs[3], &writer).expect("the log is there");
    let (bytes, ms, _) = meet(&stored(&manifest, &ledger), &behind);
    println!("one of 6,001 missing: {bytes} B until silent, there after {ms} ms at 1 ms a way");
    assert!(bytes <= 900, "{bytes} B");
    assert!(ms <= 4, "two round trips of 2 ms: {ms} ms");
}

#[test]
fn a_live_push_is_at_most_80_bytes_over_the_payload() {
    use tallyline_proto::{replica::Command, wire::Frame};
    let mut world = World::new(9, Weather::CALM);
    let founding = tallyline_proto::replica::Founding {
        name: "Live".to_owned(),
        nonce: [1; 16],
        discovery_key: [2; 16],
        cloud: Vec::new(),
        recovery: Vec::new(),
        structure: small_structure(4, 24, 6),
        label: "owner".to_owned(),
    };
    let all = world.venue(founding, 1);
    world.run_for(30_000);
    let mut over = 0;
    for shooter in 1..=20_u32 {
        let (before, _) = world.traffic();
        world.command(
            all[0],
            Command::Record {
                body: tallyline_simulator::score(1, shooter, 1234, 3),
                replaces: None,
                confirmed: false,
                revision: None,
                wall_ms: None,
                agreed: Agreed::BOTH,
            },
        );
        let (after, _) = world.traffic();
        let entries = world.devices[all[0]].replica.bundle();
        // The newest entry's own bytes, as the bundle carries them.
        let frames = tallyline_proto::wire::decode_bundle(&entries).expect("a bundle");
        let payload = frames
            .iter()
            .filter_map(|frame| match frame {
                Frame::Push(push) => push.entries.last().map(Vec::len),
                Frame::Hello(_)
                | Frame::Vector(_)
                | Frame::Have(_)
                | Frame::Want(_)
                | Frame::Cells(_)
                | Frame::Fork(_)
                | Frame::Present(_)
                | Frame::Join(_)
                | Frame::Welcome(_)
                | Frame::Refused(_)
                | Frame::Claim(_)
                | Frame::Commit(_)
                | Frame::Reveal(_)
                | Frame::Ask(_)
                | Frame::Denied(_)
                | Frame::KeyAsk(_)
                | Frame::Keys(_)
                | Frame::Warrant(_) => None,
            })
            .next_back()
            .expect("an entry");
        let payload = u64::try_from(payload).expect("small");
        if 1 < shooter {
            // The first one also names the log.
            over = over.max(after - before - payload);
        }
        world.run_for(300);
    }
    println!("live push: at most {over} B over the entry");
    assert!(over <= 80, "{over} B");
}
