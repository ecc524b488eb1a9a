//! How often somebody may ask.

use serde_json::json;

use super::http::{Reply, Web};
use super::{SCORES, Served};
use crate::range::{AGREE_MAX, wait_for};

/// Acceptance row S4-10: 429 with the three headers, and when to come again.
#[test]
fn s4_10_who_asks_too_often_is_told_when_to_come_again() {
    let it = Served::founded();
    let web = it.somebody("anna", "ro");
    let refused: Option<Reply> = (0..40)
        .map(|_| web.post("/api/events/-/claims/1", &json!({ "minutes": 5 })))
        .find(|it| it.status == 429);
    let reply = refused.expect("20 a minute");
    reply.problem(429, "too_many_requests");
    let number = |name: &str| reply.header(name).parse::<u64>().unwrap();
    assert!((1..=4).contains(&number("retry-after")));
    assert_eq!(
        (number("x-ratelimit-limit"), number("x-ratelimit-remaining")),
        (20, 0)
    );
    assert!(1_700_000_000 < number("x-ratelimit-reset"), "Unix seconds");
    assert!(reply.header("ratelimit-policy").contains("q=20;w=60"));
    // Another person, and another route of the same one, are not held up.
    it.somebody("bert", "ro").get(SCORES).good();
    let good = web.get(SCORES);
    assert_eq!((good.status, good.header("x-ratelimit-limit")), (200, "50"));
    // Nobody's address has ten a second, whatever is asked.
    let refused = (0..60)
        .map(|_| it.web.get("/healthz"))
        .find(|it| it.status == 429);
    assert_eq!(refused.unwrap().header("x-ratelimit-limit"), "10");
}

/// Asks until it is too often; returns how often was not, and the refusal.
fn until_refused(ask: impl Fn() -> Reply) -> (usize, Reply) {
    for asked in 0..700 {
        let reply = ask();
        if reply.status == 429 {
            return (asked, reply);
        }
    }
    panic!("never too often");
}

/// A limit's name, how often in how many seconds, and what asks.
type Check<'a> = (&'a str, usize, u64, Box<dyn Fn() -> Reply + 'a>);

/// Acceptance row S4-10: each limit of the table refuses, whatever a route answers otherwise. The exact
/// numbers are the table's own test; while these ask, some places come back.
#[test]
fn s4_10_each_limit_refuses() {
    let it = Served::founded();
    let boss = it.somebody("boss", "owner");
    let post = |web: &Web, path: &str| web.ask("POST", path, &[], b"[");
    let checks: [Check<'_>; 7] = [
        ("write", 10, 1, Box::new(|| post(&boss, SCORES))),
        ("board", 10, 1, Box::new(|| boss.get("/api/events/-/board"))),
        (
            "one",
            100,
            60,
            Box::new(|| boss.get("/api/events/-/claims/1")),
        ),
        ("list", 50, 60, Box::new(|| boss.get(SCORES))),
        (
            "claim",
            20,
            60,
            Box::new(|| post(&boss, "/api/events/-/claims/1")),
        ),
        (
            "whole",
            10,
            60,
            Box::new(|| post(&boss, "/api/v1/import?format=bundle")),
        ),
        ("login", 10, 60, Box::new(|| post(&boss, "/api/auth/login"))),
    ];
    for (name, count, window_s, ask) in checks {
        let (asked, reply) = until_refused(ask);
        reply.problem(429, "too_many_requests");
        assert!(count <= asked, "{name}: {asked}");
        let number = |name: &str| reply.header(name).parse::<u64>().unwrap();
        assert_eq!(
            reply.header("x-ratelimit-limit"),
            count.to_string(),
            "{name}"
        );
        assert_eq!(number("x-ratelimit-remaining"), 0, "{name}");
        assert!(1_700_000_000 < number("x-ratelimit-reset"), "{name}");
        assert!((1..=window_s).contains(&number("retry-after")), "{name}");
        let policy = format!("\"{name}\";q={count};w={window_s}");
        assert_eq!(reply.header("ratelimit-policy"), policy);
    }
}

/// What is not there is asked for as often as an address may ask, with whatever token.
#[test]
fn what_is_not_there_is_not_asked_for_without_end() {
    let it = Served::founded();
    let boss = it.somebody("boss", "owner");
    for (method, path, status) in [("GET", "/nothing", 404), ("PUT", "/healthz", 405)] {
        let ask = || boss.ask(method, path, &[], b"");
        let reply = wait_for("it is let in", AGREE_MAX, || {
            Some(ask()).filter(|it| it.status != 429)
        });
        assert_eq!(reply.status, status, "{path}");
        assert_eq!(reply.header("x-ratelimit-limit"), "10", "{path}");
        let (_, reply) = until_refused(ask);
        reply.problem(429, "too_many_requests");
        assert_eq!(reply.header("retry-after"), "1", "{path}");
    }
}
