//! What really lies on each card.

use std::collections::{BTreeMap, BTreeSet};

use tallyline_proto::model::LogName;

use super::Sight;

/// What really lies on a device's card, and what happened to it.
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent facts about one device"
)]
#[derive(Clone, Debug, Default)]
pub(crate) struct Card {
    /// The device's key, in bytes.
    pub(crate) key: [u8; 32],
    /// Whether the device lies.
    pub(crate) liar: bool,
    /// Whether the device is lost for good.
    pub(crate) gone: bool,
    /// Whether the card lost or may lose what it said is written: it lied, decayed, was rolled
    /// back or died.
    pub(crate) unreliable: bool,
    /// When it last held less than before, in world time.
    pub(crate) shrank_ms: Option<u64>,
    /// Whether it is a cloud.
    pub(crate) cloud: bool,
    heights: BTreeMap<LogName, u64>,
    ever: BTreeMap<LogName, u64>,
    forked: BTreeSet<LogName>,
}

impl Card {
    /// Takes note of what is there after a start; returns what is missing: log, before, now.
    pub(crate) fn come_up(
        &mut self,
        now_ms: u64,
        sight: &Sight,
        fresh: bool,
    ) -> Vec<(LogName, u64, u64)> {
        self.key = sight.key;
        let mut missing = Vec::new();
        for (log, before) in &self.heights {
            let now = sight.heights.get(log).copied().unwrap_or(0);
            if now < *before {
                missing.push((*log, *before, now));
            }
        }
        if !missing.is_empty() || (fresh && !self.heights.is_empty()) {
            self.shrank_ms = Some(now_ms);
        }
        self.heights.clear();
        for (log, height) in &sight.heights {
            self.grow(*log, *height);
        }
        self.forked.clone_from(&sight.forked);
        missing
    }

    /// Takes note of a proof that a log forked.
    pub(crate) fn fork(&mut self, log: LogName) {
        self.forked.insert(log);
    }

    /// Returns a log whose fork was known before this start and is not any more.
    pub(crate) fn forgets(&self, sight: &Sight) -> Option<LogName> {
        self.forked.difference(&sight.forked).next().copied()
    }

    /// Takes note of a log that grew.
    pub(crate) fn grow(&mut self, log: LogName, height: u64) {
        self.heights.insert(log, height);
        let ever = self.ever.entry(log).or_insert(0);
        *ever = height.max(*ever);
    }

    /// Takes note of another branch that takes the place of a log's entries from `from` on.
    pub(crate) fn displace(&mut self, log: LogName, from: u64) {
        self.heights.insert(log, from.saturating_sub(1));
    }

    /// Returns how many entries of a log are on the card.
    pub(crate) fn height(&self, log: &LogName) -> u64 {
        self.heights.get(log).copied().unwrap_or(0)
    }

    /// Returns how many entries of a log were ever on a card of this device.
    pub(crate) fn ever(&self, log: &LogName) -> u64 {
        self.ever.get(log).copied().unwrap_or(0)
    }

    /// Returns everything on the card.
    pub(crate) fn heights(&self) -> &BTreeMap<LogName, u64> {
        &self.heights
    }

    /// Returns whether everything that it said is written can be expected to be there.
    pub(crate) fn keeps_its_word(&self) -> bool {
        !self.unreliable && !self.gone && !self.liar
    }
}
