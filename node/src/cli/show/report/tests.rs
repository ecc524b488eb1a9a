//! Tests of what people read: whole texts, compared as they are.

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::*;
use crate::local::protocol::{
    AuditReport, ComplianceReport, ProgressReport, SheetReport, StandingsData,
};

const PLAIN: Screen = Screen {
    color: false,
    utf8: false,
    columns: None,
};

fn data<T: DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap()
}

fn with_head(schema: &str, complete: bool, mut value: Value) -> Value {
    let head = json!({
        "schema": schema, "name": "Spring Match", "zone_min": 180, "complete": complete,
        "phase": { "phase": "provisional", "review_ends_ms": 1_532_500_439_845_u64 },
        "missing": if complete { json!([]) } else { json!(["Stage 2: shooter 3 has no result."]) },
        "state_digest": "0123456789abcdef",
        "heads": [{ "label": "Owner", "grant": "g", "incarnation": "i", "height": 12, "chain": "3f9a2b1c" },
                  { "label": "Tab\u{7}let", "grant": "g", "incarnation": "i", "height": 4, "chain": "a01c22dd" }],
    });
    for (key, field) in head.as_object().unwrap() {
        value[key] = field.clone();
    }
    value
}

#[test]
fn the_progress_grid_is_squads_by_stages() {
    let cell = |drill: u32, squad: u32, done: u32, missing: Value, dnf: Value, undecided: Value| {
        json!({ "drill": drill, "squad": squad, "total": 2, "done": done, "missing": missing,
                "dnf": dnf, "dns": [], "stage_dq": [], "undecided": undecided })
    };
    let report: ProgressReport = data(with_head(
        "tallyline.report-progress/1",
        false,
        json!({ "squads": [1, 2], "cells": [
            cell(1, 1, 2, json!([]), json!([4]), json!([])), cell(1, 2, 2, json!([]), json!([]), json!([7])),
            cell(2, 1, 1, json!([3]), json!([]), json!([])), cell(2, 2, 2, json!([]), json!([]), json!([])),
        ] }),
    ));
    let expected = "\
Spring Match: 7 of 8 results

SQUAD  STAGE 1  STAGE 2
------------------------
    1  2/2 f1   1/2
    2  2/2 !1   2/2

f DNF, s DNS, q stage DQ, ! needs a decision; all but the last are done
not complete:
  Stage 2: shooter 3 has no result.
state 01234567
provisional until 2018-07-25 09:33:59 +03:00
heads Owner 12 3f9a2b1c, Tab?let 4 a01c22dd
";
    assert_eq!(report_text(&report, PLAIN), expected);
    let csv = "\
stage,squad,done,total,missing,dnf,dns,stage_dq,undecided
1,1,2,2,,4,,,
1,2,2,2,,,,,7
2,1,1,2,3,,,,
2,2,2,2,,,,,
";
    assert_eq!(report_csv(&report).unwrap(), csv);
    // Values for programs have no place for it: a person reads it beside them.
    let footer = report_footer(&report);
    assert!(footer.starts_with("not complete:\n  Stage 2"), "{footer}");
    assert!(expected.ends_with(&footer), "{footer}");
}

/// A sheet named its rules by number alone.
#[test]
fn a_sheet_says_what_its_rules_are() {
    let report: SheetReport = data(with_head(
        "tallyline.report-sheet/1",
        true,
        json!({ "shooter": 5, "label": "Doe, John", "division": "Open", "squad": 1,
                "declared": "minor", "power_factor": "minor", "class": "", "team": "",
                "categories": [], "stages": [], "versions": [], "overall": [], "chrono": null,
                "rules": [{ "rule": 49, "kind": "dq", "text": "10.5.5 Sweeping", "code": "" }] }),
    ));
    let text = report_text(&report, PLAIN);
    assert!(text.contains("rule 49: 10.5.5 Sweeping\n"), "{text}");
}

#[test]
fn compliance_tells_counts_times_and_what_lacks() {
    let report: ComplianceReport = data(with_head(
        "tallyline.report-compliance/1",
        true,
        json!({ "rule": "USPSA 9.11.2.1", "counted": ["An exchange counts when so."], "rows": [
            { "date": "2018-07-25", "label": "Owner", "key": "k", "this": true, "entries": 12,
              "syncs": 8, "sync_times": [1_532_500_440_000_u64, 1_532_504_040_000_u64], "copies": 2, "in_cloud": 12,
              "uploads": 3, "upload_times": [1_532_500_440_000_u64], "score_log": true, "lacks": [] },
            { "date": "2018-07-25", "label": "Tablet", "key": "k2", "this": false, "entries": 4,
              "syncs": 2, "sync_times": [], "copies": 2, "in_cloud": 0, "uploads": 0, "upload_times": [],
              "score_log": null, "lacks": ["2 of 6 exchanges."] },
        ] }),
    ));
    let expected = "\
Spring Match: matches without paper, USPSA 9.11.2.1

DAY         DEVICE  ENTRIES  EXCHANGES  AT              COPIES  IN CLOUD  UPLOADS  AT     SCORE LOG
----------------------------------------------------------------------------------------------------
2018-07-25  Owner        12          8  09:34 to 10:34       2        12        3  09:34  on
2018-07-25  Tablet        4          2  -                    2         0        0  -      not known

An exchange counts when so.
complete
";
    let text = report_text(&report, PLAIN);
    assert!(text.starts_with(expected), "{text}");
    let csv = report_csv(&report).unwrap();
    assert!(csv.ends_with("not known,2 of 6 exchanges.\n"), "{csv}");
}

#[test]
fn an_audit_says_what_stands_instead_and_for_whom() {
    let was = json!({ "entry": "e1", "label": "T1", "at_unix_ms": 1, "drill": 2, "shooter": 204, "what": "42.92 s, 2A" });
    let moved = json!({ "entry": "e2", "label": "T1", "at_unix_ms": 2, "drill": 2, "shooter": 175, "what": "42.92 s, 2A" });
    let row = |instead: &Value| {
        json!({ "entry": "v", "by": "T1", "at_unix_ms": 1_532_500_439_845_u64, "reason": "wrong-shooter",
                "agreed": { "ro": true, "shooter": true }, "note": "", "verdict": "counts",
                "target": "e1", "was": was, "instead": instead })
    };
    let report: AuditReport = data(with_head(
        "tallyline.report-audit/1",
        true,
        json!({ "voids": [row(&moved), row(&Value::Null)] }),
    ));
    let text = report_text(&report, PLAIN);
    for part in [
        "Spring Match: 2 voids",
        "wrong-shooter",
        "RO and shooter",
        "shooter 175, stage 2: 42.92 s, 2A",
        "nothing",
    ] {
        assert!(text.contains(part), "{text} lacks {part:?}");
    }
}

#[test]
fn a_match_of_times_shows_times_and_who_is_not_ranked() {
    let standings: StandingsData = data(json!({
        "schema": "tallyline.standings/1", "name": "Steel", "complete": true, "missing": [],
        "state_digest": "0123456789abcdef", "adds": "time",
        "stages": [{ "drill": 1, "name": "Five", "division": "Open", "measure": "time", "rows": [
            { "place": 1, "shooter": 1, "label": "A", "dq": false, "points": 0, "penalties": 0, "time": "12.00",
              "hit_factor": "0.0000", "stage_points": "100.0000", "stage_percent": "100.00", "total_time": "15.00" },
            { "place": 2, "shooter": 2, "label": "B", "dq": false, "points": 0, "penalties": 0, "time": "0.00",
              "hit_factor": "0.0000", "stage_points": "0.0000", "stage_percent": "0.00", "total_time": "0.00",
              "missed": "dnf" }] }],
        "matches": [{ "division": "Open", "rows": [
            { "place": 1, "shooter": 1, "label": "A", "dq": false, "match_points": "100.0000",
              "match_percent": "100.0000", "match_time": "15.00" },
            { "place": 2, "shooter": 2, "label": "B", "dq": false, "match_points": "0.0000",
              "match_percent": "0.0000", "match_time": "0.00", "unranked": "dnf" }] }],
        "teams": [{ "division": "Open", "counts": 2, "rows": [
            { "place": 1, "team": "Reds", "match_points": null, "match_time": "15.00", "counted": [1], "others": [2],
              "short": true }] }],
    }));
    let expected = "\
Stage 1 Five, Open
PLACE  SHOOTER  LABEL   TIME  TOTAL TIME  STAGE POINTS  PERCENT
----------------------------------------------------------------
    1        1  A      12.00       15.00      100.0000   100.00
  DNF        2  B                               0.0000     0.00

Steel, Open
PLACE  SHOOTER  LABEL  MATCH TIME   PERCENT
--------------------------------------------
    1        1  A           15.00  100.0000
  DNF        2  B

Steel, teams, Open
PLACE  TEAM  MATCH TIME  COUNT  OTHERS
-----------------------------------------------------
    1  Reds       15.00  1      2       1 of 2 count

complete
state 01234567
";
    assert_eq!(super::super::standings(&standings, PLAIN), expected);
    let csv = super::super::standings_csv(&standings).unwrap();
    assert!(csv.contains("total_time,xs,missed\n"), "{csv}");
    assert!(csv.contains("match_percent,match_time,unranked\n"), "{csv}");
    assert!(csv.contains("Open,1,Reds,,15.00,1,2,1\n"), "{csv}");
}
