//! What a peer shows in TLS: the right certificate of its key, or any of the wrong ones.
//!
//! Layer: below `peer`.

use std::sync::Arc;

use quinn::crypto::rustls::QuicClientConfig;
use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256, date_time_ymd};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ClientConfig, ResolvesClientCert, Resumption};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::sign::{CertifiedKey, Signer, SigningKey};
use rustls::{DigitallySignedStruct, SignatureAlgorithm, SignatureScheme};
use tallyline_keys::tls::{self, ALPN, Admission, Expected, Identity};
use tallyline_keys::{DeviceKey, PublicKey};

use crate::process::Broken;

/// An RSA key of 2,048 bits that nothing else uses: ring signs with RSA keys and makes none.
const RSA_KEY: &[u8] = include_bytes!("../../data/hostile/rsa-2048.pk8");

/// What stands before the 32 bytes of a seed in PKCS#8 (RFC 8410).
const ED25519_PKCS8: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];

/// What a peer shows in TLS.
#[derive(Clone, Debug)]
pub enum Papers {
    /// The certificate that an honest device with this key shows.
    Right,
    /// No certificate.
    None,
    /// One over an RSA key.
    Rsa,
    /// One over a P-256 key.
    P256,
    /// One over the right key, valid in these years only.
    Years(i32, i32),
    /// Somebody else's certificate.
    Copied(CertificateDer<'static>),
    /// The right certificate, and the wish to resume sessions and to send early.
    Eager,
}

/// Lets everybody in: a liar asks nobody for papers.
#[derive(Debug)]
pub struct Anybody;

/// Believes every certificate and every signature.
#[derive(Debug)]
struct NoQuestions(Arc<CryptoProvider>);

/// Signs with its key whatever the other side asked for.
#[derive(Debug)]
struct Stubborn(Arc<dyn SigningKey>, SignatureScheme);

/// Shows one certificate, whether it is wanted or not.
#[derive(Debug)]
struct Shown(Arc<CertifiedKey>);

/// Makes the configuration of a dialler with these papers.
///
/// # Errors
/// If the cryptography library refuses to make them.
pub fn dialler(papers: &Papers, key: &DeviceKey) -> Result<quinn::ClientConfig, Broken> {
    let provider = Arc::new(ring::default_provider());
    let tls = match papers {
        Papers::Right => honest(key)?,
        Papers::Eager => eager(key)?,
        Papers::None => bare(&provider)?.with_no_client_auth(),
        Papers::Rsa => shown(&provider, &rsa()?)?,
        Papers::P256 => shown(&provider, &p256()?)?,
        Papers::Years(first, last) => shown(&provider, &dated(key, *first, *last)?)?,
        Papers::Copied(certificate) => shown(&provider, &copied(key, certificate.clone())?)?,
    };
    let crypto = QuicClientConfig::try_from(with_protocol(tls)).map_err(Broken::of)?;
    Ok(quinn::ClientConfig::new(Arc::new(crypto)))
}

/// Makes the TLS configuration of a listener that lets everybody in and shows the right
/// certificate of its key.
///
/// # Errors
/// If the cryptography library refuses to make it.
pub fn listener(key: &DeviceKey) -> Result<rustls::ServerConfig, Broken> {
    let identity = Identity::new(key).map_err(Broken::of)?;
    tls::server_config(&identity, Arc::new(Anybody)).map_err(Broken::of)
}

/// Makes the TLS configuration of a dialler without papers, whose hello looks like everybody's.
///
/// # Errors
/// If the cryptography library refuses to make it.
pub fn stranger() -> Result<Arc<ClientConfig>, Broken> {
    let provider = Arc::new(ring::default_provider());
    Ok(Arc::new(with_protocol(
        bare(&provider)?.with_no_client_auth(),
    )))
}

fn honest(key: &DeviceKey) -> Result<ClientConfig, Broken> {
    let identity = Identity::new(key).map_err(Broken::of)?;
    let expected = Expected::Admitted(Arc::new(Anybody));
    tls::client_config(&identity, expected).map_err(Broken::of)
}

fn eager(key: &DeviceKey) -> Result<ClientConfig, Broken> {
    let mut config = honest(key)?;
    config.resumption = Resumption::in_memory_sessions(8);
    config.enable_early_data = true;
    Ok(config)
}

fn with_protocol(mut config: ClientConfig) -> ClientConfig {
    config.alpn_protocols = vec![ALPN.to_vec()];
    config.enable_sni = false;
    config
}

/// Begins a configuration that asks the other side nothing.
fn bare(
    provider: &Arc<CryptoProvider>,
) -> Result<rustls::ConfigBuilder<ClientConfig, rustls::client::WantsClientCert>, Broken> {
    Ok(ClientConfig::builder_with_provider(Arc::clone(provider))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(Broken::of)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(NoQuestions(Arc::clone(provider)))))
}

fn shown(
    provider: &Arc<CryptoProvider>,
    (certificate, key, scheme): &(
        CertificateDer<'static>,
        Arc<dyn SigningKey>,
        SignatureScheme,
    ),
) -> Result<ClientConfig, Broken> {
    let key = Arc::new(Stubborn(Arc::clone(key), *scheme));
    let certified = CertifiedKey::new(vec![certificate.clone()], key);
    Ok(bare(provider)?.with_client_cert_resolver(Arc::new(Shown(Arc::new(certified)))))
}

type Paper = (
    CertificateDer<'static>,
    Arc<dyn SigningKey>,
    SignatureScheme,
);

fn rsa() -> Result<Paper, Broken> {
    let der = PrivatePkcs8KeyDer::from(RSA_KEY);
    let pair = KeyPair::from_pkcs8_der_and_sign_algo(&der, &PKCS_RSA_SHA256).map_err(Broken::of)?;
    let certificate = params()?.self_signed(&pair).map_err(Broken::of)?;
    let key = ring::sign::RsaSigningKey::new(&PrivateKeyDer::from(der)).map_err(Broken::of)?;
    let scheme = SignatureScheme::RSA_PSS_SHA256;
    Ok((certificate.into(), Arc::new(key), scheme))
}

fn p256() -> Result<Paper, Broken> {
    let pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(Broken::of)?;
    let certificate = params()?.self_signed(&pair).map_err(Broken::of)?;
    let der = PrivatePkcs8KeyDer::from(pair.serialize_der());
    let key = ring::sign::any_ecdsa_type(&PrivateKeyDer::from(der)).map_err(Broken::of)?;
    let scheme = SignatureScheme::ECDSA_NISTP256_SHA256;
    Ok((certificate.into(), key, scheme))
}

fn dated(key: &DeviceKey, first: i32, last: i32) -> Result<Paper, Broken> {
    let pkcs8 = pkcs8(key);
    let der = PrivatePkcs8KeyDer::from(pkcs8.as_slice());
    let pair = KeyPair::try_from(&der).map_err(Broken::of)?;
    let mut params = params()?;
    params.not_before = date_time_ymd(first, 1, 1);
    params.not_after = date_time_ymd(last, 1, 1);
    let certificate = params.self_signed(&pair).map_err(Broken::of)?;
    Ok((certificate.into(), ed25519(key)?, SignatureScheme::ED25519))
}

fn copied(key: &DeviceKey, certificate: CertificateDer<'static>) -> Result<Paper, Broken> {
    Ok((certificate, ed25519(key)?, SignatureScheme::ED25519))
}

fn ed25519(key: &DeviceKey) -> Result<Arc<dyn SigningKey>, Broken> {
    let pkcs8 = pkcs8(key);
    let der = PrivatePkcs8KeyDer::from(pkcs8.as_slice());
    ring::sign::any_eddsa_type(&der).map_err(Broken::of)
}

fn pkcs8(key: &DeviceKey) -> Vec<u8> {
    [&ED25519_PKCS8[..], key.seed()].concat()
}

fn params() -> Result<CertificateParams, Broken> {
    CertificateParams::new(Vec::new()).map_err(Broken::of)
}

impl Admission for Anybody {
    fn admits(&self, _key: &PublicKey) -> bool {
        true
    }
}

impl ResolvesClientCert for Shown {
    fn resolve(
        &self,
        _root_hint_subjects: &[&[u8]],
        _sigschemes: &[SignatureScheme],
    ) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }

    fn has_certs(&self) -> bool {
        true
    }
}

impl SigningKey for Stubborn {
    fn choose_scheme(&self, _offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        self.0.choose_scheme(&[self.1])
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        self.0.algorithm()
    }
}

impl ServerCertVerifier for NoQuestions {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
