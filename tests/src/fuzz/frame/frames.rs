//! Frames drawn from bytes: raw ones, and ones of each kind that fit the scene more or less.

use tallyline_keys::{SealKey, join_proof};
use tallyline_proto::{
    log::Log,
    model::{
        Admit, DrillNo, GrantId, Hash, KeyId, LogName, Person, Roles, ShooterNo, SquadNo, Statement,
    },
    wire::{
        Ask, AskId, CLAIM_MINUTES_MAX, Cell, CellKind, Denial, Denied, Fork, Frame, Hello, Join,
        KeyAsk, Keys, LogRef, LogTag, Push, Share, Vector, Wish, encode_cell, encode_frame,
        encode_signed, hash, log_short_id, log_tag, sign_cell, sign_statement,
    },
};

use super::Scene;
use crate::fuzz::{
    branch::Branch,
    bytes::Bytes,
    venue::{OWNER, SECRET, device, public, venue},
};

/// Draws what a peer says; `None` if there is nothing that it could say.
pub(super) fn draw(scene: &mut Scene, who: u8, bytes: &mut Bytes<'_>) -> Option<Vec<u8>> {
    let frame = match bytes.below(16) {
        0 => return Some(bytes.run().to_vec()),
        1 => Frame::Hello(hello(scene, bytes)),
        2 => Frame::Vector(vector(scene, bytes)),
        3 => Frame::Have(heights(scene, bytes)),
        4 => Frame::Want(heights(scene, bytes)),
        5..=7 => push(scene, bytes)?,
        8 => Frame::Fork(fork(scene, bytes)?),
        9 => Frame::Cells(vec![cell(scene, who, bytes); 1 + bytes.below(3)]),
        10 => Frame::Present(present(scene, who, bytes)),
        11 => Frame::Join(join(who, bytes)),
        12 => Frame::Welcome(venue().manifest_bytes.clone()),
        13 => Frame::Ask(ask(scene, bytes)),
        14 => Frame::Denied(denied(bytes)),
        _ => match bytes.below(4) {
            0 => Frame::KeyAsk(KeyAsk::new([KeyId(bytes.array()), KeyId([1; 8])])),
            1 => Frame::Keys(keys(bytes)),
            _ => Frame::Refused(u32::from(bytes.byte())),
        },
    };
    Some(encode_frame(&frame))
}

/// Keys that nobody asked for, of people who may be on the roster.
fn keys(bytes: &mut Bytes<'_>) -> Keys {
    let share = Share {
        person: Person::Shooter(ShooterNo(u32::from(bytes.byte()).max(1))),
        readers: Roles(u32::from(bytes.byte()) << 4),
        key: SealKey::from_bytes(bytes.array()),
    };
    Keys {
        heard: bytes.number(),
        keys: vec![share; bytes.below(4)],
    }
}

fn hello(scene: &Scene, bytes: &mut Bytes<'_>) -> Hello {
    let mut it = Hello {
        version: if bytes.byte() == 255 { 2 } else { 1 },
        event_tag: [0; 8],
        state: bytes.array(),
        store: bytes.number(),
        answer: bytes.flag(),
        receipts: bytes.number(),
        clock_ms: 0,
    };
    if bytes.byte() != 255 {
        it.event_tag
            .copy_from_slice(venue().event.0.0.split_at(8).0);
    }
    if bytes.flag() {
        it.state
            .copy_from_slice(scene.replica.state_digest().split_at(16).0);
    }
    it
}

/// Something that is wanted of this device as a desk, often again.
fn ask(scene: &Scene, bytes: &mut Bytes<'_>) -> Ask {
    let id = AskId {
        start: u64::from(bytes.byte()),
        number: u32::from(bytes.byte()).max(1),
    };
    let wish = if bytes.flag() {
        Wish::Borrow {
            drill: DrillNo(u32::from(bytes.byte()).max(1)),
            squad: SquadNo(u32::from(bytes.byte()).max(1)),
            minutes: u32::from(bytes.byte()).clamp(1, CLAIM_MINUTES_MAX),
        }
    } else {
        let names = scene.writers.branches.iter().map(|it| *it.log.name());
        let names: Vec<LogName> = names.collect();
        let name = bytes.pick(&names).copied();
        Wish::GiveBack {
            grant: name.map_or(GrantId(Hash(bytes.array())), |it| it.grant),
            logs: name
                .map(|it| (it.incarnation, bytes.number()))
                .into_iter()
                .collect(),
        }
    };
    Ask { id, wish }
}

/// A no to something that may never have been asked.
fn denied(bytes: &mut Bytes<'_>) -> Denied {
    let id = AskId {
        start: bytes.number(),
        number: u32::from(bytes.byte()).max(1),
    };
    let why = if bytes.flag() {
        Denial::Held {
            holder: public(OWNER),
            until_ms: Some(bytes.number()),
        }
    } else {
        Denial::Other(u32::from(bytes.byte()))
    };
    Denied { id, why }
}

/// Heights of logs that are here or were written, and of one that is nowhere.
fn heights(scene: &Scene, bytes: &mut Bytes<'_>) -> Vec<(LogTag, u64)> {
    let written = scene
        .writers
        .branches
        .iter()
        .map(|it| log_tag(it.log.name()));
    let mut tags: Vec<LogTag> = written.collect();
    tags.push([9; 5]);
    let count = bytes.below(8);
    let drawn = (0..count).filter_map(|_| Some((*bytes.pick(&tags)?, bytes.number())));
    drawn.collect()
}

fn vector(scene: &Scene, bytes: &mut Bytes<'_>) -> Vector {
    let logs = heights(scene, bytes);
    let doubts = bytes.flag();
    let hashes = logs
        .iter()
        .filter(|_| doubts)
        .map(|_| bytes.array())
        .collect();
    Vector {
        logs,
        hashes,
        answer: bytes.flag(),
    }
}

/// The next entries of a log, or of a second branch, or those of a branch from anywhere again.
fn push(scene: &mut Scene, bytes: &mut Bytes<'_>) -> Option<Frame> {
    let chunk = scene.writers.write(bytes)?;
    let log = if bytes.flag() {
        LogRef::Tag(log_tag(&chunk.log))
    } else {
        LogRef::Name(chunk.log)
    };
    Some(Frame::Push(Push {
        log,
        from: if bytes.byte() == 255 {
            bytes.number().max(1)
        } else {
            chunk.from
        },
        entries: chunk.entries,
        signature: chunk.signature,
    }))
}

/// A proof of a fork between two branches of one name; now and then it proves nothing.
fn fork(scene: &mut Scene, bytes: &mut Bytes<'_>) -> Option<Fork> {
    let one = bytes.pick(&scene.writers.branches)?.clone();
    let others = scene
        .writers
        .branches
        .iter()
        .filter(|it| it.log.name() == one.log.name());
    let others: Vec<&Branch> = others.collect();
    let two = (*bytes.pick(&others)?).clone();
    let differs = |(seq, record): (u64, &tallyline_proto::log::Record)| {
        let other = two.log.record(seq);
        (other.map(|it| &it.bytes) != Some(&record.bytes)).then_some(seq)
    };
    let from = one.log.records().find_map(differs).unwrap_or(1);
    let from = if bytes.byte() == 255 {
        bytes.number()
    } else {
        from
    };
    let mut branches = [&one, &two].map(|it| tail(it, from));
    branches
        .sort_by_key(|(entries, _)| hash("entry", &[entries.first().map_or(&[], Vec::as_slice)]));
    let [(left, left_signature), (right, right_signature)] = branches;
    Some(Fork {
        log: *one.log.name(),
        from,
        prefix: one.log.chain_at(from.saturating_sub(1))?.0,
        left,
        left_signature,
        right,
        right_signature,
    })
}

/// The entries of a branch from a sequence on, and its signed end.
fn tail(branch: &Branch, from: u64) -> (Vec<Vec<u8>>, tallyline_keys::Signature) {
    let log: &Log = &branch.log;
    let entries = log.records().filter(|(seq, _)| from <= *seq);
    let entries = entries.map(|(_, it)| it.bytes.clone()).collect();
    let end = (log.height(), log.chain());
    let key = device(branch.who);
    (
        entries,
        tallyline_proto::log::sign_head(key, venue().event, log.name(), end),
    )
}

fn cell(scene: &Scene, who: u8, bytes: &mut Bytes<'_>) -> Vec<u8> {
    let names: Vec<_> = scene.writers.branches.iter().collect();
    let drawn = (0..bytes.below(4)).filter_map(|_| {
        let log = &bytes.pick(&names)?.log;
        let height = bytes.number();
        let chain = log.chain_at(height).map_or([1; 32], |it| it.0.0);
        let mut short = [0; 8];
        short.copy_from_slice(chain.split_at(8).0);
        Some((log_short_id(log.name()), height, short))
    });
    let logs: Vec<_> = drawn.collect();
    let kind = if bytes.flag() {
        CellKind::Receipt(logs)
    } else {
        CellKind::Presence(
            logs.into_iter()
                .map(|(id, height, _)| (id, height))
                .collect(),
        )
    };
    let cell = Cell {
        store: bytes.number(),
        counter: bytes.number(),
        wall_ms: i64::from(bytes.short()),
        near: vec![bytes.array(); bytes.below(3)],
        kind,
    };
    encode_cell(&sign_cell(device(who), venue().event, cell))
}

fn present(scene: &mut Scene, who: u8, bytes: &mut Bytes<'_>) -> Vec<u8> {
    let signer = if bytes.flag() { who } else { OWNER };
    if signer == OWNER {
        scene.shown.insert(who);
    }
    let admit = Statement::Admit(Admit {
        key: public(who),
        roles: Roles(u32::from(bytes.byte())),
        label: "Presented".to_owned(),
    });
    encode_signed(&sign_statement(device(signer), venue().event, &admit))
}

fn join(who: u8, bytes: &mut Bytes<'_>) -> Join {
    let secret = if bytes.byte() == 255 {
        bytes.array()
    } else {
        SECRET
    };
    let event = venue().event;
    Join {
        event,
        proof: join_proof(&secret, &[who; 32], &event.0.0, &public(who)),
        label: "Joiner".to_owned(),
    }
}
