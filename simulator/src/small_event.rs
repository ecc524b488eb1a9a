//! Small events for tests: a founding, a structure, cells, scores.

use tallyline_proto::{
    model::{
        Approvals, Body, CellSet, Discipline, Division, Drill, DrillNo, Entrant, Hits, Marks,
        Method, NoShoots, Place, PlaceNo, PowerFactor, Ruleset, Score, Shooter, ShooterNo, SquadNo,
        Steel, Structure, Target, Terms,
    },
    replica::Founding,
    rules::kinds,
};

use crate::Random;

/// The place of a [`small_event`].
pub const PLACE: PlaceNo = PlaceNo(1);

/// Returns what an owner founds for a structure: nobody else has a say, and nothing is in a cloud.
pub fn small_founding(random: &mut Random, structure: Structure) -> Founding {
    Founding {
        name: "Test match".to_owned(),
        nonce: random.bytes(),
        discovery_key: random.bytes(),
        cloud: Vec::new(),
        recovery: Vec::new(),
        structure,
        label: "owner".to_owned(),
    }
}

/// Returns a structure of `drills` drills with two targets each and `shooters` shooters, of whom
/// every squad holds `squad_size`.
pub fn small_structure(drills: u32, shooters: u32, squad_size: u32) -> Structure {
    let drill = |no| Drill {
        no: DrillNo(no),
        name: format!("Drill {no}"),
        method: Method::Comstock,
        strings: 1,
        required_hits: vec![2, 2],
        steel: 0,
        no_shoots: NoShoots::NotSaid,
        terms: Terms::default(),
    };
    let shooter = |no: u32| Shooter {
        no: ShooterNo(no),
        label: format!("Shooter {no:03}"),
        division: 0,
        power_factor: PowerFactor::Minor,
        squad: SquadNo(no.saturating_sub(1) / squad_size.max(1) + 1),
        categories: Vec::new(),
        entrant: Entrant::default(),
    };
    Structure {
        epoch_ms: 1_532_476_800_000,
        zone_min: 180,
        level: "L1".to_owned(),
        ruleset: Ruleset::of(Discipline::Ipsc),
        divisions: vec![Division {
            name: "Open".to_owned(),
            minor_floor: Some(125),
            major_floor: Some(160),
        }],
        drills: (1..=drills).map(drill).collect(),
        shooters: (1..=shooters).map(shooter).collect(),
        rules: Vec::new(),
        kinds: Vec::new(),
        places: Vec::new(),
    }
}

/// Returns the same with a place where things are seen, and the records of a camp.
pub fn small_event(drills: u32, shooters: u32, squad_size: u32) -> Structure {
    Structure {
        kinds: kinds::camp(),
        places: vec![Place {
            no: PLACE,
            name: "Gate".to_owned(),
        }],
        ..small_structure(drills, shooters, squad_size)
    }
}

/// Returns the cells of some drills and squads; an empty list is all.
pub fn cells(drills: &[u32], squads: &[u32]) -> CellSet {
    CellSet {
        drills: (!drills.is_empty()).then(|| drills.iter().copied().map(DrillNo).collect()),
        squads: (!squads.is_empty()).then(|| squads.iter().copied().map(SquadNo).collect()),
    }
}

/// Returns a complete score on a drill of [`small_structure`]: `a` hits in the A zone, the rest
/// of the four in C.
pub fn score(drill: u32, shooter: u32, time_centis: u32, a: u8) -> Body {
    let a = a.min(4);
    let first = a.min(2);
    let second = a.saturating_sub(first);
    let target = |a: u8| {
        Hits::pack(Target {
            a,
            c: 2_u8.saturating_sub(a),
            ..Target::default()
        })
    };
    Body::Score(Score {
        drill: DrillNo(drill),
        shooter: ShooterNo(shooter),
        attempt: 0,
        time_centis: vec![time_centis],
        hits: [first, second].into_iter().filter_map(target).collect(),
        steel: Steel::default(),
        penalties: Vec::new(),
        approvals: Approvals::default(),
        late_shots: 0,
        extra_shots: 0,
        extra_hits: 0,
        instead_of: None,
        marks: Marks::default(),
    })
}
