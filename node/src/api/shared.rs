//! What has to be known of requests beyond the request: who has claimed which match, and which answer
//! belongs to an `Idempotency-Key`. A trait, and the memory in which one node keeps it.
//!
//! A node alone keeps both in memory: a claim is for minutes, and after a restart the event itself tells
//! what was saved. Nodes that share a database keep both there. Layer: node, api.

use std::collections::BTreeMap;
use std::future::ready;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use utoipa::ToSchema;

use super::events::Asked;
use crate::local::protocol::Problem;

/// Most claims at a time: of a node that keeps them in memory, or of an event.
pub const CLAIMS_MAX: usize = 1024;

/// A claim of a match.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ClaimedMatch {
    /// The number of match or stage.
    #[serde(rename = "match")]
    pub number: u32,
    /// Who holds it.
    pub holder: String,
    /// Until when, in Unix milliseconds.
    pub expires_at: u64,
}

/// What became of taking a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Took {
    /// It is the asker's.
    Done,
    /// Somebody else holds it.
    Held(ClaimedMatch),
    /// There are [`CLAIMS_MAX`] already.
    Full,
}

/// What became of giving a claim back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Gave {
    /// Nobody holds it any more.
    Done,
    /// Somebody else holds it.
    Held(ClaimedMatch),
    /// Nobody held it.
    Free,
}

/// An answer to a request with an `Idempotency-Key`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Hash of the body that it answers.
    pub asked: [u8; 32],
    /// Its status.
    pub status: u16,
    /// What kind of content it has.
    pub kind: Option<String>,
    /// Its content.
    pub body: Vec<u8>,
}

/// Whose turn it is to find an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Turn {
    /// The asker's, which ends it with this number.
    Mine(u64),
    /// Another node is finding it.
    Busy,
    /// It was found.
    Found(Kept),
}

/// Which match: the event's UUID and the number of match or stage.
pub type What = (String, u32);

/// What has to be known of requests beyond the request, wherever that is kept.
pub trait Shared: Send + Sync {
    /// Returns the time by which claims are over, in Unix milliseconds; `here_ms` is this node's.
    fn now_ms(&self, here_ms: u64) -> Asked<'_, Result<u64, Problem>>;
    /// Returns the claims of an event that are not over.
    fn claims<'a>(
        &'a self,
        event: &'a str,
        now_ms: u64,
    ) -> Asked<'a, Result<Vec<ClaimedMatch>, Problem>>;
    /// Returns the claim of a match, if it is not over.
    fn claimed<'a>(
        &'a self,
        what: &'a What,
        now_ms: u64,
    ) -> Asked<'a, Result<Option<ClaimedMatch>, Problem>>;
    /// Takes or prolongs a claim of an event, if nobody else holds it.
    fn claim<'a>(
        &'a self,
        event: &'a str,
        wanted: &'a ClaimedMatch,
        now_ms: u64,
    ) -> Asked<'a, Result<Took, Problem>>;
    /// Gives a claim back; `None` gives back whoever holds it.
    fn give<'a>(
        &'a self,
        what: &'a What,
        holder: Option<&'a str>,
        now_ms: u64,
    ) -> Asked<'a, Result<Gave, Problem>>;
    /// Takes the turn to find the answer to a key.
    fn begin<'a>(&'a self, key: &'a [u8; 32]) -> Asked<'a, Result<Turn, Problem>>;
    /// Ends a turn: keeps the answer, or nothing, so that whoever comes next does it again.
    fn end<'a>(
        &'a self,
        key: &'a [u8; 32],
        turn: u64,
        answer: Option<Kept>,
    ) -> Asked<'a, Result<(), Problem>>;
}

/// What one node keeps in memory. Answers are kept beside it already, by `once`.
#[derive(Debug, Default)]
pub struct InMemory(Mutex<BTreeMap<What, ClaimedMatch>>);

impl InMemory {
    /// Returns the claims that are not over.
    fn now(&self, now_ms: u64) -> MutexGuard<'_, BTreeMap<What, ClaimedMatch>> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, it| now_ms < it.expires_at);
        all
    }

    fn take(&self, event: &str, wanted: &ClaimedMatch, now_ms: u64) -> Took {
        let what = (event.to_owned(), wanted.number);
        let mut all = self.now(now_ms);
        if let Some(one) = all.get(&what).filter(|it| it.holder != wanted.holder) {
            return Took::Held(one.clone());
        }
        if CLAIMS_MAX <= all.len() && !all.contains_key(&what) {
            return Took::Full;
        }
        all.insert(what, wanted.clone());
        Took::Done
    }

    fn give_back(&self, what: &What, holder: Option<&str>, now_ms: u64) -> Gave {
        let mut all = self.now(now_ms);
        match all.get(what) {
            None => Gave::Free,
            Some(one) if holder.is_some_and(|holder| holder != one.holder) => {
                Gave::Held(one.clone())
            }
            Some(_) => {
                all.remove(what);
                Gave::Done
            }
        }
    }
}

impl Shared for InMemory {
    fn now_ms(&self, here_ms: u64) -> Asked<'_, Result<u64, Problem>> {
        Box::pin(ready(Ok(here_ms)))
    }

    fn claims<'a>(
        &'a self,
        event: &'a str,
        now_ms: u64,
    ) -> Asked<'a, Result<Vec<ClaimedMatch>, Problem>> {
        let all = self.now(now_ms);
        let of_event = all.iter().filter(|((it, _), _)| it == event);
        let claims = of_event.map(|(_, one)| one.clone()).collect();
        Box::pin(ready(Ok(claims)))
    }

    fn claimed<'a>(
        &'a self,
        what: &'a What,
        now_ms: u64,
    ) -> Asked<'a, Result<Option<ClaimedMatch>, Problem>> {
        Box::pin(ready(Ok(self.now(now_ms).get(what).cloned())))
    }

    fn claim<'a>(
        &'a self,
        event: &'a str,
        wanted: &'a ClaimedMatch,
        now_ms: u64,
    ) -> Asked<'a, Result<Took, Problem>> {
        Box::pin(ready(Ok(self.take(event, wanted, now_ms))))
    }

    fn give<'a>(
        &'a self,
        what: &'a What,
        holder: Option<&'a str>,
        now_ms: u64,
    ) -> Asked<'a, Result<Gave, Problem>> {
        Box::pin(ready(Ok(self.give_back(what, holder, now_ms))))
    }

    fn begin<'a>(&'a self, _key: &'a [u8; 32]) -> Asked<'a, Result<Turn, Problem>> {
        Box::pin(ready(Ok(Turn::Mine(0))))
    }

    fn end<'a>(
        &'a self,
        _key: &'a [u8; 32],
        _turn: u64,
        _answer: Option<Kept>,
    ) -> Asked<'a, Result<(), Problem>> {
        Box::pin(ready(Ok(())))
    }
}
