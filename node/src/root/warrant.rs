//! A cloud's word for the key of one of its nodes, as a text and as a file of the node's root.
//!
//! The key that events name stays where nobody reaches it: it signs a warrant for each node's own key,
//! once, and the node takes it along. Layer: node, root.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use tallyline_keys::{PublicKey, Signature, Warrant};

use super::{RootError, hex, io_error, replace_file, unhex};

/// The warrant's file.
pub const FILE: &str = "cloud.warrant";

/// What the text begins with.
const PREFIX: &str = "tallyline-warrant:";

/// Writes a warrant as a text that people can copy.
pub fn to_text(warrant: &Warrant) -> String {
    let cloud = hex(warrant.cloud.as_bytes());
    format!("{PREFIX}{cloud}{}", hex(warrant.signature.as_bytes()))
}

/// Reads a warrant's text; `None` if it is none. Whose it is is not checked yet.
pub fn from_text(text: &str) -> Option<Warrant> {
    let bytes = unhex(text.trim().strip_prefix(PREFIX)?)?;
    let (cloud, signature) = bytes.split_first_chunk::<32>()?;
    Some(Warrant {
        cloud: PublicKey::from_bytes(*cloud).ok()?,
        signature: Signature::from_bytes(signature.try_into().ok()?),
    })
}

/// Keeps a warrant for the key of a root.
///
/// # Errors
///
/// [`RootError::Malformed`] if it is no warrant for this key, or what the disk said.
pub fn keep(dir: &Path, key: &PublicKey, text: &str) -> Result<Warrant, RootError> {
    let warrant = read(text, key).ok_or_else(|| malformed(dir))?;
    replace_file(&dir.join(FILE), to_text(&warrant).as_bytes())?;
    Ok(warrant)
}

/// Returns the warrant that a root keeps.
///
/// # Errors
///
/// [`RootError::Malformed`] if it is none for this key, or what the disk said.
pub(super) fn kept(dir: &Path, key: &PublicKey) -> Result<Option<Warrant>, RootError> {
    let path = dir.join(FILE);
    match fs::read_to_string(&path) {
        Ok(text) => read(&text, key).map(Some).ok_or_else(|| malformed(dir)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(io_error(&path, "read", error)),
    }
}

fn read(text: &str, key: &PublicKey) -> Option<Warrant> {
    from_text(text).filter(|warrant| warrant.verify(key).is_ok())
}

fn malformed(dir: &Path) -> RootError {
    RootError::Malformed {
        path: dir.join(FILE),
        what: "this is no warrant for the key of this root".to_owned(),
        advice: "have the cloud make one with `tallyline cloud warrant KEY`, with the fingerprint \
                 that `tallyline init` printed here",
    }
}

#[cfg(test)]
mod tests {
    use tallyline_keys::DeviceKey;

    use super::*;

    #[test]
    fn a_warrant_is_kept_for_its_own_key_alone() {
        let dir = tempfile::tempdir().expect("a folder");
        let cloud = DeviceKey::from_seed([1; 32]);
        let (node, other) = (
            DeviceKey::from_seed([2; 32]).public(),
            DeviceKey::from_seed([3; 32]).public(),
        );
        let text = to_text(&Warrant::sign(&cloud, &node));
        assert!(kept(dir.path(), &node).expect("nothing").is_none());
        keep(dir.path(), &other, &text).expect_err("another key's");
        assert!(kept(dir.path(), &node).expect("nothing").is_none());
        keep(dir.path(), &node, &format!(" {text}\n")).expect("this key's");
        let read = kept(dir.path(), &node).expect("reads").expect("is there");
        assert_eq!(read.cloud, cloud.public());
        for garbage in [
            "",
            "tallyline-warrant:",
            "tallyline-warrant:00",
            text.get(..40).expect("ASCII"),
        ] {
            assert!(from_text(garbage).is_none(), "{garbage:?}");
        }
    }
}
