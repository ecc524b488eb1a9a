//! A desk lends single cells for a time, and only its clock tells when the time is over.
#![cfg(test)]

use std::collections::BTreeSet;

use tallyline_keys::PublicKey;
use tallyline_proto::{
    model::{Agreed, CloseReason, DrillNo, EntryId, GrantId, Open, Roles, SquadNo, Statement},
    replica::{AskPhase, Claiming, Command, EntryFilter, GrantView, Reply},
    rules::{Code, Verdict},
    wire::Denial,
};
use tallyline_simulator::{
    DeviceNo, Weather, World, cells, score, small_founding, small_structure,
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

/// Milliseconds of a minute.
const MINUTE_MS: u64 = 60_000;

/// Forty years in ms: a clock that nobody set.
const DECADES_MS: i64 = 40 * 365 * 86_400_000;

/// The owner, a desk that was granted stage 1, and officials around it.
struct Court {
    world: World,
    all: Vec<DeviceNo>,
    apart: BTreeSet<DeviceNo>,
}

const OWNER: DeviceNo = 0;
const DESK: DeviceNo = 1;
const ANN: DeviceNo = 2;
const BEN: DeviceNo = 3;

impl Court {
    fn new(seed: u64) -> Self {
        let mut world = World::new(seed, Weather::CALM);
        let founding = small_founding(world.random(), small_structure(3, 24, 6));
        let all = world.venue(founding, 3);
        let mut court = Self {
            world,
            all,
            apart: BTreeSet::new(),
        };
        let joined = court.world.run_until(60_000, |world| {
            (0..4).all(|no| world.devices[no].replica.members().len() == 4)
        });
        joined.expect("everybody joins");
        let key = court.key(DESK);
        court.done(
            OWNER,
            Command::Admit {
                key,
                roles: Roles::DESK,
                label: "desk".to_owned(),
            },
        );
        court.give_stage(DESK, Vec::new());
        court.settle();
        court
    }

    /// The owner grants stage 1 and closes what was granted before.
    fn give_stage(&mut self, to: DeviceNo, closing: Vec<GrantId>) {
        let open = Open {
            key: self.key(to),
            cells: cells(&[1], &[]),
            until_ms: None,
        };
        let assign = Command::Assign {
            closing,
            reason: CloseReason::Handover,
            opens: vec![open],
        };
        self.done(OWNER, assign);
    }

    fn key(&self, no: DeviceNo) -> PublicKey {
        self.world.devices[no].key()
    }

    fn settle(&mut self) {
        let all: Vec<DeviceNo> = self.all.clone();
        let near: Vec<DeviceNo> = all
            .into_iter()
            .filter(|no| !self.apart.contains(no))
            .collect();
        let converged = self
            .world
            .run_until(120_000, |world| world.converged(&near));
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

    /// A device asks, and waits for what becomes of it.
    fn ask(&mut self, no: DeviceNo, command: Command) -> AskPhase {
        assert_eq!(self.done(no, command), Reply::Asking);
        let phase = |world: &World| {
            let asking = world.devices[no].replica.asking().expect("it asks");
            asking.phase
        };
        let answered = self
            .world
            .run_until(60_000, |world| phase(world) != AskPhase::Waiting);
        answered.expect("it comes to an end");
        phase(&self.world)
    }

    fn borrows(&mut self, no: DeviceNo, minutes: u32) -> GrantView {
        let phase = self.ask(no, borrow(1, minutes));
        let AskPhase::Lent(grant) = phase else {
            panic!("lent: {phase:?}")
        };
        let claims = self.claims(no);
        claims.into_iter().find(|it| it.id == grant).expect("open")
    }

    fn claims(&self, no: DeviceNo) -> Vec<GrantView> {
        self.world.devices[no].replica.claims()
    }

    fn score(&mut self, no: DeviceNo, shooter: u32) -> EntryId {
        let Reply::Saved(entries) = self.done(no, record(shooter)) else {
            panic!("saved")
        };
        entries[0]
    }

    fn all_read(&mut self, id: EntryId, verdict: Verdict) {
        for no in self.all.clone() {
            let filter = EntryFilter {
                entry: Some(id),
                ..EntryFilter::default()
            };
            let entries = self.world.devices[no].replica.entries(&filter);
            assert_eq!(entries.len(), 1, "device {no} holds the entry");
            assert_eq!(entries[0].verdict, verdict, "device {no}");
        }
    }

    /// A device reaches nobody.
    fn away(&mut self, no: DeviceNo) {
        self.apart.insert(no);
        self.reach();
    }

    /// A device reaches everybody again.
    fn back(&mut self, no: DeviceNo) {
        self.apart.remove(&no);
        self.reach();
    }

    fn reach(&mut self) {
        self.world.heal();
        for &one in &self.apart {
            for &other in &self.all {
                if one != other {
                    self.world.cut(one, other);
                }
            }
        }
    }
}

/// Asks for the cell of a stage and squad 1.
fn borrow(drill: u32, minutes: u32) -> Command {
    Command::Claim(Claiming::Borrow {
        drill: DrillNo(drill),
        squad: SquadNo(1),
        minutes,
    })
}

fn give_back() -> Command {
    Command::Claim(Claiming::GiveBack {
        drill: DrillNo(1),
        squad: SquadNo(1),
    })
}

/// Scores a shooter of squad 1 on stage 1.
fn record(shooter: u32) -> Command {
    Command::Record {
        body: score(1, shooter, 1_000 + shooter, 3),
        replaces: None,
        confirmed: false,
        revision: None,
        wall_ms: None,
        agreed: Agreed::BOTH,
    }
}

/// R-CLAIM-2, R-CLAIM-4: one asks, scores, gives back; meanwhile another is told who has the cell.
#[test]
fn a_cell_is_lent_to_one_at_a_time_and_given_back() {
    let mut court = Court::new(1);
    assert_eq!(court.refused(ANN, record(1)), Code::E02, "not hers yet");
    let lent = court.borrows(ANN, 10);
    assert_eq!(lent.cells, cells(&[1], &[1]));
    let until_ms = lent.lent.expect("by the desk").until_ms;
    let counts = court.score(ANN, 1);
    court.settle();
    court.all_read(counts, Verdict::Counted);
    for no in court.all.clone() {
        let claims = court.claims(no);
        assert_eq!(claims.len(), 1, "device {no} shows it");
        assert_eq!(claims[0].key, court.key(ANN), "and who has it");
    }
    assert_eq!(court.refused(DESK, record(2)), Code::E02, "it is lent");
    let holder = court.key(ANN);
    assert_eq!(
        court.ask(BEN, borrow(1, 10)),
        AskPhase::Denied(Denial::Held { holder, until_ms })
    );
    assert_eq!(court.refused(BEN, give_back()), Code::E15, "it is not his");
    // She writes one more while the desk is away: it is closed only once the desk has that.
    court.away(ANN);
    let last = court.score(ANN, 2);
    court.done(ANN, give_back());
    court.back(ANN);
    court
        .world
        .run_until(60_000, |world| {
            world.devices[ANN].replica.claims().is_empty()
        })
        .expect("given back");
    court.settle();
    court.all_read(last, Verdict::Counted);
    assert_eq!(court.refused(ANN, record(3)), Code::E02, "given back");
    court.borrows(BEN, 10);
    let next = court.score(BEN, 3);
    court.settle();
    court.all_read(next, Verdict::Counted);
    court.all_read(counts, Verdict::Counted);
}

/// R-CLAIM-4, R-CONTROL-5: only the desk's clock ends a claim, and what is written after that is
/// kept and not counted.
#[test]
fn a_claim_that_nobody_gives_back_ends_by_the_desk_s_clock_alone() {
    let mut court = Court::new(2);
    court.borrows(ANN, 10);
    court.settle();
    for (no, off_ms) in [(OWNER, DECADES_MS), (ANN, DECADES_MS), (BEN, -DECADES_MS)] {
        court.world.devices[no].clock_off_ms = off_ms;
    }
    court.world.run_for(9 * MINUTE_MS);
    assert_eq!(court.claims(OWNER).len(), 1, "nobody else's clock ends it");
    let before = court.score(ANN, 1);
    court.settle();
    court.away(ANN);
    let after = court.score(ANN, 2);
    court.world.run_for(2 * MINUTE_MS);
    assert!(court.claims(DESK).is_empty(), "the time is over");
    assert_eq!(court.claims(ANN).len(), 1, "she has not heard of it");
    court.back(ANN);
    court.settle();
    court.all_read(before, Verdict::Counted);
    court.all_read(after, Verdict::Quarantined);
    assert!(court.claims(ANN).is_empty(), "now she has");
    let again = court.score(DESK, 3);
    court.settle();
    court.all_read(again, Verdict::Counted);
}

/// Acceptance row S4-14: two devices saved locally before they met. Whose claim it was counts, whatever
/// the clocks say and whichever arrives first; the other one's is kept and listed.
#[test]
fn s4_14_of_two_that_saved_first_the_holder_of_the_claim_counts_and_the_other_is_listed() {
    for (seed, off_ms) in [(5, DECADES_MS), (6, -DECADES_MS)] {
        let mut court = Court::new(seed);
        court.borrows(BEN, 10);
        court.settle();
        court.world.run_for(8 * MINUTE_MS);
        // His time is over before he hears of it, and meanwhile the cell is hers.
        court.away(BEN);
        court.world.run_for(3 * MINUTE_MS);
        court.borrows(ANN, 10);
        court.settle();
        court.away(ANN);
        court.world.devices[BEN].clock_off_ms = off_ms;
        let (his, hers) = (court.score(BEN, 1), court.score(ANN, 1));
        court.back(BEN);
        court.settle();
        court.back(ANN);
        court.settle();
        court.all_read(hers, Verdict::Counted);
        court.all_read(his, Verdict::Quarantined);
    }
}

/// R-CLAIM-4: a desk that was off when the time was over takes the cell back when it starts.
#[test]
fn a_desk_that_starts_again_knows_what_it_lent() {
    let mut court = Court::new(3);
    court.borrows(ANN, 10);
    court.settle();
    court.world.kill(DESK);
    court.reach();
    court.world.run_for(2 * MINUTE_MS);
    assert_eq!(court.claims(DESK).len(), 1, "the time is not over");
    court.world.run_for(9 * MINUTE_MS);
    assert!(court.claims(DESK).is_empty(), "it is");
    court.settle();
    court.borrows(BEN, 10);
    court.settle();
    court.world.kill(DESK);
    court.reach();
    // It was off for an hour.
    court.world.devices[DESK].clock_off_ms = 3_600_000;
    court
        .world
        .run_until(60_000, |world| {
            world.devices[BEN].replica.claims().is_empty()
        })
        .expect("at its next start");
}

/// R-CLAIM-3: who asks again has the cell for longer, and everything counts.
#[test]
fn asking_again_for_a_cell_that_one_holds_makes_the_time_longer() {
    let mut court = Court::new(4);
    let first = court.borrows(ANN, 10);
    let early = court.score(ANN, 1);
    court.world.run_for(8 * MINUTE_MS);
    let second = court.borrows(ANN, 10);
    assert!(first.id != second.id && first.depth < second.depth);
    let until = |it: &GrantView| it.lent.as_ref().and_then(|it| it.until_ms);
    assert!(until(&first) < until(&second), "a later time");
    court.world.run_for(5 * MINUTE_MS);
    let late = court.score(ANN, 2);
    court.settle();
    court.all_read(early, Verdict::Counted);
    court.all_read(late, Verdict::Counted);
    let shorter = court.borrows(ANN, 1);
    assert_eq!(until(&shorter), until(&second), "never shorter");
    court.world.run_for(6 * MINUTE_MS);
    assert!(court.claims(DESK).is_empty(), "until it is over");
}

/// R-CLAIM-2, R-CLAIM-5: what a desk does not lend, and how often it is asked.
#[test]
fn a_desk_says_why_it_does_not_lend() {
    let mut court = Court::new(5);
    assert_eq!(court.refused(ANN, borrow(2, 10)), Code::E02, "no desk's");
    assert_eq!(court.refused(ANN, borrow(9, 10)), Code::E01, "no stage");
    assert_eq!(court.refused(ANN, borrow(1, 0)), Code::E21, "no time");
    assert_eq!(court.refused(ANN, borrow(1, 241)), Code::E21, "too long");
    assert_eq!(court.refused(DESK, borrow(1, 10)), Code::E15, "its own");
    for squad in 1..=8 {
        let command = Command::Claim(Claiming::Borrow {
            drill: DrillNo(1),
            squad: SquadNo(squad),
            minutes: 10,
        });
        let phase = court.ask(ANN, command);
        assert!(matches!(phase, AskPhase::Lent(_)), "{squad}: {phase:?}");
    }
    let ninth = Command::Claim(Claiming::Borrow {
        drill: DrillNo(1),
        squad: SquadNo(9),
        minutes: 10,
    });
    assert_eq!(
        court.ask(ANN, ninth.clone()),
        AskPhase::Denied(Denial::TooMany)
    );
    assert!(
        court.world.devices[DESK]
            .refusals
            .iter()
            .any(|it| it.contains("faster than one in 10 s")),
        "it was heard once it had waited"
    );
    assert!(matches!(court.ask(BEN, ninth), AskPhase::Lent(_)), "his");
    court.away(DESK);
    assert_eq!(court.ask(BEN, borrow(1, 10)), AskPhase::Unanswered);
    court.back(DESK);
    court.settle();
    court.done(OWNER, Command::LastCall);
    court.settle();
    assert_eq!(court.refused(BEN, borrow(1, 10)), Code::E12, "it is over");
}

/// R-CONTROL-6, R-CLAIM-2: the owner hands the desk's stage over, and what was lent of it ends.
#[test]
fn what_a_desk_lent_ends_with_its_own_grant() {
    let mut court = Court::new(6);
    court.borrows(ANN, 10);
    let before = court.score(ANN, 1);
    court.settle();
    let grants = court.world.devices[OWNER].replica.grants();
    let desk = grants.iter().find(|it| it.lent.is_none()).expect("granted");
    court.give_stage(BEN, vec![desk.id]);
    court.settle();
    assert!(court.claims(ANN).is_empty(), "it ended");
    assert_eq!(court.refused(ANN, record(2)), Code::E02);
    let next = court.score(BEN, 2);
    court.settle();
    court.all_read(next, Verdict::Counted);
    court.all_read(before, Verdict::CountedLate);
}

/// R-CLAIM-4, R-CONTROL-12: a desk that became the owner takes back what it lent, as the owner.
#[test]
fn a_desk_that_became_the_owner_takes_back_what_it_lent() {
    let mut court = Court::new(7);
    court.borrows(ANN, 10);
    let early = court.score(ANN, 1);
    court.done(DESK, Command::Consent);
    court.settle();
    let key = court.key(DESK);
    court.done(OWNER, Command::Transfer(key));
    court.settle();
    assert_eq!(court.ask(ANN, give_back()), AskPhase::GivenBack);
    assert_eq!(court.refused(ANN, borrow(1, 10)), Code::E02, "no desk now");
    court.settle();
    court.all_read(early, Verdict::Counted);
    let mut court = Court::new(7);
    court.borrows(ANN, 10);
    court.done(DESK, Command::Consent);
    court.settle();
    court.done(OWNER, Command::Transfer(key));
    court.settle();
    court.world.run_for(11 * MINUTE_MS);
    assert!(court.claims(ANN).is_empty(), "the time is over");
}

/// R-CLAIM-1: frames may be lost, come twice and overtake each other; the desk acts once on each Ask.
#[test]
fn a_desk_acts_once_on_an_ask_that_comes_again() {
    for seed in 10..18 {
        let mut court = Court::new(seed);
        court.world.set_weather(ROUGH);
        court.borrows(ANN, 10);
        let counts = court.score(ANN, 1);
        assert_eq!(court.ask(ANN, give_back()), AskPhase::GivenBack, "{seed}");
        court.world.run_for(MINUTE_MS);
        court.world.set_weather(Weather::CALM);
        court.settle();
        court.all_read(counts, Verdict::Counted);
        let statements = court.world.devices[OWNER].replica.statements();
        let under = |it: &Option<Statement>| matches!(it, Some(Statement::Assign(assign)) if assign.under.is_some());
        let said = statements.iter().filter(|it| under(&it.statement));
        assert_eq!(said.count(), 2, "{seed}: lent once, taken back once");
    }
}
