//! The real match as signed logs: nine devices, 28 grants over five days, every write.
//!
//! Each write stands under the grant that covered it, what lay outside any grant is the owner's,
//! and every save voids the one before in its slot, as the demo replays it. Knows nothing of
//! disks and times. Layer: benches.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Read as _;

use flate2::read::GzDecoder;
use serde::Deserialize;
use tallyline::structure_file::StructureFile;
use tallyline_keys::{DeviceKey, PublicKey};
use tallyline_proto::log::{Ledger, Log};
use tallyline_proto::model::{
    About, Admit, Agreed, Approvals, Assign, Body, CellSet, Chrono, Close, CloseReason, Cut,
    DrillNo, Entry, EntryId, EventId, Gear, GrantId, Hits, Incarnation, Lock, LogName, Manifest,
    Marks, Method, Open, Penalty, Roles, RuleNo, Score, ShooterNo, SquadNo, Statement, Status,
    StatusKind, Steel, Structure, Void, VoidReason,
};
use tallyline_proto::replica::Write;
use tallyline_proto::wire::{
    encode_entry, encode_manifest, encode_signed, encode_structure, event_id, grant_id,
    sign_statement, structure_hash,
};

/// The owner's device.
pub(crate) const OWNER: &str = "D5";

const EVENT: &str = include_str!("../../../tests/data/wasa2018/event.json");
const LOG: &[u8] = include_bytes!("../../../tests/data/wasa2018/log.jsonl.gz");
const GRANTS: &str = include_str!("../../../tests/data/wasa2018/grants.json");

/// When the owner took those who had left off the list, in milliseconds from the event's epoch:
/// after the last score.
const WITHDRAWN_AT_MS: i64 = 450_000_000;

/// The match.
pub(crate) struct Wasa {
    /// The manifest's exact bytes.
    pub(crate) manifest: Vec<u8>,
    /// All logs.
    pub(crate) ledger: Ledger,
    /// The devices' keys by name.
    pub(crate) keys: BTreeMap<String, DeviceKey>,
}

/// One write of the match, as the file has it.
#[derive(Deserialize)]
struct Line {
    t_ms: i64,
    device: String,
    stage: u32,
    shooter: u32,
    time_cs: Vec<u32>,
    targets: Vec<u32>,
    steel_hit: u8,
    steel_miss: u8,
    steel_noshoot: u8,
    procedurals: Vec<Procedural>,
    dnf: bool,
    dnf_rules: Vec<String>,
    dq_rules: Vec<String>,
    shooter_signed_ms: Option<i64>,
    ro_signed_ms: Option<i64>,
    kind: String,
    #[serde(default)]
    velocities_fps: Vec<f64>,
    #[serde(default)]
    bullet_gr: Vec<f64>,
    gear_check: Option<String>,
}

#[derive(Deserialize)]
struct Procedural {
    rule: String,
    count: u8,
}

#[derive(Deserialize)]
struct GrantsFile {
    grants: Vec<GrantLine>,
}

#[derive(Deserialize)]
struct GrantLine {
    from_ms: i64,
    device: String,
    stages: Numbers,
    squads: Numbers,
}

/// `"all"` or a list.
#[derive(Deserialize)]
#[serde(untagged)]
enum Numbers {
    Some(Vec<u32>),
    All(String),
}

/// What the event file says beside the structure.
#[derive(Deserialize)]
struct Beside {
    shooters: Vec<BesideShooter>,
}

#[derive(Deserialize)]
struct BesideShooter {
    shooter: u32,
    #[serde(default)]
    deleted: bool,
}

/// The match while it is written.
struct Writing {
    wasa: Wasa,
    event: EventId,
    epoch_ms: i64,
    rules: BTreeMap<String, RuleNo>,
    open: Vec<GrantId>,
}

impl Wasa {
    /// Reads the match and signs all of it; `guests` are admitted as well and write nothing.
    pub(crate) fn read(guests: &[PublicKey]) -> Self {
        let StructureFile { name, structure } = StructureFile::parse(EVENT).expect("it is valid");
        let beside: Beside = serde_json::from_str(EVENT).expect("it is valid");
        let grants: GrantsFile = serde_json::from_str(GRANTS).expect("it is valid");
        let mut shifts: BTreeMap<i64, Vec<GrantLine>> = BTreeMap::new();
        for grant in grants.grants {
            shifts.entry(grant.from_ms).or_default().push(grant);
        }
        let mut writing = Writing::begin(name, structure, guests);
        let mut slots: BTreeMap<(u32, u32), EntryId> = BTreeMap::new();
        for line in lines() {
            while let Some(shift) = shifts.first_entry()
                && *shift.key() <= line.t_ms
            {
                writing.assign(shift.remove());
            }
            writing.save(&line, &mut slots);
        }
        for shooter in beside.shooters.iter().filter(|it| it.deleted) {
            let body = status(StatusKind::Withdrawn, None, shooter.shooter, None);
            let (device, grant) = writing.owner();
            writing.write(&device, grant, WITHDRAWN_AT_MS, body);
        }
        writing.wasa
    }

    /// Returns what puts the manifest and some of the logs on a disk.
    pub(crate) fn writes(&self, wanted: impl Fn(&Log) -> bool) -> Vec<Write> {
        let mut writes = vec![Write::Manifest(self.manifest.clone())];
        for (&name, log) in self.ledger.logs().iter().filter(|(_, log)| wanted(log)) {
            let entries = log.records().map(|(_, it)| it.bytes.clone()).collect();
            writes.push(Write::Entries {
                log: name,
                first: 1,
                entries,
            });
            let heads = log.heads().iter();
            writes.extend(heads.map(|(&height, signature)| Write::Head {
                log: name,
                height,
                signature: *signature.as_bytes(),
            }));
        }
        writes
    }

    /// Returns whether a log is the owner's control log.
    pub(crate) fn is_control(&self, log: &Log) -> bool {
        self.ledger.is_control(log.name().grant)
    }

    /// Returns the key of a device.
    pub(crate) fn key(&self, device: &str) -> &DeviceKey {
        self.keys.get(device).expect("D1 to D9")
    }
}

impl fmt::Display for Wasa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let logs = self.ledger.logs().values();
        let (mut entries, mut bytes, mut heads) = (0, 0, 0);
        for log in logs.clone() {
            heads += log.heads().len();
            for (_, record) in log.records() {
                entries += 1;
                bytes += record.bytes.len();
            }
        }
        write!(
            f,
            "the match: {entries} entries of {bytes} B in {} logs with {heads} head signatures; \
             manifest {} B",
            logs.len(),
            self.manifest.len()
        )
    }
}

impl Writing {
    /// Founds the event, admits everybody and locks the structure.
    fn begin(name: String, structure: Structure, guests: &[PublicKey]) -> Self {
        let keys: BTreeMap<String, DeviceKey> = (1..=9)
            .map(|number| (format!("D{number}"), DeviceKey::from_seed([number; 32])))
            .collect();
        let rules = structure
            .rules
            .iter()
            .map(|rule| (rule.code.clone(), rule.no))
            .collect();
        let epoch_ms = i64::try_from(structure.epoch_ms).expect("in this century");
        let lock = Lock {
            structure: structure_hash(&encode_structure(&structure)),
        };
        let manifest = Manifest {
            rules_version: 1,
            name,
            nonce: [1; 16],
            owner: keys.get(OWNER).expect("it is one of nine").public(),
            recovery: Vec::new(),
            cloud: Vec::new(),
            discovery_key: [2; 16],
            structure,
        };
        let bytes = encode_manifest(&manifest);
        let event = event_id(&bytes);
        let ledger = Ledger::new(event, manifest);
        let members: Vec<(String, PublicKey, Roles)> = keys
            .iter()
            .map(|(name, key)| (name.clone(), key.public(), Roles::SCORER.with(Roles::RELAY)))
            .chain(guests.iter().map(|key| (key.short(), *key, Roles::RELAY)))
            .collect();
        let wasa = Wasa {
            manifest: bytes,
            ledger,
            keys,
        };
        let mut writing = Self {
            wasa,
            event,
            epoch_ms,
            rules,
            open: Vec::new(),
        };
        for (label, key, roles) in members {
            writing.state(&Statement::Admit(Admit { key, roles, label }));
        }
        writing.state(&Statement::Lock(lock));
        writing
    }

    /// Closes all open grants where they stand and opens the next day's.
    fn assign(&mut self, grants: Vec<GrantLine>) {
        let closes = self
            .open
            .iter()
            .map(|&grant| close(&self.wasa.ledger, grant))
            .collect();
        let opens: Vec<Open> = grants
            .into_iter()
            .map(|grant| Open {
                key: self.wasa.key(&grant.device).public(),
                cells: CellSet {
                    drills: grant.stages.list(DrillNo),
                    squads: grant.squads.list(SquadNo),
                },
                until_ms: None,
            })
            .collect();
        let places = 0..u32::try_from(opens.len()).expect("28 grants");
        let id = self.state(&Statement::Assign(Assign {
            closes,
            opens,
            under: None,
        }));
        self.open = places.map(|place| grant_id(id, place)).collect();
    }

    /// Writes what one line of the file says: a void of what it replaces, then the entry.
    fn save(&mut self, line: &Line, slots: &mut BTreeMap<(u32, u32), EntryId>) {
        let at_ms = line.t_ms - self.epoch_ms;
        let (device, grant) = self.grant_for(line);
        let slot = (line.stage, line.shooter);
        if let Some(entry) = slots.remove(&slot) {
            let void = Void {
                entry,
                reason: VoidReason::Hits,
                note: String::new(),
                agreed: Agreed::default(),
            };
            self.write(&device, grant, at_ms, Body::Void(void));
        }
        if line.kind != "cleared" {
            let body = self.body(line);
            slots.insert(slot, self.write(&device, grant, at_ms, body));
        }
        if let Some(rule) = line.dq_rules.first() {
            let rule = self.rules.get(rule).copied();
            let drill = Some(DrillNo(line.stage));
            let body = status(StatusKind::MatchDq, drill, line.shooter, rule);
            self.write(&device, grant, at_ms, body);
        }
    }

    /// Returns who writes a line: its device under its grant, else the owner.
    fn grant_for(&self, line: &Line) -> (String, GrantId) {
        let authority = self.wasa.ledger.authority();
        let shooter = authority
            .roster()
            .shooter(ShooterNo(line.shooter))
            .expect("on the roster");
        let squads = [shooter.squad];
        let live = authority.live_for(Some(DrillNo(line.stage)), &squads);
        let key = self.wasa.key(&line.device).public();
        match live {
            Some((id, grant)) if grant.key == key => (line.device.clone(), id),
            Some(_) | None => self.owner(),
        }
    }

    /// Returns the owner's device and what lets it write everything.
    fn owner(&self) -> (String, GrantId) {
        let key = self.wasa.key(OWNER).public();
        let members = self.wasa.ledger.authority().members();
        (
            OWNER.to_owned(),
            members.get(&key).expect("it is admitted").admit,
        )
    }

    /// Signs a statement of the owner and returns its id.
    fn state(&mut self, statement: &Statement) -> tallyline_proto::model::Hash {
        let signed = sign_statement(self.wasa.key(OWNER), self.event, statement);
        let id = signed.id(self.event);
        let body = Body::Statement(encode_signed(&signed));
        self.write(OWNER, GrantId::control(self.event), 0, body);
        id
    }

    /// Appends an entry to the log of a device under a grant and signs its end, as a live push
    /// does; returns its id.
    fn write(&mut self, device: &str, grant: GrantId, at_ms: i64, body: Body) -> EntryId {
        let key = self.wasa.keys.get(device).expect("D1 to D9");
        let [seed, ..] = *key.seed();
        let log = LogName {
            grant,
            incarnation: Incarnation(0x5eed_0000_0000 | u64::from(seed)),
        };
        let before_ms = self.wasa.ledger.logs().get(&log).map_or(0, Log::last_at_ms);
        let same_log = body.target().and_then(|target| {
            let found = self.wasa.ledger.find(target);
            found.filter(|(held, _)| *held == log).map(|(_, seq)| seq)
        });
        let entry = Entry {
            at_delta_ms: at_ms - before_ms,
            revision: 1,
            succession: Vec::new(),
            body,
        };
        let bytes = encode_entry(&entry, same_log);
        let (id, _) = self.wasa.ledger.append(log, key.public(), bytes);
        self.wasa.ledger.sign(&log, key).expect("the log is there");
        id
    }

    /// Returns what one line of the file says.
    fn body(&self, line: &Line) -> Body {
        let drill = DrillNo(line.stage);
        if line.dnf {
            let rule = line
                .dnf_rules
                .last()
                .and_then(|code| self.rules.get(code))
                .copied();
            return status(StatusKind::Dnf, Some(drill), line.shooter, rule);
        }
        let structure = self.wasa.ledger.authority().roster().structure();
        let is_chrono = structure
            .drills
            .iter()
            .any(|it| it.no == drill && it.method == Method::Chrono);
        if is_chrono {
            return Body::Chrono(chrono(line));
        }
        let relative = |at_ms: Option<i64>| at_ms.map(|at_ms| at_ms - line.t_ms);
        let penalty = |it: &Procedural| Penalty {
            rule: *self.rules.get(&it.rule).expect("a known rule"),
            count: it.count,
        };
        Body::Score(Score {
            drill,
            shooter: ShooterNo(line.shooter),
            attempt: 0,
            time_centis: line.time_cs.clone(),
            hits: line
                .targets
                .iter()
                .filter_map(|&bits| Hits::from_bits(bits))
                .collect(),
            steel: Steel {
                hit: line.steel_hit,
                miss: line.steel_miss,
                no_penalty_miss: 0,
                no_shoot: line.steel_noshoot,
            },
            penalties: line.procedurals.iter().map(penalty).collect(),
            approvals: Approvals {
                ro_ms: relative(line.ro_signed_ms),
                shooter_ms: relative(line.shooter_signed_ms),
            },
            late_shots: 0,
            extra_shots: 0,
            extra_hits: 0,
            instead_of: None,
            marks: Marks::default(),
        })
    }
}

impl Numbers {
    fn list<T>(self, number: fn(u32) -> T) -> Option<Vec<T>> {
        match self {
            Self::Some(list) => Some(list.into_iter().map(number).collect()),
            Self::All(word) => {
                assert_eq!(word, "all", "the only word");
                None
            }
        }
    }
}

fn lines() -> Vec<Line> {
    let mut lines: Vec<Line> = unpack(LOG)
        .lines()
        .map(|line| serde_json::from_str(line).expect("it is valid"))
        .collect();
    lines.sort_by_key(|line| line.t_ms);
    lines
}

/// Unpacks a file of the match.
pub(crate) fn unpack(packed: &[u8]) -> String {
    let mut text = String::new();
    GzDecoder::new(packed)
        .read_to_string(&mut text)
        .expect("it is packed text");
    text
}

fn chrono(line: &Line) -> Chrono {
    let rounded = |value: f64, decimals: usize| -> u32 {
        let text = format!("{value:.decimals$}").replace('.', "");
        text.parse().expect("a small number")
    };
    Chrono {
        drill: DrillNo(line.stage),
        shooter: ShooterNo(line.shooter),
        weights_decigrains: line.bullet_gr.iter().map(|&it| rounded(it, 1)).collect(),
        speeds_fps: line
            .velocities_fps
            .iter()
            .map(|&it| rounded(it, 0))
            .collect(),
        gear: (line.gear_check.as_deref() == Some("Pass")).then_some(Gear::Pass),
    }
}

fn status(kind: StatusKind, drill: Option<DrillNo>, shooter: u32, rule: Option<RuleNo>) -> Body {
    let about = About {
        drill,
        shooter: ShooterNo(shooter),
    };
    Body::Status(Status {
        about,
        kind,
        rule,
        attempt: 0,
        note: String::new(),
    })
}

/// Closes a grant at the heads that are here.
fn close(ledger: &Ledger, grant: GrantId) -> Close {
    let cuts = ledger
        .logs_of(grant)
        .filter_map(|log| {
            let (&height, &signature) = log.heads().last_key_value()?;
            let hash = log.chain_at(height)?.0;
            Some(Cut {
                incarnation: log.name().incarnation,
                height,
                hash,
                signature,
            })
        })
        .collect();
    Close {
        grant,
        cuts,
        reason: CloseReason::Handover,
    }
}
