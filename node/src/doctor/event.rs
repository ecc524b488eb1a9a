//! The event and this device's part in it, and whom the node turned away.

use super::Finding;
use crate::local::protocol::{CloneData, SecurityData, StatusData};

/// Looks at the event and what this device is in it.
pub(super) fn membership(status: &StatusData) -> Finding {
    let what = "event";
    match status.node.phase.as_str() {
        "blank" => Finding::note(
            what,
            "none yet",
            "found one with `tallyline event create`, or join one with `tallyline join`",
        ),
        "joining" => Finding::note(
            what,
            "this device has a ticket and is not admitted yet",
            "bring it onto the network of the device that invited it",
        ),
        _ => member(what, status),
    }
}

fn member(what: &str, status: &StatusData) -> Finding {
    let name = status.name.as_deref().unwrap_or_default();
    match status.devices.iter().find(|it| it.this) {
        Some(this) => Finding::fine(what, format!("{name}; {}", this.roles.join(", "))),
        None => Finding::wrong(
            what,
            format!("this device is no member of {name}"),
            "ask the owner whether it was revoked; otherwise meet a device that is a member",
        ),
    }
}

/// Looks at what the node turned away.
pub(super) fn refusals(security: &SecurityData) -> Finding {
    let what = "refusals";
    if security.counts.is_empty() {
        return Finding::fine(what, "nothing was turned away since the node started");
    }
    let counts = security.counts.iter();
    let counts: Vec<_> = counts
        .map(|it| format!("{} {}", it.count, it.cause))
        .collect();
    Finding::note(
        what,
        format!("since the node started: {}", counts.join(", ")),
        "`tallyline doctor --security` tells whom and why",
    )
}

/// Tells of a key that two devices use.
pub(super) fn clone(clone: &CloneData) -> Finding {
    let whose = clone.label.as_deref().unwrap_or(&clone.key);
    Finding::wrong(
        "clone",
        format!(
            "two devices use the key of {whose} at the same time ({})",
            clone.addresses.join(", ")
        ),
        "take both out of service and set them up anew; close the grants of that key",
    )
}
