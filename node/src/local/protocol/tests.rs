use serde_json::json;

use super::*;

/// Reads a line as a call and writes it again.
fn check(line: &Value) {
    let call: Call = serde_json::from_value(line.clone()).expect("a call");
    assert_eq!(&serde_json::to_value(&call).expect("a line"), line);
}

/// Frozen: a client of an older program says the same.
#[test]
fn requests_read_as_documented_and_are_written_the_same() {
    for verb in [
        "node",
        "event-show",
        "event-lock",
        "devices",
        "grants",
        "status",
        "verify",
        "export",
        "stop",
        "score-list",
        "score-history",
    ] {
        check(&json!({ "verb": verb }));
    }
    check(&json!({"event": "wasa", "verb": "status"}));
    check(&json!({"verb": "join", "ticket": "T"}));
    check(
        &json!({"verb": "invite", "role": "gateway", "label": "Pi", "addresses": ["10.0.0.1:1"]}),
    );
    check(&json!({"verb": "admit", "key": "k", "role": "viewer", "label": "TV"}));
    check(
        &json!({"verb": "grant", "opens": [{"to": "A", "drills": [1, 2], "squads": [3]}],
        "closing": ["0123"], "reason": "dead"}),
    );
    check(&json!({"verb": "handover", "grant": "0123", "to": "B", "reason": "stolen"}));
    check(&json!({"verb": "roster-edit", "shooter": 5, "squad": 7, "power_factor": "major"}));
    check(&json!({"verb": "score-void", "entry": "0123", "reason": "wrong-shooter", "note": "n"}));
    check(
        &json!({"verb": "standings", "drill": 1, "division": "Open", "combined": false,
        "all": false}),
    );
    check(&json!({"verb": "admit", "key": "k", "role": ["deputy", "gateway"], "label": "D"}));
    check(&json!({"verb": "revoke", "device": "T", "reason": "stolen", "before": "0123"}));
    check(&json!({"verb": "claim", "drill": 1, "squad": 2, "minutes": 15}));
    check(&json!({"verb": "claim-release", "drill": 1, "squad": 2}));
    check(&json!({"verb": "claims"}));
    check(&json!({"verb": "consent"}));
    check(&json!({"verb": "transfer", "to": "T"}));
    check(&json!({"verb": "recover", "card": "c", "reason": "lost", "before": "0123"}));
    check(&json!({"verb": "adopt", "entries": ["0123"], "reject": true}));
    check(&json!({"verb": "adoptable", "log": "g-0", "branch": "other", "reject": false}));
    check(
        &json!({"verb": "event-amend", "drill": {"drill": 2, "method": "fixed-time",
        "required_hits": [2, 2], "no_shoots": true}, "note": "n"}),
    );
    check(&json!({"verb": "event-amend", "rule": {"text": "10.2.7", "kind": "procedural"}}));
    check(&json!({"verb": "event-last-call"}));
    check(&json!({"verb": "event-chase", "lost": ["T"]}));
    check(&json!({"verb": "event-close"}));
    check(&json!({"verb": "event-statements", "invalid": true}));
    check(&json!({"verb": "cards-spare", "label": "Spare", "count": 2}));
    check(&json!({"verb": "cards-list"}));
    check(&json!({"verb": "cards-revoke", "label": "Spare 1"}));
    check(&json!({"verb": "sync-pause", "cloud": true}));
    check(&json!({"verb": "import", "path": "/a"}));
}

#[test]
fn what_may_be_left_out_is_left_out() {
    let line = json!({"verb": "score-add", "record": {"score": {"drill": 2, "shooter": 175,
        "time_cs": [4292], "targets": [2, 257], "steel": {"hit": 6}}}});
    let call: Call = serde_json::from_value(line).expect("a call");
    let Request::ScoreAdd(ScoreAdd {
        record: Record::Score(score),
        replaces,
        confirmed,
        ..
    }) = call.request
    else {
        panic!("{call:?}");
    };
    assert_eq!(
        (score.drill, score.shooter, score.attempt, score.steel.hit),
        (2, 175, 0, 6)
    );
    assert_eq!((replaces, confirmed), (None, false));
}

#[test]
fn a_field_that_nobody_knows_is_refused() {
    for line in [
        json!({"verb": "score-list", "dril": 2}),
        json!({"verb": "status", "all": true}),
        json!({"verb": "score-add", "record": {"score": {"drill": 1, "shooter": 1, "atempt": 1}}}),
        json!({"verb": "fly"}),
    ] {
        serde_json::from_value::<Call>(line.clone()).expect_err(&line.to_string());
    }
}

#[test]
fn an_answer_of_another_shape_says_that_versions_differ() {
    let answer = Answer::Ok(json!({"schema": "tallyline.saved/9"}));
    let problem = answer.data::<Saved>().expect_err("another shape");
    assert_eq!(
        (problem.code.as_str(), problem.exit),
        (codes::UPDATE_NEEDED, exits::VERSION)
    );
}
