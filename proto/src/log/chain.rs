//! The hash chain of a log, and the one signature that covers a batch.

use tallyline_keys::{DeviceKey, PublicKey, Purpose, Signature};

use crate::{
    model::{EventId, Hash, LogName},
    wire::hash,
};

/// The running hash of a log: `h0` names event, log and writer, each entry is linked in.
///
/// Source: PROTOCOL R-CHAIN-1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chain(pub Hash);

impl Chain {
    /// Returns the hash of a log without entries.
    pub fn start(event: EventId, log: &LogName, writer: &PublicKey) -> Self {
        Self(hash(
            "chain",
            &[
                &event.0.0,
                &log.grant.0.0,
                &log.incarnation.0.to_le_bytes(),
                writer.as_bytes(),
            ],
        ))
    }

    /// Returns the hash after one more entry. The entry is hashed by itself first, so that a
    /// single entry can be proven without its followers' contents.
    ///
    /// Source: PROTOCOL R-CHAIN-2.
    #[must_use]
    pub fn link(self, entry: &[u8]) -> Self {
        Self(hash("link", &[&self.0.0, &hash("entry", &[entry]).0]))
    }
}

/// Signs a log's end.
///
/// Source: PROTOCOL R-CHAIN-3.
pub fn sign_head(
    key: &DeviceKey,
    event: EventId,
    log: &LogName,
    (height, chain): (u64, Chain),
) -> Signature {
    key.sign(Purpose::Head, &event.0.0, &head_body(log, height, chain))
}

/// Returns whether a head signature holds.
///
/// Source: PROTOCOL R-CHAIN-3.
pub fn verify_head(
    writer: &PublicKey,
    event: EventId,
    log: &LogName,
    (height, chain): (u64, Chain),
    signature: &Signature,
) -> bool {
    let body = head_body(log, height, chain);
    writer
        .verify(Purpose::Head, &event.0.0, &body, signature)
        .is_ok()
}

/// Lays out what a head signs: grant 32, incarnation 8, height 8, chain hash 32.
fn head_body(log: &LogName, height: u64, chain: Chain) -> [u8; 80] {
    let mut body = [0; 80];
    let parts = [
        log.grant.0.0.as_slice(),
        &log.incarnation.0.to_le_bytes(),
        &height.to_le_bytes(),
        &chain.0.0,
    ];
    for (to, from) in body.iter_mut().zip(parts.concat()) {
        *to = from;
    }
    body
}
