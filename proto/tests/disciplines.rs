//! Every discipline, calculated twice: by the package and by `independent`, which shares nothing
//! with it. Whole invented events, the vectors of the rule books, two real matches.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking, in its helpers too"
)]

#[path = "disciplines/bridge.rs"]
mod bridge;
#[path = "disciplines/cases.rs"]
mod cases;
#[path = "disciplines/compare.rs"]
mod compare;
#[path = "disciplines/drawn.rs"]
mod drawn;
mod independent;
#[path = "disciplines/invented.rs"]
mod invented;
#[path = "disciplines/real.rs"]
mod real;
#[path = "disciplines/renewed.rs"]
mod renewed;
mod rules_venue;
#[path = "disciplines/shots.rs"]
mod shots;
#[path = "disciplines/vectors.rs"]
mod vectors;

use proptest::prelude::*;

use compare::check_event;
use independent::facts::Sport;
use invented::events;

proptest! {
    #[test]
    fn ipsc_events_are_calculated_alike(event in events(Sport::Ipsc)) {
        check_event(&event);
    }

    #[test]
    fn uspsa_events_are_calculated_alike(event in events(Sport::Uspsa)) {
        check_event(&event);
    }

    #[test]
    fn idpa_events_are_calculated_alike(event in events(Sport::Idpa)) {
        check_event(&event);
    }

    #[test]
    fn multi_gun_events_are_calculated_alike(event in events(Sport::MultiGun)) {
        check_event(&event);
    }

    #[test]
    fn icore_events_are_calculated_alike(event in events(Sport::Icore)) {
        check_event(&event);
    }

    #[test]
    fn sass_events_are_calculated_alike(event in events(Sport::Sass)) {
        check_event(&event);
    }

    #[test]
    fn steel_challenge_events_are_calculated_alike(event in events(Sport::SteelChallenge)) {
        check_event(&event);
    }

    #[test]
    fn precision_events_are_calculated_alike(event in events(Sport::Precision)) {
        check_event(&event);
    }

    #[test]
    fn prs_events_are_calculated_alike(event in events(Sport::Prs)) {
        check_event(&event);
    }

    #[test]
    fn drills_of_all_methods_are_calculated_alike(event in events(Sport::Drills)) {
        check_event(&event);
    }

    #[test]
    fn ski_races_are_calculated_alike(event in events(Sport::Ski)) {
        check_event(&event);
    }

    #[test]
    fn court_matches_are_calculated_alike(event in events(Sport::Court)) {
        check_event(&event);
    }
}

// The venue is shared with tests that make statuses.
const _: () = {
    let _ = rules_venue::status;
};
