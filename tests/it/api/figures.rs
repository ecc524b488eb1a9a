//! What monitors read of a node and of a cloud, after an exchange of which everything is known.

use std::fs;

use tallyline::metrics;
use tallyline_tests::process::Process;

use super::http::Web;
use crate::cloud::{cloud, is_in_the_cloud};
use crate::operations::race;
use crate::range::{AGREE_MAX, Range, address, agree, status, until};

const HTTP: [&str; 2] = ["--http", "127.0.0.1:0"];

/// What `/metrics` says.
struct Figures(String);

impl Figures {
    fn of(node: &Process) -> Self {
        let reply = Web::of(node).patient("/metrics");
        assert_eq!(reply.status, 200, "{reply:?}");
        Self(String::from_utf8(reply.body).unwrap())
    }

    /// Returns the value of one sample, with its labels as they are written.
    fn find(&self, sample: &str) -> Option<f64> {
        let mut lines = self.0.lines().filter_map(|it| it.rsplit_once(' '));
        let found = lines.find(|(name, _)| *name == format!("tallyline_{sample}"));
        found.map(|(_, value)| value.parse().unwrap())
    }

    fn value(&self, sample: &str) -> f64 {
        let found = self.find(sample);
        found.unwrap_or_else(|| panic!("{sample} is not in {}", self.0))
    }

    #[track_caller]
    fn equals(&self, samples: &[(&str, f64)]) {
        for (sample, expected) in samples {
            let off = (self.value(sample) - expected).abs();
            assert!(off < 1e-9, "{sample} is not {expected} in {}", self.0);
        }
    }

    /// Checks that each metric of the list has a sample: what rules and boards ask for is there.
    #[track_caller]
    fn are_all_there(&self) {
        for metric in metrics::ALL {
            let samples = self.0.lines().filter(|it| !it.starts_with('#'));
            let mut names = samples.filter_map(|it| it.split(['{', ' ']).next());
            let suffixes = ["", "_bucket", "_info"];
            let is_it = |name: &str| {
                suffixes
                    .iter()
                    .any(|end| format!("{}{end}", metric.name) == name)
            };
            assert!(
                names.any(is_it),
                "{} has no sample in {}",
                metric.name,
                self.0
            );
        }
    }
}

impl Figures {
    /// Adds up the samples of a figure, whatever its labels.
    fn sum(&self, name: &str) -> f64 {
        let lines = self.0.lines().filter_map(|it| it.rsplit_once(' '));
        let begin = format!("tallyline_{name}{{");
        let samples = lines.filter(|(sample, _)| sample.starts_with(&begin));
        samples
            .map(|(_, value)| value.parse::<f64>().unwrap())
            .sum()
    }

    /// Checks the targets: 99 % of exchanges without an error, none above five minutes, less than 5 % for a
    /// person, nothing counted twice, nothing that waits or was not saved.
    #[track_caller]
    fn meet_the_targets(&self) {
        let ok = self.value("sync_attempts_total{result=\"ok\"}");
        let all = self.sum("sync_attempts_total");
        assert!(0.99 * all <= ok && 0.0 < all, "{ok} of {all}: {}", self.0);
        let within = self.value("sync_duration_seconds_bucket{le=\"300.0\"}");
        let exchanged = self.value("sync_duration_seconds_count");
        assert!(exchanged <= within, "{within} of {exchanged}: {}", self.0);
        let (open, entries) = (self.value("conflicts_open"), self.value("entries"));
        assert!(open < 0.05 * entries, "{open} of {entries}: {}", self.0);
        self.equals(&[
            ("duplicates_created_total", 0.0),
            ("append_errors_total", 0.0),
            ("sync_failing_seconds", 0.0),
            ("cloud_ack_lag_seconds", 0.0),
        ]);
    }
}

/// An incident that a device saw, under an id.
fn seen(range: &Range, device: &str, (bib, place): (&str, &str), id: u32) {
    let id = format!("0e1f3d5c-0000-4000-8000-0000000000{id:02}");
    let about = ["--race", "1", "--bib", bib, "--place", place, "--id", &id];
    range.done(device, &[&["incident", "add"][..], &about].concat());
}

/// A race whose owner carries to a cloud; gate and finish saw the same thing under one id and another
/// one under two, and say different things under one id.
fn raced(range: &Range, key: &str) {
    range.done("owner", &["init", "--label", "Owner"]);
    let file = range.path("race.json");
    fs::write(&file, race().to_string()).unwrap();
    let create = ["event", "create", "--structure", &file, "--cloud-key", key];
    range.done("owner", &create);
    range.done("owner", &["event", "lock"]);
    for device in ["gate", "finish"] {
        range.apart(device, "scorer");
        seen(range, device, ("1", "2"), 1);
    }
    seen(range, "gate", ("2", "1"), 2);
    seen(range, "finish", ("3", "1"), 2);
    seen(range, "gate", ("3", "2"), 3);
    seen(range, "finish", ("3", "2"), 4);
    range.carry("gate", "owner");
    range.carry("finish", "owner");
}

/// S2-22: each target is measured, at a venue and in the cloud.
#[test]
fn s2_22_figures_have_the_values_of_a_known_exchange() {
    let range = Range::new();
    let key = cloud(&range, "cloud");
    let sky = range.start_with("cloud", &[], &HTTP);
    Figures::of(&sky).equals(&[
        ("entries", 0.0),
        ("sync_attempts_total{result=\"ok\"}", 0.0),
    ]);
    raced(&range, &key);
    let uplink = ["--cloud", &address(&sky), "--cloud-key", &key];
    let owner = range.start_with("owner", &[], &[&HTTP[..], &uplink].concat());
    let finish = range.start("finish", &[&owner]);
    agree(&owner, &finish);
    until("all is in the cloud", AGREE_MAX, || is_in_the_cloud(&owner));
    until("both exchanges are over", AGREE_MAX, || {
        Figures::of(&owner).find("sync_duration_seconds_count") == Some(2.0)
    });

    let known = [
        ("duplicates_total{layer=\"uuid\"}", 1.0),
        ("duplicates_total{layer=\"fingerprint\"}", 1.0),
        ("duplicates_total{layer=\"dedup_key\"}", 0.0),
        ("duplicates_created_total", 0.0),
        ("conflicts_total{kind=\"review\"}", 1.0),
        ("conflicts_total{kind=\"record\"}", 0.0),
        ("conflicts_total{kind=\"slot\"}", 0.0),
        ("conflicts_open", 1.0),
        ("append_errors_total", 0.0),
        ("offline_seconds", 0.0),
        ("cloud_ack_lag_seconds", 0.0),
        ("entries_pending{stage=\"cloud\"}", 0.0),
        ("blob_bytes_total{direction=\"sent\"}", 0.0),
    ];
    let at_venue = Figures::of(&owner);
    at_venue.equals(&known);
    at_venue.equals(&[("sync_attempts_total{result=\"ok\"}", 2.0)]);
    at_venue.are_all_there();
    assert!(0.0 < at_venue.value("store_size_bytes"));
    let build = format!(
        "tallyline_build_info{{version=\"{}\",commit=\"",
        env!("CARGO_PKG_VERSION")
    );
    assert!(at_venue.0.contains(&build), "{}", at_venue.0);
    seen(&range, "owner", ("1", "1"), 5);
    let saved = Figures::of(&owner).value("append_latency_seconds_count");
    let saves = saved - at_venue.value("append_latency_seconds_count");
    assert!((saves - 1.0).abs() < 1e-9, "{saves} saves");

    // The cloud says the same of the race, and adds up what it has active.
    range.done("other", &["init", "--label", "Other"]);
    range.found("other", &["--cloud-key", &key]);
    let other = range.start_with("other", &[], &uplink);
    until("the other event is there, too", AGREE_MAX, || {
        is_in_the_cloud(&other)
    });
    let total = |node: &Process| status(node)["totals"]["entries"].as_f64().unwrap();
    until("the cloud has seen both", AGREE_MAX, || {
        let figures = Figures::of(&sky);
        let all = figures.find("entries") == Some(total(&owner) + total(&other));
        all && figures.find("cloud_ack_lag_seconds") == Some(0.0)
    });
    until("both exchanges are over", AGREE_MAX, || {
        Figures::of(&sky).find("sync_attempts_total{result=\"ok\"}") == Some(2.0)
    });
    let in_cloud = Figures::of(&sky);
    in_cloud.equals(&known);
    in_cloud.are_all_there();
    assert!(0.0 < in_cloud.value("store_size_bytes"));
    for label in ["device=", "event=", "Owner", "Verbier"] {
        assert!(!in_cloud.0.contains(label), "{label} is in {}", in_cloud.0);
    }
    assert_eq!(Web::of(&sky).patient("/readyz").good()["lag_ms"], 0);
}

/// S2-22: the targets, worked out from the figures of a run of which everything is known. What twelve hours
/// do is the simulator's to show; here is that a device alone saves, and what is read from its figures.
#[test]
fn s2_22_the_targets_hold_by_the_figures_of_a_known_run() {
    let range = Range::new();
    let key = cloud(&range, "cloud");
    range.done("owner", &["init", "--label", "Owner"]);
    range.found("owner", &["--cloud-key", &key]);
    range.done("owner", &["event", "lock"]);
    range.apart("tablet", "scorer");
    let alone = range.start_with("owner", &[], &HTTP);
    for (stage, shooter) in [("1", "1"), ("1", "2"), ("1", "3"), ("2", "1"), ("2", "2")] {
        range.score("owner", stage, shooter);
    }
    let offline = Figures::of(&alone);
    assert!(0.0 < offline.value("offline_seconds"), "{}", offline.0);
    offline.equals(&[("append_errors_total", 0.0)]);
    assert!(5.0 <= offline.value("append_latency_seconds_count"));
    alone.stop().unwrap();

    let sky = range.start_with("cloud", &[], &HTTP);
    let uplink = ["--cloud", &address(&sky), "--cloud-key", &key];
    let owner = range.start_with("owner", &[], &[&HTTP[..], &uplink].concat());
    let tablet = range.start("tablet", &[&owner]);
    agree(&owner, &tablet);
    until("all is in the cloud", AGREE_MAX, || is_in_the_cloud(&owner));
    until("both exchanges are over", AGREE_MAX, || {
        Figures::of(&owner).find("sync_duration_seconds_count") == Some(2.0)
    });
    until("the cloud has counted its one, too", AGREE_MAX, || {
        Figures::of(&sky).find("sync_duration_seconds_count") == Some(1.0)
    });
    for node in [&owner, &sky] {
        Figures::of(node).meet_the_targets();
    }
    for node in [tablet, owner, sky] {
        node.stop().unwrap();
    }
}
