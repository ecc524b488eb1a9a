//! `doctor`: what is wrong with this device, and whom its node turned away.
//!
//! Layer: node, cli.

use super::args::Doctor;
use super::failure::Failure;
use super::session::{DONE, Session};
use super::show;
use crate::doctor::examine;
use crate::local::protocol::{Nothing, Request, SecurityData, exits};

/// Examines the device, or shows the security log.
pub(super) fn doctor(args: &Doctor, session: &Session) -> Result<u8, Failure> {
    if args.security {
        let screen = session.config.screen;
        let request = Request::Security(Nothing {});
        session.show::<SecurityData>(request, |data| show::security(data, screen))?;
        return Ok(DONE);
    }
    let report = examine(&session.config.root);
    let text = if session.json {
        let line = serde_json::to_string(&report);
        let line = line.map_err(|error| Failure::file(format!("no report: {error}")))?;
        format!("{line}\n")
    } else {
        show::report(&report)
    };
    session.write(&text)?;
    Ok(if report.well { DONE } else { exits::FAILURE })
}
