//! What one run is worth, from the text of the rules.

use super::{
    facts::{Event, Num, Power, Shot, Stage, Way},
    ratio::Ratio,
};

/// The numbers of one run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sheet {
    pub(crate) points: Num,
    pub(crate) penalties: Num,
    /// Hundredths of a second, without what faults add.
    pub(crate) time: Num,
    pub(crate) added: Num,
    pub(crate) xs: Num,
    /// Strings that count, the fastest first.
    pub(crate) strings: Vec<Num>,
    pub(crate) rings: Vec<Num>,
}

/// What is compared on a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compares {
    Factor,
    Points,
    Time,
}

impl Way {
    pub(crate) fn compares(self) -> Compares {
        match self {
            Self::Comstock | Self::Virginia => Compares::Factor,
            Self::FixedTime
            | Self::Rings
            | Self::HitValues
            | Self::ParDropped
            | Self::ParCosts
            | Self::ParPass => Compares::Points,
            Self::TimePlus | Self::BestStrings | Self::ParCapped | Self::SkiRun => Compares::Time,
            Self::Chrono | Self::Court => panic!("nobody is ranked there"),
        }
    }
}

impl Sheet {
    pub(crate) fn net(&self) -> Num {
        (self.points - self.penalties).max(0)
    }

    pub(crate) fn total_time(&self) -> Num {
        (self.time + self.added).max(0)
    }

    /// Net points by seconds.
    pub(crate) fn factor(&self, decimals: Option<u32>) -> Ratio {
        if self.time == 0 {
            return Ratio::ZERO;
        }
        let exact = Ratio::new(self.net() * 100, self.time);
        match decimals {
            None => exact,
            Some(decimals) => Ratio::new(exact.half_up(decimals), 10i128.pow(decimals)),
        }
    }
}

/// The numbers of a run that was shot.
pub(crate) fn shot_sheet(event: &Event, stage: &Stage, shot: &Shot, power: Power) -> Sheet {
    match stage.way {
        Way::Comstock | Way::Virginia | Way::FixedTime | Way::ParDropped | Way::ParCosts => {
            zones(event, stage, shot, power)
        }
        Way::TimePlus | Way::ParCapped | Way::SkiRun => time_plus(event, stage, shot),
        Way::BestStrings => best_strings(event, stage, shot),
        Way::Rings => Sheet {
            points: shot.rings.iter().map(|ring| (*ring).min(10)).sum(),
            penalties: costs(event, shot, event.numbers.penalty).max(0),
            time: shot.times.iter().sum(),
            xs: count(&shot.rings, 11),
            rings: shot.rings.clone(),
            ..Sheet::default()
        },
        Way::HitValues => {
            let value = |place: usize| stage.values.get(place).copied().unwrap_or(1);
            let papers = shot.papers.iter().enumerate();
            Sheet {
                points: papers.map(|(place, paper)| paper.a * value(place)).sum(),
                penalties: costs(event, shot, event.numbers.penalty).max(0),
                time: shot.times.iter().sum(),
                ..Sheet::default()
            }
        }
        Way::ParPass => Sheet {
            points: Num::from(passed(event, stage, shot)),
            time: shot.times.iter().sum(),
            ..Sheet::default()
        },
        Way::Chrono | Way::Court => panic!("no run is scored there"),
    }
}

/// The numbers of somebody who has no run: every string that counts is at its limit. Without a limit
/// there is no time.
pub(crate) fn missed_sheet(event: &Event, stage: &Stage) -> Sheet {
    let limit = string_limit(event, stage);
    if stage.way != Way::BestStrings || limit == 0 {
        return Sheet::default();
    }
    let counting = usize::try_from(stage.strings - stage.drop_worst).expect("few strings");
    let strings = vec![limit; counting];
    Sheet {
        time: strings.iter().sum(),
        strings,
        ..Sheet::default()
    }
}

pub(crate) fn count(rings: &[Num], ring: Num) -> Num {
    let mut found = 0;
    for it in rings {
        if *it == ring {
            found += 1;
        }
    }
    found
}

/// What the penalties of a run cost, each by its own value or else `otherwise`.
fn costs(event: &Event, shot: &Shot, otherwise: Num) -> Num {
    let mut sum = 0;
    for (rule, count) in &shot.penalties {
        let rule = event.rules.iter().find(|it| it.no == *rule);
        sum += count * rule.expect("a known rule").value.unwrap_or(otherwise);
    }
    sum
}

/// Practical shooting.
fn zones(event: &Event, stage: &Stage, shot: &Shot, power: Power) -> Sheet {
    let numbers = &event.numbers;
    let [c, d] = match power {
        Power::Subminor => return Sheet::default(),
        Power::Minor => numbers.minor,
        Power::Major => numbers.major,
    };
    let mut points = shot.steel.down * numbers.full;
    let mut misses = shot.steel.standing;
    let mut no_shoots = shot.steel.no_shoot;
    for paper in &shot.papers {
        points += paper.a * numbers.full + (paper.b + paper.c) * c + paper.d * d;
        misses += paper.miss;
        no_shoots += paper.no_shoot;
    }
    let timed = matches!(stage.way, Way::Comstock | Way::Virginia);
    let mut penalties = no_shoots * numbers.penalty + costs(event, shot, numbers.penalty);
    if timed {
        penalties += misses * numbers.penalty;
    }
    if stage.way == Way::Virginia {
        penalties += (shot.extra_shots + shot.extra_hits) * numbers.penalty;
    }
    if matches!(stage.way, Way::FixedTime | Way::ParCosts) {
        penalties += shot.late * numbers.late_shot;
    }
    Sheet {
        points,
        penalties: penalties.max(0),
        time: if timed { shot.times.iter().sum() } else { 0 },
        ..Sheet::default()
    }
}

fn time_plus(event: &Event, stage: &Stage, shot: &Shot) -> Sheet {
    let numbers = &event.numbers;
    let capped = |time: Num, limit: Num| if limit == 0 { time } else { time.min(limit) };
    let strings = shot.times.iter();
    let mut time: Num = strings.map(|it| capped(*it, stage.string_limit)).sum();
    if stage.way == Way::ParCapped {
        time = capped(time, stage.par);
    }
    let mut down: Num = shot.points_down.iter().sum();
    let mut no_shoots = shot.steel.no_shoot;
    down += shot.steel.standing * numbers.down_steel;
    for paper in &shot.papers {
        let [a, b, c, d] = numbers.down;
        down += paper.a * a + paper.b * b + paper.c * c + paper.d * d;
        down += paper.miss * numbers.down_miss;
        no_shoots += paper.no_shoot;
    }
    let added = down * numbers.down_centis
        + no_shoots * numbers.no_shoot_centis
        + costs(event, shot, numbers.procedural_centis)
        - shot.xs * numbers.x_centis;
    Sheet {
        time,
        added,
        xs: shot.xs,
        ..Sheet::default()
    }
}

/// A stage's own limit goes before the sport's.
pub(crate) fn string_limit(event: &Event, stage: &Stage) -> Num {
    if stage.string_limit == 0 {
        event.numbers.string_limit
    } else {
        stage.string_limit
    }
}

/// Steel Challenge 5.6.1 and 9.1 to 9.5.
fn best_strings(event: &Event, stage: &Stage, shot: &Shot) -> Sheet {
    let numbers = &event.numbers;
    let mut strings = Vec::new();
    for (place, time) in shot.times.iter().enumerate() {
        let faults = shot.faults.get(place).copied().unwrap_or_default();
        let full = time
            + faults.missed * numbers.plate_centis
            + faults.procedurals * numbers.string_procedural_centis
            + faults.movement * numbers.movement_centis;
        let limit = string_limit(event, stage);
        strings.push(match (limit, faults.unfinished) {
            (0, _) => full,
            (_, true) => limit,
            (_, false) => full.min(limit),
        });
    }
    for _ in 0..stage.drop_worst {
        let slowest = *strings.iter().max().expect("more strings than are dropped");
        let place = strings.iter().position(|it| *it == slowest);
        strings.remove(place.expect("it is there"));
    }
    strings.sort_unstable();
    Sheet {
        time: strings.iter().sum(),
        added: costs(event, shot, numbers.procedural_centis),
        strings,
        ..Sheet::default()
    }
}

/// Every hit, no fault, no shot above the par time and the grace.
fn passed(event: &Event, stage: &Stage, shot: &Shot) -> bool {
    let clean = shot
        .papers
        .iter()
        .all(|it| it.miss + it.free_miss + it.no_shoot == 0);
    let steel = shot.steel.down == stage.steel && shot.steel.no_shoot == 0;
    let time: Num = shot.times.iter().sum();
    let in_time = stage.par == 0 || time <= stage.par + event.numbers.grace_centis;
    clean && steel && in_time && shot.late == 0 && shot.penalties.is_empty()
}
