//! Requests about joins: invites, tickets, offers and pairings.
//!
//! Draws the secrets and fills in addresses; the core does the rest. Layer: node, local.

use std::net::{IpAddr, SocketAddr};

use tallyline_keys::{DeviceKey, PublicKey, words};
use tallyline_proto::model::{Card, CardKind, EventId, Offer, Ticket};
use tallyline_proto::replica::{
    Command, EnrolView, Enrolling, InviteEnd, InviteView, JoinEnd, PairPhase, PairingView, Phase,
    Replica,
};
use tallyline_proto::wire::{
    TextProblem, card_to_text, invite_id, offer_from_text, offer_to_text, ticket_from_text,
    ticket_to_text,
};
use zeroize::Zeroizing;

use super::convert;
use super::protocol::{
    Answer, Called, EnrolInfo, Invite, InviteDevice, InviteInfo, InviteOver, Invited, Join,
    Offered, PairConfirm, PairOwner, PairingInfo, Problem, codes, exits,
};
use crate::entropy;
use crate::root::hex;

/// Most addresses in a ticket or an offer: what the protocol admits.
const ADDRESSES_MAX: usize = 8;

/// Addresses that are put in when nobody names any: more make the QR larger than a terminal, and
/// mDNS finds the rest.
const OWN_ADDRESSES: usize = 2;

/// Minutes that an invite is open when nobody says otherwise.
const MINUTES_DEFAULT: u32 = 15;

/// Most recovery cards of an event: more are lost sooner than they help.
const RECOVERY_CARDS_MAX: u32 = 3;

/// Milliseconds of a minute.
const MINUTE_MS: u64 = 60_000;

/// Makes the command that opens an invite; with it, how many minutes it will be open.
pub(super) fn invite(invite: &Invite) -> Result<(Command, u32), Problem> {
    let minutes = invite.minutes.unwrap_or(MINUTES_DEFAULT);
    let command = Command::Invite {
        secret: entropy::bytes()?,
        roles: convert::roles(invite.role),
        label: invite.label.clone(),
        window_ms: u64::from(minutes).saturating_mul(MINUTE_MS),
    };
    Ok((command, minutes))
}

/// Answers an invite: the ticket with the addresses that were named, or this node's own.
pub(super) fn invited(
    mut ticket: Ticket,
    (named, own): (Vec<String>, Vec<String>),
    minutes: u32,
) -> Answer {
    ticket.addresses = if named.is_empty() {
        worth_telling(own)
    } else {
        named
    };
    ticket.addresses.truncate(ADDRESSES_MAX);
    Answer::ok(&Invited {
        schema: "tallyline.invited/1".to_owned(),
        ticket: ticket_to_text(&ticket),
        invite: hex(&invite_id(&ticket.secret)),
        addresses: ticket.addresses,
        minutes,
    })
}

/// Picks addresses that another device can use; this device's own loopback only if there is no
/// other, which is so in trials on one machine.
fn worth_telling(own: Vec<String>) -> Vec<String> {
    let is_loopback = |text: &String| {
        let address: Option<SocketAddr> = text.parse().ok();
        address.is_some_and(|it| IpAddr::is_loopback(&it.ip()))
    };
    let mut others: Vec<String> = own.iter().filter(|it| !is_loopback(it)).cloned().collect();
    if others.is_empty() {
        others = own;
    }
    others.truncate(OWN_ADDRESSES);
    others
}

/// Reads a ticket.
pub(super) fn join(join: &Join) -> Result<Command, Problem> {
    let ticket = ticket_from_text(&join.ticket).map_err(bad_text)?;
    Ok(Command::Join(ticket))
}

/// Makes the command that invites a device which shows an offer; with it, the device's key.
pub(super) fn invite_device(invite: InviteDevice) -> Result<(Command, PublicKey), Problem> {
    let offer = offer_from_text(&invite.device).map_err(bad_text)?;
    let minutes = invite.minutes.unwrap_or(MINUTES_DEFAULT);
    let command = Command::Enrol(Enrolling::Call {
        key: offer.key,
        nonce: offer.nonce,
        addresses: offer.addresses,
        roles: convert::roles(invite.role),
        label: invite.label,
        window_ms: u64::from(minutes).saturating_mul(MINUTE_MS),
    });
    Ok((command, offer.key))
}

/// Answers `invite-device`.
pub(super) fn called(id: [u8; 16], key: PublicKey) -> Answer {
    Answer::ok(&Called {
        schema: "tallyline.called/1".to_owned(),
        invite: hex(&id),
        key: key.fingerprint(),
    })
}

/// Draws what this device shows; with it, the command that waits for whoever proves it.
pub(super) fn offer(key: PublicKey, own: Vec<String>) -> Result<(Command, Answer), Problem> {
    let offer = Offer {
        key,
        nonce: entropy::bytes()?,
        addresses: worth_telling(own),
    };
    let command = Command::Enrol(Enrolling::Offer { nonce: offer.nonce });
    let answer = Answer::ok(&Offered {
        schema: "tallyline.offered/1".to_owned(),
        device: offer_to_text(&offer),
        addresses: offer.addresses,
        key: key.fingerprint(),
    });
    Ok((command, answer))
}

/// Makes the command by which the new device waits for digits.
pub(super) fn pair_device() -> Result<Command, Problem> {
    let seed = entropy::bytes()?;
    Ok(Command::Enrol(Enrolling::PairAsDevice { seed }))
}

/// Makes the command by which the owner's device looks for the new one.
pub(super) fn pair_owner(pair: PairOwner) -> Result<Command, Problem> {
    if let Some(bad) = pair
        .addresses
        .iter()
        .find(|it| it.parse::<SocketAddr>().is_err())
    {
        return Err(Problem::new(
            codes::BAD_VALUE,
            exits::USAGE,
            format!(
                "{bad:?} is no address; write ip:port as the new device shows it; nothing was changed"
            ),
        ));
    }
    Ok(Command::Enrol(Enrolling::PairAsOwner {
        seed: entropy::bytes()?,
        addresses: pair.addresses,
        roles: convert::roles(pair.role),
        label: pair.label,
    }))
}

/// Reads the digits that a person typed; spaces are forgiven.
pub(super) fn pair_confirm(confirm: &PairConfirm) -> Result<Command, Problem> {
    let digits = match &confirm.digits {
        None => None,
        Some(text) => Some(six_digits(text).ok_or_else(|| {
            Problem::new(
                codes::BAD_VALUE,
                exits::USAGE,
                format!("{text:?} are not six digits; type what the other screen shows; nothing was changed"),
            )
        })?),
    };
    Ok(Command::Enrol(Enrolling::PairConfirm { digits }))
}

/// Reads six digits with spaces anywhere.
fn six_digits(text: &str) -> Option<u32> {
    let digits: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let six = digits.len() == 6 && digits.bytes().all(|it| it.is_ascii_digit());
    six.then(|| digits.parse().ok()).flatten()
}

/// Finds the invites that are to be cancelled.
pub(super) fn cancel(replica: &Replica, named: Option<&str>) -> Result<Command, Problem> {
    let id = match named {
        None => None,
        Some(named) => Some(open_invite(replica, named)?),
    };
    Ok(Command::Enrol(Enrolling::Cancel { id }))
}

fn open_invite(replica: &Replica, named: &str) -> Result<[u8; 16], Problem> {
    let named = named.to_ascii_lowercase();
    let view = replica.enrolment();
    let fits = |it: &&InviteView| hex(&it.id).starts_with(&named);
    let mut fitting = view.invites.iter().filter(fits);
    match (fitting.next(), fitting.next()) {
        (Some(one), None) if !named.is_empty() => Ok(one.id),
        (Some(_) | None, _) => Err(Problem::new(
            codes::UNKNOWN_INVITE,
            exits::FAILURE,
            format!(
                "no open invite, or more than one, is called {named:?}; nothing was changed; see `tallyline invite --list`"
            ),
        )),
    }
}

/// Tells how far joins are.
pub(super) fn info(replica: &Replica, label: &str) -> EnrolInfo {
    let view = replica.enrolment();
    let event = replica.event();
    let own = replica.key();
    let now = tallyline_proto::replica::Now {
        mono_ms: 0,
        wall_ms: 0,
    };
    let devices = replica.devices(now);
    let called = |key: &PublicKey| {
        let device = devices.iter().find(|it| it.key == *key);
        device.map(|it| it.label.clone())
    };
    EnrolInfo {
        schema: "tallyline.enrolment/1".to_owned(),
        phase: match replica.phase() {
            Phase::Blank => "blank",
            Phase::Joining => "joining",
            Phase::Member => "member",
        }
        .to_owned(),
        admitted: called(&own).is_some(),
        label: called(&own).unwrap_or_else(|| label.to_owned()),
        event: event.map(|(_, manifest)| manifest.name.clone()),
        owner: event.and_then(|(_, manifest)| called(&manifest.owner)),
        words: view.words.map(spoken),
        ended: view.join_end.map(|end| end_name(end).to_owned()),
        offers: view.offer.is_some(),
        pairing: view.pairing.as_ref().map(pairing_info),
        invites: view.invites.iter().map(invite_info).collect(),
        over: over(&view),
    }
}

/// Writes the four words of a join as screens show them.
pub(super) fn spoken(bytes: [u8; 4]) -> String {
    words(bytes).join(" ")
}

/// Says what a person does after a join that did not go on.
pub(super) fn end_text(end: JoinEnd) -> &'static str {
    match end {
        JoinEnd::InviteOver => {
            "This device was not admitted: the invite was used by another device, is over, or was \
             cancelled. Ask the owner for a fresh one (`tallyline invite`)."
        }
        JoinEnd::OfferOver => {
            "The owner's device did not come in time. Begin again with `tallyline join --show`."
        }
        JoinEnd::PairingFailed => {
            "The digits were not confirmed; nobody was admitted. Wait 30 s and begin again on both \
             devices."
        }
    }
}

fn end_name(end: JoinEnd) -> &'static str {
    match end {
        JoinEnd::InviteOver => "invite-over",
        JoinEnd::OfferOver => "offer-over",
        JoinEnd::PairingFailed => "pairing-failed",
    }
}

fn pairing_info(view: &PairingView) -> PairingInfo {
    PairingInfo {
        phase: match view.phase {
            PairPhase::Waiting => "waiting",
            PairPhase::Comparing => "comparing",
            PairPhase::Confirmed => "confirmed",
            PairPhase::Denied => "denied",
            PairPhase::Failed => "failed",
        }
        .to_owned(),
        digits: view.digits.map(|digits| format!("{digits:06}")),
        label: view.with.as_ref().map(|(_, label)| label.clone()),
        key: view.with.as_ref().map(|(key, _)| key.fingerprint()),
    }
}

fn invite_info(view: &InviteView) -> InviteInfo {
    InviteInfo {
        invite: hex(&view.id),
        label: view.label.clone(),
        roles: convert::role_names(view.roles),
        only: view.only.map(|key| key.fingerprint()),
        left_ms: view.left_ms,
    }
}

fn over(view: &EnrolView) -> Vec<InviteOver> {
    let one = |(id, end): &([u8; 16], InviteEnd)| {
        let (name, used) = match end {
            InviteEnd::Used { key, label, words } => ("used", Some((key, label, words))),
            InviteEnd::Over => ("over", None),
            InviteEnd::Cancelled => ("cancelled", None),
        };
        InviteOver {
            invite: hex(id),
            end: name.to_owned(),
            label: used.map(|(_, label, _)| label.clone()),
            key: used.map(|(key, _, _)| key.fingerprint()),
            words: used.map(|(_, _, words)| spoken(*words)),
        }
    };
    view.ended.iter().map(one).collect()
}

/// Seeds of recovery keys, between their drawing and their printing; wiped when dropped.
pub(super) struct RecoverySeeds(Vec<Zeroizing<[u8; 32]>>);

impl RecoverySeeds {
    /// Draws seeds.
    pub(super) fn draw(count: u32) -> Result<Self, Problem> {
        if RECOVERY_CARDS_MAX < count {
            return Err(Problem::new(
                codes::BAD_VALUE,
                exits::USAGE,
                format!(
                    "{count} recovery cards are too many; draw 1 to {RECOVERY_CARDS_MAX}; nothing was changed"
                ),
            ));
        }
        let one = |_| entropy::bytes().map(Zeroizing::new);
        let seeds: Result<_, entropy::EntropyError> = (0..count).map(one).collect();
        Ok(Self(seeds?))
    }

    /// Returns the keys, for the manifest.
    pub(super) fn keys(&self) -> Vec<PublicKey> {
        let key = |seed: &Zeroizing<[u8; 32]>| DeviceKey::from_seed(**seed).public();
        self.0.iter().map(key).collect()
    }

    /// Returns the texts of their cards.
    pub(super) fn texts(&self, event: EventId, discovery_key: [u8; 16]) -> Vec<String> {
        let text = |(no, seed): (usize, &Zeroizing<[u8; 32]>)| {
            let card = Card {
                kind: CardKind::Recovery,
                event,
                seed: seed.clone(),
                discovery_key,
                label: format!("Recovery card {no}"),
            };
            card_to_text(&card).to_string()
        };
        (1..).zip(&self.0).map(text).collect()
    }
}

fn bad_text(problem: TextProblem) -> Problem {
    let text = format!("{problem}; nothing was changed.");
    Problem::new(codes::BAD_TICKET, exits::USAGE, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn six_digits_are_read_with_spaces_and_nothing_else() {
        assert_eq!(six_digits("482 913"), Some(482_913));
        assert_eq!(six_digits(" 0 0 0 0 0 1 "), Some(1));
        for text in ["", "12345", "1234567", "12345a", "-12345", "12345\u{663}"] {
            assert_eq!(six_digits(text), None, "{text}");
        }
    }

    #[test]
    fn loopback_is_told_only_when_there_is_nothing_else() {
        let texts = |list: &[&str]| list.iter().map(ToString::to_string).collect::<Vec<_>>();
        let all = texts(&[
            "192.168.8.2:1",
            "[2001:db8::1]:1",
            "10.0.0.1:1",
            "127.0.0.1:1",
        ]);
        assert_eq!(
            worth_telling(all),
            texts(&["192.168.8.2:1", "[2001:db8::1]:1"])
        );
        let alone = texts(&["127.0.0.1:1", "[::1]:1"]);
        assert_eq!(worth_telling(alone.clone()), alone);
    }
}
