//! Whatever the bytes: decoding returns, and what was encoded reads back.
//!
//! The committed golden vectors are the seeds of the mutated inputs.
#![expect(
    clippy::expect_used,
    reason = "a test fails by panicking, in its helpers too"
)]

mod any_values;

use std::{fs, path::Path, sync::LazyLock};

use any_values::{
    any_card, any_cell, any_entry, any_frame, any_key, any_log, any_offer, any_statement,
    any_ticket,
};
use proptest::prelude::*;
use tallyline_keys::DeviceKey;
use tallyline_proto::{
    model::{EventId, Hash},
    wire::{
        card_from_text, card_to_text, decode_bundle, decode_card, decode_cell, decode_entry,
        decode_fork, decode_frame, decode_manifest, decode_offer, decode_signed, decode_statement,
        decode_ticket, encode_bundle, encode_card, encode_cell, encode_entry, encode_frame,
        encode_offer, encode_signed, encode_ticket, join_entries, offer_from_text, offer_to_text,
        sign_cell, sign_statement, split_entries, ticket_from_text, ticket_to_text,
    },
};

/// Every committed vector.
static CORPUS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(corpus);

/// Reads bytes in every way there is; every answer is fine, a panic is not.
fn decode_all(bytes: &[u8]) {
    let log = tallyline_proto::model::LogName {
        grant: tallyline_proto::model::GrantId(Hash([1; 32])),
        incarnation: tallyline_proto::model::Incarnation(1),
    };
    let known = [
        decode_manifest(bytes).is_ok(),
        decode_entry(bytes, &log).is_ok(),
        decode_signed(bytes).is_ok(),
        decode_statement(bytes).is_ok(),
        decode_cell(bytes).is_ok(),
        decode_frame(bytes).is_ok(),
        decode_fork(bytes).is_ok(),
        decode_ticket(bytes).is_ok(),
        decode_bundle(bytes).is_ok(),
        split_entries(bytes).is_ok(),
        ticket_from_text(&String::from_utf8_lossy(bytes)).is_ok(),
        decode_offer(bytes).is_ok(),
        offer_from_text(&String::from_utf8_lossy(bytes)).is_ok(),
        decode_card(bytes).is_ok(),
        card_from_text(&String::from_utf8_lossy(bytes)).is_ok(),
    ];
    assert!(known.len() == 15, "every decoder came back");
}

/// Reads the files of vectors.
fn corpus() -> Vec<Vec<u8>> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/v1");
    let digit = |c: char| c.to_digit(16).and_then(|it| u8::try_from(it).ok());
    let bytes = |text: &str| -> Option<Vec<u8>> {
        let digits: Option<Vec<u8>> = text.chars().map(digit).collect();
        let digits = digits?;
        let pairs = digits.chunks_exact(2);
        Some(
            pairs
                .map(|pair| pair.iter().fold(0, |byte, it| byte << 4 | it))
                .collect(),
        )
    };
    let mut found = Vec::new();
    for file in fs::read_dir(dir).expect("the vectors are committed") {
        let text = fs::read_to_string(file.expect("a file").path()).expect("a text");
        let vectors: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        let values = vectors.as_object().expect("an object").values();
        found.extend(values.filter_map(|value| bytes(value.as_str().expect("a text"))));
    }
    found
}

/// Bends valid bytes: cuts, flips, repeats, inserts.
fn bend(bytes: &[u8], bends: &[(u8, prop::sample::Index, u8)]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for (what, place, value) in bends {
        let at = place.index(bytes.len() + 1);
        match (what % 5, bytes.get_mut(at)) {
            (0, Some(byte)) => *byte = *value,
            (1, Some(byte)) => *byte ^= 1 << (value % 8),
            (2, _) => bytes.truncate(at),
            (3, _) => bytes.insert(at, *value),
            (_, _) => {
                let tail = bytes.split_off(at);
                bytes.extend_from_slice(&tail);
                bytes.extend_from_slice(&tail);
            }
        }
        bytes.truncate(200_000);
    }
    bytes
}

#[test]
fn the_corpus_is_there() {
    assert!(CORPUS.len() > 50, "{} vectors", CORPUS.len());
    for bytes in CORPUS.iter() {
        decode_all(bytes);
    }
}

/// R-CHAIN-2: entries travel as they are.
#[test]
fn the_longest_chunk_is_split_and_one_byte_more_is_refused() {
    let entries = vec![vec![7; 192]; 256];
    assert_eq!(
        split_entries(&join_entries(&entries)),
        Ok(entries),
        "256 entries of 48 KiB"
    );
    let long = vec![vec![7; 24 * 1024]; 3];
    assert!(split_entries(&join_entries(&long)).is_err(), "72 KiB");
}

proptest! {
    // A failing case is printed with its values; no file is written beside the sources.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_decoded_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        decode_all(&bytes);
        decode_all(&[&b"TALLYLINE-BUNDLE-1\n"[..], &bytes].concat());
        ticket_from_text(&format!("TALLYLINE1-{}", String::from_utf8_lossy(&bytes))).ok();
    }

    #[test]
    fn bent_vectors_are_decoded_without_a_panic(
        which in any::<prop::sample::Index>(),
        bends in prop::collection::vec(any::<(u8, prop::sample::Index, u8)>(), 1..8),
    ) {
        let vector: &Vec<u8> = which.get(&CORPUS);
        decode_all(&bend(vector, &bends));
    }

    #[test]
    fn texts_are_read_as_tickets_without_a_panic(text in "\\PC{0,80}") {
        ticket_from_text(&text).ok();
        ticket_from_text(&format!("TALLYLINE1-{text}")).ok();
        offer_from_text(&format!("TALLYLINE-DEVICE1-{text}")).ok();
        card_from_text(&format!("TALLYLINE-CARD1-{text}")).ok();
    }

    #[test]
    fn split_gives_back_what_join_joined(
        entries in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..180), 0..256),
    ) {
        prop_assert_eq!(split_entries(&join_entries(&entries)), Ok(entries));
    }

    #[test]
    fn split_bytes_join_again(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(entries) = split_entries(&bytes) {
            prop_assert_eq!(split_entries(&join_entries(&entries)), Ok(entries));
        }
    }

    #[test]
    fn entries_read_back((entry, log, void_seq) in any_entry()) {
        prop_assert_eq!(decode_entry(&encode_entry(&entry, void_seq), &log), Ok(entry));
    }

    #[test]
    fn statements_read_back(statement in any_statement(), seed in any::<[u8; 32]>()) {
        let event = EventId(Hash(seed));
        let signed = sign_statement(&DeviceKey::from_seed(seed), event, &statement);
        let read = decode_signed(&encode_signed(&signed)).expect("it is small enough");
        prop_assert!(read.holds(event));
        prop_assert_eq!(decode_statement(&read.body), Ok(statement));
    }

    #[test]
    fn cells_read_back(cell in any_cell(), seed in any::<[u8; 32]>()) {
        let event = EventId(Hash(seed));
        let signed = sign_cell(&DeviceKey::from_seed(seed), event, cell);
        let read = decode_cell(&encode_cell(&signed)).expect("it is small enough");
        prop_assert!(read.as_ref().is_some_and(|read| read.holds(event)));
        prop_assert_eq!(read, Some(signed));
    }

    #[test]
    fn frames_read_back(frame in any_frame()) {
        prop_assert_eq!(decode_frame(&encode_frame(&frame)), Ok(Some(frame)));
    }

    #[test]
    fn bundles_read_back(frames in prop::collection::vec(any_frame(), 0..4)) {
        prop_assert_eq!(decode_bundle(&encode_bundle(&frames)), Ok(frames));
    }

    #[test]
    fn tickets_read_back(ticket in any_ticket()) {
        prop_assert_eq!(decode_ticket(&encode_ticket(&ticket)), Ok(ticket.clone()));
        prop_assert_eq!(ticket_from_text(&ticket_to_text(&ticket)), Ok(ticket));
    }

    #[test]
    fn offers_read_back(offer in any_offer()) {
        prop_assert_eq!(decode_offer(&encode_offer(&offer)), Ok(offer.clone()));
        prop_assert_eq!(offer_from_text(&offer_to_text(&offer)), Ok(offer));
    }

    #[test]
    fn cards_read_back_and_are_shown_without_their_seed(card in any_card()) {
        prop_assert_eq!(decode_card(&encode_card(&card)), Ok(card.clone()));
        let text = card_to_text(&card);
        prop_assert_eq!(card_from_text(&text), Ok(card.clone()));
        let seed = format!("{:?}", card.seed);
        let shown = format!("{card:?}");
        prop_assert!(!shown.contains(&seed), "{}", shown);
    }

    #[test]
    fn one_wrong_character_of_a_ticket_is_found(
        ticket in any_ticket(),
        place in any::<prop::sample::Index>(),
    ) {
        let text = ticket_to_text(&ticket);
        // The last character holds bits that no byte uses.
        let at = 11 + place.index(text.len() - 12);
        let with = if text.as_bytes().get(at) == Some(&b'A') { "B" } else { "A" };
        let (left, right) = text.split_at(at);
        let wrong = format!("{left}{with}{}", right.get(1..).unwrap_or_default());
        prop_assert!(ticket_from_text(&wrong).is_err(), "{wrong}");
    }

    #[test]
    fn keys_and_logs_are_named_by_their_bytes(key in any_key(), log in any_log()) {
        prop_assert_eq!(tallyline_keys::PublicKey::parse(&key.fingerprint()), Ok(key));
        let tag = tallyline_proto::wire::log_tag(&log);
        prop_assert!(tallyline_proto::wire::log_short_id(&log).starts_with(&tag));
    }
}
