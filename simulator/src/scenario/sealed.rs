//! What is sealed about somebody is read by those whom it concerns, and by nobody after an erasure.

use tallyline_proto::model::Roles;

use super::steps::{Outcome, SCORER, agree, must, must_not, open, shot, slot_is, write};
use crate::venue::{DeviceNo, Event, Kind, Venue};

/// Two squads of two.
const EVENT: Event = Event {
    drills: 1,
    shooters: 4,
    squad_size: 2,
};

/// A scorer who is one of the jury.
const JURY: Roles = Roles(SCORER.0 | Roles::JURY.0);

/// Who was seen.
const SHOOTER: u32 = 2;

/// What was seen.
const SEEN: &str = "left the course at the gate";

/// Source: PROTOCOL R-SEAL-3, R-SEAL-4, R-SEAL-5.
pub(super) fn erase(venue: &mut dyn Venue) -> Outcome {
    let owner = venue.add("owner", Kind::Tablet);
    let marshal = venue.add("marshal", Kind::Tablet);
    let jury = venue.add("jury", Kind::Tablet);
    let other = venue.add("other", Kind::Tablet);
    let all = [owner, marshal, jury, other];
    venue.found(owner, EVENT);
    venue.join(owner, marshal, SCORER);
    venue.join(owner, jury, JURY);
    venue.join(owner, other, SCORER);
    open(venue, owner, &[(marshal, 1), (other, 2)], &all)?;
    write(venue, marshal, shot(1, SHOOTER, 1_200))?;
    must(
        venue.incident(marshal, SHOOTER, SEEN),
        "the marshal reports",
    )?;
    agree(venue, &all)?;
    for device in [owner, marshal, jury] {
        reads(venue, device)?;
    }
    carries(venue, other, 1)?;

    // One of the jury is not there when it is erased, and comes back with the key.
    venue.kill(jury);
    must_not(
        venue.erase(other, SHOOTER),
        "E02",
        "an erasure by somebody else",
    )?;
    must(venue.erase(owner, SHOOTER), "the owner erases")?;
    let there = [owner, marshal, other];
    agree(venue, &there)?;
    for device in there {
        carries(venue, device, 1)?;
    }
    venue.start(jury);
    agree(venue, &all)?;
    carries(venue, jury, 1)?;

    // Nobody who comes later is given anything, and nothing more is sealed about that person.
    let late = venue.add("late", Kind::Tablet);
    venue.join(owner, late, JURY);
    let every = [owner, marshal, jury, other, late];
    agree(venue, &every)?;
    for device in every {
        carries(venue, device, 1)?;
    }
    for device in [owner, marshal, jury] {
        venue.kill(device);
        venue.start(device);
    }
    agree(venue, &every)?;
    for device in every {
        carries(venue, device, 1)?;
    }
    // The person keeps a number and a result.
    slot_is(venue, &every, (1, SHOOTER), Some(1_200))
}

/// Waits until a device reads what was seen.
fn reads(venue: &mut dyn Venue, device: DeviceNo) -> Outcome {
    venue.until_secrets((device, SHOOTER), "the text is read", &mut |it| {
        it.read == [SEEN] && it.keys == 1
    })
}

/// Waits until a device holds so many texts and can open none.
fn carries(venue: &mut dyn Venue, device: DeviceNo, texts: usize) -> Outcome {
    venue.until_secrets((device, SHOOTER), "sealed texts and no key", &mut |it| {
        it.texts == texts && it.read.is_empty() && it.keys == 0
    })
}
