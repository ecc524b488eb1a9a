//! Verbs beyond scores: incidents, decisions, records, conflicts.
//!
//! Layer: node, cli.

use std::collections::BTreeMap;

use serde_json::Value;

use super::args::{
    ConflictsVerb, Decide, IncidentAdd, IncidentList, IncidentReport, IncidentVerb, RecordAdd,
    RecordList, RecordSet, RecordVerb,
};
use super::failure::Failure;
use super::media;
use super::session::{DONE, Session, say};
use super::show;
use crate::local::protocol::{
    self, Conflicts, Incidents, IncidentsQuery, Kinds, Nothing, RecordWrite, Recorded, Records,
    RecordsQuery, Request, RulingWord, codes, exits,
};

pub(super) fn incident(verb: IncidentVerb, session: &Session) -> Result<u8, Failure> {
    let screen = session.config.screen;
    match verb {
        IncidentVerb::Add(args) => recorded(Request::IncidentAdd(add(args)), session),
        IncidentVerb::Report(args) => {
            recorded(Request::IncidentReport(report(args, session)?), session)
        }
        IncidentVerb::List(IncidentList { race, bib }) => {
            let query = IncidentsQuery {
                race,
                bib,
                incident: None,
            };
            session
                .show::<Incidents>(Request::Incidents(query), |it| show::incidents(it, screen))?;
            Ok(DONE)
        }
        IncidentVerb::Show { incident } => {
            let query = IncidentsQuery {
                incident: Some(incident.clone()),
                ..IncidentsQuery::default()
            };
            let told = session.show::<Incidents>(Request::Incidents(query), show::incident)?;
            if told.groups.is_empty() {
                return Err(Failure::new(
                    codes::UNKNOWN_ENTRY,
                    exits::FAILURE,
                    format!(
                        "incident {incident} is not on this device; sync, or list those that are \
                         with `tallyline incident list`"
                    ),
                ));
            }
            Ok(DONE)
        }
    }
}

pub(super) fn decide(args: Decide, session: &Session) -> Result<u8, Failure> {
    let Decide {
        incident,
        none: _,
        warning,
        time,
        dsq,
        rule,
        note,
    } = args;
    let ruling = match (warning, time, dsq) {
        (true, _, _) => RulingWord::Warning,
        (false, Some(_), _) => RulingWord::Time,
        (false, None, true) => RulingWord::Dsq,
        (false, None, false) => RulingWord::None,
    };
    let request = protocol::Decide {
        incident,
        ruling,
        time_cs: time.unwrap_or(0),
        rule,
        note,
        wall_ms: None,
    };
    recorded(Request::Decide(request), session)
}

fn change(set: RecordSet) -> RecordWrite {
    RecordWrite {
        kind: set.kind,
        key: Some(set.record),
        on: set.on,
        fields: said(set.fields),
        gone: set.gone,
        confirmed: set.confirm,
        ..RecordWrite::default()
    }
}

pub(super) fn record(verb: RecordVerb, session: &Session) -> Result<u8, Failure> {
    let screen = session.config.screen;
    match verb {
        RecordVerb::Kinds => {
            session.show::<Kinds>(Request::RecordKinds(Nothing {}), |it| {
                show::kinds(&it.kinds, screen)
            })?;
            Ok(DONE)
        }
        RecordVerb::Add(RecordAdd {
            kind,
            fields,
            on,
            key,
            confirm,
        }) => {
            let write = RecordWrite {
                kind,
                key,
                on,
                fields: said(fields),
                confirmed: confirm,
                ..RecordWrite::default()
            };
            recorded(Request::RecordAdd(write), session)
        }
        RecordVerb::Set(set) => recorded(Request::RecordSet(change(set)), session),
        RecordVerb::List(RecordList { kind, on }) => {
            let key = None;
            let query = RecordsQuery { kind, key, on };
            session.show::<Records>(Request::Records(query), |it| show::records(it, screen))?;
            Ok(DONE)
        }
        RecordVerb::Show { kind, record } => {
            let query = RecordsQuery {
                kind,
                key: Some(record.clone()),
                on: None,
            };
            let told =
                session.show::<Records>(Request::Records(query), |it| show::record(it, screen))?;
            if told.records.is_empty() {
                return Err(Failure::new(
                    codes::UNKNOWN_ENTRY,
                    exits::FAILURE,
                    format!(
                        "record {record} is not on this device; sync, or list those that are with \
                         `tallyline record list`"
                    ),
                ));
            }
            Ok(DONE)
        }
    }
}

/// Lists or shows what needs a person; the exit code says whether anything does.
pub(super) fn conflicts(verb: ConflictsVerb, session: &Session) -> Result<u8, Failure> {
    let screen = session.config.screen;
    let request = Request::Conflicts(Nothing {});
    match verb {
        ConflictsVerb::List => {
            let told: Conflicts = session.show(request, |it| show::conflicts(it, screen))?;
            if told.conflicts.is_empty() {
                if !session.json {
                    say("Nothing needs a person.");
                }
                return Ok(DONE);
            }
            Ok(exits::CONFLICT)
        }
        ConflictsVerb::Show { name } => {
            let mut told: Conflicts = protocol::Answer::Ok(session.ask(request)?).data()?;
            let lower = name.to_lowercase();
            told.conflicts.retain(|it| it.name.starts_with(&lower));
            if told.conflicts.is_empty() {
                return Err(Failure::new(
                    codes::UNKNOWN_ENTRY,
                    exits::FAILURE,
                    format!(
                        "no conflict here is called {name:?}; `tallyline conflicts list` lists them"
                    ),
                ));
            }
            if session.json {
                let line = serde_json::to_string(&told).unwrap_or_default();
                session.write(&format!("{line}\n"))?;
            } else {
                session.write(&show::conflicts(&told, screen))?;
            }
            Ok(exits::CONFLICT)
        }
    }
}

fn add(args: IncidentAdd) -> protocol::IncidentAdd {
    let IncidentAdd {
        race,
        bib,
        place,
        ago,
        rule,
        text,
        id,
    } = args;
    protocol::IncidentAdd {
        race,
        bib,
        place,
        before_ms: i64::from(ago).saturating_mul(10),
        rule,
        text,
        id,
        wall_ms: None,
    }
}

/// Takes the files in first: what a report names is here and hashed before the report is written.
fn report(args: IncidentReport, session: &Session) -> Result<protocol::IncidentReport, Failure> {
    let IncidentReport {
        incident,
        text,
        media: files,
        id,
    } = args;
    let named = files.iter().map(|file| media::taken_in(file, session));
    Ok(protocol::IncidentReport {
        incident,
        text,
        media: named.collect::<Result<_, _>>()?,
        id,
        wall_ms: None,
    })
}

fn said(fields: Vec<(String, String)>) -> BTreeMap<String, Value> {
    let fields = fields.into_iter();
    fields
        .map(|(name, text)| (name, Value::from(text)))
        .collect()
}

/// Has something recorded, writes what names it, and says whether it was here already.
fn recorded(request: Request, session: &Session) -> Result<u8, Failure> {
    session.tell::<Recorded>(
        request,
        |it| format!("{}\n", it.id),
        |it| {
            if it.known {
                "Already here: nothing was written a second time.".to_owned()
            } else {
                "Saved on this device.".to_owned()
            }
        },
    )
}
