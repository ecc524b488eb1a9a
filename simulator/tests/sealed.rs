//! Sealed texts on simulated devices with the node's own store: who reads, what relays carry, and
//! what an erasure leaves, through crashes and a network that loses and mixes up frames.
//!
//! After each commit and each start the oracle checks that keys are where they belong (I17).
//!
//! Source: PROTOCOL R-SEAL-1 to R-SEAL-5.
#![cfg(test)]

use tallyline_proto::{
    model::{Agreed, Body, EventId, Hash, Person, Report, Roles, Sealed, Text},
    replica::{Command, EntryFilter, Opened, Reply, Seed},
    wire::decode_key,
};
use tallyline_simulator::{
    DeviceNo, Platter, Weather, World, open_store, small_founding, small_structure,
};

/// A link that loses, doubles and mixes up frames.
const ROUGH: Weather = Weather {
    loss_permille: 100,
    burst: 1,
    duplicate_permille: 200,
    delay_ms_min: 5,
    delay_ms_max: 500,
    ordered: false,
};

const OWNER: DeviceNo = 0;
const MARSHAL: DeviceNo = 1;
const JURY: DeviceNo = 2;
const OTHER: DeviceNo = 3;

/// What the marshal saw.
const SEEN: &str = "left the course at gate 9";

/// The incident that is reported about; it is the person as long as it is not here.
const INCIDENT: EventId = EventId(Hash([7; 32]));

fn venue(seed: u64, weather: Weather) -> World {
    let mut world = World::new(seed, Weather::CALM);
    let founding = small_founding(world.random(), small_structure(2, 8, 4));
    world.venue(founding, 3);
    let joined = world.run_until(60_000, |world| {
        (0..4).all(|no| world.devices[no].replica.members().len() == 4)
    });
    joined.expect("everybody joins");
    let key = world.devices[JURY].key();
    let admit = Command::Admit {
        key,
        roles: Roles::JURY,
        label: "jury".to_owned(),
    };
    done(&mut world, OWNER, admit);
    world.set_weather(weather);
    settle(&mut world);
    world
}

fn done(world: &mut World, no: DeviceNo, command: Command) -> Reply {
    let reply = world.command(no, command).expect("an answer");
    assert!(!matches!(reply, Reply::Refused(_)), "{reply:?}");
    reply
}

#[track_caller]
fn settle(world: &mut World) {
    let converged = world.run_until(300_000, |world| world.converged(&[0, 1, 2, 3]));
    assert!(converged.is_ok(), "converged");
}

fn report(world: &mut World, no: DeviceNo) {
    let body = Body::Report(Report {
        id: EventId(Hash([9; 32])).uuid(),
        incident: INCIDENT.uuid(),
        text: Some(Text::Plain(SEEN.to_owned())),
        media: Vec::new(),
    });
    let record = Command::Record {
        body,
        replaces: None,
        agreed: Agreed::default(),
        confirmed: false,
        revision: None,
        wall_ms: None,
    };
    let seed = Seed(world.random().bytes());
    let record = Box::new(record);
    done(world, no, Command::RecordSealed { seed, record });
}

/// Returns the sealed text that a device holds.
fn text(world: &mut World, no: DeviceNo) -> Option<Sealed> {
    let entries = world.devices[no].replica.entries(&EntryFilter::default());
    entries.into_iter().find_map(|entry| {
        let Body::Report(report) = entry.body else {
            return None;
        };
        match report.text? {
            Text::Sealed(sealed) => Some(sealed),
            Text::Plain(_) => None,
        }
    })
}

fn opened(world: &mut World, no: DeviceNo) -> Option<Opened> {
    let sealed = text(world, no)?;
    Some(world.devices[no].replica.open_text(&sealed))
}

fn reads(world: &mut World, no: DeviceNo) -> bool {
    opened(world, no) == Some(Opened::Text(SEEN.to_owned()))
}

/// The disk of a device that is no reader has the ciphertext, and neither the text nor its key.
fn carries_ciphertext(world: &mut World) {
    let sealed = text(world, OTHER).expect("it holds the entry");
    let marshal = world.devices[MARSHAL].platter.image();
    let store = open_store(&Platter::from_image(1, marshal.clone()), 1).expect("opens");
    let row = store.load().expect("loads").keys.remove(0);
    let (share, _) = decode_key(&row).expect("a key");
    let other = world.devices[OTHER].platter.image();
    let has = |disk: &[u8], bytes: &[u8]| disk.windows(bytes.len()).any(|it| it == bytes);
    assert!(has(&marshal, share.key.as_bytes()), "the maker keeps it");
    assert!(has(&other, &sealed.bytes), "carried");
    assert!(!has(&other, SEEN.as_bytes()), "the text");
    assert!(!has(&other, share.key.as_bytes()), "the key");
}

fn keys(world: &World, no: DeviceNo) -> usize {
    world.devices[no].replica.keys().len()
}

#[test]
fn readers_read_others_carry_and_an_erasure_reaches_every_disk() {
    for (seed, weather) in [
        (1, Weather::CALM),
        (2, ROUGH),
        (3, ROUGH),
        (4, ROUGH),
        (5, ROUGH),
    ] {
        let mut world = venue(seed, weather);
        report(&mut world, MARSHAL);
        let read = world.run_until(300_000, |world| {
            reads(world, JURY) && reads(world, OWNER) && text(world, OTHER).is_some()
        });
        read.expect("jury and owner read it");
        assert!(reads(&mut world, MARSHAL), "its own text");
        assert_eq!(opened(&mut world, OTHER), Some(Opened::NotForThisDevice));
        carries_ciphertext(&mut world);
        for no in [OWNER, MARSHAL, JURY, OTHER] {
            world.kill(no);
        }
        world.heal();
        settle(&mut world);
        for no in [OWNER, MARSHAL, JURY] {
            assert!(reads(&mut world, no), "device {no} after a crash");
        }
        assert_eq!(keys(&world, OTHER), 0);
        let erase = Command::Erase(Person::Record(INCIDENT.uuid()));
        let reply = done(&mut world, OWNER, erase);
        assert_eq!(reply, Reply::Erased { keys: 1 });
        settle(&mut world);
        for no in [OWNER, MARSHAL, JURY, OTHER] {
            world.kill(no);
            assert_eq!(keys(&world, no), 0, "device {no} after a crash");
            assert_eq!(opened(&mut world, no), Some(Opened::Erased), "device {no}");
        }
        world.heal();
        world.run_for(120_000);
        settle(&mut world);
        for no in [OWNER, MARSHAL, JURY, OTHER] {
            assert_eq!(keys(&world, no), 0, "nobody gives it again");
            let problems = world.devices[no].replica.verify().problems;
            assert_eq!(problems, Vec::<String>::new(), "chains hold");
        }
        assert_eq!(world.violations(), [], "seed {seed}");
    }
}
