//! The owner is out of reach, or there are two of them: deputies, spare cards, racing grants.

use tallyline_proto::model::{CloseReason, EntryId, Roles, VoidReason};

use super::steps::{
    Outcome, SCORER, agree, each_counts_once, in_cloud_everywhere, meet, must, must_not, no_forks,
    open, reads, reassign, refuses, shot, slot_is, write,
};
use crate::venue::{DeviceNo, Event, Kind, Opening, Reach, Reading, Venue};

/// Two squads of four.
const EVENT: Event = Event {
    drills: 2,
    shooters: 8,
    squad_size: 4,
};

/// Source: PROTOCOL R-CONTROL-10, R-SYNC-10.
pub(super) fn swap_by_deputy(venue: &mut dyn Venue) -> Outcome {
    let [owner, old, far] = meet(venue, EVENT)?;
    open(venue, owner, &[(old, 1), (far, 2)], &[owner, old, far])?;
    let mut entries = vec![write(venue, old, shot(1, 1, 1_100))?];
    agree(venue, &[owner, old, far])?;

    // The far device never hears that there is a deputy.
    let deputy = venue.add("deputy", Kind::Tablet);
    venue.reach(Reach::Groups(vec![vec![owner, old, deputy], vec![far]]));
    venue.join(owner, deputy, SCORER.with(Roles::DEPUTY));
    agree(venue, &[owner, old, deputy])?;
    venue.kill(owner);

    let phone = venue.add("phone", Kind::Tablet);
    venue.reach(Reach::Groups(vec![
        vec![deputy, phone],
        vec![old],
        vec![far],
    ]));
    let unsent = write(venue, old, shot(1, 2, 1_200))?;
    venue.kill(old);
    venue.join(deputy, phone, SCORER);
    agree(venue, &[deputy, phone])?;
    let more = Opening {
        device: phone,
        drills: Vec::new(),
        squads: vec![2],
    };
    let more = venue.assign(deputy, &[old], CloseReason::Dead, &[more]);
    must_not(more, "E02", "a deputy grants more than it closes")?;
    let dead = (&[old][..], CloseReason::Dead);
    reassign(venue, deputy, dead, &[(phone, 1)], &[deputy, phone])?;
    entries.push(write(venue, phone, shot(1, 3, 1_300))?);
    agree(venue, &[deputy, phone])?;

    venue.kill(deputy);
    venue.reach(Reach::Groups(vec![vec![phone, far]]));
    entries.push(write(venue, far, shot(1, 5, 1_500))?);
    agree(venue, &[phone, far])?;
    each_counts_once(venue, &[phone, far], &entries)?;

    let every = [owner, old, far, deputy, phone];
    for device in [owner, old, deputy] {
        venue.start(device);
    }
    venue.reach(Reach::All);
    agree(venue, &every)?;
    reads(venue, &every, unsent, Reading::CountedLate)?;
    refuses(venue, old, shot(2, 1, 2_100), "E02")?;
    entries.push(write(venue, phone, shot(2, 1, 2_100))?);
    entries.push(unsent);
    agree(venue, &every)?;
    each_counts_once(venue, &every, &entries)?;
    no_forks(venue, &every)
}

/// Source: PROTOCOL R-READ-1, R-READ-4.
pub(super) fn swap_by_spare_card(venue: &mut dyn Venue) -> Outcome {
    let cloud = venue.add("cloud", Kind::Cloud);
    let [owner, old, two] = meet(venue, EVENT)?;
    let spare = venue.add("spare", Kind::Tablet);
    venue.join(owner, spare, SCORER.with(Roles::SPARE));
    let all = [owner, old, two, spare];
    open(venue, owner, &[(old, 1), (two, 2)], &all)?;
    let known = write(venue, old, shot(1, 1, 1_100))?;
    agree(venue, &all)?;

    venue.reach(Reach::Groups(vec![vec![owner, two, spare], vec![old]]));
    let unsent = [
        write(venue, old, shot(1, 2, 1_200))?,
        write(venue, old, shot(1, 3, 1_300))?,
        write(venue, old, shot(2, 1, 2_100))?,
    ];
    venue.kill(old);
    venue.kill(owner);
    let [same, other, free] = [(2, 1_200), (3, 1_350), (4, 1_400)]
        .map(|(shooter, centis)| write(venue, spare, shot(1, shooter, centis)));
    let again = [same?, other?, free?];
    venue.internet(two, true);
    agree(venue, &[two, spare, cloud])?;
    for entry in again {
        reads(venue, &[two, spare, cloud], entry, Reading::Unassigned)?;
    }
    slot_is(venue, &[two, spare, cloud], (1, 4), None)?;
    in_cloud_everywhere(venue, &[two, spare], &again)?;

    venue.start(owner);
    agree(venue, &[owner, two, spare])?;
    let here = [owner, two, spare, cloud];
    let dead = (&[old][..], CloseReason::Dead);
    reassign(venue, owner, dead, &[(spare, 1)], &here)?;
    for entry in again {
        reads(venue, &here, entry, Reading::CountedLate)?;
    }
    let live = write(venue, spare, shot(2, 2, 2_200))?;
    venue.reach(Reach::All);
    venue.start(old);
    old_phone_is_back(venue, [owner, old, two, spare, cloud], unsent, again)?;
    let every = [owner, old, two, spare, cloud];
    for entry in [known, live] {
        reads(venue, &every, entry, Reading::Counted)?;
    }
    refuses(venue, old, shot(2, 3, 2_300), "E02")?;
    no_forks(venue, &every)
}

/// What the old phone had and the spare entered again: the same counts once, of two different ones a
/// person says which, and what nobody entered again counts.
fn old_phone_is_back(
    venue: &mut dyn Venue,
    every: [DeviceNo; 5],
    [_, unsent_other, only_there]: [EntryId; 3],
    [_, again_other, free]: [EntryId; 3],
) -> Outcome {
    let [owner, ..] = every;
    agree(venue, &every)?;
    slot_is(venue, &every, (1, 2), Some(1_200))?;
    for entry in [only_there, free] {
        reads(venue, &every, entry, Reading::CountedLate)?;
    }
    reads(venue, &every, again_other, Reading::CountedLate)?;
    reads(venue, &every, unsent_other, Reading::NeedsDecision)?;
    must(
        venue.void(owner, again_other, VoidReason::Duplicate),
        "the owner believes the old phone",
    )?;
    agree(venue, &every)?;
    reads(venue, &every, again_other, Reading::Voided)?;
    reads(venue, &every, unsent_other, Reading::CountedLate)
}

/// Source: PROTOCOL R-CONTROL-6.
pub(super) fn two_grants_one_partition(venue: &mut dyn Venue) -> Outcome {
    let [owner, old, one, two] = meet(venue, EVENT)?;
    let deputy = venue.add("deputy", Kind::Tablet);
    venue.join(owner, deputy, SCORER.with(Roles::DEPUTY));
    let all = [owner, old, one, two, deputy];
    open(venue, owner, &[(old, 1)], &all)?;
    venue.kill(old);

    venue.reach(Reach::Groups(vec![vec![owner, one], vec![deputy, two]]));
    let dead = (&[old][..], CloseReason::Dead);
    reassign(venue, deputy, dead, &[(two, 1)], &[deputy, two])?;
    reassign(venue, owner, dead, &[(one, 1)], &[owner, one])?;
    let winner = write(venue, one, shot(1, 2, 1_200))?;
    let beaten = write(venue, two, shot(1, 2, 1_250))?;
    let free = write(venue, two, shot(1, 3, 1_300))?;
    venue.reach(Reach::All);
    venue.start(old);
    agree(venue, &all)?;
    for (entry, reading) in [
        (winner, Reading::Counted),
        (beaten, Reading::LateBeaten),
        (free, Reading::CountedLate),
    ] {
        reads(venue, &all, entry, reading)?;
    }
    refuses(venue, two, shot(1, 4, 1_400), "E02")?;
    write(venue, one, shot(1, 4, 1_400))?;
    agree(venue, &all)?;
    two_owners(venue, owner, [one, two])
}

/// The owner's key on two devices: each grants squad 2 to another device.
fn two_owners(venue: &mut dyn Venue, owner: DeviceNo, [one, two]: [DeviceNo; 2]) -> Outcome {
    let restored = venue.restore_key(owner);
    let all = [owner, restored, one, two];
    agree(venue, &all)?;
    venue.reach(Reach::Groups(vec![vec![owner, one], vec![restored, two]]));
    open(venue, owner, &[(one, 2)], &[owner, one])?;
    open(venue, restored, &[(two, 2)], &[restored, two])?;
    let by_one = write(venue, one, shot(1, 5, 1_500))?;
    let by_two = write(venue, two, shot(1, 6, 1_600))?;
    venue.reach(Reach::All);
    agree(venue, &all)?;

    let (winner, loser) = match venue.score(one, shot(2, 5, 2_500), None) {
        Ok(_) => ((one, by_one), (two, by_two)),
        Err(_) => ((two, by_two), (one, by_one)),
    };
    refuses(venue, loser.0, shot(2, 6, 2_600), "E02")?;
    write(venue, winner.0, shot(2, 6, 2_600))?;
    agree(venue, &all)?;
    reads(venue, &all, winner.1, Reading::Counted)?;
    reads(venue, &all, loser.1, Reading::CountedLate)?;
    no_forks(venue, &all)
}
