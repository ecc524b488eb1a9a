//! The venue before the first write: processes, event, members, connections.
//!
//! Layer: node, demo.

use std::sync::Arc;

use tokio::task::JoinSet;
use tokio::time::{Duration, Instant, sleep};

use super::DemoError;
use super::data::SOURCE;
use super::replay::{CLOUD, Demo, GATEWAY, settle, statuses, sync};
use super::venue::{LOOK, PATIENCE};
use crate::local::protocol::{
    Done, EventCreate, Founded, Invite, Invited, Join, NodeInfo, Nothing, Request, Role,
};
use crate::root::Mode;

/// How long tablets may take to find each other by mDNS before the demo helps them.
const MULTICAST_TIME: Duration = Duration::from_secs(8);

/// How tablets found each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// By mDNS alone.
    Multicast,
    /// From a list, since multicast does not work on this machine.
    Listed,
}

/// Starts everything and waits until all nodes are members and connected.
///
/// # Errors
///
/// [`DemoError`] of what does not work.
pub(super) async fn all(demo: &Arc<Demo>) -> Result<Found, DemoError> {
    if demo.data.built_in {
        demo.screen.say(&format!("the match: {SOURCE}"));
    }
    demo.screen.say(&format!(
        "{} tablets, {GATEWAY} and {CLOUD} as processes below {}",
        demo.data.devices.len(),
        demo.venue.path().display()
    ));
    demo.screen.phase("starting");
    let key = demo.venue.init(CLOUD, Mode::Cloud)?;
    // The cloud is somewhere else: nobody finds it on this network.
    let cloud = demo
        .venue
        .start(CLOUD, vec!["--no-mdns".to_owned()])
        .await?;
    start_members(demo, &gateway_args(&cloud, &key)).await?;
    sync(demo, true).await?;
    found(demo, key).await?;
    demo.screen.phase("devices are admitted");
    join_all(demo).await?;
    demo.screen.phase("devices find each other");
    let found = connect(demo, &cloud).await?;
    settle(demo).await?;
    Ok(found)
}

/// Has a node join with a ticket of the owner's, and waits until it is a member.
///
/// # Errors
///
/// [`DemoError`] of what does not work.
pub(super) async fn join(demo: &Demo, label: &str, role: Role) -> Result<(), DemoError> {
    let invite = Invite {
        role,
        label: Some(label.to_owned()),
        addresses: Vec::new(),
        minutes: None,
    };
    let invited: Invited = demo
        .venue
        .get(&demo.data.owner, Request::Invite(invite))
        .await?;
    let request = Request::Join(Join {
        ticket: invited.ticket,
    });
    demo.venue.get::<Done>(label, request).await?;
    let deadline = Instant::now() + PATIENCE;
    loop {
        let node: NodeInfo = demo.venue.get(label, Request::Node(Nothing {})).await?;
        if node.phase == "member" {
            return Ok(());
        }
        if deadline < Instant::now() {
            return Err(demo.venue.failure(label, "it is not admitted"));
        }
        sleep(LOOK).await;
    }
}

fn gateway_args(cloud: &NodeInfo, key: &str) -> Vec<String> {
    let address = cloud.addresses.first().cloned().unwrap_or_default();
    ["--cloud", &address, "--cloud-key", key]
        .into_iter()
        .map(str::to_owned)
        .collect()
}

async fn start_members(demo: &Arc<Demo>, gateway: &[String]) -> Result<(), DemoError> {
    let mut starts = JoinSet::new();
    for label in members(demo) {
        let is_gateway = label == GATEWAY;
        demo.venue.init(
            &label,
            if is_gateway {
                Mode::Gateway
            } else {
                Mode::Device
            },
        )?;
        let args = if is_gateway {
            gateway.to_vec()
        } else {
            Vec::new()
        };
        let demo = Arc::clone(demo);
        starts.spawn(async move { demo.venue.start(&label, args).await.map(|_| ()) });
    }
    finish(starts).await
}

/// Creates and locks the event on the owner's device.
async fn found(demo: &Demo, cloud_key: String) -> Result<(), DemoError> {
    let create = EventCreate {
        name: None,
        structure: demo.data.text.clone(),
        cloud_keys: vec![cloud_key],
        recovery_cards: 0,
    };
    let owner = &demo.data.owner;
    let founded: Founded = demo.venue.get(owner, Request::EventCreate(create)).await?;
    demo.venue
        .get::<Done>(owner, Request::EventLock(Nothing {}))
        .await?;
    demo.screen.say(&format!(
        "{owner} creates and locks the event {:?}: {} shooters, {} stages",
        founded.name,
        demo.data.structure.shooters.len(),
        demo.data.structure.drills.len()
    ));
    Ok(())
}

async fn join_all(demo: &Arc<Demo>) -> Result<(), DemoError> {
    let mut joins = JoinSet::new();
    for label in members(demo)
        .into_iter()
        .filter(|label| *label != demo.data.owner)
    {
        let role = if label == GATEWAY {
            Role::Gateway
        } else {
            Role::Scorer
        };
        let demo = Arc::clone(demo);
        joins.spawn(async move { join(&demo, &label, role).await });
    }
    finish(joins).await
}

/// Waits until the tablets have found each other; where multicast does not work, starts them
/// again with a list of the others.
async fn connect(demo: &Arc<Demo>, cloud: &NodeInfo) -> Result<Found, DemoError> {
    let members = members(demo);
    // Two nodes are connected by the ticket already.
    if members.len() < 3 {
        return Ok(Found::Multicast);
    }
    let deadline = Instant::now() + MULTICAST_TIME;
    let mut missing = members.len();
    while Instant::now() < deadline {
        let nodes = statuses(demo).await?;
        let here = || nodes.iter().filter(|it| it.node.label != CLOUD);
        if here().all(|it| members.len() <= it.links.len() + 1) {
            let links: usize = here().map(|it| it.links.len()).sum();
            demo.screen
                .say(&format!("all are connected with all: {} links", links / 2));
            return Ok(Found::Multicast);
        }
        let alone = |it: &&_| {
            let it: &crate::local::protocol::StatusData = it;
            it.node.label != demo.data.owner && it.links.iter().all(|link| link.source != "mdns")
        };
        missing = here().filter(alone).count();
        sleep(2 * LOOK).await;
    }
    if missing == 0 {
        demo.screen
            .say("all are connected, though not all with all");
        return Ok(Found::Multicast);
    }
    demo.screen.say(&format!(
        "WARNING: multicast does not work here: {missing} nodes found nobody by mDNS in {} s; \
         they are started again with a list of the others (--peer)",
        MULTICAST_TIME.as_secs()
    ));
    start_with_lists(demo, cloud).await?;
    Ok(Found::Listed)
}

async fn start_with_lists(demo: &Arc<Demo>, cloud: &NodeInfo) -> Result<(), DemoError> {
    let mut addresses = Vec::new();
    for label in members(demo) {
        let node: NodeInfo = demo.venue.get(&label, Request::Node(Nothing {})).await?;
        addresses.push((label, node.addresses.first().cloned().unwrap_or_default()));
    }
    for (label, _) in &addresses {
        demo.venue.count_bytes(label).await?;
        demo.venue.stop(label).await?;
        let mut args = if label == GATEWAY {
            gateway_args(cloud, &cloud.key)
        } else {
            Vec::new()
        };
        for (_, address) in addresses.iter().filter(|(other, _)| other != label) {
            args.extend(["--peer".to_owned(), address.clone()]);
        }
        demo.venue.start(label, args).await?;
        if label == GATEWAY {
            sync(demo, true).await?;
        }
    }
    Ok(())
}

/// Returns the labels of tablets and gateway.
fn members(demo: &Demo) -> Vec<String> {
    demo.data
        .devices
        .iter()
        .cloned()
        .chain([GATEWAY.to_owned()])
        .collect()
}

async fn finish(mut tasks: JoinSet<Result<(), DemoError>>) -> Result<(), DemoError> {
    while let Some(ended) = tasks.join_next().await {
        ended
            .map_err(|error| DemoError::Machine(format!("a task of the demo ended: {error}")))??;
    }
    Ok(())
}
