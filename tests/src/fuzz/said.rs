//! Statements and entries drawn from bytes: mostly ones that fit the event, some that do not.

use tallyline_keys::{PublicKey, Signature};
use tallyline_proto::{
    log::Log,
    model::{
        About, Admit, Assign, Body, CellSet, Chrono, Close, CloseReason, Cut, DrillNo, Entry,
        EventId, GrantId, Hash, Incarnation, Lock, LogName, Open, PowerFactor, Predecessor, Roles,
        RosterChange, RuleNo, Score, Shooter, ShooterEdit, ShooterNo, SquadNo, Statement, Status,
        StatusKind, Void, VoidReason,
    },
    wire::{
        encode_entry, encode_signed, encode_structure, entry_id, grant_id, sign_statement,
        structure_hash,
    },
};
use tallyline_simulator::score;

use super::{
    bytes::Bytes,
    venue::{ALL, OWNER, device, public, venue},
};

/// What statements may name: everything said before.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// Grants and Admits so far, whoever said them, each with the device that may write.
    pub(super) grants: Vec<(GrantId, u8)>,
    /// Ends of logs: log, height, chain hash.
    pub(super) ends: Vec<(LogName, u64, Hash)>,
}

impl Known {
    /// Notes under which names a statement lets somebody write.
    fn note(&mut self, id: Hash, said: &Statement) {
        match said {
            Statement::Admit(admit) => self.grants.push((GrantId(id), who(&admit.key))),
            Statement::Assign(assign) => {
                let opened = (0..).zip(&assign.opens);
                let opened = opened.map(|(place, open)| (grant_id(id, place), who(&open.key)));
                self.grants.extend(opened);
            }
            Statement::Transfer(passing) | Statement::Recover(passing) => {
                self.grants.push((GrantId(id), who(&passing.to)));
            }
            Statement::Roster(_)
            | Statement::Lock(_)
            | Statement::Revoke(_)
            | Statement::Consent(_)
            | Statement::Adopt(_)
            | Statement::Amend(_)
            | Statement::LastCall
            | Statement::EventClose(_) => {}
        }
    }

    /// Notes where a log ends.
    pub(super) fn ends_at(&mut self, log: &Log) {
        self.ends.push((*log.name(), log.height(), log.chain().0));
    }

    fn grant(&self, bytes: &mut Bytes<'_>) -> GrantId {
        match bytes.pick(&self.grants) {
            Some((grant, _)) => *grant,
            None => GrantId(Hash([9; 32])),
        }
    }
}

/// Draws a statement of one kind.
pub(super) type Builder = fn(&mut Bytes<'_>, &Known) -> Statement;

/// One builder for each kind of statement. A new kind of statement gets a line here, at the end:
/// the corpora name builders by their place.
pub(super) const BUILDERS: [Builder; 5] = [admit, assign, add_shooter, edit_shooter, lock];

/// Draws a statement of any kind.
pub(super) fn statement(bytes: &mut Bytes<'_>, known: &Known) -> Statement {
    let builder = bytes.pick(&BUILDERS).copied().unwrap_or(lock);
    builder(bytes, known)
}

/// Draws an entry that holds a statement; as a rule it is the owner's. Returns the statement's id,
/// too, by which grants are named.
pub(super) fn statement_entry(
    bytes: &mut Bytes<'_>,
    event: EventId,
    known: &mut Known,
    succession: Vec<Predecessor>,
) -> Vec<u8> {
    let said = statement(bytes, known);
    let signer = match bytes.byte() {
        stranger @ 250.. => ALL.get(usize::from(stranger - 250)).copied(),
        _ => None,
    };
    let mut signed = sign_statement(device(signer.unwrap_or(OWNER)), event, &said);
    if bytes.byte() == 255 {
        signed.signature = Signature::from_bytes([1; 64]);
    }
    known.note(signed.id(event), &said);
    entry(Body::Statement(encode_signed(&signed)), succession)
}

/// Draws an entry that is no statement: raw bytes, or one that fits the event more or less.
pub(super) fn other_entry(bytes: &mut Bytes<'_>, known: &Known) -> Vec<u8> {
    let drill = DrillNo(u32::from(bytes.byte() % 8));
    let shooter = ShooterNo(u32::from(bytes.byte() % 9));
    match bytes.below(6) {
        0 => bytes.run().to_vec(),
        1 => {
            let (time, a) = (u32::from(bytes.short()), bytes.byte());
            entry(score(drill.0, shooter.0, time, a), Vec::new())
        }
        2 => entry(status(bytes, drill, shooter), Vec::new()),
        3 => entry(void(bytes, known), Vec::new()),
        4 => entry(chrono(bytes, drill, shooter), Vec::new()),
        _ => entry(reshoot(bytes, drill, shooter), Vec::new()),
    }
}

/// Encodes an entry.
pub(super) fn entry(body: Body, succession: Vec<Predecessor>) -> Vec<u8> {
    let entry = Entry {
        at_delta_ms: 1,
        revision: 1,
        succession,
        body,
    };
    encode_entry(&entry, None)
}

fn reshoot(bytes: &mut Bytes<'_>, drill: DrillNo, shooter: ShooterNo) -> Body {
    let body = score(drill.0, shooter.0, u32::from(bytes.short()), bytes.byte());
    let Body::Score(it) = body else {
        return body;
    };
    Body::Score(Score {
        attempt: u32::from(bytes.byte() % 3),
        late_shots: u32::from(bytes.byte() % 2),
        ..it
    })
}

fn status(bytes: &mut Bytes<'_>, drill: DrillNo, shooter: ShooterNo) -> Body {
    let kinds = [StatusKind::Dnf, StatusKind::MatchDq, StatusKind::Withdrawn];
    let kind = bytes.pick(&kinds).copied().unwrap_or(StatusKind::Dnf);
    Body::Status(Status {
        about: About {
            drill: (drill.0 != 0).then_some(drill),
            shooter,
        },
        kind,
        rule: bytes
            .flag()
            .then(|| RuleNo(u32::from(bytes.byte() % 6) + 1)),
        note: String::new(),
    })
}

fn chrono(bytes: &mut Bytes<'_>, drill: DrillNo, shooter: ShooterNo) -> Body {
    Body::Chrono(Chrono {
        drill,
        shooter,
        weights_decigrains: vec![u32::from(bytes.short())],
        speeds_fps: vec![u32::from(bytes.short()); usize::from(bytes.byte() % 8)],
        gear: None,
    })
}

fn void(bytes: &mut Bytes<'_>, known: &Known) -> Body {
    let seq = u64::from(bytes.byte() % 8);
    let nowhere = LogName {
        grant: known.grant(bytes),
        incarnation: Incarnation(1),
    };
    let log = bytes.pick(&known.ends).map_or(nowhere, |(log, ..)| *log);
    Body::Void(Void {
        entry: entry_id(&log, seq),
        reason: VoidReason::Duplicate,
        note: String::new(),
    })
}

fn admit(bytes: &mut Bytes<'_>, _: &Known) -> Statement {
    Statement::Admit(Admit {
        key: someone(bytes),
        roles: Roles(u32::from(bytes.byte())),
        label: format!("Device {}", bytes.byte()),
    })
}

fn assign(bytes: &mut Bytes<'_>, known: &Known) -> Statement {
    let closes = (0..bytes.below(3)).map(|_| close(bytes, known)).collect();
    let opens = (0..bytes.below(3)).map(|_| open(bytes)).collect();
    Statement::Assign(Assign {
        closes,
        opens,
        under: None,
    })
}

fn close(bytes: &mut Bytes<'_>, known: &Known) -> Close {
    let grant = known.grant(bytes);
    let ends = known.ends.iter().filter(|(log, ..)| log.grant == grant);
    let ends: Vec<_> = ends.collect();
    let cuts = (0..bytes.below(3)).filter_map(|_| {
        let (log, height, hash) = **bytes.pick(&ends)?;
        Some(Cut {
            incarnation: log.incarnation,
            height: if bytes.byte() == 255 {
                bytes.number()
            } else {
                height
            },
            hash: if bytes.byte() == 255 {
                Hash([3; 32])
            } else {
                hash
            },
            signature: Signature::from_bytes([0; 64]),
        })
    });
    let cuts = cuts.collect();
    let reasons = [
        CloseReason::Handover,
        CloseReason::Dead,
        CloseReason::Stolen,
    ];
    let reason = bytes.pick(&reasons).copied().unwrap_or(CloseReason::Dead);
    Close {
        grant,
        cuts,
        reason,
    }
}

fn open(bytes: &mut Bytes<'_>) -> Open {
    let few = |bits: u8| -> Option<Vec<u32>> {
        let set = (0..4).filter(|bit| bits >> bit & 1 == 1);
        let set: Vec<u32> = set.map(|bit| bit + 1).collect();
        (!set.is_empty()).then_some(set)
    };
    Open {
        key: someone(bytes),
        cells: CellSet {
            drills: few(bytes.byte()).map(|it| it.into_iter().map(DrillNo).collect()),
            squads: few(bytes.byte()).map(|it| it.into_iter().map(SquadNo).collect()),
        },
        until_ms: None,
    }
}

fn add_shooter(bytes: &mut Bytes<'_>, _: &Known) -> Statement {
    let no = u32::from(bytes.byte() % 10) + 1;
    Statement::Roster(RosterChange::Add(Shooter {
        no: ShooterNo(no),
        label: format!("Shooter {no}"),
        division: usize::from(bytes.byte() % 3),
        power_factor: PowerFactor::Minor,
        squad: SquadNo(u32::from(bytes.byte() % 4) + 1),
        categories: Vec::new(),
    }))
}

fn edit_shooter(bytes: &mut Bytes<'_>, _: &Known) -> Statement {
    Statement::Roster(RosterChange::Edit(ShooterEdit {
        shooter: ShooterNo(u32::from(bytes.byte() % 10) + 1),
        squad: bytes
            .flag()
            .then(|| SquadNo(u32::from(bytes.byte() % 4) + 1)),
        division: bytes.flag().then(|| usize::from(bytes.byte() % 3)),
        power_factor: bytes.flag().then_some(PowerFactor::Major),
    }))
}

fn lock(bytes: &mut Bytes<'_>, _: &Known) -> Statement {
    let structure = structure_hash(&encode_structure(&venue().manifest.structure));
    Statement::Lock(Lock {
        structure: if bytes.byte() == 255 {
            Hash([4; 32])
        } else {
            structure
        },
    })
}

fn someone(bytes: &mut Bytes<'_>) -> PublicKey {
    public(bytes.pick(&ALL).copied().unwrap_or(OWNER))
}

fn who(key: &PublicKey) -> u8 {
    let found = ALL.iter().find(|who| public(**who) == *key);
    found.copied().unwrap_or(OWNER)
}
