//! A race afternoon of which the office is a browser, and files of other programs.

use serde_json::json;

use super::Served;
use super::http::Web;
use crate::operations::looks::race;
use crate::range::Range;

const INCIDENTS: &str = "/api/events/-/incidents";

/// Who reports, who decides, and who may only look.
fn office() -> (Served, Web, Web, Web) {
    let it = Served::of(Range::founded_from(&race()));
    let (official, jury) = (it.somebody("rita", "ro"), it.somebody("jo", "admin"));
    let spectator = it.somebody("sam", "spectator");
    (it, official, jury, spectator)
}

#[test]
fn an_incident_is_reported_and_decided_over_http() {
    let (it, official, jury, spectator) = office();
    let add = json!({ "race": 1, "bib": 2, "place": "Gate 12", "text": "missed the gate" });
    let recorded = official.post(INCIDENTS, &add).good();
    let groups = official.get(INCIDENTS).good()["groups"].clone();
    let incident = groups[0]["incidents"][0]["incident"].clone();
    assert_eq!(groups[0]["bib"], 2, "{recorded} {groups}");

    let report = json!({ "incident": incident, "text": "both skis outside" });
    official
        .post(&format!("{INCIDENTS}/reports"), &report)
        .good();
    let ruling = json!({ "incident": incident, "ruling": "dsq", "note": "clear" });
    let decisions = format!("{INCIDENTS}/decisions");
    official
        .post(&decisions, &ruling)
        .problem(403, "role_may_not");
    jury.post(&decisions, &ruling).good();
    let groups = jury.get(&format!("{INCIDENTS}?bib=2")).good()["groups"].clone();
    assert_eq!(groups[0]["ruling"]["ruling"], "dsq", "{groups}");
    let reports = &groups[0]["incidents"][0]["reports"];
    assert_eq!(reports[0]["text"], "both skis outside", "{groups}");
    assert_eq!(
        it.range.read("owner", &["incident", "list", "--bib", "2"])["groups"],
        groups,
        "the command line reads the same"
    );

    // What is sent again is there once, what contradicts it is refused, and bad input has a code.
    let id = "0e1f3d5c-0000-4000-8000-000000000001";
    let again = json!({ "race": 1, "bib": 3, "place": "2", "id": id });
    official.post(INCIDENTS, &again).good();
    assert_eq!(official.post(INCIDENTS, &again).good()["known"], true);
    let other = json!({ "race": 1, "bib": 1, "place": "2", "id": id });
    official.post(INCIDENTS, &other).problem(409, "E19");
    for (body, status) in [
        (json!({ "race": 7, "bib": 2, "place": "2" }), 422),
        (json!({ "race": 1, "bib": 99, "place": "2" }), 422),
        (json!({ "race": 1, "bib": 2, "place": "Moon" }), 422),
        (json!({ "race": 1, "bib": -2, "place": "2" }), 400),
        (
            json!({ "race": 1, "bib": 2, "place": "2", "text": "x".repeat(201) }),
            422,
        ),
        (json!({ "bib": 2 }), 400),
    ] {
        let reply = official.post(INCIDENTS, &body);
        assert_eq!(reply.status, status, "{body}: {}", reply.json());
        assert!(reply.json()["code"].is_string(), "{}", reply.json());
    }
    spectator.post(INCIDENTS, &add).problem(403, "role_may_not");
    it.web.get(INCIDENTS).problem(401, "login_needed");
    assert_eq!(
        jury.get("/api/v1/reports/race").good()["schema"],
        "tallyline.report-race/1"
    );
    jury.get("/api/events/-/records/points")
        .problem(422, "bad_value");
}

/// The shooters of a registration list, and what other scoring programs wrote.
#[test]
fn files_of_other_programs_are_taken_in_over_http() {
    let it = Served::founded();
    let boss = it.somebody("boss", "owner");
    let take = |format: &str, more: &str, bytes: &[u8]| {
        let path = format!("/api/v1/import?format={format}{more}");
        boss.ask("POST", &path, &[], bytes)
    };
    for format in ["psc", "miff"] {
        let file = boss.get(&format!("/api/v1/export?format={format}")).body;
        let told = take(format, "&preview=true", &file).good();
        assert_eq!(
            (&told["written"], &told["rows"]["new"]),
            (&json!(false), &json!(0)),
            "{format}: {told}"
        );
        let told = take(format, "", &file).good();
        assert_eq!(told["rows"]["new"], 0, "{format}: {told}");
        let reply = take(format, "", b"no file of that kind");
        reply.problem(422, "bad_file");
    }
}
