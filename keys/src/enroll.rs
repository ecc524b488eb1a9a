//! Proof that a device knows an invite's secret, what two screens of a join compare, and the tag
//! by which peers of one event find each other.
//!
//! Pure functions over BLAKE3. Does not know how an invite is shown or carried, nor who may
//! admit; a proof only tells the owner's device which invite a joiner holds. Layer: above
//! `device`.

use crate::device::PublicKey;

/// The label under which both ends export the 32 bytes of a join proof from their connection,
/// with an empty context.
///
/// Source: PROTOCOL R-JOIN-1.
pub const JOIN_EXPORTER_LABEL: &[u8] = b"EXPORTER-tallyline-join";

/// Sets the keys of join proofs apart from every other use of an invite's secret.
const JOIN_CONTEXT: &str = "tallyline v1 join proof";

/// Sets the keys of claims apart from every other use of an offer's nonce.
const CLAIM_CONTEXT: &str = "tallyline v1 claim proof";

/// Sets the four words of a join apart from every other use of its secret.
const WORDS_CONTEXT: &str = "tallyline v1 join words";

/// Sets the nonces of pairings apart from every other use of their seed.
const PAIR_NONCE_CONTEXT: &str = "tallyline v1 pair nonce";

/// Sets commitments of pairings apart from every other use of a nonce.
const PAIR_COMMIT_CONTEXT: &str = "tallyline v1 pair commitment";

/// Sets what a pairing gives apart from every other use of its nonces.
const PAIR_CONTEXT: &str = "tallyline v1 pair digits";

/// One more than the highest number that six digits show.
const DIGITS_END: u64 = 1_000_000;

/// Sets the keys of discovery tags apart from every other use of an event's discovery key.
const DISCOVERY_CONTEXT: &str = "tallyline v1 discovery tag";

/// Computes the proof that `joiner` knows an invite's secret.
///
/// `secret` is the invite's 16 random bytes, `exporter` the 32 bytes that both ends export from
/// their TLS connection under [`JOIN_EXPORTER_LABEL`], `event` the id of the event. Bound to the
/// connection, so a proof that was overheard or relayed is worthless on another one, and to the
/// joiner, so that it cannot be sent back. Keyed BLAKE3 over exporter, event and key in this
/// order, with a key derived from the secret.
///
/// Source: PROTOCOL R-JOIN-1.
pub fn join_proof(
    secret: &[u8; 16],
    exporter: &[u8; 32],
    event: &[u8; 32],
    joiner: &PublicKey,
) -> [u8; 32] {
    *join_hash(secret, exporter, event, joiner).as_bytes()
}

/// Tells whether `proof` is the joiner's proof for this secret, connection and event.
///
/// Takes the same time whatever the bytes are.
///
/// Source: PROTOCOL R-JOIN-1.
#[must_use]
pub fn verify_join_proof(
    secret: &[u8; 16],
    exporter: &[u8; 32],
    event: &[u8; 32],
    joiner: &PublicKey,
    proof: &[u8; 32],
) -> bool {
    // Comparing `Hash` values takes constant time; comparing arrays does not.
    join_hash(secret, exporter, event, joiner) == blake3::Hash::from_bytes(*proof)
}

/// Computes the proof by which an owner's device claims a device that shows an offer.
///
/// `nonce` is the offer's 16 random bytes, `exporter` as for [`join_proof`], `event` the id of the
/// event that the device is to take, `claimer` the key of the owner's device. Bound to the
/// connection and to the claimer as a join proof is.
///
/// Source: PROTOCOL R-JOIN-5.
pub fn claim_proof(
    nonce: &[u8; 16],
    exporter: &[u8; 32],
    event: &[u8; 32],
    claimer: &PublicKey,
) -> [u8; 32] {
    *bound(CLAIM_CONTEXT, nonce, exporter, event, claimer).as_bytes()
}

/// Tells whether `proof` is the claimer's proof for this offer, connection and event.
///
/// Takes the same time whatever the bytes are.
///
/// Source: PROTOCOL R-JOIN-5.
#[must_use]
pub fn verify_claim_proof(
    nonce: &[u8; 16],
    exporter: &[u8; 32],
    event: &[u8; 32],
    claimer: &PublicKey,
    proof: &[u8; 32],
) -> bool {
    bound(CLAIM_CONTEXT, nonce, exporter, event, claimer) == blake3::Hash::from_bytes(*proof)
}

/// Computes the four bytes of the words that both screens of a join show.
///
/// `secret` is the invite's. The same on every connection of the two devices, because a join may
/// need several; another device, another owner or another event shows other words.
///
/// Source: PROTOCOL R-JOIN-4.
pub fn join_words(
    secret: &[u8; 16],
    event: &[u8; 32],
    inviter: &PublicKey,
    joiner: &PublicKey,
) -> [u8; 4] {
    let key = zeroize::Zeroizing::new(blake3::derive_key(WORDS_CONTEXT, secret));
    let mut hasher = blake3::Hasher::new_keyed(&key);
    hasher
        .update(event)
        .update(inviter.as_bytes())
        .update(joiner.as_bytes());
    let [a, b, c, d, ..] = *hasher.finalize().as_bytes();
    [a, b, c, d]
}

/// Draws the nonce of a pairing on one connection from the 16 random bytes of the whole pairing,
/// so that no two connections ever see the same nonce.
///
/// Source: PROTOCOL R-JOIN-6.
pub fn pair_nonce(seed: &[u8; 16], exporter: &[u8; 32]) -> [u8; 16] {
    let key = zeroize::Zeroizing::new(blake3::derive_key(PAIR_NONCE_CONTEXT, seed));
    first(&blake3::keyed_hash(&key, exporter))
}

/// Computes what a side says of its nonce before either is shown.
///
/// `key` is the key of the side whose nonce it is.
///
/// Source: PROTOCOL R-JOIN-6.
pub fn pair_commitment(nonce: &[u8; 16], exporter: &[u8; 32], key: &PublicKey) -> [u8; 32] {
    *commitment(nonce, exporter, key).as_bytes()
}

/// Tells whether a nonce is the one that its side committed to on this connection.
///
/// Source: PROTOCOL R-JOIN-6.
#[must_use]
pub fn verify_pair_commitment(
    nonce: &[u8; 16],
    exporter: &[u8; 32],
    key: &PublicKey,
    said: &[u8; 32],
) -> bool {
    commitment(nonce, exporter, key) == blake3::Hash::from_bytes(*said)
}

/// Computes what both sides of a pairing get from its nonces: the number of six digits that both
/// screens show, below 1,000,000, and the 16 bytes that stand for an offer's nonce afterwards.
///
/// Each side is its nonce and its key; the new device comes first.
///
/// Source: PROTOCOL R-JOIN-6.
pub fn pair_outcome(
    device: (&[u8; 16], &PublicKey),
    inviter: (&[u8; 16], &PublicKey),
    exporter: &[u8; 32],
) -> (u32, [u8; 16]) {
    let mut hasher = blake3::Hasher::new_derive_key(PAIR_CONTEXT);
    hasher
        .update(device.0)
        .update(inviter.0)
        .update(device.1.as_bytes())
        .update(inviter.1.as_bytes())
        .update(exporter);
    let mut drawn = [0; 24];
    hasher.finalize_xof().fill(&mut drawn);
    let (secret, number) = drawn.split_at(16);
    let mut halves = ([0; 16], [0; 8]);
    halves.0.copy_from_slice(secret);
    halves.1.copy_from_slice(number);
    let (secret, number) = halves;
    let number = u64::from_le_bytes(number) % DIGITS_END;
    (u32::try_from(number).unwrap_or_default(), secret)
}

/// Computes the 8 bytes by which a peer of the same event is recognised on the network.
///
/// `discovery_key` is the event's, handed over when a device joins; `salt` is drawn anew by
/// whoever announces itself, so that two announcements do not show that they belong together.
///
/// Source: PROTOCOL R-FIND-1.
pub fn discovery_tag(discovery_key: &[u8; 16], salt: &[u8; 8]) -> [u8; 8] {
    let key = zeroize::Zeroizing::new(blake3::derive_key(DISCOVERY_CONTEXT, discovery_key));
    first(&blake3::keyed_hash(&key, salt))
}

/// Hashes the fields of a join proof.
fn join_hash(
    secret: &[u8; 16],
    exporter: &[u8; 32],
    event: &[u8; 32],
    joiner: &PublicKey,
) -> blake3::Hash {
    bound(JOIN_CONTEXT, secret, exporter, event, joiner)
}

/// Binds a secret to a connection, an event and a key; each has a fixed length, so their order
/// separates them.
fn bound(
    context: &str,
    secret: &[u8; 16],
    exporter: &[u8; 32],
    event: &[u8; 32],
    key: &PublicKey,
) -> blake3::Hash {
    let derived = zeroize::Zeroizing::new(blake3::derive_key(context, secret));
    let mut hasher = blake3::Hasher::new_keyed(&derived);
    hasher.update(exporter).update(event).update(key.as_bytes());
    hasher.finalize()
}

fn commitment(nonce: &[u8; 16], exporter: &[u8; 32], key: &PublicKey) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new_derive_key(PAIR_COMMIT_CONTEXT);
    hasher.update(nonce).update(exporter).update(key.as_bytes());
    hasher.finalize()
}

/// Returns the first bytes of a hash.
fn first<const N: usize>(hash: &blake3::Hash) -> [u8; N] {
    let mut bytes = [0; N];
    for (place, byte) in bytes.iter_mut().zip(hash.as_bytes()) {
        *place = *byte;
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::DeviceKey;
    use crate::vectors::bytes;

    const SECRET: [u8; 16] = [1; 16];
    const EXPORTER: [u8; 32] = [2; 32];
    const EVENT: [u8; 32] = [3; 32];

    fn joiner(seed: u8) -> PublicKey {
        DeviceKey::from_seed([seed; 32]).public()
    }

    #[test]
    fn a_proof_holds_for_its_own_secret_connection_event_and_key() {
        let proof = join_proof(&SECRET, &EXPORTER, &EVENT, &joiner(4));
        assert!(verify_join_proof(
            &SECRET,
            &EXPORTER,
            &EVENT,
            &joiner(4),
            &proof
        ));
    }

    #[test]
    fn a_proof_fails_when_any_field_differs() {
        let proof = join_proof(&SECRET, &EXPORTER, &EVENT, &joiner(4));
        let mut bent = proof;
        bent[31] ^= 1;
        assert!(
            !verify_join_proof(&[9; 16], &EXPORTER, &EVENT, &joiner(4), &proof),
            "secret"
        );
        assert!(
            !verify_join_proof(&SECRET, &[9; 32], &EVENT, &joiner(4), &proof),
            "exporter"
        );
        assert!(
            !verify_join_proof(&SECRET, &EXPORTER, &[9; 32], &joiner(4), &proof),
            "event"
        );
        assert!(
            !verify_join_proof(&SECRET, &EXPORTER, &EVENT, &joiner(5), &proof),
            "joiner"
        );
        assert!(
            !verify_join_proof(&SECRET, &EVENT, &EXPORTER, &joiner(4), &proof),
            "order"
        );
        assert!(
            !verify_join_proof(&SECRET, &EXPORTER, &EVENT, &joiner(4), &bent),
            "one bit"
        );
    }

    /// Frozen, and computed by an implementation that shares no code: changing these bytes
    /// locks out every invite and every peer in the field.
    #[test]
    fn proof_and_tag_are_frozen() {
        let proof = "6e340f40e20395316fb10a12582190210ddc076b2ce1d0f8dd15512b2b321fd6";
        assert_eq!(
            join_proof(&SECRET, &EXPORTER, &EVENT, &joiner(4)),
            bytes(proof)
        );
        assert_eq!(discovery_tag(&[5; 16], &[6; 8]), bytes("d69f3be5cd3082f0"));
    }

    #[test]
    fn a_claim_holds_for_its_own_fields_and_is_no_join_proof() {
        let proof = claim_proof(&SECRET, &EXPORTER, &EVENT, &joiner(4));
        let holds = |nonce, exporter, event, key: u8| {
            verify_claim_proof(nonce, exporter, event, &joiner(key), &proof)
        };
        assert!(holds(&SECRET, &EXPORTER, &EVENT, 4));
        assert!(!holds(&[9; 16], &EXPORTER, &EVENT, 4), "nonce");
        assert!(!holds(&SECRET, &[9; 32], &EVENT, 4), "exporter");
        assert!(!holds(&SECRET, &EXPORTER, &[9; 32], 4), "event");
        assert!(!holds(&SECRET, &EXPORTER, &EVENT, 5), "claimer");
        assert_ne!(
            proof,
            join_proof(&SECRET, &EXPORTER, &EVENT, &joiner(4)),
            "another context"
        );
    }

    #[test]
    fn words_depend_on_every_field() {
        let words = join_words(&SECRET, &EVENT, &joiner(4), &joiner(5));
        assert_ne!(words, join_words(&[9; 16], &EVENT, &joiner(4), &joiner(5)));
        assert_ne!(words, join_words(&SECRET, &[9; 32], &joiner(4), &joiner(5)));
        assert_ne!(words, join_words(&SECRET, &EVENT, &joiner(6), &joiner(5)));
        assert_ne!(words, join_words(&SECRET, &EVENT, &joiner(4), &joiner(6)));
        assert_ne!(words, join_words(&SECRET, &EVENT, &joiner(5), &joiner(4)));
    }

    #[test]
    fn a_commitment_holds_for_its_nonce_connection_and_side_only() {
        let said = pair_commitment(&SECRET, &EXPORTER, &joiner(4));
        assert!(verify_pair_commitment(
            &SECRET,
            &EXPORTER,
            &joiner(4),
            &said
        ));
        assert!(!verify_pair_commitment(
            &[9; 16],
            &EXPORTER,
            &joiner(4),
            &said
        ));
        assert!(!verify_pair_commitment(
            &SECRET,
            &[9; 32],
            &joiner(4),
            &said
        ));
        assert!(!verify_pair_commitment(
            &SECRET,
            &EXPORTER,
            &joiner(5),
            &said
        ));
    }

    #[test]
    fn the_outcome_of_a_pairing_depends_on_every_field() {
        let (device, inviter) = (joiner(4), joiner(5));
        let outcome = |n, m, a, b, exporter| pair_outcome((n, a), (m, b), exporter);
        let right = outcome(&SECRET, &[7; 16], &device, &inviter, &EXPORTER);
        for other in [
            outcome(&[9; 16], &[7; 16], &device, &inviter, &EXPORTER),
            outcome(&SECRET, &[9; 16], &device, &inviter, &EXPORTER),
            outcome(&SECRET, &[7; 16], &joiner(6), &inviter, &EXPORTER),
            outcome(&SECRET, &[7; 16], &device, &joiner(6), &EXPORTER),
            outcome(&SECRET, &[7; 16], &device, &inviter, &[9; 32]),
        ] {
            assert_ne!(right.0, other.0, "digits");
            assert_ne!(right.1, other.1, "secret");
        }
        assert!(right.0 < 1_000_000);
        assert_ne!(
            pair_nonce(&SECRET, &EXPORTER),
            pair_nonce(&SECRET, &[9; 32]),
            "a nonce for each connection"
        );
    }

    /// Frozen, and computed by an implementation that shares no code: two devices of different
    /// versions compare these.
    #[test]
    fn claim_words_and_pairing_are_frozen() {
        let (device, inviter) = (joiner(4), joiner(5));
        let claim = claim_proof(&SECRET, &EXPORTER, &EVENT, &inviter);
        assert_eq!(
            claim,
            bytes("a7a32c512f784fd53d1c78f49f8ee5202039b6af51c636fc5c47d451032ecf83")
        );
        let words = join_words(&SECRET, &EVENT, &inviter, &device);
        assert_eq!(words, bytes("d56c8a82"));
        let nonce = pair_nonce(&SECRET, &EXPORTER);
        assert_eq!(nonce, bytes("c38fe9acd6b946921c2844ff622d8885"));
        let said = pair_commitment(&nonce, &EXPORTER, &device);
        assert_eq!(
            said,
            bytes("f10e5db9d3f5d02452672241762cf67f55bb379f93d64c631451d52f39cd94cf")
        );
        let (digits, secret) = pair_outcome((&nonce, &device), (&[7; 16], &inviter), &EXPORTER);
        assert_eq!(
            (digits, secret),
            (337_336, bytes("6b22bf93a753a844ebb3f8ca747635cd"))
        );
    }

    #[test]
    fn a_tag_depends_on_key_and_salt() {
        let tag = discovery_tag(&[5; 16], &[6; 8]);
        assert_ne!(tag, discovery_tag(&[5; 16], &[7; 8]), "salt");
        assert_ne!(tag, discovery_tag(&[7; 16], &[6; 8]), "key");
    }
}
