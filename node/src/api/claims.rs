//! Claims of people on matches and stages: who writes now, among those who write through this node.
//!
//! The node itself writes under its own grants; a claim says which of its people may use them for a
//! match. Where the node has no grant for a squad, it asks a desk for one along with it. Kept in
//! memory: a claim is for minutes, and after a restart it is claimed again. Layer: node, api.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::access::Scope;
use super::ask::{Ask, json as answer};
use super::codes;
use super::failure::Failure;
use super::kept::{self, For};
use crate::local::protocol::{self, Nothing, Request};

/// Minutes of a claim that says none: a set, or a squad on a stage.
const MINUTES: u32 = 15;

/// Longest claim in minutes, as of a desk.
const MINUTES_MAX: u32 = 240;

/// Most claims at a time.
const CLAIMS_MAX: usize = 1024;

/// What is claimed: the event's UUID and the number of match or stage.
type What = (String, u32);

/// Who has claimed what.
#[derive(Default)]
pub(super) struct Held(Mutex<BTreeMap<What, One>>);

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct One {
    #[serde(rename = "match")]
    number: u32,
    holder: String,
    expires_at: u64,
}

#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct NewClaim {
    minutes: Option<u32>,
    /// Until when, in Unix milliseconds; instead of minutes.
    #[serde(rename = "expiresAt")]
    expires_at: Option<u64>,
    /// The squad for which the node asks a desk.
    squad: Option<u32>,
}

impl Held {
    /// Returns the claims that are not over.
    fn now(&self, now_ms: u64) -> MutexGuard<'_, BTreeMap<What, One>> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, it| now_ms < it.expires_at);
        all
    }

    /// Claims, prolongs, or says who holds it.
    fn take(
        &self,
        what: What,
        holder: &str,
        (now_ms, expires_at): (u64, u64),
    ) -> Result<One, Failure> {
        let mut all = self.now(now_ms);
        if let Some(one) = all.get(&what).filter(|it| it.holder != holder) {
            return Err(held(one));
        }
        if CLAIMS_MAX <= all.len() && !all.contains_key(&what) {
            let text = format!("{CLAIMS_MAX} claims are open, and no more fit; give some back");
            let code = protocol::codes::TOO_MANY_CLAIMS;
            return Err(Failure::new(StatusCode::CONFLICT, code, text));
        }
        let one = One {
            number: what.1,
            holder: holder.to_owned(),
            expires_at,
        };
        all.insert(what, one.clone());
        Ok(one)
    }

    /// Gives a claim back.
    fn give(&self, what: &What, holder: &str, now_ms: u64) -> Result<(), Failure> {
        let mut all = self.now(now_ms);
        match all.get(what) {
            Some(one) if one.holder == holder => {
                all.remove(what);
                Ok(())
            }
            Some(one) => {
                let text = format!(
                    "match {} is claimed by {}, not by you; nothing was changed",
                    one.number, one.holder
                );
                let failure = Failure::new(StatusCode::FORBIDDEN, codes::NO_CLAIM, text);
                Err(failure.with("claim", json!(one)))
            }
            None => {
                let text = format!("match {} is not claimed; nothing was changed", what.1);
                Err(Failure::new(StatusCode::NOT_FOUND, codes::NO_CLAIM, text))
            }
        }
    }

    /// Checks that somebody holds the claim of a match.
    pub(super) fn check(
        &self,
        event: &str,
        number: u32,
        holder: &str,
        now_ms: u64,
    ) -> Result<(), Failure> {
        let all = self.now(now_ms);
        let failure = match all.get(&(event.to_owned(), number)) {
            Some(one) if one.holder == holder => return Ok(()),
            Some(one) => held(one),
            None => {
                let text = format!(
                    "match {number} is not claimed by you, or the claim is over; nothing was saved; \
                     claim it first, and send this again"
                );
                Failure::new(StatusCode::FORBIDDEN, codes::NO_CLAIM, text)
            }
        };
        Err(failure)
    }
}

fn held(one: &One) -> Failure {
    let text = format!(
        "match {} is claimed by {} until {} (Unix milliseconds); nothing was changed; wait, or ask \
         {} to give it back",
        one.number, one.holder, one.expires_at, one.holder
    );
    Failure::new(StatusCode::CONFLICT, codes::CLAIM_HELD, text).with("claim", json!(one))
}

/// Lists the claims, and what desks have lent on the network.
pub(super) async fn list(ask: Ask) -> Result<Response, Failure> {
    kept::answer(&ask, "claims", For::Claims, || async {
        let lent = ask.request(Request::Claims(Nothing {})).await?;
        let event = &ask.open()?.uuid;
        let held = ask.api.0.claims.now(ask.api.now_ms());
        let here: Vec<&One> = held
            .iter()
            .filter(|((it, _), _)| it == event)
            .map(|(_, one)| one)
            .collect();
        let lent = lent.get("claims").cloned().unwrap_or(Value::Null);
        Ok(json!({ "schema": "tallyline.claims-held/1", "claims": here, "lent": lent }))
    })
    .await
}

/// Tells who has claimed one match.
#[expect(clippy::unused_async, reason = "every handler is asked later")]
pub(super) async fn one(ask: Ask) -> Result<Response, Failure> {
    let what = what(&ask)?;
    let held = ask.api.0.claims.now(ask.api.now_ms());
    let told = json!({ "schema": "tallyline.claim-held/1", "claim": held.get(&what) });
    Ok(answer(&told))
}

/// Claims a match.
pub(super) async fn claim(ask: Ask) -> Result<Response, Failure> {
    let wanted: NewClaim = if ask.body.is_empty() {
        NewClaim::default()
    } else {
        ask.json()?
    };
    let what = what(&ask)?;
    let now = ask.api.now_ms();
    let most = now.saturating_add(u64::from(MINUTES_MAX) * 60_000);
    let minutes = wanted.minutes.unwrap_or(MINUTES);
    let until = now.saturating_add(u64::from(minutes) * 60_000);
    let until = wanted.expires_at.unwrap_or(until);
    if until <= now || most < until {
        let text = format!("claim for 1 to {MINUTES_MAX} minutes; nothing was changed");
        return Err(Failure::bad_request("expiresAt", text));
    }
    let one = ask
        .api
        .0
        .claims
        .take(what.clone(), ask.name()?, (now, until))?;
    ask.api.0.kept.forget(&what.0, "claims");
    let mut told = json!({ "schema": "tallyline.claim-held/1", "claim": one });
    if let Some(squad) = wanted.squad {
        let minutes = u32::try_from(until.saturating_sub(now).div_ceil(60_000)).unwrap_or(MINUTES);
        let drill = what.1;
        let asked = protocol::Claim {
            drill,
            squad,
            minutes,
        };
        let asked = ask.request(Request::Claim(asked)).await?;
        if let Value::Object(fields) = &mut told {
            fields.insert("desk".to_owned(), asked);
        }
    }
    Ok(answer(&told))
}

/// Gives a claim back; the owner takes one away.
#[expect(clippy::unused_async, reason = "every handler is asked later")]
pub(super) async fn release(ask: Ask) -> Result<Response, Failure> {
    let what = what(&ask)?;
    let now = ask.api.now_ms();
    if ask.role(|role| role.may(Scope::GrantsWrite)).is_some() {
        ask.api.0.claims.now(now).remove(&what);
    } else {
        ask.api.0.claims.give(&what, ask.name()?, now)?;
    }
    ask.api.0.kept.forget(&what.0, "claims");
    Ok(answer(
        &json!({ "schema": "tallyline.done/1", "text": "Given back." }),
    ))
}

fn what(ask: &Ask) -> Result<What, Failure> {
    Ok((ask.open()?.uuid.clone(), ask.number("m")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_has_one_holder_until_it_is_over() {
        let held = Held::default();
        let what = ("e".to_owned(), 3);
        assert!(held.take(what.clone(), "anna", (0, 100)).is_ok());
        assert!(
            held.take(what.clone(), "anna", (10, 200)).is_ok(),
            "prolonged"
        );
        let failure = held
            .take(what.clone(), "bert", (20, 300))
            .expect_err("held");
        assert_eq!(failure.status(), 409);
        assert!(format!("{failure:?}").contains("anna"));
        assert_eq!(
            held.give(&what, "bert", 20)
                .expect_err("not the holder")
                .status(),
            403
        );
        assert!(held.check("e", 3, "anna", 199).is_ok());
        assert_eq!(
            held.check("e", 3, "anna", 200).expect_err("over").status(),
            403
        );
        assert!(held.take(what, "bert", (200, 300)).is_ok(), "over for anna");
        assert_eq!(
            held.check("f", 3, "bert", 200)
                .expect_err("another event")
                .status(),
            403
        );
    }
}
