//! People and what is sealed about them, on real nodes: who reads it, that nobody else ever holds it,
//! and that an erasure reaches everybody.
//!
//! `cargo test --release -p tallyline-tests --test it participants:: -- --nocapture` shows it.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use tallyline_tests::process::{Launch, Outcome, Process};

use crate::range::{AGREE_MAX, ALONE, Range, address, agree, devices, status, until};

/// What only medics and the owner read; letters that nothing else here has.
const SECRET: &str = "zolmitriptan-quxly";

/// What only leaders and the owner read.
const CONTACT: &str = "mother-555-vexpo";

/// What only the jury and the owner read.
const SEEN: &str = "kicked-the-marshal-wubzy";

/// The file of what a node says on the standard error.
const ERRORS: &str = "errors.log";

/// A shooter of the roster.
const ANNA: &str = "71";

/// Every device but the owner's.
const DEVICES: [&str; 5] = ["med", "leo", "jury", "marshal", "viewer"];

fn structure() -> Value {
    json!({
        "event": "Lake Camp", "date": "2026-05-23", "divisions": ["Camp"],
        "stages": [{ "stage": 1, "name": "Games", "scoring": "Comstock", "steel": 1 }],
        "places": ["Gate 1"],
        "shooters": [{ "shooter": 71, "label": "Anna Adams", "division": "Camp",
                       "power_factor": "MINOR", "squad": 1 }],
        "kinds": "camp",
    })
}

/// The owner, a medic, a leader, the jury, a marshal who reads nothing, and a viewer; all connected.
struct Lake {
    range: Range,
    owner: Process,
    devices: Vec<Process>,
    /// The record that stands for a child.
    mia: String,
}

impl Lake {
    fn begin() -> Self {
        let range = Range::founded_from(&structure());
        let owner = start(&range, "owner", &[]);
        let roles = ["medic", "leader", "jury", "scorer", "viewer"];
        let devices = DEVICES.iter().zip(roles);
        let devices = devices.map(|(name, role)| join(&range, name, role, &owner));
        let devices = devices.collect();
        let foxes = range.done("owner", &["record", "add", "group", "name=Foxes"]);
        let add = ["record", "add", "participant", "--on", &foxes, "name=Mia"];
        let mia = range.done("owner", &add);
        let lake = Self {
            range,
            owner,
            devices,
            mia,
        };
        lake.agree();
        lake
    }

    fn agree(&self) {
        for device in self.devices.iter().chain(&self.devices) {
            agree(&self.owner, device);
        }
    }

    /// Writes one text for each circle of readers: the medication by the medic, the contact by the
    /// leader, what was seen by the marshal, who is none of its readers.
    fn write(&self) {
        let medicine = format!("medicine={SECRET}");
        let add = ["record", "add", "medication", "--on", &self.mia, &medicine];
        self.range.done("med", &add);
        let contact = format!("contact={CONTACT}");
        let set = ["record", "set", "participant", &self.mia, &contact];
        self.range.done("leo", &set);
        let place = ["--race", "1", "--bib", ANNA, "--place", "Gate 1"];
        let add = ["incident", "add", "--text", SEEN];
        self.range.done("marshal", &[&add[..], &place[..]].concat());
        self.agree();
    }

    fn sealed(&self, device: &str, person: &str) -> Vec<Value> {
        let told = self.range.read(device, &["participant", "show", person]);
        assert_eq!(told["schema"], "tallyline.participant/1", "{told}");
        told["texts"].as_array().unwrap().clone()
    }

    /// Returns the texts about a person that a device reads.
    fn read(&self, device: &str, person: &str) -> Vec<String> {
        let texts = self.sealed(device, person).into_iter();
        let open = texts.filter(|it| it["state"] == "open");
        open.map(|it| it["text"].as_str().unwrap().to_owned())
            .collect()
    }

    fn reads(&self, device: &str, person: &str, expected: &[&str]) {
        until(&format!("{device} reads {expected:?}"), AGREE_MAX, || {
            self.read(device, person) == expected
        });
    }

    /// Writes everything that a device can write for other programs into its own folder.
    fn export(&self, device: &str) {
        for format in ["bundle", "psc", "miff", "report", "csv", "jsonl"] {
            let file = self.range.path(&format!("{device}/export.{format}"));
            let _outcome: Outcome = self.range.run(device, &["export", &file, "--as", format]);
        }
        // A camp may not be what a format is for; the bundle is for everything.
        assert!(self.range.root(device).join("export.bundle").exists());
    }
}

/// Starts a node whose words on the standard error are a file of its root.
fn start(range: &Range, name: &str, more: &[&str]) -> Process {
    let root = range.root(name);
    let launch = Launch {
        root: &root,
        args: &[&ALONE[..], more].concat(),
        log: &root.join(ERRORS),
        before: &[],
    };
    Process::launch(&launch).unwrap()
}

/// Makes a device, starts it, and lets it join with a ticket of the owner.
fn join(range: &Range, name: &str, role: &str, owner: &Process) -> Process {
    range.init(name);
    let node = start(range, name, &["--peer", &address(owner)]);
    let ticket = range.done("owner", &["invite", "--label", name, "--role", role]);
    range.done(name, &["join", &ticket]);
    until(&format!("{name} joins"), AGREE_MAX, || {
        status(&node)["node"]["phase"] == "member"
            && devices(&node).iter().any(|it| it["this"] == true)
    });
    node
}

/// Returns the files below a folder that contain some text.
fn found(folder: &Path, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let entry = entry.unwrap();
            let kind = entry.file_type().unwrap();
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() {
                // A file of a running node may be gone by now.
                let bytes = fs::read(entry.path()).unwrap_or_default();
                let has = bytes.windows(text.len()).any(|it| it == text.as_bytes());
                found.extend(has.then(|| entry.path().display().to_string()));
            }
        }
    }
    found
}

/// R-SEAL-3: each circle reads its own, and a maker what it made.
#[test]
fn each_circle_reads_its_own_texts_and_no_others() {
    let lake = Lake::begin();
    lake.write();
    let (mia, range) = (lake.mia.as_str(), &lake.range);
    range.shown("owner", &["participant", "list"]);
    range.shown("med", &["participant", "show", mia]);
    lake.reads("med", mia, &[SECRET]);
    lake.reads("leo", mia, &[CONTACT]);
    lake.reads("jury", ANNA, &[SEEN]);
    lake.reads("marshal", ANNA, &[SEEN]);
    until("the owner reads all", AGREE_MAX, || {
        lake.read("owner", mia).len() == 2 && lake.read("owner", ANNA) == [SEEN]
    });
    for (device, person) in [
        ("med", ANNA),
        ("leo", ANNA),
        ("jury", mia),
        ("marshal", mia),
        ("viewer", mia),
        ("viewer", ANNA),
    ] {
        let states = lake.sealed(device, person);
        assert!(!states.is_empty(), "{device} carries them");
        let hidden = |it: &Value| it["state"] == "not-for-this-device" && it["text"].is_null();
        assert!(states.iter().all(hidden), "{device}: {states:?}");
    }
    let told = range.read("viewer", &["participant", "list"]);
    let people = told["participants"].as_array().unwrap();
    let child = people.iter().find(|it| it["person"] == mia).unwrap();
    let numbers = ["texts", "readable", "keys"].map(|it| child[it].as_u64());
    assert_eq!(numbers, [Some(2), Some(0), Some(0)], "{told}");
}

/// R-SEAL-1: no file of any device has a text in the clear: stores, logs, journals, what was said on
/// the standard error, and what is exported.
#[test]
fn no_file_of_any_device_has_a_sealed_text() {
    let lake = Lake::begin();
    lake.write();
    lake.reads("med", &lake.mia, &[SECRET]);
    lake.reads("jury", ANNA, &[SEEN]);
    for device in ["owner"].iter().chain(&DEVICES) {
        lake.export(device);
    }
    let roots = ["owner"].iter().chain(&DEVICES);
    for root in roots.map(|name| lake.range.root(name)) {
        for text in [SECRET, CONTACT, SEEN] {
            assert_eq!(found(&root, text), Vec::<String>::new(), "{text}");
        }
        // What is looked for is found: the label of a shooter is in every store, and what a node says
        // on the standard error is there to be looked at.
        assert!(!found(&root, "Anna Adams").is_empty(), "{}", root.display());
        let said = fs::read(root.join(ERRORS)).unwrap();
        assert!(!said.is_empty(), "{}", root.display());
    }
}

/// R-SEAL-5, R-SEAL-7: an erasure is asked for, reaches every device, and leaves nothing that anybody
/// reads; a device that was away destroys its keys when it is back.
#[test]
fn an_erasure_reaches_every_device() {
    let mut lake = Lake::begin();
    lake.write();
    let mia = lake.mia.clone();
    lake.reads("med", &mia, &[SECRET]);
    lake.reads("leo", &mia, &[CONTACT]);
    lake.reads("jury", ANNA, &[SEEN]);
    until("the owner reads both", AGREE_MAX, || {
        lake.read("owner", &mia).len() == 2
    });
    let range = &lake.range;
    let refused = "cannot be undone";
    range.refused_in_words("owner", &["participant", "erase", &mia], 2, refused);
    assert_eq!(lake.read("owner", &mia).len(), 2, "nothing happened");
    let erase = ["participant", "erase", &mia, "--confirm"];
    range.refused("med", &erase, (6, "E02"), "owner");
    // The medic is away meanwhile.
    lake.devices.remove(0).stop().unwrap();
    for person in [mia.as_str(), ANNA] {
        range.done("owner", &["participant", "erase", person, "--confirm"]);
    }
    lake.agree();
    assert_eq!(lake.read("med", &mia), [SECRET], "it has not heard");
    let med = start(&lake.range, "med", &["--peer", &address(&lake.owner)]);
    lake.devices.push(med);
    lake.agree();
    for device in ["owner"].iter().chain(&DEVICES) {
        for (person, count) in [(mia.as_str(), 2), (ANNA, 1)] {
            let texts = lake.sealed(device, person);
            assert_eq!(texts.len(), count, "{device}: {texts:?}");
            assert!(texts.iter().all(|it| it["state"] == "erased"), "{texts:?}");
        }
        let told = lake.range.read(device, &["participant", "list"]);
        let people = told["participants"].as_array().unwrap();
        assert!(people.iter().all(|it| it["keys"] == 0), "{device}: {told}");
        let anna = people.iter().find(|it| it["person"] == ANNA).unwrap();
        assert_eq!(anna["label"], "Shooter 71", "{device}");
    }
    shows_nothing_of(&lake, &mia);
    // What was destroyed stays so without anybody running, from the files alone.
    lake.owner.stop().unwrap();
    for node in lake.devices.drain(..) {
        node.stop().unwrap();
    }
    for device in ["owner"].iter().chain(&DEVICES) {
        let root = lake.range.root(device);
        let args = ["participant", "show", &mia];
        let told = lake.range.read(device, &args);
        let texts = told["texts"].as_array().unwrap();
        assert!(texts.iter().all(|it| it["state"] == "erased"), "{told}");
        for text in [SECRET, CONTACT, SEEN] {
            assert_eq!(found(&root, text), Vec::<String>::new(), "{text}");
        }
    }
}

/// Nothing that is shown of a record says anything of an erased person.
fn shows_nothing_of(lake: &Lake, mia: &str) {
    for device in ["owner", "leo", "med"] {
        let shown = lake
            .range
            .shown(device, &["record", "show", "participant", mia]);
        assert!(!shown.contains("Mia"), "{device}: {shown}");
        assert!(shown.contains("[erased]"), "{device}: {shown}");
    }
    assert_eq!(status(&lake.owner)["node"]["phase"], "member");
}
