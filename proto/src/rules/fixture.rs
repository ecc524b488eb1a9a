//! A small event for the unit tests of this layer: two drills and a chronograph, four shooters.

use alloc::{collections::BTreeMap, string::String, vec, vec::Vec};

use tallyline_keys::{DeviceKey, PublicKey};

use super::{Authority, Line, Roster, Standing};
use crate::model::{
    About, Agreed, Approvals, Body, Chrono, Discipline, Division, Drill, DrillNo, Entrant, EntryId,
    GrantId, Hash, Hits, Incarnation, LogName, Marks, Method, NoShoots, PowerFactor, Rule,
    RuleKind, RuleNo, Ruleset, Score, Shooter, ShooterNo, SquadNo, Status, StatusKind, Steel,
    Structure, Target, Terms, Void, VoidReason,
};

/// The owner's device among the devices 0, 1, 2.
pub(super) const OWNER: u8 = 0;

/// Drill 1: two papers of two hits, two steel, no no-shoots. Drill 2: Fixed Time, one paper of ten.
/// Drill 3: the chronograph. Shooters 1 and 2 are Open Major, 3 and 4 Production Minor.
pub(super) fn roster() -> Roster {
    let drill = |no, name: &str, method, required_hits, steel, no_shoots| Drill {
        no: DrillNo(no),
        name: name.into(),
        method,
        strings: u32::from(method != Method::Chrono),
        required_hits,
        steel,
        no_shoots,
        terms: Terms::default(),
    };
    let shooter = |no, division, power_factor| Shooter {
        no: ShooterNo(no),
        label: "Shooter".into(),
        division,
        power_factor,
        squad: SquadNo(no),
        categories: vec![],
        entrant: Entrant::default(),
    };
    let division = |name: &str, major_floor| Division {
        name: name.into(),
        minor_floor: Some(125),
        major_floor,
    };
    let rule = |no, kind, text: &str| Rule {
        no: RuleNo(no),
        kind,
        text: text.into(),
        code: String::new(),
        value: None,
    };
    let mut roster = Roster::new(Structure {
        // 2018-07-25 00:00 UTC.
        epoch_ms: 1_532_476_800_000,
        zone_min: 180,
        level: "L1".into(),
        ruleset: Ruleset::of(Discipline::Ipsc),
        divisions: vec![division("Open", Some(160)), division("Production", None)],
        drills: vec![
            drill(1, "One", Method::Comstock, vec![2, 2], 2, NoShoots::Absent),
            drill(2, "Two", Method::FixedTime, vec![10], 0, NoShoots::Present),
            drill(3, "Chrono", Method::Chrono, vec![], 0, NoShoots::NotSaid),
        ],
        shooters: vec![
            shooter(1, 0, PowerFactor::Major),
            shooter(2, 0, PowerFactor::Major),
            shooter(3, 1, PowerFactor::Minor),
            shooter(4, 1, PowerFactor::Minor),
        ],
        rules: vec![
            rule(1, RuleKind::Procedural, "10.2.1 Foot fault"),
            rule(2, RuleKind::Dq, "10.5.5 Sweeping"),
        ],
        kinds: Vec::new(),
        places: Vec::new(),
    });
    roster.lock();
    roster
}

/// Drill 1 shot clean (two A each, steel down) in this time.
pub(super) fn score(shooter: u32, time_centis: u32) -> Score {
    let two_a = Hits::pack(Target {
        a: 2,
        ..Target::default()
    })
    .expect("few hits");
    Score {
        drill: DrillNo(1),
        shooter: ShooterNo(shooter),
        attempt: 0,
        time_centis: vec![time_centis],
        hits: vec![two_a, two_a],
        steel: Steel {
            hit: 2,
            ..Steel::default()
        },
        penalties: vec![],
        approvals: Approvals::default(),
        late_shots: 0,
        extra_shots: 0,
        extra_hits: 0,
        instead_of: None,
        marks: Marks::default(),
    }
}

pub(super) fn run(shooter: u32, time_centis: u32) -> Body {
    Body::Score(score(shooter, time_centis))
}

pub(super) fn reshoot(shooter: u32, time_centis: u32, attempt: u32) -> Body {
    Body::Score(Score {
        attempt,
        ..score(shooter, time_centis)
    })
}

pub(super) fn status(kind: StatusKind, drill: Option<u32>, shooter: u32) -> Body {
    let about = About {
        drill: drill.map(DrillNo),
        shooter: ShooterNo(shooter),
    };
    let rule = (kind == StatusKind::MatchDq).then_some(RuleNo(2));
    Body::Status(Status {
        about,
        kind,
        rule,
        attempt: 0,
        note: String::new(),
    })
}

pub(super) fn reading(shooter: u32, speed_fps: u32) -> Body {
    Body::Chrono(Chrono {
        drill: DrillNo(3),
        shooter: ShooterNo(shooter),
        weights_decigrains: vec![1_240],
        speeds_fps: vec![speed_fps; 3],
        gear: None,
    })
}

/// A void of the `nth` entry of the venue, from 0.
pub(super) fn void(nth: usize) -> Body {
    Body::Void(Void {
        entry: id(nth),
        reason: VoidReason::Hits,
        note: String::new(),
        agreed: Agreed::default(),
    })
}

pub(super) fn id(nth: usize) -> EntryId {
    // Ids in no order of writing, as hashes are.
    let nth = u128::try_from(nth).expect("few entries").saturating_add(1);
    EntryId(uuid::Uuid::from_u128(
        nth.wrapping_mul(0xdead_beef_cafe_f00d_1234_5678_9abc_def1),
    ))
}

pub(super) fn key(device: u8) -> PublicKey {
    DeviceKey::from_seed([device; 32]).public()
}

/// Entries of three devices with one log each, and what the statements would say about each.
#[derive(Default)]
pub(super) struct Venue {
    entries: Vec<(u8, Body, u32)>,
    standings: BTreeMap<(LogName, u64), (Standing, Standing)>,
}

impl Venue {
    /// Writes an entry that stands like this, alone and for its cell; returns its number.
    pub(super) fn write(&mut self, device: u8, body: Body, standing: Standing) -> usize {
        self.write_as(device, body, (standing, standing))
    }

    /// Writes an entry; for a void the second standing is that for the target's cell.
    pub(super) fn write_as(
        &mut self,
        device: u8,
        body: Body,
        standings: (Standing, Standing),
    ) -> usize {
        let nth = self.entries.len();
        self.entries.push((device, body, 1));
        self.standings.insert((log(device), seq(nth)), standings);
        nth
    }

    pub(super) fn revise(&mut self, nth: usize, revision: u32) {
        self.entries[nth].2 = revision;
    }

    pub(super) fn lines(&self) -> Vec<Line<'_>> {
        self.entries
            .iter()
            .enumerate()
            .map(|(nth, (device, body, revision))| Line {
                id: id(nth),
                log: log(*device),
                seq: seq(nth),
                author: key(*device),
                at_ms: i64::try_from(nth)
                    .expect("few entries")
                    .saturating_mul(60_000),
                revision: *revision,
                body,
            })
            .collect()
    }
}

impl Authority for Venue {
    fn standing(&self, log: &LogName, seq: u64, about: Option<About>) -> Standing {
        let (alone, cell) = self.standings[&(*log, seq)];
        if about.is_some() { cell } else { alone }
    }

    fn is_owner(&self, owner: &PublicKey) -> bool {
        *owner == key(OWNER)
    }

    /// Device 2 holds the deeper grant, so its log comes after device 1's.
    fn precedence(&self, log: &LogName) -> (u32, u32) {
        (u32::from(log.grant.0.0[0]), 0)
    }
}

fn log(device: u8) -> LogName {
    LogName {
        grant: GrantId(Hash([device; 32])),
        incarnation: Incarnation(7),
    }
}

fn seq(nth: usize) -> u64 {
    u64::try_from(nth).expect("few entries").saturating_add(1)
}
