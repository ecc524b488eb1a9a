//! The event passes to another device: handed over in the evening, or recovered with a card.

use tallyline_proto::model::{
    Amend, Amendment, CloseReason, Decision, Drill, DrillNo, EntryId, Method, NoShoots,
    RevokeReason, Terms,
};

use super::steps::{
    Outcome, SCORER, agree, each_counts_once, meet, must, must_not, never_heard_of, no_forks, open,
    reads, reassign, refuses, shot, slot_is, write,
};
use crate::venue::{DeviceNo, Event, Kind, Opening, Reach, Reading, Venue};

/// Two squads of four.
const EVENT: Event = Event {
    drills: 2,
    shooters: 8,
    squad_size: 4,
};

/// Minutes from the evening to the next morning.
const NIGHT: u32 = 12 * 60;

/// Minutes in which devices that reach each other have long met.
const WHILE: u32 = 2;

/// Source: PROTOCOL R-CONTROL-12, R-CONTROL-15.
pub(super) fn transfer_overnight(venue: &mut dyn Venue) -> Outcome {
    let all @ [owner, one, two] = meet(venue, EVENT)?;
    open(venue, owner, &[(one, 1), (two, 2)], &all)?;
    let mut entries = vec![
        write(venue, owner, shot(1, 8, 1_800))?,
        write(venue, one, shot(1, 1, 1_100))?,
    ];
    agree(venue, &all)?;
    let past = venue.copy(owner);
    agree(venue, &[owner, one, two, past])?;

    // In the evening one tablet is packed away already, and so is the copy of the owner's card.
    venue.reach(Reach::Groups(vec![vec![owner, one, two]]));
    venue.kill(two);
    must_not(
        venue.transfer(owner, one),
        "E14",
        "a transfer before the consent",
    )?;
    must(venue.consent(one), "the new owner agrees")?;
    agree(venue, &[owner, one])?;
    must(venue.transfer(owner, one), "the owner hands over")?;
    agree(venue, &[owner, one])?;
    for device in [owner, one] {
        venue.kill(device);
    }
    venue.pass(NIGHT);
    for device in all {
        venue.start(device);
    }
    agree(venue, &all)?;

    // Who still has the old owner's key, and does not know, closes everything.
    let theft = venue.assign(past, &[one, two], CloseReason::Stolen, &[]);
    must(theft, "the copy believes that it owns the event")?;
    venue.reach(Reach::All);
    let every = [owner, one, two, past];
    agree(venue, &every)?;
    for device in [owner, past] {
        let opens = [Opening {
            device: two,
            drills: Vec::new(),
            squads: vec![1],
        }];
        let granted = venue.assign(device, &[], CloseReason::Handover, &opens);
        must_not(granted, "E02", "a grant of the owner of yesterday")?;
    }
    entries.push(write(venue, one, shot(1, 2, 1_200))?);
    entries.push(write(venue, two, shot(1, 5, 1_500))?);
    agree(venue, &every)?;
    each_counts_once(venue, &every, &entries)?;

    let amend = Amend {
        change: Amendment::Drill(third_drill()),
        note: "added in the morning".to_owned(),
    };
    must_not(
        venue.amend(owner, &amend),
        "E02",
        "a change by the old owner",
    )?;
    must(venue.amend(one, &amend), "the new owner adds a drill")?;
    let night = (&[two][..], CloseReason::Handover);
    reassign(venue, one, night, &[(owner, 2)], &every)?;
    refuses(venue, two, shot(3, 5, 3_500), "E02")?;
    entries.push(write(venue, owner, shot(3, 5, 3_500))?);
    agree(venue, &every)?;
    each_counts_once(venue, &every, &entries)?;
    no_forks(venue, &every)
}

fn third_drill() -> Drill {
    Drill {
        no: DrillNo(3),
        name: "Drill 3".to_owned(),
        method: Method::Comstock,
        strings: 1,
        required_hits: vec![2, 2],
        steel: 0,
        no_shoots: NoShoots::NotSaid,
        terms: Terms::default(),
    }
}

/// Source: PROTOCOL R-CONTROL-13.
pub(super) fn owner_dead_recovered(venue: &mut dyn Venue) -> Outcome {
    let all @ [owner, one, two] = meet(venue, EVENT)?;
    open(venue, owner, &[(one, 1), (two, 2)], &all)?;
    let mut entries = vec![
        write(venue, owner, shot(2, 8, 2_800))?,
        write(venue, one, shot(1, 1, 1_100))?,
    ];
    agree(venue, &all)?;
    venue.reach(Reach::Groups(vec![vec![one, two], vec![owner]]));
    let unsent = write(venue, owner, shot(2, 7, 2_700))?;
    venue.kill(owner);

    must(
        venue.recover(one, None, None),
        "the card makes an RO the owner",
    )?;
    agree(venue, &[one, two])?;
    entries.push(write(venue, two, shot(1, 5, 1_500))?);
    let fresh = venue.add("fresh", Kind::Tablet);
    venue.reach(Reach::All);
    venue.join(one, fresh, SCORER);
    let rest = [one, two, fresh];
    let dead = (&[two][..], CloseReason::Handover);
    reassign(venue, one, dead, &[(fresh, 2)], &rest)?;
    entries.push(write(venue, fresh, shot(1, 6, 1_600))?);
    agree(venue, &rest)?;
    each_counts_once(venue, &rest, &entries)?;

    // The old phone was only flat: it is a member like any other now.
    venue.start(owner);
    let every = [owner, one, two, fresh];
    agree(venue, &every)?;
    reads(venue, &every, unsent, Reading::Quarantined)?;
    refuses(venue, owner, shot(2, 6, 2_600), "E02")?;
    must(
        venue.adopt(one, &[unsent], Decision::Count),
        "the new owner adopts",
    )?;
    agree(venue, &every)?;
    entries.push(unsent);
    each_counts_once(venue, &every, &entries)?;
    no_forks(venue, &every)
}

/// Source: PROTOCOL R-CONTROL-13.
pub(super) fn owner_stolen_recovered(venue: &mut dyn Venue) -> Outcome {
    let all @ [owner, one, two, far] = meet(venue, EVENT)?;
    open(venue, owner, &[(one, 1), (two, 2)], &all)?;
    let before = [
        write(venue, owner, shot(2, 8, 2_800))?,
        write(venue, one, shot(1, 1, 1_100))?,
        write(venue, two, shot(1, 5, 1_500))?,
    ];
    agree(venue, &all)?;
    let friend = venue.add("friend", Kind::Tablet);
    venue.reach(Reach::Groups(vec![
        vec![owner, two, far, friend],
        vec![one],
    ]));
    let first = steal(venue, [owner, two, far, friend])?;

    // The RO with the card hears of it from a device that took the thief for the owner.
    venue.reach(Reach::Groups(vec![
        vec![one, two],
        vec![owner, far, friend],
    ]));
    agree(venue, &[one, two])?;
    let recovered = venue.recover(one, Some(RevokeReason::Stolen), Some(first));
    must(recovered, "the card takes the event from the thief")?;
    agree(venue, &[one, two])?;
    let honest = write(venue, two, shot(1, 6, 1_600))?;
    let stolen = [
        write(venue, friend, shot(1, 7, 300))?,
        write(venue, owner, shot(1, 8, 300))?,
    ];
    agree(venue, &[owner, far, friend])?;
    reads(venue, &[owner, far, friend], stolen[0], Reading::Counted)?;

    // The device that took the thieves' scores hears the truth while it is connected with them.
    venue.reach(Reach::All);
    let rest = [one, two, far];
    agree(venue, &rest)?;
    let handover = (&[one][..], CloseReason::Handover);
    reassign(venue, one, handover, &[(far, 1)], &rest)?;
    let secret = write(venue, far, shot(2, 1, 2_100))?;
    agree(venue, &rest)?;
    for entry in before.into_iter().chain([honest, secret]) {
        reads(venue, &rest, entry, Reading::Counted)?;
    }
    for entry in stolen {
        reads(venue, &rest, entry, Reading::Quarantined)?;
    }
    slot_is(venue, &rest, (1, 7), None)?;
    slot_is(venue, &rest, (1, 8), None)?;
    venue.pass(WHILE);
    for device in [owner, friend] {
        never_heard_of(venue, device, secret)?;
    }
    no_forks(venue, &rest)
}

/// A thief admits a friend with the owner's phone and gives it a squad; returns its first statement.
fn steal(
    venue: &mut dyn Venue,
    [owner, two, far, friend]: [DeviceNo; 4],
) -> Result<EntryId, String> {
    let before = venue.statements(two);
    venue.join(owner, friend, SCORER);
    let taken = (&[two][..], CloseReason::Handover);
    let all = [owner, two, far, friend];
    reassign(venue, owner, taken, &[(friend, 2)], &all)?;
    refuses(venue, two, shot(1, 6, 1_600), "E02")?;
    let statements = venue.statements(two);
    let first = statements.into_iter().find(|it| !before.contains(it));
    first.ok_or_else(|| "the thief's statements are not shown".to_owned())
}
