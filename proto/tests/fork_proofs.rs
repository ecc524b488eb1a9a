//! Proofs of forks and the entries they are about, whatever arrives first.

mod venue;

use tallyline_keys::DeviceKey;
use tallyline_proto::{
    log::{Ledger, Log, Refusal, Taken, sign_head},
    model::{Adopt, Body, Decision, GrantId, Incarnation, LogName, Statement},
    wire::{encode_manifest, event_id},
};

use venue::{Venue, chunks, entry, give, manifest, take};

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

/// The chosen branch of a cloned phone was longer than one chunk. Its first chunk did not reach what
/// the owner chose and was dropped, the next did not follow, and was answered by a wish for the first
/// one again: the two devices sent each other the same for ever. R-CHAIN-8.
#[test]
fn a_chosen_branch_of_several_chunks_takes_its_place() {
    let mut venue = Venue::new();
    let scorer = venue.scorer(2);
    let branch = |venue: &Venue, phone, height: u64| {
        let entries = (1..=height).map(|seq| {
            let by = if seq <= 4 { 1 } else { phone };
            entry(by, Body::Statement(vec![1; 80]))
        });
        venue.log(&scorer, 9, entries)
    };
    let left = branch(&venue, 1, 700);
    let right = branch(&venue, 2, 650);
    let of_left = venue.ledger();
    let of_right = venue.ledger();
    venue.say(&Statement::Adopt(Adopt {
        log: *right.name(),
        from: 1,
        to: right.height(),
        hash: right.chain().0,
        decision: Decision::Count,
    }));
    let mut both = [(of_left, &left), (of_right, &right)].map(|(mut ledger, first)| {
        give(&mut ledger, first, 1);
        let other = if core::ptr::eq(first, &left) {
            &right
        } else {
            &left
        };
        let forked = give(&mut ledger, other, 1);
        assert!(
            forked.iter().any(|it| matches!(it, Ok(Taken::Forked(_)))),
            "{forked:?}"
        );
        give(&mut ledger, &venue.control, 1);
        ledger
    });
    let [of_left, of_right] = &mut both;
    assert_eq!(of_right.settle_forks(), Vec::new(), "it is the one here");
    assert_eq!(
        of_left.settle_forks(),
        Vec::new(),
        "only its beginning is here"
    );
    assert_eq!(of_left.other_branches().count(), 1, "the other is wanted");

    let pieces = chunks(&right, 5);
    assert!(2 < pieces.len(), "longer than a chunk: {}", pieces.len());
    let behind = take(of_left, &right, &pieces[2]);
    assert_eq!(
        behind,
        Err(Refusal::OtherBranch(4)),
        "what is before it first"
    );
    let own = give(of_left, &branch(&venue, 1, 900), 701);
    assert_eq!(
        own,
        [Ok(Taken::ForkKnown)],
        "what was not chosen is not asked for"
    );
    let taken = give(of_left, &right, 5);
    let (last, before) = taken.split_last().expect("there are chunks");
    assert_eq!(last, &Ok(Taken::BranchWhole));
    assert!(
        before.iter().all(|it| *it == Ok(Taken::ForkKnown)),
        "{before:?}"
    );

    let settled = of_left.settle_forks();
    let counts: u64 = settled.iter().map(|(_, _, growth)| growth.count).sum();
    assert_eq!(counts, 646, "everything past the fork");
    let log = of_left.logs().get(right.name()).expect("it is here");
    assert_eq!(log.chain(), right.chain(), "the chosen branch");
    assert_eq!(
        chunks(log, 1).len(),
        chunks(&right, 1).len(),
        "each can be sent on"
    );
    assert_eq!(
        of_left.other_branches().count(),
        0,
        "nothing more is wanted"
    );
    assert_eq!(
        of_left.state_digest(),
        of_right.state_digest(),
        "both hold the same"
    );
    let displaced = &of_left.displaced()[right.name()];
    let displaced: usize = displaced.iter().map(|it| it.entries.len()).sum();
    assert_eq!(displaced, 696, "the other is kept beside it");
}
