//! What a liar knows of an event, and the logs, statements and cells that it signs.
//!
//! It knows all that a node holds, and some secrets: its own key and whichever key a case puts into
//! its hands. Every entry is made by the product's own encoders unless the case changes bytes
//! afterwards. Layer: above `bytes`, below `venue`.

use tallyline_keys::{DeviceKey, PublicKey, Purpose, Signature};
use tallyline_proto::log::{Chain, Ledger, sign_head};
use tallyline_proto::model::{
    Admit, Assign, Body, CellSet, Close, CloseReason, Cut, DrillNo, Entry, EventId, GrantId, Hash,
    Incarnation, LogName, Open, Predecessor, Roles, SquadNo, Statement,
};
use tallyline_proto::wire::{
    Cell, CellKind, Frame, LogRef, Push, decode_bundle, encode_cell, encode_entry, encode_signed,
    sign_cell, sign_statement,
};
use tallyline_simulator::score;

use crate::process::Broken;

/// Milliseconds between two entries of a liar, where the case does not say otherwise.
const STEP_MS: i64 = 1_000;

/// All that a node holds of its event.
#[derive(Debug)]
pub struct Known {
    /// Logs, statements and proofs.
    pub ledger: Ledger,
    /// Every frame of the bundle, in its order.
    pub frames: Vec<Frame>,
}

/// A log that is being forged: entries, their chain, and who signs.
#[derive(Debug)]
pub struct Forged<'a> {
    key: &'a DeviceKey,
    event: EventId,
    /// The log's name.
    pub log: LogName,
    chain: Chain,
    height: u64,
    fresh: Vec<Vec<u8>>,
}

impl Known {
    /// Reads a bundle.
    ///
    /// # Errors
    /// If it cannot be read or does not begin with a manifest.
    pub fn read(bundle: &[u8]) -> Result<Self, Broken> {
        let frames = decode_bundle(bundle).map_err(Broken::of)?;
        let Some(Frame::Welcome(manifest)) = frames.first() else {
            return Err(Broken::new("a bundle without a manifest"));
        };
        let event = tallyline_proto::wire::event_id(manifest);
        let manifest = tallyline_proto::wire::decode_manifest(manifest).map_err(Broken::of)?;
        let mut ledger = Ledger::new(event, manifest);
        for frame in &frames {
            if let Frame::Push(push) = frame
                && let LogRef::Name(name) = push.log
            {
                let taken = ledger.take(name, push.from, &push.entries, &push.signature);
                taken.map_err(|why| Broken::new(format!("{name:?}: {why:?}")))?;
            }
        }
        Ok(Self { ledger, frames })
    }

    /// Returns the event.
    pub fn event(&self) -> EventId {
        self.ledger.event()
    }

    /// Returns the open grant of a key.
    ///
    /// # Errors
    /// If it has none.
    pub fn grant(&self, key: &PublicKey) -> Result<GrantId, Broken> {
        let mut grants = self.ledger.authority().grants().iter();
        let open = grants.find(|(_, grant)| grant.key == *key && grant.end.is_none());
        let open = open.map(|(id, _)| *id);
        open.ok_or_else(|| Broken::new("the key holds no open grant"))
    }

    /// Returns the Admit of a key.
    ///
    /// # Errors
    /// If it is no member.
    pub fn admit(&self, key: &PublicKey) -> Result<GrantId, Broken> {
        let members = self.ledger.authority().members();
        let member = members.get(key).map(|member| member.admit);
        member.ok_or_else(|| Broken::new("the key is no member"))
    }

    /// Returns the bytes of an entry.
    pub fn entry(&self, log: &LogName, seq: u64) -> Option<&[u8]> {
        let record = self.ledger.logs().get(log)?.record(seq)?;
        Some(&record.bytes)
    }

    /// Returns the height of a log; 0 if it is not here.
    pub fn height(&self, log: &LogName) -> u64 {
        let log = self.ledger.logs().get(log);
        log.map_or(0, tallyline_proto::log::Log::height)
    }
}

impl<'a> Forged<'a> {
    /// Begins a log under a grant.
    pub fn begin(key: &'a DeviceKey, event: EventId, grant: GrantId, incarnation: u64) -> Self {
        let log = LogName {
            grant,
            incarnation: Incarnation(incarnation),
        };
        Self {
            chain: Chain::start(event, &log, &key.public()),
            key,
            event,
            log,
            height: 0,
            fresh: Vec::new(),
        }
    }

    /// Begins another branch of this log from where it stands.
    #[must_use]
    pub fn branch(&self) -> Self {
        Self {
            key: self.key,
            event: self.event,
            log: self.log,
            chain: self.chain,
            height: self.height,
            fresh: self.fresh.clone(),
        }
    }

    /// Adds an entry.
    pub fn add(&mut self, entry: Vec<u8>) -> &mut Self {
        self.chain = self.chain.link(&entry);
        self.height += 1;
        self.fresh.push(entry);
        self
    }

    /// Adds a complete score.
    pub fn score(&mut self, drill: u32, shooter: u32, centis: u32) -> &mut Self {
        self.add(entry(score(drill, shooter, centis, 2)))
    }

    /// Returns the height.
    pub fn height(&self) -> u64 {
        self.height
    }

    /// Returns the chain hash at the end.
    pub fn hash(&self) -> Hash {
        self.chain.0
    }

    /// Returns the head's signature, as it must be.
    pub fn signature(&self) -> Signature {
        self.signature_of(self.key)
    }

    /// Returns the head's signature by another key.
    pub fn signature_of(&self, key: &DeviceKey) -> Signature {
        sign_head(key, self.event, &self.log, (self.height, self.chain))
    }

    /// Returns the head's message as R-SIGN-1 lays it out, for signatures made by hand.
    pub fn message(&self) -> Vec<u8> {
        let mut message = Purpose::Head.label().to_vec();
        message.extend_from_slice(&self.event.0.0);
        message.extend_from_slice(&self.body());
        message
    }

    /// Returns what a head signs.
    pub fn body(&self) -> Vec<u8> {
        let log = &self.log;
        [
            &log.grant.0.0[..],
            &log.incarnation.0.to_le_bytes(),
            &self.height.to_le_bytes(),
            &self.chain.0.0,
        ]
        .concat()
    }

    /// Returns a cut at the end.
    pub fn cut(&self) -> Cut {
        Cut {
            incarnation: self.log.incarnation,
            height: self.height,
            hash: self.chain.0,
            signature: self.signature(),
        }
    }

    /// Takes the entries since the last push, well signed.
    pub fn push(&mut self) -> Push {
        let signature = self.signature();
        self.push_signed(signature)
    }

    /// Takes the entries since the last push under a signature of the caller's.
    pub fn push_signed(&mut self, signature: Signature) -> Push {
        let entries = std::mem::take(&mut self.fresh);
        let count = u64::try_from(entries.len()).unwrap_or(u64::MAX);
        Push {
            log: LogRef::Name(self.log),
            from: self.height - count + 1,
            entries,
            signature,
        }
    }
}

/// Returns an entry with this body.
pub fn entry(body: Body) -> Vec<u8> {
    entry_at(body, STEP_MS)
}

/// Returns an entry with this body, so many milliseconds after the one before.
pub fn entry_at(body: Body, at_delta_ms: i64) -> Vec<u8> {
    succeeding(body, at_delta_ms, Vec::new())
}

/// Returns a first entry that names predecessors.
pub fn succeeding(body: Body, at_delta_ms: i64, succession: Vec<Predecessor>) -> Vec<u8> {
    let entry = Entry {
        at_delta_ms,
        revision: 1,
        succession,
        body,
    };
    encode_entry(&entry, None)
}

/// Returns a control entry with a statement that a key signs.
pub fn stated(key: &DeviceKey, event: EventId, statement: &Statement) -> Vec<u8> {
    let signed = sign_statement(key, event, statement);
    entry(Body::Statement(encode_signed(&signed)))
}

/// Returns a control entry with a statement whose body no encoder writes.
pub fn stated_bytes(key: &DeviceKey, event: EventId, body: &[u8]) -> Vec<u8> {
    entry(Body::Statement(signed_bytes(key, event, body)))
}

/// Returns the exact bytes of a signed statement whose body no encoder writes.
pub fn signed_bytes(key: &DeviceKey, event: EventId, body: &[u8]) -> Vec<u8> {
    let signature = key.sign(Purpose::Statement, &event.0.0, body);
    encode_signed(&tallyline_proto::wire::SignedStatement {
        body: body.to_vec(),
        signer: key.public(),
        signature,
    })
}

/// Returns an Admit of a scorer.
pub fn admit(key: PublicKey, label: &str) -> Statement {
    Statement::Admit(Admit {
        key,
        roles: Roles::SCORER,
        label: label.to_owned(),
    })
}

/// Returns an Assign that opens grants: whose, and for which squads of all drills.
pub fn opening(opens: &[(PublicKey, u32)]) -> Statement {
    assign(Vec::new(), opens)
}

/// Returns an Assign that closes grants and opens others.
pub fn assign(closes: Vec<Close>, opens: &[(PublicKey, u32)]) -> Statement {
    let opens = opens.iter().map(|(key, squad)| Open {
        key: *key,
        cells: CellSet {
            drills: None,
            squads: Some(vec![SquadNo(*squad)]),
        },
        until_ms: None,
    });
    Statement::Assign(Assign {
        closes,
        opens: opens.collect(),
        under: None,
    })
}

/// Returns the end of a grant.
pub fn close(grant: GrantId, reason: CloseReason, cuts: Vec<Cut>) -> Close {
    Close {
        grant,
        cuts,
        reason,
    }
}

/// Signs a cell of a store and counter.
pub fn cell(
    key: &DeviceKey,
    event: EventId,
    (store, counter): (u64, u64),
    kind: CellKind,
) -> Vec<u8> {
    let cell = Cell {
        store,
        counter,
        wall_ms: i64::try_from(counter).unwrap_or(i64::MAX),
        near: Vec::new(),
        kind,
    };
    encode_cell(&sign_cell(key, event, cell))
}

/// Returns the number of a drill, for a case's own bodies.
pub fn drill(no: u32) -> DrillNo {
    DrillNo(no)
}
