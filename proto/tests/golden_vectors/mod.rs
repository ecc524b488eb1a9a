//! What the golden tests share: fixed devices, a small event, and files of named vectors.

mod claims;
mod keys;
mod refused;
mod venue;

pub(crate) use claims::claim_frames;
pub(crate) use keys::key_frames;

use std::{collections::BTreeSet, fmt::Write as _, fs, path::PathBuf};

use serde_json::{Map, Value};
use tallyline_keys::DeviceKey;
use tallyline_proto::{
    model::{
        Approvals, CellSet, Discipline, Division, Drill, DrillNo, Entrant, EventId, GrantId, Hash,
        Hits, Incarnation, LogName, Manifest, Marks, Method, NoShoots, Penalty, PowerFactor, Rule,
        RuleKind, RuleNo, Ruleset, Score, Shooter, ShooterNo, SquadNo, Steel, Structure, Target,
        Terms,
    },
    wire::{encode_manifest, event_id},
};

const DIR: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/v1");

/// The owner's device.
pub(crate) const OWNER: u8 = 1;
/// A tablet.
pub(crate) const TABLET: u8 = 2;
/// The cloud.
pub(crate) const CLOUD: u8 = 3;
/// The key on the recovery card.
const RECOVERY: u8 = 4;

/// A file of named vectors. What is in it stays for ever: with `UPDATE_GOLDEN` set a vector that
/// is missing is added, and none is ever replaced.
pub(crate) struct Vectors {
    path: PathBuf,
    held: Map<String, Value>,
    seen: BTreeSet<String>,
    added: bool,
}

impl Vectors {
    /// Reads a file of vectors.
    pub(crate) fn open(name: &str) -> Self {
        let path = PathBuf::from(DIR).join(format!("{name}.json"));
        let held = fs::read_to_string(&path).map_or_else(
            |_| Map::new(),
            |text| serde_json::from_str(&text).expect("a file of vectors is a JSON object"),
        );
        Self {
            path,
            held,
            seen: BTreeSet::new(),
            added: false,
        }
    }

    /// Compares what is built with the committed text of this name.
    pub(crate) fn text(&mut self, name: &str, built: &str) {
        self.seen.insert(name.to_owned());
        let path = self.path.display();
        match self.held.get(name) {
            Some(held) => assert_eq!(held, built, "{name} in {path} is frozen"),
            None if std::env::var_os("UPDATE_GOLDEN").is_some() => {
                self.held.insert(name.to_owned(), built.into());
                self.added = true;
            }
            None => panic!("{path} lacks {name}: run with UPDATE_GOLDEN=1 to add it: {built}"),
        }
    }

    /// Compares what is built with the committed bytes of this name, and returns those.
    pub(crate) fn bytes(&mut self, name: &str, built: &[u8]) -> Vec<u8> {
        self.text(name, &hex(built));
        unhex(self.held[name].as_str().expect("a vector is a text"))
    }

    /// Returns committed bytes that nothing builds any more.
    pub(crate) fn held(&mut self, name: &str) -> Vec<u8> {
        self.seen.insert(name.to_owned());
        unhex(self.held[name].as_str().expect("a vector is a text"))
    }

    /// Checks that every committed vector was looked at, and writes what was added.
    pub(crate) fn close(self) {
        let path = self.path.display();
        for name in self.held.keys() {
            assert!(
                self.seen.contains(name),
                "{name} in {path} is read by nobody"
            );
        }
        if self.added {
            fs::create_dir_all(DIR).expect("the folder of vectors is made");
            let text = serde_json::to_string_pretty(&self.held).expect("vectors are JSON");
            fs::write(&self.path, text + "\n").expect("the vectors are written");
        }
    }
}

/// Writes bytes as hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a String takes everything");
        text
    })
}

/// Reads hexadecimal digits.
pub(crate) fn unhex(text: &str) -> Vec<u8> {
    let digit = |c: u8| u8::try_from(char::from(c).to_digit(16).expect("hexadecimal")).expect("16");
    let pairs = text.as_bytes().chunks(2);
    pairs
        .map(|pair| (digit(pair[0]) << 4) | digit(pair[1]))
        .collect()
}

/// The device whose seed is 32 times this byte.
pub(crate) fn device(seed: u8) -> DeviceKey {
    DeviceKey::from_seed([seed; 32])
}

/// Two drills with targets of both kinds, a chronograph, three shooters in two squads.
pub(crate) fn structure() -> Structure {
    let drill = |no, name: &str, method, hits: &[u8]| Drill {
        no: DrillNo(no),
        name: name.to_owned(),
        method,
        strings: u32::from(method != Method::Chrono),
        required_hits: hits.to_vec(),
        steel: if no == 1 { 2 } else { 0 },
        no_shoots: if no == 1 {
            NoShoots::Present
        } else {
            NoShoots::NotSaid
        },
        terms: Terms::default(),
    };
    let shooter = |no, division, power_factor, squad, categories: &[&str]| Shooter {
        no: ShooterNo(no),
        label: format!("Shooter {no}"),
        division,
        power_factor,
        squad: SquadNo(squad),
        categories: categories.iter().map(|&it| it.to_owned()).collect(),
        entrant: Entrant::default(),
    };
    let rule = |no, kind, text: &str, code: &str| Rule {
        no: RuleNo(no),
        kind,
        text: text.to_owned(),
        code: code.to_owned(),
        value: None,
    };
    let division = |name: &str, minor_floor, major_floor| Division {
        name: name.to_owned(),
        minor_floor,
        major_floor,
    };
    Structure {
        epoch_ms: 1_526_626_800_000,
        zone_min: 120,
        level: "L3".to_owned(),
        ruleset: Ruleset::of(Discipline::Ipsc),
        divisions: vec![
            division("Production", Some(125), None),
            division("Open", Some(125), Some(160)),
        ],
        drills: vec![
            drill(1, "Bridge", Method::Comstock, &[2, 2, 1]),
            drill(2, "Barn", Method::VirginiaCount, &[2]),
            drill(3, "Chrono", Method::Chrono, &[]),
        ],
        shooters: vec![
            shooter(1, 0, PowerFactor::Minor, 1, &[]),
            shooter(2, 1, PowerFactor::Major, 1, &["Lady", "Senior"]),
            shooter(7, 1, PowerFactor::Subminor, 2, &[]),
        ],
        rules: vec![
            rule(1, RuleKind::Procedural, "10.2.1 Faulting a line", "FL"),
            rule(2, RuleKind::Dq, "10.5.5 Muzzle past 90 degrees", ""),
            rule(3, RuleKind::Dnf, "Did not fire", "DNF"),
            rule(70_000, RuleKind::Warning, "Warned", ""),
        ],
        kinds: Vec::new(),
        places: Vec::new(),
    }
}

/// The event of all vectors.
pub(crate) fn manifest() -> Manifest {
    Manifest {
        rules_version: 1,
        name: "Golden match".to_owned(),
        nonce: [0x11; 16],
        owner: device(OWNER).public(),
        recovery: vec![device(RECOVERY).public()],
        cloud: vec![device(CLOUD).public()],
        discovery_key: [0x22; 16],
        structure: structure(),
    }
}

/// Its id.
pub(crate) fn event() -> EventId {
    event_id(&encode_manifest(&manifest()))
}

/// The log of the vectors of entries and chains.
pub(crate) fn log() -> LogName {
    LogName {
        grant: GrantId(Hash([0x33; 32])),
        incarnation: Incarnation(0x0102_0304_0506_0708),
    }
}

/// A score with a value in every field.
pub(crate) fn full_score() -> Score {
    let target = |a, c, no_shoot, miss| {
        Hits::pack(Target {
            a,
            c,
            no_shoot,
            miss,
            ..Target::default()
        })
        .expect("counts up to 15")
    };
    Score {
        drill: DrillNo(1),
        shooter: ShooterNo(2),
        attempt: 1,
        time_centis: vec![3_102, 70_000],
        hits: vec![target(2, 0, 0, 0), target(0, 1, 1, 1), target(0, 0, 0, 15)],
        steel: Steel {
            hit: 1,
            miss: 1,
            no_penalty_miss: 2,
            no_shoot: 255,
        },
        penalties: vec![
            Penalty {
                rule: RuleNo(1),
                count: 2,
            },
            Penalty {
                rule: RuleNo(70_000),
                count: 255,
            },
        ],
        approvals: Approvals {
            ro_ms: Some(0),
            shooter_ms: Some(-1_500),
        },
        late_shots: 1,
        extra_shots: 2,
        extra_hits: 3,
        instead_of: None,
        marks: Marks::default(),
    }
}

/// A score as most are: one string, no penalty, nothing approved.
pub(crate) fn plain_score() -> Score {
    let two = Target {
        a: 2,
        ..Target::default()
    };
    let one = Target {
        a: 1,
        ..Target::default()
    };
    let pack = |target| Hits::pack(target).expect("counts up to 15");
    Score {
        drill: DrillNo(1),
        shooter: ShooterNo(1),
        attempt: 0,
        time_centis: vec![1_234],
        hits: vec![pack(two), pack(two), pack(one)],
        steel: Steel {
            hit: 2,
            ..Steel::default()
        },
        penalties: Vec::new(),
        approvals: Approvals::default(),
        late_shots: 0,
        extra_shots: 0,
        extra_hits: 0,
        instead_of: None,
        marks: Marks::default(),
    }
}

/// All cells of squad 1.
pub(crate) fn squad_one() -> CellSet {
    CellSet {
        drills: None,
        squads: Some(vec![SquadNo(1)]),
    }
}
