//! Reading an event, or what other nodes have added to it.

use std::collections::BTreeMap;

use sqlx::postgres::PgPool;
use sqlx::{Postgres, Transaction};
use tallyline_keys::Signature;
use tallyline_proto::model::LogName;
use tallyline_proto::replica::{Stored, StoredLog};
use tallyline_proto::wire::{
    BUNDLE_BYTES_MAX, Frame, KeyRow, LogRef, Push, decode_fork, encode_bundle,
};
use uuid::Uuid;

use super::super::{News, StoreError, layout};
use super::{Failure, Known, KnownLog, Place, retried_work};

/// Cells in one frame, so that a frame stays far below its limit.
const CELLS_A_FRAME: usize = 16;

/// What other nodes have added since.
#[derive(Debug)]
pub(super) struct Added {
    rev: i64,
    manifest: Vec<u8>,
    logs: BTreeMap<LogName, KnownLog>,
    entries: BTreeMap<LogName, Vec<(u64, Vec<u8>)>>,
    heads: BTreeMap<LogName, Vec<(u64, [u8; 64])>>,
    cells: Vec<(Vec<u8>, i16, Vec<u8>)>,
    forks: Vec<(Vec<u8>, Vec<u8>)>,
}

type Rows<T> = Result<Vec<T>, Failure>;

/// Reads everything about an event.
pub(super) async fn load(pool: PgPool, event: Uuid) -> Result<(Stored, Known), StoreError> {
    retried_work(|| load_once(&pool, event)).await
}

async fn load_once(pool: &PgPool, event: Uuid) -> Result<(Stored, Known), Failure> {
    let mut read = begin(pool).await?;
    let (manifest, ticket, rev): (Option<Vec<u8>>, Option<Vec<u8>>, i64) =
        sqlx::query_as("select manifest, ticket, rev from event where event_id = $1")
            .bind(event)
            .fetch_one(&mut *read)
            .await?;
    let mut known = Known {
        rev,
        ..Known::default()
    };
    known.logs = logs(&mut read, event).await?;
    let mut stored = Stored {
        manifest,
        ticket,
        logs: load_logs(&mut read, event, &known).await?,
        ..Stored::default()
    };
    for log in &stored.logs {
        let heads = log.heads.iter();
        known
            .heads
            .extend(heads.map(|(height, _)| (log.name, *height)));
    }
    for (signer, kind, bytes) in cells(&mut read, event, -1).await? {
        stored.cells.push(bytes.clone());
        known.cells.insert((signer, kind), bytes);
    }
    for (name, bytes) in forks(&mut read, event, -1).await? {
        stored.forks.push(bytes.clone());
        known.forks.insert(name, bytes);
    }
    let pieces: Vec<(Vec<u8>,)> =
        sqlx::query_as("select bytes from displaced where event_id = $1 order by id")
            .bind(event)
            .fetch_all(&mut *read)
            .await?;
    stored.displaced = pieces.into_iter().map(|(bytes,)| bytes).collect();
    load_secrets(&mut read, event, &mut stored).await?;
    Ok((stored, known))
}

/// Reads what other nodes have added since a revision; `None` if nothing was.
///
/// # Errors
///
/// [`StoreError::Behind`] if something else is there than this process remembers.
pub(super) async fn added(
    pool: PgPool,
    place: Place,
    since: i64,
    known: BTreeMap<LogName, KnownLog>,
) -> Result<Option<Added>, StoreError> {
    retried_work(|| added_once(&pool, place, since, &known)).await
}

async fn added_once(
    pool: &PgPool,
    Place { event, store }: Place,
    since: i64,
    known: &BTreeMap<LogName, KnownLog>,
) -> Result<Option<Added>, Failure> {
    let mut read = begin(pool).await?;
    let row: Option<(i64, Option<Vec<u8>>, i64)> =
        sqlx::query_as("select rev, manifest, store from event where event_id = $1")
            .bind(event)
            .fetch_optional(&mut *read)
            .await?;
    let Some((rev, manifest, _)) = row.filter(|row| row.2 == store) else {
        return Err(StoreError::Behind.into());
    };
    if rev == since {
        return Ok(None);
    }
    let held = logs(&mut read, event).await?;
    for (name, known) in known {
        let fits = held
            .get(name)
            .is_some_and(|held| held.branch == known.branch && known.height <= held.height);
        if !fits {
            return Err(StoreError::Behind.into());
        }
    }
    let displaced: Vec<(Vec<u8>,)> =
        sqlx::query_as("select id from displaced where event_id = $1 and rev > $2 limit 1")
            .bind(event)
            .bind(since)
            .fetch_all(&mut *read)
            .await?;
    // A fork that was decided is read with everything.
    let (true, true, Some(manifest)) = (displaced.is_empty(), since <= rev, manifest) else {
        return Err(StoreError::Behind.into());
    };
    let height = |name: &LogName| known.get(name).map_or(0, |log| log.height);
    let grown = held.iter().filter(|(name, log)| height(name) < log.height);
    let grown: Vec<(i32, i64)> = grown
        .map(|(name, log)| (log.ordinal, height(name).cast_signed()))
        .collect();
    Ok(Some(Added {
        rev,
        manifest,
        entries: entries(&mut read, event, &held, &grown).await?,
        heads: heads(&mut read, event, &held, &grown).await?,
        cells: cells(&mut read, event, since).await?,
        forks: forks(&mut read, event, since).await?,
        logs: held,
    }))
}

/// Tells whether less is there than this process has read or written: the database was put back to
/// an older state. What the owner's choice of a branch took out of a log is no loss.
///
/// Source: PROTOCOL R-CLOUD-6.
pub(super) async fn fell_back(
    pool: PgPool,
    place: Place,
    since: i64,
    known: BTreeMap<LogName, KnownLog>,
) -> Result<bool, StoreError> {
    retried_work(|| fell_back_once(&pool, place, since, &known)).await
}

async fn fell_back_once(
    pool: &PgPool,
    Place { event, store }: Place,
    since: i64,
    known: &BTreeMap<LogName, KnownLog>,
) -> Result<bool, Failure> {
    let mut read = begin(pool).await?;
    let row: Option<(i64, i64)> =
        sqlx::query_as("select rev, store from event where event_id = $1")
            .bind(event)
            .fetch_optional(&mut *read)
            .await?;
    let Some((rev, held)) = row else {
        return Ok(false);
    };
    if held != store {
        return Ok(false);
    }
    let held = logs(&mut read, event).await?;
    let lower = |(name, known): (&LogName, &KnownLog)| match held.get(name) {
        None => 0 < known.height,
        Some(held) => held.branch == known.branch && held.height < known.height,
    };
    Ok(rev < since || known.iter().any(lower))
}

impl Known {
    /// Takes note of what others have added, and returns it as a bundle.
    pub(super) fn take(&mut self, added: Added) -> Option<News> {
        self.rev = added.rev;
        self.logs = added.logs;
        let mut frames = vec![Frame::Welcome(added.manifest)];
        for (name, entries) in added.entries {
            let heads = added
                .heads
                .get(&name)
                .map(Vec::as_slice)
                .unwrap_or_default();
            self.heads
                .extend(heads.iter().map(|(height, _)| (name, *height)));
            frames.extend(pushes(name, entries, heads));
        }
        let mut cells = Vec::new();
        for (signer, kind, bytes) in added.cells {
            if self.cells.get(&(signer.clone(), kind)) != Some(&bytes) {
                cells.push(bytes.clone());
                self.cells.insert((signer, kind), bytes);
            }
        }
        let groups = cells.chunks(CELLS_A_FRAME);
        frames.extend(groups.map(|group| Frame::Cells(group.to_vec())));
        for (name, bytes) in added.forks {
            if self.forks.get(&name) != Some(&bytes)
                && let Ok(fork) = decode_fork(&bytes)
            {
                frames.push(Frame::Fork(fork));
                self.forks.insert(name, bytes);
            }
        }
        (1 < frames.len()).then(|| News(bundles(frames)))
    }
}

/// Packs frames into as few bundles as their limit allows; each begins with the manifest.
fn bundles(frames: Vec<Frame>) -> Vec<Vec<u8>> {
    let whole = encode_bundle(&frames);
    if whole.len() <= BUNDLE_BYTES_MAX || frames.len() <= 2 {
        return vec![whole];
    }
    let mut frames = frames.into_iter();
    let Some(welcome) = frames.next() else {
        return Vec::new();
    };
    let rest: Vec<Frame> = frames.collect();
    let (left, right) = rest.split_at(rest.len() / 2);
    [left, right]
        .into_iter()
        .flat_map(|half| {
            let mut frames = vec![welcome.clone()];
            frames.extend_from_slice(half);
            bundles(frames)
        })
        .collect()
}

/// Cuts what was added to a log into pushes that end at a signature.
fn pushes(name: LogName, entries: Vec<(u64, Vec<u8>)>, heads: &[(u64, [u8; 64])]) -> Vec<Frame> {
    let mut rest = entries.into_iter().peekable();
    let mut pushes = Vec::new();
    for (height, signature) in heads {
        let Some(from) = rest.peek().map(|(seq, _)| *seq) else {
            break;
        };
        let mut chunk = Vec::new();
        while let Some((_, entry)) = rest.next_if(|(seq, _)| seq <= height) {
            chunk.push(entry);
        }
        if !chunk.is_empty() {
            pushes.push(Frame::Push(Push {
                log: LogRef::Name(name),
                from,
                signature: Signature::from_bytes(*signature),
                entries: chunk,
            }));
        }
    }
    pushes
}

/// Begins to read everything as it stands at one moment.
async fn begin(pool: &PgPool) -> Result<Transaction<'static, Postgres>, Failure> {
    let mut read = pool.begin().await?;
    sqlx::query("set transaction isolation level repeatable read read only")
        .execute(&mut *read)
        .await?;
    Ok(read)
}

async fn logs(
    read: &mut Transaction<'_, Postgres>,
    event: Uuid,
) -> Result<BTreeMap<LogName, KnownLog>, Failure> {
    let rows: Vec<(i32, Vec<u8>, i64, i32)> =
        sqlx::query_as("select log, name, height, branch from log where event_id = $1")
            .bind(event)
            .fetch_all(&mut **read)
            .await?;
    let known: Result<_, StoreError> = rows.into_iter().map(known_log).collect();
    Ok(known?)
}

/// Reads the row of a log.
pub(super) fn known_log(
    (ordinal, name, height, branch): (i32, Vec<u8>, i64, i32),
) -> Result<(LogName, KnownLog), StoreError> {
    let name = <[u8; 40]>::try_from(name).map_err(|_| {
        StoreError::Damaged(format!("the name of log {ordinal} has another length"))
    })?;
    let known = KnownLog {
        ordinal,
        height: height.cast_unsigned(),
        branch,
    };
    Ok((layout::read_log_name(&name), known))
}

async fn load_logs(
    read: &mut Transaction<'_, Postgres>,
    event: Uuid,
    known: &Known,
) -> Rows<StoredLog> {
    let from: Vec<(i32, i64)> = known.logs.values().map(|log| (log.ordinal, 0)).collect();
    let mut entries = entries(read, event, &known.logs, &from).await?;
    let mut heads = heads(read, event, &known.logs, &from).await?;
    let mut logs = Vec::new();
    for (name, log) in &known.logs {
        let entries = entries.remove(name).unwrap_or_default();
        let whole = (1..=log.height).eq(entries.iter().map(|(seq, _)| *seq));
        if !whole {
            return Err(StoreError::Damaged(format!(
                "log {} has a gap below its height {}",
                log.ordinal, log.height
            ))
            .into());
        }
        logs.push(StoredLog {
            name: *name,
            entries: entries.into_iter().map(|(_, bytes)| bytes).collect(),
            heads: heads.remove(name).unwrap_or_default(),
        });
    }
    Ok(logs)
}

/// Reads the entries of some logs above a height each, by sequence.
async fn entries(
    read: &mut Transaction<'_, Postgres>,
    event: Uuid,
    logs: &BTreeMap<LogName, KnownLog>,
    above: &[(i32, i64)],
) -> Result<BTreeMap<LogName, Vec<(u64, Vec<u8>)>>, Failure> {
    let (ordinals, heights): (Vec<i32>, Vec<i64>) = above.iter().copied().unzip();
    let rows: Vec<(i32, i64, Vec<u8>)> = sqlx::query_as(
        "select entry.log, entry.seq, entry.bytes \
         from unnest($2::integer[], $3::bigint[]) as above (log, height) \
         join entry on entry.event_id = $1 and entry.log = above.log and entry.seq > above.height \
         order by entry.log, entry.seq",
    )
    .bind(event)
    .bind(ordinals)
    .bind(heights)
    .fetch_all(&mut **read)
    .await?;
    let names = names(logs);
    let mut entries: BTreeMap<LogName, Vec<(u64, Vec<u8>)>> = BTreeMap::new();
    for (ordinal, seq, bytes) in rows {
        if let Some(name) = names.get(&ordinal) {
            let log = entries.entry(*name).or_default();
            log.push((seq.cast_unsigned(), bytes));
        }
    }
    Ok(entries)
}

/// Reads the head signatures of some logs above a height each, by height.
async fn heads(
    read: &mut Transaction<'_, Postgres>,
    event: Uuid,
    logs: &BTreeMap<LogName, KnownLog>,
    above: &[(i32, i64)],
) -> Result<BTreeMap<LogName, Vec<(u64, [u8; 64])>>, Failure> {
    let (ordinals, heights): (Vec<i32>, Vec<i64>) = above.iter().copied().unzip();
    let rows: Vec<(i32, i64, Vec<u8>)> = sqlx::query_as(
        "select head.log, head.height, head.signature \
         from unnest($2::integer[], $3::bigint[]) as above (log, height) \
         join head on head.event_id = $1 and head.log = above.log and head.height > above.height \
         order by head.log, head.height",
    )
    .bind(event)
    .bind(ordinals)
    .bind(heights)
    .fetch_all(&mut **read)
    .await?;
    let names = names(logs);
    let mut heads: BTreeMap<LogName, Vec<(u64, [u8; 64])>> = BTreeMap::new();
    for (ordinal, height, signature) in rows {
        let signature = <[u8; 64]>::try_from(signature).map_err(|_| {
            StoreError::Damaged(format!("a signature of log {ordinal} has another length"))
        })?;
        if let Some(name) = names.get(&ordinal) {
            let log = heads.entry(*name).or_default();
            log.push((height.cast_unsigned(), signature));
        }
    }
    Ok(heads)
}

fn names(logs: &BTreeMap<LogName, KnownLog>) -> BTreeMap<i32, LogName> {
    logs.iter()
        .map(|(name, log)| (log.ordinal, *name))
        .collect()
}

async fn cells(
    read: &mut Transaction<'_, Postgres>,
    event: Uuid,
    since: i64,
) -> Rows<(Vec<u8>, i16, Vec<u8>)> {
    let rows =
        sqlx::query_as("select signer, kind, bytes from cell where event_id = $1 and rev > $2")
            .bind(event)
            .bind(since)
            .fetch_all(&mut **read)
            .await?;
    Ok(rows)
}

async fn forks(
    read: &mut Transaction<'_, Postgres>,
    event: Uuid,
    since: i64,
) -> Rows<(Vec<u8>, Vec<u8>)> {
    let rows = sqlx::query_as("select name, bytes from fork where event_id = $1 and rev > $2")
        .bind(event)
        .bind(since)
        .fetch_all(&mut **read)
        .await?;
    Ok(rows)
}

/// Reads open invites and keys of sealed texts.
async fn load_secrets(
    read: &mut Transaction<'_, Postgres>,
    event: Uuid,
    stored: &mut Stored,
) -> Result<(), Failure> {
    let invites: Vec<(Vec<u8>, Vec<u8>)> =
        sqlx::query_as("select id, bytes from invite where event_id = $1 order by id")
            .bind(event)
            .fetch_all(&mut **read)
            .await?;
    for (id, bytes) in invites {
        let id = <[u8; 16]>::try_from(id)
            .map_err(|_| StoreError::Damaged("an invite's id has another length".to_owned()))?;
        stored.invites.push((id, bytes));
    }
    let keys: Vec<(Vec<u8>,)> =
        sqlx::query_as("select bytes from sealing_key where event_id = $1 order by id")
            .bind(event)
            .fetch_all(&mut **read)
            .await?;
    for (bytes,) in keys {
        let row = KeyRow::from_bytes(&bytes)
            .ok_or_else(|| StoreError::Damaged("a key has another length".to_owned()))?;
        stored.keys.push(row);
    }
    Ok(())
}
