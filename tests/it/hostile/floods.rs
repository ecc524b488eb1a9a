//! I12 to I14 of the plan with real processes: whatever strangers do, a node stays small, a score
//! is saved at once, and honest devices agree.

use std::time::Duration;

use tallyline_tests::hostile::Figures;
use tallyline_tests::hostile::flood::{Forgeries, Initials, Strangers};
use tallyline_tests::hostile::namespace::Namespace;
use tallyline_tests::hostile::venue::Venue;
use tallyline_tests::hostile::wait::{now, until};
use tallyline_tests::process::Broken;

/// How long a flood lasts.
const FLOOD: Duration = Duration::from_secs(5);

/// First packets a second.
const RATE: u32 = 1_000;

/// How long a score may take to be saved in a flood. The promise is one second for 99 of 100; what
/// is asserted leaves a loaded test machine its time, and the figures are printed.
const SAVED_MAX: Duration = Duration::from_secs(5);

/// Bytes by which a root may grow while strangers do what they like, beside the scores saved in it:
/// one step of the store's file.
const GROWTH_MAX: u64 = 2 * 1024 * 1024;

/// How long a device that was restarted may take to be linked again where it remembers.
const BACK_MAX: Duration = Duration::from_secs(15);

/// How long one that remembers nothing may take to be found after a flood: mDNS is asked anew
/// every 30 s while somebody is missing.
const FOUND_MAX: Duration = Duration::from_secs(65);

/// Returns the place below which so many of 100 lie.
fn percentile(sorted: &[Duration], of_100: usize) -> Duration {
    let last = sorted.len() - 1;
    sorted[last * of_100 / 100]
}

/// Saves scores as long as it may, and returns how long each took, sorted.
fn save_scores(venue: &Venue, time: Duration) -> Vec<Duration> {
    let begin = now();
    let mut times = Vec::new();
    // Squads 5 and 4 of both drills; the owner writes anywhere.
    for (drill, shooter) in [1, 2]
        .iter()
        .flat_map(|&drill| (31..=50).map(move |it| (drill, it)))
    {
        let saved = now();
        venue.owner.score(drill, shooter).expect("saved");
        times.push(saved.elapsed());
        // People do not type faster, and a flood shall meet all of them.
        let next = time * u32::try_from(times.len()).unwrap() / 40;
        until("the next score", time, || Ok(next <= begin.elapsed())).expect("time goes on");
    }
    times.sort();
    times
}

/// Waits until owner and tablet are linked, and returns how long that took.
fn linked(venue: &Venue, deadline: Duration) -> Result<Duration, Broken> {
    until("the tablet is linked", deadline, || {
        Ok(venue.owner.links("tablet")? == 1 && venue.tablet.links("owner")? == 1)
    })
}

/// Checks what a flood cost, and prints the figures.
fn survived(mut venue: Venue, name: &str, sent: &str, times: &[Duration], bytes: u64) {
    let honest = venue.honest_exchange().expect("an honest pair goes on");
    let mut figures = Figures::default();
    venue.owner.sound(&mut figures).expect("the owner is sound");
    venue
        .tablet
        .sound(&mut figures)
        .expect("the tablet is sound");
    let grown = venue.owner.root_bytes().unwrap().saturating_sub(bytes);
    let (half, most) = (percentile(times, 50), percentile(times, 99));
    eprintln!(
        "{name}: {sent}; saved {} scores, p50 {half:?}, p99 {most:?}; peak {} KiB, {} files, \
         root grew {grown} B; \
         honest exchange {honest:?}",
        times.len(),
        figures.peak_kib,
        figures.files
    );
    assert!(most < SAVED_MAX, "{name}: p99 {most:?}");
    assert!(grown <= GROWTH_MAX, "{name}: the root grew by {grown} B");
}

#[test]
fn strangers_first_packets_keep_no_score_waiting() {
    let mut venue = Venue::start().expect("a venue");
    let bytes = venue.owner.root_bytes().unwrap();
    let flood = Initials::start(venue.owner.address().unwrap(), RATE, FLOOD).expect("a flood");
    let times = save_scores(&venue, FLOOD);
    venue
        .honest_exchange()
        .expect("a score goes over meanwhile");
    let sent = flood.over().expect("the flood ends");
    assert!(RATE < u32::try_from(sent.packets).unwrap(), "{sent:?}");
    let sent = format!(
        "{} first packets, {} asked to prove their address",
        sent.packets, sent.retries
    );
    survived(venue, "first packets", &sent, &times, bytes);
}

#[test]
fn strangers_handshakes_and_random_frames_keep_no_score_waiting() {
    let mut venue = Venue::start().expect("a venue");
    let bytes = venue.owner.root_bytes().unwrap();
    let flood = Strangers::start(venue.owner.address().unwrap(), 8).expect("a flood");
    let times = save_scores(&venue, FLOOD);
    venue
        .honest_exchange()
        .expect("a score goes over meanwhile");
    let made = flood.end().expect("the flood ends");
    assert!(100 < made, "only {made} connections were made");
    survived(
        venue,
        "strangers",
        &format!("{made} connections with random frames"),
        &times,
        bytes,
    );
}

#[test]
fn strangers_forged_records_keep_no_score_waiting_and_nobody_out() {
    let namespace = match Namespace::create() {
        Ok(namespace) => namespace,
        Err(why) => {
            assert!(!crate::netns::must_run(), "{why}, and here it must run");
            return eprintln!("SKIPPED: {why}");
        }
    };
    let mut venue = Venue::start_in(&namespace).expect("a venue");
    let bytes = venue.owner.root_bytes().unwrap();
    let flood = Forgeries::start(namespace.mouth().expect("a socket"));
    let times = save_scores(&venue, FLOOD);
    venue
        .honest_exchange()
        .expect("a score goes over meanwhile");
    // A device that remembers where the others were needs no discovery.
    venue
        .restart_tablet_alone(&namespace.before(), |_| Ok(()))
        .expect("it starts again");
    let again = linked(&venue, BACK_MAX).expect("in the middle of the flood");
    let made = flood.end().expect("the flood ends");
    assert!(5_000 < made, "only {made} devices were announced");
    venue
        .restart_tablet_alone(&namespace.before(), |root| {
            std::fs::remove_file(root.join("peers.json")).expect("it remembers nobody");
            Ok(())
        })
        .expect("it starts again");
    let found = linked(&venue, FOUND_MAX).expect("when the flood is over");
    let sent = format!(
        "{made} forged devices; a restarted device was back after {again:?}, and one without a \
         memory, after the flood, after {found:?}"
    );
    survived(venue, "forged records", &sent, &times, bytes);
}
