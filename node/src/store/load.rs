//! Reading everything back that a store holds of its event.

use std::collections::BTreeMap;

use redb::{ReadTransaction, ReadableTable as _};
use tallyline_proto::model::LogName;
use tallyline_proto::replica::{Stored, StoredLog};
use tallyline_proto::wire::KeyRow;

use super::{StoreError, layout, scrub, sort};

/// Reads everything about the event.
pub(super) fn load(
    read: &ReadTransaction,
    ordinals: &BTreeMap<LogName, u32>,
) -> Result<Stored, StoreError> {
    let mut logs: BTreeMap<u32, StoredLog> = ordinals
        .iter()
        .map(|(name, ordinal)| {
            (
                *ordinal,
                StoredLog {
                    name: *name,
                    entries: Vec::new(),
                    heads: Vec::new(),
                },
            )
        })
        .collect();
    load_entries(read, &mut logs)?;
    load_heads(read, &mut logs)?;
    let meta = read.open_table(layout::META).map_err(sort)?;
    let fact = |key: &'static [u8]| -> Result<Option<Vec<u8>>, StoreError> {
        Ok(meta
            .get(key)
            .map_err(sort)?
            .map(|bytes| bytes.value().to_vec()))
    };
    let mut stored = Stored {
        manifest: fact(layout::MANIFEST)?,
        ticket: fact(layout::TICKET)?,
        logs: logs.into_values().collect(),
        ..Stored::default()
    };
    for row in read
        .open_table(layout::CELLS)
        .map_err(sort)?
        .iter()
        .map_err(sort)?
    {
        stored.cells.push(row.map_err(sort)?.1.value().to_vec());
    }
    for row in read
        .open_table(layout::FORKS)
        .map_err(sort)?
        .iter()
        .map_err(sort)?
    {
        stored.forks.push(row.map_err(sort)?.1.value().to_vec());
    }
    stored.displaced = load_displaced(read)?;
    stored.keys = load_keys(read)?;
    for row in read
        .open_table(layout::INVITES)
        .map_err(sort)?
        .iter()
        .map_err(sort)?
    {
        let (id, bytes) = row.map_err(sort)?;
        stored.invites.push((*id.value(), bytes.value().to_vec()));
    }
    Ok(stored)
}

/// Reads the pieces of branches beside the logs. A store of an earlier version has no such table.
fn load_displaced(read: &ReadTransaction) -> Result<Vec<Vec<u8>>, StoreError> {
    let table = match read.open_table(layout::DISPLACED) {
        Ok(table) => table,
        Err(redb::TableError::TableDoesNotExist(_)) => return Ok(Vec::new()),
        Err(error) => return Err(sort(error)),
    };
    let mut pieces = Vec::new();
    for row in table.iter().map_err(sort)? {
        pieces.push(row.map_err(sort)?.1.value().to_vec());
    }
    Ok(pieces)
}

/// Reads the keys of sealed texts. A store of an earlier version has no such table.
pub(super) fn load_keys(read: &ReadTransaction) -> Result<Vec<KeyRow>, StoreError> {
    let table = match read.open_table(layout::KEYS) {
        Ok(table) => table,
        Err(redb::TableError::TableDoesNotExist(_)) => return Ok(Vec::new()),
        Err(error) => return Err(sort(error)),
    };
    let mut keys = Vec::new();
    for row in table.iter().map_err(sort)? {
        let (_, row) = row.map_err(sort)?;
        let row = scrub::unmarked(row.value())
            .and_then(KeyRow::from_bytes)
            .ok_or_else(|| StoreError::Damaged("a key has another length".to_owned()))?;
        keys.push(row);
    }
    Ok(keys)
}

fn load_entries(
    read: &ReadTransaction,
    logs: &mut BTreeMap<u32, StoredLog>,
) -> Result<(), StoreError> {
    for row in read
        .open_table(layout::ENTRIES)
        .map_err(sort)?
        .iter()
        .map_err(sort)?
    {
        let (key, bytes) = row.map_err(sort)?;
        let (ordinal, seq) = layout::read_place(*key.value());
        let log = named(logs, ordinal)?;
        let expected = u64::try_from(log.entries.len())
            .unwrap_or(u64::MAX)
            .saturating_add(1);
        if seq != expected {
            return Err(StoreError::Damaged(format!(
                "log {ordinal} has entry {seq} where {expected} follows"
            )));
        }
        log.entries.push(bytes.value().to_vec());
    }
    Ok(())
}

fn load_heads(
    read: &ReadTransaction,
    logs: &mut BTreeMap<u32, StoredLog>,
) -> Result<(), StoreError> {
    for row in read
        .open_table(layout::HEADS)
        .map_err(sort)?
        .iter()
        .map_err(sort)?
    {
        let (key, signature) = row.map_err(sort)?;
        let (ordinal, height) = layout::read_place(*key.value());
        named(logs, ordinal)?
            .heads
            .push((height, *signature.value()));
    }
    Ok(())
}

fn named(logs: &mut BTreeMap<u32, StoredLog>, ordinal: u32) -> Result<&mut StoredLog, StoreError> {
    logs.get_mut(&ordinal)
        .ok_or_else(|| StoreError::Damaged(format!("log {ordinal} has no name")))
}
