//! The order of everything: shift by shift, with grants between them, to the verdict.
//!
//! Between two shifts all nodes hold the same, so that the owner's cuts cover everything that was
//! written. Layer: node, demo.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use super::data::Match;
use super::plan::{self, Faults, Planned};
use super::screen::Screen;
use super::table::{self, Answers, Held, SAVED};
use super::tablet::Tablet;
use super::venue::{LOOK, PATIENCE, Venue};
use super::verdict::Verdict;
use super::{DemoError, setup, verdict};
use crate::cli::DemoArgs;
use crate::clock::Clock;
use crate::local::protocol::{
    Assigned, CloseWhy, Done, Grant, GrantOpen, Grants, Nothing, Request, Saved, Scope, ScoreAdd,
    StatusData,
};

/// The gateway's label.
pub(super) const GATEWAY: &str = "pi";

/// The cloud's label.
pub(super) const CLOUD: &str = "cloud";

/// Seconds at the end of the time for receipts, standings and the verdict.
const END_SECONDS: u64 = 6;

/// Part of the writes after which the gateway gets internet, in hundredths.
const ONLINE_AFTER: usize = 90;

/// How often each node is asked for its status while the match runs, in milliseconds.
const STATUS_MS: u64 = 1_000;

/// Everything that the tasks of the demo share.
#[derive(Debug)]
pub(super) struct Demo {
    /// The match.
    pub(super) data: Match,
    /// What is known of each line.
    pub(super) planned: Vec<Planned>,
    /// What goes wrong, and when.
    pub(super) faults: Faults,
    /// The processes.
    pub(super) venue: Venue,
    /// What a person sees.
    pub(super) screen: Screen,
    /// The seed of the faults.
    pub(super) seed: u64,
    clock: Clock,
    seconds: u64,
    board: Mutex<Board>,
    bell: watch::Sender<usize>,
    pace: Mutex<Option<Pace>>,
}

/// What has happened so far.
#[derive(Debug, Default)]
pub(super) struct Board {
    /// What stands in each slot (drill, shooter).
    pub(super) slots: BTreeMap<(u32, u32), Held>,
    /// Entries of each line that is answered, by its place.
    pub(super) answered: BTreeMap<usize, Vec<String>>,
    /// Entries that each node was told are saved, by label.
    pub(super) saved: BTreeMap<String, Vec<String>>,
    /// Answers by command.
    pub(super) answers: Answers,
    /// Shooters who are disqualified or withdrawn.
    pub(super) out: BTreeSet<u32>,
    /// Labels of devices that are not called as in the match any more.
    pub(super) labels: BTreeMap<String, String>,
    /// What went wrong.
    pub(super) mishaps: Mishaps,
}

/// What went wrong on purpose, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Mishaps {
    /// Times a tablet was cut off and came back.
    pub(super) cut_off: u64,
    /// Processes killed and started again.
    pub(super) killed: u64,
    /// Requests that were repeated since they had not been saved when the process was killed.
    pub(super) repeated: u64,
    /// Tablets replaced by another device.
    pub(super) swapped: u64,
    /// Entries that had been answered "saved" and were gone after a kill.
    pub(super) lost: u64,
}

/// When lines are due.
#[derive(Clone, Copy, Debug)]
struct Pace {
    start: Instant,
    span: Duration,
}

impl Demo {
    /// Puts everything together; nothing is started yet.
    ///
    /// # Errors
    ///
    /// [`DemoError::Machine`] if there is no folder for the roots.
    pub(super) fn new(data: Match, args: &DemoArgs, clock: Clock) -> Result<Self, DemoError> {
        let planned = plan::plan(&data);
        let faults = plan::faults(&data, &planned, args.seed);
        let count = |device: &String| {
            let lines = data
                .lines
                .iter()
                .filter(|line| line.device == *device)
                .count();
            (device.clone(), u64::try_from(lines).unwrap_or(u64::MAX))
        };
        let mut devices: Vec<(String, u64)> = data.devices.iter().map(count).collect();
        devices.extend([(GATEWAY.to_owned(), 0), (CLOUD.to_owned(), 0)]);
        Ok(Self {
            planned,
            faults,
            venue: Venue::open(args.keep)?,
            screen: Screen::new(clock.clone(), &devices),
            seed: args.seed,
            clock,
            seconds: args.seconds,
            board: Mutex::default(),
            bell: watch::Sender::new(0),
            pace: Mutex::new(None),
            data,
        })
    }

    /// Returns what has happened so far.
    pub(super) fn board(&self) -> MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns what a device of the match is called.
    pub(super) fn label(&self, device: &str) -> String {
        self.board()
            .labels
            .get(device)
            .cloned()
            .unwrap_or_else(|| device.to_owned())
    }

    /// Returns the device of the match that is called so.
    fn device(&self, label: &str) -> String {
        let board = self.board();
        let mut renamed = board.labels.iter().filter(|it| it.1 == label);
        renamed
            .next()
            .map_or_else(|| label.to_owned(), |it| it.0.clone())
    }

    /// Notes that a line is answered, and wakes whoever waits for it.
    pub(super) fn answered(&self, place: usize, entries: Vec<String>) {
        self.board().answered.insert(place, entries);
        self.bell.send_modify(|count| *count += 1);
    }

    /// Waits until all of some lines are answered.
    ///
    /// # Errors
    ///
    /// [`DemoError::Timeout`].
    pub(super) async fn until_answered(&self, places: &[usize]) -> Result<(), DemoError> {
        let all = || {
            let board = self.board();
            places
                .iter()
                .all(|place| board.answered.contains_key(place))
        };
        self.until(all, "an earlier write of another tablet").await
    }

    /// Waits until a line is due.
    pub(super) async fn until_due(&self, place: usize) {
        let pace = *self.pace.lock().unwrap_or_else(PoisonError::into_inner);
        let (Some(pace), Ok(place), Ok(lines)) = (
            pace,
            u32::try_from(place),
            u32::try_from(self.data.lines.len()),
        ) else {
            return;
        };
        let due = pace.start + pace.span / lines.max(1) * place;
        sleep_until(due).await;
    }

    /// Returns seconds and milliseconds since the demo began.
    pub(super) fn elapsed_ms(&self) -> u64 {
        self.clock.now().mono_ms
    }

    async fn until(&self, holds: impl Fn() -> bool, what: &str) -> Result<(), DemoError> {
        let mut bell = self.bell.subscribe();
        let waited = tokio::time::timeout(2 * PATIENCE, bell.wait_for(|_| holds())).await;
        match waited {
            Ok(_) => Ok(()),
            Err(_) => Err(DemoError::Timeout {
                what: what.to_owned(),
                seconds: 2 * PATIENCE.as_secs(),
            }),
        }
    }

    /// Begins to count when lines are due: what is left of the time, less the end.
    fn start_pace(&self) {
        let left_ms = (self.seconds * 1_000)
            .saturating_sub(self.elapsed_ms())
            .saturating_sub(END_SECONDS * 1_000);
        let pace = Pace {
            start: Instant::now(),
            span: Duration::from_millis(left_ms),
        };
        *self.pace.lock().unwrap_or_else(PoisonError::into_inner) = Some(pace);
    }
}

/// Replays the whole match.
///
/// # Errors
///
/// [`DemoError`] if it does not come to a verdict.
pub(super) async fn all(demo: &Arc<Demo>) -> Result<Verdict, DemoError> {
    let mut around = JoinSet::new();
    around.spawn(watch_nodes(Arc::clone(demo)));
    let found = setup::all(demo).await?;
    withdraw(demo, None).await?;
    around.spawn(bring_online(Arc::clone(demo)));
    demo.start_pace();
    for shift in 0..demo.data.shifts.len() {
        demo.screen.phase(&format!(
            "shift {} of {}",
            shift + 1,
            demo.data.shifts.len()
        ));
        assign(demo, shift).await?;
        settle(demo).await?;
        play(demo, shift).await?;
        settle(demo).await?;
        withdraw(demo, Some(shift)).await?;
    }
    demo.screen.phase("all is written; the cloud has to say so");
    sync(demo, false).await?;
    settle(demo).await?;
    let verdict = verdict::ask(demo, found).await?;
    around.shutdown().await;
    Ok(verdict)
}

/// Plays all lines of a shift: each tablet its own, all at once.
async fn play(demo: &Arc<Demo>, shift: usize) -> Result<(), DemoError> {
    let mut tablets = JoinSet::new();
    for device in &demo.data.devices {
        let places: Vec<usize> = demo
            .data
            .lines
            .iter()
            .zip(&demo.planned)
            .enumerate()
            .filter(|(_, (line, plan))| line.device == *device && plan.shift == shift)
            .map(|(place, _)| place)
            .collect();
        if !places.is_empty() {
            tablets.spawn(Tablet::new(Arc::clone(demo), device).play(places));
        }
    }
    while let Some(ended) = tablets.join_next().await {
        ended
            .map_err(|error| DemoError::Machine(format!("a task of the demo ended: {error}")))??;
    }
    Ok(())
}

/// Closes the grants of the shift before and opens those of a shift, all in one statement.
async fn assign(demo: &Demo, shift: usize) -> Result<(), DemoError> {
    let Some(shift) = demo.data.shifts.get(shift) else {
        return Ok(());
    };
    let owner = &demo.data.owner;
    let grants: Grants = demo.venue.get(owner, Request::Grants(Nothing {})).await?;
    let closing: Vec<String> = grants
        .grants
        .into_iter()
        .filter(|grant| grant.closed.is_none())
        .map(|grant| grant.grant)
        .collect();
    let opens: Vec<GrantOpen> = shift
        .grants
        .iter()
        .map(|share| GrantOpen {
            to: demo.label(&share.device),
            drills: share.drills.clone(),
            squads: share.squads.clone(),
        })
        .collect();
    if opens.is_empty() && closing.is_empty() {
        return Ok(());
    }
    let told = format!(
        "{} closes {} grants and opens {}",
        owner,
        closing.len(),
        opens.len()
    );
    let grant = Grant {
        opens,
        closing,
        reason: CloseWhy::Handover,
    };
    let assigned: Assigned = demo.venue.get(owner, Request::Grant(grant)).await?;
    demo.screen.say(&format!(
        "{told}: {} in one signed statement",
        assigned.grants.len()
    ));
    Ok(())
}

/// Has the owner record who left, once no line about them follows; `None`: who never wrote.
async fn withdraw(demo: &Demo, shift: Option<usize>) -> Result<(), DemoError> {
    for &shooter in &demo.data.withdrawn {
        let last = demo
            .data
            .lines
            .iter()
            .zip(&demo.planned)
            .filter(|(line, _)| line.shooter == shooter)
            .map(|(line, plan)| (plan.shift, line.t_ms))
            .max();
        if last.map(|it| it.0) != shift {
            continue;
        }
        let first_ms = demo.data.lines.first().map(|line| line.t_ms);
        let record = table::withdrawn(shooter);
        let command = table::command(&record, false);
        let add = ScoreAdd {
            record,
            replaces: None,
            confirmed: false,
            revision: None,
            wall_ms: last.map(|it| it.1).or(first_ms),
        };
        let saved: Saved = demo
            .venue
            .get(&demo.data.owner, Request::ScoreAdd(add))
            .await?;
        let mut board = demo.board();
        board.out.insert(shooter);
        *board
            .answers
            .entry((command, SAVED.to_owned()))
            .or_default() += 1;
        board
            .saved
            .entry(demo.data.owner.clone())
            .or_default()
            .extend(saved.entries);
    }
    Ok(())
}

/// Waits until all nodes hold the same logs, the cloud only once it can be reached.
///
/// # Errors
///
/// [`DemoError::Timeout`] with what each node holds.
pub(super) async fn settle(demo: &Demo) -> Result<(), DemoError> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let nodes = statuses(demo).await?;
        let here: Vec<&StatusData> = nodes
            .iter()
            .filter(|it| it.node.label != CLOUD || it.totals.entries > 0)
            .collect();
        let offline = nodes
            .iter()
            .any(|it| it.node.label == GATEWAY && it.paused != "none");
        let all_equal = here
            .iter()
            .filter(|it| !(offline && it.node.label == CLOUD))
            .all(|it| {
                here.first()
                    .is_some_and(|first| first.state_digest == it.state_digest)
            });
        if all_equal {
            return Ok(());
        }
        if deadline < Instant::now() {
            let held: Vec<String> = here
                .iter()
                .map(|it| {
                    format!(
                        "{} {} (links {})",
                        it.node.label,
                        it.totals.entries,
                        it.links.len()
                    )
                })
                .collect();
            let what = format!("that all nodes hold the same entries: {}", held.join(", "));
            return Err(DemoError::Timeout {
                what,
                seconds: PATIENCE.as_secs(),
            });
        }
        sleep(LOOK).await;
    }
}

/// Asks every node for its status, the owner first.
///
/// # Errors
///
/// [`DemoError::Node`] if one does not answer.
pub(super) async fn statuses(demo: &Demo) -> Result<Vec<StatusData>, DemoError> {
    let mut labels = demo.venue.labels();
    labels.sort_by_key(|label| *label != demo.data.owner);
    let mut nodes = Vec::new();
    for label in labels {
        let status = demo.venue.status(&label).await?;
        demo.screen.status(&demo.device(&label), &status);
        nodes.push(status);
    }
    Ok(nodes)
}

/// Takes the gateway's internet away, or gives it back.
///
/// # Errors
///
/// [`DemoError::Node`] if it does not answer.
pub(super) async fn sync(demo: &Demo, pause: bool) -> Result<(), DemoError> {
    let scope = Scope { cloud: true };
    let request = if pause {
        Request::SyncPause(scope)
    } else {
        Request::SyncResume(scope)
    };
    demo.venue.get::<Done>(GATEWAY, request).await?;
    Ok(())
}

/// Gives the gateway internet near the end.
async fn bring_online(demo: Arc<Demo>) {
    let wanted = demo.data.lines.len() * ONLINE_AFTER / 100;
    let mut bell = demo.bell.subscribe();
    if bell.wait_for(|answered| wanted <= *answered).await.is_err() {
        return;
    }
    // What fails here is tried again at the end, and reported there.
    if sync(&demo, false).await.is_ok() {
        demo.screen
            .say("pi gets internet: everything goes to the cloud from here on");
    }
}

/// Keeps the picture fresh; nodes that do not answer are as they were last.
async fn watch_nodes(demo: Arc<Demo>) {
    loop {
        let labels = demo.venue.labels();
        let count = u64::try_from(labels.len()).unwrap_or(u64::MAX).max(1);
        for label in &labels {
            if let Ok(status) = demo.venue.status(label).await {
                demo.screen.status(&demo.device(label), &status);
            }
            demo.screen.redraw();
            sleep(Duration::from_millis(STATUS_MS / count)).await;
        }
        if labels.is_empty() {
            sleep(LOOK).await;
        }
    }
}
