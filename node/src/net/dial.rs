//! The supervisor of dials: what is due, and what discovery reports.
//!
//! Both sides dial whatever they see, because a device may hear others and not be heard; the
//! duplicate is dropped afterwards. Layer: above `conversation`.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tallyline_keys::tls::Expected;
use tokio::net::lookup_host;
use tokio::time::timeout;
use tracing::{debug, info};

use super::discovery::{Discovery, Due, Room, Sighting, Target, TargetId, best_first};
use super::hub::{Hub, luck};
use super::limits::{ADDRESSES_MAX, DIAL_TIME, DIALS_MAX, SWEEP_TIME, UNPROVEN_DIALS_MAX};
use super::links::{Host, Links, Way};
use super::{Over, Scope, conversation};
use crate::security::{Cause, Who};

/// Looks through all connections and dials what is due, for ever.
pub(super) async fn supervise(hub: Arc<Hub>) {
    let [proven, unproven] = [(); 2].map(|()| Arc::new(AtomicUsize::new(0)));
    let left =
        |most: usize, count: &AtomicUsize| most.saturating_sub(count.load(Ordering::Relaxed));
    loop {
        let now_ms = hub.now_ms();
        let room = Room {
            proven: left(DIALS_MAX, &proven),
            unproven: left(UNPROVEN_DIALS_MAX, &unproven),
        };
        let due = {
            let mut links = hub.links().lock();
            links.sweep(now_ms);
            due(&mut links, now_ms, room)
        };
        for due in due {
            let under_way = if due.target.is_unproven() {
                &unproven
            } else {
                &proven
            };
            under_way.fetch_add(1, Ordering::Relaxed);
            hub.spawn(dial(hub.clone(), due, under_way.clone()));
        }
        // Woken or not: what is due is looked up anew.
        drop(timeout(SWEEP_TIME, hub.dials_wake()).await);
    }
}

/// Enters what one source reports into the table of places, until the source ends.
pub(super) async fn follow(hub: Arc<Hub>, mut source: impl Discovery) {
    while let Some(sighting) = source.next().await {
        let now_ms = hub.now_ms();
        let mut links = hub.links().lock();
        let taken = match sighting {
            Sighting::Seen { name, addresses } => links.targets.seen(name, addresses, now_ms),
            Sighting::Gone { name } => {
                links.targets.gone(&name);
                true
            }
        };
        drop(links);
        if !taken {
            let text = "more places are announced than are kept; one was not taken";
            hub.note(Cause::MdnsCapped, Who::default(), text);
        }
        hub.changed();
    }
}

/// Looks up a `host:port`.
pub(super) async fn look_up(place: &str) -> Vec<SocketAddr> {
    let found = match timeout(DIAL_TIME, lookup_host(place)).await {
        Ok(Ok(found)) => found,
        Ok(Err(error)) => {
            info!(place, %error, "this name cannot be looked up; it is tried again");
            return Vec::new();
        }
        Err(_) => return Vec::new(),
    };
    let mut addresses: Vec<_> = found.take(ADDRESSES_MAX).collect();
    best_first(&mut addresses);
    addresses
}

/// Takes the dials that are due, wanted, and lead to somebody who is not connected.
fn due(links: &mut Links, now_ms: u64, room: Room) -> Vec<Due> {
    if links.is_paused(Scope::All) || links.stopping {
        return Vec::new();
    }
    let mut targets = std::mem::take(&mut links.targets);
    let due = targets.due(now_ms, room, |id, target| {
        let barred = |key| links.is_barred(&key, now_ms);
        !target.key.is_some_and(barred) && wanted(links, id, target)
    });
    links.targets = targets;
    due
}

/// Tells whether a place leads to somebody who is wanted and not connected.
fn wanted(links: &Links, id: &TargetId, target: &Target) -> bool {
    match links.host {
        Some(Host::Inviter(inviter)) => {
            let other = target.key.is_some_and(|key| key != inviter);
            return !other && !links.has(&inviter);
        }
        Some(Host::Anybody) => {
            return target
                .key
                .is_none_or(|key| !links.has(&key) && !links.is_own(&key));
        }
        None => {}
    }
    if links.members.is_empty() {
        return false;
    }
    let Some(key) = target.key else {
        return true;
    };
    if let TargetId::Called(_) = id {
        return !links.has(&key);
    }
    if links.has(&key) || links.is_own(&key) || links.cloud == Some(key) {
        return false;
    }
    match id {
        TargetId::Ticket => false,
        // A person named this place, so whoever stands there tomorrow is asked too.
        TargetId::Static(_) => true,
        TargetId::Mdns(_) | TargetId::Known(_) | TargetId::Called(_) => {
            links.members.contains(&key)
        }
    }
}

/// Dials one place; the connection that comes of it runs by itself.
async fn dial(hub: Arc<Hub>, due: Due, under_way: Arc<AtomicUsize>) {
    let dialled = connect(&hub, &due).await;
    under_way.fetch_sub(1, Ordering::Relaxed);
    let (connection, pinned) = match dialled {
        Ok(connected) => connected,
        Err(why) => {
            debug!(target = ?due.target, why, "a dial failed");
            let now_ms = hub.now_ms();
            hub.links()
                .lock()
                .targets
                .failed(&due.target, now_ms, luck());
            return;
        }
    };
    let way = Way {
        dialled: Some(due.target.source()),
        pinned,
        target: Some(due.target),
        over: Over::Udp,
    };
    hub.converse(conversation::run(hub.clone(), connection, way));
}

/// Makes the connection; tells also whether exactly this peer was expected.
async fn connect(hub: &Hub, due: &Due) -> Result<(quinn::Connection, bool), String> {
    let expected = hub
        .expected(&due.target)
        .ok_or("it is not wanted any more")?;
    let addresses = match &due.target {
        TargetId::Static(place) => look_up(place).await,
        TargetId::Ticket | TargetId::Mdns(_) | TargetId::Known(_) | TargetId::Called(_) => {
            due.addresses.clone()
        }
    };
    let pinned = match hub.links().lock().host {
        Some(Host::Inviter(_)) => matches!(expected, Expected::Key(_)),
        Some(Host::Anybody) => true,
        None => false,
    };
    let connection = hub.doors().dial(&addresses, &expected).await;
    Ok((connection.map_err(|missed| missed.why)?, pinned))
}
