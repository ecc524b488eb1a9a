//! Proofs of forks and the entries they are about, whatever arrives first.

use tallyline_keys::DeviceKey;
use tallyline_proto::{
    log::{Chunk, Ledger, Log, Refusal, Taken, sign_consent, sign_head},
    model::{
        Admit, Adopt, Assign, Body, CellSet, Cut, Decision, Discipline, Entry, EventId, GrantId,
        Incarnation, LogCut, LogName, Manifest, Open, Roles, RosterChange, Ruleset, ShooterEdit,
        ShooterNo, Statement, Structure, Transfer,
    },
    rules::{Authority as _, Standing},
    wire::{
        encode_entry, encode_manifest, encode_signed, event_id, grant_id, sign_statement,
        statement_id,
    },
};

fn card() -> DeviceKey {
    DeviceKey::from_seed([3; 32])
}

fn manifest(owner: &DeviceKey) -> Manifest {
    Manifest {
        rules_version: 1,
        name: "Forks".to_owned(),
        nonce: [1; 16],
        owner: owner.public(),
        recovery: vec![card().public()],
        cloud: Vec::new(),
        discovery_key: [2; 16],
        structure: Structure {
            epoch_ms: 0,
            zone_min: 0,
            level: String::new(),
            ruleset: Ruleset {
                discipline: Discipline::Ipsc,
                hf_decimals: None,
            },
            divisions: Vec::new(),
            drills: Vec::new(),
            shooters: Vec::new(),
            rules: Vec::new(),
        },
    }
}

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
        let entry = Entry {
            at_delta_ms,
            revision: 1,
            succession: Vec::new(),
            body: Body::Statement(vec![1]),
        };
        let bytes = encode_entry(&entry, None);
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

/// A venue whose owner admitted one scorer and gave it a grant.
struct Venue {
    owner: DeviceKey,
    scorer: DeviceKey,
    manifest: Manifest,
    event: EventId,
    control: Log,
    grant: GrantId,
}

impl Venue {
    fn new() -> Self {
        let owner = DeviceKey::from_seed([1; 32]);
        let manifest = manifest(&owner);
        let event = event_id(&encode_manifest(&manifest));
        let name = LogName {
            grant: GrantId::control(event),
            incarnation: Incarnation(7),
        };
        let mut venue = Self {
            control: Log::new(event, name, owner.public()),
            scorer: DeviceKey::from_seed([2; 32]),
            owner,
            manifest,
            event,
            grant: name.grant,
        };
        venue.say(&Statement::Admit(Admit {
            key: venue.scorer.public(),
            roles: Roles::SCORER,
            label: "cloned phone".to_owned(),
        }));
        let opens = vec![Open {
            key: venue.scorer.public(),
            cells: CellSet {
                drills: None,
                squads: None,
            },
            until_ms: None,
        }];
        let assigned = venue.say(&Statement::Assign(Assign {
            closes: Vec::new(),
            opens,
            under: None,
        }));
        venue.grant = assigned;
        venue
    }

    /// The owner says something; returns the id of the first grant that it opens, if it opens any.
    fn say(&mut self, statement: &Statement) -> GrantId {
        let signed = sign_statement(&self.owner, self.event, statement);
        self.write(Body::Statement(encode_signed(&signed)));
        let id = statement_id(self.event, &self.owner.public(), &signed.body);
        grant_id(id, 0)
    }

    /// The owner writes something into its log.
    fn write(&mut self, body: Body) {
        self.control.push(entry(1, body));
        let end = (self.control.height(), self.control.chain());
        let signature = sign_head(&self.owner, self.event, self.control.name(), end);
        self.control.keep_head(end.0, signature);
    }

    /// The owner's device started anew.
    fn begin_another_log(&mut self) {
        let name = LogName {
            incarnation: Incarnation(8),
            ..*self.control.name()
        };
        self.control = Log::new(self.event, name, self.owner.public());
    }

    /// How the event passes to the scorer, who is ready for it.
    fn passing(&self, cuts: Vec<LogCut>) -> Transfer {
        let owner = self.owner.public();
        Transfer {
            owner,
            to: self.scorer.public(),
            label: "cloned phone".to_owned(),
            epoch: 1,
            cuts,
            consent: sign_consent(&self.scorer, self.event, &owner, 1),
        }
    }

    fn ledger(&self) -> Ledger {
        let mut ledger = Ledger::new(self.event, self.manifest.clone());
        give(&mut ledger, &self.control, 1);
        ledger
    }

    /// What one of two phones with the same key wrote: `common` entries as the other, then its own.
    fn branch(&self, phone: i64, common: u64, height: u64) -> Log {
        let name = LogName {
            grant: self.grant,
            incarnation: Incarnation(9),
        };
        let mut log = Log::new(self.event, name, self.scorer.public());
        for seq in 1..=height {
            let of = if seq <= common { 1 } else { phone };
            log.push(entry(of, Body::Statement(vec![1])));
            if seq == common || seq % 200 == 0 || seq == height {
                let end = (log.height(), log.chain());
                let signature = sign_head(&self.scorer, self.event, &name, end);
                log.keep_head(end.0, signature);
            }
        }
        log
    }
}

fn entry(at_delta_ms: i64, body: Body) -> Vec<u8> {
    let entry = Entry {
        at_delta_ms,
        revision: 1,
        succession: Vec::new(),
        body,
    };
    encode_entry(&entry, None)
}

fn chunks(log: &Log, from: u64) -> Vec<Chunk> {
    let next = |last: &Chunk| log.chunk(last.end() + 1);
    core::iter::successors(log.chunk(from), next).collect()
}

fn entries(log: &Log, from: u64) -> Vec<Vec<u8>> {
    let entries = log.records().filter(|(seq, _)| from <= *seq);
    entries.map(|(_, it)| it.bytes.clone()).collect()
}

fn take(ledger: &mut Ledger, log: &Log, chunk: &Chunk) -> Result<Taken, Refusal> {
    ledger.take(*log.name(), chunk.from, &chunk.entries, &chunk.signature)
}

fn give(ledger: &mut Ledger, log: &Log, from: u64) -> Vec<Result<Taken, Refusal>> {
    let chunks = chunks(log, from);
    chunks.iter().map(|it| take(ledger, log, it)).collect()
}

/// The chosen branch of a cloned phone was longer than one chunk. Its first chunk did not reach what
/// the owner chose and was dropped, the next did not follow, and was answered by a wish for the first
/// one again: the two devices sent each other the same for ever. R-CHAIN-8.
#[test]
fn a_chosen_branch_of_several_chunks_takes_its_place() {
    let mut venue = Venue::new();
    let left = venue.branch(1, 4, 700);
    let right = venue.branch(2, 4, 650);
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
    let own = give(of_left, &venue.branch(1, 4, 900), 701);
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

/// A phone held what the chosen branch begins with, past the fork, when it heard of the choice. What
/// followed was taken for the rest of a branch that nobody wants, and the phone never had it. Found
/// by the fuzz target `control`. R-CHAIN-8.
#[test]
fn whoever_holds_the_beginning_of_the_chosen_branch_takes_the_rest() {
    let mut venue = Venue::new();
    let chosen = venue.branch(2, 4, 12);
    venue.say(&Statement::Adopt(Adopt {
        log: *chosen.name(),
        from: 1,
        to: chosen.height(),
        hash: chosen.chain().0,
        decision: Decision::Count,
    }));
    let mut ledger = venue.ledger();
    give(&mut ledger, &venue.branch(2, 4, 6), 1);
    give(&mut ledger, &venue.branch(1, 4, 6), 1);
    assert_eq!(ledger.forks().len(), 1, "it forked");
    assert_eq!(ledger.other_branches().count(), 1, "the rest is wanted");
    let rest = ledger.take(
        *chosen.name(),
        7,
        &entries(&chosen, 7),
        &chosen.heads()[&chosen.height()],
    );
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
fn a_rejection_past_a_fork_says_nothing_until_a_branch_is_chosen() {
    let mut venue = Venue::new();
    let left = venue.branch(1, 4, 6);
    let right = venue.branch(2, 4, 6);
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
    let common = venue.control.clone();
    venue.say(&Statement::LastCall);
    let left = std::mem::replace(&mut venue.control, common.clone());
    venue.say(&Statement::Roster(RosterChange::Edit(ShooterEdit {
        shooter: ShooterNo(1),
        squad: None,
        division: None,
        power_factor: None,
    })));
    let right = std::mem::replace(&mut venue.control, common);
    venue.begin_another_log();
    let cut = Cut {
        incarnation: left.name().incarnation,
        height: left.height(),
        hash: left.chain().0,
        signature: left.heads()[&left.height()],
    };
    let grant = left.name().grant;
    venue.say(&Statement::Transfer(
        venue.passing(vec![LogCut { grant, cut }]),
    ));
    let members = [[&left, &right], [&right, &left]].map(|order| {
        let mut ledger = Ledger::new(venue.event, venue.manifest.clone());
        for log in order {
            give(&mut ledger, log, 1);
        }
        give(&mut ledger, &venue.control, 1);
        assert_eq!(ledger.forks().len(), 1, "it forked");
        assert_eq!(ledger.authority().owner(), venue.scorer.public());
        ledger.authority().members().clone()
    });
    let [of_left, of_right] = members;
    assert_eq!(of_left, of_right, "the same members");
    let roles = of_left[&venue.scorer.public()].roles;
    assert!(roles.contains(Roles::SCORER), "what was said before holds");
}

/// A recovery was copied into a log that one node held and another could not take, since what named
/// it stood behind a fork: the event had two owners. Found by the fuzz target `control`.
/// R-CONTROL-13.
#[test]
fn a_recovery_holds_where_it_founds_a_log_and_nowhere_else() {
    let mut venue = Venue::new();
    let recover = Statement::Recover(venue.passing(Vec::new()));
    let signed = sign_statement(&card(), venue.event, &recover);
    let body = encode_signed(&signed);
    venue.write(Body::Statement(body.clone()));
    let mut ledger = venue.ledger();
    assert_eq!(ledger.authority().owner(), venue.owner.public(), "a copy");
    let name = LogName {
        grant: GrantId(signed.id(venue.event)),
        incarnation: Incarnation(1),
    };
    let mut founded = Log::new(venue.event, name, venue.scorer.public());
    founded.push(entry(1, Body::Statement(body)));
    let end = (founded.height(), founded.chain());
    founded.keep_head(end.0, sign_head(&venue.scorer, venue.event, &name, end));
    give(&mut ledger, &founded, 1);
    assert_eq!(ledger.authority().owner(), venue.scorer.public());
}
