//! What people do because of a fault: a score is entered again after a swap, a copied card is
//! written on, and both it and a card that was put back are used out of reach of the others.

use crate::{
    Random,
    plan::{Act, Happening},
    venue::DeviceNo,
};

/// How long after a swap people still enter again what they fear is lost, in ms.
const AGAIN_MS: u64 = 20 * 60_000;

/// Shortest time that a copied or old card is out of reach, in ms.
const ALONE_MS: u64 = 10 * 60_000;

/// Adds it to a day whose happenings stand in the order of time. Drawn from a stream of its own, so
/// that everything else of the day is as it was.
pub(super) fn again(seed: u64, devices: usize, happenings: &mut Vec<Happening>) {
    let mut random = Random::stream(seed, "again");
    write_on_copies(&mut random, devices, happenings);
    let mut fresh = entered_twice(&mut random, happenings);
    for it in happenings.iter() {
        if matches!(it.act, Act::Clone { .. } | Act::RollBack { .. }) && random.chance(500) {
            let back_ms = random.between(ALONE_MS, ALONE_MS.saturating_mul(6));
            let out = (it.at_ms.saturating_sub(1), Act::Isolation);
            let back = (it.at_ms.saturating_add(back_ms), Act::Rejoin);
            fresh.extend([out, back].map(|(at_ms, act)| Happening { at_ms, act }));
        }
    }
    for (place, it) in happenings.iter().enumerate() {
        if let Act::Handover { from, to, .. } = it.act {
            let before = happenings.get(..place).unwrap_or_default();
            fresh.extend(entered_again(&mut random, it.at_ms, (from, to), before));
        }
    }
    happenings.extend(fresh);
}

/// The owner enters a score that a tablet has, otherwise and without a void: a person must decide.
fn entered_twice(random: &mut Random, happenings: &[Happening]) -> Vec<Happening> {
    let mut twice = Vec::new();
    for _ in 0..random.between(0, 2) {
        let count = u64::try_from(happenings.len()).unwrap_or(1);
        let place = usize::try_from(random.below(count)).unwrap_or(0);
        let Some(it) = happenings.get(place) else {
            continue;
        };
        let mut it = it.clone();
        if let Act::Score { device, centis, .. } = &mut it.act {
            *device = 0;
            *centis = centis.saturating_add(7);
            it.at_ms = it.at_ms.saturating_add(random.between(1_000, AGAIN_MS));
            twice.push(it);
        }
    }
    twice
}

/// Who takes a device over enters some of its scores again: most say the same, some do not.
fn entered_again(
    random: &mut Random,
    at_ms: u64,
    (from, to): (DeviceNo, DeviceNo),
    before: &[Happening],
) -> Vec<Happening> {
    let mut again = Vec::new();
    for it in before {
        if let Act::Score {
            device,
            drill,
            shooter,
            centis,
            a,
        } = it.act
            && device == from
            && random.chance(200)
        {
            let other = u32::from(random.chance(300));
            let act = Act::Score {
                device: to,
                drill,
                shooter,
                centis: centis.saturating_add(other),
                a,
            };
            let at_ms = at_ms.saturating_add(random.between(1_000, AGAIN_MS));
            again.push(Happening { at_ms, act });
        }
    }
    again
}

/// Of a device whose card was copied, the copy enters every other score from then on. Devices that
/// come to a venue are numbered after the cloud, in the order in which they come.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "of all acts only these are about who writes"
)]
fn write_on_copies(random: &mut Random, devices: usize, happenings: &mut [Happening]) {
    let mut next = devices.saturating_add(1);
    let mut copies: Vec<(DeviceNo, DeviceNo)> = Vec::new();
    for it in happenings {
        match &mut it.act {
            Act::Clone { device } => {
                copies.push((*device, next));
                next = next.saturating_add(1);
            }
            Act::RestoreOwner => next = next.saturating_add(1),
            Act::Score { device, .. } | Act::Correct { device, .. } => {
                let copy = copies.iter().rev().find(|(of, _)| of == device);
                if let Some((_, copy)) = copy
                    && random.chance(500)
                {
                    *device = *copy;
                }
            }
            _ => {}
        }
    }
}
