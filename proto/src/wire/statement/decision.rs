//! The owner's decisions in bytes: adoption, amendment, the end of the event.

use crate::{
    model::{
        Adopt, Amend, Amendment, Decision, EventClose, GrantId, Hash, Incarnation, LogEnd, LogName,
    },
    wire::{
        WireError,
        entry::note,
        event::{drill_in, drill_out, key, rule_in, rule_out},
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
        }),
        note: it.note.clone(),
    }
}

pub(super) fn amend_in(it: pb::Amend) -> Result<Amend, WireError> {
    Ok(Amend {
        change: match it.change.ok_or(WireError::Invalid("amendment"))? {
            pb::amend::Change::Drill(drill) => Amendment::Drill(drill_in(drill)?),
            pb::amend::Change::Rule(rule) => Amendment::Rule(rule_in(rule)?),
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
