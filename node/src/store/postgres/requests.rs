//! What the nodes of a database have to know of each other's requests: claims of matches, and answers
//! that may be wanted again.
//!
//! Layer: node, store.

use uuid::Uuid;

use super::{Database, TRIES_MAX, retried};
use crate::store::StoreError;

/// A claim of a match: its number, who holds it, and until when in Unix milliseconds.
pub type ClaimRow = (u32, String, u64);

/// What became of taking a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClaimTaken {
    /// It is the asker's.
    Done,
    /// Somebody else holds it.
    Held(ClaimRow),
    /// The event has as many as it may have.
    Full,
}

/// What became of giving a claim back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClaimGiven {
    /// Nobody holds it any more.
    Done,
    /// Somebody else holds it.
    Held(ClaimRow),
    /// Nobody held it.
    Free,
}

/// An answer, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnswerRow {
    /// Hash of the body that it answers.
    pub asked: Vec<u8>,
    /// Its status.
    pub status: u16,
    /// What kind of content it has.
    pub kind: Option<String>,
    /// Its content.
    pub body: Vec<u8>,
}

/// Whose turn it is to find an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AnswerTurn {
    /// The asker's.
    Mine,
    /// Somebody else is finding it.
    Busy,
    /// It was found.
    Found(AnswerRow),
}

type ClaimColumns = (i64, String, i64);

type AnswerColumns = (
    Option<Vec<u8>>,
    Option<i32>,
    Option<String>,
    Option<Vec<u8>>,
);

impl Database {
    /// Returns the database's time in Unix milliseconds: the one clock of nodes that share it.
    ///
    /// # Errors
    ///
    /// What the database said.
    pub async fn now_ms(&self) -> Result<u64, StoreError> {
        let (now,): (i64,) = retried(|| {
            let now = "select (extract(epoch from clock_timestamp()) * 1000)::bigint";
            sqlx::query_as(now).fetch_one(self.pool())
        })
        .await?;
        Ok(now.cast_unsigned())
    }

    /// Returns the claims of an event that are not over.
    ///
    /// # Errors
    ///
    /// What the database said.
    pub async fn claims(&self, event: Uuid, now_ms: u64) -> Result<Vec<ClaimRow>, StoreError> {
        let rows: Vec<ClaimColumns> = retried(|| {
            let open = "select number, holder, expires_ms from match_claim \
                        where event_id = $1 and $2 < expires_ms order by number";
            sqlx::query_as(open)
                .bind(event)
                .bind(now_ms.cast_signed())
                .fetch_all(self.pool())
        })
        .await?;
        Ok(rows.into_iter().map(claim).collect())
    }

    /// Returns the claim of one match, if it is not over.
    ///
    /// # Errors
    ///
    /// What the database said.
    pub async fn claim_of(
        &self,
        (event, number): (Uuid, u32),
        now_ms: u64,
    ) -> Result<Option<ClaimRow>, StoreError> {
        let row: Option<ClaimColumns> = retried(|| {
            let one = "select number, holder, expires_ms from match_claim \
                       where event_id = $1 and number = $2 and $3 < expires_ms";
            sqlx::query_as(one)
                .bind(event)
                .bind(i64::from(number))
                .bind(now_ms.cast_signed())
                .fetch_optional(self.pool())
        })
        .await?;
        Ok(row.map(claim))
    }

    /// Takes or prolongs a claim, if nobody else holds it, and the event has fewer than `most`.
    ///
    /// # Errors
    ///
    /// What the database said.
    pub async fn take_claim(
        &self,
        event: Uuid,
        (number, holder, expires_ms): &ClaimRow,
        (now_ms, most): (u64, u32),
    ) -> Result<ClaimTaken, StoreError> {
        for _ in 0..TRIES_MAX {
            let taken: Option<(i64,)> = retried(|| async {
                sqlx::query("delete from match_claim where event_id = $1 and expires_ms <= $2")
                    .bind(event)
                    .bind(now_ms.cast_signed())
                    .execute(self.pool())
                    .await?;
                let take = "insert into match_claim (event_id, number, holder, expires_ms) \
                     select $1, $2, $3, $4 \
                     where (select count(*) from match_claim \
                            where event_id = $1 and number <> $2) < $6 \
                     on conflict (event_id, number) do update \
                         set holder = excluded.holder, expires_ms = excluded.expires_ms \
                         where match_claim.holder = excluded.holder \
                            or match_claim.expires_ms <= $5 \
                     returning number";
                sqlx::query_as(take)
                    .bind(event)
                    .bind(i64::from(*number))
                    .bind(holder)
                    .bind(expires_ms.cast_signed())
                    .bind(now_ms.cast_signed())
                    .bind(i64::from(most))
                    .fetch_optional(self.pool())
                    .await
            })
            .await?;
            if taken.is_some() {
                return Ok(ClaimTaken::Done);
            }
            let held = self.claim_of((event, *number), now_ms).await?;
            if let Some(held) = held.filter(|it| it.1 != *holder) {
                return Ok(ClaimTaken::Held(held));
            }
            // It was given back in this moment, or there are too many.
        }
        Ok(ClaimTaken::Full)
    }

    /// Gives a claim back; `holder` is who must hold it, `None` for whoever does.
    ///
    /// # Errors
    ///
    /// What the database said.
    pub async fn give_claim(
        &self,
        (event, number): (Uuid, u32),
        holder: Option<&str>,
        now_ms: u64,
    ) -> Result<ClaimGiven, StoreError> {
        let given: Option<(i64,)> = retried(|| {
            let give = "delete from match_claim where event_id = $1 and number = $2 \
                        and ($3::text is null or holder = $3) returning expires_ms";
            sqlx::query_as(give)
                .bind(event)
                .bind(i64::from(number))
                .bind(holder)
                .fetch_optional(self.pool())
        })
        .await?;
        match given {
            Some((until,)) if now_ms < until.cast_unsigned() => Ok(ClaimGiven::Done),
            Some(_) => Ok(ClaimGiven::Free),
            None => {
                let held = self.claim_of((event, number), now_ms).await?;
                Ok(held.map_or(ClaimGiven::Free, ClaimGiven::Held))
            }
        }
    }

    /// Takes the turn to find an answer, which is the asker's for `turn_s` seconds by the database's
    /// clock: a node that died in its turn does not keep it.
    ///
    /// # Errors
    ///
    /// What the database said.
    pub async fn take_turn(
        &self,
        key: &[u8; 32],
        turn: u64,
        turn_s: u32,
    ) -> Result<AnswerTurn, StoreError> {
        for _ in 0..TRIES_MAX {
            let taken: Option<(i64,)> = retried(|| {
                let take = "insert into kept_answer (key, turn) values ($1, $2) \
                     on conflict (key) do update \
                         set turn = excluded.turn, begun_at = clock_timestamp() \
                         where kept_answer.status is null and kept_answer.begun_at \
                             < clock_timestamp() - $3::bigint * interval '1 second' \
                     returning turn";
                sqlx::query_as(take)
                    .bind(key.as_slice())
                    .bind(turn.cast_signed())
                    .bind(i64::from(turn_s))
                    .fetch_optional(self.pool())
            })
            .await?;
            if taken.is_some() {
                return Ok(AnswerTurn::Mine);
            }
            let row: Option<AnswerColumns> = retried(|| {
                sqlx::query_as("select asked, status, kind, body from kept_answer where key = $1")
                    .bind(key.as_slice())
                    .fetch_optional(self.pool())
            })
            .await?;
            let Some((asked, status, kind, body)) = row else {
                // Nothing was kept of it, in this moment.
                continue;
            };
            let Some(status) = status else {
                return Ok(AnswerTurn::Busy);
            };
            return Ok(AnswerTurn::Found(AnswerRow {
                asked: asked.unwrap_or_default(),
                status: u16::try_from(status).unwrap_or(u16::MAX),
                kind,
                body: body.unwrap_or_default(),
            }));
        }
        Ok(AnswerTurn::Busy)
    }

    /// Ends a turn: keeps the answer, or nothing, so that the next one asks again.
    ///
    /// # Errors
    ///
    /// What the database said.
    pub async fn end_turn(
        &self,
        key: &[u8; 32],
        turn: u64,
        answer: Option<&AnswerRow>,
    ) -> Result<(), StoreError> {
        retried(|| async {
            let ended = match answer {
                Some(answer) => {
                    let keep = "update kept_answer set asked = $3, status = $4, kind = $5, \
                                body = $6 where key = $1 and turn = $2";
                    sqlx::query(keep)
                        .bind(key.as_slice())
                        .bind(turn.cast_signed())
                        .bind(&answer.asked)
                        .bind(i32::from(answer.status))
                        .bind(&answer.kind)
                        .bind(&answer.body)
                        .execute(self.pool())
                        .await
                }
                None => {
                    sqlx::query("delete from kept_answer where key = $1 and turn = $2")
                        .bind(key.as_slice())
                        .bind(turn.cast_signed())
                        .execute(self.pool())
                        .await
                }
            };
            ended.map(drop)
        })
        .await
    }

    /// Forgets answers that were begun more than so many seconds ago.
    ///
    /// # Errors
    ///
    /// What the database said.
    pub async fn forget_answers(&self, older_s: u32) -> Result<(), StoreError> {
        retried(|| {
            let old = "delete from kept_answer \
                       where begun_at < clock_timestamp() - $1::bigint * interval '1 second'";
            sqlx::query(old)
                .bind(i64::from(older_s))
                .execute(self.pool())
        })
        .await
        .map(drop)
    }
}

fn claim((number, holder, expires_ms): ClaimColumns) -> ClaimRow {
    let number = u32::try_from(number).unwrap_or(u32::MAX);
    (number, holder, expires_ms.cast_unsigned())
}
