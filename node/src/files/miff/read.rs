//! Reads a MIFF document: the fields of the format first, ours where they still fit.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::super::at::{At, ITEMS_MAX};
use super::super::complaint::{Complaint, Findings};
use super::super::match_file::{
    Division, ForeignId, Hits, MatchFile, PowerFactor, Rule, RuleKind, Score, Scoring, Shooter,
    Stage, StageDq, TargetHits,
};
use super::super::moment::{Date, parse_ms};
use super::super::psc;
use super::{OURS, events, write};

/// Longest name, in bytes.
const NAME_BYTES_MAX: usize = 512;
/// Largest number of a stage, squad or shooter.
const NO_MAX: u32 = 1_000_000;
/// Largest count of one event.
const COUNT_MAX: u32 = 100_000;
/// Most strings or targets of one score.
const PARTS_MAX: usize = 1000;
/// Longest time in hundredths of a second: a day.
const CENTIS_MAX: i64 = 8_640_000;

/// Counts by the names of events.
type Counts = BTreeMap<String, u32>;

/// Reads the document; `None` if something in it is wrong.
pub(super) fn document(root: &At<'_>, findings: &mut Findings) -> Option<MatchFile> {
    let at = findings.take(head(root))?;
    let before = findings.errors.len();
    let mut it = findings.take(about(&at))?;
    it.rules = findings.take(rules(&at))?;
    let list = |key| at.field(key).and_then(|list| list.items(ITEMS_MAX));
    let (stages, shooters) = (list("stages"), list("shooters"));
    for at in findings.take(stages).unwrap_or_default() {
        let known = |number| it.stages.iter().any(|stage| stage.number == number);
        match stage(&at, &it) {
            Ok(stage) if known(stage.number) => {
                let advice = "another stage has this number";
                findings.errors.push(at.about("id", advice));
            }
            Ok(stage) => it.stages.push(stage),
            Err(complaint) => findings.errors.push(complaint),
        }
    }
    let mut people = Vec::new();
    for at in findings.take(shooters).unwrap_or_default() {
        if let Some(who) = findings.take(shooter(&at)) {
            if it.shooters.iter().any(|other| other.id == who.id) {
                let advice = "another shooter has this id";
                findings.errors.push(at.about("id", advice));
            }
            people.push((at, who.id.clone()));
            it.shooters.push(who);
        }
    }
    add_divisions(&mut it);
    if findings.errors.len() != before {
        return None;
    }
    scores(&people, &mut it, findings);
    (findings.errors.len() == before).then_some(it)
}

/// Checks what the document says it is, and returns the match in it.
fn head<'a>(root: &At<'a>) -> Result<At<'a>, Complaint> {
    let format = root.field("format")?;
    if format.text(NAME_BYTES_MAX)? != "miff" {
        return Err(format.complaint("this is another format than MIFF"));
    }
    let version = root.field("version")?;
    if !version.text(NAME_BYTES_MAX)?.starts_with("1.") {
        return Err(version.complaint("versions 1.0 and later 1.x are read"));
    }
    root.field("match")
}

fn about(at: &At<'_>) -> Result<MatchFile, Complaint> {
    let date = at.field("date")?;
    let day = Date::parse(&date.text(NAME_BYTES_MAX)?);
    let sport = at.field("sport")?.name(NAME_BYTES_MAX)?;
    let (kind, subkind) = events::kinds(&sport);
    let level = at.or_default("level", |it| {
        it.or_default("name", |it| it.text(NAME_BYTES_MAX))
    })?;
    let name = at.field("name")?.name(NAME_BYTES_MAX)?;
    let ids = at.or_default("source", |it| {
        it.or_default("ids", |it| it.list(ITEMS_MAX, |it| it.text(NAME_BYTES_MAX)))
    })?;
    let id = match ids.first() {
        Some(id) => ForeignId::new(id),
        // Without a source, name and day name a match well enough to know it again.
        None => ForeignId::new(&format!("{name} {}", date.text(NAME_BYTES_MAX)?)),
    };
    let mut it = MatchFile {
        id,
        name,
        date: Some(day.ok_or_else(|| date.complaint("write a date such as 2026-06-01"))?),
        level,
        kind: kind.to_owned(),
        subkind: subkind.to_owned(),
        ..MatchFile::default()
    };
    at.optional(OURS, |ours| about_ours(ours, &mut it))?;
    Ok(it)
}

/// Reads what stands beside the fields of the format.
fn about_ours(at: &At<'_>, it: &mut MatchFile) -> Result<(), Complaint> {
    let text = |key| at.optional(key, |it: &At<'_>| it.text(NAME_BYTES_MAX));
    let names = |key| {
        at.or_default(key, |it: &At<'_>| {
            it.list(ITEMS_MAX, |it| it.text(NAME_BYTES_MAX))
        })
    };
    if let (Some(kind), Some(subkind)) = (text("match_type")?, text("match_subtype")?) {
        let sport = it.sport();
        let before = (it.kind.clone(), it.subkind.clone());
        (it.kind, it.subkind) = (kind, subkind);
        // Somebody made another sport of it.
        if it.sport() != sport {
            (it.kind, it.subkind) = before;
        }
    }
    it.divisions = at.or_default("divisions", |it| {
        it.list(ITEMS_MAX, |it| {
            Ok(Division {
                name: it.field("name")?.name(NAME_BYTES_MAX)?,
                minor_floor: it.optional("minor", |it| it.count(NO_MAX))?,
                major_floor: it.optional("major", |it| it.count(NO_MAX))?,
            })
        })
    })?;
    it.classes = names("match_cls")?;
    it.categories = names("match_ctgs")?;
    it.point_down_centis =
        at.optional("match_pointsdownvalue", |it| it.decimal(2, 0..=CENTIS_MAX))?;
    it.steel_miss_points_down = at.optional("match_steelmisspdcount", |it| it.count(NO_MAX))?;
    it.notes = at.or_default("match_nots", |it| it.list(ITEMS_MAX, psc::read_note))?;
    Ok(())
}

/// Reads our rules, or makes some of the events that the match defines.
fn rules(at: &At<'_>) -> Result<Vec<Rule>, Complaint> {
    if let Some(rules) = at.optional(OURS, psc::read_rules)? {
        return Ok(rules);
    }
    let mut rules = Vec::new();
    let local = at.optional("localEvents", |it| Ok(it.clone()))?;
    for (key, kind, sign) in [
        ("penalties", RuleKind::Penalty, 1),
        ("bonuses", RuleKind::Bonus, -1),
    ] {
        let Some(local) = &local else { continue };
        for event in local.or_default(key, |it| it.items(ITEMS_MAX))? {
            let name = event.field("name")?.name(NAME_BYTES_MAX)?;
            let time = event.or_default("time", |it| it.decimal(2, -CENTIS_MAX..=CENTIS_MAX))?;
            rules.push(rule(&name, kind, Some(time.saturating_mul(sign))));
        }
    }
    rules.sort_by_key(|rule| rule.kind == RuleKind::Bonus);
    Ok(rules)
}

fn rule(name: &str, kind: RuleKind, value_centis: Option<i64>) -> Rule {
    Rule {
        id: ForeignId::new(name),
        kind,
        text: name.to_owned(),
        value_centis,
        once: false,
    }
}

fn stage(at: &At<'_>, it: &MatchFile) -> Result<Stage, Complaint> {
    let number = at.field("id")?.count(NO_MAX)?;
    let kind = at.field("scoring")?.field("type")?;
    let word = kind.text(NAME_BYTES_MAX)?;
    let scoring = events::scoring(&word, it.sport()).ok_or_else(|| {
        kind.complaint("use hitFactor, timePlus, points, ignored or timePlusChrono")
    })?;
    let ours = at.optional(OURS, |ours| psc::read_stage(ours, &it.kind))?;
    let mut stage = ours.unwrap_or_else(|| Stage {
        id: ForeignId::new(&format!("{} stage {number}", it.id)),
        strings: 1,
        ..Stage::default()
    });
    let fits = events::scoring_type(&stage.scoring) == word;
    if !fits || stage.scoring == Scoring::default() {
        stage.scoring = scoring;
    }
    stage.number = number;
    stage.name = at.field("name")?.text(NAME_BYTES_MAX)?;
    let most = at.or_default("maxPoints", |it| it.count(NO_MAX))?;
    if stage.max_points.unwrap_or(0) != most {
        stage.max_points = Some(most);
    }
    let code = at.or_default("classifierNumber", |it| it.text(NAME_BYTES_MAX))?;
    let classifier = at.or_default("classifier", At::flag)?;
    stage.classifier = (classifier || !code.is_empty()).then_some(code);
    Ok(stage)
}

fn shooter(at: &At<'_>) -> Result<Shooter, Complaint> {
    let text = |key| at.field(key).and_then(|it| it.text(NAME_BYTES_MAX));
    let optional = |key| at.or_default(key, |it: &At<'_>| it.text(NAME_BYTES_MAX));
    let number = at.field("id")?.count(u32::MAX)?;
    let source = at.optional("sourceId", |it| it.name(NAME_BYTES_MAX))?;
    let factor = at.field("powerFactor")?;
    let power_factor = PowerFactor::parse(&factor.text(NAME_BYTES_MAX)?)
        .ok_or_else(|| factor.complaint("use Major, Minor, Subminor or nothing"))?;
    let mut categories = Vec::new();
    if at.or_default("female", At::flag)? {
        categories.push("Lady".to_owned());
    }
    let age = optional("ageCategory")?;
    if !age.is_empty() {
        categories.push(age);
    }
    let mut who = Shooter {
        id: ForeignId::new(&source.unwrap_or_else(|| format!("entry {number}"))),
        number: Some(number),
        first_name: text("firstName")?,
        last_name: text("lastName")?,
        member: text("memberNumber")?,
        division: optional("division")?,
        class: optional("classification")?,
        power_factor,
        squad: at.optional("squad", |it| it.count(NO_MAX))?,
        region: optional("rawLocation")?,
        dq: at.or_default("dq", At::flag)?.then(String::new),
        ..Shooter::default()
    };
    at.optional(OURS, |ours| {
        let listed = ours.or_default("categories", |it| {
            it.list(ITEMS_MAX, |it| it.text(NAME_BYTES_MAX))
        })?;
        if categories.iter().all(|category| listed.contains(category)) {
            categories = listed;
        }
        who.team = ours.or_default("team", |it| it.text(NAME_BYTES_MAX))?;
        let rule = ours.optional("dq_rule", |it| it.text(NAME_BYTES_MAX))?;
        if let (Some(dq), Some(rule)) = (&mut who.dq, rule) {
            *dq = rule;
        }
        who.deleted = ours.or_default("deleted", At::flag)?;
        who.walk_in = ours.or_default("walk_in", At::flag)?;
        Ok(())
    })?;
    who.categories = categories;
    Ok(who)
}

fn add_divisions(it: &mut MatchFile) {
    for shooter in &it.shooters {
        let name = &shooter.division;
        if !name.trim().is_empty() && !it.divisions.iter().any(|division| division.name == *name) {
            it.divisions.push(Division {
                name: name.clone(),
                ..Division::default()
            });
        }
    }
}

/// Reads all versions of all scores, stage by stage in the order of the match.
fn scores(people: &[(At<'_>, ForeignId)], it: &mut MatchFile, findings: &mut Findings) {
    let mut by_stage: BTreeMap<usize, Vec<Score>> = BTreeMap::new();
    for (at, id) in people {
        let current = at.field("scores").and_then(|it| it.object());
        let older = at.or_default("supersededScores", At::object);
        let mut versions: Vec<(&str, At<'_>, bool)> = Vec::new();
        for (key, list) in findings.take(older).unwrap_or_default() {
            let list = findings.take(list.items(ITEMS_MAX)).unwrap_or_default();
            versions.extend(list.into_iter().map(|at| (key, at, true)));
        }
        for (key, at) in findings.take(current).unwrap_or_default() {
            versions.push((key, at, false));
        }
        for (key, at, superseded) in versions {
            let number = key.parse::<u32>().ok();
            let found = it
                .stages
                .iter()
                .position(|stage| Some(stage.number) == number);
            let Some((place, stage)) =
                found.and_then(|place| Some((place, it.stages.get(place)?.clone())))
            else {
                let advice = "there is no stage with this number; correct the number or add it";
                findings.errors.push(at.complaint(advice));
                continue;
            };
            let Some(read) = findings.take(score(&at, &stage, it)) else {
                continue;
            };
            match read {
                Read::Fits(score) => keep(&mut by_stage, place, score, id, superseded),
                Read::Changed(score) => {
                    let advice = "was changed by another program; what stood beside is left out";
                    findings.warnings.push(at.about(OURS, advice));
                    keep(&mut by_stage, place, score, id, superseded);
                }
                Read::OnlyTotals => {
                    let advice = "holds only totals and no hits; the score is left out";
                    findings.warnings.push(at.complaint(advice));
                }
            }
        }
    }
    it.scores = by_stage.into_values().flatten().collect();
}

fn keep(
    by_stage: &mut BTreeMap<usize, Vec<Score>>,
    place: usize,
    score: Box<Score>,
    shooter: &ForeignId,
    superseded: bool,
) {
    by_stage.entry(place).or_default().push(Score {
        shooter: shooter.clone(),
        superseded,
        ..*score
    });
}

/// How a score was read.
enum Read {
    /// As it stands, with ours beside it if there is any.
    Fits(Box<Score>),
    /// The format's fields say something else than ours.
    Changed(Box<Score>),
    /// There are no hits.
    OnlyTotals,
}

fn score(at: &At<'_>, stage: &Stage, it: &mut MatchFile) -> Result<Read, Complaint> {
    let there = |key| Ok::<_, Complaint>(at.optional(key, |_| Ok(()))?.is_some());
    if there("totalPointsOverride")? || there("finalTimeOverride")? {
        return Ok(Read::OnlyTotals);
    }
    let time = at.field("time")?.decimal(2, 0..=CENTIS_MAX)?;
    let time = u32::try_from(time).unwrap_or(u32::MAX);
    let strings = at.optional("stringTimes", |it| {
        it.list(PARTS_MAX, |it| {
            let centis = it.decimal(2, 0..=CENTIS_MAX)?;
            Ok(u32::try_from(centis).unwrap_or(u32::MAX))
        })
    })?;
    let plain = if 0 < time { vec![time] } else { Vec::new() };
    let shot = Score {
        stage: stage.id.clone(),
        string_centis: strings.unwrap_or(plain),
        saved_at_ms: at.optional("modified", moment)?,
        stage_dq: at.or_default("dq", At::flag)?.then(StageDq::default),
        ..Score::default()
    };
    let on_targets = on_targets(at)?;
    let penalties = at.or_default("penaltyEvents", counts)?;
    let ours = at.optional(OURS, score_ours)?;
    let had_ours = ours.is_some();
    if let Some(ours) = ours {
        let stage_dq = shot
            .stage_dq
            .clone()
            .map(|plain| ours.stage_dq.clone().unwrap_or(plain));
        let score = Score {
            stage: shot.stage.clone(),
            string_centis: shot.string_centis.clone(),
            saved_at_ms: shot.saved_at_ms,
            stage_dq,
            ..ours
        };
        let same = same(&write::target_events(stage, &score), &on_targets)
            && same(&write::penalty_events(it, stage, &score), &penalties);
        if same {
            return Ok(Read::Fits(Box::new(score)));
        }
    }
    let score = Box::new(of_events(shot, stage, &on_targets, &penalties, it));
    Ok(if had_ours {
        Read::Changed(score)
    } else {
        Read::Fits(score)
    })
}

/// Reads what stands beside the fields of the format.
fn score_ours(at: &At<'_>) -> Result<Score, Complaint> {
    let mut score = psc::read_score(at)?;
    if let Some(sums) = at.optional(write::SUMS, |it| it.list(7, |it| it.count(COUNT_MAX)))? {
        let mut counts = [0; 7];
        for (to, from) in counts.iter_mut().zip(sums) {
            *to = from;
        }
        score.hits = Hits::Sums(TargetHits::of_counts(counts));
    }
    Ok(score)
}

/// Reads what lies on the targets: sums, or target by target and then summed.
fn on_targets(at: &At<'_>) -> Result<Counts, Complaint> {
    let mut sums = at.or_default("targetEvents", counts)?;
    for target in at.or_default("targets", |it| it.items(PARTS_MAX))? {
        for (name, count) in target.or_default("events", counts)? {
            let sum = sums.entry(name).or_default();
            *sum = sum.saturating_add(count);
        }
    }
    Ok(sums)
}

fn counts(at: &At<'_>) -> Result<Counts, Complaint> {
    let mut counts = Counts::new();
    for (name, at) in at.object()? {
        let count = at.count(COUNT_MAX)?;
        if 0 < count {
            counts.insert(name.to_owned(), count);
        }
    }
    Ok(counts)
}

/// Returns whether written events say the same as read ones.
fn same(written: &Value, read: &Counts) -> bool {
    let empty = Map::new();
    let written = written.as_object().unwrap_or(&empty);
    let equal =
        |(name, count): (&String, &Value)| read.get(name).copied().map(u64::from) == count.as_u64();
    written.len() == read.len() && written.iter().all(equal)
}

/// Makes a score of the format's events alone. Names that nobody defined become rules.
fn of_events(
    mut score: Score,
    stage: &Stage,
    on_targets: &Counts,
    penalties: &Counts,
    it: &mut MatchFile,
) -> Score {
    let mut sums = [0_u32; 7];
    for (name, &count) in on_targets.iter().chain(penalties) {
        let down = match (name.as_str(), &stage.scoring) {
            ("-0", _) => Some(0),
            ("-1" | "PD", _) => Some(1),
            ("-3", _) => Some(3),
            (_, _) => None,
        };
        let zone = events::zone(name).and_then(|place| sums.get_mut(place));
        if let Some(down) = down {
            score.points_down.push(count.saturating_mul(down));
        } else if let (Some(sum), true) = (zone, on_targets.contains_key(name)) {
            *sum = sum.saturating_add(count);
        } else {
            counted(name, count, &mut score, &mut it.rules);
        }
    }
    score.hits = Hits::Sums(TargetHits::of_counts(sums));
    let hit_factor = matches!(stage.scoring, Scoring::Comstock | Scoring::VirginiaCount);
    score.dnf = hit_factor && score.string_centis.iter().all(|&centis| centis == 0);
    score
}

/// Counts one event that is no hit.
fn counted(name: &str, count: u32, score: &mut Score, rules: &mut Vec<Rule>) {
    for kind in [RuleKind::Penalty, RuleKind::Bonus] {
        if let Some(place) = events::place_of(rules, kind, name) {
            let list = match kind {
                RuleKind::Bonus => &mut score.bonuses,
                RuleKind::Penalty
                | RuleKind::Procedural
                | RuleKind::Warning
                | RuleKind::Dq
                | RuleKind::Dnf => &mut score.penalties,
            };
            if list.len() <= place {
                list.resize(place.saturating_add(1), 0);
            }
            if let Some(sum) = list.get_mut(place) {
                *sum = sum.saturating_add(count);
            }
            return;
        }
    }
    let sum = match name {
        events::PROCEDURAL => &mut score.procedurals,
        events::LATE_SHOT => &mut score.extra.late_shots,
        events::EXTRA_SHOT => &mut score.extra.shots,
        events::EXTRA_HIT => &mut score.extra.hits,
        events::PENALTY_POINT => &mut score.penalty_points,
        _ => {
            let value = events::built_in_value(name);
            let at = rules
                .iter()
                .position(|rule| rule.kind == RuleKind::Bonus)
                .unwrap_or(rules.len());
            rules.insert(at, rule(name, RuleKind::Penalty, value));
            return counted(name, count, score, rules);
        }
    };
    *sum = sum.saturating_add(count);
}

fn moment(it: &At<'_>) -> Result<i64, Complaint> {
    parse_ms(&it.text(NAME_BYTES_MAX)?)
        .ok_or_else(|| it.complaint("write a moment such as 2026-06-01T09:00:00Z"))
}
