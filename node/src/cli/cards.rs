//! Spare cards: keys on paper, admitted beforehand, for a device that nobody has yet.
//!
//! Layer: node, cli.

use std::path::Path;

use serde_json::json;
use tallyline_keys::{DeviceKey, PublicKey};
use tallyline_proto::model::{CardKind, EventId, Ticket};
use tallyline_proto::wire::{card_from_text, ticket_to_text};
use zeroize::Zeroizing;

use super::args::{CardsUse, CardsVerb, SpareCards};
use super::failure::Failure;
use super::found::CardsFile;
use super::session::{DONE, Session};
use super::statement::{card, remark, revoke_card};
use super::{files, show};
use crate::card_page::card_page;
use crate::local::protocol::{
    Answer, Cards, CardsSpare, DeviceInfo, Devices, EventInfo, Join, NodeInfo, Nothing, Request,
    SpareCards as Drawn, codes, exits,
};
use crate::local::statement::{ReadCard, read_card};
use crate::root::Root;

pub(super) fn cards(verb: CardsVerb, session: &Session) -> Result<u8, Failure> {
    match verb {
        CardsVerb::Spare(args) => spare(args, session),
        CardsVerb::List => {
            let screen = session.config.screen;
            session.show::<Cards>(Request::CardsList(Nothing {}), |it| show::cards(it, screen))?;
            Ok(DONE)
        }
        CardsVerb::Use(args) => take(&args, session),
        CardsVerb::Revoke { label } => revoke_card(label, session),
    }
}

/// Draws spare cards; they are told and written once, and kept nowhere.
fn spare(args: SpareCards, session: &Session) -> Result<u8, Failure> {
    let SpareCards { label, count, file } = args;
    let page = file
        .as_deref()
        .map(|file| CardsFile::new(file, "--file"))
        .transpose()?;
    let request = Request::CardsSpare(CardsSpare { label, count });
    let drawn = match page.zip(file) {
        None => session.show::<Drawn>(request, show::spare_cards)?,
        Some((page, file)) => drawn_into((page, &file), request, session)?,
    };
    let cards = u64::try_from(drawn.cards.len()).unwrap_or(u64::MAX);
    remark(
        &format!(
            "{} admitted, told this once and kept nowhere: print and lock away. On a fresh device: \
             `tallyline cards use CARD`. A lost one: `tallyline cards revoke LABEL`.",
            show::count(cards, "card is", "cards are")
        ),
        session,
    );
    if drawn.cards.len() < usize::try_from(count).unwrap_or(usize::MAX) {
        return Err(Failure::new(
            codes::NOT_SAVED,
            exits::FAILURE,
            "not all cards could be drawn; those that are told are admitted; draw the others again",
        ));
    }
    Ok(DONE)
}

fn drawn_into(
    (page, file): (CardsFile, &Path),
    request: Request,
    session: &Session,
) -> Result<Drawn, Failure> {
    let event: EventInfo = Answer::Ok(session.ask(Request::EventShow(Nothing {}))?).data()?;
    let drawn: Drawn = Answer::Ok(session.ask(request)?).data()?;
    let cards = drawn.cards.iter();
    let cards: Vec<_> = cards
        .filter_map(|it| card_from_text(&it.card).ok())
        .collect();
    let text = Zeroizing::new(card_page(&cards, &event.name));
    let saved = "the cards are admitted; copy them from the lines above, they are shown this once";
    if let Err(failure) = page.write(text.as_bytes(), saved) {
        session.write(&show::spare_cards(&drawn))?;
        return Err(failure);
    }
    session.write(&format!("{}\n", file.display()))?;
    Ok(drawn)
}

/// Makes this device the one of a spare card.
fn take(args: &CardsUse, session: &Session) -> Result<u8, Failure> {
    let ReadCard { seed, event } = read_card(&card(&args.card)?, CardKind::Spare)?;
    let key = DeviceKey::from_seed(*seed).public();
    let root = Root::open_with(&session.config.root, &session.config.passphrase)?;
    // A node that runs signs with the key that it has.
    drop(root.lock()?);
    refuse_used(&about(session)?, &devices(session)?)?;
    if let Some(bundle) = &args.bundle {
        session.ask(files::import_request(bundle, false)?)?;
    }
    refuse_other_event(&about(session)?, event.map(|(event, _)| event))?;
    let known = devices(session)?;
    let known = known.iter().find(|it| it.key == key.fingerprint());
    if let Some(device) = known.filter(|it| it.revoked.is_some()) {
        return Err(Failure::new(
            codes::BAD_CARD,
            exits::REFUSED,
            format!(
                "the card {:?} was revoked; this device keeps its own key; take another card",
                device.label
            ),
        ));
    }
    let root = root.take_key(&seed, &session.config.passphrase)?;
    let label = known.map(|it| it.label.clone());
    let source = if args.bundle.is_some() {
        Source::Bundle
    } else {
        wait_for(event, root.key(), session)?
    };
    if session.json {
        let told = json!({ "schema": "tallyline.card-used/1", "key": root.key().fingerprint(),
                           "label": label });
        session.write(&format!("{told}\n"))?;
    } else {
        session.write(&format!("key    {}\n", root.key().fingerprint()))?;
    }
    remark(&what_next(label.as_deref(), source), session);
    Ok(DONE)
}

/// Where a card's device has its event from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    /// A bundle that was named.
    Bundle,
    /// The first device of the event that it meets.
    Meeting,
    /// What is in the root, or nothing: a seed alone does not say where it belongs.
    Root,
}

/// Lets the device ask whoever it meets for the card's event, unless it has it already.
fn wait_for(
    event: Option<(EventId, [u8; 16])>,
    key: PublicKey,
    session: &Session,
) -> Result<Source, Failure> {
    let Some((event, discovery_key)) = event else {
        return Ok(Source::Root);
    };
    if about(session)?.event.is_some() {
        return Ok(Source::Root);
    }
    let ticket = ticket_to_text(&Ticket::of_card(key, event, discovery_key));
    session.ask(Request::Join(Join { ticket }))?;
    Ok(Source::Meeting)
}

fn what_next(label: Option<&str>, source: Source) -> String {
    match (label, source) {
        (Some(label), _) => format!(
            "This device is {label:?} now. Start it (`tallyline run`): it scores at once, and what \
             it scores counts as soon as somebody grants it the cells. Use the card on no other \
             device."
        ),
        (None, Source::Bundle) => "This device has the card's key. The bundle is older than the \
             card: start the node (`tallyline run`) near a device that knows the card."
            .to_owned(),
        (None, Source::Meeting) => {
            "This device has the card's key. Start it (`tallyline run`) near \
             any device of the event: it takes the event from the first one it meets. Use the card \
             on no other device."
                .to_owned()
        }
        (None, Source::Root) => {
            "This device has the card's key, and no event yet: take in a bundle \
             of any other device (`tallyline import FILE`), then start the node (`tallyline run`)."
                .to_owned()
        }
    }
}

/// Refuses a device that is somebody already: its key may have signed, and is known to others.
fn refuse_used(node: &NodeInfo, devices: &[DeviceInfo]) -> Result<(), Failure> {
    let own = devices.iter().find(|it| it.this);
    let text = match own {
        Some(own) => format!(
            "this device is {:?} of the event already; nothing was changed; make a fresh root for \
             the card (`tallyline init --root DIR`)",
            own.label
        ),
        None if node.phase == "joining" => "this device asks to join an event with a ticket; \
             nothing was changed; make a fresh root for the card (`tallyline init --root DIR`)"
            .to_owned(),
        None => return Ok(()),
    };
    Err(Failure::new(codes::BAD_VALUE, exits::REFUSED, text))
}

/// Refuses a card of another event than the one in the root.
fn refuse_other_event(node: &NodeInfo, card: Option<EventId>) -> Result<(), Failure> {
    let card = card.map(|event| event.uuid().to_string());
    match (&node.event, card) {
        (Some(here), Some(card)) if *here != card => Err(Failure::new(
            codes::BAD_CARD,
            exits::REFUSED,
            format!(
                "the card is of the event {card}, and this root holds {here}; the key was not \
                 taken; make a fresh root for the card (`tallyline init --root DIR`)"
            ),
        )),
        (Some(_) | None, Some(_) | None) => Ok(()),
    }
}

fn about(session: &Session) -> Result<NodeInfo, Failure> {
    let value = session.ask(Request::Node(Nothing {}))?;
    Ok(Answer::Ok(value).data()?)
}

fn devices(session: &Session) -> Result<Vec<DeviceInfo>, Failure> {
    let value = session.ask(Request::Devices(Nothing {}))?;
    Ok(Answer::Ok(value).data::<Devices>()?.devices)
}
