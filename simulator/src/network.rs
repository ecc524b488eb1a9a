//! A network that loses, repeats, delays and reorders frames.

use std::collections::BTreeMap;

use tallyline_proto::{
    replica::PeerId,
    wire::{Frame, decode_frame},
};

use crate::{Random, world::DeviceNo};

/// How bad the network is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Weather {
    /// Frames lost, of 1,000.
    pub loss_permille: u64,
    /// Frames that arrive twice, of 1,000.
    pub duplicate_permille: u64,
    /// Shortest way of a frame, in ms.
    pub delay_ms_min: u64,
    /// Longest way of a frame, in ms; frames overtake each other between the two.
    pub delay_ms_max: u64,
}

impl Weather {
    /// A cable: nothing is lost, 1 ms.
    pub const CALM: Self = Self {
        loss_permille: 0,
        duplicate_permille: 0,
        delay_ms_min: 1,
        delay_ms_max: 1,
    };

    /// A bad link: 30 % lost, up to half a second on the way.
    pub const STORM: Self = Self {
        loss_permille: 300,
        duplicate_permille: 50,
        delay_ms_min: 5,
        delay_ms_max: 500,
    };
}

/// A frame on its way.
#[derive(Clone, Debug)]
pub(crate) struct Flying {
    pub(crate) to: DeviceNo,
    pub(crate) peer: PeerId,
    pub(crate) bytes: Vec<u8>,
}

/// Frames on their way, by time of arrival.
#[derive(Debug)]
pub(crate) struct Network {
    pub(crate) weather: Weather,
    flying: BTreeMap<(u64, u64), Flying>,
    sent: u64,
    /// Bytes of all frames that devices sent, lost ones too.
    pub(crate) bytes: u64,
    /// Frames that devices sent.
    pub(crate) frames: u64,
    /// Bytes of those that carry cells.
    pub(crate) cell_bytes: u64,
}

impl Network {
    pub(crate) fn new(weather: Weather) -> Self {
        Self {
            weather,
            flying: BTreeMap::new(),
            sent: 0,
            bytes: 0,
            frames: 0,
            cell_bytes: 0,
        }
    }

    pub(crate) fn send(&mut self, now_ms: u64, random: &mut Random, frame: &Flying) {
        let weather = self.weather;
        let length = u64::try_from(frame.bytes.len()).unwrap_or(u64::MAX);
        // The length prefix counts, as on a real stream.
        let prefix = if length < 128 {
            1
        } else if length < 16_384 {
            2
        } else {
            3
        };
        self.bytes = self.bytes.saturating_add(length).saturating_add(prefix);
        self.frames = self.frames.saturating_add(1);
        if matches!(decode_frame(&frame.bytes), Ok(Some(Frame::Cells(_)))) {
            self.cell_bytes = self
                .cell_bytes
                .saturating_add(length)
                .saturating_add(prefix);
        }
        let copies = 1 + u64::from(random.chance(weather.duplicate_permille));
        for _ in 0..copies {
            if random.chance(weather.loss_permille) {
                continue;
            }
            let delay_ms = random.between(weather.delay_ms_min, weather.delay_ms_max);
            self.sent = self.sent.saturating_add(1);
            let at = (now_ms.saturating_add(delay_ms), self.sent);
            self.flying.insert(at, frame.clone());
        }
    }

    /// Takes the frames that have arrived by now.
    pub(crate) fn arrived(&mut self, now_ms: u64) -> Vec<Flying> {
        let later = self.flying.split_off(&(now_ms.saturating_add(1), 0));
        core::mem::replace(&mut self.flying, later)
            .into_values()
            .collect()
    }

    /// Returns when the next frame arrives.
    pub(crate) fn next_ms(&self) -> Option<u64> {
        self.flying.first_key_value().map(|((at_ms, _), _)| *at_ms)
    }

    /// Forgets frames of a connection that ended.
    pub(crate) fn forget(&mut self, peer: PeerId) {
        self.flying.retain(|_, frame| frame.peer != peer);
    }
}
