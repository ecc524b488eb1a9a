//! Writes a MIFF file: the fields of the format, and ours beside them.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Map, Value, json};

use super::super::complaint::{Complaint, Complaints};
use super::super::decimal;
use super::super::match_file::{
    Hits, MatchFile, Rule, RuleKind, Score, Scoring, Shooter, Stage, TargetHits,
};
use super::super::{moment, psc};
use super::{MIFF, OURS, events};

/// What the app's fields of a score hold that MIFF has a place for; the rest is ours.
const IN_MIFF: [&str; 2] = ["mod", "str"];

/// Name of the list that says: only sums of hits are known.
pub(super) const SUMS: &str = "sums";

/// Writes a match as a MIFF file: the same bytes for the same match.
///
/// # Errors
///
/// [`Complaints`] with what the format has no place for: a match without a date, two shooters or
/// two stages with one number, a shooter without a number.
pub fn write_miff(it: &MatchFile) -> Result<Vec<u8>, Complaints> {
    let complaints = unfit(it);
    if !complaints.is_empty() {
        return Err(complaints);
    }
    let text = document(it).to_string();
    // The header of the packing holds no moment and no name.
    let mut packer = GzEncoder::new(Vec::new(), Compression::new(6));
    let packed = packer
        .write_all(text.as_bytes())
        .and_then(|()| packer.finish());
    packed.map_err(|error| {
        let advice = format!("cannot be packed: {error}");
        Complaint::new(MIFF, "", "", &advice).into()
    })
}

fn unfit(it: &MatchFile) -> Complaints {
    let mut complaints = Complaints::default();
    let mut say = |place: &str, advice: &str| {
        complaints.push(Complaint::new(MIFF, place, "", advice));
    };
    if it.date.is_none() {
        say("date", "the match has no date, and the format wants one");
    }
    let mut numbers = std::collections::BTreeSet::new();
    for stage in &it.stages {
        if !numbers.insert(stage.number) {
            let place = format!("stage {}", stage.number);
            say(&place, "two stages have this number");
        }
    }
    numbers.clear();
    for shooter in &it.shooters {
        let place = format!("{} {}", shooter.first_name, shooter.last_name);
        match shooter.number {
            None => say(
                &place,
                "this shooter has no number, and the format wants one",
            ),
            Some(number) if !numbers.insert(number) => {
                say(&place, "another shooter has the same number");
            }
            Some(_) => {}
        }
    }
    complaints
}

fn document(it: &MatchFile) -> Value {
    let mut members = Map::new();
    let date = it.date.map(|date| date.to_string()).unwrap_or_default();
    let changed = it.scores.iter().filter_map(|score| score.saved_at_ms).max();
    members.insert("name".to_owned(), json!(it.name));
    members.insert("date".to_owned(), json!(date));
    if let Some(text) = changed.and_then(moment::iso_text) {
        members.insert("lastUpdatedAt".to_owned(), json!(text));
    }
    members.insert("sport".to_owned(), json!(events::sport(it)));
    if !it.level.is_empty() {
        members.insert("level".to_owned(), json!({"name": it.level}));
    }
    members.insert(
        "source".to_owned(),
        json!({"code": "tallyline", "ids": [it.id.text()]}),
    );
    let stages: Vec<Value> = it.stages.iter().map(stage).collect();
    let shooters: Vec<Value> = it.shooters.iter().map(|who| shooter(it, who)).collect();
    members.insert("stages".to_owned(), Value::Array(stages));
    members.insert("shooters".to_owned(), Value::Array(shooters));
    members.insert("localEvents".to_owned(), local_events(it));
    members.insert(OURS.to_owned(), ours(it));
    json!({"format": "miff", "version": "1.0", "match": members})
}

/// Writes what the match holds and MIFF does not.
fn ours(it: &MatchFile) -> Value {
    let mut members = Map::new();
    members.insert("match_type".to_owned(), json!(it.kind));
    members.insert("match_subtype".to_owned(), json!(it.subkind));
    let divisions: Vec<Value> = it
        .divisions
        .iter()
        .map(|division| {
            json!({
                "name": division.name,
                "minor": division.minor_floor,
                "major": division.major_floor,
            })
        })
        .collect();
    members.insert("divisions".to_owned(), Value::Array(divisions));
    members.insert("match_cls".to_owned(), json!(it.classes));
    members.insert("match_ctgs".to_owned(), json!(it.categories));
    if let Some(centis) = it.point_down_centis {
        members.insert("match_pointsdownvalue".to_owned(), decimal::json(centis, 2));
    }
    if let Some(count) = it.steel_miss_points_down {
        members.insert("match_steelmisspdcount".to_owned(), json!(count));
    }
    members.extend(psc::rule_members(&it.rules));
    let notes: Vec<Value> = it
        .notes
        .iter()
        .map(|note| json!({"v": note.text, "t": note.at_ms.and_then(moment::text)}))
        .collect();
    members.insert("match_nots".to_owned(), Value::Array(notes));
    Value::Object(members)
}

/// Defines every event that the format's sports may not know.
fn local_events(it: &MatchFile) -> Value {
    let event = |name: &str, points: i64, time: i64| json!({"name": name, "points": points, "time": decimal::json(time, 2)});
    let timed = |kind, sign: i64| {
        it.rules_of(kind).map(move |rule: &Rule| {
            let value = rule.value_centis.unwrap_or(0);
            event(&rule.text, 0, value.saturating_mul(sign))
        })
    };
    let mut penalties: Vec<Value> = timed(RuleKind::Penalty, 1).collect();
    for (name, points) in [
        (events::EXTRA_SHOT, -10),
        (events::EXTRA_HIT, -10),
        (events::PENALTY_POINT, -1),
    ] {
        penalties.push(event(name, points, 0));
    }
    if let Some(count) = it.steel_miss_points_down {
        let centis = it.point_down_centis.unwrap_or(100);
        let centis = centis.saturating_mul(i64::from(count));
        penalties.push(event(events::STEEL_MISS, 0, centis));
    }
    let bonuses: Vec<Value> = timed(RuleKind::Bonus, -1).collect();
    json!({"bonuses": bonuses, "penalties": penalties})
}

fn stage(it: &Stage) -> Value {
    json!({
        "id": it.number,
        "name": it.name,
        "minRounds": it.required_hits(),
        "maxPoints": it.max_points.unwrap_or(0),
        "classifier": it.classifier.is_some(),
        "classifierNumber": it.classifier.as_deref().unwrap_or_default(),
        "scoring": {"type": events::scoring_type(&it.scoring)},
        OURS: psc::stage_members(it),
    })
}

fn shooter(it: &MatchFile, who: &Shooter) -> Value {
    let has = |name: &str| who.categories.iter().any(|category| category == name);
    let age = ["Junior", "Senior", "Super Senior", "Distinguished Senior"]
        .into_iter()
        .find(|age| has(age));
    let mut members = Map::new();
    for (key, value) in [
        ("id", json!(who.number)),
        ("firstName", json!(who.first_name)),
        ("lastName", json!(who.last_name)),
        ("memberNumber", json!(who.member)),
        ("female", json!(has("Lady"))),
        ("dq", json!(who.dq.is_some())),
        ("powerFactor", json!(who.power_factor.word())),
        ("division", json!(who.division)),
        ("classification", json!(who.class)),
        ("sourceId", json!(who.id.text())),
    ] {
        members.insert(key.to_owned(), value);
    }
    for (key, value) in [
        ("squad", who.squad.map(|squad| json!(squad))),
        ("ageCategory", age.map(|age| json!(age))),
        (
            "rawLocation",
            (!who.region.is_empty()).then(|| json!(who.region)),
        ),
    ] {
        if let Some(value) = value {
            members.insert(key.to_owned(), value);
        }
    }
    let (mut scores, mut older) = (Map::new(), Map::new());
    for version in it.scores.iter().filter(|score| score.shooter == who.id) {
        let Some(stage) = it.stage(&version.stage) else {
            continue;
        };
        let key = stage.number.to_string();
        let written = score(it, stage, version);
        if version.superseded {
            let list = older.entry(key).or_insert_with(|| Value::Array(Vec::new()));
            if let Value::Array(list) = list {
                list.push(written);
            }
        } else {
            scores.insert(key, written);
        }
    }
    members.insert("scores".to_owned(), Value::Object(scores));
    if !older.is_empty() {
        members.insert("supersededScores".to_owned(), Value::Object(older));
    }
    members.insert(
        OURS.to_owned(),
        json!({
            "categories": who.categories,
            "team": who.team,
            "dq_rule": who.dq,
            "deleted": who.deleted,
            "walk_in": who.walk_in,
        }),
    );
    Value::Object(members)
}

fn score(it: &MatchFile, stage: &Stage, score: &Score) -> Value {
    let mut members = Map::new();
    let (time, strings) = times(stage, score);
    members.insert("time".to_owned(), decimal::json(time, 2));
    members.insert("targetEvents".to_owned(), target_events(stage, score));
    members.insert("penaltyEvents".to_owned(), penalty_events(it, stage, score));
    if let Some(strings) = strings {
        members.insert("stringTimes".to_owned(), Value::Array(strings));
    }
    if score.stage_dq.is_some() {
        members.insert("dq".to_owned(), json!(true));
    }
    if let Some(text) = score.saved_at_ms.and_then(moment::iso_text) {
        members.insert("modified".to_owned(), json!(text));
    }
    let mut ours = psc::score_members(score);
    ours.retain(|key, _| !IN_MIFF.contains(&key.as_str()));
    ours.insert("dnf".to_owned(), json!(score.dnf));
    if let Hits::Sums(sums) = &score.hits {
        ours.insert(SUMS.to_owned(), json!(sums.counts()));
    }
    members.insert(OURS.to_owned(), Value::Object(ours));
    Value::Object(members)
}

/// Returns the time that counts, and the strings where they tell more than it.
fn times(stage: &Stage, score: &Score) -> (i64, Option<Vec<Value>>) {
    let strings = &score.string_centis;
    let sum: i64 = strings.iter().copied().map(i64::from).sum();
    let worst = strings.iter().max().copied().map_or(0, i64::from);
    let dropped = stage.drop_worst && strings.len() == usize::try_from(stage.strings).unwrap_or(0);
    let time = if dropped { sum - worst } else { sum };
    let plain = match strings.as_slice() {
        [] => true,
        [one] => 0 < *one,
        _ => false,
    };
    let written = || {
        strings
            .iter()
            .map(|&centis| decimal::json(i64::from(centis), 2))
            .collect()
    };
    (time, (!plain).then(written))
}

/// Sums the hits of a score, steel among them, as the format has them.
fn sums(score: &Score) -> TargetHits {
    let steel = TargetHits {
        a: score.steel.hit,
        no_shoots: score.steel.no_shoots,
        misses: score.steel.missed,
        no_penalty_misses: score.steel.no_penalty_missed,
        ..TargetHits::default()
    };
    match &score.hits {
        Hits::Sums(sums) => *sums,
        Hits::PerTarget(targets) => targets.iter().fold(steel, |sum, it| sum.plus(*it)),
    }
}

/// Returns what lies on the targets; zeros are left out.
pub(super) fn target_events(stage: &Stage, score: &Score) -> Value {
    let mut found = Map::new();
    if stage.scoring == Scoring::PointsDown {
        let down: u32 = score
            .points_down
            .iter()
            .fold(0, |sum, it| sum.saturating_add(*it));
        if 0 < down {
            found.insert(events::POINTS_DOWN.to_owned(), json!(down));
        }
    } else {
        for (name, count) in events::named(&sums(score)) {
            found.insert(name.to_owned(), json!(count));
        }
    }
    Value::Object(found)
}

/// Returns the penalties and bonuses; zeros are left out.
pub(super) fn penalty_events(it: &MatchFile, stage: &Stage, score: &Score) -> Value {
    let mut found: Map<String, Value> = Map::new();
    let mut put = |name: &str, count: u32| {
        if 0 < count {
            found.insert(name.to_owned(), json!(count));
        }
    };
    let by_string = |place: usize| -> u32 {
        let counts = score.string_penalties.iter();
        counts
            .filter_map(|string| string.get(place))
            .fold(0, |sum, it| sum.saturating_add(*it))
    };
    for (place, rule) in it.rules_of(RuleKind::Penalty).enumerate() {
        let count = score.penalties.get(place).copied().unwrap_or(0);
        put(&rule.text, count.saturating_add(by_string(place)));
    }
    for (rule, &count) in it.rules_of(RuleKind::Bonus).zip(&score.bonuses) {
        put(&rule.text, count);
    }
    // Steel Challenge calls a penalty in seconds so; there are no others then.
    if events::place_of(&it.rules, RuleKind::Penalty, events::PROCEDURAL).is_none() {
        put(events::PROCEDURAL, score.procedurals);
    }
    put(events::LATE_SHOT, score.extra.late_shots);
    put(events::EXTRA_SHOT, score.extra.shots);
    put(events::EXTRA_HIT, score.extra.hits);
    put(events::PENALTY_POINT, score.penalty_points);
    if stage.scoring == Scoring::PointsDown && it.steel_miss_points_down.is_some() {
        put(events::STEEL_MISS, score.steel.missed);
    }
    Value::Object(found)
}
