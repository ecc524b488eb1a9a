//! Port and addresses kept from one start to the next, so that peers find each other again
//! where mDNS does not reach.
//!
//! A cache: what cannot be read is forgotten, and nothing in it is trusted; the handshake decides
//! who answers. Layer: below `hub`.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::Path;

use serde::{Deserialize, Serialize};
use tallyline_keys::PublicKey;
use tracing::warn;

/// Bytes of the file that are looked at, at most: 64 peers with 4 addresses take 20 KiB.
const FILE_BYTES_MAX: usize = 64 * 1024;

/// What is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Memory {
    /// The port of the last start.
    pub(super) port: Option<u16>,
    /// Where peers were reached, the latest address first.
    pub(super) peers: Vec<(PublicKey, Vec<SocketAddr>)>,
}

/// The file's shape.
#[derive(Debug, Default, Deserialize, Serialize)]
struct Written {
    port: Option<u16>,
    peers: Vec<WrittenPeer>,
}

/// One peer in the file.
#[derive(Debug, Deserialize, Serialize)]
struct WrittenPeer {
    key: String,
    addresses: Vec<SocketAddr>,
}

/// Reads what was kept; nothing if there is no file, or it holds something else.
pub(super) fn load(path: &Path) -> Memory {
    let Ok(bytes) = fs::read(path) else {
        return Memory::default();
    };
    if bytes.len() > FILE_BYTES_MAX {
        return Memory::default();
    }
    let written: Written = serde_json::from_slice(&bytes).unwrap_or_default();
    let peers = written.peers.into_iter().filter_map(|peer| {
        let key = PublicKey::parse(&peer.key).ok()?;
        Some((key, peer.addresses))
    });
    Memory {
        port: written.port,
        peers: peers.collect(),
    }
}

/// Writes what is to be kept; a failure costs only the cache.
pub(super) fn save(path: &Path, memory: &Memory) {
    if let Err(error) = replace(path, memory) {
        warn!(%error, "addresses of peers were not kept; they are found again by other means");
    }
}

/// Replaces the file in one step, so that a crash leaves the old or the new one.
fn replace(path: &Path, memory: &Memory) -> io::Result<()> {
    let peers = memory.peers.iter().map(|(key, addresses)| WrittenPeer {
        key: key.fingerprint(),
        addresses: addresses.clone(),
    });
    let written = Written {
        port: memory.port,
        peers: peers.collect(),
    };
    let fresh = path.with_extension("part");
    fs::write(&fresh, serde_json::to_vec_pretty(&written)?)?;
    fs::rename(&fresh, path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tallyline_keys::DeviceKey;

    #[test]
    fn what_was_kept_comes_back() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("peers.json");
        let key = DeviceKey::from_seed([1; 32]).public();
        let memory = Memory {
            port: Some(4_433),
            peers: vec![(key, vec!["10.0.0.1:4433".parse().unwrap()])],
        };
        assert_eq!(load(&path), Memory::default(), "no file");
        save(&path, &memory);
        assert_eq!(load(&path), memory, "the same");
        for rubbish in ["", "{", "[1]", "{\"port\":70000,\"peers\":[]}"] {
            fs::write(&path, rubbish).unwrap();
            assert_eq!(load(&path), Memory::default(), "{rubbish}");
        }
    }
}
