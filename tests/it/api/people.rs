//! Who somebody is, and what they may.

use std::fs;

use serde_json::{Value, json};
use tallyline::api::{Held, Role, Scope, TokenClaims, TokenKeys, TokenUse};

use super::devices;
use super::http::Web;
use super::{SCORES, Served, score, token};
use crate::range::{AGREE_MAX, until};

const ROLES: [&str; 9] = [
    "owner",
    "co-owner",
    "ro",
    "referee",
    "var",
    "admin",
    "coach",
    "media",
    "spectator",
];

const LOGIN: &str = "/api/auth/login";
const REFRESH: &str = "/api/auth/refresh";
const PROGRESS: &str = "/api/v1/reports/progress";
const PASSWORD: &str = "nine wet pasters";

fn refresh(web: &Web, cookie: &str) -> super::http::Reply {
    let cookie = format!("tallyline_refresh={cookie}");
    web.ask("POST", REFRESH, &[("Cookie", &cookie)], b"")
}

/// As [`refresh`], with an `Idempotency-Key`.
pub(super) fn refresh_once(web: &Web, cookie: &str, key: &str) -> super::http::Reply {
    let cookie = format!("tallyline_refresh={cookie}");
    let headers = [("Cookie", cookie.as_str()), ("Idempotency-Key", key)];
    web.ask("POST", REFRESH, &headers, b"")
}

/// On a bad network the answer is lost, and the client sends the same once more.
#[test]
fn a_renewal_whose_answer_was_lost_is_done_again() {
    let it = Served::founded();
    let file = it.range.path("password");
    fs::write(&file, PASSWORD).unwrap();
    let make = ["cloud", "token", "anna", "--role", "ro"];
    it.range
        .done("owner", &[&make[..], &["--password-file", &file]].concat());
    let login = || {
        let login = json!({ "user": "anna", "password": PASSWORD });
        it.web.post(LOGIN, &login).cookie("tallyline_refresh").0
    };
    let first = login();
    let lost = refresh_once(&it.web, &first, "5f0c");
    let again = refresh_once(&it.web, &first, "5f0c");
    let (second, _) = lost.cookie("tallyline_refresh");
    assert_eq!(again.cookie("tallyline_refresh").0, second);
    let token = again.good()["token"].as_str().unwrap().to_owned();
    assert_eq!(it.web.with(&token).get("/api/auth/me").status, 200);
    let kept = fs::read_to_string(it.range.root("owner").join("http/accounts.json")).unwrap();
    assert!(!kept.contains(&second) && !kept.contains("5f0c"));

    // From when the next cookie was used, or with another key, it is a copy's.
    let (third, _) = refresh_once(&it.web, &second, "5f0c").cookie("tallyline_refresh");
    refresh_once(&it.web, &first, "5f0c").problem(401, "token_reused");
    refresh_once(&it.web, &third, "5f0d").problem(401, "login_needed");
    let other = login();
    refresh_once(&it.web, &other, "one").good();
    refresh_once(&it.web, &other, "two").problem(401, "token_reused");
    let long = refresh_once(&it.web, &other, &"x".repeat(129));
    assert_eq!(long.status, 400, "{long:?}");
}

#[test]
fn a_login_is_renewed_by_its_cookie_and_a_copied_one_closes_it() {
    let it = Served::founded();
    let file = it.range.path("password");
    fs::write(&file, format!("{PASSWORD}\n")).unwrap();
    let make = [
        "cloud",
        "token",
        "anna",
        "--role",
        "ro",
        "--password-file",
        &file,
    ];
    it.range.done("owner", &make);

    let login = |password: &str| {
        it.web
            .post(LOGIN, &json!({ "user": "anna", "password": password }))
    };
    login("nine dry pasters").problem(401, "bad_login");
    it.web
        .post(LOGIN, &json!({ "user": "nobody", "password": PASSWORD }))
        .problem(401, "bad_login");
    let reply = login(PASSWORD);
    let token = reply.good()["token"].as_str().unwrap().to_owned();
    assert_eq!(reply.good()["expires_in"], 24 * 60 * 60);
    let (first, how) = reply.cookie("tallyline_refresh");
    for word in ["HttpOnly", "SameSite=Strict", "Path=/api/auth"] {
        assert!(how.contains(word), "{how}");
    }
    assert!(reply.cookie("tallyline_token").1.contains("HttpOnly"));
    let me = it.web.with(&token).get("/api/auth/me").good();
    assert_eq!(
        (&me["user"], &me["roles"][0]["role"]),
        (&json!("anna"), &json!("ro"))
    );

    let renewed = refresh(&it.web, &first);
    let (second, _) = renewed.cookie("tallyline_refresh");
    let fresh = renewed.good()["token"].as_str().unwrap().to_owned();
    assert_eq!(it.web.with(&fresh).get(SCORES).status, 200);
    refresh(&it.web, &first).problem(401, "token_reused");
    refresh(&it.web, &second).problem(401, "login_needed");
    let kept = fs::read_to_string(it.range.root("owner").join("http/accounts.json")).unwrap();
    assert!(
        !kept.contains(PASSWORD) && !kept.contains(&second),
        "no secret lies there"
    );

    it.range
        .done("owner", &["cloud", "token", "anna", "--remove"]);
    it.web.with(&fresh).get(SCORES).problem(401, "bad_token");
    login(PASSWORD).problem(401, "bad_login");
}

/// Acceptance row S4-09: the answer says that the time is over; the cookie gives a fresh token, and
/// what was not taken is sent again with the same key and is saved once.
#[test]
fn s4_09_a_token_that_ends_during_the_match_is_renewed() {
    let it = Served::founded();
    let file = it.range.path("password");
    fs::write(&file, PASSWORD).unwrap();
    let make = [
        "cloud",
        "token",
        "boss",
        "--role",
        "owner",
        "--password-file",
        &file,
    ];
    it.range.done("owner", &make);
    let login = it
        .web
        .post(LOGIN, &json!({ "user": "boss", "password": PASSWORD }));
    let (cookie, _) = login.cookie("tallyline_refresh");

    let keys = TokenKeys::open(&it.range.root("owner").join("http")).unwrap();
    let over = TokenClaims {
        sub: "boss".to_owned(),
        aud: TokenUse::Access,
        iat: 1,
        exp: 2,
        ver: 2,
        roles: vec![Held {
            event: None,
            role: Role::Owner,
        }],
    };
    let over = keys.ready().unwrap().mint(&over).unwrap();
    let send = |token: &str| {
        let key = [("Idempotency-Key", "one")];
        it.web
            .with(token)
            .ask("POST", SCORES, &key, score(1, 1).to_string().as_bytes())
    };
    send(&over).problem(401, "token_over");
    let renewed = refresh(&it.web, &cookie).good();
    let token = renewed["token"].as_str().unwrap();
    let saved = send(token).good();
    assert_eq!(send(token).good(), saved, "sent twice, saved once");
    assert_eq!(it.web.with(token).get(SCORES).good()["total"], 1);
}

/// Acceptance row S4-08, over the wire: every route that is described, asked by every role. Which role has
/// which route is the table's own test; here the node does what its description says. Bodies are none
/// that a route takes.
#[test]
fn s4_08_each_role_may_what_its_table_says() {
    let it = Served::founded();
    let described = it.web.get("/api/v1/openapi.json").good();
    let mut routes: Vec<(String, String, String)> = Vec::new();
    for (path, methods) in described["paths"].as_object().unwrap() {
        for (method, told) in methods.as_object().unwrap() {
            let security = told["security"].as_array().cloned().unwrap_or_default();
            let everybody = security.iter().all(|it| it == &json!({}));
            let public = security.iter().any(|it| it == &json!({}));
            let scope = security.iter().find_map(|it| it["token"][0].as_str());
            // What is for everybody other tests ask; streams do not end.
            if let (false, false, Some(scope)) = (everybody, public, scope) {
                let mut path = path.clone();
                for (part, value) in [("{e}", "-"), ("{c}", "-"), ("{m}", "1"), ("{name}", "x")] {
                    path = path.replace(part, value);
                }
                let path = path.replace("{kind}", "progress");
                let path = path.replace("{hash}", &"0".repeat(64));
                routes.push((method.to_uppercase(), path, scope.to_owned()));
            }
        }
    }
    assert!(30 < routes.len(), "{routes:?}");
    for role in ROLES {
        let web = it.somebody(role, role);
        let scopes = role.parse::<Role>().unwrap().scopes();
        let scopes: Vec<&str> = scopes.into_iter().map(Scope::name).collect();
        for (method, path, scope) in &routes {
            let reply = web.ask(method, path, &[], b"[");
            if scopes.contains(&scope.as_str()) {
                let refused = matches!(reply.status, 401 | 403 | 429);
                assert!(!refused && reply.status < 500, "{role} {path}: {reply:?}");
            } else {
                let told = reply.problem(403, "role_may_not");
                assert!(told["detail"].as_str().unwrap().contains(role), "{told}");
            }
        }
    }
}

/// A role at one event is none at another.
#[test]
fn a_role_holds_at_its_event() {
    let it = Served::founded();
    let make = [
        "cloud",
        "token",
        "anna",
        "--role",
        "media",
        "--event",
        "Spring Match",
    ];
    let token = it.range.done("owner", &make);
    assert_eq!(it.web.with(&token).get(PROGRESS).status, 200);
    let boss = it.somebody("boss", "owner");
    let other = json!([{ "event": "00000000-0000-4000-8000-000000000000", "role": "media" }]);
    let account = json!({ "user": "bert", "password": PASSWORD, "roles": other });
    boss.post("/api/v1/accounts", &account).good();
    let bert = it
        .web
        .post(LOGIN, &json!({ "user": "bert", "password": PASSWORD }))
        .good();
    let bert = it.web.with(bert["token"].as_str().unwrap());
    bert.get(PROGRESS).problem(403, "role_may_not");
    let last = boss.ask("DELETE", "/api/v1/accounts/boss", &[], b"");
    last.problem(409, "bad_value");
    boss.ask("DELETE", "/api/v1/accounts/bert", &[], b"").good();
    bert.get(SCORES).problem(401, "bad_token");
}

/// A node went on with the keys that it had read at its start, and refused every fresh token.
#[test]
fn a_fresh_key_of_tokens_needs_no_restart() {
    let it = Served::founded();
    let me = |web: &Web| web.get("/api/auth/me");
    let anna = it.somebody("anna", "ro");
    assert_eq!(me(&anna).good()["user"], "anna");
    it.range.done("owner", &["cloud", "token", "--new-key"]);
    let bert = it.somebody("bert", "ro");
    // Made-up keys are looked for once a second.
    until("the fresh key is read", AGREE_MAX, || {
        me(&bert).status == 200
    });
    assert_eq!(me(&anna).good()["user"], "anna", "the key before holds");
}

/// A venue's roles hold in a browser: a member's key is its login, until it is revoked.
#[test]
fn a_member_logs_in_with_its_devices_key() {
    let it = Served::founded();
    it.range.apart("Tablet", "scorer");
    let node = it.node.ready()["key"].as_str().unwrap();
    let challenge = it.web.post("/api/auth/challenge", &json!({})).good();
    let login = |node: &str| {
        let signed = devices::signed(&it.range, "Tablet", node, &challenge);
        it.web.post("/api/auth/device", &signed)
    };
    let another = tallyline_keys::DeviceKey::from_seed([7; 32]).public();
    login(&another.fingerprint()).problem(401, "bad_login");
    let token = login(node).good();
    login(node).problem(401, "bad_login");
    let tablet = it.web.with(token["token"].as_str().unwrap());
    assert_eq!(tablet.get("/api/v1/devices").status, 200);
    assert_eq!(tablet.get("/api/v1/competitions/-/bundle").status, 200);
    tablet.get("/api/v1/conflicts").problem(403, "role_may_not");
    it.range
        .done("owner", &["revoke", "Tablet", "--reason", "lost"]);
    tablet.get("/api/v1/devices").problem(403, "role_may_not");
}

/// Acceptance rows S4-04, S4-06 and S4-07.
#[test]
fn s4_04_a_match_has_one_holder_and_who_else_is_told_who() {
    let it = Served::founded();
    let (anna, bert) = (it.somebody("anna", "ro"), it.somebody("bert", "ro"));
    let claim = "/api/events/-/claims/1";
    anna.post(SCORES, &score(1, 1)).problem(403, "no_claim");
    let mine = anna.post(claim, &json!({ "minutes": 5 })).good();
    let told = bert.post(claim, &json!({})).problem(409, "claim_held");
    assert_eq!(told["claim"]["holder"], "anna");
    assert_eq!(told["claim"]["expires_at"], mine["claim"]["expires_at"]);
    assert_eq!(bert.get(claim).good()["claim"]["holder"], "anna");
    bert.post(SCORES, &score(1, 1)).problem(409, "claim_held");
    bert.ask("DELETE", claim, &[], b"").problem(403, "no_claim");
    anna.post(SCORES, &score(1, 1)).good();
    anna.post(SCORES, &score(2, 1)).problem(403, "no_claim");
    let media = it.somebody("mia", "media");
    media
        .post(SCORES, &score(1, 1))
        .problem(403, "role_may_not");
    anna.ask("DELETE", claim, &[], b"").good();
    bert.post(claim, &json!({})).good();
    bert.post(SCORES, &score(1, 2)).good();
    bert.post(claim, &json!({ "minutes": 241 }))
        .problem(400, "bad_request");
}

/// Acceptance row S4-05: over HTTP what comes late is not taken; a device that holds a lent grant
/// keeps what it wrote, which the core's own tests show.
#[test]
fn s4_05_a_claim_that_is_over_may_be_claimed() {
    let it = Served::founded();
    let (anna, bert) = (it.somebody("anna", "ro"), it.somebody("bert", "ro"));
    let claim = "/api/events/-/claims/1";
    let now = it.web.get("/api/v1/sync/health").good()["server_time"]
        .as_u64()
        .unwrap();
    anna.post(claim, &json!({ "expiresAt": now + 3000 })).good();
    until("it is over", AGREE_MAX, || {
        it.web.patient("/api/v1/sync/health").good()["server_time"]
            .as_u64()
            .unwrap()
            > now + 3000
    });
    anna.post(SCORES, &score(1, 1)).problem(403, "no_claim");
    bert.post(claim, &json!({})).good();
    bert.post(SCORES, &score(1, 1)).good();
    assert_eq!(bert.get(SCORES).good()["total"], 1);
}

/// Acceptance row S4-12.
#[test]
fn s4_12_a_plan_is_its_owners_alone() {
    let it = Served::founded();
    let (anna, bert) = (it.somebody("anna", "coach"), it.somebody("bert", "coach"));
    let path = "/api/events/-/coverage-plans";
    anna.get(path).problem(404, "no_plan");
    let plan = json!({ "stages": [1, 2], "note": "with the long lens" });
    let put = |web: &Web, plan: &Value| web.ask("PUT", path, &[], plan.to_string().as_bytes());
    put(&anna, &plan).good();
    bert.get(path).problem(404, "no_plan");
    let it = it.again();
    let anna = it.web.with(&token(&it.range, "anna", "coach"));
    assert_eq!(anna.get(path).good()["plan"], plan);
    put(&anna, &json!("x".repeat(33 * 1024))).problem(413, "too_large");
    anna.ask("DELETE", path, &[], b"").good();
    anna.get(path).problem(404, "no_plan");
}
