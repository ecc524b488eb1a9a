//! What is wrong, as it was told: of an event, and of the node.
//!
//! For reading: a trouble is over when what it is about is, and nobody says so by hand. Layer: node, api.

use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::ask::{Ask, json};
use super::failure::Failure;
use crate::alerts::OpenTrouble;
use crate::local::protocol::{Problem, codes, exits};

/// What is open.
#[derive(Serialize, ToSchema)]
pub(super) struct AlertsTold {
    /// `tallyline.alerts/1`.
    schema: &'static str,
    /// The event's UUID; `None`: what is the node's.
    event: Option<String>,
    alerts: Vec<OpenTrouble>,
}

/// Answers what is wrong with an event; at a venue the node has no other one, and it is all there is.
pub(super) async fn of_event(ask: Ask) -> Result<Response, Failure> {
    let uuid = ask.open()?.uuid.clone();
    let parts = &ask.api.0.parts;
    let alerts = match (&parts.alerts.events, Uuid::parse_str(&uuid)) {
        (Some(keeper), Ok(event)) => {
            let told = keeper.kept(event).await.map_err(|why| away(&why))?;
            told.as_deref()
                .map(OpenTrouble::of_told)
                .unwrap_or_default()
        }
        (Some(_), Err(_)) => Vec::new(),
        (None, _) => parts.alerts.node.get(),
    };
    let event = Some(uuid).filter(|it| !it.is_empty());
    Ok(answer(event, alerts))
}

/// Answers what is wrong with the node.
#[expect(clippy::unused_async, reason = "every handler is asked later")]
pub(super) async fn of_node(ask: Ask) -> Result<Response, Failure> {
    Ok(answer(None, ask.api.0.parts.alerts.node.get()))
}

fn answer(event: Option<String>, alerts: Vec<OpenTrouble>) -> Response {
    let schema = "tallyline.alerts/1";
    json(&AlertsTold {
        schema,
        event,
        alerts,
    })
}

fn away(why: &str) -> Problem {
    let text = format!("what was told of the event cannot be read ({why}); ask again");
    Problem::new(codes::BAD_STORE, exits::STORAGE, text)
}
