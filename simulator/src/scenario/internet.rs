//! The way to the cloud: two of them, one that flaps, one that breaks off, none for a day.

use tallyline_proto::model::EntryId;

use super::steps::{
    Outcome, agree, each_counts_once, in_cloud_everywhere, meet, open, shot, write,
};
use crate::venue::{DeviceNo, Event, Kind, Venue};

/// Two squads of five.
const EVENT: Event = Event {
    drills: 5,
    shooters: 10,
    squad_size: 5,
};

/// How often the venue has a signal for ten seconds, at most.
const WINDOWS_MAX: usize = 6;

/// A cloud, an owner and two tablets with a squad each; nobody has internet.
fn meet_without_internet(venue: &mut dyn Venue) -> Result<(DeviceNo, [DeviceNo; 3]), String> {
    let cloud = venue.add("cloud", Kind::Cloud);
    let all @ [owner, one, two] = meet(venue, EVENT)?;
    open(venue, owner, &[(one, 1), (two, 2)], &all)?;
    Ok((cloud, all))
}

/// Both tablets score their squads on a drill: ten scores.
fn score_drill(
    venue: &mut dyn Venue,
    [_, one, two]: [DeviceNo; 3],
    drill: u32,
    entries: &mut Vec<EntryId>,
) -> Outcome {
    for shooter in 1..=5 {
        entries.push(write(venue, one, shot(drill, shooter, 1_000 + shooter))?);
        entries.push(write(
            venue,
            two,
            shot(drill, shooter + 5, 1_000 + shooter),
        )?);
    }
    Ok(())
}

/// Waits until everything is in the cloud, once, and everybody says so.
fn all_in_cloud(
    venue: &mut dyn Venue,
    cloud: DeviceNo,
    all: [DeviceNo; 3],
    entries: &[EntryId],
) -> Outcome {
    let [owner, one, two] = all;
    agree(venue, &[cloud, owner, one, two])?;
    each_counts_once(venue, &[cloud, owner, one, two], entries)?;
    in_cloud_everywhere(venue, &all, entries)
}

/// Source: PROTOCOL R-CELL-4.
pub(super) fn two_gateways(venue: &mut dyn Venue) -> Outcome {
    let (cloud, all) = meet_without_internet(venue)?;
    let [owner, _, two] = all;
    let mut entries = Vec::new();
    score_drill(venue, all, 1, &mut entries)?;
    venue.internet(owner, true);
    venue.internet(two, true);
    score_drill(venue, all, 2, &mut entries)?;
    all_in_cloud(venue, cloud, all, &entries)?;
    // One of them goes; the other one is enough.
    venue.internet(owner, false);
    score_drill(venue, all, 3, &mut entries)?;
    all_in_cloud(venue, cloud, all, &entries)
}

/// Source: PROTOCOL R-SYNC-12.
pub(super) fn gateway_flapping(venue: &mut dyn Venue) -> Outcome {
    let (cloud, all) = meet_without_internet(venue)?;
    let [owner, _, _] = all;
    let mut entries = Vec::new();
    for drill in 1..=5 {
        venue.internet(owner, true);
        score_drill(venue, all, drill, &mut entries)?;
        venue.internet(owner, false);
        venue.pass(3);
    }
    agree(venue, &all)?;
    venue.internet(owner, true);
    all_in_cloud(venue, cloud, all, &entries)
}

/// Source: PROTOCOL R-SYNC-12.
pub(super) fn thirty_of_fifty(venue: &mut dyn Venue) -> Outcome {
    let (cloud, all) = meet_without_internet(venue)?;
    let [_, one, _] = all;
    venue.internet(one, true);
    let mut entries = Vec::new();
    for drill in 1..=3 {
        score_drill(venue, all, drill, &mut entries)?;
    }
    in_cloud_everywhere(venue, &[one], &entries)?;
    let first = entries.clone();
    // The way breaks while the rest is being written and sent.
    score_drill(venue, all, 4, &mut entries)?;
    venue.internet(one, false);
    score_drill(venue, all, 5, &mut entries)?;
    agree(venue, &all)?;
    let seen = venue.seen(one);
    let landed = seen.iter().filter(|it| it.in_cloud).count();
    if !(30..50).contains(&landed) {
        return Err(format!(
            "{landed} of 50 scores in the cloud while the last ten never had a way there"
        ));
    }
    in_cloud_everywhere(venue, &all, &first)?;
    venue.internet(one, true);
    all_in_cloud(venue, cloud, all, &entries)
}

/// One window is enough where nothing is lost; where a third of the frames is, what came through in one
/// is not sent again in the next.
///
/// Source: PROTOCOL R-SYNC-12.
pub(super) fn ten_seconds_of_signal(venue: &mut dyn Venue) -> Outcome {
    let (cloud, all) = meet_without_internet(venue)?;
    let mut entries = Vec::new();
    for drill in 1..=5 {
        score_drill(venue, all, drill, &mut entries)?;
    }
    agree(venue, &all)?;
    let mut windows = all.iter().cycle().take(WINDOWS_MAX);
    if !windows.any(|device| venue.signal(*device, cloud, 10)) {
        return Err(format!(
            "{WINDOWS_MAX} times ten seconds of signal, and not everything is in the cloud"
        ));
    }
    each_counts_once(venue, &[cloud], &entries)?;
    let [owner, ..] = all;
    venue.internet(owner, true);
    in_cloud_everywhere(venue, &all, &entries)
}

/// Source: PROTOCOL R-CELL-4.
pub(super) fn twelve_hours(venue: &mut dyn Venue) -> Outcome {
    let (cloud, all) = meet_without_internet(venue)?;
    let [_, _, two] = all;
    let mut entries = Vec::new();
    for drill in 1..=5 {
        venue.pass(144);
        score_drill(venue, all, drill, &mut entries)?;
    }
    agree(venue, &all)?;
    each_counts_once(venue, &all, &entries)?;
    for device in all {
        let seen = venue.seen(device);
        if let Some(early) = seen.iter().find(|it| it.in_cloud) {
            return Err(format!(
                "device {device} says without internet that it is in the cloud: {early:?}"
            ));
        }
    }
    let [owner, _, _] = all;
    let before = venue.standings(owner);
    venue.internet(two, true);
    all_in_cloud(venue, cloud, all, &entries)?;
    if venue.standings(cloud) != before {
        return Err("the cloud shows other standings than the venue".to_owned());
    }
    Ok(())
}
