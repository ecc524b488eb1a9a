//! What spectators and monitors see.

use std::time::{Duration, Instant};

use serde_json::json;
use tallyline_keys::{PublicKey, Signature};

use super::http::{Web, ids};
use super::{SCORES, Served, score, start};
use crate::cloud::{cloud, owner_at};
use crate::range::{AGREE_MAX, Range, address, agree, until, wait_for};

/// How long a spectator may wait for a point.
const SEEN_MAX: Duration = Duration::from_secs(1);

/// Acceptance row S2-23: mode, version, event, heads, and a proof that it is the node itself.
#[test]
fn s2_23_a_node_says_how_it_is_and_proves_who_it_is() {
    let it = Served::founded();
    let told = it.web.get("/healthz").good();
    assert_eq!(told["ok"], true);
    assert_eq!(it.web.get("/readyz?max_lag=60s").good()["lag_ms"], 0);
    it.web
        .get("/readyz?max_lag=soon")
        .problem(400, "bad_request");

    let nonce = "00112233445566778899aabbccddeeff";
    let told = it
        .web
        .get(&format!("/api/v1/sync/health?nonce={nonce}"))
        .good();
    let status = crate::range::status(&it.node);
    for (name, expected) in [
        ("ok", json!(true)),
        ("mode", json!("device")),
        ("version", status["node"]["version"].clone()),
        ("event", status["node"]["event"].clone()),
        ("state_digest", status["state_digest"].clone()),
        ("key", it.node.ready()["key"].clone()),
        ("min_protocol", json!(1)),
    ] {
        assert_eq!(told[name], expected, "{name}");
    }
    assert!(!told["heads"].as_str().unwrap().is_empty());
    let key = PublicKey::parse(told["key"].as_str().unwrap()).unwrap();
    let signature = tallyline::root::unhex(told["signature"].as_str().unwrap()).unwrap();
    let signature = Signature::from_bytes(signature.try_into().unwrap());
    let nonce: [u8; 16] = tallyline::root::unhex(nonce).unwrap().try_into().unwrap();
    let time = told["server_time"].as_u64().unwrap();
    key.verify_probe(&nonce, time, &signature).unwrap();
    key.verify_probe(&[0; 16], time, &signature).unwrap_err();
    it.web
        .patient("/api/v1/sync/health?nonce=7")
        .problem(400, "bad_request");

    let figures = it.web.patient("/metrics");
    let text = String::from_utf8(figures.body).unwrap();
    for name in [
        "tallyline_build_info{version=",
        "tallyline_entries_pending{stage=\"here\"}",
        "tallyline_peers{state=\"connected\"} 0",
        "tallyline_conflicts_open 0",
        "tallyline_storage_free_bytes ",
        "tallyline_http_answers_total{class=\"4xx\"} 2",
        "# EOF",
    ] {
        assert!(text.contains(name), "{name} is not in {text}");
    }
}

#[test]
fn what_is_not_there_or_too_large_is_a_problem_with_a_code() {
    let it = Served::founded();
    let nothing = it.web.get("/nothing");
    nothing.problem(404, "not_found");
    assert_eq!(nothing.header("x-ratelimit-limit"), "10");
    it.web
        .post("/healthz", &json!({}))
        .problem(405, "method_not_allowed");
    it.web
        .get("/api/events/Autumn/board")
        .problem(404, "unknown_event");
    it.web
        .post(SCORES, &score(1, 1))
        .problem(401, "login_needed");
    let large = vec![b' '; 8 * 1024 + 1];
    let reply = it.web.ask("POST", "/api/auth/login", &[], &large);
    reply.problem(413, "too_large");
    let told = it
        .web
        .post("/api/auth/login", &json!({ "user": "x" }))
        .problem(400, "bad_request");
    assert_eq!(told["where"], "body");
    let page = it.web.patient("/");
    assert_eq!(
        (page.status, page.header("content-type")),
        (200, "text/html; charset=utf-8")
    );
    assert!(
        page.header("content-security-policy")
            .starts_with("default-src 'none'")
    );
    assert_eq!(page.header("x-content-type-options"), "nosniff");
    for (path, kind) in [("/board.js", "text/javascript"), ("/board.css", "text/css")] {
        assert!(
            it.web
                .patient(path)
                .header("content-type")
                .starts_with(kind),
            "{path}"
        );
    }
}

/// Acceptance row S4-01: within one second of being saved anywhere on the network.
#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "what is measured is the time it takes"
)]
fn s4_01_a_spectator_sees_a_point_within_a_second() {
    let range = Range::founded();
    let owner = range.start("owner", &[]);
    let tablet = range.join("Tablet", "scorer", &[&owner]);
    range.grant("1", "Tablet");
    agree(&owner, &tablet);
    // The board is at another device than the one that scores.
    owner.stop().unwrap();
    let owner = {
        let peer = address(&tablet);
        let args = [
            "--no-mdns",
            "--listen",
            "127.0.0.1:0",
            "--http",
            "127.0.0.1:0",
            "--peer",
            &peer,
        ];
        tallyline_tests::process::Process::start(&range.root("owner"), &args).unwrap()
    };
    until("they meet again", AGREE_MAX, || {
        crate::range::devices(&owner)
            .iter()
            .any(|it| it["label"] == "Tablet" && it["connected"] == true)
    });
    let web = Web::of(&owner);
    let mut stream = web.stream("/api/events/-/stream", &[]);
    assert_eq!(stream.next().unwrap().kind, "hello");
    let mut socket = web.socket("/api/events/-/ws");
    assert_eq!(socket.next().unwrap()["kind"], "hello");

    // The fastest of some: a loaded machine is no slow program.
    let mut fastest = Duration::MAX;
    for shooter in [1, 2] {
        let line = json!({ "verb": "score-add", "record": score(1, shooter)["record"] });
        let saved = tablet.ask(&line).unwrap();
        let start = Instant::now();
        let (seen, _) = stream.scores(1);
        fastest = fastest.min(start.elapsed());
        assert_eq!(json!(seen), saved["entries"]);
        while ids(&socket.next().unwrap()) != seen {}
    }
    assert!(fastest < SEEN_MAX, "{fastest:?}");
    let board = web.patient("/api/events/-/board").good();
    let newest = &board["last"][0];
    assert_eq!(
        (&newest["label"], &newest["drill"]),
        (&json!("Shooter 2"), &json!(1))
    );
    assert_eq!(board["results"], "running");
    assert_eq!(board["stages"][0]["rows"].as_array().unwrap().len(), 2);
}

/// Acceptance row S4-02: also over a kill of the node, and at another one.
#[test]
fn s4_02_who_comes_back_with_its_number_misses_nothing_and_sees_nothing_twice() {
    let it = Served::founded();
    let mut stream = it.web.stream("/api/events/-/stream", &[]);
    let hello = stream.next().unwrap();
    assert_eq!((hello.kind.as_str(), ids(&hello.data).len()), ("hello", 0));
    let first = it.range.score("owner", "1", "1");
    let (seen, place) = stream.scores(1);
    assert_eq!(seen, [first]);
    drop(stream);

    let second = it.range.score("owner", "1", "2");
    let it = it.again();
    let third = it.range.score("owner", "1", "3");
    let resume = [("Last-Event-ID", place.as_str())];
    let mut stream = it.web.stream("/api/events/-/stream", &resume);
    let (mut seen, newest) = stream.scores(2);
    seen.sort();
    let mut missed = [second, third];
    missed.sort();
    assert_eq!(seen, missed);
    let fourth = it.range.score("owner", "2", "1");
    assert_eq!(stream.scores(1).0, std::slice::from_ref(&fourth));

    let mut socket = it.web.socket(&format!("/api/events/-/ws?cursor={newest}"));
    assert_eq!(ids(&socket.next().unwrap()), std::slice::from_ref(&fourth));
    socket.say(&json!({ "cursor": place }).to_string());
    assert_eq!(ids(&socket.next().unwrap()).len(), 3, "from where it says");

    // The same number at another node of the event.
    it.range.apart("Pi", "viewer");
    it.range.carry("owner", "Pi");
    let pi = start(&it.range, "Pi");
    let mut stream = Web::of(&pi).stream("/api/events/-/stream", &[("Last-Event-ID", &newest)]);
    assert_eq!(stream.scores(1).0, [fourth]);
    // Who had a number of somebody else's begins with what is there.
    let mut stream = Web::of(&pi).stream("/api/events/-/stream", &[("Last-Event-ID", "4711")]);
    assert_eq!(stream.next().unwrap().kind, "hello");
    pi.stop().unwrap();
    assert!(stream.next().is_none(), "a stream ends with its node");
}

/// Acceptance row S4-03: a browser's `EventSource` sends no headers of its own.
#[test]
fn s4_03_a_stream_opens_with_a_ticket_or_a_cookie() {
    let it = Served::founded();
    let anna = it.somebody("anna", "spectator");
    let ticket = anna.post("/api/auth/ticket", &json!({})).good();
    assert_eq!(ticket["expires_in"], 60);
    let ticket = ticket["token"].as_str().unwrap();
    let path = format!("/api/events/-/stream?ticket={ticket}");
    assert_eq!(it.web.stream(&path, &[]).next().unwrap().kind, "hello");
    // A token is no ticket, and a ticket no token: an address bar ends up in logs.
    let token = super::token(&it.range, "anna", "spectator");
    it.web
        .get(&format!("/api/events/-/board?ticket={token}"))
        .problem(401, "bad_token");
    let me = "/api/auth/me";
    it.web.with(ticket).get(me).problem(401, "bad_token");
    it.web
        .get(&format!("{me}?ticket={ticket}"))
        .problem(401, "login_needed");

    let cookie = format!("tallyline_token={token}");
    let cookie = [("Cookie", cookie.as_str())];
    assert_eq!(it.web.ask("GET", me, &cookie, b"").status, 200);
    let reply = it.web.ask("POST", "/api/auth/ticket", &cookie, b"{}");
    reply.problem(401, "login_needed");
}

/// Acceptance row S4-19: what was kept is told until something is new, and then no longer.
#[test]
fn s4_19_an_update_shows_at_once_whatever_was_kept() {
    let it = Served::founded();
    let web = it.somebody("boss", "owner");
    let path = "/api/events/-/board";
    let before = web.get(path);
    assert_eq!(
        before.header("cache-control"),
        "max-age=30, must-revalidate"
    );
    let tag = before.header("etag").to_owned();
    let known = [("If-None-Match", tag.as_str())];
    let same = web.ask("GET", path, &known, b"");
    assert_eq!((same.status, same.body.len()), (304, 0));
    let entry = web.post(SCORES, &score(1, 1)).good()["entries"][0].clone();
    let after = web.ask("GET", path, &known, b"");
    assert_eq!(after.good()["last"][0]["entry"], entry);
    assert_ne!(after.header("etag"), tag);

    let event = web.get("/api/events/-");
    assert_eq!(
        event.header("cache-control"),
        "max-age=300, must-revalidate"
    );
    assert_eq!(event.good()["name"], "Spring Match");
    it.range.done("owner", &["event", "phase", "provisional"]);
    assert_eq!(
        web.get("/api/events/-").good()["phase"]["phase"],
        "provisional"
    );
    assert_eq!(web.get(path).good()["results"], "provisional");

    let claims = "/api/events/-/claims";
    let reply = web.get(claims);
    assert_eq!(reply.header("cache-control"), "private, no-cache");
    assert_eq!(reply.good()["claims"], json!([]));
    let known = [("If-None-Match", reply.header("etag"))];
    assert_eq!(web.ask("GET", claims, &known, b"").status, 304);
    web.post("/api/events/-/claims/1", &json!({ "minutes": 5 }))
        .good();
    assert_eq!(web.get(claims).good()["claims"][0]["holder"], "boss");
}

/// One phone with a broken page does not take the places of all others.
#[test]
fn an_address_has_some_connections_and_no_more() {
    let it = Served::founded();
    let mut idle: Vec<_> = (0..18).map(|_| it.web.idle()).collect();
    until("all are let in", AGREE_MAX, || it.web.is_closed_at_once());
    drop(idle.split_off(9));
    until("places are given back", AGREE_MAX, || {
        !it.web.is_closed_at_once()
    });
    assert_eq!(it.web.patient("/healthz").status, 200);
}

/// A node streams to as many as it has places for, and says so to who comes then: a board that is asked
/// for each second still works.
#[test]
fn a_stream_has_a_place_or_is_told_that_there_is_none() {
    let range = Range::founded();
    let serve = ["--http", "127.0.0.1:0", "--spectators", "2"];
    let node = range.start_with("owner", &[], &serve);
    let web = Web::of(&node);
    let open = || web.stream("/api/events/-/stream", &[]);
    let (mut first, mut second) = (open(), open());
    assert!(first.next().is_some() && second.next().is_some());
    let none = web.get("/api/events/-/stream");
    none.problem(503, "streams_full");
    assert_eq!(none.header("retry-after"), "30");
    assert_eq!(web.patient("/api/events/-/board").status, 200);
    drop(first);
    // Not as nobody: who looks so often may ask for nothing else then.
    let monitor = web.with(&super::token(&range, "monitor", "owner"));
    until("a place is free", AGREE_MAX, || {
        let figures = monitor.patient("/metrics").body;
        String::from_utf8(figures)
            .unwrap()
            .contains("tallyline_http_streams 1")
    });
    assert_eq!(open().next().unwrap().kind, "hello");
}

/// One machine does not take all streams of a cloud's node. Who stands before it says whose they are.
#[test]
fn a_house_takes_a_part_of_a_clouds_streams() {
    let range = Range::new();
    let key = cloud(&range, "cloud");
    let serve = ["--http", "127.0.0.1:0", "--spectators", "100"];
    let node = range.start_with("cloud", &[], &serve);
    let _owner = owner_at(&range, &node, &key);

    let web = Web::of(&node);
    let path = "/api/events/-/stream";
    let house = [("X-Forwarded-For", "192.0.2.1")];
    // Nobody's address may ask ten times a second.
    let open =
        |headers: &[(&str, &str)]| wait_for("a stream", AGREE_MAX, || web.stream_if(path, headers));
    let mut all: Vec<_> = (0..64).map(|_| open(&house)).collect();
    let refused = wait_for("not asked too often", AGREE_MAX, || {
        Some(web.ask("GET", path, &house, b"")).filter(|it| it.status != 429)
    });
    refused.problem(503, "streams_full");
    assert_eq!(refused.header("retry-after"), "30");
    let mut other = open(&[("X-Forwarded-For", "192.0.2.2")]);
    assert_eq!(other.next().unwrap().kind, "hello");
    assert_eq!(open(&[]).next().unwrap().kind, "hello");
    all.pop();
    assert_eq!(open(&house).next().unwrap().kind, "hello");
}

/// Nobody holds a place of the node by sending half of a request.
#[test]
fn a_body_that_does_not_come_is_not_waited_for() {
    let it = Served::founded();
    let slow = it
        .web
        .stall("POST", "/api/auth/login", b"{\"user\":\"anna\"}");
    slow.problem(408, "too_slow");
    assert_eq!(it.web.patient("/healthz").status, 200);
}

/// What an official wrote for officials is not for everybody.
#[test]
fn notes_are_for_who_may_read_scores() {
    let it = Served::founded();
    let boss = it.somebody("boss", "owner");
    let path = "/api/events/-/stream";
    let (mut open, mut logged_in) = (it.web.stream(path, &[]), boss.stream(path, &[]));
    let note = |with_note: bool, stream: &mut super::http::Stream| {
        let told = loop {
            let event = stream.next().unwrap();
            if event.kind == "news" {
                break event.data;
            }
        };
        let status = &told["entries"][0]["record"]["status"];
        assert_eq!(status["kind"], "dnf", "{told}");
        assert_eq!(status["note"] == "left for the doctor", with_note, "{told}");
    };
    let dnf = json!({ "record": { "status": {
        "shooter": 1, "drill": 1, "kind": "dnf", "note": "left for the doctor",
    } } });
    boss.post(SCORES, &dnf).good();
    note(true, &mut logged_in);
    note(false, &mut open);
    // Scores and their history of a public event are for everybody, too.
    for path in [
        SCORES,
        "/api/events/-/scores/1",
        "/api/events/-/scores/1/history",
    ] {
        let told = [&it.web, &boss].map(|web| web.patient(path).good());
        let notes = told
            .each_ref()
            .map(|it| &it["entries"][0]["record"]["status"]["note"]);
        assert_eq!(notes[1], "left for the doctor", "{}", told[1]);
        assert_ne!(notes[0], "left for the doctor", "{}", told[0]);
        assert_eq!(
            told[0]["entries"][0]["entry"],
            told[1]["entries"][0]["entry"]
        );
    }
    let pull = it.web.get("/api/v1/sync/pull");
    pull.problem(401, "login_needed");
}

/// Acceptance row S4-18: an entry has the shooter's number; who that is stands in the structure alone.
#[test]
fn s4_18_a_score_entry_names_no_shooter() {
    let it = Served::founded();
    let boss = it.somebody("boss", "owner");
    let path = "/api/events/-/stream";
    let mut stream = boss.stream(path, &[]);
    boss.post(SCORES, &score(1, 2)).good();
    let news = loop {
        let event = stream.next().unwrap();
        if event.kind == "news" {
            break event.data["entries"].clone();
        }
    };
    let page = boss.get(SCORES).good()["entries"].clone();
    let history = boss.get("/api/events/-/scores/1/history").good();
    let pulled = boss.get("/api/v1/sync/pull").good();
    for told in [&news, &page, &history["entries"], &pulled["entries"]] {
        let entry = &told[0];
        assert_eq!(entry["record"]["score"]["shooter"], 2, "{told}");
        assert!(!entry.to_string().contains("Shooter 2"), "{entry}");
        let names = ["label", "name", "email", "phone", "contact", "category"];
        let record = entry["record"]["score"].as_object().unwrap();
        assert!(names.iter().all(|it| !record.contains_key(*it)), "{entry}");
    }
    let people = boss.get("/api/events/-").good().to_string();
    assert!(people.contains("Shooter 2"), "where names are: {people}");
}
