//! Frozen signatures, and signatures that must never hold.
//!
//! The vectors were computed by an implementation of RFC 8032 that shares no code with the
//! library. Changing one is a change of the protocol.

use alloc::format;

use ed25519_dalek::Verifier as _;

use super::*;
use crate::vectors::{bytes, device};

const EVENT: [u8; 32] = [7; 32];
const BODY: &[u8] = b"fifteen hits";

const VECTORS: [(Purpose, &str); 7] = [
    (
        Purpose::Head,
        "db3a4d9daf59fcb75b9dcfd5a7f39736f104808618dd4a5f9de268f0519c7087\
         8ea1d024104d2a362117581587d4274da7a04da18b26fd0df7a79111ef3c660c",
    ),
    (
        Purpose::Statement,
        "db27b3257432f6a9c00f717ce797431d7c8ebe76438fd981478229e189aa8b07\
         6b0075ea6a3bb3369ceff4dab9866bd420d5b5bd5e59f8b58f82adae0d99d90d",
    ),
    (
        Purpose::Consent,
        "1b5453a1093b6011f051a499702286cac4a94879826b0de83228ed1712872f63\
         744cf49e635982fc6a3c9be0985b1f5c0cbef6ebe14dc842c09b711cba64860b",
    ),
    (
        Purpose::Cell,
        "0a4e201fe945d9f33476a838740656d6d2b2be9e872f5acbd0f3e83d625e31ab\
         6352b47c3d431dce8d9ad0dc21bf85b6dbed6ef82df03e58b3190b41156a4701",
    ),
    (
        Purpose::Receipt,
        "63cfe548d17c041bbae8bf2ae6120da1d53952413dd83dad7ce937ca79586063\
         89a7c90035d7cfefa2224269315f4aece14d6b8dc689046832bdc2da97b5d203",
    ),
    (
        Purpose::Join,
        "6baf5f78ddab5655b7f44e35211127c596f0b5cf9e14f3afa40722879191f971\
         25884731735b44691a3551fd2d40b78d4a6b6fc190e29874b9d652c00867f902",
    ),
    (
        Purpose::Warrant,
        "74ad54ea922b78cc4340d06e88cb9f4c071fcb3b16cc6fe38eac2b14c925d25e\
         4d4ab07558ef75ca293091c4aa246ae4c75ff2331f7b5f1c7caf54214681a600",
    ),
];

/// The head's signature with the order of the group added to S.
const HEAD_S_PLUS_L: &str = "db3a4d9daf59fcb75b9dcfd5a7f39736f104808618dd4a5f9de268f0519c7087\
                             7b75c6812ab03c8ef7b34fb865ce0662a7a04da18b26fd0df7a79111ef3c661c";

/// A signature of the head whose R is the identity; it solves the plain equation.
const HEAD_SMALL_R: &str = "0100000000000000000000000000000000000000000000000000000000000000\
                            1bbd39f834175e384dc20e065e5d325e6c9673cf8871fb8f9d8945683eed4f07";

fn signature(hex: &str) -> Signature {
    Signature::from_bytes(bytes(hex))
}

fn refused(purpose: Purpose, event: &[u8; 32], body: &[u8], signature: &Signature) -> bool {
    device().public().verify(purpose, event, body, signature) == Err(SignatureError::Mismatch)
}

#[test]
fn signatures_are_frozen_and_hold() {
    for (purpose, hex) in VECTORS {
        let made = device().sign(purpose, &EVENT, BODY);
        assert_eq!(made.as_bytes(), signature(hex).as_bytes(), "{purpose:?}");
        assert_eq!(
            device().public().verify(purpose, &EVENT, BODY, &made),
            Ok(()),
            "{purpose:?}"
        );
    }
    assert_eq!(VECTORS.map(|(purpose, _)| purpose), Purpose::ALL);
}

#[test]
fn a_signature_for_one_purpose_is_worthless_for_every_other() {
    for (made_for, hex) in VECTORS {
        for purpose in Purpose::ALL
            .into_iter()
            .filter(|&purpose| purpose != made_for)
        {
            assert!(
                refused(purpose, &EVENT, BODY, &signature(hex)),
                "{made_for:?} {purpose:?}"
            );
        }
    }
}

#[test]
fn a_signature_for_another_event_body_or_key_is_refused() {
    let (purpose, hex) = VECTORS[0];
    let signature = signature(hex);
    assert!(refused(purpose, &[8; 32], BODY, &signature), "other event");
    assert!(
        refused(purpose, &EVENT, b"sixteen hits", &signature),
        "other body"
    );
    assert!(refused(purpose, &EVENT, b"", &signature), "no body");
    let other = DeviceKey::from_seed([9; 32]).public();
    assert_eq!(
        other.verify(purpose, &EVENT, BODY, &signature),
        Err(SignatureError::Mismatch),
        "other key"
    );
}

#[test]
fn a_signature_one_bit_off_is_refused() {
    let (purpose, hex) = VECTORS[0];
    for at in 0..512 {
        let mut bytes = *signature(hex).as_bytes();
        bytes[at / 8] ^= 1 << (at % 8);
        assert!(
            refused(purpose, &EVENT, BODY, &Signature::from_bytes(bytes)),
            "bit {at}"
        );
    }
    assert!(
        refused(purpose, &EVENT, BODY, &Signature::from_bytes([0; 64])),
        "zeros"
    );
    assert!(
        refused(purpose, &EVENT, BODY, &Signature::from_bytes([255; 64])),
        "ones"
    );
}

/// Two encodings of one signature would be two ids for one statement.
#[test]
fn a_signature_with_the_group_order_added_is_refused() {
    assert!(refused(
        Purpose::Head,
        &EVENT,
        BODY,
        &signature(HEAD_S_PLUS_L)
    ));
}

/// The plain check of the library accepts it, the strict one does not: the difference is why
/// only the strict one is used.
#[test]
fn a_signature_with_a_small_order_r_is_refused() {
    let bytes = signature(HEAD_SMALL_R);
    let plain = VerifyingKey::from_bytes(device().public().as_bytes()).unwrap();
    let dalek = ed25519_dalek::Signature::from_bytes(bytes.as_bytes());
    assert!(
        plain
            .verify(&signing_input(Purpose::Head, &EVENT, BODY), &dalek)
            .is_ok()
    );
    assert!(refused(Purpose::Head, &EVENT, BODY, &bytes));
}

/// What TLS 1.3 signs starts with 64 spaces, a certificate with 0x30 (`0`).
#[test]
fn labels_cannot_be_confused_with_each_other_nor_with_tls() {
    for purpose in Purpose::ALL {
        let label = purpose.label();
        assert!(label.starts_with(b"tallyline/v1/"), "{purpose:?}");
        assert!(
            !label.starts_with(b" ") && !label.starts_with(&[0x30]),
            "{purpose:?}"
        );
        assert!(label.iter().all(u8::is_ascii), "{purpose:?}");
        let nul = label.iter().position(|&byte| byte == 0);
        assert_eq!(
            nul,
            label.len().checked_sub(1),
            "{purpose:?} ends in its only NUL"
        );
        for other in Purpose::ALL.into_iter().filter(|&other| other != purpose) {
            assert!(!other.label().starts_with(label), "{purpose:?} {other:?}");
        }
    }
}

#[test]
fn the_signed_bytes_are_label_event_body() {
    let mut expected = b"tallyline/v1/cell\0".to_vec();
    expected.extend(EVENT);
    expected.extend(BODY);
    assert_eq!(signing_input(Purpose::Cell, &EVENT, BODY), expected);
}

#[test]
fn debug_is_short() {
    assert_eq!(
        format!("{:?}", signature(VECTORS[0].1)),
        "Signature(db3a4d9d..)"
    );
}
