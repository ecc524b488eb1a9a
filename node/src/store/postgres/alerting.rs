//! Whose turn it is, of the nodes of a database, to tell what is wrong with an event, and what was told.
//!
//! Knows no alerts: it keeps texts. Turns go by the database's clock. Layer: node, store.

use uuid::Uuid;

use super::{Database, retried};
use crate::store::StoreError;

/// What was told of an event, as text; `None`: nothing is open, and nothing waits.
pub type ToldRow = (Uuid, Option<String>);

/// What is to be kept of an event: the text, and whether something of it waits for delivery.
pub type KeepRow = (Uuid, Option<String>, bool);

/// How many milliseconds ago a device of an event was heard.
pub type HeardRow = (Uuid, String, u64);

impl Database {
    /// Takes or prolongs a node's turn for events that no other node has the turn for; and takes it for
    /// events of which something waits that nobody tells. Returns those that it has now.
    ///
    /// # Errors
    ///
    /// What the database said.
    pub async fn take_alerting(
        &self,
        node: &str,
        events: &[Uuid],
        turn_ms: u64,
    ) -> Result<Vec<ToldRow>, StoreError> {
        let mut taken: Vec<ToldRow> = retried(|| {
            let take = "insert into alerting (event_id, node, until_at) \
                 select event, $2, clock_timestamp() + $3::bigint * interval '1 millisecond' \
                 from unnest($1::uuid[]) as event \
                 on conflict (event_id) do update \
                     set node = excluded.node, until_at = excluded.until_at \
                     where alerting.node = excluded.node \
                        or alerting.until_at < clock_timestamp() \
                 returning event_id, told";
            sqlx::query_as(take)
                .bind(events)
                .bind(node)
                .bind(turn_ms.cast_signed())
                .fetch_all(self.pool())
        })
        .await?;
        let left: Vec<ToldRow> = retried(|| {
            let left = "update alerting set node = $1, \
                     until_at = clock_timestamp() + $2::bigint * interval '1 millisecond' \
                 where waiting and until_at < clock_timestamp() returning event_id, told";
            sqlx::query_as(left)
                .bind(node)
                .bind(turn_ms.cast_signed())
                .fetch_all(self.pool())
        })
        .await?;
        taken.extend(left);
        Ok(taken)
    }

    /// Keeps what was told of events, where it is still the node's turn; returns of which.
    ///
    /// # Errors
    ///
    /// What the database said.
    pub async fn keep_told(&self, node: &str, rows: &[KeepRow]) -> Result<Vec<Uuid>, StoreError> {
        let events: Vec<Uuid> = rows.iter().map(|it| it.0).collect();
        let told: Vec<Option<&str>> = rows.iter().map(|it| it.1.as_deref()).collect();
        let waiting: Vec<bool> = rows.iter().map(|it| it.2).collect();
        let kept: Vec<(Uuid,)> = retried(|| {
            let keep = "update alerting set told = given.told, waiting = given.waiting \
                 from unnest($1::uuid[], $2::text[], $3::boolean[]) \
                     as given (event_id, told, waiting) \
                 where alerting.event_id = given.event_id and alerting.node = $4 \
                 returning alerting.event_id";
            sqlx::query_as(keep)
                .bind(&events)
                .bind(&told)
                .bind(&waiting)
                .bind(node)
                .fetch_all(self.pool())
        })
        .await?;
        Ok(kept.into_iter().map(|it| it.0).collect())
    }

    /// Returns what was told of an event, by any node.
    ///
    /// # Errors
    ///
    /// What the database said.
    pub async fn told_of(&self, event: Uuid) -> Result<Option<String>, StoreError> {
        let row: Option<(Option<String>,)> = retried(|| {
            sqlx::query_as("select told from alerting where event_id = $1")
                .bind(event)
                .fetch_optional(self.pool())
        })
        .await?;
        Ok(row.and_then(|it| it.0))
    }

    /// Notes when devices were heard; a later time that is known stays. Each device stands once in `rows`.
    ///
    /// # Errors
    ///
    /// What the database said.
    pub async fn note_heard(&self, rows: &[HeardRow]) -> Result<(), StoreError> {
        let events: Vec<Uuid> = rows.iter().map(|it| it.0).collect();
        let devices: Vec<&str> = rows.iter().map(|it| it.1.as_str()).collect();
        let ago: Vec<i64> = rows.iter().map(|it| it.2.cast_signed()).collect();
        let noted = retried(|| {
            let note = "insert into alerting_heard (event_id, device, heard_at) \
                 select event, device, clock_timestamp() - ago * interval '1 millisecond' \
                 from unnest($1::uuid[], $2::text[], $3::bigint[]) as given (event, device, ago) \
                 on conflict (event_id, device) do update set heard_at = \
                     greatest(alerting_heard.heard_at, excluded.heard_at)";
            sqlx::query(note)
                .bind(&events)
                .bind(&devices)
                .bind(&ago)
                .execute(self.pool())
        })
        .await;
        noted.map(drop)
    }

    /// Returns when devices of some events were heard at nodes that noted it.
    ///
    /// # Errors
    ///
    /// What the database said.
    pub async fn heard(&self, events: &[Uuid]) -> Result<Vec<HeardRow>, StoreError> {
        let rows: Vec<(Uuid, String, i64)> = retried(|| {
            let heard = "select event_id, device, \
                     (extract(epoch from clock_timestamp() - heard_at) * 1000)::bigint \
                 from alerting_heard where event_id = any($1)";
            sqlx::query_as(heard).bind(events).fetch_all(self.pool())
        })
        .await?;
        let row = |(event, device, ago): (Uuid, String, i64)| {
            (event, device, u64::try_from(ago).unwrap_or(0))
        };
        Ok(rows.into_iter().map(row).collect())
    }

    /// Ends a node's turns, so that the others take them at once.
    ///
    /// # Errors
    ///
    /// What the database said.
    pub async fn end_alerting(&self, node: &str) -> Result<(), StoreError> {
        let ended = retried(|| {
            let end = "update alerting set until_at = clock_timestamp() \
                       where node = $1 and clock_timestamp() < until_at";
            sqlx::query(end).bind(node).execute(self.pool())
        })
        .await;
        ended.map(drop)
    }

    /// Forgets events that nobody looked at for so many seconds, and devices that were not heard for as
    /// long.
    ///
    /// # Errors
    ///
    /// What the database said.
    pub async fn forget_alerting(&self, older_s: u32) -> Result<(), StoreError> {
        for old in [
            "delete from alerting \
             where until_at < clock_timestamp() - $1::bigint * interval '1 second'",
            "delete from alerting_heard \
             where heard_at < clock_timestamp() - $1::bigint * interval '1 second'",
        ] {
            let gone = retried(|| {
                let old = sqlx::query(old).bind(i64::from(older_s));
                old.execute(self.pool())
            });
            gone.await?;
        }
        Ok(())
    }
}
