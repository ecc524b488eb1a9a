//! What one device, and all of them, may have others keep.

mod venue;

use tallyline_proto::{
    log::{DEVICE_BYTES_MAX, EVENT_BYTES_MAX, Ledger, Log, Refusal, Taken},
    model::Body,
};

use venue::{Scorer, Venue, entry, give};

/// Bytes of one of the entries that a liar writes: statements may be long, and under a grant they
/// say nothing.
const LONG: usize = 20_000;

/// Enough of them to fill what one device may write.
const MANY: usize = 500;

fn long_log(venue: &Venue, scorer: &Scorer, incarnation: u64) -> Log {
    let long = entry(1, Body::Statement(vec![1; LONG]));
    venue.log(scorer, incarnation, vec![long; MANY])
}

fn bytes(ledger: &Ledger) -> u64 {
    ledger.logs().values().map(Log::bytes).sum()
}

/// Entries are counted, and so are their bytes: a thief of one phone would else fill the cards of all
/// others with 20,000 statements of 24 KB. PROTOCOL section 10.
#[test]
fn bytes_of_a_device_and_of_an_event_are_bounded() {
    let mut venue = Venue::new();
    let scorers: Vec<Scorer> = (2..12).map(|seed| venue.scorer(seed)).collect();
    let mut ledger = venue.ledger();
    let control = bytes(&ledger);

    let taken = give(&mut ledger, &long_log(&venue, &scorers[0], 1), 1);
    let refused = taken
        .iter()
        .filter(|it| **it == Err(Refusal::Quota))
        .count();
    assert!(0 < refused, "a device may not write all of it");
    let full = bytes(&ledger) - control;
    let chunk = 3 * u64::try_from(LONG).unwrap();
    assert!(full <= DEVICE_BYTES_MAX, "{full} bytes");
    assert!(
        DEVICE_BYTES_MAX - chunk < full,
        "{full} bytes: nothing is wasted"
    );
    let again = give(&mut ledger, &long_log(&venue, &scorers[0], 2), 1);
    assert_eq!(
        again[0],
        Err(Refusal::Quota),
        "another incarnation is no way around"
    );

    let short = venue.log(&scorers[1], 1, [entry(1, Body::Statement(vec![1]))]);
    let short = give(&mut ledger, &short, 1);
    assert!(
        matches!(short[..], [Ok(Taken::Grown(_))]),
        "others go on: {short:?}"
    );
    for scorer in &scorers[2..] {
        give(&mut ledger, &long_log(&venue, scorer, 1), 1);
    }
    let all = bytes(&ledger);
    assert!(
        all <= EVENT_BYTES_MAX && EVENT_BYTES_MAX - chunk < all,
        "{all} bytes"
    );
    venue.scorer(99);
    let said = give(&mut ledger, &venue.control, 1);
    assert!(
        said.iter().any(|it| matches!(it, Ok(Taken::Grown(_)))),
        "the owner's statements have a bound of their own: {said:?}"
    );
}
