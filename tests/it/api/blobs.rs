//! Pictures and clips over HTTP: read in ranges, and sent part by part.

use serde_json::{Value, json};
use tallyline_tests::process::Process;

use super::http::{Reply, Web};
use super::{start, token};
use crate::media::{JPEG, MP4, bytes, file, hash, structure};
use crate::range::{AGREE_MAX, Range, wait_for};

/// Bytes of a part, at most.
const PART: usize = 1024 * 1024;

fn path(bytes: &[u8]) -> String {
    format!("/api/v1/blobs/{}", hash(bytes))
}

/// Reads a blob, however often somebody asked before.
fn read(web: &Web, method: &str, path: &str, headers: &[(&str, &str)]) -> Reply {
    wait_for("not asked too often", AGREE_MAX, || {
        Some(web.ask(method, path, headers, b"")).filter(|it| it.status != 429)
    })
}

fn create(web: &Web, clip: &[u8], mime: &str) -> Reply {
    let new = json!({ "hash": hash(clip), "bytes": clip.len(), "mime": mime });
    web.post("/api/v1/blobs", &new)
}

/// Sends the part that begins at a place.
fn part(web: &Web, clip: &[u8], at: usize) -> Reply {
    let end = clip.len().min(at + PART);
    let to = format!("{}/part?at={at}", path(clip));
    web.ask("PUT", &to, &[], &clip[at..end])
}

fn complete(web: &Web, clip: &[u8]) -> Reply {
    web.ask("POST", &format!("{}/complete", path(clip)), &[], b"")
}

/// Sends parts from a place on to the end.
fn send(web: &Web, clip: &[u8], from: usize) {
    let mut at = from;
    while at < clip.len() {
        let told = part(web, clip, at).good();
        at = usize::try_from(told["here"].as_u64().unwrap()).unwrap();
    }
}

/// Reports an incident with a clip whose bytes come later.
fn report(range: &Range, web: &Web, clip: &[u8]) -> String {
    let add = [
        "incident", "add", "--race", "9", "--bib", "1", "--place", "1",
    ];
    let incident = range.done("owner", &add);
    let media = json!({ "hash": hash(clip), "bytes": clip.len(), "mime": "video/mp4" });
    let report = json!({ "incident": incident, "text": "see the clip", "media": [media] });
    web.post("/api/events/-/incidents/reports", &report).good();
    incident
}

fn fetched(node: &Process) -> Value {
    node.ask(&json!({ "verb": "media-list" })).unwrap()["fetched"].clone()
}

#[test]
fn a_picture_is_read_in_ranges_by_whoever_sees_the_board() {
    let picture = bytes(JPEG, 1, 150_001);
    let range = Range::founded_from(&structure(std::slice::from_ref(&picture)));
    let node = start(&range, "owner");
    let (web, at) = (Web::of(&node), path(&picture));
    let pending = read(&web, "GET", &at, &[]).problem(404, "media_pending");
    assert_eq!(
        (&pending["here"], &pending["bytes"]),
        (&json!(0), &json!(150_001))
    );
    let source = range.path("a.jpg");
    std::fs::write(&source, &picture).unwrap();
    range.done("owner", &["media", "add", &source]);

    let whole = read(&web, "GET", &at, &[]);
    assert_eq!(whole.status, 200);
    assert!(whole.body == picture, "byte by byte");
    let tag = format!("\"{}\"", hash(&picture));
    for (name, value) in [
        ("content-type", "image/jpeg"),
        ("x-content-type-options", "nosniff"),
        ("accept-ranges", "bytes"),
        ("cache-control", "public, max-age=31536000, immutable"),
        ("etag", &tag),
    ] {
        assert_eq!(whole.header(name), value, "{name}");
    }
    let name = format!("inline; filename=\"{}.jpg\"", hash(&picture));
    assert_eq!(whole.header("content-disposition"), name);

    let head = read(&web, "HEAD", &at, &[]);
    assert_eq!(
        (head.status, head.header("content-length")),
        (200, "150001")
    );
    assert_eq!(
        read(&web, "GET", &at, &[("If-None-Match", &tag)]).status,
        304
    );
    for (asked, from, end) in [
        ("bytes=0-0", 0, 1),
        ("bytes=16383-16385", 16_383, 16_386),
        ("bytes=150000-", 150_000, 150_001),
        ("bytes=-70000", 80_001, 150_001),
        ("bytes=100-999999", 100, 150_001),
    ] {
        let some = read(&web, "GET", &at, &[("Range", asked), ("If-Range", &tag)]);
        assert_eq!(some.status, 206, "{asked}");
        assert!(some.body == picture[from..end], "{asked}");
        let range = format!("bytes {from}-{}/150001", end - 1);
        assert_eq!(some.header("content-range"), range, "{asked}");
    }
    // Whoever has the beginning of another file gets all of this one.
    let other = [("Range", "bytes=5-9"), ("If-Range", "\"other\"")];
    let all = read(&web, "GET", &at, &other);
    assert_eq!((all.status, all.body.len()), (200, picture.len()));
    let beyond = read(&web, "GET", &at, &[("Range", "bytes=150001-")]);
    beyond.problem(416, "bad_range");
    assert_eq!(beyond.header("content-range"), "bytes */150001");
    let unknown = format!("/api/v1/blobs/{}", "0".repeat(64));
    read(&web, "GET", &unknown, &[]).problem(404, "media_not_named");
    read(&web, "GET", "/api/v1/blobs/abc", &[]).problem(400, "bad_request");
    // What is on the disk and the event does not name is nobody's.
    let private = bytes(JPEG, 2, 5_000);
    std::fs::write(&source, &private).unwrap();
    range.done("owner", &["media", "add", &source]);
    read(&web, "GET", &path(&private), &[]).problem(404, "media_not_named");
}

/// Acceptance row S2-16: whatever breaks, the client is told where to go on, and each byte is taken
/// once.
#[test]
fn s2_16_a_clip_sent_over_http_goes_on_after_any_break_with_each_byte_once() {
    let range = Range::founded_from(&structure(&[]));
    let node = start(&range, "owner");
    let secret = token(&range, "vera", "var");
    let web = Web::of(&node).with(&secret);
    let clip = bytes(MP4, 1, 3 * PART + 500_000);
    let incident = report(&range, &web, &clip);
    let shown = range.shown("owner", &["incident", "show", &incident]);
    assert!(shown.contains("video pending"), "{shown}");

    let told = create(&web, &clip, "video/mp4").good();
    assert_eq!((&told["here"], &told["whole"]), (&json!(0), &json!(false)));
    assert_eq!(part(&web, &clip, 0).good()["here"], PART);
    // The connection breaks in the middle of a part: nothing of it counts.
    web.break_off(
        "PUT",
        &format!("{}/part?at={PART}", path(&clip)),
        &clip[PART..2 * PART],
    );
    assert_eq!(create(&web, &clip, "video/mp4").good()["here"], PART);
    // A part that comes twice, and one that is ahead, are told where to go on.
    for at in [0, 2 * PART] {
        let told = part(&web, &clip, at).problem(409, "media_gap");
        assert_eq!(told["here"], PART, "{told}");
    }
    complete(&web, &clip).problem(409, "media_gap");
    assert_eq!(fetched(&node), PART);

    // The node dies: what it said it has is on its disk.
    node.kill().unwrap();
    let node = start(&range, "owner");
    let web = Web::of(&node).with(&secret);
    assert_eq!(create(&web, &clip, "video/mp4").good()["here"], PART);
    let pending = read(&web, "GET", &path(&clip), &[]).problem(404, "media_pending");
    assert_eq!(pending["here"], PART, "{pending}");
    send(&web, &clip, PART);
    assert_eq!(fetched(&node), clip.len() - PART, "each byte once");
    read(&web, "GET", &path(&clip), &[]).problem(404, "media_pending");
    let key = [("Idempotency-Key", "c0ffee")];
    let finish = format!("{}/complete?bytes={}", path(&clip), clip.len());
    let told = web.ask("POST", &finish, &key, b"").good();
    assert_eq!(
        (&told["here"], &told["whole"]),
        (&json!(clip.len()), &json!(true))
    );
    assert_eq!(web.ask("POST", &finish, &key, b"").good(), told);
    assert_eq!(complete(&web, &clip).good(), told, "what is done is done");
    assert_eq!(part(&web, &clip, PART).good(), told);

    let got = read(&web, "GET", &path(&clip), &[]);
    assert!(got.status == 200 && got.body == clip, "byte by byte");
    assert_eq!(got.header("content-type"), "video/mp4");
    assert!(got.header("cache-control").starts_with("private"));
    let shown = range.shown("owner", &["incident", "show", &incident]);
    assert!(shown.contains("bytes: here"), "{shown}");
    // Media of reports are for who reads the reports.
    let coach = Web::of(&node).with(&token(&range, "carl", "coach"));
    read(&coach, "GET", &path(&clip), &[]).problem(403, "role_may_not");
    read(&Web::of(&node), "GET", &path(&clip), &[]).problem(401, "login_needed");
}

/// Acceptance row S2-17: the hash is checked, and what is not what was named never appears.
#[test]
fn s2_17_a_wrong_file_never_appears_and_what_does_not_fit_is_refused() {
    let range = Range::founded_from(&structure(&[]));
    let node = start(&range, "owner");
    let vera = token(&range, "vera", "var");
    let web = Web::of(&node).with(&vera);
    let clip = bytes(MP4, 2, 200_000);
    report(&range, &web, &clip);
    let mut bent = clip.clone();
    bent[77_777] ^= 1;
    create(&web, &clip, "video/mp4").good();
    let to = format!("{}/part?at=0", path(&clip));
    assert_eq!(web.ask("PUT", &to, &[], &bent).good()["here"], 200_000);
    complete(&web, &clip).problem(422, "media_wrong");
    read(&web, "GET", &path(&clip), &[]).problem(404, "media_pending");
    assert_eq!(file(&node, &hash(&clip))["state"], "pending");
    assert_eq!(
        create(&web, &clip, "video/mp4").good()["here"],
        0,
        "none stayed"
    );

    // More than was named, more than a part, more than any blob, and nothing.
    web.ask("PUT", &to, &[], &[&clip[..], b"x"].concat())
        .problem(413, "media_length");
    web.ask("PUT", &to, &[], &vec![0; PART + 1])
        .problem(413, "too_large");
    web.ask("PUT", &to, &[], b"").problem(400, "bad_request");
    let huge = json!({ "hash": hash(&clip), "bytes": 1_u64 << 31, "mime": "video/mp4" });
    web.post("/api/v1/blobs", &huge)
        .problem(413, "media_length");
    // What is named, as what it is named.
    create(&web, &clip, "text/html").problem(415, "media_kind");
    create(&web, &clip, "image/png").problem(415, "media_kind");
    create(&web, &bytes(MP4, 3, 99), "video/mp4").problem(404, "media_not_named");
    let short = json!({ "hash": hash(&clip), "bytes": 7, "mime": "video/mp4" });
    web.post("/api/v1/blobs", &short)
        .problem(404, "media_not_named");
    for role in ["coach", "media", "admin", "spectator"] {
        let other = Web::of(&node).with(&token(&range, role, role));
        create(&other, &clip, "video/mp4").problem(403, "role_may_not");
        part(&other, &clip, 0).problem(403, "role_may_not");
        complete(&other, &clip).problem(403, "role_may_not");
    }
    let nobody = Web::of(&node);
    create(&nobody, &clip, "video/mp4").problem(401, "login_needed");
    send(&web, &clip, 0);
    assert_eq!(complete(&web, &clip).good()["whole"], true);

    // A full quota refuses the file, and no report.
    node.stop().unwrap();
    let small = ["--http", "127.0.0.1:0", "--media-quota", "250000"];
    let node = range.start_with("owner", &[], &small);
    let web = Web::of(&node).with(&vera);
    let second = bytes(MP4, 4, 60_000);
    report(&range, &web, &second);
    create(&web, &second, "video/mp4").problem(507, "media_quota");
    part(&web, &second, 0).problem(507, "media_quota");
}
