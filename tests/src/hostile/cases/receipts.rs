//! Inputs 45 to 47: who says that something is in the cloud, and what a cloud says that lies.

use tallyline_keys::DeviceKey;
use tallyline_proto::model::EventId;
use tallyline_proto::wire::{
    Cell, CellKind, Frame, Hello, LogRef, Vector, encode_cell, log_short_id, log_tag, sign_cell,
};

use crate::hostile::Outcome;
use crate::hostile::lies::{Forged, Known, cell};
use crate::hostile::peer::{Link, Peer};
use crate::hostile::venue::{Node, Venue};
use crate::hostile::wait::{DEADLINE, ensure, until};
use crate::process::Broken;

/// A store that a liar made up.
const STORE: u64 = 0x4545;

/// How far above the truth boasts are.
const BOAST: u64 = 1_000;

/// Input 45.
pub(crate) fn false_receipts() -> Result<Outcome, Broken> {
    let venue = Venue::start()?;
    let known = venue.owner.known()?;
    let event = known.event();
    let grant = known.grant(&venue.liar.public())?;
    let mut link = venue.to_owner()?;
    let mut log = Forged::begin(&venue.liar, event, grant, 45);
    let mut hashes = Vec::new();
    for shooter in 11..=13 {
        log.score(1, shooter, 700);
        hashes.push(first_bytes(&log.hash().0));
    }
    link.say(&Frame::Push(log.push()))?;
    venue.tablet.until_verdicts(13, &["counts"])?;
    let id = log_short_id(&log.log);
    let at = |height: u64| {
        let place = usize::try_from(height - 1).unwrap_or(usize::MAX);
        let hash = hashes.get(place).copied().unwrap_or_default();
        CellKind::Receipt(vec![(id, height, hash)])
    };

    let own = cell(&venue.liar, event, (STORE, 1), at(3));
    let stolen_name = in_the_name_of(&venue.cloud, &venue.liar, event, at(3));
    link.say(&Frame::Cells(vec![own, stolen_name]))?;
    Venue::until_refused(&venue.owner, "bad_signature", 2)?;
    in_cloud(&venue.owner, 0)?;
    let unknown = CellKind::Receipt(vec![([9; 16], 5, [1; 8])]);
    let wrong_hash = CellKind::Receipt(vec![(id, 3, [1; 8])]);
    link.say(&Frame::Cells(vec![
        cell(&venue.cloud, event, (STORE, 1), unknown),
        cell(&venue.cloud, event, (STORE, 2), wrong_hash),
        cell(&venue.cloud, event, (STORE, 9), at(2)),
    ]))?;
    until("the one good receipt counts", DEADLINE, || {
        Ok(venue.owner.number("/totals/in_cloud")? == 2)
    })?;
    link.say(&Frame::Cells(vec![
        cell(&venue.cloud, event, (STORE, 3), at(1)),
        cell(
            &venue.cloud,
            event,
            (STORE, 4),
            CellKind::Receipt(Vec::new()),
        ),
    ]))?;
    let beyond = CellKind::Receipt(vec![(id, BOAST, [1; 8])]);
    link.say(&Frame::Cells(vec![cell(
        &venue.cloud,
        event,
        (STORE, 10),
        beyond,
    )]))?;
    link.say(&Frame::Push(log.score(1, 14, 700).push()))?;
    venue.owner.until_verdicts(14, &["counts"])?;
    // What the cloud holds beyond our head cannot be checked here, and rests on what is here.
    in_cloud(&venue.owner, 4)?;
    venue.done(
        "by the liar's key, also in the cloud's name: bad signature; unknown log, wrong hash, \
         older: no effect; \
         beyond our head by the cloud itself: believed for what is here",
    )
}

/// Input 46.
pub(crate) fn boasts() -> Result<Outcome, Broken> {
    let venue = Venue::start()?;
    let known = venue.owner.known()?;
    let event = known.event();
    let mut link = venue.to_owner()?;
    link.say(&Frame::Hello(hello(event)))?;
    let logs = known.ledger.logs().keys();
    let heights = logs.clone().map(|name| (log_tag(name), BOAST));
    link.say(&Frame::Have(heights.collect()))?;
    let presence = logs.map(|name| (log_short_id(name), BOAST)).collect();
    let presence = cell(&venue.liar, event, (STORE, 1), CellKind::Presence(presence));
    link.say(&Frame::Cells(vec![presence]))?;
    until("the boast is heard", DEADLINE, || {
        Ok(0 < venue.owner.number("/totals/missing_here")?)
    })?;
    in_cloud(&venue.owner, 0)?;
    venue.done(
        "heights by the liar's own word only raise what is said to exist; nothing is in the cloud",
    )
}

/// Input 47.
pub(crate) fn lying_cloud() -> Result<Outcome, Broken> {
    let key = Venue::cloud_key();
    let cloud = Peer::listening(&key)?;
    let address = cloud.address()?.to_string();
    let fingerprint = key.public().fingerprint();
    let args = [
        "--cloud",
        address.as_str(),
        "--cloud-key",
        fingerprint.as_str(),
    ];
    let venue = Venue::start_with(&args)?;
    venue.tablet.score(2, 1)?;
    venue.until_equal()?;
    let known = venue.owner.known()?;
    let event = known.event();
    let whole = known.ledger.entries();

    let mut first = cloud.accept()?;
    upload(&mut first, &known)?;
    first.close();
    let mut link = cloud.accept()?;
    upload(&mut link, &known)?;
    for part in [|all| all, |all: u64| all / 2, |all| all] {
        link.say(&haves(&known, part))?;
    }
    in_cloud(&venue.owner, 0)?;
    let half = receipt(&known, |all| all.div_ceil(2));
    let covered: u64 = known
        .ledger
        .logs()
        .values()
        .map(|log| log.height().div_ceil(2))
        .sum();
    link.say(&Frame::Cells(vec![cell(
        &key,
        event,
        (STORE, 1),
        half.clone(),
    )]))?;
    until("half of it counts", DEADLINE, || {
        Ok(venue.owner.number("/totals/in_cloud")? == covered)
    })?;
    let other_hash = known.ledger.logs().values();
    let other_hash = other_hash.map(|log| (log_short_id(log.name()), log.height(), [0xee; 8]));
    let other_hash = CellKind::Receipt(other_hash.collect());
    link.say(&Frame::Cells(vec![cell(
        &key,
        event,
        (STORE, 3),
        other_hash,
    )]))?;
    let all = cell(&key, event, (STORE, 4), receipt(&known, |all| all));
    link.say(&Frame::Cells(vec![all.clone()]))?;
    until("all of it counts", DEADLINE, || {
        Ok(whole <= venue.owner.number("/totals/in_cloud")?)
    })?;
    link.say(&Frame::Cells(vec![
        all,
        cell(&key, event, (STORE, 2), half),
    ]))?;
    // Whatever is refused after them says that they were heard.
    link.frame(&[])?;
    Venue::until_refused(&venue.owner, "malformed", 1)?;
    in_cloud(&venue.owner, whole)?;
    venue.done(
        "Haves in any order and a dead connection: nothing in the cloud; half a receipt: half; \
         another hash: no effect; repeated and late ones: no effect",
    )
}

/// Plays a cloud with an empty store until it was sent all that is known.
fn upload(link: &mut Link, known: &Known) -> Result<(), Broken> {
    link.say(&Frame::Hello(hello(known.event())))?;
    link.say(&Frame::Vector(Vector::default()))?;
    let mut missing: Vec<_> = known.ledger.logs().values().collect();
    link.hear("everything is uploaded", |frame| {
        if let Frame::Push(push) = frame {
            let count = u64::try_from(push.entries.len()).unwrap_or_default();
            let end = push.from + count - 1;
            missing.retain(|log| {
                let same = match push.log {
                    LogRef::Name(name) => name == *log.name(),
                    LogRef::Tag(tag) => tag == log.tag(),
                };
                !(same && log.height() <= end)
            });
        }
        missing.is_empty().then_some(())
    })
}

/// Returns a Have of all that is known, up to a part of each height.
fn haves(known: &Known, of: fn(u64) -> u64) -> Frame {
    let logs = known.ledger.logs().values();
    Frame::Have(logs.map(|log| (log.tag(), of(log.height()))).collect())
}

/// Returns a receipt for all that is known, up to a part of each height.
fn receipt(known: &Known, of: fn(u64) -> u64) -> CellKind {
    let logs = known.ledger.logs().values().filter_map(|log| {
        let height = of(log.height());
        let hash = first_bytes(&log.chain_at(height)?.0.0);
        Some((log_short_id(log.name()), height, hash))
    });
    CellKind::Receipt(logs.collect())
}

/// Signs a cell with one key in the name of another.
fn in_the_name_of(name: &DeviceKey, signer: &DeviceKey, event: EventId, kind: CellKind) -> Vec<u8> {
    let cell = Cell {
        store: STORE,
        counter: 1,
        wall_ms: 1,
        near: Vec::new(),
        kind,
    };
    let mut signed = sign_cell(signer, event, cell);
    signed.signer = name.public();
    encode_cell(&signed)
}

fn in_cloud(node: &Node, expected: u64) -> Result<(), Broken> {
    let shown = node.number("/totals/in_cloud")?;
    ensure(shown == expected, || {
        format!("{shown} are shown in the cloud, not {expected}")
    })
}

fn hello(event: EventId) -> Hello {
    Hello {
        version: 1,
        event_tag: first_bytes(&event.0.0),
        state: [0; 16],
        store: STORE,
        answer: false,
        receipts: 0,
        clock_ms: 0,
    }
}

fn first_bytes(hash: &[u8; 32]) -> [u8; 8] {
    let mut first = [0; 8];
    first.copy_from_slice(hash.split_at(8).0);
    first
}
