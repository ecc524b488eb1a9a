//! Every named scenario under virtual time, and the whole real match.
#![cfg(test)]

use tallyline_simulator::scenario::real_match::real_match;
use tallyline_simulator::scenario::{SCENARIOS, Scenario, named};
use tallyline_simulator::{Meeting, Weather, World, trace::Detail};

/// Seeds for each scenario and weather.
const SEEDS: u64 = 5;

/// A link as QUIC makes it of a bad one: whole and in order, late, and later what was lost.
const BAD: Weather = Weather {
    loss_permille: 200,
    burst: 5,
    duplicate_permille: 0,
    delay_ms_min: 5,
    delay_ms_max: 500,
    ordered: true,
};

/// Worse than any real connection: frames are lost for good, repeated and overtaken.
const ROUGH: Weather = Weather {
    loss_permille: 100,
    ..Weather::STORM
};

/// Plays a scenario in good, bad and rough weather.
fn play(name: &str) {
    let scenario: &Scenario = named(name).unwrap();
    for (sky, weather) in [("calm", Weather::CALM), ("bad", BAD), ("rough", ROUGH)] {
        for seed in 1..=SEEDS {
            let mut world = World::with(seed, weather, Meeting::ByItself, Detail::Hash);
            if let Err(why) = (scenario.run)(&mut world) {
                panic!("{name}, seed {seed}, {sky} weather: {why}");
            }
            let found = world.violations();
            assert!(found.is_empty(), "{name}, seed {seed}, {sky}: {found:?}");
        }
    }
}

#[test]
fn every_scenario_is_played_here() {
    let own = include_str!("scenarios.rs");
    for scenario in SCENARIOS {
        let call = format!("play(\"{}\")", scenario.name);
        assert!(own.contains(&call), "{} has no test", scenario.name);
    }
}

#[test]
fn late_shooter() {
    play("late-shooter");
}

#[test]
fn wrong_shooter() {
    play("wrong-shooter");
}

#[test]
fn handover() {
    play("handover");
}

#[test]
fn multi_day() {
    play("multi-day");
}

#[test]
fn device_swap_nothing_reentered() {
    play("device-swap-nothing-reentered");
}

#[test]
fn device_swap_same_reentered() {
    play("device-swap-same-reentered");
}

#[test]
fn device_swap_other_reentered() {
    play("device-swap-other-reentered");
}

#[test]
fn owner_dies() {
    play("owner-dies");
}

#[test]
fn stolen_phone() {
    play("stolen-phone");
}

#[test]
fn cloned_card() {
    play("cloned-card");
}

#[test]
fn two_gateways() {
    play("two-gateways");
}

#[test]
fn gateway_flapping() {
    play("gateway-flapping");
}

#[test]
fn thirty_of_fifty_uploaded() {
    play("thirty-of-fifty-uploaded");
}

#[test]
fn ten_seconds_of_signal() {
    play("ten-seconds-of-signal");
}

#[test]
fn twelve_hours_offline() {
    play("twelve-hours-offline");
}

#[test]
fn revoked_late_news() {
    play("revoked-late-news");
}

#[test]
fn clone_revoked() {
    play("clone-revoked");
}

#[test]
fn rolled_back_device() {
    play("rolled-back-device");
}

#[test]
fn swap_by_deputy() {
    play("swap-by-deputy");
}

#[test]
fn swap_by_spare_card() {
    play("swap-by-spare-card");
}

#[test]
fn two_grants_one_partition() {
    play("two-grants-one-partition");
}

#[test]
fn transfer_overnight() {
    play("transfer-overnight");
}

#[test]
fn owner_dead_recovered() {
    play("owner-dead-recovered");
}

#[test]
fn owner_stolen_recovered() {
    play("owner-stolen-recovered");
}

#[test]
fn fork_decided() {
    play("fork-decided");
}

#[test]
fn erase() {
    play("erase");
}

#[test]
fn event_close() {
    play("event-close");
}

#[test]
fn the_real_match_ends_with_every_printed_row_on_every_device() {
    for (seed, weather) in [(1, Weather::CALM), (2, Weather::CALM), (3, BAD)] {
        let figures = real_match(seed, weather).unwrap_or_else(|why| {
            panic!("seed {seed}: {why}");
        });
        assert_eq!(figures.lines, 3_576, "{figures:?}");
        assert_eq!(figures.rows, 6_160 + 196 + 440 + 14, "{figures:?}");
        assert!(0 < figures.cuts && 0 < figures.kills, "{figures:?}");
        eprintln!("seed {seed}: {figures:?}");
    }
}
