//! A small event for tests of this package.

use tallyline_keys::DeviceKey;
use tallyline_proto::model::Roles;
use tallyline_proto::replica::{Command, Founding};

use crate::structure_file::StructureFile;

/// A structure file with two stages, a chronograph and three shooters.
pub(crate) const STRUCTURE: &str = r#"{
    "event": "Spring Match", "level": "L2", "date": "2026-04-18",
    "division_power_factors": {"Open": {"minor": 125, "major": 160}},
    "divisions": ["Open"],
    "rules": {
        "procedurals": [{"uuid": "aaa", "name": "10.2.7 Failure to engage target"}],
        "dqs": [{"uuid": "bbb", "name": "10.5.2 Unsafe gun handling"}],
        "dnfs": [{"uuid": "ccc", "name": "6.6.1 Not present at the stage"}]
    },
    "stages": [
        {"stage": 1, "name": "French visit", "scoring": "Comstock", "strings": 1, "target_shots": [2, 2], "steel": 1},
        {"stage": 2, "name": "The wall", "scoring": "Comstock", "strings": 1, "target_shots": [2], "steel": 0},
        {"stage": 3, "name": "Chrono", "scoring": "Chrono", "strings": 0, "target_shots": [], "steel": 0}
    ],
    "shooters": [
        {"shooter": 1, "label": "Shooter 1", "division": "Open", "power_factor": "MAJOR", "squad": 1, "categories": []},
        {"shooter": 2, "label": "Shooter 2", "division": "Open", "power_factor": "MINOR", "squad": 1, "categories": []},
        {"shooter": 3, "label": "Shooter 3", "division": "Open", "power_factor": "MINOR", "squad": 2, "categories": []}
    ]
}"#;

/// Founds the small event.
pub(crate) fn found(name: &str) -> Command {
    let structure = StructureFile::parse(STRUCTURE)
        .expect("a structure")
        .structure;
    Command::Found(Founding {
        name: name.to_owned(),
        nonce: [1; 16],
        discovery_key: [2; 16],
        cloud: Vec::new(),
        recovery: Vec::new(),
        structure,
        label: "Owner".to_owned(),
    })
}

/// Admits a device that follows from a number.
pub(crate) fn admit(number: u64) -> Command {
    let mut seed = [7; 32];
    seed[..8].copy_from_slice(&number.to_le_bytes());
    Command::Admit {
        key: DeviceKey::from_seed(seed).public(),
        roles: Roles::SCORER,
        label: format!("Device {number}"),
    }
}
