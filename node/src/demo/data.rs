//! The match that is replayed: the real one inside the binary, or a folder of the same shape.
//!
//! Reads files and says what is wrong with them; knows nothing of nodes. Layer: node, demo.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::path::Path;

use flate2::read::GzDecoder;
use serde::Deserialize;
use tallyline_proto::model::{Method, Structure};

use super::DemoError;
use super::expected::Expected;
use crate::structure_file::StructureFile;

/// Who made the match data, as its licence wants it told with every copy.
pub(super) const SOURCE: &str = "Wasa 2018, from jarnovirta/IPSCResultServer, \
     copyright (c) 2020 Jarno Virta, MIT licence";

const EVENT: &[u8] = include_bytes!("../../../tests/data/wasa2018/event.json");
const LOG: &[u8] = include_bytes!("../../../tests/data/wasa2018/log.jsonl.gz");
const GRANTS: &[u8] = include_bytes!("../../../tests/data/wasa2018/grants.json");
const STAGES: &[u8] = include_bytes!("../../../tests/data/wasa2018/expected_stages.csv.gz");
const OVERALL: &[u8] = include_bytes!("../../../tests/data/wasa2018/expected_overall.csv");

/// Largest file that is read, in bytes, unpacked: a hundred times the real match.
const FILE_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// Most devices: each is a process, and a person wants to see them all.
const DEVICES_MAX: usize = 16;

/// A whole match: what was set up, what was written, and what came out.
#[derive(Debug)]
pub(super) struct Match {
    /// Whether it is the one inside the binary, whose totals are known.
    pub(super) built_in: bool,
    /// The event's name.
    pub(super) name: String,
    /// The text of the structure file.
    pub(super) text: String,
    /// The same, read.
    pub(super) structure: Structure,
    /// Numbers of rules by their codes.
    pub(super) rules: BTreeMap<String, u32>,
    /// Shooters who left the match, by number.
    pub(super) withdrawn: BTreeSet<u32>,
    /// What was written, in order of time.
    pub(super) lines: Vec<Line>,
    /// The devices that wrote, and the owner's.
    pub(super) devices: Vec<String>,
    /// The owner's device.
    pub(super) owner: String,
    /// Who may write what, from when on.
    pub(super) shifts: Vec<Shift>,
    /// The results, when they are known.
    pub(super) expected: Option<Expected>,
}

/// A time in which the same grants are open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Shift {
    /// Its begin in Unix milliseconds.
    pub(super) from_ms: u64,
    /// The grants.
    pub(super) grants: Vec<Share>,
}

/// What one device may write in a shift.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Share {
    /// The device.
    pub(super) device: String,
    /// Drills; `None` is all.
    pub(super) drills: Option<Vec<u32>>,
    /// Squads; `None` is all.
    pub(super) squads: Option<Vec<u32>>,
}

/// One write of the match.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Line {
    /// Its number in the file.
    pub(super) n: u64,
    /// When it was written, in Unix milliseconds.
    pub(super) t_ms: u64,
    /// Who wrote it.
    pub(super) device: String,
    /// The drill.
    #[serde(rename = "stage")]
    pub(super) drill: u32,
    /// The shooter.
    pub(super) shooter: u32,
    /// Time of each string in hundredths of a second.
    #[serde(default)]
    pub(super) time_cs: Vec<u32>,
    /// Paper targets, seven counts of 4 bits each.
    #[serde(default)]
    pub(super) targets: Vec<u32>,
    /// Steel down.
    #[serde(default)]
    pub(super) steel_hit: u8,
    /// Steel standing.
    #[serde(default)]
    pub(super) steel_miss: u8,
    /// No-shoot steel that fell.
    #[serde(default)]
    pub(super) steel_noshoot: u8,
    /// Procedural penalties.
    #[serde(default)]
    pub(super) procedurals: Vec<Procedural>,
    /// Whether it says that the shooter did not finish.
    #[serde(default)]
    pub(super) dnf: bool,
    /// Codes of the rules behind that.
    #[serde(default)]
    pub(super) dnf_rules: Vec<String>,
    /// Codes of the rules by which the shooter was disqualified.
    #[serde(default)]
    pub(super) dq_rules: Vec<String>,
    /// When the shooter signed, in Unix milliseconds.
    #[serde(default)]
    pub(super) shooter_signed_ms: Option<i64>,
    /// When the RO signed, in Unix milliseconds.
    #[serde(default)]
    pub(super) ro_signed_ms: Option<i64>,
    /// Where it came from: "Reshoot", "from shooter 204".
    #[serde(default)]
    pub(super) origin: Option<String>,
    /// Whether a later line replaced it.
    #[serde(default)]
    pub(super) superseded: bool,
    /// "Pass" or another word.
    #[serde(default)]
    pub(super) gear_check: Option<String>,
    /// Measured speeds in feet a second.
    #[serde(default)]
    pub(super) velocities_fps: Vec<f64>,
    /// Weighed bullets in grains.
    #[serde(default)]
    pub(super) bullet_gr: Vec<f64>,
    /// Which fields were changed.
    #[serde(default)]
    pub(super) changed: Vec<String>,
    /// What kind of write it was.
    pub(super) kind: Kind,
}

/// A procedural penalty of a line.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Procedural {
    /// The rule's code.
    pub(super) rule: String,
    /// How often.
    pub(super) count: u8,
}

/// What kind of write a line was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    /// The slot's first.
    First,
    /// A result was corrected.
    Corrected,
    /// A chronograph reading was entered.
    Chrono,
    /// Only a signature was added.
    SignatureOnly,
    /// The shooter shot after all.
    DnfRemoved,
    /// The shooter did not finish.
    DnfAdded,
    /// The slot was emptied.
    Cleared,
    /// The same was saved again.
    Resave,
    /// A result was moved here from another shooter.
    ReassignIn,
    /// A disqualification was recorded.
    DqRecorded,
    /// Anything else.
    #[serde(other)]
    Other,
}

/// `grants.json`.
#[derive(Debug, Deserialize)]
struct GrantsFile {
    owner_device: String,
    grants: Vec<GrantLine>,
}

#[derive(Debug, Deserialize)]
struct GrantLine {
    from_ms: u64,
    device: String,
    stages: Numbers,
    squads: Numbers,
}

/// `"all"` or a list.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Numbers {
    Some(Vec<u32>),
    All(String),
}

/// What the structure file says beside the structure.
#[derive(Debug, Deserialize)]
struct Beside {
    #[serde(default)]
    shooters: Vec<BesideShooter>,
}

#[derive(Debug, Deserialize)]
struct BesideShooter {
    shooter: u32,
    #[serde(default)]
    deleted: bool,
}

/// The files of a match as they are, unpacked.
struct Files {
    event: Vec<u8>,
    log: Vec<u8>,
    grants: Option<Vec<u8>>,
    results: Option<(Vec<u8>, Vec<u8>)>,
}

impl Match {
    /// Reads the match inside the binary.
    ///
    /// # Errors
    ///
    /// [`DemoError::Data`] if the build packed something else.
    pub(super) fn built_in() -> Result<Self, DemoError> {
        let results = (unpack("expected_stages.csv.gz", STAGES)?, OVERALL.to_vec());
        let files = Files {
            event: EVENT.to_vec(),
            log: unpack("log.jsonl.gz", LOG)?,
            grants: Some(GRANTS.to_vec()),
            results: Some(results),
        };
        Self::read(&files, true)
    }

    /// Reads a match from a folder: `event.json` and `log.jsonl`; `grants.json`,
    /// `expected_stages.csv` and `expected_overall.csv` when they are there; each may be packed
    /// and end in `.gz`.
    ///
    /// # Errors
    ///
    /// [`DemoError::Data`] with the file and what is wrong.
    pub(super) fn folder(dir: &Path) -> Result<Self, DemoError> {
        let needed = |name: &'static str| {
            find(dir, name)?.ok_or_else(|| bad(name, format!("it is not in {}", dir.display())))
        };
        let stages = find(dir, "expected_stages.csv")?;
        let overall = find(dir, "expected_overall.csv")?;
        let files = Files {
            event: needed("event.json")?,
            log: needed("log.jsonl")?,
            grants: find(dir, "grants.json")?,
            results: stages.zip(overall),
        };
        Self::read(&files, false)
    }

    fn read(files: &Files, built_in: bool) -> Result<Self, DemoError> {
        let text = String::from_utf8(files.event.clone())
            .map_err(|error| bad("event.json", error.to_string()))?;
        let StructureFile { name, structure } = StructureFile::parse(&text)
            .map_err(|problems| bad("event.json", problems.to_string()))?;
        let beside: Beside =
            serde_json::from_str(&text).map_err(|error| bad("event.json", error.to_string()))?;
        let withdrawn = beside
            .shooters
            .iter()
            .filter(|it| it.deleted)
            .map(|it| it.shooter)
            .collect();
        let rules = structure
            .rules
            .iter()
            .map(|rule| (rule.code.clone(), rule.no.0))
            .collect();
        let lines = lines(&files.log)?;
        let grants = match &files.grants {
            Some(bytes) => Some(
                serde_json::from_slice::<GrantsFile>(bytes)
                    .map_err(|error| bad("grants.json", error.to_string()))?,
            ),
            None => None,
        };
        let mut devices: BTreeSet<String> = lines.iter().map(|it| it.device.clone()).collect();
        let owner = match &grants {
            Some(grants) => grants.owner_device.clone(),
            None => devices.first().cloned().unwrap_or_default(),
        };
        devices.insert(owner.clone());
        devices.extend(
            grants
                .iter()
                .flat_map(|it| &it.grants)
                .map(|it| it.device.clone()),
        );
        check_devices(&devices)?;
        let shifts = match grants {
            Some(grants) => shifts(grants)?,
            None => vec![guess(&structure, &lines)],
        };
        let expected = match &files.results {
            Some((stages, overall)) => Some(Expected::read(stages, overall)?),
            None => None,
        };
        let devices = devices.into_iter().collect();
        Ok(Self {
            built_in,
            name,
            text,
            structure,
            rules,
            withdrawn,
            lines,
            devices,
            owner,
            shifts,
            expected,
        })
    }

    /// Returns a shooter's squad.
    pub(super) fn squad(&self, shooter: u32) -> Option<u32> {
        let mut all = self.structure.shooters.iter();
        all.find(|it| it.no.0 == shooter).map(|it| it.squad.0)
    }

    /// Returns whether a drill is the chronograph.
    pub(super) fn is_chrono(&self, drill: u32) -> bool {
        let mut all = self.structure.drills.iter();
        all.any(|it| it.no.0 == drill && it.method == Method::Chrono)
    }

    /// Returns the shift in which a time lies; what comes before the first lies in it.
    pub(super) fn shift_at(&self, t_ms: u64) -> usize {
        let begun = self
            .shifts
            .iter()
            .filter(|shift| shift.from_ms <= t_ms)
            .count();
        begun.saturating_sub(1)
    }
}

impl Share {
    /// Returns whether a cell is in it.
    pub(super) fn covers(&self, drill: u32, squad: u32) -> bool {
        let holds = |list: &Option<Vec<u32>>, number| {
            list.as_ref().is_none_or(|list| list.contains(&number))
        };
        holds(&self.drills, drill) && holds(&self.squads, squad)
    }
}

/// Says what is wrong with a file.
pub(super) fn bad(file: &'static str, what: impl Into<String>) -> DemoError {
    DemoError::Data {
        file,
        what: what.into(),
    }
}

fn lines(bytes: &[u8]) -> Result<Vec<Line>, DemoError> {
    let text = std::str::from_utf8(bytes).map_err(|error| bad("log.jsonl", error.to_string()))?;
    let mut lines = Vec::new();
    for (place, text) in text
        .lines()
        .enumerate()
        .filter(|(_, text)| !text.trim().is_empty())
    {
        let line: Line = serde_json::from_str(text)
            .map_err(|error| bad("log.jsonl", format!("line {}: {error}", place + 1)))?;
        lines.push(line);
    }
    if lines.is_empty() {
        return Err(bad("log.jsonl", "it has no lines"));
    }
    lines.sort_by_key(|line| (line.t_ms, line.n));
    Ok(lines)
}

fn check_devices(devices: &BTreeSet<String>) -> Result<(), DemoError> {
    if DEVICES_MAX < devices.len() {
        let what = format!(
            "{} devices write; at most {DEVICES_MAX} can be shown",
            devices.len()
        );
        return Err(bad("log.jsonl", what));
    }
    let fits = |name: &str| {
        (1..=16).contains(&name.len()) && name.chars().all(|it| it.is_ascii_alphanumeric())
    };
    match devices.iter().find(|name| !fits(name)) {
        Some(name) => Err(bad(
            "log.jsonl",
            format!("device {name:?}: use 1 to 16 letters and digits as its name"),
        )),
        None => Ok(()),
    }
}

/// Sorts the grants of the file into shifts by their begin.
fn shifts(file: GrantsFile) -> Result<Vec<Shift>, DemoError> {
    let mut by_begin: BTreeMap<u64, Vec<Share>> = BTreeMap::new();
    for grant in file.grants {
        let share = Share {
            device: grant.device,
            drills: grant.stages.list()?,
            squads: grant.squads.list()?,
        };
        by_begin.entry(grant.from_ms).or_default().push(share);
    }
    if by_begin.is_empty() {
        by_begin.insert(0, Vec::new());
    }
    Ok(by_begin
        .into_iter()
        .map(|(from_ms, grants)| Shift { from_ms, grants })
        .collect())
}

impl Numbers {
    fn list(self) -> Result<Option<Vec<u32>>, DemoError> {
        match self {
            Self::Some(list) => Ok(Some(list)),
            Self::All(word) if word == "all" => Ok(None),
            Self::All(word) => Err(bad(
                "grants.json",
                format!("{word:?}: use \"all\" or a list of numbers"),
            )),
        }
    }
}

/// Gives each squad to the device that wrote most about it, or each drill, whichever fits more of
/// what was written: one grant for each device, and no two overlap.
fn guess(structure: &Structure, lines: &[Line]) -> Shift {
    let squads: BTreeMap<u32, u32> = structure
        .shooters
        .iter()
        .map(|it| (it.no.0, it.squad.0))
        .collect();
    let squad_of = |line: &Line| squads.get(&line.shooter).copied().unwrap_or_default();
    let (by_squad, fit_squad) = majority(lines, squad_of);
    let (by_drill, fit_drill) = majority(lines, |line| line.drill);
    let grants = if fit_drill <= fit_squad {
        let share = |(device, squads)| Share {
            device,
            drills: None,
            squads: Some(squads),
        };
        by_squad.into_iter().map(share).collect()
    } else {
        let share = |(device, drills)| Share {
            device,
            drills: Some(drills),
            squads: None,
        };
        by_drill.into_iter().map(share).collect()
    };
    Shift { from_ms: 0, grants }
}

/// Gives each number to the device with most lines about it; returns how many lines that fits.
fn majority(lines: &[Line], number: impl Fn(&Line) -> u32) -> (BTreeMap<String, Vec<u32>>, usize) {
    let mut counts: BTreeMap<u32, BTreeMap<&str, usize>> = BTreeMap::new();
    for line in lines {
        *counts
            .entry(number(line))
            .or_default()
            .entry(&line.device)
            .or_default() += 1;
    }
    let mut shares: BTreeMap<String, Vec<u32>> = BTreeMap::new();
    let mut fits = 0;
    for (number, devices) in counts {
        let Some((device, most)) = devices.into_iter().max_by_key(|(_, count)| *count) else {
            continue;
        };
        shares.entry(device.to_owned()).or_default().push(number);
        fits += most;
    }
    (shares, fits)
}

fn find(dir: &Path, name: &'static str) -> Result<Option<Vec<u8>>, DemoError> {
    let plain = dir.join(name);
    let packed = dir.join(format!("{name}.gz"));
    let (path, is_packed) = match (plain.exists(), packed.exists()) {
        (true, _) => (plain, false),
        (false, true) => (packed, true),
        (false, false) => return Ok(None),
    };
    let file = std::fs::File::open(&path).map_err(|error| bad(name, error.to_string()))?;
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX)
        .read_to_end(&mut bytes)
        .map_err(|error| bad(name, error.to_string()))?;
    if is_packed {
        unpack(name, &bytes).map(Some)
    } else {
        Ok(Some(bytes))
    }
}

fn unpack(name: &'static str, packed: &[u8]) -> Result<Vec<u8>, DemoError> {
    let mut bytes = Vec::new();
    GzDecoder::new(packed)
        .take(FILE_BYTES_MAX)
        .read_to_end(&mut bytes)
        .map_err(|error| bad(name, format!("it cannot be unpacked: {error}")))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_match_inside_the_binary_is_whole() {
        let data = Match::built_in().expect("reads");
        assert_eq!((data.lines.len(), data.devices.len()), (3_576, 9));
        assert_eq!(data.owner, "D5");
        assert_eq!(data.withdrawn.len(), 11);
        let grants: Vec<usize> = data.shifts.iter().map(|it| it.grants.len()).collect();
        assert_eq!((grants.len(), grants.iter().sum::<usize>()), (5, 28));
    }

    #[test]
    fn squads_and_drills_are_shared_out_without_overlap() {
        let data = Match::built_in().expect("reads");
        let shift = guess(&data.structure, &data.lines);
        for drill in 1..=15 {
            for squad in 1..=30 {
                let covering = shift
                    .grants
                    .iter()
                    .filter(|share| share.covers(drill, squad))
                    .count();
                assert!(
                    covering <= 1,
                    "stage {drill}, squad {squad}: {covering} devices"
                );
            }
        }
    }
}
