//! One reading of a set of entries: voids first, then who fills each place.

use alloc::{collections::BTreeMap, vec::Vec};

use tallyline_keys::planted::{Fault, is};

use super::{
    CourtMark, Missed, Out, Outcome, Place, Reading, Scorebook, Slot, Verdict, are_twins, attempt,
    changes_freely, is_beyond_scores, judge_answer, own_approvals, place, same_content,
};
use crate::{
    model::{
        Agreed, Approvals, Approve, Body, DrillNo, EntryId, LogName, PowerFactor, ShooterNo,
        Status, StatusKind, Void, VoidReason,
    },
    rules::{
        Authority, Incidents, Line, Rank, Records, Roster, Standing,
        mistake::Code,
        scoring::{RuleBook, Tally, measured_power},
        validate::{check_content, check_writer},
    },
};

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
        attempt(self.line.body)
    }
}

/// One reading of a set of entries.
pub(super) struct Reader<'a> {
    roster: &'a Roster,
    authority: &'a dyn Authority,
    lines: BTreeMap<EntryId, &'a Line<'a>>,
    precedence: BTreeMap<LogName, (u32, u32)>,
    /// Entries that approve another one, by that.
    approves: BTreeMap<EntryId, Vec<&'a Line<'a>>>,
    /// Approvals that stand in entries of their own, and count.
    approvals: BTreeMap<EntryId, Approvals>,
    book: Scorebook,
}

impl<'a> Reader<'a> {
    pub(super) fn new(
        roster: &'a Roster,
        authority: &'a dyn Authority,
        lines: &'a [Line<'a>],
    ) -> Self {
        let mut precedence = BTreeMap::new();
        let mut approves: BTreeMap<EntryId, Vec<&Line<'_>>> = BTreeMap::new();
        for line in lines {
            precedence
                .entry(line.log)
                .or_insert_with(|| authority.precedence(&line.log));
            if let Body::Approve(approve) = line.body {
                approves.entry(approve.entry).or_default().push(line);
            }
        }
        let lines = lines.iter().map(|line| (line.id, line)).collect();
        Self {
            roster,
            authority,
            lines,
            precedence,
            approves,
            approvals: BTreeMap::new(),
            book: Scorebook::default(),
        }
    }

    pub(super) fn read(mut self) -> Scorebook {
        self.read_approvals();
        let voids = self.read_voids();
        for (place, mut candidates) in self.read_places(&voids) {
            candidates.sort_unstable_by_key(|candidate| {
                (candidate.late, candidate.clock(), candidate.rank)
            });
            if let Some(settled) = self.settle(&candidates) {
                self.fill(place, settled);
            }
        }
        self.note_pages();
        self.read_beyond();
        self.book
    }

    /// Reads incidents and records, and what the jury decided about runs.
    fn read_beyond(&mut self) {
        let beyond = |line: &&'a Line<'a>| is_beyond_scores(line.body);
        let lines: Vec<&Line<'_>> = self.lines.values().copied().filter(beyond).collect();
        if lines.is_empty() {
            return;
        }
        let incidents = Incidents::compute(self.roster, self.authority, &self.book, &lines);
        let records = Records::compute(self.roster, self.authority, &self.book, &lines);
        for ((race, bib), ruling) in incidents.rulings() {
            self.book.rule(race, bib, ruling);
        }
        self.book.verdicts.extend(incidents.verdicts());
        self.book.verdicts.extend(records.verdicts());
        self.book.incidents = incidents;
        self.book.records = records;
    }

    /// Notes for each shooter which entries decide about him.
    fn note_pages(&mut self) {
        for line in self.lines.values() {
            let target = line.body.target();
            let subject = match target {
                None => Some(*line),
                Some(target) => self.lines.get(&target).copied(),
            };
            if let Some(about) = subject.and_then(|it| it.body.about()) {
                let page = self.book.pages.entry(about.shooter).or_default();
                page.push(line.id);
            }
        }
    }

    /// Judges all approvals, and notes for each entry who agreed with it, the first one by rank.
    fn read_approvals(&mut self) {
        let mut agreed: BTreeMap<EntryId, Vec<(Rank, i64, Approve)>> = BTreeMap::new();
        let mut verdicts = Vec::new();
        for line in self.lines.values() {
            let Body::Approve(approve) = line.body else {
                continue;
            };
            let target = self.lines.get(&approve.entry).copied();
            let verdict = self.unfit(line).map_or_else(
                || judge_answer(self.authority, line, target),
                Verdict::Unfit,
            );
            if let (Verdict::Counted | Verdict::CountedLate, Some(target)) = (verdict, target) {
                let since = line.at_ms.saturating_sub(target.at_ms);
                let one = (self.rank(line), since, *approve);
                agreed.entry(approve.entry).or_default().push(one);
            }
            verdicts.push((line.id, verdict));
        }
        self.book.verdicts.extend(verdicts);
        for (entry, mut list) in agreed {
            list.sort_unstable_by_key(|(rank, ..)| *rank);
            let mut approvals = Approvals::default();
            for (_, since, approve) in list {
                let later = |ms: i64| ms.saturating_add(since);
                approvals.ro_ms = approvals.ro_ms.or(approve.approvals.ro_ms.map(later));
                approvals.shooter_ms = approvals
                    .shooter_ms
                    .or(approve.approvals.shooter_ms.map(later));
            }
            self.approvals.insert(entry, approvals);
        }
    }

    /// Returns when RO and shooter approved a score, on itself or afterwards.
    fn approvals(&self, entry: EntryId, own: Approvals) -> Approvals {
        let later = self.approvals.get(&entry).copied().unwrap_or_default();
        Approvals {
            ro_ms: own.ro_ms.or(later.ro_ms),
            shooter_ms: own.shooter_ms.or(later.shooter_ms),
        }
    }

    /// Returns whether a void undoes an approved score without both agreeing. Approvals count if
    /// the void's author must have known them: those on the score, and those before it in its log.
    ///
    /// Source: rule book 9.7.4; PROTOCOL R-READ-7.
    fn lacks_consent(
        &self,
        line: &Line<'_>,
        (void, target): (&Void, Option<&Line<'_>>),
        undone: &BTreeMap<EntryId, (Rank, EntryId)>,
    ) -> bool {
        let Some(target) = target else {
            return false;
        };
        let agreed = void.agreed == Agreed::BOTH || !self.roster.asks_for_consent();
        let fits = || self.unfit(target).is_none();
        let stands_twice = || {
            let mut others = self.lines.values();
            others.any(|it| are_twins(it, target) && !undone.contains_key(&it.id))
        };
        if agreed || changes_freely(void.reason, fits, stands_twice) {
            return false;
        }
        let Some(mut approvals) = own_approvals(target.body) else {
            return false;
        };
        for other in self.approves.get(&void.entry).into_iter().flatten() {
            if let Body::Approve(approve) = other.body
                && other.log == line.log
                && other.seq < line.seq
            {
                approvals.ro_ms = approvals.ro_ms.or(approve.approvals.ro_ms);
                approvals.shooter_ms = approvals.shooter_ms.or(approve.approvals.shooter_ms);
            }
        }
        approvals.ro_ms.is_some() && approvals.shooter_ms.is_some()
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

    /// Returns all voids by rank, those for what stands twice last: of that one entry is to stay, so
    /// each of them has to know what the ones before it undid.
    ///
    /// Source: PROTOCOL R-READ-7.
    fn voids(&self) -> Vec<(&'a Line<'a>, &'a Void)> {
        let mut voids = Vec::new();
        for line in self.lines.values() {
            if let Body::Void(void) = line.body {
                voids.push((*line, void));
            }
        }
        voids.sort_by_key(|(line, void)| (void.reason == VoidReason::Duplicate, self.rank(line)));
        voids
    }

    /// Judges all voids; returns for each entry that one undoes, which.
    fn read_voids(&mut self) -> BTreeMap<EntryId, EntryId> {
        let mut undone: BTreeMap<EntryId, (Rank, EntryId)> = BTreeMap::new();
        let mut verdicts = Vec::new();
        for (line, void) in self.voids() {
            let target = self.lines.get(&void.entry).copied();
            let verdict = match self.unfit(line) {
                Some(code) => Verdict::Unfit(code),
                None if self.lacks_consent(line, (void, target), &undone) => {
                    Verdict::Unfit(Code::E14)
                }
                None => judge_answer(self.authority, line, target),
            };
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

    /// Judges an entry that competes with no other here: what it says is read by `incidents` and
    /// `records`.
    fn verdict_alone(&self, line: &Line<'_>, voids: &BTreeMap<EntryId, EntryId>) -> Verdict {
        if let Some(void) = voids.get(&line.id) {
            return Verdict::Voided(*void);
        }
        let reign = self.authority.reign(&line.author, &line.log, line.seq);
        let by_owner = reign.is_some();
        let unfit = self.unfit(line).or_else(|| {
            let writes = check_writer(self.roster, by_owner, line.body);
            writes.err().map(|mistake| mistake.code)
        });
        if let Some(code) = unfit {
            return Verdict::Unfit(code);
        }
        match self.authority.record_standing(&line.log, line.seq) {
            Standing::Live => Verdict::Counted,
            Standing::Late => Verdict::CountedLate,
            Standing::Quarantined => Verdict::Quarantined,
            Standing::Unassigned => Verdict::Unassigned,
            Standing::Rejected => Verdict::Rejected,
            Standing::Disputed => Verdict::Disputed,
        }
    }

    /// Sorts out what cannot count; returns the rest by what it competes for.
    fn read_places(
        &mut self,
        voids: &BTreeMap<EntryId, EntryId>,
    ) -> BTreeMap<Place, Vec<Candidate<'a>>> {
        let mut places: BTreeMap<Place, Vec<Candidate<'a>>> = BTreeMap::new();
        let mut verdicts = Vec::new();
        for line in self.lines.values() {
            let (about, place) = match (line.body.about(), place(line), line.body) {
                (Some(about), Some(place), _) => (about, place),
                (_, _, Body::Void(_) | Body::Approve(_)) => continue,
                (_, _, Body::Statement(_) | Body::Seal) => {
                    verdicts.push((line.id, Verdict::Statement));
                    continue;
                }
                (_, _, Body::Unknown) => {
                    verdicts.push((line.id, Verdict::Unknown));
                    continue;
                }
                (_, _, body) if is_beyond_scores(body) => {
                    verdicts.push((line.id, self.verdict_alone(line, voids)));
                    continue;
                }
                _ => {
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

    #[expect(clippy::too_many_lines, reason = "one arm for each place")]
    fn fill(&mut self, place: Place, (line, needs_decision): (&Line<'_>, bool)) {
        let entry = line.id;
        if needs_decision
            && let Some(about) = line.body.about()
            && let Some(drill) = about.drill
        {
            let undecided = self.book.undecided.entry((drill, about.shooter));
            undecided.or_insert(entry);
        }
        match (place, line.body) {
            (Place::Slot(drill, shooter), Body::Score(score)) => {
                let Some(stage) = self.roster.drill(drill) else {
                    return;
                };
                let book = RuleBook::of(self.roster.structure());
                let outcome = Outcome::Run {
                    major: Tally::of(book, stage, score, PowerFactor::Major),
                    minor: Tally::of(book, stage, score, PowerFactor::Minor),
                    subminor: Tally::of(book, stage, score, PowerFactor::Subminor),
                };
                let slot = Slot {
                    entry,
                    outcome,
                    attempt: score.attempt,
                    at_ms: line.at_ms,
                    approvals: self.approvals(entry, score.approvals),
                    needs_decision,
                };
                self.book.slots.insert((drill, shooter), slot);
            }
            (Place::Slot(drill, shooter), Body::Status(status)) => {
                let slot = Slot {
                    entry,
                    outcome: Outcome::Missed(missed(status)),
                    attempt: status.attempt,
                    at_ms: line.at_ms,
                    approvals: self.approvals(entry, Approvals::default()),
                    needs_decision,
                };
                self.book.slots.insert((drill, shooter), slot);
            }
            (Place::Point(drill, ..), Body::Point(point)) => {
                let (set, number) = (point.set, point.number);
                self.court(drill, point.side, CourtMark::Point { set, number });
            }
            (Place::Set(drill, set), Body::SetScore(it)) => {
                let (own, other) = (it.own, it.other);
                self.court(drill, it.side, CourtMark::Set { set, own, other });
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
            (
                Place::Slot(..)
                | Place::Power(_)
                | Place::Gear(_)
                | Place::Out(..)
                | Place::Point(..)
                | Place::Set(..)
                | Place::Listed(_),
                _,
            ) => {}
        }
    }

    fn court(&mut self, drill: DrillNo, side: ShooterNo, mark: CourtMark) {
        let marks = self.book.points.entry((drill, side)).or_default();
        marks.push(mark);
    }
}

/// Returns why there is no run; a status that fills a slot is one of three.
fn missed(status: &Status) -> Missed {
    match status.kind {
        StatusKind::Dns => Missed::Dns,
        StatusKind::StageDq => Missed::StageDq,
        StatusKind::Dnf | StatusKind::MatchDq | StatusKind::Withdrawn | StatusKind::Warning => {
            Missed::Dnf
        }
    }
}
