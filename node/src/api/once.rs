//! `Idempotency-Key`: who sends the same request again, because no answer came, gets the answer of
//! the first one, and nothing is done twice.
//!
//! Only what was done is kept. A refusal changed nothing, and may be another one the next time: who claims
//! the match first, or waits until somebody gives it back, sends the same request with the same key.
//!
//! Kept in memory: it bridges a lost answer, not a restart, after which the event itself tells what
//! was saved. Nodes that share a database keep it there besides (`shared`), so that the same request
//! may come again at another node. Layer: node, api.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Bytes;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use tokio::sync::{Mutex as Place, OwnedMutexGuard};
use tokio::time::{Instant, sleep};

use super::codes;
use super::failure::Failure;
use super::shared::{Kept, Shared, Turn};

/// Most answers that are kept; the oldest goes. With [`ANSWER_BYTES_MAX`] 32 MiB at the worst.
const KEPT_MAX: usize = 2048;

/// Longest answer that is kept: what a POST answers has some hundred bytes.
const ANSWER_BYTES_MAX: usize = 16 * 1024;

/// Where keys are hashed with who asks what.
const KEY_CONTEXT: &str = "tallyline v1 idempotency key";

/// How long a request waits while another node answers the same one: what that takes on a busy disk.
const BUSY_TIME: Duration = Duration::from_secs(5);

/// Time between two looks at whether it has.
const LOOK_TIME: Duration = Duration::from_millis(50);

/// Longest key: a UUID has 36 letters.
pub(super) const KEY_BYTES_MAX: usize = 128;

/// Who, where, and the key.
pub(super) type Key = (String, String, String);

/// Answers that may be wanted again.
#[derive(Default)]
pub(super) struct Once(Mutex<State>);

#[derive(Default)]
struct State {
    slots: BTreeMap<Key, Slot>,
    order: VecDeque<Key>,
}

/// One key's answer; who holds the turn is finding it.
pub(super) type Slot = Arc<Place<Option<Answered>>>;

/// An answer, and to what.
#[derive(Clone)]
pub(super) struct Answered {
    asked: blake3::Hash,
    status: StatusCode,
    kind: Option<HeaderValue>,
    body: Bytes,
}

impl Once {
    /// Returns the slot of a key.
    pub(super) fn slot(&self, key: Key) -> Slot {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = state.slots.get(&key) {
            return Arc::clone(slot);
        }
        if KEPT_MAX <= state.order.len()
            && let Some(oldest) = state.order.pop_front()
        {
            state.slots.remove(&oldest);
        }
        let slot = Slot::default();
        state.slots.insert(key.clone(), Arc::clone(&slot));
        state.order.push_back(key);
        slot
    }

    /// Forgets a slot in which nothing is kept, unless somebody waits for it: who is refused again and
    /// again pushes nothing out.
    fn forget(&self, key: &Key, slot: &Slot) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // The map's and the caller's: nobody else can come to it while the state is locked.
        let free = Arc::strong_count(slot) <= 2;
        if free && state.slots.get(key).is_some_and(|it| Arc::ptr_eq(it, slot)) {
            state.slots.remove(key);
            state.order.retain(|it| it != key);
        }
    }
}

impl Answered {
    /// Returns the answer as it is kept for other nodes.
    fn kept(&self) -> Kept {
        Kept {
            asked: *self.asked.as_bytes(),
            status: self.status.as_u16(),
            kind: self
                .kind
                .as_ref()
                .and_then(|it| Some(it.to_str().ok()?.to_owned())),
            body: self.body.to_vec(),
        }
    }

    fn of(kept: Kept) -> Self {
        Self {
            asked: kept.asked.into(),
            status: StatusCode::from_u16(kept.status).unwrap_or(StatusCode::OK),
            kind: kept.kind.and_then(|it| it.parse().ok()),
            body: kept.body.into(),
        }
    }

    /// Returns the answer again, if the request is the same.
    fn again(&self, asked: blake3::Hash) -> Result<Response, Failure> {
        if self.asked != asked {
            let text = "this Idempotency-Key came with another request before; nothing was \
                        changed; draw a fresh key for each request";
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            return Err(Failure::new(status, codes::KEY_REUSED, text).at("Idempotency-Key"));
        }
        let mut response = (self.status, self.body.clone()).into_response();
        let headers = response.headers_mut();
        if let Some(kind) = &self.kind {
            headers.insert(header::CONTENT_TYPE, kind.clone());
        }
        headers.insert("idempotency-replayed", HeaderValue::from_static("true"));
        Ok(response)
    }
}

/// Answers a request once: by `serve`, or with what was answered here or at another node.
pub(super) async fn answer(
    once: &Once,
    shared: &dyn Shared,
    (key, asked): (Key, blake3::Hash),
    serve: impl Future<Output = Result<Response, Failure>>,
) -> Result<Response, Failure> {
    let slot = once.slot(key.clone());
    let mut place = Arc::clone(&slot).lock_owned().await;
    let done = found(&mut place, shared, (hash(&key), asked), serve).await;
    let kept = place.is_some();
    drop(place);
    if !kept {
        once.forget(&key, &slot);
    }
    done
}

/// Finds the answer in its place, at another node, or by `serve`.
async fn found(
    place: &mut OwnedMutexGuard<Option<Answered>>,
    shared: &dyn Shared,
    (key, asked): ([u8; 32], blake3::Hash),
    serve: impl Future<Output = Result<Response, Failure>>,
) -> Result<Response, Failure> {
    if let Some(answered) = place.as_ref() {
        return answered.again(asked);
    }
    let turn = match turn(shared, &key).await? {
        Turn::Mine(turn) => turn,
        Turn::Busy => {
            let text = "the same request is being answered at another node; send it again with the \
                        same key in a few seconds";
            let failure =
                Failure::new(StatusCode::SERVICE_UNAVAILABLE, codes::BEING_ANSWERED, text);
            return Err(failure.header(header::RETRY_AFTER, HeaderValue::from_static("2")));
        }
        Turn::Found(kept) => {
            let answered = Answered::of(kept);
            let again = answered.again(asked);
            **place = Some(answered);
            return again;
        }
    };
    let response = serve.await.unwrap_or_else(Failure::into_response);
    let (response, kept) = keep(asked, response).await;
    if let Err(problem) = shared
        .end(&key, turn, kept.as_ref().map(Answered::kept))
        .await
    {
        // It is done all the same; this node knows the answer.
        tracing::warn!(why = problem.text, "an answer is not known to other nodes");
    }
    **place = kept;
    Ok(response)
}

/// Takes the turn to find an answer, or waits for the node whose turn it is.
async fn turn(shared: &dyn Shared, key: &[u8; 32]) -> Result<Turn, Failure> {
    let begun = Instant::now();
    loop {
        match shared.begin(key).await? {
            Turn::Busy if begun.elapsed() < BUSY_TIME => sleep(LOOK_TIME).await,
            turn @ (Turn::Mine(_) | Turn::Busy | Turn::Found(_)) => return Ok(turn),
        }
    }
}

fn hash((who, place, key): &Key) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_derive_key(KEY_CONTEXT);
    for part in [who, place, key] {
        let length = u64::try_from(part.len()).unwrap_or(u64::MAX);
        hasher.update(&length.to_le_bytes()).update(part.as_bytes());
    }
    *hasher.finalize().as_bytes()
}

/// Splits an answer into what is sent and what is kept: nothing of one that did nothing.
async fn keep(asked: blake3::Hash, response: Response) -> (Response, Option<Answered>) {
    let status = response.status();
    if !status.is_success() {
        return (response, None);
    }
    let (parts, body) = response.into_parts();
    let Ok(body) = axum::body::to_bytes(body, usize::MAX).await else {
        let text = "the answer was not finished; ask what was saved before sending it again";
        return (Failure::fault(text).into_response(), None);
    };
    let kept = (body.len() <= ANSWER_BYTES_MAX).then(|| Answered {
        asked,
        status,
        kind: parts.headers.get(header::CONTENT_TYPE).cloned(),
        body: body.clone(),
    });
    (Response::from_parts(parts, body.into()), kept)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::super::shared::InMemory;
    use super::*;

    #[test]
    fn the_oldest_answer_goes_first() {
        let once = Once::default();
        let key = |at: usize| ("anna".to_owned(), "POST /x".to_owned(), at.to_string());
        let first = once.slot(key(0));
        assert!(Arc::ptr_eq(&first, &once.slot(key(0))));
        for at in 1..=KEPT_MAX {
            once.slot(key(at));
        }
        assert!(!Arc::ptr_eq(&first, &once.slot(key(0))), "forgotten");
        assert_eq!(once.0.lock().unwrap().slots.len(), KEPT_MAX);
    }

    /// Each kind of answer once: what was done comes again, what was refused is tried again.
    #[tokio::test]
    async fn what_was_refused_is_not_kept() {
        let (once, shared) = (Once::default(), InMemory::default());
        for (status, kept) in [
            (200, true),
            (201, true),
            (400, false),
            (401, false),
            (403, false),
            (404, false),
            (409, false),
            (422, false),
            (429, false),
            (503, false),
        ] {
            let key = ("anna".to_owned(), "POST /x".to_owned(), status.to_string());
            let about = (key, blake3::hash(b"body"));
            let served = AtomicU32::new(0);
            for _ in 0..2 {
                let done = answer(&once, &shared, about.clone(), async {
                    served.fetch_add(1, Ordering::Relaxed);
                    Ok(StatusCode::from_u16(status).unwrap().into_response())
                });
                assert_eq!(done.await.unwrap().status(), status);
            }
            let times = served.into_inner();
            assert_eq!(times, if kept { 1 } else { 2 }, "{status}");
        }
        let state = once.0.lock().unwrap();
        assert_eq!((state.slots.len(), state.order.len()), (2, 2));
    }
}
