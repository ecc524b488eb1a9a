//! Liars in a world: their frames are sent, and what honest devices make of them is judged.

use std::collections::BTreeMap;

use super::{Liar, Truth};
use crate::{Device, Random, World, plan::Lie, venue::DeviceNo};

/// The devices of a world that lie.
#[derive(Debug, Default)]
pub(crate) struct Liars(BTreeMap<DeviceNo, Liar>);

impl Liars {
    /// Returns whether a device keeps a frame of its honest process back.
    pub(crate) fn withholds(&self, device: DeviceNo, bytes: &[u8], it: Option<&Device>) -> bool {
        match (self.0.get(&device), it) {
            (Some(liar), Some(it)) => !liar.lets_through(&it.replica, bytes),
            (None, _) | (_, None) => false,
        }
    }

    /// Returns what is true in spite of everybody's lies.
    fn truth(&self) -> Truth {
        let mut truth = Truth::default();
        for liar in self.0.values() {
            truth.add(liar.truth());
        }
        truth
    }
}

impl World {
    /// Lets a device lie from here on; one that does not run keeps silent.
    pub(crate) fn lie(&mut self, device: DeviceNo, lie: Lie) {
        if let Some(card) = self.oracle.card_mut(device) {
            card.liar = true;
        }
        let peers = self.peers_of(device).into_iter();
        let peers: Vec<_> = peers
            .filter_map(|(peer, other)| Some((peer, self.devices.get(other)?.key())))
            .collect();
        let mut random = Random::new(self.random().next_u64());
        let Some(it) = self.devices.get(device).filter(|it| it.runs()) else {
            return;
        };
        let seed = it.key_seed();
        let liar = self
            .liars
            .0
            .entry(device)
            .or_insert_with(|| Liar::new(seed));
        let frames = liar.frames(lie, &it.replica, &peers, &mut random);
        for log in liar.truth().forked.keys() {
            self.oracle.forged(*log);
        }
        for (peer, bytes) in frames {
            self.send_forged(device, peer, bytes);
        }
    }

    /// Judges what an honest device made of the lies. A forged frame may have been lost, so what
    /// everybody must hold in the end is left to the agreement of all.
    pub(crate) fn judge_lies(&mut self, device: DeviceNo) {
        let honest = self.oracle.card(device).is_some_and(|it| !it.liar);
        let now_ms = self.now_ms();
        let Some(it) = self.devices.get(device).filter(|it| honest && it.runs()) else {
            return;
        };
        if let Some((invariant, what)) = self.liars.truth().broken_by(&it.replica, false) {
            let what = format!("device {device} {what}");
            self.oracle.broken(invariant, now_ms, what);
        }
    }
}
