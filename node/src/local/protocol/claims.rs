//! Requests and answers about single cells that a desk lends.
//!
//! Layer: node, local.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::GrantInfo;

/// Arguments of `claim`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    /// The stage's number.
    pub drill: u32,
    /// The squad's number.
    pub squad: u32,
    /// For how many minutes, 1 to 240.
    pub minutes: u32,
}

/// Arguments of `claim-release`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClaimRelease {
    /// The stage's number.
    pub drill: u32,
    /// The squad's number.
    pub squad: u32,
}

/// Answer of `claims`: the cells that desks have lent and not taken back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Claims {
    /// `tallyline.claims/1`.
    pub schema: String,
    /// The grants, by stage and squad.
    pub claims: Vec<GrantInfo>,
    /// What this device asked of a desk last, since its node started.
    pub asked: Option<AskInfo>,
}

/// How a desk lent a grant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LentInfo {
    /// What the desk is called.
    pub desk: String,
    /// The desk's fingerprint.
    pub desk_key: String,
    /// Until when, in Unix milliseconds by the desk's clock; `None`: not said.
    pub until_unix_ms: Option<u64>,
    /// The event's time zone in minutes east of UTC.
    pub zone_min: i32,
}

/// What became of an Ask.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AskInfo {
    /// What the desk is called.
    pub desk: String,
    /// The stage's number.
    pub drill: u32,
    /// The squad's number.
    pub squad: u32,
    /// One of `waiting`, `lent`, `given-back`, `denied`, `unanswered`.
    pub phase: String,
    /// UUID of the grant by which the cell was lent.
    pub grant: Option<String>,
    /// Why the desk said no.
    pub denied: Option<DeniedInfo>,
}

/// Why a desk said no.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeniedInfo {
    /// One of `not_a_desk`, `not_its_cell`, `cell_held`, `may_not_score`, `too_many_claims`,
    /// `scoring_over`, `not_lent`, `claim_denied`.
    pub code: String,
    /// Who holds the cell.
    pub holder: Option<String>,
    /// The holder's fingerprint.
    pub holder_key: Option<String>,
    /// Until when, in Unix milliseconds by the desk's clock; `None`: for good, or nobody.
    pub until_unix_ms: Option<u64>,
    /// The event's time zone in minutes east of UTC.
    pub zone_min: i32,
}

/// What `claim --json` tells once the cell is lent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Claimed {
    /// `tallyline.claimed/1`.
    pub schema: String,
    /// The grant.
    pub claim: GrantInfo,
}
