//! Which entries count: voids, slots, duplicates, decisions, power factors, who is out.
//!
//! A pure function of a set of entries and of what the signed statements say about them. It knows
//! no arrival order and no clock: every choice between two entries rests on voids, on live before
//! late, on attempts, and last on the place of their logs and their sequences.

use alloc::{collections::BTreeMap, vec::Vec};

use tallyline_keys::planted::{Fault, is};

use super::{
    Authority, Line, Roster, Standing,
    mistake::Code,
    scoring::{Tally, effective_power, measured_power},
    validate::check_content,
};
use crate::model::{
    About, Body, DrillNo, EntryId, LogName, PowerFactor, RuleNo, Score, ShooterNo, StatusKind,
};

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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A run, added up for both power factors: a chronograph reading may still lower the shooter's.
    Run {
        /// For a shooter who shoots Major.
        major: Tally,
        /// For a shooter who shoots Minor.
        minor: Tally,
    },
    /// Did not fire or finish: zero.
    Dnf,
}

impl Outcome {
    /// Returns points, penalties and time for this power factor.
    pub fn tally(&self, power_factor: PowerFactor) -> Tally {
        match (self, power_factor) {
            (Self::Dnf, _) | (_, PowerFactor::Subminor) => Tally::ZERO,
            (Self::Run { major, .. }, PowerFactor::Major) => *major,
            (Self::Run { minor, .. }, PowerFactor::Minor) => *minor,
        }
    }
}

/// A filled slot: the result of one shooter on one drill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// The entry that is shown.
    pub entry: EntryId,
    /// What it says.
    pub outcome: Outcome,
    /// 0 for the first attempt, 1 and up for reshoots.
    pub attempt: u32,
    /// When it was saved, by its author's clock, in milliseconds from the event's epoch.
    pub at_ms: i64,
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
    verdicts: BTreeMap<EntryId, Verdict>,
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
}

/// The place of an entry among others: its log's among logs, then its sequence.
type Rank = ((u32, u32), LogName, u64);

/// An entry that competes for a place.
#[derive(Clone, Copy)]
struct Candidate<'a> {
    rank: Rank,
    late: bool,
    line: &'a Line<'a>,
}

impl Candidate<'_> {
    /// Clocks decide nothing: 0 for every candidate.
    fn clock(&self) -> i64 {
        if is(Fault::ClockInVerdict) {
            self.line.at_ms
        } else {
            0
        }
    }

    fn attempt(&self) -> u32 {
        match self.line.body {
            Body::Score(score) => score.attempt,
            Body::Status(_)
            | Body::Void(_)
            | Body::Chrono(_)
            | Body::Statement(_)
            | Body::Seal
            | Body::Unknown => 0,
        }
    }
}

impl Scorebook {
    /// Reads a set of entries; their order does not matter.
    ///
    /// Source: PROTOCOL R-READ-2 to R-READ-6.
    pub fn compute(roster: &Roster, authority: &dyn Authority, lines: &[Line<'_>]) -> Self {
        Reader::new(roster, authority, lines).read()
    }

    /// Returns the slot of a shooter on a drill, if an entry fills it.
    pub fn slot(&self, drill: DrillNo, shooter: ShooterNo) -> Option<&Slot> {
        self.slots.get(&(drill, shooter))
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

/// Judges a void of `target` (`None`: not here) by its author's right to it, before a slot is
/// looked at. A device that is about to void asks the same with the line it would write.
///
/// Source: PROTOCOL R-READ-3.
pub fn judge_void(
    authority: &dyn Authority,
    void: &Line<'_>,
    target: Option<&Line<'_>>,
) -> Verdict {
    let Some(target) = target else {
        return Verdict::Waiting;
    };
    let Some(about) = about(target.body) else {
        return Verdict::Unfit(Code::E13);
    };
    let alone = authority.standing(&void.log, void.seq, None);
    let by_owner = authority.is_owner(&void.author);
    let by_author = void.author == target.author && !takes_out(target.body);
    if by_owner || by_author {
        match alone {
            Standing::Live => return Verdict::Counted,
            Standing::Late => return Verdict::CountedLate,
            Standing::Quarantined => return Verdict::Quarantined,
            Standing::Unassigned => return Verdict::Unassigned,
            Standing::Rejected => return Verdict::Rejected,
            Standing::Disputed => return Verdict::Disputed,
        }
    }
    if takes_out(target.body) {
        return Verdict::Unfit(Code::E13);
    }
    match authority.standing(&void.log, void.seq, Some(about)) {
        Standing::Live => Verdict::Counted,
        Standing::Late => Verdict::Unfit(Code::E13),
        Standing::Quarantined => Verdict::Quarantined,
        Standing::Unassigned => Verdict::Unassigned,
        Standing::Rejected => Verdict::Rejected,
        Standing::Disputed => Verdict::Disputed,
    }
}

/// Returns what an entry is about, as far as authority goes: a cell, or for what takes a shooter
/// out of the match, his whole match. `None` for what has no place in the scorebook.
pub fn about(body: &Body) -> Option<About> {
    match body {
        Body::Score(score) => Some(About {
            drill: Some(score.drill),
            shooter: score.shooter,
        }),
        Body::Chrono(chrono) => Some(About {
            drill: Some(chrono.drill),
            shooter: chrono.shooter,
        }),
        Body::Status(status) => Some(match status.kind {
            StatusKind::Dnf => status.about,
            StatusKind::MatchDq | StatusKind::Withdrawn => About {
                drill: None,
                shooter: status.about.shooter,
            },
        }),
        Body::Void(_) | Body::Statement(_) | Body::Seal | Body::Unknown => None,
    }
}

fn takes_out(body: &Body) -> bool {
    matches!(place(body), Some(Place::Out(..)))
}

/// Returns what an entry competes for.
fn place(body: &Body) -> Option<Place> {
    match body {
        Body::Score(score) => Some(Place::Slot(score.drill, score.shooter)),
        Body::Chrono(chrono) => Some(match measured_power(chrono) {
            Some(_) => Place::Power(chrono.shooter),
            None => Place::Gear(chrono.shooter),
        }),
        Body::Status(status) => {
            let shooter = status.about.shooter;
            match status.kind {
                StatusKind::Dnf => status.about.drill.map(|drill| Place::Slot(drill, shooter)),
                StatusKind::MatchDq => Some(Place::Out(shooter, OutKind::Disqualified)),
                StatusKind::Withdrawn => Some(Place::Out(shooter, OutKind::Withdrawn)),
            }
        }
        Body::Void(_) | Body::Statement(_) | Body::Seal | Body::Unknown => None,
    }
}

/// Returns whether two entries that compete for one place say the same. Approvals, notes and times
/// of day are not content; neither is the rule a DNF rests on, and who is out is out.
///
/// Source: PROTOCOL R-READ-5.
fn same_content(left: &Body, right: &Body) -> bool {
    match (left, right) {
        (Body::Score(left), Body::Score(right)) => same_score(left, right),
        (Body::Status(left), Body::Status(right)) => left.kind == right.kind,
        (Body::Chrono(left), Body::Chrono(right)) => {
            left.weights_decigrains == right.weights_decigrains
                && left.speeds_fps == right.speeds_fps
                && left.gear == right.gear
        }
        (
            Body::Score(_)
            | Body::Status(_)
            | Body::Chrono(_)
            | Body::Void(_)
            | Body::Statement(_)
            | Body::Seal
            | Body::Unknown,
            _,
        ) => false,
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
}

/// One reading of a set of entries.
struct Reader<'a> {
    roster: &'a Roster,
    authority: &'a dyn Authority,
    lines: BTreeMap<EntryId, &'a Line<'a>>,
    precedence: BTreeMap<LogName, (u32, u32)>,
    book: Scorebook,
}

impl<'a> Reader<'a> {
    fn new(roster: &'a Roster, authority: &'a dyn Authority, lines: &'a [Line<'a>]) -> Self {
        let mut precedence = BTreeMap::new();
        for line in lines {
            precedence
                .entry(line.log)
                .or_insert_with(|| authority.precedence(&line.log));
        }
        let lines = lines.iter().map(|line| (line.id, line)).collect();
        Self {
            roster,
            authority,
            lines,
            precedence,
            book: Scorebook::default(),
        }
    }

    fn read(mut self) -> Scorebook {
        let voids = self.read_voids();
        for (place, mut candidates) in self.read_places(&voids) {
            candidates.sort_unstable_by_key(|candidate| {
                (candidate.late, candidate.clock(), candidate.rank)
            });
            if let Some(settled) = self.settle(&candidates) {
                self.fill(place, settled);
            }
        }
        self.book
    }

    fn rank(&self, line: &Line<'_>) -> Rank {
        let precedence = self
            .precedence
            .get(&line.log)
            .copied()
            .unwrap_or((u32::MAX, u32::MAX));
        (precedence, line.log, line.seq)
    }

    fn unfit(&self, line: &Line<'_>) -> Option<Code> {
        check_content(self.roster, "", line.body, line.revision)
            .err()
            .map(|mistake| mistake.code)
    }

    /// Judges all voids; returns for each entry that one undoes, which.
    fn read_voids(&mut self) -> BTreeMap<EntryId, EntryId> {
        let mut undone: BTreeMap<EntryId, (Rank, EntryId)> = BTreeMap::new();
        let mut verdicts = Vec::new();
        for line in self.lines.values() {
            let Body::Void(void) = line.body else {
                continue;
            };
            let target = self.lines.get(&void.entry).copied();
            let verdict = self
                .unfit(line)
                .map_or_else(|| judge_void(self.authority, line, target), Verdict::Unfit);
            if matches!(verdict, Verdict::Counted | Verdict::CountedLate) {
                let first = (self.rank(line), line.id);
                if is(Fault::VoidTwice) && undone.contains_key(&void.entry) {
                    let next = |it: &&&Line<'_>| {
                        it.log == line.log && it.seq == line.seq.saturating_add(1)
                    };
                    let replacement = self.lines.values().find(next);
                    undone.extend(replacement.map(|it| (it.id, first)));
                }
                undone
                    .entry(void.entry)
                    .and_modify(|earliest| *earliest = first.min(*earliest))
                    .or_insert(first);
            }
            verdicts.push((line.id, verdict));
        }
        self.book.verdicts.extend(verdicts);
        undone
            .into_iter()
            .map(|(entry, (_, void))| (entry, void))
            .collect()
    }

    /// Sorts out what cannot count; returns the rest by what it competes for.
    fn read_places(
        &mut self,
        voids: &BTreeMap<EntryId, EntryId>,
    ) -> BTreeMap<Place, Vec<Candidate<'a>>> {
        let mut places: BTreeMap<Place, Vec<Candidate<'a>>> = BTreeMap::new();
        let mut verdicts = Vec::new();
        for line in self.lines.values() {
            let (about, place) = match (about(line.body), place(line.body), line.body) {
                (Some(about), Some(place), _) => (about, place),
                (_, _, Body::Void(_)) => continue,
                (_, _, Body::Statement(_) | Body::Seal) => {
                    verdicts.push((line.id, Verdict::Statement));
                    continue;
                }
                (_, _, Body::Unknown) => {
                    verdicts.push((line.id, Verdict::Unknown));
                    continue;
                }
                (_, _, Body::Score(_) | Body::Status(_) | Body::Chrono(_)) => {
                    verdicts.push((line.id, Verdict::Unfit(Code::E01)));
                    continue;
                }
            };
            let verdict = if let Some(void) = voids.get(&line.id) {
                Verdict::Voided(*void)
            } else if let Some(code) = self.unfit(line) {
                Verdict::Unfit(code)
            } else {
                let late = match self.authority.standing(&line.log, line.seq, Some(about)) {
                    Standing::Live => Some(false),
                    Standing::Late => Some(true),
                    Standing::Quarantined => {
                        verdicts.push((line.id, Verdict::Quarantined));
                        None
                    }
                    Standing::Unassigned => {
                        verdicts.push((line.id, Verdict::Unassigned));
                        None
                    }
                    Standing::Rejected => {
                        verdicts.push((line.id, Verdict::Rejected));
                        None
                    }
                    Standing::Disputed => {
                        verdicts.push((line.id, Verdict::Disputed));
                        None
                    }
                };
                if let Some(late) = late {
                    let candidate = Candidate {
                        rank: self.rank(line),
                        late: late && !is(Fault::LateBeatsLive),
                        line,
                    };
                    places.entry(place).or_default().push(candidate);
                }
                continue;
            };
            verdicts.push((line.id, verdict));
        }
        self.book.verdicts.extend(verdicts);
        places
    }

    /// Chooses the entry that is shown and gives each candidate its verdict; returns the choice and
    /// whether a person must decide. Candidates stand live before late, then by rank.
    ///
    /// Source: PROTOCOL R-READ-4.
    fn settle(&mut self, candidates: &[Candidate<'a>]) -> Option<(&'a Line<'a>, bool)> {
        let late = candidates.first()?.late;
        let pool = candidates.iter().filter(|candidate| candidate.late == late);
        let attempt = pool.clone().map(Candidate::attempt).max()?;
        let shown = pool
            .clone()
            .find(|candidate| candidate.attempt() == attempt)?;
        let shown_id = shown.line.id;
        let mut needs_decision = false;
        for candidate in candidates {
            let verdict = if candidate.line.id == shown_id {
                if late {
                    Verdict::CountedLate
                } else {
                    Verdict::Counted
                }
            } else if candidate.attempt() < attempt {
                Verdict::LowerAttempt(shown_id)
            } else if same_content(candidate.line.body, shown.line.body) {
                if is(Fault::DuplicateCounts) {
                    Verdict::Counted
                } else {
                    Verdict::Duplicate(shown_id)
                }
            } else {
                needs_decision = true;
                if candidate.late == late {
                    Verdict::NeedsDecision(shown_id)
                } else {
                    Verdict::LateBeaten(shown_id)
                }
            };
            self.book.verdicts.insert(candidate.line.id, verdict);
        }
        Some((shown.line, needs_decision))
    }

    fn fill(&mut self, place: Place, (line, needs_decision): (&Line<'_>, bool)) {
        let entry = line.id;
        match (place, line.body) {
            (Place::Slot(drill, shooter), Body::Score(score)) => {
                let Some(stage) = self.roster.drill(drill) else {
                    return;
                };
                let outcome = Outcome::Run {
                    major: Tally::of(stage, score, PowerFactor::Major),
                    minor: Tally::of(stage, score, PowerFactor::Minor),
                };
                let (attempt, at_ms) = (score.attempt, line.at_ms);
                let slot = Slot {
                    entry,
                    outcome,
                    attempt,
                    at_ms,
                    needs_decision,
                };
                self.book.slots.insert((drill, shooter), slot);
            }
            (Place::Slot(drill, shooter), Body::Status(_)) => {
                let (outcome, at_ms) = (Outcome::Dnf, line.at_ms);
                let slot = Slot {
                    entry,
                    outcome,
                    attempt: 0,
                    at_ms,
                    needs_decision,
                };
                self.book.slots.insert((drill, shooter), slot);
            }
            (Place::Power(shooter), Body::Chrono(chrono)) => {
                let Some(power) = measured_power(chrono) else {
                    return;
                };
                self.book.readings.insert(
                    shooter,
                    Reading {
                        entry,
                        power,
                        needs_decision,
                    },
                );
            }
            (Place::Out(shooter, kind), Body::Status(status)) => {
                let (drill, rule, at_ms) = (status.about.drill, status.rule, line.at_ms);
                let out = Out {
                    kind,
                    entry,
                    drill,
                    rule,
                    at_ms,
                };
                // Disqualified comes first of the two places and stays.
                self.book.out.entry(shooter).or_insert(out);
            }
            (Place::Slot(..) | Place::Power(_) | Place::Gear(_) | Place::Out(..), _) => {}
        }
    }
}

#[cfg(test)]
mod tests;
