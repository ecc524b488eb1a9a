//! A match file as a structure: what an event is founded from.
//!
//! Layer: node, exchange.

use std::collections::BTreeSet;

use tallyline_proto::model::{
    Discipline, Division, Drill, DrillNo, Entrant, Method, NoShoots, PowerFactor, Ruleset, Shooter,
    ShooterNo, SquadNo, Structure, Terms,
};

use super::names::{
    CLASS_BYTES_MAX, MEMBER_BYTES_MAX, NAME_BYTES_MAX, NO_SQUAD, briefing_with, clipped, id_of,
    label,
};
use super::numbers::{Choice, Numbers, Place};
use super::scores::Fault;
use crate::files::complaint::{Complaint, Complaints};
use crate::files::match_file::{self as file, MatchFile, Sport};

/// Most paper targets of a stage.
const TARGETS_MAX: usize = 64;
/// Most hits that count on one target.
const TARGET_HITS_MAX: u32 = 15;
/// Most strings of a stage.
const STRINGS_MAX: u32 = 16;
/// What complaints call the file.
const FILE: &str = "the match file";
/// The division of a file's shooters who name none.
const NO_DIVISION: &str = "No division";

/// What an event is founded from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// The event's name.
    pub name: String,
    /// Drills, shooters, rules.
    pub structure: Structure,
    /// Which number is whose.
    pub numbers: Numbers,
    /// What was left out or looks odd.
    pub remarks: Complaints,
}

/// Makes a structure of a match file.
///
/// # Errors
///
/// [`Complaints`] with each stage or shooter that an event cannot have, and what to do.
pub fn structure_of(it: &MatchFile, choice: &Choice) -> Result<Draft, Complaints> {
    let mut errors = Complaints::default();
    let remarks = remarks(it, choice);
    let mut structure = empty(it, choice);
    let numbers = Numbers::of(it, &structure, &Place::default(), choice);
    structure.rules.clone_from(&numbers.fresh_rules);
    let named = |name: &str| it.divisions.iter().any(|known| known.name == name);
    if let Some(name) = &choice.division
        && !named(name)
        && !it.divisions.is_empty()
    {
        let advice = "is no division of the file; correct --division";
        errors.push(Complaint::new(FILE, "the divisions", name, advice));
    }
    for stage in &it.stages {
        let Some(no) = numbers.stage(&stage.id) else {
            continue;
        };
        match drill(it, stage, no) {
            Ok(drill) => structure.drills.push(drill),
            Err(complaint) => errors.push(complaint),
        }
    }
    structure.drills.sort_by_key(|drill| drill.no);
    for shooter in &it.shooters {
        let Some(no) = numbers.shooter(&shooter.id) else {
            continue;
        };
        match self::shooter(shooter, no, &structure.divisions, choice) {
            Ok(shooter) => structure.shooters.push(shooter),
            Err(complaint) => errors.push(complaint),
        }
    }
    structure.shooters.sort_by_key(|shooter| shooter.no);
    if structure.drills.is_empty() && errors.is_empty() {
        let advice = "has no stages; export the match with its stages";
        errors.push(Complaint::new(FILE, "", "", advice));
    }
    if errors.is_empty() {
        Ok(Draft {
            name: event_name(it),
            structure,
            numbers,
            remarks,
        })
    } else {
        Err(errors)
    }
}

/// Returns the name of an event made of a file.
fn event_name(it: &MatchFile) -> String {
    let name: String = it.name.chars().filter(|c| !c.is_control()).collect();
    let name = clipped(name.trim(), NAME_BYTES_MAX);
    if name.is_empty() {
        "Match".to_owned()
    } else {
        name
    }
}

/// Makes what a structure is before it has drills, shooters and rules.
fn empty(it: &MatchFile, choice: &Choice) -> Structure {
    let day_ms = it
        .date
        .map_or(0, |date| date.days().saturating_mul(86_400_000));
    let zone_ms = i64::from(choice.zone_min).saturating_mul(60_000);
    let mut divisions: Vec<Division> = Vec::new();
    for division in &it.divisions {
        divisions.push(Division {
            name: division_name(&division.name),
            minor_floor: division.minor_floor,
            major_floor: division.major_floor,
        });
    }
    let bare = |shooter: &file::Shooter| shooter.division.trim().is_empty();
    if divisions.is_empty() || (choice.division.is_none() && it.shooters.iter().any(bare)) {
        divisions.push(Division {
            name: choice
                .division
                .clone()
                .unwrap_or_else(|| NO_DIVISION.to_owned()),
            minor_floor: None,
            major_floor: None,
        });
    }
    Structure {
        epoch_ms: u64::try_from(day_ms.saturating_sub(zone_ms)).unwrap_or(0),
        zone_min: choice.zone_min,
        level: it.level.clone(),
        ruleset: ruleset(it),
        divisions,
        drills: Vec::new(),
        shooters: Vec::new(),
        rules: Vec::new(),
        places: Vec::new(),
        kinds: Vec::new(),
    }
}

fn division_name(name: &str) -> String {
    let name = clipped(name.trim(), NAME_BYTES_MAX);
    if name.is_empty() {
        NO_DIVISION.to_owned()
    } else {
        name
    }
}

/// Returns the rule book of a file's sport, with the numbers that the file brings.
pub fn ruleset(it: &MatchFile) -> Ruleset {
    let by = |scoring: &[file::Scoring]| it.stages.iter().any(|it| scoring.contains(&it.scoring));
    let discipline = match it.sport() {
        Sport::Ipsc => Discipline::Ipsc,
        Sport::Uspsa => Discipline::Uspsa,
        Sport::Idpa => Discipline::Idpa,
        Sport::SteelChallenge => Discipline::SteelChallenge,
        Sport::Icore => Discipline::Icore,
        Sport::TimePlus => Discipline::MultiGun,
        Sport::Other if by(&[file::Scoring::SteelChallenge]) => Discipline::SteelChallenge,
        Sport::Other if by(&[file::Scoring::PointsDown]) => Discipline::Idpa,
        Sport::Other if by(&[file::Scoring::TimePlus]) => Discipline::MultiGun,
        Sport::Other => Discipline::Uspsa,
    };
    let mut ruleset = Ruleset::of(discipline);
    let times = &mut ruleset.times;
    if let Some(centis) = it.point_down_centis.and_then(|it| u32::try_from(it).ok()) {
        times.down_centis = centis;
    }
    if let Some(count) = it.steel_miss_points_down {
        times.steel_miss = count;
    }
    if discipline == Discipline::SteelChallenge {
        for rule in it.rules_of(file::RuleKind::Penalty) {
            let value = rule.value_centis.and_then(|it| u32::try_from(it).ok());
            let Some(value) = value else { continue };
            match Fault::of(&rule.text) {
                Some(Fault::Missed) => times.plate_centis = value,
                Some(Fault::Procedural) => times.string_procedural_centis = value,
                Some(Fault::Movement) => times.movement_centis = value,
                Some(Fault::Unfinished) | None => {}
            }
        }
    }
    ruleset
}

/// Makes a drill of a stage.
///
/// # Errors
///
/// A [`Complaint`] if an event cannot have such a stage.
pub fn drill(it: &MatchFile, stage: &file::Stage, no: DrillNo) -> Result<Drill, Complaint> {
    let complaint = |what: &str, found: &str, advice: &str| {
        let place = format!("stage {}, {what}", stage.number);
        Err(Complaint::new(FILE, &place, found, advice))
    };
    let method = method(stage)?;
    let required_hits = if stage.targets.is_empty() && method != Method::Chrono {
        sum_targets(sum_rounds(it, stage))
    } else {
        stage.targets.clone()
    };
    if TARGETS_MAX < required_hits.len() {
        let found = format!("{} paper targets", required_hits.len());
        return complaint("targets", &found, "at most 64 are scored on one stage");
    }
    if let Some(hits) = required_hits.iter().find(|hits| !(1..=15).contains(*hits)) {
        let found = format!("{hits} required hits");
        return complaint("targets", &found, "a target has 1 to 15 hits that count");
    }
    let Ok(steel) = u8::try_from(stage.steel) else {
        let found = format!("{} steel targets", stage.steel);
        return complaint("steel", &found, "at most 255 are scored on one stage");
    };
    if STRINGS_MAX < stage.strings {
        let found = format!("{} strings", stage.strings);
        return complaint("strings", &found, "a stage has at most 16");
    }
    let name = clipped(stage.name.trim(), NAME_BYTES_MAX);
    Ok(Drill {
        no,
        name: if name.is_empty() {
            format!("Stage {no}")
        } else {
            name
        },
        method,
        strings: if method == Method::Chrono {
            0
        } else {
            stage.strings.max(1)
        },
        required_hits,
        steel,
        no_shoots: match stage.no_shoots {
            None => NoShoots::NotSaid,
            Some(false) => NoShoots::Absent,
            Some(true) => NoShoots::Present,
        },
        terms: Terms {
            id: Some(id_of(&stage.id)),
            briefing: briefing_with(&stage.briefing, stage.classifier.as_deref()),
            string_max_centis: stage.max_string_centis.unwrap_or(0).min(1_000_000),
            drop_worst: u32::from(stage.drop_worst),
            ..Terms::default()
        },
    })
}

fn method(stage: &file::Stage) -> Result<Method, Complaint> {
    Ok(match &stage.scoring {
        file::Scoring::Comstock => Method::Comstock,
        file::Scoring::VirginiaCount => Method::VirginiaCount,
        file::Scoring::FixedTime => Method::FixedTime,
        file::Scoring::Chrono => Method::Chrono,
        file::Scoring::PointsDown | file::Scoring::TimePlus => Method::TimePlus,
        file::Scoring::SteelChallenge => Method::BestStrings,
        file::Scoring::Other(word) => {
            let place = format!("stage {}, scoring", stage.number);
            let advice = "this scoring is not known here; take the stage out of the match, or \
                          choose another scoring, and export it again";
            return Err(Complaint::new(FILE, &place, &format!("\"{word}\""), advice));
        }
    })
}

/// Returns how many hits count on a stage of which only sums are known.
fn sum_rounds(it: &MatchFile, stage: &file::Stage) -> u32 {
    let sums = it.scores.iter().filter(|score| score.stage == stage.id);
    let sums = sums.filter_map(|score| match &score.hits {
        file::Hits::Sums(hits) => Some(hits),
        file::Hits::PerTarget(_) => None,
    });
    let rounds = sums.map(|hits| {
        let [a, b, c, d, _, misses, no_penalty] = hits.counts();
        [a, b, c, d, misses, no_penalty].iter().sum::<u32>()
    });
    let most = rounds.max();
    match (most, stage.max_points) {
        (None, _) => 0,
        // What a match says of its stages holds, if its scores fit.
        (Some(most), Some(points)) if most.saturating_mul(5) <= points => {
            (points / 5).saturating_sub(stage.steel)
        }
        (Some(most), Some(_) | None) => most.saturating_sub(stage.steel),
    }
}

/// Spreads required hits over as few targets as can hold them.
fn sum_targets(mut rounds: u32) -> Vec<u8> {
    let mut targets = Vec::new();
    while 0 < rounds {
        let hits = rounds.min(TARGET_HITS_MAX);
        rounds = rounds.saturating_sub(hits);
        targets.push(u8::try_from(hits).unwrap_or(u8::MAX));
    }
    targets
}

/// Makes a shooter of one of a file.
///
/// # Errors
///
/// A [`Complaint`] if he is in a division that the event does not have.
pub fn shooter(
    it: &file::Shooter,
    no: ShooterNo,
    divisions: &[Division],
    choice: &Choice,
) -> Result<Shooter, Complaint> {
    let label = label(&it.first_name, &it.last_name);
    let label = if label.is_empty() {
        format!("Shooter {no}")
    } else {
        label
    };
    let member = clipped(it.member.trim(), MEMBER_BYTES_MAX);
    let name = match (it.division.trim(), &choice.division) {
        ("", Some(division)) => division.clone(),
        ("", None) => NO_DIVISION.to_owned(),
        (name, _) => division_name(name),
    };
    let Some(division) = division_place(divisions, &name) else {
        let advice = if it.division.trim().is_empty() {
            "the division is missing; enter it in the file, or name one with --division".to_owned()
        } else {
            let known: Vec<&str> = divisions
                .iter()
                .map(|it| it.name.as_str())
                .take(12)
                .collect();
            format!(
                "is no division of the event; use one of {}",
                known.join(", ")
            )
        };
        return Err(Complaint::new(
            FILE,
            &format!("shooter \"{label}\""),
            &it.division,
            &advice,
        ));
    };
    let mut seen = BTreeSet::new();
    let categories = it
        .categories
        .iter()
        .map(|name| clipped(name.trim(), NAME_BYTES_MAX));
    let categories = categories.filter(|name| !name.is_empty() && seen.insert(name.clone()));
    Ok(Shooter {
        no,
        division,
        power_factor: match it.power_factor {
            file::PowerFactor::Major => PowerFactor::Major,
            file::PowerFactor::Minor | file::PowerFactor::NotSaid => PowerFactor::Minor,
            file::PowerFactor::Subminor => PowerFactor::Subminor,
        },
        squad: SquadNo(it.squad.filter(|&squad| 0 < squad).unwrap_or(NO_SQUAD)),
        categories: categories.collect(),
        entrant: Entrant {
            id: Some(id_of(&it.id)),
            member,
            class: clipped(it.class.trim(), CLASS_BYTES_MAX),
            team: clipped(it.team.trim(), NAME_BYTES_MAX),
        },
        label,
    })
}

/// Finds a division by its name, or without regard to case and punctuation.
pub fn division_place(divisions: &[Division], name: &str) -> Option<usize> {
    let exact = divisions.iter().position(|it| it.name == name);
    exact.or_else(|| {
        divisions
            .iter()
            .position(|it| super::names::same_name(&it.name, name))
    })
}

/// Says what of a file is left out.
fn remarks(it: &MatchFile, choice: &Choice) -> Complaints {
    let mut remarks = Complaints::default();
    let mut remark = |place: &str, found: String, advice: &str| {
        remarks.push(Complaint::new(FILE, place, &found, advice));
    };
    for stage in it.stages.iter().filter(|stage| stage.deleted) {
        let place = format!("stage {}", stage.number);
        remark(
            &place,
            String::new(),
            "was taken out of the match and is left out",
        );
    }
    for stage in &it.stages {
        if super::names::BRIEFING_BYTES_MAX < stage.briefing.len() {
            let found = format!("{} bytes", stage.briefing.len());
            let place = format!("stage {}, briefing", stage.number);
            remark(&place, found, "only the first 1,000 are kept");
        }
    }
    let off = it.shooters.iter().filter(|shooter| shooter.deleted).count();
    if 0 < off && !choice.scores {
        let advice = "were taken off the roster and are left out; --scores takes them as withdrawn";
        remark("", format!("{off} shooters"), advice);
    }
    if !it.notes.is_empty() {
        remark(
            "",
            format!("{} dated notes", it.notes.len()),
            "notes are not taken over",
        );
    }
    if it.sport() == Sport::Other {
        let found = format!("\"{}\"", it.kind);
        remark(
            "",
            found,
            "is a kind of match that is not known here; its stages decide",
        );
    }
    remarks
}
