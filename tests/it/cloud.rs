//! The cloud as real processes: many events in one, and several nodes on one database.

mod bucket;
mod depot;
mod hints;
mod many;
mod put_back;
mod several;
mod writer;

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use tallyline_tests::match_data;
use tallyline_tests::process::Process;

use crate::acceptance::{equals_the_expected_files, records, rules};
use crate::postgres::{Postgres, Stop};
use crate::range::{AGREE_MAX, Range, address, status, until};

/// How long everything of a real match may take to reach the cloud on a loaded machine.
const UPLOAD_MAX: Duration = Duration::from_mins(3);

/// Makes a cloud's root and returns the key that events name.
pub(crate) fn cloud(range: &Range, name: &str) -> String {
    let told = range.read(name, &["init", "--label", name, "--mode", "cloud"]);
    told["key"].as_str().unwrap().to_owned()
}

/// Makes one of a cloud's nodes: a key of its own, and the cloud's warrant for it.
pub(crate) fn node_of(range: &Range, cloud: &str, name: &str) {
    let key = self::cloud(range, name);
    let warrant = range.done(cloud, &["cloud", "warrant", &key]);
    range.done(name, &["cloud", "accept", &warrant]);
}

/// Returns how many entries a node holds of the one event that is meant.
fn entries(range: &Range, name: &str, event: &str) -> u64 {
    let told = range.read(name, &["status", "--event", event]);
    told["totals"]["entries"].as_u64().unwrap_or(0)
}

/// Founds an event for a cloud, and starts its owner's device until all of it is at a node.
pub(crate) fn owner_at(range: &Range, node: &Process, key: &str) -> Process {
    owner_at_any(range, &address(node), key)
}

/// As [`owner_at`], with whatever `--cloud` takes.
fn owner_at_any(range: &Range, places: &str, key: &str) -> Process {
    let owner = owner_on_its_way(range, places, key);
    until("all is in the cloud", AGREE_MAX, || is_in_the_cloud(&owner));
    owner
}

/// As [`owner_at`], with whatever `--cloud` takes, and without waiting.
pub(crate) fn owner_on_its_way(range: &Range, places: &str, key: &str) -> Process {
    range.done("owner", &["init", "--label", "Owner"]);
    range.found("owner", &["--cloud-key", key]);
    range.done("owner", &["event", "lock"]);
    range.start_with("owner", &[], &["--cloud", places, "--cloud-key", key])
}

pub(crate) fn is_in_the_cloud(node: &Process) -> bool {
    status(node)["light"] == "in-the-cloud"
}

#[test]
fn one_cloud_holds_many_events_and_keeps_them_apart() {
    let range = Range::new();
    let key = cloud(&range, "cloud");
    let node = range.start("cloud", &[]);
    let uplink = ["--cloud", &address(&node), "--cloud-key", &key];
    let mut owners = Vec::new();
    for name in ["spring", "autumn", "winter"] {
        range.done(name, &["init", "--label", name]);
        range.found(name, &["--name", name, "--cloud-key", &key]);
        range.done(name, &["event", "lock"]);
        owners.push(range.start_with(name, &[], &uplink));
    }
    range.score("spring", "1", "1");
    range.score("autumn", "1", "1");
    range.score("autumn", "2", "1");
    for owner in &owners {
        until("all is in the cloud", AGREE_MAX, || is_in_the_cloud(owner));
    }

    let listed = range.read("cloud", &["event", "list"]);
    let names: Vec<&str> = listed["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["autumn", "spring", "winter"]);
    for (name, owner) in ["spring", "autumn", "winter"].iter().zip(&owners) {
        let told = range.read("cloud", &["status", "--event", name]);
        assert_eq!(
            told["state_digest"],
            status(owner)["state_digest"],
            "{name}"
        );
        assert_eq!(told["name"], *name);
    }
    range.refused(
        "cloud",
        &["standings"],
        (2, "which_event"),
        "one of 3 events is meant",
    );
    range.refused(
        "cloud",
        &["standings", "--event", "summer"],
        (1, "unknown_event"),
        "this cloud has none",
    );

    // What it has survives a kill, is read while no node runs, and grows afterwards.
    let autumn = entries(&range, "cloud", "autumn");
    let at = address(&node);
    node.kill().unwrap();
    assert_eq!(entries(&range, "cloud", "autumn"), autumn);
    range.score("winter", "1", "2");
    let again = ["--no-mdns", "--listen", &at];
    let node = Process::start(&range.root("cloud"), &again).unwrap();
    until("the rest is there", AGREE_MAX, || {
        is_in_the_cloud(&owners[2])
    });
    node.stop().unwrap();
}

#[test]
fn the_real_match_reaches_three_nodes_on_one_database_whatever_dies() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let range = Range::new();
    let key = cloud(&range, "cloud");
    let url = server.url();
    let store = ["--store", &url];
    let mut nodes = Vec::new();
    for name in ["first", "second", "third"] {
        node_of(&range, "cloud", name);
        nodes.push(range.start_with(name, &[], &store));
    }
    let (event, owner, tablets) = venue(&range, &key, &nodes);

    let lines = match_data("log.jsonl.gz");
    let lines: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .filter(|line: &Value| line["superseded"] == json!(false))
        .collect();
    let (morning, afternoon) = lines.split_at(lines.len() / 2);
    // In the middle of an upload one node dies, and the database for a moment.
    let second = nodes.remove(1);
    let at = address(&second);
    std::thread::scope(|scope| {
        let scoring = scope.spawn(|| score(&event, morning, &tablets, &owner));
        dies_in_an_upload(&server, second, &tablets[3]);
        server.stop(Stop::Immediate);
        server.up();
        scoring.join().unwrap();
    });
    score(&event, afternoon, &tablets, &owner);
    let again = [&["--no-mdns", "--listen", &at][..], &store].concat();
    nodes.insert(1, Process::start(&range.root("second"), &again).unwrap());
    withdraw(&event, &owner);

    for device in tablets.iter().chain([&owner]) {
        until("every tablet has its receipts", UPLOAD_MAX, || {
            is_in_the_cloud(device)
        });
    }
    until("all devices hold the same", UPLOAD_MAX, || {
        let digests: Vec<Value> = [&owner]
            .into_iter()
            .chain(&tablets)
            .chain(&nodes)
            .map(|node| status(node)["state_digest"].clone())
            .collect();
        digests.iter().all(|it| *it == digests[0])
    });
    let total = status(&owner)["totals"]["entries"].as_u64().unwrap();
    assert_eq!(
        rows(&server),
        (total, total),
        "every entry once, below the heads"
    );
    for name in ["first", "second", "third"] {
        equals_the_expected_files(&range.done(name, &["standings", "--all", "--csv"]));
    }
}

/// Kills a node while it takes in what a gateway carries to it: some of it is in the database, and what
/// it is writing waits there for the event's lock, which this test holds. The database does that write all
/// the same, and nobody is left to hear of it.
fn dies_in_an_upload(server: &Postgres, node: Process, gateway: &Process) {
    let held = || status(gateway)["totals"]["entries"].as_u64().unwrap();
    let (begun, _) = rows(server);
    until("an upload is under way", UPLOAD_MAX, || {
        begun + 50 < rows(server).0
    });
    on(server, async |pool| {
        let mut lock = pool.begin().await.unwrap();
        let take = sqlx::query("select rev from event for update");
        take.execute(&mut *lock).await.unwrap();
        // Questions to the database need a thread without a runtime.
        std::thread::scope(|scope| {
            let asked = scope.spawn(|| are_both_writing(server));
            asked.join().unwrap();
            let there = scope.spawn(|| rows(server).0).join().unwrap();
            assert!(there < held(), "nothing was on its way");
        });
        node.kill().unwrap();
    });
}

/// Waits until two nodes come to stand at an event's lock: both gateways carry the same to theirs.
fn are_both_writing(server: &Postgres) {
    let waiting = "select count(*) from pg_stat_activity \
         where wait_event_type = 'Lock' and query like '%insert into entry%'";
    until("both nodes are writing", UPLOAD_MAX, || {
        2 <= numbers(server, waiting)[0]
    });
}

/// What engines lack that only speak PostgreSQL's protocol is not used then (docs/CLOUD.md).
#[test]
fn the_settings_of_other_engines_work() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let range = Range::new();
    let key = cloud(&range, "cloud");
    // Every transaction may be ended for another one's sake, as CockroachDB does.
    let serializable = "-c%20default_transaction_isolation%3Dserializable";
    let url = format!("{}?options={serializable}", server.url());
    let settings = "advisory_locks = false\nhints = \"poll\"\n";
    std::fs::write(range.root("other.toml"), settings).unwrap();
    let config = range.path("other.toml");
    let store = ["--store", &url, "--config", &config];
    let mut nodes = Vec::new();
    for name in ["first", "second"] {
        node_of(&range, "cloud", name);
        nodes.push(range.start_with(name, &[], &store));
    }
    range.done("owner", &["init", "--label", "Owner"]);
    range.found("owner", &["--cloud-key", &key]);
    range.done("owner", &["event", "lock"]);
    let uplink = ["--cloud", &address(&nodes[0]), "--cloud-key", &key];
    let owner = range.start_with("owner", &[], &uplink);
    let other = ["--cloud", &address(&nodes[1]), "--cloud-key", &key];
    let tablet = range.join_with("tablet", "scorer", &[&owner], &other);
    range.score("owner", "1", "1");
    range.grant("1", "tablet");
    until("the tablet may write", AGREE_MAX, || {
        range.run("tablet", &crate::range::score("2", "1")).exit == 0
    });
    for device in [&owner, &tablet] {
        until("all is in the cloud", AGREE_MAX, || is_in_the_cloud(device));
    }
    until("both nodes hold the same", AGREE_MAX, || {
        nodes
            .iter()
            .all(|node| status(node)["state_digest"] == status(&owner)["state_digest"])
    });
    let total = status(&owner)["totals"]["entries"].as_u64().unwrap();
    assert_eq!(rows(&server), (total, total));
}

/// The venue of the real match: the owner, two gateways that carry to different nodes, and two
/// tablets with half of the squads each.
fn venue(range: &Range, key: &str, nodes: &[Process]) -> (Value, Process, Vec<Process>) {
    let text = match_data("event.json");
    let event: Value = serde_json::from_str(&text).unwrap();
    let file = range.path("event.json");
    std::fs::write(&file, text).unwrap();
    range.done("owner", &["init", "--label", "Owner"]);
    range.done(
        "owner",
        &["event", "create", "--structure", &file, "--cloud-key", key],
    );
    range.done("owner", &["event", "lock"]);
    let owner = range.start("owner", &[]);
    let mut devices = Vec::new();
    for (name, node) in [("left", &nodes[0]), ("right", &nodes[1])] {
        let uplink = ["--cloud", &address(node), "--cloud-key", key];
        let gateway = range.join_with(name, "gateway", &[&owner], &uplink);
        devices.push(gateway);
    }
    let peers: Vec<&Process> = [&owner].into_iter().chain(&devices).collect();
    let tablets: Vec<Process> = ["even", "odd"]
        .map(|name| range.join(name, "scorer", &peers))
        .into();
    let squads = |rest: u64| {
        let shooters = event["shooters"].as_array().unwrap().iter();
        let mut squads: Vec<u64> = shooters.filter_map(|it| it["squad"].as_u64()).collect();
        squads.sort_unstable();
        squads.dedup();
        squads.retain(|squad| squad % 2 == rest);
        let squads: Vec<String> = squads.iter().map(u64::to_string).collect();
        squads.join(",")
    };
    range.grant(&squads(0), "even");
    range.grant(&squads(1), "odd");
    for (tablet, squads) in tablets.iter().zip([squads(0), squads(1)]) {
        until("the tablet knows its grant", AGREE_MAX, || {
            let told = tablet.ask(&json!({ "verb": "grants" })).unwrap();
            told["grants"].as_array().unwrap().len() == 2
        });
        assert_ne!(squads, "", "both have some");
    }
    (
        event,
        owner,
        [tablets, devices].into_iter().flatten().collect(),
    )
}

/// Records the final state of some lines, each on the tablet of its squad, both at once. After a
/// disqualification only the owner may.
fn score(event: &Value, lines: &[Value], devices: &[Process], owner: &Process) {
    let rules = rules(event);
    let shooters = event["shooters"].as_array().unwrap().iter();
    let squads: BTreeMap<u64, u64> = shooters
        .filter_map(|it| Some((it["shooter"].as_u64()?, it["squad"].as_u64()?)))
        .collect();
    std::thread::scope(|scope| {
        for (rest, tablet) in (0..2).zip(devices) {
            let (rules, squads) = (&rules, &squads);
            scope.spawn(move || {
                let mut socket = tablet.connect().unwrap();
                let mut owner = owner.connect().unwrap();
                for line in lines {
                    let squad = line["shooter"].as_u64().and_then(|no| squads.get(&no));
                    if squad.is_none_or(|squad| squad % 2 != rest) {
                        continue;
                    }
                    for record in records(line, rules) {
                        let add = json!({"verb": "score-add", "record": record, "confirmed": true});
                        let mut answer = socket.ask(&add).unwrap();
                        if answer["error"]["code"] == "E11" {
                            answer = owner.ask(&add).unwrap();
                        }
                        assert!(answer["error"].is_null(), "{record}: {answer}");
                    }
                }
            });
        }
    });
}

/// The owner takes those out of the match who were deleted from it.
fn withdraw(event: &Value, owner: &Process) {
    let mut socket = owner.connect().unwrap();
    for shooter in event["shooters"].as_array().unwrap() {
        if shooter["deleted"] == json!(true) {
            let record = json!({"status": {"shooter": shooter["shooter"], "kind": "withdrawn"}});
            let add = json!({"verb": "score-add", "record": record, "confirmed": true});
            let answer = socket.ask(&add).unwrap();
            assert!(answer["error"].is_null(), "{record}: {answer}");
        }
    }
}

/// Counts the rows of entries in a database, and the heights of its logs.
fn rows(server: &Postgres) -> (u64, u64) {
    let count = |what: &str| numbers(server, what)[0].unsigned_abs();
    (
        count("select count(*) from entry"),
        count("select coalesce(sum(height), 0)::bigint from log"),
    )
}

/// Runs a statement on a database.
fn sql(server: &Postgres, statement: &str) {
    on(server, async |pool| {
        let text = sqlx::AssertSqlSafe(statement.to_owned());
        sqlx::raw_sql(text).execute(&pool).await.unwrap();
    });
}

/// Returns the numbers that a question to a database gives, one of each row.
fn numbers(server: &Postgres, question: &str) -> Vec<i64> {
    on(server, async |pool| {
        let text = sqlx::AssertSqlSafe(question.to_owned());
        let rows: Vec<(i64,)> = sqlx::query_as(text).fetch_all(&pool).await.unwrap();
        rows.into_iter().map(|(number,)| number).collect()
    })
}

/// Does something on a connection of the test's own.
fn on<T>(server: &Postgres, work: impl AsyncFnOnce(sqlx::PgPool) -> T) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let pool = sqlx::PgPool::connect(&server.url()).await.unwrap();
        work(pool).await
    })
}
