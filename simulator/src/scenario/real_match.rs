//! The real match on simulated devices: every write in its order, while devices are out of reach
//! and die by a seed, and at the end every printed row on every device.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;

use serde::Deserialize;
use tallyline::structure_file::StructureFile;
use tallyline_proto::model::{
    About, Agreed, Approvals, Body, CellSet, Chrono, CloseReason, DrillNo, EntryId, Gear, Hits,
    Marks, Open, Penalty, RuleNo, Score, ShooterNo, SquadNo, Status, StatusKind, Steel, VoidReason,
};
use tallyline_proto::replica::{Command, EntryFilter, Founding, Now, Reply};
use tallyline_proto::rules::{Code, Standings};

use super::steps::Outcome;
use crate::{DeviceNo, Random, Weather, World};

const EVENT: &str = include_str!("../../../tests/data/wasa2018/event.json");
const GRANTS: &str = include_str!("../../../tests/data/wasa2018/grants.json");
const LOG: &[u8] = include_bytes!("../../../tests/data/wasa2018/log.jsonl.gz");
const STAGES: &[u8] = include_bytes!("../../../tests/data/wasa2018/expected_stages.csv.gz");
const OVERALL: &str = include_str!("../../../tests/data/wasa2018/expected_overall.csv");

/// How long devices that all reach each other may take to agree, in ms.
const AGREE_MS_MAX: u64 = 300_000;

/// Time between two writes, in ms.
const PACE_MS: u64 = 60;

/// Of so many writes one finds a device going out of reach, and one finds a device killed.
const ONE_CUT_OF: u64 = 50;
const ONE_KILL_OF: u64 = 300;

/// How many writes a device is out of reach.
const CUT_WRITES: (u64, u64) = (5, 60);

/// A day in ms.
const DAY_MS: u64 = 86_400_000;

/// What happened in a match.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Lines of the match.
    pub lines: u64,
    /// Commands that were saved.
    pub saved: u64,
    /// Commands that were refused, as officers would have been asked.
    pub refused: u64,
    /// Times that a device went out of reach.
    pub cuts: u64,
    /// Times that a device was killed.
    pub kills: u64,
    /// Rows of the match and its stages that are equal on each device.
    pub rows: u64,
}

#[derive(Deserialize)]
struct Line {
    t_ms: u64,
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
    superseded: bool,
    #[serde(default)]
    gear_check: Option<String>,
    #[serde(default)]
    velocities_fps: Vec<f64>,
    #[serde(default)]
    bullet_gr: Vec<f64>,
    kind: String,
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
    day: u64,
    from_ms: u64,
    device: String,
    stages: Numbers,
    squads: Numbers,
}

/// `"all"` or a list.
#[derive(Deserialize)]
#[serde(untagged)]
enum Numbers {
    Some(Vec<u32>),
    All(#[expect(dead_code, reason = "there is one such word")] String),
}

#[derive(Deserialize)]
struct EventFile {
    shooters: Vec<Left>,
}

#[derive(Deserialize)]
struct Left {
    shooter: u32,
    #[serde(default)]
    deleted: bool,
}

/// An entry that stands in a slot.
#[derive(Clone, Copy)]
struct Held {
    entry: EntryId,
    dnf: bool,
}

/// The match under way.
struct Play {
    world: World,
    /// The owner first.
    all: Vec<DeviceNo>,
    rules: BTreeMap<String, RuleNo>,
    chance: Random,
    slots: BTreeMap<(u32, u32), Held>,
    /// Who is out of reach, and for how many writes.
    away: BTreeMap<DeviceNo, u64>,
    figures: Figures,
}

/// Plays the match with a seed, and compares every row on every device.
///
/// # Errors
/// What differs, with the device.
pub fn real_match(seed: u64, weather: Weather) -> Result<Figures, String> {
    let lines = lines()?;
    let grants: GrantsFile = parse("grants.json", GRANTS)?;
    let mut play = Play::open(seed, weather)?;
    let begin_ms = grants.grants.first().map_or(0, |grant| grant.from_ms);
    let mut today = 0;
    for line in &lines {
        let day = line.t_ms.saturating_sub(begin_ms) / DAY_MS + 1;
        if day != today {
            today = day;
            play.assign(day, &grants)?;
        }
        play.misfortune();
        play.write(line)?;
        play.world.run_for(PACE_MS);
    }
    play.everybody_back()?;
    play.withdraw()?;
    play.agree()?;
    play.figures.lines = count(lines.len());
    play.compare()?;
    Ok(play.figures)
}

impl Play {
    fn open(seed: u64, weather: Weather) -> Result<Self, String> {
        let mut world = World::new(seed, weather);
        let file = StructureFile::parse(EVENT).map_err(|error| format!("event.json: {error}"))?;
        let rules = file.structure.rules.iter();
        let rules = rules.map(|rule| (rule.code.clone(), rule.no)).collect();
        let founding = Founding {
            name: "wasa2018".to_owned(),
            nonce: [1; 16],
            discovery_key: [2; 16],
            cloud: Vec::new(),
            recovery: Vec::new(),
            structure: file.structure,
            label: "D5".to_owned(),
        };
        let all = world.venue(founding, 8);
        let mut play = Self {
            world,
            all,
            rules,
            chance: Random::new(seed ^ 0x5eed),
            slots: BTreeMap::new(),
            away: BTreeMap::new(),
            figures: Figures::default(),
        };
        play.agree()?;
        Ok(play)
    }

    /// "D5" is the owner; the others follow in their order.
    fn device(&self, name: &str) -> Result<DeviceNo, String> {
        let number: usize = name
            .strip_prefix('D')
            .and_then(|number| number.parse().ok())
            .ok_or_else(|| format!("{name} is no device"))?;
        let place = match number {
            5 => 0,
            0..5 => number,
            _ => number.saturating_sub(1),
        };
        let device = self.all.get(place).copied();
        device.ok_or_else(|| format!("{name} is no device"))
    }

    fn owner(&self) -> DeviceNo {
        self.all.first().copied().unwrap_or_default()
    }

    /// Closes the grants of the day before and opens those of the day, as one statement.
    fn assign(&mut self, day: u64, file: &GrantsFile) -> Outcome {
        self.everybody_back()?;
        let mut opens = Vec::new();
        for grant in file.grants.iter().filter(|grant| grant.day == day) {
            let device = self.device(&grant.device)?;
            let key = self.world.devices.get(device).map(crate::Device::key);
            opens.push(Open {
                key: key.ok_or("a device of the match")?,
                cells: CellSet {
                    drills: list(&grant.stages, DrillNo),
                    squads: list(&grant.squads, SquadNo),
                },
                until_ms: None,
            });
        }
        let owner = self.owner();
        let device = self.world.devices.get(owner).ok_or("an owner")?;
        let open = device.replica.grants();
        let closing = open.iter().filter(|it| it.closed.is_none()).map(|it| it.id);
        let command = Command::Assign {
            closing: closing.collect(),
            reason: CloseReason::Handover,
            opens,
        };
        match self.world.command(owner, command) {
            Some(Reply::Assigned(_)) => self.agree(),
            reply => Err(format!("day {day} is assigned: {reply:?}")),
        }
    }

    /// Perhaps takes a device out of reach, brings others back, or kills one.
    fn misfortune(&mut self) {
        let mut changed = false;
        for left in self.away.values_mut() {
            *left = left.saturating_sub(1);
        }
        let before = self.away.len();
        self.away.retain(|_, left| *left != 0);
        changed |= self.away.len() != before;
        if self.chance.below(ONE_CUT_OF) == 0 {
            let device = self.anybody();
            let writes = CUT_WRITES.0 + self.chance.below(CUT_WRITES.1 - CUT_WRITES.0);
            changed |= self.away.insert(device, writes).is_none();
            self.figures.cuts += 1;
        }
        if changed {
            self.apply_reach();
        }
        if self.chance.below(ONE_KILL_OF) == 0 {
            let device = self.anybody();
            self.world.kill(device);
            self.figures.kills += 1;
            self.apply_reach();
        }
    }

    fn anybody(&mut self) -> DeviceNo {
        let place = usize::try_from(self.chance.below(count(self.all.len()))).unwrap_or_default();
        self.all.get(place).copied().unwrap_or_default()
    }

    fn apply_reach(&mut self) {
        self.world.heal();
        let away: BTreeSet<DeviceNo> = self.away.keys().copied().collect();
        for &device in &away {
            for &other in self.all.iter().filter(|it| **it != device) {
                self.world.cut(device, other);
            }
        }
    }

    fn everybody_back(&mut self) -> Outcome {
        self.away.clear();
        self.apply_reach();
        self.agree()
    }

    fn agree(&mut self) -> Outcome {
        let all = self.all.clone();
        let agreed = self
            .world
            .run_until(AGREE_MS_MAX, |world| world.converged(&all));
        agreed.map(drop).map_err(|at_ms| {
            let digests = all.iter().filter_map(|&device| {
                let device = self.world.devices.get(device)?;
                Some(format!("{:02x?}", device.replica.state_digest().get(..4)?))
            });
            let digests: Vec<String> = digests.collect();
            format!("devices do not agree after {at_ms} ms: {digests:?}")
        })
    }

    /// Writes a line as its device's officer does, and does what follows from a refusal.
    fn write(&mut self, line: &Line) -> Outcome {
        let mut device = self.device(&line.device)?;
        let slot = (line.stage, line.shooter);
        let held = self.slots.get(&slot).copied();
        let body = self.body(line)?;
        let dnf = line.dnf;
        let mut answer = self.record(device, body.clone(), held)?;
        // Not its cell, or the shooter is out: the owner's to enter.
        if matches!(answer, Err(Code::E02 | Code::E11)) && device != self.owner() {
            device = self.owner();
            answer = self.record(device, body, held)?;
        }
        match answer {
            Ok(entry) => {
                self.slots.insert(slot, Held { entry, dnf });
                self.disqualify(device, line)
            }
            Err(Code::E03 | Code::E06) if !line.dq_rules.is_empty() => {
                self.disqualify(device, line)
            }
            Err(Code::E03 | Code::E06) => self.incomplete(device, line, held),
            Err(code) => Err(format!(
                "{} at {} for shooter {} on stage {}: {code:?}",
                line.device, line.t_ms, line.shooter, line.stage
            )),
        }
    }

    /// What an incomplete result stands for: an emptied slot, nothing yet, or a DNF.
    fn incomplete(&mut self, device: DeviceNo, line: &Line, held: Option<Held>) -> Outcome {
        let slot = (line.stage, line.shooter);
        let cleared = line.kind == "cleared";
        match held {
            Some(held) if cleared => {
                self.reach_entry(device, held.entry)?;
                let command = Command::Void {
                    entry: held.entry,
                    reason: VoidReason::Hits,
                    note: String::new(),
                    wall_ms: None,
                    agreed: Agreed::BOTH,
                };
                let reply = self.world.command(device, command);
                let Some(Reply::Saved(_)) = reply else {
                    return Err(format!("a slot is emptied: {reply:?}"));
                };
                self.figures.saved += 1;
                self.slots.remove(&slot);
            }
            None if !cleared && !line.superseded => {
                let body = status(line, StatusKind::Dnf, None);
                match self.record(device, body, None)? {
                    Ok(entry) => self.slots.insert(slot, Held { entry, dnf: true }),
                    Err(code) => return Err(format!("a DNF is recorded: {code:?}")),
                };
            }
            Some(held) if !held.dnf && !line.superseded => {
                return Err(format!(
                    "an incomplete result replaces another at {}",
                    line.t_ms
                ));
            }
            Some(_) | None => {}
        }
        Ok(())
    }

    fn disqualify(&mut self, device: DeviceNo, line: &Line) -> Outcome {
        let Some(code) = line.dq_rules.first() else {
            return Ok(());
        };
        let body = status(line, StatusKind::MatchDq, self.rules.get(code).copied());
        match self.record(device, body, None)? {
            Ok(_) => Ok(()),
            Err(code) => Err(format!("a DQ is recorded: {code:?}")),
        }
    }

    /// Has the owner record who left.
    fn withdraw(&mut self) -> Outcome {
        let file: EventFile = parse("event.json", EVENT)?;
        for left in file.shooters.iter().filter(|it| it.deleted) {
            let body = Body::Status(Status {
                about: About {
                    drill: None,
                    shooter: ShooterNo(left.shooter),
                },
                kind: StatusKind::Withdrawn,
                rule: None,
                attempt: 0,
                note: String::new(),
            });
            if let Err(code) = self.record(self.owner(), body, None)? {
                return Err(format!("shooter {} withdraws: {code:?}", left.shooter));
            }
        }
        Ok(())
    }

    /// Gives a command; what it replaces must have arrived first, as an officer would see it.
    fn record(
        &mut self,
        device: DeviceNo,
        body: Body,
        replaces: Option<Held>,
    ) -> Result<Result<EntryId, Code>, String> {
        if let Some(held) = replaces {
            self.reach_entry(device, held.entry)?;
        }
        let command = Command::Record {
            body,
            replaces: replaces.map(|held| (held.entry, VoidReason::Hits)),
            confirmed: true,
            revision: None,
            wall_ms: None,
            agreed: Agreed::BOTH,
        };
        match self.world.command(device, command) {
            Some(Reply::Saved(entries)) => {
                self.figures.saved += 1;
                let entry = entries.last().copied();
                entry
                    .map(Ok)
                    .ok_or_else(|| "saved without an entry".to_owned())
            }
            Some(Reply::Refused(mistake)) => {
                self.figures.refused += 1;
                Ok(Err(mistake.code))
            }
            reply => Err(format!("device {device} records: {reply:?}")),
        }
    }

    /// Brings everybody into reach until a device shows an entry, if it does not.
    fn reach_entry(&mut self, device: DeviceNo, entry: EntryId) -> Outcome {
        let shows = |world: &mut World| {
            let filter = EntryFilter {
                entry: Some(entry),
                ..EntryFilter::default()
            };
            let device = world.devices.get_mut(device);
            device.is_some_and(|it| !it.replica.entries(&filter).is_empty())
        };
        if shows(&mut self.world) {
            return Ok(());
        }
        self.away.clear();
        self.apply_reach();
        let arrived = self.world.run_until(AGREE_MS_MAX, shows);
        arrived
            .map(drop)
            .map_err(|_| format!("entry {entry} does not arrive at device {device}"))
    }

    /// Makes what a line says.
    fn body(&self, line: &Line) -> Result<Body, String> {
        if line.dnf {
            let code = line.dnf_rules.last();
            let rule = code.and_then(|code| self.rules.get(code).copied());
            return Ok(status(line, StatusKind::Dnf, rule));
        }
        let (drill, shooter) = (DrillNo(line.stage), ShooterNo(line.shooter));
        if line.stage == CHRONO {
            let digits = |text: String| text.replace('.', "").parse().ok();
            let weights = line.bullet_gr.iter();
            let speeds = line.velocities_fps.iter();
            return Ok(Body::Chrono(Chrono {
                drill,
                shooter,
                weights_decigrains: weights
                    .filter_map(|it| digits(format!("{it:.1}")))
                    .collect(),
                speeds_fps: speeds.filter_map(|it| digits(format!("{it:.0}"))).collect(),
                gear: (line.gear_check.as_deref() == Some("Pass")).then_some(Gear::Pass),
            }));
        }
        let penalty = |it: &Procedural| {
            let rule = self.rules.get(&it.rule).copied();
            let rule = rule.ok_or_else(|| format!("there is no rule {}", it.rule))?;
            Ok(Penalty {
                rule,
                count: it.count,
            })
        };
        let penalties: Result<Vec<Penalty>, String> =
            line.procedurals.iter().map(penalty).collect();
        Ok(Body::Score(Score {
            drill,
            shooter,
            attempt: 0,
            time_centis: line.time_cs.clone(),
            hits: line
                .targets
                .iter()
                .filter_map(|bits| Hits::from_bits(*bits))
                .collect(),
            steel: Steel {
                hit: line.steel_hit,
                miss: line.steel_miss,
                no_penalty_miss: 0,
                no_shoot: line.steel_noshoot,
            },
            penalties: penalties?,
            approvals: Approvals::default(),
            late_shots: 0,
            extra_shots: 0,
            extra_hits: 0,
            instead_of: None,
            marks: Marks::default(),
        }))
    }

    /// Compares every row of stages and match, the disqualified too, on every device.
    fn compare(&mut self) -> Outcome {
        let stages = unpack("expected_stages.csv.gz", STAGES)?;
        for (place, &no) in self.all.iter().enumerate() {
            let on = |what: &str| format!("{what} on device {place}");
            let device = self.world.devices.get_mut(no).ok_or("a device")?;
            let members = device.replica.devices(NOW).len();
            if members != self.all.len() {
                return Err(on(&format!("{members} members")));
            }
            let book = device.replica.book().ok_or("a book")?;
            let roster = device.replica.roster().ok_or("a roster")?;
            let standings = Standings::compute(roster, &book);
            if !standings.is_complete() {
                return Err(on("the standings are not complete"));
            }
            let found = standings.stages_csv(roster).to_string();
            let stage_rows = equal_rows(&found, &stages, 2).map_err(|why| on(&why))?;
            let found = standings.overall_csv(roster).to_string();
            let match_rows = equal_rows(&found, OVERALL, 1).map_err(|why| on(&why))?;
            self.figures.rows = stage_rows + match_rows;
        }
        Ok(())
    }
}

/// Members are counted, not when they were heard.
const NOW: Now = Now {
    mono_ms: 0,
    wall_ms: 0,
};

/// The drill with the chronograph.
const CHRONO: u32 = 15;

/// A row: the columns before the place, the place, the shooter and the columns after it.
type Rows = BTreeMap<(Vec<String>, String), (u32, Vec<String>)>;

/// Compares tables row by row; the place stands in the given column, the shooter behind it. Equal
/// results share a place here, where the reference numbers them on: its place must then be within
/// the shared ones.
fn equal_rows(found: &str, expected: &str, place: usize) -> Result<u64, String> {
    let (ours, theirs) = (rows(found, place)?, rows(expected, place)?);
    let mut shared: BTreeMap<(&[String], u32), u32> = BTreeMap::new();
    for ((group, _), (place, _)) in &ours {
        *shared.entry((group, *place)).or_default() += 1;
    }
    for (key, (reference, fields)) in &theirs {
        let Some((place, own)) = ours.get(key) else {
            return Err(format!("{key:?} is missing"));
        };
        let count = shared.get(&(&*key.0, *place)).copied().unwrap_or_default();
        if own != fields || !(*place..place.saturating_add(count)).contains(reference) {
            return Err(format!(
                "{key:?} is {place} {own:?}, expected {reference} {fields:?}"
            ));
        }
    }
    if ours.len() != theirs.len() {
        return Err(format!("{} rows, expected {}", ours.len(), theirs.len()));
    }
    Ok(count(ours.len()))
}

fn rows(csv: &str, place: usize) -> Result<Rows, String> {
    let mut rows = Rows::new();
    for line in csv.lines().skip(1) {
        let bad = || format!("{line:?} is no row");
        let fields: Vec<String> = line.split(',').map(str::to_owned).collect();
        let (group, rest) = fields.split_at_checked(place).ok_or_else(bad)?;
        let [place, shooter, values @ ..] = rest else {
            return Err(bad());
        };
        let place = place.parse().map_err(|_| bad())?;
        let key = (group.to_vec(), shooter.clone());
        if rows.insert(key, (place, values.to_vec())).is_some() {
            return Err(format!("{line:?} is there twice"));
        }
    }
    Ok(rows)
}

fn status(line: &Line, kind: StatusKind, rule: Option<RuleNo>) -> Body {
    Body::Status(Status {
        about: About {
            drill: Some(DrillNo(line.stage)),
            shooter: ShooterNo(line.shooter),
        },
        kind,
        rule,
        attempt: 0,
        note: String::new(),
    })
}

fn list<T>(numbers: &Numbers, of: fn(u32) -> T) -> Option<Vec<T>> {
    match numbers {
        Numbers::Some(numbers) => Some(numbers.iter().copied().map(of).collect()),
        Numbers::All(_) => None,
    }
}

fn lines() -> Result<Vec<Line>, String> {
    let text = unpack("log.jsonl.gz", LOG)?;
    text.lines().map(|line| parse("log.jsonl", line)).collect()
}

fn parse<T: for<'de> Deserialize<'de>>(file: &str, text: &str) -> Result<T, String> {
    serde_json::from_str(text).map_err(|error| format!("{file}: {error}"))
}

fn unpack(file: &str, packed: &[u8]) -> Result<String, String> {
    let mut text = String::new();
    let read = flate2::read::GzDecoder::new(packed).read_to_string(&mut text);
    read.map(|_| text)
        .map_err(|error| format!("{file}: {error}"))
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
