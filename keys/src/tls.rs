//! Certificates over the device key, and TLS 1.3 configurations that trust keys and nothing
//! else.
//!
//! There is no certificate authority, no name and no date: a device at a range has no reliable
//! clock, and a peer is who its key says. Does not know who is admitted ([`Admission`] is asked
//! at every handshake) and opens no socket. Layer: the top of `keys`, feature `std`.
//!
//! Absent on purpose: resumption, session tickets and 0-RTT. Each of them lets a device in
//! without its certificate being looked at, and so a revoked one too.
//!
//! Source: PROTOCOL R-TLS-1.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ClientConfig, Resumption};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, ring, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{
    NoServerSessionStorage, ParsedCertificate, ServerConfig, ServerSessionMemoryCache,
};
use rustls::sign::{CertifiedKey, Signer, SingleCertAndKey};
use rustls::time_provider::TimeProvider;
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, OtherError, PeerIncompatible,
    SignatureScheme,
};

use crate::device::{DeviceKey, KeyError, PublicKey};
use crate::planted::{Fault, is};

/// The application protocol that both ends name in the handshake.
///
/// Source: PROTOCOL R-TLS-2.
pub const ALPN: &[u8] = b"tallyline/1";

/// What stands before the 32 key bytes in an Ed25519 `SubjectPublicKeyInfo` (RFC 8410).
const SPKI_PREFIX: [u8; 12] = [
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
];

/// First year of every certificate: the year in which a clock starts that was never set.
const FIRST_YEAR: i32 = 1970;

/// Last year of every certificate: the one that RFC 5280 gives to certificates without an end.
const LAST_YEAR: i32 = 9999;

/// Who this device is in a TLS handshake: its certificate and the key behind it.
pub struct Identity {
    public: PublicKey,
    certified: Arc<CertifiedKey>,
    provider: Arc<CryptoProvider>,
}

/// Decides which keys may connect; asked at every handshake, never cached.
///
/// Asked only after the peer has proven that it holds the key, so a `true` for strangers up to
/// a limit counts real devices, and nobody learns who is admitted by naming another's key.
pub trait Admission: Send + Sync + fmt::Debug {
    /// Tells whether a peer with this key may connect at this moment.
    ///
    /// Called on the thread that drives the handshake: answer without waiting.
    fn admits(&self, key: &PublicKey) -> bool;
}

/// Whom a device expects at the other end.
#[derive(Debug, Clone)]
pub enum Expected {
    /// Exactly the device with this key.
    Key(PublicKey),
    /// Any device that is admitted.
    Admitted(Arc<dyn Admission>),
    /// Whoever answers: who it is shows in what it says.
    Anyone,
}

/// Why a certificate names no device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsError {
    /// The bytes are not an X.509 certificate.
    NotACertificate,
    /// The certificate's key is not an Ed25519 key.
    NotEd25519,
    /// The certificate's key is no usable device key.
    Key(KeyError),
}

/// Why this device cannot take part in TLS at all: a fault of the build, not of a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetupError {
    /// The cryptography library lacks Ed25519.
    NoEd25519,
    /// The cryptography library refused the device's key.
    PrivateKey,
    /// The certificate could not be made.
    Certificate,
    /// The cryptography library lacks TLS 1.3.
    NoTls13,
}

/// The verifier of both sides: whoever dials or listens looks at nothing but the peer's key.
#[derive(Debug)]
struct Pin {
    expected: Expected,
    algorithms: WebPkiSupportedAlgorithms,
}

/// The clock given to the TLS library: it stands still, because no date decides anything here.
#[derive(Debug)]
struct StoppedClock;

/// Signs this device's certificate with the key that TLS has loaded, so that the secret is not
/// copied a second time.
struct CertificateSigner {
    public: PublicKey,
    signer: std::boxed::Box<dyn Signer>,
}

impl Identity {
    /// Makes the TLS identity of a device: a certificate that it signs itself.
    ///
    /// Deterministic: the certificate has an empty subject, fixed dates, and a serial number
    /// that follows from the key, so it says nothing but the key. The TLS library keeps its own
    /// copy of the secret for as long as the identity or a configuration made from it lives.
    ///
    /// # Errors
    ///
    /// A [`SetupError`] if the cryptography library is not what this crate was built for.
    pub fn new(device: &DeviceKey) -> Result<Self, SetupError> {
        Self::with_provider(device, ring::default_provider())
    }

    /// Makes the TLS identity of a device with a cryptography library of the caller's: a
    /// simulated network brings its own randomness and key shares. Of its signatures only
    /// Ed25519 is ever offered or accepted.
    ///
    /// # Errors
    ///
    /// A [`SetupError`] if the cryptography library is not what this crate was built for.
    pub fn with_provider(device: &DeviceKey, provider: CryptoProvider) -> Result<Self, SetupError> {
        let public = device.public();
        let pkcs8 = device.pkcs8().ok_or(SetupError::PrivateKey)?;
        let key = ring::sign::any_eddsa_type(&PrivatePkcs8KeyDer::from(pkcs8.as_slice()))
            .map_err(|_| SetupError::PrivateKey)?;
        let signer = key
            .choose_scheme(&[SignatureScheme::ED25519])
            .ok_or(SetupError::NoEd25519)?;
        let certificate = certificate_params()
            .self_signed(&CertificateSigner { public, signer })
            .map_err(|_| SetupError::Certificate)?;
        let chain = std::vec![CertificateDer::from(certificate)];
        Ok(Self {
            public,
            certified: Arc::new(CertifiedKey::new(chain, key)),
            provider: Arc::new(only_ed25519(provider)?),
        })
    }

    /// Returns the key that peers see.
    pub fn public(&self) -> PublicKey {
        self.public
    }
}

impl TlsError {
    /// Tells the TLS library why a peer's certificate is refused.
    fn refusal(self) -> rustls::Error {
        CertificateError::Other(OtherError(Arc::new(self))).into()
    }
}

impl Pin {
    /// Makes a verifier with the signature algorithms of the identity, Ed25519 alone.
    fn new(identity: &Identity, expected: Expected) -> Arc<Self> {
        let algorithms = identity.provider.signature_verification_algorithms;
        Arc::new(Self {
            expected,
            algorithms,
        })
    }

    /// Checks that the peer holds its key, and only then whether the key may connect.
    fn check(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let valid = verify_tls13_signature(message, cert, dss, &self.algorithms)?;
        let key = peer_key(cert).map_err(TlsError::refusal)?;
        let admitted = match &self.expected {
            Expected::Key(expected) => *expected == key,
            Expected::Admitted(admission) => admission.admits(&key),
            Expected::Anyone => true,
        };
        if admitted {
            Ok(valid)
        } else {
            Err(not_admitted())
        }
    }
}

impl ServerCertVerifier for Pin {
    /// Accepts any device's certificate; `check` decides when the handshake's signature comes.
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        peer_key(end_entity).map_err(TlsError::refusal)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(too_old())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.check(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

impl ClientCertVerifier for Pin {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    /// Accepts any device's certificate; `check` decides when the handshake's signature comes.
    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        peer_key(end_entity).map_err(TlsError::refusal)?;
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(too_old())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.check(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

impl TimeProvider for StoppedClock {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(Duration::ZERO))
    }
}

impl rcgen::PublicKeyData for CertificateSigner {
    fn der_bytes(&self) -> &[u8] {
        self.public.as_bytes()
    }

    fn algorithm(&self) -> &'static rcgen::SignatureAlgorithm {
        &rcgen::PKCS_ED25519
    }
}

impl rcgen::SigningKey for CertificateSigner {
    fn sign(&self, msg: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        self.signer
            .sign(msg)
            .map_err(|_| rcgen::Error::RemoteKeyError)
    }
}

impl fmt::Debug for Identity {
    /// Shows whose identity it is and nothing of the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity({})", self.public.short())
    }
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotACertificate => {
                f.write_str("the peer's certificate cannot be read; check that it runs Tallyline")
            }
            Self::NotEd25519 => f.write_str(
                "the peer's certificate is not over an Ed25519 key; check that it runs Tallyline",
            ),
            Self::Key(error) => write!(
                f,
                "the peer's certificate is not over a device key: {error}"
            ),
        }
    }
}

impl core::error::Error for TlsError {}

impl fmt::Display for SetupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoEd25519 => "this build cannot use Ed25519 in TLS; install another build",
            Self::PrivateKey => {
                "the TLS library refused this device's key; restore the key file or enrol again"
            }
            Self::Certificate => {
                "this device's certificate could not be made; install another build"
            }
            Self::NoTls13 => "this build cannot speak TLS 1.3; install another build",
        })
    }
}

impl core::error::Error for SetupError {}

/// Makes the TLS configuration of a dialler.
///
/// TLS 1.3 only, with this device's certificate, Ed25519 only, no server name sent, no
/// resumption and no 0-RTT. A dialler learns that it was refused only after its own handshake
/// is complete: count a peer as connected after its first message.
///
/// Source: PROTOCOL R-TLS-1, R-TLS-2.
///
/// # Errors
///
/// [`SetupError::NoTls13`] if the cryptography library lacks TLS 1.3.
pub fn client_config(identity: &Identity, expected: Expected) -> Result<ClientConfig, SetupError> {
    let mut config =
        ClientConfig::builder_with_details(identity.provider.clone(), Arc::new(StoppedClock))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(|_| SetupError::NoTls13)?
            .dangerous()
            .with_custom_certificate_verifier(Pin::new(identity, expected))
            .with_client_cert_resolver(Arc::new(SingleCertAndKey::from(
                identity.certified.clone(),
            )));
    config.alpn_protocols = std::vec![ALPN.to_vec()];
    config.resumption = if is(Fault::ResumptionOn) {
        Resumption::in_memory_sessions(8)
    } else {
        Resumption::disabled()
    };
    config.enable_sni = false;
    config.enable_early_data = false;
    Ok(config)
}

/// Makes the TLS configuration of a listener.
///
/// TLS 1.3 only, with this device's certificate; the client's certificate is mandatory, Ed25519
/// only, and admission is asked at every handshake. No tickets, no session storage, no 0-RTT.
///
/// Source: PROTOCOL R-TLS-1, R-TLS-2.
///
/// # Errors
///
/// [`SetupError::NoTls13`] if the cryptography library lacks TLS 1.3.
pub fn server_config(
    identity: &Identity,
    admission: Arc<dyn Admission>,
) -> Result<ServerConfig, SetupError> {
    let mut config =
        ServerConfig::builder_with_details(identity.provider.clone(), Arc::new(StoppedClock))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(|_| SetupError::NoTls13)?
            .with_client_cert_verifier(Pin::new(identity, Expected::Admitted(admission)))
            .with_cert_resolver(Arc::new(SingleCertAndKey::from(identity.certified.clone())));
    config.alpn_protocols = std::vec![ALPN.to_vec()];
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    config.max_early_data_size = 0;
    if is(Fault::ResumptionOn) {
        config.session_storage = ServerSessionMemoryCache::new(8);
        config.send_tls13_tickets = 2;
    }
    Ok(config)
}

/// Returns the device key that a certificate is over.
///
/// Looks at the key alone: the certificate's own signature, names and dates mean nothing here.
///
/// # Errors
///
/// A [`TlsError`] that says why the certificate names no device.
pub fn peer_key(cert: &CertificateDer<'_>) -> Result<PublicKey, TlsError> {
    let parsed = ParsedCertificate::try_from(cert).map_err(|_| TlsError::NotACertificate)?;
    let spki = parsed.subject_public_key_info();
    let bytes = spki
        .strip_prefix(&SPKI_PREFIX[..])
        .ok_or(TlsError::NotEd25519)?;
    let bytes = <[u8; 32]>::try_from(bytes).map_err(|_| TlsError::NotEd25519)?;
    PublicKey::from_bytes(bytes).map_err(TlsError::Key)
}

/// Takes every other signature than Ed25519 out of a cryptography library.
fn only_ed25519(mut provider: CryptoProvider) -> Result<CryptoProvider, SetupError> {
    let mapping = provider.signature_verification_algorithms.mapping;
    // A slice of the library's own table, because the type asks for a static one.
    let mapping = mapping
        .chunks(1)
        .find(|entries| {
            entries
                .iter()
                .all(|entry| entry.0 == SignatureScheme::ED25519)
        })
        .ok_or(SetupError::NoEd25519)?;
    let all = mapping.first().ok_or(SetupError::NoEd25519)?.1;
    provider.signature_verification_algorithms = WebPkiSupportedAlgorithms { all, mapping };
    Ok(provider)
}

/// Describes the certificate: nothing in it but the key.
fn certificate_params() -> rcgen::CertificateParams {
    let mut params = rcgen::CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.not_before = rcgen::date_time_ymd(FIRST_YEAR, 1, 1);
    params.not_after = rcgen::date_time_ymd(LAST_YEAR, 12, 31);
    params
}

/// Refuses a key that nobody expects here.
fn not_admitted() -> rustls::Error {
    CertificateError::ApplicationVerificationFailure.into()
}

/// Refuses a handshake of TLS 1.2, which the configuration never offers.
fn too_old() -> rustls::Error {
    PeerIncompatible::Tls12NotOfferedOrEnabled.into()
}

mod outer;

pub use outer::{outer_client_config, outer_server_config};

#[cfg(test)]
mod tests;
