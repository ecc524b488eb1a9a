//! Statements drawn from bytes: mostly ones that fit the event, some that do not.

use std::collections::BTreeMap;

use tallyline_keys::Signature;
use tallyline_proto::{
    log::sign_consent,
    model::{
        Admit, Adopt, Amend, Amendment, Assign, CellSet, Close, CloseReason, Consent, Cut,
        Decision, Drill, DrillNo, Entrant, Erase, EventClose, GrantId, Hash, Incarnation, Lock,
        LogCut, LogEnd, LogName, Open, Person, Phase, PhaseChange, PowerFactor, Revoke,
        RevokeReason, Roles, RosterChange, Rule, RuleKind, RuleNo, Shooter, ShooterEdit, ShooterNo,
        SquadNo, Statement, Transfer,
    },
    wire::{encode_structure, log_short_id, structure_hash},
};

use super::{
    bytes::Bytes,
    said::Known,
    venue::{ALL, OWNER, device, public, venue},
};

/// Draws a statement of one kind that a device makes.
pub(super) type Builder = fn(&mut Bytes<'_>, &Known, u8) -> Statement;

/// One builder for each kind of statement, with the kind's name. A new kind of statement gets a line
/// here, at the end: the corpora name builders by their place.
pub(super) const BUILDERS: [(&str, Builder); 16] = [
    ("admit", admit),
    ("assign", assign),
    ("add", add_shooter),
    ("edit", edit_shooter),
    ("lock", lock),
    ("lend", lend),
    ("revoke", revoke),
    ("consent", consent),
    ("transfer", transfer),
    ("recover", recover),
    ("adopt", adopt),
    ("amend", amend),
    ("last call", last_call),
    ("event close", event_close),
    ("phase", phase),
    ("erase", erase),
];

/// What those may say who are no owners.
const OF_MEMBERS: [Builder; 4] = [admit, assign, lend, consent];

/// Draws a statement of any kind, as a rule one that its maker may make.
pub(super) fn statement(bytes: &mut Bytes<'_>, known: &Known, by: u8) -> Statement {
    let owns = known.owners().iter().any(|(owner, _)| *owner == by);
    let builder = if owns || 200 <= bytes.byte() {
        bytes.pick(&BUILDERS).map(|(_, builder)| builder)
    } else {
        bytes.pick(&OF_MEMBERS)
    };
    match builder {
        Some(builder) => builder(bytes, known, by),
        None => lock(bytes, known, by),
    }
}

/// Names the kind of a statement as [`BUILDERS`] does.
#[cfg(test)]
pub(super) fn kind(statement: &Statement) -> &'static str {
    match statement {
        Statement::Admit(_) => "admit",
        Statement::Assign(Assign { under: None, .. }) => "assign",
        Statement::Assign(_) => "lend",
        Statement::Roster(RosterChange::Add(_)) => "add",
        Statement::Roster(RosterChange::Edit(_)) => "edit",
        Statement::Lock(_) => "lock",
        Statement::Revoke(_) => "revoke",
        Statement::Consent(_) => "consent",
        Statement::Transfer(_) => "transfer",
        Statement::Recover(_) => "recover",
        Statement::Adopt(_) => "adopt",
        Statement::Amend(_) => "amend",
        Statement::LastCall => "last call",
        Statement::EventClose(_) => "event close",
        Statement::Phase(_) => "phase",
        Statement::Erase(_) => "erase",
    }
}

fn admit(bytes: &mut Bytes<'_>, _: &Known, _: u8) -> Statement {
    Statement::Admit(Admit {
        key: public(someone(bytes)),
        roles: Roles(u32::from(bytes.byte())),
        label: format!("Device {}", bytes.byte()),
    })
}

fn assign(bytes: &mut Bytes<'_>, known: &Known, _: u8) -> Statement {
    let closes = (0..bytes.below(3)).map(|_| {
        let grant = known.grant(bytes);
        close(bytes, known, grant)
    });
    let closes: Vec<_> = closes.collect();
    let cells = closes.first().and_then(|it| known.cells(it.grant));
    let opens = (0..bytes.below(3)).map(|_| open(bytes, cells)).collect();
    Statement::Assign(Assign {
        closes,
        opens,
        under: None,
    })
}

/// A desk lends cells of a grant of its own, or takes lent ones back.
fn lend(bytes: &mut Bytes<'_>, known: &Known, by: u8) -> Statement {
    let own = known.grants.iter().filter(|(_, who)| *who == by);
    let own: Vec<_> = own.collect();
    let desk = match bytes.pick(&own) {
        Some((grant, _)) => *grant,
        None => known.grant(bytes),
    };
    let lent = known.opened.iter().filter(|it| it.under == Some(desk));
    let lent: Vec<_> = lent.map(|it| it.grant).collect();
    let closes = (0..bytes.below(2)).filter_map(|_| {
        let grant = *bytes.pick(&lent)?;
        Some(close(bytes, known, grant))
    });
    Statement::Assign(Assign {
        closes: closes.collect(),
        opens: vec![open(bytes, known.cells(desk))],
        under: Some(desk),
    })
}

fn close(bytes: &mut Bytes<'_>, known: &Known, grant: GrantId) -> Close {
    let ends = ends(bytes, known, |log| log.grant == grant);
    let cuts = ends.into_iter().map(|end| cut(bytes, end)).collect();
    let reasons = [
        CloseReason::Handover,
        CloseReason::Dead,
        CloseReason::Expired,
        CloseReason::Stolen,
    ];
    let reason = bytes.pick(&reasons).copied().unwrap_or(CloseReason::Dead);
    Close {
        grant,
        cuts,
        reason,
    }
}

/// Opens a grant of some cells, or of the same as another.
fn open(bytes: &mut Bytes<'_>, same: Option<&CellSet>) -> Open {
    let key = public(someone(bytes));
    let drawn = bytes.flag();
    let cells = match same {
        Some(same) if !drawn => same.clone(),
        _ => CellSet {
            drills: few(bytes).map(|it| it.into_iter().map(DrillNo).collect()),
            squads: few(bytes).map(|it| it.into_iter().map(SquadNo).collect()),
        },
    };
    Open {
        key,
        cells,
        until_ms: None,
    }
}

fn few(bytes: &mut Bytes<'_>) -> Option<Vec<u32>> {
    let bits = bytes.byte();
    let set = (0..4).filter(|bit| bits >> bit & 1 == 1);
    let set: Vec<u32> = set.map(|bit| bit + 1).collect();
    (!set.is_empty()).then_some(set)
}

fn add_shooter(bytes: &mut Bytes<'_>, _: &Known, _: u8) -> Statement {
    let no = u32::from(bytes.byte() % 10) + 1;
    Statement::Roster(RosterChange::Add(Shooter {
        no: ShooterNo(no),
        label: format!("Shooter {no}"),
        division: usize::from(bytes.byte() % 3),
        power_factor: PowerFactor::Minor,
        squad: SquadNo(u32::from(bytes.byte() % 4) + 1),
        categories: Vec::new(),
        entrant: Entrant::default(),
    }))
}

fn edit_shooter(bytes: &mut Bytes<'_>, _: &Known, _: u8) -> Statement {
    Statement::Roster(RosterChange::Edit(ShooterEdit {
        shooter: ShooterNo(u32::from(bytes.byte() % 10) + 1),
        squad: bytes
            .flag()
            .then(|| SquadNo(u32::from(bytes.byte() % 4) + 1)),
        division: bytes.flag().then(|| usize::from(bytes.byte() % 3)),
        power_factor: bytes.flag().then_some(PowerFactor::Major),
        categories: None,
        entrant: None,
        label: None,
    }))
}

fn lock(bytes: &mut Bytes<'_>, _: &Known, _: u8) -> Statement {
    let structure = structure_hash(&encode_structure(&venue().manifest.structure));
    Statement::Lock(Lock {
        structure: if bytes.byte() == 255 {
            Hash([4; 32])
        } else {
            structure
        },
    })
}

fn revoke(bytes: &mut Bytes<'_>, known: &Known, _: u8) -> Statement {
    let who = someone(bytes);
    let reasons = [
        RevokeReason::Retired,
        RevokeReason::Lost,
        RevokeReason::Stolen,
        RevokeReason::Misuse,
    ];
    Statement::Revoke(Revoke {
        key: public(who),
        reason: bytes.pick(&reasons).copied().unwrap_or(RevokeReason::Lost),
        cuts: cuts(bytes, known, who),
    })
}

fn consent(bytes: &mut Bytes<'_>, known: &Known, by: u8) -> Statement {
    let (owner, epoch) = owner(bytes, known);
    Statement::Consent(Consent {
        owner: public(owner),
        epoch,
        signature: consents(bytes, by, owner, epoch),
    })
}

/// The event passes on from whoever says so, if that is an owner.
fn transfer(bytes: &mut Bytes<'_>, known: &Known, by: u8) -> Statement {
    let own = known.owners().into_iter().find(|(who, _)| *who == by);
    let (owner, epoch) = match own {
        Some((who, epoch)) => (who, epoch.saturating_add(1)),
        None => owner(bytes, known),
    };
    Statement::Transfer(passing(bytes, known, owner, epoch))
}

fn recover(bytes: &mut Bytes<'_>, known: &Known, _: u8) -> Statement {
    Statement::Recover(recovery(bytes, known))
}

/// Draws how the event passes on from one of its owners.
pub(super) fn recovery(bytes: &mut Bytes<'_>, known: &Known) -> Transfer {
    let (owner, epoch) = owner(bytes, known);
    passing(bytes, known, owner, epoch)
}

/// Draws an owner, and the number of the one who follows.
fn owner(bytes: &mut Bytes<'_>, known: &Known) -> (u8, u32) {
    let (owner, epoch) = bytes.pick(&known.owners()).copied().unwrap_or((OWNER, 0));
    match bytes.byte() {
        255 => (owner, u32::from(bytes.byte())),
        _ => (owner, epoch.saturating_add(1)),
    }
}

fn passing(bytes: &mut Bytes<'_>, known: &Known, owner: u8, epoch: u32) -> Transfer {
    let to = someone(bytes);
    Transfer {
        owner: public(owner),
        to: public(to),
        label: format!("Device {to}"),
        epoch,
        cuts: cuts(bytes, known, owner),
        consent: consents(bytes, to, owner, epoch),
    }
}

/// A device is ready to follow an owner; now and then it does not say so.
fn consents(bytes: &mut Bytes<'_>, to: u8, owner: u8, epoch: u32) -> Signature {
    if bytes.byte() == 255 {
        return Signature::from_bytes([2; 64]);
    }
    sign_consent(device(to), venue().event, &public(owner), epoch)
}

fn adopt(bytes: &mut Bytes<'_>, known: &Known, _: u8) -> Statement {
    let nowhere = LogName {
        grant: known.grant(bytes),
        incarnation: Incarnation(1),
    };
    let end = bytes.pick(&known.ends).copied();
    let (log, height, hash) = end.unwrap_or((nowhere, 1, Hash([5; 32])));
    let decisions = [Decision::Count, Decision::Reject];
    Statement::Adopt(Adopt {
        log,
        from: (u64::from(bytes.byte()) % height.max(1)).saturating_add(1),
        to: if bytes.byte() == 255 {
            bytes.number()
        } else {
            height
        },
        hash,
        decision: bytes.pick(&decisions).copied().unwrap_or(Decision::Count),
    })
}

fn amend(bytes: &mut Bytes<'_>, _: &Known, _: u8) -> Statement {
    let no = u32::from(bytes.byte() % 8) + 1;
    let drills = &venue().manifest.structure.drills;
    let change = match bytes.pick(drills) {
        Some(like) if bytes.flag() => Amendment::Drill(Drill {
            no: DrillNo(no),
            ..like.clone()
        }),
        _ => Amendment::Rule(Rule {
            no: RuleNo(no),
            kind: RuleKind::Procedural,
            text: format!("Rule {no}, amended"),
            code: String::new(),
            value: None,
        }),
    };
    Statement::Amend(Amend {
        change,
        note: String::new(),
    })
}

fn last_call(_: &mut Bytes<'_>, _: &Known, _: u8) -> Statement {
    Statement::LastCall
}

fn phase(bytes: &mut Bytes<'_>, _: &Known, _: u8) -> Statement {
    let at_ms = u64::from(bytes.byte());
    let phase = match bytes.below(3) {
        0 => Phase::Scoring,
        1 => Phase::Provisional {
            review_ends_ms: at_ms,
        },
        _ => Phase::Final { since_ms: at_ms },
    };
    Statement::Phase(PhaseChange {
        phase,
        note: String::new(),
    })
}

fn erase(bytes: &mut Bytes<'_>, _: &Known, _: u8) -> Statement {
    let shooter = ShooterNo(u32::from(bytes.byte()).max(1));
    Statement::Erase(Erase {
        person: Person::Shooter(shooter),
    })
}

fn event_close(bytes: &mut Bytes<'_>, known: &Known, _: u8) -> Statement {
    let ends = ends(bytes, known, |_| true).into_iter();
    Statement::EventClose(EventClose {
        ends: ends
            .map(|(log, height, hash)| LogEnd {
                log: log_short_id(&log),
                height,
                hash,
            })
            .collect(),
        lost: (0..bytes.below(2))
            .map(|_| public(someone(bytes)))
            .collect(),
    })
}

/// Cuts of the logs that a device writes.
fn cuts(bytes: &mut Bytes<'_>, known: &Known, who: u8) -> Vec<LogCut> {
    let ends = ends(bytes, known, |log| known.writer(log.grant) == Some(who));
    let cuts = ends.into_iter().map(|end| LogCut {
        grant: end.0.grant,
        cut: cut(bytes, end),
    });
    cuts.collect()
}

/// Draws where some logs end, the last known end before others; now and then one is left out.
fn ends(
    bytes: &mut Bytes<'_>,
    known: &Known,
    of: impl Fn(&LogName) -> bool,
) -> Vec<(LogName, u64, Hash)> {
    let mut by_log: BTreeMap<LogName, Vec<_>> = BTreeMap::new();
    for end in known.ends.iter().rev().filter(|(log, ..)| of(log)) {
        by_log.entry(end.0).or_default().push(*end);
    }
    let drawn = by_log.values().filter_map(|ends| match bytes.byte() {
        255 => None,
        place => ends.get(usize::from(place) % ends.len()).copied(),
    });
    drawn.collect()
}

/// Cuts a log at an end; now and then at another height, or at a branch that nobody knows.
fn cut(bytes: &mut Bytes<'_>, (log, height, hash): (LogName, u64, Hash)) -> Cut {
    Cut {
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
    }
}

fn someone(bytes: &mut Bytes<'_>) -> u8 {
    bytes.pick(&ALL).copied().unwrap_or(OWNER)
}
