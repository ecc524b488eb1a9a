//! What a cloud tells: the node's own troubles, and those of each active event on its own.
//!
//! Looking at an event keeps it active no longer. Of the nodes of one database one has the turn to tell what
//! is wrong with an event; what it told is kept before anything is delivered and again afterwards, so
//! that another node goes on where it died. Layer: node, alerts.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, timeout};
use uuid::Uuid;

use super::kept::{Heard, Keep, Keeper, Kept};
use super::rules::{self, Limits, Trouble};
use super::told::{Teller, Told};
use super::{
    DELIVERY_TIME, LOOK_MS, MESSAGE_MS_MAX, OpenNow, Settings, Way, deliver, load, save,
    still_silent, vitals, ways,
};
use crate::local::Answers;
use crate::local::protocol::VitalsData;

/// How long the keeper may take to answer: a database that is away holds nothing up for longer.
const KEEPER_TIME: Duration = Duration::from_secs(10);

/// How long one look at all events may take; those that were not asked by then come first the next time.
const LOOK_TIME_MAX: Duration = Duration::from_secs(10);

/// How long one event may take to answer: one that is busy is asked again at the next look.
const ANSWER_TIME: Duration = Duration::from_secs(2);

/// What a turn lasts beyond the time between two looks: a look, and a delivery to each outlet.
const TURN_MORE: Duration = Duration::from_secs(30);

/// Times in a row that the keeper does not answer before it is told: once may be a restart.
const FAILED_MAX: u32 = 2;

/// Looks between two times that what is old is forgotten: an hour, as a rule.
const TIDY_LOOKS: u32 = 120;

/// A cloud, as it is looked after.
#[derive(Debug)]
pub struct Cloud<N, E> {
    /// Answers what is about no event.
    pub node: N,
    /// Returns who answers for each active event.
    pub active: E,
}

/// What was told of one event whose turn is this node's.
#[derive(Debug)]
struct Scene {
    told: Told,
    /// What the keeper has of it.
    kept: Option<String>,
    /// Until when the turn is this node's for sure.
    until: Instant,
}

/// The events of a cloud, between two looks.
struct Scenes {
    keeper: Arc<dyn Keeper>,
    mine: BTreeMap<Uuid, Scene>,
    limits: Limits,
    every: Duration,
    /// Where the last look ended early.
    after: Option<Uuid>,
    /// Events that save nothing, with why; and why the keeper does not answer.
    failing: Vec<(String, String)>,
    failed: (u32, String),
    looks: u32,
}

/// Looks after a cloud until it stops.
pub async fn keep_many<N, A, E>(
    cloud: Cloud<N, E>,
    keeper: Arc<dyn Keeper>,
    (dir, settings, shown): (PathBuf, Settings, OpenNow),
    mut stopped: watch::Receiver<bool>,
) where
    N: Answers,
    A: Answers,
    E: Fn() -> Vec<(Uuid, A)>,
{
    let mut ways = ways(&settings);
    let mut told = load(&dir).await;
    let mut scenes = Scenes::new(Arc::clone(&keeper), settings.limits, settings.look_every);
    let start = Instant::now();
    let rest = Duration::from_millis(LOOK_MS).min(settings.look_every);
    let mut next_look = start;
    while !*stopped.borrow() {
        let work = async {
            if next_look <= Instant::now() {
                scenes.look((cloud.active)()).await;
                next_look = Instant::now() + settings.look_every;
            }
            let before = told.clone();
            if let Some(vitals) = vitals(&cloud.node).await {
                look_at_node(&mut told, &vitals, &scenes);
            }
            if told != before {
                save(&told, &dir).await;
            }
            shown.set(told.open_now());
            let before = told.clone();
            let now_ms = crate::clock::millis(start.elapsed());
            deliver(&mut told, &mut ways, now_ms, None).await;
            if told != before {
                save(&told, &dir).await;
            }
            scenes.deliver(&mut ways, now_ms).await;
        };
        let mut end = stopped.clone();
        tokio::select! {
            () = work => {}
            _ = end.wait_for(|stop| *stop) => break,
        }
        let end = stopped.wait_for(|stop| *stop);
        if timeout(rest, end).await.is_ok() {
            break;
        }
    }
    // Whoever goes on need not wait until the turns are over by themselves.
    drop(timeout(ANSWER_TIME, keeper.end()).await);
}

/// Compares the node's own figures, and what all of its events have in common, with what was told.
fn look_at_node(told: &mut Told, vitals: &VitalsData, scenes: &Scenes) {
    let mut troubles = rules::troubles(vitals, &scenes.limits);
    troubles.retain(|it| !it.rule.is_of_an_event());
    if !troubles.iter().any(|it| it.rule == rules::Rule::Store) {
        troubles.extend(scenes.store_trouble());
    }
    let teller = Teller {
        node: &vitals.label,
        event: None,
        event_id: None,
        now_unix_ms: vitals.now_unix_ms,
    };
    told.look(&troubles, teller);
    told.forget_before(vitals.now_unix_ms.saturating_sub(MESSAGE_MS_MAX));
}

impl Scenes {
    fn new(keeper: Arc<dyn Keeper>, limits: Limits, every: Duration) -> Self {
        Self {
            keeper,
            mine: BTreeMap::new(),
            limits,
            every,
            after: None,
            failing: Vec::new(),
            failed: (0, String::new()),
            looks: 0,
        }
    }

    /// Returns the one trouble of all events that save nothing.
    fn store_trouble(&self) -> Option<Trouble> {
        let (times, why) = &self.failed;
        if FAILED_MAX <= *times {
            return Some(rules::store_away(why));
        }
        rules::store_of_events(&self.failing)
    }

    /// Looks at the active events, and tells of those whose turn is this node's.
    async fn look<A: Answers>(&mut self, active: Vec<(Uuid, A)>) {
        self.take(active.iter().map(|it| it.0).collect()).await;
        let mut seen = self.ask(active).await;
        let failing = seen.values().filter_map(|it| {
            let event = it.event.as_deref().unwrap_or("no event");
            Some((event.to_owned(), it.trouble.clone()?))
        });
        self.failing = failing.collect();
        if self.hear(&mut seen).await {
            for (event, vitals) in &seen {
                if let Some(scene) = self.mine.get_mut(event) {
                    scene.look(*event, vitals, &self.limits);
                }
            }
        }
        self.keep().await;
        if self.looks.is_multiple_of(TIDY_LOOKS) && !self.is_away() {
            drop(self.asked(self.keeper.tidy()).await);
        }
        self.looks = self.looks.wrapping_add(1);
    }

    /// Takes the turn for the active events, and prolongs it for those of which something waits.
    async fn take(&mut self, active: BTreeSet<Uuid>) {
        let asked = Instant::now();
        let mut wanted = active;
        let unfinished = |scene: &&Scene| 0 < scene.told.waiting() || scene.is_changed();
        let kept = self.mine.iter().filter(|(_, it)| unfinished(it));
        wanted.extend(kept.map(|(event, _)| *event));
        let turn = self.every + TURN_MORE;
        let taken = self.asked(self.keeper.take(wanted.into_iter().collect(), turn));
        let taken = match taken.await {
            Ok(taken) => taken,
            Err(why) => return self.fail(why),
        };
        self.failed = (0, String::new());
        let mut before = std::mem::take(&mut self.mine);
        for (event, kept) in taken {
            // What another node has told meanwhile is newer than what is remembered.
            let known = before.remove(&event).filter(|it| it.kept == kept);
            let mut scene = known.unwrap_or_else(|| Scene::of((event, kept), asked));
            scene.until = asked + turn;
            self.mine.insert(event, scene);
        }
    }

    /// Asks the events for their figures, as long as a look may take.
    async fn ask<A: Answers>(&mut self, mut active: Vec<(Uuid, A)>) -> BTreeMap<Uuid, VitalsData> {
        active.sort_unstable_by_key(|it| it.0);
        let first = active.partition_point(|it| Some(it.0) <= self.after);
        active.rotate_left(first);
        let end = Instant::now() + LOOK_TIME_MAX;
        let mut seen = BTreeMap::new();
        self.after = None;
        for (event, clerk) in active {
            if end <= Instant::now() {
                break;
            }
            if let Ok(Some(vitals)) = timeout(ANSWER_TIME, vitals(&clerk)).await {
                seen.insert(event, vitals);
            }
            self.after = Some(event);
        }
        seen
    }

    /// Hears from the other nodes which devices they heard, and says which were heard here; returns
    /// whether nothing is missing.
    async fn hear(&self, seen: &mut BTreeMap<Uuid, VitalsData>) -> bool {
        let recent_ms = crate::clock::millis(self.every * 3);
        let mut here: BTreeMap<(Uuid, &str), u64> = BTreeMap::new();
        for (event, vitals) in seen.iter().filter(|it| !self.mine.contains_key(it.0)) {
            for device in vitals.devices.iter().filter(|it| !it.cloud) {
                if let Some(ms) = device.silent_ms.filter(|ms| *ms < recent_ms) {
                    here.insert((*event, &device.key), ms);
                }
            }
        }
        let here: Vec<Heard> = here
            .into_iter()
            .map(|((event, device), ms)| (event, device.to_owned(), ms))
            .collect();
        if !here.is_empty() && !self.is_away() {
            drop(self.asked(self.keeper.note_heard(here)).await);
        }
        if self.is_away() {
            return false;
        }
        let mine = self.mine.keys().copied().collect();
        let Ok(elsewhere) = self.asked(self.keeper.heard(mine)).await else {
            return false;
        };
        for (event, key, ms) in elsewhere {
            let devices = seen.get_mut(&event).map(|it| &mut it.devices);
            let device = devices.and_then(|it| it.iter_mut().find(|it| it.key == key));
            if let Some(device) = device {
                device.silent_ms = Some(device.silent_ms.map_or(ms, |here| here.min(ms)));
            }
        }
        true
    }

    /// Keeps what has changed.
    async fn keep(&mut self) {
        let changed = self.mine.iter().filter(|(_, it)| it.is_changed());
        let rows: Vec<Keep> = changed
            .map(|(event, it)| (*event, it.told.to_text(), 0 < it.told.waiting()))
            .collect();
        if rows.is_empty() || self.is_away() {
            return;
        }
        let events = match self.asked(self.keeper.keep(rows.clone())).await {
            Ok(events) => events,
            Err(why) => return self.fail(why),
        };
        for (event, kept, _) in rows {
            if events.contains(&event) {
                if let Some(scene) = self.mine.get_mut(&event) {
                    scene.kept = kept;
                }
            } else {
                // Another node tells it now.
                self.mine.remove(&event);
            }
        }
    }

    /// Notes that the keeper does not answer: it is not asked again before the next look.
    fn fail(&mut self, why: String) {
        self.failed.0 = self.failed.0.saturating_add(1);
        if self.failed.0 == 1 {
            tracing::warn!(why, "alerts of events wait: their store does not answer");
        }
        self.failed.1 = why;
    }

    fn is_away(&self) -> bool {
        0 < self.failed.0
    }

    /// Delivers what is kept and waits, as long as it is this node's turn.
    async fn deliver(&mut self, ways: &mut [Way], now_ms: u64) {
        self.keep().await;
        if self.is_away() {
            return;
        }
        let waiting: Vec<Uuid> = self
            .mine
            .iter()
            .filter(|(_, it)| 0 < it.told.waiting() && !it.is_changed())
            .map(|(event, _)| *event)
            .collect();
        for event in waiting {
            let Some(scene) = self.mine.get_mut(&event) else {
                continue;
            };
            // A delivery that begins has to be noted, too, before somebody else may begin it.
            let Some(last) = scene.until.checked_sub(DELIVERY_TIME + KEEPER_TIME) else {
                continue;
            };
            deliver(&mut scene.told, ways, now_ms, Some(last)).await;
            if scene.is_changed() {
                self.keep().await;
            }
            if self.is_away() {
                return;
            }
        }
    }

    /// Waits for the keeper, but not for long.
    async fn asked<T>(&self, answer: impl Future<Output = Result<T, String>>) -> Result<T, String> {
        let late = || "it does not answer".to_owned();
        timeout(KEEPER_TIME, answer)
            .await
            .map_err(|_| late())
            .flatten()
    }
}

impl Scene {
    fn of((event, kept): Kept, until: Instant) -> Self {
        let told = kept.as_deref().map(Told::of_text);
        if let Some(None) = told {
            tracing::warn!(%event, "what was told of an event cannot be read; it may be told again");
        }
        Self {
            told: told.flatten().unwrap_or_default(),
            kept,
            until,
        }
    }

    /// Returns whether the keeper has something else.
    fn is_changed(&self) -> bool {
        self.told.to_text() != self.kept
    }

    /// Compares an event's figures with what was told of it.
    fn look(&mut self, event: Uuid, vitals: &VitalsData, limits: &Limits) {
        let mut troubles = rules::troubles(vitals, limits);
        troubles.extend(still_silent(&self.told, vitals));
        troubles.retain(|it| it.rule.is_of_an_event());
        let id = event.to_string();
        let teller = Teller {
            node: &vitals.label,
            event: vitals.event.as_deref(),
            event_id: Some(&id),
            now_unix_ms: vitals.now_unix_ms,
        };
        self.told.look(&troubles, teller);
        let oldest = vitals.now_unix_ms.saturating_sub(MESSAGE_MS_MAX);
        self.told.forget_before(oldest);
    }
}

#[cfg(test)]
mod tests;
