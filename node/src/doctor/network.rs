//! Interfaces, port, mDNS, peers, cloud.

use super::Finding;
use crate::local::protocol::{CloudData, HealthData, MdnsData, StatusData};

/// Looks for a network.
pub(super) fn interfaces() -> Finding {
    let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
    let names: std::collections::BTreeSet<String> = interfaces
        .into_iter()
        .filter(|it| !it.is_loopback())
        .map(|it| it.name)
        .collect();
    let names: Vec<_> = names.into_iter().collect();
    reach(&names)
}

/// Looks at the interfaces that lead somewhere.
pub(super) fn reach(names: &[String]) -> Finding {
    if names.is_empty() {
        return Finding::note(
            "network",
            "this device is on no network; scores are saved here alone",
            "join the Wi-Fi of the venue",
        );
    }
    Finding::fine("network", names.join(", "))
}

/// Looks at what a running node tells of its network.
pub(super) fn examine(health: &HealthData, status: &StatusData) -> Vec<Finding> {
    let mut findings = vec![port(health), mdns(health.mdns.as_ref(), status)];
    findings.extend(paused(&status.paused));
    findings.push(peers(status));
    findings.push(cloud(health));
    findings.extend(https(health, status));
    findings
}

fn port(health: &HealthData) -> Finding {
    match health.addresses.first() {
        Some(address) => Finding::fine("port", format!("reached at {address}")),
        None => Finding::wrong(
            "port",
            "no other device can reach this node",
            "start it with --listen and an address of this device",
        ),
    }
}

pub(super) fn mdns(mdns: Option<&MdnsData>, status: &StatusData) -> Finding {
    let what = "mdns";
    let Some(mdns) = mdns else {
        return Finding::note(
            what,
            "off: only named and remembered devices are found",
            "start the node without --no-mdns if the venue lets multicast through",
        );
    };
    if let Some(fault) = &mdns.fault {
        return Finding::wrong(
            what,
            format!("it does not work: {fault}"),
            "check that no firewall stops UDP port 5353; name devices with --peer meanwhile",
        );
    }
    if mdns.announcing {
        let text = format!("announced; {} places of others", mdns.candidates);
        return Finding::fine(what, text);
    }
    if status.node.phase == "member" {
        let cause = "this device is not announced yet";
        return Finding::note(what, cause, "wait some seconds and look again");
    }
    Finding::fine(what, "nothing to announce before there is an event")
}

fn paused(paused: &str) -> Option<Finding> {
    let (cause, fix) = match paused {
        "all" => ("a person paused all connections", "tallyline sync resume"),
        "cloud" => (
            "a person paused the link to the cloud",
            "tallyline sync resume --cloud",
        ),
        _ => return None,
    };
    Some(Finding::note("paused", cause, format!("run `{fix}`")))
}

fn peers(status: &StatusData) -> Finding {
    let others: Vec<_> = status.devices.iter().filter(|it| !it.this).collect();
    let count = others.iter().filter(|it| it.connected).count();
    let text = format!("{count} of {} other devices connected", others.len());
    if count == 0 && !others.is_empty() {
        let fix = "check that they run and are on the same network; a guest network may keep \
                   devices apart";
        return Finding::note("peers", text, fix);
    }
    Finding::fine("peers", text)
}

fn cloud(health: &HealthData) -> Finding {
    match &health.cloud {
        None => Finding::fine("cloud", "this device carries nothing there"),
        Some(cloud) if cloud.over.as_deref() == Some("https") => Finding::fine(
            "cloud",
            format!(
                "connected with {} over HTTPS: this network lets no UDP through",
                cloud.address
            ),
        ),
        Some(cloud) if cloud.connected => {
            Finding::fine("cloud", format!("connected with {}", cloud.address))
        }
        Some(CloudData {
            address,
            why: Some(why),
            ..
        }) => Finding::note(
            "cloud",
            format!("{address} is not reached ({}): {}", why.reason, why.text),
            why.fix.clone(),
        ),
        Some(cloud) => Finding::note(
            "cloud",
            format!("{} is not reached", cloud.address),
            "nothing is lost; check the internet, the address and the cloud's key",
        ),
    }
}

/// A cloud tells where devices reach it that no UDP gets through to.
fn https(health: &HealthData, status: &StatusData) -> Option<Finding> {
    if status.node.mode != "cloud" {
        return None;
    }
    Some(match &health.https {
        Some(addresses) => Finding::fine("https", format!("taken at {}", addresses.join(", "))),
        None => Finding::note(
            "https",
            "devices reach this node over UDP alone",
            "start it with --fallback and a free ip:port, unless it is off on purpose",
        ),
    })
}
