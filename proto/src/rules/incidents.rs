//! Incidents of races: who saw what, what belongs together, what is decided, what needs a person.
//!
//! A pure function of a set of entries. Nothing is merged: reports of one thing are a group that
//! every node computes alike, and what a person decides is a further entry.

mod alert;
mod group;

pub use alert::{ALERT_ITEMS, ALERT_MS, Alert, alerts};
pub use group::{Bench, Choice, Group};

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};

use tallyline_keys::PublicKey;
use uuid::Uuid;

use super::{Authority, Line, Rank, Roster, Scorebook, Verdict, rank};
use crate::model::{
    Body, DrillNo, EntryId, Incident, JuryDecision, Report, Ruling, ShooterNo, Text,
};

/// What an entry says, with who said it and when by his clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told<T> {
    /// The entry.
    pub entry: EntryId,
    /// Who wrote it.
    pub author: PublicKey,
    /// When it was written, by its author's clock, in milliseconds from the event's epoch.
    pub at_ms: i64,
    /// What it says.
    pub says: T,
    rank: Rank,
}

impl Told<Incident> {
    /// Returns when it happened by the reporting device's clock, in milliseconds from the event's
    /// epoch.
    ///
    /// Source: PROTOCOL R-INCIDENT-1.
    pub fn happened_ms(&self) -> i64 {
        self.at_ms.saturating_sub(self.says.before_ms)
    }
}

/// One incident with everything that was said about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// The entry that is shown.
    pub first: Told<Incident>,
    /// Entries of the same id that say the same: it is here already.
    pub again: Vec<EntryId>,
    /// Entries of the same id that say something else (E19); a person voids what is wrong.
    pub others: Vec<Told<Incident>>,
    /// Reports about it, by rank.
    pub reports: Vec<Told<Report>>,
    /// What was decided about it, by rank.
    pub decisions: Vec<Told<JuryDecision>>,
}

/// What a person has to look at.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Review {
    /// When the last of its entries was written, by its author's clock, in milliseconds from the
    /// event's epoch.
    pub at_ms: i64,
    /// Why.
    pub why: Why,
    /// The incident; of differing decisions the one that names the group.
    pub incident: Uuid,
    /// The entries that differ, by rank.
    pub entries: Vec<EntryId>,
}

/// Why a person has to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// Entries of one incident's id say different things (E19): the wrong one is voided.
    OtherIncident,
    /// Entries of one report's id say different things (E19): the wrong one is voided.
    OtherReport(Uuid),
    /// Decisions about one group differ: the owner, or the jury, decides.
    Decisions,
}

/// Says whether two texts, or none, say the same.
pub(crate) type SameText<'a> = &'a dyn Fn(Option<&Text>, Option<&Text>) -> bool;

/// An entry about an incident that is not here (E20).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Waits {
    /// The incident.
    pub incident: Uuid,
    /// The entry that waits.
    pub entry: EntryId,
}

/// All incidents of an event.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Incidents {
    sightings: BTreeMap<Uuid, Sighting>,
    groups: Vec<Group>,
    reviews: Vec<Review>,
    waiting: Vec<Waits>,
    reports: BTreeMap<Uuid, Told<Report>>,
    verdicts: BTreeMap<EntryId, Verdict>,
}

impl Incidents {
    /// Reads the incidents, reports and decisions among `lines` that count by `book`.
    ///
    /// Source: PROTOCOL R-INCIDENT-2 to R-INCIDENT-6.
    pub(super) fn compute(
        roster: &Roster,
        authority: &dyn Authority,
        book: &Scorebook,
        lines: &[&Line<'_>],
    ) -> Self {
        let mut by_rank: BTreeMap<Rank, &Line<'_>> = BTreeMap::new();
        for line in lines {
            let verdict = book.verdict(line.id);
            if matches!(verdict, Some(Verdict::Counted | Verdict::CountedLate)) {
                by_rank.insert(rank(authority, line), line);
            }
        }
        let mut it = Self::default();
        for (rank, line) in &by_rank {
            if let Body::Incident(incident) = line.body {
                it.take_incident(told(*rank, line, incident));
            }
        }
        // What a void took out is here all the same: nothing waits for it.
        let named = lines.iter().filter_map(|line| {
            let Body::Incident(incident) = line.body else {
                return None;
            };
            Some(incident.id)
        });
        let named: BTreeSet<Uuid> = named.collect();
        let mut reports = BTreeMap::new();
        for (rank, line) in &by_rank {
            if let Body::Report(report) = line.body {
                it.take_report(told(*rank, line, report), &mut reports, &named);
            } else if let Body::JuryDecision(decision) = line.body {
                it.take_decision(told(*rank, line, decision), &named);
            }
        }
        for (id, seen) in reports {
            it.reports.insert(id, seen.first.clone());
            it.reviews.extend(seen.review());
        }
        it.groups = group::groups(roster, authority, &it.sightings);
        it.review();
        it
    }

    /// Returns each incident by its id.
    pub fn sightings(&self) -> &BTreeMap<Uuid, Sighting> {
        &self.sightings
    }

    /// Returns the report of this id, whether or not its incident is here.
    pub fn report(&self, id: Uuid) -> Option<&Told<Report>> {
        self.reports.get(&id)
    }

    /// Returns what belongs together, by race, bib, place and time.
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// Returns the group of an incident.
    pub fn group_of(&self, incident: Uuid) -> Option<&Group> {
        self.groups
            .iter()
            .find(|it| it.incidents.contains(&incident))
    }

    /// Returns what a person has to look at, by time.
    pub fn reviews(&self) -> &[Review] {
        &self.reviews
    }

    /// Returns what waits for an incident that is not here.
    pub fn waiting(&self) -> &[Waits] {
        &self.waiting
    }

    /// Returns the alerts for bursts of what a person has to look at.
    pub fn alerts(&self) -> Vec<Alert> {
        let times: Vec<i64> = self.reviews.iter().map(|it| it.at_ms).collect();
        alerts(&times)
    }

    /// Returns what is settled about runs: all groups of a run together.
    pub(super) fn rulings(&self) -> BTreeMap<(DrillNo, ShooterNo), Ruling> {
        let mut rulings: BTreeMap<(DrillNo, ShooterNo), Ruling> = BTreeMap::new();
        for group in &self.groups {
            let Choice::Settled { ruling, .. } = group.choice else {
                continue;
            };
            rulings
                .entry((group.race, group.bib))
                .and_modify(|held| *held = both(*held, ruling))
                .or_insert(ruling);
        }
        rulings
    }

    /// Returns what became of entries that count by themselves and do not stand alone.
    pub(super) fn verdicts(&self) -> impl Iterator<Item = (EntryId, Verdict)> + '_ {
        self.verdicts
            .iter()
            .map(|(entry, verdict)| (*entry, *verdict))
    }

    fn take_incident(&mut self, told: Told<Incident>) {
        let Some(held) = self.sightings.get_mut(&told.says.id) else {
            let fresh = Sighting {
                first: told,
                again: Vec::new(),
                others: Vec::new(),
                reports: Vec::new(),
                decisions: Vec::new(),
            };
            self.sightings.insert(fresh.first.says.id, fresh);
            return;
        };
        let first = held.first.entry;
        if same_incident(&held.first.says, &told.says, &same_text) {
            self.verdicts.insert(told.entry, Verdict::Duplicate(first));
            held.again.push(told.entry);
        } else {
            self.verdicts
                .insert(told.entry, Verdict::NeedsDecision(first));
            held.others.push(told);
        }
    }

    fn take_report(
        &mut self,
        told: Told<Report>,
        reports: &mut BTreeMap<Uuid, Seen>,
        named: &BTreeSet<Uuid>,
    ) {
        let entry = told.entry;
        if let Some(seen) = reports.get_mut(&told.says.id) {
            let same = same_report(&seen.first.says, &told.says, &same_text);
            let verdict = if same {
                Verdict::Duplicate(seen.first.entry)
            } else {
                Verdict::NeedsDecision(seen.first.entry)
            };
            self.verdicts.insert(entry, verdict);
            if same {
                return;
            }
            seen.others.push((entry, told.at_ms));
        } else {
            let seen = Seen {
                first: told.clone(),
                others: Vec::new(),
            };
            reports.insert(told.says.id, seen);
        }
        let incident = told.says.incident;
        match self.sightings.get_mut(&incident) {
            Some(sighting) => sighting.reports.push(told),
            None => self.wait(incident, entry, named),
        }
    }

    fn take_decision(&mut self, told: Told<JuryDecision>, named: &BTreeSet<Uuid>) {
        let (incident, entry) = (told.says.incident, told.entry);
        match self.sightings.get_mut(&incident) {
            Some(sighting) => sighting.decisions.push(told),
            None => self.wait(incident, entry, named),
        }
    }

    fn wait(&mut self, incident: Uuid, entry: EntryId, named: &BTreeSet<Uuid>) {
        if named.contains(&incident) {
            return;
        }
        self.waiting.push(Waits { incident, entry });
        self.verdicts.insert(entry, Verdict::Waiting);
    }

    /// Collects what a person has to look at.
    fn review(&mut self) {
        for sighting in self.sightings.values() {
            let first = &sighting.first;
            let others = &sighting.others;
            let Some(last_ms) = others.iter().map(|it| it.at_ms).max() else {
                continue;
            };
            let entries = [first.entry]
                .into_iter()
                .chain(others.iter().map(|it| it.entry));
            self.reviews.push(Review {
                at_ms: last_ms.max(first.at_ms),
                why: Why::OtherIncident,
                incident: first.says.id,
                entries: entries.collect(),
            });
        }
        for group in &self.groups {
            let Choice::Differing { entries, at_ms } = &group.choice else {
                continue;
            };
            if let Some(first) = entries.first() {
                let others = entries.iter().skip(1);
                let verdicts = others.map(|entry| (*entry, Verdict::NeedsDecision(*first)));
                self.verdicts.extend(verdicts);
            }
            self.reviews.push(Review {
                at_ms: *at_ms,
                why: Why::Decisions,
                incident: group.id,
                entries: entries.clone(),
            });
        }
        self.reviews.sort_unstable();
        self.waiting.sort_unstable();
    }
}

/// A report's id, with what entries of it say.
struct Seen {
    first: Told<Report>,
    others: Vec<(EntryId, i64)>,
}

impl Seen {
    fn review(self) -> Option<Review> {
        let last_ms = self.others.iter().map(|(_, at_ms)| *at_ms).max()?;
        let others = self.others.iter().map(|(entry, _)| *entry);
        Some(Review {
            at_ms: last_ms.max(self.first.at_ms),
            why: Why::OtherReport(self.first.says.id),
            incident: self.first.says.incident,
            entries: [self.first.entry].into_iter().chain(others).collect(),
        })
    }
}

/// Returns whether two incidents of one id say the same; times of day are not content.
///
/// Source: PROTOCOL R-INCIDENT-2, R-READ-5.
pub(crate) fn same_incident(left: &Incident, right: &Incident, same_text: SameText<'_>) -> bool {
    left.race == right.race
        && left.bib == right.bib
        && left.place == right.place
        && left.rule == right.rule
        && same_text(left.text.as_ref(), right.text.as_ref())
}

/// Returns whether two reports of one id say the same.
///
/// Source: PROTOCOL R-INCIDENT-2.
pub(crate) fn same_report(left: &Report, right: &Report, same_text: SameText<'_>) -> bool {
    left.incident == right.incident
        && left.media == right.media
        && same_text(left.text.as_ref(), right.text.as_ref())
}

/// Returns whether two texts say the same, as far as everybody can tell: of two that are sealed with
/// two keys nobody can.
///
/// Source: PROTOCOL R-INCIDENT-2.
pub(crate) fn same_text(left: Option<&Text>, right: Option<&Text>) -> bool {
    match (left, right) {
        (Some(Text::Sealed(left)), Some(Text::Sealed(right))) => left.may_equal(right),
        (left, right) => left == right,
    }
}

/// Returns what two rulings about one run come to: times add up, a disqualification stays.
fn both(left: Ruling, right: Ruling) -> Ruling {
    if let (Ruling::Time(left), Ruling::Time(right)) = (left, right) {
        return Ruling::Time(left.saturating_add(right));
    }
    left.max(right)
}

fn told<T: Clone>(rank: Rank, line: &Line<'_>, says: &T) -> Told<T> {
    Told {
        entry: line.id,
        author: line.author,
        at_ms: line.at_ms,
        says: says.clone(),
        rank,
    }
}
