//! Faults that a review found, each kept as a test with its story.
#![cfg(test)]

use tallyline_keys::DeviceKey;
use tallyline_proto::{
    log::{Chain, sign_head},
    model::{
        Agreed, Assign, Body, CloseReason, Decision, Entry, EntryId, EventId, GrantId, Incarnation,
        LogName, Open, Roles, RosterChange, ShooterEdit, ShooterNo, SquadNo, Statement,
    },
    replica::{Command, EntryFilter, Input, Now, Reason, Reply, Selection, Subject},
    rules::{Code, Verdict},
    wire::{
        FRAME_BYTES_MAX, Frame, LogRef, Push, decode_bundle, encode_entry, encode_frame,
        encode_signed, sign_statement,
    },
};
use tallyline_simulator::{
    DeviceNo, Platter, Weather, World, cells, open_store, score, small_founding, small_structure,
};

const NOW: Now = Now {
    mono_ms: 0,
    wall_ms: 0,
};

type Opens<'a> = &'a [(DeviceNo, &'a [u32])];

fn venue(seed: u64, others: usize) -> (World, Vec<DeviceNo>) {
    let mut world = World::new(seed, Weather::CALM);
    let founding = small_founding(world.random(), small_structure(4, 24, 6));
    let all = world.venue(founding, others);
    let known = |world: &mut World| {
        all.iter()
            .all(|&no| world.devices[no].replica.devices(NOW).len() == all.len())
    };
    world.run_until(60_000, known).expect("everybody joins");
    world.run_for(3_000);
    (world, all)
}

fn record(drill: u32, shooter: u32, time: u32, attempt: u32) -> Command {
    let mut body = score(drill, shooter, time, 3);
    if let Body::Score(score) = &mut body {
        score.attempt = attempt;
    }
    Command::Record {
        body,
        replaces: None,
        confirmed: true,
        revision: None,
        wall_ms: None,
        agreed: Agreed::BOTH,
    }
}

fn assign(
    world: &mut World,
    all: &[DeviceNo],
    (closing, reason): (&[GrantId], CloseReason),
    opens: Opens<'_>,
) -> Vec<GrantId> {
    let opens = opens
        .iter()
        .map(|(no, squads)| Open {
            key: world.devices[*no].key(),
            cells: cells(&[], squads),
            until_ms: None,
        })
        .collect();
    let command = Command::Assign {
        closing: closing.to_vec(),
        reason,
        opens,
    };
    let reply = world.command(all[0], command);
    let Some(Reply::Assigned(grants)) = reply else {
        panic!("assigned: {reply:?}")
    };
    settle(world, all);
    grants
}

fn open(world: &mut World, all: &[DeviceNo], opens: Opens<'_>) -> Vec<GrantId> {
    assign(world, all, (&[], CloseReason::Handover), opens)
}

fn settle(world: &mut World, all: &[DeviceNo]) {
    world
        .run_until(60_000, |world| world.converged(all))
        .expect("converged");
}

fn saved(world: &mut World, no: DeviceNo, command: Command) -> EntryId {
    let reply = world.command(no, command);
    let Some(Reply::Saved(entries)) = reply else {
        panic!("saved: {reply:?}")
    };
    entries[0]
}

fn verdict(world: &mut World, no: DeviceNo, id: EntryId) -> Verdict {
    let filter = EntryFilter {
        entry: Some(id),
        ..EntryFilter::default()
    };
    world.devices[no].replica.entries(&filter).remove(0).verdict
}

/// Returns how many copies a device shows of an entry, if it holds it.
fn copies(world: &mut World, no: DeviceNo, id: EntryId) -> Option<u32> {
    let filter = EntryFilter {
        entry: Some(id),
        ..EntryFilter::default()
    };
    let entries = world.devices[no].replica.entries(&filter);
    entries.first().map(|it| it.copies)
}

fn move_to_squad_2(world: &mut World, all: &[DeviceNo]) {
    let edit = ShooterEdit {
        shooter: ShooterNo(1),
        squad: Some(SquadNo(2)),
        division: None,
        power_factor: None,
        categories: None,
        entrant: None,
        label: None,
    };
    let reply = world.command(all[0], Command::Roster(RosterChange::Edit(edit)));
    assert_eq!(reply, Some(Reply::Revised(2)));
    settle(world, all);
}

/// The key of an admitted device in the hands of a liar.
struct Liar {
    key: DeviceKey,
    event: EventId,
    device: DeviceNo,
    grant: GrantId,
}

impl Liar {
    fn new(world: &World, device: DeviceNo, grant: GrantId) -> Self {
        let event = world.devices[device].replica.event().expect("an event").0;
        Self {
            key: world.devices[device].stolen_key(),
            event,
            device,
            grant,
        }
    }

    fn push(&self, world: &mut World, to: DeviceNo, log: u64, entries: &[Vec<u8>]) {
        self.push_from(world, to, (log, 1, &[]), entries);
    }

    /// Returns an entry with a statement that the key signs.
    fn statement(&self, statement: &Statement) -> Vec<u8> {
        let signed = sign_statement(&self.key, self.event, statement);
        let entry = Entry {
            at_delta_ms: 1000,
            revision: 1,
            succession: vec![],
            body: Body::Statement(encode_signed(&signed)),
        };
        encode_entry(&entry, None)
    }

    /// Pushes entries that follow others of the same log.
    fn push_from(
        &self,
        world: &mut World,
        to: DeviceNo,
        (log, from, before): (u64, u64, &[Vec<u8>]),
        entries: &[Vec<u8>],
    ) {
        let name = LogName {
            grant: self.grant,
            incarnation: Incarnation(log),
        };
        let start = Chain::start(self.event, &name, &self.key.public());
        let all = before.iter().chain(entries);
        let chain = all.fold(start, |chain, bytes| chain.link(bytes));
        let count = u64::try_from(entries.len()).expect("small");
        let signature = sign_head(&self.key, self.event, &name, (from + count - 1, chain));
        let push = Push {
            log: LogRef::Name(name),
            from,
            entries: entries.to_vec(),
            signature,
        };
        send(world, self.device, to, &Frame::Push(push));
    }
}

fn send(world: &mut World, from: DeviceNo, to: DeviceNo, frame: &Frame) {
    let peer = world.peer_id(to, from).expect("connected");
    world.input(
        to,
        Input::Frame {
            peer,
            bytes: encode_frame(frame),
        },
    );
}

fn entry(drill: u32, shooter: u32, time: u32) -> Vec<u8> {
    let body = score(drill, shooter, time, 3);
    encode_entry(
        &Entry {
            at_delta_ms: 1000,
            revision: 1,
            succession: vec![],
            body,
        },
        None,
    )
}

/// Two devices of which only one knew the other showed each other their Admits without end.
#[test]
fn introductions_end() {
    let (mut world, all) = venue(18, 0);
    let one = world.add("one", false);
    let two = world.add("two", false);
    for no in [one, two] {
        let ticket = world.invite(all[0]);
        world.command(no, Command::Join(ticket));
        world.connect(no, all[0]);
        world.run_for(3_000);
        world.cut(no, all[0]);
    }
    world.connect(one, two);
    settle(&mut world, &[one, two]);
    world.run_for(20_000);
    let before = world.traffic();
    world.run_for(600_000);
    assert_eq!(world.traffic(), before, "an idle pair sends nothing");
}

/// The hash at a cut behind a fork was compared with the branch at hand: verdicts differed.
#[test]
fn a_cut_behind_a_fork_reads_the_same_everywhere() {
    let (mut world, all) = venue(12, 2);
    let grants = open(&mut world, &all, &[(all[1], &[1])]);
    let liar = Liar::new(&world, all[1], grants[0]);
    let common = entry(1, 1, 1111);
    world.cut(all[0], all[2]);
    liar.push(&mut world, all[0], 77, &[common.clone(), entry(1, 2, 2222)]);
    liar.push(&mut world, all[2], 77, &[common, entry(1, 2, 3333)]);
    world.run_for(1_000);
    world.heal();
    settle(&mut world, &all);
    assign(&mut world, &all, (&grants, CloseReason::Stolen), &[]);
    for &no in &all {
        let entries = world.devices[no].replica.entries(&EntryFilter::default());
        let of_log = entries
            .iter()
            .filter(|it| it.log.incarnation == Incarnation(77));
        let verdicts: Vec<Verdict> = of_log.map(|it| it.verdict).collect();
        assert_eq!(
            verdicts,
            [Verdict::Counted, Verdict::Disputed],
            "device {no}"
        );
    }
}

/// Of two grants that cover a shooter's old and new squad only the one with the lower id was live:
/// the rightful writer's reshoot lost against the first attempt.
#[test]
fn after_a_change_of_squads_the_writers_of_both_squads_are_live() {
    for seed in 0..10 {
        let (mut world, all) = venue(300 + seed, 2);
        open(&mut world, &all, &[(all[1], &[1]), (all[2], &[2])]);
        let first = saved(&mut world, all[1], record(1, 1, 1111, 0));
        settle(&mut world, &all);
        move_to_squad_2(&mut world, &all);
        let again = saved(&mut world, all[2], record(1, 1, 2222, 1));
        settle(&mut world, &all);
        assert_eq!(
            verdict(&mut world, all[0], again),
            Verdict::Counted,
            "seed {seed}"
        );
        assert_eq!(
            verdict(&mut world, all[0], first),
            Verdict::LowerAttempt(again)
        );
    }
}

/// The owner's disk was rolled back and he spoke before he heard from anybody: closing a grant of
/// the lost incarnation was answered as done and took no effect on any node.
#[test]
fn a_rolled_back_owner_can_close_what_he_forgot() {
    for seed in 0..10 {
        let (mut world, all) = venue(200 + seed, 2);
        let old = world.devices[all[0]].platter.image();
        world.kill(all[0]);
        world.heal();
        world.run_for(3_000);
        let lost = open(&mut world, &all, &[(all[1], &[1])]);
        world.cut(all[0], all[1]);
        world.cut(all[0], all[2]);
        world.devices[all[0]].platter.replace(old);
        world.kill(all[0]);
        let key = DeviceKey::from_seed([9; 32]).public();
        let admit = Command::Admit {
            key,
            roles: Roles::SCORER,
            label: "spare".to_owned(),
        };
        assert_eq!(world.command(all[0], admit), Some(Reply::Admitted));
        world.heal();
        settle(&mut world, &all);
        let next = assign(
            &mut world,
            &all,
            (&lost, CloseReason::Stolen),
            &[(all[2], &[1])],
        );
        for &no in &all {
            let grants = world.devices[no].replica.grants();
            let closed = grants
                .iter()
                .any(|it| it.id == lost[0] && it.closed.is_some());
            let opened = grants
                .iter()
                .any(|it| it.id == next[0] && it.closed.is_none());
            assert!(closed && opened, "seed {seed}, device {no}");
        }
    }
}

/// One more entry on a known fork made honest relays ask each other every two seconds for what
/// the other could not take, until they cut each other off.
#[test]
fn a_growing_fork_cuts_no_honest_pair_off() {
    let (mut world, all) = venue(12, 2);
    let grants = open(&mut world, &all, &[(all[1], &[1])]);
    let liar = Liar::new(&world, all[1], grants[0]);
    let common = entry(1, 1, 1111);
    let right = [common.clone(), entry(1, 2, 3333), entry(1, 3, 3333)];
    world.cut(all[0], all[2]);
    liar.push(&mut world, all[0], 77, &[common, entry(1, 2, 2222)]);
    liar.push(&mut world, all[2], 77, &right[..2]);
    world.run_for(1_000);
    world.heal();
    settle(&mut world, &all);
    world.run_for(10_000);
    liar.push(&mut world, all[2], 77, &right);
    world.run_for(120_000);
    for &no in &all {
        let refusals = world.devices[no].replica.refusals();
        assert!(
            !refusals.contains_key(&Reason::Demerits),
            "device {no}: {refusals:?}"
        );
    }
}

/// A device that held the proof of a fork and not all before it seemed equal to the others.
#[test]
fn the_common_prefix_of_a_fork_reaches_everybody() {
    let (mut world, all) = venue(12, 3);
    let grants = open(&mut world, &all, &[(all[1], &[1])]);
    let liar = Liar::new(&world, all[1], grants[0]);
    let prefix = [entry(1, 1, 1111), entry(1, 2, 2222), entry(1, 3, 2222)];
    for no in 0..3 {
        world.cut(all[3], all[no]);
    }
    for last in [2222, 3333] {
        let branch = [&prefix[..], &[entry(1, 4, last)]].concat();
        liar.push(&mut world, all[0], 77, &branch);
    }
    settle(&mut world, &[all[0], all[2]]);
    let frames = decode_bundle(&world.devices[all[0]].replica.bundle()).expect("a bundle");
    let fork = frames
        .into_iter()
        .find(|it| matches!(it, Frame::Fork(_)))
        .expect("a proof");
    world.heal();
    liar.push(&mut world, all[3], 77, &prefix[..1]);
    send(&mut world, all[0], all[3], &fork);
    for no in 0..3 {
        world.cut(all[3], all[no]);
    }
    world.heal();
    settle(&mut world, &all);
    for &no in &all {
        let logs = world.devices[no].replica.logs();
        let log = logs
            .iter()
            .find(|it| it.name.incarnation == Incarnation(77));
        assert!(3 <= log.expect("the log is here").height, "device {no}");
    }
}

/// Clones the owner's phone. What one of them says reaches the first two devices of four, what the other
/// says the last two; the first one grants a cell, under which the second device writes the score that is
/// returned.
fn clone_owner(world: &mut World, all: &[DeviceNo]) -> EntryId {
    let clone = |world: &World, device: DeviceNo| {
        let event = world.devices[device].replica.event().expect("an event").0;
        Liar {
            device,
            ..Liar::new(world, all[0], GrantId::control(event))
        }
    };
    for one in [all[0], all[1]] {
        for other in [all[2], all[3]] {
            world.cut(one, other);
        }
    }
    let opens = vec![Open {
        key: world.devices[all[1]].key(),
        cells: cells(&[], &[1]),
        until_ms: None,
    }];
    let opens = Statement::Assign(Assign {
        closes: Vec::new(),
        opens,
        under: None,
    });
    let said = [
        (all[0], all[1], opens),
        (all[3], all[2], Statement::LastCall),
    ];
    for (from, to, statement) in said {
        let clone = clone(world, from);
        let entry = clone.statement(&statement);
        clone.push(world, to, 77, &[entry]);
    }
    world.run_for(1_000);
    let score = saved(world, all[1], record(1, 1, 1111, 0));
    world.run_for(10_000);
    score
}

/// A liar goes on writing under the grant that two devices know of, and tells one of them.
fn grow_what_not_all_take(world: &mut World, all: &[DeviceNo]) {
    let logs = world.devices[all[1]].replica.logs();
    let of_one = logs.iter().find(|it| !it.common);
    let grant = of_one.expect("what one branch names").name.grant;
    let liar = Liar::new(world, all[1], grant);
    let refused = |world: &World| {
        let refused = world.devices[all[2]].replica.refusals();
        refused.get(&Reason::UnknownGrant).copied().unwrap_or(0)
    };
    let before = refused(world);
    let mut entries = Vec::new();
    for shooter in 2..=6 {
        entries.push(entry(1, shooter, 1111));
        liar.push(world, all[0], 78, &entries);
        world.run_for(2_000);
    }
    let once = before + 2;
    assert_eq!(
        refused(world),
        once,
        "each of two that hold it sends it once"
    );
}

/// The owner's phone was cloned, and the clone granted a cell. Whoever had heard of it exchanged scores
/// that others could not take: Hellos went on for ever, and an adoption counted on some devices only.
#[test]
fn what_a_cloned_owner_granted_counts_once_its_branch_is_chosen() {
    let (mut world, all) = venue(12, 3);
    let score = clone_owner(&mut world, &all);
    world.heal();
    settle(&mut world, &all);
    grow_what_not_all_take(&mut world, &all);
    world.run_for(20_000);
    let before = world.traffic();
    world.run_for(600_000);
    assert_eq!(world.traffic(), before, "all that can be said is said");
    for (no, expected) in [
        (all[0], Some(1)),
        (all[1], Some(1)),
        (all[2], None),
        (all[3], None),
    ] {
        assert_eq!(copies(&mut world, no, score), expected, "device {no}");
    }
    let adopt = |world: &mut World, selection: Selection| {
        let decision = Decision::Count;
        world.command(
            all[0],
            Command::Adopt {
                selection,
                decision,
            },
        )
    };
    let entries = || Selection::Entries(vec![score]);
    let early = adopt(&mut world, entries());
    let refused = matches!(&early, Some(Reply::Refused(why)) if why.code == Code::E17);
    assert!(refused, "{early:?}");
    let why = world.devices[all[1]].replica.why(Subject::Entry(score));
    let why = why.expect("it is here").text;
    assert!(why.contains("two versions of a log of statements"), "{why}");
    let mut logs = world.devices[all[0]].replica.logs().into_iter();
    let forked = logs.find(|it| it.forked).expect("it forked");
    let branch = Selection::Branch {
        log: forked.name,
        here: true,
    };
    assert_eq!(adopt(&mut world, branch), Some(Reply::Decided(1)));
    settle(&mut world, &all);
    let other = Selection::Branch {
        log: forked.name,
        here: false,
    };
    let other = adopt(&mut world, other);
    let refused = matches!(&other, Some(Reply::Refused(why)) if why.code == Code::E17);
    assert!(refused, "chosen once: {other:?}");
    assert_eq!(adopt(&mut world, entries()), Some(Reply::Decided(1)));
    settle(&mut world, &all);
    for &no in &all {
        assert_eq!(
            verdict(&mut world, no, score),
            Verdict::Counted,
            "device {no}"
        );
    }
}

/// All writers shared one quota: a stolen device filled it, and nobody's scores went anywhere.
#[test]
fn a_flooding_device_fills_its_own_quota_only() {
    let (mut world, all) = venue(12, 2);
    let grants = open(&mut world, &all, &[(all[1], &[1]), (all[2], &[2])]);
    assign(&mut world, &all, (&grants[..1], CloseReason::Stolen), &[]);
    let liar = Liar::new(&world, all[1], grants[0]);
    let entries = vec![vec![0x78, 1]; 250];
    for log in 0..12 {
        let mut before: Vec<Vec<u8>> = Vec::new();
        for chunk in 0..40 {
            let from = chunk * 250 + 1;
            if world.peer_id(all[0], all[1]).is_none() {
                world.heal();
            }
            liar.push_from(&mut world, all[0], (1000 + log, from, &before), &entries);
            before.extend(entries.iter().cloned());
        }
    }
    let total: u64 = world.devices[all[0]]
        .replica
        .logs()
        .iter()
        .map(|it| it.height)
        .sum();
    assert!(total < 21_000, "{total} entries");
    let id = saved(&mut world, all[2], record(1, 7, 1234, 0));
    world.run_for(60_000);
    assert_eq!(verdict(&mut world, all[0], id), Verdict::Counted);
}

/// A bundle taken in while a join was under way was answered as taken and left out.
#[test]
fn a_bundle_is_taken_in_while_a_join_is_under_way() {
    let (mut world, all) = venue(31, 1);
    let bundle = world.devices[all[0]].replica.bundle();
    let one = world.add("one", false);
    let ticket = world.invite(all[0]);
    world.command(one, Command::Join(ticket));
    let reply = world.command(one, Command::Import(bundle));
    assert!(
        matches!(
            reply,
            Some(Reply::Imported {
                fresh: 1..,
                refused: 0,
                ..
            })
        ),
        "{reply:?}"
    );
}

/// Invented tags were kept without bound, and asking for them made a frame above the limit.
#[test]
fn invented_tags_are_bounded() {
    let (mut world, all) = venue(12, 1);
    for round in 0..30_u32 {
        let tags = (0..4000_u32).map(|no| {
            let [a, b, c, d] = (round * 4000 + no + 1).to_le_bytes();
            ([a, b, c, d, 7], 5)
        });
        send(&mut world, all[1], all[0], &Frame::Have(tags.collect()));
    }
    let now = Now {
        mono_ms: world.now_ms() + 2_000,
        wall_ms: 0,
    };
    let effects = world.devices[all[0]].replica.step(now, vec![Input::Tick]);
    let mut store = open_store(&Platter::new(1), 1).expect("a card");
    let released = effects.persist(&mut store).expect("the disk works");
    let longest = released.frames.iter().map(|(_, bytes)| bytes.len()).max();
    assert!(longest.unwrap_or(0) <= FRAME_BYTES_MAX, "{longest:?} bytes");
}

/// A device that knew the event from a bundle was never admitted: its ticket was not used.
#[test]
fn a_device_that_took_a_bundle_first_joins_all_the_same() {
    let (mut world, all) = venue(33, 0);
    let bundle = world.devices[all[0]].replica.bundle();
    let one = world.add("one", false);
    let taken = world.command(one, Command::Import(bundle));
    assert!(
        matches!(taken, Some(Reply::Imported { refused: 0, .. })),
        "{taken:?}"
    );
    let ticket = world.invite(all[0]);
    assert_eq!(
        world.command(one, Command::Join(ticket)),
        Some(Reply::Joining)
    );
    world.kill(one);
    world.connect(one, all[0]);
    let admitted = |world: &mut World| world.devices[all[0]].replica.devices(NOW).len() == 2;
    world.run_until(30_000, admitted).expect("it is admitted");
    settle(&mut world, &[all[0], one]);
    assert!(
        world.devices[one].replica.ticket().is_none(),
        "the ticket is used"
    );
    world.run_for(20_000);
    let before = world.traffic();
    world.run_for(60_000);
    assert_eq!(world.traffic(), before, "an idle pair sends nothing");
}
