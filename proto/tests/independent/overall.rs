//! Match tables: what the stages add up to, and what tells equal results apart.

use std::cmp::Ordering;

use super::{
    counted::{Attendance, Reading},
    courts::Played,
    facts::{Adds, Num, Stage, TieBreak, Way, Why},
    ratio::Ratio,
    runs::{Compares, count},
    tables::{StageCells, part},
};

/// A line of a match table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MatchLine {
    pub(crate) place: Num,
    pub(crate) who: u32,
    /// `None` for the disqualified.
    pub(crate) cells: Option<MatchCells>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MatchCells {
    /// Four decimals.
    pub(crate) points: Num,
    /// As many decimals as the event says.
    pub(crate) percent: Num,
    pub(crate) time: Num,
    pub(crate) xs: Num,
    pub(crate) drills: Num,
    /// Why somebody is not ranked; any of the reasons will do.
    pub(crate) unranked: Vec<Why>,
}

/// What somebody has over the match.
#[derive(Clone, Debug)]
struct Career<'a> {
    who: u32,
    /// Each stage with a result: the stage, its cells, the place.
    stages: Vec<(&'a Stage, StageCells, Num)>,
    played: Played,
}

impl Career<'_> {
    fn points(&self) -> Num {
        self.stages
            .iter()
            .map(|(_, cells, _)| cells.stage_points)
            .sum()
    }

    fn time(&self) -> Num {
        let timed = self.stages.iter();
        let timed = timed.filter(|(stage, ..)| stage.way.compares() == Compares::Time);
        timed.map(|(_, cells, _)| cells.sheet.total_time()).sum()
    }

    fn xs(&self) -> Num {
        self.stages.iter().map(|(_, cells, _)| cells.sheet.xs).sum()
    }

    fn drills(&self) -> Num {
        Num::try_from(self.stages.len()).expect("few stages") + self.played.decided
    }

    /// The first missed stage that leaves nothing to add.
    fn gaps(&self) -> Vec<Why> {
        let stages = self.stages.iter();
        let gaps = stages.filter(|(_, cells, _)| cells.sheet.time == 0);
        gaps.filter_map(|(_, cells, _)| cells.missed)
            .take(1)
            .collect()
    }

    /// The results from this range.
    fn from(&self, range: Num) -> Vec<&StageCells> {
        let stages = self.stages.iter();
        let there = stages.filter(|(stage, ..)| stage.range == range);
        there.map(|(_, cells, _)| cells).collect()
    }

    fn on(&self, no: u32) -> Option<&StageCells> {
        let mut stages = self.stages.iter();
        let found = stages.find(|(stage, ..)| stage.no == no);
        found.map(|(_, cells, _)| cells)
    }
}

impl<'a> Reading<'a> {
    pub(crate) fn match_table(&self, division: Option<usize>) -> Vec<MatchLine> {
        let careers = self.careers(division);
        let adds = self.event.numbers.adds;
        let decimals = self.event.numbers.percent_decimals;
        // Nobody is better than the winner.
        let winner = careers.iter().find(|one| {
            let better = |other: &Career<'_>| self.compare(other, one) == Ordering::Greater;
            !careers.iter().any(better)
        });
        let mut lines: Vec<MatchLine> = Vec::new();
        for career in &careers {
            let better = |other: &&Career<'_>| self.compare(other, career) == Ordering::Greater;
            let place = 1 + careers.iter().filter(better).count();
            let winner = winner.expect("somebody wins");
            let unranked = match adds {
                Adds::Times => career.gaps(),
                Adds::StagePoints | Adds::Points | Adds::Wins => vec![],
            };
            let share = match adds {
                Adds::StagePoints | Adds::Points => {
                    part(Ratio::whole(career.points()), Ratio::whole(winner.points()))
                }
                Adds::Times
                    if !unranked.is_empty()
                        || career.time() == 0
                        || career.drills() < winner.drills() =>
                {
                    Ratio::ZERO
                }
                Adds::Times => Ratio::new(winner.time(), career.time()),
                Adds::Wins => part(
                    Ratio::whole(career.played.wins),
                    Ratio::whole(winner.played.wins),
                ),
            };
            lines.push(MatchLine {
                place: Num::try_from(place).expect("few people"),
                who: career.who,
                cells: Some(MatchCells {
                    points: match adds {
                        Adds::Wins => career.played.wins * 10_000,
                        Adds::StagePoints | Adds::Points | Adds::Times => career.points(),
                    },
                    percent: share.times(Ratio::whole(100)).half_up(decimals),
                    time: if adds == Adds::Times {
                        career.time()
                    } else {
                        0
                    },
                    xs: career.xs(),
                    drills: career.drills(),
                    unranked,
                }),
            });
        }
        lines.sort_by_key(|line| (line.place, line.who));
        let below = lines.len();
        for (who, place) in self.disqualified(division).into_iter().zip(below + 1..) {
            lines.push(MatchLine {
                place: Num::try_from(place).expect("few people"),
                who,
                cells: None,
            });
        }
        lines
    }

    fn careers(&self, division: Option<usize>) -> Vec<Career<'a>> {
        let mut careers: Vec<Career<'a>> = Vec::new();
        for person in self.group(division) {
            if self.attendance(person.no) == Attendance::In {
                careers.push(Career {
                    who: person.no,
                    stages: vec![],
                    played: self.played(person.no),
                });
            }
        }
        for stage in self.event.ranked_stages() {
            for line in self.stage_table(stage, division) {
                let Some(cells) = line.cells else { continue };
                let career = careers.iter_mut().find(|it| it.who == line.who);
                let career = career.expect("who is ranked on a stage is in the match");
                career.stages.push((stage, cells, line.place));
            }
        }
        careers
    }

    /// How much better one is over the match: greater is better.
    fn compare(&self, one: &Career<'_>, other: &Career<'_>) -> Ordering {
        let first = match self.event.numbers.adds {
            Adds::StagePoints | Adds::Points => one.points().cmp(&other.points()),
            Adds::Times => match (one.gaps().is_empty(), other.gaps().is_empty()) {
                (true, true) => {
                    let by_drills = one.drills().cmp(&other.drills());
                    by_drills.then(other.time().cmp(&one.time()))
                }
                // Those who are not ranked share one place, below.
                (false, false) => return Ordering::Equal,
                (ranked, _) => {
                    return if ranked {
                        Ordering::Greater
                    } else {
                        Ordering::Less
                    };
                }
            },
            Adds::Wins => {
                let key = |it: &Played| (it.wins, it.sets, it.points);
                key(&one.played).cmp(&key(&other.played))
            }
        };
        let mut ties = self.event.numbers.ties.iter();
        let mut decided = first;
        while decided == Ordering::Equal {
            let Some(tie) = ties.next() else { break };
            decided = self.break_tie(*tie, one, other);
        }
        decided
    }

    fn break_tie(&self, tie: TieBreak, one: &Career<'_>, other: &Career<'_>) -> Ordering {
        let more = |value: &dyn Fn(&Career<'_>) -> Num| value(one).cmp(&value(other));
        let fewer = |value: &dyn Fn(&Career<'_>) -> Num| value(other).cmp(&value(one));
        let ranges = self.event.stages.iter().map(|it| it.range);
        let farthest = ranges.max().expect("a stage");
        let rings = |career: &Career<'_>, ring: Num| -> Num {
            let stages = career.stages.iter();
            stages
                .map(|(_, cells, _)| count(&cells.sheet.rings, ring))
                .sum()
        };
        match tie {
            TieBreak::Xs => more(&|career| career.xs()),
            TieBreak::FarScore => more(&|career| {
                let far = career.from(farthest).into_iter();
                far.map(|cells| cells.stage_points).sum()
            }),
            TieBreak::FarXs => more(&|career| {
                let far = career.from(farthest).into_iter();
                far.map(|cells| cells.sheet.xs).sum()
            }),
            TieBreak::FewestMisses => fewer(&|career| {
                let stages = self.event.ranked_stages();
                let stages = stages.filter(|it| it.way == Way::Rings);
                let unfired: Num = stages
                    .filter(|it| career.on(it.no).is_none_or(|cells| cells.missed.is_some()))
                    .map(|it| it.shots)
                    .sum();
                rings(career, 0) + unfired
            }),
            TieBreak::FewestLow => {
                let each = (1..=10).map(|ring| fewer(&|career| rings(career, ring)));
                each.fold(Ordering::Equal, Ordering::then)
            }
            TieBreak::LastShotFirst => self.last_shot_first(one, other),
            TieBreak::StageWins => more(&|career| {
                let won = career.stages.iter().filter(|(_, _, place)| *place == 1);
                Num::try_from(won.count()).expect("few stages")
            }),
            TieBreak::TieStages => {
                let stages = self.event.ranked_stages().filter(|it| it.breaks_ties);
                let each = stages.map(|it| better_on(it, one.on(it.no), other.on(it.no)));
                each.fold(Ordering::Equal, Ordering::then)
            }
        }
    }

    /// From the last shot of the last stage backwards; a shot that was not fired is below a miss.
    fn last_shot_first(&self, one: &Career<'_>, other: &Career<'_>) -> Ordering {
        let mut decided = Ordering::Equal;
        for stage in self.event.ranked_stages().filter(|it| it.way == Way::Rings) {
            for shot in 0..stage.shots {
                let place = usize::try_from(shot).expect("few shots");
                let ring = |career: &Career<'_>| {
                    let cells = career.on(stage.no);
                    cells.and_then(|it| it.sheet.rings.get(place).copied())
                };
                // A later shot is more important: it is looked at after, and wins.
                decided = ring(one).cmp(&ring(other)).then(decided);
            }
        }
        decided
    }
}

/// Points where they are counted, then the lower time; no time is the slowest, no result is last.
fn better_on(stage: &Stage, one: Option<&StageCells>, other: Option<&StageCells>) -> Ordering {
    let (Some(one), Some(other)) = (one, other) else {
        return one.is_some().cmp(&other.is_some());
    };
    let by_points = match stage.way.compares() {
        Compares::Time => Ordering::Equal,
        Compares::Factor | Compares::Points => one.stage_points.cmp(&other.stage_points),
    };
    let time = |cells: &StageCells| match cells.sheet.total_time() {
        0 => Num::MAX,
        time => time,
    };
    by_points.then(time(other).cmp(&time(one)))
}
