//! Proofs of forks and the entries they are about, whatever arrives first.

mod venue;

use tallyline_keys::DeviceKey;
use tallyline_proto::{
    log::{Ledger, Log, Refusal, Taken, sign_head},
    model::{Adopt, Body, Decision, GrantId, Incarnation, LogName, Statement},
    wire::{encode_manifest, event_id},
};

use venue::{Scorer, Venue, chunks, entry, give, manifest, take};

/// Two nodes were told the same: to one the branches came first, to the other the proof, behind
/// which it takes no entry. They held no common log then, and their digests differed for ever, so
/// that each Hello between them began another round. Found by the fuzz target `control`. R-SYNC-2.
#[test]
fn a_fork_at_the_first_entry_is_the_same_to_whoever_hears_of_it_first() {
    let owner = DeviceKey::from_seed([1; 32]);
    let manifest = manifest(&owner);
    let event = event_id(&encode_manifest(&manifest));
    let name = LogName {
        grant: GrantId::control(event),
        incarnation: Incarnation(7),
    };
    let branch = |at_delta_ms| {
        let bytes = entry(at_delta_ms, Body::Statement(vec![1]));
        let mut log = Log::new(event, name, owner.public());
        log.push(bytes.clone());
        let signature = sign_head(&owner, event, &name, (1, log.chain()));
        (vec![bytes], signature)
    };
    let branches = [branch(1), branch(2)];
    let mut entries_first = Ledger::new(event, manifest.clone());
    for (entries, signature) in &branches {
        let taken = entries_first.take(name, 1, entries, signature);
        taken.expect("the owner signed it");
    }
    let proof = entries_first.forks().get(&name).expect("it forked").clone();
    let mut proof_first = Ledger::new(event, manifest);
    assert_ne!(
        proof_first.state_digest(),
        entries_first.state_digest(),
        "nothing was told yet"
    );
    proof_first.take_fork(&proof).expect("the proof holds");
    for (entries, signature) in &branches {
        let taken = proof_first.take(name, 1, entries, signature);
        assert_eq!(
            taken,
            Ok(Taken::ForkKnown),
            "nothing behind a fork is taken"
        );
    }
    assert_eq!(
        proof_first.state_digest(),
        entries_first.state_digest(),
        "both know the same"
    );
}

/// A phone that was cloned: both wrote four entries as one, then each its own; the owner chose what the
/// second one wrote.
struct Cloned {
    venue: Venue,
    scorer: Scorer,
    left: Log,
    right: Log,
}

impl Cloned {
    fn new() -> Self {
        let mut venue = Venue::new();
        let scorer = venue.scorer(2);
        let [left, right] = [(1, 700), (2, 650)].map(|it| branch(&venue, &scorer, it));
        Self {
            venue,
            scorer,
            left,
            right,
        }
    }

    /// Returns what two nodes hold that were told of both branches, each of another one first, and
    /// then of the owner's choice.
    fn ledgers(&mut self) -> [Ledger; 2] {
        let before = [self.venue.ledger(), self.venue.ledger()];
        self.venue.say(&Statement::Adopt(Adopt {
            log: *self.right.name(),
            from: 1,
            to: self.right.height(),
            hash: self.right.chain().0,
            decision: Decision::Count,
        }));
        let [mut of_left, mut of_right] = before;
        for (ledger, first, second) in [
            (&mut of_left, &self.left, &self.right),
            (&mut of_right, &self.right, &self.left),
        ] {
            give(ledger, first, 1);
            let taken = give(ledger, second, 1);
            let forked = |it: &_| matches!(it, Ok(Taken::Forked(_)));
            assert!(taken.iter().any(forked), "{taken:?}");
            give(ledger, &self.venue.control, 1);
        }
        [of_left, of_right]
    }
}

fn branch(venue: &Venue, scorer: &Scorer, (phone, height): (i64, u64)) -> Log {
    let entries = (1..=height).map(|seq| {
        let by = if seq <= 4 { 1 } else { phone };
        entry(by, Body::Statement(vec![1; 80]))
    });
    venue.log(scorer, 9, entries)
}

/// The chosen branch of a cloned phone was longer than one chunk. Its first chunk did not reach what
/// the owner chose and was dropped, the next did not follow, and was answered by a wish for the first
/// one again: the two devices sent each other the same for ever. R-CHAIN-8.
#[test]
fn a_chosen_branch_of_several_chunks_takes_its_place() {
    let mut cloned = Cloned::new();
    let [mut of_left, mut of_right] = cloned.ledgers();
    let right = &cloned.right;
    assert_eq!(of_right.settle_forks(), [], "it is the one here");
    assert_eq!(of_left.settle_forks(), [], "only its beginning is here");
    assert_eq!(of_left.other_branches().count(), 1, "the other is wanted");
    assert!(2 < chunks(right, 5).len(), "longer than two chunks");
    let taken = give(&mut of_left, right, 5);
    let (last, before) = taken.split_last().expect("there are chunks");
    let waits = before.iter().all(|it| *it == Ok(Taken::ForkKnown));
    assert!(waits && *last == Ok(Taken::BranchWhole), "{taken:?}");

    let settled = of_left.settle_forks();
    let counts: u64 = settled.iter().map(|(_, _, growth)| growth.count).sum();
    assert_eq!(counts, 646, "everything past the fork");
    let log = of_left.logs().get(right.name()).expect("it is here");
    assert_eq!(log.chain(), right.chain(), "the chosen branch");
    let lengths = [log, right].map(|log| chunks(log, 1).len());
    assert_eq!(lengths[0], lengths[1], "each piece can be sent on");
    assert_eq!(of_left.other_branches().count(), 0, "all is here");
    assert_eq!(of_left.state_digest(), of_right.state_digest());
    let displaced = &of_left.displaced()[right.name()];
    let displaced: usize = displaced.iter().map(|it| it.entries.len()).sum();
    assert_eq!(displaced, 696, "the other is kept beside it");
}

/// What follows the branch that was not chosen is not asked for; of the chosen one, what comes before
/// is. R-CHAIN-8.
#[test]
fn only_the_chosen_branch_is_wanted() {
    let mut cloned = Cloned::new();
    let [mut of_left, _] = cloned.ledgers();
    let later = branch(&cloned.venue, &cloned.scorer, (1, 900));
    let own = give(&mut of_left, &later, 701);
    assert_eq!(own, [Ok(Taken::ForkKnown)]);
    let behind = take(&mut of_left, &cloned.right, &chunks(&cloned.right, 5)[2]);
    assert_eq!(behind, Err(Refusal::OtherBranch(4)), "the first two first");
}

/// A liar that signs branch after branch behind the fork fills a bounded place, and the chosen one takes
/// its place all the same. R-CHAIN-8.
#[test]
fn other_branches_without_end_do_not_keep_the_chosen_one_away() {
    let mut cloned = Cloned::new();
    let [mut of_left, of_right] = cloned.ledgers();
    for phone in 3..203 {
        let other = branch(&cloned.venue, &cloned.scorer, (phone, 20));
        for taken in give(&mut of_left, &other, 5) {
            assert_eq!(taken, Ok(Taken::ForkKnown), "it may lead to the choice");
        }
    }
    let taken = give(&mut of_left, &cloned.right, 5);
    assert!(taken.contains(&Ok(Taken::BranchWhole)), "{taken:?}");
    assert!(!of_left.settle_forks().is_empty(), "it is put in place");
    assert_eq!(of_left.state_digest(), of_right.state_digest());
}
