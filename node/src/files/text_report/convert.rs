//! A report as a match: what was shot, with hits as sums.

use std::collections::{BTreeMap, BTreeSet};

use super::super::complaint::{Complaint, Findings, Loaded};
use super::super::match_file::{
    Division, Extra, ForeignId, Hits, MatchFile, PowerFactor, Score, Scoring, Shooter, Stage,
};
use super::super::moment::Date;
use super::super::psc::scoring_of;
use super::row::REPORT;
use super::{ReportScore, ReportShooter, ReportStage, TextReport};

impl TextReport {
    /// Turns the report into a match. Results are left out: they follow from what was shot.
    ///
    /// A report has no ids, so those of the match, its stages and shooters are made from name, club
    /// and date, from numbers, and from member numbers where they name one shooter only.
    pub fn to_match(&self) -> Loaded<MatchFile> {
        let mut findings = Findings::default();
        let title = |place: usize| self.title.get(place).map(String::as_str);
        let name = title(0)
            .or_else(|| self.info("Match name"))
            .unwrap_or_default();
        let (club, day) = (title(1).unwrap_or_default(), title(2).unwrap_or_default());
        let date = Date::parse_american(day).or_else(|| Date::parse(day));
        if date.is_none() {
            let advice = "is no date such as 01/31/2026; the match is read without one";
            findings
                .warnings
                .push(Complaint::new(REPORT, "line A", day, advice));
        }
        let id = ForeignId::new(&format!("report {name}, {club}, {day}"));
        let mut it = MatchFile {
            made_ids: true,
            name: name.to_owned(),
            date,
            level: self.info("Match Level").unwrap_or_default().to_owned(),
            kind: "uspsa_p".to_owned(),
            subkind: self.info("Region").unwrap_or("uspsa").to_ascii_lowercase(),
            stages: self.stages.rows.iter().map(|row| stage(row, &id)).collect(),
            ..MatchFile::default()
        };
        let ids = self.shooter_ids(&id);
        for row in &self.shooters.rows {
            let shooter = shooter(row, &ids, &mut findings);
            add_names(&mut it, &shooter);
            it.shooters.push(shooter);
        }
        let stages: BTreeMap<u32, (usize, &ReportStage)> = (0..)
            .zip(&self.stages.rows)
            .map(|(place, row)| (row.number, (place, row)))
            .collect();
        let mut by_stage: BTreeMap<usize, Vec<Score>> = BTreeMap::new();
        for row in &self.scores.rows {
            let (Some(&(place, stage)), Some(shooter)) =
                (stages.get(&row.stage), ids.get(&row.shooter))
            else {
                continue;
            };
            let score = score(row, stage, stage_id(&id, row.stage), shooter.clone());
            by_stage.entry(place).or_default().push(score);
        }
        it.scores = by_stage.into_values().flatten().collect();
        it.id = id;
        Loaded {
            value: it,
            warnings: findings.warnings,
        }
    }

    fn shooter_ids(&self, id: &ForeignId) -> BTreeMap<u32, ForeignId> {
        let mut seen = BTreeSet::new();
        let rows = &self.shooters.rows;
        let twice: BTreeSet<&str> = rows
            .iter()
            .map(|row| row.member.as_str())
            .filter(|member| !seen.insert(*member))
            .collect();
        rows.iter()
            .map(|row| {
                let member = row.member.trim();
                let text = if member.is_empty() || twice.contains(row.member.as_str()) {
                    format!("{id}, shooter {}", row.number)
                } else {
                    member.to_owned()
                };
                (row.number, ForeignId::new(&text))
            })
            .collect()
    }
}

fn stage_id(id: &ForeignId, number: u32) -> ForeignId {
    ForeignId::new(&format!("{id}, stage {number}"))
}

fn stage(row: &ReportStage, id: &ForeignId) -> Stage {
    let code = row.classifier_no.trim().to_owned();
    Stage {
        id: stage_id(id, row.number),
        number: row.number,
        name: row.name.clone(),
        scoring: scoring_of(&row.scoring, ""),
        strings: row.strings,
        max_points: (0 < row.max_points).then_some(row.max_points),
        classifier: (row.classifier || !code.is_empty()).then_some(code),
        ..Stage::default()
    }
}

fn shooter(
    row: &ReportShooter,
    ids: &BTreeMap<u32, ForeignId>,
    findings: &mut Findings,
) -> Shooter {
    let power_factor = PowerFactor::parse(&row.power_factor).unwrap_or_else(|| {
        let place = format!("shooter {}", row.number);
        let advice = "is no power factor that is known here; the shooter is read without one";
        findings
            .warnings
            .push(Complaint::new(REPORT, &place, &row.power_factor, advice));
        PowerFactor::NotSaid
    });
    let text = |column: &str| row.other.get(column).map_or("", |text| text.trim());
    let yes = |column: &str| text(column).eq_ignore_ascii_case("yes");
    let mut categories: Vec<String> = Vec::new();
    if yes("Female") {
        categories.push("Lady".to_owned());
    }
    // Ages in years are no category.
    if !text("Age").is_empty() && text("Age").parse::<f64>().is_err() {
        categories.push(text("Age").to_owned());
    }
    for (column, name) in [("Law", "Law Enforcement"), ("Military", "Military")] {
        if yes(column) {
            categories.push(name.to_owned());
        }
    }
    Shooter {
        id: ids.get(&row.number).cloned().unwrap_or_default(),
        number: Some(row.number),
        first_name: row.first_name.clone(),
        last_name: row.last_name.clone(),
        member: row.member.clone(),
        division: row.division.clone(),
        class: row.class.clone(),
        power_factor,
        categories,
        dq: row.dq.then(String::new),
        ..Shooter::default()
    }
}

/// Adds the division, class and categories of a shooter to those of the match.
fn add_names(it: &mut MatchFile, shooter: &Shooter) {
    let division = &shooter.division;
    if !division.is_empty() && !it.divisions.iter().any(|known| known.name == *division) {
        it.divisions.push(Division {
            name: division.clone(),
            ..Division::default()
        });
    }
    if !shooter.class.is_empty() && !it.classes.contains(&shooter.class) {
        it.classes.push(shooter.class.clone());
    }
    for category in &shooter.categories {
        if !it.categories.contains(category) {
            it.categories.push(category.clone());
        }
    }
}

fn score(row: &ReportScore, stage: &ReportStage, id: ForeignId, shooter: ForeignId) -> Score {
    let centis = |centis: i64| u32::try_from(centis).unwrap_or(0);
    let count = usize::try_from(stage.strings).unwrap_or(usize::MAX);
    let strings: Vec<u32> = row
        .string_centis
        .iter()
        .take(count)
        .map(|&it| centis(it))
        .collect();
    let sum: i64 = strings.iter().copied().map(i64::from).sum();
    let fixed = scoring_of(&stage.scoring, "") == Scoring::FixedTime;
    let string_centis = if row.dnf || (fixed && sum == 0) {
        Vec::new()
    } else if sum == row.time_centis {
        strings
    } else {
        vec![centis(row.time_centis)]
    };
    Score {
        stage: id,
        shooter,
        string_centis,
        hits: Hits::Sums(row.hits),
        procedurals: row.procedurals,
        penalty_points: u32::try_from(row.additional_penalty).unwrap_or(0),
        extra: Extra {
            late_shots: row.late_shots,
            shots: row.extra_shots,
            hits: row.extra_hits,
        },
        dnf: row.dnf,
        raw_points: Some(row.raw_points),
        ..Score::default()
    }
}
