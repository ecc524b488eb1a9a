//! Finding events by what people call them, without reading manifests.

use tallyline_proto::model::{EventId, Hash};
use uuid::Uuid;

use super::super::StoreError;
use super::{Database, retried};
use crate::root::events::{Shelved, beginning, called};

/// Rows that get their names at a time.
const NAMED_AT_ONCE: i64 = 200;

/// An event's id and name.
type Row = (Vec<u8>, String);

impl Database {
    /// Returns events, at most `limit`, the newest first.
    ///
    /// # Errors
    ///
    /// What the database said.
    pub async fn list(&self, limit: u32) -> Result<Vec<Shelved>, StoreError> {
        let list = "select id, name from event where name is not null \
             order by made_at desc limit $1";
        let rows: Vec<Row> = retried(async || {
            let asked = sqlx::query_as(list).bind(i64::from(limit));
            asked.fetch_all(&self.pool).await
        })
        .await?;
        rows.into_iter().map(shelved).collect()
    }

    /// Returns the events that a text means by their name, or by how their UUID begins, at most
    /// `limit`; without a text any.
    ///
    /// # Errors
    ///
    /// What the database said.
    pub async fn meant(&self, text: Option<&str>, limit: u32) -> Result<Vec<Shelved>, StoreError> {
        let limit = i64::from(limit);
        let Some(text) = text else {
            let any =
                "select id, name from event where name is not null order by event_id limit $1";
            let rows: Vec<Row> = retried(async || {
                let asked = sqlx::query_as(any).bind(limit);
                asked.fetch_all(&self.pool).await
            })
            .await?;
            return rows.into_iter().map(shelved).collect();
        };
        let (first, last) = beginning(text).unzip();
        let find = "select id, name from event \
             where name is not null and (called = $1 or event_id between $2 and $3) \
             order by event_id limit $4";
        let rows: Vec<Row> = retried(async || {
            let asked = sqlx::query_as(find).bind(called(text));
            let asked = asked.bind(first).bind(last).bind(limit);
            asked.fetch_all(&self.pool).await
        })
        .await?;
        rows.into_iter().map(shelved).collect()
    }

    /// Returns the event of a UUID.
    ///
    /// # Errors
    ///
    /// What the database said.
    pub async fn named(&self, uuid: Uuid) -> Result<Option<EventId>, StoreError> {
        let named = "select id from event where event_id = $1 and manifest is not null";
        let row: Option<(Vec<u8>,)> = retried(async || {
            let asked = sqlx::query_as(named).bind(uuid);
            asked.fetch_optional(&self.pool).await
        })
        .await?;
        row.map(|(id,)| event(id)).transpose()
    }

    /// Gives events their names that an earlier version has kept.
    pub(super) async fn name_events(&self) -> Result<(), StoreError> {
        let unnamed = "select event_id, manifest from event \
             where name is null and manifest is not null order by event_id limit $1";
        loop {
            let rows: Vec<(Uuid, Vec<u8>)> = retried(async || {
                let asked = sqlx::query_as(unnamed).bind(NAMED_AT_ONCE);
                asked.fetch_all(&self.pool).await
            })
            .await?;
            if rows.is_empty() {
                return Ok(());
            }
            let (uuids, manifests): (Vec<Uuid>, Vec<Vec<u8>>) = rows.into_iter().unzip();
            let (names, called): (Vec<String>, Vec<String>) =
                manifests.iter().map(|it| names_of(it)).unzip();
            // Other nodes may be at it, too: all write the same.
            let name = "update event set name = given.name, called = given.called \
                 from unnest($1::uuid[], $2::text[], $3::text[]) as given (event_id, name, called) \
                 where event.event_id = given.event_id and event.name is null";
            retried(async || {
                let asked = sqlx::query(name).bind(&uuids).bind(&names).bind(&called);
                asked.execute(&self.pool).await
            })
            .await?;
        }
    }
}

/// Returns what an event is called, and the same as it is looked for; what cannot be read is called
/// nothing. PostgreSQL takes no NUL in a text.
pub(super) fn names_of(manifest: &[u8]) -> (String, String) {
    let shelved = Shelved::of(manifest);
    let plain = |text: String| text.replace('\0', "");
    shelved.map_or_else(Default::default, |it| (plain(it.name), plain(it.called)))
}

fn shelved((id, name): Row) -> Result<Shelved, StoreError> {
    Ok(Shelved::new(event(id)?, name))
}

fn event(id: Vec<u8>) -> Result<EventId, StoreError> {
    let id = <[u8; 32]>::try_from(id)
        .map_err(|_| StoreError::Damaged("an event's id has another length".to_owned()))?;
    Ok(EventId(Hash(id)))
}
