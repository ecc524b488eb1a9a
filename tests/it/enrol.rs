//! How a device comes in, with real processes on loopback and the command line as people type it:
//! tickets, offers, digits, cards, and keys at rest.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use tallyline_proto::wire::{card_from_text, ticket_from_text, ticket_to_text};
use tallyline_tests::process::{Outcome, Process, run};

use crate::netns::now;

/// How long two devices on one machine may take to meet: far above what they need.
const MEET_MAX: Duration = Duration::from_mins(1);

/// What every node of these tests is started with.
const ALONE: [&str; 3] = ["--listen", "127.0.0.1:0", "--no-mdns"];

/// A desk with the roots of some devices.
struct Desk {
    folder: tempfile::TempDir,
}

impl Desk {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn root(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Makes a device and starts its node.
    fn device(&self, name: &str) -> Process {
        Process::init(&self.root(name), name, "device").unwrap();
        Process::start(&self.root(name), &ALONE).unwrap()
    }

    /// A device that founded the small event, and runs.
    fn owner(&self) -> Process {
        let owner = self.device("owner");
        self.found("owner", &[]);
        owner
    }

    fn found(&self, name: &str, more: &[&str]) -> String {
        let file = self.folder.path().join("event.json");
        fs::write(&file, structure().to_string()).unwrap();
        let file = file.to_str().unwrap();
        let args = ["event", "create", "--structure", file];
        self.done(name, &[&args, more].concat())
    }

    fn run(&self, name: &str, args: &[&str]) -> Outcome {
        run(&self.root(name), args)
    }

    /// Runs a command that has to work and returns its data.
    fn done(&self, name: &str, args: &[&str]) -> String {
        let outcome = self.run(name, args);
        assert_eq!(outcome.exit, 0, "{args:?}: {outcome:?}");
        outcome.stdout.trim().to_owned()
    }

    /// Runs a command that has to be refused with a text on the standard error.
    fn refused(&self, name: &str, args: &[&str], exit: i32, text: &str) {
        let outcome = self.run(name, args);
        assert_eq!(outcome.exit, exit, "{args:?}: {outcome:?}");
        assert!(
            outcome.stderr.contains(text),
            "{args:?}: {outcome:?} lacks {text:?}"
        );
        assert_eq!(
            outcome.stdout, "",
            "{args:?}: a refused command has no data"
        );
    }

    fn members(&self, name: &str) -> Vec<Value> {
        let told = self.done(name, &["devices", "--json"]);
        let told: Value = serde_json::from_str(&told).unwrap();
        told["devices"].as_array().unwrap().clone()
    }
}

fn structure() -> Value {
    json!({
        "event": "Spring Match", "date": "2026-05-09", "divisions": ["Open"],
        "division_power_factors": { "Open": { "minor": 125, "major": 160 } },
        "rules": { "procedurals": [{ "name": "10.2.7 Failure to engage target" }] },
        "stages": [{ "stage": 1, "name": "French visit", "scoring": "Comstock",
                     "target_shots": [2, 2], "steel": 1 }],
        "shooters": [{ "shooter": 1, "label": "Shooter 001", "division": "Open",
                       "power_factor": "MAJOR", "squad": 1 }],
    })
}

fn wait_for<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let start = now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(
            start.elapsed() < MEET_MAX,
            "{what} did not happen within {MEET_MAX:?}"
        );
    }
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
    let desk = Desk::new();
    let (_owner, _tablet) = (desk.owner(), desk.device("tablet"));
    let ticket = desk.done("owner", &["invite", "--label", "Tablet 3"]);
    assert_eq!(ticket.lines().count(), 1, "{ticket}");
    let joined = desk.done("tablet", &["join", &ticket, "--wait"]);
    let words = line(&joined, "words");
    assert_eq!(words.split(' ').count(), 4, "{joined}");
    assert_eq!(line(&joined, "device"), "Tablet 3");
    assert_eq!(line(&joined, "event"), "Spring Match");
    assert_eq!(line(&joined, "owner"), "owner");
    let members = desk.members("owner");
    let tablet = members.iter().find(|it| it["label"] == "Tablet 3").unwrap();
    assert_eq!(tablet["words"], words, "the owner's devices");
    let listed = desk.done("owner", &["invite", "--list"]);
    assert!(
        listed.contains(words) && listed.contains("used"),
        "{listed}"
    );
    let status = desk.run("tablet", &["status"]);
    assert!(status.stdout.contains(words), "{status:?}");
}

/// R-JOIN-3, bad input 53: a used ticket, and one that was cancelled.
#[test]
fn a_used_or_cancelled_ticket_is_answered_clearly_and_not_asked_with_again() {
    let desk = Desk::new();
    let (_owner, _tablet) = (desk.owner(), desk.device("tablet"));
    let late = desk.device("late");
    let used = desk.done("owner", &["invite"]);
    desk.done("tablet", &["join", &used, "--wait"]);
    let words = "used by another device, is over, or was cancelled";
    desk.refused("late", &["join", &used, "--wait"], 6, words);
    let status = desk.run("late", &["status"]);
    assert!(
        status.stdout.contains("Ask the owner for a fresh one"),
        "{status:?}"
    );
    assert_eq!(
        late.ask(&json!({"verb": "node"})).unwrap()["phase"],
        "blank"
    );
    let cancelled = desk.done("owner", &["invite"]);
    desk.done("owner", &["invite", "--cancel", "all"]);
    desk.refused("late", &["join", &cancelled, "--wait"], 6, words);
    let fresh = desk.done("owner", &["invite"]);
    desk.done("late", &["join", &fresh, "--wait"]);
    assert_eq!(desk.members("owner").len(), 3, "the owner and two tablets");
}

/// R-JOIN-3: the time left is what the node counts, and a restart takes away and never adds.
#[test]
fn an_invite_outlives_a_restart_with_less_time() {
    let desk = Desk::new();
    let owner = desk.owner();
    desk.done("owner", &["invite", "--expires", "2", "--label", "Pi"]);
    owner.kill().unwrap();
    let owner = Process::start(&desk.root("owner"), &ALONE).unwrap();
    let told = owner.ask(&json!({"verb": "enrolment"})).unwrap();
    let left_ms = told["invites"][0]["left_ms"].as_u64().unwrap();
    assert!(
        (60_000..=90_000).contains(&left_ms),
        "half a minute is gone: {told}"
    );
    assert_eq!(told["invites"][0]["label"], "Pi");
    for minutes in ["0", "1441", "x"] {
        let outcome = desk.run("owner", &["invite", "--expires", minutes]);
        assert_eq!(outcome.exit, 2, "{outcome:?}");
    }
}

/// Bad input 53: wrong version, other kind, damaged, another event, 10 KB.
#[test]
fn texts_that_are_no_ticket_change_nothing() {
    let desk = Desk::new();
    let (_owner, tablet) = (desk.owner(), desk.device("tablet"));
    let ticket = desk.done("owner", &["invite"]);
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
        desk.refused("tablet", &["join", &text], 2, word);
        assert_eq!(
            tablet.ask(&json!({"verb": "node"})).unwrap()["phase"],
            "blank"
        );
    }
    let mut other = ticket_from_text(&ticket).unwrap();
    other.event = tallyline_proto::model::EventId(tallyline_proto::model::Hash([1; 32]));
    desk.refused(
        "tablet",
        &["join", &ticket_to_text(&other), "--wait"],
        6,
        "not admitted",
    );
    assert_eq!(desk.members("owner").len(), 1, "nobody");
}

/// The square on a terminal and in a file.
#[test]
fn an_invite_is_shown_as_a_square_beside_the_line_of_text() {
    let desk = Desk::new();
    let _owner = desk.owner();
    let file = desk.folder.path().join("ticket.png");
    let args = ["invite", "--qr", "--png", file.to_str().unwrap()];
    let outcome = desk.run("owner", &args);
    assert_eq!(outcome.exit, 0, "{outcome:?}");
    assert_eq!(outcome.stdout.lines().count(), 1, "the ticket alone");
    assert!(outcome.stderr.contains('\u{2588}'), "{}", outcome.stderr);
    assert!(fs::read(&file).unwrap().starts_with(b"\x89PNG"), "a PNG");
    assert_eq!(mode_of(&file), 0o600, "it shows a secret");
    let told = desk.run("owner", &["invite", "--json"]);
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
    let desk = Desk::new();
    let (_owner, _pi) = (desk.owner(), desk.device("pi"));
    let text = desk.done("pi", &["join", "--show"]);
    assert!(text.starts_with("TALLYLINE-DEVICE1-"), "{text}");
    let args = [
        "invite", "--device", &text, "--label", "Pi 1", "--role", "gateway", "--wait",
    ];
    let told = desk.done("owner", &args);
    assert_eq!(line(&told, "device"), "Pi 1");
    let words = line(&told, "words");
    let info = wait_for("the device's own Admit", || {
        desk.members("pi").into_iter().find(|it| it["this"] == true)
    });
    assert_eq!(info["words"], words, "the same on both screens");
    assert_eq!(info["label"], "Pi 1");
    desk.refused(
        "owner",
        &["invite", "--device", &text],
        1,
        "a member already",
    );
    desk.refused(
        "owner",
        &["invite", "--device", "TALLYLINE-DEVICE1-AAAA"],
        2,
        "damaged",
    );
}

/// Begins a comparison on both devices and returns the digits that each shows.
fn digits(desk: &Desk, tablet: &Process) -> (String, String) {
    tablet.ask(&json!({"verb": "pair-device"})).unwrap();
    let address = tablet.ready()["addresses"][0].as_str().unwrap();
    let shown = desk.run("owner", &["invite", "--digits", "--address", address]);
    assert_eq!(shown.exit, 3, "it waits for a confirmation: {shown:?}");
    let there = wait_for("digits on the new device", || {
        let told = tablet.ask(&json!({"verb": "enrolment"})).unwrap();
        told["pairing"]["digits"].as_str().map(str::to_owned)
    });
    (shown.stdout.trim().replace(' ', ""), there)
}

/// R-JOIN-6.
#[test]
fn equal_digits_confirmed_on_both_devices_admit_the_new_one() {
    let desk = Desk::new();
    let (_owner, tablet) = (desk.owner(), desk.device("tablet"));
    let (here, there) = digits(&desk, &tablet);
    assert_eq!(here, there, "both screens");
    desk.done("owner", &["invite", "--digits", "--confirm", &there]);
    let joined = desk.done(
        "tablet",
        &["join", "--digits", "--confirm", &here, "--wait"],
    );
    let members = desk.members("owner");
    let member = members.iter().find(|it| it["label"] == "tablet").unwrap();
    assert_eq!(member["words"], line(&joined, "words"));
}

/// R-JOIN-6: one try, then 30 s.
#[test]
fn other_digits_admit_nobody_and_lock_the_next_try() {
    let desk = Desk::new();
    let (_owner, tablet) = (desk.owner(), desk.device("tablet"));
    let (here, _) = digits(&desk, &tablet);
    let wrong = if here == "000000" { "000001" } else { "000000" };
    desk.refused(
        "owner",
        &["invite", "--digits", "--confirm", wrong],
        6,
        "the digits differ",
    );
    wait_for("the other side to be told", || {
        let told = tablet.ask(&json!({"verb": "enrolment"})).unwrap();
        (told["ended"] == "pairing-failed").then_some(())
    });
    desk.refused(
        "owner",
        &["invite", "--digits", "--confirm", &here],
        6,
        "no digits wait",
    );
    desk.refused(
        "owner",
        &["invite", "--digits", "--address", "127.0.0.1:1"],
        6,
        "the last pairing failed",
    );
    desk.refused("owner", &["invite", "--digits"], 2, "needs the address");
    desk.refused(
        "tablet",
        &["join", "--digits"],
        6,
        "the last pairing failed",
    );
    assert_eq!(desk.members("owner").len(), 1);
}

/// R-CARD-2: recovery cards are drawn, named in the manifest, told once and kept nowhere.
#[test]
fn recovery_cards_are_told_once_and_printed() {
    let desk = Desk::new();
    Process::init(&desk.root("owner"), "owner", "device").unwrap();
    let page = desk.folder.path().join("cards.svg");
    let file = page.to_str().unwrap();
    let told = desk.found("owner", &["--recovery-cards", "2", "--cards-file", file]);
    let lines: Vec<&str> = told.lines().collect();
    assert_eq!(lines.len(), 3, "the event and two cards: {told}");
    let svg = fs::read_to_string(&page).unwrap();
    assert_eq!(mode_of(&page), 0o600);
    for text in &lines[1..] {
        let card = card_from_text(text).unwrap();
        assert!(svg.contains(&card.label) && svg.contains("Spring Match"));
        let bundle = desk.folder.path().join("bundle");
        desk.done("owner", &["export", bundle.to_str().unwrap()]);
        let held = fs::read(&bundle).unwrap();
        let is_held = |key: &[u8]| held.windows(32).any(|it| it == key);
        assert!(
            is_held(card.key().public().as_bytes()),
            "named in the manifest"
        );
        for file in ["node.redb", "event.manifest", "device.toml"] {
            let bytes = fs::read(desk.root("owner").join(file)).unwrap();
            assert!(
                !bytes.windows(32).any(|it| it == &card.seed[..]),
                "{file} holds no seed"
            );
        }
        assert!(!is_held(&card.seed[..]), "nor does a bundle");
    }
    let elsewhere = Desk::new();
    Process::init(&elsewhere.root("owner"), "owner", "device").unwrap();
    let event = elsewhere.folder.path().join("event.json");
    fs::write(&event, structure().to_string()).unwrap();
    let bad = [
        "event",
        "create",
        "--structure",
        event.to_str().unwrap(),
        "--recovery-cards",
        "1",
        "--cards-file",
        "/nowhere/cards.svg",
    ];
    elsewhere.refused("owner", &bad, 1, "nothing was changed");
    elsewhere.refused("owner", &["event", "show"], 1, "no event");
}

/// Bad input 52: the key of another board is read from, and signs nothing.
#[test]
fn a_key_of_another_board_signs_nothing_until_it_is_adopted() {
    let desk = Desk::new();
    Process::init(&desk.root("owner"), "owner", "device").unwrap();
    desk.found("owner", &[]);
    let path = desk.root("owner").join("device.key");
    let text = fs::read_to_string(&path).unwrap();
    let seed = text.lines().next().unwrap();
    // As the card of another Pi has it: another salt, another hash.
    let moved = format!("{seed}\nboard {} {}\n", "11".repeat(16), "22".repeat(32));
    fs::write(&path, moved).unwrap();
    desk.done("owner", &["event", "show"]);
    for args in [&["event", "lock"][..], &["invite"], &["run", "--no-mdns"]] {
        desk.refused("owner", args, 6, "init --adopt-board");
    }
    desk.done("owner", &["init", "--adopt-board"]);
    desk.done("owner", &["event", "lock"]);
    assert_eq!(mode_of(&path), 0o600);
}

/// Bad input 52: missing and readable by others.
#[test]
fn a_key_that_is_missing_or_readable_by_others_says_what_to_do() {
    let desk = Desk::new();
    Process::init(&desk.root("owner"), "owner", "device").unwrap();
    desk.found("owner", &[]);
    let path = desk.root("owner").join("device.key");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    desk.refused("owner", &["run"], 7, "chmod 600");
    desk.refused("owner", &["invite"], 7, "chmod 600");
    fs::remove_file(&path).unwrap();
    for args in [&["run"][..], &["invite"], &["init"]] {
        desk.refused("owner", args, 7, "have the owner invite it");
    }
}

#[test]
fn a_sealed_key_needs_its_passphrase_from_a_file() {
    let desk = Desk::new();
    let file = desk.folder.path().join("passphrase");
    fs::write(&file, "correct horse\n").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    let file = file.to_str().unwrap();
    desk.done(
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
    let event = desk.folder.path().join("event.json");
    fs::write(&event, structure().to_string()).unwrap();
    let create = ["event", "create", "--structure", event.to_str().unwrap()];
    desk.refused("owner", &create, 6, "--passphrase-file");
    desk.done(
        "owner",
        &[&create[..], &["--passphrase-file", file]].concat(),
    );
    desk.refused("owner", &["run"], 6, "the key in");
    let args = [&ALONE[..], &["--passphrase-file", file]].concat();
    let owner = Process::start(&desk.root("owner"), &args).unwrap();
    desk.done("owner", &["event", "lock"]);
    owner.stop().unwrap();
}
