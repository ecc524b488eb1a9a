//! What may be entered: the checks behind every save, and again behind every receipt.
//!
//! [`check_content`] asks whether an entry fits the structure, whoever wrote it; the scorebook runs
//! it on everything, and what does not fit is kept, shown with its code and not counted. [`check`]
//! asks more of a person who is about to save. Who may write where is for `log` to judge.

use alloc::{borrow::ToOwned as _, format, string::String, vec::Vec};

use super::{
    Line, Roster,
    decimal::Fixed2,
    mistake::{Code, Mistake, ranges},
    scorebook::{Out, OutKind, Outcome, Scorebook},
};
use crate::model::{
    Body, Drill, DrillNo, Method, NoShoots, RuleNo, Score, ShooterNo, StatusKind, Steel,
};

/// Longest note of a status or void, in bytes: it must fit a line of a list.
pub const NOTE_BYTES_MAX: usize = 120;
/// A shorter run is asked about, in hundredths of a second; real runs begin at 2.61 s.
pub const TIME_CENTIS_MIN: u32 = 50;
/// A longer run is asked about, in hundredths of a second; real runs end at 138.22 s.
pub const TIME_CENTIS_MAX: u32 = 60_000;

/// Who is about to save.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writer {
    /// The event's owner.
    Owner,
    /// Anybody else with a grant.
    Officer,
}

/// Whether a time out of bounds was asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeBounds {
    /// Ask about a run below 0.50 s or above 600.00 s.
    Asked,
    /// A person confirmed the time.
    Confirmed,
}

/// What a check looks at besides the entry.
#[derive(Clone, Copy, Debug)]
pub struct Desk<'a> {
    /// The event's name, for messages.
    pub event: &'a str,
    /// The structure.
    pub roster: &'a Roster,
    /// What counts so far.
    pub book: &'a Scorebook,
    /// Who is about to save.
    pub writer: Writer,
    /// Whether a strange time was confirmed.
    pub time_bounds: TimeBounds,
}

/// Checks an entry that a person is about to save, written at `revision` of the structure. Whether
/// the writer may write there (E02) is asked between [`check_numbers`] and this.
///
/// # Errors
/// E12 when the event takes no scores; E11 when the shooter is out and the writer is not the
/// owner; E06 for a time that nobody confirmed; all errors of [`check_content`].
///
/// Source: PROTOCOL R-CHECK-2.
pub fn check(desk: &Desk<'_>, body: &Body, revision: u32) -> Result<(), Mistake> {
    if !desk.roster.locked() {
        return Err(Mistake::new(
            Code::E12,
            "the event is not locked yet and takes no scores. Ask the owner to lock the event."
                .to_owned(),
        ));
    }
    check_numbers(desk.roster, desk.event, body, revision)?;
    if desk.writer == Writer::Officer
        && let Some(shooter) = result_of(body)
        && let Some(out) = desk.book.out(shooter)
    {
        return Err(shooter_is_out(desk.roster, shooter, out));
    }
    check_fit(desk.roster, body, revision)?;
    match body {
        Body::Score(score) if desk.time_bounds == TimeBounds::Asked => {
            check_bounds(&score.time_centis)
        }
        Body::Score(_)
        | Body::Status(_)
        | Body::Void(_)
        | Body::Chrono(_)
        | Body::Statement(_)
        | Body::Seal
        | Body::Unknown => Ok(()),
    }
}

/// Returns the shooter to whom an entry adds a result.
fn result_of(body: &Body) -> Option<ShooterNo> {
    match body {
        Body::Score(score) => Some(score.shooter),
        Body::Chrono(chrono) => Some(chrono.shooter),
        Body::Status(status) => (status.kind == StatusKind::Dnf).then_some(status.about.shooter),
        Body::Void(_) | Body::Statement(_) | Body::Seal | Body::Unknown => None,
    }
}

/// Asks about a score in a slot that is filled (E09): the person must say whether it is a reshoot
/// (the next attempt), a correction (void first) or a wrong shooter.
pub fn question(desk: &Desk<'_>, score: &Score) -> Option<Mistake> {
    let slot = desk.book.slot(score.drill, score.shooter)?;
    if slot.attempt < score.attempt {
        return None;
    }
    let held = match slot.outcome {
        Outcome::Dnf => None,
        Outcome::Run { minor, .. } => Some(Fixed2::from(minor.time_centis)),
    };
    let clock = clock(desk.roster, slot.at_ms);
    Some(Mistake::slot_filled(
        score.drill,
        score.shooter,
        held,
        &clock,
    ))
}

/// Asks about a run with the same time and hits as another shooter's on the drill (E10): a warning
/// beside a saved answer. Of the real match's 3,145 runs two pairs are alike by chance.
pub fn same_run(desk: &Desk<'_>, lines: &[Line<'_>], score: &Score) -> Option<Mistake> {
    let twin = lines.iter().find_map(|line| {
        let Body::Score(other) = line.body else {
            return None;
        };
        let alike = other.drill == score.drill
            && other.shooter != score.shooter
            && other.time_centis == score.time_centis
            && other.hits == score.hits
            && other.steel == score.steel;
        let shown = desk
            .book
            .slot(other.drill, other.shooter)
            .map(|slot| slot.entry);
        (alike && shown == Some(line.id)).then_some((other.shooter, line.at_ms))
    });
    let (shooter, at_ms) = twin?;
    Some(Mistake::same_run(shooter, &clock(desk.roster, at_ms)))
}

/// Checks whether an entry fits the structure at the roster's revision, whoever wrote it.
///
/// # Errors
/// Those of [`check_numbers`]; then E03 to E08 when a score does not fit its drill, and E21 for a
/// long note.
///
/// Source: PROTOCOL R-CHECK-3.
pub fn check_content(
    roster: &Roster,
    event: &str,
    body: &Body,
    revision: u32,
) -> Result<(), Mistake> {
    check_numbers(roster, event, body, revision)?;
    check_fit(roster, body, revision)
}

/// Checks whether the event has what an entry names.
///
/// # Errors
/// E18 when the entry needs a later revision of the structure; E01 for an unknown drill, shooter or
/// rule, for a score on the chronograph and for a reading elsewhere.
pub fn check_numbers(
    roster: &Roster,
    event: &str,
    body: &Body,
    revision: u32,
) -> Result<(), Mistake> {
    if roster.revision() < revision {
        return Err(Mistake::revision(roster.revision(), revision));
    }
    let numbers = Numbers { roster, event };
    match body {
        Body::Score(score) => {
            let drill = numbers.drill(score.drill)?;
            numbers.shooter(score.shooter)?;
            score
                .penalties
                .iter()
                .try_for_each(|penalty| numbers.rule(penalty.rule))?;
            if drill.method == Method::Chrono {
                return Err(wrong_drill(drill, "is the chronograph"));
            }
            Ok(())
        }
        Body::Status(status) => {
            if let Some(drill) = status.about.drill {
                numbers.drill(drill)?;
            } else if status.kind == StatusKind::Dnf {
                let text = "DNF needs a stage. Choose the stage.".to_owned();
                return Err(Mistake::new(Code::E01, text));
            }
            numbers.shooter(status.about.shooter)?;
            status.rule.map_or(Ok(()), |rule| numbers.rule(rule))
        }
        Body::Chrono(chrono) => {
            let drill = numbers.drill(chrono.drill)?;
            numbers.shooter(chrono.shooter)?;
            if drill.method != Method::Chrono {
                return Err(wrong_drill(drill, "is not the chronograph"));
            }
            Ok(())
        }
        Body::Void(_) | Body::Statement(_) | Body::Seal | Body::Unknown => Ok(()),
    }
}

/// Checks counts and sizes of an entry whose numbers are known, in the order in which a person
/// fills the screen: targets, time, steel, strings, no-shoots.
fn check_fit(roster: &Roster, body: &Body, revision: u32) -> Result<(), Mistake> {
    match body {
        Body::Score(score) => {
            let Some(drill) = roster.drill(score.drill) else {
                return Ok(());
            };
            check_targets(drill, score, (revision, roster.revision()))?;
            check_method(drill, score)?;
            check_time(drill, &score.time_centis)?;
            check_steel(drill, score.steel)?;
            check_strings(drill, &score.time_centis)?;
            check_no_shoots(drill, score)
        }
        Body::Status(status) => check_note(&status.note),
        Body::Void(void) => check_note(&void.note),
        Body::Chrono(_) | Body::Statement(_) | Body::Seal | Body::Unknown => Ok(()),
    }
}

/// Returns the time of day at the venue as `07:12`; `at_ms` counts from the event's epoch.
pub fn clock(roster: &Roster, at_ms: i64) -> String {
    let structure = roster.structure();
    let minutes = i64::try_from(structure.epoch_ms)
        .unwrap_or(0)
        .saturating_add(at_ms)
        .div_euclid(60_000)
        .saturating_add(i64::from(structure.zone_min))
        .rem_euclid(24 * 60);
    format!(
        "{:02}:{:02}",
        minutes.div_euclid(60),
        minutes.rem_euclid(60)
    )
}

/// The numbers that the event has.
struct Numbers<'a> {
    roster: &'a Roster,
    event: &'a str,
}

impl<'a> Numbers<'a> {
    fn drill(&self, no: DrillNo) -> Result<&'a Drill, Mistake> {
        self.roster.drill(no).ok_or_else(|| {
            let known = self
                .roster
                .structure()
                .drills
                .iter()
                .map(|drill| drill.no.0);
            let known = ranges(&known.collect::<Vec<_>>());
            unknown(format!(
                "stage {no} is not part of \"{}\" ({known}). Choose the stage again.",
                self.event
            ))
        })
    }

    fn shooter(&self, no: ShooterNo) -> Result<(), Mistake> {
        if self.roster.shooter(no).is_some() {
            return Ok(());
        }
        let known = self
            .roster
            .structure()
            .shooters
            .iter()
            .map(|shooter| shooter.no.0);
        let known = ranges(&known.collect::<Vec<_>>());
        Err(unknown(format!(
            "shooter {no} is not on the roster of \"{}\" ({known}). Ask the event owner to add \
             the shooter, then enter the score again.",
            self.event
        )))
    }

    fn rule(&self, no: RuleNo) -> Result<(), Mistake> {
        if self.roster.rule(no).is_some() {
            return Ok(());
        }
        let known = self.roster.structure().rules.iter().map(|rule| rule.no.0);
        let known = ranges(&known.collect::<Vec<_>>());
        Err(unknown(format!(
            "rule {no} is not in the rule list of \"{}\" ({known}). Choose the rule again.",
            self.event
        )))
    }
}

fn unknown(text: String) -> Mistake {
    Mistake::new(Code::E01, text)
}

fn wrong_drill(drill: &Drill, what: &str) -> Mistake {
    unknown(format!(
        "stage {} {what}. Choose the stage again.",
        drill.no
    ))
}

/// A score says nothing that its drill's method does not know.
fn check_method(drill: &Drill, score: &Score) -> Result<(), Mistake> {
    let extra = score.extra_shots != 0 || score.extra_hits != 0;
    let odd = match drill.method {
        Method::Comstock | Method::VirginiaCount if score.late_shots != 0 => "late shots",
        Method::Comstock | Method::FixedTime if extra => "extra shots or hits",
        Method::Comstock | Method::FixedTime | Method::VirginiaCount | Method::Chrono => {
            return Ok(());
        }
    };
    let text = format!("stage {} is scored without {odd}. Set them to 0.", drill.no);
    Err(Mistake::new(Code::E03, text))
}

/// Every method but Fixed Time needs a time.
fn check_time(drill: &Drill, time_centis: &[u32]) -> Result<(), Mistake> {
    if drill.method == Method::FixedTime {
        return Ok(());
    }
    if time_centis.iter().all(|&time| time == 0) {
        return Err(Mistake::new(
            Code::E06,
            "no time entered. Use DNF if the shooter did not fire.".to_owned(),
        ));
    }
    match time_centis.iter().position(|&time| time == 0) {
        Some(place) => Err(Mistake::new(
            Code::E06,
            format!("string {} has no time. Enter it.", place.saturating_add(1)),
        )),
        None => Ok(()),
    }
}

/// A score has the drill's number of strings; Fixed Time may leave all out.
fn check_strings(drill: &Drill, time_centis: &[u32]) -> Result<(), Mistake> {
    let given = u32::try_from(time_centis.len()).unwrap_or(u32::MAX);
    if given == drill.strings || (drill.method == Method::FixedTime && given == 0) {
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

fn check_bounds(time_centis: &[u32]) -> Result<(), Mistake> {
    for &time in time_centis {
        let (word, bound) = if time < TIME_CENTIS_MIN {
            ("below", TIME_CENTIS_MIN)
        } else if TIME_CENTIS_MAX < time {
            ("above", TIME_CENTIS_MAX)
        } else {
            continue;
        };
        let (time, bound) = (Fixed2::from(time), Fixed2::from(bound));
        let text = format!("time {time} s is {word} {bound} s: confirm or correct.");
        return Err(Mistake::new(Code::E06, text));
    }
    Ok(())
}

/// Every paper target is there, and its hits and misses sum to what is required.
fn check_targets(
    drill: &Drill,
    score: &Score,
    (entry_revision, revision): (u32, u32),
) -> Result<(), Mistake> {
    let no = drill.no;
    let (expected, given) = (drill.required_hits.len(), score.hits.len());
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

fn check_note(note: &str) -> Result<(), Mistake> {
    if NOTE_BYTES_MAX < note.len() {
        return Err(Mistake::too_large("note", note.len(), NOTE_BYTES_MAX));
    }
    Ok(())
}

/// `shooter 5 was disqualified at 09:39 on stage 14 (10.5.5). Only the owner may add scores.`
fn shooter_is_out(roster: &Roster, shooter: ShooterNo, out: Out) -> Mistake {
    let what = match out.kind {
        OutKind::Disqualified => "disqualified",
        OutKind::Withdrawn => "withdrawn",
    };
    let place = out
        .drill
        .map(|no| format!(" on stage {no}"))
        .unwrap_or_default();
    let rule = out.rule.and_then(|no| roster.rule(no));
    let rule = rule
        .and_then(|rule| rule.text.split(' ').next())
        .map(|number| format!(" ({number})"))
        .unwrap_or_default();
    let at = clock(roster, out.at_ms);
    Mistake::new(
        Code::E11,
        format!(
            "shooter {shooter} was {what} at {at}{place}{rule}. Only the owner may add scores."
        ),
    )
}

#[cfg(test)]
mod tests;
