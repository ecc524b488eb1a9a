//! A race afternoon: two officials report the same incident, on real nodes.
//!
//! `cargo test --release -p tallyline-tests --test it race:: -- --nocapture` shows it.

use serde_json::{Value, json};
use tallyline_tests::process::Process;

use crate::range::{AGREE_MAX, Range, agree, until};

fn structure() -> Value {
    let racer = |no: u32| {
        json!({ "shooter": no, "label": format!("Racer {no}"), "division": "Open",
                "power_factor": "MINOR", "squad": 1 })
    };
    json!({
        "event": "Giant Slalom", "date": "2026-02-14", "ruleset": "ski", "divisions": ["Open"],
        "rules": { "dqs": [{ "name": "661.4 Gate missed" }] },
        "stages": [{ "stage": 1, "name": "First run", "scoring": "run" }],
        "shooters": [racer(41), racer(42), racer(43)],
        "places": ["Gate 12", "Gate 13", "Finish"],
    })
}

/// Owner, a gate judge and a finish judge; neither has a grant.
struct Afternoon {
    range: Range,
    owner: Process,
    gate: Process,
    finish: Process,
}

impl Afternoon {
    fn begin() -> Self {
        let range = Range::founded_from(&structure());
        let owner = range.start("owner", &[]);
        let gate = range.join("gate", "scorer", &[&owner]);
        let finish = range.join("finish", "scorer", &[&owner]);
        let all = Self {
            range,
            owner,
            gate,
            finish,
        };
        all.agree();
        all
    }

    fn agree(&self) {
        // Once more, for what came from the second one meanwhile.
        for device in [&self.gate, &self.finish, &self.gate] {
            agree(&self.owner, device);
        }
    }

    /// Records that a racer missed the gate so many seconds ago; returns the incident.
    fn missed(&self, device: &str, bib: &str, ago: &str, text: &str) -> String {
        let what = ["incident", "add", "--race", "1", "--bib", bib];
        let place = ["--place", "gate 12", "--ago", ago, "--text", text];
        self.range.done(device, &[&what[..], &place].concat())
    }

    fn groups(&self, device: &str) -> Vec<Value> {
        let told = self.range.read(device, &["incident", "list"]);
        assert_eq!(told["schema"], "tallyline.incidents/1");
        told["groups"].as_array().unwrap().clone()
    }
}

#[test]
fn a_race_afternoon_with_two_devices_reporting_the_same_incident() {
    let day = Afternoon::begin();
    let range = &day.range;
    range.done(
        "owner",
        &[
            "grant", "--drills", "all", "--squads", "all", "--to", "finish",
        ],
    );
    agree(&day.owner, &day.finish);
    for (bib, time) in [("41", "61.20"), ("42", "60.05"), ("43", "62.00")] {
        let score = [
            "score",
            "add",
            "--drill",
            "1",
            "--shooter",
            bib,
            "--time",
            time,
        ];
        range.done("finish", &score);
    }
    // The two judges see the same thing, and their devices do not see each other.
    for device in ["gate", "finish"] {
        range.done(device, &["sync", "pause"]);
    }
    let first = day.missed("gate", "42", "20", "missed the gate");
    let second = day.missed("finish", "42", "5", "went around gate 12");
    let other = day.missed("gate", "43", "0", "lost a ski");
    range.done(
        "finish",
        &["incident", "report", &second, "--text", "clip will follow"],
    );
    range.done("gate", &["decide", &first, "--warning"]);
    range.done("finish", &["decide", &second, "--dsq", "--rule", "1"]);
    for device in ["gate", "finish"] {
        range.done(device, &["sync", "resume"]);
    }
    day.agree();

    range.shown("owner", &["incident", "list"]);
    range.shown("owner", &["incident", "show", &first]);
    range.shown("owner", &["conflicts", "list"]);
    for device in ["owner", "gate", "finish"] {
        let groups = day.groups(device);
        assert_eq!(groups.len(), 2, "{device}: {groups:?}");
        let group = groups.iter().find(|it| it["bib"] == 42).unwrap();
        assert_eq!(group["incidents"].as_array().unwrap().len(), 2, "both kept");
        assert_eq!(group["state"], "differing");
        let run = range.run(device, &["conflicts", "list"]);
        assert_eq!(run.exit, 4, "somebody has to decide: {run:?}");
    }

    // The owner, who heads the jury, decides about the group; about the other nothing follows.
    let note = ["--note", "video seen"];
    let dsq = ["decide", &second, "--dsq", "--rule", "1"];
    range.done("owner", &[&dsq[..], &note].concat());
    range.done("owner", &["decide", &other, "--none"]);
    day.agree();
    range.shown("gate", &["incident", "list"]);
    range.shown("gate", &["standings", "--stage", "1"]);
    for device in ["owner", "gate", "finish"] {
        let run = range.run(device, &["conflicts", "list"]);
        assert_eq!(run.exit, 0, "{device}: {run:?}");
        let groups = day.groups(device);
        let group = groups.iter().find(|it| it["bib"] == 42).unwrap();
        assert_eq!(group["ruling"]["ruling"], "dsq", "{group}");
        assert_eq!(group["ruling"]["by"], "owner", "{group}");
    }
    let standings = |device: &str| range.read(device, &["standings"]).to_string();
    assert_eq!(standings("gate"), standings("owner"));
}

#[test]
fn s2_01_one_program_runs_in_every_mode_says_which_and_has_one_version() {
    let range = Range::new();
    let modes = ["device", "gateway", "cloud"];
    let told = modes.map(|mode| {
        range.done(mode, &["init", "--label", mode, "--mode", mode]);
        range.read(mode, &["status"])["node"].clone()
    });
    for (mode, node) in modes.iter().zip(&told) {
        assert_eq!(node["mode"], *mode, "{node}");
        assert_eq!(node["version"], told[0]["version"], "{node}");
        assert!(node["version"].is_string(), "{node}");
    }
}

#[test]
fn s2_05_an_incident_that_is_sent_again_is_answered_already_here() {
    let day = Afternoon::begin();
    let range = &day.range;
    let id = "0e1f3d5c-0000-4000-8000-000000000001";
    let add = [
        "incident", "add", "--race", "1", "--bib", "41", "--place", "2", "--id", id,
    ];
    assert_eq!(range.done("gate", &add), id);
    let again = range.run("gate", &add);
    assert!(again.stderr.contains("Already here"), "{again:?}");
    // The same report reaches another device by another way.
    until("it is there", AGREE_MAX, || day.groups("finish").len() == 1);
    let told = range.read("finish", &add);
    assert_eq!(told["known"], true, "{told}");
    let mut other = add;
    other[5] = "42";
    range.refused("gate", &other, (4, "E19"), "says something else");
    day.agree();
    assert_eq!(day.groups("owner").len(), 1);
}

#[test]
fn s2_15_a_report_waits_on_a_real_device_until_its_incident_comes() {
    let day = Afternoon::begin();
    let range = &day.range;
    range.done("gate", &["sync", "pause"]);
    let seen = day.missed("gate", "41", "0", "fell");
    range.done(
        "finish",
        &["incident", "report", &seen, "--text", "seen from below"],
    );
    agree(&day.owner, &day.finish);
    let told = range.read("owner", &["conflicts", "list"]);
    assert_eq!(told["waiting"], 1, "{told}");
    assert_eq!(told["conflicts"], json!([]), "a state, not a failure");
    range.done("gate", &["sync", "resume"]);
    day.agree();
    let told = range.read("owner", &["conflicts", "list"]);
    assert_eq!(told["waiting"], 0, "{told}");
    // The text is here with its entry, its key a moment later.
    until("the report is read", AGREE_MAX, || {
        let groups = day.groups("owner");
        groups[0]["incidents"][0]["reports"][0]["text"] == "seen from below"
    });
}

#[test]
fn s2_03_only_the_owner_makes_places_and_a_device_that_may_not_score_reports_nothing() {
    let range = Range::founded_from(&structure());
    range.apart("viewer", "viewer");
    let add = [
        "incident", "add", "--race", "1", "--bib", "41", "--place", "1",
    ];
    range.refused("viewer", &add, (6, "E02"), "may not record");
    let shown = range.read("viewer", &["event", "show"]);
    assert_eq!(shown["places"][2]["name"], "Finish", "{shown}");
    let unknown = [
        "incident", "add", "--race", "1", "--bib", "41", "--place", "9",
    ];
    range.refused("owner", &unknown, (1, "E01"), "place 9");
    let unknown = [
        "incident", "add", "--race", "1", "--bib", "41", "--place", "lift",
    ];
    range.refused(
        "owner",
        &unknown,
        (1, "bad_value"),
        "Gate 12, Gate 13, Finish",
    );
}
