//! A venue whose logs are written by hand.

use tallyline_keys::DeviceKey;
use tallyline_proto::{
    log::{Chunk, Ledger, Log, Refusal, Taken, sign_head},
    model::{
        Admit, Assign, Body, CellSet, Discipline, Entry, EventId, GrantId, Hash, Incarnation,
        LogName, Manifest, Open, Roles, Ruleset, Statement, Structure,
    },
    wire::{encode_entry, encode_manifest, encode_signed, event_id, grant_id, sign_statement},
};

/// Returns the recovery card of every venue.
pub(super) fn card() -> DeviceKey {
    DeviceKey::from_seed([99; 32])
}

pub(super) fn manifest(owner: &DeviceKey) -> Manifest {
    Manifest {
        rules_version: 1,
        name: "Ledgers".to_owned(),
        nonce: [1; 16],
        owner: owner.public(),
        recovery: vec![card().public()],
        cloud: Vec::new(),
        discovery_key: [2; 16],
        structure: Structure {
            epoch_ms: 0,
            zone_min: 0,
            level: String::new(),
            ruleset: Ruleset::of(Discipline::Ipsc),
            divisions: Vec::new(),
            drills: Vec::new(),
            shooters: Vec::new(),
            rules: Vec::new(),
            kinds: Vec::new(),
            places: Vec::new(),
        },
    }
}

/// A venue and what its owner said.
pub(super) struct Venue {
    pub(super) owner: DeviceKey,
    pub(super) manifest: Manifest,
    pub(super) event: EventId,
    pub(super) control: Log,
}

/// A device that was admitted and may write everywhere.
pub(super) struct Scorer {
    pub(super) key: DeviceKey,
    grant: GrantId,
}

impl Venue {
    pub(super) fn new() -> Self {
        let owner = DeviceKey::from_seed([1; 32]);
        let manifest = manifest(&owner);
        let event = event_id(&encode_manifest(&manifest));
        let name = LogName {
            grant: GrantId::control(event),
            incarnation: Incarnation(7),
        };
        Self {
            control: Log::new(event, name, owner.public()),
            owner,
            manifest,
            event,
        }
    }

    /// Admits a device and gives it a grant for all cells.
    pub(super) fn scorer(&mut self, seed: u8) -> Scorer {
        let key = DeviceKey::from_seed([seed; 32]);
        self.say(&Statement::Admit(Admit {
            key: key.public(),
            roles: Roles::SCORER,
            label: format!("phone {seed}"),
        }));
        let opens = vec![Open {
            key: key.public(),
            cells: CellSet {
                drills: None,
                squads: None,
            },
            until_ms: None,
        }];
        let assigned = self.say(&Statement::Assign(Assign {
            closes: Vec::new(),
            opens,
            under: None,
        }));
        Scorer {
            key,
            grant: grant_id(assigned, 0),
        }
    }

    /// The owner says something; returns the statement's id.
    pub(super) fn say(&mut self, statement: &Statement) -> Hash {
        let signed = sign_statement(&self.owner, self.event, statement);
        self.control
            .push(entry(1, Body::Statement(encode_signed(&signed))));
        sign(&mut self.control, &self.owner, self.event);
        signed.id(self.event)
    }

    /// Returns what a node holds that heard the owner alone.
    pub(super) fn ledger(&self) -> Ledger {
        let mut ledger = Ledger::new(self.event, self.manifest.clone());
        give(&mut ledger, &self.control, 1);
        ledger
    }

    /// Returns the log that a scorer writes under one incarnation.
    pub(super) fn log(
        &self,
        scorer: &Scorer,
        incarnation: u64,
        entries: impl IntoIterator<Item = Vec<u8>>,
    ) -> Log {
        let name = LogName {
            grant: scorer.grant,
            incarnation: Incarnation(incarnation),
        };
        let mut log = Log::new(self.event, name, scorer.key.public());
        let mut unsigned = 0;
        for bytes in entries {
            unsigned += bytes.len();
            log.push(bytes);
            if 20_000 < unsigned {
                unsigned = 0;
                sign(&mut log, &scorer.key, self.event);
            }
        }
        sign(&mut log, &scorer.key, self.event);
        log
    }
}

fn sign(log: &mut Log, key: &DeviceKey, event: EventId) {
    let end = (log.height(), log.chain());
    let signature = sign_head(key, event, log.name(), end);
    log.keep_head(end.0, signature);
}

pub(super) fn entry(at_delta_ms: i64, body: Body) -> Vec<u8> {
    let entry = Entry {
        at_delta_ms,
        revision: 1,
        succession: Vec::new(),
        body,
    };
    encode_entry(&entry, None)
}

pub(super) fn chunks(log: &Log, from: u64) -> Vec<Chunk> {
    let next = |last: &Chunk| log.chunk(last.end() + 1);
    core::iter::successors(log.chunk(from), next).collect()
}

pub(super) fn take(ledger: &mut Ledger, log: &Log, chunk: &Chunk) -> Result<Taken, Refusal> {
    ledger.take(*log.name(), chunk.from, &chunk.entries, &chunk.signature)
}

pub(super) fn give(ledger: &mut Ledger, log: &Log, from: u64) -> Vec<Result<Taken, Refusal>> {
    let chunks = chunks(log, from);
    chunks.iter().map(|it| take(ledger, log, it)).collect()
}
