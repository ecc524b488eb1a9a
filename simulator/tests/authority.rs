//! Who may say what: grants, cuts, late and quarantined entries, forks, and what is refused.
#![cfg(test)]

use tallyline_keys::{DeviceKey, PublicKey};
use tallyline_proto::{
    log::{Chain, sign_head},
    model::{Agreed, Body, CloseReason, EntryId, GrantId, Incarnation, LogName, Open, VoidReason},
    replica::{Command, EntryFilter, EntryView, Founding, Input, Now, Reason, Reply},
    rules::{Code, Standings, Verdict},
    wire::{Frame, LogRef, Push, decode_bundle, encode_bundle, encode_entry, encode_frame},
};
use tallyline_simulator::{
    DeviceNo, Weather, World, cells, score, small_founding, small_structure,
};

const NOW: Now = Now {
    mono_ms: 0,
    wall_ms: 0,
};

fn founding(world: &mut World, name: &str) -> Founding {
    Founding {
        name: name.to_owned(),
        ..small_founding(world.random(), small_structure(4, 24, 6))
    }
}

/// An owner and `others` tablets that know each other.
fn venue(seed: u64, others: usize) -> (World, Vec<DeviceNo>) {
    let mut world = World::new(seed, Weather::CALM);
    let founding = founding(&mut world, "Test match");
    let all = world.venue(founding, others);
    let known = |world: &mut World| {
        all.iter()
            .all(|&no| world.devices[no].replica.devices(NOW).len() == all.len())
    };
    world.run_until(60_000, known).expect("everybody joins");
    // Connections that were closed while a device was still joining are dialled again.
    world.run_for(3_000);
    (world, all)
}

fn record(drill: u32, shooter: u32, time_centis: u32) -> Command {
    Command::Record {
        body: score(drill, shooter, time_centis, 3),
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
    closing: &[GrantId],
    reason: CloseReason,
    to: Option<(DeviceNo, &[u32], &[u32])>,
) -> Vec<GrantId> {
    let opens = to
        .into_iter()
        .map(|(no, drills, squads)| Open {
            key: world.devices[no].key(),
            cells: cells(drills, squads),
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

fn settle(world: &mut World, all: &[DeviceNo]) {
    world
        .run_until(60_000, |world| world.converged(all))
        .expect("converged");
}

fn saved(world: &mut World, no: DeviceNo, command: Command) -> Vec<EntryId> {
    let reply = world.command(no, command);
    let Some(Reply::Saved(entries)) = reply else {
        panic!("saved: {reply:?}")
    };
    entries
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

fn entry(world: &mut World, no: DeviceNo, id: EntryId) -> EntryView {
    let filter = EntryFilter {
        entry: Some(id),
        ..EntryFilter::default()
    };
    let mut entries = world.devices[no].replica.entries(&filter);
    assert_eq!(entries.len(), 1, "the entry is here once");
    entries.remove(0)
}

fn verdict(world: &mut World, no: DeviceNo, id: EntryId) -> Verdict {
    entry(world, no, id).verdict
}

fn digest(world: &mut World, no: DeviceNo) -> [u8; 32] {
    let replica = &mut world.devices[no].replica;
    let book = replica.book().expect("an event");
    Standings::compute(replica.roster().expect("an event"), &book).digest()
}

#[test]
fn s0_03_a_device_without_a_grant_reads_and_cannot_write() {
    let (mut world, all) = venue(1, 1);
    assert_eq!(refused(&mut world, all[1], record(1, 1, 1234)), Code::E02);
    saved(&mut world, all[0], record(1, 1, 1234));
    settle(&mut world, &all);
    assert_eq!(digest(&mut world, all[0]), digest(&mut world, all[1]));
}

#[test]
fn s0_05_a_score_outside_the_grant_is_refused_at_entry() {
    let (mut world, all) = venue(2, 2);
    assign(
        &mut world,
        &all,
        &[],
        CloseReason::Handover,
        Some((all[1], &[], &[1])),
    );
    saved(&mut world, all[1], record(1, 1, 1234));
    assert_eq!(refused(&mut world, all[1], record(1, 7, 1234)), Code::E02);
}

#[test]
fn s0_05_a_score_outside_the_grant_that_arrives_anyway_is_kept_and_not_counted() {
    let (mut world, all) = venue(3, 2);
    let grants = assign(
        &mut world,
        &all,
        &[],
        CloseReason::Handover,
        Some((all[1], &[], &[1])),
    );
    // The liar signs an entry about squad 2 under its grant for squad 1.
    let liar = world.add_liar(all[1]);
    let entry = score_entry(1, 7, 1234);
    push_as(
        &mut world,
        (&liar, all[0]),
        (grants[0], Incarnation(99)),
        &[entry],
    );
    world.run_for(5_000);
    settle(&mut world, &all);
    for &no in &all {
        let listed = world.devices[no].replica.entries(&EntryFilter::default());
        let entry = listed
            .iter()
            .find(|entry| entry.log.incarnation == Incarnation(99));
        assert_eq!(
            entry.expect("it is kept").verdict,
            Verdict::Quarantined,
            "on device {no}"
        );
    }
}

#[test]
fn s0_06_the_owner_overrides_a_score_everywhere() {
    let (mut world, all) = venue(4, 2);
    assign(
        &mut world,
        &all,
        &[],
        CloseReason::Handover,
        Some((all[1], &[], &[1])),
    );
    let wrong = saved(&mut world, all[1], record(1, 1, 1234))[0];
    settle(&mut world, &all);
    let command = Command::Record {
        body: score(1, 1, 2345, 4),
        replaces: Some((wrong, VoidReason::Time)),
        confirmed: false,
        revision: None,
        wall_ms: None,
        agreed: Agreed::BOTH,
    };
    let both = saved(&mut world, all[0], command);
    settle(&mut world, &all);
    for &no in &all {
        assert_eq!(verdict(&mut world, no, wrong), Verdict::Voided(both[0]));
        assert_eq!(verdict(&mut world, no, both[1]), Verdict::Counted);
    }
}

#[test]
fn s0_15_the_queue_of_an_old_phone_that_comes_back_is_taken_without_a_question() {
    let (mut world, all) = venue(5, 2);
    let grants = assign(
        &mut world,
        &all,
        &[],
        CloseReason::Handover,
        Some((all[1], &[], &[1])),
    );
    saved(&mut world, all[1], record(1, 1, 1234));
    settle(&mut world, &all);
    world.cut(all[1], all[0]);
    world.cut(all[1], all[2]);
    let late = saved(&mut world, all[1], record(1, 2, 1500))[0];
    let rest = [all[0], all[2]];
    assign(
        &mut world,
        &rest,
        &grants,
        CloseReason::Dead,
        Some((all[2], &[], &[1])),
    );
    saved(&mut world, all[2], record(1, 3, 1600));
    world.heal();
    settle(&mut world, &all);
    for &no in &all {
        assert_eq!(
            verdict(&mut world, no, late),
            Verdict::CountedLate,
            "on device {no}"
        );
    }
    assert_eq!(refused(&mut world, all[1], record(1, 4, 1700)), Code::E02);
}

#[test]
fn s0_16_a_score_that_was_entered_again_after_a_swap_counts_once() {
    let (mut world, all) = venue(6, 2);
    let grants = assign(
        &mut world,
        &all,
        &[],
        CloseReason::Handover,
        Some((all[1], &[], &[1])),
    );
    world.cut(all[1], all[0]);
    world.cut(all[1], all[2]);
    let late = saved(&mut world, all[1], record(1, 2, 1500))[0];
    let rest = [all[0], all[2]];
    assign(
        &mut world,
        &rest,
        &grants,
        CloseReason::Dead,
        Some((all[2], &[], &[1])),
    );
    let again = saved(&mut world, all[2], record(1, 2, 1500))[0];
    world.heal();
    settle(&mut world, &all);
    for &no in &all {
        assert_eq!(verdict(&mut world, no, again), Verdict::Counted);
        assert_eq!(verdict(&mut world, no, late), Verdict::Duplicate(again));
    }
}

#[test]
fn entries_past_the_cut_of_a_stolen_device_are_quarantined() {
    let (mut world, all) = venue(8, 2);
    let grants = assign(
        &mut world,
        &all,
        &[],
        CloseReason::Handover,
        Some((all[1], &[], &[1])),
    );
    let before = saved(&mut world, all[1], record(1, 1, 1234))[0];
    settle(&mut world, &all);
    world.cut(all[1], all[0]);
    world.cut(all[1], all[2]);
    let thief = saved(&mut world, all[1], record(1, 2, 300))[0];
    assign(
        &mut world,
        &[all[0], all[2]],
        &grants,
        CloseReason::Stolen,
        None,
    );
    world.heal();
    settle(&mut world, &all);
    for &no in &all {
        assert_eq!(verdict(&mut world, no, before), Verdict::Counted);
        assert_eq!(verdict(&mut world, no, thief), Verdict::Quarantined);
    }
}

#[test]
fn grants_may_not_overlap() {
    let (mut world, all) = venue(9, 2);
    assign(
        &mut world,
        &all,
        &[],
        CloseReason::Handover,
        Some((all[1], &[], &[1])),
    );
    let opens = vec![Open {
        key: world.devices[all[2]].key(),
        cells: cells(&[3], &[]),
        until_ms: None,
    }];
    let command = Command::Assign {
        closing: vec![],
        reason: CloseReason::Handover,
        opens,
    };
    assert_eq!(refused(&mut world, all[0], command), Code::E15);
}

#[test]
fn only_the_owner_makes_statements() {
    let (mut world, all) = venue(10, 1);
    let opens = vec![Open {
        key: world.devices[all[1]].key(),
        cells: cells(&[], &[]),
        until_ms: None,
    }];
    let command = Command::Assign {
        closing: vec![],
        reason: CloseReason::Handover,
        opens,
    };
    assert_eq!(refused(&mut world, all[1], command), Code::E02);
    assert_eq!(refused(&mut world, all[1], Command::Lock), Code::E02);
}

#[test]
fn clocks_set_years_off_change_no_verdict() {
    let run = |off_ms: i64| {
        let (mut world, all) = venue(11, 2);
        let grants = assign(
            &mut world,
            &all,
            &[],
            CloseReason::Handover,
            Some((all[1], &[], &[1])),
        );
        world.devices[all[1]].clock_off_ms = off_ms;
        world.devices[all[2]].clock_off_ms = off_ms.wrapping_neg() / 2;
        for shooter in 1..=6 {
            saved(&mut world, all[1], record(1, shooter, 1000 + shooter));
        }
        settle(&mut world, &all);
        assign(
            &mut world,
            &all,
            &grants,
            CloseReason::Handover,
            Some((all[2], &[], &[1])),
        );
        for shooter in 1..=6 {
            saved(&mut world, all[2], record(2, shooter, 1000 + shooter));
        }
        settle(&mut world, &all);
        let totals = world.devices[all[0]]
            .replica
            .book()
            .expect("an event")
            .totals();
        (digest(&mut world, all[0]), totals)
    };
    let right = run(0);
    for off_ms in [
        -1_766_000_000_000,
        315_360_000_000,
        i64::MIN / 4,
        i64::MAX / 4,
    ] {
        assert_eq!(run(off_ms), right, "clocks off by {off_ms} ms");
    }
}

#[test]
fn two_different_entries_at_one_sequence_are_disputed_on_every_node() {
    let (mut world, all) = venue(12, 2);
    let grants = assign(
        &mut world,
        &all,
        &[],
        CloseReason::Handover,
        Some((all[1], &[], &[1])),
    );
    let liar = world.add_liar(all[1]);
    let common = score_entry(1, 1, 1111);
    let left = [common.clone(), score_entry(1, 2, 2222)];
    let right = [common, score_entry(1, 2, 3333)];
    let log = Incarnation(77);
    world.cut(all[0], all[2]);
    push_as(&mut world, (&liar, all[0]), (grants[0], log), &left);
    push_as(&mut world, (&liar, all[2]), (grants[0], log), &right);
    world.run_for(1_000);
    world.heal();
    settle(&mut world, &all);
    for &no in &all {
        let listed = world.devices[no].replica.entries(&EntryFilter::default());
        let of_log = |seq| {
            let mut it = listed.iter().filter(|entry| entry.log.incarnation == log);
            it.find(|entry| entry.seq == seq)
                .expect("it is kept")
                .verdict
        };
        assert_eq!(
            of_log(1),
            Verdict::Counted,
            "the common prefix counts on device {no}"
        );
        assert_eq!(
            of_log(2),
            Verdict::Disputed,
            "the branches do not on device {no}"
        );
    }
    saved(&mut world, all[1], record(2, 1, 1234));
    settle(&mut world, &all);
}

#[test]
fn tampered_pushes_are_refused_and_counted_and_the_rest_goes_on() {
    let (mut world, all) = venue(13, 2);
    let grants = assign(
        &mut world,
        &all,
        &[],
        CloseReason::Handover,
        Some((all[1], &[], &[1])),
    );
    let liar = world.add_liar(all[1]);
    let good = score_entry(1, 1, 1234);
    let log = Incarnation(5);
    let before = world.devices[all[0]].replica.state_digest();
    let signed = liar.push(grants[0], log, 1, &[good]);

    let mut tampered = signed.clone();
    tampered.entries[0][3] ^= 1;
    send(&mut world, all[1], all[0], &Frame::Push(tampered));
    let mut unsigned = signed.clone();
    let mut bytes = *unsigned.signature.as_bytes();
    bytes[10] ^= 1;
    unsigned.signature = tallyline_keys::Signature::from_bytes(bytes);
    send(&mut world, all[1], all[0], &Frame::Push(unsigned));
    let gap = Push {
        from: 3,
        ..signed.clone()
    };
    send(&mut world, all[1], all[0], &Frame::Push(gap));
    let unknown = LogName {
        grant: GrantId(tallyline_proto::model::Hash([9; 32])),
        incarnation: log,
    };
    send(
        &mut world,
        all[1],
        all[0],
        &Frame::Push(Push {
            log: LogRef::Name(unknown),
            ..signed.clone()
        }),
    );
    assert_eq!(
        world.devices[all[0]].replica.state_digest(),
        before,
        "nothing was taken"
    );
    let refusals = world.devices[all[0]].replica.refusals().clone();
    assert_eq!(
        refusals.get(&Reason::BadSignature),
        Some(&2),
        "{refusals:?}"
    );
    assert_eq!(refusals.get(&Reason::Gap), Some(&1), "{refusals:?}");
    assert_eq!(
        refusals.get(&Reason::UnknownGrant),
        Some(&1),
        "{refusals:?}"
    );

    send(&mut world, all[1], all[0], &Frame::Push(signed));
    assert_ne!(
        world.devices[all[0]].replica.state_digest(),
        before,
        "the true push is taken"
    );
    saved(&mut world, all[1], record(2, 1, 1234));
    settle(&mut world, &all);
}

#[test]
fn garbage_is_refused_and_closes_the_connection_at_the_tenth() {
    let (mut world, all) = venue(14, 1);
    let peer = world.peer_id(all[0], all[1]).expect("connected");
    for no in 0..10 {
        assert!(
            world.peer_id(all[0], all[1]).is_some(),
            "still connected before frame {no}"
        );
        world.input(
            all[0],
            Input::Frame {
                peer,
                bytes: vec![1, 0xff, 0xff, 0xff],
            },
        );
    }
    assert!(world.peer_id(all[0], all[1]).is_none(), "closed");
    settle(&mut world, &all);
}

#[test]
fn entries_of_one_event_are_refused_in_another() {
    let mut world = World::new(15, Weather::CALM);
    let first = founding(&mut world, "First");
    let second = founding(&mut world, "Second");
    let one = world.venue(first, 1);
    let two = world.venue(second, 1);
    world.run_for(10_000);
    saved(&mut world, one[0], record(1, 1, 1234));
    let bundle = world.devices[one[0]].replica.bundle();
    let pushes: Vec<Frame> = decode_bundle(&bundle)
        .expect("a bundle")
        .into_iter()
        .filter(|frame| matches!(frame, Frame::Push(_)))
        .collect();
    let before = world.devices[two[0]].replica.state_digest();
    for push in &pushes {
        send(&mut world, two[1], two[0], push);
    }
    assert_eq!(
        world.devices[two[0]].replica.state_digest(),
        before,
        "nothing was taken"
    );
    let whole = Command::Import(bundle);
    assert_eq!(refused(&mut world, two[0], whole), Code::E16);
}

#[test]
fn a_device_that_was_not_admitted_gets_nothing_and_writes_nothing() {
    let (mut world, all) = venue(16, 1);
    saved(&mut world, all[0], record(1, 1, 1234));
    settle(&mut world, &all);
    // It even knows the event's manifest, from a bundle that somebody left lying about.
    let bundle = world.devices[all[0]].replica.bundle();
    let frames = decode_bundle(&bundle).expect("a bundle");
    let manifest = encode_bundle(&frames[..1]);
    let stranger = world.add("stranger", false);
    let taken = world.command(stranger, Command::Import(manifest));
    assert!(matches!(taken, Some(Reply::Imported { .. })), "{taken:?}");
    let before = world.devices[all[0]].replica.state_digest();
    world.connect(stranger, all[0]);
    world.run_for(10_000);
    assert!(
        world.devices[stranger].replica.logs().is_empty(),
        "it got nothing"
    );
    assert_eq!(
        world.devices[all[0]].replica.state_digest(),
        before,
        "it wrote nothing"
    );
    let refusals = world.devices[all[0]].replica.refusals();
    assert!(
        refusals.contains_key(&Reason::Stranger),
        "it is counted: {refusals:?}"
    );
}

#[test]
fn an_invite_works_once() {
    let (mut world, all) = venue(17, 0);
    let ticket = world.invite(all[0]);
    let one = world.add("one", false);
    let two = world.add("two", false);
    for no in [one, two] {
        let reply = world.command(no, Command::Join(ticket.clone()));
        assert_eq!(reply, Some(Reply::Joining));
    }
    world.connect(one, all[0]);
    world.run_for(3_000);
    world.connect(two, all[0]);
    world.run_for(3_000);
    assert_eq!(
        world.devices[all[0]].replica.devices(NOW).len(),
        2,
        "one was admitted"
    );
    assert!(
        world.devices[two].replica.event().is_none(),
        "the other was not"
    );
}

#[test]
fn two_devices_that_do_not_know_each_other_introduce_themselves() {
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
    let of_one = world.devices[one].replica.devices(NOW).len();
    assert_eq!(of_one, 2, "the first has not heard of the second");
    world.connect(one, two);
    settle(&mut world, &[one, two]);
    assert_eq!(world.devices[one].replica.devices(NOW).len(), 3);
}

#[test]
fn a_bundle_carries_everything_and_taking_it_twice_is_taking_it_once() {
    let (mut world, all) = venue(19, 1);
    assign(
        &mut world,
        &all,
        &[],
        CloseReason::Handover,
        Some((all[1], &[], &[1])),
    );
    for shooter in 1..=6 {
        saved(&mut world, all[1], record(1, shooter, 1000 + shooter));
    }
    settle(&mut world, &all);
    let bundle = world.devices[all[1]].replica.bundle();
    let reader = world.add("reader", false);
    let first = world.command(reader, Command::Import(bundle.clone()));
    let Some(Reply::Imported {
        fresh, refused: 0, ..
    }) = first
    else {
        panic!("{first:?}")
    };
    let again = world.command(reader, Command::Import(bundle.clone()));
    assert_eq!(
        again,
        Some(Reply::Imported {
            fresh: 0,
            known: fresh,
            refused: 0
        })
    );
    assert_eq!(digest(&mut world, reader), digest(&mut world, all[0]));
    let mut damaged = bundle;
    let middle = damaged.len() / 2;
    damaged[middle] ^= 0x40;
    let reader = world.add("another reader", false);
    match world.command(reader, Command::Import(damaged)) {
        Some(Reply::Refused(mistake)) => assert_eq!(mistake.code, Code::E16),
        Some(Reply::Imported { refused, .. }) => assert!(0 < refused, "the damage shows"),
        other => panic!("{other:?}"),
    }
}

/// An admitted device's key in the hands of a liar.
struct Liar {
    key: DeviceKey,
    event: tallyline_proto::model::EventId,
}

impl Liar {
    fn push(&self, grant: GrantId, log: Incarnation, from: u64, entries: &[Vec<u8>]) -> Push {
        let name = LogName {
            grant,
            incarnation: log,
        };
        let key: PublicKey = self.key.public();
        let chain = entries
            .iter()
            .fold(Chain::start(self.event, &name, &key), |chain, bytes| {
                chain.link(bytes)
            });
        let height = u64::try_from(entries.len()).expect("small");
        let signature = sign_head(&self.key, self.event, &name, (height, chain));
        Push {
            log: LogRef::Name(name),
            from,
            entries: entries.to_vec(),
            signature,
        }
    }
}

trait AddLiar {
    fn add_liar(&mut self, no: DeviceNo) -> Liar;
}

impl AddLiar for World {
    fn add_liar(&mut self, no: DeviceNo) -> Liar {
        let event = self.devices[no].replica.event().expect("an event").0;
        Liar {
            key: self.devices[no].stolen_key(),
            event,
        }
    }
}

fn score_entry(drill: u32, shooter: u32, time_centis: u32) -> Vec<u8> {
    let body: Body = score(drill, shooter, time_centis, 3);
    let entry = tallyline_proto::model::Entry {
        at_delta_ms: 1000,
        revision: 1,
        succession: Vec::new(),
        body,
    };
    encode_entry(&entry, None)
}

/// The liar pushes the first entries of one of its logs to a device.
fn push_as(
    world: &mut World,
    (liar, to): (&Liar, DeviceNo),
    (grant, log): (GrantId, Incarnation),
    entries: &[Vec<u8>],
) {
    let push = liar.push(grant, log, 1, entries);
    let author = (0..world.devices.len())
        .find(|&no| world.devices[no].key() == liar.key.public())
        .expect("the liar is a device");
    send(world, author, to, &Frame::Push(push));
}

/// Hands a frame to `to` as if `from` had sent it.
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
