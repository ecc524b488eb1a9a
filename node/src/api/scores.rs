//! Scores over HTTP: what stands, all versions, recording and voiding.
//!
//! Layer: node, api.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::access::Scope;
use super::ask::{Ask, json as answer};
use super::claims;
use super::codes;
use super::failure::Failure;
use super::stream::leave_notes_out;
use crate::local::protocol::{
    Entries, EntriesQuery, EntryInfo, EventInfo, Nothing, Record, Request, ScoreAdd, ScoreVoid,
};

/// Entries of a page that says no number.
const PAGE: usize = 50;

/// Most entries of a page.
const PAGE_MAX: usize = 500;

/// Some of the entries that were asked for.
#[derive(Serialize, ToSchema)]
pub(super) struct Page {
    /// `tallyline.page/1`.
    schema: &'static str,
    /// How many there are.
    total: usize,
    /// How many were left out before these.
    offset: usize,
    /// The offset of the next page; `None`: this is the last one.
    next: Option<usize>,
    entries: Vec<EntryInfo>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Paged {
    limit: Option<usize>,
    offset: usize,
    shooter: Option<u32>,
    division: Option<String>,
    #[serde(rename = "teamId")]
    team: Option<String>,
    event: Option<String>,
}

/// Lists what stands.
pub(super) async fn list(ask: Ask) -> Result<Response, Failure> {
    entries(&ask, None, Request::ScoreList).await
}

/// Lists what stands of one match or stage.
pub(super) async fn of_match(ask: Ask) -> Result<Response, Failure> {
    entries(&ask, Some(ask.number("m")?), Request::ScoreList).await
}

/// Lists all versions of one match or stage.
pub(super) async fn history(ask: Ask) -> Result<Response, Failure> {
    entries(&ask, Some(ask.number("m")?), Request::ScoreHistory).await
}

async fn entries(
    ask: &Ask,
    drill: Option<u32>,
    verb: fn(EntriesQuery) -> Request,
) -> Result<Response, Failure> {
    let paged: Paged = ask.query()?;
    let limit = paged.limit.unwrap_or(PAGE);
    if !(1..=PAGE_MAX).contains(&limit) {
        let text = format!("limit is {limit}; write 1 to {PAGE_MAX}");
        return Err(Failure::bad_request("limit", text));
    }
    let query = EntriesQuery {
        drill,
        shooter: paged.shooter,
        ..EntriesQuery::default()
    };
    let mut found: Entries = ask.data(verb(query)).await?;
    if let Some(wanted) = wanted(ask, &paged).await? {
        found
            .entries
            .retain(|it| shooter(it).is_some_and(|no| wanted.contains(&no)));
    }
    let newest = |it: &EntryInfo| (Reverse(it.at_unix_ms), it.entry.clone());
    found.entries.sort_by_cached_key(newest);
    let total = found.entries.len();
    let mut page: Vec<EntryInfo> = found
        .entries
        .into_iter()
        .skip(paged.offset)
        .take(limit)
        .collect();
    if !ask.may(Scope::ScoresRead) {
        leave_notes_out(&mut page);
    }
    let next = paged.offset.saturating_add(page.len());
    Ok(answer(&Page {
        schema: "tallyline.page/1",
        total,
        offset: paged.offset,
        next: (next < total).then_some(next),
        entries: page,
    }))
}

/// Returns the shooters of the team and division that are asked for; `None`: all.
async fn wanted(ask: &Ask, paged: &Paged) -> Result<Option<BTreeSet<u32>>, Failure> {
    if paged.team.is_none() && paged.division.is_none() {
        return Ok(None);
    }
    let event: EventInfo = ask.data(Request::EventShow(Nothing {})).await?;
    let fits = event.shooters.iter().filter(|it| {
        let team = paged.team.as_ref().is_none_or(|team| it.team == *team);
        team && paged
            .division
            .as_ref()
            .is_none_or(|name| it.division == *name)
    });
    Ok(Some(fits.filter_map(|it| it.shooter).collect()))
}

/// Records a score, if the person claimed the match and nothing else stands than was seen.
pub(super) async fn add(ask: Ask) -> Result<Response, Failure> {
    let add: ScoreAdd = ask.json()?;
    let (drill, shooter) = place(&add.record);
    may_write(&ask, cell(&add.record)).await?;
    if let Some(replaces) = &add.replaces {
        may_void(&ask, &replaces.entry).await?;
    }
    let seen = ask.header("if-match");
    let mut turn = None;
    if let (false, Some(drill), Some(shooter)) = (seen.is_empty(), drill, shooter) {
        turn = Some(ask.api.turn_of(&ask.open()?.uuid).await);
        unchanged(&ask, (drill, shooter), seen, &add).await?;
    }
    let done = ask.pass(Request::ScoreAdd(add)).await;
    drop(turn);
    done
}

/// Voids an entry of a match that the person claimed.
pub(super) async fn void(ask: Ask) -> Result<Response, Failure> {
    let void: ScoreVoid = ask.json()?;
    may_void(&ask, &void.entry).await?;
    ask.pass(Request::ScoreVoid(void)).await
}

/// Checks that the person may take an entry out of the count: who writes there.
async fn may_void(ask: &Ask, entry: &str) -> Result<(), Failure> {
    if ask.may(Scope::ScoresAny) {
        return Ok(());
    }
    let query = EntriesQuery {
        entry: Some(entry.to_owned()),
        ..EntriesQuery::default()
    };
    let found: Entries = ask.data(Request::ScoreHistory(query)).await?;
    // The voids of the entry are listed with it, and have no record.
    let meant = found
        .entries
        .iter()
        .find_map(|it| it.record.as_ref().map(cell));
    may_write(ask, meant.unwrap_or_default()).await
}

/// Checks that the person may write about a shooter on a match: the owner about all, others what they
/// claimed, a device besides only what it was granted. What is about the whole event is the
/// owner's.
async fn may_write(ask: &Ask, (drill, shooter): Cell) -> Result<(), Failure> {
    if ask.may(Scope::ScoresAny) {
        return Ok(());
    }
    let Some(drill) = drill else {
        let text = "what is about the whole match is recorded by the owner; nothing was saved";
        return Err(Failure::new(StatusCode::FORBIDDEN, codes::ROLE, text));
    };
    if let Some(key) = ask.person.device() {
        let squad = match shooter {
            Some(shooter) => squad_of(ask, shooter).await?,
            None => None,
        };
        claims::check_granted(ask, key, (drill, squad)).await?;
    }
    claims::check(ask, drill).await
}

/// Returns the squad of a shooter; `None` where there is no such shooter.
async fn squad_of(ask: &Ask, shooter: u32) -> Result<Option<u32>, Failure> {
    let event: EventInfo = ask.data(Request::EventShow(Nothing {})).await?;
    let mut shooters = event.shooters.iter();
    let found = shooters.find(|it| it.shooter == Some(shooter));
    Ok(found.map(|it| it.squad))
}

/// Checks that the entry that stands in a slot is the one that the person saw; else tells both.
async fn unchanged(
    ask: &Ask,
    (drill, shooter): (u32, u32),
    seen: &str,
    mine: &ScoreAdd,
) -> Result<(), Failure> {
    let query = EntriesQuery {
        drill: Some(drill),
        shooter: Some(shooter),
        ..EntriesQuery::default()
    };
    let stands: Entries = ask.data(Request::ScoreList(query)).await?;
    let seen = seen.trim().trim_matches('"');
    let same = match stands.entries.as_slice() {
        [] => seen == "none",
        all => all.iter().all(|it| it.entry == seen),
    };
    if same {
        return Ok(());
    }
    let text = "another result stands there than the one that was seen; nothing was saved; look at \
                both, and send the right one with `replaces`";
    let failure = Failure::new(StatusCode::CONFLICT, codes::CHANGED, text);
    Err(failure
        .at("If-Match")
        .with("mine", json!(mine))
        .with("theirs", json!(stands.entries)))
}

/// Match or stage, and shooter.
type Cell = (Option<u32>, Option<u32>);

/// Returns where a record is written: of a court match the side stands for the shooter.
fn cell(record: &Record) -> Cell {
    let (drill, shooter) = place(record);
    match record {
        Record::Point(it) => (drill, Some(it.side)),
        Record::Set(it) => (drill, Some(it.side)),
        Record::Score(_) | Record::Chrono(_) | Record::Status(_) => (drill, shooter),
    }
}

/// Returns match or stage, and shooter, of a record.
fn place(record: &Record) -> Cell {
    match record {
        Record::Score(it) => (Some(it.drill), Some(it.shooter)),
        Record::Chrono(it) => (Some(it.drill), Some(it.shooter)),
        Record::Status(it) => (it.drill, Some(it.shooter)),
        Record::Point(it) => (Some(it.drill), None),
        Record::Set(it) => (Some(it.drill), None),
    }
}

fn shooter(entry: &EntryInfo) -> Option<u32> {
    cell(entry.record.as_ref()?).1
}
