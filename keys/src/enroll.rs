//! Proof that a device knows an invite's secret, and the tag by which peers of one event find
//! each other.
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

/// Computes the 8 bytes by which a peer of the same event is recognised on the network.
///
/// `discovery_key` is the event's, handed over when a device joins; `salt` is drawn anew by
/// whoever announces itself, so that two announcements do not show that they belong together.
///
/// Source: PROTOCOL R-FIND-1.
pub fn discovery_tag(discovery_key: &[u8; 16], salt: &[u8; 8]) -> [u8; 8] {
    let key = zeroize::Zeroizing::new(blake3::derive_key(DISCOVERY_CONTEXT, discovery_key));
    let mut tag = [0_u8; 8];
    for (place, byte) in tag
        .iter_mut()
        .zip(blake3::keyed_hash(&key, salt).as_bytes())
    {
        *place = *byte;
    }
    tag
}

/// Hashes the fields of a join proof; each has a fixed length, so their order separates them.
fn join_hash(
    secret: &[u8; 16],
    exporter: &[u8; 32],
    event: &[u8; 32],
    joiner: &PublicKey,
) -> blake3::Hash {
    let key = zeroize::Zeroizing::new(blake3::derive_key(JOIN_CONTEXT, secret));
    let mut hasher = blake3::Hasher::new_keyed(&key);
    hasher
        .update(exporter)
        .update(event)
        .update(joiner.as_bytes());
    hasher.finalize()
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
    fn a_tag_depends_on_key_and_salt() {
        let tag = discovery_tag(&[5; 16], &[6; 8]);
        assert_ne!(tag, discovery_tag(&[5; 16], &[7; 8]), "salt");
        assert_ne!(tag, discovery_tag(&[7; 16], &[6; 8]), "key");
    }
}
