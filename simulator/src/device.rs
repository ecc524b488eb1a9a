//! One device of the venue: a key, a disk, a clock that may be wrong, and the real core.

use tallyline_keys::{DeviceKey, PublicKey};
use tallyline_proto::{
    model::Incarnation,
    replica::{Damage, Identity, Input, Now, Released, Replica},
};

use crate::{MemoryDisk, Random};

/// One device.
#[derive(Debug)]
pub struct Device {
    /// The real core.
    pub replica: Replica,
    /// Its disk.
    pub disk: MemoryDisk,
    /// How far its wall clock is off, in ms.
    pub clock_off_ms: i64,
    /// What was refused and why, as the security log has it.
    pub refusals: Vec<String>,
    seed: [u8; 32],
    store: u64,
    label: String,
    cloud: bool,
}

impl Device {
    pub(crate) fn new(label: &str, cloud: bool, random: &mut Random) -> Result<Self, Damage> {
        Self::from_disk(
            label,
            cloud,
            (random.bytes(), MemoryDisk::default()),
            random,
        )
    }

    /// Makes a device with a key and a disk of its own.
    pub(crate) fn from_disk(
        label: &str,
        cloud: bool,
        (seed, disk): ([u8; 32], MemoryDisk),
        random: &mut Random,
    ) -> Result<Self, Damage> {
        let store = random.next_u64();
        let identity = identity(seed, store, label, cloud);
        let incarnation = Incarnation(random.next_u64());
        let replica = Replica::open(identity, disk.stored(), incarnation)?;
        let label = label.to_owned();
        Ok(Self {
            replica,
            disk,
            clock_off_ms: 0,
            refusals: Vec::new(),
            seed,
            store,
            label,
            cloud,
        })
    }

    /// Returns its key.
    pub fn key(&self) -> PublicKey {
        self.replica.key()
    }

    /// Returns a copy of the device's key, as a thief would have it.
    pub fn stolen_key(&self) -> DeviceKey {
        DeviceKey::from_seed(self.seed)
    }

    /// Gathers, steps, persists, releases; after a failed commit the replica is read again.
    pub(crate) fn step(&mut self, now: Now, inputs: Vec<Input>, random: &mut Random) -> Released {
        let effects = self.replica.step(now, inputs);
        if let Ok(released) = effects.persist(&mut self.disk) {
            released
        } else {
            self.restart(random);
            Released::default()
        }
    }

    /// Ends the process at once and starts it again from what is on the disk.
    pub(crate) fn restart(&mut self, random: &mut Random) {
        let identity = identity(self.seed, self.store, &self.label, self.cloud);
        let incarnation = Incarnation(random.next_u64());
        let opened = Replica::open(identity, self.disk.stored(), incarnation);
        assert!(opened.is_ok(), "what was committed reads back: {opened:?}");
        if let Ok(replica) = opened {
            self.replica = replica;
        }
    }
}

fn identity(seed: [u8; 32], store: u64, label: &str, cloud: bool) -> Identity {
    Identity {
        key: DeviceKey::from_seed(seed),
        store,
        label: label.to_owned(),
        cloud,
    }
}
