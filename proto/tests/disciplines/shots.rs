//! Stages and runs, drawn from dice.

use crate::{
    independent::facts::{
        Cost, CourtTerms, Event, Fact, Faults, Num, Paper, Said, Shot, Sport, Stage, SteelCount,
        Way,
    },
    invented::Dice,
    rules_venue::OWNER,
};

/// Seconds that people share, so that results are equal often.
const TIMES: [Num; 8] = [1_000, 500, 750, 1_000, 2_000, 333, 1_234, 617];

/// Five shots of 40 points, of 50 and of 30: two stages give 80 in many ways, which each tie-break
/// tells apart.
const CLOSE_RINGS: [[Num; 5]; 12] = [
    [8, 8, 8, 8, 8],
    [8, 8, 8, 8, 8],
    [10, 10, 10, 10, 0],
    [10, 0, 10, 10, 10],
    [10, 10, 10, 9, 1],
    [11, 10, 10, 10, 0],
    [10, 11, 10, 8, 1],
    [9, 8, 8, 8, 7],
    [7, 8, 8, 8, 9],
    [10, 10, 10, 10, 10],
    [6, 6, 6, 6, 6],
    [10, 10, 10, 0, 0],
];

/// Invents a stage of a sport.
pub(crate) fn stage(sport: Sport, no: u32, people: usize, dice: &mut Dice<'_>) -> Stage {
    let ways: &[Way] = match sport {
        Sport::Ipsc | Sport::Uspsa => &[
            Way::Comstock,
            Way::Comstock,
            Way::Comstock,
            Way::Virginia,
            Way::FixedTime,
        ],
        Sport::Idpa | Sport::MultiGun | Sport::Icore | Sport::Sass => &[Way::TimePlus],
        Sport::SteelChallenge => &[Way::BestStrings],
        Sport::Prs => &[Way::HitValues],
        Sport::Precision => &[Way::Rings],
        Sport::Drills => &[
            Way::ParDropped,
            Way::ParCosts,
            Way::ParPass,
            Way::ParCapped,
            Way::Comstock,
            Way::FixedTime,
            Way::TimePlus,
            Way::BestStrings,
            Way::Rings,
            Way::HitValues,
        ],
        Sport::Ski => &[Way::SkiRun],
        Sport::Court => &[Way::Court],
    };
    let way = dice.of(ways);
    let mut stage = Stage::plain(no, way);
    match way {
        Way::Comstock | Way::Virginia | Way::FixedTime | Way::ParDropped | Way::ParCosts => {
            papers(&mut stage, dice);
            stage.strings = dice.of(&[1, 1, 2]);
            stage.par = dice.of(&[0, 600]);
        }
        Way::ParPass => {
            papers(&mut stage, dice);
            stage.par = dice.of(&[720, 0, 750, 747]);
        }
        Way::TimePlus | Way::ParCapped => {
            papers(&mut stage, dice);
            stage.strings = dice.of(&[1, 1, 2]);
            stage.string_limit = dice.of(&[0, 2_000]);
            stage.par = dice.of(&[800, 0, 500]);
            stage.prize = dice.of(&[0, 150]);
        }
        Way::BestStrings => {
            stage.strings = dice.of(&[5, 4]);
            stage.drop_worst = dice.of(&[1, 0, 2]);
            stage.string_limit = dice.of(&[3_000, 3_000, 1_500]);
            stage.breaks_ties = dice.happens(30);
        }
        Way::Rings => {
            stage.shots = dice.of(&[5, 5, 3]);
            stage.range = dice.of(&[25, 25, 50]);
        }
        Way::HitValues => {
            stage.papers = (0..2 + dice.roll(4)).map(|_| 1 + dice.roll(2)).collect();
            stage.values = (0..dice.roll(4)).map(|_| dice.of(&[1, 2, 3, 0])).collect();
            stage.breaks_ties = dice.happens(40);
        }
        Way::SkiRun => {}
        Way::Chrono => panic!("not drawn"),
        Way::Court => stage.court = Some(court(people, dice)),
    }
    stage
}

fn papers(stage: &mut Stage, dice: &mut Dice<'_>) {
    stage.papers = (0..=dice.roll(3)).map(|_| 1 + dice.roll(3)).collect();
    // Virginia Count is for cardboard only.
    if stage.way != Way::Virginia {
        stage.steel = dice.of(&[0, 0, 1, 3]);
    }
}

fn court(people: usize, dice: &mut Dice<'_>) -> CourtTerms {
    let people = Num::try_from(people).expect("few people");
    let one = dice.roll(people);
    let other = (one + 1 + dice.roll(people - 1)) % people;
    let points = dice.of(&[3, 5]);
    CourtTerms {
        sides: [one, other].map(|it| u32::try_from(it + 1).expect("few people")),
        sets_to_win: dice.of(&[1, 2, 2]),
        points,
        points_last: dice.of(&[points, 3]),
        lead: dice.of(&[2, 1]),
        cap: dice.of(&[0, points + 1]),
    }
}

/// What runs are drawn from.
pub(crate) struct Lot<'a> {
    pub(crate) rules: &'a [Cost],
    /// Whether only little tells people apart.
    pub(crate) close: bool,
}

impl Lot<'_> {
    /// Invents a run that fits its stage.
    pub(crate) fn shot(&self, stage: &Stage, who: u32, dice: &mut Dice<'_>) -> Shot {
        let mut shot = Shot {
            stage: stage.no,
            who,
            ..Shot::default()
        };
        for required in &stage.papers {
            shot.papers.push(paper(stage.way, *required, dice));
        }
        if 0 < stage.steel {
            let standing = dice.of(&[0, 0, 1]);
            let free_standing = dice.of(&[0, 0, 0, 1]).min(stage.steel - standing);
            shot.steel = SteelCount {
                down: stage.steel - standing - free_standing,
                standing,
                free_standing,
                no_shoot: dice.of(&[0, 0, 0, 1]),
            };
        }
        // Most of what needs no time has none; the time of points by target breaks ties.
        let untimed = match stage.way {
            Way::FixedTime | Way::ParDropped | Way::ParCosts | Way::Rings => 70,
            Way::HitValues | Way::ParPass => 30,
            Way::Comstock
            | Way::Virginia
            | Way::TimePlus
            | Way::BestStrings
            | Way::ParCapped
            | Way::SkiRun
            | Way::Chrono
            | Way::Court => 0,
        };
        let untimed = dice.happens(untimed);
        if !untimed {
            shot.times = (0..stage.strings).map(|_| dice.of(&TIMES)).collect();
        }
        if dice.happens(if self.close { 5 } else { 25 }) {
            let rule = dice.of(self.rules).no;
            shot.penalties.push((rule, 1 + dice.roll(2)));
            if rule != 1 && dice.happens(30) {
                shot.penalties.insert(dice.of(&[0, 1]), (1, 1));
            }
        }
        match stage.way {
            Way::Virginia => {
                shot.extra_shots = dice.of(&[0, 0, 1, 2]);
                shot.extra_hits = dice.of(&[0, 0, 1, 2]);
            }
            Way::FixedTime | Way::ParDropped | Way::ParCosts | Way::ParPass | Way::HitValues => {
                shot.late = dice.of(&[0, 0, 0, 1, 2]);
            }
            Way::TimePlus => time_plus(&mut shot, dice),
            Way::BestStrings if self.close && dice.happens(80) => {
                let times = usize::try_from(stage.strings).expect("few strings");
                shot.times = vec![dice.of(&[400, 400, 300, 500]); times];
            }
            Way::BestStrings => strings(&mut shot, stage, dice),
            Way::Rings if self.close && stage.shots == 5 => {
                let few = if dice.happens(50) { 12 } else { 9 };
                shot.rings = dice.of(&CLOSE_RINGS[..few]).to_vec();
            }
            Way::Rings => {
                let rings = [10, 10, 11, 9, 8, 1, 0];
                shot.rings = (0..stage.shots).map(|_| dice.of(&rings)).collect();
            }
            Way::Comstock | Way::ParCapped | Way::SkiRun | Way::Chrono | Way::Court => {}
        }
        shot
    }
}

fn paper(way: Way, required: Num, dice: &mut Dice<'_>) -> Paper {
    let mut paper = Paper::default();
    for _ in 0..required {
        let place = match dice.roll(16) {
            0..=7 => &mut paper.a,
            8..=10 => &mut paper.c,
            11 | 12 => &mut paper.d,
            13 => &mut paper.b,
            14 => &mut paper.miss,
            _ if way == Way::ParPass => &mut paper.a,
            _ => &mut paper.free_miss,
        };
        *place += 1;
    }
    paper.no_shoot = dice.of(&[0, 0, 0, 0, 0, 0, 0, 1]);
    paper
}

/// Points down instead of hits, by target or by string; and X's.
fn time_plus(shot: &mut Shot, dice: &mut Dice<'_>) {
    shot.xs = dice.of(&[0, 0, 1, 2]);
    if dice.happens(30) {
        let count = dice.of(&[shot.papers.len(), shot.times.len()]);
        shot.papers.clear();
        shot.points_down = (0..count).map(|_| dice.of(&[0, 1, 3, 5])).collect();
    }
}

/// Strings of few different times, some of them slow enough to meet their limit.
fn strings(shot: &mut Shot, stage: &Stage, dice: &mut Dice<'_>) {
    let times = [300, 300, 400, 529, 1_400, stage.string_limit];
    let slow = dice.happens(10);
    let pick = |dice: &mut Dice<'_>| {
        if slow {
            stage.string_limit
        } else {
            dice.of(&times)
        }
    };
    shot.times = (0..stage.strings).map(|_| pick(dice)).collect();
    let faulty = dice.roll(stage.strings + 1);
    shot.faults = (0..faulty)
        .map(|_| Faults {
            missed: dice.of(&[0, 0, 1, 2]),
            procedurals: dice.of(&[0, 0, 0, 1]),
            movement: dice.of(&[0, 0, 0, 1]),
            unfinished: dice.happens(10),
        })
        .collect();
}

/// Plays a court match: set by set, some told as a whole, some point by point.
pub(crate) fn rally(event: &mut Event, stage: &Stage, court: CourtTerms, dice: &mut Dice<'_>) {
    let mut won = [0, 0];
    let mut set = 0;
    let unfinished = dice.happens(20);
    while won.iter().all(|sets| *sets < court.sets_to_win) {
        set += 1;
        let last = set == 2 * court.sets_to_win - 1;
        let enough = if last {
            court.points_last
        } else {
            court.points
        };
        let told = dice.happens(40);
        let strong = usize::try_from(dice.roll(2)).expect("two sides");
        let weak = dice.roll(enough);
        let mut points = [0, 0];
        points[strong] = enough.max(weak + court.lead);
        points[1 - strong] = weak;
        if dice.happens(20) && court.cap != 0 {
            points[strong] = court.cap;
            points[1 - strong] = court.cap - 1;
        }
        let breaks_off = unfinished && dice.happens(50);
        if breaks_off {
            points[strong] = enough - 1;
        }
        write_set(event, stage, (set, points), told, dice);
        if breaks_off {
            return;
        }
        won[strong] += 1;
    }
}

/// Writes a set down: as a whole, or point by point.
fn write_set(
    event: &mut Event,
    stage: &Stage,
    (set, points): (Num, [Num; 2]),
    told: bool,
    dice: &mut Dice<'_>,
) {
    let court = stage.court.expect("a court");
    let mut write = |said| {
        event.facts.push(Fact {
            device: OWNER,
            said,
        });
    };
    let point = |side: usize, number| Said::Point {
        stage: stage.no,
        side: court.sides[side],
        set,
        number,
    };
    if told {
        // A point or two were written before somebody told the whole set.
        for number in 1..=dice.roll(3) {
            write(point(0, number));
        }
        let side = usize::try_from(dice.roll(2)).expect("two sides");
        let score = |side: usize| Said::SetScore {
            stage: stage.no,
            side: court.sides[side],
            set,
            own: points[side],
            other: points[1 - side],
        };
        write(score(side));
        // The other side tells the same.
        if dice.happens(20) {
            write(score(1 - side));
        }
        return;
    }
    // The winner's points come last.
    let strong = usize::from(points[0] < points[1]);
    for number in 1..=points[0] + points[1] {
        let early = number <= points[1 - strong];
        let side = if early { 1 - strong } else { strong };
        write(point(side, number));
        if dice.happens(3) {
            write(point(1 - side, number));
        }
    }
}
