//! Proof that a node itself answers, and not whoever stands between.
//!
//! A network with a portal answers every request with a page of its own, and says that all is well.
//! Who asks draws a nonce; the node signs it with its device key, together with its time. Layer:
//! above `sign`.

use alloc::vec::Vec;

use crate::device::{DeviceKey, PublicKey};
use crate::sign::{Purpose, Signature, SignatureError};

/// Bytes of a nonce: more than anybody can have answers for in store.
pub const PROBE_NONCE_BYTES: usize = 16;

/// What stands for the event's id: a node answers for itself, whatever event it has.
const NO_EVENT: [u8; 32] = [0; 32];

impl DeviceKey {
    /// Signs the answer to a probe: the nonce of who asks, and the node's time in Unix milliseconds.
    ///
    /// Source: PROTOCOL R-SIGN-1.
    pub fn answer_probe(&self, nonce: &[u8; PROBE_NONCE_BYTES], time_ms: u64) -> Signature {
        self.sign(Purpose::Probe, &NO_EVENT, &body(nonce, time_ms))
    }
}

impl PublicKey {
    /// Checks that the holder of this key answered this probe with this time.
    ///
    /// # Errors
    ///
    /// [`SignatureError::Mismatch`]: somebody else answered, or an answer to another probe is
    /// repeated. There is no way to the node from here.
    pub fn verify_probe(
        &self,
        nonce: &[u8; PROBE_NONCE_BYTES],
        time_ms: u64,
        signature: &Signature,
    ) -> Result<(), SignatureError> {
        let body = body(nonce, time_ms);
        self.verify(Purpose::Probe, &NO_EVENT, &body, signature)
    }
}

fn body(nonce: &[u8; PROBE_NONCE_BYTES], time_ms: u64) -> Vec<u8> {
    [nonce.as_slice(), &time_ms.to_be_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_node_itself_answers_a_probe() {
        let (node, portal) = (DeviceKey::from_seed([1; 32]), DeviceKey::from_seed([2; 32]));
        let (nonce, time) = ([7; PROBE_NONCE_BYTES], 1_767_225_600_000);
        let answer = node.answer_probe(&nonce, time);
        let holds =
            |key: &DeviceKey, nonce, time| key.public().verify_probe(nonce, time, &answer).is_ok();
        assert!(holds(&node, &nonce, time));
        assert!(!holds(&portal, &nonce, time), "another key");
        assert!(
            !holds(&node, &[8; PROBE_NONCE_BYTES], time),
            "an answer repeated"
        );
        assert!(!holds(&node, &nonce, time + 1), "another time");
        let other = node.sign(Purpose::Head, &NO_EVENT, &body(&nonce, time));
        let verdict = node.public().verify_probe(&nonce, time, &other);
        assert_eq!(
            verdict,
            Err(SignatureError::Mismatch),
            "signed for another purpose"
        );
    }
}
