//! What waits for the loop, sorted into one batch.
//!
//! Layer: node, driver.

use std::collections::BTreeMap;

use tallyline_proto::replica::{Command, Input, Now, Replica, Reply, RequestId};
use tokio::sync::oneshot;

use super::{CommandFailed, Turn, Unanswered};

/// A question to the replica, or why there is none to ask.
pub(super) type Query = Box<dyn FnOnce(Result<(&mut Replica, Now), &str>) + Send>;

/// Where the reply to a command goes.
pub(super) type Answer = oneshot::Sender<Result<Reply, CommandFailed>>;

/// Where it goes whether what other processes have added is here.
pub(super) type CaughtUp = oneshot::Sender<Result<(), Unanswered>>;

/// One thing in the queue.
pub(super) enum Work {
    Input(Input),
    Command(Box<Command>, Answer),
    Query(Query),
    CatchUp(CaughtUp),
    Stop,
}

/// What one turn of the loop works on.
pub(super) struct Batch {
    pub(super) inputs: Vec<Input>,
    pub(super) queries: Vec<Query>,
    /// Who wants what other processes have added to the store.
    pub(super) catch_ups: Vec<CaughtUp>,
    pub(super) turn: Turn,
}

impl Batch {
    /// Takes over who asks and has to wait, as far as there is room.
    pub(super) fn keep_askers(&mut self, more: Self, most: usize) {
        let room = most.saturating_sub(self.queries.len());
        self.queries.extend(more.queries.into_iter().take(room));
        let room = most.saturating_sub(self.catch_ups.len());
        self.catch_ups.extend(more.catch_ups.into_iter().take(room));
    }

    /// Tells everybody who asks why there is nothing to ask.
    pub(super) fn refuse_askers(&mut self, reason: &str) {
        for look in self.queries.drain(..) {
            look(Err(reason));
        }
        for answer in self.catch_ups.drain(..) {
            // Who asked may have gone away meanwhile.
            answer.send(Err(Unanswered::Shut(reason.to_owned()))).ok();
        }
    }
}

/// Commands that wait for their replies.
#[derive(Default)]
pub(super) struct Pending {
    last: u64,
    answers: BTreeMap<RequestId, Answer>,
}

impl Pending {
    /// Sorts what was received; commands get their request ids here.
    pub(super) fn sort(&mut self, works: Vec<Work>, turn: Turn) -> Batch {
        let mut batch = Batch {
            inputs: Vec::with_capacity(works.len()),
            queries: Vec::new(),
            catch_ups: Vec::new(),
            turn,
        };
        for work in works {
            match work {
                Work::Input(input) => batch.inputs.push(input),
                Work::Command(command, answer) => {
                    self.last = self.last.wrapping_add(1);
                    let request = RequestId(self.last);
                    self.answers.insert(request, answer);
                    batch.inputs.push(Input::Command { request, command });
                }
                Work::Query(query) => batch.queries.push(query),
                Work::CatchUp(answer) => batch.catch_ups.push(answer),
                Work::Stop => batch.turn = Turn::End,
            }
        }
        batch
    }

    /// Answers one command.
    pub(super) fn answer(&mut self, request: RequestId, reply: Reply) {
        if let Some(answer) = self.answers.remove(&request) {
            // Who asked may have gone away; the reply is dropped then.
            drop(answer.send(Ok(reply)));
        }
    }

    /// Answers every command that waits "not saved".
    pub(super) fn fail_all(&mut self, reason: &str) {
        for answer in std::mem::take(&mut self.answers).into_values() {
            drop(answer.send(Err(CommandFailed::NotSaved(reason.to_owned()))));
        }
    }
}

impl std::fmt::Debug for Work {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Input(_) => "Input",
            Self::Command(..) => "Command",
            Self::Query(_) => "Query",
            Self::CatchUp(_) => "CatchUp",
            Self::Stop => "Stop",
        })
    }
}
