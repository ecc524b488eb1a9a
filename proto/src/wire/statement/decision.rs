//! The owner's decisions in bytes: adoption, amendment, the end of the event.

use crate::{
    model::{
        Adopt, Amend, Amendment, Decision, EventClose, GrantId, Hash, Incarnation, LogEnd, LogName,
        Phase, PhaseChange,
    },
    wire::{
        WireError,
        entry::note,
        event::{
            drill_in, drill_out, key, kind_in, kind_out, place_in, place_out, rule_in, rule_out,
        },
        fixed, generated as pb,
    },
};

pub(super) fn adopt_out(it: &Adopt) -> pb::Adopt {
    pb::Adopt {
        grant: it.log.grant.0.0.to_vec(),
        incarnation: it.log.incarnation.0,
        from: it.from,
        to: it.to,
        hash: it.hash.0.to_vec(),
        decision: match it.decision {
            Decision::Count => pb::Decision::Count,
            Decision::Reject => pb::Decision::Reject,
        }
        .into(),
    }
}

pub(super) fn adopt_in(it: &pb::Adopt) -> Result<Adopt, WireError> {
    if it.from == 0 || it.to < it.from {
        return Err(WireError::Invalid("entries of an adoption"));
    }
    Ok(Adopt {
        log: LogName {
            grant: GrantId(Hash(fixed(&it.grant, "grant of an adoption")?)),
            incarnation: Incarnation(it.incarnation),
        },
        from: it.from,
        to: it.to,
        hash: Hash(fixed(&it.hash, "hash of an adoption")?),
        decision: match pb::Decision::try_from(it.decision) {
            Ok(pb::Decision::Count) => Decision::Count,
            Ok(pb::Decision::Reject) => Decision::Reject,
            Ok(pb::Decision::Unspecified) | Err(_) => {
                return Err(WireError::Invalid("decision of an adoption"));
            }
        },
    })
}

pub(super) fn amend_out(it: &Amend) -> pb::Amend {
    pb::Amend {
        change: Some(match &it.change {
            Amendment::Drill(drill) => pb::amend::Change::Drill(drill_out(drill)),
            Amendment::Rule(rule) => pb::amend::Change::Rule(rule_out(rule)),
            Amendment::Place(place) => pb::amend::Change::Place(place_out(place)),
            Amendment::Kind(kind) => pb::amend::Change::Kind(kind_out(kind)),
        }),
        note: it.note.clone(),
    }
}

pub(super) fn amend_in(it: pb::Amend) -> Result<Amend, WireError> {
    Ok(Amend {
        change: match it.change.ok_or(WireError::Invalid("amendment"))? {
            pb::amend::Change::Drill(drill) => Amendment::Drill(drill_in(drill)?),
            pb::amend::Change::Rule(rule) => Amendment::Rule(rule_in(rule)?),
            pb::amend::Change::Place(place) => Amendment::Place(place_in(place)?),
            pb::amend::Change::Kind(kind) => Amendment::Kind(kind_in(kind)?),
        },
        note: note(it.note)?,
    })
}

pub(super) fn phase_out(it: &PhaseChange) -> pb::PhaseChange {
    let (phase, at_ms) = match it.phase {
        Phase::Scoring => (pb::Phase::Scoring, 0),
        Phase::Provisional { review_ends_ms } => (pb::Phase::Provisional, review_ends_ms),
        Phase::Final { since_ms } => (pb::Phase::Final, since_ms),
    };
    pb::PhaseChange {
        phase: phase.into(),
        at_ms,
        note: it.note.clone(),
    }
}

pub(super) fn phase_in(it: pb::PhaseChange) -> Result<PhaseChange, WireError> {
    Ok(PhaseChange {
        phase: match pb::Phase::try_from(it.phase) {
            Ok(pb::Phase::Scoring) => Phase::Scoring,
            Ok(pb::Phase::Provisional) => Phase::Provisional {
                review_ends_ms: it.at_ms,
            },
            Ok(pb::Phase::Final) => Phase::Final { since_ms: it.at_ms },
            Ok(pb::Phase::Unspecified) | Err(_) => return Err(WireError::Invalid("phase")),
        },
        note: note(it.note)?,
    })
}

pub(super) fn event_close_out(it: &EventClose) -> pb::EventClose {
    pb::EventClose {
        ends: it
            .ends
            .iter()
            .map(|end| pb::LogEnd {
                log: end.log.to_vec(),
                height: end.height,
                hash: end.hash.0.to_vec(),
            })
            .collect(),
        lost: it.lost.iter().map(|key| key.as_bytes().to_vec()).collect(),
    }
}

pub(super) fn event_close_in(it: &pb::EventClose) -> Result<EventClose, WireError> {
    let ends = it.ends.iter().map(|end| {
        Ok(LogEnd {
            log: fixed(&end.log, "log of an end")?,
            height: end.height,
            hash: Hash(fixed(&end.hash, "hash of an end")?),
        })
    });
    let lost = it.lost.iter().map(|bytes| key(bytes, "lost device"));
    Ok(EventClose {
        ends: ends.collect::<Result<_, WireError>>()?,
        lost: lost.collect::<Result<_, _>>()?,
    })
}
