//! Names made of hashes. Each begins with its own label, so that no value of one kind is ever a
//! value of another.

use alloc::vec::Vec;

use uuid::Uuid;

use crate::model::{EntryId, EventId, GrantId, Hash, KindNo, LogName, Value};
use tallyline_keys::PublicKey;

/// The first bytes of a log's short id: what names a log inside one conversation.
pub type LogTag = [u8; 5];

/// Hashes a label and parts with BLAKE3-256. Parts are of fixed size or come last.
///
/// Source: PROTOCOL R-HASH-1.
pub fn hash(label: &str, parts: &[&[u8]]) -> Hash {
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"tallyline/v1/");
    hasher.update(label.as_bytes());
    hasher.update(&[0]);
    for part in parts {
        hasher.update(part);
    }
    Hash(*hasher.finalize().as_bytes())
}

/// Names an event by its manifest's exact bytes.
///
/// Source: PROTOCOL R-EVENT-1.
pub fn event_id(manifest: &[u8]) -> EventId {
    EventId(hash("event", &[manifest]))
}

/// Returns by what a Hello names its event: the first 8 bytes of the id.
///
/// Source: PROTOCOL R-SYNC-1.
pub fn event_tag(event: EventId) -> [u8; 8] {
    let mut tag = [0; 8];
    tag.copy_from_slice(event.0.0.split_at(8).0);
    tag
}

/// Hashes a structure's exact bytes, for the Lock.
///
/// Source: PROTOCOL R-CONTROL-9.
pub fn structure_hash(structure: &[u8]) -> Hash {
    hash("structure", &[structure])
}

/// Names a statement by event, signer and exact body.
///
/// Source: PROTOCOL R-CONTROL-2.
pub fn statement_id(event: EventId, signer: &PublicKey, body: &[u8]) -> Hash {
    hash("statement", &[&event.0.0, signer.as_bytes(), body])
}

/// Names the `place`-th grant that an Assign opens, from 0.
///
/// Source: PROTOCOL R-CONTROL-4.
pub fn grant_id(statement: Hash, place: u32) -> GrantId {
    GrantId(hash("grant", &[&statement.0, &place.to_le_bytes()]))
}

/// Names an entry by its log and sequence.
///
/// Source: PROTOCOL R-ENTRY-4.
pub fn entry_id(log: &LogName, seq: u64) -> EntryId {
    let name = hash(
        "entry-id",
        &[
            &log.grant.0.0,
            &log.incarnation.0.to_le_bytes(),
            &seq.to_le_bytes(),
        ],
    );
    EntryId(EventId(name).uuid())
}

/// Names a record by what it hangs on and by the values that name it, so that two devices that
/// write about one thing write the same record.
///
/// Source: PROTOCOL R-RECORD-2.
pub fn record_key(event: EventId, kind: KindNo, parents: &[Uuid], values: &[&Value]) -> Uuid {
    let mut bytes = Vec::new();
    for parent in parents {
        bytes.extend_from_slice(parent.as_bytes());
    }
    for value in values {
        match value {
            Value::Number(number) => {
                bytes.push(1);
                bytes.extend_from_slice(&number.to_le_bytes());
            }
            Value::Text(text) => {
                let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
                bytes.push(2);
                bytes.extend_from_slice(&length.to_le_bytes());
                bytes.extend_from_slice(text.as_bytes());
            }
            // No sealed field names a record: its bytes differ each time.
            Value::Sealed(_) => bytes.push(3),
        }
    }
    let parents = u32::try_from(parents.len()).unwrap_or(u32::MAX);
    let (kind, parents) = (kind.0.to_le_bytes(), parents.to_le_bytes());
    EventId(hash("record-key", &[&event.0.0, &kind, &parents, &bytes])).uuid()
}

/// Shortens a log's name to 16 bytes, for signed cells.
///
/// Source: PROTOCOL R-LOG-3.
pub fn log_short_id(log: &LogName) -> [u8; 16] {
    let name = hash(
        "log-id",
        &[&log.grant.0.0, &log.incarnation.0.to_le_bytes()],
    );
    let mut short = [0; 16];
    short.copy_from_slice(name.0.split_at(16).0);
    short
}

/// Shortens a log's name to 5 bytes, for conversations; a clash only costs a retry by full name.
///
/// Source: PROTOCOL R-LOG-3.
pub fn log_tag(log: &LogName) -> LogTag {
    let short = log_short_id(log);
    let mut tag = [0; 5];
    tag.copy_from_slice(short.split_at(5).0);
    tag
}
