//! A cloud's node that an owner admitted: people write through it over HTTP, from anywhere.

use serde_json::json;

use super::{cloud, is_in_the_cloud, owner_at};
use crate::api::http::Web;
use crate::range::{AGREE_MAX, Range, until};

const SCORES: &str = "/api/events/-/scores";

/// Acceptance rows S4-04 and S4-06 in the cloud: it is a writer as any device, with a log of its own and
/// what the owner granted it. Nobody else's tokens change that.
#[test]
fn a_cloud_writes_what_an_owner_granted_it_and_nothing_else() {
    let range = Range::new();
    let key = cloud(&range, "cloud");
    let node = range.start_with("cloud", &[], &["--http", "127.0.0.1:0"]);
    let owner = owner_at(&range, &node, &key);

    let token = range.done("cloud", &["cloud", "token", "anna", "--role", "ro"]);
    let anna = Web::of(&node).with(&token);
    let claim = |drill: u32| {
        let path = format!("/api/events/-/claims/{drill}");
        anna.post(&path, &json!({ "minutes": 15 })).good();
    };
    claim(1);
    claim(2);
    let score = |drill: u32| anna.post(SCORES, &crate::api::score(drill, 1));
    score(1).problem(403, "E02");

    range.done("owner", &["admit", &key, "--label", "Web"]);
    let grant = ["grant", "--drills", "1", "--squads", "all", "--to", "Web"];
    let granted = range.done("owner", &grant);
    until("the cloud heard of its grant", AGREE_MAX, || {
        score(1).status == 200
    });
    score(2).problem(403, "E02");
    until("the owner has it", AGREE_MAX, || {
        let told = range.read("owner", &["score", "list"]);
        let entries = told["entries"].as_array().unwrap();
        entries.len() == 1 && entries[0]["verdict"] == "counts"
    });
    until("it is in the cloud", AGREE_MAX, || is_in_the_cloud(&owner));
    // Its key stays the cloud's; what it may write is taken back as of any device.
    range.refused(
        "owner",
        &["revoke", "Web", "--reason", "retired"],
        (6, "E02"),
        "is the event's cloud",
    );
    range.done("owner", &["grant", "--closing", &granted]);
    until("the cloud heard of its end", AGREE_MAX, || {
        anna.post(SCORES, &crate::api::score(1, 2)).status == 403
    });
}
