//! What spectators see: one answer with everything that a board shows, made once for all of them.
//!
//! Layer: node, api.

use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::ask::{Ask, json as answer};
use super::events::EventLine;
use super::failure::Failure;
use super::kept::{self, For};
use crate::local::news::Lately;
use crate::local::protocol::{
    DeviceInfo, Devices, MatchTable, Nothing, PhaseInfo, PhaseWord, Request, StageTable,
    StandingsData, StandingsQuery, TeamTable,
};

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

/// The public events.
#[derive(Serialize, ToSchema)]
pub(super) struct PublicEvents {
    /// `tallyline.events/1`.
    schema: &'static str,
    events: Vec<EventLine>,
}

/// Everything that a board shows.
#[derive(Serialize, ToSchema)]
pub(super) struct Board {
    /// `tallyline.board/1`.
    schema: &'static str,
    /// The event's UUID.
    event: String,
    /// The event's name.
    name: String,
    /// When this was so, in Unix milliseconds by the node's clock.
    as_of_unix_ms: u64,
    /// Minutes east of UTC of the event.
    zone_min: i32,
    /// Digest of all logs, hex: equal on two nodes that hold the same.
    state_digest: String,
    /// What stands across the tables: `running`, `provisional` or `official`.
    results: &'static str,
    phase: PhaseInfo,
    /// Whether nothing is missing that this node knows of.
    complete: bool,
    /// Results that are missing.
    missing: usize,
    /// What a match adds: `stage-points`, `time`, `points` or `wins`.
    adds: String,
    /// Tables of the match.
    matches: Vec<MatchTable>,
    /// Tables of drills.
    stages: Vec<StageTable>,
    /// Tables of teams; empty where the rules of the event know none.
    teams: Vec<TeamTable>,
    /// The last results, newest first.
    last: Vec<Lately>,
    besides: Besides,
}

/// What a board says besides results.
#[derive(Serialize, ToSchema)]
struct Besides {
    /// Devices that score and were not heard for a while: what they hold is not on the board.
    silent: Vec<Silent>,
}

/// A device that was not heard for a while.
#[derive(Serialize, ToSchema)]
struct Silent {
    label: String,
    /// For how many minutes; `None`: never heard.
    minutes: Option<u64>,
}

/// Lists the public events.
pub(super) async fn events(ask: Ask) -> Result<Response, Failure> {
    let mut lines = ask.api.0.parts.events.list().await;
    lines.retain(|it| it.public);
    Ok(answer(&PublicEvents {
        schema: "tallyline.events/1",
        events: lines,
    }))
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
    kept::answer(&ask, "board", For::Scores, async || {
        kept::value(&board(&ask).await?)
    })
    .await
}

async fn board(ask: &Ask) -> Result<Board, Failure> {
    let all = StandingsQuery {
        all: true,
        ..StandingsQuery::default()
    };
    let tables: StandingsData = ask.data(Request::Standings(all)).await?;
    let teams = StandingsQuery {
        teams: true,
        ..StandingsQuery::default()
    };
    // Where the rules of the event know no teams, there is no table of them.
    let teams = ask.data(Request::Standings(teams)).await;
    let teams = teams.map(|it: StandingsData| it.teams).unwrap_or_default();
    let devices: Devices = ask.data(Request::Devices(Nothing {})).await?;
    let open = ask.open()?;
    Ok(Board {
        schema: "tallyline.board/1",
        event: open.uuid.clone(),
        name: tables.name,
        as_of_unix_ms: ask.api.now_ms(),
        zone_min: tables.zone_min,
        state_digest: tables.state_digest,
        results: stamp(tables.phase.phase),
        phase: tables.phase,
        complete: tables.complete,
        missing: tables.missing.len(),
        adds: tables.adds,
        matches: tables.matches,
        stages: tables.stages,
        teams,
        last: open.clerk.last_scores(LAST).await?,
        besides: silent(&devices.devices),
    })
}

/// Says whether results may still change: what a board shows across its tables.
fn stamp(phase: PhaseWord) -> &'static str {
    match phase {
        PhaseWord::Final => "official",
        PhaseWord::Provisional => "provisional",
        PhaseWord::Scoring => "running",
    }
}

/// Tells which devices that score were not heard for a while.
fn silent(devices: &[DeviceInfo]) -> Besides {
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
    let told = quiet.map(|it| Silent {
        label: it.label.clone(),
        minutes: it.last_heard_ms.map(|ms| ms / 60_000),
    });
    Besides {
        silent: told.collect(),
    }
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
        let told: Vec<_> = silent(&devices)
            .silent
            .into_iter()
            .map(|it| (it.label, it.minutes))
            .collect();
        assert_eq!(told, [("A".to_owned(), Some(9)), ("C".to_owned(), None)]);
    }

    #[test]
    fn results_say_whether_they_may_change() {
        assert_eq!(stamp(PhaseWord::Final), "official");
        assert_eq!(stamp(PhaseWord::Provisional), "provisional");
        assert_eq!(stamp(PhaseInfo::default().phase), "running");
    }
}
