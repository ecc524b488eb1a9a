//! Tests of exit codes and files that the verbs read.

use serde_json::json;

use super::*;

fn status_of(light: &str, undecided: u64, disputed: u64) -> StatusData {
    serde_json::from_value(json!({
        "schema": "tallyline.status/1",
        "node": { "schema": "tallyline.node/1", "version": "0", "pid": null, "mode": "device",
                  "label": "T", "key": "k", "phase": "member", "event": null, "addresses": [] },
        "name": null, "locked": false, "light": light, "summary": "", "remarks": [],
        "totals": { "entries": 0, "only_here": 0, "in_cloud": 0, "missing_here": 0, "control": 0,
                    "control_in_cloud": 0 },
        "readings": { "counted": 0, "late": 0, "quarantined": 0, "disputed": disputed,
                      "voided": 0, "undecided": undecided, "unknown": 0 },
        "logs": [], "devices": [], "links": [], "paused": "none", "refused": [],
        "wire": { "frames_sent_bytes": 0, "frames_received_bytes": 0, "udp_sent_bytes": 0,
                  "udp_received_bytes": 0 },
        "state_digest": "",
    }))
    .unwrap()
}

#[test]
fn the_exit_code_of_status_is_the_light() {
    let check = |light, undecided, disputed, expected| {
        assert_eq!(
            status_exit(&status_of(light, undecided, disputed)),
            expected,
            "{light}"
        );
    };
    check("nothing", 0, 0, DONE);
    check("in-the-cloud", 0, 0, DONE);
    check("only-here", 0, 0, exits::PENDING);
    check("at-the-range", 0, 0, exits::PENDING);
    check("trouble", 0, 0, exits::PENDING);
    check("in-the-cloud", 1, 0, exits::CONFLICT);
    check("only-here", 0, 1, exits::CONFLICT);
}

#[test]
fn a_structure_file_is_bounded_and_must_be_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("event.json");
    std::fs::write(&path, "{}").unwrap();
    assert_eq!(structure_text(&path).unwrap(), "{}");
    let size = usize::try_from(STRUCTURE_BYTES_MAX).unwrap();
    std::fs::write(&path, " ".repeat(size + 1)).unwrap();
    let failure = structure_text(&path).unwrap_err();
    assert!(failure.text.contains("above 524288 bytes"), "{failure}");
    std::fs::remove_file(&path).unwrap();
    let failure = structure_text(&path).unwrap_err();
    assert!(failure.text.contains("cannot be read"), "{failure}");
}
