//! What officials and third parties ask.

use serde_json::{Value, json};

use super::http::Web;
use super::{SCORES, Served, score};
use crate::range::structure;

fn entries(told: &Value) -> Vec<String> {
    super::http::ids(told)
}

/// Acceptance row S4-11.
#[test]
fn s4_11_a_history_is_paged_newest_first_with_voids() {
    let it = Served::founded();
    let web = it.somebody("boss", "owner");
    let first = web.post(SCORES, &score(1, 1)).good()["entries"][0].clone();
    let second = web.post(SCORES, &score(1, 2)).good()["entries"][0].clone();
    let void = json!({ "entry": first, "reason": "duplicate" });
    let void = web.post("/api/events/-/scores/void", &void).good()["entries"][0].clone();
    let path = "/api/events/-/scores/1/history";
    let page = web.get(&format!("{path}?limit=2")).good();
    assert_eq!((&page["total"], &page["next"]), (&json!(3), &json!(2)));
    let mut all = entries(&page);
    let rest = web.get(&format!("{path}?limit=2&offset=2")).good();
    assert_eq!(rest["next"], Value::Null);
    all.extend(entries(&rest));
    assert_eq!(json!(all), json!([void, second, first]), "newest first");
    let voided = rest["entries"][0]["verdict"].as_str();
    assert_eq!(voided, Some("voided"));
    let stands = web.get("/api/events/-/scores/1").good();
    assert_eq!(json!(entries(&stands)), json!([second]));
    web.get(&format!("{path}?limit=501"))
        .problem(400, "bad_request");
    web.get(&format!("{path}?limt=5"))
        .problem(400, "bad_request");
    web.get("/api/events/-/scores/one")
        .problem(400, "bad_request");
}

/// Scores are asked for by team and division.
#[test]
fn scores_are_those_of_a_team_or_division() {
    let shooter = |no: u32, division: &str, team: &str| {
        json!({ "shooter": no, "label": format!("Shooter {no}"), "division": division,
                "power_factor": "MAJOR", "squad": 1, "team": team })
    };
    let mut event = structure();
    event["divisions"] = json!(["Open", "Limited"]);
    event["division_power_factors"]["Limited"] = json!({ "minor": 125, "major": 160 });
    event["shooters"] = json!([
        shooter(1, "Open", "Reds"),
        shooter(2, "Limited", "Reds"),
        shooter(3, "Open", "Blues"),
    ]);
    let it = Served::of(crate::range::Range::founded_from(&event));
    let web = it.somebody("boss", "owner");
    let saved: Vec<Value> = (1..=3)
        .map(|no| web.post(SCORES, &score(1, no)).good()["entries"][0].clone())
        .collect();
    for (query, numbers) in [
        ("", &[1, 2, 3][..]),
        ("?teamId=Reds", &[1, 2]),
        ("?division=Open", &[1, 3]),
        ("?division=Open&teamId=Reds", &[1]),
        ("?division=Limited&teamId=Blues", &[]),
        ("?shooter=2", &[2]),
        ("?teamId=reds", &[]),
    ] {
        let told = web.get(&format!("{SCORES}{query}")).good();
        assert_eq!(told["total"], numbers.len(), "{query}");
        let mut found = entries(&told);
        let mut wanted: Vec<&str> = numbers
            .iter()
            .map(|no: &usize| saved[no - 1].as_str().unwrap())
            .collect();
        found.sort_unstable();
        wanted.sort_unstable();
        assert_eq!(found, wanted, "{query}");
    }
}

/// Acceptance row S4-17: what is wrong, where, with a code; and nothing is saved.
#[test]
fn s4_17_bad_input_is_refused_with_its_code() {
    let it = Served::founded();
    let web = it.somebody("boss", "owner");
    let with = |name: &str, value: Value| {
        let mut it = score(1, 1);
        it["record"]["score"][name] = value;
        it
    };
    for (body, status, code) in [
        (with("time_cs", json!([-1])), 400, "bad_request"),
        (with("targets", json!([2, "A"])), 400, "bad_request"),
        (with("hits", json!(7)), 400, "bad_request"),
        (with("drill", json!(9)), 422, "E01"),
        (with("shooter", json!(99)), 422, "E01"),
        (with("targets", json!([2, 0])), 422, "E03"),
        (with("targets", json!([2])), 422, "E04"),
        (with("steel", json!({ "hit": 2 })), 422, "E05"),
    ] {
        let told = web.post(SCORES, &body).problem(status, code);
        assert_eq!(told["where"] == "body", status == 400, "{told}");
    }
    let note = json!({ "record": { "status": {
        "shooter": 1, "drill": 1, "kind": "dnf", "note": "x".repeat(121),
    } } });
    web.post(SCORES, &note).problem(422, "E21");
    assert_eq!(web.get(SCORES).good()["total"], 0);
}

/// Acceptance row S4-17, on the court: a set that cannot end so is none.
#[test]
fn s4_17_a_bad_set_is_refused_with_its_code() {
    let mut event = structure();
    event["stages"] = json!([{ "stage": 1, "name": "Court 1", "scoring": "court",
        "court": { "a": 1, "b": 2, "sets_to_win": 2, "points": 21, "lead": 2, "cap": 30 } }]);
    let it = Served::of(crate::range::Range::founded_from(&event));
    let web = it.somebody("boss", "owner");
    let set = |drill: u32, side: u32, set: u32, own: i32, other: u32| {
        let set = json!({ "drill": drill, "side": side, "set": set, "own": own, "other": other });
        json!({ "record": { "set": set } })
    };
    for (body, status, code) in [
        (set(1, 1, 1, 21, 20), 422, "E03"),
        (set(1, 1, 1, 31, 29), 422, "E03"),
        (set(1, 1, 1, 11, 9), 422, "E03"),
        (set(1, 1, 4, 21, 19), 422, "E03"),
        (set(1, 3, 1, 21, 19), 422, "E01"),
        (set(2, 1, 1, 21, 19), 422, "E01"),
        (set(1, 1, 1, -21, 19), 400, "bad_request"),
    ] {
        let reply = web.post(SCORES, &body);
        println!("{body}: {}", reply.json());
        reply.problem(status, code);
    }
    web.post(SCORES, &set(1, 1, 1, 21, 19)).good();
    web.post(SCORES, &set(1, 2, 2, 30, 29)).good();
    assert_eq!(web.get(SCORES).good()["total"], 2);
}

/// Acceptance row S3-16: who saw an older state gets both versions, and nothing is saved.
#[test]
fn s3_16_who_saw_something_else_is_told_both_versions() {
    let it = Served::founded();
    let web = it.somebody("boss", "owner");
    let send = |seen: &str, body: &Value| {
        web.ask(
            "POST",
            SCORES,
            &[("If-Match", seen)],
            body.to_string().as_bytes(),
        )
    };
    let first = send("none", &score(1, 1)).good()["entries"][0].clone();
    let told = send("none", &score(1, 1)).problem(409, "changed_meanwhile");
    assert_eq!(told["theirs"][0]["entry"], first);
    assert_eq!(told["mine"]["record"]["score"]["shooter"], 1);
    let mut right = score(1, 1);
    right["replaces"] = json!({ "entry": first, "reason": "time" });
    right["record"]["score"]["time_cs"] = json!([1111]);
    send(first.as_str().unwrap(), &right).good();
    send(first.as_str().unwrap(), &right).problem(409, "changed_meanwhile");
    assert_eq!(web.get(SCORES).good()["total"], 1);
}

/// Whoever sends one of them meant something by it: an empty one is no request to do it all the same.
#[test]
fn an_empty_key_or_condition_is_refused() {
    let it = Served::founded();
    let web = it.somebody("boss", "owner");
    let body = score(1, 1).to_string();
    for name in ["Idempotency-Key", "If-Match"] {
        let reply = web.ask("POST", SCORES, &[(name, "")], body.as_bytes());
        assert_eq!(reply.problem(400, "bad_request")["where"], name);
    }
    let none = web.get(SCORES).good();
    assert_eq!(none["total"], 0, "{none}");
}

#[test]
fn the_same_request_again_has_the_same_answer_and_does_nothing() {
    let it = Served::founded();
    let web = it.somebody("boss", "owner");
    let send = |web: &Web, body: &Value| {
        let key = [("Idempotency-Key", "5f0c")];
        web.ask("POST", SCORES, &key, body.to_string().as_bytes())
    };
    let first = send(&web, &score(1, 1));
    let again = send(&web, &score(1, 1));
    assert_eq!(first.good(), again.good());
    assert_eq!(again.header("idempotency-replayed"), "true");
    let told = send(&web, &score(1, 2)).problem(422, "idempotency_key_reused");
    assert_eq!(told["where"], "Idempotency-Key");
    // The key is each person's own.
    let other = it.somebody("vera", "co-owner");
    send(&other, &score(1, 2)).good();
    assert_eq!(web.get(SCORES).good()["total"], 2);
}

/// What was refused did nothing: the same request with the same key is tried again.
#[test]
fn what_was_refused_may_be_sent_again_with_its_key() {
    let it = Served::founded();
    let (anna, bert) = (it.somebody("anna", "ro"), it.somebody("bert", "ro"));
    let claim = "/api/events/-/claims/1";
    let send = |web: &Web, path: &str, body: &Value| {
        let key = [("Idempotency-Key", "5f0c")];
        web.ask("POST", path, &key, body.to_string().as_bytes())
    };
    send(&anna, SCORES, &score(1, 1)).problem(403, "no_claim");
    let mine = send(&anna, claim, &json!({})).good();
    send(&bert, claim, &json!({})).problem(409, "claim_held");
    send(&bert, SCORES, &score(1, 2)).problem(409, "claim_held");
    let saved = send(&anna, SCORES, &score(1, 1));
    let again = send(&anna, SCORES, &score(1, 1));
    assert_eq!(saved.good(), again.good());
    assert_eq!(again.header("idempotency-replayed"), "true");
    assert_eq!(send(&anna, claim, &json!({})).good(), mine);
    anna.ask("DELETE", claim, &[], b"").good();
    send(&bert, claim, &json!({})).good();
    send(&bert, SCORES, &score(1, 2)).good();
    assert_eq!(anna.get(SCORES).good()["total"], 2);
}

/// Acceptance row S4-13: twice is once, and another event's file is refused.
#[test]
fn s4_13_a_file_taken_in_twice_is_taken_in_once() {
    let it = Served::founded();
    let boss = it.somebody("boss", "owner");
    let office = it.somebody("otto", "admin");
    it.range.apart("Tablet", "scorer");
    it.range.grant("1", "Tablet");
    it.range.carry("owner", "Tablet");
    it.range.score("Tablet", "1", "1");
    let file = it.range.path("day.tally");
    it.range.done("Tablet", &["export", &file]);
    let bundle = std::fs::read(&file).unwrap();
    let take =
        |web: &Web, bytes: &[u8]| web.ask("POST", "/api/v1/import?format=bundle", &[], bytes);
    assert_eq!(take(&office, &bundle).good()["fresh"], 1);
    assert_eq!(take(&office, &bundle).good()["fresh"], 0);
    let other = crate::range::Range::founded();
    let file = other.path("other.tally");
    other.done("owner", &["export", &file]);
    let reply = take(&office, &std::fs::read(&file).unwrap());
    assert!((400..500).contains(&reply.status), "{}", reply.json());
    let mut bent = bundle;
    let middle = bent.len() / 2;
    bent[middle] ^= 1;
    take(&office, &bent).problem(422, "bad_file");
    let left = std::fs::read_dir(it.range.root("owner").join("http")).unwrap();
    let left = left.filter(|it| {
        it.as_ref()
            .unwrap()
            .file_name()
            .to_string_lossy()
            .starts_with("incoming")
    });
    assert_eq!(left.count(), 0, "what came in does not stay");

    let whole = boss.get("/api/v1/export?format=bundle");
    assert_eq!(
        (whole.status, whole.header("content-type")),
        (200, "application/octet-stream")
    );
    assert_eq!(take(&boss, &whole.body).good()["fresh"], 0);
    let csv = String::from_utf8(boss.get("/api/v1/export?format=csv").body).unwrap();
    assert!(csv.starts_with("division,place,shooter,label,"), "{csv}");
    let lines = String::from_utf8(boss.get("/api/v1/export?format=jsonl").body).unwrap();
    assert_eq!(lines.lines().count(), 1, "{lines}");
    for format in ["psc", "miff", "report"] {
        assert_eq!(
            boss.get(&format!("/api/v1/export?format={format}")).status,
            200,
            "{format}"
        );
    }
    boss.get("/api/v1/export?format=xls")
        .problem(400, "bad_request");
}

/// Pulled page by page with a cursor, pushed in signed form: what is known changes nothing.
#[test]
fn another_program_pulls_what_is_new_and_pushes_signed_entries() {
    let it = Served::founded();
    let boss = it.somebody("boss", "owner");
    for shooter in 1..=3 {
        boss.post(SCORES, &score(1, shooter)).good();
    }
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let news = boss
            .get(&format!("/api/v1/sync/pull?limit=2&since={cursor}"))
            .good();
        seen.extend(entries(&news));
        news["cursor"].as_str().unwrap().clone_into(&mut cursor);
        if news["more"] == false {
            break;
        }
    }
    assert_eq!(seen.len(), 3);
    boss.get("/api/v1/sync/pull?since=yesterday")
        .problem(422, "bad_value");

    it.range.apart("Tablet", "scorer");
    it.range.grant("2", "Tablet");
    it.range.carry("owner", "Tablet");
    let entry = it.range.score("Tablet", "2", "3");
    let file = it.range.path("day.tally");
    it.range.done("Tablet", &["export", &file]);
    let push = json!({ "bundle": base64(&std::fs::read(&file).unwrap()) });
    let told = boss.post("/api/v1/sync/push", &push).good();
    assert_eq!((&told["fresh"], &told["refused"]), (&json!(1), &json!(0)));
    assert_eq!(boss.post("/api/v1/sync/push", &push).good()["fresh"], 0);
    let news = boss
        .get(&format!("/api/v1/sync/pull?since={cursor}"))
        .good();
    assert_eq!(entries(&news), [entry]);
    boss.post("/api/v1/sync/push", &json!({ "bundle": "?" }))
        .problem(400, "bad_request");
}

#[test]
fn the_office_reads_what_the_command_line_reads() {
    let it = Served::founded();
    let boss = it.somebody("boss", "owner");
    it.range.score("owner", "1", "1");
    for (path, verb) in [
        ("/api/v1/devices", json!({ "verb": "devices" })),
        ("/api/v1/grants", json!({ "verb": "grants" })),
        ("/api/v1/statements", json!({ "verb": "event-statements" })),
        ("/api/v1/conflicts", json!({ "verb": "conflicts" })),
        (
            "/api/v1/reports/progress",
            json!({ "verb": "report", "report": "progress" }),
        ),
        ("/api/events/-/incidents", json!({ "verb": "incidents" })),
        (
            "/api/events/-/standings?all=true",
            json!({ "verb": "standings", "all": true }),
        ),
        ("/api/events/-", json!({ "verb": "event-show" })),
    ] {
        let (over_http, typed) = (boss.get(path).good(), it.node.ask(&verb).unwrap());
        assert_eq!(over_http["schema"], typed["schema"], "{path}");
        if !path.contains("devices") {
            assert_eq!(over_http, typed, "{path}");
        }
    }
    it.range.apart("Tablet", "scorer");
    let opens = json!({ "opens": [{ "to": "Tablet", "squads": [2] }] });
    let grant = boss.post("/api/v1/grants", &opens).good();
    assert_eq!(grant["schema"], "tallyline.assigned/1");
    boss.get("/api/v1/reports/gossip")
        .problem(400, "bad_request");
    let told = it.web.get("/api/v1/openapi.json").good();
    assert!(told["paths"]["/api/events/{e}/board"]["get"].is_object());
    let events = it.web.get("/api/events").good();
    assert_eq!(events["events"][0]["name"], "Spring Match");
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let mut bits = 0_u32;
        for at in 0..3 {
            bits = bits << 8 | u32::from(three.get(at).copied().unwrap_or_default());
        }
        for at in 0..=three.len() {
            let place = usize::try_from(bits >> (18 - 6 * at) & 63).unwrap();
            text.push(char::from(LETTERS[place]));
        }
    }
    text
}
