//! How a device becomes a member: invites, tickets, offers, and the answers to them.
//!
//! The owner's device, or a deputy's, keeps open invites and admits whoever proves the secret of one; the other
//! keeps a ticket and asks whenever it meets the inviter. A device that shows an offer waits until
//! an owner's device proves the offer's nonce, and then asks as with a ticket whose secret is that
//! nonce. Knows neither how a text travels nor what a screen shows. Layer: replica.

use alloc::{
    boxed::Box,
    collections::{BTreeMap, VecDeque},
    string::{String, ToString as _},
    vec::Vec,
};

use tallyline_keys::{
    PublicKey, claim_proof, join_proof, join_words, verify_claim_proof, verify_join_proof,
};

use super::{
    EnrolView, Enrolling, InviteEnd, JoinEnd, Notice, OfferView, PeerId, Reason, Replica, Reply,
    Write,
    command::sayable,
    core::State,
    invite::{Counted, Invite},
    member::Member,
    pairing::Pairing,
    peer::Peer,
};
use crate::{
    log::Ledger,
    model::{Admit, Roles, Statement, Ticket},
    rules::{Code, Mistake},
    wire::{Claim, Frame, Join, decode_manifest, encode_ticket, event_id},
};

/// Most open invites: more are an accident.
const INVITES_MAX: usize = 64;

/// Ended invites that are told of, the latest ones: as many as can be open.
const ENDED_MAX: usize = INVITES_MAX;

/// How long a device shows its offer or waits for a pairing, in ms: as long as an invite is open
/// when nobody says otherwise.
pub(super) const OFFER_MS: u64 = 15 * 60_000;

/// [`Frame::Refused`]: no open invite fits the proof of a join.
const REFUSED_INVITE: u32 = 3;

/// What a replica remembers of joins while its process runs.
#[derive(Debug, Default)]
pub(super) struct Enrolment {
    /// The words of those who joined here, by their key.
    words: BTreeMap<PublicKey, [u8; 4]>,
    /// The words of this device's own join.
    own_words: Option<[u8; 4]>,
    /// Invites that ended, the latest last.
    ended: VecDeque<([u8; 16], InviteEnd)>,
    /// Why the last join did not go on.
    pub(super) join_end: Option<JoinEnd>,
    /// What this device shows.
    pub(super) offer: Option<Shown>,
    /// Six digits, under way or just over.
    pub(super) pairing: Option<Pairing>,
    /// Until when no pairing is tried again, in ms of this process.
    pub(super) locked_until_ms: u64,
    /// Whether the network was told to let strangers stay.
    guests_told: bool,
}

/// An offer that this device shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Shown {
    pub(super) nonce: [u8; 16],
    pub(super) until_ms: u64,
    /// The only key that may claim it, when it comes from a pairing.
    pub(super) only: Option<PublicKey>,
}

impl Replica {
    /// Keeps a ticket: from here on this device asks whenever it meets the inviter.
    pub(super) fn join(&mut self, ticket: Ticket) -> Result<Reply, Mistake> {
        let own = self.key();
        if let State::Member(member) = &mut self.state
            && member.ledger.event() == ticket.event
        {
            // The event may be known from a bundle; admitted is who the owner's statements name.
            let admitted = member.ledger.authority().members().contains_key(&own);
            if !admitted {
                self.out
                    .writes
                    .push(Write::Ticket(Some(encode_ticket(&ticket))));
                member.ticket = Some(ticket);
                self.enrol.join_end = None;
            }
            return Ok(Reply::Joining);
        }
        self.no_event_yet()?;
        self.ask_with(ticket);
        Ok(Reply::Joining)
    }

    /// Begins to ask with a ticket.
    fn ask_with(&mut self, ticket: Ticket) {
        self.out
            .writes
            .push(Write::Ticket(Some(encode_ticket(&ticket))));
        let discovery_key = ticket.discovery_key;
        self.state = State::Joining(ticket);
        self.enrol.join_end = None;
        self.enrol.offer = None;
        self.enrol.pairing = None;
        self.out
            .released
            .notices
            .push(Notice::Discover { discovery_key });
    }

    /// Does what people ask for about joins, apart from tickets.
    pub(super) fn enrol(&mut self, enrolling: Enrolling) -> Result<Reply, Mistake> {
        match enrolling {
            Enrolling::Offer { nonce } => self.offer(nonce),
            Enrolling::Call {
                key,
                nonce,
                addresses,
                roles,
                label,
                window_ms,
            } => {
                let invite = Invite::new(nonce, (roles, label), window_ms).for_key(key);
                self.call(invite, key, addresses)
            }
            Enrolling::Cancel { id } => self.cancel(id.as_ref()),
            Enrolling::PairAsDevice { seed } => self.pair_as_device(seed),
            Enrolling::PairAsOwner {
                seed,
                addresses,
                roles,
                label,
            } => self.pair_as_owner(seed, addresses, (roles, label)),
            Enrolling::PairConfirm { digits } => self.pair_confirm(digits),
        }
    }

    /// Opens an invite that one device may use once: the owner for any roles, a deputy for those of a
    /// plain device.
    ///
    /// Source: PROTOCOL R-CONTROL-10.
    pub(super) fn invite(
        &mut self,
        secret: [u8; 16],
        roles: Roles,
        label: Option<String>,
        window_ms: u64,
    ) -> Result<Reply, Mistake> {
        let inviter = self.key();
        self.open_invite(Invite::new(secret, (roles, label), window_ms))?;
        let member = self.event_or_mistake()?;
        Ok(Reply::Invited(Ticket {
            event: member.ledger.event(),
            inviter,
            secret,
            discovery_key: member.ledger.manifest().discovery_key,
            addresses: Vec::new(),
        }))
    }

    /// Opens an invite for the one device whose offer was scanned, and has it dialled.
    fn call(
        &mut self,
        invite: Invite,
        key: PublicKey,
        addresses: Vec<String>,
    ) -> Result<Reply, Mistake> {
        let id = invite.id();
        let member = self.speaking_for(Roles::DEPUTY)?;
        if member.ledger.authority().members().contains_key(&key) {
            let label = member.label(&key);
            return Err(Mistake::new(
                Code::E21,
                alloc::format!("this device is a member already; it is called {label}."),
            ));
        }
        self.open_invite(invite)?;
        self.out.released.notices.push(Notice::Call {
            key: Some(key),
            addresses,
        });
        self.introduce();
        Ok(Reply::Called(id))
    }

    /// Keeps an open invite.
    pub(super) fn open_invite(&mut self, mut invite: Invite) -> Result<(), Mistake> {
        let now_ms = self.now.mono_ms;
        let own = self.key();
        let member = self.speaking_for(Roles::DEPUTY)?;
        member.may_admit(&own, invite.roles)?;
        if let Some(label) = invite.label.clone() {
            let roles = invite.roles;
            let key = own;
            sayable(&Statement::Admit(Admit { key, roles, label }))?;
        }
        if !invite.fits() {
            return Err(Mistake::new(
                Code::E21,
                "an invite is open for 1 to 1440 minutes. Choose a time between.".into(),
            ));
        }
        if INVITES_MAX <= member.invites.len() {
            return Err(Mistake::new(
                Code::E21,
                "64 invites are open already. Let devices use them, or cancel some \
                 (`tallyline invite --cancel all`)."
                    .into(),
            ));
        }
        let id = invite.id();
        let bytes = Some(invite.save(now_ms));
        member.invites.insert(id, invite);
        self.enrol.ended.retain(|(ended, _)| *ended != id);
        self.out.writes.push(Write::Invite { id, bytes });
        Ok(())
    }

    /// Closes open invites: one, or all.
    fn cancel(&mut self, id: Option<&[u8; 16]>) -> Result<Reply, Mistake> {
        let member = self.speaking_for(Roles::DEPUTY)?;
        let meant: Vec<[u8; 16]> = match id {
            None => member.invites.keys().copied().collect(),
            Some(id) if member.invites.contains_key(id) => Vec::from([*id]),
            Some(_) => Vec::new(),
        };
        let count = meant.len();
        for id in meant {
            self.end_invite(id, InviteEnd::Cancelled);
        }
        Ok(Reply::Cancelled(count))
    }

    /// Burns an invite and remembers what became of it.
    fn end_invite(&mut self, id: [u8; 16], end: InviteEnd) {
        let State::Member(member) = &mut self.state else {
            return;
        };
        let Some(invite) = member.invites.remove(&id) else {
            return;
        };
        self.out.writes.push(Write::Invite { id, bytes: None });
        if let Some(key) = invite.only {
            self.out.released.notices.push(Notice::Call {
                key: Some(key),
                addresses: Vec::new(),
            });
        }
        self.enrol.ended.push_back((id, end));
        if ENDED_MAX < self.enrol.ended.len() {
            self.enrol.ended.pop_front();
        }
    }

    /// Counts the time of invites and offers down; whatever is over ends here.
    ///
    /// Source: PROTOCOL R-JOIN-3.
    pub(super) fn count_down(&mut self) {
        let now_ms = self.now.mono_ms;
        if let State::Member(member) = &mut self.state {
            let mut over = Vec::new();
            for (id, invite) in &mut member.invites {
                match invite.count_down(now_ms) {
                    Counted::Open => {}
                    Counted::Over => over.push(*id),
                    Counted::Save(bytes) => self.out.writes.push(Write::Invite {
                        id: *id,
                        bytes: Some(bytes),
                    }),
                }
            }
            for id in over {
                self.end_invite(id, InviteEnd::Over);
            }
        }
        if self
            .enrol
            .offer
            .as_ref()
            .is_some_and(|it| it.until_ms <= now_ms)
        {
            self.enrol.offer = None;
            self.enrol.join_end = Some(JoinEnd::OfferOver);
        }
        self.pairing_over();
    }

    /// Tells the network whether strangers may stay longer than others: while somebody waits.
    pub(super) fn tell_guests(&mut self) {
        let calls = self
            .member()
            .is_some_and(|member| member.invites.values().any(|it| it.only.is_some()));
        let waits = calls || self.enrol.offer.is_some() || self.enrol.pairing_runs();
        if waits != self.enrol.guests_told {
            self.enrol.guests_told = waits;
            self.out.released.notices.push(Notice::Guests(waits));
        }
    }

    /// Returns when the count of an invite, an offer or a pairing has something to do next.
    pub(super) fn enrol_due_ms(&self) -> Option<u64> {
        let invites = self.member().map(|member| member.invites.values());
        let invites = invites
            .into_iter()
            .flatten()
            .filter_map(Invite::due_ms)
            .min();
        let offer = self.enrol.offer.as_ref().map(|it| it.until_ms);
        [invites, offer, self.enrol.pairing_due_ms()]
            .into_iter()
            .flatten()
            .min()
    }

    /// Admits whoever proves the secret of an open invite, which is burnt in the same step.
    ///
    /// Source: PROTOCOL R-JOIN-2.
    pub(super) fn on_join(&mut self, peer: PeerId, join: &Join) {
        let own = self.key();
        let Some(it) = self.peers.get(&peer) else {
            return;
        };
        let (key, exporter) = (it.key, it.exporter);
        let State::Member(member) = &self.state else {
            return;
        };
        let event = member.ledger.event();
        if join.event != event {
            self.refuse(peer, Reason::OtherEvent, "a join of another event".into());
            self.answer_join(peer, Frame::Refused(REFUSED_INVITE));
            return;
        }
        if !member.ledger.authority().members().contains_key(&key) {
            let invite = member.invites.values().find(|invite| {
                invite.only.is_none_or(|only| only == key)
                    && verify_join_proof(&invite.secret, &exporter, &event.0.0, &key, &join.proof)
            });
            let invite = invite.cloned();
            let invite = invite.filter(|it| member.may_admit(&own, it.roles).is_ok());
            let Some(invite) = invite else {
                self.refuse(
                    peer,
                    Reason::BadProof,
                    "the proof of an invite does not hold: it was used, is over, or never was"
                        .into(),
                );
                self.answer_join(peer, Frame::Refused(REFUSED_INVITE));
                return;
            };
            if let Err(mistake) = self.admit_joiner(invite, key, &join.label) {
                self.refuse(peer, Reason::Malformed, mistake.to_string());
                return;
            }
        }
        let State::Member(member) = &self.state else {
            return;
        };
        let welcome = Frame::Welcome(member.manifest.clone());
        self.answer_join(peer, welcome);
    }

    fn answer_join(&mut self, peer: PeerId, frame: Frame) {
        if let Some(it) = self.peers.get_mut(&peer) {
            it.outbox.push(frame);
        }
    }

    /// Admits a key by an invite, burns it, and keeps the words that both screens show.
    fn admit_joiner(
        &mut self,
        invite: Invite,
        key: PublicKey,
        called: &str,
    ) -> Result<(), Mistake> {
        let own = self.key();
        let event = self.event_or_mistake()?.ledger.event();
        let id = invite.id();
        let words = join_words(&invite.secret, &event.0.0, &own, &key);
        let Invite { roles, label, .. } = invite;
        let label = label.unwrap_or_else(|| called.into());
        let admit = Statement::Admit(Admit {
            key,
            roles,
            label: label.clone(),
        });
        self.state_that(&admit)?;
        self.enrol.words.insert(key, words);
        self.end_invite(id, InviteEnd::Used { key, label, words });
        Ok(())
    }

    /// The manifest arrives: from the inviter for a device that joins, from a gateway for a cloud.
    pub(super) fn on_welcome(&mut self, peer: PeerId, bytes: Vec<u8>) {
        let Ok(manifest) = decode_manifest(&bytes) else {
            self.refuse(
                peer,
                Reason::Malformed,
                "a manifest that cannot be read".into(),
            );
            return;
        };
        let event = event_id(&bytes);
        let wanted = match &self.state {
            State::Blank => {
                self.identity.cloud && manifest.cloud.contains(&self.identity.speaks_for())
            }
            State::Joining(ticket) => ticket.event == event,
            State::Member(_) => return,
        };
        if !wanted {
            self.refuse(
                peer,
                Reason::OtherEvent,
                "the manifest of another event".into(),
            );
            return;
        }
        if let State::Joining(ticket) = &self.state {
            let ticket = ticket.clone();
            self.joined_by(&ticket);
        }
        self.out.writes.push(Write::Ticket(None));
        self.out.writes.push(Write::Manifest(bytes.clone()));
        let ledger = Ledger::new(event, manifest);
        self.state = State::Member(Box::new(Member::new(bytes, ledger)));
        self.members_changed();
    }

    /// Keeps the words of this device's own join.
    pub(super) fn joined_by(&mut self, ticket: &Ticket) {
        let own = self.key();
        let words = join_words(&ticket.secret, &ticket.event.0.0, &ticket.inviter, &own);
        // With a card nobody else shows any.
        self.enrol.own_words = Some(words).filter(|_| ticket.inviter != own);
        self.enrol.join_end = None;
    }

    /// The inviter says that the invite of this device's ticket is not open: asking again is
    /// useless, so the ticket is forgotten and a person is told.
    ///
    /// Source: PROTOCOL R-JOIN-3.
    pub(super) fn on_join_refused(&mut self, peer: PeerId, reason: u32) {
        let own = self.key();
        let Some(it) = self.peers.get_mut(&peer) else {
            return;
        };
        let ticket = asks_to_join(&self.state, it, &own);
        let asks = ticket.is_some();
        if reason == REFUSED_INVITE && ticket.is_some_and(|ticket| ticket.inviter == own) {
            // It has not heard of the card yet, or is of another event: another one is asked.
            it.introduce_at_ms = u64::MAX;
            return;
        }
        match reason {
            REFUSED_INVITE if asks => {
                match &mut self.state {
                    State::Member(member) => member.ticket = None,
                    State::Blank | State::Joining(_) => self.state = State::Blank,
                }
                self.enrol.join_end = Some(JoinEnd::InviteOver);
                self.out.writes.push(Write::Ticket(None));
            }
            _ => self.on_pairing_refused(peer, reason),
        }
    }

    /// Shows an offer: whoever proves its nonce may bring this device into an event.
    ///
    /// Source: PROTOCOL R-JOIN-5.
    fn offer(&mut self, nonce: [u8; 16]) -> Result<Reply, Mistake> {
        self.begin_waiting()?;
        self.enrol.offer = Some(Shown {
            nonce,
            until_ms: self.now.mono_ms.saturating_add(OFFER_MS),
            only: None,
        });
        Ok(Reply::Waiting)
    }

    /// Forgets what this device waited for before, as far as it has no event.
    pub(super) fn begin_waiting(&mut self) -> Result<(), Mistake> {
        self.no_event_yet()?;
        if let State::Joining(_) = &self.state {
            self.state = State::Blank;
            self.out.writes.push(Write::Ticket(None));
        }
        self.enrol.offer = None;
        self.enrol.pairing = None;
        self.enrol.join_end = None;
        Ok(())
    }

    /// An owner's device proves the nonce of this device's offer: the offer is burnt, and this
    /// device asks for admission on the same connection.
    ///
    /// Source: PROTOCOL R-JOIN-5.
    pub(super) fn on_claim(&mut self, peer: PeerId, claim: &Claim) {
        let Some(it) = self.peers.get_mut(&peer) else {
            return;
        };
        let (State::Blank, Some(shown)) = (&self.state, &self.enrol.offer) else {
            // Repeated until this device asks, so it may come late; early, while a person compares.
            return;
        };
        let key = it.key;
        let meant = shown.only.is_none_or(|only| only == key);
        let holds = verify_claim_proof(
            &shown.nonce,
            &it.exporter,
            &claim.event.0.0,
            &key,
            &claim.proof,
        );
        if !meant || !holds {
            self.refuse(
                peer,
                Reason::BadProof,
                "the proof of an offer does not hold".into(),
            );
            return;
        }
        it.introduce_at_ms = 0;
        let secret = shown.nonce;
        self.ask_with(Ticket {
            event: claim.event,
            inviter: key,
            secret,
            discovery_key: claim.discovery_key,
            addresses: Vec::new(),
        });
        self.introduce();
    }

    /// Returns how far joins are, for screens.
    pub fn enrolment(&self) -> EnrolView {
        let now_ms = self.now.mono_ms;
        let offer = self.enrol.offer.as_ref();
        let member = self.member();
        let invites = member.map(|member| member.invites.values());
        EnrolView {
            words: self.enrol.own_words,
            join_end: self.enrol.join_end,
            offer: offer.map(|it| OfferView {
                left_ms: it.until_ms.saturating_sub(now_ms),
            }),
            pairing: self.enrol.pairing.as_ref().map(|it| it.view(now_ms)),
            invites: invites
                .into_iter()
                .flatten()
                .map(|it| it.view(now_ms))
                .collect(),
            ended: self.enrol.ended.iter().cloned().collect(),
        }
    }

    /// Returns the words that both screens of a member's join show; known on the two devices that
    /// took part, while their processes run.
    ///
    /// Source: PROTOCOL R-JOIN-4.
    pub fn join_words(&self, key: &PublicKey) -> Option<[u8; 4]> {
        if *key == self.key() {
            return self.enrol.own_words;
        }
        self.enrol.words.get(key).copied()
    }

    /// Returns whether a stranger is let in although this device has no event.
    pub(super) fn awaits_owner(&self) -> bool {
        self.enrol.offer.is_some() || self.enrol.pairing_runs()
    }
}

/// Returns the ticket by which this device asks a peer for admission.
pub(super) fn asks_to_join<'a>(state: &'a State, it: &Peer, own: &PublicKey) -> Option<&'a Ticket> {
    let ticket = match state {
        State::Blank => None,
        State::Joining(ticket) => Some(ticket),
        State::Member(member) => member.ticket.as_ref(),
    };
    ticket.filter(|ticket| ticket.asks(own, &it.key))
}

/// Makes the frame by which a device asks for admission on one connection.
pub(super) fn join_frame(ticket: &Ticket, it: &Peer, own: &PublicKey, label: &str) -> Frame {
    let event = ticket.event;
    Frame::Join(Join {
        event,
        proof: join_proof(&ticket.secret, &it.exporter, &event.0.0, own),
        label: label.into(),
    })
}

/// Makes the frame by which the owner's device claims a peer whose offer it knows.
pub(super) fn claim_frame(member: &Member, it: &Peer, own: &PublicKey) -> Option<Frame> {
    let mut invites = member.invites.values();
    let invite = invites.find(|invite| invite.only == Some(it.key))?;
    let event = member.ledger.event();
    Some(Frame::Claim(Claim {
        event,
        proof: claim_proof(&invite.secret, &it.exporter, &event.0.0, own),
        discovery_key: member.ledger.manifest().discovery_key,
    }))
}
