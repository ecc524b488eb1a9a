//! Writes the texts and the zip, the same bytes for the same match.

use std::io::{Cursor, Write as _};

use serde_json::{Map, Value, json};
use zip::result::ZipError;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use super::super::complaint::{Complaint, Complaints};
use super::super::decimal;
use super::super::match_file::{
    Hits, MatchFile, Rule, RuleKind, Score, Shooter, Stage, TargetHits,
};
use super::super::moment;
use super::{DEFINITION, SCORES, kinds};

/// The two texts of a `.psc`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrittenTexts {
    /// `match_def.json`.
    pub definition: String,
    /// `match_scores.json`, with the older versions.
    pub scores: String,
}

/// Writes a match as a `.psc` file that the app and [`super::read_psc`] read.
///
/// The same match gives the same bytes: entries carry the zip format's first moment, 1980.
///
/// # Errors
///
/// [`Complaints`] with the scores that the format has no place for: only sums of hits, or more
/// than 15 hits of one kind on one target.
pub fn write_psc(it: &MatchFile) -> Result<Vec<u8>, Complaints> {
    let texts = texts(it)?;
    pack(&texts).map_err(|error| {
        let advice = format!("cannot be packed: {error}");
        Complaint::new(DEFINITION, "", "", &advice).into()
    })
}

/// Writes the two JSON texts of a match.
///
/// # Errors
///
/// As [`write_psc`].
pub fn texts(it: &MatchFile) -> Result<WrittenTexts, Complaints> {
    let mut complaints = Complaints::default();
    for score in &it.scores {
        if let Err(advice) = fits(score) {
            let place = format!("shooter {}, stage {}", score.shooter, score.stage);
            complaints.push(Complaint::new(SCORES, &place, "", advice));
        }
    }
    if complaints.is_empty() {
        Ok(WrittenTexts {
            definition: definition(it).to_string(),
            scores: scores(it).to_string(),
        })
    } else {
        Err(complaints)
    }
}

fn fits(score: &Score) -> Result<(), &'static str> {
    match &score.hits {
        Hits::Sums(_) => Err("only sums of hits are known; a .psc file needs them by target"),
        Hits::PerTarget(targets) => {
            let large = |target: &TargetHits| target.counts().iter().any(|&count| 15 < count);
            if targets.iter().any(large) {
                return Err("a target has more than 15 hits of one kind; a .psc file holds 15");
            }
            Ok(())
        }
    }
}

fn pack(texts: &WrittenTexts) -> Result<Vec<u8>, ZipError> {
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .compression_level(Some(6))
        .last_modified_time(DateTime::DEFAULT)
        .unix_permissions(0o644);
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, text) in [(DEFINITION, &texts.definition), (SCORES, &texts.scores)] {
        zip.start_file(name, options)?;
        zip.write_all(text.as_bytes())?;
    }
    Ok(zip.finish()?.into_inner())
}

fn definition(it: &MatchFile) -> Value {
    let date = it.date.map(|date| date.to_string()).unwrap_or_default();
    let changed = it.scores.iter().filter_map(|score| score.saved_at_ms).max();
    let created = date.clone() + " 00:00:00.000";
    let mut members = Map::new();
    let floors: Map<String, Value> = it
        .divisions
        .iter()
        .filter_map(|division| {
            let mut floors = Map::new();
            put_some(&mut floors, "minor", division.minor_floor);
            put_some(&mut floors, "major", division.major_floor);
            (!floors.is_empty()).then(|| (division.name.clone(), Value::Object(floors)))
        })
        .collect();
    let names: Vec<&str> = it.divisions.iter().map(|it| it.name.as_str()).collect();
    for (key, value) in [
        ("app_version", json!("tallyline")),
        ("match_id", json!(it.id.text())),
        ("match_name", json!(it.name)),
        ("match_type", json!(it.kind)),
        ("match_subtype", json!(it.subkind)),
        ("match_level", json!(it.level)),
        ("match_date", json!(date)),
        ("match_creationdate", json!(created)),
        (
            "match_modifieddate",
            json!(changed.and_then(moment::text).unwrap_or(created)),
        ),
        ("match_cats", json!(names)),
        ("match_cls", json!(it.classes)),
        // The app keeps this one list as JSON inside a text.
        ("match_ctgs", json!(json!(it.categories).to_string())),
        ("match_divisionpfs", Value::Object(floors)),
    ] {
        members.insert(key.to_owned(), value);
    }
    if let Some(centis) = it.point_down_centis {
        members.insert("match_pointsdownvalue".to_owned(), decimal::json(centis, 2));
    }
    put_some(
        &mut members,
        "match_steelmisspdcount",
        it.steel_miss_points_down,
    );
    members.extend(rules(&it.rules));
    let stages: Vec<Value> = it
        .stages
        .iter()
        .map(|it| Value::Object(stage(it)))
        .collect();
    let shooters: Vec<Value> = it.shooters.iter().map(shooter).collect();
    let notes: Vec<Value> = it.notes.iter().map(note).collect();
    members.insert("match_stages".to_owned(), Value::Array(stages));
    members.insert("match_shooters".to_owned(), Value::Array(shooters));
    members.insert("match_nots".to_owned(), Value::Array(notes));
    Value::Object(members)
}

fn note(it: &super::super::match_file::Note) -> Value {
    let mut members = Map::new();
    members.insert("v".to_owned(), json!(it.text));
    put_some(&mut members, "t", it.at_ms.and_then(moment::text));
    Value::Object(members)
}

/// Writes the five lists of rules.
pub(in super::super) fn rules(rules: &[Rule]) -> Map<String, Value> {
    const LISTS: [&str; 5] = [
        "match_procs",
        "match_dqs",
        "match_dnfs",
        "match_penalties",
        "match_bonuses",
    ];
    let mut lists = Map::new();
    for list in LISTS {
        let written = rules
            .iter()
            .filter(|rule| list_of(rule.kind) == list)
            .map(rule)
            .collect();
        lists.insert(list.to_owned(), Value::Array(written));
    }
    lists
}

/// Returns the list that rules of a kind stand in; warnings stand among the procedurals.
fn list_of(kind: RuleKind) -> &'static str {
    match kind {
        RuleKind::Procedural | RuleKind::Warning => "match_procs",
        RuleKind::Dq => "match_dqs",
        RuleKind::Dnf => "match_dnfs",
        RuleKind::Penalty => "match_penalties",
        RuleKind::Bonus => "match_bonuses",
    }
}

fn rule(it: &Rule) -> Value {
    let value = it.value_centis.map(|centis| decimal::json(centis, 2));
    let mut members = Map::new();
    let prefix = match it.kind {
        RuleKind::Procedural | RuleKind::Warning | RuleKind::Dq | RuleKind::Dnf => {
            members.insert("uuid".to_owned(), json!(it.id.text()));
            members.insert("name".to_owned(), json!(it.text));
            put_some(&mut members, "value", value);
            put_flag(&mut members, "warn", it.kind == RuleKind::Warning);
            return Value::Object(members);
        }
        RuleKind::Penalty => "pen",
        RuleKind::Bonus => "bon",
    };
    members.insert(format!("{prefix}_name"), json!(it.text));
    put_some(&mut members, &format!("{prefix}_val"), value);
    members.insert(format!("{prefix}_bin"), json!(it.once));
    if it.id.text() != it.text.trim() {
        members.insert(format!("{prefix}_uuid"), json!(it.id.text()));
    }
    Value::Object(members)
}

/// Writes one stage.
pub(in super::super) fn stage(it: &Stage) -> Map<String, Value> {
    let targets: Vec<Value> = it
        .targets
        .iter()
        .zip(1..)
        .map(|(hits, number)| json!({"target_number": number, "target_reqshots": hits}))
        .collect();
    let longest = it.max_string_centis.map(i64::from);
    let mut members = Map::new();
    for (key, value) in [
        ("stage_uuid", json!(it.id.text())),
        ("stage_number", json!(it.number)),
        ("stage_name", json!(it.name)),
        ("stage_scoretype", json!(kinds::word(&it.scoring))),
        ("stage_strings", json!(it.strings)),
        ("stage_targets", Value::Array(targets)),
        ("stage_poppers", json!(it.steel)),
        ("stage_classifier", json!(it.classifier.is_some())),
        (
            "stage_classifiercode",
            json!(it.classifier.as_deref().unwrap_or_default()),
        ),
        ("stage_removeworststring", json!(it.drop_worst)),
    ] {
        members.insert(key.to_owned(), value);
    }
    put_some(&mut members, "stage_noshoots", it.no_shoots);
    put_some(&mut members, "stage_tppoints", it.max_points);
    put_some(
        &mut members,
        "stage_maxstringtime",
        longest.map(|centis| decimal::json(centis, 2)),
    );
    put_flag(&mut members, "stage_deleted", it.deleted);
    put_text(&mut members, "stage_briefing", &it.briefing);
    members
}

fn shooter(it: &Shooter) -> Value {
    let power_factor = it.power_factor.word().to_ascii_uppercase();
    let mut members = Map::new();
    for (key, value) in [
        ("sh_uid", json!(it.id.text())),
        ("sh_uuid", json!(it.id.text())),
        ("sh_fn", json!(it.first_name)),
        ("sh_ln", json!(it.last_name)),
        ("sh_id", json!(it.member)),
        ("sh_dvp", json!(it.division)),
        ("sh_grd", json!(it.class)),
        ("sh_pf", json!(power_factor)),
        ("sh_sqd", json!(it.squad.unwrap_or(0))),
        ("sh_ctgs", json!(json!(it.categories).to_string())),
        ("sh_dq", json!(it.dq.is_some())),
        ("sh_del", json!(it.deleted)),
        ("sh_wlk", json!(it.walk_in)),
    ] {
        members.insert(key.to_owned(), value);
    }
    put_some(&mut members, "sh_num", it.number);
    put_text(
        &mut members,
        "sh_dqrule",
        it.dq.as_deref().unwrap_or_default(),
    );
    put_text(&mut members, "sh_team", &it.team);
    put_text(&mut members, "sh_cc", &it.region);
    Value::Object(members)
}

fn scores(it: &MatchFile) -> Value {
    let mut stages = Vec::new();
    let mut history = Map::new();
    for stage in &it.stages {
        let mut current = Vec::new();
        let mut older: Map<String, Value> = Map::new();
        for version in it.scores.iter().filter(|score| score.stage == stage.id) {
            let mut members = Map::new();
            members.insert("shtr".to_owned(), json!(version.shooter.text()));
            members.extend(score(version));
            let members = Value::Object(members);
            if version.superseded {
                let list = older
                    .entry(version.shooter.text())
                    .or_insert_with(|| Value::Array(Vec::new()));
                if let Value::Array(list) = list {
                    list.push(members);
                }
            } else {
                current.push(members);
            }
        }
        // A text here, a number in the definition: so the app has it.
        stages.push(json!({
            "stage_number": stage.number.to_string(),
            "stage_uuid": stage.id.text(),
            "stage_stagescores": current,
        }));
        if !older.is_empty() {
            history.insert(stage.id.text().to_owned(), Value::Object(older));
        }
    }
    json!({
        "match_id": it.id.text(),
        "match_scores": stages,
        "match_scores_history": history,
    })
}

/// Writes what was scored, without the slot.
pub(in super::super) fn score(it: &Score) -> Map<String, Value> {
    let mut members = Map::new();
    put_some(&mut members, "mod", it.saved_at_ms.and_then(moment::text));
    members.insert("popm".to_owned(), json!(it.steel.missed));
    members.insert("poph".to_owned(), json!(it.steel.hit));
    put_count(&mut members, "popnpm", it.steel.no_penalty_missed);
    put_count(&mut members, "popns", it.steel.no_shoots);
    put_some(&mut members, "rawpts", it.raw_points);
    let strings: Vec<Value> = it
        .string_centis
        .iter()
        .map(|&centis| decimal::json(i64::from(centis), 2))
        .collect();
    members.insert("str".to_owned(), Value::Array(strings));
    if let Hits::PerTarget(targets) = &it.hits {
        let bits: Vec<u32> = targets.iter().map(target_bits).collect();
        put_list(&mut members, "ts", &bits);
    }
    if 0 < it.procedurals || !it.procedurals_by_rule.is_empty() {
        members.insert("proc".to_owned(), json!(it.procedurals));
    }
    let by_rule: Vec<Value> = it
        .procedurals_by_rule
        .iter()
        .map(|(id, count)| json!({ id.text(): count }))
        .collect();
    put_list(&mut members, "proc_cnts", &by_rule);
    put_count(&mut members, "apen", it.penalty_points);
    put_count(&mut members, "ots", it.extra.late_shots);
    put_count(&mut members, "tallyline_extra_shots", it.extra.shots);
    put_count(&mut members, "tallyline_extra_hits", it.extra.hits);
    put_list(&mut members, "tpts", &it.points_down);
    put_list(&mut members, "pens", &it.penalties);
    put_list(&mut members, "bons", &it.bonuses);
    put_list(&mut members, "penss", &it.string_penalties);
    put_flag(&mut members, "dnf", it.dnf);
    outcome(it, &mut members);
    put_some(&mut members, "aprv", it.approval.marked);
    marks(it, &mut members);
    put_text(&mut members, "udid", &it.device.id);
    put_text(&mut members, "dname", &it.device.name);
    put_text(&mut members, "penr", &it.note);
    members
}

fn outcome(it: &Score, members: &mut Map<String, Value>) {
    let texts = |ids: &[super::super::match_file::ForeignId]| -> Vec<String> {
        ids.iter().map(|id| id.text().to_owned()).collect()
    };
    put_list(members, "dnfs", &texts(&it.dnf_rules));
    if let Some(dq) = &it.stage_dq {
        put_list(members, "dqs", &texts(&dq.rules));
        put_text(members, "stagedq_details", &dq.details);
    }
    if let Some(chrono) = &it.chrono {
        let readings = |counts: &[i64]| -> Vec<Value> {
            counts.iter().map(|&it| decimal::json(it, 2)).collect()
        };
        put_list(
            members,
            "velocities",
            &readings(&chrono.velocities_centifps),
        );
        put_list(members, "weights", &readings(&chrono.weights_centigr));
        put_text(members, "gear_check", &chrono.gear);
    }
}

/// Writes when the score was affirmed and where it came from. The drawings are not there.
fn marks(it: &Score, members: &mut Map<String, Value>) {
    let mut marks = Vec::new();
    for (key, at_ms) in [("ss", it.approval.shooter_ms), ("rs", it.approval.ro_ms)] {
        if let Some(text) = at_ms.and_then(moment::text) {
            marks.push(json!({"k": key, "v": "", "t": text}));
        }
    }
    if !it.origin.is_empty() {
        marks.push(json!({"k": "from", "v": it.origin, "t": ""}));
    }
    put_list(members, "meta", &marks);
}

fn target_bits(hits: &TargetHits) -> u32 {
    hits.counts()
        .iter()
        .rev()
        .fold(0, |bits, &count| bits << 4 | count & 0xf)
}

fn put_some(members: &mut Map<String, Value>, key: &str, value: Option<impl Into<Value>>) {
    if let Some(value) = value {
        members.insert(key.to_owned(), value.into());
    }
}

fn put_list(members: &mut Map<String, Value>, key: &str, list: &[impl serde::Serialize]) {
    if !list.is_empty() {
        members.insert(key.to_owned(), json!(list));
    }
}

fn put_count(members: &mut Map<String, Value>, key: &str, count: u32) {
    if 0 < count {
        members.insert(key.to_owned(), json!(count));
    }
}

fn put_flag(members: &mut Map<String, Value>, key: &str, flag: bool) {
    if flag {
        members.insert(key.to_owned(), json!(true));
    }
}

fn put_text(members: &mut Map<String, Value>, key: &str, text: &str) {
    if !text.is_empty() {
        members.insert(key.to_owned(), json!(text));
    }
}
