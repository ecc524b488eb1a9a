//! Which events a process serves: one at a venue, many in the cloud.
//!
//! Layer: node, api.

use std::pin::Pin;

use serde::Serialize;

use crate::growth::Growth;
use crate::local::Clerk;
use crate::local::protocol::{Answer, Call, NodeInfo, Nothing, Problem, Request, StatusData};
use utoipa::ToSchema;

/// What a trait answers later.
pub type Asked<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The events of a process.
pub trait Events: Send + Sync {
    /// Returns the event of a name or UUID; `None` is the only one, where there is one only.
    ///
    /// The future's error says that nobody here has such an event (`unknown_event`), or that a name
    /// is needed.
    fn find<'a>(&'a self, name: Option<&'a str>) -> Asked<'a, Result<Open, Problem>>;

    /// Returns all of them.
    fn list(&self) -> Asked<'_, Vec<EventLine>>;

    /// Returns those that are held in memory.
    ///
    /// The future's error says that the node is ending.
    fn active(&self) -> Asked<'_, Result<Active, Problem>>;

    /// Returns the bytes of what holds the entries of all events; `None` where it does not say.
    ///
    /// The future's error says that it does not answer.
    fn store_bytes(&self) -> Asked<'_, Result<Option<u64>, Problem>>;
}

/// An event that is served.
#[derive(Clone, Debug)]
pub struct Open {
    /// Who answers for it.
    pub clerk: Clerk,
    /// How often it grew.
    pub growth: Growth,
    /// Its UUID; empty where the node has no event yet.
    pub uuid: String,
    /// Whether its board is for everybody.
    pub public: bool,
}

/// The events that are held in memory by UUID; `None` for one that is busy just now, because it is being
/// read or brought up to date.
pub type Active = Vec<(String, Option<Open>)>;

/// One event in a list.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct EventLine {
    /// Its UUID.
    pub event: String,
    /// Its name.
    pub name: String,
    /// Whether its board is for everybody.
    pub public: bool,
}

/// The one event of a node at a venue; its board is for everybody on the network.
#[derive(Clone, Debug)]
pub struct OneEvent {
    clerk: Clerk,
    growth: Growth,
}

impl OneEvent {
    /// Serves what one clerk answers for.
    pub fn new(clerk: Clerk, growth: Growth) -> Self {
        Self { clerk, growth }
    }
}

impl Events for OneEvent {
    fn find<'a>(&'a self, name: Option<&'a str>) -> Asked<'a, Result<Open, Problem>> {
        Box::pin(async move {
            let call = Call {
                event: name.map(str::to_owned),
                request: Request::Node(Nothing {}),
            };
            let node: NodeInfo = self.clerk.answer(call).await.data()?;
            Ok(Open {
                clerk: self.clerk.clone(),
                growth: self.growth.clone(),
                uuid: node.event.unwrap_or_default(),
                public: true,
            })
        })
    }

    fn list(&self) -> Asked<'_, Vec<EventLine>> {
        Box::pin(async move {
            let answer = self.clerk.answer(Request::Status(Nothing {}).into()).await;
            let status: Result<StatusData, Problem> = Answer::data(answer);
            let line = status.ok().and_then(|it| {
                Some(EventLine {
                    event: it.node.event?,
                    name: it.name?,
                    public: true,
                })
            });
            line.into_iter().collect()
        })
    }

    fn active(&self) -> Asked<'_, Result<Active, Problem>> {
        Box::pin(async move {
            let open = self.find(None).await?;
            Ok(vec![(open.uuid.clone(), Some(open))])
        })
    }

    fn store_bytes(&self) -> Asked<'_, Result<Option<u64>, Problem>> {
        // The event's own figures say it.
        Box::pin(std::future::ready(Ok(None)))
    }
}
