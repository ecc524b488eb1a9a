//! Inputs 35, 53 and 54: times, tickets and labels that somebody made up.

use serde_json::{Value, json};
use tallyline_keys::{DeviceKey, join_proof};
use tallyline_proto::model::GrantId;
use tallyline_proto::wire::{Frame, Join, ticket_from_text, ticket_to_text};
use tallyline_simulator::score;

use crate::hostile::Outcome;
use crate::hostile::bytes;
use crate::hostile::lies::{Forged, admit, entry_at, stated, stated_bytes};
use crate::hostile::venue::{ARGS, Node, Venue};
use crate::hostile::wait::{DEADLINE, ensure, until};
use crate::process::{Broken, run};

/// Times of entries, each from the one before: back to 1970, on to 2106, back again, and as far as
/// numbers go.
const JUMPS_MS: [i64; 6] = [
    -1_800_000_000_000,
    4_291_747_200_000,
    -3_600_000,
    i64::MAX,
    i64::MIN,
    i64::MAX,
];

/// Labels that make one device look like another, or break a screen; and one that is too long.
const BAD_LABELS: [&str; 6] = [
    "tab\u{202e}let",
    "tablet\u{200f}",
    "tab\u{0}let",
    "tab\nlet",
    "",
    "0123456789012345678901234567890123",
];

/// A label that is ugly and allowed: there is no page in which it could do harm.
const HTML_LABEL: &str = "<b onclick=x>tablet</b>";

/// Input 35.
pub(crate) fn impossible_times() -> Result<Outcome, Broken> {
    let venue = Venue::start()?;
    let known = venue.owner.known()?;
    let grant = known.grant(&venue.liar.public())?;
    let mut log = Forged::begin(&venue.liar, known.event(), grant, 35);
    for (shooter, jump) in (11..).zip(JUMPS_MS) {
        log.add(entry_at(score(1, shooter, 700, 2), jump));
    }
    venue.to_owner()?.say(&Frame::Push(log.push()))?;
    for node in [&venue.owner, &venue.tablet] {
        for shooter in 11..17 {
            node.until_verdicts(shooter, &["counts"])?;
        }
        let shown = run(node.root(), &["score", "history", "--drill", "1"]);
        ensure(shown.exit == 0, || format!("cannot be shown: {shown:?}"))?;
    }
    venue.done("all six count and can be shown as they are; no verdict looks at a time")
}

/// Input 53.
pub(crate) fn bad_tickets() -> Result<Outcome, Broken> {
    let venue = Venue::start()?;
    let newcomer = Node::create(venue.folder(), "newcomer", &ARGS)?;
    let invite = json!({"verb": "invite", "label": "newcomer"});
    let text = ticket_of(&venue.owner.ask(&invite)?)?;
    let good = ticket_from_text(&text).map_err(Broken::of)?;
    let later = text.replacen("TALLYLINE1-", "TALLYLINE2-", 1);
    let bent = text.replacen("TALLYLINE1-", "TALLYLINE1-A", 1);
    let long = format!("{text}{}", "A".repeat(10_240));
    for bad in [&later, &bent, &long, &String::new()] {
        let said = newcomer.refuses(&json!({"verb": "join", "ticket": bad}))?;
        ensure(said.contains("ticket"), || format!("says only {said:?}"))?;
    }
    ensure(phase(&newcomer)? == "blank", || {
        "a bad ticket was kept".to_owned()
    })?;
    let other = {
        let mut other = ticket_from_text(&text).map_err(Broken::of)?;
        other.event.0.0 = [8; 32];
        ticket_to_text(&other)
    };
    let said = venue
        .tablet
        .refuses(&json!({"verb": "join", "ticket": other}))?;
    ensure(!said.is_empty(), || "no words".to_owned())?;

    newcomer.ask(&json!({"verb": "join", "ticket": text}))?;
    until("the newcomer is admitted", DEADLINE, || {
        Ok(venue.owner.links("newcomer")? == 1)
    })?;
    let members = venue.owner.members()?;
    let late = DeviceKey::from_seed([0x53; 32]);
    let mut link = venue.peer.meet(venue.owner.address()?, &late)?;
    let proof = join_proof(
        &good.secret,
        &link.exporter()?,
        &good.event.0.0,
        &late.public(),
    );
    link.say(&Frame::Join(Join {
        event: good.event,
        proof,
        label: "late".to_owned(),
    }))?;
    Venue::until_refused(&venue.owner, "bad_proof", 1)?;
    ensure(venue.owner.members()? == members, || {
        "a used ticket opened again".to_owned()
    })?;
    newcomer.stop()?;
    venue.done(
        "wrong version, bent, 10 KB, empty: clear words, nothing kept; another event: refused; \
         used: bad proof",
    )
}

/// Input 54.
pub(crate) fn bad_labels() -> Result<Outcome, Broken> {
    let venue = Venue::start()?;
    let known = venue.owner.known()?;
    let event = known.event();
    let owner = venue.owner.stolen_key()?;
    let members = venue.owner.members()?;
    let key = DeviceKey::from_seed([0x54; 32]);
    let fingerprint = key.public().fingerprint();
    for label in BAD_LABELS {
        venue
            .owner
            .refuses(&json!({"verb": "admit", "key": fingerprint, "label": label}))?;
    }
    let entries = venue.owner.entries()?;
    let mut control = Forged::begin(&owner, event, GrantId::control(event), 54);
    for label in BAD_LABELS {
        control.add(stated_bytes(&owner, event, &admit_body(&key, label)));
    }
    let mut link = venue.to_owner()?;
    link.say(&Frame::Push(control.push()))?;
    venue.tablet.until_entries(entries + 6)?;
    ensure(venue.tablet.members()? == members, || {
        "somebody was admitted".to_owned()
    })?;
    let mut joiner = venue.peer.meet(venue.owner.address()?, &key)?;
    for label in BAD_LABELS {
        joiner.frame(&join_frame(&event.0.0, label))?;
    }
    Venue::until_refused(&venue.owner, "malformed", 6)?;

    link.say(&Frame::Push(
        control
            .add(stated(&owner, event, &admit(key.public(), HTML_LABEL)))
            .push(),
    ))?;
    until("the ugly label arrives", DEADLINE, || {
        Ok(venue
            .tablet
            .members()?
            .iter()
            .any(|label| label == HTML_LABEL))
    })?;
    venue.done(
        "marks of direction, NUL, line feed, empty, 34 B: refused in commands, statements and \
         Joins; HTML is text, and no page shows it",
    )
}

/// Returns the body of an Admit that no encoder writes.
fn admit_body(key: &DeviceKey, label: &str) -> Vec<u8> {
    let mut admit = Vec::new();
    bytes::bytes(1, key.public().as_bytes(), &mut admit);
    bytes::number(2, 1, &mut admit);
    bytes::bytes(3, label.as_bytes(), &mut admit);
    let mut body = Vec::new();
    bytes::bytes(1, &admit, &mut body);
    body
}

/// Returns a Join with a label that no device has.
fn join_frame(event: &[u8; 32], label: &str) -> Vec<u8> {
    let mut frame = vec![10];
    bytes::bytes(1, event, &mut frame);
    bytes::bytes(2, &[0; 32], &mut frame);
    bytes::bytes(3, label.as_bytes(), &mut frame);
    frame
}

fn ticket_of(answer: &Value) -> Result<String, Broken> {
    let ticket = answer.get("ticket").and_then(Value::as_str);
    let ticket = ticket.map(str::to_owned);
    ticket.ok_or_else(|| Broken::new("no ticket"))
}

fn phase(node: &Node) -> Result<String, Broken> {
    let status = node.status()?;
    let phase = status.pointer("/node/phase").and_then(Value::as_str);
    Ok(phase.unwrap_or_default().to_owned())
}
