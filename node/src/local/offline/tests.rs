use std::fs;

use super::*;
use crate::local::fixture::STRUCTURE;
use crate::local::protocol::{
    EventCreate, EventInfo, Invite, Invited, Join, NodeInfo, Nothing, Request, Scope, Verified,
};
use crate::root::Mode;

fn root() -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a folder");
    Root::create(dir.path(), "Tablet 1", Mode::Gateway).expect("creates");
    dir
}

fn ask(dir: &tempfile::TempDir, request: Request) -> Answer {
    call(dir.path(), &PassphraseSource::Nowhere, request.into())
}

fn create() -> Request {
    Request::EventCreate(EventCreate {
        name: Some("Autumn".to_owned()),
        structure: STRUCTURE.to_owned(),
        cloud_keys: Vec::new(),
        recovery_cards: 0,
    })
}

#[test]
fn an_event_is_founded_and_read_without_a_running_node() {
    let dir = root();
    assert!(matches!(ask(&dir, create()), Answer::Ok(_)), "not founded");
    let info: EventInfo = ask(&dir, Request::EventShow(Nothing {}))
        .data()
        .expect("an event");
    assert_eq!(
        (info.name.as_str(), info.locked, info.shooters.len()),
        ("Autumn", false, 3)
    );
    assert!(
        matches!(ask(&dir, Request::EventLock(Nothing {})), Answer::Ok(_)),
        "not locked"
    );
    let verified: Verified = ask(&dir, Request::Verify(Nothing {}))
        .data()
        .expect("a report");
    assert!(verified.ok && 0 < verified.signatures, "{verified:?}");
    let invited: Invited = ask(&dir, Request::Invite(Invite::default()))
        .data()
        .expect("a ticket");
    let other = root();
    let join = || {
        Request::Join(Join {
            ticket: invited.ticket.clone(),
        })
    };
    assert!(
        matches!(ask(&other, join()), Answer::Ok(_)),
        "does not join"
    );
    let node: NodeInfo = ask(&other, Request::Node(Nothing {}))
        .data()
        .expect("a node");
    assert_eq!(
        (node.phase.as_str(), node.mode.as_str(), node.pid),
        ("joining", "gateway", None)
    );
}

#[test]
fn reading_changes_nothing_on_disk() {
    let dir = root();
    let names = |dir: &tempfile::TempDir| {
        let mut names: Vec<_> = fs::read_dir(dir.path())
            .expect("a folder")
            .map(|it| it.expect("an entry").file_name())
            .filter(|name| name != "node.lock")
            .collect();
        names.sort();
        names
    };
    let before = names(&dir);
    for request in [Request::Node(Nothing {}), Request::Status(Nothing {})] {
        assert!(
            matches!(ask(&dir, request.clone()), Answer::Ok(_)),
            "{request:?}"
        );
    }
    assert_eq!(names(&dir), before);
}

#[test]
fn what_cannot_be_done_says_why_and_changes_nothing() {
    let dir = root();
    let cases = [
        (
            Request::EventShow(Nothing {}),
            codes::NO_EVENT,
            exits::FAILURE,
        ),
        (Request::Export(Nothing {}), codes::NO_EVENT, exits::FAILURE),
        (
            Request::Stop(Nothing {}),
            codes::NOT_RUNNING,
            exits::UNREACHABLE,
        ),
        (
            Request::SyncPause(Scope::default()),
            codes::NOT_RUNNING,
            exits::UNREACHABLE,
        ),
        (
            Request::Join(Join {
                ticket: "xyz".to_owned(),
            }),
            codes::BAD_TICKET,
            exits::USAGE,
        ),
        (
            Request::EventCreate(EventCreate {
                name: None,
                structure: "{}".to_owned(),
                cloud_keys: Vec::new(),
                recovery_cards: 0,
            }),
            codes::BAD_STRUCTURE,
            exits::USAGE,
        ),
    ];
    for (request, code, exit) in cases {
        let Answer::Error(problem) = ask(&dir, request.clone()) else {
            panic!("{request:?}")
        };
        assert_eq!(
            (problem.code.as_str(), problem.exit),
            (code, exit),
            "{}",
            problem.text
        );
    }
}

#[test]
fn a_root_in_use_and_an_unreadable_store_are_named() {
    let dir = root();
    assert!(matches!(ask(&dir, create()), Answer::Ok(_)), "not founded");
    let root = Root::open(dir.path()).expect("opens");
    let lock = root.lock().expect("locks");
    let Answer::Error(problem) = ask(&dir, Request::Status(Nothing {})) else {
        panic!("answers")
    };
    assert_eq!(
        (problem.code.as_str(), problem.exit),
        (codes::IN_USE, exits::UNREACHABLE)
    );
    drop(lock);
    fs::write(root.store_path(), b"not a store").expect("writes");
    let Answer::Error(problem) = ask(&dir, Request::Status(Nothing {})) else {
        panic!("answers")
    };
    assert_eq!(
        (problem.code.as_str(), problem.exit),
        (codes::BAD_STORE, exits::STORAGE)
    );
    assert_eq!(fs::read(root.store_path()).expect("reads"), b"not a store");
}
