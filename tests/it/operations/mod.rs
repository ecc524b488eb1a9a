//! A node over the day and after it: exchanges by hand, the morning's download, alerts, monitoring,
//! clearing, backups, and a cloud that lost its store.

mod alerts;
mod clear;
mod cloud;
pub(crate) mod looks;
mod monitoring;
mod upgrade;

pub(crate) use looks::race;

use std::path::Path;

use serde_json::{Value, json};
use tallyline_tests::process::Process;

use crate::range::{AGREE_MAX, ALONE, Range, address, score, status, until};

/// An event with its cloud: the owner's device `owner`, which is also the gateway, and `cloud`.
pub(super) struct Clouded {
    pub(super) range: Range,
    pub(super) key: String,
}

/// The two nodes of such an event while they run.
pub(super) struct Pair {
    pub(super) owner: Process,
    pub(super) cloud: Process,
}

impl Clouded {
    /// An event with six scores, of which nothing is in the cloud yet.
    pub(super) fn founded() -> Self {
        let range = Range::new();
        let told = range.read("cloud", &["init", "--label", "Cloud", "--mode", "cloud"]);
        let key = told["key"].as_str().unwrap().to_owned();
        range.done("owner", &["init", "--label", "Owner"]);
        range.found("owner", &["--cloud-key", &key]);
        range.done("owner", &["event", "lock"]);
        for stage in ["1", "2"] {
            for shooter in ["1", "2", "3"] {
                range.score("owner", stage, shooter);
            }
        }
        Self { range, key }
    }

    /// Starts the cloud.
    pub(super) fn start_cloud(&self) -> Process {
        let args = [&ALONE[..], &["--mode", "cloud"]].concat();
        Process::start(&self.range.root("cloud"), &args).unwrap()
    }

    /// Starts a device that carries entries to a cloud.
    pub(super) fn start_carrier(&self, name: &str, cloud: &Process) -> Process {
        let address = address(cloud);
        let more = ["--cloud", &address, "--cloud-key", &self.key];
        let args = [&ALONE[..], &more].concat();
        Process::start(&self.range.root(name), &args).unwrap()
    }

    /// Starts both.
    pub(super) fn start(&self) -> Pair {
        let cloud = self.start_cloud();
        let owner = self.start_carrier("owner", &cloud);
        Pair { owner, cloud }
    }

    /// Lets everything come into the cloud, and stops both.
    pub(super) fn upload(&self) {
        let pair = self.start();
        pair.uploaded();
        pair.stop();
    }

    /// Records one more score on the owner's device, which does not run.
    pub(super) fn one_more(&self) {
        let mut args = score("1", "1");
        args.extend(["--confirm", "--attempt", "1"]);
        self.range.done("owner", &args);
    }
}

impl Pair {
    /// Waits until everything is in the cloud, and the owner's device knows it.
    pub(super) fn uploaded(&self) {
        until("all is in the cloud", AGREE_MAX, || {
            status(&self.owner)["light"] == "in-the-cloud"
        });
    }

    pub(super) fn stop(self) {
        self.owner.stop().unwrap();
        self.cloud.stop().unwrap();
    }
}

/// Asks a node for its figures.
pub(super) fn vitals(node: &Process) -> Value {
    node.ask(&json!({ "verb": "vitals" })).unwrap()
}

/// Returns the names of the files in a folder; nothing if there is none.
pub(super) fn files(folder: &Path) -> Vec<String> {
    let files = std::fs::read_dir(folder).into_iter().flatten();
    let names = files.map(|it| it.unwrap().file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

/// Copies the files of a root that lie right in it.
pub(super) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for name in files(from) {
        if from.join(&name).is_file() {
            std::fs::copy(from.join(&name), to.join(&name)).unwrap();
        }
    }
}
