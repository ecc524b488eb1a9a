//! Entries drawn from bytes, statements among them, and what is known of those before.

use tallyline_keys::{PublicKey, Signature};
use tallyline_proto::{
    log::Log,
    model::{
        About, Agreed, Body, CellSet, Chrono, DrillNo, Entry, GrantId, Hash, Incarnation, LogName,
        Open, Predecessor, RuleNo, Score, ShooterNo, Statement, Status, StatusKind, Void,
        VoidReason,
    },
    wire::{
        decode_entry, decode_signed, decode_statement, encode_entry, encode_signed, entry_id,
        grant_id, sign_statement,
    },
};
use tallyline_simulator::score;

use super::{
    builders::{recovery, statement},
    bytes::Bytes,
    venue::{ALL, CARD, OWNER, device, public, venue},
};

/// What statements may name: everything said before.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// Grants so far, whoever opened them, each with the device that may write.
    pub(super) grants: Vec<(GrantId, u8)>,
    /// What they cover, as far as somebody said so.
    pub(super) opened: Vec<Opened>,
    /// Admits, Transfers and Recovers, each with the device that makes its statements under it.
    pub(super) voices: Vec<(GrantId, u8)>,
    /// To whom the event passed, and as which owner.
    pub(super) passed: Vec<(u8, u32)>,
    /// Ends of logs: log, height, chain hash.
    pub(super) ends: Vec<(LogName, u64, Hash)>,
}

/// A grant as its Assign opened it.
#[derive(Debug)]
pub(super) struct Opened {
    /// Its id.
    pub(super) grant: GrantId,
    /// What it covers.
    pub(super) cells: CellSet,
    /// The desk's grant out of which it was lent.
    pub(super) under: Option<GrantId>,
}

impl Known {
    /// Notes what a statement says that others may name.
    fn note(&mut self, id: Hash, said: &Statement) {
        match said {
            Statement::Admit(admit) => self.voices.push((GrantId(id), who(&admit.key))),
            Statement::Assign(assign) => {
                for (place, open) in (0..).zip(&assign.opens) {
                    self.opens(grant_id(id, place), open, assign.under);
                }
            }
            Statement::Transfer(passing) | Statement::Recover(passing) => {
                self.voices.push((GrantId(id), who(&passing.to)));
                self.passed.push((who(&passing.to), passing.epoch));
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

    fn opens(&mut self, grant: GrantId, open: &Open, under: Option<GrantId>) {
        let written = (grant, who(&open.key));
        if !self.grants.contains(&written) {
            self.grants.push(written);
        }
        self.opened.push(Opened {
            grant,
            cells: open.cells.clone(),
            under,
        });
    }

    /// Notes what the entry of a log says, if it is a statement.
    pub(super) fn hear(&mut self, log: &LogName, entry: &[u8]) {
        if let Ok(entry) = decode_entry(entry, log)
            && let Body::Statement(signed) = entry.body
            && let Ok(signed) = decode_signed(&signed)
            && let Ok(statement) = decode_statement(&signed.body)
        {
            self.note(signed.id(venue().event), &statement);
        }
    }

    /// Notes where a log ends.
    pub(super) fn ends_at(&mut self, log: &Log) {
        self.ends.push((*log.name(), log.height(), log.chain().0));
    }

    /// Draws a grant.
    pub(super) fn grant(&self, bytes: &mut Bytes<'_>) -> GrantId {
        match bytes.pick(&self.grants) {
            Some((grant, _)) => *grant,
            None => GrantId(Hash([9; 32])),
        }
    }

    /// Returns what a grant covers.
    pub(super) fn cells(&self, grant: GrantId) -> Option<&CellSet> {
        let opened = self.opened.iter().find(|it| it.grant == grant);
        opened.map(|it| &it.cells)
    }

    /// Returns who writes logs under a grant, an Admit or the like.
    pub(super) fn writer(&self, grant: GrantId) -> Option<u8> {
        if grant == GrantId::control(venue().event) {
            return Some(OWNER);
        }
        let mut named = self.grants.iter().chain(&self.voices);
        named.find(|(it, _)| *it == grant).map(|(_, who)| *who)
    }

    /// Returns all owners with their numbers, the last one first.
    pub(super) fn owners(&self) -> Vec<(u8, u32)> {
        let later = self.passed.iter().rev().copied();
        later.chain([(OWNER, 0)]).collect()
    }
}

/// Draws an entry that holds a statement; as a rule the log's writer makes it, and a recovery card
/// a Recover.
pub(super) fn statement_entry(
    bytes: &mut Bytes<'_>,
    known: &mut Known,
    writer: u8,
    succession: Vec<Predecessor>,
) -> Vec<u8> {
    let said = statement(bytes, known, writer);
    let fitting = if matches!(said, Statement::Recover(_)) {
        CARD
    } else {
        writer
    };
    let signer = match bytes.byte() {
        stranger @ 250.. => ALL.get(usize::from(stranger - 250)).copied(),
        _ => None,
    };
    let mut signed = sign_statement(device(signer.unwrap_or(fitting)), venue().event, &said);
    if bytes.byte() == 255 {
        signed.signature = Signature::from_bytes([1; 64]);
    }
    known.note(signed.id(venue().event), &said);
    entry(Body::Statement(encode_signed(&signed)), succession)
}

/// Draws the entry by which a recovery card founds the control log of a new owner: the log's grant,
/// who writes it, and the entry.
pub(super) fn founding_entry(bytes: &mut Bytes<'_>, known: &mut Known) -> (GrantId, u8, Vec<u8>) {
    let passing = recovery(bytes, known);
    let to = who(&passing.to);
    let said = Statement::Recover(passing);
    let signed = sign_statement(device(CARD), venue().event, &said);
    let id = signed.id(venue().event);
    known.note(id, &said);
    let founding = entry(Body::Statement(encode_signed(&signed)), Vec::new());
    (GrantId(id), to, founding)
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
        attempt: 0,
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
        agreed: Agreed::BOTH,
    })
}

/// Returns the device of a key.
fn who(key: &PublicKey) -> u8 {
    let found = ALL.iter().find(|who| public(**who) == *key);
    found.copied().unwrap_or(OWNER)
}
