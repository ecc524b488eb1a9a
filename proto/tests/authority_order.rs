//! Any set of statements, by anybody, in any order and any batching, is judged alike everywhere.
//!
//! A venue of a few keys says at random whatever can be said: admissions, grants, revocations,
//! transfers, recoveries, adoptions, all with cuts that are right or wrong. Its logs then reach
//! several ledgers in chunks that chance cuts and orders.
//!
//! Source: PROTOCOL R-CONTROL-3.
#![cfg(test)]

use std::collections::{BTreeMap, BTreeSet};

use tallyline_keys::{DeviceKey, PublicKey};
use tallyline_proto::log::{Chain, Ledger, Refusal, sign_consent, sign_head};
use tallyline_proto::model::{
    Admit, Adopt, Amend, Amendment, Approvals, Assign, Body, CellSet, Close, CloseReason, Consent,
    Cut, Decision, Discipline, Division, Drill, DrillNo, Entrant, Entry, EventClose, EventId,
    GrantId, Hash, Hits, Incarnation, Lock, LogCut, LogEnd, LogName, Manifest, Marks, Method,
    NoShoots, Open, PowerFactor, Predecessor, Revoke, RevokeReason, Roles, RosterChange, Rule,
    RuleKind, RuleNo, Ruleset, Score, Shooter, ShooterEdit, ShooterNo, SquadNo, Statement, Steel,
    Structure, Target, Terms, Transfer,
};
use tallyline_proto::rules::{Authority as _, Scorebook};
use tallyline_proto::wire::{
    encode_entry, encode_manifest, encode_signed, encode_structure, event_id, grant_id,
    log_short_id, sign_statement, statement_id, structure_hash,
};

/// Venues that are drawn.
const VENUES: u64 = 100;
/// Things said and written in one venue.
const STEPS: u64 = 70;
/// Ledgers that hear of one venue, each in its own order.
const READERS: u64 = 6;
/// Devices; the first is the owner of the manifest.
const DEVICES: u8 = 6;
/// The seed byte of the recovery card.
const CARD: u8 = 99;

/// Chance, the same for a seed.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }

    fn one_in(&mut self, count: u64) -> bool {
        self.below(count) == 0
    }

    fn place(&mut self, length: usize) -> usize {
        usize::try_from(self.below(u64::try_from(length).unwrap())).unwrap()
    }

    fn pick<T: Copy>(&mut self, all: &[T]) -> Option<T> {
        (!all.is_empty()).then(|| all[self.place(all.len())])
    }
}

/// One log as its writer has it.
struct Written {
    writer: DeviceKey,
    entries: Vec<Vec<u8>>,
    chains: Vec<Chain>,
}

/// Everything that was ever said and written at a venue.
struct Venue {
    event: EventId,
    manifest: Manifest,
    logs: BTreeMap<LogName, Written>,
    /// Under what logs may be written, and by whom: control logs, Admits, grants.
    places: Vec<(GrantId, u8)>,
    grants: Vec<GrantId>,
    /// Who speaks for the event, or once did.
    speakers: BTreeSet<u8>,
    random: Random,
}

fn key(device: u8) -> DeviceKey {
    DeviceKey::from_seed([device; 32])
}

fn structure() -> Structure {
    let shooter = |no| Shooter {
        no: ShooterNo(no),
        label: format!("Shooter {no}"),
        division: 0,
        power_factor: PowerFactor::Minor,
        squad: SquadNo(1 + no % 3),
        categories: Vec::new(),
        entrant: Entrant::default(),
    };
    Structure {
        epoch_ms: 1_532_476_800_000,
        zone_min: 0,
        level: "L1".to_owned(),
        ruleset: Ruleset::of(Discipline::Ipsc),
        divisions: vec![Division {
            name: "Open".to_owned(),
            minor_floor: Some(125),
            major_floor: Some(160),
        }],
        drills: vec![drill(1), drill(2)],
        shooters: (1..=6).map(shooter).collect(),
        rules: Vec::new(),
        kinds: Vec::new(),
        places: Vec::new(),
    }
}

fn drill(no: u32) -> Drill {
    Drill {
        no: DrillNo(no),
        name: format!("Drill {no}"),
        method: Method::Comstock,
        strings: 1,
        required_hits: vec![2],
        steel: 0,
        no_shoots: NoShoots::NotSaid,
        terms: Terms::default(),
    }
}

impl Venue {
    fn draw(seed: u64) -> Self {
        let manifest = Manifest {
            rules_version: 1,
            name: "Order".to_owned(),
            nonce: [7; 16],
            owner: key(0).public(),
            recovery: vec![key(CARD).public()],
            cloud: Vec::new(),
            discovery_key: [8; 16],
            structure: structure(),
        };
        let event = event_id(&encode_manifest(&manifest));
        let mut venue = Self {
            event,
            manifest,
            logs: BTreeMap::new(),
            places: vec![(GrantId::control(event), 0)],
            grants: Vec::new(),
            speakers: BTreeSet::from([0]),
            random: Random(seed),
        };
        for device in 0..4 {
            let roles = [Roles::DEPUTY, Roles::DESK, Roles::SPARE, Roles::RELAY];
            let roles = Roles::SCORER.with(roles[usize::from(device)]);
            venue.say(0, &admit(device, roles));
        }
        for _ in 0..STEPS {
            venue.step();
        }
        venue
    }

    fn device(&mut self) -> u8 {
        u8::try_from(self.random.below(u64::from(DEVICES))).unwrap()
    }

    /// Somebody says or writes something.
    fn step(&mut self) {
        if self.random.one_in(2) {
            return self.score();
        }
        // Mostly those speak who may.
        let all: Vec<u8> = self.speakers.iter().copied().collect();
        let by = match self.random.below(8) {
            0 => self.device(),
            1..4 => 0,
            _ => self.random.pick(&all).unwrap(),
        };
        if let Some(statement) = self.statement(by) {
            self.say(by, &statement);
        }
    }

    fn statement(&mut self, by: u8) -> Option<Statement> {
        let device = self.device();
        Some(match self.random.below(14) {
            0 | 1 => {
                let roles = u32::try_from(self.random.below(512)).unwrap();
                admit(device, Roles(roles).without(Roles::OWNER))
            }
            2..6 => Statement::Assign(self.assign()),
            6 if self.random.one_in(2) => Statement::Revoke(Revoke {
                key: key(device).public(),
                reason: [RevokeReason::Retired, RevokeReason::Stolen][self.random.place(2)],
                cuts: self.cuts(|_, written| written == device),
            }),
            7 => {
                let epoch = 1 + u32::try_from(self.random.below(2)).unwrap();
                Statement::Consent(Consent {
                    owner: key(0).public(),
                    epoch,
                    signature: sign_consent(&key(by), self.event, &key(0).public(), epoch),
                })
            }
            8 if self.random.one_in(3) => Statement::Transfer(self.passing(by, device)),
            9 if self.random.one_in(8) => {
                // Nobody recovers from itself: such a log has no writer, and nobody takes it.
                let owner = (device + 1 + self.device()) % (DEVICES + 1);
                if owner != device {
                    let passing = self.passing(owner, device);
                    self.recover(device, passing);
                }
                return None;
            }
            8..11 => Statement::Adopt(self.adopt()?),
            11 => Statement::Roster(RosterChange::Edit(ShooterEdit {
                shooter: ShooterNo(1),
                squad: Some(SquadNo(u32::from(device))),
                division: None,
                power_factor: None,
                categories: None,
                entrant: None,
                label: None,
            })),
            12 => self.rare(),
            _ => Statement::Amend(Amend {
                change: Amendment::Rule(Rule {
                    no: RuleNo(u32::from(device)),
                    text: format!("Rule by {by}"),
                    kind: RuleKind::Procedural,
                    code: String::new(),
                    value: None,
                }),
                note: String::new(),
            }),
        })
    }

    fn rare(&mut self) -> Statement {
        match self.random.below(4) {
            0 => Statement::LastCall,
            1 => Statement::EventClose(EventClose {
                ends: self
                    .logs
                    .iter()
                    .map(|(name, written)| LogEnd {
                        log: log_short_id(name),
                        height: written.height(),
                        hash: written.chain(written.height()).0,
                    })
                    .collect(),
                lost: Vec::new(),
            }),
            2 => Statement::Amend(Amend {
                change: Amendment::Drill(drill(3)),
                note: String::new(),
            }),
            _ => Statement::Lock(Lock {
                structure: structure_hash(&encode_structure(&self.manifest.structure)),
            }),
        }
    }

    fn assign(&mut self) -> Assign {
        let mut closes = Vec::new();
        if let Some(grant) = self.random.pick(&self.grants.clone())
            && self.random.one_in(2)
        {
            let cuts = self.cuts(|name, _| name.grant == grant).into_iter();
            let reasons = [
                CloseReason::Handover,
                CloseReason::Dead,
                CloseReason::Stolen,
            ];
            closes.push(Close {
                grant,
                cuts: cuts.map(|it| it.cut).collect(),
                reason: reasons[self.random.place(3)],
            });
        }
        let squad = SquadNo(1 + u32::try_from(self.random.below(3)).unwrap());
        let opens = vec![Open {
            key: key(self.device()).public(),
            cells: CellSet {
                drills: None,
                squads: Some(vec![squad]),
            },
            until_ms: None,
        }];
        let desks = self.grants.clone();
        let desk = self.random.pick(&desks).filter(|_| closes.is_empty());
        let under = desk.filter(|_| self.random.one_in(3));
        Assign {
            closes,
            opens,
            under,
        }
    }

    fn passing(&mut self, owner: u8, to: u8) -> Transfer {
        let epoch = 1 + u32::try_from(self.random.below(2)).unwrap();
        let owner_key = key(owner).public();
        Transfer {
            owner: owner_key,
            to: key(to).public(),
            label: format!("device-{to}"),
            epoch,
            cuts: self.cuts(|_, written| written == owner),
            consent: sign_consent(&key(to), self.event, &owner_key, epoch),
        }
    }

    /// Cuts of some logs, at heights that chance draws; now and then the hash is another one.
    fn cuts(&mut self, of: impl Fn(&LogName, u8) -> bool) -> Vec<LogCut> {
        let mut cuts = Vec::new();
        let writers: BTreeMap<GrantId, u8> = self.places.iter().copied().collect();
        for (name, written) in &self.logs {
            if !of(name, writers[&name.grant]) || self.random.one_in(4) {
                continue;
            }
            let height = 1 + self.random.below(written.height());
            let wrong = self.random.one_in(8);
            let head = (height, written.chain(height));
            cuts.push(LogCut {
                grant: name.grant,
                cut: Cut {
                    incarnation: name.incarnation,
                    height,
                    hash: if wrong { Hash([1; 32]) } else { head.1.0 },
                    signature: sign_head(&written.writer, self.event, name, head),
                },
            });
        }
        cuts
    }

    fn adopt(&mut self) -> Option<Adopt> {
        let names: Vec<LogName> = self.logs.keys().copied().collect();
        let log = self.random.pick(&names)?;
        let written = &self.logs[&log];
        let to = 1 + self.random.below(written.height());
        Some(Adopt {
            log,
            from: 1 + self.random.below(to),
            to,
            hash: written.chain(to).0,
            decision: [Decision::Count, Decision::Reject][self.random.place(2)],
        })
    }

    /// Somebody writes a score in a log of theirs.
    fn score(&mut self) {
        let Some((grant, device)) = self.random.pick(&self.places.clone()) else {
            return;
        };
        let shooter = 1 + u32::try_from(self.random.below(6)).unwrap();
        let centis = 900 + u32::try_from(self.random.below(3)).unwrap();
        let hits = Hits::pack(Target {
            a: 2,
            ..Target::default()
        });
        let body = Body::Score(Score {
            drill: DrillNo(1),
            shooter: ShooterNo(shooter),
            attempt: 0,
            time_centis: vec![centis],
            hits: vec![hits.unwrap()],
            steel: Steel::default(),
            penalties: Vec::new(),
            approvals: Approvals::default(),
            late_shots: 0,
            extra_shots: 0,
            extra_hits: 0,
            instead_of: None,
            marks: Marks::default(),
        });
        self.append(grant, device, body);
    }

    /// A device says something in one of its logs that are no grants, if it has any.
    fn say(&mut self, by: u8, statement: &Statement) {
        let own: Vec<GrantId> = self
            .places
            .iter()
            .filter(|(grant, device)| *device == by && !self.grants.contains(grant))
            .map(|(grant, _)| *grant)
            .collect();
        // Mostly where it was first allowed to: the owner in the control log.
        let place = if self.random.one_in(4) {
            self.random.pick(&own)
        } else {
            own.first().copied()
        };
        let Some(grant) = place else {
            return;
        };
        let signed = sign_statement(&key(by), self.event, statement);
        let id = statement_id(self.event, &key(by).public(), &signed.body);
        self.append(grant, by, Body::Statement(encode_signed(&signed)));
        if self.speakers.contains(&by) {
            self.names(id, statement);
        }
    }

    /// A recovery card founds the control log of a new owner.
    fn recover(&mut self, to: u8, passing: Transfer) {
        let statement = Statement::Recover(passing);
        let signed = sign_statement(&key(CARD), self.event, &statement);
        let id = statement_id(self.event, &key(CARD).public(), &signed.body);
        let body = Body::Statement(encode_signed(&signed));
        self.names(id, &statement);
        let name = LogName {
            grant: GrantId(id),
            incarnation: Incarnation(1),
        };
        self.append_to(name, to, body);
    }

    /// Takes note of what may be written under a statement.
    fn names(&mut self, id: Hash, statement: &Statement) {
        let device = |key_of: &PublicKey| (0..DEVICES).find(|it| key(*it).public() == *key_of);
        match statement {
            Statement::Admit(it) => {
                let to = device(&it.key).unwrap();
                self.places.push((GrantId(id), to));
                if it.roles.contains(Roles::DEPUTY) || it.roles.contains(Roles::DESK) {
                    self.speakers.insert(to);
                }
            }
            Statement::Assign(assign) => {
                for (place, open) in (0..).zip(&assign.opens) {
                    let grant = grant_id(id, place);
                    self.places.push((grant, device(&open.key).unwrap()));
                    self.grants.push(grant);
                }
            }
            Statement::Transfer(it) | Statement::Recover(it) => {
                let to = device(&it.to).unwrap();
                self.places.push((GrantId(id), to));
                self.speakers.insert(to);
            }
            Statement::Roster(_)
            | Statement::Lock(_)
            | Statement::Revoke(_)
            | Statement::Consent(_)
            | Statement::Adopt(_)
            | Statement::Amend(_)
            | Statement::LastCall
            | Statement::EventClose(_)
            | Statement::Phase(_)
            | Statement::Erase(_) => {}
        }
    }

    fn append(&mut self, grant: GrantId, device: u8, body: Body) {
        // A recovery's first log founds itself; further ones follow it like any others.
        let incarnation = Incarnation(1 + self.random.below(2));
        self.append_to(LogName { grant, incarnation }, device, body);
    }

    fn append_to(&mut self, name: LogName, device: u8, body: Body) {
        let before: Vec<Predecessor> = self
            .logs
            .iter()
            .filter(|(other, _)| other.grant == name.grant && **other != name)
            .map(|(other, written)| Predecessor {
                incarnation: other.incarnation,
                height: written.height(),
                hash: written.chain(written.height()).0,
            })
            .collect();
        let first = !self.logs.contains_key(&name);
        let entry = Entry {
            at_delta_ms: 1,
            revision: 1,
            succession: if first { before } else { Vec::new() },
            body,
        };
        let bytes = encode_entry(&entry, None);
        let written = self.logs.entry(name).or_insert_with(|| Written {
            writer: key(device),
            entries: Vec::new(),
            chains: vec![Chain::start(self.event, &name, &key(device).public())],
        });
        written
            .chains
            .push(written.chains.last().unwrap().link(&bytes));
        written.entries.push(bytes);
    }

    /// Brings all logs to a fresh ledger, cut and ordered by chance; what does not follow yet is
    /// offered again.
    fn heard(&self, random: &mut Random) -> Ledger {
        let mut ledger = Ledger::new(self.event, self.manifest.clone());
        let mut waiting: Vec<(LogName, u64, u64)> = Vec::new();
        for (name, written) in &self.logs {
            let mut from = 1;
            while from <= written.height() {
                let to = written.height().min(from + random.below(5));
                waiting.push((*name, from, to));
                from = to + 1;
            }
        }
        let mut refused = 0_usize;
        while !waiting.is_empty() {
            let chunk = waiting.swap_remove(random.place(waiting.len()));
            match self.offer(&mut ledger, chunk) {
                Ok(()) => refused = 0,
                Err(Refusal::Gap | Refusal::UnknownGrant) => {
                    waiting.push(chunk);
                    refused += 1;
                    let most = 200 * (waiting.len() + 1);
                    assert!(refused < most, "{} chunks are never taken", waiting.len());
                }
                Err(why) => panic!("{chunk:?} is refused: {why:?}"),
            }
        }
        ledger
    }

    fn offer(
        &self,
        ledger: &mut Ledger,
        (name, from, to): (LogName, u64, u64),
    ) -> Result<(), Refusal> {
        let written = &self.logs[&name];
        let head = (to, written.chain(to));
        let signature = sign_head(&written.writer, self.event, &name, head);
        let place = |seq: u64| usize::try_from(seq).unwrap();
        let entries = &written.entries[place(from) - 1..place(to)];
        ledger.take(name, from, entries, &signature).map(drop)
    }
}

impl Written {
    fn height(&self) -> u64 {
        u64::try_from(self.entries.len()).unwrap()
    }

    fn chain(&self, height: u64) -> Chain {
        self.chains[usize::try_from(height).unwrap()]
    }
}

fn admit(device: u8, roles: Roles) -> Statement {
    Statement::Admit(Admit {
        key: key(device).public(),
        roles,
        label: format!("device-{device}"),
    })
}

/// Everything that a ledger makes of what it heard.
fn judged(ledger: &Ledger) -> (Hash, String, Vec<String>) {
    let lines: Vec<_> = ledger.lines().collect();
    let book = Scorebook::compute(ledger.authority().roster(), ledger, &lines);
    let verdicts = lines.iter().map(|line| {
        let standing = ledger.standing(&line.log, line.seq, line.body.about());
        format!("{} {standing:?} {:?}", line.id, book.verdict(line.id))
    });
    let verdicts = verdicts.collect();
    (
        ledger.state_digest(),
        format!("{:?}", ledger.authority()),
        verdicts,
    )
}

/// What a drawn venue came to, so that the cases are known to be rich.
#[derive(Debug, Default)]
struct Seen {
    owners: usize,
    revoked: usize,
    grants: usize,
    invalid: usize,
    adopted: usize,
    standings: BTreeSet<String>,
}

impl Seen {
    fn add(&mut self, ledger: &Ledger) {
        let authority = ledger.authority();
        self.owners += authority.owners().len() - 1;
        self.grants += authority.grants().len();
        self.invalid += authority.invalid().len();
        for device in 0..DEVICES {
            self.revoked += usize::from(authority.revoked(&key(device).public()).is_some());
        }
        for name in ledger.logs().keys() {
            self.adopted += authority.adoptions(name).len();
        }
        for line in ledger.lines() {
            let standing = ledger.standing(&line.log, line.seq, line.body.about());
            self.standings.insert(format!("{standing:?}"));
        }
    }
}

#[test]
fn any_statements_in_any_order_and_any_batching_are_judged_alike() {
    let mut seen = Seen::default();
    for seed in 0..VENUES {
        let venue = Venue::draw(seed);
        let first = venue.heard(&mut Random(seed));
        let expected = judged(&first);
        seen.add(&first);
        for reader in 1..READERS {
            let found = judged(&venue.heard(&mut Random(seed ^ (reader << 32))));
            assert_eq!(found, expected, "venue {seed}, reader {reader}");
        }
    }
    assert!(10 < seen.owners, "the event passes on: {seen:?}");
    assert!(10 < seen.revoked && 40 < seen.adopted, "{seen:?}");
    assert!(100 < seen.grants && 100 < seen.invalid, "{seen:?}");
    for standing in ["Live", "Late", "Quarantined", "Unassigned", "Rejected"] {
        assert!(seen.standings.contains(standing), "{standing}: {seen:?}");
    }
}
