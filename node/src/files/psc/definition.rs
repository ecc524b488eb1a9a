//! Reads `match_def.json`: what the match is, its stages, shooters and rules.

use std::collections::BTreeSet;

use super::super::at::{At, ITEMS_MAX, json};
use super::super::complaint::{Complaint, Findings, shortened};
use super::super::match_file::{
    Division, ForeignId, MatchFile, Note, PowerFactor, Rule, RuleKind, Shooter, Stage,
};
use super::super::moment::{Date, parse_ms};
use super::kinds;

/// Longest id, in bytes; a UUID has 36.
const ID_BYTES_MAX: usize = 128;
/// Longest name, in bytes.
const NAME_BYTES_MAX: usize = 512;
/// Longest text, in bytes: a stage briefing of several pages.
const TEXT_BYTES_MAX: usize = 64 * 1024;
/// Largest number of a stage, squad or shooter.
const NO_MAX: u32 = 1_000_000;
/// Most paper or steel targets of a stage.
const TARGETS_MAX: usize = 1000;
/// Largest value of a penalty in hundredths of a second: a hundred hours.
const VALUE_CENTIS_MAX: i64 = 36_000_000;

/// Reads the definition; `None` if something in it is wrong.
pub(super) fn definition(root: &At<'_>, findings: &mut Findings) -> Option<MatchFile> {
    let before = findings.errors.len();
    let mut it = findings.take(head(root))?;
    let date = root.or_default("match_date", |it| it.text(NAME_BYTES_MAX));
    let date = findings.take(date).unwrap_or_default();
    it.date = Date::parse(&date);
    if it.date.is_none() && !date.trim().is_empty() {
        let advice = "is no date such as 2018-07-25; the match is read without one";
        findings.warnings.push(root.about("match_date", advice));
    }
    it.divisions = findings.take(divisions(root)).unwrap_or_default();
    it.rules = findings.take(rules(root)).unwrap_or_default();
    it.categories = named(root, "match_ctgs", findings);
    it.stages = list(root, "match_stages", findings, |at| stage(at, &it.kind));
    let shooters = root.or_default("match_shooters", |it| it.items(ITEMS_MAX));
    for at in findings.take(shooters).unwrap_or_default() {
        it.shooters.extend(shooter(&at, findings));
    }
    it.notes = list(root, "match_nots", findings, note);
    unique(root, &it, findings);
    unlisted_divisions(root, &mut it, findings);
    (findings.errors.len() == before).then_some(it)
}

fn head(root: &At<'_>) -> Result<MatchFile, Complaint> {
    let name = |key| root.or_default(key, |it: &At<'_>| it.text(NAME_BYTES_MAX));
    Ok(MatchFile {
        id: ForeignId::new(&root.field("match_id")?.name(ID_BYTES_MAX)?),
        name: root.field("match_name")?.name(NAME_BYTES_MAX)?,
        level: name("match_level")?,
        kind: name("match_type")?,
        subkind: name("match_subtype")?,
        classes: root.or_default("match_cls", |it| {
            it.list(ITEMS_MAX, |it| it.text(NAME_BYTES_MAX))
        })?,
        point_down_centis: root.optional("match_pointsdownvalue", |it| {
            it.decimal(2, 0..=VALUE_CENTIS_MAX)
        })?,
        steel_miss_points_down: root.optional("match_steelmisspdcount", |it| it.count(NO_MAX))?,
        ..MatchFile::default()
    })
}

/// Reads each item of a list that may be missing, and collects the complaint of each bad one.
fn list<T>(
    root: &At<'_>,
    key: &str,
    findings: &mut Findings,
    read: impl Fn(&At<'_>) -> Result<T, Complaint>,
) -> Vec<T> {
    let items = root.or_default(key, |it| it.items(ITEMS_MAX));
    let items = findings.take(items).unwrap_or_default();
    items
        .iter()
        .filter_map(|it| findings.take(read(it)))
        .collect()
}

fn divisions(root: &At<'_>) -> Result<Vec<Division>, Complaint> {
    let names = root.or_default("match_cats", |it| {
        it.list(ITEMS_MAX, |it| it.name(NAME_BYTES_MAX))
    })?;
    let floors = root.or_default("match_divisionpfs", At::object)?;
    let mut divisions: Vec<Division> = Vec::new();
    for name in names {
        if !divisions.iter().any(|division| division.name == name) {
            divisions.push(Division {
                name,
                ..Division::default()
            });
        }
    }
    for (name, at) in floors {
        let (minor_floor, major_floor) = (
            at.optional("minor", |it| it.count(NO_MAX))?,
            at.optional("major", |it| it.count(NO_MAX))?,
        );
        // The app keeps floors of divisions that a match does not offer.
        if let Some(division) = divisions.iter_mut().find(|division| division.name == name) {
            division.minor_floor = minor_floor;
            division.major_floor = major_floor;
        }
    }
    Ok(divisions)
}

/// Reads the five lists of rules, in the order in which [`MatchFile`] has them.
///
/// # Errors
///
/// The first [`Complaint`].
pub(in super::super) fn rules(root: &At<'_>) -> Result<Vec<Rule>, Complaint> {
    const COUNTED: [(&str, RuleKind); 3] = [
        ("match_procs", RuleKind::Procedural),
        ("match_dqs", RuleKind::Dq),
        ("match_dnfs", RuleKind::Dnf),
    ];
    const TIMED: [(&str, &str, RuleKind); 2] = [
        ("match_penalties", "pen", RuleKind::Penalty),
        ("match_bonuses", "bon", RuleKind::Bonus),
    ];
    let mut rules = Vec::new();
    for (key, kind) in COUNTED {
        rules.extend(root.or_default(key, |it| it.list(ITEMS_MAX, |it| counted(it, kind)))?);
    }
    for (key, prefix, kind) in TIMED {
        rules.extend(root.or_default(key, |it| it.list(ITEMS_MAX, |it| timed(it, prefix, kind)))?);
    }
    Ok(rules)
}

fn counted(it: &At<'_>, kind: RuleKind) -> Result<Rule, Complaint> {
    let warning = it.or_default("warn", At::flag)?;
    let text = it.field("name")?.name(NAME_BYTES_MAX)?;
    let id = it.optional("uuid", |it| it.name(ID_BYTES_MAX))?;
    Ok(Rule {
        id: ForeignId::new(id.as_deref().unwrap_or(&text)),
        kind: if warning { RuleKind::Warning } else { kind },
        value_centis: it.optional("value", |it| {
            it.decimal(2, -VALUE_CENTIS_MAX..=VALUE_CENTIS_MAX)
        })?,
        once: false,
        text,
    })
}

fn timed(it: &At<'_>, prefix: &str, kind: RuleKind) -> Result<Rule, Complaint> {
    let text = it.field(&format!("{prefix}_name"))?.name(NAME_BYTES_MAX)?;
    let id = it.optional(&format!("{prefix}_uuid"), |it| it.name(ID_BYTES_MAX))?;
    Ok(Rule {
        id: ForeignId::new(id.as_deref().unwrap_or(&text)),
        kind,
        value_centis: it.optional(&format!("{prefix}_val"), |it| {
            it.decimal(2, -VALUE_CENTIS_MAX..=VALUE_CENTIS_MAX)
        })?,
        once: it.or_default(&format!("{prefix}_bin"), At::flag)?,
        text,
    })
}

/// Reads one stage of a match of this kind.
///
/// # Errors
///
/// The first [`Complaint`].
pub(in super::super) fn stage(it: &At<'_>, kind: &str) -> Result<Stage, Complaint> {
    let word = match it.optional("stage_scoretype", |it| it.text(NAME_BYTES_MAX))? {
        Some(word) => word,
        None => it.or_default("stage_scoring", |it| it.text(NAME_BYTES_MAX))?,
    };
    let scoring = kinds::scoring(&word, kind);
    let targets = it.or_default("stage_targets", |it| {
        it.list(TARGETS_MAX, |it| {
            let deleted = it.or_default("target_deleted", At::flag)?;
            let hits = it.or_default("target_reqshots", |it| it.count(255))?;
            Ok((!deleted).then(|| u8::try_from(hits).unwrap_or(u8::MAX)))
        })
    })?;
    let steel = |key| it.or_default(key, |it: &At<'_>| it.count(1000));
    let classifier = it.or_default("stage_classifier", At::flag)?;
    let code = it.or_default("stage_classifiercode", |it| it.text(NAME_BYTES_MAX))?;
    let longest = it.optional("stage_maxstringtime", |it| it.decimal(2, 0..=8_640_000))?;
    Ok(Stage {
        id: ForeignId::new(&it.field("stage_uuid")?.name(ID_BYTES_MAX)?),
        number: it.field("stage_number")?.count(NO_MAX)?,
        name: it.or_default("stage_name", |it| it.text(NAME_BYTES_MAX))?,
        scoring,
        strings: it
            .optional("stage_strings", |it| it.count(1000))?
            .unwrap_or(1),
        targets: targets.into_iter().flatten().collect(),
        steel: steel("stage_poppers")?.saturating_add(steel("stage_plates")?),
        no_shoots: it.optional("stage_noshoots", |it| {
            it.flag().or_else(|_| it.count(1000).map(|count| 0 < count))
        })?,
        max_points: it.optional("stage_tppoints", |it| it.count(NO_MAX))?,
        classifier: (classifier || !code.is_empty()).then_some(code),
        // The app writes 0 for "no limit".
        max_string_centis: longest
            .and_then(|centis| u32::try_from(centis).ok())
            .filter(|&centis| 0 < centis),
        drop_worst: it.or_default("stage_removeworststring", At::flag)?,
        deleted: it.or_default("stage_deleted", At::flag)?,
        briefing: it.or_default("stage_briefing", |it| it.text(TEXT_BYTES_MAX))?,
    })
}

fn shooter(it: &At<'_>, findings: &mut Findings) -> Option<Shooter> {
    let mut shooter = findings.take(person(it))?;
    let word = it.or_default("sh_pf", |it| it.text(NAME_BYTES_MAX));
    let word = findings.take(word)?;
    if let Some(power_factor) = PowerFactor::parse(&word) {
        shooter.power_factor = power_factor;
    } else {
        let advice = "is no power factor that is known here; the shooter is read without one";
        findings.warnings.push(it.about("sh_pf", advice));
    }
    shooter.categories = named(it, "sh_ctgs", findings);
    if shooter.categories.is_empty() {
        shooter.categories = findings.take(older_categories(it))?;
    }
    if shooter.first_name.trim().is_empty() && shooter.last_name.trim().is_empty() {
        findings
            .warnings
            .push(it.complaint("this shooter has no name"));
    }
    Some(shooter)
}

fn person(it: &At<'_>) -> Result<Shooter, Complaint> {
    let name = |key| it.or_default(key, |it: &At<'_>| it.text(NAME_BYTES_MAX));
    let id = |key| it.optional(key, |it: &At<'_>| it.name(ID_BYTES_MAX));
    let id = match id("sh_uid")? {
        Some(id) => id,
        None => id("sh_uuid")?.ok_or_else(|| it.missing("sh_uid"))?,
    };
    let squad = |key| it.optional(key, |it: &At<'_>| it.count(NO_MAX));
    let squad = match squad("sh_sqd")? {
        Some(squad) => Some(squad),
        None => squad("sh_sq")?,
    };
    let dq = it.or_default("sh_dq", At::flag)?;
    let dq_rule = name("sh_dqrule")?;
    Ok(Shooter {
        id: ForeignId::new(&id),
        number: it.optional("sh_num", |it| it.count(NO_MAX))?,
        first_name: name("sh_fn")?,
        last_name: name("sh_ln")?,
        member: name("sh_id")?,
        division: name("sh_dvp")?,
        class: name("sh_grd")?,
        squad: squad.filter(|&squad| 0 < squad),
        team: name("sh_team")?,
        region: name("sh_cc")?,
        dq: dq.then_some(dq_rule),
        deleted: it.or_default("sh_del", At::flag)?,
        walk_in: it.or_default("sh_wlk", At::flag)?,
        ..Shooter::default()
    })
}

/// Reads names that stand as a list or, as the app has it, as a JSON list inside a text.
fn named(at: &At<'_>, key: &str, findings: &mut Findings) -> Vec<String> {
    let read = at.or_default(key, |it| {
        let Some(text) = it.as_text() else {
            return it.list(ITEMS_MAX, |it| it.text(NAME_BYTES_MAX));
        };
        if text.trim().is_empty() {
            return Ok(Vec::new());
        }
        let inner = json("", text.as_bytes())
            .map_err(|_| it.complaint("is no list of names; it is left out"))?;
        At::root("", &inner)
            .list(ITEMS_MAX, |it| it.text(NAME_BYTES_MAX))
            .map_err(|_| it.complaint("is no list of names; it is left out"))
    });
    let names = findings.try_take(read).unwrap_or_default();
    names
        .into_iter()
        .filter(|name| !name.trim().is_empty())
        .collect()
}

/// Reads the fields that older versions of the app had instead of a list of categories.
fn older_categories(it: &At<'_>) -> Result<Vec<String>, Complaint> {
    let word = |key| {
        it.or_default(key, |it: &At<'_>| it.text(NAME_BYTES_MAX))
            .map(|word| word.to_ascii_uppercase())
    };
    let mut categories = Vec::new();
    let plain = it.or_default("sh_ctg", |it| it.text(NAME_BYTES_MAX))?;
    if !plain.trim().is_empty() {
        categories.push(plain);
    }
    if word("sh_gen")? == "FEMALE" {
        categories.push("Lady".to_owned());
    }
    let age = match word("sh_age")?.as_str() {
        "PRETEEN" => Some("Preteen"),
        "JUNIOR" => Some("Junior"),
        "SENIOR" => Some("Senior"),
        "SUPSNR" => Some("Super Senior"),
        _ => None,
    };
    categories.extend(age.map(str::to_owned));
    for (key, name) in [
        ("sh_law", "Law Enforcement"),
        ("sh_mil", "Military"),
        ("sh_frn", "Foreign"),
    ] {
        if it.or_default(key, At::flag)? {
            categories.push(name.to_owned());
        }
    }
    Ok(categories)
}

/// Reads a note: a text, or an object that holds one and its moment.
///
/// # Errors
///
/// The first [`Complaint`].
pub(in super::super) fn note(it: &At<'_>) -> Result<Note, Complaint> {
    if it.as_text().is_some() {
        return Ok(Note {
            at_ms: None,
            text: it.text(TEXT_BYTES_MAX)?,
        });
    }
    let mut text = String::new();
    for key in ["v", "text", "note"] {
        if text.is_empty() {
            text = it.or_default(key, |it| it.text(TEXT_BYTES_MAX))?;
        }
    }
    let mut at_ms = None;
    for key in ["t", "mod", "date"] {
        if at_ms.is_none() {
            at_ms = it.optional(key, |it| it.text(NAME_BYTES_MAX))?;
        }
    }
    Ok(Note {
        at_ms: at_ms.and_then(|text| parse_ms(&text)),
        text,
    })
}

/// Complains of ids that name two things, and warns of numbers that do.
fn unique(root: &At<'_>, it: &MatchFile, findings: &mut Findings) {
    let stages = it.stages.iter().map(|stage| &stage.id);
    let shooters = it.shooters.iter().map(|shooter| &shooter.id);
    for (key, ids) in [
        ("match_stages", stages.collect::<Vec<_>>()),
        ("match_shooters", shooters.collect()),
    ] {
        let mut seen = BTreeSet::new();
        for id in ids {
            if !seen.insert(id) {
                let advice = format!("the id {id} is there twice; keep one of the two");
                findings.errors.push(root.about(key, &advice));
            }
        }
    }
    let mut seen = BTreeSet::new();
    for stage in it.stages.iter().filter(|stage| !stage.deleted) {
        if !seen.insert(stage.number) {
            let advice = format!("two stages have the number {}", stage.number);
            findings.warnings.push(root.about("match_stages", &advice));
        }
    }
}

/// Adds divisions that shooters are in and the match does not list, with a warning for each.
fn unlisted_divisions(root: &At<'_>, it: &mut MatchFile, findings: &mut Findings) {
    let mut listed: BTreeSet<String> = it
        .divisions
        .iter()
        .map(|division| division.name.clone())
        .collect();
    for shooter in &it.shooters {
        let name = &shooter.division;
        if !name.trim().is_empty() && listed.insert(name.clone()) {
            let advice = format!(
                "the division \"{}\" of a shooter is not in match_cats; it is added",
                shortened(name)
            );
            findings
                .warnings
                .push(root.about("match_shooters", &advice));
            it.divisions.push(Division {
                name: name.clone(),
                ..Division::default()
            });
        }
    }
}
