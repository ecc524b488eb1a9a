//! The file an event is created from, as an owner may have typed it.

use tallyline::structure_file::StructureFile;
use tallyline_proto::{
    replica::{Command, Founding, Reply, Stored},
    rules::Standings,
    wire::decode_manifest,
};

use super::{
    memory::Memory,
    venue::{OWNER, ask, open},
};

/// Longest complaint about a file, in bytes: a screenful, whatever the file holds.
const COMPLAINT_BYTES_MAX: usize = 8 * 1024;

/// Reads any text as a structure file. Complaints stay short; what is accepted is founded or
/// refused with a reason, and what is founded is what the file said.
///
/// # Panics
/// If something does not hold.
pub fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let file = match StructureFile::parse(&text) {
        Ok(file) => file,
        Err(problems) => {
            let said = problems.to_string();
            assert!(!said.is_empty(), "a refusal says why");
            assert!(
                said.len() <= COMPLAINT_BYTES_MAX,
                "{} bytes of complaint",
                said.len()
            );
            return;
        }
    };
    let mut disk = Memory::default();
    let mut owner = open(OWNER, Stored::default(), 1);
    let founding = Founding {
        name: file.name.clone(),
        nonce: [1; 16],
        discovery_key: [2; 16],
        cloud: Vec::new(),
        recovery: Vec::new(),
        structure: file.structure.clone(),
        label: "Owner".to_owned(),
    };
    let reply = ask(&mut owner, &mut disk, Command::Found(founding));
    if matches!(reply, Reply::Refused(_)) {
        assert!(disk.manifest().is_none(), "a refusal leaves nothing behind");
        return;
    }
    assert!(matches!(reply, Reply::Founded(_)), "{reply:?}");
    let manifest = decode_manifest(disk.manifest().unwrap_or_default());
    let manifest = manifest.map(|it| (it.name, it.structure));
    assert_eq!(
        manifest,
        Ok((file.name, file.structure)),
        "founded as the file says"
    );
    if let (Some(book), Some(roster)) = (owner.book(), owner.roster()) {
        let standings = Standings::compute(roster, &book);
        assert!(
            !standings.stages_csv(roster).to_string().is_empty(),
            "a header at least"
        );
        assert!(
            !standings.overall_csv(roster).to_string().is_empty(),
            "a header at least"
        );
    }
}
