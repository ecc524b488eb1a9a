//! How devices join: real replicas with a wire of memory between them.
//!
//! Source: PROTOCOL R-JOIN-1 to R-JOIN-6.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, in its helpers too"
)]

use std::collections::BTreeMap;

use tallyline_keys::DeviceKey;
use tallyline_proto::{
    model::{Incarnation, Manifest, Roles, Ticket},
    replica::{
        Command, Disk, Enrolling, Founding, Identity, Input, InviteEnd, JoinEnd, Notice, Now,
        PairPhase, PeerId, Phase, Reason, Released, Replica, Reply, RequestId, Stored, StoredLog,
        Write,
    },
    rules::{Code, Mistake},
    wire::{Frame, decode_frame, decode_manifest, encode_frame, invite_id},
};

/// A minute, in ms.
const MINUTE_MS: u64 = 60_000;

/// The owner's device.
const OWNER: u8 = 1;

/// A device that wants to join.
const TABLET: u8 = 2;

/// Another device that wants to join.
const OTHER: u8 = 7;

/// A device in memory: its replica, and what a store would hold.
struct Device {
    replica: Replica,
    disk: Memory,
    seed: u8,
    mono_ms: u64,
    starts: u64,
    said: Vec<(PeerId, Vec<u8>)>,
    closed: Vec<(PeerId, Reason)>,
    notices: Vec<Notice>,
}

/// What a store holds of an event's beginning.
#[derive(Default)]
struct Memory(Stored, BTreeMap<[u8; 16], Vec<u8>>);

impl Disk for Memory {
    type Error = ();

    fn commit(&mut self, writes: &[Write]) -> Result<(), ()> {
        for write in writes {
            match write {
                Write::Manifest(bytes) => self.0.manifest = Some(bytes.clone()),
                Write::Ticket(bytes) => self.0.ticket.clone_from(bytes),
                Write::Entries { log, entries, .. } => {
                    let at = self.log(log);
                    self.0.logs[at].entries.extend(entries.iter().cloned());
                }
                Write::Head {
                    log,
                    height,
                    signature,
                } => {
                    let at = self.log(log);
                    self.0.logs[at].heads.push((*height, *signature));
                }
                Write::DropHead { log, height } => {
                    let at = self.log(log);
                    self.0.logs[at].heads.retain(|(held, _)| held != height);
                }
                Write::Invite { id, bytes } => drop(match bytes {
                    Some(bytes) => self.1.insert(*id, bytes.clone()),
                    None => self.1.remove(id),
                }),
                Write::Cell { .. }
                | Write::Fork { .. }
                | Write::Displace { .. }
                | Write::Key { .. }
                | Write::ForgetKey { .. } => {}
            }
        }
        Ok(())
    }
}

impl Memory {
    fn log(&mut self, name: &tallyline_proto::model::LogName) -> usize {
        let logs = &mut self.0.logs;
        logs.iter()
            .position(|log| log.name == *name)
            .unwrap_or_else(|| {
                logs.push(StoredLog {
                    name: *name,
                    entries: Vec::new(),
                    heads: Vec::new(),
                });
                logs.len() - 1
            })
    }

    fn stored(&self) -> Stored {
        let invites = self.1.iter().map(|(id, bytes)| (*id, bytes.clone()));
        Stored {
            invites: invites.collect(),
            ..self.0.clone()
        }
    }
}

fn device(seed: u8) -> DeviceKey {
    DeviceKey::from_seed([seed; 32])
}

/// The manifest of the golden vectors.
fn manifest() -> Manifest {
    let vectors = include_str!("vectors/v1/manifest.json");
    let vectors: serde_json::Value = serde_json::from_str(vectors).expect("JSON");
    let hex = vectors["manifest"].as_str().expect("bytes");
    let digits: Vec<u8> = hex
        .chars()
        .filter_map(|c| u8::try_from(c.to_digit(16)?).ok())
        .collect();
    let bytes: Vec<u8> = digits.chunks(2).map(|it| it[0] << 4 | it[1]).collect();
    decode_manifest(&bytes).expect("the golden manifest")
}

fn open(seed: u8, stored: Stored, start: u64) -> Replica {
    let identity = Identity {
        key: device(seed),
        store: u64::from(seed),
        label: format!("Device {seed}"),
        cloud: false,
        warrant: None,
    };
    Replica::open(identity, stored, Incarnation(start)).expect("what was stored holds")
}

impl Device {
    fn new(seed: u8) -> Self {
        Self {
            replica: open(seed, Stored::default(), 1),
            disk: Memory::default(),
            seed,
            mono_ms: 1_000,
            starts: 1,
            said: Vec::new(),
            closed: Vec::new(),
            notices: Vec::new(),
        }
    }

    /// A device that founded the golden event.
    fn owner() -> Self {
        let mut owner = Self::new(OWNER);
        let it = manifest();
        owner.must(Command::Found(Founding {
            name: it.name,
            nonce: it.nonce,
            discovery_key: it.discovery_key,
            cloud: it.cloud,
            recovery: it.recovery,
            structure: it.structure,
            label: "Owner".to_owned(),
        }));
        owner
    }

    /// Starts the process again: its count of time begins anew, and the wall clock is wrong.
    fn restart(&mut self) {
        self.starts += 1;
        self.replica = open(self.seed, self.disk.stored(), self.starts);
        self.mono_ms = 0;
        self.step(vec![Input::Tick]);
    }

    fn step(&mut self, inputs: Vec<Input>) -> Vec<(RequestId, Reply)> {
        let now = Now {
            mono_ms: self.mono_ms,
            // As wrong as clocks are: it decides nothing.
            wall_ms: 4_000_000_000_000 / self.starts,
        };
        let effects = self.replica.step(now, inputs);
        let Released {
            frames,
            replies,
            closes,
            notices,
        } = effects.persist(&mut self.disk).expect("memory holds");
        self.said.extend(frames);
        self.closed.extend(closes);
        self.notices.extend(notices);
        replies
    }

    fn ask(&mut self, command: Command) -> Reply {
        let input = Input::Command {
            request: RequestId(1),
            command: Box::new(command),
        };
        self.step(vec![input]).remove(0).1
    }

    fn must(&mut self, command: Command) -> Reply {
        let reply = self.ask(command);
        if let Reply::Refused(mistake) = &reply {
            panic!("{mistake}");
        }
        reply
    }

    fn refused(&mut self, command: Command) -> Mistake {
        let reply = self.ask(command);
        let Reply::Refused(mistake) = reply else {
            panic!("{reply:?}");
        };
        mistake
    }

    fn wait(&mut self, ms: u64) {
        // As a node does: at least every quarter of a minute of a long wait something happens.
        let end_ms = self.mono_ms + ms;
        while self.mono_ms < end_ms {
            self.mono_ms = end_ms.min(self.mono_ms + 15_000);
            self.step(vec![Input::Tick]);
        }
    }

    fn invite(&mut self, secret: u8, minutes: u64) -> Ticket {
        let command = Command::Invite {
            secret: [secret; 16],
            roles: Roles::SCORER,
            label: None,
            window_ms: minutes * MINUTE_MS,
        };
        let Reply::Invited(ticket) = self.must(command) else {
            panic!("an invite");
        };
        ticket
    }

    fn join(&mut self, ticket: &Ticket) {
        let reply = self.must(Command::Join(ticket.clone()));
        assert_eq!(reply, Reply::Joining, "the ticket is kept");
    }

    fn up(&mut self, peer: u64, key: u8, exporter: [u8; 32]) {
        self.step(vec![Input::PeerUp {
            peer: PeerId(peer),
            key: device(key).public(),
            exporter,
        }]);
    }

    fn hear(&mut self, peer: u64, bytes: Vec<u8>) {
        self.step(vec![Input::Frame {
            peer: PeerId(peer),
            bytes,
        }]);
    }

    /// Takes what was said to a peer.
    fn said_to(&mut self, peer: u64) -> Vec<Vec<u8>> {
        let said = std::mem::take(&mut self.said);
        let (to, others) = said.into_iter().partition(|(at, _)| at.0 == peer);
        self.said = others;
        let to: Vec<(PeerId, Vec<u8>)> = to;
        to.into_iter().map(|(_, bytes)| bytes).collect()
    }

    fn has(&self, other: u8) -> bool {
        self.replica.members().contains(&device(other).public())
    }
}

/// Connects two devices: `peer` names the connection on both sides.
fn connect(left: &mut Device, right: &mut Device, peer: u64) {
    let exporter = [u8::try_from(peer).expect("small"); 32];
    let (one, other) = (left.seed, right.seed);
    left.up(peer, other, exporter);
    right.up(peer, one, exporter);
}

/// Carries what both say until both are silent, a bounded number of times.
fn talk(left: &mut Device, right: &mut Device, peer: u64) {
    for _ in 0..100 {
        let (there, back) = (left.said_to(peer), right.said_to(peer));
        if there.is_empty() && back.is_empty() {
            return;
        }
        for bytes in there {
            right.hear(peer, bytes);
        }
        for bytes in back {
            left.hear(peer, bytes);
        }
    }
    panic!("they talk without end");
}

fn meet(left: &mut Device, right: &mut Device, peer: u64) {
    connect(left, right, peer);
    talk(left, right, peer);
}

/// R-JOIN-2, R-JOIN-4.
#[test]
fn a_ticket_opens_once_and_both_screens_show_the_same_words() {
    let (mut owner, mut tablet) = (Device::owner(), Device::new(TABLET));
    tablet.join(&owner.invite(5, 15));
    meet(&mut owner, &mut tablet, 1);
    assert!(owner.has(TABLET), "admitted");
    assert_eq!(tablet.replica.phase(), Phase::Member);
    let words = tablet.replica.enrolment().words;
    assert!(words.is_some(), "the joiner has words");
    let key = device(TABLET).public();
    assert_eq!(owner.replica.join_words(&key), words, "the same on both");
    let ended = owner.replica.enrolment().ended;
    let used = InviteEnd::Used {
        key,
        label: format!("Device {TABLET}"),
        words: words.expect("some"),
    };
    assert_eq!(ended, [(invite_id(&[5; 16]), used)]);
    assert!(owner.disk.1.is_empty(), "burnt in the commit");
}

/// R-JOIN-3: bad input 53, a used secret.
#[test]
fn a_used_ticket_is_answered_and_the_joiner_stops_asking() {
    let (mut owner, mut tablet, mut other) =
        (Device::owner(), Device::new(TABLET), Device::new(OTHER));
    let ticket = owner.invite(5, 15);
    tablet.join(&ticket);
    other.join(&ticket);
    meet(&mut owner, &mut tablet, 1);
    meet(&mut owner, &mut other, 2);
    assert!(!owner.has(OTHER), "once");
    assert_eq!(other.replica.phase(), Phase::Blank);
    assert_eq!(
        other.replica.enrolment().join_end,
        Some(JoinEnd::InviteOver)
    );
    assert_eq!(other.disk.0.ticket, None, "forgotten on disk, too");
    other.wait(MINUTE_MS);
    assert!(other.said_to(2).is_empty(), "it stops asking");
    other.join(&owner.invite(6, 15));
    assert_eq!(
        other.replica.enrolment().join_end,
        None,
        "a fresh one is tried"
    );
    meet(&mut owner, &mut other, 3);
    assert!(owner.has(OTHER), "and opens");
}

/// R-JOIN-3: bad input 53, an expired window.
#[test]
fn an_invite_is_over_after_its_time_by_the_owners_count() {
    let (mut owner, mut tablet) = (Device::owner(), Device::new(TABLET));
    let ticket = owner.invite(5, 2);
    let id = invite_id(&[5; 16]);
    owner.wait(2 * MINUTE_MS - 1);
    assert_eq!(owner.replica.enrolment().invites[0].left_ms, 1);
    owner.wait(1);
    assert_eq!(owner.replica.enrolment().ended, [(id, InviteEnd::Over)]);
    assert!(owner.disk.1.is_empty(), "burnt in the commit");
    tablet.join(&ticket);
    meet(&mut owner, &mut tablet, 1);
    assert!(!owner.has(TABLET), "over");
    assert_eq!(
        tablet.replica.enrolment().join_end,
        Some(JoinEnd::InviteOver)
    );
}

/// R-JOIN-3.
#[test]
fn a_restart_never_lengthens_an_invite() {
    let mut owner = Device::owner();
    owner.invite(5, 10);
    let mut before_ms = 10 * MINUTE_MS;
    for wait_ms in [0, 1, 29_999, 30_000, 31_000, 100_000, 0] {
        owner.wait(wait_ms);
        owner.restart();
        let left_ms = owner.replica.enrolment().invites[0].left_ms;
        assert!(
            left_ms <= before_ms - wait_ms,
            "after {wait_ms}: {left_ms} of {before_ms}"
        );
        assert!(
            before_ms - wait_ms <= left_ms + 31_000,
            "a restart takes half a minute at most: {left_ms} of {before_ms}"
        );
        before_ms = left_ms;
    }
}

/// R-JOIN-3: a phone may sleep until something is due.
#[test]
fn the_replica_says_when_an_invite_is_to_be_counted_again() {
    let mut owner = Device::owner();
    owner.invite(5, 1);
    let mut steps = 0;
    while owner.replica.enrolment().invites.len() == 1 {
        owner.mono_ms = owner.replica.due_ms().expect("something is due");
        owner.step(vec![Input::Tick]);
        steps += 1;
        assert!(steps < 10, "a due time is no busy loop");
    }
    assert_eq!(
        owner.mono_ms, 61_000,
        "exactly a minute after it was opened"
    );
}

#[test]
fn an_invite_has_a_minute_to_a_day_and_can_be_cancelled() {
    let (mut owner, mut tablet) = (Device::owner(), Device::new(TABLET));
    for window_ms in [0, 59_999, 86_400_001, u64::MAX] {
        let mistake = owner.refused(Command::Invite {
            secret: [9; 16],
            roles: Roles::SCORER,
            label: None,
            window_ms,
        });
        assert!(
            mistake.to_string().contains("1 to 1440 minutes"),
            "{mistake}"
        );
    }
    let ticket = owner.invite(5, 15);
    owner.invite(6, 15);
    let id = invite_id(&[5; 16]);
    let cancel = |id| Command::Enrol(Enrolling::Cancel { id });
    assert_eq!(owner.must(cancel(Some(id))), Reply::Cancelled(1));
    assert_eq!(owner.must(cancel(Some(id))), Reply::Cancelled(0), "once");
    assert_eq!(
        owner.replica.enrolment().ended,
        [(id, InviteEnd::Cancelled)]
    );
    tablet.join(&ticket);
    meet(&mut owner, &mut tablet, 1);
    assert_eq!(
        tablet.replica.enrolment().join_end,
        Some(JoinEnd::InviteOver)
    );
    assert_eq!(owner.must(cancel(None)), Reply::Cancelled(1), "all others");
}

/// An invite of a version that knew no time.
#[test]
fn a_stored_invite_of_an_older_version_is_over_and_no_damage() {
    let mut owner = Device::owner();
    let mut old = vec![5; 16];
    old.extend_from_slice(&[1, 0, 0, 0]);
    owner.disk.1.insert(invite_id(&[5; 16]), old);
    owner.restart();
    assert!(owner.replica.enrolment().invites.is_empty());
}

fn offer(device: &mut Device, nonce: u8) {
    let nonce = [nonce; 16];
    let reply = device.must(Command::Enrol(Enrolling::Offer { nonce }));
    assert_eq!(reply, Reply::Waiting, "the pairing is under way");
}

fn call(owner: &mut Device, other: u8, nonce: u8) -> Reply {
    owner.must(Command::Enrol(Enrolling::Call {
        key: device(other).public(),
        nonce: [nonce; 16],
        addresses: vec!["192.0.2.8:4433".to_owned()],
        roles: Roles::SCORER,
        label: Some("Pi".to_owned()),
        window_ms: 15 * MINUTE_MS,
    }))
}

/// R-JOIN-5.
#[test]
fn a_device_that_shows_itself_is_claimed_once_by_whoever_proves_the_nonce() {
    let (mut owner, mut tablet) = (Device::owner(), Device::new(TABLET));
    offer(&mut tablet, 8);
    call(&mut owner, TABLET, 8);
    assert!(
        owner
            .notices
            .iter()
            .any(|it| matches!(it, Notice::Call { key: Some(key), addresses }
            if *key == device(TABLET).public() && addresses.len() == 1)),
        "it is dialled"
    );
    meet(&mut owner, &mut tablet, 1);
    assert!(owner.has(TABLET), "admitted in the same breath");
    assert_eq!(tablet.replica.phase(), Phase::Member);
    assert_eq!(
        owner.replica.join_words(&device(TABLET).public()),
        tablet.replica.enrolment().words
    );
    assert!(
        tablet.replica.enrolment().offer.is_none(),
        "the nonce is burnt"
    );
    assert!(owner.disk.1.is_empty(), "and so is the invite");
    assert!(
        owner
            .notices
            .iter()
            .any(|it| matches!(it, Notice::Call { addresses, .. } if addresses.is_empty())),
        "it is not dialled any more"
    );
}

/// R-JOIN-5.
#[test]
fn who_does_not_know_the_nonce_cannot_claim_a_device() {
    let (mut thief, mut tablet) = (Device::owner(), Device::new(TABLET));
    offer(&mut tablet, 8);
    call(&mut thief, TABLET, 9);
    meet(&mut thief, &mut tablet, 1);
    assert!(!thief.has(TABLET));
    assert_eq!(tablet.replica.phase(), Phase::Blank);
    assert_eq!(tablet.replica.refusals()[&Reason::BadProof], 1);
    assert!(
        tablet.replica.enrolment().offer.is_some(),
        "it still waits for its owner"
    );
}

/// R-JOIN-5: a scanned nonce is worthless for another device, and after its time.
#[test]
fn an_offer_is_of_one_device_and_ends_by_itself() {
    let (mut owner, mut tablet, mut other) =
        (Device::owner(), Device::new(TABLET), Device::new(OTHER));
    offer(&mut tablet, 8);
    offer(&mut other, 8);
    call(&mut owner, TABLET, 8);
    meet(&mut owner, &mut other, 1);
    assert!(!owner.has(OTHER), "not the one that was scanned");
    tablet.wait(15 * MINUTE_MS);
    assert_eq!(
        tablet.replica.enrolment().join_end,
        Some(JoinEnd::OfferOver)
    );
    tablet.up(2, OWNER, [2; 32]);
    assert_eq!(
        tablet.closed,
        [(PeerId(2), Reason::Stranger)],
        "nobody is let in"
    );
}

/// Brings both sides of a pairing to where people compare; a plain wire.
fn compare(owner: &mut Device, tablet: &mut Device, peer: u64) {
    begin(owner, tablet);
    meet(owner, tablet, peer);
}

fn begin(owner: &mut Device, tablet: &mut Device) {
    let seed = [3; 16];
    let reply = tablet.must(Command::Enrol(Enrolling::PairAsDevice { seed }));
    assert_eq!(reply, Reply::Waiting, "the pairing is under way");
    let reply = owner.must(Command::Enrol(Enrolling::PairAsOwner {
        seed: [4; 16],
        addresses: Vec::new(),
        roles: Roles::SCORER,
        label: None,
    }));
    assert_eq!(reply, Reply::Waiting, "the pairing is under way");
}

fn digits(device: &Device) -> u32 {
    let pairing = device.replica.enrolment().pairing.expect("a pairing");
    assert_eq!(pairing.phase, PairPhase::Comparing, "both compare");
    pairing.digits.expect("digits")
}

fn confirm(digits: Option<u32>) -> Command {
    Command::Enrol(Enrolling::PairConfirm { digits })
}

/// R-JOIN-6.
#[test]
fn equal_digits_confirmed_on_both_sides_admit_the_device() {
    let (mut owner, mut tablet) = (Device::owner(), Device::new(TABLET));
    compare(&mut owner, &mut tablet, 1);
    let shown = digits(&owner);
    assert_eq!(digits(&tablet), shown, "both screens");
    let with = owner.replica.enrolment().pairing.expect("a pairing").with;
    assert_eq!(
        with,
        Some((device(TABLET).public(), format!("Device {TABLET}")))
    );
    assert_eq!(owner.must(confirm(Some(shown))), Reply::Confirmed);
    talk(&mut owner, &mut tablet, 1);
    assert!(
        !owner.has(TABLET),
        "the new device's person has not confirmed"
    );
    assert_eq!(tablet.must(confirm(Some(shown))), Reply::Confirmed);
    for _ in 0..3 {
        owner.wait(1_000);
        talk(&mut owner, &mut tablet, 1);
    }
    assert!(owner.has(TABLET));
    assert_eq!(tablet.replica.phase(), Phase::Member);
    assert_eq!(
        owner.replica.join_words(&device(TABLET).public()),
        tablet.replica.enrolment().words
    );
}

/// R-JOIN-6: the owner is away; a deputy compares digits with a new device, within what it may admit.
#[test]
fn a_deputy_admits_a_device_by_digits() {
    const DEPUTY: u8 = 7;
    let (mut owner, mut deputy) = (Device::owner(), Device::new(DEPUTY));
    let invite = Command::Invite {
        secret: [5; 16],
        roles: Roles::SCORER.with(Roles::DEPUTY),
        label: None,
        window_ms: 10 * MINUTE_MS,
    };
    let Reply::Invited(ticket) = owner.must(invite) else {
        panic!("an invite");
    };
    deputy.join(&ticket);
    meet(&mut owner, &mut deputy, 1);
    for _ in 0..3 {
        owner.wait(1_000);
        deputy.wait(1_000);
        talk(&mut owner, &mut deputy, 1);
    }
    assert!(deputy.has(DEPUTY), "the deputy knows that it is one");
    let too_much = Command::Enrol(Enrolling::PairAsOwner {
        seed: [4; 16],
        addresses: Vec::new(),
        roles: Roles::DEPUTY,
        label: None,
    });
    assert_eq!(
        deputy.refused(too_much).code,
        Code::E02,
        "no other deputies"
    );

    let mut tablet = Device::new(TABLET);
    compare(&mut deputy, &mut tablet, 2);
    let shown = digits(&deputy);
    assert_eq!(digits(&tablet), shown, "both screens");
    assert_eq!(deputy.must(confirm(Some(shown))), Reply::Confirmed);
    assert_eq!(tablet.must(confirm(Some(shown))), Reply::Confirmed);
    for _ in 0..5 {
        deputy.wait(1_000);
        tablet.wait(1_000);
        talk(&mut deputy, &mut tablet, 2);
    }
    assert!(deputy.has(TABLET) && tablet.has(TABLET), "it is a member");
}

/// R-JOIN-6: one try, then a pause of 30 s.
#[test]
fn different_digits_admit_nobody_and_lock_both_sides_for_30_s() {
    let (mut owner, mut tablet) = (Device::owner(), Device::new(TABLET));
    compare(&mut owner, &mut tablet, 1);
    let wrong = (digits(&owner) + 1) % 1_000_000;
    let mistake = owner.refused(confirm(Some(wrong)));
    assert!(mistake.to_string().contains("differ"), "{mistake}");
    talk(&mut owner, &mut tablet, 1);
    let phase = |device: &Device| device.replica.enrolment().pairing.expect("one").phase;
    assert_eq!(phase(&owner), PairPhase::Denied);
    assert_eq!(phase(&tablet), PairPhase::Denied, "the other side is told");
    assert_eq!(
        tablet.replica.enrolment().join_end,
        Some(JoinEnd::PairingFailed)
    );
    owner.refused(confirm(Some(wrong)));
    let seed = [5; 16];
    let again = || Command::Enrol(Enrolling::PairAsDevice { seed });
    let mistake = tablet.refused(again());
    assert!(mistake.to_string().contains("30 s"), "{mistake}");
    tablet.wait(29_999);
    tablet.refused(again());
    tablet.wait(1);
    tablet.must(again());
    assert!(!owner.has(TABLET));
}

/// R-JOIN-6: somebody between has another connection with each side, and so other digits on each.
#[test]
fn somebody_between_is_seen_by_the_digits() {
    let (mut owner, mut tablet) = (Device::owner(), Device::new(TABLET));
    begin(&mut owner, &mut tablet);
    // The one between holds its own keys and passes every frame on as it is.
    owner.up(1, OTHER, [0x11; 32]);
    tablet.up(1, OTHER, [0x22; 32]);
    talk(&mut owner, &mut tablet, 1);
    for device in [&owner, &tablet] {
        let pairing = device.replica.enrolment().pairing.expect("a pairing");
        assert_eq!(
            pairing.digits, None,
            "a commitment holds on its own connection only"
        );
    }
    assert!(!owner.has(OTHER) && !owner.has(TABLET));
}

/// R-JOIN-6: a nonce that was chosen after the other was seen is not the one committed to.
#[test]
fn a_nonce_that_was_not_committed_to_ends_the_pairing() {
    let mut tablet = Device::new(TABLET);
    let seed = [3; 16];
    tablet.must(Command::Enrol(Enrolling::PairAsDevice { seed }));
    tablet.up(1, OTHER, [1; 32]);
    let commit = tallyline_proto::wire::Commit {
        commitment: [9; 32],
        label: "Owner".to_owned(),
    };
    assert!(
        matches!(
            decode_frame(&tablet.said_to(1)[0]),
            Ok(Some(Frame::Commit(_)))
        ),
        "its nonce is not shown before the other side has committed"
    );
    tablet.hear(1, encode_frame(&Frame::Commit(commit)));
    assert!(
        matches!(
            decode_frame(&tablet.said_to(1)[0]),
            Ok(Some(Frame::Reveal(_)))
        ),
        "now it is"
    );
    tablet.hear(1, encode_frame(&Frame::Reveal([8; 16])));
    let pairing = tablet.replica.enrolment().pairing.expect("a pairing");
    assert_eq!((pairing.phase, pairing.digits), (PairPhase::Failed, None));
    assert_eq!(tablet.replica.refusals()[&Reason::BadProof], 1);
}

/// R-SYNC-12: a lost frame does no harm.
#[test]
fn a_pairing_survives_the_loss_of_any_one_frame() {
    for lost in 0..4 {
        let (mut owner, mut tablet) = (Device::owner(), Device::new(TABLET));
        begin(&mut owner, &mut tablet);
        connect(&mut owner, &mut tablet, 1);
        let mut carried = 0;
        for _ in 0..20 {
            for bytes in tablet.said_to(1) {
                if carried != lost {
                    owner.hear(1, bytes);
                }
                carried += 1;
            }
            for bytes in owner.said_to(1) {
                let pairs = matches!(
                    decode_frame(&bytes),
                    Ok(Some(Frame::Commit(_) | Frame::Reveal(_)))
                );
                if !pairs || carried != lost {
                    tablet.hear(1, bytes);
                }
                carried += usize::from(pairs);
            }
            owner.wait(500);
            tablet.wait(500);
        }
        assert_eq!(digits(&owner), digits(&tablet), "frame {lost} was lost");
    }
}

/// R-JOIN-6: only one device at a time, and not for ever.
#[test]
fn a_pairing_is_with_one_peer_and_has_an_end() {
    let (mut owner, mut tablet, mut other) =
        (Device::owner(), Device::new(TABLET), Device::new(OTHER));
    compare(&mut owner, &mut tablet, 1);
    let seed = [6; 16];
    other.must(Command::Enrol(Enrolling::PairAsDevice { seed }));
    meet(&mut owner, &mut other, 2);
    assert_eq!(other.replica.enrolment().pairing.expect("one").digits, None);
    assert_eq!(digits(&owner), digits(&tablet), "undisturbed");
    owner.wait(120_000);
    let pairing = owner.replica.enrolment().pairing.expect("one");
    assert_eq!(pairing.phase, PairPhase::Failed, "nobody confirmed");
}
