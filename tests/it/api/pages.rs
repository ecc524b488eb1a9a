//! The pages of the office and of the description: how they are served, and that their scripts ask for
//! what there is. What they look like no test sees.

use std::collections::BTreeSet;

use serde_json::json;
use tallyline::api::{Role, Scope};

use super::Served;
use crate::range::Range;

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";

const PAGES: [&str; 4] = [
    "/office",
    "/office/-",
    "/office/Spring%20Match",
    "/api/v1/docs",
];

const SCRIPTS: [&str; 2] = ["/office.js", "/docs.js"];

/// Returns the text of a page or script.
fn text(it: &Served, path: &str) -> String {
    let reply = it.web.patient(path);
    assert_eq!(reply.status, 200, "{path}");
    String::from_utf8(reply.body).unwrap()
}

/// Returns what stands between double quotes behind each place where a text stands.
fn quoted<'a>(script: &'a str, before: &str) -> Vec<&'a str> {
    let parts = script.split(before).skip(1);
    let quoted = parts.map(|it| it.split('"').nth(1).unwrap_or_default());
    quoted.collect()
}

/// Returns a script without its comments.
fn code(script: &str) -> String {
    let lines = script
        .lines()
        .filter(|it| !it.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

/// Returns the routes for which a script asks. They stand there as in the description, each in one piece.
fn asked(script: &str) -> BTreeSet<(&'static str, String)> {
    let code = code(script);
    assert_eq!(
        code.matches("/api/").count(),
        code.matches("\"/api/").count(),
        "a path is written in one piece, between double quotes"
    );
    let parts: Vec<&str> = code.split("\"/api/").collect();
    let mut found = BTreeSet::new();
    for pair in parts.windows(2) {
        let before = pair[0].trim_end().to_lowercase();
        let posts = before.ends_with("\"post\",") || before.ends_with("path:");
        let path = format!("/api/{}", pair[1].split('"').next().unwrap());
        found.insert((if posts { "post" } else { "get" }, path));
    }
    found
}

#[test]
fn the_pages_are_served_with_their_policy_and_asked_for_again() {
    let it = Served::founded();
    let pages = PAGES.map(|path| (path, HTML));
    let scripts = SCRIPTS.map(|path| (path, SCRIPT));
    let all = pages.into_iter().chain(scripts);
    for (path, kind) in all.chain([("/office.css", STYLE)]) {
        let reply = it.web.patient(path);
        let told = |name| reply.header(name).to_owned();
        assert_eq!(
            (reply.status, told("content-type")),
            (200, kind.to_owned()),
            "{path}"
        );
        assert_eq!(told("cache-control"), "no-cache", "{path}");
        assert_eq!(told("x-content-type-options"), "nosniff", "{path}");
        let policy = told("content-security-policy");
        for part in [
            "default-src 'none';",
            "script-src 'self';",
            "form-action 'none'",
        ] {
            assert!(policy.contains(part), "{path}: {policy}");
        }
        assert!(
            !policy.contains("unsafe") && !policy.contains("blob:"),
            "{policy}"
        );
        assert_eq!(
            path.starts_with("/office") && kind == HTML,
            told("x-frame-options") == "DENY"
        );
    }
}

/// The policy lets nothing run that stands in a page itself; and what a page loads is there.
#[test]
fn a_page_has_no_script_inside_and_loads_what_there_is() {
    let it = Served::founded();
    let mut loaded = BTreeSet::new();
    for path in ["/office", "/api/v1/docs"] {
        let page = text(&it, path);
        for inside in [
            "<style",
            " style=",
            " onclick=",
            " onload=",
            "javascript:",
            "<script>",
        ] {
            assert!(!page.contains(inside), "{path} has {inside}");
        }
        let links = quoted(&page, "href=")
            .into_iter()
            .chain(quoted(&page, "src="));
        loaded.extend(links.filter(|it| it.starts_with('/')).map(str::to_owned));
    }
    for path in SCRIPTS {
        let script = text(&it, path);
        let code = code(&script);
        for markup in [
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
        ] {
            assert!(!code.contains(markup), "{path} has {markup}");
        }
    }
    let known: BTreeSet<String> = SCRIPTS
        .iter()
        .chain(&["/office.css"])
        .map(|it| (*it).to_owned())
        .collect();
    assert_eq!(loaded, known);
}

/// A route that is renamed takes the page with it, or this test fails.
#[test]
fn a_script_asks_for_routes_that_are_described() {
    let it = Served::founded();
    let described = it.web.get("/api/v1/openapi.json").good();
    let boss = it.somebody("boss", "owner");
    let mut routes = BTreeSet::new();
    for path in SCRIPTS {
        routes.extend(asked(&text(&it, path)));
    }
    assert!(20 < routes.len(), "{routes:?}");
    for (method, path) in &routes {
        let there = &described["paths"][path][*method];
        assert!(there.is_object(), "{method} {path} is not described");
        let stream = path.ends_with("/stream");
        if *method == "post" || stream || path.contains("{hash}") || path.contains("{kind}") {
            continue;
        }
        let path = path
            .replace("{e}", "-")
            .replace("{c}", "-")
            .replace("{m}", "1");
        let more = if path.ends_with("/export") {
            "?format=csv"
        } else {
            ""
        };
        assert_eq!(boss.get(&format!("{path}{more}")).status, 200, "{path}");
    }
    let views = text(&it, "/office.js");
    let kinds: BTreeSet<&str> = quoted(&views, "report(")
        .into_iter()
        .chain(quoted(&views, "{ kind: "))
        .collect();
    let kinds = kinds
        .iter()
        .filter(|it| it.chars().all(|c| c.is_ascii_lowercase()) && !it.is_empty());
    let told: Vec<&&str> = kinds
        .filter(|kind| {
            boss.get(&format!("/api/v1/reports/{kind}?event=Spring%20Match"))
                .status
                == 200
        })
        .collect();
    assert_eq!(
        told,
        [&"audit", &"compliance", &"day", &"missing", &"progress"]
    );
}

/// Scopes, reasons and rulings are those that the node knows.
#[test]
fn the_words_of_the_scripts_are_the_nodes() {
    let it = Served::founded();
    let scripts: String = SCRIPTS.iter().map(|path| text(&it, path)).collect();
    let known: BTreeSet<&str> = Role::Owner.scopes().into_iter().map(Scope::name).collect();
    let mut scopes: BTreeSet<&str> = quoted(&scripts, "may(").into_iter().collect();
    for line in scripts.lines().filter(|it| it.contains("scopes: [")) {
        scopes.extend(line.split('"').skip(1).step_by(2));
    }
    for line in scripts
        .lines()
        .filter(|it| it.contains(", \"/api/") && it.contains('['))
    {
        let before = line.split(", \"/api/").next().unwrap();
        scopes.extend(
            before
                .rsplit('[')
                .next()
                .unwrap()
                .split('"')
                .nth(1)
                .filter(|it| !it.is_empty()),
        );
    }
    assert!(
        scopes.contains("devices-read") && scopes.contains("adopt"),
        "{scopes:?}"
    );
    let other: Vec<_> = scopes
        .difference(&known)
        .filter(|it| !["get", "post"].contains(it))
        .collect();
    assert!(other.is_empty(), "{other:?}");

    let described = it.web.get("/api/v1/openapi.json").good();
    let conflicts = text(&it, "/office.js");
    for name in ["VoidWhy", "RulingWord"] {
        let words = described["components"]["schemas"][name]["enum"]
            .as_array()
            .unwrap();
        for word in words.iter().map(|it| it.as_str().unwrap()) {
            assert!(
                conflicts.contains(&format!("[\"{word}\",")),
                "{name}: {word}"
            );
        }
    }
}

/// Two devices that did not know of each other record a result of the shooter with number 1 on stage 1. Returns
/// what each of them wrote.
fn disputed() -> (Range, String, String) {
    let range = Range::founded();
    range.apart("Tablet", "scorer");
    range.grant("1", "Tablet");
    range.carry("owner", "Tablet");
    let first = range.score("Tablet", "1", "1");
    let what = ["score", "add", "--drill", "1", "--shooter", "1"];
    let result = ["--time", "9.87", "--hits", "2x2A", "--steel", "1"];
    let second = range.done("owner", &[what, result].concat());
    range.carry("Tablet", "owner");
    (range, first, second)
}

/// What the page does about two results in one place: it finds both sides in the history of the place, and voids one, once.
#[test]
fn two_results_in_one_place_are_found_and_decided() {
    let (range, kept, voided) = disputed();
    let it = Served::of(range);
    let boss = it.somebody("boss", "owner");
    let list = "/api/v1/conflicts?event=Spring%20Match";
    let told = boss.get(list).good()["conflicts"].clone();
    assert_eq!(told.as_array().map(Vec::len), Some(1), "{told}");
    assert_eq!(told[0]["what"], "slot");
    assert_eq!(
        (&told[0]["drill"], &told[0]["shooter"]),
        (&json!(1), &json!(1))
    );
    let history = boss.get("/api/events/-/scores/1/history?shooter=1&limit=100");
    let history = history.good();
    let entries = history["entries"].as_array().unwrap().iter();
    let words = ["counts", "needs-decision"];
    let sides = entries.filter(|it| words.contains(&it["verdict"].as_str().unwrap()));
    let mut sides: Vec<&str> = sides.map(|it| it["entry"].as_str().unwrap()).collect();
    sides.sort_unstable();
    let mut both = [kept.as_str(), voided.as_str()];
    both.sort_unstable();
    assert_eq!(sides, both, "{history}");
    assert!(both.contains(&told[0]["name"].as_str().unwrap()), "{told}");

    let void = json!({ "entry": voided, "reason": "duplicate", "note": "seen on paper" });
    let send = || {
        let key = [("Idempotency-Key", "0f3a")];
        let path = "/api/events/-/scores/void";
        boss.ask("POST", path, &key, void.to_string().as_bytes())
    };
    let first = send().good();
    let again = send();
    assert_eq!(again.good(), first);
    assert_eq!(again.header("idempotency-replayed"), "true");
    assert_eq!(boss.get(list).good()["conflicts"], json!([]));
    let voids = boss.get("/api/v1/reports/audit").good()["voids"].clone();
    assert_eq!(voids.as_array().map(Vec::len), Some(1), "{voids}");
    assert_eq!(voids[0]["note"], "seen on paper");
}
