//! What only some methods of scoring say of a stage, and rulesets with an event's own numbers.
//!
//! Layer: below `structure_file`.

use tallyline_proto::model::{
    Court, Discipline, Media, Method, Overtime, Ruleset, ShooterNo, Sum, Terms, Tie,
};

use super::cursor::At;
use crate::root::unhex;

/// Most of anything that is counted or measured on a stage.
const NUMBER_MAX: u64 = 1_000_000;
/// Longest briefing, in bytes.
const BRIEFING_BYTES_MAX: usize = 1_000;
/// Most targets with a value of their own.
const VALUES_MAX: usize = 64;
/// Most pictures of one stage.
const PICTURES_MAX: usize = 8;
/// Largest picture in bytes: every device fetches it ahead, and no photograph has more.
const PICTURE_BYTES_MAX: u64 = 32 * 1024 * 1024;
/// Longest name of a media type, in bytes.
const MIME_BYTES_MAX: usize = 64;
/// Most ways to tell equal results apart.
const TIES_MAX: usize = 8;

/// Names of what a match adds up.
const SUMS: [(&str, Sum); 4] = [
    ("stage-points", Sum::StagePoints),
    ("time", Sum::Time),
    ("points", Sum::Points),
    ("wins", Sum::Wins),
];

/// Names of what tells equal results apart.
const TIES: [(&str, Tie); 8] = [
    ("xs", Tie::Xs),
    ("longest-range", Tie::LongestRange),
    ("longest-range-xs", Tie::LongestRangeXs),
    ("fewest-misses", Tie::FewestMisses),
    ("fewest-low", Tie::FewestLow),
    ("inverse-order", Tie::InverseOrder),
    ("stage-wins", Tie::StageWins),
    ("tie-stage", Tie::TieStage),
];

/// Names of what a shot above the par time is.
const OVERTIMES: [(&str, Overtime); 4] = [
    ("not-counted", Overtime::NotCounted),
    ("costs", Overtime::Costs),
    ("pass-fail", Overtime::PassFail),
    ("capped", Overtime::Capped),
];

/// Reads the method of a stage; spaces, hyphens and capitals are forgiven.
pub(super) fn method(it: &At<'_>) -> Result<Method, String> {
    let text = plain(it.text()?);
    // Names that files of the sport use.
    let known = match text.as_str() {
        "fixed" => Some(Method::FixedTime),
        "virginiacount" => Some(Method::VirginiaCount),
        "steel" | "steelchallenge" => Some(Method::BestStrings),
        "idpa" => Some(Method::TimePlus),
        "prs" => Some(Method::HitValues),
        _ => Method::ALL
            .into_iter()
            .find(|method| plain(method.name()) == text),
    };
    known.ok_or_else(|| {
        it.problem(
            "use Comstock, Virginia, Fixed Time, Chrono, time-plus, best-strings, precision, \
             hit-values, par-time, run or court",
        )
    })
}

/// Reads what a stage of this method says besides targets and strings.
pub(super) fn terms(it: &At<'_>, method: Method) -> Result<Terms, String> {
    let count = |it: &At<'_>| it.number(0..=NUMBER_MAX);
    let number = |key: &str| Ok::<u32, String>(it.optional(key, count)?.unwrap_or(0));
    let seconds = |key: &str| Ok::<u32, String>(it.optional(key, At::centis)?.unwrap_or(0));
    let values = match it.optional("values", |it| it.items(VALUES_MAX))? {
        None => Vec::new(),
        Some(list) => list.iter().map(count).collect::<Result<_, _>>()?,
    };
    let briefing = it.optional("briefing", At::any_text)?.unwrap_or_default();
    if BRIEFING_BYTES_MAX < briefing.len() {
        let found = briefing.len();
        let advice = format!("{found} bytes are more than {BRIEFING_BYTES_MAX}");
        return Err(it.field("briefing")?.problem(&advice));
    }
    let court = it.optional("court", court)?;
    if (method == Method::Court) != court.is_some() {
        return Err(it.problem("a stage scored as court, and no other, says \"court\""));
    }
    let shots = number("shots")?;
    if method == Method::Precision && shots == 0 {
        return Err(it.problem("a precision stage says how many \"shots\" are scored"));
    }
    Ok(Terms {
        id: None,
        briefing,
        par_centis: seconds("par")?,
        overtime: it
            .optional("overtime", |it| one_of(it, &OVERTIMES))?
            .unwrap_or_default(),
        string_max_centis: seconds("string_limit")?,
        drop_worst: number("drop_worst")?,
        values,
        shots,
        range: number("range")?,
        tie_breaker: it.optional("tie_breaker", At::flag)?.unwrap_or(false),
        stage_points: number("stage_points")?,
        court,
        incident_window_ms: seconds("incident_window")?.saturating_mul(10),
        pictures: match it.optional("pictures", |it| it.items(PICTURES_MAX))? {
            None => Vec::new(),
            Some(list) => list.iter().map(picture).collect::<Result<_, _>>()?,
        },
    })
}

/// Reads what `tallyline media add` tells of a picture.
fn picture(it: &At<'_>) -> Result<Media, String> {
    let hash = it.field("hash")?;
    let bytes = unhex(hash.text()?).and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
    let mime = it.field("mime")?.name(MIME_BYTES_MAX)?;
    Ok(Media {
        hash: bytes.ok_or_else(|| {
            hash.problem("write the 64 hex digits that `tallyline media add` printed")
        })?,
        bytes: it.field("bytes")?.number(1..=PICTURE_BYTES_MAX)?.into(),
        mime,
    })
}

fn court(it: &At<'_>) -> Result<Court, String> {
    let number = |key: &str| it.field(key)?.number(1..=NUMBER_MAX);
    let points = number("points")?;
    let side = |key: &str| Ok::<ShooterNo, String>(ShooterNo(it.field(key)?.no()?));
    let (a, b) = (side("a")?, side("b")?);
    if a == b {
        return Err(it.problem("two sides play a match"));
    }
    let count = |it: &At<'_>| it.number(0..=NUMBER_MAX);
    Ok(Court {
        a,
        b,
        sets_to_win: it.field("sets_to_win")?.number(1..=5)?,
        points,
        points_last: it.optional("points_last", count)?.unwrap_or(points),
        lead: it.optional("lead", count)?.unwrap_or(1).max(1),
        cap: it.optional("cap", count)?.unwrap_or(0),
    })
}

/// Reads a ruleset: a discipline's name, or an object with it and the event's own numbers.
pub(super) fn ruleset(it: &At<'_>) -> Result<Ruleset, String> {
    if it.text().is_ok() {
        return Ok(Ruleset::of(discipline(it)?));
    }
    let mut ruleset = Ruleset::of(discipline(&it.field("discipline")?)?);
    own_points(it, &mut ruleset)?;
    own_times(it, &mut ruleset)?;
    let count = |it: &At<'_>| it.number(0..=NUMBER_MAX);
    if let Some(decimals) = it.optional("hf_decimals", |it| it.number(0..=9))? {
        ruleset.hf_decimals = (decimals != 0).then_some(decimals);
    }
    if let Some(sum) = it.optional("sum", |it| one_of(it, &SUMS))? {
        ruleset.sum = sum;
    }
    if let Some(decimals) = it.optional("percent_decimals", |it| it.number(2..=4))? {
        ruleset.percent_decimals = decimals;
    }
    if let Some(grace) = it.optional("grace", At::centis)? {
        ruleset.grace_centis = grace;
    }
    if let Some(counts) = it.optional("team_counts", count)? {
        ruleset.team_counts = counts;
    }
    if let Some(minutes) = it.optional("review_minutes", count)? {
        ruleset.review_minutes = minutes;
    }
    if let Some(list) = it.optional("ties", |it| it.items(TIES_MAX))? {
        let ties = list.iter().map(|it| one_of(it, &TIES));
        ruleset.ties = ties.collect::<Result<_, _>>()?;
    }
    Ok(ruleset)
}

fn own_points(it: &At<'_>, ruleset: &mut Ruleset) -> Result<(), String> {
    let count = |it: &At<'_>| it.number(0..=NUMBER_MAX);
    let points = &mut ruleset.points;
    for (key, value) in [
        ("full", &mut points.full),
        ("c_major", &mut points.c_major),
        ("d_major", &mut points.d_major),
        ("c_minor", &mut points.c_minor),
        ("d_minor", &mut points.d_minor),
        ("penalty", &mut points.penalty),
        ("late_shot", &mut points.late_shot),
    ] {
        if let Some(own) = it.optional(key, count)? {
            *value = own;
        }
    }
    Ok(())
}

fn own_times(it: &At<'_>, ruleset: &mut Ruleset) -> Result<(), String> {
    let count = |it: &At<'_>| it.number(0..=NUMBER_MAX);
    let times = &mut ruleset.times;
    for (key, value) in [
        ("down", &mut times.down_centis),
        ("no_shoot", &mut times.no_shoot_centis),
        ("x_bonus", &mut times.x_bonus_centis),
        ("procedural", &mut times.procedural_centis),
        ("plate", &mut times.plate_centis),
        ("string_procedural", &mut times.string_procedural_centis),
        ("movement", &mut times.movement_centis),
        ("string_limit", &mut times.string_max_centis),
    ] {
        if let Some(own) = it.optional(key, At::centis)? {
            *value = own;
        }
    }
    for (key, value) in [
        ("miss", &mut times.miss),
        ("steel_miss", &mut times.steel_miss),
    ] {
        if let Some(own) = it.optional(key, count)? {
            *value = own;
        }
    }
    if let Some(list) = it.optional("zones", |it| it.items(4))? {
        let zones: Vec<u32> = list.iter().map(count).collect::<Result<_, _>>()?;
        let advice = "write the points down of A, B, C and D, such as [0, 1, 1, 3]";
        times.zones = zones.try_into().map_err(|_| {
            it.field("zones")
                .map_or_else(|it| it, |it| it.problem(advice))
        })?;
    }
    Ok(())
}

fn discipline(it: &At<'_>) -> Result<Discipline, String> {
    let text = plain(it.text()?);
    let known = Discipline::ALL
        .into_iter()
        .find(|discipline| plain(discipline.name()) == text);
    known.ok_or_else(|| {
        let names: Vec<&str> = Discipline::ALL.iter().map(|it| it.name()).collect();
        it.problem(&format!("use one of {}", names.join(", ")))
    })
}

/// Reads one word of a list.
fn one_of<T: Copy>(it: &At<'_>, words: &[(&str, T)]) -> Result<T, String> {
    let text = plain(it.text()?);
    let found = words.iter().find(|(word, _)| plain(word) == text);
    found.map(|(_, value)| *value).ok_or_else(|| {
        let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        it.problem(&format!("use one of {}", words.join(", ")))
    })
}

/// Returns a word without spaces, hyphens and capitals.
fn plain(text: &str) -> String {
    let parts: String = text.split(['_', ' ', '-']).collect();
    parts.to_ascii_lowercase()
}
