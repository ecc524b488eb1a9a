//! Tests of what may be typed.

use clap::CommandFactory as _;
use clap::Parser as _;

use super::*;

fn parse(line: &str) -> Result<Cli, clap::Error> {
    let words = line.split(' ').map(|word| word.replace('_', " "));
    Cli::try_parse_from(["tallyline".to_owned()].into_iter().chain(words))
}

fn accepts(line: &str) {
    if let Err(error) = parse(line) {
        panic!("{line}: {error}");
    }
}

fn refuses(line: &str, expected: &str) {
    let error = parse(line).unwrap_err().to_string();
    assert!(
        error.contains(expected),
        "{line}: {error:?} lacks {expected:?}"
    );
}

#[test]
fn the_arguments_are_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn a_cell_is_claimed_by_stage_and_squad() {
    accepts("claim 3 7");
    accepts("claim 3 7 --minutes 240");
    accepts("claim --release 3 7");
    accepts("claim --list");
    refuses("claim 3", "<SQUAD>");
    refuses("claim 3 7 --minutes 241", "241");
    refuses("claim --list 3 7", "--list");
    refuses("claim --release 3 7 --minutes 5", "--minutes");
}

#[test]
fn a_token_is_made_for_somebody() {
    accepts("cloud token anna --role ro --role media --hours 96 --event Spring");
    accepts("cloud token anna --password-file f");
    accepts("cloud token anna --remove");
    accepts("cloud token --list");
    accepts("cloud token --new-key");
    refuses("cloud token", "<NAME>");
    refuses("cloud token anna --role boss", "use owner, co-owner, ro,");
    refuses("cloud token anna --hours 97", "97");
    refuses("cloud token anna --remove --role ro", "--remove");
    refuses("cloud token anna --list", "--list");
}

#[test]
fn every_verb_of_the_documentation_is_taken() {
    for line in [
        "init",
        "--root /r init --label Tablet_3 --mode gateway",
        "run",
        "run --mode cloud --listen 0.0.0.0:4433 --listen [::]:4433 --http 0.0.0.0:8080 --peer pi:1 --no-mdns",
        "run --cloud cloud.example:4433 --cloud-key k",
        "event create --structure f.json --name Spring --cloud-key a --cloud-key b",
        "event show --json",
        "event lock",
        "event amend --stage 3 --name Wall --targets 2,2,1 --steel 4 --strings 2 --no-shoots yes",
        "event amend --stage 3 --method fixed-time --targets none --note changed",
        "event amend --rule 10.2.7 --kind procedural --code p1",
        "event close",
        "event close --wait 60 --declare-lost Tablet --declare-lost Pi",
        "event statements --invalid",
        "admit KEY --label Pi --role desk --role gateway",
        "invite --role deputy",
        "invite --role relay",
        "revoke Tablet --reason stolen --before e",
        "transfer Tablet",
        "transfer --accept",
        "recover - --reason dead",
        "recover CARD --reason misuse --before e",
        "adopt e f --dry-run",
        "adopt --device Tablet --reject",
        "adopt --log g-0 --branch other",
        "cards spare",
        "cards spare --label Spare --count 3 --file f",
        "cards list",
        "cards use CARD --bundle f",
        "cards revoke Spare",
        "invite --role gateway --label Pi --address 192.168.8.20:4433",
        "join TICKET",
        "admit KEY --label Pi --role viewer",
        "devices",
        "grant --drills 1,2 --squads all --to Tablet",
        "grant --drills all --squads 3 --to T --closing g1 --closing g2 --reason stolen",
        "grant --closing g1 --reason dead",
        "grant list",
        "grants",
        "handover g1 --to T --reason dead",
        "roster add --label X --division Open --power-factor major --squad 3 --category Lady",
        "roster edit 5 --squad 4",
        "score add --drill 2 --shooter 175 --time 42.92 --hits 2A_AC_A1M --steel 5/1 --penalty 1x2",
        "score add --stage 2 --shooter 175 --time 1 --time 2 --hits 2A AC --attempt 1 --confirm",
        "score add --drill 2 --shooter 5 --dnf",
        "score add --drill 2 --shooter 5 --dnf 57 --note late",
        "score add --shooter 5 --dq 28",
        "score add --shooter 5 --withdrawn",
        "score add --drill 15 --shooter 5 --chrono --weight 180.0 --fps 963,958 --gear pass",
        "score add --drill 2 --shooter 5 --time 1 --replaces e --reason hits",
        "score void e --reason wrong-shooter --note moved",
        "score list --drill 2 --shooter 5 --device T",
        "score history --entry e",
        "standings",
        "standings --stage 3 --division Open --csv",
        "standings --combined --json",
        "standings --all",
        "status --json",
        "verify",
        "export -",
        "import f",
        "sync pause --cloud",
        "sync resume",
        "stop",
        "demo --seconds 20 --seed 7 --json --data d --keep",
        "--event Wasa status",
    ] {
        accepts(line);
    }
}

#[test]
fn a_rule_that_is_added_says_what_it_costs() {
    accepts("event amend --rule Bonus --kind procedural --seconds -1.50");
    accepts("event amend --rule Late --kind procedural --points 5");
    refuses(
        "event amend --rule Late --kind procedural --points 5 --seconds 1",
        "cannot be used with",
    );
}

#[test]
fn contradictions_and_bad_words_are_refused() {
    refuses("init --mode kiosk", "use device, gateway or cloud");
    refuses("grant --drills 1 --squads all", "--to");
    refuses("grant --drills 0 --squads all --to T", "is no list");
    refuses("score add --shooter 5 --time 1", "--drill");
    refuses(
        "score add --drill 2 --shooter 5 --time 42.925",
        "at most two decimals",
    );
    refuses(
        "score add --drill 2 --shooter 5 --dnf --time 1",
        "cannot be used with",
    );
    refuses(
        "score add --drill 2 --shooter 5 --dnf --dq 3",
        "cannot be used with",
    );
    refuses(
        "score add --drill 2 --shooter 5 --chrono --time 1",
        "cannot be used with",
    );
    refuses("score add --drill 2 --shooter 5 --fps 900", "--chrono");
    refuses(
        "score add --drill 2 --shooter 5 --time 1 --replaces e",
        "--reason",
    );
    refuses(
        "score add --drill 2 --shooter 5 --time 1 --note x",
        "required",
    );
    refuses("score void e", "--reason");
    refuses(
        "score void e --reason mood",
        "possible values: wrong-shooter",
    );
    refuses("roster edit 5", "--squad");
    refuses("standings --csv --json", "cannot be used with");
    refuses(
        "standings --division Open --combined",
        "cannot be used with",
    );
    refuses("revoke Tablet", "--reason");
    refuses("transfer", "<DEVICE>");
    refuses("transfer T --accept", "cannot be used with");
    refuses("recover CARD --reason handover", "possible values: dead");
    refuses("adopt", "ENTRY");
    refuses("adopt e --device T", "cannot be used with");
    refuses("adopt --log g-0", "--branch");
    refuses("event amend", "--stage");
    refuses("event amend --rule x", "--kind");
    refuses(
        "event amend --rule x --kind dq --stage 2",
        "cannot be used with",
    );
    refuses(
        "event amend --stage 2 --targets 16",
        "is no list of targets",
    );
    refuses("event amend --stage 2 --no-shoots maybe", "yes, no");
    refuses("cards spare --count 21", "21 is not in 1..=20");
    refuses("demo --seconds 0", "0 is not in 1..=86400");
}

/// The document of the command line, as people read it.
const DOCUMENT: &str = include_str!("../../../../docs/CLI.md");

#[test]
fn every_verb_and_argument_is_documented() {
    let command = Cli::command();
    let mut verbs: Vec<(String, &clap::Command)> = command
        .get_subcommands()
        .map(|it| (it.get_name().to_owned(), it))
        .collect();
    while let Some((name, verb)) = verbs.pop() {
        assert!(
            DOCUMENT.contains(&format!("`{name}")),
            "docs/CLI.md lacks {name}"
        );
        for argument in verb.get_arguments().filter_map(clap::Arg::get_long) {
            let word = format!("--{argument}");
            let known = argument == "help" || DOCUMENT.contains(&word);
            assert!(known, "docs/CLI.md lacks {name} {word}");
        }
        let last = name.split(' ').next_back().unwrap_or_default().to_owned();
        for inner in verb.get_subcommands().filter(|it| it.get_name() != last) {
            // `sync pause|resume` documents both.
            if !DOCUMENT.contains(&format!("\\|{}", inner.get_name()))
                && !DOCUMENT.contains(&format!("pause|{}", inner.get_name()))
            {
                verbs.push((format!("{name} {}", inner.get_name()), inner));
            }
        }
    }
}
