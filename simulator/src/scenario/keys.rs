//! What happens to keys: revoked, copied, put back with an older card.

use tallyline_proto::model::{CloseReason, Decision, RevokeReason};

use super::steps::{
    Outcome, SCORER, agree, each_counts_once, meet, must, never_heard_of, no_forks, open, reads,
    reassign, refuses, shot, slot_is, write,
};
use crate::venue::{Event, Kind, Opening, Reach, Reading, Venue};

/// Two squads of four.
const EVENT: Event = Event {
    drills: 2,
    shooters: 8,
    squad_size: 4,
};

/// Minutes in which devices that reach each other have long met.
const WHILE: u32 = 2;

/// Source: PROTOCOL R-CONTROL-11, R-CONTROL-14.
pub(super) fn revoked_late_news(venue: &mut dyn Venue) -> Outcome {
    let all @ [owner, relay, retired, stolen, other] = meet(venue, EVENT)?;
    open(venue, owner, &[(retired, 1), (stolen, 2)], &all)?;
    let before = [
        write(venue, retired, shot(1, 1, 1_100))?,
        write(venue, stolen, shot(1, 5, 1_500))?,
    ];
    agree(venue, &all)?;

    venue.reach(Reach::Groups(vec![
        vec![owner, other],
        vec![relay, retired, stolen],
    ]));
    for (device, reason) in [
        (retired, RevokeReason::Retired),
        (stolen, RevokeReason::Stolen),
    ] {
        let revoked = venue.revoke(owner, device, reason, None);
        must(revoked, &format!("device {device} is revoked"))?;
    }
    open(venue, owner, &[(other, 1), (other, 2)], &[owner, other])?;
    let free = write(venue, retired, shot(1, 2, 1_200))?;
    let beaten = write(venue, retired, shot(1, 3, 1_300))?;
    let thefts = [
        write(venue, stolen, shot(1, 6, 600))?,
        write(venue, stolen, shot(1, 7, 700))?,
    ];
    let live = write(venue, other, shot(1, 3, 1_350))?;
    agree(venue, &[relay, retired, stolen])?;

    venue.reach(Reach::All);
    let left = [owner, relay, other];
    agree(venue, &left)?;
    if venue.refusals(relay, "revoked") == 0 {
        return Err("the relay keeps the connection of a revoked key".to_owned());
    }
    for (entry, reading) in [
        (before[0], Reading::Counted),
        (before[1], Reading::Counted),
        (free, Reading::CountedLate),
        (live, Reading::Counted),
        (beaten, Reading::LateBeaten),
        (thefts[0], Reading::Quarantined),
        (thefts[1], Reading::Quarantined),
    ] {
        reads(venue, &left, entry, reading)?;
    }
    slot_is(venue, &left, (1, 6), None)?;

    must(
        venue.adopt(owner, &thefts, Decision::Count),
        "the owner adopts",
    )?;
    agree(venue, &left)?;
    for entry in thefts {
        reads(venue, &left, entry, Reading::Counted)?;
    }
    no_forks(venue, &left)
}

/// Source: PROTOCOL R-CONTROL-11, R-BUNDLE-2.
pub(super) fn clone_revoked(venue: &mut dyn Venue) -> Outcome {
    let all @ [owner, one, two] = meet(venue, EVENT)?;
    open(venue, owner, &[(one, 1), (two, 2)], &all)?;
    let mut entries = vec![write(venue, one, shot(1, 1, 1_100))?];
    agree(venue, &all)?;
    let copy = venue.copy(one);
    let every = [owner, one, two, copy];
    agree(venue, &every)?;
    entries.push(write(venue, one, shot(1, 2, 1_200))?);
    entries.push(write(venue, copy, shot(1, 3, 1_300))?);
    agree(venue, &every)?;

    venue.reach(Reach::Groups(vec![vec![owner, one, two]]));
    let unsent = write(venue, copy, shot(1, 4, 1_400))?;
    let revoked = venue.revoke(owner, one, RevokeReason::Misuse, None);
    must(revoked, "the key of both is revoked")?;
    let fresh = [
        venue.add("fresh-1", Kind::Tablet),
        venue.add("fresh-2", Kind::Tablet),
    ];
    venue.reach(Reach::Groups(vec![vec![
        owner, one, two, fresh[0], fresh[1],
    ]]));
    for device in fresh {
        venue.join(owner, device, SCORER);
    }
    let rest = [owner, two, fresh[0], fresh[1]];
    let opens = [(fresh[0], 1), (fresh[1], 2)].map(|(device, drill)| Opening {
        device,
        drills: vec![drill],
        squads: vec![1],
    });
    let opened = venue.assign(owner, &[], CloseReason::Handover, &opens);
    must(opened, "the owner grants squad 1 to both new devices")?;
    agree(venue, &rest)?;
    entries.push(write(venue, fresh[1], shot(2, 1, 2_100))?);
    entries.push(write(venue, two, shot(1, 5, 1_500))?);
    agree(venue, &rest)?;
    each_counts_once(venue, &rest, &entries)?;

    // Nobody listens to the copy any more; what it still has comes by hand, and waits for the owner.
    venue.reach(Reach::All);
    venue.pass(WHILE);
    for device in rest {
        never_heard_of(venue, device, unsent)?;
    }
    let bundle = venue.bundle(copy);
    must(venue.import(owner, &bundle), "the copy's entries are taken")?;
    agree(venue, &rest)?;
    reads(venue, &rest, unsent, Reading::Quarantined)?;
    must(
        venue.adopt(owner, &[unsent], Decision::Count),
        "the owner adopts",
    )?;
    agree(venue, &rest)?;
    entries.push(unsent);
    each_counts_once(venue, &rest, &entries)?;
    no_forks(venue, &rest)
}

/// Source: PROTOCOL R-LOG-2.
pub(super) fn rolled_back_device(venue: &mut dyn Venue) -> Outcome {
    let all @ [owner, one, two] = meet(venue, EVENT)?;
    open(venue, owner, &[(one, 1), (two, 2)], &all)?;
    let mut entries = vec![write(venue, one, shot(1, 1, 1_100))?];
    agree(venue, &all)?;
    venue.backup(one);
    agree(venue, &all)?;
    let lost = [
        write(venue, one, shot(1, 2, 1_200))?,
        write(venue, one, shot(1, 3, 1_300))?,
    ];
    agree(venue, &all)?;

    // It starts alone and goes on at once: it cannot know yet what it has lost.
    venue.reach(Reach::Groups(vec![vec![owner, two]]));
    venue.roll_back(one);
    for entry in lost {
        never_heard_of(venue, one, entry)?;
    }
    entries.push(write(venue, one, shot(1, 4, 1_400))?);
    venue.reach(Reach::All);
    agree(venue, &all)?;
    entries.extend(lost);
    entries.push(write(venue, one, shot(2, 1, 2_100))?);
    agree(venue, &all)?;
    each_counts_once(venue, &all, &entries)?;
    no_forks(venue, &all)?;

    reassign(
        venue,
        owner,
        (&[one], CloseReason::Handover),
        &[(two, 1)],
        &all,
    )?;
    refuses(venue, one, shot(2, 2, 2_200), "E02")?;
    each_counts_once(venue, &all, &entries)
}
