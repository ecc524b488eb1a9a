//! `check`, `support`, and the rules and boards for Prometheus and Grafana.

use std::collections::BTreeSet;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use flate2::read::GzDecoder;
use serde_json::Value;
use tallyline::metrics;
use tallyline_tests::process::Process;

use super::{Clouded, vitals};
use crate::cloud::cloud;
use crate::range::{AGREE_MAX, ALONE, Range, agree, status, until, wait_for};

#[test]
fn check_has_the_exit_codes_of_monitoring_plugins() {
    let clouded = Clouded::founded();
    let range = &clouded.range;
    let enough = ["check", "--min-free", "0", "--max-lag", "999999"];
    let down = range.run("owner", &enough);
    assert_eq!(down.exit, 2, "no node runs: {down:?}");
    let none = range.run("nowhere", &["check", "--format", "nagios"]);
    assert_eq!(none.exit, 3, "{none:?}");
    assert!(none.stdout.starts_with("TALLYLINE UNKNOWN - "), "{none:?}");

    let node = Process::start(&range.root("owner"), &ALONE).unwrap();
    let fine = range.run("owner", &[&enough[..], &["--format", "nagios"]].concat());
    assert_eq!(fine.exit, 0, "{fine:?}");
    assert!(fine.stdout.starts_with("TALLYLINE OK - "), "{fine:?}");
    assert!(fine.stdout.contains("| lag="), "figures: {fine:?}");
    let late = [
        "check",
        "--min-free",
        "0",
        "--max-lag",
        "0",
        "--format",
        "json",
    ];
    until("an entry is a second old", AGREE_MAX, || {
        range.run("owner", &late).exit == 1
    });
    let told: Value = serde_json::from_str(&range.run("owner", &late).stdout).unwrap();
    assert_eq!(told["state"], "warning", "{told}");
    assert_eq!(told["troubles"][0]["rule"], "cloud", "{told}");
    let wrong = range.run("owner", &["check", "--min-free", "much"]);
    assert_eq!(wrong.exit, 2, "{wrong:?}");
    assert!(wrong.stderr.contains("write 10%"), "{wrong:?}");

    let text = range
        .run(
            "owner",
            &["check", "--format", "prometheus", "--min-free", "0"],
        )
        .stdout;
    let known: BTreeSet<&str> = metrics::ALL.iter().map(|it| it.name).collect();
    let lines: Vec<&str> = text.lines().filter(|it| !it.starts_with('#')).collect();
    assert!(10 < lines.len(), "{text}");
    for line in lines {
        let name = line.split(['{', ' ']).next().unwrap();
        assert!(known.contains(name), "{line}");
        let value = line.rsplit(' ').next().unwrap();
        assert!(value.parse::<f64>().is_ok(), "{line}");
    }
    node.stop().unwrap();
}

/// S2-20: who looks at the owner's device sees which one fell silent, when it was heard and agreed with
/// last, how many of its entries are known and not here, what waits for the cloud, and why.
#[test]
fn s2_20_a_silent_device_is_seen_with_last_contact_and_what_waits() {
    let range = Range::new();
    let key = cloud(&range, "cloud");
    range.done("owner", &["init", "--label", "Owner"]);
    range.found("owner", &["--cloud-key", &key]);
    range.done("owner", &["event", "lock"]);
    // The cloud does not run.
    let uplink = ["--cloud", "127.0.0.1:9", "--cloud-key", &key];
    let owner = range.start_with("owner", &[], &uplink);
    let tablet = range.join("tablet", "scorer", &[&owner]);
    range.grant("1", "tablet");
    until("the tablet may write", AGREE_MAX, || {
        range.run("tablet", &crate::range::score("1", "1")).exit == 0
    });
    agree(&owner, &tablet);
    // Both hold the same; that both said so comes a moment later.
    let device = || {
        let all = vitals(&owner)["devices"].as_array().unwrap().clone();
        all.into_iter().find(|it| it["label"] == "tablet").unwrap()
    };
    until("the owner has heard that they agree", AGREE_MAX, || {
        device()["last_sync_unix_ms"].is_i64()
    });
    let before = vitals(&owner)["now_unix_ms"].as_i64().unwrap();
    tablet.kill().unwrap();
    let args = ["check", "--max-silent", "0", "--min-free", "0", "--json"];
    let told = wait_for("it is silent", AGREE_MAX, || {
        let told: Value = serde_json::from_str(&range.run("owner", &args).stdout).unwrap();
        let silent = told["troubles"].as_array().unwrap().clone();
        silent.into_iter().find(|it| it["rule"] == "silent")
    });
    let text = told["text"].as_str().unwrap();
    assert!(text.contains("tablet was not heard"), "{told}");

    // Last contact: heard and agreed with at times that are over, and no fault of an exchange.
    let silent = device();
    assert_eq!(silent["connected"], false, "{silent}");
    assert!(silent["silent_ms"].is_u64(), "{silent}");
    assert!(silent["last_sync_unix_ms"].as_i64().unwrap() <= before + 1_000);
    assert_eq!(silent["failing"], Value::Null, "{silent}");
    // What waits: each entry here, counted; and of the tablet's own log nothing that is known.
    let figures = vitals(&owner);
    let shown = status(&owner);
    let entries = shown["totals"]["entries"].as_u64().unwrap();
    assert!(0 < entries, "{shown}");
    assert_eq!(figures["pending"].as_u64(), Some(entries), "{figures}");
    assert!(figures["pending_since_unix_ms"].is_i64(), "{figures}");
    let logs = shown["logs"].as_array().unwrap();
    let own = logs.iter().find(|it| it["label"] == "tablet").unwrap();
    assert_eq!((&own["height"], &own["head_known"]), (&1.into(), &1.into()));
    assert!(own["last_heard_ms"].is_u64(), "{own}");
    // Why: nobody is at the cloud's address.
    let why = wait_for("the cloud is looked for", AGREE_MAX, || {
        let why = vitals(&owner)["cloud"]["why"].clone();
        (!why.is_null()).then_some(why)
    });
    assert_eq!(why["reason"], "cloud-unreachable", "{why}");
    owner.stop().unwrap();
}

/// S2-21: the eleventh thing within an hour that needs a person is told; ten are quiet.
#[test]
fn s2_21_more_than_ten_reviews_within_an_hour_are_one_trouble() {
    let range = Range::founded_from(&super::looks::race());
    range.apart("gate", "scorer");
    range.apart("finish", "scorer");
    let clash = |number: u32| {
        let id = format!("0e1f3d5c-0000-4000-8000-0000000000{number:02}");
        for (device, bib) in [("gate", "1"), ("finish", "2")] {
            let about = ["--race", "1", "--bib", bib, "--place", "2", "--id", &id];
            range.done(device, &[&["incident", "add"][..], &about].concat());
        }
    };
    let troubles = || {
        range.carry("gate", "owner");
        range.carry("finish", "owner");
        let told = range
            .run("owner", &["check", "--json", "--min-free", "0"])
            .stdout;
        let told: Value = serde_json::from_str(&told).unwrap();
        let all = told["troubles"].as_array().unwrap().clone();
        let rules = all.iter().filter(|it| it["rule"] == "reviews");
        (rules.count(), told["vitals"]["reviews"].as_u64().unwrap())
    };
    (1..=10).for_each(clash);
    assert_eq!(troubles(), (0, 10));
    clash(11);
    assert_eq!(troubles(), (1, 11));
}

#[test]
fn a_support_bundle_has_no_name_no_key_and_no_ticket() {
    let range = Range::founded();
    let owner = range.start("owner", &[]);
    let tablet = range.join("Bos Tablet", "scorer", &[&owner]);
    agree(&owner, &tablet);
    let ticket = range.done("owner", &["invite", "--label", "Later"]);
    let seed = std::fs::read_to_string(range.root("owner").join("device.key")).unwrap();
    let file = range.path("support.tar.gz");
    let preview = range.done("owner", &["support", "--dry-run"]);
    assert!(!Path::new(&file).exists(), "nothing is written");
    range.done("owner", &["support", &file]);
    range.refused("owner", &["support", &file], (1, "bad_file"), "exists");
    let mode = std::fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let mut text = String::new();
    let packed = std::fs::File::open(&file).unwrap();
    GzDecoder::new(packed).read_to_string(&mut text).unwrap();
    let keys: Vec<String> = [&owner, &tablet]
        .iter()
        .map(|it| it.ready()["key"].as_str().unwrap().to_owned())
        .collect();
    let address = crate::range::address(&owner);
    let mut secrets = vec![
        "Owner",
        "Bos",
        "Tablet",
        "Spring Match",
        "Shooter 1",
        "Later",
        "127.0.0.1",
        &address,
        &ticket,
        seed.lines().next().unwrap(),
    ];
    let short: Vec<&str> = keys
        .iter()
        .map(|it| it.split('-').next().unwrap())
        .collect();
    secrets.extend(&short);
    let home = range.path("");
    secrets.push(home.trim_end_matches('/'));
    for content in [&text, &preview] {
        for secret in &secrets {
            assert!(!content.contains(secret), "{secret:?} is in it");
        }
        for word in [
            "status.json",
            "doctor.json",
            "silent_ms",
            "tallyline.vitals/1",
            "free_bytes",
        ] {
            assert!(content.contains(word), "{word} is not in it");
        }
    }
    tablet.stop().unwrap();
    owner.stop().unwrap();
}

/// Returns everything in a text that looks like a metric of ours.
fn named(text: &str) -> BTreeSet<String> {
    let words = text.split(|it: char| !(it.is_ascii_alphanumeric() || it == '_'));
    let ours = words.filter(|it| it.starts_with("tallyline_"));
    ours.map(str::to_owned).collect()
}

/// S2-22: each target has a metric, and each metric that rules and boards name is exported.
#[test]
fn s2_22_rules_and_boards_name_only_metrics_that_there_are() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let read = |path: &str| std::fs::read_to_string(root.join(path)).unwrap();
    let rules = read("docs/monitoring/tallyline.rules.yml");
    let board = read("docs/monitoring/grafana.json");
    serde_json::from_str::<Value>(&board).unwrap();
    let known: BTreeSet<&str> = metrics::ALL.iter().map(|it| it.name).collect();
    let mut all = named(&rules);
    all.extend(named(&board));
    for name in &all {
        let plain = ["_bucket", "_count", "_sum"]
            .iter()
            .find_map(|end| name.strip_suffix(end))
            .unwrap_or(name);
        assert!(known.contains(plain), "{name} is no metric");
    }
    for metric in metrics::ALL {
        let used = all.iter().any(|it| it.starts_with(metric.name));
        assert!(used, "{} is on no board and in no rule", metric.name);
    }
    for alert in [
        "TallylineSyncErrors",
        "TallylineSyncFailing",
        "TallylineDuplicates",
        "TallylineManyReviews",
        "TallylineReviewBurst",
        "TallylineCloudSlow",
        "TallylineOfflineSaves",
        "TallylineDiskLow",
        "TallylineDeviceSilent",
        "TallylineClock",
    ] {
        assert!(
            rules.contains(&format!("alert: {alert}")),
            "{alert} has no rule"
        );
    }
}
