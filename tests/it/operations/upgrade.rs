//! A store that an earlier program wrote, and one that a later program wrote.

use std::fs;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use tallyline_tests::process::Process;

use super::files;
use crate::range::{ALONE, Range, status};

/// Lays the kept root out under a range, as the earlier program left it.
fn lay_out(range: &Range, name: &str) -> PathBuf {
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/store-1");
    let root = range.root(name);
    fs::create_dir(&root).unwrap();
    for file in ["device.key", "device.toml", "event.manifest"] {
        fs::copy(kept.join(file), root.join(file)).unwrap();
        let mode = fs::Permissions::from_mode(0o600);
        fs::set_permissions(root.join(file), mode).unwrap();
    }
    let mut store = Vec::new();
    let packed = fs::File::open(kept.join("node.redb.gz")).unwrap();
    GzDecoder::new(packed).read_to_end(&mut store).unwrap();
    fs::write(root.join("node.redb"), store).unwrap();
    root
}

/// S3-19.
#[test]
fn s3_19_a_store_of_the_version_before_opens_and_serves() {
    let range = Range::new();
    let root = lay_out(&range, "kept");
    let kept = include_str!("../../data/store-1/standings.csv");
    let standings = ["standings", "--all", "--csv"];
    assert_eq!(range.done("kept", &standings), kept.trim(), "read at rest");
    assert_eq!(range.read("kept", &["verify"])["ok"], true);
    let node = Process::start(&root, &ALONE).unwrap();
    assert_eq!(
        status(&node)["totals"]["entries"],
        14,
        "what was unsent is unsent still"
    );
    assert_eq!(status(&node)["totals"]["only_here"], 14);
    assert_eq!(range.done("kept", &standings), kept.trim(), "served");
    let person = range.read("kept", &["participant", "list"]);
    let people = person["participants"].as_array().unwrap();
    let readable = people.iter().filter(|it| it["readable"] == 1).count();
    assert_eq!(readable, 1, "its key of a sealed text is there: {person}");
    // It goes on from where it was.
    let mut args = crate::range::score("1", "2");
    args.extend(["--confirm", "--attempt", "1"]);
    range.done("kept", &args);
    let peer = range.join_from("kept", "tablet", &node);
    crate::range::agree(&node, &peer);
    peer.stop().unwrap();
    node.stop().unwrap();
    assert!(
        !files(&root).iter().any(|it| it.contains("damaged")),
        "nothing was moved aside"
    );
    assert_eq!(range.read("kept", &["verify"])["ok"], true);
}

/// What a later program wrote is not opened, not moved aside and not written over.
#[test]
fn a_store_of_a_later_version_is_refused_in_words_and_stays() {
    let range = Range::new();
    range.init("tablet");
    let path = range.root("tablet").join("node.redb");
    let packed = include_bytes!("../../data/store-later/node.redb.gz");
    let mut store = Vec::new();
    GzDecoder::new(&packed[..]).read_to_end(&mut store).unwrap();
    fs::write(&path, &store).unwrap();
    for verb in [
        &["status"][..],
        &["run", "--no-mdns"],
        &["event", "lock"],
        &["clear"],
    ] {
        range.refused("tablet", verb, (8, "store_newer"), "install the version");
        assert!(
            fs::read(&path).unwrap() == store,
            "{verb:?} changed the store"
        );
    }
    let beside = files(&range.root("tablet"));
    assert!(
        !beside.iter().any(|it| it.contains("damaged")),
        "{beside:?}"
    );
}
