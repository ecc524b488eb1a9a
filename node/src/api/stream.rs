//! What is new, as it comes: server-sent events for who only reads, a WebSocket for programs.
//!
//! Both send the same [`News`](crate::local::news::News) with a cursor made of the heights of the
//! logs. Who comes back with its cursor, here or at another node, after whatever restart, gets what
//! it missed and nothing twice. A client that does not read holds up nobody: what it has not read
//! is not kept for it but read again from the logs. Layer: node, api.

#![expect(single_use_lifetimes, reason = "what the derive of a shape writes")]

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::FromRequestParts as _;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;
use serde::{Deserialize, Serialize};
use tokio::sync::{Mutex as Turn, OwnedSemaphorePermit, watch};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use utoipa::ToSchema;

use super::ask::Ask;
use super::codes;
use super::events::Open;
use super::failure::Failure;
use super::gate;
use super::listen::Place;
use super::{Api, Inner, Scope};
use crate::local::news::{Cursor, News};
use crate::local::protocol::{EntryInfo, Problem, Record, codes as local};

/// Most entries of one message: a minute of a busy match, some 100 KB.
const NEWS_MAX: usize = 128;

/// Least time between two messages: under a burst entries come in one piece, and a spectator still
/// sees each within a second.
const PACE: Duration = Duration::from_millis(250);

/// Time without a message after which a sign of life is sent: below what a router keeps a silent
/// connection for.
const ALIVE: Duration = Duration::from_secs(20);

/// Time between two tries to read what is new while the store is away.
const SHUT_REST: Duration = Duration::from_secs(2);

/// How long a browser waits before it comes back.
const RETRY: Duration = Duration::from_secs(2);

/// Time in which a client has to take a message.
const WRITE_TIME: Duration = Duration::from_secs(20);

/// Most events whose newest look is kept.
const LATEST_MAX: usize = 1024;

/// Largest message of a client of a WebSocket: its cursor.
const MESSAGE_BYTES_MAX: usize = 128 * 1024;

#[derive(Default, Deserialize)]
#[serde(default)]
struct Wanted {
    cursor: Option<String>,
}

/// What is new, as it is told: a message of a stream, or the answer of a pull.
#[derive(Serialize, ToSchema)]
pub(super) struct NewsTold<'a> {
    /// `tallyline.news/1`.
    pub(super) schema: &'static str,
    /// Of a message: `hello` first, then `news`, or `changed` where nothing about scores is new.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) kind: Option<&'static str>,
    #[serde(flatten)]
    pub(super) news: &'a News,
}

/// What came last to each event, for all who have read it as far as the others: five hundred phones
/// are told of a point by one look.
#[derive(Default)]
pub(super) struct Latest(Mutex<BTreeMap<String, Turns>>);

type Turns = Arc<Turn<Option<Looked>>>;

/// One look: from where, at which growth, and what was new.
struct Looked {
    from: Cursor,
    growth: u64,
    news: News,
}

impl Latest {
    /// Returns what is new behind a cursor, by a look of one's own or of somebody else.
    async fn news(&self, open: &Open, from: &Cursor) -> Result<News, Problem> {
        let place = {
            let mut places = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if LATEST_MAX <= places.len() && !places.contains_key(&open.uuid) {
                places.clear();
            }
            Arc::clone(places.entry(open.uuid.clone()).or_default())
        };
        let mut turn = place.lock().await;
        let growth = open.growth.now();
        if let Some(it) = turn
            .as_ref()
            .filter(|it| it.growth == growth && it.from == *from)
        {
            return Ok(it.news.clone());
        }
        let news = open.clerk.news(from.clone(), NEWS_MAX).await?;
        *turn = Some(Looked {
            from: from.clone(),
            growth,
            news: news.clone(),
        });
        Ok(news)
    }
}

/// Somebody who is streamed to.
struct Reader {
    api: Api,
    open: Open,
    grew: watch::Receiver<u64>,
    stopped: watch::Receiver<bool>,
    cursor: Cursor,
    state: State,
    /// Whether the reader may read scores as officials do; else notes are left out.
    whole: bool,
    _place: OwnedSemaphorePermit,
    _each: Option<Place>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing was sent.
    Fresh,
    /// There is more to read at once.
    More,
    /// Everything was read.
    Waits,
    /// The event grew, and what comes with it is waited for.
    Woken,
}

impl Api {
    /// Returns how many are streamed to.
    pub(super) fn streams_open(&self) -> usize {
        let Inner { streams, parts, .. } = &*self.0;
        parts
            .crowd
            .streams
            .saturating_sub(streams.available_permits())
    }
}

impl Reader {
    /// Takes a place, and the cursor that the client came with.
    async fn new(ask: &Ask) -> Result<Self, Failure> {
        let wanted: Wanted = ask.query()?;
        let given = match ask.header("last-event-id") {
            "" => wanted.cursor,
            id => Some(id.to_owned()),
        };
        let place = Arc::clone(&ask.api.0.streams)
            .try_acquire_owned()
            .map_err(|_| {
                let text = "as many spectators are streamed to as this node can; ask for the board \
                        every 30 s instead";
                Failure::new(StatusCode::SERVICE_UNAVAILABLE, codes::STREAMS_FULL, text)
                    .header(header::RETRY_AFTER, HeaderValue::from_static("30"))
            })?;
        let each = ask.api.0.parts.crowd.counted(gate::address(&ask.parts));
        let each = each.map(|ip| {
            Place::take(&ask.api.0.streams_each, ip).ok_or_else(|| {
                let text = "as many spectators of one address are streamed to as this node lets in; \
                            ask for the board every 30 s instead";
                Failure::new(StatusCode::SERVICE_UNAVAILABLE, codes::STREAMS_FULL, text)
                    .header(header::RETRY_AFTER, HeaderValue::from_static("30"))
            })
        });
        let each = each.transpose()?;
        let open = ask.open()?.clone();
        let grew = open.growth.seen();
        let cursor = match given {
            // Who had something that is no cursor of ours begins with what is there now.
            Some(text) => match text.parse() {
                Ok(cursor) => Some(cursor),
                Err(_) if wanted_is_header(ask) => None,
                Err(error) => {
                    return Err(Failure::from(Problem::from(error)).at("cursor"));
                }
            },
            None => None,
        };
        let (cursor, state) = match cursor {
            Some(cursor) => (cursor, State::More),
            None => (open.clerk.newest().await?.0, State::Fresh),
        };
        Ok(Self {
            api: ask.api.clone(),
            open,
            grew,
            stopped: ask.api.0.parts.stopped.clone(),
            cursor,
            state,
            whole: ask.may(Scope::ScoresRead),
            _place: place,
            _each: each,
        })
    }

    /// Waits for the next message; `None` when the node ends, or puts the event away: who comes again
    /// makes it active again. Whoever stops waiting loses nothing.
    async fn next(&mut self) -> Option<(News, &'static str)> {
        loop {
            if self.state == State::Waits {
                tokio::select! {
                    biased;
                    _ = self.stopped.wait_for(|stop| *stop) => return None,
                    grew = self.grew.changed() => grew.ok()?,
                }
                self.state = State::Woken;
            }
            if self.state == State::Woken {
                self.rest(PACE).await?;
            }
            if *self.stopped.borrow() {
                return None;
            }
            // Noted as seen before it is read: what comes meanwhile wakes again.
            self.grew.borrow_and_update();
            let before = self.cursor.clone();
            let mut news = match self.api.0.latest.news(&self.open, &before).await {
                Ok(news) => news,
                Err(shut) if shut.code == local::BAD_STORE => {
                    // What was not read yet is read when the store is there again.
                    self.rest(SHUT_REST).await?;
                    continue;
                }
                Err(_) => return None,
            };
            if !self.whole {
                leave_notes_out(&mut news.entries);
            }
            self.cursor = news.cursor.clone();
            let kind = match self.state {
                State::Fresh => "hello",
                State::More | State::Waits | State::Woken if news.entries.is_empty() => "changed",
                State::More | State::Waits | State::Woken => "news",
            };
            let first = self.state == State::Fresh;
            self.state = if news.more { State::More } else { State::Waits };
            if first || news.cursor != before {
                return Some((news, kind));
            }
        }
    }
}

impl Reader {
    /// Waits; `None` when the node ends.
    async fn rest(&mut self, time: Duration) -> Option<()> {
        tokio::select! {
            biased;
            _ = self.stopped.wait_for(|stop| *stop) => None,
            () = sleep(time) => Some(()),
        }
    }
}

/// Takes out what somebody wrote for officials.
pub(super) fn leave_notes_out(entries: &mut [EntryInfo]) {
    for entry in entries {
        if let Some(Record::Status(status)) = &mut entry.record {
            status.note.clear();
        }
        if let Some(void) = &mut entry.void {
            void.note.clear();
        }
    }
}

fn wanted_is_header(ask: &Ask) -> bool {
    !ask.header("last-event-id").is_empty()
}

fn text(news: &News, kind: &'static str) -> String {
    let schema = "tallyline.news/1";
    serde_json::to_string(&NewsTold {
        schema,
        kind: Some(kind),
        news,
    })
    .unwrap_or_default()
}

/// Streams what is new as server-sent events.
pub(super) async fn events(ask: Ask) -> Result<Response, Failure> {
    let reader = Reader::new(&ask).await?;
    let events = stream::unfold(reader, |mut reader| async move {
        let (news, kind) = reader.next().await?;
        let id = news.cursor.to_string();
        let event = Event::default()
            .id(id)
            .event(kind)
            .retry(RETRY)
            .data(text(&news, kind));
        Some((Ok::<_, Infallible>(event), reader))
    });
    let alive = KeepAlive::new().interval(ALIVE).text("alive");
    let mut response = Sse::new(events).keep_alive(alive).into_response();
    // What stands before a cloud's node is not to gather messages.
    let no = HeaderValue::from_static("no");
    response.headers_mut().insert("x-accel-buffering", no);
    Ok(response)
}

/// Streams what is new over a WebSocket.
pub(super) async fn socket(mut ask: Ask) -> Result<Response, Failure> {
    let upgrade = WebSocketUpgrade::from_request_parts(&mut ask.parts, &()).await;
    let upgrade = upgrade.map_err(|error| {
        let text = format!("{}; open it as a WebSocket", error.body_text());
        Failure::bad_request("Upgrade", text)
    })?;
    let reader = Reader::new(&ask).await?;
    let upgrade = upgrade.max_message_size(MESSAGE_BYTES_MAX);
    Ok(upgrade.on_upgrade(move |socket| talk(socket, reader)))
}

/// Sends what is new, takes a cursor to begin at, and hears whether the client is still there.
async fn talk(mut socket: WebSocket, mut reader: Reader) {
    let mut pulse = Pulse::new(Instant::now());
    loop {
        let said = tokio::select! {
            biased;
            said = socket.recv() => match said {
                None | Some(Err(_) | Ok(Message::Close(_))) => return,
                Some(Ok(Message::Text(text))) => {
                    resume(&mut reader, text.as_str());
                    pulse.heard(Instant::now());
                    continue;
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Binary(_))) => {
                    pulse.heard(Instant::now());
                    continue;
                }
            },
            news = reader.next() => match news {
                Some((news, kind)) => Message::Text(text(&news, kind).into()),
                None => Message::Close(None),
            },
            () = sleep_until(pulse.next) => {
                if !pulse.beat(Instant::now()) {
                    return;
                }
                Message::Ping(Bytes::new())
            }
        };
        let ends = matches!(said, Message::Close(_));
        if !matches!(timeout(WRITE_TIME, socket.send(said)).await, Ok(Ok(()))) || ends {
            return;
        }
    }
}

/// When a client of a WebSocket is asked whether it is there: also while it is sent much, because only
/// what it sends says so.
struct Pulse {
    next: Instant,
    heard: Instant,
}

impl Pulse {
    fn new(now: Instant) -> Self {
        Self {
            next: now + ALIVE,
            heard: now,
        }
    }

    fn heard(&mut self, now: Instant) {
        self.heard = now;
    }

    /// Returns whether the client is to be asked again; it is gone when it has not answered thrice.
    fn beat(&mut self, now: Instant) -> bool {
        self.next = now + ALIVE;
        now.duration_since(self.heard) <= ALIVE * 3
    }
}

/// Begins at the cursor that the client sent; what is none is passed over.
fn resume(reader: &mut Reader, text: &str) {
    let wanted: Result<Wanted, _> = serde_json::from_str(text);
    let cursor = wanted.ok().and_then(|it| it.cursor?.parse().ok());
    if let Some(cursor) = cursor {
        reader.cursor = cursor;
        reader.state = State::More;
    }
}
