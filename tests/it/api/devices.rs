//! What a device's key opens over HTTP: what the device was granted, and a stranger's nothing.
//!
//! Source: docs/TRUST.md, docs/API.md.

use serde_json::{Value, json};
use tallyline_keys::{PublicKey, Purpose};

use super::http::{Reply, Web};
use super::{SCORES, Served, score};
use crate::range::{AGREE_MAX, Range, until, wait_for};

const CLAIM: &str = "/api/events/-/claims/1";
const VOID: &str = "/api/events/-/scores/void";
const TICKET: &str = "/api/auth/ticket";
const ME: &str = "/api/auth/me";

/// Asks as nobody, who may ask ten times a second: waits when that is over.
fn patient(web: &Web, path: &str, body: &Value) -> Reply {
    wait_for("not asked too often", AGREE_MAX, || {
        Some(web.post(path, body)).filter(|it| it.status != 429)
    })
}

/// Signs a challenge with a device's key, for the node with this fingerprint.
pub(super) fn signed(range: &Range, name: &str, node: &str, challenge: &Value) -> Value {
    let root = tallyline::root::Root::open(&range.root(name)).unwrap();
    let key = root.device_key();
    let node = PublicKey::parse(node).unwrap();
    let challenge = challenge["token"].as_str().unwrap();
    let signature = key.sign(Purpose::Login, node.as_bytes(), challenge.as_bytes());
    json!({
        "key": key.public().fingerprint(),
        "challenge": challenge,
        "signature": tallyline::root::hex(signature.as_bytes()),
    })
}

/// Logs a device in by its key.
pub(super) fn login(it: &Served, name: &str) -> Web {
    let node = it.node.ready()["key"].as_str().unwrap();
    let challenge = patient(&it.web, "/api/auth/challenge", &json!({})).good();
    let signed = signed(&it.range, name, node, &challenge);
    let token = patient(&it.web, "/api/auth/device", &signed).good();
    it.web.with(token["token"].as_str().unwrap())
}

/// Each role of a device at each route that writes. Bodies are none that a route takes: who may is told so.
#[test]
fn a_device_may_write_what_its_role_may() {
    let it = Served::founded();
    let roles = [
        "scorer", "desk", "deputy", "jury", "viewer", "gateway", "leader",
    ];
    for role in roles {
        it.range.apart(role, role);
    }
    let scorers = "scorer desk deputy jury leader";
    let routes = [
        ("POST", SCORES, scorers),
        ("POST", VOID, scorers),
        ("POST", CLAIM, scorers),
        ("PUT", "/api/events/-/coverage-plans", scorers),
        ("POST", "/api/events/-/incidents", scorers),
        ("POST", "/api/events/-/incidents/reports", scorers),
        ("POST", "/api/v1/blobs", scorers),
        ("POST", "/api/v1/sync/push", scorers),
        ("POST", "/api/events/-/incidents/decisions", "jury"),
        ("POST", "/api/v1/conflicts/decisions", ""),
        ("POST", "/api/v1/grants", ""),
        ("POST", "/api/v1/import?format=bundle", ""),
        ("POST", "/api/v1/accounts", ""),
        // What is sealed is not read through the node of somebody who reads it.
        ("GET", "/api/events/-/incidents", "jury"),
        ("GET", "/api/events/-/records/medication", ""),
    ];
    for role in roles {
        let web = login(&it, role);
        for (method, path, may) in routes {
            // A device that is nothing at the event is counted as its address.
            let reply = wait_for("not asked too often", AGREE_MAX, || {
                Some(web.ask(method, path, &[], b"[")).filter(|it| it.status != 429)
            });
            let may = may.split(' ').any(|it| it == role);
            if may {
                let good = if method == "GET" { 200 } else { 400 };
                assert_eq!(reply.status, good, "{role} {path}: {}", reply.json());
            } else {
                let told = reply.problem(403, "role_may_not");
                assert!(told["detail"].as_str().unwrap().contains("device:"));
            }
        }
    }
    let scores = it.somebody("boss", "owner").get(SCORES).good();
    assert_eq!(scores["total"], 0, "nothing was written");
}

/// A thief with an RO's phone writes no more through the owner's node than through the phone.
#[test]
fn a_device_writes_in_its_own_open_cells_alone() {
    let it = Served::founded();
    for name in ["Tablet", "Other"] {
        it.range.apart(name, "scorer");
    }
    it.range.apart("Deputy", "deputy");
    let grant = it.range.grant("1", "Tablet");
    let boss = it.somebody("boss", "owner");
    let saved = |reply: Reply| reply.good()["entries"][0].clone();
    let (near, far) = (
        saved(boss.post(SCORES, &score(2, 1))),
        saved(boss.post(SCORES, &score(1, 3))),
    );
    let voids = |entry: &Value| json!({ "entry": entry, "reason": "duplicate" });

    for name in ["Other", "Deputy"] {
        let web = login(&it, name);
        web.post(CLAIM, &json!({})).problem(403, "E02");
        web.post(SCORES, &score(1, 1)).problem(403, "E02");
        web.post(VOID, &voids(&near)).problem(403, "E02");
    }
    let tablet = login(&it, "Tablet");
    tablet
        .post(CLAIM, &json!({ "squad": 2 }))
        .problem(403, "E02");
    tablet.post(SCORES, &score(1, 1)).problem(403, "no_claim");
    for stage in ["1", "2"] {
        let claim = format!("/api/events/-/claims/{stage}");
        tablet.post(&claim, &json!({})).good();
    }
    // Shooters 1 and 2 are in squad 1, shooter 3 is in squad 2.
    tablet.post(SCORES, &score(1, 3)).problem(403, "E02");
    tablet.post(VOID, &voids(&far)).problem(403, "E02");
    let mut instead = score(1, 1);
    instead["replaces"] = json!({ "entry": far, "reason": "time" });
    tablet.post(SCORES, &instead).problem(403, "E02");
    let whole = json!({ "record": { "status": { "shooter": 3, "kind": "match-dq" } } });
    assert_eq!(tablet.post(SCORES, &whole).status, 403);
    tablet.post(SCORES, &score(1, 1)).good();
    tablet.post(VOID, &voids(&near)).good();

    it.range.done("owner", &["grant", "--closing", &grant]);
    tablet.post(SCORES, &score(1, 2)).problem(403, "E02");
    let left = boss.get(SCORES).good();
    assert_eq!(left["total"], 2, "{left}");
}

/// Somebody with a claim takes out of the count what stands there, and nothing elsewhere.
#[test]
fn a_claim_of_one_match_replaces_nothing_of_another() {
    let it = Served::founded();
    let (boss, anna) = (it.somebody("boss", "owner"), it.somebody("anna", "ro"));
    let other = boss.post(SCORES, &score(2, 1)).good()["entries"][0].clone();
    anna.post(CLAIM, &json!({})).good();
    let mut body = score(1, 1);
    body["replaces"] = json!({ "entry": other, "reason": "time" });
    anna.post(SCORES, &body).problem(403, "no_claim");
    assert_eq!(boss.get(SCORES).good()["total"], 1);
}

/// Anybody can draw a key and have a token made of it: it is worth what an address is.
#[test]
fn a_strangers_key_is_worth_no_more_than_an_address() {
    let it = Served::founded();
    it.range.init("Stranger");
    it.range.apart("Tablet", "scorer");
    let (stranger, tablet) = (login(&it, "Stranger"), login(&it, "Tablet"));
    let ticket = || {
        wait_for("not asked too often", AGREE_MAX, || {
            let key = [("Idempotency-Key", "one")];
            Some(stranger.ask("POST", TICKET, &key, b"")).filter(|it| it.status != 429)
        })
    };
    for _ in 0..2 {
        let reply = ticket();
        reply.good();
        assert_eq!(reply.header("idempotency-replayed"), "", "nothing is kept");
    }
    let large = vec![b' '; 8 * 1024 + 1];
    let reply = wait_for("not asked too often", AGREE_MAX, || {
        Some(stranger.ask("POST", TICKET, &[], &large)).filter(|it| it.status != 429)
    });
    reply.problem(413, "too_large");
    let refused = (0..60)
        .map(|_| stranger.get(ME))
        .find(|it| it.status == 429);
    assert_eq!(refused.unwrap().header("x-ratelimit-limit"), "10");
    // A member is counted by its name from when it was found at the event.
    until("it is let in", AGREE_MAX, || {
        tablet.get("/api/v1/devices").status == 200
    });
    for _ in 0..30 {
        let reply = tablet.get(ME);
        assert_eq!(
            (reply.status, reply.header("x-ratelimit-limit")),
            (200, "50")
        );
    }
}
