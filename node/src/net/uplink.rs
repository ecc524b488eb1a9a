//! The one connection to the cloud, kept up whenever there is a way.
//!
//! What is said on it is an ordinary conversation with a peer. Layer: beside `dial`.

use std::sync::Arc;

use tallyline_keys::tls::Expected;
use tokio::time::{Duration, timeout};
use tracing::debug;

use super::discovery::Backoff;
use super::hub::{Hub, luck};
use super::limits::UPLINK_MS;
use super::links::Way;
use super::{Scope, Source, Uplink, conversation, dial};

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

/// Runs one connection to the cloud to its end. Returns whether the cloud ever spoke.
async fn reach(hub: &Arc<Hub>, uplink: &Uplink) -> bool {
    let addresses = dial::look_up(&uplink.address).await;
    // The cloud itself, or one of its nodes, which shows the cloud's warrant before it is told anything
    // (R-CLOUD-3).
    let connection = match hub.doors().dial(&addresses, &Expected::Anyone).await {
        Ok(connection) => connection,
        Err(why) => {
            debug!(why, "the cloud was not reached");
            return false;
        }
    };
    let way = Way {
        dialled: Some(Source::Uplink),
        pinned: true,
        target: None,
    };
    conversation::run(hub.clone(), connection, way).await
}
