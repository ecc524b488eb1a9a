//! Requests about single cells that a desk lends: what each wants of the core, and what is told.
//!
//! Layer: node, local.

use tallyline_keys::PublicKey;
use tallyline_proto::model::{DrillNo, SquadNo};
use tallyline_proto::replica::{AskPhase, AskView, Claiming, Command, LentView, Now, Replica};
use tallyline_proto::wire::Denial;

use super::answers;
use super::protocol::{AskInfo, Claim, ClaimRelease, Claims, DeniedInfo, LentInfo, codes};

/// Asks a desk for a cell.
pub(super) fn claim(claim: Claim) -> Command {
    Command::Claim(Claiming::Borrow {
        drill: DrillNo(claim.drill),
        squad: SquadNo(claim.squad),
        minutes: claim.minutes,
    })
}

/// Gives a cell back.
pub(super) fn release(release: ClaimRelease) -> Command {
    Command::Claim(Claiming::GiveBack {
        drill: DrillNo(release.drill),
        squad: SquadNo(release.squad),
    })
}

/// Tells what desks have lent, and what became of the last Ask of this device.
pub(super) fn claims(replica: &Replica, now: Now) -> Claims {
    let zone_min = zone_min(replica);
    let claims = replica.claims().into_iter();
    Claims {
        schema: "tallyline.claims/1".to_owned(),
        claims: claims.map(|it| answers::grant(it, zone_min)).collect(),
        asked: replica.asking().map(|view| asked(replica, now, view)),
    }
}

/// Returns the event's time zone in minutes east of UTC.
pub(super) fn zone_min(replica: &Replica) -> i32 {
    let event = replica.event();
    event.map_or(0, |(_, manifest)| manifest.structure.zone_min)
}

/// Tells how a desk lent a grant.
pub(super) fn lent(view: LentView, zone_min: i32) -> LentInfo {
    LentInfo {
        desk: view.label,
        desk_key: view.desk.fingerprint(),
        until_unix_ms: view.until_ms,
        zone_min,
    }
}

fn asked(replica: &Replica, now: Now, view: AskView) -> AskInfo {
    let mut info = AskInfo {
        desk: view.label,
        drill: view.drill.0,
        squad: view.squad.0,
        phase: String::new(),
        grant: None,
        denied: None,
    };
    let phase = match view.phase {
        AskPhase::Waiting => "waiting",
        AskPhase::Lent(grant) => {
            info.grant = Some(grant.uuid().to_string());
            "lent"
        }
        AskPhase::GivenBack => "given-back",
        AskPhase::Denied(why) => {
            info.denied = Some(denied(replica, now, why));
            "denied"
        }
        AskPhase::Unanswered => "unanswered",
    };
    phase.clone_into(&mut info.phase);
    info
}

fn denied(replica: &Replica, now: Now, why: Denial) -> DeniedInfo {
    let called = |key: PublicKey| {
        let devices = replica.devices(now);
        let found = devices.into_iter().find(|it| it.key == key);
        found.map_or_else(|| key.short(), |it| it.label)
    };
    let (code, held) = match why {
        Denial::NotADesk => (codes::NOT_A_DESK, None),
        Denial::NotItsCell => (codes::NOT_ITS_CELL, None),
        Denial::Held { holder, until_ms } => (codes::CELL_HELD, Some((holder, until_ms))),
        Denial::MayNotScore => (codes::MAY_NOT_SCORE, None),
        Denial::TooMany => (codes::TOO_MANY_CLAIMS, None),
        Denial::ScoringOver => (codes::SCORING_OVER, None),
        Denial::NotLent => (codes::NOT_LENT, None),
        Denial::Other(_) => (codes::CLAIM_DENIED, None),
    };
    DeniedInfo {
        code: code.to_owned(),
        holder: held.map(|(key, _)| called(key)),
        holder_key: held.map(|(key, _)| key.fingerprint()),
        until_unix_ms: held.and_then(|(_, until_ms)| until_ms),
        zone_min: zone_min(replica),
    }
}
