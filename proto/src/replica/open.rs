//! Reading a stored event back.

use alloc::{collections::BTreeMap, format, string::String, vec::Vec};
use core::fmt;

use tallyline_keys::planted::{Fault, is};

use super::{
    Identity, Now, Replica, Stored, StoredLog,
    core::{Out, State},
    enrol::Enrolment,
    invite::Invite,
    member::Member,
};
use crate::{
    log::{Chunk, Ledger},
    model::{GrantId, Incarnation},
    wire::{
        Frame, LogRef, decode_cell, decode_fork, decode_frame, decode_key, decode_manifest,
        decode_ticket, event_id,
    },
};

/// Why a store's content does not hold; the file is to be moved aside and fetched from peers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage(pub String);

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl core::error::Error for Damage {}

impl Replica {
    /// Reads a stored event back. `incarnation` is 64 random bits, drawn for this start.
    ///
    /// # Errors
    /// If what is stored does not hold: a chain or signature is broken.
    ///
    /// Source: PROTOCOL R-STORE-4, R-LOG-2.
    pub fn open(
        identity: Identity,
        stored: Stored,
        incarnation: Incarnation,
    ) -> Result<Self, Damage> {
        let state = restore(&identity, stored)?;
        let incarnation = if is(Fault::NoIncarnation) {
            Incarnation(identity.store)
        } else {
            incarnation
        };
        let mut replica = Self {
            identity,
            incarnation,
            now: Now {
                mono_ms: 0,
                wall_ms: 0,
            },
            state,
            peers: BTreeMap::new(),
            last_heard_ms: BTreeMap::new(),
            clocks_ahead_ms: BTreeMap::new(),
            refusals: BTreeMap::new(),
            enrol: Enrolment::default(),
            free_bytes: None,
            out: Out::default(),
        };
        replica.members_changed();
        replica.settle_keys();
        replica.look_at_keys();
        Ok(replica)
    }
}

/// Reads the branches of forks back that are not the one held as the log.
fn restore_displaced(ledger: &mut Ledger, displaced: &[Vec<u8>]) {
    for bytes in displaced {
        if let Ok(Some(Frame::Push(push))) = decode_frame(bytes)
            && let LogRef::Name(name) = push.log
        {
            let chunk = Chunk {
                from: push.from,
                entries: push.entries,
                signature: push.signature,
            };
            ledger.restore_displaced(name, chunk);
        }
    }
}

/// Reads all logs back. Who writes a log follows from statements in others, so the logs are gone
/// through, those of the manifest's owner first, until none is left.
fn restore_logs(ledger: &mut Ledger, mut logs: Vec<StoredLog>) -> Result<(), Damage> {
    let control = GrantId::control(ledger.event());
    logs.sort_by_key(|log| log.name.grant != control);
    while !logs.is_empty() {
        let count = logs.len();
        let mut later = Vec::new();
        for log in logs {
            let name = log.name;
            let damage = |height: u64| {
                let (incarnation, grant) = (name.incarnation.0, name.grant.uuid());
                Damage(format!("log {incarnation} of grant {grant} at {height}"))
            };
            if !ledger.knows(&name, &log.entries) {
                later.push(log);
                continue;
            }
            ledger
                .restore(name, log.entries, &log.heads)
                .map_err(damage)?;
        }
        if let (true, Some(log)) = (later.len() == count, later.first()) {
            let grant = log.name.grant.uuid();
            return Err(Damage(format!("nobody is known who wrote under {grant}")));
        }
        logs = later;
    }
    Ok(())
}

fn restore(identity: &Identity, stored: Stored) -> Result<State, Damage> {
    let Some(manifest_bytes) = stored.manifest else {
        return match stored.ticket {
            None => Ok(State::Blank),
            Some(bytes) => decode_ticket(&bytes)
                .map(State::Joining)
                .map_err(|error| Damage(format!("the stored ticket: {error}"))),
        };
    };
    let manifest = decode_manifest(&manifest_bytes)
        .map_err(|error| Damage(format!("the stored manifest: {error}")))?;
    let event = event_id(&manifest_bytes);
    let mut ledger = Ledger::new(event, manifest);
    // First: who wrote a log may be said on a branch that was displaced.
    restore_displaced(&mut ledger, &stored.displaced);
    restore_logs(&mut ledger, stored.logs)?;
    for bytes in stored.forks.iter().filter(|_| !is(Fault::ForgetFork)) {
        // A proof rests on the grants; one that does not hold without those of a forked control
        // log says nothing, and is no damage of the store.
        if let Ok(fork) = decode_fork(bytes) {
            let _known = ledger.take_fork(&fork);
        }
    }
    let mut member = Member::new(manifest_bytes, ledger);
    if let Some(bytes) = stored.ticket {
        let ticket = decode_ticket(&bytes);
        member.ticket =
            Some(ticket.map_err(|error| Damage(format!("the stored ticket: {error}")))?);
    }
    for bytes in &stored.cells {
        let Ok(Some(cell)) = decode_cell(bytes) else {
            continue;
        };
        if cell.signer == identity.key.public() {
            member.cell_counter = member.cell_counter.max(cell.cell.counter);
        }
        member.keep_cell(cell);
    }
    for (id, bytes) in &stored.invites {
        let invite =
            Invite::decode(bytes).map_err(|error| Damage(format!("an invite: {error}")))?;
        // One of an older version knew no time and is over; its row goes with the next store.
        if let Some(invite) = invite {
            member.invites.insert(*id, invite);
        }
    }
    for row in &stored.keys {
        let (share, origin) =
            decode_key(row).map_err(|error| Damage(format!("the keyring: {error}")))?;
        member.ring.keep(share.id(event), share, origin);
    }
    Ok(State::Member(alloc::boxed::Box::new(member)))
}
