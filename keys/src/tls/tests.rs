//! Whole handshakes in memory: two `rustls` connections that hand each other their bytes.

use alloc::collections::BTreeSet;
use alloc::string::ToString as _;
use std::sync::Mutex;

use rustls::client::{ClientConnection, Resumption};
use rustls::server::ServerConnection;
use rustls::{ConnectionCommon, Error, HandshakeKind};

use super::*;
use crate::vectors::bytes;

/// A self-signed certificate over an RSA key, without its private key.
const RSA_CERTIFICATE: &str = concat!(
    "3082015730820101a00302010202143b4ea5f518045732d229e70c4671354b026150ca300d06092a864886f70d",
    "01010b05003000301e170d3236313132313032353232365a170d3236313132323032353232365a3000305c300d",
    "06092a864886f70d0101010500034b003048024100e351c3397fac162096b9bfae49cf5694b75c10578ebe68c5",
    "0d185c94d17eb2d0a386f3b785489d0016dcfbc055b096401bc5808000e6a517e78da733b2bcd97f0203010001",
    "a3533051301d0603551d0e04160414be9a0bdeb7715f70bd37410cedd89c28836d1a6c301f0603551d23041830",
    "168014be9a0bdeb7715f70bd37410cedd89c28836d1a6c300f0603551d130101ff040530030101ff300d06092a",
    "864886f70d01010b050003410011175af199a1a0d91b72e38c10b9d59c1057927d9d4bad0499b3c87bc6c532d3",
    "4032b514d3847beef4d2e434512678f5ce22f30dba25a0f3bc5d2f58aff514ff",
);

/// An admission list that can change, and that remembers whom it was asked about.
#[derive(Debug, Default)]
struct List {
    admitted: Mutex<BTreeSet<PublicKey>>,
    asked: Mutex<Vec<PublicKey>>,
}

impl List {
    fn of(devices: &[&DeviceKey]) -> Arc<Self> {
        let list = Self::default();
        list.admitted
            .lock()
            .unwrap()
            .extend(devices.iter().map(|device| device.public()));
        Arc::new(list)
    }

    fn revoke(&self, device: &DeviceKey) {
        self.admitted.lock().unwrap().remove(&device.public());
    }

    fn asked(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

impl Admission for List {
    fn admits(&self, key: &PublicKey) -> bool {
        self.asked.lock().unwrap().push(*key);
        self.admitted.lock().unwrap().contains(key)
    }
}

/// How a handshake ended at both ends.
#[derive(Debug)]
struct Outcome {
    client: Result<(), Error>,
    server: Result<(), Error>,
    kinds: [Option<HandshakeKind>; 2],
    peers: [Option<PublicKey>; 2],
}

impl Outcome {
    fn succeeded(&self) -> bool {
        self.client.is_ok() && self.server.is_ok() && self.peers.iter().all(Option::is_some)
    }
}

fn device(seed: u8) -> DeviceKey {
    DeviceKey::from_seed([seed; 32])
}

fn identity(device: &DeviceKey) -> Identity {
    Identity::new(device).unwrap()
}

/// The identity that shows `certificate` and signs with the key of `device`.
fn disguised(device: &DeviceKey, certificate: CertificateDer<'static>) -> Identity {
    let mut identity = identity(device);
    let key = identity.certified.key.clone();
    identity.certified = Arc::new(CertifiedKey::new(std::vec![certificate], key));
    identity
}

fn client(who: &DeviceKey, expected: &DeviceKey) -> ClientConfig {
    client_config(&identity(who), Expected::Key(expected.public())).unwrap()
}

fn server(who: &DeviceKey, admission: &Arc<List>) -> ServerConfig {
    server_config(&identity(who), admission.clone()).unwrap()
}

fn handshake(
    client: impl Into<Arc<ClientConfig>>,
    server: impl Into<Arc<ServerConfig>>,
) -> Outcome {
    let name = ServerName::try_from("tallyline").unwrap();
    let mut client = ClientConnection::new(client.into(), name).unwrap();
    let mut server = ServerConnection::new(server.into()).unwrap();
    let mut ends = [Ok(()), Ok(())];
    // Two flights each suffice; a few more carry late alerts and tickets.
    for _ in 0..6 {
        let [at_client, at_server] = &mut ends;
        hand_over(&mut client, &mut server, at_server);
        hand_over(&mut server, &mut client, at_client);
    }
    let [at_client, at_server] = ends;
    assert!(
        at_client.is_err() || !client.is_handshaking(),
        "the client is left waiting"
    );
    assert!(
        at_server.is_err() || !server.is_handshaking(),
        "the server is left waiting"
    );
    let peer = |certs: Option<&[CertificateDer<'_>]>| peer_key(certs?.first()?).ok();
    Outcome {
        client: at_client,
        server: at_server,
        kinds: [client.handshake_kind(), server.handshake_kind()],
        peers: [
            peer(client.peer_certificates()),
            peer(server.peer_certificates()),
        ],
    }
}

/// Hands over everything that `from` has to say, and notes the first error of the receiver.
fn hand_over<A, B>(
    from: &mut ConnectionCommon<A>,
    to: &mut ConnectionCommon<B>,
    at_receiver: &mut Result<(), Error>,
) {
    let mut bytes = Vec::new();
    while from.wants_write() {
        from.write_tls(&mut bytes).unwrap();
    }
    let mut rest = bytes.as_slice();
    while !rest.is_empty() && at_receiver.is_ok() {
        if to.read_tls(&mut rest).unwrap() == 0 {
            break;
        }
        *at_receiver = to.process_new_packets().map(|_| ());
    }
}

fn refused_as(result: &Result<(), Error>, reason: &TlsError) -> bool {
    matches!(result, Err(Error::InvalidCertificate(CertificateError::Other(OtherError(error))))
        if error.downcast_ref::<TlsError>() == Some(reason))
}

fn not_admitted_at(result: &Result<(), Error>) -> bool {
    *result == Err(not_admitted())
}

fn rsa_certificate() -> CertificateDer<'static> {
    CertificateDer::from(bytes::<347>(RSA_CERTIFICATE).to_vec())
}

fn p256_certificate() -> CertificateDer<'static> {
    let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    certificate_params()
        .self_signed(&pair)
        .unwrap()
        .der()
        .clone()
}

/// A certificate over the right key that held, or will hold, in the given years only.
fn dated(device: &DeviceKey, first_year: i32, last_year: i32) -> CertificateDer<'static> {
    let signer = identity(device)
        .certified
        .key
        .choose_scheme(&[SignatureScheme::ED25519])
        .unwrap();
    let mut params = certificate_params();
    params.not_before = rcgen::date_time_ymd(first_year, 1, 1);
    params.not_after = rcgen::date_time_ymd(last_year, 1, 1);
    let signer = CertificateSigner {
        public: device.public(),
        signer,
    };
    params.self_signed(&signer).unwrap().der().clone()
}

#[test]
fn admitted_devices_that_expect_each_other_connect() {
    let (a, b) = (device(1), device(2));
    let outcome = handshake(client(&a, &b), server(&b, &List::of(&[&a])));
    assert!(outcome.succeeded(), "{outcome:?}");
    assert_eq!(outcome.peers, [Some(b.public()), Some(a.public())]);
}

#[test]
fn a_dialler_can_accept_any_admitted_server_and_only_those() {
    let (a, b) = (device(1), device(2));
    let list = List::of(&[&b]);
    let config = || client_config(&identity(&a), Expected::Admitted(list.clone())).unwrap();
    let first = handshake(config(), server(&b, &List::of(&[&a])));
    assert!(first.succeeded(), "{first:?}");
    list.revoke(&b);
    let second = handshake(config(), server(&b, &List::of(&[&a])));
    assert!(not_admitted_at(&second.client), "{second:?}");
    assert_eq!(list.asked(), 2);
}

#[test]
fn a_server_with_another_key_is_refused_by_the_client() {
    let (a, b, c) = (device(1), device(2), device(3));
    let outcome = handshake(client(&a, &b), server(&c, &List::of(&[&a])));
    assert!(not_admitted_at(&outcome.client), "{outcome:?}");
    assert!(outcome.server.is_err(), "{outcome:?}");
}

#[test]
fn a_client_that_is_not_admitted_is_refused_by_the_server() {
    let (a, b, c) = (device(1), device(2), device(3));
    let outcome = handshake(client(&a, &b), server(&b, &List::of(&[&c])));
    assert!(not_admitted_at(&outcome.server), "{outcome:?}");
    assert!(outcome.client.is_err(), "{outcome:?}");
}

#[test]
fn a_client_without_a_certificate_is_refused() {
    let (a, b) = (device(1), device(2));
    let pin = Pin::new(&identity(&a), Expected::Key(b.public()));
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(pin)
        .with_no_client_auth();
    config.alpn_protocols = std::vec![ALPN.to_vec()];
    let outcome = handshake(config, server(&b, &List::of(&[&a])));
    assert_eq!(
        outcome.server,
        Err(Error::NoCertificatesPresented),
        "{outcome:?}"
    );
}

#[test]
fn certificates_over_other_kinds_of_keys_are_refused() {
    let (a, b) = (device(1), device(2));
    let list = List::of(&[&a, &b]);
    for certificate in [p256_certificate(), rsa_certificate()] {
        let expected = Expected::Admitted(list.clone());
        let config = client_config(&disguised(&a, certificate.clone()), expected).unwrap();
        let outcome = handshake(config, server(&b, &list));
        assert!(
            refused_as(&outcome.server, &TlsError::NotEd25519),
            "{outcome:?}"
        );

        let config = server_config(&disguised(&b, certificate), list.clone()).unwrap();
        let outcome = handshake(client(&a, &b), config);
        assert!(
            refused_as(&outcome.client, &TlsError::NotEd25519),
            "{outcome:?}"
        );
    }
}

/// An honest P-256 client finds no signature that the server accepts.
#[test]
fn a_client_with_a_p256_key_is_refused() {
    let (a, b) = (device(1), device(2));
    let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    let certificate = certificate_params().self_signed(&pair).unwrap();
    let mut who = identity(&a);
    let der = PrivatePkcs8KeyDer::from(pair.serialize_der());
    let key = ring::sign::any_ecdsa_type(&der.into()).unwrap();
    who.certified = Arc::new(CertifiedKey::new(std::vec![certificate.der().clone()], key));
    let config = client_config(&who, Expected::Key(b.public())).unwrap();
    let outcome = handshake(config, server(&b, &List::of(&[&a])));
    assert_eq!(
        outcome.server,
        Err(Error::NoCertificatesPresented),
        "{outcome:?}"
    );
}

/// The copied key is not even asked about: nobody learns who is admitted by copying
/// certificates, and nobody fills the places of strangers with keys that are not theirs.
#[test]
fn a_copied_certificate_without_its_private_key_is_refused() {
    let (a, b, thief) = (device(1), device(2), device(3));
    let list = List::of(&[&a, &b]);
    let stolen = |owner: &DeviceKey| identity(owner).certified.cert[0].clone();

    let config = client_config(
        &disguised(&thief, stolen(&a)),
        Expected::Admitted(list.clone()),
    )
    .unwrap();
    let outcome = handshake(config, server(&b, &list));
    assert!(
        matches!(outcome.server, Err(Error::InvalidCertificate(_))),
        "{outcome:?}"
    );
    assert!(!not_admitted_at(&outcome.server), "{outcome:?}");
    assert_eq!(
        *list.asked.lock().unwrap(),
        [b.public()],
        "only the proven server"
    );

    let config = server_config(&disguised(&thief, stolen(&b)), list.clone()).unwrap();
    let outcome = handshake(client(&a, &b), config);
    assert!(
        matches!(outcome.client, Err(Error::InvalidCertificate(_))),
        "{outcome:?}"
    );
    assert_eq!(list.asked(), 1);
}

#[test]
fn dates_of_certificates_are_ignored() {
    let (a, b) = (device(1), device(2));
    let list = List::of(&[&a, &b]);
    for (first_year, last_year) in [(1971, 1972), (2900, 2901)] {
        let who = disguised(&a, dated(&a, first_year, last_year));
        let config = client_config(&who, Expected::Key(b.public())).unwrap();
        let outcome = handshake(config, server(&b, &list));
        assert!(outcome.succeeded(), "client of {first_year}: {outcome:?}");

        let who = disguised(&b, dated(&b, first_year, last_year));
        let outcome = handshake(client(&a, &b), server_config(&who, list.clone()).unwrap());
        assert!(outcome.succeeded(), "server of {first_year}: {outcome:?}");
    }
}

/// With the defaults of the TLS library a client certificate was looked at once in three
/// connections, so that a revoked phone walked back in.
#[test]
fn a_revoked_key_is_refused_at_its_next_connection() {
    let (a, b) = (device(1), device(2));
    let list = List::of(&[&a]);
    let at_server = Arc::new(server(&b, &list));
    let mut config = client(&a, &b);
    // A client that wants to come back with a ticket and early data.
    config.resumption = Resumption::in_memory_sessions(8);
    config.enable_early_data = true;
    let at_client = Arc::new(config);
    for round in 1..=3 {
        let outcome = handshake(at_client.clone(), at_server.clone());
        assert!(outcome.succeeded(), "{outcome:?}");
        assert_eq!(
            outcome.kinds,
            [Some(HandshakeKind::Full); 2],
            "round {round}"
        );
        assert_eq!(
            list.asked(),
            round,
            "the key is looked at in every connection"
        );
    }
    list.revoke(&a);
    let outcome = handshake(at_client, at_server);
    assert!(not_admitted_at(&outcome.server), "{outcome:?}");
}

/// The server that is dialled may hand out tickets; a dialler forgets them.
#[test]
fn a_dialler_looks_at_the_server_in_every_connection() {
    let (a, b) = (device(1), device(2));
    let mut config = server(&b, &List::of(&[&a]));
    config.session_storage = ServerSessionMemoryCache::new(8);
    config.send_tls13_tickets = 2;
    let at_server = Arc::new(config);
    let list = List::of(&[&b]);
    let expected = Expected::Admitted(list.clone());
    let at_client = Arc::new(client_config(&identity(&a), expected).unwrap());
    for round in 1..=3 {
        let outcome = handshake(at_client.clone(), at_server.clone());
        assert!(outcome.succeeded(), "{outcome:?}");
        assert_eq!(
            list.asked(),
            round,
            "the key is looked at in every connection"
        );
    }
}

#[test]
fn another_application_protocol_is_refused() {
    let (a, b) = (device(1), device(2));
    let mut config = client(&a, &b);
    config.alpn_protocols = std::vec![b"h3".to_vec()];
    let outcome = handshake(config, server(&b, &List::of(&[&a])));
    assert_eq!(
        outcome.server,
        Err(Error::NoApplicationProtocol),
        "{outcome:?}"
    );
}

/// A `ClientHello` of TLS 1.2: no supported-versions extension, one cipher suite; only
/// signature algorithms and groups are named.
#[test]
fn tls_1_2_is_refused() {
    let mut body = std::vec![3, 3];
    body.extend([0_u8; 32]);
    body.extend([0, 0, 2, 0xc0, 0x2b, 1, 0]);
    body.extend([0, 16, 0, 13, 0, 4, 0, 2, 8, 7, 0, 10, 0, 4, 0, 2, 0, 29]);
    let length = u8::try_from(body.len()).unwrap();
    let mut record = std::vec![22, 3, 1, 0, length + 4, 1, 0, 0, length];
    record.extend(body);
    let config = Arc::new(server(&device(2), &List::of(&[])));
    let mut connection = ServerConnection::new(config).unwrap();
    connection.read_tls(&mut record.as_slice()).unwrap();
    let result = connection.process_new_packets().map(|_| ());
    assert!(
        matches!(result, Err(Error::PeerIncompatible(_))),
        "{result:?}"
    );
}

#[test]
fn configurations_offer_nothing_but_full_tls_1_3() {
    let (a, b) = (device(1), device(2));
    let server = server(&b, &List::of(&[]));
    assert_eq!(server.send_tls13_tickets, 0);
    assert_eq!(server.max_early_data_size, 0);
    assert!(!server.session_storage.can_cache());
    assert!(!server.ticketer.enabled());
    assert_eq!(server.alpn_protocols, [ALPN]);
    let client = client(&a, &b);
    assert!(!client.enable_sni && !client.enable_early_data);
    assert_eq!(client.alpn_protocols, [ALPN]);
    let offered = only_ed25519(ring::default_provider())
        .unwrap()
        .signature_verification_algorithms
        .supported_schemes();
    assert_eq!(offered, [SignatureScheme::ED25519]);
}

#[test]
fn a_certificate_is_the_same_each_time_and_names_its_key() {
    let a = device(1);
    let (first, second) = (identity(&a), identity(&a));
    assert_eq!(first.certified.cert, second.certified.cert);
    assert_eq!(peer_key(&first.certified.cert[0]), Ok(a.public()));
    assert_eq!(
        std::format!("{first:?}"),
        std::format!("Identity({})", a.public().short())
    );
}

#[test]
fn what_is_no_certificate_of_a_device_is_named() {
    let check = |der: &[u8], expected: TlsError| {
        assert_eq!(peer_key(&CertificateDer::from(der)), Err(expected));
        assert!(!expected.to_string().is_empty(), "every refusal has words");
    };
    check(b"", TlsError::NotACertificate);
    check(&[0x30; 300], TlsError::NotACertificate);
    check(&p256_certificate(), TlsError::NotEd25519);
    check(&rsa_certificate(), TlsError::NotEd25519);

    // The certificate of a device with its key replaced by the identity of the group.
    let a = device(1);
    let mut der = identity(&a).certified.cert[0].to_vec();
    let at = der
        .windows(32)
        .position(|window| window == a.public().as_bytes())
        .unwrap();
    der[at..at + 32].fill(0);
    der[at] = 1;
    check(&der, TlsError::Key(KeyError::Weak));
}
