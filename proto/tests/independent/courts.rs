//! Court matches: points make sets, sets make matches.

use std::collections::BTreeSet;

use super::{
    counted::{Attendance, Reading},
    facts::{CourtTerms, Num, Said, Stage},
};

/// What somebody has on all courts: wins, sets and points won less those lost.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Played {
    pub(crate) wins: Num,
    pub(crate) sets: Num,
    pub(crate) points: Num,
    /// Matches that are decided.
    pub(crate) decided: Num,
}

impl Reading<'_> {
    /// Both sides of each court that nobody has won, while both are in the match.
    pub(crate) fn open_courts(&self) -> Vec<(u32, u32)> {
        let courts = self.event.stages.iter();
        let courts = courts.filter_map(|stage| Some((stage, stage.court?)));
        let open = courts.filter(|(stage, court)| {
            let mut won = [0, 0];
            for (number, points) in (1..).zip(&self.sets(stage, *court)) {
                if let Some(winner) = set_winner(*court, number, *points) {
                    won[winner] += 1;
                }
            }
            let mut sides = court.sides.iter();
            won[0].max(won[1]) < court.sets_to_win
                && sides.all(|side| self.attendance(*side) == Attendance::In)
        });
        open.flat_map(|(stage, court)| court.sides.map(|side| (stage.no, side)))
            .collect()
    }

    /// The side of each point or set of which another fact says something else.
    pub(crate) fn doubtful_courts(&self) -> BTreeSet<(u32, u32)> {
        let mut doubtful = BTreeSet::new();
        for (place, fact) in self.standing.iter().enumerate() {
            let rivals = |of: &Said| {
                let earlier = self.standing.iter().take(place);
                let mut earlier = earlier.filter(|it| same_mark(&it.said, of));
                let first = earlier.next()?;
                differs(&first.said, of).then_some(&first.said)
            };
            if let Some(Said::Point { stage, side, .. } | Said::SetScore { stage, side, .. }) =
                rivals(&fact.said)
                && self.event.stage(*stage).court.is_some_and(|court| {
                    court.sides.contains(side) && self.attendance(*side) == Attendance::In
                })
            {
                doubtful.insert((*stage, *side));
            }
        }
        doubtful
    }

    pub(crate) fn played(&self, who: u32) -> Played {
        let mut played = Played::default();
        for stage in &self.event.stages {
            let Some(court) = stage.court else { continue };
            let Some(own) = court.sides.iter().position(|side| *side == who) else {
                continue;
            };
            let sets = self.sets(stage, court);
            let mut won = [0, 0];
            for (number, points) in (1..).zip(&sets) {
                if court.sets_to_win <= won[0].max(won[1]) {
                    break;
                }
                if let Some(winner) = set_winner(court, number, *points) {
                    won[winner] += 1;
                }
                played.points += points[own] - points[1 - own];
            }
            played.sets += won[own] - won[1 - own];
            if court.sets_to_win <= won[0].max(won[1]) {
                played.decided += 1;
                played.wins += Num::from(court.sets_to_win <= won[own]);
            }
        }
        played
    }

    /// The points of each set, of both sides.
    fn sets(&self, stage: &Stage, court: CourtTerms) -> Vec<[Num; 2]> {
        let side = |who: u32| usize::from(court.sides[1] == who);
        let mut sets = Vec::new();
        for wanted in 1..2 * court.sets_to_win {
            // A number is one point: the first that was written decides whose.
            let mut numbers: Vec<Num> = Vec::new();
            let mut points = [0, 0];
            let mut told = None;
            for fact in &self.standing {
                if let Said::Point {
                    stage: at,
                    side: whose,
                    set,
                    number,
                } = &fact.said
                    && (*at, *set) == (stage.no, wanted)
                    && !numbers.contains(number)
                {
                    numbers.push(*number);
                    points[side(*whose)] += 1;
                }
                if let Said::SetScore {
                    stage: at,
                    side: whose,
                    set,
                    own,
                    other,
                } = &fact.said
                    && (*at, *set) == (stage.no, wanted)
                    && told.is_none()
                {
                    told = Some(if side(*whose) == 0 {
                        [*own, *other]
                    } else {
                        [*other, *own]
                    });
                }
            }
            sets.push(told.unwrap_or(points));
        }
        sets
    }
}

/// Whether two facts are about the same point or the same set.
fn same_mark(one: &Said, other: &Said) -> bool {
    match (one, other) {
        (
            Said::Point {
                stage, set, number, ..
            },
            Said::Point {
                stage: at,
                set: in_set,
                number: no,
                ..
            },
        ) => (stage, set, number) == (at, in_set, no),
        (
            Said::SetScore { stage, set, .. },
            Said::SetScore {
                stage: at, set: no, ..
            },
        ) => (stage, set) == (at, no),
        _ => false,
    }
}

/// Whether two facts about one point or set say different things; a set may be told from either side.
fn differs(one: &Said, other: &Said) -> bool {
    match (one, other) {
        (Said::Point { side, .. }, Said::Point { side: whose, .. }) => side != whose,
        (
            Said::SetScore {
                side,
                own,
                other: lost,
                ..
            },
            Said::SetScore {
                side: whose,
                own: won,
                other: less,
                ..
            },
        ) if side == whose => (own, lost) != (won, less),
        (
            Said::SetScore {
                own, other: lost, ..
            },
            Said::SetScore {
                own: won,
                other: less,
                ..
            },
        ) => (own, lost) != (less, won),
        _ => false,
    }
}

/// Who won a set: enough points with the lead, or the cap.
fn set_winner(court: CourtTerms, number: Num, points: [Num; 2]) -> Option<usize> {
    let last = number == 2 * court.sets_to_win - 1;
    let enough = if last {
        court.points_last
    } else {
        court.points
    };
    (0..2).find(|side| {
        let (own, other) = (points[*side], points[1 - side]);
        let by_lead = enough <= own && court.lead <= own - other;
        let by_cap = court.cap != 0 && court.cap <= own;
        other < own && (by_lead || by_cap)
    })
}
