//! Real devices do what scenarios ask.
//!
//! Scenarios count devices from 0, the lab from 1.

use std::fs;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use tallyline_proto::model::{
    Amend, Amendment, CloseReason, Decision, Drill, EntryId, LogName, Method, RevokeReason, Roles,
    RosterChange, VoidReason,
};
use tallyline_simulator::DeviceNo;
use tallyline_simulator::venue::{
    Event, Kind, Opening, Reach, Reading, Refused, Secrets, Seen, Shot, Venue,
};

use crate::netns::{DEADLINE, LOOK, Lab, call, internet_address, now};

/// What a card holds that is put back to an older state.
const CARD_FILES: [&str; 2] = ["node.redb", "peers.json"];

/// Where a cloud listens.
const CLOUD_PORT: u16 = 7_100;

impl Lab {
    /// Asks a node, which may still be starting.
    fn request(&self, device: DeviceNo, request: &Value) -> Result<Value, Refused> {
        if !self.is_on(device + 1) {
            return Err(Refused::NoAnswer("it is off".to_owned()));
        }
        let begin = now();
        let mut answer = loop {
            if let Some(answer) = call(self.root(device + 1), request) {
                break answer;
            }
            if DEADLINE < begin.elapsed() {
                return Err(Refused::NoAnswer("nobody listens".to_owned()));
            }
            thread::park_timeout(LOOK);
        };
        match answer.get_mut("ok") {
            Some(data) => Ok(data.take()),
            None => Err(Refused::Code(
                answer["error"]["code"].as_str().unwrap().to_owned(),
            )),
        }
    }

    /// Asks a node for something that must work.
    fn get(&self, device: DeviceNo, request: &Value) -> Value {
        self.request(device, request)
            .unwrap_or_else(|why| panic!("device {device}, {request}: {why}\n{}", self.logs()))
    }

    fn key(&self, device: DeviceNo) -> String {
        let node = self.get(device, &json!({"verb": "node"}));
        node["key"].as_str().unwrap().to_owned()
    }

    /// Waits until a look finds nothing wrong.
    fn wait(&self, mut wrong: impl FnMut(&Self) -> Option<String>) -> Result<(), String> {
        let begin = now();
        while let Some(what) = wrong(self) {
            if DEADLINE < begin.elapsed() {
                return Err(format!("not within {DEADLINE:?}: {what}"));
            }
            thread::park_timeout(LOOK);
        }
        Ok(())
    }

    /// Copies files of one root into another.
    fn copy_files(&self, from: DeviceNo, to: DeviceNo, names: &[&str]) {
        for name in names {
            let (from, to) = (self.root(from + 1).join(name), self.root(to + 1).join(name));
            if from.exists() {
                fs::copy(from, to).unwrap();
            }
        }
    }

    fn label(&self, device: DeviceNo) -> String {
        let text = fs::read_to_string(self.root(device + 1).join("device.toml")).unwrap();
        let file: toml::Table = text.parse().unwrap();
        file["label"].as_str().unwrap().to_owned()
    }

    /// Adds a device with another one's arguments and files, and starts it.
    fn twin(&mut self, of: DeviceNo, files: &[&str]) -> DeviceNo {
        let number = self.plug_in(&self.label(of), "device");
        self.set_args(number, &self.args(of + 1));
        self.copy_files(of, number - 1, files);
        self.launch(number);
        number - 1
    }
}

impl Venue for Lab {
    fn add(&mut self, label: &str, kind: Kind) -> DeviceNo {
        let number = match kind {
            Kind::Tablet => self.plug_in(label, "device"),
            Kind::Cloud => self.plug_in(label, "cloud"),
        };
        let address = format!("{}:{CLOUD_PORT}", internet_address(number));
        let args = match (kind, &self.cloud) {
            (Kind::Cloud, _) => vec!["--no-mdns", "--listen", &address],
            (Kind::Tablet, None) => Vec::new(),
            (Kind::Tablet, Some((address, key))) => vec!["--cloud", address, "--cloud-key", key],
        };
        let args: Vec<String> = args.into_iter().map(str::to_owned).collect();
        self.set_args(number, &args);
        self.launch(number);
        if kind == Kind::Cloud {
            self.cloud = Some((address, self.key(number - 1)));
        }
        number - 1
    }

    fn found(&mut self, owner: DeviceNo, event: Event) {
        let stages = (1..=event.drills).map(|drill| {
            json!({"stage": drill, "name": format!("Drill {drill}"), "scoring": "Comstock",
                "target_shots": [2, 2]})
        });
        let shooters = (1..=event.shooters).map(|shooter| {
            json!({"shooter": shooter, "label": format!("Shooter {shooter:03}"),
                "division": "Open", "power_factor": "MINOR",
                "squad": (shooter - 1) / event.squad_size + 1})
        });
        let structure = json!({
            "event": "Lab match", "date": "2026-04-18", "divisions": ["Open"],
            "division_power_factors": { "Open": { "minor": 125, "major": 160 } }, "rules": {},
            "stages": stages.collect::<Vec<_>>(), "shooters": shooters.collect::<Vec<_>>(),
            "places": ["Gate"],
        });
        let clouds: Vec<&String> = self.cloud.iter().map(|(_, key)| key).collect();
        let create = json!({"verb": "event-create", "structure": structure.to_string(),
            "cloud_keys": clouds, "recovery_cards": 1});
        let created = self.get(owner, &create);
        self.recovery_card = Some(created["cards"][0].as_str().unwrap().to_owned());
        self.get(owner, &json!({"verb": "event-lock"}));
    }

    fn join(&mut self, inviter: DeviceNo, device: DeviceNo, roles: Roles) {
        if roles.contains(Roles::SPARE) {
            self.use_spare_card(inviter, device);
        } else {
            let role = if roles.contains(Roles::DEPUTY) {
                "deputy"
            } else if roles.contains(Roles::JURY) {
                "jury"
            } else {
                "scorer"
            };
            let invite = json!({"verb": "invite", "role": role});
            let ticket = self.get(inviter, &invite)["ticket"].clone();
            self.get(device, &json!({"verb": "join", "ticket": ticket}));
        }
        let joined = self.wait(|lab| {
            let node = lab.get(device, &json!({"verb": "node"}));
            (node["phase"] != "member").then(|| format!("device {device} is a member: {node}"))
        });
        joined.unwrap_or_else(|why| panic!("{why}\n{}", self.logs()));
    }

    fn assign(
        &mut self,
        owner: DeviceNo,
        closing_of: &[DeviceNo],
        reason: CloseReason,
        opens: &[Opening],
    ) -> Result<(), Refused> {
        let keys: Vec<String> = closing_of.iter().map(|&it| self.known_key(it)).collect();
        let grants = self.get(owner, &json!({"verb": "grants"}));
        let open = grants["grants"].as_array().unwrap().iter().filter(|grant| {
            let key = grant["key"].as_str().unwrap();
            grant["closed"].is_null() && keys.iter().any(|it| it == key)
        });
        let closing: Vec<&Value> = open.map(|grant| &grant["grant"]).collect();
        let list = |numbers: &[u32]| {
            if numbers.is_empty() {
                Value::Null
            } else {
                json!(numbers)
            }
        };
        let opens: Vec<Value> = opens
            .iter()
            .map(|it| {
                json!({"to": self.known_key(it.device), "drills": list(&it.drills),
                    "squads": list(&it.squads)})
            })
            .collect();
        let reason = match reason {
            CloseReason::Handover => "handover",
            CloseReason::Dead => "dead",
            CloseReason::Expired => "expired",
            CloseReason::Stolen => "stolen",
        };
        let request =
            json!({"verb": "grant", "opens": opens, "closing": closing, "reason": reason});
        self.request(owner, &request).map(drop)
    }

    fn roster(&mut self, owner: DeviceNo, change: &RosterChange) -> Result<(), Refused> {
        let request = match change {
            RosterChange::Add(shooter) => json!({"verb": "roster-add", "shooter": shooter.no.0,
                "label": shooter.label, "division": "Open", "power_factor": "minor",
                "squad": shooter.squad.0}),
            RosterChange::Edit(edit) => json!({"verb": "roster-edit", "shooter": edit.shooter.0,
                "squad": edit.squad.map(|it| it.0)}),
        };
        self.request(owner, &request).map(drop)
    }

    fn amend(&mut self, owner: DeviceNo, amend: &Amend) -> Result<(), Refused> {
        let mut request = json!({"verb": "event-amend", "note": amend.note});
        match &amend.change {
            Amendment::Drill(it) => request["drill"] = drill(it),
            Amendment::Rule(it) => {
                request["rule"] = json!({"text": it.text, "code": it.code, "kind": "procedural"});
            }
            // No scenario adds these after the lock.
            Amendment::Place(_) | Amendment::Kind(_) => return Ok(()),
        }
        self.request(owner, &request).map(drop)
    }

    fn revoke(
        &mut self,
        owner: DeviceNo,
        device: DeviceNo,
        reason: RevokeReason,
        before: Option<EntryId>,
    ) -> Result<(), Refused> {
        let request = json!({"verb": "revoke", "device": self.known_key(device),
            "reason": why(reason), "before": before.map(|it| it.to_string())});
        self.request(owner, &request).map(drop)
    }

    fn consent(&mut self, device: DeviceNo) -> Result<(), Refused> {
        self.request(device, &json!({"verb": "consent"})).map(drop)
    }

    fn transfer(&mut self, owner: DeviceNo, to: DeviceNo) -> Result<(), Refused> {
        let request = json!({"verb": "transfer", "to": self.known_key(to)});
        self.request(owner, &request).map(drop)
    }

    fn recover(
        &mut self,
        device: DeviceNo,
        reason: Option<RevokeReason>,
        before: Option<EntryId>,
    ) -> Result<(), Refused> {
        let request = json!({"verb": "recover", "card": self.recovery_card,
            "reason": reason.map(why), "before": before.map(|it| it.to_string())});
        self.request(device, &request).map(drop)
    }

    fn adopt(
        &mut self,
        owner: DeviceNo,
        entries: &[EntryId],
        decision: Decision,
    ) -> Result<(), Refused> {
        let entries: Vec<String> = entries.iter().map(ToString::to_string).collect();
        let request = json!({"verb": "adopt", "entries": entries,
            "reject": decision == Decision::Reject});
        self.request(owner, &request).map(drop)
    }

    fn adopt_branch(&mut self, owner: DeviceNo, log: LogName, here: bool) -> Result<(), Refused> {
        let log = format!("{}-{:016x}", log.grant.uuid(), log.incarnation.0);
        let branch = if here { "here" } else { "other" };
        let request = json!({"verb": "adopt", "log": log, "branch": branch});
        self.request(owner, &request).map(drop)
    }

    fn last_call(&mut self, owner: DeviceNo) -> Result<(), Refused> {
        let request = json!({"verb": "event-last-call"});
        self.request(owner, &request).map(drop)
    }

    fn close_event(&mut self, owner: DeviceNo, lost: &[DeviceNo]) -> Result<(), Refused> {
        let lost: Vec<String> = lost.iter().map(|&it| self.known_key(it)).collect();
        let request = json!({"verb": "event-close", "lost": lost});
        self.request(owner, &request).map(drop)
    }

    fn score(
        &mut self,
        device: DeviceNo,
        shot: Shot,
        replaces: Option<(EntryId, VoidReason)>,
    ) -> Result<EntryId, Refused> {
        let (first, second) = (shot.a.min(2), shot.a.min(4).saturating_sub(2));
        // A from bit 0, C from bit 8, two hits on each target.
        let target = |a: u8| u32::from(a) | u32::from(2 - a) << 8;
        let score = json!({"drill": shot.drill, "shooter": shot.shooter,
            "time_cs": [shot.centis], "targets": [target(first), target(second)]});
        let replaces = replaces
            .map(|(entry, reason)| json!({"entry": entry.to_string(), "reason": word(reason)}));
        let request = json!({"verb": "score-add", "record": {"score": score},
            "replaces": replaces, "confirmed": true});
        let saved = self.request(device, &request)?;
        let entries = saved["entries"].as_array().unwrap();
        Ok(EntryId(
            entries.last().unwrap().as_str().unwrap().parse().unwrap(),
        ))
    }

    fn void(
        &mut self,
        device: DeviceNo,
        entry: EntryId,
        reason: VoidReason,
    ) -> Result<(), Refused> {
        let request = json!({"verb": "score-void", "entry": entry.to_string(),
            "reason": word(reason)});
        self.request(device, &request).map(drop)
    }

    fn withdraw(&mut self, device: DeviceNo, shooter: u32) -> Result<(), Refused> {
        let status = json!({"shooter": shooter, "kind": "withdrawn"});
        let request = json!({"verb": "score-add", "record": {"status": status}});
        self.request(device, &request).map(drop)
    }

    fn incident(&mut self, device: DeviceNo, shooter: u32, text: &str) -> Result<(), Refused> {
        let request = json!({"verb": "incident-add", "race": 1, "bib": shooter, "place": "Gate",
            "text": text});
        self.request(device, &request).map(drop)
    }

    fn erase(&mut self, owner: DeviceNo, shooter: u32) -> Result<(), Refused> {
        let request = json!({"verb": "participant-erase", "person": shooter.to_string()});
        self.request(owner, &request).map(drop)
    }

    fn secrets(&mut self, device: DeviceNo, shooter: u32) -> Secrets {
        secrets(self, device, shooter)
    }

    fn until_secrets(
        &mut self,
        (device, shooter): (DeviceNo, u32),
        what: &str,
        holds: &mut dyn FnMut(&Secrets) -> bool,
    ) -> Result<(), String> {
        self.wait(|lab| {
            let has = secrets(lab, device, shooter);
            (!holds(&has)).then(|| format!("device {device}: {what}; it has {has:?}"))
        })
    }

    fn reach(&mut self, reach: Reach) {
        match reach {
            Reach::All => self.drops.clear(),
            Reach::OneWay(from, to) => self.drops.push(one_way(from, to)),
            Reach::Groups(groups) => {
                let group = |device| groups.iter().position(|it| it.contains(&device));
                let all: Vec<DeviceNo> = self.numbers().map(|number| number - 1).collect();
                let pairs = all
                    .iter()
                    .flat_map(|&one| all.iter().map(move |&other| (one, other)));
                self.drops = pairs
                    .filter(|&(one, other)| group(one).is_none() || group(one) != group(other))
                    .map(|(one, other)| one_way(one, other))
                    .collect();
            }
        }
        if self.drops.is_empty() {
            self.heal();
        } else {
            self.drop_what(&self.drops.join("\n"));
        }
    }

    fn internet(&mut self, device: DeviceNo, on: bool) {
        self.internet_cable(device + 1, on);
    }

    fn signal(&mut self, device: DeviceNo, cloud: DeviceNo, seconds: u64) -> bool {
        let digest = |lab: &Self, device| {
            let standings = lab.request(device, &json!({"verb": "standings", "all": true}));
            standings.ok().map(|it| it["state_digest"].clone())
        };
        let window = Duration::from_secs(seconds);
        self.internet_cable(device + 1, true);
        let begin = now();
        let mut arrived = false;
        while !arrived && begin.elapsed() < window {
            let here = digest(self, device);
            arrived = here.is_some() && digest(self, cloud) == here;
            thread::park_timeout(LOOK);
        }
        self.internet_cable(device + 1, false);
        arrived
    }

    fn kill(&mut self, device: DeviceNo) {
        Self::kill(self, device + 1);
    }

    fn start(&mut self, device: DeviceNo) {
        self.launch(device + 1);
    }

    fn copy(&mut self, device: DeviceNo) -> DeviceNo {
        // A card is copied while its device is off.
        Self::kill(self, device + 1);
        let files = [
            "device.key",
            "device.toml",
            "event.manifest",
            "node.redb",
            "peers.json",
        ];
        let copy = self.twin(device, &files);
        self.launch(device + 1);
        copy
    }

    fn restore_key(&mut self, device: DeviceNo) -> DeviceNo {
        self.twin(device, &["device.key", "event.manifest"])
    }

    fn backup(&mut self, device: DeviceNo) {
        Self::kill(self, device + 1);
        for name in CARD_FILES {
            let file = self.root(device + 1).join(name);
            if file.exists() {
                fs::copy(&file, file.with_extension("kept")).unwrap();
            }
        }
        self.launch(device + 1);
    }

    fn roll_back(&mut self, device: DeviceNo) {
        Self::kill(self, device + 1);
        for name in CARD_FILES {
            let file = self.root(device + 1).join(name);
            if file.with_extension("kept").exists() {
                fs::copy(file.with_extension("kept"), &file).unwrap();
            }
        }
        self.launch(device + 1);
    }

    fn key_seed(&mut self, device: DeviceNo) -> [u8; 32] {
        let text = fs::read_to_string(self.root(device + 1).join("device.key")).unwrap();
        let seed = text.lines().next().unwrap();
        bytes(seed).try_into().unwrap()
    }

    fn bundle(&mut self, device: DeviceNo) -> Vec<u8> {
        let exported = self.get(device, &json!({"verb": "export"}));
        bytes(exported["bundle"].as_str().unwrap())
    }

    fn import(&mut self, device: DeviceNo, bundle: &[u8]) -> Result<(), Refused> {
        let path = self.root(device + 1).join("taken.tally");
        fs::write(&path, bundle).unwrap();
        self.request(device, &json!({"verb": "import", "path": path}))
            .map(drop)
    }

    fn pass(&mut self, _minutes: u32) {}

    fn agree(&mut self, devices: &[DeviceNo]) -> Result<(), String> {
        let digest = |lab: &Self, device| {
            let standings = lab.request(device, &json!({"verb": "standings", "all": true}));
            standings.map_err(|why| why.to_string())
        };
        self.wait(|lab| {
            let all: Vec<_> = devices.iter().map(|&it| digest(lab, it)).collect();
            let (first, rest) = all.split_first()?;
            (first.is_err() || rest.iter().any(|it| it != first)).then(|| {
                let digests = devices.iter().zip(&all).map(|(device, it)| match it {
                    Ok(it) => format!("device {device}: {}", it["state_digest"]),
                    Err(why) => format!("device {device}: {why}"),
                });
                format!("all agree: {}", digests.collect::<Vec<_>>().join(", "))
            })
        })
    }

    fn until(
        &mut self,
        device: DeviceNo,
        what: &str,
        holds: &mut dyn FnMut(&[Seen]) -> bool,
    ) -> Result<(), String> {
        self.wait(|lab| {
            let seen = entries(lab, device);
            (!holds(&seen)).then(|| format!("{what}; it shows {seen:?}"))
        })
    }

    fn seen(&mut self, device: DeviceNo) -> Vec<Seen> {
        entries(self, device)
    }

    fn statements(&mut self, device: DeviceNo) -> Vec<EntryId> {
        let said = self.get(device, &json!({"verb": "event-statements"}));
        let all = said["statements"].as_array().unwrap().iter();
        all.map(|it| EntryId(it["entry"].as_str().unwrap().parse().unwrap()))
            .collect()
    }

    fn standings(&mut self, device: DeviceNo) -> String {
        let mut all = self.get(device, &json!({"verb": "standings", "all": true}));
        // What is compared is what is shown, not from which logs it was computed.
        all.as_object_mut().unwrap().remove("state_digest");
        all.to_string()
    }

    fn refusals(&mut self, device: DeviceNo, reason: &str) -> u64 {
        let status = self.get(device, &json!({"verb": "status"}));
        let refused = status["refused"].as_array().unwrap().iter();
        let counts = refused.filter(|it| it["reason"] == reason);
        counts.map(|it| it["count"].as_u64().unwrap()).sum()
    }
}

impl Lab {
    /// Has the owner draw a spare card, and a fresh device take it up: it asks whoever it meets for the
    /// event.
    fn use_spare_card(&mut self, owner: DeviceNo, device: DeviceNo) {
        let spare = json!({"verb": "cards-spare", "label": self.label(device), "count": 1});
        let drawn = self.get(owner, &spare);
        let card = drawn["cards"][0]["card"].as_str().unwrap().to_owned();
        Self::kill(self, device + 1);
        let take = ["cards", "use", &card];
        let used = tallyline_tests::process::run(self.root(device + 1), &take);
        assert_eq!(used.exit, 0, "the card is taken up: {used:?}");
        self.launch(device + 1);
    }

    /// Returns a device's fingerprint, also of one that is off.
    fn known_key(&self, device: DeviceNo) -> String {
        if self.is_on(device + 1) {
            return self.key(device);
        }
        // Asked of the store at rest, as a person does it.
        let outcome = tallyline_tests::process::run(self.root(device + 1), &["--json", "status"]);
        let status: Value = serde_json::from_str(&outcome.stdout)
            .unwrap_or_else(|error| panic!("device {device}: {error} {outcome:?}"));
        status["node"]["key"].as_str().unwrap().to_owned()
    }
}

/// Returns the entries about shooters that a device shows.
/// Returns what a device has of what is sealed about a shooter.
fn secrets(lab: &Lab, device: DeviceNo, shooter: u32) -> Secrets {
    let request = json!({"verb": "participant-show", "person": shooter.to_string()});
    let shown = lab.get(device, &request);
    let texts = shown["texts"].as_array().unwrap();
    let keys = shown["participant"]["keys"].as_u64().unwrap();
    let read = texts.iter().filter_map(|it| it["text"].as_str());
    Secrets {
        texts: texts.len(),
        read: read.map(str::to_owned).collect(),
        keys: usize::try_from(keys).unwrap(),
    }
}

fn entries(lab: &Lab, device: DeviceNo) -> Vec<Seen> {
    let history = lab.get(device, &json!({"verb": "score-history"}));
    let entries = history["entries"].as_array().unwrap().iter();
    entries.filter_map(seen).collect()
}

fn seen(entry: &Value) -> Option<Seen> {
    let record = entry["record"].as_object()?.values().next()?;
    let number = |value: &Value| value.as_u64().map(|it| u32::try_from(it).unwrap());
    Some(Seen {
        id: EntryId(entry["entry"].as_str().unwrap().parse().unwrap()),
        author: entry["label"].as_str().unwrap().to_owned(),
        drill: number(&record["drill"]),
        shooter: number(&record["shooter"]).unwrap(),
        centis: number(&record["time_cs"][0]),
        reading: match entry["verdict"].as_str().unwrap() {
            "counts" => Reading::Counted,
            "late" => Reading::CountedLate,
            "duplicate" => Reading::Duplicate,
            "needs-decision" => Reading::NeedsDecision,
            "late-beaten" => Reading::LateBeaten,
            "quarantined" => Reading::Quarantined,
            "unassigned" => Reading::Unassigned,
            "rejected" => Reading::Rejected,
            "disputed" => Reading::Disputed,
            "voided" => Reading::Voided,
            _ => Reading::Other,
        },
        copies: number(&entry["copies"]).unwrap(),
        in_cloud: entry["in_cloud"].as_bool().unwrap(),
    })
}

/// Says that what one device sends does not reach another.
fn one_way(from: DeviceNo, to: DeviceNo) -> String {
    format!("iifname \"p{}\" oifname \"p{}\" drop", from + 1, to + 1)
}

fn drill(it: &Drill) -> Value {
    assert_eq!(it.method, Method::Comstock, "scenarios add no other drills");
    json!({"drill": it.no.0, "name": it.name, "method": "comstock", "strings": it.strings,
        "required_hits": it.required_hits, "steel": it.steel})
}

fn why(reason: RevokeReason) -> &'static str {
    match reason {
        RevokeReason::Retired => "retired",
        RevokeReason::Lost => "lost",
        RevokeReason::Stolen => "stolen",
        RevokeReason::Misuse => "misuse",
    }
}

/// Reads hex digits.
fn bytes(hex: &str) -> Vec<u8> {
    let pairs = hex.as_bytes().chunks(2);
    let pair = |it: &[u8]| u8::from_str_radix(std::str::from_utf8(it).unwrap(), 16).unwrap();
    pairs.map(pair).collect()
}

fn word(reason: VoidReason) -> &'static str {
    match reason {
        VoidReason::WrongShooter => "wrong-shooter",
        VoidReason::WrongDrill => "wrong-drill",
        VoidReason::Hits => "hits",
        VoidReason::Time => "time",
        VoidReason::Penalty => "penalty",
        VoidReason::Reshoot => "reshoot",
        VoidReason::Duplicate => "duplicate",
        VoidReason::Definition => "definition",
        VoidReason::Arbitration => "arbitration",
        VoidReason::Test => "test",
    }
}
