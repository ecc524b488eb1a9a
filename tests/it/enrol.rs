//! How a device comes in, with real processes on loopback and the command line as people type it:
//! tickets, offers, digits, cards, and keys at rest.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::{Value, json};
use tallyline_proto::wire::{card_from_text, ticket_from_text, ticket_to_text};
use tallyline_tests::process::Process;

use crate::range::{AGREE_MAX, ALONE, Range, wait_for};

/// Lists the members as a device knows them.
fn members(range: &Range, name: &str) -> Vec<Value> {
    let told = range.read(name, &["devices"]);
    told["devices"].as_array().unwrap().clone()
}

/// Finds the value behind a name in what a person reads.
fn line<'a>(text: &'a str, name: &str) -> &'a str {
    let found = text.lines().find_map(|line| line.strip_prefix(name));
    found
        .unwrap_or_else(|| panic!("{text} lacks {name}"))
        .trim()
}

fn mode_of(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// R-JOIN-2, R-JOIN-4: the owner's `invite --wait` and the joiner's `join --wait` show the same
/// name and words; the line of text alone goes to the standard output.
#[test]
fn a_ticket_admits_one_device_and_both_screens_show_the_same_name_and_words() {
    let range = Range::founded();
    let (_owner, _tablet) = (range.start("owner", &[]), range.device("tablet"));
    let ticket = range.done("owner", &["invite", "--label", "Tablet 3"]);
    assert_eq!(ticket.lines().count(), 1, "{ticket}");
    let joined = range.done("tablet", &["join", &ticket, "--wait"]);
    let words = line(&joined, "words");
    assert_eq!(words.split(' ').count(), 4, "{joined}");
    assert_eq!(line(&joined, "device"), "Tablet 3");
    assert_eq!(line(&joined, "event"), "Spring Match");
    assert_eq!(line(&joined, "owner"), "Owner");
    let members = members(&range, "owner");
    let tablet = members.iter().find(|it| it["label"] == "Tablet 3").unwrap();
    assert_eq!(tablet["words"], words, "the owner's devices");
    let listed = range.done("owner", &["invite", "--list"]);
    assert!(
        listed.contains(words) && listed.contains("used"),
        "{listed}"
    );
    let status = range.run("tablet", &["status"]);
    assert!(status.stdout.contains(words), "{status:?}");
}

/// R-JOIN-3, bad input 53: a used ticket, and one that was cancelled.
#[test]
fn a_used_or_cancelled_ticket_is_answered_clearly_and_not_asked_with_again() {
    let range = Range::founded();
    let (_owner, _tablet) = (range.start("owner", &[]), range.device("tablet"));
    let late = range.device("late");
    let used = range.done("owner", &["invite"]);
    range.done("tablet", &["join", &used, "--wait"]);
    let words = "used by another device, is over, or was cancelled";
    range.refused_in_words("late", &["join", &used, "--wait"], 6, words);
    let status = range.run("late", &["status"]);
    assert!(
        status.stdout.contains("Ask the owner for a fresh one"),
        "{status:?}"
    );
    assert_eq!(
        late.ask(&json!({"verb": "node"})).unwrap()["phase"],
        "blank"
    );
    let cancelled = range.done("owner", &["invite"]);
    range.done("owner", &["invite", "--cancel", "all"]);
    range.refused_in_words("late", &["join", &cancelled, "--wait"], 6, words);
    let fresh = range.done("owner", &["invite"]);
    range.done("late", &["join", &fresh, "--wait"]);
    assert_eq!(
        members(&range, "owner").len(),
        3,
        "the owner and two tablets"
    );
}

/// R-JOIN-3: the time left is what the node counts, and a restart takes away and never adds.
#[test]
fn an_invite_outlives_a_restart_with_less_time() {
    let range = Range::founded();
    let owner = range.start("owner", &[]);
    range.done("owner", &["invite", "--expires", "2", "--label", "Pi"]);
    owner.kill().unwrap();
    let owner = range.start("owner", &[]);
    let told = owner.ask(&json!({"verb": "enrolment"})).unwrap();
    let left_ms = told["invites"][0]["left_ms"].as_u64().unwrap();
    assert!(
        (60_000..=90_000).contains(&left_ms),
        "half a minute is gone: {told}"
    );
    assert_eq!(told["invites"][0]["label"], "Pi");
    for minutes in ["0", "1441", "x"] {
        let outcome = range.run("owner", &["invite", "--expires", minutes]);
        assert_eq!(outcome.exit, 2, "{outcome:?}");
    }
}

/// Bad input 53: wrong version, other kind, damaged, another event, 10 KB.
#[test]
fn texts_that_are_no_ticket_change_nothing() {
    let range = Range::founded();
    let (_owner, tablet) = (range.start("owner", &[]), range.device("tablet"));
    let ticket = range.done("owner", &["invite"]);
    let (place, letter) = ticket.char_indices().nth(20).expect("a long text");
    let other = if letter == 'A' { "B" } else { "A" };
    let mut bent = ticket.clone();
    bent.replace_range(place..=place, other);
    let long = format!("{ticket}{}", "A".repeat(10 * 1024));
    for (text, word) in [
        (
            ticket.replacen('1', "2", 1),
            "a ticket begins with TALLYLINE1-",
        ),
        (bent, "damaged"),
        (long, "longer than any ticket"),
        (
            "TALLYLINE-CARD1-AAAA".to_owned(),
            "this is a card text, not a ticket",
        ),
        (
            "TALLYLINE-DEVICE1-AAAA".to_owned(),
            "this is a device text, not a ticket",
        ),
    ] {
        range.refused_in_words("tablet", &["join", &text], 2, word);
        assert_eq!(
            tablet.ask(&json!({"verb": "node"})).unwrap()["phase"],
            "blank"
        );
    }
    let mut other = ticket_from_text(&ticket).unwrap();
    other.event = tallyline_proto::model::EventId(tallyline_proto::model::Hash([1; 32]));
    range.refused_in_words(
        "tablet",
        &["join", &ticket_to_text(&other), "--wait"],
        6,
        "not admitted",
    );
    assert_eq!(members(&range, "owner").len(), 1, "nobody");
}

/// The square on a terminal and in a file.
#[test]
fn an_invite_is_shown_as_a_square_beside_the_line_of_text() {
    let range = Range::founded();
    let _owner = range.start("owner", &[]);
    let file = range.root("ticket.png");
    let args = ["invite", "--qr", "--png", file.to_str().unwrap()];
    let outcome = range.run("owner", &args);
    assert_eq!(outcome.exit, 0, "{outcome:?}");
    assert_eq!(outcome.stdout.lines().count(), 1, "the ticket alone");
    assert!(outcome.stderr.contains('\u{2588}'), "{}", outcome.stderr);
    assert!(fs::read(&file).unwrap().starts_with(b"\x89PNG"), "a PNG");
    assert_eq!(mode_of(&file), 0o600, "it shows a secret");
    let told = range.run("owner", &["invite", "--json"]);
    assert!(
        !told.stdout.contains('\u{2588}') && told.stderr.is_empty(),
        "{told:?}"
    );
    let told: Value = serde_json::from_str(&told.stdout).unwrap();
    assert_eq!(
        (&told["minutes"], told["invite"].as_str().unwrap().len()),
        (&json!(15), 32)
    );
}

/// R-JOIN-5: the new device shows itself, the owner's comes to it.
#[test]
fn a_device_that_shows_itself_is_dialled_and_admitted() {
    let range = Range::founded();
    let (_owner, _pi) = (range.start("owner", &[]), range.device("pi"));
    let text = range.done("pi", &["join", "--show"]);
    assert!(text.starts_with("TALLYLINE-DEVICE1-"), "{text}");
    let args = [
        "invite", "--device", &text, "--label", "Pi 1", "--role", "gateway", "--wait",
    ];
    let told = range.done("owner", &args);
    assert_eq!(line(&told, "device"), "Pi 1");
    let words = line(&told, "words");
    let info = wait_for("the device's own Admit", AGREE_MAX, || {
        members(&range, "pi")
            .into_iter()
            .find(|it| it["this"] == true)
    });
    assert_eq!(info["words"], words, "the same on both screens");
    assert_eq!(info["label"], "Pi 1");
    range.refused_in_words(
        "owner",
        &["invite", "--device", &text],
        1,
        "a member already",
    );
    range.refused_in_words(
        "owner",
        &["invite", "--device", "TALLYLINE-DEVICE1-AAAA"],
        2,
        "damaged",
    );
}

/// Begins a comparison on both devices and returns the digits that each shows.
fn digits(range: &Range, tablet: &Process) -> (String, String) {
    tablet.ask(&json!({"verb": "pair-device"})).unwrap();
    let address = tablet.ready()["addresses"][0].as_str().unwrap();
    let shown = range.run("owner", &["invite", "--digits", "--address", address]);
    assert_eq!(shown.exit, 3, "it waits for a confirmation: {shown:?}");
    let there = wait_for("digits on the new device", AGREE_MAX, || {
        let told = tablet.ask(&json!({"verb": "enrolment"})).unwrap();
        told["pairing"]["digits"].as_str().map(str::to_owned)
    });
    (shown.stdout.trim().replace(' ', ""), there)
}

/// R-JOIN-6.
#[test]
fn equal_digits_confirmed_on_both_devices_admit_the_new_one() {
    let range = Range::founded();
    let (_owner, tablet) = (range.start("owner", &[]), range.device("tablet"));
    let (here, there) = digits(&range, &tablet);
    assert_eq!(here, there, "both screens");
    range.done("owner", &["invite", "--digits", "--confirm", &there]);
    let joined = range.done(
        "tablet",
        &["join", "--digits", "--confirm", &here, "--wait"],
    );
    let members = members(&range, "owner");
    let member = members.iter().find(|it| it["label"] == "tablet").unwrap();
    assert_eq!(member["words"], line(&joined, "words"));
}

/// R-JOIN-6: one try, then 30 s.
#[test]
fn other_digits_admit_nobody_and_lock_the_next_try() {
    let range = Range::founded();
    let (_owner, tablet) = (range.start("owner", &[]), range.device("tablet"));
    let (here, _) = digits(&range, &tablet);
    let wrong = if here == "000000" { "000001" } else { "000000" };
    range.refused_in_words(
        "owner",
        &["invite", "--digits", "--confirm", wrong],
        6,
        "the digits differ",
    );
    wait_for("the other side to be told", AGREE_MAX, || {
        let told = tablet.ask(&json!({"verb": "enrolment"})).unwrap();
        (told["ended"] == "pairing-failed").then_some(())
    });
    range.refused_in_words(
        "owner",
        &["invite", "--digits", "--confirm", &here],
        6,
        "no digits wait",
    );
    range.refused_in_words(
        "owner",
        &["invite", "--digits", "--address", "127.0.0.1:1"],
        6,
        "the last pairing failed",
    );
    range.refused_in_words("owner", &["invite", "--digits"], 2, "needs the address");
    range.refused_in_words(
        "tablet",
        &["join", "--digits"],
        6,
        "the last pairing failed",
    );
    assert_eq!(members(&range, "owner").len(), 1);
}

/// R-CARD-2: recovery cards are drawn, named in the manifest, told once and kept nowhere.
#[test]
fn recovery_cards_are_told_once_and_printed() {
    let range = Range::new();
    range.init("owner");
    let page = range.root("cards.svg");
    let file = page.to_str().unwrap();
    let told = range.found("owner", &["--recovery-cards", "2", "--cards-file", file]);
    let lines: Vec<&str> = told.lines().collect();
    assert_eq!(lines.len(), 3, "the event and two cards: {told}");
    let svg = fs::read_to_string(&page).unwrap();
    assert_eq!(mode_of(&page), 0o600);
    for text in &lines[1..] {
        let card = card_from_text(text).unwrap();
        assert!(svg.contains(&card.label) && svg.contains("Spring Match"));
        let bundle = range.root("bundle");
        range.done("owner", &["export", bundle.to_str().unwrap()]);
        let held = fs::read(&bundle).unwrap();
        let is_held = |key: &[u8]| held.windows(32).any(|it| it == key);
        assert!(
            is_held(card.key().public().as_bytes()),
            "named in the manifest"
        );
        for file in ["node.redb", "event.manifest", "device.toml"] {
            let bytes = fs::read(range.root("owner").join(file)).unwrap();
            assert!(
                !bytes.windows(32).any(|it| it == &card.seed[..]),
                "{file} holds no seed"
            );
        }
        assert!(!is_held(&card.seed[..]), "nor does a bundle");
    }
    let elsewhere = Range::new();
    elsewhere.init("owner");
    let event = elsewhere.structure_file();
    let bad = [
        "event",
        "create",
        "--structure",
        &event,
        "--recovery-cards",
        "1",
        "--cards-file",
        "/nowhere/cards.svg",
    ];
    elsewhere.refused_in_words("owner", &bad, 1, "nothing was changed");
    elsewhere.refused_in_words("owner", &["event", "show"], 1, "no event");
}

/// Bad input 52: the key of another board is read from, and signs nothing.
#[test]
fn a_key_of_another_board_signs_nothing_until_it_is_adopted() {
    let range = Range::new();
    range.init("owner");
    range.found("owner", &[]);
    let path = range.root("owner").join("device.key");
    let text = fs::read_to_string(&path).unwrap();
    let seed = text.lines().next().unwrap();
    // As the card of another Pi has it: another salt, another hash.
    let moved = format!("{seed}\nboard {} {}\n", "11".repeat(16), "22".repeat(32));
    fs::write(&path, moved).unwrap();
    range.done("owner", &["event", "show"]);
    for args in [&["event", "lock"][..], &["invite"], &["run", "--no-mdns"]] {
        range.refused_in_words("owner", args, 6, "init --adopt-board");
    }
    range.done("owner", &["init", "--adopt-board"]);
    range.done("owner", &["event", "lock"]);
    assert_eq!(mode_of(&path), 0o600);
}

/// Bad input 52: missing and readable by others.
#[test]
fn a_key_that_is_missing_or_readable_by_others_says_what_to_do() {
    let range = Range::new();
    range.init("owner");
    range.found("owner", &[]);
    let path = range.root("owner").join("device.key");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    range.refused_in_words("owner", &["run"], 7, "chmod 600");
    range.refused_in_words("owner", &["invite"], 7, "chmod 600");
    fs::remove_file(&path).unwrap();
    for args in [&["run"][..], &["invite"], &["init"]] {
        range.refused_in_words("owner", args, 7, "have the owner invite it");
    }
}

#[test]
fn a_sealed_key_needs_its_passphrase_from_a_file() {
    let range = Range::new();
    let file = range.root("passphrase");
    fs::write(&file, "correct horse\n").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    let file = file.to_str().unwrap();
    range.done(
        "owner",
        &[
            "init",
            "--label",
            "owner",
            "--passphrase",
            "--passphrase-file",
            file,
        ],
    );
    let event = range.structure_file();
    let create = ["event", "create", "--structure", &event];
    range.refused_in_words("owner", &create, 6, "--passphrase-file");
    range.done(
        "owner",
        &[&create[..], &["--passphrase-file", file]].concat(),
    );
    range.refused_in_words("owner", &["run"], 6, "the key in");
    let args = [&ALONE[..], &["--passphrase-file", file]].concat();
    let owner = Process::start(&range.root("owner"), &args).unwrap();
    range.done("owner", &["event", "lock"]);
    owner.stop().unwrap();
}
