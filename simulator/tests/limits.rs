//! What is asked for beyond a limit is refused, and what is saved can always be read and sent.
#![cfg(test)]

use tallyline_proto::{
    model::{
        Agreed, Body, CellSet, Chrono, CloseReason, DrillNo, Open, Roles, RosterChange,
        ShooterEdit, ShooterNo,
    },
    replica::{Command, Founding, Input, Reply, RequestId},
    rules::Code,
};
use tallyline_simulator::{DeviceNo, Weather, World, score, small_structure};

fn world() -> (World, DeviceNo) {
    let mut world = World::new(31, Weather::CALM);
    let founding = Founding {
        name: "Limits".to_owned(),
        nonce: [1; 16],
        discovery_key: [2; 16],
        cloud: Vec::new(),
        recovery: Vec::new(),
        structure: small_structure(30, 40, 10),
        label: "owner".to_owned(),
    };
    let all = world.venue(founding, 0);
    (world, all[0])
}

fn record(body: Body) -> Command {
    Command::Record {
        body,
        replaces: None,
        confirmed: false,
        revision: None,
        wall_ms: None,
        agreed: Agreed::BOTH,
    }
}

fn refused(world: &mut World, no: DeviceNo, command: Command) -> Code {
    let before = world.devices[no].replica.state_digest();
    let reply = world.command(no, command);
    assert_eq!(
        world.devices[no].replica.state_digest(),
        before,
        "a refusal changes nothing"
    );
    let Some(Reply::Refused(mistake)) = reply else {
        panic!("refused: {reply:?}")
    };
    mistake.code
}

/// A step signs once; 600 scores of one step once stood under one signature that no chunk could
/// reach, and never left the device.
#[test]
fn any_number_of_scores_in_one_step_can_be_sent() {
    let (mut world, owner) = world();
    let inputs = (0..600_u32).map(|no| Input::Command {
        request: RequestId(u64::from(no)),
        command: Box::new(record(score(1 + no % 30, 1 + no / 30, 1000 + no, 3))),
    });
    world.inputs(owner, inputs.collect());
    let bundle = world.devices[owner].replica.bundle();
    let reader = world.add("reader", false);
    let reply = world.command(reader, Command::Import(bundle));
    assert_eq!(
        reply,
        Some(Reply::Imported {
            fresh: 602,
            known: 0,
            refused: 0
        })
    );
    world.kill(owner);
    assert!(world.devices[owner].replica.verify().problems.is_empty());
}

#[test]
fn statements_that_cannot_be_read_back_are_refused() {
    let (mut world, owner) = world();
    let key = world.add("tablet", false);
    let key = world.devices[key].key();
    let admit = |label: &str| Command::Admit {
        key,
        roles: Roles::SCORER,
        label: label.to_owned(),
    };
    assert_eq!(refused(&mut world, owner, admit("")), Code::E21);
    assert_eq!(
        refused(&mut world, owner, admit(&"x".repeat(33))),
        Code::E21
    );
    assert_eq!(
        refused(&mut world, owner, admit("left\u{202e}right")),
        Code::E21
    );
    let invite = Command::Invite {
        secret: [1; 16],
        roles: Roles::SCORER,
        label: Some("x".repeat(33)),
        window_ms: 24 * 60 * 60_000,
    };
    assert_eq!(refused(&mut world, owner, invite), Code::E21);
    assert_eq!(world.command(owner, admit("tablet")), Some(Reply::Admitted));
    for drills in [vec![], vec![DrillNo(2), DrillNo(1)]] {
        let cells = CellSet {
            drills: Some(drills),
            squads: None,
        };
        let command = Command::Assign {
            closing: vec![],
            reason: CloseReason::Handover,
            opens: vec![Open {
                key,
                cells,
                until_ms: None,
            }],
        };
        assert_eq!(refused(&mut world, owner, command), Code::E21);
    }
    let edit = ShooterEdit {
        shooter: ShooterNo(1),
        squad: None,
        division: Some(7),
        power_factor: None,
        categories: None,
        entrant: None,
        label: None,
    };
    let command = Command::Roster(RosterChange::Edit(edit));
    assert_eq!(refused(&mut world, owner, command), Code::E01);
}

#[test]
fn records_that_cannot_be_read_back_are_refused() {
    let (mut world, owner) = world();
    let chrono = Body::Chrono(Chrono {
        drill: DrillNo(1),
        shooter: ShooterNo(1),
        weights_decigrains: vec![1800],
        speeds_fps: vec![960; 17],
        gear: None,
    });
    let reply = world.command(owner, record(chrono));
    assert!(matches!(reply, Some(Reply::Refused(_))), "{reply:?}");
}
