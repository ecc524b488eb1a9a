//! A whole event as one bundle: founded, granted, scored on two devices. What later versions read
//! from these bytes stays what it is.

use tallyline_keys::DeviceKey;
use tallyline_proto::{
    model::{
        About, Agreed, Body, CloseReason, DrillNo, GrantId, Incarnation, Open, Roles, RosterChange,
        Score, ShooterEdit, ShooterNo, SquadNo, Status, StatusKind, VoidReason,
    },
    replica::{
        Command, Disk, Founding, Identity, Input, Now, Replica, Reply, RequestId, Stored, Write,
    },
    rules::Standings,
};

use super::{CLOUD, OWNER, TABLET, Vectors, device, hex, manifest, plain_score, squad_one};

/// A disk that keeps nothing.
struct Nowhere;

impl Disk for Nowhere {
    type Error = ();

    fn commit(&mut self, _: &[Write]) -> Result<(), ()> {
        Ok(())
    }
}

fn node(key: DeviceKey, start: u64) -> Replica {
    let identity = Identity {
        key,
        store: start,
        label: "Tablet 1".to_owned(),
        cloud: false,
        warrant: None,
    };
    Replica::open(identity, Stored::default(), Incarnation(start)).expect("an empty store holds")
}

fn ask(node: &mut Replica, command: Command) -> Reply {
    let now = Now {
        mono_ms: 5_000,
        wall_ms: manifest().structure.epoch_ms + 60_000,
    };
    let input = Input::Command {
        request: RequestId(1),
        command: Box::new(command),
    };
    let effects = node.step(now, vec![input]);
    let mut released = effects.persist(&mut Nowhere).expect("it always commits");
    released.replies.remove(0).1
}

fn record(body: Body) -> Command {
    Command::Record {
        body,
        replaces: None,
        confirmed: false,
        revision: None,
        wall_ms: None,
        agreed: Agreed::default(),
    }
}

/// A first save for shooter 2 and what replaces it, a DNF and a late change of squads.
fn score_it(tablet: &mut Replica) {
    let score = |shooter, time| {
        Body::Score(Score {
            shooter: ShooterNo(shooter),
            time_centis: vec![time],
            ..plain_score()
        })
    };
    for (shooter, time) in [(1, 1_234), (2, 2_345)] {
        let reply = ask(tablet, record(score(shooter, time)));
        assert!(matches!(reply, Reply::Saved(_)), "{reply:?}");
    }
    let Reply::Saved(saved) = ask(
        tablet,
        record(Body::Status(Status {
            about: About {
                drill: Some(DrillNo(2)),
                shooter: ShooterNo(1),
            },
            kind: StatusKind::Dnf,
            rule: None,
            attempt: 0,
            note: String::new(),
        })),
    ) else {
        panic!("a DNF is saved");
    };
    assert_eq!(saved.len(), 1, "one entry");
    let replaced = tablet
        .entries(&tallyline_proto::replica::EntryFilter {
            shooter: Some(ShooterNo(2)),
            ..Default::default()
        })
        .remove(0);
    let reply = ask(
        tablet,
        Command::Record {
            body: score(2, 2_435),
            replaces: Some((replaced.id, VoidReason::Time)),
            confirmed: false,
            revision: None,
            wall_ms: None,
            agreed: Agreed::default(),
        },
    );
    assert!(
        matches!(&reply, Reply::Saved(ids) if ids.len() == 2),
        "{reply:?}"
    );
}

fn build() -> (Vec<u8>, GrantId) {
    let it = manifest();
    let mut owner = node(device(OWNER), 1);
    let founding = Founding {
        name: it.name,
        nonce: it.nonce,
        discovery_key: it.discovery_key,
        cloud: vec![device(CLOUD).public()],
        recovery: it.recovery,
        structure: it.structure,
        label: "Owner".to_owned(),
    };
    ask(&mut owner, Command::Found(founding));
    let key = device(TABLET).public();
    let roles = Roles::SCORER;
    let label = "Tablet 1".to_owned();
    ask(&mut owner, Command::Admit { key, roles, label });
    let opens = vec![Open {
        key,
        cells: squad_one(),
        until_ms: None,
    }];
    let assign = Command::Assign {
        closing: Vec::new(),
        reason: CloseReason::Handover,
        opens,
    };
    let Reply::Assigned(grants) = ask(&mut owner, assign) else {
        panic!("the grant is opened");
    };
    ask(&mut owner, Command::Lock);
    let mut tablet = node(device(TABLET), 2);
    ask(&mut tablet, Command::Import(owner.bundle()));
    score_it(&mut tablet);
    ask(&mut owner, Command::Import(tablet.bundle()));
    let closing = Command::Assign {
        closing: grants.clone(),
        reason: CloseReason::Handover,
        opens: Vec::new(),
    };
    ask(&mut owner, closing);
    let edit = ShooterEdit {
        shooter: ShooterNo(7),
        squad: Some(SquadNo(1)),
        division: None,
        power_factor: None,
        categories: None,
        entrant: None,
        label: None,
    };
    ask(&mut owner, Command::Roster(RosterChange::Edit(edit)));
    (owner.bundle(), grants[0])
}

/// R-READ-2, R-SCORE-7, R-SYNC-2, R-BUNDLE-2.
#[test]
fn a_golden_event_reads_the_same_for_ever() {
    let mut vectors = Vectors::open("event_rules_2");
    let (bundle, grant) = build();
    let committed = vectors.bytes("bundle", &bundle);
    vectors.bytes("grant", &grant.0.0);
    check_reading(&mut vectors, &committed);
    vectors.close();
}

/// R-EVENT-3: an event that was founded under the first rules version.
#[test]
fn an_event_of_the_first_rules_version_reads_the_same_for_ever() {
    let mut vectors = Vectors::open("event");
    let committed = vectors.held("bundle");
    vectors.held("grant");
    check_reading(&mut vectors, &committed);
    vectors.close();
}

/// Reads a bundle into a fresh device and compares all that it says.
fn check_reading(vectors: &mut Vectors, committed: &[u8]) {
    let mut reader = node(device(9), 9);
    let reply = ask(&mut reader, Command::Import(committed.to_vec()));
    vectors.text("imported", &format!("{reply:?}"));
    vectors.bytes("state digest", &reader.state_digest());
    let book = reader.book().expect("the event is known");
    vectors.text("verdicts", &format!("{:?}", book.totals()));
    let standings = Standings::compute(reader.roster().expect("the event is known"), &book);
    vectors.bytes("standings digest", &standings.digest());
    let report = reader.verify();
    assert_eq!(report.problems, Vec::<String>::new(), "everything holds");
    assert_eq!(
        hex(&reader.bundle()),
        hex(committed),
        "R-BUNDLE-2: exported as it was taken in"
    );
}
