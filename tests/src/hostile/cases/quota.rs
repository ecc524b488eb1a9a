//! Input 55: a member that writes for ever.

use tallyline_proto::log::{DEVICE_ENTRIES_MAX, LOG_ENTRIES_MAX};
use tallyline_proto::wire::Frame;

use crate::hostile::Outcome;
use crate::hostile::lies::Forged;
use crate::hostile::venue::Venue;
use crate::hostile::wait::{DEADLINE, ensure, until};
use crate::process::Broken;

/// Entries in one chunk of the flood.
const CHUNK: u64 = 250;

/// Input 55.
pub(crate) fn writes_for_ever() -> Result<Outcome, Broken> {
    let venue = Venue::start()?;
    let known = venue.owner.known()?;
    let event = known.event();
    let grant = known.grant(&venue.liar.public())?;
    let before = venue.owner.entries()?;
    let mut link = venue.to_owner()?;
    let mut chunks = 0;
    for incarnation in 551..=553 {
        let mut log = Forged::begin(&venue.liar, event, grant, incarnation);
        for number in 1..=LOG_ENTRIES_MAX + CHUNK {
            let shooter = 11 + u32::try_from(number % 10).unwrap_or_default();
            log.score(1, shooter, 700);
            if number % CHUNK == 0 {
                link.say(&Frame::Push(log.push()))?;
                chunks += 1;
            }
        }
    }
    let taken = before + DEVICE_ENTRIES_MAX;
    for node in [&venue.owner, &venue.tablet] {
        until("the quota is full", DEADLINE, || {
            Ok(node.entries()? == taken)
        })
        .map_err(|_| Broken::new(format!("{:?} entries, not {taken}", node.entries())))?;
    }
    let refused = chunks - DEVICE_ENTRIES_MAX / CHUNK;
    until("the rest is refused", DEADLINE, || {
        Ok(refused <= venue.owner.refused("quota")? + venue.owner.refused("gap")?)
    })?;
    let counted = venue.owner.refused("quota")?;
    ensure(3 <= counted, || format!("the owner is told of {counted}"))?;
    venue.done(format!(
        "{DEVICE_ENTRIES_MAX} entries taken, 10,000 in a log; {counted} chunks refused by quota; the others' \
         scores go on"
    ))
}
