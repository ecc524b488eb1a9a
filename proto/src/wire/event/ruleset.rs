//! A ruleset in bytes: the discipline alone where its rule book holds unchanged.

use alloc::vec::Vec;

use crate::{
    model::{Discipline, FaultTimes, HitPoints, Ruleset, Sum, Tie},
    wire::{WireError, generated as pb},
};

/// The times that every ruleset with its own numbers says; the limit of a string follows if it is
/// above 0.
const TIMES: usize = 13;
/// Most ways to tell equal results apart: each once.
const TIES_MAX: usize = 8;

/// The editions of the disciplines' numbers, the first one first.
const EDITIONS: [fn(Discipline) -> Ruleset; 2] = [Ruleset::first_edition, Ruleset::of];

pub(super) fn ruleset_out(ruleset: &Ruleset) -> pb::Ruleset {
    let edition = (0..).zip(EDITIONS).find_map(|(edition, of)| {
        let book = Ruleset {
            hf_decimals: ruleset.hf_decimals,
            ..of(ruleset.discipline)
        };
        (*ruleset == book).then_some(edition)
    });
    pb::Ruleset {
        discipline: discipline_out(ruleset.discipline).into(),
        hf_decimals: ruleset.hf_decimals.unwrap_or(0),
        numbers: edition.is_none().then(|| numbers_out(ruleset)),
        edition: edition.unwrap_or(0),
    }
}

pub(super) fn ruleset_in(it: pb::Ruleset) -> Result<Ruleset, WireError> {
    let discipline = pb::Discipline::try_from(it.discipline)
        .ok()
        .and_then(discipline_in)
        .ok_or(WireError::Invalid("discipline"))?;
    if 9 < it.hf_decimals {
        return Err(WireError::Invalid("decimals of a hit factor"));
    }
    let of = usize::try_from(it.edition)
        .ok()
        .and_then(|edition| EDITIONS.get(edition))
        .ok_or(WireError::Invalid("edition of a ruleset"))?;
    let book = Ruleset {
        hf_decimals: (it.hf_decimals != 0).then_some(it.hf_decimals),
        ..of(discipline)
    };
    match it.numbers {
        None => Ok(book),
        Some(numbers) => numbers_in(&numbers, book),
    }
}

fn numbers_out(ruleset: &Ruleset) -> pb::RulesetNumbers {
    let (points, times) = (ruleset.points, ruleset.times);
    let [a, b, c, d] = times.zones;
    pb::RulesetNumbers {
        sum: match ruleset.sum {
            Sum::StagePoints => pb::Sum::StagePoints,
            Sum::Time => pb::Sum::Time,
            Sum::Points => pb::Sum::Points,
            Sum::Wins => pb::Sum::Wins,
        }
        .into(),
        percent_decimals: ruleset.percent_decimals,
        points: [
            points.full,
            points.c_major,
            points.d_major,
            points.c_minor,
            points.d_minor,
            points.penalty,
            points.late_shot,
        ]
        .to_vec(),
        times: [
            times.down_centis,
            a,
            b,
            c,
            d,
            times.miss,
            times.steel_miss,
            times.no_shoot_centis,
            times.x_bonus_centis,
            times.procedural_centis,
            times.plate_centis,
            times.string_procedural_centis,
            times.movement_centis,
            times.string_max_centis,
        ]
        .into_iter()
        .take(if times.string_max_centis == 0 {
            TIMES
        } else {
            usize::MAX
        })
        .collect(),
        grace_cs: ruleset.grace_centis,
        ties: ruleset
            .ties
            .iter()
            .map(|&tie| tie_out(tie).into())
            .collect(),
        team_counts: ruleset.team_counts,
        review_minutes: ruleset.review_minutes,
    }
}

#[expect(
    clippy::too_many_lines,
    clippy::needless_pass_by_value,
    reason = "every number of a rule book, over those it comes with"
)]
fn numbers_in(it: &pb::RulesetNumbers, book: Ruleset) -> Result<Ruleset, WireError> {
    let sum = match pb::Sum::try_from(it.sum) {
        Ok(pb::Sum::StagePoints) => Sum::StagePoints,
        Ok(pb::Sum::Time) => Sum::Time,
        Ok(pb::Sum::Points) => Sum::Points,
        Ok(pb::Sum::Wins) => Sum::Wins,
        Ok(pb::Sum::Unspecified) | Err(_) => return Err(WireError::Invalid("sum of a match")),
    };
    if !(2..=4).contains(&it.percent_decimals) {
        return Err(WireError::Invalid("decimals of a percentage"));
    }
    let bounded = |list: &[u32], field| {
        // Far above any rule book, far below what could overflow a sum.
        if list.iter().any(|&value| 1_000_000 < value) {
            Err(WireError::TooLarge(field))
        } else {
            Ok(())
        }
    };
    bounded(&it.points, "points of a ruleset")?;
    bounded(&it.times, "times of a ruleset")?;
    let &[full, c_major, d_major, c_minor, d_minor, penalty, late_shot] = it.points.as_slice()
    else {
        return Err(WireError::Invalid("points of a ruleset"));
    };
    let (first, rest) = it.times.split_at_checked(TIMES).unwrap_or_default();
    let (
        &[
            down_centis,
            a,
            b,
            c,
            d,
            miss,
            steel_miss,
            no_shoot_centis,
            x_bonus_centis,
            procedural_centis,
            plate_centis,
            string_procedural_centis,
            movement_centis,
        ],
        string_max_centis,
    ) = (first, rest.first().copied().unwrap_or(0))
    else {
        return Err(WireError::Invalid("times of a ruleset"));
    };
    if rest.len() > 1 || rest == [0] {
        return Err(WireError::Invalid("times of a ruleset"));
    }
    if TIES_MAX < it.ties.len() {
        return Err(WireError::TooLarge("ties of a ruleset"));
    }
    let ties: Vec<Tie> = it
        .ties
        .iter()
        .map(|&tie| tie_in(tie))
        .collect::<Result<_, _>>()?;
    Ok(Ruleset {
        sum,
        percent_decimals: it.percent_decimals,
        points: HitPoints {
            full,
            c_major,
            d_major,
            c_minor,
            d_minor,
            penalty,
            late_shot,
        },
        times: FaultTimes {
            down_centis,
            zones: [a, b, c, d],
            miss,
            steel_miss,
            no_shoot_centis,
            x_bonus_centis,
            procedural_centis,
            plate_centis,
            string_procedural_centis,
            movement_centis,
            string_max_centis,
        },
        grace_centis: it.grace_cs,
        ties,
        team_counts: it.team_counts,
        review_minutes: it.review_minutes,
        ..book
    })
}

fn tie_out(tie: Tie) -> pb::Tie {
    match tie {
        Tie::Xs => pb::Tie::Xs,
        Tie::LongestRange => pb::Tie::LongestRange,
        Tie::LongestRangeXs => pb::Tie::LongestRangeXs,
        Tie::FewestMisses => pb::Tie::FewestMisses,
        Tie::FewestLow => pb::Tie::FewestLow,
        Tie::InverseOrder => pb::Tie::InverseOrder,
        Tie::StageWins => pb::Tie::StageWins,
        Tie::TieStage => pb::Tie::TieStage,
    }
}

fn tie_in(tie: i32) -> Result<Tie, WireError> {
    Ok(match pb::Tie::try_from(tie) {
        Ok(pb::Tie::Xs) => Tie::Xs,
        Ok(pb::Tie::LongestRange) => Tie::LongestRange,
        Ok(pb::Tie::LongestRangeXs) => Tie::LongestRangeXs,
        Ok(pb::Tie::FewestMisses) => Tie::FewestMisses,
        Ok(pb::Tie::FewestLow) => Tie::FewestLow,
        Ok(pb::Tie::InverseOrder) => Tie::InverseOrder,
        Ok(pb::Tie::StageWins) => Tie::StageWins,
        Ok(pb::Tie::TieStage) => Tie::TieStage,
        Ok(pb::Tie::Unspecified) | Err(_) => return Err(WireError::Invalid("tie of a ruleset")),
    })
}

fn discipline_out(discipline: Discipline) -> pb::Discipline {
    match discipline {
        Discipline::Ipsc => pb::Discipline::Ipsc,
        Discipline::Uspsa => pb::Discipline::Uspsa,
        Discipline::Idpa => pb::Discipline::Idpa,
        Discipline::SteelChallenge => pb::Discipline::SteelChallenge,
        Discipline::MultiGun => pb::Discipline::MultiGun,
        Discipline::Icore => pb::Discipline::Icore,
        Discipline::Sass => pb::Discipline::Sass,
        Discipline::Prs => pb::Discipline::Prs,
        Discipline::Precision => pb::Discipline::Precision,
        Discipline::Drills => pb::Discipline::Drills,
        Discipline::Ski => pb::Discipline::Ski,
        Discipline::Court => pb::Discipline::Court,
    }
}

fn discipline_in(discipline: pb::Discipline) -> Option<Discipline> {
    Some(match discipline {
        pb::Discipline::Unspecified => return None,
        pb::Discipline::Ipsc => Discipline::Ipsc,
        pb::Discipline::Uspsa => Discipline::Uspsa,
        pb::Discipline::Idpa => Discipline::Idpa,
        pb::Discipline::SteelChallenge => Discipline::SteelChallenge,
        pb::Discipline::MultiGun => Discipline::MultiGun,
        pb::Discipline::Icore => Discipline::Icore,
        pb::Discipline::Sass => Discipline::Sass,
        pb::Discipline::Prs => Discipline::Prs,
        pb::Discipline::Precision => Discipline::Precision,
        pb::Discipline::Drills => Discipline::Drills,
        pb::Discipline::Ski => Discipline::Ski,
        pb::Discipline::Court => Discipline::Court,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An event that names a discipline alone reads by the edition it was founded by.
    #[test]
    fn every_edition_reads_back_as_it_was_written() {
        for discipline in Discipline::ALL {
            for (edition, of) in (0..).zip(EDITIONS) {
                let book = of(discipline);
                let out = ruleset_out(&book);
                let first = book == Ruleset::first_edition(discipline);
                assert_eq!(out.edition, if first { 0 } else { edition });
                assert_eq!(out.numbers, None, "{discipline:?} as its edition says");
                assert_eq!(ruleset_in(out), Ok(book));
            }
        }
        let mut out = ruleset_out(&Ruleset::of(Discipline::Ipsc));
        out.edition = 2;
        let unknown = Err(WireError::Invalid("edition of a ruleset"));
        assert_eq!(ruleset_in(out), unknown);
    }

    #[test]
    fn the_limit_of_a_string_is_said_only_where_there_is_one() {
        for (limit, count) in [(0, TIMES), (2_000, TIMES + 1)] {
            let mut own = Ruleset::of(Discipline::Idpa);
            own.times.down_centis = 50;
            own.times.string_max_centis = limit;
            let out = ruleset_out(&own);
            assert_eq!(out.numbers.as_ref().map(|it| it.times.len()), Some(count));
            assert_eq!(ruleset_in(out.clone()), Ok(own));
            let mut longer = out;
            if let Some(numbers) = &mut longer.numbers {
                numbers.times.extend([0, 0]);
            }
            let odd = Err(WireError::Invalid("times of a ruleset"));
            assert_eq!(ruleset_in(longer), odd, "nothing follows the limit");
        }
    }
}
