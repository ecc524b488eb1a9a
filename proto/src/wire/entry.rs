//! One log record in bytes.

use alloc::{string::String, vec::Vec};

use prost::Message as _;

use super::{
    ENTRY_BYTES_MAX, STATEMENT_BYTES_MAX, WireError, entry_id, event::number, fixed,
    generated as pb,
};
use crate::model::{
    About, Approvals, Body, Chrono, DrillNo, Entry, EntryId, Gear, GrantId, Hash, Hits,
    Incarnation, LogName, Penalty, Predecessor, RuleNo, Score, ShooterNo, Status, StatusKind,
    Steel, Void, VoidReason,
};

/// Most targets of a score; more than any drill has.
pub(super) const TARGETS_MAX: usize = 64;
/// Most speeds or weights of a chronograph reading.
const READINGS_MAX: usize = 16;
/// Most predecessors an entry may name: the limit of incarnations for one grant.
const PREDECESSORS_MAX: usize = 512;

/// Encodes an entry. `void_seq` is the sequence of a Void's target when that stands in the same
/// log, which then is named by 1 to 3 bytes instead of 16.
///
/// Source: PROTOCOL R-ENTRY-1.
pub fn encode_entry(entry: &Entry, void_seq: Option<u64>) -> Vec<u8> {
    let succession = (!entry.succession.is_empty()).then(|| pb::Succession {
        before: entry
            .succession
            .iter()
            .map(|it| pb::Predecessor {
                incarnation: it.incarnation.0,
                height: it.height,
                hash: it.hash.0.to_vec(),
            })
            .collect(),
    });
    pb::Entry {
        at_delta_ms: entry.at_delta_ms,
        revision: if entry.revision == 1 {
            0
        } else {
            entry.revision
        },
        succession,
        body: body_out(&entry.body, void_seq),
    }
    .encode_to_vec()
}

/// Reads an entry of `log`. A kind of entry this version does not know is [`Body::Unknown`].
///
/// # Errors
/// If the bytes are no entry, a value is outside its range, or it is too long. Such an entry is
/// still kept and relayed when its log's signature holds; see [`unknown_entry`].
///
/// Source: PROTOCOL R-ENTRY-2, R-ENTRY-6.
pub fn decode_entry(bytes: &[u8], log: &LogName) -> Result<Entry, WireError> {
    if STATEMENT_BYTES_MAX < bytes.len() {
        return Err(WireError::TooLarge("entry"));
    }
    let it = pb::Entry::decode(bytes).map_err(|_| WireError::Malformed)?;
    let statement = matches!(it.body, Some(pb::entry::Body::Statement(_)));
    let first = it.succession.is_some();
    if ENTRY_BYTES_MAX < bytes.len() && !statement && !first {
        return Err(WireError::TooLarge("entry"));
    }
    Ok(Entry {
        at_delta_ms: it.at_delta_ms,
        revision: if it.revision == 0 { 1 } else { it.revision },
        succession: succession_in(it.succession)?,
        body: it
            .body
            .map_or(Ok(Body::Unknown), |body| body_in(body, log))?,
    })
}

/// Says whether a body reads back as it was meant, so that nothing is answered "saved" that is
/// then not understood.
///
/// # Errors
/// With what does not hold.
pub fn body_reads_back(body: &Body) -> Result<(), WireError> {
    let Some(out) = body_out(body, None) else {
        return Err(WireError::Malformed);
    };
    let log = LogName {
        grant: GrantId(Hash::default()),
        incarnation: Incarnation(0),
    };
    if ENTRY_BYTES_MAX < out.encoded_len().saturating_add(64) {
        return Err(WireError::TooLarge("entry"));
    }
    if body_in(out, &log)? == *body {
        Ok(())
    } else {
        Err(WireError::Malformed)
    }
}

/// Returns what an entry that cannot be read stands for: kept, relayed, never counted.
pub fn unknown_entry() -> Entry {
    Entry {
        at_delta_ms: 0,
        revision: 1,
        succession: Vec::new(),
        body: Body::Unknown,
    }
}

fn succession_in(it: Option<pb::Succession>) -> Result<Vec<Predecessor>, WireError> {
    let before = it.map(|it| it.before).unwrap_or_default();
    if PREDECESSORS_MAX < before.len() {
        return Err(WireError::TooLarge("succession"));
    }
    before
        .into_iter()
        .map(|it| {
            Ok(Predecessor {
                incarnation: Incarnation(it.incarnation),
                height: it.height,
                hash: Hash(fixed(&it.hash, "hash of a predecessor")?),
            })
        })
        .collect()
}

fn body_out(body: &Body, void_seq: Option<u64>) -> Option<pb::entry::Body> {
    Some(match body {
        Body::Score(score) => pb::entry::Body::Score(score_out(score)),
        Body::Status(status) => pb::entry::Body::Status(status_out(status)),
        Body::Void(void) => pb::entry::Body::Void(pb::Void {
            seq: void_seq.unwrap_or(0),
            entry: if void_seq.is_some() {
                Vec::new()
            } else {
                void.entry.0.as_bytes().to_vec()
            },
            reason: void_reason_out(void.reason).into(),
            note: void.note.clone(),
        }),
        Body::Chrono(chrono) => pb::entry::Body::Chrono(pb::Chrono {
            drill: chrono.drill.0,
            shooter: chrono.shooter.0,
            weights_dgr: chrono.weights_decigrains.clone(),
            speeds_fps: chrono.speeds_fps.clone(),
            gear: match chrono.gear {
                None => pb::Gear::Unspecified,
                Some(Gear::Pass) => pb::Gear::Pass,
                Some(Gear::Fail) => pb::Gear::Fail,
            }
            .into(),
        }),
        Body::Statement(bytes) => pb::entry::Body::Statement(bytes.clone()),
        Body::Seal => pb::entry::Body::Seal(pb::Seal {}),
        Body::Unknown => return None,
    })
}

fn score_out(score: &Score) -> pb::Score {
    let steel = [
        score.steel.hit,
        score.steel.miss,
        score.steel.no_penalty_miss,
        score.steel.no_shoot,
    ];
    let approvals = score.approvals;
    pb::Score {
        drill: score.drill.0,
        shooter: score.shooter.0,
        attempt: score.attempt,
        time_cs: score.time_centis.clone(),
        hits: score.hits.iter().map(|hits| hits.bits()).collect(),
        steel: u32::from_le_bytes(steel),
        penalties: score
            .penalties
            .iter()
            .map(|penalty| penalty.rule.0 << 8 | u32::from(penalty.count))
            .collect(),
        ro_ok_ms: approvals.ro_ms.unwrap_or(0),
        shooter_ok_ms: approvals.shooter_ms.unwrap_or(0),
        ok_bits: u32::from(approvals.ro_ms.is_some())
            | u32::from(approvals.shooter_ms.is_some()) << 1,
        late_shots: score.late_shots,
        extra_shots: score.extra_shots,
        extra_hits: score.extra_hits,
    }
}

fn status_out(status: &Status) -> pb::Status {
    pb::Status {
        shooter: status.about.shooter.0,
        drill: status.about.drill.map_or(0, |drill| drill.0),
        kind: match status.kind {
            StatusKind::Dnf => pb::StatusKind::Dnf,
            StatusKind::MatchDq => pb::StatusKind::MatchDq,
            StatusKind::Withdrawn => pb::StatusKind::Withdrawn,
        }
        .into(),
        rule: status.rule.map_or(0, |rule| rule.0),
        note: status.note.clone(),
    }
}

fn void_reason_out(reason: VoidReason) -> pb::VoidReason {
    match reason {
        VoidReason::WrongShooter => pb::VoidReason::WrongShooter,
        VoidReason::WrongDrill => pb::VoidReason::WrongDrill,
        VoidReason::Hits => pb::VoidReason::Hits,
        VoidReason::Time => pb::VoidReason::Time,
        VoidReason::Penalty => pb::VoidReason::Penalty,
        VoidReason::Reshoot => pb::VoidReason::Reshoot,
        VoidReason::Duplicate => pb::VoidReason::Duplicate,
        VoidReason::Definition => pb::VoidReason::Definition,
        VoidReason::Arbitration => pb::VoidReason::Arbitration,
        VoidReason::Test => pb::VoidReason::Test,
    }
}

fn body_in(body: pb::entry::Body, log: &LogName) -> Result<Body, WireError> {
    Ok(match body {
        pb::entry::Body::Score(it) => Body::Score(score_in(it)?),
        pb::entry::Body::Status(it) => Body::Status(status_in(it)?),
        pb::entry::Body::Void(it) => Body::Void(void_in(it, log)?),
        pb::entry::Body::Chrono(it) => Body::Chrono(chrono_in(it)?),
        pb::entry::Body::Statement(bytes) => Body::Statement(bytes),
        pb::entry::Body::Seal(_) => Body::Seal,
    })
}

fn score_in(it: pb::Score) -> Result<Score, WireError> {
    if TARGETS_MAX < it.hits.len() || TARGETS_MAX < it.penalties.len() || 16 < it.time_cs.len() {
        return Err(WireError::TooLarge("score"));
    }
    let [hit, miss, no_penalty_miss, no_shoot] = it.steel.to_le_bytes();
    let hits = it
        .hits
        .iter()
        .map(|&bits| Hits::from_bits(bits).ok_or(WireError::Invalid("hits")))
        .collect::<Result<_, _>>()?;
    let penalties = it
        .penalties
        .iter()
        .map(|&packed| {
            let [count, ..] = packed.to_le_bytes();
            Ok(Penalty {
                rule: RuleNo(number(packed >> 8, "rule of a penalty")?),
                count,
            })
        })
        .collect::<Result<_, WireError>>()?;
    Ok(Score {
        drill: DrillNo(number(it.drill, "drill")?),
        shooter: ShooterNo(number(it.shooter, "shooter")?),
        attempt: it.attempt,
        time_centis: it.time_cs,
        hits,
        steel: Steel {
            hit,
            miss,
            no_penalty_miss,
            no_shoot,
        },
        penalties,
        approvals: Approvals {
            ro_ms: (it.ok_bits & 1 != 0).then_some(it.ro_ok_ms),
            shooter_ms: (it.ok_bits & 2 != 0).then_some(it.shooter_ok_ms),
        },
        late_shots: it.late_shots,
        extra_shots: it.extra_shots,
        extra_hits: it.extra_hits,
    })
}

fn status_in(it: pb::Status) -> Result<Status, WireError> {
    Ok(Status {
        about: About {
            drill: (it.drill != 0).then_some(DrillNo(it.drill)),
            shooter: ShooterNo(number(it.shooter, "shooter")?),
        },
        kind: match pb::StatusKind::try_from(it.kind) {
            Ok(pb::StatusKind::Dnf) => StatusKind::Dnf,
            Ok(pb::StatusKind::MatchDq) => StatusKind::MatchDq,
            Ok(pb::StatusKind::Withdrawn) => StatusKind::Withdrawn,
            Ok(pb::StatusKind::Unspecified) | Err(_) => return Err(WireError::Invalid("status")),
        },
        rule: (it.rule != 0).then_some(RuleNo(it.rule)),
        note: note(it.note)?,
    })
}

fn void_in(it: pb::Void, log: &LogName) -> Result<Void, WireError> {
    let entry = if it.seq == 0 {
        EntryId(uuid::Uuid::from_bytes(fixed(&it.entry, "entry of a void")?))
    } else {
        entry_id(log, it.seq)
    };
    let reason = match pb::VoidReason::try_from(it.reason) {
        Ok(pb::VoidReason::WrongShooter) => VoidReason::WrongShooter,
        Ok(pb::VoidReason::WrongDrill) => VoidReason::WrongDrill,
        Ok(pb::VoidReason::Hits) => VoidReason::Hits,
        Ok(pb::VoidReason::Time) => VoidReason::Time,
        Ok(pb::VoidReason::Penalty) => VoidReason::Penalty,
        Ok(pb::VoidReason::Reshoot) => VoidReason::Reshoot,
        Ok(pb::VoidReason::Duplicate) => VoidReason::Duplicate,
        Ok(pb::VoidReason::Definition) => VoidReason::Definition,
        Ok(pb::VoidReason::Arbitration) => VoidReason::Arbitration,
        Ok(pb::VoidReason::Test) => VoidReason::Test,
        Ok(pb::VoidReason::Unspecified) | Err(_) => {
            return Err(WireError::Invalid("reason of a void"));
        }
    };
    Ok(Void {
        entry,
        reason,
        note: note(it.note)?,
    })
}

fn chrono_in(it: pb::Chrono) -> Result<Chrono, WireError> {
    if READINGS_MAX < it.weights_dgr.len() || READINGS_MAX < it.speeds_fps.len() {
        return Err(WireError::TooLarge("chronograph reading"));
    }
    Ok(Chrono {
        drill: DrillNo(number(it.drill, "drill")?),
        shooter: ShooterNo(number(it.shooter, "shooter")?),
        weights_decigrains: it.weights_dgr,
        speeds_fps: it.speeds_fps,
        gear: match pb::Gear::try_from(it.gear) {
            Ok(pb::Gear::Unspecified) => None,
            Ok(pb::Gear::Pass) => Some(Gear::Pass),
            Ok(pb::Gear::Fail) => Some(Gear::Fail),
            Err(_) => return Err(WireError::Invalid("gear")),
        },
    })
}

/// Refuses a note above 120 bytes.
pub(super) fn note(note: String) -> Result<String, WireError> {
    if 120 < note.len() {
        Err(WireError::TooLarge("note"))
    } else {
        Ok(note)
    }
}
