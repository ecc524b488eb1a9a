//! Whether a point, a set or a status can be true of a court match, asked of who enters it.

use alloc::{format, string::String};

use super::Desk;
use crate::{
    model::{Body, Court, Drill, DrillNo, StatusKind},
    rules::{
        court::{Courts, can_end, sets_max, target},
        mistake::{Code, Mistake},
    },
};

/// Checks what is entered about a court match against how it stands.
///
/// # Errors
/// E03 for a set that the match cannot have, one after its end, and a score that ends no set; E01
/// for DNF and DNS.
///
/// Source: PROTOCOL R-CHECK-2, R-SCORE-16.
pub(super) fn check(desk: &Desk<'_>, body: &Body) -> Result<(), Mistake> {
    let (drill, set) = match body {
        Body::Point(it) => (it.drill, it.set),
        Body::SetScore(it) => (it.drill, it.set),
        Body::Status(it) if matches!(it.kind, StatusKind::Dnf | StatusKind::Dns) => {
            let drill = it.about.drill.and_then(|no| desk.roster.drill(no));
            return drill.map_or(Ok(()), no_status);
        }
        Body::Score(_)
        | Body::Status(_)
        | Body::Chrono(_)
        | Body::Void(_)
        | Body::Approve(_)
        | Body::Incident(_)
        | Body::Report(_)
        | Body::JuryDecision(_)
        | Body::Record(_)
        | Body::Statement(_)
        | Body::Seal
        | Body::Unknown => return Ok(()),
    };
    let Some(court) = desk.roster.drill(drill).and_then(|it| it.terms.court) else {
        return Ok(());
    };
    if set == 0 || sets_max(court) < set {
        let most = sets_max(court);
        let text = format!("match {drill} has at most {most} sets; set {set} is none of them.");
        return Err(Mistake::new(Code::E03, text));
    }
    is_open(desk, drill, set)?;
    if let Body::SetScore(it) = body
        && !can_end(court, set, (it.own, it.other))
    {
        let text = format!(
            "set {set} of match {drill} cannot end {}:{}; it goes to {}. Enter how it ended, or its \
             points one by one.",
            it.own,
            it.other,
            ends_at(court, set)
        );
        return Err(Mistake::new(Code::E03, text));
    }
    Ok(())
}

/// A match that the sets before this one decided has no further set.
fn is_open(desk: &Desk<'_>, drill: DrillNo, set: u32) -> Result<(), Mistake> {
    let courts = Courts::compute(desk.roster, desk.book);
    let held = courts.matches.iter().find(|it| it.drill == drill);
    let Some((held, winner)) = held.and_then(|it| Some((it, it.winner?))) else {
        return Ok(());
    };
    let played = u32::try_from(held.sets.len()).unwrap_or(u32::MAX);
    if set <= played {
        return Ok(());
    }
    let (a, b) = held.won;
    let text = format!(
        "match {drill} was decided {a}:{b} for {winner} in set {played}. Correct the set that is wrong."
    );
    Err(Mistake::new(Code::E03, text))
}

/// `21 with a lead of 2, at most 30`.
fn ends_at(court: Court, set: u32) -> String {
    let target = target(court, set);
    let lead = if court.lead < 2 {
        String::new()
    } else {
        format!(" with a lead of {}", court.lead)
    };
    let cap = match court.cap {
        0 => String::new(),
        cap => format!(", at most {cap}"),
    };
    format!("{target}{lead}{cap}")
}

/// Nobody fails to finish a court match: whoever gives up loses its sets.
fn no_status(drill: &Drill) -> Result<(), Mistake> {
    if drill.terms.court.is_none() {
        return Ok(());
    }
    let text = format!(
        "stage {} is a court match; it takes points and sets. Choose the stage again.",
        drill.no
    );
    Err(Mistake::new(Code::E01, text))
}
