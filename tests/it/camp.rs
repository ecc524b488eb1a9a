//! A day at a camp: each policy of records, on real nodes.
//!
//! `cargo test --release -p tallyline-tests --test it camp:: -- --nocapture` shows it.

use serde_json::{Value, json};
use tallyline_tests::process::Process;

use crate::range::{AGREE_MAX, ALONE, Range, address, agree, status, until};

fn structure(kinds: &Value) -> Value {
    json!({
        "event": "Spring Camp", "date": "2026-05-23", "divisions": ["Camp"],
        "stages": [{ "stage": 1, "name": "Games", "scoring": "Comstock", "steel": 1 }],
        "shooters": [{ "shooter": 1, "label": "Nobody", "division": "Camp",
                       "power_factor": "MINOR", "squad": 1 }],
        "kinds": kinds,
    })
}

/// The camp's owner and two leaders.
struct Camp {
    range: Range,
    owner: Process,
    ann: Process,
    bob: Process,
}

impl Camp {
    fn begin() -> Self {
        let range = Range::founded_from(&structure(&camp_with_plain_medication()));
        let owner = range.start("owner", &[]);
        let ann = range.join("ann", "leader", &[&owner]);
        let bob = range.join("bob", "leader", &[&owner]);
        let camp = Self {
            range,
            owner,
            ann,
            bob,
        };
        camp.agree();
        camp
    }

    fn agree(&self) {
        // Once more, for what came from the second one meanwhile.
        for device in [&self.ann, &self.bob, &self.ann] {
            agree(&self.owner, device);
        }
    }

    /// Lets the two leaders go out of each other's reach.
    fn apart(&self) {
        for device in ["ann", "bob"] {
            self.range.done(device, &["sync", "pause"]);
        }
    }

    fn together(&self) {
        for device in ["ann", "bob"] {
            self.range.done(device, &["sync", "resume"]);
        }
        self.agree();
    }

    fn add(&self, device: &str, kind: &str, on: &[&str], says: &[&str]) -> String {
        let mut args = vec!["record", "add", kind];
        for parent in on {
            args.extend(["--on", parent]);
        }
        self.range.done(device, &[&args, says].concat())
    }

    fn set(&self, device: &str, kind: &str, key: &str, says: &[&str]) -> String {
        let args = ["record", "set", kind, key];
        self.range.done(device, &[&args, says].concat())
    }

    fn records(&self, device: &str, kind: &str) -> Vec<Value> {
        let told = self.range.read(device, &["record", "list", kind]);
        assert_eq!(told["schema"], "tallyline.records/1");
        told["records"].as_array().unwrap().clone()
    }

    fn only(&self, device: &str, kind: &str) -> Value {
        let mut all = self.records(device, kind);
        assert_eq!(all.len(), 1, "{all:?}");
        all.remove(0)
    }
}

/// The shipped set, and a kind of the event's own with the policy of medication in the clear: what
/// is sealed needs keys, and is shown elsewhere.
fn camp_with_plain_medication() -> Value {
    json!(["camp",
        {"kind": 41, "name": "diet", "on": ["participant"], "policy": "ask", "fields": ["needs"]},
        {"kind": 42, "name": "snack", "on": ["diet"], "policy": "append",
         "fields": ["day", "what"], "unique": ["day"]}])
}

fn says<'a>(record: &'a Value, field: &str) -> &'a Value {
    &record["fields"][field]["value"]
}

/// What two leaders write of one day, each without knowing of the other.
fn write_without_a_network(camp: &Camp, [foxes, mia, badge, diet]: [&str; 4]) {
    // Field by field: both edits of different fields stay.
    camp.set("ann", "participant", mia, &["born=2014"]);
    camp.set("bob", "participant", mia, &["note=swims well"]);
    // The last write: one status a day.
    let present = ["day=20260523", "status=present"];
    camp.add("ann", "attendance", &[mia], &present);
    camp.add(
        "bob",
        "attendance",
        &[mia],
        &["day=20260523", "status=late"],
    );
    camp.set("ann", "group", foxes, &["leader=Ann"]);
    camp.set("bob", "group", foxes, &["leader=Bob"]);
    // Created on both sides: both stay.
    camp.add("ann", "honor", &[mia], &["name=Helper"]);
    camp.add("bob", "honor", &[mia], &["name=Helper"]);
    // Points only grow, and their sum is nobody's to write.
    camp.add("ann", "points", &[mia], &["points=5", "note=tidy tent"]);
    camp.add("bob", "points", &[mia], &["points=7", "note=first swim"]);
    // A badge only rises.
    camp.set("ann", "badge", badge, &["status=approved"]);
    camp.set("bob", "badge", badge, &["note=bowline missing"]);
    // What is a question of health is asked.
    camp.set("ann", "diet", diet, &["needs=no nuts"]);
    camp.set("bob", "diet", diet, &["needs=no milk"]);
    // Twice the same, by two who did not know.
    camp.add("ann", "snack", &[diet], &["day=20260523", "what=apple"]);
    camp.add("bob", "snack", &[diet], &["day=20260523", "what=apple"]);
}

#[test]
fn a_camp_day_with_each_policy() {
    let camp = Camp::begin();
    let range = &camp.range;
    range.shown("ann", &["record", "kinds"]);
    let foxes = camp.add("owner", "group", &[], &["name=Foxes"]);
    let mia = camp.add(
        "owner",
        "participant",
        &[&foxes],
        &["name=Mia", "born=2015"],
    );
    let diet = camp.add("owner", "diet", &[&mia], &["needs=none known"]);
    let badge = camp.add("owner", "badge", &[&mia], &["name=Knots", "status=pending"]);
    camp.agree();
    camp.apart();
    write_without_a_network(&camp, [&foxes, &mia, &badge, &diet]);
    camp.together();

    for kind in [
        "participant",
        "group",
        "attendance",
        "honor",
        "points",
        "points-total",
        "badge",
        "diet",
        "snack",
    ] {
        range.shown("owner", &["record", "list", kind]);
    }
    range.shown("owner", &["record", "show", "participant", &mia]);
    range.shown("owner", &["conflicts", "list"]);
    for device in ["owner", "ann", "bob"] {
        // Sealed for leaders: the keys follow the entries.
        until(&format!("{device} reads of Mia"), AGREE_MAX, || {
            let child = camp.only(device, "participant");
            *says(&child, "born") == "2014" && *says(&child, "note") == "swims well"
        });
        let day = camp.only(device, "attendance");
        assert_eq!(day["versions"].as_array().unwrap().len(), 2, "history");
        assert_eq!(camp.records(device, "honor").len(), 2);
        assert_eq!(*says(&camp.only(device, "points-total"), "points"), 12);
        assert_eq!(says(&camp.only(device, "badge"), "status"), "approved");
        assert_eq!(says(&camp.only(device, "diet"), "needs"), "none known");
        let told = range.read(device, &["conflicts", "list"]);
        let what = [0, 1].map(|nth| told["conflicts"][nth]["what"].clone());
        assert_eq!(what, ["possible-double", "ask"], "{told}");
    }
    let leader = says(&camp.only("ann", "group"), "leader").clone();
    assert_eq!(
        says(&camp.only("bob", "group"), "leader"),
        &leader,
        "one of the two"
    );

    // A person looks, and says what holds.
    let snack = camp.only("owner", "snack")["key"]
        .as_str()
        .unwrap()
        .to_owned();
    camp.set("owner", "snack", &snack, &["what=one apple, seen twice"]);
    camp.set("owner", "diet", &diet, &["needs=no nuts, no milk"]);
    camp.agree();
    range.shown("bob", &["record", "show", "diet", &diet]);
    for device in ["owner", "ann", "bob"] {
        let run = range.run(device, &["conflicts", "list"]);
        assert_eq!(run.exit, 0, "{run:?}");
        let diet = camp.only(device, "diet");
        assert_eq!(says(&diet, "needs"), "no nuts, no milk");
        assert_eq!(diet["versions"].as_array().unwrap().len(), 4);
    }
}

#[test]
fn s3_03_read_only_and_derived_are_refused_by_the_command_line() {
    let range = Range::founded_from(&structure(&json!("camp")));
    range.apart("ann", "leader");
    let add = ["record", "add", "camp", "name=Ours"];
    range.refused("ann", &add, (6, "E02"), "the owner's");
    let id = "0e1f3d5c-0000-4000-8000-000000000001";
    let total = ["record", "add", "points-total", "points=99", "--on", id];
    range.refused("ann", &total, (6, "E02"), "computed");
    range.done("owner", &["record", "add", "camp", "name=Spring"]);
    let kinds = range.read("ann", &["record", "kinds"]);
    assert_eq!(kinds["kinds"].as_array().unwrap().len(), 12, "{kinds}");
}

#[test]
fn s3_05_what_was_under_way_when_the_app_was_closed_is_pending_again_at_the_start() {
    let camp = Camp::begin();
    let Camp {
        range, owner, ann, ..
    } = camp;
    let keys: Vec<String> = (0..20)
        .map(|nth| {
            let name = format!("name=Group {nth}");
            range.done("ann", &["record", "add", "group", &name])
        })
        .collect();
    // In the middle of whatever it was sending.
    ann.kill().unwrap();
    let ann = range.start("ann", &[&owner]);
    agree(&owner, &ann);
    let told = range.read("owner", &["record", "list", "group"]);
    let there = told["records"].as_array().unwrap();
    assert_eq!(there.len(), keys.len(), "all, and none twice");
    for record in there {
        assert_eq!(record["versions"].as_array().unwrap().len(), 1);
    }
}

#[test]
fn s3_06_a_network_that_drops_is_tried_again_and_nothing_is_forgotten() {
    let camp = Camp::begin();
    let Camp {
        range,
        owner,
        ann,
        bob,
    } = camp;
    bob.stop().unwrap();
    let place = address(&owner);
    range.done("ann", &["record", "add", "group", "name=Before"]);
    agree(&owner, &ann);
    // Both have it before the tablet has heard so.
    let only_here = || status(&ann)["totals"]["only_here"].as_u64();
    until("it is known", AGREE_MAX, || only_here() == Some(0));
    owner.kill().unwrap();
    for nth in 0..5 {
        let name = format!("name=Without a network {nth}");
        range.done("ann", &["record", "add", "group", &name]);
    }
    assert_eq!(only_here(), Some(5), "the count is kept");
    let args = [ALONE[0], ALONE[1], &place];
    let owner = Process::start(&range.root("owner"), &args).unwrap();
    agree(&owner, &ann);
    until("it is told", AGREE_MAX, || only_here() == Some(0));
    let told = range.read("owner", &["record", "list", "group"]);
    assert_eq!(told["records"].as_array().unwrap().len(), 6, "{told}");
}
