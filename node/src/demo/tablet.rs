//! One tablet: its lines in order, each through its command socket, and its misfortunes.
//!
//! Layer: node, demo.

use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;
use tokio::time::{Instant, sleep};

use super::data::Line;
use super::plan::Fault;
use super::replay::Demo;
use super::table::{self, By, Case, Command, Held, SAVED, Slots, Then};
use super::venue::{Caller, LOOK, PATIENCE, Trouble};
use super::{DemoError, setup};
use crate::local::protocol::{
    AgreedData, Answer, Assigned, CloseWhy, Done, Entries, EntriesQuery, Grants, Handover, Nothing,
    Problem, Record, Replaces, Request, Role, Saved, Scope, ScoreAdd, ScoreVoid, StatusData,
};
use crate::root::Mode;

/// A tablet of the match.
#[derive(Debug)]
pub(super) struct Tablet {
    demo: Arc<Demo>,
    device: String,
    own: Caller,
    owner: Caller,
    is_cut_off: bool,
    dies: bool,
}

/// What a command wrote.
#[derive(Debug)]
struct Sent {
    answer: String,
    text: String,
    entries: Vec<String>,
}

/// A line on its way: who writes, what it replaces, and everything it has written so far.
struct Way<'a> {
    line: &'a Line,
    by: By,
    covered: bool,
    written: Vec<String>,
}

impl Tablet {
    /// Takes a device of the match as it is called at this time.
    pub(super) fn new(demo: Arc<Demo>, device: &str) -> Self {
        let own = demo.venue.caller(&demo.label(device));
        let owner = demo.venue.caller(&demo.data.owner);
        Self {
            demo,
            device: device.to_owned(),
            own,
            owner,
            is_cut_off: false,
            dies: false,
        }
    }

    /// Writes the lines at some places of the match, in order.
    ///
    /// # Errors
    ///
    /// [`DemoError`] of the first line that does not go as the table says.
    pub(super) async fn play(mut self, places: Vec<usize>) -> Result<(), DemoError> {
        let demo = Arc::clone(&self.demo);
        for place in places {
            let (Some(line), Some(plan)) = (demo.data.lines.get(place), demo.planned.get(place))
            else {
                continue;
            };
            for fault in demo.faults.get(&place).into_iter().flatten() {
                self.suffer(*fault).await?;
            }
            if !plan.after.is_empty() {
                self.wait_for(&plan.after, &plan.arrived).await?;
            }
            demo.until_due(place).await;
            let way = Way {
                line,
                by: By::Tablet,
                covered: plan.covered,
                written: Vec::new(),
            };
            let written = self.write(way).await?;
            demo.answered(place, written);
            demo.screen.line_done(&self.device);
        }
        self.connect().await
    }

    /// Waits until earlier lines are answered and what they wrote is here.
    async fn wait_for(&mut self, after: &[usize], arrived: &[usize]) -> Result<(), DemoError> {
        self.connect().await?;
        self.demo
            .screen
            .doing(&self.device, "waits for another tablet");
        self.demo.until_answered(after).await?;
        let entries: Vec<String> = {
            let board = self.demo.board();
            arrived
                .iter()
                .filter_map(|place| board.answered.get(place))
                .flatten()
                .cloned()
                .collect()
        };
        for entry in entries {
            until_here(&self.demo, &mut self.own, &entry).await?;
        }
        self.demo.screen.doing(&self.device, "");
        Ok(())
    }

    /// Writes one line and whatever follows from its answer; returns the entries.
    async fn write(&mut self, mut way: Way<'_>) -> Result<Vec<String>, DemoError> {
        let line = way.line;
        let slot = (line.drill, line.shooter);
        loop {
            let (own, other) = self.slots(line);
            let slots = Slots {
                line,
                own: own.as_ref(),
                other: other.as_ref(),
            };
            let replaced = table::aim(&slots).cloned();
            let record = table::record(&self.demo.data, line);
            let command = table::command(&record, replaced.is_some());
            if let (By::Owner, Some(replaced)) = (way.by, &replaced) {
                until_here(&self.demo, &mut self.owner, &replaced.entry).await?;
            }
            let sent = self
                .send(way.by, command, add(line, &record, replaced.as_ref()))
                .await?;
            if sent.answer == SAVED {
                self.stands(line, record, replaced.as_ref(), &sent);
            }
            way.written.extend(sent.entries.iter().cloned());
            let case = Case {
                line,
                covered: way.covered,
                by: if self.device == self.demo.data.owner {
                    By::Owner
                } else {
                    way.by
                },
                shooter_out: self.demo.board().out.contains(&line.shooter),
                own: own.as_ref(),
            };
            match self.next(&case, &sent)? {
                Then::Owner => {
                    self.connect().await?;
                    way.by = By::Owner;
                }
                Then::MatchDq => {
                    let record = table::match_dq(&self.demo.data, line);
                    self.must(&mut way, Command::MatchDq, add(line, &record, None))
                        .await?;
                    self.demo.board().out.insert(line.shooter);
                    break;
                }
                Then::Void => {
                    let Some(held) = own else { break };
                    self.must(&mut way, Command::Void, void(line, &held))
                        .await?;
                    self.demo.board().slots.remove(&slot);
                    break;
                }
                Then::Dnf => {
                    let record = table::dnf(line);
                    let sent = self
                        .must(&mut way, Command::Dnf, add(line, &record, None))
                        .await?;
                    self.stands(line, record, None, &sent);
                    break;
                }
                Then::Nothing => break,
            }
        }
        Ok(way.written)
    }

    /// Finds in the table what follows. In a match whose totals nobody knows, a refusal that the
    /// table does not know is counted, and nothing follows.
    fn next(&self, case: &Case<'_>, sent: &Sent) -> Result<Then, DemoError> {
        match table::follow(case, &sent.answer) {
            Some(row) => Ok(row.then),
            None if !self.demo.data.built_in => Ok(Then::Nothing),
            None => Err(DemoError::Unexpected {
                n: case.line.n,
                label: self.own.label.clone(),
                answer: sent.answer.clone(),
                text: sent.text.clone(),
            }),
        }
    }

    /// Gives a command that must be saved.
    async fn must(
        &mut self,
        way: &mut Way<'_>,
        command: Command,
        request: Request,
    ) -> Result<Sent, DemoError> {
        let sent = self.send(way.by, command, request).await?;
        if sent.answer != SAVED {
            return Err(DemoError::Unexpected {
                n: way.line.n,
                label: self.own.label.clone(),
                answer: sent.answer,
                text: sent.text,
            });
        }
        way.written.extend(sent.entries.iter().cloned());
        Ok(sent)
    }

    /// Returns what stands in the slot of a line, and where it may move a result from.
    fn slots(&self, line: &Line) -> (Option<Held>, Option<Held>) {
        let board = self.demo.board();
        let held = |shooter| board.slots.get(&(line.drill, shooter)).cloned();
        (held(line.shooter), table::moved_from(line).and_then(held))
    }

    /// Notes what stands in the slots after a saved answer.
    fn stands(&self, line: &Line, record: Record, replaced: Option<&Held>, sent: &Sent) {
        let mut board = self.demo.board();
        if let Some(replaced) = replaced {
            board.slots.retain(|_, held| held.entry != replaced.entry);
        }
        // A void comes before what replaces it.
        if let Some(entry) = sent.entries.last() {
            let held = Held {
                entry: entry.clone(),
                record,
            };
            board.slots.insert((line.drill, line.shooter), held);
        }
    }

    /// Gives a command and counts its answer.
    async fn send(
        &mut self,
        by: By,
        command: Command,
        request: Request,
    ) -> Result<Sent, DemoError> {
        let answer =
            match by {
                By::Owner => self.owner.ask(request).await.map_err(|error| {
                    self.demo
                        .venue
                        .failure(&self.owner.label, &error.to_string())
                })?,
                By::Tablet if self.dies => self.send_and_die(request).await?,
                By::Tablet => self.own.ask(request).await.map_err(|error| {
                    self.demo.venue.failure(&self.own.label, &error.to_string())
                })?,
            };
        let writer = if by == By::Owner {
            &self.owner.label
        } else {
            &self.own.label
        };
        let sent = match answer.data::<Saved>() {
            Ok(saved) => {
                let text = String::new();
                Sent {
                    answer: SAVED.to_owned(),
                    text,
                    entries: saved.entries,
                }
            }
            Err(Problem { code, text, .. }) => Sent {
                answer: code,
                text,
                entries: Vec::new(),
            },
        };
        let mut board = self.demo.board();
        *board
            .answers
            .entry((command, sent.answer.clone()))
            .or_default() += 1;
        board
            .saved
            .entry(writer.clone())
            .or_default()
            .extend(sent.entries.iter().cloned());
        drop(board);
        Ok(sent)
    }

    /// Gives a command whose process is killed meanwhile, and gives it again after the restart
    /// only if it was not saved.
    async fn send_and_die(&mut self, request: Request) -> Result<Answer, DemoError> {
        self.dies = false;
        let demo = Arc::clone(&self.demo);
        let label = self.own.label.clone();
        demo.venue.count_bytes(&label).await?;
        // A few milliseconds, other ones with each seed: before, in or after the commit.
        let late = Duration::from_millis(demo.seed % 6);
        let (answer, ()) = tokio::join!(self.own.ask(request.clone()), async {
            sleep(late).await;
            demo.venue.kill(&label);
        });
        demo.screen.doing(&self.device, "killed");
        demo.venue.start_again(&label).await?;
        self.own = demo.venue.caller(&label);
        let lost = self.count_lost().await?;
        let found = match answer {
            Ok(answer) => Some(answer),
            Err(_) => self.find(&request).await?.map(|saved| Answer::ok(&saved)),
        };
        let (how, repeated) = match &found {
            Some(_) => ("its last write was on disk", 0),
            None => ("its last write was not on disk and is entered again", 1),
        };
        demo.screen.say(&format!(
            "{label} was killed while it saved, and started again: {how}"
        ));
        demo.screen.doing(&self.device, "");
        {
            let mishaps = &mut demo.board().mishaps;
            mishaps.killed += 1;
            mishaps.repeated += repeated;
            mishaps.lost += lost;
        }
        match found {
            Some(answer) => Ok(answer),
            None => self
                .own
                .ask(request)
                .await
                .map_err(|error| demo.venue.failure(&label, &error.to_string())),
        }
    }

    /// Counts entries that were answered "saved" and are not there.
    async fn count_lost(&mut self) -> Result<u64, DemoError> {
        let query = EntriesQuery {
            device: Some(self.own.label.clone()),
            ..EntriesQuery::default()
        };
        let there: Entries = self.get(Request::ScoreHistory(query)).await?;
        let board = self.demo.board();
        let saved = board.saved.get(&self.own.label).into_iter().flatten();
        let lost = saved
            .filter(|id| !there.entries.iter().any(|it| it.entry == **id))
            .count();
        Ok(u64::try_from(lost).unwrap_or(u64::MAX))
    }

    /// Looks whether a request was saved whose answer never came.
    async fn find(&mut self, request: &Request) -> Result<Option<Saved>, DemoError> {
        let query = EntriesQuery {
            device: Some(self.own.label.clone()),
            ..EntriesQuery::default()
        };
        let there: Entries = self.get(Request::ScoreHistory(query)).await?;
        let is_it = |at_unix_ms: i64, wall_ms: Option<u64>| {
            wall_ms.and_then(|it| i64::try_from(it).ok()) == Some(at_unix_ms)
        };
        let found = there.entries.iter().filter(|entry| {
            if let Request::ScoreAdd(add) = request {
                entry.record.as_ref() == Some(&add.record) && is_it(entry.at_unix_ms, add.wall_ms)
            } else if let Request::ScoreVoid(void) = request {
                entry.void.as_ref().is_some_and(|it| it.entry == void.entry)
            } else {
                false
            }
        });
        let entries: Vec<String> = found.map(|entry| entry.entry.clone()).collect();
        let schema = "tallyline.saved/1".to_owned();
        Ok((!entries.is_empty()).then_some(Saved {
            schema,
            entries,
            warnings: Vec::new(),
        }))
    }

    async fn suffer(&mut self, fault: Fault) -> Result<(), DemoError> {
        match fault {
            Fault::CutOff => self.cut_off().await,
            Fault::Back => self.connect().await,
            Fault::Kill => {
                self.dies = true;
                Ok(())
            }
            Fault::Swap => self.swap().await,
        }
    }

    async fn cut_off(&mut self) -> Result<(), DemoError> {
        self.get::<Done>(Request::SyncPause(Scope::default()))
            .await?;
        self.is_cut_off = true;
        self.demo
            .screen
            .doing(&self.device, "cut off, saves all the same");
        self.demo.screen.say(&format!(
            "{} is cut off; its RO goes on scoring",
            self.own.label
        ));
        Ok(())
    }

    /// Gives the tablet its connections back, if it lost them.
    async fn connect(&mut self) -> Result<(), DemoError> {
        if !std::mem::take(&mut self.is_cut_off) {
            return Ok(());
        }
        self.get::<Done>(Request::SyncResume(Scope::default()))
            .await?;
        self.demo.board().mishaps.cut_off += 1;
        self.demo.screen.doing(&self.device, "");
        self.demo.screen.say(&format!("{} is back", self.own.label));
        Ok(())
    }

    /// Replaces the tablet by another device: admitted anew, and its grants handed over.
    async fn swap(&mut self) -> Result<(), DemoError> {
        let demo = Arc::clone(&self.demo);
        let (old, new) = (self.own.label.clone(), format!("{}-2", self.device));
        demo.screen.doing(&self.device, "is being replaced");
        demo.venue.init(&new, Mode::Device)?;
        demo.venue.start(&new, Vec::new()).await?;
        setup::join(&demo, &new, Role::Scorer).await?;
        // What the old one wrote must be with the owner, or the cut would leave it behind.
        until_holds(&demo, &demo.data.owner, &demo.venue.status(&old).await?).await?;
        let grants: Grants = demo
            .venue
            .get(&demo.data.owner, Request::Grants(Nothing {}))
            .await?;
        let open = grants
            .grants
            .into_iter()
            .filter(|it| it.label == old && it.closed.is_none());
        for grant in open {
            let (grant, to) = (grant.grant, new.clone());
            let handover = Handover {
                grant,
                to,
                reason: CloseWhy::Handover,
            };
            demo.venue
                .get::<Assigned>(&demo.data.owner, Request::Handover(handover))
                .await?;
        }
        until_holds(&demo, &new, &demo.venue.status(&demo.data.owner).await?).await?;
        demo.venue.retire(&old).await?;
        self.own = demo.venue.caller(&new);
        {
            let mut board = demo.board();
            board.labels.insert(self.device.clone(), new.clone());
            board.mishaps.swapped += 1;
        }
        demo.screen.rename(&self.device, &new);
        demo.screen.doing(&self.device, "");
        demo.screen.say(&format!(
            "{old} is replaced by {new}, which goes on where it stopped"
        ));
        Ok(())
    }

    async fn get<T: DeserializeOwned>(&mut self, request: Request) -> Result<T, DemoError> {
        let label = self.own.label.clone();
        self.own
            .get(request)
            .await
            .map_err(|trouble| match trouble {
                Trouble::Lost(error) => self.demo.venue.failure(&label, &error.to_string()),
                Trouble::Refused(problem) => DemoError::Refused { label, problem },
            })
    }
}

/// Waits until an entry has arrived at a node.
async fn until_here(demo: &Demo, node: &mut Caller, entry: &str) -> Result<(), DemoError> {
    let query = EntriesQuery {
        entry: Some(entry.to_owned()),
        ..EntriesQuery::default()
    };
    let deadline = Instant::now() + PATIENCE;
    loop {
        let found = node
            .get::<Entries>(Request::ScoreHistory(query.clone()))
            .await;
        if found.is_ok_and(|found| !found.entries.is_empty()) {
            return Ok(());
        }
        if deadline < Instant::now() {
            return Err(demo
                .venue
                .failure(&node.label, &format!("entry {entry} does not arrive")));
        }
        sleep(LOOK).await;
    }
}

/// Waits until a node holds everything that another one held.
async fn until_holds(demo: &Demo, label: &str, other: &StatusData) -> Result<(), DemoError> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let status = demo.venue.status(label).await?;
        let holds = other.logs.iter().all(|log| {
            let same = |it: &&crate::local::protocol::LogStatus| {
                (&it.grant, &it.incarnation) == (&log.grant, &log.incarnation)
            };
            status
                .logs
                .iter()
                .find(same)
                .is_some_and(|it| log.height <= it.height)
        });
        if holds {
            return Ok(());
        }
        if deadline < Instant::now() {
            let what = format!("it does not get what {} holds", other.node.label);
            return Err(demo.venue.failure(label, &what));
        }
        sleep(LOOK).await;
    }
}

/// A change of the match was signed anew by shooter and officer.
const BOTH: AgreedData = AgreedData {
    shooter: true,
    ro: true,
};

fn add(line: &Line, record: &Record, replaced: Option<&Held>) -> Request {
    Request::ScoreAdd(ScoreAdd {
        record: record.clone(),
        replaces: replaced.map(|held| Replaces {
            entry: held.entry.clone(),
            reason: table::reason(line),
            agreed: BOTH,
        }),
        // Whoever saved it at the match had been asked then.
        confirmed: true,
        revision: None,
        wall_ms: Some(line.t_ms),
    })
}

fn void(line: &Line, held: &Held) -> Request {
    Request::ScoreVoid(ScoreVoid {
        entry: held.entry.clone(),
        reason: table::reason(line),
        note: String::new(),
        wall_ms: Some(line.t_ms),
        agreed: BOTH,
    })
}
