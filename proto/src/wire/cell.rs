//! Signed status values of one device, of which only the newest is kept.

use alloc::vec::Vec;

use prost::Message as _;
use tallyline_keys::{DeviceKey, PublicKey, Purpose, Signature, Warrant};

use super::{
    CELLS_MAX, CHUNK_BYTES_MAX, FRAME_BYTES_MAX, Frame, VECTOR_LOGS_MAX, WireError, event::key,
    fixed, generated as pb,
};
use crate::model::EventId;

/// A status value of one device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    /// Random id of the signer's store.
    pub store: u64,
    /// Grows with every cell of this store.
    pub counter: u64,
    /// Author's wall time in milliseconds from the event's epoch; shown, never judged.
    pub wall_ms: i64,
    /// First bytes of the keys the signer is connected with: they need not hear it from others.
    pub near: Vec<[u8; 4]>,
    /// What it says.
    pub kind: CellKind,
}

/// What a cell says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CellKind {
    /// What the device has on disk: short log id and height.
    Presence(Vec<([u8; 16], u64)>),
    /// What the cloud has on disk: short log id, height, first bytes of the chain hash there.
    Receipt(Vec<([u8; 16], u64, [u8; 8])>),
}

impl CellKind {
    /// Returns the kind's stable number: 1 presence, 2 receipt.
    pub fn number(&self) -> u8 {
        match self {
            Self::Presence(_) => 1,
            Self::Receipt(_) => 2,
        }
    }

    fn purpose(&self) -> Purpose {
        match self {
            Self::Presence(_) => Purpose::Cell,
            Self::Receipt(_) => Purpose::Receipt,
        }
    }
}

/// A cell with its signer, as it travels and is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedCell {
    /// The cell.
    pub cell: Cell,
    /// Its exact bytes.
    pub body: Vec<u8>,
    /// Who signed it.
    pub signer: PublicKey,
    /// Over event and body.
    pub signature: Signature,
    /// Of a receipt whose signer is a node of the cloud: the cloud's word for it.
    pub warrant: Option<Warrant>,
}

impl SignedCell {
    /// Returns whether it is a receipt.
    pub fn is_receipt(&self) -> bool {
        matches!(self.cell.kind, CellKind::Receipt(_))
    }

    /// Returns the cloud that a receipt is of: its signer, or who gave that one a warrant.
    pub fn cloud(&self) -> PublicKey {
        let warrant = self.warrant.as_ref();
        warrant.map_or(self.signer, |warrant| warrant.cloud)
    }

    /// Returns whether the signature holds for this event.
    pub fn holds(&self, event: EventId) -> bool {
        let purpose = self.cell.kind.purpose();
        self.signer
            .verify(purpose, &event.0.0, &self.body, &self.signature)
            .is_ok()
    }
}

/// Signs a cell.
///
/// Source: PROTOCOL R-CELL-1.
pub fn sign_cell(key: &DeviceKey, event: EventId, cell: Cell) -> SignedCell {
    let body = cell_out(&cell).encode_to_vec();
    let signature = key.sign(cell.kind.purpose(), &event.0.0, &body);
    SignedCell {
        cell,
        body,
        signer: key.public(),
        signature,
        warrant: None,
    }
}

/// Encodes a signed cell.
pub fn encode_cell(signed: &SignedCell) -> Vec<u8> {
    pb::SignedCell {
        body: signed.body.clone(),
        signer: signed.signer.as_bytes().to_vec(),
        signature: signed.signature.as_bytes().to_vec(),
        warrant: signed.warrant.as_ref().map(warrant_out),
    }
    .encode_to_vec()
}

/// Packs cells into as few frames as their sizes allow.
pub fn cell_frames(cells: &[&SignedCell]) -> Vec<Frame> {
    let mut frames = Vec::new();
    let mut some: Vec<Vec<u8>> = Vec::new();
    let mut size: usize = 0;
    for cell in cells {
        let bytes = encode_cell(cell);
        let with = size.saturating_add(bytes.len());
        if !some.is_empty() && (CHUNK_BYTES_MAX < with || CELLS_MAX <= some.len()) {
            frames.push(Frame::Cells(core::mem::take(&mut some)));
            size = 0;
        }
        size = size.saturating_add(bytes.len());
        some.push(bytes);
    }
    if !some.is_empty() {
        frames.push(Frame::Cells(some));
    }
    frames
}

/// Reads a signed cell; its signature is not checked yet. `Ok(None)` is a kind this version does
/// not know.
///
/// # Errors
/// If the bytes are no cell or it is too large.
pub fn decode_cell(bytes: &[u8]) -> Result<Option<SignedCell>, WireError> {
    read_cell(bytes, |signer| key(signer, "signer of a cell").map(Some))
}

/// Reads a signed cell of one of these members; `Ok(None)` is also one of anybody else.
///
/// A member's key was checked when its Admit was read: doing it again for each of the cells that
/// gossip brings costs as much as a third of a signature.
///
/// # Errors
/// If the bytes are no cell or it is too large.
pub fn decode_cell_of(
    bytes: &[u8],
    member: impl FnOnce(&[u8]) -> Option<PublicKey>,
) -> Result<Option<SignedCell>, WireError> {
    read_cell(bytes, |signer| Ok(member(signer)))
}

fn read_cell(
    bytes: &[u8],
    signer: impl FnOnce(&[u8]) -> Result<Option<PublicKey>, WireError>,
) -> Result<Option<SignedCell>, WireError> {
    if FRAME_BYTES_MAX < bytes.len() {
        return Err(WireError::TooLarge("cell"));
    }
    let it = pb::SignedCell::decode(bytes).map_err(|_| WireError::Malformed)?;
    let warrant = it.warrant.map(|it| warrant_in(&it)).transpose()?;
    let signer = match &warrant {
        // A node of a cloud is no member of the event.
        Some(_) => Some(key(&it.signer, "signer of a cell")?),
        None => signer(&it.signer)?,
    };
    let Some(signer) = signer else {
        return Ok(None);
    };
    let cell = pb::Cell::decode(it.body.as_slice()).map_err(|_| WireError::Malformed)?;
    let (wall_ms, near, kind) = match cell.kind {
        None => return Ok(None),
        Some(pb::cell::Kind::Presence(it)) => {
            let ids = ids_in(&it.logs, &it.heights)?;
            (
                it.wall_ms,
                near_in(&it.near)?,
                CellKind::Presence(ids.collect()),
            )
        }
        Some(pb::cell::Kind::Receipt(it)) => {
            let (hashes, rest) = it.hashes.as_chunks::<8>();
            if !rest.is_empty() || hashes.len() != it.heights.len() {
                return Err(WireError::Invalid("hashes of a receipt"));
            }
            let logs = ids_in(&it.logs, &it.heights)?
                .zip(hashes)
                .map(|((id, height), &hash)| (id, height, hash))
                .collect();
            (it.wall_ms, near_in(&it.near)?, CellKind::Receipt(logs))
        }
    };
    Ok(Some(SignedCell {
        cell: Cell {
            store: cell.store,
            counter: cell.counter,
            wall_ms,
            near,
            kind,
        },
        body: it.body,
        signer,
        signature: Signature::from_bytes(fixed(&it.signature, "signature of a cell")?),
        warrant,
    }))
}

/// Writes a warrant.
pub(super) fn warrant_out(warrant: &Warrant) -> pb::Warrant {
    pb::Warrant {
        cloud: warrant.cloud.as_bytes().to_vec(),
        signature: warrant.signature.as_bytes().to_vec(),
    }
}

/// Reads a warrant; its signature is not checked yet.
pub(super) fn warrant_in(it: &pb::Warrant) -> Result<Warrant, WireError> {
    Ok(Warrant {
        cloud: key(&it.cloud, "cloud of a warrant")?,
        signature: Signature::from_bytes(fixed(&it.signature, "signature of a warrant")?),
    })
}

fn cell_out(cell: &Cell) -> pb::Cell {
    let kind = match &cell.kind {
        CellKind::Presence(logs) => pb::cell::Kind::Presence(pb::Presence {
            logs: logs.iter().flat_map(|(id, _)| *id).collect(),
            heights: logs.iter().map(|&(_, height)| height).collect(),
            wall_ms: cell.wall_ms,
            near: cell.near.concat(),
        }),
        CellKind::Receipt(logs) => pb::cell::Kind::Receipt(pb::Receipt {
            logs: logs.iter().flat_map(|(id, ..)| *id).collect(),
            heights: logs.iter().map(|&(_, height, _)| height).collect(),
            hashes: logs.iter().flat_map(|(.., hash)| *hash).collect(),
            wall_ms: cell.wall_ms,
            near: cell.near.concat(),
        }),
    };
    pb::Cell {
        store: cell.store,
        counter: cell.counter,
        kind: Some(kind),
    }
}

fn near_in(near: &[u8]) -> Result<Vec<[u8; 4]>, WireError> {
    let (keys, rest) = near.as_chunks::<4>();
    if rest.is_empty() && keys.len() <= 64 {
        Ok(keys.to_vec())
    } else {
        Err(WireError::Invalid("neighbours of a cell"))
    }
}

fn ids_in<'a>(
    ids: &'a [u8],
    heights: &'a [u64],
) -> Result<impl Iterator<Item = ([u8; 16], u64)> + 'a, WireError> {
    if VECTOR_LOGS_MAX < heights.len() {
        return Err(WireError::TooLarge("cell"));
    }
    let (ids, rest) = ids.as_chunks::<16>();
    if !rest.is_empty() || ids.len() != heights.len() {
        return Err(WireError::Invalid("logs of a cell"));
    }
    Ok(ids.iter().copied().zip(heights.iter().copied()))
}
