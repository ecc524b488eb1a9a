//! What a cloud's nodes tell about its events, in the database that they share: each thing once by all of
//! them together.
//!
//! Layer: node, cloud; above `alerts`' contract.

use std::time::Duration;

use uuid::Uuid;

use crate::alerts::{Asked, Heard, Keep, Keeper, Kept};
use crate::store::StoreError;
use crate::store::postgres::Database;

/// Seconds after which an event is forgotten that nobody looked at, and a device that was not heard: a
/// week, so that what was told on a weekend is known on the next.
const FORGET_S: u32 = 7 * 24 * 60 * 60;

/// A node's turns at the events of a database.
#[derive(Clone, Debug)]
pub struct Alerting {
    database: Database,
    node: String,
}

impl Alerting {
    /// Takes turns by a name that a node keeps over restarts.
    pub fn new(database: Database, node: String) -> Self {
        Self { database, node }
    }
}

impl Keeper for Alerting {
    fn take(&self, events: Vec<Uuid>, turn: Duration) -> Asked<'_, Vec<Kept>> {
        Box::pin(async move {
            let turn_ms = crate::clock::millis(turn);
            let taken = self.database.take_alerting(&self.node, &events, turn_ms);
            taken.await.map_err(|error| said(&error))
        })
    }

    fn keep(&self, rows: Vec<Keep>) -> Asked<'_, Vec<Uuid>> {
        Box::pin(async move {
            let kept = self.database.keep_told(&self.node, &rows);
            kept.await.map_err(|error| said(&error))
        })
    }

    fn kept(&self, event: Uuid) -> Asked<'_, Option<String>> {
        Box::pin(async move {
            let kept = self.database.told_of(event);
            kept.await.map_err(|error| said(&error))
        })
    }

    fn note_heard(&self, rows: Vec<Heard>) -> Asked<'_, ()> {
        Box::pin(async move {
            let noted = self.database.note_heard(&rows);
            noted.await.map_err(|error| said(&error))
        })
    }

    fn heard(&self, events: Vec<Uuid>) -> Asked<'_, Vec<Heard>> {
        Box::pin(async move {
            let heard = self.database.heard(&events);
            heard.await.map_err(|error| said(&error))
        })
    }

    fn tidy(&self) -> Asked<'_, ()> {
        Box::pin(async move {
            let forgotten = self.database.forget_alerting(FORGET_S);
            forgotten.await.map_err(|error| said(&error))
        })
    }

    fn end(&self) -> Asked<'_, ()> {
        Box::pin(async move {
            let ended = self.database.end_alerting(&self.node);
            ended.await.map_err(|error| said(&error))
        })
    }
}

fn said(error: &StoreError) -> String {
    error.to_string()
}
