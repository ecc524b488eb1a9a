//! Cases for keys and their fingerprints.

use alloc::format;
use alloc::string::ToString as _;
use alloc::vec::Vec;

use super::*;
use crate::vectors::{bytes, device};

/// Frozen: the seed 00 01 02 .. 1f, computed by an implementation that shares no code.
const PUBLIC: &str = "03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8";
const FINGERPRINT: &str = concat!(
    "01t21xzt-7sww45yt-8eq1q8rt-fkmqg4sj-",
    "hky9nhg3-pdta3azf-rexs1k4w-w95acdrq"
);

#[test]
fn a_seed_gives_the_frozen_key_and_fingerprint() {
    let key = device().public();
    assert_eq!(*key.as_bytes(), bytes(PUBLIC));
    assert_eq!(key.fingerprint(), FINGERPRINT);
    assert_eq!(key.to_string(), FINGERPRINT);
    assert_eq!(key.short(), "01t21xzt");
    assert_eq!(device().seed()[31], 31);
}

/// RFC 8032, section 7.1, test 1.
#[test]
fn a_seed_gives_the_key_of_the_rfc() {
    let seed = bytes("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60");
    let key = bytes("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
    assert_eq!(*DeviceKey::from_seed(seed).public().as_bytes(), key);
}

#[test]
fn debug_shows_the_public_key_and_no_secret() {
    assert_eq!(format!("{:?}", device()), "DeviceKey(01t21xzt)");
    assert_eq!(format!("{:?}", device().public()), "PublicKey(01t21xzt)");
}

#[test]
fn weak_keys_are_refused() {
    for hex in [
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0000000000000000000000000000000000000000000000000000000000000080",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000080",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    ] {
        assert_eq!(
            PublicKey::from_bytes(bytes(hex)),
            Err(KeyError::Weak),
            "{hex}"
        );
    }
}

#[test]
fn bytes_that_name_no_point_or_name_it_a_second_time_are_refused() {
    for hex in [
        "0200000000000000000000000000000000000000000000000000000000000000",
        "f0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ] {
        assert_eq!(
            PublicKey::from_bytes(bytes(hex)),
            Err(KeyError::NotAKey),
            "{hex}"
        );
    }
}

#[test]
fn a_fingerprint_is_read_however_people_write_it() {
    let key = device().public();
    let misread = FINGERPRINT
        .replacen('0', "O", 1)
        .replacen('1', "l", 1)
        .replacen('1', "I", 1);
    for text in [
        FINGERPRINT.to_string(),
        FINGERPRINT.to_uppercase(),
        FINGERPRINT.replace('-', ""),
        FINGERPRINT.replace('-', "\n"),
        format!("  {FINGERPRINT} "),
        misread,
    ] {
        assert_eq!(PublicKey::parse(&text), Ok(key), "{text}");
        assert_eq!(text.parse(), Ok(key), "{text}");
    }
}

#[test]
fn every_key_is_read_back_from_its_fingerprint() {
    for seed in 0..=255 {
        let key = DeviceKey::from_seed([seed; 32]).public();
        assert_eq!(PublicKey::parse(&key.fingerprint()), Ok(key), "seed {seed}");
    }
}

#[test]
fn any_single_wrong_character_is_found_in_its_group() {
    let right: Vec<char> = FINGERPRINT.chars().filter(|&c| c != '-').collect();
    for at in 0..right.len() {
        for &letter in ALPHABET {
            let mut wrong = right.clone();
            wrong[at] = char::from(letter);
            if wrong == right {
                continue;
            }
            let text: String = wrong.into_iter().collect();
            let group = at / GROUP_CHARS + 1;
            assert_eq!(
                PublicKey::parse(&text),
                Err(KeyError::Check { group }),
                "{text}"
            );
        }
    }
}

#[test]
fn any_two_exchanged_characters_are_found_in_their_group() {
    for seed in 0..16 {
        let text = DeviceKey::from_seed([seed; 32]).public().fingerprint();
        let right: Vec<char> = text.chars().filter(|&c| c != '-').collect();
        for at in 0..right.len() {
            let group = at / GROUP_CHARS + 1;
            for other in at + 1..group * GROUP_CHARS {
                let mut wrong = right.clone();
                wrong.swap(at, other);
                if wrong != right {
                    let text: String = wrong.into_iter().collect();
                    assert_eq!(
                        PublicKey::parse(&text),
                        Err(KeyError::Check { group }),
                        "{text}"
                    );
                }
            }
        }
    }
}

#[test]
fn a_wrong_fingerprint_is_named_by_its_group() {
    let check = |text: &str, expected: KeyError| {
        assert_eq!(PublicKey::parse(text), Err(expected), "{text:?}");
    };
    check("", KeyError::Length { found: 0 });
    check(
        FINGERPRINT.strip_suffix("-w95acdrq").unwrap(),
        KeyError::Length { found: 56 },
    );
    check(&"0".repeat(10_000), KeyError::Length { found: 10_000 });
    check(
        &FINGERPRINT.replace('-', "").replace("01t21xzt", "1t21xzt"),
        KeyError::Length { found: 63 },
    );
    check(
        &FINGERPRINT.replace("7sww45yt", "7sww45y"),
        KeyError::GroupLength { group: 2, found: 7 },
    );
    check(
        &FINGERPRINT.replace("pdta3azf", "pdta3azu"),
        KeyError::Character {
            group: 6,
            found: 'u',
        },
    );
    check(
        &FINGERPRINT.replace("w95acdrq", "w95acdr\u{e9}"),
        KeyError::Character {
            group: 8,
            found: '\u{e9}',
        },
    );
    check(
        &FINGERPRINT.replace("8eq1q8rt", "7sww45yt"),
        KeyError::Order {
            group: 3,
            belongs: 2,
        },
    );
    assert_eq!(
        KeyError::Character {
            group: 6,
            found: '\u{202e}'
        }
        .to_string(),
        "group 6 contains '\\u{202e}', which no device key contains; enter it again"
    );
}

#[test]
fn a_fingerprint_of_a_weak_key_is_refused() {
    let identity = PublicKey(bytes(
        "0100000000000000000000000000000000000000000000000000000000000000",
    ));
    assert_eq!(
        PublicKey::parse(&identity.fingerprint()),
        Err(KeyError::Weak)
    );
}
