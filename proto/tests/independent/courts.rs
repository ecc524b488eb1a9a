//! Court matches: points make sets, sets make matches.

use super::{
    counted::Reading,
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
