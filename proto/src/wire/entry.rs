//! One log record in bytes.

mod record;

use alloc::{string::String, vec::Vec};

use prost::Message as _;

use super::{
    ENTRY_BYTES_MAX, STATEMENT_BYTES_MAX, WireError, entry_id, event::number, fixed,
    generated as pb,
};
use crate::model::{
    About, Agreed, Approvals, Approve, Body, Chrono, DrillNo, Entry, EntryId, Gear, GrantId, Hash,
    Hits, Incarnation, LogName, Marks, Penalty, Point, Predecessor, RuleNo, Score, SetScore,
    ShooterNo, Status, StatusKind, Steel, StringFaults, TimeSource, Void, VoidReason,
};

pub(super) use record::{MEDIA_MAX, MIME_BYTES_MAX, person_in, person_out};

/// Most targets of a score; more than any drill has.
pub(super) const TARGETS_MAX: usize = 64;
/// Most speeds or weights of a chronograph reading.
const READINGS_MAX: usize = 16;
/// Most predecessors an entry may name: the limit of incarnations for one grant.
const PREDECESSORS_MAX: usize = 512;

/// Most shots whose rings a score tells: a whole course of fire of 60 and sighters.
const RINGS_MAX: usize = 120;
/// Most strings of a score.
const STRINGS_MAX: usize = 16;

/// Encodes an entry. `same_log` is the sequence of the entry that a void, an approval or a
/// corrected score names, when that stands in the same log: 1 to 3 bytes instead of 16.
///
/// Source: PROTOCOL R-ENTRY-1.
pub fn encode_entry(entry: &Entry, same_log: Option<u64>) -> Vec<u8> {
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
        body: body_out(&entry.body, same_log),
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

fn body_out(body: &Body, same_log: Option<u64>) -> Option<pb::entry::Body> {
    Some(match body {
        Body::Score(score) => pb::entry::Body::Score(score_out(score, same_log)),
        Body::Status(status) => pb::entry::Body::Status(status_out(status)),
        Body::Void(void) => {
            let (seq, entry) = named(void.entry, same_log);
            pb::entry::Body::Void(pb::Void {
                seq,
                entry,
                reason: void_reason_out(void.reason).into(),
                note: void.note.clone(),
                agreed: u32::from(void.agreed.shooter) | u32::from(void.agreed.ro) << 1,
            })
        }
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
        Body::Approve(approve) => {
            let (seq, entry) = named(approve.entry, same_log);
            let (ro_ok_ms, shooter_ok_ms, ok_bits) = approvals_out(approve.approvals);
            pb::entry::Body::Approve(pb::Approve {
                seq,
                entry,
                ro_ok_ms,
                shooter_ok_ms,
                ok_bits,
            })
        }
        Body::Point(point) => pb::entry::Body::Point(pb::Point {
            drill: point.drill.0,
            side: point.side.0,
            set: point.set,
            number: point.number,
        }),
        Body::SetScore(it) => pb::entry::Body::SetScore(pb::SetScore {
            drill: it.drill.0,
            side: it.side.0,
            set: it.set,
            own: it.own,
            other: it.other,
        }),
        Body::Incident(it) => pb::entry::Body::Incident(record::incident_out(it)),
        Body::Report(it) => pb::entry::Body::Report(record::report_out(it)),
        Body::JuryDecision(it) => pb::entry::Body::JuryDecision(record::jury_decision_out(it)),
        Body::Record(it) => pb::entry::Body::Record(record::record_out(it)),
        Body::Statement(bytes) => pb::entry::Body::Statement(bytes.clone()),
        Body::Seal => pb::entry::Body::Seal(pb::Seal {}),
        Body::Unknown => return None,
    })
}

/// Names an entry by its sequence in the same log, or by its id.
fn named(entry: EntryId, same_log: Option<u64>) -> (u64, Vec<u8>) {
    match same_log {
        Some(seq) => (seq, Vec::new()),
        None => (0, entry.0.as_bytes().to_vec()),
    }
}

fn approvals_out(approvals: Approvals) -> (i64, i64, u32) {
    let bits =
        u32::from(approvals.ro_ms.is_some()) | u32::from(approvals.shooter_ms.is_some()) << 1;
    (
        approvals.ro_ms.unwrap_or(0),
        approvals.shooter_ms.unwrap_or(0),
        bits,
    )
}

fn score_out(score: &Score, same_log: Option<u64>) -> pb::Score {
    let steel = [
        score.steel.hit,
        score.steel.miss,
        score.steel.no_penalty_miss,
        score.steel.no_shoot,
    ];
    let (ro_ok_ms, shooter_ok_ms, ok_bits) = approvals_out(score.approvals);
    let (instead_of_seq, instead_of) = match score.instead_of {
        None => (0, Vec::new()),
        Some(entry) => named(entry, same_log),
    };
    let marks = &score.marks;
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
        ro_ok_ms,
        shooter_ok_ms,
        ok_bits,
        late_shots: score.late_shots,
        extra_shots: score.extra_shots,
        extra_hits: score.extra_hits,
        rings: marks.rings.clone(),
        points_down: marks.points_down.clone(),
        xs: marks.xs,
        string_faults: marks
            .string_faults
            .iter()
            .copied()
            .map(faults_out)
            .collect(),
        timer: marks.time_source == TimeSource::Timer,
        instead_of_seq,
        instead_of,
    }
}

fn faults_out(faults: StringFaults) -> u32 {
    u32::from_le_bytes([
        faults.missed,
        faults.procedurals,
        faults.movement,
        u8::from(faults.unfinished),
    ])
}

fn status_out(status: &Status) -> pb::Status {
    pb::Status {
        shooter: status.about.shooter.0,
        drill: status.about.drill.map_or(0, |drill| drill.0),
        kind: match status.kind {
            StatusKind::Dnf => pb::StatusKind::Dnf,
            StatusKind::MatchDq => pb::StatusKind::MatchDq,
            StatusKind::Withdrawn => pb::StatusKind::Withdrawn,
            StatusKind::Dns => pb::StatusKind::Dns,
            StatusKind::StageDq => pb::StatusKind::StageDq,
            StatusKind::Warning => pb::StatusKind::Warning,
        }
        .into(),
        rule: status.rule.map_or(0, |rule| rule.0),
        note: status.note.clone(),
        attempt: status.attempt,
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
        pb::entry::Body::Score(it) => Body::Score(score_in(it, log)?),
        pb::entry::Body::Status(it) => Body::Status(status_in(it)?),
        pb::entry::Body::Void(it) => Body::Void(void_in(it, log)?),
        pb::entry::Body::Chrono(it) => Body::Chrono(chrono_in(it)?),
        pb::entry::Body::Statement(bytes) => Body::Statement(bytes),
        pb::entry::Body::Seal(_) => Body::Seal,
        pb::entry::Body::Approve(it) => Body::Approve(Approve {
            entry: named_in(it.seq, &it.entry, log, "entry of an approval")?,
            approvals: approvals_in(it.ro_ok_ms, it.shooter_ok_ms, it.ok_bits),
        }),
        pb::entry::Body::Point(it) => Body::Point(Point {
            drill: DrillNo(number(it.drill, "drill")?),
            side: ShooterNo(number(it.side, "side")?),
            set: number(it.set, "set")?,
            number: number(it.number, "number of a point")?,
        }),
        pb::entry::Body::SetScore(it) => Body::SetScore(SetScore {
            drill: DrillNo(number(it.drill, "drill")?),
            side: ShooterNo(number(it.side, "side")?),
            set: number(it.set, "set")?,
            own: it.own,
            other: it.other,
        }),
        pb::entry::Body::Incident(it) => Body::Incident(record::incident_in(it)?),
        pb::entry::Body::Report(it) => Body::Report(record::report_in(it)?),
        pb::entry::Body::JuryDecision(it) => Body::JuryDecision(record::jury_decision_in(it)?),
        pb::entry::Body::Record(it) => Body::Record(record::record_in(it)?),
    })
}

/// Reads the name of an entry: a sequence of the same log, or where that is 0, an id.
fn named_in(
    seq: u64,
    entry: &[u8],
    log: &LogName,
    field: &'static str,
) -> Result<EntryId, WireError> {
    if seq != 0 {
        return Ok(entry_id(log, seq));
    }
    Ok(EntryId(uuid::Uuid::from_bytes(fixed(entry, field)?)))
}

fn approvals_in(ro_ok_ms: i64, shooter_ok_ms: i64, ok_bits: u32) -> Approvals {
    Approvals {
        ro_ms: (ok_bits & 1 != 0).then_some(ro_ok_ms),
        shooter_ms: (ok_bits & 2 != 0).then_some(shooter_ok_ms),
    }
}

fn marks_in(it: &mut pb::Score) -> Result<Marks, WireError> {
    if RINGS_MAX < it.rings.len()
        || TARGETS_MAX < it.points_down.len()
        || STRINGS_MAX < it.string_faults.len()
    {
        return Err(WireError::TooLarge("score"));
    }
    if it.rings.iter().any(|&ring| 11 < ring) {
        return Err(WireError::Invalid("ring of a shot"));
    }
    let string_faults = it.string_faults.iter().map(|packed| {
        let [missed, procedurals, movement, unfinished] = packed.to_le_bytes();
        if 1 < unfinished {
            return Err(WireError::Invalid("faults of a string"));
        }
        Ok(StringFaults {
            missed,
            procedurals,
            movement,
            unfinished: unfinished == 1,
        })
    });
    Ok(Marks {
        string_faults: string_faults.collect::<Result<_, _>>()?,
        rings: core::mem::take(&mut it.rings),
        points_down: core::mem::take(&mut it.points_down),
        xs: it.xs,
        time_source: if it.timer {
            TimeSource::Timer
        } else {
            TimeSource::Typed
        },
    })
}

fn score_in(mut it: pb::Score, log: &LogName) -> Result<Score, WireError> {
    if TARGETS_MAX < it.hits.len()
        || TARGETS_MAX < it.penalties.len()
        || STRINGS_MAX < it.time_cs.len()
    {
        return Err(WireError::TooLarge("score"));
    }
    let marks = marks_in(&mut it)?;
    let instead_of = if it.instead_of_seq == 0 && it.instead_of.is_empty() {
        None
    } else {
        Some(named_in(
            it.instead_of_seq,
            &it.instead_of,
            log,
            "entry that a score stands for",
        )?)
    };
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
        approvals: approvals_in(it.ro_ok_ms, it.shooter_ok_ms, it.ok_bits),
        late_shots: it.late_shots,
        extra_shots: it.extra_shots,
        extra_hits: it.extra_hits,
        marks,
        instead_of,
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
            Ok(pb::StatusKind::Dns) => StatusKind::Dns,
            Ok(pb::StatusKind::StageDq) => StatusKind::StageDq,
            Ok(pb::StatusKind::Warning) => StatusKind::Warning,
            Ok(pb::StatusKind::Unspecified) | Err(_) => return Err(WireError::Invalid("status")),
        },
        attempt: it.attempt,
        rule: (it.rule != 0).then_some(RuleNo(it.rule)),
        note: note(it.note)?,
    })
}

fn void_in(it: pb::Void, log: &LogName) -> Result<Void, WireError> {
    let entry = named_in(it.seq, &it.entry, log, "entry of a void")?;
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
        agreed: Agreed {
            shooter: it.agreed & 1 != 0,
            ro: it.agreed & 2 != 0,
        },
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
