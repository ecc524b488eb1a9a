//! Verbs that need no node to answer: make one, run one, show many.
//!
//! Layer: node, cli.

use serde_json::json;

use super::args::{DemoArgs, Init, Run};
use super::failure::Failure;
use super::session::{DONE, Session, say};
use crate::config::RawConfig;
use crate::entropy;
use crate::root::{Root, RootError, hex};

impl Run {
    /// Puts what was typed for `run` beside what was typed for every verb.
    pub(super) fn flags(self, flags: RawConfig) -> RawConfig {
        let list = |list: Vec<String>| (!list.is_empty()).then_some(list);
        RawConfig {
            mode: self.mode.map(|mode| mode.name().to_owned()),
            listen: list(self.listen),
            peers: list(self.peer),
            mdns: self.no_mdns.then(|| "false".to_owned()),
            cloud: self.cloud,
            cloud_key: self.cloud_key,
            ..flags
        }
    }
}

/// Makes the root a node.
pub(super) fn init(args: &Init, session: &Session) -> Result<u8, Failure> {
    let label = match &args.label {
        Some(label) => label.clone(),
        // Two devices that nobody named are still told apart.
        None => format!("{}-{}", args.mode, hex(&entropy::bytes::<2>().map_err(RootError::from)?)),
    };
    let root = Root::create(&session.config.root, &label, args.mode)?;
    let key = root.key();
    if session.json {
        let told = json!({
            "schema": "tallyline.init/1",
            "root": root.dir().display().to_string(),
            "label": root.label(),
            "mode": root.mode().name(),
            "key": key.fingerprint(),
            "key_short": key.short(),
            "key_hex": hex(key.as_bytes()),
        });
        session.write(&format!("{told}\n"))?;
    } else {
        session.write(&format!(
            "root   {}\nlabel  {}\nmode   {}\nkey    {}\n",
            root.dir().display(),
            root.label(),
            root.mode(),
            key.fingerprint(),
        ))?;
        say(
            "This device has its key; it never leaves the root. Next: `tallyline event create` on \
             the owner's device, `tallyline join TICKET` on the others.",
        );
    }
    Ok(DONE)
}

/// Runs the node until it is told to end.
pub(super) fn run(session: &Session) -> Result<u8, Failure> {
    todo!()
}

/// Shows a real match over real processes.
pub(super) fn demo(args: DemoArgs, session: &Session) -> Result<u8, Failure> {
    let args = DemoArgs { json: session.json, ..args };
    todo!()
}
