//! Several cloud nodes on one database: whoever is known at one is known at all, and what is claimed or
//! answered at one is so at all.

use std::fs;
use std::thread;

use serde_json::{Value, json};
use tallyline_tests::process::Process;

use super::devices;
use super::http::{Reply, Web};
use super::people::refresh_once;
use crate::cloud::{cloud, node_of, owner_at};
use crate::postgres::{Postgres, Stop};
use crate::range::{AGREE_MAX, Range, until};

const PASSWORD: &str = "nine wet pasters";
const ME: &str = "/api/auth/me";
const CLAIM: &str = "/api/events/-/claims/1";
const PLAN: &str = "/api/events/-/coverage-plans";

/// Two nodes of a cloud, and an event in it.
struct Nodes {
    range: Range,
    server: Postgres,
    left: Process,
    right: Process,
    _owner: Process,
}

impl Nodes {
    fn started() -> Option<Self> {
        let server = Postgres::start()?;
        let range = Range::new();
        let key = cloud(&range, "cloud");
        let left = start(&range, &server, "left");
        let right = start(&range, &server, "right");
        let owner = owner_at(&range, &left, &key);
        Some(Self {
            range,
            server,
            left,
            right,
            _owner: owner,
        })
    }
}

/// Makes an account on one node's machine and returns its token.
fn somebody((range, server): (&Range, &Postgres), node: &str, name: &str, more: &[&str]) -> String {
    let url = server.url();
    let token = ["cloud", "token", name, "--store", &url];
    range.done(node, &[&token[..], more].concat())
}

/// Makes and starts one of a cloud's nodes, from nothing.
fn start(range: &Range, server: &Postgres, name: &str) -> Process {
    node_of(range, "cloud", name);
    let more = ["--store", &server.url(), "--http", "127.0.0.1:0"];
    range.start_with(name, &[], &more)
}

fn claim(web: &Web, key: &str, minutes: u32) -> Reply {
    let body = json!({ "minutes": minutes }).to_string();
    web.ask("POST", CLAIM, &[("Idempotency-Key", key)], body.as_bytes())
}

/// Issue 6, section 1: all state is in the database.
#[test]
fn who_logged_in_at_one_node_is_known_at_all_of_them() {
    let Some(it) = Nodes::started() else {
        return;
    };
    let file = it.range.path("password");
    fs::write(&file, PASSWORD).unwrap();
    somebody(
        (&it.range, &it.server),
        "left",
        "anna",
        &["--role", "ro", "--password-file", &file],
    );
    let (left, right) = (Web::of(&it.left), Web::of(&it.right));

    let login = json!({ "user": "anna", "password": PASSWORD });
    let login = left.post("/api/auth/login", &login);
    let (first, _) = login.cookie("tallyline_refresh");
    let token = login.good()["token"].as_str().unwrap().to_owned();
    assert_eq!(right.with(&token).get(ME).good()["user"], "anna");
    let refresh = |web: &Web, cookie: &str| {
        let cookie = format!("tallyline_refresh={cookie}");
        web.ask("POST", "/api/auth/refresh", &[("Cookie", &cookie)], b"")
    };
    let renewed = refresh(&right, &first);
    let (second, _) = renewed.cookie("tallyline_refresh");
    let fresh = renewed.good()["token"].as_str().unwrap().to_owned();
    assert_eq!(left.with(&fresh).get(ME).good()["user"], "anna");
    let plan = json!({ "plan": [1, 2] }).to_string();
    let put = left.with(&token).ask("PUT", PLAN, &[], plan.as_bytes());
    assert_eq!(put.status, 200, "{put:?}");

    // A machine is lost with its root; another one takes its place with an empty one.
    it.right.kill().unwrap();
    fs::remove_dir_all(it.range.root("right")).unwrap();
    let spare = start(&it.range, &it.server, "spare");
    let right = Web::of(&spare);
    assert_eq!(right.with(&fresh).get(ME).good()["user"], "anna");
    let kept = right.with(&fresh).get(PLAN).good();
    assert!(kept.to_string().contains("[1,2]"), "{kept}");
    // Whose answer was lost asks again, at whichever node, and has the same next cookie.
    let lost = refresh_once(&left, &second, "one");
    let again = refresh_once(&right, &second, "one");
    let (third, _) = again.cookie("tallyline_refresh");
    assert_eq!(lost.cookie("tallyline_refresh").0, third);
    again.good();
    refresh(&left, &first).problem(401, "token_reused");
    refresh(&right, &third).problem(401, "login_needed");

    somebody((&it.range, &it.server), "spare", "anna", &["--remove"]);
    left.with(&fresh).get(ME).problem(401, "bad_token");
    for name in ["left", "spare"] {
        let http = it.range.root(name).join("http");
        let files = fs::read_dir(http).unwrap().count();
        assert_eq!(files, 0, "nothing of it lies in {name}'s root");
    }
}

/// Behind a balancer the challenge comes from one node and the signature goes to another: signed for the
/// cloud's key it holds there, and for the other node's it does not.
#[test]
fn a_device_logs_in_at_whichever_node_reads_its_signature() {
    let Some(it) = Nodes::started() else {
        return;
    };
    let (left, right) = (Web::of(&it.left), Web::of(&it.right));
    let login = |whose: &str| {
        let challenge = left.post("/api/auth/challenge", &json!({})).good();
        let meant = left.get("/api/v1/sync/health").good()[whose].clone();
        let meant = meant.as_str().unwrap();
        right.post(
            "/api/auth/device",
            &devices::signed(&it.range, "owner", meant, &challenge),
        )
    };
    login("key").problem(401, "bad_login");
    let token = login("cloud").good();
    for web in [left, right] {
        web.with(token["token"].as_str().unwrap())
            .get("/api/v1/devices")
            .good();
    }
}

/// Acceptance rows S4-04 and S4-06 hold whichever node a balancer chose.
#[test]
fn what_is_claimed_or_answered_at_one_node_is_so_at_all_of_them() {
    let Some(it) = Nodes::started() else {
        return;
    };
    let (anna, bert) = (
        somebody((&it.range, &it.server), "left", "anna", &["--role", "ro"]),
        somebody((&it.range, &it.server), "right", "bert", &["--role", "ro"]),
    );
    let web = |node: &Process, token: &str| Web::of(node).with(token);
    let (left, right) = (web(&it.left, &anna), web(&it.right, &anna));

    // The same request at both, at once and again: one claim, one answer.
    let both: Vec<Reply> = thread::scope(|scope| {
        let asked = [&left, &right].map(|web| scope.spawn(|| claim(web, "one", 20)));
        asked.map(|it| it.join().unwrap()).into()
    });
    let answers: Vec<Value> = both.iter().map(Reply::good).collect();
    assert_eq!(answers[0], answers[1]);
    let replayed = |reply: &Reply| reply.header("idempotency-replayed") == "true";
    let first = both.iter().filter(|it| !replayed(it)).count();
    assert_eq!(first, 1, "{both:?}");
    assert_eq!(claim(&right, "one", 20).good(), answers[0]);
    claim(&right, "one", 25).problem(422, "idempotency_key_reused");
    let other = claim(&right, "two", 30).good();
    assert_ne!(other, answers[0], "prolonged");

    assert_eq!(left.get(CLAIM).good(), other);
    let holders = |web: &Web| web.get("/api/events/-/claims").good()["claims"].clone();
    assert_eq!(holders(&left), json!([other["claim"]]));
    let held = claim(&web(&it.left, &bert), "one", 15).problem(409, "claim_held");
    assert_eq!(held["claim"], other["claim"]);
    let release = web(&it.right, &bert).ask("DELETE", CLAIM, &[], b"");
    release.problem(403, "no_claim");
    // What was answered is known at a node that was not there.
    it.left.kill().unwrap();
    let spare = start(&it.range, &it.server, "spare");
    let spare = web(&spare, &anna);
    assert_eq!(claim(&spare, "one", 20).good(), answers[0]);
    assert_eq!(spare.get(CLAIM).good(), other);
    assert_eq!(holders(&right), json!([other["claim"]]));
    spare.ask("DELETE", CLAIM, &[], b"").good();
    assert_eq!(holders(&right), json!([]), "another node gave it back");
    claim(&web(&it.right, &bert), "two", 15).good();

    // Without its database a node says so, and is itself again with it.
    let right = Web::of(&it.right);
    let ready = |status: u16| {
        until("it is ready", AGREE_MAX, || {
            right.get("/readyz").status == status
        });
    };
    ready(200);
    it.server.stop(Stop::Immediate);
    ready(503);
    right.patient("/readyz").problem(503, "not_ready");
    right.with(&anna).get(ME).problem(503, "bad_store");
    assert_eq!(right.patient("/metrics").status, 200);
    it.server.up();
    ready(200);
    assert_eq!(right.with(&anna).get(ME).good()["user"], "anna");
}
