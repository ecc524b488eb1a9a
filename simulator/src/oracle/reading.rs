//! What a device's screen shows, against the truth: copies, the cloud, what counts and why it
//! changed.

use std::collections::{BTreeMap, BTreeSet};

use tallyline_proto::{
    model::{Body, EntryId, LogName},
    replica::{EntryFilter, EntryView, LogView, Replica},
    rules::{Roster, Scorebook, Standings, Verdict},
};

use super::{Oracle, truth::Card};
use crate::venue::DeviceNo;

/// How long a connection must have stood before a device knows what became of the other's card,
/// in ms: a Hello each way and its answer, over a bad link.
const KNOWS_MS: u64 = 20_000;

/// One look in this many compares what is kept with what is computed from nothing.
const FRESH_EVERY: u64 = 8;

/// What a screen showed when it was looked at last.
#[derive(Clone, Debug, Default)]
pub(crate) struct Memory {
    known: BTreeSet<EntryId>,
    counted: BTreeMap<EntryId, Option<Place>>,
    forks: usize,
}

/// A slot, or the whole match of a shooter.
type Place = (Option<u32>, u32);

/// Somebody who looks at a screen, and how long the device has been connected with each other one.
pub(crate) struct Look<'a> {
    /// The device.
    pub(crate) device: DeviceNo,
    /// World time.
    pub(crate) now_ms: u64,
    /// Its core.
    pub(crate) replica: &'a mut Replica,
    /// By device number: since when the two are connected.
    pub(crate) linked_since: Vec<Option<u64>>,
}

/// What is on the other devices' cards of one log.
struct Holders {
    /// Heights on cards of devices with other keys, the highest for each key.
    heights: Vec<u64>,
    /// How much more could be believed in good faith: heights that were there and are lost, while
    /// the looking device cannot know it yet.
    lost: Vec<u64>,
    cloud: u64,
    cloud_ever: u64,
}

impl Oracle {
    /// Judges a screen. Returns of its device's own entries: how many there are, how many it shows
    /// with a copy elsewhere, how many really have one.
    pub(crate) fn look(&mut self, look: Look<'_>) -> (u64, u64, u64) {
        let Look {
            device,
            now_ms,
            replica,
            linked_since,
        } = look;
        let Some(book) = replica.book() else {
            return (0, 0, 0);
        };
        self.looks = self.looks.saturating_add(1);
        self.kept_is_fresh(device, now_ms, replica, &book);
        let logs = replica.logs();
        let forked: Vec<LogName> = logs
            .iter()
            .filter(|it| it.forked)
            .map(|it| it.name)
            .collect();
        if let Some(roster) = replica.roster() {
            let shown = self.shown(replica, roster, (&book, &logs));
            let mut state = blake3::Hasher::new();
            state.update(&replica.state_digest());
            for log in &forked {
                state.update(&log.grant.0.0);
                state.update(&log.incarnation.0.to_le_bytes());
            }
            let state = state.finalize().into();
            self.same_standings(device, now_ms, state, shown);
        }
        let views = replica.entries(&EntryFilter::default());
        self.one_for_each_slot(device, now_ms, &views);
        self.voids_name_what_they_undo(device, now_ms, &views);
        self.reasons(device, now_ms, &views, forked.len());
        let mut holders = BTreeMap::new();
        for log in &logs {
            holders.insert(
                log.name,
                self.holders(device, now_ms, &log.name, &linked_since),
            );
        }
        let own = replica.key();
        let mut counts = (0_u64, 0_u64, 0_u64);
        for view in views.iter().filter(|view| about(&view.body).is_some()) {
            let Some(holders) = holders.get(&view.log) else {
                continue;
            };
            let (shown, real) = self.judge_copies(device, now_ms, view, holders);
            if view.author == own {
                counts.0 = counts.0.saturating_add(1);
                counts.1 = counts.1.saturating_add(u64::from(shown));
                counts.2 = counts.2.saturating_add(u64::from(real));
                let best = self.shown.entry(view.id).or_default();
                best.copies = best.copies.max(view.copies);
                best.in_cloud |= view.in_cloud;
            }
        }
        counts
    }

    /// Returns a digest of everything that devices in one state must show alike.
    fn shown(
        &self,
        replica: &Replica,
        roster: &Roster,
        (book, logs): (&Scorebook, &[LogView]),
    ) -> [u8; 32] {
        let standings = Standings::compute(roster, book).digest();
        let mut shown = blake3::Hasher::new();
        shown.update(&standings);
        // What is named behind a fork alone is not on every device, and counts nowhere.
        let common = |id: &EntryId| {
            let log = self.places.get(id).map(|(log, _)| log);
            logs.iter().all(|it| it.common || Some(&it.name) != log)
        };
        for (id, verdict) in book.verdicts().iter().filter(|(id, _)| common(id)) {
            shown.update(id.0.as_bytes());
            shown.update(format!("{verdict:?}").as_bytes());
        }
        shown.update(format!("{:?}", book.incidents().groups()).as_bytes());
        shown.update(format!("{:?}", book.incidents().reviews()).as_bytes());
        for kind in replica.kinds() {
            for record in book.records().of_kind(kind.no) {
                shown.update(format!("{record:?}").as_bytes());
            }
        }
        for head in replica.heads().iter().filter(|it| it.common) {
            shown.update(&head.log.grant.0.0);
            shown.update(&head.log.incarnation.0.to_le_bytes());
            shown.update(&head.height.to_le_bytes());
            shown.update(&head.chain.0);
        }
        shown.finalize().into()
    }

    /// Compares the copies that a device shows of an entry with the cards; returns whether it is
    /// shown as safe and whether it is.
    fn judge_copies(
        &mut self,
        device: DeviceNo,
        now_ms: u64,
        view: &EntryView,
        holders: &Holders,
    ) -> (bool, bool) {
        let hold = |heights: &[u64]| heights.iter().filter(|it| view.seq <= **it).count();
        let real = hold(&holders.heights);
        let believable = real
            .saturating_add(hold(&holders.lost))
            .saturating_add(self.false_witnesses());
        let shown = usize::try_from(view.copies).unwrap_or(usize::MAX);
        let is_safe = 0 < real || view.seq <= holders.cloud;
        let shown_safe = 0 < shown || view.in_cloud;
        self.shown_safe = self.shown_safe.saturating_add(u64::from(shown_safe));
        if believable < shown {
            self.false_safe = self.false_safe.saturating_add(1);
            let what = format!(
                "device {device} shows {shown} copies of {}; {real} other devices hold it",
                view.id
            );
            self.broken("I2", now_ms, what);
        }
        if view.in_cloud && holders.cloud_ever < view.seq {
            self.false_safe = self.false_safe.saturating_add(1);
            let what = format!(
                "device {device} shows {} as in the cloud; it is not",
                view.id
            );
            self.broken("I8", now_ms, what);
        }
        (shown_safe, is_safe)
    }

    fn false_witnesses(&self) -> usize {
        self.cards.iter().filter(|card| card.liar).count()
    }

    fn holders(
        &self,
        device: DeviceNo,
        now_ms: u64,
        log: &LogName,
        linked_since: &[Option<u64>],
    ) -> Holders {
        let own = self.cards.get(device).map(|card| card.key);
        let mut best: BTreeMap<[u8; 32], (u64, u64)> = BTreeMap::new();
        let (mut cloud, mut cloud_ever) = (0, 0);
        for (no, card) in self.cards.iter().enumerate() {
            if card.cloud {
                cloud = card.height(log).max(cloud);
                cloud_ever = card.ever(log).max(cloud_ever);
            }
            if Some(card.key) == own {
                continue;
            }
            let since = linked_since.get(no).copied().flatten();
            let lost = if knows_of_loss(card, since, now_ms) {
                0
            } else {
                card.ever(log)
            };
            let held = if card.gone { 0 } else { card.height(log) };
            let entry = best.entry(card.key).or_insert((0, 0));
            *entry = (held.max(entry.0), lost.max(entry.1));
        }
        Holders {
            heights: best.values().map(|it| it.0).collect(),
            lost: best
                .values()
                .map(|&(held, lost)| if held < lost { lost } else { 0 })
                .collect(),
            cloud,
            cloud_ever,
        }
    }

    /// I16: at most one score counts in a slot.
    fn one_for_each_slot(&mut self, device: DeviceNo, now_ms: u64, views: &[EntryView]) {
        let mut counted: BTreeMap<Place, EntryId> = BTreeMap::new();
        for view in views {
            let Body::Score(score) = &view.body else {
                continue;
            };
            if !matches!(view.verdict, Verdict::Counted | Verdict::CountedLate) {
                continue;
            }
            let place = (Some(score.drill.0), score.shooter.0);
            if let Some(other) = counted.insert(place, view.id) {
                let what = format!(
                    "device {device} counts both {other} and {} for shooter {} on drill {}",
                    view.id, score.shooter.0, score.drill.0
                );
                self.broken("I16", now_ms, what);
            }
        }
    }

    /// I6: what a device keeps of its scorebook and standings is what it would compute from nothing.
    /// Looked at now and then: it costs as much as everything else.
    fn kept_is_fresh(
        &mut self,
        device: DeviceNo,
        now_ms: u64,
        replica: &mut Replica,
        book: &Scorebook,
    ) {
        if !self.looks.is_multiple_of(FRESH_EVERY) {
            return;
        }
        let same_book = replica.book_from_nothing().as_ref() == Some(book);
        let kept = replica.standings();
        let fresh = replica
            .roster()
            .map(|roster| Standings::compute(roster, book));
        if !same_book || kept.as_deref() != fresh.as_ref() {
            let what = format!("device {device} keeps results that are not those of its entries");
            self.broken("I6", now_ms, what);
        }
    }

    /// I10: a void undoes the entry that it names, and no other.
    fn voids_name_what_they_undo(&mut self, device: DeviceNo, now_ms: u64, views: &[EntryView]) {
        let named: BTreeMap<EntryId, EntryId> = views
            .iter()
            .filter(|view| matches!(view.body, Body::Void(_)))
            .filter_map(|view| Some((view.id, view.body.target()?)))
            .collect();
        for view in views {
            if let Verdict::Voided(void) = view.verdict
                && named.get(&void) != Some(&view.id)
            {
                let what = format!("device {device} reads {} as undone by {void}", view.id);
                self.broken("I10", now_ms, what);
            }
        }
    }

    /// I10 and I11: what counted still counts, unless something signed arrived that can be the
    /// reason; what was there is there.
    fn reasons(&mut self, device: DeviceNo, now_ms: u64, views: &[EntryView], forks: usize) {
        let before = self.screens.remove(&device).unwrap_or_default();
        let reliable = self.cards.get(device).is_some_and(Card::keeps_its_word);
        let known: BTreeSet<EntryId> = views.iter().map(|view| view.id).collect();
        let counts =
            |view: &EntryView| matches!(view.verdict, Verdict::Counted | Verdict::CountedLate);
        let counted: BTreeMap<EntryId, Option<Place>> = views
            .iter()
            .filter(|view| counts(view))
            .map(|view| (view.id, about(&view.body)))
            .collect();
        if reliable {
            if let Some(gone) = before.known.difference(&known).next() {
                let what = format!("device {device} does not hold {gone} any more");
                self.broken("I11", now_ms, what);
            }
            if forks < before.forks {
                let what = format!("device {device} forgot a fork");
                self.broken("I11", now_ms, what);
            }
            let fresh: Vec<&EntryView> = views
                .iter()
                .filter(|view| !before.known.contains(&view.id))
                .collect();
            for (id, place) in &before.counted {
                if counted.contains_key(id) || before.forks < forks {
                    continue;
                }
                if !fresh.iter().any(|view| can_be_why(view, *id, *place)) {
                    let what =
                        format!("on device {device} {id} stopped counting and nothing says why");
                    self.broken("I10", now_ms, what);
                }
            }
        }
        let memory = Memory {
            known,
            counted,
            forks,
        };
        self.screens.insert(device, memory);
    }
}

/// Returns whether a device can know that another card lost something: both have been connected
/// long enough since.
fn knows_of_loss(card: &Card, linked_since: Option<u64>, now_ms: u64) -> bool {
    let Some(shrank_ms) = card.shrank_ms else {
        return !card.gone;
    };
    linked_since.is_some_and(|since| {
        shrank_ms <= since && KNOWS_MS <= now_ms.saturating_sub(since) && !card.gone
    })
}

/// Returns whether an entry that arrived can be the reason why another one stopped counting.
fn can_be_why(view: &EntryView, id: EntryId, place: Option<Place>) -> bool {
    match &view.body {
        Body::Statement(_) => true,
        Body::Void(void) => void.entry == id,
        Body::Approve(_) | Body::Seal | Body::Unknown => false,
        Body::Incident(_) | Body::Report(_) | Body::JuryDecision(_) | Body::Record(_) => false,
        Body::Score(_) | Body::Status(_) | Body::Chrono(_) | Body::Point(_) | Body::SetScore(_) => {
            let (Some((drill, shooter)), Some((here, whose))) = (about(&view.body), place) else {
                return true;
            };
            shooter == whose && (drill == here || drill.is_none() || here.is_none())
        }
    }
}

/// Returns the drill and shooter that an entry is about.
fn about(body: &Body) -> Option<Place> {
    let about = body.about()?;
    Some((about.drill.map(|it| it.0), about.shooter.0))
}
