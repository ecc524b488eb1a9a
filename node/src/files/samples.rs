//! Small made-up matches, one of each sport: for tests, and for fuzzing to begin with.
//!
//! Nobody in them exists. What a reader of files may meet is in at least one of them: older
//! versions, signatures, a DQ, a DNF, a withdrawn shooter, a walk-in, a chronograph, late and
//! extra shots, points down, penalties string by string. Layer: files, above `match_file`.

use super::match_file::{
    Approval, Chrono, Device, Division, Extra, ForeignId, Hits, MatchFile, Note, PowerFactor, Rule,
    RuleKind, Score, Scoring, Shooter, Stage, StageDq, Steel, TargetHits,
};
use super::moment::Date;

/// 1 June 2026, 09:00 UTC.
const MORNING_MS: i64 = 1_780_304_400_000;

/// Returns all of them.
pub fn all() -> [MatchFile; 5] {
    [ipsc(), uspsa(), idpa(), steel_challenge(), time_plus()]
}

/// An IPSC match: Comstock and chronograph, with corrections, a DQ and a DNF.
pub fn ipsc() -> MatchFile {
    let rules = vec![
        rule(
            "EQRTwQ",
            RuleKind::Procedural,
            "10.2.7 Failure to engage target",
            None,
        ),
        rule(
            "zLG6ev",
            RuleKind::Warning,
            "8.7.3 Unauthorized presence on stage",
            None,
        ),
        rule("CzfrxQ", RuleKind::Dq, "10.5.5 Sweeping", None),
        rule(
            "R4cPM8",
            RuleKind::Dnf,
            "6.6.1 Not present at the stage",
            None,
        ),
    ];
    let stages = vec![
        Stage {
            targets: vec![2, 2, 1],
            steel: 2,
            no_shoots: Some(true),
            max_points: Some(35),
            briefing: "Start anywhere.\nOn the signal engage all targets.".to_owned(),
            ..stage(1, "First steps", Scoring::Comstock)
        },
        Stage {
            strings: 0,
            ..stage(2, "Chrono", Scoring::Chrono)
        },
    ];
    let mut shooters = people(&["Open", "Production", "Production", "Open"]);
    if let [first, _, third, fourth] = shooters.as_mut_slice() {
        first.power_factor = PowerFactor::Major;
        first.team = String::from("Blue");
        third.deleted = true;
        fourth.dq = Some(String::from("First steps<10.5.5 Sweeping>"));
    }
    MatchFile {
        kind: "uspsa_p".to_owned(),
        subkind: "ipsc".to_owned(),
        level: "L2".to_owned(),
        divisions: vec![division("Open", Some(160)), division("Production", None)],
        notes: vec![Note {
            at_ms: Some(MORNING_MS),
            text: "DNF added on stage 1".to_owned(),
        }],
        rules,
        stages,
        shooters,
        scores: ipsc_scores(),
        ..base("Spring Match")
    }
}

fn ipsc_scores() -> Vec<Score> {
    let first = Score {
        string_centis: vec![1234],
        hits: hits(&[
            [2, 0, 0, 0, 0, 0, 0],
            [1, 0, 1, 0, 1, 0, 0],
            [0, 0, 0, 0, 0, 1, 0],
        ]),
        steel: steel(1, 1),
        procedurals: 1,
        procedurals_by_rule: vec![(ForeignId::new("EQRTwQ"), 1)],
        raw_points: Some(23),
        ..score(1, 1, 0)
    };
    let corrected = Score {
        string_centis: vec![1243],
        note: "time misread".to_owned(),
        ..later(&first, 90)
    };
    vec![
        Score {
            superseded: true,
            ..first.clone()
        },
        corrected,
        Score {
            string_centis: vec![987],
            hits: hits(&[
                [2, 0, 0, 0, 0, 0, 0],
                [0, 0, 2, 0, 0, 0, 0],
                [1, 0, 0, 0, 0, 0, 0],
            ]),
            steel: steel(2, 0),
            procedurals: 0,
            procedurals_by_rule: Vec::new(),
            ..later(
                &Score {
                    shooter: id(2),
                    ..first
                },
                240,
            )
        },
        Score {
            dnf: true,
            origin: "Stage edited".to_owned(),
            dnf_rules: vec![ForeignId::new("R4cPM8")],
            ..score(1, 3, 400)
        },
        Score {
            stage_dq: Some(StageDq {
                rules: vec![ForeignId::new("CzfrxQ")],
                details: "swept while moving".to_owned(),
            }),
            ..score(1, 4, 500)
        },
        Score {
            chrono: Some(Chrono {
                weights_centigr: vec![14_510, 14_500],
                velocities_centifps: vec![85_500, 85_310, 86_125],
                gear: "Pass".to_owned(),
            }),
            ..score(2, 1, 3_600)
        },
    ]
}

/// A USPSA match: a classifier, a Fixed Time stage and a Virginia Count stage.
pub fn uspsa() -> MatchFile {
    let stages = vec![
        Stage {
            targets: vec![2, 2],
            classifier: Some("22-06".to_owned()),
            max_points: Some(20),
            ..stage(1, "Classifier", Scoring::VirginiaCount)
        },
        Stage {
            targets: vec![5, 5],
            strings: 2,
            max_points: Some(50),
            ..stage(2, "Against the clock", Scoring::FixedTime)
        },
    ];
    let scores = vec![
        Score {
            string_centis: vec![1000],
            hits: hits(&[[2, 0, 1, 0, 0, 0, 0], [2, 0, 0, 0, 0, 0, 0]]),
            extra: Extra {
                late_shots: 0,
                shots: 1,
                hits: 1,
            },
            penalty_points: 10,
            ..score(1, 1, 0)
        },
        Score {
            string_centis: vec![0, 0],
            hits: hits(&[[3, 0, 1, 0, 0, 0, 1], [4, 0, 0, 1, 0, 0, 0]]),
            extra: Extra {
                late_shots: 1,
                ..Extra::default()
            },
            ..score(2, 2, 60)
        },
    ];
    let mut shooters = people(&["L10", "CO"]);
    if let [first, second] = shooters.as_mut_slice() {
        first.categories = vec!["Senior".to_owned(), "Law Enforcement".to_owned()];
        second.walk_in = true;
    }
    MatchFile {
        kind: "uspsa_p".to_owned(),
        subkind: "uspsa".to_owned(),
        divisions: vec![division("L10", None), division("CO", None)],
        rules: vec![rule(
            "Bbu6AL",
            RuleKind::Procedural,
            "10.2.1 Foot fault",
            None,
        )],
        stages,
        shooters,
        scores,
        ..base("Club Match")
    }
}

/// An IDPA match: points down target by target, penalties by count.
pub fn idpa() -> MatchFile {
    let rules = vec![
        rule("", RuleKind::Penalty, "PE", Some(300)),
        rule("", RuleKind::Penalty, "Non-Threat", Some(500)),
        rule("f1a6", RuleKind::Penalty, "FTDR", Some(2000)),
    ];
    let stages = vec![Stage {
        targets: vec![2, 2],
        steel: 1,
        strings: 2,
        ..stage(1, "Car park", Scoring::PointsDown)
    }];
    let scores = vec![
        Score {
            string_centis: vec![1025, 575],
            points_down: vec![1, 2],
            penalties: vec![1, 0, 0],
            steel: steel(0, 1),
            ..score(1, 1, 0)
        },
        Score {
            string_centis: vec![900, 450],
            points_down: vec![0, 0],
            steel: steel(1, 0),
            ..score(1, 2, 70)
        },
    ];
    let mut shooters = people(&["SSP", "ESP"]);
    for shooter in &mut shooters {
        shooter.power_factor = PowerFactor::NotSaid;
    }
    MatchFile {
        kind: "idpa".to_owned(),
        divisions: vec![division("SSP", None), division("ESP", None)],
        point_down_centis: Some(100),
        steel_miss_points_down: Some(5),
        rules,
        stages,
        shooters,
        scores,
        ..base("Defensive Club Match")
    }
}

/// A Steel Challenge match: five strings, the worst is dropped, penalties string by string.
pub fn steel_challenge() -> MatchFile {
    let rules = vec![
        rule("", RuleKind::Penalty, "Procedural", Some(300)),
        rule("", RuleKind::Penalty, "Miss", Some(300)),
        Rule {
            once: true,
            ..rule("", RuleKind::Penalty, "Miss Stop Plate", Some(3000))
        },
    ];
    let stages = vec![Stage {
        strings: 5,
        steel: 5,
        drop_worst: true,
        max_string_centis: Some(3000),
        classifier: Some("SC-101".to_owned()),
        ..stage(1, "Five in a row", Scoring::SteelChallenge)
    }];
    let mut none = vec![vec![0, 0, 0]; 5];
    let second = Score {
        string_centis: vec![1164, 3000, 389, 453, 399],
        string_penalties: none.clone(),
        ..score(1, 2, 60)
    };
    if let Some(first) = none.first_mut() {
        *first = vec![0, 1, 0];
    }
    let scores = vec![
        Score {
            string_centis: vec![429, 332, 338, 528, 386],
            string_penalties: none,
            ..score(1, 1, 0)
        },
        second,
    ];
    let mut shooters = people(&["RFPO", "OPN"]);
    for shooter in &mut shooters {
        shooter.power_factor = PowerFactor::NotSaid;
    }
    MatchFile {
        kind: "sc".to_owned(),
        subkind: "SCSA".to_owned(),
        divisions: vec![division("RFPO", None), division("OPN", None)],
        rules,
        stages,
        shooters,
        scores,
        ..base("Plates in June")
    }
}

/// A time-plus match: penalties and bonuses by count.
pub fn time_plus() -> MatchFile {
    let rules = vec![
        rule("", RuleKind::Penalty, "Miss", Some(500)),
        rule("", RuleKind::Penalty, "Procedural", Some(1000)),
        rule("", RuleKind::Bonus, "X ring", Some(100)),
    ];
    let stages = vec![stage(1, "Three guns", Scoring::TimePlus)];
    let scores = vec![
        Score {
            string_centis: vec![4525],
            penalties: vec![2, 1],
            bonuses: vec![3],
            ..score(1, 1, 0)
        },
        Score {
            string_centis: vec![5010],
            penalties: vec![0, 0],
            ..score(1, 2, 50)
        },
    ];
    MatchFile {
        kind: "timeplus".to_owned(),
        subkind: "none".to_owned(),
        divisions: vec![division("HO", None), division("PR", None)],
        rules,
        stages,
        shooters: people(&["HO", "PR"]),
        scores,
        ..base("Multigun Sunday")
    }
}

fn base(name: &str) -> MatchFile {
    MatchFile {
        id: ForeignId::new("7d0f3c3e-52a4-4b6c-9a51-0c6a4c1e9b10"),
        name: name.to_owned(),
        date: Date::new(2026, 6, 1),
        classes: vec!["U".to_owned(), "A".to_owned()],
        categories: vec!["Lady".to_owned(), "Senior".to_owned()],
        ..MatchFile::default()
    }
}

fn id(number: u32) -> ForeignId {
    ForeignId::new(&format!("00000000-0000-4000-8000-{number:012}"))
}

fn stage_id(number: u32) -> ForeignId {
    ForeignId::new(&format!("57a9e000-0000-4000-8000-{number:012}"))
}

fn stage(number: u32, name: &str, scoring: Scoring) -> Stage {
    Stage {
        id: stage_id(number),
        number,
        name: name.to_owned(),
        scoring,
        strings: 1,
        ..Stage::default()
    }
}

fn people(divisions: &[&str]) -> Vec<Shooter> {
    let person = |(division, number): (&&str, u32)| Shooter {
        id: id(number),
        number: Some(number),
        first_name: "Test".to_owned(),
        last_name: format!("Shooter {number:03}"),
        member: format!("T{number:05}"),
        division: (*division).to_owned(),
        class: "U".to_owned(),
        power_factor: PowerFactor::Minor,
        squad: (number != 3).then_some(number),
        ..Shooter::default()
    };
    divisions.iter().zip(1..).map(person).collect()
}

fn division(name: &str, major_floor: Option<u32>) -> Division {
    Division {
        name: name.to_owned(),
        minor_floor: major_floor.map(|_| 125),
        major_floor,
    }
}

fn rule(id: &str, kind: RuleKind, text: &str, value_centis: Option<i64>) -> Rule {
    Rule {
        id: ForeignId::new(if id.is_empty() { text } else { id }),
        kind,
        text: text.to_owned(),
        value_centis,
        once: false,
    }
}

fn steel(hit: u32, missed: u32) -> Steel {
    Steel {
        hit,
        missed,
        ..Steel::default()
    }
}

fn hits(counts: &[[u32; 7]]) -> Hits {
    Hits::PerTarget(counts.iter().copied().map(TargetHits::of_counts).collect())
}

/// Makes an empty score that was saved some seconds after the start and affirmed a little before.
fn score(stage: u32, shooter: u32, after_s: i64) -> Score {
    let saved_at_ms = MORNING_MS.saturating_add(after_s.saturating_mul(1000));
    Score {
        stage: stage_id(stage),
        shooter: id(shooter),
        saved_at_ms: Some(saved_at_ms),
        approval: Approval {
            marked: Some(true),
            shooter_ms: Some(saved_at_ms.saturating_sub(1400)),
            ro_ms: Some(saved_at_ms.saturating_sub(300)),
        },
        device: Device {
            id: "d0000000-0000-4000-8000-000000000001".to_owned(),
            name: "Tablet 1".to_owned(),
        },
        ..Score::default()
    }
}

/// Makes the same score again, saved some seconds later.
fn later(score: &Score, seconds: i64) -> Score {
    let saved_at_ms = score
        .saved_at_ms
        .map(|ms| ms.saturating_add(seconds.saturating_mul(1000)));
    Score {
        saved_at_ms,
        ..score.clone()
    }
}
