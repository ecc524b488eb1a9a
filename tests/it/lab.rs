//! The venue lab: every named scenario with real processes in network namespaces, and the faults
//! of real networks.

mod faults;
mod venue;

use tallyline_simulator::scenario::{SCENARIOS, named};

use crate::netns::Lab;

/// Plays a scenario with real processes.
fn play(name: &str) {
    let Some(mut lab) = Lab::empty() else { return };
    let scenario = named(name).unwrap();
    if let Err(why) = (scenario.run)(&mut lab) {
        panic!("{name}: {why}\n{}", lab.logs());
    }
}

#[test]
fn every_scenario_is_played_here() {
    let own = include_str!("lab.rs");
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
fn erase() {
    play("erase");
}

#[test]
fn fork_decided() {
    play("fork-decided");
}

#[test]
fn event_close() {
    play("event-close");
}
