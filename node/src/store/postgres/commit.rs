//! One transaction of writes: in one statement where it is a usual one, else the event's lock, the
//! heads, then everything in a few statements.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::postgres::PgPool;
use sqlx::{Postgres, Transaction};
use tallyline_proto::model::LogName;
use tallyline_proto::replica::Write;
use tallyline_proto::wire::decode_cell;
use uuid::Uuid;

use super::super::{StoreError, layout};
use super::at_once::Usual;
use super::{Failure, Known, KnownLog, Place, retried, retried_work};

/// Entries between two head signatures that are kept, at most: as many of the longest make the
/// 48 KB of a push, so that every node can end a chunk at one.
const HEAD_GAP_MAX: i64 = 48;

/// Head signatures that could go and are left until a transaction is worth it.
const DROPS_MAX: usize = 64;

/// Entries that follow each other in one log.
#[derive(Clone, Debug)]
pub(super) struct Run {
    pub(super) log: LogName,
    pub(super) first: u64,
    pub(super) entries: Vec<Vec<u8>>,
}

/// One step of a batch: what comes before a change of branch is written before it.
#[derive(Clone, Debug, Default)]
pub(super) struct Step {
    pub(super) runs: Vec<Run>,
    pub(super) heads: Vec<(LogName, u64, [u8; 64])>,
    /// Ends the step: the log, from where on it is another one, and the piece beside it.
    pub(super) displaced: Option<(LogName, u64, Vec<u8>)>,
}

/// A cell with what orders it.
#[derive(Clone, Debug)]
pub(super) struct CellRow {
    pub(super) signer: Vec<u8>,
    pub(super) kind: i16,
    pub(super) store: i64,
    pub(super) counter: i64,
    pub(super) bytes: Vec<u8>,
}

/// What one commit writes, without what is in the database already.
#[derive(Clone, Debug, Default)]
pub(super) struct Batch {
    pub(super) steps: Vec<Step>,
    /// Head signatures that could go, and are not looked for in the database yet.
    drops: Vec<(LogName, u64)>,
    pub(super) cells: Vec<CellRow>,
    pub(super) forks: Vec<(Vec<u8>, Vec<u8>)>,
    pub(super) facts: Vec<Fact>,
}

/// A row that replaces the one before it.
#[derive(Clone, Debug)]
pub(super) enum Fact {
    Manifest(Vec<u8>),
    Ticket(Option<Vec<u8>>),
    Invite([u8; 16], Option<Vec<u8>>),
    Key([u8; 8], Option<Vec<u8>>),
}

/// What a commit made of it.
#[derive(Debug)]
pub(super) struct Done {
    pub(super) rev: i64,
    pub(super) logs: BTreeMap<LogName, KnownLog>,
    /// Head signatures that could go and were left.
    pub(super) left: Vec<(LogName, u64)>,
}

/// The logs that a commit writes, as this process knows them.
pub(super) type Logs = BTreeMap<LogName, Option<KnownLog>>;

impl Batch {
    /// Sorts writes by table, without what was read from the database or written before.
    pub(super) fn of(writes: &[Write], known: &Known) -> Self {
        let mut batch = Self {
            drops: known.drops.clone(),
            ..Self::default()
        };
        let mut step = Step::default();
        // Where logs are cut by what comes before in the same batch.
        let mut cuts: BTreeMap<LogName, u64> = BTreeMap::new();
        for write in writes {
            match write {
                Write::Entries {
                    log,
                    first,
                    entries,
                } => {
                    let height = known.logs.get(log).map_or(0, |log| log.height);
                    let height = cuts.get(log).map_or(height, |&cut| height.min(cut));
                    if height < last(*first, entries) {
                        step.runs.push(Run {
                            log: *log,
                            first: *first,
                            entries: entries.clone(),
                        });
                    }
                }
                Write::Head {
                    log,
                    height,
                    signature,
                } => {
                    let cut = cuts.get(log).is_some_and(|cut| cut < height);
                    if cut || !known.heads.contains(&(*log, *height)) {
                        step.heads.push((*log, *height, *signature));
                    }
                }
                Write::DropHead { log, height } => batch.drops.push((*log, *height)),
                Write::Displace { log, from, bytes } => {
                    let cut = from.saturating_sub(1);
                    cuts.entry(*log)
                        .and_modify(|it| *it = cut.min(*it))
                        .or_insert(cut);
                    step.displaced = Some((*log, *from, bytes.clone()));
                    batch.steps.push(std::mem::take(&mut step));
                }
                Write::Cell { key, kind, bytes } => {
                    let cell = cell(key.as_bytes(), *kind, bytes);
                    if known.cells.get(&(cell.signer.clone(), cell.kind)) != Some(bytes) {
                        batch.cells.push(cell);
                    }
                }
                Write::Fork { log, bytes } => {
                    let name = layout::log_name(log).to_vec();
                    if known.forks.get(&name) != Some(bytes) {
                        batch.forks.push((name, bytes.clone()));
                    }
                }
                Write::Manifest(bytes) => batch.facts.push(Fact::Manifest(bytes.clone())),
                Write::Ticket(bytes) => batch.facts.push(Fact::Ticket(bytes.clone())),
                Write::Invite { id, bytes } => {
                    batch.facts.push(Fact::Invite(*id, bytes.clone()));
                }
                Write::Key { id, row } => {
                    let row = row.as_bytes().to_vec();
                    batch.facts.push(Fact::Key(id.0, Some(row)));
                }
                Write::ForgetKey { id } => batch.facts.push(Fact::Key(id.0, None)),
            }
        }
        batch.steps.push(step);
        batch
    }

    /// Tells whether there is nothing to write: a signature that could go is worth no transaction.
    pub(super) fn is_empty(&self) -> bool {
        let idle =
            |step: &Step| step.runs.is_empty() && step.heads.is_empty() && step.displaced.is_none();
        self.steps.iter().all(idle)
            && self.cells.is_empty()
            && self.forks.is_empty()
            && self.facts.is_empty()
    }

    /// Takes what could be forgotten and is worth no transaction by itself.
    pub(super) fn into_left(self) -> Vec<(LogName, u64)> {
        self.drops
    }

    /// Tells whether enough head signatures could go for a transaction to be worth it.
    pub(super) fn is_to_drop(&self) -> bool {
        DROPS_MAX <= self.drops.len()
    }

    /// Returns how high a log of this height is for whoever made these writes.
    fn height_of(&self, log: LogName, mut height: u64) -> u64 {
        for step in &self.steps {
            let runs = step.runs.iter().filter(|run| run.log == log);
            let ends = runs.map(|run| last(run.first, &run.entries));
            height = ends.fold(height, u64::max);
            if let Some((_, from, _)) = step.displaced.as_ref().filter(|it| it.0 == log) {
                height = height.min(from.saturating_sub(1));
            }
        }
        height
    }

    /// Returns the logs that it writes, each once.
    pub(super) fn logs(&self) -> BTreeSet<LogName> {
        let mut logs = BTreeSet::new();
        for step in &self.steps {
            logs.extend(step.runs.iter().map(|run| run.log));
            logs.extend(step.heads.iter().map(|head| head.0));
            logs.extend(step.displaced.iter().map(|it| it.0));
        }
        logs
    }
}

impl Known {
    /// Takes note of what was written.
    pub(super) fn written(&mut self, batch: &Batch, done: Done) {
        // Another node may have written between: what it added is looked for next time.
        if done.rev == self.rev.saturating_add(1) {
            self.rev = done.rev;
        }
        self.drops = done.left;
        for (log, mut held) in done.logs {
            let height = self.logs.get(&log).map_or(0, |known| known.height);
            // What another node added above is not here: it is looked for, too.
            held.height = held.height.min(batch.height_of(log, height));
            self.logs.insert(log, held);
        }
        for step in &batch.steps {
            let heads = step.heads.iter();
            self.heads
                .extend(heads.map(|(log, height, _)| (*log, *height)));
            if let Some((log, from, _)) = &step.displaced {
                self.heads.retain(|(of, height)| of != log || height < from);
            }
        }
        for cell in &batch.cells {
            let slot = (cell.signer.clone(), cell.kind);
            self.cells.insert(slot, cell.bytes.clone());
        }
        self.forks.extend(batch.forks.iter().cloned());
    }
}

/// Commits a batch; a transaction that the database ended for another's sake is tried again.
pub(super) async fn commit(
    pool: PgPool,
    place: Place,
    batch: Batch,
    (rev, logs): (i64, Logs),
) -> Result<(Batch, Done), StoreError> {
    if let Some(usual) = Usual::of(&batch, &logs) {
        let at_once = retried(|| usual.write(&pool, place, rev)).await?;
        if let Some(mut done) = at_once {
            done.left.clone_from(&batch.drops);
            return Ok((batch, done));
        }
    }
    let done = retried_work(|| attempt(&pool, place, &batch, &logs)).await?;
    Ok((batch, done))
}

/// One transaction about one event, which holds the event's row from its first statement on.
struct Work<'t> {
    transaction: Transaction<'t, Postgres>,
    event: Uuid,
    rev: i64,
}

async fn attempt(
    pool: &PgPool,
    Place { event, store }: Place,
    batch: &Batch,
    logs: &Logs,
) -> Result<Done, Failure> {
    let mut transaction = pool.begin().await?;
    let lock = "update event set rev = rev + 1 where event_id = $1 returning rev, store";
    let row: Option<(i64, i64)> = sqlx::query_as(lock)
        .bind(event)
        .fetch_optional(&mut *transaction)
        .await?;
    // The event is not there any more, or its store is another one since it was put back.
    let Some((rev, _)) = row.filter(|(_, held)| *held == store) else {
        return Err(StoreError::Behind.into());
    };
    let mut work = Work {
        transaction,
        event,
        rev,
    };
    let mut held = work.heads_of(logs).await?;
    for step in &batch.steps {
        work.append(step, logs, &mut held).await?;
        if let Some((log, from, piece)) = &step.displaced {
            work.displace(log, *from, piece, &mut held).await?;
        }
    }
    work.drop_heads(&batch.drops).await?;
    work.cells(&batch.cells).await?;
    work.forks(&batch.forks).await?;
    for fact in &batch.facts {
        work.fact(fact).await?;
    }
    work.transaction.commit().await?;
    let left = Vec::new();
    Ok(Done {
        rev,
        logs: held,
        left,
    })
}

impl Work<'_> {
    /// Reads where logs stand; those that are new get their rows.
    async fn heads_of(&mut self, logs: &Logs) -> Result<BTreeMap<LogName, KnownLog>, Failure> {
        if logs.is_empty() {
            return Ok(BTreeMap::new());
        }
        let names: Vec<Vec<u8>> = logs
            .keys()
            .map(|log| layout::log_name(log).to_vec())
            .collect();
        let mut held = self.read_logs(&names).await?;
        if held.len() < logs.len() {
            // Nobody else makes any meanwhile: the event's row is locked.
            let made = "insert into log (event_id, log, name) \
                 select $1, (select coalesce(max(log), 0) from log where event_id = $1) \
                            + row_number() over (), fresh.name \
                 from unnest($2::bytea[]) as fresh (name) \
                 where not exists \
                     (select 1 from log where event_id = $1 and log.name = fresh.name)";
            sqlx::query(made)
                .bind(self.event)
                .bind(&names)
                .execute(&mut *self.transaction)
                .await?;
            held = self.read_logs(&names).await?;
        }
        for (log, known) in logs {
            let fits = held.get(log).is_some_and(|held| {
                known.is_none_or(|known| held.branch == known.branch && known.height <= held.height)
            });
            if !fits {
                return Err(StoreError::Behind.into());
            }
        }
        Ok(held)
    }

    async fn read_logs(
        &mut self,
        names: &[Vec<u8>],
    ) -> Result<BTreeMap<LogName, KnownLog>, Failure> {
        let rows: Vec<(i32, Vec<u8>, i64, i32)> = sqlx::query_as(
            "select log, name, height, branch from log where event_id = $1 and name = any($2)",
        )
        .bind(self.event)
        .bind(names)
        .fetch_all(&mut *self.transaction)
        .await?;
        let known = rows.into_iter().map(super::read::known_log);
        Ok(known.collect::<Result<_, StoreError>>()?)
    }

    /// Adds the entries and head signatures of a step: one statement for all of them.
    async fn append(
        &mut self,
        step: &Step,
        logs: &Logs,
        held: &mut BTreeMap<LogName, KnownLog>,
    ) -> Result<(), Failure> {
        if step.runs.is_empty() && step.heads.is_empty() {
            return Ok(());
        }
        let mut rows = Rows::default();
        for run in &step.runs {
            let Some(log) = held.get_mut(&run.log) else {
                return Err(StoreError::Behind.into());
            };
            let new = logs.get(&run.log).is_some_and(Option::is_none);
            if log.height.saturating_add(1) < run.first || (new && 1 < run.first && log.height == 0)
            {
                return Err(StoreError::Behind.into());
            }
            let known = log.height.saturating_add(1).saturating_sub(run.first);
            let known = usize::try_from(known)
                .unwrap_or(usize::MAX)
                .min(run.entries.len());
            let (before, fresh) = run.entries.split_at(known);
            self.compare(log.ordinal, run.first, before).await?;
            for (seq, entry) in (log.height.saturating_add(1)..).zip(fresh) {
                rows.push(log.ordinal, seq, entry);
            }
            log.height = log.height.max(last(run.first, &run.entries));
        }
        self.insert(&rows, &step.heads, held).await
    }

    /// Inserts what is new and raises the heights.
    async fn insert(
        &mut self,
        rows: &Rows<'_>,
        heads: &[(LogName, u64, [u8; 64])],
        held: &BTreeMap<LogName, KnownLog>,
    ) -> Result<(), Failure> {
        let (mut head_logs, mut head_heights, mut signatures) =
            (Vec::new(), Vec::new(), Vec::new());
        for (log, height, signature) in heads {
            let Some(held) = held.get(log) else { continue };
            head_logs.push(held.ordinal);
            head_heights.push(height.cast_signed());
            signatures.push(signature.as_slice());
        }
        let insert = "with \
             added as (insert into entry (event_id, log, seq, bytes) \
                 select $1, * from unnest($2::integer[], $3::bigint[], $4::bytea[]) \
                 on conflict do nothing returning log, seq), \
             raised as (update log set height = grown.height \
                 from (select log, max(seq) as height \
                       from unnest($2::integer[], $3::bigint[]) as t (log, seq) group by log) grown \
                 where log.event_id = $1 and log.log = grown.log), \
             signed as (insert into head (event_id, log, height, signature) \
                 select $1, * from unnest($5::integer[], $6::bigint[], $7::bytea[]) \
                 on conflict do nothing) \
             select count(*) from added";
        let (added,): (i64,) = sqlx::query_as(insert)
            .bind(self.event)
            .bind(&rows.logs)
            .bind(&rows.seqs)
            .bind(&rows.bytes)
            .bind(&head_logs)
            .bind(&head_heights)
            .bind(&signatures)
            .fetch_one(&mut *self.transaction)
            .await?;
        if usize::try_from(added) == Ok(rows.seqs.len()) {
            return Ok(());
        }
        // A height that is below the entries: the database was put together from two backups.
        Err(StoreError::Damaged(format!(
            "entries of event {} lie above the height of their log",
            self.event
        ))
        .into())
    }

    /// Checks that entries which another node added are the ones that this node would add.
    async fn compare(
        &mut self,
        ordinal: i32,
        first: u64,
        entries: &[Vec<u8>],
    ) -> Result<(), Failure> {
        if entries.is_empty() {
            return Ok(());
        }
        let rows: Vec<(Vec<u8>,)> = sqlx::query_as(
            "select bytes from entry where event_id = $1 and log = $2 and seq between $3 and $4 \
             order by seq",
        )
        .bind(self.event)
        .bind(ordinal)
        .bind(first.cast_signed())
        .bind(last(first, entries).cast_signed())
        .fetch_all(&mut *self.transaction)
        .await?;
        if rows.iter().map(|(bytes,)| bytes).eq(entries) {
            Ok(())
        } else {
            Err(StoreError::Behind.into())
        }
    }

    /// Forgets head signatures, where enough of them stay for every chunk to end at one: what is
    /// superfluous to this node may be the only one that another one left.
    async fn drop_heads(&mut self, drops: &[(LogName, u64)]) -> Result<(), Failure> {
        if drops.is_empty() {
            return Ok(());
        }
        let names: BTreeSet<LogName> = drops.iter().map(|drop| drop.0).collect();
        let names: Vec<Vec<u8>> = names
            .iter()
            .map(|log| layout::log_name(log).to_vec())
            .collect();
        let rows: Vec<(Vec<u8>, i32, i64)> = sqlx::query_as(
            "select log.name, log.log, head.height from log \
             join head on head.event_id = $1 and head.log = log.log \
             where log.event_id = $1 and log.name = any($2)",
        )
        .bind(self.event)
        .bind(&names)
        .fetch_all(&mut *self.transaction)
        .await?;
        let mut heads: BTreeMap<Vec<u8>, (i32, BTreeSet<i64>)> = BTreeMap::new();
        for (name, ordinal, height) in rows {
            let (_, heights) = heads.entry(name).or_insert((ordinal, BTreeSet::new()));
            heights.insert(height);
        }
        let (mut logs, mut heights) = (Vec::new(), Vec::new());
        for (log, height) in drops {
            let height = height.cast_signed();
            let Some((ordinal, held)) = heads.get_mut(layout::log_name(log).as_slice()) else {
                continue;
            };
            if may_go(held, height) {
                held.remove(&height);
                logs.push(*ordinal);
                heights.push(height);
            }
        }
        sqlx::query(
            "delete from head using unnest($2::integer[], $3::bigint[]) as gone (log, height) \
             where event_id = $1 and head.log = gone.log and head.height = gone.height",
        )
        .bind(self.event)
        .bind(&logs)
        .bind(&heights)
        .execute(&mut *self.transaction)
        .await?;
        Ok(())
    }

    /// Takes the entries from a sequence on out of a log and keeps a piece of them beside it.
    async fn displace(
        &mut self,
        log: &LogName,
        from: u64,
        piece: &[u8],
        held: &mut BTreeMap<LogName, KnownLog>,
    ) -> Result<(), Failure> {
        let Some(held) = held.get_mut(log) else {
            return Err(StoreError::Behind.into());
        };
        let (event, ordinal) = (self.event, held.ordinal);
        let id = layout::displaced(log, piece).to_vec();
        sqlx::query(
            "insert into displaced (event_id, id, bytes, rev) values ($1, $2, $3, $4) \
             on conflict do nothing",
        )
        .bind(event)
        .bind(id)
        .bind(piece)
        .bind(self.rev)
        .execute(&mut *self.transaction)
        .await?;
        if held.height < from {
            return Ok(());
        }
        for cut in [
            "delete from entry where event_id = $1 and log = $2 and seq >= $3",
            "delete from head where event_id = $1 and log = $2 and height >= $3",
            "update log set height = $3 - 1, branch = branch + 1 where event_id = $1 and log = $2",
        ] {
            sqlx::query(cut)
                .bind(event)
                .bind(ordinal)
                .bind(from.cast_signed())
                .execute(&mut *self.transaction)
                .await?;
        }
        held.height = from.saturating_sub(1);
        held.branch += 1;
        Ok(())
    }

    /// Keeps cells; one that another node kept meanwhile gives way only to a later one.
    async fn cells(&mut self, cells: &[CellRow]) -> Result<(), Failure> {
        for cell in cells {
            sqlx::query(
                "insert into cell (event_id, signer, kind, store, counter, bytes, rev) \
                 values ($1, $2, $3, $4, $5, $6, $7) \
                 on conflict (event_id, signer, kind) do update \
                 set store = excluded.store, counter = excluded.counter, bytes = excluded.bytes, \
                     rev = excluded.rev \
                 where cell.store <> excluded.store or cell.counter < excluded.counter",
            )
            .bind(self.event)
            .bind(&cell.signer)
            .bind(cell.kind)
            .bind(cell.store)
            .bind(cell.counter)
            .bind(&cell.bytes)
            .bind(self.rev)
            .execute(&mut *self.transaction)
            .await?;
        }
        Ok(())
    }

    async fn forks(&mut self, forks: &[(Vec<u8>, Vec<u8>)]) -> Result<(), Failure> {
        for (name, bytes) in forks {
            sqlx::query(
                "insert into fork (event_id, name, bytes, rev) values ($1, $2, $3, $4) \
                 on conflict (event_id, name) do update \
                 set bytes = excluded.bytes, rev = excluded.rev",
            )
            .bind(self.event)
            .bind(name)
            .bind(bytes)
            .bind(self.rev)
            .execute(&mut *self.transaction)
            .await?;
        }
        Ok(())
    }

    async fn fact(&mut self, fact: &Fact) -> Result<(), Failure> {
        let query = match fact {
            Fact::Manifest(bytes) => {
                let (name, called) = super::named::names_of(bytes);
                let keep = "update event set manifest = $2, name = $3, called = $4 \
                     where event_id = $1";
                let query = sqlx::query(keep).bind(self.event).bind(bytes);
                query.bind(name).bind(called)
            }
            Fact::Ticket(bytes) => sqlx::query("update event set ticket = $2 where event_id = $1")
                .bind(self.event)
                .bind(bytes),
            Fact::Invite(id, Some(bytes)) => sqlx::query(
                "insert into invite (event_id, id, bytes) values ($1, $2, $3) \
                 on conflict (event_id, id) do update set bytes = excluded.bytes",
            )
            .bind(self.event)
            .bind(id.as_slice())
            .bind(bytes),
            Fact::Invite(id, None) => {
                sqlx::query("delete from invite where event_id = $1 and id = $2")
                    .bind(self.event)
                    .bind(id.as_slice())
            }
            Fact::Key(id, Some(row)) => sqlx::query(
                "insert into sealing_key (event_id, id, bytes) values ($1, $2, $3) \
                 on conflict (event_id, id) do update set bytes = excluded.bytes",
            )
            .bind(self.event)
            .bind(id.as_slice())
            .bind(row),
            Fact::Key(id, None) => {
                sqlx::query("delete from sealing_key where event_id = $1 and id = $2")
                    .bind(self.event)
                    .bind(id.as_slice())
            }
        };
        query.execute(&mut *self.transaction).await?;
        Ok(())
    }
}

/// Columns of the entries that one statement inserts.
#[derive(Default)]
pub(super) struct Rows<'a> {
    pub(super) logs: Vec<i32>,
    pub(super) seqs: Vec<i64>,
    pub(super) bytes: Vec<&'a Vec<u8>>,
}

impl<'a> Rows<'a> {
    /// Adds an entry.
    pub(super) fn push(&mut self, ordinal: i32, seq: u64, entry: &'a Vec<u8>) {
        self.logs.push(ordinal);
        self.seqs.push(seq.cast_signed());
        self.bytes.push(entry);
    }
}

/// Tells whether a head signature that is there is not needed: one above it is within a chunk's reach
/// of the one below it.
fn may_go(heads: &BTreeSet<i64>, height: i64) -> bool {
    if !heads.contains(&height) {
        return false;
    }
    let below = heads.range(..height).next_back().copied().unwrap_or(0);
    let above = heads.range(height.saturating_add(1)..).next();
    above.is_some_and(|above| above - below <= HEAD_GAP_MAX)
}

/// Returns the sequence of the last of some entries.
pub(super) fn last(first: u64, entries: &[Vec<u8>]) -> u64 {
    let count = u64::try_from(entries.len()).unwrap_or(u64::MAX);
    first.saturating_add(count).saturating_sub(1)
}

/// Reads of a cell what orders it; what cannot be read replaces whatever there is.
fn cell(signer: &[u8; 32], kind: u8, bytes: &[u8]) -> CellRow {
    let read = decode_cell(bytes).ok().flatten();
    let (store, counter) = read.map_or((0, 0), |it| (it.cell.store, it.cell.counter));
    CellRow {
        signer: signer.to_vec(),
        kind: i16::from(kind),
        store: store.cast_signed(),
        counter: counter.cast_signed(),
        bytes: bytes.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Source: PROTOCOL R-CHAIN-6: a chunk of the longest entries ends at a head, whichever are left.
    #[test]
    fn a_head_goes_only_where_a_chunk_reaches_over_it() {
        let heads = BTreeSet::from([10, 30, 58, 107]);
        let gone: Vec<i64> = [10, 30, 58, 107, 40]
            .into_iter()
            .filter(|height| may_go(&heads, *height))
            .collect();
        assert_eq!(
            gone,
            [10, 30],
            "58: from 30 to 107 is too far; 107 is the last one"
        );
        let after = BTreeSet::from([30, 58, 107]);
        assert!(!may_go(&after, 30), "from the beginning to 58 is too far");
    }
}
