//! What a person is asked, or warned of, who saves something that fits: a place that is filled, a
//! run like another shooter's.

use alloc::{borrow::ToOwned as _, format, string::String};

use super::{Desk, clock};
use crate::{
    model::{Body, EntryId, Method, PowerFactor, Score, StatusKind},
    rules::{
        Fixed2, Line, Roster,
        mistake::{Code, Mistake},
        scorebook::{attempt, same_content},
        scoring::{Measure, RuleBook, Tally, measured_power},
    },
};

/// Asks about an entry whose place is filled (E09): the person must say whether it is a reshoot (a
/// higher attempt), a correction (it replaces the entry that is there) or meant to stand beside it.
/// Who enters the very same again is not asked. `lines` are all entries about its shooter, of a
/// court about both sides.
///
/// Source: PROTOCOL R-CHECK-2.
pub fn question(
    desk: &Desk<'_>,
    lines: &[Line<'_>],
    body: &Body,
    replaces: Option<EntryId>,
) -> Option<Mistake> {
    let held = desk.book.holder(lines, body)?;
    let answered = replaces == Some(held.id)
        || attempt(held.body) < attempt(body)
        || same_content(held.body, body);
    if answered {
        return None;
    }
    let said = shown(desk.roster, held.body);
    let at = clock(desk.roster, held.at_ms);
    let (subject, ways) = match body {
        Body::Point(it) => (
            format!(
                "point {} of set {} of match {}",
                it.number, it.set, it.drill
            ),
            "Correction, or wrong side?",
        ),
        Body::SetScore(it) => (
            format!("set {} of match {}", it.set, it.drill),
            "Correction, or wrong set?",
        ),
        Body::Chrono(it) => (
            format!("the chronograph's line of shooter {}", it.shooter),
            "Correction, or wrong shooter?",
        ),
        Body::Score(_)
        | Body::Status(_)
        | Body::Void(_)
        | Body::Approve(_)
        | Body::Incident(_)
        | Body::Report(_)
        | Body::JuryDecision(_)
        | Body::Record(_)
        | Body::Statement(_)
        | Body::Seal
        | Body::Unknown => {
            let about = body.about()?;
            let (drill, shooter) = (about.drill?, about.shooter);
            return Some(Mistake::slot_filled(drill, shooter, &said, &at));
        }
    };
    let text = format!("{subject} is filled already ({said}, {at}). {ways}");
    Some(Mistake::new(Code::E09, text))
}

/// Returns what an entry says, in the few words that tell it from another one.
fn shown(roster: &Roster, body: &Body) -> String {
    match body {
        Body::Score(score) => shown_run(roster, score),
        Body::Status(status) => missed_words(status.kind).to_owned(),
        Body::Chrono(chrono) => measured_power(chrono).map_or_else(
            || "gear check".to_owned(),
            |power| format!("power factor {power}"),
        ),
        Body::Point(point) => format!("for side {}", point.side),
        Body::SetScore(it) => format!("{}:{} for side {}", it.own, it.other, it.side),
        Body::Void(_)
        | Body::Approve(_)
        | Body::Incident(_)
        | Body::Report(_)
        | Body::JuryDecision(_)
        | Body::Record(_)
        | Body::Statement(_)
        | Body::Seal
        | Body::Unknown => String::new(),
    }
}

/// Returns what a status is called that fills a slot.
fn missed_words(kind: StatusKind) -> &'static str {
    match kind {
        StatusKind::Dns => "DNS",
        StatusKind::StageDq => "stage DQ",
        StatusKind::Dnf | StatusKind::MatchDq | StatusKind::Withdrawn | StatusKind::Warning => {
            "DNF"
        }
    }
}

/// Returns the time of a run, or its points where points are counted.
fn shown_run(roster: &Roster, score: &Score) -> String {
    let drill = roster.drill(score.drill);
    let points = drill.filter(|it| Measure::of(it) == Some(Measure::Points));
    if let Some(drill) = points {
        let rules = RuleBook::of(roster.structure());
        let tally = Tally::of(rules, drill, score, PowerFactor::Minor);
        return format!("{} points", tally.net());
    }
    let times = score.time_centis.iter();
    let centis = times.fold(0, |sum, &it| u32::saturating_add(sum, it));
    format!("{} s", Fixed2::from(centis))
}

/// Warns of a run that says the same as another shooter's on the drill (E10), beside a saved answer.
/// Of the real match's 3,145 runs two pairs are alike by chance. Runs that are ranked by points, and
/// those whose time is all they say, are too often alike to be warned of.
///
/// Source: PROTOCOL R-CHECK-2.
pub fn same_run(desk: &Desk<'_>, lines: &[Line<'_>], body: &Body) -> Option<Mistake> {
    let Body::Score(score) = body else {
        return None;
    };
    let drill = desk.roster.drill(score.drill)?;
    let timed = drill.method != Method::Run && Measure::of(drill) != Some(Measure::Points);
    if !timed || score.time_centis.iter().all(|&time| time == 0) {
        return None;
    }
    let twin = lines.iter().find(|line| {
        let about = line.body.about();
        let other = about.filter(|it| it.drill == Some(score.drill) && it.shooter != score.shooter);
        let slot = other.and_then(|it| desk.book.slot(score.drill, it.shooter));
        slot.is_some_and(|slot| slot.entry == line.id) && same_content(line.body, body)
    })?;
    let shooter = twin.body.about()?.shooter;
    Some(Mistake::same_run(shooter, &clock(desk.roster, twin.at_ms)))
}
