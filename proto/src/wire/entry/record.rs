//! Records, incidents and sealed texts in bytes.

use alloc::{string::String, vec::Vec};

use tallyline_keys::SEALED_BYTES_MAX;
use uuid::Uuid;

use super::note;
use crate::{
    model::{
        DrillNo, FieldNo, Incident, JuryDecision, KeyId, KindNo, Media, Person, PlaceNo, Record,
        Report, RuleNo, Ruling, Sealed, ShooterNo, Text, Value,
    },
    wire::{WireError, event::number, fixed, generated as pb},
};

/// Longest text of a record, an incident or a report, in bytes.
const TEXT_BYTES_MAX: usize = 200;
/// Most parents and most fields of a record.
const LIST_MAX: usize = 32;
/// Most pictures and clips of a report, and pictures of a drill.
pub(in crate::wire) const MEDIA_MAX: usize = 8;
/// Longest name of a media type, in bytes.
pub(in crate::wire) const MIME_BYTES_MAX: usize = 64;

pub(super) fn record_out(record: &Record) -> pb::Record {
    pb::Record {
        kind: record.kind.0,
        key: record.key.as_bytes().to_vec(),
        parents: record
            .parents
            .iter()
            .map(|it| it.as_bytes().to_vec())
            .collect(),
        counter: record.counter,
        creates: record.creates,
        gone: record.gone,
        fields: record
            .fields
            .iter()
            .map(|(field, value)| pb::FieldValue {
                field: field.0,
                value: Some(match value {
                    Value::Text(text) => pb::field_value::Value::Text(text.clone()),
                    Value::Number(number) => pb::field_value::Value::Number(*number),
                    Value::Sealed(sealed) => pb::field_value::Value::Sealed(sealed_out(sealed)),
                }),
            })
            .collect(),
    }
}

pub(super) fn record_in(it: pb::Record) -> Result<Record, WireError> {
    if LIST_MAX < it.parents.len() || LIST_MAX < it.fields.len() {
        return Err(WireError::TooLarge("record"));
    }
    let fields = it.fields.into_iter().map(|it| {
        let field = FieldNo(number(it.field, "field of a record")?);
        let value = match it.value.ok_or(WireError::Invalid("value of a record"))? {
            pb::field_value::Value::Text(text) => Value::Text(bounded(text)?),
            pb::field_value::Value::Number(number) => Value::Number(number),
            pb::field_value::Value::Sealed(sealed) => Value::Sealed(sealed_in(sealed)?),
        };
        Ok((field, value))
    });
    let fields: Vec<(FieldNo, Value)> = fields.collect::<Result<_, WireError>>()?;
    if !fields.is_sorted_by(|(one, _), (next, _)| one < next) {
        return Err(WireError::Invalid("order of a record's fields"));
    }
    let parents = it.parents.iter().map(|it| uuid(it, "parent of a record"));
    Ok(Record {
        kind: KindNo(number(it.kind, "kind of a record")?),
        key: uuid(&it.key, "key of a record")?,
        parents: parents.collect::<Result<_, _>>()?,
        counter: it.counter,
        creates: it.creates,
        gone: it.gone,
        fields,
    })
}

pub(super) fn incident_out(incident: &Incident) -> pb::Incident {
    pb::Incident {
        id: incident.id.as_bytes().to_vec(),
        race: incident.race.0,
        bib: incident.bib.0,
        place: incident.place.0,
        before_ms: incident.before_ms,
        rule: incident.rule.map_or(0, |rule| rule.0),
        text: incident.text.as_ref().map(text_out),
    }
}

pub(super) fn incident_in(it: pb::Incident) -> Result<Incident, WireError> {
    Ok(Incident {
        id: uuid(&it.id, "id of an incident")?,
        race: DrillNo(number(it.race, "race")?),
        bib: ShooterNo(number(it.bib, "bib")?),
        place: PlaceNo(number(it.place, "place")?),
        before_ms: it.before_ms,
        rule: (it.rule != 0).then_some(RuleNo(it.rule)),
        text: it.text.map(text_in).transpose()?,
    })
}

pub(super) fn report_out(report: &Report) -> pb::Report {
    pb::Report {
        id: report.id.as_bytes().to_vec(),
        incident: report.incident.as_bytes().to_vec(),
        text: report.text.as_ref().map(text_out),
        media: report
            .media
            .iter()
            .map(|it| pb::Media {
                hash: it.hash.to_vec(),
                size: it.bytes,
                mime: it.mime.clone(),
            })
            .collect(),
    }
}

pub(super) fn report_in(it: pb::Report) -> Result<Report, WireError> {
    if MEDIA_MAX < it.media.len() {
        return Err(WireError::TooLarge("media of a report"));
    }
    let media = it.media.into_iter().map(|it| {
        if MIME_BYTES_MAX < it.mime.len() {
            return Err(WireError::TooLarge("media type"));
        }
        Ok(Media {
            hash: fixed(&it.hash, "hash of a media file")?,
            bytes: it.size,
            mime: it.mime,
        })
    });
    Ok(Report {
        id: uuid(&it.id, "id of a report")?,
        incident: uuid(&it.incident, "incident of a report")?,
        text: it.text.map(text_in).transpose()?,
        media: media.collect::<Result<_, _>>()?,
    })
}

pub(super) fn jury_decision_out(decision: &JuryDecision) -> pb::JuryDecision {
    let (ruling, time_cs) = match decision.ruling {
        Ruling::None => (pb::Ruling::None, 0),
        Ruling::Warning => (pb::Ruling::Warning, 0),
        Ruling::Time(centis) => (pb::Ruling::Time, centis),
        Ruling::Dsq => (pb::Ruling::Dsq, 0),
    };
    pb::JuryDecision {
        incident: decision.incident.as_bytes().to_vec(),
        ruling: ruling.into(),
        time_cs,
        rule: decision.rule.map_or(0, |rule| rule.0),
        note: decision.note.clone(),
    }
}

pub(super) fn jury_decision_in(it: pb::JuryDecision) -> Result<JuryDecision, WireError> {
    Ok(JuryDecision {
        incident: uuid(&it.incident, "incident of a decision")?,
        ruling: match pb::Ruling::try_from(it.ruling) {
            Ok(pb::Ruling::None) => Ruling::None,
            Ok(pb::Ruling::Warning) => Ruling::Warning,
            Ok(pb::Ruling::Time) => Ruling::Time(it.time_cs),
            Ok(pb::Ruling::Dsq) => Ruling::Dsq,
            Ok(pb::Ruling::Unspecified) | Err(_) => return Err(WireError::Invalid("ruling")),
        },
        rule: (it.rule != 0).then_some(RuleNo(it.rule)),
        note: note(it.note)?,
    })
}

/// Encodes whom something is about: a shooter's number, or 0 and a record's name.
pub(in crate::wire) fn person_out(person: Person) -> (u32, Vec<u8>) {
    match person {
        Person::Shooter(shooter) => (shooter.0, Vec::new()),
        Person::Record(key) => (0, key.as_bytes().to_vec()),
    }
}

/// Reads whom something is about.
pub(in crate::wire) fn person_in(shooter: u32, record: &[u8]) -> Result<Person, WireError> {
    match (shooter, record) {
        (0, record) => Ok(Person::Record(uuid(record, "person")?)),
        (shooter, []) => Ok(Person::Shooter(ShooterNo(shooter))),
        (_, [..]) => Err(WireError::Invalid("person")),
    }
}

fn text_out(text: &Text) -> pb::Text {
    match text {
        Text::Plain(plain) => pb::Text {
            plain: plain.clone(),
            sealed: None,
        },
        Text::Sealed(sealed) => pb::Text {
            plain: String::new(),
            sealed: Some(sealed_out(sealed)),
        },
    }
}

fn text_in(it: pb::Text) -> Result<Text, WireError> {
    match it.sealed {
        None => Ok(Text::Plain(bounded(it.plain)?)),
        Some(_) if !it.plain.is_empty() => Err(WireError::Invalid("text")),
        Some(sealed) => Ok(Text::Sealed(sealed_in(sealed)?)),
    }
}

fn sealed_out(sealed: &Sealed) -> pb::Sealed {
    let (shooter, person) = person_out(sealed.person);
    pb::Sealed {
        shooter,
        person,
        key: sealed.key.0.to_vec(),
        bytes: sealed.bytes.clone(),
    }
}

fn sealed_in(it: pb::Sealed) -> Result<Sealed, WireError> {
    if SEALED_BYTES_MAX < it.bytes.len() {
        return Err(WireError::TooLarge("sealed text"));
    }
    Ok(Sealed {
        person: person_in(it.shooter, &it.person)?,
        key: KeyId(fixed(&it.key, "key of a sealed text")?),
        bytes: it.bytes,
    })
}

fn bounded(text: String) -> Result<String, WireError> {
    if TEXT_BYTES_MAX < text.len() {
        Err(WireError::TooLarge("text"))
    } else {
        Ok(text)
    }
}

fn uuid(bytes: &[u8], field: &'static str) -> Result<Uuid, WireError> {
    Ok(Uuid::from_bytes(fixed(bytes, field)?))
}
