//! The real match as a match file, for tests of what reads and writes those.
//!
//! Layer: node, demo.

use serde::Deserialize;

use super::data::{Line, Match};
use super::expected::Expected;
use crate::files::Date;
use crate::files::match_file::{
    Approval, Chrono, Device, Division, ForeignId, Hits, MatchFile, PowerFactor, Rule, RuleKind,
    Score, Scoring, Shooter, Stage, StageDq, Steel, TargetHits,
};
use crate::local::protocol::StandingsData;

#[derive(Deserialize)]
struct Beside {
    shooters: Vec<BesideShooter>,
    stages: Vec<BesideStage>,
}

#[derive(Deserialize)]
struct BesideShooter {
    shooter: u32,
    uuid: String,
    deleted: bool,
    dq: bool,
}

#[derive(Deserialize)]
struct BesideStage {
    stage: u32,
    uuid: String,
}

/// Makes a match file of the match inside the binary.
#[expect(clippy::too_many_lines, reason = "one list after the other")]
pub(crate) fn match_file() -> MatchFile {
    let data = Match::built_in().expect("reads");
    let beside: Beside = serde_json::from_str(&data.text).expect("JSON");
    let stage_id = |no: u32| {
        let stage = beside
            .stages
            .iter()
            .find(|it| it.stage == no)
            .expect("a stage");
        ForeignId::new(&stage.uuid)
    };
    let person = |no: u32| {
        beside
            .shooters
            .iter()
            .find(|it| it.shooter == no)
            .expect("a shooter")
    };
    let structure = &data.structure;
    let stages = structure.drills.iter().map(|drill| Stage {
        id: stage_id(drill.no.0),
        number: drill.no.0,
        name: drill.name.clone(),
        scoring: if data.is_chrono(drill.no.0) {
            Scoring::Chrono
        } else {
            Scoring::Comstock
        },
        strings: drill.strings,
        targets: drill.required_hits.clone(),
        steel: u32::from(drill.steel),
        ..Stage::default()
    });
    let shooters = structure.shooters.iter().map(|it| Shooter {
        id: ForeignId::new(&person(it.no.0).uuid),
        number: Some(it.no.0),
        last_name: it.label.clone(),
        division: structure.divisions[it.division].name.clone(),
        power_factor: match it.power_factor {
            tallyline_proto::model::PowerFactor::Major => PowerFactor::Major,
            tallyline_proto::model::PowerFactor::Minor => PowerFactor::Minor,
            tallyline_proto::model::PowerFactor::Subminor => PowerFactor::Subminor,
        },
        squad: Some(it.squad.0),
        categories: it.categories.clone(),
        dq: person(it.no.0).dq.then(String::new),
        deleted: person(it.no.0).deleted,
        ..Shooter::default()
    });
    let rules = structure.rules.iter().map(|it| Rule {
        id: ForeignId::new(&it.code),
        kind: match it.kind {
            tallyline_proto::model::RuleKind::Procedural => RuleKind::Procedural,
            tallyline_proto::model::RuleKind::Warning => RuleKind::Warning,
            tallyline_proto::model::RuleKind::Dq => RuleKind::Dq,
            tallyline_proto::model::RuleKind::Dnf => RuleKind::Dnf,
        },
        text: it.text.clone(),
        value_centis: None,
        once: false,
    });
    let divisions = structure.divisions.iter().map(|it| Division {
        name: it.name.clone(),
        minor_floor: it.minor_floor,
        major_floor: it.major_floor,
    });
    let mut scores: Vec<(u32, u32, Score)> = data
        .lines
        .iter()
        .map(|line| {
            let slot = (
                stage_id(line.drill),
                ForeignId::new(&person(line.shooter).uuid),
            );
            (line.drill, line.shooter, score(line, slot))
        })
        .collect();
    scores.sort_by_key(|(drill, shooter, _)| (*drill, *shooter));
    MatchFile {
        id: ForeignId::new("7d0f3c3e-52a4-4b6c-9a51-0c6a4c1e2018"),
        name: data.name.clone(),
        date: Date::new(2018, 7, 25),
        level: structure.level.clone(),
        kind: "uspsa_p".to_owned(),
        subkind: "ipsc".to_owned(),
        divisions: divisions.collect(),
        rules: rules.collect(),
        stages: stages.collect(),
        shooters: shooters.collect(),
        scores: scores.into_iter().map(|(_, _, score)| score).collect(),
        ..MatchFile::default()
    }
}

fn score(line: &Line, (stage, shooter): (ForeignId, ForeignId)) -> Score {
    let target = |bits: &u32| {
        TargetHits::of_counts([0, 4, 8, 12, 16, 20, 24].map(|place| (bits >> place) & 15))
    };
    let centis = |list: &[f64]| -> Vec<i64> {
        let digits = |it: &f64| format!("{it:.2}").replace('.', "").parse();
        list.iter()
            .map(|it| digits(it).expect("a number"))
            .collect()
    };
    let chrono = Chrono {
        weights_centigr: centis(&line.bullet_gr),
        velocities_centifps: centis(&line.velocities_fps),
        gear: line.gear_check.clone().unwrap_or_default(),
    };
    let ids = |codes: &[String]| codes.iter().map(|code| ForeignId::new(code)).collect();
    let counts = line.procedurals.iter();
    Score {
        stage,
        shooter,
        superseded: line.superseded,
        string_centis: line.time_cs.clone(),
        hits: Hits::PerTarget(line.targets.iter().map(target).collect()),
        steel: Steel {
            hit: u32::from(line.steel_hit),
            missed: u32::from(line.steel_miss),
            no_penalty_missed: 0,
            no_shoots: u32::from(line.steel_noshoot),
        },
        procedurals: counts.clone().map(|it| u32::from(it.count)).sum(),
        procedurals_by_rule: counts
            .map(|it| (ForeignId::new(&it.rule), u32::from(it.count)))
            .collect(),
        chrono: (chrono != Chrono::default()).then_some(chrono),
        dnf: line.dnf,
        dnf_rules: ids(&line.dnf_rules),
        stage_dq: (!line.dq_rules.is_empty()).then(|| StageDq {
            rules: ids(&line.dq_rules),
            details: String::new(),
        }),
        saved_at_ms: i64::try_from(line.t_ms).ok(),
        approval: Approval {
            marked: None,
            shooter_ms: line.shooter_signed_ms,
            ro_ms: line.ro_signed_ms,
        },
        device: Device {
            id: line.device.clone(),
            name: line.device.clone(),
        },
        origin: line.origin.clone().unwrap_or_default(),
        ..Score::default()
    }
}

/// Compares standings with the match's own results; returns the first row that differs.
pub(crate) fn first_other(standings: &StandingsData) -> Option<String> {
    let data = Match::built_in().expect("reads");
    let expected = data.expected.expect("results");
    let node = Expected::of(standings);
    let equal = expected.compare(&node);
    if equal.is_whole() {
        None
    } else {
        expected
            .first_other(&node)
            .or_else(|| Some(format!("{equal:?}")))
    }
}
