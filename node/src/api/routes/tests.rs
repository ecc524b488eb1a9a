//! Tests of the table.

use std::collections::BTreeSet;

use super::super::Role;
use super::super::access::ROLES;
use super::*;

/// What each role may: the table of the founding documents, written a second time.
const MAY: [(Role, &str); 9] = [
    (
        Role::Owner,
        "READS PLANS SENDS TAKES SEES office export import grant accounts",
    ),
    (
        Role::CoOwner,
        "READS PLANS SENDS TAKES SEES office export import grant",
    ),
    (Role::Ro, "READS PLANS SENDS TAKES SEES"),
    (Role::Official, "READS PLANS SENDS TAKES SEES"),
    (
        Role::Var,
        "READS PLANS SENDS claims claimOf incidents records incidentAdd incidentReport office \
                 report day push",
    ),
    (Role::Office, "READS PLANS SEES office export import"),
    (Role::Coach, "READS PLANS claims claimOf"),
    (Role::Media, "READS report"),
    (Role::Spectator, "READS"),
];

/// What the words in capitals stand for, and some others that go together.
const WORDS: [(&str, &str); 7] = [
    (
        "READS",
        "event board standings stream ws scores scoresOf history pull blob",
    ),
    ("PLANS", "plan planPut planRemove"),
    ("SENDS", "blobCreate blobPart blobComplete"),
    (
        "TAKES",
        "claim claimRelease scoreAdd scoreVoid incidentAdd incidentReport",
    ),
    (
        "SEES",
        "claims claimOf incidents records devices alerts status grants statements report day push",
    ),
    ("office", "decide adopt conflicts"),
    ("accounts", "accounts accountPut accountRemove nodeAlerts"),
];

#[test]
fn every_route_has_a_name_of_its_own_and_says_what_it_does() {
    let mut seen = BTreeSet::new();
    for route in ROUTES {
        assert!(seen.insert(route.id), "{}", route.id);
        assert!(route.what.ends_with('.'), "{}", route.id);
        let about = route.path.contains("{e}") || route.path.contains("{c}");
        let page = route.gives == "text/html";
        assert!(!about || page || route.of == Of::Event, "{}", route.id);
    }
}

/// Acceptance row S4-08: media, spectators and coaches each only what their table says.
#[test]
fn each_role_has_its_routes_and_no_others() {
    for (role, words) in MAY {
        let expected: BTreeSet<&str> = words
            .split_whitespace()
            .flat_map(|word| {
                let found = WORDS.iter().find(|(name, _)| *name == word);
                found.map_or(word, |(_, routes)| routes).split_whitespace()
            })
            .collect();
        let may = ROUTES.iter().filter(|route| match route.need {
            Need::Nobody | Need::Login => false,
            Need::Public(scope) | Need::Scope(scope) => role.may(scope),
        });
        let may: BTreeSet<&str> = may.map(|route| route.id).collect();
        assert_eq!(may, expected, "{role}");
    }
    assert_eq!(MAY.map(|(role, _)| role), ROLES, "no role without its row");
}

/// Of a public event everybody reads what the board is made of; nobody writes without a name.
#[test]
fn nobody_reads_a_public_event_and_writes_nothing() {
    let open = ROUTES
        .iter()
        .filter(|route| matches!(route.need, Need::Public(_)));
    let open: BTreeSet<&str> = open.map(|route| route.id).collect();
    let expected = "event board standings stream ws scores scoresOf history blob";
    assert_eq!(open, expected.split(' ').collect());
    let writes = ROUTES
        .iter()
        .filter(|it| it.need == Need::Nobody && it.method != Verb::Get);
    let writes: BTreeSet<&str> = writes.map(|route| route.id).collect();
    let expected = "login refresh logout challenge device";
    assert_eq!(writes, expected.split(' ').collect());
    for route in ROUTES.iter().filter(|it| it.path.starts_with("/api/auth/")) {
        assert!(!route.keeps_answers(), "{} holds a secret", route.id);
    }
}

#[test]
fn a_handler_that_breaks_answers_a_problem() {
    let causes: [Box<dyn Any + Send>; 3] =
        [Box::new("why"), Box::new("why".to_owned()), Box::new(7)];
    for cause in causes {
        assert_eq!(broken(cause).status(), 500);
    }
}
