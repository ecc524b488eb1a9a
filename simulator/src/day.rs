//! Draws a random day from a seed: people who score, and what goes wrong meanwhile.
//!
//! Each seed draws a profile (which families of faults are on) and a budget (how many devices may
//! lose what they said is safe), so that what the product promises under the faults that happen
//! stays sharp: a day on which every card lies proves nothing.

mod again;
mod beyond;

use crate::{
    Random, Weather,
    plan::{Act, Happening, Lie, Plan, Step, Why},
    venue::DeviceNo,
};

/// Milliseconds of an hour.
const HOUR_MS: u64 = 3_600_000;

/// Milliseconds of a minute.
const MINUTE_MS: u64 = 60_000;

/// Milliseconds of a year.
const YEAR_MS: i64 = 365 * 24 * 3_600_000;

/// What kinds of days there are: name, and what goes wrong on them.
pub const PROFILES: [(&str, &str); 10] = [
    ("calm", "nothing but people who make mistakes"),
    (
        "storm",
        "frames lost in bursts, repeated, overtaken, late; flapping links",
    ),
    (
        "apart",
        "partitions of every shape, one-way links, isolation, no multicast, new addresses",
    ),
    (
        "kills",
        "processes killed at every step of a commit, power cuts, devices that sleep",
    ),
    (
        "cards",
        "lying syncs, bit flips, rollbacks, full, slow and dying disks",
    ),
    ("clocks", "clocks off by years, and set while people score"),
    (
        "devices",
        "handovers, swaps, thefts, cloned cards, an owner who is lost and comes back",
    ),
    (
        "cloud",
        "a cloud that is down, slow, loses and repeats answers, or is rolled back; flapping gateways",
    ),
    (
        "liar",
        "one admitted device that lies, on an otherwise ordinary day",
    ),
    ("everything", "a little of all of it"),
];

/// What is wanted of a day; the seed draws the rest.
#[derive(Clone, Debug, Default)]
pub struct Wish {
    /// Devices at the venue, the owner included: 2 to 64.
    pub devices: Option<usize>,
    /// How long people score, in hours.
    pub hours: Option<u64>,
    /// One of [`PROFILES`].
    pub profile: Option<String>,
}

/// Draws the day of a seed.
pub fn draw(seed: u64, wish: &Wish) -> Plan {
    let mut random = Random::stream(seed, "day");
    let drawn = PROFILES
        .get(usize::try_from(random.below(16)).unwrap_or(0))
        .map_or("everything", |(name, _)| name);
    let profile = wish.profile.clone().unwrap_or_else(|| drawn.to_owned());
    let most = wish
        .devices
        .unwrap_or_else(|| usize::try_from(random.between(4, 10)).unwrap_or(8));
    let devices = most.clamp(2, 64);
    let hours = wish.hours.unwrap_or(10).max(1);
    let tablets = u32::try_from(devices.saturating_sub(1)).unwrap_or(1);
    let drills = u32::try_from(random.between(3, 6)).unwrap_or(4);
    let shooters = tablets.saturating_mul(u32::try_from(random.between(3, 8)).unwrap_or(5));
    let mut day = Day {
        random,
        devices,
        drills,
        shooters,
        squad_size: shooters.div_ceil(tablets).max(1),
        length_ms: hours.saturating_mul(HOUR_MS),
        happenings: Vec::new(),
        unreliable: 0,
    };
    day.people();
    day.internet();
    let weather = day.weather(&profile);
    day.faults(&profile);
    let mut happenings = day.happenings;
    happenings.sort_by_key(|it| it.at_ms);
    again::again(seed, devices, &mut happenings);
    let frame = beyond::Frame {
        seed,
        devices,
        drills,
        shooters,
        length_ms: day.length_ms,
    };
    beyond::beyond(frame, &mut happenings);
    happenings.retain(|it| it.at_ms < day.length_ms);
    happenings.sort_by_key(|it| it.at_ms);
    Plan {
        seed,
        profile,
        devices,
        drills,
        shooters,
        length_ms: day.length_ms,
        weather,
        happenings,
    }
}

/// A day while it is drawn.
struct Day {
    random: Random,
    devices: usize,
    drills: u32,
    shooters: u32,
    squad_size: u32,
    length_ms: u64,
    happenings: Vec<Happening>,
    /// Devices that may lose what they said is safe.
    unreliable: u32,
}

impl Day {
    fn add(&mut self, at_ms: u64, act: Act) {
        if at_ms < self.length_ms {
            self.happenings.push(Happening { at_ms, act });
        }
    }

    fn some_time(&mut self) -> u64 {
        self.random.below(self.length_ms)
    }

    fn tablet(&mut self) -> DeviceNo {
        let tablets = u64::try_from(self.devices.saturating_sub(1)).unwrap_or(1);
        usize::try_from(self.random.between(1, tablets.max(1))).unwrap_or(1)
    }

    fn anybody(&mut self) -> DeviceNo {
        let devices = u64::try_from(self.devices).unwrap_or(1);
        usize::try_from(self.random.below(devices)).unwrap_or(0)
    }

    fn number(&mut self, low: u64, high: u64) -> u64 {
        self.random.between(low, high)
    }

    fn small(&mut self, low: u32, high: u32) -> u32 {
        let drawn = self.random.between(u64::from(low), u64::from(high));
        u32::try_from(drawn).unwrap_or(low)
    }

    fn squad_of(&self, shooter: u32) -> u32 {
        shooter.saturating_sub(1) / self.squad_size + 1
    }

    /// Every squad shoots every drill, its RO enters the scores; some are wrong and mended.
    fn people(&mut self) {
        let slots = u64::from(self.drills).saturating_mul(u64::from(self.squad_size));
        let every_ms = self.length_ms / slots.saturating_add(1).max(1);
        for shooter in 1..=self.shooters {
            let device = usize::try_from(self.squad_of(shooter)).unwrap_or(1);
            let place = u64::from(shooter.saturating_sub(1) % self.squad_size);
            for drill in 1..=self.drills {
                let turn = u64::from(drill.saturating_sub(1))
                    .saturating_mul(u64::from(self.squad_size))
                    .saturating_add(place);
                let jitter = self.random.below(every_ms.max(1));
                let at_ms = turn.saturating_mul(every_ms).saturating_add(jitter);
                self.one_score(at_ms, device, drill, shooter);
            }
        }
        let squads = self.shooters.div_ceil(self.squad_size).max(1);
        for _ in 0..self.number(0, 2) {
            let (at_ms, squad) = (self.some_time(), self.small(1, squads));
            self.add(at_ms, Act::LateShooter { squad });
        }
        if self.random.chance(500) {
            let (at_ms, shooter) = (self.some_time(), self.small(1, self.shooters));
            let squad = self.small(1, squads);
            self.add(at_ms, Act::Move { shooter, squad });
        }
    }

    fn one_score(&mut self, at_ms: u64, device: DeviceNo, drill: u32, shooter: u32) {
        let centis = self.small(400, 6_000);
        let a = u8::try_from(self.number(0, 4)).unwrap_or(2);
        let score = Act::Score {
            device,
            drill,
            shooter,
            centis,
            a,
        };
        self.add(at_ms, score);
        let soon_ms = at_ms.saturating_add(self.number(5_000, 20 * MINUTE_MS));
        match self.random.below(100) {
            0..5 => {
                let centis = self.small(400, 6_000);
                let correct = Act::Correct {
                    device,
                    drill,
                    shooter,
                    centis,
                };
                self.add(soon_ms, correct);
            }
            5..7 => {
                let first = self
                    .squad_of(shooter)
                    .saturating_sub(1)
                    .saturating_mul(self.squad_size);
                let to = first
                    .saturating_add(self.small(1, self.squad_size))
                    .min(self.shooters);
                let wrong = Act::WrongShooter {
                    device,
                    drill,
                    from: shooter,
                    to,
                };
                self.add(soon_ms, wrong);
            }
            7 => self.add(
                soon_ms,
                Act::Void {
                    device,
                    drill,
                    shooter,
                },
            ),
            8 => {
                self.owner_corrects(soon_ms, device, (drill, shooter));
            }
            9 if self.random.chance(200) => {
                self.add(soon_ms, Act::Disqualify { device, shooter });
            }
            _ => {}
        }
    }

    /// The owner puts a score right himself; sometimes the RO does so at the same moment, and one
    /// entry is voided twice.
    fn owner_corrects(&mut self, at_ms: u64, device: DeviceNo, (drill, shooter): (u32, u32)) {
        let both = self.random.chance(500);
        for device in [0, device].into_iter().take(1 + usize::from(both)) {
            let centis = self.small(400, 6_000);
            let correct = Act::Correct {
                device,
                drill,
                shooter,
                centis,
            };
            self.add(at_ms, correct);
        }
    }

    /// A gateway or two, with internet at times.
    fn internet(&mut self) {
        for device in 0..self.devices {
            self.add(0, Act::Internet { device, on: false });
        }
        for _ in 0..self.number(1, 3) {
            let device = self.anybody();
            let mut at_ms = self.random.below(HOUR_MS);
            while at_ms < self.length_ms {
                self.add(at_ms, Act::Internet { device, on: true });
                at_ms = at_ms.saturating_add(self.number(10_000, 3 * HOUR_MS));
                self.add(at_ms, Act::Internet { device, on: false });
                at_ms = at_ms.saturating_add(self.number(10_000, 2 * HOUR_MS));
            }
        }
    }

    fn weather(&mut self, profile: &str) -> Weather {
        let ordered = self.random.chance(500);
        if profile == "calm" {
            return Weather::CALM;
        }
        let rough = matches!(profile, "storm" | "everything");
        let most = if rough { 300 } else { 30 };
        Weather {
            loss_permille: self.number(0, most),
            burst: self.number(1, if rough { 40 } else { 5 }),
            duplicate_permille: self.number(0, if rough { 500 } else { 20 }),
            delay_ms_min: self.number(1, 20),
            delay_ms_max: self.number(20, if rough { 800 } else { 100 }),
            ordered,
        }
    }

    fn faults(&mut self, profile: &str) {
        let all = profile == "everything";
        if all || profile == "storm" {
            self.storm();
        }
        if all || profile == "apart" {
            self.apart();
        }
        if all || profile == "kills" {
            self.kills();
        }
        if all || profile == "cards" {
            self.cards();
        }
        if all || profile == "clocks" {
            self.clocks();
        }
        if all || profile == "devices" {
            self.devices();
        }
        if all || profile == "cloud" {
            self.cloud();
        }
        if profile == "liar" {
            self.liar();
        }
    }

    fn storm(&mut self) {
        for _ in 0..self.number(1, 4) {
            let (at_ms, device) = (self.some_time(), self.anybody());
            let act = Act::Flap {
                device,
                up_ms: self.number(2_000, 30_000),
                down_ms: self.number(2_000, 60_000),
                cycles: self.small(1, 200),
            };
            self.add(at_ms, act);
        }
        for _ in 0..self.number(0, 4) {
            let at_ms = self.some_time();
            let weather = self.weather("storm");
            self.add(at_ms, Act::Weather { weather });
        }
    }

    fn apart(&mut self) {
        let mut at_ms = self.random.below(HOUR_MS);
        while at_ms < self.length_ms {
            let act = self.separation();
            self.add(at_ms, act);
            at_ms = at_ms.saturating_add(self.number(5_000, 2 * HOUR_MS));
            self.add(at_ms, Act::Rejoin);
            at_ms = at_ms.saturating_add(self.number(1_000, HOUR_MS));
        }
        for _ in 0..self.number(0, 3) {
            let (at_ms, device) = (self.some_time(), self.anybody());
            self.add(at_ms, Act::Address { device });
        }
        if self.random.chance(300) {
            let at_ms = self.some_time();
            self.add(at_ms, Act::NoMulticast { blocked: true });
            let later_ms = at_ms.saturating_add(self.number(MINUTE_MS, 4 * HOUR_MS));
            self.add(later_ms, Act::NoMulticast { blocked: false });
        }
    }

    fn separation(&mut self) -> Act {
        let all: Vec<DeviceNo> = (0..self.devices).collect();
        match self.random.below(6) {
            0 => {
                let half = self.devices / 2;
                let (left, right) = all.split_at(half);
                Act::Partition {
                    groups: vec![left.to_vec(), right.to_vec()],
                }
            }
            1 => {
                let mut groups = vec![Vec::new(), Vec::new(), Vec::new()];
                for device in all {
                    let group = usize::try_from(self.random.below(3)).unwrap_or(0);
                    if let Some(group) = groups.get_mut(group) {
                        group.push(device);
                    }
                }
                Act::Partition { groups }
            }
            2 => {
                let alone = self.anybody();
                let others = all.into_iter().filter(|no| *no != alone).collect();
                Act::Partition {
                    groups: vec![others, vec![alone]],
                }
            }
            3 => {
                let mut devices = all;
                for place in (1..devices.len()).rev() {
                    let bound = u64::try_from(place).unwrap_or(1).saturating_add(1);
                    let other = usize::try_from(self.random.below(bound)).unwrap_or(0);
                    devices.swap(place, other);
                }
                Act::Chain { devices }
            }
            4 => {
                let (from, to) = (self.anybody(), self.anybody());
                Act::OneWay { from, to }
            }
            _ => Act::Isolation,
        }
    }

    fn kills(&mut self) {
        for _ in 0..self.number(2, 12) {
            let (at_ms, device) = (self.some_time(), self.anybody());
            let step = match self.random.below(4) {
                0 => Step::BeforeCommit,
                1 => Step::InCommit(self.small(1, 12)),
                2 => Step::AfterCommit,
                _ => Step::AfterSend(self.small(0, 4)),
            };
            let act = Act::KillAt {
                device,
                step,
                after: self.small(0, 5),
                power: self.random.chance(500),
            };
            self.add(at_ms, act);
        }
        for _ in 0..self.number(0, 3) {
            let (at_ms, device) = (self.some_time(), self.anybody());
            let power = self.random.chance(500);
            self.add(at_ms, Act::Kill { device, power });
            let back_ms = at_ms.saturating_add(self.number(1_000, 2 * HOUR_MS));
            self.add(back_ms, Act::Start { device });
        }
        for _ in 0..self.number(0, 4) {
            let (at_ms, device) = (self.some_time(), self.anybody());
            let ms = self.number(1_000, 4 * HOUR_MS);
            self.add(at_ms, Act::Pause { device, ms });
        }
    }

    fn cards(&mut self) {
        for _ in 0..self.number(0, 2) {
            let (at_ms, device) = (self.some_time(), self.anybody());
            self.add(at_ms, Act::FullDisk { device, full: true });
            let later_ms = at_ms.saturating_add(self.number(10_000, HOUR_MS));
            self.add(
                later_ms,
                Act::FullDisk {
                    device,
                    full: false,
                },
            );
        }
        for _ in 0..self.number(0, 2) {
            let (at_ms, device) = (self.some_time(), self.anybody());
            let ms = self.number(10, 30_000);
            self.add(at_ms, Act::SlowDisk { device, ms });
            let later_ms = at_ms.saturating_add(self.number(MINUTE_MS, HOUR_MS));
            self.add(later_ms, Act::SlowDisk { device, ms: 0 });
        }
        for _ in 0..self.number(0, 2) {
            let (at_ms, device) = (self.some_time(), self.anybody());
            self.add(at_ms, Act::Misreport { device });
        }
        let bad = self.anybody();
        if self.unreliable == 0 && self.random.chance(800) {
            self.unreliable = 1;
            self.bad_card(bad);
        }
    }

    /// One card that does not keep its word.
    fn bad_card(&mut self, device: DeviceNo) {
        match self.random.below(4) {
            0 => {
                let permille = match self.random.below(3) {
                    0 => 10,
                    1 => 50,
                    _ => 500,
                };
                self.add(0, Act::LyingSync { device, permille });
                for _ in 0..self.number(1, 4) {
                    let at_ms = self.some_time();
                    self.add(
                        at_ms,
                        Act::Kill {
                            device,
                            power: true,
                        },
                    );
                    let back_ms = at_ms.saturating_add(self.number(1_000, HOUR_MS / 2));
                    self.add(back_ms, Act::Start { device });
                }
            }
            1 => {
                for _ in 0..self.number(1, 3) {
                    let at_ms = self.some_time();
                    self.add(at_ms, Act::FlipBit { device });
                }
            }
            2 => {
                for _ in 0..self.number(1, 2) {
                    let at_ms = self.some_time();
                    self.add(at_ms, Act::Backup { device });
                    let later_ms = at_ms.saturating_add(self.number(10_000, 3 * HOUR_MS));
                    self.add(later_ms, Act::RollBack { device });
                }
            }
            _ => {
                let at_ms = self.some_time();
                self.add(at_ms, Act::DeadDisk { device });
            }
        }
    }

    fn clocks(&mut self) {
        for device in 0..self.devices {
            if self.random.chance(600) {
                let off_ms = self.wrong_clock();
                self.add(0, Act::Clock { device, off_ms });
            }
        }
        for _ in 0..self.number(0, 6) {
            let (at_ms, device) = (self.some_time(), self.anybody());
            let off_ms = self.wrong_clock();
            self.add(at_ms, Act::Clock { device, off_ms });
        }
    }

    fn wrong_clock(&mut self) -> i64 {
        match self.random.below(4) {
            // A board without a clock starts in 1970.
            0 => -48_i64.saturating_mul(YEAR_MS),
            1 => i64::try_from(self.number(0, 10))
                .unwrap_or(0)
                .saturating_mul(YEAR_MS),
            2 => -3 * 3_600_000,
            _ => 0,
        }
    }

    fn devices(&mut self) {
        for _ in 0..self.number(0, 3) {
            let (at_ms, from, to) = (self.some_time(), self.tablet(), self.tablet());
            let why = match self.random.below(3) {
                0 => Why::Handover,
                1 => Why::Dead,
                _ => Why::Stolen,
            };
            if from != to {
                self.add(at_ms, Act::Handover { from, to, why });
            }
        }
        if self.unreliable == 0 {
            match self.random.below(4) {
                0 => {
                    let (at_ms, device) = (self.some_time(), self.anybody());
                    self.add(at_ms, Act::Clone { device });
                }
                1 => {
                    let at_ms = self.some_time();
                    self.unreliable = 1;
                    self.add(at_ms, Act::RestoreOwner);
                }
                2 => {
                    let (at_ms, device) = (self.some_time(), self.tablet());
                    self.unreliable = 1;
                    self.add(at_ms, Act::Lose { device });
                    let to = self.tablet();
                    let later_ms = at_ms.saturating_add(self.number(MINUTE_MS, HOUR_MS));
                    if to != device {
                        let act = Act::Handover {
                            from: device,
                            to,
                            why: Why::Dead,
                        };
                        self.add(later_ms, act);
                    }
                }
                _ => {}
            }
        }
    }

    fn cloud(&mut self) {
        for _ in 0..self.number(0, 3) {
            let at_ms = self.some_time();
            self.add(at_ms, Act::Cloud { up: false });
            let later_ms = at_ms.saturating_add(self.number(MINUTE_MS, 4 * HOUR_MS));
            self.add(later_ms, Act::Cloud { up: true });
        }
        if self.random.chance(500) {
            let at_ms = self.some_time();
            let ms = self.number(1_000, 30_000);
            self.add(at_ms, Act::SlowCloud { ms });
            let later_ms = at_ms.saturating_add(self.number(MINUTE_MS, HOUR_MS));
            self.add(later_ms, Act::SlowCloud { ms: 0 });
        }
        let act = Act::CloudReplies {
            lost_permille: self.number(0, 200),
            repeated_permille: self.number(0, 200),
        };
        self.add(0, act);
        let device = self.anybody();
        let mut at_ms = self.some_time();
        for _ in 0..self.number(0, 20) {
            self.add(at_ms, Act::Internet { device, on: true });
            at_ms = at_ms.saturating_add(self.number(2_000, MINUTE_MS));
            self.add(at_ms, Act::Internet { device, on: false });
            at_ms = at_ms.saturating_add(self.number(2_000, MINUTE_MS));
        }
        if self.unreliable == 0 && self.random.chance(400) {
            self.unreliable = 1;
            let at_ms = self.some_time();
            self.add(at_ms, Act::CloudBackup);
            let later_ms = at_ms.saturating_add(self.number(MINUTE_MS, 4 * HOUR_MS));
            self.add(later_ms, Act::CloudRollBack);
        }
    }

    fn liar(&mut self) {
        let device = self.tablet();
        let lies = [
            Lie::Fork,
            Lie::Withhold,
            Lie::Flood,
            Lie::FalseHave,
            Lie::FalseReceipt,
            Lie::BadSignature,
            Lie::Gap,
            Lie::NewerVersion,
        ];
        for _ in 0..self.number(1, 6) {
            let at_ms = self.some_time();
            let place = usize::try_from(self.random.below(8)).unwrap_or(0);
            if let Some(&lie) = lies.get(place) {
                self.add(at_ms, Act::Lie { device, lie });
            }
        }
        self.kills();
    }
}
