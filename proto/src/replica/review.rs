//! What a replica shows beyond scores: incidents, records, and all that needs a person.

use alloc::{collections::BTreeSet, string::String, sync::Arc, vec::Vec};

use tallyline_keys::PublicKey;
use uuid::Uuid;

use super::{Replica, core::State, member::Member, seal::DEPTH_MAX};
use crate::{
    model::{
        Body, DrillNo, EntryId, Incident, JuryDecision, Kind, KindNo, LogName, Person, PlaceNo,
        Policy, Report, ShooterNo, Value,
    },
    rules::{
        Scorebook, Verdict,
        incidents::{Alert, Choice, Group, Review, Sighting, Told, Waits},
        records::RecordState,
    },
    wire::log_short_id,
};

/// What stands in the place of what an erased person's record says.
const ERASED: &str = "[erased]";

/// Who wrote an entry, when by his clock, and where the entry is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Noted {
    /// The entry.
    pub entry: EntryId,
    /// Its author's key.
    pub author: PublicKey,
    /// What its author is called.
    pub label: String,
    /// Unix time in milliseconds as the author's clock had it.
    pub at_unix_ms: i64,
    /// Other devices that hold it.
    pub copies: u32,
    /// Whether a cloud receipt covers it.
    pub in_cloud: bool,
}

/// What an entry says, with who said it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Saying<T> {
    /// Who, when and where.
    pub noted: Noted,
    /// What.
    pub says: T,
}

/// Incidents that are about the same thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupView {
    /// The earliest of its incidents names it.
    pub id: Uuid,
    /// The race.
    pub race: DrillNo,
    /// The start number.
    pub bib: ShooterNo,
    /// Where.
    pub place: PlaceNo,
    /// Unix time in milliseconds at which the earliest happened, by its reporter's clock.
    pub at_unix_ms: i64,
    /// What is decided.
    pub choice: Choice,
    /// All of them, by time.
    pub incidents: Vec<IncidentView>,
}

/// One incident with everything that was said about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IncidentView {
    /// What was seen first, and by whom.
    pub first: Saying<Incident>,
    /// Unix time in milliseconds at which it happened, by the reporter's clock.
    pub at_unix_ms: i64,
    /// Entries that say the same under its id.
    pub again: Vec<EntryId>,
    /// Entries that say something else under its id (E19).
    pub others: Vec<Saying<Incident>>,
    /// Reports about it.
    pub reports: Vec<Saying<Report>>,
    /// What was decided about it.
    pub decisions: Vec<Saying<JuryDecision>>,
}

/// A record with who wrote each version, in the order of [`RecordState::versions`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionsView {
    /// How it stands, and every version.
    pub record: RecordState,
    /// Who wrote each version.
    pub noted: Vec<Noted>,
}

/// A review item, with who wrote its entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reviewed {
    /// What a person has to look at.
    pub review: Review,
    /// When, as Unix time in milliseconds by the clock of the last entry's author.
    pub at_unix_ms: i64,
    /// Who wrote its entries, in their order.
    pub noted: Vec<Noted>,
    /// What each of them says.
    pub says: Vec<Body>,
}

/// A place of the scorebook in which a person must void something: a slot, the chronograph's line of a
/// shooter, a court of a side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlotConflict {
    /// The drill.
    pub drill: DrillNo,
    /// The shooter.
    pub shooter: ShooterNo,
    /// The entry that is shown.
    pub entry: EntryId,
}

/// Everything that needs a person.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Conflicts {
    /// Records: what may have been done twice first, then questions between versions.
    pub records: Vec<VersionsView>,
    /// Incidents and decisions, by time.
    pub reviews: Vec<Reviewed>,
    /// Slots of scores, readings and courts, by drill and shooter.
    pub slots: Vec<SlotConflict>,
    /// Entries that wait for an incident that is not here: no conflict, but worth a look.
    pub waiting: Vec<Waits>,
    /// Bursts of what needs a person, in Unix time in milliseconds.
    pub alerts: Vec<Alert>,
}

/// How often something came more than once, by what it was recognised by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Doubles {
    /// Incidents, reports, decisions and records that say the same under one id.
    pub by_id: u64,
    /// Incidents that are about the same thing as an earlier one.
    pub by_content: u64,
    /// Scores, readings and courts that say the same of one slot.
    pub by_slot: u64,
    /// Scores that count beside another one of the same shooter on the same drill: none, or the
    /// program has a fault.
    pub counted_twice: u64,
}

impl Conflicts {
    /// Returns how many things need a person.
    pub fn count(&self) -> usize {
        self.records
            .len()
            .saturating_add(self.reviews.len())
            .saturating_add(self.slots.len())
    }
}

impl Replica {
    /// Returns the incidents of all races in their groups, by race, bib, place and time.
    pub fn incidents(&mut self) -> Vec<GroupView> {
        let Some((own, book, member)) = self.read() else {
            return Vec::new();
        };
        let groups = book.incidents().groups().iter();
        groups
            .map(|it| member.group_view(&own, &book, it))
            .collect()
    }

    /// Returns the kinds of records of the event, by number.
    pub fn kinds(&self) -> &[Kind] {
        self.roster()
            .map_or(&[], |roster| &roster.structure().kinds)
    }

    /// Returns the records of a kind, taken back ones too: those that need a person first, then by
    /// key.
    pub fn records(&mut self, kind: KindNo) -> Vec<VersionsView> {
        let Some((own, book, member)) = self.read() else {
            return Vec::new();
        };
        let records = book.records().of_kind(kind);
        let mut views: Vec<VersionsView> = records
            .map(|it| member.versions_view(&own, &book, it))
            .collect();
        views.sort_by_key(|it| (it.record.doubled.is_empty(), !it.record.needs_person()));
        views
    }

    /// Returns everything that needs a person.
    pub fn conflicts(&mut self) -> Conflicts {
        let Some((own, book, member)) = self.read() else {
            return Conflicts::default();
        };
        let records = book.records().conflicts();
        let reviews = book.incidents().reviews().iter();
        let reviews = reviews.map(|review| member.reviewed(&own, review));
        let undecided = book.undecided().iter();
        let slots = undecided.map(|(&(drill, shooter), &entry)| SlotConflict {
            drill,
            shooter,
            entry,
        });
        let alerts = book.incidents().alerts().into_iter().map(|alert| Alert {
            from_ms: member.unix_ms(alert.from_ms),
            to_ms: member.unix_ms(alert.to_ms),
            ..alert
        });
        Conflicts {
            records: records
                .into_iter()
                .map(|it| member.versions_view(&own, &book, it))
                .collect(),
            reviews: reviews.collect(),
            slots: slots.collect(),
            waiting: book.incidents().waiting().to_vec(),
            alerts: alerts.collect(),
        }
    }

    /// Returns how often something came more than once.
    pub fn doubles(&mut self) -> Doubles {
        let Some((_, book, member)) = self.read() else {
            return Doubles::default();
        };
        let mut doubles = Doubles::default();
        let mut counted = BTreeSet::new();
        for (entry, verdict) in book.verdicts() {
            let found = member.ledger.find(*entry);
            let line = found.and_then(|(log, seq)| member.ledger.line(&log, seq));
            let Some(line) = line else { continue };
            match verdict {
                Verdict::Duplicate(_) if line.body.about().is_some() => {
                    doubles.by_slot = doubles.by_slot.saturating_add(1);
                }
                Verdict::Duplicate(_) => doubles.by_id = doubles.by_id.saturating_add(1),
                Verdict::Counted | Verdict::CountedLate => {
                    if let Body::Score(score) = &line.body
                        && !counted.insert((score.drill, score.shooter))
                    {
                        doubles.counted_twice = doubles.counted_twice.saturating_add(1);
                    }
                }
                Verdict::LowerAttempt(_)
                | Verdict::NeedsDecision(_)
                | Verdict::LateBeaten(_)
                | Verdict::Quarantined
                | Verdict::Unassigned
                | Verdict::Rejected
                | Verdict::Disputed
                | Verdict::Voided(_)
                | Verdict::Unfit(_)
                | Verdict::Waiting
                | Verdict::Statement
                | Verdict::Unknown => {}
            }
        }
        for group in book.incidents().groups() {
            let more = u64::try_from(group.incidents.len().saturating_sub(1));
            doubles.by_content = doubles.by_content.saturating_add(more.unwrap_or(u64::MAX));
        }
        doubles
    }

    fn read(&mut self) -> Option<(PublicKey, Arc<Scorebook>, &Member)> {
        let own = self.key();
        let State::Member(member) = &mut self.state else {
            return None;
        };
        let book = member.book();
        Some((own, book, member))
    }
}

impl Member {
    fn group_view(&self, own: &PublicKey, book: &Scorebook, group: &Group) -> GroupView {
        let sightings = book.incidents().sightings();
        let incidents = group.incidents.iter().filter_map(|id| sightings.get(id));
        GroupView {
            id: group.id,
            race: group.race,
            bib: group.bib,
            place: group.place,
            at_unix_ms: self.unix_ms(group.at_ms),
            choice: group.choice.clone(),
            incidents: incidents.map(|it| self.incident_view(own, it)).collect(),
        }
    }

    fn incident_view(&self, own: &PublicKey, sighting: &Sighting) -> IncidentView {
        IncidentView {
            first: self.saying(own, &sighting.first),
            at_unix_ms: self.unix_ms(sighting.first.happened_ms()),
            again: sighting.again.clone(),
            others: self.sayings(own, &sighting.others),
            reports: self.sayings(own, &sighting.reports),
            decisions: self.sayings(own, &sighting.decisions),
        }
    }

    fn sayings<T: Clone>(&self, own: &PublicKey, told: &[Told<T>]) -> Vec<Saying<T>> {
        told.iter().map(|it| self.saying(own, it)).collect()
    }

    fn saying<T: Clone>(&self, own: &PublicKey, told: &Told<T>) -> Saying<T> {
        Saying {
            noted: self.noted_by(own, told.entry, &told.author, told.at_ms),
            says: told.says.clone(),
        }
    }

    /// Shows nothing of what a record says that stands for a person who was erased, and no words of
    /// one that hangs on such a record: counts and days stay.
    ///
    /// Source: PROTOCOL R-SEAL-7.
    fn without_erased_record(&self, book: &Scorebook, record: &RecordState) -> RecordState {
        let mut record = record.clone();
        let kind = self.ledger.authority().roster().kind(record.kind);
        // What is computed has the name of what it hangs on, and says nothing of its own.
        let written = kind.is_none_or(|it| !matches!(it.policy, Policy::Derived(_)));
        let itself = written && self.ring.erased().contains(&Person::Record(record.key));
        if !itself && !self.hangs_on_erased(book, &record) {
            return record;
        }
        let shown = record.fields.values_mut().map(|it| &mut it.value);
        let said = record.versions.iter_mut();
        let said = said.flat_map(|it| it.says.fields.iter_mut().map(|(_, value)| value));
        for value in shown.chain(said) {
            let hidden = match value {
                Value::Text(_) => true,
                Value::Number(_) => itself,
                // Opened, it says by itself that it is erased.
                Value::Sealed(_) => false,
            };
            if hidden {
                *value = Value::Text(ERASED.into());
            }
        }
        record
    }

    /// Returns whether a record hangs on one that stands for a person who was erased.
    fn hangs_on_erased(&self, book: &Scorebook, record: &RecordState) -> bool {
        let erased = self.ring.erased();
        let mut above = self.parents(record);
        for _ in 0..DEPTH_MAX {
            if erased.is_empty() || above.is_empty() {
                return false;
            }
            let is_erased = |(_, key): &(KindNo, Uuid)| erased.contains(&Person::Record(*key));
            if above.iter().any(is_erased) {
                return true;
            }
            let states = above
                .iter()
                .filter_map(|(kind, key)| book.records().get(*kind, *key));
            above = states.flat_map(|it| self.parents(it)).collect();
        }
        false
    }

    fn parents(&self, record: &RecordState) -> BTreeSet<(KindNo, Uuid)> {
        let kind = self.ledger.authority().roster().kind(record.kind);
        let kinds = kind
            .into_iter()
            .flat_map(|kind| kind.parents.iter().copied());
        kinds.zip(record.parents.iter().copied()).collect()
    }

    fn versions_view(
        &self,
        own: &PublicKey,
        book: &Scorebook,
        record: &RecordState,
    ) -> VersionsView {
        let noted = record.versions.iter();
        let noted = noted.map(|it| self.noted_by(own, it.entry, &it.author, it.at_ms));
        VersionsView {
            noted: noted.collect(),
            record: self.without_erased_record(book, record),
        }
    }

    fn reviewed(&self, own: &PublicKey, review: &Review) -> Reviewed {
        let found = review.entries.iter().filter_map(|entry| {
            let (log, seq) = self.ledger.find(*entry)?;
            let line = self.ledger.line(&log, seq)?;
            let noted = self.noted_by(own, *entry, &line.author, line.at_ms);
            Some((noted, line.body.clone()))
        });
        let (noted, says) = found.unzip();
        Reviewed {
            review: review.clone(),
            at_unix_ms: self.unix_ms(review.at_ms),
            noted,
            says,
        }
    }

    fn noted_by(&self, own: &PublicKey, entry: EntryId, author: &PublicKey, at_ms: i64) -> Noted {
        let (copies, in_cloud) = match self.ledger.find(entry) {
            Some((log, seq)) => self.whereabouts(own, &log, seq),
            None => (0, false),
        };
        Noted {
            entry,
            author: *author,
            label: self.label(author),
            at_unix_ms: self.unix_ms(at_ms),
            copies,
            in_cloud,
        }
    }

    fn whereabouts(&self, own: &PublicKey, log: &LogName, seq: u64) -> (u32, bool) {
        let id = log_short_id(log);
        (self.copies(own, &id, seq), seq <= self.in_cloud(&id))
    }
}
