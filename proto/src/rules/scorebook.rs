//! Which entries count: voids, slots, duplicates, decisions, power factors, who is out.
//!
//! A pure function of a set of entries and of what the signed statements say about them. It knows
//! no arrival order and no clock: every choice between two entries rests on voids, on live before
//! late, on attempts, and last on the place of their logs and their sequences.

mod reader;

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};

use super::{
    Authority, Incidents, Line, Records, Roster, Standing,
    mistake::Code,
    scoring::{Tally, effective_power, measured_power},
};
use crate::model::{
    Approvals, Body, DrillNo, EntryId, PowerFactor, RuleNo, Ruling, Score, ShooterNo, StatusKind,
    VoidReason,
};
use reader::Reader;

/// What became of one entry.
///
/// Source: PROTOCOL R-READ-2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// It counts: fills its slot, takes effect, voids.
    Counted,
    /// It counts although it is late, for nothing live stands in its way.
    CountedLate,
    /// It says the same as this entry, which counts.
    Duplicate(EntryId),
    /// This entry is of a higher attempt.
    LowerAttempt(EntryId),
    /// It says something else than this entry, which is shown until the owner or the writer of the
    /// cell voids one of them.
    NeedsDecision(EntryId),
    /// It is late and says something else than this live entry. For an attempt as high as the live
    /// one's the slot needs a decision.
    LateBeaten(EntryId),
    /// Outside any grant, or past the cut of a stolen device.
    Quarantined,
    /// Written with a spare card before anybody granted its cell; counts once somebody does.
    Unassigned,
    /// The owner decided that it does not count.
    Rejected,
    /// Past the point where its log forked.
    Disputed,
    /// This void undid it.
    Voided(EntryId),
    /// It does not fit the structure, or its author may not void what it names.
    Unfit(Code),
    /// A void of an entry that is not here yet (E20).
    Waiting,
    /// A statement, judged by `log`, or a seal: it has no place in a scorebook.
    Statement,
    /// A kind of entry of a later version.
    Unknown,
}

/// How many entries had each verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Totals {
    /// [`Verdict::Counted`].
    pub counted: u32,
    /// [`Verdict::CountedLate`].
    pub counted_late: u32,
    /// [`Verdict::Duplicate`].
    pub duplicates: u32,
    /// [`Verdict::LowerAttempt`].
    pub lower_attempts: u32,
    /// [`Verdict::NeedsDecision`].
    pub need_decision: u32,
    /// [`Verdict::LateBeaten`].
    pub late_beaten: u32,
    /// [`Verdict::Quarantined`].
    pub quarantined: u32,
    /// [`Verdict::Unassigned`].
    pub unassigned: u32,
    /// [`Verdict::Rejected`].
    pub rejected: u32,
    /// [`Verdict::Disputed`].
    pub disputed: u32,
    /// [`Verdict::Voided`].
    pub voided: u32,
    /// [`Verdict::Unfit`].
    pub unfit: u32,
    /// [`Verdict::Waiting`].
    pub waiting: u32,
    /// [`Verdict::Statement`].
    pub statements: u32,
    /// [`Verdict::Unknown`].
    pub unknown: u32,
}

/// The result that fills a slot.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "nearly every outcome is a run")]
pub enum Outcome {
    /// A run, added up for each power factor: a chronograph reading may still lower the shooter's.
    Run {
        /// For a shooter who shoots Major.
        major: Tally,
        /// For a shooter who shoots Minor.
        minor: Tally,
        /// For a shooter below both: zero where the power factor counts.
        subminor: Tally,
    },
    /// No run: zero.
    Missed(Missed),
}

/// Why there is no run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Missed {
    /// Did not fire or finish.
    Dnf,
    /// Did not start.
    Dns,
    /// Disqualified from the drill.
    StageDq,
}

impl Outcome {
    /// Returns points, penalties and time for this power factor.
    pub fn tally(&self, power_factor: PowerFactor) -> Tally {
        match (self, power_factor) {
            (Self::Missed(_), _) => Tally::ZERO,
            (Self::Run { subminor, .. }, PowerFactor::Subminor) => subminor.clone(),
            (Self::Run { major, .. }, PowerFactor::Major) => major.clone(),
            (Self::Run { minor, .. }, PowerFactor::Minor) => minor.clone(),
        }
    }

    /// Returns why there is no run, if there is none.
    pub fn missed(&self) -> Option<Missed> {
        match self {
            Self::Run { .. } => None,
            Self::Missed(missed) => Some(*missed),
        }
    }
}

/// A filled slot: the result of one shooter on one drill.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    /// The entry that is shown.
    pub entry: EntryId,
    /// What it says.
    pub outcome: Outcome,
    /// 0 for the first attempt, 1 and up for reshoots.
    pub attempt: u32,
    /// When it was saved, by its author's clock, in milliseconds from the event's epoch.
    pub at_ms: i64,
    /// When RO and shooter approved, on the score itself or afterwards, in milliseconds relative to
    /// the score's own time.
    pub approvals: Approvals,
    /// Whether another entry of the slot says something else, so that a person must void one.
    pub needs_decision: bool,
}

/// A shooter who is out of the match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Out {
    /// How.
    pub kind: OutKind,
    /// The entry that says so.
    pub entry: EntryId,
    /// Where it happened.
    pub drill: Option<DrillNo>,
    /// The rule it rests on.
    pub rule: Option<RuleNo>,
    /// When it was saved, by its author's clock, in milliseconds from the event's epoch.
    pub at_ms: i64,
}

/// How a shooter is out. A shooter who is both is disqualified: that must be listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum OutKind {
    /// Disqualified: listed last, without numbers.
    Disqualified,
    /// Withdrawn: not listed.
    Withdrawn,
}

/// What counts, computed from a set of entries.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Scorebook {
    slots: BTreeMap<(DrillNo, ShooterNo), Slot>,
    readings: BTreeMap<ShooterNo, Reading>,
    out: BTreeMap<ShooterNo, Out>,
    undecided: BTreeMap<(DrillNo, ShooterNo), EntryId>,
    points: BTreeMap<(DrillNo, ShooterNo), Vec<CourtMark>>,
    /// What the jury decided about runs, where it is settled.
    rulings: BTreeMap<(DrillNo, ShooterNo), Ruling>,
    verdicts: BTreeMap<EntryId, Verdict>,
    /// The entries that decide about each shooter, to read one of them anew.
    pages: BTreeMap<ShooterNo, Vec<EntryId>>,
    incidents: Incidents,
    records: Records,
}

/// A point or a set of a court match that counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CourtMark {
    /// The side won this point of a set.
    Point {
        /// The set, from 1.
        set: u32,
        /// Which point of the set, from 1.
        number: u32,
    },
    /// The set stands so, seen from the side.
    Set {
        /// The set, from 1.
        set: u32,
        /// Points of the side.
        own: u32,
        /// Points of the other one.
        other: u32,
    },
}

/// The chronograph reading that counts for a shooter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// The entry that is shown.
    pub entry: EntryId,
    /// The measured power factor.
    pub power: u32,
    /// Whether another reading says something else.
    pub needs_decision: bool,
}

/// What entries compete for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Slot(DrillNo, ShooterNo),
    /// A finished chronograph reading.
    Power(ShooterNo),
    /// A gear check, or a reading that is not finished.
    Gear(ShooterNo),
    Out(ShooterNo, OutKind),
    /// A point of a court match: the set and its number.
    Point(DrillNo, u32, u32),
    /// A set of a court match.
    Set(DrillNo, u32),
    /// A warning: each one is listed.
    Listed(EntryId),
}

impl Scorebook {
    /// Reads a set of entries; their order does not matter.
    ///
    /// Source: PROTOCOL R-READ-2 to R-READ-6.
    pub fn compute(roster: &Roster, authority: &dyn Authority, lines: &[Line<'_>]) -> Self {
        Reader::new(roster, authority, lines).read()
    }

    /// Reads again what decides about some shooters; `lines` are all entries about them, and the
    /// voids and approvals of those. Everybody else's results stay as they are.
    ///
    /// Equal to [`Self::compute`] over all entries as long as roster and statements are the same, and
    /// no incident, decision or record came: those stay as they are.
    pub fn renew(
        &mut self,
        roster: &Roster,
        authority: &dyn Authority,
        shooters: &BTreeSet<ShooterNo>,
        lines: &[Line<'_>],
    ) {
        for shooter in shooters {
            for entry in self.pages.remove(shooter).unwrap_or_default() {
                self.verdicts.remove(&entry);
            }
            self.readings.remove(shooter);
            self.out.remove(shooter);
        }
        self.slots
            .retain(|(_, shooter), _| !shooters.contains(shooter));
        self.undecided
            .retain(|(_, shooter), _| !shooters.contains(shooter));
        self.points.retain(|(_, side), _| !shooters.contains(side));
        let fresh = Self::compute(roster, authority, lines);
        self.slots.extend(fresh.slots);
        self.undecided.extend(fresh.undecided);
        self.readings.extend(fresh.readings);
        self.out.extend(fresh.out);
        self.points.extend(fresh.points);
        self.verdicts.extend(fresh.verdicts);
        self.pages.extend(fresh.pages);
    }

    /// Takes note of what the jury decided about a run.
    pub(super) fn rule(&mut self, drill: DrillNo, shooter: ShooterNo, ruling: Ruling) {
        self.rulings.insert((drill, shooter), ruling);
    }

    /// Returns the incidents of all races, with what was said about them.
    pub fn incidents(&self) -> &Incidents {
        &self.incidents
    }

    /// Returns the records beyond scores.
    pub fn records(&self) -> &Records {
        &self.records
    }

    /// Returns what the jury decided about a run, if anything is settled.
    pub fn ruling(&self, drill: DrillNo, shooter: ShooterNo) -> Option<Ruling> {
        self.rulings.get(&(drill, shooter)).copied()
    }

    /// Returns what counts of a court match for one side, in order of sets and points.
    pub fn court(&self, drill: DrillNo, side: ShooterNo) -> &[CourtMark] {
        self.points.get(&(drill, side)).map_or(&[], Vec::as_slice)
    }

    /// Returns the slot of a shooter on a drill, if an entry fills it.
    pub fn slot(&self, drill: DrillNo, shooter: ShooterNo) -> Option<&Slot> {
        self.slots.get(&(drill, shooter))
    }

    /// Returns whether a shooter has a result on a drill: an entry fills the slot, or the jury
    /// disqualified him, with a run or without one.
    ///
    /// Source: PROTOCOL R-INCIDENT-6.
    pub fn has_result(&self, drill: DrillNo, shooter: ShooterNo) -> bool {
        self.slot(drill, shooter).is_some() || self.ruling(drill, shooter) == Some(Ruling::Dsq)
    }

    /// Returns why a shooter has no run on a drill: what the jury decided, or else what was entered.
    pub fn missed(&self, drill: DrillNo, shooter: ShooterNo) -> Option<Missed> {
        if self.ruling(drill, shooter) == Some(Ruling::Dsq) {
            return Some(Missed::StageDq);
        }
        self.slot(drill, shooter)?.outcome.missed()
    }

    /// Returns whether a person must decide what stands in a slot.
    pub fn needs_decision(&self, drill: DrillNo, shooter: ShooterNo) -> bool {
        let slot = self.slot(drill, shooter);
        slot.is_some_and(|slot| slot.needs_decision)
    }

    /// Returns where several entries say different things, by drill and shooter, with the one that is
    /// shown: slots, readings, gear checks, points and sets of a court.
    pub fn undecided(&self) -> &BTreeMap<(DrillNo, ShooterNo), EntryId> {
        &self.undecided
    }

    /// Returns all filled slots by drill and shooter.
    pub fn slots(&self) -> &BTreeMap<(DrillNo, ShooterNo), Slot> {
        &self.slots
    }

    /// Returns whether and how a shooter is out of the match.
    pub fn out(&self, shooter: ShooterNo) -> Option<Out> {
        self.out.get(&shooter).copied()
    }

    /// Returns everybody who is out of the match.
    pub fn all_out(&self) -> &BTreeMap<ShooterNo, Out> {
        &self.out
    }

    /// Returns the chronograph readings that count.
    pub fn readings(&self) -> &BTreeMap<ShooterNo, Reading> {
        &self.readings
    }

    /// Returns what became of an entry.
    pub fn verdict(&self, entry: EntryId) -> Option<Verdict> {
        self.verdicts.get(&entry).copied()
    }

    /// Returns the entry that fills the place for which another one would compete, if one does.
    /// `lines` are all entries about its shooter, of a court about both sides.
    ///
    /// Source: PROTOCOL R-READ-4.
    pub fn holder<'a>(&self, lines: &[Line<'a>], body: &Body) -> Option<Line<'a>> {
        let wanted = shared_place(body)?;
        let fills = |line: &&Line<'_>| {
            let verdict = self.verdict(line.id);
            matches!(verdict, Some(Verdict::Counted | Verdict::CountedLate))
                && shared_place(line.body) == Some(wanted)
        };
        lines.iter().find(fills).copied()
    }

    /// Returns what became of every entry.
    pub fn verdicts(&self) -> &BTreeMap<EntryId, Verdict> {
        &self.verdicts
    }

    /// Counts the verdicts.
    pub fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        for verdict in self.verdicts.values() {
            let total = match verdict {
                Verdict::Counted => &mut totals.counted,
                Verdict::CountedLate => &mut totals.counted_late,
                Verdict::Duplicate(_) => &mut totals.duplicates,
                Verdict::LowerAttempt(_) => &mut totals.lower_attempts,
                Verdict::NeedsDecision(_) => &mut totals.need_decision,
                Verdict::LateBeaten(_) => &mut totals.late_beaten,
                Verdict::Quarantined => &mut totals.quarantined,
                Verdict::Unassigned => &mut totals.unassigned,
                Verdict::Rejected => &mut totals.rejected,
                Verdict::Disputed => &mut totals.disputed,
                Verdict::Voided(_) => &mut totals.voided,
                Verdict::Unfit(_) => &mut totals.unfit,
                Verdict::Waiting => &mut totals.waiting,
                Verdict::Statement => &mut totals.statements,
                Verdict::Unknown => &mut totals.unknown,
            };
            *total = total.saturating_add(1);
        }
        totals
    }

    /// Returns the power factor that counts for a shooter: the declared one, lowered by the
    /// chronograph. Unknown shooters are Minor.
    pub fn power_factor(&self, roster: &Roster, shooter: ShooterNo) -> PowerFactor {
        let Some(shooter) = roster.shooter(shooter) else {
            return PowerFactor::Minor;
        };
        let measured = self.readings.get(&shooter.no).map(|reading| reading.power);
        match roster.structure().divisions.get(shooter.division) {
            Some(division) => effective_power(division, shooter.power_factor, measured),
            None => shooter.power_factor,
        }
    }
}

/// Judges a void or an approval of `target` (`None`: not here) by its author's right to it, before
/// a slot is looked at.
///
/// Source: PROTOCOL R-READ-3, R-READ-7.
pub fn judge_answer(
    authority: &dyn Authority,
    answer: &Line<'_>,
    target: Option<&Line<'_>>,
) -> Verdict {
    let Some(target) = target else {
        return Verdict::Waiting;
    };
    let about = target.body.about();
    if about.is_none() && !is_race_entry(target.body) {
        return Verdict::Unfit(Code::E13);
    }
    let alone = if is_race_entry(target.body) {
        authority.record_standing(&answer.log, answer.seq)
    } else {
        authority.standing(&answer.log, answer.seq, None)
    };
    let reign = authority.reign(&answer.author, &answer.log, answer.seq);
    let by_owner = reign.is_some();
    let by_author = answer.author == target.author && !takes_out(target.body);
    if by_owner || by_author {
        return match alone {
            Standing::Live => Verdict::Counted,
            Standing::Late => Verdict::CountedLate,
            Standing::Quarantined => Verdict::Quarantined,
            Standing::Unassigned => Verdict::Unassigned,
            Standing::Rejected => Verdict::Rejected,
            Standing::Disputed => Verdict::Disputed,
        };
    }
    if takes_out(target.body) || about.is_none() {
        return Verdict::Unfit(Code::E13);
    }
    match authority.standing(&answer.log, answer.seq, about) {
        Standing::Live => Verdict::Counted,
        Standing::Late => Verdict::Unfit(Code::E13),
        Standing::Quarantined => Verdict::Quarantined,
        Standing::Unassigned => Verdict::Unassigned,
        Standing::Rejected => Verdict::Rejected,
        Standing::Disputed => Verdict::Disputed,
    }
}

/// Returns whether an approved entry is changed for this reason without anybody's consent: it was
/// arbitrated, it does not fit its drill any more, or the same stands there twice.
///
/// Source: rule book 9.7.4; PROTOCOL R-READ-7.
pub(crate) fn changes_freely(
    reason: VoidReason,
    fits: impl FnOnce() -> bool,
    stands_twice: impl FnOnce() -> bool,
) -> bool {
    match reason {
        VoidReason::Arbitration => true,
        VoidReason::Definition => !fits(),
        VoidReason::Duplicate => stands_twice(),
        VoidReason::WrongShooter
        | VoidReason::WrongDrill
        | VoidReason::Hits
        | VoidReason::Time
        | VoidReason::Penalty
        | VoidReason::Reshoot
        | VoidReason::Test => false,
    }
}

/// Returns whether two entries say the same about one place.
pub(crate) fn are_twins(left: &Line<'_>, right: &Line<'_>) -> bool {
    left.id != right.id
        && shared_place(left.body).is_some_and(|place| shared_place(right.body) == Some(place))
        && same_content(left.body, right.body)
}

/// Returns the approvals that an entry carries itself, if officials and shooters approve its kind:
/// scores, and what fills a slot instead of one.
pub(crate) fn own_approvals(body: &Body) -> Option<Approvals> {
    match body {
        Body::Score(score) => Some(score.approvals),
        Body::Status(status) => match status.kind {
            StatusKind::Dnf | StatusKind::Dns | StatusKind::StageDq => Some(Approvals::default()),
            StatusKind::MatchDq | StatusKind::Withdrawn | StatusKind::Warning => None,
        },
        Body::Chrono(_)
        | Body::Point(_)
        | Body::SetScore(_)
        | Body::Void(_)
        | Body::Approve(_)
        | Body::Incident(_)
        | Body::Report(_)
        | Body::JuryDecision(_)
        | Body::Record(_)
        | Body::Statement(_)
        | Body::Seal
        | Body::Unknown => None,
    }
}

/// Returns whether an entry is read by incidents or records: one more may change how many others
/// are read, and none of them is about a shooter's results alone.
pub fn is_beyond_scores(body: &Body) -> bool {
    is_race_entry(body) || matches!(body, Body::Record(_))
}

/// Returns whether an entry can be taken back although it has no place in a scorebook.
pub fn is_race_entry(body: &Body) -> bool {
    matches!(
        body,
        Body::Incident(_) | Body::Report(_) | Body::JuryDecision(_)
    )
}

fn takes_out(body: &Body) -> bool {
    matches!(
        body,
        Body::Status(status)
            if matches!(status.kind, StatusKind::MatchDq | StatusKind::Withdrawn)
    )
}

/// Returns what an entry competes for.
fn place(line: &Line<'_>) -> Option<Place> {
    if let Body::Status(status) = line.body
        && status.kind == StatusKind::Warning
    {
        return Some(Place::Listed(line.id));
    }
    shared_place(line.body)
}

/// Returns what an entry competes for with others.
fn shared_place(body: &Body) -> Option<Place> {
    match body {
        Body::Score(score) => Some(Place::Slot(score.drill, score.shooter)),
        Body::Chrono(chrono) => Some(match measured_power(chrono) {
            Some(_) => Place::Power(chrono.shooter),
            None => Place::Gear(chrono.shooter),
        }),
        Body::Status(status) => {
            let shooter = status.about.shooter;
            match status.kind {
                StatusKind::Dnf | StatusKind::Dns | StatusKind::StageDq => {
                    status.about.drill.map(|drill| Place::Slot(drill, shooter))
                }
                StatusKind::MatchDq => Some(Place::Out(shooter, OutKind::Disqualified)),
                StatusKind::Withdrawn => Some(Place::Out(shooter, OutKind::Withdrawn)),
                StatusKind::Warning => None,
            }
        }
        Body::Point(point) => Some(Place::Point(point.drill, point.set, point.number)),
        Body::SetScore(it) => Some(Place::Set(it.drill, it.set)),
        Body::Void(_)
        | Body::Approve(_)
        | Body::Incident(_)
        | Body::Report(_)
        | Body::JuryDecision(_)
        | Body::Record(_)
        | Body::Statement(_)
        | Body::Seal
        | Body::Unknown => None,
    }
}

/// Returns which attempt an entry is about: 0 for the first, 1 and up for reshoots.
pub(crate) fn attempt(body: &Body) -> u32 {
    match body {
        Body::Score(score) => score.attempt,
        Body::Status(status) => status.attempt,
        Body::Chrono(_)
        | Body::Point(_)
        | Body::SetScore(_)
        | Body::Void(_)
        | Body::Approve(_)
        | Body::Incident(_)
        | Body::Report(_)
        | Body::JuryDecision(_)
        | Body::Record(_)
        | Body::Statement(_)
        | Body::Seal
        | Body::Unknown => 0,
    }
}

/// Returns whether two entries that compete for one place say the same. Approvals, notes and times
/// of day are not content; neither is the rule a DNF rests on, and who is out is out.
///
/// Source: PROTOCOL R-READ-5.
pub(super) fn same_content(left: &Body, right: &Body) -> bool {
    match (left, right) {
        (Body::Score(left), Body::Score(right)) => same_score(left, right),
        (Body::Status(left), Body::Status(right)) => {
            left.kind == right.kind && left.attempt == right.attempt
        }
        (Body::Chrono(left), Body::Chrono(right)) => {
            left.weights_decigrains == right.weights_decigrains
                && left.speeds_fps == right.speeds_fps
                && left.gear == right.gear
        }
        (Body::Point(left), Body::Point(right)) => left.side == right.side,
        (Body::SetScore(left), Body::SetScore(right)) => left == right || left.mirrors(right),
        _ => false,
    }
}

fn same_score(left: &Score, right: &Score) -> bool {
    let mut left_penalties = left.penalties.clone();
    let mut right_penalties = right.penalties.clone();
    left_penalties.sort_unstable();
    right_penalties.sort_unstable();
    left.attempt == right.attempt
        && left.time_centis == right.time_centis
        && left.hits == right.hits
        && left.steel == right.steel
        && left_penalties == right_penalties
        && left.late_shots == right.late_shots
        && left.extra_shots == right.extra_shots
        && left.extra_hits == right.extra_hits
        && left.marks.rings == right.marks.rings
        && left.marks.points_down == right.marks.points_down
        && left.marks.xs == right.marks.xs
        && left.marks.string_faults == right.marks.string_faults
}

#[cfg(test)]
mod tests;
