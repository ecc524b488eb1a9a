//! Inputs 25 to 29 and 41: who owns the event and whose key is revoked, and who lies about it.

use std::time::Duration;

use serde_json::json;
use tallyline_keys::{DeviceKey, Signature};
use tallyline_proto::log::sign_consent;
use tallyline_proto::model::{Body, GrantId, LogCut, Revoke, RevokeReason, Statement, Transfer};
use tallyline_proto::wire::{Frame, encode_signed, sign_statement};

use crate::hostile::Outcome;
use crate::hostile::lies::{Forged, Known, admit, entry, opening, stated};
use crate::hostile::peer::End;
use crate::hostile::venue::Venue;
use crate::hostile::wait::ensure;
use crate::process::Broken;

/// A squad that nobody holds a grant for at the start.
const FREE_SQUAD: u32 = 3;

/// The squad that the owner writes in every case; without a grant while it owns the event.
const OWNER_SQUAD: u32 = 6;

/// How soon a connection with a revoked key is over.
const REVOKED_MAX: Duration = Duration::from_secs(1);

/// The code by which a connection with a revoked key ends (R-NET-2).
const REVOKED_CODE: u64 = 10;

/// Input 25.
pub(crate) fn the_owner_revokes_itself() -> Result<Outcome, Broken> {
    let venue = Venue::start()?;
    let (known, owner) = (venue.owner.known()?, venue.owner.stolen_key()?);
    let (members, entries) = (venue.owner.members()?, venue.owner.entries()?);
    let revoke = Statement::Revoke(Revoke {
        key: owner.public(),
        reason: RevokeReason::Stolen,
        cuts: Vec::new(),
    });
    say(&venue, &known, &owner, 25, &revoke)?;
    venue.tablet.until_entries(entries + 1)?;
    for node in [&venue.owner, &venue.tablet] {
        ensure(node.members()? == members, || {
            "the members changed".to_owned()
        })?;
    }
    grants_still(&venue)?;
    venue.done("kept as evidence; the owner goes on granting")
}

/// Input 26.
pub(crate) fn a_revoked_key_comes_back() -> Result<Outcome, Broken> {
    let venue = Venue::start()?;
    let (known, owner) = (venue.owner.known()?, venue.owner.stolen_key()?);
    let entries = venue.owner.entries()?;
    let again = admit(venue.liar.public(), "liar again");
    say(&venue, &known, &owner, 26, &again)?;
    venue.tablet.until_entries(entries + 1)?;
    revoke(&venue)?;
    let said = venue
        .owner
        .refuses(&json!({"verb": "admit", "role": "scorer",
        "key": venue.liar.public().fingerprint(), "label": "liar again"}))?;
    ensure(said.starts_with("E02 "), || {
        format!("admitting it again: {said}")
    })?;
    venue.tablet.until_entries(entries + 2)?;
    let dialled = venue
        .to_owner()
        .and_then(|link| link.end_within(REVOKED_MAX));
    ensure(
        matches!(dialled, Err(_) | Ok(End::Code(_) | End::Tls(_))),
        || format!("it was let in: {dialled:?}"),
    )?;
    let own = "liar".to_owned();
    ensure(!venue.tablet.members()?.contains(&own), || {
        "it is a member on the tablet".to_owned()
    })?;
    venue.done("no Admit, before or after, makes it a member; refused with E02, and not let in")
}

/// Input 27.
pub(crate) fn a_transfer_nobody_agreed_to() -> Result<Outcome, Broken> {
    let venue = Venue::start()?;
    let (known, owner) = (venue.owner.known()?, venue.owner.stolen_key()?);
    let entries = venue.owner.entries()?;
    let unsigned = Signature::from_bytes([7; 64]);
    let transfer = Statement::Transfer(passing(&venue, &known, &owner, unsigned));
    say(&venue, &known, &owner, 27, &transfer)?;
    venue.tablet.until_entries(entries + 1)?;
    grants_still(&venue)?;
    venue.done("kept as evidence; the owner goes on granting")
}

/// Input 28.
pub(crate) fn the_old_owner_goes_on() -> Result<Outcome, Broken> {
    let venue = Venue::start()?;
    // What it was granted while it owned the event stays its own.
    venue
        .owner
        .ask(&json!({"verb": "grant", "opens": [{"to": "owner", "squads": [OWNER_SQUAD]}]}))?;
    venue.until_equal()?;
    let (known, owner) = (venue.owner.known()?, venue.owner.stolen_key()?);
    let (entries, grants) = (venue.owner.entries()?, venue.owner.grants()?);
    let event = known.event();
    let consent = sign_consent(&venue.liar, event, &owner.public(), 1);
    let transfer = Statement::Transfer(passing(&venue, &known, &owner, consent));
    let wish = opening(&[(owner.public(), FREE_SQUAD)]);
    let mut link = venue.to_owner()?;
    let mut control = Forged::begin(&owner, event, GrantId::control(event), 28);
    for statement in [&transfer, &wish] {
        control.add(stated(&owner, event, statement));
    }
    link.say(&Frame::Push(control.push()))?;
    venue.tablet.until_entries(entries + 2)?;
    let said = venue.owner.refuses(&json!({"verb": "grant", "opens": [
        {"to": owner.public().fingerprint(), "drills": null, "squads": [FREE_SQUAD]}]}))?;
    ensure(said.starts_with("E02 "), || {
        format!("the old owner grants: {said}")
    })?;
    for node in [&venue.owner, &venue.tablet] {
        ensure(node.grants()? == grants, || "a grant appeared".to_owned())?;
    }
    venue.done("its later grant changes nothing; its own device refuses with E02")
}

/// Input 29.
pub(crate) fn a_recovery_by_an_unlisted_key() -> Result<Outcome, Broken> {
    let venue = Venue::start()?;
    let (known, owner) = (venue.owner.known()?, venue.owner.stolen_key()?);
    let (members, entries) = (venue.owner.members()?, venue.owner.entries()?);
    let event = known.event();
    let consent = sign_consent(&venue.liar, event, &owner.public(), 1);
    let recover = Statement::Recover(passing(&venue, &known, &owner, consent));
    let signed = sign_statement(&venue.liar, event, &recover);
    let founds = GrantId(signed.id(event));
    let mut own = Forged::begin(&venue.liar, event, founds, 29);
    let mut link = venue.to_owner()?;
    let statement = entry(Body::Statement(encode_signed(&signed)));
    link.say(&Frame::Push(own.add(statement).push()))?;
    Venue::until_refused(&venue.owner, "unknown_grant", 1)?;
    ensure(venue.owner.entries()? == entries, || {
        "something was stored".to_owned()
    })?;
    ensure(venue.owner.members()? == members, || {
        "the members changed".to_owned()
    })?;
    grants_still(&venue)?;
    venue.done("the log that would found itself is refused; the owner goes on granting")
}

/// Input 41.
pub(crate) fn revoked_while_connected() -> Result<Outcome, Broken> {
    let venue = Venue::start()?;
    let [owner, tablet] = [venue.to_owner()?, venue.to_tablet()?];
    revoke(&venue)?;
    for link in [&owner, &tablet] {
        let end = link.end_within(REVOKED_MAX)?;
        ensure(end == End::Code(REVOKED_CODE), || {
            format!("it ended by {end:?}")
        })?;
    }
    venue.done("both connections ended within a second, by the code for it (10)")
}

/// Lets the owner's node revoke the liar.
fn revoke(venue: &Venue) -> Result<(), Broken> {
    let request = json!({"verb": "revoke", "reason": "stolen",
        "device": venue.liar.public().fingerprint()});
    venue.owner.ask(&request).map(drop)
}

/// Pushes a statement in a control log that the liar writes with the owner's key.
fn say(
    venue: &Venue,
    known: &Known,
    owner: &DeviceKey,
    incarnation: u64,
    statement: &Statement,
) -> Result<(), Broken> {
    let event = known.event();
    let mut control = Forged::begin(owner, event, GrantId::control(event), incarnation);
    let push = control.add(stated(owner, event, statement)).push();
    venue.to_owner()?.say(&Frame::Push(push))
}

/// The event passes to the liar, with everything that the owner said so far before the cuts.
fn passing(venue: &Venue, known: &Known, owner: &DeviceKey, consent: Signature) -> Transfer {
    let logs = known.ledger.logs().values();
    let cuts = logs
        .filter(|log| log.writer() == owner.public())
        .filter_map(|log| {
            let (&height, &signature) = log.heads().last_key_value()?;
            Some(LogCut {
                grant: log.name().grant,
                cut: tallyline_proto::model::Cut {
                    incarnation: log.name().incarnation,
                    height,
                    hash: log.chain_at(height)?.0,
                    signature,
                },
            })
        });
    Transfer {
        owner: owner.public(),
        to: venue.liar.public(),
        label: "liar".to_owned(),
        epoch: 1,
        cuts: cuts.collect(),
        consent,
    }
}

/// Lets the owner's node grant a free squad, and waits until the tablet knows.
fn grants_still(venue: &Venue) -> Result<(), Broken> {
    let entries = venue.owner.entries()?;
    let tablet = venue.tablet.stolen_key()?.public().fingerprint();
    venue.owner.ask(&json!({"verb": "grant", "opens": [
        {"to": tablet, "drills": null, "squads": [FREE_SQUAD]}]}))?;
    venue.tablet.until_entries(entries + 1)
}
