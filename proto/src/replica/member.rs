//! What a node keeps about its event besides the ledger.

use alloc::{collections::BTreeMap, collections::BTreeSet, string::String, sync::Arc, vec::Vec};

use tallyline_keys::{
    PublicKey,
    planted::{Fault, is},
};

use super::{
    Notice, Now, asking::Asking, invite::Invite, keyring::Keyring, lending::Asker, results::Results,
};
use crate::{
    log::{Ledger, Log},
    model::{GrantId, LogName, Ticket},
    rules::{Scorebook, Standings},
    sync::hello,
    wire::{Cell, CellKind, Hello, SignedCell, VECTOR_LOGS_MAX, hash, log_short_id},
};

/// How long a cloud has to say that it holds less than it signed for before it is believed, in ms: one
/// of several nodes may not have read yet what another one signed for a moment ago.
const FALLEN_MS: u64 = 10_000;

/// The kind number of a receipt.
const RECEIPT: u8 = 2;

/// A log of which a cloud says that it holds less than it signed for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fallen {
    since_ms: u64,
    held: u64,
    /// Whether it has said so for long enough.
    believed: bool,
}

/// What other devices have on disk, as they said themselves.
#[derive(Clone, Debug, Default)]
pub(super) struct Holding {
    /// The store in which the heights are durable.
    pub(super) store: u64,
    /// Heights by short log id.
    pub(super) heights: BTreeMap<[u8; 16], u64>,
}

impl Holding {
    /// Takes note of heights, in place of those of another store. Of logs beyond what a vector holds
    /// nothing is noted: a liar could make up ids for ever.
    fn note(&mut self, store: u64, logs: &[([u8; 16], u64)]) {
        if self.store != store {
            self.store = store;
            if !is(Fault::CopiesOfOldStore) {
                self.heights.clear();
            }
        }
        for &(id, height) in logs {
            let full = VECTOR_LOGS_MAX <= self.heights.len();
            if full && !self.heights.contains_key(&id) {
                continue;
            }
            let held = self.heights.entry(id).or_insert(0);
            *held = height.max(*held);
        }
    }
}

/// What receipts of a cloud say of the store that it named last.
#[derive(Clone, Debug)]
pub(super) struct Signed {
    store: u64,
    /// Wall time of the newest of them, by the signer's clock.
    wall_ms: i64,
    /// Heights by short log id.
    heights: BTreeMap<[u8; 16], u64>,
}

/// What a node keeps about its event.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) manifest: Vec<u8>,
    /// The ticket of a join under way, when the event is known from a bundle.
    pub(super) ticket: Option<Ticket>,
    pub(super) ledger: Ledger,
    pub(super) invites: BTreeMap<[u8; 16], Invite>,
    /// Own logs with entries that are not signed for yet.
    pub(super) unsigned: BTreeSet<LogName>,
    /// Logs that grew by others' entries and were not announced yet.
    pub(super) unannounced: BTreeSet<LogName>,
    pub(super) announce_at_ms: u64,
    /// Newest cell of each device and kind.
    pub(super) cells: BTreeMap<(PublicKey, u8), SignedCell>,
    /// Others' presence cells that are not on disk yet, and when they are to be there at the latest.
    pub(super) unsaved_cells: BTreeSet<PublicKey>,
    pub(super) save_cells_at_ms: u64,
    pub(super) cell_counter: u64,
    pub(super) presence_at_ms: u64,
    pub(super) presence_of: Option<[u8; 32]>,
    pub(super) receipt_at_ms: u64,
    pub(super) receipt_of: Option<[u8; 32]>,
    pub(super) holdings: BTreeMap<PublicKey, Holding>,
    /// Highest height of each log that a cloud's receipt covers.
    pub(super) cloud: BTreeMap<[u8; 16], u64>,
    /// Of each cloud: what the receipts of its newest store cover.
    signed: BTreeMap<PublicKey, Signed>,
    /// In a cloud: newest wall time, from the event's epoch in ms, of its receipts of other stores.
    pub(super) others_wall_ms: Option<i64>,
    /// In a cloud: heights above what is here that receipts of this very store cover.
    claims: BTreeMap<[u8; 16], u64>,
    /// Logs of which a cloud says that it holds less than it signed for.
    pub(super) fallen: BTreeMap<[u8; 16], Fallen>,
    pub(super) members_told: Vec<PublicKey>,
    /// What this device asked of a desk last, and how often it asked.
    pub(super) asking: Option<Asking>,
    pub(super) asked: u32,
    /// Of each device that asked this desk: its last Ask.
    pub(super) askers: BTreeMap<PublicKey, Asker>,
    /// What this desk said it takes back, since its start: that is said once, whether or not it
    /// comes into force.
    pub(super) taken_back: BTreeSet<GrantId>,
    /// Keys of sealed texts, and which are lacked.
    pub(super) ring: Keyring,
    results: Results,
}

impl Member {
    pub(super) fn new(manifest: Vec<u8>, ledger: Ledger) -> Self {
        Self {
            manifest,
            ticket: None,
            ledger,
            invites: BTreeMap::new(),
            unsigned: BTreeSet::new(),
            unannounced: BTreeSet::new(),
            announce_at_ms: 0,
            cells: BTreeMap::new(),
            unsaved_cells: BTreeSet::new(),
            save_cells_at_ms: 0,
            cell_counter: 0,
            presence_at_ms: 0,
            presence_of: None,
            receipt_at_ms: 0,
            receipt_of: None,
            holdings: BTreeMap::new(),
            cloud: BTreeMap::new(),
            signed: BTreeMap::new(),
            others_wall_ms: None,
            claims: BTreeMap::new(),
            fallen: BTreeMap::new(),
            members_told: Vec::new(),
            asking: None,
            asked: 0,
            askers: BTreeMap::new(),
            taken_back: BTreeSet::new(),
            ring: Keyring::new(),
            results: Results::default(),
        }
    }

    /// Returns what counts. Only what changed since the last time is read again.
    pub(super) fn book(&mut self) -> Arc<Scorebook> {
        self.results.book(&mut self.ledger)
    }

    /// Returns what counts, read from nothing.
    pub(super) fn book_from_nothing(&self) -> Scorebook {
        let lines: Vec<_> = self.ledger.lines().collect();
        let roster = self.ledger.authority().roster();
        Scorebook::compute(roster, &self.ledger, &lines)
    }

    /// Returns who stands where. Only what changed since the last time is ranked again.
    pub(super) fn standings(&mut self) -> Arc<Standings> {
        self.results.standings(&mut self.ledger)
    }

    /// Takes note of what a device said it has on disk.
    pub(super) fn hold(&mut self, key: PublicKey, store: u64, logs: &[([u8; 16], u64)]) {
        self.holdings.entry(key).or_default().note(store, logs);
    }

    /// Returns whether a key is the event's cloud.
    pub(super) fn is_cloud(&self, key: &PublicKey) -> bool {
        self.ledger.manifest().cloud.contains(key)
    }

    /// Compares what a cloud says it holds with what it signed for: one that was put back to an older
    /// state holds less.
    ///
    /// Source: PROTOCOL R-CLOUD-4.
    pub(super) fn compare_with_receipts(&mut self, said: &[([u8; 16], u64)], now_ms: u64) {
        for (id, height) in said {
            let signed = self.cloud.get(id).copied().unwrap_or(0);
            if signed <= *height {
                self.fallen.remove(id);
            } else {
                let fallen = self.fallen.entry(*id).or_insert(Fallen {
                    since_ms: now_ms,
                    held: *height,
                    believed: false,
                });
                fallen.held = *height;
            }
        }
    }

    /// Believes a cloud that has said for a while that it holds less than it signed for.
    pub(super) fn believe_the_cloud(&mut self, now_ms: u64) {
        for fallen in self.fallen.values_mut() {
            fallen.believed |= FALLEN_MS <= now_ms.saturating_sub(fallen.since_ms);
        }
    }

    /// Returns when the next doubt about the cloud is to be believed.
    pub(super) fn fallen_due_ms(&self) -> Option<u64> {
        let doubts = self.fallen.values().filter(|fallen| !fallen.believed);
        doubts
            .map(|fallen| fallen.since_ms.saturating_add(FALLEN_MS))
            .min()
    }

    /// Returns how many entries a cloud signed for and has lost since.
    pub(super) fn lost_by_the_cloud(&self) -> u64 {
        self.cloud.iter().fold(0, |sum, (id, signed)| {
            // A log that the owner's choice of a branch made shorter lost nothing.
            let log = self.ledger.by_short_id(id);
            let signed = log.map_or(*signed, |log| log.height().min(*signed));
            sum.saturating_add(signed.saturating_sub(self.in_cloud(id)))
        })
    }

    /// Returns how much of a log the cloud holds: what it signed for in the store that it named last,
    /// unless it has said for a while that it holds less.
    ///
    /// Source: PROTOCOL R-CLOUD-4, R-CLOUD-6.
    pub(super) fn in_cloud(&self, id: &[u8; 16]) -> u64 {
        let signed = self.signed.values().filter_map(|it| it.heights.get(id));
        let signed = signed.max().copied().unwrap_or(0);
        let fallen = self.fallen.get(id).filter(|fallen| fallen.believed);
        fallen.map_or(signed, |fallen| signed.min(fallen.held))
    }

    /// Takes note of what a receipt of this cloud's own store covers above what is here. The caller
    /// sees to its signature.
    ///
    /// Source: PROTOCOL R-CLOUD-6.
    pub(super) fn note_claims(&mut self, signed: &SignedCell) {
        if let CellKind::Receipt(logs) = &signed.cell.kind {
            for (id, height, _) in logs {
                if self.lacks(id, *height) {
                    let claim = self.claims.entry(*id).or_insert(0);
                    *claim = (*claim).max(*height);
                }
            }
        }
    }

    /// Returns whether a receipt covers more than is here.
    pub(super) fn covers_more(&self, signed: &SignedCell) -> bool {
        match &signed.cell.kind {
            CellKind::Presence(_) => false,
            CellKind::Receipt(logs) => logs.iter().any(|(id, height, _)| self.lacks(id, *height)),
        }
    }

    /// Returns whether less is here than receipts of this very store cover.
    pub(super) fn is_below_its_receipts(&self) -> bool {
        self.claims
            .iter()
            .any(|(id, height)| self.lacks(id, *height))
    }

    /// Returns whether a log is lower than this. One that forked may be so for another reason: the
    /// owner chose a branch.
    fn lacks(&self, id: &[u8; 16], height: u64) -> bool {
        let Some(log) = self.ledger.by_short_id(id) else {
            return 0 < height;
        };
        log.height() < height && !self.ledger.forks().contains_key(log.name())
    }

    /// Returns whether exactly this cell is held.
    pub(super) fn holds_cell(&self, signed: &SignedCell) -> bool {
        let slot = (signed.signer, signed.cell.kind.number());
        self.cells
            .get(&slot)
            .is_some_and(|held| held.body == signed.body)
    }

    /// Returns a digest of the receipts held, by which peers see that one of them lacks some.
    pub(super) fn receipts_digest(&self) -> u64 {
        let mut bytes = Vec::new();
        for ((key, kind), held) in &self.cells {
            if *kind == RECEIPT {
                bytes.extend_from_slice(key.as_bytes());
                bytes.extend_from_slice(&held.cell.store.to_le_bytes());
                bytes.extend_from_slice(&held.cell.counter.to_le_bytes());
            }
        }
        if bytes.is_empty() {
            return 0;
        }
        let digest = hash("receipts", &[&bytes]);
        let mut short = [0; 8];
        short.copy_from_slice(digest.0.split_at(8).0);
        u64::from_le_bytes(short)
    }

    /// Returns whether a cell says more than the one held of its signer.
    ///
    /// Source: PROTOCOL R-CELL-2.
    pub(super) fn is_newer(&self, signed: &SignedCell) -> bool {
        let cell = &signed.cell;
        let slot = (signed.signer, cell.kind.number());
        let newer = self.cells.get(&slot).is_none_or(|held| {
            if held.cell.store == cell.store {
                return held.cell.counter < cell.counter;
            }
            // Another store of the same device: its clock tells which came later, and the id
            // decides between equals. It decides what is shown of copies, never what counts.
            let age = |cell: &SignedCell| (cell.cell.wall_ms, cell.cell.store);
            age(held) < age(signed)
        });
        match &cell.kind {
            CellKind::Presence(_) => newer,
            // Receipts of one store add up: what raises any height is news. One of a store that was
            // put back since is none: it says what is lost.
            CellKind::Receipt(logs) => {
                let signed = self.signed.get(&signed.cloud()).map(|it| it.store);
                let newest = signed.is_none_or(|store| store == cell.store);
                newer || (newest && logs.iter().any(|it| self.raises(it)))
            }
        }
    }

    fn raises(&self, (id, height, hash): &([u8; 16], u64, [u8; 8])) -> bool {
        self.cloud.get(id).is_none_or(|held| held < height) && self.receipt_fits(id, *height, *hash)
    }

    /// Returns whether a cell's signer may say this, and has signed it.
    ///
    /// Source: PROTOCOL R-CELL-2.
    pub(super) fn may_sign(&self, signed: &SignedCell) -> bool {
        let may = match signed.cell.kind {
            CellKind::Presence(_) => {
                let members = self.ledger.authority().members();
                members.contains_key(&signed.signer)
            }
            CellKind::Receipt(_) => match &signed.warrant {
                None => self.is_cloud(&signed.signer),
                Some(warrant) => {
                    self.is_cloud(&warrant.cloud) && warrant.verify(&signed.signer).is_ok()
                }
            },
        };
        let unsigned = is(Fault::ReceiptUnsigned) && signed.is_receipt();
        may && (unsigned || signed.holds(self.ledger.event()))
    }

    /// Keeps a cell and takes note of what it says; the caller has checked it. Returns the writers of
    /// whose entries a receipt covers more than was known.
    pub(super) fn keep_cell(&mut self, signed: SignedCell) -> BTreeSet<PublicKey> {
        let mut raised = BTreeSet::new();
        let slot = (signed.signer, signed.cell.kind.number());
        match &signed.cell.kind {
            CellKind::Presence(logs) => {
                let logs = logs.clone();
                self.hold(signed.signer, signed.cell.store, &logs);
            }
            CellKind::Receipt(logs) => {
                let covered: Vec<_> = logs.iter().map(|&(id, height, _)| (id, height)).collect();
                let fits = logs
                    .iter()
                    .filter(|(id, height, hash)| self.receipt_fits(id, *height, *hash));
                let fits: Vec<_> = fits.map(|&(id, height, _)| (id, height)).collect();
                let cloud = signed.cloud();
                let newest = self.sign_for(cloud, &signed.cell, &fits);
                for (id, height) in fits {
                    let held = self.cloud.entry(id).or_insert(0);
                    if *held < height {
                        *held = height;
                        raised.extend(self.ledger.by_short_id(&id).map(Log::writer));
                    }
                }
                if newest {
                    self.hold(cloud, signed.cell.store, &covered);
                }
            }
        }
        self.cells.insert(slot, signed);
        raised
    }

    /// Takes note of what a receipt covers, if it is of the store that its cloud named last; returns
    /// whether it is. The nodes of a cloud have one store; which one came last is told by the newest
    /// time, as of one signer's cells (R-CELL-2).
    ///
    /// Source: PROTOCOL R-CLOUD-6.
    fn sign_for(&mut self, cloud: PublicKey, cell: &Cell, covered: &[([u8; 16], u64)]) -> bool {
        let fresh = || Signed {
            store: cell.store,
            wall_ms: cell.wall_ms,
            heights: BTreeMap::new(),
        };
        let signed = self.signed.entry(cloud).or_insert_with(fresh);
        if signed.store != cell.store {
            if (cell.wall_ms, cell.store) < (signed.wall_ms, signed.store) {
                return false;
            }
            *signed = fresh();
        }
        signed.wall_ms = signed.wall_ms.max(cell.wall_ms);
        for (id, height) in covered {
            let held = signed.heights.entry(*id).or_insert(0);
            *held = (*held).max(*height);
        }
        true
    }

    /// Returns what there is to tell of writers of whose entries a receipt covers more.
    pub(super) fn receipted(&self, raised: &BTreeSet<PublicKey>) -> Option<Notice> {
        let mut covered: BTreeMap<PublicKey, u64> = raised.iter().map(|key| (*key, 0)).collect();
        for log in self.ledger.logs().values() {
            if let Some(sum) = covered.get_mut(&log.writer()) {
                let height = self.in_cloud(&log_short_id(log.name())).min(log.height());
                *sum = sum.saturating_add(height);
            }
        }
        let writers: Vec<_> = covered.into_iter().filter(|(_, sum)| 0 < *sum).collect();
        (!writers.is_empty()).then_some(Notice::Receipted { writers })
    }

    /// Returns whether a receipt's hash is the one here; a log not yet here is believed, since
    /// nothing is shown of it.
    ///
    /// Source: PROTOCOL R-CELL-4.
    fn receipt_fits(&self, id: &[u8; 16], height: u64, hash: [u8; 8]) -> bool {
        let log = self.ledger.by_short_id(id);
        log.and_then(|log| log.chain_at(height))
            .is_none_or(|chain| chain.0.0.starts_with(&hash))
    }

    /// Returns the Admit under which a key writes what no grant covers.
    pub(super) fn admit_of(&self, key: &PublicKey) -> Option<GrantId> {
        let admit = self.ledger.authority().members().get(key)?.admit;
        (!self.ledger.is_control(admit)).then_some(admit)
    }

    /// Returns under what a key makes its statements: the owner in its control log, others under
    /// their Admit.
    pub(super) fn speaks_under(&self, key: &PublicKey) -> GrantId {
        let authority = self.ledger.authority();
        if authority.owner() == *key {
            return authority.control();
        }
        self.admit_of(key).unwrap_or_else(|| authority.control())
    }

    /// Returns how many entries there are in the logs in which a key makes its statements.
    pub(super) fn said_under(&self, key: &PublicKey) -> u64 {
        let logs = self.ledger.logs_of(self.speaks_under(key));
        logs.fold(0, |sum, log| sum.saturating_add(log.height()))
    }

    /// Returns what a device is called.
    pub(super) fn label(&self, key: &PublicKey) -> String {
        match self.ledger.authority().known(key) {
            Some(member) => member.label.clone(),
            None => key.short(),
        }
    }

    /// Returns this device's Hello.
    pub(super) fn hello(&self, store: u64, now: Now) -> Hello {
        let clock_ms = self.since_epoch(now.wall_ms);
        hello(&self.ledger, store, self.receipts_digest(), clock_ms)
    }

    /// Milliseconds of wall time from the event's epoch.
    pub(super) fn since_epoch(&self, wall_ms: u64) -> i64 {
        let epoch = self.ledger.manifest().structure.epoch_ms;
        let wall = i64::try_from(wall_ms).unwrap_or(i64::MAX);
        wall.saturating_sub(i64::try_from(epoch).unwrap_or(i64::MAX))
    }

    /// Draws the next counter for this device's cells.
    pub(super) fn next_counter(&mut self) -> u64 {
        self.cell_counter = self.cell_counter.saturating_add(1);
        self.cell_counter
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u32) -> [u8; 16] {
        let mut id = [0; 16];
        id.split_at_mut(4).0.copy_from_slice(&number.to_be_bytes());
        id
    }

    #[test]
    fn made_up_logs_fill_what_is_noted_of_a_device_and_no_more() {
        let mut holding = Holding::default();
        holding.note(1, &[(id(0), 5)]);
        for number in 0..10_000 {
            holding.note(1, &[(id(number), 7)]);
        }
        assert_eq!(holding.heights.len(), VECTOR_LOGS_MAX, "bounded");
        holding.note(1, &[(id(0), 9), (id(0), 3), (id(9_999), 9)]);
        assert_eq!(holding.heights.get(&id(0)), Some(&9), "known ones grow on");
        assert_eq!(holding.heights.get(&id(9_999)), None, "no room");
        holding.note(2, &[(id(9_999), 1)]);
        assert_eq!(holding.heights.len(), 1, "another store starts anew");
    }
}
