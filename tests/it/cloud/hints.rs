//! Nodes of one database that hear of each other: by its notifications, or over NATS.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::json;
use sqlx::postgres::PgListener;
use tallyline_tests::process::Process;

use super::{cloud, is_in_the_cloud, node_of, numbers, on, owner_at};
use crate::nats::Nats;
use crate::postgres::Postgres;
use crate::range::{AGREE_MAX, Range, status, until};

/// Two nodes look by themselves only every hour, so that what one of them has from the other came as a
/// notification of the database, which is what nodes use unless they are told otherwise.
#[test]
fn nodes_hear_of_each_other_by_notifications_alone() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let range = Range::new();
    let key = cloud(&range, "cloud");
    let url = server.url();
    std::fs::write(range.root("rarely.toml"), "look_every = \"1h\"\n").unwrap();
    let config = range.path("rarely.toml");
    let rarely = ["--store", &url, "--config", &config];
    let nodes = ["first", "second"].map(|name| {
        node_of(&range, "cloud", name);
        range.start_with(name, &[], &rarely)
    });
    let [first, second] = &nodes;
    let listening = "select count(*) from pg_stat_activity where query like 'LISTEN %'";
    until("both listen", AGREE_MAX, || {
        numbers(&server, listening) == [2]
    });
    let owner = owner_at(&range, first, &key);
    let in_the_cloud = || until("all is in the cloud", AGREE_MAX, || is_in_the_cloud(&owner));
    let entries = |node: &Process| status(node)["totals"]["entries"].clone();
    let agrees = |node: &Process| entries(node) == entries(&owner);
    // Who asks for an event that is not active has it read from the database.
    until("the second node has the event", AGREE_MAX, || {
        agrees(second)
    });
    range.score("owner", "1", "1");
    in_the_cloud();
    until("it hears of the score", AGREE_MAX, || agrees(second));

    let (heard, took) = on(&server, async |_| heard_meanwhile(&url, &owner).await);
    in_the_cloud();
    until("it hears of all of them", AGREE_MAX, || agrees(second));
    eprintln!("notifications by node in {took:?}: {heard:?}");
    // One is sent at once, and then 50 ms lie between two of one node at least: also of the one that
    // only hears of what the other took.
    let most = took.as_millis() / 50 + 2;
    let mut counts = heard.values().map(|it| u128::from(*it));
    assert!(!heard.is_empty(), "in {took:?}");
    assert!(counts.all(|it| it <= most), "{heard:?} in {took:?}");
}

/// Records many things on a device, one after the other, and counts each node's notifications meanwhile.
#[expect(
    clippy::disallowed_methods,
    reason = "the test measures how much time the nodes took"
)]
async fn heard_meanwhile(url: &str, owner: &Process) -> (BTreeMap<String, u32>, Duration) {
    let mut listener = PgListener::connect(url).await.unwrap();
    listener.listen("tallyline").await.unwrap();
    let start = Instant::now();
    let mut heard = BTreeMap::new();
    let mut socket = owner.connect().unwrap();
    for attempt in 1..=120 {
        let about = json!({"shooter": 2, "kind": "withdrawn", "attempt": attempt});
        let add = json!({"verb": "score-add", "record": {"status": about}, "confirmed": true});
        let answer = socket.ask(&add).unwrap();
        assert!(answer["error"].is_null(), "{answer}");
        while let Ok(next) = tokio::time::timeout(Duration::from_millis(1), listener.recv()).await {
            let said = next.unwrap();
            let node = said.payload().split(' ').next().unwrap();
            *heard.entry(node.to_owned()).or_default() += 1;
        }
    }
    (heard, start.elapsed())
}

/// Two nodes look by themselves only every hour, so that what one of them has from the other came as a
/// hint over NATS; a third one, started without the NATS server, looks as often as every node does.
#[test]
fn nodes_hear_of_each_other_over_nats_and_look_by_themselves_without_it() {
    let (Some(server), Some(mut nats)) = (Postgres::start(), Nats::start()) else {
        return;
    };
    let range = Range::new();
    let key = cloud(&range, "cloud");
    let url = server.url();
    let bus = nats.url();
    let store = ["--store", &url, "--hints", &bus];
    std::fs::write(range.root("rarely.toml"), "look_every = \"1h\"\n").unwrap();
    let config = range.path("rarely.toml");
    let rarely = [&store[..], &["--config", &config]].concat();
    for name in ["first", "second", "third"] {
        node_of(&range, "cloud", name);
    }
    let first = range.start_with("first", &[], &rarely);
    let second = range.start_with("second", &[], &rarely);
    nats.is_heard_by(2);
    let owner = owner_at(&range, &first, &key);
    let in_the_cloud = || until("all is in the cloud", AGREE_MAX, || is_in_the_cloud(&owner));
    let entries = |node: &Process| status(node)["totals"]["entries"].clone();
    let agrees = |node: &Process| entries(node) == entries(&owner);
    // Who asks for an event that is not active has it read from the database.
    until("the second node has the event", AGREE_MAX, || {
        agrees(&second)
    });

    range.score("owner", "1", "1");
    in_the_cloud();
    until("it hears of the score", AGREE_MAX, || agrees(&second));

    nats.kill();
    let third = range.start_with("third", &[], &store);
    until("the third node has the event", AGREE_MAX, || agrees(&third));
    range.score("owner", "1", "2");
    in_the_cloud();
    until("it looks by itself", AGREE_MAX, || agrees(&third));
    assert!(!agrees(&second), "who looks every hour has not looked");

    nats.up();
    nats.is_heard_by(3);
    range.score("owner", "2", "1");
    until("hints are heard again", AGREE_MAX, || agrees(&second));
}
