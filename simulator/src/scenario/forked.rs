//! A device signs two different entries for one place: a log with two branches.

use tallyline_keys::DeviceKey;
use tallyline_proto::{
    log::{Chain, Ledger, sign_head},
    model::{Entry, Incarnation, LogName},
    wire::{Frame, LogRef, Push, decode_bundle, encode_bundle, encode_entry, event_id},
};

use super::steps::{Outcome, SCORER, agree, meet, must, open, shot, slot_is, write};
use crate::{
    score,
    venue::{DeviceNo, Event, Kind, Reach, Reading, Seen, Shot, Venue},
};

/// Two squads of four.
const EVENT: Event = Event {
    drills: 2,
    shooters: 8,
    squad_size: 4,
};

/// Source: PROTOCOL R-CHAIN-7, R-CHAIN-8, R-CONTROL-14.
pub(super) fn fork_decided(venue: &mut dyn Venue) -> Outcome {
    let [owner, liar, two, three] = meet(venue, EVENT)?;
    let all = [owner, liar, two, three];
    open(venue, owner, &[(liar, 1), (two, 2)], &all)?;
    write(venue, liar, shot(1, 1, 1_100))?;
    agree(venue, &all)?;

    let rest = [owner, two, three];
    let forged = forge(venue, liar)?;
    venue.kill(liar);
    venue.reach(Reach::Groups(vec![vec![owner, two], vec![three]]));
    for (device, bundle) in [(two, &forged.bundles[0]), (three, &forged.bundles[1])] {
        must(venue.import(device, bundle), "a branch is taken")?;
    }
    agree(venue, &[owner, two])?;
    venue.reach(Reach::All);
    agree_on_the_fork(venue, &rest, forged.log)?;
    write(venue, two, shot(1, 5, 1_500))?;
    // All hold the same up to the fork; behind it each shows the branch that it heard first.
    venue.agree(&rest)?;
    slot_is(venue, &rest, (1, 1), Some(1_100))?;
    slot_is(venue, &rest, (1, 2), Some(1_200))?;
    slot_is(venue, &rest, (1, 3), None)?;
    slot_is(venue, &rest, (1, 4), None)?;
    slot_is(venue, &rest, (1, 5), Some(1_500))?;

    // The owner holds the first branch and believes the second one.
    let here = holds(&venue.seen(owner), 1_350);
    must(
        venue.adopt_branch(owner, forged.log, here),
        "the owner chooses a branch",
    )?;
    for device in rest {
        let what = "the chosen branch counts".to_owned();
        venue.until(device, &what, &mut |seen| holds(seen, 1_350))?;
    }
    let late = venue.add("late", Kind::Tablet);
    venue.join(owner, late, SCORER);
    venue.start(liar);
    let every = [owner, liar, two, three, late];
    agree(venue, &every)?;
    for (shooter, centis) in [
        (1, Some(1_100)),
        (2, Some(1_200)),
        (3, Some(1_350)),
        (4, Some(1_450)),
        (5, Some(1_500)),
    ] {
        slot_is(venue, &every, (1, shooter), centis)?;
    }
    for device in every {
        let seen = venue.seen(device);
        if let Some(found) = seen.iter().find(|it| it.reading != Reading::Counted) {
            return Err(format!("device {device} shows {found:?}"));
        }
    }
    Ok(())
}

/// Waits until every device holds the proof, so that nothing past the fork counts.
fn agree_on_the_fork(venue: &mut dyn Venue, devices: &[DeviceNo], log: LogName) -> Outcome {
    for &device in devices {
        let what = format!("two branches of {log:?} are disputed");
        venue.until(device, &what, &mut |seen| {
            seen.iter().any(|it| it.reading == Reading::Disputed)
        })?;
    }
    venue.agree(devices)
}

/// Returns whether a score with this time is among the entries.
fn holds(seen: &[Seen], centis: u32) -> bool {
    seen.iter().any(|it| it.centis == Some(centis))
}

/// A log with two branches.
struct Forged {
    log: LogName,
    /// Each holds one branch.
    bundles: [Vec<u8>; 2],
}

/// Writes with a device's key one log twice: the first score is the same, the second differs.
fn forge(venue: &mut dyn Venue, liar: DeviceNo) -> Result<Forged, String> {
    let key = DeviceKey::from_seed(venue.key_seed(liar));
    let bundle = venue.bundle(liar);
    let frames = decode_bundle(&bundle).map_err(|why| format!("the liar's bundle: {why}"))?;
    let Some(Frame::Welcome(manifest)) = frames.first().cloned() else {
        return Err("the liar's bundle has no manifest".to_owned());
    };
    let ledger = read(&manifest, frames)?;
    let mut grants = ledger.authority().grants().iter();
    let grant = grants.find(|(_, grant)| grant.key == key.public());
    let log = LogName {
        grant: *grant.ok_or("the liar has no grant")?.0,
        incarnation: Incarnation(1),
    };
    let branches = [
        vec![shot(1, 2, 1_200), shot(1, 3, 1_300)],
        vec![shot(1, 2, 1_200), shot(1, 3, 1_350), shot(1, 4, 1_450)],
    ];
    let bundles = branches.map(|shots| {
        let welcome = Frame::Welcome(manifest.clone());
        encode_bundle(&[welcome, Frame::Push(push(&ledger, &key, log, &shots))])
    });
    Ok(Forged { log, bundles })
}

fn read(manifest: &[u8], frames: Vec<Frame>) -> Result<Ledger, String> {
    let decoded = tallyline_proto::wire::decode_manifest(manifest);
    let decoded = decoded.map_err(|why| format!("the manifest: {why}"))?;
    let mut ledger = Ledger::new(event_id(manifest), decoded);
    for frame in frames {
        if let Frame::Push(push) = frame
            && let LogRef::Name(name) = push.log
        {
            let taken = ledger.take(name, push.from, &push.entries, &push.signature);
            taken.map_err(|why| format!("the liar's bundle holds {name:?}: {why:?}"))?;
        }
    }
    Ok(ledger)
}

/// Signs scores as a log of their own.
fn push(ledger: &Ledger, key: &DeviceKey, log: LogName, shots: &[Shot]) -> Push {
    let revision = ledger.authority().roster().revision();
    let entries: Vec<Vec<u8>> = shots
        .iter()
        .map(|it| {
            let entry = Entry {
                at_delta_ms: 1_000,
                revision,
                succession: Vec::new(),
                body: score(it.drill, it.shooter, it.centis, it.a),
            };
            encode_entry(&entry, None)
        })
        .collect();
    let event = ledger.event();
    let start = Chain::start(event, &log, &key.public());
    let chain = entries.iter().fold(start, |chain, it| chain.link(it));
    let height = u64::try_from(entries.len()).unwrap_or(u64::MAX);
    Push {
        log: LogRef::Name(log),
        from: 1,
        entries,
        signature: sign_head(key, event, &log, (height, chain)),
    }
}
