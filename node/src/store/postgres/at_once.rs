//! The usual batch in one statement: entries behind what this node knows, signatures of heads, cells.
//!
//! It is written only if nobody else has written about the event since this node read it; then what
//! this node knows of the logs is what is there, and nothing has to be asked first. Otherwise nothing
//! is written, and `commit` does it step by step under the event's lock.
//!
//! No table is written twice, which CockroachDB would refuse. Layer: node, store.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::postgres::PgPool;
use tallyline_proto::model::LogName;

use super::commit::{Batch, CellRow, Done, Logs, Rows, last};
use super::{KnownLog, Place, is_taken};

/// Everything depends on `held`, which is empty if the event, its store, its revision or one of the logs is
/// another one than this node knows.
const WRITE: &str = "with \
     held as (update event set rev = rev + 1 \
         where event_id = $1 and store = $2 and rev = $3 and not exists \
             (select 1 from unnest($4::integer[], $5::bigint[], $6::integer[]) \
                  as known (log, height, branch) \
              left join log on log.event_id = $1 and log.log = known.log \
              where log.height is distinct from known.height \
                 or log.branch is distinct from known.branch) \
         returning rev), \
     added as (insert into entry (event_id, log, seq, bytes) \
         select $1, fresh.* from held, \
             unnest($8::integer[], $9::bigint[], $10::bytea[]) as fresh), \
     raised as (update log set height = grown.height \
         from held, unnest($4::integer[], $7::bigint[]) as grown (log, height) \
         where log.event_id = $1 and log.log = grown.log), \
     signed as (insert into head (event_id, log, height, signature) \
         select $1, fresh.* from held, \
             unnest($11::integer[], $12::bigint[], $13::bytea[]) as fresh \
         on conflict do nothing), \
     kept as (insert into cell (event_id, signer, kind, store, counter, bytes, rev) \
         select $1, fresh.*, held.rev from held, \
             unnest($14::bytea[], $15::smallint[], $16::bigint[], $17::bigint[], $18::bytea[]) \
                 as fresh \
         on conflict (event_id, signer, kind) do update \
         set store = excluded.store, counter = excluded.counter, bytes = excluded.bytes, \
             rev = excluded.rev \
         where cell.store <> excluded.store or cell.counter < excluded.counter) \
     select rev from held";

/// A batch of which every log is known, and every entry stands behind what is known.
pub(super) struct Usual<'a> {
    /// Each log as it is known, and its height afterwards.
    logs: BTreeMap<LogName, (KnownLog, u64)>,
    rows: Rows<'a>,
    heads: Vec<(i32, u64, &'a [u8; 64])>,
    cells: &'a [CellRow],
}

impl<'a> Usual<'a> {
    /// Lays a batch out; `None` if it is none of the usual ones.
    pub(super) fn of(batch: &'a Batch, logs: &Logs) -> Option<Self> {
        let [step] = batch.steps.as_slice() else {
            return None;
        };
        let slots: BTreeSet<_> = batch.cells.iter().map(|it| (&it.signer, it.kind)).collect();
        let twice = slots.len() < batch.cells.len();
        let rare = !batch.forks.is_empty() || !batch.facts.is_empty();
        if twice || rare || step.displaced.is_some() || batch.is_to_drop() {
            return None;
        }
        let known = logs
            .iter()
            .map(|(log, known)| known.map(|it| (*log, (it, it.height))));
        let mut usual = Self {
            logs: known.collect::<Option<_>>()?,
            rows: Rows::default(),
            heads: Vec::new(),
            cells: &batch.cells,
        };
        for run in &step.runs {
            let (known, height) = usual.logs.get_mut(&run.log)?;
            if run.first != height.saturating_add(1) {
                return None;
            }
            for (seq, entry) in (run.first..).zip(&run.entries) {
                usual.rows.push(known.ordinal, seq, entry);
            }
            *height = last(run.first, &run.entries);
        }
        for (log, height, signature) in &step.heads {
            let (known, _) = usual.logs.get(log)?;
            usual.heads.push((known.ordinal, *height, signature));
        }
        Some(usual)
    }

    /// Writes it; `None` if something else is there than this node knows, and nothing was written.
    pub(super) async fn write(
        &self,
        pool: &PgPool,
        place: Place,
        rev: i64,
    ) -> Result<Option<Done>, sqlx::Error> {
        let logs = || self.logs.values();
        let (heads, cells) = (|| self.heads.iter(), || self.cells.iter());
        let query = sqlx::query_as(WRITE)
            .bind(place.event)
            .bind(place.store)
            .bind(rev)
            .bind(column(logs(), |(known, _)| known.ordinal))
            .bind(column(logs(), |(known, _)| known.height.cast_signed()))
            .bind(column(logs(), |(known, _)| known.branch))
            .bind(column(logs(), |(_, height)| height.cast_signed()))
            .bind(&self.rows.logs)
            .bind(&self.rows.seqs)
            .bind(&self.rows.bytes)
            .bind(column(heads(), |it| it.0))
            .bind(column(heads(), |it| it.1.cast_signed()))
            .bind(column(heads(), |it| it.2.as_slice()))
            .bind(column(cells(), |it| it.signer.as_slice()))
            .bind(column(cells(), |it| it.kind))
            .bind(column(cells(), |it| it.store))
            .bind(column(cells(), |it| it.counter))
            .bind(column(cells(), |it| it.bytes.as_slice()));
        let written: Option<(i64,)> = match query.fetch_optional(pool).await {
            // Entries above the height of their log: what is wrong there is found step by step.
            Err(error) if is_taken(&error) => None,
            other => other?,
        };
        let grown = |(log, (known, height)): (&LogName, &(KnownLog, u64))| {
            let height = *height;
            (*log, KnownLog { height, ..*known })
        };
        Ok(written.map(|(rev,)| Done {
            rev,
            logs: self.logs.iter().map(grown).collect(),
            left: Vec::new(),
        }))
    }
}

/// Returns one column of some rows.
fn column<'r, R: 'r, T>(rows: impl Iterator<Item = &'r R>, of: impl Fn(&'r R) -> T) -> Vec<T> {
    rows.map(of).collect()
}
