//! Who may say what: revocation, transfer, recovery, deputies, spare cards, adoption, the end.
#![cfg(test)]

use std::collections::BTreeSet;

use tallyline_keys::{DeviceKey, PublicKey};
use tallyline_proto::{
    model::{
        Agreed, Amend, Amendment, Body, CloseReason, Decision, EntryId, GrantId, Open,
        RevokeReason, Roles, Ticket, VoidReason,
    },
    replica::{Command, EntryFilter, Founding, Now, Phase, Reply, Selection, Subject, Why},
    rules::{Code, Verdict},
};
use tallyline_simulator::{
    DeviceNo, Platter, Weather, World, cells, score, small_founding, small_structure,
};

const NOW: Now = Now {
    mono_ms: 0,
    wall_ms: 0,
};

/// The seed of the event's recovery card.
const CARD: [u8; 32] = [0x77; 32];

/// An owner and tablets that know each other; squads of six, four drills.
struct Venue {
    world: World,
    all: Vec<DeviceNo>,
    /// Pairs that do not reach each other.
    apart: BTreeSet<(DeviceNo, DeviceNo)>,
}

impl Venue {
    fn new(seed: u64, others: usize) -> Self {
        let mut world = World::new(seed, Weather::CALM);
        let founding = Founding {
            recovery: vec![DeviceKey::from_seed(CARD).public()],
            ..small_founding(world.random(), small_structure(4, 24, 6))
        };
        let all = world.venue(founding, others);
        let apart = BTreeSet::new();
        let mut venue = Self { world, all, apart };
        let everybody = venue.all.len();
        venue
            .world
            .run_until(60_000, |world| {
                let knows = |no: &DeviceNo| world.devices[*no].replica.devices(NOW).len();
                (0..everybody).all(|no| knows(&no) == everybody)
            })
            .expect("everybody joins");
        venue.world.run_for(3_000);
        venue
    }

    fn key(&self, no: DeviceNo) -> PublicKey {
        self.world.devices[no].key()
    }

    fn settle(&mut self) {
        let all = self.all.clone();
        self.settle_among(&all);
    }

    fn settle_among(&mut self, some: &[DeviceNo]) {
        let converged = self.world.run_until(120_000, |world| world.converged(some));
        converged.expect("converged");
    }

    fn done(&mut self, no: DeviceNo, command: Command) -> Reply {
        let reply = self.world.command(no, command).expect("an answer");
        assert!(!matches!(reply, Reply::Refused(_)), "{reply:?}");
        reply
    }

    fn refused(&mut self, no: DeviceNo, command: Command) -> Code {
        match self.world.command(no, command) {
            Some(Reply::Refused(mistake)) => mistake.code,
            other => panic!("refused: {other:?}"),
        }
    }

    fn grant(&mut self, by: DeviceNo, closing: &[GrantId], to: DeviceNo, squad: u32) -> GrantId {
        let command = self.assign(closing, CloseReason::Dead, Some((to, squad)));
        let reply = self.done(by, command);
        let Reply::Assigned(grants) = reply else {
            panic!("assigned: {reply:?}")
        };
        grants[0]
    }

    fn assign(
        &self,
        closing: &[GrantId],
        reason: CloseReason,
        to: Option<(DeviceNo, u32)>,
    ) -> Command {
        let opens = to.into_iter().map(|(no, squad)| Open {
            key: self.key(no),
            cells: cells(&[], &[squad]),
            until_ms: None,
        });
        Command::Assign {
            closing: closing.to_vec(),
            reason,
            opens: opens.collect(),
        }
    }

    fn score(&mut self, no: DeviceNo, drill: u32, shooter: u32) -> EntryId {
        let reply = self.done(no, record(drill, shooter));
        let Reply::Saved(entries) = reply else {
            panic!("saved: {reply:?}")
        };
        entries[0]
    }

    fn verdict(&mut self, no: DeviceNo, id: EntryId) -> Verdict {
        let filter = EntryFilter {
            entry: Some(id),
            ..EntryFilter::default()
        };
        let entries = self.world.devices[no].replica.entries(&filter);
        assert_eq!(entries.len(), 1, "device {no} holds the entry");
        entries[0].verdict
    }

    fn all_read(&mut self, id: EntryId, verdict: Verdict) {
        for no in self.all.clone() {
            assert_eq!(self.verdict(no, id), verdict, "device {no}");
        }
    }

    fn why(&mut self, no: DeviceNo, subject: Subject) -> Why {
        let why = self.world.devices[no].replica.why(subject);
        why.expect("it is known here")
    }

    /// A device reaches nobody.
    fn away(&mut self, no: DeviceNo) {
        for other in self.all.clone() {
            if other != no {
                self.apart.insert((no.min(other), no.max(other)));
            }
        }
        self.reach();
    }

    /// A device reaches everybody who is not away.
    fn back(&mut self, no: DeviceNo) {
        self.apart.retain(|&(one, other)| one != no && other != no);
        self.reach();
    }

    /// Two devices reach each other, whoever else is away.
    fn meet(&mut self, one: DeviceNo, other: DeviceNo) {
        self.apart.remove(&(one.min(other), one.max(other)));
        self.reach();
    }

    fn reach(&mut self) {
        self.world.heal();
        for (one, other) in self.apart.clone() {
            self.world.cut(one, other);
        }
    }
}

fn record(drill: u32, shooter: u32) -> Command {
    Command::Record {
        body: score(drill, shooter, 1_000 + 10 * shooter + drill, 3),
        replaces: None,
        confirmed: false,
        revision: None,
        wall_ms: None,
        agreed: Agreed::BOTH,
    }
}

fn revoke(key: PublicKey, reason: RevokeReason) -> Command {
    Command::Revoke {
        key,
        reason,
        before: None,
    }
}

fn admit(key: PublicKey, roles: Roles, label: &str) -> Command {
    Command::Admit {
        key,
        roles,
        label: label.to_owned(),
    }
}

/// R-CONTROL-11: what a stolen device wrote before the cut counts, the rest waits for the owner.
#[test]
fn entries_written_after_a_revocation_wait_until_the_owner_adopts_them() {
    let mut venue = Venue::new(1, 3);
    let [owner, stolen, ..] = venue.all[..] else {
        panic!("four devices")
    };
    let grant = venue.grant(owner, &[], stolen, 1);
    venue.settle();
    let before = venue.score(stolen, 1, 1);
    venue.settle();
    let relay = venue.all[2];
    venue.away(stolen);
    venue.away(relay);
    let key = venue.key(stolen);
    venue.done(owner, revoke(key, RevokeReason::Stolen));
    let after = venue.score(stolen, 1, 2);
    // A relay that has not heard of it either takes the entry along.
    venue.meet(stolen, relay);
    venue.settle_among(&[stolen, relay]);
    venue.apart.insert((stolen, relay));
    venue
        .apart
        .retain(|&(one, other)| one == stolen || other == stolen);
    venue.reach();
    venue
        .world
        .run_until(60_000, |world| {
            let shown = EntryFilter {
                entry: Some(after),
                ..EntryFilter::default()
            };
            world.devices[0].replica.entries(&shown).len() == 1
        })
        .expect("what it wrote arrives");
    let honest = [owner, relay, venue.all[3]];
    venue.settle_among(&honest);
    for no in honest {
        assert_eq!(venue.verdict(no, before), Verdict::Counted);
        assert_eq!(venue.verdict(no, after), Verdict::Quarantined);
    }
    explained(&mut venue, relay, (before, after), (key, grant));
    for (decision, verdict) in [
        (Decision::Count, Verdict::Counted),
        (Decision::Reject, Verdict::Rejected),
    ] {
        let selection = Selection::Entries(vec![after]);
        venue.done(
            owner,
            Command::Adopt {
                selection,
                decision,
            },
        );
        venue.settle_among(&honest);
        for no in honest {
            assert_eq!(venue.verdict(no, after), verdict);
        }
    }
}

/// The same story in words: the entries before and after the cut, the device, the partition.
fn explained(
    venue: &mut Venue,
    relay: DeviceNo,
    (before, after): (EntryId, EntryId),
    (key, grant): (PublicKey, GrantId),
) {
    let why = venue.why(relay, Subject::Entry(after));
    for words in [
        "does not count until the owner adopts it",
        "stands past it",
        "revoked (stolen)",
    ] {
        assert!(why.text.contains(words), "{words}: {}", why.text);
    }
    assert_eq!(why.statements.len(), 2, "the grant and the revocation");
    let why = venue.why(relay, Subject::Device(key));
    assert!(why.text.contains("was a member"), "{}", why.text);
    let why = venue.why(relay, Subject::Grant(grant));
    assert!(
        why.text.contains("undisputed entries: 1, entries here: 2"),
        "{}",
        why.text
    );
    let why = venue.why(relay, Subject::Entry(before));
    assert!(why.text.contains("It counts."), "{}", why.text);
}

/// R-CONTROL-11: nobody talks to a revoked key, and it never comes back.
#[test]
fn a_revoked_key_is_cut_off_within_a_second_and_never_admitted_again() {
    let mut venue = Venue::new(2, 2);
    let [owner, lost, other] = venue.all[..] else {
        panic!("three devices")
    };
    let key = venue.key(lost);
    venue.done(owner, revoke(key, RevokeReason::Lost));
    let connected = |world: &World, no: DeviceNo| {
        let mut devices = world.devices[no].replica.devices(NOW).into_iter();
        devices.any(|it| it.key == key && it.connected)
    };
    venue
        .world
        .run_until(1_000, |world| {
            !connected(world, owner) && !connected(world, other)
        })
        .expect("closed within a second");
    let again = admit(key, Roles::SCORER, "again");
    assert_eq!(venue.refused(owner, again), Code::E02);
    let own = venue.key(owner);
    assert_eq!(
        venue.refused(owner, revoke(own, RevokeReason::Lost)),
        Code::E02
    );
}

/// R-CONTROL-11: a retired device's late entries count where the slot is free.
#[test]
fn what_a_retired_device_still_had_counts_late() {
    let mut venue = Venue::new(3, 2);
    let [owner, retired, other] = venue.all[..] else {
        panic!("three devices")
    };
    venue.grant(owner, &[], retired, 1);
    venue.settle();
    venue.away(retired);
    let unsent = venue.score(retired, 1, 1);
    let key = venue.key(retired);
    venue.done(owner, revoke(key, RevokeReason::Retired));
    venue.grant(owner, &[], other, 1);
    venue.settle_among(&[owner, other]);
    // It met somebody who had not heard of it; here: its bundle is carried over.
    let bundle = venue.world.devices[retired].replica.bundle();
    venue.done(other, Command::Import(bundle));
    venue.settle_among(&[owner, other]);
    for no in [owner, other] {
        assert_eq!(venue.verdict(no, unsent), Verdict::CountedLate);
    }
}

/// R-CONTROL-12: the new owner grants, the old one is refused, and what it says changes nothing.
#[test]
fn an_event_passes_to_a_member_that_agreed() {
    let mut venue = Venue::new(4, 2);
    let [owner, heir, tablet] = venue.all[..] else {
        panic!("three devices")
    };
    let grant = venue.grant(owner, &[], tablet, 1);
    venue.settle();
    let by_owner = venue.score(owner, 1, 24);
    let to = venue.key(heir);
    assert_eq!(
        venue.refused(owner, Command::Transfer(to)),
        Code::E14,
        "nobody becomes the owner unasked"
    );
    venue.done(heir, Command::Consent);
    venue.settle();
    venue.done(owner, Command::Transfer(to));
    venue.settle();
    let refused = venue.assign(&[grant], CloseReason::Handover, None);
    assert_eq!(venue.refused(owner, refused), Code::E02);
    let next = venue.grant(heir, &[grant], heir, 1);
    venue.settle();
    assert_eq!(venue.refused(tablet, record(1, 1)), Code::E02);
    venue.all_read(by_owner, Verdict::Counted);
    let by_heir = venue.score(heir, 2, 20);
    venue.settle();
    venue.all_read(by_heir, Verdict::Counted);
    for no in venue.all.clone() {
        venue.world.kill(no);
    }
    venue.reach();
    venue.settle();
    let still = venue.grant(heir, &[next], tablet, 1);
    venue.settle();
    venue.score(tablet, 1, 1);
    venue.settle();
    assert!(still != next, "the new owner goes on after a restart");
}

/// R-CONTROL-13: a thief with the owner's phone loses to the recovery card.
#[test]
fn a_recovery_card_takes_the_event_back_from_a_thief() {
    let mut venue = Venue::new(5, 3);
    let [owner, official, tablet, friend] = venue.all[..] else {
        panic!("four devices")
    };
    let grant = venue.grant(owner, &[], tablet, 1);
    venue.settle();
    let honest = venue.score(tablet, 1, 1);
    venue.settle();
    // The thief takes the partition for a friend.
    venue.grant(owner, &[grant], friend, 1);
    venue.settle();
    let forged = venue.score(friend, 1, 2);
    venue.settle();
    venue.all_read(forged, Verdict::Counted);
    let control = venue.world.devices[owner]
        .replica
        .event()
        .expect("an event")
        .0;
    let theft = {
        let filter = EntryFilter::default();
        let entries = venue.world.devices[official].replica.entries(&filter);
        let said = entries
            .iter()
            .filter(|it| it.log.grant == GrantId::control(control));
        said.max_by_key(|it| it.seq)
            .expect("the thief's statement")
            .id
    };
    let card = |seed| Command::Recover {
        seed,
        reason: Some(RevokeReason::Stolen),
        before: Some(theft),
    };
    assert_eq!(
        venue.refused(official, card([1; 32])),
        Code::E02,
        "not this event's card"
    );
    venue.done(official, card(CARD));
    let rest = [official, tablet, friend];
    venue.settle_among(&rest);
    for no in rest {
        assert_eq!(venue.verdict(no, honest), Verdict::Counted);
        assert_eq!(venue.verdict(no, forged), Verdict::Quarantined);
    }
    // The honest grant stands, and the new owner goes on.
    let more = venue.score(tablet, 1, 3);
    venue.grant(official, &[], friend, 2);
    venue.settle_among(&rest);
    let counted = venue.score(friend, 1, 7);
    venue.settle_among(&rest);
    for no in rest {
        assert_eq!(venue.verdict(no, more), Verdict::Counted);
        assert_eq!(venue.verdict(no, counted), Verdict::Counted);
    }
}

/// R-CONTROL-10: a deputy hands over what it closes, and nothing else.
#[test]
fn a_deputy_stands_in_for_an_owner_who_is_out_of_reach() {
    let mut venue = Venue::new(6, 3);
    let [owner, deputy, dead, fresh] = venue.all[..] else {
        panic!("four devices")
    };
    let grant = venue.grant(owner, &[], dead, 1);
    let key = venue.key(deputy);
    venue.done(owner, admit(key, Roles::DEPUTY, "deputy"));
    venue.settle();
    venue.away(owner);
    venue.away(dead);
    let unsent = venue.score(dead, 1, 1);
    let more = venue.assign(&[], CloseReason::Dead, Some((fresh, 2)));
    assert_eq!(
        venue.refused(deputy, more),
        Code::E02,
        "no cells of its own"
    );
    let wider = venue.assign(&[grant], CloseReason::Dead, Some((fresh, 2)));
    assert_eq!(venue.refused(deputy, wider), Code::E02, "no other cells");
    let stranger = DeviceKey::from_seed([0x31; 32]).public();
    let makes = admit(stranger, Roles::DEPUTY, "another");
    assert_eq!(
        venue.refused(deputy, makes),
        Code::E02,
        "no further deputies"
    );
    venue.grant(deputy, &[grant], fresh, 1);
    venue.settle_among(&[deputy, fresh]);
    let scored = venue.score(fresh, 1, 2);
    venue.back(owner);
    venue.back(dead);
    venue.settle();
    venue.all_read(scored, Verdict::Counted);
    venue.all_read(unsent, Verdict::CountedLate);
    assert_eq!(venue.refused(dead, record(1, 3)), Code::E02);
}

/// R-CARD-4: the owner is away, and a fresh device with a spare card takes the event from whoever knows
/// the card; a device of another event, and one that has not heard of the card, change nothing.
#[test]
fn a_spare_card_takes_the_event_from_whoever_is_there() {
    let mut venue = Venue::new(43, 2);
    let [owner, knows, late] = venue.all[..] else {
        unreachable!("three devices")
    };
    venue.world.cut(owner, late);
    venue.world.cut(knows, late);
    venue.apart.extend([(owner, late), (knows, late)]);
    let card = DeviceKey::from_seed([0x55; 32]);
    venue.done(owner, admit(card.public(), Roles::SPARE, "Spare"));
    venue.settle_among(&[owner, knows]);
    let ticket = venue.world.invite(owner);
    let ticket = Ticket::of_card(card.public(), ticket.event, ticket.discovery_key);
    venue.world.cut(owner, knows);

    let fresh = venue.world.add_with("fresh", [0x55; 32], Platter::new(1));
    let stranger = venue.world.add("other event", false);
    let other = Founding {
        name: "Other match".to_owned(),
        nonce: [9; 16],
        discovery_key: [9; 16],
        cloud: Vec::new(),
        recovery: Vec::new(),
        structure: small_structure(1, 1, 1),
        label: "stranger".to_owned(),
    };
    venue.done(stranger, Command::Found(other));
    venue.done(fresh, Command::Join(ticket));
    for no in [stranger, late] {
        venue.world.connect(fresh, no);
        venue.world.run_for(8_000);
        let phase = venue.world.devices[fresh].replica.phase();
        assert_eq!(phase, Phase::Joining, "device {no} knows no such card");
    }
    venue.world.connect(fresh, knows);
    let joined = venue
        .world
        .run_until(30_000, |world| world.converged(&[fresh, knows]));
    joined.expect("it has the event");
    assert_eq!(venue.world.devices[fresh].replica.phase(), Phase::Member);
    let entry = venue.score(fresh, 1, 1);
    venue.settle_among(&[fresh, knows]);
    assert_eq!(venue.verdict(knows, entry), Verdict::Unassigned);
}

/// R-READ-1: a spare card writes at once, and counts once somebody grants its cells.
#[test]
fn what_a_spare_card_wrote_counts_once_it_is_granted() {
    let mut venue = Venue::new(7, 2);
    let [owner, dead, spare] = venue.all[..] else {
        panic!("three devices")
    };
    let grant = venue.grant(owner, &[], dead, 1);
    let key = venue.key(spare);
    venue.done(owner, admit(key, Roles::SPARE, "spare"));
    venue.settle();
    venue.away(dead);
    venue.away(owner);
    let waits = venue.score(spare, 1, 1);
    let undone = venue.score(spare, 1, 2);
    venue.done(
        spare,
        Command::Void {
            entry: undone,
            reason: VoidReason::Hits,
            note: String::new(),
            wall_ms: None,
            agreed: Agreed::BOTH,
        },
    );
    assert_eq!(venue.verdict(spare, waits), Verdict::Unassigned);
    venue.back(owner);
    venue.settle_among(&[owner, spare]);
    assert_eq!(venue.verdict(owner, waits), Verdict::Unassigned);
    venue.grant(owner, &[grant], spare, 1);
    venue.settle_among(&[owner, spare]);
    for no in [owner, spare] {
        assert_eq!(venue.verdict(no, waits), Verdict::CountedLate);
        assert!(matches!(venue.verdict(no, undone), Verdict::Voided(_)));
    }
    let live = venue.score(spare, 1, 3);
    venue.settle_among(&[owner, spare]);
    assert_eq!(venue.verdict(owner, live), Verdict::Counted);
}

/// R-CONTROL-15: what does not fit the changed drill is flagged, the rest stays.
#[test]
fn an_amended_drill_flags_what_does_not_fit_and_nothing_else() {
    let mut venue = Venue::new(8, 1);
    let [owner, tablet] = venue.all[..] else {
        panic!("two devices")
    };
    venue.grant(owner, &[], tablet, 1);
    venue.settle();
    let unfit = venue.score(tablet, 1, 1);
    let stays = venue.score(tablet, 2, 1);
    venue.settle();
    let roster = venue.world.devices[owner]
        .replica
        .roster()
        .expect("an event");
    let mut drill = roster.structure().drills[0].clone();
    drill.required_hits.push(2);
    let amend = |drill| {
        Command::Amend(Amend {
            change: Amendment::Drill(drill),
            note: "target 3 was forgotten".to_owned(),
        })
    };
    assert_eq!(venue.refused(tablet, amend(drill.clone())), Code::E02);
    let reply = venue.done(owner, amend(drill));
    assert_eq!(reply, Reply::Revised(2));
    venue.settle();
    venue.all_read(unfit, Verdict::Unfit(Code::E04));
    venue.all_read(stays, Verdict::Counted);
}

/// R-CONTROL-16, R-CONTROL-17: the event closes when nothing can be missing any more.
#[test]
fn an_event_closes_when_every_writer_has_sealed() {
    let mut venue = Venue::new(9, 2);
    let [owner, here, away] = venue.all[..] else {
        panic!("three devices")
    };
    venue.grant(owner, &[], here, 1);
    venue.grant(owner, &[], away, 2);
    venue.settle();
    venue.score(here, 1, 1);
    venue.settle();
    venue.away(away);
    let unsent = venue.score(away, 1, 7);
    let close = |lost| Command::CloseEvent { lost };
    assert_eq!(
        venue.refused(owner, close(Vec::new())),
        Code::E12,
        "no last call yet"
    );
    venue.done(owner, Command::LastCall);
    venue.settle_among(&[owner, here]);
    assert_eq!(
        venue.refused(here, record(1, 2)),
        Code::E12,
        "scoring is over"
    );
    assert_eq!(
        venue.refused(owner, close(Vec::new())),
        Code::E12,
        "one is away"
    );
    let key = venue.key(away);
    let declared = venue.world.devices[owner].replica.bundle();
    venue.back(away);
    venue.settle();
    venue.done(owner, close(Vec::new()));
    venue.settle();
    venue.all_read(unsent, Verdict::Counted);
    // The same day without it: the owner declares it lost, and what it had is late.
    let mut other = Venue::new(9, 2);
    drop(declared);
    other.grant(owner, &[], here, 1);
    other.grant(owner, &[], away, 2);
    other.settle();
    other.away(away);
    let late = other.score(away, 1, 7);
    other.done(owner, Command::LastCall);
    other.settle_among(&[owner, here]);
    assert_eq!(other.key(away), key, "the same seed, the same venue");
    other.done(owner, close(vec![key]));
    other.back(away);
    other.settle();
    other.all_read(late, Verdict::CountedLate);
}

/// Somebody who never met the deputy or the new owner believes the proof of the device that they
/// admitted (R-SYNC-10).
#[test]
fn a_device_proves_by_a_chain_of_statements_that_it_is_a_member() {
    let mut venue = Venue::new(10, 3);
    let [owner, heir, deputy, far] = venue.all[..] else {
        panic!("four devices")
    };
    venue.done(heir, Command::Consent);
    venue.settle();
    venue.away(far);
    let to = venue.key(heir);
    venue.done(owner, Command::Transfer(to));
    let near = [owner, heir, deputy];
    venue.settle_among(&near);
    let key = venue.key(deputy);
    venue.done(heir, admit(key, Roles::DEPUTY, "deputy"));
    venue.settle_among(&near);
    let fresh = venue.world.add("fresh", false);
    venue.all.push(fresh);
    venue.apart.insert((far, fresh));
    venue.reach();
    let key = venue.key(fresh);
    venue.done(deputy, admit(key, Roles::SCORER, "fresh"));
    let bundle = venue.world.devices[deputy].replica.bundle();
    venue.done(fresh, Command::Import(bundle));
    venue.settle_among(&[owner, heir, deputy, fresh]);
    venue.away(fresh);
    venue.meet(fresh, far);
    venue.settle_among(&[fresh, far]);
    let event = venue.world.devices[far].replica.devices(NOW);
    assert!(event.iter().any(|it| it.key == key), "far has heard of it");
    let entries = venue.world.devices[far]
        .replica
        .entries(&EntryFilter::default());
    assert!(
        entries
            .iter()
            .any(|it| matches!(it.body, Body::Statement(_))),
        "statements are listed"
    );
}
