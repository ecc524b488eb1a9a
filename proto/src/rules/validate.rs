//! What may be entered: the checks behind every save, and again behind every receipt.
//!
//! [`check_content`] asks whether an entry fits the structure, whoever wrote it; the scorebook runs
//! it on everything, and what does not fit is kept, shown with its code and not counted. [`check`]
//! asks more of a person who is about to save. Who may write where is for `log` to judge.

mod ask;
mod courts;
mod fit;
mod records;

pub use ask::{question, same_run};

use alloc::{borrow::ToOwned as _, format, string::String, vec::Vec};

use super::{
    Line, Roster,
    decimal::Fixed2,
    mistake::{Code, Mistake, ranges},
    scorebook::{Out, OutKind, Scorebook, own_approvals},
};
use crate::model::{
    Body, Drill, DrillNo, Kind, KindNo, Method, Phase, PlaceNo, RuleKind, RuleNo, Score, ShooterNo,
    StatusKind, Writers,
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
/// E12 when the event takes no scores; E01 for a rule of another kind than what rests on it; E11 when the shooter is out and the writer is not the
/// owner; E03 for what a court match cannot have; E06 for a time that nobody confirmed; all errors of
/// [`check_content`].
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
    check_rules(desk.roster, body)?;
    check_not_final(desk.roster, revision)?;
    if desk.writer == Writer::Officer
        && let Some(shooter) = result_of(body)
        && let Some(out) = desk.book.out(shooter)
    {
        return Err(shooter_is_out(desk.roster, shooter, out));
    }
    check_fit(desk.roster, body, revision)?;
    courts::check(desk, body)?;
    if let Body::Score(score) = body
        && desk.time_bounds == TimeBounds::Asked
    {
        return check_bounds(score);
    }
    Ok(())
}

/// Checks whether what rests on a rule is what the rule is about; who is warned may have broken any.
fn check_rules(roster: &Roster, body: &Body) -> Result<(), Mistake> {
    use RuleKind::{Dnf, Dq, Procedural, Warning};
    match body {
        Body::Score(score) => {
            let mut penalties = score.penalties.iter();
            penalties.try_for_each(|it| rule_of(roster, it.rule, &[Procedural, Warning]))
        }
        Body::Status(status) => {
            let kind = match status.kind {
                StatusKind::Dnf | StatusKind::Dns => Dnf,
                StatusKind::StageDq | StatusKind::MatchDq => Dq,
                StatusKind::Withdrawn | StatusKind::Warning => return Ok(()),
            };
            let rule = status.rule;
            rule.map_or(Ok(()), |no| rule_of(roster, no, &[kind]))
        }
        Body::Chrono(_)
        | Body::Void(_)
        | Body::Approve(_)
        | Body::Point(_)
        | Body::SetScore(_)
        | Body::Incident(_)
        | Body::Report(_)
        | Body::JuryDecision(_)
        | Body::Record(_)
        | Body::Statement(_)
        | Body::Seal
        | Body::Unknown => Ok(()),
    }
}

/// Refuses a rule that is of none of these kinds (E01).
fn rule_of(roster: &Roster, no: RuleNo, kinds: &[RuleKind]) -> Result<(), Mistake> {
    let name = |kind| match kind {
        RuleKind::Procedural => "procedural",
        RuleKind::Dq => "DQ",
        RuleKind::Dnf => "DNF",
        RuleKind::Warning => "warning",
    };
    let (Some(rule), Some(&wanted)) = (roster.rule(no), kinds.first()) else {
        return Ok(());
    };
    if kinds.contains(&rule.kind) {
        return Ok(());
    }
    let (held, wanted) = (name(rule.kind), name(wanted));
    let rules = roster.structure().rules.iter();
    let fitting = rules.filter(|it| kinds.contains(&it.kind));
    let fitting = match ranges(&fitting.map(|it| it.no.0).collect::<Vec<_>>()) {
        none if none.is_empty() => format!("there is no {wanted} rule"),
        list => format!("{wanted} rules are {list}"),
    };
    Err(unknown(format!(
        "rule {no} is a {held} rule; {fitting}. Choose the rule again."
    )))
}

/// Returns the shooter to whom an entry adds a result.
fn result_of(body: &Body) -> Option<ShooterNo> {
    let takes_none = matches!(
        body,
        Body::Status(status)
            if matches!(
                status.kind,
                StatusKind::MatchDq | StatusKind::Withdrawn | StatusKind::Warning
            )
    );
    body.about()
        .filter(|_| !takes_none)
        .map(|about| about.shooter)
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
    check_not_final(roster, revision)?;
    check_fit(roster, body, revision)
}

/// Refuses what is written by somebody who knows that results are final (E12).
///
/// # Errors
/// E12 when results are final at that revision.
///
/// Source: PROTOCOL R-CONTROL-18.
pub fn check_not_final(roster: &Roster, revision: u32) -> Result<(), Mistake> {
    let Phase::Final { since_ms } = roster.phase_at(revision) else {
        return Ok(());
    };
    let since = i64::try_from(since_ms).unwrap_or(i64::MAX);
    let epoch = i64::try_from(roster.structure().epoch_ms).unwrap_or(0);
    let since = clock(roster, since.saturating_sub(epoch));
    Err(Mistake::new(
        Code::E12,
        format!("results are final since {since}. The owner can reopen the event."),
    ))
}

/// Checks whether the event has what an entry names.
///
/// # Errors
/// E18 when the entry needs a later revision of the structure; E01 for an unknown drill, shooter or
/// rule, for a score on the chronograph and for a reading elsewhere.
#[expect(clippy::too_many_lines, reason = "one arm for each kind of entry")]
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
            match drill.method {
                Method::Chrono => Err(wrong_drill(drill, "is the chronograph")),
                Method::Court => Err(wrong_drill(
                    drill,
                    "is a court match; it takes points and sets",
                )),
                Method::Comstock
                | Method::FixedTime
                | Method::VirginiaCount
                | Method::TimePlus
                | Method::BestStrings
                | Method::Precision
                | Method::HitValues
                | Method::ParTime
                | Method::Run => Ok(()),
            }
        }
        Body::Status(status) => {
            if let Some(drill) = status.about.drill {
                numbers.drill(drill)?;
            } else {
                let what = match status.kind {
                    StatusKind::Dnf => "DNF",
                    StatusKind::Dns => "DNS",
                    StatusKind::StageDq => "a stage DQ",
                    StatusKind::MatchDq | StatusKind::Withdrawn | StatusKind::Warning => "",
                };
                if !what.is_empty() {
                    let text = format!("{what} needs a stage. Choose the stage.");
                    return Err(Mistake::new(Code::E01, text));
                }
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
        Body::Point(point) => numbers.court(point.drill, point.side),
        Body::SetScore(it) => numbers.court(it.drill, it.side),
        Body::Incident(incident) => {
            numbers.drill(incident.race)?;
            numbers.shooter(incident.bib)?;
            numbers.place(incident.place)?;
            incident.rule.map_or(Ok(()), |rule| numbers.rule(rule))
        }
        Body::JuryDecision(decision) => decision.rule.map_or(Ok(()), |rule| numbers.rule(rule)),
        Body::Record(record) => {
            let kind = numbers.kind(record.kind)?;
            records::check(kind, record)
        }
        Body::Void(_)
        | Body::Approve(_)
        | Body::Report(_)
        | Body::Statement(_)
        | Body::Seal
        | Body::Unknown => Ok(()),
    }
}

/// Checks whether a kind of record lets its author write it (E02); asked where other entries are
/// asked whether a grant covers them.
///
/// # Errors
/// E02 for a record that only the owner writes, or that is computed.
///
/// Source: PROTOCOL R-RECORD-3.
pub fn check_writer(roster: &Roster, by_owner: bool, body: &Body) -> Result<(), Mistake> {
    let Body::Record(record) = body else {
        return Ok(());
    };
    let Some(kind) = roster.kind(record.kind) else {
        return Ok(());
    };
    let text = match kind.writers {
        Writers::Members => return Ok(()),
        Writers::Owner if by_owner => return Ok(()),
        Writers::Owner => format!(
            "records of kind {} are the owner's; everybody else reads them. Ask the event owner.",
            kind.name
        ),
        Writers::Nobody => format!(
            "records of kind {} are computed from others; nobody writes them.",
            kind.name
        ),
    };
    Err(Mistake::new(Code::E02, text))
}

/// Checks counts and sizes of an entry whose numbers are known, in the order in which a person
/// fills the screen: targets, time, steel, strings, no-shoots.
fn check_fit(roster: &Roster, body: &Body, revision: u32) -> Result<(), Mistake> {
    match body {
        Body::Score(score) => {
            let Some(drill) = roster.drill(score.drill) else {
                return Ok(());
            };
            let ruleset = &roster.structure().ruleset;
            fit::check((drill, ruleset), score, (revision, roster.revision()))
        }
        Body::Status(status) => check_note(&status.note),
        Body::Void(void) => check_note(&void.note),
        Body::JuryDecision(decision) => check_note(&decision.note),
        Body::Chrono(_)
        | Body::Approve(_)
        | Body::Point(_)
        | Body::SetScore(_)
        | Body::Incident(_)
        | Body::Report(_)
        | Body::Record(_)
        | Body::Statement(_)
        | Body::Seal
        | Body::Unknown => Ok(()),
    }
}

/// Returns when an entry was approved by RO and shooter, on itself or by the approvals among `lines`;
/// `None` if one of them did not.
pub fn approved_at(lines: &[Line<'_>], target: &Line<'_>) -> Option<i64> {
    let own = own_approvals(target.body)?;
    let at = |base: i64, ms: Option<i64>| ms.map(|ms| base.saturating_add(ms));
    let mut ro = at(target.at_ms, own.ro_ms);
    let mut shooter = at(target.at_ms, own.shooter_ms);
    for line in lines {
        if let Body::Approve(approve) = line.body
            && approve.entry == target.id
        {
            ro = ro.or(at(line.at_ms, approve.approvals.ro_ms));
            shooter = shooter.or(at(line.at_ms, approve.approvals.shooter_ms));
        }
    }
    ro.and(shooter)
}

/// Returns the time of day at the venue as `07:12:18`; `at_ms` counts from the event's epoch.
pub fn clock_seconds(roster: &Roster, at_ms: i64) -> String {
    let epoch = i64::try_from(roster.structure().epoch_ms).unwrap_or(0);
    let seconds = epoch.saturating_add(at_ms).div_euclid(1_000).rem_euclid(60);
    format!("{}:{seconds:02}", clock(roster, at_ms))
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

impl Numbers<'_> {
    /// Asks for a court and one of its sides.
    fn court(&self, drill: DrillNo, side: ShooterNo) -> Result<(), Mistake> {
        let drill = self.drill(drill)?;
        self.shooter(side)?;
        match drill.terms.court {
            Some(court) if court.a == side || court.b == side => Ok(()),
            Some(court) => Err(unknown(format!(
                "{side} does not play match {}; {} and {} do. Choose the side again.",
                drill.no, court.a, court.b
            ))),
            None => Err(wrong_drill(drill, "is not a court match")),
        }
    }

    fn place(&self, no: PlaceNo) -> Result<(), Mistake> {
        if self.roster.place(no).is_some() {
            return Ok(());
        }
        let known = self.roster.structure().places.iter().map(|it| it.no.0);
        let known = ranges(&known.collect::<Vec<_>>());
        Err(unknown(format!(
            "place {no} is not in the list of places of \"{}\" ({known}). Choose the place again.",
            self.event
        )))
    }

    fn kind(&self, no: KindNo) -> Result<&Kind, Mistake> {
        self.roster.kind(no).ok_or_else(|| {
            let known = self.roster.structure().kinds.iter().map(|it| it.no.0);
            let known = ranges(&known.collect::<Vec<_>>());
            unknown(format!(
                "kind {no} of records is not part of \"{}\" ({known}). Choose the kind again.",
                self.event
            ))
        })
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

/// Asks about a time that nobody is likely to have shot; a string that was not finished has none.
fn check_bounds(score: &Score) -> Result<(), Mistake> {
    let times = score.time_centis.iter().zip(fit::unfinished(score));
    for (&time, _) in times.filter(|(_, unfinished)| !unfinished) {
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
