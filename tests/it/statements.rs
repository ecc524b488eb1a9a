//! Who owns the event, who stands in, and what counts.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use serde_json::json;
use tallyline_tests::process::Process;

use crate::range::{AGREE_MAX, ALONE, Range, address, agree, devices, roles, score, status, until};

/// How long a connection with a revoked key may stay up where the revocation is known.
const CUT_MAX: Duration = Duration::from_secs(1);

/// R-CONTROL-11: where the revocation is known the connection ends, and what stands past the cut
/// does not count; what was before it does.
#[test]
fn a_stolen_device_is_cut_off_at_once_and_what_it_wrote_past_the_cut_is_quarantined() {
    let range = Range::founded();
    let owner = range.start("owner", &[]);
    let tablet = range.join("Tablet", "scorer", &[]);
    range.grant("all", "Tablet");
    agree(&owner, &tablet);
    let mine = range.score("Tablet", "1", "1");
    let thief = range.score("Tablet", "1", "2");
    agree(&owner, &tablet);
    let revoke = ["revoke", "Tablet", "--reason", "stolen", "--before", &thief];
    let told = range.read("owner", &revoke);
    until("the connection ends", CUT_MAX, || {
        status(&owner)["links"] == json!([])
    });
    let follows = told["follows"].to_string();
    for expected in [
        "revoked (stolen), for good",
        "quarantined",
        "--drills all --squads all --to DEVICE",
    ] {
        assert!(follows.contains(expected), "{follows} lacks {expected:?}");
    }
    assert_eq!(range.verdict("owner", &mine), "counts");
    assert_eq!(range.verdict("owner", &thief), "quarantined");
    let devices = devices(&owner);
    let stolen = devices.iter().find(|it| it["label"] == "Tablet").unwrap();
    assert_eq!(stolen["revoked"], "stolen", "{stolen}");
    let key = stolen["key"].as_str().unwrap();
    let again = ["admit", key, "--label", "Tablet"];
    range.refused("owner", &again, (6, "E02"), "never admitted again");
}

/// S0-19, R-CONTROL-12.
#[test]
fn s0_19_after_a_transfer_only_the_new_device_rules_and_the_old_one_gets_e02() {
    let range = Range::founded();
    let owner = range.start("owner", &[]);
    let desk = range.join("Desk", "scorer", &[]);
    let transfer = ["transfer", "Desk"];
    range.refused("owner", &transfer, (6, "E14"), "transfer --accept");
    range.done("Desk", &["transfer", "--accept"]);
    agree(&owner, &desk);
    range.done("owner", &transfer);
    agree(&owner, &desk);
    for node in [&owner, &desk] {
        assert_eq!(status(node)["owner"], "Desk");
        assert!(roles(&devices(node), "Desk").contains(&"owner"), "Desk");
        assert!(!roles(&devices(node), "Owner").contains(&"owner"), "Owner");
    }
    let grant = ["grant", "--drills", "1", "--squads", "all", "--to", "Owner"];
    range.refused("owner", &grant, (6, "E02"), "the owner's device is Desk");
    range.done("Desk", &grant);
    agree(&owner, &desk);
    let entry = range.score("owner", "1", "1");
    agree(&owner, &desk);
    assert_eq!(range.verdict("Desk", &entry), "counts");
    let outside = score("2", "1");
    range.refused("owner", &outside, (6, "E02"), "may score");
}

/// S0-21, R-CONTROL-13.
#[test]
fn s0_21_when_the_owner_s_device_dies_scoring_goes_on_and_a_card_restores_the_owner() {
    let range = Range::founded();
    let owner = range.start("owner", &[]);
    let one = range.join("RO 1", "scorer", &[]);
    let two = range.join("RO 2", "scorer", &[&one]);
    range.grant("1", "RO 1");
    range.grant("2", "RO 2");
    agree(&owner, &one);
    agree(&owner, &two);
    owner.kill().unwrap();
    let entry = range.score("RO 1", "1", "1");
    agree(&one, &two);
    assert_eq!(range.verdict("RO 2", &entry), "counts");

    let wrong = "00".repeat(32);
    range.refused(
        "RO 2",
        &["recover", &wrong],
        (6, "E02"),
        "recovers another event",
    );
    range.refused("RO 2", &["recover", "card"], (2, "bad_card"), "no card");
    range.init("blank");
    let card = range.card();
    range.refused("blank", &["recover", &card], (1, "no_event"), "import FILE");

    range.done("RO 2", &["recover", &card, "--reason", "stolen"]);
    agree(&one, &two);
    assert_eq!(status(&one)["owner"], "RO 2");
    let devices = devices(&one);
    let old = devices.iter().find(|it| it["label"] == "Owner").unwrap();
    assert_eq!(old["revoked"], "stolen", "{old}");
    let add = ["roster", "add", "--label", "Late", "--division", "Open"];
    let rest = ["--power-factor", "minor", "--squad", "1"];
    range.done("RO 2", &[&add[..], &rest].concat());
    agree(&one, &two);
    let roster = one.ask(&json!({ "verb": "event-show" })).unwrap();
    assert_eq!(roster["shooters"].as_array().unwrap().len(), 4, "{roster}");
    let said = range.read("RO 1", &["event", "statements"]);
    let said = said["statements"].as_array().unwrap();
    let recover = said.iter().find(|it| it["kind"] == "recover").unwrap();
    assert_eq!(recover["label"], "recovery card", "{recover}");
    assert_eq!(recover["in_force"], true, "{recover}");
}

/// R-CONTROL-10.
#[test]
fn a_deputy_hands_a_partition_over_while_the_owner_is_off_and_does_no_more() {
    let range = Range::founded();
    let owner = range.start("owner", &[]);
    let one = range.join("RO", "scorer", &[]);
    let deputy = range.join("Deputy", "deputy", &[&one]);
    let grant = range.grant("1", "RO");
    agree(&owner, &one);
    agree(&owner, &deputy);
    owner.kill().unwrap();
    let more = ["grant", "--drills", "all", "--squads", "2", "--to", "RO"];
    range.refused("Deputy", &more, (6, "E02"), "hands over what it closes");
    range.refused(
        "RO",
        &["handover", &grant, "--to", "Deputy"],
        (6, "E02"),
        "owner",
    );
    range.done("Deputy", &["handover", &grant, "--to", "Deputy"]);
    let entry = range.score("Deputy", "1", "1");
    agree(&one, &deputy);
    assert_eq!(range.verdict("RO", &entry), "counts");
    range.refused("RO", &score("1", "2"), (6, "E02"), "Deputy");
    let own = ["event", "amend", "--stage", "1", "--name", "Other"];
    range.refused("Deputy", &own, (6, "E02"), "only the event's owner");
}

/// R-CONTROL-14: what a stolen device wrote, and nobody had, is adopted and rejected again.
#[test]
fn the_owner_adopts_what_is_quarantined_and_rejects_it_again() {
    let range = Range::founded();
    range.apart("Tablet", "scorer");
    range.grant("all", "Tablet");
    range.carry("owner", "Tablet");
    let entry = range.score("Tablet", "1", "1");
    range.done("owner", &["revoke", "Tablet", "--reason", "stolen"]);
    range.carry("Tablet", "owner");
    assert_eq!(range.verdict("owner", &entry), "quarantined");
    let device = ["adopt", "--device", "Tablet"];
    let listed = range.read("owner", &[&device[..], &["--dry-run"]].concat());
    assert_eq!(listed["entries"][0]["entry"], entry.as_str(), "{listed}");
    assert_eq!(
        range.verdict("owner", &entry),
        "quarantined",
        "only listed so far"
    );
    range.done("owner", &device);
    assert_eq!(range.verdict("owner", &entry), "counts");
    range.refused(
        "owner",
        &device,
        (1, "unknown_entry"),
        "nothing is selected",
    );
    range.done("owner", &["adopt", &entry, "--reject"]);
    assert_eq!(range.verdict("owner", &entry), "rejected");
    let text = range.done("owner", &["score", "list"]);
    assert!(text.contains("the owner decided"), "{text}");
    let status = range.run("owner", &["status"]).stdout;
    assert!(status.contains("1 rejected"), "{status}");
    let log = ["adopt", "--log", "0000-0", "--branch", "here"];
    range.refused("owner", &log, (1, "unknown_entry"), "no log here");
}

/// S0-11, R-CONTROL-15.
#[test]
fn s0_11_after_the_lock_only_the_owner_amends_and_only_what_does_not_fit_is_flagged() {
    let range = Range::founded();
    range.apart("Tablet", "scorer");
    range.grant("all", "Tablet");
    range.carry("owner", "Tablet");
    let changed = range.score("Tablet", "1", "1");
    let same = range.score("Tablet", "2", "1");
    let amend = ["event", "amend", "--stage", "1", "--targets", "2,2,2"];
    range.refused("Tablet", &amend, (6, "E02"), "only the event's owner");
    range.carry("Tablet", "owner");
    assert_eq!(range.read("owner", &["event", "show"])["revision"], 1);
    assert_eq!(range.verdict("owner", &changed), "counts");
    range.done("owner", &[&amend[..], &["--note", "one more"]].concat());
    let rule = ["event", "amend", "--rule", "10.4.1 Shot over the berm"];
    let told = range.read("owner", &[&rule[..], &["--kind", "dq"]].concat());
    assert_eq!(told["rule"], 2, "the next free number: {told}");
    range.carry("owner", "Tablet");
    for device in ["owner", "Tablet"] {
        let event = range.read(device, &["event", "show"]);
        assert_eq!(event["drills"][0]["required_hits"], json!([2, 2, 2]));
        assert_eq!(event["drills"][0]["name"], "Stage 1", "the rest stays");
        assert_eq!(event["revision"], 3, "two amendments on {device}");
        let told = range.read(device, &["score", "history", "--entry", &changed]);
        let text = told["entries"][0]["verdict_text"].as_str().unwrap();
        assert!(text.contains("E04"), "on {device}: {text}");
        assert_eq!(range.verdict(device, &same), "counts", "on {device}");
    }
    let unnamed = ["event", "amend", "--stage", "9", "--steel", "1"];
    range.refused("owner", &unnamed, (2, "bad_value"), "needs a name");
}

/// R-CONTROL-16, R-CONTROL-17.
#[test]
fn the_event_closes_when_everybody_sealed_and_says_whom_to_chase_before() {
    let range = Range::founded();
    range.apart("Tablet", "scorer");
    range.apart("Broken", "scorer");
    range.grant("1", "Tablet");
    range.grant("2", "Broken");
    range.carry("owner", "Tablet");
    let outcome = range.run("owner", &["event", "close"]);
    assert_eq!(outcome.exit, 6, "{outcome:?}");
    assert!(outcome.stderr.contains("E12"), "{outcome:?}");
    let mut whom: Vec<&str> = outcome
        .stdout
        .lines()
        .map(|line| line.split(':').next().unwrap())
        .collect();
    whom.sort_unstable();
    assert_eq!(whom, ["Broken", "Tablet"], "{outcome:?}");
    let status = range.run("owner", &["status"]).stdout;
    assert!(status.contains("last call 2"), "when it was said: {status}");

    let entry = range.score("Tablet", "1", "1");
    range.carry("owner", "Tablet");
    range.refused("Tablet", &score("1", "2"), (6, "E12"), "");
    range.carry("Tablet", "owner");
    let lost = ["event", "close", "--declare-lost", "Broken"];
    let told = range.read("owner", &lost);
    assert_eq!(told["schema"], "tallyline.done/1", "{told}");
    assert_eq!(range.verdict("owner", &entry), "counts");
    let closed = range.read("owner", &["status"]);
    assert!(closed["closed_unix_ms"].is_i64(), "{closed}");
}

/// R-CONTROL-17: `--wait` goes on until the last device sealed.
#[test]
fn a_close_that_waits_ends_when_the_devices_hear_of_it() {
    let range = Range::founded();
    let owner = range.start("owner", &[]);
    let tablet = range.join("Tablet", "scorer", &[]);
    range.grant("all", "Tablet");
    agree(&owner, &tablet);
    range.done("owner", &["event", "close", "--wait", "60"]);
    agree(&owner, &tablet);
    assert!(
        status(&tablet)["closed_unix_ms"].is_i64(),
        "the tablet knows"
    );
}

/// The owner is away, and so is whoever has a bundle: a card is all that a fresh device needs. Its key
/// stays sealed with the passphrase of the one before. R-CARD-4.
#[test]
fn a_spare_card_s_device_takes_the_event_from_any_device_it_meets() {
    let range = Range::founded();
    let owner = range.start("owner", &[]);
    let officer = range.join("officer", "scorer", &[&owner]);
    let drawn = range.read("owner", &["cards", "spare"]);
    let card = drawn["cards"][0]["card"].as_str().unwrap();
    until("the officer's device knows the card", AGREE_MAX, || {
        devices(&officer).iter().any(|it| it["label"] == "Spare")
    });
    drop(owner);

    let secret = range.path("passphrase");
    fs::write(&secret, "nine green bottles\n").unwrap();
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
    let sealed = ["--passphrase-file", &secret];
    let told = range.read("fresh", &[&["init", "--passphrase"], &sealed[..]].concat());
    let before = told["key"].as_str().unwrap().to_owned();
    let used = range.read("fresh", &[&["cards", "use", card], &sealed[..]].concat());
    assert_ne!(used["key"], before.as_str(), "it has the card's key");
    let locked = range.run("fresh", &["status"]);
    assert!(
        locked.stderr.contains("sealed"),
        "the card's key is, too: {locked:?}"
    );
    let peer = address(&officer);
    let args = [&ALONE[..], &["--peer", &peer], &sealed[..]].concat();
    let fresh = Process::start(&range.root("fresh"), &args).unwrap();
    until("the fresh device has the event", AGREE_MAX, || {
        status(&fresh)["node"]["phase"] == "member"
            && devices(&fresh).iter().any(|it| it["this"] == true)
    });
    let record = [&score("1", "1")[..], &sealed[..]].concat();
    let entry = range.done("fresh", &record);
    until("the officer's device has the score", AGREE_MAX, || {
        range.verdict("officer", &entry) == "unassigned"
    });
}

/// A tablet that breaks is replaced by a card: it scores at once, and counts once it is granted.
#[test]
fn a_spare_card_makes_a_fresh_device_a_member_that_counts_once_it_is_granted() {
    let range = Range::founded();
    let drawn = range.read("owner", &["cards", "spare", "--count", "2"]);
    let card = drawn["cards"][0]["card"].as_str().unwrap();
    let page = range.path("cards.svg");
    let printed = ["cards", "spare", "--label", "Printed", "--file", &page];
    range.done("owner", &printed);
    let svg = fs::read_to_string(&page).unwrap();
    assert!(svg.contains("<svg") && svg.contains("Printed"), "{svg}");
    let state = |number: usize| {
        let told = range.read("owner", &["cards", "list"]);
        let label = format!("Spare {number}");
        let cards = told["cards"].as_array().unwrap().clone();
        let card = cards.iter().find(|it| it["label"] == label.as_str());
        card.unwrap()["state"].as_str().unwrap().to_owned()
    };
    assert_eq!((state(1).as_str(), state(2).as_str()), ("unused", "unused"));
    let bundle = range.path("stick.tally");
    range.done("owner", &["export", &bundle]);
    let used = ["cards", "use", card, "--bundle", &bundle];
    range.refused("owner", &used, (6, "bad_value"), "fresh root");
    range.init("fresh");
    range.done("fresh", &used);
    let entry = range.score("fresh", "1", "1");
    assert_eq!(range.verdict("fresh", &entry), "unassigned");
    range.carry("fresh", "owner");
    assert_eq!((state(1).as_str(), state(2).as_str()), ("in-use", "unused"));
    assert_eq!(range.verdict("owner", &entry), "unassigned");
    range.grant("1", "Spare 1");
    assert_eq!(range.verdict("owner", &entry), "late", "and counts");
    range.done("owner", &["cards", "revoke", "Spare 2"]);
    assert_eq!(state(2), "revoked");
    range.refused(
        "owner",
        &["cards", "revoke", "Owner"],
        (1, "unknown_device"),
        "no spare card",
    );
}
