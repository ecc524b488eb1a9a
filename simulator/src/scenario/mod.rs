//! Named days at a range, each with what must come of it.
//!
//! A scenario acts on a [`Venue`] and looks at it through the same trait, so that it runs under
//! virtual time and with real processes. It fails with a sentence that names the device and what
//! it shows instead. Clouds are added first: a device is told at its start where the cloud is.

mod closing;
mod devices;
mod forked;
mod internet;
mod keys;
mod ownership;
mod people;
pub mod real_match;
mod sealed;
mod standing_in;
mod steps;

use crate::venue::Venue;

/// A named day with its expected outcome.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    /// Its name, in words with dashes.
    pub name: &'static str,
    /// What happens and what must come of it, in one sentence.
    pub what: &'static str,
    /// Plays it on a venue without devices; the error says what came instead.
    pub run: fn(&mut dyn Venue) -> Result<(), String>,
}

/// Name and content of the scenario that is no [`Scenario`]: it needs more than a [`Venue`] can do.
pub const REAL_MATCH: (&str, &str) = (
    "real-match",
    "a whole real match on nine devices with random cuts and kills; every row equals the official \
     results on every device",
);

/// Returns names and contents of everything that can be played by name.
pub fn names() -> impl Iterator<Item = (&'static str, &'static str)> {
    let scenarios = SCENARIOS.iter().map(|it| (it.name, it.what));
    scenarios.chain([REAL_MATCH])
}

/// All scenarios.
pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "late-shooter",
        what: "the owner adds, moves and withdraws shooters; every device shows it and what was \
               shot stays",
        run: people::late_shooter,
    },
    Scenario {
        name: "wrong-shooter",
        what: "a score saved for the wrong shooter is voided and entered for the right one by the \
               same RO; every device shows it so",
        run: people::wrong_shooter,
    },
    Scenario {
        name: "handover",
        what: "a tablet's squad goes to another tablet; the new one counts, the old one is refused",
        run: people::handover,
    },
    Scenario {
        name: "multi-day",
        what: "everything is off over night and tablets change hands; nothing is lost and scoring \
               goes on",
        run: people::multi_day,
    },
    Scenario {
        name: "device-swap-nothing-reentered",
        what: "a dead tablet comes back with unsent scores that nobody entered again; they count \
               without a question",
        run: devices::swap_nothing_reentered,
    },
    Scenario {
        name: "device-swap-same-reentered",
        what: "a dead tablet comes back with scores that were entered again alike; each counts once",
        run: devices::swap_same_reentered,
    },
    Scenario {
        name: "device-swap-other-reentered",
        what: "a dead tablet comes back with a score that was entered again differently; a person \
               decides, and every device follows",
        run: devices::swap_other_reentered,
    },
    Scenario {
        name: "owner-dies",
        what: "the owner's device is gone; ROs go on scoring, and the owner's key on another device \
               gets everything back and grants again",
        run: devices::owner_dies,
    },
    Scenario {
        name: "stolen-phone",
        what: "what a stolen tablet wrote before the cut counts; what it writes afterwards never \
               does",
        run: devices::stolen_phone,
    },
    Scenario {
        name: "cloned-card",
        what: "a copy of a tablet's card runs beside it and both write; nothing is lost and nothing \
               is signed twice",
        run: devices::cloned_card,
    },
    Scenario {
        name: "two-gateways",
        what: "two devices upload at the same time; the cloud has each entry once",
        run: internet::two_gateways,
    },
    Scenario {
        name: "gateway-flapping",
        what: "the only way to the cloud comes and goes during the match; in the end everything is \
               there once",
        run: internet::gateway_flapping,
    },
    Scenario {
        name: "thirty-of-fifty-uploaded",
        what: "the internet breaks off when 30 of 50 scores are in the cloud; the upload goes on \
               from there and all 50 are there once",
        run: internet::thirty_of_fifty,
    },
    Scenario {
        name: "ten-seconds-of-signal",
        what: "nobody has internet but for ten seconds, now one device, now another; what all of them \
               wrote reaches the cloud through whichever has it",
        run: internet::ten_seconds_of_signal,
    },
    Scenario {
        name: "twelve-hours-offline",
        what: "twelve hours without internet; then one device has it, and every device says that \
               all is in the cloud",
        run: internet::twelve_hours,
    },
    Scenario {
        name: "revoked-late-news",
        what: "two tablets are revoked and write on until they hear of it; what the retired one \
               wrote is late, what the stolen one wrote waits until the owner adopts it",
        run: keys::revoked_late_news,
    },
    Scenario {
        name: "clone-revoked",
        what: "the owner revokes the key of a tablet that runs twice and enrols two new ones; \
               nothing is lost, and what the copy still had waits for the owner",
        run: keys::clone_revoked,
    },
    Scenario {
        name: "rolled-back-device",
        what: "a tablet's card is put back to an older state; it gets its own entries back and \
               goes on without signing anything twice",
        run: keys::rolled_back_device,
    },
    Scenario {
        name: "swap-by-deputy",
        what: "the owner is away; a deputy admits a phone that takes a dead one's squad, and \
               devices that never heard of the deputy accept it",
        run: standing_in::swap_by_deputy,
    },
    Scenario {
        name: "swap-by-spare-card",
        what: "nobody can grant anything; a spare card's entries reach the cloud and count once \
               the owner is back, beside what the old phone still had",
        run: standing_in::swap_by_spare_card,
    },
    Scenario {
        name: "two-grants-one-partition",
        what: "owner and deputy, and two devices with the owner's key, grant one squad twice; all \
               agree who has it, and what the other one wrote is late",
        run: standing_in::two_grants_one_partition,
    },
    Scenario {
        name: "transfer-overnight",
        what: "the event gets another owner in the evening; in the morning everybody knows, and \
               what the old owner's key says changes nothing",
        run: ownership::transfer_overnight,
    },
    Scenario {
        name: "owner-dead-recovered",
        what: "the owner's phone is dead and a recovery card makes an RO the owner; all grants \
               stand and scoring goes on",
        run: ownership::owner_dead_recovered,
    },
    Scenario {
        name: "owner-stolen-recovered",
        what: "a thief grants and admits with the owner's phone; the recovery card takes the event \
               back, what the thief did is void, and honest grants stand",
        run: ownership::owner_stolen_recovered,
    },
    Scenario {
        name: "fork-decided",
        what: "a device signs two branches of one log; both are disputed until the owner chooses \
               one, which then counts on every device",
        run: forked::fork_decided,
    },
    Scenario {
        name: "event-close",
        what: "the owner's last call seals all logs; the event closes when nobody is missing but \
               who is declared lost, and what comes later is late",
        run: closing::event_close,
    },
    Scenario {
        name: "erase",
        what: "what was reported of somebody is read by jury and owner; the owner erases it, and \
               nobody reads it any more, not even who was away with the key",
        run: sealed::erase,
    },
];

/// Returns the scenario of a name.
pub fn named(name: &str) -> Option<&'static Scenario> {
    SCENARIOS.iter().find(|scenario| scenario.name == name)
}
