//! `Idempotency-Key`: who sends the same request again, because no answer came, gets the answer of
//! the first one, and nothing is done twice.
//!
//! Kept in memory: it bridges a lost answer, not a restart, after which the event itself tells what
//! was saved. Layer: node, api.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Bytes;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use tokio::sync::Mutex as Turn;

use super::codes;
use super::failure::Failure;

/// Most answers that are kept; the oldest goes. With [`ANSWER_BYTES_MAX`] 32 MiB at the worst.
const KEPT_MAX: usize = 2048;

/// Longest answer that is kept: what a POST answers has some hundred bytes.
const ANSWER_BYTES_MAX: usize = 16 * 1024;

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
pub(super) type Slot = Arc<Turn<Option<Answered>>>;

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
}

impl Answered {
    /// Returns the answer again, if the request is the same.
    pub(super) fn again(&self, asked: blake3::Hash) -> Result<Response, Failure> {
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

/// Splits an answer into what is sent and what is kept; nothing is kept of an answer that may be
/// another one the next time.
pub(super) async fn keep(asked: blake3::Hash, response: Response) -> (Response, Option<Answered>) {
    let status = response.status();
    let passing = status.is_server_error()
        || matches!(
            status,
            StatusCode::UNAUTHORIZED | StatusCode::TOO_MANY_REQUESTS
        );
    if passing {
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
}
