//! The second tier: real QUIC, TLS, framing, dialling, driver and store of several nodes over a
//! simulated network, with virtual time and seeded chance.

#![cfg(test)]

use std::thread;

use tallyline_simulator::wire::{Options, Outcome, Profile, run};

/// A calm day of the length that a test needs.
const CALM: Options = Options {
    minutes: 5,
    profile: Profile::Calm,
    ..Options::SHORT_DAY
};

/// Runs seeds on two threads; a run does not see other threads.
fn run_all(seeds: std::ops::Range<u64>, options: Options) -> Vec<Outcome> {
    let half = |part: u64| {
        let mine = seeds.clone().filter(move |seed| seed % 2 == part);
        mine.map(|seed| run(seed, options)).collect::<Vec<_>>()
    };
    thread::scope(|scope| {
        let other = scope.spawn(|| half(1));
        let mut all = half(0);
        all.extend(other.join().expect("runs"));
        all
    })
}

/// The command that shows what happened in a run.
fn held(outcome: &Outcome) {
    assert!(
        outcome.violations.is_empty(),
        "seed {}: {:#?}; see it with `tallyline-sim run --tier wire --seed {}`",
        outcome.seed,
        outcome.violations,
        outcome.seed
    );
    assert!(outcome.converged_ms.is_some(), "seed {}", outcome.seed);
    assert!(outcome.safe_ms.is_some(), "seed {}", outcome.seed);
}

/// Losses in bursts, partitions, kills and power cuts, full disks, storms, new addresses: at the
/// end all devices agree, nothing that was said to be saved is lost, and no screen ever showed a
/// copy that was not there.
///
/// Source: PROTOCOL R-STORE-1, R-CELL-3, R-NET-1.
#[test]
fn twenty_bad_days_end_well() {
    let all = run_all(0..20, Options::SHORT_DAY);
    assert_eq!(all.len(), 20, "all seeds");
    for outcome in &all {
        held(outcome);
        assert!(100 < outcome.saved, "{}: idle", outcome.seed);
        assert!(1_000 < outcome.shown_safe, "{}: blind", outcome.seed);
        assert!(outcome.largest_datagram <= 1_200, "{}: large", outcome.seed);
    }
    for fault in [
        "datagram-corrupted",
        "datagram-cut",
        "datagram-duplicated",
        "datagram-lost",
        "full-disk",
        "kill",
        "new-address",
        "no-internet",
        "one-way",
        "partition",
        "power-cut",
        "power-cut-in-commit",
        "stop",
        "storm",
        "wrong-clock",
    ] {
        let struck = all.iter().filter(|it| it.faults.contains_key(fault));
        assert!(10 <= struck.count(), "{fault} is hardly ever tried");
    }
}

/// The same seed gives the same bytes in the same order; another one does not.
#[test]
fn a_seed_fixes_every_byte() {
    let options = Options {
        minutes: 5,
        ..Options::SHORT_DAY
    };
    let (first, again) = thread::scope(|scope| {
        let again = scope.spawn(|| run(7, options));
        (run(7, options), again.join().expect("runs"))
    });
    assert_eq!(first, again, "figures and trace");
    assert_ne!(first.trace, run(8, options).trace, "another seed");
}

/// Every handshake of members looks at both certificates: none is ever resumed.
///
/// Source: PROTOCOL R-TLS-1.
#[test]
fn no_handshake_takes_a_short_cut() {
    let outcome = run(1, CALM);
    held(&outcome);
    assert!(40 < outcome.agreements, "too few: {}", outcome.agreements);
    assert_eq!(outcome.agreements, outcome.verifications, "short cuts");
}

/// A device that only knows the manifest, and one with a used ticket, get nothing of the event.
///
/// Source: PROTOCOL R-TLS-1, R-NET-1.
#[test]
fn strangers_get_nothing() {
    let options = Options {
        strangers: true,
        ..CALM
    };
    let outcome = run(1, options);
    held(&outcome);
    for refusal in ["refused-stranger", "refused-bad-proof"] {
        assert!(outcome.faults.contains_key(refusal), "{refusal}: no try");
    }
}

/// Every fifth datagram is corrupted; what a driver is handed is exactly what the other one sent.
#[test]
fn corrupt_datagrams_reach_no_driver() {
    let options = Options {
        profile: Profile::Corrupt,
        ..CALM
    };
    let outcome = run(1, options);
    held(&outcome);
    let corrupted = outcome.faults.get("datagram-corrupted");
    assert!(1_000 < corrupted.copied().unwrap_or(0), "{corrupted:?}");
    assert!(1_000 < outcome.frames, "{}", outcome.frames);
}
