//! Reads `match_scores.json`: the scores that count, and the older versions.

use std::collections::BTreeMap;

use super::super::at::{At, ITEMS_MAX};
use super::super::complaint::{Complaint, Findings};
use super::super::match_file::{
    Approval, Chrono, Device, Extra, ForeignId, Hits, MatchFile, RuleKind, Score, StageDq, Steel,
    TargetHits,
};
use super::super::moment::parse_ms;

/// Longest text of a score, in bytes.
const TEXT_BYTES_MAX: usize = 4096;
/// Most strings, targets, penalties or readings of one score.
const PARTS_MAX: usize = 1000;
/// Largest count of one thing in one score.
const COUNT_MAX: u32 = 100_000;
/// Longest time of one string in hundredths of a second: a day.
const STRING_CENTIS_MAX: i64 = 8_640_000;
/// Largest reading of the chronograph in hundredths.
const READING_MAX: i64 = 100_000_000;
/// The hits of one target: seven counts of 4 bits.
const TARGET_BITS_MAX: i64 = (1 << 28) - 1;

/// All versions of the scores of one stage, by the place of the shooter in the match.
#[derive(Default)]
struct StageScores {
    current: BTreeMap<usize, Score>,
    older: BTreeMap<usize, Vec<Score>>,
    /// Shooters in the order in which the file names them.
    order: Vec<usize>,
}

impl StageScores {
    fn note(&mut self, shooter: usize) {
        if !self.current.contains_key(&shooter) && !self.older.contains_key(&shooter) {
            self.order.push(shooter);
        }
    }

    /// Keeps a score that counts; of two, the one saved later.
    fn keep(&mut self, shooter: usize, score: Score) -> Kept {
        self.note(shooter);
        let Some(held) = self.current.remove(&shooter) else {
            self.current.insert(shooter, score);
            return Kept::Alone;
        };
        let (older, newer) = if held.saved_at_ms <= score.saved_at_ms {
            (held, score)
        } else {
            (score, held)
        };
        self.current.insert(shooter, newer);
        self.keep_older(shooter, older);
        Kept::Twice
    }

    fn keep_older(&mut self, shooter: usize, score: Score) {
        self.note(shooter);
        self.older.entry(shooter).or_default().push(Score {
            superseded: true,
            ..score
        });
    }

    /// Gives out all versions: slot by slot, older ones first.
    fn finish(mut self, into: &mut Vec<Score>) {
        for shooter in self.order {
            let current = self.current.remove(&shooter);
            let mut older = self.older.remove(&shooter).unwrap_or_default();
            older.sort_by_key(|score| score.saved_at_ms);
            // Some versions of the app put the current one into the history, too.
            if let Some(current) = &current {
                let copy = Score {
                    superseded: true,
                    ..current.clone()
                };
                older.retain(|score| *score != copy);
            }
            into.extend(older);
            into.extend(current);
        }
    }
}

/// Whether a slot already held a score.
#[derive(PartialEq, Eq)]
enum Kept {
    Alone,
    Twice,
}

/// Where stages and shooters are in the match.
struct Places {
    stages: BTreeMap<ForeignId, usize>,
    shooters: BTreeMap<ForeignId, usize>,
}

/// Reads all versions of all scores; `None` if something is wrong.
pub(super) fn scores(
    it: &MatchFile,
    scores: Option<&At<'_>>,
    history: Option<&At<'_>>,
    findings: &mut Findings,
) -> Option<Vec<Score>> {
    let before = findings.errors.len();
    let places = Places {
        stages: (it.stages.iter().map(|stage| stage.id.clone()))
            .zip(0..)
            .collect(),
        shooters: (it.shooters.iter().map(|shooter| shooter.id.clone()))
            .zip(0..)
            .collect(),
    };
    let mut stages: Vec<StageScores> = Vec::new();
    stages.resize_with(it.stages.len(), StageScores::default);
    if let Some(root) = scores {
        other_match(it, root, findings);
        let list = root.or_default("match_scores", |it| it.items(ITEMS_MAX));
        for at in findings.take(list).unwrap_or_default() {
            stage_scores(it, &at, &places, &mut stages, findings);
        }
    }
    for root in [scores, history].into_iter().flatten() {
        let place = match root.optional("match_scores_history", |it| Ok(it.clone())) {
            Ok(place) => place,
            Err(complaint) => {
                findings.errors.push(complaint);
                continue;
            }
        };
        if let Some(at) = place.filter(|it| !it.is_nothing()) {
            older_scores(&at, &places, &mut stages, findings);
        }
    }
    let mut all = Vec::new();
    for stage in stages {
        stage.finish(&mut all);
    }
    (findings.errors.len() == before).then_some(all)
}

fn other_match(it: &MatchFile, root: &At<'_>, findings: &mut Findings) {
    let id = findings.take(root.or_default("match_id", |it| it.text(TEXT_BYTES_MAX)));
    let id = ForeignId::new(&id.unwrap_or_default());
    if !id.text().is_empty() && id != it.id {
        let advice = format!(
            "these are the scores of another match than the definition's, {}; put the two files \
             of one match together",
            it.id
        );
        findings.errors.push(root.about("match_id", &advice));
    }
}

fn stage_scores(
    it: &MatchFile,
    at: &At<'_>,
    places: &Places,
    stages: &mut [StageScores],
    findings: &mut Findings,
) {
    let id = at
        .field("stage_uuid")
        .and_then(|it| it.name(TEXT_BYTES_MAX));
    let Some(id) = findings.take(id).map(|id| ForeignId::new(&id)) else {
        return;
    };
    let list = at.or_default("stage_stagescores", |it| it.items(ITEMS_MAX));
    let list = findings.take(list).unwrap_or_default();
    let found = places.stages.get(&id).copied();
    let Some((place, to)) = found.and_then(|place| Some((place, stages.get_mut(place)?))) else {
        if !list.is_empty() {
            let advice = "there is no such stage in match_def.json; put the two files of one \
                          match together";
            findings.errors.push(at.about("stage_uuid", advice));
        }
        return;
    };
    for at in list {
        let Some(mut read) = findings.take(score(&at)) else {
            continue;
        };
        read.stage = id.clone();
        let Some(&shooter) = places.shooters.get(&read.shooter) else {
            let advice = "there is no such shooter in match_def.json; put the two files of one \
                          match together";
            findings.errors.push(at.about("shtr", advice));
            continue;
        };
        fits(it, place, &read, &at, findings);
        if to.keep(shooter, read) == Kept::Twice {
            let advice = "this shooter has two scores on the stage; the one saved later counts";
            findings.warnings.push(at.about("shtr", advice));
        }
    }
}

/// Warns of lists that are longer than what they count.
fn fits(it: &MatchFile, stage: usize, score: &Score, at: &At<'_>, findings: &mut Findings) {
    let targets = it.stages.get(stage).map_or(0, |stage| stage.targets.len());
    let hits = match &score.hits {
        Hits::PerTarget(targets) => targets.len(),
        Hits::Sums(_) => 0,
    };
    let penalties = it.rules_of(RuleKind::Penalty).count();
    let bonuses = it.rules_of(RuleKind::Bonus).count();
    for (key, found, most, what) in [
        ("ts", hits, targets, "paper targets of the stage"),
        ("pens", score.penalties.len(), penalties, "match_penalties"),
        ("bons", score.bonuses.len(), bonuses, "match_bonuses"),
    ] {
        if most < found {
            let advice = format!("has {found}, but there are {most} {what}");
            findings.warnings.push(at.about(key, &advice));
        }
    }
}

/// Reads the older versions: for each stage, for each shooter, a list.
fn older_scores(at: &At<'_>, places: &Places, stages: &mut [StageScores], findings: &mut Findings) {
    let Some(members) = findings.try_take(at.object()) else {
        return;
    };
    for (stage_id, at) in members {
        let stage_id = ForeignId::new(stage_id);
        let found = places.stages.get(&stage_id).copied();
        let to = found.and_then(|place| stages.get_mut(place));
        let (Some(to), Some(shooters)) = (to, findings.try_take(at.object())) else {
            let advice = "older versions of a stage that is not in the match; left out";
            findings.warnings.push(at.complaint(advice));
            continue;
        };
        for (shooter_id, at) in shooters {
            let shooter_id = ForeignId::new(shooter_id);
            let Some(&shooter) = places.shooters.get(&shooter_id) else {
                let advice = "older versions of a shooter who is not in the match; left out";
                findings.warnings.push(at.complaint(advice));
                continue;
            };
            for at in findings.try_take(at.items(ITEMS_MAX)).unwrap_or_default() {
                // The keys name the slot; the versions need not.
                if let Some(version) = findings.try_take(parts(&at)) {
                    let (stage, shooter_id) = (stage_id.clone(), shooter_id.clone());
                    to.keep_older(
                        shooter,
                        Score {
                            stage,
                            shooter: shooter_id,
                            ..version
                        },
                    );
                }
            }
        }
    }
}

/// Reads one score with its shooter; the stage is told by what is around it.
fn score(it: &At<'_>) -> Result<Score, Complaint> {
    let shooter = it.field("shtr")?.name(TEXT_BYTES_MAX)?;
    Ok(Score {
        shooter: ForeignId::new(&shooter),
        ..parts(it)?
    })
}

/// Reads what was scored.
///
/// # Errors
///
/// The first [`Complaint`].
pub(in super::super) fn parts(it: &At<'_>) -> Result<Score, Complaint> {
    let count = |key| it.or_default(key, |it: &At<'_>| it.count(COUNT_MAX));
    let counts = |key| it.or_default(key, counted);
    let text = |key| it.or_default(key, |it: &At<'_>| it.text(TEXT_BYTES_MAX));
    let by_rule = it.or_default("proc_cnts", by_rule)?;
    let told: u32 = by_rule
        .iter()
        .fold(0, |sum, (_, count)| count.saturating_add(sum));
    let (approval, origin) = affirmed(it)?;
    Ok(Score {
        string_centis: it.or_default("str", string_centis)?,
        hits: Hits::PerTarget(it.or_default("ts", |it| it.list(PARTS_MAX, target))?),
        steel: Steel {
            hit: count("poph")?,
            missed: count("popm")?,
            no_penalty_missed: count("popnpm")?,
            no_shoots: count("popns")?,
        },
        procedurals: it
            .optional("proc", |it| it.count(COUNT_MAX))?
            .unwrap_or(told),
        procedurals_by_rule: by_rule,
        penalty_points: count("apen")?,
        extra: Extra {
            late_shots: count("ots")?,
            shots: count("tallyline_extra_shots")?,
            hits: count("tallyline_extra_hits")?,
        },
        points_down: counts("tpts")?,
        penalties: counts("pens")?,
        bonuses: counts("bons")?,
        string_penalties: it.or_default("penss", |it| it.list(PARTS_MAX, counted))?,
        chrono: chrono(it)?,
        dnf: it.or_default("dnf", At::flag)?,
        dnf_rules: ids(it, "dnfs")?,
        stage_dq: stage_dq(it)?,
        raw_points: it.optional("rawpts", |it| {
            it.whole(-i64::from(u32::MAX)..=i64::from(u32::MAX))
        })?,
        saved_at_ms: it.optional("mod", moment)?,
        approval,
        device: Device {
            id: text("udid")?,
            name: text("dname")?,
        },
        origin,
        note: text("penr")?,
        ..Score::default()
    })
}

fn counted(it: &At<'_>) -> Result<Vec<u32>, Complaint> {
    it.list(PARTS_MAX, |it| it.count(COUNT_MAX))
}

fn string_centis(it: &At<'_>) -> Result<Vec<u32>, Complaint> {
    it.list(PARTS_MAX, |it| {
        let centis = it.decimal(2, 0..=STRING_CENTIS_MAX)?;
        Ok(u32::try_from(centis).unwrap_or(u32::MAX))
    })
}

/// Reads the hits of one target: seven counts of 4 bits, A lowest.
fn target(it: &At<'_>) -> Result<TargetHits, Complaint> {
    let bits = it.whole(0..=TARGET_BITS_MAX)?;
    let mut counts = [0; 7];
    for (count, place) in counts.iter_mut().zip(0_u32..) {
        *count = u32::try_from((bits >> (4 * place)) & 0xf).unwrap_or(0);
    }
    Ok(TargetHits::of_counts(counts))
}

/// Reads counts by rule: `[{"EQRTwQ": 1}]`, or one object.
fn by_rule(it: &At<'_>) -> Result<Vec<(ForeignId, u32)>, Complaint> {
    let mut found = Vec::new();
    let objects = it.items(PARTS_MAX).unwrap_or_else(|_| vec![it.clone()]);
    for object in objects {
        for (id, at) in object.object()? {
            found.push((ForeignId::new(id), at.count(COUNT_MAX)?));
        }
    }
    Ok(found)
}

/// Reads ids of rules: a list, or an empty text where there are none.
fn ids(it: &At<'_>, key: &str) -> Result<Vec<ForeignId>, Complaint> {
    it.or_default(key, |it| {
        if it.is_nothing() {
            return Ok(Vec::new());
        }
        if it.as_text().is_some() {
            return Ok(vec![ForeignId::new(&it.name(TEXT_BYTES_MAX)?)]);
        }
        it.list(PARTS_MAX, |it| {
            it.name(TEXT_BYTES_MAX).map(|id| ForeignId::new(&id))
        })
    })
}

fn stage_dq(it: &At<'_>) -> Result<Option<StageDq>, Complaint> {
    let rules = ids(it, "dqs")?;
    let details = it.or_default("stagedq_details", |it| it.text(TEXT_BYTES_MAX))?;
    Ok((!rules.is_empty() || !details.is_empty()).then_some(StageDq { rules, details }))
}

fn chrono(it: &At<'_>) -> Result<Option<Chrono>, Complaint> {
    let readings = |key| {
        it.or_default(key, |it: &At<'_>| {
            it.list(PARTS_MAX, |it| it.decimal(2, 0..=READING_MAX))
        })
    };
    let chrono = Chrono {
        weights_centigr: readings("weights")?,
        velocities_centifps: readings("velocities")?,
        gear: it.or_default("gear_check", |it| it.text(TEXT_BYTES_MAX))?,
    };
    Ok((chrono != Chrono::default()).then_some(chrono))
}

/// Reads who affirmed the score and where it came from: marks with a key, a value and a moment.
/// A moment that cannot be read is no reason to lose a score.
fn affirmed(it: &At<'_>) -> Result<(Approval, String), Complaint> {
    let mut approval = Approval {
        marked: it.optional("aprv", At::flag)?,
        ..Approval::default()
    };
    let mut origin = String::new();
    for mark in it.or_default("meta", |it| it.items(PARTS_MAX))? {
        let word = |key| {
            mark.or_default(key, |it: &At<'_>| {
                Ok(it.as_text().unwrap_or_default().to_owned())
            })
        };
        let at_ms = parse_ms(&word("t")?);
        match word("k")?.as_str() {
            "ss" => approval.shooter_ms = at_ms,
            "rs" => approval.ro_ms = at_ms,
            "from" => origin = word("v")?.chars().take(TEXT_BYTES_MAX).collect(),
            _ => {}
        }
    }
    Ok((approval, origin))
}

/// Reads a moment of the app: UTC without a zone.
fn moment(it: &At<'_>) -> Result<i64, Complaint> {
    let text = it.text(TEXT_BYTES_MAX)?;
    parse_ms(&text)
        .ok_or_else(|| it.complaint("write a moment such as 2018-07-25 13:19:05.671, in UTC"))
}
