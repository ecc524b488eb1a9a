//! Answers that many ask for, made once: the board for five hundred phones.
//!
//! Kept until its time is over or the event grew, whichever comes first; made by one at a time while
//! the others wait. Layer: node, api.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;
use serde_json::Value;
use tokio::sync::Mutex as Turn;

use super::ask::Ask;
use super::failure::Failure;
use crate::local::protocol::Request;

/// Most answers that are kept: some for each event of a cloud's busy weekend.
const KEPT_MAX: usize = 1024;

/// Least milliseconds between two makings: under a burst of scores the tables are not computed
/// without end. A fifth of what a spectator may wait.
const AGAIN_MS: u64 = 200;

/// How long an answer is kept, as the surface's table has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum For {
    /// Scores and the board.
    Scores,
    /// The event and its structure.
    Event,
}

/// What is kept.
#[derive(Default)]
pub(super) struct Kept(Mutex<BTreeMap<Name, Place>>);

/// The event's UUID, and what of it.
type Name = (String, String);

type Place = Arc<Turn<Option<Page>>>;

/// An answer and what it was made from.
#[derive(Clone)]
struct Page {
    growth: u64,
    made_ms: u64,
    tag: String,
    body: Bytes,
}

impl For {
    fn seconds(self) -> u64 {
        match self {
            Self::Scores => 30,
            Self::Event => 300,
        }
    }
}

impl Kept {
    fn place(&self, name: Name) -> Place {
        let mut places = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if KEPT_MAX <= places.len() && !places.contains_key(&name) {
            places.clear();
        }
        Arc::clone(places.entry(name).or_default())
    }
}

/// Answers from what is kept, or makes it.
pub(super) async fn answer<F>(
    ask: &Ask,
    what: &str,
    long: For,
    make: impl FnOnce() -> F,
) -> Result<Response, Failure>
where
    F: Future<Output = Result<Value, Failure>>,
{
    let open = ask.open()?;
    let place = ask.api.0.kept.place((open.uuid.clone(), what.to_owned()));
    let mut turn = place.lock().await;
    let now = ask.mono_ms();
    let fresh = turn.as_ref().filter(|page| {
        let young = now.saturating_sub(page.made_ms) < long.seconds().saturating_mul(1000);
        page.growth == open.growth.now() && young
    });
    let page = if let Some(page) = fresh {
        page.clone()
    } else {
        let made = turn
            .as_ref()
            .map_or(0, |page| page.made_ms.saturating_add(AGAIN_MS));
        let wait = if turn.is_some() {
            made.saturating_sub(now)
        } else {
            0
        };
        tokio::time::sleep(Duration::from_millis(wait)).await;
        // Read before making: what grows meanwhile is made again.
        let growth = open.growth.now();
        let value = make().await?;
        let body = Bytes::from(value.to_string());
        let tag = format!("W/\"{}\"", tag_of(&value, &body));
        let made_ms = ask.mono_ms();
        turn.insert(Page {
            growth,
            made_ms,
            tag,
            body,
        })
        .clone()
    };
    drop(turn);
    let life = format!("max-age={}, must-revalidate", long.seconds());
    // A cache that many share may not hand it to who may not ask for it.
    let life = if open.public {
        life
    } else {
        format!("private, {life}")
    };
    Ok(page.response(&ask.parts.headers, &life))
}

/// Answers what others change at any moment, at this node or another one: made each time, and asked for
/// again by whoever has it already, with its `ETag`.
pub(super) fn now(ask: &Ask, told: &impl Serialize) -> Result<Response, Failure> {
    let value = value(told)?;
    let body = Bytes::from(value.to_string());
    let page = Page {
        growth: 0,
        made_ms: 0,
        tag: format!("W/\"{}\"", tag_of(&value, &body)),
        body,
    };
    Ok(page.response(&ask.parts.headers, "private, no-cache"))
}

/// Returns an answer as it is kept.
pub(super) fn value(told: &impl Serialize) -> Result<Value, Failure> {
    serde_json::to_value(told).map_err(|error| Failure::fault(format!("no answer: {error}")))
}

/// Answers a reading verb from what is kept.
pub(super) async fn verb(
    ask: &Ask,
    what: &str,
    long: For,
    request: Request,
) -> Result<Response, Failure> {
    answer(ask, what, long, || ask.request(request)).await
}

/// Returns what tells one state of an answer from another: the digest of the logs where the answer
/// has one and is made of nothing else but what it lists under `besides`.
fn tag_of(value: &Value, body: &Bytes) -> String {
    let digest = value.get("state_digest").and_then(Value::as_str);
    let mut hasher = blake3::Hasher::new();
    match (digest, value.get("besides")) {
        (Some(digest), Some(besides)) => {
            hasher
                .update(digest.as_bytes())
                .update(besides.to_string().as_bytes());
        }
        (Some(_) | None, Some(_) | None) => {
            hasher.update(body);
        }
    }
    hasher.finalize().to_hex().chars().take(24).collect()
}

impl Page {
    fn response(self, asked: &HeaderMap, life: &str) -> Response {
        let seen = asked.get_all(header::IF_NONE_MATCH).iter();
        let seen = seen.filter_map(|it| it.to_str().ok());
        let same = seen
            .flat_map(|it| it.split(','))
            .any(|it| it.trim() == self.tag);
        let mut response = if same {
            StatusCode::NOT_MODIFIED.into_response()
        } else {
            let json = (
                header::CONTENT_TYPE,
                HeaderValue::from_static("application/json"),
            );
            ([json], self.body).into_response()
        };
        let headers = response.headers_mut();
        for (name, text) in [
            (header::ETAG, self.tag.as_str()),
            (header::CACHE_CONTROL, life),
        ] {
            if let Ok(value) = HeaderValue::from_str(text) {
                headers.insert(name, value);
            }
        }
        response
    }
}
