//! What people do on any day: add and move shooters, correct, hand over, go home.

use tallyline_proto::model::{
    CloseReason, Entrant, EntryId, PowerFactor, RosterChange, Shooter, ShooterEdit, ShooterNo,
    SquadNo, VoidReason,
};

use super::steps::{
    Outcome, agree, each_counts_once, meet, no_forks, open, reads, reassign, refuses, shot,
    slot_is, write,
};
use crate::venue::{Event, Reach, Reading, Venue};

/// Two squads of three.
const EVENT: Event = Event {
    drills: 2,
    shooters: 6,
    squad_size: 3,
};

/// Source: PROTOCOL R-CONTROL-8.
pub(super) fn late_shooter(venue: &mut dyn Venue) -> Outcome {
    let all @ [owner, one, two] = meet(venue, EVENT)?;
    open(venue, owner, &[(one, 1), (two, 2)], &all)?;
    let early = write(venue, one, shot(1, 1, 1_000))?;
    let leaver = write(venue, two, shot(1, 5, 1_100))?;
    agree(venue, &all)?;

    let late = Shooter {
        no: ShooterNo(7),
        label: "Shooter 007".to_owned(),
        division: 0,
        power_factor: PowerFactor::Minor,
        squad: SquadNo(2),
        categories: Vec::new(),
        entrant: Entrant::default(),
    };
    refuses(venue, two, shot(1, 7, 900), "E01")?;
    change(venue, owner, &RosterChange::Add(late))?;
    agree(venue, &all)?;
    refuses(venue, one, shot(1, 7, 900), "E02")?;
    let added = write(venue, two, shot(1, 7, 900))?;
    agree(venue, &all)?;

    let moved = ShooterEdit {
        shooter: ShooterNo(1),
        squad: Some(SquadNo(2)),
        division: None,
        power_factor: None,
        categories: None,
        entrant: None,
        label: None,
    };
    change(venue, owner, &RosterChange::Edit(moved))?;
    agree(venue, &all)?;
    let after = write(venue, two, shot(2, 1, 1_200))?;
    agree(venue, &all)?;
    each_counts_once(venue, &all, &[early, leaver, added, after])?;

    let before = venue.standings(one);
    venue
        .withdraw(owner, 5)
        .map_err(|why| format!("the owner withdraws shooter 5: {why}"))?;
    agree(venue, &all)?;
    refuses(venue, two, shot(2, 5, 1_300), "E11")?;
    each_counts_once(venue, &all, &[early, leaver, added, after])?;
    for device in all {
        if venue.standings(device) == before {
            return Err(format!("device {device} still lists who has withdrawn"));
        }
    }
    Ok(())
}

fn change(venue: &mut dyn Venue, owner: usize, change: &RosterChange) -> Outcome {
    venue
        .roster(owner, change)
        .map_err(|why| format!("the owner changes the roster by {change:?}: {why}"))
}

/// Source: PROTOCOL R-READ-3.
pub(super) fn wrong_shooter(venue: &mut dyn Venue) -> Outcome {
    let all @ [owner, one, two] = meet(venue, EVENT)?;
    open(venue, owner, &[(one, 1), (two, 2)], &all)?;
    // Once while all see each other, once while the RO is alone.
    let wrong = write(venue, one, shot(1, 1, 1_000))?;
    agree(venue, &all)?;
    slot_is(venue, &all, (1, 1), Some(1_000))?;
    let right = correct(venue, one, wrong, 2)?;
    agree(venue, &all)?;
    reads(venue, &all, wrong, Reading::Voided)?;
    reads(venue, &all, right, Reading::Counted)?;

    venue.reach(Reach::Groups(vec![vec![owner, two], vec![one]]));
    let wrong = write(venue, one, shot(2, 1, 1_000))?;
    let right = correct(venue, one, wrong, 3)?;
    write(venue, two, shot(2, 4, 1_500))?;
    venue.reach(Reach::All);
    agree(venue, &all)?;
    reads(venue, &all, wrong, Reading::Voided)?;
    reads(venue, &all, right, Reading::Counted)?;
    for (slot, centis) in [
        ((1, 1), None),
        ((1, 2), Some(1_000)),
        ((2, 1), None),
        ((2, 3), Some(1_000)),
        ((2, 4), Some(1_500)),
    ] {
        slot_is(venue, &all, slot, centis)?;
    }
    Ok(())
}

/// Enters a score for the right shooter and voids that of the wrong one in the same breath.
fn correct(
    venue: &mut dyn Venue,
    device: usize,
    wrong: EntryId,
    right: u32,
) -> Result<EntryId, String> {
    let drill = venue
        .seen(device)
        .iter()
        .find(|it| it.id == wrong)
        .and_then(|it| it.drill)
        .ok_or_else(|| format!("device {device} does not show entry {wrong}"))?;
    let replaces = Some((wrong, VoidReason::WrongShooter));
    venue
        .score(device, shot(drill, right, 1_000), replaces)
        .map_err(|why| format!("device {device} corrects entry {wrong}: {why}"))
}

/// Source: PROTOCOL R-CONTROL-4.
pub(super) fn handover(venue: &mut dyn Venue) -> Outcome {
    let all @ [owner, one, two] = meet(venue, EVENT)?;
    open(venue, owner, &[(one, 1)], &all)?;
    let before = write(venue, one, shot(1, 1, 1_000))?;
    agree(venue, &all)?;
    refuses(venue, two, shot(1, 2, 1_000), "E02")?;
    reassign(
        venue,
        owner,
        (&[one], CloseReason::Handover),
        &[(two, 1)],
        &all,
    )?;
    refuses(venue, one, shot(1, 2, 1_000), "E02")?;
    let after = write(venue, two, shot(1, 2, 1_100))?;
    let corrected = venue
        .score(two, shot(1, 1, 1_050), Some((before, VoidReason::Time)))
        .map_err(|why| format!("the new device corrects what the old one wrote: {why}"))?;
    agree(venue, &all)?;
    reads(venue, &all, before, Reading::Voided)?;
    reads(venue, &all, after, Reading::Counted)?;
    reads(venue, &all, corrected, Reading::Counted)
}

/// Source: PROTOCOL R-LOG-2.
pub(super) fn multi_day(venue: &mut dyn Venue) -> Outcome {
    let all @ [owner, one, two] = meet(venue, EVENT)?;
    open(venue, owner, &[(one, 1), (two, 2)], &all)?;
    let mut entries = Vec::new();
    for shooter in 1..=3 {
        entries.push(write(venue, one, shot(1, shooter, 1_000 + shooter))?);
        entries.push(write(venue, two, shot(1, shooter + 3, 1_000 + shooter))?);
    }
    agree(venue, &all)?;
    let evening = venue.standings(owner);

    for device in all {
        venue.kill(device);
    }
    venue.pass(12 * 60);
    for device in all {
        venue.start(device);
    }
    agree(venue, &all)?;
    each_counts_once(venue, &all, &entries)?;
    for device in all {
        if venue.standings(device) != evening {
            return Err(format!(
                "device {device} shows other standings than at night"
            ));
        }
    }

    let night = (&[one, two][..], CloseReason::Handover);
    reassign(venue, owner, night, &[(two, 1), (one, 2)], &all)?;
    refuses(venue, one, shot(2, 1, 2_000), "E02")?;
    refuses(venue, two, shot(2, 4, 2_000), "E02")?;
    for shooter in 1..=3 {
        entries.push(write(venue, two, shot(2, shooter, 2_000 + shooter))?);
        entries.push(write(venue, one, shot(2, shooter + 3, 2_000 + shooter))?);
    }
    agree(venue, &all)?;
    each_counts_once(venue, &all, &entries)?;
    no_forks(venue, &all)
}
