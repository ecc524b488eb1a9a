//! What the office asks: incidents, records, conflicts, devices, grants, reports. Each is a verb of
//! the command line; nothing is added here.
//!
//! Layer: node, api.

use axum::response::Response;
use serde::Deserialize;
use serde_json::Value;

use super::ask::Ask;
use super::failure::Failure;
use crate::local::protocol::{
    Adopt, Decide, Grant, IncidentAdd, IncidentReport, IncidentsQuery, Nothing, RecordsQuery,
    ReportKind, ReportQuery, Request, StatementsQuery,
};

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct WantedIncidents {
    race: Option<u32>,
    bib: Option<u32>,
    incident: Option<String>,
    event: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct WantedRecords {
    key: Option<String>,
    on: Option<String>,
    event: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct WantedReport {
    shooter: Option<u32>,
    date: Option<String>,
    event: Option<String>,
}

pub(super) async fn incidents(ask: Ask) -> Result<Response, Failure> {
    let WantedIncidents {
        race,
        bib,
        incident,
        ..
    } = ask.query()?;
    let query = IncidentsQuery {
        race,
        bib,
        incident,
    };
    ask.pass(Request::Incidents(query)).await
}

pub(super) async fn incident_add(ask: Ask) -> Result<Response, Failure> {
    let add: IncidentAdd = ask.json()?;
    ask.pass(Request::IncidentAdd(add)).await
}

pub(super) async fn incident_report(ask: Ask) -> Result<Response, Failure> {
    let report: IncidentReport = ask.json()?;
    ask.pass(Request::IncidentReport(report)).await
}

pub(super) async fn decide(ask: Ask) -> Result<Response, Failure> {
    let decide: Decide = ask.json()?;
    ask.pass(Request::Decide(decide)).await
}

pub(super) async fn records(ask: Ask) -> Result<Response, Failure> {
    let WantedRecords { key, on, .. } = ask.query()?;
    let kind = ask.part("kind")?.to_owned();
    ask.pass(Request::Records(RecordsQuery { kind, key, on }))
        .await
}

pub(super) async fn conflicts(ask: Ask) -> Result<Response, Failure> {
    ask.pass(Request::Conflicts(Nothing {})).await
}

pub(super) async fn adopt(ask: Ask) -> Result<Response, Failure> {
    let adopt: Adopt = ask.json()?;
    ask.pass(Request::Adopt(adopt)).await
}

pub(super) async fn devices(ask: Ask) -> Result<Response, Failure> {
    ask.pass(Request::Devices(Nothing {})).await
}

pub(super) async fn status(ask: Ask) -> Result<Response, Failure> {
    ask.pass(Request::Status(Nothing {})).await
}

pub(super) async fn grants(ask: Ask) -> Result<Response, Failure> {
    ask.pass(Request::Grants(Nothing {})).await
}

pub(super) async fn statements(ask: Ask) -> Result<Response, Failure> {
    ask.pass(Request::EventStatements(StatementsQuery::default()))
        .await
}

pub(super) async fn grant(ask: Ask) -> Result<Response, Failure> {
    let grant: Grant = ask.json()?;
    ask.pass(Request::Grant(grant)).await
}

pub(super) async fn report(ask: Ask) -> Result<Response, Failure> {
    let WantedReport { shooter, date, .. } = ask.query()?;
    let kind = ask.part("kind")?;
    let report: ReportKind = serde_json::from_value(Value::from(kind)).map_err(|_| {
        let text = format!(
            "there is no report \"{kind}\"; use sheet, progress, penalties, chrono, audit, missing, \
             day, compliance, court or race"
        );
        Failure::bad_request("kind", text)
    })?;
    ask.pass(Request::Report(ReportQuery {
        report,
        shooter,
        date,
    }))
    .await
}
