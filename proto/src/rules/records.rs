//! Records beyond scores: how versions of several writers come to one view, by declared policies.
//!
//! A pure function of a set of entries: each policy gives the same view whatever the order in which
//! versions came and however often. Versions are ordered by their counters, equal ones by the place
//! of their logs; no clock plays a part. Nothing is lost: a record keeps every version.

mod derive;
mod policy;

use alloc::{collections::BTreeMap, vec::Vec};

use tallyline_keys::PublicKey;
use uuid::Uuid;

use super::{Authority, Line, Rank, Roster, Scorebook, Verdict, rank};
use crate::model::{Body, EntryId, FieldNo, Kind, KindNo, Policy, Record, Value};

/// One version of a record, with who wrote it and when by his clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// The entry.
    pub entry: EntryId,
    /// Who wrote it.
    pub author: PublicKey,
    /// When it was written, by its author's clock, in milliseconds from the event's epoch.
    pub at_ms: i64,
    /// What it says.
    pub says: Record,
    /// Whether something of it is in the view; else it lives on in the history.
    pub shown: bool,
    rank: Rank,
}

/// A value of a field in the view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// The value.
    pub value: Value,
    /// The entry it comes from; `None`: it is computed.
    pub from: Option<EntryId>,
}

/// How far a record is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// It is applied.
    Applied,
    /// It waits for these records: its parents, or its own creation (E20).
    Waiting(Vec<(KindNo, Uuid)>),
}

/// One record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordState {
    /// Its kind.
    pub kind: KindNo,
    /// Its name.
    pub key: Uuid,
    /// The records it hangs on, in the order of the kind's parents.
    pub parents: Vec<Uuid>,
    /// How far it is.
    pub state: State,
    /// What it says, by its kind's policy.
    pub fields: BTreeMap<FieldNo, Shown>,
    /// Whether it is taken back.
    pub gone: bool,
    /// How many versions at the beginning somebody took back who knew all of them; only where every
    /// version is one more line.
    pub ended: usize,
    /// The highest counter of its versions.
    pub counter: u64,
    /// Every version, in order; the last one goes before the others.
    pub versions: Vec<Version>,
    /// Versions that knew nothing of each other, of which a person chooses by writing a further one.
    pub asks: Vec<EntryId>,
    /// Creations that say the same thing was done: possibly done twice. Empty, or two and more.
    pub doubled: Vec<EntryId>,
}

impl RecordState {
    /// Returns the counter of a version whose writer knows this state: above every counter, and
    /// above the number of versions, so that it tells whether its writer knew all.
    ///
    /// Source: PROTOCOL R-RECORD-2.
    pub fn next_counter(&self) -> u64 {
        let known = u64::try_from(self.versions.len()).unwrap_or(u64::MAX);
        self.counter.max(known).saturating_add(1)
    }

    /// Returns whether versions are known of that are not here: the counter of one is above their
    /// number.
    ///
    /// Source: PROTOCOL R-RECORD-2.
    pub fn lacks_versions(&self) -> bool {
        let held = u64::try_from(self.versions.len()).unwrap_or(u64::MAX);
        held < self.counter
    }

    /// Returns the versions that nobody took back.
    pub fn living(&self) -> impl Iterator<Item = &Version> + '_ {
        self.versions.iter().skip(self.ended)
    }

    /// Returns whether a person has to look at it.
    pub fn needs_person(&self) -> bool {
        !self.asks.is_empty() || !self.doubled.is_empty()
    }

    /// Returns whether it is applied.
    pub fn applied(&self) -> bool {
        self.state == State::Applied
    }
}

/// All records of an event.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Records {
    kinds: BTreeMap<KindNo, BTreeMap<Uuid, RecordState>>,
    verdicts: BTreeMap<EntryId, Verdict>,
}

impl Records {
    /// Reads the records among `lines` that count by `book`.
    ///
    /// Source: PROTOCOL R-RECORD-4 to R-RECORD-7.
    pub(super) fn compute(
        roster: &Roster,
        authority: &dyn Authority,
        book: &Scorebook,
        lines: &[&Line<'_>],
    ) -> Self {
        let mut found: BTreeMap<(KindNo, Uuid), BTreeMap<Rank, Version>> = BTreeMap::new();
        for line in lines {
            let Body::Record(record) = line.body else {
                continue;
            };
            let verdict = book.verdict(line.id);
            if !matches!(verdict, Some(Verdict::Counted | Verdict::CountedLate)) {
                continue;
            }
            let rank = rank(authority, line);
            let version = Version {
                entry: line.id,
                author: line.author,
                at_ms: line.at_ms,
                says: record.clone(),
                shown: false,
                rank,
            };
            let versions = found.entry((record.kind, record.key)).or_default();
            versions.insert(rank, version);
        }
        let mut it = Self::default();
        for kind in application_order(&roster.structure().kinds) {
            let from = (kind.no, Uuid::nil());
            let to = (kind.no, Uuid::max());
            let keys: Vec<(KindNo, Uuid)> = found.range(from..=to).map(|(key, _)| *key).collect();
            let mut records = BTreeMap::new();
            for key in keys {
                let Some(versions) = found.remove(&key) else {
                    continue;
                };
                let record = it.read(kind, key.1, versions.into_values().collect());
                records.insert(key.1, record);
            }
            if let Policy::Derived(derive) = &kind.policy {
                records = derive::of(roster, kind, *derive, &it.kinds);
            }
            if kind.policy == Policy::Append {
                policy::mark_doubles(kind, &mut records);
            }
            it.kinds.insert(kind.no, records);
        }
        it
    }

    /// Returns the records of a kind by key.
    pub fn of_kind(&self, kind: KindNo) -> impl Iterator<Item = &RecordState> + '_ {
        self.kinds.get(&kind).into_iter().flat_map(BTreeMap::values)
    }

    /// Returns one record.
    pub fn get(&self, kind: KindNo, key: Uuid) -> Option<&RecordState> {
        self.kinds.get(&kind)?.get(&key)
    }

    /// Returns all records, kinds in the order of their numbers.
    pub fn all(&self) -> impl Iterator<Item = &RecordState> + '_ {
        self.kinds.values().flat_map(BTreeMap::values)
    }

    /// Returns the records that a person has to look at: what may have been done twice first.
    ///
    /// Source: PROTOCOL R-RECORD-6, R-RECORD-7.
    pub fn conflicts(&self) -> Vec<&RecordState> {
        let mut conflicts: Vec<&RecordState> = self.all().filter(|it| it.needs_person()).collect();
        conflicts.sort_by_key(|it| it.doubled.is_empty());
        conflicts
    }

    /// Returns what became of entries that count by themselves and do not stand alone.
    pub(super) fn verdicts(&self) -> impl Iterator<Item = (EntryId, Verdict)> + '_ {
        self.verdicts
            .iter()
            .map(|(entry, verdict)| (*entry, *verdict))
    }

    /// Brings the versions of one record together; they come by rank.
    fn read(&mut self, kind: &Kind, key: Uuid, mut versions: Vec<Version>) -> RecordState {
        // A stable sort keeps ranks falling inside one counter: the first by rank goes before.
        versions.reverse();
        versions.sort_by_key(|it| it.says.counter);
        let last = versions.last();
        let parents = last.map_or_else(Vec::new, |it| it.says.parents.clone());
        let mut record = RecordState {
            kind: kind.no,
            key,
            state: self.state(kind, key, &parents, &versions),
            parents,
            fields: BTreeMap::new(),
            gone: last.is_some_and(|it| it.says.gone),
            ended: 0,
            counter: last.map_or(0, |it| it.says.counter),
            versions,
            asks: Vec::new(),
            doubled: Vec::new(),
        };
        policy::apply(kind, &mut record);
        self.judge(kind, &record);
        record
    }

    /// Says what a record waits for.
    ///
    /// Source: PROTOCOL R-RECORD-5.
    fn state(&self, kind: &Kind, key: Uuid, parents: &[Uuid], versions: &[Version]) -> State {
        let here = |kind: KindNo, key: Uuid| self.get(kind, key).is_some_and(RecordState::applied);
        let parents = kind.parents.iter().zip(parents);
        let missing = parents.filter(|(kind, key)| !here(**kind, **key));
        let mut waits: Vec<(KindNo, Uuid)> = missing.map(|(kind, key)| (*kind, *key)).collect();
        if !versions.iter().any(|it| it.says.creates) {
            waits.push((kind.no, key));
        }
        if waits.is_empty() {
            State::Applied
        } else {
            State::Waiting(waits)
        }
    }

    /// Notes for each version what became of it, where it does not just count.
    fn judge(&mut self, kind: &Kind, record: &RecordState) {
        if !record.applied() {
            let all = record.versions.iter();
            self.verdicts
                .extend(all.map(|it| (it.entry, Verdict::Waiting)));
        } else if kind.policy == Policy::Ask
            && let Some((last, others)) = record.asks.split_last()
        {
            let verdict = Verdict::NeedsDecision(*last);
            self.verdicts
                .extend(others.iter().map(|entry| (*entry, verdict)));
        }
    }
}

/// Returns whether two versions of one record say the same, as far as everybody can tell: of texts
/// sealed under two keys nobody can.
///
/// Source: PROTOCOL R-RECORD-4, R-RECORD-9.
pub(crate) fn same_content(left: &Record, right: &Record) -> bool {
    let same = |(one, other): (&(FieldNo, Value), &(FieldNo, Value))| {
        let values = match (&one.1, &other.1) {
            (Value::Sealed(one), Value::Sealed(other)) => one.may_equal(other),
            (one, other) => one == other,
        };
        one.0 == other.0 && values
    };
    left.gone == right.gone
        && left.parents == right.parents
        && left.fields.len() == right.fields.len()
        && left.fields.iter().zip(&right.fields).all(same)
}

/// Returns kinds in an order in which each comes after everything that its records hang on and are
/// computed from: those that are written by number, then those that are computed.
///
/// Source: PROTOCOL R-RECORD-5.
pub fn application_order(kinds: &[Kind]) -> Vec<&Kind> {
    let mut order: Vec<&Kind> = kinds.iter().collect();
    order.sort_by_key(|kind| (matches!(kind.policy, Policy::Derived(_)), kind.no));
    order
}
