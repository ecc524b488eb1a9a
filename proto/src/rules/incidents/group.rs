//! Which incidents belong together, and what is decided about them.

use alloc::{collections::BTreeMap, vec::Vec};

use tallyline_keys::PublicKey;
use uuid::Uuid;

use super::{Sighting, Told};
use crate::{
    model::{DrillNo, EntryId, JuryDecision, PlaceNo, RuleNo, Ruling, ShooterNo, Terms},
    rules::{Authority, Roster},
};

/// Incidents that are about the same thing: computed, never stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// The earliest of its incidents names it.
    pub id: Uuid,
    /// The race.
    pub race: DrillNo,
    /// The start number.
    pub bib: ShooterNo,
    /// Where.
    pub place: PlaceNo,
    /// When the earliest happened, by its reporter's clock, in milliseconds from the event's epoch.
    pub at_ms: i64,
    /// All of them, by time.
    pub incidents: Vec<Uuid>,
    /// What is decided.
    pub choice: Choice,
}

/// What is decided about a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    /// Nothing yet.
    Open,
    /// All decisions that weigh most say this.
    Settled {
        /// The entry that says so.
        entry: EntryId,
        /// What it says.
        ruling: Ruling,
        /// The rule it rests on.
        rule: Option<RuleNo>,
        /// Whose word it is.
        by: Bench,
    },
    /// They differ; nothing holds until somebody who goes before them decides.
    Differing {
        /// The entries that differ, by rank.
        entries: Vec<EntryId>,
        /// When the last of them was written, by its author's clock.
        at_ms: i64,
    },
}

/// Whose decisions go before whose; the greatest holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Bench {
    /// Any member that may score.
    Official,
    /// A member with the role of the jury.
    Jury,
    /// The owner of then; a later one before an earlier one.
    Owner,
}

/// Groups incidents by race, bib and place, and within the race's window of the earliest of the
/// group: neither buckets of time nor chains of neighbours.
///
/// Source: PROTOCOL R-INCIDENT-3.
pub(super) fn groups(
    roster: &Roster,
    authority: &dyn Authority,
    sightings: &BTreeMap<Uuid, Sighting>,
) -> Vec<Group> {
    let mut sorted: Vec<&Sighting> = sightings.values().collect();
    sorted.sort_unstable_by_key(|it| {
        let says = &it.first.says;
        let place = (says.race, says.bib, says.place);
        (place, it.first.happened_ms(), says.id)
    });
    let mut groups: Vec<Group> = Vec::new();
    for sighting in sorted {
        let says = &sighting.first.says;
        let at_ms = sighting.first.happened_ms();
        let window = window_ms(roster, says.race);
        if let Some(group) = groups.last_mut()
            && (group.race, group.bib, group.place) == (says.race, says.bib, says.place)
            && at_ms.saturating_sub(group.at_ms) <= window
        {
            group.incidents.push(says.id);
            continue;
        }
        groups.push(Group {
            id: says.id,
            race: says.race,
            bib: says.bib,
            place: says.place,
            at_ms,
            incidents: Vec::from([says.id]),
            choice: Choice::Open,
        });
    }
    for group in &mut groups {
        let sightings = group.incidents.iter().filter_map(|id| sightings.get(id));
        let decisions: Vec<_> = sightings.flat_map(|it| &it.decisions).collect();
        group.choice = choose(authority, &decisions);
    }
    groups
}

fn window_ms(roster: &Roster, race: DrillNo) -> i64 {
    let window = match roster.drill(race) {
        Some(drill) => drill.terms.incident_window_ms(),
        None => Terms::default().incident_window_ms(),
    };
    i64::from(window)
}

/// Settles decisions: those of an owner, who was it where they stand, go before those of the jury,
/// those before all others, and a later owner's before an earlier one's. Of those that go before all
/// others each author's last one by rank is his word; if words differ, it is for somebody who goes
/// before.
///
/// Source: PROTOCOL R-INCIDENT-6.
fn choose(authority: &dyn Authority, decisions: &[&Told<JuryDecision>]) -> Choice {
    let weight = |told: &Told<JuryDecision>| {
        let (_, log, seq) = &told.rank;
        match authority.reign(&told.author, log, *seq) {
            Some(reign) => (Bench::Owner, reign),
            None if authority.is_jury(&told.author) => (Bench::Jury, 0),
            None => (Bench::Official, 0),
        }
    };
    let weights = decisions.iter().map(|told| weight(told));
    let Some((by, reign)) = weights.max() else {
        return Choice::Open;
    };
    let mut words: BTreeMap<PublicKey, &Told<JuryDecision>> = BTreeMap::new();
    for &told in decisions {
        if weight(told) != (by, reign) {
            continue;
        }
        let word = words.entry(told.author).or_insert(told);
        if word.rank < told.rank {
            *word = told;
        }
    }
    let mut words: Vec<&Told<JuryDecision>> = words.into_values().collect();
    words.sort_unstable_by_key(|it| it.rank);
    let Some(first) = words.first() else {
        return Choice::Open;
    };
    if words.iter().all(|it| it.says.ruling == first.says.ruling) {
        return Choice::Settled {
            entry: first.entry,
            ruling: first.says.ruling,
            rule: first.says.rule,
            by,
        };
    }
    Choice::Differing {
        entries: words.iter().map(|it| it.entry).collect(),
        at_ms: words.iter().map(|it| it.at_ms).max().unwrap_or(first.at_ms),
    }
}
