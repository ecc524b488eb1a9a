//! The real match with its 28 grants, day by day, on replicas in memory.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tallyline::structure_file::StructureFile;
use tallyline_proto::log::{Chain, sign_head};
use tallyline_proto::model::{
    About, Agreed, Body, CellSet, Chrono, CloseReason, DrillNo, Entry, Gear, GrantId, Incarnation,
    LogName, Open, ShooterNo, SquadNo, Statement, Status, StatusKind,
};
use tallyline_proto::replica::{Command, EntryFilter, Founding, Input, Now, Reply};
use tallyline_proto::rules::{Code, Standings, Verdict};
use tallyline_proto::wire::{
    Frame, LogRef, Push, decode_bundle, decode_entry, decode_signed, decode_statement,
    encode_entry, encode_frame,
};
use tallyline_simulator::{DeviceNo, Weather, World};
use tallyline_tests::match_data as data;

const NOW: Now = Now {
    mono_ms: 0,
    wall_ms: 0,
};

fn no(value: &Value) -> u32 {
    u32::try_from(value.as_u64().expect("a number")).expect("a small number")
}

/// "D3" of the match is device 3 here; D5 is the owner.
fn device(all: &[DeviceNo], name: &Value) -> DeviceNo {
    let name = name.as_str().and_then(|name| name.strip_prefix('D'));
    let number: usize = name.expect("a name").parse().expect("a number");
    all[match number {
        5 => 0,
        1..5 => number,
        _ => number - 1,
    }]
}

fn venue() -> (World, Vec<DeviceNo>) {
    let mut world = World::new(2018, Weather::CALM);
    let file = StructureFile::parse(&data("event.json")).expect("the structure reads");
    let founding = Founding {
        name: "wasa2018".to_owned(),
        nonce: [1; 16],
        discovery_key: [2; 16],
        cloud: Vec::new(),
        recovery: Vec::new(),
        structure: file.structure,
        label: "D5".to_owned(),
    };
    let all = world.venue(founding, 8);
    let known = |world: &mut World| {
        all.iter()
            .all(|&no| world.devices[no].replica.devices(NOW).len() == 9)
    };
    world.run_until(60_000, known).expect("everybody joins");
    world.run_for(3_000);
    (world, all)
}

/// Closes the grants of the day before and opens those of the day, as one statement.
fn assign(world: &mut World, all: &[DeviceNo], day: u64, grants: &Value) {
    let cells = |grant: &Value| CellSet {
        drills: grant["stages"]
            .as_array()
            .map(|list| list.iter().map(|it| DrillNo(no(it))).collect()),
        squads: grant["squads"]
            .as_array()
            .map(|list| list.iter().map(|it| SquadNo(no(it))).collect()),
    };
    let opens: Vec<Open> = grants["grants"]
        .as_array()
        .expect("grants")
        .iter()
        .filter(|grant| grant["day"] == json!(day))
        .map(|grant| Open {
            key: world.devices[device(all, &grant["device"])].key(),
            cells: cells(grant),
            until_ms: None,
        })
        .collect();
    let open = world.devices[all[0]].replica.grants();
    let closing = open.iter().filter(|it| it.closed.is_none()).map(|it| it.id);
    let command = Command::Assign {
        closing: closing.collect(),
        reason: CloseReason::Handover,
        opens,
    };
    let reply = world.command(all[0], command);
    assert!(
        matches!(reply, Some(Reply::Assigned(_))),
        "day {day}: {reply:?}"
    );
    world
        .run_until(60_000, |world| world.converged(all))
        .expect("converged");
}

/// Returns the open grant of a device that covers a cell.
fn held(world: &World, by: DeviceNo, drill: DrillNo, squad: SquadNo) -> Option<GrantId> {
    let key = world.devices[by].key();
    let grants = world.devices[by].replica.grants();
    let mut mine = grants
        .iter()
        .filter(|it| it.key == key && it.closed.is_none());
    mine.find(|it| it.cells.covers(Some(drill), squad))
        .map(|it| it.id)
}

/// Returns what a line outside its grant says, as simple as it can be.
fn body(line: &Value, chrono: bool) -> Body {
    let (drill, shooter) = (DrillNo(no(&line["stage"])), ShooterNo(no(&line["shooter"])));
    if chrono {
        return Body::Chrono(Chrono {
            drill,
            shooter,
            weights_decigrains: Vec::new(),
            speeds_fps: Vec::new(),
            gear: Some(Gear::Pass),
        });
    }
    Body::Status(Status {
        about: About {
            drill: Some(drill),
            shooter,
        },
        kind: StatusKind::Dnf,
        rule: None,
        attempt: 0,
        note: String::new(),
    })
}

/// of the 3,576 writes 3,529 are in a grant, 39 are the owner's, 8 are outside: refused at
/// entry; arriving anyway they are shown on every node and count on none.
#[test]
fn r_02_of_the_match_3529_are_in_a_grant_39_by_the_owner_and_8_are_shown_and_not_counted() {
    let (mut world, all) = venue();
    let grants: Value = serde_json::from_str(&data("grants.json")).expect("grants");
    let log = data("log.jsonl.gz");
    let lines: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).expect("a line"))
        .collect();
    let first_ms = grants["grants"][0]["from_ms"].as_u64().expect("a time");
    let day_of =
        |line: &Value| (line["t_ms"].as_u64().expect("a time") - first_ms) / 86_400_000 + 1;
    let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
    let mut outside = Vec::new();
    let mut day = 0;
    let mut incarnation = 1000;
    for line in &lines {
        if day != day_of(line) {
            day = day_of(line);
            assign(&mut world, &all, day, &grants);
        }
        let by = device(&all, &line["device"]);
        let (drill, shooter) = (DrillNo(no(&line["stage"])), ShooterNo(no(&line["shooter"])));
        let roster = world.devices[all[0]].replica.roster().expect("an event");
        let squad = roster.shooter(shooter).expect("on the roster").squad;
        let what = if by == all[0] {
            "owner"
        } else if held(&world, by, drill, squad).is_some() {
            "in grant"
        } else {
            outside.push(line["n"].clone());
            incarnation += 1;
            outside_its_grant(&mut world, &all, by, line, Incarnation(incarnation));
            "flagged"
        };
        *counts.entry(what).or_insert(0) += 1;
    }
    assert_eq!(
        counts,
        BTreeMap::from([("in grant", 3529), ("owner", 39), ("flagged", 8)])
    );
    let listed: Vec<Value> = grants["outside_grant"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|it| it["n"].clone())
        .collect();
    assert_eq!(outside, listed, "the same eight");
    for &device in &all {
        let entries = world.devices[device]
            .replica
            .entries(&EntryFilter::default());
        let shown = entries
            .iter()
            .filter(|it| it.verdict == Verdict::Quarantined)
            .count();
        assert_eq!(shown, 8, "shown on device {device}");
        let book = world.devices[device].replica.book().expect("an event");
        assert_eq!(
            book.slots().len(),
            0,
            "none fills a slot on device {device}"
        );
        let roster = world.devices[device].replica.roster().expect("an event");
        assert!(!Standings::compute(roster, &book).is_complete());
    }
}

/// Returns the Admit of a device, under which it writes when it holds no grant.
fn admit(world: &World, by: DeviceNo) -> GrantId {
    let event = world.devices[by].replica.event().expect("an event").0;
    let key = world.devices[by].key();
    let control = LogName {
        grant: GrantId::control(event),
        incarnation: Incarnation(0),
    };
    let frames = decode_bundle(&world.devices[by].replica.bundle()).expect("a bundle");
    let entries = frames.into_iter().flat_map(|frame| {
        if let Frame::Push(push) = frame {
            push.entries
        } else {
            Vec::new()
        }
    });
    let signed = entries.filter_map(|bytes| {
        let Body::Statement(bytes) = decode_entry(&bytes, &control).ok()?.body else {
            return None;
        };
        decode_signed(&bytes).ok()
    });
    let mut admits = signed.filter(|signed| {
        matches!(decode_statement(&signed.body), Ok(Statement::Admit(it)) if it.key == key)
    });
    GrantId(admits.next().expect("the device was admitted").id(event))
}

/// The device is refused at entry; then it signs the entry all the same, under a grant it has or
/// under its Admit, and every node keeps and shows it.
fn outside_its_grant(
    world: &mut World,
    all: &[DeviceNo],
    by: DeviceNo,
    line: &Value,
    incarnation: Incarnation,
) {
    let body = body(line, line["stage"] == json!(15));
    let command = Command::Record {
        body: body.clone(),
        replaces: None,
        confirmed: false,
        revision: None,
        wall_ms: None,
        agreed: Agreed::BOTH,
    };
    let Some(Reply::Refused(mistake)) = world.command(by, command) else {
        panic!("line {} is refused", line["n"])
    };
    assert_eq!(mistake.code, Code::E02, "line {}", line["n"]);
    let key = world.devices[by].stolen_key();
    let event = world.devices[by].replica.event().expect("an event").0;
    let grants = world.devices[by].replica.grants();
    let mine = grants
        .iter()
        .find(|it| it.key == key.public() && it.closed.is_none());
    let name = LogName {
        grant: mine.map_or_else(|| admit(world, by), |it| it.id),
        incarnation,
    };
    let entry = Entry {
        at_delta_ms: 1,
        revision: 1,
        succession: Vec::new(),
        body,
    };
    let bytes = encode_entry(&entry, None);
    let chain = Chain::start(event, &name, &key.public()).link(&bytes);
    let push = Push {
        log: LogRef::Name(name),
        from: 1,
        entries: vec![bytes],
        signature: sign_head(&key, event, &name, (1, chain)),
    };
    let peer = world.peer_id(all[0], by).expect("connected");
    let bytes = encode_frame(&Frame::Push(push));
    world.input(all[0], Input::Frame { peer, bytes });
    world
        .run_until(60_000, |world| world.converged(all))
        .expect("converged");
}
