//! A fixed small event with fixed devices, made once: what hostile bytes are thrown at.

use std::sync::LazyLock;

use tallyline_keys::{DeviceKey, PublicKey};
use tallyline_proto::{
    model::{
        Agreed, Body, CloseReason, Division, Drill, DrillNo, EventId, GrantId, Incarnation,
        Manifest, Method, NoShoots, Open, PowerFactor, Roles, Rule, RuleKind, RuleNo, Structure,
        Terms,
    },
    replica::{
        Command, Founding, Identity, Input, Now, Released, Replica, Reply, RequestId, Stored,
    },
    wire::{decode_manifest, event_id},
};
use tallyline_simulator::{cells, score, small_structure};

use super::memory::Memory;

/// The devices of the event, by the byte that makes their key.
pub(super) const OWNER: u8 = 1;
/// A tablet with a grant, a desk.
pub(super) const TABLET: u8 = 2;
/// Another tablet with a grant, a deputy.
pub(super) const OTHER: u8 = 3;
/// The cloud.
pub(super) const CLOUD: u8 = 4;
/// Nobody of the event.
pub(super) const STRANGER: u8 = 5;
/// The recovery card of the event; it is no device.
pub(super) const CARD: u8 = 6;
/// Every device there is.
pub(super) const ALL: [u8; 5] = [OWNER, TABLET, OTHER, CLOUD, STRANGER];

/// The secret of the invite that is open on the owner's device.
pub(super) const SECRET: [u8; 16] = [7; 16];

/// Unix time of the event's first morning.
pub(super) const MORNING_MS: u64 = 1_532_476_800_000;

static KEYS: LazyLock<[DeviceKey; 6]> = LazyLock::new(|| {
    [OWNER, TABLET, OTHER, CLOUD, STRANGER, CARD].map(|it| DeviceKey::from_seed([it; 32]))
});
static VENUE: LazyLock<Venue> = LazyLock::new(build);

/// The event as every device holds it.
#[derive(Debug)]
pub(super) struct Venue {
    /// Its id.
    pub(super) event: EventId,
    /// What it is.
    pub(super) manifest: Manifest,
    /// The manifest's exact bytes.
    pub(super) manifest_bytes: Vec<u8>,
    /// The grants of the tablets.
    pub(super) grants: Vec<(GrantId, u8)>,
    /// The store of the owner's device.
    pub(super) owner: Memory,
    /// The store of the tablet's.
    pub(super) tablet: Memory,
    /// A bundle of it all.
    pub(super) bundle: Vec<u8>,
}

/// Returns the event.
pub(super) fn venue() -> &'static Venue {
    &VENUE
}

/// Returns the key of a device, or of the recovery card.
pub(super) fn device(who: u8) -> &'static DeviceKey {
    let [first, rest @ ..] = &*KEYS;
    let place = usize::from(who).checked_sub(2);
    place.and_then(|place| rest.get(place)).unwrap_or(first)
}

/// Returns the public key of a device.
pub(super) fn public(who: u8) -> PublicKey {
    device(who).public()
}

/// Opens a node of a device on what it has stored.
pub(super) fn open(who: u8, stored: Stored, start: u64) -> Replica {
    let identity = Identity {
        key: DeviceKey::from_seed([who; 32]),
        store: 1000 + u64::from(who),
        label: format!("Device {who}"),
        cloud: who == CLOUD,
        warrant: None,
    };
    let opened = Replica::open(identity, stored, Incarnation(start));
    assert!(opened.is_ok(), "what a node wrote is read back: {opened:?}");
    opened.unwrap_or_else(|_| unreachable!("it was just looked at"))
}

/// The time some milliseconds after the start of a node.
pub(super) fn at(mono_ms: u64) -> Now {
    Now {
        mono_ms,
        wall_ms: MORNING_MS.saturating_add(mono_ms),
    }
}

/// Lets a node do something, keeps what it writes and returns what leaves it.
pub(super) fn step(
    replica: &mut Replica,
    disk: &mut Memory,
    now: Now,
    inputs: Vec<Input>,
) -> Released {
    let Ok(released) = replica.step(now, inputs).persist(disk);
    released
}

/// Asks a node for something and returns its answer.
pub(super) fn ask(replica: &mut Replica, disk: &mut Memory, command: Command) -> Reply {
    let input = Input::Command {
        request: RequestId(1),
        command: Box::new(command),
    };
    let mut replies = step(replica, disk, at(5_000), vec![input]).replies;
    assert_eq!(replies.len(), 1, "each command has one answer");
    replies.remove(0).1
}

/// Returns the command that records something.
pub(super) fn record(body: Body) -> Command {
    Command::Record {
        body,
        replaces: None,
        confirmed: true,
        revision: None,
        wall_ms: None,
        agreed: Agreed::BOTH,
    }
}

/// Drills of every method, penalties of every kind, a division with and one without Major.
fn structure() -> Structure {
    let mut it = small_structure(2, 6, 3);
    let drill = |no, method, strings| Drill {
        no: DrillNo(no),
        name: format!("Drill {no}"),
        method,
        strings,
        required_hits: vec![2; usize::from(strings != 0)],
        steel: 2,
        no_shoots: NoShoots::Present,
        terms: Terms::default(),
    };
    it.drills.extend([
        drill(3, Method::VirginiaCount, 2),
        drill(4, Method::FixedTime, 1),
        drill(5, Method::Chrono, 0),
    ]);
    it.divisions.push(Division {
        name: "Production".to_owned(),
        minor_floor: Some(125),
        major_floor: None,
    });
    for (shooter, factor) in it
        .shooters
        .iter_mut()
        .zip([PowerFactor::Major, PowerFactor::Subminor])
    {
        shooter.power_factor = factor;
        shooter.division = usize::from(factor == PowerFactor::Subminor);
    }
    let kinds = [
        RuleKind::Procedural,
        RuleKind::Dq,
        RuleKind::Dnf,
        RuleKind::Warning,
    ];
    it.rules.extend((1..).zip(kinds).map(|(no, kind)| Rule {
        no: RuleNo(no),
        kind,
        text: format!("Rule {no}"),
        code: String::new(),
        value: None,
    }));
    it
}

fn founding() -> Founding {
    Founding {
        name: "Fuzzed match".to_owned(),
        nonce: [1; 16],
        discovery_key: [2; 16],
        cloud: vec![public(CLOUD)],
        recovery: vec![public(CARD)],
        structure: structure(),
        label: "Owner".to_owned(),
    }
}

/// Founds the event, admits the tablets, grants them a squad each, and lets them score.
fn build() -> Venue {
    let mut owner_disk = Memory::default();
    let mut owner = open(OWNER, Stored::default(), 1);
    ask(&mut owner, &mut owner_disk, Command::Found(founding()));
    for (who, role) in [(TABLET, Roles::DESK), (OTHER, Roles::DEPUTY)] {
        let admit = Command::Admit {
            key: public(who),
            roles: Roles::SCORER.with(role),
            label: format!("Tablet {who}"),
        };
        ask(&mut owner, &mut owner_disk, admit);
    }
    let opens = [(TABLET, 1), (OTHER, 2)].map(|(who, squad)| Open {
        key: public(who),
        cells: cells(&[], &[squad]),
        until_ms: None,
    });
    let assign = Command::Assign {
        closing: Vec::new(),
        reason: CloseReason::Handover,
        opens: opens.to_vec(),
    };
    let opened = ask(&mut owner, &mut owner_disk, assign);
    let Reply::Assigned(grants) = opened else {
        unreachable!("the grants are opened: {opened:?}");
    };
    ask(&mut owner, &mut owner_disk, Command::Lock);
    let invite = Command::Invite {
        secret: SECRET,
        roles: Roles::SCORER,
        label: None,
        window_ms: 60_000,
    };
    ask(&mut owner, &mut owner_disk, invite);
    let mut tablet_disk = Memory::default();
    let mut tablet = open(TABLET, Stored::default(), 2);
    ask(
        &mut tablet,
        &mut tablet_disk,
        Command::Import(owner.bundle()),
    );
    for shooter in 1..=3 {
        let saved = ask(
            &mut tablet,
            &mut tablet_disk,
            record(score(1, shooter, 1_234, 3)),
        );
        assert!(matches!(saved, Reply::Saved(_)), "{saved:?}");
    }
    let bundle = tablet.bundle();
    ask(&mut owner, &mut owner_disk, Command::Import(bundle.clone()));
    let manifest_bytes = owner_disk.manifest().unwrap_or_default().to_vec();
    let manifest = decode_manifest(&manifest_bytes);
    assert!(manifest.is_ok(), "it was just founded: {manifest:?}");
    Venue {
        event: event_id(&manifest_bytes),
        manifest: manifest.unwrap_or_else(|_| unreachable!("it was just looked at")),
        manifest_bytes,
        grants: grants.into_iter().zip([TABLET, OTHER]).collect(),
        owner: owner_disk,
        tablet: tablet_disk,
        bundle,
    }
}
