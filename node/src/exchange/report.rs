//! An event as the text report of the app, with results: match points, places, raw points, hit
//! factors, stage points.
//!
//! Results are those of each division, as the app prints them. Layer: node, exchange.

use std::collections::BTreeMap;

use tallyline_proto::model::{Discipline, Drill, Method, PowerFactor, Shooter, ShooterNo};
use tallyline_proto::rules::scoring::{Tally, points_max};
use tallyline_proto::rules::standings::{Group, StageRow};
use tallyline_proto::rules::{Roster, Scorebook, Standings};

use super::export::{Event, date_of, match_file_of};
use super::names::{briefing_of, names_of};
use crate::files::match_file::{self as file, ForeignId, TargetHits};
use crate::files::text_report::{ReportScore, ReportShooter, ReportStage, Section, TextReport};

/// Columns of the shooters.
const SHOOTERS: &str = "Comp,USPSA,FirstName,LastName,DQPistol,DQRifle,DQShotgun,Reentry,Class,\
     Division,Match Points,Place Overall,Power Factor,Shotgun Division,Shotgun Power Factor,\
     Shotgun Place Overall,Shotgun Entered,Shotgun Match Points,Rifle Division,\
     Rifle Power Factor,Rifle Place Overall,Rifle Entered,Rifle Match Points,Aggregate,\
     Aggregate Division,Aggregate Pistol Percent,Aggregate Pistol Points,Aggregate Place,\
     Aggregate Rifle Percent,Aggregate Rifle Points,Aggregate Shotgun Percent,\
     Aggregate Shotgun Points,Aggregate Total,Female,Age,Law,Military";
/// Columns of the stages.
const STAGES: &str = "Number,Guntype,Minimum Rounds,Maximum Points,Classifier,Classifier_No,\
     Stage_name,ScoringType,TimesRun";
/// Columns of the scores.
const SCORES: &str = "Gun,Stage,Comp,DQ,DNF,A,B,C,D,Miss,No Shoot,Procedural,Double Poppers,\
     Double Popper Miss,Late Shot,Extra Shot,Extra Hit,No Penalty Miss,Additional Penalty,\
     Total Penalty,T1,T2,T3,T4,T5,Time,Raw Points,Total Points,Hit Factor,Stage Points,\
     Stage Place,Stage Power Factor";
/// The kind of gun that all are entered with; the event does not ask.
const GUN: &str = "Pistol";
/// Categories that the report has a column of its own for.
const OWN_COLUMNS: [(&str, &str); 3] = [
    ("Lady", "Female"),
    ("Law Enforcement", "Law"),
    ("Military", "Military"),
];

/// Makes the report of an event.
///
/// # Errors
///
/// A sentence if the event is not scored by hit factors: this report has no columns for times.
pub fn report_of(event: &Event<'_>, standings: &Standings) -> Result<TextReport, String> {
    let structure = event.roster.structure();
    let timed = |drill: &&Drill| {
        !matches!(
            drill.method,
            Method::Comstock | Method::VirginiaCount | Method::FixedTime | Method::Chrono
        )
    };
    if let Some(drill) = structure.drills.iter().find(timed) {
        return Err(format!(
            "the text report has hit factors only, and stage {} is scored by {}; export psc, miff \
             or csv instead",
            drill.no,
            drill.method.name()
        ));
    }
    let date = date_of(event.roster).map(|date| {
        let text = date.to_string();
        let mut parts = text.split('-');
        let (year, month, day) = (parts.next(), parts.next(), parts.next());
        let part = |part: Option<&str>| part.unwrap_or_default().to_owned();
        format!("{}/{}/{}", part(month), part(day), part(year))
    });
    let date = date.unwrap_or_default();
    let region = if structure.ruleset.discipline == Discipline::Ipsc {
        "IPSC"
    } else {
        "USPSA"
    };
    let mut info = vec![
        format!("INFO Region:{region}"),
        format!(
            "INFO PractiScore_Product: Tallyline {}",
            env!("CARGO_PKG_VERSION")
        ),
        format!("INFO Match name:{}", event.name),
        format!("INFO Match date:{date}"),
    ];
    if !structure.level.is_empty() {
        info.push(format!("INFO Match Level: {}", structure.level));
    }
    Ok(TextReport {
        heading: "PRACTISCORE 1.682 RESULTS".to_owned(),
        info,
        version: "3.0".to_owned(),
        title: vec![event.name.to_owned(), String::new(), date],
        shooters: Section {
            columns: columns(SHOOTERS),
            rows: shooters((event.roster, event.book), standings),
        },
        stages: Section {
            columns: columns(STAGES),
            rows: drills(event.roster)
                .map(|drill| stage(event.roster, drill))
                .collect(),
        },
        scores: Section {
            columns: columns(SCORES),
            rows: scores(event, standings),
        },
    })
}

fn columns(list: &str) -> Vec<String> {
    list.split(',').map(str::to_owned).collect()
}

/// Stages with results: the chronograph has none.
fn drills(roster: &Roster) -> impl Iterator<Item = &Drill> {
    let drills = roster.structure().drills.iter();
    drills.filter(|drill| drill.method != Method::Chrono)
}

/// One line for everybody who is listed, in the order of numbers.
fn shooters((roster, book): (&Roster, &Scorebook), standings: &Standings) -> Vec<ReportShooter> {
    let mut rows: BTreeMap<ShooterNo, ReportShooter> = BTreeMap::new();
    for table in &standings.overall {
        if table.group == Group::Combined {
            continue;
        }
        for row in &table.rows {
            let Some(shooter) = roster.shooter(row.shooter) else {
                continue;
            };
            let points = row.result.map_or(0, |result| result.points.0);
            let mut line = shooter_line(roster, shooter);
            // The results rest on what was measured.
            power(book.power_factor(roster, shooter.no)).clone_into(&mut line.power_factor);
            line.dq = row.result.is_none();
            line.match_points_e4 = i64::try_from(points).ok();
            line.place = Some(row.place);
            rows.insert(row.shooter, line);
        }
    }
    rows.into_values().collect()
}

fn shooter_line(roster: &Roster, shooter: &Shooter) -> ReportShooter {
    let division = roster.structure().divisions.get(shooter.division);
    let (first_name, last_name) = names_of(&shooter.label);
    let mut other = BTreeMap::new();
    let mut put = |column: &str, text: &str| other.insert(column.to_owned(), text.to_owned());
    for column in [
        "DQRifle",
        "DQShotgun",
        "Reentry",
        "Shotgun Entered",
        "Rifle Entered",
        "Aggregate",
    ] {
        put(column, "No");
    }
    let has = |name: &str| shooter.categories.iter().any(|it| it == name);
    for (category, column) in OWN_COLUMNS {
        put(column, if has(category) { "Yes" } else { "No" });
    }
    let own = |name: &&String| OWN_COLUMNS.iter().any(|(category, _)| category == name);
    let age = shooter.categories.iter().find(|name| !own(name));
    put("Age", age.map_or("", String::as_str));
    ReportShooter {
        number: shooter.no.0,
        member: shooter.entrant.member.clone(),
        first_name,
        last_name,
        class: shooter.entrant.class.clone(),
        division: division.map_or(String::new(), |it| it.name.clone()),
        other,
        ..ReportShooter::default()
    }
}

fn power(power_factor: PowerFactor) -> &'static str {
    match power_factor {
        PowerFactor::Major => "Major",
        PowerFactor::Minor => "Minor",
        PowerFactor::Subminor => "Subminor",
    }
}

fn stage(roster: &Roster, drill: &Drill) -> ReportStage {
    let rounds = drill
        .required_hits
        .iter()
        .map(|&hits| u32::from(hits))
        .sum::<u32>();
    let (_, classifier) = briefing_of(&drill.terms.briefing);
    ReportStage {
        number: drill.no.0,
        gun: GUN.to_owned(),
        min_rounds: rounds.saturating_add(u32::from(drill.steel)),
        max_points: points_max(drill, &roster.structure().ruleset),
        classifier: classifier.is_some(),
        classifier_no: classifier.unwrap_or_default(),
        name: drill.name.clone(),
        scoring: if drill.method == Method::VirginiaCount {
            "Virginia"
        } else if drill.method == Method::FixedTime {
            "Fixed"
        } else {
            "Comstock"
        }
        .to_owned(),
        strings: drill.strings,
        other: BTreeMap::new(),
    }
}

fn scores(event: &Event<'_>, standings: &Standings) -> Vec<ReportScore> {
    let it = match_file_of(event);
    let numbers: BTreeMap<&ForeignId, u32> = it
        .shooters
        .iter()
        .filter(|shooter| !shooter.deleted || shooter.dq.is_some())
        .filter_map(|shooter| Some((&shooter.id, shooter.number?)))
        .collect();
    let current = |stage: &file::Stage| -> BTreeMap<u32, &file::Score> {
        let scores = it
            .scores
            .iter()
            .filter(|score| score.stage == stage.id && !score.superseded);
        scores
            .filter_map(|score| Some((*numbers.get(&score.shooter)?, score)))
            .collect()
    };
    let mut rows = Vec::new();
    for drill in drills(event.roster) {
        let Some(stage) = it.stages.iter().find(|stage| stage.number == drill.no.0) else {
            continue;
        };
        for (no, score) in current(stage) {
            let Some(shooter) = event.roster.shooter(ShooterNo(no)) else {
                continue;
            };
            let table = standings.stage(drill.no, Group::Division(shooter.division));
            let row = table.and_then(|table| table.rows.iter().find(|it| it.shooter.0 == no));
            rows.push(line(
                (event.roster, event.book),
                (drill, shooter),
                score,
                row,
            ));
        }
    }
    rows
}

fn line(
    (roster, book): (&Roster, &Scorebook),
    (drill, shooter): (&Drill, &Shooter),
    score: &file::Score,
    row: Option<&StageRow>,
) -> ReportScore {
    let result = row.and_then(|row| row.result.as_ref());
    let dq = row.is_some_and(|row| row.result.is_none());
    let tally = result.map_or_else(
        || {
            let power_factor = book.power_factor(roster, shooter.no);
            let slot = book.slot(drill.no, shooter.no);
            slot.map_or(Tally::ZERO, |slot| slot.outcome.tally(power_factor))
        },
        |result| result.tally.clone(),
    );
    let mut strings = score.string_centis.iter().map(|&centis| i64::from(centis));
    let mut next = || strings.next().unwrap_or(0);
    let string_centis = [next(), next(), next(), next(), next()];
    let fixed = drill.method == Method::FixedTime;
    let time: i64 = score
        .string_centis
        .iter()
        .map(|&centis| i64::from(centis))
        .sum();
    let e4 = |number: Option<u64>| number.and_then(|it| i64::try_from(it).ok()).unwrap_or(0);
    ReportScore {
        gun: GUN.to_owned(),
        stage: drill.no.0,
        shooter: shooter.no.0,
        dq,
        dnf: score.dnf,
        hits: sums(score),
        procedurals: score.procedurals,
        late_shots: score.extra.late_shots,
        extra_shots: score.extra.shots,
        extra_hits: score.extra.hits,
        additional_penalty: i64::from(score.penalty_points),
        total_penalty: i64::from(tally.penalties),
        string_centis,
        time_centis: if fixed { 0 } else { time },
        raw_points: i64::from(tally.points),
        total_points: if dq { 0 } else { i64::from(tally.net()) },
        hit_factor_e4: e4(result.map(|it| it.hit_factor.0)),
        stage_points_e4: e4(result.map(|it| it.stage_points.0)),
        place: row.map(|row| row.place),
        ..ReportScore::default()
    }
}

/// Adds up hits, steel among them.
fn sums(score: &file::Score) -> TargetHits {
    let steel = score.steel;
    let mut sums = TargetHits {
        a: steel.hit,
        misses: steel.missed,
        no_penalty_misses: steel.no_penalty_missed,
        no_shoots: steel.no_shoots,
        ..TargetHits::default()
    }
    .counts();
    if let file::Hits::PerTarget(targets) = &score.hits {
        for target in targets {
            for (sum, count) in sums.iter_mut().zip(target.counts()) {
                *sum = sum.saturating_add(count);
            }
        }
    }
    TargetHits::of_counts(sums)
}
