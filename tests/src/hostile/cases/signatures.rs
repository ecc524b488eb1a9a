//! Inputs 7 to 13: bytes that are signed by nobody, by somebody else, or for something else.

use tallyline_keys::{Purpose, Signature};
use tallyline_proto::model::{EventId, GrantId, Hash, LogName};
use tallyline_proto::wire::{Frame, Push, decode_entry, encode_frame};
use tallyline_simulator::liar::{above_the_order, lax_signature};
use tallyline_simulator::score;

use crate::hostile::Outcome;
use crate::hostile::bytes;
use crate::hostile::lies::{Forged, Known, entry, stated_bytes};
use crate::hostile::venue::{Node, Venue};
use crate::hostile::wait::{DEADLINE, ensure, until};
use crate::process::Broken;

/// Bytes of a push by name before its signature: kind, grant, incarnation, first sequence.
const BEFORE_SIGNATURE: usize = 1 + 32 + 8 + 1;

/// Points of small order, as they are encoded: the neutral one, and ones of order 2, 4 and 8.
const WEAK_KEYS: [[u8; 32]; 4] = [
    first_byte(1),
    [
        0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0x7f,
    ],
    first_byte(0),
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67,
        0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac,
        0x03, 0x7a,
    ],
];

/// Input 7.
pub fn encoded_otherwise() -> Result<Outcome, Broken> {
    let venue = Venue::start()?;
    let (known, grant) = liars_own(&venue)?;
    let mut link = venue.to_owner()?;
    let mut log = Forged::begin(&venue.liar, known.event(), grant, 7);
    let good = entry(score(1, 11, 700, 2));
    let signature = log.add(good.clone()).signature();
    let honest = log.push();
    for other in [over_long(&good)?, reordered(&good)?] {
        ensure(
            decode_entry(&other, &log.log) == decode_entry(&good, &log.log),
            || "the other encoding says something else".to_owned(),
        )?;
        let entries = vec![other];
        link.say(&Frame::Push(Push {
            entries,
            signature,
            ..honest.clone()
        }))?;
    }
    Venue::until_refused(&venue.owner, "bad_signature", 2)?;
    nothing_of(&venue.owner, &log.log)?;
    link.say(&Frame::Push(honest))?;
    venue.tablet.until_verdicts(11, &["counts"])?;
    venue.done("an over-long varint and reordered fields: 2 bad signatures; the original counts")
}

/// Input 8.
pub fn a_later_versions_field() -> Result<Outcome, Broken> {
    let venue = Venue::start()?;
    let (known, grant) = liars_own(&venue)?;
    let mut log = Forged::begin(&venue.liar, known.event(), grant, 8);
    let newer = [entry(score(1, 11, 700, 2)), bytes::unknown_field()].concat();
    venue
        .to_owner()?
        .say(&Frame::Push(log.add(newer.clone()).push()))?;
    until("the entry is relayed", DEADLINE, || {
        Ok(venue.tablet.known()?.height(&log.log) == 1)
    })?;
    for node in [&venue.owner, &venue.tablet] {
        let held = node.known()?;
        ensure(held.entry(&log.log, 1) == Some(&newer[..]), || {
            "the bytes changed".to_owned()
        })?;
    }
    venue.tablet.until_verdicts(11, &["counts"])?;
    venue.done("stored, relayed byte by byte, and the score that is known counts")
}

/// Input 9.
pub fn not_quite_signed() -> Result<Outcome, Broken> {
    let venue = Venue::start()?;
    let (known, grant) = liars_own(&venue)?;
    let mut link = venue.to_owner()?;
    let mut log = Forged::begin(&venue.liar, known.event(), grant, 9);
    let good = log.score(1, 11, 700).push();
    let mut off = good.clone();
    off.signature = bytes::one_bit_off(&good.signature);
    link.say(&Frame::Push(off))?;
    Venue::until_refused(&venue.owner, "bad_signature", 1)?;
    let whole = encode_frame(&Frame::Push(good));
    for bytes in [0, 63] {
        let (start, rest) = whole.split_at(BEFORE_SIGNATURE);
        let (signature, entries) = rest.split_at(64);
        let short = signature.get(..bytes).unwrap_or_default();
        link.frame(&[start, short, entries].concat())?;
    }
    until("all three are refused", DEADLINE, || {
        Ok(venue.owner.refused_at_all()? == 3)
    })?;
    nothing_of(&venue.owner, &log.log)?;
    venue.done("one bit off, none, and 63 B: three refusals, nothing stored")
}

/// Input 10.
pub fn above_the_groups_order() -> Result<Outcome, Broken> {
    signed_by_hand(10, |log, _| above_the_order(&log.signature()))
}

/// Input 11.
pub fn weak_keys() -> Result<Outcome, Broken> {
    let venue = Venue::start()?;
    let known = venue.owner.known()?;
    let owner = venue.owner.stolen_key()?;
    let members = venue.owner.members()?;
    let entries = venue.owner.entries()?;
    let mut log = Forged::begin(&owner, known.event(), GrantId::control(known.event()), 11);
    for key in WEAK_KEYS {
        let mut admit = Vec::new();
        bytes::bytes(1, &key, &mut admit);
        bytes::number(2, 1, &mut admit);
        bytes::bytes(3, b"weak", &mut admit);
        let mut body = Vec::new();
        bytes::bytes(1, &admit, &mut body);
        log.add(stated_bytes(&owner, known.event(), &body));
    }
    venue.to_owner()?.say(&Frame::Push(log.push()))?;
    venue.tablet.until_entries(entries + 4)?;
    for node in [&venue.owner, &venue.tablet] {
        let now = node.members()?;
        ensure(now == members, || format!("the members are {now:?}"))?;
    }
    venue.done("four Admits of keys of order 1, 2, 4 and 8: kept as evidence, nobody admitted")
}

/// Input 12.
pub fn small_order_r() -> Result<Outcome, Broken> {
    signed_by_hand(12, |log, venue| {
        lax_signature(venue.liar.seed(), &log.message())
    })
}

/// Input 13.
pub fn signed_for_something_else() -> Result<Outcome, Broken> {
    let venue = Venue::start()?;
    let (known, grant) = liars_own(&venue)?;
    let mut link = venue.to_owner()?;
    let event = known.event();
    let mut log = Forged::begin(&venue.liar, event, grant, 13);
    log.score(1, 11, 700);
    let mut elsewhere = Forged::begin(&venue.liar, EventId(Hash([1; 32])), grant, 13);
    let mut beside = Forged::begin(&venue.liar, event, grant, 14);
    let other_event = elsewhere.score(1, 11, 700).signature();
    let other_log = beside.score(1, 11, 700).signature();
    let other_use = venue.liar.sign(Purpose::Statement, &event.0.0, &log.body());
    for signature in [other_event, other_log, other_use] {
        link.say(&Frame::Push(log.branch().push_signed(signature)))?;
    }
    Venue::until_refused(&venue.owner, "bad_signature", 3)?;
    nothing_of(&venue.owner, &log.log)?;
    venue.done("for another event, another log, another use: 3 bad signatures, nothing stored")
}

/// Sends a log under a signature that only a lax check takes.
fn signed_by_hand(
    incarnation: u64,
    sign: impl FnOnce(&Forged<'_>, &Venue) -> Signature,
) -> Result<Outcome, Broken> {
    let venue = Venue::start()?;
    let (known, grant) = liars_own(&venue)?;
    let mut log = Forged::begin(&venue.liar, known.event(), grant, incarnation);
    log.score(1, 11, 700);
    let signature = sign(&log, &venue);
    venue
        .to_owner()?
        .say(&Frame::Push(log.branch().push_signed(signature)))?;
    Venue::until_refused(&venue.owner, "bad_signature", 1)?;
    nothing_of(&venue.owner, &log.log)?;
    venue.done("1 bad signature, nothing stored")
}

/// Returns what the owner's node knows, and the liar's grant.
fn liars_own(venue: &Venue) -> Result<(Known, GrantId), Broken> {
    let known = venue.owner.known()?;
    let grant = known.grant(&venue.liar.public())?;
    Ok((known, grant))
}

fn nothing_of(node: &Node, log: &LogName) -> Result<(), Broken> {
    let height = node.known()?.height(log);
    ensure(height == 0, || format!("{height} entries were stored"))
}

/// Writes the first field's number with one byte more than it needs.
fn over_long(entry: &[u8]) -> Result<Vec<u8>, Broken> {
    let [key, low, high, rest @ ..] = entry else {
        return Err(Broken::new("an entry too short to change"));
    };
    Ok([&[*key, *low, high | 0x80, 0x00], rest].concat())
}

/// Puts the first field last.
fn reordered(entry: &[u8]) -> Result<Vec<u8>, Broken> {
    let (first, rest) = entry
        .split_at_checked(3)
        .ok_or_else(|| Broken::new("an entry too short to change"))?;
    Ok([rest, first].concat())
}

const fn first_byte(byte: u8) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes[0] = byte;
    bytes
}
