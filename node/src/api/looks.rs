//! Looks at the events that a node holds in memory, added up for monitors.
//!
//! One look at a time, and at a cloud not more often than every few seconds: there an event that did not
//! grow is not asked again for a while, and what a thousand monitors ask costs what one asks. What is
//! counted since the start stays counted when an event is put away. Layer: node, api.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tallyline_proto::replica::Doubles;
use tokio::sync::Mutex;

use super::Api;
use super::events::Open;
use crate::alerts::rules;
use crate::local::protocol::{Nothing, Problem, Request, StatusData, VitalsData, codes};
use crate::local::{Tally, tally};
use crate::root::Mode;
use crate::root::room::{disk_bytes, free_bytes};

/// Milliseconds for which a cloud answers what it saw: below what monitors and balancers wait between
/// two questions.
const FRESH_MS: u64 = 3_000;

/// Milliseconds after which an event is asked again that did not grow and waits for nothing: connections
/// come and go.
const ASK_MS: u64 = 30_000;

/// Things that need a person that are told apart for each event, at most; beyond, none is counted.
const OPEN_MAX: usize = 4_096;

/// What was seen, of all events.
#[derive(Clone, Debug, Default)]
pub(super) struct Sums {
    /// Entries here.
    pub(super) entries: u64,
    /// Entries that are only here.
    pub(super) only_here: u64,
    /// Entries that no receipt of a cloud covers.
    pub(super) pending: u64,
    /// Entries that are known and not here.
    pub(super) missing: u64,
    /// Other devices with a connection.
    pub(super) connected: u64,
    /// Other devices without one.
    pub(super) away: u64,
    /// What needs a person now.
    pub(super) reviews: u64,
    /// Age of the oldest entry that no receipt covers, in milliseconds.
    pub(super) ack_lag_ms: u64,
    /// For how long something has been behind, in milliseconds: of the event for which it has longest.
    pub(super) behind_ms: u64,
    /// For how long nobody has been connected, in milliseconds.
    pub(super) offline_ms: u64,
    /// For how long the device was not heard that is silent longest, of events that are open, in
    /// milliseconds.
    pub(super) silent_ms: Option<u64>,
    /// For how long all exchanges with a device failed, of the device for which they have longest, in
    /// milliseconds.
    pub(super) failing_ms: u64,
    /// By how much the clock of the device that differs most is ahead, in milliseconds.
    pub(super) clock_ahead_ms: Option<i64>,
    /// Bytes that the disk has left, and its size.
    pub(super) disk: (Option<u64>, Option<u64>),
    /// Bytes of what holds the entries; `None`: it does not say.
    pub(super) store_bytes: Option<u64>,
    /// Why a store takes nothing, with whose it is.
    pub(super) trouble: Option<String>,
    /// How often peers' frames were refused, by reason.
    pub(super) refused: BTreeMap<String, u64>,
    /// Bytes sent and received over the network.
    pub(super) wire: (u64, u64),
    /// What came twice.
    pub(super) doubles: Doubles,
    /// What needed a person since the start: records, reviews, slots.
    pub(super) needed: [u64; 3],
    /// Bytes of media that came and went since the start.
    pub(super) moved: (u64, u64),
    /// The figures of the one event of a venue.
    pub(super) venue: Option<Box<VitalsData>>,
}

/// What is kept between two looks.
#[derive(Debug, Default)]
pub(super) struct Looks(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    last: Option<(u64, Arc<Sums>)>,
    events: BTreeMap<String, Seen>,
    connected_ms: u64,
}

/// What was seen of one event.
#[derive(Debug, Default)]
struct Seen {
    /// The last look: at what growth, and when in milliseconds of the clock.
    last: Option<(u64, u64, Look)>,
    behind_since_ms: Option<u64>,
    doubles: Doubles,
    known: BTreeSet<tally::Open>,
    needed: [u64; 3],
    /// Bytes of media at the last look, and of all times that the event was active.
    moved: ((u64, u64), (u64, u64)),
}

#[derive(Clone, Debug)]
struct Look {
    status: Arc<StatusData>,
    vitals: VitalsData,
}

impl Api {
    /// Looks at all active events, or answers what was seen a moment ago.
    pub(super) async fn look(&self) -> Result<Arc<Sums>, Problem> {
        let parts = &self.0.parts;
        let mut state = self.0.looks.0.lock().await;
        let now_ms = parts.clock.now().mono_ms;
        let cloud = parts.mode == Mode::Cloud;
        if let Some((at_ms, sums)) = &state.last
            && cloud
            && now_ms.saturating_sub(*at_ms) < FRESH_MS
        {
            return Ok(Arc::clone(sums));
        }
        let store = parts.events.store_bytes().await;
        let active = parts.events.active().await?;
        let names: BTreeSet<&str> = active.iter().map(|(name, _)| name.as_str()).collect();
        for (name, seen) in &mut state.events {
            if !names.contains(name.as_str()) {
                seen.put_away();
            }
        }
        let mut unread = None;
        for (name, open) in &active {
            let seen = state.events.entry(name.clone()).or_default();
            // What was seen of a busy one stands until the next look; and of all of them while nothing
            // can be read, or each would be waited for.
            let Some(open) = open.as_ref().filter(|_| store.is_ok()) else {
                continue;
            };
            let growth = open.growth.now();
            let fresh = seen.last.as_ref().is_some_and(|(grown, at_ms, look)| {
                let young = now_ms.saturating_sub(*at_ms) < ASK_MS;
                cloud && *grown == growth && young && look.is_settled()
            });
            if fresh {
                continue;
            }
            match ask(open).await {
                Ok((look, tally)) => seen.note((growth, now_ms), look, &tally),
                // What was seen stands while it cannot be read, and that is what monitors are to know.
                Err(shut) if cloud && shut.code == codes::BAD_STORE => {
                    unread.get_or_insert_with(|| format!("{name}: {}", shut.text));
                }
                // An event that is being put away has nothing to say; the next look is without it.
                Err(_) if cloud => seen.put_away(),
                Err(problem) => return Err(problem),
            }
        }
        let mut sums = state.sums(now_ms, cloud);
        sums.trouble = sums.trouble.or(unread);
        match store {
            Ok(bytes) if cloud => sums.store_bytes = bytes,
            Ok(_) => {}
            // What is in memory is told all the same.
            Err(problem) => sums.trouble = Some(problem.text),
        }
        sums.disk = (free_bytes(&parts.dir), disk_bytes(&parts.dir));
        let sums = Arc::new(sums);
        state.last = Some((now_ms, Arc::clone(&sums)));
        Ok(sums)
    }
}

async fn ask(open: &Open) -> Result<(Look, Tally), Problem> {
    let status = Request::Status(Nothing {}).into();
    let status: StatusData = open.clerk.answer(status).await.data()?;
    let vitals = Request::Vitals(Nothing {}).into();
    let vitals: VitalsData = open.clerk.answer(vitals).await.data()?;
    let status = Arc::new(status);
    Ok((Look { status, vitals }, open.clerk.tally().await?))
}

impl Seen {
    fn note(&mut self, (growth, now_ms): (u64, u64), look: Look, tally: &Tally) {
        let behind = is_behind(&look);
        self.behind_since_ms = behind.then(|| self.behind_since_ms.unwrap_or(now_ms));
        self.last = Some((growth, now_ms, look));
        let (most, now) = (&mut self.doubles, &tally.doubles);
        most.by_id = most.by_id.max(now.by_id);
        most.by_content = most.by_content.max(now.by_content);
        most.by_slot = most.by_slot.max(now.by_slot);
        most.counted_twice = most.counted_twice.max(now.counted_twice);
        for open in &tally.open {
            if self.known.len() < OPEN_MAX && self.known.insert(*open) {
                let [records, reviews, slots] = &mut self.needed;
                let count = match open {
                    tally::Open::Record(_) => records,
                    tally::Open::Review(_) => reviews,
                    tally::Open::Slot(..) => slots,
                };
                *count = count.saturating_add(1);
            }
        }
        let (before, all) = &mut self.moved;
        all.0 = all.0.saturating_add(more(before.0, tally.moved.0));
        all.1 = all.1.saturating_add(more(before.1, tally.moved.1));
        *before = tally.moved;
    }

    fn put_away(&mut self) {
        self.last = None;
        self.behind_since_ms = None;
    }
}

impl Look {
    /// Returns whether only another entry changes where the entries are: what waits for a receipt, or is
    /// known and not here, changes by itself.
    fn is_settled(&self) -> bool {
        self.vitals.pending == 0 && self.status.totals.missing_here == 0
    }
}

/// Returns by how much a count grew that begins again when its event becomes active again.
fn more(before: u64, now: u64) -> u64 {
    now.checked_sub(before).unwrap_or(now)
}

/// Returns whether entries are known that are not here, or here and not in the cloud that they are
/// carried to.
fn is_behind(look: &Look) -> bool {
    let totals = &look.status.totals;
    let cloud = look.vitals.cloud.is_some() && totals.in_cloud < totals.entries;
    0 < totals.missing_here || cloud
}

impl State {
    fn sums(&mut self, now_ms: u64, cloud: bool) -> Sums {
        let mut sums = Sums::default();
        let mut heard_ms: Option<u64> = None;
        for seen in self.events.values() {
            add_counted(&mut sums, seen);
            let Some((_, at_ms, look)) = &seen.last else {
                continue;
            };
            let since_ms = now_ms.saturating_sub(*at_ms);
            add(&mut sums, look, since_ms);
            let behind_ms = seen
                .behind_since_ms
                .map_or(0, |at| now_ms.saturating_sub(at));
            sums.behind_ms = sums.behind_ms.max(behind_ms);
            let heard = look.vitals.devices.iter().filter_map(|it| it.silent_ms);
            let heard = heard.min().map(|it| it.saturating_add(since_ms));
            heard_ms = heard_ms.into_iter().chain(heard).min();
            if !cloud {
                sums.store_bytes = Some(look.vitals.store_bytes);
                sums.venue = Some(Box::new(look.vitals.clone()));
            }
        }
        if 0 < sums.connected {
            self.connected_ms = now_ms;
        }
        let alone_ms = now_ms.saturating_sub(self.connected_ms);
        sums.offline_ms = heard_ms.map_or(alone_ms, |heard_ms| heard_ms.min(alone_ms));
        sums
    }
}

/// Adds what is counted since the start, of events that were put away, too.
fn add_counted(sums: &mut Sums, seen: &Seen) {
    let (all, one) = (&mut sums.doubles, &seen.doubles);
    all.by_id = all.by_id.saturating_add(one.by_id);
    all.by_content = all.by_content.saturating_add(one.by_content);
    all.by_slot = all.by_slot.saturating_add(one.by_slot);
    all.counted_twice = all.counted_twice.saturating_add(one.counted_twice);
    for (all, one) in sums.needed.iter_mut().zip(seen.needed) {
        *all = all.saturating_add(one);
    }
    let (_, moved) = seen.moved;
    sums.moved.0 = sums.moved.0.saturating_add(moved.0);
    sums.moved.1 = sums.moved.1.saturating_add(moved.1);
}

fn add(sums: &mut Sums, Look { status, vitals }: &Look, since_ms: u64) {
    let plus = |sum: &mut u64, one: u64| *sum = sum.saturating_add(one);
    plus(&mut sums.entries, vitals.entries);
    plus(&mut sums.only_here, vitals.only_here);
    plus(&mut sums.pending, vitals.pending);
    plus(&mut sums.missing, status.totals.missing_here);
    plus(&mut sums.reviews, vitals.reviews);
    for device in status
        .devices
        .iter()
        .filter(|it| !it.this && it.revoked.is_none())
    {
        let sum = if device.connected {
            &mut sums.connected
        } else {
            &mut sums.away
        };
        plus(sum, 1);
    }
    if 0 < vitals.pending {
        let lag_ms = rules::lag_ms(vitals).saturating_add(since_ms);
        sums.ack_lag_ms = sums.ack_lag_ms.max(lag_ms);
    }
    for device in vitals.devices.iter().filter(|it| !it.cloud) {
        if let (true, Some(silent_ms)) = (vitals.open, device.silent_ms) {
            let silent_ms = if device.connected {
                0
            } else {
                silent_ms.saturating_add(since_ms)
            };
            sums.silent_ms = Some(sums.silent_ms.map_or(silent_ms, |most| most.max(silent_ms)));
        }
        let failing_ms = rules::failing_ms(device).unwrap_or(0);
        sums.failing_ms = sums.failing_ms.max(failing_ms);
        let off = [sums.clock_ahead_ms, device.clock_ahead_ms]
            .into_iter()
            .flatten();
        sums.clock_ahead_ms = off.max_by_key(|it| it.unsigned_abs());
    }
    for refused in &status.refused {
        plus(
            sums.refused.entry(refused.reason.clone()).or_default(),
            refused.count,
        );
    }
    // The network is the node's: each event says the same of it.
    sums.wire = (status.wire.udp_sent_bytes, status.wire.udp_received_bytes);
    if let Some(trouble) = &vitals.trouble {
        let event = vitals.event.as_deref().unwrap_or("no event");
        sums.trouble = Some(format!("{event}: the disk takes nothing: {trouble}"));
    }
}
