//! Inputs that every reader refuses, by their bytes and by the reason.

use std::fmt::Debug;

use prost::encoding;
use tallyline_keys::{Purpose, Signature};
use tallyline_proto::{
    log::{Chain, Ledger, Refusal, sign_head},
    model::{Body, Entry, EventId, GrantId, Hash, Incarnation, LogName, Manifest, ShooterNo},
    wire::{
        CHUNK_ENTRIES_MAX, Cell, CellKind, ENTRY_BYTES_MAX, FRAME_BYTES_MAX, Frame, Hello,
        MANIFEST_BYTES_MAX, STATEMENT_BYTES_MAX, SignedStatement, WireError, card_from_text,
        decode_bundle, decode_cell, decode_entry, decode_frame, decode_manifest, decode_signed,
        decode_statement, encode_cell, encode_entry, encode_frame, encode_manifest, encode_signed,
        offer_from_text, sign_cell, split_entries, ticket_from_text,
    },
};

use super::{OWNER, TABLET, Vectors, device, event, full_score, log, manifest, plain_score};

/// The identity point: its signatures hold for everything.
const WEAK_KEY: [u8; 32] = {
    let mut key = [0; 32];
    key[0] = 1;
    key
};

/// Replaces bytes that must stand in the message exactly once.
fn swap(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut places = (0..bytes.len()).filter(|&at| bytes[at..].starts_with(from));
    let at = places.next().expect("the bytes to replace are there");
    assert_eq!(places.next(), None, "and only once");
    [&bytes[..at], to, &bytes[at + from.len()..]].concat()
}

fn changed(change: impl FnOnce(&mut Manifest)) -> Vec<u8> {
    let mut it = manifest();
    change(&mut it);
    encode_manifest(&it)
}

/// Lays out one field of bytes.
fn field(number: u32, bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    encoding::bytes::encode(number, &bytes.to_vec(), &mut out);
    out
}

/// Lays out one field of a number.
fn varint(number: u32, value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    encoding::uint64::encode(number, &value, &mut out);
    out
}

/// Lays out a frame: a byte for its kind, then its body.
fn frame_of(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[kind], body].concat()
}

/// Lays out a push by tag.
fn push_of(from: &[u8], entries: &[u8]) -> Vec<u8> {
    frame_of(3, &[&[1, 2, 3, 4, 5], from, &[0; 64], entries].concat())
}

fn check<T: Debug>(
    vectors: &mut Vectors,
    name: &str,
    bytes: &[u8],
    read: impl FnOnce(&[u8]) -> Result<T, WireError>,
) {
    let committed = vectors.bytes(name, bytes);
    let found = read(&committed).expect_err(name);
    vectors.text(&format!("{name}: why"), &format!("{found:?}"));
}

/// R-KEY-1, R-EVENT-2.
#[test]
fn manifests_with_weak_keys_and_unordered_numbers_are_refused() {
    let mut vectors = Vectors::open("refused_manifests");
    let good = encode_manifest(&manifest());
    let owner = device(OWNER).public();
    let mut manifest = |name, bytes: &[u8]| check(&mut vectors, name, bytes, decode_manifest);
    manifest("weak owner", &swap(&good, owner.as_bytes(), &WEAK_KEY));
    manifest("no key at all", &swap(&good, owner.as_bytes(), &[0xff; 32]));
    manifest(
        "drills out of order",
        &changed(|it| it.structure.drills.swap(0, 1)),
    );
    manifest(
        "shooters out of order",
        &changed(|it| it.structure.shooters.swap(0, 1)),
    );
    manifest(
        "a rule twice",
        &changed(|it| it.structure.rules[1].no.0 = 1),
    );
    manifest(
        "shooter 0",
        &changed(|it| it.structure.shooters[0].no = ShooterNo(0)),
    );
    manifest(
        "no such division",
        &changed(|it| it.structure.shooters[0].division = 2),
    );
    manifest(
        "rule number above 24 bits",
        &changed(|it| it.structure.rules[3].no.0 = 1 << 24),
    );
    manifest("no name", &changed(|it| it.name.clear()));
    manifest("name of 65 bytes", &changed(|it| it.name = "n".repeat(65)));
    manifest("nine cloud keys", &changed(|it| it.cloud = vec![owner; 9]));
    manifest(
        "17 strings",
        &changed(|it| it.structure.drills[0].strings = 17),
    );
    manifest(
        "16 hits on a target",
        &changed(|it| it.structure.drills[0].required_hits[0] = 16),
    );
    manifest("cut short", &good[..good.len() - 1]);
    vectors.close();
    let large = vec![0; MANIFEST_BYTES_MAX + 1];
    assert_eq!(
        decode_manifest(&large),
        Err(WireError::TooLarge("manifest"))
    );
}

/// R-ENTRY-2, R-ENTRY-6.
#[test]
fn entries_with_values_out_of_range_are_refused() {
    let mut vectors = Vectors::open("refused_entries");
    let read = |bytes: &[u8]| decode_entry(bytes, &log());
    let mut entry = |name, bytes: &[u8]| check(&mut vectors, name, bytes, read);
    let score = |fields: &[Vec<u8>]| {
        let known = [varint(1, 1), varint(2, 1)].concat();
        field(4, &[known, fields.concat()].concat())
    };
    let mut hits = Vec::new();
    encoding::uint32::encode_packed(5, &[1 << 28], &mut hits);
    entry("hits with bit 28", &score(&[hits]));
    let mut hits = Vec::new();
    encoding::uint32::encode_packed(5, &[0; 65], &mut hits);
    entry("65 targets", &score(&[hits]));
    let mut penalties = Vec::new();
    encoding::uint32::encode_packed(7, &[1], &mut penalties);
    entry("penalty under rule 0", &score(&[penalties]));
    entry("score without drill", &field(4, &varint(2, 1)));
    entry("score without shooter", &field(4, &varint(1, 1)));
    let status =
        |kind, note: &str| [varint(1, 1), varint(3, kind), field(5, note.as_bytes())].concat();
    entry("status of no kind", &field(5, &status(0, "")));
    entry("status of an unknown kind", &field(5, &status(99, "")));
    entry("note of 121 bytes", &field(5, &status(2, &"n".repeat(121))));
    entry("void of nothing", &field(6, &varint(3, 1)));
    entry("void without reason", &field(6, &varint(1, 1)));
    let mut speeds = Vec::new();
    encoding::uint32::encode_packed(4, &[1; 17], &mut speeds);
    let reading = [varint(1, 3), varint(2, 1), speeds].concat();
    entry("17 speeds", &field(7, &reading));
    entry(
        "succession with half a hash",
        &field(3, &field(1, &field(3, &[0; 16]))),
    );
    entry("no message", &[0x22, 0x05, 1]);
    vectors.close();
    let long = field(100, &[0; ENTRY_BYTES_MAX]);
    assert_eq!(
        read(&long).map(|it| it.body),
        Err(WireError::TooLarge("entry"))
    );
    let long = field(8, &vec![0; STATEMENT_BYTES_MAX]);
    assert_eq!(
        read(&long).map(|it| it.body),
        Err(WireError::TooLarge("entry"))
    );
}

/// R-CONTROL-1.
#[test]
fn statements_with_weak_keys_and_bad_labels_are_refused() {
    let mut vectors = Vectors::open("refused_statements");
    let key = device(TABLET).public();
    let admit = |key: &[u8], label: &str| {
        field(
            1,
            &[field(1, key), varint(2, 1), field(3, label.as_bytes())].concat(),
        )
    };
    let mut statement = |name, bytes: &[u8]| check(&mut vectors, name, bytes, decode_statement);
    statement("weak key", &admit(&WEAK_KEY, "a"));
    statement("31 bytes of key", &admit(&key.as_bytes()[1..], "a"));
    statement("no label", &admit(key.as_bytes(), ""));
    statement("label of 33 bytes", &admit(key.as_bytes(), &"l".repeat(33)));
    statement(
        "label that turns the line",
        &admit(key.as_bytes(), "a\u{202e}b"),
    );
    statement(
        "label with a control character",
        &admit(key.as_bytes(), "a\nb"),
    );
    let open = |drills: &[u32]| {
        let mut packed = Vec::new();
        encoding::uint32::encode_packed(2, drills, &mut packed);
        field(2, &field(2, &[field(1, key.as_bytes()), packed].concat()))
    };
    statement("drills out of order", &open(&[2, 1]));
    statement("a drill twice", &open(&[1, 1]));
    let close = [field(1, &[0; 32]), varint(3, 5)].concat();
    statement("close for an unknown reason", &field(2, &field(1, &close)));
    statement("unknown kind", &field(99, &[]));
    let signed = [field(1, &[]), field(2, key.as_bytes()), field(3, &[0; 63])].concat();
    check(
        &mut vectors,
        "signature of 63 bytes",
        &signed,
        decode_signed,
    );
    let signed = [field(1, &[]), field(2, &WEAK_KEY), field(3, &[0; 64])].concat();
    check(&mut vectors, "weak signer", &signed, decode_signed);
    vectors.close();
}

/// R-FRAME-2, R-ENTRY-1, R-CLAIM-1, R-CLAIM-2.
#[test]
fn chunks_and_frames_above_their_limits_are_refused() {
    let mut vectors = Vectors::open("refused_frames");
    let mut frame = |name, bytes: &[u8]| check(&mut vectors, name, bytes, decode_frame);
    let mut push = |name, entries: &[u8]| frame(name, &push_of(&[1], entries));
    push("257 entries", &[0; CHUNK_ENTRIES_MAX + 1]);
    push("no entry", &[]);
    push("entry cut short", &[2, 0]);
    push("length of four bytes", &[0x80, 0x80, 0x80, 0x01]);
    push("entry of 24 KiB and 1", &[0x81, 0xc0, 0x01]);
    frame("push from 0", &push_of(&[0], &[0]));
    let last = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
    frame("push from the last sequence", &push_of(&last, &[0]));
    frame("push without signature", &frame_of(3, &[1, 2, 3, 4, 5, 1]));
    frame("push by half a name", &frame_of(4, &[0; 39]));
    frame("tags and heights differ", &frame_of(5, &field(1, &[0; 5])));
    let hello = [varint(1, 1), field(2, &[0; 8])].concat();
    frame("hello without digest", &frame_of(1, &hello));
    let join = [field(1, &[0; 32]), field(2, &[0; 32])].concat();
    frame("join without label", &frame_of(10, &join));
    let id = [vec![0x09], vec![7; 8], varint(2, 1)].concat();
    let mut ask = |name, fields: &[Vec<u8>]| {
        frame(name, &frame_of(16, &[id.clone(), fields.concat()].concat()));
    };
    let cell = [varint(3, 1), varint(4, 1)].concat();
    ask("ask for no time", std::slice::from_ref(&cell));
    ask("ask for 241 minutes", &[cell.clone(), varint(5, 241)]);
    ask("ask for no squad", &[varint(3, 1), varint(5, 1)]);
    ask(
        "ask for a cell and to give back",
        &[cell, field(6, &[4; 32])],
    );
    ask("ask with half a grant", &[field(6, &[4; 16])]);
    ask(
        "ask with a log without height",
        &[field(6, &[4; 32]), field(7, &[1; 8])],
    );
    let many = [field(7, &[1; 129 * 8]), field(8, &[1; 129])].concat();
    ask("ask with 129 logs", &[field(6, &[4; 32]), many]);
    frame(
        "ask without number",
        &frame_of(16, &[varint(3, 1), varint(4, 1), varint(5, 1)].concat()),
    );
    let held = [id, varint(3, 3)].concat();
    frame("held by nobody", &frame_of(17, &held));
    frame("no message", &frame_of(1, &[0x0a, 0x05]));
    frame("nothing", &[]);
    vectors.close();
    let large = vec![0; FRAME_BYTES_MAX + 1];
    assert_eq!(decode_frame(&large), Err(WireError::TooLarge("frame")));
    assert_eq!(decode_cell(&large), Err(WireError::TooLarge("cell")));
    let nested = (0..200).fold(Vec::new(), |inner: Vec<u8>, _| field(1, &inner));
    let nested = frame_of(8, &nested);
    assert!(decode_frame(&nested).is_err(), "no stack is used up");
    assert_eq!(
        decode_frame(&[77, 1, 2]),
        Ok(None),
        "an unknown kind is skipped"
    );
    let many = vec![0; CHUNK_ENTRIES_MAX];
    assert_eq!(
        split_entries(&many).map(|it| it.len()),
        Ok(CHUNK_ENTRIES_MAX)
    );
}

/// R-BUNDLE-1, R-TICKET-2, R-TICKET-3, R-CARD-2.
#[test]
fn damaged_bundles_and_tickets_are_refused() {
    let mut vectors = Vectors::open("refused_files");
    let mut bundle = |name, bytes: &[u8]| check(&mut vectors, name, bytes, decode_bundle);
    bundle("another first line", b"TALLYLINE-BUNDLE-2\n");
    bundle("frame cut short", b"TALLYLINE-BUNDLE-1\n\x05\x0a");
    bundle("frame of 64 KiB and 1", b"TALLYLINE-BUNDLE-1\n\x81\x80\x04");
    let good = "TALLYLINE1-AAAAAAA";
    for (name, text) in [
        ("empty", ""),
        ("another word", "TALLYLINE2-AAAA"),
        ("check only", good),
        ("a digit that is none", "TALLYLINE1-AAAA1AAA"),
        ("two characters", "TALLYLINE1-AA"),
    ] {
        let why = ticket_from_text(text).expect_err(name).why;
        vectors.text(&format!("ticket, {name}"), &format!("{text} {why:?}"));
    }
    let card = "TALLYLINE-CARD1-AAAAAAA";
    for (name, text) in [
        ("ticket", good),
        ("check only", card),
        ("a digit that is none", "TALLYLINE-CARD1-AAAA1AAA"),
        ("10 KB", &"TALLYLINE-CARD1-A".repeat(600)),
    ] {
        let why = card_from_text(text).expect_err(name).why;
        vectors.text(&format!("card, {name}"), &format!("{why:?}"));
    }
    for (name, text) in [("card", card), ("empty", "")] {
        let why = offer_from_text(text).expect_err(name).why;
        vectors.text(&format!("offer, {name}"), &format!("{why:?}"));
    }
    vectors.close();
}

/// R-CHAIN-4: nothing of a chunk is taken whose head does not hold.
#[test]
fn chunks_signed_for_something_else_are_not_taken() {
    let owner = device(OWNER);
    let name = LogName {
        grant: GrantId::control(event()),
        incarnation: Incarnation(1),
    };
    let bodies = [full_score(), plain_score()].map(Body::Score);
    let entries = bodies.map(|body| {
        let entry = Entry {
            at_delta_ms: 1,
            revision: 1,
            succession: Vec::new(),
            body,
        };
        encode_entry(&entry, None)
    });
    let head = |event: EventId, name: &LogName, entries: &[Vec<u8>]| {
        let start = Chain::start(event, name, &owner.public());
        let chain = entries.iter().fold(start, |chain, it| chain.link(it));
        sign_head(&owner, event, name, (2, chain))
    };
    let other_log = LogName {
        incarnation: Incarnation(2),
        ..name
    };
    let mut swapped = entries.clone();
    swapped.swap(0, 1);
    let mut ledger = Ledger::new(event(), manifest());
    for (why, signature) in [
        (
            "another event's",
            head(EventId(Hash([9; 32])), &name, &entries),
        ),
        ("another log's", head(event(), &other_log, &entries)),
        ("another order's", head(event(), &name, &swapped)),
        ("none", Signature::from_bytes([0; 64])),
    ] {
        let taken = ledger.take(name, 1, &entries, &signature);
        assert_eq!(taken, Err(Refusal::BadSignature), "{why}");
    }
    let foreign = LogName {
        grant: GrantId(Hash([5; 32])),
        ..name
    };
    let signature = head(event(), &foreign, &entries);
    assert_eq!(
        ledger.take(foreign, 1, &entries, &signature),
        Err(Refusal::UnknownGrant)
    );
    let signature = head(event(), &name, &entries);
    assert_eq!(
        ledger.take(name, 2, &entries, &signature),
        Err(Refusal::Gap)
    );
    assert_eq!(ledger.entries(), 0, "nothing was kept");
    ledger.take(name, 1, &entries, &signature).expect("its own");
    assert_eq!(ledger.entries(), 2, "both");
}

/// R-VERSION-2: fields of a later version do no harm, and what they stand in is sent on as it was.
#[test]
fn messages_of_a_later_version_are_read_and_relayed_byte_by_byte() {
    let hello = Hello {
        version: 1,
        event_tag: [1; 8],
        state: [2; 16],
        store: 3,
        answer: false,
        receipts: 0,
        clock_ms: 0,
    };
    let mut bytes = encode_frame(&Frame::Hello(hello));
    bytes.extend(field(2_000, b"later"));
    assert_eq!(
        decode_frame(&bytes),
        Ok(Some(Frame::Hello(hello))),
        "a frame"
    );

    let owner = device(OWNER);
    let mut body = varint(1, 8);
    body.extend(field(77, &[]));
    let signed = SignedStatement {
        signature: owner.sign(Purpose::Statement, &event().0.0, &body),
        signer: owner.public(),
        body,
    };
    let read = decode_signed(&encode_signed(&signed)).expect("a later statement is read");
    assert_eq!(read, signed, "with its exact bytes");
    assert!(read.holds(event()), "whose signature holds");
    assert!(
        decode_statement(&read.body).is_err(),
        "though nobody here knows the kind"
    );

    let kind = CellKind::Presence(Vec::new());
    let cell = Cell {
        store: 1,
        counter: 2,
        wall_ms: 3,
        near: Vec::new(),
        kind,
    };
    let mut signed = sign_cell(&owner, event(), cell);
    signed.body.extend(field(77, &[]));
    signed.signature = owner.sign(Purpose::Cell, &event().0.0, &signed.body);
    let read = decode_cell(&encode_cell(&signed)).expect("a later cell is read");
    let read = read.expect("of a known kind");
    assert!(
        read.holds(event()),
        "its signature covers what is not understood"
    );
    assert_eq!(
        encode_cell(&read),
        encode_cell(&signed),
        "and it is sent on as it was"
    );
}
