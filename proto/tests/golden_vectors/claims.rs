//! Frames about a single cell that a desk lends.

use tallyline_proto::{
    model::{DrillNo, GrantId, Hash, Incarnation, SquadNo},
    wire::{Ask, AskId, CLAIM_MINUTES_MAX, Denial, Denied, Frame, Wish},
};

use super::{TABLET, device};

/// What a member and a desk say about a cell.
pub(crate) fn claim_frames() -> Vec<(&'static str, Frame)> {
    let id = AskId {
        start: 0x0123_4567_89ab_cdef,
        number: 300,
    };
    let ask = |wish| Frame::Ask(Ask { id, wish });
    let denied = |why| Frame::Denied(Denied { id, why });
    let held = |until_ms| Denial::Held {
        holder: device(TABLET).public(),
        until_ms,
    };
    vec![
        (
            "ask, borrow",
            ask(Wish::Borrow {
                drill: DrillNo(2),
                squad: SquadNo(7),
                minutes: CLAIM_MINUTES_MAX,
            }),
        ),
        (
            "ask, give back",
            ask(Wish::GiveBack {
                grant: GrantId(Hash([0x44; 32])),
                logs: vec![(Incarnation(7), 300), (Incarnation(u64::MAX), 0)],
            }),
        ),
        ("denied, not a desk", denied(Denial::NotADesk)),
        ("denied, not its cell", denied(Denial::NotItsCell)),
        ("denied, held", denied(held(Some(1_777_000_000_000)))),
        ("denied, held for good", denied(held(None))),
        ("denied, may not score", denied(Denial::MayNotScore)),
        ("denied, too many", denied(Denial::TooMany)),
        ("denied, scoring over", denied(Denial::ScoringOver)),
        ("denied, not lent", denied(Denial::NotLent)),
        ("denied, of a later version", denied(Denial::Other(77))),
    ]
}
