//! Real nodes on a venue's network: how they find each other, and how they heal.

use std::time::Duration;

use crate::netns::{DEADLINE, Fault, Lab, NOWHERE, address};

/// How long a healed network may take to agree again: one wait between dials and a handshake.
const HEAL_MAX: Duration = Duration::from_secs(20);

/// Where the nodes listen that are named to others.
const PORT: u16 = 7_100;

/// Starts all devices, lets them join by what the ticket says, and lets each write a score.
fn meet(lab: &mut Lab, devices: usize, args: &[&str], ticket_address: &str) {
    for number in 1..=devices {
        lab.start(number, args);
    }
    lab.found(ticket_address);
    for number in 1..=devices {
        lab.score(number);
    }
    lab.until_equal(DEADLINE);
}

#[test]
fn two_nodes_find_each_other_by_mdns_alone_and_converge() {
    let Some(mut lab) = Lab::of(2) else { return };
    meet(&mut lab, 2, &[], NOWHERE);
    lab.until_meshed();
    assert_eq!(lab.dialled_by(), ["mdns"], "how it was found");
    assert_eq!(
        (lab.scores(1), lab.scores(2)),
        (2, 2),
        "both scores on both"
    );
}

#[test]
fn three_nodes_find_each_other_by_mdns_alone_and_converge() {
    let Some(mut lab) = Lab::of(3) else { return };
    meet(&mut lab, 3, &[], NOWHERE);
    lab.until_meshed();
    assert_eq!(
        lab.dialled_by(),
        ["mdns", "mdns", "mdns"],
        "how they were found"
    );
    for number in 1..=3 {
        assert_eq!(lab.scores(number), 3, "all scores on device {number}");
    }
}

#[test]
fn nodes_converge_through_static_peers_where_multicast_is_blocked() {
    let Some(mut lab) = Lab::of(3) else { return };
    lab.fault(Fault::NoMulticast);
    let listen = format!("0.0.0.0:{PORT}");
    let peers = [1, 2, 3].map(|number| format!("{}:{PORT}", address(number)));
    let [one, two, three] = &peers;
    let args = [
        "--listen",
        &listen,
        "--peer",
        one.as_str(),
        "--peer",
        two.as_str(),
        "--peer",
        three,
    ];
    meet(&mut lab, 3, &args, NOWHERE);
    lab.until_meshed();
    assert_eq!(
        lab.dialled_by(),
        ["static", "static", "static"],
        "how they were found"
    );
    for number in 1..=3 {
        assert_eq!(lab.scores(number), 3, "all scores on device {number}");
    }
}

#[test]
fn a_device_that_hears_and_is_not_heard_dials_by_itself() {
    let Some(mut lab) = Lab::of(2) else { return };
    lab.fault(Fault::Mute(2));
    meet(&mut lab, 2, &[], NOWHERE);
    lab.until_meshed();
    assert_eq!(lab.sources(2), ["mdns"], "the mute one found the other");
    assert_eq!(lab.sources(1), ["inbound"], "which did not find it");
}

#[test]
fn a_link_that_was_silent_for_a_while_heals_by_itself() {
    let Some(mut lab) = Lab::of(3) else { return };
    meet(&mut lab, 3, &[], NOWHERE);
    lab.until_meshed();
    lab.fault(Fault::Cut(3));
    lab.score(1);
    lab.score(3);
    let noticed = lab.until("both sides notice", DEADLINE, |lab| {
        lab.sources(3).is_empty() && lab.sources(1).len() == 1 && lab.sources(2).len() == 1
    });
    lab.score(2);
    lab.heal();
    let healed = lab.until_equal(HEAL_MAX);
    eprintln!("silence noticed after {noticed:?}, all equal {healed:?} after it ended");
    assert_eq!(lab.scores(3), 6, "everything arrived");
    lab.until_meshed();
}

#[test]
fn a_short_cut_is_survived_by_the_connection_itself() {
    let Some(mut lab) = Lab::of(2) else { return };
    // Where both may find each other, either may still dial, and the second connection may be the
    // one that stays: only the one that joins knows of a place here.
    let listen = format!("0.0.0.0:{PORT}");
    let inviter = format!("{}:{PORT}", address(1));
    let args = ["--no-mdns", "--listen", &listen];
    meet(&mut lab, 2, &args, &inviter);
    lab.until_meshed();
    let connected = |lab: &Lab| lab.status(1)["links"][0]["connected_ms"].as_u64().unwrap();
    lab.fault(Fault::Cut(2));
    let before = connected(&lab);
    lab.score(2);
    lab.until("five seconds", DEADLINE, |lab| {
        connected(lab) > before + 5_000
    });
    lab.heal();
    let healed = lab.until_equal(HEAL_MAX);
    eprintln!("all equal {healed:?} after a cut of 5 s");
    assert!(connected(&lab) > before + 5_000, "the same connection");
}

#[test]
fn a_killed_node_is_met_again_within_seconds_of_its_start() {
    let Some(mut lab) = Lab::of(2) else { return };
    meet(&mut lab, 2, &[], NOWHERE);
    lab.until_meshed();
    lab.kill(2);
    lab.score(1);
    lab.start(2, &[]);
    let met = lab.until_equal(HEAL_MAX);
    eprintln!("all equal {met:?} after the restart");
    lab.until_meshed();
    assert_eq!(lab.scores(2), 3, "what was written meanwhile arrived");
}
