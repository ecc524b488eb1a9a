//! What monitors, gateways and phones ask before anything else: is the process alive, does it save,
//! is it itself.
//!
//! Layer: node, api.

use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tallyline_keys::{DeviceKey, PROBE_NONCE_BYTES, Warrant};
use utoipa::ToSchema;

use super::ask::{Ask, json as answer};
use super::codes;
use super::failure::Failure;
use crate::root::{Mode, hex, unhex};

/// The oldest protocol that this program speaks.
const PROTOCOL_MIN: u32 = 1;

/// Longest time to be behind for being ready, where the asker says none: five times what a busy
/// link needs.
const LAG_MAX_MS: u64 = 60_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReadyQuery {
    max_lag: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ProbeQuery {
    nonce: Option<String>,
}

/// The process is alive.
#[derive(Serialize, ToSchema)]
pub(super) struct Alive {
    /// `tallyline.alive/1`.
    schema: &'static str,
    ok: bool,
}

/// The node is ready.
#[derive(Serialize, ToSchema)]
pub(super) struct ReadyCheck {
    /// `tallyline.ready-check/1`.
    schema: &'static str,
    ok: bool,
    /// For how long entries have been missing here or in the cloud, in milliseconds; 0: none are.
    lag_ms: u64,
}

/// Who answers.
#[derive(Serialize, ToSchema)]
pub(super) struct Probe {
    /// `tallyline.probe/1`.
    schema: &'static str,
    ok: bool,
    /// The node's clock, in Unix milliseconds.
    server_time: u64,
    /// The lowest version of the protocol that it speaks.
    min_protocol: u32,
    /// The program's version.
    version: &'static str,
    /// What it runs as, such as `venue` or `cloud`.
    mode: &'static str,
    /// The fingerprint of its key.
    key: String,
    /// The key of the cloud that vouches for it, where one does.
    #[serde(skip_serializing_if = "Option::is_none")]
    cloud: Option<String>,
    /// That cloud's signature of its key, in hex.
    #[serde(skip_serializing_if = "Option::is_none")]
    warrant: Option<String>,
    /// The asker's nonce, in hex.
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce: Option<String>,
    /// The signature of nonce and time, in hex.
    #[serde(skip_serializing_if = "Option::is_none")]
    signature: Option<String>,
    /// The UUID of its event; `None`: it has none, or several.
    event: Option<String>,
    /// How far it has every log of its event.
    #[serde(skip_serializing_if = "Option::is_none")]
    heads: Option<String>,
    /// Digest of all logs of its event, hex.
    #[serde(skip_serializing_if = "Option::is_none")]
    state_digest: Option<String>,
}

/// The process is alive: it answers.
#[expect(clippy::unused_async, reason = "every handler is asked later")]
pub(super) async fn alive(_: Ask) -> Result<Response, Failure> {
    Ok(answer(&Alive {
        schema: "tallyline.alive/1",
        ok: true,
    }))
}

/// The node is ready: its loops run, the store takes what is saved, and what it lacks or has not
/// handed on is not older than the asker allows.
pub(super) async fn ready(ask: Ask) -> Result<Response, Failure> {
    let query: ReadyQuery = ask.query()?;
    let most_ms = query.max_lag.map_or(Ok(LAG_MAX_MS), |text| lag(&text))?;
    let not_ready =
        |text: String| Failure::new(StatusCode::SERVICE_UNAVAILABLE, codes::NOT_READY, text);
    let sums = ask.api.look().await?;
    if let Some(trouble) = &sums.trouble {
        return Err(not_ready(trouble.clone()));
    }
    let lag_ms = sums.behind_ms;
    if most_ms < lag_ms {
        let text = format!("entries are missing here or in the cloud since {lag_ms} ms");
        return Err(not_ready(text).with("lag_ms", json!(lag_ms)));
    }
    Ok(answer(&ReadyCheck {
        schema: "tallyline.ready-check/1",
        ok: true,
        lag_ms,
    }))
}

/// Says who answers, and signs the asker's nonce: a portal that answers everything cannot.
pub(super) async fn probe(ask: Ask) -> Result<Response, Failure> {
    let query: ProbeQuery = ask.query()?;
    let parts = &ask.api.0.parts;
    let identity = (&*parts.key, parts.warrant.as_ref(), parts.mode);
    let mut told = signed(identity, &query, ask.api.now_ms())?;
    if let Ok(open) = parts.events.find(None).await {
        let (cursor, digest) = open.clerk.newest().await?;
        told.event = Some(open.uuid).filter(|it| !it.is_empty());
        told.heads = Some(cursor.to_string());
        told.state_digest = Some(digest);
    }
    Ok(answer(&told))
}

/// Returns what a node says of itself, with the asker's nonce signed if there is one.
///
/// Source: PROTOCOL R-FALL-2.
pub(super) fn signed(
    (key, warrant, mode): (&DeviceKey, Option<&Warrant>, Mode),
    query: &ProbeQuery,
    time_ms: u64,
) -> Result<Probe, Failure> {
    let mut told = Probe {
        schema: "tallyline.probe/1",
        ok: true,
        server_time: time_ms,
        min_protocol: PROTOCOL_MIN,
        version: env!("CARGO_PKG_VERSION"),
        mode: mode.name(),
        key: key.public().fingerprint(),
        cloud: warrant.map(|it| it.cloud.fingerprint()),
        warrant: warrant.map(|it| hex(it.signature.as_bytes())),
        nonce: None,
        signature: None,
        event: None,
        heads: None,
        state_digest: None,
    };
    if let Some(text) = &query.nonce {
        let nonce = unhex(text).and_then(|it| <[u8; PROBE_NONCE_BYTES]>::try_from(it).ok());
        let nonce = nonce.ok_or_else(|| {
            let text = format!(
                "write {} hex digits, drawn for this request",
                PROBE_NONCE_BYTES * 2
            );
            Failure::bad_request("nonce", text)
        })?;
        let signature = key.answer_probe(&nonce, time_ms);
        told.nonce = Some(hex(&nonce));
        told.signature = Some(hex(signature.as_bytes()));
    }
    Ok(told)
}

/// Reads `60s`, `5m` or `250ms`.
fn lag(text: &str) -> Result<u64, Failure> {
    let digits = text.trim_end_matches(|it: char| it.is_ascii_alphabetic());
    let unit = match text.get(digits.len()..).unwrap_or_default() {
        "ms" => Some(1),
        "s" | "" => Some(1_000),
        "m" => Some(60_000),
        "h" => Some(3_600_000),
        _ => None,
    };
    let number = digits.parse::<u64>().ok();
    let time = unit
        .zip(number)
        .and_then(|(unit, number)| number.checked_mul(unit));
    time.ok_or_else(|| Failure::bad_request("max_lag", "write a time such as 60s, 5m or 1h"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_read_with_its_unit() {
        for (text, ms) in [
            ("60s", 60_000),
            ("5m", 300_000),
            ("250ms", 250),
            ("7", 7_000),
        ] {
            assert_eq!(lag(text).ok(), Some(ms), "{text}");
        }
        for bad in ["", "s", "-1s", "1d", "99999999999999999999s"] {
            assert!(lag(bad).is_err(), "{bad}");
        }
    }
}
