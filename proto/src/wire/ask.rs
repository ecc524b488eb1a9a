//! What a member and a desk say to each other about one cell.

use alloc::vec::Vec;

use tallyline_keys::PublicKey;

use super::{
    WireError,
    event::{key, number},
    fixed, generated as pb,
};
use crate::model::{DrillNo, GrantId, Hash, Incarnation, SquadNo};

/// Longest time for which a desk lends a cell, in minutes: half a day of scoring, longer than a
/// squad stays anywhere. Whoever needs a cell for longer is granted it, or asks again.
pub const CLAIM_MINUTES_MAX: u32 = 240;

/// Most logs under a lent grant that are named when it ends: one for each start of a device in four
/// hours, with room to spare; a cut of each fits a statement.
pub const LENT_LOGS_MAX: usize = 128;

/// Names what a device asks: no two of its Asks have the same one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AskId {
    /// 64 bits drawn at each start of the asker.
    pub start: u64,
    /// Counts up from 1 in a start: an Ask that is not above the last one is a repetition.
    pub number: u32,
}

/// A member wants something of a desk.
///
/// Source: PROTOCOL R-CLAIM-1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// The answer names it.
    pub id: AskId,
    /// What is wanted.
    pub wish: Wish,
}

/// What a member wants of a desk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// One cell for a time.
    Borrow {
        /// The drill.
        drill: DrillNo,
        /// The squad.
        squad: SquadNo,
        /// For how long, 1 to [`CLAIM_MINUTES_MAX`].
        minutes: u32,
    },
    /// To give back what it was lent.
    GiveBack {
        /// The grant.
        grant: GrantId,
        /// What the asker wrote under it: the desk closes the grant once it holds that. At most
        /// [`LENT_LOGS_MAX`].
        logs: Vec<(Incarnation, u64)>,
    },
}

/// A desk says no.
///
/// Source: PROTOCOL R-CLAIM-2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Denied {
    /// To which Ask.
    pub id: AskId,
    /// Why.
    pub why: Denial,
}

/// Why a desk says no.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denial {
    /// The device is no desk.
    NotADesk,
    /// No open grant of the desk's own holds the cell.
    NotItsCell,
    /// Somebody holds the cell.
    Held {
        /// Who.
        holder: PublicKey,
        /// Until when, in ms of Unix time by the desk's clock; `None`: for good.
        until_ms: Option<u64>,
    },
    /// The asker is no scorer.
    MayNotScore,
    /// The asker, or all together, hold as many cells as are lent at a time.
    TooMany,
    /// The owner has said that scoring is over.
    ScoringOver,
    /// The grant was not lent by this desk to the asker.
    NotLent,
    /// A reason that only a later version knows, or 0.
    Other(u32),
}

pub(super) fn ask_out(it: &Ask) -> pb::Ask {
    let mut out = pb::Ask {
        start: it.id.start,
        number: it.id.number,
        ..pb::Ask::default()
    };
    match &it.wish {
        Wish::Borrow {
            drill,
            squad,
            minutes,
        } => {
            out.drill = drill.0;
            out.squad = squad.0;
            out.minutes = *minutes;
        }
        Wish::GiveBack { grant, logs } => {
            out.grant = grant.0.0.to_vec();
            out.incarnations = logs.iter().map(|(it, _)| it.0).collect();
            out.heights = logs.iter().map(|&(_, height)| height).collect();
        }
    }
    out
}

/// Source: PROTOCOL R-CLAIM-1.
pub(super) fn ask_in(it: &pb::Ask) -> Result<Ask, WireError> {
    let id = AskId {
        start: it.start,
        number: number(it.number, "number of an ask")?,
    };
    if it.grant.is_empty() {
        if !it.incarnations.is_empty() || !it.heights.is_empty() {
            return Err(WireError::Invalid("logs of an ask"));
        }
        if !(1..=CLAIM_MINUTES_MAX).contains(&it.minutes) {
            return Err(WireError::Invalid("minutes of an ask"));
        }
        let wish = Wish::Borrow {
            drill: DrillNo(number(it.drill, "drill of an ask")?),
            squad: SquadNo(number(it.squad, "squad of an ask")?),
            minutes: it.minutes,
        };
        return Ok(Ask { id, wish });
    }
    if (it.drill, it.squad, it.minutes) != (0, 0, 0) {
        return Err(WireError::Invalid("wish of an ask"));
    }
    if LENT_LOGS_MAX < it.incarnations.len() {
        return Err(WireError::TooLarge("logs of an ask"));
    }
    if it.incarnations.len() != it.heights.len() {
        return Err(WireError::Invalid("logs of an ask"));
    }
    let logs = it.incarnations.iter().map(|&it| Incarnation(it));
    let wish = Wish::GiveBack {
        grant: GrantId(Hash(fixed(&it.grant, "grant of an ask")?)),
        logs: logs.zip(it.heights.iter().copied()).collect(),
    };
    Ok(Ask { id, wish })
}

pub(super) fn denied_out(it: &Denied) -> pb::Denied {
    let (reason, holder, until_ms) = match it.why {
        Denial::NotADesk => (1, None, None),
        Denial::NotItsCell => (2, None, None),
        Denial::Held { holder, until_ms } => (3, Some(holder), until_ms),
        Denial::MayNotScore => (4, None, None),
        Denial::TooMany => (5, None, None),
        Denial::ScoringOver => (6, None, None),
        Denial::NotLent => (7, None, None),
        Denial::Other(reason) => (reason, None, None),
    };
    pb::Denied {
        start: it.id.start,
        number: it.id.number,
        reason,
        holder: holder.map_or_else(Vec::new, |it| it.as_bytes().to_vec()),
        until_ms: until_ms.unwrap_or(0),
    }
}

/// Source: PROTOCOL R-CLAIM-2.
pub(super) fn denied_in(it: &pb::Denied) -> Result<Denied, WireError> {
    let id = AskId {
        start: it.start,
        number: number(it.number, "number of an ask")?,
    };
    let why = match it.reason {
        1 => Denial::NotADesk,
        2 => Denial::NotItsCell,
        3 => Denial::Held {
            holder: key(&it.holder, "holder of a cell")?,
            until_ms: (0 < it.until_ms).then_some(it.until_ms),
        },
        4 => Denial::MayNotScore,
        5 => Denial::TooMany,
        6 => Denial::ScoringOver,
        7 => Denial::NotLent,
        other => Denial::Other(other),
    };
    Ok(Denied { id, why })
}
