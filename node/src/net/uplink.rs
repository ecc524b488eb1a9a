//! The one connection to the cloud, kept up whenever there is a way.
//!
//! UDP first; where nothing answers, HTTPS, and UDP again now and then. What is said on it is an
//! ordinary conversation with a peer. Layer: beside `dial`, above `fallback`.

use std::fmt;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;

use futures_util::future::join_all;
use quinn::Connection;
use tallyline_keys::tls::Expected;
use tokio::sync::oneshot;
use tokio::time::{Duration, sleep, timeout};
use tracing::{debug, info};

use super::discovery::Backoff;
use super::fallback::{self, Opened, Places};
use super::hub::{Hub, luck};
use super::limits::{AGAIN_MS, UPLINK_MS};
use super::links::{Ending, Way};
use super::{Over, Scope, Source, Uplink, conversation, dial};

/// Why the cloud is not reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Nobody answers, or who answers refuses.
    Silent,
    /// Somebody answers who is not the cloud and no node: a network's sign-in page.
    CaptivePortal,
    /// Another node answers.
    OtherNode,
    /// The cloud answers over HTTPS, and something in between lets no `WebSocket` through.
    NoTunnel,
}

impl Trouble {
    /// Returns which of two tells a person more: whoever answers tells more than silence, and the
    /// cloud itself the most.
    pub(super) fn or(self, other: Self) -> Self {
        let told = |it| match it {
            Self::Silent => 0,
            Self::CaptivePortal => 1,
            Self::OtherNode => 2,
            Self::NoTunnel => 3,
        };
        if told(self) < told(other) {
            other
        } else {
            self
        }
    }

    /// Returns the stable name of the reason.
    pub fn reason(self) -> &'static str {
        match self {
            Self::CaptivePortal => "captive-portal",
            Self::Silent | Self::OtherNode | Self::NoTunnel => "cloud-unreachable",
        }
    }

    /// Says what a person should do about it.
    pub fn fix(self) -> &'static str {
        match self {
            Self::Silent => "nothing is lost; check the internet, the address and the cloud's key",
            Self::CaptivePortal => {
                "open any page in a browser on this network and sign in, or use another network; \
                 if there is nothing to sign in to, check the address of the cloud"
            }
            Self::OtherNode => "check the address of the cloud, and its key",
            Self::NoTunnel => {
                "have the network let UDP or WebSockets through to the cloud, or use another network"
            }
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Silent => "no connection comes about",
            Self::CaptivePortal => {
                "what answers there is not the cloud: most likely this network wants somebody to sign \
                 in first (a captive portal)"
            }
            Self::OtherNode => "another node answers there, which the cloud's key does not vouch for",
            Self::NoTunnel => "it answers over HTTPS, but this network lets neither UDP nor WebSockets through",
        })
    }
}

/// Dials the cloud with growing waits, for ever; a person's "resume" ends a wait.
pub(super) async fn keep(hub: Arc<Hub>, uplink: Uplink) {
    let mut wait = Backoff::new(UPLINK_MS);
    loop {
        if hub.paused(Scope::Cloud) {
            hub.uplink_wake().await;
            wait.reset();
            continue;
        }
        if reach(&hub, &uplink).await {
            wait.reset();
        }
        let wait_ms = wait.next_ms(luck());
        debug!(wait_ms, "the cloud is tried again");
        let waited = timeout(Duration::from_millis(wait_ms), hub.uplink_wake()).await;
        if waited.is_ok() {
            wait.reset();
        }
    }
}

/// Looks all places of the cloud up at a time: a name that nobody answers for holds up no other.
async fn look_up(uplink: &Uplink) -> Places {
    let looks = uplink.addresses.iter().map(async |place| {
        let found = dial::look_up(place).await;
        (place.clone(), found)
    });
    join_all(looks).await
}

/// Returns all addresses, in the order in which they are dialled.
fn all(places: &Places) -> Vec<SocketAddr> {
    let found = places.iter().flat_map(|(_, found)| found);
    found.copied().collect()
}

/// Runs one connection to the cloud to its end. Returns whether the cloud ever spoke.
async fn reach(hub: &Arc<Hub>, uplink: &Uplink) -> bool {
    let places = look_up(uplink).await;
    let addresses = all(&places);
    // The cloud itself, or one of its nodes, which shows the cloud's warrant before it is told anything
    // (R-CLOUD-3).
    let missed = match hub.doors().dial(&addresses, &Expected::Anyone).await {
        Ok(connection) => return talk(hub, connection, Over::Udp).await,
        Err(missed) => missed,
    };
    debug!(why = missed.why, "the cloud was not reached");
    // Whoever refuses is reached: HTTPS would lead to the same refusal.
    if !missed.silent || hub.doors().tunnelled().is_none() {
        hub.note_trouble(Trouble::Silent);
        return false;
    }
    // Signal may come back at any moment, and there are clouds that have UDP alone.
    tokio::select! {
        opened = fallback::open(&uplink.key, &places) => match opened {
            Ok(opened) => through(hub, uplink, opened).await,
            Err(trouble) => {
                hub.note_trouble(trouble);
                false
            }
        },
        connection = udp_meanwhile(hub, &addresses) => talk(hub, connection, Over::Udp).await,
    }
}

/// Dials over UDP until it works, while HTTPS is tried.
async fn udp_meanwhile(hub: &Hub, addresses: &[SocketAddr]) -> Connection {
    loop {
        if let Ok(connection) = hub.doors().dial(addresses, &Expected::Anyone).await {
            return connection;
        }
        sleep(Duration::from_millis(UPLINK_MS.0)).await;
    }
}

/// Runs the conversation of one connection.
async fn talk(hub: &Arc<Hub>, connection: Connection, over: Over) -> bool {
    let way = Way {
        dialled: Some(Source::Uplink),
        pinned: true,
        target: None,
        over,
    };
    conversation::run(hub.clone(), connection, way).await
}

/// Runs one connection through HTTPS to its end, or until UDP works: then the one that follows.
///
/// Source: PROTOCOL R-FALL-1.
async fn through(hub: &Arc<Hub>, uplink: &Uplink, opened: Opened) -> bool {
    let address = opened.address;
    let tunnel = match hub.doors().open_tunnel(address, opened.local) {
        Ok(tunnel) => tunnel,
        Err(why) => {
            debug!(%why, "no tunnel");
            return false;
        }
    };
    let (hold, held) = oneshot::channel();
    let (ends, mut ended) = oneshot::channel::<()>();
    hub.converse(async move {
        opened.carry(tunnel, held).await;
        drop(ends);
    });
    // Dropped at the end of this function, whatever ends it.
    let _hold: oneshot::Sender<()> = hold;
    let dialled = hub.doors().dial_through(address, &Expected::Anyone).await;
    let connection = match dialled {
        Ok(connection) => connection,
        Err(missed) => {
            debug!(why = missed.why, "no answer through HTTPS");
            hub.note_trouble(Trouble::NoTunnel);
            return false;
        }
    };
    info!("UDP is not let through; the cloud is reached over HTTPS");
    let mut conversation = pin!(talk(hub, connection.clone(), Over::Https));
    let by_udp = tokio::select! {
        spoke = &mut conversation => return spoke,
        _ = &mut ended => None,
        by_udp = udp_again(hub, uplink) => Some(by_udp),
    };
    let Some(by_udp) = by_udp else {
        Ending::Broken.close(&connection);
        return conversation.await;
    };
    info!("the cloud is reached over UDP again");
    Ending::Duplicate.close(&connection);
    conversation.await;
    talk(hub, by_udp, Over::Udp).await
}

/// Tries UDP now and then until it works; a person's "now" is one more try.
async fn udp_again(hub: &Hub, uplink: &Uplink) -> Connection {
    let mut wait = Backoff::new(AGAIN_MS);
    loop {
        let rest = Duration::from_millis(wait.next_ms(luck()));
        if timeout(rest, hub.uplink_wake()).await.is_ok() {
            wait.reset();
        }
        let addresses = all(&look_up(uplink).await);
        if let Ok(connection) = hub.doors().dial(&addresses, &Expected::Anyone).await {
            return connection;
        }
    }
}
