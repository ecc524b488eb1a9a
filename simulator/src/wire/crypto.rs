//! Real TLS cryptography with seeded chance: the same seed gives the same bytes on the wire.
//!
//! Ciphers, hashes and signatures are ring's, as in a node. What ring draws by itself (key shares)
//! or from the operating system (hello randoms) comes from the thread's seeded source instead.
//! Counts what proves that no handshake takes a short cut: each one agrees on a key and verifies
//! the peer's signature on both sides; a resumed one would only agree on a key.

use std::cell::Cell;
use std::sync::Arc;

use quinn::crypto::{AeadKey, CryptoError, HandshakeTokenKey};
use rustls::crypto::{
    ActiveKeyExchange, CryptoProvider, GetRandomFailed, SecureRandom, SharedSecret,
    SupportedKxGroup, WebPkiSupportedAlgorithms, ring,
};
use rustls::pki_types::{AlgorithmIdentifier, InvalidSignature, SignatureVerificationAlgorithm};
use rustls::{NamedGroup, PeerMisbehaved, SignatureScheme};
use tallyline::entropy;
use x25519_dalek::{X25519_BASEPOINT_BYTES, x25519};

/// Bytes of the tag that seals a proof of address.
const TAG_BYTES: usize = 16;

thread_local! {
    static AGREEMENTS: Cell<u64> = const { Cell::new(0) };
    static VERIFICATIONS: Cell<u64> = const { Cell::new(0) };
}

/// Draws from the thread's seeded source.
#[derive(Debug)]
struct SeededRandom;

/// X25519 with seeded secrets.
#[derive(Debug)]
struct SeededX25519;

/// One side's half of a key agreement.
struct Share {
    secret: [u8; 32],
    public: [u8; 32],
}

/// ring's Ed25519, counted.
#[derive(Debug)]
struct Counted;

/// Seals proofs of address; only a simulated network believes it.
pub(super) struct TokenKey(pub(super) [u8; 32]);

/// The key of one proof of address.
struct TokenSeal([u8; 32]);

static ALL: [&dyn SignatureVerificationAlgorithm; 1] = [&Counted];
static MAPPING: [(SignatureScheme, &[&dyn SignatureVerificationAlgorithm]); 1] =
    [(SignatureScheme::ED25519, &ALL)];

/// Returns ring's cryptography with seeded chance and counted verifications.
pub(super) fn provider() -> CryptoProvider {
    CryptoProvider {
        kx_groups: vec![&SeededX25519],
        secure_random: &SeededRandom,
        signature_verification_algorithms: WebPkiSupportedAlgorithms {
            all: &ALL,
            mapping: &MAPPING,
        },
        ..ring::default_provider()
    }
}

/// Begins to count anew on this thread.
pub(super) fn reset_counts() {
    AGREEMENTS.set(0);
    VERIFICATIONS.set(0);
}

/// Returns how many key agreements this thread completed: one on each side of a handshake.
pub(super) fn agreements() -> u64 {
    AGREEMENTS.get()
}

/// Returns how many signatures of peers this thread verified: one on each side of a handshake.
pub(super) fn verifications() -> u64 {
    VERIFICATIONS.get()
}

impl SecureRandom for SeededRandom {
    fn fill(&self, buf: &mut [u8]) -> Result<(), GetRandomFailed> {
        entropy::fill(buf).map_err(|_| GetRandomFailed)
    }
}

impl SupportedKxGroup for SeededX25519 {
    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, rustls::Error> {
        let secret = entropy::bytes().map_err(|_| rustls::Error::FailedToGetRandomBytes)?;
        let public = x25519(secret, X25519_BASEPOINT_BYTES);
        Ok(Box::new(Share { secret, public }))
    }

    fn name(&self) -> NamedGroup {
        NamedGroup::X25519
    }
}

impl ActiveKeyExchange for Share {
    fn complete(self: Box<Self>, peer_pub_key: &[u8]) -> Result<SharedSecret, rustls::Error> {
        let peer = <[u8; 32]>::try_from(peer_pub_key)
            .map_err(|_| rustls::Error::from(PeerMisbehaved::InvalidKeyShare))?;
        AGREEMENTS.set(AGREEMENTS.get() + 1);
        Ok(SharedSecret::from(&x25519(self.secret, peer)[..]))
    }

    fn pub_key(&self) -> &[u8] {
        &self.public
    }

    fn group(&self) -> NamedGroup {
        NamedGroup::X25519
    }
}

impl SignatureVerificationAlgorithm for Counted {
    fn verify_signature(
        &self,
        public_key: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), InvalidSignature> {
        VERIFICATIONS.set(VERIFICATIONS.get() + 1);
        let real = ed25519().ok_or(InvalidSignature)?;
        real.verify_signature(public_key, message, signature)
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        rustls::pki_types::alg_id::ED25519
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        rustls::pki_types::alg_id::ED25519
    }
}

impl HandshakeTokenKey for TokenKey {
    fn aead_from_hkdf(&self, random_bytes: &[u8]) -> Box<dyn AeadKey> {
        let seal = blake3::keyed_hash(&self.0, random_bytes);
        Box::new(TokenSeal(*seal.as_bytes()))
    }
}

impl AeadKey for TokenSeal {
    fn seal(&self, data: &mut Vec<u8>, additional_data: &[u8]) -> Result<(), CryptoError> {
        let tag = self.tag(data, additional_data);
        self.mask(data);
        data.extend_from_slice(&tag);
        Ok(())
    }

    fn open<'a>(
        &self,
        data: &'a mut [u8],
        additional_data: &[u8],
    ) -> Result<&'a mut [u8], CryptoError> {
        let length = data.len().checked_sub(TAG_BYTES).ok_or(CryptoError)?;
        let (data, tag) = data.split_at_mut(length);
        self.mask(data);
        if self.tag(data, additional_data) == *tag {
            Ok(data)
        } else {
            Err(CryptoError)
        }
    }
}

impl TokenSeal {
    fn tag(&self, data: &[u8], additional_data: &[u8]) -> [u8; TAG_BYTES] {
        let mut hasher = blake3::Hasher::new_keyed(&self.0);
        hasher.update(additional_data);
        hasher.update(data);
        let mut tag = [0; TAG_BYTES];
        hasher.finalize_xof().fill(&mut tag);
        tag
    }

    fn mask(&self, data: &mut [u8]) {
        let mut stream = blake3::Hasher::new_keyed(&self.0).finalize_xof();
        let mut pad = vec![0; data.len()];
        stream.fill(&mut pad);
        for (byte, pad) in data.iter_mut().zip(pad) {
            *byte ^= pad;
        }
    }
}

/// Returns ring's Ed25519.
fn ed25519() -> Option<&'static dyn SignatureVerificationAlgorithm> {
    let mapping = ring::default_provider()
        .signature_verification_algorithms
        .mapping;
    let found = mapping
        .iter()
        .find(|(scheme, _)| *scheme == SignatureScheme::ED25519);
    found.and_then(|(_, algorithms)| algorithms.first().copied())
}

/// Makes the key that seals proofs of address from a device's seed.
pub(super) fn token_key(seed: &[u8; 32]) -> Arc<dyn HandshakeTokenKey> {
    Arc::new(TokenKey(blake3::derive_key(
        "tallyline v1 simulated proof of address",
        seed,
    )))
}
