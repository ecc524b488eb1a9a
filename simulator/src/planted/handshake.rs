//! Two handshakes of the same devices: the second one must look at the certificates again.

use std::sync::Arc;

use rustls::{
    ClientConnection, ConnectionCommon, HandshakeKind, ServerConnection, pki_types::ServerName,
};
use tallyline_keys::{
    DeviceKey, PublicKey,
    tls::{Admission, Expected, Identity, client_config, server_config},
};

/// Lets everybody in.
#[derive(Debug)]
struct Everybody;

impl Admission for Everybody {
    fn admits(&self, _key: &PublicKey) -> bool {
        true
    }
}

/// Returns whether the second of two connections resumes the first; `None` if no connection can
/// be made at all.
///
/// Source: PROTOCOL R-TLS-1.
pub(super) fn resumes() -> Option<bool> {
    let [one, other] = [[1; 32], [2; 32]].map(DeviceKey::from_seed);
    let dialler = Identity::new(&one).ok()?;
    let listener = Identity::new(&other).ok()?;
    let client = Arc::new(client_config(&dialler, Expected::Key(other.public())).ok()?);
    let server = Arc::new(server_config(&listener, Arc::new(Everybody)).ok()?);
    let mut kinds = Vec::new();
    for _ in 0..2 {
        let name = ServerName::try_from("tallyline").ok()?;
        let mut client = ClientConnection::new(Arc::clone(&client), name).ok()?;
        let mut server = ServerConnection::new(Arc::clone(&server)).ok()?;
        // Two flights each suffice; a few more carry tickets.
        for _ in 0..6 {
            hand_over(&mut client, &mut server)?;
            hand_over(&mut server, &mut client)?;
        }
        kinds.push(server.handshake_kind()?);
    }
    Some(kinds.contains(&HandshakeKind::Resumed))
}

/// Hands over everything that `from` has to say.
fn hand_over<A, B>(from: &mut ConnectionCommon<A>, to: &mut ConnectionCommon<B>) -> Option<()> {
    let mut bytes = Vec::new();
    while from.wants_write() {
        from.write_tls(&mut bytes).ok()?;
    }
    let mut rest = bytes.as_slice();
    while !rest.is_empty() {
        to.read_tls(&mut rest).ok().filter(|read| 0 < *read)?;
        to.process_new_packets().ok()?;
    }
    Some(())
}
