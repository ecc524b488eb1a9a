//! How a device becomes a member: invites, tickets, and the answers to both.
//!
//! The owner's device, or a deputy's, keeps open invites and admits whoever proves the secret of one; the other
//! keeps a ticket and asks whenever it meets the inviter. Knows neither how a ticket travels nor
//! what a screen shows. Layer: replica.

use alloc::{
    boxed::Box,
    string::{String, ToString as _},
    vec::Vec,
};

use tallyline_keys::verify_join_proof;

use super::{
    Notice, PeerId, Reason, Replica, Reply, Write, command::sayable, core::State, member::Member,
    peer::Peer,
};
use crate::{
    log::Ledger,
    model::{Admit, Roles, Statement, Ticket},
    rules::{Code, Mistake},
    wire::{Frame, Join, WireError, decode_manifest, encode_ticket, event_id, fixed, hash},
};

/// Most open invites: more are an accident.
const INVITES_MAX: usize = 64;

/// An invite that one device may use once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Invite {
    pub(super) secret: [u8; 16],
    pub(super) roles: Roles,
    pub(super) label: Option<String>,
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
            }
            return Ok(Reply::Joining);
        }
        self.no_event_yet()?;
        self.out
            .writes
            .push(Write::Ticket(Some(encode_ticket(&ticket))));
        let discovery_key = ticket.discovery_key;
        self.state = State::Joining(ticket);
        self.out
            .released
            .notices
            .push(Notice::Discover { discovery_key });
        Ok(Reply::Joining)
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
    ) -> Result<Reply, Mistake> {
        let inviter = self.key();
        let member = self.speaking_for(Roles::DEPUTY)?;
        member.may_admit(&inviter, roles)?;
        if let Some(label) = label.clone() {
            let key = inviter;
            sayable(&Statement::Admit(Admit { key, roles, label }))?;
        }
        if INVITES_MAX <= member.invites.len() {
            return Err(Mistake::new(
                Code::E21,
                "64 invites are open already. Let devices use them first.".into(),
            ));
        }
        let invite = Invite {
            secret,
            roles,
            label,
        };
        let id = invite.id();
        let ticket = Ticket {
            event: member.ledger.event(),
            inviter,
            secret,
            discovery_key: member.ledger.manifest().discovery_key,
            addresses: Vec::new(),
        };
        let bytes = Some(invite.encode());
        member.invites.insert(id, invite);
        self.out.writes.push(Write::Invite { id, bytes });
        Ok(Reply::Invited(ticket))
    }

    /// Admits whoever proves the secret of an open invite, which is burnt in the same step.
    ///
    /// Source: PROTOCOL R-JOIN-2.
    pub(super) fn on_join(&mut self, peer: PeerId, join: &Join) {
        let own = self.identity.key.public();
        let Some(it) = self.peers.get(&peer) else {
            return;
        };
        let (key, exporter) = (it.key, it.exporter);
        let State::Member(member) = &mut self.state else {
            return;
        };
        let event = member.ledger.event();
        if join.event != event {
            self.refuse(peer, Reason::OtherEvent, "a join of another event".into());
            return;
        }
        if !member.ledger.authority().members().contains_key(&key) {
            let invite = member.invites.values().find(|invite| {
                verify_join_proof(&invite.secret, &exporter, &event.0.0, &key, &join.proof)
            });
            let invite = invite.cloned();
            let invite = invite.filter(|it| member.may_admit(&own, it.roles).is_ok());
            let Some(invite) = invite else {
                self.refuse(
                    peer,
                    Reason::BadProof,
                    "the proof of an invite does not hold".into(),
                );
                return;
            };
            let id = invite.id();
            let Invite { roles, label, .. } = invite;
            let label = label.unwrap_or_else(|| join.label.clone());
            let admit = Statement::Admit(Admit { key, roles, label });
            if let Err(mistake) = self.state_that(&admit) {
                self.refuse(peer, Reason::Malformed, mistake.to_string());
                return;
            }
            self.out.writes.push(Write::Invite { id, bytes: None });
            let State::Member(member) = &mut self.state else {
                return;
            };
            member.invites.remove(&id);
        }
        let State::Member(member) = &self.state else {
            return;
        };
        let manifest = member.manifest.clone();
        let Some(it) = self.peers.get_mut(&peer) else {
            return;
        };
        it.outbox.push(Frame::Welcome(manifest));
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
            State::Blank => self.identity.cloud && manifest.cloud.contains(&self.key()),
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
        self.out.writes.push(Write::Ticket(None));
        self.out.writes.push(Write::Manifest(bytes.clone()));
        let ledger = Ledger::new(event, manifest);
        self.state = State::Member(Box::new(Member::new(bytes, ledger)));
        self.members_changed();
    }
}

impl Invite {
    pub(super) fn id(&self) -> [u8; 16] {
        let name = hash("invite", &[&self.secret]);
        let mut id = [0; 16];
        id.copy_from_slice(name.0.split_at(16).0);
        id
    }

    /// Layout: secret 16, roles 4 (little end first), label.
    pub(super) fn encode(&self) -> Vec<u8> {
        let label = self.label.as_deref().unwrap_or("");
        [
            &self.secret[..],
            &self.roles.0.to_le_bytes(),
            label.as_bytes(),
        ]
        .concat()
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, WireError> {
        let Some((start, label)) = bytes.split_at_checked(20) else {
            return Err(WireError::Malformed);
        };
        let (secret, roles) = start.split_at(16);
        let label = core::str::from_utf8(label).map_err(|_| WireError::Malformed)?;
        Ok(Self {
            secret: fixed(secret, "secret")?,
            roles: Roles(u32::from_le_bytes(fixed(roles, "roles")?)),
            label: (!label.is_empty()).then(|| label.into()),
        })
    }
}

/// Returns the ticket by which this device asks a peer for admission.
pub(super) fn asks_to_join<'a>(state: &'a State, it: &Peer) -> Option<&'a Ticket> {
    let ticket = match state {
        State::Blank => None,
        State::Joining(ticket) => Some(ticket),
        State::Member(member) => member.ticket.as_ref(),
    };
    ticket.filter(|ticket| ticket.inviter == it.key)
}
