//! Stage tables: everybody against everybody.

use std::cmp::Ordering;

use super::{
    counted::{Attendance, Outcome, Reading},
    facts::{Num, Person, Stage, Way, Why},
    ratio::Ratio,
    runs::{Compares, Sheet, missed_sheet, shot_sheet},
};

/// A line of a stage table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StageLine {
    pub(crate) place: Num,
    pub(crate) who: u32,
    /// `None` for the disqualified.
    pub(crate) cells: Option<StageCells>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StageCells {
    pub(crate) sheet: Sheet,
    /// Four decimals; 0 where time is measured.
    pub(crate) factor: Num,
    /// Four decimals.
    pub(crate) stage_points: Num,
    /// Two decimals.
    pub(crate) percent: Num,
    pub(crate) missed: Option<Why>,
    pub(crate) doubtful: bool,
}

/// One result on a stage, before anybody is compared.
#[derive(Clone, Debug)]
pub(crate) struct Result {
    pub(crate) who: u32,
    pub(crate) sheet: Sheet,
    pub(crate) missed: Option<Why>,
    pub(crate) doubtful: bool,
}

impl<'a> Reading<'a> {
    /// Who belongs to a group: a division, or with `None` everybody; without the withdrawn.
    pub(crate) fn group(&self, division: Option<usize>) -> Vec<&'a Person> {
        let people = self.event.people.iter();
        people
            .filter(|it| division.is_none_or(|division| division == it.division))
            .filter(|it| self.attendance(it.no) != Attendance::Withdrawn)
            .collect()
    }

    /// The disqualified of a group by number.
    pub(crate) fn disqualified(&self, division: Option<usize>) -> Vec<u32> {
        let group = self.group(division);
        let mut numbers: Vec<u32> = group
            .iter()
            .filter(|it| self.attendance(it.no) == Attendance::Disqualified)
            .map(|it| it.no)
            .collect();
        numbers.sort_unstable();
        numbers
    }

    /// The results of a group on a stage.
    pub(crate) fn results(&self, stage: &Stage, division: Option<usize>) -> Vec<Result> {
        let mut results = Vec::new();
        for person in self.group(division) {
            if self.attendance(person.no) == Attendance::Disqualified {
                continue;
            }
            let Some(filled) = self.slot(stage.no, person.no) else {
                continue;
            };
            let (sheet, missed) = match filled.result {
                Outcome::Shot(shot) => {
                    let power = self.power(person.no);
                    (shot_sheet(self.event, stage, shot, power), None)
                }
                Outcome::NoRun(why) => (missed_sheet(self.event, stage), Some(why)),
            };
            results.push(Result {
                who: person.no,
                sheet,
                missed,
                doubtful: filled.doubtful,
            });
        }
        results
    }

    pub(crate) fn stage_table(&self, stage: &Stage, division: Option<usize>) -> Vec<StageLine> {
        let results = self.results(stage, division);
        let decimals = self.event.numbers.factor_decimals;
        let mut lines: Vec<StageLine> = results
            .iter()
            .map(|result| {
                let better =
                    |other: &&Result| compare(stage, decimals, other, result) == Ordering::Greater;
                let place = 1 + results.iter().filter(better).count();
                let share = share(stage, decimals, result, &results);
                let factor = match stage.way.compares() {
                    Compares::Factor => result.sheet.factor(decimals).half_up(4),
                    Compares::Points => result.sheet.net() * 10_000,
                    Compares::Time => 0,
                };
                let stage_points = match stage.way.compares() {
                    Compares::Factor => {
                        let most = (stage.papers.iter().sum::<Num>() + stage.steel) * 5;
                        share.times(Ratio::whole(most)).half_up(4)
                    }
                    Compares::Points => result.sheet.net() * 10_000,
                    Compares::Time => {
                        let prize = if stage.prize == 0 { 100 } else { stage.prize };
                        share.times(Ratio::whole(prize)).half_up(4)
                    }
                };
                StageLine {
                    place: Num::try_from(place).expect("few people"),
                    who: result.who,
                    cells: Some(StageCells {
                        sheet: result.sheet.clone(),
                        factor,
                        stage_points,
                        percent: share.times(Ratio::whole(100)).half_even(2),
                        missed: result.missed,
                        doubtful: result.doubtful,
                    }),
                }
            })
            .collect();
        lines.sort_by_key(|line| (line.place, line.who));
        let below = lines.len();
        for (who, place) in self.disqualified(division).into_iter().zip(below + 1..) {
            lines.push(StageLine {
                place: Num::try_from(place).expect("few people"),
                who,
                cells: None,
            });
        }
        lines
    }

    /// Slots without a result and sides of courts without a winner, and where somebody must decide, of
    /// those in the match.
    pub(crate) fn open_slots(&self) -> [Vec<(u32, u32)>; 2] {
        let mut open = [self.open_courts(), self.doubtful_readings()];
        open[1].extend(self.doubtful_courts());
        for stage in self.event.ranked_stages() {
            for person in &self.event.people {
                if self.attendance(person.no) != Attendance::In {
                    continue;
                }
                match self.slot(stage.no, person.no) {
                    None => open[0].push((stage.no, person.no)),
                    Some(filled) if filled.doubtful => open[1].push((stage.no, person.no)),
                    Some(_) => {}
                }
            }
        }
        for list in &mut open {
            list.sort_unstable();
        }
        open
    }
}

/// Whether a result has a time to compare: a run has, and what was missed where strings have limits.
pub(crate) fn has_time(result: &Result) -> bool {
    result.missed.is_none() || result.sheet.time != 0
}

/// How much better one is on a stage: greater is better.
fn compare(stage: &Stage, decimals: Option<u32>, one: &Result, other: &Result) -> Ordering {
    match stage.way.compares() {
        Compares::Factor => {
            let (one, other) = (one.sheet.factor(decimals), other.sheet.factor(decimals));
            one.cmp(&other)
        }
        Compares::Points => {
            let points = one.sheet.net().cmp(&other.sheet.net());
            let time = |it: &Result| match it.sheet.time {
                0 => Num::MAX,
                time => time,
            };
            if stage.way == Way::Rings {
                points.then(one.sheet.xs.cmp(&other.sheet.xs))
            } else if stage.way == Way::HitValues {
                points.then(time(other).cmp(&time(one)))
            } else {
                points
            }
        }
        Compares::Time => match (has_time(one), has_time(other)) {
            (true, false) => Ordering::Greater,
            (false, true) => Ordering::Less,
            (false, false) => Ordering::Equal,
            (true, true) => {
                let (time, other_time) = (one.sheet.total_time(), other.sheet.total_time());
                let by_time = other_time.cmp(&time);
                // The fastest string decides, then the next.
                by_time.then_with(|| other.sheet.strings.cmp(&one.sheet.strings))
            }
        },
    }
}

/// A result as a share of the group's best.
fn share(stage: &Stage, decimals: Option<u32>, result: &Result, all: &[Result]) -> Ratio {
    match stage.way.compares() {
        Compares::Factor => {
            let best = all.iter().map(|it| it.sheet.factor(decimals)).max();
            part(result.sheet.factor(decimals), best.expect("somebody"))
        }
        Compares::Points => {
            let best = all.iter().map(|it| it.sheet.net()).max();
            let best = best.expect("somebody");
            part(Ratio::whole(result.sheet.net()), Ratio::whole(best))
        }
        Compares::Time if !has_time(result) => Ratio::ZERO,
        Compares::Time => {
            let timed = all.iter().filter(|it| has_time(it));
            let best = timed.map(|it| it.sheet.total_time()).min();
            let (best, own) = (best.expect("somebody"), result.sheet.total_time());
            // The text has no share of a time that bonuses ate up: the package takes a hundredth.
            Ratio::new(best.max(1), own.max(1))
        }
    }
}

/// `one` of `whole`; of nothing it is nothing.
pub(crate) fn part(one: Ratio, whole: Ratio) -> Ratio {
    if whole.is_zero() {
        Ratio::ZERO
    } else {
        one.by(whole)
    }
}
