//! What happens to devices: swapped, gone with the owner, stolen, copied.

use tallyline_proto::model::{CloseReason, EntryId, VoidReason};

use super::steps::{
    Outcome, SCORER, agree, comes_to_read, each_counts_once, meet, no_forks, open, reads, reassign,
    refuses, shot, slot_is, write,
};
use crate::venue::{DeviceNo, Event, Kind, Reach, Reading, Venue};

/// Two squads of four.
const EVENT: Event = Event {
    drills: 2,
    shooters: 8,
    squad_size: 4,
};

/// A swap: the devices, what the old one wrote and everybody had, and what nobody else had.
struct Swap {
    all: [DeviceNo; 3],
    known: EntryId,
    unsent: [EntryId; 2],
}

/// The old tablet writes for shooter 1, then out of reach for 2 and 3, and dies; its squad goes to
/// the other one, which writes for shooter 4.
fn swap(venue: &mut dyn Venue) -> Result<Swap, String> {
    let all @ [owner, old, new] = meet(venue, EVENT)?;
    open(venue, owner, &[(old, 1)], &all)?;
    let known = write(venue, old, shot(1, 1, 1_100))?;
    agree(venue, &all)?;
    venue.reach(Reach::Groups(vec![vec![owner, new], vec![old]]));
    let unsent = [
        write(venue, old, shot(1, 2, 1_200))?,
        write(venue, old, shot(1, 3, 1_300))?,
    ];
    venue.kill(old);
    let dead = (&[old][..], CloseReason::Dead);
    reassign(venue, owner, dead, &[(new, 1)], &[owner, new])?;
    write(venue, new, shot(1, 4, 1_400))?;
    Ok(Swap { all, known, unsent })
}

/// The old tablet is found and switched on again.
fn come_back(venue: &mut dyn Venue, swap: &Swap) -> Outcome {
    let [_, old, _] = swap.all;
    venue.reach(Reach::All);
    venue.start(old);
    // It knows what it wrote from the first moment; the others agree with it once they have it.
    agree(venue, &swap.all)?;
    reads(venue, &swap.all, swap.known, Reading::Counted)?;
    refuses(venue, old, shot(2, 1, 900), "E02")
}

/// Source: PROTOCOL R-READ-1.
pub(super) fn swap_nothing_reentered(venue: &mut dyn Venue) -> Outcome {
    let swap = swap(venue)?;
    come_back(venue, &swap)?;
    for entry in swap.unsent {
        reads(venue, &swap.all, entry, Reading::CountedLate)?;
    }
    for (shooter, centis) in [(1, 1_100), (2, 1_200), (3, 1_300), (4, 1_400)] {
        slot_is(venue, &swap.all, (1, shooter), Some(centis))?;
    }
    no_forks(venue, &swap.all)
}

/// Source: PROTOCOL R-READ-5.
pub(super) fn swap_same_reentered(venue: &mut dyn Venue) -> Outcome {
    let swap = swap(venue)?;
    let [_, _, new] = swap.all;
    let again = [
        write(venue, new, shot(1, 2, 1_200))?,
        write(venue, new, shot(1, 3, 1_300))?,
    ];
    come_back(venue, &swap)?;
    for entry in again {
        reads(venue, &swap.all, entry, Reading::Counted)?;
    }
    for entry in swap.unsent {
        reads(venue, &swap.all, entry, Reading::Duplicate)?;
    }
    for (shooter, centis) in [(1, 1_100), (2, 1_200), (3, 1_300), (4, 1_400)] {
        slot_is(venue, &swap.all, (1, shooter), Some(centis))?;
    }
    Ok(())
}

/// Source: PROTOCOL R-READ-4.
pub(super) fn swap_other_reentered(venue: &mut dyn Venue) -> Outcome {
    let swap = swap(venue)?;
    let [owner, _, new] = swap.all;
    let [late_two, late_three] = swap.unsent;
    let live_two = write(venue, new, shot(1, 2, 1_250))?;
    let live_three = write(venue, new, shot(1, 3, 1_350))?;
    come_back(venue, &swap)?;
    for (live, late) in [(live_two, late_two), (live_three, late_three)] {
        reads(venue, &swap.all, live, Reading::Counted)?;
        reads(venue, &swap.all, late, Reading::LateBeaten)?;
    }
    // The owner believes the new tablet about shooter 2 and the old one about shooter 3.
    for entry in [late_two, live_three] {
        venue
            .void(owner, entry, VoidReason::Duplicate)
            .map_err(|why| format!("the owner voids entry {entry}: {why}"))?;
    }
    agree(venue, &swap.all)?;
    for (entry, reading) in [
        (live_two, Reading::Counted),
        (late_two, Reading::Voided),
        (live_three, Reading::Voided),
        (late_three, Reading::CountedLate),
    ] {
        reads(venue, &swap.all, entry, reading)?;
    }
    slot_is(venue, &swap.all, (1, 2), Some(1_250))?;
    slot_is(venue, &swap.all, (1, 3), Some(1_300))
}

/// Source: PROTOCOL R-CONTROL-3.
pub(super) fn owner_dies(venue: &mut dyn Venue) -> Outcome {
    let all @ [owner, one, two] = meet(venue, EVENT)?;
    open(venue, owner, &[(one, 1), (two, 2)], &all)?;
    let by_owner = write(venue, owner, shot(2, 8, 1_800))?;
    let mut entries = vec![by_owner, write(venue, one, shot(1, 1, 1_100))?];
    agree(venue, &all)?;

    venue.kill(owner);
    entries.push(write(venue, one, shot(1, 2, 1_200))?);
    entries.push(write(venue, two, shot(1, 5, 1_500))?);
    agree(venue, &[one, two])?;
    each_counts_once(venue, &[one, two], &entries)?;

    let restored = venue.restore_key(owner);
    let rest = [restored, one, two];
    agree(venue, &rest)?;
    each_counts_once(venue, &rest, &entries)?;

    let fresh = venue.add("tablet-3", Kind::Tablet);
    venue.join(restored, fresh, SCORER);
    let rest = [restored, one, two, fresh];
    agree(venue, &rest)?;
    let dead = (&[two][..], CloseReason::Handover);
    reassign(venue, restored, dead, &[(fresh, 2)], &rest)?;
    refuses(venue, two, shot(1, 6, 1_600), "E02")?;
    entries.push(write(venue, fresh, shot(1, 6, 1_600))?);
    entries.push(write(venue, restored, shot(1, 7, 1_700))?);
    agree(venue, &rest)?;
    each_counts_once(venue, &rest, &entries)?;
    no_forks(venue, &rest)
}

/// Source: PROTOCOL R-CONTROL-5.
pub(super) fn stolen_phone(venue: &mut dyn Venue) -> Outcome {
    let all @ [owner, stolen, other] = meet(venue, EVENT)?;
    open(venue, owner, &[(stolen, 1), (other, 2)], &all)?;
    let before = [
        write(venue, stolen, shot(1, 1, 1_100))?,
        write(venue, stolen, shot(1, 2, 1_200))?,
    ];
    agree(venue, &all)?;

    venue.reach(Reach::Groups(vec![vec![owner, other], vec![stolen]]));
    let first = write(venue, stolen, shot(1, 3, 300))?;
    let theft = (&[stolen][..], CloseReason::Stolen);
    reassign(venue, owner, theft, &[(other, 1)], &[owner, other])?;
    let second = write(venue, stolen, shot(2, 1, 300))?;
    let honest = write(venue, other, shot(1, 4, 1_400))?;
    venue.reach(Reach::All);
    // Not one agreement for all: what the thief's device does is not waited for.
    for device in [owner, other] {
        comes_to_read(venue, device, first, Reading::Quarantined)?;
        comes_to_read(venue, device, second, Reading::Quarantined)?;
    }
    agree(venue, &all)?;
    for entry in before {
        reads(venue, &all, entry, Reading::Counted)?;
    }
    for entry in [first, second] {
        reads(venue, &all, entry, Reading::Quarantined)?;
    }
    reads(venue, &all, honest, Reading::Counted)?;
    slot_is(venue, &all, (1, 3), None)?;
    slot_is(venue, &all, (2, 1), None)?;

    refuses(venue, stolen, shot(2, 2, 300), "E02")?;
    let replaced = write(venue, other, shot(1, 3, 1_300))?;
    agree(venue, &all)?;
    reads(venue, &all, replaced, Reading::Counted)?;
    reads(venue, &all, first, Reading::Quarantined)
}

/// Source: PROTOCOL R-LOG-2, R-ENTRY-5.
pub(super) fn cloned_card(venue: &mut dyn Venue) -> Outcome {
    let all @ [owner, one, two] = meet(venue, EVENT)?;
    open(venue, owner, &[(one, 1), (two, 2)], &all)?;
    let mut entries = vec![write(venue, one, shot(1, 1, 1_100))?];
    agree(venue, &all)?;
    let copy = venue.copy(one);
    let every = [owner, one, two, copy];
    agree(venue, &every)?;
    for (drill, shooter) in [(1, 2), (1, 3), (1, 4), (2, 1), (2, 2), (2, 3)] {
        let device = if shooter % 2 == 0 { one } else { copy };
        entries.push(write(venue, device, shot(drill, shooter, 1_000 + shooter))?);
    }
    entries.push(write(venue, two, shot(1, 5, 1_500))?);
    agree(venue, &every)?;
    each_counts_once(venue, &every, &entries)?;
    no_forks(venue, &every)?;

    // Both scored shooter 4 on drill 2, neither knowing of the other.
    venue.reach(Reach::Groups(vec![vec![one], vec![copy], vec![owner, two]]));
    let here = write(venue, one, shot(2, 4, 2_000))?;
    let there = write(venue, copy, shot(2, 4, 2_000))?;
    venue.reach(Reach::All);
    agree(venue, &every)?;
    slot_is(venue, &every, (2, 4), Some(2_000))?;
    for device in every {
        let seen = venue.seen(device);
        let mut found: Vec<Reading> = seen
            .iter()
            .filter(|it| it.id == here || it.id == there)
            .map(|it| it.reading)
            .collect();
        found.sort_unstable();
        if found != [Reading::Counted, Reading::Duplicate] {
            return Err(format!(
                "device {device} reads one score entered twice as {found:?}"
            ));
        }
    }
    no_forks(venue, &every)
}
