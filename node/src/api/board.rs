//! What spectators see: one answer with everything that a board shows, made once for all of them.
//!
//! Layer: node, api.

use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};

use super::ask::{Ask, json as answer};
use super::failure::Failure;
use super::kept::{self, For};
use crate::local::protocol::{DeviceInfo, Devices, Nothing, Request, StandingsQuery};

/// Results that are shown as the last ones.
const LAST: usize = 12;

/// Milliseconds without a word from a device after which the board says so.
const SILENT_MS: u64 = 5 * 60_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
#[derive(Default)]
struct Wanted {
    drill: Option<u32>,
    division: Option<String>,
    all: bool,
    teams: bool,
    class: Option<String>,
    category: Option<String>,
    event: Option<String>,
    ticket: Option<String>,
}

/// Lists the public events.
pub(super) async fn events(ask: Ask) -> Result<Response, Failure> {
    let mut lines = ask.api.0.parts.events.list().await;
    lines.retain(|it| it.public);
    Ok(answer(
        &json!({ "schema": "tallyline.events/1", "events": lines }),
    ))
}

/// Shows the event.
pub(super) async fn event(ask: Ask) -> Result<Response, Failure> {
    kept::verb(&ask, "event", For::Event, Request::EventShow(Nothing {})).await
}

/// Computes standings as they are asked for; the usual ones are kept.
pub(super) async fn standings(ask: Ask) -> Result<Response, Failure> {
    let wanted: Wanted = ask.query()?;
    let query = StandingsQuery {
        drill: wanted.drill,
        division: wanted.division,
        combined: false,
        all: wanted.all,
        class: wanted.class,
        category: wanted.category,
        teams: wanted.teams,
    };
    // Of what may be written in many ways nothing is kept, or asking would fill the memory.
    let free = query.class.is_some() || query.category.is_some();
    if free || query.all && (query.drill.is_some() || query.division.is_some()) {
        return ask.pass(Request::Standings(query)).await;
    }
    let what = serde_json::to_string(&query).unwrap_or_default();
    kept::verb(&ask, &what, For::Scores, Request::Standings(query)).await
}

/// Answers the whole board.
pub(super) async fn snapshot(ask: Ask) -> Result<Response, Failure> {
    kept::answer(&ask, "board", For::Scores, || board(&ask)).await
}

async fn board(ask: &Ask) -> Result<Value, Failure> {
    let all = StandingsQuery {
        all: true,
        ..StandingsQuery::default()
    };
    let mut tables = ask.request(Request::Standings(all)).await?;
    let teams = StandingsQuery {
        teams: true,
        ..StandingsQuery::default()
    };
    // Where the rules of the event know no teams, there is no table of them.
    let mut teams = ask
        .request(Request::Standings(teams))
        .await
        .unwrap_or_default();
    let devices: Devices = ask.data(Request::Devices(Nothing {})).await?;
    let open = ask.open()?;
    let last = open.clerk.last_scores(LAST).await?;
    let mut take = |name: &str| tables.get_mut(name).map(Value::take).unwrap_or_default();
    let phase = take("phase");
    let missing = take("missing");
    Ok(json!({
        "schema": "tallyline.board/1",
        "event": open.uuid,
        "name": take("name"),
        "as_of_unix_ms": ask.api.now_ms(),
        "zone_min": take("zone_min"),
        "state_digest": take("state_digest"),
        "results": stamp(&phase),
        "phase": phase,
        "complete": take("complete"),
        "missing": missing.as_array().map_or(0, Vec::len),
        "adds": take("adds"),
        "matches": take("matches"),
        "stages": take("stages"),
        "teams": teams.get_mut("teams").map(Value::take).unwrap_or_default(),
        "last": last,
        "besides": silent(&devices.devices),
    }))
}

/// Says whether results may still change: what a board shows across its tables.
fn stamp(phase: &Value) -> &'static str {
    match phase.get("phase").and_then(Value::as_str) {
        Some("final") => "official",
        Some("provisional") => "provisional",
        Some(_) | None => "running",
    }
}

/// Tells which devices that score were not heard for a while: what they hold is not on the board.
fn silent(devices: &[DeviceInfo]) -> Value {
    let scores = |it: &&DeviceInfo| {
        let roles = ["owner", "scorer", "desk", "deputy", "jury"];
        it.roles.iter().any(|role| roles.contains(&role.as_str()))
    };
    let others = devices
        .iter()
        .filter(scores)
        .filter(|it| !it.this && it.revoked.is_none());
    let quiet = others.filter(|it| !it.connected);
    let quiet = quiet.filter(|it| it.last_heard_ms.is_none_or(|ms| SILENT_MS <= ms));
    let minutes = |it: &DeviceInfo| it.last_heard_ms.map(|ms| ms / 60_000);
    let told: Vec<Value> = quiet
        .map(|it| json!({ "label": it.label, "minutes": minutes(it) }))
        .collect();
    json!({ "silent": told })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(label: &str, role: &str, last_heard_ms: Option<u64>) -> DeviceInfo {
        DeviceInfo {
            label: label.to_owned(),
            key: String::new(),
            roles: vec![role.to_owned()],
            words: None,
            this: false,
            connected: false,
            last_heard_ms,
            clock_ahead_ms: None,
            revoked: None,
        }
    }

    #[test]
    fn a_board_says_whom_it_has_not_heard() {
        let devices = [
            device("A", "scorer", Some(9 * 60_000)),
            device("B", "scorer", Some(1_000)),
            device("C", "scorer", None),
            device("TV", "viewer", None),
            DeviceInfo {
                connected: true,
                ..device("D", "scorer", Some(9 * 60_000))
            },
        ];
        let told = silent(&devices);
        assert_eq!(
            told,
            json!({ "silent": [
                { "label": "A", "minutes": 9 },
                { "label": "C", "minutes": null },
            ]})
        );
    }

    #[test]
    fn results_say_whether_they_may_change() {
        assert_eq!(stamp(&json!({ "phase": "final" })), "official");
        assert_eq!(stamp(&json!({ "phase": "provisional" })), "provisional");
        assert_eq!(stamp(&Value::Null), "running");
    }
}
