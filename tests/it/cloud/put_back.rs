//! A database that was put back to an older state under nodes and devices that run.

use serde_json::json;
use tallyline_tests::process::Process;

use super::{cloud, is_in_the_cloud, node_of, rows, sql};
use crate::postgres::Postgres;
use crate::range::{AGREE_MAX, ALONE, Range, address, status, until};

/// Takes entries as a full disk would: not at all, while everything else is taken.
const NO_ROOM: [&str; 2] = [
    "create function no_room() returns trigger language plpgsql as \
     $$ begin raise exception 'no room'; end $$",
    "create trigger no_room before insert on entry for each row execute function no_room()",
];

/// Two nodes on one database, and a device at each of them with the same event.
struct Venue {
    range: Range,
    server: Postgres,
    key: String,
    nodes: [Process; 2],
    devices: [Process; 2],
}

impl Venue {
    fn uploaded() -> Option<Self> {
        let server = Postgres::start()?;
        let range = Range::new();
        let key = cloud(&range, "cloud");
        let url = server.url();
        let nodes = ["first", "second"].map(|name| {
            node_of(&range, "cloud", name);
            range.start_with(name, &[], &["--store", &url])
        });
        range.done("owner", &["init", "--label", "Owner"]);
        range.found("owner", &["--cloud-key", &key]);
        range.done("owner", &["event", "lock"]);
        let uplink = ["--cloud", &address(&nodes[0]), "--cloud-key", &key];
        let owner = range.start_with("owner", &[], &uplink);
        let uplink = ["--cloud", &address(&nodes[1]), "--cloud-key", &key];
        let tablet = range.join_with("tablet", "scorer", &[&owner], &uplink);
        range.grant("2", "tablet");
        until("the tablet may write", AGREE_MAX, || {
            range.run("tablet", &crate::range::score("1", "3")).exit == 0
        });
        range.score("owner", "1", "1");
        let venue = Self {
            range,
            server,
            key,
            nodes,
            devices: [owner, tablet],
        };
        venue.everywhere();
        Some(venue)
    }

    /// Waits until both devices know that everything is in the cloud, and hold the same.
    fn everywhere(&self) {
        let [owner, tablet] = &self.devices;
        crate::range::agree(owner, tablet);
        for device in &self.devices {
            until("all is in the cloud", AGREE_MAX, || is_in_the_cloud(device));
        }
    }
}

/// Issue 5.4: what a database from last night lacks is told, sent again exactly once, and nobody lets
/// go of anything meanwhile, also after a restart without any connection.
#[test]
fn a_database_that_was_put_back_is_told_and_filled_again_exactly_once() {
    let Some(venue) = Venue::uploaded() else {
        return;
    };
    let (range, server) = (&venue.range, &venue.server);
    // As the backup is put back, the disk takes no entries: there is time to look.
    for statement in NO_ROOM {
        sql(server, statement);
    }
    server.back_up();
    sql(server, "drop function no_room() cascade");
    let (held, _) = rows(server);
    range.score("owner", "2", "1");
    range.score("owner", "2", "2");
    range.score("tablet", "2", "3");
    venue.everywhere();
    let (all, _) = rows(server);
    assert_eq!(all, held + 3);

    server.restore();
    for device in &venue.devices {
        until("a person is told", AGREE_MAX, || {
            let told = status(device);
            let text = told.to_string();
            told["light"] != "in-the-cloud" && text.contains("3 entries less than it signed for")
        });
    }
    let Venue {
        devices: [owner, tablet],
        ..
    } = venue;
    owner.stop().unwrap();
    range.refused("owner", &["clear"], (3, "not_safe"), "nothing was cleared");
    // Without any connection it does not forget what it heard.
    let owner = Process::start(&range.root("owner"), &ALONE).unwrap();
    assert!(!is_in_the_cloud(&owner));
    owner.stop().unwrap();
    range.refused("owner", &["clear"], (3, "not_safe"), "nothing was cleared");

    sql(server, "drop function no_room() cascade");
    let uplink = [
        "--cloud",
        &address(&venue.nodes[0]),
        "--cloud-key",
        &venue.key,
    ];
    let owner = range.start_with("owner", &[&tablet], &uplink);
    for device in [&owner, &tablet] {
        until("it is filled again", AGREE_MAX, || is_in_the_cloud(device));
        assert!(
            !status(device)
                .to_string()
                .contains("less than it signed for")
        );
    }
    let total = status(&owner)["totals"]["entries"].as_u64().unwrap();
    assert_eq!(total, all);
    assert_eq!(rows(server), (all, all), "every entry once");
    until("both nodes hold the same", AGREE_MAX, || {
        let digest = status(&owner)["state_digest"].clone();
        venue
            .nodes
            .iter()
            .all(|node| status(node)["state_digest"] == digest)
    });
    owner.stop().unwrap();
    range.done("owner", &["clear"]);
}

/// The same by the commands of docs/CLOUD.md, with every node stopped meanwhile: nobody but the devices
/// remembers.
#[test]
fn nodes_that_start_on_a_database_that_was_put_back_learn_it_from_devices() {
    let Some(venue) = Venue::uploaded() else {
        return;
    };
    let (range, server) = (&venue.range, &venue.server);
    server.copy_out();
    let before = store_id(server);
    range.score("owner", "2", "1");
    venue.everywhere();
    let [first, second] = venue.nodes;
    let at = address(&first);
    for node in [first, second] {
        node.kill().unwrap();
    }
    server.copy_in();
    assert_eq!(store_id(server), before);
    let again = ["--no-mdns", "--listen", &at, "--store", &server.url()];
    let node = Process::start(&range.root("first"), &again).unwrap();
    let [owner, _] = &venue.devices;
    let total = status(owner)["totals"]["entries"].as_u64().unwrap();
    until("it is filled again", AGREE_MAX, || {
        rows(server) == (total, total) && is_in_the_cloud(owner)
    });
    // Where what lacked came before the receipts that tell of it, it is the same store as before.
    eprintln!("a fresh id: {}", store_id(server) != before);
    // What it signs from here on is newer than what it had forgotten.
    range.score("owner", "2", "2");
    until("it is signed for", AGREE_MAX, || is_in_the_cloud(owner));
    let total = total + 1;
    assert_eq!(rows(server), (total, total), "every entry once");
    assert_eq!(
        node.ask(&json!({ "verb": "status" })).unwrap()["totals"]["entries"],
        total
    );
}

/// Returns the id of the one event's store.
fn store_id(server: &Postgres) -> i64 {
    let told: Vec<i64> = super::numbers(server, "select store from event");
    assert_eq!(told.len(), 1);
    told[0]
}
