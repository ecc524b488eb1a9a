//! The numbers of each sport as docs/RULES.md has them.

use super::facts::{Adds, Num, Numbers, Sport, TieBreak};

/// Points down of A, B, C, D, of a miss and of standing steel, no-shoot and procedural in hundredths
/// of a second.
struct Timed([Num; 4], Num, Num, Num, Num);

impl Numbers {
    pub(crate) fn of(sport: Sport) -> Self {
        let Timed(down, down_miss, down_steel, no_shoot_centis, procedural_centis) = match sport {
            // Zones 0, -1, -3, a miss 5; non-threat 5 s, procedural 3 s; a point down is 1 s.
            Sport::Idpa | Sport::Drills => Timed([0, 1, 1, 3], 5, 5, 500, 300),
            // Misses 5 to 10 s, procedurals 5 to 20 s, by the match.
            Sport::MultiGun => Timed([0; 4], 10, 10, 500, 500),
            // A 0, B 1, C 2, miss 5, no-shoot 5.
            Sport::Icore => Timed([0, 1, 2, 5], 5, 5, 500, 500),
            // A miss 5 s, procedural 10 s.
            Sport::Sass => Timed([0; 4], 5, 5, 500, 1_000),
            Sport::Ipsc
            | Sport::Uspsa
            | Sport::SteelChallenge
            | Sport::Prs
            | Sport::Precision
            | Sport::Ski
            | Sport::Court => Timed([0; 4], 0, 0, 0, 300),
        };
        let adds = match sport {
            Sport::Ipsc | Sport::Uspsa => Adds::StagePoints,
            Sport::Idpa
            | Sport::SteelChallenge
            | Sport::MultiGun
            | Sport::Icore
            | Sport::Sass
            | Sport::Ski => Adds::Times,
            Sport::Prs | Sport::Precision | Sport::Drills => Adds::Points,
            Sport::Court => Adds::Wins,
        };
        let ties = match sport {
            Sport::SteelChallenge => vec![TieBreak::StageWins, TieBreak::TieStages],
            Sport::Prs => vec![TieBreak::TieStages],
            Sport::Precision => vec![
                TieBreak::Xs,
                TieBreak::FarScore,
                TieBreak::FarXs,
                TieBreak::FewestMisses,
                TieBreak::FewestLow,
                TieBreak::LastShotFirst,
            ],
            Sport::Ipsc
            | Sport::Uspsa
            | Sport::Idpa
            | Sport::MultiGun
            | Sport::Icore
            | Sport::Sass
            | Sport::Drills
            | Sport::Ski
            | Sport::Court => vec![],
        };
        let two_decimals = matches!(sport, Sport::Prs | Sport::Precision | Sport::Drills);
        Self {
            factor_decimals: (sport == Sport::Uspsa).then_some(4),
            adds,
            percent_decimals: if two_decimals { 2 } else { 4 },
            ties,
            full: 5,
            major: [4, 2],
            minor: [3, 1],
            penalty: 10,
            late_shot: 5,
            down_centis: 100,
            down,
            down_miss,
            down_steel,
            no_shoot_centis,
            x_centis: 0,
            procedural_centis,
            plate_centis: 300,
            string_procedural_centis: 300,
            movement_centis: 400,
            string_limit: Num::from(sport == Sport::SteelChallenge) * 3_000,
            grace_centis: 30,
        }
    }
}
