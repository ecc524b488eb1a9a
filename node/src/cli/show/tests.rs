//! Tests of what people read: whole texts, compared as they are.

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::*;
use crate::config::Screen;
use crate::local::protocol::{Entries, EventInfo, StandingsData, StatusData};

const PLAIN: Screen = Screen {
    color: false,
    utf8: false,
    columns: None,
};

fn data<T: DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap()
}

fn row(place: Option<u32>, shooter: u32, label: &str, points: Option<&str>) -> Value {
    json!({ "place": place, "shooter": shooter, "label": label, "dq": place.is_none(),
            "match_points": points, "match_percent": points.map(|_| "100.0000") })
}

fn table(complete: bool) -> StandingsData {
    data(json!({
        "schema": "tallyline.standings/1", "name": "Wasa 2018", "complete": complete,
        "missing": if complete { json!([]) } else { json!(["stage 3: 2 shooters without a result"]) },
        "state_digest": "0123456789abcdef",
        "stages": [{ "drill": 1, "name": "French visit", "division": "Open", "rows": [
            { "place": 1, "shooter": 20, "label": "Shooter 020", "dq": false, "points": 112,
              "penalties": 0, "time": "16.49", "hit_factor": "6.7920",
              "stage_points": "120.0000", "stage_percent": "100.00" }] }],
        "matches": [{ "division": "Open", "rows": [
            row(Some(1), 176, "Shooter 176", Some("1290.5899")),
            row(None, 5, "Esc\u{1b}[2Jape", None)] }],
    }))
}

#[test]
fn standings_are_tables_that_say_whether_they_are_complete() {
    let expected = "\
Stage 1 French visit, Open
PLACE  SHOOTER  LABEL        POINTS  PENALTIES   TIME  HIT FACTOR  STAGE POINTS  PERCENT
-----------------------------------------------------------------------------------------
    1       20  Shooter 020     112          0  16.49      6.7920      120.0000   100.00

Wasa 2018, Open
PLACE  SHOOTER  LABEL        MATCH POINTS   PERCENT
----------------------------------------------------
    1      176  Shooter 176     1290.5899  100.0000
   DQ        5  Esc?[2Jape

complete
state 01234567
";
    assert_eq!(standings(&table(true), PLAIN), expected);
    let lacking = standings(&table(false), PLAIN);
    assert!(
        lacking.contains("not complete:\n  stage 3: 2 shooters without a result\n"),
        "{lacking}"
    );
}

#[test]
fn csv_has_the_columns_of_the_published_results() {
    let expected = "\
stage,division,place,shooter,dq,points,penalties,time,hit_factor,stage_points,stage_percent
1,Open,1,20,0,112,0,16.49,6.7920,120.0000,100.00

division,place,shooter,dq,match_points,match_percent
Open,1,176,0,1290.5899,100.0000
Open,,5,1,,
";
    assert_eq!(standings_csv(&table(true)).unwrap(), expected);
}

#[test]
fn entries_tell_what_was_recorded_and_how_it_is_read() {
    let entry = |record: Value, void: Value| {
        json!({ "entry": "0190a1b2-c3d4-8000-8000-000000000001", "label": "T1", "key": "k",
                "grant": "g", "incarnation": "0", "seq": 1, "at_unix_ms": 1_532_500_439_845_i64,
                "record": record, "void": void, "verdict": "counts", "verdict_text": "counts",
                "voided_by": null, "copies": 2, "in_cloud": false })
    };
    let score = json!({ "score": { "drill": 2, "shooter": 175, "time_cs": [4292],
        "targets": [2, 257], "steel": { "hit": 5, "miss": 1 },
        "penalties": [{ "rule": 1, "count": 2 }], "attempt": 1 } });
    let chrono = json!({ "chrono": { "drill": 15, "shooter": 5, "weights_decigrains": [1800],
        "speeds_fps": [963, 958], "gear": "pass" } });
    let dq =
        json!({ "status": { "shooter": 5, "kind": "match-dq", "rule": 28, "note": "stage 14" } });
    let void =
        json!({ "entry": "0190a1b2-c3d4-8000-8000-000000000002", "reason": "wrong-shooter" });
    let list: Entries = data(json!({ "schema": "tallyline.entries/1", "entries": [
        entry(score, Value::Null), entry(chrono, Value::Null), entry(dq, Value::Null),
        entry(Value::Null, void)] }));
    let text = entries(&list, PLAIN);
    for expected in [
        "    2      175  42.92 s, 2A AC, steel 5/1, penalty 1x2, attempt 1  counts   T1",
        "   15        5  chrono, 180.0 gr, 963 958 fps, gear pass",
        "    -        5  match DQ, rule 28, \"stage 14\"",
        "    -        -  void of 0190a1b2-c3d4: wrong-shooter",
        "2018-07-25 06:33:59Z       2  no     0190a1b2-c3d4\n",
    ] {
        assert!(text.contains(expected), "{text} lacks {expected:?}");
    }
}

#[test]
fn status_names_every_log_and_how_far_it_is() {
    let status_data: StatusData = data(json!({
        "schema": "tallyline.status/1",
        "node": { "schema": "tallyline.node/1", "version": "0", "pid": 7, "mode": "gateway",
                  "label": "pi", "key": "k", "phase": "member", "event": null, "addresses": [] },
        "name": "Spring Match", "locked": true, "light": "only-here",
        "summary": "3 only on this device", "remarks": ["Tablet 7 was last seen 9 min ago."],
        "totals": { "entries": 134, "only_here": 3, "in_cloud": 0, "missing_here": 3, "control": 0,
                    "control_in_cloud": 0 },
        "readings": { "counted": 130, "late": 1, "quarantined": 0, "disputed": 0, "voided": 3,
                      "undecided": 0, "unknown": 0 },
        "logs": [{ "label": "Tablet 7", "key": "other", "grant": "g", "incarnation": "0",
                   "partition": "stage 3", "control": false, "open": true, "height": 131,
                   "head_known": 134, "copies": 1, "least_copies": 1, "cloud": 0, "forked": false, "common": true,
                   "last_heard_ms": 540_000, "text": "3 entries are not here yet" }],
        "devices": [], "links": [{ "label": "Tablet 3", "key": "k", "source": "mdns", "dialled": true,
                   "address": "192.168.8.21:4433", "connected_ms": 60_000, "rtt_ms": 4,
                   "frames_sent_bytes": 10, "frames_received_bytes": 20, "udp_sent_bytes": 0,
                   "udp_received_bytes": 0 }],
        "paused": "cloud", "refused": [{ "reason": "gap", "count": 2 }],
        "wire": { "frames_sent_bytes": 10, "frames_received_bytes": 20, "udp_sent_bytes": 30,
                  "udp_received_bytes": 40 },
        "state_digest": "",
    }));
    let text = status(&status_data, PLAIN);
    for expected in [
        "Spring Match (locked)   this device: pi, gateway, running\n3 only on this device\n",
        "The link to the cloud is paused; `tallyline sync resume --cloud` connects again.\n",
        "Tablet 7 was last seen 9 min ago.\n",
        "Tablet 7  stage 3     131  134 (3 behind)       1      0  9 min ago  3 entries are not",
        "Tablet 3   mdns      192.168.8.21:4433  60 s        4 ms  10 B      20 B\n",
        "entries   130 counted, 1 late, 3 voided\nrefused   2 gap\n",
        "bytes     sent 10, received 20 in frames; 30 and 40 in UDP\n",
    ] {
        assert!(text.contains(expected), "{text} lacks {expected:?}");
    }
    let painted = status(
        &status_data,
        Screen {
            color: true,
            utf8: true,
            columns: None,
        },
    );
    assert!(
        painted.contains("\u{1b}[33m3 only on this device\u{1b}[0m"),
        "{painted}"
    );
    assert!(painted.contains('\u{2500}'), "{painted}");
}

#[test]
fn lists_of_numbers_are_written_as_they_are_typed() {
    let check = |list: Option<&[u32]>, expected| assert_eq!(numbers(list), expected);
    check(None, "all");
    check(Some(&[]), "");
    check(Some(&[3]), "3");
    check(Some(&[1, 2, 3, 7, 9, 10]), "1-3,7,9-10");
}

/// A final event was shown as "locked, scores are taken".
#[test]
fn an_event_says_where_it_stands() {
    let shown = |locked: bool, phase: Value, closed: Option<i64>| {
        let info: EventInfo = data(json!({
            "schema": "tallyline.event/1", "event": "", "event_id": "", "name": "Spring",
            "level": "", "owner": "", "cloud": [], "ruleset": "ipsc", "locked": locked,
            "phase": phase, "closed_unix_ms": closed, "revision": 3, "divisions": [],
            "squads": [], "drills": [], "shooters": [], "rules": [], "places": [], "kinds": [],
        }));
        let text = event(&info, PLAIN);
        let line = text.lines().find(|line| line.starts_with("state"));
        line.unwrap().to_owned()
    };
    let scoring = json!({ "phase": "scoring" });
    let last = json!({ "phase": "final", "since_ms": 1_780_400_000_000_u64 });
    for (locked, phase, closed, expected) in [
        (false, scoring.clone(), None, "not locked yet"),
        (true, scoring.clone(), None, "locked, scores are taken"),
        (true, last, None, "final since 2026-06-02"),
        (
            true,
            scoring,
            Some(1_780_400_000_000),
            "closed since 2026-06-02",
        ),
    ] {
        let text = shown(locked, phase, closed);
        assert!(text.contains(expected), "{text} lacks {expected}");
    }
}
