//! Proofs of forks and the entries they are about, whatever arrives first.
#![expect(
    clippy::expect_used,
    reason = "a test fails by panicking, in its helpers too"
)]

use tallyline_keys::DeviceKey;
use tallyline_proto::{
    log::{Ledger, Log, Taken, sign_head},
    model::{Body, Discipline, Entry, GrantId, Incarnation, LogName, Manifest, Ruleset, Structure},
    wire::{encode_entry, encode_manifest, event_id},
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
