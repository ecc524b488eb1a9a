//! Claims of people on matches and stages: who writes now, among those who write through this node.
//!
//! The node itself writes under its own grants; a claim says which of its people may use them for a
//! match. Where the node has no grant for a squad, it asks a desk for one along with it. Where they are
//! kept, `shared` says. Layer: node, api.

use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::access::Scope;
use super::ask::{Ask, json as answer};
use super::codes;
use super::failure::Failure;
use super::kept;
use super::shared::{CLAIMS_MAX, ClaimedMatch, Gave, Took, What};
use crate::local::protocol::{self, Claimed, Claims, Done, GrantInfo, Grants, Nothing, Request};

/// Minutes of a claim that says none: a set, or a squad on a stage.
const MINUTES: u32 = 15;

/// Longest claim in minutes, as of a desk.
const MINUTES_MAX: u32 = 240;

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

/// Who has claimed what.
#[derive(Serialize, ToSchema)]
pub(super) struct ClaimsHeld {
    /// `tallyline.claims-held/1`.
    schema: &'static str,
    /// Claims of matches over HTTP.
    claims: Vec<ClaimedMatch>,
    /// What desks have lent to devices on the network.
    lent: Vec<GrantInfo>,
}

/// Who has claimed one match.
#[derive(Serialize, ToSchema)]
pub(super) struct ClaimHeld {
    /// `tallyline.claim-held/1`.
    schema: &'static str,
    /// The claim; `None`: nobody has claimed it.
    claim: Option<ClaimedMatch>,
    /// What a desk was asked for besides, where a squad was named.
    #[serde(skip_serializing_if = "Option::is_none")]
    desk: Option<Claimed>,
}

impl ClaimHeld {
    fn of(claim: Option<ClaimedMatch>) -> Self {
        Self {
            schema: "tallyline.claim-held/1",
            claim,
            desk: None,
        }
    }
}

/// Checks that who asks holds the claim of a match.
pub(super) async fn check(ask: &Ask, number: u32) -> Result<(), Failure> {
    let (what, holder) = ((ask.open()?.uuid.clone(), number), ask.name()?);
    let shared = &ask.api.0.parts.shared;
    let failure = match shared.claimed(&what, now_ms(ask).await?).await? {
        Some(one) if one.holder == holder => return Ok(()),
        Some(one) => held(&one),
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

/// Checks that a device has an open grant for a match, and for the squad there if one is meant. The
/// node's own grants are not the device's: a phone that is stolen writes here no more than it could by
/// itself.
pub(super) async fn check_granted(
    ask: &Ask,
    key: &str,
    (drill, squad): (u32, Option<u32>),
) -> Result<(), Failure> {
    let told: Grants = ask.data(Request::Grants(Nothing {})).await?;
    let mut own = told
        .grants
        .iter()
        .filter(|it| it.key == key && it.closed.is_none());
    let among = |all: &Option<Vec<u32>>, no: u32| all.as_ref().is_none_or(|it| it.contains(&no));
    let covers = |it: &GrantInfo| {
        among(&it.drills, drill) && squad.is_none_or(|squad| among(&it.squads, squad))
    };
    if own.any(covers) {
        return Ok(());
    }
    let squad = squad.map_or_else(String::new, |squad| format!(", squad {squad}"));
    let text = format!(
        "this device has no open grant for match {drill}{squad}; nothing was saved; ask the owner to \
         grant it"
    );
    Err(Failure::new(StatusCode::FORBIDDEN, "E02", text))
}

fn held(one: &ClaimedMatch) -> Failure {
    let text = format!(
        "match {} is claimed by {} until {} (Unix milliseconds); nothing was changed; wait, or ask \
         {} to give it back",
        one.number, one.holder, one.expires_at, one.holder
    );
    Failure::new(StatusCode::CONFLICT, codes::CLAIM_HELD, text).with("claim", json!(one))
}

/// Lists the claims, and what desks have lent on the network.
pub(super) async fn list(ask: Ask) -> Result<Response, Failure> {
    let lent: Claims = ask.data(Request::Claims(Nothing {})).await?;
    let event = &ask.open()?.uuid;
    let shared = &ask.api.0.parts.shared;
    let told = ClaimsHeld {
        schema: "tallyline.claims-held/1",
        claims: shared.claims(event, now_ms(&ask).await?).await?,
        lent: lent.claims,
    };
    kept::now(&ask, &told)
}

/// Tells who has claimed one match.
pub(super) async fn one(ask: Ask) -> Result<Response, Failure> {
    let what = what(&ask)?;
    let shared = &ask.api.0.parts.shared;
    let held = shared.claimed(&what, now_ms(&ask).await?).await?;
    Ok(answer(&ClaimHeld::of(held)))
}

/// Claims a match.
pub(super) async fn claim(ask: Ask) -> Result<Response, Failure> {
    let wanted: NewClaim = if ask.body.is_empty() {
        NewClaim::default()
    } else {
        ask.json()?
    };
    let what = what(&ask)?;
    if let (Some(key), false) = (ask.person.device(), ask.may(Scope::ScoresAny)) {
        check_granted(&ask, key, (what.1, wanted.squad)).await?;
    }
    let now = now_ms(&ask).await?;
    let most = now.saturating_add(u64::from(MINUTES_MAX) * 60_000);
    let minutes = wanted.minutes.unwrap_or(MINUTES);
    let until = now.saturating_add(u64::from(minutes) * 60_000);
    let until = wanted.expires_at.unwrap_or(until);
    if until <= now || most < until {
        let text = format!("claim for 1 to {MINUTES_MAX} minutes; nothing was changed");
        return Err(Failure::bad_request("expiresAt", text));
    }
    let one = ClaimedMatch {
        number: what.1,
        holder: ask.name()?.to_owned(),
        expires_at: until,
    };
    match ask.api.0.parts.shared.claim(&what.0, &one, now).await? {
        Took::Done => {}
        Took::Held(other) => return Err(held(&other)),
        Took::Full => {
            let text = format!("{CLAIMS_MAX} claims are open, and no more fit; give some back");
            let code = protocol::codes::TOO_MANY_CLAIMS;
            return Err(Failure::new(StatusCode::CONFLICT, code, text));
        }
    }
    let mut told = ClaimHeld::of(Some(one));
    if let Some(squad) = wanted.squad {
        let minutes = u32::try_from(until.saturating_sub(now).div_ceil(60_000)).unwrap_or(MINUTES);
        let drill = what.1;
        let asked = protocol::Claim {
            drill,
            squad,
            minutes,
        };
        told.desk = Some(ask.data(Request::Claim(asked)).await?);
    }
    Ok(answer(&told))
}

/// Gives a claim back; the owner takes one away.
pub(super) async fn release(ask: Ask) -> Result<Response, Failure> {
    let what = what(&ask)?;
    let holder = if ask.may(Scope::GrantsWrite) {
        None
    } else {
        Some(ask.name()?)
    };
    let shared = &ask.api.0.parts.shared;
    match shared.give(&what, holder, now_ms(&ask).await?).await? {
        Gave::Done => {}
        Gave::Free if holder.is_none() => {}
        Gave::Held(one) => {
            let text = format!(
                "match {} is claimed by {}, not by you; nothing was changed",
                one.number, one.holder
            );
            let failure = Failure::new(StatusCode::FORBIDDEN, codes::NO_CLAIM, text);
            return Err(failure.with("claim", json!(one)));
        }
        Gave::Free => {
            let text = format!("match {} is not claimed; nothing was changed", what.1);
            return Err(Failure::new(StatusCode::NOT_FOUND, codes::NO_CLAIM, text));
        }
    }
    Ok(answer(&Done::said("Given back.")))
}

/// Returns what time it is where the claims are kept: nodes whose clocks differ agree who holds one.
async fn now_ms(ask: &Ask) -> Result<u64, Failure> {
    let here_ms = ask.api.now_ms();
    Ok(ask.api.0.parts.shared.now_ms(here_ms).await?)
}

fn what(ask: &Ask) -> Result<What, Failure> {
    Ok((ask.open()?.uuid.clone(), ask.number("m")?))
}
