//! The event, its devices and its grants.
//!
//! Layer: node, cli, show.

use crate::config::Screen;
use crate::local::protocol::{
    Claims, CloseWhy, DeviceInfo, Devices, DrillInfo, EventInfo, Events, GrantInfo, Grants,
    PhaseWord, Power, RevokeWhy,
};

use super::table::{Sheet, Side::Left, Side::Right, clean};
use super::{add, count, kinds, numbers, when};

/// Lists the events that a node holds.
pub(in crate::cli) fn events(data: &Events) -> String {
    let mut text = String::new();
    for it in &data.events {
        add(
            &mut text,
            format_args!("{}  {}\n", it.event, clean(&it.name)),
        );
    }
    if text.is_empty() {
        text.push_str("There is no event yet.\n");
    }
    text
}

/// Shows the event with stages, rules and shooters.
pub(in crate::cli) fn event(info: &EventInfo, screen: Screen) -> String {
    let state = state(info);
    let level = if info.level.is_empty() {
        "-"
    } else {
        &info.level
    };
    let cloud = if info.cloud.is_empty() {
        "none".to_owned()
    } else {
        info.cloud.join(", ")
    };
    let head = [
        ("event", info.name.clone()),
        ("uuid", info.event.clone()),
        ("level", level.to_owned()),
        ("rules", info.ruleset.clone()),
        ("state", format!("{state}, revision {}", info.revision)),
        ("owner", info.owner.clone()),
        ("cloud", cloud),
        ("divisions", info.divisions.join(", ")),
        ("squads", numbers(Some(&info.squads))),
    ];
    let mut text = String::new();
    for (name, value) in head {
        add(&mut text, format_args!("{name:<10} {}\n", clean(&value)));
    }
    text.push('\n');
    text.push_str(&drills(&info.drills, screen));
    text.push('\n');
    text.push_str(&rules(info, screen));
    text.push('\n');
    text.push_str(&shooters(info, screen));
    if !info.places.is_empty() {
        text.push('\n');
        text.push_str(&places(info, screen));
    }
    if !info.kinds.is_empty() {
        text.push('\n');
        text.push_str(&kinds(&info.kinds, screen));
    }
    text
}

/// Says where the event stands, and so whether scores are taken.
fn state(info: &EventInfo) -> String {
    let at = |ms: Option<u64>| when::local(ms.unwrap_or_default(), info.zone_min);
    if let Some(closed) = info.closed_unix_ms {
        return format!("closed since {}", at(u64::try_from(closed).ok()));
    }
    if !info.locked {
        return "not locked yet".to_owned();
    }
    match info.phase.phase {
        PhaseWord::Scoring => "locked, scores are taken".to_owned(),
        PhaseWord::Provisional => format!(
            "provisional until {}, scores are taken",
            at(info.phase.review_ends_ms)
        ),
        PhaseWord::Final => format!("final since {}, nothing is taken", at(info.phase.since_ms)),
    }
}

fn places(info: &EventInfo, screen: Screen) -> String {
    let mut sheet = Sheet::new(screen, &[("PLACE", Right), ("NAME", Left)]);
    for place in &info.places {
        sheet.row([place.place.to_string(), clean(&place.name)]);
    }
    sheet.text()
}

/// Shows the members.
pub(in crate::cli) fn devices(data: &Devices, screen: Screen) -> String {
    let headings = [
        ("DEVICE", Left),
        ("ROLES", Left),
        ("SEEN", Left),
        ("WORDS", Left),
        ("FINGERPRINT", Left),
    ];
    let mut sheet = Sheet::new(screen, &headings);
    for device in &data.devices {
        sheet.row([
            device.label.clone(),
            device.roles.join(","),
            seen(device),
            device.words.clone().unwrap_or_else(|| "-".to_owned()),
            device.key.clone(),
        ]);
    }
    sheet.text()
}

/// Shows all grants, open ones and closed ones.
pub(in crate::cli) fn grants(data: &Grants, screen: Screen) -> String {
    let headings = [
        ("DEVICE", Left),
        ("STAGES", Left),
        ("SQUADS", Left),
        ("STATE", Left),
        ("GRANT", Left),
    ];
    let mut sheet = Sheet::new(screen, &headings);
    for grant in &data.grants {
        let state = match grant.closed {
            None if grant.lent.is_some() => &format!("lent until {}", until(grant)),
            None => "open",
            Some(CloseWhy::Handover) => "closed: handover",
            Some(CloseWhy::Dead) => "closed: device dead",
            Some(CloseWhy::Expired) => "closed: given back",
            Some(CloseWhy::Stolen) => "closed: device stolen",
        };
        sheet.row([
            grant.label.clone(),
            numbers(grant.drills.as_deref()),
            numbers(grant.squads.as_deref()),
            state.to_owned(),
            grant.grant.clone(),
        ]);
    }
    sheet.text()
}

/// Shows the cells that desks have lent: to whom, and until when.
pub(in crate::cli) fn claims(data: &Claims, screen: Screen) -> String {
    if data.claims.is_empty() {
        return "No desk has lent anything.\n".to_owned();
    }
    lent(&data.claims, screen)
}

/// Shows cells that are lent.
pub(super) fn lent(claims: &[GrantInfo], screen: Screen) -> String {
    let headings = [
        ("STAGE", Left),
        ("SQUAD", Left),
        ("HELD BY", Left),
        ("UNTIL", Left),
        ("DESK", Left),
        ("GRANT", Left),
    ];
    let mut sheet = Sheet::new(screen, &headings);
    for claim in claims {
        let desk = claim.lent.as_ref().map_or("-", |it| it.desk.as_str());
        sheet.row([
            numbers(claim.drills.as_deref()),
            numbers(claim.squads.as_deref()),
            claim.label.clone(),
            until(claim),
            desk.to_owned(),
            claim.grant.clone(),
        ]);
    }
    sheet.text()
}

/// Says until when a cell is lent, in the event's time zone.
pub(in crate::cli) fn until(claim: &GrantInfo) -> String {
    let lent = claim.lent.as_ref();
    let until = lent.and_then(|it| Some(when::local(it.until_unix_ms?, it.zone_min)));
    until.unwrap_or_else(|| "-".to_owned())
}

fn seen(device: &DeviceInfo) -> String {
    if let Some(reason) = device.revoked {
        let word = match reason {
            RevokeWhy::Retired => "retired",
            RevokeWhy::Lost => "lost",
            RevokeWhy::Stolen => "stolen",
            RevokeWhy::Misuse => "misused",
        };
        return format!("revoked: {word}");
    }
    match (device.this, device.connected, device.last_heard_ms) {
        (true, _, _) => "this device".to_owned(),
        (false, true, _) => "connected".to_owned(),
        (false, false, Some(ms)) => when::ago(ms),
        (false, false, None) => "not since the start".to_owned(),
    }
}

fn drills(drills: &[DrillInfo], screen: Screen) -> String {
    let headings = [
        ("STAGE", Right),
        ("NAME", Left),
        ("METHOD", Left),
        ("STRINGS", Right),
        ("PAPER", Right),
        ("HITS", Right),
        ("STEEL", Right),
    ];
    let mut sheet = Sheet::new(screen, &headings);
    for drill in drills {
        let hits: u32 = drill
            .required_hits
            .iter()
            .map(|&hits| u32::from(hits))
            .sum();
        sheet.row([
            drill.drill.to_string(),
            drill.name.clone(),
            drill.method.clone(),
            drill.strings.to_string(),
            drill.required_hits.len().to_string(),
            hits.to_string(),
            drill.steel.to_string(),
        ]);
    }
    sheet.text()
}

fn rules(info: &EventInfo, screen: Screen) -> String {
    let headings = [("RULE", Right), ("KIND", Left), ("TEXT", Left)];
    let mut sheet = Sheet::new(screen, &headings);
    for rule in &info.rules {
        sheet.row([rule.rule.to_string(), rule.kind.clone(), rule.text.clone()]);
    }
    sheet.text()
}

fn shooters(info: &EventInfo, screen: Screen) -> String {
    let headings = [
        ("SHOOTER", Right),
        ("LABEL", Left),
        ("DIVISION", Left),
        ("POWER", Left),
        ("SQUAD", Right),
        ("CATEGORIES", Left),
    ];
    let mut sheet = Sheet::new(screen, &headings);
    for shooter in &info.shooters {
        let power = match shooter.power_factor {
            Power::Major => "major",
            Power::Minor => "minor",
            Power::Subminor => "subminor",
        };
        sheet.row([
            shooter
                .shooter
                .map_or_else(String::new, |number| number.to_string()),
            shooter.label.clone(),
            shooter.division.clone(),
            power.to_owned(),
            shooter.squad.to_string(),
            shooter.categories.join(", "),
        ]);
    }
    let total = u64::try_from(info.shooters.len()).unwrap_or(u64::MAX);
    format!("{}{}\n", sheet.text(), count(total, "shooter", "shooters"))
}
