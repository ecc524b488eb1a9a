//! Verbs of a cloud's root itself.
//!
//! Layer: node, cli.

use serde_json::json;
use tallyline_keys::{PublicKey, Warrant};

use super::args::CloudVerb;
use super::failure::Failure;
use super::session::{DONE, Session, say};
use crate::local::protocol::exits;
use crate::root::{Root, warrant};

/// Does a verb of a cloud's root.
pub(super) fn cloud(verb: &CloudVerb, session: &Session) -> Result<u8, Failure> {
    match verb {
        CloudVerb::Warrant { key } => make_warrant(key, session),
        CloudVerb::Accept { warrant } => accept(warrant, session),
    }
}

/// Signs for the key of a node.
fn make_warrant(key: &str, session: &Session) -> Result<u8, Failure> {
    let root = open(session)?;
    let node = PublicKey::parse(key).map_err(|error| {
        Failure::new(
            "bad_value",
            exits::USAGE,
            format!("{key:?}: {error}; nothing was changed; write the whole fingerprint"),
        )
    })?;
    if root.warrant().is_some() {
        return Err(Failure::new(
            "not_the_cloud",
            exits::REFUSED,
            "this root is one of a cloud's nodes itself; only the root whose key events name makes \
             warrants; nothing was changed",
        ));
    }
    let text = warrant::to_text(&Warrant::sign(&root.device_key(), &node));
    if session.json {
        let told = json!({
            "schema": "tallyline.warrant/1",
            "cloud": root.key().fingerprint(),
            "node": node.fingerprint(),
            "warrant": text,
        });
        session.write(&format!("{told}\n"))?;
    } else {
        session.write(&format!("{text}\n"))?;
        say("Run `tallyline cloud accept` with this text in the node's root; it is no secret.");
    }
    Ok(DONE)
}

/// Keeps the warrant for this root's key.
fn accept(text: &str, session: &Session) -> Result<u8, Failure> {
    let root = open(session)?;
    let lock = root.lock()?;
    let warrant = warrant::keep(root.dir(), &root.key(), text)?;
    drop(lock);
    say(&format!(
        "This root is a node of the cloud {} from its next start on.",
        warrant.cloud.fingerprint()
    ));
    Ok(DONE)
}

fn open(session: &Session) -> Result<Root, Failure> {
    let config = &session.config;
    Ok(Root::open_with(&config.root, &config.passphrase)?)
}
