//! TLS around a tunnel: what firewalls let through, and nothing that anybody relies on.
//!
//! A device that reaches its cloud over HTTPS speaks the whole protocol inside of it, with the keys of
//! both sides (the rest of `tls`). So the outer certificate may be anybody's: a reverse proxy's, or the
//! node's own.
//!
//! Source: PROTOCOL R-FALL-2.

use alloc::sync::Arc;
use alloc::vec::Vec;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ClientConfig, Resumption};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::{NoServerSessionStorage, ServerConfig};
use rustls::sign::SingleCertAndKey;
use rustls::{DigitallySignedStruct, Error, SignatureScheme};

use super::{Identity, SetupError, StoppedClock};

/// The protocol inside, for a proxy that offers several.
const HTTP: &[u8] = b"http/1.1";

/// Accepts every certificate: who is reached shows inside.
#[derive(Debug)]
struct Anybody;

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        ring::default_provider()
            .signature_verification_algorithms
            .supported_schemes()
    }
}

/// Makes the outer TLS of whoever dials a tunnel. It promises nothing: no certificate is looked at.
///
/// # Errors
///
/// [`SetupError::NoTls13`] if the cryptography library lacks TLS 1.3.
pub fn outer_client_config() -> Result<ClientConfig, SetupError> {
    let provider = Arc::new(ring::default_provider());
    let mut config = ClientConfig::builder_with_details(provider, Arc::new(StoppedClock))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|_| SetupError::NoTls13)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anybody))
        .with_no_client_auth();
    config.alpn_protocols = alloc::vec![HTTP.to_vec()];
    config.resumption = Resumption::disabled();
    config.enable_early_data = false;
    Ok(config)
}

/// Makes the outer TLS of a node that takes tunnels, with its own certificate, which nobody looks at.
///
/// # Errors
///
/// [`SetupError::NoTls13`] if the cryptography library lacks TLS 1.3.
pub fn outer_server_config(identity: &Identity) -> Result<ServerConfig, SetupError> {
    let provider = Arc::new(ring::default_provider());
    let mut config = ServerConfig::builder_with_details(provider, Arc::new(StoppedClock))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|_| SetupError::NoTls13)?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(identity.certified.clone())));
    config.alpn_protocols = alloc::vec![HTTP.to_vec()];
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    config.max_early_data_size = 0;
    Ok(config)
}
