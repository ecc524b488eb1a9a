//! Cells of other devices: taken in, kept, written down.

use alloc::string::ToString as _;

use super::{Identity, PeerId, Reason, Replica, Write, core::State, member::Member};
use crate::wire::{SignedCell, decode_cell_of, encode_cell};

/// The kind number of a presence.
const PRESENCE: u8 = 1;

/// How long another device's presence may wait for a commit that happens anyway, in ms. It is a hint
/// for screens, and the device says it again; a commit of its own for each would cost as many waits
/// for the disk as there are devices, for every score.
const SAVE_PRESENCE_MS: u64 = 30_000;

impl Replica {
    pub(super) fn on_cell(&mut self, peer: PeerId, bytes: &[u8]) {
        let own = self.identity.key.public();
        if self.is_short_of_room() {
            return;
        }
        let State::Member(member) = &mut self.state else {
            return;
        };
        // Of a signer whose Admit has not arrived nothing can be said; the next cell comes soon.
        let members = member.ledger.authority().members();
        let checked = |signer: &[u8]| {
            let signer: &[u8; 32] = signer.try_into().ok()?;
            members.get_key_value(signer).map(|(&key, _)| key)
        };
        let cell = match decode_cell_of(bytes, checked) {
            Ok(Some(cell)) => cell,
            Ok(None) => return,
            Err(error) => {
                self.refuse(peer, Reason::Malformed, error.to_string());
                return;
            }
        };
        self.out.claimed |= member.look_at_own_receipt(&self.identity, &cell);
        if cell.signer == own || member.holds_cell(&cell) {
            return;
        }
        // Asked first: gossip brings most cells more than once, and a signature is dear.
        if !member.is_newer(&cell) {
            return;
        }
        if !member.may_sign(&cell) {
            self.refuse(
                peer,
                Reason::BadSignature,
                "a cell that does not hold".into(),
            );
            return;
        }
        if cell.is_receipt() {
            let (key, kind) = (cell.signer, cell.cell.kind.number());
            let bytes = encode_cell(&cell);
            self.out.writes.push(Write::Cell { key, kind, bytes });
        } else {
            if member.unsaved_cells.is_empty() {
                member.save_cells_at_ms = self.now.mono_ms.saturating_add(SAVE_PRESENCE_MS);
            }
            member.unsaved_cells.insert(cell.signer);
        }
        self.pass_on(peer, &cell);
        let State::Member(member) = &mut self.state else {
            return;
        };
        let raised = member.keep_cell(cell);
        let notice = member.receipted(&raised);
        self.out.released.notices.extend(notice);
    }

    /// Returns whether this node of a cloud holds less than receipts of its very store cover. Either
    /// another node of the same store signed them and what it has is not read yet; or the store was
    /// put back to an older state, and is to have a fresh id.
    ///
    /// Source: PROTOCOL R-CLOUD-6.
    pub fn is_below_its_receipts(&self) -> bool {
        self.member().is_some_and(Member::is_below_its_receipts)
    }

    /// Writes the presence of others down: with a commit that happens anyway, or when it is time.
    ///
    /// Source: PROTOCOL R-CELL-5.
    pub(super) fn save_presence(&mut self) {
        let State::Member(member) = &mut self.state else {
            return;
        };
        if self.out.writes.is_empty() && self.now.mono_ms < member.save_cells_at_ms {
            return;
        }
        for key in core::mem::take(&mut member.unsaved_cells) {
            if let Some(cell) = member.cells.get(&(key, PRESENCE)) {
                let bytes = encode_cell(cell);
                self.out.writes.push(Write::Cell {
                    key,
                    kind: PRESENCE,
                    bytes,
                });
            }
        }
    }
}

impl Member {
    /// Takes note, in a cloud, of what its own receipts say that it does not know: a store that was put
    /// back to an older state covers less than it signed for, and one that came later has to be told
    /// from it by its time, whatever the clock says. Returns whether it covers less.
    ///
    /// Source: PROTOCOL R-CLOUD-6.
    fn look_at_own_receipt(&mut self, identity: &Identity, cell: &SignedCell) -> bool {
        let cloud = cell.cloud();
        if !cell.is_receipt() || cloud != identity.speaks_for() || !self.is_cloud(&cloud) {
            return false;
        }
        let here = cell.cell.store == identity.store;
        let own = cell.signer == identity.key.public();
        let says = if here {
            self.covers_more(cell) || (own && self.cell_counter < cell.cell.counter)
        } else {
            self.others_wall_ms.is_none_or(|it| it < cell.cell.wall_ms)
        };
        // A signature is dear; what is held was checked.
        if !says || !(self.holds_cell(cell) || self.may_sign(cell)) {
            return false;
        }
        if here {
            self.note_claims(cell);
            if own {
                // The next receipt is to be newer than the one that was forgotten.
                self.cell_counter = self.cell_counter.max(cell.cell.counter);
            }
            self.is_below_its_receipts()
        } else {
            self.others_wall_ms = Some(cell.cell.wall_ms);
            // What was signed before may be taken for the older one.
            self.receipt_of = None;
            false
        }
    }
}
