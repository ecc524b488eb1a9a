//! A scorer asks a desk for one cell, scores, and gives it back, or forgets it.

use std::time::Duration;

use serde_json::{Value, json};
use tallyline_tests::process::Process;

use crate::range::{Range, agree, score, status, until};

/// How long the shortest claim, of one minute, may take to end.
const OVER_MAX: Duration = Duration::from_secs(90);

/// Returns who holds which squad's cell, as a node shows it.
fn held(node: &Process) -> Vec<(String, u64)> {
    let told = node.ask(&json!({ "verb": "claims" })).unwrap();
    let claims = told["claims"].as_array().unwrap();
    let pair = |it: &Value| {
        let label = it["label"].as_str().unwrap().to_owned();
        (label, it["squads"][0].as_u64().unwrap())
    };
    claims.iter().map(pair).collect()
}

/// R-CLAIM-1, R-CLAIM-2, R-CLAIM-4: with real processes, and a desk that is killed meanwhile.
#[test]
fn a_scorer_borrows_a_cell_of_a_desk_that_takes_back_what_is_forgotten() {
    let range = Range::founded();
    let owner = range.start("owner", &[]);
    let desk = range.join("Desk", "desk", &[&owner]);
    let ann = range.join("Ann", "scorer", &[&desk]);
    let ben = range.join("Ben", "scorer", &[&desk]);
    let grant = ["grant", "--drills", "1", "--squads", "all"];
    range.done("owner", &[&grant[..], &["--to", "Desk"]].concat());
    for node in [&desk, &ann, &ben] {
        agree(&owner, node);
    }

    range.done("Ben", &["claim", "1", "2", "--minutes", "1"]);
    let forgotten = range.score("Ben", "1", "3");
    range.refused("Ann", &score("1", "1"), (6, "E02"), "");
    let told = range.read("Ann", &["claim", "1", "1", "--minutes", "30"]);
    assert_eq!(told["schema"], "tallyline.claimed/1", "{told}");
    assert_eq!(told["claim"]["lent"]["desk"], "Desk", "{told}");
    let entry = range.score("Ann", "1", "1");
    for node in [&owner, &ann, &ben] {
        agree(&desk, node);
        let both = [("Ann".to_owned(), 1), ("Ben".to_owned(), 2)];
        assert_eq!(held(node), both);
    }
    for shown in [&["claim", "--list"][..], &["grants"], &["status"]] {
        let text = range.run("owner", shown).stdout;
        assert!(text.contains("Ann") && text.contains("+00:00"), "{text}");
    }
    let mine = ["claim", "1", "1"];
    range.refused("Ben", &mine, (4, "cell_held"), "held by Ann until 20");
    range.refused("Ben", &["claim", "2", "1"], (6, "E02"), "no desk has");
    let give_back = ["claim", "--release", "1", "1"];
    range.refused("Ben", &give_back, (4, "E15"), "no desk has lent");

    range.done("Ann", &give_back);
    range.refused("Ann", &score("1", "2"), (6, "E02"), "");
    range.done("Ben", &mine);
    range.done("Ben", &give_back);
    agree(&desk, &ben);
    desk.kill().unwrap();
    range.refused("Desk", &mine, (5, "not_running"), "");
    let desk = range.start("Desk", &[&owner]);
    until("the desk takes it back", OVER_MAX, || held(&ben).is_empty());
    range.refused("Ben", &score("1", "3"), (6, "E02"), "");
    agree(&desk, &ben);
    for (device, node) in [("owner", &owner), ("Ann", &ann)] {
        agree(&desk, node);
        assert_eq!(range.verdict(device, &entry), "counts", "on {device}");
        assert_eq!(range.verdict(device, &forgotten), "counts", "on {device}");
        assert_eq!(status(node)["claims"], json!([]), "on {device}");
    }
}
