//! Scoring is over: writers seal, and the owner closes the event.

use tallyline_proto::model::EntryId;

use super::steps::{
    Outcome, agree, each_counts_once, meet, must, must_not, no_forks, open, reads, refuses, shot,
    write,
};
use crate::venue::{DeviceNo, Event, Reach, Reading, Venue};

/// Three squads of three.
const EVENT: Event = Event {
    drills: 2,
    shooters: 9,
    squad_size: 3,
};

/// Source: PROTOCOL R-CONTROL-16, R-CONTROL-17.
pub(super) fn event_close(venue: &mut dyn Venue) -> Outcome {
    let all @ [owner, one, away, lost] = meet(venue, EVENT)?;
    open(venue, owner, &[(one, 1), (away, 2), (lost, 3)], &all)?;
    let mut entries = vec![
        write(venue, one, shot(1, 1, 1_100))?,
        write(venue, away, shot(1, 4, 1_400))?,
        write(venue, lost, shot(1, 7, 1_700))?,
    ];
    agree(venue, &all)?;
    must_not(
        venue.close_event(owner, &[]),
        "E12",
        "an end before the last call",
    )?;

    venue.reach(Reach::Groups(vec![
        vec![owner, one],
        vec![away],
        vec![lost],
    ]));
    must(
        venue.last_call(owner),
        "the owner says that scoring is over",
    )?;
    entries.push(write(venue, away, shot(1, 5, 1_500))?);
    let unsent = write(venue, lost, shot(1, 8, 1_800))?;
    venue.kill(lost);
    agree(venue, &[owner, one])?;
    refuses(venue, one, shot(1, 2, 1_200), "E12")?;
    must_not(
        venue.close_event(owner, &[lost]),
        "E12",
        "an end while a device is away",
    )?;

    venue.reach(Reach::All);
    let rest = [owner, one, away];
    agree(venue, &rest)?;
    must_not(
        venue.close_event(owner, &[]),
        "E12",
        "an end without the one that never comes",
    )?;
    closes(venue, owner, lost, &rest)?;
    agree(venue, &rest)?;
    each_counts_once(venue, &rest, &entries)?;
    let standings = venue.standings(owner);
    after_the_end(venue, all, unsent, &standings)
}

/// The owner closes as soon as all seals have arrived.
fn closes(venue: &mut dyn Venue, owner: DeviceNo, lost: DeviceNo, rest: &[DeviceNo]) -> Outcome {
    agree(venue, rest)?;
    must(
        venue.close_event(owner, &[lost]),
        "the owner closes, one device is declared lost",
    )
}

/// What comes later is late: a score that the owner enters, and what the lost device had.
fn after_the_end(
    venue: &mut dyn Venue,
    all: [DeviceNo; 4],
    unsent: EntryId,
    standings: &str,
) -> Outcome {
    let [owner, one, away, lost] = all;
    let entered = write(venue, owner, shot(2, 9, 2_900))?;
    agree(venue, &[owner, one, away])?;
    reads(venue, &[owner, one, away], entered, Reading::CountedLate)?;
    venue.start(lost);
    agree(venue, &all)?;
    for entry in [entered, unsent] {
        reads(venue, &all, entry, Reading::CountedLate)?;
    }
    for device in all {
        if venue.standings(device) == standings {
            return Err(format!("device {device} shows nothing of what came late"));
        }
    }
    refuses(venue, lost, shot(1, 9, 1_900), "E12")?;
    no_forks(venue, &all)
}
