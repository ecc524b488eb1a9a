//! Proofs of forks and the entries they are about, whatever arrives first.

use tallyline_keys::DeviceKey;
use tallyline_proto::{
    log::{Chunk, Ledger, Log, Refusal, Taken, sign_head},
    model::{
        Admit, Adopt, Assign, Body, CellSet, Decision, Discipline, Entry, EventId, GrantId,
        Incarnation, LogName, Manifest, Open, Roles, Ruleset, Statement, Structure,
    },
    wire::{
        encode_entry, encode_manifest, encode_signed, event_id, grant_id, sign_statement,
        statement_id,
    },
};

fn manifest(owner: &DeviceKey) -> Manifest {
    Manifest {
        rules_version: 1,
        name: "Forks".to_owned(),
        nonce: [1; 16],
        owner: owner.public(),
        recovery: Vec::new(),
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
        let body = Body::Statement(encode_signed(&signed));
        self.control.push(entry(1, body));
        let end = (self.control.height(), self.control.chain());
        let signature = sign_head(&self.owner, self.event, self.control.name(), end);
        self.control.keep_head(end.0, signature);
        let id = statement_id(self.event, &self.owner.public(), &signed.body);
        grant_id(id, 0)
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
    assert_eq!(behind, Err(Refusal::OtherBranch(4)), "what is before it first");
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
