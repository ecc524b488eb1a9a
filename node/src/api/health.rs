//! What monitors, gateways and phones ask before anything else: is the process alive, does it save,
//! is it itself.
//!
//! Layer: node, api.

use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tallyline_keys::{DeviceKey, PROBE_NONCE_BYTES, Warrant};

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

/// The process is alive: it answers.
#[expect(clippy::unused_async, reason = "every handler is asked later")]
pub(super) async fn alive(_: Ask) -> Result<Response, Failure> {
    Ok(answer(
        &json!({ "schema": "tallyline.alive/1", "ok": true }),
    ))
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
    let told = json!({ "schema": "tallyline.ready-check/1", "ok": true, "lag_ms": lag_ms });
    Ok(answer(&told))
}

/// Says who answers, and signs the asker's nonce: a portal that answers everything cannot.
pub(super) async fn probe(ask: Ask) -> Result<Response, Failure> {
    let query: ProbeQuery = ask.query()?;
    let parts = &ask.api.0.parts;
    let identity = (&*parts.key, parts.warrant.as_ref(), parts.mode);
    let mut fields = signed(identity, &query, ask.api.now_ms())?;
    fields.insert("event".to_owned(), Value::Null);
    if let Ok(open) = parts.events.find(None).await {
        let (cursor, digest) = open.clerk.newest().await?;
        if !open.uuid.is_empty() {
            fields.insert("event".to_owned(), open.uuid.into());
        }
        fields.insert("heads".to_owned(), cursor.to_string().into());
        fields.insert("state_digest".to_owned(), digest.into());
    }
    Ok(answer(&fields))
}

/// Returns what a node says of itself, with the asker's nonce signed if there is one.
///
/// Source: PROTOCOL R-FALL-2.
pub(super) fn signed(
    (key, warrant, mode): (&DeviceKey, Option<&Warrant>, Mode),
    query: &ProbeQuery,
    time_ms: u64,
) -> Result<Map<String, Value>, Failure> {
    let mut fields = Map::new();
    let mut tell = |name: &str, value: Value| fields.insert(name.to_owned(), value);
    tell("schema", "tallyline.probe/1".into());
    tell("ok", true.into());
    tell("server_time", time_ms.into());
    tell("min_protocol", PROTOCOL_MIN.into());
    tell("version", env!("CARGO_PKG_VERSION").into());
    tell("mode", mode.name().into());
    tell("key", key.public().fingerprint().into());
    if let Some(warrant) = warrant {
        tell("cloud", warrant.cloud.fingerprint().into());
        tell("warrant", hex(warrant.signature.as_bytes()).into());
    }
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
        tell("nonce", hex(&nonce).into());
        tell("signature", hex(signature.as_bytes()).into());
    }
    Ok(fields)
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
