//! Hints over a NATS server: one subject, which all nodes of a cloud speak and hear on.
//!
//! The client connects again by itself whenever the server was away; what was said meanwhile may be
//! lost, and whoever lost it looks by itself. Only this file knows NATS.
//!
//! Layer: node, cloud.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use async_nats::{
    Client, ConnectError, ConnectOptions, Event, PublishError, ServerAddr, SubscribeError,
};
use futures_util::StreamExt as _;
use thiserror::Error;

/// What hints are said on.
const SUBJECT: &str = "tallyline.hints";

/// Longest wait before a lost connection is made again.
const RECONNECT_REST: Duration = Duration::from_secs(1);

/// Hints that wait for a connection, at most; whoever has more to say waits.
const SAID_MAX: usize = 16;

/// Hints that wait to be looked at, at most; more are lost, and the safety look finds what they
/// told.
const HEARD_MAX: usize = 64;

/// Where a NATS server is.
#[derive(Clone, PartialEq, Eq)]
pub struct NatsServer(ServerAddr);

/// A connection, perhaps not made yet.
#[derive(Clone)]
pub(super) struct Nats(Client);

/// Hears what is said.
pub(super) struct Ears(async_nats::Subscriber);

/// What NATS said.
#[derive(Debug, Error)]
pub(super) enum NatsError {
    #[error("no connection to the NATS server: {0}")]
    Connect(#[from] ConnectError),
    #[error("not said: {0}")]
    Publish(#[from] PublishError),
    #[error("not heard: {0}")]
    Subscribe(#[from] SubscribeError),
    #[error("the NATS server hears no more")]
    Ended,
}

impl Nats {
    /// Connects, as often as is needed and for as long as it takes: a node starts without the server.
    pub(super) async fn connect(server: &NatsServer) -> Result<Self, NatsError> {
        let options = ConnectOptions::new()
            .name("tallyline")
            .no_echo()
            .retry_on_initial_connect()
            .max_reconnects(None)
            .client_capacity(SAID_MAX)
            .subscription_capacity(HEARD_MAX)
            // Servers that it was not told of may be reached by nobody from here.
            .ignore_discovered_servers()
            .event_callback(|event| async move { tell(&event) })
            .reconnect_delay_callback(|tries| {
                let tries = u32::try_from(tries).unwrap_or(u32::MAX);
                (Duration::from_millis(50).saturating_mul(tries)).min(RECONNECT_REST)
            });
        Ok(Self(options.connect(server.0.clone()).await?))
    }

    /// Says a hint.
    pub(super) async fn say(&self, text: String) -> Result<(), NatsError> {
        Ok(self.0.publish(SUBJECT, text.into()).await?)
    }

    /// Begins to hear.
    pub(super) async fn ears(&self) -> Result<Ears, NatsError> {
        Ok(Ears(self.0.subscribe(SUBJECT).await?))
    }
}

/// Says once that hints are gone, and that they are back; what each try met is for whoever looks.
fn tell(event: &Event) {
    match event {
        Event::Connected => tracing::info!("the NATS server is there; hints are said and heard"),
        Event::Disconnected => {
            tracing::warn!("the NATS server is away; the database is looked at instead");
        }
        Event::LameDuckMode
        | Event::Draining
        | Event::Closed
        | Event::SlowConsumer(_)
        | Event::ServerError(_)
        | Event::ClientError(_) => tracing::debug!(%event, "the NATS server"),
    }
}

impl Ears {
    /// Waits for the next hint; one that is no text is an empty one.
    pub(super) async fn next(&mut self) -> Result<String, NatsError> {
        let heard = self.0.next().await.ok_or(NatsError::Ended)?;
        let text = std::str::from_utf8(&heard.payload);
        Ok(text.unwrap_or_default().to_owned())
    }
}

impl FromStr for NatsServer {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        if !text.starts_with("nats://") {
            return Err(());
        }
        let server: ServerAddr = text.parse().map_err(|_| ())?;
        (!server.host().is_empty())
            .then_some(Self(server))
            .ok_or(())
    }
}

impl fmt::Debug for NatsServer {
    /// Shows no user and no password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "nats://{}:{}", self.0.host(), self.0.port())
    }
}
