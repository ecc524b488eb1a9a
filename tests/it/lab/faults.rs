//! Faults of a real network: loss, one deaf direction, a pulled cable, an access point that
//! isolates its guests. Another address: `conformance`.

use crate::netns::{DEADLINE, Fault, Lab, NOWHERE};

/// Starts all devices, lets them find each other and agree.
fn meet(lab: &mut Lab) {
    for number in lab.numbers() {
        lab.start(number, &[]);
    }
    lab.found(NOWHERE);
}

/// Checks that every device holds so many scores.
fn all_hold(lab: &Lab, scores: usize) {
    lab.until_equal(DEADLINE);
    for number in lab.numbers() {
        assert_eq!(lab.scores(number), scores, "scores on device {number}");
    }
}

#[test]
fn a_match_goes_on_while_three_of_ten_packets_are_lost() {
    let Some(mut lab) = Lab::of(3) else { return };
    lab.fault(Fault::Loss(30));
    meet(&mut lab);
    for _ in 0..3 {
        for number in lab.numbers() {
            lab.score(number);
        }
    }
    all_hold(&lab, 9);
}

/// Device 2 does not hear device 1, then device 1 does not hear device 2: the third carries it.
#[test]
fn what_is_lost_in_one_direction_travels_by_a_third_device() {
    let Some(mut lab) = Lab::of(3) else { return };
    meet(&mut lab);
    lab.until_meshed();
    let mut scores = 0;
    for (from, to) in [(1, 2), (2, 1)] {
        lab.fault(Fault::OneWay(from, to));
        lab.score(from);
        lab.score(to);
        scores += 2;
        all_hold(&lab, scores);
        lab.until("the deaf pair gives up", DEADLINE, |lab| {
            lab.sources(1).len() == 1 && lab.sources(2).len() == 1
        });
        lab.heal();
        lab.until_meshed();
    }
}

#[test]
fn a_pulled_cable_costs_nothing_once_it_is_back() {
    let Some(mut lab) = Lab::of(2) else { return };
    meet(&mut lab);
    lab.until_meshed();
    lab.cable(2, false);
    lab.score(1);
    lab.score(2);
    lab.until("both sides notice", DEADLINE, |lab| {
        lab.sources(1).is_empty() && lab.sources(2).is_empty()
    });
    lab.cable(2, true);
    all_hold(&lab, 2);
}

#[test]
fn devices_that_an_access_point_isolates_talk_through_a_third_one() {
    let Some(mut lab) = Lab::of(3) else { return };
    lab.isolate(2);
    lab.isolate(3);
    meet(&mut lab);
    lab.score(2);
    lab.score(3);
    all_hold(&lab, 2);
    let links = [1, 2, 3].map(|number| lab.sources(number).len());
    assert_eq!(links, [2, 1, 1], "nobody but device 1 reaches both");
}
