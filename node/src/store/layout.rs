//! Where each byte of the store lies: tables, keys, values.
//!
//! Keys are big-endian, so that redb's order is the order of reading. No tuple keys: their layout
//! belongs to redb, ours is written here. A table's name ends in the version of its layout; a
//! layout that changes gets the next number and a migration. Layer: node, store.
//!
//! | table | key | value |
//! | --- | --- | --- |
//! | `meta/1` | ASCII name | `store`: random id of this store, u64; `version`: the layout's number, u32, missing in stores from before it was written; `manifest`, `ticket`: exact bytes; `mark`: what stands before each key, every bit turned over |
//! | `logs/1` | ordinal u32 | grant 32 B, incarnation u64 |
//! | `entries/1` | ordinal u32, sequence u64 from 1 | exact bytes of the entry |
//! | `heads/1` | ordinal u32, height u64 | signature 64 B |
//! | `cells/1` | signer's key 32 B, kind u8 | exact bytes of the cell |
//! | `forks/1` | grant 32 B, incarnation u64 | exact bytes of the fork proof |
//! | `displaced/1` | grant 32 B, incarnation u64, first 16 B of the value's hash | a piece of a fork's branch that is not the log: a push by name, exact bytes |
//! | `invites/1` | invite's id 16 B | exact bytes of the invite |
//! | `keys/1` | key's id 8 B | mark 16 B, then a key of sealed texts and what it is for |
//!
//! An ordinal names a log inside one store only: it saves 36 bytes an entry and never leaves.

use redb::TableDefinition;
use tallyline_proto::model::{GrantId, Hash, Incarnation, LogName};
use tallyline_proto::wire::hash;

/// The store's own facts; see the module's table.
pub(super) const META: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("meta/1");
/// The logs' names by ordinal.
pub(super) const LOGS: TableDefinition<'_, &[u8; 4], &[u8; 40]> = TableDefinition::new("logs/1");
/// The entries.
pub(super) const ENTRIES: TableDefinition<'_, &[u8; 12], &[u8]> = TableDefinition::new("entries/1");
/// The head signatures.
pub(super) const HEADS: TableDefinition<'_, &[u8; 12], &[u8; 64]> = TableDefinition::new("heads/1");
/// The newest cell of each device and kind.
pub(super) const CELLS: TableDefinition<'_, &[u8; 33], &[u8]> = TableDefinition::new("cells/1");
/// The fork proofs.
pub(super) const FORKS: TableDefinition<'_, &[u8; 40], &[u8]> = TableDefinition::new("forks/1");
/// Pieces of branches of forks that are not the logs.
pub(super) const DISPLACED: TableDefinition<'_, &[u8; 56], &[u8]> =
    TableDefinition::new("displaced/1");
/// The keys of sealed texts.
pub(super) const KEYS: TableDefinition<'_, &[u8; 8], &[u8]> = TableDefinition::new("keys/1");
/// The open invites.
pub(super) const INVITES: TableDefinition<'_, &[u8; 16], &[u8]> = TableDefinition::new("invites/1");

/// Key of the store's random id in `meta/1`.
pub(super) const STORE: &[u8] = b"store";
/// Key of the manifest in `meta/1`.
pub(super) const MANIFEST: &[u8] = b"manifest";
/// Key of the ticket in `meta/1`.
pub(super) const TICKET: &[u8] = b"ticket";

/// Key of the layout's number in `meta/1`.
pub(super) const VERSION: &[u8] = b"version";

/// The layout that this program writes. It grows with every change that an older program would
/// misread or lose; a table that older ones may ignore needs no new number.
pub(super) const SCHEMA: u32 = 1;

/// Key of the mark of keys in `meta/1`.
pub(super) const MARK: &[u8] = b"mark";

/// Lays out ordinal and position (a sequence or a height).
pub(super) fn place(ordinal: u32, position: u64) -> [u8; 12] {
    let mut key = [0; 12];
    let (left, right) = key.split_at_mut(4);
    left.copy_from_slice(&ordinal.to_be_bytes());
    right.copy_from_slice(&position.to_be_bytes());
    key
}

/// Reads ordinal and position.
pub(super) fn read_place(key: [u8; 12]) -> (u32, u64) {
    let [a, b, c, d, position @ ..] = key;
    (
        u32::from_be_bytes([a, b, c, d]),
        u64::from_be_bytes(position),
    )
}

/// Lays out the name of a log.
pub(super) fn log_name(name: &LogName) -> [u8; 40] {
    let mut bytes = [0; 40];
    let (left, right) = bytes.split_at_mut(32);
    left.copy_from_slice(&name.grant.0.0);
    right.copy_from_slice(&name.incarnation.0.to_be_bytes());
    bytes
}

/// Lays out a piece of a branch: the log's name and what the piece is.
pub(super) fn displaced(name: &LogName, piece: &[u8]) -> [u8; 56] {
    let mut bytes = [0; 56];
    let (left, right) = bytes.split_at_mut(40);
    left.copy_from_slice(&log_name(name));
    let id = hash("displaced", &[piece]);
    right.copy_from_slice(id.0.split_at(16).0);
    bytes
}

/// Reads the name of a log.
pub(super) fn read_log_name(bytes: &[u8; 40]) -> LogName {
    let (left, right) = bytes.split_at(32);
    let mut grant = [0; 32];
    grant.copy_from_slice(left);
    let mut incarnation = [0; 8];
    incarnation.copy_from_slice(right);
    LogName {
        grant: GrantId(Hash(grant)),
        incarnation: Incarnation(u64::from_be_bytes(incarnation)),
    }
}

/// Lays out the signer and kind of a cell.
pub(super) fn cell(key: &[u8; 32], kind: u8) -> [u8; 33] {
    let mut bytes = [kind; 33];
    bytes.split_at_mut(32).0.copy_from_slice(key);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_order_as_ordinals_and_positions_do() {
        let places = [
            (0, 1),
            (0, 255),
            (0, 256),
            (1, 0),
            (1, u64::MAX),
            (256, 3),
            (u32::MAX, 0),
        ];
        for pair in places.windows(2) {
            assert!(
                place(pair[0].0, pair[0].1) < place(pair[1].0, pair[1].1),
                "{pair:?}"
            );
        }
        for (ordinal, position) in places {
            assert_eq!(read_place(place(ordinal, position)), (ordinal, position));
        }
    }

    /// Frozen: changing these bytes needs the next table version and a migration.
    #[test]
    fn names_and_cells_are_frozen() {
        let name = LogName {
            grant: GrantId(Hash([7; 32])),
            incarnation: Incarnation(0x0102),
        };
        let bytes = log_name(&name);
        assert_eq!(bytes[..32], [7; 32]);
        assert_eq!(bytes[32..], [0, 0, 0, 0, 0, 0, 1, 2]);
        assert_eq!(read_log_name(&bytes), name);
        assert_eq!(cell(&[9; 32], 2)[..32], [9; 32]);
        assert_eq!(cell(&[9; 32], 2)[32], 2);
    }
}
