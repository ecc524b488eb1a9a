//! What a cloud holds of what is here: whether a device may let go of its event.
//!
//! Layer: replica.

use alloc::{string::String, vec::Vec};

use tallyline_keys::PublicKey;

use super::{Replica, member::Member};
use crate::{
    log::Log,
    model::LogName,
    wire::{Origin, log_short_id},
};

/// One log, and how much of it a cloud is known to hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloudHold {
    /// The log.
    pub log: LogName,
    /// Its writer's key.
    pub author: PublicKey,
    /// What its writer is called.
    pub label: String,
    /// Entries here.
    pub height: u64,
    /// Height that receipts cover, whichever store of a cloud gave them.
    pub receipt: u64,
    /// Height that a cloud holds in the store that it named last: below the receipt when the cloud
    /// lost what it had signed for.
    pub held: u64,
    /// The highest height that any other device is known to hold.
    pub elsewhere: u64,
    /// Unix time in milliseconds of the first entry that no receipt covers, by its author's clock.
    pub waits_since_unix_ms: Option<i64>,
    /// Whether the log forked: what stands behind the fork is no part of a bundle.
    pub forked: bool,
}

impl CloudHold {
    /// Returns whether every entry that is here is in a cloud, in the store that it has now.
    pub fn is_whole(&self) -> bool {
        !self.forked && self.height <= self.receipt && self.height <= self.held
    }

    /// Returns whether a cloud has less than it signed for.
    pub fn is_lost(&self) -> bool {
        self.held < self.receipt
    }
}

impl Replica {
    /// Returns what a cloud holds of each log with entries, in the order of labels and logs.
    pub fn cloud_holds(&self) -> Vec<CloudHold> {
        let Some(member) = self.member() else {
            return Vec::new();
        };
        let logs = member.ledger.logs().values();
        let logs = logs.filter(|log| 0 < log.height());
        let own = self.key();
        let mut holds: Vec<CloudHold> = logs.map(|log| member.cloud_hold(&own, log)).collect();
        holds.sort_by(|one, next| (&one.label, one.log).cmp(&(&next.label, next.log)));
        holds
    }

    /// Returns how many keys of sealed texts this device made: perhaps nobody else has them.
    pub fn keys_made(&self) -> usize {
        let held = self.member().map(|member| member.ring.held().values());
        held.into_iter()
            .flatten()
            .filter(|it| it.origin != Origin::Given)
            .count()
    }
}

impl Member {
    fn cloud_hold(&self, own: &PublicKey, log: &Log) -> CloudHold {
        let id = log_short_id(log.name());
        let clouds = self.ledger.manifest().cloud.iter();
        let holdings = clouds.filter_map(|key| self.holdings.get(key));
        let held = holdings.filter_map(|it| it.heights.get(&id)).max();
        let others = self.holdings.iter().filter(|(key, _)| *key != own);
        let elsewhere = others.filter_map(|(_, it)| it.heights.get(&id)).max();
        let receipt = self.cloud.get(&id).copied().unwrap_or(0);
        let first = self.ledger.line(log.name(), receipt.saturating_add(1));
        CloudHold {
            log: *log.name(),
            author: log.writer(),
            label: self.label(&log.writer()),
            height: log.height(),
            receipt,
            held: held.copied().unwrap_or(0).min(self.in_cloud(&id)),
            elsewhere: elsewhere.copied().unwrap_or(0),
            waits_since_unix_ms: first.map(|line| self.unix_ms(line.at_ms)),
            forked: self.ledger.forks().contains_key(log.name()),
        }
    }
}
