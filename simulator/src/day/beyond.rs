//! What people do beyond scores on a random day: approvals, phases, incidents and what is decided
//! about them, records of a camp, erasures.

use super::MINUTE_MS;
use crate::{
    Random,
    plan::{Act, EventStage, Happening, Says},
    venue::DeviceNo,
};

/// What a day is like for who draws this.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    pub(super) seed: u64,
    pub(super) devices: usize,
    pub(super) drills: u32,
    pub(super) shooters: u32,
    pub(super) length_ms: u64,
}

/// Participants of the camp, from 1.
const PARTICIPANTS: u32 = 4;

/// Most incidents of a day.
const INCIDENTS_MAX: u32 = 8;

/// How long after a score it is approved at the latest, in ms.
const APPROVED_MS: u64 = 5 * MINUTE_MS;

/// Adds it to a day. Drawn from a stream of its own, so that everything else of the day is as it was.
pub(super) fn beyond(frame: Frame, happenings: &mut Vec<Happening>) {
    let mut drawn = Beyond {
        random: Random::stream(frame.seed, "beyond"),
        frame,
        fresh: Vec::new(),
    };
    drawn.approvals(happenings);
    drawn.phases();
    drawn.incidents();
    drawn.records();
    happenings.extend(drawn.fresh);
}

struct Beyond {
    random: Random,
    frame: Frame,
    fresh: Vec<Happening>,
}

impl Beyond {
    fn add(&mut self, at_ms: u64, act: Act) {
        self.fresh.push(Happening { at_ms, act });
    }

    fn some_time(&mut self) -> u64 {
        self.random.below(self.frame.length_ms)
    }

    fn small(&mut self, low: u32, high: u32) -> u32 {
        let drawn = self.random.between(u64::from(low), u64::from(high));
        u32::try_from(drawn).unwrap_or(low)
    }

    fn anybody(&mut self) -> DeviceNo {
        let devices = u64::try_from(self.frame.devices).unwrap_or(1);
        usize::try_from(self.random.below(devices)).unwrap_or(0)
    }

    /// Of some scores RO and shooter say afterwards that they agree.
    fn approvals(&mut self, happenings: &[Happening]) {
        for it in happenings {
            if let Act::Score {
                device,
                drill,
                shooter,
                ..
            } = it.act
                && self.random.chance(100)
            {
                let at_ms = it.at_ms.saturating_add(self.random.below(APPROVED_MS));
                let approve = Act::Approve {
                    device,
                    drill,
                    shooter,
                };
                self.add(at_ms, approve);
            }
        }
    }

    /// On some days results are posted and scoring goes on: somebody was forgotten.
    fn phases(&mut self) {
        if !self.random.chance(300) {
            return;
        }
        let mut at_ms = self.some_time();
        for stage in [
            EventStage::Provisional,
            EventStage::Final,
            EventStage::Scoring,
        ] {
            self.add(at_ms, Act::Phase { stage });
            at_ms = at_ms.saturating_add(self.random.below(30 * MINUTE_MS));
        }
    }

    fn incidents(&mut self) {
        let count = self.small(0, INCIDENTS_MAX);
        if 0 < count {
            let device = self.anybody();
            let at_ms = self.random.below(10 * MINUTE_MS);
            // The owner reads everything as it is.
            if device != 0 {
                self.add(at_ms, Act::Jury { device });
            }
        }
        for no in 1..=count {
            let (at_ms, device) = (self.some_time(), self.anybody());
            let (drill, shooter) = (
                self.small(1, self.frame.drills),
                self.small(1, self.frame.shooters),
            );
            let incident = Act::Incident {
                device,
                no,
                drill,
                shooter,
            };
            self.add(at_ms, incident);
            // Once in a while somebody else says something else under the same number.
            if self.random.chance(150) {
                let device = self.anybody();
                let other = Act::Incident {
                    device,
                    no,
                    drill,
                    shooter: self.small(1, self.frame.shooters),
                };
                self.add(at_ms.saturating_add(1_000), other);
            }
            let soon_ms = at_ms.saturating_add(self.random.below(40 * MINUTE_MS));
            if self.random.chance(500) {
                let device = self.anybody();
                self.add(soon_ms, Act::Report { device, no });
            }
            for _ in 0..self.small(0, 2) {
                let device = self.anybody();
                let centis = self.small(0, 3).saturating_mul(100);
                self.add(soon_ms, Act::Decide { device, no, centis });
            }
            if self.random.chance(200) {
                let later_ms = soon_ms.saturating_add(self.random.below(120 * MINUTE_MS));
                self.add(later_ms, Act::EraseShooter { shooter });
            }
        }
    }

    fn records(&mut self) {
        for _ in 0..self.small(0, 30) {
            let (at_ms, device) = (self.some_time(), self.anybody());
            let says = match self.random.below(6) {
                0 => Says::Name,
                1 => Says::Contact,
                2 => Says::Points,
                3 => Says::Badge,
                4 => Says::Honor,
                _ => Says::Attendance,
            };
            let (no, value) = (self.small(1, PARTICIPANTS), self.small(0, 1_000));
            let record = Act::Record {
                device,
                says,
                no,
                value,
            };
            self.add(at_ms, record);
            // Somebody out of reach says something about the same.
            if self.random.chance(300) {
                let device = self.anybody();
                let record = Act::Record {
                    device,
                    says,
                    no,
                    value: self.small(0, 1_000),
                };
                let soon_ms = at_ms.saturating_add(self.random.below(MINUTE_MS));
                self.add(soon_ms, record);
            }
        }
        if self.random.chance(300) {
            let (at_ms, no) = (self.some_time(), self.small(1, PARTICIPANTS));
            self.add(at_ms, Act::EraseParticipant { no });
        }
    }
}
