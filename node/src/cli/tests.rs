//! Tests of exit codes of commands that fail before a node is asked.

use super::*;
use crate::local::protocol::{Problem, codes};
use crate::root::RootError;

#[test]
fn each_failure_has_its_exit_code_and_one_json_object() {
    let check = |failure: Failure, code: &str, exit: u8| {
        assert_eq!(
            (failure.code.as_str(), failure.exit),
            (code, exit),
            "{failure}"
        );
        let json: serde_json::Value = serde_json::from_str(&failure.json()).unwrap();
        assert_eq!(json["error"]["exit"], exit);
        assert_eq!(json["error"]["code"], code);
        assert_eq!(json["error"]["text"], failure.text);
    };
    let dir = std::path::PathBuf::from("/r");
    check(Failure::usage("x"), "usage", 2);
    check(crate::config::ConfigError::NoHome.into(), "bad_config", 2);
    check(
        RootError::Missing { dir: dir.clone() }.into(),
        codes::NO_ROOT,
        1,
    );
    check(
        RootError::InUse { dir, pid: Some(7) }.into(),
        codes::IN_USE,
        5,
    );
    check(
        Problem::new("E02", exits::REFUSED, "E02 not yours").into(),
        "E02",
        6,
    );
}
