//! What scenarios do again and again: meet, write, and compare what devices show.

use tallyline_proto::model::{CloseReason, EntryId, Roles};

use crate::venue::{DeviceNo, Event, Kind, Opening, Reading, Refused, Seen, Shot, Venue};

/// How a step or a scenario ends; the error says what came instead.
pub(super) type Outcome = Result<(), String>;

/// What a device may do that records scores and carries those of others.
pub(super) const SCORER: Roles = Roles(Roles::SCORER.0 | Roles::RELAY.0);

/// Adds an owner and tablets, founds an event and has everybody join. The first is the owner.
pub(super) fn meet<const N: usize>(
    venue: &mut dyn Venue,
    event: Event,
) -> Result<[DeviceNo; N], String> {
    let all: [DeviceNo; N] = std::array::from_fn(|place| {
        let label = if place == 0 {
            "owner".to_owned()
        } else {
            format!("tablet-{place}")
        };
        venue.add(&label, Kind::Tablet)
    });
    let (&owner, others) = all.split_first().ok_or("a venue has an owner")?;
    venue.found(owner, event);
    for &other in others {
        venue.join(owner, other, SCORER);
    }
    agree(venue, &all)?;
    Ok(all)
}

/// Opens grants for all drills of whole squads, and waits until these devices know.
pub(super) fn open(
    venue: &mut dyn Venue,
    owner: DeviceNo,
    squads: &[(DeviceNo, u32)],
    devices: &[DeviceNo],
) -> Outcome {
    reassign(venue, owner, (&[], CloseReason::Handover), squads, devices)
}

/// Closes all grants of some devices, opens others, and waits until these devices know.
pub(super) fn reassign(
    venue: &mut dyn Venue,
    owner: DeviceNo,
    (closing_of, reason): (&[DeviceNo], CloseReason),
    squads: &[(DeviceNo, u32)],
    devices: &[DeviceNo],
) -> Outcome {
    let opening = |&(device, squad): &(DeviceNo, u32)| Opening {
        device,
        drills: Vec::new(),
        squads: vec![squad],
    };
    let opens: Vec<Opening> = squads.iter().map(opening).collect();
    venue
        .assign(owner, closing_of, reason, &opens)
        .map_err(|why| format!("device {owner} assigns {opens:?}: {why}"))?;
    agree(venue, devices)
}

/// Waits until devices agree, and compares every entry that they show.
pub(super) fn agree(venue: &mut dyn Venue, devices: &[DeviceNo]) -> Outcome {
    venue.agree(devices)?;
    let Some((&first, others)) = devices.split_first() else {
        return Ok(());
    };
    let expected = readings(&venue.seen(first));
    for &other in others {
        let found = readings(&venue.seen(other));
        if found != expected {
            return Err(format!(
                "devices {first} and {other} agree and read entries differently: {expected:?} \
                 against {found:?}"
            ));
        }
    }
    Ok(())
}

/// Returns entries and how they are read, in an order of their own.
fn readings(seen: &[Seen]) -> Vec<(String, Reading)> {
    let mut all: Vec<_> = seen
        .iter()
        .map(|it| (it.id.to_string(), it.reading))
        .collect();
    all.sort();
    all
}

/// Returns a score with three hits in the A zone.
pub(super) fn shot(drill: u32, shooter: u32, centis: u32) -> Shot {
    Shot {
        drill,
        shooter,
        centis,
        a: 3,
    }
}

/// Records a score that must be taken.
pub(super) fn write(
    venue: &mut dyn Venue,
    device: DeviceNo,
    shot: Shot,
) -> Result<EntryId, String> {
    venue
        .score(device, shot, None)
        .map_err(|why| format!("device {device} records {shot:?}: {why}"))
}

/// Records a score that must be refused with a code.
pub(super) fn refuses(venue: &mut dyn Venue, device: DeviceNo, shot: Shot, code: &str) -> Outcome {
    match venue.score(device, shot, None) {
        Err(Refused::Code(found)) if found == code => Ok(()),
        Err(why) => Err(format!(
            "device {device} on {shot:?}: {why}, expected {code}"
        )),
        Ok(_) => Err(format!("device {device} took {shot:?}, expected {code}")),
    }
}

/// Says what was done when it did not work.
pub(super) fn must<T>(outcome: Result<T, Refused>, what: &str) -> Result<T, String> {
    outcome.map_err(|why| format!("{what}: {why}"))
}

/// Fails unless something was refused with a code.
pub(super) fn must_not<T>(outcome: Result<T, Refused>, code: &str, what: &str) -> Outcome {
    match outcome {
        Err(Refused::Code(found)) if found == code => Ok(()),
        Err(why) => Err(format!("{what}: {why}, expected {code}")),
        Ok(_) => Err(format!("{what} was taken, expected {code}")),
    }
}

/// Fails if a device shows an entry.
pub(super) fn never_heard_of(venue: &mut dyn Venue, device: DeviceNo, entry: EntryId) -> Outcome {
    match venue.seen(device).into_iter().find(|it| it.id == entry) {
        Some(found) => Err(format!("device {device} shows {found:?}")),
        None => Ok(()),
    }
}

/// Compares how devices read an entry.
pub(super) fn reads(
    venue: &mut dyn Venue,
    devices: &[DeviceNo],
    entry: EntryId,
    reading: Reading,
) -> Outcome {
    for &device in devices {
        let seen = venue.seen(device);
        let found = seen.iter().find(|it| it.id == entry);
        if found.map(|it| it.reading) != Some(reading) {
            return Err(format!(
                "device {device} shows entry {entry} as {found:?}, expected {reading:?}"
            ));
        }
    }
    Ok(())
}

/// Waits until a device reads an entry in a way: for devices that are not known to agree yet.
pub(super) fn comes_to_read(
    venue: &mut dyn Venue,
    device: DeviceNo,
    entry: EntryId,
    reading: Reading,
) -> Outcome {
    let what = format!("device {device} reads entry {entry} as {reading:?}");
    venue.until(device, &what, &mut |seen| {
        seen.iter()
            .any(|it| it.id == entry && it.reading == reading)
    })
}

/// Compares a slot on devices: exactly one score counts there, with this time; `None`: none does.
pub(super) fn slot_is(
    venue: &mut dyn Venue,
    devices: &[DeviceNo],
    (drill, shooter): (u32, u32),
    centis: Option<u32>,
) -> Outcome {
    for &device in devices {
        let seen = venue.seen(device);
        let counting: Vec<u32> = seen
            .iter()
            .filter(|it| it.drill == Some(drill) && it.shooter == shooter && counts(it))
            .filter_map(|it| it.centis)
            .collect();
        if counting != Vec::from_iter(centis) {
            return Err(format!(
                "device {device} counts {counting:?} for shooter {shooter} on drill {drill}, \
                 expected {centis:?}"
            ));
        }
    }
    Ok(())
}

/// Compares all scores on devices: exactly these, each once, and each counts.
pub(super) fn each_counts_once(
    venue: &mut dyn Venue,
    devices: &[DeviceNo],
    entries: &[EntryId],
) -> Outcome {
    let mut expected: Vec<String> = entries.iter().map(ToString::to_string).collect();
    expected.sort();
    for &device in devices {
        let seen = venue.seen(device);
        let scores = seen.iter().filter(|it| it.centis.is_some());
        let mut found: Vec<String> = scores.clone().map(|it| it.id.to_string()).collect();
        found.sort();
        if found != expected {
            return Err(format!(
                "device {device} shows {} scores, expected {}: {found:?} against {expected:?}",
                found.len(),
                expected.len()
            ));
        }
        if let Some(out) = scores.clone().find(|it| !counts(it)) {
            return Err(format!("device {device} does not count {out:?}"));
        }
    }
    Ok(())
}

/// Waits until every device shows all these entries as in the cloud.
pub(super) fn in_cloud_everywhere(
    venue: &mut dyn Venue,
    devices: &[DeviceNo],
    entries: &[EntryId],
) -> Outcome {
    for &device in devices {
        let what = format!(
            "all {} scores in the cloud, on device {device}",
            entries.len()
        );
        venue.until(device, &what, &mut |seen| {
            entries
                .iter()
                .all(|id| seen.iter().any(|it| it.id == *id && it.in_cloud))
        })?;
    }
    Ok(())
}

/// Fails if any device ever found two different entries at one place of a log.
pub(super) fn no_forks(venue: &mut dyn Venue, devices: &[DeviceNo]) -> Outcome {
    for &device in devices {
        let forks = venue.refusals(device, "fork");
        if forks != 0 {
            return Err(format!(
                "device {device} found {forks} forks, expected none"
            ));
        }
        let seen = venue.seen(device);
        if let Some(found) = seen.iter().find(|it| it.reading == Reading::Disputed) {
            return Err(format!("device {device} disputes {found:?}"));
        }
    }
    Ok(())
}

fn counts(seen: &Seen) -> bool {
    matches!(seen.reading, Reading::Counted | Reading::CountedLate)
}
