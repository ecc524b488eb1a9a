//! Requests beyond scores: what each wants of the core, found by looking at what is there.
//!
//! Layer: node, local.

mod told;
mod values;

use tallyline_proto::model::{
    Agreed, Body, DrillNo, Incident, JuryDecision, Kind, Media, PlaceNo, Record, Report, RuleNo,
    Ruling, ShooterNo, Text,
};
use tallyline_proto::replica::{Command, GroupView, Replica, Reply, Seed};
use uuid::Uuid;

use super::clerk::no_such_verb;
use super::protocol::{
    Answer, Decide, IncidentAdd, IncidentReport, IncidentsQuery, MediaData, Problem, RecordWrite,
    Recorded, RecordsQuery, RulingWord, codes, exits,
};
use super::statement::Tell;
use super::{claims, names, protocol};
use crate::entropy;
use crate::root::unhex;

pub(super) use told::{conflicts, kinds, places};

/// Fewest characters that name something by its beginning: fewer are too easily wrong.
const BEGINNING_CHARS_MIN: usize = 4;

/// Records an incident.
pub(super) fn add(replica: &Replica, add: IncidentAdd) -> Result<(Command, Tell), Problem> {
    let incident = Incident {
        id: drawn(add.id.as_deref())?,
        race: DrillNo(add.race),
        bib: ShooterNo(add.bib),
        place: place(replica, &add.place)?,
        before_ms: add.before_ms,
        rule: add.rule.map(RuleNo),
        text: add.text.map(Text::Plain),
    };
    recorded(Body::Incident(incident), (false, add.wall_ms))
}

/// Adds a report to an incident.
pub(super) fn report(
    replica: &mut Replica,
    report: IncidentReport,
) -> Result<(Command, Tell), Problem> {
    let media = report.media.iter().map(media).collect::<Result<_, _>>()?;
    let body = Body::Report(Report {
        id: drawn(report.id.as_deref())?,
        incident: incident(replica, &report.incident)?,
        text: report.text.map(Text::Plain),
        media,
    });
    recorded(body, (false, report.wall_ms))
}

/// Decides about an incident, and with it about its group.
pub(super) fn decide(replica: &mut Replica, decide: Decide) -> Result<(Command, Tell), Problem> {
    let ruling = match decide.ruling {
        RulingWord::None => Ruling::None,
        RulingWord::Warning => Ruling::Warning,
        RulingWord::Time => Ruling::Time(decide.time_cs),
        RulingWord::Dsq => Ruling::Dsq,
    };
    let body = Body::JuryDecision(JuryDecision {
        incident: incident(replica, &decide.incident)?,
        ruling,
        rule: decide.rule.map(RuleNo),
        note: decide.note,
    });
    recorded(body, (false, decide.wall_ms))
}

/// Writes a version of a record: a new one (`creates`), or a change.
pub(super) fn write(
    replica: &mut Replica,
    write: &RecordWrite,
    creates: bool,
) -> Result<(Command, Tell), Problem> {
    let kind = kind(replica, &write.kind)?;
    let key = match &write.key {
        Some(name) if !creates => record(replica, &kind, name)?,
        named => drawn(named.as_deref())?,
    };
    let mut parents = Vec::new();
    for (no, name) in kind.parents.iter().zip(&write.on) {
        let parent = kind_of(replica, *no)?;
        parents.push(record(replica, &parent, name)?);
    }
    // One too many is for the core to refuse, which knows how many there are.
    let more = write.on.iter().skip(kind.parents.len());
    parents.extend(more.map(|_| Uuid::nil()));
    let body = Body::Record(Record {
        kind: kind.no,
        key,
        parents,
        counter: 0,
        creates,
        gone: write.gone,
        fields: values::fields(&kind, &write.fields)?,
    });
    recorded(body, (write.confirmed, write.wall_ms))
}

/// Lists incidents in their groups.
pub(super) fn incidents(
    replica: &mut Replica,
    query: &IncidentsQuery,
) -> Result<protocol::Incidents, Problem> {
    if replica.event().is_none() {
        return Err(names::no_event());
    }
    let only = query.incident.as_deref();
    let only = only.map(|name| incident(replica, name)).transpose()?;
    let mut groups = replica.incidents();
    groups.retain(|it| {
        query.race.is_none_or(|race| it.race.0 == race)
            && query.bib.is_none_or(|bib| it.bib.0 == bib)
            && only.is_none_or(|id| ids(it).any(|one| one == id))
    });
    Ok(protocol::Incidents {
        schema: "tallyline.incidents/1".to_owned(),
        zone_min: claims::zone_min(replica),
        groups: groups.iter().map(|it| told::group(replica, it)).collect(),
    })
}

/// Lists the records of a kind.
pub(super) fn records(
    replica: &mut Replica,
    query: &RecordsQuery,
) -> Result<protocol::Records, Problem> {
    let kind = kind(replica, &query.kind)?;
    let key = query.key.as_deref();
    let key = key.map(|name| record(replica, &kind, name)).transpose()?;
    let on = query.on.as_deref().map(str::to_lowercase);
    let mut views = replica.records(kind.no);
    views.retain(|it| {
        let hangs = |on: &String| {
            let mut parents = it.record.parents.iter();
            parents.any(|parent| parent.to_string().starts_with(on))
        };
        key.is_none_or(|key| it.record.key == key) && on.as_ref().is_none_or(hangs)
    });
    Ok(protocol::Records {
        schema: "tallyline.records/1".to_owned(),
        records: views
            .iter()
            .map(|it| told::record(replica, &kind, it))
            .collect(),
        kind: told::kind(replica.kinds(), &kind),
    })
}

/// Makes the command, and what is answered once the core agreed. The core seals what is to be sealed,
/// with keys of random bytes that are drawn here.
fn recorded(
    body: Body,
    (confirmed, wall_ms): (bool, Option<u64>),
) -> Result<(Command, Tell), Problem> {
    let record = Command::Record {
        body,
        replaces: None,
        agreed: Agreed::default(),
        confirmed,
        revision: None,
        wall_ms,
    };
    let command = Command::RecordSealed {
        seed: Seed(entropy::bytes()?),
        record: Box::new(record),
    };
    let tell = |reply: &Reply| {
        let Reply::Recorded { id, entry, fresh } = reply else {
            return Answer::Error(no_such_verb());
        };
        Answer::ok(&Recorded {
            schema: "tallyline.recorded/1".to_owned(),
            id: id.to_string(),
            entry: entry.to_string(),
            known: !fresh,
        })
    };
    Ok((command, Box::new(tell)))
}

/// Reads a UUID that somebody chose, or draws one.
fn drawn(named: Option<&str>) -> Result<Uuid, Problem> {
    let Some(named) = named else {
        return Ok(uuid::Builder::from_random_bytes(entropy::bytes()?).into_uuid());
    };
    named.trim().parse().map_err(|_| {
        let text = format!("{named:?} is no UUID; nothing was changed; leave it out to draw one");
        Problem::new(codes::BAD_VALUE, exits::USAGE, text)
    })
}

/// Finds a place by number or name.
fn place(replica: &Replica, name: &str) -> Result<PlaceNo, Problem> {
    let Some(roster) = replica.roster() else {
        return Err(names::no_event());
    };
    // A number is taken as it is: the core says which there are.
    if let Ok(number) = name.trim().parse() {
        return Ok(PlaceNo(number));
    }
    let places = &roster.structure().places;
    let found = places
        .iter()
        .find(|it| it.name.eq_ignore_ascii_case(name.trim()));
    found.map(|it| it.no).ok_or_else(|| {
        let known: Vec<&str> = places.iter().map(|it| it.name.as_str()).collect();
        let text = format!(
            "the event has no place {name:?}; nothing was changed; places are: {}",
            known.join(", ")
        );
        Problem::new(codes::BAD_VALUE, exits::FAILURE, text)
    })
}

/// Finds a kind by name or number.
fn kind(replica: &Replica, name: &str) -> Result<Kind, Problem> {
    if replica.event().is_none() {
        return Err(names::no_event());
    }
    let number: Option<u32> = name.trim().parse().ok();
    let mut kinds = replica.kinds().iter();
    let found =
        kinds.find(|it| it.name.eq_ignore_ascii_case(name.trim()) || number == Some(it.no.0));
    found.cloned().ok_or_else(|| {
        let known: Vec<&str> = replica.kinds().iter().map(|it| it.name.as_str()).collect();
        let known = if known.is_empty() {
            "the event records nothing beyond scores".to_owned()
        } else {
            format!("kinds are: {}", known.join(", "))
        };
        let text = format!("no kind of record is called {name:?}; nothing was changed; {known}");
        Problem::new(codes::BAD_VALUE, exits::FAILURE, text)
    })
}

fn kind_of(replica: &Replica, no: tallyline_proto::model::KindNo) -> Result<Kind, Problem> {
    kind(replica, &no.to_string())
}

/// Returns every incident of a group.
fn ids(group: &GroupView) -> impl Iterator<Item = Uuid> + '_ {
    group.incidents.iter().map(|it| it.first.says.id)
}

/// Finds an incident by its UUID or a beginning of it.
fn incident(replica: &mut Replica, name: &str) -> Result<Uuid, Problem> {
    let groups = replica.incidents();
    let known = groups.iter().flat_map(ids);
    called(name, known, ("incident", "tallyline incident list"))
}

/// Finds a record of a kind by its UUID or a beginning of it.
fn record(replica: &mut Replica, kind: &Kind, name: &str) -> Result<Uuid, Problem> {
    let records = replica.records(kind.no);
    let known = records.iter().map(|it| it.record.key);
    let list = format!("tallyline record list {}", kind.name);
    called(name, known, (&kind.name, &list))
}

/// Finds what is called so; a whole UUID is taken as it is, since it may come later.
fn called(
    name: &str,
    known: impl Iterator<Item = Uuid>,
    (what, list): (&str, &str),
) -> Result<Uuid, Problem> {
    if let Ok(id) = name.trim().parse() {
        return Ok(id);
    }
    let lower = name.trim().to_lowercase();
    let begins =
        |id: &Uuid| BEGINNING_CHARS_MIN <= lower.len() && id.to_string().starts_with(&lower);
    let mut found: Vec<Uuid> = known.filter(begins).collect();
    found.dedup();
    let text = match found.as_slice() {
        [id] => return Ok(*id),
        [] => {
            format!("no {what} here is called {name:?}; nothing was changed; `{list}` lists them")
        }
        [..] => format!("several begin with {name:?}; nothing was changed; use the whole UUID"),
    };
    Err(Problem::new(codes::UNKNOWN_ENTRY, exits::FAILURE, text))
}

fn media(data: &MediaData) -> Result<Media, Problem> {
    let bytes = unhex(&data.hash).and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
    let hash = bytes.ok_or_else(|| {
        let text = format!(
            "{:?} is no hash of 32 bytes in hex; nothing was changed",
            data.hash
        );
        Problem::new(codes::BAD_VALUE, exits::USAGE, text)
    })?;
    Ok(Media {
        hash,
        bytes: data.bytes,
        mime: data.mime.clone(),
    })
}
