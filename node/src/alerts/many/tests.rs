//! Two nodes of one cloud that share a keeper in memory: who tells what, and who goes on.

use std::sync::{Mutex, PoisonError};

use super::super::kept::Asked;
use super::super::told::Turn;
use super::*;
use crate::local::protocol::{Answer, Call, DeviceVitals};

const NOW: i64 = 1_000_000_000_000;

/// A keeper that nodes share, as a database is; time is that of the runtime.
#[derive(Default)]
struct Memory {
    rows: Mutex<BTreeMap<Uuid, Row>>,
    heard: Mutex<Vec<Heard>>,
    away: Mutex<bool>,
    /// How often it was asked while it was away.
    missed: Mutex<u32>,
}

struct Row {
    node: &'static str,
    until: Instant,
    told: Option<String>,
    waiting: bool,
}

/// One node's way to it.
#[derive(Clone)]
struct Shared(Arc<Memory>, &'static str);

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    fn answer<'a, T: Send + 'a>(&self, of: impl FnOnce(&Memory) -> T) -> Asked<'a, T> {
        let answer = if *lock(&self.0.away) {
            *lock(&self.0.missed) += 1;
            Err("away".to_owned())
        } else {
            Ok(of(&self.0))
        };
        Box::pin(std::future::ready(answer))
    }
}

impl Keeper for Shared {
    fn take(&self, events: Vec<Uuid>, turn: Duration) -> Asked<'_, Vec<Kept>> {
        let now = Instant::now();
        self.answer(|memory| {
            let mut rows = lock(&memory.rows);
            for event in &events {
                rows.entry(*event).or_insert(Row {
                    node: self.1,
                    until: now,
                    told: None,
                    waiting: false,
                });
            }
            let mut taken = Vec::new();
            for (event, row) in rows.iter_mut() {
                let over = row.until < now;
                let asked = events.contains(event) && (over || row.node == self.1);
                if asked || (row.waiting && over) {
                    (row.node, row.until) = (self.1, now + turn);
                    taken.push((*event, row.told.clone()));
                }
            }
            taken
        })
    }

    fn keep(&self, kept: Vec<Keep>) -> Asked<'_, Vec<Uuid>> {
        self.answer(|memory| {
            let mut rows = lock(&memory.rows);
            let mut done = Vec::new();
            for (event, told, waiting) in kept {
                if let Some(row) = rows.get_mut(&event).filter(|it| it.node == self.1) {
                    (row.told, row.waiting) = (told, waiting);
                    done.push(event);
                }
            }
            done
        })
    }

    fn kept(&self, event: Uuid) -> Asked<'_, Option<String>> {
        self.answer(|memory| lock(&memory.rows).get(&event)?.told.clone())
    }

    fn note_heard(&self, rows: Vec<Heard>) -> Asked<'_, ()> {
        self.answer(|memory| *lock(&memory.heard) = rows)
    }

    fn heard(&self, _events: Vec<Uuid>) -> Asked<'_, Vec<Heard>> {
        self.answer(|memory| lock(&memory.heard).clone())
    }

    fn tidy(&self) -> Asked<'_, ()> {
        self.answer(|_| ())
    }
}

/// An event that answers its figures.
#[derive(Clone)]
struct Event(VitalsData);

impl Answers for Event {
    async fn answer(&self, _call: Call) -> Answer {
        Answer::ok(&self.0)
    }
}

fn vitals(reviews: bool) -> VitalsData {
    VitalsData {
        now_unix_ms: NOW,
        label: "Cloud".to_owned(),
        event: Some("Spring".to_owned()),
        open: true,
        reviews: 11,
        burst_unix_ms: reviews.then_some(NOW - 1),
        ..VitalsData::default()
    }
}

fn active(all: &[(u128, VitalsData)]) -> Vec<(Uuid, Event)> {
    let event =
        |(number, vitals): &(u128, VitalsData)| (Uuid::from_u128(*number), Event(vitals.clone()));
    all.iter().map(event).collect()
}

fn node(memory: &Arc<Memory>, name: &'static str) -> Scenes {
    let keeper = Arc::new(Shared(Arc::clone(memory), name));
    Scenes::new(keeper, Limits::default(), Duration::from_secs(30))
}

/// Delivers what waits at a node to its log, and returns what that was.
async fn told(scenes: &mut Scenes) -> Vec<(String, Turn, String)> {
    let waiting = scenes.mine.values().flat_map(|it| it.told.messages());
    let all = waiting
        .map(|it| (it.alert.clone(), it.state, it.event_id.clone().unwrap()))
        .collect();
    let mut ways = ways(&Settings::default());
    scenes.deliver(&mut ways, 0).await;
    all
}

fn fired(number: u128, turn: Turn) -> (String, Turn, String) {
    let event = Uuid::from_u128(number).to_string();
    ("reviews".to_owned(), turn, event)
}

#[tokio::test(start_paused = true)]
async fn of_two_nodes_one_tells_and_the_other_goes_on_where_it_died() {
    let memory = Arc::new(Memory::default());
    let (mut left, mut right) = (node(&memory, "left"), node(&memory, "right"));
    let both = active(&[(1, vitals(true)), (2, vitals(false))]);
    left.look(both.clone()).await;
    right.look(both.clone()).await;
    assert_eq!(told(&mut left).await, [fired(1, Turn::Fired)]);
    assert_eq!(told(&mut right).await, [], "it is told");
    assert_eq!(right.mine.len(), 0, "no turn is its own");

    // The first one dies; the other one has its turns a minute later, and repeats nothing.
    drop(left);
    tokio::time::advance(Duration::from_secs(61)).await;
    right.look(both).await;
    assert_eq!(right.mine.len(), 2);
    assert_eq!(told(&mut right).await, [], "told before");
    let over = active(&[(1, vitals(false)), (2, vitals(false))]);
    right.look(over.clone()).await;
    right.look(over).await;
    assert_eq!(told(&mut right).await, [fired(1, Turn::Recovered)]);
    let row = &lock(&memory.rows)[&Uuid::from_u128(1)];
    assert_eq!((row.told.as_ref(), row.waiting), (None, false));
}

#[tokio::test(start_paused = true)]
async fn what_a_dead_node_did_not_deliver_is_delivered_by_another() {
    let memory = Arc::new(Memory::default());
    let (mut left, mut right) = (node(&memory, "left"), node(&memory, "right"));
    left.look(active(&[(1, vitals(true))])).await;
    drop(left);
    right.look(Vec::<(Uuid, Event)>::new()).await;
    assert_eq!(told(&mut right).await, [], "it may still be delivering");
    tokio::time::advance(Duration::from_secs(61)).await;
    // The event is active nowhere any more.
    right.look(Vec::<(Uuid, Event)>::new()).await;
    assert_eq!(told(&mut right).await, [fired(1, Turn::Fired)]);
}

#[tokio::test(start_paused = true)]
async fn an_event_that_comes_back_is_not_told_again() {
    let memory = Arc::new(Memory::default());
    let mut node = node(&memory, "left");
    let event = active(&[(1, vitals(true))]);
    node.look(event.clone()).await;
    assert_eq!(told(&mut node).await, [fired(1, Turn::Fired)]);
    node.look(Vec::<(Uuid, Event)>::new()).await;
    assert_eq!(node.mine.len(), 0, "put away, and nothing waits");
    tokio::time::advance(Duration::from_hours(2)).await;
    node.look(event).await;
    assert_eq!(told(&mut node).await, [], "told before");
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_away_delays_and_is_one_trouble_of_the_node() {
    let memory = Arc::new(Memory::default());
    let mut node = node(&memory, "left");
    node.look(active(&[(1, vitals(false)), (2, vitals(false))]))
        .await;
    *lock(&memory.away) = true;
    let bad = active(&[(1, vitals(true)), (2, vitals(false))]);
    for times in 1..5 {
        tokio::time::advance(Duration::from_secs(30)).await;
        node.look(bad.clone()).await;
        assert_eq!(told(&mut node).await, [], "{times}");
        let trouble = node.store_trouble();
        assert_eq!(trouble.is_some(), 2 <= times, "{times}: {trouble:?}");
    }
    *lock(&memory.away) = false;
    node.look(bad.clone()).await;
    assert_eq!(told(&mut node).await, [fired(1, Turn::Fired)]);
    assert_eq!(node.store_trouble(), None);

    let failing = |mut vitals: VitalsData| {
        vitals.trouble = Some("full".to_owned());
        vitals
    };
    node.look(active(&[
        (1, failing(vitals(true))),
        (2, failing(vitals(false))),
    ]))
    .await;
    assert_eq!(told(&mut node).await, [], "it is the node's");
    let trouble = node.store_trouble().unwrap();
    assert!(trouble.text.contains("Spring and 1 more"), "{trouble:?}");
}

#[tokio::test(start_paused = true)]
async fn what_was_delivered_and_could_not_be_noted_is_remembered() {
    let memory = Arc::new(Memory::default());
    let mut node = node(&memory, "left");
    let event = active(&[(1, vitals(true))]);
    node.look(event.clone()).await;
    *lock(&memory.away) = true;
    assert_eq!(told(&mut node).await, [fired(1, Turn::Fired)]);
    for _ in 0..10 {
        node.deliver(&mut ways(&Settings::default()), 0).await;
    }
    assert_eq!(*lock(&memory.missed), 1, "asked again at the next look");
    *lock(&memory.away) = false;
    tokio::time::advance(Duration::from_mins(5)).await;
    node.look(event).await;
    assert_eq!(told(&mut node).await, [], "nobody else was there meanwhile");
    assert!(!lock(&memory.rows)[&Uuid::from_u128(1)].waiting, "noted");
}

#[tokio::test(start_paused = true)]
async fn a_device_that_another_node_hears_is_not_silent() {
    let memory = Arc::new(Memory::default());
    let (mut left, mut right) = (node(&memory, "left"), node(&memory, "right"));
    let with = |silent_ms: Option<u64>| {
        let mut vitals = vitals(false);
        vitals.devices.push(DeviceVitals {
            label: "Tablet".to_owned(),
            key: "abcd".to_owned(),
            connected: silent_ms == Some(0),
            cloud: false,
            silent_ms,
            clock_ahead_ms: None,
            last_sync_unix_ms: None,
            failing: None,
        });
        active(&[(1, vitals)])
    };
    let long = Some(20 * 60_000);
    left.look(with(long)).await;
    let silent = Uuid::from_u128(1).to_string();
    let silent = ("silent".to_owned(), Turn::Fired, silent);
    assert_eq!(told(&mut left).await, [silent], "nobody hears it");
    right.look(with(Some(0))).await;
    left.look(with(long)).await;
    left.look(with(long)).await;
    let over = told(&mut left).await;
    assert_eq!(over[0].1, Turn::Recovered, "it went to the other node");
}
