//! Golden vectors: exact bytes, hashes and signatures of protocol version 1, and inputs that are
//! refused.
//!
//! Each test builds its values from fixed seeds, compares them with the committed files under
//! `vectors/v1`, and reads the committed bytes back. A file is never rewritten: a vector that no
//! longer fits is a change of the protocol. `UPDATE_GOLDEN=1` adds vectors that are missing.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking, in its helpers too"
)]

mod golden_vectors;

use golden_vectors::{
    CLOUD, OWNER, TABLET, Vectors, claim_frames, device, event, full_score, hex, key_frames, log,
    manifest, plain_score, squad_one, unhex,
};
use tallyline_keys::{Purpose, Signature, Warrant};
use tallyline_proto::{
    log::{Chain, Ledger, Log, sign_consent, sign_head, verify_head},
    model::{
        About, Admit, Adopt, Agreed, Amend, Amendment, Assign, Body, Card, CardKind, Chrono, Close,
        CloseReason, Consent, Cut, Decision, DrillNo, Entry, EntryId, EventClose, EventId, Gear,
        GrantId, Hash, Incarnation, Lock, LogCut, LogEnd, LogName, Offer, Open, Predecessor,
        Revoke, RevokeReason, Roles, RosterChange, RuleNo, ShooterEdit, ShooterNo, SquadNo,
        Statement, Status, StatusKind, Ticket, Transfer, Void, VoidReason,
    },
    wire::{
        Cell, CellKind, Claim, Commit, Fork, Frame, Hello, Join, LogRef, Push, Vector,
        card_from_text, card_to_text, decode_bundle, decode_card, decode_cell, decode_entry,
        decode_fork, decode_frame, decode_manifest, decode_offer, decode_signed, decode_statement,
        decode_ticket, encode_bundle, encode_card, encode_cell, encode_entry, encode_fork,
        encode_frame, encode_manifest, encode_offer, encode_signed, encode_structure,
        encode_ticket, entry_id, event_id, grant_id, hash, log_short_id, log_tag, offer_from_text,
        offer_to_text, sign_cell, sign_statement, structure_hash, ticket_from_text, ticket_to_text,
    },
};

/// Hashes as docs/PROTOCOL.md says, without the code under test. R-HASH-1.
fn by_hand(label: &str, parts: &[&[u8]]) -> [u8; 32] {
    let bytes = [b"tallyline/v1/", label.as_bytes(), b"\0", &parts.concat()].concat();
    *blake3::hash(&bytes).as_bytes()
}

/// An Assign that closes one grant with a cut and opens two.
fn assign() -> Statement {
    Statement::Assign(Assign {
        closes: vec![Close {
            grant: GrantId(Hash([0x44; 32])),
            cuts: vec![Cut {
                incarnation: Incarnation(7),
                height: 300,
                hash: Hash([0x55; 32]),
                signature: Signature::from_bytes([0x66; 64]),
            }],
            reason: CloseReason::Dead,
        }],
        opens: vec![
            Open {
                key: device(TABLET).public(),
                cells: squad_one(),
                until_ms: None,
            },
            Open {
                key: device(OWNER).public(),
                cells: tallyline_proto::model::CellSet {
                    drills: Some(vec![DrillNo(1), DrillNo(2)]),
                    squads: None,
                },
                until_ms: None,
            },
        ],
        under: None,
    })
}

/// Statements about whose event it is, who is no member any more, and what counts.
fn statements_of_rights() -> Vec<(&'static str, Statement)> {
    let cut = LogCut {
        grant: GrantId(Hash([0x44; 32])),
        cut: Cut {
            incarnation: Incarnation(7),
            height: 300,
            hash: Hash([0x55; 32]),
            signature: Signature::from_bytes([0x66; 64]),
        },
    };
    let consent = sign_consent(&device(TABLET), event(), &device(OWNER).public(), 1);
    let passing = Transfer {
        owner: device(OWNER).public(),
        to: device(TABLET).public(),
        label: "Tablet 1".to_owned(),
        epoch: 1,
        cuts: vec![cut],
        consent,
    };
    let drill = manifest().structure.drills[0].clone();
    vec![
        (
            "revoke",
            Statement::Revoke(Revoke {
                key: device(TABLET).public(),
                reason: RevokeReason::Lost,
                cuts: vec![cut],
            }),
        ),
        (
            "consent",
            Statement::Consent(Consent {
                owner: device(OWNER).public(),
                epoch: 1,
                signature: consent,
            }),
        ),
        ("transfer", Statement::Transfer(passing.clone())),
        ("recover", Statement::Recover(passing)),
        (
            "adopt",
            Statement::Adopt(Adopt {
                log: log(),
                from: 3,
                to: 300,
                hash: Hash([0x55; 32]),
                decision: Decision::Count,
            }),
        ),
        (
            "amend",
            Statement::Amend(Amend {
                change: Amendment::Drill(drill),
                note: "target 3 was forgotten".to_owned(),
            }),
        ),
        ("last call", Statement::LastCall),
        (
            "event close",
            Statement::EventClose(EventClose {
                ends: vec![LogEnd {
                    log: [0x77; 16],
                    height: 300,
                    hash: Hash([0x55; 32]),
                }],
                lost: vec![device(TABLET).public()],
            }),
        ),
    ]
}

fn statements() -> Vec<(&'static str, Statement)> {
    let shooter = manifest().structure.shooters[2].clone();
    let close_stolen = Assign {
        closes: vec![Close {
            grant: GrantId(Hash([0x44; 32])),
            cuts: Vec::new(),
            reason: CloseReason::Stolen,
        }],
        opens: Vec::new(),
        under: None,
    };
    let first = vec![
        (
            "admit",
            Statement::Admit(Admit {
                key: device(TABLET).public(),
                roles: Roles::SCORER.with(Roles::RELAY),
                label: "Tablet 1".to_owned(),
            }),
        ),
        ("assign", assign()),
        ("assign, stolen", Statement::Assign(close_stolen)),
        (
            "roster, add",
            Statement::Roster(RosterChange::Add(tallyline_proto::model::Shooter {
                no: ShooterNo(0x0fff_ffff),
                ..shooter
            })),
        ),
        (
            "roster, edit",
            Statement::Roster(RosterChange::Edit(ShooterEdit {
                shooter: ShooterNo(7),
                squad: Some(SquadNo(1)),
                division: Some(0),
                power_factor: None,
                categories: None,
                entrant: None,
                label: None,
            })),
        ),
        (
            "lock",
            Statement::Lock(Lock {
                structure: structure_hash(&encode_structure(&manifest().structure)),
            }),
        ),
    ];
    first.into_iter().chain(statements_of_rights()).collect()
}

/// Bodies of entries with the sequence of a void's target in the same log.
fn bodies() -> Vec<(&'static str, Body, Option<u64>)> {
    let status = |drill, kind, rule, note: &str| {
        Body::Status(Status {
            about: About {
                drill,
                shooter: ShooterNo(2),
            },
            kind,
            rule,
            attempt: 0,
            note: note.to_owned(),
        })
    };
    let void = |entry, reason| {
        Body::Void(Void {
            entry,
            reason,
            note: "wrong row".to_owned(),
            agreed: Agreed::default(),
        })
    };
    let chrono = Chrono {
        drill: DrillNo(3),
        shooter: ShooterNo(2),
        weights_decigrains: vec![1_240, 1_243],
        speeds_fps: vec![1_010, 1_022, 998],
        gear: Some(Gear::Pass),
    };
    let admit = sign_statement(&device(OWNER), event(), &statements()[0].1);
    vec![
        ("score", Body::Score(plain_score()), None),
        ("score, every field", Body::Score(full_score()), None),
        (
            "dnf",
            status(Some(DrillNo(1)), StatusKind::Dnf, None, ""),
            None,
        ),
        (
            "match dq",
            status(Some(DrillNo(2)), StatusKind::MatchDq, Some(RuleNo(2)), "é"),
            None,
        ),
        (
            "withdrawn",
            status(None, StatusKind::Withdrawn, None, ""),
            None,
        ),
        (
            "void in the same log",
            void(entry_id(&log(), 200), VoidReason::Hits),
            Some(200),
        ),
        (
            "void in another log",
            void(
                EntryId(uuid::Uuid::from_bytes([0x77; 16])),
                VoidReason::Test,
            ),
            None,
        ),
        ("chrono", Body::Chrono(chrono), None),
        ("statement", Body::Statement(encode_signed(&admit)), None),
    ]
}

fn entry(body: Body) -> Entry {
    Entry {
        at_delta_ms: -90_061,
        revision: 3,
        succession: Vec::new(),
        body,
    }
}

/// Entries of a small log, by their bytes.
fn small_log() -> Vec<Vec<u8>> {
    let lines = bodies();
    let encode = |(_, body, void_seq): &(_, Body, _)| encode_entry(&entry(body.clone()), *void_seq);
    lines.iter().map(encode).collect()
}

/// R-EVENT-1, R-EVENT-2, R-LOG-3.
#[test]
fn a_manifest_is_named_by_the_hash_of_its_bytes() {
    let mut vectors = Vectors::open("manifest");
    let committed = vectors.bytes("manifest", &encode_manifest(&manifest()));
    assert_eq!(
        decode_manifest(&committed),
        Ok(manifest()),
        "the file reads back"
    );
    let id = event_id(&committed);
    vectors.bytes("event id", &id.0.0);
    assert_eq!(id.0.0, by_hand("event", &[&committed]), "R-HASH-1");
    vectors.text("event id, shown", &id.uuid().to_string());
    let structure = encode_structure(&manifest().structure);
    vectors.bytes("structure hash", &structure_hash(&structure).0);
    assert_eq!(
        structure_hash(&structure).0,
        by_hand("structure", &[&structure]),
        "R-HASH-1"
    );
    vectors.close();
}

/// R-CONTROL-1, R-CONTROL-2, R-CONTROL-4.
#[test]
fn statements_are_signed_one_by_one() {
    let mut vectors = Vectors::open("statements");
    for (name, statement) in statements() {
        let signed = sign_statement(&device(OWNER), event(), &statement);
        let committed = vectors.bytes(name, &encode_signed(&signed));
        let read = decode_signed(&committed).expect("the file reads back");
        assert_eq!(decode_statement(&read.body), Ok(statement), "{name}");
        assert!(
            read.holds(event()),
            "{name}: the signature holds for its event"
        );
        let other = EventId(Hash([9; 32]));
        assert!(!read.holds(other), "{name}: and for no other");
        let id = read.id(event());
        let owner = device(OWNER).public();
        assert_eq!(
            id.0,
            by_hand(
                "statement",
                &[&event().0.0[..], owner.as_bytes(), &read.body]
            ),
            "R-CONTROL-2"
        );
        vectors.bytes(&format!("{name}: id"), &id.0);
        if name == "assign" {
            for place in 0..2 {
                let grant = grant_id(id, place);
                assert_eq!(
                    grant.0.0,
                    by_hand("grant", &[&id.0, &place.to_le_bytes()]),
                    "R-CONTROL-4"
                );
                vectors.bytes(&format!("{name}: grant {place}"), &grant.0.0);
            }
        }
    }
    vectors.close();
}

/// R-ENTRY-1, R-ENTRY-3, R-ENTRY-5, R-ENTRY-6.
#[test]
fn every_kind_of_entry_has_its_bytes() {
    let mut vectors = Vectors::open("entries");
    for (name, body, void_seq) in bodies() {
        let entry = entry(body);
        let committed = vectors.bytes(name, &encode_entry(&entry, void_seq));
        assert_eq!(decode_entry(&committed, &log()), Ok(entry), "{name}");
    }
    let first = Entry {
        at_delta_ms: 61_000,
        revision: 1,
        succession: vec![Predecessor {
            incarnation: Incarnation(u64::MAX),
            height: 12,
            hash: Hash([0x88; 32]),
        }],
        body: Body::Score(plain_score()),
    };
    let committed = vectors.bytes("first of an incarnation", &encode_entry(&first, None));
    assert_eq!(decode_entry(&committed, &log()), Ok(first), "succession");
    vectors.close();
}

/// Byte by byte as docs/PROTOCOL.md lays it out, without the code under test. R-ENTRY-1.
#[test]
fn the_shortest_score_is_laid_out_as_written() {
    let expected = [
        &[0x08, 0xd0, 0x0f][..], // field 1: 1000 ms as zigzag varint
        &[0x22, 0x0f],           // field 4, 15 bytes: the score
        &[0x08, 1, 0x10, 1],     // drill 1, shooter 1
        &[0x22, 2, 0xd2, 0x09],  // one string of 1234 hundredths
        &[0x2a, 3, 2, 2, 1],     // three targets: 2 A, 2 A, 1 A
        &[0x30, 2],              // steel: 2 down
    ]
    .concat();
    let short = Entry {
        at_delta_ms: 1_000,
        revision: 1,
        succession: Vec::new(),
        body: Body::Score(plain_score()),
    };
    assert_eq!(hex(&encode_entry(&short, None)), hex(&expected));
}

/// R-LOG-1, R-LOG-3, R-ENTRY-4, R-CHAIN-1, R-CHAIN-2, R-CHAIN-3.
#[test]
fn a_chain_links_exact_bytes_and_its_head_is_signed() {
    let mut vectors = Vectors::open("chain");
    let writer = device(TABLET);
    let key = writer.public();
    let name = log();
    let incarnation = name.incarnation.0.to_le_bytes();
    let mut chain = Chain::start(event(), &name, &writer.public());
    let start = [
        &event().0.0,
        &name.grant.0.0,
        &incarnation[..],
        key.as_bytes(),
    ];
    assert_eq!(chain.0.0, by_hand("chain", &start), "R-CHAIN-1");
    vectors.bytes("start", &chain.0.0);
    for (seq, bytes) in (1_u64..).zip(small_log()) {
        let entry = by_hand("entry", &[&bytes]);
        let next = by_hand("link", &[&chain.0.0, &entry]);
        chain = chain.link(&bytes);
        assert_eq!(chain.0.0, next, "R-CHAIN-2");
        vectors.bytes(&format!("after entry {seq}"), &chain.0.0);
        let id = entry_id(&name, seq);
        vectors.text(&format!("id of entry {seq}"), &id.to_string());
    }
    let name_bytes = [&name.grant.0.0, &incarnation[..]];
    assert_eq!(
        log_short_id(&name),
        by_hand("log-id", &name_bytes)[..16],
        "R-LOG-3"
    );
    vectors.bytes("short id", &log_short_id(&name));
    vectors.bytes("tag", &log_tag(&name));
    let head = sign_head(&writer, event(), &name, (9, chain));
    let committed = vectors.bytes("head at 9", head.as_bytes());
    let signature = Signature::from_bytes(committed.try_into().expect("64 bytes"));
    let body = [
        &name.grant.0.0,
        &incarnation[..],
        &9_u64.to_le_bytes(),
        &chain.0.0,
    ]
    .concat();
    let signed = writer
        .public()
        .verify(Purpose::Head, &event().0.0, &body, &signature);
    assert_eq!(signed, Ok(()), "R-CHAIN-3: what a head signs");
    vectors.close();
}

fn fork() -> Fork {
    let entries = small_log();
    let (first, second) = (vec![entries[0].clone()], entries[1..3].to_vec());
    let branch = |entries: &[Vec<u8>]| by_hand("entry", &[&entries[0]]);
    let (left, right) = if branch(&first) < branch(&second) {
        (first, second)
    } else {
        (second, first)
    };
    let prefix = Chain::start(event(), &log(), &device(TABLET).public());
    let sign = |entries: &[Vec<u8>]| {
        let chain = entries.iter().fold(prefix, |chain, it| chain.link(it));
        let height = u64::try_from(entries.len()).expect("small");
        sign_head(&device(TABLET), event(), &log(), (height, chain))
    };
    Fork {
        log: log(),
        from: 1,
        prefix: prefix.0,
        left_signature: sign(&left),
        left,
        right_signature: sign(&right),
        right,
    }
}

fn cells() -> Vec<(&'static str, Cell, u8)> {
    let cell = |kind| Cell {
        store: 0x0123_4567_89ab_cdef,
        counter: 300,
        wall_ms: -5,
        near: vec![[1, 2, 3, 4], [5, 6, 7, 8]],
        kind,
    };
    let short = log_short_id(&log());
    vec![
        (
            "presence",
            cell(CellKind::Presence(vec![(short, 9), ([0xee; 16], 0)])),
            TABLET,
        ),
        (
            "receipt",
            cell(CellKind::Receipt(vec![(short, 9, [0xdd; 8])])),
            CLOUD,
        ),
    ]
}

/// The frames by which a device that shows an offer, or digits, comes in.
fn enrolling_frames() -> Vec<(&'static str, Frame)> {
    vec![
        (
            "claim",
            Frame::Claim(Claim {
                event: event(),
                proof: [0xbb; 32],
                discovery_key: [0x22; 16],
            }),
        ),
        (
            "commit",
            Frame::Commit(Commit {
                commitment: [0xcc; 32],
                label: "Tablet 4".to_owned(),
            }),
        ),
        ("reveal", Frame::Reveal([0xdd; 16])),
    ]
}

fn hello() -> Hello {
    Hello {
        version: 1,
        event_tag: [1, 2, 3, 4, 5, 6, 7, 8],
        state: [0x99; 16],
        store: u64::MAX,
        answer: false,
        receipts: 0,
        clock_ms: 0,
    }
}

fn frames() -> Vec<(&'static str, Frame)> {
    let tag = log_tag(&log());
    let vector = Vector {
        logs: vec![(tag, 9), ([0; 5], 0)],
        hashes: Vec::new(),
        answer: false,
    };
    let push = Push {
        log: LogRef::Tag(tag),
        from: 1,
        entries: small_log(),
        signature: Signature::from_bytes([0xaa; 64]),
    };
    let admit = sign_statement(&device(OWNER), event(), &statements()[0].1);
    let cells = cells()
        .into_iter()
        .map(|(_, cell, key)| encode_cell(&sign_cell(&device(key), event(), cell)))
        .collect();
    let first = vec![
        ("hello", Frame::Hello(hello())),
        (
            "hello, answer",
            Frame::Hello(Hello {
                answer: true,
                ..hello()
            }),
        ),
        ("vector", Frame::Vector(vector.clone())),
        (
            "vector, hashes",
            Frame::Vector(Vector {
                hashes: vec![[7; 8], [8; 8]],
                answer: true,
                ..vector
            }),
        ),
        ("push, tag", Frame::Push(push.clone())),
        (
            "push, name",
            Frame::Push(Push {
                log: LogRef::Name(log()),
                ..push
            }),
        ),
        ("have", Frame::Have(vec![(tag, 300)])),
        ("want", Frame::Want(vec![(tag, 0)])),
        ("cells", Frame::Cells(cells)),
        ("fork", Frame::Fork(fork())),
        ("present", Frame::Present(encode_signed(&admit))),
        (
            "join",
            Frame::Join(Join {
                event: event(),
                proof: [0xbb; 32],
                label: "Tablet 1".to_owned(),
            }),
        ),
        ("welcome", Frame::Welcome(encode_manifest(&manifest()))),
        ("refused", Frame::Refused(1)),
    ];
    let later = enrolling_frames().into_iter().chain(claim_frames());
    let clock = Hello {
        clock_ms: -1_532_476_800_000,
        ..hello()
    };
    let later = later.chain(key_frames());
    let later = later.chain([("hello, clock", Frame::Hello(clock))]);
    let warrant = Warrant::sign(&device(CLOUD), &device(TABLET).public());
    let later = later.chain([("warrant", Frame::Warrant(warrant))]);
    first.into_iter().chain(later).collect()
}

/// R-CLAIM-1, R-CLAIM-2, R-SYNC-1, R-SYNC-3, R-SYNC-4, R-FRAME-2, R-SEAL-4.
#[test]
fn every_kind_of_frame_has_its_bytes() {
    let mut vectors = Vectors::open("frames");
    for (name, frame) in frames() {
        let committed = vectors.bytes(name, &encode_frame(&frame));
        assert_eq!(decode_frame(&committed), Ok(Some(frame)), "{name}");
    }
    let committed = vectors.bytes("fork, alone", &encode_fork(&fork()));
    assert_eq!(decode_fork(&committed), Ok(fork()), "fork");
    vectors.close();
}

/// R-CELL-1: each kind under its own purpose.
#[test]
fn every_kind_of_cell_has_its_bytes_and_purpose() {
    let mut vectors = Vectors::open("cells");
    for (name, cell, key) in cells() {
        let signed = sign_cell(&device(key), event(), cell);
        let committed = vectors.bytes(name, &encode_cell(&signed));
        let read = decode_cell(&committed).expect("the file reads back");
        let read = read.expect("a known kind");
        assert_eq!(read, signed, "{name}");
        assert!(
            read.holds(event()),
            "{name}: the signature holds for its event"
        );
        assert!(
            !read.holds(EventId(Hash([9; 32]))),
            "{name}: and for no other"
        );
    }
    vectors.close();
}

/// R-BUNDLE-1.
#[test]
fn a_bundle_is_a_line_and_frames() {
    let mut vectors = Vectors::open("bundle");
    let frames: Vec<Frame> = [frames()[12].1.clone(), frames()[5].1.clone()].into();
    let committed = vectors.bytes("bundle", &encode_bundle(&frames));
    assert_eq!(decode_bundle(&committed), Ok(frames), "the file reads back");
    assert!(committed.starts_with(b"TALLYLINE-BUNDLE-1\n"), "R-BUNDLE-1");
    vectors.close();
}

/// R-TICKET-1, R-TICKET-2.
#[test]
fn a_ticket_is_a_line_of_capitals_and_digits() {
    let mut vectors = Vectors::open("ticket");
    let ticket = Ticket {
        event: event(),
        inviter: device(OWNER).public(),
        secret: [0xcc; 16],
        discovery_key: [0x22; 16],
        addresses: vec!["192.0.2.7:4433".to_owned(), "[2001:db8::7]:4433".to_owned()],
    };
    let committed = vectors.bytes("bytes", &encode_ticket(&ticket));
    assert_eq!(
        decode_ticket(&committed),
        Ok(ticket.clone()),
        "the file reads back"
    );
    let text = ticket_to_text(&ticket);
    vectors.text("text", &text);
    assert_eq!(
        ticket_from_text(&text),
        Ok(ticket.clone()),
        "the line reads back"
    );
    let spoken: String = text.to_lowercase().chars().flat_map(|c| [c, ' ']).collect();
    assert_eq!(
        ticket_from_text(&spoken),
        Ok(ticket),
        "small letters and spaces"
    );
    vectors.close();
}

/// R-TICKET-3.
#[test]
fn an_offer_is_a_line_of_capitals_and_digits() {
    let mut vectors = Vectors::open("offer");
    let offer = Offer {
        key: device(TABLET).public(),
        nonce: [0xdd; 16],
        addresses: vec!["192.0.2.8:4433".to_owned()],
    };
    let committed = vectors.bytes("bytes", &encode_offer(&offer));
    assert_eq!(
        decode_offer(&committed),
        Ok(offer.clone()),
        "the file reads back"
    );
    let text = offer_to_text(&offer);
    vectors.text("text", &text);
    assert_eq!(offer_from_text(&text), Ok(offer), "the line reads back");
    vectors.close();
}

/// R-CARD-1, R-CARD-2.
#[test]
fn a_card_is_a_line_of_capitals_and_digits() {
    let mut vectors = Vectors::open("card");
    for (name, kind) in [("spare", CardKind::Spare), ("recovery", CardKind::Recovery)] {
        let card = Card {
            kind,
            event: event(),
            seed: zeroize::Zeroizing::new([0xee; 32]),
            discovery_key: [0x22; 16],
            label: "Card 1".to_owned(),
        };
        let committed = vectors.bytes(&format!("{name}, bytes"), &encode_card(&card));
        assert_eq!(
            decode_card(&committed),
            Ok(card.clone()),
            "the file reads back"
        );
        let text = card_to_text(&card);
        vectors.text(&format!("{name}, text"), &text);
        assert_eq!(card_from_text(&text), Ok(card), "the line reads back");
    }
    vectors.close();
}

/// An entry of a kind that this version does not know: field 100, two bytes. R-ENTRY-2,
/// R-VERSION-2.
#[test]
fn an_unknown_kind_of_entry_is_kept_and_relayed_byte_by_byte() {
    let unknown = unhex("08d00fa20602beef");
    let broken = unhex("ffffff");
    let read = decode_entry(&unknown, &log()).expect("an entry of a later version");
    assert_eq!(
        (read.body, read.at_delta_ms),
        (Body::Unknown, 1_000),
        "what is known is read"
    );
    let owner = device(OWNER);
    let name = LogName {
        grant: GrantId::control(event()),
        incarnation: Incarnation(1),
    };
    let entries = vec![unknown, broken];
    let start = Chain::start(event(), &name, &owner.public());
    let chain = entries.iter().fold(start, |chain, it| chain.link(it));
    let signature = sign_head(&owner, event(), &name, (2, chain));
    let mut ledger = Ledger::new(event(), manifest());
    ledger
        .take(name, 1, &entries, &signature)
        .expect("the signature holds");
    let relayed = ledger.logs()[&name].chunk(1).expect("a signed chunk");
    assert_eq!(relayed.entries, entries, "R-ENTRY-2: nothing is re-encoded");
    assert_eq!(relayed.signature, signature, "and nothing is signed again");
}

/// R-CHAIN-4: a head of another event, log, height or purpose proves nothing, and neither does
/// one by another key.
#[test]
fn a_head_holds_for_its_own_event_log_height_key_and_purpose_only() {
    let writer = device(TABLET);
    let (name, entries) = (log(), small_log());
    let mut held = Log::new(event(), name, writer.public());
    for bytes in entries {
        held.push(bytes);
    }
    let end = (held.height(), held.chain());
    let good = sign_head(&writer, event(), &name, end);
    let other_event = EventId(Hash([9; 32]));
    let other_log = LogName {
        incarnation: Incarnation(1),
        ..name
    };
    let body = hash("entry", &[b"whatever"]);
    let holds = |signature| verify_head(&writer.public(), event(), &name, end, &signature);
    assert!(holds(good), "its own");
    let of_other_event = sign_head(&writer, other_event, &name, end);
    assert!(!holds(of_other_event), "another event's");
    assert!(
        !holds(sign_head(&writer, event(), &other_log, end)),
        "another log's"
    );
    assert!(
        !holds(sign_head(&writer, event(), &name, (8, end.1))),
        "another height's"
    );
    assert!(
        !holds(sign_head(&device(OWNER), event(), &name, end)),
        "another key's"
    );
    let cell = writer.sign(Purpose::Cell, &event().0.0, &body.0);
    assert!(!holds(cell), "another purpose's");
    let mut bent = *good.as_bytes();
    bent[63] ^= 1;
    assert!(!holds(Signature::from_bytes(bent)), "one bit off");
}
