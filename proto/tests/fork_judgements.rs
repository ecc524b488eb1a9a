//! What differs from node to node behind a fork decides nothing.

mod venue;

use tallyline_keys::DeviceKey;
use tallyline_proto::{
    log::{Ledger, Log, Said, Taken, sign_consent, sign_head},
    model::{
        Adopt, Body, Cut, Decision, GrantId, Incarnation, LogCut, LogName, Roles, RosterChange,
        ShooterEdit, ShooterNo, Statement, Transfer,
    },
    rules::{Authority as _, Standing},
    wire::{encode_signed, sign_statement},
};

use venue::{Scorer, Venue, card, chunks, entry, give, take};

/// What one of two phones with the same key wrote: four entries as the other, then its own.
fn branch(venue: &Venue, scorer: &Scorer, phone: i64, height: i64) -> Log {
    let of = |seq| if seq <= 4 { 1 } else { phone };
    let entries = (1..=height).map(|seq| entry(of(seq), Body::Statement(vec![1])));
    venue.log(scorer, 9, entries)
}

/// How the event passes to a scorer, who is ready for it.
fn passing(venue: &Venue, scorer: &Scorer, cuts: Vec<LogCut>) -> Transfer {
    let owner = venue.owner.public();
    Transfer {
        owner,
        to: scorer.key.public(),
        label: "phone".to_owned(),
        epoch: 1,
        cuts,
        consent: sign_consent(&scorer.key, venue.event, &owner, 1),
    }
}

/// A log that holds one statement.
fn log(venue: &Venue, name: LogName, by: &DeviceKey, signed: Vec<u8>) -> Log {
    let mut log = Log::new(venue.event, name, by.public());
    log.push(entry(1, Body::Statement(signed)));
    let end = (log.height(), log.chain());
    log.keep_head(end.0, sign_head(by, venue.event, &name, end));
    log
}

/// A phone held what the chosen branch begins with, past the fork, when it heard of the choice. What
/// followed was taken for the rest of a branch that nobody wants, and the phone never had it. Found
/// by the fuzz target `control`. R-CHAIN-8.
#[test]
fn whoever_holds_the_beginning_of_the_chosen_branch_takes_the_rest() {
    let mut venue = Venue::new();
    let scorer = venue.scorer(2);
    let chosen = branch(&venue, &scorer, 2, 12);
    venue.say(&Statement::Adopt(Adopt {
        log: *chosen.name(),
        from: 1,
        to: chosen.height(),
        hash: chosen.chain().0,
        decision: Decision::Count,
    }));
    let mut ledger = venue.ledger();
    give(&mut ledger, &branch(&venue, &scorer, 2, 6), 1);
    give(&mut ledger, &branch(&venue, &scorer, 1, 6), 1);
    assert_eq!(ledger.forks().len(), 1, "it forked");
    assert_eq!(ledger.other_branches().count(), 1, "the rest is wanted");
    let rest = chunks(&chosen, 7);
    let rest = take(&mut ledger, &chosen, rest.first().expect("there is more"));
    assert_eq!(rest, Ok(Taken::BranchWhole));
    let counts = ledger.settle_forks().into_iter();
    let counts: Vec<u64> = counts.map(|(_, _, growth)| growth.count).collect();
    assert_eq!(counts.iter().sum::<u64>(), 6, "the rest: {counts:?}");
    assert_eq!(ledger.logs()[chosen.name()].chain(), chosen.chain());
    assert_eq!(ledger.displaced().len(), 0, "nothing lost its place");
    assert_eq!(ledger.settle_forks(), Vec::new(), "once");
}

/// What an owner rejects past a fork is one branch of it: the node that held this branch took what
/// stands before the fork for rejected, the other did not. Found by the fuzz target `control`.
/// R-CONTROL-14.
#[test]
fn rejecting_past_a_fork_says_nothing_until_a_branch_is_chosen() {
    let mut venue = Venue::new();
    let scorer = venue.scorer(2);
    let left = branch(&venue, &scorer, 1, 6);
    let right = branch(&venue, &scorer, 2, 6);
    let decide = |decision| {
        Statement::Adopt(Adopt {
            log: *right.name(),
            from: 1,
            to: right.height(),
            hash: right.chain().0,
            decision,
        })
    };
    venue.say(&decide(Decision::Reject));
    let of_both = [[&left, &right], [&right, &left]].map(|order| {
        let mut ledger = venue.ledger();
        for log in order {
            give(&mut ledger, log, 1);
        }
        ledger
    });
    for ledger in of_both {
        let before = ledger.standing(right.name(), 4, None);
        assert_eq!(before, Standing::Live, "before the fork");
        let behind = ledger.standing(right.name(), 5, None);
        assert_eq!(behind, Standing::Disputed, "behind the fork");
    }
    venue.say(&decide(Decision::Count));
    let mut ledger = venue.ledger();
    give(&mut ledger, &left, 1);
    give(&mut ledger, &right, 1);
    ledger.settle_forks();
    let chosen = ledger.standing(right.name(), 5, None);
    assert_eq!(chosen, Standing::Live, "the last decision holds");
}

/// The owner's log forked, and the event passed on with a cut that names one of its branches: the
/// nodes that held the other took back everything that the owner ever said in it. Found by the fuzz
/// target `control`. R-CONTROL-3.
#[test]
fn a_cut_past_a_fork_holds_by_its_height() {
    let mut venue = Venue::new();
    let scorer = venue.scorer(2);
    let common = venue.control.clone();
    venue.say(&Statement::LastCall);
    let left = std::mem::replace(&mut venue.control, common.clone());
    venue.say(&Statement::Roster(RosterChange::Edit(ShooterEdit {
        shooter: ShooterNo(1),
        squad: None,
        division: None,
        power_factor: None,
        categories: None,
        entrant: None,
        label: None,
    })));
    let right = std::mem::replace(&mut venue.control, common);
    let again = LogName {
        incarnation: Incarnation(8),
        ..*left.name()
    };
    venue.control = Log::new(venue.event, again, venue.owner.public());
    let cut = Cut {
        incarnation: left.name().incarnation,
        height: left.height(),
        hash: left.chain().0,
        signature: left.heads()[&left.height()],
    };
    let grant = left.name().grant;
    let cuts = vec![LogCut { grant, cut }];
    venue.say(&Statement::Transfer(passing(&venue, &scorer, cuts)));
    let members = [[&left, &right], [&right, &left]].map(|order| {
        let mut ledger = Ledger::new(venue.event, venue.manifest.clone());
        for log in order {
            give(&mut ledger, log, 1);
        }
        give(&mut ledger, &venue.control, 1);
        assert_eq!(ledger.forks().len(), 1, "it forked");
        assert_eq!(ledger.authority().owner(), scorer.key.public());
        ledger.authority().members().clone()
    });
    let [of_left, of_right] = members;
    assert_eq!(of_left, of_right, "the same members");
    let roles = of_left[&scorer.key.public()].roles;
    assert!(roles.contains(Roles::SCORER), "what was said before holds");
}

/// A recovery was copied into a log that one node held and another could not take, since what named
/// it stood behind a fork: the event had two owners. Found by the fuzz target `control`.
/// R-CONTROL-13.
#[test]
fn a_recovery_holds_where_it_founds_a_log_and_nowhere_else() {
    let mut venue = Venue::new();
    let scorer = venue.scorer(2);
    let recover = Statement::Recover(passing(&venue, &scorer, Vec::new()));
    let signed = sign_statement(&card(), venue.event, &recover);
    let body = encode_signed(&signed);
    let within = LogName {
        incarnation: Incarnation(8),
        ..*venue.control.name()
    };
    let copy = log(&venue, within, &venue.owner, body.clone());
    let mut ledger = venue.ledger();
    give(&mut ledger, &copy, 1);
    assert_eq!(ledger.logs().len(), 2, "it is here");
    assert_eq!(ledger.authority().owner(), venue.owner.public(), "a copy");
    let name = LogName {
        grant: GrantId(signed.id(venue.event)),
        incarnation: Incarnation(1),
    };
    let founded = log(&venue, name, &scorer.key, body);
    give(&mut ledger, &founded, 1);
    assert_eq!(ledger.authority().owner(), scorer.key.public());
}

/// The owner's log forked, and the branch that was chosen did not have what named a grant: its log
/// was here, and nobody knew any more who had written it, so that the device could not read its own
/// store. Found by the fuzz target `frame`. R-STORE-4.
#[test]
fn a_log_that_a_displaced_branch_names_is_read_back() {
    let mut venue = Venue::new();
    let scorer = venue.scorer(2);
    let scores = branch(&venue, &scorer, 1, 6);
    let entries: Vec<Vec<u8>> = scores.records().map(|(_, it)| it.bytes.clone()).collect();
    let mut ledger = Ledger::new(venue.event, venue.manifest.clone());
    assert!(!ledger.knows(scores.name(), &entries), "nobody said so");
    for chunk in chunks(&venue.control, 1) {
        ledger.restore_displaced(*venue.control.name(), chunk);
    }
    assert!(ledger.knows(scores.name(), &entries), "the branch says so");
    let heads = scores.heads().iter().map(|(at, it)| (*at, *it.as_bytes()));
    let heads: Vec<_> = heads.collect();
    assert_eq!(ledger.restore(*scores.name(), entries, &heads), Ok(()));
    assert_eq!(ledger.authority().grants().len(), 0, "it is not in force");
}

/// The owner's log forked, one branch of it named a grant, and scores were written under it: nodes that
/// held the other branch could not take them. Their digests stayed different, so that Hellos went on for
/// ever, and what the owner decided about the scores held on some nodes only. R-LOG-4, R-SYNC-2,
/// R-CONTROL-14.
#[test]
fn what_one_branch_alone_names_counts_once_the_owner_chose_it() {
    let mut venue = Venue::new();
    venue.say(&Statement::LastCall);
    let before = venue.control.clone();
    let scorer = venue.scorer(2);
    let left = std::mem::replace(&mut venue.control, before);
    venue.say(&Statement::LastCall);
    let right = venue.control.clone();
    let again = LogName {
        incarnation: Incarnation(8),
        ..*left.name()
    };
    venue.control = Log::new(venue.event, again, venue.owner.public());
    let scores = branch(&venue, &scorer, 1, 6);
    let score = scores.name();
    let count = |log: &Log| {
        Statement::Adopt(Adopt {
            log: *log.name(),
            from: 1,
            to: log.height(),
            hash: log.chain().0,
            decision: Decision::Count,
        })
    };
    venue.say(&count(&scores));

    let [mut of_left, mut of_right] = [[&left, &right], [&right, &left]].map(|order| {
        let mut ledger = Ledger::new(venue.event, venue.manifest.clone());
        for log in order {
            give(&mut ledger, log, 1);
            give(&mut ledger, &scores, 1);
        }
        give(&mut ledger, &venue.control, 1);
        assert_eq!(ledger.forks().len(), 1, "it forked");
        assert!(!ledger.is_common(score), "the branches differ");
        ledger
    });
    assert!(of_left.logs().contains_key(score), "kept as evidence");
    assert!(!of_right.logs().contains_key(score), "nobody named it");
    assert_eq!(of_left.state_digest(), of_right.state_digest());
    let stands = of_left.standing(score, 1, None);
    assert_eq!(stands, Standing::Quarantined, "as on the others");
    assert_eq!(of_left.named_behind_a_fork(score), Some(*left.name()));

    venue.say(&count(&left));
    for ledger in [&mut of_left, &mut of_right] {
        give(ledger, &venue.control, 1);
        ledger.settle_forks();
        assert!(ledger.is_common(score), "the owner chose what names it");
    }
    assert_ne!(
        of_left.state_digest(),
        of_right.state_digest(),
        "one lacks it"
    );
    give(&mut of_right, &scores, 1);
    assert_eq!(of_left.state_digest(), of_right.state_digest());
    for ledger in [&of_left, &of_right] {
        assert_eq!(ledger.standing(score, 1, None), Standing::Live, "adopted");
    }
}

/// A branch gave way to the chosen one, and a statement that stood in both it and another log was not
/// found by its name any more. R-CONTROL-2.
#[test]
fn a_statement_that_stands_elsewhere_too_is_still_found() {
    let mut venue = Venue::new();
    let twice = venue.say(&Statement::LastCall);
    let common = venue.control.clone();
    venue.scorer(2);
    let left = std::mem::replace(&mut venue.control, common);
    venue.scorer(3);
    let right = venue.control.clone();
    let again = LogName {
        incarnation: Incarnation(8),
        ..*left.name()
    };
    venue.control = Log::new(venue.event, again, venue.owner.public());
    let scorer = venue.scorer(2);
    venue.say(&Statement::Adopt(Adopt {
        log: *right.name(),
        from: 1,
        to: right.height(),
        hash: right.chain().0,
        decision: Decision::Count,
    }));
    let mut ledger = Ledger::new(venue.event, venue.manifest.clone());
    for log in [&left, &right, &venue.control] {
        give(&mut ledger, log, 1);
    }
    let of_again = |said: &&Said| said.seq == 1 && said.log == again;
    let admit = ledger.said().find(of_again).expect("it is here").id;
    assert!(!ledger.settle_forks().is_empty(), "the right one is chosen");
    assert_eq!(ledger.logs()[right.name()].chain(), right.chain());
    let (said, _) = ledger.statement(admit).expect("it stands elsewhere");
    assert_eq!(said.log, again, "where it still stands");
    assert!(ledger.statement(twice).is_some(), "before the fork");
    let key = scorer.key.public();
    assert!(ledger.authority().members().contains_key(&key));
}

/// The owner chose a branch, entry after entry, and it forked again between two choices. Who held the
/// third branch had one choice right and nothing at the next, took this for the chosen branch cut
/// short, and never asked for the rest. Found by the fuzz target `control`. R-CHAIN-8.
#[test]
fn a_chosen_branch_that_forked_again_is_asked_for() {
    let mut venue = Venue::new();
    let scorer = venue.scorer(2);
    let of = |phones: &[i64]| {
        let entries = phones.iter();
        venue.log(
            &scorer,
            9,
            entries.map(|by| entry(*by, Body::Statement(vec![1]))),
        )
    };
    let chosen = of(&[1, 1, 1, 1]);
    let (third, other) = (of(&[1, 1, 3]), of(&[2, 2]));
    for to in [2, 4] {
        venue.say(&Statement::Adopt(Adopt {
            log: *chosen.name(),
            from: to - 1,
            to,
            hash: chosen.chain_at(to).expect("it is there").0,
            decision: Decision::Count,
        }));
    }
    let [of_third, of_chosen] = [&third, &chosen].map(|log| {
        let mut ledger = venue.ledger();
        give(&mut ledger, log, 1);
        give(&mut ledger, &other, 1);
        ledger.settle_forks();
        ledger
    });
    let mut ledger = of_third;
    assert_ne!(ledger.state_digest(), of_chosen.state_digest());
    let stands = [1, 3].map(|seq| ledger.standing(chosen.name(), seq, None));
    assert_eq!(
        stands,
        [Standing::Live, Standing::Disputed],
        "as far as it goes"
    );
    let wanted: Vec<_> = ledger.other_branches().collect();
    assert_eq!(
        wanted,
        [(*chosen.name(), 2)],
        "from the choice that it has on"
    );
    let rest = take(&mut ledger, &chosen, &chunks(&chosen, 3)[0]);
    assert_eq!(rest, Ok(Taken::BranchWhole));
    assert!(!ledger.settle_forks().is_empty(), "it takes its place");
    assert_eq!(ledger.state_digest(), of_chosen.state_digest());
    assert_eq!(ledger.other_branches().count(), 0, "all is here");
    assert_eq!(ledger.standing(chosen.name(), 3, None), Standing::Live);
}
