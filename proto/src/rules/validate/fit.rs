//! Whether a score fits its drill: the counts that its method asks for, and no others.

use alloc::{borrow::ToOwned as _, format, vec::Vec};

use crate::{
    model::{Drill, Method, NoShoots, Overtime, Ruleset, Score, Steel},
    rules::{
        decimal::Fixed2,
        mistake::{Code, Mistake},
        scoring::string_limit,
    },
};

/// Checks counts of a score in the order in which a person fills the screen: targets, time, steel,
/// strings, no-shoots.
pub(super) fn check(
    (drill, ruleset): (&Drill, &Ruleset),
    score: &Score,
    revisions: (u32, u32),
) -> Result<(), Mistake> {
    check_targets(drill, score, revisions)?;
    check_rings(drill, score)?;
    check_method(drill, score)?;
    let limit = string_limit(drill, ruleset);
    check_time(drill, limit, score)?;
    check_steel(drill, score.steel)?;
    check_strings(drill, &score.time_centis)?;
    check_string_limit(limit, score)?;
    check_no_shoots(drill, score)
}

/// A score says nothing that its drill's method does not know.
fn check_method(drill: &Drill, score: &Score) -> Result<(), Mistake> {
    let allowed = Allowed::of(drill.method);
    let marks = &score.marks;
    let odd = [
        (score.late_shots != 0 && !allowed.late_shots, "late shots"),
        (
            (score.extra_shots != 0 || score.extra_hits != 0) && !allowed.extra,
            "extra shots or hits",
        ),
        (!marks.rings.is_empty() && !allowed.rings, "rings"),
        (
            !marks.points_down.is_empty() && !allowed.points_down,
            "points down",
        ),
        (marks.xs != 0 && !allowed.points_down, "X's"),
        (
            !marks.string_faults.is_empty() && !allowed.string_faults,
            "faults of strings",
        ),
    ];
    let Some((_, odd)) = odd.iter().find(|(is_odd, _)| *is_odd) else {
        if marks.string_faults.len() > score.time_centis.len() {
            let text = format!(
                "{} strings have faults, {} have a time. Enter every string.",
                marks.string_faults.len(),
                score.time_centis.len()
            );
            return Err(Mistake::new(Code::E07, text));
        }
        return Ok(());
    };
    let text = format!("stage {} is scored without {odd}. Set them to 0.", drill.no);
    Err(Mistake::new(Code::E03, text))
}

/// What a method's scores may say beyond hits, steel, time and penalties.
#[expect(
    clippy::struct_excessive_bools,
    reason = "one answer for each thing a score may say"
)]
struct Allowed {
    late_shots: bool,
    extra: bool,
    rings: bool,
    points_down: bool,
    string_faults: bool,
}

impl Allowed {
    fn of(method: Method) -> Self {
        Self {
            late_shots: matches!(
                method,
                Method::FixedTime | Method::ParTime | Method::HitValues
            ),
            extra: method == Method::VirginiaCount,
            rings: method == Method::Precision,
            points_down: method == Method::TimePlus,
            string_faults: method == Method::BestStrings,
        }
    }
}

/// Returns whether a drill's scores may leave the time out.
fn untimed(drill: &Drill) -> bool {
    match drill.method {
        Method::FixedTime | Method::Precision | Method::HitValues => true,
        Method::ParTime => drill.terms.overtime != Overtime::Capped,
        Method::Comstock
        | Method::VirginiaCount
        | Method::TimePlus
        | Method::BestStrings
        | Method::Run
        | Method::Chrono
        | Method::Court => false,
    }
}

/// Every shot has its ring.
fn check_rings(drill: &Drill, score: &Score) -> Result<(), Mistake> {
    let shots = usize::try_from(drill.terms.shots).unwrap_or(usize::MAX);
    let given = score.marks.rings.len();
    if drill.method != Method::Precision || shots == given {
        return Ok(());
    }
    Err(Mistake::new(
        Code::E03,
        format!(
            "stage {} has {shots} shots, {given} rings are entered. Enter a ring for every shot, 0 \
             for a miss.",
            drill.no
        ),
    ))
}

/// Most methods need a time; a string that was not finished and counts the limit needs none.
fn check_time(drill: &Drill, limit: u32, score: &Score) -> Result<(), Mistake> {
    if untimed(drill) {
        return Ok(());
    }
    let times = score.time_centis.iter().zip(unfinished(score));
    let missing: Vec<bool> = times
        .map(|(&time, unfinished)| time == 0 && !(unfinished && limit != 0))
        .collect();
    if missing.iter().all(|&is_missing| is_missing) {
        return Err(Mistake::new(
            Code::E06,
            "no time entered. Use DNF if the shooter did not fire.".to_owned(),
        ));
    }
    match missing.iter().position(|&is_missing| is_missing) {
        Some(place) => Err(Mistake::new(
            Code::E06,
            format!("string {} has no time. Enter it.", place.saturating_add(1)),
        )),
        None => Ok(()),
    }
}

/// Returns of each string of a score whether it was not finished: then its time counts for nothing.
pub(super) fn unfinished(score: &Score) -> impl Iterator<Item = bool> + '_ {
    let faults = score.marks.string_faults.iter().map(|it| it.unfinished);
    faults.chain(core::iter::repeat(false))
}

/// No string is above the limit: an official stops the shooter there.
fn check_string_limit(limit: u32, score: &Score) -> Result<(), Mistake> {
    let mut times = score.time_centis.iter().zip(unfinished(score));
    let above = times.position(|(&time, unfinished)| limit < time && !unfinished);
    let Some(place) = above.filter(|_| limit != 0) else {
        return Ok(());
    };
    let time = score.time_centis.get(place).copied().unwrap_or(0);
    Err(Mistake::new(
        Code::E07,
        format!(
            "string {} is {} s; the limit is {} s.",
            place.saturating_add(1),
            Fixed2::from(time),
            Fixed2::from(limit)
        ),
    ))
}

/// A score has the drill's number of strings; a drill without a time may leave all out.
fn check_strings(drill: &Drill, time_centis: &[u32]) -> Result<(), Mistake> {
    let given = u32::try_from(time_centis.len()).unwrap_or(u32::MAX);
    if given == drill.strings || (untimed(drill) && given == 0) {
        return Ok(());
    }
    let plural = if drill.strings == 1 {
        "string"
    } else {
        "strings"
    };
    let text = format!("{} {plural} expected, {given} given.", drill.strings);
    Err(Mistake::new(Code::E07, text))
}

/// Every paper target is there, and its hits and misses sum to what is required.
fn check_targets(
    drill: &Drill,
    score: &Score,
    (entry_revision, revision): (u32, u32),
) -> Result<(), Mistake> {
    let no = drill.no;
    let (expected, given) = (drill.required_hits.len(), score.hits.len());
    if drill.method == Method::TimePlus && !score.marks.points_down.is_empty() {
        return check_points_down(drill, score);
    }
    if expected != given {
        let advice = if entry_revision < revision {
            format!("The event was changed since (revision {revision}); reload it.")
        } else {
            "Enter every paper target.".to_owned()
        };
        let plural = if expected == 1 { "target" } else { "targets" };
        return Err(Mistake::new(
            Code::E04,
            format!("stage {no} has {expected} paper {plural}, the score has {given}. {advice}"),
        ));
    }
    for ((&required, hits), place) in drill.required_hits.iter().zip(&score.hits).zip(1u32..) {
        let target = hits.target();
        let sum = [
            target.a,
            target.b,
            target.c,
            target.d,
            target.miss,
            target.no_penalty_miss,
        ]
        .iter()
        .fold(0u8, |sum, &count| sum.saturating_add(count));
        if sum != required {
            let text = format!(
                "target {place} has {sum} of {required} hits. Enter hits, misses (M) or \
                 no-penalty misses for every required shot."
            );
            return Err(Mistake::new(Code::E03, text));
        }
    }
    Ok(())
}

/// Where points down stand for hits, every target or every string has its own.
fn check_points_down(drill: &Drill, score: &Score) -> Result<(), Mistake> {
    let (targets, given) = (drill.required_hits.len(), score.marks.points_down.len());
    if !score.hits.is_empty() {
        return Err(Mistake::new(
            Code::E03,
            format!(
                "stage {} has hits and points down in one score. Enter one of the two.",
                drill.no
            ),
        ));
    }
    if given == targets || given == score.time_centis.len() {
        return Ok(());
    }
    Err(Mistake::new(
        Code::E04,
        format!(
            "stage {} has {targets} paper targets, the score has points down for {given}. Enter \
             every paper target, 0 for none.",
            drill.no
        ),
    ))
}

fn check_no_shoots(drill: &Drill, score: &Score) -> Result<(), Mistake> {
    let hit = score.steel.no_shoot != 0 || score.hits.iter().any(|it| it.target().no_shoot != 0);
    match drill.no_shoots {
        NoShoots::Absent if hit => {
            let text = format!("stage {} has no no-shoots.", drill.no);
            Err(Mistake::new(Code::E08, text))
        }
        NoShoots::Absent | NoShoots::NotSaid | NoShoots::Present => Ok(()),
    }
}

fn check_steel(drill: &Drill, steel: Steel) -> Result<(), Mistake> {
    let missed = u32::from(steel.miss).saturating_add(u32::from(steel.no_penalty_miss));
    let sum = missed.saturating_add(u32::from(steel.hit));
    if sum == u32::from(drill.steel) {
        return Ok(());
    }
    let plural = if drill.steel == 1 {
        "target"
    } else {
        "targets"
    };
    Err(Mistake::new(
        Code::E05,
        format!(
            "stage {} has {} steel {plural}; hit {} + missed {missed} = {sum}.",
            drill.no, drill.steel, steel.hit
        ),
    ))
}
